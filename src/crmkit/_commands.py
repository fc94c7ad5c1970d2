"""The commands behind `crmkit.cli`: they read options, call the library, and write files."""

import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from crmkit.adapters.files import read_table
from crmkit.errors import CrmkitError, InputError, NotFound
from crmkit.journal import Journal, Table, usual_outcome
from crmkit.pipeline import Pipeline
from crmkit.report import Report, build, summary
from crmkit.report.page import to_html
from crmkit.values import zone

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="See, measure and improve sales and service processes.",
)

# typer carries its own copy of click from some version on, so the class is found from a child that typer exports.
_UsageError: type[Exception] = next(b for b in typer.BadParameter.__mro__ if b.__name__ == "ClickException")


def run(arguments: Sequence[str]) -> int:
    """Run a command; whatever is wrong with the input becomes one line."""
    try:
        code: Any = app(args=list(arguments), standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return 130
    except CrmkitError as error:
        return _failed(str(error))
    except _UsageError as error:
        return _failed(str(getattr(error, "message", error)))
    except MemoryError:
        return _failed("the input does not fit in memory")
    return code if isinstance(code, int) else 0


@app.command()
def report(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, TSV, Parquet or XES; plain or gzipped.", show_default=False)
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")],
    case: Annotated[str | None, typer.Option(help="Column with the case id.")] = None,
    stage: Annotated[str | None, typer.Option(help="Event form: column with the stage that was entered.")] = None,
    at: Annotated[str | None, typer.Option(help="Event form: column with the time.")] = None,
    opened: Annotated[str | None, typer.Option(help="Snapshot form: column with the opening time.")] = None,
    closed: Annotated[str | None, typer.Option(help="Snapshot form: column with the closing time.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Snapshot form: column with the outcome.")] = None,
    milestone: Annotated[list[str] | None, typer.Option(help="Wide form: STAGE=COLUMN, in order; repeat it.")] = None,
    who: Annotated[str | None, typer.Option(help="Column with the person in charge.")] = None,
    amount: Annotated[str | None, typer.Option(help="Column with the amount.")] = None,
    pipeline: Annotated[Path | None, typer.Option(help="The process as TOML.")] = None,
    stages: Annotated[str | None, typer.Option(help="Open stages in order: A,B,C.")] = None,
    won: Annotated[str | None, typer.Option(help="Stage or outcome that means won; several with commas.")] = None,
    lost: Annotated[str | None, typer.Option(help="Stage or outcome that means lost; several with commas.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Last day (or instant) to look at.")] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of times that carry none: Europe/Berlin.")] = None,
    dates: Annotated[str | None, typer.Option(help="Day and month order: dmy, mdy or ymd.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the page: en or zh.")] = "en",
) -> None:
    """Write an honest picture of a process from an export of its stage changes."""
    wanted = Wanted(
        case, stage, at, opened, closed, outcome, _pairs(milestone or []), who, amount, _list(stages), _list(won),
        _list(lost), tz, _order(dates), _language(lang),
    )  # fmt: skip
    wanted.check()
    process = _pipeline(pipeline)
    moment = None if as_of is None else _instant(as_of, zone(tz) if tz else UTC)
    journal = joined([_journal(file, wanted, process, moment) for file in files])
    names = ", ".join(file.name for file in files)
    made = build(
        journal, stages=process or wanted.order(journal), won=wanted.closing("won", journal, process),
        lost=wanted.closing("lost", journal, process), source={"files": names},
    )  # fmt: skip
    write(made, out, names, wanted.lang)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("out/demo"),
    lang: Annotated[str, typer.Option(help="Language of the pages: en or zh.")] = "en",
) -> None:
    """Write two reports: a simulated year whose truth is known, and real quotations of a public agency."""
    from crmkit._demo import quotations, year

    language = _language(lang)
    for folder, name, made in (("simulated", "a simulated year", year), ("quotations", "USAID quotations", quotations)):
        write(made(), out / folder, name, language)


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

    @property
    def named(self) -> set[str]:
        """The columns that are needed."""
        plain = (self.case, self.stage, self.at, self.opened, self.closed, self.outcome, self.who, self.amount)
        return {column for column in (*plain, *self.milestones.values()) if column is not None}

    def order(self, journal: Journal) -> tuple[str, ...] | None:
        """The stages in order, if they were given; else those of the journal, if its form has an order."""
        if self.stages:
            return tuple(dict.fromkeys([*self.stages, *self.won, *self.lost]))
        return None if self.opened or self.milestones else _usual_order(journal)

    def closing(self, kind: str, journal: Journal, process: Pipeline | None) -> tuple[str, ...]:
        """The stages that mean won or lost."""
        if process is not None:
            return ()
        if self.opened:
            return (kind,)
        given = self.won if kind == "won" else self.lost
        return given or tuple(name for name in journal.stages.values if usual_outcome(name) == kind)


