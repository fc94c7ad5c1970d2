"""Knowledge at work, against loops over facts."""

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, Ledger
from crmkit.kb.usage import CardChanged, CardUsed, Searched, TicketOpened
from crmkit.metrics.estimators import garwood, wilson
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.knowledge import (
    CardChanges,
    CardReuse,
    Deflection,
    LinkRate,
    SearchesWithoutResult,
    StaleCards,
)
from crmkit.metrics.measure import measure
from crmkit.model import Dated
from crmkit.pipeline import Pipeline, Stage
from crmkit.values import Period

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=100)
OVER = Period(date(2026, 1, 1), date(2026, 6, 1))


def measured(facts, metric, **how):
    """Figures by month of UTC."""
    return measure(
        Facts(ledger=Ledger.from_facts(facts)), metric, **({"every": "month", "over": OVER, "as_of": END} | how)
    )


def ends():
    """Each period that has begun, with the instant up to which it is seen."""
    for month in range(1, 6):
        start, end = (datetime(2026, one, 1, tzinfo=UTC) for one in (month, month + 1))
        if start <= END:
            yield f"2026-{month:02d}", start, min(end, END + timedelta(microseconds=1))


def near(row, value, limits=None):
    """Whether a figure has a value and limits."""
    assert row.value == pytest.approx(value)
    if limits is not None:
        assert (row.low, row.high) == pytest.approx(tuple(float(one) for one in limits))


when = st.integers(0, 99).map(lambda day: START + timedelta(days=day, hours=day % 5))
who = st.sampled_from(["wei", "li", None])
FACTS = st.lists(st.one_of(
    st.builds(lambda at, found, customer, channel: Searched(id="s", at=at, found=found, customer=customer, channel=channel),
              when, st.integers(0, 1), st.sampled_from(["a", "b", None]), st.sampled_from(["self-service", "desk"])),
    st.builds(lambda at, card, who: CardUsed(id="u", at=at, card=card, who=who), when, st.sampled_from("KL"), who),
    st.builds(lambda at, card, who, change: CardChanged(id="c", at=at, card=card, who=who, change=change), when,
              st.sampled_from("KLM"), who, st.sampled_from(["written", "improved", "reviewed", "retired"])),
    st.builds(lambda at, customer: TicketOpened(id="t", at=at, customer=customer), when, st.sampled_from(["a", "b", None])),
), min_size=1, max_size=25, unique_by=lambda fact: fact.at)  # fmt: skip


def numbered(facts):
    """Each fact with an id of its own."""
    return [attrs.evolve(fact, id=f"{number}") for number, fact in enumerate(facts)]


BOOKS = FACTS.map(numbered)


def of(facts, kind):
    """The facts of a class in order of time."""
    return sorted((fact for fact in facts if isinstance(fact, kind)), key=lambda fact: fact.at)


@given(BOOKS)
def test_searches_without_a_result(facts):
    """Those that found nothing by all of the month, with Wilson's limits."""
    rows = {row.period: row for row in measured(facts, SearchesWithoutResult()) if row.n}
    for name, start, end in ends():
        mine = [one for one in of(facts, Searched) if start <= one.at < end]
        assert (name in rows) == bool(mine)
        if mine:
            none = sum(not one.found for one in mine)
            near(rows[name], none / len(mine), wilson(none, len(mine)))


def standing(facts, end):
    """The cards in use at an instant: their changes so far."""
    changes = {}
    for one in of(facts, CardChanged):
        if one.at < end:
            changes.setdefault(one.card, []).append(one)
    return {card: made for card, made in changes.items() if made[-1].change != "retired"}


@given(BOOKS)
def test_reuse(facts):
    """Uses by others than the author by cards in use at the end of the month, with Garwood's limits."""
    rows = {row.period: row for row in measured(facts, CardReuse())}
    author = {card: made[0].who for card, made in
              {one.card: [two for two in of(facts, CardChanged) if two.card == one.card] for one in of(facts, CardChanged)}.items()}  # fmt: skip
    for name, start, end in ends():
        cards = len(standing(facts, end))
        uses = sum(start <= one.at < end and not (one.who is not None and author.get(one.card) == one.who)
                   for one in of(facts, CardUsed))  # fmt: skip
        if cards:
            near(rows[name], uses / cards, garwood(uses, cards))
        elif name in rows:
            assert rows[name].value is None


@given(BOOKS, st.sampled_from([1, 20, 60]))
def test_stale_cards(facts, days):
    """Cards in use of which the last change is older than the days, with Wilson's limits."""
    rows = {row.period: row for row in measured(facts, StaleCards(days=days)) if row.n}
    for name, _, end in ends():
        cards = standing(facts, end)
        assert (name in rows) == bool(cards)
        if cards:
            stale = sum(made[-1].at < end - timedelta(days=days) for made in cards.values())
            near(rows[name], stale / len(cards), wilson(stale, len(cards)))


@given(BOOKS, st.sampled_from([("written",), ("improved", "reviewed")]))
def test_contributions(facts, changes):
    """Changes by person and month."""
    rows = {
        (row.group["who"], row.period): row.exact
        for row in measured(facts, CardChanges(changes), by=["who"])
        if row.exact
    }
    wanted = {}
    for one in of(facts, CardChanged):
        if one.change in changes:
            key = one.who, f"{one.at:%Y-%m}"
            wanted[key] = wanted.get(key, 0) + 1
    assert rows == wanted


