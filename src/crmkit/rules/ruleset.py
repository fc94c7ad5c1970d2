"""Rules in sets: kinds, severities, what an unanswered question means, versions by content, effective dates."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue, NotFound, did_you_mean
from crmkit.rules._compile import Checked, Record, Vocabulary, check, compiled, fused
from crmkit.rules.analysis import TableFinding, analyse
from crmkit.rules.feel._values import UNKNOWN
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable
from crmkit.values.display import ROWS, Display, Lang, Listed, Shown

__all__ = [
    "Kind",
    "OnNull",
    "PythonRule",
    "Rule",
    "RuleFinding",
    "RuleSet",
    "Severity",
    "Verdict",
    "conflicts",
    "rule",
]

#: What a rule is for. Guards and validations say what must be true; the others choose.
Kind: TypeAlias = Literal["guard", "validation", "assignment", "escalation", "choice"]
#: How bad it is if a rule is not kept.
Severity: TypeAlias = Literal["error", "warning", "info"]
#: What it means that a rule has no answer because something it needs is empty.
OnNull: TypeAlias = Literal["fail", "pass", "report"]

_WORDS = {"kind": get_args(Kind), "severity": get_args(Severity), "on_null": get_args(OnNull)}
_MUST_HOLD = frozenset({"guard", "validation"})


@attrs.frozen
class Rule:
    """A condition with a meaning.

    Attributes:
        name: its name in the set.
        condition: the condition, in FEEL; a guard or validation is kept where it is true.
        kind: what it is for.
        severity: how bad it is if it is not kept.
        on_null: what it means that it has no answer.
        message: what to tell people, by language.
        then: of an assignment, escalation or choice, what follows where it is true.
        source: where the rule comes from: a policy, a contract, a meeting.
    """

    name: str
    condition: str
    kind: Kind = attrs.field(default="guard", kw_only=True)
    severity: Severity = attrs.field(default="error", kw_only=True)
    on_null: OnNull = attrs.field(default="report", kw_only=True)
    message: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    then: str = attrs.field(default="", kw_only=True)
    source: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class PythonRule:
    """A rule written in Python: opaque to analysis, welcome all the same; see `rule`.

    Attributes:
        name: its name in the set.
        function: from a record to True, False or None.
        kind: what it is for.
        severity: how bad it is if it is not kept.
        on_null: what it means that it gives None.
        message: what to tell people, by language.
        version: changed by the author when the function changes; part of the set's version.
    """

    name: str
    function: Callable[[Record], bool | None]
    kind: Kind = attrs.field(default="validation", kw_only=True)
    severity: Severity = attrs.field(default="error", kw_only=True)
    on_null: OnNull = attrs.field(default="report", kw_only=True)
    message: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    version: str = attrs.field(default="1", kw_only=True)


def rule(**settings: Any) -> Callable[[Callable[[Record], bool | None]], PythonRule]:
    """Make a rule of a function; its name is the function's.

    >>> @rule(severity="warning", message={"en": "the customer has no e-mail"})
    ... def reachable(record):
    ...     return bool(record.get("email"))
    >>> reachable.name
    'reachable'

    Args:
        settings: the other attributes of `PythonRule`.
    """

    def make(function: Callable[[Record], bool | None]) -> PythonRule:
        given: dict[str, Any] = {"name": function.__name__, **settings}
        return PythonRule(**given, function=function)

    return make


@attrs.frozen
class Verdict(Listed):
    """What one rule says of one record.

    Attributes:
        rule: the rule's name.
        value: True, False, None (no answer: something it needs is empty) or `UNKNOWN` (something is not known yet).
        kept: whether the rule counts as kept, by its `on_null` where it has no answer; None while that is open.
    """

    rule: str
    value: Any
    kept: bool | None


@attrs.frozen
class RuleFinding:
    """A rule that a record does not keep, or that could not be judged.

    Attributes:
        rule: the rule's name.
        version: the version of the set that judged.
        kind: what the rule is for.
        severity: how bad it is.
        value: False, None or `UNKNOWN`.
        message: what to tell people, by language.
        shadow: whether the set is only tried out: nothing is to be blocked.
    """

    rule: str
    version: str
    kind: Kind
    severity: Severity
    value: Any
    message: Mapping[str, str]
    shadow: bool = False


def _rules(rules: "Iterable[Rule | PythonRule]") -> "tuple[Rule | PythonRule, ...]":
    return tuple(rules)


def _tables(tables: Iterable[DecisionTable]) -> tuple[DecisionTable, ...]:
    return tuple(tables)


@attrs.frozen(slots=False)
class RuleSet(Shown):
    """Rules over one schema, as one frozen value with a version of its own.

    >>> deal = Schema([Field("discount", "decimal", low=0, high=1), Field("approved", "boolean", nullable=True)])
    >>> rules = RuleSet("deals", deal, [Rule("discount", "discount <= 0.15 or approved")])
    >>> [finding.rule for finding in rules.findings({"discount": 0.2, "approved": False})]
    ['discount']

    Attributes:
        name: its name.
        schema: what its rules may speak of.
        rules: in order.
        tables: decision tables that go with them.
        transitions: whether rules may speak of `old` and `new`, the record before and after a change.
        shadow: whether it is only tried out.

    Raises:
        DefinitionErrors: everything that is wrong with the rules.
    """

    name: str
    schema: Schema
    rules: tuple[Rule | PythonRule, ...] = attrs.field(converter=_rules)
    tables: tuple[DecisionTable, ...] = attrs.field(default=(), converter=_tables, kw_only=True)
    transitions: bool = attrs.field(default=False, kw_only=True)
    shadow: bool = attrs.field(default=False, kw_only=True)

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The rules and the tables; see `Shown.display`."""
        from crmkit.rules._shown import ruleset

        return ruleset(self, lang, most)

    def __attrs_post_init__(self) -> None:
        errors = [*_misnamed(self)]
        for one in self.rules:
            errors += _misspelt(one)
        vocabulary = Vocabulary.of(self.world)
        checked: dict[str, Checked] = {}
        for one in self.written:
            try:
                checked[one.name] = check(one.condition, vocabulary, where=one.name, boolean=True)
            except DefinitionErrors as group:
                errors += [error for error in group.exceptions if isinstance(error, DefinitionError)]
        if errors:
            raise DefinitionErrors(f"rule set {self.name!r} cannot be used", errors)
        object.__setattr__(self, "checked", checked)

    checked: Mapping[str, Checked] = attrs.field(init=False, eq=False, repr=False, default=None)

    @property
    def written(self) -> tuple[Rule, ...]:
        """The rules in FEEL."""
        return tuple(one for one in self.rules if isinstance(one, Rule))

    @cached_property
    def world(self) -> Schema:
        """What the rules may speak of: the schema, and `old` and `new` if they judge changes."""
        if not self.transitions:
            return self.schema
        fields = self.schema.fields
        old, new = Field("old", "context", fields=fields, nullable=True), Field("new", "context", fields=fields)
        return Schema([*fields, old, new])

    @cached_property
    def version(self) -> str:
        """The hash of everything that decides: two sets with one version judge alike."""
        from crmkit.rules.codec import to_json

        return hashlib.sha256(to_json(self).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def _fused(self) -> Callable[[Record], tuple[bool | None, ...]]:
        return fused([self.checked[one.name] for one in self.written])

    def problems(self) -> dict[str, tuple[TableFinding, ...]]:
        """What cannot be right in the tables: the findings of severity "error", by the name of the table."""
        found = {one.name: tuple(part for part in analyse(one) if part.severity == "error") for one in self.tables}
        return {name: parts for name, parts in found.items() if parts}

    def rule(self, name: str) -> Rule | PythonRule:
        """A rule by its name.

        Raises:
            NotFound: with the nearest name.
        """
        for one in self.rules:
            if one.name == name:
                return one
        raise NotFound("rule", name, tuple(one.name for one in self.rules), f"rule set {self.name!r}")

    def function(self, name: str) -> Callable[[Record], bool | None]:
        """One rule as a function from a record to True, False or None; see `RuleSet.judge`."""
        one = self.rule(name)
        return one.function if isinstance(one, PythonRule) else compiled(self.checked[name])

    def record(self, record: Record, old: Record | None = None) -> Record:
        """The record as the rules see it: with `old` and `new` if they judge changes."""
        return {**record, "old": old, "new": record} if self.transitions else record

    def judge(self, record: Record, *, old: Record | None = None, partial: bool = False) -> tuple[Verdict, ...]:
        """What each rule says of a record, in the order of the rules.

        Args:
            record: the record, after the change if there is one.
            old: the record before the change; None if it is new.
            partial: whether fields that are not there are UNKNOWN rather than an error.

        Raises:
            InvalidValue: for a value that its field cannot hold, or a rule in Python that gives none of its values.
            NotFound: for a field that is not there.
        """
        seen = self.record(record, old)
        if partial:
            values = self.world.read(seen, partial=True)
            said = iter([self.checked[one.name].interpret(values).value for one in self.written])
        else:
            said = iter(self._fused(seen))
        verdicts: list[Verdict] = []
        for one in self.rules:
            value = _asked(one, seen, partial=partial) if isinstance(one, PythonRule) else next(said)
            verdicts.append(Verdict(one.name, value, _kept(value, one.on_null)))
        return tuple(verdicts)

    def findings(self, record: Record, *, old: Record | None = None, partial: bool = False) -> tuple[RuleFinding, ...]:
        """The guards and validations that a record does not keep, or that cannot be judged; see `judge`."""
        by_name = {one.name: one for one in self.rules}
        return tuple(
            self._finding(by_name[verdict.rule], verdict)
            for verdict in self.judge(record, old=old, partial=partial)
            if by_name[verdict.rule].kind in _MUST_HOLD and verdict.kept is not True
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # What is known of a part is found by its identity, which does not survive pickling: it is checked again.
        return _remade, (self.name, self.schema, self.rules, self.tables, self.transitions, self.shadow)

    def _finding(self, one: Rule | PythonRule, verdict: Verdict) -> RuleFinding:
        severity = one.severity if verdict.kept is False else "warning"
        return RuleFinding(one.name, self.version, one.kind, severity, verdict.value, one.message, self.shadow)

    def first(self, record: Record, kind: Kind) -> Rule | PythonRule | None:
        """The first rule of a kind that is true, as assignments and escalations are read; None if none is."""
        for one, verdict in zip(self.rules, self.judge(record), strict=True):
            if one.kind == kind and verdict.value is True:
                return one
        return None


def _misnamed(rules: RuleSet) -> Iterator[DefinitionError]:
    names = [one.name for one in (*rules.rules, *rules.tables)]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield DefinitionError(name, "is the name of two rules")


def _misspelt(one: Rule | PythonRule) -> Iterator[DefinitionError]:
    for what, known in _WORDS.items():
        word = getattr(one, what)
        if word not in known:
            why = f"no {what} {word!r}{did_you_mean(str(word), known)}; there are: {', '.join(known)}"
            yield DefinitionError(one.name, why)


def _asked(one: PythonRule, record: Record, *, partial: bool) -> Any:
    """What a rule in Python says of a record."""
    try:
        value = one.function(record)
    except KeyError:
        if partial:
            return UNKNOWN
        raise
    if value is None or value is True or value is False or value is UNKNOWN:
        return value
    raise InvalidValue(f"rule {one.name!r}", value, "is none of True, False and None")


def _remade(*parts: Any) -> RuleSet:
    *first, tables, transitions, shadow = parts
    return RuleSet(*first, tables=tables, transitions=transitions, shadow=shadow)


def _kept(value: Any, on_null: OnNull) -> bool | None:
    """Whether a verdict counts as kept; None while that is open."""
    if value is UNKNOWN or (value is None and on_null == "report"):
        return None
    return on_null == "pass" if value is None else bool(value)


def conflicts(findings: Iterable[RuleFinding]) -> tuple[RuleFinding, ...]:
    """The findings that stop what was tried: errors of sets that are in force."""
    return tuple(one for one in findings if one.severity == "error" and not one.shadow)
