"""Judging a journal by a pipeline: one small function for each kind of deviation, all over columns."""

from collections.abc import Callable, Iterator

import numpy as np

from crmkit.errors import InvalidValue, did_you_mean
from crmkit.journal import OPEN
from crmkit.journal import UNKNOWN as NO_AMOUNT
from crmkit.pipeline._evidence import KINDS, Array, Bench, Found
from crmkit.pipeline._laws import BACKWARD, ILLEGAL, LEGAL, RESURRECTED, SKIP, UNJUDGED, Law
from crmkit.pipeline._machine import name_of
from crmkit.pipeline._trails import Bools, Longs
from crmkit.pipeline.limits import Limit
from crmkit.pipeline.stages import Guard, Move

_OF_MOVE = {SKIP: "skip", BACKWARD: "backward", ILLEGAL: "illegal move", RESURRECTED: "resurrected"}
# The place in `KINDS` of what a move is.
_KIND_OF = np.array([KINDS.index(_OF_MOVE[code]) if code in _OF_MOVE else -1 for code in range(UNJUDGED + 1)], np.int8)


def judge(bench: Bench) -> Found:
    """Every deviation."""
    judges: tuple[Callable[[Bench], None], ...]
    judges = (_unknown_stages, _starts, _moves, _fields, _roles, _unseen, _limits, _times)
    for one in judges:
        one(bench)
    return bench.found()


def _unknown_stages(bench: Bench) -> None:
    tables: list[Array] = [*(law.known for law in bench.laws.laws), np.ones(len(bench.trails.stages), np.bool_)]
    if not bench.laws.one:
        bench.note("entries before the first version", int((bench.law < 0).sum()))
    if all(table.all() for table in tables):
        return
    place = np.flatnonzero(~bench.laws.look(tables, bench.law, bench.trails.stage))
    codes, law = bench.trails.stage[place], bench.law[place]
    bench.add("unknown stage", place, 2 * place, detail=_each(bench, _no_stage, law, codes))
    law = bench.laws.at(bench.left[bench.tails])
    codes = bench.next[bench.tails]
    odd = ~bench.laws.look(tables, law, codes)
    place, law, codes = bench.tails[odd], law[odd], codes[odd]
    bench.add(
        "unknown stage", place, 2 * place + 1, stage=codes, at=bench.left[place], who=-1, law=law,
        detail=_each(bench, _no_stage, law, codes),
    )  # fmt: skip


def _no_stage(law: Law, code: int) -> str:
    name = law.names[code]
    return f"the pipeline has no stage {name!r}{did_you_mean(name, [stage.name for stage in law.pipeline.stages])}"


def _each(bench: Bench, say: Callable[..., str], law: Array, *codes: Array) -> Array:
    """The numbers of details that depend on the version and some codes: each is put into words once."""
    shape = (len(bench.laws.laws), *(len(bench.trails.stages) for _ in codes))
    key = law
    for code, size in zip(codes, shape[1:], strict=True):
        key = key * size + code
    told = np.zeros(int(np.prod(shape)), np.int32)
    told[key] = 1
    for cell in np.flatnonzero(told).tolist():
        number, *of = np.unravel_index(cell, shape)
        told[cell] = bench.text(say(bench.laws.laws[int(number)], *map(int, of)))
    return told[key]


def _starts(bench: Bench) -> None:
    first = bench.trails.starts
    law = bench.law[first]
    tables: list[Array] = [*(one.no_start for one in bench.laws.laws), np.zeros(len(bench.trails.stages), np.bool_)]
    wrong = bench.laws.look(tables, law, bench.trails.stage[first])
    if wrong.any():
        place = first[wrong]
        bench.add("wrong start", place, 2 * place, law=law[wrong], detail=_each(bench, _no_start, law[wrong]))


def _no_start(law: Law) -> str:
    return f"a case starts in {law.pipeline.start!r}"


