"""How rules of a set stand to each other: each kind of finding, its words, its record, its severity."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.rules import Field, PythonRule, Rule, RuleSet, Schema
from crmkit.rules.analysis import Budget
from crmkit.rules.relations import relations, witness

BOTH = pytest.mark.parametrize("solver", ["boxes", "z3"])
DEAL = Schema([
    Field("amount", "decimal", low=0), Field("discount", "decimal", low=0, high=1), Field("cost", "decimal", low=0),
    Field("role", values=["rep", "manager"]), Field("contacts", "integer", low=0, nullable=True),
    Field("strategic", "boolean", nullable=True), Field("opened", "date"), Field("closed", "date", nullable=True),
])  # fmt: skip


def found(rules, kind, **settings):
    """The findings of one kind, as the rules they name with their severities."""
    listed = relations(RuleSet("s", DEAL, rules), **settings).findings
    return [(one.rules, one.severity) for one in listed if one.kind == kind]


def same(rules, record, verdicts):
    """Whether rules say of a record what they should."""
    said = {verdict.rule: verdict.value for verdict in rules.judge(record, old=record.get("old"))}
    return all(said[name] is verdict for name, verdict in verdicts.items())


@BOTH
def test_never_and_always(solver):
    """Never true, never false, never without an answer; the severity is that of the rule if nothing keeps it."""
    rules = [
        Rule("a", "discount < 0.1 and discount > 0.2"), Rule("b", "discount < 0.1 and discount > 0.3", severity="info"),
        Rule("c", "contacts < 2 and contacts > 2", on_null="pass"), Rule("d", "discount < 0.5 or discount >= 0.5"),
        Rule("e", "contacts < 5 or contacts >= 5"), Rule("f", 'role = "rep"', on_null="fail"),
        Rule("g", "discount < 0.1 and discount > 0.2", kind="choice"), Rule("h", "null"), Rule("i", "true"),
    ]  # fmt: skip
    assert found(rules, "never-true", solver=solver) == [
        (("a",), "error"), (("h",), "error"), (("b",), "warning"), (("c",), "warning"), (("g",), "warning"),
    ]  # fmt: skip
    assert found(rules, "never-false", solver=solver) == [
        (("d",), "warning"), (("i",), "warning"), (("e",), "advice"), (("h",), "advice"),
    ]  # fmt: skip
    assert found(rules, "never-null", solver=solver) == [(("f",), "advice")]
    told = [str(one) for one in relations(RuleSet("s", DEAL, rules), solver=solver).findings]
    assert any(
        one.startswith("error: 'a' is never true, so that no record keeps it; it is false with discount = 0")
        for one in told
    )
    assert any(one.startswith("warning: 'c' is never true; it is false with contacts = ") for one in told)
    assert "warning: 'd' is never false: every record keeps it" in told
    assert "error: 'h' is never true, so that no record keeps it; it is without an answer with any record" in told
    examples = relations(RuleSet("s", DEAL, rules), solver=solver).examples
    assert examples["a"][True] is None
    assert examples["e"][None]["contacts"] is None


@BOTH
def test_pairs(solver):
    """Two that contradict, two of which one says nothing new, two that say the same; what is null counts as declared."""
    assert found([Rule("a", "discount <= 0.1"), Rule("b", "discount > 0.2")], "contradiction", solver=solver) == [
        (("a", "b"), "error")
    ]
    mild = [Rule("a", "discount <= 0.1", kind="validation"), Rule("b", "discount > 0.2", severity="info")]
    assert found(mild, "contradiction", solver=solver) == [(("a", "b"), "warning")]
    assert found([Rule("a", "discount <= 0.2"), Rule("b", "discount <= 0.1")], "implied", solver=solver) == [
        (("b", "a"), "warning")
    ]
    graded = [Rule("a", "discount <= 0.2"), Rule("b", "discount <= 0.1", severity="warning")]
    assert not found(graded, "implied", solver=solver)
    equal = [Rule("a", "discount <= 0.2 and contacts > 1"), Rule("b", "not(contacts <= 1 or discount > 0.2)")]
    assert found(equal, "equivalent", solver=solver) == [(("a", "b"), "warning")]
    null = [Rule("a", "contacts > 1", on_null="pass"), Rule("b", "contacts < 1", on_null="pass")]
    assert not found(null, "contradiction", solver=solver)
    assert found([null[0], Rule("b", "contacts < 1")], "contradiction", solver=solver) == [(("a", "b"), "error")]
    assert found([null[0], Rule("b", "contacts > 1")], "implied", solver=solver) == [(("b", "a"), "warning")]


@BOTH
def test_three_together(solver):
    """Three rules that go together two by two and not all at once; idle ones are not named."""
    rules = [
        Rule("a", "contacts > 1 or discount > 0.5"), Rule("idle", 'role = "rep"'), Rule("b", "contacts < 1 or discount > 0.6"),
        Rule("c", "discount < 0.4"), Rule("d", "discount > 0.9 and contacts > 9"),
    ]  # fmt: skip
    listed = relations(RuleSet("s", DEAL, rules), solver=solver).findings
    assert [one.rules for one in listed if one.kind == "contradiction"] == [("c", "d"), ("a", "b", "c")]
    (three,) = [one for one in listed if len(one.rules) == 3]
    assert same(RuleSet("s", DEAL, rules), three.record, {"a": True, "b": True})
    assert str(three).startswith(
        "error: no record keeps all of 'a', 'b', 'c'; 'a', 'b' alone are kept with discount = "
    )


@BOTH
def test_never_the_first(solver):
    """A choice that earlier ones of its kind leave nothing to; guards and other kinds do not count."""
    rules = [
        Rule("a", "discount <= 0.2", kind="choice"), Rule("b", "discount > 0.1", kind="choice"),
        Rule("c", 'role = "rep"', kind="choice"), Rule("d", 'role = "rep"', kind="escalation"), Rule("e", "discount < 0.5"),
        Rule("f", 'contacts > 1 and role = "rep"', kind="escalation"),
    ]  # fmt: skip
    assert found(rules, "unreached", solver=solver) == [(("c", "a", "b"), "warning"), (("f", "d"), "warning")]


def test_arithmetic_over_fields():
    """What boxes leave open z3 settles: margins, orders of days, and what implies what; each with a record."""
    rules = RuleSet("s", DEAL, [
        Rule("margin", "amount * (1 - discount) - cost >= 0.2 * amount"), Rule("push", "cost > amount and discount < 0.5"),
        Rule("order", "closed >= opened"), Rule("fresh", 'opened > @"2026-01-01"'), Rule("late", 'closed < @"2025-12-01"', severity="warning"),
        Rule("long", 'closed - opened <= @"P30D" and closed > opened'),
    ])  # fmt: skip
    boxes, exact = (relations(rules, solver=solver).findings for solver in ("boxes", "z3"))
    assert {one.kind for one in boxes} == {"not-proved"}
    assert "the solver z3 may know: whether 'margin'" in str(boxes[0])
    known = {(one.kind, one.rules): one for one in exact}
    assert known.keys() == {
        ("contradiction", ("margin", "push")), ("contradiction", ("fresh", "late", "long")), ("implied", ("long", "order")),
    }  # fmt: skip
    assert same(rules, known["contradiction", ("margin", "push")].record, {"margin": True, "push": False})
    assert same(rules, known["implied", ("long", "order")].record, {"long": False, "order": True})


def test_changes():
    """Sets that judge changes: a record has the one before, and `new` is the record itself."""
    rules = RuleSet("s", DEAL, [
        Rule("grows", "old = null or new.amount >= old.amount"), Rule("small", "amount < 10 and new.amount > 10"),
        Rule("shrinks", "amount < old.amount"),
    ], transitions=True)  # fmt: skip
    for solver in ("boxes", "z3"):
        known = relations(rules, solver=solver)
        assert known.examples["small"][True] is None
        answer = witness(rules, {"shrinks": None}, solver=solver)
        assert answer.record["old"] is None
        assert same(rules, answer.record, {"shrinks": None})
    exact = relations(rules, solver="z3")
    (pair,) = [one for one in exact.findings if one.kind == "contradiction"]
    assert pair.rules == ("grows", "shrinks")
    record = witness(rules, {"shrinks": True}, solver="z3").record
    assert record["amount"] < record["old"]["amount"]


def test_witness():
    """A record for wished verdicts, or that there is none; a rule that is none, or in Python, is refused."""
    rules = RuleSet("s", DEAL, [
        Rule("a", "discount <= 0.1"), Rule("b", "discount > 0.2"), PythonRule("p", lambda record: True),
        Rule("o", 'matches(role, "r.p") and closed > opened'),
    ])  # fmt: skip
    assert same(rules, witness(rules, {"a": False, "b": False}).record, {"a": False, "b": False})
    assert witness(rules, {"a": True, "b": True}).impossible
    assert witness(rules, {"o": True}).open == "opaque"
    assert witness(rules, {"o": True}, solver="z3").record["role"] == "rep"
    with pytest.raises(InvalidValue, match="is in Python"):
        witness(rules, {"p": True})
    with pytest.raises(NotFound):
        witness(rules, {"q": True})
    assert {one.rules for one in relations(rules).findings if one.kind == "contradiction"} == {("a", "b")}


def test_not_proved():
    """What takes too many steps is said, with the number of steps; nothing is claimed."""
    whole = Schema([Field(name, "integer") for name in "xyz"])
    rules = RuleSet("s", whole, [Rule("cubes", "x ** 3 + y ** 3 + z ** 3 = 114 and x > y and y > z")])
    known = relations(rules, solver="z3", budget=Budget(200_000))
    assert True not in known.examples["cubes"]
    (one,) = known.findings
    assert (one.kind, one.certain, one.severity) == ("not-proved", False, "advice")
    assert str(one).startswith("advice: not proved within 200,000 steps: whether 'cubes' can be true; ")


def test_without_an_example():
    """A finding is proved even where no record can be shown for it."""
    never = [Rule("a", "amount * amount < cost - cost - 1 and discount < 0.1"), Rule("c", "discount > 0.2")]
    (other,) = [one for one in relations(RuleSet("s", DEAL, never)).findings if one.kind == "contradiction"]
    assert (other.why, other.record) == ("no record keeps both 'a' and 'c'", None)
    never = [Rule("a", "discount < 0.1 and amount + cost >= cost"), Rule("b", "discount < 0.1")]
    (other,) = [one for one in relations(RuleSet("s", DEAL, never)).findings if one.kind == "implied"]
    assert (other.why, other.record) == ("what keeps 'a' keeps 'b', which says nothing new", None)


def test_empty():
    """A set without rules has nothing to say."""
    assert relations(RuleSet("s", DEAL, [])).findings == ()


LEAVES = st.sampled_from([
    "discount <= 0.1", "discount > 0.2", "discount in [0.1..0.3]", 'role = "rep"', "strategic", "contacts > 2", "contacts = null",
    "contacts between 1 and 3", 'opened < @"2026-01-01"', 'closed >= @"2026-01-01"', "amount > 5", "not(strategic)",
])  # fmt: skip


@given(st.lists(st.tuples(st.recursive(LEAVES, lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
    lambda parts: f"({' '.join(parts)})"), max_leaves=3), st.sampled_from(["fail", "pass", "report"]),
    st.sampled_from(["guard", "validation", "choice"])), min_size=1, max_size=4))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_boxes_and_z3_find_the_same(parts):
    """Rules that compare fields with literals: the same findings by both, all certain, and every record shows it."""
    rules = RuleSet(
        "s", DEAL, [Rule(f"r{n}", text, on_null=null, kind=kind) for n, (text, null, kind) in enumerate(parts)]
    )
    boxes, exact = (relations(rules, solver=solver) for solver in ("boxes", "z3"))
    assert [(one.kind, one.rules, one.severity) for one in boxes.findings if len(one.rules) < 3] == [
        (one.kind, one.rules, one.severity) for one in exact.findings if len(one.rules) < 3]  # fmt: skip
    for known in (boxes, exact):
        assert all(one.certain for one in known.findings)
        for name, examples in known.examples.items():
            assert len(examples) == 3
            assert all(record is None or same(rules, record, {name: said}) for said, record in examples.items())
