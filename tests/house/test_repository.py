"""What may not be committed: the machine it was written on, and the addresses things were fetched from."""

import re
import subprocess

import pytest
from tree import ROOT, report

# Written in pieces, so that this file passes its own test.
PLACES = [re.escape("/" + name + "/") for name in ("root", "home", "work", "Users", "tmp", "opt")]
HOSTS = [
    "pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(org|com)", "deb" + r"\.debian\.org", "anaconda" + r"\.(org|com)",
    "raw" + r"\.githubusercontent\.com", "github" + r"\.com/[^/]+/[^/]+/releases", "proxy" + r"\.golang\.org",
]  # fmt: skip
MACHINE = re.compile(r"(?<![\w./*<>}:-])(" + "|".join(PLACES) + r")|[A-Z]:\\Users")
HOST = re.compile("|".join(HOSTS))


def committed():
    """The text files that git knows, or would add."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        data = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in data:
            yield name, data.decode("utf-8", "replace").splitlines()


@pytest.mark.parametrize("pattern", [MACHINE, HOST], ids=["machine paths", "download hosts"])
def test_no_trace_of_a_machine(pattern):
    """No committed text names a folder of somebody's machine or a host to download from."""
    found = [
        f"{name}:{number} {line.strip()[:100]}"
        for name, lines in committed()
        for number, line in enumerate(lines, 1)
        if pattern.search(line)
    ]
    assert not found, report(found)


def test_pins_are_names_and_versions():
    """constraints.txt holds `name==version` lines, sorted, and nothing else."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []
    assert lines == sorted(lines)


def test_nothing_large_is_committed():
    """No file is larger than a megabyte."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    assert [path for path in paths if path.is_file() and path.stat().st_size > 1_000_000] == []
