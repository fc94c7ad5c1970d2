"""Twins in SQL count what the kernels count, in databases that nobody here wrote."""

import json
from datetime import UTC, datetime
from itertools import product

import attrs
import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.journal import Journal
from crmkit.metrics import Facts, measure
from crmkit.metrics.figures import Figures
from crmkit.metrics.kpi import CATALOGUE, sales, service
from crmkit.metrics.kpi.cycle import ConversionCycle, StageDuration
from crmkit.metrics.sql import WITHOUT_TWIN, Asked, JournalTable, LedgerTable, Twin, twin
from crmkit.rules.dialect import identifier
from crmkit.values import Period

from ._twins import GROUPS, METRICS, TABLES, TYPES, agree, asked, facts, gathered, tables, twins


def columns_of(columns, dialect, words):
    """The columns of a table, as its definition has them."""
    types = {column: TYPES.get(column.removesuffix(" of"), "text") for column in columns}
    return ", ".join(f"{identifier(name, dialect)} {words.get(kind, kind)}" for name, kind in types.items())


def in_duckdb(base, given_):
    """Put facts into tables."""
    for name, columns in tables(given_):
        quoted = identifier(name, "duckdb")
        base.execute(f"create or replace table {quoted} ({columns_of(columns, 'duckdb', {'moment': 'timestamptz'})})")
        rows = [*zip(*columns.values(), strict=True)]
        if rows:
            base.executemany(f"insert into {quoted} values ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - our own


@settings(max_examples=12)
@given(facts(), st.sampled_from(GROUPS))
def test_duckdb_counts_what_the_kernels_count(given_, by):
    """Every metric with a twin, with all its policies, by any groups, in days that are an hour longer or shorter."""
    with duckdb.connect() as base:
        base.execute("set timezone = 'America/New_York'")
        in_duckdb(base, given_)
        for metric, expected in twins(given_, by):
            query = twin(metric, asked(by=by), tables=TABLES)
            assert agree(query, base.execute(str(query)).fetchall(), expected), metric


def literal(value):
    """A value for PostgreSQL."""
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def test_postgresql_counts_what_the_kernels_count(server):
    """The same on a server, whose zone is another."""
    for number, given_ in enumerate(gathered(facts(), 12)):
        by, script = GROUPS[number % len(GROUPS)], ["set timezone = 'Asia/Shanghai';"]
        for name, columns in tables(given_):
            quoted = identifier(name, "postgresql")
            script.append(
                f"drop table if exists {quoted}; create table {quoted} ({columns_of(columns, 'postgresql', {'moment': 'timestamptz'})});"
            )
            rows = [f"({', '.join(map(literal, row))})" for row in zip(*columns.values(), strict=True)]
            script += [f"insert into {quoted} values {', '.join(rows)};"] if rows else []  # noqa: S608 - our own
        metrics = [*twins(given_, by)]
        queries = [twin(metric, asked(by=by), tables=TABLES, dialect="postgresql") for metric, _ in metrics]
        script += [f"select coalesce(array_to_json(array_agg(v)), '[]') from ({query}) v;" for query in queries]  # noqa: S608 - our own
        lines = [json.loads(line) for line in server("\n".join(script)).splitlines()]
        for query, found, (metric, expected) in zip(queries, lines, metrics, strict=True):
            assert agree(query, [[*row.values()] for row in found], expected), metric


def test_spark_counts_what_the_kernels_count(spark):
    """The same in a session, on a larger set of facts."""
    given_ = max(gathered(facts(60, 40), 20), key=lambda one: len(one.ledger))
    for name, columns in tables(given_):
        rows = [
            tuple(None if value is None else str(value) for value in row) for row in zip(*columns.values(), strict=True)
        ]
        named = {column: identifier(column, "spark") for column in columns}
        spark.createDataFrame(rows, ", ".join(f"{quoted} string" for quoted in named.values())).createOrReplaceTempView(
            "raw"
        )
        words = {"moment": "timestamp", "text": "string"}
        kinds = {column: TYPES.get(column.removesuffix(" of"), "text") for column in columns}
        typed = [
            f"cast({named[column]} as {words.get(kind, kind)}) as {named[column]}" for column, kind in kinds.items()
        ]
        spark.sql(f"select {', '.join(typed)} from raw").createOrReplaceTempView(identifier(name, "spark"))  # noqa: S608 - our own
    for metric, expected in twins(given_, ("who",)):
        query = twin(metric, asked(by=("who",)), tables=TABLES, dialect="spark")
        assert agree(query, spark.sql(query.text).collect(), expected), metric


INVOICES = {
    "number": ["R-1", "R-2", "R-2", "C-1"], "booked": [datetime(2026, 1, 12, 9, tzinfo=UTC), datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 10, tzinfo=UTC)], "client": ["Acme", "Beta", "Beta", "Acme"],
    "cents": [120_000, 2**53, 1, -20_000], "corrects": [None, None, None, "R-1"],
}  # fmt: skip


