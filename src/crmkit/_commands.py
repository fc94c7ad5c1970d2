"""The commands behind `crmkit.cli`: they read options, call the library, and write files."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import typer

from crmkit._answers import say, write_json
from crmkit._options import (
    Amount,
    AsJson,
    AsOf,
    At,
    Case,
    Closed,
    Dates,
    Files,
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
    preset,
)
from crmkit._progress import step
from crmkit.adapters.files import read_table
from crmkit.errors import InputError, NotFound, did_you_mean
from crmkit.journal import Finding, Journal, Table, usual_outcome
from crmkit.pipeline import Pipeline
from crmkit.pipeline.discover import usual_order
from crmkit.report import Report, build, summary
from crmkit.report.composing import Page
from crmkit.report.page import to_html
from crmkit.values import to_micros, zone


def report(
    files: Files,
    *,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder for report.html and report.json.")] = None,
    case: Case = None,
    stage: StageColumn = None,
    at: At = None,
    opened: Opened = None,
    closed: Closed = None,
    outcome: OutcomeColumn = None,
    milestone: Annotated[
        list[str] | None, typer.Option(metavar="STAGE=COLUMN", help="Wide form: stages in order; repeat it.")
    ] = None,
    who: Who = None,
    amount: Amount = None,
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
    """Write an honest picture of a process from an export of its stage changes: a page, its data, or both."""
    if out is None and not as_json:
        raise InputError("--out", "is missing: where the page goes", "give --out FOLDER, or --json for the data alone")
    wanted = Wanted(
        case, stage, at, opened, closed, outcome, _pairs(milestone or []), who, amount, _list(stages), _list(won),
        _list(lost), tz, _order(dates), language_of(lang),
    )  # fmt: skip
    wanted.check()
    process = _pipeline(pipeline)
    moment = None if as_of is None else _instant(as_of, zone(tz) if tz else UTC)
    names = ", ".join(file.name for file in files)
    journal = _told_of_tomorrow(_journal(_table(files, wanted), names, wanted, process, moment))
    with step("estimating"):
        made = build(
            journal, stages=process or wanted.order(journal), won=wanted.closing("won", journal, process),
            lost=wanted.closing("lost", journal, process), source={"files": names},
        )  # fmt: skip
    if out is not None:
        write(made, out, names, wanted.lang, quiet=as_json)
    if as_json:
        write_json({"schema": "crmkit-report-1", **made.to_dict()})


def demo(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the pages.")] = Path("out/demo"),
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Write three pages: a made-up company with everything, a year whose truth is known, and real quotations."""
    from crmkit._demo import firm, quotations, year

    language = language_of(lang)
    with step("a made-up company"):
        page = firm()
    pages: list[dict[str, str]] = []
    if page.report is not None:
        write(page.report, out / "company", "a made-up company", language, quiet=as_json, page=page)
        pages.append(_page(out, "company", "a made-up company"))
    for folder, name, made in (("simulated", "a simulated year", year), ("quotations", "USAID quotations", quotations)):
        with step(name):
            report = made()
        write(report, out / folder, name, language, quiet=as_json)
        pages.append(_page(out, folder, name))
    if as_json:
        write_json({"schema": "crmkit-demo-1", "pages": pages})


def _page(out: Path, folder: str, name: str) -> dict[str, str]:
    return {"name": name, **{kind: str(out / folder / f"report.{kind}") for kind in ("html", "json")}}


