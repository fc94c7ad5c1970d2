"""The page about the command line says what the commands say."""

import pytest

pytest.importorskip("typer")

import cli_page

from crmkit._program import commands


def test_the_page_is_that_of_the_commands():
    """`python tests/house/cli_page.py --write` writes it."""
    assert cli_page.PAGE.read_text(encoding="utf-8") == cli_page.page()


def test_every_command_and_option_is_on_it():
    """By its own heading, with each of its options."""
    text = cli_page.PAGE.read_text(encoding="utf-8")
    for name, command in commands().items():
        part = text.partition(f"\n## `crmkit {name}`\n")[2].partition("\n## ")[0]
        assert part, name
        assert [one.opts[0] for one in command.params if one.param_type_name == "option"
                and one.opts[0] not in part and not cli_page.COMMON.intersection(one.opts)] == []  # fmt: skip
