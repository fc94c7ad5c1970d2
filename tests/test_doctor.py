"""`crmkit doctor` tells what is there, what is missing and what is broken, and needs nothing to do so."""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from crmkit import _doctor
from crmkit.cli import main

ROOT = Path(__file__).parents[1]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(("installed", "floor", "below"), [
    ("2.0", "2.0", False), ("2.0.1", "2", False), ("1.9.9", "2.0", True), ("2.0rc1", "2.0", True), ("2.1rc1", "2.0", False),
    ("2.0.dev3", "2.0", True), ("2.0.post1", "2.0", False), ("10.0", "9.9", False), ("1.0+local", "1.0", False),
])  # fmt: skip
def test_versions_are_compared_as_numbers(installed, floor, below):
    """Not as texts; what comes before a release is below it."""
    assert _doctor.older(installed, floor) is below


def test_requirements_are_read_as_packaging_reads_them():
    """Every requirement of ours, against the library that everybody reads them with."""
    packaging = pytest.importorskip("packaging.requirements")
    lines = [
        *DECLARED["dependencies"],
        'a>=1; extra == "x"',
        "b; extra == 'all'",
        "c[d]>=2.1,<3; sys_platform == 'plan9'",
        "Crmkit",
    ]
    lines += [
        f"{line}; extra == '{extra}'" for extra, some in DECLARED["optional-dependencies"].items() for line in some
    ]
    read = _doctor.requirements(lines)
    for line in lines:
        wanted = packaging.Requirement(line)
        for extra in ["", *DECLARED["optional-dependencies"], "x"]:
            counts = wanted.marker is None or wanted.marker.evaluate({"extra": extra})
            if (
                extra in ("all", "testing")
                or wanted.name.lower() == "crmkit"
                or not counts
                or (extra and wanted.marker is None)
            ):
                continue
            if extra and "extra" not in str(wanted.marker):
                continue
            floors = {one.version for one in wanted.specifier if one.operator == ">="} or {""}
            assert {read[extra][wanted.name.lower()]} == floors
    assert "c" not in read[""]


def test_every_extra_is_explained():
    """In English and Chinese, and none that is not there."""
    assert {*_doctor.ENABLES} - {""} == {*DECLARED["optional-dependencies"]} - {"all"}
    assert all(en and any(one > "\u2e80" for one in zh) for en, zh in _doctor.ENABLES.values())


def test_here_nothing_is_broken(capsys):
    """The exit code is 0, in words and as JSON, in both languages."""
    assert main(["doctor"]) == 0
    assert "Nothing is wrong." in capsys.readouterr().out
    assert main(["doctor", "--lang", "zh"]) == 0
    assert "一切正常" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    numpy = next(one for one in found["libraries"] if one["name"] == "numpy")
    assert (numpy["installed"], numpy["state"], numpy["needed"]) == (importlib.metadata.version("numpy"), "ok", True)


def installed(monkeypatch, **versions):
    """Other versions than there are, None for what is not there."""
    real = importlib.metadata.version

    def version(name):
        if name in versions and versions[name] is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions.get(name) or real(name)

    monkeypatch.setattr("crmkit._doctor.metadata.version", version)


def examined(capsys):
    """What is found, and the exit code."""
    code = main(["doctor", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_too_old(monkeypatch, capsys):
    """An installed library below its floor is to be mended, whether it is needed or not."""
    installed(monkeypatch, numpy="1.26.4", openpyxl="2.0")
    code, found = examined(capsys)
    assert code == 1
    assert found["problems"] == [
        "numpy 1.26.4 is too old: pip install 'numpy>=2.0'", "openpyxl 2.0 is too old: pip install 'openpyxl>=3.1'",
    ]  # fmt: skip
    assert not next(one for one in found["extras"] if one["name"] == "rules")["ready"]
    assert main(["doctor", "--lang", "zh"]) == 1
    assert "版本过低" in capsys.readouterr().out


def test_missing(monkeypatch, capsys):
    """What an extra lacks is no fault: it is said how to install it. What everything needs is one."""
    installed(monkeypatch, pypinyin=None)
    code, found = examined(capsys)
    assert code == 0
    extra = next(one for one in found["extras"] if one["name"] == "zh")
    assert (extra["ready"], extra["install"]) == (False, "pip install 'crmkit[zh]'")
    assert main(["doctor"]) == 0
    assert "install: pip install 'crmkit[zh]'" in capsys.readouterr().out
    installed(monkeypatch, scipy=None)
    code, found = examined(capsys)
    assert code == 1
    assert found["problems"] == ["scipy is missing, which everything needs: pip install 'scipy>=1.13'"]


def test_two_copies_and_none(monkeypatch, capsys):
    """A version that is imported while another is installed is told; so is a copy that nobody installed."""
    installed(monkeypatch, crmkit="0.0.9")
    assert "there are two copies" in examined(capsys)[1]["problems"][0]
    installed(monkeypatch, crmkit=None)
    assert "was not installed" in examined(capsys)[1]["problems"][0]


BROKEN = "import sys\nsys.modules.update(dict.fromkeys(sys.argv[1].split(',')))\nfrom crmkit.cli import main\nsys.exit(main(sys.argv[2:]))\n"


def without(modules, *words):
    """Run the command line in an interpreter in which some modules cannot be imported."""
    command = [sys.executable, "-c", BROKEN, modules, *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def test_it_works_without_the_libraries_of_the_command_line():
    """They are told to be broken, and all else is told as ever; other commands say what is missing."""
    done = without("typer,rich", "doctor", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert {one["name"] for one in found["libraries"] if one["state"] == "broken"} == {"typer", "rich"}
    done = without("typer,rich", "doctor", "--lang", "zh")
    assert "需要修复" in done.stdout
    done = without("typer,rich", "doctor", "--loud")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'--loud'" in done.stderr
    done = without("typer,rich", "report", "x.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'crmkit[cli]'" in done.stderr


def test_it_works_where_numpy_is_broken():
    """Of all commands it is the one that has to."""
    done = without("numpy", "doctor")
    assert done.returncode == 1
    assert "numpy" in done.stdout.partition("To be mended")[2]
    assert "Traceback" not in done.stderr


def test_python_m_crmkit_doctor():
    """As the documentation has it."""
    done = subprocess.run([sys.executable, "-m", "crmkit", "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("crmkit ")