def _moves(bench: Bench) -> None:
    trails, size = bench.trails, len(bench.trails.stages)
    # The first column is for stays that last.
    tables = [np.pad(law.odd, ((0, 0), (1, 0)), constant_values=LEGAL) for law in bench.laws.laws]
    tables.append(np.full((size, size + 1), LEGAL, np.int8))
    kind = bench.laws.look(tables, bench.laws.at(bench.left), trails.stage, bench.next, 1)
    # Of booleans numpy finds those that are not 0 ten times as fast as of other bytes.
    place = np.flatnonzero(kind != LEGAL)
    after = place + 1
    ends, at = bench.is_last[place], bench.left[place]
    pair, law = (trails.stage[place], bench.next[place]), bench.laws.at(at)
    taker = np.where(ends, -1, bench.who.take(after, mode="clip"))
    bench.add(
        _KIND_OF[kind[place]], place, place + after + ~ends, next=pair[1], at=at, who=taker, law=law,
        detail=_each(bench, _words, law, *pair),
    )  # fmt: skip


def _words(law: Law, origin: int, to: int) -> str:
    return _skips(law, origin, to) if law.moves[origin, to] == SKIP else _no_move(law, origin, to)


def _skips(law: Law, origin: int, to: int) -> str:
    return f"skips {', '.join(repr(name) for name in law.between(origin, to))}"


def _no_move(law: Law, origin: int, to: int) -> str:
    return f"no move leads from {law.names[origin]!r} to {law.names[to]!r}"


def _entries(bench: Bench, number: int) -> Iterator[tuple[int, int, list[Move], Longs]]:
    """For each pair of stages joined by moves of a version: from, to, the moves, and the stays entered by them."""
    follows = np.flatnonzero(~bench.is_last) if len(bench.is_last) else np.zeros(0, np.int64)
    origin, to = bench.trails.stage[follows], bench.trails.stage[follows + 1]
    told = (bench.next[follows] == to) & (bench.law[follows + 1] == number)
    for (a, b), moves in bench.laws.laws[number].pairs.items():
        yield a, b, moves, follows[told & (origin == a) & (to == b)] + 1


def _fields(bench: Bench) -> None:
    empty = _empty(bench)
    for number, law in enumerate(bench.laws.laws):
        needs: dict[str, list[Longs]] = {}
        for code, stage in law.stages.items():
            for name in stage.requires:
                here = (bench.law == number) & (bench.trails.stage == code)
                needs.setdefault(name, []).append(np.flatnonzero(here))
        if any(move.requires for moves in law.pairs.values() for move in moves):
            for _, _, moves, place in _entries(bench, number):
                # Which of several moves was taken is not known: what all of them need was needed.
                for name in set.intersection(*(set(move.requires) for move in moves)):
                    needs.setdefault(name, []).append(place)
        for name, places in needs.items():
            place = np.unique(np.concatenate(places))
            if name not in empty:
                bench.note(f"field {name!r}: the journal has no such column", len(place))
                continue
            bench.note(f"field {name!r}: entries without a stay", _tails_that_need(bench, number, name))
            place = place[bench.trails.take(empty[name])[place]]
            bench.add("missing field", place, 2 * place, detail=bench.text(f"{name!r} is empty"))


def _tails_that_need(bench: Bench, number: int, name: str) -> int:
    law = bench.laws.laws[number]
    codes = [code for code, stage in law.stages.items() if name in stage.requires]
    at = bench.laws.at(bench.left[bench.tails]) == number
    return int((np.isin(bench.next[bench.tails], codes) & at).sum())


def _empty(bench: Bench) -> dict[str, Bools]:
    """For each field that the journal carries, which rows have no value; a blank text is none."""
    journal = bench.trails.journal
    found: dict[str, Bools] = {}
    for name, column in journal.dims.items():
        blank = np.array([*(not value.strip() for value in column.values), True], np.bool_)
        found[name] = blank[column.codes]
    if journal.amount is not None:
        found["amount"] = journal.amount == NO_AMOUNT
    return found


def _roles(bench: Bench) -> None:
    for number, law in enumerate(bench.laws.laws):
        if not any(_roles_of(moves) for moves in law.pairs.values()):
            continue
        for a, b, moves, place in _entries(bench, number):
            allowed = _roles_of(moves)
            if allowed:
                _role(bench, place, allowed, f"{bench.trails.stages[a]!r} to {bench.trails.stages[b]!r}")


def _roles_of(moves: list[Move]) -> frozenset[str]:
    """Who may go that way: if one of several moves is free to all, everybody."""
    each = [frozenset(move.roles) for move in moves]
    return frozenset().union(*each) if all(each) else frozenset()


