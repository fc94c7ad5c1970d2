"""The simulated company keeps its promises: what is planted is in the data, and doing something changes what comes after."""

from datetime import UTC

import numpy as np
import pytest

from crmkit.errors import NotFound
from crmkit.testing.planted import planted
from crmkit.values import Period


def rate(company, over, stage=None, who=None, prompt=None):
    """The share that advanced among the stays that began in a period, by a loop over the rows."""
    facts, (first, last) = company.facts(), over.instants(UTC)
    journal, names = facts.journal, facts.journal.stages.values
    calls = dict(zip(facts.ledger.cases.decode(), facts.ledger.at.tolist(), strict=True))
    n = won = 0
    for case, name, owner, entered, next_ in zip(
        journal.cases.decode(), journal.stages.decode(), journal.who.decode(), journal.entered.tolist(),
        journal.next.tolist(), strict=True,
    ):  # fmt: skip
        quick = calls.get(case, 0) - entered < 86_400_000_000
        mine = stage in (None, name) and who in (None, owner) and prompt in (None, quick)
        if mine and first <= entered < last and next_ >= 0:
            n, won = n + 1, won + (names[next_] == "won")
    return won / n


def test_nothing_planted():
    """55 of 100 advance, more of whoever hears within a day; the same seed is the same company."""
    company = planted(rng=np.random.default_rng(1))
    year = Period.year(2025)
    assert rate(company, year) == pytest.approx(0.55, abs=0.01)
    assert rate(company, year, prompt=True) == pytest.approx(0.83, abs=0.01)
    assert rate(company, year, prompt=False) == pytest.approx(0.43, abs=0.01)
    assert company.truth == {}
    assert company.facts().journal == planted(rng=np.random.default_rng(1)).facts().journal
    assert company.period == Period.quarter(2025, 4)


def test_what_is_planted_is_there():
    """25 points less, 25 more, 12 less for everybody from the second quarter on; the rest as before."""
    company = planted("weak", "star", "ailing", rng=np.random.default_rng(0)).quarter().quarter()
    year, late = Period.year(2025), Period.quarter(2026, 2)
    assert rate(company, year, *company.truth["weak"]) == pytest.approx(0.30, abs=0.06)
    assert rate(company, year, *company.truth["star"]) == pytest.approx(0.80, abs=0.06)
    (ailing,) = company.truth["ailing"]
    assert rate(company, year, ailing) == pytest.approx(0.55, abs=0.02)
    assert rate(company, late, ailing) == pytest.approx(0.43, abs=0.03)


def test_doing_something_changes_what_comes_after():
    """Coaching, mending and teaching help where there is something to help, and change nothing of what has been."""
    company = planted("weak", "star", "ailing", rng=np.random.default_rng(0)).quarter().quarter()
    weak, star, (ailing,) = company.truth["weak"], company.truth["star"], company.truth["ailing"]
    assert company.coached("stage 1", "p01").advancing == company.advancing
    assert company.coached(*weak).advancing > company.advancing
    assert company.mended(ailing).advancing > company.advancing
    assert company.taught(star[0]).advancing > company.advancing
    assert company.mended("stage 9").advancing == company.advancing
    better = company.coached(*weak).mended(ailing).taught(star[0])
    assert len(better.facts().journal) == len(company.facts().journal)
    third = Period.quarter(2026, 3)
    assert rate(better.quarter(), third, *weak) == pytest.approx(0.55, abs=0.12)
    with pytest.raises(NotFound, match="did you mean 'weak'"):
        planted("week", rng=np.random.default_rng(0))
