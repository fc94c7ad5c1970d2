"""Figures of speed on the pages are those of bench/RESULTS.md: `bench TOPIC` quotes it, `losses` picks what we lose."""

import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from crmkit.errors import NotFound

RESULTS = Path(__file__).resolve().parents[2] / "bench" / "RESULTS.md"


def topics() -> dict[str, str]:
    """The topics of the results, with prose and tables."""
    parts = re.split(r"^## (.+)\n", RESULTS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))


def rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of all tables of a text, by the names of their columns."""
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            head = []
        elif not head:
            head = _cells(line)
        elif not line.startswith("| ---"):
            yield dict(zip(head, _cells(line), strict=True))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def lost() -> Iterator[tuple[str, str, str, str, float]]:
    """Where the peer takes less CPU time: topic, what, size, peer, and the ratio."""
    for topic, text in topics().items():
        for row in rows(text):
            ratio = re.match(r"\*\*([\d,.e+-]+)\*\*", row.get("ratio", ""))
            if ratio and float(ratio[1].replace(",", "")) < 1:
                peer = row.get("peer") or next(name.removesuffix(" CPU s") for name in row if name.endswith(" CPU s")
                                               and not name.startswith("crmkit"))  # fmt: skip
                yield topic, row["what"], row["size"], peer, float(ratio[1].replace(",", ""))


class Bench(SphinxDirective):
    """`{bench} TOPIC`: what the results say of a topic, as they say it."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Quote it."""
        self.env.note_dependency(str(RESULTS))
        topic: str = self.arguments[0]
        known = topics()
        if topic not in known:
            raise NotFound("topic", topic, tuple(known), "bench/RESULTS.md")
        return self.parse_text_to_nodes(known[topic])


class Losses(SphinxDirective):
    """`{losses}`: every row of the results in which somebody else is faster."""

    def run(self) -> list[nodes.Node]:
        """Pick them."""
        self.env.note_dependency(str(RESULTS))
        lines = ["| topic | what | size | faster | crmkit takes |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {topic} | {what} | {size} | {peer} | {1 / ratio:.2g} times its CPU time |"
            for topic, what, size, peer, ratio in lost()
        ]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("bench", Bench)
    app.add_directive("losses", Losses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
