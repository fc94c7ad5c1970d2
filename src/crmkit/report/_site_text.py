"""From the text of a card to a page: Markdown to HTML that can do nothing, and to the words that are read there.

Two walls stand one behind the other. The Markdown parser takes HTML for text, and what it writes is cleaned once more
by nh3 (the sanitizer Ammonia), which lets through a list of elements without any attribute but a link's address.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from crmkit.errors import ExtraMissing

__all__ = ["Link", "Renderer", "clean", "clipped"]

#: From the address in a text to the one on the page; None: no link.
Link: TypeAlias = Callable[[str], str | None]

# What neither XML nor a reader can do anything with: control characters, halves of pairs, no characters at all.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_LOWEST = 6
# Lists in lists, two levels each. What lies deeper the parser drops.
_DEEPEST = 100


def clean(text: str) -> str:
    """The text with one kind of line end, and with a replacement character for whatever cannot be written."""
    return _UNREADABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def clipped(text: str, most: int) -> str:
    """The beginning of a text in one line, cut after a word if there is one."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    head, blank, _ = line[:most].rpartition(" ")
    return f"{(head if blank and len(head) > most // 2 else line[: most - 1]).rstrip()}…"


class Renderer:
    """Makes HTML of Markdown (CommonMark, tables, struck text).

    Raises:
        ExtraMissing: if markdown-it-py or nh3 is not installed.
    """

    def __init__(self) -> None:
        try:
            import nh3
            from markdown_it import MarkdownIt
            from markdown_it.token import Token
        except ImportError as error:
            raise ExtraMissing(error.name or "nh3", "site", "publishing knowledge") from None
        self._markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST}).enable(
            ["table", "strikethrough"]
        )
        self._token: Any = Token
        self._cleaner = nh3

    def rendered(self, text: str, link: Link) -> tuple[str, str]:
        """The HTML of a text, and its words.

        Args:
            text: Markdown; headings begin at the third level, pictures become links. If it is nested deeper than
                anybody reads (50 lists in each other) it is shown as it is written.
            link: what becomes of addresses of our own (`own` says which).
        """
        readable = clean(text)
        tokens = self._markdown.parse(readable)
        if any(token.nesting > 0 and token.level >= _DEEPEST - 1 for token in tokens):
            return f"<pre>{escape(readable)}</pre>", readable
        for token in tokens:
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{min(int(token.tag[1:]) + 2, _LOWEST)}"
            if token.children is not None:
                token.children = self._linked(token.children, link)
        made = self._markdown.renderer.render(tokens, self._markdown.options, {})
        safe = self._cleaner.clean(
            made, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel="noopener noreferrer"
        )
        return safe, "\n".join(_words(tokens))

    def _linked(self, tokens: Sequence[Any], link: Link) -> list[Any]:
        """The parts of a line with the links that are left, and links for pictures."""
        found: list[Any] = []
        inside: list[bool] = []
        for token in tokens:
            if token.type == "link_open":
                address = _address(str(token.attrGet("href")), link)
                inside.append(address is not None)
                if address is not None:
                    token.attrs = {"href": address}
                    found.append(token)
            elif token.type == "link_close":
                if inside.pop():
                    found.append(token)
            elif token.type == "image":
                found += self._picture(token, linked=any(inside))
            else:
                found.append(token)
        return found

    def _picture(self, image: Any, *, linked: bool) -> list[Any]:
        """A link to a picture elsewhere: whoever keeps it need not learn who reads the page."""
        address = str(image.attrGet("src"))
        text = self._token("text", "", 0, content=image.content or address)
        if linked or urlsplit(address).scheme.lower() not in ("http", "https"):
            text.content = image.content
            return [text]
        return [self._token("link_open", "a", 1, attrs={"href": address}), text, self._token("link_close", "a", -1)]


def _address(address: str, link: Link) -> str | None:
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return None
    if scheme in _SCHEMES:
        return address
    return link(unquote(address))


def _words(tokens: Sequence[Any]) -> Iterator[str]:
    """What is read on the page, block by block."""
    for token in tokens:
        if token.type in ("fence", "code_block"):
            yield token.content
        elif token.children is not None:
            yield "".join(_word(part) for part in token.children)


def _word(part: Any) -> str:
    return "\n" if part.type in ("softbreak", "hardbreak") else str(part.content)
