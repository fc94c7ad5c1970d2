"""Every file of data in the package is accounted for: whose it is, and under which licence."""

import re
from pathlib import PurePosixPath

from tree import PACKAGE, ROOT, report

NOTICES = (ROOT / "LICENSES" / "README.md").read_text(encoding="utf-8")
PATTERNS = [
    one
    for line in NOTICES.splitlines()
    if line.startswith("| `")
    for one in re.findall(r"`([^`]+)`", line.split("|")[1])
]


def data():
    """The files of the package that are no Python."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix not in {".py", ".pyc", ".pyi"} and "__pycache__" not in path.parts:
            yield path.relative_to(PACKAGE).as_posix()


def covers(pattern, name):
    """Whether a pattern of the notices means a file: `*` is any name in that folder."""
    return PurePosixPath(name).match(pattern) and name.count("/") == pattern.count("/")


def test_every_file_of_data_has_a_notice():
    """LICENSES/README.md names each."""
    found = [name for name in data() if not any(covers(pattern, name) for pattern in PATTERNS)]
    assert not found, report(found)


def test_no_notice_is_idle():
    """What is named is there."""
    names = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.is_file()]
    assert [pattern for pattern in PATTERNS if not any(covers(pattern, name) for name in names)] == []


def test_python_that_speaks_of_a_licence_has_a_notice():
    """A table taken from others says so in its file, and is named."""
    spoken = re.compile(r"Apache License|Mozilla Public|Creative Commons|BSD license|GNU ", re.IGNORECASE)
    found = [
        name for path in PACKAGE.rglob("*.py") if spoken.search(path.read_text(encoding="utf-8")[:2000])
        for name in [path.relative_to(PACKAGE).as_posix()] if name not in PATTERNS
    ]  # fmt: skip
    assert not found, report(found)


def test_the_texts_of_the_licences_are_there():
    """Each file that a notice refers to lies beside it."""
    named = {name for name in re.findall(r"`([A-Za-z0-9.-]+\.txt)`", NOTICES) if "/" not in name}
    assert named == {path.name for path in (ROOT / "LICENSES").glob("*.txt")}
