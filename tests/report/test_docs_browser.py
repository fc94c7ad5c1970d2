"""The documentation in a real browser: pages load from the disk, fit two widths, and complain of nothing."""

import os
from pathlib import Path

import pytest

from .chromium import opened

SITE = Path(os.environ.get("CRMKIT_SITE", Path(__file__).parents[2] / "build" / "docs"))
PAGES = ("index", "tutorial/process", "reference/kpis", "reference/kpis.zh", "reference/glossary", "how-to/presets",
         "explanation/performance")  # fmt: skip
# Loaded into a frame of a width, as a window of a browser has a least one; the title tells what came of it.
LOOK = """<!doctype html><meta charset=utf-8><iframe id=f width={width} height=900 src="{address}"></iframe><script>
document.getElementById("f").addEventListener("load", function () {{
  const page = this.contentDocument, root = page.documentElement;
  const timing = this.contentWindow.performance.getEntriesByType("navigation")[0];
  document.title = JSON.stringify({{wide: root.scrollWidth - root.clientWidth, title: page.title,
    text: page.body.innerText.length, ms: timing.duration}});
}});
</script>"""


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_and_is_quiet(page, width, tmp_path):
    """Nothing sticks out sideways, nothing is said in the console, and it is there within two seconds."""
    address = SITE / f"{page}.html"
    if not address.exists():
        pytest.skip("the site is not built; make docs builds it")
    frame = tmp_path / "look.html"
    frame.write_text(LOOK.format(width=width, address=address.resolve().as_uri()), encoding="utf-8")
    shown = opened(
        frame.as_uri(), tmp_path, "--allow-file-access-from-files", "--dump-dom", "--virtual-time-budget=8000"
    )
    assert shown.console == ()
    told = shown.told
    assert told["wide"] <= 0
    assert told["text"] > 300
    assert "crmkit" in told["title"]
    assert told["ms"] < 2000
