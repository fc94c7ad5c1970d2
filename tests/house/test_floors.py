"""What import-linter cannot see: calls, globals, and who looks into whose drawers. The floors are in `.importlinter`."""

import ast
import re
from configparser import ConfigParser

import pytest
from tree import ROOT, modules, report

# A flat file above floor 6 may open, print and ask the time; so may the rooms.
UPPER = ("crmkit.adapters", "crmkit.report", "crmkit.testing", "crmkit.cli", "crmkit.__main__", "crmkit._")
CORE = [module for module in modules().values() if not module.name.startswith(UPPER)]
MIDDLE = {"rules", "pipeline", "metrics", "kb", "improve", "desk", "report"}
FORBIDDEN_CALLS = {
    "open", "print", "input", "eval", "exec", "breakpoint", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "np.random.seed", "np.random.rand", "np.random.normal",
}  # fmt: skip
# Rules are compiled to Python in one place, from source that holds nothing a user wrote but quoted literals.
GENERATING = {"crmkit.rules._native": {"exec"}}


def by_name(module):
    """The id of a parametrised test."""
    return module.name


def imports(module):
    """The full names a module imports, wherever in it, and the lines."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def room(name):
    """The first two parts of a dotted name."""
    return ".".join(name.split(".")[:2])


def module_of(name):
    """The module in a full name: `crmkit.values._instants` of `crmkit.values._instants.DAY_US`."""
    return name if name in modules() else name.rpartition(".")[0]


@pytest.mark.parametrize("module", CORE, ids=by_name)
def test_the_core_opens_nothing_and_reads_no_clock(module):
    """Below floor 7 nothing opens a file, prints, evaluates text, reads the clock or draws from a global generator."""
    calls = [(ast.unparse(node.func), node.lineno) for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    forbidden = FORBIDDEN_CALLS - GENERATING.get(module.name, set())
    found = [f"{module.path}:{line} {name}" for name, line in calls if name in forbidden]
    assert not found, report(found)


def test_nobody_prints_but_the_command_line():
    """Only commands, and what is run by `python -m`, write to a terminal: the library lives inside of other programs."""
    writing = {"print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write", "warnings.warn", "warn"}
    found = [
        f"{module.path}:{node.lineno} {name}"
        for module in modules().values()
        if not module.name.startswith(("crmkit._", "crmkit.cli"))
        if '__name__ == "__main__"' not in module.path.read_text(encoding="utf-8")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in writing
    ]
    assert not found, report(found)


@pytest.mark.parametrize("module", CORE, ids=by_name)
def test_the_core_has_no_globals(module):
    """Below floor 7 no function rebinds a module's name."""
    found = [f"{module.path}:{node.lineno}" for node in ast.walk(module.tree) if isinstance(node, ast.Global)]
    assert not found, report(found)


def test_private_files_are_private():
    """A file with an underscore is imported by its own room only; CONTRIBUTING.md lists the exceptions, and only those."""
    found = {
        (room(module.name), module_of(name))
        for module in modules().values()
        for name, _ in imports(module)
        if name.startswith("crmkit.") and any(part.startswith("_") for part in module_of(name).split(".")[2:])
        if room(name) != room(module.name)
    }
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^- `(crmkit[\w.]*)` imports `(crmkit[\w.]*)`: \w", text, flags=re.MULTILINE))
    assert found == listed, report([*sorted(found - listed), "gone:", *sorted(listed - found)])


def test_nobody_inside_uses_the_front_door():
    """The library imports its rooms, not `crmkit` itself: the door is for users."""
    found = [
        f"{module.path}:{line} {name}"
        for module in modules().values()
        for name, line in imports(module)
        if name == "crmkit" or (name.startswith("crmkit.") and room(name) not in modules() and module.name != "crmkit")
    ]
    assert not found, report(found)


def test_nobody_loads_scipy_stats():
    """scipy.stats weighs more than the whole library; the few formulas needed are in scipy.special."""
    found = [
        f"{module.path}:{line}"
        for module in modules().values()
        for name, line in imports(module)
        if name.startswith("scipy.stats")
    ]
    assert not found, report(found)


def test_imports_are_absolute():
    """Every import names its module in full."""
    found = [
        f"{module.path}:{node.lineno}"
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not found, report(found)


def test_adapters_are_kept_from_every_room_of_the_middle():
    """The contract on adapters names each room of floors 3 to 7 that exists."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    named = set(contracts["importlinter:contract:adapters"]["forbidden_modules"].split())
    assert {f"crmkit.{name}" for name in MIDDLE} & set(modules()) - named == set()
