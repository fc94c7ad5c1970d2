"""Composition: shares and effects by slow arithmetic, concentration and paradoxes by published numbers."""

import sqlite3
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.adapters.files import read_table
from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Ledger
from crmkit.metrics import composition
from crmkit.metrics.composition import EFFECTS
from crmkit.metrics.states import exact_sums
from crmkit.values import Period

from ._charts import english, said

OLD, NEW = Period.year(2025), Period.year(2026)


def sold(*rows):
    """A ledger of invoices from (year, product, amount, quantity, currency) or fewer."""
    filled = [(*row, *("EUR",)[len(row) - 4 :]) if len(row) == 4 else row for row in rows]
    columns = {
        "id": [str(i) for i in range(len(filled))],
        "at": [f"{row[0]}-06-01" for row in filled],
        "product": [row[1] for row in filled],
        "amount": [row[2] for row in filled],
        "quantity": [row[3] for row in filled],
        "currency": [row[4] for row in filled],
    }
    return Ledger.from_frame(
        columns, kind="invoice", id="id", at="at", amount="amount", currencies="currency", quantity="quantity",
        dims=["product"], tz="UTC",
    )  # fmt: skip


AMOUNTS = st.integers(-(10**6), 10**9).map(lambda cents: f"{cents / 100:.2f}")
ROWS = st.lists(
    st.tuples(
        st.sampled_from([2025, 2026]),
        st.sampled_from(["pen", "ink", "nib", None]),
        AMOUNTS,
        st.sampled_from(["1", "2.5", "7", "-1", None]),
        st.sampled_from(["EUR", "USD"]),
    ),
    min_size=1,
    max_size=25,
)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-(2**40), 2**55)), max_size=60))
def test_sums_are_those_of_whole_numbers(rows):
    """Sums by place equal Python's, beyond the 53 bits of a float too."""
    place, values = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    assert exact_sums(place, values, 5).tolist() == [sum(v for p, v in rows if p == i) for i in range(5)]


def test_a_sum_beyond_64_bits_is_refused():
    """What does not fit is said, not wrapped."""
    with pytest.raises(InvalidValue, match="does not fit 64 bits"):
        exact_sums(np.zeros(4, np.int64), np.full(4, 2**62), 1)


@settings(deadline=None)
@given(ROWS)
def test_shares_add_up(rows):
    """Of each currency: amounts to the whole exactly, rounded shares to 1 exactly, and nothing is lost."""
    parts = composition.shares(sold(*rows), "product")
    for currency in ("EUR", "USD"):
        mine = [row for row in parts if row.currency == currency]
        whole = sum((Decimal(row[2]) for row in rows if row[4] == currency), Decimal(0))
        assert parts.total(currency) == whole
        assert sum(row.n for row in mine) == sum(row[4] == currency for row in rows)
        if mine and whole > 0:
            assert sum(row.shown for row in mine) == 1
            assert all(abs(float(row.shown) - row.share) < 0.001 for row in mine)
            assert mine[-1].cumulative == pytest.approx(1)
        assert [row.amount for row in mine] == sorted((row.amount for row in mine), reverse=True)


def test_classes_of_pareto():
    """A part is A if it begins below 80 %, B below 95 %: the one that crosses a line is in the class before it."""
    rows = composition.shares(sold(*((2026, name, str(n), "1") for name, n in zip("abcdef", (50, 25, 10, 8, 5, 2), strict=True))),
                              "product").rows  # fmt: skip
    assert [row.kind for row in rows] == ["A", "A", "A", "B", "B", "C"]
    assert rows[2].cumulative == 0.85


def test_what_has_no_share_is_told():
    """Rows without an amount, without a value, and wholes that are not above 0 are findings."""
    parts = composition.shares(sold((2026, None, "-5", "1"), (2026, "pen", "what", "1")), "product")
    assert [(row.value, row.amount, row.shown, row.kind) for row in parts] == [(None, Decimal("-5.00"), None, None)]
    assert [finding.reason.partition(";")[0] for finding in parts.findings] == [
        "has no amount", "has no value", "the whole in EUR is not above 0",
    ]  # fmt: skip
    with pytest.raises(InvalidValue, match="no rising shares"):
        composition.shares(sold((2026, "pen", "1", "1")), "product", classes=(0.9, 0.5))
    with pytest.raises(NotFound, match="product"):
        composition.shares(sold((2026, "pen", "1", "1")), "productt")


