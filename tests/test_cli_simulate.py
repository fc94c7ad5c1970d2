"""`crmkit simulate`: what it writes is what the other commands read, and what they find is what was planted."""

import json
import shlex

import pytest

from crmkit.cli import main


def run(capsys, *words):
    """What a command prints."""
    code = main([*words])
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


@pytest.fixture
def made(tmp_path, capsys, monkeypatch):
    """The document of a simulated company, in a folder."""
    monkeypatch.chdir(tmp_path)
    return json.loads(run(capsys, "simulate", "--seed", "7", "--size", "1200", "--out", "company", "--json"))


def planted(made, fault):
    """Where a fault was planted."""
    return next(one["names"] for one in made["planted"] if one["fault"] == fault)


def test_what_it_says_to_try_works(made, capsys):
    """Every line of it, as it stands."""
    assert len(made["try"]) == 6
    for line in made["try"]:
        program, *words = shlex.split(line)
        assert program == "crmkit"
        assert run(capsys, *words)


def test_the_report_finds_whom_it_planted(made, capsys):
    """The weak one is to be coached, the star has something to share, rows without a time are told."""
    words = shlex.split(made["try"][0])[1:]
    signals = json.loads(run(capsys, *words, "--json"))
    kinds = {(row["kind"], row["who"]) for row in signals["signals"]}
    assert ("coach", planted(made, "weak")[0]) in kinds
    assert ("share", planted(made, "star")[0]) in kinds
    assert sum(row["count"] for row in signals["findings"] if row["dropped"]) == len(planted(made, "dirty"))


def test_conform_finds_the_skipped(made, capsys):
    """And no other deal that skipped."""
    found = json.loads(run(capsys, *shlex.split(made["try"][1])[1:], "--json"))
    skipped = {row["case"] for row in found["deviations"] if row["kind"] == "skip"}
    assert skipped == {*planted(made, "skip")}


def test_words_and_refusals(tmp_path, capsys):
    """In words it says where the files are; what it cannot plant or write is one line."""
    told = run(capsys, "simulate", "--out", str(tmp_path / "x"), "--size", "5", "--fault", "none")
    assert "nothing was planted" in told
    assert "Now try:" in told
    (tmp_path / "file").write_text("x")
    for words, said in (
        (["--out", "x", "--fault", "lazy"], "no fault 'lazy'"), (["--out", str(tmp_path / "file")], "cannot be made"),
        (["--out", "x", "--fault", "none", "--fault", "weak"], "goes with no other"), (["--out", "x", "--size", "0"], "--size"),
    ):  # fmt: skip
        assert main(["simulate", *words]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
