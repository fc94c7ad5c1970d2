"""How the rules of a set stand to each other: which contradict, which say nothing new, which never say anything.

>>> from crmkit.rules import Field, Rule, RuleSet, Schema
>>> deal = Schema([Field("discount", "decimal", low=0, high=1)])
>>> rules = RuleSet("deals", deal, [
...     Rule("limit", "discount <= 0.2"),
...     Rule("authority", "discount <= 0.3"),
...     Rule("minimum", "discount > 0.25"),
... ])
>>> for finding in relations(rules).findings:
...     print(finding)
error: no record keeps both 'limit' and 'minimum'; 'limit' alone is kept with discount = 0
warning: what keeps 'limit' keeps 'authority', which says nothing new; 'authority' alone is kept with discount = 0.225
>>> witness(rules, {"limit": True, "authority": False}).impossible
True
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.rules.analysis._boxes import Budget
from crmkit.rules.analysis._questions import Answer, Reason, Solver
from crmkit.rules.analysis._solvers import SolverName, solver
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._text import literal
from crmkit.rules.ruleset import Rule, RuleSet
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["Answer", "Relations", "SetFinding", "Verdicts", "relations", "witness"]

#: For rules by name, what each is to say.
Verdicts: TypeAlias = Mapping[str, bool | None]
FindingKind: TypeAlias = Literal[
    "never-true", "never-false", "never-null", "contradiction", "implied", "equivalent", "unreached", "not-proved"
]  # fmt: skip
_Severity: TypeAlias = Literal["error", "warning", "advice"]
_Said: TypeAlias = Collection[bool | None]
_Asked: TypeAlias = dict[str, _Said]

_ALL: tuple[bool | None, ...] = (True, False, None)
_MUST_HOLD = frozenset({"guard", "validation"})
_WORST_FIRST = ("error", "warning", "advice")
_RANKS = ("info", "warning", "error")
_MOST_NAMED = 3


@attrs.frozen
class SetFinding:
    """Something to know about rules of a set.

    Attributes:
        kind: what it is.
        why: it in words.
        rules: the names of the rules it is about.
        record: a record that shows it, as `why` says; None if none does.
        certain: whether it is proved.
        severity: "error" if the set cannot be right, "warning" if it may be, "advice" otherwise.
    """

    kind: FindingKind
    why: str
    rules: tuple[str, ...]
    record: Mapping[str, Any] | None = None
    certain: bool = True
    severity: _Severity = "warning"

    def __str__(self) -> str:
        return f"{self.severity}: {self.why}"


@attrs.frozen
class Relations(Shown):
    """What is known of the rules of a set.

    Attributes:
        findings: what should be looked at.
        examples: for each rule, and each of True, False and None, a record for which it says so, None if there is none;
            a verdict is left out if that is open.
    """

    findings: tuple[SetFinding, ...]
    examples: Mapping[str, Mapping[bool | None, Mapping[str, Any] | None]]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What should be looked at; see `Shown.display`."""
        none = "no finding" if lang == "en" else "未发现问题"
        return Display.lines([*map(str, self.findings)] or [none], most=most, lang=lang)


def relations(
    rules: RuleSet,
    *,
    solver: SolverName = "boxes",
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
) -> Relations:
    """How the rules of a set stand to each other; rules in Python are left out.

    A guard or validation is kept where it is true, and where it has no answer if its `on_null` is "pass". Found are
    rules that never are true, false or without an answer; guards and validations that contradict each other, that say
    nothing new beside one that is no less severe, or that no record keeps together; assignments, escalations and
    choices that are never the first. Every record was tried out by the interpreter; those of sets that judge changes
    have the record before as `old`.

    Args:
        rules: the set.
        solver: what proves; "z3" needs the extra "analysis".
        budget: how much work each question may cost; what was not proved within it is said.

    Raises:
        ExtraMissing: if z3 is asked for and not installed.
        InvalidValue: if there is no such solver.
    """
    asking = _Asking(rules, solver, budget)
    examples = {one.name: {said: asking.alone(one, said=said) for said in _ALL} for one in rules.written}
    kept = [one for one in rules.written if one.kind in _MUST_HOLD and not asking.never(one, kept=True)]
    found = [
        *(finding for one in rules.written for finding in _single(asking, one, examples[one.name])),
        *_pairs(asking, kept),
        *_together(asking, kept),
        *_unreached(asking, rules.written),
    ]
    known = {
        name: {said: answer.record for said, answer in said_of.items() if not answer.open}
        for name, said_of in examples.items()
    }
    found.sort(key=lambda finding: _WORST_FIRST.index(finding.severity))
    return Relations((*found, *asking.unanswered(solver, budget)), known)


