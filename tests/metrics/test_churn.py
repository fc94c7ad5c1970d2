"""Customers who leave: published fits, slow oracles, laws of merging, and what is refused."""

import datetime as dt
import pathlib
from math import exp, isnan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime
from crmkit.journal import Ledger, code
from crmkit.metrics import churn
from crmkit.metrics._dropout import _beta_rule, _pareto_parts
from crmkit.metrics._fits import maximise
from crmkit.metrics.survival import kaplan_meier
from crmkit.model import Invoice
from crmkit.values import Money, Period

CDNOW = pathlib.Path(__file__).parents[2].parent / "shared" / "data" / "sales" / "cdnow" / "CDNOW_sample.txt"
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
JAN, MONTH = dt.date(2026, 1, 1), dt.timedelta(days=30)


def day(number):
    return JAN + dt.timedelta(days=number)


@pytest.fixture(scope="module")
def cdnow():
    """The purchases of 2,357 customers, those of the first 39 weeks for fitting."""
    if not CDNOW.exists():
        pytest.skip("the CDNOW sample is not here")
    rows = [line.split() for line in CDNOW.read_text().splitlines() if line.strip()]
    days = [dt.datetime.strptime(row[2], "%Y%m%d").replace(tzinfo=dt.UTC).date() for row in rows]
    cents = [round(float(row[4]) * 100) for row in rows]
    return churn.purchases(
        [row[1] for row in rows],
        days,
        cents,
        currency="USD",
        as_of=dt.date(1998, 6, 30),
        calibration=dt.date(1997, 9, 30),
    )


def bought(*rows, as_of=day(100), **more):
    return churn.purchases([who for who, _ in rows], [day(at) for _, at in rows], as_of=as_of, **more)


# -- published numbers


def test_cdnow_counts_are_the_published_ones(cdnow):
    """2,357 customers, 946 of whom bought again, 2,457 times."""
    counts = cdnow.counts()
    assert counts.customers == 2357
    assert (cdnow.frequency > 0).sum() == 946
    assert cdnow.frequency.sum() == counts.frequency @ counts.n == 2457


def test_cdnow_fits_are_the_published_ones(cdnow):
    """BG/NBD (Fader, Hardie & Lee 2005, table 2), Pareto/NBD (ibid.) and gamma-gamma (Fader & Hardie 2013)."""
    bg, pareto, spend = churn.bg_nbd(cdnow), churn.pareto_nbd(cdnow.counts()), churn.gamma_gamma(cdnow)
    assert [bg.r, bg.alpha, bg.a, bg.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)
    assert bg.fit.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert [pareto.r, pareto.alpha, pareto.s, pareto.beta] == pytest.approx([0.553, 10.578, 0.606, 11.669], abs=2e-3)
    assert pareto.fit.log_likelihood == pytest.approx(-9595.0, abs=0.05)
    assert [spend.p, spend.q, spend.gamma] == pytest.approx([6.25, 3.74, 15.44], abs=6e-3)
    assert spend.fit.n == 946
    # The paper's worked example: a customer with x = 2, t_x = 30.43, T = 38.86, 39 weeks ahead.
    assert bg.expected(39, 2, 30.43, 38.86) == pytest.approx(1.226, abs=5e-4)
    assert "maximum likelihood" in str(bg.fit)
    assert bg.fit.definition in str(bg.fit)


def test_the_next_39_weeks_of_cdnow_are_told_before(cdnow):
    """Of those who will not buy the share is right within 0.08, and within 0.15 in each tenth of the customers."""
    for model in (churn.bg_nbd(cdnow), churn.pareto_nbd(cdnow)):
        seen = churn.outlook(model, cdnow, days=273)
        told, quiet = np.array(seen.to_dict()["silent"]), cdnow.later == 0
        assert seen.share == pytest.approx(told.mean())
        assert seen.low < seen.silent < seen.high
        assert abs(seen.share - quiet.mean()) < 0.08
        for tenth in np.array_split(np.argsort(told, kind="stable"), 10):
            assert abs(told[tenth].mean() - quiet[tenth].mean()) < 0.15
        assert sum(seen.to_dict()["expected"]) == pytest.approx(cdnow.later.sum(), rel=0.15)


