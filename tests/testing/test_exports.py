"""Exports of a company: what is planted lies where it is said to lie, and nowhere else."""

import csv
import io
import itertools
from datetime import datetime

import numpy as np
import pytest

from crmkit.errors import InvalidValue, NotFound
from crmkit.journal import Journal, decode_csv
from crmkit.pipeline import Pipeline
from crmkit.testing.exports import FAULTS, company


def made(deals=1500, seed=7, **options):
    """A company, and the rows of its files."""
    export = company(deals, rng=np.random.default_rng(seed), **options)
    tables = {
        name: list(csv.DictReader(io.StringIO(text))) for name, text in export.files.items() if name.endswith(".csv")
    }
    return export, tables


def test_all_faults_are_planted_by_default():
    """Each once, with the column and the values that say where."""
    export, tables = made()
    assert [one.fault for one in export.planted] == [*FAULTS]
    for one in export.planted:
        if one.what in ("who", "stage", "case", "customer"):
            assert {row[one.what] for row in tables["deals.csv"]} >= {*one.names}
    assert {name: len(rows) for name, rows in tables.items()} == dict(export.rows)


def test_the_same_seed_gives_the_same_files():
    """And another seed others; a fault does not change where the others lie."""
    assert made()[0].files == made()[0].files
    assert made(seed=8)[0].files != made()[0].files
    everything, alone = made()[0].planted, made(faults=["slow"])[0].planted
    assert [one for one in everything if one.fault == "slow"] == [*alone]


def test_a_company_without_faults_conforms():
    """Every way that its deals went is one of the process, every time can be read."""
    export, tables = made(faults=[])
    assert export.planted == ()
    pipeline = Pipeline.from_toml(export.files["deals.toml"])
    allowed = {(origin, move.to) for origin, moves in pipeline.moves.items() for move in moves.values()}
    ways = {}
    for row in tables["deals.csv"]:
        datetime.fromisoformat(row["at"])
        ways.setdefault(row["case"], []).append(row["stage"])
    assert len(ways) == 1500
    for way in ways.values():
        assert way[0] == "lead"
        assert {*itertools.pairwise(way)} <= allowed


def test_those_who_skip_are_those_who_are_named():
    """They went from the first stage to the third, and nobody else did."""
    export, tables = made(faults=["skip"])
    (planting,) = export.planted
    ways = {}
    for row in tables["deals.csv"]:
        ways.setdefault(row["case"], []).append(row["stage"])
    assert sorted(case for case, way in ways.items() if way[:2] == ["lead", "demo"]) == [*planting.names]


def test_dirty_rows_are_found_by_whoever_reads_them():
    """The journal drops as many rows as were planted, and names the first of them by its line."""
    export, tables = made(faults=["dirty"])
    (planting,) = export.planted
    assert [str(n) for n, row in enumerate(tables["deals.csv"], 2) if row["at"].startswith("2025-13")] == [
        *planting.names
    ]
    journal = Journal.from_frame(
        decode_csv(export.files["deals.csv"].encode(), name="deals.csv"), case="case", stage="stage", at="at"
    )
    assert sum(one.count for one in journal.findings if one.dropped) == len(planting.names)
    assert str(min(one.row for one in journal.findings)) == planting.names[0]


def test_weak_strong_and_slow_are_what_they_are_called():
    """By counting: the share of leads that are qualified, and the mean stay."""
    export, tables = made(4000)
    where = {one.fault: one.names[0] for one in export.planted}
    ways = {}
    for row in tables["deals.csv"]:
        if not row["at"].startswith("2025-13"):
            ways.setdefault((row["who"], row["case"]), []).append((row["stage"], datetime.fromisoformat(row["at"])))

    def share(who):
        over = [way for (person, _), way in ways.items() if person == who and len(way) > 1]
        return sum(way[1][0] != "lost" for way in over) / len(over)

    people = {who for who, _ in ways}
    assert min(people, key=share) == where["weak"]
    assert max(people, key=share) == where["star"]
    stays = {}
    for way in ways.values():
        for (stage, at), (_, left) in itertools.pairwise(way):
            stays.setdefault(stage, []).append((left - at).total_seconds())
    assert max(stays, key=lambda stage: sum(stays[stage]) / len(stays[stage])) == where["slow"]


def test_money_adds_up():
    """One invoice for each deal that was won, payments of invoices in full, and late ones by the late payer."""
    export, tables = made(4000)
    won = {row["case"]: row["amount"] for row in tables["deals.csv"] if row["stage"] == "won"}
    assert {row["case"]: row["amount"] for row in tables["invoices.csv"]} == won
    invoices = {row["id"]: row for row in tables["invoices.csv"]}
    late = next(one.names[0] for one in export.planted if one.fault == "late payer")
    days = {True: [], False: []}
    for row in tables["payments.csv"]:
        invoice = invoices[row["refers_to"]]
        assert row["amount"] == invoice["amount"]
        took = datetime.fromisoformat(row["at"]) - datetime.fromisoformat(invoice["at"])
        days[row["customer"] == late].append(took.days)
    assert min(days[True], default=99) >= 60
    assert sum(days[False]) / len(days[False]) < 35


def test_a_tiny_company_is_one_too():
    """Faults without a place in it are not said to be there."""
    for seed in range(20):
        export, tables = made(1, seed)
        assert {row["case"] for row in tables["deals.csv"]} == {"D-00001"}
        assert ("late payer" in {one.fault for one in export.planted}) == bool(tables["invoices.csv"])


def test_what_cannot_be_made():
    """Unknown faults, and no deals."""
    with pytest.raises(NotFound, match="did you mean 'star'"):
        company(rng=np.random.default_rng(1), faults=["stars"])
    with pytest.raises(InvalidValue, match="at least 1"):
        company(0, rng=np.random.default_rng(1))
