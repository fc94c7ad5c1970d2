"""The contracts on SQLite, on a PostgreSQL and on a MariaDB server, through SQLAlchemy, also by several processes."""

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from crmkit.adapters.sql import SqlStore
from crmkit.testing.checking import Claims
from crmkit.testing.contracts import BlobStoreContract, EventStoreContract, RecordStoreContract


class _Opened(SqlStore):
    """A store with an engine of its own, to be closed."""

    def __init__(self, url, tenant):
        self.engine = sqlalchemy.create_engine(url, poolclass=NullPool)
        super().__init__(self.engine, tenant=tenant)

    def close(self):
        """Close the engine."""
        self.engine.dispose()


class _Databases:
    """A store with a tenant of its own for each folder, in a database that the tests of one class share."""

    claims = Claims(processes=True, durable=True)

    @pytest.fixture(autouse=True)
    def _database(self, url, tmp_path):
        # Other processes find the database by it.
        (tmp_path / "url").write_text(url)
        store = _Opened(url, "nobody")
        store.create()
        store.close()

    def make(self, tmp_path):
        """The store of a folder, in this process or another."""
        place = next(folder for folder in (tmp_path, tmp_path.parent) if (folder / "url").exists())
        return _Opened((place / "url").read_text(), str(tmp_path))


class TestSqlEvents(_Databases, EventStoreContract):
    """Events."""


class TestSqlRecords(_Databases, RecordStoreContract):
    """Records."""


class TestSqlBlobs(_Databases, BlobStoreContract):
    """Blobs."""
