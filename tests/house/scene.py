"""A folder with the files that the examples of commands name, and the words of those examples."""

import json
import shlex

from crmkit._examples import EXAMPLES
from crmkit.adapters.sqlite import SqliteStore
from crmkit.events import Edited
from crmkit.values import from_micros

NOW = from_micros(1_767_600_000_000_000)
DEALS = "deal,stage,when,who\n" + "".join(
    f"{n},lead,2025-{1 + n % 12:02}-02T09:00Z,li\n{n},{('won', 'lost')[n % 2]},2025-{1 + n % 12:02}-{10 + n % 9}T09:00Z,li\n"
    for n in range(240)
)
LAW = """
name = "deals"
stages = [{ name = "lead" }, { name = "won", outcome = "won" }, { name = "lost", outcome = "lost" }]
[moves.lead]
sign = "won"
lose = "lost"
"""
RULES = """
[[fields]]
name = "discount"
kind = "decimal"
low = 0
high = 1
[[fields]]
name = "role"
values = ["rep", "manager"]
[[rules]]
name = "authority"
condition = 'discount <= 0.15 or role = "manager"'
"""
MAIL = "From: eva@nordwind.example\nTo: us@crm.example\nSubject: Price\nMessage-ID: <1@x>\n\nEva Meier asks\n"
CARD = {"id": "K-1", "problem": "p", "solution": "s", "state": "published", "audience": "public"}
MATERIAL = {"id": "m", "title": "Response", "text": "We answer every complaint by phone.", "state": "published",
            "audience": "public"}  # fmt: skip
FILES = {
    "deals.csv": DEALS, "deals.toml": LAW, "rules.toml": RULES, "rules-2025.toml": RULES.replace("0.15", "0.1"),
    "history.csv": "discount,role\n0.12,rep\n0.2,manager\n", "contacts.csv": "customer,email\nnordwind,eva@nordwind.example\n",
    "mail/1.eml": MAIL, "cards.jsonl": json.dumps(CARD), "library.jsonl": json.dumps(MATERIAL),
    "brief.md": "# Tender\n\n1.1 Complaints shall be answered by phone\n",
    "documents.jsonl": json.dumps({"id": "1", "title": "VAT invoice", "text": "tax", "product": "ERP", "year": 2026}),
    "invoices.csv": "id,at,customer,amount,currency\nR-1,2026-01-12,Acme,1200.00,EUR\n",
}  # fmt: skip
# What an example goes on from.
BEFORE = {"kb search": ["kb index"], "kb verify": ["kb index"], "store import": ["store export"]}


def furnish(folder):
    """Write the files that examples name."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with SqliteStore(folder / "crm.db") as store:
        store.events.append([Edited(id="1", case="D", at=NOW, recorded=NOW, data={"note": "Eva Meier called"})])
        store.records.put("contact", "C-7", {"name": "Eva Meier"})
    return folder


def words(name):
    """What the shell would make of the lines of an example."""
    lines = [shlex.split(line) for line in EXAMPLES[name].splitlines()]
    assert {program for program, *_ in lines} == {"crmkit"}
    return [rest for _, *rest in lines]


def steps(name):
    """An example with what it goes on from."""
    return [line for one in (*BEFORE.get(name, []), name) for line in words(one)]
