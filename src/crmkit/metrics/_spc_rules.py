"""Run rules of control charts as data, and the one engine that evaluates all of them.

Every rule is the same sentence: at least k of m points in a row have a property. The property is one of a point (it
lies beyond, outside or within so many sigmas) or of how it follows on those before it (it goes on rising or falling, it
turns).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.metrics._checks import Floats

__all__ = ["NELSON", "WESTERN_ELECTRIC", "Hit", "Pattern", "RunRule", "Side", "checked_rules", "hits", "sides"]

Mask = npt.NDArray[np.bool_]

#: What a rule looks for: points beyond a distance on one side, outside it on either, within it, points that rise (or
#: fall), or that alternate.
Pattern: TypeAlias = Literal["beyond", "outside", "within", "trend", "alternation"]
#: On which side of the centre a finding lies, or which way it goes.
Side: TypeAlias = Literal["above", "below", "both"]

# How many points before its own each pattern looks at.
_LOOKS_BACK = {"beyond": 0, "outside": 0, "within": 0, "trend": 1, "alternation": 2}
_ONE_SIDED = ("beyond", "trend")


@attrs.frozen(kw_only=True)
class RunRule:
    """A rule: k of m points in a row of a kind.

    Attributes:
        id: its name: "nelson 2".
        en: what it looks for, in English.
        zh: likewise in Chinese.
        pattern: "beyond" (strictly farther than `sigmas` from the centre, all on one side; 0 sigmas: on one side of the
            centre), "outside" (likewise, on either side), "within" (nearer than `sigmas`), "trend" (each greater than
            the one before, or each less), "alternation" (up and down in turn). On the centre is on no side; equal
            values neither rise nor turn.
        k: how many points.
        m: of how many in a row; k if None. A trend and an alternation have no exceptions.
        sigmas: the distance, for the patterns that have one.
    """

    id: str
    en: str
    zh: str
    pattern: Pattern = attrs.field(validator=attrs.validators.in_(tuple(_LOOKS_BACK)))
    k: int
    m: int = attrs.field(default=0, converter=int)
    sigmas: float = attrs.field(default=0.0, converter=float)

    def __attrs_post_init__(self) -> None:
        """Complete m, and refuse what cannot be met.

        Raises:
            InvalidValue: saying which number cannot be.
        """
        back = _LOOKS_BACK[self.pattern]
        if self.m == 0:
            object.__setattr__(self, "m", self.k)
        if not back < self.k <= self.m <= 1000:
            raise InvalidValue(f"rule {self.id!r}", f"{self.k} of {self.m}", f"is not {back + 1} <= k <= m <= 1000")
        if back and self.k < self.m:
            raise InvalidValue(
                f"rule {self.id!r}", f"{self.k} of {self.m}", f"has exceptions; {self.pattern} allows none"
            )
        if not 0.0 <= self.sigmas < float("inf"):
            raise InvalidValue(f"rule {self.id!r}", self.sigmas, "is no distance of at least 0 sigmas")

    @property
    def zonal(self) -> bool:
        """Whether it asks only where points lie, not how they follow each other."""
        return not _LOOKS_BACK[self.pattern]


def _rule(id_: str, what: tuple[str, str], pattern: Pattern, of: tuple[int, int], sigmas: float = 0.0) -> RunRule:
    return RunRule(id=id_, en=what[0], zh=what[1], pattern=pattern, k=of[0], m=of[1], sigmas=sigmas)


_BEYOND_3 = ("beyond 3 sigma", "超出 3 倍标准差")
_2_OF_3 = ("2 of 3 points beyond 2 sigma on one side", "3 点中有 2 点在同侧超出 2 倍标准差")
_4_OF_5 = ("4 of 5 points beyond 1 sigma on one side", "5 点中有 4 点在同侧超出 1 倍标准差")

#: The eight tests of Nelson (1984), Journal of Quality Technology 16, 237-239.
NELSON: tuple[RunRule, ...] = (
    _rule("nelson 1", _BEYOND_3, "beyond", (1, 1), 3.0),
    _rule("nelson 2", ("9 points in a row on one side of the centre", "连续 9 点在中心线同侧"), "beyond", (9, 9)),
    _rule("nelson 3", ("6 points in a row all rising or all falling", "连续 6 点递增或递减"), "trend", (6, 6)),
    _rule("nelson 4", ("14 points in a row alternating up and down", "连续 14 点上下交替"), "alternation", (14, 14)),
    _rule("nelson 5", _2_OF_3, "beyond", (2, 3), 2.0),
    _rule("nelson 6", _4_OF_5, "beyond", (4, 5), 1.0),
    _rule("nelson 7", ("15 points in a row within 1 sigma", "连续 15 点在 1 倍标准差以内"), "within", (15, 15), 1.0),
    _rule(
        "nelson 8", ("8 points in a row, none within 1 sigma", "连续 8 点均在 1 倍标准差以外"), "outside", (8, 8), 1.0
    ),
)

#: The four zone rules of the Western Electric Company's handbook (1956).
WESTERN_ELECTRIC: tuple[RunRule, ...] = (
    _rule("western electric 1", _BEYOND_3, "beyond", (1, 1), 3.0),
    _rule("western electric 2", _2_OF_3, "beyond", (2, 3), 2.0),
    _rule("western electric 3", _4_OF_5, "beyond", (4, 5), 1.0),
    _rule(
        "western electric 4", ("8 points in a row on one side of the centre", "连续 8 点在中心线同侧"), "beyond", (8, 8)
    ),
)


@attrs.frozen
class Hit:
    """Where a rule is met: windows that share points, or lie side by side, are one hit.

    Attributes:
        rule: the rule.
        side: the side, or the way.
        at: the place of the point by which it is first met.
        points: the places of the points that make it, in order.
    """

    rule: RunRule
    side: Side
    at: int
    points: tuple[int, ...]


def checked_rules(rules: Iterable[RunRule] | RunRule) -> tuple[RunRule, ...]:
    """The rules as a tuple.

    Raises:
        InvalidValue: if one of them is no rule, or two have one id.
    """
    given = (rules,) if isinstance(rules, RunRule) else tuple(rules)
    strange = [rule for rule in given if not isinstance(rule, RunRule)]
    if strange:
        raise InvalidValue("rules", strange[0], "is no RunRule; NELSON and WESTERN_ELECTRIC are tuples of them")
    ids = [rule.id for rule in given]
    twice = [one for one in ids if ids.count(one) > 1]
    if twice:
        raise InvalidValue("rules", twice[0], "is the id of two rules")
    return given


def hits(rules: Sequence[RunRule], values: Floats, z: Floats) -> Iterator[Hit]:
    """Where rules are met in one series, rule by rule.

    Args:
        rules: the rules.
        values: the points, shape (n,), none missing.
        z: their distance from the centre in sigmas, signed; NaN for none that can be told.
    """
    for rule in rules:
        for side in sides(rule):
            has = having(rule, side, values, z)
            for at, points in _joined(np.flatnonzero(met(rule, has)), has, rule):
                yield Hit(rule, side, at, tuple(points))


def sides(rule: RunRule) -> tuple[Side, ...]:
    """The sides on which a rule can be met."""
    return ("above", "below") if rule.pattern in _ONE_SIDED else ("both",)


def having(rule: RunRule, side: Side, values: Floats, z: Floats) -> Mask:
    """Which points have the property of a rule; the series run along the last axis."""
    if rule.zonal:
        return lying(rule, side, z)
    step = np.sign(np.diff(values, axis=-1))
    if rule.pattern == "trend":
        return _after(step == (1.0 if side == "above" else -1.0), values)
    return _after(step[..., 1:] * step[..., :-1] < 0, values)


def lying(rule: RunRule, side: Side, z: Floats) -> Mask:
    """Whether points lie where a zonal rule looks."""
    if rule.pattern == "beyond":
        beyond: Mask = (z if side == "above" else -z) > rule.sigmas
        return beyond
    off: Mask = np.abs(z) > rule.sigmas if rule.pattern == "outside" else np.abs(z) < rule.sigmas
    return off


def _after(has: Mask, values: Floats) -> Mask:
    """A property that the first points cannot have, in the shape of the values."""
    out = np.zeros(values.shape, np.bool_)
    out[..., values.shape[-1] - has.shape[-1] :] = has
    return out


def met(rule: RunRule, has: Mask) -> Mask:
    """At which points a rule is met: they have its property, and with those before them there are k of m."""
    back = _LOOKS_BACK[rule.pattern]
    k, m = rule.k - back, rule.m - back
    total = np.cumsum(has, axis=-1, dtype=np.int32)
    earlier = np.zeros_like(total)
    earlier[..., m:] = total[..., :-m]
    return has & (total - earlier >= k)


def _joined(ends: npt.NDArray[np.intp], has: Mask, rule: RunRule) -> Iterator[tuple[int, list[int]]]:
    """The windows that end at given places, as where the first one ends, and their points; neighbours are joined."""
    found: list[tuple[int, list[int]]] = []
    for end in ends.tolist():
        first = max(0, end - rule.m + 1)
        window = (first + np.flatnonzero(has[first : end + 1])).tolist() if rule.zonal else [*range(first, end + 1)]
        if not found or found[-1][1][-1] + 1 < window[0]:
            found.append((end, window))
        else:
            points = found[-1][1]
            points += [place for place in window if place > points[-1]]
    yield from found
