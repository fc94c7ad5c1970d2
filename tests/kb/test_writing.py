"""Commits: interrupted anywhere, raced by others, killed outright; and the same from any store."""

import subprocess
import sys
from contextlib import contextmanager
from threading import Thread

import pytest
import sqlalchemy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.adapters.sql import SqlStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import Damaged, Unavailable
from crmkit.kb import Document, SegmentIndex
from crmkit.kb.query import MatchAll
from crmkit.kb.text import Analyzer
from crmkit.testing._naive_search import NaiveIndex

from .asking import DOCUMENTS, FIELDS, IDS, QUERIES


class Interrupted(Exception):
    """The process is gone."""


class Fragile(MemoryBlobStore):
    """Fails at a write, once it was told at which; or lets somebody else act before one."""

    left = None
    before_swap = None
    before_get = None

    def get(self, name):
        act = self.before_get
        if act is not None and "/segment-" in name:
            self.before_get = None
            act()
        return super().get(name)

    def _count(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise Interrupted
            self.left -= 1

    def put(self, name, data):
        self._count()
        super().put(name, data)

    def swap(self, name, data, *, expected):
        self._count()
        act, self.before_swap = self.before_swap, None
        if act is not None:
            act()
        return super().swap(name, data, expected=expected)

    def delete(self, name):
        self._count()
        return super().delete(name)


def documents(*ids, text="vat"):
    """Documents of one word."""
    return [Document(one, {"text": text}) for one in ids]


def index_of(store, **choices):
    """An index with segments of three documents."""
    return SegmentIndex(store, fields=FIELDS, **{"segment": 3, **choices})


def contents(store):
    """All documents, as somebody sees them who comes anew."""
    return {hit.id: hit.document for hit in index_of(store).search(MatchAll(), limit=1000).hits}


@contextmanager
def interrupted(store, writes):
    """Writing fails after so many writes."""
    store.left = writes
    try:
        yield
    except Interrupted:
        pass
    finally:
        store.left = None


class Changes(RuleBasedStateMachine):
    """Two writers, a reader, interruptions; a dictionary knows better."""

    def __init__(self):
        super().__init__()
        self.store = Fragile()
        self.writers = [index_of(self.store), index_of(self.store)]
        self.known = {}

    def _may_be(self, changed):
        """The state is the one before or the one after, whole."""
        seen = contents(self.store)
        assert seen in (self.known, changed)
        self.known = seen

    @rule(
        who=st.integers(0, 1),
        some=st.lists(DOCUMENTS, max_size=5),
        gone=st.lists(IDS, max_size=3),
        writes=st.none() | st.integers(0, 25),
    )
    def change(self, who, some, gone, writes):
        """Add and delete, perhaps interrupted."""
        changed = {name: one for name, one in self.known.items() if name not in gone} | {one.id: one for one in some}
        with interrupted(self.store, writes):
            self.writers[who].apply(some, delete=gone)
            self.known = changed
        self._may_be(changed)

    @rule(who=st.integers(0, 1), writes=st.none() | st.integers(0, 25))
    def tidy(self, who, writes):
        """Merge, perhaps interrupted."""
        with interrupted(self.store, writes):
            self.writers[who].merge()

    @rule(who=st.integers(0, 1), writes=st.none() | st.integers(0, 25))
    def rebuild(self, who, writes):
        """Make it anew, perhaps interrupted."""
        with interrupted(self.store, writes):
            self.writers[who].rebuild()

    @rule(who=st.integers(0, 1))
    def vacuum(self, who):
        """Clear away what interruptions left."""
        self.writers[who].vacuum()

    @precondition(lambda self: self.known)
    @rule(
        who=st.integers(0, 1),
        first=st.lists(DOCUMENTS, min_size=1, max_size=2),
        second=st.lists(DOCUMENTS, min_size=1, max_size=2),
    )
    def race(self, who, first, second):
        """Another commits between this one's reading and its swap."""
        self.store.before_swap = lambda: self.writers[1 - who].add(first)
        self.writers[who].add(second)
        self.known |= {one.id: one for one in first} | {one.id: one for one in second}

    @rule(who=st.integers(0, 1), query=QUERIES)
    def ask(self, who, query):
        """What is found is what a scan finds."""
        answer = self.writers[who].search(query, limit=1000)
        expected = NaiveIndex(self.known.values(), FIELDS, Analyzer()).search(query)
        assert {hit.id: pytest.approx(hit.score) for hit in answer.hits} == expected

    @invariant()
    def nothing_is_lost(self):
        """Both see everything, and no ghost."""
        assert contents(self.store) == self.known
        assert [len(writer) for writer in self.writers] == [len(self.known)] * 2


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


def test_interrupted_at_every_write():
    """Whichever write is the last, the index is as before or as after, can be written to, and leaves nothing behind."""
    for writes in range(200):
        store = Fragile()
        index = index_of(store)
        for number in range(8):
            index.add(documents(f"old{number}"))
        before = contents(store)
        changed = {**before, **{one.id: one for one in documents("a", "b", "c", "old1", text="new")}}
        del changed["old0"]
        finished = False
        with interrupted(store, writes):
            index.apply(documents("a", "b", "c", "old1", text="new"), delete=["old0"])
            index.merge()
            finished = True
        assert contents(store) in ((changed,) if finished else (before, changed))
        index.add(documents("later"))
        index.merge()
        for _ in range(9):
            index.add(documents("later"))
        index.vacuum()
        assert len(contents(store)) == len(index)
        assert not index.vacuum()
        segments = {name.split("/")[1] for name in store.list("search/segment-")}
        assert len(segments) < 30
        if finished:
            break
    assert 10 < writes < 200


def test_two_writers_lose_nothing(tmp_path):
    """Four threads write to one file, each its own documents and one that all have."""

    def write(number):
        with SqliteStore(tmp_path / "index.db", durability="normal") as store:
            index = index_of(store.blobs)
            for turn in range(5):
                index.add(documents(f"{number}-{turn}", "shared"))
            index.delete([f"{number}-0"])

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"{number}-{turn}" for number in range(4) for turn in range(1, 5)} | {"shared"}
    with SqliteStore(tmp_path / "index.db") as store:
        assert set(contents(store.blobs)) == expected


