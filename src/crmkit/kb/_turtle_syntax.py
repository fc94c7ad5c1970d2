"""The syntax of Turtle (W3C Recommendation of 2014-02-25), but for blank nodes and collections."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NoReturn, TypeAlias

import attrs

from crmkit.errors import InputError

__all__ = ["Iri", "Literal", "Triple", "escaped", "iri_of", "quoted", "triples"]

_NAME = r"[\w\u00b7](?:[\w\u00b7.-]*[\w\u00b7-])?"
_TOKENS = re.compile(
    rf"""(?P<space>(?:\s|\#[^\n]*)+)
    |<(?P<iri>[^<>"{{}}|^`\x00-\x20]*)>
    |(?P<text>\"\"\"(?:\"{{0,2}}(?:[^"\\]|\\.))*\"\"\"|'''(?:'{{0,2}}(?:[^'\\]|\\.))*'''
        |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
    |(?P<directive>@(?:prefix|base)\b|(?:PREFIX|BASE|prefix|base)\b(?=\s))
    |@(?P<language>[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    |(?P<name>(?:{_NAME})?:(?:(?:[\w\u00b7:-]|%[0-9A-Fa-f]{{2}}|\\[_~.\-!$&'()*+,;=/?\#@%]|\.(?=[\w\u00b7:%.\\-]))*))
    |(?P<a>a)(?=[\s<])
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?<!\.)|true\b|false\b)
    |(?P<mark>\^\^|[.;,])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)(//[^/?#]*)(.*)", re.DOTALL)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@attrs.frozen
class Iri:
    """A resource."""

    text: str


@attrs.frozen
class Literal:
    """A text, with its language if it has one."""

    text: str
    language: str = ""


@attrs.frozen
class Triple:
    """One statement, and the line and column of its subject."""

    subject: Iri
    verb: Iri
    thing: Iri | Literal
    place: tuple[int, int]


@attrs.frozen
class _Token:
    kind: str
    text: str
    at: int


_Tokens: TypeAlias = list[_Token]


def triples(text: str) -> Iterator[Triple]:
    """The statements of a document.

    Raises:
        InputError: with line and column.
    """
    return _Reader(text).statements()


def escaped(text: str) -> str:
    """A text as it stands between quotes."""
    return re.sub(r'[\\"\x00-\x1f\x7f]', lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or (
        "\\" + character if character in '\\"' else f"\\u{ord(character):04X}"
    )


def quoted(text: str) -> str:
    """A text as a literal."""
    return f'"{escaped(text)}"'


def iri_of(id_: str, base: str) -> str:
    """The IRI of an id, which is one already or follows the base."""
    absolute = _ABSOLUTE.match(id_) and not re.search(r"[\s<>\"{}|^`\\%]", id_)
    return f"<{id_}>" if absolute else f"<{base}{quote(id_)}>"


def quote(text: str) -> str:
    """A text with every byte but the unreserved ones of RFC 3986 as %XX."""
    return re.sub(r"[^A-Za-z0-9._~-]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def unquote(text: str) -> str:
    """The inverse of `quote`; what is no UTF-8 stays."""
    return re.sub(r"(?:%[0-9A-Fa-f]{2})+", _decoded, text)


def _decoded(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return found[0]


def _joined(base: str, relative: str) -> str:
    """A relative reference resolved as in RFC 3986, 5.3, but for the segments `.` and `..`, which stay."""
    parts = _PARTS.fullmatch(base.partition("#")[0])
    if parts is None or not relative or relative.startswith("#"):
        return base.partition("#")[0] + relative
    scheme, authority, path = parts[1], parts[2] or "", parts[3].partition("?")[0]
    if relative.startswith("//"):
        return scheme + relative
    if relative.startswith("/"):
        return scheme + authority + relative
    return scheme + authority + path[: path.rfind("/") + 1] + relative


class _Reader:
    """A reader that stands at a token."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.lines = [0, *(found.end() for found in re.finditer("\n", self.text))]
        self.tokens = self._tokens()
        self.number = 0
        self.prefixes: dict[str, str] = {}
        self.base = ""

    def statements(self) -> Iterator[Triple]:
        while self._peek().kind != "end":
            if self._peek().kind == "directive":
                self._directive()
            else:
                yield from self._about()

    def _about(self) -> Iterator[Triple]:
        token = self._peek()
        subject = self._resource("a subject")
        while True:
            verb = self._verb()
            while True:
                yield Triple(subject, verb, self._thing(), self._place(token.at))
                if not self._skip(","):
                    break
            more = False
            while self._skip(";"):
                more = True
            if not more or self._peek().text == ".":
                break
        self._expect(".")

    def _directive(self) -> None:
        token = self._next()
        if token.text.lower().endswith("prefix"):
            name = self._next()
            if name.kind != "name" or not name.text.endswith(":"):
                self._fail(name, "a prefix such as skos: is expected")
            self.prefixes[name.text] = self._iri(self._next())
        else:
            self.base = self._iri(self._next())
        if token.text.startswith("@"):
            self._expect(".")

    def _verb(self) -> Iri:
        if self._peek().kind == "a":
            self._next()
            return Iri(_RDF_TYPE)
        return self._resource("a verb")

    def _thing(self) -> Iri | Literal:
        token = self._peek()
        if token.kind == "number":
            return Literal(self._next().text)
        if token.kind != "text":
            return self._resource("an object")
        self._next()
        text = self._unescaped(token, token.text[3:-3] if token.text[:3] in ('"""', "'''") else token.text[1:-1])
        if self._peek().kind == "language":
            return Literal(text, self._next().text)
        if self._skip("^^"):
            self._resource("a type")
        return Literal(text)

    def _resource(self, what: str) -> Iri:
        token = self._next()
        if token.kind == "iri":
            return Iri(unquote(self._iri(token)))
        if token.kind != "name":
            self._fail(token, f"{what} is expected")
        prefix, _, local = token.text.partition(":")
        if prefix + ":" not in self.prefixes:
            self._fail(token, f"nobody has said what the prefix {prefix}: stands for")
        return Iri(unquote(self.prefixes[prefix + ":"] + re.sub(r"\\(.)", r"\1", local)))

    def _iri(self, token: _Token) -> str:
        if token.kind != "iri":
            self._fail(token, "an IRI in <> is expected")
        text = self._unescaped(token, token.text)
        if _ABSOLUTE.match(text):
            return text
        return _joined(self.base, text)

    def _unescaped(self, token: _Token, text: str) -> str:
        def plain(found: re.Match[str]) -> str:
            if found[3] is None:
                code = int(found[1] or found[2], 16)
                return chr(code) if code < 0x110000 else self._fail(token, f"{found[0]} is no character")
            return _PLAIN[found[3]] if found[3] in _PLAIN else self._fail(token, f"{found[0]} means nothing")

        return _ESCAPES.sub(plain, text)

    def _tokens(self) -> _Tokens:
        tokens: _Tokens = []
        at = 0
        text = self.text
        while at < len(text):
            found = _TOKENS.match(text, at)
            if found is None or found.end() == at:
                self._fail(_Token("", text[at], at), self._unread(text[at]))
            if found.lastgroup != "space":
                tokens.append(_Token(str(found.lastgroup), found[str(found.lastgroup)], at))
            at = found.end()
        return [*tokens, _Token("end", "", len(text))]

    @staticmethod
    def _unread(character: str) -> str:
        if character in "[(":
            return "blank nodes and collections are not read"
        return "a text is not closed" if character in "\"'" else f"{character!r} means nothing here"

    def _peek(self) -> _Token:
        return self.tokens[self.number]

    def _next(self) -> _Token:
        token = self.tokens[self.number]
        self.number += token.kind != "end"
        return token

    def _skip(self, mark: str) -> bool:
        found = self._peek().kind == "mark" and self._peek().text == mark
        self.number += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._skip(mark):
            self._fail(self._peek(), f"{mark!r} is expected")

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.lines, at)
        return line, at - self.lines[line - 1] + 1

    def _fail(self, token: _Token, reason: str) -> NoReturn:
        line, column = self._place(token.at)
        found = f", not {token.text!r}" if token.kind not in ("", "end", "iri", "text") else ""
        raise InputError("turtle", reason + found, row=line, column=str(column))
