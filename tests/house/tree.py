"""The source tree as data: which modules are public, what they offer, where each thing is at home.

Everything is read from the text (`ast`), as a static tool sees it; nothing is imported. A *chapter* is a module without
an underscore in its name, a *door* is the `__init__` of a package. The *home* of a public name is the chapter that
defines it. If a private file does, it is the one chapter that passes it on, else the nearest door above.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = SRC / "crmkit"
TOP = "crmkit"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen(eq=False)
class Module:
    """One source file.

    Attributes:
        name: its dotted name; of a package, without `__init__`.
        path: the file.
        tree: its syntax.
    """

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_door(self) -> bool:
        """Whether it is the `__init__` of a package."""
        return self.path.name == "__init__.py"

    @property
    def is_public(self) -> bool:
        """Whether no part of its name begins with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @property
    def exports(self) -> list[str] | None:
        """`__all__` as written, or None."""
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(_named(target) == "__all__" for target in targets) and getattr(node, "value", None) is not None:
                return [str(value) for value in ast.literal_eval(node.value)]
        return None

    @property
    def definitions(self) -> dict[str, Definition]:
        """What the file itself defines at its top level."""
        found: dict[str, Definition] = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign):
                found.update({_named(target): node for target in node.targets if _named(target)})
            elif isinstance(node, ast.AnnAssign) and _named(node.target):
                found[_named(node.target)] = node
        return found

    @property
    def imported(self) -> dict[str, tuple[str, str]]:
        """Names of ours bound by `from module import name` at the top level, type-checking blocks included."""
        blocks = [self.tree.body, *(node.body for node in self.tree.body if isinstance(node, ast.If))]
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for block in blocks
            for node in block
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == TOP
            for alias in node.names
        }


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


@cache
def modules() -> dict[str, Module]:
    """Every file of the library by its dotted name."""
    found: dict[str, Module] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
    return found


def public_modules() -> dict[str, Module]:
    """The chapters and doors of the documentation."""
    return {name: module for name, module in modules().items() if module.is_public}


def origin(module: str, name: str) -> tuple[str, str] | None:
    """The file that defines what `name` means in `module`, and its name there; None if it is a module or unknown."""
    here = modules().get(module)
    if here is None or here.imported.get(name) == (module, name):
        return None
    if name in here.imported:
        return origin(*here.imported[name])
    return (module, name) if name in here.definitions else None


def home(module: str, name: str) -> str | None:
    """The public module under which a thing is documented; None for a module."""
    found = origin(module, name)
    if found is None:
        return None
    if modules()[found[0]].is_public:
        return found[0]
    return min(_exporters()[found])[1] if found in _exporters() else module


@cache
def _exporters() -> dict[tuple[str, str], list[tuple[tuple[bool, int], str]]]:
    """For each definition, the public modules that export it: chapters first, then doors, the nearest first."""
    found: dict[tuple[str, str], list[tuple[tuple[bool, int], str]]] = {}
    for module, name in public_names():
        defined = origin(module.name, name)
        if defined is not None:
            found.setdefault(defined, []).append(((module.is_door, -len(module.name)), module.name))
    return found


def public_names() -> Iterator[tuple[Module, str]]:
    """Every name in every public `__all__`."""
    for module in public_modules().values():
        for name in module.exports or ():
            yield module, name


def node_of(module: str, name: str) -> Definition | None:
    """The definition behind a public name."""
    found = origin(module, name)
    return None if found is None else modules()[found[0]].definitions[found[1]]


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def public_methods(node: ast.ClassDef) -> Iterator[Function]:
    """Methods and properties of a class whose names carry no underscore; of overloads, the implementation."""
    found = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
    return (item for name, item in found.items() if not name.startswith("_"))


def relative(path: Path) -> str:
    """A path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def report(found: Iterable[object]) -> str:
    """A failure message that shows every finding."""
    return "\n" + "\n".join(str(one) for one in found)
