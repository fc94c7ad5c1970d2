"""Twins of the sales expectation: the stays that last at the end of each period, and those that ended before it."""

from collections.abc import Iterator

import attrs

from crmkit.journal import OPEN
from crmkit.metrics._sql_writer import DAY_US, Piece, Writer, amounts
from crmkit.metrics.kpi import open_deals
from crmkit.metrics.metric import UNUSABLE
from crmkit.metrics.view import TableName
from crmkit.values import Currency

__all__ = ["concentrated", "expected_revenue", "expected_wins", "open_number", "open_worth", "standing"]


def _open(of: Writer, which: TableName = "journal") -> str:
    return of.one_of("stage", of.order(which).open)


def _age(of: Writer, since: str, at: str) -> str:
    """Days between instants on the grid of `_snapshots`, which ends with the last period."""
    origin = int(of.asked.buckets.edges[-1]) - 1
    return f"{of.div(f'{origin} - {since}', DAY_US)} - {of.div(f'{origin} - {at}', DAY_US)}"


def standing(of: Writer, stays: str, which: TableName = "journal") -> str:
    """Stays in open stages, once for each period at whose end they last: as `Snapshots` has them."""
    lasts = f"t.entered < p.seen AND t.left_at >= p.seen AND p.since <= {of.asked.until} AND {_open(of, which)}"
    rows = f"SELECT t.*, p.period, p.seen - 1 AS stood FROM {stays} t JOIN {of.periods()} p ON {lasts}"
    return of.let("standing", f"SELECT t.*, {_age(of, 'entered', 'stood')} AS age FROM ({rows}) t")


def _priced(of: Writer) -> str:
    """Stays with the last amount that their deal has said by then, in minor units: as `_snapshots.priced` has them."""
    stays, unit = of.stays("journal"), of.unit("journal")
    row = "PARTITION BY matter ORDER BY entered, left_at, seq ROWS UNBOUNDED PRECEDING"
    told = f"SELECT t.*, {unit} AS unit, COUNT(cents) OVER ({row}) AS telling FROM {stays} t"
    last = f"SELECT t.*, MAX(cents) OVER (PARTITION BY matter, telling) AS said FROM ({told}) t"
    minor, known = "CASE unit", "said IS NOT NULL"
    for code, digits in Currency.unusual().items():
        scaled = f"said * {10 ** (digits - 2)}" if digits > 2 else of.div("said", 10 ** (2 - digits))
        minor += f" WHEN {of.text(code)} THEN {scaled}"
        if digits < 2:
            known += f" AND (unit <> {of.text(code)} OR MOD(said, {10 ** (2 - digits)}) = 0)"
    scaled = f"CASE WHEN {known} THEN {minor} ELSE said END END AS minor, CASE WHEN {known} THEN unit END AS currency"
    return of.let("priced", f"SELECT t.*, {scaled} FROM ({last}) t")


def open_number(of: Writer, _metric: open_deals.OpenDeals) -> Iterator[Piece]:
    """Open deals."""
    yield Piece(name="deals", source=standing(of, of.stays("journal")), period="period")


def open_worth(of: Writer, _metric: open_deals.OpenPipeline) -> Iterator[Piece]:
    """What they are worth."""
    for piece in amounts(standing(of, _priced(of)), count="deals"):
        yield attrs.evolve(piece, period="period")


def concentrated(of: Writer, metric: open_deals.PipelineHerfindahl | open_deals.PipelineTopShare) -> Iterator[Piece]:
    """What they are worth, by part; amounts below 0 have no share."""
    held, cluster = standing(of, _priced(of)), "matter"
    if metric.of != "case":
        held, cluster = of.let("parted", of.beside(held, "journal", {"part_of": metric.of})), "part_of"
    yield Piece(name=UNUSABLE, source=held, period="period", where="currency IS NOT NULL AND minor < 0")
    priced = amounts(held, count="deals", key="money", keys={"cluster": cluster})
    for piece in priced:
        kept = piece if piece.name == UNUSABLE else attrs.evolve(piece, where="currency IS NOT NULL AND minor >= 0")
        yield attrs.evolve(kept, period="period")


def _history(of: Writer, stays: str) -> str:
    """Stays in open stages that ended: as `_snapshots.history` has them."""
    order, first = of.order("journal"), int(of.asked.buckets.edges[0])
    end = (
        f"CASE WHEN {of.one_of('next_stage', order.won)} THEN 'won' WHEN {of.one_of('next_stage', order.lost)} "
        "THEN 'lost' WHEN next_stage IS NOT NULL THEN 'moved' END AS ending"
    )
    rows = (
        f"SELECT t.*, {end}, GREATEST(left_at, {first}) AS counts, {_age(of, 'entered', 'left_at')} AS age "
        f"FROM {stays} t WHERE left_at <> {OPEN} AND {_open(of)}"
    )
    return of.let("ended", rows)


def expected_wins(of: Writer, _metric: open_deals.ExpectedWins) -> Iterator[Piece]:
    """Open deals by stage and age, and how earlier stays ended."""
    stays = of.stays("journal")
    held = standing(of, stays)
    for name in ("deals", "lasting"):
        yield Piece(name=name, source=held, period="period", bin="age", keys={"stage": "stage"})
    yield _ended(_history(of, stays))


def expected_revenue(of: Writer, _metric: open_deals.ExpectedRevenue) -> Iterator[Piece]:
    """Amounts of open deals by stage and age, and how earlier stays ended."""
    stays = _priced(of)
    held = standing(of, stays)
    for piece in amounts(held, count="deals"):
        keys = piece.keys if piece.name == UNUSABLE else {"stage": "stage", **piece.keys}
        yield attrs.evolve(piece, period="period", bin="0" if piece.name == UNUSABLE else "age", keys=keys)
    lasting, ended = _nominal(of, held), _ended(_nominal(of, _history(of, stays)))
    yield Piece(
        name="lasting", source=lasting, period="period", bin="age", keys={"stage": "stage", "currency": "nominal"}
    )
    yield attrs.evolve(ended, keys={**ended.keys, "currency": "nominal"})


def _ended(source: str) -> Piece:
    keys = {"stage": "stage", "end": "ending", "next": "CASE WHEN ending = 'moved' THEN next_stage END"}
    return Piece(name="ended", source=source, at="counts", bin="age", keys=keys)


def _nominal(of: Writer, source: str) -> str:
    """Chances are of all currencies together: a stay without one is kept under the first, as `open_deals` does."""
    rows = f"SELECT t.*, COALESCE(unit, MIN(unit) OVER (), 'XXX') AS nominal FROM {source} t"
    return of.let(f"nominal_{source}", rows)
