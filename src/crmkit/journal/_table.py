"""A decoded export: named text columns, where each row came from, and what was noticed on the way."""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from crmkit.errors import NotFound
from crmkit.journal._coded import Coded, Longs, code
from crmkit.journal._findings import Finding
from crmkit.values.display import ROWS, Display, Lang, Shown
from crmkit.values.display import Table as Cells

__all__ = ["Table"]


@attrs.frozen(eq=False)
class Table(Shown):
    """A decoded export.

    Attributes:
        name: the file or frame, as the user knows it.
        columns: text columns, dictionary-coded; an empty cell is missing.
        rows: int64, shape (n,): the 1-based line (or element) of the source where each record starts.
        facts: what was detected, to be stated to the reader ("encoding": "utf-8", "delimiter": ",").
        findings: records that could not be decoded.
    """

    name: str
    columns: Mapping[str, Coded]
    rows: Longs
    facts: Mapping[str, str] = attrs.field(factory=dict[str, str])
    findings: tuple[Finding, ...] = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first rows, and what was noticed; see `Shown.display`."""
        columns = {name: column[np.arange(len(self))[:most]].decode() for name, column in self.columns.items()}
        table = Cells.of(columns, n=len(self), most=most, caption=self.name, lang=lang)
        facts = Display.lines([f"{name}: {text}" for name, text in self.facts.items()], most=most, lang=lang)
        found = Display.lines([f"- {one}" for one in self.findings], most=most, lang=lang)
        return Display.of(facts, table, found, lang=lang)

    @classmethod
    def joined(cls, tables: Sequence["Table"]) -> "Table":
        """Several exports as one, in their order; row numbers count on from file to file.

        Raises:
            NotFound: if a table lacks a column that the first one has.
        """
        first, starts = tables[0], [0]
        for table in tables:
            starts.append(starts[-1] + (int(table.rows[-1]) if len(table) else 0))
        columns = {
            name: code([text for table in tables for text in table.column(name).decode()]) for name in first.columns
        }
        spans = ", ".join(f"{table.name} from {start + 1}" for table, start in zip(tables, starts[:-1], strict=True))
        facts = {f"{key} of {table.name}": text for table in tables for key, text in table.facts.items()}
        found = [
            attrs.evolve(finding, row=None if finding.row is None else finding.row + start)
            for table, start in zip(tables, starts[:-1], strict=True)
            for finding in table.findings
        ]
        return cls(
            ", ".join(table.name for table in tables),
            columns,
            np.concatenate([table.rows + start for table, start in zip(tables, starts[:-1], strict=True)]),
            {"rows": spans, **facts},
            tuple(found),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Coded:
        """One column.

        Raises:
            NotFound: with the nearest name.
        """
        try:
            return self.columns[name]
        except KeyError:
            raise NotFound("column", name, tuple(self.columns), self.name) from None

    def row_of(self, index: int) -> int:
        """The source line of record `index`."""
        return int(np.asarray(self.rows)[index])
