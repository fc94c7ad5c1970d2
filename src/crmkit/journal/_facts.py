"""Our own facts, turned into stays one by one, and the stays into columns."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self, TypeAlias

import attrs
import numpy as np

from crmkit.events import Event, Migrated, Moved, Opened, fields_from_json, fields_to_json
from crmkit.journal._coded import Coded, Longs, Micros, code
from crmkit.journal._findings import Finding, summarise
from crmkit.journal._rows import OPEN, UNKNOWN
from crmkit.values import Fields, Money, to_micros

# The columns of a block that hold texts, and those that hold numbers.
TEXTS = ("cases", "stages", "next", "who", "units")
NUMBERS = ("entered", "left", "amount")

# Case, stage, entered, left, next, who held it at entry, and what the field "amount" said last in it.
Stay: TypeAlias = tuple[str, str, int, int, str | None, str | None, Any]


@attrs.define
class Stays:
    """What facts tell of, up to some fact.

    Attributes:
        ended: the stays that ended, in the order in which they did.
        lasting: by case: the stage it is in, since when, and who held it then.
        owners: by case: who holds it.
        said: by case: what the field "amount" said last.
        latest: the last instant of a fact.
    """

    ended: list[Stay] = attrs.field(factory=list[Stay])
    lasting: dict[str, tuple[str, int, str | None]] = attrs.field(factory=dict[str, tuple[str, int, str | None]])
    owners: dict[str, str | None] = attrs.field(factory=dict[str, str | None])
    said: dict[str, Any] = attrs.field(factory=dict[str, Any])
    latest: int = 0

    def add(self, event: Event) -> None:
        """The next fact. A `Moved` carries the stay that it ends."""
        at, case, data = to_micros(event.at), event.case, event.data
        self.latest = max(self.latest, at)
        self.owners[case] = data.get("owner") or self.owners.get(case)
        if isinstance(event, Opened):
            self.owners[case] = self.owners[case] or event.who
            self.lasting[case] = (event.stage, at, self.owners[case])
        elif isinstance(event, Moved):
            entered = to_micros(event.entered)
            self.ended.append((case, event.origin, entered, at, event.stage, event.held_by, self.said.get(case)))
            self.lasting[case] = (event.stage, at, self.owners[case])
        elif isinstance(event, Migrated) and case in self.lasting:
            # The same stay under another name.
            self.lasting[case] = (event.stage, *self.lasting[case][1:])
        if "amount" in data:
            self.said[case] = data["amount"]

    def open(self) -> list[Stay]:
        """The stays that last."""
        return [
            (case, stage, entered, OPEN, None, who, self.said.get(case))
            for case, (stage, entered, who) in self.lasting.items()
        ]

    def to_json(self) -> str:
        """All of it as text."""
        said = Fields(values=list(self.said.values()), ended=[stay[-1] for stay in self.ended])
        plain = {
            "ended": [stay[:-1] for stay in self.ended],
            "lasting": [[case, *stay] for case, stay in self.lasting.items()],
            "owners": [*self.owners.items()],
            "said": [*self.said],
            "amounts": fields_to_json(said),
            "latest": self.latest,
        }
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        plain = json.loads(text)
        amounts = fields_from_json(plain["amounts"])
        ended = [(*stay, amount) for stay, amount in zip(plain["ended"], amounts["ended"], strict=True)]
        return cls(
            ended, {case: tuple(stay) for case, *stay in plain["lasting"]}, dict(plain["owners"]),
            dict(zip(plain["said"], amounts["values"], strict=True)), plain["latest"],
        )  # fmt: skip


@attrs.frozen(eq=False)
class Block:
    """Stays as columns, each of shape (n,).

    Attributes:
        cases: their cases.
        stages: their stages.
        next: the stages that followed; missing while they last.
        who: who held the case at entry.
        units: the currencies of the amounts.
        entered: int64 microseconds UTC.
        left: likewise; `OPEN` while they last.
        amount: int64 hundredths, `UNKNOWN` where none is said.
        findings: what was wrong with amounts.
    """

    cases: Coded
    stages: Coded
    next: Coded
    who: Coded
    units: Coded
    entered: Micros
    left: Micros
    amount: Longs
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, stays: Sequence[Stay]) -> Self:
        """The columns of stays."""
        case, stage, entered, left, following, who, amounts = zip(*stays, strict=True) if stays else ((),) * 7
        hundredths, units, findings = _amounts(amounts)
        instants = np.array(entered, np.int64), np.array(left, np.int64)
        return cls(code(case), code(stage), code(following), code(who), units, *instants, hundredths, findings)

    @classmethod
    def joined(cls, blocks: Sequence["Block"]) -> Self:
        """Blocks one after the other."""

        def coded(name: str) -> Coded:
            return Coded.joined([getattr(block, name) for block in blocks])

        def numbers(name: str) -> Longs:
            return np.concatenate([getattr(block, name) for block in blocks])

        columns: dict[str, Any] = {**{name: coded(name) for name in TEXTS}, **{name: numbers(name) for name in NUMBERS}}
        return cls(**columns, findings=summarise(one for block in blocks for one in block.findings))

    def columns(self, stages: Sequence[str] | None, until: int, *, amounts: bool) -> dict[str, Any]:
        """The parts of a journal.

        Args:
            stages: the stages in order; those of the stays, then those that only followed, if None.
            until: the end of observation.
            amounts: whether any fact said an amount.
        """
        names = dict.fromkeys([*self.stages.values, *self.next.values]) if stages is None else stages
        found: dict[str, Any] = {
            "cases": self.cases, "stages": self.stages.recode(tuple(names)), "entered": self.entered, "left": self.left,
            "next": self.next.recode(tuple(names)).codes, "who": self.who, "until": until,
        }  # fmt: skip
        if amounts:
            dims = {"currency": self.units} if self.units.values else {}
            found |= {"amount": self.amount, "dims": dims, "findings": self.findings}
        return found


def from_facts(events: Iterable[Event], stages: Sequence[str] | None, as_of: int | None) -> dict[str, Any]:
    """The parts of a journal of facts; the field "amount" is what a deal said last in a stay."""
    stays = Stays()
    for event in events:
        stays.add(event)
    until = stays.latest if as_of is None else as_of
    return Block.of([*stays.ended, *stays.open()]).columns(stages, until, amounts=bool(stays.said))


def _amounts(given: Sequence[Any]) -> tuple[Longs, Coded, tuple[Finding, ...]]:
    """Amounts in hundredths, their currencies, and what is no amount."""
    findings: list[Finding] = []
    hundredths = np.full(len(given), UNKNOWN)
    for row, amount in enumerate(given):
        plain = amount.amount if isinstance(amount, Money) else amount
        if isinstance(plain, Decimal | int):
            exact = Fraction(plain) * 100
            hundredths[row] = round(exact)
            if exact != hundredths[row]:
                findings.append(
                    Finding(None, "amount", "has more than two decimals; rounded", 1, str(amount), dropped=False)
                )
        elif plain is not None:
            findings.append(Finding(None, "amount", "is no amount; counted as unknown", 1, str(amount), dropped=False))
    units = code(amount.currency.code if isinstance(amount, Money) else None for amount in given)
    return hundredths, units, summarise(findings)
