"""The command line: reports, KPIs, forecasts, processes, rules, mail, a demonstration; see `crmkit --help`."""

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code, which is 0, or 1 if a check found something.

    It is 2, with one clear line on standard error, for wrong usage and unusable input; 130 after Ctrl-C; 141 if nobody
    reads the output any more.

    Args:
        arguments: the words after the program's name; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget_output()
        return 141
    return code


def _run(words: list[str]) -> int:
    try:
        from crmkit._program import run
    except Exception as error:
        if words[:1] == ["doctor"]:
            # Of all commands it is the one that has to work when something is missing or broken.
            from crmkit._doctor import main as examine

            return examine(words[1:])
        if not isinstance(error, ImportError) or error.name not in ("rich", "typer"):
            raise
        from crmkit.errors import ExtraMissing

        sys.stderr.write(f"crmkit: {ExtraMissing(error.name, 'cli', 'the command line')}\n")
        return 2
    return run(words)


def _forget_output() -> None:
    """Let the interpreter not try to write, as it ends, what nobody reads."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())
    os.close(silence)
