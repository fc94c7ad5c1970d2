"""How the threshold of proposals behaves on judged questions.

    python tests/kb/proposal_figures.py FOLDER [OTHER] [--questions 400]

Each question is a requirement, each document a material. With all documents: how many questions are covered, and how
many are offered a relevant one. Without the relevant documents of half of the questions: how many of that half are
covered all the same, falsely. Questions of OTHER, a collection about other things, should not be covered at all.
"""

import re
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import Card, SegmentIndex
from crmkit.kb.proposals import Aim, Brief, Library, Material, Yardstick, propose
from crmkit.testing.relevance import Collection

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = (0.4, 0.5, 0.6, 0.7, 0.8)


def read(folder):
    """A collection."""
    return Collection.read(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv")


def shelf(documents):
    """A library of documents, and its index."""
    library = Library(
        Material(
            Card(one.id, title=one.texts["title"], solution=one.texts["text"], audience="public", state="published")
        )
        for one in documents
    )
    index = SegmentIndex(MemoryBlobStore())
    index.apply(library.documents())
    return library, index


def answers(questions, known, limit):
    """The answer to each question."""
    # A question that asks twice would be two requirements.
    brief = Brief("\n".join(f"- {' '.join(re.sub('[。？！；.?!;]', ' ', text).split())}" for text in questions))
    yard = Yardstick(enough=limit, weak=min(0.3, limit))
    made = propose(brief, *known, aim=Aim(NOW), yard=yard).answers
    assert len(made) == len(questions)
    return made


def figures(collection, other, *, questions, limits=LIMITS):
    """For each limit: the shares of what is covered, covered rightly, covered falsely, and covered of other things."""
    step = max(len(collection.queries) // questions, 1)
    asked = [name for name in collection.queries if collection.gains[name]][::step][:questions]
    texts = [collection.queries[name] for name in asked]
    half = asked[::2]
    gone = {id_ for name in half for id_ in collection.gains[name]}
    whole, rest = shelf(collection.documents), shelf(one for one in collection.documents if one.id not in gone)
    strange = list(other.queries.values())[:questions] if other is not None else []
    found = {}
    for limit in limits:
        all_ = answers(texts, whole, limit)
        right = [
            bool({one.material for one in made.offers} & {*collection.gains[name]})
            for made, name in zip(all_, asked, strict=True)
        ]
        less = answers(texts[::2], rest, limit)
        far = answers(strange, whole, limit) if strange else []
        found[limit] = share(covered(all_)), share(right), share(covered(less)), share(covered(far))
    return found


def covered(made):
    """Which answers cover."""
    return [one.status == "covered" for one in made]


def share(found):
    """The share of what is true; nothing of nothing."""
    return sum(found) / len(found) if found else float("nan")


def command(words):
    """Print a line for each limit."""
    parser = ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--questions", type=int, default=400)
    given = parser.parse_args(words)
    other = None if given.other is None else read(given.other)
    sys.stdout.write("enough  covered  rightly  falsely  of other things\n")
    for limit, shares in figures(read(given.folder), other, questions=given.questions).items():
        sys.stdout.write(f"{limit:6.2f}" + "".join(f"{one:9.3f}" for one in shares) + "\n")


if __name__ == "__main__":
    command(sys.argv[1:])
