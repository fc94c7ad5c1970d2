"""The benchmarks run, their contenders agree, and the page says what was measured."""

import json
import operator
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
TOPICS = (
    "survival",
    "churn",
    "conversion",
    "catalogue",
    "forecast",
    "process mining",
    "moves",
    "business time",
    "ingest",
    "rules",
    "search",
    "store",
    "scale",
)
# A page as a full run leaves it: the results of one topic, and those of another from an older run.
OLD = "# an old head\n\n## moves\n\nold moves\n\n## ingest\n\nold ingest\n"


@pytest.fixture
def bench(monkeypatch):
    """The modules of `bench/`, importable as the runner imports them."""
    monkeypatch.syspath_prepend(str(BENCH))
    names = {path.stem for path in BENCH.glob("*.py")}
    before = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    import harness
    import run

    yield harness, run
    for name in names & sys.modules.keys():
        del sys.modules[name]
    sys.modules.update(before)


def ran(*arguments):
    """Run the benchmarks in a process of their own, as `make bench` does."""
    return subprocess.run(
        [sys.executable, str(BENCH / "run.py"), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_every_topic_runs_and_all_contenders_agree(tmp_path):
    """A quick run measures every topic, or names the peers it lacks, and writes one section for each."""
    page = tmp_path / "RESULTS.md"
    done = ran("--quick", "--out", page)
    assert done.returncode == 0, done.stderr
    sections = page.read_text(encoding="utf-8").split("\n## ")
    assert [section.split("\n")[0] for section in sections[1:]] == [*TOPICS]
    for section in sections[1:]:
        assert "crmkit " in section
        rows = section.count("\n| ") - 2
        assert rows > 0 or "Left out, because not installed: " in section


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the time of a server is read from /proc")
def test_the_bench_of_postgresql_runs(postgresql_url):
    """All append the same to a server: one event a commit, and a hundred; a ratio of times comes out."""
    url = postgresql_url.replace("+psycopg", "")
    command = [sys.executable, str(BENCH / "postgres.py"), url, "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["events"], one["a commit"]) for one in found] == [(5, 1), (100, 100)]
    for one in found:
        assert [*one["CPU s, clock s"]] == ["crmkit", "psycopg", "psycopg, crmkit's table"]
        assert [*one["CPU ratio, clock ratio"]] == ["psycopg", "psycopg, crmkit's table"]
        assert all(clock > 0 for _, clock in one["CPU ratio, clock ratio"].values())


def test_an_unknown_topic_is_refused():
    """The message names the topics there are."""
    done = ran("--quick", "moods")
    assert done.returncode == 2
    assert (
        "no topic moods; there are survival, churn, conversion, catalogue, forecast, process_mining, moves, business_time, ingest, rules, search, store, scale"
        in done.stderr
    )


def test_a_run_of_one_topic_leaves_the_others_as_they_were(bench):
    """Only the sections that were measured are replaced, and the order is that of the topics."""
    _, run = bench
    page = run.updated(OLD, {"ingest": "## ingest\n\nnew\n", "survival": "## survival\n\nnew\n"})
    assert page == f"{run.HEAD}\n## survival\n\nnew\n\n## moves\n\nold moves\n\n## ingest\n\nnew\n"
    assert run.updated(page, {}) == page


def test_contenders_that_disagree_are_not_compared(bench, tmp_path):
    """A result that differs from ours stops the comparison."""
    harness, _ = bench

    def equal(ours, theirs):
        assert ours == theirs

    contenders = [harness.Contender("crmkit", lambda _: lambda: 1), harness.Contender("numpy", lambda _: lambda: 2)]
    comparison = harness.Comparison("one", 1, "item", lambda _: None, contenders, equal)
    with pytest.raises(AssertionError):
        harness.time_of(comparison, tmp_path / "0", 1)


def test_a_part_stands_for_the_whole(bench, tmp_path):
    """Of a contender that handles a tenth of the items, ten times the CPU time counts."""
    harness, _ = bench

    def prepare(folder):
        return lambda: sum(range(200_000))

    contenders = [harness.Contender("crmkit", prepare), harness.Contender("numpy", prepare, items=1)]
    spent = harness.time_of(
        harness.Comparison("sums", 1_000, "sums", lambda _: None, contenders, lambda *_: None), tmp_path / "0", 1
    )
    # The same work: a thousand times as much, but for noise.
    assert 100 < spent[1][0] / spent[0][0] < 10_000


def test_what_is_not_installed_takes_no_part(bench, tmp_path):
    """A peer that is missing is left out, and said to be."""
    harness, run = bench
    contenders = [harness.Contender("crmkit", lambda _: int), harness.Contender("no-such-peer", lambda _: int)]
    comparison = harness.Comparison("nothing", 1, "item", lambda _: None, contenders, lambda *_: None)
    assert [*harness.time_of(comparison, tmp_path / "0", 1)] == [0]
    assert contenders[1].version is None
    assert "Left out, because not installed: no-such-peer." in run.section("moves", [], {"no-such-peer": None})


def test_what_nobody_else_does_is_told_without_a_ratio(bench):
    """A comparison without peers is a row with our own time, and as many columns as any other."""
    harness, run = bench
    alone = harness.Figure("something", "1 item", "", (0.5,), peak=(20.0,))
    beside = harness.Figure("something", "1 item", "numpy", (0.5, 1.0), (1.5, 2.5), (20.0, 30.0), (2.0, 3.0))
    *_, own, both = run.section("rules", [alone, beside], {}).splitlines()
    assert own == "| something | 1 item | 0.5 |  |  |  | 20 |  |  |  |"
    assert both == "| something | 1 item | 0.5 | numpy | 1 | **2** (1.5 to 2.5) | 20 | 30 | 2 | 3 |"


def test_memory_is_measured_in_another_process(bench):
    """A function runs elsewhere, its error comes back, and its memory is counted in MiB."""
    harness, _ = bench
    assert harness.elsewhere(os.getpid) != os.getpid()
    with pytest.raises(ValueError, match="invalid literal"):
        harness.elsewhere(int, "seven")
    # A process may start with the peak of the one that began it, but no interpreter with numpy holds 5 MiB, or 20 GiB.
    assert 5 < harness.elsewhere(harness.peak_mib) < 20_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux forgets the most a process has held")
def test_extra_memory_is_what_a_run_takes_above_its_inputs(bench):
    """A text of 32 MiB counts; the interpreter and what it has loaded do not."""
    harness, _ = bench
    assert 32 <= harness.elsewhere(harness.extra_of, operator.mul, b"x", 32 << 20) < 64
