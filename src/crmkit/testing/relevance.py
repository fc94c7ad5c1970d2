"""Measures a search on judged questions.

    python -m crmkit.testing.relevance --corpus FILE --queries FILE --qrels FILE [--typos 1] [--json]

The corpus is JSON lines of {id, title, text}, the queries are JSON lines of {id, text}, the judgements lines of query,
document and gain with tabs between. Run it on your own documents and your users' questions: what others measured on
theirs says little. Questions without judgements are not asked.

nDCG has linear gains and is cut at 10 (Järvelin and Kekäläinen 2002, as trec_eval computes it); MRR is the mean of 1 /
rank of the first relevant document; recall is cut at 100.
"""

import json
import math
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from string import ascii_lowercase
from time import perf_counter
from typing import Any

import attrs
import numpy as np

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.adapters.sqlite import SqliteStore
from crmkit.errors import CrmkitError, InputError
from crmkit.kb import Analyzer, Document, SegmentIndex, Text
from crmkit.kb.text import Piece
from crmkit.protocols import BlobStore

__all__ = ["Collection", "Figures", "command", "measure", "misspelled", "rarest"]

# The shortest word that is misspelled.
_LONG = 4


@attrs.frozen
class Collection:
    """Documents, questions, and which documents answer them.

    Attributes:
        documents: the documents.
        queries: texts by id.
        gains: by query, by document; only those above 0.
    """

    documents: Sequence[Document]
    queries: Mapping[str, str]
    gains: Mapping[str, Mapping[str, float]]

    @classmethod
    def read(cls, corpus: Path, queries: Path, qrels: Path) -> "Collection":
        """The collection of three files.

        Raises:
            InputError: with file and line.
        """
        documents = [
            Document(str(row["id"]), {"title": str(row.get("title") or ""), "text": str(row["text"])})
            for row in _rows(corpus, ("id", "text"))
        ]
        asked = {str(row["id"]): str(row["text"]) for row in _rows(queries, ("id", "text"))}
        gains: dict[str, dict[str, float]] = {}
        for number, line in enumerate(_lines(qrels), 1):
            try:
                query, document, gain = line.split("\t")
                if float(gain) > 0:
                    gains.setdefault(query, {})[document] = float(gain)
            except ValueError:
                # A first line may name the columns.
                if number > 1:
                    raise InputError(str(qrels), f"{line!r} is not: query, document, gain", row=number) from None
        return cls(documents, {name: text for name, text in asked.items() if name in gains}, gains)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from None


