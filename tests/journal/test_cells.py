"""Cell text to codes, and the tally of findings."""

from crmkit.journal._cells import CellCodes, Tally, shown
from crmkit.journal._findings import Finding


def test_blanks_around_a_text_do_not_make_another_value():
    """Texts that differ in surrounding blanks share a code, blank texts are missing, and NA is a value."""
    cells = CellCodes()
    assert [cells[raw] for raw in ["a", " a ", "", " \u3000", "NA", "a\t", "b"]] == [0, 0, -1, -1, 1, 0, 2]
    assert cells.texts == ["a", "NA", "b"]


def test_a_tally_keeps_the_first_and_counts_the_rest():
    """Findings of one column and reason become one, with the first row and example and the sum of counts."""
    tally = Tally()
    for row, reason, count in [(4, "x", 1), (5, "y", 1), (6, "x", 3)]:
        tally.add(Finding(row, "c", reason, count, example=str(row)))
    assert tally.findings() == (Finding(4, "c", "x", 4, "4"), Finding(5, "c", "y", 1, "5"))


def test_shown_text_can_be_printed():
    """A shown text is short, has no line end, and holds no lone surrogates."""
    text = shown("abc\udce9 " + "x" * 100 + "\r\n")
    assert text.startswith("abc\\xe9 x")
    assert len(text) <= 63
    assert text.encode("utf-8")
