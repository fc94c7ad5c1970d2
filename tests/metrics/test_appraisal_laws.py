"""What holds of every appraisal: weights are ratios, more is never less, points add up, what is kept comes again."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.events import Moved, Opened
from crmkit.metrics._cards import points_of
from crmkit.metrics.appraisal import (
    Absolute,
    Gate,
    Scheme,
    Scorecards,
    ShareOfTeam,
    Span,
    Target,
    VersusLastYear,
    appraise,
    contributions,
    reproduce,
)
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.customers import NewCustomers
from crmkit.metrics.kpi.receivables import Ageing
from crmkit.metrics.metric import About
from crmkit.values import Money, Period, RetailCalendar

from .appraised import END, QUARTER, deals, facts, invoice, invoices, scheme

rows = st.lists(
    st.tuples(
        st.integers(0, 80), st.sampled_from(["wei", "li", "ana"]), st.sampled_from(["Acme", "Beta", "Cato", "Dido"]),
        st.integers(1, 90_000).map(lambda cents: str(Decimal(cents).scaleb(-2))),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
numbers = st.integers(1, 5000).map(lambda cents: str(Decimal(cents).scaleb(-1)))
targets = st.tuples(
    st.builds(
        Target, st.just("invoiced"), st.one_of(
            st.builds(Absolute, numbers), st.builds(ShareOfTeam, numbers), st.builds(VersusLastYear, numbers),
            st.builds(Span, numbers, st.just("6000.5")),
        ), weight=numbers, cap=st.one_of(st.none(), st.just("1.5")),
    ),
    st.builds(Target, st.just("new_customers"), st.builds(Absolute, st.integers(1, 9), team=st.integers(1, 9)),
              weight=numbers),
)  # fmt: skip


def made(of, plan, **how):
    """The scorecards of the first quarter of 2026."""
    return appraise(of, plan, **{"over": QUARTER, "as_of": END, **how})


@settings(max_examples=40)
@given(rows, targets, st.integers(1, 10**9))
def test_only_ratios_of_weights_matter(listed, wanted, factor):
    """All weights times anything is the same scorecard, to the last digit."""
    of = facts(invoices(listed))
    scaled = tuple(attrs.evolve(target, weight=target.weight * factor) for target in wanted)
    one, other = (made(of, scheme(*plan)) for plan in (wanted, scaled))
    for card, again in zip(one.cards, other.cards, strict=True):
        assert (card.score, card.raw, card.low, card.high) == (again.score, again.raw, again.low, again.high)
        assert [row.share for row in card.results] == [row.share for row in again.results]


@settings(max_examples=40)
@given(rows, targets, st.integers(1, 90_000))
def test_more_is_never_less(listed, wanted, cents):
    """Who sells more attains no less, against a target that does not move with it."""
    plan = scheme(attrs.evolve(wanted[0], goal=Absolute("777")), wanted[1])
    before = made(facts(invoices(listed)), plan)
    more = [*listed, (70, "wei", "Acme", str(Decimal(cents).scaleb(-2)))]
    after = made(facts(invoices(more)), plan, members=[card.member for card in before.cards if card.member])
    for card in before.cards:
        if card.member:
            assert after[card.member].results[0].points >= card.results[0].points
    harder = made(facts(invoices(listed)), scheme(attrs.evolve(wanted[0], goal=Absolute("778")), wanted[1]))
    for card in before.cards:
        assert harder[card.member].results[0].points <= card.results[0].points


@given(st.fractions(0, 1), st.floats(0, 10), st.floats(0, 10))
def test_points_grow_with_attainment(share, one, other):
    """Rounded to 0.01 and never the other way round."""
    low, high = sorted([one, other])
    assert points_of(share, low) <= points_of(share, high)
    assert abs(Fraction(points_of(share, low)) - 100 * share * Fraction(low)) <= Fraction(1, 200)


@settings(max_examples=50)
@given(
    rows,
    rows,
    targets,
    targets,
    st.builds(Gate, st.just("new_customers"), at_least=st.integers(0, 4), cap=st.sampled_from([None, "0.8"])),
)
def test_contributions_add_up_exactly(listed, earlier, wanted, then, gate):
    """The points of the KPIs and of the gates are the change of the score, and their three parts are their points."""
    gates = [gate]
    of = facts([*invoices(earlier, year=2025), *invoices(listed)])
    now = made(of, Scheme("now", wanted, gates))
    before = appraise(
        of, Scheme("then", [*then, Target("receivables")], gates), over=Period.quarter(2025, 1), as_of=END
    )
    made_of = contributions(now, before)
    for card in now.cards:
        if card.member not in {one.member for one in before.cards}:
            continue
        kpis = [row for row in made_of.of(card.member) if row.label != "score"]
        total = [row for row in made_of.of(card.member) if row.label == "score"]
        for row in kpis:
            assert row.points == row.now - row.then
            assert row.label == "gates" or row.figure + row.target + row.weight == row.points
        if card.score is None or before[card.member].score is None:
            assert not total
            continue
        assert total[0].points == card.score - before[card.member].score == sum(row.points for row in kpis)
        assert (total[0].now, total[0].then) == (card.score, before[card.member].score)
        for name in ("figure", "target", "weight"):
            assert getattr(total[0], name) == sum(getattr(row, name) for row in kpis)


def test_what_changed_is_told_apart():
    """Only the figure, only the target, only the weight; and a KPI of another definition."""
    of = facts()
    base = made(of, scheme(Target("invoiced", Absolute(1000)), Target("new_customers", Absolute(9))))
    (first, *_, score) = contributions(base, base).of("li")
    assert first.points == score.points == Decimal(0)
    harder = made(of, scheme(Target("invoiced", Absolute(2000)), Target("new_customers", Absolute(9))))
    (row, *_) = contributions(harder, base).of("li")
    assert (row.target, row.figure, row.weight) == (Decimal("-18.75"), Decimal(0), Decimal(0))
    heavier = made(of, scheme(Target("invoiced", Absolute(1000), weight=3), Target("new_customers", Absolute(9))))
    (row, *_) = contributions(heavier, base).of("li")
    assert (row.weight, row.figure) == (Decimal("18.75"), Decimal(0))
    other = made(of, scheme(Target("invoiced", Absolute(1000)), Target(NewCustomers(history_days=1), Absolute(9))))
    assert [row.comparable for row in contributions(other, base).of("li")] == [True, False, False]
    alone = made(facts(invoices([(3, "ana", "Acme", "1")])), scheme(), members=["ana"])
    assert {row.member for row in contributions(alone, base)} == {"(team)"}
    lonely = Scorecards(alone.cards[1:], alone.header)
    with pytest.raises(InvalidValue, match="no member in common"):
        contributions(lonely, base)


@settings(max_examples=40)
@given(rows, rows, st.integers(1, 40))
def test_a_frozen_appraisal_comes_again_of_later_facts(listed, late, lag):
    """Whatever is recorded later, of that quarter or of another, changes nothing."""
    plan = scheme(
        Target("invoiced", Absolute("500", team="900"), weight=2), Target("new_customers", VersusLastYear()),
        gates=[Gate("invoiced", at_least=100, cap="0.5")],
    )  # fmt: skip
    known = [*invoices(listed, recorded=0), *invoices(listed[:3], year=2025, recorded=1)]
    document = json.loads(json.dumps(made(facts(known), plan, as_of=None, over=QUARTER).freeze()))
    after = max(one.recorded for one in known)
    later = [
        attrs.evolve(invoice(f"L{number}", *row), recorded=after + timedelta(days=lag))
        for number, row in enumerate(late)
    ]
    again = reproduce(document, facts([*known, *later]))
    assert again.equal, str(again)
    assert again.now == Scorecards.from_frozen(document)
    assert again.now.freeze() == document
    assert "reproduced" in str(again)


def test_own_facts_are_reproduced_as_they_were_known():
    """Deals of crmkit's own events know when they were recorded."""

    def fact(kind, number, case, day, late, **more):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        return kind(id=f"{case}#{number}", case=case, at=at, recorded=at + timedelta(days=late), who="wei", **more)

    events = [fact(Opened, 1, f"D{n}", n, 0, stage="lead") for n in range(5)]
    won = [
        fact(Moved, 2, f"D{n}", 20 + n, n, stage="won", origin="lead", move="sign", entered=events[n].at, held_by="wei")
        for n in range(5)
    ]
    plan = scheme(Target("open_deals", Span(0, 10)))
    document = made(Facts(events=[*events, *won[:2]]), plan, as_of=None).freeze()
    again = reproduce(document, Facts(events=[*events, *won]))
    assert again.equal
    assert again.now["wei"].results[0].value == 3


