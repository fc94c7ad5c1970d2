"""What "covered" is worth on judged questions: much about facts, little among documents that are all alike."""

from . import proposal_figures as figures


def test_questions_about_facts_are_told_apart(shared):
    """With their passages three of four are covered, rightly; without them one of three at most; of law next to none."""
    passages, law = (figures.read(shared("data", "search", name)) for name in ("zh_cmrc", "zh_stard"))
    found = figures.figures(passages, law, questions=60, limits=[0.6])
    covered, rightly, falsely, strange = found[0.6]
    assert rightly >= 0.75
    assert covered - rightly <= 0.1
    assert falsely <= 0.35
    assert strange <= 0.05
