"""The commands about stores: take one elsewhere, verify it, tell what it holds about a person, erase that."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import attrs
import typer

from crmkit._answers import tell, write_json
from crmkit._options import AsJson, Lang
from crmkit._progress import step
from crmkit.adapters.mail_removal import remove_messages
from crmkit.adapters.mailboxes import RawMessage, read_mailbox
from crmkit.adapters.moving import check_archive, export_store, import_store, unfinished
from crmkit.adapters.opening import open_store
from crmkit.errors import InputError, NotFound
from crmkit.kb import Analyzer, SegmentIndex
from crmkit.privacy import Subject, erase, mentions, report
from crmkit.protocols import MovableRecords, Store

__all__ = ["app"]

_SEGMENT = re.compile(r"(.*)/segment-\d{12}-\d{4}-[0-9a-f]{24}/", re.DOTALL)

app = typer.Typer(no_args_is_help=True, help="Move and verify stores; tell and erase what they hold about a person.")

Place: TypeAlias = Annotated[
    str, typer.Argument(metavar="STORE", help="A SQLite file, or a URL: postgresql+psycopg://user@host/database.")
]
Tenant: TypeAlias = Annotated[str, typer.Option(metavar="NAME", help="Whose data.")]
File: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines, or Parquet if named .parquet.")]
Ids: TypeAlias = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="A key that stands for them; repeat it.")
]
Texts: TypeAlias = Annotated[
    list[str] | None, typer.Option("--text", metavar="TEXT", help="A name, an address, a number of theirs; repeat it.")
]
Own: TypeAlias = Annotated[
    list[str] | None, typer.Option("--record", metavar="KIND/ID", help="A record about nobody else; repeat it.")
]
Mail: TypeAlias = Annotated[
    list[Path] | None, typer.Option("--mail", metavar="MAILBOX", help="A mailbox to look through; repeat it.")
]


@app.command("export")
def export_(store: Place, file: File, *, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Write all of a store to one file; an interrupted one goes on where it stopped (JSON Lines)."""
    with _opened(store, tenant) as opened, step(f"writing {file.name}"):
        made = export_store(opened, file)
    tell({"schema": "crmkit-store-export-1", **attrs.asdict(made)}, [_counts(made), str(file)], as_json=as_json)


