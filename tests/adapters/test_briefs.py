"""Briefs are read from Word documents and text; what is broken, foreign or a bomb is refused with its place."""

import tracemalloc
import zipfile
from io import BytesIO

import pytest

from crmkit.adapters.briefs import read_brief
from crmkit.errors import InputError, InvalidValue
from crmkit.kb.proposals import Brief

NS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
STYLES = """
<w:style w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="2"><w:name w:val="标题 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="B"><w:name w:val="Body"/></w:style>
"""
NUMBERING = """
<w:abstractNum w:abstractNumId="7">
<w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="8"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl>
<w:lvl w:ilvl="1"><w:numFmt w:val="none"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="9"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="%1、"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="9"/></w:num>
"""


def p(text, style="", list_="", depth=""):
    """A paragraph of Word."""
    numbers = f'<w:numPr><w:ilvl w:val="{depth or 0}"/><w:numId w:val="{list_}"/></w:numPr>' if list_ else ""
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{numbers}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'


def written(folder, body, *, styles=STYLES, numbering=NUMBERING, head="", name="brief.docx"):
    """A Word document with this body."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"{head}<w:document {NS}><w:body>{body}</w:body></w:document>")
        archive.writestr("word/styles.xml", f"<w:styles {NS}>{styles}</w:styles>")
        archive.writestr("word/numbering.xml", f"<w:numbering {NS}>{numbering}</w:numbering>")
    return path


def test_headings_clauses_bullets_and_tables(tmp_path):
    """They come out as Markdown, with the numbers that Word shows; a cell keeps its words together."""
    row = "<w:tr>{}<w:tc>{}</w:tc><w:tc>{}{}</w:tc></w:tr>"
    body = (
        p("Scope", "H1") + p("Service", "2") + p("You must answer.", "B", "1", "2") + p("You must call.", "B", "1", "2")
        + p("Delivery", "2") + p("You shall export:", "B") + p("CSV", "B", "2") + p("JSON", "B", "2") + p("plain", "B", "2", "1")
        + p("验收", "B", "3") + p("End", "H1") + p("unlisted", "B", "99") + p("off", "H1", "0") + p("")
        + "<w:tbl>" + row.format("<w:trPr><w:tblHeader/></w:trPr>", p("Nr"), p("Wish"), "")
        + row.format("", p("R-1"), p("Audit | log"), p("must")) + "<w:tr><w:tc/></w:tr></w:tbl>" + p("after")
    )  # fmt: skip
    assert read_brief(written(tmp_path, body)).splitlines() == [
        "# 3 Scope", "", "## 3.1 Service", "", "(a) You must answer.", "(b) You must call.", "## 3.2 Delivery", "",
        "You shall export:", "", "- CSV", "- JSON", "plain", "", "一、 验收", "# 4 End", "", "unlisted", "", "# off", "",
        "| Nr | Wish |", "| --- | --- |", "| R-1 | Audit ¦ log must |", "", "after",
    ]  # fmt: skip


def test_what_stands_in_the_document_now(tmp_path):
    """Insertions are read, deletions, field codes and fallbacks are not; breaks part words, a text box is a block of its own."""
    body = (
        "<w:p><w:pPr><w:pPrChange><w:pPr><w:pStyle w:val='H1'/></w:pPr></w:pPrChange></w:pPr><w:ins><w:r><w:t>You</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>not</w:delText><w:t>not</w:t></w:r></w:del><w:r><w:br/><w:t>must</w:t><w:tab/><w:instrText>PAGE</w:instrText>"
        "<w:t>re</w:t><w:noBreakHyphen/><w:t>run</w:t></w:r>"
        f"<mc:AlternateContent><mc:Choice>{p('boxed')}</mc:Choice><mc:Fallback>{p('boxed')}</mc:Fallback></mc:AlternateContent>"
        "<w:r><w:t>.</w:t></w:r></w:p>"
    )
    assert read_brief(written(tmp_path, body, styles="", numbering="")).splitlines() == [
        "boxed",
        "",
        "You must re-run.",
    ]


def test_what_python_docx_writes_is_read(tmp_path):
    """A document of another program, with its own styles and lists, gives the requirements that were written."""
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    document = docx.Document()
    document.add_heading("Tender", 1)
    document.add_paragraph("Background only.")
    document.add_paragraph("The system must run.", style="List Number")
    document.add_paragraph("It shall stop.", style="List Number")
    document.add_paragraph("Blue paint", style="List Bullet")
    table = document.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "R-7", "Audit log"
    document.save(tmp_path / "tender.docx")
    found = Brief(read_brief(tmp_path / "tender.docx")).requirements
    assert [(one.number, one.text, one.headings) for one in found] == [
        ("1", "The system must run.", ("Tender",)), ("2", "It shall stop.", ("Tender",)), ("", "Blue paint", ("Tender",)),
        ("R-7", "Audit log", ("Tender",)),
    ]  # fmt: skip


@pytest.mark.parametrize(("data", "encoding"), [
    ("你须交付".encode(), None), ("你须交付".encode("utf-8-sig"), None), ("你须交付".encode("utf-16"), None), ("你须交付".encode("gb18030"), "gb18030"),
])  # fmt: skip
def test_texts_in_their_encoding(tmp_path, data, encoding):
    """UTF-8 and what has a mark are read by themselves, others if their encoding is said."""
    (tmp_path / "brief.txt").write_bytes(data)
    assert read_brief(tmp_path / "brief.txt", encoding=encoding) == "你须交付"


@pytest.mark.parametrize(("name", "data", "why"), [
    ("a.txt", "x\n须".encode("gb18030"), r"row 2: is no utf-8: byte 2 .* such as gb18030"), ("a.pdf", b"%PDF-1.7", "is a PDF; save its text"),
    ("a.doc", b"\xd0\xcf\x11\xe0", "old Word"), ("a.rtf", b"{\\rtf1", "rich text"), ("a.docx", b"nothing", "not a ZIP archive"),
    ("a.docx", b"PK\x03\x04 broken", "damaged Word document"), ("a.txt", b"x" * 32_000_001, "larger than 32,000,000 bytes"),
])  # fmt: skip
def test_what_cannot_be_read(tmp_path, name, data, why):
    """Each kind of wrong file says what it is and what to do."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=why):
        read_brief(tmp_path / name)


