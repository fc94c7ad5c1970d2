"""The catalogue by hand in polars: by person and month, each KPI as a lazy query, all of them collected at once.

Of each the value, as crmkit defines it. Limits are not here, nor what no query says in reasonable length: the chances
of open deals given stage and age, and who has left by the own gaps.
"""

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import catalogue_facts as books
import polars as pl
from catalogue_facts import DAY, KINDS, STAGES, UNTIL
from catalogue_queries import (
    MINUTE,
    MONTHS,
    WHO_MONTH,
    Query,
    col,
    cycle,
    edges,
    in_days,
    in_minutes,
    incidence,
    median,
    money,
    month,
    per_cell,
    restricted_mean,
    standing,
    stock,
)  # fmt: skip

from crmkit.journal import OPEN


def frames(folder: Path) -> dict[str, pl.DataFrame]:
    """The tables, codes as small integers, and the month of each row."""
    made = {name: pl.DataFrame(books.columns(folder, name)) for name in ("ledger", *STAGES)}
    small = dict.fromkeys(("kind", "stage", "next", "who", "cause", "revision"), pl.Int8)
    return {
        name: frame.with_columns(col(key).cast(to) for key, to in small.items() if key in frame.columns)
        for name, frame in made.items()
    }


def queries(frames: dict[str, pl.DataFrame]) -> dict[str, Query]:
    """A query for each KPI: who, month, further keys, value."""
    ledger = frames["ledger"].lazy().with_columns(month=month("at"))
    kind = {name: ledger.filter(col("kind") == number) for number, name in enumerate(KINDS)}
    deals = frames["journal"].lazy().with_columns(month=month("entered"))
    tables = [
        customers(kind), sales(kind), pipeline(deals), conversion(deals), collections(kind), quotes(kind),
        expenses(kind), contacts(kind, ledger), service(frames["service"].lazy(), kind),
        contracts(kind["contract"]), complaints(frames["complaints"].lazy(), kind),
    ]  # fmt: skip
    return reduce(or_, tables)


def bought(kind: dict[str, Query]) -> Query:
    """Invoices that were not wholly credited, with a customer."""
    credit = kind["invoice"].filter(col("minor") < 0).group_by("refers_to").agg(taken=col("minor").sum())
    plain = (
        kind["invoice"]
        .filter(col("minor") >= 0)
        .join(credit, left_on="id", right_on="refers_to", how="left", maintain_order="left")
    )
    return plain.filter((col("minor") + col("taken").fill_null(0) > 0) | (col("minor") == 0))


def customers(kind: dict[str, Query]) -> dict[str, Query]:
    purchases = bought(kind)
    first = purchases.group_by("customer").agg(col("who", "month").first())
    silent = col("at") - col("at").shift(1).over("customer") > 365 * DAY
    return {"new_customers": per_cell(first), "reactivated_customers": per_cell(purchases.filter(silent))}


def sales(kind: dict[str, Query]) -> dict[str, Query]:
    last = kind["order"].unique("id", keep="last")
    return {"booked": money(last), "invoiced": money(kind["invoice"])}


def pipeline(deals: Query) -> dict[str, Query]:
    stays = deals.filter(col("stage") < STAGES["journal"].index("won"))
    until = pl.when(col("left") == OPEN).then(MONTHS).otherwise(month("left"))
    ends = stays.select("who", "amount", month=pl.int_ranges("month", until)).explode("month").drop_nulls("month")
    ends = ends.with_columns(col("month").cast(pl.Int8))
    squares = (col("amount").cast(pl.Float64) ** 2).sum() / col("amount").cast(pl.Float64).sum() ** 2
    return {
        "open_deals": per_cell(ends),
        "open_pipeline": money(ends.rename({"amount": "minor"})),
        "pipeline_hhi": per_cell(ends, squares),
        "pipeline_top_share": per_cell(ends, col("amount").top_k(5).sum() / col("amount").sum()),
    }


