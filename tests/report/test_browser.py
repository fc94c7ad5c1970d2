"""The page in a real browser: at two widths, in both languages and lights, with keys, for axe, on paper."""

import re
from importlib.resources import files

import numpy as np
import pytest

from crmkit.report import build
from crmkit.report.page import to_html
from crmkit.testing.simulate import sales_pipeline, simulate

from . import pages
from .chromium import opened

#: What sticks out, and what is too small to read. Inside a frame the answer goes to the page around it.
PROBE = """<script>addEventListener("load", () => {
const wide = [...document.querySelectorAll("header, header *, nav, main *")].filter(e => !e.closest(".scroll")
  && !e.closest("svg") && !e.closest(".skip") && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
const small = [...document.querySelectorAll("svg text")].filter(e => e.getBoundingClientRect().height > 0
  && e.getBoundingClientRect().height < 7);
const told = JSON.stringify({inner: innerWidth, scroll: document.documentElement.scrollWidth,
  wide: wide.map(e => e.tagName + "." + e.className), small: small.length, svgs: document.querySelectorAll("svg").length});
parent.postMessage(told, "*");
});</script></body>"""
#: A window of a desktop is at least 500 px wide; a frame may be as narrow as a phone.
FRAME = """<!doctype html><meta charset="utf-8"><title></title><script>
addEventListener("message", event => { document.title = event.data; });</script>
<iframe src="page.html" style="width:WIDTHpx;height:2000px;border:0"></iframe>"""


def many():
    """A page of the deals alone, with long names and many people."""
    people = {f"Person {i} of a rather long name": 1.0 for i in range(12)} | {"star": 3.0}
    journal = simulate(sales_pipeline(), 3000, rng=np.random.default_rng(1), people=people).journal
    made = build(journal, stages=sales_pipeline())
    return to_html(made, name="deals-of-a-company-with-a-long-file-name.csv", language="zh")


