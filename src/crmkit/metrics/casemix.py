"""Who is out of line, cases being what they are (K15)? Case-mix adjustment by indirect standardisation.

Whoever gets the trade fair's leads converts fewer of them than whoever gets the referrals. Each person's advances are
compared with what the other persons achieve with such cases: observed / expected.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from crmkit.journal import Frameable, Journal
from crmkit.metrics._bernoullis import OddsFactor
from crmkit.metrics._checks import confidence
from crmkit.metrics._signal_words import Lang, said_of_signal, said_of_signals, worded
from crmkit.metrics._standard import Standard, Stays, bins_of_age, standard_of, stays_of
from crmkit.metrics._verdicts import SignalKind, called, share_of_false, two_sided
from crmkit.metrics.dispersion import Dispersion, Overdispersion
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.values import Period, zone

__all__ = ["AdjustedSignal", "AdjustedSignals", "case_mix_signals"]

# Control limits, two-sided: three standard errors.
_CONTROL = 3.0


@attrs.frozen
class AdjustedSignal:
    """What the figures say about one person in one stage, cases being what they are.

    Attributes:
        stage: the stage.
        who: the person.
        kind: as in `crmkit.metrics.signals.Signal`.
        observed: stays that advanced, of those that ended.
        expected: how many of them would have advanced with the other persons.
        ratio: observed / expected.
        low: lower limit of the ratio: what the data say of this person.
        high: upper limit.
        control_low: a ratio below this is more than three standard errors off, spread between persons included.
        control_high: likewise above; together the least difference that could have been seen.
        shrunk: the ratio after empirical-Bayes shrinkage: the best guess of what would be seen again.
        p: two-sided mid-p value against a ratio of 1.
        q: false discovery rate at which it would be called, over all cells of the report, in its direction.
        n: stays that ended.
        n_open: stays that last.
        method: how it was judged.
        definition: the id of the definition.
    """

    stage: str
    who: str
    kind: SignalKind
    observed: int
    expected: float
    ratio: float
    low: float
    high: float
    control_low: float
    control_high: float
    shrunk: float
    p: float
    q: float
    n: int
    n_open: int
    method: str
    definition: str


@attrs.frozen
class AdjustedSignals(Frameable[AdjustedSignal]):
    """A signal for every person in every stage, case mix removed.

    Attributes:
        rows: stage by stage, persons by name.
        rate: the false discovery rate that was asked for.
        level: the confidence of the limits.
        dispersion: by stage, how much persons differ beyond chance, and by what that widens the limits.
        policies: what the figures mean, in words.
        definition: the id of the definition.
    """

    rows: tuple[AdjustedSignal, ...]
    rate: float
    level: float
    dispersion: dict[str, Dispersion]
    policies: dict[str, str]
    definition: str

    @property
    def calls(self) -> tuple[AdjustedSignal, ...]:
        """Those that ask for something: coach and share."""
        return tuple(row for row in self.rows if row.kind in ("coach", "share"))

    @property
    def false_alarms(self) -> float:
        """How many of the calls may be chance, at most, on average."""
        return self.rate * len(self.calls)

    def to_text(self, lang: Lang = "en") -> str:
        """The calls, a line each, and how many of them may be chance.

        Raises:
            NotFound: for another language than "en" and "zh".
        """
        calls = self.calls
        told = [worded(lang, said_of_signal(row)) for row in calls]
        return "\n".join([*told, worded(lang, said_of_signals(len(calls), self.false_alarms))])


@attrs.frozen(eq=False)
class _Cell:
    """A person in a stage, judged alone."""

    stage: str
    who: str
    n: int
    n_open: int
    observed: int
    standard: Standard
    place: int
    factor: OddsFactor | None

    def tails(self) -> tuple[float, float]:
        """Both one-sided mid-p values against the standard, its own uncertainty and the spread of persons included."""
        from scipy.special import ndtr, ndtri

        if self.factor is None:
            return float("nan"), float("nan")
        low, high = (float(tail[0]) for tail in self.factor.tails(np.zeros(1)))
        # The smaller tail is the exact one; 1 - its complement would be 0 far out.
        z = (ndtri(low) if low < high else -ndtri(high)) / self.standard.factor[self.place]
        return float(ndtr(z)), float(ndtr(-z))


def case_mix_signals(
    journal: Journal,
    *,
    strata: Sequence[str] = (),
    stages: Any = None,
    by: str = "who",
    won: Iterable[str] = (),
    lost: Iterable[str] = (),
    over: Period | None = None,
    tz: Any = "UTC",
    ages: int = 4,
    overdispersion: Overdispersion = "additive",
    rate: float = 0.10,
    level: float = 0.95,
) -> AdjustedSignals:
    """Judge every person in every stage by what the others achieve with such cases.

    The expected advances of a person are the sum over their ended stays of the rate of the other persons in the same
    stratum. Strata are nested in the order given and shrunk towards the wider one, by as much as they differ beyond
    chance, so that thin strata are no problem. The age at which a stay ended is the outermost stratum: lost deals end
    early, and who has only just begun, or gets more cases every month, would look weak by the ends seen so far. Given
    its age, how a stay ends does not depend on which stays have not ended yet.

    Who is out of line does not define the standard: from the median on, whoever lies beyond 2.5 robust standard
    errors is left out. Persons may differ for reasons that no stratum tells; limits widen by how much they do
    (Spiegelhalter 2005), as `AdjustedSignals.dispersion` says.

    Args:
        journal: the stays.
        strata: columns of the journal's `dims` (source, segment, size, product ...), the most telling first.
        stages: a `Pipeline`, or the stage names in order; the journal's own stages if None.
        by: the column of those who are compared: "who" (the owner at entry) or one of `dims`.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        over: count the stays that ended in this period; all if None.
        tz: the zone whose civil days make up the period.
        ages: into how many bins of equal size the age at the end is cut; 1 for none, where persons differ in pace.
        overdispersion: what widens the limits.
        rate: the false discovery rate (Benjamini & Hochberg 1995) of the calls for coaching, and of those to share.
        level: the confidence of the limits of the ratio.

    Returns:
        A signal for each person in each stage. Limits of the ratio are mid-p limits of the factor on all odds (exact
        Poisson-binomial up to 4,000 stays). Persons with fewer than 10 ended stays, and stages with fewer than three
        such persons, are "insufficient data".

    Raises:
        NotFound: if a column or a stage is not there.
        InvalidValue: for a level or a rate that is none, or fewer than one bin of ages.
    """
    rate, level, ages = share_of_false(rate), confidence(level), bins_of_age(ages)
    order = StageOrder.of(stages, journal, won, lost)
    within = "all" if over is None else f"{over.start} .. {over.end} {tz}"
    policies = {
        "strata": ", ".join(strata) or "none", "ages": str(ages), "over-dispersion": overdispersion, "ended in": within,
        "attribution": "owner at entry", "re-entry": "each visit", "open stays": "not counted",
    }  # fmt: skip
    definition = definition_id("case mix signals", order=order, by=by, rate=rate, level=level, **policies)
    people = journal.dimension(by).values
    cells: list[_Cell] = []
    found: dict[str, Dispersion] = {}
    for stage in order.open:
        stays = stays_of(journal, order, by, strata, stage)
        if over is not None:
            start, end = over.instants(zone(tz))
            stays = stays[(stays.left >= start) & (stays.left < end)]
        standard = standard_of(stays, len(people), ages=ages, kind=overdispersion)
        found[stage] = standard.spread
        cells += _cells(stage, people, stays, standard)
    tails = np.array([cell.tails() for cell in cells]).reshape(-1, 2)
    p, q = two_sided(tails[:, 0], tails[:, 1])
    rows = [
        _row(cell, float(p[i]), float(q[i]), rate=rate, level=level, definition=definition)
        for i, cell in enumerate(cells)
    ]
    return AdjustedSignals(tuple(rows), rate, level, found, policies, definition)


def _cells(stage: str, people: Sequence[str], stays: Stays, standard: Standard) -> list[_Cell]:
    n = np.bincount(stays.who, minlength=len(people))
    lasting = np.bincount(stays.lasting, minlength=len(people))
    won = np.bincount(stays.who, stays.advanced, len(people))
    cells: list[_Cell] = []
    for place in sorted(np.flatnonzero(n + lasting).tolist(), key=people.__getitem__):
        factor = None
        if standard.judged[place]:
            factor = OddsFactor.of(float(won[place]), standard.expected[stays.who == place])
        cells.append(
            _Cell(stage, people[place], int(n[place]), int(lasting[place]), int(won[place]), standard, place, factor)
        )
    return cells


def _row(cell: _Cell, p: float, q: float, *, rate: float, level: float, definition: str) -> AdjustedSignal:
    standard, factor = cell.standard, cell.factor
    if factor is None:
        nan = float("nan")
        return AdjustedSignal(
            cell.stage, cell.who, "insufficient data", cell.observed, nan, nan, nan, nan, nan, nan, nan, nan, nan,
            cell.n, cell.n_open, "not judged", definition,
        )  # fmt: skip
    expected, information = factor.expected(0.0), float(standard.information[cell.place])
    reach = _CONTROL * float(standard.factor[cell.place]) / information**0.5
    ends = (*factor.limits(level), -reach, reach, _shrunk(cell))
    low, high, control_low, control_high, shrunk = (factor.expected(at) / expected for at in ends)
    ratio = cell.observed / expected
    kind = called(weak=ratio < 1.0, p=p, q=q, rate=rate)
    return AdjustedSignal(
        cell.stage, cell.who, kind, cell.observed, expected, ratio, low, high, control_low, control_high, shrunk, p, q,
        cell.n, cell.n_open,
        f"{factor.method}, {standard.spread.method}, benjamini-hochberg", definition,
    )  # fmt: skip


def _shrunk(cell: _Cell) -> float:
    """The logarithm of the odds factor, pulled towards 0 by how much of it chance explains."""
    assert cell.factor is not None  # noqa: S101 - only of judged cells
    return cell.factor.at * float(cell.standard.between.kept(cell.standard.information[cell.place]))
