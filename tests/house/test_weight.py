"""What an import drags in: a promise that can be counted, where a speed could not."""

import importlib.util
import subprocess
import sys

import pytest
from tree import modules

HEAVY = {
    "numpy", "scipy", "networkx", "hypothesis", "pytest", "pandas", "polars", "pyarrow", "narwhals", "duckdb", "sqlite3",
    "typer", "click", "rich", "jinja2", "vl_convert", "defusedxml", "sqlalchemy", "pyspark", "tantivy",
    "cryptography",
    "docx", "lxml", "opentelemetry",
}  # fmt: skip
# What a room may load by itself; everything else of HEAVY it may not.
ALLOWED = {
    "crmkit": set(),
    "crmkit.desk": set(),
    "crmkit.pipeline": set(),
    "crmkit.protocols": set(),
    "crmkit.rules": set(),
    "crmkit.journal": {"numpy", "narwhals"},
    "crmkit.feed": set(),
    "crmkit.privacy": {"numpy"},
    "crmkit.calendars": {"numpy"},
    "crmkit.metrics": {"numpy"},
    "crmkit.kb": {"numpy"},
    "crmkit.improve": {"numpy"},
    "crmkit.report": {"numpy"},
    "crmkit.testing": {"numpy"},
    "crmkit.testing.simulate": {"numpy"},
    "crmkit.adapters": set(),
    "crmkit.cli": set(),
}


def loaded_by(module):
    """The modules in memory after one import in a fresh interpreter."""
    # -I -S would hide an editable install; what site loads is the same for every module.
    script = f"import sys; import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def bare():
    """What a bare interpreter of this environment has loaded before it imports anything of ours."""
    return loaded_by("sys")


@pytest.mark.parametrize("module", [name for name in ALLOWED if name in modules()])
def test_an_import_is_light(module, bare):
    """A room loads only the heavy libraries that it cannot do without."""
    assert (loaded_by(module) - bare) & (HEAVY - ALLOWED[module]) == set()


def test_the_heavy_are_there():
    """The libraries that must not be loaded could have been: the check would see them."""
    wanted = {"numpy", "scipy", "networkx", "hypothesis", "pandas", "polars", "pyarrow", "typer", "jinja2", "sqlite3"}
    assert {name for name in wanted if importlib.util.find_spec(name) is None} == set()


def test_no_room_without_a_weight():
    """Every room of the house has an entry above."""
    rooms = {name for name, module in modules().items() if module.is_door and name.count(".") <= 1}
    assert rooms - set(ALLOWED) - {"crmkit.model", "crmkit.values"} == set()