def witness(
    rules: RuleSet,
    verdicts: Verdicts,
    *,
    solver: SolverName = "boxes",
    budget: Budget = Budget(),  # noqa: B008 - a frozen value
) -> Answer:
    """A record for which rules of a set say what is wanted: True, False, or None for no answer.

    Args:
        rules: the set.
        verdicts: what each rule is to say; the others may say anything.
        solver: what proves; "z3" needs the extra "analysis".
        budget: how much work it may cost.

    Raises:
        ExtraMissing: if z3 is asked for and not installed.
        InvalidValue: if there is no such solver, or the rule is in Python.
        NotFound: if there is no such rule.
    """
    chosen = [rules.rule(name) for name in verdicts]
    for one in chosen:
        if not isinstance(one, Rule):
            raise InvalidValue("rule", one.name, "is in Python, and cannot be analysed")
    asking = _Asking(rules, solver, budget)
    return asking.ask({name: [said] for name, said in verdicts.items()}, "")


class _Asking:
    """Asks a solver about the rules of a set, and remembers the records it gave: most questions are answered by one."""

    def __init__(self, rules: RuleSet, name: str, budget: Budget) -> None:
        self._numbers = {one.name: number for number, one in enumerate(rules.written)}
        conditions = [rules.checked[one.name].node for one in rules.written]
        self._solver: Solver = solver(name, rules.world, conditions, budget)
        self._reads = {one.name: rules.checked[one.name].fields for one in rules.written}
        self._seen: list[tuple[dict[str, Any], tuple[bool | None, ...]]] = []
        self._open: dict[Reason, list[tuple[str, tuple[str, ...]]]] = {}

    def ask(self, asked: _Asked, what: str) -> Answer:
        """Whether there is a record where rules say what is asked for; in words, `what`, if it is to be listed."""
        demand = {self._numbers[name]: said for name, said in asked.items()}
        for record, verdicts in self._seen:
            if all(verdicts[one] in said for one, said in demand.items()):
                return Answer(record)
        answer = self._solver.ask(demand)
        if answer.record is not None:
            self._seen.append((answer.record, self._solver.said(answer.record)))
        if answer.open and what:
            self._open.setdefault(answer.open, []).append((what, tuple(asked)))
        return answer

    def alone(self, one: Rule, *, said: bool | None) -> Answer:
        """Whether a rule can say something."""
        return self.ask({one.name: [said]}, f"whether {one.name!r} can be {_word(said)}")

    def never(self, one: Rule, *, kept: bool) -> bool:
        """Whether surely no record keeps a rule, or every record does."""
        return self.ask({one.name: _saying(one, kept=kept)}, f"whether a record keeps {one.name!r}").impossible

    def shown(self, record: Mapping[str, Any], names: Iterable[str]) -> str:
        """What of a record rules read, in words."""
        read = {field for name in names for field in self._reads[name]}
        parts = [f"{name} = {literal(to_feel(value))}" for name, value in record.items() if name in read]
        return ", ".join(parts) or "any record"

    def core(self, asked: _Asked) -> _Asked:
        """The fewest of some wishes that cannot be met together; each is needed, or not known to be idle."""
        needed = dict(asked)
        for name in asked:
            rest = {other: said for other, said in needed.items() if other != name}
            if rest and self.ask(rest, "").impossible:
                needed = rest
        return needed

    def unanswered(self, name: str, budget: Budget) -> Iterator[SetFinding]:
        """What is open, and why."""
        for reason, listed in self._open.items():
            questions = [*dict.fromkeys(what for what, _ in listed)]
            named = tuple(dict.fromkeys(rule for _, rules in listed for rule in rules))
            more = len(questions) - _MOST_NAMED
            said = "; ".join(questions[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
            other = ": the solver z3 may know" if name != "z3" else ""
            because = f"not proved within {budget.steps:,} steps" if reason == "steps" else f"open for {name}{other}"
            yield SetFinding("not-proved", f"{because}: {said}", named, None, certain=False, severity="advice")


def _word(said: bool | None) -> str:  # noqa: FBT001 - a verdict, not a switch
    return "without an answer" if said is None else str(said).lower()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _saying(one: Rule, *, kept: bool) -> _Said:
    """The verdicts with which a rule counts as kept, or does not."""
    passing = one.kind in _MUST_HOLD and one.on_null == "pass"
    return [said for said in _ALL if (said is True or (said is None and passing)) is kept]


def _worst(rules: Iterable[Rule]) -> _Severity:
    return "error" if all(one.severity == "error" for one in rules) else "warning"


# -- one rule


def _single(asking: _Asking, one: Rule, examples: Mapping[bool | None, Answer]) -> Iterator[SetFinding]:
    name, names = one.name, (one.name,)
    true, false, null = (examples[said] for said in _ALL)
    other = next((answer.record for answer in (false, null, true) if answer.record is not None), None)
    shown = f"; it is {_word(_first(examples))} with {asking.shown(other, names)}" if other is not None else ""
    if true.impossible:
        kept = one.kind in _MUST_HOLD and asking.never(one, kept=True)
        so = ", so that no record keeps it" if kept else ""
        yield SetFinding("never-true", f"{name!r} is never true{so}{shown}", names, other,
                         severity=_worst([one]) if kept else "warning")  # fmt: skip
    if false.impossible:
        idle = asking.never(one, kept=False)
        yield SetFinding(
            "never-false",
            f"{name!r} is never false{': every record keeps it' if idle else ''}",
            names,
            true.record or null.record,
            severity="warning" if idle else "advice",
        )
    if null.impossible and one.on_null != "report":
        why = f"{name!r} always has an answer: its on_null {one.on_null!r} says nothing"
        yield SetFinding("never-null", why, names, other, severity="advice")


def _first(examples: Mapping[bool | None, Answer]) -> bool | None:
    return next((said for said in (False, None, True) if examples[said].record is not None), None)


# -- two rules


def _pairs(asking: _Asking, kept: Collection[Rule]) -> Iterator[SetFinding]:
    """What must be kept, two by two."""
    telling = [one for one in kept if not asking.never(one, kept=False)]
    for one, two in combinations(telling, 2):
        together = {one.name: _saying(one, kept=True), two.name: _saying(two, kept=True)}
        answer = asking.ask(together, f"whether {one.name!r} and {two.name!r} contradict each other")
        if answer.impossible:
            yield _contradiction(asking, [one, two])
        else:
            yield from _redundant(asking, one, two, answer)


def _redundant(asking: _Asking, one: Rule, two: Rule, both: Answer) -> Iterator[SetFinding]:
    alone, other = _apart(asking, one, two), _apart(asking, two, one)
    if alone.impossible and other.impossible:
        why = f"{one.name!r} and {two.name!r} are kept by the same records"
        yield SetFinding("equivalent", why, (one.name, two.name), both.record)
    elif alone.impossible:
        yield from _implied(asking, one, two, other)
    elif other.impossible:
        yield from _implied(asking, two, one, alone)


def _implied(asking: _Asking, one: Rule, two: Rule, other: Answer) -> Iterator[SetFinding]:
    """That the second says nothing new, unless it is the more severe; `other` is whether it is ever kept alone."""
    if _RANKS.index(one.severity) < _RANKS.index(two.severity):
        return
    names = one.name, two.name
    why = f"what keeps {one.name!r} keeps {two.name!r}, which says nothing new"
    if other.record is not None:
        why += f"; {two.name!r} alone is kept with {asking.shown(other.record, names)}"
    yield SetFinding("implied", why, names, other.record)


def _apart(asking: _Asking, one: Rule, two: Rule) -> Answer:
    """Whether a record keeps the one and not the other."""
    asked = {one.name: _saying(one, kept=True), two.name: _saying(two, kept=False)}
    return asking.ask(asked, f"whether what keeps {one.name!r} keeps {two.name!r}")


def _contradiction(asking: _Asking, rules: Collection[Rule]) -> SetFinding:
    """Rules that no record keeps together; the example keeps all of them but the last."""
    names = tuple(one.name for one in rules)
    but = {one.name: _saying(one, kept=True) for one in [*rules][:-1]}
    record = asking.ask(but, f"whether a record keeps {_listed(but)}").record
    joined = f"both {names[0]!r} and {names[1]!r}" if len(names) == 2 else f"all of {_listed(names)}"
    why = f"no record keeps {joined}"
    if record is not None:
        why += f"; {_listed(but)} alone {'is' if len(but) == 1 else 'are'} kept with {asking.shown(record, names)}"
    return SetFinding("contradiction", why, names, record, severity=_worst(rules))


# -- all rules


def _together(asking: _Asking, kept: Collection[Rule]) -> Iterator[SetFinding]:
    """Three or more rules that no record keeps together, though any two of them go together."""
    chosen: list[Rule] = []
    for one in kept:
        pairs = ({one.name: _saying(one, kept=True), two.name: _saying(two, kept=True)} for two in chosen)
        if not any(asking.ask(pair, f"whether {_listed(pair)} contradict each other").impossible for pair in pairs):
            chosen.append(one)
    asked: _Asked = {one.name: _saying(one, kept=True) for one in chosen}
    if chosen and asking.ask(asked, "whether a record keeps every rule").impossible:
        core = asking.core(asked)
        yield _contradiction(asking, [one for one in chosen if one.name in core])


def _unreached(asking: _Asking, rules: Iterable[Rule]) -> Iterator[SetFinding]:
    """What is chosen by the first rule of a kind that is true, and never is the first."""
    before: dict[str, list[Rule]] = {}
    for one in rules:
        if one.kind in _MUST_HOLD:
            continue
        earlier = before.setdefault(one.kind, [])
        asked: _Asked = {two.name: [False, None] for two in earlier}
        first: _Asked = {one.name: [True]}
        if earlier and not asking.alone(one, said=True).impossible:
            what = f"whether {one.name!r} is ever the first {one.kind} that is true"
            if asking.ask({**asked, **first}, what).impossible:
                by = tuple(name for name in asking.core({**asked, **first}) if name != one.name)
                record = asking.alone(one, said=True).record
                why = f"{one.name!r} is never the first {one.kind} that is true: {_listed(by)} go before it"
                yield SetFinding("unreached", why, (one.name, *by), record)
        earlier.append(one)
