"""`crmkit kpi`: the catalogue, figures of files in words and as JSON, and what it cannot use."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crmkit.cli import main
from crmkit.metrics.kpi import CATALOGUE

INVOICES = """number,date,customer,seller,net,corrects,unit
R-1,2026-01-12,Acme,wei,1200.00,,EUR
R-2,2026-01-20,Beta,li,350.00,,EUR
R-3,2026-02-03,Acme,wei,80.00,,EUR
C-1,2026-02-10,Acme,wei,-200.00,R-1,EUR
R-4,2026-02-24,Cato,wei,990.50,,USD
"""
PAYMENTS = """id,at,customer,amount,refers_to,currency
P-1,2026-02-01,Acme,1000,R-1,EUR
P-2,2026-02-20,Beta,350,R-2,EUR
"""
MIXED = """kind,id,at,customer,amount,currency,category
quote,Q-1,2026-01-05,Acme,1000,EUR,
quote,Q-1,2026-01-07,Acme,1100,EUR,
order,O-1,2026-01-09,Acme,1100,EUR,
expense,E-1,2026-01-10,,50,EUR,travel
expense,E-2,2026-01-10,,70,EUR,fair
"""
DEALS = """deal,stage,when,who,region
1,lead,2026-03-02T09:00,li,
1,offer,2026-03-03T09:00,li,north
1,Signed,2026-03-20T09:00,wei,north
2,lead,2026-03-04T09:00,wei,
2,Signed,2026-03-05T09:00,wei,south
3,lead,2026-03-06T09:00,li,
3,offer,2026-03-09T09:00,li,
"""
SNAPSHOT = """case,opened,closed,outcome,who
1,2026-03-02,2026-03-20,Won,li
2,2026-03-04,2026-03-06,Lost,wei
3,2026-03-05,,,wei
"""
TICKETS = """case,stage,at
T1,new,2026-03-02T17:30
T1,answered,2026-03-03T09:30
T2,new,2026-03-02T10:00
"""
RATES = "day,base,quote,value\n2026-01-01,EUR,USD,1.10\n2026-02-20,EUR,USD,1.25\n2026-02-20,EUR,JPY,N/A\n"
WIDE = "Date,USD,JPY,\n2026-02-20,1.25,N/A,\n2026-02-19,1.20,180,\n"
OFFICE = '{"name": "office", "tz": "UTC", "week": {"mon-fri": "09:00-18:00"}}'
LAW = """
name = "deals"
[[stages]]
name = "lead"
[[stages]]
name = "offer"
[[stages]]
name = "Signed"
outcome = "won"
[moves.lead]
offer = "offer"
[moves.offer]
sign = "Signed"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with exports, in which the command runs."""
    texts = {
        "invoices.csv": INVOICES, "payments.csv": PAYMENTS, "mixed.csv": MIXED, "deals.csv": DEALS, "law.toml": LAW,
        "snapshot.csv": SNAPSHOT, "tickets.csv": TICKETS, "rates.csv": RATES, "wide.csv": WIDE, "office.json": OFFICE,
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COLUMNS = [
    "--column", "invoice.id=number", "--column", "invoice.at=date", "--column", "invoice.amount=net", "--who", "seller",
    "--column", "refers_to=corrects", "--column", "invoice.currency=unit", "--tz", "Europe/Berlin",
]  # fmt: skip


@pytest.fixture
def said(capsys):
    """What the command says, on either stream."""

    def say(code, *arguments):
        assert main(["kpi", *arguments]) == code
        streams = capsys.readouterr()
        return streams.out if code == 0 else streams.err

    return say


def figures(text):
    """The figures of a JSON document by metric, groups, period and unit."""
    found = json.loads(text)
    assert found["schema"] == "crmkit-kpi-1"
    return {(row["metric"], *row["group"].values(), row["period"], row["unit"]): row for row in found["figures"]}


def test_the_catalogue(said):
    """Without files: every KPI with what it needs; of one that is named, all that is declared of it."""
    text = said(0)
    assert len(text.splitlines()) == len(CATALOGUE) + 1
    assert "win_rate" in text
    assert "deals" in text
    one = said(0, "win_rate:horizon_days=30")
    assert "policies: horizon_days=30" in one
    assert "- open ones are censored" in one
    assert [row["name"] for row in json.loads(said(0, "--json"))["kpis"]] == [metric.key for metric in CATALOGUE]


def test_money_by_month(said):
    """Exact amounts in each currency; all KPIs for which the files are enough if none is named."""
    arguments = ["invoice=invoices.csv", "payment=payments.csv", *COLUMNS, "--every", "month"]
    found = figures(said(0, *arguments, "--json"))
    assert found["invoiced", "2026-02", "EUR"]["exact"] == "-120.00"
    assert found["invoiced", "2026-02", "USD"]["exact"] == "990.50"
    assert found["collected", "2026-02", "EUR"]["exact"] == "1350.00"
    assert found["collected", "2026-02", "EUR"]["complete"] is False
    assert {key[0] for key in found} >= {"new_customers", "receivables", "dso", "days_to_pay"}
    assert "booked" not in {key[0] for key in found}
    text = said(0, *arguments)
    assert "-120.00 EUR" in text
    assert "* not over when observation ended" in text
    then = figures(said(0, "collected", *arguments, "--as-of", "2026-02-10", "--versus", "previous", "--json"))
    assert then["collected", "2026-02", "EUR"]["change"] == 1000


def test_deals_by_person_in_chinese(said):
    """Stages by their options, a policy by its name, groups, and the words of the table."""
    arguments = ["win_rate:horizon_days=10", "deals=deals.csv", "--case", "deal", "--at", "when", "--tz", "UTC"]
    text = said(0, *arguments, "--won", "Signed", "--by", "who", "--lang", "zh")
    assert "赢单率" in text
    assert "占比" in text
    found = figures(said(0, *arguments, "--pipeline", "law.toml", "--by", "who", "--json"))
    assert found["win_rate", "wei", "all", "share"]["value"] == 1
    listed = figures(said(0, *arguments, "--stages", "lead,offer", "--won", "Signed", "--by", "region", "--json"))
    assert sum(row["n"] for row in listed.values()) == 3


def test_files_say_what_they_hold(said, folder):
    """A column with the kind, a snapshot, Parquet, and journals in several files."""
    found = figures(
        said(0, "quotes", "booked", "sales_expense", "mixed.csv", "--tz", "UTC", "--by", "category", "--json")
    )
    assert found["quotes", None, "all", "quotations"]["exact"] == "1"
    assert found["sales_expense", "fair", "all", "EUR"]["exact"] == "70.00"
    won = figures(said(0, "win_rate:horizon_days=5", "snapshot.csv", "--tz", "UTC", "--as-of", "2026-03-31", "--json"))
    assert won["win_rate", "all", "share"]["n"] == 3
    pq.write_table(
        pa.table({"id": ["a", "b"], "at": ["2026-01-02", "2026-01-03"], "customer": ["X", "X"]}), folder / "a.parquet"
    )
    visits = figures(said(0, "contacts", "activity=a.parquet", "--tz", "UTC", "--json"))
    assert visits["contacts", "all", "contacts"]["exact"] == "2"
    (folder / "more.csv").write_text("deal,stage,when,who,region\n3,Signed,2026-03-12T09:00,li,\n", encoding="utf-8")
    two = ["deals=deals.csv", "deals=more.csv", "--case", "deal", "--at", "when", "--tz", "UTC", "--won", "Signed"]
    assert figures(said(0, "win_rate:horizon_days=60", *two, "--json"))["win_rate", "all", "share"]["value"] == 1


def test_working_time(said, folder):
    """A ticket that waits over night waits half an hour of each day; a history of calendars is working time, too."""
    history = {"eras": [{"from": None, "calendar": json.loads(OFFICE)}]}
    (folder / "history.json").write_text(json.dumps(history), encoding="utf-8")
    for calendar in ("office.json", "history.json"):
        arguments = ["first_response:share=0.4", "service=tickets.csv", "--tz", "UTC", "--calendar", calendar, "--json"]
        assert figures(said(0, *arguments))["first_response", "all", "minutes"]["value"] == 60


@pytest.mark.parametrize("rates", ["rates.csv", "wide.csv"])
def test_rates(said, rates):
    """One rate a row, or one day a row: 990.50 USD at 1.25, the last rate before."""
    arguments = [
        "invoiced",
        "invoice=invoices.csv",
        *COLUMNS,
        "--by",
        "customer",
        "--convert-to",
        "EUR",
        "--rates",
        rates,
    ]
    found = figures(said(0, *arguments, "--json"))
    assert found["invoiced", "Cato", "all", "EUR"]["exact"] == "792.40"


BAD = [
    (["invoced", "invoice=invoices.csv"], "did you mean 'invoiced'"),
    (["invoiced", "invoise=invoices.csv"], "did you mean 'invoice'"),
    (["invoiced", "invoice=invocies.csv"], "did you mean 'invoices.csv'"),
    (["invoiced", "invoices.csv"], "what it holds is not known"),
    (["invoiced", "invoice=invoices.csv"], "which column holds id is not known"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS[:6], "--tz", "UTC"], "give --currency EUR"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--by", "custmer"], "did you mean 'customer'"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--amount", "nett"], "did you mean 'net'"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--every", "mnth"], "did you mean 'month'"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--convert-to", "EUR"], "amounts in EUR, USD; give --rates FILE"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--rates", "rates.csv"], "give --convert-to CODE"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--rates", "payments.csv", "--convert-to", "EUR"], "is no rate"),
    (["invoiced", "invoice=invoices.csv", *COLUMNS, "--versus", "before"], "is unknown"),
    (["invoiced:credit_note=x", "invoice=invoices.csv", *COLUMNS], "did you mean 'credit_notes'"),
    (["win_rate:horizon_days=soon", "deals=deals.csv"], "is no whole number"),
    (["collected", "invoice=invoices.csv", *COLUMNS], "needs facts that are not there: payment; give payment=FILE"),
    (["win_rate", "invoice=invoices.csv", *COLUMNS], "give deals=FILE"),
    (["payment=payments.csv", "--column", "id"], "is not NAME=COLUMN"),
    (["payment=payments.csv", "--column", "pay.id=id"], "did you mean"),
    (["payment=payments.csv", "--column", "identity=id"], "no name of a column 'identity'"),
    (["write-off=payments.csv", "--tz", "UTC"], "enough for no KPI"),
    (["win_rate", "deals=deals.csv", "snapshot.csv", "--case", "deal", "--at", "when", "--tz", "UTC"], "second table of deals"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_input(said, arguments, words):
    """One line that says what is wrong, and the nearest name; exit code 2."""
    text = said(2, *arguments)
    assert words in text
    assert text.count("\n") == 1


def test_the_currency_of_deals(tmp_path, capsys):
    """It is that of their column, or the one that is named; a mixture is not guessed at."""
    rows = "1,lead,2026-01-01,a,10.00,{0}\n2,lead,2026-01-02,a,5.50,{0}\n2,won,2026-01-03,a,5.50,{0}\n"
    file = tmp_path / "deals.csv"
    file.write_text("case,stage,at,who,amount,currency\n" + rows.format("EUR"), encoding="utf-8")
    assert main(["kpi", "open_pipeline", str(file), "--json"]) == 0
    assert [one["exact"] for one in json.loads(capsys.readouterr().out)["figures"]] == ["10.00"]
    file.write_text("case,stage,at,who,amount\n" + rows.replace(",{0}", ""), encoding="utf-8")
    assert main(["kpi", "open_pipeline", str(file), "--json", "--currency", "EUR"]) == 0
    assert [one["exact"] for one in json.loads(capsys.readouterr().out)["figures"]] == ["10.00"]
    assert main(["kpi", "open_pipeline", str(file)]) == 2
    assert "amounts without a currency" in capsys.readouterr().err
    bills = tmp_path / "bills.csv"
    bills.write_text("id,at,customer,amount,currency\n1,2026-01-12,A,1.00,USD\n", encoding="utf-8")
    assert main(["kpi", "open_pipeline", str(file), f"invoice={bills}", "--currency", "EUR"]) == 2
    assert "amounts without a currency" in capsys.readouterr().err
