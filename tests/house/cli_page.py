"""The reference page of the command line, written from the commands themselves.

`python tests/house/cli_page.py --write` writes `docs/reference/cli.md`; a house test holds the page to the commands.
"""

import sys
from pathlib import Path

from crmkit._examples import EXAMPLES
from crmkit._program import EXIT_CODES, commands

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
# What every command has stands once, at the top.
COMMON = {"--json", "--quiet", "--help"}
HEAD = """# `crmkit.cli`

The command line is the extra `cli`: `pip install 'crmkit[cli]'`.
`crmkit --help` lists the commands, `crmkit COMMAND --help` ends with an example.
`crmkit doctor` says what is installed and what is broken, and `python -m crmkit doctor` does so without the extra.

```{eval-rst}
.. automodule:: crmkit.cli
   :members:
```

## What all commands share

| option | what it does |
| --- | --- |
| `--json` | writes everything as one JSON document on standard output, and nothing else there |
| `--quiet` | shows no progress; without it, progress is on standard error, and only at a terminal |
| `--help` | shows the options, with an example |

`--install-completion` installs the completion of commands, options, KPIs, pipelines, languages and schemas for bash, zsh,
fish and PowerShell; `--show-completion` prints it.

### Exit codes

| code | means |
| --- | --- |
CODES

### JSON

Each command has a JSON Schema (draft 2020-12), which `crmkit schema COMMAND` prints and the package holds as
`crmkit/schemas/COMMAND.json` (`importlib.resources`; that of `report` is `crmkit/report/report.schema.json`).
A document says in `schema` of which form it is; the number at the end rises when something in it changes its meaning or
goes away.
Exact amounts are texts, times are ISO 8601, what is not known is null.

"""


def usage(name, command):
    """The arguments of a command as its help shows them."""
    words = [one.metavar or one.name.upper() for one in command.params if one.param_type_name == "argument"]
    return " ".join(["crmkit", name, *words, "[OPTIONS]"])


def _cell(text):
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def section(name, command):
    """One command: what it does, its arguments and options, its example, its schema."""
    told = (command.help or "").replace("\f", "").strip()
    rows = [f"## `crmkit {name}`", "", told, "", "```text", usage(name, command), "```", ""]
    options = [one for one in command.params if not COMMON.intersection(one.opts)]
    if options:
        rows += ["| | what |", "| --- | --- |"]
    for one in options:
        form = one.metavar or one.name.upper()
        if one.param_type_name == "option":
            form = one.opts[0] if one.is_flag else f"{one.opts[0]} {one.metavar}"
        usual = (
            one.default if isinstance(one.default, (str, int, float)) and not isinstance(one.default, bool) else None
        )
        about = [_cell(one.help), "Required." if one.required else "", "" if usual is None else f"Usually `{usual}`."]
        rows.append(f"| `{form.replace('|', chr(92) + '|')}` | {' '.join(filter(None, about))} |")
    shown = "\n".join(f"$ {line}" for line in EXAMPLES[name].splitlines())
    return "\n".join([*rows, "", "```console", shown, "```", "", f"JSON: `crmkit schema {name.replace(' ', '-')}`", ""])


def page():
    """The whole page."""
    codes = "\n".join(f"| {code} | {means.replace('|', chr(92) + '|')} |" for code, means in EXIT_CODES.items())
    parts = [section(name, command) for name, command in commands().items()]
    return HEAD.replace("CODES", codes) + "\n".join(parts)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    raise SystemExit(PAGE.read_text(encoding="utf-8") != page())
