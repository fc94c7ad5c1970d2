"""Measure crmkit beside its peers: `python bench/run.py [--quick] [--out FILE] [topic ...]`.

A full run writes RESULTS.md, where it replaces the sections of the topics it ran. A quick run takes small inputs and
one round: it shows that everything works and that all contenders agree, and its figures mean nothing.
"""

import argparse
import platform
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap

from harness import Figure, figures, versions

TOPICS = (
    "survival",
    "churn",
    "conversion",
    "catalogue",
    "forecast",
    "process_mining",
    "moves",
    "business_time",
    "ingest",
    "rules",
    "search",
    "store",
    "scale",
)
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """\
# crmkit beside its peers

`make bench` writes this page. A ratio is the CPU time (user and system, all threads) of the peer over that of crmkit:
above 1 crmkit takes less, below 1 the peer does. The contenders take turns in one process, and must agree in their
results; of each the best of up to three runs counts in a round, then the median of five rounds. Behind the ratio stand
the lowest and the highest of a round. Where a peer can be used in several forms the fastest counts. Peak memory is that
of a fresh process that loads the inputs and runs once: interpreter, libraries and inputs included; extra memory is by
how much that run went above what was held when the inputs were loaded. Where nobody else does the work, only what
crmkit takes is given.

Absolute times are those of one noisy machine with two cores; only the ratios mean something, and they differ with data,
versions and machines.
"""
COLUMNS = (
    "what", "size", "crmkit CPU s", "peer", "peer CPU s", "ratio",
    "crmkit peak MiB", "peer peak MiB", "crmkit extra MiB", "peer extra MiB",
)  # fmt: skip


def section(topic: str, found: Sequence[Figure], used: Mapping[str, str | None]) -> str:
    """The section of a topic: what was measured with what, and a table."""
    named = ", ".join(f"{'Python' if name == 'python' else name} {number}" for name, number in used.items() if number)
    missing = ", ".join(name for name, number in used.items() if number is None)
    lines = [f"## {topic.replace('_', ' ')}", "", f"With {named}."]
    lines += [f"Left out, because not installed: {missing}."] if missing else []
    lines += ["", _line(COLUMNS), _line(["---"] * len(COLUMNS)), *(_line(_cells(figure)) for figure in found)]
    notes = dict.fromkeys(figure.note for figure in found if figure.note)
    return "\n".join([*lines, *(line for note in notes for line in ("", *wrap(note, 120)))]) + "\n"


def updated(page: str, sections: Mapping[str, str]) -> str:
    """The page with sections replaced or added, in the order of the topics."""
    parts = [part for part in re.split(r"^(?=## )", page, flags=re.MULTILINE) if part.startswith("## ")]
    kept = {part[3 : part.index("\n")].replace(" ", "_"): part.rstrip() + "\n" for part in parts}
    merged = {**kept, **sections}
    return "\n".join([HEAD, *(merged[topic] for topic in TOPICS if topic in merged)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the topics asked for, all if none is."""
    parser = argparse.ArgumentParser(description="Measure crmkit beside its peers.")
    parser.add_argument("topics", nargs="*", metavar="topic", help=f"{', '.join(TOPICS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="small inputs, one round, no memory: a test, no figures")
    parser.add_argument(
        "--rows",
        type=int,
        help="the size of topics that can be of any: stays of catalogue, deals of forecast, documents of search, "
        "events of store, stays of scale",
    )
    parser.add_argument("--out", type=Path, help="the page to write; without it a full run writes bench/RESULTS.md")
    asked = parser.parse_args(arguments)
    unknown = [topic for topic in asked.topics if topic not in TOPICS]
    if unknown:
        parser.error(f"no topic {', '.join(unknown)}; there are {', '.join(TOPICS)}")
    sections = {topic: _measured(topic, quick=asked.quick, rows=asked.rows) for topic in asked.topics or TOPICS}
    out = asked.out or (None if asked.quick else RESULTS)
    if out:
        out.write_text(updated(out.read_text(encoding="utf-8") if out.exists() else "", sections), encoding="utf-8")
        print(f"written: {out}")
    return 0


def _measured(topic: str, *, quick: bool, rows: int | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        found = figures(topic, Path(folder), quick=quick, rows=rows)
    text = section(topic, found, {"python": platform.python_version(), **versions(topic, quick=quick)})
    print(text, flush=True)
    return text


def _cells(figure: Figure) -> list[str]:
    own, *theirs = map(_short, figure.cpu)
    memory = [_mib(held, at) for held in (figure.peak, figure.extra) for at in range(2)]
    peer, ratio = theirs or [""], ""
    if theirs:
        low, high = map(_short, figure.spread)
        ratio = f"**{_short(figure.ratio)}** ({low} to {high})"
    return [figure.what, figure.size, own, figure.peer, *peer, ratio, *memory]


def _mib(held: Sequence[float] | None, at: int) -> str:
    return f"{held[at]:,.0f}" if held and at < len(held) else ""


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
