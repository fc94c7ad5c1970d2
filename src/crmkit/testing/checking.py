"""Check a store without pytest: every standard check, what the store claims, and what failed with the calls before it.

    print(check_store(MyStore))          # or on the command line: crmkit check my_package:MyStore

The same checks are tests of `crmkit.testing.contracts`.
"""

from collections.abc import Collection, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import extract_tb
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.errors import CrmkitError, ExtraMissing, InputError, InvalidValue, did_you_mean
from crmkit.testing._history import History
from crmkit.testing._homes import KINDS, Home, Reference, is_contract, make_of, opened, part_of, takes_folder
from crmkit.testing._standard import Standard, standard_checks
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Checked", "Checks", "Claims", "Outcome", "check_store", "load_store"]

#: What became of a check; "not claimed" means that it was not made, because the store does not claim what it needs.
Outcome: TypeAlias = Literal["passed", "failed", "waived", "not claimed"]


@attrs.frozen
class Claims:
    """What a store claims about itself; what is not claimed is not checked, and the report says so.

    Attributes:
        threads: several threads may use one store at once.
        processes: several processes may each open the store in one folder.
        durable: what was acknowledged is there when the process that wrote it was killed.
    """

    threads: bool = True
    processes: bool = False
    durable: bool = False

    def __str__(self) -> str:
        named = attrs.asdict(self)
        said = {True: "claims", False: "does not claim"}
        parts = [f"{said[way]} {', '.join(n for n in named if named[n] is way)}" for way in (True, False)]
        return "; ".join(part for part in parts if not part.endswith(" "))


@attrs.frozen
class Checked:
    """A check, and what became of it.

    Attributes:
        kind: "events", "records", "blobs" or "search".
        name: the check.
        says: what must hold.
        outcome: what became of it.
        why: what does not hold; or why it was waived, or not made.
        history: the last calls before it failed, with their outcomes.
    """

    kind: str
    name: str
    says: str
    outcome: Outcome
    why: str = ""
    history: tuple[str, ...] = ()

    def __str__(self) -> str:
        line = f"{self.outcome:<11}  {self.kind:<7}  {self.name}"
        if self.outcome == "passed":
            return line
        more = [f"{self.says}", f"{self.why}", *(f"    {call}" for call in self.history)]
        return "\n".join([line, *(f"    {text}" for text in (more if self.outcome == "failed" else [self.why]))])


