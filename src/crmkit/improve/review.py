"""The agenda of a period: what changed, what is out of line, what the open cases want, and what is worth sharing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve import finding
from crmkit.improve.improvement import Due, Improvement, due, sort
from crmkit.improve.problem import Problem, Problems
from crmkit.metrics import Facts, measure
from crmkit.metrics.figures import Figure, Figures
from crmkit.metrics.kpi import CATALOGUE, named
from crmkit.metrics.metric import Metric
from crmkit.metrics.policy import definition_id
from crmkit.values import Period, aware, from_micros, to_micros, zone
from crmkit.values.display import Told

__all__ = ["Review", "review"]


@attrs.frozen
class Review(Told):
    """An agenda.

    Attributes:
        over: the period.
        at: as of when (aware).
        known_at: from what was known then (aware); None for all that is known.
        changed: figures that changed against the period before by more than chance, all figures taken together.
        compared: how many figures were compared.
        problems: what is out of line and has no case yet.
        again: what is out of line and has one: the problem and the id of its case.
        due: what the open cases want.
        open: how many cases are open.
        closed: the cases that were closed in the period, with what they came to.
        silent: the figures that were not compared, since the facts do not tell them.
        level: how sure the changes are, all together.
        definition: the id of what was looked at and how: the same agenda for everybody who asks the same.
    """

    over: Period
    at: datetime
    known_at: datetime | None
    changed: tuple[Figure, ...]
    compared: int
    problems: Problems
    again: tuple[tuple[Problem, str], ...]
    due: tuple[Due, ...]
    open: int
    closed: tuple[tuple[str, str], ...]
    silent: tuple[str, ...]
    level: float
    definition: str

    @property
    def practices(self) -> tuple[Problem, ...]:
        """Who does so well that others may learn from it, with or without a case."""
        return tuple(row for row in (*self.problems, *(row for row, _ in self.again)) if row.kind == "share")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        from crmkit.improve._review_words import plain

        return plain(self)

    def title(self, lang: Literal["en", "zh"] = "en") -> str:
        """What it is an agenda of."""
        from crmkit.improve._review_words import titled

        return titled(self, lang)

    def parts(self, lang: Literal["en", "zh"] = "en") -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The agenda as titles with the lines below each; a part of which there is nothing says so.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._review_words import parts

        return parts(self, lang)

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The agenda for people.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._review_words import agenda

        return agenda(self, lang)


def review(
    facts: Facts,
    over: Period,
    *,
    cases: Iterable[Improvement] = (),
    at: datetime | None = None,
    as_known_at: datetime | None = None,
    metrics: Iterable[Metric | str] | None = None,
    by: str = "who",
    rate: float = 0.10,
    level: float = 0.95,
    more: Sequence[Problems] = (),
) -> Review:
    """What a team should talk about, from the facts and the improvement cases.

    Args:
        facts: what happened.
        over: the period.
        cases: the improvement cases as they are at that time (`crmkit.loop.Loop.cases`).
        at: as of when (aware); the end of the period if None.
        as_known_at: leaves out what was recorded later (aware).
        metrics: what is compared with the period before; if None, all of the catalogue that there are facts for.
        by: the column of persons.
        rate: the false discovery rate of the calls to coach, and of those to share.
        level: how sure the changes are, all together (Bonferroni).
        more: problems that were found elsewhere, as by `crmkit.improve.counting.late` and its neighbours.

    Raises:
        InvalidValue: if there is nothing to look at, or the period has not begun at `at`.
        NotFound: for an unknown metric or column.
    """
    moment = _moment(over, at, facts.tz)
    known = facts if as_known_at is None else facts.known_at(as_known_at)
    wanted = _wanted(known, metrics)
    changed, compared, silent = _changes(known, wanted, (over, moment), level, strict=metrics is not None)
    found = finding.find(facts, over, by=by, rate=rate, at=moment, as_known_at=as_known_at)
    joined, there = Problems.joined([found, *more]), tuple(cases)
    held = sort(joined, there)
    policies = {"metrics": [metric.definition for metric in wanted], "by": by, "rate": rate, "level": level}
    return Review(
        over, moment, as_known_at, changed, compared, attrs.evolve(joined, rows=tuple(row for row, _ in held.new)),
        tuple((row, one.case.id) for row, one in held.again),
        tuple(due(there, moment.astimezone(zone(facts.tz)).date())), sum(one.outcome is None for one in there),
        tuple(_closed(there, over, facts.tz)), silent, level, definition_id("review", tz=facts.tz, **policies),
    )  # fmt: skip


def _moment(over: Period, at: datetime | None, tz: str) -> datetime:
    first, last = over.instants(zone(tz))
    moment = from_micros(last, zone(tz)) if at is None else aware(at, "at")
    if to_micros(moment) <= first:
        raise InvalidValue("at", moment.isoformat(), f"is before anything can be said; the period begins {over.start}")
    return moment


def _wanted(facts: Facts, metrics: Iterable[Metric | str] | None) -> tuple[Metric, ...]:
    if metrics is not None:
        return tuple(named(metric) if isinstance(metric, str) else metric for metric in metrics)
    there = {name for name in ("journal", "service", "complaints") if getattr(facts, name) is not None}
    if facts.ledger is not None:
        there |= {facts.ledger.kinds.values[code] for code in set(facts.ledger.kinds.codes.tolist()) if code >= 0}
    return tuple(metric for metric in CATALOGUE if there.issuperset(metric.about.needs))


def _changes(
    facts: Facts, wanted: tuple[Metric, ...], when: tuple[Period, datetime], level: float, *, strict: bool
) -> tuple[tuple[Figure, ...], int, tuple[str, ...]]:
    """The figures whose change has limits that leave 0 out, though so many were looked at; and what is not measured.

    What nobody asked for by name, and the facts do not tell, as amounts of deals without amounts, is left out.
    """
    made, silent = list[Figures](), list[str]()
    for metric in wanted:
        try:
            made.append(measure(facts, metric, over=when[0], as_of=when[1], versus="previous"))
        except (InvalidValue, NotFound):
            if strict:
                raise
            silent.append(metric.key)
    compared = sum(row.change_low is not None for figures in made for row in figures)
    sure = [figures.interval(1.0 - (1.0 - level) / max(compared, 1)) for figures in made]
    return tuple(row for figures in sure for row in figures if _moved(row)), compared, tuple(silent)


def _moved(row: Figure) -> bool:
    return (row.change_low or 0.0) > 0.0 or (row.change_high or 0.0) < 0.0


def _closed(cases: tuple[Improvement, ...], over: Period, tz: str) -> Iterator[tuple[str, str]]:
    for one in cases:
        if one.outcome is not None and one.case.entered.astimezone(zone(tz)).date() in over:
            yield one.case.id, one.outcome
