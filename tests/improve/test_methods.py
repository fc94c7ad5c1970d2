"""The methods that ship: whole, told in two languages, and held to their contract by every run that can be thought of."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from crmkit.errors import NotFound
from crmkit.events import Moved
from crmkit.improve import Hypothesis, methods
from crmkit.pipeline import Pipeline
from crmkit.pipeline.commands import Edit, Open, Take
from crmkit.testing import stateful_tests
from crmkit.testing._scripts import place_of
from crmkit.values import Fields

from ._method_paths import (
    CAUSES,
    CLAIM,
    ENDS,
    JUDGED,
    NEXT,
    NOW,
    OPENED,
    PATHS,
    REFUSALS,
    TEAM,
    acting,
    granted,
    opened,
    walk,
)

ALL = [methods.get(name) for name in methods.names()]
LATER = NOW + timedelta(days=90)
SAMPLES = {
    "decimal": [Decimal(n) for n in ("0", "0.3", "0.5")],
    "float": [-0.1, 0.0, 0.1],
    "integer": [0, 3, 4],
    "string": ["an", "bo"],
    "boolean": [True, False],
    "date": [date(2026, 1, 1), date(2026, 3, 2)],
    "date and time": [datetime(2026, 2, 1, tzinfo=UTC)],
}
each = pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)


def told(text):
    """Whether a text has an English and a Chinese part."""
    return any(c.isascii() and c.isalpha() for c in text) and any("\u4e00" <= c <= "\u9fff" for c in text)


def take(pipeline, case, move, fields=None, at=LATER):
    """What a move answers."""
    return pipeline.decide(case, Take(move, who="wei", fields=fields or {}), at, around=TEAM)


def judged(pipeline, verdict="worked"):
    """A case with a verdict."""
    case, _ = acting(pipeline)
    step = take(pipeline, case, "judge", {**JUDGED, "verdict": verdict}, NOW + timedelta(days=60))
    assert step, step.reasons
    return step.case


def test_the_methods_are_whole():
    """Every file beside the module is listed, loads under its own name, and an unknown name is told with the nearest."""
    folder = Path(methods.__file__).parent
    assert {path.stem for path in folder.glob("*.toml")} == {*methods.names()}
    assert [pipeline.name for pipeline in ALL] == list(methods.names())
    assert all(tomllib.loads(methods.text(name))["name"] == name for name in methods.names())
    with pytest.raises(NotFound, match=r"method 'dmaik' .* the methods.*did you mean 'dmaic'"):
        methods.get("dmaik")


@each
def test_they_keep_their_contract(pipeline):
    """Nothing is to be said of any of them."""
    assert methods.check(pipeline) == ()


@each
def test_they_survive_their_text(pipeline):
    """from_toml(to_toml(p)) is p."""
    again = Pipeline.from_toml(pipeline.to_toml())
    assert again == pipeline
    assert again.definition == pipeline.definition


@each
def test_everything_speaks_two_languages_and_names_its_source(pipeline):
    """Labels and notes are there in English and Chinese; guards say whose rule they are."""
    moves = [move for of in pipeline.moves.values() for move in of.values()]
    assert pipeline.source
    for part in (pipeline, *pipeline.stages, *moves):
        assert {*part.labels} == {"en", "zh"}
        assert part.labels["en"].isascii()
    assert all(told(part.note) for part in (*pipeline.stages, *moves, *pipeline.clocks))
    assert all("zh" in field.labels for field in pipeline.schema.fields)
    for guard in (guard for move in moves for guard in move.guards):
        assert {*guard.message} == {"en", "zh"}
        assert guard.message["en"].isascii()
        assert not guard.message["zh"].isascii()
        assert guard.source


@each
def test_fields_are_known_and_needed(pipeline):
    """No field is required that the schema does not know, and none is known that nothing asks for or holds."""
    asked = {name for stage in pipeline.stages for name in (*stage.requires, *stage.locked)}
    asked |= {name for of in pipeline.moves.values() for move in of.values() for name in move.requires}
    assert asked <= {*pipeline.schema.names}
    texts = " ".join(str(part) for part in (pipeline.moves, pipeline.clocks, pipeline.approvals))
    assert {name for name in pipeline.schema.names if name not in asked and name not in texts} == set()


@each
def test_every_open_stage_has_a_limit(pipeline):
    """Nothing that is open may be forgotten."""
    assert [stage.name for stage in pipeline.stages if stage.outcome is None and stage.limit is None] == []
    assert "whole case" in [clock.name for clock in pipeline.clocks]


def samples(field):
    """Some values of a field."""
    if field.kind == "context":
        inner = product(*(samples(member) for member in field.fields))
        return [dict(zip((one.name for one in field.fields), values, strict=True)) for values in inner] + [None]
    if field.kind == "list":
        items = samples(field.fields[0]) if field.fields else ["an", "bo"]
        item = {one.name: samples(one)[0] for one in field.fields}
        return [[], [item, {**item, "who": None}] if field.fields else items, [item] if field.fields else ["an"], None]
    values = field.values or [v for v in SAMPLES[field.kind] if field.high is None or v <= field.high]
    return [*values, None] if field.nullable else values


@each
def test_every_condition_can_hold_and_fail(pipeline):
    """For each guard, approval and clock there is a record for which it is true, and one for which it is not."""
    asked = pipeline._conditions
    for place in (one.name for one in asked.rules.written):
        fields = [asked.rules.schema.field(name) for name in sorted(asked.rules.checked[place].fields)]
        names = [field.name for field in fields]
        said = {asked.holds(place, dict(zip(names, values, strict=True))) for values in product(*map(samples, fields))}
        assert {True, False} <= said, place


@each
def test_a_case_goes_from_a_problem_to_a_standard(pipeline):
    """By commands alone, with its approvals; the facts give the case back, and the hypothesis is kept word for word."""
    case, facts = acting(pipeline)
    assert Hypothesis.from_fields(case.fields["hypothesis"]) == CLAIM
    end = {"standard": "the template is used", **ENDS.get(pipeline.name, {})}
    case, more = walk(pipeline, case, [("judge", JUDGED), ("standardise", end)], day=60)
    assert pipeline.stage(case.stage).outcome == "won"
    assert pipeline.replay([*facts, *more]) == case
    assert pipeline.timeline([*facts, *more])[-1].stage == "standardised"


@each
def test_what_the_method_asks_for_is_refused_with_its_reason(pipeline):
    """On the way there are moves that the method forbids as long as something is missing."""
    path = PATHS[pipeline.name]
    for move, changed, reason in REFUSALS[pipeline.name]:
        place = [name for name, _ in path].index(move)
        case, _ = walk(pipeline, opened(pipeline)[0], path[:place])
        at = NOW + timedelta(days=20)
        case, _ = granted(pipeline, case, move, path[place][1], at)
        refused = take(pipeline, case, move, {**path[place][1], **changed}, at)
        assert not refused
        assert reason in " ".join(refused.reasons), move


@each
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hypothesis": None}, "needs 'hypothesis'"),
        ({"hypothesis": {"metric": "win_rate"}}, "state before you act"),
        ({"hypothesis": {**CLAIM.to_fields(), "effect": 0.0}}, "state before you act"),
        ({"owner": None}, "needs 'owner'"),
        ({"due": None}, "needs 'due'"),
        ({"due": date(2026, 4, 1)}, "lies ahead"),
        ({"actions": None}, "needs 'actions'"),
        ({"actions": []}, "at least one action"),
        ({"actions": [{"what": "call", "who": None, "due": date(2026, 5, 1)}]}, "at least one action"),
        ({"verdict": "worked"}, "a verdict of an earlier attempt"),
    ],
)
def test_nothing_is_done_that_was_not_stated(pipeline, changed, reason):
    """Without a measurable hypothesis, an owner, a day and an action no case passes its gate."""
    path = PATHS[pipeline.name]
    case, _ = walk(pipeline, opened(pipeline)[0], path[:-1])
    refused = take(pipeline, case, "act", {**path[-1][1], **changed}, NOW + timedelta(days=20))
    assert not refused
    assert reason in " ".join(refused.reasons)


@each
def test_what_is_tried_stays_as_it_was_stated(pipeline):
    """The hypothesis cannot be changed while it is tried, and the evidence never."""
    case, _ = acting(pipeline)
    for name, value in (("hypothesis", NEXT.to_fields()), ("found", {"definition": "0"})):
        refused = pipeline.decide(case, Edit(fields={name: value}), LATER)
        assert f"{name!r} may not be changed" in " ".join(refused.reasons)


@each
def test_too_early_is_no_verdict(pipeline):
    """Acting goes on until there is a verdict; what has worked has a lower limit above 0."""
    case, _ = acting(pipeline)
    early = take(pipeline, case, "judge", {**JUDGED, "verdict": "too early"})
    assert "is none of its values" in " ".join(early.reasons)
    assert "verdict" in take(pipeline, case, "judge").missing
    hollow = take(pipeline, case, "judge", {"verdict": "worked", "low": -0.1})
    assert "above 0" in " ".join(hollow.reasons)
    assert take(pipeline, case, "judge", {"verdict": "cannot tell", "gain": None, "low": None, "high": None})


@each
def test_verdicts_lead_where_they_say(pipeline):
    """What worked becomes a standard, what did not is undone, and of neither kind is taken for the other."""
    end = {"standard": "the template is used", **ENDS.get(pipeline.name, {})}
    fresh = {"learnt": "too few", "hypothesis": None}
    moves = {"standardise": end, "undo": {"undone": "the template"}, "try again": fresh}
    allowed = {
        "worked": {"standardise"},
        "did not": {"undo", "try again"},
        "cannot tell": {"try again"},
    }
    for verdict, right in allowed.items():
        case = judged(pipeline, verdict)
        passing = set()
        for move, fields in moves.items():
            ready, _ = granted(pipeline, case, move, fields, LATER)
            passing |= {move} if take(pipeline, ready, move, fields) else set()
        assert passing == right


@each
def test_another_attempt_needs_another_hypothesis(pipeline):
    """The hypothesis and the verdict of the first attempt are taken back, and lead to nothing more."""
    case = judged(pipeline, "cannot tell")
    kept = take(pipeline, case, "try again", {"learnt": "too few"})
    assert "take its hypothesis back" in " ".join(kept.reasons)
    case = take(pipeline, case, "try again", {"learnt": "too few", "hypothesis": None}).case
    names = [name for name, _ in PATHS[pipeline.name]]
    back = pipeline.moves_from(case.stage)
    place = next(place for place, name in enumerate(names) if name in back)
    again = {key: value for key, value in PATHS[pipeline.name][-1][1].items() if key != "hypothesis"}
    way = [*PATHS[pipeline.name][place:-1], ("act", {**again, "verdict": None, "hypothesis": NEXT.to_fields()})]
    case, _ = walk(pipeline, case, way[:-1], day=90)
    at = NOW + timedelta(days=99)
    late = {**again, "due": date(2026, 12, 1)}
    assert "hypothesis" in take(pipeline, case, "act", {**late, "verdict": None}, at).missing
    stale = take(pipeline, case, "act", {**late, "hypothesis": NEXT.to_fields()}, at)
    assert "a verdict of an earlier attempt" in " ".join(stale.reasons)
    fields = {**late, "verdict": None, "hypothesis": NEXT.to_fields()}
    case, _ = granted(pipeline, case, "act", fields, at)
    step = take(pipeline, case, "act", fields, at)
    assert step, step.reasons
    assert "verdict" in take(pipeline, step.case, "judge", {}, at).missing


@each
def test_every_open_case_can_be_dropped_with_a_reason(pipeline):
    """From each stage on the way, and never without saying why."""
    case, _ = opened(pipeline)
    stages = [case]
    for step in PATHS[pipeline.name]:
        case, _ = walk(pipeline, case, [step])
        stages.append(case)
    for case in (*stages, judged(pipeline)):
        assert "drop reason" in take(pipeline, case, "drop").missing
        assert take(pipeline, case, "drop", {"drop reason": "a duplicate"}).case.stage == "dropped"


def test_what_comes_again_is_opened_again():
    """DMAIC when its control plan is broken, 8D when the problem recurs; by whom it is for, and without the old claim."""
    for name, why, role in (
        ("dmaic", {"reopen reason": "out of limits"}, "wei"),
        ("8d", {"recurred on": date(2026, 9, 1)}, "li"),
    ):
        pipeline = methods.get(name)
        end = {"standard": "the template is used", **ENDS[name]}
        case, _ = walk(pipeline, judged(pipeline), [("standardise", end)], day=90)
        at = NOW + timedelta(days=150)
        kept = pipeline.decide(case, Take("reopen", who=role, fields=why), at, around=TEAM)
        assert "take its hypothesis back" in " ".join(kept.reasons)
        other = pipeline.decide(case, Take("reopen", who="zoe", fields={**why, "hypothesis": None}), at, around=TEAM)
        assert "needs role" in " ".join(other.reasons)
        step = pipeline.decide(case, Take("reopen", who=role, fields={**why, "hypothesis": None}), at, around=TEAM)
        assert pipeline.stage(step.case.stage).outcome is None


def test_a_graph_of_causes_is_needed_where_it_is_the_method():
    """Five whys are written down: there is no conclusion without a chain that ends."""
    whys = methods.get("five-whys")
    case, _ = walk(whys, opened(whys)[0], PATHS["five-whys"][:1])
    assert take(whys, case, "conclude", {"reads backwards": True, "cause is in": "process"}).missing == (
        "causes",
        "root cause",
    )


@each
def test_the_names_of_moves_and_values_are_words_only(pipeline):
    """What is opened without one of the three first fields is refused by all methods alike."""
    for name in OPENED:
        refused = pipeline.decide("I-2", Open(fields={**OPENED, name: None}), NOW)
        assert name in refused.missing


FIELDS = {
    "hypothesis": st.sampled_from([CLAIM.to_fields(), NEXT.to_fields()] * 4 + [Fields(), Fields(metric="win_rate")]),
    "actions": st.sampled_from([({"what": "call", "who": "an", "due": date(2027, 1, 1)},)] * 5 + [()]),
    "causes": st.just(CAUSES.to_fields()),
    "due": st.sampled_from([date(2030, 1, 1), date(2020, 1, 1)]),
    "peers": st.just(("bo", "chen")),
    "adopters": st.sampled_from([("bo",), ("chen", "a")]),
    "low": st.sampled_from([0.1, -0.1]),
}
VISITED = set()


def driven(pipeline):
    """The state machine of a method, with the contract looked at after every command."""
    acts = {move.to for of in pipeline.moves.values() for name, move in of.items() if name == "act"}
    tried = {move.to for of in pipeline.moves.values() for name, move in of.items() if name == "judge"}

    class Held(stateful_tests(pipeline, fields=FIELDS)):
        """Any run of commands."""

        def __init__(self):
            super().__init__()
            self.seen, self.case = 0, None

        @invariant()
        def keeps_the_contract(self):
            """Where is acted there is a claim, where is judged a verdict, and what is closed ended as its verdict says."""
            for fact in self.driven.facts[self.seen :]:
                self.case = pipeline.evolve(self.case, fact)
                held(self.case, begins=isinstance(fact, Moved))
            self.seen = len(self.driven.facts)

    def held(case, *, begins):
        fields, outcome = case.fields, pipeline.stage(case.stage).outcome
        VISITED.add((pipeline.name, case.stage))
        if case.stage in acts:
            assert fields["hypothesis"]["effect"] > 0
            assert case.owner
            assert fields["actions"] or not begins
        if case.stage in tried:
            assert fields["verdict"] in ("worked", "did not", "cannot tell")
        assert outcome != "won" or (fields["verdict"], bool(fields["standard"])) == ("worked", True)
        assert outcome != "lost" or (fields["verdict"], bool(fields["undone"])) == ("did not", True)
        assert outcome != "cancelled" or fields["drop reason"]

    return Held


@each
def test_no_run_of_commands_breaks_the_contract(pipeline):
    """Hundreds of commands, most of them wrong; every open stage is reached."""
    how = settings(
        max_examples=25, stateful_step_count=12, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    run_state_machine_as_test(driven(pipeline), settings=how)
    missed = {stage.name for stage in pipeline.stages if stage.outcome is None} - {
        stage for name, stage in VISITED if name == pipeline.name
    }
    assert missed == set()


@each
def test_the_places_of_guards_are_those_of_the_definition(pipeline):
    """Each gate of `act` is asked under its own name, the four of the contract the last of them."""
    origin, count = next((o, len(of["act"].guards)) for o, of in pipeline.moves.items() if "act" in of)
    asked = pipeline._conditions
    last = [asked.rules.rule(place_of(origin, "act", count - n)).condition for n in (4, 3, 2, 1)]
    assert [text.split()[0] for text in last] == ["hypothesis.metric", "count(actions)", "due", "verdict"]
