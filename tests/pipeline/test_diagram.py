"""Pictures of a pipeline: everything is in them, whatever it is called."""

import html
import re
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings

from crmkit.pipeline import Approval, Move, Panel, Pipeline, Stage
from crmkit.rules import Rule
from crmkit.testing.pipelines import pipelines

many = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
LABEL = re.compile(r'label="((?:[^"\\]|\\.)*)"')


def read(label):
    """What Graphviz shows for a label."""
    lines = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], label)
    return html.unescape(lines)


def visible(text):
    """A text as pictures show it: what cannot be seen is a blank."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def test_mermaid_draws_every_stage_and_move(sales):
    """The diagram has a state for each stage and an arrow for each move, and survives odd names."""
    text = sales.to_mermaid()
    assert text.count(" --> ") == 1 + sum(len(moves) for moves in sales.moves.values())
    assert "propose [small_discount]" in text
    assert "qualified ≤ 5 business days" in text
    assert "class s3 won\n    classDef won fill:" in text
    odd = Pipeline("p", ['a"b: c', Stage("won", "won")], {'a"b: c': {"x;y\nz": "won"}})
    assert 'state "a#quot;b#58; c" as s0' in odd.to_mermaid()
    assert "s0 --> s1: x#59;y z\n" in odd.to_mermaid()
    assert "cancelled" not in odd.to_mermaid()


@pytest.fixture
def labelled():
    """A process with labels in one language, and everything a move can ask for."""
    move = Move(
        "won", guard=["amount > 5", Rule("", "discount <= 0.15 and amount < 100000000000000000")],
        roles=["rep", "boss"], approval="ok", labels={"zh": "签约"},
    )  # fmt: skip
    return Pipeline(
        "p",
        [Stage("lead", labels={"zh": "线索"}), Stage("won", "won", labels={"zh": "赢单"}), Stage("lost", "lost")],
        {"lead": {"sign": move, "lose": "lost"}, "lost": {"reopen": "lead"}},
        approvals=[Approval("ok", Panel(["ann"]))],
    )


def test_labels_are_those_of_a_language(labelled):
    """Stages and moves are called by their labels in the language, by their names where there is none."""
    mermaid = labelled.to_mermaid(labels="zh")
    assert '"线索"' in mermaid
    assert '"lost"' in mermaid
    assert ": 签约 [amount" in mermaid
    assert '"lead"' in labelled.to_mermaid(labels="en")
    labels = [read(label) for label in LABEL.findall(labelled.to_dot(labels="zh"))]
    assert labels == [
        "", "线索", "赢单", "lost",
        "签约\n[amount > 5; discount <= 0.15 and amount < 10000…]\n[rep or boss]\n[approval ok]", "lose", "reopen",
    ]  # fmt: skip


def test_dot_puts_the_funnel_in_order(labelled):
    """Open stages follow each other, closed ones stand at the end in their colours, ways back are dashed."""
    text = labelled.to_dot()
    assert "{ rank=max; s1; s2 }" in text
    assert 's1 [label="won", fillcolor="#d7efe2"' in text
    assert 's2 -> s0 [label="reopen", constraint=false, style=dashed]' in text
    assert "style=invis" not in text
    assert "s0 -> s1 [style=invis, weight=100]" in Pipeline("p", ["a", "b", Stage("w", "won")]).to_dot()


@many
@given(pipelines())
def test_any_names_can_be_drawn(pipeline):
    """Each stage and move has its line, and its label is its name, whatever letters that has."""
    text = pipeline.to_dot()
    labels = [read(label) for label in LABEL.findall(text)]
    stages = [visible(stage.name) + (f"\n≤ {stage.limit}" if stage.limit else "") for stage in pipeline.stages]
    assert labels[1 : len(stages) + 1] == stages
    moves = [visible(name) for of in pipeline.moves.values() for name in of]
    assert [label.split("\n")[0] for label in labels[len(stages) + 1 :]] == moves
    mermaid = pipeline.to_mermaid().splitlines()
    assert sum(" --> " in line for line in mermaid) == 1 + len(moves)
    assert sum(line.startswith("    state ") for line in mermaid) == len(stages)


@settings(many, max_examples=5)
@given(pipelines())
def test_graphviz_reads_what_we_write(pipeline):
    """Where Graphviz is installed, it finds as many nodes and edges as there are, and complains about nothing."""
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    text = pipeline.to_dot().encode("utf-8", "replace")
    done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    kinds = [line.split(b" ")[0] for line in done.stdout.splitlines()]
    assert kinds.count(b"node") == 1 + len(pipeline.stages)