def told(html, folder, script, *options):
    """What a script on a copy of a page leaves as its title, and the console."""
    path = folder / "page.html"
    text = f'<script>addEventListener("load", async () => {{ {script} }});</script></body>'
    path.write_text(html.replace("</body>", text), encoding="utf-8")
    seen = opened(path.as_uri(), folder, "--virtual-time-budget=60000", *options, "--dump-dom")
    assert not seen.console, seen.console
    return seen.told


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize(("html", "svgs"), [(many, 6), (pages.html, 16)], ids=["deals", "company"])
def test_nothing_sticks_out(tmp_path, html, svgs, width):
    """On a desk and on a phone: no sideways scrolling of the page, all charts drawn, no text too small to read."""
    (tmp_path / "page.html").write_text(html().replace("</body>", PROBE), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    found = opened(frame.as_uri(), tmp_path, "--window-size=1300,2100", "--dump-dom").told
    assert found["inner"] == width
    assert found["svgs"] == svgs
    assert found["wide"] == []
    assert found["scroll"] <= found["inner"]
    assert found["small"] == 0


def test_it_loads_at_once_and_in_silence(tmp_path):
    """From a file, in less than two seconds, without a word on the console, and from nowhere else."""
    script = """const [nav] = performance.getEntriesByType("navigation");
      document.title = JSON.stringify({load: nav.loadEventStart, others: performance.getEntriesByType("resource").length});"""
    found = told(pages.html(), tmp_path, script)
    assert 0 < found["load"] < 2000
    assert found["others"] == 0
    assert len(pages.html().encode()) < 1_500_000


def test_the_reader_changes_the_language(tmp_path):
    """Every text is there in the language that was chosen, in charts as well, and not in the other."""
    script = """const seen = e => e.checkVisibility ? e.checkVisibility() : e.offsetParent !== null;
      const of = () => ({title: document.title, h1: document.querySelector("h1").innerText,
        en: [...document.querySelectorAll("[lang=en]")].filter(seen).length,
        zh: [...document.querySelectorAll("[lang=zh-Hans]")].filter(e => e !== document.documentElement && seen(e)).length,
        chart: document.querySelector("#flow svg").querySelectorAll("tspan").length,
        option: document.querySelector("#choose-who option").textContent,
        pressed: [...document.querySelectorAll("[data-speak][aria-pressed=true]")].map(e => e.dataset.speak)});
      const before = of();
      document.querySelector("[data-speak=zh-Hans]").click();
      document.title = JSON.stringify({before, after: of(), lang: document.documentElement.lang});"""
    found = told(pages.html(), tmp_path, script)
    before, after = found["before"], found["after"]
    assert (before["zh"], after["en"]) == (0, 0)
    assert before["en"] > 300
    assert after["zh"] > 300
    assert before["chart"] == after["chart"] > 0
    assert (before["h1"], after["h1"]) == ("Report", "报告")
    assert (before["title"], after["title"]) == ("Report · A <company>", "报告 · A <company>")
    assert (before["option"], after["option"]) == ("all", "全部")
    assert (before["pressed"], after["pressed"], found["lang"]) == (["en"], ["zh-Hans"], "zh-Hans")


def test_the_reader_changes_the_light(tmp_path):
    """Dark on request, in charts too; what is written stands out from what it is written on in both."""
    script = """const of = () => ({paper: getComputedStyle(document.querySelector(".panel")).backgroundColor,
        ink: getComputedStyle(document.body).color,
        chart: getComputedStyle(document.querySelector("#flow svg text")).fill});
      const before = of();
      document.getElementById("light").click();
      const after = of();
      document.getElementById("light").click();
      document.title = JSON.stringify({before, after, again: of()});"""
    found = told(pages.html(), tmp_path, script)
    assert found["before"] == found["again"]
    for light in (found["before"], found["after"]):
        assert light["chart"] == light["ink"]
        assert contrast(light["ink"], light["paper"]) > 7
    assert brightness(found["before"]["paper"]) > brightness(found["after"]["paper"])


def brightness(color):
    """Relative luminance (WCAG 2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """The ratio of WCAG 2."""
    low, high = sorted([brightness(one), brightness(other)])
    return (high + 0.05) / (low + 0.05)


def test_everything_is_reached_with_keys(tmp_path):
    """Links, buttons, choices and tables that scroll are in the order of keys; every link leads somewhere."""
    script = """const links = [...document.querySelectorAll("a[href^='#']")];
      const focusable = [...document.querySelectorAll("a[href], button, select, summary, .scroll")].filter(e =>
        e.checkVisibility());
      const reached = focusable.filter(e => { e.focus(); return document.activeElement === e && e.tabIndex >= 0; });
      document.title = JSON.stringify({
        lost: links.filter(a => !document.querySelector(a.getAttribute("href"))).map(a => a.getAttribute("href")),
        links: links.length, unreached: focusable.length - reached.length, focusable: focusable.length,
        first: focusable[0].className});"""
    found = told(pages.html(), tmp_path, script)
    assert found["lost"] == []
    assert found["links"] > 15
    assert found["unreached"] == 0
    assert found["focusable"] > 40
    assert found["first"] == "skip"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_serious(tmp_path, theme, language):
    """axe-core has no critical or serious finding, with all that can be opened open."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    html = pages.html(language).replace("</body>", f"<script>{axe}</script></body>")
    script = f"""document.documentElement.dataset.theme = "{theme}";
      for (const e of document.querySelectorAll("details")) e.open = true;
      const found = await axe.run(document, {{resultTypes: ["violations"]}});
      document.title = JSON.stringify({{passes: found.passes.length, bad: found.violations.filter(v =>
        ["critical", "serious"].includes(v.impact)).map(v => [v.id, v.nodes.length,
          v.nodes.slice(0, 3).map(n => n.target.join(" "))])}});"""
    found = told(html, tmp_path, script)
    assert found["bad"] == []
    assert found["passes"] > 20


def test_without_a_script_it_is_complete(tmp_path):
    """Whoever runs no scripts has every figure, and no switch that does nothing."""
    html = re.sub(r"<script>.*?</script>", "", pages.html(), flags=re.DOTALL)
    script = """document.title = JSON.stringify({tools: document.querySelector(".tools").checkVisibility(),
      choose: document.getElementById("choose").checkVisibility(),
      value: document.querySelector("#figures .now").innerText});"""
    found = told(html, tmp_path, script)
    assert not found["tools"]
    assert not found["choose"]
    assert found["value"].endswith("%")


def test_it_prints(tmp_path):
    """On paper it is a PDF of some pages."""
    (tmp_path / "page.html").write_text(pages.html(), encoding="utf-8")
    target = tmp_path / "report.pdf"
    opened((tmp_path / "page.html").as_uri(), tmp_path, f"--print-to-pdf={target}")
    data = target.read_bytes()
    assert data.startswith(b"%PDF")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 40
