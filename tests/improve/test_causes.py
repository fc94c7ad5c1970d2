"""Graphs of causes: what is no explanation is refused, what is one is kept, and both pictures can be drawn."""

import re
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import InvalidValue, NotFound
from crmkit.events import fields_from_json, fields_to_json
from crmkit.improve.causes import CATEGORIES, CauseGraph, fishbone, why_tree

WHYS = {
    "late": ["prices are asked for", "engineers are busy"],
    "prices are asked for": ["the list is old"],
    "engineers are busy": ["the list is old", "too few are trained"],
    "the list is old": ["nobody owns it"],
}
ROOTS = ["nobody owns it", "too few are trained"]
TREE = why_tree("late", WHYS, roots=ROOTS)
BONES = fishbone(
    "late", {"people": ["new staff", {"no cover": ["no plan"]}], "method": ["no template"]}, categories="6M"
)
HOSTILE = st.text(st.sampled_from('ab"\\<>&;:#`[]{}\n|漢'), min_size=1, max_size=5).filter(str.strip)


def test_a_tree_of_whys_ends_in_root_causes():
    """Answers meet where they are the same, and what is behind all of them is named."""
    assert (TREE.form, TREE.effect, TREE.categories) == ("why tree", "late", ())
    assert TREE.texts == (
        "late", "prices are asked for", "engineers are busy", "the list is old", "nobody owns it", "too few are trained",
    )  # fmt: skip
    assert TREE.roots() == tuple(ROOTS)
    assert TREE.behind(2) == (3, 5)
    assert TREE.behind(4) == ()


def test_a_fishbone_has_bones():
    """Categories without causes are there, too, and are no root causes; the same cause may be on two bones."""
    assert BONES.categories == CATEGORIES["6M"]
    assert BONES.roots() == ("new staff", "no template", "no plan")
    twice = fishbone("late", {"a": ["no plan"], "b": ["no plan"]}, categories=["a", "b", "c"])
    assert twice.categories == ("a", "b", "c")
    assert twice.roots() == ("no plan",)
    assert fishbone("late", {"any": ["thing"]}).categories == ("any",)
    assert fishbone("late", {"skills": ["few"]}, categories="4S").categories == CATEGORIES["4S"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: why_tree("late", {**WHYS, "nobody owns it": ["late"]}, roots=ROOTS[1:]), "late < .* < the list is old < nobody owns it < late.*go round in a circle"),
        (lambda: why_tree("late", {"late": ["late"]}, roots=[]), "late < late.*go round in a circle"),
        (lambda: why_tree("late", WHYS, roots=ROOTS[:1]), "'too few are trained' ends a chain and is no root cause: ask on"),
        (lambda: why_tree("late", WHYS, roots=[*ROOTS, "the list is old"]), "'the list is old' is called a root cause, but has answers"),
        (lambda: why_tree("late", {**WHYS, "rain": ["clouds"]}, roots=[*ROOTS, "clouds"]), "'rain' is behind nothing that leads to 'late'"),
        (lambda: why_tree("late", WHYS, roots=[*ROOTS, "clouds"]), "'clouds' is behind nothing"),
        (lambda: why_tree("late", {}, roots=[]), "'late' ends a chain"),
        (lambda: why_tree("late", {}, roots=["late"]), "'late' has none; name at least one"),
        (lambda: why_tree("late", {"late": "rain"}, roots=["rain"]), "'rain' of 'late' is no list of answers"),
        (lambda: why_tree("late", {"late": [" "]}, roots=[]), "' ' is no text that says anything"),
        (lambda: why_tree("", {}, roots=[]), "'' is no text"),
        (lambda: fishbone("late", {"people": "ill"}), "'ill' of 'people' are no list of texts"),
        (lambda: fishbone("late", {"people": {"ill": []}}), "of 'people' are no list of texts"),
        (lambda: fishbone("late", {"people": [{"ill": 3}]}), "3 of 'ill' are no list"),
        (lambda: fishbone("late", {"people": ["ill", {"ill": []}]}), "'ill' stands twice under 'people'"),
        (lambda: fishbone("late", {"people": [{"ill": [{"tired": ["ill"]}]}]}), "late < people < ill < tired < ill.*circle"),
        (lambda: fishbone("late", {"people": [None]}), "None is no text"),
        (lambda: fishbone("late", {"people": []}), "'late' has none; name at least one"),
        (lambda: fishbone("late", {}), "'late' has none"),
        (lambda: CauseGraph("why tree", (), ()), "lack the effect"),
        (lambda: CauseGraph("why tree", ("a", "b", "c"), ((1, 0), (2, 3))), "must each lead from a text to one before it"),
        (lambda: CauseGraph("why tree", ("a", "b", "c"), ((1, 0),)), "from each text but the first somewhere"),
        (lambda: CauseGraph("fishbone", ("a", "b", "c"), ((1, 0), (2, 0), (2, 1))), "of a fishbone to one other"),
    ],
)  # fmt: skip
def test_what_explains_nothing_is_refused(make, reason):
    """Circles, open ends, loose ends, empty texts, and what only looks like a list."""
    with pytest.raises(InvalidValue, match=reason):
        make()


def test_names_that_there_are_not_are_told_with_the_nearest():
    """Categories of the usual kinds, kinds, forms, languages."""
    with pytest.raises(NotFound, match=r"category 'peeple'.*did you mean 'people'"):
        fishbone("late", {"peeple": ["ill"]}, categories="6M")
    with pytest.raises(NotFound, match="categories '5M'"):
        fishbone("late", {"people": ["ill"]}, categories="5M")
    with pytest.raises(NotFound, match="form 'tree'"):
        CauseGraph("tree", ("a", "b"), ((1, 0),))
    for draw in (TREE.to_mermaid, TREE.to_dot):
        with pytest.raises(NotFound, match="language 'fr'"):
            draw("fr")