@app.command("import")
def import_(file: File, store: Place, *, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Put all of a file into an empty store; an interrupted one is finished by the same file."""
    check_archive(file)
    with open_store(store, tenant=tenant, create=True) as opened, step(f"storing {file.name}"):
        made = import_store(opened, file)
    tell({"schema": "crmkit-store-import-1", **attrs.asdict(made)}, [_counts(made)], as_json=as_json)


@app.command("verify")
def verify_(store: Place, *, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Check every event against its checksum, and whether an import was left half done. Exit code 1 if something is."""
    with _opened(store, tenant) as opened:
        with step("verifying"):
            found = [*opened.events.verify()]
        half = unfinished(opened)
    if half is not None:
        found.append(f"{store}: holds half of the archive {half}; import that file again to finish it")
    tell({"schema": "crmkit-store-verify-1", "found": found}, found or ["nothing is wrong with it"], as_json=as_json)
    raise typer.Exit(1 if found else 0)


@app.command("person")
def person_(
    store: Place,
    *,
    id_: Ids = None,
    text: Texts = None,
    record: Own = None,
    mail: Mail = None,
    tenant: Tenant = "default",
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Tell everything that is held about a person: every place, with what stands there."""
    subject = _subject(id_, text, record)
    with _opened(store, tenant) as opened:
        messages = ((f"{box}: {one.where}", one.raw) for box in mail or () for one in read_mailbox(box))
        with step("looking"):
            found = report(subject, opened, indexes=_indexes(opened), mail=messages)
    if as_json:
        write_json(json.loads(found.to_json()))
    else:
        print(found.to_text(lang), end="")  # noqa: T201 - for a pipe


@app.command("erase")
def erase_(
    store: Place,
    *,
    id_: Ids = None,
    text: Texts = None,
    record: Own = None,
    mail: Mail = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="A field of their records to keep; repeat it.")
    ] = None,
    pseudonym: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What to put in the place of their keys.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be found.")] = False,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Erase a person: texts are replaced, facts stay countable, files are written anew. Exit code 1 if any are left."""
    subject = _subject(id_, text, record)
    for box in mail or ():
        if not box.exists():  # said before anything is changed
            raise InputError(str(box), "there is no such file or folder")
    with _opened(store, tenant) as opened:
        if not yes:
            count = len(report(subject, opened, indexes=_indexes(opened)).held)
            messages = sum(_mentioning(box, subject) for box in mail or ())
            told = {"schema": "crmkit-store-erase-1", "done": False, "found": count, "messages": messages}
            of = f"{count} places" + (f" and {messages} messages" if mail else "")
            line = f"{of}; nothing was changed: crmkit store person shows them, --yes erases them"
            tell(told, [line], as_json=as_json)
            return
        indexes = _indexes(opened)
        with step("erasing"):
            done = erase(opened, subject, at=datetime.now(UTC), keep=keep or (), pseudonym=pseudonym, indexes=indexes)
    removed = sum(remove_messages(box, lambda message: mentions(subject, message.raw)) for box in mail or ())
    told = {"schema": "crmkit-store-erase-1", "done": True, **attrs.asdict(done), "messages": removed}
    lines = [
        f"{done.events} facts, {done.records} records, {done.documents} documents changed, {removed} messages deleted",
        *(f"left: {one.where} {one.name} {one.place}, {one.path}: {' '.join(one.text.split())}" for one in done.left),
    ]
    tell(told, lines, as_json=as_json)
    raise typer.Exit(1 if done.left else 0)


@contextmanager
def _opened(place: str, tenant: str) -> Generator[Store]:
    """A store; of a tenant who has nothing in it where others have, nothing could be said that is not misleading."""
    with open_store(place, tenant=tenant) as opened:
        tell = getattr(opened, "tenants", None)
        known = () if tell is None else tuple(tell())
        if known and tenant not in known and not _holds_anything(opened):
            raise NotFound("tenant", tenant, known, place)
        yield opened


def _holds_anything(store: Store) -> bool:
    kinds = store.records.kinds() if isinstance(store.records, MovableRecords) else ()
    return any(True for _ in chain(store.events.read(limit=1), store.blobs.list(), kinds))


def _mentioning(box: Path, subject: Subject) -> int:
    """How many messages of a mailbox would be deleted; all are looked at, and all are kept."""
    found = 0

    def look(message: RawMessage) -> bool:
        nonlocal found
        found += mentions(subject, message.raw)
        return False

    remove_messages(box, look)
    return found


def _subject(ids: list[str] | None, texts: list[str] | None, records: list[str] | None) -> Subject:
    pairs: list[tuple[str, str]] = []
    for one in records or ():
        kind, slash, id_ = one.partition("/")
        if not slash:
            raise InputError("", f"--record {one}", "write KIND/ID, as in contact/C-7")
        pairs.append((kind, id_))
    if not (ids or texts or pairs):
        raise InputError("", "nobody is named", "give --text, --id or --record")
    return Subject(ids or (), texts or (), pairs)


def _indexes(store: Store) -> dict[str, SegmentIndex]:
    """The search indexes of a store, by what the blobs of their segments are called."""
    found = sorted({match[1] for name in store.blobs.list() if (match := _SEGMENT.match(name))})
    # That with sounds needs an extra: it is only made when it is needed.
    return {
        name: SegmentIndex.opened(store.blobs, name, analyzers=(Analyzer(pinyin=sounds) for sounds in (False, True)))
        for name in found
    }


def _counts(made: Any) -> str:
    return f"{made.events} events, {made.records} records, {made.blobs} blobs, sum {made.sum}"