def _journal(file: Path, wanted: Wanted, process: Pipeline | None, as_of: datetime | None) -> Journal:
    xes = not (wanted.stage or wanted.opened or wanted.milestones)
    with _progress(file) as on_progress:
        table = read_table(file, columns=None if xes else wanted.named, on_progress=on_progress)
    shared: dict[str, Any] = {
        "who": wanted.who, "amount": wanted.amount, "tz": wanted.tz, "dates": wanted.dates, "as_of": as_of,
        "name": file.name,
    }  # fmt: skip
    if wanted.opened and wanted.closed and wanted.outcome:
        columns: dict[str, Any] = {"opened": wanted.opened, "closed": wanted.closed, "outcome": wanted.outcome}
        meaning: dict[str, Any] = {"won": wanted.won, "lost": wanted.lost}
        return Journal.from_snapshot(table, case=_case(wanted, file), **columns, **meaning, **shared)
    if wanted.milestones:
        return Journal.from_milestones(table, case=_case(wanted, file), milestones=wanted.milestones, **shared)
    return _events(file, table, wanted, process, shared)


def _events(file: Path, table: Any, wanted: Wanted, process: Pipeline | None, shared: dict[str, Any]) -> Journal:
    known = tuple(map(str, getattr(table, "column_names", None) or table.columns))
    standard = {"case": "case:concept:name", "stage": "concept:name", "at": "time:timestamp"}
    is_xes = set(standard.values()) <= set(known) and not wanted.stage
    if not is_xes and not wanted.stage:
        listed = ", ".join(known[:20])
        raise InputError(
            file.name, "which columns hold what is not known", f"give --case, --stage and --at; it has: {listed}"
        )
    columns = standard if is_xes else {"case": _case(wanted, file), "stage": wanted.stage, "at": wanted.at}
    if is_xes and not wanted.who and "org:resource" in known:
        shared["who"] = "org:resource"
    names: tuple[str, ...] | None = None
    if wanted.stages:
        texts = _texts(table, columns["stage"])
        if not {*wanted.stages} & {*texts}:
            raise NotFound("stage", wanted.stages[0], texts, f"column {columns['stage']!r} of {file.name}")
        # What closed means may be left to the usual words.
        closed = wanted.won + wanted.lost or tuple(text for text in texts if usual_outcome(text))
        names = wanted.stages + closed
    if process is not None:
        names = tuple(stage.name for stage in process.stages)
    loops = process is not None and any(
        move.to == origin for origin, moves in process.moves.items() for move in moves.values()
    )
    repeats: Literal["visit", "merge"] = "visit" if loops else "merge"
    stages = None if names is None else tuple(dict.fromkeys(names))
    return Journal.from_frame(table, **columns, stages=stages, repeats=repeats, **shared)


