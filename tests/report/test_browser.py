"""The page in a real browser, at two widths and on paper."""

import re

import numpy as np
import pytest

from crmkit.report import build
from crmkit.report.page import to_html
from crmkit.testing.simulate import sales_pipeline, simulate

from .chromium import opened

PROBE = """<script>
const wide = [...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll") && !e.closest("svg")
  && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
const small = [...document.querySelectorAll("svg text")].filter(e => e.getBoundingClientRect().height < 7);
document.title = JSON.stringify({inner: innerWidth, scroll: document.documentElement.scrollWidth,
  wide: wide.map(e => e.tagName + "." + e.className), small: small.length, svgs: document.querySelectorAll("svg").length});
</script></body>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with long names, many people and every section, with a probe that measures it."""
    people = {f"Person {i} of a rather long name": 1.0 for i in range(12)} | {"star": 3.0}
    journal = simulate(sales_pipeline(), 3000, rng=np.random.default_rng(1), people=people).journal
    html = to_html(
        build(journal, stages=sales_pipeline()), name="deals-of-a-company-with-a-long-file-name.csv", language="zh"
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html.replace("</body>", PROBE), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_sticks_out(page, tmp_path, width):
    """On a desk and on a phone: no sideways scrolling of the page, all charts drawn, no text too small to read."""
    found = opened(page.as_uri(), tmp_path, f"--window-size={width},2000", "--dump-dom").told
    assert found["svgs"] == 5
    assert found["wide"] == []
    assert found["scroll"] <= found["inner"]
    assert found["small"] == 0


def test_it_prints(page, tmp_path):
    """On paper it is a PDF of a few pages."""
    target = tmp_path / "report.pdf"
    opened(page.as_uri(), tmp_path, f"--print-to-pdf={target}")
    data = target.read_bytes()
    assert data.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 12
