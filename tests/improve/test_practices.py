"""What whoever stands out does differently: recomputed by hand, found when planted, and silent when nothing is."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest
from scipy import stats

from crmkit.improve import practices
from crmkit.improve._compared import along, compared, people_of
from crmkit.improve._habits import habits_of
from crmkit.improve._windows import windows_of
from crmkit.journal import Journal, Ledger
from crmkit.kb.usage import CardUsed
from crmkit.metrics import Facts, StageOrder
from crmkit.model import Activity, Quote
from crmkit.model.deals import Dated
from crmkit.testing.practising import office

START = datetime(2026, 1, 5, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
STAGES = ["lead", "offer", "talk", "won", "lost"]
PLANTED = "first contact within 1 d"


def told(made):
    """An office as facts."""
    return Facts(ledger=made.ledger, journal=made.journal, stages=["offer", "won", "lost"])


class Paper(Dated):
    """A document that was used."""

    kind = "document-use"


@pytest.fixture(scope="module")
def world():
    """A few hundred cases through several stages, with everything that is looked at, as lists and as facts."""
    rng = np.random.default_rng(11)
    stays, done = [], []
    for number in range(260):
        who, at, stage, case = f"p{number % 6}", START + rng.random() * 70 * DAY, "lead", f"D-{number}"
        while stage is not None and at < END:
            stays.append((case, stage, at, who))
            if stage in ("won", "lost"):
                break
            at += timedelta(seconds=int(3600 * rng.integers(1, 400)))
            onward = {
                "lead": ["offer", "talk", "lost"],
                "offer": ["talk", "talk", "lead", "won", "lost"],
                "talk": ["won", "lost"],
            }
            stage = rng.choice(onward[stage]) if rng.random() < 0.9 else None
        for _ in range(rng.integers(0, 7)):
            when = START + rng.random() * 110 * DAY
            done.append((f"A-{len(done)}", when, case, ("call", "visit")[rng.integers(2)]))
    facts = [Activity(id=id_, at=at, case=case, channel=channel) for id_, at, case, channel in done]
    quotes = [Quote(id=f"Q-{n}", at=at + DAY, case=case) for n, (_, at, case, _) in enumerate(done) if n % 3 == 0]
    quotes += [attrs.evolve(one, at=one.at + DAY, revision=2) for one in quotes[::4]]
    uses = [CardUsed(id=f"U-{n}", at=at, case=case, card=f"K-{n % 2}") for n, (_, at, case, _) in enumerate(done[::5])]
    papers = [Paper(id=f"P-{n}", at=at, case=case) for n, (_, at, case, _) in enumerate(done[::7])]
    frame = {name: [row[place] for row in stays] for place, name in enumerate(("case", "stage", "at", "who"))}
    journal = Journal.from_frame(frame, case="case", stage="stage", at="at", who="who", stages=STAGES, as_of=END)
    ledger = Ledger.from_facts([*facts, facts[0], *quotes, *uses, *papers])
    return Facts(journal=journal, ledger=ledger, stages=STAGES, tz="Asia/Shanghai"), done, quotes, uses, papers


def stays_of(journal, stage=None):
    """The windows by hand: (case, who, begin, end, lasting, success, next stage) of a stage, or of whole cases."""
    rows = journal.to_dict()
    columns = zip(*(rows[name] for name in ("case", "stage", "entered", "left", "next", "who")), strict=True)
    rank = {name: place for place, name in enumerate(STAGES)}
    rows = sorted(columns, key=lambda row: (row[0], row[2]))
    if stage is not None:
        found = []
        for case, at_stage, entered, left, following, who in rows:
            if at_stage == stage:
                good = following == "won" or (following not in (None, "lost") and rank[following] > rank[stage])
                found.append((case, who, entered, left or END, left is None, good, following))
        return found
    by = {}
    for row in rows:
        by.setdefault(row[0], []).append(row)
    found = []
    for case, own in by.items():
        last = own[-1]
        closed = last[1] in ("won", "lost")
        end = last[2] if closed else END
        found.append((case, own[0][5], own[0][2], end, not closed, last[1] == "won", None))
    return found


def inside(stays, rows):
    """For each window the facts of its case that fall in it."""
    found = []
    for case, _, begin, end, lasting, *_ in stays:
        found.append([row for row in rows if row[2] == case and begin <= row[1] and (row[1] < end or lasting)])
    return found


def of_contacts(key, stay, rows, there):
    """Events and trials, or exposure, of one window in a habit of contacts."""
    _, _, begin, end, lasting, *_ = stay
    mine = sorted(row[1] for row in rows)
    count = sum(f"({row[3]})" in key for row in rows) if "(" in key else len(mine)
    if key.startswith("contacts a day"):
        return count, (end - begin) / DAY
    if key.startswith("contacts a case"):
        return (0, 0) if lasting else (count, 1)
    if key == PLANTED:
        watched = begin + DAY <= END
        return bool(watched and mine and mine[0] - begin <= DAY), watched
    if key.startswith("next contact"):
        gaps = [(after - at if after else None) for at, after in pairwise([*mine, None]) if at + 7 * DAY <= END]
        return sum(gap is not None and gap <= 7 * DAY for gap in gaps), len(gaps)
    clocks = [at.astimezone(there) for at in mine]
    if key.startswith("contacts from"):
        first, _, last = key.removeprefix("contacts from ").removesuffix(" o'clock").partition(" to ")
        return sum(int(first) <= at.hour < int(last) for at in clocks), len(mine)
    names = ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "weekends"]
    return sum(names[min(at.weekday(), 5)] in key for at in clocks), len(mine)


def of_cases(key, stay, got):
    """The same of one window in all other habits."""
    _, _, begin, end, lasting, *_ = stay
    if key.startswith("over within"):
        span = int(key.split()[2]) * DAY
        watched = begin + span <= END
        return watched and not lasting and end - begin <= span, watched
    if lasting:
        return 0, 0
    if key == "quotes a case":
        return len(got["quotes"]), 1
    if key == "document used":
        return bool(got["papers"]), 1
    cards, named = {row[3] for row in got["cards"]}, key.removeprefix("card used").removeprefix(": ")
    return bool(cards) if not named else named in cards, 1


def by_hand(key, world, stays):
    """Sum of events and of trials or exposure for each person, from the definition of a habit in words."""
    facts, done, quotes, uses, papers = world
    flat = {
        "contacts": done,
        "quotes": [(one.id, one.at, one.case, "") for one in quotes],
        "cards": [(one.id, one.at, one.case, one.card) for one in uses],
        "papers": [(one.id, one.at, one.case, "") for one in papers],
    }
    got = {name: inside(stays, rows) for name, rows in flat.items()}
    total = {}
    for place, stay in enumerate(stays):
        mine = {name: rows[place] for name, rows in got.items()}
        if "contact" in key:
            x, e = of_contacts(key, stay, mine["contacts"], ZoneInfo(facts.tz))
        else:
            x, e = of_cases(key, stay, mine)
        known = total.setdefault(stay[1], [0.0, 0.0])
        known[0] += x
        known[1] += e
    return total


@pytest.mark.parametrize("stage", ["offer", "lead", None])
def test_every_figure_is_that_of_its_words(world, stage):
    """Each feature, added up for each person by plain loops over lists, is what is compared."""
    facts = world[0]
    found = practices(facts, "p0", stage=stage)
    stays = stays_of(facts.journal, stage)
    order = StageOrder.of(facts.stages, facts.journal)
    windows, _ = windows_of(facts.journal, order, stage=stage, column="who", over=None, tz=facts.tz)
    assert len(windows) == len(stays)
    habits = [*habits_of(windows, facts.ledger, tz=facts.tz, first=DAY, again=7 * DAY, usual=found.usual)]
    assert {"contacts a day (visit)", "quotes a case", "card used", "document used"} <= {one.key for one in habits}
    assert stage is not None or "card used: K-1" in {one.key for one in habits}
    assert len({one.key for one in habits}) == len(habits) >= 20
    for habit in habits:
        people = people_of(habit, windows.who.codes, len(windows.who.values))
        wanted = by_hand(habit.key, world, stays)
        for code, who in enumerate(windows.who.values):
            x, e = wanted[who]
            assert people.value[code] == pytest.approx(x / e if e else np.nan, nan_ok=True), (habit.key, who)
        assert found.row(habit.key).star == pytest.approx(wanted["p0"][0] / wanted["p0"][1])


def test_moves_by_hand(world):
    """Ways out of a stage that are not the usual one, of those that advanced; ways back, of those that ended."""
    facts = world[0]
    found = practices(facts, "p0", stage="lead")
    stays = [row for row in stays_of(facts.journal, "lead") if row[1] == "p0"]
    counts = Counter(row[6] for row in stays if row[5])
    usual = counts.most_common(1)[0][0]
    other = "talk" if usual == "offer" else "offer"
    row = found.row(f"lead -> {other}")
    assert row.star == counts[other] / counts.total()
    assert ("skipping offer" in row.name[0]) == (other == "talk")
    offers = [row for row in stays_of(facts.journal, "offer") if row[1] == "p0" and not row[4]]
    back = practices(facts, "p0", stage="offer").row("back from offer")
    assert (back.star, back.n) == (sum(row[6] == "lead" for row in offers) / len(offers), len(offers))
    everywhere = {row.key for row in practices(facts, "p0").rows}
    assert {"back from offer", f"lead -> {other}"} <= everywhere
    # Whoever goes on to "won" has won: that success goes along with it tells nothing.
    assert practices(facts, "p0", stage="offer").row("offer -> won").along is None


def test_the_comparison_is_the_prediction_of_one_more_person():
    """With persons known alike it is the t test of one draw against the others, on the steadied scale."""
    made = office(seed=1, cases=30)
    facts = told(made)
    order = StageOrder.of(facts.stages, facts.journal)
    windows, _ = windows_of(facts.journal, order, stage="offer", column="who", over=None, tz="UTC")
    [habit] = [
        one
        for one in habits_of(windows, facts.ledger, tz="UTC", first=DAY, again=DAY, usual=None)
        if one.key == PLANTED
    ]
    people = people_of(habit, windows.who.codes, 9)
    found = compared(people, 0, "share", 0.95)
    y = np.arcsin(np.sqrt((people.value * 30 + 0.375) / 30.75))
    spread = max(float(np.var(y[1:], ddof=1)), 1.0 / 122.0)
    t = (y[0] - y[1:].mean()) / np.sqrt(spread * (1.0 + 1.0 / 8.0))
    assert people.variance == pytest.approx(np.full(9, 1.0 / 122.0))
    assert found.p == pytest.approx(2.0 * stats.t.sf(abs(t), 7), rel=1e-6)
    half = stats.t.ppf(0.975, 7) * np.sqrt(spread * 9.0 / 8.0)
    others = float(np.sin(y[1:].mean()) ** 2)
    assert found.others == pytest.approx(others)
    assert found.low == pytest.approx(np.sin(y[0] - half) ** 2 - others)
    assert found.high == pytest.approx(np.sin(min(y[0] + half, np.pi / 2)) ** 2 - others)


def test_success_goes_along_within_persons():
    """The slope is that of a regression with a dummy for each person, without the star."""
    made = office(seed=5)
    facts = told(made)
    order = StageOrder.of(facts.stages, facts.journal)
    windows, _ = windows_of(facts.journal, order, stage="offer", column="who", over=None, tz="UTC")
    habits = {one.key: one for one in habits_of(windows, facts.ledger, tz="UTC", first=DAY, again=DAY, usual=None)}
    for key in (PLANTED, "contacts a day"):
        habit = habits[key]
        found = along(habit, windows.success, windows.who.codes, 0, 0.95)
        kept = habit.used & (windows.who.codes != 0) & (windows.success >= 0) & (habit.of > 0)
        who, y = windows.who.codes[kept], windows.success[kept]
        x = np.column_stack([habit.event[kept] / habit.of[kept], *(who == code for code in range(1, 9))]).astype(float)
        slope, *_ = np.linalg.lstsq(x, y, rcond=None)
        rest = y - x @ slope
        inverse = np.linalg.inv(x.T @ x)
        n, k = x.shape
        error = np.sqrt((inverse @ (x.T * rest**2) @ x @ inverse)[0, 0] * n / (n - k))
        assert found.value == pytest.approx(slope[0])
        half = stats.t.ppf(0.975, n - k) * error
        assert (found.low, found.high) == pytest.approx((slope[0] - half, slope[0] + half))
        assert found.p == pytest.approx(2 * stats.t.sf(abs(slope[0]) / error, n - k))
        assert found.n == n


def test_a_planted_practice_is_found():
    """Nine people with 40 cases each: at least seven times in ten; with 15 people nine times; and no other is named."""
    for people, power in ((9, 0.70), (15, 0.88)):
        found = astray = 0
        for seed in range(100):
            made = office(seed=seed, people=people)
            named = {row.key for row in practices(told(made), made.star, stage="offer").differences}
            found += made.planted in named
            astray += bool(named - {made.planted})
        assert found >= power * 100
        # A found one makes room for others among those called: the rate is of what is named.
        assert astray <= 12


@pytest.mark.parametrize(("people", "reports"), [(6, 150), (9, 150), (20, 60)])
def test_nothing_is_named_where_nothing_is_planted(people, reports):
    """At most one report in twenty names anything, however many people there are."""
    wrong = 0
    for seed in range(reports):
        made = office(seed=5000 + seed, people=people, planted=False)
        wrong += bool(practices(told(made), made.star, stage="offer").differences)
    assert stats.binomtest(wrong, reports, 0.05, alternative="greater").pvalue > 0.05


def test_three_hundred_reports_of_nothing():
    """The best of nine people is the star, as in life: that they are the best makes nothing of their habits."""
    wrong = 0
    for seed in range(300):
        made = office(seed=9000 + seed, planted=False)
        journal = made.journal
        won = np.bincount(journal.who.codes[(journal.stages.codes == 0) & (journal.next == 1)], minlength=9)
        wrong += bool(practices(told(made), f"p{won.argmax()}", stage="offer").differences)
    assert wrong <= 0.05 * 300


def test_nothing_is_named_of_a_star_with_few_cases():
    """That the star has 12 cases, and the others 60, makes nothing of them."""
    wrong = 0
    for seed in range(100):
        made = office(seed=30000 + seed, planted=False, cases=60)
        journal = made.journal
        few = journal[(journal.who.codes != 0) | (journal.cases.codes % 60 < 12)]
        wrong += bool(
            practices(Facts(ledger=made.ledger, journal=few, stages=["offer", "won", "lost"]), "p0").differences
        )
    assert stats.binomtest(wrong, 100, 0.05, alternative="greater").pvalue > 0.05


def test_a_driver_goes_before_a_mere_habit():
    """Lunch at one is told from what success goes along with, though the star differs in it far more surely."""
    first = habit = 0
    for seed in range(40):
        made = office(seed=seed, lunch=True, people=12)
        found = practices(told(made), made.star, stage="offer").differences
        keys = [row.key for row in found]
        habit += "contacts from 12 to 14 o'clock" in keys
        first += keys[0] == PLANTED and found[0].supported
    assert habit == 40
    assert first >= 24
