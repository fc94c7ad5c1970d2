"""A made-up office: its customers, its mail, and under which customers each message belongs."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import attrs

from crmkit.kb.mail import Book, parse
from crmkit.model import Contact

OURS = "ourcrm.example"
SURNAMES = [
    "Li",
    "Wang",
    "Zhang",
    "Liu",
    "Chen",
    "Meier",
    "Schulz",
    "Novak",
    "Rossi",
    "Dubois",
    "Silva",
    "Jensen",
    "Smith",
    "Brown",
    "Tanaka",
    "Kim",
    "Ivanov",
    "Kowalski",
    "Garcia",
    "Popescu",
]
GIVEN = [
    "Wei",
    "Fang",
    "Eva",
    "Jan",
    "Anna",
    "Marco",
    "Claire",
    "Rui",
    "Lars",
    "John",
    "Mary",
    "Yuki",
    "Min",
    "Olga",
    "Piotr",
    "Lucia",
    "Ion",
    "Sven",
    "Hao",
    "Nina",
]
SUBJECTS = [
    "Offer",
    "Invoice",
    "Delivery",
    "Contract",
    "Complaint",
    "Meeting",
    "Prices",
    "Order",
    "Training",
    "Renewal",
    "报价",
    "发票",
    "交货",
]
FORWARDS = [
    "---------- Forwarded message ---------\nFrom: {}\nDate: Fri\nSubject: x\n\n", "-----Ursprüngliche Nachricht-----\nVon: {}\nGesendet: Freitag\nBetreff: x\n\n",
    "发件人: {}\n发送时间: 2024年3月1日\n收件人: us\n主题: x\n\n", "________________________________\nFrom: {}\nSent: Friday\nTo: us\nSubject: x\n\n",
]  # fmt: skip


@attrs.define
class Someone:
    """A person at a customer: every address, and whether the book knows them."""

    customer: str
    name: str
    emails: list[str]
    known: bool


class Office:
    """Customers with their people, and a stream of conversations with them."""

    def __init__(self, seed, customers):
        """Invent the customers: one in twenty shares its domain with another, one person in nine has free mail."""
        self.chance = random.Random(seed)
        self.people = []
        for n in range(customers):
            group = n - 1 if n % 20 == 19 else n
            for k in range(self.chance.randint(1, 5)):
                self.people.append(self._someone(f"c{n}", f"company{group}.example", f"{n}x{k}"))
        self.colleagues = [f"colleague{n}@{OURS}" for n in range(12)]
        self.mails, self.truth = [], {}
        self.now = datetime(2024, 1, 1, tzinfo=UTC)

    def book(self):
        """What the office knows; tokens are used."""
        contacts = [
            Contact(f"{n}", each.customer, each.name, (each.emails[0],))
            for n, each in enumerate(self.people)
            if each.known
        ]
        return Book(contacts, ours=[OURS], secret=b"secret")

    def write(self, count):
        """Raw messages, as many as asked for, in the order in which they were sent."""
        while len(self.mails) < count:
            kind = self.chance.random()
            if kind < 0.05:
                self._newsletter()
            elif kind < 0.10:
                self._send(self.chance.choice(self.colleagues), [self.chance.choice(self.colleagues)], "Lunch", set())
            elif kind < 0.18:
                self._forward()
            else:
                self._conversation()
        return self.mails[:count]

    def _someone(self, customer, domain, tag):
        name = f"{self.chance.choice(GIVEN)} {self.chance.choice(SURNAMES)}"
        free = self.chance.random() < 0.11
        place = self.chance.choice(["gmail.com", "163.com", "qq.com", "gmx.de"]) if free else domain
        emails = [f"{name.replace(' ', '.').lower()}.{tag}@{place}"]
        if self.chance.random() < 0.08:
            emails.append(f"{name.split(maxsplit=1)[0].lower()}{tag}@gmail.com")
        return Someone(customer, name, emails, self.chance.random() < 0.8)

    def _send(self, sender, to, subject, truth, *, text="Hello", answers=(), extra=""):
        self.now += timedelta(minutes=self.chance.randint(1, 30))
        ident = f"{len(self.mails)}@mail.example"
        lines = [f"From: {sender}", f"To: {', '.join(to)}", f"Subject: {subject}", f"Date: {format_datetime(self.now)}", f"Message-ID: <{ident}>"]  # fmt: skip
        if answers and self.chance.random() >= 0.05:
            lines.append(f"References: {' '.join(f'<{each}>' for each in answers)}")
        self.mails.append(("\n".join(lines) + f"\n{extra}\n{text}\n").encode())
        self.truth[ident] = frozenset(truth)
        return ident

    def _newsletter(self):
        self._send(
            f"news@shop{self.chance.randint(0, 50)}.test",
            [f"info@{OURS}"],
            "Sale!",
            set(),
            extra="List-Unsubscribe: <x>\n",
        )

    def _forward(self):
        author = self.chance.choice(self.people)
        written = f"{author.name} <{author.emails[0]}>"
        text = "For you.\n\n" + self.chance.choice(FORWARDS).format(written) + "What does it cost?"
        one, other = self.chance.sample(self.colleagues, 2)
        subject = f"{self.chance.choice(['Fwd', 'WG', '转发', 'FW'])}: Question"
        self._send(one, [other], subject, {author.customer}, text=text)

    def _conversation(self):
        them = [self.chance.choice(self.people)]
        if self.chance.random() < 0.1:
            them.append(self.chance.choice(self.people))
        us = self.chance.choice(self.colleagues)
        subject = f"{self.chance.choice(SUBJECTS)} {self.chance.randint(1, 3000)}"
        if self.chance.random() < 0.05 and len(them) == 1:
            subject += " " + Book([], secret=b"secret").token(them[0].customer)
        answers, truth = [], {each.customer for each in them}
        for turn in range(self.chance.randint(1, 6)):
            email = [self.chance.choice(each.emails) if turn > 1 else each.emails[0] for each in them]
            shown = [f'"{each.name}" <{one}>' for each, one in zip(them, email, strict=True)]
            sender, to = (shown[0], [us, *shown[1:]]) if turn % 2 == 0 else (us, shown)
            answers.append(self._send(sender, to, f"Re: {subject}" if turn else subject, truth, answers=tuple(answers)))


def judged(seed, customers, count):
    """Messages filed from their bytes: the outcome, precision, recall, and the share of truly external mail that is queued."""
    from crmkit.kb.mail import file_mail

    office = Office(seed, customers)
    messages = [parse(raw) for raw in office.write(count)]
    filed = file_mail(messages, office.book())
    told = {(each.message, each.customer) for each in filed.filings}
    true = {(message.id, customer) for message in messages for customer in office.truth[message.id]}
    waiting = {each.message for each in filed.queue}
    missed = {message for message, _ in true - told}
    return (
        filed,
        len(told & true) / len(told),
        len(told & true) / len(true),
        len(waiting) / len(messages),
        len(missed - waiting),
    )
