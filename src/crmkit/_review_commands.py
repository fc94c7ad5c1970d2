"""The command about the agenda: what changed, what is out of line, what improvement cases want."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import attrs
import typer

from crmkit._answers import say, write_json
from crmkit._commands import _instant, _list, _order, _pipeline, write
from crmkit._kpi_files import JOURNALS, KINDS, Asked, Columns, Files, load
from crmkit._options import (
    Amount,
    AsJson,
    AsOf,
    At,
    Case,
    Closed,
    ColumnNames,
    Currency,
    Dates,
    Lang,
    Lost,
    Opened,
    OutcomeColumn,
    PipelineFile,
    StageColumn,
    Stages,
    Who,
    Won,
    Zone,
    language_of,
)
from crmkit._progress import step
from crmkit.adapters.opening import open_store
from crmkit.errors import InputError, NotFound
from crmkit.improve.review import Review, review
from crmkit.journal import Journal
from crmkit.loop import Loop
from crmkit.metrics import Facts
from crmkit.report import build
from crmkit.values import Every, FiscalCalendar, Period, from_micros, zone

__all__ = ["review_"]

Exports: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="[KIND=]FILE...",
        help=f"CSV, TSV or Parquet. KIND: {', '.join(JOURNALS)} for stages, or what rows are: {', '.join(KINDS)}.",
    ),
]
Over: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="PERIOD",
        help="2026-Q1, 2026-05, 2026, or FIRST..LAST day; the last whole quarter that was observed if not given.",
    ),
]
Place: TypeAlias = Annotated[
    str | None,
    typer.Option("--store", metavar="STORE", help="Where the improvement cases are: a SQLite file or a URL."),
]
Opens: TypeAlias = Annotated[
    bool, typer.Option("--open", help="Open a case in the store for each problem without one.")
]
Folder: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Folder for report.html and report.json, the agenda in it.")
]

_QUARTER, _MONTH, _YEAR = (re.compile(form) for form in (r"(\d{4})-?Q([1-4])", r"(\d{4})-(\d{1,2})", r"(\d{4})"))


def review_(
    files: Exports,
    *,
    over: Over = None,
    store: Place = None,
    open_: Opens = False,
    out: Folder = None,
    case: Case = None,
    stage: StageColumn = None,
    at: At = None,
    opened: Opened = None,
    closed: Closed = None,
    outcome: OutcomeColumn = None,
    who: Who = None,
    amount: Amount = None,
    column: ColumnNames = None,
    currency: Currency = None,
    pipeline: PipelineFile = None,
    stages: Stages = None,
    won: Won = None,
    lost: Lost = None,
    as_of: AsOf = None,
    tz: Zone = None,
    dates: Dates = None,
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Make the agenda of a period: what changed, who and what is out of line, what is worth sharing, what is due."""
    language = language_of(lang)
    places = {"case": case, "stage": stage, "at": at, "opened": opened, "closed": closed, "outcome": outcome}
    asked = Asked(
        Columns.of({**places, "who": who, "amount": amount}, column or ()), (), _list(stages), _list(won), _list(lost),
        _pipeline(pipeline), currency, tz, _order(dates),
        None if as_of is None else _instant(as_of, zone(tz) if tz else UTC),
    )  # fmt: skip
    if open_ and store is None:
        raise InputError("--open", "says not where", "give --store FILE, too")
    read = load(_split(files), asked)
    facts = Facts(**read.facts, tz=tz or "UTC")
    if out is not None:
        _deals(facts)
    with step("reviewing"):
        made, cases = _reviewed(facts, _period(over, facts), store, opens=open_)
    if as_json:
        write_json({"schema": "crmkit-review-1", **made.to_dict(), "opened": cases, "left_out": _left_out(read)})
    else:
        say([made.to_text(language), *_said(cases, language), *map(str, read.findings)])
    if out is not None:
        _page(made, facts, (out, ", ".join(files), language), quiet=as_json)


def _split(words: list[str]) -> dict[str, list[Path]]:
    """Files by their kind; "" for those that say it themselves."""
    found: dict[str, list[Path]] = {}
    for word in words:
        kind, given, path = word.partition("=")
        if given and kind in (*KINDS, *JOURNALS):
            found.setdefault(kind, []).append(Path(path))
        elif given and not Path(word).exists():
            raise NotFound("kind of file", kind, (*JOURNALS, *KINDS), "KIND=FILE")
        else:
            found.setdefault("", []).append(Path(word))
    return found


def _period(text: str | None, facts: Facts) -> Period:
    """The period that is asked for, or the last whole quarter."""
    if text is None:
        day, cut = from_micros(facts.until(), zone(facts.tz)).date(), FiscalCalendar()
        # What is observed up to its last moment is whole.
        return Period.of("quarter", *cut.containing("quarter", day)).previous()
    first, dots, last = text.partition("..")
    if dots:
        try:
            return Period(date.fromisoformat(first), date.fromordinal(date.fromisoformat(last).toordinal() + 1), text)
        except ValueError:
            raise InputError("--over", f"{text!r} is no FIRST..LAST day, as 2026-01-01..2026-03-31") from None
    units: dict[Every, re.Pattern[str]] = {"quarter": _QUARTER, "month": _MONTH, "year": _YEAR}
    for unit, form in units.items():
        match = form.fullmatch(text)
        if match:
            year, number = [*map(int, match.groups()), 1][:2]
            return Period.of(unit, year, number)
    raise InputError("--over", f"{text!r} is no period", "write 2026-Q1, 2026-05, 2026 or 2026-01-01..2026-03-31")


def _reviewed(facts: Facts, over: Period, store: str | None, *, opens: bool) -> tuple[Review, list[str]]:
    """The agenda, and the ids of the cases that were opened."""
    end = from_micros(facts.until(), zone(facts.tz))
    moment = min(end, from_micros(over.instants(zone(facts.tz))[1], zone(facts.tz)))
    if store is None:
        return review(facts, over, at=moment), []
    with open_store(store, create=opens) as opened:
        loop = Loop(opened.events, lambda: datetime.now(UTC), tz=facts.tz)
        made = review(facts, over, cases=loop.cases(), at=moment)
        return made, [one.case.id for one in loop.open(made.problems).new] if opens else []


def _said(cases: list[str], lang: Literal["en", "zh"]) -> list[str]:
    head = {"en": "Opened:", "zh": "已立项："}[lang]
    return ["\n".join([head, *(f"- {case}" for case in cases)])] if cases else []


def _left_out(read: Files) -> list[dict[str, object]]:
    return [attrs.asdict(finding) for finding in read.findings]


def _deals(facts: Facts) -> Journal:
    if facts.journal is None:
        raise InputError("--out", "there are no stage changes of deals to make a page of")
    return facts.journal


def _page(made: Review, facts: Facts, where: tuple[Path, str, Literal["en", "zh"]], *, quiet: bool) -> None:
    out, names, language = where
    page = build(_deals(facts), stages=facts.stages, source={"files": names})
    write(attrs.evolve(page, agenda=made), out, names, language, quiet=quiet)
