"""Runs folders of the DMN Technology Compatibility Kit: `python -m crmkit.testing.dmn_tck DIR [--json]`.

A test passes if the result is the expected one; numbers may differ by 1e-8 of their size. A result that must be an
error is null and comes with at least one note that says why. A text that cannot be read fails what needs it, no more.
"""

import json
import sys
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import attrs

from crmkit.errors import CrmkitError
from crmkit.rules._xml import Element, read_xml
from crmkit.rules.dmn import read_dmn
from crmkit.rules.feel import Note, evaluate, parse, read_value
from crmkit.rules.graph import Graph, Service

__all__ = ["Folder", "main", "run"]

_TOLERANCE = Decimal("1e-8")
_EQUAL = parse("found = wanted", {"found", "wanted"})


@attrs.frozen
class Folder:
    """The score of one folder.

    Attributes:
        name: its name.
        passed: how many results came out right.
        total: how many there are.
        failed: `case/result` of the others, with what came out instead.
    """

    name: str
    passed: int
    total: int
    failed: dict[str, str]


def run(directory: Path, *, now: datetime | None = None) -> list[Folder]:
    """The scores of all folders below a directory that hold tests, in the order of their names.

    A test file is an XML file whose root is `testCases`, whatever it is called; one that is called like a test
    (`NAME-test-01.xml`) and cannot be read has failed. Folders of one name in two places are told by their paths.

    Args:
        directory: the root of any tree of folders; it may hold tests itself.
        now: the moment that `now()` gives; the present if None.
    """
    now = now or datetime.now(UTC)
    found: dict[Path, dict[Path, Element | str]] = {}
    for path in sorted(directory.rglob("*.xml")):
        root = _test(path)
        if root is not None:
            found.setdefault(path.parent, {})[path] = root
    named = Counter(folder.name for folder in found)
    return [
        _folder(folder, tests, folder.name if named[folder.name] == 1 else str(folder.relative_to(directory)), now)
        for folder, tests in found.items()
    ]


def _test(path: Path) -> Element | str | None:
    """The root of a test file, or why it cannot be read; None if it is something else."""
    try:
        root = read_xml(path.read_bytes(), path.name)
    except (CrmkitError, OSError) as error:
        return str(error) if "-test-" in path.name else None
    return root if root.tag == "testCases" else None


def _folder(folder: Path, tests: Mapping[Path, Element | str], name: str, now: datetime) -> Folder:
    failed: dict[str, str] = {}
    total = 0
    for path, root in tests.items():
        prefix = path.stem.rpartition("-")[2]
        if isinstance(root, str):
            total += 1
            failed[_unused(prefix, failed)] = root
            continue
        graph = _graph(folder, root)
        for case, result in _results(root):
            total += 1
            said = _judged(graph, case, result, now)
            if said:
                failed[_unused(f"{prefix}/{case.get('id')}/{result.get('name')}", failed)] = said
    return Folder(name, total - len(failed), total, failed)


def _unused(key: str, taken: Container[str]) -> str:
    """A name for a result: two of one name count twice."""
    return key if key not in taken else next(f"{key}#{n}" for n in count(2) if f"{key}#{n}" not in taken)


def _results(root: Element) -> Iterator[tuple[Element, Element]]:
    for case in root.all("testCase"):
        for result in case.all("resultNode"):
            yield case, result


def _graph(folder: Path, root: Element) -> Graph | str:
    """The model under test, or why there is none."""
    named = root.first("modelName")
    models = {path.name: path for path in sorted(folder.glob("*.dmn"))}
    path = models.get("" if named is None else named.text.strip()) or next(iter(models.values()), None)
    if path is None:
        return "there is no model"

    def find(namespace: str) -> bytes | None:
        return next((data for data in map(Path.read_bytes, models.values()) if _namespace(data) == namespace), None)

    try:
        return read_dmn(path.read_bytes(), name=path.name, find=find, lenient=True)
    except Exception as error:  # noqa: BLE001 - whatever happens fails this model, and does not end the others
        return str(error) if isinstance(error, CrmkitError) else f"{type(error).__name__}: {error}"


def _namespace(data: bytes) -> str | None:
    """The namespace of a model; None if it cannot be read, which is no fault of a model beside it."""
    try:
        return read_xml(data, "").get("namespace")
    except CrmkitError:
        return None


