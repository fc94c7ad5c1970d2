"""What the statements of all twins are made of: tables of the host as ours, periods, and pieces to be counted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import OPEN
from crmkit.metrics._sql_tables import Asked, JournalTable, LedgerTable, Tables
from crmkit.metrics.metric import UNUSABLE
from crmkit.metrics.policy import StageOrder
from crmkit.metrics.view import TableName
from crmkit.rules.dialect import Dialect, divided, identifier, micros, text, text_type
from crmkit.values import Currency

__all__ = ["DAY_US", "SEVERAL", "STRANGE", "Piece", "Writer", "amounts"]

DAY_US = 86_400_000_000
# The part that counts stays in stages which are not among those of the order.
STRANGE = "strange stage"
# The part that counts rows which should be of one currency, and are not.
SEVERAL = "several currencies"
_JOURNALS: tuple[TableName, ...] = ("journal", "service", "complaints")


@attrs.frozen(kw_only=True)
class Piece:
    """Rows to be counted: the `Part` of a metric, as SQL.

    Attributes:
        name: the part of the metric's state.
        source: the relation; it has the groups.
        at: the instant whose period counts, in microseconds.
        where: which rows.
        n: what a row adds.
        bin: its bin; by the period if there are several.
        keys: further keys, by name.
        period: the number of the period, where it is no instant's.
    """

    name: str
    source: str
    at: str = "moment"
    where: str = "TRUE"
    n: str = "1"
    bin: str | Sequence[int] = "0"
    keys: Mapping[str, str] = attrs.field(factory=dict[str, str])
    period: str | None = None


@attrs.define
class Writer:
    """Statements for one database, one metric, and one way of asking."""

    dialect: Dialect
    asked: Asked
    tables: Tables
    metric: str
    _parts: dict[str, str] = attrs.field(factory=dict[str, str])
    _checks: list[Piece] = attrs.field(factory=list[Piece])

    # -- words

    def text(self, value: str) -> str:
        """A text literal."""
        return text(value, self.dialect)

    def one_of(self, column: str, names: Iterable[str]) -> str:
        """Whether a column is one of several texts."""
        listed = ", ".join(map(self.text, names))
        return f"{column} IN ({listed})" if listed else "FALSE"

    def named(self, column: str, names: Sequence[str]) -> str:
        """The place of a text among others, as a number."""
        cases = " ".join(f"WHEN {self.text(name)} THEN {number}" for number, name in enumerate(names))
        return f"CASE {column} {cases} END"

    def div(self, number: str, by: int) -> str:
        """The whole quotient of a number that is at least 0."""
        return divided(f"({number})", by, self.dialect)

    def bin_of(self, ticks: str) -> str:
        """The bin of ticks, as `_durations.bin_of` has it: eight leading bits, and how many follow."""
        cases = " ".join(
            f"WHEN {ticks} < {1 << (8 + shift)} THEN {shift * 128} + {self.div(ticks, 1 << shift)}"
            for shift in range(55)
        )
        return f"CASE {cases} END"

    def placed(self, at: str, leaves: Sequence[int] | None = None) -> str:
        """The number of the period of an instant, or what a period is given, by a tree of comparisons; else NULL."""
        edges = self.asked.buckets.edges.tolist()
        values = range(len(edges) - 1) if leaves is None else leaves

        def tree(first: int, last: int) -> str:
            if last - first == 1:
                return str(values[first])
            middle = (first + last) // 2
            return f"CASE WHEN {at} < {edges[middle]} THEN {tree(first, middle)} ELSE {tree(middle, last)} END"

        inside = f"{at} >= {edges[0]} AND {at} < {edges[-1]}"
        return f"CASE WHEN {inside} THEN {tree(0, len(edges) - 1)} END"

    def group_of(self, unit: str) -> str:
        """The group into which a unit is dealt, as `_dealt.deal` does."""
        return f"SUBSTR(MD5({unit}), 1, 2)"

    # -- relations

    def refuse(self, piece: Piece) -> None:
        """Count what makes the figures void: reading a row of it is an error."""
        self._checks.append(piece)

    def let(self, name: str, body: str) -> str:
        """A named relation."""
        self._parts.setdefault(name, body)
        return name

    def first(self, name: str, source: str, key: str, order: str, *, where: str = "TRUE") -> str:
        """The first row of each key."""
        numbered = f"SELECT t.*, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {order}) AS rank_{name} FROM {source} t"
        return self.let(name, f"SELECT * FROM ({numbered} WHERE {where}) t WHERE rank_{name} = 1")

    def periods(self) -> str:
        """Number, beginning and end of each period, and when observation of it ended."""
        edges, after = self.asked.buckets.edges.tolist(), self.asked.until + 1
        rows = [
            f"SELECT CAST({i} AS BIGINT) AS period, CAST({a} AS BIGINT) AS since, CAST({b} AS BIGINT) AS till, "
            f"CAST({min(b, after)} AS BIGINT) AS seen"
            for i, (a, b) in enumerate(pairwise(edges))
        ]
        return self.let("periods", " UNION ALL ".join(rows))

    def ledger(self) -> str:
        """The ledger: instants and amounts as whole numbers, all else as texts; groups g0 ..., dimensions d_0 ..."""
        if not self.tables.ledger:
            raise InvalidValue(self.metric, "tables", "have no ledger, which it needs; give a LedgerTable")
        if "ledger" not in self._parts:
            parts = " UNION ALL ".join(self._ledger(table) for table in self.tables.ledger)
            # Numbering needs a sort: only where the host has no numbers.
            numbered = all("revision" in table.columns for table in self.tables.ledger)
            count = "ROW_NUMBER() OVER (PARTITION BY kind, id ORDER BY moment, seq)"
            issue = "issue" if numbered else f"CASE WHEN issue IS NULL THEN {count} ELSE issue END"
            until = f"moment <= {self.asked.until} AND id IS NOT NULL AND kind IS NOT NULL"
            self.let("rows_", f"SELECT t.*, {issue} AS revision FROM ({parts}) t WHERE {until}")
            self.let("ledger", self._grouped("rows_", "ledger"))
        return "ledger"

    def of(self, kind: str) -> str:
        """The rows of the ledger that are of a kind."""
        name = f"{kind.replace('-', '_')}s_"
        return self.let(name, f"SELECT * FROM {self.ledger()} WHERE kind = {self.text(kind)}")

    def latest(self, kind: str) -> str:
        """Of the rows of a kind with one id, the last."""
        return self.first(f"latest_{kind}", self.of(kind), "id", "moment DESC, revision DESC, seq DESC")

    def dimension(self, name: str) -> str:
        """The column that a dimension of the ledger is in.

        Raises:
            NotFound: if no table of the ledger has it.
        """
        if name in ("who", "customer", "kind", "currency"):
            return name
        if name not in self.tables.dims:
            raise NotFound("column", name, ("who", "customer", "kind", "currency", *self.tables.dims), "the ledger")
        return f"d_{self.tables.dims.index(name)}"

    def rows(self, which: TableName) -> str:
        """The rows of a journal as they stood at the end of observation, without groups; `OPEN` where a stay lasts."""
        table = self.tables.journals.get(which)
        if table is None:
            raise InvalidValue(self.metric, "tables", f"have no {which} journal, which it needs; give a JournalTable")
        return self.let(f"{which}_rows", self._journal(table))

    def stays(self, which: TableName) -> str:
        """The same with their groups; a stage that is not among those of the order is counted apart."""
        if which not in self._parts:
            self.let(which, self._grouped(self.rows(which), which))
            known = self.one_of("stage", self.order(which).names)
            self.refuse(Piece(name=STRANGE, source=which, period="0", where=f"NOT ({known})", keys={"stage": "stage"}))
        return which

    def order(self, which: TableName) -> StageOrder:
        """The order of the stages of a journal."""
        return self.asked.order(which)

    def unit(self, which: TableName) -> str:
        """The currency of the amounts of a journal.

        Raises:
            InvalidValue: if the journal has no amounts, or they have no currency.
        """
        table = self.tables.journals[which]
        if "amount" not in table.columns:
            raise InvalidValue(self.metric, "tables", f"have a {which} journal without amounts; say their column")
        if table.currency is not None:
            return self.text(table.currency.code)
        own = self._own(which, "currency")
        if own is None:
            raise InvalidValue(self.metric, "tables", "have amounts without a currency; say its column, or currency=")
        return own

    def cases(self, which: TableName) -> str:
        """The cases of a journal, as `Cases` has them: the first row, where each stands and since when."""
        order = self.order(which)
        lasts = f"CASE WHEN left_at = {OPEN} THEN 0"
        newest = f"{lasts} ELSE 1 END, {lasts} ELSE entered END DESC, seq DESC"
        first = self.first(f"{which}_first", self.stays(which), "matter", "entered, seq")
        last = self.first(f"{which}_last", which, "matter", newest)
        stands = f"CASE WHEN l.left_at = {OPEN} THEN l.stage ELSE l.next_stage END"
        since = f"CASE WHEN l.left_at = {OPEN} THEN l.entered ELSE l.left_at END"
        joined = (
            f"SELECT f.*, {stands} AS stands, {since} AS since, l.stage AS last_stage, l.entered AS last_entered "
            f"FROM {first} f JOIN {last} l ON l.matter = f.matter"
        )
        won, lost = self.one_of("stands", order.won), self.one_of("stands", order.lost)
        end = f"CASE WHEN {won} THEN 'won' WHEN {lost} THEN 'lost' END"
        return self.let(f"{which}_cases", f"SELECT c.*, {end} AS outcome FROM ({joined}) c")

    def statement(self, pieces: Iterable[Piece]) -> tuple[str, dict[str, tuple[str, ...]]]:
        """The whole statement, and the dimensions of each part: groups, the period, and further keys."""
        listed = list(pieces)
        keys: dict[str, tuple[str, ...]] = {}
        for piece in listed:
            keys.setdefault(piece.name, tuple(piece.keys))
        wide = max(map(len, keys.values()))
        groups = [f"g{number}" for number in range(len(self.asked.by))]
        by_source: dict[str, tuple[list[Piece], list[Piece]]] = {}
        for place, found in enumerate((listed, self._checks)):
            for piece in found:
                by_source.setdefault(piece.source, ([], []))[place].append(piece)
        selects = [self._select(source, *mine, groups, wide) for source, mine in by_source.items()]
        names = ", ".join(["part", *groups, "period", *(f"k{number}" for number in range(wide)), "bin"])
        lets = ",\n".join(f"{name} AS ({body})" for name, body in self._parts.items())
        union = "\nUNION ALL\n".join(selects)
        statement = (
            f"WITH {lets}\nSELECT {names}, CAST(SUM(n) AS BIGINT) AS n FROM (\n{union}\n) counted\n"
            f"WHERE period IS NOT NULL\nGROUP BY {names}\nHAVING SUM(n) <> 0"
        )
        return statement, {name: (*self.asked.by, "period", *inner) for name, inner in keys.items()}

    def _select(
        self, source: str, pieces: Sequence[Piece], checks: Sequence[Piece], groups: Sequence[str], wide: int
    ) -> str:
        """All pieces of one relation, which is read once: some databases would make it anew for each.

        A row that a check refuses voids all figures, so that it need not count in the pieces as well.
        """
        kind = text_type(self.dialect)
        turns = pieces or checks[:1]
        refusing = checks if pieces else checks[1:]

        def chosen(of: Callable[[Piece], str], *, checked: bool = True) -> str:
            values = [of(piece) for piece in turns]
            cases = " ".join(f"WHEN {number} THEN {value}" for number, value in enumerate(values))
            usual = values[0] if len(set(values)) == 1 else f"CASE turn {cases} END"
            others = [(check.where, value) for check in refusing if checked and (value := of(check)) != usual]
            return f"CASE {' '.join(f'WHEN {w} THEN {v}' for w, v in others)} ELSE {usual} END" if others else usual

        def key(place: int) -> Callable[[Piece], str]:
            return lambda piece: f"CAST({[*piece.keys.values(), *['NULL'] * wide][place]} AS {kind})"

        columns = [
            f"{chosen(lambda piece: self.text(piece.name))} AS part", *groups,
            f"CAST({chosen(lambda piece: piece.period or self.placed(piece.at))} AS BIGINT) AS period",
            *(f"{chosen(key(place))} AS k{place}" for place in range(wide)),
            f"CAST({chosen(self._bin)} AS BIGINT) AS bin", f"CAST({chosen(lambda piece: piece.n)} AS BIGINT) AS n",
        ]  # fmt: skip
        numbers = " UNION ALL ".join(f"SELECT {number} AS turn" for number in range(len(turns)))
        every = f" CROSS JOIN ({numbers}) turns" if len(turns) > 1 else ""
        own = chosen(lambda piece: piece.where, checked=False)
        # Spark takes the WHERE before a lone (TRUE) for the name of the table.
        wanted = " OR ".join([*(check.where for check in refusing), f"({own})"]) if refusing else own
        return f"SELECT {', '.join(columns)} FROM {source}{every} WHERE {wanted}"

    def _bin(self, piece: Piece) -> str:
        return piece.bin if isinstance(piece.bin, str) else self.placed(piece.at, piece.bin)

    # -- the host's tables

    def _named(self, table: LedgerTable | JournalTable, name: str) -> str:
        """A column of the host as text, NULL where there is none."""
        column = table.columns.get(name)
        value = "NULL" if column is None else identifier(column, self.dialect)
        return f"CAST({value} AS {text_type(self.dialect)})"

    def _instant(self, table: LedgerTable | JournalTable, name: str) -> str:
        column = table.columns.get(name)
        return "CAST(NULL AS BIGINT)" if column is None else micros(identifier(column, self.dialect), self.dialect)

    def _number(self, table: LedgerTable | JournalTable, name: str) -> str:
        column = table.columns.get(name)
        return f"CAST({'NULL' if column is None else identifier(column, self.dialect)} AS BIGINT)"

    def _from(self, table: LedgerTable | JournalTable) -> str:
        return ".".join(identifier(part, self.dialect) for part in table.name)

    def _ledger(self, table: LedgerTable) -> str:
        kind = self._named(table, "kind") if table.kind is None else self.text(table.kind)
        currency = self._named(table, "currency") if table.currency is None else self.text(table.currency.code)
        minor, known = self._minor(table, currency)
        columns = {
            "kind": kind, "id": self._named(table, "id"), "moment": self._instant(table, "at"),
            "seq": f"COALESCE({self._number(table, 'seq')}, 0)", "customer": self._named(table, "customer"),
            "matter": self._named(table, "case"), "who": self._named(table, "who"),
            "minor": f"CASE WHEN {known} THEN {minor} ELSE 0 END", "currency": f"CASE WHEN {known} THEN {currency} END",
            "refers_to": self._named(table, "refers_to"), "issue": self._number(table, "revision"),
            "due": self._instant(table, "due"), "hundredths": self._hundredths(table, "quantity"),
            **{f"d_{number}": self._named(table, name) for number, name in enumerate(self.tables.dims)},
        }  # fmt: skip
        listed = ", ".join(f"{value} AS {name}" for name, value in columns.items())
        return f"SELECT {listed} FROM {self._from(table)}"

    def _minor(self, table: LedgerTable, currency: str) -> tuple[str, str]:
        """Whole minor units, and whether there is an amount in a currency that has so many places."""
        if "minor" in table.columns:
            minor = self._number(table, "minor")
            return minor, f"{minor} IS NOT NULL AND {currency} IS NOT NULL"
        if "amount" not in table.columns:
            return "CAST(NULL AS BIGINT)", "FALSE"
        amount = identifier(table.columns["amount"], self.dialect)
        cases = " ".join(f"WHEN {self.text(code)} THEN {10**digits}" for code, digits in Currency.unusual().items())
        scaled = f"({amount} * CASE {currency} {cases} ELSE 100 END)"
        whole = f"CAST({scaled} AS BIGINT)"
        return whole, f"{scaled} = {whole} AND {currency} IS NOT NULL"

    def _hundredths(self, table: LedgerTable | JournalTable, name: str) -> str:
        """A DECIMAL in hundredths, NULL where these do not hold it."""
        if name not in table.columns:
            return "CAST(NULL AS BIGINT)"
        scaled = f"{identifier(table.columns[name], self.dialect)} * 100"
        return f"CASE WHEN {scaled} = CAST({scaled} AS BIGINT) THEN CAST({scaled} AS BIGINT) END"

    def _journal(self, table: JournalTable) -> str:
        until, left = self.asked.until, self._instant(table, "left")
        over = f"{left} IS NOT NULL AND {left} <= {until}"
        columns = {
            "matter": self._named(table, "case"), "stage": self._named(table, "stage"),
            "entered": self._instant(table, "entered"), "left_at": f"CASE WHEN {over} THEN {left} ELSE {OPEN} END",
            "next_stage": f"CASE WHEN {over} THEN {self._named(table, 'next')} END", "who": self._named(table, "who"),
            "seq": f"COALESCE({self._number(table, 'seq')}, 0)", "cents": self._hundredths(table, "amount"),
            **{f"d_{number}": self._named(table, name) for number, name in enumerate(table.dims)},
        }  # fmt: skip
        listed = ", ".join(f"{value} AS {name}" for name, value in columns.items())
        rows = f"SELECT {listed} FROM {self._from(table)}"
        return f"SELECT * FROM ({rows}) t WHERE entered <= {until} AND matter IS NOT NULL AND stage IS NOT NULL"

    def _grouped(self, rows: str, which: TableName) -> str:
        return self.beside(rows, which, {f"g{number}": name for number, name in enumerate(self.asked.by)})

    def beside(self, rows: str, which: TableName, wanted: Mapping[str, str]) -> str:
        """Rows of a table beside further columns, by alias: its own, or those of their case as it was opened."""
        joins, columns = list[str](), list[str]()
        for alias, name in wanted.items():
            own = self._own(which, name)
            if own is not None:
                columns.append(f"t.{own} AS {alias}")
                continue
            other, column = self._through(which, name)
            first = self.first(f"{other}_opened", f"{other}_rows", "matter", "entered, seq")
            joins.append(f"LEFT JOIN {first} o_{alias} ON o_{alias}.matter = t.matter")
            columns.append(f"o_{alias}.{column} AS {alias}")
        return f"SELECT {', '.join(['t.*', *columns])} FROM {rows} t {' '.join(joins)}"

    def _own(self, which: TableName, name: str) -> str | None:
        if which == "ledger":
            return self.dimension(name) if name in ("who", "customer", "kind", "currency", *self.tables.dims) else None
        dims = self.tables.journals[which].dims
        return name if name in ("who", "stage") else f"d_{dims.index(name)}" if name in dims else None

    def _through(self, which: TableName, name: str) -> tuple[TableName, str]:
        for other in _JOURNALS:
            if other in self.tables.journals and other != which and (column := self._own(other, name)) is not None:
                self.rows(other)
                return other, column
        known = tuple(dict.fromkeys(name for table in self.tables for name in table.dims))
        raise NotFound("column", name, ("who", *known), f"the {which} that a metric groups")


def amounts(
    source: str, *, at: str = "moment", name: str = "amount", count: str = "n", where: str = "TRUE",
    key: str = "currency", keys: Mapping[str, str] | None = None,
) -> Iterator[Piece]:  # fmt: skip
    """Amounts by currency, how many there are, and rows without an amount: as `_ledgers.amounts` counts them."""
    priced = f"({where}) AND currency IS NOT NULL"
    yield Piece(name=UNUSABLE, source=source, at=at, where=f"({where}) AND currency IS NULL")
    inner = {key: "currency"}
    yield Piece(name=name, source=source, at=at, where=priced, n="minor", keys={**inner, **(keys or {})})
    yield Piece(name=count, source=source, at=at, where=priced, keys=inner)
