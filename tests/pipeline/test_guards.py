"""Conditions of a definition: guards in FEEL, rules, roles, locked fields, values that a schema refuses."""

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from crmkit.errors import DefinitionErrors, MoveNotAllowed
from crmkit.events import Breached, Found
from crmkit.pipeline import Approval, Around, Clock, Directory, Move, Panel, Pipeline, Stage
from crmkit.pipeline.case import Effect
from crmkit.pipeline.commands import Edit, Open, Submit, Take
from crmkit.pipeline.directory import Delegation
from crmkit.rules import Field, Rule, RuleSet, Schema
from crmkit.values import Money

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEAL = Schema([
    Field("amount", "decimal", low=0, unit="CNY", nullable=True, labels={"zh": "金额"}),
    Field("discount", "decimal", low=0, high=1, nullable=True),
    Field("region", values=["east", "west"], nullable=True),
])  # fmt: skip


def deals(guard=None, **options):
    """Two stages and one move between them."""
    move = Move("won", guard=guard, **{name: options.pop(name) for name in ("roles", "requires") if name in options})
    return Pipeline(
        "deals",
        [Stage("open", locked=options.pop("locked", ())), Stage("won", "won")],
        {"open": {"sign": move}},
        **options,
    )


def reasons(pipeline, *, around=None, who="wei", opened=None, **fields):
    """Why the move is refused; nothing if it is not."""
    case = pipeline.open("D-1", who=who, at=NOW, fields=opened or {}).case
    verdict = pipeline.decide(case, Take("sign", who=who, fields=fields), NOW, around=around or Around())
    return () if verdict else verdict.reasons


def test_a_text_is_a_guard_and_says_what_would_do():
    """The refusal has the condition, the values that were read, and the nearest change."""
    pipeline = deals("discount <= 0.15 or approved")
    assert reasons(pipeline, discount=0.1) == ()
    assert reasons(pipeline, discount=Decimal("0.15")) == ()
    assert reasons(pipeline, discount=0.18, approved=True) == ()
    (reason,) = reasons(pipeline, discount=0.18, approved=False)
    assert reason == (
        "needs discount <= 0.15 or approved (discount is 0.18, approved is false; it would do with discount <= 0.15)"
    )
    (unknown,) = reasons(pipeline, discount=0.18)
    assert unknown.endswith("nobody can tell without approved")


def test_a_field_that_is_not_there_settles_nothing_and_hinders_nothing():
    """`a or b` holds if one of them does, in either order, whether or not the other is there."""
    for text in ("discount <= 0.15 or approved", "approved or discount <= 0.15"):
        assert reasons(deals(text), discount=0.1) == reasons(deals(text), approved=True) == ()
        assert reasons(deals(text), discount=0.2)[0].endswith("nobody can tell without approved")


def test_all_guards_that_fail_are_told():
    """Texts, rules and functions together: each failed one has its reason."""

    def polite(attempt):
        return "say please" if attempt["please"] is None else None

    rule = Rule("authority", "discount <= 0.15", message={"en": "more than 15 % needs a manager", "zh": "须经理批准"})
    pipeline = deals([rule, "amount > 10", polite])
    found = reasons(pipeline, discount=0.2, amount=5)
    assert found == (
        "more than 15 % needs a manager (discount is 0.2)",
        "needs amount > 10 (amount is 5)",
        "say please",
    )  # fmt: skip
    assert reasons(pipeline, discount=0.1, amount=11, please=1) == ()


def test_a_rule_says_what_no_answer_means():
    """An empty field refuses, unless the rule lets it pass."""
    assert reasons(deals(Rule("d", "discount <= 0.15", on_null="pass"))) == ()
    assert reasons(deals(Rule("d", "discount <= 0.15")))


def test_guards_know_the_case_and_the_command():
    """The stage, the move, people and times are there beside the fields; a field of the same name goes first."""
    text = 'stage = "open" and move = "sign" and who = "li" and owner = "li" and at - opened < duration("P1D")'
    assert reasons(deals(text), who="li") == ()
    assert reasons(deals(text), who="wei")
    assert reasons(deals('who = "acme"'), opened={"who": "acme"}) == ()
    assert reasons(deals('previous stage = "open" and entered = opened')) == ()


