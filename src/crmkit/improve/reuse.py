"""Who took up a practice, and whether it did them good (B1).

A practice counts as taken up by whoever now does what the star does (`Practices.shared`), more than chance explains, or
has used the card.
What came of it is told by `verify`, as of any other action: their figure after against before, less what the others
gained in the same time.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal

import attrs
import numpy as np

from crmkit.errors import InvalidValue
from crmkit.improve._compared import Family, People, back, people_of
from crmkit.improve._habits import Looked, looked_at
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.practices import Practices, Trait
from crmkit.improve.verify import Verdict, verify
from crmkit.journal import Coded, Journal, Ledger
from crmkit.metrics import Facts
from crmkit.metrics.estimators import benjamini_hochberg
from crmkit.metrics.metric import Metric
from crmkit.values import Period, aware, zone
from crmkit.values.display import Told

__all__ = ["Reuse", "Uptake", "reuse"]

_PRACTICE, _TAKEN, _NOT = "practice", "taken up", "not taken up"


@attrs.frozen(kw_only=True)
class Uptake:
    """How one person did one thing, before and after.

    Attributes:
        who: the person.
        key: what it is: `Trait.key`.
        before: their value before.
        after: their value after.
        low: lower limit of after - before.
        high: upper limit.
        q: false discovery rate at which they would be said to have moved.
        moved: whether they moved towards what the star does.
    """

    who: str
    key: str
    before: float
    after: float
    low: float
    high: float
    q: float
    moved: bool


@attrs.frozen(kw_only=True)
class Reuse(Told):
    """What became of a practice.

    Attributes:
        rows: everybody who has enough cases before and after, in everything that is worth sharing.
        used: how often each person other than the star used the card.
        taken_up: who took it up, by name: who moved, or used the card.
        verdict: what the room's own `verify` says of them against the others; None if there is nothing to verify.
        why: why there is no verdict, in English and Chinese; empty if there is one.
    """

    rows: tuple[Uptake, ...]
    used: Mapping[str, int]
    taken_up: tuple[str, ...]
    verdict: Verdict | None
    why: tuple[str, str]

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """Who took it up, and what came of it.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._practice_words import reused

        return reused(self, lang)


def reuse(
    found: Practices,
    facts: Facts,
    *,
    after: Period,
    now: datetime,
    effect: float,
    card: str | None = None,
    metric: Metric | str | None = None,
    others: Iterable[Hypothesis] = (),
    as_known_at: datetime | None = None,
) -> Reuse:
    """Who took a practice up, how much, and with what effect.

    Who takes something up chooses to: they may have become better by themselves. The verdict is that of a comparison
    with those who did not, and no experiment.

    Args:
        found: what was found, over a period.
        facts: what happened, before and after.
        after: from when on it was shared.
        now: the instant of the look (aware).
        effect: by how much the figure of those who took it up is to get better at least.
        card: the id of the knowledge card whose uses ("card-use" of the ledger) count, too.
        metric: the figure; the stage's conversion if None, or the win rate where the practice is one of whole cases.
        others: the hypotheses of other cases, as for `verify`.
        as_known_at: leaves out what was recorded later than this (aware, inclusive).

    Raises:
        InvalidValue: if the practices have no period, name nothing, or the period after begins too early.
        NotFound: for a stage or a column that is not there.
    """
    before = found.over
    if before is None:
        raise InvalidValue("practices", "all time", "leave nothing to compare with; find them over a period (over=)")
    if not found.differences:
        raise InvalidValue("practices", found.star, "differs in nothing; there is nothing to take up")
    if after.start < before.end:
        raise InvalidValue("after", after.start, f"begins before what it is compared with ends, {before.end}")
    at = aware(now, "now")
    seen = (facts if as_known_at is None else facts.known_at(as_known_at)).as_of(at)
    looks = [_looked(found, seen, over) for over in (before, after)]
    rows = _uptakes(found, looks[0], looks[1])
    used = {} if card is None else _uses(seen, card, after, found.star)
    moved = {row.who for row in rows if row.moved}
    names = tuple(sorted((moved | used.keys()) & {*looks[0].people}))
    verdict, why = _verdict(found, seen, names, at, (before, after, effect, metric, tuple(others)))
    return Reuse(rows=rows, used=used, taken_up=names, verdict=verdict, why=why)


