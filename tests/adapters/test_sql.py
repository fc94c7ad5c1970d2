"""What only a database of the host's can go wrong with: its transactions, its isolation, its migrations, its damage."""

from itertools import count, product

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sql_schema import SCHEMA_VERSION, original, readable, tables
from crmkit.desk import Desk
from crmkit.errors import Conflict, Damaged, InputError, InvalidValue, KeyReused, Unavailable
from crmkit.events import Edited
from crmkit.pipeline import Pipeline, Stage
from crmkit.protocols import BlobStore, EventStore, Query, RecordStore
from crmkit.values import from_micros

NOW = from_micros(1_767_600_000_000_000)
NUMBERS = count()
DEALS = Pipeline("deals", ["lead", Stage("won", "won")], {"lead": {"sign": "won"}})


class Base(DeclarativeBase):
    """The host's own tables."""


class Order(Base):
    """A row of the ERP."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    deal: Mapped[str] = mapped_column(sa.String(50))


def fact(number, case="D", **how):
    """A small event."""
    return Edited(id=f"{case}#{number}", case=case, at=NOW, recorded=NOW, data={"n": number, "text": "价格"}, **how)


@pytest.fixture
def engine(url):
    """The host's engine."""
    made = sa.create_engine(url)
    yield made
    with made.begin() as connection:
        Base.metadata.drop_all(connection)
    made.dispose()


@pytest.fixture
def tenant():
    """A tenant of its own."""
    return f"host {next(NUMBERS)}"


@pytest.fixture
def store(engine, tenant):
    """A store with transactions of its own."""
    made = SqlStore(engine, tenant=tenant)
    made.create()
    return made


def ids(store):
    """What is stored."""
    return [recorded.event.id for recorded in store.events.read()]


def test_it_satisfies_the_protocols(store):
    """The three parts are what the protocols ask for; making the tables again changes nothing."""
    store.create()
    assert isinstance(store.events, EventStore)
    assert isinstance(store.records, RecordStore)
    assert isinstance(store.blobs, BlobStore)


def test_a_fact_commits_with_the_hosts_own_row(engine, store, tenant):
    """The order and the move are there together after the host's commit, and neither after its rollback."""
    Base.metadata.create_all(engine)
    Desk(store.events, DEALS, lambda: NOW).open("D-1")
    for outcome in ("rollback", "commit"):
        with Session(engine) as session:
            session.add(Order(id=7, deal="D-1"))
            desk = Desk(SqlStore(session, tenant=tenant).events, DEALS, lambda: NOW)
            assert desk.move("D-1", "sign").stage == "won"
            getattr(session, outcome)()
        found = [recorded.event.type for recorded in store.events.read()]
        with Session(engine) as session:
            orders = session.scalars(sa.select(Order.deal)).all()
        assert (found, orders) == ((["Opened", "Moved"], ["D-1"]) if outcome == "commit" else (["Opened"], []))
    assert [recorded.position for recorded in store.events.read()] == [1, 2]
    assert not list(store.events.verify())


def test_a_refusal_leaves_the_hosts_transaction_alive(engine, store, tenant):
    """A conflict, a reused key and a retry inside the host's transaction: its own row still commits."""
    Base.metadata.create_all(engine)
    store.events.append([fact(1, key="k")])
    with engine.connect() as connection:
        connection.execute(sa.insert(Order).values(id=1, deal="D"))
        inside = SqlStore(connection, tenant=tenant)
        with pytest.raises(Conflict):
            inside.events.append([fact(2)], unless=Query(cases=["D"]))
        with pytest.raises(KeyReused):
            inside.events.append([fact(2), fact(3, key="k")])
        assert inside.events.append([fact(1, key="k")]) == 1
        assert inside.events.append([fact(2)]) == 2
        inside.records.put("customer", "C", {"name": "Acme"})
        inside.blobs.put("b", b"1")
        connection.commit()
    assert ids(store) == ["D#1", "D#2"]
    assert store.records.get("customer", "C").version == 1
    with engine.connect() as connection:
        assert connection.scalar(sa.select(Order.deal)) == "D"