def test_a_period_takes_its_facts_only():
    """Facts outside the period are in no part."""
    parts = composition.shares(sold((2025, "pen", "1", "1"), (2026, "ink", "2", "1")), "product", over=NEW)
    assert [(row.value, row.amount) for row in parts] == [("ink", Decimal("2.00"))]


# -- concentration


def test_published_measures():
    """Gini of the example in R's `ineq`, and the HHI of the example of the US Department of Justice (2,600 points)."""
    incomes = [541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261]
    assert composition.gini(incomes) == pytest.approx(0.4620911, abs=5e-8)
    assert composition.herfindahl([30, 30, 20, 20]) == pytest.approx(0.26)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
def test_gini_is_half_the_mean_difference(amounts):
    """Gini equals half of the relative mean absolute difference, which is its definition."""
    x = np.array(amounts, float)
    assert composition.gini(x) == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()), abs=1e-12)


def test_gini_and_curve_agree():
    """Twice the area between the Lorenz curve and the diagonal is Gini's coefficient."""
    ledger = sold(*((2026, name, str(n), "1") for name, n in zip("abcde", (5, 9, 1, 40, 3), strict=True)))
    x, y = (np.array(column) for column in list(composition.lorenz(ledger, "product").to_dict().values())[1:])
    area = float((np.diff(x) * (y[1:] + y[:-1])).sum() / 2)
    found = {row.measure: row.value for row in composition.concentration(ledger, "product", top=[2, 9])}
    assert found["gini"] == pytest.approx(1 - 2 * area)
    assert (found["top 2 share"], found["top 9 share"]) == (pytest.approx(49 / 58), 1.0)
    assert found["effective number"] == pytest.approx(1 / found["hhi"])


@pytest.mark.parametrize("drawn", ["parts", "facts"])
def test_intervals_hold_what_they_estimate(drawn):
    """The bootstrap's limits enclose the figure, are the same for the same seed, and narrow as data grow."""
    rng = np.random.default_rng(5)
    widths = []
    for n in (40, 640):
        amounts = np.ceil(rng.lognormal(3, 0.6, n)).astype(int)
        parts = range(n) if drawn == "parts" else rng.integers(5, size=n)
        ledger = sold(*((2026, f"p{part}", str(a), "1") for part, a in zip(parts, amounts, strict=True)))
        one, two = (
            composition.concentration(ledger, "product", rng=np.random.default_rng(1), drawn=drawn, draws=199)
            for _ in range(2)
        )
        assert one == two
        assert all(row.low <= row.value <= row.high for row in one if row.measure == "gini" and drawn == "parts")
        widths.append(one.rows[1].high - one.rows[1].low)
    assert widths[1] < widths[0]


def test_draws_without_an_amount_above_nought_say_nothing():
    """Where a draw holds credit notes only it has no shares, and the limits come from the others, or are the value."""
    ledger = sold((2026, "pen", "5", "1"), (2026, "ink", "-4", "1"))
    for seed in range(12):
        rng = np.random.default_rng(seed)
        found = composition.concentration(ledger, "product", rng=rng, drawn="facts", draws=1, top=[])
        assert all(row.low == row.high == row.value == 1.0 for row in found if row.measure != "gini")


def test_concentration_confesses():
    """Parts below 0 are counted; without a part above 0 there is no value; nonsense is refused."""
    ledger = sold((2026, "pen", "3", "1"), (2026, "ink", "-2", "1"), (2026, "nib", "-1", "1", "USD"))
    found = composition.concentration(ledger, "product", top=[1], rng=np.random.default_rng(0), draws=9)
    assert [(row.currency, row.n, row.n_unusable) for row in found if row.measure == "hhi"] == [
        ("EUR", 1, 1), ("USD", 0, 1),
    ]  # fmt: skip
    assert np.isnan(found.rows[-1].value)
    assert found.findings[-1].count == 2
    assert [row.currency for row in composition.lorenz(ledger, "product")] == ["EUR", "EUR"]
    assert not len(composition.concentration(ledger, "product", over=Period.year(2001)))
    for wrong in ([-1, 2], 3):
        with pytest.raises(InvalidValue, match="below 0 or not finite"):
            composition.gini(wrong)
    with pytest.raises(InvalidValue, match="at least 1"):
        composition.concentration(ledger, "product", top=[0])


# -- what changed


