"""Proposals: what is offered stands in the library, for those who may read it; what is missing is said."""

from datetime import date, datetime, timedelta

import attrs
import pytest

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.errors import InvalidValue, NaiveDatetime, NotFound
from crmkit.kb import Analyzer, Document, SegmentIndex, Viewer
from crmkit.kb.proposals import Aim, Brief, Budget, Library, Material, Yardstick, propose
from crmkit.model import Document as ModelDocument
from crmkit.values import Fields

from .proposing import NOW, material, only, proposed

DAY = timedelta(days=1)
PHONE = "We answer complaints by phone within four hours."
ASKED = "- Complaints shall be answered by phone"


def test_an_offer_says_where_it_comes_from():
    """Paragraph, material, place, digest, owner, dates, history, and where the words stand that cover the requirement."""
    text = f"# Service\n\nBackground.\n\n{PHONE}\n"
    end = NOW + DAY
    one = material(
        "K-1",
        text,
        title="Phone",
        version=3,
        valid_until=end,
        review_by=date(2026, 2, 1),
        approved=date(2025, 1, 1),
        won=3,
        lost=1,
    )
    (offer,) = only(ASKED, [one]).offers
    assert (offer.id, offer.material, offer.title, offer.heading) == ("K-1#2", "K-1", "Phone", "Service")
    assert offer.text == PHONE == text[offer.start : offer.end]
    assert (offer.version, offer.digest, offer.owner, offer.language) == (3, one.digest, "wei", "en")
    assert (offer.approved, offer.valid_until, offer.review_by) == (date(2025, 1, 1), end, date(2026, 2, 1))
    assert (offer.won, offer.lost, offer.success) == (3, 1, 0.75)
    assert [offer.text[start:stop] for start, stop in offer.spans] == ["answer", "complaints", "phone"]
    assert (offer.words, offer.share, offer.copies) == (("Complaints", "answered", "phone"), 1.0, ())


def test_titles_and_questions_count():
    """A short answer is found by the question it answers, and its words there have no span."""
    one = material("K-1", "ISO 9001.", need="quality certificates that apply")
    answer = only("1. Which quality certificates apply?", [one])
    assert (answer.status, answer.offers[0].text, answer.offers[0].spans) == ("covered", "ISO 9001.", ())


@pytest.mark.parametrize(("change", "reason"), [
    ({"valid_until": NOW}, "expired"), ({"valid_from": NOW + DAY}, "early"), ({"language": "de"}, "language"),
    ({"language": ""}, "language"), ({"products": ["CRM"]}, "product"), ({"audience": "author"}, "hidden"),
    ({"audience": "customer", "customer": "other"}, "hidden"), ({"audience": "staff"}, "hidden"), ({"state": "archived"}, "hidden"),
    ({"state": "archived", "valid_until": NOW}, "hidden"),
])  # fmt: skip
def test_what_is_not_offered(change, reason):
    """What is over, not yet valid, in another language, of another product or not for its readers; the hidden is not told."""
    made = proposed(
        ASKED, [material("K-1", PHONE, **change)], language="en", product="erp",
        readers=[Viewer(customer="acme"), Viewer("wei", staff=True)],
    )  # fmt: skip
    (answer,) = made.answers
    assert (answer.status, answer.offers, made.unusable) == ("uncovered", (), {reason: 1})
    told = "nothing" if reason == "hidden" else reason
    assert (answer.reason, made.gaps[0].reason) == (told, told)
    assert (answer.nearest is None) == (reason == "hidden")
    assert ("K-1" in made.to_markdown()) == (reason != "hidden")


@pytest.mark.parametrize("fine", [
    {"language": "EN-gb"}, {"products": ["CRM", "ERP"]}, {"audience": "customer", "customer": "acme"}, {"audience": "customers"},
    {"valid_from": NOW, "valid_until": NOW + DAY},
])  # fmt: skip
def test_what_is_offered(fine):
    """Variants of a language, one product of several, what is for this customer, and what is valid at that moment."""
    aim = {"language": "en_US", "product": "erp", "readers": Viewer(customer="acme")}
    assert only(ASKED, [material("K-1", PHONE, **fine)], **aim).status == "covered"


