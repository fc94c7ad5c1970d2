"""Clients and servers that are killed at random points; a hundred and twenty with `python bench/crash_servers.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = Path(__file__).parents[2] / "bench" / "crash_servers.py"


@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_no_kill_loses_doubles_or_tears_anything(server, record_property):
    """8 clients are killed, and the server 3 times: all that was acknowledged is there, once and whole."""
    done = subprocess.run(
        [sys.executable, str(CRASH), "--kills", "8", "--servers", "3", server], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    if not done.stdout:
        pytest.skip(done.stderr.strip())
    record_property("kills", done.stdout)
    found = json.loads(done.stdout)[server]
    assert {part: one["kills"] for part, one in found.items()} == {"clients": 8, "servers": 3}
    assert found["clients"]["acknowledged"] > 0
    bad = {one[name] for one in found.values() for name in ("lost", "doubled", "torn", "flaws")}
    assert bad == {0}
