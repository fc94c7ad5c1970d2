"""The books of a company for the bench of the catalogue: stays of deals, tickets and complaints, and a ledger.

Everything is drawn as columns of whole numbers, and kept as such: whoever takes part makes of them what it likes best.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from crmkit.journal import OPEN, Coded, Journal, Ledger
from crmkit.metrics import Facts
from crmkit.values import Period, to_micros

PEOPLE = 40
WHO = tuple(f"p{i:02}" for i in range(PEOPLE))
DAY = 86_400_000_000
BEGIN = to_micros(datetime(2024, 1, 1, tzinfo=UTC))
UNTIL = to_micros(datetime(2026, 1, 1, tzinfo=UTC)) - 1
OVER = Period.year(2024).start, Period.year(2025).end
KINDS = ("quote", "order", "invoice", "payment", "expense", "activity", "contract", "complaint")
CAUSES = ("late", "broken", "wrong")
# Per mille of the ledger. A complaint that is here has a case among the complaints.
SHARES = (150, 120, 230, 230, 60, 160, 20, 30)
STAGES = {
    "journal": ("new", "qualified", "proposal", "won", "lost"),
    "service": ("new", "working", "won", "lost"),
    "complaints": ("new", "working", "won", "lost"),
}
# How the stays are shared out, and how long one lasts in the mean, in hours.
PARTS = {"journal": (0.7, 480.0), "service": (0.2, 20.0), "complaints": (0.1, 90.0)}
JOURNAL = ("case", "stage", "entered", "left", "next", "who", "customer", "amount")
LEDGER = ("kind", "id", "at", "customer", "case", "who", "minor", "refers_to", "revision", "due", "cause")


def write(folder: Path, *, stays: int) -> None:
    """Put the columns of so many stays, and half as many rows of the ledger, into a folder."""
    rng = np.random.default_rng(2026)
    customers = max(stays // 100, 50)
    cases = {name: _journal(folder, name, int(stays * PARTS[name][0]), customers, rng) for name in PARTS}
    _ledger(folder, stays // 2, customers, cases, rng)
    np.save(folder / "sizes.npy", np.array([customers, *cases.values()]))


def _journal(folder: Path, name: str, size: int, customers: int, rng: Any) -> int:
    """Cases that go through the open stages, or are lost on the way, until the end of observation."""
    stages, hours = len(STAGES[name]), PARTS[name][1]
    won, lost = stages - 2, stages - 1
    cases = max(size * 10 // (29 if name == "journal" else 27), 10)
    now = BEGIN + (rng.random(cases) * (UNTIL - BEGIN)).astype(np.int64)
    owner, customer = rng.integers(PEOPLE, size=cases), rng.integers(customers, size=cases)
    amount = (100 * np.exp(rng.normal(8.0, 1.0, cases))).astype(np.int64)
    alive, stage, number = np.arange(cases), np.zeros(cases, np.int64), np.arange(cases)
    rows: list[dict[str, Any]] = []
    while len(alive):
        closed = stage >= won
        spent = (rng.weibull(0.8, len(alive)) * hours * 3.6e9).astype(np.int64) + 1_000_000
        left = np.where(closed, OPEN, now + spent)
        # One of a hundred won cases comes back; a stay that would outlast observation is open.
        again = (stage == won) & (rng.random(len(alive)) < 0.01)
        left = np.where(again, now + spent, left)
        left = np.where(left > UNTIL, OPEN, left)
        then = np.where(rng.random(len(alive)) < 0.25, lost, np.where(stage + 1 == won, won, stage + 1))
        then = np.where(again, 1, then)
        owner = np.where(rng.random(len(alive)) < 0.05, rng.integers(PEOPLE, size=len(alive)), owner)
        rows.append({
            "case": number, "stage": stage, "entered": now, "left": left,
            "next": np.where(left == OPEN, -1, then), "who": owner, "customer": customer, "amount": amount,
        })  # fmt: skip
        goes = left != OPEN
        alive, number, owner, customer, amount = (c[goes] for c in (alive, number, owner, customer, amount))
        stage, now = then[goes], left[goes]
    columns = {key: np.concatenate([part[key] for part in rows]) for key in JOURNAL}
    order = np.argsort(columns["entered"], kind="stable")
    for key, column in columns.items():
        kind = np.int64 if key in ("entered", "left", "amount") else np.int32
        np.save(folder / f"{name}_{key}.npy", column[order].astype(kind))
    return cases


def _ledger(folder: Path, size: int, customers: int, cases: dict[str, int], rng: Any) -> None:
    n = [max(size * share // sum(SHARES), 10) for share in SHARES]
    kind = np.repeat(np.arange(len(KINDS)), n)
    start = np.cumsum([0, *n])
    total, of = len(kind), {name: slice(start[i], start[i + 1]) for i, name in enumerate(KINDS)}
    ids, at = np.arange(total), BEGIN + (rng.random(total) * (UNTIL - BEGIN)).astype(np.int64)
    customer, who = rng.integers(customers, size=total), rng.integers(PEOPLE, size=total)
    minor = (100 * np.exp(rng.normal(7.0, 1.0, total))).astype(np.int64)
    refers, revision = np.full(total, -1), np.ones(total, np.int64)
    # A fifth of the quotations are revisions of the one before; orders follow quotations, invoices orders.
    quotes = of["quote"]
    revised = np.flatnonzero(rng.random(n[0]) < 0.2)[1:]
    revised = revised[np.append(True, np.diff(revised) > 1)[: len(revised)]] + quotes.start
    for rows, before in ((revised, revised - 1),):
        ids[rows], revision[rows] = ids[before], 2
        at[rows], customer[rows], who[rows] = at[before] + DAY, customer[before], who[before]
    first = np.setdiff1d(np.arange(quotes.start, quotes.stop), revised)
    _follow(of["order"], rng.permutation(first), 20, (at, customer, who, minor, refers, ids), rng)
    _follow(of["invoice"], np.arange(of["order"].start, of["order"].stop), 10,
            (at, customer, who, minor, refers, ids), rng)  # fmt: skip
    bills = np.arange(of["invoice"].start, of["invoice"].stop)
    credit = bills[rng.random(len(bills)) < 0.03]
    plain = np.setdiff1d(bills, credit)
    target = rng.choice(plain, len(credit))
    minor[credit], refers[credit] = -(minor[target] // 4), ids[target]
    at[credit], customer[credit], who[credit] = at[target] + 5 * DAY, customer[target], who[target]
    _follow(of["payment"], rng.permutation(plain), 35, (at, customer, who, minor, refers, ids), rng)
    case = np.full(total, -1)
    spent, told = of["expense"], of["complaint"]
    case[spent] = np.where(rng.random(n[4]) < 0.7, rng.integers(cases["service"], size=n[4]), -1)
    minor[spent] //= 20
    case[told] = cases["service"] + rng.integers(cases["complaints"], size=n[7])
    due = np.full(total, OPEN)
    due[bills] = at[bills] + 30 * DAY
    signed = of["contract"]
    due[signed] = at[signed] + rng.choice([90, 180, 365], n[6]) * DAY
    cause = np.where(kind == KINDS.index("complaint"), rng.integers(len(CAUSES), size=total), -1)
    no_money = np.isin(kind, [KINDS.index("activity"), KINDS.index("complaint")])
    minor[no_money] = 0
    found = (kind, ids, at, customer, case, who, minor, refers, revision, due, cause)
    kept = np.flatnonzero(at <= UNTIL)
    kept = kept[np.argsort(at[kept], kind="stable")]
    for name, column in zip(LEDGER, found, strict=True):
        wide = name in ("at", "minor", "due")
        np.save(folder / f"ledger_{name}.npy", column[kept].astype(np.int64 if wide else np.int32))


def _follow(rows: slice, before: Any, days: int, columns: tuple[Any, ...], rng: Any) -> None:
    """Facts that follow from others, some days later, of about their amount; what has none stands for itself."""
    at, customer, who, minor, refers, ids = columns
    here = np.arange(rows.start, rows.stop)[: len(before)]
    then = before[: len(here)]
    at[here] = at[then] + (rng.exponential(days, len(here)) * DAY).astype(np.int64)
    customer[here], who[here], refers[here] = customer[then], who[then], ids[then]
    minor[here] = minor[then] + (minor[then] * rng.normal(0.0, 0.1, len(here))).astype(np.int64)


def columns(folder: Path, name: str) -> dict[str, Any]:
    """The columns of a table."""
    return {key: np.load(folder / f"{name}_{key}.npy") for key in (LEDGER if name == "ledger" else JOURNAL)}


def facts(folder: Path) -> Facts:
    """What crmkit reads."""
    sizes = np.load(folder / "sizes.npy").tolist()
    buyers = tuple(f"c{i}" for i in range(sizes[0]))
    made = {}
    for name, cases in zip(STAGES, sizes[1:], strict=True):
        made[name] = _journal_of(columns(folder, name), STAGES[name], tuple(f"{name}{i}" for i in range(cases)), buyers)
    told = tuple(f"service{i}" for i in range(sizes[2])) + tuple(f"complaints{i}" for i in range(sizes[3]))
    return Facts(ledger=_ledger_of(columns(folder, "ledger"), buyers, told), currency="EUR", **made)


def _journal_of(given: dict[str, Any], stages: tuple[str, ...], cases: tuple[str, ...], buyers: tuple[str, ...]) -> Any:
    return Journal(
        cases=Coded(given["case"], cases), stages=Coded(given["stage"], stages), entered=given["entered"],
        left=given["left"], next=given["next"], who=Coded(given["who"], WHO), until=UNTIL,
        dims={"customer": Coded(given["customer"], buyers)}, amount=given["amount"],
    )  # fmt: skip


def _ledger_of(given: dict[str, Any], buyers: tuple[str, ...], cases: tuple[str, ...]) -> Ledger:
    ids = tuple(f"n{i}" for i in range(int(given["id"].max()) + 1))
    priced = ~np.isin(given["kind"], [KINDS.index("activity"), KINDS.index("complaint")])
    return Ledger(
        kinds=Coded(given["kind"], KINDS), ids=Coded(given["id"], ids), at=given["at"],
        customers=Coded(given["customer"], buyers), cases=Coded(given["case"], cases), who=Coded(given["who"], WHO),
        minor=given["minor"], currencies=Coded(np.where(priced, 0, -1).astype(np.int32), ("EUR",)),
        refers_to=Coded(given["refers_to"], ids), revision=given["revision"], due=given["due"],
        dims={"cause": Coded(given["cause"], CAUSES)},
    )  # fmt: skip
