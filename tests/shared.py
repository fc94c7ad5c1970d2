"""Data that lie beside the project, not in it."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1].parent / "shared"


def shared(*parts):
    """The path of a shared file; the test is skipped, saying so, where the folder is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared data are absent: {'/'.join(parts)}")
    return path
