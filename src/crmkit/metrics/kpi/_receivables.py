"""What customers owe: each invoice cut into the pieces by which it was settled, and the stock of what is left."""

from collections.abc import Iterator
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.journal import OPEN, Coded, Finding, Ledger
from crmkit.metrics.metric import UNUSABLE, Cells, Part
from crmkit.metrics.view import View

__all__ = ["Receivables", "levels", "stock"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_DAY_US = 86_400_000_000
_HOW = np.array([1, 2, 3], np.int8)


@attrs.frozen(eq=False)
class Receivables:
    """Invoices in pieces: every unit of money of an invoice is in one piece, which was settled once or is open.

    Attributes:
        rows: the first row of each invoice in the ledger, shape (k,). Lines of one id and currency are one invoice;
            a credit note that refers to no invoice is an invoice of its own, with a negative amount.
        due: int64 microseconds UTC, shape (k,): when each is to be paid.
        invoice: the invoice of each piece, shape (m,).
        settled: int64 microseconds UTC, shape (m,): when; `OPEN` for what is open.
        minor: what was settled then, shape (m,); negative where a payment was taken back.
        kept: what of it was not taken back later.
        how: 0 open, 1 paid, 2 credited, 3 written off.
        findings: what does not fit together.
    """

    rows: Ints
    due: Ints
    invoice: Ints
    settled: Ints
    minor: Ints
    kept: Ints
    how: npt.NDArray[np.int8]
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, view: View, metric: str, terms_days: int) -> Self:
        """The receivables of a ledger; without a due date an invoice is due some days after it is dated."""
        made = view.once("receivables", lambda: cls._settled(view, metric))
        return attrs.evolve(made, due=_due(view.ledger(metric), made.rows, terms_days))

    @classmethod
    def _settled(cls, view: View, metric: str) -> Self:
        ledger, refers = view.ledger(metric), view.referred(metric)
        priced = ~ledger.currencies.missing
        rows = view.of("invoice", metric)
        rows = rows[priced[rows]]
        own = _key(ledger, ledger.ids, rows)
        known = np.unique(own)
        credit = (ledger.minor[rows] < 0) & (_target(ledger, refers, rows, known) >= 0)
        lines, own = rows[~credit], own[~credit]
        keys, first, inverse = np.unique(own, return_index=True, return_inverse=True)
        amount = np.zeros(len(keys), np.int64)
        np.add.at(amount, inverse, ledger.minor[lines])
        paid, lost = (view.of(kind, metric) for kind in ("payment", "write-off"))
        by, how = np.concatenate([paid, rows[credit], lost]), np.repeat(_HOW, [len(paid), credit.sum(), len(lost)])
        by, how = by[priced[by]], how[priced[by]]
        target = _target(ledger, refers, by, keys)
        findings = _astray(ledger, by[target < 0])
        used = np.flatnonzero(target >= 0)
        used = used[np.lexsort((ledger.at[by[used]], target[used]))]
        by, how, target = by[used], how[used], target[used]
        sums = np.where(how == 2, -1, 1) * ledger.minor[by]
        top, start = amount[target], np.append(True, target[1:] != target[:-1])[: len(target)]
        total = _running(sums, start)
        reached = np.clip(total, np.minimum(top, 0), np.maximum(top, 0))
        whole = np.append(start[1:], True)[: len(start)]
        rest = amount.copy()
        rest[target[whole]] -= reached[whole]
        left = np.flatnonzero(rest)
        begun = ledger.at[lines[first]]
        at = ledger.at[by]
        findings += _misfits(
            ledger, by[(at < begun[target]) & (how == 1)], lines[first][target[whole & (total > top) & (top > 0)]]
        )
        return cls(
            rows=lines[first],
            due=begun,
            invoice=np.concatenate([target, left]),
            settled=np.concatenate([np.maximum(at, begun[target]), np.full(len(left), OPEN)]),
            minor=np.concatenate([_steps(reached, start), rest[left]]),
            kept=np.concatenate([_steps(_lasting(reached, start), start), rest[left]]),
            how=np.concatenate([how, np.zeros(len(left), np.int8)]),
            findings=tuple(findings),
        )