def _role(bench: Bench, place: Longs, allowed: frozenset[str], move: str) -> None:
    if bench.roles is None:
        bench.note(f"role for {move}: roles= was not given", len(place))
        return
    wanted = " or ".join(sorted(allowed))
    for code in np.unique(bench.who[place]).tolist():
        mine = place[bench.who[place] == code]
        name = None if code < 0 else bench.trails.journal.who.values[code]
        if name is None or name not in bench.roles:
            bench.note(f"role for {move}: {'the person' if name is None else repr(name)} is not known", len(mine))
        elif not allowed & bench.roles[name]:
            held = ", ".join(sorted(bench.roles[name])) or "none"
            detail = bench.text(f"{move} needs role {wanted}; {name!r} has {held}")
            bench.add("wrong role", mine, 2 * mine, detail=detail)


def _unseen(bench: Bench) -> None:
    """What a journal cannot show: the answers of guards, approvals, clocks, rules."""
    for number, law in enumerate(bench.laws.laws):
        if any(move.guards or move.approval for moves in law.pairs.values() for move in moves):
            for a, b, moves, place in _entries(bench, number):
                pair = f"{bench.trails.stages[a]!r} to {bench.trails.stages[b]!r}"
                if all(move.guards for move in moves):
                    names = " or ".join(_name(guard) for move in moves for guard in move.guards)
                    bench.note(f"guard {names} for {pair}: guards are not run on a journal", len(place))
                if all(move.approval for move in moves):
                    bench.note(f"approval for {pair}: approvals are not in a journal", len(place))
        parts = [f"clock {clock.name!r}: clocks are not run on a journal" for clock in law.pipeline.clocks]
        parts += ["rules: they are not run on a journal"] if law.pipeline.rules is not None else []
        for part in parts:
            bench.note(part, int((bench.law == number).sum()))


def _name(guard: Guard) -> str:
    return guard if isinstance(guard, str) else str(getattr(guard, "name", "") or name_of(guard))


def _limits(bench: Bench) -> None:
    limits = [
        (number, code, Limit.parse(stage.limit))
        for number, law in enumerate(bench.laws.laws)
        for code, stage in law.stages.items()
        if stage.limit is not None
    ]
    if bench.calendar is None and any(limit.business for _, _, limit in limits):
        named = sorted({bench.trails.stages[code] for _, code, limit in limits if limit.business})
        raise InvalidValue("calendar", None, f"is needed for the business time limits of {', '.join(named)}")
    for number, code, limit in limits:
        place = np.flatnonzero((bench.trails.stage == code) & (bench.law == number))
        due = limit.due_us(bench.entered[place], bench.calendar)
        until = np.minimum(bench.left[place], bench.trails.journal.until)
        late, lasts = until > due, bench.left[place] == OPEN
        for kind, rows in (("breached limit", late & ~lasts), ("open too long", late & lasts)):
            which = place[rows]
            bench.add(
                kind, which, 2 * which, next=bench.next[which], at=due[rows], late=until[rows] - due[rows],
                detail=bench.text(f"limit {limit}"),
            )  # fmt: skip


def _times(bench: Bench) -> None:
    if _fits(bench).all():
        return
    entered, left, stage, follows = bench.entered, bench.left, bench.trails.stage, ~bench.is_last
    after = np.append(entered[1:], 0)
    then = np.append(stage[1:], -1)
    wrong = (
        (left < entered, "is left before it is entered"),
        (follows & (after < left), "overlaps the next stay"),
        (follows & (after > left), "leaves a gap before the next stay"),
        (follows & (bench.next != then), "is left for another stage than that of the next stay"),
    )
    seen = np.zeros(len(entered), np.bool_)
    for rows, detail in wrong:
        place = np.flatnonzero(rows & ~seen)
        seen |= rows
        bench.add(
            "time order", place, 2 * place, next=np.where(bench.is_last[place], -1, then[place]),
            at=np.where(bench.is_last[place], left[place], after[place]), detail=bench.text(detail),
        )  # fmt: skip


def _fits(bench: Bench) -> Bools:
    """Which stays end in good order, where and when the next one of the case begins: as a rule all."""
    meets = bench.entered[1:] == bench.left[:-1]
    meets &= bench.trails.stage[1:] == bench.next[:-1]
    meets |= bench.is_last[:-1]
    fits = bench.left >= bench.entered
    fits[:-1] &= meets
    return fits
