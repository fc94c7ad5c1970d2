"""HTML as the text that a reader sees: blocks on lines of their own, quotations with `> ` before each line."""

import re
from collections.abc import Iterator
from html import unescape

_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol",
    "p", "pre", "section", "table", "tbody", "tr", "ul",
))  # fmt: skip
#: What is not shown, and what ends it. ASCII letters only: lower case of others may be longer.
_UNSEEN = {name: re.compile(f"(?ai)</{name}") for name in ("script", "style", "template", "title")}
# Such a number is no character, and costs time to read.
_NO_CHARACTER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)|<[!?]")


def html_text(source: str) -> str:
    r"""The text of an HTML body. Nothing is fetched, and what is no text is left out.

    One pass over the source, without recursion: neither deep nor broken markup costs more than its length.

    >>> html_text("<p>Hello &amp; thanks<br>Eva</p><blockquote><p>When?</p></blockquote>")
    'Hello & thanks\nEva\n> When?'
    """
    lines: list[str] = []
    line: list[str] = []
    quotes = 0

    def end(*, empty: bool) -> None:
        text = " ".join("".join(line).split())
        line.clear()
        if text or empty:
            lines.append(("> " * min(quotes, 9) + text).rstrip())

    for closing, tag, text in _pieces(source):
        line.append(unescape(_NO_CHARACTER.sub("\ufffd", text)))
        if tag == "br":
            end(empty=True)
        elif tag in ("td", "th"):
            line.append(" ")
        elif tag in _BLOCKS:
            end(empty=False)
        if tag == "blockquote":
            quotes = max(0, quotes + (-1 if closing else 1))
    end(empty=False)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(source: str) -> Iterator[tuple[bool, str, str]]:
    """The text before each tag, and the tag: whether it closes, its name in lower case ("" where there is none)."""
    at, written = 0, 0
    while (begin := source.find("<", at)) >= 0:
        match = _TAG.match(source, begin)
        if match is None:  # a bare `<` is text
            at = begin + 1
            continue
        text, name = source[written:begin], (match[2] or "").lower()
        at = written = _after(source, match, None if match[1] else _UNSEEN.get(name))
        yield bool(match[1]), name, text
    yield False, "", source[written:]


def _after(source: str, tag: "re.Match[str]", until: "re.Pattern[str] | None") -> int:
    """Where what a tag begins is over; what is never closed hides the rest, as in a browser."""
    if until is not None:
        close = until.search(source, tag.end())
        return close.start() if close else len(source)
    mark = "-->" if source.startswith("<!--", tag.start()) else ">"
    end = source.find(mark, tag.end())
    return end + len(mark) if end >= 0 else len(source)
