"""What changed from one appraisal to the next, and what each KPI made of it: exact to the last point."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import attrs

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._appraisal_words import TEAM
from crmkit.metrics._cards import Card, Result, points_of
from crmkit.metrics._scorecards import Scorecards

__all__ = ["Contribution", "Contributions", "contributions"]

_NOTHING = Decimal("0.00")


@attrs.frozen
class Contribution:
    """What a KPI made of the change of a score.

    `figure`, `target` and `weight` are the points that change as the figure, then the target (and what limits it), then
    the share of the weights are put in place of the earlier ones, in this order; they add up to `points`.

    Attributes:
        member: whose; "(team)" for the team.
        label: the KPI; "gates" for what the gates took or gave back, "score" for the sum of all.
        then: the points of before.
        now: the points of now.
        points: now - then.
        figure: by the figure.
        target: by the target.
        weight: by the weights; all of it where the KPI counts in one of the two only.
        comparable: whether both are figures of one definition.
    """

    member: str
    label: str
    then: Decimal
    now: Decimal
    points: Decimal
    figure: Decimal
    target: Decimal
    weight: Decimal
    comparable: bool


@attrs.frozen
class Contributions(Frameable[Contribution]):
    """What changed, member by member; the last row of each is the score, the sum of the others."""

    rows: tuple[Contribution, ...]

    def of(self, member: str | None) -> tuple[Contribution, ...]:
        """The rows of a member, None for the team."""
        return tuple(row for row in self.rows if row.member == (member or TEAM))


def contributions(now: Scorecards, then: Scorecards) -> Contributions:
    """What changed since an earlier appraisal, and how much each KPI contributed to it.

    Args:
        now: the later scorecards.
        then: the earlier ones; `Scorecards.from_frozen` reads what was kept. A member who is in one of the two only has
            no row; nor has a void score, of which only the KPIs are told.

    Raises:
        InvalidValue: if they have no member in common.
    """
    before = {card.member: card for card in then.cards}
    rows = [row for card in now.cards if card.member in before for row in _of(card, before[card.member])]
    if not rows:
        raise InvalidValue("scorecards", now.header["over"]["name"], "have no member in common with the earlier ones")
    return Contributions(tuple(rows))


def _of(now: Card, then: Card) -> Iterator[Contribution]:
    member = now.member or TEAM
    here, there = ({row.label: row for row in card.results} for card in (now, then))
    made = [_change(member, label, here.get(label), there.get(label)) for label in {**there, **here}]
    yield from made
    if now.raw is None or then.raw is None or now.score is None or then.score is None:
        return
    gates = _plain(member, "gates", then.score - then.raw, now.score - now.raw)
    if gates.then or gates.now:
        yield gates
    yield attrs.evolve(
        _plain(member, "score", then.score, now.score),
        figure=sum((row.figure for row in made), _NOTHING), target=sum((row.target for row in made), _NOTHING),
        weight=sum((row.weight for row in made), _NOTHING), comparable=all(row.comparable for row in made),
    )  # fmt: skip


def _plain(member: str, label: str, then: Decimal, now: Decimal) -> Contribution:
    return Contribution(member, label, then, now, now - then, _NOTHING, _NOTHING, _NOTHING, comparable=True)


def _change(member: str, label: str, now: Result | None, then: Result | None) -> Contribution:
    first = _NOTHING if then is None else then.points
    last = _NOTHING if now is None else now.points
    plain = _plain(member, label, first, last)
    if now is None or then is None or now.counted is None or then.counted is None:
        return attrs.evolve(plain, weight=last - first)
    # The figure of now against the target of then, at the weight of then; and so on.
    share = Fraction(then.share)
    figure = points_of(share, _counted(then, now.value))
    target = points_of(share, _counted(now, now.value))
    return attrs.evolve(
        plain, figure=figure - first, target=target - figure, weight=last - target,
        comparable=now.definition == then.definition,
    )  # fmt: skip


def _counted(result: Result, value: float | None) -> float:
    """What a figure comes to against the target of a result."""
    assert value is not None  # noqa: S101 - both were counted
    assert result.nothing is not None  # noqa: S101 - likewise
    assert result.full is not None  # noqa: S101 - likewise
    attained = (value - result.nothing) / (result.full - result.nothing)
    return max(attained if result.cap is None else min(attained, result.cap), result.floor)
