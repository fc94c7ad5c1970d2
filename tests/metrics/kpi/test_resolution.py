"""First contact, reopening and escalation, against a loop over the stays of each ticket and a curve made of its results."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi.resolution import Escalation, FirstContact, TicketsReopened
from crmkit.metrics.measure import measure
from crmkit.metrics.survival import aalen_johansen, kaplan_meier

from .oracle import START

END = START + timedelta(days=20)
DAY = timedelta(days=1)
STAGES = ["new", "working", "waiting", "solved", "closed", "withdrawn"]
GOOD, ENDED = ("closed",), ("closed", "withdrawn")
DESK = SimpleNamespace(
    stages=[
        SimpleNamespace(name=name, outcome={"closed": "won", "withdrawn": "lost"}.get(name)) for name in STAGES
    ]
)  # fmt: skip
steps = st.lists(
    st.tuples(st.integers(0, 5000), st.sampled_from(STAGES), st.sampled_from(["wei", "li", None])), max_size=6
)
tickets = st.lists(st.tuples(st.integers(0, 9000), steps), min_size=1, max_size=10)


def stays_of(listed):
    """{case: [(stage, who, entered, left or None)]}, until observation ends."""
    made = {}
    for number, (minute, following) in enumerate(listed):
        at = START + timedelta(minutes=minute)
        rows = [("new", "desk", at)]
        for wait, stage, who in following:
            at += timedelta(minutes=wait, seconds=7)
            rows.append((stage, who, at))
        rows = [row for row in rows if row[2] <= END]
        made[f"T{number}"] = [
            (*row, after[2] if after else None) for row, after in zip(rows, [*rows[1:], None], strict=True)
        ]
    return made


def facts_of(listed):
    """The facts of tickets that were observed for twenty days."""
    rows = [(case, *stay[:3]) for case, stays in stays_of(listed).items() for stay in stays]
    columns = dict(zip("tswa", map(list, zip(*rows, strict=True)), strict=True))
    journal = Journal.from_frame(columns, case="t", stage="s", at="a", who="w", stages=STAGES, as_of=END)
    return Facts(service=journal, service_stages=DESK)


def resolved(listed, also):
    """For each resolved ticket: its stays before, when it was resolved, when it came back or None."""
    good = (*GOOD, *also)
    for stays in stays_of(listed).values():
        place = next((n for n, stay in enumerate(stays) if stay[0] in good), None)
        if place is None:
            continue
        back = None
        for one, after in zip(stays, [*stays[1:], None], strict=True):
            if one[0] in good and after and after[0] not in (*good, *ENDED) and back is None:
                back = one[3]
        yield stays[:place], stays[place][2], back


def survives(spans, horizon):
    """The Kaplan-Meier estimate of never failing up to a day, and whether anybody was seen that long."""
    days, failed = zip(*spans, strict=True)
    curve = kaplan_meier(list(days), list(failed))
    # Ends on the day of the horizon count, so that the curve is asked after it.
    value = float(curve.at([horizon + 0.5])[0])
    return value if max(days) >= horizon or value == 0.0 else None


@given(tickets, st.sampled_from([(), ("solved",)]), st.integers(1, 8))
def test_reopening_is_that_of_a_loop(listed, also, within):
    """Days from the first resolution until the ticket is back, recent ones censored."""
    found = [*measure(facts_of(listed), [TicketsReopened(resolved=also, within_days=within)])]
    spans = [((((back or END) - at) // DAY), back is not None) for _, at, back in resolved(listed, also)]
    if not spans:
        assert not found
        return
    (row,) = found
    expected = survives(spans, within)
    assert (row.n, row.n_open) == (len(spans), sum(not failed and days < within for days, failed in spans))
    assert row.value == (None if expected is None else pytest.approx(1.0 - expected))


@given(tickets, st.sampled_from([(), ("solved",)]), st.sampled_from([(), ("waiting",)]), st.integers(1, 8))
def test_first_contact_is_that_of_a_loop(listed, also, contacts, within):
    """Failed at once by a further contact or a second pair of hands, or later by coming back."""
    found = [*measure(facts_of(listed), [FirstContact(resolved=also, contacts=contacts, within_days=within)])]
    spans = []
    for before, at, back in resolved(listed, also):
        hands = {who for _, who, _, _ in before[1:] if who is not None}
        if len(hands) > 1 or any(stage in contacts for stage, *_ in before):
            spans.append((0, True))
        else:
            spans.append(((((back or END) - at) // DAY), back is not None))
    if not spans:
        assert not found
        return
    (row,) = found
    expected = survives(spans, within)
    assert row.n == len(spans)
    assert row.value == (None if expected is None else pytest.approx(expected))
    assert row.value is None or row.low <= row.value <= row.high


@given(tickets, st.sampled_from([(), ("waiting",), ("waiting", "solved")]), st.integers(1, 8))
def test_escalation_is_that_of_a_loop(listed, stages, within):
    """Being passed on against being closed first, by days since opening."""
    (row,) = measure(facts_of(listed), [Escalation(stages=stages, within_days=within)])
    days, ends = [], []
    for stays in stays_of(listed).values():
        closed = next((entered for stage, _, entered, _ in stays if stage in ENDED), None)
        if stages:
            passed = next((entered for stage, _, entered, _ in stays if stage in stages), None)
        else:
            mine = [(who, entered) for stage, who, entered, _ in stays[1:] if who is not None and stage not in ENDED]
            passed = next((entered for who, entered in mine if who != mine[0][0]), None)
        at = min(one for one in (passed, closed, END) if one is not None)
        days.append((at - stays[0][2]) // DAY)
        ends.append(1 if passed is not None and passed == at else 2 if closed is not None else 0)
    made = aalen_johansen(days, ends, causes=2)
    known = max(days) >= within or 0 not in ends
    assert row.n == len(days)
    if known and 1 in ends:
        assert row.value == pytest.approx(_incidence(made, within))
    elif known:
        assert row.value == 0.0


def _incidence(made, within):
    """The cumulative incidence of the first cause at the end of a day."""
    until = [place for place, time in enumerate(made.time.tolist()) if time <= within]
    return made.cif[0, until[-1]] if until else 0.0


def test_a_closing_by_another_is_no_escalation():
    """Whoever closes a ticket need not be whoever had it."""
    listed = [(0, [(10, "working", "wei"), (10, "closed", "li")])]
    (row,) = measure(facts_of(listed), [Escalation()])
    assert row.value == 0.0


def test_a_resolution_of_yesterday_is_not_yet_good():
    """Of two tickets the one that is too young says nothing of the window, and is counted as open."""
    old, young = (0, [(60, "closed", "wei")]), (19 * 1440, [(60, "closed", "wei")])
    facts = facts_of([old, young, (0, [(60, "closed", "wei"), (1440, "working", "wei")])])
    rows = measure(facts, ["first_contact_resolution", "tickets_reopened"])
    good, again = rows["first_contact_resolution"], rows["tickets_reopened"]
    # On day 1 one of the two that were seen so long came back: the third was seen until day 0.
    assert (good.value, good.n, good.n_open) == (0.5, 3, 1)
    assert (again.value, again.n, again.n_open) == (0.5, 3, 1)
    nothing = measure(facts_of([young]), ["first_contact_resolution", "tickets_reopened"])
    assert [row.value for row in nothing] == [None, None]


def test_what_cannot_be_measured_is_refused():
    """A stage that is not there, a window of no days."""
    facts = facts_of([(0, [])])
    for metric in (FirstContact(contacts="call"), TicketsReopened(resolved="fixed"), Escalation(stages="level 2")):
        with pytest.raises(NotFound, match="in the journal"):
            measure(facts, [metric])
    with pytest.raises(InvalidValue, match="within_days"):
        Escalation(within_days=0)
