"""Twenty CRM rules on deals, beside Python written by hand and four rule engines; columns beside the same Python.

The records are complete, since neither lambdas nor the engines know what to do with nulls; crmkit's rules do, and pay
for it here too. Days are dates for us and for rule-engine, and texts for the others, which have no dates.
Decision tables and their analysis are in files of their own.

A function a rule is run rule by rule, which suits Python best: a call of one function again and again is its quickest.
One function for all answers a record at a time, as a guard must, and so do the lambdas beside it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import rules_analysis
import rules_tables
from harness import Comparison, Contender, Run
from rules_elsewhere import CEL, CEL_TYPES, JSON_LOGIC

from crmkit.rules import Field, Rule, RuleSet, Schema

RECORDS, QUICK_RECORDS = 2_000, 50
MANY, QUICK_MANY = 100_000, 2_000
NEW_YEAR = date(2026, 1, 1)
DEAL = Schema([
    Field("amount", "float", nullable=True), Field("discount", "float", nullable=True), Field("cost", "float"),
    Field("stage", values=["lead", "qualified", "proposal", "won", "lost"]),
    Field("contacts", "integer", nullable=True),
    Field("closed", "date", nullable=True), Field("opened", "date"), Field("role"), Field("segment", nullable=True),
    Field("region"), Field("email", nullable=True),
    Field("items", "list", fields=[Field("sku"), Field("qty", "integer"), Field("price", "float")]),
])  # fmt: skip

#: Each rule in FEEL, as Python, for rule-engine and for zen-engine.
RULES: tuple[tuple[str, Callable[[Mapping[str, Any]], Any], str, str], ...] = (
    ("amount > 100000 and discount > 0.15", lambda r: r["amount"] > 100000 and r["discount"] > 0.15,
     "amount > 100000 and discount > 0.15", "amount > 100000 and discount > 0.15"),
    ('discount <= 0.15 or role = "manager"', lambda r: r["discount"] <= 0.15 or r["role"] == "manager",
     'discount <= 0.15 or role == "manager"', 'discount <= 0.15 or role == "manager"'),
    ("amount * (1 - discount) - cost >= 0.2 * amount",
     lambda r: r["amount"] * (1 - r["discount"]) - r["cost"] >= 0.2 * r["amount"],
     "amount * (1 - discount) - cost >= 0.2 * amount", "amount * (1 - discount) - cost >= 0.2 * amount"),
    ('stage in ("won", "lost")', lambda r: r["stage"] in ("won", "lost"),
     'stage in ["won", "lost"]', 'stage in ["won", "lost"]'),
    ('region in ("N", "S", "E") and segment = "smb"',
     lambda r: r["region"] in ("N", "S", "E") and r["segment"] == "smb",
     'region in ["N", "S", "E"] and segment == "smb"', 'region in ["N", "S", "E"] and segment == "smb"'),
    ("closed != null and closed < opened", lambda r: r["closed"] is not None and r["closed"] < r["opened"],
     "closed != null and closed < opened", "closed != null and d(closed).isBefore(opened)"),
    ('opened < @"2026-01-01"',
     lambda r: r["opened"] < NEW_YEAR, 'opened < d"2026-01-01"', 'd(opened).isBefore("2026-01-01")'),
    ("some i in items satisfies i.qty > 10", lambda r: any(i["qty"] > 10 for i in r["items"]),
     "[i for i in items if i.qty > 10].length > 0", "some(items, #.qty > 10)"),
    ("every i in items satisfies i.price > 0", lambda r: all(i["price"] > 0 for i in r["items"]),
     "[i for i in items if i.price <= 0].length == 0", "all(items, #.price > 0)"),
    ("contacts between 1 and 5",
     lambda r: 1 <= r["contacts"] <= 5, "contacts >= 1 and contacts <= 5", "contacts in [1..5]"),
    ('email != null and ends with(email, ".cn")', lambda r: r["email"] is not None and r["email"].endswith(".cn"),
     'email != null and email.ends_with(".cn")', 'email != null and endsWith(email, ".cn")'),
    ('contains(role, "man")', lambda r: "man" in r["role"], '"man" in role', 'contains(role, "man")'),
    ('stage = "proposal" and amount > 5000 and discount < 0.1',
     lambda r: r["stage"] == "proposal" and r["amount"] > 5000 and r["discount"] < 0.1,
     'stage == "proposal" and amount > 5000 and discount < 0.1',
     'stage == "proposal" and amount > 5000 and discount < 0.1'),
    ('not(stage = "lead") and contacts > 2', lambda r: r["stage"] != "lead" and r["contacts"] > 2,
     'not (stage == "lead") and contacts > 2', 'not (stage == "lead") and contacts > 2'),
    ("amount >= 1000 and amount < 50000", lambda r: r["amount"] >= 1000 and r["amount"] < 50000,
     "amount >= 1000 and amount < 50000", "amount >= 1000 and amount < 50000"),
    ("count(items) > 3", lambda r: len(r["items"]) > 3, "items.length > 3", "len(items) > 3"),
    ('if segment = "ent" then discount <= 0.3 else discount <= 0.2',
     lambda r: r["discount"] <= 0.3 if r["segment"] == "ent" else r["discount"] <= 0.2,
     'segment == "ent" ? discount <= 0.3 : discount <= 0.2', 'segment == "ent" ? discount <= 0.3 : discount <= 0.2'),
    ('starts with(region, "N") or starts with(region, "S")',
     lambda r: r["region"].startswith("N") or r["region"].startswith("S"),
     'region.starts_with("N") or region.starts_with("S")', 'startsWith(region, "N") or startsWith(region, "S")'),
    ("cost / amount > 0.6", lambda r: r["cost"] / r["amount"] > 0.6, "cost / amount > 0.6", "cost / amount > 0.6"),
    ('segment in ("ent", "strategic") and not(role in ("junior", "trainee"))',
     lambda r: r["segment"] in ("ent", "strategic") and r["role"] not in ("junior", "trainee"),
     'segment in ["ent", "strategic"] and not (role in ["junior", "trainee"])',
     'segment in ["ent", "strategic"] and not (role in ["junior", "trainee"])'),
)  # fmt: skip

_LAMBDAS = tuple(rule[1] for rule in RULES)


def comparisons(*, quick: bool) -> list[Comparison]:
    """One by one, all at once, and by columns."""
    size, many = (QUICK_RECORDS, QUICK_MANY) if quick else (RECORDS, MANY)
    plain = Contender("python", partial(_lambdas, size=size), _gathered, form="a lambda a rule")
    return [
        Comparison(
            "20 rules, a function each", size * len(RULES), "verdicts", _nothing,
            [Contender("crmkit", partial(_functions, size=size), _gathered), plain,
             Contender("rule-engine", partial(_rule_engine, size=size), _gathered),
             Contender("zen-engine", partial(_zen, size=size), _gathered),
             Contender("cel-expr-python", partial(_cel, size=size), _gathered),
             Contender("json-logic-qubit", partial(_json_logic, size=size), _gathered)], _equal,
        ),
        Comparison(
            "20 rules, one function for all", size * len(RULES), "verdicts", _nothing,
            [Contender("crmkit", partial(_fused, size=size), _gathered),
             Contender("python", partial(_record_by_record, size=size), _gathered, form="a lambda a rule"),
             Contender("zen-engine", partial(_zen_list, size=size), _gathered, form="one list"),
             Contender("cel-expr-python", partial(_cel_list, size=size), _gathered, form="one list")], _equal,
        ),
        Comparison(
            "20 rules, by columns", many * len(RULES), "verdicts", _nothing,
            [Contender("crmkit", partial(_columns, size=many), _gathered),
             Contender("python", partial(_lambdas, size=many), _gathered, form="a lambda a rule")], _equal,
        ),
        Comparison(
            "reading and compiling 20 rules", len(RULES), "rules", _nothing,
            [Contender("crmkit", _load, form="with the first record judged"),
             Contender("rule-engine", _load_rule_engine), Contender("zen-engine", _load_zen),
             Contender("cel-expr-python", _load_cel)], _both_done,
        ),
        *rules_tables.comparisons(quick=quick),
        *rules_analysis.comparisons(quick=quick),
    ]  # fmt: skip


def _nothing(folder: Path) -> None:
    """The inputs are made."""


def _equal(ours: Any, theirs: Any) -> None:
    assert theirs == ours


def _both_done(ours: Any, theirs: Any) -> None:
    assert ours == theirs == len(RULES)


def _records(size: int) -> list[dict[str, Any]]:
    rng = random.Random(1)  # noqa: S311 - made-up deals
    return [
        {
            "amount": rng.uniform(1, 2e5), "discount": rng.uniform(0, 0.4), "cost": rng.uniform(1, 1e5),
            "stage": rng.choice(["lead", "qualified", "proposal", "won", "lost"]), "contacts": rng.randint(0, 9),
            "closed": date(2026, 1, rng.randint(1, 28)), "opened": date(2025, 12, rng.randint(1, 28)),
            "role": rng.choice(["manager", "junior", "rep"]), "segment": rng.choice(["smb", "ent", "strategic"]),
            "region": rng.choice("NSEW"), "email": "a@b.cn",
            "items": [
                {"sku": "a", "qty": rng.randint(1, 12), "price": rng.uniform(0, 10)} for _ in range(rng.randint(0, 5))
            ],
        }
        for _ in range(size)
    ]  # fmt: skip


def _set() -> RuleSet:
    return RuleSet("bench", DEAL, [Rule(f"r{number}", rule[0]) for number, rule in enumerate(RULES)])


def _each(functions: Sequence[Callable[[Any], Any]], records: Sequence[Any]) -> Run:
    """Every function on every record; the verdicts are gathered afterwards, outside the time."""

    def run() -> Any:
        for function in functions:
            for record in records:
                function(record)
        return lambda: [[bool(function(record)) for record in records] for function in functions]

    return run


def _gathered(result: Any) -> Any:
    return result()


def _functions(_folder: Path, *, size: int) -> Run:
    rules = _set()
    return _each([rules.function(one.name) for one in rules.rules], _records(size))


def _lambdas(_folder: Path, *, size: int) -> Run:
    return _each([rule[1] for rule in RULES], _records(size))


def _record_by_record(_folder: Path, *, size: int) -> Run:
    records = _records(size)

    def run() -> Any:
        for record in records:
            for judge in _LAMBDAS:
                judge(record)
        return lambda: [[bool(judge(record)) for record in records] for judge in _LAMBDAS]

    return run


def _together(function: Callable[[Any], Sequence[Any]], records: Sequence[Any]) -> Run:
    """A function for all rules on every record; the verdicts are gathered afterwards."""

    def run() -> Any:
        for record in records:
            function(record)
        return lambda: [[bool(verdict) for verdict in column] for column in zip(*map(function, records), strict=True)]

    return run


def _fused(_folder: Path, *, size: int) -> Run:
    from crmkit.rules._compile import fused

    rules = _set()
    return _together(fused([rules.checked[one.name] for one in rules.rules]), _records(size))


def _columns(_folder: Path, *, size: int) -> Run:
    from crmkit.rules._vectors import judge
    from crmkit.rules.columns import Columns

    rules = _set()
    columns, checked = Columns.from_records(_records(size), DEAL), [rules.checked[one.name] for one in rules.rules]

    def run() -> Any:
        verdicts = judge(checked, columns)
        return lambda: [true.tolist() for true, _ in verdicts]

    return run


def _rule_engine(_folder: Path, *, size: int) -> Run:
    import rule_engine

    return _each([rule_engine.Rule(rule[2]).matches for rule in RULES], _records(size))


def _texts(size: int) -> list[dict[str, Any]]:
    """The records, with days as texts."""
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in record.items()}
        for record in _records(size)
    ]


def _zen(_folder: Path, *, size: int) -> Run:
    import zen

    return _each([zen.compile_expression(rule[3]).evaluate for rule in RULES], _texts(size))


def _cel_environment() -> Any:
    from cel_expr_python import cel

    kinds = {"items": cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN))}
    return cel.NewEnv(variables={**{name: getattr(cel.Type, kind) for name, kind in CEL_TYPES.items()}, **kinds})


def _cel(_folder: Path, *, size: int) -> Run:
    environment = _cel_environment()

    def function(text: str) -> Callable[[Any], Any]:
        program = environment.compile(text)
        return lambda record: program.eval(data=record).value()

    return _each([function(text) for text in CEL], _texts(size))


def _json_logic(_folder: Path, *, size: int) -> Run:
    from json_logic import jsonLogic

    return _each([partial(jsonLogic, rule) for rule in JSON_LOGIC], _texts(size))


def _zen_list(_folder: Path, *, size: int) -> Run:
    import zen

    return _together(zen.compile_expression(f"[{', '.join(rule[3] for rule in RULES)}]").evaluate, _texts(size))


def _cel_list(_folder: Path, *, size: int) -> Run:
    program = _cel_environment().compile(f"[{', '.join(CEL)}]")
    return _together(lambda record: [one.value() for one in program.eval(data=record).value()], _texts(size))


def _load(_folder: Path) -> Run:
    (record,) = _records(1)
    return lambda: len(_set().judge(record))


def _load_rule_engine(_folder: Path) -> Run:
    import rule_engine

    return lambda: len([rule_engine.Rule(rule[2]) for rule in RULES])


def _load_zen(_folder: Path) -> Run:
    import zen

    return lambda: len([zen.compile_expression(rule[3]) for rule in RULES])


def _load_cel(_folder: Path) -> Run:
    environment = _cel_environment()
    return lambda: len([environment.compile(text) for text in CEL])
