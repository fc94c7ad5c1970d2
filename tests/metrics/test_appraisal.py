"""Scorecards: targets of every kind, missing data, gates, limits, uncertainty, words in two languages."""

import math
from datetime import date
from decimal import Decimal

import attrs
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN
from crmkit.metrics._asking import a_year_earlier
from crmkit.metrics.appraisal import Absolute, Gate, Scheme, ShareOfTeam, Span, Target, VersusLastYear, appraise
from crmkit.metrics.estimators import garwood, wilson
from crmkit.metrics.kpi.conversion import WinRate
from crmkit.metrics.kpi.cycle import ConversionCycle
from crmkit.metrics.measure import measure
from crmkit.model import Payment
from crmkit.values import FiscalCalendar, Money, Period

from ._charts import english, said
from .appraised import END, QUARTER, deals, facts, invoice, invoices, scheme

CYCLE = ConversionCycle(horizon_days=40)
RATE = WinRate(horizon_days=40)


def made(*targets, of=None, by="who", members=None, **how):
    """The scorecards of the first quarter of 2026."""
    given = facts() if of is None else of
    return appraise(given, scheme(*targets, **how), over=QUARTER, by=by, members=members, as_of=END)


def row(cards, member, number=0):
    """One result."""
    return cards[member].results[number]


def test_attainment_of_an_exact_figure():
    """A sum has no sampling error: it is met or missed, by its ratio to the target, and makes points by weight."""
    cards = made(
        Target("invoiced", Absolute("1000", team="2000"), weight=3), Target("new_customers", Absolute(1), weight=1)
    )
    wei, li, team = (row(cards, name) for name in ("wei", "li", None))
    assert (wei.exact, wei.attainment, wei.verdict) == ("1000.50 EUR", 1.0005, "met")
    assert (li.attainment, li.verdict, li.points) == (0.75, "missed", Decimal("56.25"))
    assert (team.attainment, team.confidence, team.attainment_low) == (1750.5 / 2000, None, None)
    assert cards["li"].score == Decimal("56.25") + row(cards, "li", 1).points
    assert [card.member for card in cards.cards] == [None, "li", "wei"]
    assert cards.team is cards[None]
    with pytest.raises(NotFound, match="wei"):
        _ = cards["wie"]


def test_targets_by_name_and_of_the_team():
    """One for each by name; who has none is told so, and so is the team."""
    cards = made(Target("invoiced", Absolute({"wei": Money("500", "EUR")})), members=["wei", "li"])
    assert row(cards, "wei").attainment == 2.001
    assert (row(cards, "li").verdict, row(cards, None).verdict) == ("no target", "no target")
    assert row(cards, "li").note == "no target was set for this member"
    assert cards["li"].score is None
    assert "no data or target for invoiced" in cards["li"].why
    alone = made(Target("invoiced", Absolute(1000)), by=None)
    assert [card.member for card in alone.cards] == [None]
    assert row(alone, None).attainment == 1.7505


def test_a_share_of_the_team():
    """Of a sum, a part; of a rate, all of it; by name if shares differ; no target of the team itself."""
    half = made(Target("invoiced", ShareOfTeam("0.5")))
    assert row(half, "wei").full == 875.25
    assert row(half, None).verdict == "no target"
    named = made(Target("invoiced", ShareOfTeam({"wei": "0.6"})))
    assert row(named, "wei").attainment == pytest.approx(1000.5 / (0.6 * 1750.5))
    assert row(named, "li").verdict == "no target"
    rate = made(Target(RATE, ShareOfTeam(1)), of=facts(journal=deals()))
    assert row(rate, "li").full == pytest.approx(0.75)
    nobody = appraise(facts(), scheme(Target("collected", ShareOfTeam(1))), over=QUARTER, members=["wei"], as_of=END)
    assert row(nobody, "wei").note == ""
    assert row(nobody, "wei").verdict == "no data"