def test_what_was_replaced_is_not_offered():
    """A material that another replaces is not offered if that one is; if that one is not, it still is."""
    old, new = material("K-1", PHONE), material("K-2", "Something else entirely.", supersedes=["K-1", "gone"])
    assert only(ASKED, [old, new]).reason == "superseded"
    hidden = material("K-2", "Something else entirely.", supersedes=["K-1"], audience="author")
    assert only(ASKED, [old, hidden]).status == "covered"


@pytest.mark.parametrize(("brief", "status", "reason", "missing"), [
    (ASKED, "covered", "enough", ()),
    ("- Please describe how you answer complaints by phone.", "covered", "enough", ()),
    ("- Complaints by phone, fax, letter, pigeon", "weak", "some", ("fax", "letter", "pigeon")),
    ("- Phone?", "weak", "few", ()),
    ("- Complants, quickly and cheerfully", "weak", "corrected", ("Complants", "quickly", "cheerfully")),
    ("- Phone, fax, letter, pigeon, drum", "uncovered", "little", ("fax", "letter", "pigeon", "drum")),
    ("- Blue paint", "uncovered", "nothing", ("Blue", "paint")),
    ("- 蓝色油漆", "uncovered", "nothing", ("蓝色油漆",)),
    ("- you must", "uncovered", "no words", ()),
    ("- 须有", "uncovered", "no words", ()),
])  # fmt: skip
def test_how_far_a_requirement_is_covered(brief, status, reason, missing):
    """From all of its words down to none, each with its reason and with what is missing."""
    answer = only(brief, [material("K-1", PHONE)])
    assert (answer.status, answer.reason, answer.missing) == (status, reason, missing)
    assert bool(answer.offers) == (status == "covered")
    assert (answer.nearest is not None) == (reason not in {"enough", "nothing", "no words"})


def test_corrections_are_told():
    """What the index made of a word that no document has is in the notes; such a word does not cover."""
    answer = only("- Complants by phone", [material("K-1", PHONE)])
    assert (answer.status, answer.reason, answer.share) == ("weak", "some", 0.5)
    assert [(note.kind, note.words, note.instead) for note in answer.notes] == [
        ("corrected", ("complants",), ("complaints",))
    ]


def test_chinese_is_matched_by_pairs():
    """Particles, words that bind and whoever is bound do not count; traditional characters are the same."""
    answer = only("供应商应在两小时内提供现场服务；", [material("K-1", "我們在兩小時內提供現場服務。", language="zh")])
    assert (answer.status, answer.offers[0].words) == ("covered", ("两小时内提供现场服务",))
    assert only("- 两小时内提供现场服务", [material("K-1", "我们按时交货。", language="zh")]).status == "uncovered"


def test_what_leads_in_counts_for_short_items():
    """An item of one word needs that word and enough of what leads in its list."""
    brief = "The system shall export invoices as:\n- CSV\n- ODS\n"
    made = proposed(brief, [material("K-1", "The system exports invoices as CSV."), material("K-2", "CSV is old.")])
    assert [(one.status, [offer.id for offer in one.offers]) for one in made.answers] == [
        ("covered", ["K-1#1"]),
        ("uncovered", []),
    ]


def test_stop_words_and_letters_do_not_count():
    """What the analyzer leaves out is not wanted, nor is a letter by itself."""
    analyzer = Analyzer(stop=["phone"])
    answer = only(f"{ASKED}, e.g. x", [material("K-1", "Complaints are answered.")], analyzer=analyzer)
    assert (answer.status, answer.missing) == ("covered", ())


def test_long_requirements_are_cut_and_said_to_be():
    """Of a requirement of a thousand words, or of characters without end, the first 256 are looked for."""
    words = " ".join(f"w{number}x" for number in range(1000))
    for text in (words, "".join(map(chr, range(0x4E00, 0x4E00 + 1000)))):
        made = proposed(f"- {text}", [material("K-1", PHONE)])
        assert made.answers[0].cut
        assert "Only the beginning" in made.to_markdown()
        assert proposed(f"- {text}", [material("K-1", text)]).answers[0].status == "covered"


