"""The tables of a `SqlStore`: portable, exact about keys, and visible to migrations.

What must differ if any character differs (tenants, ids, keys, cases, names) is compared by the first 16 bytes of the
SHA-256 of its UTF-8: no collation, length limit or forbidden character of any database gets in the way. Beside it
stands the text for people and joins, in which NUL, that PostgreSQL cannot keep, is written as its symbol.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.dialects import mysql

from crmkit.errors import InvalidValue

__all__ = ["SCHEMA_VERSION", "Tables", "digest", "original", "readable", "tables", "type_digest"]

#: The version of these tables.
SCHEMA_VERSION = 1

_NUL = "\N{SYMBOL FOR NULL}"
_MARIADB = ("mysql", "mariadb")
_DIGEST = LargeBinary(16).with_variant(mysql.BINARY(16), *_MARIADB)
# Texts of any length, compared code point by code point where the database would rather not.
_LONG = (
    Text()
    .with_variant(Text(collation="C"), "postgresql")
    .with_variant(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_nopad_bin"), *_MARIADB)
)
_BYTES = LargeBinary().with_variant(mysql.LONGBLOB(), *_MARIADB)
_CHECKSUM = String(16).with_variant(mysql.VARCHAR(16, charset="ascii", collation="ascii_bin"), *_MARIADB)


class Tables:
    """The tables, in one `MetaData`.

    Attributes:
        schema: one row: the version of the tables.
        tenants: the last position of each tenant; its row is the lock that puts appends in order.
        events: the facts.
        records: versioned records.
        blobs: bytes by name.
    """

    def __init__(self, metadata: MetaData, prefix: str, schema: str | None) -> None:
        self.metadata = metadata
        engine: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB", "schema": schema}
        self.schema = Table(
            f"{prefix}schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False), **engine
        )
        self.tenants = Table(
            f"{prefix}tenants", metadata,
            Column("tenant", _DIGEST, primary_key=True), Column("name", _LONG, nullable=False),
            Column("position", BigInteger, nullable=False), **engine,
        )  # fmt: skip
        self.events = Table(
            f"{prefix}events", metadata,
            Column("tenant", _DIGEST, primary_key=True),
            Column("position", BigInteger, primary_key=True, autoincrement=False),
            Column("id_digest", _DIGEST, nullable=False), Column("key_digest", _DIGEST),
            Column("case_digest", _DIGEST, nullable=False), Column("type_digest", _DIGEST, nullable=False),
            Column("case_id", _LONG, nullable=False), Column("type", _LONG, nullable=False),
            Column("body", _LONG, nullable=False), Column("checksum", _CHECKSUM, nullable=False),
            Index(f"{prefix}events_by_id", "tenant", "id_digest", unique=True),
            Index(f"{prefix}events_by_key", "tenant", "key_digest", unique=True),
            Index(f"{prefix}events_by_case", "tenant", "case_digest", "position"),
            **engine,
        )  # fmt: skip
        self.records = Table(
            f"{prefix}records", metadata,
            Column("tenant", _DIGEST, primary_key=True), Column("kind_digest", _DIGEST, primary_key=True),
            Column("id_digest", _DIGEST, primary_key=True), Column("kind", _LONG, nullable=False),
            Column("id", _LONG, nullable=False), Column("version", BigInteger, nullable=False),
            Column("body", _LONG, nullable=False), **engine,
        )  # fmt: skip
        self.blobs = Table(
            f"{prefix}blobs", metadata,
            Column("tenant", _DIGEST, primary_key=True), Column("name_digest", _DIGEST, primary_key=True),
            Column("name", _LONG, nullable=False), Column("body", _BYTES, nullable=False), **engine,
        )  # fmt: skip


def tables(metadata: MetaData | None = None, *, prefix: str = "crmkit_", schema: str | None = None) -> Tables:
    """Declare the tables, for `SqlStore` and for a host's migrations.

    With Alembic: `tables(Base.metadata)` before `target_metadata = Base.metadata`.

    Args:
        metadata: where to declare them; a new one if None.
        prefix: what their names begin with.
        schema: the database's schema they live in.
    """
    return Tables(MetaData() if metadata is None else metadata, prefix, schema)


def digest(text: str) -> bytes:
    """What stands for a text where texts are compared.

    Raises:
        InvalidValue: for a text that UTF-8 cannot hold (a lone surrogate).
    """
    try:
        return sha256(text.encode()).digest()[:16]
    except UnicodeEncodeError:
        raise InvalidValue("text", text, "holds half of a character and cannot be stored") from None


@lru_cache(1024)
def type_digest(text: str) -> bytes:
    """`digest` of the type of an event: there are few types, and many events."""
    return digest(text)


def readable(text: str) -> str:
    """A text for people and joins: the same, but for NUL, and for the symbol that stands for it."""
    if "\x00" not in text and _NUL not in text:
        return text
    return text.replace(_NUL, _NUL * 2).replace("\x00", _NUL + "0")


def original(text: str) -> str:
    """The text that `readable` was given."""
    if _NUL not in text:
        return text
    return _NUL.join(part.replace(_NUL + "0", "\x00") for part in text.split(_NUL * 2))
