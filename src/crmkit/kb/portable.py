"""A whole index as plain data, for a search where neither Python nor a store is, such as in a browser.

    >>> from crmkit.kb.results import Document
    >>> found = portable_index([Document("K-17", {"title": "Invoices"}), Document("K-30", {"title": "发票"})])
    >>> found["ids"], found["terms"]
    (['K-17', 'K-30'], ['invoic', '发', '发票', '票'])

What a term is worth in a document is computed here, with the lengths of all documents at hand; what is left to do
elsewhere is to make the terms of a question (`crmkit.kb.text.Analyzer.portable`), to look them up, and to add.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from crmkit.errors import InvalidValue, NotFound
from crmkit.kb._columns import Columns, build
from crmkit.kb._impacts import Floats, norms, worth
from crmkit.kb._marking import Stored
from crmkit.kb._segment import Posting
from crmkit.kb.results import Document
from crmkit.kb.text import Analyzer

__all__ = ["portable_index"]

_USUAL = Analyzer()
# What a term is worth lies below k1 + 1 = 2.2; with a document's number it makes one whole number.
_STEPS, _SCALE = 4096, 1800


def portable_index(
    documents: Iterable[Document],
    *,
    fields: Mapping[str, float] = MappingProxyType({"title": 2.0, "text": 1.0}),
    analyzer: Analyzer = _USUAL,
) -> dict[str, Any]:
    """The index of some documents: BM25F as `crmkit.kb.index.SegmentIndex` computes it, rounded to a 1,800th.

    Args:
        documents: each id once; their fields are left out, and so are their texts.
        fields: the names of the texts, and what a word counts there.
        analyzer: makes the terms.

    Returns:
        "ids" of the documents, sorted; "terms", sorted; "postings", for each term the documents that have it, rising:
        `steps` x the distance from the number before (at first from -1) + `scale` x what it is worth there; "words"
        that may be misspelled, sorted, and their "owners", the numbers of their terms; "steps", "scale"; "analyzer", as
        `portable` gives it.

    Raises:
        InvalidValue: if a document comes twice, a weight is not positive, or the analyzer cannot be carried along.
        NotFound: if a document has a text that is not in `fields`.
    """
    if not fields or not all(weight > 0 for weight in fields.values()):
        raise InvalidValue("fields", dict(fields), "are no names of texts with positive weights")
    carried = analyzer.portable()
    columns = build(_stored(documents, fields), tuple(fields), analyzer)
    return {
        "ids": columns.ids,
        "terms": columns.terms,
        "postings": _postings(columns, tuple(fields.values())),
        "words": columns.words,
        "owners": columns.owners.tolist(),
        "steps": _STEPS,
        "scale": _SCALE,
        "analyzer": carried,
    }


def _stored(documents: Iterable[Document], fields: Mapping[str, float]) -> dict[str, Stored]:
    stored: dict[str, Stored] = {}
    for document in documents:
        if document.id in stored:
            raise InvalidValue("documents", document.id, "comes twice")
        for name in document.texts:
            if name not in fields:
                raise NotFound("text", name, tuple(fields))
        stored[document.id] = Stored.of(document.texts, document.fields)
    return stored


def _postings(columns: Columns, weights: tuple[float, ...]) -> list[list[int]]:
    values = np.rint(_worth(columns, weights) * _SCALE).astype(np.int64)
    found: list[list[int]] = []
    for begin, end in zip(columns.starts[:-1].tolist(), columns.starts[1:].tolist(), strict=True):
        steps = np.diff(columns.docs[begin:end], prepend=-1)
        found.append((steps * _STEPS + values[begin:end]).tolist())
    return found


def _worth(columns: Columns, weights: tuple[float, ...]) -> Floats:
    """What each term is worth in each document that has it, posting by posting."""
    totals, size = columns.lengths.sum(axis=1), max(len(columns.ids), 1)
    means = [float(total) / size if total else 1.0 for total in totals.tolist()]
    return worth(Posting(columns.docs, columns.counts), norms(columns.lengths, weights, means), None)[1]
