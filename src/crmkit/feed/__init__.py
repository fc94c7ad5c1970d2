"""Follow a store: every event once or more, in order, from where one stopped; and states that are folded from events.

    mailer = Subscription("mailer", store.events, store.records, query=Query(types=["Moved"]))
    mailer.poll(send)    # and again while it says that there is more

    totals = Projection("totals", count, store.events, store.records)
    totals.advance().state
    totals.verify()      # () while the stored state is what a replay gives

Nothing here waits, starts a thread or reads a clock: when to look again is the host's choice. A checkpoint is a record
of the host's own store. Bound to the host's transaction (`SqlStore(session)`), it is committed together with what the
handler wrote there, and then nothing is done twice either.
"""

from crmkit.feed.projections import PROJECTION, Difference, Projected, Projection, Step
from crmkit.feed.subscriptions import CHECKPOINT, Batch, Checkpoint, Handler, Polled, Skipped, Stuck, Subscription

__all__ = [
    "CHECKPOINT",
    "PROJECTION",
    "Batch",
    "Checkpoint",
    "Difference",
    "Handler",
    "Polled",
    "Projected",
    "Projection",
    "Skipped",
    "Step",
    "Stuck",
    "Subscription",
]
