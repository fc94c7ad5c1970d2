"""The laws of rule sets hold, and each fails where something that it is about is broken."""

import functools

import attrs
import pytest

from crmkit.rules import Field, Rule, RuleSet, Schema, rule
from crmkit.rules.backtest import Effect, backtest, verdicts
from crmkit.rules.codec import from_json
from crmkit.rules.dmn import read_dmn
from crmkit.rules.explain import Change, explain
from crmkit.rules.feel import unparse
from crmkit.rules.relations import SetFinding, relations
from crmkit.testing import rule_laws
from crmkit.testing.rules import check_ruleset, examples_of

DEAL = Schema([
    Field("amount", "decimal", nullable=True, low=0, labels={"zh": "金额"}), Field("discount", "decimal", low=0, high=1),
    Field("role", values=["rep", "manager"]), Field("strategic", "boolean", nullable=True), Field("opened", "date"),
])  # fmt: skip
RULES = RuleSet("deals", DEAL, [
    Rule("limit", 'discount <= 0.15 or role = "manager"', on_null="fail"),
    Rule("size", "not(金额 >= 100000) and strategic", kind="validation", on_null="pass"),
    Rule("key", "strategic or amount > 5000", kind="escalation"), Rule("large", "amount > 9000", kind="escalation"),
    Rule("cap", "discount <= 0.4"), Rule("ceiling", "discount < 0.5 or amount < 10"), Rule("floor", "discount >= 0.5"),
    Rule("fresh", 'opened in [@"2026-01-01"..@"2026-06-30"] and amount != 7'),
])  # fmt: skip


@pytest.fixture(scope="module")
def tested():
    """Records at the edges."""
    return examples_of(RULES, 60)


def test_all_laws_hold():
    """Of a set with nulls, labels, dates and choices; of one with a rule in Python; of one that judges changes."""
    check_ruleset(RULES)

    @rule()
    def known(record):
        return None if record["amount"] is None else record["amount"] < 50

    check_ruleset(attrs.evolve(RULES, rules=[*RULES.rules[:2], known]))
    steps = Schema([Field("n", "integer", low=0, high=9), Field("key", "boolean", nullable=True)])
    rising = [Rule("up", "old = null or old.n <= new.n"), Rule("key", "n > 5 or new.key")]
    check_ruleset(RuleSet("moves", steps, rising, transitions=True))


def wrong_columns(rules, records):
    """Columns that take no answer for false."""
    return {name: [bool(value) for value in said] for name, said in verdicts(rules, records).items()}


def null_for_unknown(rules, name, record, *, old=None):
    """An evaluator that takes what is not known for empty."""
    return explain(rules, name, {**{field.name: None for field in DEAL.fields if field.nullable}, **record}, old=old)


def silent(rules, name, record, *, old=None):
    """An explanation that does not say what it waits for."""
    return attrs.evolve(explain(rules, name, record, old=old), settle=())


def useless(rules, name, record, *, old=None):
    """An explanation that names a change that changes nothing."""
    said = explain(rules, name, record, old=old)
    return attrs.evolve(said, nearest=[Change("", {}, "role", record["role"]) for _ in said.nearest[:1]])


def helpless(rules, name, record, *, old=None):
    """An explanation that names no change."""
    return attrs.evolve(explain(rules, name, record, old=old), nearest=())


def loose(node):
    """A printer that loses an equals sign."""
    return unparse(node).replace("<=", "<")


def forgetful(text, *, python=()):
    """A reader that forgets what no answer means."""
    made = from_json(text, python=python)
    return attrs.evolve(made, rules=[attrs.evolve(one, on_null="report") for one in made.rules])


def other(text, *, python=()):
    """A reader whose sets judge otherwise though they say the same."""

    class Strict(RuleSet):
        """Says no."""

        def judge(self, record, *, old=None, partial=False):
            return tuple(attrs.evolve(one, value=False) for one in super().judge(record, old=old, partial=partial))

    made = from_json(text, python=python)
    return Strict(made.name, made.schema, made.rules)


def careless(data):
    """A reader of XML that loses an equals sign."""
    return read_dmn(data.replace(b"&lt;=", b"&lt;").replace(b"<= ", b"< "))


