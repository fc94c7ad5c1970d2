"""What makes concepts a thesaurus: the integrity conditions of SKOS (S13, S27), and no ring of broader concepts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from crmkit.errors import DefinitionError, DefinitionErrors, did_you_mean
from crmkit.kb._concepts import Concept, Merged

__all__ = ["Places", "check"]

#: From the id of a concept to the line and column that it was read from.
Places: TypeAlias = Mapping[str, tuple[int, int]]


def check(concepts: Sequence[Concept], merges: Sequence[Merged], places: Places | None = None) -> None:
    """Refuse concepts that do not fit together.

    Args:
        concepts: those in use.
        merges: those that are not.
        places: where they stand in a file.

    Raises:
        DefinitionErrors: with all that is wrong.
    """
    known = {concept.id: concept for concept in concepts}
    wrong = [
        *_ids(concepts, merges),
        *(found for concept in known.values() for found in _references(concept, known)),
        *(found for concept in known.values() for found in _labels(concept)),
        *_rings(known),
        *_merged(merges, known),
    ]
    if wrong:
        errors = [DefinitionError(f"concept {id_!r}", why, place=(places or {}).get(id_)) for id_, why in wrong]
        raise DefinitionErrors(f"the thesaurus has {len(errors)} problem{'s' * (len(errors) > 1)}", errors)


_Wrong: TypeAlias = Iterator[tuple[str, str]]


def _ids(concepts: Iterable[Concept], merges: Iterable[Merged]) -> _Wrong:
    counts = Counter([*(concept.id for concept in concepts), *(merged.concept for merged in merges)])
    yield from ((id_, f"stands there {count} times") for id_, count in counts.items() if count > 1)


def _references(concept: Concept, known: Mapping[str, Concept]) -> _Wrong:
    for kind, ids in (("broader", concept.broader), ("related", concept.related)):
        for other in ids:
            if other not in known:
                yield concept.id, f"{kind}: there is no concept {other!r}{did_you_mean(other, known)}"
    if concept.id in concept.related:
        yield concept.id, "is related to itself"
    above = _above(concept, known) if concept.related else set[str]()
    for other in concept.related:
        if other in above:
            yield concept.id, f"is related to {other!r}, which it stands under"
        elif other in known and concept.id in _above(known[other], known):
            yield concept.id, f"is related to {other!r}, which stands under it"


def _above(concept: Concept, known: Mapping[str, Concept]) -> set[str]:
    found: set[str] = set()
    queue = list(concept.broader)
    while queue:
        one = queue.pop()
        if one not in found:
            found.add(one)
            queue += known[one].broader if one in known else ()
    return found - {concept.id}


def _labels(concept: Concept) -> _Wrong:
    """S13: preferred, alternative and hidden labels of a concept are disjoint in each language."""
    shown = dict.fromkeys(concept.preferred.items(), "preferred")
    for kind, labels in (("alternative", concept.alternative), ("hidden", concept.hidden)):
        for key in [(language, label) for language, some in labels.items() for label in some]:
            other = shown.setdefault(key, kind)
            if other != kind:
                yield concept.id, f"{key[1]!r} ({key[0]}) is both its {other} and its {kind} label"


def _rings(known: Mapping[str, Concept]) -> _Wrong:
    """Each ring once, found from what remains when all that stands under nothing is taken away."""
    left = {id_: {one for one in concept.broader if one in known} for id_, concept in known.items()}
    below: dict[str, list[str]] = {}
    for id_, above in left.items():
        for one in above:
            below.setdefault(one, []).append(id_)
    free = [id_ for id_, above in left.items() if not above]
    for id_ in free:
        for one in below.get(id_, ()):
            left[one].discard(id_)
            if not left[one]:
                free.append(one)
    stuck = dict.fromkeys(id_ for id_ in known if left[id_])
    while stuck:
        ring = _ring(next(iter(stuck)), left)
        if ring[0] in stuck:
            yield ring[0], f"stands under itself: {' < '.join([*ring, ring[0]])}"
        # What leads into a ring is no ring.
        for one in (next(iter(stuck)), *ring):
            stuck.pop(one, None)


def _ring(start: str, left: Mapping[str, set[str]]) -> list[str]:
    """The ring that one comes to by walking up; from its first id on, so that it is told only once."""
    trail = {start: None}
    one = min(left[start])
    while one not in trail:
        trail[one] = None
        one = min(left[one])
    ids = list(trail)
    ring = ids[ids.index(one) :]
    first = ring.index(min(ring))
    return ring[first:] + ring[:first]


def _merged(merges: Iterable[Merged], known: Mapping[str, Concept]) -> _Wrong:
    replaced = {merged.concept: merged.into for merged in merges}
    for id_, into in replaced.items():
        seen, one = {id_}, into
        while one in replaced and one not in seen:
            seen.add(one)
            one = replaced[one]
        if one in seen:
            yield id_, "was merged into itself"
        elif one not in known:
            yield id_, f"was merged into {one!r}, which is no concept{did_you_mean(one, known)}"
