"""Appraisal (K16): targets, weights, attainment with its uncertainty, gates, scorecards of persons and of the team.

A `Scheme` says what is measured, what is aimed at and what each KPI counts. `appraise` makes the scorecards of a
period; `contributions` tells what changed since the last ones, and adds up exactly. What was decided is kept as a plain
document (`Scorecards.freeze`) with the ids of all definitions, the instants of the facts, the calendar and the targets;
`reproduce` makes it again of facts that have grown since.

An attainment has the interval of its figure. Where it lies on both sides of the target the card says "too few to say":
that a figure is above or below its target may then be chance, and people are not to be paid or blamed for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crmkit.metrics._appraising import card_of
from crmkit.metrics._asking import Asked, last_known, lost_from, measured_by, plain_of
from crmkit.metrics._cards import Card, GateResult, Result, Verdict
from crmkit.metrics._contributions import Contribution, Contributions, contributions
from crmkit.metrics._goals import Absolute, Gate, Goal, ShareOfTeam, Span, Target, VersusLastYear
from crmkit.metrics._kept import period_in
from crmkit.metrics._reproduction import Difference, Reproduction, differences, setting
from crmkit.metrics._schemes import Scheme
from crmkit.metrics._scorecards import Scorecards
from crmkit.metrics.facts import Facts
from crmkit.metrics.metric import Metric
from crmkit.values import Period

__all__ = [
    "Absolute",
    "Card",
    "Contribution",
    "Contributions",
    "Difference",
    "Gate",
    "GateResult",
    "Goal",
    "Reproduction",
    "Result",
    "Scheme",
    "Scorecards",
    "ShareOfTeam",
    "Span",
    "Target",
    "Verdict",
    "VersusLastYear",
    "appraise",
    "contributions",
    "reproduce",
]


def appraise(
    facts: Facts,
    scheme: Scheme,
    *,
    over: Period,
    by: str | None = "who",
    members: Sequence[str] | None = None,
    as_of: datetime | None = None,
    as_known_at: datetime | None = None,
) -> Scorecards:
    """Make the scorecards of a period: that of the team, and of each member.

    Args:
        facts: what happened.
        scheme: what is agreed.
        over: the period.
        by: the column of the members, as `measure` takes it; None for the team alone, whose targets are then those that
            are the same for everybody.
        members: who is appraised; all who have a figure if None. Of whom nothing is recorded the sums are 0.
        as_of: the end of observation (aware, inclusive); that of the facts if None.
        as_known_at: leaves out what was recorded later than this (aware, inclusive); if None, the last instant at which
            a fact was recorded, as far as the facts can tell.

    Raises:
        InvalidValue: for facts that a KPI needs and that are not there, or a target of which there are several figures:
            a KPI by stage, or in several currencies.
        NotFound: for a column that is not there.
    """
    until, known = last_known(facts, as_of)
    asked = Asked(over, by, None if members is None else tuple(members), until, as_known_at or known)
    measured, who = measured_by(scheme, facts, asked)
    cards = tuple(card_of(scheme, measured, member) for member in (None, *who))
    lost = lost_from(measured, by)
    header = {"scheme": scheme.to_dict(), **plain_of(asked), "facts": setting(facts), "findings": lost}
    return Scorecards(cards, header)


def reproduce(document: Mapping[str, Any], facts: Facts, *, metrics: Iterable[Metric] = ()) -> Reproduction:
    """Make a frozen appraisal again, of the facts as they are now, as they were known then.

    Args:
        document: what `Scorecards.freeze` gave.
        facts: the facts of today.
        metrics: KPIs of the scheme that are not in the catalogue.

    Raises:
        InvalidValue: if the document was changed, or the definition of a KPI is not the one of then.
    """
    then = Scorecards.from_frozen(document)
    header = then.header
    known = header["as_known_at"]
    now = appraise(
        facts, Scheme.from_dict(header["scheme"], metrics=metrics), over=period_in(header["over"]), by=header["by"],
        members=header["members"], as_of=datetime.fromisoformat(header["as_of"]),
        as_known_at=None if known is None else datetime.fromisoformat(known),
    )  # fmt: skip
    return Reproduction(tuple(differences(then, now)), now)
