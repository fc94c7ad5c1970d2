"""A graph as the XML of a DMN 1.5 model."""

from crmkit.errors import DefinitionError, DefinitionErrors
from crmkit.rules._dmn_boxes import Boxes
from crmkit.rules._dmn_out import Out, out, sayable
from crmkit.rules._dmn_type_names import TypeNames
from crmkit.rules._dmn_types import members_of
from crmkit.rules.feel import _nodes as nodes
from crmkit.rules.feel._types import ANY, Type
from crmkit.rules.graph import Decision, Graph, InputData, Knowledge, Service

_MODEL = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def namespace_of(graph: Graph) -> str:
    """The namespace under which a graph is written: made of its name."""
    letters = (chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in graph.name.encode())
    return f"urn:crmkit:{''.join(letters)}"


class Writer:
    """One graph being written."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.errors: list[DefinitionError] = []
        others = [name for inner in graph.imports.values() for name in (*inner.elements, *inner.imports)]
        self.members = members_of(graph.types.values()) | {*others}
        self.types = TypeNames(graph, self.members, self.errors)

    def document(self) -> bytes:
        """The XML.

        Raises:
            DefinitionErrors: with all parts that no model can say.
        """
        imports = [self._import(prefix, graph) for prefix, graph in self.graph.imports.items()]
        elements = [self._element(element) for element in self.graph.elements.values()]
        types = self.types.definitions()
        namespace = namespace_of(self.graph)
        root = Out("definitions", {"xmlns": _MODEL, "id": "_model", "name": self.graph.name, "namespace": namespace})
        root.children = [*imports, *types, *elements]
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', *root.lines(), ""]
        if not all(map(sayable, lines)):
            self.errors.append(
                DefinitionError(self.graph.name, "a name or a remark holds a character that XML has none of")
            )
        if self.errors:
            raise DefinitionErrors(f"graph {self.graph.name!r} cannot be written", self.errors)
        return "\n".join(lines).encode()

    def _import(self, prefix: str, graph: Graph) -> Out:
        namespace = namespace_of(graph)
        if [namespace_of(other) for other in (*self.graph.imports.values(), self.graph)].count(namespace) > 1:
            why = f"two graphs are called {graph.name!r}: nobody could tell their files apart"
            self.errors.append(DefinitionError(f"import {prefix!r}", why))
        return out("import", name=prefix, namespace=namespace, importType=_MODEL)

    def _element(self, element: InputData | Decision | Knowledge | Service) -> Out:
        identity = {"id": self._reference(element.name, element.name)[1:], "name": element.name}
        variable = out("variable", name=element.name, typeRef=self._variable(element))
        match element:
            case InputData():
                return out("inputData", variable, **identity)
            case Decision():
                question = out("question", text=element.question) if element.question else None
                logic = (
                    None if element.logic is None else self._boxes(element, *element.requires).box(element.logic, "")
                )
                required = self._required(element)
                return out("decision", question, variable, *required, logic, **identity)
            case Knowledge():
                body = None if element.logic is None else self._body(element, element.logic)
                return out("businessKnowledgeModel", variable, body, *self._required(element), **identity)
            case _:
                return out("decisionService", variable, *self._served(element), **identity)

    def _variable(self, element: InputData | Decision | Knowledge | Service) -> str:
        of = element.type
        if isinstance(element, Knowledge | Service) and of.kind == "function":
            # A function type at a function is that of the function itself.
            types = element.types if isinstance(element, Knowledge) else tuple(ANY for _ in element.parameters)
            of = Type("function", parameters=types, result=of)
        return self.types.reference(of)

    def _boxes(self, element: Decision | Knowledge, *names: str) -> Boxes:
        known = {name if name in self.graph.elements else name.partition(".")[0] for name in names}
        return Boxes(element.name, frozenset(known), self.members, self.types, self.errors)

    def _body(self, element: Knowledge, logic: nodes.Node) -> Out:
        boxes = self._boxes(element, *element.requires, element.name)
        types = [self.types.reference(of) for of in element.types]
        return boxes.function("encapsulatedLogic", element.parameters, types, logic)

    def _required(self, element: Decision | Knowledge) -> list[Out]:
        found: list[Out] = []
        for number, name in enumerate(element.requires, 1):
            match self.graph.find(name):
                case InputData():
                    tags = "informationRequirement", "requiredInput"
                case Decision():
                    tags = "informationRequirement", "requiredDecision"
                case _:
                    tags = "knowledgeRequirement", "requiredKnowledge"
            href = self._reference(name, element.name)
            identity = f"{self._reference(element.name, '')[1:]}_{number}"
            found.append(out(tags[0], out(tags[1], href=href), id=identity))
        return sorted(found, key=lambda requirement: requirement.tag)

    def _served(self, element: Service) -> list[Out]:
        groups = {
            "outputDecision": element.outputs,
            "encapsulatedDecision": element.encapsulated,
            "inputDecision": element.input_decisions,
            "inputData": element.input_data,
        }
        return [out(tag, href=self._reference(name, element.name)) for tag, names in groups.items() for name in names]

    def _reference(self, name: str, where: str) -> str:
        """The reference to an element, by its place in its graph."""
        if name in self.graph.elements:
            return f"#_{[*self.graph.elements].index(name) + 1}"
        prefix, _, rest = name.partition(".")
        other = self.graph.imports[prefix]
        if rest not in other.elements:
            self.errors.append(DefinitionError(where, f"requires {name!r}: import the graph it is in directly"))
            return "#"
        return f"{namespace_of(other)}#_{[*other.elements].index(rest) + 1}"
