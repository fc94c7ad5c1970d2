"""A brief is split into what it requires, with places, and nothing of it is lost on the way."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.kb.proposals import Brief

TENDER = """# Tender 7: CRM

We are ACME Ltd. and sell pumps. The supplier shall answer complaints within 4 hours, e.g. by phone. Prices were 3.5 EUR.

1 Scope
1.1 General
1.1.1 The system must support 1,000 users. It must not store passwords. Backups are daily.
1.1.2 Invoices should be issued in PDF; exports shall be possible; dates are ISO.
1.2 Delivery
The vendor may visit the site. 供应商应提供7×24小时响应服务；不得转包，须在30日内交付。应用系统运行良好。

The system shall export:

- CSV
- JSON with
  all fields
- 2.5 million rows

| No | Requirement | Priority |
|---|---|---|
| R-1 | Audit log | mandatory |
| R-2 | Dark mode | optional |

第一章 总则
第一条 投标人必须具备资质。
（二）请说明贵司的质量体系

```
code shall not count
```
Is it secure?
"""


def told(text):
    """Obligation, number and text of each requirement."""
    return [(one.obligation, one.number, one.text) for one in Brief(text).requirements]


def test_a_tender_is_split():
    """Clauses, bullets, rows and binding sentences, in both languages, with their obligation and number."""
    assert told(TENDER) == [
        ("must", "", "The supplier shall answer complaints within 4 hours, e.g. by phone."),
        ("must", "1.1.1", "The system must support 1,000 users."),
        ("must not", "1.1.1", "It must not store passwords. Backups are daily."),
        ("should", "1.1.2", "Invoices should be issued in PDF;"),
        ("must", "1.1.2", "exports shall be possible; dates are ISO."),
        ("must", "", "供应商应提供7×24小时响应服务；"),
        ("must not", "", "不得转包，须在30日内交付。"),
        ("must", "", "CSV"),
        ("must", "", "JSON with\n  all fields"),
        ("must", "", "2.5 million rows"),
        ("must", "R-1", "Audit log | mandatory"),
        ("may", "R-2", "Dark mode | optional"),
        ("must", "第一条", "投标人必须具备资质。"),
        ("asked", "二", "请说明贵司的质量体系"),
        ("asked", "", "Is it secure?"),
    ]


def test_what_requires_nothing_is_told():
    """Headings, words that lead in, names of columns, code and background are passages, each with its kind."""
    assert [(one.kind, one.line, one.text) for one in Brief(TENDER).passages] == [
        ("heading", 1, "Tender 7: CRM"),
        ("background", 3, "We are ACME Ltd. and sell pumps."),
        ("background", 3, "Prices were 3.5 EUR."),
        ("heading", 5, "Scope"),
        ("heading", 6, "General"),
        ("heading", 9, "Delivery"),
        ("background", 10, "The vendor may visit the site."),
        ("background", 10, "应用系统运行良好。"),
        ("lead", 12, "The system shall export:"),
        ("header", 19, "No | Requirement | Priority"),
        ("heading", 24, "总则"),
        ("code", 29, "code shall not count"),
    ]


def test_a_requirement_knows_its_place():
    """Lines and columns count from 1, the last column is behind; headings and the leading words are kept."""
    found = Brief(TENDER).requirements
    json = found[8]
    assert (json.line, json.column, json.last_line, json.last_column) == (15, 3, 16, 13)
    assert json.headings == ("Tender 7: CRM", "1 Scope", "1.2 Delivery")
    assert json.lead == "The system shall export:"
    assert found[12].headings == ("Tender 7: CRM", "第一章 总则")
    assert all(TENDER[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(("text", "level"), [
    ("The system shall not fail.", "must not"), ("Passwords are not permitted.", "must not"), ("It is prohibited.", "must not"),
    ("不得外传。", "must not"), ("禁止转包。", "must not"), ("系统不应丢失数据。", "must not"), ("不宜过大。", "should not"),
    ("It should not block.", "should not"), ("A SHALL be B.", "must"), ("Tests are required.", "must"), ("You need to sign.", "must"),
    ("须交付。", "must"), ("响应时间应小于两秒。", "must"), ("设备应有铭牌。", "must"), ("需提供证明。", "must"),
    ("It ought to work.", "should"), ("宜采用国产设备。", "should"), ("建议分期实施。", "should"), ("Do you offer support?", "asked"),
    ("Please describe your company.", "asked"), ("请列出案例", "asked"), ("贵司是否有资质？", "asked"), ("It may be blue.", "may"),
    ("可以分包。", "may"), ("Delivery in May 2026.", "stated"), ("供应链应用响应", "stated"), ("无须押金", "stated"),
    ("适宜的温度", "stated"), ("所需材料", "stated"), ("需求说明", "stated"), ("Blue paint", "stated"),
])  # fmt: skip
def test_how_binding_a_bullet_is(text, level):
    """The strongest word counts; characters that are part of another word do not bind."""
    (one,) = Brief(f"- {text}").requirements
    assert one.obligation == level


@pytest.mark.parametrize("mark", [
    "1.", "1)", "(1)", "（1）", "1、", "a)", "(a)", "iv.", "一、", "（一）", "第一条 ", "①", "1.2.3", "1.2.3.", "-", "*", "•", "- [ ]", "- 1.", "> -",
])  # fmt: skip
def test_what_marks_an_item(mark):
    """Numbers of clauses and bullets are no part of what is required."""
    (one,) = Brief(f"{mark} Blue paint\n").requirements
    assert (one.text, one.obligation) == ("Blue paint", "stated")


@pytest.mark.parametrize(
    "text", ["3.5 million users like it.", "2026 was good.", "-5 degrees", "*bold* words", "J.R. is here.", "3 months"]
)
def test_what_marks_none(text):
    """A number or a dash in a sentence does not make it a clause."""
    assert Brief(text).requirements == ()
    assert "".join(one.text for one in Brief(text).passages).split() == text.split()


def test_where_sentences_end():
    """Points in abbreviations, numbers and initials end none, nor does one before a small letter; the last needs no mark."""
    text = (
        "Dr. J. Smith must sign. It costs approx. 3.5 EUR and must not cost more! 必须“签字。”应当盖章"
        " Sect. 4 v. 2.0 shall hold... and must stay. You must win?! No.7 shall be red"
    )
    assert [one for _, _, one in told(text)] == [
        "Dr. J. Smith must sign.", "It costs approx. 3.5 EUR and must not cost more!", "必须“签字。”", "应当盖章 Sect. 4 v. 2.0 shall hold... and must stay.", "You must win?!", "No.7 shall be red",
    ]  # fmt: skip


def test_tables_with_tabs_and_without_names():
    """Rows of a spreadsheet that were pasted are rows; a first row of names is none; one cell is no row."""
    rows = "序号\t要求\n1\t审计日志\n2\t必须加密\n\n| Blue | paint |\n| only |\n||\nA\ttab"
    assert told(rows) == [
        ("stated", "1", "审计日志"), ("must", "2", "必须加密"), ("stated", "", "Blue | paint"), ("stated", "", "only"),
        ("stated", "", "A\ttab"),
    ]  # fmt: skip
    assert told("| --- |\n| Blue | paint |\n| --- | --- |\n| --- | --- |\n| Red | paint |") == [
        ("stated", "", "Red | paint")
    ]
    assert told("\tindented words must count") == [("must", "", "indented words must count")]


def test_underlined_headings_and_lines():
    """A line of words over dashes is a heading; dashes elsewhere are nothing."""
    brief = Brief("Title\n=====\nPart\n---\n\n***\n- Blue paint\n---\n\nTwo\nlines\n---\nYou must.")
    assert [(one.kind, one.text) for one in brief.passages] == [
        ("heading", "Title"), ("heading", "Part"), ("background", "Two\nlines")
    ]  # fmt: skip
    assert [one.headings for one in brief.requirements] == [("Title", "Part"), ("Title", "Part")]


def test_clauses_that_are_titles():
    """A short clause over deeper ones or prose is a heading; the last of a list of short ones is not."""
    text = "1. Price list\n2. Delivery terms\n3. Warranty\n\nPlease reply by June.\n"
    assert [one.text for one in Brief(text).requirements] == [
        "Price list", "Delivery terms", "Warranty", "Please reply by June."
    ]  # fmt: skip
    chapters = "一、总则\n1. 必须验收\n二、其他\n\n卖方应配合。\n2. Scope\n- Blue\n(a) Short\n- Red\n7 Other\n8. Blue"
    assert [(one.text, one.headings) for one in Brief(chapters).requirements] == [
        ("必须验收", ("一 总则",)), ("卖方应配合。", ("二 其他",)), ("Blue", ("2 Scope",)), ("Short", ("2 Scope",)),
        ("Red\n7 Other", ("2 Scope",)), ("Blue", ("2 Scope",)),
    ]  # fmt: skip


def test_a_list_ends_what_leads_in():
    """What leads in a list binds its items, until an item like the one that leads in, a paragraph or a heading."""
    text = "1. It shall export:\n   - CSV\n   - JSON\n2. Blue paint:\n3. Red paint\n\nYou must:\n- run\n\nA word.\n- sit\n# End\n- lie"
    assert [(one.text, one.lead, one.obligation) for one in Brief(text).requirements] == [
        ("CSV", "It shall export:", "must"), ("JSON", "It shall export:", "must"), ("Blue paint:", "", "stated"),
        ("Red paint", "", "stated"), ("run", "You must:", "must"), ("sit", "", "stated"), ("lie", "", "stated"),
    ]  # fmt: skip


def test_fences_quotes_and_line_ends():
    """Fences close with their like, quotations are read through, and every kind of line end counts as one."""
    brief = Brief("~~~\na shall\n```\n~~~\r\n> You must\r> go.\n\n## 2.1 Part ##\n- x must\r\n\n#\n")
    assert [one.text for one in brief.requirements] == ["You must\r> go.", "x must"]
    assert [(one.kind, one.text) for one in brief.passages] == [
        ("code", "a shall"), ("code", "```"), ("heading", "2.1 Part"), ("background", "#")
    ]  # fmt: skip
    assert brief.requirements[1].line == 9


PIECES = st.sampled_from([
    "The system shall run.", "It must not stop", "blue paint", "必须交付。", "不得转包；应验收", "1.2 ", "- ", "# ", "| ", "|", "\n", "\n\n",
    "> ", "\t", ": ", "; ", "3.5", "e.g. ", "(a) ", "一、", "第一章 ", "```\n", "---\n", "Please?", "  ", "\r\n", ".", "。", "May", "may",
])  # fmt: skip


def letters(text):
    """What must not be lost."""
    return re.findall(r"\w", text)


@given(st.lists(PIECES, min_size=1, max_size=30).map("".join).filter(str.strip))
def test_every_letter_is_somewhere(text):
    """Requirements and passages do not overlap, stand as in the brief, and leave out marks and numbers only."""
    brief = Brief(text)
    parts = sorted([*brief.requirements, *brief.passages], key=lambda one: one.start)
    assert all(one.end <= other.start for one, other in pairwise(parts))
    assert all(text[one.start : one.end] == one.text == one.text.strip() for one in parts)
    numbers = {one.number for one in brief.requirements}
    end = 0
    for one in [*parts, None]:
        between = text[end : len(text) if one is None else one.start]
        # Between parts stand marks and the numbers of clauses; a fence may name a language.
        left = re.sub(r"```.*|第.章|第.条|\d+(\.\d+)*|\([a-z]\)|[一]、", "", between)
        assert letters(left) == [] or left.strip(" \t\r\n.)|>-") in numbers
        end = end if one is None else one.end


@given(st.lists(PIECES, min_size=1, max_size=30).map("".join).filter(str.strip))
def test_binding_words_are_in_requirements(text):
    """No must, shall or 必须 stands in what requires nothing, but in headings, code, names, and what leads in."""
    for one in Brief(text).passages:
        if one.kind == "background":
            assert not re.search(r"\b(shall|must)\b|必须|不得", one.text)


def test_long_lines_take_no_longer():
    """A line of many marks, many dots, or one word without end is read like any other."""
    for line in (
        "-" * 200_000 + "x",
        "." * 200_000 + "x",
        "| " * 100_000,
        "> " * 100_000,
        "a" * 200_000,
        "1." * 100_000,
        "must;" * 50_000,
    ):
        brief = Brief(line)
        assert sum(len(one.text) for one in (*brief.requirements, *brief.passages)) <= len(line)


@pytest.mark.parametrize(("text", "why"), [
    ("", "holds no text"), (" \n\t", "holds no text"), ("x" * 2_000_001, "longer than 2,000,000"),
    ("shall\nsha\x00ll", "line 2, column 4"), ("\ud800", "line 1, column 1"), ("PK\x03\x04", "line 1, column 3"),
])  # fmt: skip
def test_what_is_no_brief(text, why):
    """Nothing, too much, and what is no text is refused with its place."""
    with pytest.raises(InvalidValue, match=why):
        Brief(text)


def test_a_name_is_a_text():
    """It stands in titles, so it must be one."""
    with pytest.raises(InvalidValue, match="a name with what is no character"):
        Brief("You must.", "a\x01")
