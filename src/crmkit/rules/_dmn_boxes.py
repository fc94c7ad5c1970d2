"""Trees as the boxed expressions of a DMN model: as text where a text says it all, in boxes where there are tables."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from crmkit.errors import DefinitionError
from crmkit.rules._boxed import Input, Output, Row, TableNode, Typed
from crmkit.rules._dmn_logic import POLICIES, RESULT
from crmkit.rules._dmn_out import Out, of_text, out
from crmkit.rules._dmn_read_back import expression_text, tests_text
from crmkit.rules._dmn_type_names import TypeNames
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._printer import type_text

_WORDS = {policy: words for words, policy in POLICIES.items()}


@attrs.define
class Boxes:
    """Writes the logic of one element, with the names that it may use."""

    element: str
    known: frozenset[str]
    members: frozenset[str]
    types: TypeNames
    errors: list[DefinitionError]

    def box(self, node: nodes.Node, where: str) -> Out:
        """The boxed expression of a tree."""
        text = expression_text(node, self.known, self.members)
        if text is not None:
            return of_text("literalExpression", text)
        write = _WRITERS.get(type(node))
        made = None if write is None else write(self, node, where)
        return made or self.refused(node, where)

    def refused(self, node: nodes.Node, where: str) -> Out:
        """Remember what cannot be said."""
        what = type(node).__name__.strip("_").lower()
        self.errors.append(DefinitionError(self.place(where), f"no model can say this {what}"))
        return out("literalExpression")

    def knowing(self, *names: str) -> "Boxes":
        """With more names known."""
        return attrs.evolve(self, known=self.known | {*names}, members=self.members | {*names})

    def function(self, tag: str, parameters: Iterable[str], types: Iterable[str], body: nodes.Node) -> Out:
        """A function definition; an external one tells its language by what it says of itself."""
        names = [*parameters]
        formal = [out("formalParameter", name=name, typeRef=of) for name, of in zip(names, types, strict=True)]
        kind = ""
        if isinstance(body, nodes.Lambda) and body.external and not body.parameters:
            body = body.body
            kind = "PMML" if isinstance(body, nodes.ContextOf) and "document" in body.names else "Java"
        return out(tag, *formal, self.knowing(*names).box(body, "body"), kind=kind)

    def inside(self, tag: str, node: nodes.Node, where: str) -> Out:
        """A box inside a child."""
        return out(tag, self.box(node, f"{where}, {tag}"))

    def cell(self, tag: str, node: nodes.Node, where: str, **attributes: str) -> Out:
        """A text of a table."""
        read = tests_text if isinstance(node, nodes.Tests) else expression_text
        text = read(node, self.known, self.members)  # type: ignore[arg-type] # tests go to their own reader
        if text is None:
            self.refused(node, where)
        return of_text(tag, text or "", **attributes)

    def place(self, where: str) -> str:
        """The element and the part of it, for messages."""
        return ", ".join(part for part in (self.element, where.removeprefix(", ")) if part)


def _typed(boxes: Boxes, node: Typed, where: str) -> Out | None:
    made = boxes.box(node.of, where)
    if made.tag in {"decisionTable", "functionDefinition"} or "typeRef" in made.attributes:
        return None
    made.attributes["typeRef"] = boxes.types.reference(node.type)
    return made


def _context(boxes: Boxes, node: nodes.ContextOf, where: str) -> Out:
    entries: list[Out] = []
    for name, value in zip(node.names, node.values, strict=True):
        if name == RESULT:
            entries.append(out("contextEntry", boxes.box(value, f"{where}, result")))
            continue
        boxes = boxes.knowing(name)
        of, inner = (value.type, value.of) if isinstance(value, Typed) else (None, value)
        variable = out("variable", name=name, typeRef="" if of is None else boxes.types.reference(of))
        entries.append(out("contextEntry", variable, boxes.box(inner, f"{where}, entry {name!r}")))
    return out("context", *entries)


def _path(boxes: Boxes, node: nodes.Path, where: str) -> Out | None:
    return _context(boxes, node.of, where) if node.name == RESULT and isinstance(node.of, nodes.ContextOf) else None


def _list(boxes: Boxes, node: nodes.ListOf, where: str) -> Out:
    rows = [item for item in node.items if isinstance(item, nodes.ContextOf) and RESULT not in item.names]
    if not rows or len(rows) < len(node.items) or any(row.names != rows[0].names for row in rows):
        return out("list", *(boxes.box(item, f"{where}, item {n}") for n, item in enumerate(node.items, 1)))
    columns = [out("column", name=name) for name in rows[0].names]
    cells = [[boxes.box(value, f"{where}, row {n}") for value in row.values] for n, row in enumerate(rows, 1)]
    return out("relation", *columns, *(out("row", *row) for row in cells))


def _call(boxes: Boxes, node: nodes.Call, where: str) -> Out | None:
    if len(node.names) != len(node.arguments):
        return None
    bindings = [
        out("binding", out("parameter", name=name), boxes.box(argument, f"{where}, argument {name!r}"))
        for name, argument in zip(node.names, node.arguments, strict=True)
    ]
    return out("invocation", boxes.box(node.function, f"{where}, function"), *bindings)


def _lambda(boxes: Boxes, node: nodes.Lambda, where: str) -> Out | None:
    if any(of is not None and (of.parameters or of.names) for of in node.types):
        return None
    types = ["" if of is None else type_text(of) for of in node.types]
    body = nodes.Lambda((), (), node.body, external=True) if node.external else node.body
    return attrs.evolve(boxes, element=boxes.place(where)).function("functionDefinition", node.parameters, types, body)


def _if(boxes: Boxes, node: nodes.If, where: str) -> Out:
    parts = {"if": node.condition, "then": node.then, "else": node.otherwise}
    return out("conditional", *(boxes.inside(tag, part, where) for tag, part in parts.items()))


def _filter(boxes: Boxes, node: nodes.Filter, where: str) -> Out:
    inner = boxes.knowing("item", *boxes.members)
    return out("filter", boxes.inside("in", node.of, where), inner.inside("match", node.condition, where))


def _loop(tag: str, last: str, body: str) -> Callable[[Boxes, Any, str], Out | None]:
    def write(boxes: Boxes, node: Any, where: str) -> Out | None:
        first: nodes.Iteration = node.iterations[0]
        if len(node.iterations) > 1 or first.high is not None:
            return None
        inner = boxes.knowing(first.name, *(["partial"] if tag == "for" else []))
        parts = boxes.inside("in", first.source, where), inner.inside(last, getattr(node, body), where)
        return out(tag, *parts, iteratorVariable=first.name)

    return write


def _quantified(boxes: Boxes, node: nodes.Quantified, where: str) -> Out | None:
    return _loop("every" if node.every else "some", "satisfies", "condition")(boxes, node, where)


# -- tables


def _table(boxes: Boxes, node: TableNode, where: str) -> Out:
    words, aggregation = _WORDS[node.policy]
    inputs = [_input(boxes, column, where) for column in node.inputs]
    outputs = [_output(boxes, column, where) for column in node.outputs]
    remarks = [out("annotation", name="remark") for _ in range(max((len(row.notes) for row in node.rows), default=0))]
    rows = [_row(boxes, row, f"{where}, row {n}") for n, row in enumerate(node.rows, 1)]
    return out("decisionTable", *inputs, *outputs, *remarks, *rows, hitPolicy=words, aggregation=aggregation)


def _input(boxes: Boxes, column: Input, where: str) -> Out:
    place = f"{where}, input {column.label!r}"
    expression = boxes.cell("inputExpression", column.expression, place, typeRef=boxes.types.reference(column.type))
    if not column.label and column.expression == nodes.Literal_(None):
        # A column without a label is called by its text.
        expression.children[0].text = ""
    values = None if column.allowed is None else boxes.cell("inputValues", column.allowed, place)
    return out("input", expression, values, label=column.label)


def _output(boxes: Boxes, column: Output, where: str) -> Out:
    place = f"{where}, output {column.name!r}"
    listed = column.allowed
    if listed is None and column.values and (column.type.allowed is None or column.type.allowed.tests != column.values):
        listed = nodes.Tests(column.values)
    values = None if listed is None else boxes.cell("outputValues", listed, place)
    default = None if column.default is None else boxes.cell("defaultOutputEntry", column.default, place)
    return out("output", values, default, name=column.name, typeRef=boxes.types.reference(column.type))


def _row(boxes: Boxes, row: Row, where: str) -> Out:
    conditions = [boxes.cell("inputEntry", cell, f"{where}, condition {n}") for n, cell in enumerate(row.cells, 1)]
    results = [boxes.cell("outputEntry", cell, f"{where}, result {n}") for n, cell in enumerate(row.results, 1)]
    notes = [out("annotationEntry", out("text", text=note)) for note in row.notes]
    return out("rule", *conditions, *results, *notes, label=row.name)


_WRITERS: Mapping[type, Callable[[Boxes, Any, str], Out | None]] = {
    TableNode: _table,
    Typed: _typed,
    nodes.ContextOf: _context,
    nodes.Path: _path,
    nodes.ListOf: _list,
    nodes.Call: _call,
    nodes.Lambda: _lambda,
    nodes.If: _if,
    nodes.Filter: _filter,
    nodes.For: _loop("for", "return", "body"),
    nodes.Quantified: _quantified,
}
