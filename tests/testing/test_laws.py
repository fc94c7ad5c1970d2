"""The laws hold for what is right, and catch what is wrong."""

from datetime import UTC, datetime

import attrs
import pytest

from crmkit.events import Moved
from crmkit.journal import Journal
from crmkit.metrics import Conversion, StageOrder
from crmkit.pipeline import Pipeline, Stage
from crmkit.testing import laws
from crmkit.testing.simulate import sales_pipeline

LINE = sales_pipeline()
NOBODY_AT = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = Journal.from_frame({"c": ["a"], "s": ["lead"], "t": ["2026-01-01"]}, case="c", stage="s", at="t")


def test_our_own_pipeline_and_metric():
    """The demonstration's process and the conversion metric obey every law."""
    laws.check_pipeline(LINE, examples=40)
    laws.check_metric(Conversion(StageOrder.of(LINE, NOBODY)), LINE, examples=30)


def test_a_pipeline_that_forgets_is_caught():
    """A definition whose replay loses a fact breaks the first law."""

    class Forgetful(Pipeline):
        def replay(self, events):
            return super().replay([event for event in events if not isinstance(event, Moved)])

    line = Forgetful("line", ["a", Stage("won", "won")], {"a": {"go": "won"}})
    with pytest.raises(AssertionError, match="gives another case"):
        laws.check_pipeline(line)


class Mean:
    """The mean sojourn: the classic figure that does not add up."""

    def zero(self):
        """Nothing."""
        return 0.0

    def update(self, state, journal):
        """The mean of the journal, mixed in."""
        return self.merge(state, float(journal.sojourn().mean()))

    def merge(self, one, other):
        """A mean of means."""
        return (one + other) / 2 if one else other


def test_a_mean_of_means_is_caught():
    """A metric whose state is an average is no metric."""
    with pytest.raises(AssertionError, match=r"merging|order"):
        laws.check_metric(Mean(), LINE)


class First:
    """The first case seen: depends on the order of rows."""

    def zero(self):
        """Nothing."""

    def update(self, state, journal):
        """The first row."""
        return state or (journal.cases.decode()[0], int(journal.entered[0]))

    def merge(self, one, other):
        """The earlier name."""
        return min(filter(None, (one, other)), default=None)


def test_dependence_on_order_is_caught():
    """A metric that looks at the first row is no metric."""
    with pytest.raises(AssertionError, match=r"merging|order"):
        laws.check_metric(First(), LINE)


def test_gaps_are_caught():
    """Facts that do not follow each other break the tiling law."""
    step = LINE.open("D", at=NOBODY_AT)
    moved = LINE.move(step.case, "qualify", at=NOBODY_AT)
    torn = attrs.evolve(moved.event, origin="demo")
    again = LINE.move(moved.case, "demonstrate", at=NOBODY_AT)
    with pytest.raises(AssertionError, match="gap"):
        laws.stays_tile_the_life_of_a_case(
            LINE, again.case, [step.event, torn, attrs.evolve(again.event, origin="lead")]
        )
