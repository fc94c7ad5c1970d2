"""What the tests of adapters share: servers that run as long as the tests of a worker do."""

import pytest

from . import _servers


@pytest.fixture(scope="session")
def postgresql_url():
    """A PostgreSQL server."""
    with _servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url():
    """A MariaDB server."""
    with _servers.mariadb() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    """Each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'host.db'}"
    return request.getfixturevalue(f"{request.param}_url")
