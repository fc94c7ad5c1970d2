"""Which method fits: every problem has one, missing inputs are asked for, and a host's own table is held to its names."""

from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound
from crmkit.improve import Choice, choose, methods
from crmkit.rules import DecisionTable, Field, Rule, RuleSet, Schema
from crmkit.rules.analysis import analyse
from crmkit.rules.catalogue import load

RULES = load("method-choice")
TABLE = RULES.tables[0]
FULL = {
    "kind": st.sampled_from(RULES.schema.field("kind").values), "cause known": st.booleans(),
    "severity": st.sampled_from(["critical", "major", "minor"]), "cross team": st.booleans(),
    "recurrence": st.integers(0, 9), "cost": st.sampled_from([Decimal(0), Decimal(99_999), Decimal(100_000), Decimal(10**6)]),
}  # fmt: skip


def oracle(problem):
    """The same choice as a page would tell it."""
    kind, cause, severity, cross, recurrence, cost = (problem[name] for name in FULL)
    if kind in ("coach", "share"):
        return {"coach": "coaching", "share": "practice sharing"}[kind]
    if kind in ("no result", "gap") or cause:
        return "PDCA"
    if severity == "critical" or (kind == "recurrence" and severity == "major"):
        return "8D"
    if kind == "recurrence":
        return "A3" if cross else "five whys"
    if not cross and recurrence < 5:
        return "five whys"
    return "DMAIC" if cost >= 100_000 else "A3"


@given(st.fixed_dictionaries(FULL))
def test_every_problem_has_one_method(problem):
    """With all inputs there is one method, that of the page, with a pipeline and the one row that chose it."""
    choice = choose(problem, table=RULES)
    assert choice.method == oracle(problem)
    assert methods.get(choice.pipeline).name == choice.pipeline
    assert len(choice.rows) == 1
    assert choice.possible == (choice.method,)
    assert choice.missing == ()
    assert not choice.cautious


@given(st.fixed_dictionaries({}, optional=FULL), st.data())
def test_nothing_is_guessed(problem, data):
    """A method that is settled by a part of the inputs stays, whatever the others are; else it is among the possible."""
    choice = choose(problem, table=RULES)
    whole = {name: problem.get(name, data.draw(values)) for name, values in FULL.items()}
    found = choose(whole, table=RULES).method
    assert found in choice.possible
    assert choice.method in (None, found)
    assert (choice.method is None) == bool(choice.missing)
    assert {*choice.missing}.isdisjoint(problem)


@given(st.fixed_dictionaries({}, optional=FULL), st.data())
def test_what_is_missing_settles_it(problem, data):
    """Once the fields that a choice asks for are there, there is a method, or it asks for what they made matter."""
    for _ in FULL:
        choice = choose(problem, table=RULES)
        problem = {**problem, **{name: data.draw(FULL[name]) for name in choice.missing}}
    assert choose(problem, table=RULES).method is not None


@given(st.fixed_dictionaries({}, optional=FULL))
def test_caution_is_asked_for(problem):
    """Then the first of the possible ones in the table's own order is taken, and it is said."""
    plain, careful = choose(problem, table=RULES), choose(problem, table=RULES, cautious=True)
    order = TABLE.outputs[0].values
    assert careful.possible == plain.possible
    assert careful.method == min(plain.possible, key=order.index)
    assert careful.cautious == (plain.method is None)
    assert careful.pipeline in methods.names()


def test_the_table_leaves_nothing_open_and_decides_nothing_twice():
    """Proved by the analyser."""
    assert analyse(TABLE) == ()


@pytest.mark.parametrize("row", range(len(TABLE.rows)))
def test_no_row_can_be_spared(row):
    """Without any of its rows the table has a gap: the proof can fail."""
    less = attrs.evolve(TABLE, rows=[one for number, one in enumerate(TABLE.rows) if number != row])
    assert "gap" in {finding.kind for finding in analyse(less)}


def test_it_says_why_in_two_languages():
    """The inputs that decided, and no others."""
    choice = choose({"kind": "recurrence", "cause known": False, "severity": "major", "cost": 5})
    assert str(choice) == "8D: kind of problem recurrence, cause known no, severity major"
    assert choice.to_text("zh") == "8D：问题类型 反复发生、原因已知 否、严重程度 较大"
    assert choice.because == (("kind", "recurrence"), ("cause known", False), ("severity", "major"))
    with pytest.raises(NotFound, match="language 'fr'"):
        choice.to_text("fr")


def test_it_says_what_is_missing_in_two_languages():
    """And what is possible; with caution, why it is the one."""
    problem = {"kind": "chart", "cause known": False, "severity": "minor", "cross team": True}
    assert choose(problem).missing == ("cost",)
    assert str(choose(problem)) == "Not settled without cost a year: DMAIC or A3"
    assert choose(problem).to_text("zh") == "缺少年损失，尚不能确定：DMAIC、A3"
    careful = choose(problem, cautious=True)
    assert str(careful) == "DMAIC, as the most thorough that is possible without cost a year"
    assert careful.to_text("zh") == "DMAIC：在不知道年损失时最周全的可行方法"


def test_the_fields_of_a_case_will_do():
    """What is None is not known, what no input asks for is passed over, and the other rules have their say."""
    case = {
        "kind": "share", "problem": "an is better", "found": {}, "cost": 20_000, "severity": None, "owner": None,
        "measured": False, "recurrence": None,
    }  # fmt: skip
    choice = choose(case)
    assert choice.method == "practice sharing"
    assert choice.then == ("open an improvement case",)
    assert [one.rule for one in choice.advice] == ["somebody owns it"]
    assert choice.version == RULES.version
    assert [one.rule for one in choose({**case, "cost": 200_000}).advice] == [
        "measured before DMAIC",
        "somebody owns it",
    ]
    assert choose({"kind": "share"}).advice == ()


