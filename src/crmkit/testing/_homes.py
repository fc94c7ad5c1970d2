"""Where a store lives while it is checked: how it is opened, opened again, and opened by another process."""

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import getsourcefile, isclass, signature
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from crmkit.errors import InvalidValue

__all__ = ["KINDS", "Home", "Reference", "is_contract", "make_of", "opened", "part_of", "takes_folder"]

#: By kind: the methods of its protocol.
KINDS = {
    "events": ("append", "read", "verify"),
    "records": ("get", "put", "find", "delete"),
    "blobs": ("get", "put", "swap", "delete", "list"),
    "search": ("apply", "search", "near_terms", "similar"),
}

Make: TypeAlias = Callable[[Path], Any]


def part_of(made: Any, kind: str) -> Any:
    """The store of a kind: what was made, or its part of that name; None if there is none."""
    methods = KINDS[kind]
    for one in (made, getattr(made, kind, None)):
        if one is not None and all(callable(getattr(one, method, None)) for method in methods):
            return one
    return None


@attrs.frozen
class Reference:
    """How another process finds a class or a function.

    Attributes:
        module: the name of its module.
        file: the file of the module.
        name: its name in the module, with dots.
    """

    module: str
    file: str
    name: str

    @classmethod
    def of(cls, target: Any) -> "Reference":
        """The reference of a class or a function.

        Raises:
            InvalidValue: if no other process can import it.
        """
        name, module = getattr(target, "__qualname__", "<"), getattr(target, "__module__", "")
        if "<" in name:
            raise InvalidValue("store", target, "cannot be opened by other processes: it is no name of a module")
        return cls(module, str(Path(getsourcefile(target) or "").resolve()), name)

    def load(self) -> Any:
        """The class or function, in this process."""
        try:
            found: Any = import_module(self.module)
        except ModuleNotFoundError:
            found = None
        if found is None or not hasattr(found, self.name.split(".")[0]):
            spec = spec_from_file_location("checked", self.file)
            if spec is None or spec.loader is None:
                raise ModuleNotFoundError(f"no module {self.module}") from None
            found = sys.modules["checked"] = module_from_spec(spec)
            spec.loader.exec_module(found)
        for name in self.name.split("."):
            found = getattr(found, name)
        return found


@attrs.frozen
class Home:
    """A folder with a store in it.

    Attributes:
        make: from the folder to the store, new or opened again.
        folder: the folder.
        kind: the kind of the store.
        reference: how another process finds what has `make`; None if none can.
    """

    make: Make
    folder: Path
    kind: str
    reference: Reference | None = None

    @contextmanager
    def opened(self) -> Generator[Any]:
        """The store, closed afterwards."""
        with opened(self.make(self.folder), self.kind) as store:
            yield store

    def start(self, job: str, *words: object) -> "subprocess.Popen[str]":
        """Begin a job of `_worker` in a process that opens the store for itself; it waits for a line."""
        if self.reference is None:
            raise InvalidValue("store", self.make, "cannot be opened by other processes")
        command = [sys.executable, "-m", "crmkit.testing._worker", *attrs.astuple(self.reference), str(self.folder)]
        path = os.pathsep.join(one or os.curdir for one in sys.path)
        return subprocess.Popen(  # noqa: S603 - our own module, with names that the caller gave
            [*command, self.kind, job, *map(str, words)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip


@contextmanager
def opened(made: Any, kind: str) -> Generator[Any]:
    """The store of a kind in what was made, which is closed afterwards if it can be."""
    store = part_of(made, kind)
    if store is None:
        raise InvalidValue("store", made, f"has not the methods of {kind}: {', '.join(KINDS[kind])}")
    try:
        yield store
    finally:
        close = getattr(made, "close", None)
        if close is not None:
            close()


def make_of(target: Any) -> Make:
    """From a folder to what a target makes: a contract, or anything that takes the folder, or nothing."""
    if is_contract(target):
        return lambda folder: target().make(folder)
    if takes_folder(target):
        made: Make = target
        return made
    return lambda _: target()


def is_contract(target: Any) -> bool:
    """Whether a target is a class of `contracts`, not what makes a store."""
    return isclass(target) and hasattr(target, "standard")


def takes_folder(target: Any) -> bool:
    """Whether a target is told where its store lives."""
    if is_contract(target):
        return True
    try:
        signature(target).bind(Path())
    except (TypeError, ValueError):
        return False
    return True
