r"""What somebody wrote, as a part of a Markdown document: it reads as it was written and changes nothing around it.

>>> print(escaped("# 1 | *all* <b>"))
\# 1 \| \*all\* \<b\>
>>> print(table([["who", "what"], ["wei", "a | b"]]))
| who | what |
| --- | --- |
| wei | a \| b |
"""

import re
from collections.abc import Sequence

__all__ = ["escaped", "escaped_lines", "table"]

_SYNTAX = re.compile(r"([\\`*_{}\[\]<>|&~!]|^#)")
# What begins a list or underlines a heading where it begins a line.
_BEGINS = re.compile(r"^(\d*)(?=[-+=.)])")


def escaped(text: str, *, begins: bool = False) -> str:
    """A text in one line.

    Args:
        text: the text.
        begins: whether it stands at the beginning of a line, or right after the sign of an item, and not after a label,
            the sign of a heading or a bar.
    """
    line = _SYNTAX.sub(r"\\\1", " ".join(text.split()))
    return _BEGINS.sub(r"\1\\", line) if begins else line


def escaped_lines(text: str) -> list[str]:
    r"""The lines of a text, blanks and all, to stand after something else each: the sign of a quotation.

    >>> print(*(f"> {line}" for line in escaped_lines("as follows:\n  [x] on time")), sep="\n")
    > as follows:
    >   \[x\] on time
    """
    return [_SYNTAX.sub(r"\\\1", line) for line in text.splitlines()]


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table of texts.

    Args:
        rows: the names of the columns, and the rows; all of one length, at least one.
    """
    lines = [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
