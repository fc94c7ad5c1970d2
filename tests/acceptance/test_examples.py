"""The examples on public data: they print what stands beside them, and their figures are those that others computed."""

import ast
import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy import text as text_of

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = {
    "cdnow_customers": "sales/cdnow/CDNOW_sample.txt",
    "cfpb_complaints": "service/cfpb/consumer_complaints_3186.csv.gz",
    "ecb_rates": "money/eurofxref-hist.zip",
    "northwind_embedded": "erp/northwind.sqlite",
    "northwind_orders": "erp/northwind.sqlite",
    "uci_incidents": "service/uci_incidents/incident_event_log_5998_ddmmyyyy_dash.csv.gz",
    "usaid_quotes": "sales/usaid_scms/SCMS_Delivery_History_Dataset.csv.gz",
}
# Computed from the files by others, with pandas or SQL, or published.
FIGURES = {
    "cdnow_customers": [
        "2,357 customers, 946 of whom bought again", "2,457 times", "0.2426", "4.414", "0.7929", "2.426", "0.5533", "10.58",
        "0.6062", "11.67", "6.25", "3.744", "15.44",
    ],
    "cfpb_complaints": ["3,186 complaints, 11 of which", "6 were sent", "97.08%", "19.02%"],
    "ecb_rates": ["2008-07-15: 1.599 ", "2000-10-26: 0.8252 ", "yuan since 2005-04-01", "by the rate of 2008-07-18"],
    # Orders of the first quarter of 2018 by a loop over the rows in decimals (below), and those that were shipped by then.
    "northwind_embedded": ["2 orders of that day, 4 facts", "needs discount <= 0.15"],
    "northwind_orders": ["2,155 lines of 830 orders"],
    "uci_incidents": ["5,998 rows"],
    "usaid_quotes": [
        "10,324 order lines worth 1627584457.29 USD, 1,186 of them late", "1,236 quotations; 2,476 lines", "[4126 rows]",
        "is before an earlier stage of its row [5 rows]", "3,837 lines", "24 days later in the median",
    ],
}  # fmt: skip
NUMBER = re.compile(r"\d[\d,.]*(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def printed(shared):
    """What an example prints on its data; each runs once."""
    found = {}

    def run(name, *more):
        if (name, *more) not in found:
            command = [sys.executable, EXAMPLES / f"{name}.py", shared("data", *DATA[name].split("/")), *more]
            done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
            assert done.returncode == 0, done.stderr
            found[name, *more] = done.stdout
        return found[name, *more]

    return run


def numbers(text):
    """The numbers of a text, as floats."""
    return [float(one.replace(",", "").rstrip(".")) for one in NUMBER.findall(text) if one.count(".") < 2]


@pytest.mark.parametrize("name", DATA)
def test_an_example_prints_what_stands_beside_it(printed, name):
    """Word for word; numbers may differ in the last digit from one version of numpy or scipy to another."""
    expected = (EXAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    made = printed(name)
    assert re.sub(r" +", " ", NUMBER.sub("#", made)) == re.sub(r" +", " ", NUMBER.sub("#", expected))
    assert numbers(made) == pytest.approx(numbers(expected), rel=2e-3)


@pytest.mark.parametrize("name", DATA)
def test_the_figures_are_those_of_others(name):
    """Counts, sums, extremes and published fits stand in the committed output."""
    text = (EXAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    assert [figure for figure in FIGURES[name] if figure not in text] == []


def test_two_years_of_the_loop():
    """What is planted in the simulation is found and verified; with nothing planted almost no case is opened."""

    def run(*words):
        command = [sys.executable, EXAMPLES / "loop.py", *words]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    expected = (EXAMPLES / "loop.txt").read_text(encoding="utf-8")
    made = run()
    assert NUMBER.sub("#", made) == NUMBER.sub("#", expected)
    assert numbers(made) == pytest.approx(numbers(expected), rel=2e-3)
    all_ = json.loads(run("--seed", "3", "--json"))
    assert set(all_) >= {"quarters", "cases_opened", "planted", "found", "verified", "practices"}
    assert all_["quarters"] == 8
    assert set(all_["verified"]) <= set(all_["found"]) <= set(all_["planted"]) == {"weak", "star", "ailing"}
    none = json.loads(run("--planted", "none", "--quarters", "4", "--json"))
    assert (none["planted"], none["found"]) == ([], [])
    assert none["cases_opened"] <= 3


def sold(path):
    """Every line of Northwind: seller, day and exact amount, by a loop over the rows in decimals."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute("""select LastName, OrderDate, d.UnitPrice, Quantity, Discount from "Order Details" d
                                   join Orders using (OrderID) join Employees using (EmployeeID)""").fetchall()
    for name, day, price, quantity, discount in rows:
        exact = Decimal(str(price)) * quantity * (1 - Decimal(str(discount)))
        yield name, day, exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_northwind_against_a_loop(printed, shared):
    """The total and the bookings of each seller are those of a loop over the rows in decimals."""
    text = printed("northwind_orders")
    total, sellers = 0, Counter()
    for name, day, amount in sold(shared("data", *DATA["northwind_orders"].split("/"))):
        total += amount
        sellers[name] += amount if day.startswith("2017") else 0
    assert f"orders, {total} USD" in text
    for name, booked in sellers.items():
        assert re.search(rf"{name} +2017 +{re.escape(str(booked))} USD", text)


def test_northwind_embedded_against_a_loop(printed, shared):
    """What the views give is what the rows of the ERP come to, seller by seller."""
    text, sellers = printed("northwind_embedded"), Counter()
    for name, day, amount in sold(shared("data", *DATA["northwind_embedded"].split("/"))):
        sellers[name] += amount if "2018-01-01" <= day < "2018-04-01" else 0
    for name, booked in sellers.items():
        assert re.search(rf"{name} +2018-Q1 +{re.escape(str(booked))} USD", text)


def test_northwind_embedded_in_postgresql(printed, postgresql_url):
    """The same on a server: facts, refusals and figures are those of SQLite, and so is what the server counts itself."""
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text_of("CREATE DATABASE northwind"))
    engine.dispose()
    here, there = (
        printed("northwind_embedded"),
        printed("northwind_embedded", postgresql_url.replace("/postgres?", "/northwind?")),
    )
    assert there.startswith(here)
    table = re.findall(r"^Bookings +(\w+) +2018-Q1 +(\S+) USD", there, re.MULTILINE)
    assert len(table) == 18
    assert table[:9] == table[9:]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_public_names(path):
    """At most 80 lines; nothing of ours with an underscore; named in the table of examples, with its output beside it."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    modules = [node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in modules if name.startswith("crmkit") and "._" in name]
    assert path.stem in {*DATA, "loop"}
    assert path.with_suffix(".txt").exists()
    assert f"[{path.name}]" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
