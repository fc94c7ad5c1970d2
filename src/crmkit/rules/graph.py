"""Decision requirement graphs: decisions, what they require, and the knowledge they call (OMG DMN 1.5, chapter 6)."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any

import attrs

from crmkit.errors import DefinitionError, DefinitionErrors, NotFound, did_you_mean
from crmkit.rules._boxed import BOXED, checked
from crmkit.rules.feel._convert import to_feel
from crmkit.rules.feel._evaluate import Outcome
from crmkit.rules.feel._limits import Limits
from crmkit.rules.feel._nodes import Lambda, Node, walk
from crmkit.rules.feel._operators import Problem
from crmkit.rules.feel._run import Exhausted, Run, Scope, World
from crmkit.rules.feel._types import ANY, Type
from crmkit.rules.feel._values import Function

__all__ = ["Decision", "Graph", "InputData", "Knowledge", "Service"]

_MOST_CYCLES = 20


@attrs.frozen
class InputData:
    """What the graph is given from outside.

    Attributes:
        name: its name.
        type: what it may be.
    """

    name: str
    type: Type = ANY


@attrs.frozen
class Decision:
    """One decision.

    Attributes:
        name: its name.
        logic: how it is made; None if the model does not say.
        requires: the names of the inputs, decisions, knowledge and services that its logic may use.
        type: what its result may be.
        question: what it decides, in words.
    """

    name: str
    logic: Node | None
    requires: tuple[str, ...] = ()
    type: Type = ANY
    question: str = ""


@attrs.frozen
class Knowledge:
    """A business knowledge model: a function that decisions call.

    Attributes:
        name: its name.
        parameters: the names of its parameters.
        types: their types.
        logic: its body; None if the model does not say.
        requires: the names of other knowledge that it calls.
        type: what its result may be.
    """

    name: str
    parameters: tuple[str, ...]
    types: tuple[Type, ...]
    logic: Node | None
    requires: tuple[str, ...] = ()
    type: Type = ANY


@attrs.frozen
class Service:
    """A decision service: some decisions of the graph as a function.

    Attributes:
        name: its name.
        outputs: the decisions whose results it gives.
        encapsulated: decisions that it makes on the way.
        input_decisions: decisions whose results it is given.
        input_data: inputs that it is given.
        type: what its result may be.
    """

    name: str
    outputs: tuple[str, ...]
    encapsulated: tuple[str, ...] = ()
    input_decisions: tuple[str, ...] = ()
    input_data: tuple[str, ...] = ()
    type: Type = ANY

    @property
    def parameters(self) -> tuple[str, ...]:
        """What it is given, in order."""
        return (*self.input_data, *self.input_decisions)


@attrs.frozen
class Graph:
    """Decisions and what they need, as one frozen value.

    Attributes:
        name: its name.
        elements: inputs, decisions, knowledge and services, by name.
        types: the types that its texts may name.
        imports: other graphs, by the name under which this one knows them.

    Raises:
        DefinitionErrors: for names that nobody defines, and for decisions that require themselves.
    """

    name: str
    elements: Mapping[str, InputData | Decision | Knowledge | Service]
    types: Mapping[str, Type] = attrs.field(factory=dict[str, Type])
    imports: Mapping[str, "Graph"] = attrs.field(factory=dict[str, "Graph"])

    def __attrs_post_init__(self) -> None:
        errors = [*self._unknown(), *self._cycles()]
        if errors:
            raise DefinitionErrors(f"graph {self.name!r} cannot be decided", errors)

    def _unknown(self) -> Iterable[DefinitionError]:
        for element in self.elements.values():
            for name in _requires(element):
                if self.find(name) is None:
                    hint = did_you_mean(name, self.elements)
                    yield DefinitionError(element.name, f"requires {name!r}, which nobody defines{hint}")

    def _cycles(self) -> Iterable[DefinitionError]:
        decisions = {name: element for name, element in self.elements.items() if isinstance(element, Decision)}
        required = {name: {*element.requires} & decisions.keys() for name, element in decisions.items()}
        # Cycles without a common decision: there may be more in a knot than anybody can read.
        for _ in range(_MOST_CYCLES):
            try:
                TopologicalSorter(required).prepare()
            except CycleError as error:
                cycle: list[str] = error.args[1][:0:-1]
            else:
                return
            first = cycle.index(min(cycle))
            cycle = [*cycle[first:], *cycle[:first]]
            yield DefinitionError(cycle[0], f"requires itself: {' -> '.join([*cycle, cycle[0]])}")
            required = {name: names - {*cycle} for name, names in required.items() if name not in cycle}

    def find(self, name: str) -> InputData | Decision | Knowledge | Service | None:
        """An element by its name, or by that of an import, a dot, and its name there; None if nobody has it."""
        prefix, _, rest = name.partition(".")
        if name in self.elements:
            return self.elements[name]
        return self.imports[prefix].find(rest) if prefix in self.imports else None

    def problems(self) -> tuple[DefinitionError, ...]:
        """What can be read and never has a value: functions in other languages, which are not run."""
        why = "defines a function in another language, which is not run: what it is called for is null [external]"
        return tuple(
            DefinitionError(element.name, why)
            for element in self.elements.values()
            if isinstance(element, Decision | Knowledge) and element.logic is not None and _external(element.logic)
        )

    @property
    def decisions(self) -> tuple[str, ...]:
        """The names of the decisions, in the order of the model."""
        return tuple(name for name, element in self.elements.items() if isinstance(element, Decision))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the order of the model."""
        return tuple(name for name, element in self.elements.items() if isinstance(element, InputData))

    def decide(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        now: datetime | None = None,
        today: date | None = None,
        limits: Limits | None = None,
        missing: Any = None,
    ) -> Outcome:
        """Make a decision.

        Args:
            name: a decision, a service or a piece of knowledge.
            inputs: what is known, by name; decisions named here are taken as made. What imported graphs are given
                stands under the name of the import, in a mapping or after a dot.
            now: the time for `now()`.
            today: the day for `today()`.
            limits: what it may cost.
            missing: what an input that is not given is: None, or `UNKNOWN`.

        Raises:
            NotFound: if there is no such element.
            InvalidValue: for an input that rules know no such value of.
            Exhausted: if it costs too much.
        """
        world = World(limits or Limits(), now, today, self.types)
        session = _Session(self, Run(world, BOXED), {key: to_feel(value) for key, value in inputs.items()}, missing)
        try:
            value = session.result(name)
        except RecursionError:
            raise Exhausted("functions call one another too deep") from None
        return Outcome(value, tuple(session.run.notes))


