"""The search of a site, in a browser: the terms are those of Python, and so are the hits."""

import json
import random
import re
import unicodedata
from pathlib import Path

import pytest

from crmkit.adapters.memory import MemoryBlobStore
from crmkit.kb import Analyzer, Document, SegmentIndex, Text
from crmkit.kb._folding import fold
from crmkit.kb.portable import portable_index

from .chromium import opened

ROOT = Path(__file__).parents[2]
CODE = ROOT / "src" / "crmkit" / "report" / "site" / "search.js"
SUFFIXES = (
    "", "s", "'s", "s'", "ed", "ing", "edly", "ingly", "eed", "eedly", "ation", "ational", "ization", "izer", "fulness", "ousness",
    "iveness", "biliti", "bility", "ogist", "ogy", "ogi", "li", "ly", "ally", "fully", "lessly", "ement", "ment", "ent", "ion", "sion",
    "ative", "icate", "iciti", "ical", "ness", "ful", "e", "ll", "y", "ies", "ied", "sses", "us", "ism", "able", "ible", "ance",
)  # fmt: skip


def run(tmp_path, script, **data):
    """What a script gives back that runs in a browser beside the search code, with some data."""
    values = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in data.items())
    (tmp_path / "search.js").write_text(CODE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test.js").write_text(
        f"{values}document.title = JSON.stringify((() => {{ {script} }})());\n", encoding="utf-8"
    )
    page = tmp_path / "test.html"
    page.write_text(
        '<!doctype html><meta charset="utf-8"><title>null</title><script src="search.js"></script><script src="test.js"></script>'
    )
    found = opened(page.as_uri(), tmp_path, "--dump-dom")
    assert found.console == ()
    return found.told


@pytest.mark.parametrize("simplify", [True, False])
def test_every_character_is_folded_alike(tmp_path, simplify):
    """Each character that Python's Unicode knows has the same folded form, and is a word, part of a run, or neither."""
    analyzer = Analyzer(simplify=simplify)
    known = [code for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    folded = [[code, text] for code in known if (text := fold(chr(code), simplify=simplify).text) != chr(code)]
    terms = [code for code in known if analyzer.terms(chr(code))[0]]
    script = """
    const analyzer = crmkitAnalyzer(tables), other = new Map(folded), some = new Set(terms), wrong = [];
    for (const code of known) {
      const one = String.fromCodePoint(code), want = other.has(code) ? other.get(code) : one;
      if (analyzer.fold(one) !== want || (analyzer.terms(one).length > 0) !== some.has(code)) wrong.push(code);
    }
    return [known.length, wrong];
    """
    count, wrong = run(tmp_path, script, tables=analyzer.portable(), known=known, folded=folded, terms=terms)
    assert count > 140_000
    assert wrong == []


def words():
    """Some ten thousands of words: all of our own prose, and made-up ones with every ending."""
    prose = " ".join(
        path.read_text(encoding="utf-8") for folder in ("docs", "src") for path in sorted((ROOT / folder).rglob("*.*"))
        if path.suffix in (".md", ".py")
    ).lower()  # fmt: skip
    rng = random.Random(7)
    made = {
        "".join(rng.choices("abceghilnoprstuvwxy'", k=rng.randrange(8))) + rng.choice(SUFFIXES) + rng.choice(SUFFIXES)
        for _ in range(40_000)
    }
    return sorted(made | set(re.findall("[a-z']+", prose)))


def test_words_have_the_same_stems(tmp_path):
    """Tens of thousands of words, real and made up, have the stem that Python gives them."""
    analyzer, some = Analyzer(), words()
    script = "const analyzer = crmkitAnalyzer(tables); return words.filter((one, place) => analyzer.term(one) !== stems[place]);"
    wrong = run(tmp_path, script, tables=analyzer.portable(), words=some, stems=[analyzer.term(one) for one in some])
    assert len(some) > 30_000
    assert wrong == []


def texts():
    """Texts of whatever is hard: marks in any order, half widths, letters that compose, long words, all kinds of writing."""
    rng = random.Random(11)
    pools = [
        "abc xyz' -_.", "ÀéîõüÿßŒæøŁđİıŞσςΣ", "\u0301\u0308\u0323\u0327\u0345\u0334\u05b0\u3099\u309a", "ｱｶﾞﾊﾟＡｂ１２", "ᄀ가ᅡᆨㄱㅏ각하",
        "增值税發票體驗台灣的是", "をカがパー々〆", "กำแพง", "हिन्दी", "’‘ʼ\u200b\u00ad\ufeff", "①½²ⅷⅫ㎏㍿", "𝐀𝔟𝒞𐐨𐐀𠮷𩸽", "'s 't 'll", "ǅǆßﬁﬃ",
    ]  # fmt: skip
    made = ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randrange(1, 30))) for _ in range(6000)]
    return [*made, "x" * 200, "customers' l'été it's IT'S we'll rock'n'roll", "A\u0345\u0301\u0334b", ""]