@pytest.mark.parametrize(("name", "isolation"), [
    ("postgresql", "READ COMMITTED"), ("postgresql", "REPEATABLE READ"), ("postgresql", "SERIALIZABLE"),
    # In MariaDB's SERIALIZABLE readers lock: whoever appends waits for them.
    ("mariadb", "READ COMMITTED"), ("mariadb", "REPEATABLE READ"),
])  # fmt: skip
def test_an_old_snapshot_does_not_hide_a_conflict(request, tenant, name, isolation):
    """The host read long ago, in any isolation; what was appended since breaks the condition, or the transaction."""
    engine = sa.create_engine(request.getfixturevalue(f"{name}_url"))
    store = SqlStore(engine, tenant=tenant)
    store.create()
    store.events.append([fact(1)])
    with engine.connect().execution_options(isolation_level=isolation) as connection:
        inside = SqlStore(connection, tenant=tenant)
        assert len(list(inside.events.read())) == 1
        store.events.append([fact(2)])
        with pytest.raises((Conflict, Unavailable)):
            inside.events.append([fact(3)], unless=Query(cases=["D"]), after=1)
        connection.rollback()
    assert ids(store) == ["D#1", "D#2"]
    engine.dispose()


def test_a_busy_hosts_transaction_is_told(engine, store, tenant):
    """While another transaction holds the tenant's row, one with a short patience is refused with what the database said."""
    store.events.append([fact(0)])
    with engine.connect() as first, engine.connect() as second:
        SqlStore(first, tenant=tenant).events.append([fact(1)])
        patience = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = '50ms'",
                    "mariadb": "SET innodb_lock_wait_timeout = 1"}  # fmt: skip
        second.exec_driver_sql(patience[engine.dialect.name])
        second.commit()
        with pytest.raises(Unavailable, match=r"(?i)lock"):
            SqlStore(second, tenant=tenant).events.append([fact(2)])
        second.rollback()
        first.commit()
    assert ids(store) == ["D#0", "D#1"]


def test_tenants_are_apart(engine, store):
    """Equal ids, keys, records and blobs of two tenants do not meet; one differs from the other by a blank."""
    other = SqlStore(engine, tenant=f"host {next(NUMBERS)} ")
    for one in (store, other):
        one.events.append([fact(1, key="k")], unless=Query())
        one.records.put("c", "1", {"x": 1})
        one.blobs.put("s", b"1")
    assert not other.records.delete("c", "2")
    assert other.records.delete("c", "1")
    assert store.records.get("c", "1") is not None
    assert [len(list(one.events.read())) for one in (store, other)] == [1, 1]


def test_many_at_once_and_what_is_wrong_with_them(store):
    """Thousands in one append (COPY on PostgreSQL) read back equal; one taken key among them stores none."""
    facts = [fact(n, key=f"k{n}") for n in range(1, 4501)]
    assert store.events.append(facts) == 4500
    assert [recorded.event for recorded in store.events.read()] == facts
    more = [fact(n, case="E", key=f"e{n}") for n in range(1, 200)]
    with pytest.raises(KeyReused, match="k7"):
        store.events.append([*more, fact(1, case="F", key="k7")])
    assert store.events.append([]) == 4500
    assert store.events.append(facts) == 4500
    assert list(store.events.read(Query(cases=["E"]))) == []


def damage(engine, tenant, statement, **values):
    """Change rows behind the store's back."""
    with engine.begin() as connection:
        known = tables().tenants.c
        key = connection.scalar(sa.select(known.tenant).where(known.name == tenant))
        connection.execute(sa.text(statement), {"tenant": key, **values})


@pytest.mark.parametrize(("statement", "said"), [
    ("UPDATE crmkit_events SET body = '{}' WHERE tenant = :tenant AND position = 2", "checksum"),
    ("UPDATE crmkit_events SET case_digest = id_digest WHERE tenant = :tenant AND position = 2", "does not match its text"),
    ("DELETE FROM crmkit_events WHERE tenant = :tenant AND position = 2", "position 2: 1 events are missing"),
    ("DELETE FROM crmkit_events WHERE tenant = :tenant AND position > 1", "position 2: 2 events are missing"),
])  # fmt: skip
def test_damage_is_found(engine, store, tenant, statement, said):
    """A changed text, a changed key, a row that is gone: each with its position."""
    store.events.append([fact(n) for n in (1, 2, 3)])
    assert not list(store.events.verify())
    damage(engine, tenant, statement)
    assert [said in line for line in store.events.verify()] == [True]
    if said == "checksum":
        with pytest.raises(Damaged, match="position 2"):
            list(store.events.read())


