"""The command line: reports, KPIs, forecasts, processes, rules, mail, a demonstration; see `crmkit --help`."""

import sys
from collections.abc import Sequence

from crmkit.errors import ExtraMissing

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, or 2 with one clear line on standard error.

    Args:
        arguments: the words after the program's name; those of the process if None.
    """
    try:
        from crmkit._review_commands import run
    except ImportError as error:
        if error.name not in ("rich", "typer"):
            raise
        missing = ExtraMissing(error.name, "cli", "the command line")
        sys.stderr.write(f"crmkit: {missing}\n")
        return 2
    return run(list(sys.argv[1:] if arguments is None else arguments))
