"""How a figure is made.

The contenders of a comparison take turns in one process, so that a noisy neighbour hurts all of them alike. What counts
is CPU time, user and system, of all threads: of each contender the best run of a round, then the median of the rounds.
Results must agree before anything is compared. Memory is that of a fresh process which runs one contender once: the
most it holds at all, and by how much that is more than what it held when the inputs were loaded.
"""

import gc
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import attrs

import crmkit

ROUNDS = 5
_MOST_RUNS = 3
# No further run in a round once a contender has had this many CPU seconds of it.
_ENOUGH_S = 1.0
# What needs no distribution: crmkit may run from its sources.
_OWN = {"crmkit": crmkit.__version__, "python": sys.version.split()[0]}

Run = Callable[[], Any]
# MiB at most, and MiB above the loaded inputs where the system says that.
_Memory = tuple[float, float | None]


def _same(value: Any) -> Any:
    return value


@attrs.frozen
class Contender:
    """One way to do the work.

    Attributes:
        name: the library; contenders of one name are forms of its use, of which the best counts.
        prepare: from the folder of inputs to the function that is timed; imports and conversions belong here.
        plain: from its result to what all contenders' results are compared in.
        form: which form of its use it is.
        package: the distribution, if it has another name.
        items: how many items a run handles, if fewer than the comparison's; its time is then extrapolated.
    """

    name: str
    prepare: Callable[[Path], Run]
    plain: Callable[[Any], Any] = _same
    form: str = ""
    package: str = ""
    items: int | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.form})" if self.form else self.name

    @property
    def needs(self) -> str:
        """The distribution it needs."""
        return self.package or self.name

    @property
    def version(self) -> str | None:
        """The installed version of what it needs; None if that is not installed."""
        if self.needs in _OWN:
            return _OWN[self.needs]
        try:
            return version(self.needs)
        except PackageNotFoundError:
            return None


@attrs.frozen
class Comparison:
    """The same work, done by several.

    Attributes:
        what: the work, in words.
        items: how many items it has.
        unit: what an item is.
        write: puts the inputs into a folder.
        contenders: crmkit first.
        agree: takes two plain results, ours first, and raises if they differ.
    """

    what: str
    items: int
    unit: str
    write: Callable[[Path], None]
    contenders: Sequence[Contender]
    agree: Callable[[Any, Any], None]


@attrs.frozen
class Figure:
    """A ratio: how many times the CPU time of crmkit a peer takes.

    Attributes:
        what: the work, in words.
        size: of what.
        peer: the peer, and the best form of its use; empty if nobody else took part.
        cpu: CPU seconds of crmkit and of the peer, if there is one.
        spread: the lowest and the highest ratio of a round, if there is a peer.
        peak: MiB of crmkit and of the peer; None if not measured.
        extra: MiB that the run took above what the loaded inputs take, likewise.
        note: a sentence about it, under the table.
    """

    what: str
    size: str
    peer: str
    cpu: tuple[float, ...]
    spread: tuple[float, ...] = ()
    peak: tuple[float, ...] | None = None
    extra: tuple[float, ...] | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        """CPU time of the peer over that of crmkit."""
        return self.cpu[1] / self.cpu[0]


def comparisons_of(topic: str, *, quick: bool, rows: int | None = None) -> list[Comparison]:
    """The comparisons of a topic, of so many rows if it lets itself be asked for that."""
    given = import_module(topic).comparisons
    found: list[Comparison] = given(quick=quick, **({"rows": rows} if "rows" in signature(given).parameters else {}))
    return found


def figures(topic: str, folder: Path, *, quick: bool, rows: int | None = None) -> list[Figure]:
    """All figures of a topic, made as it says itself if it does; a quick run has one round and measures no memory."""
    own = getattr(import_module(topic), "figures", None)
    if own is not None:
        made: list[Figure] = own(folder, quick=quick, rows=rows)
        return made
    found: list[Figure] = []
    times = elsewhere(_time_topic, topic, folder, quick=quick, rows=rows)
    for number, comparison in enumerate(comparisons_of(topic, quick=quick, rows=rows)):
        spent = times[number]
        best = {
            name: min((i for i in spent if comparison.contenders[i].name == name), key=lambda i: median(spent[i]))
            for name in dict.fromkeys(comparison.contenders[i].name for i in spent)
        }
        peaks = {
            i: elsewhere(_memory_of, topic, folder, number, i, quick=quick, rows=rows)
            for i in best.values()
            if not quick
        }
        ours, *peers = best.values()
        found += [_figure(comparison, ours, peer, spent, peaks) for peer in peers]
        if not peers:
            size, cpu = _size(comparison), median(spent[ours])
            figure = Figure(comparison.what, size, "", (cpu,))
            found.append(attrs.evolve(figure, **_memory(comparison, peaks, ours)))
    return found


