"""The catalogue of KPIs, written from the code: the directive `kpis`, in English or Chinese.

Everything on the page is read from the declarations of `crmkit.metrics.kpi`; the Chinese of what has no Chinese there
is in `kpis.zh.toml`, by the English text, so that a text that changes asks for its translation anew.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import attrs
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from crmkit.metrics.kpi import CATALOGUE
from crmkit.metrics.metric import Metric
from crmkit.metrics.sql import WITHOUT_TWIN

WORDS = {
    "en": {
        "key": "Key", "name": "KPI", "other": "中文", "all": "All of them",
        "unit": "Unit", "better": "Better", "mission": "Serves",
        "definition": "Definition", "above": "Numerator", "below": "Denominator", "grain": "Counted",
        "reads": "Reads", "within": "Apart by", "policies": "Policies", "none": "none", "traps": "Traps avoided",
        "source": "Estimator, interval and source", "twin": "In SQL", "has": "has a twin (`crmkit.metrics.sql.twin`)",
        "lacks": "no twin: ", "absent": "A period without any", "zero": "0", "no data": "no data",
        "more": "more", "less": "less", "neither": "neither",
    },
    "zh": {
        "key": "代码", "name": "指标", "other": "English", "all": "总表",
        "unit": "单位", "better": "越…越好", "mission": "对应需求",
        "definition": "定义", "above": "分子", "below": "分母", "grain": "统计对象",
        "reads": "所需数据", "within": "另分", "policies": "口径参数", "none": "无", "traps": "避开的陷阱",
        "source": "估计方法、区间与出处", "twin": "SQL", "has": "有对应语句（`crmkit.metrics.sql.twin`）",
        "lacks": "无对应语句：", "absent": "期间内没有数据时", "zero": "0", "no data": "无数据",
        "more": "大", "less": "小", "neither": "不论",
    },
}  # fmt: skip
#: What is said of a KPI in English only, by the table in which its Chinese is.
TEXTS = ("units", "grains", "formulas", "sources", "traps", "families", "reasons")


@cache
def chinese() -> Mapping[str, Mapping[str, str]]:
    """The Chinese texts, by kind and English text."""
    return tomllib.loads(Path(__file__).with_name("kpis.zh.toml").read_text(encoding="utf-8"))


def family(metric: Metric) -> str:
    """The heading of the chapter that declares a KPI."""
    return (import_module(type(metric).__module__).__doc__ or "").partition("\n")[0]


def english() -> dict[str, set[str]]:
    """Every English text of the catalogue, by kind."""
    said = {kind: set[str]() for kind in TEXTS}
    for metric in CATALOGUE:
        about = metric.about
        said["units"].add(about.unit)
        said["grains"].add(about.grain)
        said["formulas"].add(about.formula)
        said["sources"].add(about.source)
        said["traps"].update(about.traps)
        said["families"].add(family(metric))
    said["reasons"].update(WITHOUT_TWIN.values())
    return said


def parts(formula: str) -> tuple[str, str] | None:
    """Numerator and denominator of a formula that has them."""
    above, stroke, below = formula.rstrip("。.").partition(" / ")
    return (above.strip(), below.strip()) if stroke and " / " not in below and "(" not in above[:1] else None


def policies(metric: Metric) -> str:
    """The policies with their usual values, as code."""
    return ", ".join(f"`{name}={value!r}`" for name, value in metric.policies.items())


@attrs.frozen
class Page:
    """The catalogue in one language."""

    lang: str

    def word(self, name: str) -> str:
        """A word of the page."""
        return WORDS[self.lang][name]

    def said(self, kind: str, text: str) -> str:
        """A text of the code in the language of the page."""
        return text if self.lang == "en" else chinese()[kind][text]

    def name(self, metric: Metric) -> str:
        """What the KPI is called here."""
        return metric.about.en if self.lang == "en" else metric.about.zh

    def other(self, metric: Metric) -> str:
        """What the KPI is called in the other language."""
        return metric.about.zh if self.lang == "en" else metric.about.en

    def label(self, metric: Metric) -> str:
        """The anchor of the KPI."""
        return f"kpi-{self.lang}-{metric.key.replace('_', '-')}"

    def table(self, metrics: list[Metric]) -> Iterator[str]:
        """One row a KPI."""
        yield (
            "| " + " | ".join(self.word(word) for word in ("name", "other", "key", "unit", "better", "mission")) + " |"
        )
        yield "| --- | --- | --- | --- | --- | --- |"
        for metric in metrics:
            about = metric.about
            unit, better = self.said("units", about.unit), self.word(about.better)
            yield (
                f"| [{self.name(metric)}](#{self.label(metric)}) | {self.other(metric)} | `{metric.key}` "
                f"| {unit} | {better} | {about.mission} |"
            )

    def rows(self, metric: Metric) -> Iterator[tuple[str, str]]:
        """Everything that is declared of a KPI."""
        about = metric.about
        formula = self.said("formulas", about.formula)
        yield "definition", formula
        halves = parts(formula)
        if halves is not None:
            yield from zip(("above", "below"), halves, strict=True)
        yield "unit", self.said("units", about.unit)
        yield "better", self.word(about.better)
        yield "grain", self.said("grains", about.grain)
        yield "reads", ", ".join(f"`{need}`" for need in about.needs)
        if about.within:
            yield "within", ", ".join(f"`{key}`" for key in about.within)
        yield "absent", self.word(about.absent)
        yield "policies", policies(metric) or self.word("none")
        yield "source", self.said("sources", about.source)
        why = WITHOUT_TWIN.get(metric.key)
        yield "twin", self.word("has") if why is None else self.word("lacks") + self.said("reasons", why)
        yield "mission", about.mission

    def entry(self, metric: Metric) -> Iterator[str]:
        """A KPI with its heading."""
        home = f"{type(metric).__module__}.{type(metric).__name__}"
        yield f"({self.label(metric)})=\n### {self.name(metric)} · {self.other(metric)}\n"
        yield f"`{metric.key}` · {{py:obj}}`{type(metric).__name__} <{home}>`\n"
        for word, text in self.rows(metric):
            yield f"{self.word(word)}\n: {text}\n"
        if metric.about.traps:
            told = "\n".join(f"  - {self.said('traps', trap)}" for trap in metric.about.traps)
            yield f"{self.word('traps')}\n: {told.strip()}\n"

    def text(self) -> str:
        """The whole catalogue, as MyST Markdown."""
        families: dict[str, list[Metric]] = {}
        for metric in CATALOGUE:
            families.setdefault(family(metric), []).append(metric)
        # What stands before the first heading would come after the last section.
        lines = [f"## {self.word('all')}\n", *self.table(list(CATALOGUE)), ""]
        for heading, metrics in families.items():
            lines.append(f"## {self.said('families', heading).rstrip('.')}\n")
            lines.extend(line for metric in metrics for line in self.entry(metric))
        return "\n".join(lines)


class Kpis(SphinxDirective):
    """The catalogue, as `{kpis} en` or `{kpis} zh`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write it."""
        lang = directives.choice(self.arguments[0], tuple(WORDS))
        return self.parse_text_to_nodes(Page(lang).text(), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("kpis", Kpis)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
