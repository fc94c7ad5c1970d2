"""Rule sets: what a verdict means, versions by content, what is in force when."""

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InvalidValue, NaiveDatetime, NotFound
from crmkit.rules import UNKNOWN, DecisionTable, Field, PythonRule, Registry, Rule, RuleSet, Schema, rule
from crmkit.rules.codec import to_json
from crmkit.rules.ruleset import conflicts

DEAL = Schema([
    Field("discount", "decimal", low=0, high=1),
    Field("approved", "boolean", nullable=True),
    Field("stage", values=["lead", "won", "lost"]),
])  # fmt: skip
GOOD = {"discount": Decimal("0.1"), "approved": None, "stage": "lead"}
BAD = {**GOOD, "discount": Decimal("0.3"), "approved": False}
OPEN = {**GOOD, "discount": Decimal("0.3")}
CONDITION = "discount <= 0.2 or approved"


def has_stage(record):
    """Whether the record has a stage (at the top, so that it can be pickled)."""
    return bool(record["stage"])


def deals(*rules, **more):
    """A rule set."""
    return RuleSet("deals", DEAL, rules or [Rule("discount", CONDITION)], **more)


def table(*rows, name="who"):
    """A unique table."""
    return DecisionTable(name, DEAL, ["discount"], [Field("who")], rows)


@pytest.mark.parametrize(("on_null", "kept", "severities"), [
    ("fail", False, ["error"]), ("pass", True, []), ("report", None, ["warning"]),
])  # fmt: skip
def test_a_rule_says_what_no_answer_means(on_null, kept, severities):
    """Without an answer a rule fails, passes or is reported, as it says itself; it never blocks by silence."""
    rules = deals(Rule("discount", CONDITION, on_null=on_null))
    (verdict,) = rules.judge(OPEN)
    assert (verdict.value, verdict.kept) == (None, kept)
    found = rules.findings(OPEN)
    assert [one.severity for one in found] == severities
    assert len(conflicts(found)) == severities.count("error")


def test_findings_are_of_what_must_hold():
    """Guards and validations are found where they are not kept; what chooses is not."""
    rules = deals(
        Rule("limit", CONDITION, message={"en": "too much", "zh": "过高"}),
        Rule("check", 'stage != "lost"', kind="validation", severity="warning"),
        Rule("call", "discount < 0.2", kind="escalation", then="the manager"),
    )
    assert rules.findings(GOOD) == ()
    (found,) = rules.findings(BAD)
    assert (found.rule, found.kind, found.severity, found.value) == ("limit", "guard", "error", False)
    assert (found.version, found.message["zh"], found.shadow) == (rules.version, "过高", False)
    assert conflicts(rules.findings({**GOOD, "stage": "lost"})) == ()


def test_shadow_sets_block_nothing():
    """A set that is tried out finds what the other finds, and stops nothing."""
    found = deals(shadow=True).findings(BAD)
    assert [one.severity for one in found] == ["error"]
    assert conflicts(found) == ()


def test_the_first_true_rule_of_a_kind_is_taken():
    """Assignments are read from the top."""
    rules = deals(
        Rule("big", "discount > 0.2", kind="assignment", then="a director"),
        Rule("rest", "discount < 0.9", kind="assignment", then="anybody"),
    )
    assert rules.first(BAD, "assignment").then == "a director"
    assert rules.first(GOOD, "assignment").then == "anybody"
    assert rules.first(GOOD, "choice") is None


def test_changes_are_judged_by_what_was_and_what_is():
    """Rules of transitions see the record before and after; a new record has no before."""
    rules = deals(Rule("no way back", 'old = null or not(old.stage = "won" and new.stage = "lead")'), transitions=True)
    assert rules.findings(GOOD) == ()
    assert rules.findings(GOOD, old={**GOOD, "stage": "lead"}) == ()
    assert [one.rule for one in rules.findings(GOOD, old={**GOOD, "stage": "won"})] == ["no way back"]
    with pytest.raises(DefinitionErrors) as caught:
        deals(Rule("no way back", "old = null"))
    assert "unknown name 'old'" in str(caught.value)


