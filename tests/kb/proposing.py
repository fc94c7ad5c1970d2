"""Materials and proposals for tests."""

from datetime import UTC, datetime

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import Analyzer, Card, SegmentIndex
from crmkit.kb.proposals import Aim, Brief, Budget, Library, Material, Yardstick, propose

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
USUAL, ANY, YARD = Analyzer(), Budget(), Yardstick()


def material(id_, text, *, title="", products=(), approved=None, won=0, lost=0, **card):
    """A material that everybody may be offered, unless said otherwise."""
    usual = {"audience": "public", "state": "published", "language": "en", "author": "wei"}
    made = Card(id_, title=title, solution=text, **{**usual, **card})
    return Material(made, products=products, approved=approved, won=won, lost=lost)


def proposed(brief, materials, *, index=None, analyzer=USUAL, budget=ANY, yard=YARD, **aim):
    """A proposal from some materials."""
    library = Library(materials, analyzer=analyzer)
    if index is None:
        index = SegmentIndex(MemoryBlobStore(), analyzer=analyzer)
        index.apply(library.documents())
    asked = brief if isinstance(brief, Brief) else Brief(brief)
    return propose(asked, library, index, aim=Aim(NOW, **aim), budget=budget, yard=yard)


def only(brief, materials, **more):
    """The answer to a brief of one requirement."""
    (answer,) = proposed(brief, materials, **more).answers
    return answer
