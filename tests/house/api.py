"""The public interface as text. After a change that is meant: `python tests/house/api.py --write`, and read the diff.

One block a module: what its door passes on, then what is at home there, with signatures as written in the source (so
they are the same on every version of Python).
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import Function, Module, home, node_of, origin, public_methods, public_modules

SNAPSHOT = Path(__file__).with_name("api.txt")
_QUIET = ("property", "cached_property", "classmethod", "staticmethod")


def snapshot() -> str:
    """The interface of the tree as it is."""
    return "\n".join("\n".join(_module(module)) + "\n" for module in public_modules().values())


def _module(module: Module) -> Iterator[str]:
    yield module.name
    for name in module.exports or ():
        where = home(module.name, name)
        if where == module.name:
            yield from ("    " + line for line in _thing(module.name, name))
        else:
            yield f"    {name} -> {'.'.join((where, (origin(module.name, name) or ('', name))[1])) if where else 'module'}"


def _thing(module: str, name: str) -> Iterator[str]:
    node = node_of(module, name)
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from ("    " + line for line in _members(node))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield _signature(node)
    elif node is not None:
        value = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
        yield f"{name}{value}"


def _members(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and not ast.unparse(item.target).startswith("_"):
            optional = " = ..." if _optional(item) else ""
            yield f"{ast.unparse(item.target)}: {ast.unparse(item.annotation)}{optional}"
    yield from (_signature(method) for method in public_methods(node))


def _optional(item: ast.AnnAssign) -> bool:
    """Whether a field may be left out: any default but that of an `attrs.field` without one."""
    if isinstance(item.value, ast.Call) and ast.unparse(item.value.func) == "attrs.field":
        return any(keyword.arg in ("default", "factory", "init") for keyword in item.value.keywords)
    return item.value is not None


def _signature(node: Function) -> str:
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    said = "".join(f"{mark} " for mark in _QUIET if mark in [shown.rpartition(".")[2] for shown in marks])
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = "" if "property " in said else f"({ast.unparse(node.args)})"
    return f"{said}{node.name}{arguments}{returns}"


if __name__ == "__main__":
    if "--write" in sys.argv:
        SNAPSHOT.write_text(snapshot(), encoding="utf-8")
    else:
        sys.stdout.write(snapshot())