def test_an_unreadable_event_with_a_right_checksum_is_damage_too(engine, store, tenant):
    """A text that is no event is damage, not a traceback from inside."""
    from crmkit.events import checksum

    store.events.append([fact(1)])
    statement = "UPDATE crmkit_events SET body = '{}', checksum = :checksum WHERE tenant = :tenant"
    damage(engine, tenant, statement, checksum=checksum("{}"))
    with pytest.raises(Damaged, match="has no type"):
        list(store.events.read())


def test_without_tables_the_error_says_what_to_do(url):
    """Reading and writing before `create`: one clear error, without a password in it."""
    engine = sa.create_engine(url)
    store = SqlStore(engine, prefix="nowhere_")
    for attempt in (lambda: list(store.events.read()), lambda: store.events.append([fact(1)])):
        with pytest.raises(Unavailable, match=r"make the tables with SqlStore.create\(\)"):
            attempt()
    engine.dispose()


def test_a_newer_schema_is_refused(engine):
    """Tables of a newer crmkit are not touched."""
    store = SqlStore(engine, prefix="newer_")
    store.create()
    with engine.begin() as connection:
        connection.execute(sa.update(store.tables.schema).values(version=SCHEMA_VERSION + 1))
    with pytest.raises(InputError, match="newer crmkit"):
        store.create()
    with engine.begin() as connection:
        store.tables.metadata.drop_all(connection)


def test_a_hosts_migrations_see_the_tables(engine):
    """Declared in the host's MetaData they are made with its own tables, and a comparison finds nothing to change."""
    metadata = sa.MetaData()
    sa.Table("hosts_own", metadata, sa.Column("id", sa.Integer, primary_key=True))
    tables(metadata, prefix="mig_")
    with engine.begin() as connection:
        metadata.create_all(connection)
        inspector = sa.inspect(connection)
        assert {"hosts_own", "mig_events", "mig_tenants", "mig_records", "mig_blobs", "mig_schema"} <= {
            *inspector.get_table_names()
        }
        found = {column["name"] for column in inspector.get_columns("mig_events")}
        assert found == {column.name for column in metadata.tables["mig_events"].columns}
    store = SqlStore(engine, prefix="mig_")
    assert store.events.append([fact(1)]) == 1
    with engine.begin() as connection:
        metadata.drop_all(connection)


def test_a_database_that_is_not_there():
    """One clear error, and the password is not in it."""
    engine = sa.create_engine("postgresql+psycopg://crm:secret@127.0.0.1:1/nowhere")
    with pytest.raises(Unavailable) as caught:
        list(SqlStore(engine).events.read())
    assert "secret" not in str(caught.value)
    engine.dispose()
    with pytest.raises(InvalidValue, match="is no SQLAlchemy Engine"):
        SqlStore("postgresql://crm@/crm")


def test_half_a_character_is_refused(store):
    """A lone surrogate cannot be UTF-8; it is refused before anything is written."""
    for attempt in (
        lambda: store.events.append([fact(1, case="\ud800")]),
        lambda: store.records.put("k", "\ud800", {}),
        lambda: store.records.put("k", "i", {"x": "\ud800"}),
        lambda: store.blobs.put("\ud800", b""),
        lambda: list(store.events.read(Query(cases=["\ud800"]))),
    ):
        with pytest.raises(InvalidValue, match="half of a character"):
            attempt()
    assert ids(store) == []


def test_too_many_names_are_refused(store):
    """What no driver takes in one statement is one clear error."""
    with pytest.raises(InvalidValue, match="ask in parts"):
        list(store.events.read(Query(cases=[str(n) for n in range(30_001)])))


def test_texts_for_people_can_be_read_back():
    """Without NUL, and exact, whatever stands for it."""
    for length in range(6):
        for parts in product("\x00\N{SYMBOL FOR NULL}0", repeat=length):
            text = "".join(parts)
            assert "\x00" not in readable(text)
            assert original(readable(text)) == text
    assert readable("D-1") == "D-1"