@pytest.fixture
def base():
    """A database with a table of invoices and one of stays."""
    with duckdb.connect() as made:
        made.execute(
            "create schema sales; create table sales.invoices (number text, booked timestamptz, client text, cents bigint, corrects text)"
        )
        made.executemany("insert into sales.invoices values (?, ?, ?, ?, ?)", [*zip(*INVOICES.values(), strict=True)])
        made.execute("create table stays (deal text, phase text, began timestamptz, ended timestamptz, went text)")
        made.execute(
            "insert into stays values ('1', 'lead', '2026-01-05 00:00:00+00', '2026-01-09 00:00:00+00', 'won')"
        )
        made.execute("insert into stays values ('1', 'won', '2026-01-09 00:00:00+00', null, null)")
        yield made


TABLE = LedgerTable(("sales", "invoices"), {"id": "number", "at": "booked", "customer": "client", "minor": "cents", "refers_to": "corrects"},
                    kind="invoice", currency="EUR")  # fmt: skip
STAYS = JournalTable("stays", {"case": "deal", "stage": "phase", "entered": "began", "left": "ended", "next": "went"})
PRICED = attrs.evolve(STAYS, columns={**STAYS.columns, "amount": "worth"})
YEAR = Asked(over=Period.year(2026), every="month", as_of=datetime(2026, 2, 28, 23, tzinfo=UTC), tz="Europe/Berlin",
             stages=("lead", "won"), since=datetime(2026, 1, 1, tzinfo=UTC))  # fmt: skip


def states(base, asked_, metrics=("invoiced", "new_customers", "win_rate")):
    """The states of metrics, from the database."""
    made = [twin(metric, asked_, tables=[TABLE, STAYS]) for metric in metrics]
    return {query.metric: query.read(base.execute(query.text).fetchall()) for query in made}


def test_figures_of_states(base):
    """Figures are the same as of facts: 23:30 in London is February in Berlin, and money beyond 2^53 is exact."""
    by_customer = attrs.evolve(YEAR, by="customer")
    found = Figures.from_states(states(base, by_customer, ["invoiced", "new_customers"]), by_customer)
    assert str(found["invoiced", "Beta", "2026-02"].exact) == "90071992547409.93 EUR"
    assert [found["new_customers", "Beta", month].exact for month in ("2026-01", "2026-02")] == [0, 1]
    assert found.explain(found["invoiced", "Acme", "2026-01"]).rows == {}
    deals = Figures.from_states(states(base, YEAR, ["win_rate"]), YEAR)
    assert (deals["win_rate", "2026-01"].n, deals["win_rate", "2026-01"].value) == (1, 1.0)