def _looked(found: Practices, facts: Facts, over: Period) -> Looked:
    spans: tuple[timedelta, timedelta, int | None] = found.first, found.again, found.usual
    return looked_at(facts, stage=found.stage, column=found.column, over=over, spans=spans)


def _uptakes(found: Practices, before: Looked, after: Looked) -> tuple[Uptake, ...]:
    """Each person but the star, in each thing that was named and that was done in both periods."""
    rows: list[Uptake] = []
    p: list[float] = []
    for trait in found.shared:
        both = [_people(look, trait.key) for look in (before, after)]
        for row, chance in _moves(found, trait, before.people, both):
            rows.append(row)
            p.append(chance)
    q = benjamini_hochberg(p).tolist()
    return tuple(
        attrs.evolve(row, q=one, moved=row.moved and one <= found.rate) for row, one in zip(rows, q, strict=True)
    )


def _people(look: Looked, key: str) -> tuple[People, Family] | None:
    for habit, windows in look.habits:
        if habit.key == key:
            return people_of(habit, windows.who.codes, len(windows.who.values)), habit.family
    return None


def _moves(
    found: Practices, trait: Trait, names: tuple[str, ...], both: list[tuple[People, Family] | None]
) -> Iterator[tuple[Uptake, float]]:
    from scipy.special import ndtr, ndtri

    if both[0] is None or both[1] is None or trait.difference is None:
        return
    (then, family), (now, _) = both[0], both[1]
    z = float(ndtri((1.0 + found.level) / 2.0))
    for code, who in enumerate(names):
        if who == found.star or not (then.enough[code] and now.enough[code]):
            continue
        gap = float(now.scaled[code] - then.scaled[code])
        error = float(np.sqrt(now.variance[code] + then.variance[code]))
        earlier, middle = float(then.value[code]), float(now.scaled[code])
        low, high = (back(middle + side * z * error, family) - earlier for side in (-1.0, 1.0))
        row = Uptake(
            who=who, key=trait.key, before=earlier, after=float(now.value[code]), low=low, high=high, q=1.0,
            moved=gap * trait.difference > 0,
        )  # fmt: skip
        yield row, 2.0 * float(ndtr(-abs(gap) / error))


def _uses(facts: Facts, card: str, after: Period, star: str) -> dict[str, int]:
    """How often everybody but the star used a card."""
    ledger = facts.ledger
    if ledger is None or "card" not in ledger.dims:
        return {}
    rows: Ledger = ledger.of("card-use").within(after, facts.tz)
    mine = rows.dims["card"].recode((card,)).codes == 0
    names = [who for who in rows.who[mine].decode() if who is not None and who != star]
    return {who: names.count(who) for who in dict.fromkeys(sorted(names))}


def _verdict(
    found: Practices,
    facts: Facts,
    names: tuple[str, ...],
    now: datetime,
    asked: tuple[Period, Period, float, Metric | str | None, tuple[Hypothesis, ...]],
) -> tuple[Verdict | None, tuple[str, str]]:
    """What `verify` says of all who took it up together, against those who did not; the star is in neither group."""
    before, after, effect, metric, others = asked
    if not names:
        return None, _NOBODY
    if now.astimezone(zone(facts.tz)).date() <= after.start:
        return None, _EARLY
    where = {_PRACTICE: _TAKEN, **({} if found.stage is None else {"stage": found.stage})}
    claim = Hypothesis(
        metric or ("win_rate" if found.stage is None else "stage_conversion"), where, effect=effect, before=before,
        after=after, design="against others", against={_PRACTICE: _NOT},
    )  # fmt: skip
    return verify(claim, _told_apart(found, facts, names), now=now, others=others), ("", "")


def _told_apart(found: Practices, facts: Facts, names: tuple[str, ...]) -> Facts:
    """The facts with a column that tells who took it up from who did not."""
    assert facts.journal is not None  # noqa: S101 - the practices were looked for in it
    journal: Journal = facts.journal
    people = journal.dimension(found.column)
    said = {who: _TAKEN if who in names else _NOT for who in people.values if who != found.star}
    column: Coded = people.recode_by(said)
    dims = {**journal.dims, _PRACTICE: column}
    return attrs.evolve(facts, journal=attrs.evolve(journal, dims=dims), events=None)


_NOBODY = ("nobody took it up", "无人采用")
_EARLY = ("nothing can have come of it yet", "尚不可能产生效果")
