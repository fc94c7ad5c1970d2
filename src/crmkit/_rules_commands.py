"""The commands about rules; `crmkit.cli` imports this only when it runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import attrs
import typer
from rich.console import Console
from rich.table import Table as Grid

from crmkit._answers import tell, write_json
from crmkit._options import AsJson, Every, one_of
from crmkit._progress import step
from crmkit._rule_files import read_model, read_record, read_records, read_rules
from crmkit.errors import InputError, did_you_mean
from crmkit.rules.analysis import TableFinding, analyse, diff
from crmkit.rules.backtest import Effect, RuleEffect, TableEffect, backtest, backtest_table
from crmkit.rules.coverage import coverage, mutation_score
from crmkit.rules.explain import explain, explain_table
from crmkit.rules.relations import SetFinding, relations
from crmkit.rules.table import DecisionTable
from crmkit.rules.versions import diff_rules
from crmkit.values import Every as TimeUnit
from crmkit.values import Period

app = typer.Typer(no_args_is_help=True, help="Check, explain, compare and try out rules.")
_console = Console(width=160, highlight=False, soft_wrap=True)

Rules: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="Rules as TOML or JSON.")]


@app.command("check")
def check_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rules as TOML or JSON, or a DMN model.")],
    solver: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What proves: boxes, or z3, which knows arithmetic over several fields.",
            autocompletion=one_of("boxes", "z3"),
        ),
    ] = "boxes",
    *,
    as_json: AsJson = False,
) -> None:
    """Read rules, prove what can be proved of them, and say everything that is wrong.

    Exit code 1 if a table cannot be right, or if rules contradict each other. Of a DMN model (.dmn, with those that it
    imports beside it) it is said whether it can be read and decided.
    """
    told, lines = _checked_model(file) if file.suffix == ".dmn" else _checked_rules(file, _solver(solver))
    tell({"schema": "crmkit-rules-check-1", **told}, lines, as_json=as_json)
    if told["errors"]:
        raise typer.Exit(1)


def _checked_model(file: Path) -> tuple[dict[str, Any], list[str]]:
    model = read_model(file)
    problems = [*map(str, model.problems())]
    counted = f"{len(model.elements)} elements, {len(model.decisions)} decisions, {len(model.inputs)} inputs"
    verdict = f"{len(problems)} errors" if problems else "nothing is wrong with them"
    findings = [{"in": model.name, "kind": "problem", "severity": "error", "why": one} for one in problems]
    told = {"name": model.name, "version": None, "errors": len(problems), "warnings": 0, "findings": findings}
    return told, [*(f"{model.name}: error: {one}" for one in problems), f"{model.name}: {counted}; {verdict}"]


def _checked_rules(file: Path, solver: Literal["boxes", "z3"]) -> tuple[dict[str, Any], list[str]]:
    rules = read_rules(file)
    with step("proving"):
        found: list[tuple[str, TableFinding | SetFinding]] = [
            *((rules.name, one) for one in relations(rules, solver=solver).findings),
            *((table.name, one) for table in rules.tables for one in analyse(table, solver=solver)),
        ]
    errors, warnings = (sum(one.severity == kind for _, one in found) for kind in ("error", "warning"))
    told = {
        "name": rules.name, "version": rules.version, "errors": errors, "warnings": warnings,
        "findings": [{"in": name, **attrs.asdict(one, recurse=False)} for name, one in found],
    }  # fmt: skip
    last = (
        f"{rules.name}, version {rules.version}: {len(rules.rules)} rules, {len(rules.tables)} tables, "
        f"{errors} errors, {warnings} warnings"
    )
    return told, [*(f"{name}: {one}" for name, one in found), last]


@app.command("explain")
def explain_(
    file: Rules,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A rule or a table of the set.")],
    record: Annotated[str, typer.Option(metavar="JSON", help="The record as JSON, or @FILE with it.")],
    old: Annotated[str | None, typer.Option(metavar="JSON", help="The record before the change, likewise.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say why a rule or table decides what it decides, and what would have to change."""
    rules = read_rules(file)
    given = read_record(record, rules.schema)
    table = next((table for table in rules.tables if table.name == name), None)
    if table is None:
        before = None if old is None else read_record(old, rules.schema)
        told = explain(rules, name, given, old=before)
        tell({"schema": "crmkit-rules-explain-1", "rule": name, "because": told, "table": None}, [str(told)],
             as_json=as_json)  # fmt: skip
        return
    found = explain_table(table, given)
    lines = [f"{name}: {found.result!r}; rows {', '.join(map(str, found.matched)) or 'none'} match"]
    lines += [f"  row {row.row} fails at {'; '.join(row.failed)}" for row in found.nearest if not found.matched]
    tell({"schema": "crmkit-rules-explain-1", "rule": name, "because": None, "table": found}, lines, as_json=as_json)