def test_high_end_is_the_published_fit():
    """Fader & Hardie 2007: alpha 0.668, beta 3.806, LL -1611.2 for the "High end" data; retention rises."""
    seen = churn.Retention.of_survivors(HIGH_END)
    model = churn.shifted_beta_geometric(seen)
    assert [model.alpha, model.beta] == pytest.approx([0.668, 3.806], abs=6e-4)
    assert model.fit.log_likelihood == pytest.approx(-1611.2, abs=0.05)
    assert seen.n_open == 491
    assert [row.survival for row in seen] == pytest.approx([n / 1000 for n in HIGH_END[1:]])
    t = np.arange(1, 13)
    assert model.survival(t) == pytest.approx(np.cumprod(model.rate(t)))
    assert (np.diff(model.rate(t)) > 0).all()
    assert model.expected(2, after=3) == pytest.approx(model.rate(4) * (1 + model.rate(5)))
    assert "491 open" in str(seen)


# -- slow oracles


def test_pareto_parts_are_the_integrals():
    """The likelihood of silence is what adaptive quadrature of the published integrand gives, and so is its slope."""
    from scipy.integrate import quad

    rng = np.random.default_rng(1)
    for _ in range(60):
        theta = np.exp(rng.normal(0, 1.5, 4))
        r, alpha, s, beta = theta
        age = rng.uniform(0.1, 80)
        x, last = rng.choice([(0, 0.0), (3, rng.uniform(0, age)), (40, rng.uniform(age / 2, age))])
        one = np.array([x]), np.array([last]), np.array([age])
        stays, stops, slope = _pareto_parts(theta, *one)
        top = (r + x) * np.log(alpha + last)

        def silent(u, theta=theta, x=x, top=top):
            r, alpha, s, beta = theta
            return s * exp(top - (r + x) * np.log(alpha + u) - (s + 1) * np.log(beta + u))

        value, _ = quad(silent, last, age, epsabs=0, epsrel=1e-10, limit=500)
        assert exp(stops[0] + top) == pytest.approx(value, rel=1e-7)
        assert stays[0] == pytest.approx(-(r + x) * np.log(alpha + age) - s * np.log(beta + age))
        for i in range(4):
            near = np.eye(4)[i] * theta * 1e-5
            rise = _pareto_parts(theta + near, *one)[1] - _pareto_parts(theta - near, *one)[1]
            assert slope[i, 0] == pytest.approx(rise[0] / (2 * near[i]), rel=1e-4, abs=1e-7)


def test_likelihoods_are_those_of_the_stories():
    """LL of BG/NBD and Pareto/NBD is the mean, over what customers are like, of the chance of what one saw."""
    from scipy.integrate import dblquad, quad
    from scipy.special import beta as beta_function
    from scipy.special import gamma

    weeks = [0, 2, 10, 25, 10, 28, 5, 20, 29, 29]
    table = churn.BuyerCounts(
        [0, 1, 1, 1, 2, 2, 3, 4, 4, 8], np.multiply(7, weeks), [210] * 10, [600, 80, 60, 50, 30, 40, 20, 15, 30, 12]
    )
    bg, pareto = churn.bg_nbd(table), churn.pareto_nbd(table)

    # With v = w^8 the density of rates has no pole at 0.
    def rate(shape, scale):
        return lambda w: 8 * scale**shape * w ** (8 * shape - 1) * exp(-scale * w**8) / gamma(shape)

    def bg_story(x, last, age):
        draw = rate(bg.r, bg.alpha)
        stay = lambda w: draw(w) * w ** (8 * x) * exp(-(w**8) * age)
        stop = lambda w: draw(w) * w ** (8 * x) * exp(-(w**8) * last)
        whole = beta_function(bg.a, bg.b)
        kept = beta_function(bg.a, bg.b + x) / whole
        left = beta_function(bg.a + 1, bg.b + x - 1) / whole if x else 0.0
        return kept * quad(stay, 0, 1.7, limit=400)[0] + left * quad(stop, 0, 1.7, limit=400)[0]

    def pareto_story(x, last, age):
        buys, stops = rate(pareto.r, pareto.alpha), rate(pareto.s, pareto.beta)

        def seen(w, u):
            v, m = w**8, u**8
            path = v**x * (m * exp(-(v + m) * last) + v * exp(-(v + m) * age)) / (v + m) if v + m else 0.0
            return buys(w) * stops(u) * path

        return dblquad(seen, 0, 2.0, 0, 1.7, epsabs=1e-9, epsrel=1e-7)[0]

    for model, story, within in ((bg, bg_story, 1e-6), (pareto, pareto_story, 1e-6)):
        rows = zip(table.frequency, table.recency / 7, table.age / 7, table.n, strict=True)
        slow = sum(n * np.log(story(int(x), last, age)) for x, last, age, n in rows)
        assert model.fit.log_likelihood == pytest.approx(slow, rel=within)


