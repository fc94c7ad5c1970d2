"""The JSON Schemas of what commands write, made from the classes whose rows they write.

`python tests/house/schemas.py --write` writes `src/crmkit/schemas`; without it, what differs is printed.
A schema is a promise: read its diff before it is committed.
"""

import json
import sys
import types
import typing
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import attrs

from crmkit.adapters.moving import Moved
from crmkit.improve.improvement import Due
from crmkit.improve.problem import Problem
from crmkit.journal import Finding
from crmkit.kb.mail import Filing
from crmkit.kb.mail.filing import Queued
from crmkit.kb.proposals import Proposal
from crmkit.kb.results import Flaw, Note, Span
from crmkit.metrics.backtest import Coverage, CutScore, Drift, MethodScore
from crmkit.metrics.figures import Figure
from crmkit.metrics.forecast import DealForecast, Expectation, PastCut
from crmkit.metrics.scores import Bin, CalibrationLine
from crmkit.pipeline._work import Bottleneck, Handover, Rework
from crmkit.pipeline.conform import Deviation, Share
from crmkit.pipeline.flow import Follows, Variant
from crmkit.privacy.erasing import Erased
from crmkit.privacy.reports import Held
from crmkit.report.publishing import Site
from crmkit.rules.analysis import TableChange
from crmkit.rules.backtest import Effect, RuleEffect
from crmkit.rules.coverage import Coverage as Seen
from crmkit.rules.coverage import Mutant
from crmkit.rules.explain import Explanation, TableExplanation
from crmkit.rules.versions import RuleDiff
from crmkit.testing.checking import Checked, Claims
from crmkit.testing.exports import Planting
from crmkit.values import Money, Period

FOLDER = Path(__file__).resolve().parents[2] / "src" / "crmkit" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT, COUNT, TRUTH, ANY = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}, {}
# What is not known is null: JSON has no NaN.
NUMBER = {"type": ["number", "null"]}
MAYBE = {"type": ["string", "null"]}
PLAIN = {str: TEXT, int: {"type": "integer"}, float: NUMBER, bool: TRUTH, type(None): {"type": "null"},
         Decimal: {"type": "string", "format": "decimal"}, Money: TEXT, Period: TEXT,
         datetime: {"type": "string", "format": "date-time"}, date: {"type": "string", "format": "date"}}  # fmt: skip


def fixed(properties, **more):
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False} | more


def listed(items):
    """A list of what is alike."""
    return {"type": "array", "items": items}


def table(values):
    """An object whose names are not known beforehand."""
    return {"type": "object", "additionalProperties": values}


def document(form, /, **properties):
    """What a command writes: an object that says of which form it is."""
    return fixed({"schema": {"const": form}, **properties})


def of(kind):
    """The schema of a type as an annotation has it."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and attrs.has(kind):
        return row(kind)
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": [*inside]}
    if origin in (typing.Union, types.UnionType):
        return _either([of(one) for one in inside])
    if origin is tuple and inside[-1] is not Ellipsis:
        return {"type": "array", "prefixItems": [of(one) for one in inside], "items": False, "minItems": len(inside)}
    if origin in (tuple, list, frozenset, set, AbstractSequence):
        return listed(of(inside[0]))
    if origin in (dict, AbstractMapping):
        return table(of(inside[1]))
    # Any, and values of users, which are what they are.
    return ANY


def _either(options):
    found = [one for one in options if one != {"type": "null"}]
    if len(found) == len(options):
        return {"anyOf": found} if len(found) > 1 else found[0]
    (one,) = found if len(found) == 1 else ({"anyOf": found},)
    if isinstance(one.get("type"), str):
        return one | {"type": [one["type"], "null"]}
    if one in (NUMBER, ANY):
        return one
    if "enum" in one:
        return {"enum": [*one["enum"], None]}
    return {"anyOf": [*one.get("anyOf", [one]), {"type": "null"}]}


def row(kind, **other):
    """An instance by its fields; `other` says which are written otherwise, and which there are besides."""
    hints = {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind)) if field.name[0] != "_"}
    return fixed({name: of(hint) for name, hint in hints.items()} | other)


def _figures():
    """A KPI's figure as `crmkit kpi` writes it: exact amounts as texts."""
    return row(Figure, exact=MAYBE, group=table(MAYBE))


