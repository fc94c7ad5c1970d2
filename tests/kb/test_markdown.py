"""What users write, inside Markdown: it reads as it was written, and the document keeps its form."""

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from crmkit.kb.markdown import escaped, escaped_lines, table

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Whatever means something, and letters that are not.
HOSTILE = st.text(st.sampled_from("#*_`~|<>&[](){}!\\-+=.:1 \n\ta漢")) | st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
)


def shown(tokens):
    """The text that a reader sees."""
    inner = (child for token in tokens if token.type == "inline" for child in token.children)
    return "".join(child.content for child in inner if child.type in ("text", "text_special"))


@given(HOSTILE)
def test_a_text_reads_as_it_was_written(text):
    """After a label it is one paragraph of plain text, and its words are those that were written."""
    tokens = MARKDOWN.parse(f"label: {escaped(text)}")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown(tokens).split() == ["label:", *text.split()]


@given(HOSTILE.filter(str.strip))
def test_a_text_may_begin_a_line(text):
    """As an item of a list it is one item, and begins no list, heading or rule of its own."""
    kinds = [token.type for token in MARKDOWN.parse(f"- {escaped(text, begins=True)}\n- next")]
    item = ["list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close"]
    assert kinds == ["bullet_list_open", *item, *item, "bullet_list_close"]


@given(st.lists(st.lists(HOSTILE, min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_table_keeps_its_form(rows):
    """As many rows and cells as were given, whatever they hold."""
    kinds = [token.type for token in MARKDOWN.parse(table([["a", "b", "c"], *rows]))]
    assert kinds[0] == "table_open"
    assert kinds[-1] == "table_close"
    assert (kinds.count("tr_open"), kinds.count("td_open"), kinds.count("th_open")) == (len(rows) + 1, 3 * len(rows), 3)


@given(HOSTILE)
def test_lines_stay_lines(text):
    """As a quotation each line is one, with its blanks."""
    assert [line.replace("\\", "") for line in escaped_lines(text)] == [
        line.replace("\\", "") for line in text.splitlines()
    ]
