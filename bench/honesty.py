"""How wrong the field's figures are, and how honest ours, at full size: `python bench/honesty.py [companies]`.

Prints the tables of docs/explanation/honest-figures.md in Markdown: the bias of estimators on deals whose truth is
known, and how often signals are false and true on companies with known persons out of line. The tests in
tests/metrics/test_honesty.py are the same, small.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from crmkit.metrics import conversion, cycle_time, signals, win_curve
from crmkit.metrics.casemix import case_mix_signals
from crmkit.metrics.conversion import NOBODY
from crmkit.metrics.estimators import benjamini_hochberg, midp_binomial
from crmkit.metrics.shifts import shifts
from crmkit.metrics.survival import kaplan_meier
from crmkit.testing.companies import Team, deals, team

Flags = npt.NDArray[np.bool_]
DAY_US = 86_400_000_000
DAYS = (90, 180, 365, 600)
QUARTER = 91
BASE = 0.55
# By how much the chance of a cell that is out of line differs; 0 for none.
GAPS = (0.0, 0.12, 0.25)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table."""
    columns = list(head)
    print("|", " | ".join(columns), "|")
    print("|", " | ".join("---" for _ in columns), "|")
    for row in rows:
        print("|", " | ".join(row), "|")
    print()


def several(values: Iterable[float], digits: int = 3) -> str:
    """Figures side by side."""
    return " / ".join(f"{value:.{digits}f}" for value in values)


def bias() -> None:
    """Estimators on deals that grow by 5 % a month, of which a quarter is won in 60 days in the median."""
    company = deals(36, rng=np.random.default_rng(1), first_month=1000)
    journal = company.journal
    first = journal[journal.stages.codes == 0]
    days, ended, won = first.sojourn() / DAY_US, ~first.open, first.next == 1
    ago = (first.until - first.left) / DAY_US
    opened = (first.until - first.entered) / DAY_US
    late, fresh = ended & (ago < QUARTER), opened < QUARTER
    true_days = several([company.mean_days, company.median_days], 1)
    curve, wins = win_curve(journal), kaplan_meier(days, won)
    table(
        ("figure", "value", "truth"),
        [
            ("mean / median days of deals won last quarter", _days(days[late & won]), true_days),
            ("mean / median days of wins among deals opened last quarter", _days(days[fresh & won]), true_days),
            ("mean / median days of all wins so far", _days(days[won]), true_days),
            ("**median days to a win, Aalen-Johansen** (`cycle_time`)", f"{cycle_time(journal).median:.1f}",
             f"{company.median_days:.1f}"),
            ("won / (won + lost), closed last quarter", f"{won[late].mean():.3f}", f"{company.win:.3f}"),
            ("won / (won + lost), opened last quarter", f"{won[fresh & ended].mean():.3f}", f"{company.win:.3f}"),
            ("won / opened, opened last quarter", f"{won[fresh].mean():.3f}", f"{company.win:.3f}"),
            ("won by 90 / 180 / 365 / 600 days, 1 - Kaplan-Meier with losses censored",
             several(1 - float(wins.at(day)) for day in DAYS), several(company.won_by(DAYS).tolist())),
            ("**won by 90 / 180 / 365 / 600 days, Aalen-Johansen** (`win_curve`)",
             several(curve.at(day).won for day in DAYS), several(company.won_by(DAYS).tolist())),
        ],
    )  # fmt: skip


def _days(values: npt.NDArray[np.float64]) -> str:
    return several([float(values.mean()), float(np.median(values))], 1)


class Quarter:
    """The cells of one quarter: counts, whether each is out of line, and to which side each is called."""

    def __init__(self, one: Team) -> None:
        self.one = one
        self.rates = conversion(one.journal)
        rows = [row for row in self.rates if row.who not in (None, NOBODY)]
        self.names = [(row.stage, row.who or "") for row in rows]
        self.x = np.array([row.advanced for row in rows])
        self.n = np.array([row.ended for row in rows])
        self.share = self.x / np.maximum(self.n, 1)
        self.gap = np.array([one.gaps.get(name, 0.0) for name in self.names])
        low, high = midp_binomial(self.x, self.n, BASE)
        self.p = np.minimum(2 * np.fmin(low, high), 1.0)

    def counted(self, flags: Flags) -> tuple[int, int]:
        """Right and wrong flags."""
        right = flags & (self.gap * (self.share - BASE) > 0)
        return int(right.sum()), int((flags & ~right).sum())

    def extremes(self) -> Flags:
        """Top and bottom tenth of each stage."""
        flags = np.zeros(len(self.n), np.bool_)
        stages = np.array([stage for stage, _ in self.names])
        for stage in set(stages.tolist()):
            rows = np.flatnonzero(stages == stage)
            order = rows[np.argsort(self.share[rows])]
            k = len(rows) // 10
            flags[order[:k]] = flags[order[-k:]] = True
        return flags

    def oracle(self) -> Flags:
        """Cells by the true odds that they are not out of line, as many as leave a tenth of wrong ones on average.

        No rule with as few wrong calls finds more (Sun & Cai 2007); it knows how large the differences are.
        """
        size = float(np.abs(self.gap).max())
        if size == 0.0:
            return np.zeros(len(self.n), np.bool_)
        off = [0.05 * _likelihood(self.x, self.n, BASE + side * size) for side in (-1.0, 1.0)]
        usual = 0.9 * _likelihood(self.x, self.n, BASE)
        chance = usual / (usual + off[0] + off[1])
        order = np.argsort(chance)
        kept = np.cumsum(chance[order]) / np.arange(1, len(order) + 1) <= 0.10
        flags = np.zeros(len(order), np.bool_)
        flags[order[kept]] = True
        return flags