def _problem(**more):
    kinds = typing.get_type_hints(Problem)["kind"]
    return fixed({"kind": of(kinds), "case": TEXT, "where": table(ANY), "text": TEXT, "text_zh": TEXT,
                  "figures": table(ANY), "metric": MAYBE, "definition": TEXT, **more})  # fmt: skip


def _exact(kind):
    """A row whose exact amounts are texts, as `crmkit._answers.exact` writes them."""
    return row(kind)


def _lines(*names):
    return dict.fromkeys(names, listed(TEXT))


CHANGED = fixed({"metric": TEXT, "period": TEXT, **dict.fromkeys(("value", "base", "change", "change_low", "change_high"), NUMBER),
                 "unit": TEXT, "n": COUNT, "method": TEXT, "group": table(MAYBE), "definition": TEXT})  # fmt: skip
DUE = fixed({name: TEXT if name == "since" else of(attrs.fields_dict(attrs.resolve_types(Due))[name].type)
             for name in ("case", "want", "owner", "since")})  # fmt: skip
AGENDA = {
    "period": TEXT, "from": PLAIN[date], "to": PLAIN[date], "at": PLAIN[datetime], "known_at": MAYBE,
    "changed": listed(CHANGED), "compared": COUNT, "silent": listed(TEXT), "problems": listed(_problem()),
    "false_alarms": NUMBER, "notes": listed(listed(TEXT)), "again": listed(_problem(case=TEXT)),
    "practices": listed(_problem()), "due": listed(DUE), "open": COUNT,
    "closed": listed(fixed({"case": TEXT, "outcome": TEXT})), "level": NUMBER, "definition": TEXT,
}  # fmt: skip
PAST = fixed({
    "cuts": listed(_exact(CutScore)), "methods": listed(_exact(MethodScore)), "calibration": listed(_exact(Bin)),
    "coverage": listed(_exact(Coverage)), **dict.fromkeys(("wape", "bias", "pinball", "crps"), NUMBER),
    "line": {"anyOf": [row(CalibrationLine), {"type": "null"}]}, "drift": row(Drift, alarm=of(bool | None)), "n": COUNT,
    "definition": TEXT,
})  # fmt: skip
METRIC = fixed({"key": TEXT, "name": TEXT, "mission": TEXT, "unit": TEXT, "better": ANY, "formula": TEXT, "source": TEXT,
                "policies": table(ANY), "definition": TEXT})  # fmt: skip
KPI = fixed({"name": TEXT, "mission": TEXT, "unit": TEXT, "needs": TEXT, "en": TEXT, "zh": TEXT})
FOUND = {"in": TEXT, "kind": TEXT, "why": TEXT, "severity": {"enum": ["error", "warning", "advice"]}}
STATE = {"enum": ["ok", "missing", "too old", "broken"]}

