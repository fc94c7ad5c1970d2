"""What all tests share."""

import subprocess
from itertools import count
from pathlib import Path

import pytest

from . import _servers

_TENANTS = count()
_SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared():
    """The path of a file that lies beside the project, not in it; the test is skipped where the folder is absent."""

    def find(*parts):
        path = _SHARED.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"shared data are absent: {'/'.join(parts)}")
        return path

    return find


@pytest.fixture(scope="session")
def postgresql_url():
    """A PostgreSQL server that runs as long as the tests of a worker do."""
    with _servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url():
    """A MariaDB server that runs as long as the tests of a worker do."""
    with _servers.mariadb() as url:
        yield url


@pytest.fixture(scope="session")
def imap_port():
    """A mail server that runs as long as the tests of a worker do."""
    with _servers.dovecot() as port:
        yield port


@pytest.fixture(params=["memory", "sqlite", "sql on sqlite", "postgresql", "mariadb"])
def new_store(request, tmp_path):
    """From nothing to an empty store, of each kind that the library has."""
    from crmkit.adapters.memory import MemoryStore

    if request.param == "memory":
        yield MemoryStore
        return
    if request.param == "sqlite":
        from crmkit.adapters.sqlite import SqliteStore

        yield lambda: SqliteStore(tmp_path / "store.db", tenant=str(next(_TENANTS)), durability="normal")
        return
    import sqlalchemy

    from crmkit.adapters.sql import SqlStore

    file = f"sqlite:///{tmp_path / 'host.db'}"
    url = file if request.param == "sql on sqlite" else request.getfixturevalue(f"{request.param}_url")
    engine = sqlalchemy.create_engine(url)
    SqlStore(engine).create()
    yield lambda: SqlStore(engine, tenant=f"new store {next(_TENANTS)}")
    engine.dispose()


@pytest.fixture
def smtp():
    """Starts a mail server that gives what it takes to a handler, for a `with` block that has its port."""
    return _servers.smtp


@pytest.fixture
def server(postgresql_url):
    """A PostgreSQL server of our own, asked by its own command line."""
    folder = postgresql_url.partition("host=")[2]

    def query(text):
        command = ["psql", "-h", folder, "-U", "crm", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-"]
        done = subprocess.run(command, input=text, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return query
