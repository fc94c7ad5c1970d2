"""The boxed expressions of a DMN model as trees."""

from collections.abc import Callable, Collection, Iterator, Mapping

import attrs

from crmkit.errors import DefinitionError, RuleError, did_you_mean
from crmkit.rules._boxed import Broken, HitPolicy, Input, Output, Row, TableNode, Typed
from crmkit.rules._dmn_types import Types, name_of
from crmkit.rules._xml import Element
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._lexer import Names
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._parser import parse, parse_tests
from crmkit.rules.feel._properties import NAMES as PROPERTIES
from crmkit.rules.feel._types import ANY

#: The hit policies and aggregations of the standard.
POLICIES: Mapping[tuple[str, str], HitPolicy] = {
    ("UNIQUE", ""): "U", ("ANY", ""): "A", ("PRIORITY", ""): "P", ("FIRST", ""): "F", ("RULE ORDER", ""): "R",
    ("OUTPUT ORDER", ""): "O", ("COLLECT", ""): "C", ("COLLECT", "SUM"): "C+", ("COLLECT", "MIN"): "C<",
    ("COLLECT", "MAX"): "C>", ("COLLECT", "COUNT"): "C#",
}  # fmt: skip
_NULL = nodes.Literal_(None)
_BOXES = (
    "literalExpression", "decisionTable", "context", "invocation", "functionDefinition", "relation", "list",
    "conditional", "filter", "for", "some", "every",
)  # fmt: skip
#: Names that texts may use wherever they have a meaning.
_ALWAYS = frozenset({"?", "item", "partial"})
#: The name of the entry of a context that is its result; no text can name it.
RESULT = "\0result"


@attrs.define
class Logic:
    """Reads the logic of one element, with the names that it may use."""

    element: str
    known: frozenset[str]
    members: frozenset[str]
    types: Types
    errors: list[DefinitionError]
    lenient: bool = attrs.field(default=False, kw_only=True)
    # Whether members of an item are names, too: nobody knows which there are.
    filtering: bool = attrs.field(default=False, kw_only=True)
    # Made once for all cells of a table.
    _known: Names | None = attrs.field(default=None, init=False)
    _after_dot: Names | None = attrs.field(default=None, init=False)

    def of(self, parent: Element, where: str) -> nodes.Node | None:
        """The tree of the boxed expression in an element; None if there is none."""
        box = parent.first(*_BOXES)
        return None if box is None else self.box(box, where)

    def box(self, element: Element, where: str) -> nodes.Node:
        """The tree of a boxed expression."""
        node = _READERS[element.tag](self, element, where)
        of = self.types.of(element.get("typeRef"))
        return node if of == ANY or element.tag in {"decisionTable", "functionDefinition"} else Typed(node, of)

    def knowing(self, *names: str) -> "Logic":
        """With more names known."""
        return attrs.evolve(self, known=self.known | {*names}, members=self.members | {*names})

    def inner(self, parent: Element, tag: str, where: str) -> nodes.Node:
        """The tree inside a child; null if it is empty."""
        child = parent.first(tag)
        found = None if child is None else self.of(child, f"{where}, {tag}")
        return _NULL if found is None else found

    def text(self, element: Element | None, where: str) -> nodes.Node:
        """The tree of a text; null if it is empty."""
        text, place = self._place(element, where)
        if not text.strip():
            return _NULL
        try:
            node = parse(text, self._names(), members=self._members(), where=place)
        except RuleError as error:
            return self._broken(error)
        self._known_only(node, text, place)
        return node

    def tests(self, element: Element | None, where: str) -> nodes.Tests:
        """The tests of a cell; `-` if it is empty."""
        text, place = self._place(element, where)
        if not text.strip():
            return nodes.Tests(())
        try:
            node = parse_tests(text, self._names(), members=self._members(), where=place)
        except RuleError as error:
            return nodes.Tests((self._broken(error, nodes.Name("?")),))
        self._known_only(node, text, place)
        return node

    def _known_only(self, node: nodes.Node, text: str, place: str) -> None:
        """Note the names that nobody has; a lenient reader leaves them to whoever evaluates."""
        if self.lenient or self.filtering:
            return
        for name in _unknown(node, self.known | FUNCTIONS | _ALWAYS):
            why = f"unknown name {name.name!r}{did_you_mean(name.name, self.known | FUNCTIONS)}"
            self.errors.append(RuleError(place, why, "unknown-name", text, *name.span))

    def _broken(self, error: RuleError, asks: nodes.Node | None = None) -> nodes.Node:
        if not self.lenient:
            self.errors.append(error)
        return Broken(error.code, error.why, asks)

    def refuse(self, where: str, why: str, line: int) -> None:
        """Remember a mistake that is in no text."""
        self.errors.append(DefinitionError(f"{self._where(where)}, XML line {line}", why))

    def unique(self, names: list[str], where: str, line: int) -> None:
        """Refuse names that stand twice where they may once, or that are none."""
        for name in dict.fromkeys(name for name in names if names.count(name) > 1 or not name):
            self.refuse(where, f"names {name!r} {names.count(name)} times" if name else "leaves a name out", line)

    def _place(self, element: Element | None, where: str) -> tuple[str, str]:
        """The text of an element, and its place for messages."""
        child = None if element is None else element.first("text")
        return ("", where) if child is None else (child.text, f"{self._where(where)}, XML line {child.line}")

    def _where(self, where: str) -> str:
        return (
            self.element
            if where == self.element or not where
            else f"{self.element}, {where.removeprefix(f'{self.element}, ')}"
        )

    def _names(self) -> Names:
        if self._known is None:
            self._known = Names(FUNCTIONS | self.known)
        return self._known

    def _members(self) -> Names:
        if self._after_dot is None:
            self._after_dot = Names(PROPERTIES | self.members)
        return self._after_dot

    def function(self, element: Element, where: str) -> tuple[tuple[str, ...], tuple[str, ...], nodes.Node]:
        """Names and types of the parameters, and the body; one in another language is an external function."""
        parameters = [*element.all("formalParameter")]
        names = [name_of(parameter) for parameter in parameters]
        self.unique(names, where, element.line)
        types = tuple(parameter.get("typeRef") for parameter in parameters)
        body = self.knowing(*names).of(element, where) or _NULL
        if element.get("kind", "FEEL") != "FEEL":
            body = nodes.Lambda((), (), body, external=True)
        return tuple(names), types, body