def test_versus_last_year():
    """A multiple of one's own figure a year earlier; without one, or of 0, there is no target."""
    before = invoices([(10, "wei", "Acme", "500"), (20, "ana", "Beta", "10")], year=2025)
    cards = made(
        Target("invoiced", VersusLastYear("1.1")), of=facts([*before, *invoices()]), members=["wei", "li", "ana"]
    )
    assert row(cards, "wei").full == pytest.approx(550)
    assert row(cards, "wei").attainment == pytest.approx(1000.5 / 550)
    assert (row(cards, "li").verdict, row(cards, "li").note) == (
        "no target",
        "what the target is taken from is not above 0",
    )
    assert row(cards, "ana").attainment == 0.0
    late = made(Target(RATE, VersusLastYear()), of=facts(journal=deals()))
    assert row(late, "wei").note == "no figure of the year before"


def test_the_year_before_has_an_interval_too():
    """Two counts: the limits of their ratio by MOVER-R are wider than those of the one against a sure target."""

    def rows(n, year):
        return invoices([(day, "wei", f"C{year}-{day}", "10") for day in range(n)], year=year)

    both = facts([*rows(20, 2025), *rows(30, 2026)])
    cards = made(Target("new_customers", VersusLastYear()), of=both)
    sure = made(Target("new_customers", Absolute(20)), of=both)
    one, other = row(cards, "wei"), row(sure, "wei")
    assert one.attainment == other.attainment == 1.5
    assert one.attainment_low < other.attainment_low < 1.5 < other.attainment_high < one.attainment_high
    (low, high), (least, most) = (tuple(map(float, garwood(n))) for n in (30, 20))
    # The roots satisfy the equation that defines them: the ratio is as far off as both limits together.
    for ratio, own, base in ((one.attainment_low, low, most), (one.attainment_high, high, least)):
        assert (30 - ratio * 20) ** 2 == pytest.approx((30 - own) ** 2 + ratio**2 * (base - 20) ** 2)
    none = made(Target("new_customers", VersusLastYear()), of=facts(rows(1, 2025)), members=["wei"])
    assert (row(none, "wei").attainment, row(none, "wei").attainment_low) == (0.0, 0.0)


def test_less_is_better():
    """What should be less attains 2 - value / target, and its interval is turned round; against the year before too."""
    cards = made(Target(CYCLE, Absolute(20, team=20)), of=facts(journal=deals()))
    team = row(cards, None)
    assert team.attainment == pytest.approx(2 - team.value / 20)
    assert team.attainment_low == pytest.approx(2 - team.high / 20)
    assert team.attainment_high == pytest.approx(2 - team.low / 20)
    rows = [invoice(n, n, "wei", f"C{n % 3}", "10", year=year) for year in (2025, 2026) for n in range(9)]
    lost = made(Target("dso", VersusLastYear()), of=facts(rows))
    assert row(lost, "wei").attainment is None or row(lost, "wei").attainment <= 2


def test_spans_have_a_beginning_and_may_end_at_nothing():
    """From ten to none is a target of 0 that a ratio could not express."""
    cards = made(Target("new_customers", Span(10, 0)), Target("receivables", Span("2000", "0")))
    wei = row(cards, "wei")
    assert wei.attainment == pytest.approx((10 - wei.value) / 10)
    assert wei.attainment_low < wei.attainment < wei.attainment_high
    assert row(cards, "li", 1).attainment == pytest.approx(1 - 750 / 2000)


def test_floor_and_cap():
    """What is counted lies within them; the attainment is told as it is."""
    cards = made(Target("invoiced", Absolute(500), cap="1.2"), Target("new_customers", Absolute(90), floor="0.3"))
    assert (row(cards, "wei").attainment, row(cards, "wei").counted) == (2.001, 1.2)
    assert row(cards, "wei", 1).counted == 0.3
    assert cards["wei"].score == Decimal("75.00")
    assert cards["wei"].low == pytest.approx(75.0)