def explained(rows, weights):
    """Volume, mix and price of a ledger of one currency, in fractions, straight from the formulas."""
    q, v = ({part: {2025: Fraction(0), 2026: Fraction(0)} for _, part, *_ in rows} for _ in range(2))
    for year, part, amount, quantity, *_ in rows:
        q[part][year] += Fraction(quantity)
        v[part][year] += Fraction(amount)
    both = [part for part in q if q[part][2025] > 0 and q[part][2026] > 0]
    Q0, Q1 = (sum(q[part][year] for part in both) for year in (2025, 2026))  # noqa: N806 - as in the formulas
    total = dict.fromkeys(("volume", "mix", "price"), Fraction(0))
    for part in both:
        (q0, q1), (v0, v1) = q[part].values(), v[part].values()
        p0, p1, s0, s1 = v0 / q0, v1 / q1, q0 / Q0, q1 / Q1
        if weights == "symmetric":
            total["price"] += (q0 + q1) / 2 * (p1 - p0)
            total["volume"] += (p0 + p1) / 2 * (s0 + s1) / 2 * (Q1 - Q0)
            total["mix"] += (p0 + p1) / 2 * (Q0 + Q1) / 2 * (s1 - s0)
        else:
            total["price"] += q1 * (p1 - p0)
            total["volume"] += p0 * s0 * (Q1 - Q0)
            total["mix"] += p0 * Q1 * (s1 - s0)
    return total


def test_a_bridge_by_hand():
    """10 pens at 2 become 15 at 3, 10 inks at 4 become 5 at 4: price 12.50, volume 0, mix -12.50."""
    ledger = sold((2025, "pen", "20", "10"), (2025, "ink", "40", "10"), (2026, "pen", "45", "15"),
                  (2026, "ink", "20", "5"), (2026, "nib", "7", "1"), (2025, "cap", "3", "1"))  # fmt: skip
    bridge = composition.change(ledger, "product", before=OLD, after=NEW)
    (total,) = bridge.totals
    assert [str(getattr(total, name)) for name in EFFECTS] == ["0.00", "-7.50", "12.50", "7.00", "-3.00", "0.00"]
    assert (total.before, total.after, total.growth) == (Decimal("63.00"), Decimal("72.00"), 9 / 63)
    assert str(bridge).splitlines()[1].startswith("(all)")
    assert [row.value for row in bridge] == ["pen", "ink", "nib", "cap"]


@settings(deadline=None)
@given(ROWS, st.sampled_from(["symmetric", "base period"]), st.sampled_from(["quantity", "facts"]))
def test_effects_add_up_to_the_cent(rows, weights, units):
    """Down every column and across every row, whatever the data: credit notes, missing quantities, two currencies."""
    bridge = composition.change(sold(*rows), "product", before=OLD, after=NEW, weights=weights, units=units)
    for row in (*bridge, *bridge.totals):
        assert sum(getattr(row, name) for name in EFFECTS) == row.change == row.after - row.before
    for total in bridge.totals:
        mine = [row for row in bridge if row.currency == total.currency]
        for name in (*EFFECTS, "before", "after", "change", "n_before", "n_after"):
            assert sum(getattr(row, name) for row in mine) == getattr(total, name)
        given_ = [Decimal(row[2]) * (1 if row[0] == 2026 else -1) for row in rows if row[4] == total.currency]
        assert total.change == sum(given_)


