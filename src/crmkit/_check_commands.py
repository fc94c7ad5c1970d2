"""The command for whoever writes a store: every standard check, and what failed with the calls before it."""

import sys
from pathlib import Path
from typing import Annotated

import attrs
import typer

from crmkit._answers import tell, whole
from crmkit._options import AsJson, one_of
from crmkit._progress import step
from crmkit.errors import NotFound

__all__ = ["check_"]


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
        typer.Option(
            metavar="CLAIM",
            autocompletion=one_of("threads", "processes", "durable"),
            help="threads, processes or durable, whatever its attribute claims says; repeat it.",
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="The name of a check; repeat it.")] = None,
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
    with step("checking"):
        found = check_store(load_store(store), claims=claims, only=only or (), name=store)
    tell(found.to_dict(), [whole(found)], as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)
