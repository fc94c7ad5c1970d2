"""What is out of line: one value for a weak stage, a star, a broken chart, a backlog, a question without an answer.

    >>> from datetime import UTC, datetime
    >>> from crmkit.values import Period
    >>> weak = Problem(
    ...     kind="coach", where={"stage": "proposal", "who": "wei"}, over=Period.quarter(2026, 1),
    ...     at=datetime(2026, 4, 1, tzinfo=UTC), metric="stage_conversion", definition="3f0c",
    ...     found={"value": 0.31, "expected": 0.55, "n": 62},
    ... )
    >>> print(weak)
    Conversion is low (stage proposal, who wei) in 2026-Q1: 0.31, where 0.55 is usual; n = 62
    >>> weak.case
    'coach proposal wei 2026-Q1 1bccb6'

Where it comes from, see `crmkit.improve.finding`; what becomes of it, `crmkit.loop`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal, Self, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve._words import name_of
from crmkit.journal import Frameable
from crmkit.metrics.policy import definition_id
from crmkit.values import EMPTY, Fields, Period, aware
from crmkit.values.display import Told

__all__ = ["Problem", "ProblemKind", "Problems"]

#: What is out of line: a person is weak in a stage, or strong; a control chart breaks; work piles up; the same comes
#: again; a rule is passed over; a question finds no answer; the library has nothing for what a customer requires.
ProblemKind: TypeAlias = Literal["coach", "share", "chart", "backlog", "recurrence", "override", "no result", "gap"]

_LONGEST = 60


def _at(value: datetime) -> datetime:
    return aware(value, "at")


def _known_at(value: datetime | None) -> datetime | None:
    return None if value is None else aware(value, "known_at")


@attrs.frozen(kw_only=True)
class Problem(Told):
    """Something out of line, with its evidence.

    Attributes:
        kind: what is out of line.
        where: whom or what it is about: from column to value.
        over: the period in which it was seen.
        at: as of when (aware).
        known_at: as known when, if that was asked (aware).
        definition: the id of how it was found: the same id finds the same in the same facts.
        found: the figures, as plain values: "value", "expected", "low", "high", "n" and others.
        metric: the key of the figure that it shows in, if it is one of the catalogue.
        weight: how much it matters among its kind; the larger, the more.

    Raises:
        NotFound: for an unknown kind.
        InvalidValue: if `where` is empty.
    """

    kind: ProblemKind
    where: Fields = attrs.field(converter=Fields)
    over: Period
    at: datetime = attrs.field(converter=_at)
    known_at: datetime | None = attrs.field(default=None, converter=_known_at)
    definition: str
    found: Fields = attrs.field(default=EMPTY, converter=Fields)
    metric: str | None = None
    weight: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.kind not in get_args(ProblemKind):
            raise NotFound("kind", self.kind, get_args(ProblemKind), "a problem")
        if not self.where:
            raise InvalidValue("where", "nothing", "says not what is out of line")

    @property
    def key(self) -> str:
        """What it is about, as 12 hex digits: the same next quarter, whatever the figures are then."""
        return definition_id("problem", kind=self.kind, where=dict(self.where))

    @property
    def case(self) -> str:
        """The id of the case that it opens: two who find it open one."""
        name = " ".join([self.kind, *map(str, self.where.values())])
        name = re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f\x7f]", " ", name)).strip()[:_LONGEST]
        return f"{name} {name_of(self.over)} {self.key[:6]}"

    def to_fields(self) -> Fields:
        """What its case keeps: plain values."""
        return Fields({
            "kind": self.kind, "key": self.key, "problem": self.to_text("en"), "problem_zh": self.to_text("zh"),
            "found": {
                "where": dict(self.where), "over": f"{self.over.start} .. {self.over.end}", "period": self.over.name,
                "at": self.at, "known at": self.known_at, "definition": self.definition, "metric": self.metric,
                "weight": self.weight, "figures": dict(self.found),
            },
        })  # fmt: skip

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """What a case kept.

        Raises:
            InvalidValue: if a part is missing or none.
        """
        try:
            found = fields["found"]
            start, end = map(date.fromisoformat, str(found["over"]).split(" .. "))
            return cls(
                kind=fields["kind"], where=found["where"], over=Period(start, end, found.get("period") or ""),
                at=found["at"], known_at=found.get("known at"), definition=found["definition"], found=found["figures"],
                metric=found.get("metric"), weight=found["weight"],
            )  # fmt: skip
        except KeyError as missing:
            raise InvalidValue("problem", "fields", f"lack {missing}") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidValue("problem", "fields", f"are none of a problem: {error}") from None

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The problem in a sentence.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._problem_words import told

        return told(self, lang)


@attrs.frozen
class Problems(Told, Frameable[Problem]):
    """What is out of line, what matters most first.

    Attributes:
        rows: each problem once.
        false_alarms: how many of them may be chance, on average; those that are counted and not inferred are none.
        notes: what could not be looked at, and why, in English and Chinese.
    """

    rows: tuple[Problem, ...]
    false_alarms: float = 0.0
    notes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def joined(cls, parts: Iterable["Problems"]) -> Self:
        """Several as one; what was found twice is there once, with the evidence of whoever found it first."""
        given = [*parts]
        rows: dict[str, Problem] = {}
        for part in given:
            for row in part:
                rows.setdefault(row.key, row)
        alarms = sum(part.false_alarms for part in given)
        notes = tuple(note for part in given for note in part.notes)
        return cls(tuple(sorted(rows.values(), key=_order)), alarms, notes)

    def of(self, *kinds: ProblemKind) -> tuple[Problem, ...]:
        """Those of some kinds."""
        return tuple(row for row in self.rows if row.kind in kinds)

    def to_dict(self) -> dict[str, list[Any]]:
        """The problems as columns."""
        return {
            "kind": [row.kind for row in self], "case": [row.case for row in self],
            "where": [", ".join(f"{name} {value}" for name, value in row.where.items()) for row in self],
            "period": [name_of(row.over) for row in self], "problem": [str(row) for row in self],
            "metric": [row.metric for row in self], "definition": [row.definition for row in self],
        }  # fmt: skip

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The problems, a line each, and how many of them may be chance.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._problem_words import alarmed

        return "\n".join([*(row.to_text(lang) for row in self), alarmed(self, lang)])


def _order(problem: Problem) -> tuple[int, float, str]:
    return get_args(ProblemKind).index(problem.kind), -problem.weight, problem.case
