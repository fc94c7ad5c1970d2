"""The loop at work on a store: problems open cases, cases follow their methods, and the facts tell what came of it.

Like a desk it only reads, decides and appends; what it decides is decided in `crmkit.improve`. Everything it knows is
a fact in the store, and can be looked up as of any instant.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmkit.desk import Desk
from crmkit.errors import InvalidValue, KeyReused, NotFound
from crmkit.events import Event
from crmkit.improve import methods
from crmkit.improve.choice import Choice, choose
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.improvement import Improvement, Sorted, sort
from crmkit.improve.problem import Problem, Problems
from crmkit.improve.review import Review, review
from crmkit.improve.tally import Tally, tally
from crmkit.improve.verify import Verdict, verify
from crmkit.metrics import Facts
from crmkit.metrics.metric import Metric
from crmkit.pipeline import Directory, Pipeline, Visit, commands, history
from crmkit.pipeline.stages import Outcome
from crmkit.pipeline.versions import Versions
from crmkit.protocols import EventStore, Query
from crmkit.values import Period, aware, zone

__all__ = ["Knowing", "Loop", "Opened"]

#: What else is known of a problem.
Knowing: TypeAlias = Callable[[Problem], Mapping[str, Any]]

_NOBODY = Directory()
# The fields that only an improvement case is opened with.
_MARKS = {"key", "found", "method"}


@attrs.frozen
class Opened:
    """What became of problems.

    Attributes:
        new: the cases that were opened.
        again: the open cases that some belong to; each has noted that the problem was seen again.
        known: the closed cases that some were dealt with in.
        false_alarms: how many of the problems may be chance, on average.
    """

    new: tuple[Improvement, ...]
    again: tuple[Improvement, ...]
    known: tuple[Improvement, ...]
    false_alarms: float


def _chosen(problem: Mapping[str, Any]) -> Choice:
    """What the catalogue's table says; where it cannot say yet, the most thorough method that is possible."""
    return choose(problem, cautious=True)


def _usual() -> Mapping[str, Pipeline]:
    return {name: methods.get(name) for name in methods.names()}


