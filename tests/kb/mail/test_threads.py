"""Threads: the same in whatever order the messages arrive, and trees."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.kb.mail import Address, Message, threads
from crmkit.kb.mail._subjects import Subject, subject_of

EVA, LI, BO, SALES = (Address(f"{name}@{name}.example") for name in ("eva", "li", "bo", "sales"))
IDS = st.sampled_from([f"{n}@x" for n in range(8)])
MESSAGES = st.builds(
    Message,
    id=IDS,
    sent=st.none() | st.integers(0, 20).map(lambda day: at(day)),
    subject=st.sampled_from(["", "Offer", "Re: Offer", "回复：Offer", "Re: Price", "Price", "Fwd: Offer"]),
    sender=st.sampled_from([None, EVA, LI, BO]),
    to=st.lists(st.sampled_from([EVA, LI, SALES]), max_size=2).map(tuple),
    references=st.lists(IDS, max_size=3).map(tuple),
    conversation=st.sampled_from([None, None, None, "index"]),
)


def at(day):
    """An instant of a day."""
    return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=day)


def mail(number, day, sender, to, subject="Offer", **more):
    """A message in short."""
    return Message(f"{number}@x", at(day), subject, sender, to if isinstance(to, tuple) else (to,), **more)


def together(messages, **choices):
    """The numbers of the messages of each thread."""
    return [" ".join(message.id[0] for message in thread.messages) for thread in threads(messages, **choices)]


@given(st.lists(MESSAGES, max_size=10), st.randoms(use_true_random=False))
def test_the_order_changes_nothing(messages, chance):
    """Any order of the messages gives the same threads, parents and evidence, and each message is in one of them."""
    shuffled = chance.sample(messages, len(messages))
    found = threads(messages)
    assert threads(shuffled) == found
    assert sorted(message.id for thread in found for message in thread.messages) == sorted(
        {message.id for message in messages}
    )


@given(st.lists(MESSAGES, max_size=10, unique_by=lambda message: message.id))
def test_without_subjects_threads_are_the_parts_of_a_graph(messages):
    """They are the connected components of what messages name, by another library."""
    graph = nx.Graph()
    graph.add_nodes_from(message.id for message in messages)
    for message in messages:
        graph.add_edges_from((message.id, each) for each in message.references)
        if message.conversation:
            graph.add_edge(message.id, ("index", message.conversation))
    own = {message.id for message in messages}
    expected = sorted(sorted(part & own) for part in nx.connected_components(graph) if part & own)
    assert (
        sorted(sorted(message.id for message in thread.messages) for thread in threads(messages, within=None))
        == expected
    )


@given(st.lists(MESSAGES, max_size=10))
def test_parents_are_trees_and_named(messages):
    """No message answers itself through others; a parent is in the thread, and named unless the subject tells."""
    for thread in threads(messages):
        links = {message.id: parent for message, parent in zip(thread.messages, thread.parents, strict=True) if parent}
        assert nx.is_directed_acyclic_graph(nx.DiGraph(links.items()))
        for message, parent, why in zip(thread.messages, thread.parents, thread.evidence, strict=True):
            assert parent is None or parent in {each.id for each in thread.messages}
            assert parent is None or why == "subject" or parent in message.references
            assert why != "subject" or parent
        assert thread.id == thread.messages[0].id
        assert all(a.sent is None or b.sent is None or a.sent <= b.sent for a, b in pairwise(thread.messages))


@given(st.lists(MESSAGES, max_size=10))
def test_subjects_only_join(messages):
    """With subjects there are no more threads than without, and each is made of whole ones."""
    with_, without = threads(messages), threads(messages, within=None)
    whole = [{message.id for message in thread.messages} for thread in with_]
    assert all(any({message.id for message in thread.messages} <= one for one in whole) for thread in without)


def test_a_missing_message_joins_its_answers():
    """Two answers to a message that nobody kept are one thread."""
    one, two = mail(1, 0, EVA, LI, references=("0@x",)), mail(2, 1, LI, EVA, references=("0@x",))
    (thread,) = threads([two, one])
    assert (thread.parents, thread.evidence) == ((None, None), ("first", "references"))


def test_outlook_without_references():
    """The root of the Thread-Index joins what has no references."""
    one, two = mail(1, 0, EVA, LI, conversation="abc"), mail(2, 1, LI, EVA, conversation="abc")
    (thread,) = threads([two, one])
    assert (thread.parents, thread.evidence) == ((None, None), ("first", "index"))


def test_a_subject_joins_who_write_to_each_other():
    """A reply without headers follows the last message of its subject that its people wrote or got, within a week."""
    offer, other = mail(1, 0, EVA, LI), mail(2, 1, BO, SALES)
    (thread,) = threads([offer, mail(3, 7, LI, EVA, "AW: [EXT] offer")])
    assert (thread.parents, thread.evidence) == ((None, "1@x"), ("first", "subject"))
    assert together([offer, other, mail(3, 2, LI, EVA, "Re: Offer")]) == ["1 3", "2"]
    assert together([offer, mail(3, 2, BO, LI, "Re: Offer")]) == ["1", "3"]
    assert together([offer, mail(3, 8, LI, EVA, "Re: Offer")]) == ["1", "3"]
    assert together([offer, mail(3, 2, LI, EVA)]) == ["1", "3"]
    assert together([offer, mail(3, 2, LI, EVA, "Re: Offer", references=("9@x",))]) == ["1 3"]
    assert together([offer, mail(3, 2, LI, EVA, "Re: Offer")], within=None) == ["1", "3"]
    assert together([mail(1, 0, EVA, LI, "Re:"), mail(3, 2, LI, EVA, "Re:")]) == ["1", "3"]
    assert together([mail(1, 0, EVA, SALES), mail(2, 1, BO, SALES, "Re: Offer")]) == ["1", "2"]


def test_circles_are_cut():
    """Messages that answer each other, or themselves, are a thread with a beginning."""
    one, two = mail(1, 0, EVA, LI, references=("2@x", "1@x")), mail(2, 1, LI, EVA, references=("1@x",))
    assert [thread.parents for thread in threads([one, two])] == [("2@x", None)]


def test_a_message_that_comes_twice_counts_once():
    """Of two that differ under one id the same one stays whichever comes first."""
    one, two = mail(1, 0, EVA, LI), mail(1, 1, EVA, LI)
    assert threads([one, two]) == threads([two, one]) == threads([one, two, one])


def test_long_threads():
    """Twenty thousand messages, each the answer to the one before, are one thread."""
    many = [mail(n, n / 1000, EVA, LI, references=(f"{n - 1}@x",)) for n in range(20_000)]
    (thread,) = threads(reversed(many))
    assert thread.parents[1:] == tuple(message.id for message in many[:-1])


@pytest.mark.parametrize(("subject", "expected"), [
    ("Re: Offer", Subject("offer", True, False)), ("RE[2]: re: OFFER", Subject("offer", True, False)), ("回复：报价", Subject("报价", True, False)),
    ("转发: Re: x", Subject("x", True, True)), ("WG: x", Subject("x", False, True)), ("Reference: x", Subject("reference: x", False, False)),
    ("[EXTERN] AW: x  y", Subject("x y", True, False)), ("答复: 答复: ｘ", Subject("x", True, False)), ("SV: VS: x", Subject("x", True, False)), ("", Subject("", False, False)),
    ("Re^3: x", Subject("x", True, False)), ("Re:" * 100, Subject("re:" * 60, True, False)), ("Fwd：x", Subject("x", False, True)), ("[a] x", Subject("[a] x", False, False)),
])  # fmt: skip
def test_subjects(subject, expected):
    """Prefixes of clients and languages are taken off, words that only begin like them are not."""
    assert subject_of(subject) == expected
