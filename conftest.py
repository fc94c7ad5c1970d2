"""What every test session needs: documents that run, hypothesis profiles, and no quiet skips."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

# How long generating takes measures the machine, which is shared, and not the test.
_UNTIMED = (HealthCheck.too_slow,)
settings.register_profile("dev", deadline=None, suppress_health_check=_UNTIMED)
settings.register_profile(
    "ci", deadline=None, suppress_health_check=_UNTIMED, derandomize=True, database=None, print_blob=True
)
FORBID_SKIP = os.environ.get("CRMKIT_FORBID_SKIP", "") not in ("", "0")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if FORBID_SKIP else "dev"))


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh working directory for all the blocks of one document."""
    before = Path.cwd()
    folder = tmp_path_factory.mktemp("document")
    os.chdir(folder)
    yield folder
    os.chdir(before)


_pages = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    fixtures=["own_folder"],
    name="page",
)
_docstrings = Sybil(
    parsers=[DocTestParser()],
    # `**` is one folder to what matches here.
    patterns=["src/crmkit/*.py", "src/crmkit/*/*.py", "src/crmkit/*/*/*.py"],
    fixtures=["own_folder"],
    name="docstring",
)
pytest_collect_file = (_pages + _docstrings).pytest()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their length: what packs them may write the time, and two workers must find the same tests."""
    return f"{argname}-of-{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 32 else None


def _forbid(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A check that CI leaves out is a check that nobody made."""
    if FORBID_SKIP and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and CRMKIT_FORBID_SKIP is set: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Turn the skip of a test into a failure where skipping is forbidden."""
    report = yield
    _forbid(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Turn the skip of a whole file into a failure where skipping is forbidden."""
    report = yield
    _forbid(report)
    return report
