"""Frames of other libraries as lists."""

from collections.abc import Mapping, Sequence
from typing import Any


def lists(frame: Any) -> dict[str, Sequence[Any]]:
    """The columns of a pandas, polars or pyarrow table, a DuckDB relation, or a dict of lists."""
    if isinstance(frame, Mapping):
        return {str(name): values for name, values in frame.items()}
    import narwhals as nw

    wrapped = nw.from_native(frame)
    eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
    return {name: eager[name].to_list() for name in eager.columns}