def conversion(deals: Query) -> dict[str, Query]:
    won, lost = (STAGES["journal"].index(name) for name in ("won", "lost"))
    cases = in_days(standing(deals, STAGES["journal"]))
    cause = pl.when(col("next") < 0).then(0).when(col("next") == lost).then(2).otherwise(1)
    stays = deals.filter(col("stage") < won).select(
        *WHO_MONTH, "stage", start="entered", stop=pl.min_horizontal("left", UNTIL), cause=cause,
        gone=(col("next") >= 0).cast(pl.Int8),
    )  # fmt: skip
    minutes = (col("stop") - col("start")) // MINUTE
    times = stays.with_columns(cause=col("gone"), age=minutes)
    return {
        "win_rate": incidence(cases, 90),
        "stage_conversion": incidence(in_days(stays), 90, "stage"),
        "conversion_cycle": cycle(cases, 180),
        "stage_time": median(times, "stage").with_columns(col("value") / 1440),
    }


def settled(kind: dict[str, Query]) -> Query:
    """The pieces of invoices: when settled, how (1 paid, 2 credited), and how much; and the invoice of each."""
    bills = kind["invoice"].filter(col("minor") > 0).select("id", "who", "month", "due", start="at", amount="minor")
    paid = kind["payment"].select("refers_to", "at", "minor", how=pl.lit(1))
    taken = kind["invoice"].filter(col("minor") < 0).select("refers_to", "at", -col("minor"), how=pl.lit(2))
    moves = pl.concat([paid, taken]).join(bills, left_on="refers_to", right_on="id").sort("refers_to", "at")
    total = pl.min_horizontal(col("minor").cum_sum().over("refers_to"), "amount")
    pieces = moves.with_columns(total=total).with_columns(
        piece=col("total") - col("total").shift(1, fill_value=0).over("refers_to"),
        stop=pl.max_horizontal("at", "start"),
    )
    rest = bills.join(
        pieces.group_by("refers_to").agg(done=col("piece").sum()), left_on="id", right_on="refers_to", how="left"
    )
    still = rest.select(
        col("id").alias("refers_to"), "who", "month", "due", "start", stop=pl.lit(OPEN),
        how=pl.lit(0), piece=col("amount") - col("done").fill_null(0),
    ).filter(col("piece") > 0)  # fmt: skip
    names = ["refers_to", "who", "month", "due", "start", "stop", "how", "piece"]
    return pl.concat([pieces.select(names), still.select(names)])


def collections(kind: dict[str, Query]) -> dict[str, Query]:
    pieces = settled(kind)
    claims = (
        pieces.filter(col("due") <= UNTIL)
        .group_by("refers_to")
        .agg(
            col("who", "due").first(),
            claim=col("piece").filter(col("how") != 2).sum(),
            paid=col("piece").filter((col("how") == 1) & (col("stop") <= col("due"))).sum(),
        )
    )
    due = claims.filter(col("claim") > 0).with_columns(month=month("due"))
    coins = pieces.filter((col("how") != 2) & (col("piece") > 0)).with_columns(
        weight="piece", cause=(col("how") == 1).cast(pl.Int8), stop=pl.min_horizontal("stop", UNTIL)
    )
    spans = pieces.select("who", "due", begin="start", end="stop", minor="piece")
    late = pl.max_horizontal("begin", "due")
    owed = stock(spans)
    current = stock(spans.with_columns(end=pl.min_horizontal("end", late))).select(*WHO_MONTH, current="level")
    starts = [col("begin"), late, *(late + days * DAY for days in (30, 60, 90))]
    stops = [pl.min_horizontal("end", one) for one in starts[1:]] + [col("end")]
    aged = pl.concat([
        spans.select("who", "minor", age=pl.lit(number, pl.Int8), begin=start, end=stop)
        for number, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ])  # fmt: skip
    sold = kind["invoice"].group_by(WHO_MONTH).agg(sales=col("minor").sum())
    days = edges().select("month", days=(col("end") - col("begin")) / DAY)
    both = owed.join(sold, WHO_MONTH, how="left").join(days, "month").join(current, WHO_MONTH)
    could = col("level").shift(1, fill_value=0).over("who") + col("sales").fill_null(0)
    return {
        "collected": money(kind["payment"].filter(col("refers_to") >= 0)),
        "unapplied": money(kind["payment"].filter(col("refers_to") < 0)),
        "paid_on_time": per_cell(due, (col("paid") >= col("claim")).mean()),
        "days_to_pay": median(in_days(coins)),
        "true_dso": restricted_mean(in_days(coins), 90),
        "receivables": owed.select(*WHO_MONTH, value=col("level") / 100),
        "overdue": stock(spans.with_columns(begin=late)).select(*WHO_MONTH, value=col("level") / 100),
        "ageing": stock(aged, "age").select(*WHO_MONTH, "age", value=col("level") / 100),
        "dso": both.filter(col("sales") > 0).select(*WHO_MONTH, value=col("level") / col("sales") * col("days")),
        "cei": both.sort(WHO_MONTH).select(*WHO_MONTH, value=(could - col("level")) / (could - col("current"))),
    }


