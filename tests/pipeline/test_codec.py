"""A pipeline as data."""

import tomllib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InputError
from crmkit.pipeline import Pipeline, Stage

names = st.text(min_size=1, max_size=12)


@given(
    name=names,
    stages=st.lists(names, min_size=2, max_size=6, unique=True),
    moves=st.lists(names, min_size=6, max_size=6),
)
def test_toml_round_trip(name, stages, moves):
    """from_toml(to_toml(p)) == p for any names: quotes, dots, control characters, Chinese."""
    ways = {here: {move: there} for here, there, move in zip(stages, stages[1:], moves, strict=False)}
    pipeline = Pipeline(name, [*stages[:-1], Stage(stages[-1], "won", requires=["a field"])], ways)
    text = pipeline.to_toml()
    assert tomllib.loads(text)["stages"] == pipeline.to_dict()["stages"]
    assert Pipeline.from_toml(text) == pipeline


def test_guards_travel_by_name(sales):
    """A guard is written by its name and found again in what the host passes."""
    guard = sales.moves["qualified"]["propose"].guards[0]
    again = Pipeline.from_toml(sales.to_toml(), guards={"small_discount": guard})
    assert again == sales
    assert again.moves["qualified"]["propose"].guards == (guard,)
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline.from_toml(sales.to_toml())
    assert "no guard 'small_discount'" in str(caught.value)


def test_written_by_hand():
    """The short form a person writes: names as stages, names as targets."""
    line = Pipeline.from_toml('name = "line"\nstages = ["a", {name = "won", outcome = "won"}]\n[moves.a]\ngo = "won"\n')
    assert line.moves_from("a") == ("go",)


@pytest.mark.parametrize(("text", "error", "part"), [
    ("name = \nx = 1", InputError, "line 1"),
    ("stages = 3", DefinitionErrors, "is no list"),
    ('name = "x"\nstags = []', DefinitionErrors, "did you mean 'stages'"),
    ('name = 3\nstages = [3, {outcom = "won"}]\nmoves = 4', DefinitionErrors, "no table of tables"),
    ('name="x"\nstages=[{name="a"},{name="w",outcome="won"}]\n[moves.a]\ngo={too="w"}', DefinitionErrors, "lacks 'to'"),
    ('name="x"\nstages=[{name="a", requires="b"},{name="w",outcome="won"}]\n[moves.a]\ngo="w"', DefinitionErrors, "not a list"),
    ('name="x"\nstages=[{name=5}]', DefinitionErrors, "not a text"),
])  # fmt: skip
def test_bad_toml_is_explained(text, error, part):
    """Wrong syntax has its line; a wrong shape has its place and the nearest key."""
    with pytest.raises(error) as caught:
        Pipeline.from_toml(text)
    assert part in str(caught.value)


SIX = """\
name = "sales"
skip = "no"
[[stages]]
name = "lead"
limit = "soon"
[[stages]]
name = "won"
outcome = "won"
[moves.lead]
sign = { to = "won", gaurd = "amount > 5" }
lose = "losst"
ask  = { to = "won", guard = "amount >" }
[[clocks]]
name = "first answer"
limit = "4 hours"
"""


def test_six_mistakes_have_six_places():
    """Shapes, names and conditions are all heard at once, each where it stands, in the order of the text."""
    with pytest.raises(DefinitionErrors, match="'sales' has 6 problems") as caught:
        Pipeline.from_toml(SIX)
    found = [(error.place, error.where, error.why) for error in caught.value.exceptions]
    assert [(place, where) for place, where, _ in found] == [
        ((2, 1), "skip"),
        ((5, 1), "stages['lead'].limit"),
        ((10, 22), "moves['lead']['sign'].gaurd"),
        ((11, 1), "moves['lead']['lose'].to"),
        ((12, 22), "moves['lead']['ask'].guard"),
        ((13, 3), "clocks[0]"),
    ]
    said = str(caught.value)
    assert "line 2, column 1: skip: is 'no', not true or false" in said
    assert "line 12, column 22: moves['lead']['ask'].guard, line 1, column 9: expected a value" in said
    assert "\n    amount >\n            ^" in said
    assert [error.line for error in caught.value.exceptions] == [2, 5, 10, 11, 1, 13]
    assert caught.value.exceptions[0].column == 1


GOOD = """\
name = "x"
{stages}
[moves.a]
go = {{ to = "w", guard = {guard} }}
{more}
"""
STAGES = 'stages = ["a", {name = "w", outcome = "won"}]'