def stock(
    view: View,
    rows: Ints,
    minor: Ints | None,
    span: tuple[Ints, Ints],
    *,
    name: str,
    keys: dict[str, Coded] | None = None,
) -> Iterator[Part | Finding]:
    """What is there at the end of each period, as what comes and goes in it; `levels` adds it up.

    Args:
        view: the facts.
        rows: rows of the ledger.
        minor: the amount of each; None counts them.
        span: from when to when it is there; `OPEN` for what is still there.
        name: of the part; what was there before the first period is in the part with " before" appended.
        keys: further keys.
    """
    begin, end = span
    amount, unit, findings = view.money(rows, np.ones(len(rows), np.int64) if minor is None else minor)
    yield from findings
    there = (begin < end) & (begin <= view.until)
    lost = np.flatnonzero(there & unit.missing)
    if len(lost):
        yield Part(name=UNUSABLE, table="ledger", rows=rows[lost], period=_since(view, begin[lost]))
    there &= ~unit.missing
    named = {"currency": unit, **(keys or {})}
    weights = np.ones(len(rows), np.int64) if minor is None else amount
    # What comes and what goes, one after the other: each is as long as the facts.
    for which, when, sign in ((there, begin, 1), (there & (end <= view.until), end, -1)):
        early = when < view.buckets.edges[0]
        for part, inside in ((f"{name} before", early), (name, ~early)):
            mine = np.flatnonzero(which & inside)
            yield Part(
                name=part,
                table="ledger",
                rows=rows[mine],
                period=_since(view, when[mine]),
                weights=sign * weights[mine],
                keys={key: column[mine] for key, column in named.items()},
            )


def levels(cells: Cells, name: str) -> tuple[Ints, Ints]:
    """The stock at the end of the period of each cell, and at its beginning."""
    flow = cells.sum(name)
    period = cells.dims.index("period")
    others = [cells.keys[:, dim] for dim in range(len(cells.dims)) if dim != period]
    order = np.lexsort([cells.keys[:, period], *others])
    start = np.zeros(len(order), np.bool_)
    start[:1] = True
    for column in others:
        start[1:] |= column[order][1:] != column[order][:-1]
    end = np.zeros(len(order), np.int64)
    end[order] = _running((flow + cells.sum(f"{name} before"))[order], start)
    return end, end - flow


def _since(view: View, at: Ints) -> Coded:
    """The period of each instant; what was before the first is in the first."""
    return view.periods(np.maximum(at, view.buckets.edges[0]))


def _running(values: Ints, start: Bools) -> Ints:
    """Running sums that begin anew at each start."""
    total = np.cumsum(values)
    return total - np.repeat((total - values)[start], np.diff(np.append(np.flatnonzero(start), len(values))))


def _steps(reached: Ints, start: Bools) -> Ints:
    return np.where(start, reached, np.diff(reached, prepend=0))


def _lasting(reached: Ints, start: Bools) -> Ints:
    """What was reached and not fallen short of again."""
    edges = np.append(np.flatnonzero(start), len(reached))
    kept = reached.copy()
    fallen = np.flatnonzero(_steps(reached, start) < 0)
    for place in np.unique(np.searchsorted(edges, fallen, "right") - 1).tolist():
        inside = slice(edges[place], edges[place + 1])
        kept[inside] = np.minimum.accumulate(reached[inside][::-1])[::-1]
    return kept


def _key(ledger: Ledger, ids: Coded, rows: Ints) -> Ints:
    """Id and currency of each row as one number; -1 for an id that is not there."""
    codes = ids.codes[rows].astype(np.int64)
    return np.where(codes >= 0, codes * len(ledger.currencies.values) + ledger.currencies.codes[rows], -1)


def _target(ledger: Ledger, refers: Coded, rows: Ints, keys: Ints) -> Ints:
    """The place in `keys` of the invoice of its currency that each row refers to, -1 for none."""
    wanted = _key(ledger, refers, rows)
    place = np.searchsorted(keys, wanted)
    found = np.append(keys, -2)[place] == wanted
    return np.where(found, place, -1)


def _due(ledger: Ledger, rows: Ints, terms_days: int) -> Ints:
    usual = ledger.at[rows] + terms_days * _DAY_US
    return usual if ledger.due is None else np.where(ledger.due[rows] == OPEN, usual, ledger.due[rows])


def _astray(ledger: Ledger, rows: Ints) -> list[Finding]:
    return _found(
        ledger, rows[~ledger.refers_to.missing[rows]], "refers to no invoice of its currency; counted as unapplied"
    )


def _misfits(ledger: Ledger, early: Ints, over: Ints) -> list[Finding]:
    return [
        *_found(ledger, early, "payment before its invoice; counted as paid on the day of the invoice"),
        *_found(ledger, over, "more is allocated to the invoice than its amount; what exceeds it settles nothing"),
    ]


def _found(ledger: Ledger, rows: Ints, reason: str) -> list[Finding]:
    examples = [ledger.ids.values[ledger.ids.codes[row]] for row in rows[:1].tolist()]
    return [Finding(None, "refers_to", reason, len(rows), example, dropped=False) for example in examples]
