"""Budgets for the largest, not for the average: one runaway file spoils a code base, the median never does."""

from datetime import UTC, date, datetime

from measure import (
    COMPLEXITY,
    DOOR_NAMES,
    FILE_LINES,
    FUNCTION_LINES,
    POSITIONAL,
    ROOM_NAMES,
    measured,
    python_files,
    summary,
)
from tree import public_modules, relative, report

# What may be too large, and until when: {"src/crmkit/x.py": date(2026, 12, 31)}. It should be empty.
EXCEPTIONS: dict[str, date] = {}

EVERYTHING = ("src", "tests", "docs", "bench", "examples")


def excused(where):
    """Whether an exception names this file; the dates are checked by their own test."""
    return where.partition(":")[0] in EXCEPTIONS


def test_files_are_short():
    """No Python file has more than 400 lines."""
    sizes = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*EVERYTHING)}
    found = {name: size for name, size in sizes.items() if size > FILE_LINES and not excused(name)}
    assert not found, report(found.items())


def test_functions_are_short():
    """No function has more than 50 lines of code."""
    found = [one for one in measured(*EVERYTHING) if one.lines > FUNCTION_LINES and not excused(one.where)]
    assert not found, report(found)


def test_functions_are_simple():
    """No function has a cyclomatic complexity above 10."""
    found = [one for one in measured(*EVERYTHING) if one.complexity > COMPLEXITY and not excused(one.where)]
    assert not found, report(found)


def test_few_arguments_go_by_position():
    """No function of the library takes more than five arguments by position."""
    found = [one for one in measured("src") if one.positional > POSITIONAL and not excused(one.where)]
    assert not found, report(found)


def test_functions_are_small_as_a_rule(record_property):
    """Half of the functions have at most 7 lines of code, nine of ten at most 25."""
    record_property("sizes", summary())
    sizes = sorted(one.lines for one in measured("src"))
    assert sizes[len(sizes) // 2] <= 7, summary()
    assert sizes[int(len(sizes) * 0.9)] <= 25, summary()


def test_doors_are_narrow():
    """A package offers at most 15 names, the front door at most 30."""
    doors = {name: module.exports or [] for name, module in public_modules().items() if module.is_door}
    limits = {name: DOOR_NAMES if name == "crmkit" else ROOM_NAMES for name in doors}
    found = {name: len(names) for name, names in doors.items() if len(names) > limits[name]}
    assert not found, report(found.items())


def test_exceptions_end():
    """An exception that has run out, or whose file is gone, is removed from the list."""
    known = {relative(path) for path in python_files(*EVERYTHING)}
    today = datetime.now(UTC).date()
    found = {name: until for name, until in EXCEPTIONS.items() if name not in known or until < today}
    assert not found, report(found.items())
