"""Strengths, weaknesses, opportunities and threats, drawn from the figures, each with its evidence (T5).

Strengths and weaknesses are differences inside the company that are more than chance: how cases of one segment or
person get on, and how long that takes, against the rest. Opportunities and threats are changes from one period to
another in what comes and goes: new cases, sales, losses to competitors, customers who leave, and dependence on one. All
comparisons that were made are judged together, so that a longer list does not cry wolf more often; those for which
there was not enough are told too.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable, Journal, Ledger
from crmkit.metrics import _swot_flows as flows
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._checks import confidence
from crmkit.metrics._signal_words import Lang
from crmkit.metrics._swot_inside import Comparison, Indicator, Table, inside
from crmkit.metrics._swot_words import stated
from crmkit.metrics._vega import Spec, layered, nominal, number, plain, whiskers
from crmkit.metrics.churn import Spells
from crmkit.metrics.estimators import benjamini_hochberg
from crmkit.metrics.policy import StageOrder, definition_id
from crmkit.values import Period, zone
from crmkit.values.display import Chart, Told

__all__ = ["Indicator", "Quadrant", "Silence", "Statement", "Swot", "Table", "swot"]

#: Where a statement stands.
Quadrant: TypeAlias = Literal["strength", "weakness", "opportunity", "threat"]

_ORDER: tuple[Quadrant, ...] = ("strength", "weakness", "opportunity", "threat")
_TITLES = {
    "en": {"strength": "Strengths", "weakness": "Weaknesses", "opportunity": "Opportunities", "threat": "Threats"},
    "zh": {"strength": "优势", "weakness": "劣势", "opportunity": "机会", "threat": "威胁"},
}
_NOTHING = {"en": "nothing beyond chance", "zh": "无超出偶然的发现"}
_LAST = {
    "en": "{made} comparisons; {skipped} more had too little data. Of the statements at most {false} may be chance.",
    "zh": "共比较 {made} 项；另有 {skipped} 项数据不足。上述结论中至多约 {false} 项可能出于偶然。",
}


@attrs.frozen
class Statement:
    """One statement, with its evidence.

    Attributes:
        quadrant: where it stands.
        text: the statement in English.
        text_zh: the statement in Chinese.
        figure: what is compared.
        dimension: what segments are of; "" for the whole.
        segment: which one.
        stage: the stage, if it is about one.
        currency: the currency, if it is about money.
        value: the figure: a share, days, new cases a day, or minor units a day.
        base: what it is compared with.
        low: lower limit of the figure.
        high: upper limit.
        p: p value; of "largest share" one-sided, of all others two-sided.
        q: the false discovery rate at which it is told, over all comparisons made.
        n: what it rests on.
        n_open: of this, not ended yet (censored).
        method: the test and the interval.
        definition: the id of the definition.
        table: where its rows are: the journal, the ledger, or the spells.
        rows: the numbers of the rows behind the figure, int64; see `Swot.evidence`.
    """

    quadrant: Quadrant
    text: str
    text_zh: str
    figure: Indicator
    dimension: str
    segment: str
    stage: str | None
    currency: str | None
    value: float
    base: float
    low: float
    high: float
    p: float
    q: float
    n: int
    n_open: int
    method: str
    definition: str
    table: Table
    rows: npt.NDArray[np.int64] = attrs.field(repr=False, eq=False)


@attrs.frozen
class Silence:
    """Comparisons that could not be made.

    Attributes:
        figure: what would have been compared.
        dimension: by what; "" for the whole.
        n: how many of them.
        of: of how many.
        reason: why.
    """

    figure: Indicator
    dimension: str
    n: int
    of: int
    reason: str


@attrs.frozen
class Swot(Told, Frameable[Statement]):
    """What stands out: strengths, weaknesses, opportunities, threats.

    Attributes:
        rows: the statements, the surest first in each quadrant.
        n_comparisons: how many comparisons were made.
        rate: the false discovery rate that was asked for.
        silent: what there was not enough for.
        definition: the id of the definition.
    """

    rows: tuple[Statement, ...]
    n_comparisons: int
    rate: float
    silent: tuple[Silence, ...]
    definition: str
    _journal: Journal | None = attrs.field(repr=False, eq=False)
    _ledger: Ledger | None = attrs.field(repr=False, eq=False)

    @property
    def strengths(self) -> tuple[Statement, ...]:
        """What we do better in one place than in the others."""
        return self._of("strength")

    @property
    def weaknesses(self) -> tuple[Statement, ...]:
        """What we do worse in one place than in the others."""
        return self._of("weakness")

    @property
    def opportunities(self) -> tuple[Statement, ...]:
        """What changes to our advantage."""
        return self._of("opportunity")

    @property
    def threats(self) -> tuple[Statement, ...]:
        """What changes to our disadvantage."""
        return self._of("threat")

    @property
    def false_statements(self) -> float:
        """How many of the statements may be chance, at most, on average."""
        return self.rate * len(self.rows)

    def _of(self, quadrant: Quadrant) -> tuple[Statement, ...]:
        return tuple(row for row in self.rows if row.quadrant == quadrant)

    def evidence(self, statement: Statement) -> Journal | Ledger | None:
        """The rows behind a statement: a journal or a ledger; None for customers who left, who are in your spells."""
        table = {"journal": self._journal, "ledger": self._ledger}.get(statement.table)
        return None if table is None else table[statement.rows]

    def to_dict(self) -> dict[str, list[Any]]:
        """The statements as columns; `rows` is how many rows there are behind each."""
        names = [field.name for field in attrs.fields(Statement)]
        columns = {name: [getattr(row, name) for row in self.rows] for name in names if name != "rows"}
        return {**columns, "rows": [len(row.rows) for row in self.rows]}

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The statements by quadrant, and what there was not enough for, in English or Chinese."""
        lines: list[str] = []
        for quadrant in _ORDER:
            found = [row.text if lang == "en" else row.text_zh for row in self._of(quadrant)]
            lines += [_TITLES[lang][quadrant], *(f"- {line}" for line in found or [_NOTHING[lang]])]
        skipped = sum(one.n for one in self.silent)
        numbers = {"made": self.n_comparisons, "skipped": skipped, "false": f"{self.false_statements:.1f}"}
        return "\n".join([*lines, _LAST[lang].format(**numbers)])

    def plot(self, lang: Lang = "en") -> Chart:
        """How far each figure is from what it is compared with, as a ratio with its limits; a chart a quadrant.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say = speaking(lang)
        text = "text_zh" if lang == "zh" else "text"
        found = plain(self.rows, (text, "quadrant", "value", "base", "low", "high", "q"))
        rows: list[Spec] = [{**row, "quadrant": say(row["quadrant"])} for row in found if row["base"]]
        values = [
            {**row, **{name: row[name] / row["base"] for name in ("value", "low", "high") if row[name] is not None}}
            for row in rows
        ]
        # The statements are long, and are what it is about.
        y = {**nominal(text), "axis": {"labelLimit": 1000}}
        x = number("value", say("times what it is compared with"))
        dot = {"mark": {"type": "point", "filled": True}, "encoding": {"y": y, "x": x}}
        return Chart(layered(values, [whiskers("x", x, {"y": y}), dot], title=say("SWOT"), rows="quadrant"))


def swot(
    journal: Journal | None = None,
    ledger: Ledger | None = None,
    *,
    over: Period,
    versus: Period | None = None,
    by: Sequence[str] = ("who",),
    sales_by: Sequence[str] = (),
    customer: str = "customer",
    competitor: str | None = None,
    spells: Spells | None = None,
    dependence: float = 0.3,
    tz: Any = "UTC",
    stages: Any = None,
    won: Sequence[str] = (),
    lost: Sequence[str] = (),
    rate: float = 0.10,
    level: float = 0.95,
) -> Swot:
    """What stands out in a period: every comparison that survives the number of comparisons made.

    Strengths and weaknesses: the conversion of each stage by segment (the test of `crmkit.metrics.signals`), and
    the time in it (log-rank, against the spread of the others, of whom there must be three). Opportunities and
    threats: new cases by segment (rate ratio by the conditional binomial, with the spread of weeks beyond chance),
    sales by segment (Welch's t of weekly sums), the share of losses to each competitor, the share of customers who
    left, and a customer who brings more than `dependence` of the sales. All p values are adjusted together by
    Benjamini and Hochberg (1995).

    Args:
        journal: the stays; None to say nothing of deals.
        ledger: the facts of one kind, such as orders; None to say nothing of sales.
        over: the period.
        versus: what it is compared with; the one before of the same kind if None.
        by: the journal's columns whose values are compared.
        sales_by: the ledger's columns whose values are compared.
        customer: the ledger's column of which no value should bring too much.
        competitor: the journal's column with who got a lost deal; None to say nothing of it.
        spells: who was a customer when (`crmkit.metrics.churn`); None to say nothing of customers who leave.
        dependence: the share of sales beyond which one customer is a risk.
        tz: the zone whose civil days make up periods.
        stages: a `Pipeline`, or the stage names in order; the journal's own if None.
        won: the stages that mean won, where their names do not say so.
        lost: the stages that mean lost.
        rate: the false discovery rate of the statements.
        level: the confidence of the limits.

    Raises:
        NotFound: if there is no such column.
        InvalidValue: if there is nothing to compare, or the periods overlap.
    """
    earlier = over.previous() if versus is None else versus
    if earlier.end > over.start:
        raise InvalidValue("versus", repr(earlier), f"does not come before {over!r}")
    if journal is None and ledger is None and spells is None:
        raise InvalidValue("swot", "nothing", "was given to compare; give a journal, a ledger, or spells")
    now, before = (period.instants(zone(tz)) for period in (over, earlier))
    against, made = flows.Against(now, before, confidence(level)), list[Comparison]()
    if journal is not None:
        order = StageOrder.of(stages, journal, won, lost)
        made += inside(journal, order, by, now, level)
        made += flows.arrivals(journal, order, by, against)
        if competitor is not None:
            made += flows.losing(journal, order, competitor, against)
    if ledger is not None:
        made += flows.sales(ledger, sales_by, against)
        made += flows.concentrated(ledger, customer, now, dependence, level)
    if spells is not None:
        made += flows.leaving(spells, over, earlier, level)
    definition = definition_id(
        "swot", over=over, versus=earlier, by=list(by), sales_by=list(sales_by), customer=customer,
        competitor=competitor, dependence=dependence, tz=str(tz), rate=rate, level=level,
    )  # fmt: skip
    q = benjamini_hochberg([one.p for one in made]).tolist()
    entries = [_statement(one, share, definition) for one, share in zip(made, q, strict=True) if share <= rate]
    entries.sort(key=lambda row: (_ORDER.index(row.quadrant), row.q, row.p, row.text))
    n = int(np.isfinite([one.p for one in made]).sum())
    return Swot(tuple(entries), n, rate, tuple(_silences(made)), definition, journal, ledger)


def _statement(one: Comparison, q: float, definition: str) -> Statement:
    quadrant = _ORDER[2 * (not one.inside) + (not one.good)]
    text, text_zh = stated(one)
    return Statement(
        quadrant, text, text_zh, one.figure, one.dimension, one.segment, one.stage, one.currency, one.value, one.base,
        one.low, one.high, one.p, q, one.n, one.n_open, one.method, definition, one.table, one.rows,
    )  # fmt: skip


def _silences(made: Sequence[Comparison]) -> Iterator[Silence]:
    alike: dict[tuple[Indicator, str], list[Comparison]] = {}
    for one in made:
        alike.setdefault((one.figure, one.dimension), []).append(one)
    for (figure, dimension), some in alike.items():
        lacking = sum(not np.isfinite(one.p) for one in some)
        if lacking:
            yield Silence(
                figure, dimension, lacking, len(some), "too few observations to tell a difference from chance"
            )