def overtake(index):
    """So many commits that what was merged away before is removed for good."""
    for number in range(12):
        index.add(documents(f"new{number}"))
    index.merge()
    for number in range(12):
        index.add(documents(f"new{number}"))


@pytest.mark.parametrize(("act", "lost"), [
    (lambda index: index.search("vat", limit=100), 0), (lambda index: index.add(documents("b")), 0), (lambda index: index.delete(["a"]), 1),
    (SegmentIndex.merge, 0), (SegmentIndex.rebuild, 0), (lambda index: index.get("a"), 0),
])  # fmt: skip
def test_what_is_read_is_removed_meanwhile(act, lost):
    """A search, a commit, a merge, a rebuild whose segments somebody removes begins again with the new state."""
    store = Fragile()
    index, other = index_of(store), index_of(store)
    for number in range(4):
        index.add(documents(f"old{number}"))
    index.add(documents("a"))
    store.before_get = lambda: overtake(other)
    act(index)
    assert store.before_get is None
    expected = {"a", *(f"old{number}" for number in range(4)), *(f"new{number}" for number in range(12))}
    assert len(set(contents(store)) & expected) == len(expected) - lost
    assert len(index) == len(contents(store))


def test_a_rebuild_that_is_overtaken_begins_again():
    """What another commits while the index is made anew is in the new one."""
    store = Fragile()
    index, other = index_of(store), index_of(store)
    index.add(documents("a"))
    store.before_swap = lambda: other.add(documents("b"))
    index.rebuild()
    assert set(contents(store)) == {"a", "b"}
    assert not index.vacuum()


def test_what_is_missing_is_said():
    """A blob that somebody removed by hand is no reason to try for ever."""
    store = MemoryBlobStore()
    index = index_of(store)
    index.add(documents("a"))
    for name in list(store.list("search/segment-")):
        store.delete(name)
    for call in (
        lambda: index_of(store).search("vat"),
        lambda: index_of(store).delete(["a"]),
        lambda: index_of(store).rebuild(),
    ):
        with pytest.raises(Damaged, match="is missing"):
            call()


