"""The body of knowledge: what the company wrote down, found again by whoever needs it.

`text` turns Western and Chinese writing into terms, and `terms` is the thesaurus of what documents are about.
"""

from crmkit.kb.terms import Concept, Thesaurus
from crmkit.kb.text import Analyzer

__all__ = ["Analyzer", "Concept", "Thesaurus"]
