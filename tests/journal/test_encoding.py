"""Which encoding bytes are in, and their text in pieces."""

import io
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InputError, InvalidValue, NotFound
from crmkit.journal._encoding import Encoding, detect, foreign, named, opened, texts

_WESTERN = (
    "Kunde;Straße;Größe\nMüller & Söhne;Königsallee 3;groß – 5 €\nÉtablissements Naïf;2, rue de l'Été;à vérifier\n"
)
_CHINESE = "客户名称,销售阶段,金额\n北京华信科技有限公司,商务谈判,￥12,000\n上海东方贸易集团,已签约,￥8,500\n"


def _text(data: bytes) -> tuple[str, str]:
    known = detect(io.BytesIO(data))
    return known.name, "".join(texts(io.BytesIO(data), known, name="x"))


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32", "utf-8"])
def test_a_byte_order_mark_or_utf8_is_recognised(codec):
    """Western and Chinese text comes back whole, without the mark."""
    for text in (_WESTERN, _CHINESE):
        assert _text(text.encode(codec))[1] == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised_by_its_nul_bytes(codec):
    """Text with line ends, commas and digits gives UTF-16 away."""
    table = "id,value\n" + "".join(f"{i},{i * i}\n" for i in range(50))
    assert _text(table.encode(codec)) == (codec, table)


@pytest.mark.parametrize("codec", ["gbk", "gb18030"])
def test_chinese_in_gbk_is_recognised(codec):
    """Everyday Chinese in GBK is read as GB 18030."""
    assert _text(_CHINESE.encode(codec)) == ("gb18030", _CHINESE)


@pytest.mark.parametrize("text", [_WESTERN, "café", "STRASSE ÄUSSERE;x", "Ærø,Åse\nSøren,Bjørn", "garçon", "Ñandú"])
def test_western_bytes_are_not_taken_for_hanzi(text):
    """Accented letters pair up to valid GBK codes, and are read as windows-1252 all the same."""
    assert _text(text.encode("cp1252")) == ("cp1252", text)


def test_bytes_that_windows_1252_leaves_undefined_lose_nothing():
    """All 256 byte values can be read; the five undefined ones are control characters."""
    data = b"\xe9t\xe9 " + bytes(range(256))
    name, text = _text(data)
    assert name == "cp1252"
    assert len(text) == len(data)
    assert text[4 + 0x81] == "\x81"
    assert text[4 + 0x80] == "€"


def test_one_wrong_byte_does_not_make_utf8_western():
    """UTF-8 with a broken character stays UTF-8; the wrong byte is visible in the text."""
    data = _CHINESE.encode() + b"\xff\n"
    name, text = _text(data)
    assert name == "utf-8"
    assert text == _CHINESE + "\udcff\n"


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60), st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-8-sig"]))
def test_what_has_a_mark_or_is_utf8_comes_back(text, codec):
    """Any text without NUL and surrogates survives, whatever the encoding."""
    text = "".join(c for c in text if c not in "\0\ufeff" and not "\ud800" <= c <= "\udfff")
    assert _text(text.encode(codec))[1] == text


def test_progress_counts_the_bytes():
    """The callback gets rising numbers, at last the size."""
    seen: list[int] = []
    data = b"a,b\n" * 200_000
    assert "".join(texts(io.BytesIO(data), Encoding("utf-8", "the caller"), name="x", on_progress=seen.append))
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == len(data)


def test_detection_restores_the_position():
    """Detection begins at the current position and leaves it as it was."""
    stream = io.BytesIO(b"\xff\xff" + _CHINESE.encode())
    stream.seek(2)
    assert detect(stream).name == "utf-8"
    assert stream.tell() == 2


def test_other_kinds_of_files_are_refused_by_name():
    """A workbook, a gzip file and others are named, with what to do."""
    for magic, word in (
        (b"PK\x03\x04", "Excel"),
        (b"\x1f\x8b", "gzip"),
        (b"%PDF-1.4", "PDF"),
        (b"PAR1\x15", "Parquet"),
    ):
        with pytest.raises(InputError, match=word):
            foreign(io.BytesIO(magic + b"..."), "x")
    foreign(io.BytesIO(b"PAR1,x"), "x")


def test_only_text_codecs_are_encodings():
    """A wrong name gets the nearest, and codecs of bytes to bytes are refused."""
    with pytest.raises(NotFound, match="did you mean 'utf-8'"):
        named("utf-88")
    with pytest.raises(NotFound):
        named("hex")
    assert named("GBK").name == "gbk"


def test_a_source_is_bytes_or_a_binary_file():
    """Paths and text files are refused; a file that cannot be rewound is read into memory."""
    with pytest.raises(InvalidValue, match="binary"):
        opened("deals.csv")
    with pytest.raises(InvalidValue, match="binary"):
        opened(io.StringIO("a,b"))

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert isinstance(opened(Pipe(b"a")), io.BytesIO)
    assert not isinstance(opened(Pipe(b"a")), Pipe)
    with tempfile.TemporaryFile() as file:
        assert opened(file) is file


def test_a_codec_that_gives_up_is_an_input_error():
    """A stateful codec that raises gives a clear error."""
    with pytest.raises(InputError, match="cannot be decoded as idna"):
        list(texts(io.BytesIO(b"\xff." * 40), Encoding("idna", "the caller"), name="x"))
