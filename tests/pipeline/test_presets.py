"""The processes that ship: whole, told in two languages, and able to be driven as they are."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from crmkit.errors import NotFound
from crmkit.pipeline import Around, Pipeline, presets
from crmkit.pipeline.commands import Approve, Open, Submit, Take

from ._preset_paths import PATHS, PEOPLE, REFUSALS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ALL = [presets.load(name) for name in presets.names()]
TEAM = Around(directory=PEOPLE)
SAMPLES = {
    "decimal": [Decimal(n) for n in ("0", "0.05", "0.3", "0.5", "1", "2000")],
    "integer": [0, 1, 50, 60, 100],
    "string": ["bo", "long enough to be told"],
    "boolean": [True, False],
    "date": [date(2026, 1, 1), date(2026, 3, 2), date(2027, 1, 1)],
    "date and time": [NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)],
}
each = pytest.mark.parametrize("pipeline", ALL, ids=lambda pipeline: pipeline.name)


def walk(pipeline, fields, path):
    """The case and the facts after a run of moves, one a day."""
    step = pipeline.decide("C-1", Open(who="wei", fields=fields), NOW)
    facts = [*step.events]
    for day, (move, values) in enumerate(path, 1):
        step = pipeline.decide(step.case, Take(move, who="wei", fields=values), NOW + timedelta(days=day), around=TEAM)
        assert step, (move, step.reasons)
        facts += step.events
    return step.case, facts


def told(text):
    """Whether a text has an English and a Chinese part."""
    return any(c.isascii() and c.isalpha() for c in text) and any("\u4e00" <= c <= "\u9fff" for c in text)


def test_the_presets_are_whole():
    """Every file beside the module is listed, loads under its own name, and an unknown name is told with the nearest."""
    folder = Path(presets.__file__).parent
    assert sorted(path.stem for path in folder.glob("*.toml")) == list(presets.names())
    assert [pipeline.name for pipeline in ALL] == list(presets.names())
    assert all(tomllib.loads(presets.text(name))["name"] == name for name in presets.names())
    with pytest.raises(NotFound, match="did you mean 'incident'"):
        presets.load("incidents")


@each
def test_every_label_and_note_speaks_two_languages(pipeline):
    """Pipeline, stages and moves have a label in English and in Chinese, and say in both what they mean."""
    moves = [move for of in pipeline.moves.values() for move in of.values()]
    assert pipeline.source
    for part in (pipeline, *pipeline.stages, *moves):
        assert {*part.labels} == {"en", "zh"}
        assert part.labels["en"].isascii()
        assert told(part.labels["zh"] + "a")
    assert all(told(part.note) for part in (*pipeline.stages, *moves, *pipeline.clocks))
    assert all("zh" in field.labels for field in pipeline.schema.fields)


@each
def test_every_guard_speaks_two_languages_and_names_its_source(pipeline):
    """A refusal can be told in either language, and says whose rule it is."""
    for of in pipeline.moves.values():
        for guard in (guard for move in of.values() for guard in move.guards):
            assert {*guard.message} == {"en", "zh"}
            assert guard.message["en"].isascii()
            assert told(guard.message["zh"] + "a")
            assert guard.source


@each
def test_every_field_that_is_asked_for_is_in_the_schema_and_the_other_way_round(pipeline):
    """No field is required that the schema does not know, and none is known that nothing asks for."""
    asked = {name for stage in pipeline.stages for name in (*stage.requires, *stage.locked)}
    asked |= {name for of in pipeline.moves.values() for move in of.values() for name in move.requires}
    assert asked <= {*pipeline.schema.names}
    texts = " ".join(str(part) for part in (pipeline.moves, pipeline.clocks, pipeline.approvals))
    assert {name for name in pipeline.schema.names if name not in asked and name not in texts} == set()


@each
def test_every_open_stage_has_a_limit(pipeline):
    """Nothing that is open may be forgotten; clocks are not called as stages, which have clocks of their own."""
    assert [stage.name for stage in pipeline.stages if stage.outcome is None and stage.limit is None] == []
    assert {clock.name for clock in pipeline.clocks}.isdisjoint(stage.name for stage in pipeline.stages)


@each
def test_losing_asks_for_a_reason(pipeline):
    """Every closed stage but the good ones requires a listed reason, or where the case went."""
    for stage in pipeline.stages:
        assert stage.outcome in (None, "won") or stage.requires


@each
def test_presets_survive_their_text(pipeline):
    """from_toml(to_toml(p)) is p."""
    again = Pipeline.from_toml(pipeline.to_toml())
    assert again == pipeline
    assert again.definition == pipeline.definition


@each
def test_the_happy_path_can_be_driven(pipeline):
    """From the first stage to a good end, by commands alone; the facts give the case back."""
    case, facts = walk(pipeline, *PATHS[pipeline.name])
    assert pipeline.stage(case.stage).outcome == "won"
    assert pipeline.replay(facts) == case


@each
def test_what_is_not_done_is_refused_with_its_reason(pipeline):
    """On the happy path there is a move that the method forbids as long as something is missing."""
    move, changed, reason = REFUSALS[pipeline.name]
    fields, path = PATHS[pipeline.name]
    place = [name for name, _ in path].index(move)
    case, _ = walk(pipeline, fields, path[:place])
    command = Take(move, who="wei", fields={**path[place][1], **changed})
    refused = pipeline.decide(case, command, NOW + timedelta(days=place + 1), around=TEAM)
    assert not refused
    assert reason in " ".join(refused.reasons)


def samples(field):
    """Some values of a field."""
    values = field.values or [v for v in SAMPLES[field.kind] if field.high is None or v <= field.high]
    return [*values, None] if field.nullable else values


def answers(pipeline, places):
    """What conditions say together of every record of samples of the fields that they read."""
    asked = pipeline._conditions
    read = {name for place in places for name in asked.rules.checked[place].fields}
    fields = [asked.rules.schema.field(name) for name in sorted(read)]
    for values in product(*map(samples, fields)):
        record = dict(zip((field.name for field in fields), values, strict=True))
        yield tuple(asked.holds(place, record) for place in places)


@each
def test_every_condition_can_hold_and_fail(pipeline):
    """Guards, approvals and clocks: for each there is a record for which it is true, and one for which it is not."""
    places = [one.name for one in pipeline._conditions.rules.written]
    assert [place for place in places if not {(True,), (False,)} <= {*answers(pipeline, [place])}] == []


@each
def test_the_guards_of_a_move_can_hold_together(pipeline):
    """No two guards of one move contradict each other, and none says what the others say already."""
    for stage, of in pipeline.moves.items():
        for name, move in of.items():
            places = [f"moves[{stage!r}][{name!r}].guard" + (f"[{n}]" if n else "") for n in range(len(move.guards))]
            said = {*answers(pipeline, places)}
            assert (True,) * len(places) in said
            assert all(tuple(n != other for other in range(len(places))) in said for n in range(len(places)))


def test_a_large_discount_needs_two_people():
    """12 % need a sales manager; 30 % need special terms, a manager and finance; nobody decides on both."""
    sales = presets.load("b2b-sales")
    fields, path = PATHS["b2b-sales"]
    case, _ = walk(sales, fields, path[:-1])
    at = NOW + timedelta(days=20)

    def do(case, command):
        verdict = sales.decide(case, command, at, around=TEAM)
        return verdict.case if verdict else verdict.reasons

    signing = {"contract": "C-1", "discount": Decimal("0.3")}
    assert "more than 25 % are special terms" in do(case, Take("sign", who="wei", fields=signing))[0]
    asked = do(case, Submit("special terms", who="wei", fields={"discount": Decimal("0.3")}))
    assert "which waits for li" in do(asked, Take("sign special terms", who="wei", fields=signing))[0]
    first = do(asked, Approve("special terms", who="li"))
    assert "li is none of them" in do(first, Approve("special terms", who="li"))[0]
    both = do(first, Approve("special terms", who="fang"))
    assert do(both, Take("sign special terms", who="wei", fields=signing)).stage == "won"
    more = {**signing, "discount": Decimal("0.35")}
    assert "changed since it was asked for" in do(both, Take("sign special terms", who="wei", fields=more))[0]


def test_priorities_are_those_of_the_catalogue():
    """The guard of the incident agrees with the decision table `sla`, save that the least two are one."""
    from crmkit.rules.catalogue import load

    incident, table = presets.load("incident"), load("sla").tables[0]
    case = incident.decide("I-1", Open(fields=PATHS["incident"][0]), NOW).case
    for impact in ("high", "medium", "low"):
        for urgency in ("high", "medium", "low"):
            wanted = table.decide({"impact": impact, "urgency": urgency}).value["priority"].replace("P5", "P4")
            for priority in ("P1", "P2", "P3", "P4"):
                fields = {"impact": impact, "urgency": urgency, "priority": priority, "service": "mail"}
                verdict = incident.decide(case, Take("classify", fields=fields), NOW)
                assert bool(verdict) is (priority == wanted), (fields, verdict)


def test_dates_of_sales_lie_ahead():
    """A date of decision in the past is refused, today's is not."""
    sales = presets.load("b2b-sales")
    case = sales.decide("D-1", Open(), NOW).case
    fields = PATHS["b2b-sales"][1][0][1]
    for day, passes in ((1, False), (2, True)):
        verdict = sales.decide(case, Take("qualify", fields={**fields, "decision date": date(2026, 3, day)}), NOW)
        assert bool(verdict) is passes
