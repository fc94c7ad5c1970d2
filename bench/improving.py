"""How often the loop is right, over years of companies with known faults: `python bench/improving.py [years]`.

Prints the tables of docs/explanation/the-loop.md in Markdown: what is found and opened for nothing, what verdicts say
of actions that help and of such that do nothing, and what comparing the worst quarter with the next one says. The
tests in tests/testing/test_year.py are the same, small.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from statistics import NormalDist

import numpy as np
from honesty import table

from crmkit.improve import Hypothesis, Verdict, verify
from crmkit.metrics import Facts, conversion
from crmkit.testing.planted import Company, planted
from crmkit.testing.year import live
from crmkit.values import Period

QUARTERS, LEAST = 4, 10
ALL = ("weak", "star", "ailing")


def years(many: int) -> None:
    """A watched year of each company, with nothing planted and with everything."""
    lines: list[list[str]] = []
    for what in ((), ALL):
        found, verified, opened, false, wrong, expected = Counter[str](), Counter[str](), 0, 0, 0, 0.0
        for seed in range(many):
            lived = live(*what, rng=np.random.default_rng(seed), quarters=QUARTERS)
            found.update(lived.found)
            verified.update(lived.verified)
            opened, false, wrong = opened + len(lived.cases), false + len(lived.false), wrong + len(lived.wrongly)
            expected += lived.expected
        lines.append([
            ", ".join(what) or "nothing", f"{opened / many:.1f}", f"{false / many / QUARTERS:.2f}",
            f"{expected / many / QUARTERS:.2f}", *(f"{found[one] / many:.0%}" if one in what else "" for one in ALL),
            *(f"{verified[one] / max(found[one], 1):.0%}" if one in what else "" for one in ALL[:1]), f"{wrong}",
        ])  # fmt: skip
    head = ("planted", "cases a year", "false a quarter", "said to be false", *(f"{one} found" for one in ALL),
            "weak: verified by the end of the year", "null actions said to have worked")  # fmt: skip
    table(head, lines)


def verdicts(many: int) -> None:
    """Half a year of coaching the weak person, with its effect and without: answers, and how often limits hold."""
    lines: list[list[str]] = []
    for helps in (True, False):
        answers, inside = Counter[str](), 0
        for seed in range(many):
            company = planted("weak", rng=np.random.default_rng(10_000 + seed)).quarter()
            stage, who = company.truth["weak"]
            before, found = Period(_start(2025), _start(2026), "year before"), company.period
            if helps:
                company = company.coached(stage, who)
            company = company.quarter().quarter()
            after = Period(found.end, company.period.end, "half-year after")
            where = {"stage": stage, "who": who}
            claim = Hypothesis(
                "stage_conversion", where, effect=0.10, before=before, after=after, found_in=found
            )  # fmt: skip
            verdict = _verdict(claim, company)
            answers[verdict.answer] += 1
            truth = 0.25 if helps else 0.0
            inside += (verdict.low or 0.0) <= truth <= (verdict.high or 0.0)
        lines.append([
            "25 points" if helps else "nothing",
            *(f"{answers[one] / many:.1%}" for one in ("worked", "did not", "cannot tell")), f"{inside / many:.1%}",
        ])  # fmt: skip
    table(("what coaching does", "worked", "did not", "cannot tell", "limits hold the truth"), lines)


def traps(many: int) -> None:
    """The worst of 200 cells of a company in which nobody is weak: its next quarter against the one that showed it."""
    usual = "two shares, p < 0.05 (one-sided)"
    names = ("before and after alone, limits of 95 %", "**`verify`**", "**`verify`**, against the year before")
    answers = {name: Counter[str]() for name in (usual, *names)}
    for seed in range(many):
        company = planted(rng=np.random.default_rng(20_000 + seed)).quarter()
        stage, who = _worst(company.facts(), company.period)
        found = company.period
        company = company.quarter()
        where, after = {"stage": stage, "who": who}, company.period
        year = Period(_start(2025), _start(2026), "year before")
        claims = {
            names[0]: Hypothesis("stage_conversion", where, effect=0.10, before=found, after=after),
            names[1]: Hypothesis("stage_conversion", where, effect=0.10, before=found, after=after, found_in=found),
            names[2]: Hypothesis("stage_conversion", where, effect=0.10, before=year, after=after, found_in=found),
        }
        for name, claim in claims.items():
            answers[name][_verdict(claim, company).answer] += 1
        shares = [_share(company.facts(), period, stage, who) for period in (found, after)]
        answers[usual]["worked" if _p(*shares) < 0.05 else "cannot tell"] += 1
    words = ("worked", "did not", "cannot tell")
    table(
        ("judged by", *words),
        [[name, *(f"{of[word] / many:.1%}" for word in words)] for name, of in answers.items()],
    )


def _start(year: int) -> date:
    return date(year, 1, 1)


def _verdict(claim: Hypothesis, company: Company) -> Verdict:
    end = datetime.combine(company.period.end, datetime.min.time(), UTC)
    return verify(claim, company.facts(), now=end + timedelta(hours=8))


def _worst(facts: Facts, over: Period) -> tuple[str, str]:
    """The cell furthest below its stage, in standard errors, of the stays that began in a period."""
    first, last = over.instants(UTC)
    journal = facts.journal
    assert journal is not None
    rates = conversion(journal[(journal.entered >= first) & (journal.entered < last)])
    total = {row.stage: row.closed_only for row in rates if row.who is None}
    return _lowest(
        ((row.closed_only - total[row.stage]) * row.ended**0.5, (row.stage, row.who))
        for row in rates if row.who is not None and row.ended >= LEAST
    )  # fmt: skip


def _share(facts: Facts, over: Period, stage: str, who: str) -> tuple[int, int]:
    """How many of a cell's stays that began and ended in a period advanced, and how many ended."""
    first, last = over.instants(UTC)
    journal = facts.journal
    assert journal is not None
    row = conversion(journal[(journal.entered >= first) & (journal.left < last)]).stage(stage, who)
    return row.advanced, row.ended


def _p(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The chance of as large a rise, as a spreadsheet has it: pooled, normal, one-sided."""
    (x, n), (y, m) = before, after
    pooled = (x + y) / (n + m)
    spread = (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
    return 1.0 - NormalDist().cdf((y / m - x / n) / spread)


def _lowest(cells: Iterable[tuple[float, tuple[str, str]]]) -> tuple[str, str]:
    return min(cells)[1]


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    traps(asked)
    verdicts(asked)
    years(asked)
