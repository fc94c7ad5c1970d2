"""Decision tables of every kind, at random, and the records to try them on."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from itertools import product

from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors
from crmkit.rules._boxed import BOXED, HIT_POLICIES, matches
from crmkit.rules.feel._run import Run, Scope, World
from crmkit.rules.feel._values import YearsMonths
from crmkit.rules.schema import Field, Schema
from crmkit.rules.table import DecisionTable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEMA = Schema([
    Field("amount", "decimal", low=0, high=100, nullable=True),
    Field("days", "integer", low=-3),
    Field("rate", "float", nullable=True),
    Field("tier", values=["gold", "silver", "bronze"], nullable=True),
    Field("months", "integer", values=[3, 6, 12]),
    Field("name", nullable=True),
    Field("vip", "boolean", nullable=True),
    Field("day", "date", nullable=True),
    Field("at", "date and time"),
    Field("clock", "time"),
    Field("wait", "days and time duration"),
    Field("term", "years and months duration"),
])  # fmt: skip
#: For each field the literals of its cells, and the values of its records.
POOLS = {
    "amount": (["0", "10", "10.5", "50", "100"], [Decimal(n) for n in (0, 5, 10, "10.2", "10.5", 20, 50, 70, 100)]),
    "days": (["-2", "-1", "0", "2.5", "3", "7"], [-3, -2, -1, 0, 1, 2, 3, 4, 7, 9]),
    "rate": (["-0.5", "0", "0.1", "0.3"], [-1.0, -0.5, -0.1, 0.0, 0.1, 0.2, 0.3, 0.30000000000000004, 7.5]),
    "tier": (['"gold"', '"silver"', '"bronze"'], ["gold", "silver", "bronze"]),
    "months": (["3", "6", "12"], [3, 6, 12]),
    "name": (['"ann"', '"bob"', '"any other"', '"a\\"b"'], ["ann", "bob", "any other", 'a"b', "carl", ""]),
    "vip": (["true", "false"], [True, False]),
    "day": (
        ['@"2026-01-31"', '@"2026-02-01"', '@"2026-06-30"'],
        [date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1), date(2026, 3, 1), date(2026, 6, 30), date(2027, 1, 1)],
    ),
    "at": (
        ['@"2026-03-01T12:00:00Z"', '@"2026-03-01T14:00:00+01:00"', '@"2026-03-02T00:00:00@Asia/Shanghai"'],
        [NOON + timedelta(hours=hours) for hours in (-1, 0, 0.5, 1, 2, 4, 9)],
    ),
    "clock": (['@"09:00:00"', '@"17:30:00"'], [time(8), time(9), time(12), time(17, 30), time(23)]),
    "wait": (['@"PT0S"', '@"PT4H"', '@"P1D"'], [timedelta(hours=n) for n in (-1, 0, 2, 4, 8, 24, 99)]),
    "term": (['@"P6M"', '@"P1Y"', '@"P1Y1M"'], [YearsMonths(n) for n in (0, 6, 7, 12, 13, 30)]),
}  # fmt: skip
ORDERED = frozenset(POOLS) - {"tier", "months", "name", "vip"}
#: Cells that compare with something else than literals.
OPAQUE = {
    "amount": ["< days", "? * 2 > 30"],
    "days": ["> amount"],
    "name": ['starts with(?, "a")', '< "b"'],
    "rate": ["[0..rate]"],
}


@cache
def usable(name, text):
    """Whether a column may have this cell: some value passes it, and the checker takes it."""
    try:
        DecisionTable("t", SCHEMA, [name], [Field("o")], [[text, '"x"']])
    except DefinitionErrors:
        return False
    return True


@st.composite
def cells(draw, name, *, opaque=False):
    """The text of a cell that some value of its column passes."""
    literals = st.sampled_from(POOLS[name][0])
    one, two = draw(literals), draw(literals)
    forms = [
        "-",
        "",
        one,
        f"{one}, {two}",
        f"not({one})",
        f"not({one}, {two})",
        f"? = {one}",
        "null",
        "not(null)",
        f"null, {one}",
    ]
    if name in ORDERED:
        forms += [
            f"< {one}",
            f">= {one}",
            f"[{one}..{two}]",
            f"({one}..{two})",
            f"[{one}..{two}), {two}",
            f"not(> {one})",
        ]
        forms += [
            f"? > {one} and ? <= {two}",
            f"? in (< {one}, {two})",
            f"? between {one} and {two}",
            f"<= {one}, > {two}",
        ]
    if opaque:
        forms += OPAQUE.get(name, [])
    text = draw(st.sampled_from(forms))
    return text if usable(name, text) else "-"


@st.composite
def inputs(draw, most=3):
    """A few different fields."""
    return draw(st.lists(st.sampled_from(sorted(POOLS)), min_size=1, max_size=most, unique=True))


RANKED = Field("who", values=["nobody", "rep", "manager"])


@st.composite
def tables(draw, *, columns=None, policies=HIT_POLICIES, opaque=False, computed=False, defaults=None, most=6):
    """A table of some fields."""
    names = draw(inputs()) if columns is None else columns
    policy = draw(st.sampled_from(policies))
    sums = policy in {"C+", "C<", "C>"}
    outputs = (
        [Field("points", "decimal")]
        if sums
        else [RANKED, *draw(st.sampled_from([[], [Field("n", "decimal", values=[1, 2])]]))]
    )
    numbers = ["1", "2", *(["days + 1", "amount"] if computed and sums else [])]
    texts = ['"nobody"', '"rep"', '"manager"', *(['if vip then "rep" else "manager"'] if computed else [])]
    results = st.tuples(*(st.sampled_from(texts if output is RANKED else numbers) for output in outputs))
    row = st.tuples(*(cells(name, opaque=opaque) for name in names))
    rows = draw(st.lists(st.tuples(row, results), min_size=1, max_size=most))
    given = draw(results) if (draw(st.booleans()) if defaults is None else defaults) else ()
    return DecisionTable("t", SCHEMA, names, outputs, [[*a, *b] for a, b in rows], policy=policy, defaults=given)


@st.composite
def records(draw):
    """A record of the schema; what may be empty sometimes is, or is not there."""
    made = {}
    for field in SCHEMA.fields:
        values = st.sampled_from(POOLS[field.name][1])
        value = draw(values | st.none() if field.nullable else values)
        if value is not None or draw(st.booleans()):
            made[field.name] = value
    return made


def matching(table, values):
    """The rows that match, by the interpreter."""
    run = Run(World(), BOXED)
    found = matches(
        run,
        DecisionTable("t", table.schema, table.inputs, table.outputs, table.rows, policy="C#").node
        if table.policy == "F"
        else table.node,
        Scope(values),
    )
    return found[0]


def points(laid):
    """All points of a grid, each with a record that stands for it."""
    names = [one.label for one in laid.columns]
    for point in product(*(range(len(one.cells)) for one in laid.columns)):
        yield point, {name: one.cells[cell].value for name, one, cell in zip(names, laid.columns, point, strict=True)}


def holds(box, point):
    """Whether a box holds a point."""
    return all(side >> cell & 1 for side, cell in zip(box, point, strict=True))
