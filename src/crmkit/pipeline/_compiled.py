"""From a definition to the machine that runs it."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from crmkit.errors import DefinitionError, DefinitionErrors, InvalidValue
from crmkit.pipeline import _children
from crmkit.pipeline._approving import lacking
from crmkit.pipeline._machine import Edge, Gate, Machine
from crmkit.pipeline.approvals import Approval
from crmkit.pipeline.case import Attempt

if TYPE_CHECKING:
    from crmkit.pipeline._conditions import Conditions
    from crmkit.pipeline.definition import Pipeline
    from crmkit.pipeline.stages import Guard, Move


def texts(pipeline: "Pipeline") -> "Iterator[tuple[str, Any]]":
    """Every condition in a definition with its place: a text, or a rule."""
    for stage, moves in pipeline.moves.items():
        for name, move in moves.items():
            for number, guard in enumerate(move.guards):
                if isinstance(guard, str) or hasattr(guard, "condition"):
                    yield _guard_place(stage, name, number), guard
    for approval in pipeline.approvals:
        if approval.when is not None:
            yield _approval_place(approval.name), approval.when
    for clock in pipeline.clocks:
        for part, text in clock.conditions.items():
            yield f"clocks[{clock.name!r}].{part}", text


def conditions(pipeline: "Pipeline") -> "Conditions | None":
    """The texts of a definition, read; None if there are none.

    Raises:
        DefinitionErrors: everything that is wrong with them.
    """
    found = [*texts(pipeline)]
    if not found:
        return None
    # Rules load on the first use: a pipeline without texts costs no more to import than its tables.
    from crmkit.pipeline._conditions import Conditions, Written, common
    from crmkit.rules.ruleset import Rule

    written = [
        Written(place, Rule(place, text, on_null="fail") if isinstance(text, str) else text) for place, text in found
    ]
    more = common((stage.name for stage in pipeline.stages), pipeline.links, approvals=bool(pipeline.approvals))
    made = Conditions(written, pipeline.schema, more, pipeline.links)
    blind = [*_blind(pipeline, made)]
    if blind:
        raise DefinitionErrors("conditions", blind)
    return made


def _blind(pipeline: "Pipeline", made: "Conditions") -> Iterator[DefinitionError]:
    """The conditions of clocks that read a child case: a clock follows the facts of its own case, and never sees it."""
    links = {link.name for link in pipeline.links}
    for clock in pipeline.clocks:
        for part in clock.conditions:
            place = f"clocks[{clock.name!r}].{part}"
            for name in links.intersection(made.rules.checked[place].fields):
                yield DefinitionError(place, f"reads the child case {name!r}; a clock sees its own case only")


def machine(pipeline: "Pipeline", asked: "Conditions | None") -> Machine:
    """The machine of a definition.

    Args:
        pipeline: a definition without mistakes.
        asked: its texts.
    """
    needs = {stage.name: stage.requires for stage in pipeline.stages}
    outcomes = {stage.name: stage.outcome for stage in pipeline.stages}
    table = {
        stage.name: {
            name: Edge(
                move.to,
                tuple(dict.fromkeys((*needs[move.to], *move.requires))),
                tuple(_gates(pipeline, stage.name, name, move, asked)),
                move.effects,
                closes=outcomes[move.to] is not None and outcomes[stage.name] is None,
            )
            for name, move in pipeline.moves.get(stage.name, {}).items()
        }
        for stage in pipeline.stages
    }
    locks: dict[str, Callable[[str], bool]] = {stage.name: stage.locks for stage in pipeline.stages if stage.locked}
    reader = judge = None
    if pipeline.schema is not None or locks or pipeline.rules is not None:
        from crmkit.pipeline import _conditions

        reader = _conditions.reader(pipeline.schema, locks) if pipeline.schema is not None or locks else None
        judge = _conditions.judge(pipeline.rules, pipeline.definition) if pipeline.rules is not None else None
    closer = _children.closer(pipeline.links) if pipeline.links else None
    return Machine(table, needs[pipeline.start], reader, judge, closer)


def _gates(pipeline: "Pipeline", stage: str, name: str, move: "Move", asked: "Conditions | None") -> Iterator[Gate]:
    if move.roles:
        yield _role_gate(move.roles)
    for number, guard in enumerate(move.guards):
        yield _guard_gate(guard, _guard_place(stage, name, number), asked)
    if move.approval is not None:
        yield _approval_gate(pipeline.approval(move.approval), asked)


def _guard_gate(guard: "Guard", place: str, asked: "Conditions | None") -> Gate:
    if callable(guard):
        return guard
    # A definition with such a guard has its texts read.
    return cast("Conditions", asked).gate(place)


def _role_gate(roles: tuple[str, ...]) -> Gate:
    wanted = frozenset(roles)
    listed = " or ".join(roles)

    def role(attempt: Attempt) -> str | None:
        who, around = attempt.who, attempt.around
        people = [who] if who is not None else []
        if attempt.on_behalf_of is not None and who is not None:
            held = around.directory.acts_for(who, at=attempt.at, scope=attempt.move)
            if attempt.on_behalf_of not in held:
                return f"{who} does not act for {attempt.on_behalf_of}"
            people.append(attempt.on_behalf_of)
        has = around.roles.union(*(around.directory.roles_of(one) for one in people))
        if wanted & has:
            return None
        return f"needs role {listed}; {who or 'nobody'} has {', '.join(sorted(has)) or 'none'}"

    return role


def _approval_gate(approval: Approval, asked: "Conditions | None") -> Gate:
    def approved(attempt: Attempt) -> str | None:
        if approval.when is not None and asked is not None:
            values = {"move": attempt.move, "who": attempt.who, "at": attempt.at}
            record = asked.record(attempt.case, attempt.fields, values, attempt.around)
            try:
                if asked.holds(_approval_place(approval.name), record) is False:
                    return None
            except InvalidValue as error:
                return f"nobody can tell whether approval {approval.name!r} is needed: {error}"
        return lacking(approval, attempt.case, attempt.fields)

    return approved


def _guard_place(stage: str, move: str, number: int) -> str:
    return f"moves[{stage!r}][{move!r}].guard" + (f"[{number}]" if number else "")


def _approval_place(name: str) -> str:
    return f"approvals[{name!r}].when"


def free_moves(pipeline: "Pipeline") -> Mapping[str, Mapping[str, str]]:
    """Every move that the switches allow, for a definition that lists none: each is called as the stage it leads to."""
    order = {stage.name: number for number, stage in enumerate(s for s in pipeline.stages if s.outcome is None)}
    made: dict[str, dict[str, str]] = {}
    for origin in pipeline.stages:
        made[origin.name] = {to.name: to.name for to in pipeline.stages if _free(pipeline, order, origin.name, to.name)}
    return made


def _free(pipeline: "Pipeline", order: Mapping[str, int], origin: str, to: str) -> bool:
    if origin == to:
        return False
    return not any(True for _ in switched_off(pipeline, order, origin, to)) and (origin in order or to in order)


def switched_off(pipeline: "Pipeline", order: Mapping[str, int], origin: str, to: str) -> Iterator[str]:
    """Why the switches of a pipeline do not allow a move."""
    if origin not in order:
        if not pipeline.reopen and origin != to:
            yield f"leads out of {origin!r}, which is closed, and reopen is off"
    elif to in order:
        if order[to] < order[origin] and not pipeline.back:
            yield f"leads back from {origin!r} to {to!r}, and back is off"
        if order[to] > order[origin] + 1 and not pipeline.skip:
            skipped = ", ".join(name for name, at in order.items() if order[origin] < at < order[to])
            yield f"skips {skipped}, and skip is off"
