"""The door, and the errors behind it."""

import pickle

import pytest

import crmkit
from crmkit import errors


def test_the_door_opens_to_every_name():
    """Each name of the door is there, lazily where it is heavy, and a wrong one is an AttributeError."""
    for name in crmkit.__all__:
        assert getattr(crmkit, name) is not None
        assert name in dir(crmkit)
    assert crmkit.__getattr__("metrics").__name__ == "crmkit.metrics"
    with pytest.raises(AttributeError, match="no attribute 'Pipelin'"):
        _ = crmkit.Pipelin


@pytest.mark.parametrize(("error", "text"), [
    (errors.InputError("a.csv", "is empty"), "a.csv: is empty"),
    (errors.InputError("", "is empty", "fill it"), "is empty; fill it"),
    (errors.InputError("a.csv", "bad", "mend it", 3, "when"), "a.csv, row 3, column 'when': bad; mend it"),
    (errors.NotFound("stage", "x", tuple("abcdefghijklmno")), "no stage 'x'; there are: a, b, c, d, e, f, g, h, i, j, k, l and 3 more"),
    (errors.NotFound("case", "x"), "no case 'x'"),
    (errors.Conflict(3, "any event"), "an event at position 3 matches any event; read the case again and decide again"),
    (errors.KeyReused("k", 3), "idempotency key 'k' already belongs to the different event at position 3"),
    (errors.OutcomeUnknown("disk full"), "the store may or may not have committed (disk full); append again with the same keys"),
    (errors.Damaged("crm.db, events", 3, "changed"), "crm.db, events, position 3: changed"),
    (errors.ExtraMissing("typer", "cli", "the command line"),
     "the command line needs typer; install it with: pip install 'crmkit[cli]'"),
    (errors.InvalidValue("amount", "9" * 200, "is too long"), f"amount: '{'9' * 78}… is too long"),
])  # fmt: skip
def test_errors_say_it_in_one_line_and_cross_processes(error, text):
    """The message names the thing, its place and what to do; a pickled error is the same error."""
    assert str(error) == text
    assert str(pickle.loads(pickle.dumps(error))) == text  # noqa: S301 - our own bytes


def test_definition_errors_split_and_keep_their_type():
    """A group of definition errors stays one when it is split."""
    group = errors.DefinitionErrors("2 problems", [errors.DefinitionError("a", "x"), errors.DefinitionError("b", "y")])
    rest, _ = group.split(lambda error: getattr(error, "where", "") == "a")
    assert isinstance(rest, errors.DefinitionErrors)
    assert str(rest) == "2 problems\n  - a: x"


def test_queries_read_like_sentences():
    """A query says what it asks for; one name may be given as a text."""
    from crmkit import Query

    assert str(Query()) == "any event"
    assert str(Query(cases="D-1", types=["Moved"])) == "case in ['D-1'] and type in ['Moved']"
