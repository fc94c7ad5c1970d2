"""One home for every public name: where it is documented, and where every other way to write it leads.

`tests/house/tree.py` says where a thing is at home: in its chapter (`crmkit.metrics.funnel.Funnel`), or, when a private
file defines it (`crmkit.values._money.Money`), at the door above it (`crmkit.values.Money`). The directive `names`
lists what a door offers, with links to the homes.
"""

from functools import cache
from importlib import import_module
from inspect import getdoc
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tree import home, modules, origin, public_names


@cache
def homes() -> dict[str, str]:
    """From every way to write a public name to the one under which it is documented."""
    found: dict[str, str] = {}
    for module, name in public_names():
        where = home(module.name, name)
        if where is not None:
            found[f"{module.name}.{name}"] = found[".".join(origin(module.name, name) or ())] = f"{where}.{name}"
    return found


@cache
def bare() -> dict[str, str]:
    """From a bare name to its home, for names that mean one thing only."""
    found: dict[str, set[str]] = {}
    for documented in homes().values():
        found.setdefault(documented.rpartition(".")[2], set()).add(documented)
    return {name: next(iter(those)) for name, those in found.items() if len(those) == 1}


def documented_as(target: str) -> str | None:
    """The documented form of a reference: `crmkit.Money.parse`, `Money`, `Money.parse` ..."""
    name, rest = target.rstrip("()"), ""
    while name:
        known = homes().get(name) or bare().get(name)
        if known:
            return known + rest
        name, _, last = name.rpartition(".")
        rest = f".{last}{rest}"
    return None


def resolve(app: Sphinx, env: Any, node: pending_xref, content: nodes.TextElement) -> nodes.Node | None:
    """Find what Sphinx did not: follow an alias to its home; leave plain code in a docstring plain."""
    if node.get("refdomain") != "py":
        return None
    target = str(node.get("reftarget", ""))
    documented = documented_as(target)
    if documented is not None and documented != target:
        python = env.get_domain("py")
        found = python.resolve_xref(env, node["refdoc"], app.builder, "obj", documented, node, content)
        if found is not None:
            return found
    # Single quotes in a docstring may hold anything; only what says that it is ours must be found.
    ours = target.startswith("crmkit.") or node.get("reftype") != "obj"
    return None if ours else content


def skip(app: Sphinx, what: str, name: str, *_: Any) -> bool | None:
    """Leave out of a page what is at home on another one."""
    page = app.env.docname.partition("/")[2]
    here = page if page == "crmkit" else f"crmkit.{page}"
    exported = what == "module" and name in (modules()[here].exports or ())
    return home(here, name) != here if exported else None


def keep_colons(_app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Keep napoleon from taking what stands before a colon for the type of a property; our types are annotations."""
    if what in {"attribute", "data", "property"} and lines and ":" in lines[0]:
        lines[0] = f": {lines[0]}"


class Names(SphinxDirective):
    """A list of the names a door offers."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write links, each with the first line of its docstring."""
        door: str = self.arguments[0]
        lines: list[str] = []
        for name in modules()[door].exports or ():
            written = f"{door}.{name}"
            if written in modules():
                role, target, thing = "mod", written, import_module(written)
            else:
                role, target, thing = "obj", homes().get(written, written), getattr(import_module(door), name)
            first = (getdoc(thing) or "").partition("\n")[0] if role == "mod" or callable(thing) else ""
            lines.append(f"- {{py:{role}}}`{name} <{target}>`: {first}")
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hooks."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    app.add_directive("names", Names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
