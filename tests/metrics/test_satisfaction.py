"""Satisfaction and process: published numbers, permutations by hand, and companies with a planted link and with none."""

import math
from datetime import timedelta
from itertools import combinations, permutations, product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, Ledger
from crmkit.metrics._ranks import somers
from crmkit.metrics.facts import Facts
from crmkit.metrics.satisfaction import satisfaction
from crmkit.values import from_micros

from .kpi.oracle import START

END = START + timedelta(days=60)
STAGES = ["new", "working", "waiting", "solved", "withdrawn"]
DESK = SimpleNamespace(
    stages=[
        SimpleNamespace(name=name, outcome={"solved": "won", "withdrawn": "lost"}.get(name)) for name in STAGES
    ]
)  # fmt: skip
small = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 1)), min_size=2, max_size=14)


def columns(rows):
    """x, y and strata of rows."""
    x, y, g = zip(*rows, strict=True)
    return np.array(x, float), np.array(y, float), np.array(g)


def sign(a, b):
    """-1, 0 or 1."""
    return int(a > b) - int(a < b)


def test_published_table():
    """SAS/STAT, PROC FREQ, "Computing Measures of Association": Somers' D C|R .4427 (.0837), R|C .2569 (.0499)."""
    table = np.array([[26, 26, 23, 18, 9], [6, 7, 9, 14, 23]])
    row, column = (np.repeat(one.ravel(), table.ravel()).astype(float) for one in np.indices(table.shape))
    one, other = somers(row, column), somers(column, row)
    assert (round(one.d, 4), round(one.std_err, 4)) == (0.4427, 0.0837)
    assert (round(other.d, 4), round(other.std_err, 4)) == (0.2569, 0.0499)


@given(small)
def test_one_stratum_is_scipy(rows):
    """The value is that of somersd, the test that of kendalltau with ties."""
    x, y, _ = columns(rows)
    found = somers(x, y)
    if len(set(x)) < 2:
        assert (found.d, found.std_err, found.p, found.limits(0.9)) == (None, None, 1.0, None)
        return
    if len(set(y)) > 1 and len(x) > 2:  # scipy divides by n - 2
        assert found.p == pytest.approx(stats.kendalltau(x, y, method="asymptotic").pvalue)
        expected = stats.somersd(x, y).statistic
        assert found.d == pytest.approx(expected, abs=1e-12)
    if len(set(y)) == 1:
        assert (found.d, found.p) == (0.0, 1.0)


@given(small)
def test_strata_are_those_of_a_loop(rows):
    """Pairs within strata only; and the standard error is that of the derivatives by the weight of each case."""
    x, y, g = columns(rows)
    found = somers(x, y, g)
    pairs = [(i, j) for i, j in combinations(range(len(rows)), 2) if g[i] == g[j] and x[i] != x[j]]
    assert found.pairs == len(pairs)
    if not pairs:
        return

    def weighted(w):
        net = sum(w[i] * w[j] * sign(x[i], x[j]) * sign(y[i], y[j]) for i, j in pairs)
        return net / sum(w[i] * w[j] for i, j in pairs)

    ones = np.ones(len(rows))
    assert found.d == pytest.approx(weighted(ones))
    steps = 1e-5 * np.eye(len(rows))
    slopes = [(weighted(ones + step) - weighted(ones - step)) / 2e-5 for step in steps]
    assert found.std_err == pytest.approx(math.sqrt(sum(slope**2 for slope in slopes)), abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)), min_size=2, max_size=7))
def test_the_test_is_that_of_all_permutations(rows):
    """The variance under no link is that over every way to deal the scores out within strata."""
    x, y, g = columns(rows)
    parts = [np.flatnonzero(g == code) for code in (0, 1)]
    totals = []
    for dealt in product(*(permutations(part) for part in parts)):
        z = y.copy()
        for part, order in zip(parts, dealt, strict=True):
            z[part] = y[list(order)]
        totals.append(
            sum(sign(x[i], x[j]) * sign(z[i], z[j]) for i, j in combinations(range(len(x)), 2) if g[i] == g[j])
        )
    here = sum(sign(x[i], x[j]) * sign(y[i], y[j]) for i, j in combinations(range(len(x)), 2) if g[i] == g[j])
    spread = float(np.mean(np.square(totals)))
    expected = math.erfc(abs(here) / math.sqrt(2.0 * spread)) if spread else 1.0
    assert np.mean(totals) == pytest.approx(0.0, abs=1e-9)
    assert somers(x, y, g).p == pytest.approx(expected)