def quotes(kind: dict[str, Query]) -> dict[str, Query]:
    first, again = (kind["quote"].filter(col("revision") == number) for number in (1, 2))
    later = again.select("id", again="at", revised="minor")
    orders = kind["order"].filter(col("refers_to") >= 0).select("refers_to", ordered="at", actual="minor")
    pairs = first.join(later, "id", how="left").join(orders, left_on="id", right_on="refers_to")
    chosen = pl.when(col("again") <= col("ordered")).then("revised").otherwise("minor")
    pairs = pairs.with_columns(quoted=chosen)
    near = (col("actual") - col("quoted")).abs() <= col("quoted") // 100 * 10 + col("quoted") % 100 * 10 // 100
    return {
        "quotes": per_cell(first),
        "quoted": money(first),
        "quote_accuracy": per_cell(pairs, near.mean()),
        "quote_ratio": per_cell(pairs, col("actual").sum() / col("quoted").sum()),
        "quote_bias": per_cell(pairs, ((col("actual") / col("quoted")).log() * 1000).round().median() / 1000),
        "quotes_unrevised": per_cell(first.join(later, "id", how="left"), col("revised").is_null().mean()),
    }


def expenses(kind: dict[str, Query]) -> dict[str, Query]:
    spent = kind["expense"].group_by(WHO_MONTH).agg(spent=col("minor").sum())
    sold = kind["invoice"].group_by(WHO_MONTH).agg(below=col("minor").sum())
    orders = kind["order"].group_by(WHO_MONTH).agg(below=pl.len() * 100)
    new = customers(kind)["new_customers"].select(*WHO_MONTH, below=col("value") * 100)
    made = {"sales_expense": money(kind["expense"])}
    for name, below in (("expense_per_order", orders), ("cac", new), ("expense_ratio", sold)):
        ratio = below.join(spent, WHO_MONTH, how="left").filter(col("below") != 0)
        made[name] = ratio.select(*WHO_MONTH, value=col("spent").fill_null(0) / col("below"))
    return made


def contacts(kind: dict[str, Query], ledger: Query) -> dict[str, Query]:
    done = kind["activity"].unique("id", keep="last", maintain_order=True)
    first = ledger.group_by("customer").agg(col("at", "who").first())
    seconds = (pl.min_horizontal("end", UNTIL) - pl.max_horizontal("at", "begin")) // 1_000_000
    lasting = first.join(edges(), how="cross").with_columns(seconds=seconds).filter(col("seconds") > 0)
    exposure = lasting.group_by(WHO_MONTH).agg(seconds=col("seconds").sum())
    n = done.group_by(WHO_MONTH).agg(n=pl.len())
    rate = exposure.join(n, WHO_MONTH, how="left")
    each = lasting.join(done.group_by("customer", *WHO_MONTH).agg(n=pl.len()), ["customer", *WHO_MONTH], how="left")
    each = each.with_columns(col("n").fill_null(0))
    wanted = col("seconds") * col("n").sum() / col("seconds").sum()
    near = pl.concat([done.select("customer", "at", col("month") + shift) for shift in (0, 1)]).join(edges(), "month")
    near = (
        near.filter((col("at") < col("end")) & (col("at") >= col("end") - 30 * DAY))
        .select("customer", "month")
        .unique()
    )
    there = first.join(edges(), how="cross").filter(col("at") < col("end"))
    touched = there.join(near.with_columns(touched=True), ["customer", "month"], how="left")
    later = done.sort("at", maintain_order=True).with_columns(then=col("at").shift(-1).over("customer"))
    gaps = later.select(
        *WHO_MONTH, start="at", stop=col("then").fill_null(UNTIL), cause=col("then").is_not_null().cast(pl.Int8)
    )
    return {
        "contacts": per_cell(done),
        "contact_rate": rate.select(*WHO_MONTH, value=col("n").fill_null(0) / (col("seconds") / 86_400 / 7)),
        "contact_dispersion": per_cell(each, ((col("n") - wanted) ** 2 / wanted).sum() / (pl.len() - 1)),
        "untouched": per_cell(touched, col("touched").is_null().mean()),
        "contact_interval": median(in_days(gaps)),
    }