def test_intervals_verdicts_and_notes():
    """A rate is met, missed, or too few to say; what rests on few is noted."""
    of = facts(journal=deals())
    straddles, low, high = (row(made(Target(RATE, Absolute(goal)), of=of), "wei") for goal in ("0.6", "0.01", "0.99"))
    assert straddles.verdict == "too few to say"
    assert "by chance anything from" in straddles.note
    assert (low.verdict, high.verdict) == ("met", "missed")
    assert straddles.attainment_low == pytest.approx(straddles.low / 0.6)
    few = made(Target(RATE, Absolute("0.01", team="0.01")), of=of, least=30)
    assert row(few, "wei").note == "rests on 20, fewer than 30: chance decides"
    assert row(few, None).note == ""
    assert row(made(Target(RATE, Absolute("0.99")), of=of, least=30), "wei").note.startswith("rests on 20")


def test_confidence_is_that_of_the_interval_that_reaches_the_target():
    """By inverting Garwood's and Aalen-Johansen's limits, found between steps; sure ends are 0 and 1."""
    many = facts(invoices([(day, "wei", f"C{day}", "10") for day in range(30)]))
    for goal in (20, 25, 30, 31, 36, 45):
        result = row(made(Target("new_customers", Absolute(goal)), of=many), "wei")
        met = goal <= 30
        level = _reaching(goal, met=met)
        assert result.confidence == pytest.approx((1 + level) / 2 if met else (1 - level) / 2, abs=0.006)
    assert row(made(Target("new_customers", Absolute(1)), of=many), "wei").confidence == 1.0
    assert row(made(Target("new_customers", Absolute(900)), of=many), "wei").confidence == 0.0


