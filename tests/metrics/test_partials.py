"""Partials: the state of the whole is the sum of the states of its parts, however it is cut and whoever adds."""

import pickle
from datetime import UTC, date, datetime, timedelta
from random import Random

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Coded, Finding, Journal
from crmkit.metrics import Conversion, Facts, StageOrder, conversion, measure, transitions
from crmkit.metrics.kpi import CATALOGUE, cycle, open_deals
from crmkit.metrics.partials import Kpis, Moves, Sojourns, from_rows, gather, to_rows
from crmkit.metrics.policy import CLOCK_US
from crmkit.metrics.sql import Asked
from crmkit.metrics.states import Counts
from crmkit.metrics.survival import kaplan_meier
from crmkit.testing.simulate import sales_pipeline, simulate
from crmkit.testing.strategies import journals
from crmkit.values import Period, from_micros

LINE = sales_pipeline()
NAMES = tuple(stage.name for stage in LINE.stages)
SIMULATED = simulate(n=300, rng=np.random.default_rng(7), people={"wei": 1.0, "li": 2.0}).journal
WHOLE_YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
# Those that need one journal and nothing else.
OF_ONE = {of: [m for m in CATALOGUE if m.about.needs == (of,)] for of in ("journal", "service", "complaints")}


def asked(journal, **more):
    """What is asked of a journal, whichever kind of journal it is taken for."""
    until = from_micros(journal.until, UTC)
    stages = dict.fromkeys(("stages", "service_stages", "complaint_stages"), LINE)
    return Asked(over=WHOLE_YEAR, as_of=until, every="quarter", tz="Europe/Berlin", **stages, **more)


def rich(journal):
    """A journal with amounts and currencies."""
    n = len(journal)
    currency = Coded((np.arange(n) % 3 - 1).astype(np.int32), ("EUR", "JPY"))
    return attrs.evolve(journal, amount=np.arange(n) * 1001, dims={"currency": currency})


def cut(journal, seed, cases):
    """A journal in three parts: any rows, or whole cases."""
    draw = Random(seed)
    of = [draw.randrange(3) for _ in range(max(len(journal), len(journal.cases.values)))]
    part = np.array([of[code if cases else row] for row, code in enumerate(journal.cases.codes.tolist())], np.int64)
    return [journal[part == number] for number in range(3)]


