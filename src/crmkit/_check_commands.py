"""The command for whoever writes a store: every standard check, and what failed with the calls before it."""

import json
import sys
from pathlib import Path
from typing import Annotated

import attrs
import typer
from rich.console import Console

from crmkit._options import AsJson
from crmkit.errors import NotFound

__all__ = ["check_"]

_console = Console(highlight=False, soft_wrap=True)


def check_(
    store: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME",
            help="What takes an empty folder, or nothing, and gives a store; or a contract.",
        ),
    ],
    *,
    claim: Annotated[
        list[str] | None,
        typer.Option(help="threads, processes or durable, whatever its attribute claims says; repeat it."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="The name of a check; repeat it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a store of your own: examples, state machines, threads, processes, crashes. Exit code 1 if one fails."""
    from crmkit.testing.checking import Claims, check_store, load_store

    known = tuple(field.name for field in attrs.fields(Claims))
    for name in claim or ():
        if name not in known:
            raise NotFound("claim", name, known, "--claim")
    # As `python -m` would: what is tried out is seldom installed.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    claims = Claims(**{name: name in claim for name in known}) if claim else None
    found = check_store(load_store(store), claims=claims, only=only or (), name=store)
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), ensure_ascii=False, indent=1) + "\n")
    else:
        _console.print(found.display(most=None).to_text(), markup=False)
    if not found.ok:
        raise typer.Exit(1)
