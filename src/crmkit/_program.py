"""The whole command line: every command by its name, what all of them share, and how a run ends."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from crmkit._about_commands import doctor_, schema_
from crmkit._check_commands import check_
from crmkit._commands import demo, report
from crmkit._examples import show_examples
from crmkit._forecast_commands import forecast_
from crmkit._kpi_commands import kpi_
from crmkit._pipeline_commands import app as pipeline_app
from crmkit._process_commands import conform_, discover_
from crmkit._progress import be_quiet
from crmkit._proposal_commands import app as kb_app
from crmkit._review_commands import review_
from crmkit._rules_commands import app as rules_app
from crmkit._simulate_commands import simulate_
from crmkit._store_commands import app as store_app
from crmkit.errors import CrmkitError, DefinitionErrors, RuleError

__all__ = ["EXIT_CODES", "app", "commands", "program", "run"]

#: What each exit code means.
EXIT_CODES: Mapping[int, str] = {
    0: "it is done, and if it was a check, nothing was found",
    1: "a check found something: what was found stands on standard output",
    2: "wrong usage or unusable input: one line on standard error says what, and nothing was written",
    130: "interrupted (Ctrl-C)",
    141: "whoever read the output stopped reading (`| head`)",
}

app = typer.Typer(
    name="crmkit",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="See, measure and improve sales and service processes.",
)

for _name, _command in (
    ("report", report), ("demo", demo), ("kpi", kpi_), ("forecast", forecast_), ("conform", conform_),
    ("discover", discover_), ("review", review_), ("simulate", simulate_), ("check", check_), ("doctor", doctor_),
    ("schema", schema_),
):  # fmt: skip
    app.command(_name)(_command)
app.add_typer(pipeline_app, name="pipeline")
app.add_typer(rules_app, name="rules")
app.add_typer(kb_app, name="kb")
app.add_typer(store_app, name="store")
show_examples(app)

# typer carries its own copy of click, so the class is found from a child that typer exports.
_UsageError: type[Exception] = next(b for b in typer.BadParameter.__mro__ if b.__name__ == "ClickException")


@cache
def program() -> Any:
    """The command line as click has it, with `--quiet` at every command."""
    made, bearer = get_command(app), typer.Typer(add_completion=False)
    bearer.command()(_bear)
    (quiet,) = (one for one in get_command(bearer).params if one.name == "quiet")
    for command in commands(made).values():
        command.params.append(quiet)
    return made


def _quieten(context: typer.Context, value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        context.with_resource(be_quiet(quiet=True))


def _bear(
    *,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            help="Show no progress on standard error.",
            callback=_quieten,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """Bear the option until every command has it: typer alone knows how options are made."""


def commands(one: Any = None) -> dict[str, Any]:
    """Every command by its full name."""
    return dict(_commands(program() if one is None else one, ""))


def _commands(one: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(one, "commands"):
        for part, inner in one.commands.items():
            yield from _commands(inner, f"{name} {part}".strip())
    else:
        yield name, one


def run(arguments: Sequence[str]) -> int:
    """Run a command; whatever is wrong with the input becomes one line. `EXIT_CODES` says what comes back."""
    try:
        code: Any = program().main(args=list(arguments), prog_name="crmkit", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return 130
    except SystemExit as stop:
        # click ends the process with 1 when nobody reads its output, as if a check had found something.
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        raise
    except DefinitionErrors as error:
        rules = any(isinstance(one, RuleError) for one in error.exceptions)
        return _failed(str(error), lines=rules)
    except CrmkitError as error:
        return _failed(str(error))
    except _UsageError as error:
        # Only the formatted message names an option that is missing.
        return _failed(getattr(error, "format_message", error.__str__)())
    except MemoryError:
        return _failed("the input does not fit in memory")
    return code if isinstance(code, int) else 0


def _failed(message: str, *, lines: bool = False) -> int:
    """Say it on standard error: in one line, but for texts of rules, where carets show the place."""
    sys.stderr.write(f"crmkit: {message if lines else ' '.join(message.split())}\n")
    return 2
