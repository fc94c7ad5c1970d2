"""What open deals will bring, with its track record, of books of any size; nobody beside us does this work."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from harness import Comparison, Contender, Run

from crmkit.journal import UNKNOWN, Coded, Journal
from crmkit.metrics import backtest, forecast
from crmkit.testing import simulate

DEALS, QUICK_DEALS = 200_000, 600
DAYS = 540.0


def comparisons(*, quick: bool, rows: int | None = None) -> list[Comparison]:
    """A forecast that calibrates its intervals on past cuts, and the backtest of those cuts with its baselines."""
    deals = rows or (QUICK_DEALS if quick else DEALS)
    return [
        Comparison(
            what, deals, "deals", partial(_write, size=deals), [Contender("crmkit", partial(_ours, work=work))], _equal
        )
        for what, work in (
            ("forecast of open and new deals within 90 days, intervals from past months", forecast),
            ("backtest of all past months, with calibration and baselines", backtest),
        )
    ]


def _write(folder: Path, *, size: int) -> None:
    rng = np.random.default_rng(2026)
    journal = simulate(n=size, rng=rng, days=DAYS).journal
    amount = (100 * np.exp(rng.normal(8.0, 1.0, len(journal.cases.values)))).astype(np.int64)[journal.cases.codes]
    columns = {
        "case": journal.cases.codes, "stage": journal.stages.codes, "entered": journal.entered, "left": journal.left,
        "next": journal.next, "who": journal.who.codes, "amount": amount,
    }  # fmt: skip
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
    names = [journal.stages.values, journal.who.values or ("nobody",), (str(journal.until),)]
    for number, texts in enumerate(names):
        np.save(folder / f"names{number}.npy", np.array(texts))


def _ours(folder: Path, *, work: Any) -> Run:
    case, stage, entered, left, then, who, amount = (
        np.load(folder / f"{name}.npy") for name in ("case", "stage", "entered", "left", "next", "who", "amount")
    )
    stages, people, (until,) = (tuple(np.load(folder / f"names{number}.npy").tolist()) for number in range(3))
    assert (amount != UNKNOWN).all()
    cases = tuple(f"d{number}" for number in range(int(case.max()) + 1))
    journal = Journal(
        cases=Coded(case, cases), stages=Coded(stage, stages), entered=entered, left=left, next=then,
        who=Coded(who, people), until=int(until), amount=amount,
    )  # fmt: skip
    return lambda: work(journal)


def _equal(ours: Any, theirs: Any) -> None:
    assert ours == theirs
