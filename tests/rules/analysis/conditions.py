"""Conditions of every kind over the schema of `tabled`, at random; and what records say of them."""

from hypothesis import strategies as st
from tabled import ORDERED, POOLS, SCHEMA

from crmkit.rules._compile import Vocabulary
from crmkit.rules.feel import evaluate, parse

VERDICTS = (True, False, None)
#: Conditions that compare more than one field with literals, or more than compare.
CROSS = (
    "amount > days", "amount + days * 2 >= 10", "amount * (1 - days) < 5", "amount * days = 20", "amount / 8 < days",
    "days / 3 > 1", "amount / days >= 2", "amount ** 2 > 50", "days * days = 9", "rate * 2 > 0.3", "rate + 0.1 = 0.3",
    "rate / 3 < days", "-amount < -20", "(if vip then 10 else days) > 5", "vip = (amount > 5)", "vip != (days > 1)",
    'day - @"2026-01-31" > wait', 'at + wait > @"2026-03-01T14:00:00Z"', 'day + wait >= @"2026-02-01"',
    'clock - @"09:00:00" > wait', 'at - day > @"P1D"', 'wait + wait > @"P1D"', 'term + term > @"P1Y"',
    'starts with(name, "a")', 'ends with(name, "b")', 'contains(name, "o")', "string length(name) > 3", 'name < "b"',
    "name = tier", "amount in [days..50]", "days in (amount, 3)", "days in [amount..rate]", 'upper case(name) = "ANN"',
    "floor(amount) = 10", "amount ** days > 4", "day.year = 2026", "some x in days satisfies x > 1",
    "if vip then amount else days > 3", "amount in (? > days and ? < 50)", 'name in (? in (? = "ann"))',
    "(if vip then rate else days) > 0.2", "(if vip then null else days) > 2", "vip = null", 'day + @"P1M" > day',
    'wait * 2 > @"PT4H"', "amount ** 0.5 > 2", "(if vip then amount else days) = 3",
)  # fmt: skip


def read(text):
    """A condition as a tree."""
    return parse(text, Vocabulary.of(SCHEMA).names)


@st.composite
def atoms(draw):
    """A condition on one field, which boxes express."""
    name = draw(st.sampled_from(sorted(POOLS)))
    literals = st.sampled_from(POOLS[name][0])
    one, two = draw(literals), draw(literals)
    forms = [f"{name} = {one}", f"{name} != {one}", f"{name} in ({one}, {two})", f"{name} in [{one}, {two}]",
             f"{name} = null", f"not({name} = {one})", f"some x in [{one}, {two}] satisfies {name} = x",
             f"every x in [{one}, {two}] satisfies {name} != x"]  # fmt: skip
    if name in ORDERED:
        forms += [f"{name} < {one}", f"{one} <= {name}", f"{name} between {one} and {two}", f"{name} in (< {one}, {two})",
                  f"{name} in ({one}..{two}]", f"{name} in (? > {one} and ? <= {two})"]  # fmt: skip
    if name == "vip":
        forms += ["vip", "not(vip)"]
    return draw(st.sampled_from(forms))


def conditions(leaves):
    """Conditions joined."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: f"({two[0]} and {two[1]})"),
            st.tuples(inner, inner).map(lambda two: f"({two[0]} or {two[1]})"),
            inner.map(lambda one: f"not({one})"),
            st.tuples(inner, inner, inner).map(lambda three: "(if {} then {} else {})".format(*three)),
        ),
        max_leaves=4,
    )


PLAIN = conditions(atoms())
ANY = conditions(st.one_of(atoms(), st.sampled_from(CROSS)))


def demands(count):
    """What some of the conditions are to say."""
    said = st.sets(st.sampled_from(VERDICTS), min_size=1, max_size=2)
    return st.dictionaries(st.integers(0, count - 1), said, min_size=1)


def says(node, record):
    """What a condition says of a record."""
    found = evaluate(node, SCHEMA.read(record)).value
    return found if isinstance(found, bool) else None


def meets(nodes, record, demand):
    """Whether conditions say of a record what is asked for."""
    return all(says(nodes[one], record) in said for one, said in demand.items())
