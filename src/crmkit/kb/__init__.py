"""The body of knowledge: what the company wrote down, found again by whoever needs it.

`text` turns Western and Chinese writing into terms; `mail` reads what customers write.
"""

from crmkit.kb.text import Analyzer

__all__ = ["Analyzer"]
