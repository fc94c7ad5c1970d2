"""Working papers: they show what a case holds, say what is missing, and keep their form whatever users wrote."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from crmkit.errors import NotFound
from crmkit.improve import Hypothesis, fishbone, methods, paper
from crmkit.pipeline import Pipeline, Stage
from crmkit.values import Money

from ._method_paths import CLAIM, ENDS, JUDGED, NOW, OPENED, PATHS, acting, opened, walk

ALL = [methods.get(name) for name in methods.names()]
each = pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)
TITLES = {
    "coaching": ("Coaching plan", "辅导计划"), "practice-sharing": ("Practice sheet", "最佳实践表"), "pdca": ("PDCA sheet", "PDCA表"),
    "dmaic": ("DMAIC charter and control plan", "DMAIC项目章程与控制计划"), "8d": ("8D report", "8D报告"), "a3": ("A3 sheet", "A3报告"),
    "five-whys": ("Five-whys sheet", "五个为什么表"),
}  # fmt: skip
MARKDOWN = MarkdownIt("commonmark").enable("table")


def headings(text):
    """The headings of the second level."""
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


def form(text):
    """What a paper is made of, without what it says."""
    kinds = [token.type for token in MARKDOWN.parse(text)]
    inner = [child.type for token in MARKDOWN.parse(text) for child in token.children or ()]
    return kinds, [kind for kind in inner if kind not in ("text", "text_special")]


def with_fields(pipeline, **fields):
    """A new case that holds more."""
    return pipeline.open("I-1", who="wei", at=NOW, fields={**OPENED, **fields}).case


@each
def test_a_new_case_has_a_paper_that_is_all_questions(pipeline):
    """Each part is there with every field it asks for, and what is missing is said in the language of the paper."""
    case, _ = opened(pipeline)
    for place, lang in enumerate(("en", "zh")):
        text = paper(case, pipeline, lang=lang)
        title = TITLES[pipeline.name][place]
        assert text.startswith(f"# {title}: I-1\n")
        empty = ("*not filled in yet*", "*尚未填写*")[place]
        asked = pipeline.schema.names
        assert text.count(empty) == len({*asked} - {*OPENED})
        assert "offers arrive late" in text
        assert len(headings(text)) >= 4


@each
def test_a_closed_case_shows_everything_it_holds(pipeline):
    """Every value of the case is somewhere in its paper, and so is each of its stays."""
    case, facts = acting(pipeline)
    end = {"standard": "the template is used", **ENDS.get(pipeline.name, {})}
    case, more = walk(pipeline, case, [("judge", JUDGED), ("standardise", end)], day=60)
    visits = pipeline.timeline([*facts, *more])
    text = paper(case, pipeline, visits=visits)
    for name, value in case.fields.items():
        if isinstance(value, str) and name != "kind":
            assert {"verdict": "it worked"}.get(name, value) in text, name
    assert Hypothesis.from_fields(CLAIM.to_fields()).to_text() in text
    assert "| template | wei | 2026-04-20 | no |" in text
    assert headings(text)[-1] == "Course"
    table = text.partition("## Course\n\n")[2].strip().splitlines()
    assert len(table) == 2 + len(visits)
    assert table[-1].endswith("| wei |")
    assert "Further" not in headings(text)


@each
def test_papers_speak_chinese(pipeline):
    """No label, title or word of a paper in Chinese is English but the names of the methods themselves."""
    case, _ = opened(pipeline)
    text = paper(case, pipeline, lang="zh")
    own = [line for line in text.splitlines() if line.startswith(("## ", "- **"))]
    for line in own:
        label = line.removeprefix("## ").removeprefix("- ").partition("**:")[0]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in label), line
    assert "- **类型**: 反复发生" in text


def test_a_graph_of_causes_is_an_outline_and_a_picture():
    """Nested as it is, roots marked; what leads to two things is unfolded once."""
    whys = methods.get("five-whys")
    case, _ = acting(whys)
    text = paper(case, whys)
    outline = [
        "- **graph of causes**:", "  - offers arrive late", "    - prices are asked for",
        "      - nobody owns the list *(root cause)*",
    ]  # fmt: skip
    assert "\n".join(outline) in text
    assert "```mermaid\nflowchart BT\n" in text
    bones = fishbone("late", {"people": ["ill"], "method": ["ill"]})
    text = paper(with_fields(methods.get("a3"), causes=bones.to_fields()), methods.get("a3"), lang="zh")
    assert "  - late\n    - 人员\n      - ill *(根本原因)*\n    - 方法\n      - ill *(根本原因)*" in text
    shared = methods.get("8d")
    graph = {
        "form": "why tree", "effect": "late", "texts": ["late", "a", "b", "c", "d"], "roots": ["d"],
        "links": [[1, 0], [2, 0], [3, 1], [3, 2], [4, 3]],
    }  # fmt: skip
    text = paper(with_fields(shared, causes=graph), shared)
    assert "  - late\n    - a\n      - c\n        - d *(root cause)*\n    - b\n      - c …" in text


def test_what_is_not_as_it_should_be_is_shown_as_it_is():
    """A claim on a figure of somebody else's, actions that are none, causes that are none: nothing is left out."""
    pdca, a3 = methods.get("pdca"), methods.get("a3")
    foreign = {**CLAIM.to_fields(), "metric": "our own", "metric definition": "0"}
    text = paper(with_fields(pdca, hypothesis=foreign), pdca)
    assert "- **hypothesis**:\n  - **Figure**: our own\n" in text
    assert "  - **Where**:\n    - **Who**: wei\n    - **Stage**: proposal\n" in text
    assert "- **actions**: *nothing*" in paper(with_fields(pdca, actions=[]), pdca)
    own = Pipeline("own", [Stage("a"), Stage("b", "won")], {"a": {"end": "b"}})
    case = own.open("I-1", at=NOW, fields={"actions": "call", "causes": {"form": "fishbone"}}).case
    assert "- **actions**: call\n- **causes**:\n  - **form**: fishbone" in paper(case, own)
    odd = {"form": "fishbone", "effect": "late", "roots": ["x"], "texts": ["late", "x"], "links": [[1, 0]]}
    assert "  - **texts**: late, x\n" in paper(with_fields(a3, causes=odd), a3)


