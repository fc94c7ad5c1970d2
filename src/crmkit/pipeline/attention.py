"""What needs somebody's attention now, and why: with the figures behind it, the most urgent first."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from crmkit.events import Event, Moved
from crmkit.pipeline._ticking import by_case
from crmkit.pipeline.case import Case
from crmkit.pipeline.clocks import Calendars, ClockState, due, survey
from crmkit.pipeline.history import replay
from crmkit.values import aware, from_micros
from crmkit.values.display import ROWS, Display, Lang, Shown

if TYPE_CHECKING:
    from crmkit.calendars import WorkingTime
    from crmkit.journal import Journal, ProductLimit
    from crmkit.pipeline.definition import Pipeline

__all__ = ["Attention", "Concern", "Issue", "Kind", "attention", "stalled"]

#: Why a case needs attention: its time is up, or nearly; it stays longer in its stage than nearly all of its peers; it
#: has no next step; it is open for longer than nearly all of its peers.
Kind: TypeAlias = Literal["breached", "near", "stalled", "no next step", "old"]
_ORDER: Mapping[Kind, int] = {"breached": 0, "near": 1, "stalled": 2, "no next step": 3, "old": 4}
_MICROSECOND = timedelta(microseconds=1)


@attrs.frozen
class Concern(Shown):
    """One reason to look at one case.

    Attributes:
        kind: what kind of reason it is.
        case: the case.
        stage: the stage it is in.
        owner: who holds it.
        reason: the reason in words.
        figures: the figures behind it, as plain data.
        weight: how far it is out of line among its kind: the larger, the more urgent.
        rank: its place among all, from 1.
    """

    kind: Kind
    case: str
    stage: str
    owner: str | None
    reason: str
    figures: Mapping[str, Any]
    weight: float
    rank: int = 0

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """What it is about; see `Shown.display`."""
        said = f"{self.rank}. {self.case} ({self.stage}, {self.owner or 'nobody'}): {self.reason}"
        return Display.lines([said], most=most, lang=lang)


@attrs.frozen
class Issue(Shown):
    """An open case: how old, whose, how urgent.

    Attributes:
        case: the case.
        stage: the stage it is in.
        owner: who holds it.
        opened: when it was opened (aware).
        age: how long ago.
        due: the nearest deadline of its clocks that run; None if none does.
        used: how much of its time the clock has used that has used most; None if no clock is on.
        concerns: the kinds of concern that it gives.
    """

    case: str
    stage: str
    owner: str | None
    opened: datetime
    age: timedelta
    due: datetime | None
    used: float | None
    concerns: tuple[Kind, ...] = ()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """How old, whose, how urgent; see `Shown.display`."""
        deadline = "no deadline" if self.due is None else f"due {_moment(self.due)}"
        used = "" if self.used is None else f", {self.used:.0%} used"
        said = f"{self.case} ({self.stage}, {self.owner or 'nobody'}): open for {_span(self.age)}, {deadline}{used}"
        return Display.lines([said], most=most, lang=lang)


@attrs.frozen
class Attention(Shown):
    """Everything that needs attention, and what could not be judged.

    Attributes:
        at: as of when (aware).
        concerns: the most urgent first: by kind in the order of `Kind`, within one by `Concern.weight`.
        issues: every open case: those that used most of their time first, then the oldest.
        unjudged: the stages with open cases that have too few peers to say who is late; "" is the whole way.
        unread: the cases whose history could not be read, and why.
    """

    at: datetime
    concerns: tuple[Concern, ...] = ()
    issues: tuple[Issue, ...] = ()
    unjudged: Mapping[str, str] = attrs.field(factory=dict)
    unread: Mapping[str, str] = attrs.field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "at": self.at.isoformat(),
            "concerns": [attrs.asdict(one) for one in self.concerns],
            "issues": [
                {
                    **attrs.asdict(one, recurse=False),
                    "opened": one.opened.isoformat(),
                    "age": one.age.total_seconds(),
                    "due": None if one.due is None else one.due.isoformat(),
                    "concerns": [*one.concerns],
                }
                for one in self.issues
            ],
            "unjudged": dict(self.unjudged),
            "unread": dict(self.unread),
        }

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The concerns, and what could not be judged; see `Shown.display`."""
        lines = [f"concerns: {len(self.concerns)}, open cases: {len(self.issues)}, at {_moment(self.at)}"]
        lines += [f"  {one}" for one in self.concerns]
        lines += [f"  not judged: {stage or 'the whole way'}: {why}" for stage, why in self.unjudged.items()]
        lines += [f"  not read: {case}: {why}" for case, why in self.unread.items()]
        return Display.lines(lines, most=most, lang=lang)


