"""A company as its exports show it: files of deals, invoices and payments, with faults whose places are known.

    >>> import numpy as np
    >>> made = company(200, rng=np.random.default_rng(7), faults=["weak"])
    >>> [*made.files]
    ['deals.csv', 'invoices.csv', 'payments.csv', 'deals.toml', 'office.json']
    >>> made.planted
    (Planting(fault='weak', what='who', names=('ann',)),)

What reads exports can be tried on them, and what looks for something can be held against what is there.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal
from crmkit.testing.simulate import Simulation, simulate
from crmkit.values import from_micros

__all__ = ["FAULTS", "Export", "Fault", "Planting", "company"]

#: What can be planted: a person who advances deals at 0.35 of the odds of the others, and one at 2.8 of them; a stage
#: in which deals stay three times as long; deals that passed over a stage; a customer who pays two months late; rows
#: with a time that cannot be read.
Fault: TypeAlias = Literal["weak", "star", "slow", "skip", "late payer", "dirty"]
#: All of them.
FAULTS: tuple[Fault, ...] = get_args(Fault)

_PEOPLE = ("ann", "bo", "chen", "dana", "emil", "fay", "gus", "hui")
_REGIONS = ("North", "South", "West")
_SLOW = ("demo", "proposal")
_SKIPPED, _SHARE, _DIRTY = "qualified", 0.03, 5
_NO_TIME = "2025-13-45"
_OFFICE = '{"name": "office", "tz": "UTC", "week": {"mon-fri": "09:00-17:00"}}\n'

Row: TypeAlias = dict[str, object]


@attrs.frozen
class Planting:
    """What was planted, and where.

    Attributes:
        fault: what.
        what: the column that says where: who, stage, case, customer, or row (a line of deals.csv).
        names: the values there.
    """

    fault: Fault
    what: str
    names: tuple[str, ...]


@attrs.frozen
class Export:
    """The files of a company.

    Attributes:
        files: from name to text: CSV with a header, the process as TOML, and the hours of the office that its
            limits are counted in as JSON.
        rows: from name to the number of rows.
        planted: what was planted, and where.
        simulation: what made the deals, with its truth.
    """

    files: Mapping[str, str] = attrs.field(repr=False)
    rows: Mapping[str, int]
    planted: tuple[Planting, ...]
    simulation: Simulation = attrs.field(repr=False)


def company(deals: int = 2000, *, rng: np.random.Generator, faults: Iterable[Fault] = FAULTS) -> Export:
    """A company's year: its deals as stage changes, an invoice for each that was won, and what was paid.

    Args:
        deals: how many deals are opened; at least 1.
        rng: the source of randomness; the same gives the same files.
        faults: what is planted.

    Raises:
        InvalidValue: for no deals.
        NotFound: for what cannot be planted.
    """
    wanted = [*dict.fromkeys(faults)]
    for fault in wanted:
        if fault not in FAULTS:
            raise NotFound("fault", fault, FAULTS, "a company")
    if deals < 1:
        raise InvalidValue("deals", deals, "is no number of deals: at least 1")
    # Drawn whether they are used or not, so that a fault does not change where the others lie.
    weak, star = (_PEOPLE[number] for number in rng.permutation(len(_PEOPLE))[:2])
    slow, customers = _SLOW[int(rng.integers(len(_SLOW)))], max(3, deals // 12)
    skills = {who: skill for fault, who, skill in (("weak", weak, 0.35), ("star", star, 2.8)) if fault in wanted}
    made = _simulated(deals, rng, skills, slow if "slow" in wanted else None)
    amounts, buyers = np.exp(rng.normal(9.0, 0.8, deals)), rng.integers(customers, size=deals)
    extra = {
        f"D-{n + 1:05}": {"customer": _buyer(c), "region": _REGIONS[c % 3], "amount": f"{a:.2f}", "currency": "EUR"}
        for n, (a, c) in enumerate(zip(amounts.tolist(), buyers.tolist(), strict=True))
    }
    rows, skipped = _without(_stays(made.journal, extra), rng, skips="skip" in wanted)
    rows, dirty = _soiled(rows, rng) if "dirty" in wanted else (rows, ())
    owed = [*_invoices(rows)]
    # Whoever buys most: one invoice tells nothing.
    late = tuple(buyer for buyer, _ in Counter(str(one["customer"]) for one in owed).most_common(1))
    paid = [*_payments(owed, made.journal.until, rng, late if "late payer" in wanted else ())]
    places: dict[Fault, tuple[str, tuple[str, ...]]] = {
        "weak": ("who", (weak,)), "star": ("who", (star,)), "slow": ("stage", (slow,)), "skip": ("case", skipped),
        "late payer": ("customer", late), "dirty": ("row", dirty),
    }  # fmt: skip
    tables = {"deals.csv": rows, "invoices.csv": owed, "payments.csv": paid}
    files = {name: _csv(name, table) for name, table in tables.items()}
    return Export(
        {**files, "deals.toml": made.pipeline.to_toml(), "office.json": _OFFICE},
        {name: len(table) for name, table in tables.items()},
        tuple(Planting(fault, *places[fault]) for fault in FAULTS if fault in wanted and places[fault][1]), made,
    )  # fmt: skip


def _simulated(deals: int, rng: np.random.Generator, skills: Mapping[str, float], slow: str | None) -> Simulation:
    usual = simulate(n=1, rng=np.random.default_rng(0)).truth
    days = {stage: mean * (3.0 if stage == slow else 1.0) for stage, mean in usual.days.items()}
    people = {name: skills.get(name, 1.0) for name in _PEOPLE}
    return simulate(n=deals, rng=rng, truth=attrs.evolve(usual, days=days), people=people)


def _buyer(number: int) -> str:
    return f"C-{number + 1:04}"


def _stays(journal: Journal, extra: Mapping[str, Mapping[str, str]]) -> Iterator[Row]:
    """A row for each stage that was entered."""
    columns = (journal.cases.decode(), journal.stages.decode(), journal.entered.tolist(), journal.who.decode())
    for case, stage, entered, who in zip(*columns, strict=True):
        yield {"case": case, "stage": stage, "at": _time(entered), "who": who, **extra[str(case)]}


def _time(micros: int) -> str:
    return from_micros(micros).isoformat(timespec="seconds")


def _without(rows: Iterable[Row], rng: np.random.Generator, *, skips: bool) -> tuple[list[Row], tuple[str, ...]]:
    """The rows, and the deals that went from the first stage to the third as if there were no second."""
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(str(row["case"]), []).append(row)
    able = [case for case, stays in by_case.items() if [stay["stage"] for stay in stays][1:3] == [_SKIPPED, "demo"]]
    few = max(1, int(len(able) * _SHARE)) if skips and able else 0
    chosen = sorted(str(case) for case in rng.choice(able, few, replace=False)) if few else []
    kept = [stay for case, stays in by_case.items() for n, stay in enumerate(stays) if n != 1 or case not in chosen]
    return kept, tuple(chosen)


def _soiled(rows: list[Row], rng: np.random.Generator) -> tuple[list[Row], tuple[str, ...]]:
    """The rows with a few more, whose time is none; and the lines they stand in, the header being the first."""
    soiled = [*rows]
    for place in sorted(rng.integers(len(rows), size=_DIRTY).tolist()):
        soiled.insert(place, {**rows[place], "at": _NO_TIME})
    return soiled, tuple(str(line) for line, row in enumerate(soiled, 2) if row["at"] == _NO_TIME)


def _invoices(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if row["stage"] == "won" and row["at"] != _NO_TIME:
            at = str(row["at"])
            yield {
                "id": f"I-{row['case']}", "at": at, "case": row["case"], "customer": row["customer"],
                "who": row["who"], "amount": row["amount"], "currency": row["currency"], "due": _later(at, 30),
            }  # fmt: skip


def _payments(invoices: Sequence[Row], until: int, rng: np.random.Generator, late: tuple[str, ...]) -> Iterator[Row]:
    """What was paid until the end of the year: about a month after the invoice, by one customer two months later."""
    for invoice, days in zip(invoices, rng.gamma(6.0, 5.0, len(invoices)).tolist(), strict=True):
        at = _later(str(invoice["at"]), days + (60.0 if invoice["customer"] in late else 0.0))
        if at <= _time(until):
            yield {
                "id": f"P-{invoice['case']}", "at": at, "case": invoice["case"], "customer": invoice["customer"],
                "refers_to": invoice["id"], "amount": invoice["amount"], "currency": invoice["currency"],
            }  # fmt: skip


def _later(at: str, days: float) -> str:
    return (datetime.fromisoformat(at) + timedelta(days=days)).isoformat(timespec="seconds")


_HEADERS = {
    "deals.csv": ("case", "stage", "at", "who", "customer", "region", "amount", "currency"),
    "invoices.csv": ("id", "at", "case", "customer", "who", "amount", "currency", "due"),
    "payments.csv": ("id", "at", "case", "customer", "refers_to", "amount", "currency"),
}


def _csv(name: str, rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _HEADERS[name], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
