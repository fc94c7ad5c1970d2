"""Tenants never meet: whatever is called, each sees what it would see alone; and hostile texts are texts."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from itertools import count

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryStore
from crmkit.adapters.moving import export_store
from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.cli import main
from crmkit.errors import Conflict, CrmkitError, KeyReused
from crmkit.events import Edited
from crmkit.feed.projections import Projection
from crmkit.feed.subscriptions import Subscription
from crmkit.kb import Document, SegmentIndex, Text
from crmkit.kb.query import In
from crmkit.privacy import Subject, erase, report
from crmkit.protocols import Query
from crmkit.testing.contracts import HOSTILE_KEYS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NUMBERS = count()
TEXTS = (
    *HOSTILE_KEYS, "%", "_", "*", "?", "' OR '1'='1", '" OR ""="', "a;b", "\\'", "`", "--", "/*", "${x}", "{0}", "\x1b[31m",
    "\u202eevil", "\u05d0\u05d1", "👩‍👩‍👧", "\u200b", "../../etc", "x" * 5_000, "默认' ; --", "\ufeff", "default", "DEFAULT ",
)  # fmt: skip
HALF = "\ud800"


@pytest.fixture(params=["sqlite", "sql on sqlite", "postgresql", "mariadb"])
def opened(request, tmp_path):
    """From a tenant to its store, in one database for all; and how many runs it is worth."""
    if request.param == "sqlite":
        stores = {}

        def open_one(tenant):
            if tenant not in stores:
                stores[tenant] = SqliteStore(tmp_path / "all.db", tenant=tenant, durability="normal")
            return stores[tenant]

        yield open_one, 20
        for store in stores.values():
            store.close()
        return
    file = f"sqlite:///{tmp_path / 'all.db'}"
    url = file if request.param == "sql on sqlite" else request.getfixturevalue(f"{request.param}_url")
    engine = sqlalchemy.create_engine(url)
    SqlStore(engine).create()
    yield lambda tenant: SqlStore(engine, tenant=tenant), 6
    engine.dispose()


def fact(name, number):
    """An event in which a text stands everywhere."""
    return Edited(id=f"{name}#{number}", case=name, at=NOW, recorded=NOW, key=f"{name}/{number}", who=name,
                  data={name or "-": name, "n": number})  # fmt: skip


def folded(state, recorded):
    """How many events there were of each case."""
    return {**state, recorded.event.case: state.get(recorded.event.case, 0) + 1}


def projection(store):
    """Of a store."""
    return Projection("count", folded, store.events, store.records)


CALLS = {
    "append": lambda store, name, n: store.events.append([fact(name, n)]) and None,
    "append unless": lambda store, name, n: store.events.append([fact(name, n)], unless=Query(cases=[name])) and None,
    "append unless key": lambda store, name, n: store.events.append([fact(name, n)], unless=Query(keys=[f"{name}/0"])) and None,
    "read": lambda store, name, n: [one.event for one in store.events.read(Query(cases=[name]))],
    "put": lambda store, name, n: store.records.put(name, f"{n}", {name: name, "n": n}),
    "put other": lambda store, name, n: store.records.put("kind", name, {"text": name}),
    "get": lambda store, name, n: (store.records.get(name, f"{n}"), store.records.get("kind", name)),
    "find": lambda store, name, n: [*store.records.find("kind", {"text": name})],
    "delete": lambda store, name, n: store.records.delete("kind", name),
    "kinds": lambda store, name, n: [*store.records.kinds()],
    "blob": lambda store, name, n: store.blobs.put(f"own/{name}", name.encode()),
    "swap": lambda store, name, n: store.blobs.swap(f"own/{name}", b"new", expected=name.encode() if n else None),
    "blobs": lambda store, name, n: [(one, store.blobs.get(one)) for one in store.blobs.list(f"own/{name}")],
    "drop": lambda store, name, n: store.blobs.delete(f"own/{name}"),
    "index": lambda store, name, n: SegmentIndex(store.blobs).apply([Document(name or "-", {"text": f"word {name}"}, {"f": name})]),
    "search": lambda store, name, n: sorted(hit.id for hit in SegmentIndex(store.blobs).search(
        Text("word", exact=True), filters=[In("f", [name])] if n else [], limit=100).hits),
    "poll": lambda store, name, n: Subscription("feed", store.events, store.records).poll(lambda _: None).handled,
    "project": lambda store, name, n: projection(store).advance().state,
    "verify": lambda store, name, n: [[*store.events.verify()], [*map(str, SegmentIndex(store.blobs).verify())], [*projection(store).verify()]],
}  # fmt: skip


def outcome(call, store, name, number):
    """What a call gives, or the class of what it raises."""
    try:
        return call(store, name, number)
    except (Conflict, KeyReused) as error:
        return type(error).__name__


def content(store, folder):
    """All that a store holds, as its export says, but for positions: those of a file are shared by its tenants."""
    export_store(store, (file := folder / f"{next(NUMBERS)}.jsonl"))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return sorted(
        json.dumps(
            {name: value for name, value in line.items() if name not in ("position", "sum", "end")}, sort_keys=True
        )
        for line in lines
        if "blob" not in line and line.get("record", {}).get("kind", "").partition(".")[0] != "crmkit"
    )


def test_each_tenant_sees_what_it_would_see_alone(opened, tmp_path):
    """Random calls of three tenants in one database give what they give in a memory of each tenant's own."""
    open_one, runs = opened
    step = st.tuples(
        st.integers(0, 2), st.sampled_from([*CALLS]), st.sampled_from(TEXTS[:14] + TEXTS[-4:]), st.integers(0, 1)
    )

    @settings(max_examples=runs, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(TEXTS), min_size=3, max_size=3, unique=True), st.lists(step, max_size=25))
    def check(names, steps):
        run = f"run {next(NUMBERS)} "
        tenants = [run + name for name in names]
        stores, alone = [open_one(tenant) for tenant in tenants], [MemoryStore() for _ in tenants]
        for who, what, name, number in steps:
            found, wanted = (outcome(CALLS[what], one[who], name, number) for one in (stores, alone))
            assert found == wanted, (tenants[who], what, name)
        for one, other in zip(stores, alone, strict=True):
            assert content(one, tmp_path) == content(other, tmp_path)

    check()


