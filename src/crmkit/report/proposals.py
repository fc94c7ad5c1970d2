"""The draft of a proposal as a Word document."""

import zipfile
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from crmkit.errors import ExtraMissing
from crmkit.kb.proposals import Part, Proposal

if TYPE_CHECKING:
    from docx.document import Document

__all__ = ["to_docx"]

# The earliest that a ZIP archive can name: the same proposal gives the same bytes, whenever it is written.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
# Feeds of old printers, which XML cannot hold.
_FEEDS = {0x0B: "\n", 0x0C: "\n"}
_STYLES = {"requirement": "Intense Quote", "gap": "Normal", "source": "Caption", "remark": "Caption", "note": "Normal"}


def to_docx(proposal: Proposal, *, language: str = "en") -> bytes:
    """The draft as a Word document: paragraphs of the library as they stand there, each with its source under it.

    Paragraphs are set as plain text: what is Markdown in the library stays as it is written.

    Args:
        proposal: what `crmkit.kb.proposals.propose` made.
        language: that of what stands around the paragraphs: "en" or "zh".

    Raises:
        ExtraMissing: if python-docx is not installed.
        NotFound: if the language is not there.
    """
    try:
        import docx
    except ImportError:
        raise ExtraMissing("docx", "docx", "writing Word documents") from None
    document = docx.Document()
    core = document.core_properties
    core.title, core.author, core.comments = _plain(proposal.brief.name)[:250], "", ""
    core.created = core.modified = proposal.aim.at
    for part in proposal.draft(language):
        _add(document, part)
    written = BytesIO()
    document.save(written)
    return _timeless(written)


def _add(document: "Document", part: Part) -> None:
    match part.kind:
        case "title":
            document.add_heading(_plain(part.text), 0)
        case "heading":
            document.add_heading(_plain(part.text), min(part.level, 9))
        case "table":
            document.add_heading(part.text, 1)
            _table(document, part.rows)
        case "paragraph":
            document.add_paragraph(_plain(part.text))
        case "requirement":
            added = document.add_paragraph(_plain(part.text), style=_STYLES[part.kind])
            added.add_run(f" ({_plain(part.note)})").italic = True
        case _:
            run = document.add_paragraph(style=_STYLES[part.kind]).add_run(_plain(part.text))
            run.bold = part.kind == "gap"
            run.italic = part.kind == "note"


def _table(document: "Document", rows: Sequence[Sequence[str]]) -> None:
    table = document.add_table(len(rows), len(rows[0]), style="Table Grid")
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = _plain(text)
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True


def _plain(text: str) -> str:
    return text.translate(_FEEDS)


def _timeless(written: BytesIO) -> bytes:
    """The same archive without the time at which it was written."""
    packed = BytesIO()
    with zipfile.ZipFile(written) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(zipfile.ZipInfo(entry.filename, _LONG_AGO), old.read(entry), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
