"""Logs for the tests of flow, discovery and conformance: made up, written down, and real; each also as plain lists."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from crmkit.journal import OPEN, UNKNOWN, Journal, code

DAY = 86_400_000_000
STAGES = ("lead", "offer", "talk", "deal", "won", "lost")
PEOPLE = ("li", "wei", "zoe")


class Stay(NamedTuple):
    """One stay, in whole days."""

    case: str
    stage: str
    entered: float
    left: float | None
    next: str | None
    who: str | None


def journal_of(stays, until=1_000, *, stages=None, dims=None, amount=None):
    """A journal of `Stay`s whose times are whole days; `left` and `next` are None while a stay lasts."""
    names = stages or tuple(dict.fromkeys([s.stage for s in stays] + [s.next for s in stays if s.next]))
    return Journal(
        code([s.case for s in stays]), code([s.stage for s in stays]).recode(names),
        np.array([s.entered * DAY for s in stays], np.int64),
        np.array([OPEN if s.left is None else s.left * DAY for s in stays], np.int64),
        np.array([-1 if s.next is None else names.index(s.next) for s in stays], np.int32),
        code([s.who for s in stays]), until * DAY,
        dims={name: code(column) for name, column in (dims or {}).items()},
        amount=None if amount is None else np.array([UNKNOWN if a is None else a for a in amount], np.int64),
    )  # fmt: skip


@st.composite
def runs(draw, stages=STAGES, most=9, cases=6):
    """Stays of cases that follow each other without gaps, mixed; the last lasts, or only says where it led."""
    stays = []
    for number in range(draw(st.integers(1, cases))):
        way = draw(st.lists(st.sampled_from(stages), min_size=1, max_size=most))
        days = sorted(draw(st.lists(st.integers(0, 40), min_size=len(way) + 1, max_size=len(way) + 1)))
        who = draw(st.lists(st.sampled_from([*PEOPLE, None]), min_size=len(way), max_size=len(way)))
        tail = draw(st.none() | st.sampled_from(stages))
        for place, stage in enumerate(way):
            last = place == len(way) - 1
            following = tail if last else way[place + 1]
            left = None if following is None else days[place + 1]
            stays.append(Stay(f"c{number}", stage, days[place], left, following, who[place]))
    # Rows that cannot be told apart by time keep their order within a case, wherever they land.
    keys = draw(st.lists(st.integers(0, 5), min_size=len(stays), max_size=len(stays)))
    if draw(st.booleans()):
        return stays
    order = sorted(range(len(stays)), key=lambda i: (keys[i] if not tied(stays, i) else 0, i))
    return [stays[i] for i in order]


def tied(stays, i):
    """Whether another stay of the case begins at the same time, so that only the order of rows tells which is first."""
    one = stays[i]
    return any(j != i and s.case == one.case and s.entered == one.entered for j, s in enumerate(stays))


def by_case(stays):
    """The stays of each case in order."""
    found = {}
    for stay in sorted(stays, key=lambda s: (s.entered, float("inf") if s.left is None else s.left)):
        found.setdefault(stay.case, []).append(stay)
    return found


def ways(stays):
    """The stages each case went through, and whether its last stay only says where it led."""
    return {
        case: tuple(s.stage for s in run) + ((run[-1].next,) if run[-1].next is not None else ())
        for case, run in by_case(stays).items()
    }


TEXTBOOK = {
    "1": "register request, examine thoroughly, check ticket, decide, reject request",
    "2": "register request, check ticket, examine casually, decide, pay compensation",
    "3": "register request, examine casually, check ticket, decide, reinitiate request, examine thoroughly, check ticket,"
    " decide, pay compensation",
    "4": "register request, check ticket, examine thoroughly, decide, reject request",
    "5": "register request, examine casually, check ticket, decide, reinitiate request, check ticket, examine casually,"
    " decide, reinitiate request, examine casually, check ticket, decide, reject request",
    "6": "register request, examine casually, check ticket, decide, pay compensation",
}


def textbook():
    """The six cases of the running example (van der Aalst 2011, Process Mining, table 1.1), a day a step."""
    rows = [
        (case, stage, pd.Timestamp("2010-12-30", tz="UTC") + pd.Timedelta(days=day))
        for case, way in TEXTBOOK.items()
        for day, stage in enumerate(way.split(", "))
    ]
    case, stage, at = zip(*rows, strict=True)
    return Journal.from_frame({"case": case, "stage": stage, "at": at}, case="case", stage="stage", at="at")


def applications(shared):
    """The BPI Challenge 2012 development slice as pandas reads it, its application events only."""
    path = shared("data", "sales", "bpic2012", "slice_dev_registered_before_2011-12-01.csv.gz")
    frame = pd.read_csv(path, dtype={"org:resource": "string", "case": "string"})
    frame = frame[frame["concept:name"].str.startswith("A_")].copy()
    frame["time:timestamp"] = pd.to_datetime(frame["time:timestamp"], utc=True, format="ISO8601")
    return frame


def receipt(shared):
    """The receipt log as pandas reads it."""
    frame = pd.read_csv(shared("data", "logs", "receipt", "receipt_flat.csv.gz"), dtype="string")
    frame["time:timestamp"] = pd.to_datetime(frame["time:timestamp"], utc=True, format="ISO8601")
    return frame


def read(frame):
    """The journal of such a frame."""
    return Journal.from_frame(frame, case="case", stage="concept:name", at="time:timestamp", who="org:resource")


def pandas_edges(frame):
    """What directly follows what, as pandas counts it."""
    frame = frame.sort_values(["case", "time:timestamp"], kind="stable")
    following = frame.groupby("case")["concept:name"].shift(-1)
    pairs = zip(frame["concept:name"], following, strict=True)
    return pd.Series([(a, b) for a, b in pairs if isinstance(b, str)]).value_counts().to_dict()


def pandas_variants(frame):
    """How often each run of stages occurs, as pandas counts it."""
    frame = frame.sort_values(["case", "time:timestamp"], kind="stable")
    return frame.astype({"concept:name": object}).groupby("case")["concept:name"].agg(tuple).value_counts().to_dict()


def steps(stays):
    """Successive stays of one case."""
    return [pair for run in by_case(stays).values() for pair in pairwise(run)]
