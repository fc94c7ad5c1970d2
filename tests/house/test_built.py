"""What is built is whole and nothing else, and works where there is no src."""

import email
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from tree import PACKAGE, ROOT, SRC, modules, report

pytest.importorskip("build", reason="build is not installed")
pytest.importorskip("hatchling", reason="hatchling is not installed")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IDLE = {"__pycache__", ".hypothesis"}


def build(*words, folder):
    """Build with what is installed; nothing is fetched."""
    command = [sys.executable, "-m", "build", "--no-isolation", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The wheel of the tree, the source archive, and the wheel that is made of that."""
    out = tmp_path_factory.mktemp("built")
    build("--wheel", "--outdir", str(out / "direct"), ".", folder=ROOT)
    build("--sdist", "--outdir", str(out), ".", folder=ROOT)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "source", filter="data")
    (source,) = (out / "source").iterdir()
    build("--wheel", "--outdir", str(out / "again"), ".", folder=source)
    return {
        "wheel": next((out / "direct").glob("*.whl")),
        "again": next((out / "again").glob("*.whl")),
        "source": source,
    }


def contents(wheel):
    """The files of a wheel with their bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_every_file_of_the_package(made):
    """Python, templates, schemas, tables, styles, scripts, the mark of types: byte by byte, and nothing else."""
    wanted = {
        path.relative_to(SRC).as_posix(): path.read_bytes()
        for path in PACKAGE.rglob("*") if path.is_file() and not IDLE.intersection(path.parts)
    }  # fmt: skip
    found = {name: data for name, data in contents(made["wheel"]).items() if ".dist-info/" not in name}
    assert {*found} ^ {*wanted} == set()
    assert [name for name in wanted if wanted[name] != found[name]] == []
    assert {Path(name).suffix for name in found} >= {
        ".py",
        ".j2",
        ".json",
        ".toml",
        ".js",
        ".css",
        ".txt",
        ".typed",
        ".gz",
    }


def test_the_wheel_has_its_licences(made):
    """As PEP 639 has them."""
    names = {name.partition(".dist-info/")[2] for name in contents(made["wheel"]) if ".dist-info/" in name}
    licences = {f"licenses/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "LICENSES").iterdir()}
    assert names == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", *licences}


def test_the_archive_makes_the_same_wheel(made):
    """Whoever builds from the source archive gets what we build."""
    assert contents(made["again"]) == contents(made["wheel"])


def test_the_archive_is_enough_to_work_on(made):
    """Sources, tests, documentation, tools; no results, no caches."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    found = {path.relative_to(made["source"]).as_posix() for path in made["source"].rglob("*") if path.is_file()}
    assert ours - found == set()
    assert not [name for name in found if "__pycache__" in name or name.endswith(".pyc")], report(found)


def test_the_metadata_says_what_an_inventory_needs(made):
    """Name, version, licence, licence files, extras, and what is required; no address."""
    text = next(data for name, data in contents(made["wheel"]).items() if name.endswith("/METADATA")).decode()
    told = email.message_from_string(text)
    assert (told["Name"], told["Version"], told["License-Expression"]) == ("crmkit", "0.1.0", "MIT")
    assert float(told["Metadata-Version"]) >= 2.4
    assert "LICENSE" in told.get_all("License-File")
    assert {*told.get_all("Provides-Extra")} == {*PROJECT["optional-dependencies"]}
    assert told["Requires-Python"] == ">=3.11"
    needed = {line.replace(" ", "") for line in told.get_all("Requires-Dist") if "extra ==" not in line}
    assert needed == {line.replace(" ", "").replace("'", '"').replace('"', "'") for line in PROJECT["dependencies"]}
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_all("Project-URL") is None


@pytest.fixture(scope="module")
def elsewhere(made, tmp_path_factory):
    """An environment with the wheel, which sees our libraries but not src."""
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "env", with_pip=False, symlinks=True)
    python = home / "env" / "bin" / "python"
    own = Path(subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                              capture_output=True, text=True, check=True).stdout.strip())  # fmt: skip
    with zipfile.ZipFile(made["wheel"]) as archive:
        archive.extractall(own)  # noqa: S202 - our own wheel
    # The libraries come from here; ours comes first on the path, and an editable copy is never looked for.
    site = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (own / "beside.pth").write_text(f"{site}\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*words):
        done = subprocess.run([python, *words], cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    assert run("-c", "import crmkit; print(crmkit.__file__)").startswith(str(own))
    return run


def test_every_module_can_be_imported(elsewhere):
    """From the wheel, with all libraries there are."""
    names = [name for name in modules() if name != "crmkit.__main__"]
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    script += (
        "print({module.__file__.rpartition('/crmkit')[0] for name, module in sys.modules.items() if name == 'crmkit'})"
    )
    assert "src" not in elsewhere("-c", script)


def test_the_doctor_finds_nothing(elsewhere):
    """All of it is there, and of one version."""
    assert json.loads(elsewhere("-m", "crmkit", "doctor", "--json"))["ok"] is True


def test_the_demonstration_runs(elsewhere):
    """Two pages, from the data in the wheel."""
    pages = json.loads(elsewhere("-m", "crmkit", "demo", "--out", "out", "--json"))["pages"]
    assert [page["name"] for page in pages] == ["a made-up company", "a simulated year", "USAID quotations"]
