"""What the tests of adapters share."""

import pytest


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request, tmp_path):
    """Each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'host.db'}"
    return request.getfixturevalue(f"{request.param}_url")
