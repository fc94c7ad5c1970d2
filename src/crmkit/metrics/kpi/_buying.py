"""The purchases that make a customer."""

import numpy as np
import numpy.typing as npt

from crmkit.journal import Finding
from crmkit.metrics.view import View

__all__ = ["buying"]

Ints = npt.NDArray[np.int64]


def buying(view: View, kind: str, metric: str) -> tuple[Ints, list[Finding]]:
    """The purchases that make a customer, in the order of time: not credit notes, nor what they wholly took back."""
    return view.once(("buying", kind), lambda: _buying(view, kind, metric))


def _buying(view: View, kind: str, metric: str) -> tuple[Ints, list[Finding]]:
    ledger = view.ledger(metric)
    rows = view.of(kind, metric)
    findings: list[Finding] = []
    if len(rows) and np.any(ledger.at[rows][1:] < ledger.at[rows][:-1]):
        rows = rows[np.argsort(ledger.at[rows], kind="stable")]
    minor, unknown = ledger.minor[rows], ledger.customers.missing[rows]
    if unknown.any():
        findings.append(Finding(None, "customer", f"{kind} without a customer", int(unknown.sum())))
    taken = np.zeros(len(ledger.ids.values) + 1, np.int64)
    credited = np.flatnonzero(minor < 0)
    if len(credited):
        np.add.at(taken, view.referred(metric).codes[rows[credited]], minor[credited])
        taken[-1] = 0
    left = minor + taken[ledger.ids.codes[rows]]
    return rows[~unknown & (minor >= 0) & ~((minor > 0) & (left <= 0))], findings
