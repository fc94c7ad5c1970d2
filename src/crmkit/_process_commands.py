"""The commands about processes: does a log agree with a pipeline, and which pipeline does a log show."""

import json
import tomllib
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from crmkit._answers import rows, say, whole, write_file, write_json
from crmkit._commands import (
    Wanted,
    _event_columns,
    _instant,
    _list,
    _order,
    _pipeline,
    _table,
    _told_of_tomorrow,
)
from crmkit._options import (
    Amount,
    AsJson,
    AsOf,
    At,
    BusinessTime,
    Case,
    Dates,
    Files,
    Lost,
    StageColumn,
    Who,
    Won,
    Zone,
    one_of,
    pipelines,
)
from crmkit._progress import step
from crmkit.calendars import WorkingTime, calendar_from_dict
from crmkit.errors import InputError, NotFound
from crmkit.journal import Journal
from crmkit.pipeline import Pipeline
from crmkit.pipeline.conform import conform
from crmkit.pipeline.discover import discover
from crmkit.values import zone

__all__ = ["conform_", "discover_"]

Repeats: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        autocompletion=one_of("visit", "merge"),
        help="A row that names the stage the case is in: visit, a new stay, or merge, nothing new.",
    ),
]
Law: TypeAlias = Annotated[
    str,
    typer.Option(
        "--pipeline", metavar="FILE", help="The process as TOML, or one of ours by its name.", autocompletion=pipelines
    ),
]


def conform_(
    files: Files,
    *,
    pipeline: Law,
    case: Case = None,
    stage: StageColumn = None,
    at: At = None,
    who: Who = None,
    amount: Amount = None,
    calendar: BusinessTime = None,
    roles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The role or roles of each person as JSON or TOML.")
    ] = None,
    as_of: AsOf = None,
    tz: Zone = None,
    dates: Dates = None,
    repeats: Repeats = "visit",
    as_json: AsJson = False,
) -> None:
    """Compare a log with the pipeline: every deviation, with its kind, its place and who it was."""
    law = _pipeline(pipeline)
    assert law is not None  # noqa: S101 - the option is required
    wanted = _wanted(case, stage, at, who=who, amount=amount, tz=tz, dates=dates)
    journal = _journal(files, wanted, as_of, repeats, _fields(law))
    held = None if roles is None else _roles(roles)
    with step("comparing"):
        found = conform(journal, law, roles=held, calendar=None if calendar is None else _calendar(calendar))
    if not as_json:
        say([whole(found), whole(found.by_who()), *map(str, journal.findings)])
        return
    write_json({
        "schema": "crmkit-conform-1",
        "cases": found.n, "share": found.share, "verdicts": found.counts, "kinds": rows(found.by_kind()),
        "people": rows(found.by_who()), "versions": rows(found.by_version()), "not_checked": found.not_checked,
        "deviations": rows(found.deviations), "findings": [str(one) for one in journal.findings],
    })  # fmt: skip


def discover_(
    files: Files,
    *,
    case: Case = None,
    stage: StageColumn = None,
    at: At = None,
    who: Who = None,
    won: Won = None,
    lost: Lost = None,
    closed: Annotated[
        str | None, typer.Option("--closed-stages", metavar="A,B,C", help="All closed stages, with commas.")
    ] = None,
    coverage: Annotated[
        float, typer.Option(metavar="SHARE", help="The share of moves that the draft should have.")
    ] = 0.95,
    as_of: AsOf = None,
    tz: Zone = None,
    dates: Dates = None,
    repeats: Repeats = "visit",
    as_json: AsJson = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The drafted pipeline as TOML.")] = None,
) -> None:
    """Show how cases flow, where they wait, and a first draft of the pipeline."""
    wanted = _wanted(case, stage, at, who=who, tz=tz, dates=dates)
    journal = _journal(files, wanted, as_of, repeats, ())
    shut = None if closed is None else _list(closed)
    with step("discovering"):
        found = discover(journal, coverage=coverage, won=_list(won), lost=_list(lost), closed=shut)
    draft = found.draft
    if out is not None:
        write_file(out, draft.pipeline.to_toml())
    if not as_json:
        say([whole(found), *map(str, journal.findings), *([] if out is None else [str(out)])])
        return
    graph = found.graph
    write_json({
        "schema": "crmkit-discover-1",
        "cases": graph.cases, "starts": graph.starts, "ends": graph.ends, "open": graph.open, "closed": found.closed,
        "flow": rows(graph), "variants": rows(found.variants), "rework": rows(found.rework),
        "bottlenecks": rows(found.bottlenecks), "handovers": rows(found.handovers),
        "draft": {
            "pipeline": draft.pipeline.to_dict(), "moves": draft.moves, "cases": draft.cases,
            "left_out": [[*edge, n] for edge, n in draft.left_out.items()], "stages_left_out": draft.stages_out,
            "guesses": draft.guesses,
        },
        "findings": [str(one) for one in journal.findings],
    })  # fmt: skip


def _wanted(
    case: str | None, stage: str | None, at: str | None, *, who: str | None, tz: str | None, dates: str | None,
    amount: str | None = None,
) -> Wanted:  # fmt: skip
    wanted = Wanted(case, stage, at, None, None, None, {}, who, amount, (), (), (), tz, _order(dates), "en")
    wanted.check()
    return wanted


def _journal(files: list[Path], wanted: Wanted, as_of: str | None, repeats: str, fields: Iterable[str]) -> Journal:
    """The log with every stage it has, known to a pipeline or not."""
    if repeats not in ("visit", "merge"):
        raise NotFound("way to read repeats", repeats, ("visit", "merge"), "--repeats")
    name = ", ".join(file.name for file in files)
    table = _table(files)
    shared: dict[str, Any] = {"who": wanted.who, "amount": wanted.amount, "tz": wanted.tz, "dates": wanted.dates}
    columns: dict[str, Any] = _event_columns(table, name, wanted, shared)
    known = tuple(map(str, getattr(table, "column_names", None) or table.columns))
    moment = None if as_of is None else _instant(as_of, zone(wanted.tz) if wanted.tz else UTC)
    dims = tuple(field for field in fields if field in known)
    return _told_of_tomorrow(
        Journal.from_frame(table, **columns, **shared, dims=dims, repeats=repeats, as_of=moment, name=name)  # type: ignore[arg-type] # checked above
    )


def _fields(law: Pipeline) -> tuple[str, ...]:
    """The fields that stages and moves require."""
    parts: list[Any] = [*law.stages, *(move for moves in law.moves.values() for move in moves.values())]
    return tuple(dict.fromkeys(name for part in parts for name in part.requires))


def _calendar(file: Path) -> WorkingTime:
    return calendar_from_dict(_settings(file))


def _roles(file: Path) -> dict[str, tuple[str, ...]]:
    plain = _settings(file)
    if not isinstance(plain, dict):
        raise InputError(str(file), "is no table of people and roles")
    held: dict[str, tuple[str, ...]] = {}
    for name, value in plain.items():
        roles = [value] if isinstance(value, str) else value
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise InputError(str(file), f"{name!r} has no role and no list of roles", 'write li = ["rep", "manager"]')
        held[name] = tuple(roles)
    return held


def _settings(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8-sig")
        plain = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(file), f"cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(str(file), f"is no JSON and no TOML: {error}") from None
    return plain
