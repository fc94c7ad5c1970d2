"""How a case's way through the steps of a funnel is read: each choice is printed with the figure."""

from datetime import timedelta
from typing import Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.metrics.policy import Order

__all__ = ["Entry", "Repeats", "Route", "Skipped", "Ties"]

#: Which visit to the first step begins the way: the first one, the one that leads furthest (the earliest of equals), or
#: each one, whose way ends where the next begins.
Entry: TypeAlias = Literal["first", "furthest", "each visit"]
#: Whether a step that was skipped on the way to a later one counts as reached.
Skipped: TypeAlias = Literal["observed", "backfill"]
#: Whether a step at the same instant as the one before counts, in the order of the data, or must come later.
Ties: TypeAlias = Literal["sequence", "later"]
#: What coming back to a step does: nothing, or it ends the way.
Repeats: TypeAlias = Literal["ignored", "end"]


@attrs.frozen(kw_only=True)
class Route:
    """How a way through a funnel is read.

    Attributes:
        order: "loose": other stages may come between the steps; "strict": nothing but a repetition may; "any": the
            steps may come in any order, and step k is the k-th of them to be reached.
        direct: the steps that must follow directly on the one before, under a loose order.
        within: the longest time from the first step to any other, inclusive; None for no limit.
        entry: which visit begins the way.
        skipped: what a skipped step counts as.
        ties: what steps at one instant count as.
        repeats: what coming back to a step does.

    Raises:
        InvalidValue: for choices that contradict each other, or a time that is not above 0.
    """

    order: Order = "loose"
    direct: tuple[str, ...] = ()
    within: timedelta | None = None
    entry: Entry = "first"
    skipped: Skipped = "observed"
    ties: Ties = "sequence"
    repeats: Repeats = "ignored"

    def __attrs_post_init__(self) -> None:
        free = self.order == "any" or self.skipped == "backfill"
        clashes = {
            "direct": free and bool(self.direct),
            "entry": free and self.entry == "each visit",
            "ties": free and self.ties == "later",
            "repeats": free and self.repeats == "end",
            "skipped": self.order != "loose" and self.skipped == "backfill",
        }
        for name, clash in clashes.items():
            if clash:
                reason = f"makes no sense with order={self.order!r} and skipped={self.skipped!r}"
                raise InvalidValue(name, getattr(self, name), reason)
        if self.within is not None and self.within <= timedelta(0):
            raise InvalidValue("within", str(self.within), "is not above 0")

    @property
    def limit(self) -> int | None:
        """`within` in microseconds."""
        return None if self.within is None else self.within // timedelta(microseconds=1)

    def is_direct(self, step: str) -> bool:
        """Whether a step must follow directly on the one before."""
        return self.order == "strict" or step in self.direct
