"""Mail from a real server: read without a trace, from where one stopped, whatever the folder is called."""

import socket
from imaplib import IMAP4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.imap import Mark, _from_server, _to_server, folders, read_folder
from crmkit.errors import InputError, Unavailable
from crmkit.kb.mail import parse

NAMES = ["已发送", "Entwürfe & Notizen", 'say "hello" \\ bye', "plain"]


@pytest.fixture
def server(imap_port):
    """A connection of a user of their own, logged in."""
    with IMAP4("127.0.0.1", imap_port, timeout=60) as connection:
        connection.login("eva", "secret")
        yield connection


def filled(server, name, count, body=b"text"):
    """A new folder with messages."""
    quoted = '"' + _to_server(name).replace("\\", "\\\\").replace('"', '\\"') + '"'
    server.delete(quoted)
    assert server.create(quoted)[0] == "OK"
    for n in range(count):
        raw = f"From: eva@x.org\r\nSubject: {n} 报价\r\nMessage-ID: <{n}@x>\r\n\r\n".encode() + body + b"\r\n"
        assert server.append(quoted, None, None, raw)[0] == "OK"


@pytest.mark.parametrize("name", NAMES)
def test_folders_of_any_name(server, name):
    """What people call a folder is what it is called here, in the list and in reading."""
    filled(server, name, 1)
    assert name in folders(server)
    ((mark, stored),) = read_folder(server, name)
    assert stored.where == f"{name}, UID {mark.uid}"
    assert parse(stored.raw).subject == "0 报价"


def test_reading_goes_on_where_it_stopped(server):
    """Fifty messages in their order, then those behind a mark, and none a second time."""
    filled(server, "many", 50)
    found = list(read_folder(server, "many"))
    assert [parse(stored.raw).id for _, stored in found] == [f"{n}@x" for n in range(50)]
    assert [stored.raw for _, stored in read_folder(server, "many", after=found[46][0])] == [
        stored.raw for _, stored in found[47:]
    ]
    assert list(read_folder(server, "many", after=found[-1][0])) == []
    assert len(list(read_folder(server, "many", after=Mark(1, 10**9)))) == 50


def test_nothing_is_changed(server):
    """What was unread is unread afterwards."""
    filled(server, "unread", 3)
    assert len(list(read_folder(server, "unread"))) == 3
    server.select("unread", readonly=True)
    assert server.search(None, "UNSEEN")[1] == [b"1 2 3"]


def test_large_messages_are_cut(server):
    """Only the beginning comes over the line, and lines of a million characters are read."""
    filled(server, "large", 1, b"x" * 3_000_000)
    ((_, cut),) = read_folder(server, "large", largest=1_000)
    ((_, whole),) = read_folder(server, "large")
    assert (len(cut.raw), cut.cut, whole.cut) == (1_000, True, False)
    assert len(parse(whole.raw, longest=4_000_000).text) == 3_000_000


def test_a_folder_that_is_not_there(server):
    """The nearest name is said, and a name is never a command."""
    filled(server, "Offers", 0)
    assert list(read_folder(server, "Offers")) == []
    with pytest.raises(InputError, match=r"no folder 'Ofers'.*Offers"):
        list(read_folder(server, "Ofers"))
    with pytest.raises(InputError, match="no name of a folder"):
        list(read_folder(server, 'INBOX"\r\nA1 DELETE Offers'))


def test_a_connection_that_breaks(imap_port):
    """A connection that somebody on the way has cut is an error of ours, with the words of what happened."""
    connection = IMAP4("127.0.0.1", imap_port, timeout=60)
    connection.login("eva", "secret")
    connection.socket().shutdown(socket.SHUT_RDWR)
    with pytest.raises(Unavailable, match="LIST"):
        folders(connection)
    connection.shutdown()


def test_who_is_not_logged_in(imap_port):
    """The order of things is the host's; what is asked too early is refused."""
    with IMAP4("127.0.0.1", imap_port, timeout=60) as connection, pytest.raises(Unavailable, match="SELECT"):
        list(read_folder(connection))


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=20))
def test_names_go_there_and_back(name):
    """Modified UTF-7 of any name is ASCII, and the name again."""
    assert _to_server(name).isascii()
    assert _from_server(_to_server(name)) == name


def test_names_of_the_standard():
    """The examples of RFC 3501, and what is in no such form."""
    assert _from_server("~peter/mail/&U,BTFw-/&ZeVnLIqe-") == "~peter/mail/台北/日本語"
    assert _to_server("台北") == "&U,BTFw-"
    assert _from_server("a&-b & &x-") == "a&b & &x-"
