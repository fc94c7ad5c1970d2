"""One page of everything that is known: sales, service, knowledge, and what is done about it.

    page = compose(sales=build(journal), facts=facts, loop=loop, rules=backtest(rules, journal), over=quarter)
    page.alerts                                  # what to look at, the most urgent first
    page.to_html(name="Acme", language="en")     # one file, both languages, loads nothing

Each section is a row of a table of small functions, from the sources to a panel, or to why there is none; a source that
is not given is no panel. What to look at is gathered from all panels: what is inferred and bad, by how many margins of
error it is off, then what is inferred and good, then what is counted, by the share that it is.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmkit.errors import CrmkitError, InvalidValue, NotFound
from crmkit.events import Event
from crmkit.improve.review import Review
from crmkit.improve.review import review as make_review
from crmkit.journal import Finding, Ledger
from crmkit.kb.usage import Searched
from crmkit.loop import Loop
from crmkit.metrics import Facts
from crmkit.model import Dated
from crmkit.report import _filters, _loop_panels, _money_panels, _sales_panels, _work_panels
from crmkit.report._sources import Made, Sources
from crmkit.report.figures import Report, build
from crmkit.report.panels import Alert, Panel, Section, Silence, Text
from crmkit.rules.backtest import RuleEffect
from crmkit.values import FiscalCalendar, Period, from_micros, zone

__all__ = ["Page", "compose"]

_Make: TypeAlias = Callable[[Sources], Made]

# What these cannot say is told of deals alone, too.
_OF_DEALS = ("sales", "people")
# In the order of the page. A panel that has no source says so by its title.
_SECTIONS: tuple[tuple[str, Text, tuple[tuple[Text, _Make], ...]], ...] = (
    ("sales", Text("Funnel and flow", "漏斗与流转"), (
        (Text("Known truth", "已知真值"), _loop_panels.truth),
        (Text("Funnel", "漏斗"), _sales_panels.funnel),
        (Text("Conversion", "转化率"), _sales_panels.conversion),
        (Text("Flow", "流转"), _sales_panels.flow),
        (Text("Win curve", "赢单曲线"), _sales_panels.curve),
        (Text("Time in stage", "停留时间"), _sales_panels.times),
    )),
    ("people", Text("People", "人员"), ((Text("Stage x person", "阶段 × 人员"), _sales_panels.people),)),
    ("ahead", Text("What is ahead", "展望"), (
        (Text("Forecast", "预测"), _money_panels.ahead),
        (Text("Open cases", "进行中"), _sales_panels.open_cases),
    )),
    ("money", Text("Sales, lost deals, collections", "销售、输单与回款"), (
        (Text("What sales are made of", "销售构成"), _money_panels.made_of),
        (Text("What changed, and why", "变化及原因"), _money_panels.changed_why),
        (Text("Lost reasons", "输单原因"), _money_panels.lost_reasons),
        (Text("SWOT", "SWOT 分析"), _money_panels.swot_panel),
        (Text("Collections", "回款"), _money_panels.collections),
    )),
    ("service", Text("Service", "服务"), (
        (Text("Response", "响应"), _work_panels.response),
        (Text("Backlog", "积压"), _work_panels.backlog),
        (Text("Complaints", "投诉"), _work_panels.complaints),
    )),
    ("charts", Text("Control charts", "控制图"), ((Text("Control charts", "控制图"), _work_panels.charted),)),
    ("rules", Text("Rules", "规则"), (
        (Text("Backtest of rules", "规则回测"), _work_panels.fired),
        (Text("Warnings passed over", "被越过的警告"), _work_panels.passed_over),
    )),
    ("knowledge", Text("Knowledge", "知识"), (
        (Text("Knowledge at work", "知识使用"), _work_panels.knowledge),
        (Text("Unanswered", "无答案的问题"), _work_panels.unanswered),
    )),
    ("loop", Text("Agenda and improvement", "议程与改进"), (
        (Text("Agenda", "议程"), _loop_panels.agenda),
        (Text("Improvement cases", "改进案例"), _loop_panels.cases),
    )),
    ("data", Text("Data quality", "数据质量"), ((Text("Data quality", "数据质量"), _loop_panels.quality),)),
)  # fmt: skip


@attrs.frozen(eq=False)
class Page:
    """A page, before it is drawn.

    Attributes:
        sections: in order; those that have nothing to say are left out.
        until: the end of observation (aware).
        over: the period that is looked at; None if only the deals are known.
        report: the report of the deals; None without deals.
        states: counters by person, region and month that a browser adds up again; empty if there are none.
    """

    sections: tuple[Section, ...]
    until: datetime
    over: Period | None
    report: Report | None
    states: dict[str, Any]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What to look at, the most urgent first."""
        return Alert.ranked(alert for section in self.sections for alert in section.alerts)

    def panel(self, name: str) -> Panel:
        """A panel by its id.

        Raises:
            NotFound: if it is not on the page.
        """
        by_id = {panel.id: panel for section in self.sections for panel in section.panels}
        if name not in by_id:
            raise NotFound("panel", name, tuple(by_id), "the page")
        return by_id[name]

    def to_html(self, *, name: str, language: str = "en") -> str:
        """The page as one self-contained file; see `crmkit.report.page`."""
        from crmkit.report.page import drawn

        return drawn(self, name=name, language=language)


