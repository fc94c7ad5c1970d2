"""The commands about crmkit itself: what is installed and works, and what its JSON looks like."""

from importlib.resources import files
from typing import Annotated, Any

import typer

from crmkit._answers import say, write_json
from crmkit._doctor import examine, to_text
from crmkit._options import AsJson, Lang, language_of
from crmkit._progress import step
from crmkit.errors import NotFound

__all__ = ["doctor_", "schema_", "schemas"]


def doctor_(*, lang: Lang = "en", as_json: AsJson = False) -> None:
    """Say what is installed, what each extra enables, what can run, and what is broken. Exit code 1 if something is.

    `python -m crmkit doctor` works without the libraries of the command line, too.
    """
    chosen = language_of(lang)
    with step("importing what is installed"):
        found = examine()
    if as_json:
        write_json(found)
    else:
        say([to_text(found, chosen)])
    raise typer.Exit(0 if found["ok"] else 1)


def _names(incomplete: str) -> list[str]:
    return [name for name in schemas() if name.startswith(incomplete)]


def schema_(
    name: Annotated[
        str | None, typer.Argument(metavar="[COMMAND]", help="As in kb-search.", autocompletion=_names)
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print the JSON Schema (draft 2020-12) of what a command writes with --json; without a name, list all."""
    known = schemas()
    if name is None:
        lines = "\n".join(f"{key:<16} crmkit {key.replace('-', ' ', 1)} --json" for key in known)
        if as_json:
            write_json({"schema": "crmkit-schemas-1", "names": [*known]})
        else:
            say([lines])
        return
    wanted = name.replace(" ", "-")
    if wanted not in known:
        raise NotFound("schema", name, tuple(known), "crmkit")
    print(known[wanted].read_text(encoding="utf-8"), end="")  # noqa: T201 - for a pipe


def schemas() -> dict[str, Any]:
    """The files of the schemas by their names."""
    folder = files("crmkit").joinpath("schemas")
    found = {one.name.removesuffix(".json"): one for one in folder.iterdir() if one.name.endswith(".json")}
    # What lies beside the page is also what the page writes by itself.
    found["report"] = files("crmkit.report").joinpath("report.schema.json")
    return dict(sorted(found.items()))
