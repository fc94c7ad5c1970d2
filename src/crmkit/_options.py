"""The options that several commands share, each written once."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from crmkit.errors import NotFound

__all__ = [
    "Amount",
    "AsJson",
    "AsOf",
    "At",
    "BusinessTime",
    "Case",
    "Closed",
    "Dates",
    "Every",
    "Files",
    "Lang",
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
]

Files: TypeAlias = Annotated[
    list[Path], typer.Argument(help="CSV, TSV, Parquet or XES; plain or gzipped.", show_default=False)
]
Case: TypeAlias = Annotated[str | None, typer.Option(help="Column with the case id.")]
StageColumn: TypeAlias = Annotated[
    str | None, typer.Option("--stage", help="Event form: column with the stage that was entered.")
]
At: TypeAlias = Annotated[str | None, typer.Option(help="Event form: column with the time.")]
Opened: TypeAlias = Annotated[str | None, typer.Option(help="Snapshot form: column with the opening time.")]
Closed: TypeAlias = Annotated[str | None, typer.Option(help="Snapshot form: column with the closing time.")]
OutcomeColumn: TypeAlias = Annotated[
    str | None, typer.Option("--outcome", help="Snapshot form: column with the outcome.")
]
Who: TypeAlias = Annotated[str | None, typer.Option(help="Column with the person in charge.")]
Amount: TypeAlias = Annotated[str | None, typer.Option(help="Column with the amount.")]
PipelineFile: TypeAlias = Annotated[Path | None, typer.Option("--pipeline", help="The process as TOML.")]
Stages: TypeAlias = Annotated[str | None, typer.Option(help="Open stages in order: A,B,C.")]
Won: TypeAlias = Annotated[str | None, typer.Option(help="Stage or outcome that means won; several with commas.")]
Lost: TypeAlias = Annotated[str | None, typer.Option(help="Stage or outcome that means lost; several with commas.")]
AsOf: TypeAlias = Annotated[str | None, typer.Option(help="Last day (or instant) to look at.")]
Zone: TypeAlias = Annotated[str | None, typer.Option(help="Zone of times that carry none: Europe/Berlin.")]
Dates: TypeAlias = Annotated[str | None, typer.Option(help="Day and month order: dmy, mdy or ymd.")]
Lang: TypeAlias = Annotated[
    str, typer.Option(help="Language of what is written: en or zh.", autocompletion=lambda: ["en", "zh"])
]
Every: TypeAlias = Annotated[str, typer.Option(help="Buckets: day, week, month, quarter or year.")]
BusinessTime: TypeAlias = Annotated[Path | None, typer.Option("--calendar", help="Business time as JSON or TOML.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Write everything as JSON.")]


def language_of(text: str) -> Literal["en", "zh"]:
    """The language that was asked for."""
    if text in ("en", "zh"):
        return text  # type: ignore[return-value] # narrowed by the test above
    raise NotFound("language_of", text, ("en", "zh"), "--lang")
