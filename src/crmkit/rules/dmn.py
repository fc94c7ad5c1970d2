"""DMN models as XML: versions 1.1 to 1.5 are read into a `Graph`, and a graph is written as 1.5.

Reading opens nothing: it is given bytes, and asks its caller for the models that one imports.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, InputError
from crmkit.rules._boxed import Broken
from crmkit.rules._dmn_logic import Logic
from crmkit.rules._dmn_types import Types, name_of
from crmkit.rules._dmn_write import Writer
from crmkit.rules._xml import Element, read_xml
from crmkit.rules.feel._nodes import Node
from crmkit.rules.feel._types import ANY, Type
from crmkit.rules.graph import Decision, Graph, InputData, Knowledge, Service

__all__ = ["read_dmn", "write_dmn"]

_NAMESPACE = "/spec/DMN/"
_ELEMENTS = ("inputData", "decision", "businessKnowledgeModel", "decisionService")


def read_dmn(
    data: bytes,
    *,
    name: str = "model",
    find: Callable[[str], bytes | None] | None = None,
    lenient: bool = False,
) -> Graph:
    """The decision requirement graph of a DMN model.

    Args:
        data: the XML.
        name: how the user knows it, for messages.
        find: from the namespace of an imported model to its XML; None if nobody has it.
        lenient: whether what cannot be read is null when somebody asks for it, with a note, rather than an error of
            the whole model.

    Raises:
        InputError: if it is no DMN model, with the line.
        DefinitionErrors: with everything wrong in it, each with its decision, and the line and column of its text.
    """
    try:
        return _Models(find or _nothing, lenient).read(data, name, ()).graph
    except RecursionError:
        raise InputError(name, "nests too deep") from None


def write_dmn(graph: Graph) -> bytes:
    """A graph as a DMN 1.5 model; what `read_dmn` makes of it decides the same.

    Imported graphs stand in files of their own: write each, and give it to `read_dmn` for the namespace that begins
    with `urn:crmkit:` and ends with its name.

    Args:
        graph: what to write.

    Raises:
        DefinitionErrors: for parts that no DMN model can say, such as a table inside a sum.
    """
    try:
        return Writer(graph).document()
    except RecursionError:
        why = DefinitionError(graph.name, "nests too deep")
        raise DefinitionErrors(f"graph {graph.name!r} cannot be written", [why]) from None


@attrs.frozen
class _Model:
    """A graph, and from the ids of its XML to the names of its elements."""

    graph: Graph
    ids: Mapping[str, str]


def _nothing(_namespace: str) -> bytes | None:
    return None


@attrs.define
class _Models:
    """The models that one reading needs, each read once."""

    find: Callable[[str], bytes | None]
    lenient: bool
    made: dict[str, _Model] = attrs.field(factory=dict[str, _Model])

    def read(self, data: bytes, name: str, above: tuple[str, ...]) -> _Model:
        """A model, and those that it imports."""
        root = read_xml(data, name)
        if root.tag != "definitions" or _NAMESPACE not in root.namespace:
            raise InputError(name, f"is no DMN model: its root is <{root.tag}> of {root.namespace or 'no namespace'}")
        namespace = root.get("namespace")
        imports = self._imports(root, name, (*above, namespace))
        return _Reader(root, name, imports, lenient=self.lenient).model()

    def _imports(self, root: Element, name: str, above: tuple[str, ...]) -> dict[str, tuple[str, _Model]]:
        """From namespace to the name it is known by, and the model."""
        found: dict[str, tuple[str, _Model]] = {}
        for element in root.all("import"):
            if "DMN" not in element.get("importType"):
                continue
            namespace = element.get("namespace")
            if namespace in above:
                raise InputError(name, f"imports itself: {' -> '.join((*above, namespace))}", "", element.line)
            if namespace not in self.made:
                data = self.find(namespace)
                if data is None:
                    why = f"imports a model of namespace {namespace!r}, which was not given"
                    raise InputError(name, why, "", element.line)
                self.made[namespace] = self.read(data, namespace, above)
            found[namespace] = name_of(element), self.made[namespace]
        return found


class _Reader:
    """One model being read."""

    def __init__(self, root: Element, name: str, imports: Mapping[str, tuple[str, _Model]], *, lenient: bool) -> None:
        self.root, self.source, self.imports, self.lenient = root, name, imports, lenient
        self.errors: list[DefinitionError] = []
        self.ids = {element.get("id"): _name(element) for element in root.all(*_ELEMENTS)}
        # An import without a name brings its names as they are, and what it imports itself.
        self.plain = [model.graph for prefix, model in imports.values() if not prefix]
        self.named = {key: graph for plain in self.plain for key, graph in plain.imports.items()}
        self.named |= {prefix: model.graph for prefix, model in imports.values() if prefix}
        types = {key: of for graph in self.plain for key, of in graph.types.items()}
        types |= {f"{prefix}.{key}": of for prefix, graph in self.named.items() for key, of in graph.types.items()}
        self.types = Types(root, types, self.errors, lenient=lenient)
        graphs = [*self.plain, *self.named.values()]
        self.members = self.types.members | {name for graph in graphs for name in (*graph.elements, *graph.imports)}

    def model(self) -> _Model:
        """The graph and its ids, or everything wrong with it."""
        elements: dict[str, Any] = {}
        for plain in self.plain:
            for made in plain.elements.values():
                # Two models may both import a third.
                if elements.get(made.name) != made:
                    self._add(elements, made, f"imported from {plain.name!r}")
        for element in self.root.all(*_ELEMENTS):
            self._add(elements, self._element(element), f"XML line {element.line}")
        graph: Graph | None = None
        try:
            graph = Graph(name_of(self.root) or self.source, elements, self.types.named, self.named)
        except DefinitionErrors as errors:
            self.errors += [error for error in errors.exceptions if isinstance(error, DefinitionError)]
        if graph is None or self.errors:
            raise DefinitionErrors(f"{self.source} cannot be decided", self.errors)
        return _Model(graph, self.ids)

    def _add(self, elements: dict[str, Any], made: Any, where: str) -> None:
        if not made.name:
            self.errors.append(DefinitionError(where, "has no name"))
        elif elements.setdefault(made.name, made) is not made:
            self.errors.append(DefinitionError(f"{made.name}, {where}", "has a name that another element has"))

    def _element(self, element: Element) -> InputData | Decision | Knowledge | Service:
        name, of = _name(element), self._type(element)
        match element.tag:
            case "inputData":
                return InputData(name, of)
            case "decision":
                requires = self._requires(element)
                reader = self._logic(name, requires)
                logic = self._kept(reader, reader.of(element, name))
                question = element.first("question")
                return Decision(name, logic, requires, of, "" if question is None else question.text.strip())
            case "businessKnowledgeModel":
                return self._knowledge(element, name)
            case _:
                return self._service(element, name, _result(of))

    def _type(self, element: Element) -> Type:
        variable = element.first("variable")
        return ANY if variable is None else self.types.of(variable.get("typeRef"))

    def _logic(self, name: str, requires: tuple[str, ...]) -> Logic:
        known = frozenset(_first(required, self.named) for required in requires)
        return Logic(name, known, self.members, self.types, [], lenient=self.lenient)

    def _kept(self, logic: Logic, node: Node | None) -> Node | None:
        """What was read, if nothing is wrong with it; a lenient reader refuses no more than that."""
        if self.lenient and logic.errors:
            return Broken("definition", str(logic.errors[0]))
        self.errors += logic.errors
        return node

    def _requires(self, element: Element) -> tuple[str, ...]:
        """What it requires: information first, as the standard orders it."""
        found: list[str] = []
        for tag in ("informationRequirement", "knowledgeRequirement"):
            for requirement in element.all(tag):
                for target in requirement.all("requiredInput", "requiredDecision", "requiredKnowledge"):
                    found += self._target(element, target)
        return tuple(dict.fromkeys(found))

    def _target(self, element: Element, target: Element) -> list[str]:
        """The name behind a reference; none, and a mistake, if nobody has it."""
        namespace, _, identity = target.get("href").rpartition("#")
        for known, (prefix, model) in self.imports.items():
            if namespace == known and identity in model.ids:
                return [f"{prefix}.{model.ids[identity]}" if prefix else model.ids[identity]]
        if identity in self.ids and namespace in {"", self.root.get("namespace")}:
            return [self.ids[identity]]
        why = f"refers to {target.get('href')!r}, which nobody defines"
        if not self.lenient:
            self.errors.append(DefinitionError(f"{_name(element)}, XML line {target.line}", why))
        return []

    def _knowledge(self, element: Element, name: str) -> Knowledge:
        requires, of = self._requires(element), _result(self._type(element))
        body = element.first("encapsulatedLogic")
        if body is None:
            return Knowledge(name, (), (), None, requires, of)
        # Knowledge may call itself.
        logic = self._logic(name, (*requires, name))
        parameters, types, node = logic.function(body, name)
        return Knowledge(name, parameters, tuple(map(self.types.of, types)), self._kept(logic, node), requires, of)

    def _service(self, element: Element, name: str, of: Type) -> Service:
        def targets(tag: str) -> tuple[str, ...]:
            return tuple(found for child in element.all(tag) for found in self._target(element, child))

        return Service(
            name,
            targets("outputDecision"),
            targets("encapsulatedDecision"),
            targets("inputDecision"),
            targets("inputData"),
            of,
        )


def _name(element: Element) -> str:
    """The name of what it gives; models differ in whether that stands at the element or at its variable."""
    variable = element.first("variable")
    return name_of(element) if variable is None else name_of(variable) or name_of(element)


def _first(required: str, named: Mapping[str, Graph]) -> str:
    """The name by which a text knows what is required: that of the import, if it is imported."""
    prefix, dot, _ = required.partition(".")
    return prefix if dot and prefix in named else required


def _result(of: Type) -> Type:
    """The type of what a function gives; models differ in whether the variable has that type or the function's."""
    return (of.result or ANY) if of.kind == "function" else of
