"""The sizes of the code: `python tests/house/measure.py` prints them."""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
from tree import ROOT, Function, functions, relative

FILE_LINES = 400
FUNCTION_LINES = 50
COMPLEXITY = 10
POSITIONAL = 5
ROOM_NAMES = 15
DOOR_NAMES = 30

_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@attrs.frozen
class Measured:
    """A function in numbers.

    Attributes:
        where: "src/crmkit/desk.py:12 Desk.open".
        lines: lines of code: from `def` to the end, without docstring, blank lines and comments.
        complexity: 1 and one more for each branch, loop, handler and `case` but `case _`; nested functions count for themselves.
        positional: parameters that may be passed by position, without `self` and `cls`.
    """

    where: str
    lines: int
    complexity: int
    positional: int


def python_files(*folders: str) -> list[Path]:
    """The Python files under the named folders of the repository."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def measured(*folders: str) -> Iterator[Measured]:
    """Every function under the named folders."""
    for path in python_files(*folders):
        text = path.read_text(encoding="utf-8")
        rows = text.splitlines()
        for node in functions(ast.parse(text)):
            yield Measured(
                f"{relative(path)}:{node.lineno} {node.name}", _lines(node, rows), _complexity(node), _positional(node)
            )


def _lines(node: Function, rows: list[str]) -> int:
    first = node.body[0]
    documented = ast.get_docstring(node, clean=False) is not None
    doc = range(first.lineno, (first.end_lineno or 0) + 1) if documented else range(0)
    numbered = range(node.lineno, (node.end_lineno or 0) + 1)
    texts = (rows[number - 1].strip() for number in numbered if number not in doc)
    return sum(1 for text in texts if text and not text.startswith("#"))


def _complexity(node: Function) -> int:
    return 1 + sum(_branches(child) for child in node.body)


def _branches(node: ast.AST) -> int:
    if isinstance(node, _NESTED):
        return 0
    always = isinstance(node, ast.match_case) and isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None
    own = isinstance(node, _BRANCHES) and not (always and node.guard is None)
    return own + sum(_branches(child) for child in ast.iter_child_nodes(node))


def _positional(node: Function) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def summary() -> str:
    """How the functions of the library are spread."""
    sizes = sorted(one.lines for one in measured("src"))
    worst = max(measured("src"), key=lambda one: one.lines)
    return (
        f"{len(sizes)} functions: median {statistics.median(sizes):.0f} lines, p90 {sizes[int(len(sizes) * 0.9)]}, "
        f"longest {worst.lines} ({worst.where})"
    )


if __name__ == "__main__":
    sys.stdout.write(summary() + "\n")