@app.command("diff")
def diff_(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="The earlier version.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The later version.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what changes between two versions: the texts of rules, and where rules and tables decide otherwise."""
    one, two = read_rules(before), read_rules(after)
    with step("comparing"):
        changed = diff_rules(one, two)
        tables = [(later.name, diff(earlier, later)) for earlier, later in _pairs(one.tables, two.tables)]
    texts = [{rule.name: rule.condition for rule in rules.written} for rules in (one, two)]
    edits = [
        {"rule": name, "before": texts[0].get(name), "after": texts[1].get(name)}
        for name in dict.fromkeys([*texts[0], *texts[1]])
        if texts[0].get(name) != texts[1].get(name)
    ]
    parts = [("rule", rule.rule, rule) for rule in changed] + [("table", name, found) for name, found in tables]
    told = {
        "schema": "crmkit-rules-diff-1", "before": one.version, "after": two.version, "texts": edits,
        "rules": changed, "tables": [{"table": name, "changes": t.changes, "proved": t.proved} for name, t in tables],
    }  # fmt: skip
    lines = [f"rule {edit['rule']}: {edit['before'] or '(new)'} -> {edit['after'] or '(gone)'}" for edit in edits]
    for kind, name, found in parts:
        lines += [f"{kind} {name}: {change}" for change in found.changes]
        if not found.proved:
            lines.append(f"{kind} {name}: more may differ; that was not proved")
    tell(told, [*lines, f"version {one.version} -> {two.version}"], as_json=as_json)


@app.command("test")
def try_(
    file: Rules,
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The records of a test suite: JSON, JSON Lines, CSV.")
    ] = None,
    examples: Annotated[
        int, typer.Option(metavar="N", help="How many records to make up, if none are given.", min=1)
    ] = 500,
    *,
    as_json: AsJson = False,
) -> None:
    """Check the laws of the rules, and say which changes of them the records would not notice.

    Exit code 1 if a law does not hold.
    """
    from crmkit.testing.rules import check_ruleset, examples_of

    rules = read_rules(file)
    broken: str | None = None
    with step("trying"):
        tested = examples_of(rules, examples) if records is None else read_records(records, rules.schema)
        try:
            check_ruleset(rules, tested)
        except AssertionError as error:
            broken = str(error)
        seen, score = coverage(rules, tested), mutation_score(rules, tested)
    told = {
        "schema": "crmkit-rules-test-1", "records": len(tested), "broken": broken, "coverage": seen,
        "mutants": {"killed": score.killed, "total": score.total, "survivors": score.survivors},
    }  # fmt: skip
    last = (
        f"{len(tested)} records: rules {_of(seen.rules)}, conditions {_of(seen.conditions)}, "
        f"boundaries {_of(seen.boundaries)}, mutants {score.killed} of {score.total} ({score.score:.0%})"
    )
    laws = [] if broken is None else [f"a law does not hold: {broken}"]
    tell(told, [*laws, *(f"not seen: {one}" for one in seen.missing), *map(str, score.survivors), last],
         as_json=as_json)  # fmt: skip
    raise typer.Exit(0 if broken is None else 1)


@app.command("backtest")
def backtest_(
    file: Rules,
    records: Annotated[Path, typer.Argument(metavar="RECORDS", help="History: JSON, JSON Lines, CSV.")],
    *,
    before: Annotated[Path | None, typer.Option(metavar="FILE", help="The version in force, to compare with.")] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The field to add up, such as the amount.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(metavar="A,B,C", help="Fields to group by; with commas, or repeat it.")
    ] = None,
    every: Every = None,
    dated: Annotated[
        str, typer.Option(metavar="FIELD", help="The field that says in which period a record is.")
    ] = "at",
    tz: Annotated[str, typer.Option(metavar="ZONE", help="The zone whose days those of instants are.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Say what the rules would have stopped in history, how much of it, and what changes."""
    rules = read_rules(file)
    earlier = None if before is None else read_rules(before)
    history, cut = read_records(records, rules.schema), _every(every)
    groups = [part.strip() for one in by or () for part in one.split(",") if part.strip()]
    with step("replaying"):
        effects = backtest(rules, history, before=earlier, weight=weight, by=groups, every=cut, dated=dated, tz=tz)
        tables = [
            (new.name, backtest_table(old, new, history, weight=weight))
            for old, new in _pairs(() if earlier is None else earlier.tables, rules.tables)
        ]
    if as_json:
        write_json({
            "schema": "crmkit-rules-backtest-1", "records": len(history), "by": [*groups, *([cut] if cut else [])],
            "rules": effects,
            "tables": [
                {"table": name, **attrs.asdict(one, recurse=False),
                 "changes": [{"change": change, "effect": effect} for change, effect in one.changes]}
                for name, one in tables
            ],
        })  # fmt: skip
        return
    compared = ["newly failed", "newly kept"] if earlier else []
    _console.print(_grid(effects, [*groups, *([every] if every else [])], compared))
    for line in _said(effects, tables):
        _console.print(line, markup=False)


def _grid(effects: Sequence[RuleEffect], groups: list[str], compared: list[str]) -> Grid:
    grid = Grid("rule", *groups, "records", "failed", "no answer", *compared)
    for one in effects:
        group = [key.name if isinstance(key, Period) else str(key) for key in one.group]
        cells = [one.rule, *group, *map(_effect, (one.judged, one.failed, one.unanswered))]
        if compared:
            cells += [_effect(one.newly_failed), _effect(one.newly_kept)]
        grid.add_row(*cells)
    return grid


def _said(effects: Sequence[RuleEffect], tables: Sequence[tuple[str, TableEffect]]) -> Iterator[str]:
    for one in effects:
        if one.unexplained:
            told = f"replay and proof differ on {len(one.unexplained)} records, the first of them {one.unexplained[0]}"
            yield f"rule {one.rule}: {told}"
    for name, found in tables:
        for change, effect in found.changes:
            yield f"table {name}: {change}: {_effect(effect)} records"
        told = "proved" if found.proved and not found.unexplained else "not proved"
        yield f"table {name}: {len(found.flips)} of {found.judged.n} records differ, {told}"


def _every(name: str | None) -> TimeUnit | None:
    known: tuple[TimeUnit, ...] = get_args(TimeUnit)
    for one in known:
        if one == name:
            return one
    if name is None:
        return None
    raise InputError("--every", f"there is no {name!r}{did_you_mean(name, known)}", f"one of {', '.join(known)}")


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
