"""Satisfaction and process: which figures of a ticket's handling move with the score that its customer gave (R2, T11).

A link that is found here is an association among those who answered. It says where to look, and is no proof of a cause.
"""

from collections.abc import Iterable, Mapping

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.journal import Frameable
from crmkit.metrics._checks import confidence
from crmkit.metrics._process_figures import FIGURES, ClosedTickets, closed_tickets
from crmkit.metrics._ranks import somers
from crmkit.metrics._satisfaction_words import told
from crmkit.metrics._signal_words import Lang
from crmkit.metrics.buckets import Buckets
from crmkit.metrics.estimators import benjamini_hochberg, wilson
from crmkit.metrics.facts import Facts
from crmkit.metrics.kpi._checks import names
from crmkit.metrics.policy import definition_id
from crmkit.metrics.view import View
from crmkit.values import Period, from_micros, zone
from crmkit.values.display import Told

__all__ = ["Link", "Satisfaction", "satisfaction"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Fewer scores do not say anything about ranks.
_LEAST = 20


@attrs.frozen
class Link:
    """One figure of the process, and how scores move with it.

    Attributes:
        figure: "first_response", "resolution" (minutes), "hand_overs", "reopenings", "returns" (stays in a stage that
            the ticket had been in before) or "contacts".
        n: tickets with a score.
        d: Somers' D of the score given the figure: of two tickets that differ in it, how much more often the one with
            more of it has the higher score than the lower; within strata if there are any.
        low: lower limit; None where all pairs agree.
        high: upper limit.
        p: of no link.
        q: the same, corrected for the number of figures looked at (Benjamini & Hochberg 1995).
        linked: whether q is at most the share of false links that was allowed.
        crude: `d` without strata.
        least: the mean score of the tickets with up to the median of the figure.
        most: of those with more; None if there are none.
        answering: Somers' D of having answered at all given the figure, over all closed tickets.
        answering_q: corrected likewise: where it is small, those who answered were served otherwise than the rest.
    """

    figure: str
    n: int
    d: float
    low: float | None
    high: float | None
    p: float
    q: float
    linked: bool
    crude: float
    least: float
    most: float | None
    answering: float | None
    answering_q: float | None


@attrs.frozen
class Satisfaction(Told, Frameable[Link]):
    """A row for each figure that differs among tickets, the strongest link first.

    Attributes:
        rows: the figures.
        n: closed tickets with a score.
        closed: closed tickets.
        answered: n / closed.
        answered_low: lower Wilson limit of it.
        answered_high: upper limit.
        mean: of the scores.
        top: the share of scores that are the highest there is: what differs among those is not seen.
        unmatched: scores of tickets that are not there.
        early: scores of tickets that are not closed yet; left out like those.
        constant: figures that are the same for all tickets, and so explain nothing.
        strata: the column that was held fixed; None if none was.
        q: the share of false links that was allowed.
        level: the confidence of the limits.
        definition: the id of the definition.
    """

    rows: tuple[Link, ...]
    n: int
    closed: int
    answered: float
    answered_low: float
    answered_high: float
    mean: float
    top: float
    unmatched: int
    early: int
    constant: tuple[str, ...]
    strata: str | None
    q: float
    level: float
    definition: str

    #: The estimator.
    method = "Somers' D within strata, delta method on Fisher's z; Kendall's test with ties; Benjamini-Hochberg"

    def to_text(self, lang: Lang = "en") -> str:
        """What was found, and what it does not say.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        return told(self, lang)


def satisfaction(
    facts: Facts,
    scores: Mapping[str, float],
    *,
    by: str | None = None,
    waiting: Iterable[str] = (),
    paused: Iterable[str] = (),
    contacts: Iterable[str] = (),
    q: float = 0.1,
    level: float = 0.95,
) -> Satisfaction:
    """Which figures of the process move with satisfaction.

    Args:
        facts: with a `service` journal; activities of its ledger whose case is a ticket are contacts, too.
        scores: by ticket, the higher the better: stars, points of a survey, 1 and 0 for yes and no.
        by: a column to hold fixed: tickets are compared only with those of the same value, as it was when they were
            opened. Where urgent tickets are both quick and badly rated, this is what tells the two apart.
        waiting: the stages in which a ticket waits for us; that in which it was opened if empty.
        paused: the stages whose time does not count towards the resolution.
        contacts: the stages that mean a further contact with the customer.
        q: the share of false links that is allowed among those that are called links.
        level: the confidence of the limits.

    Raises:
        InvalidValue: for fewer than 20 scores of closed tickets, a score that is no finite number, or facts without a
            service journal.
        NotFound: for a stage or a column that is not there.
    """
    for case, score in scores.items():
        if not np.isfinite(score):
            raise InvalidValue("score", score, f"of ticket {case!r} is no finite number")
    if not 0.0 < q < 1.0:
        raise InvalidValue("q", q, "does not lie between 0 and 1")
    view = _view(facts)
    stages = [tuple(names(one)) for one in (waiting, paused, contacts)]  # type: ignore[arg-type] # texts or several
    tickets = closed_tickets(view, waiting=stages[0], paused=stages[1], contacts=stages[2])
    place = {case: number for number, case in enumerate(tickets.cases)}
    known = [case for case in scores if case in place]
    if len(known) < _LEAST:
        raise InvalidValue("scores", len(known), f"of closed tickets are too few to rank; give {_LEAST} or more")
    mine = np.array([place[case] for case in known])
    y = np.array([float(scores[case]) for case in known])
    groups = None if by is None else view.key("service", by)[tickets.rows].codes.astype(np.int64)
    rows, constant = _links(tickets, mine, y, groups, q=q, level=confidence(level))
    early = sum(case in tickets.others for case in scores)
    low, high = wilson(len(known), len(place), level)
    definition = definition_id("satisfaction", by=by, waiting=stages[0], paused=stages[1], contacts=stages[2], q=q)
    return Satisfaction(
        rows, len(known), len(place), len(known) / len(place), float(low), float(high), float(y.mean()),
        float((y == y.max()).mean()), len(scores) - len(known) - early, early, constant, by, q, level, definition,
    )  # fmt: skip


def _view(facts: Facts) -> View:
    until = facts.until()
    there = zone(facts.tz)
    day = from_micros(until).astimezone(there).date()
    return View(facts, Buckets.of(Period.year(day.year), None, there), (), until)


def _links(
    tickets: ClosedTickets, mine: Ints, y: Floats, groups: Ints | None, *, q: float, level: float
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    answered = np.zeros(len(tickets.cases))
    answered[mine] = 1.0
    strata = None if groups is None else groups[mine]
    linked = {name: somers(column[mine], y, strata) for name, column in tickets.figures.items()}
    told = [name for name in FIGURES if linked[name].d is not None]
    links = [linked[name] for name in told]
    others = [somers(tickets.figures[name], answered, groups) for name in told]
    marks, other_marks = (benjamini_hochberg([one.p for one in found]).tolist() for found in (links, others))
    rows: list[Link] = []
    for place, (name, link, who) in enumerate(zip(told, links, others, strict=True)):
        x = tickets.figures[name][mine]
        few = x <= np.median(x)
        low, high = link.limits(level) or (None, None)
        silent = len(mine) < len(answered)
        rows.append(Link(
            name, len(x), link.d or 0.0, low, high, link.p, marks[place], marks[place] <= q, somers(x, y).d or 0.0,
            float(y[few].mean()), None if few.all() else float(y[~few].mean()),
            who.d if silent else None, other_marks[place] if silent else None,
        ))  # fmt: skip
    constant = tuple(name for name in FIGURES if name not in told)
    return tuple(sorted(rows, key=lambda one: (one.p, one.figure))), constant
