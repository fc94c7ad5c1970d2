"""A pipeline as data: TOML and Mermaid."""

import tomllib

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


def test_mermaid_draws_every_stage_and_move(sales):
    """The diagram has a state for each stage and an arrow for each move, and survives odd names."""
    text = sales.to_mermaid()
    assert text.count(" --> ") == 1 + sum(len(moves) for moves in sales.moves.values())
    assert "propose [small_discount]" in text
    assert "qualified ≤ 5 business days" in text
    odd = Pipeline("p", ['a"b: c', Stage("won", "won")], {'a"b: c': {"x;y": "won"}})
    assert 'state "a#quot;b#58; c" as s0' in odd.to_mermaid()
