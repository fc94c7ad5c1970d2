r"""Working papers: an 8D report, an A3 sheet, a charter, a coaching plan, from what a case holds (R3).

    >>> from datetime import UTC, datetime
    >>> from crmkit.improve import methods
    >>> pdca = methods.get("pdca")
    >>> step = pdca.open("I-1", who="li", at=datetime(2026, 4, 1, tzinfo=UTC), kind="backlog",
    ...                  problem="17 tickets are late", found={"definition": "3f0c"})
    >>> print("\n".join(paper(step.case, pdca).splitlines()[:9]))
    # PDCA sheet: I-1
    <BLANKLINE>
    - **Stage**: Opened
    - **Owner**: li
    - **As of**: 2026-04-01 00:00 UTC
    <BLANKLINE>
    ## Problem
    <BLANKLINE>
    - **kind of problem**: backlog

They are Markdown, in English or Chinese. Nothing that is missing is passed over, and no text of a user changes the
form of a paper.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.improve._method_words import category, place_of, said
from crmkit.improve._paper_tables import PAPERS, WORDS, Paper, Part
from crmkit.improve.causes import CauseGraph
from crmkit.improve.hypothesis import Hypothesis
from crmkit.kb.markdown import escaped, table
from crmkit.pipeline.case import Case, Visit
from crmkit.pipeline.definition import Pipeline

__all__ = ["paper"]

_DEEPEST = 6

# Lines of the list of fields, and blocks that come after it.
_Made: TypeAlias = tuple[list[str], list[str]]


def paper(case: Case, pipeline: Pipeline, *, visits: Iterable[Visit] = (), lang: Literal["en", "zh"] = "en") -> str:
    """The working paper of a case, as far as it goes.

    Args:
        case: the case.
        pipeline: its method. One of `crmkit.improve.methods.names` has the paper it is known for; one of your own has
            a part for each stage, with what that asks for.
        visits: where it has been, as `Pipeline.timeline` gives it; a table of them ends the paper.
        lang: the language.

    Returns:
        Markdown. Fields of the case that no part shows stand at its end.

    Raises:
        NotFound: for another language, or a stage that the pipeline does not have.
    """
    place = place_of(lang)
    made = _Writer(case, pipeline, place)
    layout = PAPERS.get(pipeline.name) or _derived(pipeline)
    stage = pipeline.stage(case.stage)
    title = (layout.en, layout.zh)[place]
    head = [
        made.line(made.word("stage"), _label(stage.labels, stage.name, place)),
        made.line(made.word("owner"), case.owner),
        made.line(made.word("as of"), case.at),
    ]
    blocks = [f"# {escaped(title)}: {escaped(case.id)}", "\n".join(head)]
    for part in layout.parts:
        blocks += [f"## {escaped((part.en, part.zh)[place])}", *made.fields(part.fields)]
    shown = {name for part in layout.parts for name in part.fields}
    rest = [name for name in case.fields if name not in shown and not _translates(name, case)]
    if rest:
        blocks += [f"## {made.word('further')}", *made.fields(rest)]
    stays = [*visits]
    if stays:
        blocks += [f"## {made.word('course')}", made.course(stays)]
    return "\n\n".join(blocks) + "\n"


def _derived(pipeline: Pipeline) -> Paper:
    """A part for each stage, with what it asks for, and what the moves that lead there ask for."""
    known: set[str] = set()
    parts: list[Part] = []
    for stage in pipeline.stages:
        moves = [move for of in pipeline.moves.values() for move in of.values() if move.to == stage.name]
        asked = dict.fromkeys([*stage.requires, *(name for move in moves for name in move.requires)])
        fields = tuple(name for name in asked if name not in known)
        known |= {*fields}
        if fields:
            parts.append(Part(_label(stage.labels, stage.name, 0), _label(stage.labels, stage.name, 1), fields))
    return Paper(_label(pipeline.labels, pipeline.name, 0), _label(pipeline.labels, pipeline.name, 1), tuple(parts))


def _label(labels: Mapping[str, str], name: str, place: int) -> str:
    return labels.get(("en", "zh")[place], name)


def _translates(name: str, case: Case) -> bool:
    """Whether a field only says another one in Chinese."""
    return name.endswith("_zh") and name.removesuffix("_zh") in case.fields


@attrs.frozen
class _Writer:
    """Writes values of a case in a language."""

    case: Case
    pipeline: Pipeline
    place: int

    @property
    def lang(self) -> Literal["en", "zh"]:
        """The language."""
        return "zh" if self.place else "en"

    def word(self, name: str) -> str:
        """A word of the paper's own; a name that it has no word for as it is."""
        return WORDS[name][self.place] if name in WORDS else name

    def name(self, field: str) -> str:
        """What a field is called."""
        schema = self.pipeline.schema
        known = schema is not None and field in schema.names
        return _label(schema.field(field).labels, field, self.place) if schema is not None and known else field

    def fields(self, names: Sequence[str]) -> list[str]:
        """The blocks of some fields: a list, and what takes a block of its own."""
        lines: list[str] = []
        blocks: list[str] = []
        for name in names:
            value, label = self._value(name), self.name(name)
            write = _BLOCKS.get(name)
            made = None if write is None or not value else write(self, label, value)
            lines += self.lines(label, value) if made is None else made[0]
            blocks += () if made is None else made[1]
        return [*(["\n".join(lines)] if lines else []), *blocks]

    def _value(self, name: str) -> Any:
        chinese = self.case.fields.get(f"{name}_zh") if self.place else None
        return self.case.fields.get(name) if chinese is None else chinese

    def line(self, label: str, value: Any, depth: int = 0) -> str:
        """A label and a single value."""
        empty = value is None or (isinstance(value, str) and not value.strip())
        text = f"*{self.word('empty')}*" if empty else escaped(self.text(value))
        return f"{'  ' * depth}- **{escaped(label) or '-'}**: {text}"

    def lines(self, label: str, value: Any, depth: int = 0) -> Iterator[str]:
        """A label and any value, one line for each thing that is in it."""
        if not isinstance(value, Mapping | tuple):
            yield self.line(label, value, depth)
            return
        items = [*value.items()] if isinstance(value, Mapping) else [*enumerate(value, 1)]
        flat = depth >= _DEEPEST or not any(isinstance(inner, Mapping | tuple) for _, inner in items)
        if isinstance(value, tuple) and flat and items:
            yield self.line(label, ", ".join(self.text(inner) for _, inner in items), depth)
            return
        yield f"{'  ' * depth}- **{escaped(label) or '-'}**:" + ("" if items else f" *{self.word('nothing')}*")
        for key, inner in items:
            yield from self.lines(self.word(str(key)), str(inner) if depth >= _DEEPEST else inner, depth + 1)

    def text(self, value: Any) -> str:
        """A single value."""
        match value:
            case datetime():
                return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            case date():
                return value.isoformat()
            case float():
                return f"{value:.4g}"
            case None:
                return "-"
            case _:
                return said(value, self.lang)

    def claim(self, label: str, value: Any) -> _Made | None:
        """A hypothesis in a sentence, where its figure is one of ours."""
        try:
            return [self.line(label, Hypothesis.from_fields(value).to_text(self.lang))], []
        except (InvalidValue, NotFound):
            return None

    def actions(self, label: str, value: Any) -> _Made | None:
        """A table of actions."""
        if not isinstance(value, tuple) or not all(isinstance(one, Mapping) for one in value):
            return None
        columns = list(dict.fromkeys([*("what", "who", "due", "done"), *(name for one in value for name in one)]))
        rows = [[self.text(one.get(name)) for name in columns] for one in value]
        return [], [f"**{escaped(label)}**", table([[self.word(name) for name in columns], *rows])]

    def causes(self, label: str, value: Any) -> _Made | None:
        """A graph of causes as an outline and as a picture."""
        try:
            graph = CauseGraph.from_fields(value)
        except (InvalidValue, NotFound):
            return None
        outline = [f"{'  ' * (depth + 1)}- {text}" for depth, text in self._outline(graph)]
        return [f"- **{escaped(label)}**:", *outline], [f"```mermaid\n{graph.to_mermaid(self.lang)}```"]

    def _outline(self, graph: CauseGraph) -> Iterator[tuple[int, str]]:
        """Each cause under what it leads to; what is behind one that was there already is not said again."""
        nodes, seen, waiting = graph.to_networkx().nodes, set[int](), [(0, 0)]
        while waiting:
            depth, node = waiting.pop()
            kind, text, behind = nodes[node]["kind"], nodes[node]["text"], graph.behind(node)
            shown = escaped(category(text, self.lang) if kind == "category" else text, begins=True)
            mark = f" *({self.word('root')})*" if kind == "root" else " …" if node in seen else ""
            yield min(depth, _DEEPEST), f"{shown}{mark}"
            waiting += [(depth + 1, one) for one in reversed(behind) if node not in seen]
            seen.add(node)

    def course(self, visits: Sequence[Visit]) -> str:
        """A table of stays."""
        known = {stage.name: _label(stage.labels, stage.name, self.place) for stage in self.pipeline.stages}
        rows = [
            [known.get(one.stage, one.stage), self.text(one.entered), self.text(one.left), self.text(one.who)]
            for one in visits
        ]
        return table([[self.word(name) for name in ("stage", "entered", "left", "who")], *rows])


# Fields that are more than a value; None where what they hold is not what they should.
_BLOCKS: Mapping[str, Callable[[_Writer, str, Any], _Made | None]] = {
    "hypothesis": _Writer.claim, "actions": _Writer.actions, "causes": _Writer.causes,
}  # fmt: skip