def test_copies_are_offered_once():
    """Of paragraphs that are nearly the same the one approved last stands for all, and they are named."""
    materials = [
        material("K-1", PHONE, approved=date(2024, 1, 1)),
        material("K-2", PHONE.replace("four", "two"), approved=date(2026, 1, 1)),
        material("K-3", PHONE.replace("four", "six")),
    ]
    brief = "- Complaints answered by phone\n- Phone: complaints answered within hours\n"
    made = proposed(brief, materials, budget=Budget(each=3))
    assert [[one.id for one in answer.offers] for answer in made.answers] == [["K-2#1"], ["K-2#1"]]
    assert made.answers[0].offers[0].copies == ("K-1#1", "K-3#1")
    assert [one.id for one in made.offers] == ["K-2#1"]
    assert made.words == 8
    assert made.to_markdown().count(made.offers[0].text) == 1
    assert "which stands above" in made.to_markdown()


def test_requirements_take_turns():
    """Each gets its first paragraph before one gets its second, those that bind first."""
    texts = {
        "K-1": "Red paint on metal doors.",
        "K-2": "Red paint: wooden windows, cheap, quick and durable everywhere.",
        "K-3": "Blue paint on walls.",
    }
    brief = "- may be red paint\n- must be blue paint\n"
    materials = [material(id_, text) for id_, text in texts.items()]

    def ids(**budget):
        return [
            [one.id for one in answer.offers] for answer in proposed(brief, materials, budget=Budget(**budget)).answers
        ]

    assert ids() == [["K-1#1"], ["K-3#1"]]
    assert ids(each=2) == [["K-1#1", "K-2#1"], ["K-3#1"]]
    assert ids(each=2, paragraphs=2) == [["K-1#1"], ["K-3#1"]]
    assert ids(paragraphs=1) == [[], ["K-3#1"]]
    assert ids(words=4) == [[], ["K-3#1"]]
    assert ids(words=9) == [["K-1#1"], ["K-3#1"]]
    assert ids(each=0) == [[], []]


def test_what_the_budget_leaves_out_is_no_gap():
    """A requirement that is covered and has no room is marked, and is not missing knowledge."""
    made = proposed(ASKED, [material("K-1", PHONE)], budget=Budget(words=3))
    assert (made.answers[0].status, made.answers[0].no_room, made.gaps, made.words) == ("covered", True, (), 0)
    assert "LEFT OUT" in made.to_markdown()
    assert "at most 3" in made.to_markdown()


def test_success_decides_between_equals_only():
    """Of two that are equally relevant the one that won more is offered; it never goes before relevance."""
    equal = [material("K-1", "Red paint on doors.", lost=9), material("K-2", "Red paint on walls.", won=9)]
    yard = Yardstick(alike=1.0)
    assert only("- Red paint", equal, yard=yard).offers[0].id == "K-2#1"
    assert only("- Red paint", [attrs.evolve(one, won=0, lost=0) for one in equal], yard=yard).offers[0].id == "K-1#1"
    better = [
        material("K-1", "Red paint for doors.", lost=99),
        material("K-2", "Red and green walls need paint every year again.", won=99),
    ]
    assert only("- Red paint", better, yard=yard).offers[0].id == "K-1#1"


def test_a_gap_becomes_a_card():
    """A gap keeps the words of whoever asked, has the same id in another brief, and begins a card for its author only."""
    brief = Brief("# Paint\n\n1.2 Blue paint must dry", "Tender 7", customer="acme", case="D-1")
    (gap,) = proposed(brief, [material("K-1", PHONE)]).gaps
    assert (gap.status, gap.reason, gap.missing, gap.nearest, gap.at) == (
        "uncovered",
        "nothing",
        ("Blue", "paint", "dry"),
        None,
        NOW,
    )
    (again,) = proposed("You must dry blue paint.", [material("K-1", PHONE)]).gaps
    assert gap.id == again.id
    card = gap.card("wei")
    assert (card.id, card.problem, card.environment, card.audience, card.state) == (
        f"gap-{gap.id}", "Blue paint must dry", "Paint", "author", "work in progress"
    )  # fmt: skip
    assert (card.customer, card.case, card.author, card.evidence[0].note) == ("acme", "D-1", "wei", "line 3, 1.2")
    assert again.card("wei", id="K-9").evidence[0].note == "line 1"


def test_an_index_that_is_behind_is_told():
    """Paragraphs that only the index has are named and not offered."""
    library = Library([material("K-1", "Nothing of it.")])
    index = SegmentIndex(MemoryBlobStore())
    index.apply([*library.documents(), Document("old#1", {"text": PHONE})])
    made = propose(Brief(ASKED), library, index, aim=Aim(NOW))
    assert (made.stale, made.answers[0].status) == (("old#1",), "uncovered")
    assert "index the library anew" in made.to_markdown()