@attrs.frozen
class Wanted:
    """What the options ask for."""

    case: str | None
    stage: str | None
    at: str | None
    opened: str | None
    closed: str | None
    outcome: str | None
    milestones: dict[str, str]
    who: str | None
    amount: str | None
    stages: tuple[str, ...]
    won: tuple[str, ...]
    lost: tuple[str, ...]
    tz: str | None
    dates: Literal["dmy", "mdy", "ymd"] | None
    lang: Literal["en", "zh"]

    def check(self) -> None:
        """Refuse half a form, and two at once."""
        forms: dict[str, dict[str, object]] = {
            "event form": {"--stage": self.stage, "--at": self.at},
            "snapshot form": {"--opened": self.opened, "--closed": self.closed, "--outcome": self.outcome},
            "wide form": {"--milestone": self.milestones or None},
        }
        begun = {name: options for name, options in forms.items() if any(options.values())}
        if len(begun) > 1:
            raise InputError("", f"{' and '.join(begun)} are mixed", "use the options of one form")
        for name, options in begun.items():
            missing = [option for option, value in options.items() if not value]
            if missing:
                raise InputError("", f"{name} lacks {', '.join(missing)}")
        both = {*self.won} & {*self.lost}
        if both:
            raise InputError("", f"{min(both)!r} cannot mean both won and lost")
        if self.case and self.case in (self.stage, self.at, self.outcome):
            raise InputError("", f"column {self.case!r} cannot hold the case and something else")

    @property
    def named(self) -> set[str]:
        """The columns that are needed."""
        plain = (self.case, self.stage, self.at, self.opened, self.closed, self.outcome, self.who, self.amount)
        return {column for column in (*plain, *self.milestones.values()) if column is not None}

    def order(self, journal: Journal) -> tuple[str, ...] | None:
        """The stages in order, if they were given; else those of the journal, if its form has an order."""
        if self.stages:
            return tuple(dict.fromkeys([*self.stages, *self.won, *self.lost]))
        return None if self.opened or self.milestones else usual_order(journal)

    def closing(self, kind: str, journal: Journal, process: Pipeline | None) -> tuple[str, ...]:
        """The stages that mean won or lost."""
        if process is not None:
            return ()
        if self.opened:
            return (kind,)
        given = self.won if kind == "won" else self.lost
        return given or _usual(journal.stages.values, kind)


def _table(files: list[Path], wanted: Wanted | None = None) -> Any:
    """All files as one table: a case may begin in one and end in another.

    Args:
        files: the files.
        wanted: which columns are needed; all if None.
    """
    columns = wanted.named if wanted and (wanted.stage or wanted.opened or wanted.milestones) else None
    tables: list[Any] = []
    for file in files:
        with step(f"reading {file.name}") as on_progress:
            tables.append(read_table(file, columns=columns, on_progress=on_progress))
    if len(tables) == 1:
        return tables[0]
    if not all(isinstance(table, Table) for table in tables):
        raise InputError(", ".join(map(str, files)), "Parquet files are reported one at a time", "join them first")
    return Table.joined(tables)


def _journal(
    table: Any,
    name: str,
    wanted: Wanted,
    process: Pipeline | None,
    as_of: datetime | None,
    *,
    dims: tuple[str, ...] = (),
) -> Journal:
    shared: dict[str, Any] = {
        "dims": dims,
        "who": wanted.who,
        "amount": wanted.amount,
        "tz": wanted.tz,
        "dates": wanted.dates,
        "as_of": as_of,
        "name": name,
    }
    if wanted.opened and wanted.closed and wanted.outcome:
        columns: dict[str, Any] = {"opened": wanted.opened, "closed": wanted.closed, "outcome": wanted.outcome}
        meaning: dict[str, Any] = {"won": wanted.won, "lost": wanted.lost}
        return Journal.from_snapshot(table, case=_case(wanted, name), **columns, **meaning, **shared)
    if wanted.milestones:
        return Journal.from_milestones(table, case=_case(wanted, name), milestones=wanted.milestones, **shared)
    return _events(table, name, wanted, process, shared)


def _event_columns(table: Any, name: str, wanted: Wanted, shared: dict[str, Any]) -> dict[str, str | None]:
    """Which columns hold case, stage and time; in an XES log the standard ones, also for the person."""
    known = tuple(map(str, getattr(table, "column_names", None) or table.columns))
    standard = {"case": "case:concept:name", "stage": "concept:name", "at": "time:timestamp"}
    is_xes = set(standard.values()) <= set(known) and not wanted.stage
    if not is_xes and not wanted.stage:
        remedy = f"give --case, --stage and --at; it has: {', '.join(known[:20])}"
        raise InputError(name, "which columns hold what is not known", remedy)
    columns = standard if is_xes else {"case": _case(wanted, name), "stage": wanted.stage, "at": wanted.at}
    if is_xes and not wanted.who and "org:resource" in known:
        shared["who"] = "org:resource"
    return dict(columns)