def test_a_nesting_that_holds_itself_is_a_circle():
    """A list in Python may hold itself; it is refused, and nothing hangs."""
    behind = []
    behind.append({"tired": behind})
    with pytest.raises(InvalidValue, match="circle"):
        fishbone("late", {"people": behind})


def test_no_chain_is_too_deep():
    """Thousands of whys, and thousands of causes behind each other."""
    names = [f"w{number}" for number in range(3000)]
    deep = why_tree("w0", {a: [b] for a, b in pairwise(names)}, roots=names[-1:])
    assert deep.roots() == ("w2999",)
    nested = []
    for name in reversed(names):
        nested = [{name: nested}]
    assert fishbone("late", {"people": nested}).roots() == ("w2999",)


@pytest.mark.parametrize("graph", [TREE, BONES], ids=["whys", "bones"])
def test_a_case_keeps_it(graph):
    """Through the text of a fact and back; what was tampered with is refused."""
    kept = fields_from_json(fields_to_json(graph.to_fields()))
    assert CauseGraph.from_fields(kept) == graph
    for changed, reason in (
        ({"roots": ()}, "are not those of the graph"),
        ({"links": ((1, 5),)}, "to one before it"),
        ({"links": ((1,),)}, "are none of a graph"),
        ({"links": 3}, "are none of a graph"),
        ({"texts": None}, "are none of a graph"),
    ):
        with pytest.raises(InvalidValue, match=reason):
            CauseGraph.from_fields(kept | changed)
    for name in ("form", "texts", "links", "roots"):
        with pytest.raises(InvalidValue, match=f"lack '{name}'"):
            CauseGraph.from_fields({key: value for key, value in kept.items() if key != name})


@given(
    st.integers(2, 8).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=14))
    )
)
def test_circles_and_roots_are_those_of_the_graph(drawn):
    """Any mapping of whys is taken if and only if networkx finds no circle and reaches every part from the effect."""
    _, pairs = drawn
    why = {}
    for a, b in sorted(pairs):
        why.setdefault(f"w{a}", []).append(f"w{b}")
    plain = nx.DiGraph((f"w{b}", f"w{a}") for a, b in pairs)
    leaves = sorted(node for node in plain if plain.in_degree(node) == 0)
    reached = {"w0", *(nx.ancestors(plain, "w0") if "w0" in plain else ())}
    sound = "w0" in plain and nx.is_directed_acyclic_graph(plain) and reached == {*plain} and "w0" not in leaves
    if not sound:
        with pytest.raises(InvalidValue):
            why_tree("w0", why, roots=leaves)
        return
    graph = why_tree("w0", why, roots=leaves)
    made = graph.to_networkx()
    assert sorted(graph.roots()) == leaves
    assert {(made.nodes[a]["text"], made.nodes[b]["text"]) for a, b in made.edges} == {*plain.edges}
    assert {kind for _, kind in made.nodes(data="kind")} <= {"effect", "cause", "root"}


def test_the_pictures_say_what_is_what():
    """A tree of whys hangs, a fishbone lies; the usual categories speak Chinese."""
    assert TREE.to_mermaid().startswith('flowchart BT\n    c0["late"]\n')
    assert "    c3 --> c2\n" in TREE.to_mermaid()
    assert "    class c4,c5 root\n" in TREE.to_mermaid()
    assert BONES.to_mermaid("zh").startswith("flowchart LR\n")
    assert '    c1["人员"]\n' in BONES.to_mermaid("zh")
    assert "category" not in TREE.to_mermaid()
    assert 'c1 [label="people", fillcolor="#e8e8e8"' in BONES.to_dot()
    assert "rankdir=BT" in TREE.to_dot()
    assert [data["kind"] for _, data in BONES.to_networkx().nodes(data=True)][:2] == ["effect", "category"]


@given(st.lists(HOSTILE, min_size=1, max_size=4, unique=True))
def test_no_text_breaks_a_picture(texts):
    """Each line of Mermaid is one of ours, with nothing in a label that could end it or be HTML."""
    graph = fishbone("late", {"people": texts})
    lines = graph.to_mermaid().splitlines()
    labels = [line for line in lines if '["' in line]
    assert len(labels) == len(texts) + 2
    for line in labels:
        inner = line.partition('["')[2].removesuffix('"]')
        assert not {*inner} & {*'"<>`'}
    assert len(lines) == 1 + len(labels) + len(graph.links) + 6


@given(st.lists(HOSTILE, min_size=1, max_size=4, unique=True))
def test_no_text_breaks_a_graph_of_graphviz(texts):
    """Each node is one statement in one line, whose label ends where it should; entities are escaped."""
    graph = fishbone("late", {"people": texts})
    lines = graph.to_dot().splitlines()
    label = re.compile(r' +c\d+ \[label="((?:[^"\\\n]|\\.)*)", fillcolor="#\w{6}", color="#\w{6}"\]')
    found = [made for made in map(label.fullmatch, lines) if made]
    assert len(found) == len(graph.texts)
    assert not [made for made in found if re.search("&(?!amp;)", made[1])]
    assert len(lines) == 5 + len(graph.texts) + len(graph.links)


def test_an_outline_takes_a_cause_apart_once():
    """Where it comes first; where it comes again, a mark says that there is more to it."""
    tree = why_tree("late", {"late": ["a", "b"], "a": ["c"], "b": ["c"], "c": ["root"]}, roots=["root"])
    assert str(tree) == "late\n  a\n    c\n      root\n  b\n    c ..."
