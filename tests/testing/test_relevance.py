"""The figures of a search on judged questions: by hand, on real collections, from the command line."""

import json
import math

import attrs
import numpy as np
import pytest

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import SegmentIndex, Text
from crmkit.kb._simplified import SIMPLIFIED
from crmkit.testing.relevance import Collection, command, measure, misspelled, rarest

FILES = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")


def arguments(shared, name):
    """The options that name a shared collection."""
    found = [shared("data", "search", name, file) for file in FILES]
    return [
        str(part)
        for option, path in zip(("--corpus", "--queries", "--qrels"), found, strict=True)
        for part in (option, path)
    ]


def figures(capsys, options):
    """What the command prints as JSON."""
    assert command([*options, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def small(tmp_path):
    """A collection of three documents."""
    rows = [
        {"id": 1, "title": "vat", "text": "invoice"},
        {"id": 2, "text": "credit note"},
        {"id": 3, "title": None, "text": "stamp"},
    ]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [{"id": "a", "text": "a vat invoice"}, {"id": "b", "text": "no words"}, {"id": "c", "text": "not judged"}]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    (tmp_path / "qrels.tsv").write_text("query\tdocument\tgain\na\t1\t1\na\t2\t0\nb\t3\t2\n")
    return tmp_path


def options(folder):
    """The options that name its files."""
    return ["--corpus", str(folder / FILES[0]), "--queries", str(folder / FILES[1]), "--qrels", str(folder / FILES[2])]


def test_figures_by_hand():
    """Ranks 2 and 3 of two graded documents, one of them missing; a question that finds nothing."""
    collection = Collection([], {"a": "A", "b": "B"}, {"a": {"x": 3, "y": 1, "z": 1}, "b": {"q": 1}})
    found = measure(lambda text: {"A": ["-", "x", "y"], "B": []}[text], collection)
    ideal = 3 + 1 / math.log2(3) + 1 / 2
    assert found.ndcg == pytest.approx((3 / math.log2(3) + 1 / 2) / ideal / 2)
    assert (found.mrr, found.recall, found.queries) == (1 / 4, pytest.approx(1 / 3), 2)
    assert math.isnan(measure(lambda text: [], Collection([], {}, {})).ndcg)


def test_command(small, capsys):
    """Files in, figures out, as JSON and as text, from memory and from a file."""
    found = figures(capsys, options(small))
    assert list(found) == ["ndcg@10", "mrr", "recall@100", "p50_ms", "p95_ms", "documents", "queries"]
    assert (found["ndcg@10"], found["documents"], found["queries"]) == (0.5, 3, 2)
    assert (
        command([*options(small), "--index", str(small / "index.db"), "--typos", "1", "--words", "2", "--exact"]) == 0
    )
    assert "ndcg@10" in capsys.readouterr().out
    assert (small / "index.db").exists()


@pytest.mark.parametrize(("file", "text", "why"), [
    (FILES[0], "{}\n", "row 1"), (FILES[1], '{"id": 1}\n', "row 1"), (FILES[2], "a\t1\t1\nnonsense\n", "row 2"), (FILES[0], "[\n", "row 1"),
])  # fmt: skip
def test_bad_files(small, capsys, file, text, why):
    """A file that cannot be used is named with its line."""
    (small / file).write_text(text)
    assert command(options(small)) == 2
    said = capsys.readouterr().err
    assert file in said
    assert why in said
    (small / file).unlink()
    assert command(options(small)) == 2


def test_misspelled():
    """One edit in so many long words; short ones and the rest stay as they are."""
    rng = np.random.default_rng(1)
    seen = {misspelled("an invoice to pay", rng=rng) for _ in range(200)}
    assert all(text.startswith("an ") and text.endswith(" to pay") for text in seen)
    assert len(seen) > 50
    assert misspelled("a vat", rng=rng) == "a vat"
    assert misspelled("增值税发票", rng=rng, words=9) != ""


@pytest.mark.parametrize(("name", "least"), [("cranfield", 0.355), ("zh_stard", 0.52), ("zh_cmrc", 0.965)])
def test_real_questions(shared, capsys, name, least):
    """English abstracts and Chinese laws and articles are found at least as well as by the engines that were measured."""
    assert figures(capsys, arguments(shared, name))["ndcg@10"] >= least


@pytest.mark.parametrize("name", ["zh_stard", "zh_cmrc"])
def test_traditional_characters_are_simplified(shared, name):
    """Questions in traditional characters find just what those in simplified ones find: the same hits and scores."""
    collection = Collection.read(*(shared("data", "search", name, file) for file in FILES))
    index = SegmentIndex(MemoryBlobStore())
    index.add(collection.documents)
    traditional = {simple: chr(code) for code, simple in SIMPLIFIED.items()}
    changed = 0
    for text in list(collection.queries.values())[:200]:
        other = "".join(traditional.get(letter, letter) for letter in text)
        changed += other != text
        assert index.search(Text(other)).hits == index.search(Text(text)).hits
    assert changed > 150


@pytest.mark.parametrize(("name", "most"), [("zh_stard", 0.03), ("zh_cmrc", 0.03)])
def test_typos_in_unspaced_writing_cost_little(shared, name, most):
    """One wrong character in a question: what is left of its characters and pairs still finds the answer."""
    collection = Collection.read(*(shared("data", "search", name, file) for file in FILES))
    index = SegmentIndex(MemoryBlobStore())
    index.add(collection.documents)
    rng = np.random.default_rng(0)
    wrong = {key: misspelled(text, rng=rng) for key, text in collection.queries.items()}

    def ndcg(queries):
        found = attrs.evolve(collection, queries=queries)
        return measure(lambda text: [hit.id for hit in index.search(Text(text)).hits], found).ndcg

    assert ndcg(wrong) >= ndcg(collection.queries) - most


def test_typos_are_recovered(shared):
    """Of what three words lose by one typo, nine tenths come back, the mean of six runs; without typos nothing changes."""
    collection = Collection.read(*(shared("data", "search", "cranfield", file) for file in FILES))
    asked = rarest(collection, 3)
    index = SegmentIndex(MemoryBlobStore())
    index.add(collection.documents)

    def ndcg(queries, *, exact):
        found = attrs.evolve(collection, queries=queries)
        return measure(lambda text: [hit.id for hit in index.search(Text(text, exact=exact)).hits], found).ndcg

    clean = ndcg(asked, exact=True)
    assert ndcg(asked, exact=False) == clean
    runs = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        wrong = {name: misspelled(text, rng=rng) for name, text in asked.items()}
        runs.append((ndcg(wrong, exact=False), ndcg(wrong, exact=True)))
    corrected, lost = np.mean(runs, axis=0)
    assert (corrected - lost) / (clean - lost) >= 0.9