def test_a_vacuum_during_a_write():
    """Who clears away what another has not committed yet makes that one begin again; nothing is half written."""
    store = Fragile()
    index, other = index_of(store), index_of(store)

    def meddle():
        other.add(documents("b"))
        other.vacuum()

    store.before_swap = meddle
    with pytest.raises(Unavailable, match="do it again"):
        index.add(documents("a"))
    assert set(contents(store)) == {"b"}


LOOP = """
import sys
from crmkit.adapters.sqlite import SqliteStore
from crmkit.kb import Document, SegmentIndex
index = SegmentIndex(SqliteStore(sys.argv[1], durability="normal").blobs, segment=20)
number = 0
while True:
    index.apply([Document(f"{number}", {"text": "vat"}), Document(f"{number} twin", {"text": "vat"})], delete=[f"{number - 30}"])
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("commits", [1, 9, 40])
def test_killed(tmp_path, commits):
    """After kill -9 everything that was acknowledged is there, whole commits only, and writing goes on."""
    path = tmp_path / "index.db"
    with subprocess.Popen([sys.executable, "-c", LOOP, str(path)], stdout=subprocess.PIPE, text=True) as process:
        last = -1
        for line in process.stdout:
            last = int(line)
            if last >= commits:
                process.kill()
                break
        last = max([last, *map(int, process.stdout.read().split())])
    with SqliteStore(path) as store:
        index = SegmentIndex(store.blobs, segment=20)
        found = {hit.id for hit in index.search("vat", limit=1000).hits}
        ended = max(int(one) for one in found if "twin" not in one)
        assert ended in (last, last + 1)
        kept = {str(one) for one in range(max(0, ended - 29), ended + 1)}
        assert found == kept | {f"{one} twin" for one in range(ended + 1)}
        index.add(documents("new"))
        index.vacuum()
        assert len(index) == len(found) + 1


@pytest.fixture
def postgresql(postgresql_url):
    """Blobs in PostgreSQL."""
    engine = sqlalchemy.create_engine(postgresql_url)
    store = SqlStore(engine, tenant="search")
    store.create()
    yield store.blobs
    engine.dispose()


def test_the_same_from_any_store(tmp_path, postgresql):
    """Memory, SQLite and PostgreSQL give the same answers to the last bit."""
    answers = []
    with SqliteStore(tmp_path / "index.db") as sqlite:
        for store in (MemoryBlobStore(), sqlite.blobs, postgresql):
            index = index_of(store, segment=16)
            for start in range(0, 90, 30):
                index.add(
                    Document(str(n), {"title": f"word{n % 7}", "text": f"vat 发票 {n} word{n % 11}"}, {"k": n % 3})
                    for n in range(start, start + 30)
                )
            index.delete(map(str, range(0, 90, 9)))
            found = [index.search(one, facets=["k"], limit=50) for one in ("word3 发票", "wrd5", "vat 88")]
            answers.append([*found, index.similar("1"), index.near_terms("wordd3")])
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0].total == 80


def test_who_always_comes_second_gives_up_on_merging():
    """A writer that is overtaken at every merge stops, and what it wrote is there."""

    class Overtaken(MemoryBlobStore):
        rival = False

        def swap(self, name, data, *, expected):
            if self.rival:
                self.rival = False
                index_of(self).add(documents("rival"))
                self.rival = True
            return super().swap(name, data, expected=expected)

    store = Overtaken()
    for key in ("a", "b", "c"):
        index_of(store).add(documents(key))
    store.rival = True
    index_of(store).merge()
    store.rival = False
    assert len(index_of(store)) == 4


def test_no_word_is_corrected_to_one_that_was_deleted():
    """A word whose documents are all gone stands in the vocabulary until a merge, and for nothing."""
    index = SegmentIndex(MemoryBlobStore())
    index.add([Document("a", {"text": "invoice"}), *(Document(f"d{n}", {"text": "other"}) for n in range(9))])
    index.delete(["a"])
    assert [note.kind for note in index.search("invoise").notes] == ["dropped"]
