"""The commands about pipelines; `crmkit.cli` imports this only when it runs."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from crmkit._answers import tell, write_file, write_json
from crmkit._options import AsJson, pipelines, preset
from crmkit._rule_files import read_text
from crmkit.errors import DefinitionErrors, InputError
from crmkit.pipeline import Pipeline
from crmkit.pipeline.bpmn import from_bpmn
from crmkit.rules import PythonRule

app = typer.Typer(no_args_is_help=True, help="Check and draw definitions of pipelines.")

Definition: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A pipeline as TOML, JSON or BPMN, or one of ours by its name.", autocompletion=pipelines
    ),
]


@app.command("check")
def check_(file: Definition, *, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a definition, with line and column, and what is missing. Exit code 1 if wrong.

    Functions that guards name are not looked for: they live in your program.
    """
    told: dict[str, Any] = {
        "schema": "crmkit-pipeline-check-1", "name": None, "definition": None, "stages": 0, "moves": 0, "errors": [],
        "advice": [],
    }  # fmt: skip
    try:
        pipeline = _pipeline(file)
    except DefinitionErrors as group:
        told["errors"] = [*map(str, group.exceptions)]
        lines = [f"{file.name}: {line}" for line in (*told["errors"], group.message)]
        tell(told, lines, as_json=as_json)
        raise typer.Exit(1) from None
    moves, advice = sum(map(len, pipeline.moves.values())), [*_advice(pipeline)]
    told |= {
        "name": pipeline.name, "definition": pipeline.definition, "stages": len(pipeline.stages), "moves": moves,
        "advice": advice,
    }  # fmt: skip
    counted = f"{len(pipeline.stages)} stages, {moves} moves, definition {pipeline.definition}"
    lines = [*(f"advice: {line}" for line in advice), f"pipeline {pipeline.name!r} can be used: {counted}"]
    tell(told, [f"{file.name}: {line}" for line in lines], as_json=as_json)


@app.command("draw")
def draw_(
    file: Definition,
    form: Annotated[
        Literal["mermaid", "dot", "bpmn", "toml", "json"],
        typer.Option("--format", metavar="FORMAT", help="What to write."),
    ] = "mermaid",
    lang: Annotated[str | None, typer.Option(metavar="LANG", help="The language of the labels: en, zh, ...")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write; standard output if not given.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a definition as a picture (Mermaid, Graphviz) or in another format (BPMN, TOML, JSON)."""
    pipeline = _pipeline(file)
    if lang is not None and form not in {"mermaid", "dot"}:
        raise InputError("--lang", f"means nothing for {form}, which holds all languages")
    match form:
        case "mermaid":
            text = pipeline.to_mermaid(labels=lang)
        case "dot":
            text = pipeline.to_dot(labels=lang)
        case "bpmn":
            text = pipeline.to_bpmn()
        case "toml":
            text = pipeline.to_toml()
        case "json":
            text = json.dumps(pipeline.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if out is not None:
        write_file(out, text)
    if as_json:
        written = None if out is None else str(out)
        write_json({
            "schema": "crmkit-pipeline-draw-1", "name": pipeline.name, "format": form, "file": written, "text": text,
        })  # fmt: skip
    elif out is None:
        typer.echo(text, nl=False)


def _pipeline(file: Path) -> Pipeline:
    ours = preset(str(file))
    if ours is not None:
        return ours
    text = read_text(file)
    if file.suffix in {".bpmn", ".xml"}:
        return from_bpmn(text)
    if file.suffix == ".json":
        plain = _plain(file, text)
        return Pipeline.from_dict(plain, {**dict(_functions(plain))})
    try:
        named = {**dict(_functions(tomllib.loads(text)))}
    except (ValueError, RecursionError):
        # What is no TOML is said by whoever reads it in earnest.
        named = {}
    return Pipeline.from_toml(text, named)


def _plain(file: Path, text: str) -> Mapping[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(str(file), f"is no JSON: {error}") from None
    if not isinstance(plain, dict):
        raise InputError(str(file), "is no JSON object, as a pipeline is")
    return plain


def _functions(plain: Any) -> Iterator[tuple[str, Any]]:
    """Something in the place of every function that a definition names."""
    if isinstance(plain, list):
        for value in plain:
            yield from _functions(value)
    if not isinstance(plain, Mapping):
        return
    for value in plain.values():
        yield from _functions(value)
    name, rule = plain.get("python"), plain.get("name")
    if isinstance(name, str):
        yield name, _stand_in(name)
        if isinstance(rule, str):
            yield rule, PythonRule(rule, _stand_in(name), version=name)


def _stand_in(name: str) -> Any:
    def guard(_: Any) -> bool:
        return True

    guard.__name__ = name
    return guard


def _advice(pipeline: Pipeline) -> Iterator[str]:
    """What is not wrong, and often forgotten."""
    for stage in pipeline.stages:
        moves = pipeline.moves.get(stage.name, {})
        if stage.outcome is None and stage.limit is None:
            yield f"stage {stage.name!r} has no limit: nobody will hear of cases that stay in it"
        if stage.outcome is None and not any(
            _closes(pipeline, move.to, {"lost", "cancelled"}) for move in moves.values()
        ):
            yield f"no move leads from {stage.name!r} to a lost or cancelled stage: nobody can give up there"
        if stage.outcome == "lost" and not stage.requires:
            yield f"stage {stage.name!r} requires no field, such as a reason: nobody will learn from it"


def _closes(pipeline: Pipeline, stage: str, outcomes: set[str]) -> bool:
    return pipeline.stage(stage).outcome in outcomes
