"""XML as a small tree with line numbers; no entities, no document types, no depth and no number without end."""

from collections.abc import Iterator
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

import attrs

from crmkit.errors import InputError

_DEEPEST = 200
_LARGEST = 50_000_000
_MOST = 1_000_000


@attrs.define
class Element:
    """One element: its local name, namespace, attributes, own text, children, line and column."""

    tag: str
    namespace: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list["Element"] = attrs.field(factory=list["Element"])
    column: int = 1

    def all(self, *tags: str) -> Iterator["Element"]:
        """The children with one of the local names."""
        return (child for child in self.children if child.tag in tags)

    def first(self, *tags: str) -> "Element | None":
        """The first child with one of the local names."""
        return next(self.all(*tags), None)

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)


def read_xml(data: bytes, name: str) -> Element:
    """The root of a document.

    Args:
        data: the document.
        name: how the user knows it, for messages.

    Raises:
        InputError: with the line, if it is no XML, declares a document type, nests too deep, or is too large.
    """
    if len(data) > _LARGEST:
        raise InputError(name, f"is larger than {_LARGEST:,} bytes")
    tree = _Tree(name)
    try:
        tree.parser.Parse(data, True)
    except ExpatError as error:
        raise InputError(name, f"is no XML: {error}", "", error.lineno) from None
    except InputError:
        raise
    except (ValueError, LookupError) as error:
        raise InputError(name, f"is in an encoding nobody can read: {error}") from None
    return tree.root.children[0]


class _Tree:
    """A tree that grows while its text is read."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.root = Element("", "", {}, 0)
        self.open: list[Element] = [self.root]
        # Pieces are joined at the end: adding to a text again and again takes the square of its length.
        self.pieces: list[list[str]] = [[]]
        self.parser = ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, why: str, remedy: str = "") -> NoReturn:
        raise InputError(self.name, why, remedy, self.parser.CurrentLineNumber)

    def _doctype(self, *_: object) -> None:
        self._refuse("declares a document type, which may hide anything", "take it out")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > _MOST:
            self._refuse(f"has more than {_MOST:,} elements")
        if len(self.open) > _DEEPEST:
            self._refuse(f"nests deeper than {_DEEPEST} elements")
        namespace, _, local = tag.rpartition("}")
        foreign = {key.rpartition("}")[2]: value for key, value in attributes.items() if "}" in key}
        # Another tool's `x:name` is not the name.
        plain = foreign | {key: value for key, value in attributes.items() if "}" not in key}
        element = Element(local, namespace, plain, self.parser.CurrentLineNumber)
        element.column = self.parser.CurrentColumnNumber + 1
        self.open[-1].children.append(element)
        self.open.append(element)
        self.pieces.append([])

    def _end(self, _tag: str) -> None:
        self.open.pop().text = "".join(self.pieces.pop())

    def _text(self, piece: str) -> None:
        self.pieces[-1].append(piece)
