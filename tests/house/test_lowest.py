"""The oldest versions that are tried are those that are promised."""

import re
import tomllib

from tree import ROOT, report

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENT = re.compile(r"([a-z0-9-]+)(?:\[[^\]]*\])?>=([0-9.]+)(?:;.*)?")


def promised():
    """The floor of each library that an installation, an extra or the tests may need."""
    lines = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["tests"]]
    lines += [line for some in PROJECT["project"]["optional-dependencies"].values() for line in some]
    found = {}
    for line in lines:
        if not line.startswith("crmkit["):
            name, floor = REQUIREMENT.fullmatch(line.replace(" ", "")).groups()
            found.setdefault(name, set()).add(floor)
    return found


def pinned(file):
    """The versions of a file of pins."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_requirement_has_one_floor():
    """Nothing is required in two versions, and nothing without one."""
    found = {name: floors for name, floors in promised().items() if len(floors) > 1}
    assert not found, report(found.items())


def test_the_oldest_are_the_floors():
    """constraints-lowest.txt holds the floors, sorted, by name and version and nothing else."""
    assert pinned("constraints-lowest.txt") == {name: floor for name, (floor,) in promised().items()}
    names = [*pinned("constraints-lowest.txt")]
    assert names == sorted(names)


def test_what_is_installed_is_not_below_what_is_promised():
    """The pins are at least the floors."""
    pins = pinned("constraints.txt")

    def number(version):
        return [int(part) for part in re.match(r"[\d.]*\d", version)[0].split(".")]

    floors = {name: floor for name, (floor,) in promised().items()}
    found = [name for name, floor in floors.items() if name in pins and number(pins[name]) < number(floor)]
    assert not found, report(found)
    assert {*floors} - {*pins} == set()
