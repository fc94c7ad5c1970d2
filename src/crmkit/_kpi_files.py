"""Exports as facts: which file holds what, and which of its columns is which."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import attrs

from crmkit._commands import Wanted, _journal, _table, _texts, _told_of_tomorrow, _usual
from crmkit.errors import InputError, NotFound
from crmkit.journal import Finding, Journal, Ledger
from crmkit.pipeline import Pipeline

__all__ = ["JOURNALS", "KINDS", "Asked", "Columns", "Files", "known_columns", "load"]

#: What a file of stage changes is of, and the attribute of `Facts` that it becomes.
JOURNALS: Mapping[str, str] = {
    "deals": "journal", "service": "service", "complaints": "complaints",
}  # fmt: skip
#: What the rows of a ledger may be.
KINDS = (
    "quote",
    "order",
    "invoice",
    "payment",
    "write-off",
    "expense",
    "activity",
    "complaint",
    "search",
    "card-use",
    "card-change",
    "ticket",
)

# Columns that KPIs part facts by, beside those that are asked for.
_PARTING = ("channel", "category", "cause", "answer", "card", "change")
_LEDGER = ("customer", "case", "who", "amount", "refers_to", "quantity", "due", "recorded")
_JOURNAL = ("case", "stage", "at", "opened", "closed", "outcome", "who", "amount")
_NAMES = tuple(dict.fromkeys(("kind", "id", *_JOURNAL, *_LEDGER, "currency")))


@attrs.frozen
class Columns:
    """Which column holds what: in all files that have it, and in those of one kind."""

    general: Mapping[str, str]
    own: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, options: Mapping[str, str | None], texts: Iterable[str]) -> "Columns":
        """Options such as --who, and NAME=COLUMN or KIND.NAME=COLUMN."""
        general, own = {name: column for name, column in options.items() if column is not None}, {}
        for text in texts:
            name, given, column = text.partition("=")
            kind, dotted, inner = name.partition(".")
            if not given or not column:
                raise InputError("--column", f"{text!r} is not NAME=COLUMN")
            if dotted and kind not in (*KINDS, *JOURNALS):
                raise NotFound("kind of file", kind, (*JOURNALS, *KINDS), "--column")
            if (inner if dotted else name) not in _NAMES:
                raise NotFound("name of a column", inner if dotted else name, _NAMES, "--column")
            if dotted:
                own[kind, inner] = column
            else:
                general[name] = column
        return cls(general, own)

    def where(self, kind: str, name: str, known: Sequence[str]) -> str | None:
        """The column of a file that has what is named; without a word about it, that of the same name."""
        if (kind, name) in self.own:
            return self.own[kind, name]
        if self.general.get(name) in known:
            return self.general[name]
        return name if name in known else None

    def check(self, known: Iterable[str], by: Iterable[str]) -> None:
        """Refuse an option that names a column which no file has."""
        columns = tuple(dict.fromkeys(known))
        ours = [name for name in ("who", "customer") if any(where[1] == name for where in self.own)]
        for column in (*self.general.values(), *by):
            if column not in (*columns, *self.general, *ours, "kind", "currency"):
                raise NotFound("column", column, columns, "the files")


@attrs.frozen
class Asked:
    """How exports are to be read."""

    columns: Columns
    by: tuple[str, ...]
    stages: tuple[str, ...]
    won: tuple[str, ...]
    lost: tuple[str, ...]
    pipeline: Pipeline | None
    currency: str | None
    tz: str | None
    dates: Literal["dmy", "mdy", "ymd"] | None
    as_of: datetime | None


@attrs.frozen
class _Named:
    """A stage, and what it means."""

    name: str
    outcome: str | None


@attrs.frozen
class _Staged:
    """An order of stages: what `Facts` takes beside a pipeline."""

    stages: tuple[_Named, ...]


@attrs.define
class Files:
    """What was read.

    Attributes:
        facts: the parts of `Facts`.
        kinds: the kinds that there are, as KPIs name their needs.
        findings: what could not be used.
        columns: the columns of all files.
    """

    facts: dict[str, Any] = attrs.field(factory=dict[str, Any])
    kinds: set[str] = attrs.field(factory=set[str])
    findings: list[Finding] = attrs.field(factory=list[Finding])
    columns: list[str] = attrs.field(factory=list[str])


def load(given: Mapping[str, Sequence[Path]], asked: Asked) -> Files:
    """Read files by kind; those of no kind say themselves what they hold, by their columns."""
    found, ledgers = Files(), list[Ledger]()
    for kind, paths in given.items():
        # A case may begin in one file and end in another.
        parts = [[*paths]] if kind in JOURNALS else [[path] for path in paths]
        tables = [(_table(part), part[0]) for part in parts]
        for table, path in tables:
            _read(found, ledgers, table, (kind or _told(table, path.name, asked), path.name), asked)
    if ledgers:
        found.facts["ledger"] = Ledger.joined(ledgers)
        found.findings += found.facts["ledger"].findings
        kinds = found.facts["ledger"].kinds
        found.kinds |= {kinds.values[code] for code in set(kinds.codes.tolist())}
    asked.columns.check(found.columns, asked.by)
    return found


def _read(found: Files, ledgers: list[Ledger], table: Any, place: tuple[str, str], asked: Asked) -> None:
    kind, name = place
    found.columns += known_columns(table)
    if kind not in JOURNALS:
        ledgers.append(_ledger(table, kind, name, asked))
        # A file may hold no row of its kind: that nothing was paid is known then.
        found.kinds |= {kind} - {"rows"}
        return
    field = JOURNALS[kind]
    if field in found.facts:
        raise InputError(name, f"is a second table of {kind}", f"give both as {kind}=FILE")
    journal = _stays(table, kind, name, asked)
    found.facts[field] = journal
    found.facts["stages" if field == "journal" else f"{kind.removesuffix('s')}_stages"] = _order(kind, journal, asked)
    found.kinds.add(field)
    found.findings += journal.findings


def known_columns(table: Any) -> tuple[str, ...]:
    """The columns of a decoded export or an Arrow table."""
    return tuple(map(str, getattr(table, "column_names", None) or table.columns))


def _told(table: Any, name: str, asked: Asked) -> str:
    """What a file holds that nobody gave a kind."""
    known = known_columns(table)
    if asked.columns.where("", "kind", known):
        return "rows"
    if any(asked.columns.where("deals", part, known) for part in ("stage", "opened")):
        return "deals"
    kinds = ", ".join((*JOURNALS, *KINDS))
    raise InputError(name, "what it holds is not known", f"write KIND=FILE, with one of {kinds}")


def _stays(table: Any, kind: str, name: str, asked: Asked) -> Journal:
    known = known_columns(table)
    own = {part: asked.columns.where(kind, part, known) for part in _JOURNAL}
    if own["stage"] and own["opened"]:
        # Both forms fit the columns: the events say more.
        own |= {"opened": None, "closed": None, "outcome": None}
    elif own["opened"]:
        own |= {"stage": None, "at": None}
    column = own["outcome"] or own["stage"]
    texts = _texts(table, column) if column in known else ()
    deals = kind == "deals"
    won, lost = (
        named if deals else tuple(text for text in named if text in texts) for named in (asked.won, asked.lost)
    )
    stages, pipeline = (asked.stages, asked.pipeline) if deals else ((), None)
    wanted = Wanted(
        own["case"], own["stage"], own["at"], own["opened"], own["closed"], own["outcome"], {}, own["who"],
        own["amount"], stages, won, lost, asked.tz, asked.dates, "en",
    )  # fmt: skip
    wanted.check()
    dims = _dims(known, asked, [column for column in own.values() if column])
    if own["amount"] and "currency" in known:
        dims = (*dims, "currency")
    return _told_of_tomorrow(_journal(table, name, wanted, pipeline, asked.as_of, dims=dims))


def _order(kind: str, journal: Journal, asked: Asked) -> Pipeline | _Staged:
    """The order of the stages, those that close a case said by name or by their usual words."""
    if kind == "deals" and asked.pipeline is not None:
        return asked.pipeline
    names = journal.stages.values
    given = asked.stages if kind == "deals" else ()
    won = tuple(name for name in names if name in asked.won) or _usual(names, "won")
    lost = tuple(name for name in names if name in asked.lost) or _usual(names, "lost")
    outcomes: dict[str, str] = {**dict.fromkeys(lost, "lost"), **dict.fromkeys(won, "won")}
    return _Staged(tuple(_Named(name, outcomes.get(name)) for name in dict.fromkeys([*given, *names])))


def _dims(known: Sequence[str], asked: Asked, used: Iterable[str]) -> tuple[str, ...]:
    """The columns to group by that have no name of ours yet."""
    ours = {"who", "customer", "kind", "currency", "stage", *used}
    wanted: dict[str, None] = dict.fromkeys([*asked.by, *_PARTING, "customer"])
    return tuple(name for name in wanted if name in known and (name not in ours or name == "customer"))


def _ledger(table: Any, kind: str, name: str, asked: Asked) -> Ledger:
    known = known_columns(table)

    def where(part: str) -> str | None:
        return asked.columns.where(kind, part, known)

    for part in ("id", "at"):
        if where(part) is None:
            remedy = (
                f"give --column {'' if kind == 'rows' else f'{kind}.'}{part}=COLUMN; it has: {', '.join(known[:20])}"
            )
            raise InputError(name, f"which column holds {part} is not known", remedy)
    columns: dict[str, Any] = {part: where(part) for part in ("id", "at", *_LEDGER)}
    priced = columns["amount"] is not None
    if priced and where("currency") is None and asked.currency is None:
        raise InputError(name, "has amounts of no currency", "give --currency EUR, or --column currency=COLUMN")
    used = [column for column in columns.values() if column]
    return Ledger.from_frame(
        table, **columns, kind=None if kind == "rows" else kind, kinds=where("kind") if kind == "rows" else None,
        currencies=where("currency") if priced else None,
        currency=asked.currency if priced and where("currency") is None else None,
        dims=tuple(one for one in _dims(known, asked, used) if one not in ("customer", "who")), tz=asked.tz,
        dates=asked.dates, name=name,
    )  # fmt: skip
