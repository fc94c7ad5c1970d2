"""An ERP's own tables become facts by naming their columns (Northwind): what sells, to whom, and why it grew.

`python examples/northwind_orders.py northwind.sqlite` (Microsoft's sample database, MIT).
"""

import sqlite3
import sys
from contextlib import closing

from crmkit.journal import Ledger
from crmkit.metrics import Facts, measure
from crmkit.metrics.composition import change, concentration, shares
from crmkit.values import Period

# The schema as it is; only the amount of a line is worked out, in whole cents, for money is never a float.
LINES = """
with priced as (
  select *, (cast(round(UnitPrice * 100) as integer) * Quantity * (100 - cast(round(Discount * 100) as integer)) + 50)
         / 100 cents from "Order Details")
select p.OrderID || '/' || p.ProductID line, p.OrderID, date(OrderDate) OrderDate, date(RequiredDate) RequiredDate,
       CustomerID, LastName seller, CategoryName, ShipCountry, p.Quantity,
       printf('%d.%02d', cents / 100, cents % 100) amount
from priced p join Orders using (OrderID) join Employees using (EmployeeID)
     join Products using (ProductID) join Categories using (CategoryID)
"""

with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as database:
    found = database.execute(LINES)
    names = [column[0] for column in found.description]
    frame = {name: [str(cell) for cell in cells] for name, cells in zip(names, zip(*found, strict=True), strict=True)}
lines = Ledger.from_frame(
    frame, kind="order", id="line", at="OrderDate", due="RequiredDate", amount="amount", currency="USD", case="OrderID",
    customer="CustomerID", who="seller", quantity="Quantity", dims=["CategoryName", "ShipCountry"], tz="UTC",
)  # fmt: skip
print(f"{len(lines):,} lines of {len(set(frame['OrderID']))} orders, {lines.total()[None, 'USD']}\n")
print(shares(lines, "CategoryName"))
print()
print(concentration(lines, "customer"))
print()
print(change(lines, "CategoryName", before=Period.quarter(2017, 1), after=Period.quarter(2018, 1)))
print()
print(measure(Facts(ledger=lines), ["booked"], by=["who"], over=Period.year(2017)))