def attention(
    pipeline: "Pipeline",
    events: Iterable[Event],
    *,
    now: datetime,
    calendars: "Calendars | WorkingTime | None" = None,
    next_step: str | None = None,
    near: float = 0.8,
    rare: float = 0.1,
    peers: int = 20,
) -> Attention:
    """Everything that needs attention.

    Args:
        pipeline: the definition.
        events: the facts of any number of cases of it, those of each in order; closed cases are the peers of open ones.
        now: as of when (aware); its zone says what day it is.
        calendars: the working time of limits in business hours or days.
        next_step: the field that says when something happens next, a date or a datetime; None if there is none.
        near: the share of its time from which a clock is a concern, unless its own warnings say.
        rare: a case is late if the share of its peers that stay so long is estimated to be less than this.
        peers: how many of the peers must have moved on before anybody is called late.

    Raises:
        InvalidValue: if a limit is in business time and there is no calendar at all.
    """
    facts = [event for event in events if event.at <= aware(now, "now")]
    clocks, unread = survey(pipeline, facts, now=now, calendars=calendars)
    readable = [event for event in facts if event.case in clocks]
    histories = by_case(readable)
    cases = {name: case for name, history in histories.items() if (case := replay(history)) is not None}
    still = {name: case for name, case in cases.items() if _outcome(pipeline, case.stage) is None}
    found = [*_late_clocks(cases, clocks, near)]
    if next_step is not None:
        found += [*_no_next_step(still.values(), next_step, now)]
    from crmkit.journal import Journal

    journal = Journal.from_events(readable, stages=[stage.name for stage in pipeline.stages], as_of=now)
    slow, unjudged = stalled(pipeline, journal, rare=rare, peers=peers)
    old, too_few = _old(pipeline, histories, still, now=now, rare=rare, peers=peers)
    found += [*(attrs.evolve(one, owner=cases[one.case].owner) for one in slow), *old]
    ranked = _ranked(found)
    kinds: dict[str, list[Kind]] = {}
    for one in ranked:
        kinds.setdefault(one.case, []).append(one.kind)
    issues = [_issue(case, clocks[case.id], kinds.get(case.id, []), now) for case in still.values()]
    return Attention(now, ranked, tuple(sorted(issues, key=_by_urgency)), {**unjudged, **too_few}, unread)


def stalled(
    pipeline: "Pipeline", journal: "Journal", *, rare: float = 0.1, peers: int = 20
) -> tuple[tuple[Concern, ...], dict[str, str]]:
    """The stays in open stages that last longer than nearly all of their peers' in the same stage.

    The peers' stays that go on count too, as censored (Kaplan & Meier 1958). So what is late follows from how long the
    stage takes, and is no number that somebody once typed in.

    Args:
        pipeline: tells which stages are open.
        journal: the stays, as of its `until`.
        rare: the share of peers that stay so long below which a stay is late.
        peers: how many stays must have ended before anybody is called late.

    Returns:
        Concerns, the slowest first, and for each stage with too few peers why nothing was said.
    """
    from crmkit.journal import ProductLimit

    found: list[Concern] = []
    unjudged: dict[str, str] = {}
    names = {stage.name for stage in pipeline.stages if stage.outcome is None}
    stays, going = journal.sojourn(), journal.open
    for code, name in enumerate(journal.stages.values):
        rows = (journal.stages.codes == code).nonzero()[0]
        lasting = rows[going[rows]]
        if name not in names or not lasting.size:
            continue
        limit = ProductLimit.of(stays[rows], ~going[rows])
        if (few := _too_few(limit, peers)) is not None:
            unjudged[name] = few
            continue
        shares = limit.beyond(stays[lasting], others=True)
        for row, share in zip(lasting[shares < rare], shares[shares < rare].tolist(), strict=True):
            one = journal[row : row + 1]
            case, who = one.cases.decode()[0] or "", one.who.decode()[0]
            reason, figures = _late(f"in {name!r}", int(stays[row]), share, limit)
            figures["entered"] = from_micros(int(journal.entered[row])).isoformat()
            found.append(Concern("stalled", case, name, who, reason, figures, -share))
    return _ranked(found), unjudged


