"""Partials on Spark: counted by its workers, added up by its own SUM (extra `spark`).

    found = count(spark.read.parquet("stays"), Moves(), layout)      # crmkit.metrics.partials
    Moves().finish(found.state)

A worker counts the batches of its partition with the same kernel as one core, and sends its counters on as rows; only
counters meet, so the state is the same to the last digit. The workers need crmkit and pyarrow, and the Python that
`PYSPARK_PYTHON` names.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import attrs

from crmkit.adapters._arrow import arrow, blanks, check_columns, check_names, check_ties, filled, plain, together
from crmkit.errors import CrmkitError, ExtraMissing, InputError
from crmkit.journal import Finding, Journal, summarise
from crmkit.journal.blocks import Layout
from crmkit.metrics.partials import Gathered, Partial, from_rows, to_rows

__all__ = ["count"]

S = TypeVar("S")

_SCHEMA = "part string, dims array<string>, key array<string>, bin bigint, n bigint"
_NAMES = ("part", "dims", "key", "bin", "n")
# No part of a partial has such a name.
_STAYS, _FINDING, _ERROR = "\0stays", "\0finding", "\0error"
# What a worker hands to the kernel at a time.
_ROWS = 1 << 18

_Row = tuple[str, Sequence[str], Sequence[str | None], int, int]


def count(
    frame: Any, partial: Partial[S, Any], layout: Layout, *, seq: str | None = None, name: str = "frame"
) -> Gathered[S]:
    """Count the stays in a table of Spark.

    In event form, and where the partial wants whole cases, the rows are partitioned by case and sorted within; else
    they are counted where they lie.

    Args:
        frame: a DataFrame of Spark, of Parquet files, a table or a query.
        partial: what to count.
        layout: what its columns mean. A table has no order of rows: what is dated alike needs `seq`.
        seq: a column that orders the rows of a case that are dated alike.
        name: how the user knows the table, for messages.

    Returns:
        The state that one core would count, and findings without numbers of rows, which Spark has none of.

    Raises:
        NotFound: if a column is not there.
        InputError: if a column cannot be used, or two rows of a case and an instant differ and nothing orders them.
        ExtraMissing: without PySpark or pyarrow.
    """
    try:
        from pyspark.sql import functions
    except ImportError:
        raise ExtraMissing("pyspark", "spark", "counting on Spark") from None
    arrow("counting on Spark", "spark")
    whole = partial.whole_cases or layout.whole_cases
    chosen = _chosen(frame, layout, seq, name, functions)
    if whole:
        order = [_quoted(one) for one in (layout.case, layout.at or layout.entered, seq) if one is not None]
        chosen = chosen.repartition(_quoted(layout.case)).sortWithinPartitions(*order)
    work = _Work(partial, layout, seq, whole, name)

    # Spark wants a function, and a method is none.
    def counted(batches: Iterable[Any]) -> Iterator[Any]:
        return work.batches(batches)

    rows = chosen.mapInArrow(counted, _SCHEMA)
    # Sums of decimals of 19 digits do not wrap, whatever the settings of the session.
    total = functions.sum(functions.col("n").cast("decimal(19, 0)"))
    added = rows.groupBy(*_NAMES[:4]).agg(total.alias("n")).toArrow()
    return _gathered(partial, [tuple(row.values()) for row in added.to_pylist()])


def _chosen(frame: Any, layout: Layout, seq: str | None, name: str, functions: Any) -> Any:
    """The columns that are needed, with ids of cases as texts without blanks around them."""
    wanted = [*layout.columns, *(one for one in (seq,) if one is not None and one not in layout.columns)]
    check_names(frame.columns, wanted, name)
    # Without rows nothing runs, and the types are those that workers will see.
    check_columns(frame.select(*map(_quoted, wanted)).limit(0).toArrow().schema, layout, name)
    case = functions.col(_quoted(layout.case)).cast("string")
    trimmed = functions.nullif(functions.trim(case, functions.lit(blanks())), functions.lit(""))
    rest = [functions.col(_quoted(column)) for column in wanted if column != layout.case]
    return frame.select(trimmed.alias(layout.case), *rest)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


@attrs.frozen
class _Work(Generic[S]):
    """What a worker does with its partition."""

    partial: Partial[S, Any]
    layout: Layout
    seq: str | None
    whole: bool
    name: str

    def batches(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Batches of rows for Spark to add up; an error comes as a row, so that it arrives as it was."""
        pa, _ = arrow("counting on Spark", "spark")
        try:
            rows = list(self._rows(batches))
        except CrmkitError as error:
            rows = [(_ERROR, (), _told(error, self.name), 0, 1)]
        if rows:
            kinds = (pa.string(), pa.list_(pa.string()), pa.list_(pa.string()), pa.int64(), pa.int64())
            columns = zip(zip(*rows, strict=True), kinds, strict=True)
            yield pa.RecordBatch.from_arrays([pa.array(column, kind) for column, kind in columns], names=_NAMES)

    def _rows(self, batches: Iterable[Any]) -> Iterator[_Row]:
        state: Any = self.partial.zero()
        stays = 0
        findings: tuple[Finding, ...] = ()
        for journal in self._journals(batches):
            state, stays = self.partial.update(state, journal), stays + len(journal)
            findings = summarise((*findings, *(attrs.evolve(f, row=None, example=None) for f in journal.findings)))
        yield from to_rows(state)
        yield _STAYS, (), (), 0, stays
        for found in findings:
            yield _FINDING, (), (found.column, found.reason, "dropped" if found.dropped else "kept"), 0, found.count

    def _journals(self, batches: Iterable[Any]) -> Iterator[Journal]:
        more = () if self.seq is None else (self.seq,)
        tables = filled((plain(batch, self.layout, more) for batch in batches), _ROWS)
        for table in together(tables, self.layout.case) if self.whole else tables:
            if self.whole:
                check_ties(table, self.layout, self.name, self.seq)
            yield self.layout.journal(table, name=self.name)


def _told(error: CrmkitError, name: str) -> tuple[str | None, ...]:
    if isinstance(error, InputError):
        return error.source, error.reason, error.remedy, error.column
    return name, str(error), "", None


def _gathered(partial: Partial[S, Any], rows: Iterable[_Row]) -> Gathered[S]:
    """What the workers found.

    Raises:
        InputError: if one of them could not use its rows.
    """
    stays, counters = 0, list[_Row]()
    findings: list[Finding] = []
    for part, dims, key, at, n in rows:
        if part == _ERROR:
            source, reason, remedy, column = key
            raise InputError(source or "", reason or "", remedy or "", None, column)
        if part == _STAYS:
            stays = int(n)
        elif part == _FINDING:
            findings.append(Finding(None, key[0], key[1] or "", int(n), None, key[2] == "dropped"))
        else:
            counters.append((part, dims, key, at, int(n)))
    return Gathered(from_rows(partial, counters), stays, tuple(sorted(findings, key=str)))
