"""Who took a practice up: whoever moved or used the card; and what came of it, by the room's own verdict."""

from datetime import UTC, date, datetime, timedelta

import attrs
import numpy as np
import pytest
from scipy import stats

from crmkit.errors import InvalidValue, NotFound
from crmkit.events import Moved, Opened
from crmkit.improve import Hypothesis, practices, reuse, verify
from crmkit.journal import Journal, Ledger
from crmkit.kb.usage import CardUsed
from crmkit.metrics import Facts
from crmkit.model import Activity
from crmkit.values import Period

BEFORE, AFTER = Period(date(2026, 1, 1), date(2026, 4, 1)), Period(date(2026, 4, 1), date(2026, 7, 1))
END = datetime(2026, 10, 1, tzinfo=UTC)
KEY = "first contact within 1 d"
HOUR = timedelta(hours=1)


def world(adopters=("p1", "p2", "p3"), *, gain=0.35, uses=(), cases=60, seed=0):
    """p0 answers within a day all along, the adopters from spring on, and quick answers win more."""
    rng = np.random.default_rng(seed)
    stays, done = [], []
    for period in (BEFORE, AFTER):
        start = datetime.combine(period.start, datetime.min.time(), UTC)
        for who in (f"p{number}" for number in range(9)):
            quickly = 0.95 if who == "p0" or (who in adopters and period is AFTER) else 0.25 + 0.01 * int(who[1])
            for number in range(cases):
                begin, case = start + timedelta(days=number * 80 / cases), f"{who}-{period.start}-{number}"
                quick = number < round(quickly * cases)
                won = rng.random() < 0.25 + gain * quick
                done.append(Activity(id=f"A-{case}", at=begin + (5 if quick else 53) * HOUR, case=case, who=who))
                stays.append((case, "offer", begin, who))
                stays.append((case, "won" if won else "lost", begin + timedelta(days=8), who))
    frame = {name: [row[place] for row in stays] for place, name in enumerate(("case", "stage", "at", "who"))}
    journal = Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", as_of=END)
    used = [
        CardUsed(id=f"U-{n}", at=datetime(2026, 5, 1, tzinfo=UTC), card="K-1", who=who) for n, who in enumerate(uses)
    ]
    return Facts(journal=journal, ledger=Ledger.from_facts([*done, *used]), stages=["offer", "won", "lost"])


@pytest.fixture(scope="module")
def spread():
    """A world in which three took it up, and what was found in it before."""
    facts = world(uses=("p4", "p4", "p0"))
    return facts, practices(facts, "p0", stage="offer", over=BEFORE)


def test_who_took_it_up(spread):
    """Those who moved and those who used the card; the star does not count."""
    facts, found = spread
    assert [row.key for row in found.differences] == [KEY]
    got = reuse(found, facts, after=AFTER, now=END, effect=0.05, card="K-1")
    assert got.taken_up == ("p1", "p2", "p3", "p4")
    assert got.used == {"p4": 2}
    moved = {row.who: row for row in got.rows}
    assert "p0" not in moved
    assert {who for who, row in moved.items() if row.moved} == {"p1", "p2", "p3"}
    row = moved["p1"]
    assert (row.before, row.after) == (round(0.26 * 60) / 60, round(0.95 * 60) / 60)
    assert row.low < row.after - row.before < row.high
    assert moved["p5"].low < 0 < moved["p5"].high
    # By hand: the arcsine of the root has a variance of 1 / (4 n).
    a, b = (np.arcsin(np.sqrt((x + 0.375) / 60.75)) for x in (16, 57))
    half = stats.norm.ppf(0.975) * np.sqrt(2 / 242)
    assert (row.low, row.high) == pytest.approx(
        (np.sin(b - half) ** 2 - 16 / 60, np.sin(min(b + half, np.pi / 2)) ** 2 - 16 / 60)
    )
    assert row.q == pytest.approx(min(2 * stats.norm.sf((b - a) / np.sqrt(2 / 242)) * 8 / 3, 1.0), rel=1e-4, abs=1e-9)
    assert "p0" not in got.used


def test_the_verdict_is_that_of_verify(spread):
    """All who took it up together against all who did not; the star is in neither group."""
    facts, found = spread
    got = reuse(found, facts, after=AFTER, now=END, effect=0.05)
    assert got.verdict.answer == "worked"
    assert got.why == ("", "")
    groups = {"p0": None, **{f"p{n}": "taken up" if n in (1, 2, 3) else "not taken up" for n in range(1, 9)}}
    column = facts.journal.who.recode_by({who: name for who, name in groups.items() if name})
    known = attrs.evolve(facts, journal=attrs.evolve(facts.journal, dims={"practice": column}))
    claim = Hypothesis(
        "stage_conversion", {"practice": "taken up", "stage": "offer"}, effect=0.05, before=BEFORE, after=AFTER,
        design="against others", against={"practice": "not taken up"},
    )  # fmt: skip
    assert got.verdict == verify(claim, known, now=END)
    assert got.verdict.n_before == got.verdict.n_after == 180


def test_what_brings_nothing_is_not_called_a_success():
    """Three who take up what drives nothing are seen to have moved, and that is all."""
    facts = world(gain=0.0, seed=3)
    found = practices(facts, "p0", stage="offer", over=BEFORE)
    got = reuse(found, facts, after=AFTER, now=END, effect=0.15)
    assert got.taken_up == ("p1", "p2", "p3")
    assert got.verdict.answer != "worked"