def _judged(graph: Graph | str, case: Element, result: Element, now: datetime) -> str:
    """What is wrong with a result; nothing if it is right."""
    if isinstance(graph, str):
        return graph
    try:
        inputs = {_name(node, "name"): _value_of(node) for node in case.all("inputNode")}
        value, notes = _decided(graph, inputs, _name(case, "invocableName"), _name(result, "name"), now)
        expected = result.first("expected")
        wanted = None if expected is None else _value_of(expected)
        right = _close(value, wanted)
    except Exception as error:  # noqa: BLE001 - whatever happens is the result of this one, not the end of the others
        return f"{type(error).__name__}: {error}"
    if not right:
        return f"{value!r} instead of {wanted!r}; {[note.why for note in notes][:3]}"
    return "null without a reason" if result.get("errorResult") == "true" and not notes else ""


def _name(element: Element, attribute: str) -> str:
    return " ".join(element.get(attribute).split())


def _decided(
    graph: Graph, inputs: dict[str, Any], invocable: str, name: str, now: datetime
) -> tuple[Any, tuple[Note, ...]]:
    """The value of a decision, or of what the case invokes; of a service with several results, the one named."""
    outcome = graph.decide(invocable or name, inputs, now=now)
    service = graph.find(invocable)
    if isinstance(service, Service) and len(service.outputs) > 1 and name in service.outputs:
        return (outcome.value or {}).get(name), outcome.notes
    return outcome.value, outcome.notes


def _value_of(element: Element) -> Any:
    """The value that a test's XML says."""
    listed = element.first("list")
    if listed is not None and listed.get("nil") != "true":
        return [_value_of(item) for item in listed.all("item")]
    components = [*element.all("component")]
    if components:
        return {_name(component, "name"): _value_of(component) for component in components}
    value = element.first("value")
    if value is None or value.get("nil") == "true":
        return None
    return _plain(value.get("type").rpartition(":")[2], value.text)


def _plain(of: str, text: str) -> Any:
    match of:
        case "decimal" | "double" | "integer" | "int" | "float" | "long":
            return Decimal(text.strip())
        case "boolean":
            return text.strip() == "true"
        case "date" | "time":
            return read_value(of, text.strip())
        case "dateTime":
            return read_value("date and time", text.strip())
        case "duration" | "dayTimeDuration" | "yearMonthDuration":
            days = read_value("days and time duration", text.strip())
            return read_value("years and months duration", text.strip()) if days is None else days
        case _:
            return text


def _close(found: Any, wanted: Any) -> bool:
    """Whether two values are equal, numbers to eight digits."""
    if isinstance(wanted, Decimal):
        return isinstance(found, Decimal) and abs(found - wanted) <= _TOLERANCE * max(Decimal(1), abs(wanted))
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_close, found, wanted))
    if isinstance(wanted, dict):
        same = isinstance(found, dict) and found.keys() == wanted.keys()
        return same and all(_close(found[name], wanted[name]) for name in wanted)
    if found is None or wanted is None:
        return found is wanted
    return evaluate(_EQUAL, {"found": found, "wanted": wanted}).value is True


def main(arguments: Sequence[str]) -> int:
    """Print the scores; 0 if everything passed."""
    wanted = [argument for argument in arguments if argument != "--json"]
    if len(wanted) != 1 or not Path(wanted[0]).is_dir():
        sys.stderr.write("usage: python -m crmkit.testing.dmn_tck DIR [--json]\n")
        return 2
    folders = run(Path(wanted[0]))
    if not folders:
        sys.stderr.write(f"{wanted[0]} holds no tests: XML files whose root is testCases\n")
        return 2
    passed, total = sum(folder.passed for folder in folders), sum(folder.total for folder in folders)
    if "--json" in arguments:
        scores = {f.name: {"passed": f.passed, "total": f.total, "failed": [*f.failed]} for f in folders}
        sys.stdout.write(json.dumps({"passed": passed, "total": total, "folders": scores}, indent=1) + "\n")
    else:
        for folder in folders:
            sys.stdout.write(f"{folder.passed:5} / {folder.total:<5} {folder.name}\n")
            sys.stdout.writelines(f"              {name}: {why[:200]}\n" for name, why in folder.failed.items())
        sys.stdout.write(f"{passed:5} / {total:<5} in all\n")
    return 0 if passed == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
