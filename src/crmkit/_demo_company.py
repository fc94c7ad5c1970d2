"""A company that is made up, with all that a page can show: deals, money, tickets, knowledge, rules, and a loop.

What happens in it is chosen so that there is something to see: fay is weak until she is coached, chen is strong, gus
becomes weak in the last quarter, prices lose ever more deals, answers take longer at the end, and payments come late.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.adapters.memory import MemoryEventStore
from crmkit.errors import CrmkitError
from crmkit.events import Event, Found
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.improvement import Improvement
from crmkit.journal import OPEN, Coded, Journal, Ledger, code
from crmkit.kb.usage import CardChanged, CardUsed, Change, Searched, TicketOpened
from crmkit.loop import Loop
from crmkit.metrics import Facts
from crmkit.model import Activity, Complaint, Dated, Expense, Invoice, Order, Payment, Quote
from crmkit.pipeline import Pipeline, Stage
from crmkit.pipeline.commands import Take
from crmkit.report.composing import Page, compose
from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.rules.backtest import RuleEffect, backtest
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.values import Money, Period, from_micros, to_micros

__all__ = ["Company", "company"]

Ints = npt.NDArray[np.int64]
_DAY = timedelta(days=1)
_START, _END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
_SKILL = {"ann": 1.0, "bo": 1.0, "chen": 2.4, "dana": 1.0, "emil": 1.0, "fay": 0.35, "gus": 1.0, "hui": 1.0}
# From when on who has what skill.
_CHANGES: tuple[tuple[datetime, dict[str, float]], ...] = (
    (_START, {}), (datetime(2025, 4, 1, tzinfo=UTC), {"fay": 0.95}),
    (datetime(2025, 9, 1, tzinfo=UTC), {"fay": 0.95, "gus": 0.35}),
)  # fmt: skip
_REGIONS, _PRODUCTS = ("north", "south", "west"), ("pumps", "valves", "service plan")
_REASONS = ("price", "timing", "competitor", "no need")
_LEAD = "head of sales"
_QUESTIONS = (
    ("pump makes a noise", 4), ("replace a seal", 6), ("valve leaks", 3), ("warranty of pumps", 0),
    ("spare parts price", 0), ("error E42", 2),
)  # fmt: skip


@attrs.frozen(eq=False)
class Company:
    """What it knows of itself.

    Attributes:
        facts: its ledger and journals.
        knowledge: facts of knowledge at work.
        events: what its rules said.
        rules: what its rules would have done to its quotations, a newer version in shadow.
        loop: its improvement cases.
        over: the quarter that is looked at.
    """

    facts: Facts
    knowledge: tuple[Dated, ...]
    events: tuple[Event, ...]
    rules: tuple[RuleEffect, ...]
    loop: Loop
    over: Period

    def page(self) -> Page:
        """All of it."""
        return compose(
            facts=self.facts, over=self.over, loop=self.loop, rules=self.rules, events=self.events,
            knowledge=self.knowledge,
        )  # fmt: skip


def company(seed: int = 2026, *, deals: int = 3600, tickets: int = 2600) -> Company:
    """Two years of it.

    Args:
        seed: of all that is drawn.
        deals: how many deals are opened, about.
        tickets: how many tickets.
    """
    rng = np.random.default_rng(seed)
    journal = _deals(rng, deals)
    booked = list(_books(rng, journal))
    service = _tickets(rng, tickets)
    ledger = Ledger.from_facts([*booked, *_complaints(rng, booked)])
    facts = Facts(
        ledger=ledger, journal=journal, service=service, stages=sales_pipeline(), service_stages=_desk(), tz="UTC"
    )
    quotes = [one for one in booked if one.kind == "quote"]
    over = Period.quarter(2025, 4)
    return Company(
        facts, tuple(_knowledge(rng, service)), tuple(_warnings(rng, quotes)), _judged(quotes), _loop(facts), over
    )


def _deals(rng: np.random.Generator, n: int) -> Journal:
    """Deals of people whose skill changes, with region, amount, and why they were lost."""
    parts: list[Journal] = []
    for (start, changed), end in zip(_CHANGES, [at for at, _ in _CHANGES[1:]] + [_END], strict=True):
        days = (_END - start) / _DAY
        size = round(n * days / ((_END - _START) / _DAY))
        made = simulate(n=size, rng=rng, people=_SKILL | changed, days=days, start=start).journal
        opened = np.full(len(made.cases.values), OPEN)
        np.minimum.at(opened, made.cases.codes, made.entered)
        parts.append(made[opened[made.cases.codes] < to_micros(end)])
    first = parts[0]
    cases = code(f"{place + 1}-{name}" for place, part in enumerate(parts) for name in part.cases.decode())
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("entered", "left", "next")
    }
    stages = Coded(np.concatenate([part.stages.codes for part in parts]), first.stages.values)
    who = Coded(np.concatenate([part.who.codes for part in parts]), first.who.values)
    amount = (np.exp(rng.normal(9.2, 0.8, len(cases.values))) // 10 * 1000).astype(np.int64)[cases.codes]
    region = rng.integers(len(_REGIONS), size=len(cases.values)).astype(np.int32)[cases.codes]
    return Journal(
        cases=cases, stages=stages, who=who, until=first.until, amount=amount, **columns,
        dims={"region": Coded(region, _REGIONS), "reason": _reasons(rng, stages, columns["entered"])},
        facts={"origin": f"made up, {len(cases.values)} deals of two years"},
    )  # fmt: skip


def _reasons(rng: np.random.Generator, stages: Coded, entered: Ints) -> Coded:
    """Why deals were lost; in the end by price ever more often, and not always told."""
    lost = stages.codes == stages.values.index("lost")
    age = (entered - to_micros(_START)) / (to_micros(_END) - to_micros(_START))
    price = rng.random(len(entered)) < 0.22 + 0.25 * age.clip(0.0, 1.0)
    other = rng.integers(1, len(_REASONS), size=len(entered))
    told = lost & (rng.random(len(entered)) < 0.92)
    return Coded(np.where(told, np.where(price, 0, other), -1).astype(np.int32), _REASONS)


def _books(rng: np.random.Generator, journal: Journal) -> Iterator[Dated]:
    """Quotations, orders, invoices, payments, contacts and what selling costs."""
    rows = journal.to_dict()
    amounts: list[int] = [] if journal.amount is None else journal.amount.tolist()
    for i, stage in enumerate(rows["stage"]):
        case, at, who, region = rows["case"][i], rows["entered"][i], rows["who"][i], rows["region"][i]
        shared: dict[str, Any] = {"case": case, "customer": f"C-{int(journal.cases.codes[i]) % 240:03}", "who": who}
        dims = {"region": region, "product": _PRODUCTS[int(journal.cases.codes[i]) % 3]}
        amount = Money.from_minor(amounts[i], "EUR")
        if at < _END - _DAY and stage not in ("won", "lost"):
            yield Activity(
                id=f"A-{i}",
                at=at + 0.5 * _DAY,
                channel=str(rng.choice(["call", "visit"])),
                dims={"region": region},
                **shared,
            )
        if stage == "proposal":
            yield Quote(id=f"Q-{case}", at=at, amount=amount, dims=dims, **shared)
        elif stage == "won":
            yield Order(id=f"O-{case}", at=at, amount=amount, dims=dims, quantity=int(rng.integers(1, 9)), **shared)
            yield from _paid(rng, at, amount, dims, shared)
    for month in range(24):
        at = datetime(2024 + month // 12, month % 12 + 1, 15, tzinfo=UTC)
        yield Expense(id=f"E-{month}", at=at, amount=Money(rng.integers(9_000, 12_000).item(), "EUR"))


def _paid(
    rng: np.random.Generator, at: datetime, amount: Money, dims: dict[str, str], shared: dict[str, Any]
) -> Iterator[Dated]:
    billed = at + 7 * _DAY
    if billed >= _END:
        return
    due, late = billed + 30 * _DAY, billed >= datetime(2025, 8, 1, tzinfo=UTC)
    name = f"I-{shared['case']}"
    quantity = int(rng.integers(1, 9))
    yield Invoice(id=name, at=billed, amount=amount, due=due, dims=dims, quantity=quantity, **shared)
    paid = billed + timedelta(days=float(rng.gamma(4.0, 11.0 if late else 6.0)))
    if paid < _END and rng.random() < 0.97:
        yield Payment(id=f"P-{shared['case']}", at=paid, amount=amount, refers_to=name, dims=dims, **shared)


def _complaints(rng: np.random.Generator, booked: list[Dated]) -> Iterator[Dated]:
    for order in (one for one in booked if one.kind == "order"):
        at = order.at + timedelta(days=float(rng.exponential(20.0)))
        if rng.random() < 0.06 and at < _END:
            cause = str(rng.choice(["late delivery", "broken", "wrong invoice"], p=[0.55, 0.3, 0.15]))
            dims = {"region": order.dims["region"], "cause": cause}
            yield Complaint(id=f"B-{order.id}", at=at, customer=order.customer, who=order.who, dims=dims)


def _desk() -> Pipeline:
    return Pipeline(
        "ticket", ["new", "working", Stage("solved", "won"), Stage("withdrawn", "lost")],
        moves={"new": {"take": "working", "withdraw": "withdrawn"}, "working": {"solve": "solved"},
               "solved": {"reopen": "working"}},
    )  # fmt: skip


def _tickets(rng: np.random.Generator, n: int) -> Journal:
    """Tickets that wait, are worked on, and solved; from October 2025 on they wait twice as long."""
    begun, end = to_micros(_START), to_micros(_END)
    opened = np.sort(begun + (rng.random(n) * (end - begun)).astype(np.int64))
    slow = np.where(opened > to_micros(datetime(2025, 10, 1, tzinfo=UTC)), 2.0, 1.0)
    taken = opened + (rng.exponential(3.0 * slow, n) * 3.6e9).astype(np.int64) + 60_000_000
    away = rng.random(n) < 0.03
    solved = taken + (rng.gamma(2.0, 14.0 * slow, n) * 3.6e9).astype(np.int64) + 60_000_000
    who = rng.integers(3, size=n).astype(np.int32)
    rows: list[tuple[Ints, ...]] = []
    number = np.arange(n)
    for stage, at, left, then, some in (
        (0, opened, taken, np.where(away, 3, 1), number >= 0), (1, taken, solved, np.full(n, 2), ~away),
        (2, solved, np.full(n, OPEN), np.full(n, -1), ~away), (3, taken, np.full(n, OPEN), np.full(n, -1), away),
    ):  # fmt: skip
        seen = np.flatnonzero(some & (at < end))
        lasts = left[seen] >= end
        rows.append((seen, np.full(len(seen), stage), at[seen], np.where(lasts, OPEN, left[seen]),
                     np.where(lasts, -1, then[seen])))  # fmt: skip
    case, stages, entered, until, following = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Journal(
        cases=Coded(case.astype(np.int32), tuple(f"T-{i + 1:05}" for i in range(n))),
        stages=Coded(stages.astype(np.int32), ("new", "working", "solved", "withdrawn")),
        entered=entered, left=until, next=following.astype(np.int32), who=Coded(who[case], ("iris", "jo", "kim")),
        until=end, dims={"region": Coded((case % 3).astype(np.int32), _REGIONS)},
    )  # fmt: skip


def _knowledge(rng: np.random.Generator, service: Journal) -> Iterator[Dated]:
    """Searches by customers and by the desk, the cards that helped, and who keeps them."""
    for i in range(1800):
        at = _START + timedelta(days=float(rng.uniform(0.0, 729.0)))
        question, found = _QUESTIONS[int(rng.choice(6, p=[0.3, 0.25, 0.15, 0.08, 0.07, 0.15]))]
        customer = f"C-{int(rng.integers(240)):03}"
        yield Searched(id=f"S-{i}", at=at, question=question, found=found, customer=customer, channel="self-service")
        if found and rng.random() < 0.5:
            yield CardUsed(id=f"U-{i}", at=at + timedelta(minutes=3), card=f"K-{int(rng.integers(20))}",
                           customer=customer, refers_to=f"S-{i}")  # fmt: skip
    for i, (name, at) in enumerate(zip(service.cases.decode(), service.entered.tolist(), strict=True)):
        if service.stages.codes[i] == 0:
            yield TicketOpened(id=f"T-{i}", at=from_micros(at), customer=f"C-{i % 240:03}", case=name)
        elif service.stages.codes[i] == 1 and rng.random() < 0.4:
            yield CardUsed(id=f"V-{i}", at=from_micros(at), card=f"K-{i % 20}", who="jo", case=name)
    for i in range(60):
        at = _START + timedelta(days=float(rng.uniform(0.0, 729.0)))
        kind: Change = "written" if i < 20 else "improved"
        yield CardChanged(id=f"W-{i}", at=at if i >= 20 else _START, card=f"K-{i % 20}", change=kind, who="kim")


def _judged(quotes: list[Dated]) -> tuple[RuleEffect, ...]:
    """What the rules would have done to the quotations, and what a stricter version would change."""
    schema = Schema([Field("amount", "decimal", low=0), Field("discount", "decimal", low=0, high=1)])
    records = [
        {"amount": one.amount.amount, "discount": round(0.02 * (i * 7919 % 14), 2)}
        for i, one in enumerate(quotes) if one.amount is not None
    ]  # fmt: skip
    now = [Rule("discount", "discount <= 0.2"), Rule("large and cheap", "amount < 50000 or discount <= 0.1")]
    then = [Rule("discount", "discount <= 0.15"), now[1]]
    sets = [RuleSet("quotations", schema, rules) for rules in (then, now)]
    return backtest(sets[0], records, before=sets[1], weight="amount")


def _warnings(rng: np.random.Generator, quotes: list[Dated]) -> Iterator[Event]:
    """Warnings that were passed over, and what a rule in shadow said."""
    for i, one in enumerate(quotes):
        for rule, chance, shadow in (("discount near the limit", 0.04, False), ("old contact", 0.015, False),
                                     ("discount", 0.06, True)):  # fmt: skip
            if rng.random() < chance:
                yield Found(id=f"F-{i}-{rule}", case=one.case or "", at=one.at, recorded=one.at, who=one.who, rule=rule,
                            rules="quotations", shadow=shadow)  # fmt: skip


@attrs.define
class _Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


def _loop(facts: Facts) -> Loop:
    """Four reviews: what is out of line opens a case, the weak are coached, and what was done is judged later."""
    clock = _Clock(_START)
    loop = Loop(MemoryEventStore(), clock)
    for quarter in (1, 2, 3):
        over = Period.quarter(2025, quarter)
        clock.now = datetime.combine(over.end, datetime.min.time(), UTC) + timedelta(hours=8)
        seen = facts.as_of(clock.now)
        for one in loop.cases():
            _judge(loop, one, seen)
        found = loop.review(seen, over, metrics=()).problems
        for one in loop.open(
            found,
            who=_LEAD,
            fields=lambda _: {
                "severity": "major",
                "cause known": False,
                "cross team": True,
                "cost": 50_000,
                "owner": _LEAD,
            },
        ).new:
            if one.method == "coaching":
                _coached(loop, one, over)
    clock.now = _END
    return loop


def _judge(loop: Loop, one: Improvement, facts: Facts) -> None:
    if not one.acting:
        return
    try:
        verdict = loop.judge(one.case.id, facts, who=_LEAD)
    except CrmkitError:
        # It is too early: what was done is not over.
        return
    if verdict.answer == "worked":
        kept = {"standard": "weekly observation", "control plan": "watch the chart", "process owner": _LEAD}
        loop.move(one.case.id, "standardise", who=_LEAD, fields={**kept, "shared with": ["all"]})


def _coached(loop: Loop, one: Improvement, over: Period) -> None:
    where = one.problem.where
    after = Period(over.end, over.end + timedelta(days=182), "after")
    claim = Hypothesis("stage_conversion", where, effect=0.10, after=after, found_in=over,
                       before=Period(date(2024, 1, 1), over.start, "before"))  # fmt: skip
    plan = {
        "hypothesis": claim.to_fields(), "owner": _LEAD, "due": after.end, "goal": "as the others", "agreed": True,
        "actions": [{"what": "weekly observation", "who": _LEAD, "due": after.end, "done": False}],
    }  # fmt: skip
    for move, fields in (
        ("observe", {"coach": _LEAD, "coachee": where["who"]}),
        ("diagnose", {"observed": 3, "gap": "skill", "strength": "keeps appointments"}), ("act", plan),
    ):  # fmt: skip
        loop.do(one.case.id, Take(move, who=_LEAD, fields=fields))
