"""An ERP keeps its orders and people and gets a process: facts in its own transactions, KPIs by views of its tables.

`python examples/northwind_embedded.py northwind.sqlite` works on a copy in memory. With the URL of an empty database as
second argument (`postgresql+psycopg://...`) the copy is made there. Needs the extra `sql`.
"""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from _northwind import copied
from sqlalchemy.orm import Session

from crmkit import Case, Desk, Journal, Ledger, Move, MoveNotAllowed, Period, Pipeline, Stage
from crmkit.adapters.sql import SqlStore
from crmkit.metrics import Facts, measure, sql
from crmkit.metrics.figures import Figures
from crmkit.pipeline import Directory

erp, northwind = copied(sys.argv[1], sys.argv[2] if sys.argv[2:] else None)
NOW, DAY = datetime(2018, 5, 7, 9, tzinfo=UTC), datetime(2018, 5, 7)  # noqa: DTZ001 - as the ERP writes days

SqlStore(erp, prefix="crm_").create()
orders, people = northwind.tables["Orders"], northwind.tables["Employees"]
release, by_manager = Move("released", guard="discount <= 0.15"), Move("released", roles=["manager"])
process = Pipeline("order", ["entered", "released", Stage("shipped", "won"), Stage("cancelled", "lost")], {
    "entered": {"release": release, "release as manager": by_manager, "cancel": "cancelled"},
    "released": {"ship": "shipped", "cancel": "cancelled"},
})  # fmt: skip


def enter(session: Session, who: str, move: str, discount: float) -> Case:
    """What the ERP does when an order is entered, and beside it the fact; a refusal undoes both."""
    staff = {row.LastName: row for row in session.execute(sa.select(people))}
    roles = Directory({"manager": [name for name, row in staff.items() if "Manager" in row.Title]})
    desk = Desk(SqlStore(session, prefix="crm_").events, process, lambda: NOW, directory=roles)
    number = 1 + session.scalar(sa.select(sa.func.max(orders.c.OrderID)))
    row = {"OrderID": number, "EmployeeID": staff[who].EmployeeID, "CustomerID": "ALFKI", "OrderDate": DAY}
    session.execute(orders.insert().values(row))
    desk.open(str(number), who=who, discount=discount)
    return desk.move(str(number), move, who=who)


TRIED = (("King", "release", 0.1), ("King", "release", 0.25), ("Buchanan", "release as manager", 0.25))
for who, move, discount in TRIED:
    try:
        with Session(erp) as session, session.begin():
            case = enter(session, who, move, discount)
            print(f"order {case.id}: {case.stage} by {who}")
    except MoveNotAllowed as refusal:
        print(refusal)


def columns(connection: sa.Connection, view: str) -> dict[str, list[Any]]:
    """A view of the ERP as columns."""
    rows = connection.execute(sa.text(f"select * from {view}")).mappings().all()  # noqa: S608 - the names are ours
    return {name: [row[name] for row in rows] for name in rows[0]}


with erp.connect() as connection:
    new = connection.scalar(sa.select(sa.func.count()).where(orders.c.OrderDate == DAY))
    print(f"{new} orders of that day, {len([*SqlStore(connection, prefix='crm_').events.read()])} facts\n")
    lines, stages = columns(connection, "crm_lines"), columns(connection, "crm_stages")
lines["amount"] = [Decimal(minor).scaleb(-2) for minor in lines["minor"]]
ledger = Ledger.from_frame(
    lines, kind="order", id="id", at="at", customer="customer", who="who", amount="amount", currency="USD", tz="UTC"
)
journal = Journal.from_frame(stages, case="case", stage="stage", at="at", who="who", tz="UTC")
facts, quarter = Facts(ledger=ledger, journal=journal, stages=process), Period.quarter(2018, 1)
print(measure(facts, ["booked", "conversion_cycle"], by=["who"], over=quarter))

if erp.dialect.name == "postgresql":  # where the rows may stay in the database, and only counters come out of it
    asked = sql.Asked(over=quarter, by=["who"], tz="UTC", as_of=NOW)
    view = sql.LedgerTable("crm_lines", {n: n for n in ("id", "at", "who", "minor")}, kind="order", currency="USD")
    query = sql.twin("booked", asked, tables=[view], dialect="postgresql")
    with erp.connect() as connection:
        state = query.read(connection.exec_driver_sql(query.text).all())
    print(Figures.from_states({query.metric: state}, asked))
