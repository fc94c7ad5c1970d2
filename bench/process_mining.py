"""What follows what, which ways cases take, what deviates, who converts: beside pm4py, polars and duckdb.

pm4py is under the AGPL: it is measured here where somebody has installed it, and imported nowhere else.
"""

from functools import partial

from harness import Comparison
from process_flow import edges, equal, texts, ways
from process_judged import alike, chances, deviations
from process_log import write

EVENTS, MORE_EVENTS, QUICK_EVENTS = 1_000_000, 5_000_000, 3_000


def comparisons(*, quick: bool) -> list[Comparison]:
    """Four tasks on coded columns and one on texts as an export has them, in two sizes."""
    tasks = (
        ("what follows what, with times, from coded columns", edges(), equal),
        ("variants, from coded columns", ways(), equal),
        ("deviations with kind, place and person, times checked, and a verdict on each case, from coded columns",
         deviations(), alike),
        ("chance of each person to advance in each stage, open stays censored, from coded columns", chances(), alike),
        ("what follows what, with times, from texts in order of time", texts(), equal),
    )  # fmt: skip
    return [
        Comparison(what, size, "events", partial(write, size=size), contenders, agree)
        for size in ((QUICK_EVENTS,) if quick else (EVENTS, MORE_EVENTS))
        for what, contenders, agree in tasks
    ]
