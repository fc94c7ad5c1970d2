"""Reference rates of the European Central Bank: invoices in five currencies become one sum, or say why they do not.

`python examples/ecb_rates.py eurofxref-hist.zip` (source: European Central Bank).
"""

import csv
import io
import sys
import zipfile
from datetime import date

from crmkit.journal import Ledger
from crmkit.metrics import Facts, measure
from crmkit.values import Money, Rate, RateTable

with zipfile.ZipFile(sys.argv[1]) as archive:
    text = archive.read(archive.namelist()[0]).decode()
# A line ends with a comma, and "N/A" is no rate.
days = [(date.fromisoformat(row.pop("Date")), row) for row in csv.DictReader(io.StringIO(text))]
rates = [
    Rate("EUR", currency, day, value)
    for day, row in days
    for currency, value in row.items()
    if currency and value not in ("", "N/A")
]
table = RateTable(rates)
print(f"{len(rates):,} rates of {len({rate.quote for rate in rates})} currencies on {len(days):,} days, ", end="")
print(f"{days[-1][0]} to {days[0][0]}")

dollar = [rate for rate in rates if rate.quote.code == "USD"]
for name, found in (("dearest", max(dollar, key=lambda r: r.value)), ("cheapest", min(dollar, key=lambda r: r.value))):
    print(f"a euro was {name} on {found.day}: {found.value} dollars")
print("yuan since", min(rate.day for rate in rates if rate.quote.code == "CNY"))

# A Sunday takes Friday's rate.
euros, used = table.convert(Money("1000.00", "USD"), "EUR", date(2008, 7, 20))
print(f"1000.00 USD on Sunday, 2008-07-20: {euros}, by the rate of {used.day}")

invoices = Ledger.from_frame(
    {
        "number": ["R-1", "R-2", "R-3", "R-4", "R-5"],
        "date": ["2004-03-01", "2004-03-01", "2004-03-08", "2005-04-04", "2005-04-05"],
        "net": ["1000.00", "1000.00", "250000", "8000.00", "500.00"],
        "currency": ["USD", "EUR", "JPY", "CNY", "XPF"],
    },
    kind="invoice", id="number", at="date", amount="net", currencies="currency", tz="Europe/Berlin",
)  # fmt: skip
figures = measure(Facts(ledger=invoices, currency="EUR", rates=table, tz="Europe/Berlin"), ["invoiced"], every="year")
print()
print(figures)
print(*figures.findings, sep="\n")