def test_a_schema_checks_guards_at_load_and_values_at_run():
    """Labels, units, enumerations: a mistake in a guard is an error of the definition, a wrong value a reason."""
    pipeline = deals('金额 > 10 and region = "east"', schema=DEAL)
    assert reasons(pipeline, amount=Money("11", "CNY"), region="east") == ()
    assert "is not in CNY" in " ".join(reasons(pipeline, amount=Money("11", "EUR"), region="east"))
    (reason,) = reasons(pipeline, discount=1.7, amount=20, region="east")
    assert reason == "discount: 1.7 is more than 1"
    with pytest.raises(DefinitionErrors) as caught:
        deals('discuont > 1 or region = "nort"', schema=DEAL)
    assert "did you mean 'discount'" in str(caught.value)
    assert "'nort' is none of the values of 'region'" in str(caught.value)
    with pytest.raises(MoveNotAllowed, match="is more than 1"):
        pipeline.open("D-1", at=NOW, discount=2)
    case = pipeline.open("D-1", at=NOW).case
    with pytest.raises(MoveNotAllowed, match="is none of its values"):
        pipeline.edit(case, at=NOW, region="north")
    assert pipeline.edit(case, at=NOW, region=None, other="x").case.fields["other"] == "x"


def test_without_a_schema_a_field_is_what_the_guards_use_it_as():
    """Two uses that cannot both be are an error, and so is a name that nothing tells the kind of."""
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline("p", ["a", "b", Stage("won", "won")], {
            "a": {"go": Move("b", guard="x > 1")}, "b": {"go": Move("won", guard='x = "y"')},
        })  # fmt: skip
    assert "'x' is a string here and a decimal in moves['a']['go']" in str(caught.value)
    with pytest.raises(DefinitionErrors, match="2 problems") as caught:
        deals("x = y")
    assert "nothing tells what 'x' is; give a schema" in str(caught.value)


def test_a_value_that_the_guard_cannot_read_is_a_reason():
    """A text where the guard needs a number refuses the move, and no traceback does."""
    (reason,) = reasons(deals("discount <= 0.15"), discount="much")
    assert "needs discount <= 0.15: discount: 'much' is a string, not a decimal" in reason


def test_a_guard_minds_its_own_fields():
    """A value that another field cannot hold is its own reason; one that the guard passes over is no traceback."""
    found = reasons(deals("discount <= 0.15", schema=DEAL), discount=0.2, region="north")
    assert [one.partition(":")[0] for one in found] == ["needs discount <= 0.15 (discount is 0.2)", "region"]
    (reason,) = reasons(deals("discount <= 0.15 and amount > 1"), discount=0.2, amount="much")
    assert reason.startswith("needs discount <= 0.15 and amount > 1: amount: 'much' is a string")


@pytest.mark.parametrize(("who", "roles", "passes"), [
    ("wei", ["manager"], True), ("li", [], True), ("wei", ["rep"], False), (None, [], False),
])  # fmt: skip
def test_a_move_may_be_for_some_roles(who, roles, passes):
    """A role that comes with the command or stands in the directory lets the move pass."""
    around = Around(frozenset(roles), Directory(roles={"manager": ["li"]}))
    found = reasons(deals(roles=["manager", "director"]), around=around, who=who)
    assert (found == ()) is passes
    if not passes:
        assert found[0].startswith("needs role manager or director; ")


def test_a_delegate_has_the_roles_of_whom_they_act_for():
    """In another's place, within the delegation and its scope."""
    directory = Directory(
        roles={"manager": ["li"]}, delegations=[Delegation("li", "wei", NOW, NOW + timedelta(days=1), scope="sign")]
    )
    pipeline = deals(roles="manager")
    case = pipeline.open("D-1", who="wei", at=NOW).case
    command = Take("sign", who="wei", on_behalf_of="li")
    assert pipeline.decide(case, command, NOW, around=Around(directory=directory))
    late = pipeline.decide(case, command, NOW + timedelta(days=1), around=Around(directory=directory))
    assert late.reasons == ("wei does not act for li",)
    fact = pipeline.decide(case, command, NOW, around=Around(directory=directory)).events[0]
    assert (fact.who, fact.on_behalf_of) == ("wei", "li")


def test_locked_fields_may_not_be_changed():
    """Some fields or all of them; what a move requires may be filled in with it."""
    pipeline = deals(locked="amount", requires="reason")
    case = pipeline.open("D-1", at=NOW, amount=5).case
    with pytest.raises(MoveNotAllowed, match="'amount' may not be changed in stage 'open'"):
        pipeline.edit(case, at=NOW, amount=6)
    assert pipeline.edit(case, at=NOW, note="x")
    assert reasons(pipeline, reason="x", amount=7) == ("'amount' may not be changed in stage 'open'",)
    everything = deals(locked="*", requires="reason")
    assert reasons(everything, reason="x") == ()
    assert reasons(everything, reason="x", note="y") == ("'note' may not be changed in stage 'open'",)


