"""Charts as pictures in a notebook: `%load_ext crmkit.report.notebook`.

JupyterLab and VS Code draw the charts that results carry by themselves. What shows a saved notebook without running
anything (a code host, a printed page, a documentation site) does not: with this extension each chart is also kept as an
SVG, drawn on this machine.
"""

from typing import Any

from crmkit.report.charts import to_svg
from crmkit.values.display import Chart

__all__ = ["load_ipython_extension", "unload_ipython_extension"]

_SVG = "image/svg+xml"


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext` calls.

    Args:
        shell: the running IPython shell.

    Raises:
        ExtraMissing: if vl-convert is not installed; it comes with the extra `report`.
    """
    to_svg(Chart(mark="point", data={"values": []}))
    shell.display_formatter.formatters[_SVG].for_type(Chart, to_svg)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext` calls.

    Args:
        shell: the running IPython shell.
    """
    shell.display_formatter.formatters[_SVG].pop(Chart, None)