def test_another_engine_gives_the_same_proposal(tmp_path):
    """With tantivy as the index the same is covered by the same paragraphs."""
    pytest.importorskip("tantivy", reason="tantivy is not installed")
    from crmkit.adapters.tantivy import TantivyIndex

    materials = [
        material("K-1", PHONE),
        material("K-2", "Red paint dries fast."),
        material("K-3", "红色油漆干得快。", language="zh"),
    ]
    index = TantivyIndex(tmp_path)
    index.apply(Library(materials).documents())
    brief = f"{ASKED}\n- Red paint must dry\n- 红色油漆须快干\n- Blue walls, blue doors\n"
    one, other = proposed(brief, materials), proposed(brief, materials, index=index)
    assert [answer.status for answer in one.answers] == ["covered", "covered", "covered", "uncovered"]
    for mine, theirs in zip(one.answers, other.answers, strict=True):
        assert (mine.status, mine.reason, [offer.id for offer in mine.offers]) == (
            theirs.status, theirs.reason, [offer.id for offer in theirs.offers]
        )  # fmt: skip


def test_many_pages_of_hits_are_gone_through():
    """The one paragraph that may be offered is found behind a thousand that may not."""
    hidden = [material(f"K-{number}", PHONE, audience="author") for number in range(1000)]
    assert only(ASKED, [*hidden, material("Z-1", f"{PHONE} And so on, at length, for everybody.")]).status == "covered"


def test_enough_is_enough():
    """Of a hundred paragraphs that cover a requirement the twenty best of the index are looked at."""
    materials = [material(f"K-{number:03}", f"{PHONE} {number}") for number in range(100)]
    answer = only(ASKED, materials, yard=Yardstick(alike=1.0), budget=Budget(each=50))
    assert [one.material for one in answer.offers] == [f"K-{number:03}" for number in range(20)]


def test_the_best_that_is_not_offered_is_named():
    """Of several that have expired the one that has most of the words."""
    texts = ["Complaints answered.", "Complaints answered by phone.", "Complaints by phone."]
    answer = only(ASKED, [material(f"K-{number}", text, valid_until=NOW) for number, text in enumerate(texts)])
    assert (answer.reason, answer.nearest.id, answer.share) == ("expired", "K-1#1", 1.0)


def test_the_draft_in_both_languages():
    """Title, notes, headings, requirements, paragraphs, sources, gaps and tables; what a customer wrote is no Markdown."""
    brief = Brief(
        "# A <b>\n\n## B\n\n1. Complaints, <script> shall be answered by phone\n\n## C\n\n- Blue | paint\n- Backups of mail",
        "T|7",
    )
    one = material(
        "K-1",
        PHONE,
        title="Phone",
        version=2,
        valid_until=NOW + DAY,
        review_by=date(2026, 1, 1),
        approved=date(2025, 1, 1),
    )
    old = material("K-2", "Backups of mail.", valid_until=NOW)
    made = proposed(brief, [one, old, material("K-3", PHONE)])
    text = made.to_markdown()
    assert text.startswith("# Proposal: T\\|7\n")
    assert "\n## A \\<b\\>\n" in text
    assert "> Complaints, \\<script\\> shall be answered by phone\n> (1: must, line 5)" in text
    assert (
        f"\n\n{PHONE}\n\n*Source K-1#1: Phone, digest {one.digest}, version 2, owner wei, valid until 2026-03-03"
        in text
    )
    assert "review overdue since 2026-01-01, stands for K-3#1*" in text
    assert "**GAP: the library has none of its words. Missing: Blue, paint.**" in text
    assert "**GAP: what would cover it has expired. Nearest: K-2#1, 100 % of the words.**" in text
    assert "| K-1#1 | Phone |" in text
    assert [part.kind for part in made.draft()] == [
        "title", "note", "note", "heading", "heading", "requirement", "paragraph", "source", "remark", "heading", "requirement",
        "gap", "requirement", "gap", "table", "table",
    ]  # fmt: skip
    assert "缺口：方案库中没有它的任何词语。" in made.to_markdown("zh")
    assert len(made.draft("zh")) == len(made.draft("en"))
    with pytest.raises(NotFound, match="drafts"):
        made.draft("fr")