def compose(
    *,
    sales: Report | None = None,
    facts: Facts | None = None,
    over: Period | None = None,
    loop: Loop | None = None,
    review: Review | None = None,
    rules: Iterable[RuleEffect] = (),
    events: Iterable[Event] = (),
    knowledge: Iterable[Dated] = (),
    findings: Iterable[Finding] = (),
    filters: Sequence[str] = ("who", "region"),
) -> Page:
    """Put a page together.

    Args:
        sales: the report of the deals; made of the journal of `facts` if None.
        facts: what figures are made of: the ledger, the journals of deals, tickets and complaints.
        over: the period to look at; the last whole quarter of the facts if None.
        loop: the improvement cases.
        review: the agenda; made of facts and loop if None.
        rules: what `crmkit.rules.backtest.backtest` said of history; with `before=`, of a version in shadow.
        events: facts of cases, among which the warnings that people passed over are counted.
        knowledge: facts of knowledge at work (`crmkit.kb.usage`): searches, uses and changes of cards, tickets.
        findings: what could not be used elsewhere.
        filters: the columns by which a reader may choose, two at most, where the facts have them.

    Raises:
        InvalidValue: if there is nothing to show.
    """
    known = _joined(facts, tuple(knowledge))
    if sales is None and known is None:
        raise InvalidValue("page", "nothing", "shows nothing; give facts, or the report of the deals")
    if sales is None and known is not None and known.journal is not None:
        sales = build(known.journal, stages=known.stages)
    when = over or (None if known is None else _last_quarter(known))
    agenda = review or (sales.agenda if sales else None) or _reviewed(known, when, loop)
    searches = tuple(one for one in knowledge if isinstance(one, Searched))
    given = Sources(
        sales=sales, facts=known, over=when, review=agenda, cases=loop.cases() if loop else (),
        tally=loop.tally() if loop else None, rules=tuple(rules), events=tuple(events), searches=searches,
        findings=tuple(findings),
    )  # fmt: skip
    sections = tuple(_section(row, given, quiet=known is None and row[0] not in _OF_DEALS) for row in _SECTIONS)
    states = {} if known is None or when is None else _filters.states(known, when, tuple(filters)[:2])
    shown = tuple(one for one in sections if one.panels or one.silent)
    return Page(shown, from_micros(_until(sales, known)), when, sales, states)


def _until(sales: Report | None, facts: Facts | None) -> int:
    ends = [sales.journal.until] if sales is not None else []
    return max([*ends, *([facts.until()] if facts is not None else [])])


def _section(row: tuple[str, Text, tuple[tuple[Text, _Make], ...]], given: Sources, *, quiet: bool) -> Section:
    panels, silent = list[Panel](), list[Silence]()
    for title, make in row[2]:
        try:
            made = make(given)
        except CrmkitError as error:
            made = Text.of(error)
        if isinstance(made, Panel):
            panels.append(made)
        elif made is not None and not quiet:
            silent.append(Silence(title, made))
    return Section(row[0], row[1], tuple(panels), tuple(silent))


def _joined(facts: Facts | None, knowledge: tuple[Dated, ...]) -> Facts | None:
    if not knowledge:
        return facts
    learnt = Ledger.from_facts(knowledge)
    if facts is None:
        return Facts(ledger=learnt)
    parts = [part for part in (facts.ledger, learnt) if part is not None]
    return attrs.evolve(facts, ledger=Ledger.joined(parts))


def _last_quarter(facts: Facts) -> Period:
    day, cut = from_micros(facts.until(), zone(facts.tz)).date(), FiscalCalendar()
    # What is observed up to its last moment is whole.
    return Period.of("quarter", *cut.containing("quarter", day)).previous()


def _reviewed(facts: Facts | None, over: Period | None, loop: Loop | None) -> Review | None:
    if facts is None or over is None:
        return None
    end = min(from_micros(facts.until()), from_micros(over.instants(zone(facts.tz))[1]))
    return make_review(facts, over, cases=loop.cases() if loop else (), at=end)