def test_rules_hold_after_every_change_and_findings_are_facts():
    """Errors stop an opening, an edit and a move; warnings, shadow and no answer are noted with rule and version."""
    rules = RuleSet("deals", DEAL, [
        Rule("big", "discount <= 0.5", message={"en": "nobody gives half away"}),
        Rule("region", "region != null", severity="warning", kind="validation"),
        Rule("amount", "amount > 0", severity="info", kind="validation"),
    ])  # fmt: skip
    pipeline = deals(rules=rules)
    with pytest.raises(MoveNotAllowed, match="nobody gives half away"):
        pipeline.open("D-1", at=NOW, discount=0.6)
    step = pipeline.open("D-1", at=NOW, who="wei", discount=0.1)
    found = step.also
    assert all(isinstance(one, Found) for one in found)
    assert [(one.rule, one.verdict, one.severity, one.rules) for one in found] == [
        ("region", "unknown", "warning", rules.version), ("amount", "unknown", "warning", rules.version),
    ]  # fmt: skip
    assert [one.id for one in step.events] == ["D-1#1", "D-1#2", "D-1#3"]
    assert step.case.version == 3
    assert pipeline.replay(step.events) == step.case
    moved = pipeline.move(step.case, "sign", at=NOW, fields={"region": "east", "amount": 5})
    assert moved.also == ()
    refused = pipeline.decide(step.case, Edit(fields={"discount": 0.7}), NOW)
    assert refused.reasons == ("nobody gives half away",)
    assert pipeline.decide(step.case, Take("sign", fields={"discount": 0.7}), NOW).reasons == refused.reasons
    noted = pipeline.decide(step.case, Edit(fields={"region": None}), NOW)
    assert pipeline.replay([*step.events, *noted.events]) == noted.case


def test_rules_in_shadow_stop_nothing():
    """A set that is only tried out is noted as such."""
    rules = RuleSet("trial", DEAL, [Rule("small", "discount <= 0.05")], shadow=True)
    step = deals(rules=rules).open("D-1", at=NOW, discount=0.2)
    (found,) = step.also
    assert (found.rule, found.verdict, found.shadow) == ("small", "false", True)


def test_rules_may_compare_before_and_after():
    """With transitions, `old` is the case before the change."""
    rules = RuleSet(
        "t", DEAL, [Rule("up", "old = null or old.amount = null or new.amount >= old.amount")], transitions=True
    )
    pipeline = deals(rules=rules)
    case = pipeline.open("D-1", at=NOW, amount=5, discount=None, region=None).case
    assert pipeline.edit(case, at=NOW, amount=6)
    with pytest.raises(MoveNotAllowed, match="rule 'up' is not kept"):
        pipeline.edit(case, at=NOW, amount=4)


def test_rules_refuse_values_that_they_cannot_read():
    """A value that is none of its field's is a reason, not a traceback."""
    rules = RuleSet("deals", DEAL, [Rule("big", "discount <= 0.5")])
    with pytest.raises(MoveNotAllowed, match="is more than 1"):
        deals(rules=rules).open("D-1", at=NOW, discount=7)


def test_effects_are_data_and_follow_from_the_facts():
    """A step returns them, and the definition tells them of each fact again; nothing is run."""
    effects = [Effect("mail", {"to": "owner"}), "task"]
    clock = Clock("answer", "4 hours", stop="false", effects=Effect("page", {"who": "li"}))
    pipeline = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": Move("won", effects=effects)}}, clocks=[clock])
    opened = pipeline.open("P", at=NOW)
    step = pipeline.move(opened.case, "go", at=NOW)
    assert step.effects == (Effect("mail", {"to": "owner"}), Effect("task"))
    assert pipeline.effects(step.event) == step.effects
    assert pipeline.decide(opened.case, Take("go"), NOW).effects == step.effects
    assert pipeline.effects(opened.event) == ()
    breach = Breached(id="P#2", case="P", at=NOW, recorded=NOW, clock="answer", cycle=1, due=NOW)
    assert pipeline.effects(breach) == (Effect("page", {"who": "li"}),)


@pytest.mark.parametrize(("options", "part"), [
    ({"back": False}, "leads back from 'b' to 'a', and back is off"),
    ({"skip": False}, "skips b, and skip is off"),
    ({"reopen": False}, "leads out of 'won', which is closed, and reopen is off"),
])  # fmt: skip
def test_switches_refuse_moves_that_they_rule_out(options, part):
    """No way back, no skipping, no reopening: a definition with such a move is refused."""
    stages = ["a", "b", "c", Stage("won", "won")]
    moves = {"a": {"x": "c", "y": "b"}, "b": {"z": "a", "y": "c"}, "c": {"sign": "won"}, "won": {"again": "a"}}
    assert Pipeline("p", stages, moves)
    with pytest.raises(DefinitionErrors) as caught:
        Pipeline("p", stages, moves, **options)
    assert [part in str(error) for error in caught.value.exceptions] == [True]


