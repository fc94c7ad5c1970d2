"""HTML as text: what a reader sees, whatever the markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb.mail._html import html_text

from ._growth import grows

MARKUP = st.lists(st.sampled_from([
    "<p>", "</p>", "<br>", "<blockquote>", "</blockquote>", "<", ">", "<!--", "-->", "<script>", "</script>", "&amp;", "&#65;", "&", "İ", "text", " ", "\n",
    '<a href="x">', "<td>", "<o:p>", "<!DOCTYPE html>", "<STYLE>", "</style >", "&#99999999999;",
]), max_size=30).map("".join)  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), [
    ("<p>One</p><p>Two</p>", "One\nTwo"), ("a<br><br><br><br>b", "a\n\nb"), ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
    ("<style>p {}</style>x<script>if (1<2) alert('</p>')</script>y", "xy"), ("<title>no</title><body>yes", "yes"), ("İİ<style>x</style>y", "İİy"),
    ("1 < 2 &amp;&amp; 3 > 2", "1 < 2 && 3 > 2"), ("<!-- a > b -->c", "c"), ("a<script>b", "a"), ("a<!-- b", "a"), ("a<p", "a"), ("&lt;b&gt;", "<b>"),
    ("<blockquote>a<blockquote>b</blockquote></blockquote>c</blockquote>d", "> a\n> > b\nc\nd"), ("a\n  b", "a b"), ("", ""),
    ("&#1234567890123;", "\ufffd"), ("&#" + "9" * 10_000 + ";x", "\ufffdx"), ("&#x" + "f" * 10_000, "\ufffd"), ("&#0065;&#xD800;", "A\ufffd"),
    ("<!DOCTYPE html><html><head><title>t</title></head><body><div>好</div></body></html>", "好"),
])  # fmt: skip
def test_examples(source, expected):
    """Paragraphs, tables, quotations, what is not shown, and references that are no characters."""
    assert html_text(source) == expected


@given(MARKUP)
def test_nothing_breaks_the_reading(source):
    """Whatever the markup, there is a text of one line a block, without what is not shown."""
    text = html_text(source)
    assert "\n\n\n" not in text
    assert text == text.strip()


@pytest.mark.parametrize(
    "piece", ["<p>", "<", "<!--", "<script>", "<a ", "</", "&", "&#9", "<blockquote>", "\n", "<style></", "İ<style>"]
)
def test_time_is_proportional_to_the_length(piece):
    """Eight times the markup takes about eight times the time, and not sixty-four times."""
    assert grows(html_text, piece, 5_000) < 30