def _requires(element: InputData | Decision | Knowledge | Service) -> tuple[str, ...]:
    if isinstance(element, Decision | Knowledge):
        return element.requires
    if isinstance(element, Service):
        return (*element.outputs, *element.encapsulated, *element.parameters)
    return ()


def _external(logic: Node) -> bool:
    return any(isinstance(part, Lambda) and part.external for part in walk(logic))


def _declared(of: Type) -> Type | None:
    """A type that somebody wrote down."""
    return None if of == ANY else of


@attrs.define
class _Session:
    """Decisions being made, each once."""

    graph: Graph
    run: Run
    made: dict[str, Any]
    missing: Any
    done: set[str] = attrs.field(factory=set[str])

    imported: dict[str, "_Session"] = attrs.field(factory=dict[str, "_Session"])

    def result(self, name: str) -> Any:
        """The value of an element; knowledge and services are called with what is given."""
        prefix, _, rest = name.partition(".")
        if name not in self.graph.elements and prefix in self.graph.imports:
            return self._under(prefix).result(rest)
        value = self.element(name)
        if not isinstance(self.graph.find(name), Knowledge | Service):
            return value
        return self.run.apply(value, [self.argument(parameter) for parameter in value.parameters])

    def required(self, name: str) -> Any:
        """The value of an element here or in an imported graph."""
        prefix, _, rest = name.partition(".")
        if name not in self.graph.elements and prefix in self.graph.imports:
            return self._under(prefix).required(rest)
        return self.element(name)

    def element(self, name: str) -> Any:
        """The value of an input or decision, the function of knowledge or a service."""
        graph, element = self.graph, self.graph.elements.get(name)
        if element is None:
            raise NotFound("decision", name, (*graph.elements,), f"graph {graph.name!r}")
        if name in self.done:
            return self.made[name]
        self.done.add(name)
        if isinstance(element, Knowledge):
            self.made[name] = self._knowledge(element)
        elif isinstance(element, Service):
            self.made[name] = self._service(element)
        elif name in self.made or isinstance(element, InputData):
            self.made[name] = self._given(element)
        else:
            self.made[name] = self._decision(element)
        return self.made[name]

    def _given(self, element: InputData | Decision) -> Any:
        return self._typed(self.argument(element.name), element.type, element.name)

    def _decision(self, element: Decision) -> Any:
        if element.logic is None:
            self._note("no-logic", f"{element.name!r} has no logic")
            return None
        value = self.run.value(element.logic, Scope(self.known(element.requires)))
        return self._typed(value, element.type, element.name)

    def _typed(self, value: Any, of: Type, name: str) -> Any:
        try:
            return checked(self.run, value, of, Scope({}))
        except Problem as problem:
            self._note(problem.code, f"{name}: {problem.why}")
            return None

    def _note(self, code: str, why: str) -> None:
        self.run.note(Problem(code, why), (0, 0))

    def known(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of what is required; those of an imported graph under its name."""
        found: dict[str, Any] = {}
        for name in names:
            prefix, _, rest = name.partition(".")
            if name in self.graph.elements:
                found[name] = self.element(name)
            else:
                found.setdefault(prefix, {})[rest] = self.required(name)
        return found

    def _under(self, prefix: str) -> "_Session":
        """The decisions of an imported graph; they are made once, too."""
        if prefix not in self.imported:
            given = {k.removeprefix(f"{prefix}."): v for k, v in self.made.items() if k.startswith(f"{prefix}.")}
            inner = self.made.get(prefix)
            if isinstance(inner, dict):
                given |= inner
            graph = self.graph.imports[prefix]
            # Texts of the imported graph name its own types; notes are kept together.
            run = attrs.evolve(self.run, world=attrs.evolve(self.run.world, types=graph.types))
            self.imported[prefix] = _Session(graph, run, given, self.missing)
        return self.imported[prefix]

    def _knowledge(self, element: Knowledge) -> Function:
        def body(*arguments: Any) -> Any:
            if element.logic is None:
                self._note("no-logic", f"{element.name!r} has no logic")
                return None
            # Required when called: knowledge may call itself.
            scope = Scope(self.known(element.requires))
            values = self._arguments(element.name, dict(zip(element.parameters, arguments, strict=True)), element.types)
            if values is None:
                return None
            inner = Scope(values, Scope({element.name: function}, scope))
            return self._typed(self.run.value(element.logic, inner), element.type, element.name)

        function = Function(element.parameters, body, types=element.types, result=_declared(element.type))
        return function

    def _arguments(self, name: str, given: dict[str, Any], types: Iterable[Type]) -> dict[str, Any] | None:
        """The arguments as what the parameters may be; None, with a note, if one is not: nothing is called then."""
        made: dict[str, Any] = {}
        for (parameter, value), of in zip(given.items(), types, strict=True):
            try:
                made[parameter] = checked(self.run, value, of, Scope({}))
            except Problem as problem:
                self._note(problem.code, f"{name}, {parameter}: {problem.why}")
                return None
        return made

    def _service(self, element: Service) -> Function:
        types = tuple(getattr(self.graph.find(parameter), "type", ANY) for parameter in element.parameters)

        def body(*arguments: Any) -> Any:
            given = self._arguments(element.name, dict(zip(element.parameters, arguments, strict=True)), types)
            if given is None:
                return None
            # Nothing made before is known inside: a service sees what it is given.
            inner = _Session(self.graph, self.run, given, None)
            results = {name.rpartition(".")[2]: inner.required(name) for name in element.outputs}
            value = next(iter(results.values())) if len(results) == 1 else results
            return self._typed(value, element.type, element.name)

        return Function(element.parameters, body, types=types, result=_declared(element.type))

    def argument(self, parameter: str) -> Any:
        """What was given for an input or a parameter; an imported one may be given under its import."""
        prefix, _, rest = parameter.partition(".")
        if parameter in self.made:
            return self.made[parameter]
        if parameter not in self.graph.elements and prefix in self.graph.imports:
            return self._under(prefix).argument(rest)
        if self.missing is None:
            self._note("no-input", f"{parameter!r} was not given")
        return self.missing