def test_comparisons_of_states(base):
    """The period before, which is counted, too; and a comparison that cannot be made."""
    months = attrs.evolve(YEAR, over=Period.month(2026, 2), every=None, versus="previous")
    found = Figures.from_states(states(base, months, ["invoiced"]), months)
    assert [row.period for row in found] == ["2026-02"]
    assert found["invoiced"].base == 1200
    with pytest.raises(InvalidValue, match="not grouped by"):
        Figures.from_states(states(base, YEAR), attrs.evolve(YEAR, versus={"region": "North"}))
    twice = {sales.Invoiced(): {}, sales.Invoiced(credit_notes="with the invoice"): {}}
    with pytest.raises(InvalidValue, match="asked for twice"):
        Figures.from_states(twice, YEAR)


def test_states_merge_with_those_of_kernels(base):
    """What a database counted and what was counted here add up."""
    from crmkit.journal import Ledger

    frame = {**INVOICES, "at": INVOICES["booked"], "net": ["1.00", "2.00", "3.00", "4.00"]}
    ledger = Ledger.from_frame(
        frame, kind="invoice", id="number", at="at", customer="client", amount="net", currency="EUR"
    )
    here = measure(
        Facts(ledger=ledger, tz="Europe/Berlin"), "invoiced", over=YEAR.over, every="month", as_of=YEAR.as_of
    )
    both = Figures.from_states(states(base, YEAR, ["invoiced"]), YEAR).merge(here)
    assert str(both["invoiced", "2026-01"].exact) == "1201.00 EUR"


def test_every_kpi_has_a_twin_or_a_reason():
    """None is forgotten."""
    tested = {metric.key for metric in METRICS}
    assert tested | WITHOUT_TWIN.keys() == {metric.key for metric in CATALOGUE}
    assert not tested & WITHOUT_TWIN.keys()
    for key, reason in WITHOUT_TWIN.items():
        with pytest.raises(InvalidValue, match=reason.split(",")[0].replace("(", ".").replace(")", ".")):
            twin(key, YEAR, tables=[TABLE])


def test_costs_of_several_currencies_have_no_mean(base):
    """A ticket without costs has no currency: the rows of the database say of which there are, and are refused."""
    base.execute("create table costs (no text, day timestamptz, ticket text, net decimal(9, 2), unit text)")
    base.execute(
        "insert into costs values ('1', '2026-01-09 12:00:00+00', 'D1', 5, 'EUR'), ('2', '2026-01-10 12:00:00+00', 'D1', 7, 'JPY')"
    )
    costs = LedgerTable(
        "costs", {"id": "no", "at": "day", "case": "ticket", "amount": "net", "currency": "unit"}, kind="expense"
    )
    given = [costs, attrs.evolve(STAYS, of="service")]
    query = twin("cost_per_ticket", attrs.evolve(YEAR, service_stages=("lead", "won")), tables=given)
    case = base.execute("select deal from stays").fetchone()[0]
    base.execute("update costs set ticket = ?", [case])
    with pytest.raises(InvalidValue, match=r"EUR, JPY.*several currencies"):
        query.read(base.execute(query.text).fetchall())


@attrs.frozen
class Mine(sales.Booked):
    """Somebody's own metric."""


