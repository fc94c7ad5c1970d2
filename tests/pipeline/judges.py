"""A judge of logs that looks at one stay at a time."""

from datetime import UTC, datetime, timedelta

from logs import by_case

from crmkit.pipeline.limits import Limit

ROLES = {"li": "rep", "wei": ("rep", "manager")}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def in_force(versions, day):
    """The version of a day."""
    found = [law for since, law in versions.eras if since is None or since <= EPOCH + timedelta(days=day)]
    return found[-1] if found else None


def reachable(law, origin, to):
    """Whether declared moves lead from one stage to another."""
    seen, new = set(), {origin}
    while new:
        new = {move.to for name in new for move in law.moves.get(name, {}).values()} - seen
        seen |= new
    return to in seen


def kind_of(law, a, b):
    """What a move is called that is not declared; None if it is."""
    names, shut = [s.name for s in law.stages], {s.name for s in law.stages if s.outcome}
    if b in [move.to for move in law.moves.get(a, {}).values()]:
        return None
    if a == b:
        return "illegal move"
    if a in shut:
        return "resurrected"
    ahead = b in shut or names.index(b) > names.index(a)
    if not ahead:
        return "backward"
    return "skip" if reachable(law, a, b) else "illegal move"


def slow(stays, versions, fields, until=1_000):
    """Every deviation as (row, kind, stage, next, day, who, days late), stay by stay."""
    found, row = [], {id(s): i for i, s in enumerate(stays)}
    for run in by_case(stays).values():
        for i, s in enumerate(run):
            before = run[i - 1] if i and run[i - 1].next == s.stage else None
            after = run[i + 1] if i + 1 < len(run) else None
            here = row[id(s)]
            law = in_force(versions, s.entered)
            if law is not None and s.stage not in [stage.name for stage in law.stages]:
                found.append((here, "unknown stage", s.stage, None, s.entered, s.who, None))
            elif law is not None:
                values = {name: column[here] for name, column in fields.items()}
                found += [(here, *one) for one in entry(s, before, law, values, first=i == 0)]
                found += [(here, *one) for one in limit(s, law, until)]
            found += [(here, *one) for one in leaving(s, after, versions)]
            found += [(here, *one) for one in order(s, after)]
    return found


def entry(s, before, law, values, *, first):
    """What is wrong with an entry into a stage."""
    if first and s.stage != law.start:
        yield "wrong start", s.stage, None, s.entered, s.who, None
    moves = [move for move in law.moves.get(before.stage, {}).values() if move.to == s.stage] if before else []
    needs = {*law.stage(s.stage).requires}
    if moves:
        needs |= set.intersection(*(set(move.requires) for move in moves))
    for name in needs:
        if name in values and not (values[name] or "").strip():
            yield "missing field", s.stage, None, s.entered, s.who, None
    roles = [set(getattr(move, "roles", ())) for move in moves]
    if moves and all(roles) and s.who in ROLES:
        held = {ROLES[s.who]} if isinstance(ROLES[s.who], str) else {*ROLES[s.who]}
        if not held & set.union(*roles):
            yield "wrong role", s.stage, None, s.entered, s.who, None


def limit(s, law, until):
    """Whether a stay took too long."""
    if law.stage(s.stage).limit:
        due = s.entered + float(Limit.parse(law.stage(s.stage).limit).amount)
        end = until if s.left is None else s.left
        if end > due:
            yield "open too long" if s.left is None else "breached limit", s.stage, s.next, due, s.who, end - due


def leaving(s, after, versions):
    """What is wrong with the move that ends a stay."""
    law = None if s.next is None else in_force(versions, s.left)
    if law is None:
        return
    names = [stage.name for stage in law.stages]
    if s.stage in names and s.next in names and kind_of(law, s.stage, s.next):
        yield kind_of(law, s.stage, s.next), s.stage, s.next, s.left, after.who if after else None, None
    if after is None and s.next not in names:
        yield "unknown stage", s.next, None, s.left, None, None


def order(s, after):
    """Whether a stay fits the one after it."""
    end = float("inf") if s.left is None else s.left
    if end < s.entered or (after and (after.entered != end or after.stage != s.next)):
        at, following = (after.entered, after.stage) if after else (s.left, None)
        yield "time order", s.stage, following, at, s.who, None