def test_everything_as_plain_data():
    """Dates become texts, sets lists; nothing else is lost."""
    made = proposed(ASKED, [material("K-1", PHONE)], readers=Viewer("wei", staff=True, roles=["b", "a"]))
    plain = made.to_dict()
    assert (plain["aim"]["at"], plain["aim"]["readers"][0]["roles"]) == (NOW.isoformat(), ["a", "b"])
    assert (plain["counts"], plain["yard"]["id"]) == ({"covered": 1, "weak": 0, "uncovered": 0}, Yardstick().id)
    assert plain["answers"][0]["offers"][0]["spans"] == [(3, 9), (10, 20), (24, 29)]


def test_paragraphs_of_a_material():
    """Empty lines part them, headings stand above them, and a fenced block is one; each stands as in the text."""
    text = (
        "Intro\nmore\n\n# One #\nFirst\r\n\r\n```py\na\n\n# no heading\n```\n\n## Two\n\n- a\n- b\n\n~~~\nopen\n\nend"
    )
    one = material("K-1", text)
    assert [(part.id, part.heading, part.text) for part in one.paragraphs] == [
        ("K-1#1", "", "Intro\nmore"), ("K-1#2", "One", "First"), ("K-1#3", "One", "```py\na\n\n# no heading\n```"),
        ("K-1#4", "Two", "- a\n- b"), ("K-1#5", "Two", "~~~\nopen\n\nend"),
    ]  # fmt: skip
    assert all(text[part.start : part.end] == part.text for part in one.paragraphs)
    made = proposed(ASKED, [material("K-2", "# Only a heading about complaints answered by phone")])
    assert made.unusable == {"empty": 1}


def test_a_document_is_a_material():
    """Its fields say who may see it, and how it fared; what they do not say nobody is offered."""
    fields = {
        "audience": "public",
        "state": "published",
        "language": "en",
        "products": ["ERP"],
        "won": 2,
        "stray": "x",
        "need": None,
    }
    one = Material.of(ModelDocument("K-1", "Phone", PHONE, who="wei", fields=Fields(fields)))
    assert (one.id, one.text, one.card.author, one.products, one.won) == ("K-1", PHONE, "wei", ("ERP",), 2)
    assert only(ASKED, [one]).status == "covered"
    assert only(ASKED, [Material.of(ModelDocument("K-1", "Phone", PHONE))]).status == "uncovered"


@pytest.mark.parametrize(("ask", "why"), [
    (lambda: material("K-1", "a\x00b"), "at character 1 of its text"),
        (lambda: material("K-1", "", title="a\x01b"), "at character 1 of its titles"), (lambda: material("K-1", "x" * 2_000_001), "longer than 2,000,000"),
    (lambda: material("K-1", "", won=-1), "won"), (lambda: material("K-1", "", lost=True), "lost"), (lambda: material("K-1", "", lost="1"), "lost"),
    (lambda: Library([material("K-1", ""), material("K-1", "")]), "'K-1' is the id of two"),
    (lambda: Aim(NOW, []), "read by somebody"), (lambda: Yardstick(enough=0), "enough"), (lambda: Yardstick(weak=0.9), "above enough"),
    (lambda: Yardstick(fewest=0), "fewest"), (lambda: Yardstick(doubt=0), "doubt"), (lambda: Yardstick(doubt=float("inf")), "doubt"),
    (lambda: Yardstick(alike=float("nan")), "alike"), (lambda: Budget(words=-1), "words"), (lambda: Budget(each=None), "each"),
    (lambda: Budget(paragraphs=True), "paragraphs"), (lambda: proposed("Nothing is asked for.", []), "requires nothing"),
    (lambda: proposed("- a\n" * 5001, []), "5,001 requirements"),
    (lambda: Material.of(ModelDocument("K-1", "", "", fields=Fields(review_by="x", roles=3))), "cannot be used"),
])  # fmt: skip
def test_what_is_refused(ask, why):
    """What cannot be used says which and why."""
    with pytest.raises(InvalidValue, match=why):
        ask()


def test_an_aim_needs_a_zone():
    """A moment without a zone is none."""
    with pytest.raises(NaiveDatetime):
        Aim(datetime(2026, 3, 2))  # noqa: DTZ001 - that is what is refused
