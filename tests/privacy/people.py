"""A person, and a company that knows her: facts, records, cards, blobs and mail, with her name in every spelling."""

from datetime import UTC, datetime, timedelta

from crmkit.adapters.memory import MemoryStore
from crmkit.events import Requested, Unknown
from crmkit.kb import Document, SegmentIndex
from crmkit.kb.cards import Card, Cards
from crmkit.pipeline import Pipeline, Stage
from crmkit.privacy import Subject
from crmkit.values import Fields

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVA = Subject(
    ids=["C-7", "eva"],
    texts=["Eva Meier", "eva.meier@nordwind.example", "+49 30 5555 1234", "梅艾娃"],
    records=[("contact", "C-7")],
)
SPELLINGS = ("Eva Meier", "EVA  MEIER", "Ｅｖａ Meier", "eva.meier@nordwind.example", "+49 (30) 5555-1234", "梅艾娃")
SALES = Pipeline(
    "sales",
    ["lead", "proposal", Stage("won", "won"), Stage("lost", "lost")],
    {"lead": {"propose": "proposal", "lose": "lost"}, "proposal": {"sign": "won", "lose": "lost", "redo": "lead"}},
)

MAIL = """\
From: =?utf-8?b?RXZhIE1laWVy?= <eva.meier@nordwind.example>
To: sales@crm.example
Subject: price
Date: Fri, 1 Mar 2024 09:00:00 +0100
Message-ID: <1@nordwind.example>
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

RXZhIE1laWVyIGFza3M=
"""
OTHER_MAIL = MAIL.replace("=?utf-8?b?RXZhIE1laWVy?= <eva.meier@", "Bo <bo@").replace("<1@", "<2@").replace(
    "RXZhIE1laWVyIGFza3M=", "Qm8gYXNrcw=="
)  # fmt: skip


def deals(size=24):
    """The facts of some deals: Eva sells some of them, and is written about in others."""
    facts = []
    for number in range(size):
        at = datetime(2026, 1, 1 + number, 9, tzinfo=UTC)
        who = ("eva", "li", "wei")[number % 3]
        step = SALES.open(f"D-{number}", at=at, recorded=at, who=who, amount=100 + number, contact="C-7")
        facts += step.events
        for days, move in ((3, "propose"), (9, "lose" if number % 4 == 0 else "sign")):
            later = at + timedelta(days=days + number % 5)
            note = {
                "note": f"{SPELLINGS[number % 6]} called",
                "more": {SPELLINGS[(number + 1) % 6]: [SPELLINGS[number % 6], 1]},
            }
            step = SALES.move(step.case, move, at=later, recorded=later, who=who, fields=note)
            facts += step.events
    at = NOW - timedelta(days=1)
    shared = {"case": "D-1", "at": at, "recorded": at, "who": "wei"}
    facts.append(Requested(id="D-1#r", approval="price", panels=(Fields(who="eva", note="ask Eva Meier"),), **shared))
    facts.append(Unknown(id="D-1#u", named="Host.Called", extra='{"by":"Eva Meier","n":1,"tags":["梅艾娃"]}', **shared))
    return facts


def index_of(store):
    """The index of cards in a store."""
    return SegmentIndex(store.blobs, "cards")


def filled(store=None):
    """A store that holds all of it."""
    store = MemoryStore() if store is None else store
    store.events.append(deals())
    store.records.put("contact", "C-7", {"name": "Eva Meier", "phone": "030 5555 9999", "customer": "nordwind"})
    store.records.put("contact", "C-8", {"name": "Bo", "boss": "C-7", "customer": "nordwind"})
    Cards(store.records).put(Card("K-1", "How EVA  MEIER did it", solution="ask Eva Meier", author="eva"))
    index = index_of(store)
    index.add([Document("d1", {"title": "Eva Meier's way", "text": "梅艾娃 sells pumps"}, {"author": "eva"})])
    index.add([Document("d2", {"title": "Pumps", "text": "all about them"}, {"by": "Eva Meier"})])
    index.add([Document("d3", {"title": "Evangeline", "text": "somebody else"})])
    return store