POSITIVE = st.lists(
    st.tuples(
        st.sampled_from([2025, 2026]), st.sampled_from("abcde"), st.integers(1, 10**5).map(str),
        st.sampled_from(["1", "2.5", "3"]),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(deadline=None)
@given(POSITIVE, st.sampled_from(["symmetric", "base period"]))
def test_effects_are_those_of_the_formulas(rows, weights):
    """Each total is within one cent of the formulas in fractions."""
    exact = explained(rows, weights)
    for total in composition.change(sold(*rows), "product", before=OLD, after=NEW, weights=weights).totals:
        for name, value in exact.items():
            assert abs(Fraction(getattr(total, name)) - value) < Fraction(1, 100)


@settings(deadline=None)
@given(POSITIVE)
def test_going_back_undoes_the_effects(rows):
    """Symmetric effects change their sign, to the cent, where the periods change places."""
    back = [(4051 - year, *rest) for year, *rest in rows]
    there, again = (composition.change(sold(*one), "product", before=OLD, after=NEW).totals for one in (rows, back))
    for one, other in zip(there, again, strict=True):
        for name, opposite in (*((n, n) for n in ("volume", "mix", "price")), ("new", "gone")):
            assert abs(getattr(one, name) + getattr(other, opposite)) <= Decimal("0.02")


def test_what_cannot_be_split_is_told():
    """Amounts without a quantity, and parts of which more came back than went out, change without a reason."""
    ledger = sold((2025, "pen", "10", "5"), (2026, "pen", "12", "5"), (2026, "pen", "1", None),
                  (2025, "ink", "5", "1"), (2026, "ink", "-5", "-1"))  # fmt: skip
    bridge = composition.change(ledger, "product", before=OLD, after=NEW)
    found = {row.value: (row.price, row.unsplit) for row in bridge}
    assert found == {"pen": (Decimal("2.00"), Decimal("1.00")), "ink": (Decimal("0.00"), Decimal("-10.00"))}
    assert [finding.count for finding in bridge.findings] == [1, 1]
    dollars = Ledger.joined([ledger, sold((2024, "pen", "1", "1", "USD"))])
    assert [row.currency for row in composition.change(dollars, "product", before=OLD, after=NEW).totals] == ["EUR"]
    with pytest.raises(InvalidValue, match="does not come after"):
        composition.change(ledger, "product", before=NEW, after=OLD)
    bare = Ledger.from_frame({"i": ["1"], "t": ["2025-01-01"], "a": ["1"]}, kind="order", id="i", at="t", amount="a",
                             currency="EUR", tz="UTC")  # fmt: skip
    with pytest.raises(InvalidValue, match="units='facts'"):
        composition.change(bare, "kind", before=OLD, after=NEW)
    assert np.isnan(composition.change(bare, "kind", before=Period.year(2024), after=OLD, units="facts").rows[0].growth)


# -- how it looks, and real data


def test_results_become_frames_and_charts():
    """Every result is a frame in three libraries and a Vega-Lite chart that compiles."""
    vl_convert = pytest.importorskip("vl_convert")
    ledger = sold((2025, "pen", "20", "10"), (2026, None, "40", "10"), (2026, "pen", "45", "15", "USD"))
    results = [
        composition.shares(ledger, "product"), composition.concentration(ledger, "product"),
        composition.lorenz(ledger, "product"), composition.change(ledger, "product", before=OLD, after=NEW),
        composition.rate_change({"a": (1, 2), None: (3, 4)}, {"a": (2, 2)}),
    ]  # fmt: skip
    for result in results:
        assert {len(result.to_frame(backend)) for backend in ("pandas", "polars", "pyarrow")} == {len(result)}
        for lang in ("en", "zh"):
            assert vl_convert.vegalite_to_svg(result.plot(lang)).startswith("<svg")


def test_charts_speak_chinese():
    """Titles, effects, measures and periods of a chart are Chinese where it is asked for; names of the host stay."""
    ledger = sold((2025, "pen", "20", "10"), (2026, None, "40", "10"), (2026, "pen", "45", "15", "USD"))
    pareto, spread = composition.shares(ledger, "product"), composition.concentration(ledger, "product", top=(3,))
    bridge = composition.change(ledger, "product", before=OLD, after=NEW)
    rates = composition.rate_change({"a": (1, 2), None: (3, 4)}, {"a": (2, 2)})
    assert english(pareto.plot("zh"), "value") == {"pen", "product"}
    assert english(spread.plot("zh"), "measure") == {"HHI"}
    assert "前 3 名占比" in said(spread.plot("zh"), "measure")
    assert not english(composition.lorenz(ledger, "product").plot("zh"))
    assert english(bridge.plot("zh"), "effect", "kind") == {"product"}
    assert english(rates.plot("zh"), "value", "period") == set()
    assert {"amount by product", "running share", "(unknown)"} <= said(pareto.plot(), "value")
    assert {"2025 to 2026 by product", "volume", "rise"} <= said(bridge.plot(), "effect", "kind")
    assert {"gini", "top 3 share", "value"} <= said(spread.plot(), "measure")
    assert {"rate and mix", "share of cases", "before"} <= said(rates.plot(), "period")
    with pytest.raises(NotFound, match="language"):
        pareto.plot("fr")


def test_the_two_axes_of_a_pareto_chart():
    """Amounts and running shares share the axis of the parts, and have one of quantities each; currencies too."""
    one, two = (sold((2025, "pen", "20", "10"), (2025, "ink", "40", "10", unit)) for unit in ("EUR", "USD"))
    alone, apart = (composition.shares(ledger, "product").plot() for ledger in (one, two))
    assert alone["resolve"]["scale"] == {"y": "independent"}
    assert apart["spec"]["resolve"]["scale"] == {"y": "independent"}
    assert apart["facet"]["row"]["sort"] == ["EUR", "USD"]


def test_northwind(shared):
    """Order lines of an ERP: shares and effects by category and country, against plain SQL."""
    with sqlite3.connect(f"file:{shared('data', 'erp', 'northwind.sqlite')}?mode=ro", uri=True) as connection:
        sql = """select d.OrderID || '-' || d.ProductID id, date(o.OrderDate) at, c.CategoryName category,
                 o.ShipCountry country, d.Quantity quantity, o.CustomerID customer,
                 cast(round(d.UnitPrice * d.Quantity * (1 - d.Discount) * 100) as integer) cents
                 from "Order Details" d join Orders o using (OrderID) join Products using (ProductID)
                 join Categories c using (CategoryID)"""
        frame = pd.read_sql(sql, connection)
    connection.close()
    frame["amount"] = [f"{cents // 100}.{cents % 100:02}" for cents in frame["cents"]]
    frame["quantity"] = frame["quantity"].astype(str)
    ledger = Ledger.from_frame(
        frame, kind="order", id="id", at="at", amount="amount", currency="USD", quantity="quantity",
        customer="customer", dims=["category", "country"], tz="UTC",
    )  # fmt: skip
    year = frame["at"].str[:4].astype(int)
    first = int(year.min()) + 1
    periods = {"before": Period.year(first), "after": Period.year(first + 1)}
    for by in ("category", "country"):
        expected = frame.groupby(by)["cents"].sum()
        assert {row.value: int(row.amount * 100) for row in composition.shares(ledger, by)} == expected.to_dict()
        (total,) = composition.change(ledger, by, **periods).totals
        sums = frame.groupby(year)["cents"].sum()
        assert int(total.change * 100) == sums[first + 1] - sums[first]
    values = frame.groupby("customer")["cents"].sum().to_numpy(float)
    found = composition.concentration(ledger, "customer", top=[5]).rows
    assert found[1].value == pytest.approx(((values / values.sum()) ** 2).sum())
    assert found[3].value == pytest.approx(np.sort(values)[-5:].sum() / values.sum())


def test_scms(shared):
    """Order lines of USAID with words in cells: the whole is the sum that pandas finds, to the cent."""
    table = read_table(next(shared("data", "sales", "usaid_scms").glob("*.gz")))
    ledger = Ledger.from_frame(
        table, kind="delivery", id="ID", at="Delivered to Client Date", amount="Line Item Value", currency="USD",
        quantity="Line Item Quantity", dims=["Product Group", "Country"], tz="UTC",
    )  # fmt: skip
    parts = composition.shares(ledger, "Country")
    assert parts.total("USD") == Decimal("1627584457.29")
    assert sum(row.n for row in parts) == 10324
    (total,) = composition.change(ledger, "Country", before=Period.year(2012), after=Period.year(2013)).totals
    assert total.unsplit == 0


def test_maven(shared):
    """Won deals of a public export: revenue by product and sector as published, with the misspelt sector as it stands."""
    folder = shared("data", "sales", "maven_crm")
    frame = pd.read_csv(folder / "sales_pipeline.csv").merge(pd.read_csv(folder / "accounts.csv"), "left", "account")
    won = frame[frame["deal_stage"] == "Won"]
    ledger = Ledger.from_frame(
        won, kind="order", id="opportunity_id", at="close_date", amount="close_value", currency="USD",
        customer="account", who="sales_agent", dims=["product", "sector"], tz="UTC",
    )  # fmt: skip
    for by in ("product", "sector"):
        parts = composition.shares(ledger, by)
        assert parts.total("USD") == 10005534
        assert {row.value: row.amount for row in parts} == won.groupby(by)["close_value"].sum().to_dict()
    assert not {"technology", None} & {row.value for row in composition.shares(ledger, "sector")}
    quarters = {"before": Period.quarter(2017, 3), "after": Period.quarter(2017, 4)}
    (total,) = composition.change(ledger, "product", **quarters, units="facts").totals
    assert total.unsplit == 0
    assert total.change == total.volume + total.mix + total.price + total.new + total.gone