def _old(
    pipeline: "Pipeline",
    histories: Mapping[str, list[Event]],
    still: Mapping[str, Case],
    *,
    now: datetime,
    rare: float,
    peers: int,
) -> tuple[list[Concern], dict[str, str]]:
    """The open cases that are open for longer than nearly all of their peers were until they were first closed."""
    import numpy as np

    from crmkit.journal import ProductLimit

    if not still:
        return [], {}
    closed = [_first_closed(pipeline, history) for history in histories.values()]
    ended = np.array([at is not None for at in closed])
    spans = [(at or now) - history[0].at for at, history in zip(closed, histories.values(), strict=True)]
    limit = ProductLimit.of(np.array([span // _MICROSECOND for span in spans], dtype=np.int64), ended)
    if (few := _too_few(limit, peers)) is not None:
        return [], {"": few}
    found: list[Concern] = []
    for case in still.values():
        # Of a case that was reopened the first way counts, and it has been long enough to be one of the peers.
        age = (now - case.opened) // _MICROSECOND
        share = float(limit.beyond(np.array([age]), others=_first_closed(pipeline, histories[case.id]) is None)[0])
        if share < rare:
            reason, figures = _late("open", age, share, limit)
            found.append(Concern("old", case.id, case.stage, case.owner, reason, figures, -share))
    return found, {}


def _late(where: str, age_us: int, share: float, limit: "ProductLimit") -> tuple[str, dict[str, Any]]:
    median = limit.quantile(0.5)
    half = "" if median is None else f", and half at most {_span(timedelta(microseconds=median))}"
    reason = (
        f"{where} for {_span(timedelta(microseconds=age_us))}; {share:.1%} of {limit.n - 1} peers stay so long{half}"
    )
    figures = {
        "age": age_us / 1_000_000, "share": share, "peers": limit.n - 1, "ended": limit.n - limit.n_open,
        "median": None if median is None else median / 1_000_000,
    }  # fmt: skip
    return reason, figures


def _too_few(limit: "ProductLimit", peers: int) -> str | None:
    ended = limit.n - limit.n_open
    return f"{ended} of {limit.n} stays have ended; {peers} are asked for" if ended < peers else None


def _late_clocks(
    cases: Mapping[str, Case], clocks: Mapping[str, tuple[ClockState, ...]], near: float
) -> Iterator[Concern]:
    for name, case in cases.items():
        for state in clocks[name]:
            if not state.on:
                continue
            warned = bool(state.warned) if state.warnings else state.used >= near
            if state.breached or warned:
                kind: Kind = "breached" if state.breached else "near"
                yield Concern(kind, name, case.stage, case.owner, _told(state), _figures(state), state.used)


def _told(state: ClockState) -> str:
    if state.breached:
        ago = _span(state.until - state.due)
        return f"the time of {state.clock!r} was up at {_moment(state.due)}, {ago} ago ({state.used:.0%} used)"
    standing = ", standing still" if state.status == "paused" else ""
    return f"{state.used:.0%} of the time of {state.clock!r} are used{standing}; it is up at {_moment(state.due)}"


def _figures(state: ClockState) -> dict[str, Any]:
    return {
        "clock": state.clock, "cycle": state.cycle, "due": state.due.isoformat(), "used": state.used,
        "elapsed": state.elapsed.total_seconds(), "total": state.total.total_seconds(),
    }  # fmt: skip


def _no_next_step(cases: Iterable[Case], field: str, now: datetime) -> Iterator[Concern]:
    for case in cases:
        value = case.fields.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            reason, days = f"has no {field!r}", float("inf")
        elif isinstance(value, datetime) and value < now:
            reason, days = f"its {field!r} was at {_moment(value)}", (now - value) / timedelta(days=1)
        elif isinstance(value, date) and not isinstance(value, datetime) and value < now.date():
            reason, days = f"its {field!r} was on {value}", float((now.date() - value).days)
        else:
            continue
        figures = {"field": field, "days": None if value is None or isinstance(value, str) else days}
        yield Concern("no next step", case.id, case.stage, case.owner, reason, figures, days)


def _first_closed(pipeline: "Pipeline", history: list[Event]) -> datetime | None:
    return next((e.at for e in history if isinstance(e, Moved) and _outcome(pipeline, e.stage) is not None), None)


def _outcome(pipeline: "Pipeline", stage: str) -> str | None:
    # A stage of another version of the definition is taken for an open one.
    return next((one.outcome for one in pipeline.stages if one.name == stage), None)


def _issue(case: Case, clocks: Iterable[ClockState], kinds: Iterable[Kind], now: datetime) -> Issue:
    on = [state for state in clocks if state.on]
    used = max((state.used for state in on), default=None)
    return Issue(
        case.id, case.stage, case.owner, case.opened, now - case.opened, due(on), used, tuple(dict.fromkeys(kinds))
    )


def _by_urgency(one: Issue) -> tuple[float, datetime, str]:
    return -(one.used or 0.0), one.opened, one.case


def _ranked(found: Iterable[Concern]) -> tuple[Concern, ...]:
    ordered = sorted(found, key=lambda one: (_ORDER[one.kind], -one.weight, one.case))
    return tuple(attrs.evolve(one, rank=rank) for rank, one in enumerate(ordered, 1))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    for unit, size in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if span >= 2 * size:
            return f"{span // size} {unit}"
    return f"{span // timedelta(minutes=1)} minutes"