@attrs.frozen
class Loop:
    """Improvement cases at work on a store.

    Attributes:
        store: any `EventStore`; it may be that of the deals and tickets.
        clock: gives the present instant (aware).
        methods: the definition of each method, or all its versions; those of `crmkit.improve.methods` if not given.
        choose: which method a problem gets, from its fields; the decision table of `crmkit.improve.choose` if not
            given, and where that leaves several methods open, the most thorough.
        directory: who has which role, and who acts for whom.
        metrics: figures of hypotheses that are none of the catalogue, or have other policies than there, by key.
        tz: the zone of days.
    """

    store: EventStore
    clock: Callable[[], datetime]
    methods: Mapping[str, Pipeline | Versions] = attrs.field(factory=_usual)
    choose: Callable[[Mapping[str, Any]], Choice] = _chosen
    directory: Directory | Callable[[], Directory] = _NOBODY
    metrics: Mapping[str, Metric] = attrs.field(factory=dict[str, Metric])
    tz: str = "UTC"

    def open(self, problems: Problems, *, who: str | None = None, fields: Knowing | None = None) -> Opened:
        """Open a case for each problem that has none: however often and by whomever it is called, there is one.

        A problem that is seen again while its case is open is noted in the case. One whose case is closed opens another
        in a later period, with `recurrence` one higher.

        Args:
            problems: what was found.
            who: who opens the cases.
            fields: what else is known of a problem: `severity`, `cause known`, `cross team`, `cost`, `owner` ...

        Raises:
            NotFound: if a method is chosen that there is no definition of.
        """
        sorted_ = sort(problems, self.cases())
        new = [self._opened(problem, before, who, fields) for problem, before in sorted_.new]
        again = [self._again(problem, one, who) for problem, one in sorted_.again]
        return Opened(tuple(new), tuple(again), tuple(one for _, one in sorted_.known), problems.false_alarms)

    def _opened(self, problem: Problem, before: int, who: str | None, fields: Knowing | None) -> Improvement:
        known = {"recurrence": before, **problem.to_fields(), **({} if fields is None else fields(problem))}
        choice = self.choose(known)
        if choice.pipeline is None:
            raise InvalidValue("choice", problem.case, f"settles no method: {choice}")
        desk = self.desk(choice.pipeline)
        try:
            desk.open(problem.case, who=who, fields={**known, "method": choice.pipeline}, key=f"open {problem.case}")
        except KeyReused:
            # Somebody else was faster; it is the same case.
            return self.case(problem.case)
        return self.case(problem.case)

    def _again(self, problem: Problem, one: Improvement, who: str | None) -> Improvement:
        period = problem.over.name or str(problem.over.start)
        seen = tuple(one.case.fields.get("seen again", ()))
        if period in seen or one.case.id == problem.case:
            return one
        key = f"again {one.case.id} {period}"
        self.desk(one.method).edit(one.case.id, who=who, key=key, fields={"seen again": [*seen, period]})
        return self.case(one.case.id)

    def desk(self, method: str) -> Desk:
        """The desk of a method: for whatever its cases need besides.

        Raises:
            NotFound: if there is no such method.
        """
        if method not in self.methods:
            raise NotFound("method", method, tuple(self.methods), "the loop")
        return Desk(self.store, self.methods[method], self.clock, directory=self.directory)

    def cases(self, *, at: datetime | None = None, known_at: datetime | None = None) -> tuple[Improvement, ...]:
        """All improvement cases, in the order in which they were opened.

        Args:
            at: as they were at an instant (aware).
            known_at: from what was known then (aware).

        Raises:
            NotFound: if a case was opened under a version of its method that the loop does not have.
        """
        of = self._definitions()
        opened = [one.event for one in self.store.read(Query(types=["Opened"]))]
        for event in opened:
            # Passed over in silence it would be opened again.
            if event.definition not in of and event.data.keys() >= _MARKS:
                where = f"the loop, for case {event.case!r}; give methods= with all versions of {event.data['method']}"
                raise NotFound("definition", str(event.definition), tuple(of), where)
        ids = [event.case for event in opened if event.definition in of]
        events: dict[str, list[Event]] = {id_: [] for id_ in ids}
        for recorded in self.store.read(Query(cases=ids)) if ids else ():
            events[recorded.event.case].append(recorded.event)
        found = (
            history.replay(facts) if at is None else history.state(facts, at=at, known_at=known_at)
            for facts in events.values()
        )  # fmt: skip
        return tuple(Improvement(case, *of[case.definition or ""]) for case in found if case is not None)

    def case(self, case: str, *, at: datetime | None = None, known_at: datetime | None = None) -> Improvement:
        """An improvement case as it is, or as it was at an instant, from what was known at another.

        Raises:
            NotFound: if there was no such case then.
        """
        found = self.desk(next(iter(self.methods))).case(case, at=at, known_at=known_at)
        of = self._definitions()
        if found.definition not in of:
            raise NotFound("improvement case", case, (), "the store")
        return Improvement(found, *of[found.definition])

    def _definitions(self) -> dict[str, tuple[Pipeline, str]]:
        return {
            pipeline.definition: (pipeline, name)
            for name, method in self.methods.items()
            for _, pipeline in (method.eras if isinstance(method, Versions) else ((None, method),))
        }

    def move(self, case: str, move: str, **more: Any) -> Improvement:
        """Take a move of the case's method; see `Desk.move`.

        Raises:
            NotFound: if there is no such case.
            MoveNotAllowed: with every reason.
            InvalidValue: for `act` upon a hypothesis that cannot be told.
        """
        one = self.case(case)
        self._check(one, move, {**more.get("fields", {}), **more})
        self.desk(one.method).move(case, move, **more)
        return self.case(case)

    def do(self, case: str, command: commands.Command, *, roles: Iterable[str] = ()) -> Improvement:
        """Any command of `crmkit.pipeline.commands`, such as asking for an approval; see `Desk.do`.

        Raises:
            NotFound: if there is no such case.
            MoveNotAllowed: with every reason.
            InvalidValue: for `act` upon a hypothesis that cannot be told.
        """
        one = self.case(case)
        if isinstance(command, commands.Take):
            self._check(one, command.move, command.fields)
        self.desk(one.method).do(case, command, roles=roles)
        return self.case(case)

    def _check(self, one: Improvement, move: str, more: Mapping[str, Any]) -> None:
        """Whatever a method's guards see of a hypothesis, it must be one that `verify` can be held to."""
        kept = more.get("hypothesis", one.case.fields.get("hypothesis"))
        if move != "act" or kept is None:
            return
        if not isinstance(kept, Mapping):
            raise InvalidValue("hypothesis", kept, "is none; give the fields of a Hypothesis (to_fields)")
        Hypothesis.from_fields(kept, metric=self.metrics.get(str(kept.get("metric"))))

    def claim(self, case: str, hypothesis: Hypothesis, *, who: str | None = None, **more: Any) -> Improvement:
        """State what is to change, as a fact of the case: before anything is done, and not any more afterwards.

        Args:
            case: its id.
            hypothesis: the claim.
            who: who states it.
            more: further fields, such as `owner`, `due` and `actions`.

        Raises:
            InvalidValue: if it is being acted upon already, or the case is closed.
            MoveNotAllowed: if the method refuses it.
        """
        one = self.case(case)
        if one.acting or one.outcome is not None:
            why = f"comes too late: the case is in stage {one.case.stage!r}; what is to be seen is stated beforehand"
            raise InvalidValue("hypothesis", str(hypothesis), why)
        self.desk(one.method).edit(case, who=who, fields={"hypothesis": hypothesis.to_fields(), **more})
        return self.case(case)

    def verify(self, case: str, facts: Facts, *, as_known_at: datetime | None = None) -> Verdict:
        """What the facts say of the hypothesis of a case, as of now; nothing is stored.

        Hypotheses of other cases that were acted upon at the same time are no group to compare with.

        Raises:
            NotFound: if there is no such case.
            InvalidValue: if it has no hypothesis, or one that cannot be told; see `crmkit.improve.verify`.
        """
        one = self.case(case)
        claim = self._claim(one)
        if claim is None:
            raise InvalidValue("hypothesis", "none", f"is stated in case {case!r}, so that nothing can be verified")
        others = [other for found in self.cases() if found.case.id != case and (other := self._claim(found))]
        looked = one.case.fields.get("looked")
        return verify(claim, facts, now=self.clock(), as_known_at=as_known_at, looked=looked, others=others)

    def _claim(self, one: Improvement) -> Hypothesis | None:
        kept = one.case.fields.get("hypothesis")
        return None if kept is None else one.hypothesis(self.metrics.get(kept.get("metric")))

    def judge(
        self, case: str, facts: Facts, *, who: str | None = None, as_known_at: datetime | None = None, **more: Any
    ) -> Verdict:
        """Verify a case and store what was found: a verdict moves it on; what is too early is noted as a look.

        Args:
            case: its id; somebody acts upon it.
            facts: what happened.
            who: who judges.
            as_known_at: leaves out what was recorded later (aware).
            more: further fields.

        Raises:
            NotFound: if there is no such case.
            InvalidValue: if it is not acted upon, or cannot be told.
            MoveNotAllowed: if the method refuses the move.
        """
        one = self.case(case)
        if not one.acting:
            raise InvalidValue("case", case, f"is in stage {one.case.stage!r}, where there is nothing to judge yet")
        verdict = self.verify(case, facts, as_known_at=as_known_at)
        today = self.clock().astimezone(zone(self.tz)).date()
        desk = self.desk(one.method)
        if verdict.answer == "too early":
            desk.edit(case, who=who, key=f"look {case} {today}", fields={"looked": today, **more})
            return verdict
        found = {
            "verdict": verdict.answer, "gain": verdict.gain, "low": verdict.low, "high": verdict.high,
            "judged": {"text": verdict.to_text(), "text_zh": verdict.to_text("zh"), "method": verdict.method,
                       "notes": [note for note, _ in verdict.notes], "n before": verdict.n_before,
                       "n after": verdict.n_after, "definition": verdict.definition},
        }  # fmt: skip
        desk.move(case, "judge", who=who, fields={**found, **more})
        return verdict

    def sort(self, problems: Problems) -> Sorted:
        """Which problems would open a case, and which belong to one; nothing is stored."""
        return sort(problems, self.cases())

    def review(
        self,
        facts: Facts,
        over: Period,
        *,
        at: datetime | None = None,
        known_at: datetime | None = None,
        **options: Any,
    ) -> Review:
        """The agenda of a period; see `crmkit.improve.review.review`.

        Args:
            facts: what happened.
            over: the period.
            at: as of when (aware); now if None.
            known_at: from what was known then (aware), of the cases and of the facts.
            options: those of `review`.
        """
        now = aware(at, "at") if at is not None else self.clock()
        cases = self.cases(at=now, known_at=known_at)
        return review(facts, over, cases=cases, at=now, as_known_at=known_at, **options)

    def tally(self, *, at: datetime | None = None, known_at: datetime | None = None, **options: Any) -> Tally:
        """What became of all cases, how fast, and what they brought; see `crmkit.improve.tally`.

        Args:
            at: as of when (aware); now if None.
            known_at: from what was known then (aware).
            options: those of `tally`.
        """
        now = aware(at, "at") if at is not None else self.clock()
        cases = self.cases(at=now, known_at=known_at)
        outcomes: dict[str, Outcome | None] = {
            stage.name: stage.outcome for one in cases for stage in one.pipeline.stages
        }
        return tally([one.case for one in cases], outcomes, now=now, **options)

    def timeline(self, case: str) -> tuple[Visit, ...]:
        """Every stay of a case in every stage of its method."""
        return history.timeline(self.history(case))

    def history(self, case: str) -> tuple[Event, ...]:
        """The facts of a case, in order: from the signal to the practice.

        Raises:
            NotFound: if there is no such case.
        """
        return self.desk(self.case(case).method).history(case)
