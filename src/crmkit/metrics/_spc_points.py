"""What all control charts share: series in order of time, findings, notes, and how they are told."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue, NotFound
from crmkit.metrics._checks import Floats
from crmkit.metrics._spc_rules import Side
from crmkit.metrics._spc_runs import RunLength
from crmkit.values.display import Display, Table

__all__ = [
    "Baseline", "ChartFinding", "ChartNote", "Lang", "Phase", "as_series", "baseline_of", "fitting", "known",
    "labels_of", "place_of", "run_length_text", "told",
]  # fmt: skip

Lang: TypeAlias = Literal["en", "zh"]
#: What the limits come from: the first points, a slice of them, or (None) all.
Baseline: TypeAlias = int | slice | None
#: Whether a point made the limits, or is judged by them.
Phase: TypeAlias = Literal["baseline", "monitored"]


@attrs.frozen(kw_only=True)
class ChartFinding:
    """Where a rule is met.

    Attributes:
        rule: the id of the rule.
        side: "above" or "below" the centre (of a trend: rising or falling), or "both".
        first: the index of the first point that makes it, counted from 0.
        last: that of the last one.
        at: that of the point by which it could first be told.
        points: those of all of them.
        en: what is found, in English.
        zh: likewise in Chinese.
    """

    rule: str
    side: Side
    first: int
    last: int
    at: int
    points: tuple[int, ...]
    en: str
    zh: str

    def __str__(self) -> str:
        return self.en


@attrs.frozen
class ChartNote:
    """What a reader of a chart has to know.

    Attributes:
        en: in English.
        zh: in Chinese.
    """

    en: str
    zh: str

    def __str__(self) -> str:
        return self.en


def as_series(values: npt.ArrayLike, what: str) -> Floats:
    """A column of numbers in order of time; None and NaN are "no data".

    Raises:
        InvalidValue: for what is no column of numbers, or infinite.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValue(what, values, "are no numbers") from None
    if array.ndim != 1:
        raise InvalidValue(
            what, f"shape {array.shape}", "is no column: give one value for each period, in order of time"
        )
    if np.isinf(array).any():
        raise InvalidValue(what, f"infinite at index {int(np.flatnonzero(np.isinf(array))[0])}", "is no number")
    return array


def fitting(values: npt.ArrayLike, what: str, size: int) -> Floats:
    """A second column of the same points.

    Raises:
        InvalidValue: if it is of another length.
    """
    array = as_series(values, what)
    if len(array) != size:
        raise InvalidValue(what, f"{len(array)} values", f"do not fit {size} points")
    return array


def labels_of(labels: Iterable[Any] | None, size: int) -> tuple[str, ...]:
    """The names of the points: their numbers from 1, if nobody gave any.

    Raises:
        InvalidValue: for another number of names, one that comes twice, or dates that are not in order.
    """
    if labels is None:
        return tuple(str(number + 1) for number in range(size))
    given = tuple(labels)
    if len(given) != size:
        raise InvalidValue("labels", f"{len(given)} names", f"do not fit {size} points")
    if all(isinstance(label, date) for label in given):
        for before, after in pairwise(given):
            if not before < after:
                raise InvalidValue("labels", str(after), f"comes after {before}; a chart needs the order of time")
    names = tuple(map(str, given))
    if len(set(names)) < size:
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidValue("labels", twice, "names two points")
    return names


def baseline_of(baseline: Baseline, size: int) -> npt.NDArray[np.bool_]:
    """Which points are the baseline.

    Raises:
        InvalidValue: for a baseline that is none of the points, or not one piece of them.
    """
    inside = np.zeros(size, np.bool_)
    if isinstance(baseline, int) and not isinstance(baseline, bool):
        if not 1 <= baseline <= size:
            raise InvalidValue("baseline", baseline, f"is no number of points from 1 to {size}")
        inside[:baseline] = True
    elif baseline is None or isinstance(baseline, slice):
        inside[baseline or slice(None)] = True
    else:
        raise InvalidValue("baseline", baseline, "is neither a number of points nor a slice of them")
    if isinstance(baseline, slice) and (baseline.step not in (None, 1) or not inside.any()):
        raise InvalidValue("baseline", baseline, f"is no piece of {size} points")
    return inside


def known(value: Any) -> float | None:
    """A number, or None for no data."""
    return None if np.isnan(value) else float(value)


def place_of(points: Sequence[int], labels: Sequence[str], lang: Lang) -> str:
    """From where to where."""
    first, last = labels[points[0]], labels[points[-1]]
    if first == last:
        return first
    return f"{first} to {last}" if lang == "en" else f"{first} 至 {last}"


def run_length_text(length: RunLength, lang: Lang) -> str:
    """A run length in words."""
    often = length.alarms_per_year
    if lang == "en":
        yearly = "" if often is None else f", {often:.3g} false alarms a year"
        return f"In control it runs {length.mean:.4g} points until a false alarm{yearly} ({length.method})."
    yearly = "" if often is None else f"，每年约 {often:.3g} 次误报"
    return f"受控状态下平均每 {length.mean:.4g} 点误报一次{yearly}（{length.method}）。"


_WORDS: dict[str, dict[Any, str]] = {
    "en": {True: "yes", False: ""},
    "zh": {True: "是", False: "", "baseline": "基线", "monitored": "监控"},
}


def told(
    head: str,
    rows: Sequence[Any],
    names: Mapping[str, tuple[str, str]],
    said: Sequence[ChartFinding | ChartNote],
    lang: Lang,
    *,
    most: int | None,
) -> Display:
    """A chart to be seen: its head, its points, what was found, what else is to be known.

    Raises:
        NotFound: for an unknown language.
    """
    if lang not in ("en", "zh"):
        raise NotFound("language", lang, ("en", "zh"), "the chart")
    words: Mapping[Any, str] = _WORDS[lang]
    kept = rows[:most]
    columns: dict[str, list[Any]] = {}
    for field, pair in names.items():
        values = (getattr(row, field) for row in kept)
        columns[pair[lang == "zh"]] = [words.get(one, one) if isinstance(one, str | bool) else one for one in values]
    table = Table.of(columns, n=len(rows), most=most, caption=head, lang=lang)
    return Display.of(head, table, "\n".join(f"- {one.en if lang == 'en' else one.zh}" for one in said), lang=lang)
