"""Did it work? A hypothesis that was stated beforehand, held against the facts (L1).

Three things make a before and after look better than it is, and each is taken out: chance (the interval of the
difference by the figure's own estimator), looking again and again (each look spends a part of the error), and having
chosen the worst figure to begin with (it is drawn to where it would have gone by itself). A fourth, that everything got
better, is seen only against others, or in a long series.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.improve import _contrasts as contrasts
from crmkit.improve._contrasts import Found
from crmkit.improve._looks import FEWEST, days_needed, level_of_look
from crmkit.improve._series import stepped
from crmkit.improve.hypothesis import Hypothesis
from crmkit.metrics import Facts, measure
from crmkit.metrics.figures import Figures
from crmkit.values import Every, Period, aware, zone
from crmkit.values.display import Told

__all__ = ["Verdict", "verify"]

# What can be said.
_Answer: TypeAlias = Literal["worked", "did not", "too early", "cannot tell"]


@attrs.frozen(kw_only=True)
class Verdict(Told):
    """What the facts say of a hypothesis.

    Attributes:
        answer: "worked": it got better by more than chance explains. "did not": it got worse, or less better than was
            promised by more than chance explains. "too early": neither yet, and the period is not over.
            "cannot tell": neither, and it is over.
        claim: the hypothesis.
        before: the figure before; None without data.
        settled: what `before` would have become by itself, where it was picked for being extreme; else `before`.
        after: the figure after, so far.
        gain: by how much it got better, in the unit of the figure, after all corrections; None if it cannot be said.
        low: lower limit of the gain.
        high: upper limit.
        naive: the gain without any correction, for whoever would have believed it.
        promised: whether the gain reaches what was promised: True, False, or None if that is open.
        n_before: what the figure before rests on.
        n_after: likewise after.
        fraction: how much of the period after is over.
        level: the confidence of the limits: higher on early looks.
        days_needed: days of the period after until an effect of the promised size is seen with a power of 80 %, counted
            from its beginning; None if that will never be, or nobody knows.
        notes: what to know about it, in English and Chinese.
        method: how it was told.
        definition: the id of the hypothesis.
    """

    answer: Literal["worked", "did not", "too early", "cannot tell"]
    claim: Hypothesis = attrs.field(repr=False)
    before: float | None
    settled: float | None
    after: float | None
    gain: float | None
    low: float | None
    high: float | None
    naive: float | None
    promised: bool | None
    n_before: int
    n_after: int
    fraction: float
    level: float
    days_needed: int | None
    notes: tuple[tuple[str, str], ...]
    method: str
    definition: str

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The verdict and what it rests on, in sentences.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._words import judged

        return judged(self, lang)


@attrs.frozen
class _Look:
    """When is looked, and how sure one has to be."""

    now: datetime
    known_at: datetime | None
    fraction: float
    level: float

    @property
    def z(self) -> float:
        """The normal quantile of the level."""
        from scipy.special import ndtri

        return float(ndtri((1.0 + self.level) / 2.0))


def verify(
    claim: Hypothesis,
    facts: Facts,
    *,
    now: datetime,
    as_known_at: datetime | None = None,
    looked: date | None = None,
    others: Iterable[Hypothesis] = (),
    every: Every = "month",
    level: float = 0.95,
) -> Verdict:
    """Hold a hypothesis against the facts.

    Args:
        claim: what was stated beforehand.
        facts: what happened.
        now: the instant of the look (aware); what came later is not there.
        as_known_at: leaves out what was recorded later than this.
        looked: the day of the look before this one, if there was one: what it spent of the error is gone.
        others: the hypotheses of other cases: a group in which something else was changed at that time is no group to
            compare with; and where something else was done about the same figure, a note says that what came of it
            cannot be told apart.
        every: the periods of a series.
        level: the confidence of the whole, all looks together.

    Raises:
        InvalidValue: for a look before the period after began, a figure without an interval, a group to compare with
            that was changed too, or a `where` that fits several figures.
        NotFound: for a column that is not there.
    """
    at = aware(now, "now")
    today = at.astimezone(zone(facts.tz)).date()
    if today <= claim.after.start:
        raise InvalidValue(
            "now", today, f"is before anything can have come of it; the period begins {claim.after.start}"
        )
    fraction = _share(claim.after, today)
    earlier = 0.0 if looked is None else _share(claim.after, looked)
    if looked is not None and looked > today:
        raise InvalidValue("looked", looked, "is later than this look")
    look = _Look(at, as_known_at, fraction, level_of_look(fraction, earlier, level))
    changed = [one for one in others if one != claim]
    if claim.design == "series":
        found = _in_series(claim, facts, look, every)
    else:
        found = _by_periods(claim, facts, look, changed)
    if any(_at_once(one, claim) for one in changed):
        found = attrs.evolve(found, notes=(*found.notes, _AT_ONCE))
    return _verdict(claim, found, look)


def _at_once(one: Hypothesis, claim: Hypothesis) -> bool:
    """Whether another action is about the same figure, of the same group or of one that overlaps it, at that time."""
    apart = any(claim.where.get(name, value) != value for name, value in one.where.items())
    return one.metric.key == claim.metric.key and not apart and one.after.overlaps(claim.after)


def _share(period: Period, day: date) -> float:
    return min(max((day - period.start).days / (period.end - period.start).days, 0.0), 1.0)


def _measured(claim: Hypothesis, facts: Facts, look: _Look, over: Period) -> Figures:
    within = claim.metric.about.within
    names = [name for name in claim.where if name not in within and name not in ("currency", "unit")]
    return measure(
        facts, claim.metric, by=names, over=over, as_of=look.now, as_known_at=look.known_at, level=look.level
    )  # fmt: skip


def _by_periods(claim: Hypothesis, facts: Facts, look: _Look, changed: list[Hypothesis]) -> Found:
    then, now = (_measured(claim, facts, look, over) for over in (claim.before, claim.after))
    before, after = (contrasts.cell(figures, claim, claim.where, look.z) for figures in (then, now))
    settled, notes = _settled(claim, then, before, look.z)
    if not (before.enough and settled is not None and after.enough):
        return Found(before, settled or contrasts.NOTHING, after, None, "too little data", notes)
    own = contrasts.between(settled, after, look.z, normal=claim.picked)
    method = "difference by empirical Bayes (Morris 1983)" if claim.picked else "difference, MOVER (Zou & Donner 2008)"
    if claim.design == "before and after":
        return Found(before, settled, after, own, method, notes)
    rest = _others(claim, then, now, look.z, changed)
    if not rest:
        return Found(before, settled, after, None, "nobody to compare with", (*notes, _NOBODY))
    return Found(before, settled, after, contrasts.against(own, rest), f"{method}, less that of others", notes)


def _settled(
    claim: Hypothesis, then: Figures, before: contrasts.Reading, z: float
) -> tuple[contrasts.Reading | None, tuple[tuple[str, str], ...]]:
    """What the figure before would have become by itself."""
    if not claim.picked or not before.enough:
        return before, ()
    found = contrasts.settled(before, contrasts.others_of(then, claim, z), share=claim.metric.about.unit == "share")
    return found, () if found is not None else (_FEW,)


def _others(
    claim: Hypothesis, then: Figures, now: Figures, z: float, changed: list[Hypothesis]
) -> list[contrasts.Contrast]:
    """How the group to compare with differs after from before: one group, or each of all others."""
    busy = [one.where for one in changed if one.metric.key == claim.metric.key and _overlap(one.after, claim)]
    if isinstance(claim.against, Mapping):
        group = {**claim.where, **claim.against}
        if any(all(group.get(name) == value for name, value in where.items()) for where in busy):
            told = ", ".join(f"{name} {value}" for name, value in claim.against.items())
            raise InvalidValue("against", told, "was changed at the same time, and is nothing to compare with")
        earlier, later = (contrasts.cell(figures, claim, group, z) for figures in (then, now))
        both = earlier.enough and later.enough
        return [contrasts.between(earlier, later, z, normal=False)] if both else []
    before, after = (contrasts.others_of(figures, claim, z, busy) for figures in (then, now))
    return [contrasts.between(before[name], after[name], z, normal=False) for name in before if name in after]


def _overlap(period: Period, claim: Hypothesis) -> bool:
    return period.start < claim.after.end and claim.before.start < period.end


def _in_series(claim: Hypothesis, facts: Facts, look: _Look, every: Every) -> Found:
    names = [n for n in claim.where if n not in claim.metric.about.within and n not in ("currency", "unit")]
    whole = Period(claim.before.start, claim.after.end, "series")
    figures = measure(
        facts, claim.metric, by=names, over=whole, every=every, as_of=look.now, as_known_at=look.known_at
    )  # fmt: skip
    return stepped(figures, claim, look.level)


def _verdict(claim: Hypothesis, found: Found, look: _Look) -> Verdict:
    sign, contrast = claim.direction, found.contrast
    gain = low = high = None
    if contrast is not None:
        gain = sign * contrast.value
        low, high = sorted((sign * contrast.low, sign * contrast.high))
    over = look.fraction >= 1.0
    answer: _Answer = "cannot tell" if over else "too early"
    if low is not None and high is not None:
        if low > 0.0:
            answer = "worked"
        elif high < claim.effect:
            answer = "did not"
    promised = (
        None if low is None or high is None else True if low >= claim.effect else False if high < claim.effect else None
    )
    return Verdict(
        answer=answer, claim=claim, before=_known(found.before.value), settled=_known(found.settled.value),
        after=_known(found.after.value), gain=gain, low=low, high=high,
        naive=_known(sign * (found.after.value - found.before.value)), promised=promised, n_before=found.before.n,
        n_after=found.after.n, fraction=look.fraction, level=look.level,
        days_needed=_days(claim, found, look), notes=found.notes, method=found.method, definition=claim.definition,
    )  # fmt: skip


def _days(claim: Hypothesis, found: Found, look: _Look) -> int | None:
    """Days until the promised effect is seen; with nothing after yet, as if cases came and varied as before."""
    elapsed = max(look.fraction * (claim.after.end - claim.after.start).days, 1.0)
    if found.contrast is not None and found.after.n:
        fixed, one, a_day = found.contrast.fixed, found.contrast.one, found.after.n / elapsed
    elif found.before.n >= FEWEST and found.settled.n:
        length = (claim.before.end - claim.before.start).days
        fixed, one, a_day = found.settled.variance, found.before.variance * found.before.n, found.before.n / length
    else:
        return None
    days = days_needed(claim.effect, fixed, one, a_day, look.level)
    return None if not math.isfinite(days) else math.ceil(days)


def _known(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


_AT_ONCE = (
    "something else was done about the same figure at that time: what came of each cannot be told apart",
    "同期还有针对同一指标的其他措施，各自的效果无法区分",
)
_NOBODY = ("nobody else has enough cases before and after", "没有其他对象在前后两期都有足够案例")
_FEW = (
    "the case was picked for its extreme figure, and there are too few others to tell what it would have become",
    "该案例因数值极端而被选中，但可比对象太少，无法判断其自然回归",
)
