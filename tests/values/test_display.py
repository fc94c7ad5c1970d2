"""Results show themselves: aligned text, HTML that is safe, and little of it however much there is."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from types import SimpleNamespace
from unicodedata import category

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.values import Money
from crmkit.values._cells import cell, numeric, visible, wide
from crmkit.values.display import ROWS, Chart, Display, Listed, Several, Shown, Table, Told

VOID = {"br"}
TAGS = {"div", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "p", "pre", "br"}
TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from([
    "<script>alert(1)</script>", '" onmouseover="x', "&lt;", "</td></table>", "a\u202eb", "\x1b[31mred\x1b[0m", "\r\n",
    "\ud800", "שלום", "汉字", "e\u0301", "\u2066x", "a\u2028b", "",
])  # fmt: skip


class Page(HTMLParser):
    """Reads a piece of HTML: its tags must close in order; its texts by the tag that they stand in."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.texts, self.attributes = [], set(), {}, set()
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]][-1] += data


@attrs.frozen
class Row:
    """A row of a result."""

    name: str
    n: int


@attrs.frozen
class Lines(Told):
    """A result in sentences."""

    n: int

    def to_text(self, lang="en"):
        """Many of them."""
        return "\n".join(f"{'line' if lang == 'en' else '行'} {i}" for i in range(self.n))


@attrs.frozen
class Few(Listed):
    """A few values."""

    n: int
    many: object
    inner: object = None
    hidden: int = attrs.field(default=0, repr=False)


@attrs.frozen
class Drawn(Shown):
    """A result with a chart, or with a reason for none."""

    spec: object
    n: int = 1

    def __len__(self):
        return self.n

    def plot(self, lang="en"):
        """The chart."""
        if self.spec is None:
            raise InvalidValue("chart", 0, "has nothing to show")
        return Chart(self.spec)

    def display(self, lang="en", *, most=ROWS):
        """A sentence."""
        return Display.of("drawn", lang=lang)


# -- text


def test_columns_stand_under_each_other():
    """Texts to the left, numbers to the right; a Chinese character takes two places, an accent none."""
    table = Table.of({"who": ["Li", "王小明", "Re\u0301my"], "n": [7, 1200, None]})
    assert table.to_text() == "who        n\nLi         7\n王小明  1200\nRe\u0301my       -"
    assert str(table) == table.to_text()


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers()), min_size=1, max_size=8))
def test_a_text_table_is_a_grid(rows):
    """Every line has its second column at one place, whatever the texts; no line is broken and none acts."""
    one, two, three = zip(*rows, strict=True)
    lines = Table.of({"one": one, "two": two, "three": three}).to_text().split("\n")
    assert len(lines) == len(rows) + 1
    assert all(category(char) not in {"Cc", "Cs", "Zl", "Zp"} for line in lines for char in line)
    start = max(wide(visible(text)) for text in (*one, "one"))
    for line, (first, second, _) in zip(lines[1:], rows, strict=True):
        head = visible(first)
        assert line.startswith(head + " " * (start - wide(head)) + "  " + visible(second))
    assert len({wide(line) for line in lines}) == 1


def test_nothing_is_said():
    """Without rows there is a sentence, in the language asked for; its HTML is a table with heads."""
    assert Table.of({"a": []}).to_text() == "(no rows)"
    assert Table.of({"a": []}, lang="zh").to_text() == "（无数据）"
    assert Page(Table.of({"a": []}).to_html()).texts["caption"] == ["0 rows"]


