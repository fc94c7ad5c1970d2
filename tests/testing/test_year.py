"""Years with a loop, small; `bench/improving.py` lives through two hundred of them."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from crmkit.testing.year import live


@pytest.fixture(scope="module")
def lived():
    """Two years of a company with everything planted."""
    return live("weak", "star", "ailing", rng=np.random.default_rng(1), quarters=8)


def test_the_loop_closes(lived):
    """What is planted is found, acted upon and verified; the practice is named; more cases advance than would have."""
    assert lived.planted == lived.found == lived.verified == ("weak", "star", "ailing")
    assert lived.practices == ("first contact within 1 d",)
    assert lived.gained > 200
    standard = {one.method for one in lived.cases if one.outcome == "won"}
    assert standard == {"coaching", "practice-sharing", "a3"}
    assert {one.outcome for one in lived.cases} <= {"won", "lost", "cancelled", None}
    plain = json.loads(json.dumps(lived.to_dict()))
    assert set(plain) >= {"quarters", "cases_opened", "planted", "found", "verified", "practices"}
    assert plain["cases_opened"] == len(lived.cases)


def test_everything_is_a_fact(lived):
    """As known at the end of the first year there are fewer cases, and each as it was."""
    then = datetime(2026, 12, 31, tzinfo=UTC)
    early = lived.loop.cases(at=then, known_at=then)
    assert 0 < len(early) < len(lived.cases)
    for one in early:
        assert one.case.at <= then
    again = live("weak", "star", "ailing", rng=np.random.default_rng(1), quarters=8)
    assert [one.case for one in again.cases] == [one.case for one in lived.cases]


def test_actions_that_do_nothing():
    """Of a year of actions without an effect, hardly any is said to have worked, and nothing is gained."""
    wrong = acted = 0
    for seed in range(3):
        lived = live("weak", rng=np.random.default_rng(seed), quarters=4, acts=False)
        acted += sum("hypothesis" in one.case.fields for one in lived.cases)
        wrong += sum(one.case.fields.get("verdict") == "worked" for one in lived.cases)
        assert lived.gained == 0.0
    assert acted >= 2
    assert wrong == 0


def test_nothing_planted_opens_almost_nothing():
    """Three years with nothing to be found."""
    opened = sum(len(live(rng=np.random.default_rng(seed), quarters=4).cases) for seed in range(3))
    assert opened <= 5
