"""The whole catalogue by person and month beside polars by hand, and the states that its figures are made from."""

from functools import partial
from pathlib import Path
from typing import Any

import catalogue_facts as books
import numpy as np
from harness import Comparison, Contender, Run

from crmkit.journal import Coded
from crmkit.metrics import kpi, measure, survival
from crmkit.metrics.kpi._durations import bin_of
from crmkit.metrics.states import Counts
from crmkit.values import Period

STAYS, QUICK_STAYS = 10_000_000, 5_000
VALUES = 10_000_000
INCIDENCE = 1_000_000
EVENTS, BATCH = 1_000_000, 20_000
# What no query says in reasonable length, and what these books have nothing of.
ALONE = (
    "expected_revenue", "expected_wins", "next_response", "churn_rate", "lost_customers", "revenue_churn",
    "searches_without_result", "card_reuse", "link_rate", "deflection", "stale_cards", "contributions",
    "first_contact_resolution", "tickets_reopened", "escalation", "open_tickets", "backlog_age", "oldest_ticket",
    "backlog_by_limit", "tickets_arrived", "tickets_left", "backlog_growth", "days_to_clear",
)  # fmt: skip
AGES = ("not due", "1-30 days", "31-60 days", "61-90 days", "over 90 days")
WIDTH = 401


def comparisons(*, quick: bool, rows: int | None = None) -> list[Comparison]:
    """All KPIs that polars says, all that there are, and counters: of incidences, of quantiles, brought up to date."""
    stays = rows or (QUICK_STAYS if quick else STAYS)
    keys = [metric.key for metric in kpi.CATALOGUE]
    shared = [key for key in keys if key not in ALONE]
    few = stays < STAYS
    values, events, ended = (min(size, stays) if few else size for size in (VALUES, EVENTS, INCIDENCE))
    write = partial(books.write, stays=stays)
    return [
        Comparison(
            f"{len(shared)} KPIs by person and month, and their limits, which the peer has not", stays,
            f"stays and {stays // 2:,} rows of a ledger", write,
            [Contender("crmkit", partial(_ours, keys=shared), _cells), Contender("polars", _theirs, _rows, "lazy")],
            _equal,
        ),
        Comparison(
            f"all {len(keys)} KPIs of the catalogue by person and month", stays,
            f"stays and {stays // 2:,} rows of a ledger", write,
            [Contender("crmkit", partial(_ours, keys=keys), _cells)], _equal,
        ),
        Comparison(
            "Aalen-Johansen of 480 cells, two causes, in days", ended, "stays", partial(_spans, size=ended),
            [Contender("crmkit", _incidence)], _equal,
        ),
        Comparison(
            "state of a quantile, from minutes to mergeable counters", values, "values", partial(_minutes, size=values),
            [Contender("crmkit", _quantile), Contender("numpy (exact, not mergeable)", _partition, package="numpy")],
            _near,
        ),
        Comparison(
            f"counters by person, stage and next stage brought up to date, {BATCH:,} stays at a time", events, "stays",
            partial(_spans, size=events), [Contender("crmkit", _update)], _equal,
        ),
    ]  # fmt: skip


# -- the catalogue


def _ours(folder: Path, *, keys: list[str]) -> Run:
    facts, over = books.facts(folder), Period(*books.OVER)
    return lambda: measure(facts, keys, by=["who"], every="month", over=over).rows


def _theirs(folder: Path) -> Run:
    import catalogue_polars as by_hand

    held = by_hand.frames(folder)
    return lambda: by_hand.run(held)


def _cells(figures: Any) -> dict[str, dict[Any, float]]:
    """Of each KPI the values by person, month, and stage or age; 0 is as good as nothing."""
    found: dict[str, dict[Any, float]] = {}
    for row in figures:
        if row.value:
            year, month = map(int, row.period.split("-"))
            more = [books.STAGES["journal"].index(row.group["stage"])] if "stage" in row.group else []
            more += [AGES.index(row.group["age"])] if row.metric == "ageing" else []
            more += [row.group[name] for name in ("age", "clock") if row.metric != "ageing" and name in row.group]
            place = (books.WHO.index(row.group["who"]), (year - 2024) * 12 + month - 1, *more)
            found.setdefault(row.metric, {})[place] = row.value
    return found


def _rows(frames: dict[str, Any]) -> dict[str, dict[Any, float]]:
    found: dict[str, dict[Any, float]] = {}
    for key, frame in frames.items():
        more = [name for name in frame.columns if name not in ("who", "month", "value")]
        rows = frame.select("value", "who", "month", *more).rows()
        found[key] = {tuple(place): value for value, *place in rows if value and value == value}  # noqa: PLR0124 - NaN
    return found


def _equal(ours: dict[str, dict[Any, float]], theirs: dict[str, dict[Any, float]]) -> None:
    for key, cells in theirs.items():
        assert ours[key].keys() == cells.keys(), key
        np.testing.assert_allclose([ours[key][place] for place in cells], [*cells.values()], rtol=1e-9, err_msg=key)


# -- counters


def _spans(folder: Path, *, size: int) -> None:
    rng = np.random.default_rng(2026)
    who, stage = rng.integers(40, size=size), rng.integers(12, size=size)
    lasts, seen = rng.weibull(0.8, size) * 60, rng.uniform(0, WIDTH - 1, size)
    cause = np.where(lasts <= seen, rng.choice([1, 2], size, p=[0.3, 0.7]), 0)
    for name, column in (("who", who), ("stage", stage), ("cause", cause), ("days", np.minimum(lasts, seen))):
        np.save(folder / f"{name}.npy", column.astype(np.int32))


def _incidence(folder: Path) -> Run:
    who, stage, cause, days = (np.load(folder / f"{name}.npy") for name in ("who", "stage", "cause", "days"))
    cell = who * 12 + stage

    def run() -> Any:
        table = survival.risk_table(days, cause, cell, groups=480, causes=2, width=WIDTH)
        return survival.grouped_aj(table).cif

    return run


def _minutes(folder: Path, *, size: int) -> None:
    rng = np.random.default_rng(2026)
    np.save(folder / "minutes.npy", np.exp(rng.normal(7.0, 2.0, size)).astype(np.int64))


def _quantile(folder: Path) -> Run:
    minutes = np.load(folder / "minutes.npy")

    def run() -> Any:
        counts = Counts.of({}, bin_of(minutes))
        return counts.bins[np.searchsorted(np.cumsum(counts.n), (len(minutes) + 1) // 2)]

    return run


def _partition(folder: Path) -> Run:
    minutes = np.load(folder / "minutes.npy")
    middle = (len(minutes) - 1) // 2
    return lambda: bin_of(np.partition(minutes, middle)[middle : middle + 1])[0]


def _near(ours: int, theirs: int) -> None:
    assert ours == theirs


def _update(folder: Path) -> Run:
    who, stage, cause = (np.load(folder / f"{name}.npy") for name in ("who", "stage", "cause"))
    people, names = books.WHO, tuple(f"s{i}" for i in range(12))
    ends = ("open", "advanced", "lost")

    def run() -> Any:
        state = Counts.zero(("who", "stage", "end"))
        for start in range(0, len(who), BATCH):
            new = slice(start, start + BATCH)
            columns = {"who": Coded(who[new], people), "stage": Coded(stage[new], names),
                       "end": Coded(cause[new], ends)}  # fmt: skip
            state = state.merge(Counts.of(columns))
        return state

    return run