def test_cells():
    """Unknown is a dash; floats have four digits; instants whole seconds; several are put together."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    told = {
        None: "-", 1234.5678: "1235", "a\tb": "a\\tb", noon: "2026-01-02 12:00+00:00", (1, None): "1, -",
        noon.replace(second=5, microsecond=7): "2026-01-02 12:00:05+00:00", frozenset("ba"): "a, b",
        Money("1", "EUR"): "1 EUR", True: "True", "\U0001f600": "\U0001f600",
    }  # fmt: skip
    assert {value: cell(value) for value in told} == told
    assert cell({"a": 1, "b": [2.0]}) == "a: 1, b: 2"


@pytest.mark.parametrize(
    ("values", "is_number"),
    [([1, 2.5, None, Decimal(1)], True), ([Money("1", "EUR")], True), ([np.int64(3)], True), ([True], False),
     (["1"], False), ([None], False), ([], False)],
)  # fmt: skip
def test_columns_of_numbers(values, is_number):
    """Numbers and what is not known; truth values are words."""
    assert numeric(values) is is_number


# -- HTML


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), TEXTS, TEXTS)
def test_names_from_outside_are_text(rows, head, prose):
    """Whatever a name says, a page has our tags and attributes alone, and shows the name with its tricks written out."""
    one, two = zip(*rows, strict=True)
    columns = {head: one, f"{head}2": two}
    page = Page(Display.of(f"x{prose}", Table.of(columns, caption=head)).to_html())
    assert page.seen <= TAGS
    assert page.attributes <= {"class", "lang", "scope", "dir", "style", "colspan"}
    assert page.texts["td"] == [visible(text) for text in two]
    assert page.texts["caption"][0].startswith(visible(head))
    assert page.texts["th"][2:] == [visible(text) for text in one]


def test_a_table_says_what_it_is():
    """A caption with the count, heads of columns and of rows, and what was left out."""
    html = Table.of({"who": ["a"] * 3, "n": [1, 2, 3]}, most=2, caption="People").to_html()
    assert "<caption>People: 3 rows</caption>" in html
    assert '<th scope="col" style="text-align:left">who</th>' in html
    assert '<th scope="row" dir="auto" style="text-align:left">a</th>' in html
    assert '<tfoot><tr><td colspan="2">... 1 more rows</td></tr></tfoot>' in html
    assert Table.of({"a": [1]}).to_html().count("1 row<") == 1
    assert Table.of({"a": [1]})._repr_html_() == Table.of({"a": [1]}).to_html()


def test_prose():
    """Blank lines part paragraphs; what is laid out by blanks keeps its layout; nothing empty is shown."""
    page = Display.of("one\ntwo\n\nthree", "", "a:\n  b").to_html()
    assert '<p dir="auto">one<br>two</p>\n<p dir="auto">three</p>\n<pre' in page
    assert page.startswith('<div class="crmkit" lang="en">')
    assert 'lang="zh-Hans"' in Display.of("一", lang="zh")._repr_html_()


def test_two_tables_have_a_line_between_them():
    """And a sentence is close to its table; a display in a display is its parts."""
    table = Table.of({"a": [1]})
    assert str(Display.of(table, Display.of(table), "end")) == "a\n1\n\na\n1\nend"


# -- little, however much there is


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_million_rows_are_shown_in_a_few(lang):
    """The first of them, and the count of the others; nobody looks at the others."""

    class Guarded(tuple):
        """Rows of which the first alone may be looked at."""

        __slots__ = ()

        def __iter__(self):
            raise AssertionError

    rows = Guarded([Row("x", 1)] * 1_000_000)
    table = Table.of_rows(rows, lang=lang)
    assert len(table.rows) == ROWS
    assert len(table.to_html()) < 20_000
    assert f"{1_000_000 - ROWS:,}" in table.to_text()
    assert f"{1_000_000 - ROWS:,}" in table.to_html()


def test_long_cells_are_cut():
    """A page of text does not push the others away, unless everything was asked for."""
    long = "x" * 1_000_000
    assert len(Table.of({"a": [long], "b": [(long,) * 1000]}).to_text()) < 1_000
    assert len(Table.of({"a": [long]}, most=None).to_text()) > 1_000_000
    assert cell("abcdef", 4) == "abc…"


def test_many_lines_are_cut():
    """The first lines, and how many more there are."""
    assert Display.lines(["a", "b", "c"], most=2).to_text() == "a\nb\n... 1 more lines"
    assert Display.lines(["a", "b", "c"], most=2, lang="zh").to_text() == "a\nb\n……另有 1 行"
    assert Display.lines(["a"], most=None).to_text() == "a"
    assert len(Display.lines(["x" * 100_000]).to_text()) < 3_000


# -- what results inherit


def test_a_result_in_words():
    """Its beginning is shown, all of it is in its text."""
    assert str(Lines(2)) == "line 0\nline 1"
    assert len(str(Lines(1000)).split("\n")) == ROWS + 1
    assert "行 1" in Lines(2).to_html("zh")


def test_a_result_of_few_values():
    """Each by its name; arrays and results within are named, not written out."""
    assert str(Few(1, np.zeros((2, 3)), Lines(5))) == "name   value\nn      1\nmany   array (2, 3)\ninner  line 0"
    assert Few(1, 2).to_html("zh").count("<tr>") == 4


def test_several_results():
    """They are a tuple, with a table of their attributes, or a line each where they have words of their own."""
    rows = Several([Row("a", 1), Row("b", 20)])
    assert rows == (Row("a", 1), Row("b", 20))
    assert str(rows) == "name   n\na      1\nb     20"
    assert str(Several([Lines(1)])) == "line 0"
    assert str(Several([Chart()])) == "{}"
    assert str(Several()) == "(no rows)"


def test_a_notebook_gets_all_forms():
    """Text, HTML, and a chart where there is one that is not too large; a chart that cannot be drawn is left out."""
    vega = "application/vnd.vegalite.v5+json"
    bundle = Drawn({"title": "t"})._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/plain": "drawn", "text/html": Drawn(1)._repr_html_(), vega: {"title": "t"}}
    assert json.loads(json.dumps(bundle)) == bundle
    assert vega not in Drawn(None)._repr_mimebundle_()
    assert vega not in Drawn({"title": "t"}, n=0)._repr_mimebundle_()
    assert vega not in Drawn({"title": "t"}, n=1_000_000)._repr_mimebundle_()
    assert vega not in Lines(1)._repr_mimebundle_()


def test_a_chart_is_a_dict():
    """Plain data that a notebook draws; who cannot draw it reads its title."""
    bundle = Chart({"title": "Rates\n"})._repr_mimebundle_(include=None)
    assert bundle == {
        "application/vnd.vegalite.v5+json": {"title": "Rates\n"},
        "text/plain": "Vega-Lite chart: Rates\\n",
    }
    assert Chart({"title": ["a"]})._repr_mimebundle_()["text/plain"] == "Vega-Lite chart"
    assert json.dumps(Chart(a=1)) == '{"a": 1}'
    said = []
    Chart(title="Rates")._repr_pretty_(SimpleNamespace(text=said.append), cycle=False)
    assert said == ["Vega-Lite chart: Rates"]


@pytest.mark.parametrize("ask", [lambda: Table.of({}, lang="fr"), lambda: Display.of("", lang="fr")])
def test_other_languages_are_refused(ask):
    """With those that there are."""
    with pytest.raises(NotFound, match="language 'fr'"):
        ask()