def _unknown(node: nodes.Node, known: Collection[str]) -> Iterator[nodes.Name]:
    """The names in a tree that are not known; those inside a filter may be members of its items."""
    waiting = [(node, frozenset(known))]
    while waiting:
        part, names = waiting.pop()
        if isinstance(part, nodes.Name) and part.name not in names:
            yield part
        if isinstance(part, nodes.Filter):
            waiting.append((part.of, names))
            continue
        waiting += [(inner, names | _bound(part)) for inner in nodes.children(part)]


def _bound(node: nodes.Node) -> frozenset[str]:
    """The names that a part gives a meaning to in itself."""
    match node:
        case nodes.For() | nodes.Quantified():
            return frozenset(one.name for one in node.iterations)
        case nodes.Lambda():
            return frozenset(node.parameters)
        case nodes.ContextOf():
            return frozenset(node.names)
        case _:
            return frozenset()


def _text(element: Element) -> str:
    text = element.first("text")
    return "" if text is None else text.text


def _literal(logic: Logic, element: Element, where: str) -> nodes.Node:
    return logic.text(element, where)


def _context(logic: Logic, element: Element, where: str) -> nodes.Node:
    names: list[str] = []
    values: list[nodes.Node] = []
    for entry in element.all("contextEntry"):
        variable = entry.first("variable")
        name = RESULT if variable is None else name_of(variable)
        # A function may call itself; a value that asks for itself finds the name outside.
        logic = logic if variable is None else logic.knowing(name)
        value = logic.of(entry, f"{where}, {'result' if variable is None else f'entry {name!r}'}") or _NULL
        of = ANY if variable is None else logic.types.of(variable.get("typeRef"))
        names.append(name)
        values.append(value if of == ANY else Typed(value, of))
    logic.unique([name.replace(RESULT, "the result") for name in names], where, element.line)
    made = nodes.ContextOf(tuple(names), tuple(values))
    return nodes.Path(made, RESULT) if RESULT in names else made


def _invocation(logic: Logic, element: Element, where: str) -> nodes.Node:
    names: list[str] = []
    arguments: list[nodes.Node] = []
    for binding in element.all("binding"):
        parameter = binding.first("parameter")
        names.append("" if parameter is None else name_of(parameter))
        arguments.append(logic.of(binding, f"{where}, argument {names[-1]!r}") or _NULL)
    logic.unique(names, where, element.line)
    called = logic.of(element, f"{where}, function") or _NULL
    return nodes.Call(called, tuple(arguments), tuple(names))


def _function(logic: Logic, element: Element, where: str) -> nodes.Node:
    names, types, body = logic.function(element, where)
    typed = tuple(map(logic.types.written, types))
    if isinstance(body, nodes.Lambda) and body.external and element.get("kind", "FEEL") != "FEEL":
        return nodes.Lambda(names, typed, body.body, external=True)
    return nodes.Lambda(names, typed, body)


def _relation(logic: Logic, element: Element, where: str) -> nodes.Node:
    columns = [name_of(column) for column in element.all("column")]
    logic.unique(columns, where, element.line)
    rows: list[nodes.Node] = []
    for number, row in enumerate(element.all("row"), 1):
        cells = tuple(logic.box(cell, f"{where}, row {number}") for cell in row.all(*_BOXES))
        if len(cells) != len(columns):
            why = f"has {len(cells)} cells; the relation has {len(columns)} columns"
            logic.refuse(f"{where}, row {number}", why, row.line)
        rows.append(nodes.ContextOf(tuple(columns), cells))
    return nodes.ListOf(tuple(rows))