def test_facts_that_cannot_tell_differ_and_say_why():
    """A row that was slipped in is found, with the figures that it changes, and why they could not be had again."""
    document = made(facts(), scheme(gates=[Gate("new_customers", at_least=2)])).freeze()
    assert document["as_known_at"] is None
    assert reproduce(document, facts()).equal
    more = facts([*invoices(), invoice(99, 50, "wei", "Eve", "1"), invoice(98, 50, "ana", "Eve", "1")])
    found = reproduce(document, more)
    assert not found.equal
    told = {(row.member, row.label, row.what): row for row in found}
    assert told["wei", "invoiced", "n"].why == "rests on 4, then on 3; the facts do not tell when they were recorded"
    assert (told["wei", "invoiced", "exact"].then, told["wei", "invoiced", "exact"].now) == (
        "1000.50 EUR",
        "1001.50 EUR",
    )
    assert told["wei", "new_customers", "value"].why == "the figure of the gate differs"
    assert told["ana", None, "score"].then is None
    assert ("li", "invoiced", "n") not in told
    assert "ana" in str(found)
    gone = reproduce(document, facts(invoices()[:3]))
    assert {row.why for row in gone if row.member == "li"} == {"there is no figure of this member any more"}
    changed = [attrs.evolve(invoices()[0], amount=Money("601", "EUR")), *invoices()[1:]]
    assert "as many, of other content" in next(iter(reproduce(document, facts(changed)))).why


