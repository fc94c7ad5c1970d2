"""What all results can do: be iterated, be printed as a table, and become a frame."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar
from unicodedata import east_asian_width

import attrs

Row = TypeVar("Row")


@attrs.frozen
class Frameable(Generic[Row]):
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

    def __str__(self) -> str:
        columns = self.to_dict()
        texts = {name: [name, *(_cell(value) for value in values)] for name, values in columns.items()}
        widths = {name: max(map(_width, cells)) for name, cells in texts.items()}
        lines = zip(*([_padded(cell, widths[name]) for cell in cells] for name, cells in texts.items()), strict=True)
        return "\n".join("  ".join(line).rstrip() for line in lines) or "(no rows)"


def _width(text: str) -> int:
    """How many columns a terminal gives to a text: Chinese characters take two."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(char) in "WF") for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
