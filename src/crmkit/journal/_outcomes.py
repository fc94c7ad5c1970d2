"""What the usual words for a closed case mean."""

from typing import Literal

_WON = frozenset({"won", "closed won", "win", "赢单", "成交"})
_LOST = frozenset({"lost", "closed lost", "loss", "cancelled", "canceled", "输单", "丢单"})


def usual_outcome(text: str) -> Literal["won", "lost"] | None:
    """What a stage or an outcome of that name usually means; None if the name does not say.

    >>> usual_outcome("Closed Won"), usual_outcome("输单"), usual_outcome("proposal")
    ('won', 'lost', None)
    """
    folded = " ".join(text.casefold().replace("-", " ").replace("_", " ").split())
    return "won" if folded in _WON else "lost" if folded in _LOST else None
