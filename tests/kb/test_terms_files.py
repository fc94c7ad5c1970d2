"""A thesaurus in and out: tables, JSON, SKOS in Turtle; and where a file is wrong."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionErrors, InputError, InvalidValue
from crmkit.kb.terms import Concept, Thesaurus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BASE = "https://example.org/terms/"
TERMS = Thesaurus([
    Concept("finance", {"en": "Finance", "zh": "财务"}, note={"en": 'Money; not "law"'}),
    Concept("invoicing", {"en": "Invoicing"}, alternative={"en": ["bill", "in-voice"], "zh": "发票"}, hidden={"en": ["invocie"]}, broader="finance", related="law"),
    Concept("law", {"und": "Law"}), Concept("fees", {"en": "Fees"}),
]).merge("fees", into="finance", at=NOON, who="li", why="too fine")  # fmt: skip

TURTLE = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
PREFIX dct: <http://purl.org/dc/terms/>
@base <https://example.org/terms/> .
@prefix t: <https://example.org/terms/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<> a skos:ConceptScheme ; dct:title "Ours"@en ; skos:hasTopConcept t:finance . # a comment; with <signs>
t:finance a skos:Concept ;
  skos:prefLabel "Finance"@en, '''财务'''@zh-Hans ;
  skos:altLabel "a \\"quote\\" \\u4e2d" ;
  skos:scopeNote \"\"\"One
"two\"\"\"@en, "three"@en ;
  skos:notation 17, 1.5e3, true ;
  skos:narrower <invoicing>, t:%E7%A5%A8 ;
  .
<invoicing> a skos:Concept ; skos:prefLabel "Invoicing"@en ; skos:related <urn:x:law> ;; skos:exactMatch <urn:y> .
<urn:x:law> a skos:Concept ; skos:prefLabel "Law"@en .
t:票 a skos:Concept; skos:prefLabel "票"@zh .
t:fees a skos:Concept; skos:prefLabel "Fees"@en; dct:isReplacedBy t:finance; skos:changeNote "why"; dct:contributor "li", <urn:li> ;
  dct:modified "2026-03-02T12:00:00+00:00"^^xsd:dateTime .
t:old dct:isReplacedBy t:fees .
"""


def test_turtle_is_read():
    """Prefixes and bases of both kinds, lists of verbs and objects, long texts, escapes, numbers, comments, both directions."""
    read = Thesaurus.from_turtle("\ufeff" + TURTLE, base=BASE)
    assert [concept.id for concept in read] == ["finance", "invoicing", "票", "urn:x:law"]
    finance = read.get("old")
    assert finance == Concept(
        "finance",
        {"en": "Finance", "zh-Hans": "财务"},
        alternative={"und": 'a "quote" 中'},
        note={"en": 'One "two three'},
    )
    assert read.narrower("finance") == ("invoicing", "票")
    assert read.related("urn:x:law") == ("invoicing",)
    assert [(one.concept, one.into, one.who, one.why) for one in read.merges] == [
        ("old", "fees", "", ""),
        ("fees", "finance", "li", "why"),
    ]


@pytest.mark.parametrize(("base", "name", "whole"), [
    ("http://a/b/c?q", "g", "http://a/b/g"), ("http://a/b/c", "/g", "http://a/g"), ("http://a/b/c", "//g", "http://g"), ("http://a/b/c#d", "#s", "http://a/b/c#s"),
    ("http://a/b/c", "", "http://a/b/c"), ("http://a/b/", "g", "http://a/b/g"), ("http://a/b", "urn:g", "urn:g"), ("urn:t:", "g", "urn:t:g"), ("http://a/", "%E7%A5%A8", "http://a/票"), ("http://a/", "%FF", "http://a/%FF"),
])  # fmt: skip
def test_names_follow_the_base(base, name, whole):
    """Relative names are resolved as RFC 3986 says (5.4, but for dots); escapes are undone where they are UTF-8."""
    text = f"@base <{base}> . <{name}> a <http://www.w3.org/2004/02/skos/core#Concept> ."
    assert [concept.id for concept in Thesaurus.from_turtle(text, base="urn:none:")] == [whole]


IDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp", "Cs")) | st.sampled_from("a:/%é.#中-"),
    min_size=1,
    max_size=8,
)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="|") | st.sampled_from("\"\\'\n\t\u0007é中"), min_size=1, max_size=8
).filter(lambda text: text.strip())
LABELS = st.dictionaries(st.sampled_from(["en", "zh", "zh-Hant"]), TEXTS, max_size=2)


@st.composite
def thesauri(draw):
    """Thesauri in which each concept stands under earlier ones."""
    ids = draw(
        st.lists(
            IDS.filter(lambda id_: id_ == " ".join(id_.split()) and "|" not in id_ and not id_.startswith("urn:t:")),
            unique=True,
            max_size=4,
        )
    )
    concepts = [
        Concept(id_, {**draw(LABELS), "en": f"label {n}"}, alternative={"zh": [f"又{n}", f"再{n}"]} if n % 2 else {}, hidden={"en": [f"hidden {n}"]}, note=draw(LABELS),
                broader=draw(st.lists(st.sampled_from(ids[:n]), max_size=2)) if n else ())
        for n, id_ in enumerate(ids)
    ]  # fmt: skip
    made = Thesaurus(concepts)
    if len(ids) > 1 and draw(st.booleans()):
        made = made.merge(ids[-1], into=ids[0], at=NOON, who="li")
    return made


@given(thesauri())
def test_what_is_written_is_read(thesaurus):
    """JSON and Turtle give back exactly what went in."""
    assert Thesaurus.from_json(thesaurus.to_json()) == thesaurus
    again = Thesaurus.from_turtle(thesaurus.to_turtle(base="urn:t:"), base="urn:t:")
    assert again.merges == thesaurus.merges
    assert sorted(again.concepts, key=lambda one: one.id) == sorted(thesaurus.concepts, key=lambda one: one.id)
    assert again.to_turtle(base="urn:t:") == thesaurus.to_turtle(base="urn:t:")


def test_tables():
    """The table has only the columns that are used, and gives back what went in."""
    table = TERMS.to_csv()
    assert (
        table.splitlines()[0]
        == "id,preferred en,preferred und,preferred zh,alternative en,alternative zh,hidden en,note en,broader,related,replaced by,replaced at,replaced who,replaced why"
    )
    assert Thesaurus.from_csv(table.encode()) == TERMS
    chinese = "id;preferred zh;broader\n票据;票据;\n发票;发票;票据\n".encode("gb18030")
    assert Thesaurus.from_csv(chinese).narrower("票据") == ("发票",)
    assert Thesaurus.from_csv(b"id,preferred en\na,A\n", analyzer=TERMS.analyzer).label("a") == "A"
    with pytest.raises(InvalidValue, match="has a bar in it"):
        Thesaurus([Concept("a", {}, hidden={"en": "a|b"})]).to_csv()


@pytest.mark.parametrize(("rows", "message"), [
    ("preferred en\na", "no column 'id'"), ("id,prefer en\na,b", r"row 1, column 'prefer en': means nothing .did you mean 'preferred en'"),
    ("id,preferred 7\na,b", "row 1, column 'preferred 7': means nothing"), ("id,preferred en\na,A\n,B", "row 3, column 'id': there is no id"),
    ("id,preferred en\na,A\nb,", "row 3: concept 'b' has no preferred label"), ("id,preferred en\na b  c,A", "row 2: concept id"),
    ("id,preferred en,replaced by,replaced at\na,A,,\nb,,a,soon", "row 3, column 'replaced at': 'soon' is no instant; write 2026"),
    ("id,preferred en,replaced by\na,A,\nb,,a", "column 'replaced at': is empty"), ("id,preferred en,replaced who\na,A,li", "row 2, column 'replaced who': there is nothing in"),
    ("id,preferred en,replaced by,replaced at\na,A,,\nb,,a,2026-01-01", "row 3: merge: .* zone"), ("id,preferred en\na,A\nb,B,c,d", "row 3: "),
])  # fmt: skip
def test_a_table_is_wrong_at_a_place(rows, message):
    """The row and the column of what cannot be used."""
    with pytest.raises(InputError, match=message):
        Thesaurus.from_csv(rows.encode(), name="terms")


