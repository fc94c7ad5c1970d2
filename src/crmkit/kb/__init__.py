"""The body of knowledge: what the company wrote down, found again by whoever needs it.

`text` turns Western and Chinese writing into terms, `index` finds documents by them, `query` is what can be asked, and
`results` what comes of it. `mail` reads what customers write and files it under them. `terms` is the thesaurus of what
documents are about, `keywords` finds the words that tell a document from others, and `duplicates` the texts that are
copies of each other. `cards` keeps what was learnt, for those who may see it, and in `discussions` people find it out
together.
"""

from crmkit.kb.cards import Card, Cards, Viewer, visible
from crmkit.kb.discussions import Discussion
from crmkit.kb.index import SegmentIndex
from crmkit.kb.query import Phrase, Text
from crmkit.kb.results import Document, Hit, Note, Results
from crmkit.kb.terms import Thesaurus
from crmkit.kb.text import Analyzer

__all__ = [
    "Analyzer",
    "Card",
    "Cards",
    "Discussion",
    "Document",
    "Hit",
    "Note",
    "Phrase",
    "Results",
    "SegmentIndex",
    "Text",
    "Thesaurus",
    "Viewer",
    "visible",
]
