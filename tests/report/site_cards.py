"""Cards, subjects and sites for the tests of sites."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from crmkit.kb import Card, Thesaurus
from crmkit.kb.terms import Concept
from crmkit.report.publishing import publish

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
BASE = "https://help.example.com/kb/"
PUBLIC = {"state": "published", "audience": "public"}

SUBJECTS = Thesaurus([
    Concept("finance", {"en": "Finance", "zh": "财务"}),
    Concept("vat", {"en": "VAT", "zh": "增值税"}, alternative={"en": ["value-added tax"]}, hidden={"en": ["vatt"]}, broader="finance",
            related="login", note={"en": "Taxes on sales"}),
    Concept("login", {"en": "Signing in", "zh": "登录"}),
    Concept("quiet", {"en": "Quietterm"}, broader="finance"),
])  # fmt: skip


def card(id_, problem="", **changes):
    """A card that everybody may see."""
    return Card(id_, problem, **{**PUBLIC, **changes})


CARDS = (
    card("K-17", "The invoice shows **3 % tax** instead of 13 %\nsince version 4", need="an invoice that the tax office accepts",
         solution="1. Open *Customer, Tax*\n2. Set the region\n\nSee [how regions work](card:K-18), [the draft](card:K-99), [tax](subject:vat) "
         "and [a manual](https://manual.example.com/a?b=1&c=2).\n\n| a | b | c | d | e | f |\n|---|---|---|---|---|---|\n"
         "| wide table | of many | columns that | will never | fit on | a phone |\n\n```\nSET region = 'CN'; -- "
         "a line of code that is far too long for a phone, whatever one does about it\n```\n\nAVeryLongWord" + "x" * 120,
         cause="the region was empty", environment="version 4", subjects=["vat"], language="en", keywords=["invoice", "region"]),
    card("K-18", "How do regions work?", title="Regions and taxes", solution="# They decide\n\nabout the rate. ![a picture](https://pictures.example.com/x.png)",
         subjects=["vat"], language="en"),
    card("C-1", "客户的增值税发票税率显示为3%，应为13%", title="增值税发票税率错误", solution="打开“客户”，设置地区。", subjects=["vat"], language="zh"),
    card("C-2", "無法登入，提示密碼錯誤", solution="重置密码。", subjects=["login"], language="zh-Hant"),
    card("K-99", "zebraproblem 斑马", title="zebratitle", need="zebraneed", environment="zebraplace", cause="zebracause", solution="zebrasolution",
         subjects=["quiet", "zebrasubject"], keywords=["zebraword"], author="zebraauthor", customer="zebracustomer", case="zebracase",
         evidence=[{"kind": "mail", "id": "zebramail", "note": "zebranote"}], audience="staff"),
)  # fmt: skip


def made(folder, cards=CARDS, **changes):
    """A site of some cards."""
    return publish(cards, folder, **{"now": NOW, "title": "Acme help", "thesaurus": SUBJECTS, "base": BASE, **changes})


def files(folder):
    """From path to bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Keep one."""
        self.found.append((tag, dict(attrs)))


def parsed(data):
    """The root of an XML file."""
    return ET.fromstring(data)  # noqa: S314 - we have just written it
