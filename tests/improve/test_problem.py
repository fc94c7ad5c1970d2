"""Problems: the same is the same whoever finds it, a case keeps all of it, and both languages say it."""

from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve import Problem, Problems
from crmkit.values import Fields, Period

QUARTER = Period.quarter(2026, 1)
END = datetime(2026, 4, 1, tzinfo=UTC)
KINDS = ["coach", "share", "chart", "backlog", "recurrence", "override", "no result", "gap"]


def problem(kind="coach", **changes):
    """A problem with some things said otherwise."""
    said = {"where": {"stage": "proposal", "who": "wei"}, "over": QUARTER, "at": END, "definition": "d"} | changes
    return Problem(kind=kind, **said)


texts = st.text(min_size=1, max_size=8)


@given(
    kind=st.sampled_from(KINDS), where=st.dictionaries(texts, texts, min_size=1, max_size=3),
    found=st.dictionaries(st.sampled_from(["value", "expected", "z"]), st.floats(-1e6, 1e6) | st.none()),
    n=st.integers(0, 10**6), more=st.fixed_dictionaries({}, optional={
        "metric": st.just("stage_conversion"), "weight": st.floats(-1e6, 1e6), "known_at": st.just(END)}),
)  # fmt: skip
def test_a_case_keeps_all_of_a_problem(kind, where, found, n, more):
    """`from_fields` of `to_fields` is the identity, through a fact's own fields."""
    one = problem(kind, where=where, found={**found, "n": n}, **more)
    kept = Problem.from_fields(Fields(one.to_fields()))
    assert kept == one
    assert kept.over.name == "2026-Q1"
    assert (kept.key, kept.case) == (one.key, one.case)
    assert str(n) in one.to_text()
    assert str(n) in one.to_text("zh")


def test_what_is_the_same_problem():
    """It is told by its kind and by what it is about, not by its figures, its period, or the order of its columns."""
    one = problem(found={"value": 0.3})
    turned = problem(where={"who": "wei", "stage": "proposal"}, over=Period.quarter(2026, 2))
    assert one.key == turned.key
    assert one.case != turned.case
    others = [problem("share"), problem(where={"stage": "proposal", "who": "an"}), problem(where={"stage": "proposal"})]
    assert len({one.key, *(other.key for other in others)}) == 4


def test_the_id_of_a_case_is_fit_to_be_read():
    """One line, not endless, and yet of this problem only."""
    long = problem(where={"question": "why\n\tis\x00 it " + "so " * 100})
    assert len(long.case) < 90
    assert long.case.isprintable()
    assert long.case != problem(where={"question": "why is it " + "so " * 99}).case
    assert problem(over=Period(QUARTER.start, QUARTER.end)).case.startswith(
        "coach proposal wei 2026-01-01 .. 2026-04-01 "
    )


def test_what_is_no_problem():
    """An unknown kind, nothing that it is about, and times without a zone are refused."""
    with pytest.raises(NotFound, match="did you mean 'coach'"):
        problem("coash")
    with pytest.raises(InvalidValue, match="says not what is out of line"):
        problem(where={})
    for name in ("at", "known_at"):
        with pytest.raises(InvalidValue, match=name):
            problem(**{name: datetime(2026, 4, 1)})  # noqa: DTZ001 - that is the point
    with pytest.raises(NotFound, match="language"):
        problem().to_text("fr")
    with pytest.raises(NotFound, match="language"):
        Problems(()).to_text("fr")


@pytest.mark.parametrize(("fields", "told"), [
    ({}, "lack 'found'"), ({"found": {}}, "lack 'over'"), ({"found": {"over": "spring"}}, "none of a problem"),
    ({"found": "much"}, "none of a problem"), ({"found": {"over": "2026-01-01 .. 2026-04-01"}}, "lack 'kind'"),
])  # fmt: skip
def test_what_a_case_holds_that_is_no_problem(fields, told):
    """What is missing is named."""
    with pytest.raises(InvalidValue, match=told):
        Problem.from_fields(fields)


def test_one_list_of_several():
    """What was found twice is there once, with the first one's evidence; what matters most comes first; alarms add up."""
    first = problem(found={"value": 0.3}, weight=1.0)
    again = attrs.evolve(first, found={"value": 0.2}, weight=5.0)
    worse, star = problem(where={"stage": "demo", "who": "bo"}, weight=3.0), problem("share", weight=9.0)
    note = ("not looked at", "未检查")
    made = Problems.joined([Problems((star, first), 0.2), Problems((again, worse), 0.3, (note,))])
    assert [row.where["who"] for row in made] == ["bo", "wei", "wei"]
    assert made.rows[1].found["value"] == 0.3
    assert made.false_alarms == pytest.approx(0.5)
    assert made.of("share") == (star,)
    assert made.to_dict()["where"] == ["stage demo, who bo", "stage proposal, who wei", "stage proposal, who wei"]
    assert made.to_text("zh").endswith("共 3 项，其中平均约 0.5 项可能只是偶然。\n未检查")
    assert str(made).splitlines()[-1] == "not looked at"
    assert len(made.to_frame("pyarrow")) == 3
