"""The body of knowledge: what the company wrote down, found again by whoever needs it.

`text` turns Western and Chinese writing into terms, `terms` is the thesaurus of what documents are about, `keywords`
finds the words that tell a document from others, `duplicates` the texts that are copies of each other, and `cards`
keeps what was learnt, for those who may see it.
"""

from crmkit.kb.cards import Card, Cards, Viewer, visible
from crmkit.kb.duplicates import Shingles
from crmkit.kb.keywords import Corpus
from crmkit.kb.terms import Concept, Thesaurus
from crmkit.kb.text import Analyzer

__all__ = ["Analyzer", "Card", "Cards", "Concept", "Corpus", "Shingles", "Thesaurus", "Viewer", "visible"]