def joined(journals: list[Journal]) -> Journal:
    """One journal of several files: the same columns, one end of observation."""
    if len(journals) == 1:
        return journals[0]
    import numpy as np

    from crmkit.journal import code

    def column(name: str) -> Any:
        return code([text for journal in journals for text in getattr(journal, name).decode()])

    stages = column("stages")
    following = [text for journal in journals for text in journal.to_dict()["next"]]
    order = tuple(dict.fromkeys([*stages.values, *(text for text in following if text is not None)]))
    amounts = [journal.amount for journal in journals if journal.amount is not None]
    facts = {f"{key} (file {i})": text for i, journal in enumerate(journals, 1) for key, text in journal.facts.items()}
    return attrs.evolve(
        journals[0],
        cases=column("cases"),
        stages=stages.recode(order),
        entered=np.concatenate([journal.entered for journal in journals]),
        left=np.concatenate([journal.left for journal in journals]),
        next=code(following).recode(order).codes,
        who=column("who"),
        until=max(journal.until for journal in journals),
        amount=np.concatenate(amounts) if len(amounts) == len(journals) else None,
        findings=tuple(finding for journal in journals for finding in journal.findings),
        facts=facts,
    )


def write(made: Report, out: Path, name: str, language: str) -> None:
    """Write the page and the data, and say where they lie."""
    page = to_html(made, name=name, language=language)
    text = json.dumps(made.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(page, encoding="utf-8")
        (out / "report.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(str(out), f"cannot be written: {error.strerror or error}") from None
    console = Console(highlight=False, soft_wrap=True)
    console.print(summary(made, language), markup=False)
    console.print(f"\n{out / 'report.html'}\n{out / 'report.json'}\n", markup=False)


@contextmanager
def _progress(file: Path) -> Generator[Callable[[int, int], None]]:
    """A bar on standard error, for a reader at a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"reading {file.name}", total=None)

        def update(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield update


def _usual_order(journal: Journal) -> tuple[str, ...]:
    """Stages by their usual place: the mean rank of the first visit among the stages of a case."""
    import numpy as np

    order = np.lexsort((journal.entered, journal.cases.codes))
    case = journal.cases.codes[order]
    starts = np.append(True, case[1:] != case[:-1])[: len(case)]
    rank = np.arange(len(case)) - np.maximum.accumulate(np.where(starts, np.arange(len(case)), 0))
    size = len(journal.stages.values)
    total = np.bincount(journal.stages.codes[order], rank, size)
    mean = total / np.maximum(np.bincount(journal.stages.codes[order], minlength=size), 1)
    return tuple(journal.stages.values[i] for i in np.argsort(mean, kind="stable"))


def _texts(table: Any, column: str | None) -> tuple[str, ...]:
    """The distinct texts of a column."""
    if column is None:
        return ()
    if isinstance(table, Table):
        return table.column(column).values
    return tuple(str(text) for text in table.column(column).unique().to_pylist() if text is not None)


def _case(wanted: Wanted, file: Path) -> str:
    if not wanted.case:
        raise InputError(file.name, "the column with the case id is not known", "give --case COLUMN")
    return wanted.case


def _pipeline(path: Path | None) -> Pipeline | None:
    if path is None:
        return None
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
        return moment.replace(tzinfo=tz) + timedelta(days=1) - timedelta(microseconds=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=tz)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = dict(text.split("=", 1) for text in texts if "=" in text)
    if len(pairs) < len(texts):
        raise InputError("--milestone", f"{texts!r} are not STAGE=COLUMN, each stage once")
    return pairs


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def _order(text: str | None) -> Literal["dmy", "mdy", "ymd"] | None:
    if text is None or text in ("dmy", "mdy", "ymd"):
        return text  # type: ignore[return-value] # narrowed by the test above
    raise NotFound("date order", text, ("dmy", "mdy", "ymd"), "--dates")


def _language(text: str) -> Literal["en", "zh"]:
    if text in ("en", "zh"):
        return text  # type: ignore[return-value] # same
    raise NotFound("language", text, ("en", "zh"), "--lang")


def _failed(message: str) -> int:
    sys.stderr.write(f"crmkit: {' '.join(message.split())}\n")
    return 2
