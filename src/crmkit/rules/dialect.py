"""How databases write names, texts and instants: what every statement for one of them is made of.

>>> print(identifier("net", "spark"), text("it's", "duckdb"))
`net` 'it''s'
"""

from typing import Literal, TypeAlias

from crmkit.errors import InvalidValue
from crmkit.rules._dialects import words_of

__all__ = ["Dialect", "divided", "identifier", "micros", "text", "text_type"]

#: A database that statements can be written for.
Dialect: TypeAlias = Literal["duckdb", "postgresql", "spark"]

_EPOCH = "1970-01-01 00:00:00+00:00"


def identifier(name: str, dialect: Dialect) -> str:
    """A name, quoted.

    Raises:
        InvalidValue: for a name that the database would not take as it stands.
    """
    quote = words_of(dialect).quote
    # Spark puts the value of a variable in place of ${its name}, before it reads the statement.
    if not name or "\0" in name or (quote == "`" and "${" in name):
        raise InvalidValue("column", name, "cannot be the name of a column")
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def text(value: str, dialect: Dialect) -> str:
    """A text literal.

    Raises:
        InvalidValue: for a text with a zero byte.
    """
    if "\0" in value:
        raise InvalidValue("text", value, "has a zero byte, which has no form in SQL")
    if words_of(dialect).quote == "`":
        value = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "$\\{")
        return f"'{value}'"
    return "'" + value.replace("'", "''") + "'"


def text_type(dialect: Dialect) -> str:
    """The type of texts of any length."""
    return words_of(dialect).text_type


def micros(moment: str, dialect: Dialect) -> str:
    """Microseconds since the epoch, BIGINT, of an expression that is a timestamp with a zone."""
    words = words_of(dialect)
    return words.micros_between.format(moment, words.moment.format(_EPOCH))


def divided(number: str, by: int, dialect: Dialect) -> str:
    """The whole quotient of an expression that is a whole number, of at least 0."""
    return words_of(dialect).divide.format(number, by)
