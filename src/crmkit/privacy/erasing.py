"""Erase what tells of a person, and leave what is counted.

    done = erase(store, subject, at=now, indexes={"cards": index})
    done.left        # places that cannot be erased here, with the reason why somebody has to look

A fact stays where it is, with its case, its type and its instants; `crmkit.privacy.ERASED` stands in the place of
texts. So every count, rate and duration is what it was. To have this done by deleting one key instead, see
`crmkit.privacy.sealing`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import attrs

from crmkit.errors import InvalidValue
from crmkit.kb import Document, SegmentIndex
from crmkit.privacy._walking import blanked, blanked_event, strings_of_event
from crmkit.privacy.reports import Held, kinds_of, report
from crmkit.privacy.subjects import Subject
from crmkit.protocols import ErasableEvents, Record, Recorded, RecordStore, Scrubbable, Store
from crmkit.values import aware
from crmkit.values.display import Listed

__all__ = ["Erased", "Rebuilt", "erase"]

_NONE: Mapping[str, Any] = {}


class Rebuilt(Protocol):
    """What was made of the facts and can be made anew: a `crmkit.feed.Projection`, `crmkit.journal.segments`."""

    def rebuild(self) -> Any:
        """Make it anew from the first event on, and forget what it was."""
        ...


@attrs.frozen
class Erased(Listed):
    """What was done.

    Attributes:
        events: how many facts were changed.
        records: how many records were changed or emptied.
        documents: how many documents of indexes were changed.
        scrubbed: whether the files of the store were written anew.
        left: what is still there: keys, and names that cases are found by, which are not changed; and blobs.
    """

    events: int
    records: int
    documents: int
    scrubbed: bool
    left: tuple[Held, ...]


def erase(
    store: Store,
    subject: Subject,
    *,
    at: datetime,
    keep: Iterable[str] = (),
    pseudonym: str | None = None,
    kinds: Iterable[str] | None = None,
    indexes: Mapping[str, SegmentIndex] = _NONE,
    projections: Iterable[Rebuilt] = (),
    scrub: bool = True,
) -> Erased:
    """Erase a person from events, records and indexes of a store; doing it again after a crash finishes it.

    Their own records are emptied: what is left is `erased`, the instant, and the fields to be kept. In all others, and
    in facts and documents, their texts are replaced.

    Args:
        store: the store; its events have to be `ErasableEvents`.
        subject: the person.
        at: when (aware); it is written into the records that are emptied.
        keep: fields of their own records that tell nothing of them: "customer", "role".
        pseudonym: what to put in the place of their ids, wherever one is a whole value; None leaves ids as they are.
        kinds: the kinds of records, for a store that cannot list them.
        indexes: search indexes by name.
        projections: what is made of the facts, and made anew once they are changed.
        scrub: whether to write the files of the store anew, if it can (`Scrubbable`), so that they hold no old bytes.

    Raises:
        InvalidValue: if the store cannot rewrite events, the kinds of records are not known, or the pseudonym is taken:
            two people would become one.
        Conflict: if a record was changed meanwhile; erase again.
        Unavailable: if somebody else uses the file that is to be scrubbed.
    """
    names = kinds_of(store.records, kinds)
    if not isinstance(store.events, ErasableEvents):
        raise InvalidValue("store", type(store.events).__name__, "cannot rewrite events; seal what is personal instead")
    blanking = _Blanking(subject, pseudonym, aware(at), frozenset(keep))
    changed = blanking.facts(store.events.read())
    store.events.rewrite(changed)
    records = sum(blanking.put(store.records, record) for kind in names for record in [*store.records.find(kind)])
    documents = sum(map(blanking.replace, indexes.values()))
    for projection in projections:
        projection.rebuild()
    scrubbed = scrub and isinstance(store, Scrubbable)
    if scrubbed and isinstance(store, Scrubbable):
        store.scrub()
    left = [one for one in report(subject, store, kinds=names, indexes=indexes).held if one.by != "record"]
    return Erased(len(changed), records, documents, scrubbed, tuple(left))


@attrs.frozen
class _Blanking:
    """What is to be put in the place of what."""

    subject: Subject
    pseudonym: str | None
    at: datetime
    keep: frozenset[str]

    def facts(self, stored: Iterable[Recorded]) -> list[Recorded]:
        """The facts that have to change, changed."""
        changed: list[Recorded] = []
        known: set[str] = set()
        for recorded in stored:
            known.update(text for _, text in strings_of_event(recorded.event))
            blank = blanked_event(recorded.event, self.subject, self.pseudonym)
            if blank != recorded.event:
                changed.append(attrs.evolve(recorded, event=blank))
            known &= self.subject.ids | {self.pseudonym or ""}
        if self.pseudonym in known and known & self.subject.ids - {self.pseudonym}:
            raise InvalidValue("pseudonym", self.pseudonym, "is somebody already: two people would become one")
        return changed

    def put(self, records: RecordStore, record: Record) -> bool:
        """Change a record; whether it had to."""
        value = record.value
        if (record.kind, record.id) in self.subject.records and not {*value} <= self.keep | {"erased"}:
            value = {name: part for name, part in value.items() if name in self.keep} | {"erased": self.at}
        value = self._plain(value)
        if value == record.value:
            return False
        records.put(record.kind, record.id, value, expected=record.version)
        return True

    def replace(self, index: SegmentIndex) -> int:
        """Replace the documents that tell of a person, and remove for good what they were."""
        changed: list[Document] = []
        for document in index.documents():
            texts = {name: self._plain(text) for name, text in document.texts.items()}
            fields = self._plain(document.fields)
            if (texts, fields) != (document.texts, document.fields):
                changed.append(Document(document.id, texts, fields))
        index.add(changed)
        index.purge()
        return len(changed)

    def _plain(self, value: Any) -> Any:
        return blanked(value, self.subject, self.pseudonym)
