"""Customers who leave, period by period, as rows of the ledger that stand for them."""

from collections.abc import Iterator

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Finding
from crmkit.metrics._civil import civil_days, day_number, from_day
from crmkit.metrics._purchases import purchases
from crmkit.metrics._spells import Leaving, Spells, lapses, paid_just_before, subscriptions
from crmkit.metrics.metric import UNUSABLE, Part
from crmkit.metrics.view import View

__all__ = ["Contracts", "contracts", "lapsing", "left_in_periods", "lost_revenue"]

Ints = npt.NDArray[np.int64]
_DAY_US = 86_400_000_000


@attrs.frozen(eq=False)
class Contracts:
    """Contracts of a ledger.

    Attributes:
        rows: rows of the ledger.
        start: civil days since 1970-01-01, of each.
        end: the first day without it; beyond all days where it lasts.
        spells: of the customers.
        said: what could not be used.
    """

    rows: Ints
    start: Ints
    end: Ints
    spells: Spells | None
    said: tuple[Part | Finding, ...]


def lapsing(view: View, rows: Ints, q: float, least: int, usual: int) -> Spells | None:
    """Spells of the customers of purchases by the rule of gaps; None without any."""
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    if not len(rows):
        return None
    last = _day_of(view, view.until)
    bought = purchases(ledger.customers[rows], ledger.at[rows], as_of=from_day(last), tz=view.facts.tz)
    return lapses(bought, q=q, least=least, usual=usual)


def contracts(view: View, metric: str) -> Contracts:
    """The contracts of a ledger: rows of the kind "contract", dated as they begin and due as they end."""
    ledger = view.ledger(metric)
    rows = view.of("contract", metric)
    start, _ = civil_days(ledger.at[rows], view.facts.tz, "at")
    lasts = np.full(len(rows), True) if ledger.due is None else ledger.due[rows] == OPEN
    due = ledger.at[rows] if ledger.due is None else np.where(lasts, ledger.at[rows], ledger.due[rows])
    end, _ = civil_days(due, view.facts.tz, "due")
    unknown, back = ledger.customers.missing[rows], ~lasts & (end <= start)
    said: list[Part | Finding] = []
    for mask, column, reason in (
        (unknown, "customer", "contract without a customer"),
        (back & ~unknown, "due", "contract that ends before it begins, or as it does"),
    ):
        if mask.any():
            lost = rows[mask]
            said.append(Finding(None, column, reason, len(lost), ledger.ids.decode()[lost[0]]))
            said.append(Part(name=UNUSABLE, table="ledger", rows=lost, period=view.periods(ledger.at)[lost]))
    kept = np.flatnonzero(~unknown & ~back)
    rows, start, end, lasts = rows[kept], start[kept], end[kept], lasts[kept]
    end = np.where(lasts, np.iinfo(np.int64).max, end)
    if not len(rows):
        return Contracts(rows, start, end, None, tuple(said))
    days = end.astype("datetime64[D]")
    days[lasts] = np.datetime64("NaT")
    last = from_day(_day_of(view, view.until))
    spells = subscriptions(ledger.customers[rows], start.astype("datetime64[D]"), days, as_of=last)
    return Contracts(rows, start, end, spells, tuple(said))


def left_in_periods(view: View, rows: Ints, spells: Spells | None) -> Iterator[Part]:
    """Who was a customer as each period began, and who of these left in it.

    A period that is not over has no base, and its customers are in "young"; who left it so far is in "lost". A
    customer is shown by the last of `rows` before the period: it belongs to whom that belongs to.
    """
    if spells is None:
        return
    lasting = np.zeros(len(spells.customers), np.bool_)
    lasting[spells.who[~spells.ended]] = True
    for number, over, left, stands in _periods(view, rows, spells):
        groups = {"base" if over else "young": left.there, "open": left.there & lasting, "lost": left.lost}
        for name, mask in groups.items():
            shown = stands[mask & (stands >= 0)]
            yield Part(name=name, table="ledger", rows=shown, period=_all_of(view, number, len(shown)))


def lost_revenue(view: View, found: Contracts) -> Iterator[Part | Finding]:
    """What customers paid as each period that is over began, and what of it was gone as it ended, by customer."""
    ledger = view.facts.ledger
    assert ledger is not None  # noqa: S101 - `found` are rows of it
    if found.spells is None:
        return
    minor, unit, findings = view.money(found.rows)
    yield from findings
    bare = found.rows[unit.missing]
    if len(bare):
        yield Part(name=UNUSABLE, table="ledger", rows=bare, period=view.periods(ledger.at)[bare])
    names = found.spells.customers
    who = ledger.customers[found.rows].recode(names).codes.astype(np.int64)
    for number, over, left, stands in _periods(view, found.rows, found.spells):
        for code in range(len(unit.values) if over else 0):
            mine = np.flatnonzero(unit.codes == code)
            paying = np.array([who[mine], found.start[mine], found.end[mine], minor[mine]])
            bounds = (day_number(day) for day in (view.buckets.periods[number].start, view.buckets.periods[number].end))
            before, after = (paid_just_before(paying, day, len(names)) for day in bounds)
            payers = np.flatnonzero((before > 0) & (stands >= 0))
            gone = np.where(left.lost, before, np.maximum(before - after, 0))[payers]
            keys = {
                "money": Coded(np.full(len(payers), code, np.int32), unit.values),
                "cluster": Coded(payers.astype(np.int32), names),
            }
            paid = Part(
                name="paid", table="ledger", rows=stands[payers], period=_all_of(view, number, len(payers)),
                weights=before[payers], keys=keys,
            )  # fmt: skip
            yield paid
            yield attrs.evolve(paid, name="gone", weights=gone)
            yield attrs.evolve(paid, name="customers", weights=None, keys={"money": keys["money"]})


def _periods(view: View, rows: Ints, spells: Spells) -> Iterator[tuple[int, bool, Leaving, Ints]]:
    """Each period that has begun: whether it is over, who left in it, and the row that stands for each customer."""
    ledger, edges = view.facts.ledger, view.buckets.edges
    assert ledger is not None  # noqa: S101 - `rows` are rows of it
    who = ledger.customers[rows].recode(spells.customers).codes.astype(np.int64)
    order = np.lexsort((ledger.at[rows], who))
    rows, who = rows[order], who[order]
    first = np.searchsorted(who, np.arange(len(spells.customers)))
    for number, period in enumerate(view.buckets.periods):
        if edges[number] > view.until:
            return
        before = np.bincount(who[ledger.at[rows] < edges[number]], minlength=len(spells.customers))
        stands = np.where(before > 0, rows[np.maximum(first + before - 1, 0)], -1)
        # What is not observed yet is not after the period: who lasts so far has not left.
        end = min(day_number(period.end), day_number(spells.as_of) + 1)
        left = Leaving.of(spells, (day_number(period.start), end))
        yield number, bool(edges[number + 1] <= view.until + 1), left, stands


def _all_of(view: View, number: int, size: int) -> Coded:
    return Coded(np.full(size, number, np.int32), view.buckets.names)


def _day_of(view: View, at: int) -> int:
    days, _ = civil_days(np.array([at]), view.facts.tz, "as_of")
    return int(days[0])
