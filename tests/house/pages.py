"""Make a reference page for every public module that has none: `python tests/house/pages.py --write`."""

import sys

from tree import ROOT, public_modules

REFERENCE = ROOT / "docs" / "reference"


def page_name(module: str) -> str:
    """The page of a module: `crmkit.metrics.funnel` is described in `metrics.funnel.md`, `crmkit` in `crmkit.md`."""
    return (module.removeprefix("crmkit.") or module) + ".md"


def stub(module: str, *, door: bool) -> str:
    """A page that shows the docstrings; prose may be added."""
    names = f"\n## Names\n\n```{{names}} {module}\n```\n" if door else ""
    return f"# `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n```\n{names}"


def missing() -> dict[str, str]:
    """The pages that are wanted and not there, with their text."""
    return {
        page_name(name): stub(name, door=module.is_door)
        for name, module in public_modules().items()
        if not (REFERENCE / page_name(name)).exists()
    }


if __name__ == "__main__":
    wanted = missing()
    for name, text in wanted.items():
        if "--write" in sys.argv:
            (REFERENCE / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{'written' if '--write' in sys.argv else 'missing'}: docs/reference/{name}\n")