def test_beta_rule_is_exact_for_powers():
    """The rule gives the moments of the beta distribution, also where a + b is 1 or the density has a pole."""
    for a, b in ((0.5, 0.5), (0.793, 2.426), (1.0, 1.0), (0.01, 300.0), (5.0, 0.2)):
        p, weight = _beta_rule(a, b)
        assert weight.sum() == pytest.approx(1)
        assert p @ weight == pytest.approx(a / (a + b))
        assert p**2 @ weight == pytest.approx(a * (a + 1) / (a + b) / (a + b + 1))


def test_bg_expectation_is_the_published_form():
    """The mean over Beta is equation 10 of Fader, Hardie & Lee (2005), where that can be computed."""
    from scipy.special import hyp2f1

    model = churn.BgNbd(0.243, 4.414, 0.793, 2.426)
    for x, last, age in ((0, 0.0, 20.0), (2, 30.43, 38.86), (11, 35.0, 38.0)):
        r, alpha, a, b, t = model.r, model.alpha, model.a, model.b, 39.0
        hyper = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
        top = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + t)) ** (r + x) * hyper)
        below = 1 + (x > 0) * a / (b + x - 1) * ((alpha + age) / (alpha + last)) ** (r + x)
        assert model.expected(t, x, last, age) == pytest.approx(top / below, rel=1e-9)


def _lives(rng, model, size, until):
    """Purchase times of customers as each model's story tells them, up to `until`; NaN for no purchase."""
    rate = rng.gamma(model.r, 1 / model.alpha, size)
    times = np.cumsum(rng.exponential(1 / np.maximum(rate, 1e-300)[:, None], (size, 400)), axis=1)
    if isinstance(model, churn.BgNbd):
        p = rng.beta(model.a, model.b, size)
        # The first purchase of all is at 0, and nobody stops after it.
        lasts = np.cumprod(rng.random((size, 400)) >= p[:, None], axis=1)
        dead = np.column_stack([np.zeros(size, bool), lasts[:, :-1] == 0])
    else:
        dead = times > rng.exponential(1 / rng.gamma(model.s, 1 / model.beta, size))[:, None]
    return np.where(dead | (times > until), np.nan, times)


TRUTHS = [churn.BgNbd(0.6, 5.0, 0.8, 2.5), churn.ParetoNbd(0.7, 6.0, 0.8, 14.0), churn.ParetoNbd(1.2, 14.0, 1.0, 6.0)]


@pytest.mark.parametrize("truth", TRUTHS, ids=["bg", "pareto", "pareto-s-1"])
def test_predictions_are_those_of_simulated_lives(truth):
    """Expected purchases and silence agree with Monte Carlo, for new customers and for those with a history."""
    times = _lives(np.random.default_rng(7), truth, 60_000, 90.0)
    seen, ahead = times <= 50, times > 50
    x, later = seen.sum(axis=1), ahead.sum(axis=1)
    last = np.where(x > 0, np.nanmax(np.where(seen, times, 0.0), axis=1), 0.0)
    assert truth.expected(50) == pytest.approx(x.mean(), rel=0.03)
    for group in (x == 0, (x > 0) & (last < 25), (x > 0) & (last >= 25), x >= 8):
        told = truth.expected(40, x[group], last[group], 50.0), truth.silent(40, x[group], last[group], 50.0)
        error = later[group].std() / group.sum() ** 0.5
        assert told[0].mean() == pytest.approx(later[group].mean(), abs=5 * error)
        assert told[1].mean() == pytest.approx((later[group] == 0).mean(), abs=5 * 0.5 / group.sum() ** 0.5)


@pytest.mark.parametrize(
    ("truth", "fit"), [(TRUTHS[0], churn.bg_nbd), (TRUTHS[1], churn.pareto_nbd)], ids=["bg", "pareto"]
)
def test_fits_recover_simulated_parameters(truth, fit):
    """With 8,000 customers each true parameter lies within four standard errors of the estimate."""
    times = _lives(np.random.default_rng(11), truth, 8_000, 60.0)
    x = (~np.isnan(times)).sum(axis=1)
    last = np.where(x > 0, np.nanmax(np.nan_to_num(times), axis=1), 0.0)
    # Hundredths of a unit stand for days, so that rounding to days does not count.
    model = fit(
        churn.BuyerCounts.of(x, np.maximum(np.round(last * 100), x > 0).astype(int), np.full(len(x), 6000)), unit=100
    )
    for row in model.fit:
        assert abs(np.log(row.value / getattr(truth, row.name))) < 4 * row.std_err / row.value
        assert row.low < row.value < row.high