def company(rng, n, *, link=0.0, urgent=0.0, silent=0.0, answer=0.6):
    """A service desk: waits, resolutions, hand-overs, reopenings; scores of 1 to 5 of those who answer.

    Args:
        rng: chance.
        n: tickets.
        link: by how much the score falls with the logarithm of the time to the resolution.
        urgent: by how much urgent tickets are quicker, and rated worse.
        silent: by how much those who waited long are less likely to answer.
        answer: the share that answers otherwise.
    """
    rows, scores = [], {}
    for number in range(n):
        case, hot = f"T{number}", rng.random() < 0.5
        at = START + timedelta(hours=float(rng.uniform(0, 400)))
        wait, work = rng.lognormal(0, 1), rng.lognormal(1.5 - urgent * hot, 1)
        steps = [("new", "desk", 0.0), ("working", "wei", wait)]
        if rng.random() < 0.3:
            steps.append(("working", "li", wait + work / 2))
        if rng.random() < 0.3:
            steps.append(("waiting", "li", wait + 0.7 * work))
        steps.append(("solved", "li", wait + work))
        if rng.random() < 0.2:
            steps += [("working", "li", wait + work + 5), ("solved", "li", wait + work + 9)]
        rows += [(case, stage, who, at + timedelta(hours=float(hours)), "hot" if hot else "mild")
                 for stage, who, hours in steps]  # fmt: skip
        feeling = 3.4 - link * math.log(work) - urgent * 0.8 * hot + rng.normal()
        if rng.random() < answer - silent * (work > math.exp(1.5)):
            scores[case] = float(min(5, max(1, round(feeling))))
    frame = dict(zip(("t", "s", "w", "a", "urgency"), map(list, zip(*rows, strict=True)), strict=True))
    journal = Journal.from_frame(
        frame, case="t", stage="s", at="a", who="w", dims=["urgency"], stages=STAGES, as_of=END
    )  # fmt: skip
    return Facts(service=journal, service_stages=DESK), scores


def test_a_planted_link_is_found():
    """Slow resolutions please less: it comes first, the wait for the first answer is not blamed."""
    made = satisfaction(*company(np.random.default_rng(3), 400, link=0.6), contacts="waiting")
    assert made.rows[0].figure == "resolution"
    assert made.rows[0].linked
    assert made.rows[0].d < made.rows[0].high < 0.0
    assert made.rows[0].least > made.rows[0].most
    assert {row.figure for row in made if row.linked} <= {"resolution", "contacts"}
    assert made.n < made.closed == 400
    assert made.answered_low < made.answered < made.answered_high


def test_without_a_link_hardly_any_is_found():
    """In 200 companies of six figures each, calls are as rare as was allowed: in at most a tenth, but for chance."""
    rng, calls = np.random.default_rng(11), 0
    for _ in range(200):
        made = satisfaction(*company(rng, 80), contacts="waiting", q=0.1)
        calls += any(row.linked for row in made)
    assert calls <= 32  # more has a chance of 1 % if one company in ten makes a call


def test_limits_hold_at_their_level():
    """The interval of a planted link holds what two thousand tickets say in 95 of 100 companies, but for chance."""
    rng = np.random.default_rng(5)
    truth = next(row.d for row in satisfaction(*company(rng, 4000, link=0.4)) if row.figure == "resolution")
    held = 0
    for _ in range(150):
        row = next(row for row in satisfaction(*company(rng, 120, link=0.4)) if row.figure == "resolution")
        held += row.low <= truth <= row.high
    assert held >= 134  # fewer has a chance of 1 %


def test_what_is_held_fixed_explains_nothing():
    """Urgent tickets are quicker and rated worse: quickness looks bad until they are compared among themselves."""
    facts, scores = company(np.random.default_rng(8), 900, urgent=1.2)
    crude, fixed = (
        next(row for row in satisfaction(facts, scores, by=by) if row.figure == "resolution")
        for by in (None, "urgency")
    )
    assert crude.linked
    assert crude.d == crude.crude == fixed.crude > 0
    assert not fixed.linked
    assert abs(fixed.d) < abs(fixed.crude) / 2
    assert "of the same urgency" in str(satisfaction(facts, scores, by="urgency"))


def test_who_answers_is_looked_at():
    """Where the slow do not answer, that is said, in both languages."""
    facts, scores = company(np.random.default_rng(4), 500, silent=0.4)
    made = satisfaction(facts, scores)
    slow = next(row for row in made if row.figure == "resolution")
    assert slow.answering < 0
    assert slow.answering_q < 0.1
    assert "Those who answered were not served like the rest (minutes to the resolution" in str(made)
    assert "答复者所受服务与其他客户不同（解决分钟数" in made.to_text("zh")
    same = satisfaction(*company(np.random.default_rng(4), 500), contacts="waiting")
    assert "served no differently" in str(same)
    with pytest.raises(NotFound, match="language"):
        made.to_text("fr")


def plain(n=24, *, score=None):
    """Tickets of an hour each more, all answered, the slower the worse."""
    rows = []
    for number in range(n):
        at = START + timedelta(days=number)
        rows += [(f"T{number}", "new", at), (f"T{number}", "solved", at + timedelta(hours=number + 1))]
    frame = dict(zip("tsa", map(list, zip(*rows, strict=True)), strict=True))
    journal = Journal.from_frame(frame, case="t", stage="s", at="a", stages=STAGES, as_of=END)
    told = {f"T{number}": score or float(n - number) for number in range(n)}
    return Facts(service=journal, service_stages=DESK), told