def _likelihood(x: npt.NDArray[np.int_], n: npt.NDArray[np.int_], p: float) -> npt.NDArray[np.float64]:
    return np.exp(x * np.log(p / BASE) + (n - x) * np.log((1.0 - p) / (1.0 - BASE)))


RULES: dict[str, Callable[[Quarter], tuple[int, int]]] = {
    "more than 10 points from the average": lambda q: q.counted(np.abs(q.share - BASE) > 0.10),
    "top and bottom tenth": lambda q: q.counted(q.extremes()),
    "p < 0.05 each": lambda q: q.counted(q.p < 0.05),
    "funnel plot, 3 sigma": lambda q: q.counted(q.p < 0.002),
    "Benjamini-Hochberg, 10 %, true centre given": lambda q: q.counted(benjamini_hochberg(q.p) <= 0.10),
    "the best possible at 10 %, truth known": lambda q: q.counted(q.oracle()),
    "**`signals`**": lambda q: judged(signals(q.rates).calls, q.one),
    "**`signals(rate=0.15)`**": lambda q: judged(signals(q.rates, rate=0.15).calls, q.one),
    "**`case_mix_signals`**": lambda q: judged(case_mix_signals(q.one.journal).calls, q.one),
}


class Called(Protocol):
    """A signal of either kind, or a shift."""

    @property
    def stage(self) -> str:
        """The stage."""
        ...

    @property
    def who(self) -> str:
        """The person."""
        ...

    @property
    def kind(self) -> str:
        """To coach, or to share."""
        ...


def judged(found: Iterable[Called], one: Team) -> tuple[int, int]:
    """Right and wrong calls."""
    right = wrong = 0
    for row in found:
        good = one.gaps.get((row.stage, row.who), 0.0) * (1 if row.kind == "share" else -1) > 0
        right, wrong = right + good, wrong + (not good)
    return right, wrong


def snapshots(companies: int) -> None:
    """Rules on one quarter of forty persons in five stages, with none or a tenth of the cells out of line."""
    lines: dict[str, list[str]] = {name: [name] for name in RULES}
    for gap in GAPS:
        tally = {name: np.zeros(2) for name in RULES}
        there = 0
        for seed in range(companies):
            quarter = Quarter(
                team(rng=np.random.default_rng(seed), quarters=1, share=0.1 if gap else 0.0, gap=gap, base=BASE)
            )
            there += len(quarter.one.gaps)
            for name, rule in RULES.items():
                tally[name] += rule(quarter)
        for name, (right, wrong) in tally.items():
            lines[name].append(f"{wrong / companies:.2f}")
            if gap:
                lines[name].append(f"{right / there:.0%}")
    table(
        ("rule on one quarter", "false, no difference", "false, 12 points", "found", "false, 25 points", "found"),
        lines.values(),
    )


def evidence(companies: int) -> None:
    """Shifts over eight quarters of the same companies."""
    lines: list[list[str]] = []
    for gap in GAPS:
        found, wrong, there = np.zeros(8), 0, 0
        for seed in range(companies):
            one = team(rng=np.random.default_rng(seed), share=0.1 if gap else 0.0, gap=gap, base=BASE)
            seen = shifts(one.journal, rng=np.random.default_rng(seed))
            periods = list(dict.fromkeys(row.period for row in seen.periods))
            there += len(one.gaps)
            for row in seen:
                good = judged([row], one)[0]
                wrong += not good
                found[periods.index(row.first) :] += good
        shares = [f"{found[after] / there:.0%}" if gap else "" for after in (0, 1, 3, 5, 7)]
        lines.append([f"{gap * 100:.0f} points", f"{wrong / companies / 8:.2f}", *shares])
    table(("cells out of line by", "false a quarter", *(f"found after {n} quarters" for n in (1, 2, 4, 6, 8))), lines)


def main() -> None:
    """Print all tables."""
    companies = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    bias()
    snapshots(companies)
    evidence(companies)


if __name__ == "__main__":
    main()
