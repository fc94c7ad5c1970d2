"""Versions of rule sets on their way: what is refused, what history and shadow say, and what is undone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.events import Edited, Found, Moved, Opened, from_json, to_json
from crmkit.improve import Hypothesis, propose, verify
from crmkit.improve._standard_checks import changes_between, replayed, weaknesses
from crmkit.improve.standards import Standard, Trial, confirm, put_in_force, withdraw
from crmkit.journal import Journal
from crmkit.metrics import Facts
from crmkit.metrics.estimators import newcombe, wilson
from crmkit.rules import DecisionTable, Field, PythonRule, Registry, Rule, RuleSet, Schema
from crmkit.values import Period

JULY, AUGUST, SEPTEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8, 9))
DEAL = Schema([
    Field("discount", "decimal", low=0, high=1), Field("amount", "decimal", low=0),
    Field("role", values=["rep", "manager"]),
])  # fmt: skip
TIMES = {"decided": JULY, "shadow_until": AUGUST, "effective": SEPTEMBER}


def rules(limit="0.15", *more, **settings):
    """A set with one limit on discounts, and what else is given."""
    tables = settings.pop("tables", ())
    return RuleSet("deals", DEAL, [Rule("limit", f"discount <= {limit}", **settings), *more], tables=tables)


def past(n=100):
    """Records with discounts 0, 0.01, 0.02 ... and amounts that grow with them."""
    return [{"discount": Decimal(i) / 100, "amount": Decimal(10 * i), "role": "rep"} for i in range(n)]


def proposed(old=None, new=None, answer="worked", history=None, **changes):
    """A proposal that may be tried out, unless something is changed."""
    return propose(
        old or rules(), new or rules("0.10"), answer, history or past(20), weight="amount", **TIMES | changes
    )  # fmt: skip


def test_what_it_changes_and_would_have_stopped():
    """The difference is that of the boxes, the counts and the money those of a replay by hand."""
    made = proposed()
    assert made.state == "in shadow"
    assert made.changes == ("limit: discount: (0.1..0.15]: true -> false",)
    assert made.proved
    # Of 20 records those with 16 to 19 per cent were stopped before; 11 to 15 are now.
    assert (made.judged, made.blocked, made.freed) == (16, 5, 0)
    assert made.blocked_weight == sum(10 * i for i in range(11, 16))
    assert made.freed_weight == 0
    assert (made.reasons, made.trial) == ((), None)
    wider = proposed(new=rules("0.18"))
    assert (wider.judged, wider.blocked, wider.freed, wider.freed_weight) == (16, 0, 3, 160 + 170 + 180)


@given(
    st.integers(0, 99), st.integers(0, 99), st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["rep", "manager"])), max_size=20)
)  # fmt: skip
def test_the_replay_counts_what_loops_count(low, high, given_rows):
    """A record that breaks several rules is stopped once, and warnings stop nothing."""

    def made(limit):
        condition = f'discount <= {limit} or role = "manager"'
        return RuleSet("deals", DEAL, [
            Rule("limit", condition), Rule("same", condition), Rule("hint", "discount > 0.99", severity="warning"),
        ])  # fmt: skip

    rows = [{"discount": Decimal(d) / 100, "amount": Decimal(d), "role": role} for d, role in given_rows]
    found = replayed(made(Decimal(low) / 100), made(Decimal(high) / 100), rows, "amount")
    before = [d > low and role == "rep" for d, role in given_rows]
    after = [d > high and role == "rep" for d, role in given_rows]
    assert found.judged == before.count(False)
    assert found.blocked.n == sum(b and not a for a, b in zip(before, after, strict=True))
    assert found.freed.n == sum(a and not b for a, b in zip(before, after, strict=True))
    assert found.blocked.weight == sum(d for (d, _), a, b in zip(given_rows, before, after, strict=True) if b and not a)


def test_a_verdict_of_verify_is_taken():
    """Its answer decides, and its definition is kept."""
    stays = [(f"D-{n}", "offer", JULY, "wei") for n in range(20)]
    frame = {name: [row[place] for row in stays] for place, name in enumerate(("case", "stage", "at", "who"))}
    journal = Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", as_of=SEPTEMBER)
    claim = Hypothesis(
        "stage_conversion", {"who": "wei", "stage": "offer"}, effect=0.1,
        before=Period(date(2026, 1, 1), date(2026, 2, 1)), after=Period(date(2026, 2, 1), date(2026, 3, 1)),
    )  # fmt: skip
    verdict = verify(claim, Facts(journal=journal, stages=["offer", "won", "lost"]), now=SEPTEMBER)
    made = proposed(answer=verdict)
    assert (made.state, made.verdict) == ("refused", claim.definition)
    assert made.reasons == (("the action was verified as 'cannot tell', not 'worked'", "该措施的验证结论为“无法判断”，而非“有效”"),)  # fmt: skip
    fine = proposed(answer=attrs.evolve(verdict, answer="worked"))
    assert (fine.state, fine.verdict) == ("in shadow", claim.definition)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": "did not"}, "'did not', not 'worked'"),
        ({"new": rules()}, "decide alike"),
        ({"new": rules(message={"en": "too much"})}, "decide alike"),
        ({"history": past(100)[50:]}, "nothing can be foretold"),
        ({"effective": JULY}, "past when it is decided"),
        ({"effective": datetime(2026, 7, 20, tzinfo=UTC)}, "before its shadow period is over"),
        ({"shadow_until": datetime(2026, 7, 8, tzinfo=UTC)}, "7 days is shorter than the least, 14 days"),
    ],
)
def test_what_is_refused(changes, reason):
    """With the reason, and with all that was found."""
    made = proposed(**changes)
    assert made.state == "refused"
    assert any(reason in english for english, _ in made.reasons)
    assert f"Because {made.reasons[0][0]}." in str(made)
    assert f"原因：{made.reasons[0][1]}。" in made.to_text("zh")
    assert made.judged == (0 if "history" in changes else 16)


def test_every_reason_is_said():
    """Not only the first."""
    made = proposed(new=rules(), answer="did not", effective=JULY)
    assert len(made.reasons) == 4


# -- gaps and contradictions


def table(rows, **more):
    """Who may grant a discount."""
    return DecisionTable("authority", DEAL, ["discount"], [Field("who", "string")], rows, **more)


WHOLE = [["<= 0.1", '"anybody"'], ["> 0.1", '"a manager"']]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (WHOLE, [["<= 0.1", '"anybody"'], ["> 0.2", '"a manager"']], "(0.1..0.2]"),
        (WHOLE, [["<= 0.2", '"anybody"'], ["> 0.1", '"a manager"']], "(0.1..0.2]"),
        # What was open before is no news, and a smaller gap is none either.
        ([["<= 0.1", '"anybody"']], [["<= 0.2", '"anybody"']], None),
        ([["<= 0.1", '"anybody"']], [["<= 0.2", '"a manager"']], None),
    ],
)
def test_gaps_and_conflicts_of_tables(old, new, found):
    """What was decided before and is no longer."""
    made = proposed(old=rules(tables=[table(old)]), new=rules(tables=[table(new)]))
    assert made.state == ("refused" if found else "in shadow")
    assert all("it opens what was settled: authority" in english and found in english for english, _ in made.reasons)
    assert made.flips > 0 or found is not None


def test_tables_that_cannot_be_laid_side_by_side():
    """They are analysed each by itself; so are new ones."""
    other = DecisionTable("authority", DEAL, ["role"], [Field("who", "string")], [['"rep"', '"anybody"']])
    made = proposed(old=rules(tables=[table(WHOLE)]), new=rules(tables=[other]))
    assert (made.proved, made.flips) == (False, 0)
    assert "table 'authority' cannot be compared" in made.changes
    assert "no row matches" in made.reasons[0][0]
    same = proposed(old=rules(tables=[other]), new=rules("0.1", tables=[other]))
    assert same.state == "in shadow"
    fresh = proposed(new=rules(tables=[table(WHOLE)]))
    assert fresh.changes == ("table 'authority' is new",)
    assert fresh.state == "in shadow"
    gone = proposed(old=rules(tables=[table(WHOLE)]), new=rules())
    assert gone.changes == ("table 'authority' is gone",)
    opaque = [["? * 2 > 0.1", '"anybody"'], ["? * 2 <= 0.1", '"a manager"']]
    twice = rules(tables=[table(opaque)])
    assert changes_between(twice, twice) == ((), True)
    assert weaknesses(twice, twice) == ()


def test_rules_that_contradict_each_other():
    """A contradiction that the old version had is not held against the new one."""
    clash = Rule("least", "discount > 0.5")
    made = proposed(new=rules("0.10", clash))
    assert made.state == "refused"
    assert "no record keeps both" in made.reasons[0][0]
    assert weaknesses(rules("0.15", clash), rules("0.10", clash)) == ()


def test_all_kinds_of_changes():
    """Rules that come and go, settings, rules in Python, and what cannot be laid side by side."""
    mine = PythonRule("mine", lambda record: record["amount"] is not None)
    other = PythonRule("mine", mine.function, version="2")
    found, proved = changes_between(
        rules("0.15", Rule("cap", "amount < 9"), mine), rules("0.15", other, Rule("floor", "amount > 1"))
    )
    assert found == (
        "rule 'cap' is gone",
        "mine: Python, version 1 -> Python, version 2",
        "rule 'floor' is new: amount > 1",
    )
    assert not proved
    assert changes_between(rules(), rules("0.15", mine))[0] == ("rule 'mine' is new: in Python",)
    assert changes_between(rules(), rules(severity="warning")) == (("limit: severity error -> warning",), True)
    then = [
        RuleSet("deals", DEAL, [Rule("who", "discount > 0.1", kind="assignment", then=name)]) for name in ("", "li")
    ]
    assert changes_between(*then) == (("who: then nothing -> li",), True)
    wider = Schema([*DEAL.fields[1:], Field("discount", "decimal", low=0, high=2)])
    stretched = RuleSet("deals", wider, [Rule("limit", "discount <= 0.10")])
    assert changes_between(rules(), stretched) == (("limit: discount <= 0.15 -> discount <= 0.10",), False)
    assert changes_between(rules("0.10"), stretched) == ((), True)
    mixed = changes_between(rules(), RuleSet("deals", DEAL, [PythonRule("limit", bool, kind="guard")]))
    assert mixed == (("limit: discount <= 0.15 -> Python, version 1",), False)


def test_a_field_that_only_one_version_has():
    """What a version does not know of a record stops nothing."""
    narrow = Schema([DEAL.fields[0]])
    old = RuleSet("deals", DEAL, [Rule("limit", "discount <= 0.15"), Rule("small", "amount < 50")])
    new = RuleSet("deals", narrow, [Rule("limit", "discount <= 0.10")])
    found = replayed(old, new, past(20))
    assert (found.judged, found.blocked.n, found.blocked.weight) == (16, 5, None)


def test_bad_proposals():
    """Other sets, answers that are none, rules that judge changes, times without a zone."""
    with pytest.raises(InvalidValue, match="no version of 'deals'"):
        proposed(new=RuleSet("tickets", DEAL, []))
    with pytest.raises(InvalidValue, match="'great'"):
        proposed(answer="great")
    with pytest.raises(InvalidValue, match="judge changes"):
        proposed(new=RuleSet("deals", DEAL, [Rule("limit", "discount <= 0.1")], transitions=True))
    with pytest.raises(NaiveDatetime):
        proposed(decided=datetime(2026, 7, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(InvalidValue, match="state"):
        attrs.evolve(proposed(), state="done")


# -- shadow


def noted(made, share, *, won=()):
    """Facts of 100 moves in the shadow period, some of which the shadowed set found fault with."""
    events = []
    for n in range(100):
        at, case = JULY + timedelta(hours=n), f"D-{n}"
        events.append(Opened(id=f"{case}#1", case=case, at=JULY - timedelta(days=9), recorded=at, stage="offer"))
        stage = "won" if n in won else "lost"
        events.append(Moved(
            id=f"{case}#2", case=case, at=at, recorded=at, move=stage, origin="offer", entered=JULY, stage=stage,
        ))  # fmt: skip
        if n < share:
            events.append(Found(
                id=f"{case}#3", case=case, at=at, recorded=at, cause=f"{case}#2", rule="limit",
                rules=made.shadowed.version, severity="error", verdict="false", shadow=True,
            ))  # fmt: skip
    late = datetime(2026, 8, 2, tzinfo=UTC)
    return [*events, Edited(id="X#1", case="X", at=late, recorded=late)]


def test_the_facts_of_the_shadow_period():
    """Changes within it, and those with a fault of this version; of others and of warnings nothing is counted."""
    made = proposed()
    events = noted(made, 30, won=range(12))
    assert Trial.of_events(made, events) == Trial(judged=100, blocked=30)
    assert Trial.of_events(made, events, won=["won"]) == Trial(judged=100, blocked=30, well=12)
    other = [attrs.evolve(one, rules="another") if isinstance(one, Found) else one for one in events]
    assert Trial.of_events(made, other).blocked == 0
    mild = [attrs.evolve(one, severity="warning") if isinstance(one, Found) else one for one in events]
    assert Trial.of_events(made, mild).blocked == 0
    assert made.shadowed.shadow
    assert made.shadowed.version != made.new.version
    assert Trial.of_records(made, past(20)) == Trial(judged=16, blocked=5)
    assert Trial.of_records(made, past(20), well=2).well == 2
    for wrong in ({"judged": 3, "blocked": 4}, {"judged": 3, "blocked": 2, "well": 3}, {"judged": 3, "blocked": -1}):
        with pytest.raises(InvalidValue, match="no parts"):
            Trial(**wrong)


def test_what_agrees_is_confirmed():
    """By the limits of the difference of two shares; overrides by those of one."""
    made = proposed(history=past(100))
    trial = Trial(judged=100, blocked=30, well=12)
    found = confirm(made, trial, now=AUGUST)
    assert found.state == "confirmed"
    assert found.gap == newcombe(30, 100, made.blocked, made.judged)
    assert found.overrides == wilson(12, 30)
    assert found.overrides_expected is True
    assert "In shadow: of 100 changes 30" in str(found)
    assert "expect to be asked for exceptions" in str(found)
    assert "预计会有人申请例外" in found.to_text("zh")
    quiet = confirm(made, Trial(judged=100, blocked=30, well=1), now=AUGUST)
    assert quiet.overrides_expected is False
    assert "试运行：100 次变更" in quiet.to_text("zh")
    assert "exceptions" not in str(quiet)
    assert confirm(made, Trial(judged=100, blocked=30), now=AUGUST).overrides_expected is None


@pytest.mark.parametrize(
    ("trial", "now", "state", "reason"),
    [
        (Trial(judged=100, blocked=30), datetime(2026, 7, 20, tzinfo=UTC), "in shadow", "not over"),
        (Trial(judged=9, blocked=3), AUGUST, "in shadow", "too little"),
        (Trial(judged=100, blocked=30), datetime(2026, 9, 2, tzinfo=UTC), "refused", "is past"),
        (Trial(judged=100, blocked=90), AUGUST, "refused", "not what history foretold (0.9 - 0.312"),
        (Trial(judged=100, blocked=0), AUGUST, "refused", "not what history foretold (0 - 0.312"),
    ],
)
def test_what_is_not_confirmed(trial, now, state, reason):
    """Too early, too late, too little, or something else than history foretold."""
    found = confirm(proposed(history=past(100)), trial, now=now)
    assert found.state == state
    assert reason in found.reasons[0][0]


def test_what_is_refused_cannot_be_confirmed():
    """Nor confirmed twice."""
    trial = Trial(judged=100, blocked=30)
    with pytest.raises(InvalidValue, match="is not 'in shadow'"):
        confirm(proposed(answer="did not"), trial, now=AUGUST)
    with pytest.raises(InvalidValue, match="is not 'in shadow'"):
        confirm(confirm(proposed(), trial, now=AUGUST), trial, now=AUGUST)


# -- in force, and undone


def test_in_force_and_undone():
    """A version from its day on, and its successor with the older content; what was so is not forgotten."""
    made = confirm(proposed(), Trial(judged=100, blocked=30), now=AUGUST)
    registry = Registry().put(
        made.old, start=datetime(2026, 1, 1, tzinfo=UTC), recorded=datetime(2026, 1, 1, tzinfo=UTC)
    )
    put, versions = put_in_force(made, registry, recorded=AUGUST)
    assert put.state == "in force"
    assert versions.at(SEPTEMBER - timedelta(seconds=1)) == made.old
    assert versions.at(SEPTEMBER) == made.new
    october, november = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    undone, after = withdraw(put, versions, start=november, recorded=october)
    assert (undone.state, undone.withdrawn) == ("withdrawn", november)
    assert after.at(november).version == made.old.version
    assert after.at(october) == made.new
    assert after.at(november, known_at=SEPTEMBER) == made.new
    with pytest.raises(InvalidValue, match="is not 'confirmed'"):
        put_in_force(proposed(), registry, recorded=AUGUST)
    with pytest.raises(InvalidValue, match="in force backwards"):
        put_in_force(made, registry, recorded=october)
    with pytest.raises(InvalidValue, match="is not 'in force'"):
        withdraw(made, registry, start=november, recorded=october)
    for start in (datetime(2026, 9, 15, tzinfo=UTC), SEPTEMBER):
        with pytest.raises(InvalidValue, match="still to come"):
            withdraw(put, versions, start=start, recorded=october if start != SEPTEMBER else AUGUST)


# -- as facts


def test_it_is_kept_as_a_fact():
    """To fields and back through the text of an event, rules and all."""
    python = PythonRule("mine", lambda record: record["amount"] is not None)
    made = proposed(old=rules("0.15", python), new=rules("0.10", python))
    tried = confirm(made, Trial(judged=100, blocked=30, well=3), now=AUGUST)
    for one in (made, tried, proposed(answer="did not")):
        event = Edited(id="I-1#9", case="I-1", at=JULY, recorded=JULY, data={"standard": one.to_fields()})
        read = from_json(to_json(event)).data["standard"]
        again = Standard.from_fields(read, python=[python])
        assert again == one
        assert str(again) == str(one)
    with pytest.raises(InvalidValue, match="lack decided"):
        Standard.from_fields({name: value for name, value in made.to_fields().items() if name != "decided"})
    with pytest.raises(InvalidValue, match="are no parts"):
        Standard.from_fields(made.to_fields() | {"colour": "red"}, python=[python])


def test_what_is_said():
    """In both languages, and in no other."""
    made = proposed()
    assert str(made).startswith("deals: in shadow; shadow until 2026-08-01, in force from 2026-09-01.")
    assert "On history: of 16 records 5 would be stopped that were not (amount 650), 0 no longer." in str(made)
    assert "变化：limit" in made.to_text("zh")
    assert "历史回放：16 条记录中新拦截 5 条（" not in str(made)
    assert attrs.evolve(made, weight=None, blocked_weight=None).to_text("zh").count("amount") == 0
    with pytest.raises(NotFound, match="language"):
        made.to_text("fr")