def test_everybody_answered_and_all_pairs_agree():
    """No limits where every pair agrees, nothing to say of who is silent, and figures that never differ are named."""
    made = satisfaction(*plain())
    assert [(row.figure, row.d, row.low, row.high, row.answering) for row in made] == [
        ("first_response", -1.0, None, None, None), ("resolution", -1.0, None, None, None)
    ]  # fmt: skip
    assert made.constant == ("hand_overs", "reopenings", "returns", "contacts")
    assert (made.answered, made.top) == (1.0, 1 / 24)
    rest = "mean score 18.50 up to the median, 6.50 above"
    asked = (
        "Somers' D of the score: of two tickets that differ in a figure, how much more often the one with more of it"
    )
    assert str(made).splitlines() == [
        "Scores of 24 of 24 closed tickets (100%, 86% to 100%), mean 12.50; 0 did not answer",
        f"{asked} is rated higher than lower",
        f"  minutes to the first response: -1.00 (no limits), q 0.000: satisfaction falls with it; {rest}",
        f"  minutes to the resolution: -1.00 (no limits), q 0.000: satisfaction falls with it; {rest}",
        "The same for all tickets, so not judged: hand-overs, reopenings, returns to an earlier stage, further contacts",
        "4% gave the highest score: what differs among them is not seen",
        "2 figures were looked at; of those called links 10% may be chance",
        "An association, no proof of a cause: hard tickets take longer and please less, whoever handles them",
    ]
    assert "越多越不满意" in made.to_text("zh")
    rising = satisfaction(plain()[0], {f"T{number}": float(number) for number in range(24)})
    assert "satisfaction rises with it" in str(rising)
    level = satisfaction(*plain(score=5.0))
    assert [row.linked for row in level] == [False, False]
    assert level.top == 1.0


def test_scores_that_have_no_closed_ticket_are_counted():
    """Of unknown tickets, and of open ones."""
    facts, scores = plain()
    late = facts.service.as_of(START + timedelta(days=23, minutes=1))
    made = satisfaction(Facts(service=late, service_stages=DESK), {**scores, "X": 1.0, "Y": 2.0})
    assert (made.n, made.closed, made.unmatched, made.early) == (23, 23, 2, 1)
    assert "Left out: 2 scores of unknown tickets, 1 of tickets that are still open" in str(made)


def test_figures_are_those_of_a_loop():
    """Hand-overs, reopenings, returns and contacts of one ticket, counted by hand; activities are contacts, too."""
    facts, scores = plain()
    steps = [("new", "desk"), ("working", "wei"), ("working", "li"), ("waiting", "li"), ("working", None), ("solved", "li"),
             ("working", "wei"), ("solved", "wei")]  # fmt: skip
    odd = Journal.from_frame(
        {"t": ["Z"] * 8, "s": [stage for stage, _ in steps], "w": [who for _, who in steps],
         "a": [START + timedelta(hours=hour) for hour in range(8)]},
        case="t", stage="s", at="a", who="w", stages=STAGES, as_of=END,
    )  # fmt: skip
    ledger = Ledger.from_frame(
        {"n": ["1", "2", "3"], "at": [START, START, START], "c": ["Z", "Z", None]},
        kind="activity", id="n", at="at", case="c",
    )  # fmt: skip
    rows = [*facts.service.rows(), *odd.rows()]
    frame = {
        "t": [r[0] for r in rows], "s": [r[1] for r in rows], "a": [from_micros(r[2]) for r in rows], "w": [r[5] for r in rows],
    }  # fmt: skip
    whole = Journal.from_frame(frame, case="t", stage="s", at="a", who="w", stages=STAGES, as_of=END)
    from crmkit.metrics._process_figures import closed_tickets
    from crmkit.metrics.satisfaction import _view

    made = closed_tickets(
        _view(Facts(service=whole, service_stages=DESK, ledger=ledger)), waiting=(), paused=("waiting",),
        contacts=("waiting",),
    )  # fmt: skip
    place = made.cases.index("Z")
    assert {name: column[place] for name, column in made.figures.items()} == {
        "first_response": 60.0, "resolution": 360.0, "hand_overs": 2.0, "reopenings": 1.0, "returns": 3.0, "contacts": 3.0,
    }  # fmt: skip
    assert scores


def test_what_cannot_be_ranked_is_refused():
    """Few scores, a score that is none, a share that is none, a stage and a column that are not there, no tickets."""
    facts, scores = plain()
    with pytest.raises(InvalidValue, match="too few to rank"):
        satisfaction(facts, {case: scores[case] for case in [*scores][:19]})
    with pytest.raises(InvalidValue, match="of ticket 'T3' is no finite number"):
        satisfaction(facts, {**scores, "T3": math.nan})
    with pytest.raises(InvalidValue, match="q"):
        satisfaction(facts, scores, q=1.0)
    with pytest.raises(NotFound, match="phone"):
        satisfaction(facts, scores, contacts="phone")
    with pytest.raises(NotFound, match="product"):
        satisfaction(facts, scores, by="product")
    with pytest.raises(InvalidValue, match="have no service journal"):
        satisfaction(Facts(journal=facts.service), scores)