def test_gamma_gamma_recovers_simulated_parameters():
    """Means of gamma purchases give p, q and gamma back, and the population's mean."""
    rng = np.random.default_rng(3)
    customers = [number for number in range(3000) for _ in range(6)]
    rates = rng.gamma(4.0, 1 / 20.0, 3000)
    spent = rng.gamma(5.0, 1 / np.repeat(rates, 6))
    made = churn.purchases(
        np.array(customers), [day(n % 6) for n in range(18_000)], np.round(spent * 100).astype(int),
        currency="EUR", as_of=day(9),
    )  # fmt: skip
    model = churn.gamma_gamma(made)
    for row, true in zip(model.fit, (5.0, 4.0, 20.0), strict=True):
        assert abs(np.log(row.value / true)) < 4 * row.std_err / row.value
    assert model.mean == pytest.approx(5 * 20 / 3, rel=0.05)
    assert isnan(model.correlation)
    assert model.of(made).mean() == pytest.approx(spent.mean(), rel=0.02)
    assert model.expected(0, 0) == pytest.approx(model.mean)
    assert churn.GammaGamma(5, 0.5, 20, "EUR").mean == float("inf")
    assert churn.GammaGamma(5, 0.5, 20, "EUR").expected(0, 0) == float("inf")


def test_one_time_buyers_fall_silent_though_alive():
    """Under BG/NBD a one-time buyer is alive for ever, and ever less likely to buy."""
    model = churn.BgNbd(0.243, 4.414, 0.793, 2.426)
    assert model.alive(0, 0, [1, 100]).tolist() == [1, 1]
    assert model.silent(10, 0, 0, 100) > model.silent(10, 0, 0, 1)
    assert model.silent(0) == 1
    assert churn.ParetoNbd(0.553, 10.578, 0.606, 11.669).alive(0, 0, 100) < 0.3


# -- state


LIVES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 40), st.integers(0, 900)), min_size=3, max_size=30)


@given(LIVES, st.integers(1, 29), st.integers(1, 29))
def test_merging_is_associative_whatever_the_split(rows, one, two):
    """Three parts, merged either way and in any order, are the whole: the same keyed integers, the same counts."""

    def made(part):
        who, at, cents = zip(*part, strict=True)
        return churn.purchases(
            who, [day(n) for n in at], list(cents), currency="EUR", as_of=day(60), calibration=day(45)
        )

    cuts = sorted({0, min(one, len(rows)), min(two, len(rows)), len(rows)})
    parts = [made(rows[i:j]) for i, j in zip(cuts, cuts[1:], strict=False)]
    left = parts[0]
    for part in parts[1:]:
        left = left.merge(part)
    right = parts[-1]
    for part in parts[-2::-1]:
        right = part.merge(right)
    whole = made(rows)
    assert left.table() == right.table() == whole.table()
    assert left.counts().table() == right.counts().table() == whole.counts().table()
    slow = {}
    for who, at, cents in rows:
        slow[who, at] = slow.get((who, at), 0) + cents
    for i, who in enumerate(whole.names):
        days = sorted(at for name, at in slow if name == who)
        assert (whole.frequency[i], whole.recency[i], whole.age[i]) == (len(days) - 1, days[-1] - days[0], 45 - days[0])
        assert whole.repeat_minor[i] == sum(slow[who, at] for at in days[1:])


@given(LIVES, st.integers(0, 4))
def test_counts_of_disjoint_customers_add_up(rows, cut):
    """The tables of two sets of customers, added up, are the table of all."""
    halves = [[row for row in rows if (row[0] < "abcde"[cut]) is side] for side in (True, False)]
    tables = [bought(*((who, at) for who, at, _ in half)).counts() for half in halves if half]
    whole = bought(*((who, at) for who, at, _ in rows)).counts()
    merged = tables[0]
    for table in tables[1:]:
        merged = merged.merge(table)
    assert merged.table() == whole.table()


def test_rows_of_one_day_are_one_purchase_in_the_zone():
    """Two purchases of one civil day are one with their sum; which day it is depends on the zone."""
    at = np.array([0, 3_600_000_000 * 17, 3_600_000_000 * 20])
    made = {
        tz: churn.purchases(["a"] * 3, at, [1, 2, 4], currency="EUR", as_of=dt.date(1970, 1, 9), tz=tz)
        for tz in ("UTC", "Asia/Shanghai", "America/New_York")
    }
    assert made["UTC"].table() == [("a", 0, 7)]
    assert made["Asia/Shanghai"].table() == [("a", 0, 1), ("a", 1, 6)]
    assert made["America/New_York"].table() == [("a", -1, 1), ("a", 0, 6)]
    aware = [dt.datetime(1970, 1, 1, 17, tzinfo=dt.UTC)]
    assert churn.purchases(["a"], aware, as_of=dt.date(1970, 1, 9)).table() == [("a", 0, 0)]
    assert churn.purchases(["a"], [0], as_of=dt.date(1970, 1, 9)).table() == [("a", 0, 0)]


