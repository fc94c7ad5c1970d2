"""The checks on every Python and with the oldest libraries: `nox`, `nox -s lowest`. `make test` is one Python of it."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests", "docs"]

EXTRAS = ".[cli,parquet,report,site,testing,xes]"
PINNED = ("--constraint", "constraints.txt")
# The lower bounds of pyproject.toml, where wheels exist for Python 3.11.
LOWEST = ("attrs==25.1", "cattrs==25.1", "narwhals==2.0", "networkx==3.2", "numpy==2.0", "scipy==1.13")


def install(session: nox.Session, *what: str) -> None:
    """Install with the pins; groups need a pip that knows them."""
    session.install("pip>=25.1", *PINNED)
    session.install(*PINNED, *what)


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run all tests, the examples in the documents included."""
    install(session, "--editable", EXTRAS, "--group", "tests")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest libraries that pyproject.toml promises."""
    session.install("pip>=25.1", *PINNED)
    session.install("--editable", EXTRAS, "--group", "tests", *LOWEST)
    session.run("pytest", "-n", "2", *session.posargs)


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
