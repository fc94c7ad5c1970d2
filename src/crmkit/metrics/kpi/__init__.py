"""The catalogue: each KPI as a declared `Metric`, one family a chapter.

>>> named("invoiced").about.zh
'开票净额'
"""

from crmkit.errors import NotFound
from crmkit.metrics.kpi import (
    activities,
    backlog,
    collections,
    complaints,
    conversion,
    customers,
    cycle,
    expense,
    knowledge,
    leaving,
    open_deals,
    quote_accuracy,
    quotes,
    receivables,
    resolution,
    sales,
    service,
    service_cost,
)
from crmkit.metrics.metric import Metric

__all__ = ["CATALOGUE", "named"]

#: All KPIs with their usual policies.
CATALOGUE: tuple[Metric, ...] = (
    customers.NewCustomers(),
    customers.ReactivatedCustomers(),
    sales.Booked(),
    sales.Invoiced(),
    open_deals.OpenDeals(),
    open_deals.OpenPipeline(),
    open_deals.ExpectedRevenue(),
    open_deals.ExpectedWins(),
    open_deals.PipelineHerfindahl(),
    open_deals.PipelineTopShare(),
    quotes.QuotesIssued(),
    quotes.QuotesValue(),
    conversion.WinRate(),
    conversion.StageConversion(),
    cycle.ConversionCycle(),
    cycle.StageDuration(),
    collections.Collected(),
    collections.Unapplied(),
    collections.OnTime(),
    collections.DaysToPay(),
    collections.TrueDaysSales(),
    receivables.Receivable(),
    receivables.Overdue(),
    receivables.Ageing(),
    receivables.DaysSales(),
    receivables.CollectionEffectiveness(),
    quote_accuracy.QuoteAccuracy(),
    quote_accuracy.QuoteRatio(),
    quote_accuracy.QuoteBias(),
    quote_accuracy.Unrevised(),
    expense.SalesExpense(),
    expense.ExpensePerOrder(),
    expense.AcquisitionCost(),
    expense.ExpenseRatio(),
    activities.Contacts(),
    activities.ContactRate(),
    activities.ContactDispersion(),
    activities.Untouched(),
    activities.ContactInterval(),
    service.FirstResponse(),
    service.NextResponse(),
    service.FirstWithin(),
    service.ResolutionTime(),
    service.ResolvedWithin(),
    resolution.FirstContact(),
    resolution.TicketsReopened(),
    resolution.Escalation(),
    backlog.OpenTickets(),
    backlog.BacklogAge(),
    backlog.OldestTicket(),
    backlog.BacklogByLimit(),
    backlog.TicketsArrived(),
    backlog.TicketsLeft(),
    backlog.BacklogGrowth(),
    backlog.DaysToClear(),
    service_cost.ServiceCost(),
    service_cost.CostPerTicket(),
    service_cost.ServiceCostRatio(),
    leaving.CustomerChurn(),
    leaving.LostCustomers(),
    leaving.ContractChurn(),
    leaving.RevenueChurn(),
    complaints.Complaints(),
    complaints.ComplaintRate(),
    complaints.Resolved(),
    complaints.Confirmed(),
    complaints.Reopening(),
    complaints.Recurrence(),
    knowledge.SearchesWithoutResult(),
    knowledge.CardReuse(),
    knowledge.LinkRate(),
    knowledge.Deflection(),
    knowledge.StaleCards(),
    knowledge.CardChanges(),
)


def named(key: str) -> Metric:
    """A KPI of the catalogue by its key.

    Raises:
        NotFound: with the nearest key.
    """
    by_key = {metric.key: metric for metric in CATALOGUE}
    if key not in by_key:
        raise NotFound("metric", key, tuple(by_key), "the catalogue")
    return by_key[key]
