"""How each method is driven to a good end, and moves that it refuses on the way."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from crmkit.improve import Hypothesis, why_tree
from crmkit.pipeline import Around, Directory
from crmkit.pipeline.commands import Approve, Open, Submit, Take
from crmkit.values import Period

NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
TEAM = Around(
    directory=Directory(roles={"sponsor": ["li"], "champion": ["li"], "mentor": ["li"], "process owner": ["wei"]})
)
CLAIM = Hypothesis(
    "stage_conversion", {"who": "wei", "stage": "proposal"}, effect=0.10, before=Period.quarter(2026, 1),
    after=Period.quarter(2026, 2), found_in=Period.quarter(2026, 1),
)  # fmt: skip
NEXT = Hypothesis(
    "stage_conversion", {"who": "wei", "stage": "proposal"}, effect=0.05, before=Period.quarter(2026, 1),
    after=Period.quarter(2026, 3),
)  # fmt: skip
OPENED = {
    "kind": "recurrence", "problem": "offers arrive late", "found": {"definition": "3f0c", "figures": {"value": 0.3, "n": 62}},
}  # fmt: skip
READY = {
    "hypothesis": CLAIM.to_fields(), "owner": "wei", "due": date(2026, 7, 1),
    "actions": [{"what": "template", "who": "wei", "due": date(2026, 4, 20), "done": False}],
}  # fmt: skip
CAUSES = why_tree(
    "offers arrive late",
    {"offers arrive late": ["prices are asked for"], "prices are asked for": ["nobody owns the list"]},
    roots=["nobody owns the list"],
)
JUDGED = {"verdict": "worked", "gain": 0.12, "low": 0.03, "high": 0.21}

# From the opening to where the method acts; the last move is `act`.
PATHS = {
    "coaching": [
        ("observe", {"coach": "li", "coachee": "wei"}),
        ("diagnose", {"observed": 4, "gap": "skill", "strength": "listens"}),
        ("act", {**READY, "goal": "ask for the order", "agreed": True}),
    ],
    "practice-sharing": [
        ("compare", {"holder": "an", "peers": ["bo", "chen"]}),
        ("describe", {"practice": "calls the day after", "difference": "a day, not a week", "conditions": "warm leads"}),
        ("act", {**READY, "confirmed": True, "adopters": ["bo", "chen"]}),
    ],
    "pdca": [
        ("plan", {"current state": "5 days", "aim": "2 days", "cause": "no template"}),
        ("act", {**READY, "trial": "small"}),
    ],
    "dmaic": [
        ("pass define gate", {
            "business case": "200 000 a year", "scope": "offers of team A", "customer requirement": "within 2 days", "sponsor": "li",
        }),
        ("pass measure gate", {"measurement plan": "all offers", "baseline": "5.1 days", "measurement error": Decimal("0.1")}),
        ("act", {**READY, "root cause": "no list", "solution": "a list", "cause verified": True, "causes": CAUSES.to_fields()}),
    ],
    "8d": [
        ("form team", {"emergency action": "none needed", "champion": "li", "team leader": "wei", "team": ["wei", "an"]}),
        ("describe", {"seen": "offers of team A", "not seen": "offers of team B"}),
        ("contain", {"containment": "team B writes them"}),
        ("find cause", {"contained": True}),
        ("choose", {"root cause": "no list", "escape point": "no check", "cause verified": True, "causes": CAUSES.to_fields()}),
        ("act", {**READY, "corrective action": "a list"}),
    ],
    "a3": [
        ("grasp", {"background": "customers wait", "mentor": "li"}),
        ("analyse", {"current condition": "5 days", "goal": "2 days", "went and saw": True}),
        ("act", {**READY, "root cause": "no list", "countermeasures": "a list", "consulted": ["sales"], "causes": CAUSES.to_fields()}),
    ],
    "five-whys": [
        ("ask", {"present": ["wei", "an"]}),
        ("conclude", {"causes": CAUSES.to_fields(), "root cause": "no owner", "reads backwards": True, "cause is in": "process"}),
        ("act", READY),
    ],
}  # fmt: skip

# What it takes to make a standard of it.
ENDS = {
    "dmaic": {"control plan": "a chart", "process owner": "an"},
    "8d": {"prevention": "all teams", "recognition": "lunch", "containment removed": True},
    "a3": {"shared with": ["service"]},
}

# A move of the path, what is different, and a part of the reason.
REFUSALS = {
    "coaching": [
        ("observe", {"coach": "wei"}, "nobody coaches themselves"),
        ("diagnose", {"observed": 2}, "look at three contacts"),
        ("act", {"agreed": False}, "the coachee agrees"),
        ("act", {"gap": "conditions"}, "choose another method"),
    ],
    "practice-sharing": [
        ("compare", {"peers": ["bo"]}, "compare with two others"),
        ("act", {"confirmed": False}, "has read the description"),
        ("act", {"adopters": ["an", "bo"]}, "others than its holder"),
        ("act", {"adopters": None}, "needs 'adopters'"),
    ],
    "pdca": [("act", {"trial": "everywhere"}, "small scale first")],
    "dmaic": [
        ("pass measure gate", {"measurement error": Decimal("0.4")}, "mend the data first"),
        ("act", {"cause verified": False}, "a cause is shown by data"),
        ("act", {"causes": {"form": "fishbone", "effect": "late", "roots": []}}, "ends in root causes"),
        ("act", {"solution": "another"}, "needs approval 'analyse gate'"),
    ],
    "8d": [
        ("find cause", {"contained": False}, "check that the containment holds"),
        ("choose", {"cause verified": None}, "the root cause is verified"),
        ("act", {"corrective action": "another"}, "needs approval 'champion'"),
    ],
    "a3": [
        ("grasp", {"owner": "li"}, "nobody is their own mentor"),
        ("analyse", {"went and saw": False}, "go and see"),
        ("act", {"countermeasures": "others"}, "needs approval 'mentor'"),
    ],
    "five-whys": [
        ("conclude", {"causes": {"form": "why tree", "effect": "late", "roots": []}}, "ends in a root cause"),
        ("conclude", {"reads backwards": False}, "read it backwards"),
        ("conclude", {"cause is in": "person"}, "people do not fail"),
    ],
}


def granted(pipeline, case, move, fields, at):
    """The case once the approval that a move asks for is granted for what the fields hold then, and the facts."""
    approval = pipeline.moves[case.stage][move].approval
    if approval is None:
        return case, []
    asked = pipeline.decide(case, Submit(approval, who="wei", fields=fields), at, around=TEAM)
    assert asked, asked.reasons
    given = pipeline.decide(asked.case, Approve(approval, who="li"), at, around=TEAM)
    assert given, given.reasons
    return given.case, [*asked.events, *given.events]


def opened(pipeline):
    """A case that was just opened, and its facts."""
    step = pipeline.decide("I-1", Open(who="wei", fields=OPENED), NOW)
    assert step, step.reasons
    return step.case, [*step.events]


def walk(pipeline, case, path, day=0):
    """The case and the facts after a run of moves, one a day."""
    facts = []
    for number, (move, fields) in enumerate(path, day + 1):
        at = NOW + timedelta(days=number)
        case, more = granted(pipeline, case, move, fields, at)
        step = pipeline.decide(case, Take(move, who="wei", fields=fields), at, around=TEAM)
        assert step, (move, step.reasons)
        case, facts = step.case, [*facts, *more, *step.events]
    return case, facts


def acting(pipeline):
    """A case where it is acted upon, and its facts."""
    case, facts = opened(pipeline)
    case, more = walk(pipeline, case, PATHS[pipeline.name])
    return case, [*facts, *more]