def test_concepts_that_do_not_fit_have_their_place():
    """What is wrong between rows is told with the row, what is wrong between statements with line and column."""
    with pytest.raises(DefinitionErrors) as caught:
        Thesaurus.from_csv(b"id,preferred en,broader\na,A,\nb,B,x\n")
    assert "line 3, column 1: concept 'b': broader: there is no concept 'x'" in str(caught.value)
    wrong = TURTLE.replace("urn:x:law> a", "urn:x:laws> a")
    with pytest.raises(DefinitionErrors) as caught:
        Thesaurus.from_turtle(wrong, base=BASE)
    assert "line 16, column 1: concept 'invoicing': related: there is no concept 'urn:x:law'" in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [
    ("<a> <b> [] .", "row 1, column '9': blank nodes and collections are not read"), ("<a> <b> 'c", "a text is not closed"), ("<a>\n ~", "row 2, column '2': '~' means nothing"),
    ("<a> <b> <c>", "'.' is expected"), ("<a> 3 <c> .", "a verb is expected, not '3'"), ("t:a <b> <c> .", "nobody has said what the prefix t: stands for"), ("<a> <b> .", "an object is expected"),
    ("@prefix <x> <y> .", "a prefix such as skos: is expected"), ("@prefix t: 'x' .", "an IRI in <> is expected"), (r"<a> <b> '\q' .", "means nothing"), (r"<a> <b> '\UFFFFFFFF' .", "is no character"),
    ("@prefix s: <http://www.w3.org/2004/02/skos/core#> . <a> s:prefLabel <b> .", "is no text"), ("@prefix s: <http://www.w3.org/2004/02/skos/core#> . <a> s:broader 'b' .", "is no resource"),
    ("@prefix s: <http://www.w3.org/2004/02/skos/core#> . <a> a s:Concept; s:prefLabel 'x'@en, 'y'@en .", "2 preferred labels in 'en'"), ("@prefix s: <http://www.w3.org/2004/02/skos/core#> . <a> a s:Concept; s:prefLabel ' ' .", "is no text"),
    ("@prefix d: <http://purl.org/dc/terms/> . <a> d:isReplacedBy <b>; d:modified 'soon' .", "was replaced at no instant"),
])  # fmt: skip
def test_turtle_is_wrong_at_a_place(text, message):
    """Line and column of what cannot be read, and what would be right there."""
    with pytest.raises(InputError, match=message):
        Thesaurus.from_turtle(text, base=BASE)


@given(st.text(st.sampled_from("<>a:b .;,@prefix'\"\\#\n^[0"), max_size=40))
def test_any_text_is_read_or_refused(text):
    """No text makes the reader of Turtle fail in another way."""
    try:
        Thesaurus.from_turtle(text, base=BASE)
    except (InputError, DefinitionErrors):
        return


@pytest.mark.parametrize(("plain", "message"), [
    ("{", "row 1, column '2'.*no JSON"), ("[]", "not of the form"), ('{"concept": []}', "'concept' means nothing .did you mean 'concepts'"), ('{"concepts": 1}', "concepts: is no list"),
    ('{"concepts": [1]}', r"concepts\[0\]: is no object"), ('{"concepts": [{"id": "a"}]}', "'preferred' is missing"), ('{"concepts": [{"id": "a", "preferred": {}, "borader": "b"}]}', "did you mean 'broader'"),
    ('{"concepts": [{"id": 1, "preferred": {}}]}', "concept id"), ('{"merges": [{"concept": "a", "into": "b", "at": 7}]}', r"merges\[0\]"), ('{"merges": [{"concept": "a", "into": "b", "at": "2026-01-01T00:00:00+00:00", "who": 1}]}', "who: 1 is no text"),
    ('{"concepts": [{"id": "a", "preferred": {}, "broader": 7}]}', r"concepts\[0\]"), ("[" * 100_000, "nested too deeply"),
])  # fmt: skip
def test_json_is_wrong_at_a_place(plain, message):
    """The place of what cannot be used."""
    with pytest.raises(InputError, match=message):
        Thesaurus.from_json(plain)


def test_json_has_only_what_is_there():
    """Empty parts are not written."""
    assert json.loads(Thesaurus([Concept("a", {"en": "A"})]).to_json()) == {
        "concepts": [{"id": "a", "preferred": {"en": "A"}}],
        "merges": [],
    }


def test_the_base_must_be_an_iri():
    """Ids are appended to it."""
    with pytest.raises(InvalidValue, match="is no IRI"):
        TERMS.to_turtle(base="our terms")
