"""The command that publishes cards as a site."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from crmkit._answers import tell
from crmkit._options import AsJson, Lang
from crmkit._progress import step
from crmkit._rule_files import read_bytes, read_rows
from crmkit._search_commands import app
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import CrmkitError, InputError, did_you_mean
from crmkit.kb import Card, Cards, Thesaurus, Viewer
from crmkit.report.publishing import Site, publish

__all__ = ["app"]

_SQLITE = b"SQLite format 3\0"
_LISTS = ("subjects", "keywords", "roles", "supersedes")
_SHOWN = 20


@app.command("publish")
def publish_(
    cards: Annotated[
        Path,
        typer.Argument(
            metavar="CARDS", help="Cards: a SQLite file of ours, JSON lines, or a table (CSV, TSV, Parquet)."
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of the site: empty, new, or published to before.")
    ],
    *,
    title: Annotated[str, typer.Option(metavar="TEXT", help="What the site is called.")],
    lang: Lang = "en",
    base: Annotated[
        str | None, typer.Option(metavar="URL", help="The address it will have: https://help.example.com/kb/")
    ] = None,
    subjects: Annotated[Path | None, typer.Option(metavar="FILE", help="The thesaurus, as CSV or JSON.")] = None,
    staff: Annotated[bool, typer.Option("--staff", help="For our own people.")] = False,
    role: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For those of them with this role, too; repeat it.")
    ] = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="For one customer, by its id.")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="The moment that counts, with its zone; now if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish the cards that may be seen as a site of plain files; what may no longer be seen is removed from it."""
    with step("publishing"):
        site = publish(
            _cards(cards),
            folder,
            now=datetime.now(UTC) if as_of is None else _moment(as_of, "--as-of"),
            title=title,
            viewer=Viewer(staff=staff, roles=role or (), customer=customer),
            language=lang,
            base=base,
            thesaurus=Thesaurus() if subjects is None else _thesaurus(subjects),
        )
    tell(_plain(site), _lines(site), as_json=as_json)


def _plain(site: Site) -> dict[str, Any]:
    told = attrs.asdict(site) | {"due": None if site.due is None else site.due.isoformat()}
    return {"schema": "crmkit-kb-publish-1", **told}


def _lines(site: Site) -> Iterator[str]:
    yield f"shown: cards {len(site.pages)}, subjects {len(site.subjects)}"
    yield f"files: {len(site.written)} written, {site.unchanged} unchanged, {len(site.removed)} removed"
    for reason, count in sorted(site.hidden.items()):
        yield f"not shown: {count}, {reason}"
    for card, addresses in list(site.unlinked.items())[:_SHOWN]:
        yield f"card {card!r} links to what is not on the site: {', '.join(addresses)}"
    if len(site.unlinked) > _SHOWN:
        yield f"and so do {len(site.unlinked) - _SHOWN} more; --json tells all"
    if site.due is not None:
        yield f"publish again by {site.due.isoformat(' ', 'minutes')}: something opens or shuts then"
    yield from site.notes


# -- what is published


def _cards(file: Path) -> list[Card]:
    if file.is_file() and _head(file) == _SQLITE:
        with SqliteStore(file) as store:
            return list(Cards(store.records).find())
    if file.suffix == ".jsonl":
        return [_card(one, file, row) for row, one in _json_lines(file)]
    return [_card(_cells(one), file, row) for row, one in enumerate(read_rows(file), 2)]


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(len(_SQLITE))
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None


def _json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    for row, line in enumerate(read_bytes(file).splitlines(), 1):
        if line.strip():
            try:
                yield row, json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                raise InputError(str(file), f"is no JSON: {error}", row=row) from None


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """The filled cells of a row; several values in one have a bar between them."""
    filled = {name: value for name, value in row.items() if value not in (None, "")}
    return {
        name: [part.strip() for part in value.split("|")] if name in _LISTS and isinstance(value, str) else value
        for name, value in filled.items()
    }


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _time(value: Any, _: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _day(value: Any, _: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


_converter = Converter(forbid_extra_keys=True)
_converter.register_structure_hook(str, _text)
_converter.register_structure_hook(datetime, _time)
_converter.register_structure_hook(date, _day)


def _card(one: Any, file: Path, row: int) -> Card:
    if not isinstance(one, dict):
        raise InputError(str(file), "is no object", row=row)
    try:
        return _converter.structure(one, Card)
    except BaseValidationError as error:
        raise InputError(str(file), "; ".join(transform_error(error, "card", _problem)), row=row) from None
    except (CrmkitError, ValueError, TypeError) as error:
        raise InputError(str(file), str(error), row=row) from None


def _problem(error: BaseException, _: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        return ", ".join(f"{name!r} is no part of it{did_you_mean(name, known)}" for name in sorted(error.extra_fields))
    return "is missing" if isinstance(error, KeyError) else str(error)


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            # The first and the last day of the calendar are not the same day everywhere.
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError("", f"{name} {text}: is no moment", "write 2026-03-02T09:00+08:00") from None
    raise InputError("", f"{name} {text}: has no zone", "write 2026-03-02T09:00+08:00")


def _thesaurus(file: Path) -> Thesaurus:
    data = read_bytes(file)
    if file.suffix != ".json":
        return Thesaurus.from_csv(data, name=file.name)
    try:
        return Thesaurus.from_json(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(str(file), f"is no UTF-8: byte {error.start} does not fit") from None