def test_what_is_not_known_yet_is_open():
    """On half a record a rule says UNKNOWN where that depends on the rest, and otherwise what it always will."""
    rules = deals(Rule("discount", CONDITION), PythonRule("stage", has_stage))
    values = [verdict.value for verdict in rules.judge({"discount": Decimal("0.3")}, partial=True)]
    assert values == [UNKNOWN, UNKNOWN]
    assert [one.severity for one in rules.findings({"discount": Decimal("0.3")}, partial=True)] == [
        "warning",
        "warning",
    ]
    assert [verdict.value for verdict in rules.judge({"discount": 0, "stage": "won"}, partial=True)] == [True, True]
    with pytest.raises(NotFound):
        deals(Rule("open", 'stage = "lead"')).judge({"discount": Decimal("0.3")})


def test_rules_in_python_are_welcome():
    """A function is a rule like others, with a name, a kind and a message."""

    @rule(severity="warning", message={"en": "no stage"})
    def staged(record):
        return None if record["stage"] == "won" else record["stage"] != "lost"

    rules = deals(staged)
    assert [rules.judge({**GOOD, "stage": stage})[0].value for stage in ("lead", "won", "lost")] == [True, None, False]
    assert rules.function("staged") is staged.function
    with pytest.raises(KeyError):
        deals(PythonRule("stage", has_stage)).judge({"discount": 0}, partial=False)
    with pytest.raises(InvalidValue, match="None"):
        deals(PythonRule("odd", lambda record: record["stage"])).judge(GOOD)


def test_rules_have_names():
    """A rule is found by its name, and the nearest one is told."""
    rules = deals()
    assert rules.function("discount")(BAD) is False
    assert rules.written == rules.rules
    with pytest.raises(NotFound, match="did you mean 'discount'"):
        rules.rule("discuont")


def test_all_mistakes_are_said_at_once():
    """Double names, misspelt words and wrong conditions come together."""
    with pytest.raises(DefinitionErrors) as caught:
        deals(
            Rule("a", "discuont > 1"), Rule("a", 'stage = "wno"'), Rule("who", "true", kind="guardd"),
            PythonRule("p", has_stage, severity="errors"), Rule("c", CONDITION, on_null="pas"), tables=[table(["-", '"x"'])],
        )  # fmt: skip
    said = [str(error) for error in caught.value.exceptions]
    assert [error.partition(":")[0].partition(",")[0] for error in said] == ["a", "who", "who", "p", "c", "a", "a"]
    assert all(hint in str(caught.value) for hint in ("'guard'", "'error'", "'pass'", "'won'", "'discount'"))


texts = st.text("abc", min_size=1, max_size=3)
SETS = st.builds(
    lambda limit, kind, message, shadow: RuleSet(
        "deals", DEAL, [Rule("limit", f"discount <= 0.{limit}", kind=kind, message=message)], shadow=shadow
    ),
    st.sampled_from([1, 2]),
    st.sampled_from(["guard", "validation"]),
    st.dictionaries(st.sampled_from(["en", "zh"]), texts),
    st.booleans(),
)


@given(SETS, SETS)
def test_versions_are_contents(one, other):
    """Two sets have one version if, and only if, their canonical texts are one."""
    assert (one.version == other.version) == (to_json(one) == to_json(other)) == (one == other)


@given(SETS)
def test_the_order_of_keys_is_no_content(rules):
    """Messages in another order are the same version."""
    (first,) = rules.rules
    turned = attrs.evolve(first, message=dict(reversed(first.message.items())))
    assert RuleSet("deals", DEAL, [turned], shadow=rules.shadow).version == rules.version


def test_rule_sets_travel():
    """A set survives pickling, judged or not, with its version."""
    rules = deals(
        Rule("discount", CONDITION), PythonRule("stage", has_stage), tables=[table(["-", '"x"'])], shadow=True
    )
    before = rules.judge(BAD)
    again = pickle.loads(pickle.dumps(rules))  # noqa: S301 - our own
    assert again == rules
    assert (again.version, again.judge(BAD)) == (rules.version, before)


