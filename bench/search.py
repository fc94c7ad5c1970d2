"""Search beside SQLite's FTS5 and tantivy: the same words indexed, the same questions asked, ten hits each.

The texts are made: words as frequent as Zipf's law has it, fifteen to forty-four a document. One kind of questions has
three words as they come, most of them in very many documents; the other three words of one document that are in at most
one document in twenty, as somebody types who looks for it. Each engine indexes in a process of its own; then one
process asks each question of all engines in turn, a number of times, so that each finds the processor's caches as the
others left them. Of each question the best CPU time counts, and of these the median.

All three score by BM25 with k1 = 1.2 and b = 0.75. FTS5 leaves 1 + out of the logarithm of the rarity, and takes a
millionth for what would be negative: that tells for words that are in very many documents. So every answer is also held
against the ten best by the engine's own formula, counted from the texts.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from time import process_time
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from harness import Comparison, Contender, Figure, elsewhere, peak_mib

from crmkit.adapters.sqlite import SqliteStore
from crmkit.kb import Document, SegmentIndex, Text

DOCUMENTS, QUICK_DOCUMENTS, MANY = 100_000, 20_000, 1_000_000
QUERIES, VOCABULARY = 100, 200_000
TEN = 10
# How often each question is asked, a million documents less often: FTS5 takes a quarter of a second there.
TIMES, TIMES_OF_MANY = 9, 3
_COUNTED = (
    "Of each question the best of nine times counts (three of a million documents), and of these the median; the "
    "spread is that of the medians of single rounds, so where rounds are noisy the ratio may lie outside of it."
)
# What scores equal may come in any order: FTS5 rounds otherwise than we do, tantivy keeps lengths in one byte.
CLOSE = 1e-3
# How much of the first ten must be the same, where the formula is.
SAME = 0.95
_K1, _B = 1.2, 0.75

# By question: scores and numbers of documents, the best first.
_Found = list[list[tuple[float, int]]]
_KINDS = {"as frequent as they come": "common", "of one document, each in at most 5 % of all": "rare"}


def comparisons(*, quick: bool) -> list[Comparison]:  # noqa: ARG001 - as the harness asks all topics
    """Who takes part; what is compared is not of one form, so `figures` does it."""
    contenders = [Contender(name, _no_run, package=needs) for name, needs, _, _ in _ENGINES]
    return [Comparison("search", QUERIES, "questions", _nothing, contenders, _no_matter)]


def figures(folder: Path, *, quick: bool, rows: int | None = None) -> list[Figure]:
    """Indexing, and two kinds of questions; in full also with a million documents."""
    present = [one.version is not None for one in comparisons(quick=quick)[0].contenders]
    numbers = [number for number, there in enumerate(present) if there]
    sizes = [rows or (QUICK_DOCUMENTS if quick else DOCUMENTS)]
    found: list[Figure] = []
    loads = [os.getloadavg()[0]]
    for size in [*sizes, *([] if quick or rows else [MANY])]:
        home = folder / str(size)
        home.mkdir()
        elsewhere(_write, home, size=size)
        built = {number: elsewhere(_built, home, number) for number in numbers}
        found += [_indexing(size, built, number) for number in numbers[1:]]
        times = 1 if quick else TIMES if size < MANY else TIMES_OF_MANY
        for words, kind in _KINDS.items():
            asked = elsewhere(_asked, home, kind, numbers, times, size)
            peaks = {number: () if quick else (elsewhere(_peak, home, number, kind),) for number in numbers}
            found += [_searching(size, words, asked, peaks, number) for number in numbers[1:]]
            loads.append(os.getloadavg()[0])
    busy = f"{min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores, this run included"
    note = f"{found[-1].note} The load of the machine was {busy}. {_COUNTED}"
    return [*found[:-1], attrs.evolve(found[-1], note=note)]


def _indexing(size: int, built: Mapping[int, tuple[float, float]], peer: int) -> Figure:
    (own, peak), (theirs, their_peak) = built[0], built[peer]
    what, ratio = "index texts of 30 words", theirs / own
    return Figure(what, f"{size:,} documents", _ENGINES[peer][0], (own, theirs), (ratio, ratio), (peak, their_peak))


def _searching(
    size: int,
    words: str,
    asked: "tuple[dict[int, npt.NDArray[Any]], list[str]]",
    peaks: Mapping[int, tuple[float, ...]],
    peer: int,
) -> Figure:
    spent, said = asked
    own, theirs = (float(np.median(spent[number].min(axis=0))) for number in (0, peer))
    ratios = np.median(spent[peer], axis=1) / np.median(spent[0], axis=1)
    what = f"ten best by three words {words}: the median of {QUERIES} questions"
    note = f"Of {size:,} documents, by words {words}: {said[peer]}."
    return Figure(
        what, f"{size:,} documents", _ENGINES[peer][0], (own, theirs), (float(ratios.min()), float(ratios.max())),
        peaks[0] + peaks[peer] or None, note=note,
    )  # fmt: skip


# -- texts and questions


def _write(folder: Path, *, size: int) -> None:
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
    for kind in _KINDS.values():
        questions: list[list[str]] = []
        while len(questions) < QUERIES:
            text = kept[rng.integers(len(kept))]
            rare = (documents[text] <= size / 20) & (documents[text] > 1)
            chosen = np.unique(text if kind == "common" else text[rare])
            if len(chosen) >= 3:
                questions.append([f"w{word}" for word in rng.choice(chosen, 3, replace=False).tolist()])
        (folder / f"{kind}.json").write_text(json.dumps(questions), encoding="ascii")


def _questions(folder: Path, kind: str) -> list[list[str]]:
    found: list[list[str]] = json.loads((folder / f"{kind}.json").read_bytes())
    return found


def _texts(folder: Path) -> Iterator[tuple[int, str]]:
    with (folder / "texts").open(encoding="ascii") as file:
        yield from enumerate(map(str.rstrip, file))


# -- engines: to write the texts into a folder, and to open it for questions


def _write_ours(folder: Path, texts: Iterator[tuple[int, str]]) -> None:
    _index(folder).add(Document(f"{number:08d}", {"text": text}) for number, text in texts)


def _index(folder: Path) -> SegmentIndex:
    return SegmentIndex(SqliteStore(folder / "index.db", durability="normal").blobs, fields={"text": 1.0})


def _open_ours(folder: Path) -> Any:
    index = _index(folder)

    def ask(words: Sequence[str]) -> list[tuple[float, int]]:
        return [(hit.score, int(hit.id)) for hit in index.search(Text(" ".join(words), exact=True), limit=TEN).hits]

    return ask


def _write_fts5(folder: Path, texts: Iterator[tuple[int, str]]) -> None:
    with closing(sqlite3.connect(folder / "fts5.db")) as connection:
        connection.execute("CREATE VIRTUAL TABLE texts USING fts5(text, content='')")
        connection.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", texts)
        connection.execute("INSERT INTO texts(texts) VALUES ('optimize')")
        connection.commit()


def _open_fts5(folder: Path) -> Any:
    connection = sqlite3.connect(folder / "fts5.db")
    statement = "SELECT -rank, rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?"

    def ask(words: Sequence[str]) -> list[tuple[float, int]]:
        return connection.execute(statement, (" OR ".join(words), TEN)).fetchall()

    return ask


def _write_tantivy(folder: Path, texts: Iterator[tuple[int, str]]) -> None:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", tokenizer_name="whitespace")
    builder.add_unsigned_field("number", stored=True)
    writer = tantivy.Index(builder.build(), path=str(folder)).writer(1 << 27, 1)
    for number, text in texts:
        writer.add_document(tantivy.Document(text=[text], number=number))
    writer.commit()
    writer.wait_merging_threads()


def _open_tantivy(folder: Path) -> Any:
    import tantivy

    index = tantivy.Index.open(str(folder))
    searcher, schema = index.searcher(), index.schema

    def ask(words: Sequence[str]) -> list[tuple[float, int]]:
        terms = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, "text", word)) for word in words]
        hits = searcher.search(tantivy.Query.boolean_query(terms), TEN, count=False).hits
        return [(score, searcher.doc(address)["number"][0]) for score, address in hits]

    return ask


_ENGINES: tuple[tuple[str, str, Any, Any], ...] = (
    ("crmkit", "", _write_ours, _open_ours),
    ("SQLite FTS5", "python", _write_fts5, _open_fts5),
    ("tantivy", "", _write_tantivy, _open_tantivy),
)


# -- runs, each in a process of its own


def _nothing(_: Path) -> None:
    """Nothing has to be written."""


def _no_run(_: Path) -> Callable[[], Any]:
    raise AssertionError("`figures` asks, and not the harness")


def _no_matter(_: Any, __: Any) -> None:
    """`figures` compares."""


def _built(folder: Path, engine: int) -> tuple[float, float]:
    """CPU seconds and MiB at most of indexing all texts, with the merging that follows."""
    home = folder / str(engine)
    home.mkdir()
    start = process_time()
    _ENGINES[engine][2](home, _texts(folder))
    return process_time() - start, peak_mib()


def _peak(folder: Path, engine: int, kind: str) -> float:
    ask = _ENGINES[engine][3](folder / str(engine))
    for words in _questions(folder, kind):
        ask(words)
    return peak_mib()


def _asked(
    folder: Path, kind: str, engines: Sequence[int], times: int, size: int
) -> tuple[dict[int, npt.NDArray[np.float64]], dict[int, str]]:
    """CPU seconds by time and question of each engine, which take turns; and how much of their answers is the same."""
    questions = _questions(folder, kind)
    asks = {engine: _ENGINES[engine][3](folder / str(engine)) for engine in engines}
    found: dict[int, _Found] = {engine: [ask(words) for words in questions] for engine, ask in asks.items()}
    spent = {engine: np.zeros((times, QUERIES)) for engine in engines}
    for time in range(times):
        turns = [*engines[time % len(engines) :], *engines[: time % len(engines)]]
        for number, words in enumerate(questions):
            for engine in turns:
                start = process_time()
                asks[engine](words)
                spent[engine][time, number] = process_time() - start
    return spent, _compared(_Counted(folder, questions, size), questions, found, same=kind == "rare")


# -- what is the same


class _Counted:
    """BM25 of words that were counted from the texts, by either rarity."""

    def __init__(self, folder: Path, questions: Sequence[Sequence[str]], size: int) -> None:
        wanted = {word for words in questions for word in words}
        places: dict[str, list[int]] = {word: [] for word in wanted}
        times: dict[str, list[int]] = {word: [] for word in wanted}
        self._lengths = np.zeros(size)
        for number, text in _texts(folder):
            words = text.split()
            self._lengths[number] = len(words)
            for word in wanted.intersection(words):
                places[word].append(number)
                times[word].append(words.count(word))
        self._postings = {word: (np.array(places[word]), np.array(times[word])) for word in wanted}
        self._size = size

    def best(self, words: Sequence[str], rarity: Callable[[int, int], float]) -> list[tuple[float, int]]:
        """The ten best documents."""
        scores = np.zeros(self._size)
        for word in words:
            docs, times = self._postings[word]
            norm = _K1 * (1 - _B + _B * self._lengths[docs] / self._lengths.mean())
            scores[docs] += rarity(self._size, len(docs)) * (_K1 + 1) * times / (times + norm)
        most = min(TEN, np.count_nonzero(scores))
        chosen = np.argpartition(-scores, most - 1)[:most]
        return sorted(zip(scores[chosen].tolist(), chosen.tolist(), strict=True), reverse=True)


def _lucene(size: int, documents: int) -> float:
    return float(np.log1p((size - documents + 0.5) / (documents + 0.5)))


def _robertson(size: int, documents: int) -> float:
    return max(float(np.log((size - documents + 0.5) / (documents + 0.5))), 1e-6)


def _compared(
    counted: _Counted, questions: Sequence[Sequence[str]], found: Mapping[int, _Found], *, same: bool
) -> dict[int, str]:
    """In words, how much of the first ten is the same; what differs by more than its formula is refused."""
    said: dict[int, str] = {}
    exact = {rarity: [counted.best(words, rarity) for words in questions] for rarity in (_lucene, _robertson)}
    own = _shared(exact[_lucene], found[0])
    assert own >= SAME, f"only {own:.3f} of our first hits are the best"
    for engine in [*found][1:]:
        rarity = _robertson if _ENGINES[engine][0] == "SQLite FTS5" else _lucene
        theirs, both = _shared(exact[rarity], found[engine]), _shared(found[engine], found[0])
        formulas = _shared(exact[rarity], exact[_lucene])
        assert theirs >= SAME, f"only {theirs:.3f} of the first hits of {_ENGINES[engine][0]} are the best"
        assert both >= SAME or not (same or rarity is _lucene), f"only {both:.3f} of the first hits are the same"
        said[engine] = (
            f"{own:.3f} of the first ten of crmkit and {theirs:.3f} of those of {_ENGINES[engine][0]} are the best by "
            f"their own formulas, counted from the texts; {both:.3f} of both are the same, and {formulas:.3f} of what "
            "the two formulas have for the best"
        )
    return said


def _shared(theirs: _Found, ours: _Found) -> float:
    """So much of the first ten is the same, on average; one of ours counts, too, if it ties with their last."""
    return float(np.mean([_overlap(*pair) for pair in zip(ours, theirs, strict=True)]))


def _overlap(ours: list[tuple[float, int]], theirs: list[tuple[float, int]]) -> float:
    """One of theirs counts, too, if it ties with their last."""
    assert len(ours) == len(theirs)
    known = {number for _, number in ours}
    last = theirs[-1][0] * (1 + CLOSE)
    return sum(number in known or score <= last for score, number in theirs) / len(theirs)