def blind(rules, **_options):
    """An analysis that holds everything for impossible."""
    return attrs.evolve(
        relations(rules), examples={one.name: dict.fromkeys([True, False, None]) for one in rules.rules}
    )


def dreaming(rules, **_options):
    """An analysis whose examples are none."""
    found = relations(rules)
    return attrs.evolve(found, examples={"limit": {True: found.examples["limit"][False]}})


def claiming(kind, *names):
    """An analysis with a finding that is not so."""

    def found(rules, **_options):
        return attrs.evolve(relations(rules), findings=[SetFinding(kind, f"{kind} of {names}", names)])

    return found


def counting(**wrong):
    """A backtest with something wrong in it."""

    def made(rules, records, **options):
        return tuple(attrs.evolve(one, **wrong) for one in backtest(rules, records, **options))

    return made


def twice(rules, records, *, by=(), **options):
    """A backtest that counts each group twice."""
    return backtest(rules, records, by=by, **options) * (2 if by else 1)


DEFECTS = [
    ("evaluators_agree", "verdicts", wrong_columns, "the evaluators disagree"),
    ("unknown_is_monotone", "explain", null_for_unknown, "without '.*' on .* says None, and False with it"),
    ("unknown_is_monotone", "explain", silent, "is UNKNOWN, and waits for"),
    ("printed_rules_say_the_same", "unparse", loose, "is printed as 'discount < 0.15"),
    ("files_lose_nothing", "from_json", forgetful, "its JSON changes"),
    ("files_lose_nothing", "from_json", other, "judges otherwise"),
    ("xml_loses_nothing", "read_dmn", careless, "after reading its XML"),
    ("explanations_hold", "explain", useless, "after the changes that should make it true"),
    ("explanations_hold", "explain", helpless, r"changes: \(\)"),
    ("proofs_hold", "relations", blind, "is proved never to be"),
    ("proofs_hold", "relations", dreaming, "is not True for"),
    ("proofs_hold", "relations", claiming("contradiction", "limit", "cap"), "a record refutes: .* contradiction"),
    ("proofs_hold", "relations", claiming("implied", "limit", "cap"), "a record refutes: .* implied"),
    ("proofs_hold", "relations", claiming("equivalent", "limit", "cap"), "a record refutes: .* equivalent"),
    ("proofs_hold", "relations", claiming("unreached", "key", "large"), "a record refutes: .* unreached"),
    ("history_adds_up", "backtest", counting(judged=Effect(3)), r"the backtest counts \(3, "),
    ("history_adds_up", "backtest", counting(flips=(5,)), r"differs from itself on records \(5,\)"),
    ("history_adds_up", "backtest", twice, "groups by 'role' hold"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "part", "broken", "said"), DEFECTS)
def test_a_broken_part_breaks_its_law(monkeypatch, tested, law, part, broken, said):  # noqa: PLR0917 - a table
    """Each law holds, and no longer does once the part that it is about is broken in one way."""
    check = functools.partial(getattr(rule_laws, law), RULES, tested)
    check()
    monkeypatch.setattr(rule_laws, part, broken)
    with pytest.raises(AssertionError, match=said):
        check()


def test_every_law_has_a_defect():
    """No law goes untried, and all that there are are run."""
    assert (
        {law for law, *_ in DEFECTS}
        == {law.__name__ for law in rule_laws.RULE_LAWS}
        == {*rule_laws.__all__} - {"RULE_LAWS"}
    )


def test_what_xml_cannot_say_is_no_loss():
    """A model that nobody can write is refused, which is no other decision."""
    rules = RuleSet("odd", DEAL, [Rule("a\0b", "discount < 0.1")])
    rule_laws.xml_loses_nothing(rules, examples_of(rules, 3))


def test_rows_are_printed_too(monkeypatch):
    """A printer that changes a row of a table is found."""
    from crmkit.rules import DecisionTable

    table = DecisionTable("t", DEAL, ["discount"], [Field("ok", "boolean")], [["<= 0.1", "true"], ["> 0.1", "false"]])
    rules = RuleSet("r", DEAL, [], tables=[table])
    rule_laws.printed_rules_say_the_same(rules, [])
    monkeypatch.setattr(rule_laws, "unparse", loose)
    with pytest.raises(AssertionError, match="table 't' prints other rows"):
        rule_laws.printed_rules_say_the_same(rules, [])