#: By command, with dashes: what it does, and what it writes with --json. That of `report` lies beside the page.
SHAPES = {
    "check": ("The standard checks of a store.", document(
        "crmkit-check-1", target=TEXT, ok=TRUTH, claims=row(Claims), checks=listed(row(Checked)))),
    "conform": ("A log compared with its pipeline.", document(
        "crmkit-conform-1", cases=COUNT, share=NUMBER, verdicts=table(COUNT), kinds=listed(row(Share)),
        people=listed(row(Share)), versions=listed(row(Share)), not_checked=ANY, deviations=listed(row(Deviation)),
        **_lines("findings"))),
    "demo": ("The pages of the demonstration.", document(
        "crmkit-demo-1", pages=listed(fixed({"name": TEXT, "html": TEXT, "json": TEXT})))),
    "discover": ("How cases flow, and a draft of the pipeline.", document(
        "crmkit-discover-1", cases=COUNT, starts=table(COUNT), ends=table(COUNT), open=table(COUNT), closed=table(TEXT),
        flow=listed(row(Follows)), variants=listed(row(Variant)), rework=listed(row(Rework)),
        bottlenecks=listed(row(Bottleneck)), handovers=listed(row(Handover)),
        draft=fixed({"pipeline": table(ANY), "moves": NUMBER, "cases": NUMBER, "left_out": listed({"type": "array"}),
                     "stages_left_out": ANY, "guesses": ANY}),
        **_lines("findings"))),
    "doctor": ("What is installed, what can run, what is broken.", document(
        "crmkit-doctor-1", crmkit=TEXT, python=TEXT, implementation=TEXT, platform=TEXT, ok=TRUTH,
        libraries=listed(fixed({"name": TEXT, "installed": MAYBE, "wanted": TEXT, "state": STATE, "reason": TEXT,
                                "needed": TRUTH})),
        extras=listed(fixed({"name": TEXT, "enables": TEXT, "enables_zh": TEXT, "libraries": listed(TEXT),
                             "ready": TRUTH, "install": TEXT})),
        machine=listed(fixed({"name": TEXT, "state": {"enum": ["ok", "missing", "limited", "not needed"]},
                              "tells": TEXT, "tells_zh": TEXT})),
        **_lines("problems"))),
    "forecast": ("What will be won, with its track record.", document(
        "crmkit-forecast-1", at=PLAIN[datetime], horizon=COUNT, unit={"enum": ["amount", "wins"]}, level=NUMBER,
        total=_exact(Expectation), periods=listed(_exact(Expectation)), segments=listed(_exact(Expectation)),
        deals=listed(_exact(DealForecast)), track=listed(_exact(PastCut)), policies=table(TEXT), definition=TEXT,
        backtest={"anyOf": [PAST, {"type": "null"}]}, **_lines("findings"))),
    "kpi": ("Figures with their limits; without files, what can be measured.", {"oneOf": [
        document("crmkit-kpi-1", metrics=listed(METRIC), figures=listed(_figures()), findings=listed(row(Finding))),
        document("crmkit-kpis-1", kpis=listed(KPI))]}),
    "review": ("The agenda of a period.", document(
        "crmkit-review-1", **AGENDA, opened=listed(TEXT), left_out=listed(row(Finding)))),
    "schema": ("The names of the schemas; with a name, that schema.", {"oneOf": [
        document("crmkit-schemas-1", names=listed(TEXT)), {"type": "object", "required": ["$schema", "$id", "title"]}]}),
    "simulate": ("The files of a simulated company, and what was planted in them.", document(
        "crmkit-simulate-1", seed=COUNT, size=COUNT, folder=TEXT,
        files=listed(fixed({"name": TEXT, "rows": {"type": ["integer", "null"]}})), planted=listed(row(Planting)),
        **{"try": listed(TEXT)})),
    "kb-file-mail": ("Messages under customers, and what has to be decided.", document(
        "crmkit-kb-file-mail-1", messages=COUNT, filings=listed(row(Filing)),
        queue=listed(row(Queued, where=TEXT, subject=TEXT)), ignored=ANY, internal=ANY,
        findings=table(listed(TEXT)))),
    "kb-index": ("What an index holds now.", document("crmkit-kb-index-1", commit=ANY, documents=COUNT)),
    "kb-propose": ("A brief answered from a library.", fixed({
        "schema": {"const": "crmkit-kb-propose-1"}, **row(Proposal)["properties"], "counts": table(COUNT),
        "yard": table(ANY)})),
    "kb-publish": ("What a site shows, and what became of its files.", fixed({
        "schema": {"const": "crmkit-kb-publish-1"}, **row(Site)["properties"]})),
    "kb-search": ("Documents that were found, the best first.", document(
        "crmkit-kb-search-1", total=COUNT,
        hits=listed(fixed({"id": TEXT, "score": NUMBER, "texts": table(TEXT), "fields": table(ANY),
                           "spans": listed(row(Span))})),
        facets=table(listed({"type": "array", "prefixItems": [ANY, COUNT], "items": False, "minItems": 2})),
        notes=listed(row(Note)), next=MAYBE)),
    "kb-verify": ("What is missing or broken in an index.", document("crmkit-kb-verify-1", flaws=listed(row(Flaw)))),
    "pipeline-check": ("What is wrong with a definition, and what is often forgotten.", document(
        "crmkit-pipeline-check-1", name=MAYBE, definition=MAYBE, stages=COUNT, moves=COUNT,
        **_lines("errors", "advice"))),
    "pipeline-draw": ("A definition as a picture or in another format.", document(
        "crmkit-pipeline-draw-1", name=TEXT, format={"enum": ["mermaid", "dot", "bpmn", "toml", "json"]}, file=MAYBE,
        text=TEXT)),
    "rules-backtest": ("What rules would have stopped in history.", document(
        "crmkit-rules-backtest-1", records=COUNT, by=listed(TEXT), rules=listed(row(RuleEffect)),
        tables=listed(fixed({"table": TEXT, "judged": row(Effect), "flips": listed(COUNT),
                             "unexplained": listed(COUNT), "proved": TRUTH,
                             "changes": listed(fixed({"change": row(TableChange), "effect": row(Effect)}))})))),
    "rules-check": ("Everything that is wrong with rules.", document(
        "crmkit-rules-check-1", name=TEXT, version=MAYBE, errors=COUNT, warnings=COUNT,
        findings=listed({"type": "object", "required": ["in", "kind", "why", "severity"], "additionalProperties": False,
                         "properties": {**FOUND, "certain": TRUTH, "rows": listed(COUNT), "cells": listed(TEXT),
                                        "rules": listed(TEXT), "record": {"type": ["object", "null"]}}}))),
    "rules-diff": ("What changes between two versions.", document(
        "crmkit-rules-diff-1", before=TEXT, after=TEXT,
        texts=listed(fixed({"rule": TEXT, "before": MAYBE, "after": MAYBE})), rules=listed(row(RuleDiff)),
        tables=listed(fixed({"table": TEXT, "changes": listed(row(TableChange)), "proved": TRUTH})))),
    "rules-explain": ("Why a rule or a table decides what it decides.", document(
        "crmkit-rules-explain-1", rule=TEXT, because={"anyOf": [row(Explanation), {"type": "null"}]},
        table={"anyOf": [row(TableExplanation), {"type": "null"}]})),
    "rules-test": ("Whether the laws hold, and what the records would not notice.", document(
        "crmkit-rules-test-1", records=COUNT, broken=MAYBE, coverage=row(Seen),
        mutants=fixed({"killed": COUNT, "total": COUNT, "survivors": listed(row(Mutant))}))),
    "store-erase": ("What was erased of a person, or would be found.", {"oneOf": [
        document("crmkit-store-erase-1", done={"const": False}, found=COUNT, messages=COUNT),
        document("crmkit-store-erase-1", done={"const": True}, **row(Erased)["properties"], messages=COUNT)]}),
    "store-export": ("What was written.", fixed({"schema": {"const": "crmkit-store-export-1"}, **row(Moved)["properties"]})),
    "store-import": ("What was stored.", fixed({"schema": {"const": "crmkit-store-import-1"}, **row(Moved)["properties"]})),
    "store-person": ("Everything that is held about a person.", document(
        "crmkit-person-1", subject=fixed({"ids": listed(TEXT), "texts": listed(TEXT), "records": listed(listed(TEXT))}),
        counts=table(COUNT), held=listed(row(Held)))),
    "store-verify": ("What is wrong with a store.", document("crmkit-store-verify-1", **_lines("found"))),
}  # fmt: skip


def files():
    """The text of each schema by the name of its file."""
    found = {}
    for name, (title, shape) in SHAPES.items():
        head = {"$schema": DIALECT, "$id": f"urn:crmkit:schema:{name}:1", "title": title}
        found[f"{name}.json"] = json.dumps(head | shape, ensure_ascii=False, indent=1) + "\n"
    return found


def main():
    """Write the schemas, or say which are not as they would be written."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    stale = sorted({*files().items()} ^ {*written.items()})
    if "--write" not in sys.argv:
        print(*dict.fromkeys(name for name, _ in stale), sep="\n")  # noqa: T201 - it is a command
        return bool(stale)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return False


if __name__ == "__main__":
    raise SystemExit(main())
