"""The checks on every Python and with the oldest libraries: `nox`, `nox -s lowest`. `make test` is one Python of it."""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
# A Python that is not on the machine is passed over with a message.
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "docs"]

EXTRAS = ".[cli,parquet,report,site,testing,xes]"
PINNED = ("--constraint", "constraints.txt")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# Spark stands above the floors that are tried, and tzdata is for Windows.
BESIDE = ("#", "pyspark", "tzdata")
FLOORS = (
    "tests/values", "tests/journal", "tests/feed", "tests/rules", "tests/pipeline", "tests/metrics", "tests/kb",
    "tests/improve", "tests/privacy",
)  # fmt: skip


def install(session: nox.Session, *what: str) -> None:
    """Install with the pins; groups need a pip that knows them."""
    session.install("pip>=25.1", *PINNED)
    session.install(*PINNED, *what)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests, the examples in the documents included."""
    install(session, "--editable", EXTRAS, "--group", "tests")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the tests of floors 0 to 6 with the oldest libraries that pyproject.toml promises."""
    lines = Path("constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    session.install("pip>=25.1", *PINNED)
    session.install(*(line for line in lines if not line.startswith(BESIDE)))
    session.install("--no-deps", "--editable", ".")
    session.run("pytest", "-n", "2", *(session.posargs or FLOORS))


@nox.session(python=PYTHONS)
def highest(session: nox.Session) -> None:
    """Run the tests of floors 0 to 6 with the newest libraries there are."""
    session.install("pip>=25.1")
    session.install("--editable", EXTRAS, "--group", "tests")
    session.run("pytest", "-n", "2", *(session.posargs or FLOORS))


@nox.session(python=PYTHONS)
def built(session: nox.Session) -> None:
    """Run the tests against the wheel, in a folder without src."""
    folder = Path(session.create_tmp())
    session.install("pip>=25.1", "build", "hatchling", *PINNED)
    session.run("python", "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), ".")
    (wheel,) = folder.glob("*.whl")
    install(session, f"{wheel}{EXTRAS[1:]}", "--group", "tests")
    for name in ("tests", "conftest.py", "pyproject.toml", "README.md", "docs", "examples", "bench"):
        (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, folder / name)
    shutil.rmtree(folder / "tests" / "house")
    session.chdir(folder)
    session.run("pytest", "-n", "2", "tests", *session.posargs)


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Check style, spelling and floors."""
    install(session, "--editable", ".", "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """Check the types with both checkers."""
    install(session, "--editable", EXTRAS, "--group", "typing", "--group", "tests")
    session.run("mypy")
    session.run("pyright")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the documentation; a reference that leads nowhere is an error."""
    install(session, "--editable", EXTRAS, "--group", "docs")
    session.run("sphinx-build", "-E", "-n", "-W", "--keep-going", "-q", "-b", "html", "docs", "build/docs")
