"""Facts and their text form."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue
from crmkit.events import (
    Edited,
    Event,
    Moved,
    Opened,
    Requested,
    Unknown,
    Warned,
    checksum,
    fields_from_json,
    fields_to_json,
    from_json,
    known_types,
    payload,
    to_json,
)
from crmkit.values import EMPTY, Fields, Money, to_micros
from crmkit.values._fields import to_plain

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
    | st.builds(Money, st.integers(-(10**12), 10**12), st.sampled_from(["CNY", "EUR", "JPY"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(st.text(min_size=1), plain, max_size=4).map(Fields)


@given(data=fields, who=st.none() | st.text(), recorded=st.datetimes(timezones=st.just(UTC)))
def test_round_trip(data, who, recorded):
    """The text form of an event gives back exactly the event, whatever its fields hold."""
    event = Edited(id="D-1#2", case="D-1", at=NOW, recorded=recorded, who=who, data=data)
    assert from_json(to_json(event)) == event


def slow_plain(event):
    """The plain form of an event, as the format was first written down."""
    plain = {}
    for field in attrs.fields(type(event)):
        value = getattr(event, field.name)
        if value is not None and value != EMPTY:
            instant = field.name in {"at", "recorded", "entered", "due"}
            plain[field.name] = to_micros(value) if instant else to_plain(value)
    if isinstance(event, Unknown):
        del plain["named"], plain["extra"]
        return {**json.loads(event.extra), **plain, "type": event.named}
    return {**plain, "type": event.type}


def slow_text(plain):
    """Canonical JSON by nothing but the encoder of the standard library."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@attrs.frozen(kw_only=True, slots=False)
class Called(Event):
    """A type of a host, whose attributes may be anything that a field may."""

    type = "Called"
    after: Any = None
    first: Any = None
    zone: Any = None


class Answered(IntEnum):
    """A number that is more than a number."""

    YES = 1


class Line(str):
    """A text that is more than a text."""

    __slots__ = ()


instants = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), ZoneInfo("Europe/Berlin")]))
odd = st.sampled_from(
    [Answered.YES, Line('a "line"'), {"$a": {"b": Decimal(1)}}, {}, [1, "x"], (), ({}, EMPTY), 10**60]
)
anything = plain.map(lambda value: Fields(a=value)["a"]) | odd
shared = {
    "id": st.text(), "case": st.text(), "at": instants, "recorded": instants, "data": fields,
    **dict.fromkeys(("who", "on_behalf_of", "definition", "cause", "key"), st.none() | st.text()),
}  # fmt: skip
extras = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name not in shared), st.none() | st.integers() | st.text()
)
events = st.one_of(
    st.builds(Moved, **shared, move=st.text(), origin=st.text(), entered=instants, held_by=st.none() | st.text(), stage=st.text()),
    st.builds(Requested, **shared, approval=st.text(), panels=st.lists(fields, max_size=2).map(tuple),
              covers=st.lists(st.text(), max_size=2).map(tuple), separate=st.booleans()),
    st.builds(Warned, **shared, clock=st.text(), cycle=st.integers(), due=instants, share=st.integers()),
    st.builds(Unknown, **shared, named=st.text(), extra=extras.map(json.dumps)),
    st.builds(Called, **shared, after=anything, first=anything, zone=anything),
)  # fmt: skip


@given(event=events)
def test_the_text_is_that_of_the_slow_way(event):
    """Checksums are of texts: whichever way a text is written, each byte of it is the same."""
    wanted = slow_plain(event)
    assert to_json(event) == slow_text(wanted)
    assert payload(event) == slow_text({name: value for name, value in wanted.items() if name != "recorded"})
    assert fields_to_json(event.data) == slow_text(to_plain(event.data))


def test_the_text_of_a_fact_never_changes():
    """What was stored years ago still has its checksum."""
    event = Moved(
        id="D-1#2", case="D-1", at=NOW, recorded=NOW, who='We"i', move="sign", origin="lead", entered=NOW, stage="赢",
        data={"$sum": Money("10.50", "EUR"), "n": [1, 2.5, True, None], "day": date(2026, 1, 2), "at": NOW},
    )  # fmt: skip
    text = (
        '{"at":1772355600000000,"case":"D-1","data":{"$$sum":{"$money":["10.50","EUR"]},'
        '"at":{"$instant":"2026-03-01T09:00:00+00:00"},"day":{"$date":"2026-01-02"},"n":[1,2.5,true,null]},'
        '"entered":1772355600000000,"id":"D-1#2","move":"sign","origin":"lead","recorded":1772355600000000,'
        '"stage":"赢","type":"Moved","who":"We\\"i"}'
    )
    assert to_json(event) == text
    assert checksum(text) == "27339756c9b22308"


@pytest.mark.parametrize("value", [float("inf"), float("nan"), object()])
def test_what_has_no_text_is_refused(value):
    """An attribute of a host's type that JSON cannot say is no text that cannot be read again."""
    with pytest.raises((ValueError, TypeError), match="JSON"):
        to_json(Called(id="x", case="x", at=NOW, recorded=NOW, zone=value))


def test_an_instant_that_is_none_is_refused():
    """An attribute with the name of an instant holds one, in a host's types, too."""

    @attrs.frozen(kw_only=True, slots=False)
    class Due(Event):
        type = "Due"
        due: Any = None

    for value in (datetime(2026, 1, 1), "soon"):  # noqa: DTZ001 - the point of the test
        with pytest.raises(InvalidValue, match="time zone"):
            to_json(Due(id="x", case="x", at=NOW, recorded=NOW, due=value))


