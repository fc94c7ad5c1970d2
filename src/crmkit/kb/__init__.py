"""The body of knowledge: what the company wrote down, found again by whoever needs it.

`text` turns Western and Chinese writing into terms, `index` finds documents by them, `query` is what can be asked, and
`results` what comes of it. `mail` reads what customers write and files it under them.
"""

from crmkit.kb.index import SegmentIndex
from crmkit.kb.query import Phrase, Text
from crmkit.kb.results import Document, Hit, Note, Results
from crmkit.kb.text import Analyzer

__all__ = ["Analyzer", "Document", "Hit", "Note", "Phrase", "Results", "SegmentIndex", "Text"]
