"""The help of every command shows an example, and the example does what one sees."""

import pytest

pytest.importorskip("typer")

from scene import furnish, steps, words

from crmkit._examples import EXAMPLES
from crmkit._program import commands
from crmkit.cli import main

COMMANDS = commands()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that examples name."""
    monkeypatch.chdir(tmp_path)
    return furnish(tmp_path)


@pytest.mark.parametrize("name", [*COMMANDS])
def test_help_shows_an_example(name, capsys):
    """Of this very command, in a line that can be copied; `crmkit._examples` is where to write it."""
    assert name in EXAMPLES, f"crmkit {name} has no example in crmkit._examples"
    assert words(name)[0][: len(name.split())] == name.split()
    assert main([*name.split(), "--help"]) == 0
    shown = "".join(f"    {line}\n" for line in EXAMPLES[name].splitlines())
    assert f"Example:\n{shown}" in capsys.readouterr().out


def test_there_is_no_example_of_what_is_not_there():
    """Every example is one of a command."""
    assert {*EXAMPLES} - {*COMMANDS} == set()


@pytest.mark.parametrize("name", sorted({*EXAMPLES} - {"demo"}))
def test_an_example_runs(name, folder, capsys):
    """In a folder with files as it names them it succeeds. The demonstration takes long, and has tests of its own."""
    for line in steps(name):
        code = main(line)
        said = capsys.readouterr()
        assert code == 0, said.err + said.out[-2000:]