def service(stays: Query, kind: dict[str, Query]) -> dict[str, Query]:
    lost = STAGES["service"].index("lost")
    cause = pl.when(col("next") < 0).then(0).when(col("next") == lost).then(2).otherwise(1)
    waits = in_minutes(stays.filter(col("stage") == 0).select(
        "who", start="entered", stop=pl.min_horizontal("left", UNTIL), cause=cause, month=month("entered")
    ))  # fmt: skip
    tickets = standing(stays, STAGES["service"])
    solved = in_minutes(tickets)
    spent = kind["expense"].filter(col("case") >= 0)
    cost = spent.group_by(WHO_MONTH).agg(cost=col("minor").sum())
    sold = kind["invoice"].group_by(WHO_MONTH).agg(below=col("minor").sum())
    of_each = tickets.join(spent.group_by("case").agg(cost=col("minor").sum()), "case", how="left")
    return {
        "first_response": median(waits),
        "first_response_within": incidence(waits, 480),
        "resolution_time": median(solved),
        "resolved_within": incidence(solved, 480),
        "service_cost": money(spent),
        "cost_per_ticket": per_cell(of_each, col("cost").fill_null(0).mean() / 100),
        "service_cost_ratio": sold.join(cost, WHO_MONTH, how="left").select(
            *WHO_MONTH, value=col("cost").fill_null(0) / col("below")
        ),
    }


def contracts(signed: Query) -> dict[str, Query]:
    days = signed.with_columns(start=col("at") // DAY, stop=pl.min_horizontal(col("due") // DAY, UNTIL // DAY + 1))
    kept = days.sort("customer", "start").with_columns(
        reach=col("stop").cum_max().over("customer").shift(1).over("customer")
    )
    spells = kept.with_columns(number=(col("start") > col("reach")).fill_null(value=True).cum_sum()).group_by("number")
    spells = spells.agg(col("customer").first(), col("start").min(), col("stop").max())
    starts = edges().select("month", day=col("begin") // DAY, next=col("end") // DAY, edge="begin")
    here = spells.join(starts, how="cross").filter((col("start") < col("day")) & (col("day") <= col("stop")))
    # Who has another spell at the end of the month has not left.
    after = spells.join(starts, how="cross").filter((col("start") < col("next")) & (col("next") <= col("stop")))
    after = after.select("customer", "month", stays=True).unique()
    shown = signed.sort("at").select("customer", "who", signed="at")
    base = here.join(after, ["customer", "month"], how="left").sort("edge")
    owner = base.join_asof(
        shown, left_on="edge", right_on="signed", by="customer", allow_exact_matches=False, check_sortedness=False
    )
    return {"contract_churn": per_cell(owner, col("stays").is_null().mean())}


def complaints(stays: Query, kind: dict[str, Query]) -> dict[str, Query]:
    won = STAGES["complaints"].index("won")
    cases = in_days(standing(stays, STAGES["complaints"]))
    told = kind["complaint"].unique("id", keep="last", maintain_order=True)
    orders = kind["order"].group_by(WHO_MONTH).agg(below=pl.len() / 1000)
    rate = orders.join(told.group_by(WHO_MONTH).agg(n=pl.len()), WHO_MONTH, how="left")
    done = (
        stays.filter(col("stage") == won)
        .group_by("case")
        .agg(col("who").first(), col("entered").first(), again=(col("next") >= 0).any())
    )
    later = told.with_columns(then=col("at").shift(-1).over("customer", "cause"))
    gaps = later.select(
        *WHO_MONTH, start="at", stop=col("then").fill_null(UNTIL), cause=col("then").is_not_null().cast(pl.Int8)
    )
    return {
        "complaints": per_cell(told),
        "complaint_rate": rate.select(*WHO_MONTH, value=col("n").fill_null(0) / col("below")),
        "complaints_resolved": incidence(cases, 30),
        "complaint_resolution_time": median(cases),
        "complaints_reopened": per_cell(done.with_columns(month=month("entered")), col("again").mean()),
        "complaint_recurrence": incidence(in_days(gaps), 90),
    }


def run(held: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """All of them at once."""
    asked = queries(held)
    return dict(zip(asked, pl.collect_all(asked.values()), strict=True))
