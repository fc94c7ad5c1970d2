"""What a report of practices says, its card, and the questions that are refused."""

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.events import Edited, Moved, Opened, from_json, to_json
from crmkit.improve import practices
from crmkit.improve.practices import Practices
from crmkit.kb.cards import Source, Viewer, visible
from crmkit.metrics import Facts
from crmkit.testing.practising import office
from crmkit.values import Period

START = datetime(2026, 1, 5, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PLANTED = "first contact within 1 d"


def told(made):
    """An office as facts."""
    return Facts(ledger=made.ledger, journal=made.journal, stages=["offer", "won", "lost"])


# -- what it says


def test_what_is_said():
    """Evidence in both languages, never proof."""
    made = office(seed=5, lunch=True)
    found = practices(told(made), made.star)
    english, chinese = str(found), found.to_text("zh")
    assert "An association, not a proof" in english
    assert "并非" in chinese or "而非证明" in chinese
    assert "First contact within 1 d: p0 0.8 (n = 40)" in english
    assert "Among the others success went along with it" in english
    assert "did not clearly go along with it" in english
    assert "1 天内首次接触：p0 为 0.8（n = 40）" in chinese
    assert "其他人中与成功相关" in chinese
    assert "其他人中未见明显与成功相关" in chinese
    with pytest.raises(NotFound, match="language"):
        found.to_text("fr")


def test_nothing_and_too_little_are_said():
    """A report that names nothing says why."""
    nothing = practices(told(office(seed=2, planted=False)), "p0", stage="offer")
    assert "In none of 22 things looked at does p0 differ more than persons do." in str(nothing)
    assert "22 项中" in nothing.to_text("zh")
    assert nothing.differences == ()
    few = practices(told(office(seed=2, people=3)), "p0", stage="offer")
    assert "Too little data" in str(few)
    assert "数据不足" in few.to_text("zh")
    assert (few.judged, few.success.others, few.row(PLANTED).q) == (0, None, None)
    short = practices(told(office(seed=2, cases=5)), "p0", stage="offer")
    assert short.judged == 0
    assert short.success.persons == 0


def test_whoever_did_nothing_has_no_figures():
    """A star without a case in the period is known, and nothing is said of them."""
    made = office(seed=4)
    late = Period(date(2027, 1, 1), date(2027, 2, 1))
    found = practices(told(made), "p0", stage="offer", over=late)
    assert (found.rows, found.usual, found.success.star) == ((), None, None)
    assert str(found).startswith("Too little data: 0 cases of p0")
    assert found.to_text("zh").startswith("数据不足")


def test_success_that_cannot_be_told():
    """Where too few cases of the others ended, it is not said whether success goes along."""
    made = office(seed=0, cases=12, people=40)
    over = Period(date(2026, 1, 5), date(2026, 9, 1))
    facts = told(made)
    found = practices(facts, made.star, stage="offer", over=over)
    row = found.row(PLANTED)
    assert row.differs
    bare = attrs.evolve(found, rows=(attrs.evolve(row, along=None, along_low=None, along_high=None),))
    assert "cannot be told" in str(bare)
    assert "尚无法判断" in bare.to_text("zh")


def test_it_is_kept_as_a_fact():
    """To fields and back through the text of an event."""
    facts = told(office(seed=0))
    for over in (None, Period(date(2026, 1, 5), date(2026, 7, 1))):
        found = practices(facts, "p0", stage="offer", over=over)
        event = Edited(id="I-1#4", case="I-1", at=START, recorded=START, data={"practices": found.to_fields()})
        read = from_json(to_json(event)).data["practices"]
        assert Practices.from_fields(read) == found
        assert str(Practices.from_fields(read)) == str(found)
    for wrong in ({"star": "p0"}, found.to_fields() | {"rows": [{"key": "x"}]}, found.to_fields() | {"colour": 1}):
        with pytest.raises(InvalidValue, match="not those of a report"):
            Practices.from_fields(wrong)


# -- the card


def test_the_card():
    """A draft of its author, with the figures as evidence and what is not known said."""
    made = office(seed=6, lunch=True)
    found = practices(told(made), made.star, stage="offer")
    card = found.to_card("K-1", author="li", case="I-7", links=[Source("case", "I-7")])
    assert (card.state, card.audience, card.author, card.case, card.stage) == (
        "work in progress", "author", "li", "I-7", "offer",
    )  # fmt: skip
    assert not visible(card, Viewer(who="bo", staff=True), END)
    assert card.evidence[0] == Source("figure", found.definition, PLANTED)
    assert card.evidence[-1] == Source("case", "I-7")
    assert card.title == "How p0 works: first contact within 1 d"
    assert "Also different, without a sign that it matters: contacts from" in card.solution
    assert "Not known" in card.cause
    assert "verify afterwards" in card.solution
    chinese = found.to_card("K-2", lang="zh")
    assert chinese.language == "zh"
    assert chinese.title == "p0 的做法：1 天内首次接触"
    assert "另有不同" in chinese.solution
    assert "尚不清楚" in chinese.cause
    habits = attrs.evolve(found, rows=tuple(attrs.evolve(row, supported=False) for row in found.rows))
    assert "contacts from 12 to 14 o'clock" in habits.to_card("K-3").title
    with pytest.raises(NotFound, match="language"):
        found.to_card("K-4", lang="fr")


def test_no_card_of_nothing():
    """Where nothing is named there is nothing to share."""
    found = practices(told(office(seed=2, planted=False)), "p0", stage="offer")
    with pytest.raises(InvalidValue, match="nothing to tell"):
        found.to_card("K-1")


# -- what is asked


def test_bad_questions_are_refused():
    """Each with its place and what is allowed."""
    facts = told(office(seed=4))
    with pytest.raises(InvalidValue, match="journal"):
        practices(Facts(ledger=facts.ledger), "p0")
    with pytest.raises(NotFound, match="p99"):
        practices(facts, "p99")
    with pytest.raises(NotFound, match="stage"):
        practices(facts, "p0", stage="nowhere")
    with pytest.raises(InvalidValue, match="is closed"):
        practices(facts, "p0", stage="won")
    with pytest.raises(NotFound, match="column"):
        practices(facts, "p0", column="team")
    with pytest.raises(InvalidValue, match="first"):
        practices(facts, "p0", first=timedelta(0))
    with pytest.raises(InvalidValue, match="again"):
        practices(facts, "p0", again=-DAY)
    with pytest.raises(InvalidValue, match="rate"):
        practices(facts, "p0", rate=0.0)
    with pytest.raises(InvalidValue, match="level"):
        practices(facts, "p0", level=1.0)
    with pytest.raises(NotFound, match="trait"):
        practices(facts, "p0", stage="offer").row("juggling")


def test_as_of_an_instant_and_as_known_then():
    """What came later is not there; and without contacts there is only what the journal tells."""
    made = office(seed=4)
    facts = told(made)
    early = datetime(2026, 4, 1, tzinfo=UTC)
    found = practices(facts, "p0", stage="offer", as_of=early)
    assert found == practices(facts.as_of(early), "p0", stage="offer")
    assert found.rows != practices(facts, "p0", stage="offer").rows
    plain = practices(attrs.evolve(facts, ledger=attrs.evolve(facts.ledger, dims={})), "p0", stage="offer")
    assert [row.key for row in plain.rows if row.key.startswith("contacts a")][:2] == [
        "contacts a day",
        "contacts a case",
    ]
    bare = practices(Facts(journal=made.journal, stages=facts.stages), "p0", stage="offer")
    assert [row.key for row in bare.rows] == [f"over within {bare.usual} d"]
    opened = Opened(id="D#1", case="D", at=START, recorded=START, who="p0", stage="offer")
    moved = Moved(
        id="D#2", case="D", at=START + DAY, recorded=early, who="p0", move="won", origin="offer", entered=START,
        stage="won", held_by="p0",
    )  # fmt: skip
    told_late = Facts(events=[opened, moved], stages=["offer", "won", "lost"])
    assert practices(told_late, "p0", as_known_at=START + DAY).success.star is None
    assert practices(told_late, "p0", as_known_at=early).success.star == 1.0


def test_a_stage_that_nobody_was_in():
    """It is a stage of the process, and has no figures."""
    facts = attrs.evolve(told(office(seed=4)), stages=["offer", "talk", "won", "lost"])
    found = practices(facts, "p0", stage="talk")
    assert found.rows == ()


def test_by_another_column():
    """Teams stand out as people do."""
    made = office(seed=0)
    journal = attrs.evolve(made.journal, dims={"desk": made.journal.who})
    found = practices(attrs.evolve(told(made), journal=journal), "p0", stage="offer", column="desk")
    assert [row.key for row in found.differences] == [PLANTED]
    assert found.definition != practices(told(made), "p0", stage="offer").definition