PARTIALS = [
    Moves(), Moves(None), Moves("stage"), Sojourns(NAMES), Sojourns(NAMES, "hour"), Conversion(StageOrder.given(LINE)),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(journals(LINE), st.integers(0, 99), st.sampled_from(PARTIALS))
def test_stays_add_up_however_they_are_cut(journal, seed, partial):
    """One pass, three parts, merged in another order, and rows added up elsewhere: the same integers."""
    whole = partial.update(partial.zero(), journal)
    parts = cut(journal, seed, cases=False)
    assert gather(partial, parts).state == whole
    states = [partial.update(partial.zero(), part) for part in reversed(parts)]
    assert partial.merge(partial.merge(*states[:2]), states[2]) == whole
    rows = [row for state in states for row in to_rows(state)]
    Random(seed).shuffle(rows)
    assert from_rows(partial, rows) == whole
    assert from_rows(partial, []) == partial.zero() == from_rows(partial, to_rows(partial.zero()))


@pytest.mark.parametrize("of", OF_ONE)
@pytest.mark.parametrize("by", [(), ("who",)])
def test_kpis_of_whole_cases_are_those_of_measure(of, by):
    """Every KPI that needs one journal: figures of states that were cut, sent as rows, and added up."""
    journal = rich(SIMULATED)
    kpis = Kpis(OF_ONE[of], asked(journal, by=by), of=of)
    stages = {"journal": "stages", "service": "service_stages", "complaints": "complaint_stages"}[of]
    facts = Facts(**{of: journal, stages: LINE, "tz": "Europe/Berlin"})
    whole = measure(facts, kpis.metrics, by=by, over=WHOLE_YEAR, every="quarter", as_of=kpis.asked.as_of)
    found = gather(kpis, cut(journal, 1, cases=True), whole_cases=True)
    assert found.stays == len(journal)
    added = from_rows(kpis, to_rows(found.state))
    assert added == found.state
    for key, parts in whole.states.items():
        for name, counts in parts.items():
            assert added[f"{key}.{name}"] == counts, (key, name)
    # Sums of floats are in the order of the keys, which is that of their appearance.
    one, other = (
        [(row.metric, row.group, row.period, row.n, row.exact, row.low, row.high) for row in figures]
        for figures in (kpis.finish(added), whole)
    )
    assert one == other
    values, expected = ([np.nan if row.value is None else row.value for row in f] for f in (kpis.finish(added), whole))
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert len(whole.rows) >= len(OF_ONE[of])


def test_there_are_kpis_of_each_kind():
    """The list above is not empty by mistake."""
    assert {of: len(metrics) > 2 for of, metrics in OF_ONE.items()} == dict.fromkeys(OF_ONE, True)


def test_nothing_has_figures_of_nothing():
    """Without a stay the parts are known, and there are no figures."""
    kpis = Kpis(["win_rate", open_deals.OpenPipeline()], asked(SIMULATED), currency="EUR")
    none = gather(kpis, [], whole_cases=True)
    assert (none.stays, none.findings, len(kpis.finish(none.state))) == (0, (), 0)
    assert {name for name, *_ in to_rows(none.state)} == set(kpis.zero())
    assert Sojourns(NAMES).finish(Sojourns(NAMES).zero()) == {}


def test_sojourns_are_kaplan_meier_of_whole_bins():
    """The curve of each stage is that of its stays in whole days; a stage without stays has none."""
    curves = Sojourns([*NAMES, "nowhere"]).finish(Sojourns(NAMES).update(Sojourns(NAMES).zero(), SIMULATED))
    assert list(curves) == [*NAMES]
    for stage in NAMES:
        here = SIMULATED.stages.codes == SIMULATED.stage_code(stage)
        alone = kaplan_meier(SIMULATED.sojourn()[here] // CLOCK_US["day"], ~SIMULATED.open[here])
        assert np.allclose(curves[stage].survival[alone.time], alone.survival, rtol=1e-12, atol=1e-15)
        assert np.array_equal(curves[stage].n_risk[alone.time], alone.n_risk)


def test_what_is_asked_for_is_what_one_core_makes():
    """`transitions` and `conversion` are the partials of one block."""
    assert Moves().finish(gather(Moves(), [SIMULATED]).state) == transitions(SIMULATED)
    metric = Conversion(StageOrder.given(LINE))
    assert not metric.whole_cases
    found = metric.finish(gather(metric, cut(SIMULATED, 3, cases=False)).state)
    assert str(found) == str(conversion(SIMULATED, stages=LINE))


def test_cases_are_not_cut_in_silence():
    """A metric of cases refuses blocks that may split them; one of stays takes them."""
    kpis, stays = (Kpis(keys, asked(SIMULATED)) for keys in ("win_rate", ["stage_conversion", cycle.StageDuration()]))
    assert (kpis.whole_cases, stays.whole_cases) == (True, False)
    with pytest.raises(InvalidValue, match=r"Kpis.*may be in several blocks"):
        gather(kpis, [SIMULATED])

    class Together(list):
        """Blocks that say of themselves that cases are whole."""

        whole_cases = True

    assert gather(kpis, Together([SIMULATED])).state == gather(kpis, [SIMULATED], whole_cases=True).state
    assert gather(stays, [SIMULATED]).stays == len(SIMULATED)


def test_blocks_are_observed_until_one_instant():
    """Else the same stay would be of two lengths."""
    later = attrs.evolve(SIMULATED, until=SIMULATED.until + 1)
    with pytest.raises(InvalidValue, match="is not the end of observation of other blocks"):
        gather(Moves(), [SIMULATED, later])


def test_findings_add_up():
    """What blocks could not use is told once, with the first row."""
    told = [attrs.evolve(SIMULATED[:2], findings=(Finding(row, "x", "is odd", 2),)) for row in (70, 30)]
    assert gather(Moves(), told).findings == (Finding(30, "x", "is odd", 4),)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Kpis("invoiced", asked(SIMULATED)), "needs invoice, and there is the journal only"),
        (lambda: Kpis("win_rate", asked(SIMULATED), of="service"), "needs journal"),
        (lambda: Kpis("win_rate", Asked(over=WHOLE_YEAR, as_of=datetime(2026, 1, 1, tzinfo=UTC))), "stages"),
        (lambda: Kpis("win_rat", asked(SIMULATED)), "win_rate"),
    ],
)
def test_what_cannot_be_counted_in_parts_is_refused(make, said):
    """A ledger, the wrong journal, no order of stages, an unknown key."""
    with pytest.raises((InvalidValue, NotFound), match=said):
        make()


def test_a_sum_beyond_64_bits_is_refused():
    """An engine may add up more than a counter holds."""
    row = ("", ("by", "stage", "next"), ("x", "a", "b"), 0)
    assert from_rows(Moves(), [(*row, 2**61), (*row, 2**60)]).n.tolist() == [2**61 + 2**60]
    for n in (2**63, -(2**63) - 1):
        with pytest.raises(InvalidValue, match="does not fit 64 bits"):
            from_rows(Moves(), [(*row, n)])


def test_rows_say_what_they_are():
    """The name of the part, of its key, the key, the bin and the number; a part of nothing is a row of nothing."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = {"case": ["1", "1"], "stage": ["a", "b"], "at": [start, start + timedelta(days=3)]}
    journal = Journal.from_frame(table, case="case", stage="stage", at="at")
    rows = [*to_rows(Sojourns("ab").update(Sojourns("ab").zero(), journal))]
    dims = ("stage", "end")
    assert rows == [("", dims, ("a", "left"), 3, 1), ("", dims, ("b", None), 0, 1)]
    assert [*to_rows({"x": Counts.zero(dims)})] == [("x", dims, (None, None), 0, 0)]


def test_partials_are_sent_to_workers():
    """They are values: picklable, and equal to what was sent."""
    for partial in (*PARTIALS, Kpis("win_rate", asked(SIMULATED), currency="EUR")):
        assert pickle.loads(pickle.dumps(partial)) == partial  # noqa: S301 - our own
