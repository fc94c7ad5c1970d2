"""Where the parts of a TOML text stand, measured against what tomllib reads."""

import re
import sys
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.pipeline._places import Places, scanned
from crmkit.testing.pipelines import pipelines

KEYS = st.sampled_from(["a", "b-1", "1", "é", "a.b", "", "a b", "#", '"', "]", "a]]", "中文"]) | st.text(max_size=4)
SINGLE = st.sampled_from([
    "1", "-1_000", "1.5e3", "inf", "true", "2026-03-02", "2026-03-02 09:00:00", "2026-03-02T09:00:00+08:00", "09:00:00",
    '"a"', '"]"', '"a\\"b # no comment"', "'c:\\'", '""', "''", '"""a\n"b" ""c"""', "'''\nx = 1\n'''", '""""two"""""',
    "''''one''''", '"""\\\n   a"""',
])  # fmt: skip
BLANKS = st.sampled_from(["", " ", "\t", "  "])
LINES = st.sampled_from(["", "\n", " # a = 1, [x]\n", "\n\n  "])


def bare(key):
    """A key without quotes, where it can be."""
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else quoted(key)


def quoted(key):
    """A key in quotes."""
    letters = (f"\\U{ord(letter):08x}" if letter in '"\\' or not letter.isprintable() else letter for letter in key)
    return '"' + "".join(letters) + '"'


@st.composite
def values(draw, depth=0):
    """A value as text: a single one, a list over several lines, an inline table."""
    kind = draw(st.integers(0, 5 if depth < 3 else 2))
    if kind < 3:
        return draw(SINGLE)
    if kind < 5:
        items = [draw(LINES) + draw(values(depth + 1)) + draw(LINES) for _ in range(draw(st.integers(0, 3)))]
        return "[" + ",".join(items) + draw(st.sampled_from([",", ""]) if items else st.just("")) + draw(LINES) + "]"
    keys = draw(st.lists(KEYS, max_size=3, unique=True))
    return "{" + ", ".join(f"{draw(spelling(key))} = {draw(values(depth + 1))}" for key in keys) + "}"


def spelling(key):
    """One of the ways to write a key."""
    return st.sampled_from([bare(key), quoted(key)])


@st.composite
def documents(draw):
    """A document: lines, dotted keys, tables, arrays of tables; whatever tomllib does not take is left out."""
    text, ends = "", draw(st.sampled_from(["\n", "\r\n"]))
    for _ in range(draw(st.integers(1, 8))):
        name = (draw(BLANKS) + "." + draw(BLANKS)).join(
            draw(spelling(key)) for key in draw(st.lists(KEYS, min_size=1, max_size=3))
        )
        line = draw(st.sampled_from(["[{}]", "[[{}]]", " [[ {} ]] # [b]", "{}"])).replace("{}", name)
        if not line.strip().startswith("["):
            line = f"{draw(BLANKS)}{line}{draw(BLANKS)}={draw(BLANKS)}{draw(values())}"
        if parsed(text + line + "\n") is not None:
            text += line + "\n" + draw(LINES).rstrip(" ")
    return text.replace("\n", ends) if parsed(text.replace("\n", ends)) is not None else text


def parsed(text):
    """What tomllib reads; None if it does not."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def paths(value, path=()):
    """Every path of plain data with what is there."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in parts:
        yield (*path, key), item
        yield from paths(item, (*path, key))


def is_key(text, key):
    """Whether a text begins with a key."""
    tokens = (text[:end] for end in range(1, min(len(text), 60) + 1))
    return any(parsed(f"{token} = 0") == {key: 0} for token in tokens if "=" not in token or token[0] in "\"'")


@settings(deadline=None, max_examples=150)
@given(documents())
def test_every_path_has_a_place_and_its_key_stands_there(text):
    """Each path that tomllib reads leads to a spot; there stands its key, or the item, or the header of its table."""
    plain, text = tomllib.loads(text), text.replace("\r\n", "\n")
    root = scanned(text)
    for path, item in paths(plain):
        spot, above = root, root
        for step in path:
            spot, above = spot.inside[step], spot
        rest = text[spot.start :]
        if isinstance(path[-1], str):
            assert is_key(rest, path[-1]), (path, rest)
        elif above.tables:
            assert is_key(rest, path[-2]), (path, rest)
        else:
            ends = range(1, len(rest) + 1)
            assert any(str(parsed(f"x = {rest[:end]}")) == str({"x": item}) for end in ends), (path, rest)


@settings(deadline=None, max_examples=20)
@given(pipelines())
def test_places_of_what_we_write(pipeline):
    """In the TOML of any pipeline every stage, move and approval is found by its name."""
    text = pipeline.to_toml()
    places = Places(text, tomllib.loads(text))
    lines = text.split("\n")
    for where, key in [
        *((f"stages[{stage.name!r}].name", "name") for stage in pipeline.stages),
        *((f"approvals[{one.name!r}].panels[0].people", "people") for one in pipeline.approvals),
        *((f"clocks[{one.name!r}].stop", "stop") for one in pipeline.clocks),
    ]:
        line, column = places.of(where)
        assert lines[line - 1][column - 1 :].startswith(key), where
    for stage, moves in pipeline.moves.items():
        for name in moves:
            line, column = places.of(f"moves[{stage!r}][{name!r}]")
            assert is_key(lines[line - 1][column - 1 :], name)


TEXT = """\
name = "x" # a name
stages = [
    "lead",
    { name = "a b", limit = "soon" },
]
moves.lead = { go = "won" }
[[clocks]]
name = "first"
  [[clocks]]
  name = "second"
  "stop" = "a > 1"
"""


@pytest.mark.parametrize(("where", "place"), [
    ("name", (1, 1)),
    ("stages", (2, 1)),
    ("stages[0]", (3, 5)),
    ("stages['lead']", (3, 5)),
    ("stages['a b'].limit", (4, 21)),
    ("stages['a b'].outcome", (4, 5)),
    ("moves['lead']['go'].to", (6, 16)),
    ("moves['laed']", (6, 1)),
    ("clocks['second'].stop", (11, 3)),
    ("clocks[0].name", (8, 1)),
    ("clocks[7]", (7, 3)),
    ("", (1, 1)),
    ("nothing of the kind", (1, 1)),
])  # fmt: skip
def test_the_place_of_a_where(where, place):
    """Names in brackets are keys, or items of a list; what is not there has the place of what is around it."""
    assert Places(TEXT, tomllib.loads(TEXT)).of(where) == place


def test_no_depth_and_no_length_is_too_much():
    """Deep nesting does not fill the stack, and a long dotted key does not take the square of its length."""
    deep = sys.getrecursionlimit() * 20
    spot = scanned("a = " + "[" * deep + "]" * deep + "\nb." + "c." * 100_000 + "d = 1\n")
    assert [*spot.inside] == ["a", "b"]
