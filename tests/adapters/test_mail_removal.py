"""Messages that are removed are gone from the files, and all others stay byte for byte."""

import gzip

import pytest

from crmkit.adapters.mail_removal import remove_messages
from crmkit.adapters.mailboxes import read_mailbox
from crmkit.errors import InputError

FROM = b"From x@y Fri Mar  1 09:00:00 2024\n"
MESSAGES = [
    b"From: bo@x.example\nSubject: one\n\n>From here on\nit is text\n\n",
    b"From: eva@x.example\nSubject: two\n\nEva\n\n",
    b"From: bo@x.example\r\nSubject: three\r\n\r\nFrom time to time\r\n\r\n",
]
MBOX = b"".join(FROM + one for one in MESSAGES)


def of_eva(message):
    """Whether a message is of her."""
    return b"eva@" in message.raw


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_an_mbox_keeps_the_others(tmp_path, pack):
    """In their order, with their first lines and escapes; each message was shown as `read_mailbox` shows it."""
    file = tmp_path / "all.mbox"
    file.write_bytes(pack(MBOX))
    shown = []
    expected = [(one.where, one.raw) for one in read_mailbox(file)]
    assert remove_messages(file, lambda message: shown.append((message.where, message.raw)) or of_eva(message)) == 1
    assert shown == expected
    data = file.read_bytes()
    left = data if pack is bytes else gzip.decompress(data)
    assert left == FROM + MESSAGES[0] + FROM + MESSAGES[2]
    assert [path.name for path in tmp_path.iterdir()] == ["all.mbox"]
    assert remove_messages(file, of_eva) == 0
    assert remove_messages(file, lambda message: True) == 2
    assert [*read_mailbox(file)] == []


def test_nothing_to_remove_touches_nothing(tmp_path):
    """The file is not even written."""
    file = tmp_path / "all.mbox"
    file.write_bytes(MBOX)
    before = file.stat().st_mtime_ns
    assert remove_messages(file, lambda message: False) == 0
    assert file.stat().st_mtime_ns == before


def test_files_of_one_message_are_deleted(tmp_path):
    """In a maildir with what is in its trash, and among .eml files; nothing else in the folder is looked at."""
    for folder in ("cur", "new", "tmp", ".Sent/cur"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cur" / "1:2,S").write_bytes(MESSAGES[0])
    (tmp_path / "cur" / "2:2,T").write_bytes(MESSAGES[1])
    (tmp_path / ".Sent" / "cur" / "3:2,D").write_bytes(MESSAGES[1])
    (tmp_path / "x.EML").write_bytes(MESSAGES[1])
    (tmp_path / "notes.txt").write_bytes(b"eva@x.example")
    assert remove_messages(tmp_path, of_eva) == 3
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["1:2,S", "notes.txt"]


def test_what_cannot_be_read_is_named(tmp_path):
    """No such file, and gzip that is cut."""
    with pytest.raises(InputError, match="no such file"):
        remove_messages(tmp_path / "nothing", of_eva)
    file = tmp_path / "a.mbox.gz"
    file.write_bytes(gzip.compress(MBOX)[:-12])
    with pytest.raises(InputError, match=r"a\.mbox\.gz: cannot be changed"):
        remove_messages(file, of_eva)