def test_a_value_that_no_input_has_is_refused():
    """With the field and what it may be."""
    with pytest.raises(InvalidValue, match=r"kind: 'chrt' is none of its values \(did you mean 'chart'"):
        choose({"kind": "chrt"})


def own(rows, *, outputs=None, schema=None, rules=(), inputs=("size",), **more):
    """A host's own rules."""
    fields = schema or [Field("size", "integer", low=0), Field("days", "integer", low=0)]
    table = DecisionTable("ours", Schema(fields), inputs, outputs or [Field("method")], rows, **more)
    return RuleSet("ours", Schema(fields), rules, tables=[table])


def test_a_table_of_your_own_chooses_among_all_methods():
    """Those of the room by any spelling of their names, and your own if you name them."""
    table = own([["< 5", '"Five Whys"'], [">= 5", '"blitz week"']])
    choice = choose({"size": 3}, table=table, own=["blitz-week"])
    assert (choice.method, choice.pipeline) == ("Five Whys", "five-whys")
    assert choose({"size": 7}, table=table, own=["blitz-week"]).pipeline == "blitz-week"
    assert choose({}, table=table, own=["blitz-week"]).possible == ("Five Whys", "blitz week")
    assert isinstance(choice, Choice)


def test_a_method_that_nobody_knows_is_refused_with_its_place():
    """All of them at once, the default among them; a computed one when it is computed."""
    table = own([["< 5", '"five whys"'], ["[5..9]", '"dmaik"'], ["> 20", "null"]], defaults=['"lean"'])
    with pytest.raises(DefinitionErrors) as caught:
        choose({"size": 3}, table=table)
    said = [str(one) for one in caught.value.exceptions]
    assert said[0].startswith("ours, default, 'method': no method 'lean'; there are: coaching, practice-sharing")
    assert said[1].startswith("ours, row 2, 'method': no method 'dmaik' (did you mean 'dmaic'?)")
    assert said[2].startswith("ours, row 3, 'method': no method None")
    computed = own([["< 5", 'if days > 3 then "A3" else "lean"'], [">= 5", '"A3"']])
    assert choose({"size": 1, "days": 4}, table=computed).pipeline == "a3"
    with pytest.raises(DefinitionErrors, match="names methods that nobody knows") as caught:
        choose({"size": 1, "days": 2}, table=computed)
    assert "ours, row 1, 'method': no method 'lean'" in str(caught.value.exceptions[0])
    default = own([["< 5", '"A3"']], defaults=['if days > 3 then "A3" else "lean"'])
    with pytest.raises(DefinitionErrors) as caught:
        choose({"size": 9, "days": 2}, table=default)
    assert "ours, default, 'method': no method 'lean'" in str(caught.value.exceptions[0])


def test_a_table_with_a_gap_says_so():
    """No row, no method, nothing missing; with a default, the default."""
    gap = choose({"size": 9}, table=own([["< 5", '"A3"']]))
    assert (gap.method, gap.pipeline, gap.rows, gap.missing, gap.possible) == (None, None, (), (), ())
    assert (str(gap), gap.to_text("zh")) == ("No row of the table chooses a method", "没有任何一行选出方法")
    careful = choose({"size": 9}, table=own([["< 5", '"A3"']]), cautious=True)
    assert careful.method is None
    default = choose({"size": 9}, table=own([["< 5", '"A3"']], defaults=['"five whys"']))
    assert (default.pipeline, str(default), default.to_text("zh")) == ("five-whys", "five whys", "五个为什么")


def test_a_table_may_decide_more_than_the_method():
    """Of several outputs the one called "method" counts; of an input that is computed, the fields behind it are asked for."""
    two = [Field("team", values=["a", "b"]), Field("method", values=["A3", "PDCA"])]
    table = own([["< 5", '"a"', '"PDCA"'], [">= 5", '"b"', '"A3"']], outputs=two, inputs=["size + days"])
    choice = choose({"size": 9, "days": 1}, table=table)
    assert (choice.method, choice.because) == ("A3", (("size + days", Decimal(10)),))
    assert str(choice) == "A3: size + days 10"
    open_ = choose({"days": 1}, table=table)
    assert (open_.missing, open_.possible) == (("size",), ("A3", "PDCA"))
    gap = choose({"size": 0, "days": 0}, table=own([["> 5", '"a"', '"A3"']], outputs=two))
    assert gap.method is None


def test_rules_without_one_such_table_are_refused():
    """None, two, or one that gives many methods at once."""
    with pytest.raises(InvalidValue, match=r"table: 'sla' has 0 tables with an output 'method'"):
        choose({}, table=load("sla"))
    many = own([["< 5", '"A3"'], ["< 9", '"PDCA"']], policy="R")
    with pytest.raises(InvalidValue, match="is no single method; choose a hit policy that gives one"):
        choose({"size": 1}, table=many)


def test_what_follows_is_what_the_rules_say():
    """The results of choices that are true; guards have none."""
    rules = [Rule("big", "size > 3", kind="choice", then="tell the board"), Rule("small", "size <= 3")]
    choice = choose({"size": 5}, table=own([["-", '"A3"']], rules=rules))
    assert choice.then == ("tell the board",)
    assert [one.rule for one in choice.advice] == ["small"]