def test_what_was_recorded_by_then_and_changed_is_told():
    """Facts that know when they were recorded, and were overwritten."""
    document = made(facts(invoices(recorded=0)), scheme()).freeze()
    found = reproduce(document, facts(invoices(recorded=0)[1:]))
    assert "what was recorded by then was changed" in next(row for row in found if row.label).why


def test_facts_read_in_another_way_are_told():
    """Another zone or currency is the first thing that is said."""
    document = made(facts(), scheme()).freeze()
    found = reproduce(document, facts(tz="Asia/Shanghai", currency="EUR"))
    assert [(row.what, row.then, row.now) for row in found] == [
        ("tz", "UTC", "Asia/Shanghai"), ("currency", "None", "EUR")
    ]  # fmt: skip


def test_a_changed_definition_is_refused_by_its_id():
    """A KPI that is defined in another way today is no reproduction; nor is a document that was edited."""
    document = made(facts(), scheme()).freeze()
    edited = json.loads(json.dumps(document))
    edited["cards"][1]["score"] = "99.00"
    with pytest.raises(InvalidValue, match="it was changed"):
        reproduce(edited, facts())
    with pytest.raises(InvalidValue, match="is not the format"):
        Scorecards.from_frozen({"format": "other"})
    plan = document["scheme"]
    plan["targets"][0]["metric"]["definition"] = "0123456789ab"
    with pytest.raises(InvalidValue, match="'0123456789ab' of invoiced is not that of today"):
        Scheme.from_dict(plan)
    plan["targets"][0]["metric"]["policies"]["older"] = 1
    with pytest.raises(InvalidValue, match="was defined in another way"):
        Scheme.from_dict(plan)
    plan["targets"][0]["metric"]["key"] = "invoicd"
    with pytest.raises(NotFound, match="invoiced"):
        Scheme.from_dict(plan)


@attrs.frozen
class Ours(NewCustomers):
    """A KPI that is in no catalogue."""

    about = About(**{**attrs.asdict(NewCustomers.about), "key": "ours"})


def test_kpis_of_ones_own_are_given_again():
    """What is not in the catalogue is handed over, and held against its id."""
    plan = scheme(Target(Ours(), Absolute(2)))
    document = made(facts(), plan).freeze()
    assert reproduce(document, facts(), metrics=[Ours()]).equal
    with pytest.raises(NotFound, match="ours"):
        reproduce(document, facts())
    with pytest.raises(InvalidValue, match="is not that of today"):
        reproduce(document, facts(), metrics=[Ours(history_days=3)])


@given(targets)
def test_schemes_travel_as_documents(wanted):
    """Through JSON and back, with all kinds of goals, gates and policies."""
    plan = Scheme(
        "x",
        [*wanted, Target(Ageing(edges=(10, 20)), Span(5, 0), where={"age": "not due", "currency": "EUR"}),
         Target("booked", Absolute({"wei": Money("5", "EUR")}, team=Money("9", "EUR"))), Target("win_rate"),
         Target("open_pipeline", Span(Money("1", "EUR"), Money("2", "EUR"))),
         Target("expected_wins", ShareOfTeam({"li": 1}))],
        [Gate("churn_rate", at_most="0.1", cap="0.9", unknown="fails")], missing="void", least=3, level=0.9,
    )  # fmt: skip
    assert Scheme.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_calendars_come_back():
    """A retail quarter is the same days; a calendar of one's own cannot be made again."""
    retail = Period.quarter(2025, 4, RetailCalendar())
    document = json.loads(json.dumps(made(facts(), scheme(), over=retail).freeze()))
    assert reproduce(document, facts()).equal

    @attrs.frozen
    class Own(RetailCalendar):
        """A calendar of one's own."""

    own = made(facts(), scheme(), over=Period.quarter(2025, 4, Own())).freeze()
    with pytest.raises(InvalidValue, match="is of your own"):
        reproduce(own, facts())
    nameless = Period(retail.start, retail.end)
    assert made(facts(), scheme(), over=nameless).header["over"]["name"] == "2025-11-02 .. 2026-02-01"


def test_instants_of_the_facts_are_kept():
    """The end of observation, and the last recording if every journal can tell it."""
    header = made(facts(invoices(recorded=2)), scheme(), as_of=None).header
    assert header["as_of"].startswith("2026-03-12")
    assert header["as_known_at"].startswith("2026-03-14")
    assert made(facts(invoices(recorded=2), journal=deals()), scheme()).header["as_known_at"] is None
    assert made(facts(invoices(recorded=2), service=deals()), scheme()).header["as_known_at"] is None
    given_ = made(facts(invoices(recorded=2)), scheme(), as_known_at=END)
    assert given_.header["as_known_at"] == END.isoformat()
