"""What the queries of the catalogue are made of: months, sums by cell, curves of survival, stocks."""

import polars as pl
from catalogue_facts import DAY, UNTIL

from crmkit.journal import OPEN

WHO_MONTH = ["who", "month"]
MONTHS = 24
MINUTE = 60_000_000
Query = pl.LazyFrame
col, value_of = pl.col, pl.len().cast(pl.Float64).alias("value")


def month(at: str) -> pl.Expr:
    """Months since the first."""
    when = pl.from_epoch(at, time_unit="us")
    return ((when.dt.year() - 2024) * 12 + when.dt.month() - 1).cast(pl.Int8)


def edges() -> pl.LazyFrame:
    """The months, from when to when (microseconds)."""
    start = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2025, 12, 1), "1mo", eager=True)
    stop = start.dt.offset_by("1mo")
    number = pl.Series("month", range(MONTHS), pl.Int8)
    micros = [one.dt.cast_time_unit("us").cast(pl.Int64) for one in (start, stop)]
    return pl.DataFrame({"month": number, "begin": micros[0], "end": micros[1]}).lazy()


def per_cell(rows: Query, value: pl.Expr = value_of, *more: str) -> Query:
    """One figure a cell."""
    return rows.group_by(*WHO_MONTH, *more).agg(value.alias("value"))


def money(rows: Query, *more: str) -> Query:
    """A sum of minor units, in major ones."""
    return per_cell(rows, col("minor").sum() / 100, *more)


def risk(rows: Query, keys: list[str]) -> Query:
    """For each age: at risk, ended, ended as wanted, and survival, from columns age, cause (1 wanted) and weight."""
    counts = rows.group_by(*keys, "age").agg(
        won=col("weight").filter(col("cause") == 1).sum(),
        ended=col("weight").filter(col("cause") > 0).sum(),
        all=col("weight").sum(),
    )
    ordered = counts.sort(*keys, "age")
    at_risk = ordered.with_columns(risk=col("all").cum_sum(reverse=True).over(keys))
    return at_risk.with_columns(lasts=(1 - col("ended") / col("risk")).cum_prod().over(keys))


def incidence(rows: Query, horizon: int, *more: str) -> Query:
    """Aalen-Johansen: the chance of cause 1 within a horizon; null where none was seen that long and over 5 % last."""
    keys = [*WHO_MONTH, *more]
    steps = risk(rows.with_columns(weight=pl.lit(1)), keys)
    early = steps.with_columns(step=col("lasts").shift(1, fill_value=1.0).over(keys) * col("won") / col("risk"))
    inside = col("age") <= horizon
    seen = (col("age") >= horizon).any() | (col("lasts").filter(inside).min() <= 0.05)
    return early.group_by(keys).agg(value=pl.when(seen).then(col("step").filter(inside).sum()))


def cycle(rows: Query, horizon: int) -> Query:
    """The median age at cause 1 given that it comes within a horizon."""
    keys = WHO_MONTH
    steps = risk(rows.with_columns(weight=pl.lit(1)), keys)
    early = steps.with_columns(step=col("lasts").shift(1, fill_value=1.0).over(keys) * col("won") / col("risk"))
    seen = early.with_columns(long=((col("age") >= horizon).any() | (col("lasts") <= 0).any()).over(keys))
    inside = seen.filter(col("age") <= horizon).with_columns(
        share=(col("step").cum_sum() / col("step").sum()).over(keys)
    )
    return halfway(inside.filter(col("long") & col("share").is_not_nan()), col("share"), keys)


def halfway(steps: Query, share: pl.Expr, keys: list[str]) -> Query:
    """Where a growing share reaches half; the middle of the rest where it rests there."""
    first, last = (col("age").filter(share >= 0.5 + error).first() for error in (-1e-9, 1e-9))
    return steps.group_by(keys, maintain_order=True).agg(value=(first + last.fill_null(col("age").max())) / 2)


def median(rows: Query, *more: str) -> Query:
    """Kaplan-Meier median of the ages, of which eight leading bits are kept, as crmkit keeps them."""
    keys = [*WHO_MONTH, *more]
    given = rows if "weight" in rows.collect_schema() else rows.with_columns(weight=pl.lit(1))
    width = (2 ** ((col("age") + 0.5).log(2).floor() - 7).clip(0)).cast(pl.Int64)
    # Twice the middle of the ages that are one.
    binned = given.with_columns(
        age=col("age") // width * width * 2 + width - 1, cause=(col("cause") == 1).cast(pl.Int8)
    )
    return halfway(risk(binned, keys), 1 - col("lasts"), keys).with_columns(col("value") / 2)


def in_minutes(spans: Query) -> Query:
    """Ages in whole minutes, rounded up."""
    return spans.with_columns(age=-((col("start") - col("stop")) // MINUTE))


def standing(cases: Query, stages: tuple[str, ...]) -> Query:
    """One row a case: who opened it and when, and how it stands (0 open, 1 won, 2 lost) since when."""
    won = stages.index("won")
    one = cases.group_by("case").agg(
        col("who").first(), col("entered").first().alias("start"), col("stage").last(), col("entered").last()
    )
    cause = pl.when(col("stage") == won).then(1).when(col("stage") > won).then(2).otherwise(0)
    ended = one.with_columns(cause=cause, month=month("start"))
    return ended.with_columns(stop=pl.when(col("cause") > 0).then("entered").otherwise(UNTIL))


def in_days(spans: Query) -> Query:
    """Ages in whole days."""
    return spans.with_columns(age=(col("stop") - col("start")) // DAY)


def stock(spans: Query, *more: str) -> Query:
    """What is there at the end of each month, from spans with begin, end and minor."""
    there = spans.filter((col("begin") < col("end")) & (col("begin") <= UNTIL))
    comes = there.select(*more, "who", "minor", month=month("begin"))
    goes = there.filter(col("end") <= UNTIL).select(*more, "who", -col("minor"), month=month("end"))
    flow = pl.concat([comes, goes]).group_by(*more, *WHO_MONTH).agg(col("minor").sum())
    cells = flow.select(*more, "who").unique().join(edges().select("month"), how="cross")
    level = cells.join(flow, [*more, *WHO_MONTH], how="left").sort(*more, *WHO_MONTH)
    return level.with_columns(level=col("minor").fill_null(0).cum_sum().over(*more, "who"))


def restricted_mean(coins: Query, tau: int) -> Query:
    """The area under the curve up to a horizon."""
    steps = risk(coins, WHO_MONTH)
    following = col("age").shift(-1).over(WHO_MONTH).fill_null(OPEN).clip(upper_bound=tau)
    area = steps.with_columns(area=col("lasts") * (following - col("age").clip(upper_bound=tau)))
    seen = (col("age").max() >= tau) | (col("lasts").min() <= 0)
    mean = col("age").first().clip(upper_bound=tau) + col("area").sum()
    return area.group_by(WHO_MONTH, maintain_order=True).agg(value=pl.when(seen).then(mean))
