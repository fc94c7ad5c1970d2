"""A frozen appraisal made again, and in what it differs."""

from collections.abc import Iterator
from typing import Any

import attrs

from crmkit.journal import Frameable
from crmkit.metrics._appraisal_words import TEAM
from crmkit.metrics._cards import Result
from crmkit.metrics._kept import hashed
from crmkit.metrics._scorecards import Scorecards
from crmkit.metrics.facts import Facts
from crmkit.values.display import ROWS, Display, Lang

__all__ = ["Difference", "Reproduction", "differences", "setting"]

# What floats of another machine may differ by.
_SAME = 1e-9


@attrs.frozen
class Difference:
    """What is not as it was.

    Attributes:
        member: whose, "(team)" for the team; None for what concerns all.
        label: the KPI; None for a card or what concerns all.
        what: "value", "n", "full", "points" ...
        then: as it was.
        now: as it is.
        why: what made it so, as far as that can be told.
    """

    member: str | None
    label: str | None
    what: str
    then: str | None
    now: str | None
    why: str


@attrs.frozen
class Reproduction(Frameable[Difference]):
    """A frozen appraisal made again; `reproduce` makes it.

    Attributes:
        rows: what differs; nothing if it is reproduced.
        now: the scorecards as they are made now.
    """

    rows: tuple[Difference, ...]
    now: Scorecards = attrs.field(repr=False)

    @property
    def equal(self) -> bool:
        """Whether it is reproduced."""
        return not self.rows

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What differs, or that nothing does; see `Shown.display`."""
        none = "reproduced: every figure and every point is as it was"
        return Display.of(self._table(lang, most) if self.rows else none, lang=lang)


def setting(facts: Facts) -> dict[str, Any]:
    """How the facts are read, beyond the facts themselves; what is large by the hash of its content."""
    large = {name: getattr(facts, name) for name in ("rates", "hours", "stages", "service_stages", "complaint_stages")}
    small = {name: None if value is None else hashed(repr(value)) for name, value in large.items()}
    merged = hashed(repr(sorted(facts.merged.items()))) if facts.merged else None
    present = sorted((who, calendar.definition) for who, calendar in facts.attendance.items())
    attendance = hashed(repr(present)) if present else None
    currency = None if facts.currency is None else facts.currency.code
    return {"tz": facts.tz, "currency": currency, "merged": merged, "attendance": attendance, **small}


def differences(then: Scorecards, now: Scorecards) -> Iterator[Difference]:
    """All in which scorecards differ from those of earlier."""
    for name, value in then.header["facts"].items():
        again = now.header["facts"][name]
        if value != again:
            yield Difference(None, None, name, str(value), str(again), "the facts are read in another way")
    here = {card.member: card for card in now.cards}
    untold = then.header["as_known_at"] is None
    for card in then.cards:
        other = here.pop(card.member, None)
        who = card.member or TEAM
        if other is None:
            yield Difference(who, None, "score", str(card.score), None, "there is no figure of this member any more")
            continue
        for row, again in zip(card.results, other.results, strict=True):
            yield from _changed(who, row.label, row, again, _why(row, again, untold=untold))
        yield from _changed(who, None, card, other, "its KPIs or gates differ")
        for gate, again in zip(card.gates, other.gates, strict=True):
            yield from _changed(who, gate.gate, gate, again, "the figure of the gate differs")
    for member, card in here.items():
        yield Difference(member or TEAM, None, "score", None, str(card.score), "there was no figure of this member")


def _why(then: Result, now: Result, *, untold: bool) -> str:
    """What made a figure another."""
    first = f"rests on {now.n}, then on {then.n}" if then.n != now.n else "rests on as many, of other content"
    second = "the facts do not tell when they were recorded" if untold else "what was recorded by then was changed"
    return f"{first}; {second}"


def _changed(member: str, label: str | None, then: Any, now: Any, why: str) -> Iterator[Difference]:
    for field in attrs.fields(type(then)):
        one, other = getattr(then, field.name), getattr(now, field.name)
        if field.name not in ("results", "gates") and not _alike(one, other):
            yield Difference(member, label, field.name, str(one), str(other), why)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _SAME * max(abs(one), abs(other), 1.0)
    return bool(one == other)
