"""What every test session needs: documents that run, hypothesis profiles, and no quiet skips."""

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection

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


# Nothing runs long enough to be compiled twice: this halves the CPU time of the twins.
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A Spark session of our own: two threads, nothing beyond loopback, UTC, our settings, workers of this Python.

    It starts when a test first asks for it, once in every worker, and is stopped with its virtual machine.
    """
    pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed")
    if not shutil.which("java", path=f"{os.environ.get('JAVA_HOME', '')}/bin{os.pathsep}{os.environ.get('PATH', '')}"):
        pytest.skip("no Java is installed, which Spark needs")
    from pyspark.sql import SparkSession

    from crmkit.rules.sql import SPARK_SETTINGS

    folder, before = tmp_path_factory.mktemp("spark"), os.environ.get("PYSPARK_PYTHON")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config(map={
        **SPARK_SETTINGS, "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR", "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "1g",
        "spark.local.dir": f"{folder}/local", "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder} -Dderby.system.home={folder} {_SHORT_LIVED}",
        "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1",
    })  # fmt: skip
    with warnings.catch_warnings():
        # It leaves sockets to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        session = builder.getOrCreate()
    yield session
    del os.environ["PYSPARK_PYTHON"]
    os.environ.update({} if before is None else {"PYSPARK_PYTHON": before})
    # There is no public way to end its virtual machine.
    machine = session.sparkContext._gateway
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session.stop()
        machine.shutdown()
        machine.proc.stdin.close()
        machine.proc.wait()
    pyspark.SparkContext._gateway = pyspark.SparkContext._jvm = None


# One page talks to Spark, and is left out, saying so, where there is none.
_ON_SPARK = "docs/how-to/run-on-spark.md"

_pages = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    excludes=[_ON_SPARK],
    fixtures=["own_folder"],
    name="page",
)
_spark_page = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=[_ON_SPARK],
    fixtures=["own_folder", "spark"],
    name="page",
)
_docstrings = Sybil(
    parsers=[DocTestParser()],
    # `**` is one folder to what matches here.
    patterns=["src/crmkit/*.py", "src/crmkit/*/*.py", "src/crmkit/*/*/*.py"],
    fixtures=["own_folder"],
    name="docstring",
)
pytest_collect_file = SybilCollection([_pages, _spark_page, _docstrings]).pytest()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their length: what packs them may write the time, and two workers must find the same tests."""
    return f"{argname}-of-{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 32 else None


def pytest_collection_modifyitems(items):
    """Each answer of Spark comes through a socket on loopback that it does not close; nothing else is overlooked."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket.*127.0.0.1:ResourceWarning"))


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
