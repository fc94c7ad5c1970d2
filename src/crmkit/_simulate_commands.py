"""The command that makes something to try the others on: a company's exports, with faults whose places are known."""

from pathlib import Path
from typing import Annotated

import attrs
import numpy as np
import typer

from crmkit._answers import tell, write_file
from crmkit._options import AsJson
from crmkit._progress import step
from crmkit.errors import InputError, NotFound
from crmkit.testing.exports import FAULTS, Export, Fault, company

__all__ = ["simulate_"]

_NONE = "none"
#: What can be done with the files, by what it finds.
_COLUMNS = "--case case --stage stage --at at --who who"
_TRY = (
    f"crmkit report {{0}}/deals.csv {_COLUMNS} --amount amount --pipeline {{0}}/deals.toml --out {{0}}/report",
    f"crmkit conform {{0}}/deals.csv {_COLUMNS} --pipeline {{0}}/deals.toml --calendar {{0}}/office.json",
    f"crmkit discover {{0}}/deals.csv {_COLUMNS}",
    f"crmkit forecast {{0}}/deals.csv {_COLUMNS} --amount amount --pipeline {{0}}/deals.toml",
    "crmkit kpi {0}/deals.csv invoice={0}/invoices.csv payment={0}/payments.csv --pipeline {0}/deals.toml --by region",
    "crmkit review {0}/deals.csv invoice={0}/invoices.csv payment={0}/payments.csv --pipeline {0}/deals.toml",
)


def _faults(incomplete: str) -> list[str]:
    return [name for name in (*FAULTS, _NONE) if name.startswith(incomplete)]


def simulate_(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")],
    size: Annotated[int, typer.Option(metavar="N", help="How many deals are opened in the year.", min=1)] = 2000,
    seed: Annotated[int, typer.Option(metavar="N", help="The same number gives the same files.", min=0)] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULT",
            help=f"What is planted: {', '.join(FAULTS)}, or {_NONE}; repeat it. All if not given.",
            autocompletion=_faults,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a simulated company's exports: deals, invoices, payments, the process, with planted faults.

    The other commands read what it writes; it says how, and where the faults are.
    """
    with step("simulating"):
        made = company(size, rng=np.random.default_rng(seed), faults=_wanted(fault))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(str(out), f"cannot be made: {error.strerror or error}") from None
    for name, text in made.files.items():
        write_file(out / name, text)
    told = {
        "schema": "crmkit-simulate-1", "seed": seed, "size": size, "folder": str(out),
        "files": [{"name": name, "rows": made.rows.get(name)} for name in made.files],
        "planted": [attrs.asdict(one) for one in made.planted],
        "try": [line.format(out) for line in _TRY],
    }  # fmt: skip
    tell(told, _lines(made, out), as_json=as_json)


def _wanted(names: list[str] | None) -> list[Fault]:
    if not names:
        return [*FAULTS]
    for name in names:
        if name not in (*FAULTS, _NONE):
            raise NotFound("fault", name, (*FAULTS, _NONE), "--fault")
    if _NONE in names and len(names) > 1:
        raise InputError("--fault", f"{_NONE!r} goes with no other")
    return [fault for fault in FAULTS if fault in names]


def _lines(made: Export, out: Path) -> list[str]:
    files = [f"{out / name}{f': {made.rows[name]} rows' if name in made.rows else ''}" for name in made.files]
    planted = [f"planted: {one.fault}: {one.what} {', '.join(one.names)}" for one in made.planted]
    lines = [f"  {line.format(out)}" for line in _TRY]
    return [*files, "", *(planted or ["nothing was planted"]), "", "Now try:", *lines]
