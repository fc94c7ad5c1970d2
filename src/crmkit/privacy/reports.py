"""Everything that is held about a person: each place, with what stands there.

found = report(subject, store, indexes={"cards": index}, journals={"deals": journal}, mail=messages)
found.to_json(), found.to_text("zh")
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, Ledger
from crmkit.kb import SegmentIndex
from crmkit.kb.mail import parse
from crmkit.privacy._walking import strings, strings_of_event
from crmkit.privacy.subjects import Subject
from crmkit.protocols import EventStore, MovableRecords, RecordStore, Store
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Held", "PersonReport", "kinds_of", "mentions", "report"]

_NONE: Mapping[str, Any] = {}
_WORDS = {
    "en": {
        "title": "What is held about: {who}", "none": "nothing was found", "total": "{count} places",
        "events": "facts", "records": "records", "blobs": "files", "index": "search index {name}",
        "journal": "journal {name}", "mail": "mail", "id": "key", "text": "text", "record": "own record",
    },
    "zh": {
        "title": "所存关于此人的数据：{who}", "none": "未发现任何数据", "total": "共 {count} 处",
        "events": "事实", "records": "记录", "blobs": "文件", "index": "搜索索引 {name}",
        "journal": "日志 {name}", "mail": "邮件", "id": "标识", "text": "文本", "record": "本人记录",
    },
}  # fmt: skip


@attrs.frozen
class Held:
    """One place.

    Attributes:
        where: "events", "records", "blobs", "index", "journal" or "mail".
        name: which index or journal; empty for the others.
        place: the event, record, blob, document, row or message.
        path: where in it: "who", "data.note", "texts.title".
        by: what it is told by: "id", "text", or "record" (all of it is theirs).
        text: what stands there.
    """

    where: str
    name: str
    place: str
    path: str
    by: str
    text: str


@attrs.frozen
class PersonReport(Shown):
    """What is held about a person.

    Attributes:
        subject: the person.
        held: every place.
    """

    subject: Subject
    held: tuple[Held, ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """Where something is held; see `Shown.display`."""
        return Display.lines(self.to_text(lang).rstrip().split("\n"), most=most, lang=lang)

    def to_json(self) -> str:
        """For a program: `schema`, `subject`, `counts` by where, and `held`."""
        subject = {name: sorted(getattr(self.subject, name)) for name in ("ids", "texts", "records")}
        plain = {
            "schema": "crmkit-person-1",
            "subject": subject,
            "counts": dict(Counter(one.where for one in self.held)),
            "held": [attrs.asdict(one) for one in self.held],
        }
        return json.dumps(plain, ensure_ascii=False, indent=1)

    def to_text(self, language: str = "en") -> str:
        """For people: a line for each place, by where it is.

        Args:
            language: "en" or "zh".

        Raises:
            NotFound: if the language is not there.
        """
        if language not in _WORDS:
            raise NotFound("language", language, tuple(_WORDS), "the report")
        words = _WORDS[language]
        ids = [
            *sorted(self.subject.texts),
            *sorted(self.subject.ids),
            *(id_ for _, id_ in sorted(self.subject.records)),
        ]
        lines = [words["title"].format(who=", ".join(dict.fromkeys(ids)))]
        lines.append(words["total"].format(count=len(self.held)) if self.held else words["none"])
        for (where, name), places in _grouped(self.held).items():
            lines += ["", f"{words[where].format(name=name)} ({len(places)})"]
            lines += [f"  {one.place}, {one.path} [{words[one.by]}]: {' '.join(one.text.split())}" for one in places]
        return "\n".join(lines) + "\n"


def report(
    subject: Subject,
    store: Store,
    *,
    kinds: Iterable[str] | None = None,
    indexes: Mapping[str, SegmentIndex] = _NONE,
    journals: Mapping[str, Journal | Ledger] = _NONE,
    mail: Iterable[tuple[str, bytes]] = (),
) -> PersonReport:
    """Look through everything for a person.

    What is packed inside a blob (a PDF, a zip file) is not read: names of blobs, and their bytes, are.

    Args:
        subject: the person.
        store: its events, records and blobs.
        kinds: the kinds of records, for a store that cannot list them.
        indexes: search indexes by name.
        journals: journals and ledgers by name.
        mail: messages as they came, each with its place: `(m.where, m.raw) for m in read_mailbox(...)`.

    Raises:
        InvalidValue: if the kinds of records are not known.
        Damaged: if something stored can no longer be read: then nobody knows what it holds.
    """
    held = [*_in_events(store.events, subject), *_in_records(store.records, subject, kinds), *_in_blobs(store, subject)]
    for name, index in indexes.items():
        for document in index.documents():
            texts = [("id", document.id), *strings(document.texts, "texts"), *strings(document.fields, "fields")]
            held += _found(texts, subject, "index", name, document.id)
    for name, journal in journals.items():
        held += _in_columns(journal.to_dict(), subject, name)
    for place, raw in mail:
        held += _found(_parts(raw), subject, "mail", "", place)
    return PersonReport(subject, tuple(held))


def mentions(subject: Subject, raw: bytes) -> bool:
    """Whether a message as it came is from, to or about a person; what is attached to it is not read.

    Args:
        subject: the person.
        raw: its bytes.
    """
    return any(_found(_parts(raw), subject, "mail", "", ""))


def kinds_of(records: RecordStore, kinds: Iterable[str] | None) -> list[str]:
    """The kinds of records of a store.

    Raises:
        InvalidValue: if they are not given, and the store cannot list them.
    """
    if kinds is not None:
        return sorted({*kinds})
    if isinstance(records, MovableRecords):
        return sorted(records.kinds())
    raise InvalidValue("kinds", kinds, "are not given, and this record store cannot list those it has")


def _found(texts: Iterable[tuple[str, str]], subject: Subject, where: str, name: str, place: str) -> Iterator[Held]:
    for path, text in texts:
        if text in subject.ids:
            yield Held(where, name, place, path, "id", text)
        elif subject.tells(text):
            yield Held(where, name, place, path, "text", text)


def _in_events(events: EventStore, subject: Subject) -> Iterator[Held]:
    for recorded in events.read():
        place = f"position {recorded.position}, {recorded.event.id}"
        yield from _found(strings_of_event(recorded.event), subject, "events", "", place)


def _in_records(records: RecordStore, subject: Subject, kinds: Iterable[str] | None) -> Iterator[Held]:
    for kind in kinds_of(records, kinds):
        for record in records.find(kind):
            place = f"{kind} {record.id}"
            if (kind, record.id) in subject.records:
                yield Held(
                    "records", "", place, "*", "record", json.dumps(dict(_shown(record.value)), ensure_ascii=False)
                )
            else:
                texts = [("id", record.id), *strings(record.value, "value")]
                yield from _found(texts, subject, "records", "", place)


def _shown(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, part if isinstance(part, str) else str(part)) for name, part in value.items())


def _in_blobs(store: Store, subject: Subject) -> Iterator[Held]:
    needles = subject.needles()
    for name in [*store.blobs.list()]:
        yield from _found([("name", name)], subject, "blobs", "", name)
        data = store.blobs.get(name) or b""
        places = [place for needle in needles if (place := data.find(needle)) >= 0]
        if places:
            around = data[max(0, min(places) - 20) : min(places) + 60]
            yield Held("blobs", "", name, f"byte {min(places)}", "text", around.decode("utf-8", "replace"))
        elif subject.tells(data.decode("utf-8", "replace")):
            yield Held("blobs", "", name, "bytes", "text", "")


def _in_columns(columns: Mapping[str, Iterable[Any]], subject: Subject, name: str) -> Iterator[Held]:
    for column, values in columns.items():
        known: dict[str, bool] = {}
        for row, value in enumerate(values, 1):
            # Columns repeat the same few texts: each is looked at once.
            if isinstance(value, str):
                if value not in known:
                    known[value] = value in subject.ids or subject.tells(value)
                if known[value]:
                    yield from _found([(column, value)], subject, "journal", name, f"row {row}")


def _parts(raw: bytes) -> Iterator[tuple[str, str]]:
    """What a message tells: everybody in it, its subject, its text, and the names of what is attached."""
    message = parse(raw)
    yield from strings(attrs.asdict(message), "mail")


def _grouped(held: Iterable[Held]) -> dict[tuple[str, str], list[Held]]:
    groups: dict[tuple[str, str], list[Held]] = {}
    for one in held:
        groups.setdefault((one.where, one.name), []).append(one)
    return groups
