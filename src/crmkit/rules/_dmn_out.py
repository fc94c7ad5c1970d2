"""XML being written: a tree, and its text."""

import re
from collections.abc import Iterable

import attrs

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
_IN_TEXT = str.maketrans({key: _ESCAPES[key] for key in "&<>\r"})
_IN_ATTRIBUTE = str.maketrans({**_ESCAPES, "\n": "&#10;", "\t": "&#9;"})


@attrs.define
class Out:
    """One element: its name, attributes, children, and text."""

    tag: str
    attributes: dict[str, str] = attrs.field(factory=dict[str, str])
    children: list["Out"] = attrs.field(factory=list["Out"])
    text: str = ""

    def lines(self, indent: str = "") -> Iterable[str]:
        """The lines of its text."""
        attributes = "".join(f' {key}="{value.translate(_IN_ATTRIBUTE)}"' for key, value in self.attributes.items())
        if not self.children:
            inside = self.text.translate(_IN_TEXT)
            yield (
                f"{indent}<{self.tag}{attributes}>{inside}</{self.tag}>"
                if inside
                else f"{indent}<{self.tag}{attributes}/>"
            )
            return
        yield f"{indent}<{self.tag}{attributes}>"
        for child in self.children:
            yield from child.lines(f"{indent}  ")
        yield f"{indent}</{self.tag}>"


def out(tag: str, *children: Out | None, text: str = "", **attributes: str) -> Out:
    """An element; attributes and children that say nothing are left out."""
    kept = {key: value for key, value in attributes.items() if value}
    return Out(tag, kept, [child for child in children if child is not None], text)


def of_text(tag: str, text: str, **attributes: str) -> Out:
    """An element around a FEEL text."""
    return out(tag, out("text", text=text), **attributes)


def escaped(text: str) -> str:
    """A FEEL text whose characters that XML has none of are escaped, as FEEL does inside strings."""
    return _FORBIDDEN.sub(lambda found: f"\\u{ord(found.group()):04X}", text)


def sayable(text: str) -> bool:
    """Whether XML can say a text at all."""
    return _FORBIDDEN.search(text) is None
