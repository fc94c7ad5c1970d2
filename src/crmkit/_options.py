"""The options that several commands share, each written once."""

import glob
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import typer

from crmkit.errors import NotFound
from crmkit.pipeline import Pipeline
from crmkit.pipeline.presets import get, names
from crmkit.values import Every as TimeUnit

__all__ = [
    "Amount",
    "AsJson",
    "AsOf",
    "At",
    "BusinessTime",
    "Case",
    "Closed",
    "ColumnNames",
    "Currency",
    "Dates",
    "Every",
    "Files",
    "Lang",
    "Level",
    "Lost",
    "Opened",
    "OutcomeColumn",
    "PipelineFile",
    "StageColumn",
    "Stages",
    "Who",
    "Won",
    "Zone",
    "language_of",
    "one_of",
    "pipelines",
    "preset",
]

Files: TypeAlias = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="CSV, TSV, Parquet or XES; plain or gzipped.", show_default=False),
]


def one_of(*known: str) -> Callable[[str], list[str]]:
    """What completes a word that is one of these."""

    def complete(incomplete: str) -> list[str]:
        return [one for one in known if one.startswith(incomplete)]

    return complete


def pipelines(incomplete: str) -> list[str]:
    """What completes the name of a pipeline: one of ours, or a file."""
    return [*one_of(*names())(incomplete), *(str(path) for path in Path().glob(f"{glob.escape(incomplete)}*"))]


Case: TypeAlias = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the case id.")]
StageColumn: TypeAlias = Annotated[
    str | None, typer.Option("--stage", metavar="COLUMN", help="Event form: column with the stage that was entered.")
]
At: TypeAlias = Annotated[str | None, typer.Option(metavar="COLUMN", help="Event form: column with the time.")]
Opened: TypeAlias = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Snapshot form: column with the opening time.")
]
Closed: TypeAlias = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Snapshot form: column with the closing time.")
]
OutcomeColumn: TypeAlias = Annotated[
    str | None, typer.Option("--outcome", metavar="COLUMN", help="Snapshot form: column with the outcome.")
]
Who: TypeAlias = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the person in charge.")]
Amount: TypeAlias = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the amount.")]
PipelineFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--pipeline",
        metavar="FILE",
        help=f"The process as TOML, or one of ours: {', '.join(names())}.",
        autocompletion=pipelines,
    ),
]
Stages: TypeAlias = Annotated[str | None, typer.Option(metavar="A,B,C", help="Open stages in order.")]
Won: TypeAlias = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Stage or outcome that means won; several with commas.")
]
Lost: TypeAlias = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Stage or outcome that means lost; several with commas.")
]
AsOf: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Last day, or instant, to look at: 2026-06-30.")
]
Zone: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Zone of times that carry none: Europe/Berlin.")
]
Dates: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER", help="Day and month order: dmy, mdy or ymd.", autocompletion=one_of("dmy", "mdy", "ymd")
    ),
]
Lang: TypeAlias = Annotated[
    str,
    typer.Option(metavar="LANG", help="Language of what is written: en or zh.", autocompletion=one_of("en", "zh")),
]
Every: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="UNIT",
        help="Cut time by day, week, month, quarter or year.",
        autocompletion=one_of(*get_args(TimeUnit)),
    ),
]
Level: TypeAlias = Annotated[float, typer.Option(metavar="SHARE", help="Confidence of the limits.")]
BusinessTime: TypeAlias = Annotated[
    Path | None, typer.Option("--calendar", metavar="FILE", help="Business time as JSON or TOML.")
]
ColumnNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="[KIND.]NAME=COLUMN",
        help="Where id, customer, currency, refers_to, due, recorded, quantity, kind ... are, in all files or in "
        "those of one kind; needless where columns have these names. Repeat it.",
    ),
]
Currency: TypeAlias = Annotated[
    str | None,
    typer.Option("--currency", metavar="CODE", help="Currency of amounts in files without a column for it."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Write everything as JSON.")]


def preset(text: str) -> Pipeline | None:
    """The pipeline of ours that is called so, unless there is a file of that name."""
    return get(text) if text in names() and not Path(text).exists() else None


def language_of(text: str) -> Literal["en", "zh"]:
    """The language that was asked for."""
    if text in ("en", "zh"):
        return text  # type: ignore[return-value] # narrowed by the test above
    raise NotFound("language", text, ("en", "zh"), "--lang")
