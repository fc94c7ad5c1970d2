"""SKOS in Turtle: what thesauri are exchanged in. Without blank nodes and collections, which no thesaurus needs."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InputError, InvalidValue
from crmkit.kb._concepts import Concept, Merged
from crmkit.kb._turtle_syntax import Iri, Literal, Triple, escaped, iri_of, quoted, triples
from crmkit.values import from_micros

__all__ = ["read", "write"]

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_DCTERMS = "http://purl.org/dc/terms/"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_LABELS = {
    _SKOS + "prefLabel": "preferred", _SKOS + "altLabel": "alternative", _SKOS + "hiddenLabel": "hidden",
    _SKOS + "scopeNote": "note",
}  # fmt: skip
# Of a label that names no language, nobody knows it: BCP 47 says "und".
_UNDETERMINED = "und"

_Found = tuple[list[Concept], list[Merged], dict[str, tuple[int, int]]]
_Ids: TypeAlias = Callable[[Iri], str]


@attrs.define
class _Draft:
    """What was said of one resource."""

    place: tuple[int, int]
    concept: bool = False
    labels: dict[str, dict[str, list[str]]] = attrs.field(factory=dict)
    broader: list[str] = attrs.field(factory=list)
    related: list[str] = attrs.field(factory=list)
    replaced: dict[str, str] = attrs.field(factory=dict)


def read(text: str, base: str) -> _Found:
    """See `Thesaurus.from_turtle`."""
    drafts: dict[str, _Draft] = {}
    for triple in triples(text):
        _say(drafts, triple, lambda iri: iri.text.removeprefix(base) or iri.text)
    concepts = [_concept(id_, draft) for id_, draft in drafts.items() if draft.concept and "by" not in draft.replaced]
    merges = [_merge(id_, draft) for id_, draft in drafts.items() if "by" in draft.replaced]
    places = {id_: draft.place for id_, draft in drafts.items()}
    return concepts, sorted(merges, key=lambda merged: merged.at), places


def _say(drafts: dict[str, _Draft], triple: Triple, id_of: _Ids) -> None:
    def draft(iri: Iri) -> _Draft:
        return drafts.setdefault(id_of(iri), _Draft(triple.place))

    verb, thing = triple.verb.text, triple.thing
    if verb == _RDF_TYPE and thing == Iri(_SKOS + "Concept"):
        own = draft(triple.subject)
        own.concept, own.place = True, triple.place
    elif verb in _LABELS:
        literal = _literal(triple)
        labels = draft(triple.subject).labels.setdefault(_LABELS[verb], {})
        labels.setdefault(literal.language or _UNDETERMINED, []).append(literal.text)
    elif verb == _SKOS + "broader":
        draft(triple.subject).broader.append(id_of(_resource(triple)))
    elif verb == _SKOS + "narrower":
        draft(_resource(triple)).broader.append(id_of(triple.subject))
    elif verb == _SKOS + "related":
        draft(triple.subject).related.append(id_of(_resource(triple)))
    else:
        _say_replaced(draft, triple, id_of)


def _say_replaced(draft: Callable[[Iri], _Draft], triple: Triple, id_of: _Ids) -> None:
    verb = triple.verb.text
    if verb == _DCTERMS + "isReplacedBy":
        draft(triple.subject).replaced["by"] = id_of(_resource(triple))
    elif verb == _DCTERMS + "modified":
        draft(triple.subject).replaced["at"] = _literal(triple).text
    elif verb == _DCTERMS + "contributor" and isinstance(triple.thing, Literal):
        draft(triple.subject).replaced["who"] = triple.thing.text
    elif verb == _SKOS + "changeNote" and isinstance(triple.thing, Literal):
        draft(triple.subject).replaced["why"] = triple.thing.text


def _literal(triple: Triple) -> Literal:
    if not isinstance(triple.thing, Literal):
        raise _wrong(triple.place, f"the object of <{triple.verb.text}> is no text")
    return triple.thing


def _resource(triple: Triple) -> Iri:
    if not isinstance(triple.thing, Iri):
        raise _wrong(triple.place, f"the object of <{triple.verb.text}> is no resource")
    return triple.thing


def _wrong(place: tuple[int, int], reason: str) -> InputError:
    return InputError("turtle", reason, row=place[0], column=str(place[1]))


def _concept(id_: str, draft: _Draft) -> Concept:
    single: dict[str, dict[str, str]] = {}
    for kind in ("preferred", "note"):
        for language, labels in draft.labels.get(kind, {}).items():
            # S14: no more than one preferred label in a language. A note may have paragraphs.
            if kind == "preferred" and len(set(labels)) > 1:
                raise _wrong(draft.place, f"concept {id_!r} has {len(set(labels))} preferred labels in {language!r}")
            single.setdefault(kind, {})[language] = " ".join(dict.fromkeys(labels))
    try:
        return Concept(
            id_, single.get("preferred", {}), alternative=draft.labels.get("alternative", {}),
            hidden=draft.labels.get("hidden", {}), note=single.get("note", {}), broader=draft.broader,
            related=draft.related,
        )  # fmt: skip
    except InvalidValue as error:
        raise _wrong(draft.place, str(error)) from None


def _merge(id_: str, draft: _Draft) -> Merged:
    given = draft.replaced
    try:
        at = datetime.fromisoformat(given["at"]) if "at" in given else from_micros(0)
        return Merged(id_, into=given["by"], at=at, who=given.get("who", ""), why=given.get("why", ""))
    except ValueError as error:
        raise _wrong(draft.place, f"concept {id_!r} was replaced at no instant: {error}") from None


def write(concepts: Sequence[Concept], merges: Sequence[Merged], base: str) -> str:
    """See `Thesaurus.to_turtle`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|^`\\]*", base):
        raise InvalidValue("base", base, "is no IRI, such as urn:terms:")
    heads = [f"@prefix skos: <{_SKOS}> .", f"@prefix dcterms: <{_DCTERMS}> .", f"@prefix xsd: <{_XSD}> ."]
    bodies = [_block(one.id, _said(one, base), base) for one in sorted(concepts, key=lambda one: one.id)]
    bodies += [_block(one.concept, _said_replaced(one, base), base) for one in merges]
    return "\n".join([*heads, *(f"\n{body}" for body in bodies)]) + "\n"


def _block(id_: str, said: Iterable[str], base: str) -> str:
    return iri_of(id_, base) + "\n    " + " ;\n    ".join(said) + " ."


def _said(concept: Concept, base: str) -> Iterator[str]:
    yield "a skos:Concept"
    for language, label in sorted(concept.preferred.items()):
        yield f"skos:prefLabel {_text(label, language)}"
    for name, several in (("altLabel", concept.alternative), ("hiddenLabel", concept.hidden)):
        for language, labels in sorted(several.items()):
            yield f"skos:{name} {', '.join(_text(label, language) for label in labels)}"
    for language, label in sorted(concept.note.items()):
        yield f"skos:scopeNote {_text(label, language)}"
    for name, ids in (("broader", concept.broader), ("related", concept.related)):
        if ids:
            yield f"skos:{name} {', '.join(iri_of(one, base) for one in ids)}"


def _text(label: str, language: str) -> str:
    return quoted(label) if language == _UNDETERMINED else f"{quoted(label)}@{language}"


def _said_replaced(merged: Merged, base: str) -> Iterator[str]:
    yield f"dcterms:isReplacedBy {iri_of(merged.into, base)}"
    yield f'dcterms:modified "{escaped(merged.at.isoformat())}"^^xsd:dateTime'
    some: list[tuple[str, Any]] = [("dcterms:contributor", merged.who), ("skos:changeNote", merged.why)]
    yield from (f"{name} {quoted(text)}" for name, text in some if text)
