"""The slots of one day, and the names of the days."""

import re
from itertools import pairwise

import attrs

from crmkit.errors import InvalidValue

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MIDNIGHT = 24 * 60
Slots = tuple[tuple[int, int], ...]

_SLOT = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
# What a Chinese keyboard or a word processor writes for the same signs.
_PLAIN = str.maketrans({"：": ":", "－": "-", "–": "-", "—": "-", "~": "-", "，": " ", "、": " ", ",": " "})


def slots_of(text: object) -> tuple[Slots, tuple[str, ...]]:
    """The slots in a text, in order, and everything wrong with it."""
    if not isinstance(text, str):
        return (), (f"{text!r} is no text such as '09:00-12:00 13:00-18:00'",)
    slots: list[tuple[int, int]] = []
    wrong: list[str] = []
    for word in re.sub(r"\s*-\s*", "-", text.translate(_PLAIN)).split():
        slot = _slot(word)
        if isinstance(slot, str):
            wrong.append(slot)
        else:
            slots.append(slot)
    slots.sort()
    for before, after in pairwise(slots):
        if after[0] < before[1]:
            wrong.append(f"{show([before])} and {show([after])} overlap")
    return tuple(slots), tuple(wrong)


def show(slots: Slots | list[tuple[int, int]]) -> str:
    """The text of slots, as `slots_of` reads it."""
    return " ".join(f"{clock(begin)}-{clock(end)}" for begin, end in slots)


def clock(minute: int) -> str:
    """The time of day of a minute; the end of the day is 24:00."""
    shown = minute - MIDNIGHT if minute > MIDNIGHT else minute
    return f"{shown // 60:02}:{shown % 60:02}"


def _slot(word: str) -> tuple[int, int] | str:
    found = _SLOT.fullmatch(word)
    if not found:
        return f"{word!r} is no slot such as '09:00-17:00'"
    times = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4]))
    for hour, minute in ((found[1], found[2]), (found[3], found[4])):
        if int(minute) > 59 or int(hour) * 60 + int(minute) > MIDNIGHT:
            return f"{hour}:{minute} is no time of day; write 00:00 to 24:00"
    begin, end = times
    if begin == MIDNIGHT:
        return f"{word!r} begins at the end of the day; begin it at 00:00 of the next"
    if begin == end:
        return f"{word!r} is empty; write 00:00-24:00 for the whole day"
    return begin, end if end > begin else end + MIDNIGHT


def _canonical(text: str) -> str:
    slots, wrong = slots_of(text)
    if wrong:
        raise InvalidValue("hours", text, "cannot be read: " + "; ".join(wrong))
    return show(slots)


def _own_slots(hours: "Hours") -> Slots:
    return slots_of(hours.text)[0]


@attrs.frozen
class Hours:
    """The working slots that begin on one civil day.

    >>> Hours("13:00-18:00, 9:00-12:00")
    Hours('09:00-12:00 13:00-18:00')
    >>> Hours("22:00-06:00").slots
    ((1320, 1800),)

    Attributes:
        text: slots as "HH:MM-HH:MM", apart by spaces or commas; one that ends at or before its begin crosses midnight,
            and "00:00-24:00" is the whole day. Empty for a day without work.
        slots: (begin, end) in minutes after civil midnight, half-open, in order; an end beyond 1440 is on the next day.

    Raises:
        InvalidValue: with everything wrong in the text.
    """

    text: str = attrs.field(default="", converter=_canonical)
    slots: Slots = attrs.field(init=False, eq=False, default=attrs.Factory(_own_slots, takes_self=True))

    def __repr__(self) -> str:
        return f"Hours({self.text!r})"
