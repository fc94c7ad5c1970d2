"""Who has which role, and who acts for whom."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, NaiveDatetime
from crmkit.pipeline.directory import Delegation, Directory

DAY = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = ["li", "wei", "zhang", "chen"]


def test_a_delegation_is_good_from_its_start_until_before_its_end():
    """Half-open: good at the start, no longer good at the end."""
    one = Delegation("li", "wei", DAY, DAY + timedelta(days=7))
    directory = Directory(delegations=[one])
    assert directory.acts_for("wei", at=DAY, scope="x") == ("li",)
    assert directory.acts_for("wei", at=DAY + timedelta(days=7) - timedelta.resolution, scope="x") == ("li",)
    assert directory.acts_for("wei", at=DAY + timedelta(days=7), scope="x") == ()
    assert directory.acts_for("wei", at=DAY - timedelta.resolution, scope="x") == ()


def test_a_scope_limits_what_is_passed_on():
    """A delegation with a scope is good for that and for nothing else."""
    directory = Directory(delegations=[Delegation("li", "wei", DAY, scope="discount")])
    assert directory.acts_for("wei", at=DAY, scope="discount") == ("li",)
    assert directory.acts_for("wei", at=DAY, scope="credit") == ()


def test_a_chain_is_as_long_as_the_directory_says():
    """With longest=1 nobody passes on what was passed to them; with 2 once more."""
    chain = [Delegation("li", "wei", DAY), Delegation("wei", "zhang", DAY), Delegation("zhang", "chen", DAY)]
    assert Directory(delegations=chain).acts_for("chen", at=DAY, scope="x") == ("zhang",)
    assert Directory(delegations=chain, longest=2).acts_for("chen", at=DAY, scope="x") == ("zhang", "wei")
    assert Directory(delegations=chain, longest=0).acts_for("chen", at=DAY, scope="x") == ()


def test_people_have_the_roles_that_list_them():
    """A person has every role that lists them; nobody has none."""
    directory = Directory(roles={"manager": ["li"], "rep": ["li", "wei"]}, superiors={"wei": "li"})
    assert directory.roles_of("li") == {"manager", "rep"}
    assert directory.roles_of(None) == frozenset()


@pytest.mark.parametrize(("delegations", "part"), [
    ([Delegation("li", "li", DAY)], "acts for themselves"),
    ([Delegation("li", "wei", DAY, DAY)], "not after it starts"),
    ([Delegation("li", "wei", DAY), Delegation("wei", "li", DAY + timedelta(days=1))], "li, wei would act"),
    ([Delegation("li", "wei", DAY), Delegation("wei", "zhang", DAY), Delegation("zhang", "li", DAY)], "in a circle"),
    ([Delegation("li", "wei", DAY, scope=["a", "b"]), Delegation("wei", "li", DAY, scope="b")], "in a circle"),
])  # fmt: skip
def test_a_directory_that_cannot_be_used_says_why(delegations, part):
    """People who act for themselves, periods of no length, and circles are refused."""
    with pytest.raises(DefinitionErrors) as caught:
        Directory(delegations=delegations)
    assert part in str(caught.value)


def test_circles_that_never_close_at_one_time_and_in_one_scope_are_fine():
    """Two who act for each other in different weeks, or for different things, do no harm."""
    week = timedelta(days=7)
    assert Directory(delegations=[Delegation("li", "wei", DAY, DAY + week), Delegation("wei", "li", DAY + week)])
    assert Directory(delegations=[Delegation("li", "wei", DAY, scope="a"), Delegation("wei", "li", DAY, scope="b")])


def test_negative_chains_and_naive_times_are_refused():
    """A chain has at least no link, and every instant a zone."""
    with pytest.raises(DefinitionErrors, match="cannot be used"):
        Directory(longest=-1)
    with pytest.raises(NaiveDatetime):
        Delegation("li", "wei", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.integers(0, 5), st.integers(1, 5))))
def test_circles_are_found_exactly_when_there_are_some(drawn):
    """A directory is refused if and only if, at some instant, following delegations leads back."""
    edges = [(of, to, start, start + length) for of, to, start, length in drawn if of != to]
    circular = any(
        _leads_back({(of, to) for of, to, start, end in edges if start <= day < end}) for day in range(11)
    )  # fmt: skip
    made = [Delegation(of, to, DAY + timedelta(days=a), DAY + timedelta(days=b)) for of, to, a, b in edges]
    if circular:
        with pytest.raises(DefinitionErrors):
            Directory(delegations=made)
    else:
        assert Directory(delegations=made).delegations == tuple(made)


def _leads_back(edges):
    def reach(person, seen):
        return any(to in seen or reach(to, seen | {to}) for of, to in edges if of == person)

    return any(reach(person, {person}) for person in PEOPLE)
