"""Changes of rates: a published paradox, plain arithmetic, and open cases by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.journal import Journal
from crmkit.metrics import composition
from crmkit.values import Period

OLD, NEW = Period.year(2025), Period.year(2026)


def test_simpsons_paradox():
    """Charig et al. (1986): open surgery is better for small and for large stones, and looks worse over all."""
    surgery, litho = {"small": (81, 87), "large": (192, 263)}, {"small": (234, 270), "large": (55, 80)}
    found = composition.rate_change(surgery, litho)
    assert (found.before, found.after) == (pytest.approx(273 / 350), pytest.approx(289 / 350))
    assert found.reversed
    assert "Simpson" in str(found)
    assert found.rate < 0 < found.change
    assert found.mix + found.rate == pytest.approx(found.change)
    assert not composition.rate_change(surgery, surgery).reversed


COUNTS = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted).map(tuple)
)


@given(COUNTS, COUNTS)
def test_mix_and_rate_add_up(before, after):
    """Mix and rate add up to the change of the plain rate, and going back changes their signs."""
    if not all(sum(n for _, n in one.values()) for one in (before, after)):
        with pytest.raises(InvalidValue, match="needs some in both"):
            composition.rate_change(before, after)
        return
    found, back = composition.rate_change(before, after), composition.rate_change(after, before)
    plain = [sum(x for x, _ in one.values()) / sum(n for _, n in one.values()) for one in (before, after)]
    assert found.change == pytest.approx(plain[1] - plain[0], abs=1e-12)
    assert found.mix + found.rate == pytest.approx(found.change, abs=1e-12)
    assert (back.mix, back.rate) == (pytest.approx(-found.mix, abs=1e-12), pytest.approx(-found.rate, abs=1e-12))
    assert found.low <= found.rate <= found.high


def test_counts_are_checked():
    """More successes than trials are refused."""
    with pytest.raises(InvalidValue, match="not successes among trials"):
        composition.rate_change({"a": (3, 2)}, {"a": (1, 2)})


def deals():
    """Forty deals of two regions, in 2025 mostly in the strong one; each is closed after ten days, but two that last."""
    rows = []
    for year, region, n, wins in ((2025, "north", 15, 9), (2025, "south", 5, 1), (2026, "north", 5, 4), (2026, "south", 15, 4)):  # fmt: skip
        for i in range(n):
            end = ("", "Open") if (year, i) == (2026, 14) else (f"{year}-03-11", "Won" if i < wins else "Lost")
            rows.append((f"{year}{region}{i}", region, f"{year}-03-01", *end))
    names = ("case", "region", "opened", "closed", "how")
    frame = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return Journal.from_snapshot(
        frame, case="case", opened="opened", closed="closed", outcome="how", dims=["region"], tz="UTC"
    )


def test_won_rates_with_open_cases():
    """Chances within a horizon, open cases censored: by hand, for the last deal was lost from sight on day ten."""
    journal = deals()
    found = composition.won_rate_change(journal, "region", before=OLD, after=NEW, days=10)
    north, south = found.rows
    assert (north.rate_before, north.rate_after) == (pytest.approx(0.6), pytest.approx(0.8))
    assert (south.rate_before, south.rate_after) == (pytest.approx(0.2), pytest.approx(4 / 15))
    assert found.reversed
    assert not found.complete
    assert "long enough" in str(found)
    early = composition.won_rate_change(journal, "region", before=OLD, after=NEW, days=5)
    assert (early.before, early.after) == (0, 0)
    longer = composition.won_rate_change(journal, "region", before=OLD, after=NEW, days=30)
    assert [row.n_open for row in longer] == [0, 1]
