"""The commands about rules; `crmkit.cli` imports this only when it runs."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer
from rich.console import Console
from rich.table import Table as Grid

from crmkit.adapters.files import read_table
from crmkit.errors import InputError, InvalidValue, did_you_mean
from crmkit.journal import Table
from crmkit.rules.analysis import TableFinding, analyse, diff
from crmkit.rules.backtest import Effect, backtest, backtest_table
from crmkit.rules.codec import from_json, from_toml
from crmkit.rules.coverage import coverage, mutation_score
from crmkit.rules.dmn import read_dmn
from crmkit.rules.explain import explain, explain_table
from crmkit.rules.graph import Graph
from crmkit.rules.relations import SetFinding, relations
from crmkit.rules.ruleset import RuleSet
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable
from crmkit.rules.versions import diff_rules
from crmkit.values import Every, Period

app = typer.Typer(no_args_is_help=True, help="Check, explain, compare and try out rules.")
_console = Console(width=160, highlight=False, soft_wrap=True)

_LONGEST = 100_000_000


@app.command("check")
def check_(
    file: Annotated[Path, typer.Argument(help="Rules as TOML or JSON, or a DMN model.")],
    solver: Annotated[
        str, typer.Option(help="What proves: boxes, or z3, which knows arithmetic over several fields.")
    ] = "boxes",
) -> None:
    """Read rules, prove what can be proved of them, and say everything that is wrong.

    Exit code 1 if a table cannot be right, or if rules contradict each other. Of a DMN model (.dmn, with those that it
    imports beside it) it is said whether it can be read and decided.
    """
    if file.suffix == ".dmn":
        model = _model(file)
        counted = f"{len(model.elements)} elements, {len(model.decisions)} decisions, {len(model.inputs)} inputs"
        for problem in model.problems():
            _console.print(f"{model.name}: error: {problem}", markup=False)
        verdict = f"{len(model.problems())} errors" if model.problems() else "nothing is wrong with them"
        _console.print(f"{model.name}: {counted}; {verdict}", markup=False)
        raise typer.Exit(1 if model.problems() else 0)
    rules, proving = _rules(file), _solver(solver)
    findings: list[TableFinding | SetFinding] = [*relations(rules, solver=proving).findings]
    for found in findings:
        _console.print(f"{rules.name}: {found}", markup=False)
    for table in rules.tables:
        told = analyse(table, solver=proving)
        findings += told
        for found in told:
            _console.print(f"{table.name}: {found}", markup=False)
    _console.print(
        f"{rules.name}, version {rules.version}: {len(rules.rules)} rules, {len(rules.tables)} tables, "
        f"{sum(found.severity == 'error' for found in findings)} errors, "
        f"{sum(found.severity == 'warning' for found in findings)} warnings",
        markup=False,
    )
    if any(found.severity == "error" for found in findings):
        raise typer.Exit(1)


@app.command("explain")
def explain_(
    file: Annotated[Path, typer.Argument(help="Rules as TOML or JSON.")],
    name: Annotated[str, typer.Argument(help="A rule or a table of the set.")],
    record: Annotated[str, typer.Option(help="The record as JSON, or @FILE with it.")],
    old: Annotated[str | None, typer.Option(help="The record before the change, likewise.")] = None,
) -> None:
    """Say why a rule or table decides what it decides, and what would have to change."""
    rules = _rules(file)
    given = _record(record, rules.schema)
    table = next((table for table in rules.tables if table.name == name), None)
    if table is None:
        before = None if old is None else _record(old, rules.schema)
        _console.print(str(explain(rules, name, given, old=before)), markup=False)
        return
    found = explain_table(table, given)
    _console.print(f"{name}: {found.result!r}; rows {', '.join(map(str, found.matched)) or 'none'} match", markup=False)
    for row in found.nearest if not found.matched else ():
        _console.print(f"  row {row.row} fails at {'; '.join(row.failed)}", markup=False)


@app.command("diff")
def diff_(
    before: Annotated[Path, typer.Argument(help="The earlier version.")],
    after: Annotated[Path, typer.Argument(help="The later version.")],
) -> None:
    """Say what changes between two versions: the texts of rules, and where rules and tables decide otherwise."""
    one, two = _rules(before), _rules(after)
    texts = [{rule.name: rule.condition for rule in rules.written} for rules in (one, two)]
    for name in dict.fromkeys([*texts[0], *texts[1]]):
        if texts[0].get(name) != texts[1].get(name):
            old, new = texts[0].get(name, "(new)"), texts[1].get(name, "(gone)")
            _console.print(f"rule {name}: {old} -> {new}", markup=False)
    for changed in diff_rules(one, two):
        for place in changed.changes:
            _console.print(f"rule {changed.rule}: {place}", markup=False)
        if not changed.proved:
            _console.print(f"rule {changed.rule}: more may differ; that was not proved", markup=False)
    for earlier, later in _pairs(one.tables, two.tables):
        found = diff(earlier, later)
        for change in found.changes:
            _console.print(f"table {later.name}: {change}", markup=False)
        if not found.proved:
            _console.print(f"table {later.name}: more may differ; that was not proved", markup=False)
    _console.print(f"version {one.version} -> {two.version}", markup=False)


@app.command("test")
def try_(
    file: Annotated[Path, typer.Argument(help="Rules as TOML or JSON.")],
    records: Annotated[Path | None, typer.Option(help="The records of a test suite: JSON, JSON Lines, CSV.")] = None,
    examples: Annotated[int, typer.Option(help="How many records to make up, if none are given.", min=1)] = 500,
) -> None:
    """Check the laws of the rules, and say which changes of them the records would not notice."""
    from crmkit.testing.rules import check_ruleset, examples_of

    rules = _rules(file)
    tested = examples_of(rules, examples) if records is None else _records(records, rules.schema)
    check_ruleset(rules, tested)
    seen, score = coverage(rules, tested), mutation_score(rules, tested)
    for line in seen.missing:
        _console.print(f"not seen: {line}", markup=False)
    for mutant in score.survivors:
        _console.print(str(mutant), markup=False)
    _console.print(
        f"{len(tested)} records: rules {_of(seen.rules)}, conditions {_of(seen.conditions)}, "
        f"boundaries {_of(seen.boundaries)}, mutants {score.killed} of {score.total} ({score.score:.0%})",
        markup=False,
    )


@app.command("backtest")
def backtest_(
    file: Annotated[Path, typer.Argument(help="Rules as TOML or JSON.")],
    records: Annotated[Path, typer.Argument(help="History: JSON, JSON Lines, CSV.")],
    *,
    before: Annotated[Path | None, typer.Option(help="The version in force, to compare with.")] = None,
    weight: Annotated[str | None, typer.Option(help="The field to add up, such as the amount.")] = None,
    by: Annotated[list[str] | None, typer.Option(help="A field to group by; may be given several times.")] = None,
    every: Annotated[str | None, typer.Option(help="Periods to group by: day, week, month, quarter, year.")] = None,
    dated: Annotated[str, typer.Option(help="The field that says in which period a record falls.")] = "at",
    tz: Annotated[str, typer.Option(help="The zone whose days those of instants are.")] = "UTC",
) -> None:
    """Say what the rules would have stopped in history, how much of it, and what changes."""
    rules = _rules(file)
    earlier = None if before is None else _rules(before)
    history, cut = _records(records, rules.schema), _every(every)
    effects = backtest(rules, history, before=earlier, weight=weight, by=by or [], every=cut, dated=dated, tz=tz)
    compared = ["newly failed", "newly kept"] if earlier else []
    grid = Grid("rule", *(by or []), *([every] if every else []), "records", "failed", "no answer", *compared)
    for one in effects:
        group = [key.name if isinstance(key, Period) else str(key) for key in one.group]
        cells = [one.rule, *group, *map(_effect, (one.judged, one.failed, one.unanswered))]
        if earlier:
            cells += [_effect(one.newly_failed), _effect(one.newly_kept)]
        grid.add_row(*cells)
    _console.print(grid)
    for one in effects:
        if one.unexplained:
            told = f"replay and proof differ on {len(one.unexplained)} records, the first of them {one.unexplained[0]}"
            _console.print(f"rule {one.rule}: {told}", markup=False)
    for old, new in _pairs(() if earlier is None else earlier.tables, rules.tables):
        found = backtest_table(old, new, history, weight=weight)
        for change, effect in found.changes:
            _console.print(f"table {new.name}: {change}: {_effect(effect)} records", markup=False)
        told = "proved" if found.proved and not found.unexplained else "not proved"
        _console.print(f"table {new.name}: {len(found.flips)} of {found.judged.n} records differ, {told}", markup=False)


def _every(name: str | None) -> Every | None:
    known: tuple[Every, ...] = get_args(Every)
    for one in known:
        if one == name:
            return one
    if name is None:
        return None
    raise InputError("--every", f"there is no {name!r}{did_you_mean(name, known)}", f"one of {', '.join(known)}")


def _model(file: Path) -> Graph:
    """A DMN model; what it imports lies beside it."""

    def find(namespace: str) -> bytes | None:
        models = (read_bytes(path) for path in sorted(file.parent.glob("*.dmn")) if path.name != file.name)
        named = f'namespace="{namespace}"'.encode()
        return next((model for model in models if named in model), None)

    return read_dmn(read_bytes(file), name=file.name, find=find)


def _solver(name: str) -> Literal["boxes", "z3"]:
    known: tuple[Literal["boxes", "z3"], ...] = ("boxes", "z3")
    for one in known:
        if one == name:
            return one
    raise InputError("--solver", f"there is no {name!r}{did_you_mean(name, known)}", f"one of {', '.join(known)}")


def _of(pair: tuple[int, int]) -> str:
    return f"{pair[0]} of {pair[1]}"


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return ""
    return str(effect.n) if effect.weight is None else f"{effect.n} ({effect.weight:,f})"


def _pairs(
    before: Sequence[DecisionTable], after: Sequence[DecisionTable]
) -> list[tuple[DecisionTable, DecisionTable]]:
    known = {table.name: table for table in before}
    return [(known[table.name], table) for table in after if table.name in known]


def read_text(file: Path) -> str:
    """The text of a file that somebody named, or one clear error."""
    try:
        return read_bytes(file).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(str(file), f"is no UTF-8: byte {error.start} does not fit") from None


def read_bytes(file: Path) -> bytes:
    """What a file that somebody named holds, or one clear error; a document of XML says its encoding itself."""
    if file.is_dir():
        raise InputError(str(file), "is a directory", "name a file")
    try:
        if file.stat().st_size > _LONGEST:
            raise InputError(str(file), f"is larger than {_LONGEST:,} bytes")
        return file.read_bytes()
    except FileNotFoundError:
        near = [path.name for path in file.parent.glob("*")] if file.parent.is_dir() else []
        raise InputError(str(file), f"there is no such file{did_you_mean(file.name, near)}") from None
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror}") from None


def _rules(file: Path) -> RuleSet:
    read: Callable[..., RuleSet] = from_json if file.suffix == ".json" else from_toml
    return read(read_text(file), name=file.name)


def _record(text: str, schema: Schema) -> dict[str, Any]:
    found = _json(read_text(Path(text[1:])) if text.startswith("@") else text, "--record")
    if not isinstance(found, dict):
        raise InputError("--record", "is no JSON object")
    return {name: _value(schema.field(name), value, "--record", None) for name, value in found.items()}


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError(name, f"is no JSON: {error}") from None


def _records(file: Path, schema: Schema) -> list[dict[str, Any]]:
    # A line of CSV is counted with its header, as everywhere else.
    first = 1 if file.suffix in {".json", ".jsonl"} else 2
    if file.suffix == ".json":
        listed = _json(read_text(file), file.name)
    elif file.suffix == ".jsonl":
        lines = [(n, line) for n, line in enumerate(read_text(file).splitlines(), 1) if line.strip()]
        listed = [_json(line, f"{file.name}, line {n}") for n, line in lines]
    else:
        listed = read_rows(file)
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise InputError(file.name, "is no list of records")
    return [
        {field.name: _value(field, one.get(field.name), file.name, row) for field in schema.fields}
        for row, one in enumerate(listed, first)
    ]


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a table; a line that could not be read is an error, for nobody would miss it."""
    table = read_table(file)
    if not isinstance(table, Table):
        return list(table.to_pylist())
    lost = next((finding for finding in table.findings if finding.dropped), None)
    if lost is not None:
        raise InputError(str(file), lost.reason, row=lost.row)
    columns = {name: table.column(name).decode() for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _value(field: Field, value: Any, name: str, row: int | None) -> Any:
    """A value from a text, as its field has it."""
    if not isinstance(value, str) or field.kind == "string":
        return value
    try:
        return field.parse(value)
    except InvalidValue as error:
        raise InputError(name, f"{value!r} {error.why}", "", row, field.name) from None
