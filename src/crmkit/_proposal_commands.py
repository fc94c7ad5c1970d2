"""The command about proposals: a brief answered from a library of files."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from crmkit._answers import tell, write_json
from crmkit._options import AsJson, Lang, Zone
from crmkit._progress import step
from crmkit._publish_commands import app
from crmkit._rule_files import read_rows
from crmkit._search_commands import _objects
from crmkit.adapters.briefs import read_brief
from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import CrmkitError, InputError, did_you_mean
from crmkit.kb import Analyzer, SegmentIndex, Viewer
from crmkit.kb.proposals import Aim, Brief, Budget, Library, Material, Proposal, Yardstick, propose
from crmkit.model import Document
from crmkit.report.proposals import to_docx
from crmkit.values import Fields, zone

__all__ = ["app"]


_DAYS = frozenset({"approved", "review_by"})
_INSTANTS = frozenset({"valid_from", "valid_until"})
_LISTS = frozenset({"products", "roles", "subjects", "keywords", "supersedes"})
_COUNTS = frozenset({"won", "lost"})
_PLAIN = frozenset({"need", "environment", "language", "audience", "state"})
_OF_DOCUMENT = frozenset({"id", "title", "text", "owner", "customer", "case"})
_KNOWN = _DAYS | _INSTANTS | _LISTS | _COUNTS | _PLAIN | _OF_DOCUMENT
_USUAL = Yardstick()


Materials: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="LIBRARY",
        help="JSON lines, or CSV, TSV or Parquet, a material a row: id, title, text, and "
        "audience, state, language, products, owner, approved, valid_until, won, lost ...",
    ),
]
Author: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ID", help="The id of one of us who makes it; alone: for us only.")
]


@app.command("propose")
def propose_(
    brief: Annotated[Path, typer.Argument(metavar="BRIEF", help="What is asked for: .docx, Markdown or plain text.")],
    library: Materials,
    *,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="The day, or instant, of the proposal; now, if not given.")
    ] = None,
    tz: Zone = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="The id of the customer who will read it.")] = None,
    author: Author = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A role of whoever makes it; repeat it.")
    ] = None,
    deal: Annotated[str | None, typer.Option(metavar="ID", help="The id of the deal.")] = None,
    language: Annotated[str | None, typer.Option(metavar="LANG", help="Only materials in this language.")] = None,
    product: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only materials about this product, or about all.")
    ] = None,
    words: Annotated[int | None, typer.Option(metavar="N", help="How many words there is room for.", min=0)] = None,
    paragraphs: Annotated[int | None, typer.Option(metavar="N", help="How many paragraphs.", min=0)] = None,
    each: Annotated[int, typer.Option(metavar="N", help="How many paragraphs for one requirement.", min=0)] = 1,
    enough: Annotated[
        float, typer.Option(metavar="SHARE", help="The share of its words that covers a requirement.")
    ] = _USUAL.enough,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Encoding of a brief of plain text.")] = None,
    lang: Lang = "en",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the draft here: .md or .docx.")] = None,
    as_json: AsJson = False,
) -> None:
    """Answer a brief from a library: what covers each requirement, with its source, and what nothing covers."""
    if out is not None and out.exists() and any(out.samefile(one) for one in (brief, *library) if one.exists()):
        raise InputError(str(out), "is what the draft is made from", "give the draft another name")
    place = UTC if tz is None else zone(tz)
    asked = Brief(read_brief(brief, encoding=encoding), brief.name, customer=customer, case=deal)
    known = Library(_materials(library, place), analyzer=Analyzer())
    aim = Aim(_moment(as_of, place), _readers(customer, author, role), language, product)
    yard = Yardstick(enough=enough, weak=min(_USUAL.weak, enough))
    index = SegmentIndex(MemoryBlobStore(), "library", analyzer=known.analyzer)
    index.apply(known.documents())
    with step("matching"):
        made = propose(asked, known, index, aim=aim, budget=Budget(words, paragraphs, each), yard=yard)
    if out is not None:
        _write(out, made, lang)
    if as_json:
        write_json({"schema": "crmkit-kb-propose-1"} | made.to_dict())
    elif out is None:
        print(made.to_markdown(lang), end="")  # noqa: T201 - for a pipe
    else:
        tell({}, _lines(made, out), as_json=False)


def _moment(at: str | None, place: tzinfo) -> datetime:
    if at is None:
        return datetime.now(UTC)
    return _instant("--as-of", at, place, time.max)


def _readers(customer: str | None, author: str | None, roles: list[str] | None) -> list[Viewer]:
    """Whoever is named has to be allowed to see what is offered; anybody, if nobody is."""
    readers = [] if customer is None else [Viewer(customer=customer)]
    if author is not None:
        readers.append(Viewer(author, staff=True, roles=roles or ()))
    elif roles:
        raise InputError("--role", "is that of one of us", "say who with --author")
    return readers or [Viewer()]


def _list(text: Any) -> list[str]:
    if isinstance(text, str):
        return [part.strip() for part in text.split(",") if part.strip()]
    return [str(part) for part in text] if isinstance(text, list | tuple) else []


# -- the library


def _materials(files: Iterable[Path], place: tzinfo) -> Iterator[Material]:
    for file in files:
        rows = _objects(file) if file.suffix == ".jsonl" else enumerate(read_rows(file), 2)
        for row, one in rows:
            yield _material(one, file, row, place)


def _material(one: Any, file: Path, row: int, place: tzinfo) -> Material:
    if not isinstance(one, Mapping):
        raise InputError(str(file), "is no object", row=row)
    filled = {str(name): value for name, value in one.items() if value not in (None, "")}
    for name in ("id", "text"):
        if name not in filled:
            raise InputError(str(file), f"has no {name}", row=row)
    for name in filled:
        if name not in _KNOWN:
            raise InputError(str(file), f"means nothing here{did_you_mean(name, _KNOWN)}", row=row, column=name)
    try:
        fields = {name: _value(name, value, place) for name, value in filled.items() if name not in _OF_DOCUMENT}
        told = {name: str(value) for name, value in filled.items() if name in _OF_DOCUMENT}
        return Material.of(
            Document(
                told["id"], told.get("title", ""), told["text"], who=told.get("owner"), customer=told.get("customer"),
                case=told.get("case"), fields=Fields(fields),
            )
        )  # fmt: skip
    except InputError as error:
        raise InputError(str(file), error.reason, error.remedy, row, error.source) from None
    except CrmkitError as error:
        raise InputError(str(file), str(error), row=row) from None


def _value(name: str, value: Any, place: tzinfo) -> Any:
    if name in _LISTS:
        return _list(value)
    if name in _INSTANTS:
        # The last day of validity belongs to it; a validity ends before an instant.
        last = name == "valid_until"
        moment = _instant(name, str(value), place, time.max if last else time.min)
        return moment + timedelta(microseconds=1) if last and moment.time() == time.max else moment
    if name in _DAYS:
        return _instant(name, str(value), place, time.min).date()
    if name in _COUNTS:
        try:
            return int(str(value))
        except ValueError:
            raise InputError(name, f"{value!r} is no number of proposals") from None
    return str(value)


def _instant(name: str, text: str, place: tzinfo, of_day: time) -> datetime:
    """An instant, or that time of a day."""
    try:
        if len(text) <= len("2026-06-30"):
            return datetime.combine(date.fromisoformat(text), of_day, place)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(name, f"{text!r} is no date", "write it as 2026-06-30") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=place)


# -- what came of it


def _write(out: Path, made: Proposal, language: str) -> None:
    if out.suffix.lower() not in {".md", ".docx"}:
        raise InputError(str(out), "is neither .md nor .docx")
    data = to_docx(made, language=language) if out.suffix.lower() == ".docx" else made.to_markdown(language).encode()
    try:
        out.write_bytes(data)
    except OSError as error:
        raise InputError(str(out), f"cannot be written: {error.strerror}") from None


def _lines(made: Proposal, out: Path) -> Iterator[str]:
    counts = made.counts()
    yield (
        f"{out}: {len(made.answers)} requirements: {counts['covered']} covered, {counts['weak']} weak, "
        f"{counts['uncovered']} uncovered; {len(made.offers)} paragraphs, {made.words} words"
    )
    if made.unusable:
        reasons = ", ".join(f"{count} {why}" for why, count in made.unusable.items())
        yield f"of {made.materials} materials not offered: {reasons}"
    for gap in made.gaps:
        one = gap.requirement
        yield f"line {one.line}, {one.obligation}, {gap.status} ({gap.reason}): {' '.join(one.text.split())[:100]}"
