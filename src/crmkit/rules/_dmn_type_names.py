"""Types as the item definitions of a DMN model, and by the names that its texts use."""

import attrs

from crmkit.errors import DefinitionError
from crmkit.rules._dmn_out import Out, of_text, out
from crmkit.rules._dmn_read_back import tests_text
from crmkit.rules.feel._nodes import Tests
from crmkit.rules.feel._types import ANY, Type
from crmkit.rules.graph import Graph

_SPELLED = {"any": "Any", "null": "Null"}


class TypeNames:
    """The types of a graph while it is written; those without a name are given one."""

    def __init__(self, graph: Graph, members: frozenset[str], errors: list[DefinitionError]) -> None:
        self._known: dict[str, Type] = dict(graph.types)
        self._imported = {f"{prefix}.{name}" for prefix, other in graph.imports.items() for name in other.types}
        self._members, self._errors = members, errors

    def definitions(self) -> list[Out]:
        """The item definitions, also of types that others are made of."""
        done: dict[str, Out] = {}
        while len(done) + len(self._imported & self._known.keys()) < len(self._known):
            for name, of in [*self._known.items()]:
                if name not in done and name not in self._imported:
                    done[name] = self._definition("itemDefinition", name, of)
        return [*done.values()]

    def reference(self, of: Type) -> str:
        """The name of a type; nothing for any."""
        of = attrs.evolve(of, nullable=True)
        if of == ANY:
            return ""
        if of == Type(of.kind):
            return _SPELLED.get(of.kind, of.kind)
        for name in (of.name, *self._known):
            if self._known.get(name) == of:
                return name
        number = 1
        while f"type {number}" in self._known:
            number += 1
        name = of.name if of.name and of.name not in self._known else f"type {number}"
        self._known[name] = of
        return name

    def _definition(self, tag: str, name: str, of: Type) -> Out:
        reference = self.reference(of) if tag == "itemComponent" and self._plain(of) else ""
        if reference:
            return out(tag, out("typeRef", text=reference), name=name)
        if of.kind == "list" and of.item is not None:
            inner = of.item
            parts = [*self._content(inner), self._tests("allowedValues", self._own(inner), name)]
            return out(tag, *parts, self._tests("typeConstraint", of.allowed, name), name=name, isCollection="true")
        return out(tag, *self._content(of, bare=True), self._tests("allowedValues", of.allowed, name), name=name)

    def _plain(self, of: Type) -> bool:
        """Whether a name says it all."""
        return of == Type(of.kind) or of in self._known.values()

    def _own(self, of: Type) -> Tests | None:
        return None if self._plain(of) else of.allowed

    def _content(self, of: Type, *, bare: bool = False) -> list[Out]:
        """What a type is made of, but for its tests; if `bare` even of one that has a name."""
        if not bare and self._plain(of):
            return [out("typeRef", text=self.reference(of) or "Any")]
        if of.kind == "context" and of.members:
            return [self._definition("itemComponent", name, member) for name, member in of.members.items()]
        if of.kind == "function" and of.parameters is not None:
            parameters = [
                out("parameters", name=f"p{number}", typeRef=self.reference(part))
                for number, part in enumerate(of.parameters, 1)
            ]
            return [out("functionItem", *parameters, outputTypeRef=self.reference(of.result or ANY))]
        if of.kind == "list" and of.item is not None:
            return [out("typeRef", text=self.reference(of))]
        return [out("typeRef", text=_SPELLED.get(of.kind, of.kind))]

    def _tests(self, tag: str, tests: Tests | None, name: str) -> Out | None:
        if tests is None:
            return None
        text = tests_text(tests, frozenset({"?"}), self._members)
        if text is None:
            self._errors.append(DefinitionError(f"type {name!r}", "allows values that no text says"))
            return None
        return of_text(tag, text)
