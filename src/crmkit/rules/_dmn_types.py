"""The item definitions of a DMN model as types."""

from collections.abc import Iterable, Mapping

import attrs

from crmkit.errors import DefinitionError, RuleError
from crmkit.rules._boxed import Broken
from crmkit.rules._xml import Element
from crmkit.rules.feel._library import FUNCTIONS
from crmkit.rules.feel._nodes import And, Call, In, Name, Node, Tests, TypeName
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._parser import parse_tests
from crmkit.rules.feel._properties import NAMES as PROPERTIES
from crmkit.rules.feel._types import ANY, Type, named_type


class Types:
    """The types that a model names, each made when it is first asked for; what is wrong with them goes to `errors`."""

    def __init__(
        self, root: Element, imported: Mapping[str, Type], errors: list[DefinitionError], *, lenient: bool
    ) -> None:
        self.errors, self._lenient = errors, lenient
        self._definitions: dict[str, Element] = {}
        self._under_way: set[str] = set()
        self.members: frozenset[str] = frozenset(_components(root)) | members_of(imported.values())
        for element in root.all("itemDefinition"):
            self._definitions[self._unique(element, self._definitions, "type")] = element
        # A type of the model hides an imported one of its name.
        self.named = {name: of for name, of in imported.items() if name not in self._definitions}
        for name in self._definitions:
            self._named(name)

    def of(self, reference: str) -> Type:
        """The type that a reference names; any if it names none, or nothing we know."""
        name = " ".join(reference.split())
        for candidate in _candidates(name):
            found = self._named(candidate) if candidate in self._definitions else self.named.get(candidate)
            if found is not None:
                return found
        try:
            return named_type(TypeName(_bare(name)), {})
        except Problem:
            return ANY

    def written(self, reference: str) -> TypeName | None:
        """A reference as FEEL writes it; None if anything goes."""
        name = " ".join(reference.split())
        if self.of(name) == ANY:
            return None
        return TypeName(next((known for known in _candidates(name) if known in self.named), _bare(name)))

    def _named(self, name: str) -> Type:
        if name in self._under_way:
            # A type that holds itself: below the first level anything goes.
            return ANY
        if name not in self.named:
            self._under_way.add(name)
            self.named[name] = self._made(self._definitions[name], name)
            self._under_way.discard(name)
        return self.named[name]

    def _made(self, element: Element, name: str) -> Type:
        components = [*element.all("itemComponent")]
        function = element.first("functionItem")
        reference = element.first("typeRef")
        if components:
            members: dict[str, Type] = {}
            for part in components:
                members[self._unique(part, members, "component")] = self._made(part, "")
            made = Type("context", members=members)
        elif function is not None:
            made = self._function(function)
        else:
            made = ANY if reference is None else self.of(reference.text)
        constraint, allowed = element.first("typeConstraint"), element.first("allowedValues")
        if element.get("isCollection") == "true":
            # The one speaks of the list, the other of what is in it.
            made = Type("list", item=self._constrained(made, allowed, name))
            return attrs.evolve(self._constrained(made, constraint, name), name=name)
        made = self._constrained(made, constraint or allowed, name)
        return attrs.evolve(made, name=name or made.name)

    def _unique(self, element: Element, before: Mapping[str, object], what: str) -> str:
        """The name of an element, which nothing before it has."""
        name = name_of(element)
        if not self._lenient and (name in before or not name):
            why = "is defined twice" if name else "has no name"
            self.errors.append(DefinitionError(f"{what} {name!r}, XML line {element.line}", why))
        return name

    def _function(self, element: Element) -> Type:
        parameters = tuple(self.of(part.get("typeRef")) for part in element.all("parameters"))
        return Type("function", parameters=parameters, result=self.of(element.get("outputTypeRef")))

    def _constrained(self, of: Type, element: Element | None, name: str) -> Type:
        text = None if element is None else element.first("text")
        if text is None or not text.text.strip():
            return of
        where = f"type {name!r}, XML line {text.line}" if name else f"a component, XML line {text.line}"
        try:
            tests = parse_tests(text.text, FUNCTIONS | {"?"}, members=PROPERTIES | self.members, where=where)
        except RuleError as error:
            if not self._lenient:
                self.errors.append(error)
            tests = Tests((Broken(error.code, error.why, Name("?")),))
        return attrs.evolve(of, allowed=_both(of.allowed, tests), name="")


def _candidates(name: str) -> tuple[str, str, str]:
    """A reference, and what is left of it without a prefix or a namespace."""
    return name, name.rpartition(":")[2], name.rpartition("}")[2]


def _bare(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]


def _both(base: Tests | None, tests: Tests) -> Tests:
    """What passes the tests of the base type and its own."""
    return tests if base is None or not base.tests else Tests((And((_asked(base), _asked(tests))),))


def _asked(tests: Tests) -> Node:
    question = In(Name("?"), tests.tests)
    return Call(Name("not"), (question,)) if tests.negated else question


def members_of(types: Iterable[Type]) -> frozenset[str]:
    """The names of all members of some types, at any depth."""
    found: set[str] = set()
    waiting = [*types]
    while waiting:
        current = waiting.pop()
        found |= {*(current.members or ())}
        waiting += [*(current.members or {}).values(), *([] if current.item is None else [current.item])]
    return frozenset(found)


def name_of(element: Element) -> str:
    """The name of an element, its spaces made even."""
    return " ".join(element.get("name").split())


def _components(root: Element) -> list[str]:
    """The names of all members, at any depth."""
    found: list[str] = []
    waiting = [*root.all("itemDefinition")]
    while waiting:
        parts = [*waiting.pop().all("itemComponent")]
        found += map(name_of, parts)
        waiting += parts
    return found
