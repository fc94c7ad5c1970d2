"""What holds for every brief and every library: coverage, order, budget, success."""

from datetime import date

import attrs
from hypothesis import given
from hypothesis import strategies as st

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import Analyzer, SegmentIndex
from crmkit.kb.proposals import Budget, Library, Yardstick

from .proposing import material, proposed

WORDS = st.sampled_from(
    ["red", "blue", "paint", "doors", "walls", "durable", "we", "the", "油漆", "红色油漆", "耐久", "的", "门"]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
MATERIALS = st.lists(
    st.tuples(st.lists(TEXTS, min_size=1, max_size=3).map("\n\n".join), st.integers(0, 3), st.integers(0, 3)),
    max_size=6,
)
BRIEFS = st.lists(TEXTS.map("- {}".format), min_size=1, max_size=4).map("\n".join)
BUDGETS = st.builds(
    Budget, words=st.none() | st.integers(0, 20), paragraphs=st.none() | st.integers(0, 4), each=st.integers(0, 3)
)


def shelved(rows):
    """Materials of rows: text, won, lost; approved on days that repeat."""
    return [
        material(f"K-{number}", text, won=won, lost=lost, approved=date(2026, 1, 1 + won))
        for number, (text, won, lost) in enumerate(rows)
    ]


@given(BRIEFS, MATERIALS, TEXTS)
def test_adding_a_material_uncovers_nothing(brief, rows, text):
    """Whatever is added to the library, what was covered stays covered."""
    before = proposed(brief, shelved(rows))
    after = proposed(brief, [*shelved(rows), material("new", text)])
    for one, other in zip(before.answers, after.answers, strict=True):
        assert one.status != "covered" or other.status == "covered"


@given(BRIEFS, MATERIALS)
def test_coverage_is_that_of_a_slow_look_at_everything(brief, rows):
    """A requirement is covered exactly if some paragraph has enough of its words, counted by hand."""
    made = proposed(brief, shelved(rows))
    texts = [f"K-{number}\n{part}" for number, (text, _, _) in enumerate(rows) for part in text.split("\n\n")]
    for answer in made.answers:
        wanted = content(answer.requirement.text)
        shares = [(len(wanted & everything(text)), len(wanted)) for text in texts] if wanted else []
        covered = any(found >= 2 and found >= 0.6 * of - 1e-9 for found, of in shares)
        assert (answer.status == "covered") == covered


def everything(text):
    """The oracle's terms of a paragraph."""
    return {token.term for token in Analyzer().tokens(text)}


def content(text):
    """The oracle's words of a requirement: no function words, and pairs of what stands between particles."""
    kept = text.replace("的", " ")
    return {token.term for token in Analyzer().tokens(kept) if token.kind != "character"} - {"we", "the"}


@given(BRIEFS, MATERIALS, BUDGETS, st.randoms(use_true_random=False))
def test_order_does_not_matter(brief, rows, budget, random):
    """However the library and the index were filled, the proposal is the same."""
    materials = shelved(rows)
    mixed = random.sample(materials, len(materials))
    index = SegmentIndex(MemoryBlobStore())
    documents = list(Library(mixed).documents())
    index.apply(random.sample(documents, len(documents)))
    one, other = proposed(brief, materials, budget=budget), proposed(brief, mixed, index=index, budget=budget)
    assert attrs.evolve(one, brief=other.brief) == other


@given(BRIEFS, MATERIALS, BUDGETS)
def test_the_budget_is_kept_and_nothing_is_made_up(brief, rows, budget):
    """Never more words or paragraphs than there is room for; every paragraph of the draft stands in the library."""
    made = proposed(brief, shelved(rows), budget=budget)
    texts = {one.id: one.text for one in made.offers}
    words = sum(
        len(text.replace("红色油漆", "a b c d").replace("油漆", "a b").replace("耐久", "a b").split())
        for text in texts.values()
    )
    assert words == made.words <= (budget.words if budget.words is not None else words)
    assert len(texts) <= (budget.paragraphs if budget.paragraphs is not None else len(texts))
    assert all(len(answer.offers) <= budget.each for answer in made.answers)
    known = {part.id: part.text for one in shelved(rows) for part in one.paragraphs}
    shown = [part.text for part in made.draft() if part.kind == "paragraph"]
    assert shown == [known[one.id] for one in made.offers]
    assert all(
        answer.offers or answer.no_room or answer.status != "covered" or not budget.each for answer in made.answers
    )


@given(BRIEFS, MATERIALS, MATERIALS)
def test_success_changes_no_coverage_and_no_relevance(brief, rows, others):
    """With any win history the same is covered, and what is offered is as relevant to two digits."""
    plain = shelved(rows)
    fared = [
        attrs.evolve(one, won=won, lost=lost) for one, (_, won, lost) in zip(plain, [*others, *rows], strict=False)
    ]
    yard = Yardstick(alike=1.0)
    one, other = proposed(brief, plain, yard=yard), proposed(brief, fared, yard=yard)
    assert [answer.status for answer in one.answers] == [answer.status for answer in other.answers]
    first, second = (
        [f"{answer.offers[0].score:.1e}" for answer in made.answers if answer.offers] for made in (one, other)
    )
    assert first == second