def _events(table: Any, name: str, wanted: Wanted, process: Pipeline | None, shared: dict[str, Any]) -> Journal:
    columns: dict[str, Any] = _event_columns(table, name, wanted, shared)
    if process is not None:
        stages: tuple[str, ...] | None = tuple(stage.name for stage in process.stages)
        loops = any(move.to == origin for origin, moves in process.moves.items() for move in moves.values())
    else:
        stages, loops = _stages(table, name, wanted, columns["stage"] or ""), False
    return Journal.from_frame(table, **columns, stages=stages, repeats="visit" if loops else "merge", **shared)


def _stages(table: Any, name: str, wanted: Wanted, column: str) -> tuple[str, ...] | None:
    """The stages that were named, with the closed ones; None if none were."""
    texts, place = _texts(table, column), f"column {column!r} of {name}"
    for kind, given in (("won", wanted.won), ("lost", wanted.lost)):
        for text in given:
            # Nobody may have won yet: only a name with a likely meaning elsewhere is a mistake.
            if text not in texts and (did_you_mean(text, texts) or any(usual_outcome(t) == kind for t in texts)):
                raise NotFound("stage", text, texts, place)
    if not wanted.stages:
        return None
    if not {*wanted.stages} & {*texts}:
        raise NotFound("stage", wanted.stages[0], texts, place)
    closed = [*(wanted.won or _usual(texts, "won")), *(wanted.lost or _usual(texts, "lost"))]
    return tuple(dict.fromkeys([*wanted.stages, *closed]))


def _usual(texts: tuple[str, ...], kind: str) -> tuple[str, ...]:
    return tuple(text for text in texts if usual_outcome(text) == kind)


def _told_of_tomorrow(journal: Journal) -> Journal:
    """What lies in the future is a typing error or a plan; the reader is told."""
    now = to_micros(datetime.now(UTC))
    late = int((journal.entered > now).sum())
    if not late:
        return journal
    finding = Finding(None, None, "lies after today; a plan, or a typing error", late, None, dropped=False)
    return attrs.evolve(journal, findings=(*journal.findings, finding))


def write(made: Report, out: Path, name: str, language: str, *, quiet: bool = False, page: Page | None = None) -> None:
    """Write the page and the data, and say where they lie unless it is to be quiet.

    Without a page it is that of the deals alone.
    """
    with step("drawing the page"):
        html = (
            to_html(made, name=name, language=language) if page is None else page.to_html(name=name, language=language)
        )
    text = json.dumps(made.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(html, encoding="utf-8")
        (out / "report.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(str(out), f"cannot be written: {error.strerror or error}") from None
    if not quiet:
        say([summary(made, language), f"{out / 'report.html'}\n{out / 'report.json'}\n"])


def _texts(table: Any, column: str | None) -> tuple[str, ...]:
    """The distinct texts of a column."""
    if column is None:
        return ()
    if isinstance(table, Table):
        return table.column(column).values
    return tuple(dict.fromkeys(str(text) for text in table.column(column).to_pylist() if text is not None))


def _case(wanted: Wanted, name: str) -> str:
    if not wanted.case:
        raise InputError(name, "the column with the case id is not known", "give --case COLUMN")
    return wanted.case


def _pipeline(text: str | None) -> Pipeline | None:
    if text is None:
        return None
    ours, path = preset(text), Path(text)
    if ours is not None:
        return ours
    try:
        return Pipeline.from_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from None


def _instant(text: str, tz: tzinfo) -> datetime:
    """A day means its last microsecond: what happened on it belongs to it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError("--as-of", f"{text!r} is no date", "write it as 2026-06-30") from None
    if len(text) <= len("2026-06-30"):
        moment += timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999)
    if not 1678 <= moment.year <= 2261:
        raise InputError("--as-of", f"{text!r} is outside the years 1678 to 2261")
    return moment if moment.tzinfo else moment.replace(tzinfo=tz)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = dict(text.split("=", 1) for text in texts if "=" in text)
    if len(pairs) < len(texts) or not all(pairs) or not all(pairs.values()):
        raise InputError("--milestone", f"{texts!r} are not STAGE=COLUMN, each stage once")
    return pairs


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def _order(text: str | None) -> Literal["dmy", "mdy", "ymd"] | None:
    if text is None or text in ("dmy", "mdy", "ymd"):
        return text  # type: ignore[return-value] # narrowed by the test above
    raise NotFound("date order", text, ("dmy", "mdy", "ymd"), "--dates")
