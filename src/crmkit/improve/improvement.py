"""An improvement case as the loop sees it: its problem, its hypothesis, what has become of it, and what is due."""

from collections.abc import Iterable
from datetime import date
from typing import Literal, TypeAlias

import attrs

from crmkit.errors import CrmkitError
from crmkit.improve.hypothesis import Hypothesis
from crmkit.improve.problem import Problem, Problems
from crmkit.journal import Frameable
from crmkit.metrics.metric import Metric
from crmkit.pipeline import Case, Pipeline
from crmkit.values import Fields

__all__ = ["Due", "Improvement", "Sorted", "Want", "due", "sort"]

#: What a case wants: somebody to own it, a hypothesis, an action that is past its day, a verdict.
Want: TypeAlias = Literal["an owner", "a hypothesis", "to be done", "a verdict"]


@attrs.frozen
class Improvement:
    """An improvement case under the definition of its method.

    Attributes:
        case: the case as it is.
        pipeline: the definition that it follows.
        method: the name of the method.
    """

    case: Case
    pipeline: Pipeline = attrs.field(repr=False)
    method: str

    @property
    def problem(self) -> Problem:
        """What opened it.

        Raises:
            InvalidValue: if the case holds none.
        """
        return Problem.from_fields(self.case.fields)

    @property
    def key(self) -> str | None:
        """The key of its problem."""
        key: str | None = self.case.fields.get("key")
        return key

    @property
    def outcome(self) -> str | None:
        """What it came to: "won" (it worked and is standard), "lost" (undone), "cancelled"; None while it is open."""
        return self.pipeline.stage(self.case.stage).outcome

    @property
    def acting(self) -> bool:
        """Whether something is being done whose verdict is open."""
        return "judge" in self.pipeline.moves_from(self.case.stage)

    def hypothesis(self, metric: Metric | None = None) -> Hypothesis | None:
        """What it claims; None if it claims nothing yet.

        Args:
            metric: the metric, if it is none of the catalogue or has other policies than there.

        Raises:
            InvalidValue: if it is no longer what it was.
        """
        kept = self.case.fields.get("hypothesis")
        return None if kept is None else Hypothesis.from_fields(kept, metric=metric)


@attrs.frozen
class Sorted:
    """Problems by what is to become of them.

    Attributes:
        new: those that open a case, with how often the same was a case before.
        again: those of which a case is open, with it.
        known: those that a case was opened for, which is closed, with it.
    """

    new: tuple[tuple[Problem, int], ...]
    again: tuple[tuple[Problem, Improvement], ...]
    known: tuple[tuple[Problem, Improvement], ...]


def sort(problems: Problems, cases: Iterable[Improvement]) -> Sorted:
    """Hold problems against the cases there are, so that none opens two.

    What is seen again while its case is open belongs to that case. What was seen in a period for which a case was
    opened and closed is done with; in a later period it opens another.
    """
    by: dict[str, list[Improvement]] = {}
    for one in cases:
        by.setdefault(one.key or "", []).append(one)
    new: list[tuple[Problem, int]] = []
    again: list[tuple[Problem, Improvement]] = []
    known: list[tuple[Problem, Improvement]] = []
    for problem in problems:
        of = by.get(problem.key, [])
        open_ = next((one for one in of if one.outcome is None), None)
        same = next((one for one in of if one.case.id == problem.case), None)
        if open_ is not None:
            again.append((problem, open_))
        elif same is not None:
            known.append((problem, same))
        else:
            new.append((problem, len(of)))
    return Sorted(tuple(new), tuple(again), tuple(known))


@attrs.frozen
class Due:
    """What a case wants.

    Attributes:
        case: its id.
        want: what.
        owner: whose it is; None if nobody owns it.
        since: since which day.
        problem: the problem in a sentence, in English and Chinese.
    """

    case: str
    want: Want
    owner: str | None
    since: date
    problem: tuple[str, str]


def due(cases: Iterable[Improvement], today: date) -> Frameable[Due]:
    """What open cases want as of a day, the longest first."""
    rows = [_due(one, *found) for one in cases if one.outcome is None and (found := _want(one, today))]
    return Frameable(tuple(sorted(rows, key=lambda row: (row.since, row.case))))


def _due(one: Improvement, want: Want, since: date) -> Due:
    fields = one.case.fields
    told = str(fields.get("problem", "")), str(fields.get("problem_zh", ""))
    return Due(one.case.id, want, fields.get("owner"), since, told)


def _want(one: Improvement, today: date) -> tuple[Want, date] | None:
    fields, entered = one.case.fields, one.case.entered.date()
    if one.acting:
        # What cannot be read any more has to be looked at as well.
        end = _end(one)
        if end is None or end <= today:
            return "a verdict", end or entered
        day = fields.get("due")
        late = isinstance(day, date) and day < today and not _done(fields)
        return ("to be done", day) if late else None
    if fields.get("owner") is None:
        return "an owner", entered
    return ("a hypothesis", entered) if fields.get("hypothesis") is None else None


def _end(one: Improvement) -> date | None:
    try:
        claim = one.hypothesis()
    except CrmkitError:
        text = str(one.case.fields["hypothesis"].get("after", "")).split(" .. ")[-1]
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    return None if claim is None else claim.after.end


def _done(fields: Fields) -> bool:
    actions = fields.get("actions") or ()
    return bool(actions) and all(action.get("done") for action in actions)