def attempts(facts, channels, minutes):
    """The first searches of attempts, and days to the next ticket, or None."""
    last = {}
    for one in of(facts, Searched):
        if one.customer is None or (channels and one.channel not in channels):
            continue
        before, last[one.customer] = last.get(one.customer), one.at
        if before is None or one.at - before > timedelta(minutes=minutes):
            filed = [two.at for two in of(facts, TicketOpened) if two.customer == one.customer and two.at >= one.at]
            yield one, min(filed, default=None)


@given(BOOKS, st.sampled_from([(), ("self-service",)]), st.sampled_from([0, 4000]))
def test_deflection(facts, channels, minutes):
    """One minus the incidence of a ticket within the days, attempts of which nothing is known yet being censored."""
    metric = Deflection(within_days=7, channels=channels, attempt_minutes=minutes)
    rows = {row.period: row for row in measured(facts, metric) if row.n}
    for name, start, end in ends():
        mine = [(one, filed) for one, filed in attempts(facts, channels, minutes) if start <= one.at < end]
        assert (name in rows) == bool(mine)
        if not mine:
            continue
        assert rows[name].n == len(mine)
        ages = [(((filed or END) - one.at).days, filed is not None) for one, filed in mine]
        left = 1.0
        for day in range(8):
            risk = sum(age >= day for age, _ in ages)
            left *= 1 - sum(age == day and filed for age, filed in ages) / risk if risk else 1.0
        if rows[name].value is None:
            assert all(age < 7 or filed for age, filed in ages)
        else:
            near(rows[name], left)
            assert rows[name].low - 1e-12 <= left <= rows[name].high + 1e-12


LINE = Pipeline(
    "service",
    stages=["new", Stage("done", "won"), Stage("dropped", "lost")],
    moves={"new": {"d": "done", "x": "dropped"}},
)
CASES = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 40), st.sampled_from(["done", "dropped", None]), st.integers(0, 2)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(CASES)
def test_link_rate(cases):
    """Closed tickets with a card by all that were closed in the month, with Wilson's limits."""
    stays, uses = [], []
    for number, (day, lasts, end, links) in enumerate(cases):
        stays.append((f"T{number}", "new", START + timedelta(days=day)))
        stays += [(f"T{number}", end, START + timedelta(days=day + lasts, hours=1))] if end else []
        uses += [CardUsed(id=f"{number}.{one}", at=START, card="K", case=f"T{number}") for one in range(links)]
    uses += [CardUsed(id="other", at=START, card="K", case="T99"), CardUsed(id="bare", at=START, card="K")]
    columns = dict(zip(("case", "stage", "at"), map(list, zip(*stays, strict=True)), strict=True))
    journal = Journal.from_frame(columns, case="case", stage="stage", at="at", as_of=END)
    facts = Facts(ledger=Ledger.from_facts(uses), service=journal, service_stages=LINE)
    rows = {row.period: row for row in measure(facts, LinkRate(), every="month", over=OVER, as_of=END) if row.n}
    for name, start, end in ends():
        mine = [links > 0 for day, lasts, how, links in cases
                if how and start <= START + timedelta(days=day + lasts, hours=1) < end]  # fmt: skip
        assert (name in rows) == bool(mine)
        if mine:
            near(rows[name], sum(mine) / len(mine), wilson(sum(mine), len(mine)))


class Search(Dated):
    """A search as a host may have it."""

    kind = "search"


class Use(Dated):
    """A use of which the host does not know the card."""

    kind = "card-use"


class Change(Dated):
    """A change of which the host does not know the card."""

    kind = "card-change"


def test_what_cannot_be_used_is_told():
    """Searches without an answer, uses and changes without a card, and searches by nobody: counted, with the reason."""
    facts = [Search(id="1", at=START, dims={"answer": "maybe"}), Searched(id="2", at=START), Use(id="3", at=START, dims={"card": None}),
             Change(id="4", at=START, dims={"card": None, "change": "written"}), CardChanged(id="5", at=START, card="K")]  # fmt: skip
    found = measured(facts, SearchesWithoutResult())
    assert [(one.column, one.count) for one in found.findings] == [("answer", 1)]
    assert sum(row.n_unusable for row in found) == 1
    assert [one.reason for one in measured(facts, CardReuse()).findings] == [
        "card-use of no card",
        "card-change of no card",
    ]
    assert [one.reason for one in measured(facts, StaleCards()).findings] == ["card-change of no card"]
    (finding,) = measured(facts, Deflection(channels=())).findings
    assert (finding.column, finding.count) == ("customer", 2)


def test_columns_that_are_missing():
    """Rows need their columns, and a ledger without such rows needs none."""
    with pytest.raises(NotFound, match="answer"):
        measured([Search(id="1", at=START)], SearchesWithoutResult())
    for metric in (SearchesWithoutResult(), CardReuse(), StaleCards(), CardChanges(), Deflection()):
        assert not [row for row in measured([TicketOpened(id="1", at=START)], metric) if row.n]


def test_policies():
    """Days are at least one; names may be one."""
    with pytest.raises(InvalidValue, match="days"):
        StaleCards(days=0)
    with pytest.raises(InvalidValue, match="attempt_minutes"):
        Deflection(attempt_minutes=-1)
    assert CardChanges("written").changes == ("written",)
