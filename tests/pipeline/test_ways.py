"""Ways of cases, counted part by part."""

from collections import Counter
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.journal import OPEN, Coded, Journal
from crmkit.pipeline._trails import DAY_US, Trails
from crmkit.pipeline._ways import _medians, _Numbers
from crmkit.pipeline.flow import variants


def journal_of(runs, names, *, shuffled=False):
    """Cases that go through stages a second each, one case after another; or in any order."""
    case = np.repeat(np.arange(len(runs)), [len(run) for run in runs]).astype(np.int32)
    stage = np.concatenate([*runs, np.zeros(0)]).astype(np.int32)
    at = np.arange(len(case)) * 1_000_000
    last = np.append(case[1:] != case[:-1], np.ones(min(1, len(case)), np.bool_))
    then = np.where(last, -1, np.roll(stage, -1)).astype(np.int32)
    order = np.random.default_rng(3).permutation(len(case)) if shuffled else slice(None)
    columns = (case, stage, at, np.where(last, OPEN, at + 1_000_000), then)
    case, stage, at, left, then = (column[order] for column in columns)
    nobody = Coded(np.full(len(case), -1, np.int32), ())
    cases = Coded(case, tuple(map(str, range(len(runs)))))
    return Journal(cases, Coded(stage, names), at, left, then, nobody, len(case) * 1_000_000)


RUNS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), max_size=9)


@given(RUNS, st.integers(1, 12), st.booleans())
def test_parts_are_whole_cases(runs, rows, shuffled):
    """However many rows are wanted and however they lie, each case is in one part, and parts have no case too many."""
    trails = Trails.of(journal_of(runs, tuple("abcd"), shuffled=shuffled))
    found = [*trails.parts(rows)]
    assert [begin for begin, _ in found] == [0, *np.cumsum([part.size for _, part in found])][: len(found)]
    assert [code for _, part in found for code in part.stage.tolist()] == [code for run in runs for code in run]
    assert [size for _, part in found for size in part.sizes.tolist()] == [len(run) for run in runs]
    assert all(part.size - part.sizes[-1] < rows for _, part in found)


@pytest.mark.parametrize("stages", [3, 300])
@pytest.mark.parametrize("shuffled", [False, True])
def test_ways_of_giants_and_of_many_stages(stages, shuffled):
    """Cases longer than a part, and more stages than a byte has numbers: equal runs are one variant, others are not."""
    rng = np.random.default_rng(stages)
    giant = rng.integers(0, stages, 40_000).tolist()
    other = [*giant[:-1], (giant[-1] + 1) % stages]
    short = [rng.integers(0, stages, n).tolist() for n in rng.integers(1, 60, 500)]
    names = tuple(f"s{number}" for number in rng.permutation(stages))
    runs = [*short, giant, *short[:100], other, giant, giant[:31], giant[:31]]
    found = variants(journal_of(runs, names, shuffled=shuffled))
    expected = Counter(tuple(names[code] for code in run) for run in runs)
    assert {row.stages: row.n for row in found} == expected
    assert [row.stages for row in found] == sorted(expected, key=lambda way: (-expected[way], way))


@given(st.lists(st.lists(st.integers(0, 60) | st.integers(0, 2**62), max_size=40), max_size=12))
def test_numbers_belong_to_keys(parts):
    """A key has one number for ever, and a number has one key, also when the table has grown in between."""
    numbers, known = _Numbers(), {}
    # So many keys at once that the table must grow.
    for keys in [*parts, range(0, 3_000, 3), *parts, range(10_000)]:
        for key, number in zip(keys, numbers.of(np.array(keys, np.int64)).tolist(), strict=True):
            assert known.setdefault(key, number) == number
    assert sorted(known.values()) == [*range(1, numbers.size + 1)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9) | st.integers(-(2**61), 2**61)), min_size=1))
def test_medians_of_labels(rows):
    """The median of each label is that of the statistics module, however long the longest case lasted."""
    label, lasted = (np.array(column) for column in zip(*rows, strict=True))
    found = _medians(label.astype(np.int32), lasted.copy(), np.bincount(label, minlength=7))
    for one in set(label.tolist()):
        assert found[one] == pytest.approx(median(lasted[label == one].tolist()) / DAY_US, rel=1e-12)
