"""Models of customers who leave: published fits, slow oracles, simulated lives, and fits that fail."""

import datetime as dt
import pathlib
from math import exp, isnan

import numpy as np
import pytest

from crmkit.errors import InvalidValue
from crmkit.metrics import churn
from crmkit.metrics._dropout import _beta_rule, _pareto_parts
from crmkit.metrics._fits import maximise

CDNOW = pathlib.Path(__file__).parents[2].parent / "shared" / "data" / "sales" / "cdnow" / "CDNOW_sample.txt"
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
JAN, MONTH = dt.date(2026, 1, 1), dt.timedelta(days=30)


def day(number):
    """The first of January 2026, and so many days."""
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


def test_fits_without_a_maximum_say_how_far_they_got():
    """Nobody who bought again, customers all alike, and a surface without a top are refused, with the parameters."""
    with pytest.raises(InvalidValue, match="nobody bought twice"):
        churn.bg_nbd(churn.BuyerCounts([0], [0], [9], [2]))
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


def test_outlook_has_values_and_a_frame(cdnow):
    """Rows become a frame; with a model of spending each customer has a value."""
    model = churn.BgNbd(0.243, 4.414, 0.793, 2.426)
    seen = churn.outlook(model, cdnow, days=70, spending=churn.gamma_gamma(cdnow))
    frame = seen.to_frame()
    assert list(frame["customer"]) == cdnow.names
    assert (frame["value"] > 0).all()
    assert seen.definition != churn.outlook(model, cdnow, days=71).definition
    assert seen.method.startswith("BG/NBD")
