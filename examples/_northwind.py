"""The ERP of `northwind_embedded.py`: a copy of Microsoft's sample, in memory or in an empty database of yours."""

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa

# How a day of the ERP becomes an instant.
_INSTANT = {"sqlite": r"datetime(\1)", "postgresql": r"(\1 at time zone 'UTC')"}


def copied(path: str, url: str | None) -> tuple[sa.Engine, sa.MetaData]:
    """Copy all tables, and make the views that crmkit reads; gives the engine and what the tables are."""
    erp = sa.create_engine(url) if url else sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    northwind = sa.MetaData()

    @sa.event.listens_for(northwind, "column_reflect")
    def _portable(_inspector: Any, _table: Any, column: Any) -> None:
        column["type"] = column["type"].as_generic()

    with sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true").connect() as old, erp.begin() as new:
        northwind.reflect(old)
        for table in northwind.sorted_tables:
            _in_standard_sql(table)
        northwind.create_all(new)
        for table in northwind.sorted_tables:
            rows = [dict(row) for row in old.execute(sa.select(table)).mappings()]
            if rows:
                new.execute(table.insert(), rows)
        text = Path(__file__).with_name("northwind_views.sql").read_text(encoding="utf-8")
        for view in re.sub(r"instant\((o\.\S+?)\)", _INSTANT[erp.dialect.name], text).split(";"):
            new.exec_driver_sql(view)
    return erp, northwind


def _in_standard_sql(table: sa.Table) -> None:
    """Names in the standard's quotes, and rows in any order: employees report to others of the same table."""
    for rule in table.constraints:
        if isinstance(rule, sa.CheckConstraint):
            rule.sqltext = sa.text(re.sub(r"\[(\w+)\]", r'"\1"', str(rule.sqltext)))
        if isinstance(rule, sa.ForeignKeyConstraint):
            rule.deferrable, rule.initially = True, "DEFERRED"
