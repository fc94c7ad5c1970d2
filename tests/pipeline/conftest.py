"""A pipeline like the one in the tour, for all tests of this room."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crmkit.pipeline import Move, Pipeline, Stage

# Some tests of this folder share their logs and their oracles.
sys.path.insert(0, str(Path(__file__).parent))


def small_discount(attempt):
    """Let discounts up to 15 % pass, and whatever was approved."""
    return (attempt["discount"] or 0) <= 0.15 or bool(attempt["approved"])


@pytest.fixture
def sales():
    """Five stages, a guard, required fields, a loop and a reopening."""
    return Pipeline(
        "sales",
        stages=[
            Stage("lead"),
            Stage("qualified", limit="5 business days"),
            Stage("proposal", requires=["amount", "decision maker"]),
            Stage("won", outcome="won"),
            Stage("lost", outcome="lost", requires=["lost reason"]),
        ],
        moves={
            "lead": {"qualify": "qualified", "lose": "lost"},
            "qualified": {"propose": Move("proposal", guard=small_discount), "lose": "lost"},
            "proposal": {"sign": "won", "revise": "proposal", "lose": "lost"},
            "lost": {"reopen": "lead"},
        },
    )


@pytest.fixture
def now():
    """A Monday morning."""
    return datetime(2026, 3, 2, 9, tzinfo=UTC)
