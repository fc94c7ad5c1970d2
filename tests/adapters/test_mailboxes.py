"""Mailboxes as files: what is in them, and nothing of them changed."""

import gzip
import mailbox
import os
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.mailboxes import RawMessage, read_mailbox
from crmkit.errors import InputError

LINES = st.lists(
    st.sampled_from(["From nobody", "From me Mon Jan  1 10:00:00 2024", ">From x", "", "text", "文"]), max_size=6
)
START = b"From eva@x.org Mon Jan  1 10:00:00 2024\n"


def message(text="Hello", subject="a"):
    """A message of the standard library."""
    made = EmailMessage()
    made["Subject"] = subject
    made.set_content(text, charset="utf-8", cte="8bit")
    return made


def lines(raw):
    """The text of a message, by lines, without empty ones at the end."""
    return raw.partition(b"\n\n")[2].decode().rstrip("\n").split("\n")


@given(texts=st.lists(LINES, max_size=4))
def test_an_mbox_that_the_standard_library_wrote(tmp_path_factory, texts):
    """Every message comes out as it went in, whatever looks like the beginning of another in it."""
    path = tmp_path_factory.mktemp("box") / "mail.mbox"
    box = mailbox.mbox(path)
    for some in texts:
        box.add(message("\n".join(some)))
    box.close()
    found = list(read_mailbox(path))
    assert [each.where for each in found] == [f"mail.mbox, message {n}" for n in range(1, len(texts) + 1)]
    # the standard library escapes `From ` but not `>From `, so that these two come out alike
    same = [[line.replace(">From", "From") for line in lines(each.raw)] for each in found]
    assert same == ["\n".join(some).replace(">From", "From").rstrip("\n").split("\n") for some in texts]


def test_what_begins_like_a_message_and_is_text(tmp_path):
    """`From ` without a time, or not after an empty line, does not part messages; one `>` is taken off."""
    body = b"Subject: a\n\nFrom now on\nx\nFrom eva Mon Jan  1 10:00:00 2024\n>>From b\n\n"
    (tmp_path / "a.mbox").write_bytes(START + body + START.replace(b"\n", b"\r\n") + b"Subject: b\r\n\r\n")
    found = [each.raw for each in read_mailbox(tmp_path / "a.mbox")]
    assert found == [body.replace(b">>From", b">From"), b"Subject: b\r\n\r\n"]


def test_maildirs(tmp_path):
    """A maildir is read with its folders, new and seen, without drafts and trash, and nothing is moved."""
    box = mailbox.Maildir(tmp_path / "mail")
    for flags in ("", "S", "T", "D"):
        held = mailbox.MaildirMessage(message(subject=flags or "new"))
        held.set_flags(flags)
        held.set_subdir("cur" if flags else "new")
        box.add(held)
    box.add_folder("Sent").add(message(subject="sent"))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    found = list(read_mailbox(tmp_path / "mail"))
    assert sorted(each.raw.split(b"\n")[0] for each in found) == [b"Subject: S", b"Subject: new", b"Subject: sent"]
    assert any(each.where.startswith(f".Sent{os.sep}new{os.sep}") for each in found)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_files_and_folders_of_files(tmp_path):
    """One message, several in folders beside a packed mbox, and nothing that is not named as mail."""
    (tmp_path / "a.eml").write_bytes(b"Subject: a\n\nb")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "B.EML").write_bytes(b"Subject: b\n\nb")
    (tmp_path / "deep" / "c.mbox.gz").write_bytes(gzip.compress(START + b"Subject: c\n\n"))
    (tmp_path / "notes.txt").write_bytes(b"\x00")
    (tmp_path / "empty.mbox").write_bytes(b"")
    assert list(read_mailbox(tmp_path / "a.eml")) == [RawMessage("a.eml", b"Subject: a\n\nb")]
    deep = f"deep{os.sep}"
    assert [each.where for each in read_mailbox(tmp_path)] == ["a.eml", f"{deep}B.EML", f"{deep}c.mbox.gz, message 1"]


def test_what_is_too_large_is_cut(tmp_path):
    """The rest of a message, or of a line of ten million characters, is not kept, and the next message is whole."""
    (tmp_path / "a.mbox").write_bytes(
        START + b"Subject: a\n\n" + b"x" * 10_000_000 + b"\n\n" + START + b"Subject: b\n\nc"
    )
    one, two = read_mailbox(tmp_path / "a.mbox", largest=100)
    assert (len(one.raw), one.cut, two.raw, two.cut) == (100, True, b"Subject: b\n\nc", False)
    (tmp_path / "a.eml").write_bytes(b"Subject: a\n\n" + b"x" * 1000)
    (only,) = read_mailbox(tmp_path / "a.eml", largest=100)
    assert (len(only.raw), only.cut) == (100, True)


@pytest.mark.parametrize(("name", "content", "told"), [
    ("a.mbox", b"\x00\x01\x02", "neither with a header nor as an mbox"), ("a.pdf", b"%PDF-1.4 \n: ", "neither with a header nor as an mbox"),
    ("a.mbox.gz", b"\x1f\x8b\x08broken", "cannot be read"), ("a.mbox.gz", gzip.compress(START * 99)[:-20], "cannot be read"),
])  # fmt: skip
def test_what_is_no_mail(tmp_path, name, content, told):
    """A file that is none, or is damaged, is said to be, by its name."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        list(read_mailbox(tmp_path / name))
    assert caught.value.source == name


def test_what_is_not_there(tmp_path):
    """A missing path, a folder without mail and a pipe are one clear error, and nothing waits."""
    with pytest.raises(InputError, match="no such file or folder"):
        read_mailbox(tmp_path / "nothing")
    with pytest.raises(InputError, match="holds no mail"):
        read_mailbox(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        list(read_mailbox(tmp_path / "pipe"))