@given(data=fields)
def test_text_form_is_canonical(data):
    """Equal events have equal texts, so that a checksum can stand for the event."""
    one = Opened(id="D-1#1", case="D-1", at=NOW, recorded=NOW, stage="lead", data=data)
    other = Opened(
        stage="lead", case="D-1", id="D-1#1", recorded=NOW, at=NOW, data=Fields(dict(reversed([*data.items()])))
    )
    assert to_json(one) == to_json(other)
    assert checksum(to_json(one)) == checksum(to_json(other))


def test_zone_does_not_change_the_fact():
    """The same instant in another zone is the same text."""
    there = NOW.astimezone(timezone(timedelta(hours=8)))
    one = Edited(id="x", case="x", at=NOW, recorded=NOW)
    assert to_json(one) == to_json(Edited(id="x", case="x", at=there, recorded=there))


def test_unknown_type_survives():
    """A type of a newer version is kept, attribute by attribute, and written back as it came."""
    text = json.dumps(
        {
            "at": 5,
            "case": "D",
            "colour": {"$$odd": [1]},
            "data": {"a": 1},
            "id": "D#9",
            "recorded": 6,
            "type": "Painted",
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    event = from_json(text)
    assert isinstance(event, Unknown)
    assert (event.named, event.data["a"]) == ("Painted", 1)
    assert to_json(event) == text


def test_host_types_can_be_added():
    """A host's own event type is read as itself when it is made known."""

    class Called(Edited):
        type = "Called"

    event = Called(id="x", case="x", at=NOW, recorded=NOW)
    assert isinstance(from_json(to_json(event), known_types([Called])), Called)


def test_payload_ignores_when_it_was_recorded():
    """A retry later is the same command: only `recorded` may differ."""
    one = Edited(id="x", case="x", at=NOW, recorded=NOW)
    assert payload(one) == payload(Edited(id="x", case="x", at=NOW, recorded=NOW + timedelta(days=1)))
    assert payload(one) != payload(Edited(id="x", case="x", at=NOW + timedelta(days=1), recorded=NOW))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", "null", '{"type": 3}', '{"type": "Moved"}', '{"type":"Edited","id":"x"}',
        '{"type":"Edited","type":"Moved"}', '{"a": NaN, "type": "Edited"}', "[" * 10_000,
        '{"at":1,"case":"x","id":"x","recorded":99999999999999999999999,"type":"Edited"}',
        '{"at":1,"case":"x","data":{"a":{"$mystery":1}},"id":"x","recorded":1,"type":"Edited"}',
        '{"at":1,"case":"x","data":{"a":{"$money":["x","EUR"]}},"id":"x","recorded":1,"type":"Edited"}',
    ],
)  # fmt: skip
def test_damaged_text_is_refused_in_words(text):
    """Whatever is not an event is refused with what is wrong, never with a bare decoding error."""
    with pytest.raises(InvalidValue):
        from_json(text)


def test_naive_instants_are_refused():
    """A fact without a zone is no fact."""
    with pytest.raises(InvalidValue, match="no time zone"):
        Opened(id="x", case="x", at=datetime(2026, 1, 1), recorded=NOW, stage="lead")  # noqa: DTZ001 - the point of the test


def test_fields_cannot_change_and_say_what_they_cannot_hold():
    """A list becomes a tuple; NaN, objects and naive instants are refused by name."""
    assert Fields(a=[1, {"b": 2}])["a"] == (1, Fields(b=2))
    for bad in (float("nan"), object(), datetime(2026, 1, 1), Decimal("inf"), 10**41):  # noqa: DTZ001 - same
        with pytest.raises(InvalidValue, match="field 'a'"):
            Fields(a=bad)
    with pytest.raises(InvalidValue, match="field name"):
        Fields({"": 1})
    deep = {}
    for _ in range(30):
        deep = {"d": deep}
    with pytest.raises(InvalidValue, match="nested deeper"):
        Fields(deep)
    with pytest.raises(InvalidValue, match="does not know"):
        fields_from_json('{"$colour":"red"}')


def test_fields_hash_and_pickle():
    """Fields are values: hashable when their values are, picklable, equal to a plain mapping."""
    import pickle

    one = Fields(a=1, day=date(2026, 1, 1))
    assert pickle.loads(pickle.dumps(one)) == one == {"a": 1, "day": date(2026, 1, 1)}  # noqa: S301 - our own bytes
    assert hash(one) == hash(Fields(day=date(2026, 1, 1), a=1))


def test_moved_carries_its_interval():
    """A move names the stay that it ends."""
    event = Moved(id="x", case="x", at=NOW, recorded=NOW, move="m", origin="a", entered=NOW, held_by="w", stage="b")
    assert from_json(to_json(event)) == event


@given(data=fields)
def test_fields_alone_round_trip(data):
    """Records are kept as the text of their fields."""
    assert fields_from_json(fields_to_json(data)) == data


@pytest.mark.parametrize("text", ["", "[1]", "3", '{"a":NaN}'])
def test_what_are_no_fields(text):
    """A text that is no object is refused in words."""
    with pytest.raises(InvalidValue, match="stored fields"):
        fields_from_json(text)
