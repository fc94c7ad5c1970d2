"""XML of Word documents as a stream of elements; no document types, hence no entities."""

from collections.abc import Mapping
from typing import NoReturn, Protocol
from xml.parsers.expat import ExpatError, ParserCreate

from crmkit.errors import InputError

__all__ = ["Reader", "parse"]

_DEEPEST = 500
_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)


class Reader(Protocol):
    """Takes what a document consists of. Elements and attributes of Word go by their local names."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        ...

    def end(self, tag: str) -> None:
        """An element ends."""
        ...

    def words(self, text: str) -> None:
        """Text of an element."""
        ...


def parse(data: bytes, reader: Reader, name: str) -> None:
    """Let a reader take a document; nothing, if there is none.

    Raises:
        InputError: if it is no XML, declares a document type, or nests too deep.
    """
    if not data:
        return
    parser = ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    depth = 0

    def refuse(*_: object) -> NoReturn:
        raise InputError(name, "declares a document type, which may hide anything")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise InputError(name, f"nests deeper than {_DEEPEST} elements")
        reader.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        reader.end(_local(tag))

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = reader.words
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise InputError(name, f"is no XML: {error}") from None
    except InputError:
        raise
    except (ValueError, LookupError) as error:
        raise InputError(name, f"is in an encoding nobody can read: {error}") from None


def _local(name: str) -> str:
    """The local name of what is Word's; others keep their namespace."""
    namespace, _, local = name.rpartition("}")
    return local if not namespace or namespace in _WORD else name