def test_without_moves_everything_is_allowed_that_the_switches_allow():
    """A free pipeline: any stage to any other, each move called as the stage it leads to."""
    stages = ["a", "b", "c", Stage("won", "won"), Stage("lost", "lost")]
    free = Pipeline("p", stages)
    assert free.moves_from("b") == ("a", "c", "won", "lost")
    assert free.moves_from("won") == ("a", "b", "c")
    strict = Pipeline("p", stages, skip=False, back=False, reopen=False)
    assert strict.moves_from("a") == ("b", "won", "lost")
    assert strict.moves_from("c") == ("won", "lost")
    assert strict.moves_from("won") == ()
    assert free.definition != strict.definition


def test_what_people_read_does_not_change_the_definition():
    """Labels, notes and sources are no part of the hash; a limit is."""
    plain = Pipeline("p", ["a", Stage("won", "won")], {"a": {"go": "won"}})
    told = Pipeline(
        "p", [Stage("a", labels={"zh": "甲"}, note="n"), Stage("won", "won")],
        {"a": {"go": Move("won", labels={"zh": "走"})}}, labels={"zh": "流程"}, source="a book",
    )  # fmt: skip
    other = Pipeline("p", [Stage("a", limit="2 days"), Stage("won", "won")], {"a": {"go": "won"}})
    assert plain.definition == told.definition != other.definition
    assert plain != told


def test_a_definition_travels():
    """Pickled and back it decides alike, with all its texts."""
    pipeline = deals("discount <= 0.15", schema=DEAL, roles="rep")
    again = pickle.loads(pickle.dumps(pipeline))  # noqa: S301 - our own bytes
    assert again == pipeline
    assert reasons(again, discount=0.2) == reasons(pipeline, discount=0.2)


def test_commands_and_cases_must_fit():
    """Open wants an id, every other command a case."""
    from crmkit.errors import InvalidValue

    pipeline = deals()
    case = pipeline.open("D-1", at=NOW).case
    with pytest.raises(InvalidValue, match="must be an id for Open"):
        pipeline.decide(case, Open(), NOW)
    with pytest.raises(InvalidValue, match="must be an id for Open"):
        pipeline.decide("D-1", Take("sign"), NOW)
    assert pipeline.decide(case, Edit(fields={"a": 1}), NOW).case.fields == {"a": 1}
    assert pipeline.decide(case, Edit(at=NOW - timedelta(1)), NOW).reasons


def test_asking_for_an_approval_sets_no_field_that_an_edit_could_not():
    """Schema, locks and rules look at the fields of a request as at those of an edit, and findings become facts."""
    rules = RuleSet("deals", DEAL, [Rule("half", "discount <= 0.5"), Rule("some", "amount > 0", severity="warning")])
    pipeline = deals(schema=DEAL, rules=rules, locked="amount", approvals=[Approval("a", Panel("li"))])
    case = pipeline.open("D-1", at=NOW, discount=0.1).case

    def ask(**fields):
        return pipeline.decide(case, Submit("a", who="wei", fields=fields), NOW)

    assert "discount: 7 is more than 1" in ask(discount=7).reasons
    assert ask(discount=0.7).reasons == ("rule 'half' is not kept",)
    assert ask(amount=5).reasons == ("'amount' may not be changed in stage 'open'",)
    asked = ask(discount=0.2)
    assert [type(one).__name__ for one in asked.events] == ["Requested", "Found"]
    assert asked.case.request("a").status == "pending"
    assert asked.case.version == 4


@pytest.mark.parametrize(("clock", "part"), [
    (Clock("c", "soon", stop="true"), "limit 'soon' is no time limit"),
    (Clock("c", "4 hours", stop="true", warn=[0, 50]), "warns at 0 %"),
    (Clock("c", "4 hours", stop="true", resume="true"), "resumes, but never pauses"),
    (Clock("c", "4 hours", stop="stage = "), "clocks['c'].stop, line 1"),
    (Clock(" ", "4 hours", stop="true"), "is no name"),
])  # fmt: skip
def test_what_a_clock_must_not_be(clock, part):
    """Each mistake in a clock has its place and its reason."""
    with pytest.raises(DefinitionErrors) as caught:
        deals(clocks=[clock])
    assert part in str(caught.value)


def test_a_value_that_an_approval_cannot_read_is_a_reason():
    """Whether an approval is needed depends on a field that holds a text: refused, and no traceback."""
    approval = Approval("a", Panel("li"), when="discount > 0.1")
    pipeline = Pipeline(
        "p", ["open", Stage("won", "won")], {"open": {"sign": Move("won", approval="a")}}, approvals=[approval]
    )
    (reason,) = reasons(pipeline, discount="much")
    assert reason.startswith("nobody can tell whether approval 'a' is needed: discount: 'much' is a string")