def _rows(path: Path, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(path), 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or any(name not in row for name in needed):
            raise InputError(str(path), f"is no JSON object with {', '.join(needed)}", row=number)
        yield row


@attrs.frozen
class Figures:
    """What was measured.

    Attributes:
        ndcg: at 10.
        mrr: mean reciprocal rank, at 100.
        recall: at 100.
        p50: milliseconds.
        p95: milliseconds.
        documents: how many there are.
        queries: how many were asked.
    """

    ndcg: float
    mrr: float
    recall: float
    p50: float
    p95: float
    documents: int
    queries: int

    def to_dict(self) -> dict[str, float]:
        """As plain data."""
        return {
            "ndcg@10": self.ndcg,
            "mrr": self.mrr,
            "recall@100": self.recall,
            "p50_ms": self.p50,
            "p95_ms": self.p95,
            "documents": self.documents,
            "queries": self.queries,
        }


def measure(search: Callable[[str], Iterable[str]], collection: Collection) -> Figures:
    """How well a search finds what was judged relevant.

    Args:
        search: from what is typed to the ids of documents, the best first; the first 100 count.
        collection: what is asked.
    """
    scores: list[tuple[float, float, float]] = []
    times: list[float] = []
    for name, text in collection.queries.items():
        begin = perf_counter()
        found = list(search(text))[:100]
        times.append((perf_counter() - begin) * 1000)
        scores.append(_scored(found, collection.gains[name]))
    ndcg, mrr, recall = np.mean(scores, axis=0).tolist() if scores else [math.nan] * 3
    p50, p95 = np.percentile(times, [50, 95]).tolist() if times else [math.nan] * 2
    return Figures(ndcg, mrr, recall, p50, p95, len(collection.documents), len(scores))


def _scored(found: Sequence[str], gains: Mapping[str, float]) -> tuple[float, float, float]:
    ideal = sorted(gains.values(), reverse=True)[:10]
    ndcg = _discounted(gains.get(name, 0) for name in found[:10]) / _discounted(ideal)
    ranks = [rank for rank, name in enumerate(found, 1) if name in gains]
    return ndcg, 1 / ranks[0] if ranks else 0.0, len(ranks) / len(gains)


def _discounted(gains: Iterable[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def misspelled(text: str, *, rng: np.random.Generator, words: int = 1) -> str:
    """A text with one letter missing, added, changed or swapped with the next in some of its words.

    Args:
        text: the text.
        rng: chance.
        words: in how many words (runs of Chinese) of at least four letters, if there are so many.
    """
    pieces = [piece for piece in Analyzer().pieces(text) if piece.end - piece.start >= _LONG]
    chosen = [pieces[place] for place in rng.permutation(len(pieces))[:words]]
    for piece in sorted(chosen, key=_start, reverse=True):
        text = text[: piece.start] + _edited(text[piece.start : piece.end], rng) + text[piece.end :]
    return text


def _start(piece: Piece) -> int:
    return piece.start


def _edited(word: str, rng: np.random.Generator) -> str:
    place = rng.integers(len(word) - 1)
    head, one, two, tail = word[:place], word[place], word[place + 1], word[place + 2 :]
    letters = ascii_lowercase if word.isascii() else word
    letter = letters[rng.integers(len(letters))]
    return head + (two, one + letter + two, letter + two, two + one)[rng.integers(4)] + tail


def rarest(collection: Collection, words: int) -> Mapping[str, str]:
    """The rarest words of each question that its documents have, as somebody types them into a search box, by query.

    Args:
        collection: the questions and the documents.
        words: how many words (runs of Chinese) to keep.
    """
    analyzer = Analyzer()
    common = Counter(
        term for one in collection.documents for term in set(analyzer.terms(" ".join(one.texts.values()))[0])
    )
    shorter: dict[str, str] = {}
    for name, text in collection.queries.items():
        pieces = {piece.text: piece for piece in analyzer.pieces(text)}.values()
        known = [piece for piece in pieces if not piece.spaced or common[analyzer.term(piece.text)]]
        rarest = sorted((common[analyzer.term(piece.text)], piece.start, piece.end) for piece in known)[:words]
        shorter[name] = " ".join(text[start:end] for start, end in sorted(place for _, *place in rarest))
    return shorter


def command(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print; 0 if all went well, 2 for input that cannot be used."""
    parser = ArgumentParser("python -m crmkit.testing.relevance", description="Measures a search on judged questions.")
    for name in ("corpus", "queries", "qrels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--typos", type=int, default=0, help="words of each question to misspell")
    parser.add_argument("--words", type=int, default=0, help="ask with the rarest words only; 0: with all")
    parser.add_argument("--exact", action="store_true", help="correct nothing")
    parser.add_argument("--pinyin", action="store_true", help="index the sounds of Chinese, too (extra zh)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--index", default="memory", help="memory, or a SQLite file in which the index is made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        figures = _measured(given)
    except CrmkitError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    plain = figures.to_dict()
    lines = [f"{name:10} {value:10.4f}" for name, value in plain.items()]
    sys.stdout.write((json.dumps(plain) if given.json else "\n".join(lines)) + "\n")
    return 0


def _measured(given: Namespace) -> Figures:
    collection = Collection.read(given.corpus, given.queries, given.qrels)
    queries = rarest(collection, given.words) if given.words else collection.queries
    rng = np.random.default_rng(given.seed)
    queries = {name: misspelled(text, rng=rng, words=given.typos) for name, text in queries.items()}
    with ExitStack() as stack:
        blobs: BlobStore = MemoryBlobStore()
        if given.index != "memory":
            blobs = stack.enter_context(SqliteStore(given.index, durability="normal")).blobs
        index = SegmentIndex(blobs, "relevance", analyzer=Analyzer(pinyin=given.pinyin))
        index.add(collection.documents)
        return measure(
            lambda text: [hit.id for hit in index.search(Text(text, exact=given.exact), limit=100).hits],
            attrs.evolve(collection, queries=queries),
        )


if __name__ == "__main__":
    sys.exit(command())
