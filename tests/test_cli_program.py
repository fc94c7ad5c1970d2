"""What all commands share: how a run ends, progress that is in nobody's way, words that are completed."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys

import pytest

from crmkit._program import EXIT_CODES, commands
from crmkit._progress import be_quiet, step
from crmkit.cli import main

CRMKIT = [sys.executable, "-m", "crmkit"]


def test_exit_codes_are_those_that_are_written_down(tmp_path, capsys):
    """Fine, found, refused."""
    (tmp_path / "bad.toml").write_text('name = "x"\nstages = [{ name = "a" }]\n[moves.a]\ngo = "b"\n', encoding="utf-8")
    assert main(["pipeline", "check", "b2b-sales"]) == 0
    assert main(["pipeline", "check", str(tmp_path / "bad.toml")]) == 1
    assert main(["pipeline", "check", str(tmp_path / "none.toml")]) == 2
    assert main(["no-such-command"]) == 2
    assert main(["kpi", "--no-such-option"]) == 2
    assert main(["--help"]) == 0
    assert {*EXIT_CODES} == {0, 1, 2, 130, 141}
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_stops_is_no_error():
    """`crmkit ... | head -1` says nothing on standard error."""
    # Again and again: once is less than a pipe holds.
    script = "import sys\nfrom crmkit.cli import main\nwhile not (code := main(['schema', 'forecast'])): pass\nsys.exit(code)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "{\n"
        running.stdout.close()
        said = running.stderr.read()
        assert running.wait(timeout=60) == 141
    assert said == ""


def test_ctrl_c_is_no_traceback():
    """The exit code is 130, as a shell expects."""
    script = (
        "import sys, time, crmkit._program\nfrom crmkit import cli\n"
        "crmkit._program.run = lambda words: (print('ready', flush=True), time.sleep(60))\nsys.exit(cli.main(['demo']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(timeout=60) == 130
    assert said == ""


def at_a_terminal(*words):
    """What a command writes to standard output, and to a terminal that is its standard error."""
    mine, its = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen([*CRMKIT, *words], stdout=subprocess.PIPE, stderr=its, env=environment) as running:
        os.close(its)
        shown = b""
        while True:
            try:
                part = os.read(mine, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        out = running.stdout.read()
        assert running.wait(timeout=60) == 0
    os.close(mine)
    return out.decode(), shown.decode()


def test_progress_is_shown_at_a_terminal_and_nowhere_else(tmp_path):
    """On standard error alone, which leaves standard output one document; --quiet shows nothing."""
    words = ["simulate", "--out", str(tmp_path), "--size", "50", "--json"]
    out, shown = at_a_terminal(*words)
    assert json.loads(out)["size"] == 50
    assert "simulating" in shown
    out, shown = at_a_terminal(*words, "--quiet")
    assert json.loads(out)["size"] == 50
    assert shown == ""
    done = subprocess.run([*CRMKIT, *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_steps_nest(capsys):
    """A step in a step, with and without numbers, and after an error in one."""
    with step("outer"), step("inner") as update:
        update(1, 2)
    with pytest.raises(ZeroDivisionError), step("fails"):
        raise ZeroDivisionError
    with be_quiet(quiet=True), step("again"):
        pass
    assert capsys.readouterr() == ("", "")


def test_every_command_can_be_quiet():
    """--quiet is an option of all of them."""
    assert [name for name, one in commands().items() if not any("--quiet" in p.opts for p in one.params)] == []


# The same option means the same everywhere; of these the thing that is named differs with what the command is about.
HOMONYMS = {
    "--out": "a file or a folder, as the command writes one or the other",
    "--record": "KIND/ID of a store, or JSON for a rule",
    "--text": "a text of somebody's in a store, or a searched field of an index",
    "--level": "the usual confidence is a command's own", "--lang": "labels may be in any language",
}  # fmt: skip


def test_an_option_has_one_form():
    """Everywhere the same word for what it takes, and none that is only the name of a type."""
    found, bare = {}, []
    for name, command in commands().items():
        for one in command.params:
            if one.param_type_name == "option" and not one.is_flag and one.name != "help":
                found.setdefault(one.opts[0], set()).add(one.metavar)
                bare += [(name, one.opts[0])] * (one.metavar is None)
    assert bare == []
    assert {option: forms for option, forms in found.items() if len(forms) > 1 and option not in HOMONYMS} == {}


def completed(shell, words):
    """What a shell would offer after these words."""
    environment = os.environ | {
        "_CRMKIT_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    done = subprocess.run(CRMKIT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(("words", "offered"), [
    ("crmkit fore", "forecast"), ("crmkit kpi open_", "open_pipeline"), ("crmkit pipeline draw b2b", "b2b-sales"),
    ("crmkit simulate --fault st", "star"), ("crmkit demo --lang z", "zh"), ("crmkit kpi --every qu", "quarter"),
    ("crmkit schema kb-s", "kb-search"),
])  # fmt: skip
def test_words_are_completed(words, offered):
    """Commands, KPIs, pipelines, faults, languages, units of time, schemas."""
    assert offered in completed("bash", words)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_too(shell):
    """In their own form."""
    assert "open_pipeline" in completed(shell, "crmkit kpi open_")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_made(shell):
    """By the word that --install-completion installs; a shell that is here reads it without complaint."""
    environment = os.environ | {"_CRMKIT_COMPLETE": f"source_{shell}"}
    done = subprocess.run(CRMKIT, env=environment, capture_output=True, text=True, check=False)
    assert "_CRMKIT_COMPLETE" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True)


def test_completion_is_in_the_help(capsys):
    """The help names both of its options."""
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "--install-completion" in said
    assert "--show-completion" in said
