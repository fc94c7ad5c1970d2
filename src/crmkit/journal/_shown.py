"""What journals and ledgers show of themselves: how much there is, and their first rows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from crmkit.journal._coded import Coded
from crmkit.journal._findings import Finding
from crmkit.values import from_micros
from crmkit.values.display import Display, Lang, Table

if TYPE_CHECKING:
    from crmkit.journal._journal import Journal
    from crmkit.journal._ledger import Ledger

__all__ = ["dated", "stays"]

# Findings are a handful of kinds with their counts; an export that is all wrong may have more.
_FINDINGS = 10


def stays(journal: "Journal", lang: Lang, most: int | None) -> Display:
    """How many stays of how many cases, until when; the first of them; what could not be used."""
    n, cases, lasting = len(journal), _distinct(journal.cases), int(journal.open.sum())
    until = from_micros(journal.until).isoformat(" ", "minutes")
    head = (
        f"{n:,} stays of {cases:,} cases, {lasting:,} of which last; observed until {until}"
        if lang == "en"
        else f"{cases:,} 个案例的 {n:,} 段停留，其中 {lasting:,} 段仍在持续；观察至 {until}"
    )
    first = journal if most is None else journal[:most]
    table = Table.of(first.to_dict(), n=n, most=most, caption="Journal", lang=lang)
    return Display.of(head, table, _found(journal.findings, lang), lang=lang)


def dated(ledger: "Ledger", lang: Lang, most: int | None) -> Display:
    """How many facts of which kinds; the first of them; what could not be used."""
    counts = np.bincount(ledger.kinds.codes[ledger.kinds.codes >= 0], minlength=len(ledger.kinds.values)).tolist()
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in zip(ledger.kinds.values, counts, strict=True) if n)
    head = f"{len(ledger):,} facts: {kinds}" if lang == "en" else f"{len(ledger):,} 条记录：{kinds}"
    first = ledger if most is None else ledger[:most]
    table = Table.of(first.to_dict(), n=len(ledger), most=most, caption="Ledger", lang=lang)
    return Display.of(head, table, _found(ledger.findings, lang), lang=lang)


def _distinct(column: Coded) -> int:
    return int(np.count_nonzero(np.bincount(column.codes[column.codes >= 0])))


def _found(findings: Iterable[Finding], lang: Lang) -> Display:
    return Display.lines([f"- {one}" for one in findings], most=_FINDINGS, lang=lang)