def test_actions_keep_what_else_they_say():
    """Columns of your own follow those of the method."""
    pdca = methods.get("pdca")
    action = {"what": "call", "who": "an", "due": date(2026, 5, 1), "cost": Money("10", "EUR")}
    text = paper(with_fields(pdca, actions=[action, {"what": "write"}]), pdca)
    assert "**actions**\n\n| What | Who | By | Done | cost |" in text
    assert "| call | an | 2026-05-01 | - | 10 EUR |\n| write | - | - | - | - |" in text


def test_values_of_all_kinds_are_shown():
    """Dates, instants, numbers, lists, mappings in lists, nothing at all, and nesting without end."""
    own = Pipeline("own", [Stage("a"), Stage("b", "won")], {"a": {"end": "b"}})
    deep = {"x": {"x": {"x": {"x": {"x": {"x": {"x": {"x": "end"}}}}}}}}
    fields = {
        "day": date(2026, 1, 2), "instant": datetime(2026, 1, 2, 8, 30, tzinfo=UTC), "share": 0.123456, "exact": Decimal("1.50"),
        "list": ["a", 1, None], "none": [], "rows": [{"a": 1}, "b"], "blank": " ", "yes": True, "deep": deep, "empty": {},
    }  # fmt: skip
    text = paper(own.open("I-1", at=NOW, fields=fields).case, own)
    lines = [
        "- **day**: 2026-01-02", "- **instant**: 2026-01-02 08:30 UTC", "- **share**: 0.1235", "- **exact**: 1.50",
        "- **list**: a, 1, -", "- **none**: *nothing*", "- **rows**:\n  - **1**:\n    - **a**: 1\n  - **2**: b",
        "- **blank**: *not filled in yet*", "- **yes**: yes", "- **empty**: *nothing*",
    ]  # fmt: skip
    assert "\n".join(lines[:9]) in text
    assert lines[9] in text
    assert "end" in text


def test_a_method_of_your_own_has_a_part_for_each_stage():
    """With what the stage and the ways into it ask for; what else a case holds stands at the end."""
    own = Pipeline(
        "our way",
        [
            Stage("seen", requires=["what", "where"], labels={"en": "Seen", "zh": "发现"}),
            Stage("mended", "won", requires=["what", "how"]),
            Stage("left", "cancelled"),
        ],
        {"seen": {"mend": "mended", "leave": "left"}},
        labels={"en": "Our way"},
    )
    case = own.open("I-1", who="wei", at=NOW, what="broken", where="hall", what_zh="坏了", note="old").case
    text = paper(case, own)
    assert text.startswith("# Our way: I-1\n")
    assert headings(text) == ["Seen", "mended", "Further"]
    assert "- **what**: broken\n- **where**: hall\n" in text
    assert text.endswith("## Further\n\n- **note**: old\n")
    chinese = paper(case, own, lang="zh")
    assert headings(chinese) == ["发现", "mended", "其他"]
    assert "坏了" in chinese
    assert "broken" not in chinese


def test_what_is_not_there_is_told():
    """A language, and a stage of another process."""
    pdca = methods.get("pdca")
    case, _ = opened(pdca)
    with pytest.raises(NotFound, match="language 'fr'"):
        paper(case, pdca, lang="fr")
    with pytest.raises(NotFound, match="stage 'opened'"):
        paper(case, methods.get("8d"))


TEXTS = st.text(st.sampled_from("#*_`~|<>&[](){}!\\-+=.:1 \n\ta漢"), min_size=1).filter(str.strip)


@settings(max_examples=30, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_no_text_of_a_user_changes_the_form_of_a_paper(problem, cause, key):
    """With any text in any place the paper has the parts, lists, tables and pictures that it has with plain words."""
    eight = methods.get("8d")

    def written(problem, cause, key):
        fields = {
            "problem": problem, "found": {key: problem}, "containment": problem, "team": [problem, cause],
            "actions": [{"what": problem, "who": cause, "due": None, key: cause}], "owner": cause,
            "causes": fishbone(problem, {"people": [f"{cause}q", {f"{cause}r": [f"{problem}s"]}]}).to_fields(), key + "#": problem,
        }  # fmt: skip
        case = eight.open("I-1", who="wei", at=NOW, fields={**OPENED, **fields}).case
        return paper(case, eight, visits=eight.timeline([eight.open("I-1", who=problem, at=NOW, fields=OPENED).event]))

    assert form(written(problem, cause, key)) == form(written("plain", "words", "key"))


def test_the_course_of_a_case_that_goes_on():
    """A stay that lasts has no end yet, and a person who is not known has no name."""
    pdca = methods.get("pdca")
    step = pdca.open("I-1", at=NOW, fields=OPENED)
    more = pdca.move(step.case, "plan", at=NOW + timedelta(days=1), fields=PATHS["pdca"][0][1])
    text = paper(more.case, pdca, visits=pdca.timeline([step.event, more.event]))
    assert text.endswith(
        "| Stage | From | To | Who |\n| --- | --- | --- | --- |\n"
        "| Opened | 2026-04-01 09:00 UTC | 2026-04-02 09:00 UTC | - |\n| Plan | 2026-04-02 09:00 UTC | - | - |\n"
    )
