"""`crmkit forecast`: in words, as JSON, with its track record, and on what it cannot use."""

import csv
import json

import numpy as np
import pytest

from crmkit.cli import main
from crmkit.testing import simulate


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A year and a half of a simulated company as CSV in event form, with people and amounts."""
    company = simulate(n=900, rng=np.random.default_rng(1), days=540, people={"li": 1.0, "wei": 1.0})
    plain = company.journal.to_dict()
    path = tmp_path_factory.mktemp("export") / "deals.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["deal", "stage", "when", "owner", "amount"])
        for case, stage, at, who in zip(*(plain[name] for name in ("case", "stage", "entered", "who")), strict=True):
            writer.writerow([case, stage, at.isoformat(), who, "1234.50"])
    return str(path)


COLUMNS = ["--case", "deal", "--stage", "stage", "--at", "when", "--who", "owner", "--amount", "amount"]


def said(capsys, code, *arguments):
    """What the command says, on either stream."""
    assert main(["forecast", *arguments]) == code
    streams = capsys.readouterr()
    return streams.out if code == 0 else streams.err


def test_words(export, capsys):
    """Totals by month, the policies, and why there is no interval."""
    text = said(capsys, 0, export, *COLUMNS, "--by-who")
    assert "total" in text
    assert "wei" in text
    assert "insufficient history" in text or "conformal" in text
    assert "estimator: clock-reset semi-Markov" in text


def test_json(export, capsys):
    """Stable keys; exact amounts are texts; the same file gives the same answer, and the backtest comes when asked for."""
    arguments = [export, *COLUMNS, "--as-of", "2026-03-31", "--horizon", "60", "--json"]
    found = json.loads(said(capsys, 0, *arguments))
    assert found["schema"] == "crmkit-forecast-1"
    assert found["backtest"] is None
    assert found["at"] == "2026-03-31T23:59:59.999999+00:00"
    assert [row["name"] for row in found["periods"]] == ["2026-04", "2026-05"]
    assert sum(row["value"] for row in found["periods"]) == pytest.approx(found["total"]["value"])
    assert found["total"]["last_period"].endswith((".00", ".50"))
    assert len(found["deals"]) == found["total"]["deals"]
    tested = json.loads(said(capsys, 0, *arguments, "--backtest"))["backtest"]
    assert [row["method"] for row in tested["methods"]][:2] == ["crmkit", "stage weights"]
    assert tested["cuts"][0]["actual"].endswith((".00", ".50"))
    assert isinstance(tested["drift"]["alarm"], bool)


@pytest.mark.parametrize(("options", "words"), [
    (["--horizon", "0"], "no whole number of days"), (["--every", "mnth"], "did you mean"),
    (["--level", "2"], "confidence level"), (["--as-of", "2024-01-01"], "nothing had happened"),
    (["--opened", "when"], "mixed"),
])  # fmt: skip
def test_bad_options(export, capsys, options, words):
    """One line, exit code 2."""
    text = said(capsys, 2, export, *COLUMNS, *options)
    assert words in text
    assert text.count("\n") == 1
