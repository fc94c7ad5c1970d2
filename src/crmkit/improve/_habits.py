"""What the recorded process tells of how people work: contacts, answers, moves, quotes, documents, hours."""

from collections.abc import Iterator
from datetime import timedelta

import attrs
import numpy as np
import numpy.typing as npt

from crmkit.errors import InvalidValue
from crmkit.improve._compared import Family, Habit
from crmkit.improve._windows import Done, Ints, Windows, done_in, local, windows_of
from crmkit.journal import OPEN, Journal, Ledger
from crmkit.metrics import Facts, StageOrder
from crmkit.metrics.survival import kaplan_meier
from crmkit.values import Period

__all__ = ["Looked", "habits_of", "looked_at", "moves_of"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_US = timedelta(microseconds=1)
_DAY_US = 86_400_000_000
# A document that fewer windows know is nobody's habit; and a list that never ends finds nothing any more.
_LEAST_USES, _MOST_NAMES = 5, 10
_PARTS = ((0, 10), (10, 12), (12, 14), (14, 17), (17, 24))
_DAYS = (
    ("on Mondays", "周一"), ("on Tuesdays", "周二"), ("on Wednesdays", "周三"), ("on Thursdays", "周四"),
    ("on Fridays", "周五"), ("at weekends", "周末"),
)  # fmt: skip
_DOCUMENTS = {"card-use": "card", "document-use": "document"}
_BACK, _ADVANCED = 3, 1


@attrs.frozen(eq=False)
class _Seen:
    """What habits are read off.

    Attributes:
        windows: the windows.
        ledger: the dated facts.
        tz: the zone whose clocks count.
        first: how soon a first contact is a quick one.
        again: how soon the next contact is one.
        usual: by how many days it is usually over; None to find out.
    """

    windows: Windows
    ledger: Ledger | None
    tz: str
    first: timedelta
    again: timedelta
    usual: int | None

    def make(
        self, key: str, said: tuple[str, str], family: Family, columns: tuple[Floats, Floats], used: Mask
    ) -> Habit:
        """A habit of all windows that count."""
        unit = "share" if family == "share" else "a day" if "a day" in key else "a case"
        event, of = columns
        return Habit(key, *said, family, unit, event, of, used, self.windows.lasting)


def habits_of(
    windows: Windows, ledger: Ledger | None, *, tz: str, first: timedelta, again: timedelta, usual: int | None
) -> Iterator[Habit]:
    """Everything that the dated facts of windows tell, and whether they are over by so many days."""
    seen = _Seen(windows, ledger, tz, first, again, usual)
    contacts = done_in(windows, ledger, "activity")
    yield from _how_often(seen, contacts)
    if len(contacts.at):
        yield from _how_soon(seen, contacts)
        yield from _when(seen, contacts)
    yield from _how_long(seen)
    quotes = done_in(windows, ledger, "quote", once=False)
    if len(quotes.at):
        said = ("versions of quotes a case", "每案例报价版本数")
        yield _a_case(seen, "quotes a case", said, quotes.counts(len(windows)))
    yield from _with_what(seen)


def _a_case(seen: _Seen, key: str, said: tuple[str, str], counts: Floats, family: Family = "rate") -> Habit:
    """What was done in windows that ended."""
    return seen.make(key, said, family, (counts, np.ones(len(counts))), ~seen.windows.lasting)


def _how_often(seen: _Seen, contacts: Done) -> Iterator[Habit]:
    """Contacts by day and by case, all of them and in each channel."""
    size = len(seen.windows)
    for name, where in _channels(seen.ledger, contacts):
        counts, of = contacts.counts(size, where), f" ({name})" if name else ""
        held = seen.windows.days
        en, zh = f"contacts a day{of}", f"每日接触次数{of}"
        yield seen.make(f"contacts a day{of}", (en, zh), "rate", (counts, held), held > 0)
        yield _a_case(seen, f"contacts a case{of}", (f"contacts a case{of}", f"每案例接触次数{of}"), counts)


def _channels(ledger: Ledger | None, contacts: Done) -> Iterator[tuple[str, Mask]]:
    """All contacts, and those of each of several channels."""
    if not len(contacts.at) or ledger is None:
        return
    yield "", np.ones(len(contacts.at), np.bool_)
    if "channel" in ledger.dims:
        channel = ledger.dims["channel"][contacts.rows]
        names = _usual(channel.codes.astype(np.int64), channel.values)
        for name, code in names if len(names) > 1 else ():
            yield name, channel.codes == code


def _usual(codes: Ints, values: tuple[str, ...]) -> list[tuple[str, int]]:
    """The names that are frequent enough to be anybody's habit, by name."""
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    order = np.argsort(-counts, kind="stable")[:_MOST_NAMES].tolist()
    return sorted((values[code], code) for code in order if counts[code] >= _LEAST_USES)


def _how_soon(seen: _Seen, contacts: Done) -> Iterator[Habit]:
    """Whether the first contact, and the next after a contact, come soon; who was not watched for so long is out."""
    windows, size = seen.windows, len(seen.windows)
    soon, again = seen.first // _US, seen.again // _US
    quick = (contacts.first(size) - windows.begin <= soon).astype(np.float64)
    days = f"{_number(seen.first)} d"
    said = (f"first contact within {days}", f"{_number(seen.first)} 天内首次接触")
    yield seen.make(
        f"first contact within {days}", said, "share", (quick, np.ones(size)), windows.begin + soon <= windows.until
    )
    watched = contacts.at + again <= windows.until
    followed = (contacts.following != OPEN) & (contacts.following - contacts.at <= again)
    pair = contacts.counts(size, watched & followed), contacts.counts(size, watched)
    said = (f"next contact within {_number(seen.again)} d", f"{_number(seen.again)} 天内再次接触")
    yield seen.make(said[0], said, "share", pair, pair[1] > 0)


def _number(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g}"


def _usual_days(windows: Windows) -> int | None:
    """The days by which half of the windows are over, lasting ones counted; None if that is not known yet."""
    if not len(windows):
        return None
    half = kaplan_meier(windows.end - windows.begin, ~windows.lasting).median().value
    return None if np.isnan(half) else max(round(half / _DAY_US), 1)


def _how_long(seen: _Seen) -> Iterator[Habit]:
    """Whether it is over by the usual time; what was not watched for so long is out."""
    windows, days = seen.windows, seen.usual
    if days is None:
        return
    ended = ~windows.lasting & (windows.end - windows.begin <= days * _DAY_US)
    said = (f"over within {days} d", f"{days} 天内结束")
    used = windows.begin + days * _DAY_US <= windows.until
    yield seen.make(said[0], said, "share", (ended.astype(np.float64), np.ones(len(windows))), used)


def _with_what(seen: _Seen) -> Iterator[Habit]:
    """Whether documents and cards were used, any and each."""
    size = len(seen.windows)
    for kind, dim in _DOCUMENTS.items():
        uses = done_in(seen.windows, seen.ledger, kind)
        if not len(uses.at) or seen.ledger is None:
            continue
        some = np.minimum(uses.counts(size), 1.0)
        said = (f"a {dim} was used", "使用了知识卡片" if dim == "card" else "使用了文档")
        yield _a_case(seen, f"{dim} used", said, some, "share")
        if dim in seen.ledger.dims:
            named = seen.ledger.dims[dim][uses.rows]
            for name, code in _usual(named.codes.astype(np.int64), named.values):
                used = np.minimum(uses.counts(size, named.codes == code), 1.0)
                yield _a_case(seen, f"{dim} used: {name}", (f"{dim} {name} was used", f"使用了 {name}"), used, "share")


def _when(seen: _Seen, contacts: Done) -> Iterator[Habit]:
    """At what hours and on what days contacts are made."""
    size, (hour, day) = len(seen.windows), local(contacts.at, seen.tz)
    all_ = contacts.counts(size)
    for start, end in _PARTS:
        share = contacts.counts(size, (hour >= start) & (hour < end))
        said = (f"contacts from {start} to {end} o'clock", f"{start} 点至 {end} 点的接触")
        yield seen.make(said[0], said, "share", (share, all_), all_ > 0)
    for number, (en, zh) in enumerate(_DAYS):
        share = contacts.counts(size, np.minimum(day, len(_DAYS) - 1) == number)
        yield seen.make(f"contacts {en}", (f"contacts {en}", f"{zh}的接触"), "share", (share, all_), all_ > 0)


def moves_of(journal: Journal, order: StageOrder, stays: Windows, rows: Ints, stage: str) -> Iterator[Habit]:
    """Where cases go from a stage: back, or on to another stage than most, of which those that skip one are some.

    Args:
        journal: the stays.
        order: the order of the stages.
        stays: those of the stage.
        rows: the row of the journal of each.
        stage: the stage.
    """
    following = journal.next[rows]
    if not len(rows):
        return
    outcome = order.outcomes(journal.stages.values)[journal.stage_code(stage), following + 1]

    def moved(key: str, said: tuple[str, str], event: Mask, of: Mask, *, tried: bool = True) -> Habit:
        columns = event.astype(np.float64), of.astype(np.float64)
        return Habit(key, *said, "share", "share", *columns, of, stays.lasting, whole=True, tried=tried)

    back = outcome == _BACK
    if back.any():
        yield moved(f"back from {stage}", (f"back from {stage}", f"从{stage}退回"), back, ~stays.lasting)
    on = outcome == _ADVANCED
    targets, counts = np.unique(following[on], return_counts=True)
    usual = int(targets[np.argmax(counts)]) if len(targets) else -1
    ahead = [name for name in order.open[order.open.index(stage) + 1 :] if name in journal.stages.values]
    for code in targets.tolist():
        if code == usual:
            continue
        name = journal.stages.values[code]
        skipped = name in ahead and ahead.index(name) > 0
        more = (f", skipping {ahead[0]}", f"（跳过{ahead[0]}）") if skipped else ("", "")
        said = (f"from {stage} on to {name}{more[0]}", f"从{stage}进入{name}{more[1]}")
        # Whoever went on to "won" has won.
        yield moved(f"{stage} -> {name}", said, on & (following == code), on, tried=name in ahead)


@attrs.frozen(eq=False)
class Looked:
    """Habits, and the windows that each was read off."""

    journal: Journal
    order: StageOrder
    windows: Windows
    habits: tuple[tuple[Habit, Windows], ...]
    usual: int | None

    @property
    def people(self) -> tuple[str, ...]:
        """The names behind the codes of persons."""
        return self.windows.who.values


def looked_at(
    facts: Facts, *, stage: str | None, column: str, over: Period | None, spans: tuple[timedelta, timedelta, int | None]
) -> Looked:
    """Everything that there is to look at; `spans` are `Practices.first`, `again` and `usual`.

    Raises:
        InvalidValue: for facts without a journal, or a stage that is closed.
        NotFound: for a stage or a column that is not there.
    """
    journal = facts.journal
    if journal is None:
        raise InvalidValue("facts", "no journal", "tell nothing of how people work; give journal= or events=")
    order = StageOrder.of(facts.stages, journal)

    def cut(stage: str | None) -> tuple[Windows, Ints]:
        return windows_of(journal, order, stage=stage, column=column, over=over, tz=facts.tz)

    windows, _ = cut(stage)
    usual = spans[2] if spans[2] is not None else _usual_days(windows)
    found = habits_of(windows, facts.ledger, tz=facts.tz, first=spans[0], again=spans[1], usual=usual)
    habits = [(habit, windows) for habit in found]
    for name in order.open if stage is None else (stage,):
        stays, rows = cut(name)
        habits += [(habit, stays) for habit in moves_of(journal, order, stays, rows, name)]
    return Looked(journal, order, windows, tuple(habits), usual)
