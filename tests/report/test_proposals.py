"""The draft as a Word document: what is in the parts is in the document, and the same proposal gives the same bytes."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pytest

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import NotFound
from crmkit.kb import Card, SegmentIndex
from crmkit.kb.proposals import Aim, Brief, Library, Material, propose
from crmkit.report.proposals import to_docx

docx = pytest.importorskip("docx", reason="python-docx is not installed")


@pytest.fixture
def proposal():
    """One paragraph, one reference to it, one gap; feeds and what XML must escape are in the texts."""
    text = "We answer complaints by phone & fax,\x0b<quickly>.\nAlways."
    one = Material(Card("K-1", title="Phone", solution=text, audience="public", state="published", author="wei"))
    library = Library([one])
    index = SegmentIndex(MemoryBlobStore())
    index.apply(library.documents())
    brief = Brief("# A & <b>\n\n- complaints by phone\n- 电话\x0c亚麻\n- phone complaints\n", "Tender")
    return propose(brief, library, index, aim=Aim(datetime(2026, 3, 2, tzinfo=UTC)))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_drafted_is_in_the_document(proposal, language):
    """Read back, every part is there in order, with its style; tables have their rows."""
    document = docx.Document(BytesIO(to_docx(proposal, language=language)))
    told = [part for part in proposal.draft(language) if part.kind != "table"]
    texts = [one.text for one in document.paragraphs]
    expected = [
        part.text + (f" ({part.note})" if part.note else "") for part in told
    ]  # fmt: skip
    assert texts[: len(told)] == [text.replace("\x0b", "\n").replace("\x0c", "\n") for text in expected]
    styles = {part.kind: one.style.name for part, one in zip(told, document.paragraphs, strict=False)}
    assert styles == {
        "title": "Title", "note": "Normal", "heading": "Heading 1", "requirement": "Intense Quote", "paragraph": "Normal",
        "source": "Caption", "remark": "Caption", "gap": "Normal",
    }  # fmt: skip
    rows = [[[cell.text for cell in row.cells] for row in table.rows] for table in document.tables]
    tables = [[list(row) for row in part.rows] for part in proposal.draft(language) if part.kind == "table"]
    assert rows == [[[cell.replace("\x0c", "\n") for cell in row] for row in table] for table in tables]
    (bold,) = [run.text for one in document.paragraphs for run in one.runs if run.bold]
    assert bold in {part.text for part in told if part.kind == "gap"}


def test_the_same_proposal_gives_the_same_bytes(proposal):
    """Neither the clock nor whoever writes it is in the document; its dates are those of the proposal."""
    data = to_docx(proposal)
    assert data == to_docx(proposal)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        assert archive.testzip() is None
    core = docx.Document(BytesIO(data)).core_properties
    assert (core.title, core.author, core.created.date()) == ("Tender", "", proposal.aim.at.date())


def test_a_language_that_is_not_there(proposal):
    """It is said, with those that are."""
    with pytest.raises(NotFound, match="drafts"):
        to_docx(proposal, language="fr")
