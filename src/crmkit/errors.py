"""Every exception crmkit raises.

    CrmkitError
    ├── InvalidValue (ValueError)             a value that cannot be what it claims to be
    │   ├── NaiveDatetime                     an instant without a zone
    │   └── CurrencyMismatch                  adding CNY to EUR
    ├── NotFound (LookupError)                a name nobody knows; says the nearest one
    │   └── RateMissing                       no exchange rate for that pair and day
    ├── InputError (ValueError)               unusable input, with file, row and column
    │   └── AmbiguousDates                    03/04/2026: both readings are shown
    ├── DefinitionError (ValueError)          one thing wrong with a definition
    │   └── RuleError                         wrong in the text of a rule: code, line, column, caret
    ├── DefinitionErrors (ExceptionGroup)     all things wrong with it, at once
    ├── MoveNotAllowed (ValueError)           a refused move, with every reason
    ├── Conflict (RuntimeError)               somebody else wrote first; decide again
    ├── KeyReused (ValueError)                one idempotency key, two payloads
    ├── OutcomeUnknown (RuntimeError)         the commit may have happened; retry with the same key
    ├── Unavailable (RuntimeError)            the database cannot be reached, or stays locked
    ├── Damaged (RuntimeError)                a stored fact no longer matches its checksum
    ├── AnalyzerMismatch (ValueError)         an index that was made in another way than it is read
    └── ExtraMissing (ImportError)            an optional dependency is not installed

All are attrs classes: typed, comparable by identity, and picklable across process pools.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import attrs

__all__ = [
    "AmbiguousDates",
    "AnalyzerMismatch",
    "Conflict",
    "CrmkitError",
    "CurrencyMismatch",
    "Damaged",
    "DefinitionError",
    "DefinitionErrors",
    "ExtraMissing",
    "InputError",
    "InvalidValue",
    "KeyReused",
    "MoveNotAllowed",
    "NaiveDatetime",
    "NotFound",
    "OutcomeUnknown",
    "RateMissing",
    "RuleError",
    "Unavailable",
    "did_you_mean",
]


class CrmkitError(Exception):
    """Base of every error of this library."""


@attrs.define(eq=False, str=False)
class InvalidValue(CrmkitError, ValueError):
    """A value that cannot be what it claims to be.

    Attributes:
        what: the thing being built, as the user knows it ("currency", "period").
        value: what was given, shown by `repr`.
        why: what a good value looks like.
    """

    what: str
    value: object
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {_short(self.value)} {self.why}"


class NaiveDatetime(InvalidValue):
    """An instant without a zone."""


class CurrencyMismatch(InvalidValue):
    """Arithmetic between two currencies."""


@attrs.define(eq=False, str=False)
class NotFound(CrmkitError, LookupError):
    """A name nobody knows.

    Attributes:
        what: the kind of thing ("column", "stage").
        name: the name that was asked for.
        known: the names that exist.
        where: the place that was searched, if it has a name.
    """

    what: str
    name: str
    known: tuple[str, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        return f"no {self.what} {self.name!r}{place}{did_you_mean(self.name, self.known)}{_listing(self.known)}"


class RateMissing(NotFound):
    """No exchange rate for that pair on or before that day."""


@attrs.define(eq=False, str=False)
class InputError(CrmkitError, ValueError):
    """Unusable input, with its place and what to do about it.

    Attributes:
        source: the file or frame, as the user named it.
        reason: what is wrong.
        remedy: what to do; empty when the reason says it.
        row: the 1-based line in the file (or row in the frame), if one row is to blame.
        column: the column, if one column is to blame.
    """

    source: str
    reason: str
    remedy: str = ""
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        place = [self.source] if self.source else []
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {self.column!r}")
        text = f"{', '.join(place)}: {self.reason}" if place else self.reason
        return f"{text}; {self.remedy}" if self.remedy else text


class AmbiguousDates(InputError):
    """A column whose day and month cannot be told apart."""


@attrs.define(eq=False, str=False)
class DefinitionError(CrmkitError, ValueError):
    """One thing wrong with a definition.

    Attributes:
        where: the place inside the definition ("moves['lead']['qualify']").
        why: what is wrong there.
        place: the line and column, from 1, in the file that the definition was read from; None if it came from none.
    """

    where: str
    why: str
    place: tuple[int, int] | None = attrs.field(default=None, kw_only=True)

    @property
    def line(self) -> int | None:
        """The line in the file, from 1."""
        return self.place and self.place[0]

    @property
    def column(self) -> int | None:
        """The character in that line, from 1."""
        return self.place and self.place[1]

    def _at(self) -> str:
        return f"line {self.place[0]}, column {self.place[1]}: " if self.place else ""

    def __str__(self) -> str:
        return f"{self._at()}{self.where}: {self.why}"


@attrs.define(eq=False, str=False)
class RuleError(DefinitionError):
    """Something wrong in the text of a rule. Its `line` and `column` count in that text, its `place` in the file.

    Attributes:
        where: the rule and the cell.
        why: what is wrong there, and what was likely meant.
        code: a stable name for this kind of mistake ("unknown-name", "type", "limit").
        text: the whole text.
        start: the first character to blame, counted from 0.
        end: the first character after it.
    """

    code: str = ""
    text: str = ""
    start: int = 0
    end: int = 0

    @property
    def line(self) -> int:
        """The line in the text, from 1."""
        return self.text.count("\n", 0, self.start) + 1

    @property
    def column(self) -> int:
        """The character in the line, from 1."""
        return self.start - (self.text.rfind("\n", 0, self.start) + 1) + 1

    def caret(self) -> str:
        """The line, and carets under what is to blame."""
        begin = self.text.rfind("\n", 0, self.start) + 1
        line = self.text[begin:].split("\n", 1)[0]
        # A page in one line is shown around the place.
        skipped = max(0, self.column - 61)
        shown = line[skipped : skipped + 100]
        width = max(1, min(self.end - self.start, len(shown) - (self.column - 1 - skipped)))
        return f"    {shown}\n    {' ' * (self.column - 1 - skipped)}{'^' * width}"

    def __str__(self) -> str:
        place = f"{self.where}, " if self.where else ""
        return f"{self._at()}{place}line {self.line}, column {self.column}: {self.why} [{self.code}]\n{self.caret()}"


class DefinitionErrors(ExceptionGroup[DefinitionError], CrmkitError):
    """Everything wrong with a definition, at once."""

    def derive(self, excs: Sequence[DefinitionError], /) -> "DefinitionErrors":  # type: ignore[override] # one type
        """Keep the type when the group is split."""
        return DefinitionErrors(self.message, excs)

    def __str__(self) -> str:
        lines = "".join(f"\n  - {error}" for error in self.exceptions)
        return f"{self.message}{lines}"


@attrs.define(eq=False, str=False)
class MoveNotAllowed(CrmkitError, ValueError):
    """A refused move.

    Attributes:
        case: the case id.
        stage: the stage it is in.
        move: the move that was asked for.
        reasons: every reason, readable, in the order in which they were found.
        missing: the required fields that have no value.
        nearest: the shortest legal ways to what was asked for, each a run of moves.
    """

    case: str
    stage: str
    move: str
    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()
    nearest: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        head = f"case {self.case!r} is in stage {self.stage!r}"
        if len(self.reasons) == 1:
            return f"{head}, {self.reasons[0]}"
        return f"{head}, move {self.move!r} is refused:" + "".join(f"\n  - {reason}" for reason in self.reasons)


@attrs.define(eq=False, str=False)
class Conflict(CrmkitError, RuntimeError):
    """The append's condition did not hold: read again, decide again.

    Attributes:
        position: the first event that broke the condition.
        condition: the query, as text.
    """

    position: int
    condition: str

    def __str__(self) -> str:
        return f"an event at position {self.position} matches {self.condition}; read the case again and decide again"


@attrs.define(eq=False, str=False)
class KeyReused(CrmkitError, ValueError):
    """An idempotency key that already belongs to another payload.

    Attributes:
        key: the key.
        position: where the first payload is stored.
    """

    key: str
    position: int

    def __str__(self) -> str:
        return f"idempotency key {self.key!r} already belongs to the different event at position {self.position}"


@attrs.define(eq=False, str=False)
class OutcomeUnknown(CrmkitError, RuntimeError):
    """The commit neither succeeded nor failed for sure; the same keys tell on a retry.

    Attributes:
        cause: what the storage said.
    """

    cause: str

    def __str__(self) -> str:
        return f"the store may or may not have committed ({self.cause}); append again with the same keys"


@attrs.define(eq=False, str=False)
class Unavailable(CrmkitError, RuntimeError):
    """The database cannot be reached, stays locked, or has no tables of ours; nothing was stored.

    Attributes:
        where: the store.
        why: what the database said.
        todo: what to do.
    """

    where: str
    why: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.why}" + (f"; {self.todo}" if self.todo else "")


@attrs.define(eq=False, str=False)
class Damaged(CrmkitError, RuntimeError):
    """Stored data that no longer matches its checksum.

    Attributes:
        where: the store and table.
        position: the damaged row.
        why: which check failed.
    """

    where: str
    position: int
    why: str

    def __str__(self) -> str:
        return f"{self.where}, position {self.position}: {self.why}"


@attrs.define(eq=False, str=False)
class AnalyzerMismatch(CrmkitError, ValueError):
    """An index that was made in another way than it is read: its words would not be found.

    Attributes:
        where: the index.
        made: how it was made: the fingerprint of its analyzer, and its fields.
        given: how it is read.
    """

    where: str
    made: str
    given: str

    def __str__(self) -> str:
        return (
            f"{self.where} was made with {self.made} and cannot be searched with {self.given}; "
            "open it as it was made, or call rebuild() (crmkit kb verify --rebuild), "
            "which makes it anew from the documents it holds"
        )


@attrs.define(eq=False, str=False)
class ExtraMissing(CrmkitError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        package: the import that failed.
        extra: the extra of crmkit that brings it.
        purpose: what it was needed for.
    """

    package: str
    extra: str
    purpose: str

    def __str__(self) -> str:
        return f"{self.purpose} needs {self.package}; install it with: pip install 'crmkit[{self.extra}]'"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint " (did you mean 'x'?)", or nothing when no known name is near.

    Args:
        name: what was written.
        known: what could have been meant.
    """
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""


def _listing(known: Sequence[str], most: int = 12) -> str:
    if not known:
        return ""
    shown = ", ".join(known[:most])
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"; there are: {shown}{more}"


def _short(value: object, most: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
