"""Stores by path or URL: what is there is opened, what is not there is said."""

import sys

import pytest

from crmkit.adapters.opening import open_store
from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import ExtraMissing, InputError, Unavailable


def test_a_path_is_a_sqlite_file(tmp_path):
    """It is made only if that was asked for."""
    place = str(tmp_path / "a.db")
    with pytest.raises(InputError, match="is no file"), open_store(place):
        pass
    with open_store(place, tenant="x", create=True) as store:
        assert isinstance(store, SqliteStore)
        store.blobs.put("a", b"1")
    with open_store(place, tenant="x") as store:
        assert [*store.blobs.list()] == ["a"]
    with open_store(place) as store:
        assert [*store.blobs.list()] == []


def test_a_url_is_a_database(url):
    """Its tables are made only if that was asked for."""
    with open_store(url, tenant="opening", create=True) as store:
        assert isinstance(store, SqlStore)
        store.blobs.put("a", b"1")
    with open_store(url, tenant="opening") as store:
        assert [*store.blobs.list()] == ["a"]


def test_what_cannot_be_opened_is_said(tmp_path, monkeypatch):
    """No tables, no such driver, no URL, no SQLAlchemy; a password is not repeated."""
    with open_store(f"sqlite:///{tmp_path / 'b.db'}") as store, pytest.raises(Unavailable, match="make the tables"):
        store.events.append([])
    for bad, why in (
        ("nosuch://u:secret@h/d", "names a kind of database that nobody knows; write postgresql"),
        ("postgresql+nosuch://u:secret@h/d", "names a kind of database that nobody knows; write postgresql"),
        ("://u:secret@h", "cannot be used"),
        ("postgresql+pg8000://u:secret@h/d", "needs the driver pg8000, which is not installed; install it"),
    ):
        with pytest.raises(InputError, match=f"the URL of the store: {why}") as caught, open_store(bad):
            pass
        assert "secret" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ExtraMissing, match="sql"), open_store("sqlite://"):
        pass