@pytest.mark.parametrize("analyzer", [Analyzer(), Analyzer(english=False, simplify=False, stop=["the", "IT'S", "abc"])], ids=["usual", "plain"])  # fmt: skip
def test_texts_have_the_same_terms(tmp_path, analyzer):
    """Thousands of mixed texts give the same terms in the same order, but for the order of characters and pairs."""
    some = texts()
    script = """
    const analyzer = crmkitAnalyzer(tables);
    return texts.map(text => analyzer.terms(text)).map((one, place) => [place, one])
      .filter(([place, one]) => JSON.stringify(one) !== JSON.stringify(terms[place]));
    """
    wanted = [analyzer.terms(text)[0] for text in some]
    wrong = run(tmp_path, script, tables=analyzer.portable(), texts=some, terms=wanted)
    assert wrong == []
    assert sum(map(len, wanted)) > 20_000


def corpus():
    """Two hundred small documents in English and Chinese."""
    rng = random.Random(5)
    english = (ROOT / "docs" / "how-to" / "cards.md").read_text(encoding="utf-8")
    sentences = [" ".join(line.split()) for line in re.split(r"[.\n]", english) if len(line.split()) > 3]
    chinese = [
        "客户的增值税发票税率错误",
        "无法登录提示密码错误",
        "设置客户的地区",
        "重置密码后重新登录",
        "发票已经开具",
        "税务局接受的发票",
    ]
    return [
        Document(f"d{number:03}", {
            "title": rng.choice(sentences) if number % 3 else rng.choice(chinese),
            "text": "\n".join(rng.choices([*sentences, *chinese], k=rng.randrange(1, 5))),
        })
        for number in range(200)
    ]  # fmt: skip


def questions(documents):
    """Words of the documents as people type them: right, misspelled, joined, parted, unknown."""
    rng = random.Random(6)
    known = sorted(
        {
            word
            for one in documents
            for text in one.texts.values()
            for word in re.findall(r"[a-zA-Z]{2,}|[一-鿿]{1,4}", text)
        }
    )
    found = []
    for _ in range(400):
        some = rng.choices(known, k=rng.randrange(1, 4))
        place, word = rng.randrange(len(some)), ""
        match rng.randrange(6):
            case 0:
                word = some[place]
                cut = rng.randrange(len(word))
                word = word[:cut] + word[cut + 1 :]
            case 1:
                word = some[place] + rng.choice(known)
            case 2:
                word = some[place][:2] + " " + some[place][2:]
            case 3:
                word = some[place][::-1]
            case 4:
                cut = rng.randrange(len(some[place]) + 1)
                word = some[place][:cut] + rng.choice("aeiou") + some[place][cut:] + rng.choice(["", "s"])
            case _:
                word = some[place]
        some[place] = word
        found.append(" ".join(some))
    return [*found, "", "...", "發票 Invoices", "the"]


def test_the_hits_are_those_of_the_index(tmp_path):
    """The same cards with the same scores (rounded), and the same words corrected or dropped, as in a SegmentIndex."""
    documents = corpus()
    index = SegmentIndex(MemoryBlobStore(), "x")
    index.add(documents)
    asked = questions(documents)
    data = portable_index(documents)
    found = run(
        tmp_path,
        "const one = crmkitSearch(index); return asked.map(text => one.search(text));",
        index=data, asked=asked,
    )  # fmt: skip
    corrected = 0
    for text, got in zip(asked, found, strict=True):
        want = index.search(Text(text), limit=len(documents))
        scores = {hit.id: hit.score for hit in want.hits}
        assert {data["ids"][hit["number"]] for hit in got["hits"]} == scores.keys(), text
        for hit in got["hits"]:
            assert hit["score"] == pytest.approx(scores[data["ids"][hit["number"]]], rel=2e-3, abs=1e-3), text
        notes = [[note.kind, list(note.words), list(note.instead)] for note in want.notes]
        assert [[kind.replace("empty", "dropped"), *rest] for kind, *rest in got["notes"]] == notes, text
        corrected += any(note.kind == "corrected" for note in want.notes)
    assert corrected > 100


def test_a_word_that_is_still_typed_finds_what_begins_like_it(tmp_path):
    """An unfinished last word stands for the words that begin with it; after a blank it does not."""
    index = portable_index(
        [Document("a", {"title": "invoices"}), Document("b", {"title": "inventory"}), Document("c", {"title": "tax"})]
    )
    script = "const one = crmkitSearch(index); return asked.map(([text, typing]) => one.search(text, typing));"
    asked = [["inv", True], ["inv ", True], ["inv", False], ["tax inv", True], ["invoi", True]]
    found = run(tmp_path, script, index=index, asked=asked)
    assert [[index["ids"][hit["number"]] for hit in one["hits"]] for one in found] == [
        ["a", "b"], [], [], ["c", "a", "b"], ["a"],
    ]  # fmt: skip
    assert [one["notes"] for one in found] == [[], [["dropped", ["inv"], []]], [["dropped", ["inv"], []]], [], []]
