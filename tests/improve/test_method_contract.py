"""Methods that break the contract in one place each: every breach is found, and named with its place."""

import copy

import pytest

from crmkit.improve import methods
from crmkit.pipeline import Move, Pipeline, Stage, presets

PDCA = methods.get("pdca").to_dict()


def stage(plain, name):
    """A stage of plain data."""
    return next(one for one in plain["stages"] if one["name"] == name)


def without(guards, word):
    """The guards of a move but those that begin with a word."""
    return [guard for guard in guards if not guard["condition"].startswith(word)]


def unguarded(origin, move, word):
    """A method in which a move lacks a guard."""

    def change(plain):
        of = plain["moves"][origin][move]
        guards = of["guard"] if isinstance(of["guard"], list) else [of["guard"]]
        of["guard"] = without(guards, word)
        assert len(of["guard"]) < len(guards)

    return change


def unasked(name, field):
    """A method in which a stage does not require a field."""
    return lambda plain: stage(plain, name)["requires"].remove(field)


def renamed(origin, move, to):
    """A method in which a move is called otherwise."""

    def change(plain):
        plain["moves"][origin][to] = plain["moves"][origin].pop(move)

    return change


def leads(origin, move, to):
    """A method in which a move leads elsewhere."""

    def change(plain):
        plain["moves"].setdefault(origin, {})[move] = to

    return change


def free_verdicts(plain):
    """Any text is a verdict."""
    next(one for one in plain["schema"] if one["name"] == "verdict").pop("values")


def nothing_learnt(plain):
    """Another attempt without what was learnt."""
    plain["moves"]["check"]["try again"].pop("requires")


BROKEN = [
    (unasked("opened", "found"), "stages['opened'].requires: lacks 'found'"),
    (unasked("do", "hypothesis"), "stages['do'].requires: lacks 'hypothesis'"),
    (unasked("do", "owner"), "stages['do'].requires: lacks 'owner'"),
    (unasked("do", "due"), "stages['do'].requires: lacks 'due'"),
    (unasked("do", "actions"), "stages['do'].requires: lacks 'actions'"),
    (lambda plain: stage(plain, "do")["locked"].remove("hypothesis"), "stages['do'].locked: lacks 'hypothesis'"),
    (renamed("plan", "act", "go"), "moves: none is called 'act'"),
    (unguarded("plan", "act", "hypothesis"), "moves['plan']['act']: lets a hypothesis pass that says nothing"),
    (unguarded("plan", "act", "count"), "moves['plan']['act']: lets pass without any action"),
    (unguarded("plan", "act", "verdict"), "moves['plan']['act']: lets the verdict of an earlier attempt stand"),
    (leads("opened", "hurry", "do"), "moves['opened']['hurry']: lets a hypothesis pass that says nothing"),
    (renamed("do", "judge", "look"), "moves['do']: has no move 'judge'"),
    (unasked("check", "verdict"), "moves['do']['judge'].requires: lacks 'verdict'"),
    (free_verdicts, "moves['do']['judge']: takes 'too early' for a verdict"),
    (leads("plan", "skip", "check"), "moves['plan']['skip']: leads past 'judge' out of where is acted"),
    (leads("do", "skip", "check"), "moves['do']['skip']: leads past 'judge' out of where is acted"),
    (
        leads("do", "finish", "standardised"),
        "moves['do']['finish']: closes a case as won, which is what 'standardise' does",
    ),
    (unasked("standardised", "standard"), "moves['check']['standardise'].requires: lacks 'standard'"),
    (unasked("undone", "undone"), "moves['check']['undo'].requires: lacks 'undone'"),
    (unasked("dropped", "drop reason"), "moves['plan']['drop'].requires: lacks 'drop reason'"),
    (
        unguarded("check", "standardise", "verdict"),
        "moves['check']['standardise']: may be taken though the verdict is 'cannot tell'",
    ),
    (unguarded("check", "undo", "verdict"), "moves['check']['undo']: may be taken though the verdict is 'worked'"),
    (renamed("check", "try again", "again"), "moves['check']: has no move 'try again'"),
    (nothing_learnt, "moves['check']['try again'].requires: lacks 'learnt'"),
    (
        unguarded("check", "try again", "verdict"),
        "moves['check']['try again']: may be taken though the verdict is 'worked'",
    ),
    (unguarded("check", "try again", "hypothesis"), "moves['check']['try again']: keeps the hypothesis that was tried"),
    (leads("standardised", "reopen", "plan"), "moves['standardised']['reopen']: keeps the hypothesis that was tried"),
    (leads("do", "back", "plan"), "moves['do']['back']: keeps the hypothesis that was tried"),
    (lambda plain: plain["moves"]["plan"].pop("drop"), "moves['plan']: has no move 'drop'"),
]


@pytest.mark.parametrize(("change", "finding"), BROKEN, ids=[finding for _, finding in BROKEN])
def test_a_breach_is_found_with_its_place(change, finding):
    """One thing is changed, and that is what is said."""
    plain = copy.deepcopy(PDCA)
    change(plain)
    said = [str(one) for one in methods.check(Pipeline.from_dict(plain))]
    assert [text for text in said if text.startswith(finding)], said


def test_nothing_is_said_of_what_is_sound():
    """The same data, unchanged, are without a finding."""
    assert methods.check(Pipeline.from_dict(PDCA)) == ()


def test_where_is_acted_and_judged_is_open():
    """A method that closes a case by acting, or by its verdict, is refused both."""
    hasty = Pipeline(
        "hasty",
        [Stage("opened", requires=["kind", "problem", "found"]), Stage("done", "won"), Stage("left", "cancelled")],
        {
            "opened": {"act": "done", "drop": Move("left", requires=["drop reason"])},
            "done": {"judge": Move("left", requires=["verdict"])},
        },
    )
    said = [str(one) for one in methods.check(hasty)]
    assert "stages['done'].outcome: is closed; where is acted is open" in said
    assert "moves['done']['judge'].to: leads to a closed stage; what follows is decided after it" in said


def test_a_method_of_your_own_with_guards_in_python_is_judged_by_what_they_do():
    """Functions are asked like texts are: what counts is what they refuse."""

    def sound(attempt):
        return (
            bool((attempt["hypothesis"] or {}).get("effect"))
            and bool(attempt["actions"])
            and attempt["verdict"] is None
        )

    def says(*verdicts):
        return lambda attempt: attempt["verdict"] in verdicts

    def fresh(attempt):
        return attempt["hypothesis"] is None

    own = Pipeline(
        "own",
        [
            Stage("seen", requires=["kind", "problem", "found"]),
            Stage("doing", requires=["hypothesis", "owner", "due", "actions"], locked="hypothesis"),
            Stage("told", requires="verdict"),
            Stage("kept", "won", requires="standard"),
            Stage("gone", "lost", requires="undone"),
            Stage("left", "cancelled", requires="drop reason"),
        ],
        {
            "seen": {"act": Move("doing", guard=sound), "drop": "left"},
            "doing": {"judge": Move("told", guard=says("worked", "did not", "cannot tell")), "drop": "left"},
            "told": {
                "standardise": Move("kept", guard=says("worked")), "undo": Move("gone", guard=says("did not")),
                "try again": Move("seen", guard=[says("did not", "cannot tell"), fresh], requires="learnt"), "drop": "left",
            },
        },
    )  # fmt: skip
    assert methods.check(own) == ()


def test_other_processes_are_no_methods():
    """A sales process is told what it lacks, and nothing breaks."""
    said = {str(one) for one in methods.check(presets.get("b2b-sales"))}
    assert "moves: none is called 'act'" in said
