"""A power loss at points of a run of a SQLite store: what a disk may then hold; many more with `python bench/power.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

POWER = Path(__file__).parents[2] / "bench" / "power.py"


def found(*arguments):
    """What is found in the states of a disk; the test is skipped where the shim cannot be built."""
    done = subprocess.run([sys.executable, str(POWER), *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.stdout, done.stderr
    sys.stdout.write(done.stdout)
    return json.loads(done.stdout)


def test_full_loses_nothing():
    """Whatever was acknowledged is there, whatever was not is there as a whole or not at all, and verify agrees."""
    what = found("--states", "150", "--appends", "30")
    assert what["states"] == 150
    assert what["acknowledged"] > 3_000
    assert {what[name] for name in ("lost", "torn", "flaws", "refused", "behind")} == {0}


def test_normal_may_lose_the_last_commits_and_nothing_else():
    """As is said of it: the newest may be gone, in order, and the file is sound."""
    what = found("--states", "60", "--appends", "30", "--durability", "normal")
    assert what["lost"] > 0
    assert {what[name] for name in ("torn", "flaws", "refused")} == {0}


def test_a_disk_that_lies_is_found_out():
    """The proof can fail: without syncs acknowledged facts are gone, and files cannot be read."""
    what = found("--states", "60", "--appends", "30", "--blind")
    assert what["lost"] > 0
    assert what["refused"] + what["flaws"] + what["torn"] > 0


def test_a_process_that_died_or_was_refused_before_loses_nothing_either():
    """Killed in a call to the disk, or refused by it, and then without power: what a retry was told is true as well."""
    what = found("--sweep", "4", "--appends", "4")
    assert {what[name] for name in ("lost", "torn", "flaws", "refused", "behind")} == {0}
