"""What databases call what conditions are made of."""

from collections.abc import Mapping
from typing import Literal

import attrs

from crmkit.errors import InvalidValue, did_you_mean


@attrs.frozen
class Words:
    """How one database says what they all can say."""

    name: Literal["duckdb", "postgresql", "spark"]
    quote: str
    whole_type: str
    float_type: str
    day: str
    moment: str
    days_between: str
    micros_between: str
    functions: Mapping[str, str]
    some: str
    every: str
    size: str
    text: str = "{0}"
    text_type: str = "VARCHAR"
    divide: str = "({0} // {1})"


EXISTS = "CASE WHEN {source} IS NULL THEN NULL WHEN {true} THEN TRUE WHEN {null} THEN NULL ELSE FALSE END"
ALL = "CASE WHEN {source} IS NULL THEN NULL WHEN {false} THEN FALSE WHEN {null} THEN NULL ELSE TRUE END"
_FILTER = "len(list_filter({source}, lambda {item}: {condition})) > 0"
_LAMBDA = "exists({source}, {item} -> coalesce({condition}, FALSE))"
ROWS = "EXISTS (SELECT 1 FROM jsonb_to_recordset({source}) AS {item}({columns}) WHERE {condition})"

DIALECTS: Mapping[str, Words] = {
    "duckdb": Words(
        "duckdb", '"', "HUGEINT", "DOUBLE", "DATE '{0}'", "TIMESTAMPTZ '{0}'",
        "(date_diff('day', {1}, {0}) * 86400000000)", "(epoch_us({0}) - epoch_us({1}))",
        {"contains": "contains({0}, {1})", "starts with": "starts_with({0}, {1})", "ends with": "ends_with({0}, {1})",
         "string length": "length({0})"},
        _FILTER, _FILTER, "len({0})",
    ),
    "postgresql": Words(
        "postgresql", '"', "NUMERIC", "DOUBLE PRECISION", "DATE '{0}'", "TIMESTAMPTZ '{0}'",
        "(({0} - {1})::BIGINT * 86400000000)",
        "(EXTRACT(EPOCH FROM {0} - {1}) * 1000000)::BIGINT",
        {"contains": "(strpos({0}, {1}) > 0)", "starts with": "starts_with({0}, {1})",
         "ends with": "(right({0}, length({1})) = {1} AND length({0}) >= length({1}))", "string length": "length({0})"},
        ROWS, ROWS, "jsonb_array_length({0})", '({0} COLLATE "C")', "TEXT", "({0} / {1})",
    ),
    "spark": Words(
        "spark", "`", "BIGINT", "DOUBLE", "DATE '{0}'", "TIMESTAMP_LTZ '{0}'",
        "(CAST(datediff({0}, {1}) AS BIGINT) * 86400000000)", "(unix_micros({0}) - unix_micros({1}))",
        {"contains": "contains({0}, {1})", "starts with": "startswith({0}, {1})", "ends with": "endswith({0}, {1})",
         "string length": "length({0})"},
        _LAMBDA, _LAMBDA, "array_size({0})", text_type="STRING", divide="({0} div {1})",
    ),
}  # fmt: skip

MEMBER_TYPES: Mapping[str, str] = {
    "decimal": "NUMERIC", "integer": "BIGINT", "float": "DOUBLE PRECISION", "string": "TEXT", "boolean": "BOOLEAN",
    "date": "DATE", "date and time": "TIMESTAMPTZ", "days and time duration": "BIGINT",
    "years and months duration": "BIGINT",
}  # fmt: skip


def words_of(dialect: str) -> Words:
    """What a database calls what conditions are made of.

    Raises:
        InvalidValue: if there is no such dialect.
    """
    if dialect not in DIALECTS:
        raise InvalidValue("dialect", dialect, f"is none that is known{did_you_mean(dialect, DIALECTS)}")
    return DIALECTS[dialect]
