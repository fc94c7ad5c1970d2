"""Conformance: every kind of deviation against a slow judge that looks at one stay at a time."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import EPOCH, ROLES, in_force, slow
from logs import DAY, STAGES, Stay, applications, by_case, journal_of, read, runs

from crmkit.calendars import BusinessCalendar
from crmkit.errors import InvalidValue, NotFound
from crmkit.pipeline import Approval, Clock, Move, Panel, Pipeline, Stage
from crmkit.pipeline.conform import VERDICTS, conform, what_if
from crmkit.pipeline.limits import Limit
from crmkit.pipeline.versions import Versions
from crmkit.rules.ruleset import Rule, RuleSet
from crmkit.rules.schema import Field, Schema


@attrs.frozen
class Loose:
    """What has eras counts as the versions of a pipeline, in whatever order."""

    eras: tuple[tuple[datetime | None, Pipeline], ...]


def trusted(attempt):
    """A guard, which no journal can show."""
    return True


OLD = Pipeline(
    "old",
    ["lead", Stage("offer", requires=["region", "amount"]), Stage("talk", limit="10 days"),
     Stage("deal", requires=["phone"]), Stage("won", "won"), Stage("lost", "lost", requires=["reason"])],
    {
        "lead": {"offer": "offer", "lose": "lost"},
        "offer": {"talk": Move("talk", requires=["source", "fax"]), "call": Move("talk", requires="source"), "lose": "lost"},
        "talk": {"agree": Move("deal", roles=("manager",)), "again": "offer"},
        "deal": {"sign": Move("won", guard=trusted), "lose": Move("lost", roles=("boss", "manager"))},
        "lost": {"reopen": "lead"},
    },
)  # fmt: skip
NEW = Pipeline(
    "new",
    [Stage("offer", limit="4.5 days"), "deal", Stage("won", "won"), Stage("gone", "cancelled")],
    {"offer": {"agree": "deal", "again": "offer", "drop": "gone"}, "deal": {"sign": "won", "back": "offer"}},
)


def eras(*pairs):
    """Versions by the day they came into force."""
    return Versions(tuple((None if day is None else EPOCH + timedelta(days=day), law) for day, law in pairs))


@st.composite
def flawed(draw):
    """Runs of stays, some of which end at another time or lead to another stage than the next one says."""
    stays = draw(runs(stages=(*STAGES, "gone")))
    for i in draw(st.lists(st.integers(0, len(stays) - 1), max_size=3)):
        s = stays[i]
        if s.left is not None:
            left = s.left + draw(st.integers(-3, 3))
            stays[i] = s._replace(left=left, next=draw(st.sampled_from([s.next, *STAGES])))
    return stays


def told(found):
    """Deviations as the slow judge writes them."""
    return Counter(
        (d.row, d.kind, d.stage, d.next, (d.at - EPOCH) / timedelta(days=1), d.who, d.late) for d in found.deviations
    )


def cells(draw, stays):
    """A column of texts, some missing and some blank."""
    some = st.sampled_from([None, "", " ", "x"])
    return draw(st.lists(some, min_size=len(stays), max_size=len(stays)))


VERSIONS = st.sampled_from([
    eras((None, OLD)), eras((None, OLD), (20, NEW)), eras((5, NEW)), eras((3, OLD), (10, NEW), (25, OLD)),
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(flawed(), VERSIONS, st.data())
def test_deviations_are_those_of_a_slow_judge(stays, versions, data):
    """Kind, place, time, person and days late of every deviation, and the verdict on every case."""
    texts = {name: cells(data.draw, stays) for name in ("region", "source")}
    amount = data.draw(st.lists(st.none() | st.integers(0, 5), min_size=len(stays), max_size=len(stays)))
    journal = journal_of(stays, dims=texts, amount=amount)
    found = conform(journal, versions, roles=ROLES)
    fields = {**texts, "amount": [None if a is None else "x" for a in amount]}
    assert told(found) == Counter(slow(stays, versions, fields))
    bad = {d.case for d in found.deviations}
    expected = {case: "deviating" if case in bad else verdict(run, versions) for case, run in by_case(stays).items()}
    for name in VERDICTS:
        assert set(found.cases(name)) == {case for case, one in expected.items() if one == name}
        assert found.counts[name] == len(found.cases(name))
    assert found.share == pytest.approx(1 - len(bad) / len(expected))
    unjudged = sum(in_force(versions, s.entered) is None for s in stays)
    assert found.not_checked.get("entries before the first version", 0) == unjudged


def verdict(run, versions):
    """What is said of a case that has not deviated."""
    last = run[-1]
    final, day = (last.stage, last.entered) if last.next is None else (last.next, last.left)
    law = in_force(versions, day)
    return "conforming" if law and final in [s.name for s in law.stages if s.outcome] else "conforming so far"


@settings(max_examples=60, deadline=None)
@given(flawed(), st.sampled_from([eras((None, OLD)), eras((None, OLD), (20, NEW)), eras((5, NEW))]))
def test_counts_are_those_of_the_deviations(stays, versions):
    """By kind, by person and by version: counts and cases of the listed deviations, and all entries."""
    found = conform(journal_of(stays), versions)
    rows = found.deviations.rows
    laws = [in_force(versions, s.entered) for s in stays]
    for shares, key, entries in (
        (found.by_kind(), lambda d: d.kind, dict.fromkeys({d.kind for d in rows}, len(stays))),
        (found.by_who(), lambda d: d.who, Counter(s.who for s in stays)),
        (found.by_version(), lambda d: d.version, Counter(law and law.definition for law in laws)),
    ):
        assert {r.of: r.deviations for r in shares if r.deviations} == Counter(key(d) for d in rows)
        assert {r.of: r.entries for r in shares if r.entries} == entries
        for share in shares:
            assert share.cases == len({d.case for d in rows if key(d) == share.of})
    assert len(found) == len(rows)


def test_every_kind_has_its_words():
    """The details name what is missing, skipped, allowed; the summary counts and says what was not checked."""
    stays = [
        Stay("1", "lead", 0, 1, "talk", "li"), Stay("1", "talk", 1, 20, "deal", "li"), Stay("1", "deal", 20, 21, "won", "li"),
        Stay("1", "won", 21, 22, "lead", "zoe"), Stay("1", "lead", 22, 23, "lead", "zoe"), Stay("1", "lead", 25, None, None, None),
        Stay("2", "offr", 0, 1, "offer", "li"), Stay("2", "offer", 1, 2, "lead", "li"), Stay("2", "lead", 2, 3, "deal", "li"),
        Stay("2", "deal", 3, 4, "lost", None), Stay("2", "lost", 4, None, None, "wei"),
        Stay("3", "talk", 0, None, None, "li"), Stay("4", "lead", 0, 1, "lost", "li"),
    ]  # fmt: skip
    found = conform(journal_of(stays, dims={"region": [None] * len(stays)}), OLD, roles=ROLES)
    details = {(d.case, d.kind): d.detail for d in found.deviations}
    assert details == {
        ("1", "skip"): "skips 'offer'",
        ("1", "breached limit"): "limit 10 days",
        ("1", "wrong role"): "'talk' to 'deal' needs role manager; 'li' has rep",
        ("1", "resurrected"): "no move leads from 'won' to 'lead'",
        ("1", "illegal move"): "no move leads from 'lead' to 'lead'",
        ("1", "time order"): "leaves a gap before the next stay",
        ("2", "unknown stage"): "the pipeline has no stage 'offr' (did you mean 'offer'?)",
        ("2", "missing field"): "'region' is empty",
        ("2", "backward"): "no move leads from 'offer' to 'lead'",
        ("2", "skip"): "skips 'offer', 'talk'",
        ("3", "wrong start"): "a case starts in 'lead'",
        ("3", "open too long"): "limit 10 days",
    }
    assert found.not_checked == {
        "field 'amount': the journal has no such column": 1,
        "field 'phone': the journal has no such column": 2,
        "field 'reason': the journal has no such column": 1,
        "guard trusted for 'deal' to 'won': guards are not run on a journal": 1,
    }
    lines = str(found).splitlines()
    assert lines[0] == "4 cases: 1 conforming, 0 conforming so far, 3 deviating"
    assert "skip: 2 in 2 cases" in lines
    assert lines[-1].startswith("not checked: guard trusted")
    assert found.to_frame("pandas").shape == (len(found), 10)
    with pytest.raises(NotFound, match="no verdict 'fine'"):
        found.cases("fine")


def test_roles_that_are_not_known_are_said():
    """Without roles=, or for somebody it does not name, nothing is assumed."""
    stays = [Stay("1", "lead", 0, 1, "offer", None), Stay("1", "offer", 1, 2, "talk", None),
             Stay("1", "talk", 2, 3, "deal", "li"), Stay("1", "deal", 3, 4, "lost", "zoe"), Stay("1", "lost", 4, None, None, None)]  # fmt: skip
    assert conform(journal_of(stays), OLD).not_checked["role for 'talk' to 'deal': roles= was not given"] == 1
    said = conform(journal_of(stays), OLD, roles={"wei": "boss"}).not_checked
    assert said["role for 'talk' to 'deal': 'zoe' is not known"] == 1
    assert said["role for 'deal' to 'lost': the person is not known"] == 1
    none = conform(journal_of(stays), OLD, roles={"zoe": ()}).deviations
    assert [d.detail for d in none] == ["'talk' to 'deal' needs role manager; 'zoe' has none"]


def test_what_a_journal_cannot_show_is_said():
    """Guards, approvals, clocks and rules are named, with the entries that they would have been asked about."""
    schema = Schema([Field("discount", "decimal")])
    kept = Rule("small", "discount <= 1")
    law = Pipeline(
        "p", ["lead", Stage("won", "won")],
        {"lead": {"sign": Move("won", guard=["discount <= 0.15", Rule("half", "discount <= 0.5"), trusted], approval="chief")}},
        schema=schema, rules=RuleSet("kept", schema, [kept]), approvals=[Approval("chief", [Panel(["boss"])])],
        clocks=[Clock("first answer", "4 hours", stop='stage = "won"')],
    )  # fmt: skip
    stays = [
        Stay("1", "lead", 0, 1, "won", None),
        Stay("1", "won", 1, None, None, None),
        Stay("2", "lead", 0, None, None, None),
    ]
    found = conform(journal_of(stays), law)
    assert found.not_checked == {
        "guard discount <= 0.15 or half or trusted for 'lead' to 'won': guards are not run on a journal": 1,
        "approval for 'lead' to 'won': approvals are not in a journal": 1,
        "clock 'first answer': clocks are not run on a journal": 3,
        "rules: they are not run on a journal": 3,
    }
    assert found.share == 1.0


def test_entries_without_a_stay_are_said():
    """A journal that ends with the move to a stage cannot show the fields of the entry."""
    stays = [Stay("1", "lead", 0, 1, "offer", None)]
    found = conform(journal_of(stays, dims={"region": ["x"]}, stages=("lead", "offer")), OLD)
    assert found.not_checked["field 'region': entries without a stay"] == 1


def test_business_limits_need_a_calendar_and_use_it():
    """Three business days from a Friday end on Wednesday."""
    slow_ = Pipeline("p", [Stage("lead", limit="3 business days"), Stage("won", "won")], {"lead": {"sign": "won"}})
    friday = (date(2026, 3, 6) - date(1970, 1, 1)).days
    journal = journal_of(
        [Stay("1", "lead", friday, friday + 5, "won", None), Stay("2", "lead", friday, friday + 6, "won", None)], 90_000
    )
    with pytest.raises(InvalidValue, match="is needed for the business time limits of lead"):
        conform(journal, slow_)
    office = BusinessCalendar("office", tz="UTC", week={"mon-fri": "00:00-24:00"})
    assert [d.case for d in conform(journal, slow_, calendar=office).deviations] == ["2"]


def test_an_earlier_view_knows_less():
    """As of a day the stays that had not ended then last, and what came later is not judged."""
    stays = [Stay("1", "lead", 0, 3, "deal", None), Stay("1", "deal", 3, None, None, None)]
    assert len(conform(journal_of(stays), OLD, as_of=EPOCH + timedelta(days=2))) == 0
    assert len(conform(journal_of(stays), OLD)) == 1
    late = [
        Stay("1", "lead", 0, 1, "offer", None),
        Stay("1", "offer", 1, 2, "talk", None),
        Stay("1", "talk", 2, None, None, None),
    ]
    for day, n in ((12, 0), (13, 1)):
        assert len(conform(journal_of(late, until=5), OLD, as_of=EPOCH + timedelta(days=day))) == n


def test_what_is_no_pipeline_is_refused():
    """Neither a text, nor versions out of order, nor none of them."""
    journal = journal_of([Stay("1", "lead", 0, None, None, None)])
    five = EPOCH + timedelta(days=5)
    for wrong in ("sales", Loose(()), Loose(((five, OLD), (None, NEW))), Loose(((five, OLD), (five, NEW)))):
        with pytest.raises(InvalidValue):
            conform(journal, wrong)


def test_an_empty_journal_conforms():
    """No cases, no deviations, and no share of them."""
    none = journal_of([Stay("1", "lead", 0, 1, "offer", "li")])[np.zeros(0, np.int64)]
    found = conform(none, OLD, roles=ROLES)
    assert (found.n, len(found), sum(found.counts.values())) == (0, 0, 0)
    assert np.isnan(found.share)
    assert len(what_if(none, NEW, pipeline=OLD).rows) == 0


A_STAGES = Pipeline(
    "applications",
    ["A_SUBMITTED", "A_PARTLYSUBMITTED", Stage("A_PREACCEPTED", limit="2 days"), "A_ACCEPTED", "A_FINALIZED", "A_APPROVED",
     "A_REGISTERED", Stage("A_ACTIVATED", "won"), Stage("A_DECLINED", "lost"), Stage("A_CANCELLED", "cancelled")],
    {
        "A_SUBMITTED": {"complete": "A_PARTLYSUBMITTED"},
        "A_PARTLYSUBMITTED": {"accept": "A_PREACCEPTED", "decline": "A_DECLINED"},
        "A_PREACCEPTED": {"accept": "A_ACCEPTED", "decline": "A_DECLINED", "cancel": "A_CANCELLED"},
        "A_ACCEPTED": {"finalize": "A_FINALIZED"},
        "A_FINALIZED": {"approve": "A_APPROVED", "decline": "A_DECLINED", "cancel": "A_CANCELLED"},
        "A_APPROVED": {"register": "A_REGISTERED"},
        "A_REGISTERED": {"activate": "A_ACTIVATED"},
    },
)  # fmt: skip


def test_real_applications_against_a_definition_written_by_hand(shared):
    """Of a real log, the slow judge finds the same: people approve, register and activate in any order."""
    journal = read(applications(shared))
    names = [*journal.stages.values, None]
    start = int(journal.entered.min())
    stays = [
        Stay(case, stage, (entered - start) / DAY, None if left > journal.until else (left - start) / DAY, names[code], who)
        for case, stage, entered, left, code, who in zip(
            journal.cases.decode(), journal.stages.decode(), journal.entered.tolist(), journal.left.tolist(),
            journal.next.tolist(), journal.who.decode(), strict=True,
        )
    ]  # fmt: skip
    found = conform(journal, A_STAGES)
    expected = slow(stays, eras((None, A_STAGES)), {}, (journal.until - start) / DAY)
    assert Counter((d.row, d.kind, d.stage, d.next, d.who) for d in found.deviations) == Counter(
        (row, kind, stage, to, who) for row, kind, stage, to, _, who, _ in expected
    )
    assert {"skip", "resurrected", "breached limit"} <= {row.of for row in found.by_kind()}
    assert found.counts["conforming"] > 2_000


@settings(max_examples=100, deadline=None)
@given(flawed(), st.booleans())
def test_what_if_is_what_only_the_changed_definition_refuses(stays, against):
    """Refused: entries with a new deviation and no old one; late: likewise for limits. Without an old one, all."""
    journal = journal_of(stays)
    found = what_if(journal, NEW, pipeline=OLD if against else None)
    old = conform(journal, OLD).deviations.rows if against else ()
    late = ("breached limit", "open too long")

    known = {key for key, d in keyed(stays, old) if d.kind != "time order"}
    every = keyed(stays, conform(journal, NEW).deviations)
    new = [d for key, d in every if d.kind != "time order" and key not in known]
    assert [row.deviation for row in found.rows] == new
    assert [row.what for row in found.rows] == ["late" if d.kind in late else "refused" for d in new]
    refused = [row for row in found.rows if row.what == "refused"]
    assert found.refused == len({row.deviation.case for row in refused}) == sum(row.first for row in found.rows)
    assert found.late == len({d.case for d in new if d.kind in late})
    seen = set()
    for row in refused:
        assert row.first == (row.deviation.case not in seen)
        seen.add(row.deviation.case)


def keyed(stays, deviations):
    """Each deviation with the entry that it is about: its place in the case, and whether it is about a limit."""
    found, unknown = [], set()
    for d in deviations:
        run = by_case(stays)[d.case]
        place = next(i for i, s in enumerate(run) if s is stays[d.row])
        # A move is the entry into the stage it leads to; so is a stage that the case has no stay in.
        later = d.kind in ("skip", "backward", "illegal move", "resurrected")
        if d.kind == "unknown stage":
            later = stays[d.row].stage != d.stage or d.row in unknown
            unknown.add(d.row)
        found.append(((d.case, place + later, d.kind in ("breached limit", "open too long")), d))
    return found


def test_what_if_can_be_read():
    """The summary names the case, the first refused move, the day and the reason; the columns hold all refusals."""
    stays = [Stay("1", "lead", 0, 1, "offer", "li"), Stay("1", "offer", 1, 9, "lost", "li"),
             Stay("1", "lost", 9, 10, "lead", "li"), Stay("1", "lead", 10, None, None, "li")]  # fmt: skip
    changed = Pipeline(
        "changed", ["lead", Stage("offer", limit="5 days", requires="region"), "talk", Stage("won", "won"), Stage("lost", "lost")],
        {"lead": {"offer": "offer", "lose": "lost"}, "offer": {"talk": "talk"}, "talk": {"win": "won", "lose": "lost"}},
    )  # fmt: skip
    found = what_if(journal_of(stays), changed, pipeline=OLD)
    assert str(found).splitlines() == [
        "1 cases: 1 would have been refused, 1 late",
        "1: late at offer > lost on 1970-01-07: breached limit, limit 5 days",
        "1: refused at offer > lost on 1970-01-10: skip, skips 'talk'",
        "not checked: field 'region': the journal has no such column (1)",
    ]
    assert found.to_dict()["what"] == ["late", "refused", "refused"]
    assert found.to_dict()["first"] == [False, True, False]


def test_a_limit_is_not_breached_at_the_very_instant():
    """Who leaves when the time is up is in time."""
    law = Pipeline(
        "p", [Stage("lead", limit=str(Limit(Decimal(5), "day"))), Stage("won", "won")], {"lead": {"sign": "won"}}
    )
    assert [len(conform(journal_of([Stay("1", "lead", 0, day, "won", None)]), law)) for day in (5, 6)] == [0, 1]