def _list(logic: Logic, element: Element, where: str) -> nodes.Node:
    return nodes.ListOf(tuple(logic.box(item, f"{where}, item {n}") for n, item in enumerate(element.all(*_BOXES), 1)))


def _conditional(logic: Logic, element: Element, where: str) -> nodes.Node:
    parts = [logic.inner(element, tag, where) for tag in ("if", "then", "else")]
    return nodes.If(*parts)


def _filter(logic: Logic, element: Element, where: str) -> nodes.Node:
    # The members of an item that is a context are names of their own.
    inner = logic.knowing("item", *logic.members)
    return nodes.Filter(logic.inner(element, "in", where), inner.inner(element, "match", where))


def _iterator(logic: Logic, element: Element, where: str) -> tuple[nodes.Iteration, Logic]:
    name = " ".join(element.get("iteratorVariable").split())
    logic.unique([name], where, element.line)
    source = logic.inner(element, "in", where)
    return nodes.Iteration(name, source), logic.knowing(name)


def _for(logic: Logic, element: Element, where: str) -> nodes.Node:
    iteration, inner = _iterator(logic, element, where)
    return nodes.For((iteration,), inner.knowing("partial").inner(element, "return", where))


def _quantified(logic: Logic, element: Element, where: str) -> nodes.Node:
    iteration, inner = _iterator(logic, element, where)
    return nodes.Quantified(element.tag == "every", (iteration,), inner.inner(element, "satisfies", where))


def _table(logic: Logic, element: Element, where: str) -> nodes.Node:
    inputs = tuple(_input(logic, column, where) for column in element.all("input"))
    outputs = tuple(_output(logic, column, where) for column in element.all("output"))
    if not outputs:
        logic.refuse(where, "has no output", element.line)
    if len(outputs) > 1:
        logic.unique([output.name for output in outputs], where, element.line)
    rows: list[Row] = []
    for number, rule in enumerate(element.all("rule"), 1):
        row = _row(logic, rule, f"{where}, row {number}")
        rows.append(row)
        if len(row.cells) != len(inputs) or len(row.results) != len(outputs):
            why = (
                f"has {len(row.cells)} conditions and {len(row.results)} results; "
                f"the table has {len(inputs)} and {len(outputs)}"
            )
            logic.refuse(f"{where}, row {number}", why, rule.line)
    return TableNode(_policy(logic, element, where), inputs, outputs, tuple(rows))


def _policy(logic: Logic, element: Element, where: str) -> HitPolicy:
    written = element.get("hitPolicy", "UNIQUE"), element.get("aggregation")
    policy = POLICIES.get(written)
    if policy is None:
        known = ", ".join(" ".join(words).strip() for words in POLICIES)
        logic.refuse(where, f"{' '.join(written).strip()!r} is no hit policy; there are: {known}", element.line)
    return policy or "U"


def _input(logic: Logic, column: Element, where: str) -> Input:
    expression = column.first("inputExpression")
    label = column.get("label") or ("" if expression is None else " ".join(_text(expression).split()))
    place = f"{where}, input {label!r}"
    node = logic.text(expression, place)
    of = ANY if expression is None else logic.types.of(expression.get("typeRef"))
    return Input(node, label, of, _listed(logic, column.first("inputValues"), f"{place}, values"))


def _output(logic: Logic, column: Element, where: str) -> Output:
    name, of = name_of(column), logic.types.of(column.get("typeRef"))
    place = f"{where}, output {name!r}"
    listed = _listed(logic, column.first("outputValues"), f"{place}, values")
    # Without values of its own a column has those of its type, in their order.
    order = listed or of.allowed
    default = column.first("defaultOutputEntry")
    return Output(
        name,
        of,
        () if order is None or order.negated else order.tests,
        listed,
        None if default is None else logic.text(default, f"{place}, default"),
    )


def _listed(logic: Logic, values: Element | None, where: str) -> nodes.Tests | None:
    found = logic.tests(values, where)
    return found if found.tests else None


def _row(logic: Logic, row: Element, where: str) -> Row:
    cells = tuple(logic.tests(cell, f"{where}, condition {n}") for n, cell in enumerate(row.all("inputEntry"), 1))
    results = tuple(logic.text(cell, f"{where}, result {n}") for n, cell in enumerate(row.all("outputEntry"), 1))
    notes = tuple(_text(note) for note in row.all("annotationEntry"))
    return Row(cells, results, row.get("label") or row.get("id"), notes)


_READERS: Mapping[str, Callable[[Logic, Element, str], nodes.Node]] = {
    "literalExpression": _literal,
    "decisionTable": _table,
    "context": _context,
    "invocation": _invocation,
    "functionDefinition": _function,
    "relation": _relation,
    "list": _list,
    "conditional": _conditional,
    "filter": _filter,
    "for": _for,
    "some": _quantified,
    "every": _quantified,
}