def test_ledgers_give_purchases():
    """Of a ledger the last revision of each id counts; rows without a customer or an amount are counted as such."""
    first = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)

    def invoice(number, customer, at, amount, revision=1):
        money = None if amount is None else Money.from_minor(amount, "EUR")
        return Invoice(id=number, customer=customer, at=first + dt.timedelta(days=at), amount=money, revision=revision)

    facts = [
        invoice("1", "a", 0, 100),
        invoice("1", "a", 0, 90, 2),
        invoice("2", "a", 5, None),
        invoice("3", None, 6, 5),
    ]
    made = churn.Purchases.of_ledger(Ledger.from_facts(facts), as_of=day(30))
    assert made.table() == [("a", 20454, 90), ("a", 20459, 0)]
    assert (made.currency, made.n_unusable, made.n_unpriced) == ("EUR", 1, 1)
    with pytest.raises(InvalidValue, match="'1 purchases' have no amount"):
        churn.gamma_gamma(made)
    plain = churn.Purchases.of_ledger(Ledger.from_facts([facts[2]]), as_of=day(30))
    assert plain.currency is None
    other = Invoice(id="9", customer="b", at=first, amount=Money.from_minor(1, "USD"))
    with pytest.raises(InvalidValue, match="'EUR, USD' are several currencies"):
        churn.Purchases.of_ledger(Ledger.from_facts([facts[0], other]), as_of=day(30))


# -- contracts


def contracts(*rows, as_of=day(400), **more):
    who, start, end = zip(*rows, strict=True)
    ends = [None if last is None else day(last) for last in end]
    return churn.subscriptions(list(who), [day(first) for first in start], ends, as_of=as_of, **more)


SPELLS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 90), st.integers(1, 60) | st.none()), min_size=1, max_size=12
)


@given(SPELLS, st.integers(0, 60), st.integers(1, 40))
def test_churn_is_what_counting_day_by_day_gives(rows, start, length):
    """Active, lost, returned and new agree with sets of days, and the books balance."""
    spells = contracts(*((who, at, None if lasts is None else at + lasts) for who, at, lasts in rows))
    days = {who: set() for who, _, _ in rows}
    for who, at, lasts in rows:
        days[who] |= set(range(at, 600 if lasts is None else at + lasts))
    stop = start + length
    at_start = {who for who in days if start - 1 in days[who]}
    at_end = {who for who in days if stop - 1 in days[who]}
    away = {who for who in days if any(d - 1 in days[who] and d not in days[who] for d in range(start, stop))}
    # An end on the last day is told from the day before; a start on that same day is a renewal.
    period = Period(day(start), day(stop))
    for returning in ("kept", "churned"):
        (row,) = churn.churned(spells, over=period, returning=returning)
        lost = (at_start & away) - at_end if returning == "kept" else at_start & away
        assert (row.base, row.lost, row.returned) == (len(at_start), len(lost), len(at_start & away & at_end))
        assert row.new == len(at_end - at_start)
        if returning == "kept":
            assert row.base + row.new - row.lost == len(at_end)
    (wide,) = churn.churned(spells, over=period, base="active at start or new")
    begins = {who for who in days if any(d in days[who] and d - 1 not in days[who] for d in range(start, stop))}
    assert wide.base == len(at_start | begins)
    assert wide.lost == len(((at_start | begins) & away) - at_end)


def test_churn_at_the_edges_of_a_period():
    """An end on the first day belongs to the period, one on the day after the last to the next; renewals are no end."""
    spells = contracts(("a", 0, 31), ("b", 0, 59), ("c", 0, 20), ("c", 20, None), ("d", 31, None))
    january, february, march = (churn.churned(spells, over=Period.month(2026, month)).rows[0] for month in (1, 2, 3))
    assert (january.base, january.lost, january.new) == (0, 0, 3)
    assert isnan(january.value)
    assert (february.base, february.lost, february.new) == (3, 1, 1)
    assert (march.base, march.lost) == (3, 1)
    assert (january.low, january.high) == (0, 1)
    both = churn.churned(spells, over=Period(day(0), day(59)).split("month"))
    assert [row.lost for row in both] == [0, 1]
    assert "half-open" in str(both)


