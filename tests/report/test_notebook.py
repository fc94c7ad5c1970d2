"""Charts are kept as pictures in a notebook that asks for it."""

from types import SimpleNamespace

import pytest

pytest.importorskip("vl_convert")
pytest.importorskip("IPython", reason="IPython is not installed")

from IPython.core.formatters import DisplayFormatter

from crmkit.report.notebook import load_ipython_extension, unload_ipython_extension
from crmkit.values.display import Chart, Display, Table

VEGA, SVG = "application/vnd.vegalite.v5+json", "image/svg+xml"
CHART = Chart({
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json", "title": "People", "mark": "bar",
    "data": {"values": [{"who": "李", "n": 3}]}, "encoding": {"x": {"field": "n", "type": "quantitative"}},
})  # fmt: skip


@pytest.fixture
def shell():
    """What the extension needs of a shell."""
    return SimpleNamespace(display_formatter=DisplayFormatter())


def test_a_chart_is_drawn_once_it_is_asked_for(shell):
    """First the specification and a line; then the picture, too; then no more."""
    before, _ = shell.display_formatter.format(CHART)
    assert set(before) == {VEGA, "text/plain"}
    assert before["text/plain"] == "Vega-Lite chart: People"
    load_ipython_extension(shell)
    loaded, _ = shell.display_formatter.format(CHART)
    assert set(loaded) == {VEGA, "text/plain", SVG}
    assert loaded[SVG].startswith("<svg")
    assert "People" in loaded[SVG]
    unload_ipython_extension(shell)
    unload_ipython_extension(shell)
    assert set(shell.display_formatter.format(CHART)[0]) == {VEGA, "text/plain"}


def test_a_table_is_shown_as_html(shell):
    """A display is not drawn, a dict that is no chart is left alone."""
    load_ipython_extension(shell)
    shown, _ = shell.display_formatter.format(Display.of(Table.of({"a": [1]})))
    assert shown["text/html"].startswith("<div")
    assert SVG not in shell.display_formatter.format({"mark": "bar"})[0]
