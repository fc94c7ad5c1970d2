"""Counters by person, region and month, which a browser adds up for whoever is chosen, to the figures Python makes.

Only what adds up is here: shares of counts (Wilson), rates and counts (Garwood), and the chance to win with open cases
counted, whose state is ages by how they ended (Aalen-Johansen). A median of medians is none, and is not offered.
"""

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any

import attrs

from crmkit.errors import CrmkitError
from crmkit.metrics import Facts, kpi, measure
from crmkit.metrics.figures import Figures
from crmkit.metrics.metric import Metric
from crmkit.report._sources import Sources
from crmkit.values import Period, from_micros, zone

__all__ = ["LEVEL", "Asked", "states"]

LEVEL = 0.95
_HORIZON = 90
_KPIS = (
    "win_rate", "quotes", "contacts", "paid_on_time", "quotes_unrevised", "new_customers", "complaint_rate",
    "tickets_arrived", "tickets_left", "searches_without_result",
)  # fmt: skip
_KINDS = {"count,": "count", "proportion,": "share", "rate,": "rate", "aalen-johansen": "incidence"}
_ENDS = {"won": 0, "lost": 1}


@attrs.frozen(eq=False)
class Asked:
    """What is asked of the facts.

    Attributes:
        facts: the facts.
        over: whole months.
        by: the columns by which a reader may choose.
    """

    facts: Facts
    over: Period
    by: tuple[str, ...]

    def measured(self, metric: Metric, by: tuple[str, ...] = ()) -> Figures:
        """The figures of a metric; by month if they are grouped.

        Raises:
            CrmkitError: if the facts do not have what it needs.
        """
        end = min(from_micros(self.facts.until()), from_micros(self.over.instants(zone(self.facts.tz))[1]))
        every: Any = "month" if by else None
        return measure(self.facts, metric, by=by, over=self.over, every=every, as_of=end, level=LEVEL)


def states(facts: Facts, over: Period, by: tuple[str, ...]) -> dict[str, Any]:
    """The counters of every KPI that adds up, with the figure of all of them; empty if there is none.

    Args:
        facts: the facts.
        over: the period that the page looks at; the two years up to its end are taken.
        by: the columns by which a reader may choose.
    """
    asked = Asked(facts, Sources.months(facts, over), by)
    kpis = [made for key in _KPIS if (made := _counters(_metric(key), asked)) is not None]
    if not kpis:
        return {}
    months = list(dict.fromkeys(name for one in kpis for name in one["months"]))
    months.sort()
    values = {dim: sorted({v for one in kpis for v in one["values"][dim]}) for dim in by}
    return {
        "level": LEVEL, "z": NormalDist().inv_cdf((1.0 + LEVEL) / 2.0), "months": months,
        "dims": [{"name": dim, "values": values[dim]} for dim in by],
        "kpis": [_coded(one, [*values.values(), months]) for one in kpis],
    }  # fmt: skip


def _metric(key: str) -> Metric:
    metric = kpi.named(key)
    return metric.using(horizon_days=_HORIZON) if key == "win_rate" else metric


def _counters(metric: Metric, asked: Asked) -> dict[str, Any] | None:
    """The cells of a metric as texts, or None if the facts do not have them."""
    try:
        figures, whole = asked.measured(metric, asked.by), asked.measured(metric)
    except CrmkitError:
        return None
    rows = [row for row in whole if row.value is not None]
    kind = _KINDS.get(rows[0].method.split()[0]) if len(rows) == 1 else None
    cells = [] if kind is None else list(_cells(kind, figures, metric.key, asked.by))
    if not cells:
        return None
    about, all_ = metric.about, rows[0]
    return {
        "key": metric.key, "en": about.en, "zh": about.zh, "unit": about.unit, "kind": kind, "method": all_.method,
        "scale": 1000.0 if kind == "rate" else 1.0, "horizon": _HORIZON, "definition": all_.definition,
        "all": {"value": all_.value, "low": all_.low, "high": all_.high, "n": all_.n}, "cells": cells,
        "months": {cell[0][-1] for cell in cells},
        "values": {dim: {cell[0][place] for cell in cells} - {None} for place, dim in enumerate(asked.by)},
    }  # fmt: skip


def _cells(kind: str, figures: Figures, key: str, by: tuple[str, ...]) -> Iterator[tuple[tuple[Any, ...], list[int]]]:
    """Where each cell is (groups and month), and what is counted in it."""
    if kind in ("count", "share"):
        for row in figures:
            if row.value is not None and row.n:
                counted = [round(row.value)] if kind == "count" else [round(row.value * row.n), row.n]
                yield (*(row.group[dim] for dim in by), row.period), counted
        return
    for name, counts in figures.states[key].items():
        places = [counts.dims.index(dim) for dim in (*by, "period")]
        end = counts.dims.index("end") if "end" in counts.dims else None
        for texts in counts.table():
            where, day, n = tuple(texts[place] for place in places), int(texts[-2]), int(texts[-1])
            if kind == "rate" and name in ("n", "base"):
                yield where, [n, 0] if name == "n" else [0, n]
            elif kind == "incidence" and end is not None:
                lasting = day > _HORIZON or texts[end] is None
                yield where, [-1 if lasting else _ENDS[texts[end]], min(day, _HORIZON), n]


def _coded(one: Mapping[str, Any], labels: list[list[str]]) -> dict[str, Any]:
    """The cells with numbers for texts, -1 for unknown; cells of one place and kind added up."""
    added: dict[tuple[int, ...], list[int]] = {}
    fixed = 2 if one["kind"] == "incidence" else 0
    for where, counted in one["cells"]:
        place = tuple(-1 if text is None else known.index(text) for text, known in zip(where, labels, strict=True))
        sums = added.setdefault((*place, *counted[:fixed]), [0] * (len(counted) - fixed))
        for number, value in enumerate(counted[fixed:]):
            sums[number] += value
    kept = {name: value for name, value in one.items() if name not in ("cells", "months", "values")}
    return {**kept, "cells": [[*place, *sums] for place, sums in sorted(added.items())]}
