"""What all tests share."""

import os
import shutil
import subprocess
import warnings
from itertools import count
from pathlib import Path

import pytest

from . import _servers

_TENANTS = count()
_SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared():
    """The path of a file that lies beside the project, not in it; the test is skipped where the folder is absent."""

    def find(*parts):
        path = _SHARED.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"shared data are absent: {'/'.join(parts)}")
        return path

    return find


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A Spark session of our own: two threads, nothing beyond loopback, UTC, our settings.

    It starts when a test first asks for it, once in every worker, and is stopped with its virtual machine.
    """
    pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed")
    if not shutil.which("java", path=f"{os.environ.get('JAVA_HOME', '')}/bin{os.pathsep}{os.environ.get('PATH', '')}"):
        pytest.skip("no Java is installed, which Spark needs")
    from pyspark.sql import SparkSession

    from crmkit.rules.sql import SPARK_SETTINGS

    folder = tmp_path_factory.mktemp("spark")
    builder = SparkSession.builder.master("local[2]").config(map={
        **SPARK_SETTINGS, "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "1g",
        "spark.local.dir": f"{folder}/local", "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder} -Dderby.system.home={folder}",
        "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1",
    })  # fmt: skip
    with warnings.catch_warnings():
        # It leaves sockets to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        session = builder.getOrCreate()
    yield session
    machine = session.sparkContext._gateway
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session.stop()
        machine.shutdown()
        machine.proc.stdin.close()
        machine.proc.wait()
    pyspark.SparkContext._gateway = pyspark.SparkContext._jvm = None


@pytest.fixture(scope="session")
def postgresql_url():
    """A PostgreSQL server that runs as long as the tests of a worker do."""
    with _servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_url():
    """A MariaDB server that runs as long as the tests of a worker do."""
    with _servers.mariadb() as url:
        yield url


@pytest.fixture(scope="session")
def imap_port():
    """A mail server that runs as long as the tests of a worker do."""
    with _servers.dovecot() as port:
        yield port


@pytest.fixture(params=["memory", "sqlite", "sql on sqlite", "postgresql", "mariadb"])
def new_store(request, tmp_path):
    """From nothing to an empty store, of each kind that the library has."""
    from crmkit.adapters.memory import MemoryStore

    if request.param == "memory":
        yield MemoryStore
        return
    if request.param == "sqlite":
        from crmkit.adapters.sqlite import SqliteStore

        yield lambda: SqliteStore(tmp_path / "store.db", tenant=str(next(_TENANTS)), durability="normal")
        return
    import sqlalchemy

    from crmkit.adapters.sql import SqlStore

    file = f"sqlite:///{tmp_path / 'host.db'}"
    url = file if request.param == "sql on sqlite" else request.getfixturevalue(f"{request.param}_url")
    engine = sqlalchemy.create_engine(url)
    SqlStore(engine).create()
    yield lambda: SqlStore(engine, tenant=f"new store {next(_TENANTS)}")
    engine.dispose()


@pytest.fixture
def smtp():
    """Starts a mail server that gives what it takes to a handler, for a `with` block that has its port."""
    return _servers.smtp


@pytest.fixture
def server(postgresql_url):
    """A PostgreSQL server of our own, asked by its own command line."""
    folder = postgresql_url.partition("host=")[2]

    def query(text):
        command = ["psql", "-h", folder, "-U", "crm", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-"]
        done = subprocess.run(command, input=text, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return query


def pytest_collection_modifyitems(items):
    """Each answer of Spark comes through a socket on loopback that it does not close; nothing else is overlooked."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket.*127.0.0.1:ResourceWarning"))
