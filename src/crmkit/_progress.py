"""Progress of what may take a while: on standard error, at a terminal, unless it is to be quiet."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["be_quiet", "step"]

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
_live: ContextVar[Progress | None] = ContextVar("live", default=None)


@contextmanager
def be_quiet(*, quiet: bool) -> Generator[None]:
    """Whether the steps inside show nothing."""
    token = _quiet.set(quiet)
    try:
        yield
    finally:
        _quiet.reset(token)


@contextmanager
def step(text: str) -> Generator[Callable[[int, int], None]]:
    """Show what is being done until it is done; steps inside it are lines below it.

    Yields:
        What takes how much of it is done and how much there is, for a bar; without a call it is a spinner.
    """
    progress = _live.get()
    if progress is None:
        with _begun() as begun, _line(begun, text) as update:
            yield update
    else:
        with _line(progress, text) as update:
            yield update


@contextmanager
def _begun() -> Generator[Progress]:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    hidden = _quiet.get() or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        token = _live.set(progress)
        try:
            yield progress
        finally:
            _live.reset(token)


@contextmanager
def _line(progress: Progress, text: str) -> Generator[Callable[[int, int], None]]:
    task: TaskID = progress.add_task(text, total=None)

    def update(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        progress.remove_task(task)
