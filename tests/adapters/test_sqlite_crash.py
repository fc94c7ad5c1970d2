"""Writers that are killed at random points; a thousand of them with `python bench/crash.py`."""

import json
import subprocess
import sys
from pathlib import Path

CRASH = Path(__file__).parents[2] / "bench" / "crash.py"


def test_no_kill_loses_doubles_or_tears_anything(tmp_path, record_property):
    """80 writers of events and 20 of a search index are killed: all that they acknowledged is there, once and whole."""
    done = subprocess.run(
        [sys.executable, str(CRASH), "--kills", "80", "--index", "20", "--deep", "20", "--folder", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    sys.stdout.write(done.stdout)
    record_property("kills", done.stdout)
    for part, kills in (("appends", 80), ("commits", 20)):
        assert found[part]["kills"] == kills
        assert found[part]["acknowledged"] > kills
        assert {found[part][name] for name in ("lost", "doubled", "torn", "flaws")} == {0}
    # Some were killed between the commit and its acknowledgement: the points were well chosen.
    assert found["appends"]["unacknowledged"] > 0
