"""The contracts on SQLite, on a PostgreSQL and on a MariaDB server, through SQLAlchemy."""

from itertools import count

import pytest
import sqlalchemy

from crmkit.adapters.sql import SqlStore
from crmkit.testing.contracts import BlobStoreContract, EventStoreContract, RecordStoreContract

NUMBERS = count()


class _Databases:
    """A store with a tenant of its own in a database that the tests of one class share."""

    @pytest.fixture(autouse=True)
    def _engine(self, url):
        self.engine = sqlalchemy.create_engine(url)
        yield
        self.engine.dispose()

    def store(self):
        """A store of a new tenant."""
        store = SqlStore(self.engine, tenant=f"tenant {next(NUMBERS)}")
        store.create()
        return store


class TestSqlEvents(_Databases, EventStoreContract):
    """Events."""

    def make(self, tmp_path):
        return self.store().events


class TestSqlRecords(_Databases, RecordStoreContract):
    """Records."""

    def make(self, tmp_path):
        return self.store().records


class TestSqlBlobs(_Databases, BlobStoreContract):
    """Blobs."""

    def make(self, tmp_path):
        return self.store().blobs
