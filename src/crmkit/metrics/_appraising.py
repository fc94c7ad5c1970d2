"""From figures to attainment: which figure, against which target, how sure, and how many points."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics import _appraisal_words as words
from crmkit.metrics._cards import Card, GateResult, Result, Verdict, points_of, sum_of_points
from crmkit.metrics._goals import Absolute, Gate, ShareOfTeam, Span, Target
from crmkit.metrics._schemes import Scheme
from crmkit.metrics.figures import Figure, Figures

__all__ = ["Measured", "card_of"]

# Standard normal deviates at which intervals are asked for, to find that which just reaches a target.
# The first is near 0: the limits of a count do not shrink to the count.
_STEPS = (0.01, *(step / 4 for step in range(1, 17)))


@attrs.frozen(eq=False)
class Measured:
    """The figures of one KPI: of the members, of the team, and of both a year earlier if that is a target.

    Attributes:
        members: grouped.
        team: not grouped.
        members_before: a year earlier; None if nobody asks.
        team_before: likewise.
        by: the group; None without one.
    """

    members: Figures
    team: Figures
    members_before: Figures | None
    team_before: Figures | None
    by: str | None
    _again: dict[float, "Measured"] = attrs.field(factory=dict[float, "Measured"])

    def at(self, level: float) -> "Measured":
        """The same with intervals of another confidence."""
        if level not in self._again:
            self._again[level] = Measured(
                self.members.interval(level), self.team.interval(level),
                None if self.members_before is None else self.members_before.interval(level),
                None if self.team_before is None else self.team_before.interval(level), self.by,
            )  # fmt: skip
        return self._again[level]

    def figure(self, member: str | None, where: Mapping[str, str]) -> Figure | None:
        """The figure of a member, None for the team; None if there is none."""
        return _found(self.team if member is None else self.members, self.by, member, where)

    def before(self, member: str | None, where: Mapping[str, str]) -> Figure | None:
        """The same of a year earlier."""
        figures = self.team_before if member is None else self.members_before
        return None if figures is None else _found(figures, self.by, member, where)


@attrs.frozen
class _Line:
    """Attainment as a line through two figures; `before` is set where the second one is itself uncertain."""

    nothing: float
    full: float
    before: Figure | None = None

    def at(self, value: float) -> float:
        return (value - self.nothing) / (self.full - self.nothing)

    def limits(self, figure: Figure) -> tuple[float | None, float | None]:
        """Limits of the attainment, None where there is none."""
        ends = figure.low, figure.high
        if self.before is not None and (self.before.low is not None or figure.low is not None):
            # Written as a line, it is linear in the ratio to the figure of the year before.
            base = self.before.value or 0.0
            ends = _ratio(figure, self.before)
            ends = tuple(None if end is None else end * base for end in ends)  # type: ignore[assignment] # two stay two
        low, high = (None if end is None or math.isinf(end) else self.at(end) for end in ends)
        return (low, high) if self.full > self.nothing else (high, low)


def _ratio(one: Figure, base: Figure) -> tuple[float | None, float | None]:
    """Limits of a ratio from the limits of both (MOVER-R, Donner & Zou 2012); None where unbounded."""
    a, b = one.value or 0.0, base.value or 0.0
    low, high = (a if end is None else end for end in (one.low, one.high))
    least, most = (b if end is None else end for end in (base.low, base.high))
    above = least * (2 * b - least)
    lowest, highest = low * (2 * a - low), high * (2 * a - high)
    lower = math.sqrt(max((a * b) ** 2 - lowest * most * (2 * b - most), 0.0))
    upper = math.sqrt(max((a * b) ** 2 - highest * least * (2 * b - least), 0.0))
    # The lower root in the form that does not lose digits, and holds where the quadratic is none.
    return lowest / (a * b + lower) if a * b + lower else 0.0, (a * b + upper) / above if above > 0 else None


def card_of(scheme: Scheme, measured: Mapping[str, Measured], member: str | None) -> Card:
    """The scorecard of a member.

    Args:
        scheme: what is agreed.
        measured: the figures, by the id of the definition.
        member: the name; None for the team.
    """
    rough = [_result(target, measured[target.metric.definition], scheme, member) for target in scheme.targets]
    judged = [result for result, target in zip(rough, scheme.targets, strict=True) if target.goal is not None]
    missing = [result.label for result in judged if result.counted is None]
    counted = [result for result in judged if result.counted is not None]
    whole = sum((Fraction(result.weight) for result in counted), Fraction(0))
    results = tuple(_weighed(result, whole, judged=result in counted) for result in rough)
    void = not counted or (scheme.missing == "void" and bool(missing))
    raw = None if void else sum_of_points(results)
    gates = tuple(_gate(gate, measured[gate.metric.definition], member) for gate in scheme.gates)
    failed = [gate for gate in gates if not gate.passed]
    said = [words.no_score(missing)] if void else []
    said += [words.gated(gate.gate, gate.condition, None if gate.cap is None else str(gate.cap)) for gate in failed]
    caps = [gate.cap for gate in failed if gate.cap is not None]
    stopped = raw is None or any(gate.cap is None for gate in failed)
    why, why_zh = words.several(said)
    low, high = (None, None) if raw is None else _range(results, raw)
    return Card(
        member=member, score=None if stopped or raw is None else min([raw, *caps]), raw=raw, low=low, high=high,
        results=results, gates=gates, why=why, why_zh=why_zh,
    )  # fmt: skip


def _result(target: Target, measured: Measured, scheme: Scheme, member: str | None) -> Result:
    about, figure = target.metric.about, measured.figure(member, target.where)
    value = None if figure is None else figure.value
    line = _line(target, measured, member)
    low = high = attained = counted = confidence = None
    if isinstance(line, _Line) and figure is not None and value is not None:
        attained = line.at(value)
        low, high = line.limits(figure)
        counted = _clipped(attained, target)
        confidence = _confidence(target, measured, member) if low is not None or high is not None else None
    verdict, said = _said(line, figure, (attained, low, high), scheme.least, goal=target.goal is not None)
    spoilt = [] if figure is None or not figure.n_unusable else [words.unusable(figure.n_unusable)]
    note = words.several([one for one in (said, *spoilt) if one[0]])
    return Result(
        member=member, label=target.label, name=about.en, name_zh=about.zh,
        unit=about.unit if figure is None else figure.unit, value=value,
        exact=None if figure is None or figure.exact is None else str(figure.exact),
        low=None if figure is None else _finite(figure.low), high=None if figure is None else _finite(figure.high),
        n=0 if figure is None else figure.n, n_open=0 if figure is None else figure.n_open,
        n_unusable=0 if figure is None else figure.n_unusable,
        nothing=line.nothing if isinstance(line, _Line) else None, full=line.full if isinstance(line, _Line) else None,
        attainment=attained, attainment_low=low, attainment_high=high, counted=counted,
        floor=float(target.floor), cap=None if target.cap is None else float(target.cap), weight=target.weight,
        share="0", points=Decimal("0.00"), confidence=confidence, verdict=verdict, note=note[0], note_zh=note[1],
        method="" if figure is None else figure.method, definition=target.metric.definition,
    )  # fmt: skip


def _line(target: Target, measured: Measured, member: str | None) -> _Line | str:
    """The target of a member as a line, or the reason why there is none."""
    goal = target.goal
    if goal is None:
        return "no goal"
    if isinstance(goal, Span):
        return _Line(*goal.ends)
    before: Figure | None = None
    if isinstance(goal, Absolute):
        full = _absolute(goal, member, alone=measured.by is None)
    elif isinstance(goal, ShareOfTeam):
        full = _share(goal, member, measured.figure(None, target.where))
    else:
        before = measured.before(member, target.where)
        full = "no year" if before is None or before.value is None else float(goal.factor) * before.value
    if isinstance(full, str):
        return full
    if full <= 0:
        return "zero"
    return _Line(2 * full if target.metric.about.better == "less" else 0.0, full, before)


def _absolute(goal: Absolute, member: str | None, *, alone: bool) -> float | str:
    number = goal.of_team(alone=alone) if member is None else goal.of(member)
    return "nobody" if number is None else float(number)


def _share(goal: ShareOfTeam, member: str | None, team: Figure | None) -> float | str:
    if member is None:
        return "share"
    share = goal.of(member)
    if share is None:
        return "nobody"
    return "no team" if team is None or team.value is None else float(share) * team.value


def _said(
    line: "_Line | str", figure: Figure | None, attained: tuple[float | None, ...], least: int, *, goal: bool
) -> tuple[Verdict, words.Said]:
    """The verdict, and what to be careful about."""
    value, low, high = attained
    if not goal or (isinstance(line, str) and figure is not None and figure.value is not None):
        return "no target", words.unknown(line if isinstance(line, str) else "no goal")
    if value is None or figure is None:
        return "no data", ("", "") if figure is None else words.not_yet(figure.n, figure.n_open)
    if low is None and high is None:
        return ("met" if value >= 1.0 else "missed"), ("", "")
    notes = [words.few(figure.n, least)] if figure.n < least else []
    if low is not None and low >= 1.0:
        return "met", words.several(notes)
    if high is not None and high < 1.0:
        return "missed", words.several(notes)
    if low is not None and high is not None:
        notes.append(words.unclear(low, high))
    return "too few to say", words.several(notes)


def _weighed(result: Result, whole: Fraction, *, judged: bool) -> Result:
    if not judged or result.counted is None:
        return result
    share = Fraction(result.weight) / whole
    return attrs.evolve(result, share=str(share), points=points_of(share, result.counted))


def _clipped(attained: float, target: Target) -> float:
    most = attained if target.cap is None else min(attained, float(target.cap))
    return max(most, float(target.floor))


def _range(results: Sequence[Result], raw: Decimal) -> tuple[float | None, float | None]:
    """Limits of a sum of independent estimates from the limits of each (Zou & Donner 2008)."""
    below = above = 0.0
    uncertain = False
    for row in results:
        share = 100.0 * float(Fraction(row.share))
        if not share or row.counted is None or (row.attainment_low is None and row.attainment_high is None):
            continue
        uncertain = True
        most = math.inf if row.cap is None else row.cap
        low = row.floor if row.attainment_low is None else min(max(row.attainment_low, row.floor), most)
        high = most if row.attainment_high is None else min(max(row.attainment_high, row.floor), most)
        below += (share * (row.counted - low)) ** 2
        above += (share * (high - row.counted)) ** 2
    return (float(raw) - math.sqrt(below), _finite(float(raw) + math.sqrt(above))) if uncertain else (None, None)


def _gate(gate: Gate, measured: Measured, member: str | None) -> GateResult:
    figure = measured.figure(member, gate.where)
    value = None if figure is None else figure.value
    signs = [(">=", gate.at_least), ("<=", gate.at_most)]
    condition = " and ".join(f"{sign} {limit:f}" for sign, limit in signs if limit is not None)
    cap = None if gate.cap is None else (100 * gate.cap).quantize(Decimal("0.01"))
    return GateResult(gate=gate.label, condition=condition, value=value, passed=gate.passes(value), cap=cap)


def _confidence(target: Target, measured: Measured, member: str | None) -> float:
    """How sure it is that the target was met: the one-sided confidence of the interval that just reaches it."""
    before, last, met = 0.0, None, False
    for step in _STEPS:
        again = measured.at(_normal(step) - _normal(-step))
        line, figure = _line(target, again, member), again.figure(member, target.where)
        assert isinstance(line, _Line)  # noqa: S101 - the caller found one
        assert figure is not None  # noqa: S101 - likewise
        assert figure.value is not None  # noqa: S101 - likewise
        attained = line.at(figure.value)
        last, met = attained if last is None else last, attained >= 1.0
        end = line.limits(figure)[0 if met else 1]
        if end is None or (end < 1.0 if met else end >= 1.0):
            # On the line between the limits at two steps; a limit that is not there is reached at once.
            way = 0.5 if end is None or end == last else (1.0 - last) / (end - last)
            return _normal((before + way * (step - before)) * (1.0 if met else -1.0))
        before, last = step, end
    return 1.0 if met else 0.0


def _normal(z: float) -> float:
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _found(figures: Figures, by: str | None, member: str | None, where: Mapping[str, str]) -> Figure | None:
    """The one figure of a member.

    Raises:
        InvalidValue: if there are several, as of a KPI by stage or in several currencies.
    """
    fitting = [
        row for row in figures
        if (member is None or by is None or row.group.get(by) == member)
        and all((row.unit if name == "currency" else row.group.get(name)) == value for name, value in where.items())
    ]  # fmt: skip
    if len(fitting) > 1:
        apart = ", ".join(sorted({_apart(row, by) for row in fitting}))
        why = f"is one of {len(fitting)}: {apart}; say which by where="
        raise InvalidValue("target", fitting[0].metric, why)
    return fitting[0] if fitting else None


def _apart(row: Figure, by: str | None) -> str:
    named = [f"{name} {value}" for name, value in row.group.items() if name != by]
    return " ".join([*named, row.unit])
