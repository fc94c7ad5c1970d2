"""One meaning: the interpreter, the generated functions and the columns say the same of every rule and every record."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InvalidValue, NotFound
from crmkit.rules._compile import Vocabulary, check, compiled, fused
from crmkit.rules._vectors import judge
from crmkit.rules.columns import Columns
from crmkit.rules.feel._values import UNKNOWN, YearsMonths
from crmkit.rules.schema import Field, Schema

BERLIN = ZoneInfo("Europe/Berlin")
STAGES = ("lead", "won", "lost")
ITEM = [
    Field("sku"),
    Field("qty", "integer"),
    Field("price", "decimal", nullable=True),
    Field("weight", "float"),
    Field("kind", values=["a", "b"], nullable=True),
    Field("open", "boolean"),
]


def pair(name, kind, **options):
    """A field, and another of its kind that may be empty."""
    return [Field(name, kind, **options), Field(f"{name}2", kind, nullable=True, **options)]


SCHEMA = Schema(
    [
        *pair("amount", "decimal"),
        *pair("count of calls", "integer", labels=None or {}),
        *pair("ratio", "float"),
        *pair("name", "string"),
        *pair("stage", "string", values=STAGES),
        *pair("active", "boolean"),
        *pair("day", "date"),
        *pair("at", "date and time"),
        *pair("clock", "time"),
        *pair("spent", "days and time duration"),
        *pair("term", "years and months duration"),
        *pair("items", "list", fields=ITEM),
        *pair("tags", "list", item="string"),
        Field("owner", "context", fields=[Field("level", "integer"), Field("mail", nullable=True)], nullable=True),
        Field("price", "decimal", labels={"zh": "单价", "en": "unit price"}),
    ]
)
VOCABULARY = Vocabulary.of(SCHEMA)

NUMBERS = ("-2", "-1", "0", "0.1", "0.3", "1", "2", "2.50", "7", "9007199254740993", "1e30", "-0.000000000000000000001")
TEXTS = ('""', '"a"', '"ab"', '"Ä"', '"won"', '"abc"')
DAYS = ('@"2026-01-31"', '@"2026-02-28"', '@"2024-02-29"')
MOMENTS = ('@"2026-10-25T02:30:00+02:00"', '@"2026-10-25T02:30:00@Europe/Berlin"', '@"2026-01-01T00:00:00Z"')
CLOCKS = ('@"08:00:00"', '@"23:59:59Z"', '@"08:00:00+02:00"')
LENGTHS = ('@"P1D"', '@"PT36H"', '@"-PT1S"')
TERMS = ('@"P1Y"', '@"P14M"', '@"-P1M"')
LITERALS = {
    "number": NUMBERS, "string": TEXTS, "day": DAYS, "moment": MOMENTS, "clock": CLOCKS, "length": LENGTHS, "term": TERMS,
    "stage": ('"lead"', '"won"', '"lost"'), "boolean": ("true", "false"), "float": NUMBERS,
}  # fmt: skip
NAMES = {
    "number": ("amount", "amount2", "count of calls", "count of calls2", "price", "单价", "unit price", "owner.level",
               "count(items)", "count(items2)", "string length(name2)", "day.year"),
    "float": ("ratio", "ratio2", "count of calls", "count of calls2"),
    "string": ("name", "name2", "owner.mail"), "stage": ("stage", "stage2"), "boolean": ("active", "active2"),
    "day": ("day", "day2"), "moment": ("at", "at2"), "clock": ("clock", "clock2"), "length": ("spent", "spent2"),
    "term": ("term", "term2"),
}  # fmt: skip
OF_ITEM = {
    "number": ("i.qty", "i.price"), "float": ("i.weight", "i.qty"), "string": ("i.sku",), "stage": (), "boolean": ("i.open",),
}  # fmt: skip
ORDERED = ("number", "float", "string", "day", "moment", "clock", "length", "term")


class Texts:
    """Well-typed texts: `inside` says whether an item `i` of a list is at hand."""

    def __init__(self, draw, *, inside=False):
        self.draw, self.inside = draw, inside

    def one_of(self, options):
        """One of some texts."""
        return self.draw(st.sampled_from(options))

    def name(self, of):
        """A field, or a member of the item at hand."""
        names = NAMES[of] + (OF_ITEM.get(of, ()) * 3 if self.inside else ())
        return self.one_of(names)

    def value(self, of, depth=2):
        """An expression of a kind."""
        how = self.draw(st.integers(0, 9))
        if how < 4 or depth == 0:
            return self.name(of)
        if how < 6:
            return self.one_of(LITERALS[of])
        if how < 7:
            return (
                f"(if {self.condition(0)} then {self.value(of, depth - 1)} else {self.one_of((self.name(of), 'null'))})"
            )
        return self.computed(of, depth - 1)

    def computed(self, of, depth):
        """An expression that is computed."""
        x, y = self.value(of, depth), self.value(of, depth)
        match of:
            case "number" | "float":
                form = self.one_of(("({x} + {y})", "({x} - {y})", "({x} * {y})", "({x} / {y})", "-({x})"))
            case "string":
                form = self.one_of(("({x} + {y})", "upper case({x})", "lower case({x})", "substring({x}, 2)"))
            case "day":
                form = self.one_of(('({x} + @"P1D")', '({x} - @"P1M")'))
            case "moment":
                form = self.one_of(('({x} + @"PT1H")', '({x} - @"P1Y")'))
            case "length":
                a, b = self.value("moment", 0), self.value("moment", 0)
                form = self.one_of(("({x} + {y})", "({x} - {y})", "({x} * 2)", f"({a} - {b})", "(day2 - day)"))
            case "term":
                form = self.one_of(("({x} + {y})", "({x} - {y})"))
            case _:
                form = "{x}"
        return form.format(x=x, y=y)

    def condition(self, depth=2):
        """A boolean expression."""
        ways = [self.comparison, self.test, self.atom]
        if depth > 0:
            ways += [self.junction, self.choice, self.quantifier, self.between]
        return self.one_of(ways)(depth - 1)

    def comparison(self, _depth):
        """Two values compared."""
        of = self.one_of((*ORDERED, "stage", "boolean"))
        op = self.one_of(("=", "!=", "<", "<=", ">", ">=") if of in ORDERED else ("=", "!="))
        left = self.value(of)
        right = "null" if op in {"=", "!="} and self.draw(st.integers(0, 5)) == 0 else self.value(of)
        return f"{left} {op} {right}"

    def test(self, _depth):
        """A value in tests."""
        of = self.one_of((*ORDERED, "stage"))
        tests = [self.one_test(of) for _ in range(self.draw(st.integers(1, 3)))]
        if self.draw(st.booleans()):
            return f"{self.value(of, 1)} in ({', '.join(tests)})"
        # In a list there are values, and ranges of values.
        plain = [f"({test})" if test.startswith(("<", ">")) else test for test in tests]
        return f"{self.value(of, 1)} in [{', '.join(test for test in plain if ', ' not in test)}]"

    def one_test(self, of):
        """One test of a value of a kind."""
        x, y = self.value(of, 0), self.value(of, 0)
        if of in ORDERED:
            return self.one_of((x, f"< {x}", f">= {x}", f"[{x}..{y}]", f"({x}..{y})", f"[{x}, {y}]", "null"))
        return self.one_of((self.one_of(LITERALS[of]), self.one_of(LITERALS[of]), "null"))

    def atom(self, _depth):
        """A flag, a question about a text or a list."""
        x, y = self.value("string", 1), self.value("string", 1)
        return self.one_of((
            self.name("boolean"), "true", f"contains({x}, {y})", f"starts with({x}, {y})", f"ends with({x}, {y})",
            f"not({self.name('boolean')})", f"list contains(tags, {x})", f"list contains(tags2, {x})", f"{x} in tags",
            "sum(items.qty) > 2", "items = null", "owner = null", "tags = tags2", "owner.mail != null",
            f"max({self.value('number', 0)}, {self.value('number', 0)}) > 1", "null",
        ))  # fmt: skip

    def junction(self, depth):
        """And, or, not."""
        parts = [f"({self.condition(depth)})" for _ in range(self.draw(st.integers(2, 3)))]
        return self.one_of((" and ".join(parts), " or ".join(parts), f"not({parts[0]})"))

    def choice(self, depth):
        """A condition by a condition."""
        other = self.one_of((self.condition(depth), "null"))
        return f"if {self.condition(depth)} then {self.condition(depth)} else {other}"

    def between(self, _depth):
        """A value between two."""
        of = self.one_of(ORDERED)
        return f"{self.value(of, 1)} between {self.value(of, 0)} and {self.value(of, 0)}"

    def quantifier(self, depth):
        """Some or every item."""
        word = self.one_of(("some", "every"))
        if self.draw(st.booleans()):
            source = self.one_of(("items", "items2", "items[qty > 1]"))
            return f"({word} i in {source} satisfies {Texts(self.draw, inside=True).condition(depth)})"
        return f"({word} x in {self.one_of(('tags', 'tags2'))} satisfies x {self.one_of(('=', '<'))} {self.value('string', 0)})"


@st.composite
def texts(draw):
    """A well-typed condition."""
    return Texts(draw).condition()


decimals = st.sampled_from(
    [Decimal(text) for text in (*NUMBERS, "2.5", "0.30000000000000000000000000000000000001", "-0")]
)
integers = st.sampled_from([-2, -1, 0, 1, 2, 7, 9007199254740993, 2**63, -(2**63), 10**40])
floats = st.sampled_from([-2.0, -0.0, 0.1, 0.1 + 0.2, 0.3, 1.0, 2.5, 7.0, 9007199254740992.0, 1e308, -1e308])
words = st.sampled_from(["", "a", "ab", "abc", "Ä", "ä", "won", "ß"])
days = st.sampled_from([date(2026, 1, 31), date(2026, 2, 28), date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)])
_FOLD = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
moments = st.sampled_from(
    [
        _FOLD,
        _FOLD.replace(fold=1),
        _FOLD.replace(tzinfo=None),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    ]
)
clocks = st.sampled_from([time(8), time(23, 59, 59, tzinfo=UTC), time(8, tzinfo=UTC), time(8, 0, 1)])
lengths = st.sampled_from([timedelta(days=1), timedelta(hours=36), timedelta(seconds=-1), timedelta(0), timedelta.max])
terms = st.sampled_from([YearsMonths(n) for n in (-1, 0, 12, 14, 10**20)])
maybe = lambda of: st.none() | of
items = st.fixed_dictionaries({
    "sku": words, "qty": integers, "price": maybe(decimals), "weight": floats, "kind": maybe(st.sampled_from("ab")),
    "open": st.booleans(),
})  # fmt: skip
PLAIN = {
    "amount": decimals, "count of calls": integers, "ratio": floats, "name": words, "stage": st.sampled_from(STAGES),
    "active": st.booleans(), "day": days, "at": moments, "clock": clocks, "spent": lengths, "term": terms,
    "items": st.lists(items, max_size=3), "tags": st.lists(words, max_size=3),
}  # fmt: skip
records = st.fixed_dictionaries({
    **PLAIN,
    **{f"{name}2": maybe(strategy) for name, strategy in PLAIN.items()},
    "owner": maybe(st.fixed_dictionaries({"level": integers, "mail": maybe(words)})),
    "price": decimals,
})  # fmt: skip


def read(text):
    """The text checked; what the checker refuses as always true or false is passed over."""
    try:
        return check(text, VOCABULARY, where="rule", boolean=True)
    except DefinitionErrors as group:
        wrong = [
            str(error) for error in group.exceptions if error.code not in {"constant", "null", "number-kind", "range"}
        ]
    if wrong:
        pytest.fail(f"{text}: {wrong}")
    return assume(False)


def verdicts(checked, rows):
    """What each evaluator says of each record."""
    one, both = compiled(checked), fused([checked, checked])
    (true, false), *_ = judge([checked], Columns.from_records(rows, SCHEMA))
    for row, record in enumerate(rows):
        value = checked.interpret(SCHEMA.read(record)).value
        yield (
            record,
            {
                "interpreter": value if isinstance(value, bool) else None,
                "function": one(record),
                "fused": both(record)[0],
                "fused, second": both(record)[1],
                "columns": True if true[row] else False if false[row] else None,
            },
        )


@settings(deadline=None, max_examples=200)
@given(texts(), st.lists(records, min_size=1, max_size=4))
def test_all_evaluators_agree(text, rows):
    """Interpreter, function, fused function and columns give one verdict for every record."""
    for record, said in verdicts(read(text), rows):
        assert len({repr(value) for value in said.values()}) == 1, (text, record, said)


WRONG = {
    "amount": (True, "1", 1j, float("nan"), Decimal("NaN"), Decimal("Infinity"), [], object(), None),
    "count of calls": (True, 2.5, Decimal("0.5"), "1", float("inf"), {}, None),
    "ratio": (True, "1", float("nan"), float("inf"), Decimal("sNaN"), np.float64("nan"), 10**400, None),
    "name": (1, b"a", ["a"], {}, None),
    "stage": ("bogus", 1, ["lead"], {}, None),
    "active": (1, 0.0, "true", np.int64(1), None),
    "day": (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01", 1, None),
    "at": (date(2026, 1, 1), time(8), 0, None),
    "clock": (timedelta(hours=8), "08:00", None),
    "spent": (1, YearsMonths(1), None),
    "term": (1, timedelta(1), None),
    "items": (1, "ab", [1], [{"sku": "a"}], [None], None),
    "tags": (1, [1], [None], None),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_record_is_refused_by_all_evaluators(name):
    """A value that its field cannot hold is an InvalidValue or NotFound from each of them, and nothing else."""
    rule = (
        f"{name} = {name} and {name} != null"
        if name not in {"items", "tags"}
        else f"some i in {name} satisfies {WHAT[name]}"
    )
    checked = check(rule, VOCABULARY, boolean=True)
    for wrong in WRONG[name]:
        record = {**FINE, name: wrong}
        for refuse in (
            SCHEMA.read,
            compiled(checked),
            fused([checked, checked]),
            lambda r: Columns.from_records([r], SCHEMA),
        ):
            with pytest.raises((InvalidValue, NotFound)):
                refuse(record)


WHAT = {"items": "i.qty > 0", "tags": 'i = "a"'}
ONE = {"sku": "a", "qty": 1, "price": None, "weight": 0.5, "kind": "a", "open": True}
FINE = {
    "amount": Decimal(1), "count of calls": 2, "ratio": 0.5, "name": "a", "stage": "won", "active": True,
    "day": date(2026, 1, 31), "at": _FOLD, "clock": time(8), "spent": timedelta(1), "term": YearsMonths(1),
    "items": [ONE], "tags": ["a"], "price": Decimal(3),
}  # fmt: skip


@pytest.mark.parametrize("record", [None, 1, "ab", [], object()])
def test_what_is_no_record_is_refused(record):
    """Something without names and values is an InvalidValue from every evaluator."""
    checked = check("amount > 1", VOCABULARY, boolean=True)
    for refuse in (SCHEMA.read, compiled(checked), fused([checked]), lambda r: Columns.from_records([r], SCHEMA)):
        with pytest.raises(InvalidValue):
            refuse(record)


@pytest.mark.parametrize("name", [field.name for field in SCHEMA.fields if not field.nullable])
def test_a_missing_field_is_refused(name):
    """A field that must be there and is not is NotFound from the functions; a nullable one is null."""
    record = {key: value for key, value in FINE.items() if key != name}
    checked = check(f"{name} != null", VOCABULARY, boolean=True)
    with pytest.raises(NotFound):
        compiled(checked)(record)
    assert compiled(check("amount2 = null", VOCABULARY, boolean=True))(FINE) is True


class Stage(Enum):
    """Stages as a host has them."""

    WON = "won"


class Named(str):
    """A text of a class of its own."""

    __slots__ = ()


ALIKE = [
    ("amount = 0.1", "amount", (0.1, np.float64(0.1), Decimal("0.10"))),
    ("amount > 0.3", "amount", (1, 0.5, np.int64(1), np.float32(0.5), Decimal("0.5"))),
    ("count of calls * count of calls = 9", "count of calls", (3, 3.0, Decimal(3), np.int32(3))),
    ("ratio * 2 = 1", "ratio", (0.5, Decimal("0.5"), np.float32(0.5))),
    ("ratio = 3", "ratio", (3, 3.0, np.int8(3), Decimal(3))),
    ('stage = "won"', "stage", ("won", Stage.WON, Named("won"), np.str_("won"))),
    ('name in ("a", "b")', "name", ("a", Named("a"), np.str_("a"))),
    ("active", "active", (True, np.bool_(True))),
    ("some i in items satisfies i.qty > 0 and i.weight > 0", "items", ([ONE], (ONE,), [{**ONE, "weight": 1}], ONE)),
    ('every i in tags satisfies i = "a"', "tags", (["a"], ("a",), {"a"}, [Named("a")], "a")),
    ("owner.level > 3 and owner.mail = null", "owner", ({"level": 4}, {"level": 4.0, "mail": None, "more": 1})),
]


@pytest.mark.parametrize(("text", "name", "values"), ALIKE)
def test_all_forms_of_a_value_are_one(text, name, values):
    """What the host calls it, an enum, numpy's own, a float for a decimal, does not change the verdict."""
    checked = check(text, VOCABULARY, boolean=True)
    rows = [{**FINE, name: value} for value in values]
    for _record, said in verdicts(checked, rows):
        assert set(said.values()) == {True}, said


@settings(deadline=None, max_examples=100)
@given(texts(), records, st.data())
def test_filling_in_a_field_never_changes_a_verdict(text, record, data):
    """What is true or false while fields are not known stays so when they are."""
    checked = read(text)
    whole = checked.interpret(SCHEMA.read(record)).value
    known = data.draw(st.sets(st.sampled_from(sorted(record))))
    part = checked.interpret(SCHEMA.read({name: record[name] for name in known}, partial=True)).value
    assert part in (UNKNOWN, None) or part is whole, (text, record, known, part, whole)


@settings(deadline=None, max_examples=50)
@given(records)
def test_reading_twice_is_reading_once(record):
    """What a record reads as is a record that reads as itself."""
    once = SCHEMA.read(record)
    assert SCHEMA.read(once) == once
