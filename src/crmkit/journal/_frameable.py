"""What all results can do: be iterated, be shown as a table, and become a frame."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import attrs

from crmkit.values.display import ROWS, Display, Lang, Shown, Table

Row = TypeVar("Row")


@attrs.frozen
class Frameable(Shown, Generic[Row]):
    """Rows of one attrs class; a subclass adds `rows`."""

    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, list[Any]]:
        """The rows as columns, by name."""
        if not self.rows:
            return {}
        names = [field.name for field in attrs.fields(type(self.rows[0]))]  # type: ignore[arg-type] # rows are attrs
        return {name: [getattr(row, name) for row in self.rows] for name in names}

    def to_frame(self, backend: Any = "pandas") -> Any:
        """The rows as a frame of the named library: "pandas", "polars" or "pyarrow"."""
        import narwhals as nw

        return nw.from_dict(self.to_dict(), backend=backend).to_native()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The first rows as a table, under the names that they have in a frame; see `Shown.display`."""
        return Display.of(self._table(lang, most), lang=lang)

    def _table(self, lang: Lang, most: int | None) -> Table:
        """The first rows; made of them alone, however many there are, unless a subclass has columns of its own."""
        caption = type(self).__name__
        if type(self).to_dict is Frameable.to_dict:
            return Table.of_rows(self.rows, most=most, caption=caption, lang=lang)
        return Table.of(self.to_dict(), most=most, caption=caption, lang=lang)
