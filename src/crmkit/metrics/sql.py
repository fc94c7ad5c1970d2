"""SQL twins: the counters of a KPI, computed where the rows are, by a GROUP BY in the host's own database.

A twin is one statement whose rows are the state of the metric: the same whole numbers by the same keys that the kernels
count, so that figures can be estimated, merged and printed here while the rows stay there. It holds for DuckDB,
PostgreSQL and Spark (under `crmkit.rules.sql.SPARK_SETTINGS`).

What it reads it reads as follows:

- instants are timestamps with a zone; periods are cut in the statement itself, at the microsecond;
- amounts are DECIMAL in units of their currency, or BIGINT in minor units, never floats; they are not converted, and
  currencies stay apart (give a view with converted amounts);
- texts are what they are: an empty one is a value;
- facts of one kind are in the order of time, as `Ledger.from_frame` has them; "seq" orders what is dated alike.

Not every KPI has a twin: `WITHOUT_TWIN` says which, and why.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics import _sql_backlog, _sql_journals, _sql_ledger, _sql_open, _sql_quotes, _sql_receivables
from crmkit.metrics._sql_tables import Asked, Columns, JournalTable, LedgerTable, Tables
from crmkit.metrics._sql_writer import SEVERAL, STRANGE, Piece, Writer
from crmkit.metrics.kpi import (
    activities,
    backlog,
    collections,
    complaints,
    conversion,
    customers,
    cycle,
    expense,
    named,
    open_deals,
    quote_accuracy,
    quotes,
    receivables,
    resolution,
    sales,
    service,
    service_cost,
)
from crmkit.metrics.metric import Metric, State
from crmkit.metrics.states import Counts
from crmkit.rules.dialect import Dialect

__all__ = ["WITHOUT_TWIN", "Asked", "Columns", "JournalTable", "LedgerTable", "Twin", "twin"]

#: The KPIs of the catalogue that have no twin, by key, and why.
WITHOUT_TWIN: Mapping[str, str] = MappingProxyType({
    **dict.fromkeys(
        ("churn_rate", "lost_customers", "contract_churn", "revenue_churn"),
        "it counts civil days of a time zone, whose rules each database has in a version of its own",
    ),
    **dict.fromkeys(
        ("searches_without_result", "card_reuse", "link_rate", "deflection", "stale_cards", "contributions"),
        "no host keeps what is searched and used in a table of a shape that is known",
    ),
    "quote_bias": "it counts logarithms in thousandths, which floats of different makers round differently",
})  # fmt: skip

_TWINS: Mapping[type[Metric], Callable[[Writer, Any], Iterator[Piece]]] = {
    customers.NewCustomers: _sql_ledger.new_customers,
    customers.ReactivatedCustomers: _sql_ledger.reactivated,
    sales.Booked: _sql_ledger.booked,
    sales.Invoiced: _sql_ledger.invoiced,
    quotes.QuotesIssued: _sql_ledger.quotes_issued,
    quotes.QuotesValue: _sql_ledger.quoted,
    conversion.WinRate: _sql_journals.win_rate,
    conversion.StageConversion: _sql_journals.stage_conversion,
    open_deals.OpenDeals: _sql_open.open_number,
    open_deals.OpenPipeline: _sql_open.open_worth,
    open_deals.ExpectedRevenue: _sql_open.expected_revenue,
    open_deals.ExpectedWins: _sql_open.expected_wins,
    open_deals.PipelineHerfindahl: _sql_open.concentrated,
    open_deals.PipelineTopShare: _sql_open.concentrated,
    cycle.ConversionCycle: _sql_journals.conversion_cycle,
    cycle.StageDuration: _sql_journals.stage_time,
    collections.Collected: _sql_ledger.collected,
    collections.Unapplied: _sql_ledger.unapplied,
    collections.OnTime: _sql_receivables.on_time,
    collections.DaysToPay: _sql_receivables.paying,
    collections.TrueDaysSales: _sql_receivables.paying,
    receivables.Receivable: _sql_receivables.receivable,
    receivables.Overdue: _sql_receivables.overdue,
    receivables.Ageing: _sql_receivables.ageing,
    receivables.DaysSales: _sql_receivables.outstanding,
    receivables.CollectionEffectiveness: _sql_receivables.effectiveness,
    quote_accuracy.QuoteAccuracy: _sql_quotes.accuracy,
    quote_accuracy.QuoteRatio: _sql_quotes.ratio,
    quote_accuracy.Unrevised: _sql_ledger.unrevised,
    expense.SalesExpense: _sql_ledger.sales_expense,
    expense.ExpensePerOrder: _sql_ledger.expense_per_order,
    expense.AcquisitionCost: _sql_ledger.acquisition_cost,
    expense.ExpenseRatio: _sql_ledger.expense_ratio,
    activities.Contacts: _sql_ledger.contacts,
    activities.ContactRate: _sql_ledger.contact_rate,
    activities.ContactDispersion: _sql_ledger.contact_rate,
    activities.Untouched: _sql_ledger.untouched,
    activities.ContactInterval: _sql_ledger.contact_interval,
    service.FirstResponse: _sql_journals.waiting_time,
    service.NextResponse: _sql_journals.waiting_time,
    service.FirstWithin: _sql_journals.waiting_within,
    service.ResolutionTime: _sql_journals.resolution_time,
    service.ResolvedWithin: _sql_journals.resolved_within,
    resolution.FirstContact: _sql_backlog.first_contact,
    resolution.TicketsReopened: _sql_backlog.reopened,
    resolution.Escalation: _sql_backlog.escalation,
    backlog.OpenTickets: _sql_backlog.open_tickets,
    backlog.BacklogAge: _sql_backlog.by_age,
    backlog.OldestTicket: _sql_backlog.oldest,
    backlog.BacklogByLimit: _sql_backlog.by_limit,
    backlog.TicketsArrived: _sql_backlog.arrived,
    backlog.TicketsLeft: _sql_backlog.gone,
    backlog.BacklogGrowth: _sql_backlog.growth,
    backlog.DaysToClear: _sql_backlog.clearing,
    service_cost.ServiceCost: _sql_journals.service_cost_,
    service_cost.CostPerTicket: _sql_journals.cost_per_ticket,
    service_cost.ServiceCostRatio: _sql_journals.cost_ratio,
    complaints.Complaints: _sql_ledger.complained,
    complaints.ComplaintRate: _sql_ledger.complaint_rate,
    complaints.Resolved: _sql_journals.resolved,
    complaints.Confirmed: _sql_journals.confirmed,
    complaints.Reopening: _sql_journals.reopening,
    complaints.Recurrence: _sql_ledger.recurrence,
}


@attrs.frozen
class Twin:
    """The statement that counts a metric.

    Attributes:
        metric: the metric.
        asked: what is asked.
        text: the statement; it gives rows of the part, the groups, the number of the period, further keys, a bin, and
            a whole number.
        parts: the keys of each part.
    """

    metric: Metric
    asked: Asked
    text: str
    parts: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        return self.text

    def read(self, rows: Iterable[Sequence[Any]]) -> State:
        """The state, of the rows that the statement gave.

        Raises:
            InvalidValue: if there are stages that the order lacks, costs of several currencies where there may be one,
                or rows of another statement.
        """
        found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in self.parts}
        names, groups = self.asked.buckets.names, len(self.asked.by)
        for part, *rest in rows:
            if part == STRANGE:
                raise InvalidValue("stage order", rest[groups + 1], "lacks this stage, in which there are stays")
            if part == SEVERAL:
                reason = "are of several currencies, and a ticket without costs has none; keep one of them"
                raise InvalidValue(self.metric.key, rest[groups + 1], reason)
            if part not in found:
                raise InvalidValue("rows", part, f"are not those of {self.metric.key}")
            *keys, ticks, n = rest
            wide = len(self.parts[part])
            found[part].append((*keys[:groups], names[keys[groups]], *keys[groups + 1 : wide], ticks, n))
        return {name: Counts.from_table(self.parts[name], listed) for name, listed in found.items()}


def twin(
    metric: Metric | str, asked: Asked, *, tables: Iterable[LedgerTable | JournalTable], dialect: Dialect = "duckdb"
) -> Twin:
    """The statement that counts a metric in a database.

    Args:
        metric: a KPI of `crmkit.metrics.kpi` with its policies, or its key.
        asked: the groups, periods and instant.
        tables: the tables of the host; those of the ledger are read together.
        dialect: the database.

    Raises:
        InvalidValue: for a metric without a twin, with the reason, a table that it needs and that is not there, or an
            unknown dialect.
        NotFound: for a metric or a column that is not there.
    """
    wanted = named(metric) if isinstance(metric, str) else metric
    if type(wanted) not in _TWINS:
        reason = WITHOUT_TWIN.get(wanted.key, "it is none of the catalogue; count it with `measure`")
        raise InvalidValue("metric", wanted.key, f"has no twin in SQL: {reason}")
    writer = Writer(dialect, asked, Tables(tables), wanted.key)
    text, parts = writer.statement(_TWINS[type(wanted)](writer, wanted))
    return Twin(wanted, asked, text, parts)
