"""Search beside SQLite's FTS5 and tantivy: the same words indexed, the same questions asked, ten hits each.

The texts are made: words as frequent as Zipf's law has it, fifteen to forty-four a document. One kind of questions has
three words as they come, most of them in very many documents; the other three words of one document that are in at most
one document in twenty, as somebody types who looks for it. Each engine is timed on the question that takes it the
median time of a hundred; the answers to all of these are compared. All three score by BM25 with k1 = 1.2 and b = 0.75;
FTS5 leaves 1 + out of the logarithm of the rarity, which tells only for words that are in very many documents.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import Comparison, Contender, Run

from crmkit.adapters.sqlite import SqliteStore
from crmkit.kb import Document, SegmentIndex, Text

DOCUMENTS, QUICK_DOCUMENTS, MANY = 100_000, 20_000, 1_000_000
QUERIES, VOCABULARY = 100, 200_000
TEN = 10
# What scores equal may come in any order: FTS5 rounds otherwise than we do, tantivy keeps lengths in one byte.
CLOSE = 1e-3
# How much of the first ten must be the same, where words are not so frequent that formulas differ.
SAME, ALIKE = 0.95, 0.8

# By question: scores and numbers of documents, the best first.
_Found = list[list[tuple[float, int]]]


def comparisons(*, quick: bool, rows: int | None = None) -> list[Comparison]:
    """Indexing, and two kinds of questions; in full also with a million documents."""
    size = rows or (QUICK_DOCUMENTS if quick else DOCUMENTS)
    found = [
        Comparison(
            "index texts of 30 words", size, "documents", partial(_write, size=size),
            [Contender(name, partial(_building, make), package=needs) for name, needs, make in _ENGINES],
            _equal,
        ),
        _searching(size, "as frequent as they come", ALIKE),
        _searching(size, "of one document, each in at most 5 % of all", SAME),
    ]  # fmt: skip
    many = [_searching(MANY, "of one document, each in at most 5 % of all", SAME)]
    return found if quick or rows else found + many


def _searching(size: int, words: str, same: float) -> Comparison:
    common = words.startswith("as")
    return Comparison(
        f"ten best of {size:,} documents by three words {words}: the median question", QUERIES, "times asked",
        partial(_write, size=size, common=common),
        [Contender(name, partial(_asking, make), package=needs) for name, needs, make in _ENGINES],
        partial(_agree, same=same),
    )  # fmt: skip


# -- texts and questions


def _write(folder: Path, *, size: int, common: bool = True) -> None:
    rng = np.random.default_rng(2026)
    shares = np.cumsum(1 / np.arange(1, VOCABULARY + 1) ** 1.07)
    documents = np.zeros(VOCABULARY, np.int64)
    kept: list[npt.NDArray[np.int64]] = []
    with (folder / "texts").open("w", encoding="ascii") as file:
        for low in range(0, size, DOCUMENTS):
            lengths = rng.integers(15, 45, min(DOCUMENTS, size - low))
            words = np.searchsorted(shares, rng.random(lengths.sum()) * shares[-1])
            for text in np.split(words, np.cumsum(lengths)[:-1]):
                file.write(" ".join([f"w{word}" for word in text.tolist()]) + "\n")
                documents[text] += 1
            kept += np.split(words, np.cumsum(lengths)[:-1])[: 10 * QUERIES]
    questions: list[list[str]] = []
    while len(questions) < QUERIES:
        text = kept[rng.integers(len(kept))]
        chosen = np.unique(text if common else text[(documents[text] <= size / 20) & (documents[text] > 1)])
        if len(chosen) >= 3:
            questions.append([f"w{word}" for word in rng.choice(chosen, 3, replace=False).tolist()])
    (folder / "questions.json").write_text(json.dumps(questions), encoding="ascii")


def _texts(folder: Path) -> Iterator[tuple[int, str]]:
    with (folder / "texts").open(encoding="ascii") as file:
        yield from enumerate(map(str.rstrip, file))


# -- engines: from a folder and texts to what answers a question


def _ours(folder: Path, texts: Iterator[tuple[int, str]]) -> Any:
    store = SqliteStore(folder / "index.db", durability="normal")
    index = SegmentIndex(store.blobs, fields={"text": 1.0})
    index.add(Document(f"{number:08d}", {"text": text}) for number, text in texts)

    def ask(words: Sequence[str]) -> list[tuple[float, int]]:
        return [(hit.score, int(hit.id)) for hit in index.search(Text(" ".join(words), exact=True), limit=TEN).hits]

    return ask


def _fts5(folder: Path, texts: Iterator[tuple[int, str]]) -> Any:
    connection = sqlite3.connect(folder / "fts5.db")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(text, content='')")
    with closing(connection.cursor()) as cursor:
        cursor.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", texts)
    connection.execute("INSERT INTO texts(texts) VALUES ('optimize')")
    connection.commit()
    statement = "SELECT -rank, rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?"

    def ask(words: Sequence[str]) -> list[tuple[float, int]]:
        return connection.execute(statement, (" OR ".join(words), TEN)).fetchall()

    return ask


def _tantivy(folder: Path, texts: Iterator[tuple[int, str]]) -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", tokenizer_name="whitespace")
    builder.add_unsigned_field("number", stored=True)
    schema = builder.build()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(1 << 27, 1)
    for number, text in texts:
        writer.add_document(tantivy.Document(text=[text], number=number))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def ask(words: Sequence[str]) -> list[tuple[float, int]]:
        terms = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, "text", word)) for word in words]
        hits = searcher.search(tantivy.Query.boolean_query(terms), TEN, count=False).hits
        return [(score, searcher.doc(address)["number"][0]) for score, address in hits]

    return ask


_ENGINES = (("crmkit", "", _ours), ("SQLite FTS5", "python", _fts5), ("tantivy", "", _tantivy))


# -- runs


def _building(make: Any, folder: Path) -> Run:
    def run() -> int:
        make(Path(mkdtemp(dir=folder)), _texts(folder))
        return 0

    return run


def _asking(make: Any, folder: Path) -> Run:
    """Asks one question again and again: the one that takes the engine the median time of all (p50)."""
    ask = make(Path(mkdtemp(dir=folder)), _texts(folder))
    questions = json.loads((folder / "questions.json").read_bytes())
    found: _Found = [ask(words) for words in questions]
    spent = [min(_cpu_of(partial(ask, words)) for _ in range(3)) for words in questions]
    _, median = sorted(zip(spent, questions, strict=True))[QUERIES // 2]

    def run() -> _Found:
        for _ in range(QUERIES):
            ask(median)
        return found

    return run


def _cpu_of(run: Run) -> float:
    start = process_time()
    run()
    return process_time() - start


def _equal(ours: int, theirs: int) -> None:
    assert ours == theirs


def _agree(ours: _Found, theirs: _Found, *, same: float) -> None:
    """So much of the first ten is the same, on average; one of theirs counts, too, if it ties with our last."""
    assert len(ours) == len(theirs)
    overlap = np.mean([_overlap(*pair) for pair in zip(ours, theirs, strict=True)])
    assert overlap >= same, f"only {overlap:.3f} of the first hits are the same"


def _overlap(ours: list[tuple[float, int]], theirs: list[tuple[float, int]]) -> float:
    assert len(ours) == len(theirs)
    known = {number for _, number in ours}
    last = theirs[-1][0] * (1 + CLOSE)
    return sum(number in known or score <= last for score, number in theirs) / len(theirs)