def test_contradicting_tables_are_not_put_in_force():
    """Rows that surely contradict each other are problems of the set, and keep it out of the registry."""
    wrong = deals(tables=[table(["<= 0.5", '"x"'], [">= 0.5", '"y"']), table(["-", '"x"'], name="fine")])
    assert [one.rows for one in wrong.problems()["who"]] == [(1, 2)]
    assert [*wrong.problems()] == ["who"]
    with pytest.raises(DefinitionErrors) as caught:
        Registry().put(wrong, start=DAY, recorded=DAY)
    assert "who: error: rows 1 and 2 both match" in str(caught.value)
    possible = deals(tables=[table(["< 0.5", '"x"'], ["? * 2 > 1", '"y"'])])
    assert len(Registry().put(possible, start=DAY, recorded=DAY).versions) == 1


DAY = datetime(2026, 1, 1, tzinfo=UTC)
CHINA = timezone(timedelta(hours=8))
moments = st.integers(0, 12).map(lambda hours: DAY + timedelta(hours=hours))


@st.composite
def registries(draw):
    """Some versions, recorded one after another."""
    registry = Registry()
    recorded = sorted(draw(st.lists(moments, max_size=4)))
    for number, at in enumerate(recorded):
        start = draw(moments)
        length = draw(st.integers(1, 8) | st.none())
        end = None if length is None else start + timedelta(hours=length)
        rules = RuleSet(f"v{number}", DEAL, [])
        registry = registry.put(rules, start=start, end=end, recorded=at)
    return registry


@given(registries(), moments, moments | st.none())
def test_one_version_or_none_is_in_force(registry, moment, known_at):
    """At every instant the version recorded last, of those known by then whose half-open period holds it, counts."""
    known = [one for one in registry.versions if known_at is None or one.recorded <= known_at]
    valid = [one for one in known if one.start <= moment and (one.end is None or moment < one.end)]
    if valid:
        assert registry.at(moment, known_at=known_at) is valid[-1].rules
        assert registry.at(moment.astimezone(CHINA), known_at=known_at) is valid[-1].rules
    else:
        with pytest.raises(NotFound, match="registry"):
            registry.at(moment, known_at=known_at)


def test_periods_are_half_open():
    """A version counts from its start, and not at its end; then the one before counts again."""
    first, second = deals(), RuleSet("other", DEAL, [])
    registry = Registry().put(first, start=DAY, recorded=DAY)
    registry = registry.put(second, start=DAY + timedelta(1), end=DAY + timedelta(2), recorded=DAY + timedelta(hours=1))
    assert [registry.at(DAY + timedelta(days)).name for days in (0, 1, 2)] == ["deals", "other", "deals"]
    assert registry.at(DAY + timedelta(1), known_at=DAY) is first


def test_registries_refuse_what_has_no_order():
    """A moment without a zone, an end before its start, and a record before its predecessor are refused."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the mistake
    registry = Registry().put(deals(), start=DAY, recorded=DAY)
    for wrong in (
        {"start": naive, "recorded": DAY},
        {"start": DAY, "recorded": naive},
        {"start": DAY, "end": naive, "recorded": DAY},
    ):
        with pytest.raises(NaiveDatetime):
            registry.put(deals(), **wrong)
    for moment in ({"moment": naive}, {"moment": DAY, "known_at": naive}):
        with pytest.raises(NaiveDatetime):
            registry.at(**moment)
    with pytest.raises(InvalidValue, match="is not after"):
        registry.put(deals(), start=DAY, end=DAY, recorded=DAY)
    with pytest.raises(InvalidValue, match="recorded last"):
        registry.put(deals(), start=DAY, recorded=DAY - timedelta(1))


def test_the_canonical_text_is_plain():
    """The text that is hashed is compact JSON with sorted keys."""
    data = json.loads(to_json(deals()))
    assert json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")) == to_json(deals())