@attrs.frozen
class Checks(Shown):
    """All that was checked.

    Attributes:
        target: the store, as it was named.
        claims: what it claims.
        checked: each check, in order.
    """

    target: str
    claims: Claims
    checked: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(one.outcome == "failed" for one in self.checked)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        checked = [attrs.asdict(one) | {"history": [*one.history]} for one in self.checked]
        return {"schema": "crmkit-check-1", "target": self.target, "ok": self.ok,
                "claims": attrs.asdict(self.claims), "checks": checked}  # fmt: skip

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What was checked, and how it went; see `Shown.display`."""
        counts = {name: sum(one.outcome == name for one in self.checked) for name in ("passed", "failed", "waived")}
        total = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name != "waived")
        lines = [f"{self.target} {self.claims}", *map(str, self.checked), total]
        return Display.lines(lines, most=most, lang=lang)


def load_store(text: str) -> Any:
    """The class or function that `module:name` names.

    Raises:
        InputError: if it cannot be imported, with what Python said.
    """
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise InputError(text, "names no store", "write package.module:Name")
    if not all(part.isidentifier() for part in module.split(".")):
        raise InputError(text, f"names no store: {module} is no name of a module", "write package.module:Name")
    try:
        found: Any = import_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(text, f"cannot be imported: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(text, f"{module} has no {name}{did_you_mean(part, dir(found))}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(text, f"is a {type(found).__name__}, which makes no store", "name a class or a function")
    return found


def check_store(target: Any, *, claims: Claims | None = None, only: Collection[str] = (), name: str = "") -> Checks:
    """Run every standard check, each on an empty store in a folder of its own.

    Args:
        target: takes an empty folder (a `pathlib.Path`), or nothing, and gives a store, or an object with stores named
            `events`, `records`, `blobs` or `search`; or a contract of `crmkit.testing.contracts`.
        claims: what the store claims; None: what its attribute `claims` says, or no more than threads.
        only: names of checks; all of them if empty.
        name: how the store is called in what is told.

    Raises:
        InvalidValue: if it is no store, or claims what a store without a folder cannot show.
        ExtraMissing: without hypothesis.
    """
    said = claims or getattr(target, "claims", None) or Claims()
    if (said.processes or said.durable) and not takes_folder(target):
        raise InvalidValue("store", target, "takes no folder, and so cannot be opened twice; make it take one")
    kinds = _kinds(target)
    known = {one.name for kind in kinds for one in standard_checks(kind)}
    for wanted in only:
        if wanted not in known:
            why = f"is none of this store{did_you_mean(wanted, sorted(known))}; it has {', '.join(sorted(known))}"
            raise InvalidValue("check", wanted, why)
    checked = [_checked(target, kind, one, said) for kind in kinds for one in _wanted(kind, only)]
    checked += _overridden(target)
    return Checks(name or getattr(target, "__qualname__", repr(target)), said, tuple(checked))


def _wanted(kind: str, only: Collection[str]) -> Iterator[Standard]:
    yield from (one for one in standard_checks(kind) if not only or one.name in only)


def _kinds(target: Any) -> tuple[str, ...]:
    """What kinds of store it makes."""
    if is_contract(target):
        return (target.kind,)
    with TemporaryDirectory() as folder:
        try:
            made = make_of(target)(Path(folder))
        except Exception as error:
            raise InvalidValue("store", target, f"cannot be made in an empty folder: {_why(error)}") from error
        found = tuple(kind for kind in KINDS if part_of(made, kind) is not None)
        if not found:
            wanted = "; ".join(f"{kind} {', '.join(methods)}" for kind, methods in KINDS.items())
            gives = f"gives a {type(made).__name__}, which has the methods of no protocol ({wanted})"
            raise InvalidValue("store", target, gives)
        with opened(made, found[0]):
            return found


def _checked(target: Any, kind: str, one: Standard, claims: Claims) -> Checked:
    waived = getattr(getattr(target, f"test_{one.name}", None), "waived", None)
    if waived:
        return Checked(kind, one.name, one.says, "waived", waived)
    if one.needs and not getattr(claims, one.needs):
        return Checked(kind, one.name, one.says, "not claimed", f"the store does not claim {one.needs}")
    history = History()
    with TemporaryDirectory() as folder:
        try:
            reference = Reference.of(target) if one.needs in ("processes", "durable") else None
            one.run(Home(make_of(target), Path(folder), kind, reference), history)
        except ExtraMissing:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a store does is the outcome of the check
            return Checked(kind, one.name, one.says, "failed", _why(error), (*_steps(error), *history.last()))
    return Checked(kind, one.name, one.says, "passed")


def _why(error: Exception) -> str:
    if isinstance(error, AssertionError):
        return str(error)
    frame = extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error}"
    return said if isinstance(error, CrmkitError) else f"{said} ({frame.filename}, line {frame.lineno})"


def _steps(error: Exception) -> list[str]:
    """What hypothesis tells of the shortest run that fails."""
    return [line for note in getattr(error, "__notes__", ()) for line in note.splitlines() if line.strip()]


def _overridden(target: Any) -> list[Checked]:
    says = "A standard test is overridden only with a reason."
    silent = target.silently_overridden() if hasattr(target, "silently_overridden") else ()
    return [
        Checked(target.kind, name, says, "failed", f"{name} is overridden; use @waived('reason')") for name in silent
    ]