def test_to_forget_for_one_tenant_changes_no_other(opened, tmp_path):
    """The same person is with two tenants: erased with one, they stay with the other; reports see one tenant alone."""
    open_one, _ = opened
    run = next(NUMBERS)
    one, other = open_one(f"{run} a"), open_one(f"{run} a ")
    for store in (one, other):
        store.events.append([Edited(id="1", case="D", at=NOW, recorded=NOW, data={"note": "Eva Meier called"})])
        store.records.put("contact", "C-7", {"name": "Eva Meier"})
        SegmentIndex(store.blobs).apply([Document("1", {"text": "Eva Meier wrote"})])
    eva = Subject(texts=["Eva Meier"], records=[("contact", "C-7")])
    before = content(other, tmp_path)
    held = len(report(eva, other, indexes={"search": SegmentIndex(other.blobs)}).held)
    erase(one, eva, at=NOW, indexes={"search": SegmentIndex(one.blobs)}, scrub=False)
    assert content(other, tmp_path) == before
    assert len(report(eva, other, indexes={"search": SegmentIndex(other.blobs)}).held) == held > 2
    left = report(eva, one, indexes={"search": SegmentIndex(one.blobs)}).held
    assert all("Eva" not in place.text for place in left)
    assert SegmentIndex(other.blobs).search(Text("Meier")).total == 1
    assert [*one.events.verify()] == [*other.events.verify()] == []


def test_hostile_texts_are_stored_and_found_verbatim(opened):
    """Ids, keys, cases, names of fields, values, kinds, names of blobs, filters: as they were given, and one by one."""
    open_one, _ = opened
    store = open_one(f"texts {next(NUMBERS)}")
    facts = [fact(name, 0) for name in TEXTS]
    store.events.append(facts)
    assert [one.event for one in store.events.read()] == facts
    for name in TEXTS:
        assert [one.event for one in store.events.read(Query(cases=[name], keys=[f"{name}/0"]))] == [fact(name, 0)]
        store.records.put(name, name, {name or "-": name})
        store.blobs.put(name, name.encode())
    for name in TEXTS:
        assert [one.value for one in store.records.find(name, {name or "-": name})] == [{name or "-": name}]
        assert store.blobs.get(name) == name.encode()
    assert sorted(store.blobs.list()) == sorted(store.records.kinds()) == sorted(TEXTS)
    index = SegmentIndex(store.blobs, "index")
    index.apply([Document(f"id {name}", {"text": f"all {name}"}, {"f": name}) for name in TEXTS])
    for name in TEXTS:
        assert [hit.id for hit in index.search(Text("all"), filters=[In("f", [name])]).hits] == [f"id {name}"]
        index.search(Text(name))


def test_half_a_character_is_refused_everywhere(opened):
    """As id, case, key, tenant, kind, value or name of a blob: one clear error, and nothing is stored."""
    open_one, _ = opened
    store = open_one(f"half {next(NUMBERS)}")
    for attempt in (
        lambda: store.events.append([fact(HALF, 0)]), lambda: store.records.put(HALF, "1", {}),
        lambda: store.records.put("k", HALF, {}), lambda: store.records.put("k", "1", {"a": HALF}),
        lambda: store.blobs.put(HALF, b""), lambda: open_one(HALF).events.append([fact("a", 0)]),
    ):  # fmt: skip
        with pytest.raises(CrmkitError, match="half of a character"):
            attempt()
    assert ([*store.events.read()], [*store.records.kinds()], [*store.blobs.list()]) == ([], [], [])


@pytest.mark.parametrize("text", [name for name in TEXTS if name])
def test_hostile_words_on_the_command_line(tmp_path, text):
    """Of a tenant, a person, a query and a filter: an answer or one clear line, and no other tenant is seen."""
    path = tmp_path / "crm.db"
    with SqliteStore(path, tenant=text) as mine, SqliteStore(path, tenant="somebody else") as theirs:
        for store in (mine, theirs):
            store.events.append([fact("own" if store is mine else "foreign", 0)])
        SegmentIndex(mine.blobs).apply([Document("1", {"text": "own"})])
        theirs.records.put("secret", "1", {"text": text})
    for words, good in (
        (["store", "verify", str(path), f"--tenant={text}"], {0}),
        (["store", "export", str(path), str(tmp_path / "out.jsonl"), f"--tenant={text}"], {0}),
        (["store", "person", str(path), f"--tenant={text}", f"--text={text}", f"--id={text}"], {0, 2}),
        (["kb", "search", str(path), "--", text], {0, 2}),
        (["kb", "search", str(path), f"--where=f={text}", "own"], {0, 2}),
        (["kb", "search", str(path), f"--name={text}", "own"], {2}),
    ):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            assert main(words) in good, (words, out.getvalue(), err.getvalue())
        assert "foreign" not in out.getvalue()
        assert "Traceback" not in err.getvalue()
        assert err.getvalue().count("\n") <= 1
    assert "foreign" not in (tmp_path / "out.jsonl").read_text(encoding="utf-8")
