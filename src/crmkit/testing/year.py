"""Years in the life of a company with a loop: what is planted, found, acted upon, verified and made a standard.

    >>> import numpy as np
    >>> lived = live("weak", rng=np.random.default_rng(4), quarters=4)
    >>> lived.planted, lived.found, lived.verified
    (('weak',), ('weak',), ('weak',))

Every quarter the loop reviews the facts of `crmkit.testing.planted`, opens cases, takes them through their methods,
acts and verifies. What is done helps if there was something to be mended, and does nothing otherwise.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import numpy as np

from crmkit.adapters.memory import MemoryEventStore
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.improvement import Improvement
from crmkit.improve.practices import Practices, practices
from crmkit.improve.problem import Problem
from crmkit.loop import Loop
from crmkit.metrics import Facts
from crmkit.pipeline import Directory
from crmkit.pipeline.commands import Approve, Command, Edit, Submit, Take
from crmkit.testing.planted import Company, Planted, planted
from crmkit.values import Period

__all__ = ["Lived", "live"]

_BEFORE, _AFTER = 4, 2
_LEAD, _MENTOR = "team lead", "head of sales"


@attrs.frozen
class Lived:
    """What became of a company.

    Attributes:
        quarters: how many were reviewed.
        cases: the improvement cases as they are at the end.
        planted: what was planted.
        found: of it, what a case was opened for.
        verified: of it, what was mended and seen to be.
        false: the cases of nothing that was planted.
        wrongly: of those, the ones that were acted upon and said to have worked.
        mixed: of these, the ones whose verdict says that another action at that time cannot be told apart.
        expected: how many of the cases may be of nothing, as the loop itself said.
        practices: what stars do differently, as far as the search named it and success goes along with it.
        without: cases a quarter that would advance in the end if nothing had been done.
        gained: how many more do.
        loop: the loop with all its facts.
        facts: what an export at the end holds.
    """

    quarters: int
    cases: tuple[Improvement, ...]
    planted: tuple[Planted, ...]
    found: tuple[Planted, ...]
    verified: tuple[Planted, ...]
    false: tuple[str, ...]
    wrongly: tuple[str, ...]
    mixed: tuple[str, ...]
    expected: float
    practices: tuple[str, ...]
    without: float
    gained: float
    loop: Loop = attrs.field(repr=False)
    facts: Facts = attrs.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "quarters": self.quarters, "cases_opened": len(self.cases), "planted": [*self.planted],
            "found": [*self.found], "verified": [*self.verified], "practices": [*self.practices],
            "false": [*self.false], "wrongly": [*self.wrongly], "mixed": [*self.mixed],
            "expected": round(self.expected, 2), "without": round(self.without, 1),
            "gained": round(self.gained, 1),
            "cases": [{"case": one.case.id, "method": one.method, "stage": one.case.stage,
                       "verdict": one.case.fields.get("verdict")} for one in self.cases],
        }  # fmt: skip


@attrs.define
class _Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@attrs.define
class _Life:
    """A company, its loop, and what is known of its stars."""

    company: Company
    loop: Loop
    clock: _Clock
    learnt: dict[str, Practices] = attrs.field(factory=dict[str, Practices])
    expected: float = 0.0


def live(*what: Planted, rng: np.random.Generator, quarters: int = 4, acts: bool = True, people: int = 40) -> Lived:
    """Live through quarters, each with a review at its end.

    Args:
        what: what is planted; see `crmkit.testing.planted.planted`.
        rng: the source of randomness; nothing else is.
        quarters: how many quarters are reviewed.
        acts: whether what is done has an effect; if not, every action is one that does nothing.
        people: how many persons the company has.
    """
    clock = _Clock(datetime(2026, 1, 1, tzinfo=UTC))
    first = planted(*what, rng=rng, people=people)
    life = _Life(first, Loop(MemoryEventStore(), clock, directory=Directory({"mentor": [_MENTOR]})), clock)
    for _ in range(quarters):
        life.company = life.company.quarter()
        facts = life.company.facts()
        clock.now = datetime.combine(life.company.period.end, datetime.min.time(), UTC) + timedelta(hours=8)
        _judge(life, facts)
        problems = life.loop.review(facts, life.company.period, metrics=()).problems
        life.expected += problems.false_alarms
        for one in life.loop.open(problems, who=_LEAD, fields=_known_of).new:
            _act(life, one, facts, acts=acts)
    return _lived(first, life, quarters)


def _known_of(_problem: Problem) -> Mapping[str, Any]:
    """What the team knows of a problem besides its figures."""
    return {"severity": "major", "cause known": False, "cross team": True, "cost": 50_000, "owner": _LEAD}


def _judge(life: _Life, facts: Facts) -> None:
    """Verdicts on what is being acted upon, and what follows from them."""
    for one in life.loop.cases():
        if not one.acting:
            continue
        verdict = life.loop.judge(one.case.id, facts, who=_LEAD)
        if verdict.answer == "worked":
            fields = {"standard": "everybody does it", "control plan": "watch the chart", "process owner": _LEAD}
            life.loop.move(one.case.id, "standardise", who=_LEAD, fields={**fields, "shared with": ["all"]})
        elif verdict.answer == "did not":
            life.loop.move(one.case.id, "undo", who=_LEAD, fields={"undone": "as it was before"})
        elif verdict.answer == "cannot tell":
            life.loop.move(one.case.id, "drop", who=_LEAD, fields={"drop reason": "it cannot be told"})


def _act(life: _Life, one: Improvement, facts: Facts, *, acts: bool) -> None:
    """Take a new case through its method, as far as something is done."""
    where = one.problem.where
    if one.problem.kind == "share":
        found = practices(facts, where["who"], stage=where["stage"])
        if not any(row.supported for row in found.differences):
            reason = "nothing that was recorded sets the star apart"
            life.loop.move(one.case.id, "drop", who=_LEAD, fields={"drop reason": reason})
            return
        life.learnt[one.case.id] = found
    claim = _claim(one.problem)
    for command in _steps(one, claim, life):
        life.loop.do(one.case.id, command)
    if acts:
        life.company = _mended(life.company, one.problem)


def _claim(problem: Problem) -> Hypothesis:
    """What is to be seen, against the year before the quarter that showed it; what is bad only now, against that."""
    start = problem.over.end
    after = Period(start, _later(start, 3 * _AFTER), "after")
    fresh = problem.kind != "chart"
    before = Period(_later(problem.over.start, -3 * _BEFORE), problem.over.start, "before") if fresh else problem.over
    where = {"stage": problem.where["stage"]} if problem.kind == "share" else problem.where
    effect = {"coach": 0.10, "share": 0.05}.get(problem.kind, 0.05)
    return Hypothesis(
        "stage_conversion", where, effect=effect, before=before, after=after, found_in=problem.over,
    )  # fmt: skip


def _later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, day.day)


def _steps(one: Improvement, claim: Hypothesis, life: _Life) -> list[Command]:
    """What is written down, asked for and allowed on the way to the action."""
    due, where = claim.after.end, one.problem.where
    plan = {
        "hypothesis": claim.to_fields(), "owner": _LEAD, "due": due,
        "actions": [{"what": "as planned", "who": _LEAD, "due": due, "done": False}],
    }  # fmt: skip
    stage, who = where["stage"], where.get("who", "everybody")
    others = [name for name in life.company.people if name != who]
    told = str(one.problem)
    steps: dict[str, list[Command]] = {
        "coaching": [
            _take("observe", {"coach": _LEAD, "coachee": who}),
            _take("diagnose", {"observed": 3, "gap": "skill", "strength": "keeps appointments"}),
            _take("act", {**plan, "goal": f"as the others in {stage}", "agreed": True}),
        ],
        "practice-sharing": [
            _take("compare", {"holder": who, "peers": others[:5]}),
            _take("describe", {"practice": "customers hear within a day", "difference": "see the figures",
                               "conditions": "calls are recorded"}),
            _take("act", {**plan, "confirmed": True, "adopters": others}),
        ],
        "a3": [
            _take("grasp", {"background": told, "mentor": _MENTOR}),
            _take("analyse", {"went and saw": True, "current condition": told, "goal": "as it was before"}),
            Edit(who=_LEAD, fields={**plan, "root cause": "the new form", "countermeasures": "the old form"}),
            Submit("mentor", who=_LEAD),
            Approve("mentor", who=_MENTOR),
            _take("act", {"consulted": ["sales"]}),
        ],
    }  # fmt: skip
    return steps[one.method]


def _take(move: str, fields: Mapping[str, Any]) -> Take:
    return Take(move, who=_LEAD, fields=fields)


def _mended(company: Company, problem: Problem) -> Company:
    stage = str(problem.where["stage"])
    if problem.kind == "coach":
        return company.coached(stage, str(problem.where["who"]))
    return company.taught(stage) if problem.kind == "share" else company.mended(stage)


def _lived(first: Company, life: _Life, quarters: int) -> Lived:
    cases = life.loop.cases()
    kinds: Mapping[str, Planted] = {"coach": "weak", "share": "star", "chart": "ailing"}
    true: dict[str, Planted] = {one.case.id: kinds[one.problem.kind] for one in cases
            if first.truth.get(kinds[one.problem.kind]) == tuple(map(str, one.problem.where.values()))}  # fmt: skip
    worked = {one.case.id for one in cases if one.case.fields.get("verdict") == "worked"}
    wrongly = tuple(one.case.id for one in cases if one.case.id not in true and one.case.id in worked)
    notes = {one.case.id: one.case.fields.get("judged", {}).get("notes") for one in cases}
    found: dict[Planted, None] = dict.fromkeys(true.values())
    verified: dict[Planted, None] = {name: None for case, name in true.items() if case in worked}
    named = {
        row.key: None for case, of in life.learnt.items() if case in true for row in of.differences if row.supported
    }  # fmt: skip
    without = attrs.evolve(first, quarters=first.quarters + quarters).advancing
    return Lived(
        quarters, cases, tuple(first.truth), tuple(found), tuple(verified),
        tuple(one.case.id for one in cases if one.case.id not in true),
        wrongly, tuple(one for one in wrongly if notes[one]),
        life.expected, tuple(named), without, life.company.advancing - without, life.loop, life.company.facts(),
    )  # fmt: skip
