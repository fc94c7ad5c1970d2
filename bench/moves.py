"""One case taken round a pipeline of seven stages and one guard, beside two state machines.

Each in two forms. Bare: the state changes. Recorded: a fact of every move (id, case, when, who, from, to, move) is
kept; crmkit makes it in both forms. And many cases: held, as from the rows of a host, which know their ids, and opened,
each with its id and the fact of it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness import Comparison, Contender, Run

from crmkit.pipeline import Case, Move, Pipeline, Stage

MOVES, QUICK_MOVES = 60_000, 600
CREATED, QUICK_CREATED = 100_000, 200
STAGES = ("lead", "qualified", "proposal", "negotiation", "contract", "won", "lost")
CYCLE = (
    ("qualify", "lead", "qualified"), ("propose", "qualified", "proposal"), ("negotiate", "proposal", "negotiation"),
    ("draft", "negotiation", "contract"), ("sign", "contract", "won"), ("reopen", "won", "lead"),
)  # fmt: skip
LOSE = tuple(("lose", stage, "lost") for stage in STAGES[:5])
CASE, WHO, AT = "D", "li", datetime(2026, 3, 2, 9, tzinfo=UTC)
DISCOUNT, MOST = 0.1, 0.15


def comparisons(*, quick: bool) -> list[Comparison]:
    """Both forms, against both."""
    size = QUICK_MOVES if quick else MOVES
    created = QUICK_CREATED if quick else CREATED
    # Holding a model costs a shared machine more the more it holds already: of a fifth each costs far less than of all.
    few, many = created // 50, created // 5
    return [
        Comparison(
            "moves, bare", size, "moves", _nothing,
            [Contender("crmkit", partial(_ours, size=size)), Contender("transitions", partial(_transitions, size=size)),
             Contender("python-statemachine", partial(_statemachine, size=size))],
            _equal,
        ),
        Comparison(
            "moves, recorded", size, "moves", _nothing,
            [Contender("crmkit", partial(_ours_recorded, size=size), _as_dicts),
             Contender("transitions", partial(_transitions_recorded, size=size)),
             Contender("python-statemachine", partial(_statemachine_recorded, size=size))],
            _equal,
        ),
        *(
            Comparison(
                what, created, "cases", _nothing,
                [Contender("crmkit", partial(ours, size=created)),
                 Contender("transitions", partial(_transitions_created, size=few), form="a machine each", items=few),
                 Contender("transitions", partial(_transitions_shared, size=many), form="one machine", items=many),
                 Contender("python-statemachine", partial(_statemachine_created, size=few), items=few)],
                _equal,
            )
            for what, ours in (("cases held, bare", _ours_held), ("cases opened, recorded", _ours_created))
        ),
    ]  # fmt: skip


def _nothing(folder: Path) -> None:
    """The inputs are constants."""


def _equal(ours: Any, theirs: Any) -> None:
    assert theirs == ours


# -- crmkit


def _small(attempt: Any) -> bool:
    return attempt["discount"] <= MOST


def _ours(folder: Path, *, size: int) -> Run:
    del folder
    pipeline, names = _pipeline(), [name for name, *_ in CYCLE] * (size // len(CYCLE))

    def run() -> Any:
        case, move = pipeline.open(CASE, at=AT, discount=DISCOUNT).case, pipeline.move
        for name in names:
            case = move(case, name, at=AT, who=WHO).case
        return case.stage

    return run


def _ours_recorded(folder: Path, *, size: int) -> Run:
    del folder
    pipeline, names = _pipeline(), [name for name, *_ in CYCLE] * (size // len(CYCLE))

    def run() -> Any:
        case, move = pipeline.open(CASE, at=AT, discount=DISCOUNT).case, pipeline.move
        facts: list[Any] = []
        for name in names:
            case, fact, _, _ = move(case, name, at=AT, who=WHO)
            facts.append(fact)
        return case.stage, facts

    return run


def _ours_held(folder: Path, *, size: int) -> Run:
    del folder
    start, ids = _pipeline().start, [f"D-{number}" for number in range(size)]

    def run() -> Any:
        return [Case(one, start, AT, AT, AT, WHO, WHO) for one in ids][-1].stage

    return run


def _ours_created(folder: Path, *, size: int) -> Run:
    del folder
    pipeline = _pipeline()

    def run() -> Any:
        return [pipeline.open(f"D-{number}", at=AT, who=WHO).case for number in range(size)][-1].stage

    return run


def _pipeline() -> Pipeline:
    moves: dict[str, dict[str, Move]] = {}
    for name, origin, to in (*CYCLE, *LOSE):
        moves.setdefault(origin, {})[name] = Move(to, guard=_small if name == "propose" else None)
    outcomes = {"won": "won", "lost": "lost"}
    return Pipeline("deals", [Stage(name, outcomes.get(name)) for name in STAGES], moves)


def _as_dicts(result: Any) -> Any:
    stage, facts = result
    return stage, [_fact(f.id, f.case, f.at, f.who, (f.origin, f.stage, f.move)) for f in facts]


def _fact(number: str, case: str, at: datetime, who: str, move: tuple[str, str, str]) -> dict[str, Any]:
    origin, stage, name = move
    return {"id": number, "case": case, "at": at, "who": who, "origin": origin, "stage": stage, "move": name}


# -- transitions


class _Deal:
    def __init__(self) -> None:
        self.discount = DISCOUNT
        self.facts: list[dict[str, Any]] = []

    def small(self) -> bool:
        return self.discount <= MOST

    def small_of(self, event: Any) -> bool:
        del event
        return self.discount <= MOST

    def keep(self, event: Any) -> None:
        given, taken = event.kwargs, event.transition
        self.facts.append({
            "id": f"{CASE}#{len(self.facts) + 2}", "case": CASE, "at": given["at"], "who": given["who"],
            "origin": taken.source, "stage": taken.dest, "move": event.event.name,
        })  # fmt: skip


def _machine(deal: _Deal | None, guard: str, **options: Any) -> Any:
    from transitions import Machine

    rows = [
        {"trigger": name, "source": origin, "dest": to, "conditions": guard if name == "propose" else None}
        for name, origin, to in (*CYCLE, *LOSE)
    ]
    return Machine(deal, states=[*STAGES], transitions=rows, initial=STAGES[0], auto_transitions=False, **options)


def _transitions(folder: Path, *, size: int) -> Run:
    del folder
    deal = _Deal()
    _machine(deal, "small")
    triggers = _bound(deal, size)

    def run() -> Any:
        for trigger in triggers:
            trigger()
        return deal.state

    return run


def _transitions_recorded(folder: Path, *, size: int) -> Run:
    del folder
    deal = _Deal()
    _machine(deal, "small_of", send_event=True, after_state_change="keep")
    triggers = _bound(deal, size)

    def run() -> Any:
        deal.facts = []
        for trigger in triggers:
            trigger(at=AT, who=WHO)
        return deal.state, deal.facts

    return run


def _transitions_created(folder: Path, *, size: int) -> Run:
    del folder

    def run() -> Any:
        deals = [_Deal() for _ in range(size)]
        for deal in deals:
            _machine(deal, "small")
        return deals[-1].state

    return run


def _transitions_shared(folder: Path, *, size: int) -> Run:
    del folder

    def run() -> Any:
        machine = _machine(None, "small")
        deals = [_Deal() for _ in range(size)]
        for deal in deals:
            machine.add_model(deal)
        return deals[-1].state

    return run


def _bound(machine: Any, size: int) -> Sequence[Any]:
    """The moves as bound methods, for which neither machine has to look up a name."""
    return [getattr(machine, name) for name, *_ in CYCLE] * (size // len(CYCLE))


# -- python-statemachine


def _statemachine_created(folder: Path, *, size: int) -> Run:
    del folder
    chart = _chart()

    def run() -> Any:
        return [chart() for _ in range(size)][-1].current_state_value

    return run


def _statemachine(folder: Path, *, size: int) -> Run:
    del folder
    machine = _chart()()
    events = _bound(machine, size)

    def run() -> Any:
        for event in events:
            event()
        return machine.current_state_value

    return run


def _statemachine_recorded(folder: Path, *, size: int) -> Run:
    del folder

    class Recorded(_chart()):
        def __init__(self) -> None:
            self.facts: list[dict[str, Any]] = []
            super().__init__()

        def after_transition(self, event: Any, source: Any, target: Any, at: datetime, who: str) -> None:
            self.facts.append({
                "id": f"{CASE}#{len(self.facts) + 2}", "case": CASE, "at": at, "who": who,
                "origin": source.id, "stage": target.id, "move": str(event),
            })  # fmt: skip

    machine = Recorded()
    events = _bound(machine, size)

    def run() -> Any:
        machine.facts = []
        for event in events:
            event(at=AT, who=WHO)
        return machine.current_state_value, machine.facts

    return run


def _chart() -> Any:
    from statemachine import State, StateMachine

    class Deals(StateMachine):
        lead, qualified, proposal = State(initial=True), State(), State()
        negotiation, contract, won, lost = State(), State(), State(), State(final=True)
        qualify = lead.to(qualified)
        propose = qualified.to(proposal, cond="small")
        negotiate = proposal.to(negotiation)
        draft = negotiation.to(contract)
        sign = contract.to(won)
        reopen = won.to(lead)
        lose = lead.to(lost) | qualified.to(lost) | proposal.to(lost) | negotiation.to(lost) | contract.to(lost)
        discount = DISCOUNT

        def small(self) -> bool:
            return self.discount <= MOST

    return Deals