def test_revenue_churn_counts_leaving_and_paying_less():
    """Of 100 paid as the month began 30 left and 15 was cut; a rise elsewhere does not make up for it."""
    rows = [("a", 0, 40), ("b", 0, 45), ("b", 45, None), ("c", 0, None), ("c", 50, None), ("new", 40, None)]
    spells = contracts(*rows, amounts=[30, 50, 35, 20, 9, 7], currency="EUR")
    people, money = churn.churned(spells, over=Period.month(2026, 2))
    assert (people.base, people.lost, money.base, money.lost, money.new) == (3, 1, 100, 45, 7)
    assert money.value == 0.45
    assert 0 <= money.low < 0.45 < money.high <= 1
    alone = contracts(("a", 0, 40), amounts=[30], currency="EUR")
    assert churn.churned(alone, over=Period.month(2026, 2)).rows[1].value == 1
    nothing = churn.churned(alone, over=Period.month(2026, 5)).rows[1]
    assert isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0, 1)


def test_retention_is_kaplan_meier_by_renewal():
    """With open and late-coming spells the hazards multiply to the product-limit estimate."""
    rng = np.random.default_rng(5)
    start = rng.integers(0, 300, 400)
    renewals = rng.geometric(rng.beta(1, 3, 400))
    end = [int(first + 30 * last - rng.integers(30)) for first, last in zip(start, renewals, strict=True)]
    rows = [(f"c{i}", int(first), last) for i, (first, last) in enumerate(zip(start, end, strict=True))]
    for since in (None, day(120)):
        spells = contracts(*rows, since=since)
        curve = churn.retention(spells, every=30)
        days, entry = spells.end - spells.start, np.maximum((-(10**6) if since is None else 20574) - spells.start, 0)
        last = np.where(spells.ended, np.ceil(days / 30), days // 30).astype(int)
        first = np.ceil(entry / 30).astype(int)
        came = last > first
        slow = kaplan_meier(last[came], spells.ended[came], entry=first[came])
        ages = np.array([row.age for row in curve])
        assert [row.survival for row in curve] == pytest.approx(slow.at(ages))
        for row in curve:
            assert row.at_risk == ((first < row.age) & (row.age <= last))[came].sum()
        seen = days > entry
        by_day = kaplan_meier(days[seen], spells.ended[seen], entry=entry[seen])
        assert churn.lasting(spells).survival == pytest.approx(by_day.survival)
        assert (spells.n_unusable > 0) is (since is not None)
        assert churn.shifted_beta_geometric(curve).fit.n == len(spells)


def test_rows_that_tell_nothing_are_counted():
    """No customer, no start, no length, or a start in the future: unusable, and said so."""
    spells = churn.subscriptions(
        ["a", None, "c", "d", "e"], [day(0), day(0), None, day(3), day(500)], [None, None, None, day(3), None],
        as_of=day(400),
    )  # fmt: skip
    assert (len(spells), spells.n_unusable) == (1, 4)
    assert churn.churned(spells, over=Period.month(2026, 2)).rows[0].n_unusable == 4


# -- the gap rule


def test_gaps_are_judged_by_the_customers_own():
    """A slow buyer is kept where a quick one with the same silence has left; who has few gaps has those of all."""
    quick = [("quick", 2 * n) for n in range(31)]
    slow = [("slow", 30 * n) for n in range(7)]
    spells = churn.lapses(bought(*quick, *slow, ("rare", 0), as_of=day(200)))
    ended = {
        spells.customers[who]: (int(end) - 20454, bool(over))
        for who, end, over in zip(spells.who, spells.end, spells.ended, strict=True)
    }
    assert ended["quick"] == (63, True)
    assert ended["slow"] == (201, False)
    gaps = [2] * 30 + [30] * 6
    assert ended["rare"] == (int(np.ceil(np.quantile(gaps, 0.95))) + 1, True)


@example([("a", 0, 0), ("a", 1, 0), ("a", 2, 0), ("a", 3, 0), ("d", 5, 0), ("d", 36, 0)], 0.9, 2)
@given(LIVES, st.sampled_from([0.5, 0.9, 1.0]), st.integers(1, 3))
def test_gap_spells_are_what_walking_through_them_gives(rows, q, least):
    """Each spell goes on while gaps are within the limit, and ends on the day after it."""
    made = bought(*((who, at) for who, at, _ in rows), as_of=day(50))
    days = {who: sorted({at for name, at, _ in rows if name == who}) for who, _, _ in rows}
    gaps = {who: list(np.diff(at)) for who, at in days.items()}
    every = [gap for own in gaps.values() for gap in own]
    if not every:
        with pytest.raises(InvalidValue, match="nobody bought twice"):
            churn.lapses(made, q=q, least=least)
        return
    slow = []
    for who, at in days.items():
        limit = int(np.ceil(np.quantile(gaps[who] if len(gaps[who]) >= least else every, q) - 1e-9))
        first = at[0]
        for now, then in zip(at, [*at[1:], 10**6], strict=True):
            if then - now > limit:
                slow.append((who, first, min(now + limit + 1, 51), now + limit + 1 < 51))
                first = then
    spells = churn.lapses(made, q=q, least=least)
    names = [spells.customers[who] for who in spells.who]
    found = zip(
        names, (spells.start - 20454).tolist(), (spells.end - 20454).tolist(), spells.ended.tolist(), strict=True
    )
    assert sorted(found) == sorted(slow)


# -- what is refused


def test_fits_without_a_maximum_say_how_far_they_got():
    """Nobody who bought again, customers all alike, and a surface without a top are refused, with the parameters."""
    with pytest.raises(InvalidValue, match="nobody bought twice"):
        churn.bg_nbd(bought(("a", 1), ("b", 2)))
    with pytest.raises(InvalidValue, match=r"r .*alpha .*no maximum: the search did not converge"):
        churn.bg_nbd(churn.BuyerCounts([5], [40], [50], [100]))
    with pytest.raises(InvalidValue, match=r"beta .*did not converge"):
        churn.pareto_nbd(churn.BuyerCounts([5], [40], [50], [100]))
    with pytest.raises(InvalidValue, match="did not converge"):
        churn.shifted_beta_geometric(churn.Retention.of_survivors([1000, 900, 810, 729]))
    with pytest.raises(InvalidValue, match="all or none"):
        churn.shifted_beta_geometric(churn.Retention.of_survivors([10, 10]))
    with pytest.raises(InvalidValue, match="did not converge"):
        maximise(
            lambda at: (float(-np.cos(at[0] * 40).sum() * 0), np.array([np.nan])), {"u": 1.0}, "bad", n=1, policies={}
        )


PLAIN = bought(("a", 1), ("a", 5), ("b", 2))
PAID = churn.purchases(["a"] * 3, [day(0), day(3), day(5)], [5, 7, 9], currency="EUR", as_of=day(9))
CONTRACT = contracts(("a", 0, 90), since=day(10))
MODEL = churn.BgNbd(1, 1, 1, 1)
REFUSED = {
    "nobody": (lambda: churn.purchases([], [], as_of=day(1)), "no row"),
    "late": (lambda: bought(("a", 200)), "'a on 2026-07-20' is after as_of"),
    "calibration after": (lambda: bought(("a", 1), calibration=day(101)), "is after as_of"),
    "calibration before": (lambda: bought(("a", 5), calibration=day(4)), "before the first purchase"),
    "as of": (lambda: bought(("a", 5), as_of=dt.datetime(2026, 3, 1, tzinfo=dt.UTC)), "no civil day"),
    "lengths": (lambda: churn.purchases(["a"], [day(1), day(2)], as_of=day(3)), "'1 rows' do not match the 2"),
    "no currency": (lambda: churn.purchases(["a"], [day(1)], [5], as_of=day(3)), "without a currency"),
    "float": (lambda: churn.purchases(["a"], [day(1)], [5.0], currency="EUR", as_of=day(3)), "minor units"),
    "amounts": (lambda: churn.purchases(["a"], [day(1)], [5, 6], currency="EUR", as_of=day(3)), "do not match the 1"),
    "matrix": (lambda: churn.purchases(["a"], np.zeros((1, 1), int), as_of=day(3)), "no column"),
    "hours": (lambda: churn.purchases(["a"], np.array(["2026-01-01T05"], "M8[h]"), as_of=day(3)), "neither int64"),
    "seconds": (lambda: churn.purchases(["a", "b"], [0, 10**17], as_of=day(3)), "too wide"),
    "naive": (lambda: churn.purchases(["a"], [dt.datetime(2026, 1, 1)], as_of=day(3)), "no time zone"),  # noqa: DTZ001 - refused for it
    "merge": (lambda: PLAIN.merge(PAID), "cannot be merged"),
    "counts float": (lambda: churn.BuyerCounts.of([0.5], [0], [3]), "whole numbers"),
    "counts": (lambda: churn.BuyerCounts([1], [4], [3], [1]), r"\(1, 4, 3, 1\) is no"),
    "columns": (lambda: churn.BuyerCounts([1], [4, 5], [3], [1]), "different lengths"),
    "unit": (lambda: churn.bg_nbd(PLAIN, unit=0), "whole number of days"),
    "no money": (lambda: churn.gamma_gamma(PLAIN), "have no amount"),
    "refund": (lambda: churn.gamma_gamma(attrs_minor(-5)), "'a: -5' minor units"),
    "free": (lambda: churn.gamma_gamma(attrs_minor(0)), "nobody paid twice"),
    "other currency": (lambda: churn.GammaGamma(1, 2, 3, "USD").of(PAID), "are not in USD"),
    "parameter": (lambda: churn.BgNbd(1, 0.0, 1, 1), "alpha: 0.0"),
    "history": (lambda: MODEL.alive(0, 3, 5), "without one after the first"),
    "horizon": (lambda: churn.outlook(MODEL, PLAIN, days=0), "at least a day"),
    "quantile": (lambda: churn.lapses(PLAIN, q=0), "outside 0..1"),
    "least": (lambda: churn.lapses(PLAIN, least=0), "below 1"),
    "backwards": (lambda: contracts(("a", 5, 4)), "'2026-01-05' is before its start, 2026-01-06"),
    "ends": (lambda: churn.subscriptions(["a"], [day(0)], [], as_of=day(9)), "'0 rows' do not match"),
    "spell currency": (lambda: contracts(("a", 0, 5), amounts=[5]), "without a currency"),
    "negative": (lambda: contracts(("a", 0, 5), amounts=[-5], currency="EUR"), "at least 0"),
    "all unusable": (lambda: contracts((None, 0, 5)), "all unusable"),
    "base": (lambda: churn.churned(CONTRACT, over=Period.month(2026, 2), base="all"), "neither 'active at start'"),
    "returning": (lambda: churn.churned(CONTRACT, over=Period.month(2026, 2), returning="?"), "neither 'kept'"),
    "no period": (lambda: churn.churned(CONTRACT, over=[]), "was given"),
    "unfinished": (lambda: churn.churned(CONTRACT, over=Period.year(2027)), "is not over by"),
    "too early": (lambda: churn.churned(CONTRACT, over=Period.month(2026, 1)), "begins before the records"),
    "every": (lambda: churn.retention(CONTRACT, every=0), "whole number of days"),
    "young": (lambda: churn.retention(contracts(("a", 399, None)), every=30), "none has come up"),
    "unseen": (lambda: churn.lasting(contracts(("a", 0, None), since=day(401))), "none was observed"),
    "survivors": (lambda: churn.Retention.of_survivors([5, 6]), "never rise"),
    "cohort": (lambda: churn.Retention.of_survivors([0, 0]), "begin with nobody"),
    "renewal": (lambda: churn.ShiftedBetaGeometric(1, 1).rate(0), "below 1"),
}  # fmt: skip


def attrs_minor(cents):
    """Three days of one customer, each with the same sum."""
    return churn.purchases(["a"] * 3, [day(0), day(3), day(5)], [cents] * 3, currency="EUR", as_of=day(9))


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_a_reason(case):
    """Each mistake is named in words, whatever was asked."""
    call, words = REFUSED[case]
    with pytest.raises((InvalidValue, NaiveDatetime), match=words):
        call()


def test_outlook_has_values_and_a_frame(cdnow):
    """Rows become a frame; with a model of spending each customer has a value."""
    model = churn.BgNbd(0.243, 4.414, 0.793, 2.426)
    seen = churn.outlook(model, cdnow, days=70, spending=churn.gamma_gamma(cdnow))
    frame = seen.to_frame()
    assert list(frame["customer"]) == cdnow.names
    assert (frame["value"] > 0).all()
    assert seen.definition != churn.outlook(model, cdnow, days=71).definition
    assert seen.method.startswith("BG/NBD")


def test_contracts_without_a_row_are_refused():
    """An empty column of instants has no days, and no spells come of it."""
    none = np.zeros(0, np.int64)
    with pytest.raises(InvalidValue, match="all unusable"):
        churn.subscriptions([], none, none, as_of=day(5))


def test_empty_counts_merge_to_empty():
    """A table of nobody is the neutral element."""
    nobody = churn.BuyerCounts([], [], [], [])
    assert nobody.merge(nobody).table() == []
    assert PLAIN.counts().merge(nobody).table() == PLAIN.counts().table()
    assert churn.purchases(code(["a"]), [day(1)], as_of=day(2)).names == ["a"]
