"""The texts of a pipeline: guards, approvals and clocks in FEEL, read and checked together.

All of them speak of one record: the fields of the case, with those of the command laid over them, and what every case
has (`stage`, `move`, `owner`, ...). A field of the case that has such a name goes before it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.events import Found
from crmkit.pipeline._children import seen
from crmkit.pipeline.case import Around, Attempt, Case
from crmkit.pipeline.links import Link
from crmkit.rules.explain import Explanation, explain
from crmkit.rules.ruleset import Rule, RuleSet
from crmkit.rules.schema import Field, Schema
from crmkit.values import Fields

if TYPE_CHECKING:
    from crmkit.pipeline.stages import Answer

_VERDICTS = {False: "false", None: "null"}


@attrs.frozen
class Written:
    """A text, and where it stands.

    Attributes:
        place: where, for messages; unique.
        rule: the text as a rule.
    """

    place: str
    rule: Rule


def common(stages: Iterable[str], links: Iterable[Link], *, approvals: bool) -> tuple[Field, ...]:
    """What a record has besides the fields of its case."""
    names = [*stages]
    members = (Field("stage", nullable=True), Field("outcome", nullable=True))
    return (
        Field("stage", values=names),
        Field("previous stage", values=names, nullable=True),
        Field("move", nullable=True),
        Field("who", nullable=True),
        Field("owner", nullable=True),
        Field("at", "date and time"),
        Field("opened", "date and time"),
        Field("entered", "date and time"),
        *([Field("approved", "boolean")] if approvals else []),
        *(Field(link.name, "context", fields=members, nullable=True) for link in links),
    )


class Conditions:
    """All texts of a pipeline, ready to be asked.

    Raises:
        DefinitionErrors: everything that is wrong with them.
    """

    def __init__(
        self, written: Sequence[Written], schema: Schema | None, more: tuple[Field, ...], links: tuple[Link, ...]
    ) -> None:
        own = Schema([]) if schema is None else schema
        known = {*own.aliases, *own.names}
        added = tuple(field for field in more if field.name not in known)
        if schema is None:
            own = Schema.inferred([(one.place, one.rule.condition) for one in written], known=added)
        rules = [attrs.evolve(one.rule, name=one.place, message=one.rule.message) for one in written]
        added = tuple(field for field in added if field.name not in own.names)
        self.rules = RuleSet("conditions", Schema((*own.fields, *added)), rules)
        self.links = links
        self._approvals = any(field.name == "approved" for field in added)
        self._rules = {one.name: one for one in rules}
        self._functions = {one.name: self.rules.function(one.name) for one in rules}

    def record(
        self, case: Case, fields: Mapping[str, Any], values: Mapping[str, Any], around: Around
    ) -> dict[str, Any]:
        """The record that the texts speak of."""
        return {
            "stage": values.get("stage", case.stage),
            "previous stage": case.stage,
            "move": values["move"],
            "who": values["who"],
            "owner": case.owner,
            "at": values["at"],
            "opened": case.opened,
            "entered": case.entered,
            **({"approved": any(one.granted(fields) for one in case.requests)} if self._approvals else {}),
            **(seen(self.links, case, around) if self.links else {}),
            **fields,
        }

    def holds(self, place: str, record: Mapping[str, Any]) -> bool | None:
        """What a text says of a record; None if it has no answer, or a field it needs is not there."""
        try:
            return self._functions[place](record)
        except NotFound:
            # "a or b" holds if a does, whatever b is, and in either order: what is not there is unknown.
            checked = self.rules.checked[place]
            found = checked.interpret(self.rules.world.read(_only(checked.fields, record), partial=True)).value
            return found if isinstance(found, bool) else None

    def against(self, place: str, record: Mapping[str, Any]) -> "Answer":
        """The reasons for which a guard stops a record; None if it does not."""
        rule = self._rules[place]
        try:
            value = self.holds(place, record)
            if value is True or (value is None and rule.on_null == "pass"):
                return None
            # What other fields hold is not this guard's business, be it what they cannot hold.
            return _why(rule, explain(self.rules, place, _only(self.rules.checked[place].fields, record)))
        except InvalidValue as error:
            return f"{_told(rule)}: {error}"

    def gate(self, place: str) -> "Callable[[Attempt], Answer]":
        """A guard of a move."""

        def ask(attempt: Attempt) -> "Answer":
            values = {"move": attempt.move, "who": attempt.who, "at": attempt.at}
            return self.against(place, self.record(attempt.case, attempt.fields, values, attempt.around))

        return ask


def _only(names: Iterable[str], record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}


def _told(rule: Rule) -> str:
    return rule.message.get("en") or next(iter(rule.message.values()), "") or f"needs {rule.condition}"


def _why(rule: Rule, found: Explanation) -> str:
    told = _told(rule)
    if found.settle:
        return f"{told}: nobody can tell without {', '.join(dict.fromkeys(found.settle))}"
    reads = {name: value for one in found.because for name, value in one.reads.items()}
    shown = ", ".join(f"{name} is {_shown(value)}" for name, value in reads.items())
    nearest = " and ".join(one.condition for one in found.nearest)
    hint = f"; it would do with {nearest}" if nearest and nearest != rule.condition else ""
    return f"{told} ({shown}{hint})" if shown or hint else told


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, str) else str(value)


def reader(
    schema: Schema | None, locks: Mapping[str, Callable[[str], bool]]
) -> Callable[[Case, Fields, Mapping[str, Any]], list[str]]:
    """What looks at the fields that a command sets: are they locked, and can they hold that?"""

    def read(case: Case, free: Fields, data: Mapping[str, Any]) -> list[str]:
        locked = locks.get(case.stage)
        reasons = [f"{name!r} may not be changed in stage {case.stage!r}" for name in free if locked and locked(name)]
        if schema is not None:
            for name, value in data.items():
                if name in schema.aliases and value is not None:
                    try:
                        schema.field(name).read(value, partial=True)
                    except InvalidValue as error:
                        reasons.append(str(error))
        return reasons

    return read


def judge(
    rules: RuleSet, definition: str
) -> Callable[[Case, Fields, Mapping[str, Any]], tuple[list[str], tuple[Found, ...]]]:
    """The rules that every change must keep: errors stop it, all else is noted as a fact."""

    def look(case: Case, fields: Fields, values: Mapping[str, Any]) -> tuple[list[str], tuple[Found, ...]]:
        reasons: list[str] = []
        notes: list[Found] = []
        record = {**fields, **{k: v for k, v in _circumstances(case, values).items() if k not in fields}}
        old = {**case.fields, "stage": case.stage, "owner": case.owner} if rules.transitions else None
        try:
            findings = rules.findings(record, old=old, partial=True)
        except InvalidValue as error:
            return [str(error)], ()
        number = int(values["id"].rpartition("#")[2])
        for found in findings:
            if found.severity == "error" and not found.shadow and found.value is False:
                reasons.append(_message(found.rule, found.message))
            else:
                id_ = f"{case.id}#{number + 1 + len(notes)}"
                notes.append(_noted(case, values, found, id_, definition))
        return reasons, tuple(notes)

    return look


def _circumstances(case: Case, values: Mapping[str, Any]) -> dict[str, Any]:
    at: datetime = values["at"]
    return {
        "stage": values["stage"], "move": values.get("move"), "who": values["who"], "owner": case.owner, "at": at,
        "opened": case.opened, "entered": case.entered,
    }  # fmt: skip


def _message(rule: str, message: Mapping[str, str]) -> str:
    return message.get("en") or next(iter(message.values()), f"rule {rule!r} is not kept")


def _noted(case: Case, values: Mapping[str, Any], found: Any, id_: str, definition: str) -> Found:
    return Found(
        id=id_, case=case.id, at=values["at"], recorded=values["recorded"], who=values["who"], definition=definition,
        cause=values["id"], rule=found.rule, rules=found.version, severity=found.severity,
        verdict=_VERDICTS.get(found.value, "unknown") if not isinstance(found.value, str) else "unknown",
        shadow=found.shadow,
    )  # fmt: skip
