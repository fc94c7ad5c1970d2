"""The catalogue: what every KPI declares."""

import pytest

from crmkit.metrics.kpi import CATALOGUE, named


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.key)
def test_every_kpi_is_declared(metric):
    """In both languages, with what it answers, avoids and comes from; its id changes with its policies."""
    about = metric.about
    assert all((about.en, about.traps, about.source, about.grain, about.needs))
    assert any("\u4e00" <= letter <= "\u9fff" for letter in about.zh)
    assert about.mission.startswith(("K", "B", "T"))
    assert about.formula.endswith(".")
    assert named(about.key) is metric
    assert len(metric.definition) == 12


def test_catalogue_keys_are_unique():
    """A key names one KPI."""
    keys = [metric.key for metric in CATALOGUE]
    assert len(set(keys)) == len(keys)
