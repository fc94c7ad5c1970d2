"""The rule sets that ship: every table complete and free of contradictions, every rule able to be kept and broken."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from crmkit.errors import NotFound
from crmkit.rules._boxed import BOXED, matches
from crmkit.rules.analysis import analyse
from crmkit.rules.analysis._layout import layout
from crmkit.rules.catalogue import catalogue, load
from crmkit.rules.codec import from_json, to_json
from crmkit.rules.feel._run import Run, Scope, World

SAMPLES = {
    "decimal": [Decimal(n) for n in ("-0.1", "0", "0.05", "0.15", "0.25", "1", "5", "30", "150000")],
    "integer": [0, 1, 3, 7, 90],
    "string": ["", "ann@example.org", "no address", "long enough a reason"],
    "boolean": [True, False],
    "date": [date(2026, 1, 1), date(2026, 2, 1), date(2027, 1, 1)],
    "date and time": [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 9)],
    "days and time duration": [timedelta(0), timedelta(hours=2), timedelta(days=3)],
}

SETS = [load(name) for name in catalogue()]
RULES = [(rules, one) for rules in SETS for one in rules.rules]
TABLES = [(rules, table) for rules in SETS for table in rules.tables]


def samples(field):
    """Some values of a field."""
    low, high = field.bounds
    inside = [v for v in SAMPLES.get(field.kind, ()) if (low is None or v >= low) and (high is None or v <= high)]
    values = [*field.values] or inside
    return [*values, None] if field.nullable else values


def verdicts(rules, one):
    """What a rule says of records of samples."""
    read = rules.checked[one.name].fields
    fixed = {field.name: samples(field)[0] for field in rules.schema.fields}
    decide = rules.function(one.name)
    for values in product(*(samples(rules.schema.field(name)) for name in read)):
        yield decide({**fixed, **dict(zip(read, values, strict=True))})


def test_the_catalogue_is_whole():
    """Each of the rule sets loads, under its own name, and what is not there is told with what is."""
    assert [rules.name for rules in SETS] == [*catalogue()]
    assert list(catalogue()) == sorted(catalogue())
    assert len(SETS) == 9
    with pytest.raises(NotFound, match="did you mean 'sla'"):
        load("slaa")


@pytest.mark.parametrize(("rules", "one"), RULES, ids=lambda of: of.name)
def test_every_rule_can_be_kept_and_broken(rules, one):
    """For each rule there is a record that keeps it and one that does not."""
    assert {True, False} <= set(verdicts(rules, one))


@pytest.mark.parametrize(("rules", "one"), RULES, ids=lambda of: of.name)
def test_every_rule_speaks_two_languages_and_names_its_source(rules, one):
    """Each rule says in English and Chinese what it asks for, and where it comes from; what follows has a name."""
    assert {*one.message} == {"en", "zh"}
    assert one.message["en"].isascii()
    assert not one.message["zh"].isascii()
    assert one.source
    assert bool(one.then) == (one.kind not in {"guard", "validation"})


@pytest.mark.parametrize(("rules", "table"), TABLES, ids=lambda of: of.name)
def test_nothing_is_to_be_said_of_the_tables(rules, table):
    """No gap, no overlap, no row that never decides, no two rows that could be one."""
    assert analyse(table) == ()
    assert rules.problems() == {}


@pytest.mark.parametrize(("rules", "table"), TABLES, ids=lambda of: of.name)
def test_every_record_is_decided_by_one_row_and_every_row_decides(rules, table):
    """At every point of the domain just one row matches, and each row somewhere."""
    laid = layout(table)
    decide = table.function()
    deciding = set()
    for cells in product(*(one.cells for one in laid.columns)):
        values = {one.label: cell.value for one, cell in zip(laid.columns, cells, strict=True)}
        values = {**{field.name: samples(field)[0] for field in rules.schema.fields}, **values}
        matched, _ = matches(Run(World(), BOXED), table.node, Scope(values))
        assert len(matched) == 1
        deciding |= {*matched}
        assert decide(values) == table.evaluate(values).value
    assert deciding == set(range(len(table.rows)))


@pytest.mark.parametrize("rules", SETS, ids=lambda of: of.name)
def test_rule_sets_survive_their_text(rules):
    """Each rule set, written as JSON and read again, is the same version."""
    assert from_json(to_json(rules)).version == rules.version


def test_labels_speak_chinese():
    """Every field has a Chinese name, so that rules can be written in Chinese."""
    assert all("zh" in field.labels for rules in SETS for field in rules.schema.fields)
