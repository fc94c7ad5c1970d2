"""An appraisal as it is agreed, and as a plain document that can be kept."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, Self

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics import kpi
from crmkit.metrics._checks import confidence
from crmkit.metrics._goals import Absolute, Exact, Gate, Goal, Number, ShareOfTeam, Span, Target, VersusLastYear
from crmkit.metrics.metric import Metric
from crmkit.values import Money

__all__ = ["Scheme"]


def _targets(given: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(given)


def _gates(given: Iterable[Gate]) -> tuple[Gate, ...]:
    return tuple(given)


@attrs.frozen
class Scheme:
    """An appraisal as it is agreed: what is measured, what is aimed at, and what each counts.

    Attributes:
        name: how people know it.
        targets: the KPIs.
        gates: conditions.
        missing: what a KPI without data does: "reweight" lets the others count for it, "void" leaves the member without
            a score.
        least: a figure with sampling error that rests on fewer is noted: at that size chance decides.
        level: the confidence of the intervals.
    """

    name: str
    targets: tuple[Target, ...] = attrs.field(converter=_targets)
    gates: tuple[Gate, ...] = attrs.field(default=(), converter=_gates)
    missing: Literal["reweight", "void"] = attrs.field(default="reweight", kw_only=True)
    least: int = attrs.field(default=10, kw_only=True)
    level: float = attrs.field(default=0.95, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not any(target.goal is not None for target in self.targets):
            raise InvalidValue("scheme", self.name, "has no target")
        for what, labels in (("target", [t.label for t in self.targets]), ("gate", [g.label for g in self.gates])):
            twice = [label for number, label in enumerate(labels) if label in labels[:number]]
            if twice:
                raise InvalidValue(what, twice[0], "is there twice")
        confidence(self.level)
        if self.missing not in ("reweight", "void"):
            raise InvalidValue("missing", self.missing, "is neither 'reweight' nor 'void'")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The KPIs, each definition once."""
        used = [*(target.metric for target in self.targets), *(gate.metric for gate in self.gates)]
        return tuple({metric.definition: metric for metric in used}.values())

    def to_dict(self) -> dict[str, Any]:
        """A plain document of texts, numbers, lists and dictionaries, for JSON; `from_dict` reads it."""
        return {
            "name": self.name, "missing": self.missing, "least": self.least, "level": self.level,
            "targets": [_target_out(target) for target in self.targets],
            "gates": [
                {"metric": _metric_out(gate.metric), "at_least": _text(gate.at_least), "at_most": _text(gate.at_most),
                 "cap": _text(gate.cap), "unknown": gate.unknown, "where": dict(gate.where)} for gate in self.gates
            ],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, metrics: Iterable[Metric] = ()) -> Self:
        """The scheme of a document.

        Args:
            document: what `to_dict` gave.
            metrics: KPIs that are not in the catalogue.

        Raises:
            InvalidValue: if the definition of a KPI is not the one that the scheme was made with.
        """
        own = {metric.key: metric for metric in metrics}
        targets = [
            Target(
                _metric_in(one["metric"], own), _goal_in(one["goal"]), weight=one["weight"], where=one["where"],
                floor=one["floor"], cap=one["cap"],
            ) for one in document["targets"]
        ]  # fmt: skip
        gates = [
            Gate(
                _metric_in(one["metric"], own), at_least=one["at_least"], at_most=one["at_most"], cap=one["cap"],
                unknown=one["unknown"], where=one["where"],
            ) for one in document["gates"]
        ]  # fmt: skip
        kept = {name: document[name] for name in ("missing", "least", "level")}
        return cls(document["name"], targets, gates, **kept)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _metric_out(metric: Metric) -> dict[str, Any]:
    policies = {name: list(value) if isinstance(value, tuple) else value for name, value in metric.policies.items()}
    return {"key": metric.key, "policies": policies, "definition": metric.definition}


def _metric_in(document: Mapping[str, Any], own: Mapping[str, Metric]) -> Metric:
    """A KPI with its policies, by the id of its definition.

    Raises:
        InvalidValue: if what is defined now is not what was.
        NotFound: for a key that is not in the catalogue.
    """
    key, wanted = document["key"], document["definition"]
    policies = {name: tuple(v) if isinstance(v, list) else v for name, v in document["policies"].items()}
    made = own.get(key) or kpi.named(key)
    same = {field.name for field in attrs.fields(type(made))} == set(policies)
    made = made.using(**policies) if same and key not in own else made
    if made.definition != wanted:
        why = f"of {key} is not that of today, {made.definition}: the KPI was defined in another way"
        raise InvalidValue("definition", wanted, why)
    return made


def _target_out(target: Target) -> dict[str, Any]:
    return {
        "metric": _metric_out(target.metric), "goal": _goal_out(target.goal), "weight": str(target.weight),
        "where": dict(target.where), "floor": str(target.floor), "cap": _text(target.cap),
    }  # fmt: skip


def _goal_out(goal: Goal | None) -> dict[str, Any] | None:
    if goal is None:
        return None
    values = {field.name: _value_out(getattr(goal, field.name)) for field in attrs.fields(type(goal))}
    return {"kind": type(goal).__name__, **values, "currency": getattr(goal, "currency", None)}


def _value_out(value: Exact | Mapping[str, Exact] | None) -> Any:
    if isinstance(value, Mapping):
        return {name: _value_out(one) for name, one in value.items()}
    return f"{value.amount if isinstance(value, Money) else value}" if value is not None else None


def _goal_in(document: Mapping[str, Any] | None) -> Goal | None:
    if document is None:
        return None
    unit = document["currency"]
    match document["kind"]:
        case "Absolute":
            given: Any = document["value"]
            team: Any = document["team"]
            value = _number_in(given, unit) if isinstance(given, str) else _numbers_in(given, unit)
            return Absolute(value, team=None if team is None else _number_in(team, unit))
        case "ShareOfTeam":
            return ShareOfTeam(document["share"])
        case "VersusLastYear":
            return VersusLastYear(document["factor"])
        case _:
            return Span(_number_in(document["nothing"], unit), _number_in(document["full"], unit))


def _number_in(text: str, unit: str | None) -> Number:
    return text if unit is None else Money(text, unit)


def _numbers_in(texts: Mapping[str, str], unit: str | None) -> dict[str, Number]:
    return {name: _number_in(text, unit) for name, text in texts.items()}