def _reaching(goal, *, met):
    """The level whose Garwood interval of 30 just reaches a goal, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        level = (low + high) / 2
        limits = garwood(30, level=min(max(level, 1e-9), 1 - 1e-12))
        inside = limits[0] > goal if met else limits[1] < goal
        low, high = (level, high) if inside else (low, level)
    return low


def test_confidence_without_a_limit():
    """A cycle whose band has no upper end is never sure to be short enough."""
    listed = deals(n=2, won=1)
    cards = made(Target(CYCLE, Absolute(4, team=4)), of=facts(journal=listed))
    result = row(cards, None)
    assert result.attainment_low is None
    assert result.attainment_high is not None
    assert 0.0 <= result.confidence <= 1.0
    assert result.verdict in ("missed", "too few to say")


def test_missing_figures_reweight_or_void():
    """Either the others count for it, or there is no score; both are stated."""
    targets = Target("invoiced", Absolute(1000), weight=1), Target(RATE, Absolute("0.5"), weight=3)
    fresh = facts(journal=deals()[:2])
    cards = made(*targets, of=fresh, members=["ana", "li"])
    assert (row(cards, "ana").share, row(cards, "ana", 1).verdict) == ("1", "no data")
    assert cards["ana"].score == Decimal("0.00")
    void = made(*targets, of=fresh, members=["ana", "li"], missing="void")
    assert (void["ana"].score, void["ana"].raw) == (None, None)
    assert void["ana"].why == "no score: no data or target for win_rate"
    assert "a KPI without data or target leaves no score" in str(void)
    assert "the others for it" in str(cards)


def test_young_figures_are_told():
    """Facts whose outcome is not known yet are no data, and the card says how many they are."""
    cards = made(Target(WinRate(horizon_days=300), Absolute("0.5", team="0.5")), of=facts(journal=_open_deals()))
    assert row(cards, None).note == "no figure of 4, of which 4 last"


def _open_deals():
    """Four deals that last."""
    journal = deals(n=4)
    kept = journal[journal.stages.codes == 0]
    return attrs.evolve(kept, left=kept.left * 0 + OPEN, next=kept.next * 0 - 1)


def test_gates_cap_and_void():
    """A condition that fails caps the score or voids it; without data it passes or fails as agreed."""
    gates = [Gate("new_customers", at_least=3, cap="0.5"), Gate("booked", at_least=1, unknown="fails", cap="0.9")]
    cards = made(gates=gates)
    assert (cards["wei"].score, cards["wei"].raw) == (Decimal("90.00"), Decimal("100.05"))
    assert cards["li"].score == Decimal("50.00")
    assert "at most 50.00 points: new_customers is not >= 3" in cards["li"].why
    assert [gate.passed for gate in cards["li"].gates] == [False, False]
    void = made(gates=[Gate("invoiced", at_least=800, at_most=2000)])
    assert (void["wei"].score, void["li"].score) == (Decimal("100.05"), None)
    assert void["li"].why == "void: invoiced is not >= 800 and <= 2000"
    passing = made(gates=[Gate("booked", at_least=1)])
    assert passing["li"].score == Decimal("75.00")


def test_a_kpi_by_stage_or_currency_says_which():
    """Several figures of one KPI are told apart by where=; money by its currency."""
    of = facts(
        [*invoices(), attrs.evolve(invoice(9, 3, "wei", "Acme", "1"), amount=Money("7", "USD"))], journal=deals()
    )
    with pytest.raises(InvalidValue, match="is one of 2: EUR, USD"):
        made(Target("invoiced", Absolute(1)), of=of)
    assert row(made(Target("invoiced", Absolute(Money("7", "USD"))), of=of), "wei").attainment == 1.0
    assert row(made(Target("invoiced", Span(Money("0", "USD"), Money("14", "USD"))), of=of), "wei").attainment == 0.5
    staged = Target("stage_conversion", Absolute("0.5"), where={"stage": "lead"})
    assert staged.label == "stage_conversion stage=lead"
    assert row(made(staged, of=of), "wei").value == pytest.approx(0.5)
    both = made(
        Target("invoiced", Absolute(7), where={"currency": "USD"}), Target("invoiced", Absolute(Money(9, "EUR"))), of=of
    )
    assert [result.label for result in both["wei"].results] == ["invoiced currency=USD", "invoiced currency=EUR"]


def test_shown_and_not_judged():
    """A KPI without a goal is on the card, and in no score."""
    cards = made(Target("invoiced", Absolute(1000)), Target("receivables"))
    assert (row(cards, "wei", 1).verdict, row(cards, "wei", 1).points) == ("no target", Decimal("0.00"))
    assert cards["wei"].score == Decimal("100.05")


def test_what_is_lost_is_told():
    """Rows that cannot be used, and figures that belong to no member, on the card and under it."""
    bare = [
        attrs.evolve(invoice(9, 3, "wei", "Acme", "1"), amount=None),
        attrs.evolve(invoice(8, 3, "wei", "x", "5"), who=None),
    ]
    cards = made(Target("invoiced", Absolute(1000)), Target("new_customers"), of=facts([*invoices(), *bare]))
    assert row(cards, "wei").note == "1 rows could not be used"
    assert {
        "column": "who",
        "reason": "invoiced: of no member; in the team's figures only",
        "count": 1,
    } in cards.header["findings"]
    assert "who: invoiced: of no member" in str(cards)
    several = made(Target("collected"), Target("invoiced", Absolute(1)), of=facts([*invoices(), _stray()]))
    assert [one["count"] for one in several.header["findings"]] == [1]


def _stray():
    """A payment for an invoice that is not there."""
    return Payment(id="P", at=END, customer="Acme", who="wei", amount=Money("1", "EUR"), refers_to="R0")


def test_members_of_whom_nothing_is_recorded():
    """Whoever sold nothing has sold nothing: 0 with the interval of 0, not no data."""
    cards = made(Target("invoiced", Absolute(1000)), Target("new_customers", Absolute(2)), members=["ana"])
    assert (row(cards, "ana").exact, row(cards, "ana").attainment) == ("0.00 EUR", 0.0)
    assert row(cards, "ana", 1).high == pytest.approx(float(garwood(0)[1]))
    assert len(cards.cards) == 2
    empty = made(Target("booked", Absolute(1)), members=["ana"])
    assert row(empty, "ana").verdict == "no data"


def test_figures_are_those_of_measure():
    """A card shows what `measure` gives, by person and for all."""
    of = facts(journal=deals())
    cards = made(Target(RATE, Absolute("0.5")), of=of)
    single = measure(of, [RATE], by=["who"], over=QUARTER, as_of=END)
    for name in ("wei", "li"):
        figure, result = single["win_rate", name], row(cards, name)
        assert (result.value, result.low, result.high, result.n) == (figure.value, figure.low, figure.high, figure.n)
    assert wilson(1, 2)[0] < single.interval(0.5)["win_rate", "li"].low


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: Absolute(0), "leave out the goal"),
        (lambda: Absolute(-1), "is no target"),
        (lambda: Absolute({}), "names nobody"),
        (lambda: Absolute("much"), "is none"),
        (lambda: Absolute(True), "is none"),
        (lambda: Absolute(math.inf), "is none"),
        (lambda: Absolute({"a": Money(1, "EUR"), "b": Money(1, "USD")}), "several currencies"),
        (lambda: ShareOfTeam(0), "is no target"),
        (lambda: VersusLastYear("0"), "is no target"),
        (lambda: Span(3, 3.0), "begins where it ends"),
        (lambda: Target("invoiced", Absolute(1), weight=0), "not above 0"),
        (lambda: Target("invoiced", Absolute(1), cap=0), "not above the floor"),
        (lambda: Target("receivables", Absolute(1)), "has no better side"),
        (lambda: Target("invoiced", Absolute(1), where={"stage": "x"}), "is divided by; it has currency"),
        (lambda: Target("win_rate", Absolute(1), where={"stage": "x"}), "it has nothing"),
        (lambda: Gate("invoiced"), "has no condition"),
        (lambda: Gate("invoiced", at_least=1, cap=-1), "is no cap"),
        (lambda: Gate("invoiced", at_least=1, unknown="maybe"), "neither 'passes'"),
        (lambda: Scheme("x", [Target("invoiced")]), "has no target"),
        (lambda: scheme(missing="zero"), "neither 'reweight'"),
        (lambda: scheme(level=1.0), "confidence level"),
        (lambda: scheme(*[Target("invoiced", Absolute(1))] * 2), "is there twice"),
        (lambda: scheme(gates=[Gate("invoiced", at_least=1)] * 2), "is there twice"),
    ],
)
def test_what_is_no_scheme_is_refused(wrong, why):
    """With the thing, what is wrong, and what to do."""
    with pytest.raises(InvalidValue, match=why):
        wrong()


def test_cards_in_two_languages_as_frame_and_chart():
    """Tables for people, columns for programs, a chart with intervals and the target."""
    vl_convert = pytest.importorskip("vl_convert")
    cards = made(Target(RATE, Absolute("0.6")), Target("invoiced", Absolute(1000)), of=facts(journal=deals()))
    assert "too few to say" in str(cards)
    chinese = cards.to_text("zh")
    assert "赢单率" in chinese
    assert "数据太少，无法判断" in chinese
    assert "（团队）: 无总分" in chinese
    assert "(team): no score" in str(cards)
    frame = cards.to_frame("pandas")
    assert list(frame["label"][2:4]) == ["win_rate", "invoiced"]
    spec = cards.plot()
    assert {value["member"] for value in spec["data"]["values"]} == {"(team)", "wei", "li"}
    assert spec["facet"]["row"]["field"] == "member"
    assert {"Win rate", "too few to say", "attainment"} <= said(spec, "name", "verdict")
    assert not english(cards.plot("zh"), "name_zh", "verdict")
    assert "（团队）" in said(cards.plot("zh"), "member")
    for lang in ("en", "zh"):
        assert vl_convert.vegalite_to_svg(cards.plot(lang)).startswith("<svg")
    with pytest.raises(NotFound, match="language"):
        cards.plot("fr")
    open_ended = made(Target(CYCLE, Absolute(4, team=4)), of=facts(journal=deals(n=2, won=1)))
    assert "-∞" in str(open_ended)


@pytest.mark.parametrize(
    ("over", "earlier"),
    [
        (QUARTER, Period.quarter(2025, 1)),
        (Period.year(2026, FiscalCalendar(starts=4)), Period.year(2025, FiscalCalendar(starts=4))),
        (Period(date(2024, 2, 29), date(2024, 3, 5)), Period(date(2023, 2, 28), date(2023, 3, 5))),
        (Period(date(2026, 1, 5), date(2026, 1, 12)), Period(date(2025, 1, 5), date(2025, 1, 12))),
    ],
)
def test_a_year_earlier(over, earlier):
    """The same unit of the calendar, or the same civil days."""
    assert a_year_earlier(over) == earlier
