"""The pages of `crmkit demo`: a company with everything, a year with a known truth, and real data."""

import gzip
from importlib.resources import files
from typing import Any

from crmkit._demo_company import company
from crmkit.journal import Journal, decode_csv
from crmkit.report import Report, build
from crmkit.report.composing import Page
from crmkit.testing.simulate import Simulation, simulate

_PEOPLE = {"ann": 1.0, "bo": 1.0, "chen": 2.4, "dana": 1.0, "emil": 1.0, "fay": 0.35, "gus": 1.0, "hui": 1.0}
_HORIZONS = (90, 180, 365)


def firm() -> Page:
    """Two years of a made-up company: deals, money, tickets, knowledge, rules, and what was improved."""
    return company().page()


def year(seed: int = 2026) -> Report:
    """A simulated year: eight sellers, one of them much better and one much worse than the others."""
    import numpy as np

    simulated = simulate(n=4000, rng=np.random.default_rng(seed), people=_PEOPLE)
    return build(simulated.journal, stages=simulated.pipeline, truth=_beside(simulated), source={"seed": seed})


def quotations() -> Report:
    """Real quotations of USAID's health supply chain, 2006 to 2015: from quotation to order to delivery."""
    packed = files("crmkit.testing").joinpath("samples", "usaid_quotations.tsv.gz").read_bytes()
    table = decode_csv(gzip.decompress(packed), name="usaid_quotations.tsv")
    journal = Journal.from_milestones(
        table,
        case="ID",
        milestones={
            "quoted": "PQ First Sent to Client Date",
            "ordered": "PO Sent to Vendor Date",
            "delivered": "Delivered to Client Date",
        },
        who="Country",
        amount="Line Item Value",
        dates="mdy",
        name="usaid_quotations.tsv",
    )
    return build(
        journal, won=["delivered"], source={"file": "usaid_quotations.tsv, extract of the SCMS delivery history"}
    )


def _beside(simulated: Simulation) -> dict[str, Any]:
    """The truth and the estimates, in the same rows."""
    made = build(simulated.journal, stages=simulated.pipeline)
    truths = simulated.won_by(_HORIZONS).tolist()
    rows: list[dict[str, Any]] = []
    for days, truth in zip(_HORIZONS, truths, strict=True):
        point = made.curve.at(days)
        rows.append(
            {"figure": f"won ≤ {days} d", "truth": truth, "estimate": point.won, "low": point.low, "high": point.high,
             "closed_only": made.curve.closed_only}
        )  # fmt: skip
    return {"rows": rows, "skill": dict(simulated.truth.skill)}
