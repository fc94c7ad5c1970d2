"""A hypothesis strategy of whole pipelines: every kind of part, with names that files and tools get wrong."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors
from crmkit.pipeline import Approval, Clock, Link, Move, Panel, Pipeline, Stage
from crmkit.pipeline.case import Effect
from crmkit.rules import DecisionTable, Field, PythonRule, Rule, RuleSet, Schema
from crmkit.values import Money

__all__ = ["guards_of", "pipelines"]

Draw = Callable[..., Any]

_HOSTILE = (
    "labels", "note", "source", "name", "to", "python", "guard", "moves", "a.b", 'a"b', "a'b", "a\\b", "a\nb", "a]b",
    "[0]", " ", " a", "é", "e\u0301", "客户 已确认", "a & <b>", "--", "x:y;z#", "\x01", "\x7f", "\u2028", "true", "1",
)  # fmt: skip
_CONDITIONS = (
    "discount <= 0.15", 'role in ("rep", "manager")', "amount > 1000 and key customer = true", 'owner = "li"',
    "entered < at", "stage = previous stage", "discount < 0.1 or\n  amount > 5",
)  # fmt: skip
_LIMITS = ("5 business days", "1 hour", "0.5 weeks", "30 business minutes")
_SCHEMA = Schema([
    Field("discount", "decimal", low=0, high=Decimal("0.5"), labels={"zh": "折扣"}),
    Field("role", values=["rep", "manager", 'a"b']),
    Field("amount", "decimal", unit="CNY", nullable=True),
    Field("key customer", "boolean"),
    Field("signed", "date", nullable=True, low=date(2020, 1, 1)),
    Field("items", "list", fields=[Field("price", "decimal"), Field("tags", "list", item="string")]),
])  # fmt: skip


def _small(attempt: Any) -> bool:
    # Without a schema the field may hold anything.
    discount = attempt["discount"] or 0
    return isinstance(discount, int | Decimal) and discount <= Decimal("0.1")


def _known(record: Mapping[str, Any]) -> bool:
    return record.get("role") is not None


_PYTHON = PythonRule("known", _known, version="2")


def guards_of(pipeline: Pipeline) -> dict[str, Any]:
    """The functions and Python rules of a pipeline and of its child cases, by name: `guards=` of `from_toml`."""
    found = {getattr(one, "__name__", ""): one for one in _functions(pipeline)}
    for link in pipeline.links:
        found |= guards_of(link.pipeline)
    rules = pipeline.rules.rules if pipeline.rules is not None else ()
    return found | {rule.name: rule for rule in rules if isinstance(rule, PythonRule)}


def _functions(pipeline: Pipeline) -> Iterator[Any]:
    for moves in pipeline.moves.values():
        for move in moves.values():
            yield from filter(callable, move.guards)


@st.composite
def pipelines(draw: Draw, *, links: bool = True, cancellable: bool = False) -> Pipeline:
    """Whole pipelines, without mistakes.

    Args:
        draw: given by hypothesis.
        links: whether they may have child cases.
        cancellable: whether every open stage has a move into a cancelled one that asks for nothing, as those of child
            cases must.
    """
    names = draw(st.lists(_names(), min_size=2, max_size=6, unique=True))
    count = draw(st.integers(1, min(3, len(names) - 1)))
    closed, still = names[:count], names[count:]
    outcomes = ["cancelled" if cancellable else draw(_outcomes()), *(draw(_outcomes()) for _ in closed[1:])]
    stages = [draw(_stages(name)) for name in still]
    stages += [draw(_stages(name, outcome)) for name, outcome in zip(closed, outcomes, strict=True)]
    if cancellable:
        stages[len(still)] = attrs.evolve(stages[len(still)], requires=())
    approvals = draw(st.lists(_approvals(), max_size=2, unique_by=lambda one: one.name))
    clocks = draw(st.lists(_clocks(), max_size=2, unique_by=lambda one: one.name))
    given: dict[str, Any] = {
        "approvals": approvals,
        # A stage with a limit has a clock of its own, under its own name.
        "clocks": [clock for clock in clocks if clock.name not in names],
        "schema": draw(st.sampled_from([None, _SCHEMA])),
        "rules": draw(st.none() | _rule_sets()),
        "labels": draw(_labels()),
        "source": draw(_texts()),
        "links": draw(st.lists(_links(still), max_size=2, unique_by=lambda one: one.name)) if links else [],
    }
    if draw(st.integers(0, 3)):
        given["moves"] = draw(_moves(still, closed, [one.name for one in approvals], plain=cancellable))
        stages = draw(st.permutations(stages))
        given["start"] = still[0]
    switches = {name: draw(st.booleans()) for name in ("skip", "back", "reopen")}
    name = draw(_names())
    try:
        return Pipeline(name, stages, **given, **switches)
    except DefinitionErrors:
        # A move that was drawn may be one that the switches forbid.
        return Pipeline(name, stages, **given)


def _names() -> st.SearchStrategy[str]:
    return st.sampled_from(_HOSTILE) | st.text(min_size=1, max_size=6)


def _texts() -> st.SearchStrategy[str]:
    return st.just("") | _names()


def _several(most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(_names().filter(str.strip), max_size=most)


def _labels() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(["en", "zh", "pt-BR"]), _texts(), max_size=2)


def _outcomes() -> st.SearchStrategy[str]:
    return st.sampled_from(["won", "lost", "cancelled"])


def _stages(name: str, outcome: Any = None) -> st.SearchStrategy[Stage]:
    return st.builds(
        Stage, st.just(name), st.just(outcome), requires=_several(), limit=st.sampled_from([None, *_LIMITS]),
        locked=_several() | st.just(["*"]), labels=_labels(), note=_texts(),
    )  # fmt: skip


def _data() -> st.SearchStrategy[Any]:
    single = (
        st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
        | st.decimals(allow_nan=False, allow_infinity=False, places=2) | _texts() | st.dates()
        | st.datetimes().map(lambda at: at.replace(tzinfo=UTC)) | st.just(Money("1.50", "EUR"))
    )  # fmt: skip
    keys = _names() | st.sampled_from(["$null", "$decimal", "$"])
    inner = st.recursive(
        single, lambda more: st.lists(more, max_size=2) | st.dictionaries(keys, more, max_size=2), max_leaves=4
    )
    return st.dictionaries(keys, inner, max_size=3)


def _effects() -> st.SearchStrategy[list[Effect]]:
    return st.lists(st.builds(Effect, _names(), _data()), max_size=2)


def _guards() -> st.SearchStrategy[Any]:
    rules = st.builds(
        Rule, _texts(), st.sampled_from(_CONDITIONS), kind=st.sampled_from(["guard", "validation"]),
        severity=st.sampled_from(["error", "warning"]), on_null=st.sampled_from(["pass", "fail", "report"]),
        message=_labels(), source=_texts(),
    )  # fmt: skip
    return st.sampled_from(_CONDITIONS) | rules | st.just(_small)


@st.composite
def _moves(
    draw: Draw, still: list[str], closed: list[str], approvals: list[str], *, plain: bool
) -> dict[str, dict[str, Move]]:
    """Moves by which every stage is reached from the first open one, and a closed one from every stage."""
    ways = [(draw(st.sampled_from(still[:number])), still[number]) for number in range(1, len(still))]
    ways += [(draw(st.sampled_from(still)), name) for name in closed] + [(name, closed[0]) for name in still]
    ways += draw(st.lists(st.tuples(*[st.sampled_from([*still, *closed])] * 2), max_size=4))
    made: dict[str, dict[str, Move]] = {}
    for origin, to in ways:
        name = draw(_names())
        while name in made.setdefault(origin, {}):
            name += "'"
        # A plain move, which has a short form, is as good a test as one with everything.
        full = draw(st.booleans()) and not (plain and to == closed[0])
        made[origin][name] = draw(_full_moves(to, approvals)) if full else Move(to)
    return made


def _full_moves(to: str, approvals: list[str]) -> st.SearchStrategy[Move]:
    return st.builds(
        Move, st.just(to), guard=st.lists(_guards(), max_size=3), requires=_several(), roles=_several(),
        approval=st.sampled_from([None, *approvals]), effects=_effects(), labels=_labels(), note=_texts(),
    )  # fmt: skip


def _panels() -> st.SearchStrategy[Panel]:
    people = st.lists(_names(), min_size=1, max_size=2)
    return st.builds(
        Panel, people, roles=_several(), fields=_several(),
        mode=st.sampled_from(["all", "any", "sequence", "quorum", "weighted"]), quorum=st.integers(1, 5),
        weights=st.dictionaries(_names() | st.just("$ann"), st.integers(0, 9), max_size=2),
        empty=st.sampled_from(["refuse", "pass", "ask"]), deputies=people,
        own=st.sampled_from(["skip", "allow", "superior"]),
    )  # fmt: skip


def _approvals() -> st.SearchStrategy[Approval]:
    return st.builds(
        Approval, _names().filter(str.strip), st.lists(_panels(), min_size=1, max_size=2), covers=_several(),
        when=st.none() | st.sampled_from(_CONDITIONS), repeated=st.sampled_from(["each", "first", "consecutive"]),
        separate=st.booleans(),
    )  # fmt: skip


@st.composite
def _clocks(draw: Draw) -> Clock:
    condition = st.sampled_from(_CONDITIONS)
    pause = draw(st.none() | condition)
    return Clock(
        draw(_names().filter(str.strip)), draw(st.sampled_from(_LIMITS)), stop=draw(condition),
        start=draw(st.none() | condition), pause=pause, resume=None if pause is None else draw(st.none() | condition),
        reset=draw(st.none() | condition), warn=draw(st.lists(st.integers(1, 99), max_size=2)),
        effects=draw(_effects()), note=draw(_texts()),
    )  # fmt: skip


def _links(still: list[str]) -> st.SearchStrategy[Link]:
    return st.builds(
        Link, st.sampled_from(["credit check", "quotation", "报价"]), pipelines(links=False, cancellable=True),
        stages=st.lists(st.sampled_from(still), max_size=2),
    )  # fmt: skip


@st.composite
def _rule_sets(draw: Draw) -> RuleSet:
    texts = draw(st.lists(st.sampled_from(_CONDITIONS[:3]), max_size=3))
    rules: list[Any] = [
        Rule(
            f"rule {number}", text, kind=draw(st.sampled_from(["guard", "validation"])), message=draw(_labels()),
            severity=draw(st.sampled_from(["error", "warning"])), source=draw(_texts()),
        )
        for number, text in enumerate(texts)
    ]  # fmt: skip
    rows = [["<= 0.1", '"rep"'], ["(0.1..0.5]", '"manager"']]
    table = DecisionTable("approver", _SCHEMA, ["discount"], [Field("approver", values=["rep", "manager"])], rows)
    return RuleSet(
        draw(_names()), _SCHEMA, [*rules, *draw(st.sampled_from([[], [_PYTHON]]))],
        tables=draw(st.sampled_from([[], [table]])), transitions=draw(st.booleans()), shadow=draw(st.booleans()),
    )  # fmt: skip