BAD = [
    (lambda: twin("invoced", YEAR, tables=[TABLE]), NotFound, "did you mean 'invoiced'"),
    (lambda: twin(Mine(), YEAR, tables=[TABLE]), InvalidValue, "none of the catalogue"),
    (lambda: twin("invoiced", YEAR, tables=[TABLE], dialect="postgres"), InvalidValue, "did you mean 'postgresql'"),
    (lambda: twin("invoiced", YEAR, tables=[STAYS]), InvalidValue, "have no ledger"),
    (lambda: twin(ConversionCycle(days="business"), YEAR, tables=[STAYS]), InvalidValue, "the database has no calendar"),
    (lambda: twin(StageDuration(days="business"), YEAR, tables=[STAYS]), InvalidValue, "the database has no calendar"),
    (lambda: twin("win_rate", YEAR, tables=[TABLE]), InvalidValue, "have no journal journal"),
    (lambda: twin("first_response", YEAR, tables=[STAYS]), InvalidValue, "have no service journal"),
    (lambda: twin("win_rate", attrs.evolve(YEAR, stages=None), tables=[STAYS]), InvalidValue, "does not know their order"),
    (lambda: twin("invoiced", attrs.evolve(YEAR, by=("no such",)), tables=[TABLE]), NotFound, "no such"),
    (lambda: twin("sales_expense", YEAR, tables=[TABLE]), None, ""),
    (lambda: twin(next(m for m in METRICS if m.policies.get("categories")), YEAR, tables=[TABLE]), NotFound, "category"),
    (lambda: twin("open_pipeline", YEAR, tables=[STAYS]), InvalidValue, "journal without amounts"),
    (lambda: twin("open_pipeline", YEAR, tables=[PRICED]), InvalidValue, "amounts without a currency"),
    (lambda: twin("win_rate", YEAR, tables=[STAYS, STAYS]), InvalidValue, "given twice"),
    (lambda: twin("invoiced", YEAR, tables=[LedgerTable("a\0b", TABLE.columns, kind="invoice")]), InvalidValue, "cannot be the name"),
    (lambda: twin(service.FirstResponse(waiting="neww"), asked(), tables=TABLES), NotFound, "did you mean 'new'"),
    (lambda: LedgerTable("t", ["id"]), InvalidValue, "do not say which is at, kind"),
    (lambda: LedgerTable("t", ["id", "at", "amount", "minor"], kind="order"), InvalidValue, "twice"),
    (lambda: LedgerTable("t", ["id", "at"], kind="order", currency="Euro"), InvalidValue, "no ISO 4217"),
    (lambda: JournalTable("t", ["case", "stage", "entered"]), InvalidValue, "left, next"),
    (lambda: JournalTable("t", ["case", "stage", "entered", "left", "next"], of="deals"), NotFound, "deals"),
    (lambda: attrs.evolve(YEAR, as_of=datetime(2026, 1, 1)), NaiveDatetime, "as_of"),  # noqa: DTZ001 - the point
]  # fmt: skip


@pytest.mark.parametrize(("made", "error", "words"), BAD)
def test_what_cannot_be_asked(made, error, words):
    """Metrics, tables and columns that are not there; half a table; a naive instant."""
    if error is None:
        assert isinstance(made(), Twin)
        return
    with pytest.raises(error, match=words):
        made()


def test_what_does_not_belong_is_refused(base):
    """Stages that the order lacks, and the rows of another statement."""
    query = twin("win_rate", attrs.evolve(YEAR, stages=("lead",)), tables=[STAYS])
    with pytest.raises(InvalidValue, match=r"won.* lacks this stage"):
        query.read(base.execute(query.text).fetchall())
    other = twin("invoiced", YEAR, tables=[TABLE])
    with pytest.raises(InvalidValue, match="are not those of win_rate"):
        query.read(base.execute(other.text).fetchall())


def test_amounts_have_the_places_of_their_currency(base):
    """Yen have none and dinars three; an amount with more is of no currency, and what has none is counted apart."""
    base.execute('create table paid (id text, "at" timestamptz, amount decimal(12, 4), currency text)')
    rows = [
        ("1", "5", "JPY"),
        ("2", "5.5", "JPY"),
        ("3", "1.234", "KWD"),
        ("4", "1.234", "EUR"),
        ("5", "1.23", "EUR"),
        ("6", "1", None),
        ("7", None, "EUR"),
    ]
    base.executemany("insert into paid values (?, '2026-01-05 12:00:00+00', ?, ?)", rows)
    query = twin("unapplied", YEAR, tables=[LedgerTable("paid", ["id", "at", "amount", "currency"], kind="payment")])
    state = query.read(base.execute(query.text).fetchall())
    assert state["amount"].table() == [
        ("2026-01", "EUR", 0, 123),
        ("2026-01", "JPY", 0, 5),
        ("2026-01", "KWD", 0, 1234),
    ]
    assert state["unusable"].table() == [("2026-01", 0, 4)]