def test_what_is_not_there(tmp_path):
    """A missing file, a folder, an encoding that nobody knows."""
    with pytest.raises(InputError, match="no such file"):
        read_brief(tmp_path / "none.md")
    with pytest.raises(InputError, match="not a folder"):
        read_brief(tmp_path)
    (tmp_path / "a.md").write_text("x", encoding="utf-8")
    with pytest.raises(InvalidValue, match="none that is known"):
        read_brief(tmp_path / "a.md", encoding="klingon")


@pytest.mark.parametrize(("body", "head", "why"), [
    ("<w:p>", "", "is no XML"), ("", '<!DOCTYPE d [<!ENTITY a "b">]>', "document type"), ("<w:r>" * 600 + "</w:r>" * 600, "", "nests deeper"),
    ("", '<?xml version="1.0" encoding="klingon"?>', r"document\.xml: is "), ("\x00", "", "is no XML"),
])  # fmt: skip
def test_broken_documents(tmp_path, body, head, why):
    """What is no XML, may hide entities, or nests without end is refused with the part that is to blame."""
    with pytest.raises(InputError, match=why):
        read_brief(written(tmp_path, body, head=head))


def test_other_archives(tmp_path):
    """A ZIP archive of something else, one that is cut off, and one that is locked are no briefs."""
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(InputError, match="no Word document"):
        read_brief(tmp_path / "a.docx")
    whole = written(tmp_path, p("x" * 5000)).read_bytes()
    (tmp_path / "cut.docx").write_bytes(whole[:200])
    with pytest.raises(InputError, match="damaged"):
        read_brief(tmp_path / "cut.docx")
    # The flag that says a part is locked, in the archive's list and before the part.
    locked = whole.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
    )
    (tmp_path / "locked.docx").write_bytes(locked)
    with pytest.raises(InputError, match="without a password"):
        read_brief(tmp_path / "locked.docx")


def test_a_bomb_is_never_unpacked(tmp_path):
    """A document that unpacks to half a gigabyte is refused at the limit; other parts of the archive are never touched."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as part:
        for _ in range(500):
            part.write(b" " * 1_000_000)
    (tmp_path / "bomb.docx").write_bytes(packed.getvalue())
    assert len(packed.getvalue()) < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"document\.xml unpacks to more than 32,000,000 bytes"):
            read_brief(tmp_path / "bomb.docx")
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    path = written(tmp_path, p("You must."))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/bomb.bin", b" " * 50_000_000)
    tracemalloc.start()
    try:
        assert read_brief(path) == "You must.\n"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
