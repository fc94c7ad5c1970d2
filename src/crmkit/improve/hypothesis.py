"""What an action is to change: stated before it begins, so that nobody can look for it afterwards.

    >>> from crmkit.values import Period
    >>> claim = Hypothesis(
    ...     "stage_conversion", {"who": "wei", "stage": "proposal"}, effect=0.10,
    ...     before=Period.quarter(2026, 1), after=Period.quarter(2026, 2), found_in=Period.quarter(2026, 1),
    ... )
    >>> print(claim)
    Stage conversion (who wei, stage proposal) rises by at least 0.1 from 2026-Q1 to 2026-Q2

A case keeps it as a fact (`to_fields`), and `crmkit.improve.verify` is held to it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self, TypeAlias, get_args

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics.kpi import named
from crmkit.metrics.metric import Better, Metric
from crmkit.values import Fields, Period
from crmkit.values.display import Told

__all__ = ["OTHERS", "Design", "Hypothesis"]

#: How it is told whether a figure changed: by itself before and after; against a group that did not change; or as a
#: step in a long series.
Design: TypeAlias = Literal["before and after", "against others", "series"]

#: The group of comparison that is all others: everybody but whom the action is about.
OTHERS = "others"


def _metric(metric: Metric | str) -> Metric:
    return named(metric) if isinstance(metric, str) else metric


def _against(against: Mapping[str, str] | str | None) -> Fields | str | None:
    if isinstance(against, str) and against != OTHERS:
        raise InvalidValue("against", against, f"is no group; give one such as {{'region': 'North'}}, or {OTHERS!r}")
    return Fields(against) if isinstance(against, Mapping) else against


@attrs.frozen(kw_only=True)
class Hypothesis(Told):
    """What is expected to change, where, by how much, by when, and how it will be told.

    Attributes:
        metric: the figure: a KPI of `crmkit.metrics.kpi`, its key, or your own.
        where: whose figure: from column to value, as in `measure(by=)`; with the metric's own keys, such as "stage".
        effect: by how much it gets better at least, in the unit of the figure; above 0.
        before: what it is compared with.
        after: what is compared, from the beginning of the action on.
        design: how it is told.
        against: for "against others": a group, in the columns that differ from `where`, or "others".
        found_in: the period whose extreme figure opened the case; None if no figure did. A figure that was picked
            because it is extreme is less so the next time, whatever is done (regression to the mean): as far as
            `before` holds that period it is not taken at its word.
        better: which way is better; the metric's own if None.

    Raises:
        InvalidValue: for an effect that is none, periods that overlap, a metric that says no better way, a design
            without what it needs.
        NotFound: for an unknown metric or design.
    """

    metric: Metric = attrs.field(converter=_metric, kw_only=False)
    where: Fields = attrs.field(converter=Fields, kw_only=False)
    effect: float = attrs.field(converter=float)
    before: Period
    after: Period
    design: Design = "before and after"
    against: Fields | str | None = attrs.field(default=None, converter=_against)
    found_in: Period | None = None
    better: Better | None = None

    def __attrs_post_init__(self) -> None:
        if self.design not in get_args(Design):
            raise NotFound("design", self.design, get_args(Design), "a hypothesis")
        if not 0.0 < self.effect < float("inf"):
            raise InvalidValue("effect", self.effect, "is no amount above 0; say by how much it is to get better")
        if self.after.start < self.before.end:
            told = f"{_days(self.before)} and {_days(self.after)}"
            raise InvalidValue("periods", told, "overlap or are in the wrong order; what comes after begins later")
        if self.direction == 0:
            raise InvalidValue("better", self.metric.key, "says no way that is better; give better='more' or 'less'")
        self._check_design()

    def _check_design(self) -> None:
        if (self.against is not None) != (self.design == "against others"):
            raise InvalidValue("against", self.against, f"does not go with the design {self.design!r}")
        if isinstance(self.against, Mapping):
            unknown = [name for name in self.against if name not in self.where]
            if unknown or not self.against:
                told = ", ".join(self.where) or "nothing"
                raise InvalidValue(
                    "against", dict(self.against), f"must name other values of what `where` names: {told}"
                )
            if all(self.where[name] == value for name, value in self.against.items()):
                raise InvalidValue("against", dict(self.against), "is the group itself")
        if self.design == "series" and self.found_in is not None and self.found_in.overlaps(self.before):
            why = "holds the period that opened the case, which is extreme by choice; end the series before it"
            raise InvalidValue("before", _days(self.before), why)

    @property
    def direction(self) -> int:
        """1 if more is better, -1 if less is, 0 if neither."""
        return {"more": 1, "less": -1, "neither": 0}[self.better or self.metric.about.better]

    @property
    def picked(self) -> bool:
        """Whether `before` is extreme because the case was opened for that."""
        return self.found_in is not None and self.found_in.overlaps(self.before)

    @property
    def definition(self) -> str:
        """The id of what is measured and how it is told."""
        from crmkit.metrics.policy import definition_id

        return definition_id("hypothesis", of=self.metric.definition, **_plain(self))

    def to_fields(self) -> Fields:
        """What a case keeps: plain values, and the id of the metric's definition."""
        spans = {"before": self.before, "after": self.after, "found_in": self.found_in}
        names = {name: span.name for name, span in spans.items() if span is not None and span.name}
        return Fields({
            "metric": self.metric.key, "metric definition": self.metric.definition, **_plain(self), "names": names,
        })  # fmt: skip

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], *, metric: Metric | None = None) -> Self:
        """What a case kept.

        Args:
            fields: those of `to_fields`.
            metric: the metric, if it is none of the catalogue, or has other policies than there.

        Raises:
            InvalidValue: if the metric is no longer what it was, or a field is missing or none.
            NotFound: for an unknown metric.
        """
        try:
            known = named(fields["metric"]) if metric is None else metric
            if known.definition != fields["metric definition"]:
                why = f"is now {known.definition}; give metric= with the policies it had"
                raise InvalidValue("metric definition", fields["metric definition"], why)
            names = fields.get("names") or {}
            spans = {name: _period(fields.get(name), names.get(name) or "") for name in ("before", "after", "found_in")}
            before, after = spans["before"], spans["after"]
            if before is None or after is None:
                raise InvalidValue("hypothesis", "fields", "lack the period before or after")
            return cls(
                known, fields["where"], effect=fields["effect"], before=before, after=after, design=fields["design"],
                against=fields.get("against"), found_in=spans["found_in"], better=fields.get("better"),
            )  # fmt: skip
        except KeyError as missing:
            raise InvalidValue("hypothesis", "fields", f"lack {missing}") from None

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The claim in a sentence.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._words import claimed

        return claimed(self, lang)


def _plain(claim: Hypothesis) -> dict[str, Any]:
    """Its parts besides the metric, as values that a fact can hold; what is not said is left out."""
    against = dict(claim.against) if isinstance(claim.against, Mapping) else claim.against
    found = {
        "where": dict(claim.where), "effect": claim.effect, "before": _days(claim.before), "after": _days(claim.after),
        "design": claim.design, "against": against, "better": claim.better,
        "found_in": None if claim.found_in is None else _days(claim.found_in),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _days(period: Period) -> str:
    return f"{period.start} .. {period.end}"


def _period(text: Any, name: str) -> Period | None:
    if text is None:
        return None
    try:
        start, end = map(date.fromisoformat, str(text).split(" .. "))
    except ValueError:
        raise InvalidValue(
            "period", text, "is none; it is written 2026-01-01 .. 2026-04-01, the end not included"
        ) from None
    return Period(start, end, name)