def test_tables_together_are_the_ledger(base):
    """Invoices in one table and orders in another, each with columns that the other lacks; revisions are numbered."""
    base.execute('create table orders (id text, "at" timestamptz, region text)')
    base.execute(
        "insert into orders values ('O', '2026-01-05 12:00:00+00', 'north'), ('O', '2026-02-05 12:00:00+00', 'south')"
    )
    tables_ = [TABLE, LedgerTable("orders", ["id", "at", "region"], kind="order")]
    query = twin("booked", attrs.evolve(YEAR, by="region"), tables=tables_)
    assert query.read(base.execute(query.text).fetchall())["unusable"].table() == [("south", "2026-02", 0, 1)]
    quotes = twin("quotes", YEAR, tables=[LedgerTable("orders", ["id", "at"], kind="quote")])
    state = quotes.read(base.execute(quotes.text).fetchall())
    assert (state["n"].table(), state["revisions"].table()) == ([("2026-01", 0, 1)], [("2026-02", 0, 1)])


def test_a_case_that_is_not_there_has_no_group(base):
    """Facts of the ledger are grouped by what their deal had as it was opened."""
    base.execute('create table costs (id text, "at" timestamptz, amount decimal(9, 2), deal text)')
    base.execute(
        "insert into costs values ('1', '2026-01-05 12:00:00+00', 5, '1'), ('2', '2026-01-05 12:00:00+00', 7, '9')"
    )
    base.execute("alter table stays add column team text; update stays set team = phase")
    costs = LedgerTable(
        "costs", {"id": "id", "at": "at", "amount": "amount", "case": "deal"}, kind="expense", currency="EUR"
    )
    stays = attrs.evolve(STAYS, columns={**STAYS.columns, "team": "team"})
    query = twin("sales_expense", attrs.evolve(YEAR, by="team"), tables=[costs, stays])
    state = query.read(base.execute(query.text).fetchall())
    assert state["amount"].table() == [("lead", "2026-01", "EUR", 0, 500), (None, "2026-01", "EUR", 0, 700)]


def test_open_deals_in_one_currency(base):
    """A deal is worth the last that it said, in the currency of the table; 90 days later it is won."""
    base.execute("alter table stays add column worth decimal(9, 2)")
    base.execute("insert into stays values ('2', 'lead', '2026-01-20 00:00:00+00', null, null, 12.5)")
    base.execute("update stays set worth = 7 where deal = '1' and phase = 'lead'")
    euros = attrs.evolve(PRICED, currency="EUR")
    made = [twin(key, YEAR, tables=[euros]) for key in ("open_pipeline", "expected_revenue", "expected_wins")]
    found = Figures.from_states({one.metric: one.read(base.execute(one.text).fetchall()) for one in made}, YEAR)
    assert [str(found["open_pipeline", month].exact) for month in ("2026-01", "2026-02")] == ["12.50 EUR"] * 2
    journal = Journal.from_frame(
        {
            "case": ["1", "1", "2"], "stage": ["lead", "won", "lead"], "amount": ["7", None, "12.5"],
            "at": [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 9, 20)],
        },
        case="case", stage="stage", at="at", amount="amount",
    )  # fmt: skip
    facts_ = Facts(journal=journal, stages=("lead", "won"), currency="EUR", tz="Europe/Berlin")
    here = measure(facts_, ["expected_revenue", "expected_wins"], over=YEAR.over, every="month", as_of=YEAR.as_of)
    for key, month in product(("expected_revenue", "expected_wins"), ("2026-01", "2026-02")):
        assert found[key, month].value == here[key, month].value > 0