def test_what_is_said(spread):
    """In both languages: who, how far, how often, the verdict, and that they chose to."""
    facts, found = spread
    got = reuse(found, facts, after=AFTER, now=END, effect=0.05, card="K-1")
    assert str(got).startswith("Taken up by 4: p1, p2, p3, p4.\np1: first contact within 1 d, 0.267 -> 0.95.")
    assert "p4: used the card 2 times." in str(got)
    assert "It worked" in str(got)
    assert "no experiment" in str(got)
    chinese = got.to_text("zh")
    assert chinese.startswith("采用者 4 人：p1、p2、p3、p4。")
    assert "p4：使用卡片 2 次。" in chinese
    assert "有效" in chinese
    assert "而非实验" in chinese
    with pytest.raises(NotFound, match="language"):
        got.to_text("fr")


def test_nobody_and_too_early(spread):
    """Nothing to verify, and why."""
    facts = world(adopters=())
    found = practices(facts, "p0", stage="offer", over=BEFORE)
    nobody = reuse(found, facts, after=AFTER, now=END, effect=0.05, card="K-1")
    assert (nobody.taken_up, nobody.verdict, nobody.used) == ((), None, {})
    assert str(nobody) == "Nobody took it up."
    assert nobody.to_text("zh") == "无人采用。"
    facts, found = spread
    late = Period(date(2026, 6, 1), date(2026, 9, 1))
    early = reuse(found, facts, after=late, now=datetime(2026, 6, 1, 12, tzinfo=UTC), effect=0.05, card="K-1")
    assert (early.taken_up, early.verdict) == ((), None)
    used = attrs.evolve(facts, ledger=Ledger.joined([facts.ledger, Ledger.from_facts(
        [CardUsed(id="U-9", at=datetime(2026, 6, 1, 9, tzinfo=UTC), card="K-1", who="p5")]
    )]))  # fmt: skip
    early = reuse(found, used, after=late, now=datetime(2026, 6, 1, 12, tzinfo=UTC), effect=0.05, card="K-1")
    assert (early.taken_up, early.verdict) == (("p5",), None)
    assert str(early).endswith("Nothing can have come of it yet.")
    assert early.to_text("zh").endswith("尚不可能产生效果。")


def test_whole_cases_and_what_is_no_longer_done(spread):
    """Without a stage the win rate is the figure; what was not seen after tells nothing of who moved."""
    facts, _ = spread
    found = practices(facts, "p0", over=BEFORE)
    got = reuse(found, facts, after=AFTER, now=END, effect=0.05)
    assert got.verdict.claim.metric.key == "win_rate"
    silent = attrs.evolve(facts, ledger=facts.ledger.within(BEFORE, "UTC"))
    gone = reuse(found, silent, after=AFTER, now=END, effect=0.05)
    assert gone.rows == ()
    bare = attrs.evolve(facts, ledger=None)
    assert reuse(found, bare, after=AFTER, now=END, effect=0.05, card="K-1").rows == ()


def test_as_known_then():
    """What was recorded later than that is not there."""
    first = datetime(2026, 1, 5, tzinfo=UTC)
    events = []
    for who in range(9):
        for number in range(30):
            case, at = f"p{who}-{number}", first + timedelta(days=number)
            events.append(Opened(id=f"{case}#1", case=case, at=at, recorded=at, who=f"p{who}", stage="offer"))
            ended = at + timedelta(days=9)
            events.append(Moved(
                id=f"{case}#2", case=case, at=ended, recorded=ended, who=f"p{who}", move="won", origin="offer",
                entered=at, held_by=f"p{who}", stage="won",
            ))  # fmt: skip
    done = [
        Activity(id=f"{one.id}", case=one.case, at=one.at + (1 if one.case < "p1" or n % 3 == 0 else 49) * HOUR)
        for n, one in enumerate(events)
        if isinstance(one, Opened)
    ]
    facts = Facts(events=events, ledger=Ledger.from_facts(done), stages=["offer", "won", "lost"])
    found = practices(facts, "p0", stage="offer", over=BEFORE)
    assert [row.key for row in found.differences] == [KEY]
    uses = Ledger.from_facts([
        CardUsed(id="U", at=datetime(2026, 4, 9, tzinfo=UTC), recorded=datetime(2026, 6, 1, tzinfo=UTC), card="K", who="p1")
    ])  # fmt: skip
    with_uses = attrs.evolve(facts, ledger=Ledger.joined([facts.ledger, uses]))
    asked = {"after": AFTER, "now": datetime(2026, 7, 2, tzinfo=UTC), "effect": 0.1, "card": "K"}
    assert reuse(found, with_uses, **asked).taken_up == ("p1",)
    assert reuse(found, with_uses, **asked, as_known_at=datetime(2026, 5, 1, tzinfo=UTC)).taken_up == ()


def test_what_is_asked_badly(spread):
    """Each with its reason."""
    facts, found = spread
    asked = {"after": AFTER, "now": END, "effect": 0.05}
    with pytest.raises(InvalidValue, match="all time"):
        reuse(practices(facts, "p0", stage="offer"), facts, **asked)
    with pytest.raises(InvalidValue, match="nothing to take up"):
        reuse(practices(facts, "p7", stage="offer", over=BEFORE), facts, **asked)
    with pytest.raises(InvalidValue, match="begins before"):
        reuse(found, facts, **asked | {"after": BEFORE})
