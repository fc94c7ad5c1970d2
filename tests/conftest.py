"""What all tests share."""

from pathlib import Path

import pytest

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
