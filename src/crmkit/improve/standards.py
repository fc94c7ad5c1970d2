"""What worked becomes a rule: diffed, tried on history, shadowed, and only then in force from a day on (L1, R1).

    >>> from datetime import UTC
    >>> from crmkit.rules import Field, Rule, Schema
    >>> deal = Schema([Field("days", "decimal", low=0)])
    >>> old = RuleSet("answers", deal, [Rule("answer", "days <= 7")])
    >>> new = RuleSet("answers", deal, [Rule("answer", "days <= 2")])
    >>> made = propose(
    ...     old, new, "worked", [{"days": n % 5} for n in range(100)], decided=datetime(2026, 7, 1, tzinfo=UTC),
    ...     shadow_until=datetime(2026, 8, 1, tzinfo=UTC), effective=datetime(2026, 8, 10, tzinfo=UTC),
    ... )
    >>> print(made)
    answers: in shadow; shadow until 2026-08-01, in force from 2026-08-10.
    Change: answer: days: (2..7]: true -> false
    On history: of 100 records 40 would be stopped that were not, 0 no longer.

A version that is refused says why, and keeps what was found. Nothing is stored: a standard is a value, and plain fields
(`Standard.to_fields`) that a case keeps as a fact.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue
from crmkit.events import Edited, Event, Found, Moved, Opened
from crmkit.improve import _standard_words as words
from crmkit.improve._looks import FEWEST
from crmkit.improve._standard_checks import changes_between, replayed, weaknesses
from crmkit.improve.verify import Verdict
from crmkit.metrics.estimators import newcombe, wilson
from crmkit.rules import PythonRule, Registry, RuleSet
from crmkit.rules.backtest import Past
from crmkit.rules.codec import from_json, to_json
from crmkit.values import Fields, aware
from crmkit.values.display import Listed, Told

__all__ = ["Standard", "StandardState", "Trial", "confirm", "propose", "put_in_force", "withdraw"]

#: How far a new version is.
StandardState: TypeAlias = Literal["refused", "in shadow", "confirmed", "in force", "withdrawn"]

_LEAST_SHADOW = timedelta(days=14)
_ANSWERS = ("worked", "did not", "too early", "cannot tell")


@attrs.frozen(kw_only=True)
class Trial(Listed):
    """What a version did in shadow, where it stops nothing.

    Attributes:
        judged: changes, or records, that were let pass.
        blocked: of these, those that it would have stopped.
        well: of the blocked, those that ended well all the same; None if nobody knows yet.

    Raises:
        InvalidValue: for numbers that do not fit into one another.
    """

    judged: int
    blocked: int
    well: int | None = None

    def __attrs_post_init__(self) -> None:
        if not 0 <= (self.well or 0) <= self.blocked <= self.judged:
            told = f"{self.well} of {self.blocked} of {self.judged}"
            raise InvalidValue("trial", told, "are no parts of one another")

    @classmethod
    def of_events(cls, standard: "Standard", events: Iterable[Event], *, won: Iterable[str] = ()) -> Self:
        """What facts say: the changes in the shadow period, and those that the version found fault with.

        Args:
            standard: the standard, by whose `shadowed` set the changes were judged.
            events: facts of the cases that it judges.
            won: the stages that mean that a case ended well; without them nobody knows.
        """
        within = [one for one in events if standard.decided <= one.at < standard.shadow_until]
        changes = {one.id: one.case for one in within if isinstance(one, Opened | Moved | Edited)}
        rules = standard.shadowed.version
        stopped = {
            one.cause
            for one in within
            if isinstance(one, Found) and one.rules == rules and (one.severity, one.verdict) == ("error", "false")
        }
        blocked = [case for id_, case in changes.items() if id_ in stopped]
        ends, good = {one.case: one.stage for one in within if isinstance(one, Moved)}, frozenset(won)
        well = sum(ends.get(case) in good for case in blocked) if good else None
        return cls(judged=len(changes), blocked=len(blocked), well=well)

    @classmethod
    def of_records(cls, standard: "Standard", records: Past, *, well: int | None = None) -> Self:
        """What the version says of the records of the shadow period, as `propose` says it of history.

        Raises:
            InvalidValue: for a value that its field cannot hold.
        """
        found = replayed(standard.old, standard.new, records)
        return cls(judged=found.judged, blocked=found.blocked.n, well=well)


def _aware(at: datetime) -> datetime:
    return aware(at, "standard")


def _state(_owner: object, _field: object, value: str) -> None:
    if value not in get_args(StandardState):
        raise InvalidValue("state", value, f"is none of {', '.join(get_args(StandardState))}")


def _reasons(reasons: Iterable[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((one[0], one[1]) for one in reasons)


@attrs.frozen(kw_only=True)
class Standard(Told):
    """A version of a rule set on its way.

    Attributes:
        old: the version before.
        new: the version proposed.
        state: how far it is.
        decided: when it was proposed (aware); the shadow period begins.
        shadow_until: when that ends (aware).
        effective: from when on it is in force (aware).
        verdict: the definition of the hypothesis that was verified, if one is known.
        changes: where it decides differently, as texts.
        proved: whether these were proved to be all.
        judged: records of history that the old version let pass.
        blocked: of these, those that the new one would have stopped.
        freed: records that the old one stopped and the new one would have let pass.
        flips: records that a table would have decided differently.
        weight: what was added up, such as the amount.
        blocked_weight: the exact sum of it over the blocked; None if nothing was added up.
        freed_weight: likewise over the freed.
        trial: what happened in shadow; None before it is over.
        gap: lower and upper limit of the share that was blocked in shadow less that of history.
        overrides: lower and upper limit of the share of the blocked that ended well all the same.
        overrides_expected: whether too many did, so that people will ask for exceptions; None if nobody knows.
        reasons: why it is refused or not confirmed yet, in English and Chinese.
        withdrawn: from when on it is undone (aware).

    Raises:
        InvalidValue: for a state that is none.
        NaiveDatetime: for an instant without a zone.
    """

    old: RuleSet = attrs.field(repr=False)
    new: RuleSet = attrs.field(repr=False)
    state: StandardState = attrs.field(validator=_state)
    decided: datetime = attrs.field(converter=_aware)
    shadow_until: datetime = attrs.field(converter=_aware)
    effective: datetime = attrs.field(converter=_aware)
    verdict: str | None = None
    changes: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    proved: bool = True
    judged: int = 0
    blocked: int = 0
    freed: int = 0
    flips: int = 0
    weight: str | None = None
    blocked_weight: Decimal | None = None
    freed_weight: Decimal | None = None
    trial: Trial | None = None
    gap: tuple[float, float] | None = None
    overrides: tuple[float, float] | None = None
    overrides_expected: bool | None = None
    reasons: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_reasons)
    withdrawn: datetime | None = attrs.field(default=None, converter=attrs.converters.optional(_aware))

    @property
    def name(self) -> str:
        """The name of the rule set."""
        return self.new.name

    @property
    def shadowed(self) -> RuleSet:
        """The new version as it is tried out: what it finds is noted, and nothing is stopped."""
        return attrs.evolve(self.new, shadow=True)

    def to_fields(self) -> Fields:
        """What a case keeps: plain values, the rules as their canonical texts."""
        plain = attrs.asdict(self, recurse=False)
        plain |= {"old": to_json(self.old), "new": to_json(self.new)}
        plain["trial"] = None if self.trial is None else attrs.asdict(self.trial)
        return Fields({name: value for name, value in plain.items() if value is not None and value != ()})

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], *, python: Sequence[PythonRule] = ()) -> Self:
        """What a case kept.

        Args:
            fields: those of `to_fields`.
            python: the rules in Python that the versions name.

        Raises:
            InvalidValue: if a field is missing or is none.
            InputError: if the rules cannot be read.
        """
        given = dict(fields)
        known = {field.name for field in attrs.fields(cls)}
        stray, lacking = sorted(given.keys() - known), sorted(_NEEDED - given.keys())
        if stray or lacking:
            raise InvalidValue(
                "standard", stray or "fields", f"lack {', '.join(lacking)}" if lacking else "are no parts"
            )
        for name in ("old", "new"):
            given[name] = from_json(given[name], name=f"{name} version", python=python)
        if given.get("trial") is not None:
            given["trial"] = Trial(**given["trial"])
        return cls(**given)

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """What becomes of it, what changes, and why not.

        Raises:
            NotFound: for another language.
        """
        return words.standard_text(self, lang)


_NEEDED = frozenset({"old", "new", "state", "decided", "shadow_until", "effective"})


def propose(
    old: RuleSet,
    new: RuleSet,
    verdict: Verdict | str,
    history: Past,
    *,
    decided: datetime,
    shadow_until: datetime,
    effective: datetime,
    weight: str | None = None,
    least_shadow: timedelta = _LEAST_SHADOW,
) -> Standard:
    """Propose a version of a rule set for what was verified; refused, with every reason, unless it may be tried out.

    Refused is what was not verified to have worked, changes nothing, leaves a gap or a contradiction where the old
    version had none, would be in force before it was decided or tried out, or is tried out too briefly; and what has no
    history to tell what it would have done.

    Args:
        old: the version in force.
        new: the version proposed, under the same name.
        verdict: of the action that it makes a rule of, or its answer.
        history: records of the past, in any form that `crmkit.rules.backtest` takes.
        decided: when this is decided (aware).
        shadow_until: until when it is tried out (aware).
        effective: from when on it is in force (aware).
        weight: what to add up, such as the amount; a column of the history.
        least_shadow: how long it must be tried out at least.

    Raises:
        InvalidValue: for versions of two sets, or sets that judge changes; for an answer that is none, and a record
            that does not fit the schema.
        NaiveDatetime: for an instant without a zone.
    """
    if old.name != new.name:
        raise InvalidValue("new version", new.name, f"is no version of {old.name!r}")
    answer = verdict if isinstance(verdict, str) else verdict.answer
    if answer not in _ANSWERS:
        raise InvalidValue("verdict", answer, f"is none of {', '.join(_ANSWERS)}")
    changes, proved = changes_between(old, new)
    found = replayed(old, new, history, weight)
    made = Standard(
        old=old, new=new, state="in shadow", decided=decided, shadow_until=shadow_until, effective=effective,
        verdict=None if isinstance(verdict, str) else verdict.definition, changes=changes, proved=proved,
        judged=found.judged, blocked=found.blocked.n, freed=found.freed.n, flips=found.flips, weight=weight,
        blocked_weight=found.blocked.weight, freed_weight=found.freed.weight,
    )  # fmt: skip
    reasons = [*([] if answer == "worked" else [words.unworked(answer)]), *([] if changes else [words.SAME])]
    reasons += [*([] if found.judged else [words.NOTHING]), *(words.weaker(one) for one in weaknesses(old, new))]
    reasons += _untimely(made, least_shadow)
    return attrs.evolve(made, state="refused", reasons=reasons) if reasons else made


def _untimely(made: Standard, least: timedelta) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = [words.PAST] if made.effective <= made.decided else []
    found += [words.UNSHADOWED] if made.effective < made.shadow_until else []
    if made.shadow_until - made.decided < least:
        days = (made.shadow_until - made.decided).days, least.days
        found.append((words.SHORT[0].format(*days), words.SHORT[1].format(*days)))
    return found


def confirm(
    standard: Standard, trial: Trial, *, now: datetime, tolerable: float = 0.10, level: float = 0.95
) -> Standard:
    """Hold what happened in shadow against what history foretold; confirmed if both are of one mind.

    They agree if the limits of the difference of the two shares that are blocked (Newcombe 1998b) hold 0. Overrides are
    to be expected if surely more than a tolerable share of what it would have stopped ended well all the same (Wilson).

    Args:
        standard: one in shadow.
        trial: what happened.
        now: the instant (aware).
        tolerable: the share of the blocked that may end well.
        level: the confidence of the limits.

    Returns:
        The standard: "confirmed"; "refused" if both disagree or the day is past; "in shadow" still if it is not over,
        or too little was seen.

    Raises:
        InvalidValue: unless it is in shadow.
        NaiveDatetime: if `now` has no zone.
    """
    _must_be(standard, "in shadow")
    at = aware(now, "now")
    gap = newcombe(trial.blocked, trial.judged, standard.blocked, standard.judged, level=level)
    known = None if trial.well is None else wilson(trial.well, trial.blocked, level)
    expected = None if known is None else known[0] > tolerable
    made = attrs.evolve(standard, trial=trial, gap=gap, overrides=known, overrides_expected=expected)
    if at < standard.shadow_until:
        return attrs.evolve(made, reasons=[words.SOON])
    if at > standard.effective:
        return attrs.evolve(made, state="refused", reasons=[words.LATE])
    if min(trial.judged, standard.judged) < FEWEST:
        return attrs.evolve(made, reasons=[words.LITTLE])
    if gap[0] > 0.0 or gap[1] < 0.0:
        shares = standard.blocked / standard.judged, trial.blocked / trial.judged
        return attrs.evolve(made, state="refused", reasons=[words.disagrees(*shares, *gap)])
    return attrs.evolve(made, state="confirmed", reasons=())


def put_in_force(standard: Standard, registry: Registry, *, recorded: datetime) -> tuple[Standard, Registry]:
    """The registry with the new version, from its effective date on.

    Args:
        standard: one that is confirmed.
        registry: the versions of the set so far.
        recorded: when this is decided (aware).

    Raises:
        InvalidValue: unless it is confirmed, and its effective date is still to come.
        DefinitionErrors: if rows of its tables surely contradict each other.
    """
    _must_be(standard, "confirmed")
    if aware(recorded, "recorded") > standard.effective:
        raise InvalidValue("recorded", recorded, f"is later than {standard.effective}: nothing is in force backwards")
    put = registry.put(standard.new, start=standard.effective, recorded=recorded)
    return attrs.evolve(standard, state="in force"), put


def withdraw(
    standard: Standard, registry: Registry, *, start: datetime, recorded: datetime
) -> tuple[Standard, Registry]:
    """Undo what did not work: a successor with the content of the older version; nothing that was so is forgotten.

    Args:
        standard: one that is in force.
        registry: the versions of the set so far.
        start: from when on the older content is in force again (aware).
        recorded: when this is decided (aware).

    Raises:
        InvalidValue: unless it is in force, and the older content starts later than it and not before this is decided.
    """
    _must_be(standard, "in force")
    begun = aware(start, "start")
    if begun < aware(recorded, "recorded") or begun <= standard.effective:
        raise InvalidValue("start", start, f"is no day after {standard.effective} that is still to come")
    put = registry.put(standard.old, start=start, recorded=recorded)
    return attrs.evolve(standard, state="withdrawn", withdrawn=start), put


def _must_be(standard: Standard, state: StandardState) -> None:
    if standard.state != state:
        raise InvalidValue(f"standard {standard.name!r}", standard.state, f"is not {state!r}")
