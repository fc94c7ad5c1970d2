"""How well keywords agree with those that people gave: `python tests/kb/keyword_scores.py FOLDER ...` prints F1@10.

Each folder holds `docsutf8/NAME.txt` and `keys/NAME.key`, a key a line, as the public collections of keyword extraction
do (github.com/LIAAD/KeywordExtractor-Datasets), whose terms do not let us keep them here. The corpus is the folder.
On 2026-11-29: Inspec 0.242, SemEval2017 0.232, 500N-KPCrowd 0.137 (150 documents each), fao30 0.127, theses100 0.126
(30 each); a plain TF-IDF with positions had 0.191, 0.214, 0.131, 0.117, 0.100, YAKE 0.173, 0.187, 0.071, 0.097, 0.072.
"""

import sys
from pathlib import Path

from crmkit.kb.keywords import Corpus


def f1(folder, documents=150):
    """The mean F1 of ten keywords of the first documents, compared by stems."""
    names = sorted(path.stem for path in (folder / "keys").glob("*.key"))
    texts = [(folder / "docsutf8" / f"{name}.txt").read_text("utf-8", errors="replace") for name in names]
    corpus = Corpus.of(texts)
    stems = lambda text: tuple(corpus.analyzer.term(piece.text) for piece in corpus.analyzer.pieces(text))
    scores = []
    for name, text in list(zip(names, texts, strict=True))[:documents]:
        lines = (folder / "keys" / f"{name}.key").read_text("utf-8", errors="replace").splitlines()
        keys = {stems(line) for line in lines if line.strip()}
        hits = len(keys & {stems(keyword.text) for keyword in corpus.keywords(text)})
        scores.append(2 * hits / (10 + len(keys)))
    return sum(scores) / len(scores)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sys.stdout.write(f"{argument}: {f1(Path(argument)):.3f}\n")