def versions(topic: str, *, quick: bool) -> dict[str, str | None]:
    """The distributions that a topic wants, with their versions; None for those that are not installed."""
    contenders = (c for comparison in comparisons_of(topic, quick=quick) for c in comparison.contenders)
    return {contender.needs: contender.version for contender in contenders}


def time_of(comparison: Comparison, folder: Path, rounds: int) -> dict[int, list[float]]:
    """CPU seconds of each contender that is installed in each round, after all have agreed."""
    folder.mkdir()
    comparison.write(folder)
    present = {i: contender for i, contender in enumerate(comparison.contenders) if contender.version is not None}
    runs = {i: contender.prepare(folder) for i, contender in present.items()}
    # The first run of each warms it up, and shows that all do the same work.
    ours = present[0].plain(runs[0]())
    for i in [*present][1:]:
        comparison.agree(ours, present[i].plain(runs[i]()))
    spent = cpu_seconds(runs, rounds)
    return {i: [s * comparison.items / (present[i].items or comparison.items) for s in spent[i]] for i in spent}


def elsewhere(function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """The result of a function that runs in a fresh process.

    A fresh process starts with the peak memory of the one that began it; so whoever calls this must stay small.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **more).result()


def peak_mib() -> float:
    """The most memory this process has held so far."""
    # Kilobytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def extra_of(function: Callable[..., Any], *arguments: Any) -> float | None:
    """By how many MiB a function raised what this process holds; None where the system does not say, as outside Linux.

    Memory that was freed before and kept for later counts as held: it was fetched already.
    """
    gc.collect()
    try:
        # 5 resets the high-water mark; see proc(5).
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    held = _status("VmRSS")
    # What it returns is part of what it takes, so it is held until the mark is read.
    result = function(*arguments)
    extra = _status("VmHWM") - held
    del result
    return extra


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / (1 << 10)


def cpu_seconds(runs: Mapping[int, Run], rounds: int) -> dict[int, list[float]]:
    """CPU seconds of each contender in each round, the best of its runs."""
    spent: dict[int, list[float]] = {i: [] for i in runs}
    for number in range(rounds):
        # Whoever runs after a greedy neighbour finds the caches cold: in every other round it is somebody else.
        for i in sorted(runs, reverse=number % 2 == 1):
            spent[i].append(_best(runs[i]))
    return spent


def _best(run: Run) -> float:
    times: list[float] = []
    while len(times) < _MOST_RUNS and sum(times) < _ENOUGH_S:
        gc.collect()
        # What the others hold is not to be searched for garbage at the expense of whoever runs.
        gc.freeze()
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
        gc.unfreeze()
    return min(times)


def _time_topic(topic: str, folder: Path, *, quick: bool, rows: int | None) -> list[dict[int, list[float]]]:
    return [
        time_of(comparison, folder / str(number), 1 if quick else ROUNDS)
        for number, comparison in enumerate(comparisons_of(topic, quick=quick, rows=rows))
    ]


def _memory_of(topic: str, folder: Path, comparison: int, contender: int, *, quick: bool, rows: int | None) -> _Memory:
    one = comparisons_of(topic, quick=quick, rows=rows)[comparison].contenders[contender]
    run = one.prepare(folder / str(comparison))
    extra = extra_of(run)
    if extra is None:
        run()
    return peak_mib(), extra


def _figure(
    comparison: Comparison, ours: int, peer: int, spent: Mapping[int, list[float]], peaks: Mapping[int, _Memory]
) -> Figure:
    contender = comparison.contenders[peer]
    label = str(contender)
    if contender.items is not None:
        label += f", extrapolated from {contender.items:,}"
    ratios = [theirs / own for own, theirs in zip(spent[ours], spent[peer], strict=True)]
    return Figure(
        comparison.what,
        _size(comparison),
        label,
        (median(spent[ours]), median(spent[peer])),
        (min(ratios), max(ratios)),
        **_memory(comparison, peaks, ours, peer),
    )


def _memory(comparison: Comparison, peaks: Mapping[int, _Memory], *which: int) -> dict[str, Any]:
    """The memory of contenders that handled everything: a part of the items takes only a part of it."""
    if not peaks:
        return {}
    whole = [i for i in which if comparison.contenders[i].items is None]
    peak = tuple(peaks[i][0] for i in which)
    extra = [peaks[i][1] for i in whole]
    return {"peak": peak, "extra": tuple(one for one in extra if one is not None)}


def _size(comparison: Comparison) -> str:
    return f"{comparison.items:,} {comparison.unit}"