@pytest.mark.parametrize(("guard", "more", "expected"), [
    ('"a > 1"', '[[schema]]\nname = "a"\nkind = "decimals"', ["schema[0]"]),
    ('"a > 1"', '[[schema]]\nname = "a"\nlow = "x"\nkind = "decimal"\n[[schema]]\nname = "b"\nkindd = "date"', ["schema[0]", "schema[1]"]),
    ('"a > 1"', '[[schema]]\nname = "a"\nkind = "date"\nlabels = {zh = ""}\n', ["schema[0]"]),
    ('"a >"', "[[schema]]\nname = 3", ["moves['a']['go'].guard", "schema[0]"]),
    ('"credit.stage = null"', '[[links]]\nname = "credit"\npipeline = {name = "c", stages = ["s"]}', ["links[0].pipeline.stages"]),
    ('"credit.stage = null"', '[[links]]\nname = "credit"\npipeline = 3', ["links[0].pipeline"]),
    ('{python = "f"}', "", ["moves['a']['go'].guard"]),
    ("{condition = 3}", "", ["moves['a']['go'].guard.condition"]),
    ("[3]", "", ["moves['a']['go'].guard[0]"]),
    ('"a > 1"', '[rules]\nfields = [{name = "a", kind = "decimal"}]\n[[rules.rules]]\nname = "r"\ncondition = "a >"\n[[rules.rules]]\nname = "s"\ncondition = "b"', ["rules.rules[0]", "rules.rules[1]"]),
    ('"a > 1"', '[rules]\nfields = [{name = "a"}, {nome = "b"}]\n[[rules.rules]]\nname = "r"\ncondition = "b"', ["rules.fields[1]"]),
    ('"a > 1"', "[rules]\nrulez = 3", ["rules"]),
    ('"a > 1"', "[rules]\nrules = 3", ["rules"]),
    ('"a > 1"', '[rules]\nrules = [{name = "r", condition = "true"}, {name = "r", condition = "true"}]', ["rules"]),
    ('"a > 1"\neffects = [{kind = "mail", data = {at = 10:00:00}}]', "", None),
    ('"a > 1", effects = [{kind = "mail", data = {at = 10:00:00}}]', "", ["moves['a']['go']"]),
    ('"a > 1", effects = {kind = "mail", data = {x = inf}}', "", ["moves['a']['go']"]),
    ('"a > 1", effects = [{kind = "mail", data = 3}]', "", ["moves['a']['go'].effects[0].data"]),
    ('"a > 1", approval = "p"', '[[approvals]]\nname = "p"', ["approvals[0]"]),
    ('"a > 1", approval = "p"', "[[approvals]]\npanels = []", ["approvals[0]", "moves['a']['go'].approval"]),
    ('"a > 1", approval = "p"', '[[approvals]]\nname = "p"\npanels = [{people = ["x"], weights = {"$x" = 1}}]', ["approvals['p'].panels[0].weights"]),
    ('"a > 1"', '[[clocks]]\nname = "c"\nlimit = "1 day"\nstop = "a >"\nwarn = ["50"]', ["clocks[0].warn"]),
    ('"a > 1"', "x.labels = 3", ["moves['a']['x']", "moves['a']['x'].labels"]),
])  # fmt: skip
def test_nothing_is_blamed_on_what_follows_from_a_mistake(guard, more, expected):
    """A mistake is said once, at its place; what only follows from it is not said."""
    text = GOOD.format(stages=STAGES, guard=guard, more=more)
    if expected is None:
        with pytest.raises(InputError):
            Pipeline.from_toml(text)
        return
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline.from_toml(text)
    assert sorted(error.where for error in caught.value.exceptions) == sorted(expected), str(caught.value)
    assert all(error.place for error in caught.value.exceptions)


def test_a_stage_that_cannot_be_read_does_not_close_the_way():
    """Where stages are wrong, nothing is said about whether one is closed or can be reached; a missing name is."""
    stages = 'stages = ["a", {name = "w", outcom = "won"}, "late"]'
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline.from_toml(GOOD.format(stages=stages, guard='"x > 1"', more="").replace('name = "x"', "", 1))
    assert [error.where for error in caught.value.exceptions] == ["name", "stages[1].outcom"]


def test_depth_has_an_end():
    """Data that nests without end is an error of ours."""
    plain = {"name": "x"}
    for _ in range(2000):
        plain = {"name": "x", "links": [{"name": "l", "pipeline": plain}]}
    for data, said in ((plain, "nests deeper than 100 levels"), ([], "is []; write a table")):
        with pytest.raises(DefinitionErrors) as caught:
            Pipeline.from_dict(data)
        assert said in str(caught.value)


def test_data_of_effects_may_be_written_by_hand():
    """Numbers with a point, dates and instants of TOML mean what they say."""
    data = '{ share = 0.5, day = 2026-03-02, at = 2026-03-02T09:00:00Z, none = { "$null" = true }, list = [1] }'
    text = GOOD.format(stages=STAGES, guard='"x > 1", effects = [{kind = "mail", data = ' + data + "}]", more="")
    made = Pipeline.from_toml(text)
    assert made.moves["a"]["go"].effects[0].data == {
        "share": 0.5, "day": date(2026, 3, 2), "at": datetime(2026, 3, 2, 9, tzinfo=UTC), "none": None, "list": (1,),
    }  # fmt: skip
    assert Pipeline.from_toml(made.to_toml()) == made
