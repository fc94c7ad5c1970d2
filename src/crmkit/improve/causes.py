"""Why it happens, as a graph: the fishbone of an effect, and the tree of whys behind it (R3).

    >>> late = why_tree(
    ...     "offers go out late",
    ...     {
    ...         "offers go out late": ["prices are asked for one by one"],
    ...         "prices are asked for one by one": ["the price list is a year old"],
    ...         "the price list is a year old": ["nobody owns it"],
    ...     },
    ...     roots=["nobody owns it"],
    ... )
    >>> late.roots()
    ('nobody owns it',)
    >>> bones = fishbone("offers go out late", {"people": ["new staff"], "method": [{"no template": ["never agreed"]}]})
    >>> bones.roots()
    ('new staff', 'never agreed')

A case keeps either as its field `causes` (`to_fields`), and its paper shows it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, Self, TypeAlias

import attrs

from crmkit.errors import InvalidValue, NotFound
from crmkit.values import Fields
from crmkit.values.display import ROWS, Display, Lang, Shown

__all__ = ["CATEGORIES", "CauseGraph", "Causes", "fishbone", "why_tree"]

#: The usual bones: the six M of manufacturing (people stand for man, environment for mother nature), the four S of
#: services.
CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "6M": ("people", "machine", "material", "method", "measurement", "environment"),
        "4S": ("surroundings", "suppliers", "systems", "skills"),
    }
)
#: Causes of one thing: texts, or a mapping from a text to the causes of that, which are of the same kind.
Causes: TypeAlias = Sequence[str | Mapping[str, Any]]

_FORMS = ("fishbone", "why tree")


@attrs.frozen(slots=False)
class CauseGraph(Shown):
    """An effect and what it comes from. Make one with `fishbone` or `why_tree`.

    Attributes:
        form: "fishbone": causes under categories, a tree; "why tree": answers to "why?", which may meet again.
        texts: the effect, then the categories and causes, each nearer to the effect before those behind it.
        links: pairs of places in `texts`: a cause, and what it leads to.

    Raises:
        InvalidValue: for a text that says nothing, a link to nowhere, a circle, or a cause that leads nowhere.
        NotFound: for another form.
    """

    form: Literal["fishbone", "why tree"]
    texts: tuple[str, ...]
    links: tuple[tuple[int, int], ...]

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """The effect, and under each cause what leads to it; see `Shown.display`."""
        return Display.lines([*self._outline(0, 0, set())], most=most, lang=lang)

    def _outline(self, place: int, depth: int, told: set[int]) -> Iterator[str]:
        """A cause that leads to several is taken apart where it comes first."""
        yield f"{'  ' * depth}{self.texts[place]}{' ...' if place in told and self.behind(place) else ''}"
        if place not in told:
            told.add(place)
            for cause in self.behind(place):
                yield from self._outline(cause, depth + 1, told)

    def __attrs_post_init__(self) -> None:
        if self.form not in _FORMS:
            raise NotFound("form", self.form, _FORMS, "graphs of causes")
        if not self.texts:
            raise InvalidValue("texts", self.texts, "lack the effect")
        for text in self.texts:
            _said(text)
        size = len(self.texts)
        if any(not 0 <= to < cause < size for cause, to in self.links):
            raise InvalidValue("links", self.links, "must each lead from a text to one before it")
        if {cause for cause, _ in self.links} != {*range(1, size)}:
            raise InvalidValue("links", self.links, "must lead from each text but the first somewhere")
        if self.form == "fishbone" and len(self.links) != size - 1:
            raise InvalidValue("links", self.links, "must lead from each text of a fishbone to one other")
        if not self.roots():
            raise InvalidValue("causes", self.effect, "has none; name at least one")

    @property
    def effect(self) -> str:
        """What is explained."""
        return self.texts[0]

    @property
    def categories(self) -> tuple[str, ...]:
        """The bones of a fishbone, in order; none in a tree of whys."""
        return tuple(self.texts[place] for place in self._bones)

    @property
    def _bones(self) -> tuple[int, ...]:
        return tuple(cause for cause, to in self.links if to == 0) if self.form == "fishbone" else ()

    def behind(self, place: int) -> tuple[int, ...]:
        """The places in `texts` of what leads straight to a place."""
        return self._behind.get(place, ())

    @cached_property
    def _behind(self) -> Mapping[int, tuple[int, ...]]:
        found: dict[int, tuple[int, ...]] = {}
        for cause, to in self.links:
            found[to] = (*found.get(to, ()), cause)
        return found

    def roots(self) -> tuple[str, ...]:
        """The causes that have none behind them, in order."""
        return tuple(dict.fromkeys(text for place, text in enumerate(self.texts) if self._kind(place) == "root"))

    def to_networkx(self) -> Any:
        """A directed graph from causes to effects.

        Nodes are the places in `texts`, with `text` and `kind`: "effect", "category", "cause" or "root".
        """
        graph = import_module("networkx").DiGraph(form=self.form)
        for place, text in enumerate(self.texts):
            graph.add_node(place, text=text, kind=self._kind(place))
        graph.add_edges_from(self.links)
        return graph

    def _kind(self, place: int) -> str:
        if place == 0:
            return "effect"
        if place in self._bones:
            return "category"
        return "cause" if self.behind(place) else "root"

    def to_mermaid(self, lang: Literal["en", "zh"] = "en") -> str:
        """A Mermaid flowchart: a fishbone lies, a tree of whys hangs.

        Args:
            lang: the language of the usual categories.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._cause_pictures import mermaid

        return mermaid(self, self._kind, lang)

    def to_dot(self, lang: Literal["en", "zh"] = "en") -> str:
        """The text of a Graphviz graph; see `to_mermaid`.

        Raises:
            NotFound: for another language.
        """
        from crmkit.improve._cause_pictures import dot

        return dot(self, self._kind, lang)

    def to_fields(self) -> Fields:
        """What a case keeps: plain values, the roots among them, so that a guard can ask for them."""
        links = [list(link) for link in self.links]
        return Fields(
            {"form": self.form, "effect": self.effect, "roots": self.roots(), "texts": self.texts, "links": links}
        )

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """What a case kept.

        Raises:
            InvalidValue: if a part is missing or none, or the roots are not those of the graph.
            NotFound: for another form.
        """
        try:
            made = cls(fields["form"], tuple(fields["texts"]), tuple((cause, to) for cause, to in fields["links"]))
            kept = tuple(fields["roots"])
        except KeyError as missing:
            raise InvalidValue("causes", "fields", f"lack {missing}") from None
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidValue):
                raise
            raise InvalidValue("causes", "fields", f"are none of a graph: {error}") from None
        if kept != made.roots():
            raise InvalidValue("roots", list(kept), f"are not those of the graph, which are {list(made.roots())}")
        return made


def fishbone(
    effect: str,
    causes: Mapping[str, Causes],
    *,
    categories: Literal["6M", "4S"] | Iterable[str] | None = None,
) -> CauseGraph:
    """The diagram of Ishikawa: causes under categories.

    Args:
        effect: what is explained.
        causes: for each category its causes, with what is behind them.
        categories: which there are: "6M", "4S", or your own; any if None. Those without causes are shown, too.

    Raises:
        InvalidValue: for a text that says nothing or stands twice in one place, a circle, or no cause at all.
        NotFound: for a category that there is not.
    """
    known = _known(categories)
    for name in causes:
        if known is not None and name not in known:
            raise NotFound("category", name, known, "the fishbone")
    bones = {name: causes.get(name, ()) for name in (known if known is not None else causes)}
    return _grown("fishbone", effect, bones)


def _known(categories: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(categories, str):
        if categories not in CATEGORIES:
            raise NotFound("categories", categories, tuple(CATEGORIES), "the usual ones; or give a list of your own")
        return CATEGORIES[categories]
    return None if categories is None else tuple(categories)


def _grown(form: Literal["fishbone"], effect: str, bones: Mapping[str, Causes]) -> CauseGraph:
    """The graph of nested causes, level by level: no nesting is too deep, and a circle is found on its way."""
    texts, links = [effect], list[tuple[int, int]]()
    level: list[tuple[int, tuple[str, ...], Mapping[str, Causes]]] = [(0, (effect,), bones)]
    while level:
        deeper: list[tuple[int, tuple[str, ...], Mapping[str, Causes]]] = []
        for to, path, of in level:
            for text, behind in of.items():
                if text in path:
                    raise InvalidValue("causes", " < ".join((*path, text)), "go round in a circle")
                links.append((len(texts), to))
                deeper.append((len(texts), (*path, text), _branches(text, behind)))
                texts.append(_said(text))
        level = deeper
    return CauseGraph(form, tuple(texts), tuple(links))


def _branches(name: str, causes: Causes) -> dict[str, Causes]:
    """What is behind a cause: from text to what is behind that."""
    if isinstance(causes, str | Mapping) or not isinstance(causes, Sequence):
        raise InvalidValue("causes", causes, f"of {name!r} are no list of texts, or of mappings from text to causes")
    found: dict[str, Causes] = {}
    for text, behind in _items(causes):
        if text in found:
            raise InvalidValue("causes", text, f"stands twice under {name!r}")
        found[_said(text)] = behind
    return found


def _items(causes: Causes) -> Iterator[tuple[str, Causes]]:
    for one in causes:
        if isinstance(one, Mapping):
            yield from one.items()
        else:
            yield one, ()


def _said(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise InvalidValue("cause", text, "is no text that says anything")
    return text


def why_tree(effect: str, why: Mapping[str, Sequence[str]], *, roots: Iterable[str]) -> CauseGraph:
    """The five whys: each answer is asked "why?" again, until what is found can be done otherwise.

    Args:
        effect: what is explained.
        why: from a statement to the answers to "why?".
        roots: the answers at which to stop: the root causes.

    Raises:
        InvalidValue: for an answer that says nothing, a circle, a chain that ends in no root cause, a root cause that
            was asked on, or an answer or root that nothing leads to.
    """
    ends = dict.fromkeys(roots)
    answers = {text: _answers(text, why[text]) for text in why}
    order = _order(_said(effect), answers)
    for text in order:
        further = answers.get(text, ())
        if text in ends and further:
            raise InvalidValue("roots", text, "is called a root cause, but has answers to 'why?'")
        if text not in ends and not further:
            raise InvalidValue("why", text, "ends a chain and is no root cause: ask on, or name it in roots")
    astray = [text for text in (*answers, *ends) if text not in order]
    if astray:
        raise InvalidValue("why", astray[0], f"is behind nothing that leads to {effect!r}")
    place = {text: number for number, text in enumerate(order)}
    links = [(place[one], place[text]) for text in order for one in answers.get(text, ())]
    return CauseGraph("why tree", tuple(order), tuple(links))


def _answers(text: str, answers: Sequence[str]) -> tuple[str, ...]:
    if isinstance(answers, str) or not isinstance(answers, Sequence):
        raise InvalidValue("why", answers, f"of {text!r} is no list of answers")
    return tuple(dict.fromkeys(map(_said, answers)))


def _order(effect: str, answers: Mapping[str, Sequence[str]]) -> list[str]:
    """What is reached from the effect, each text before all that are behind it.

    Raises:
        InvalidValue: for a circle, which it names.
    """
    done: dict[str, None] = {}
    path: dict[str, Iterator[str]] = {effect: reversed(answers.get(effect, ()))}
    while path:
        text = next(reversed(path))
        step = next(path[text], None)
        if step is None:
            path.pop(text)
            done[text] = None
        elif step in path:
            circle = [*path][[*path].index(step) :]
            raise InvalidValue("why", " < ".join((*circle, step)), "go round in a circle")
        elif step not in done:
            path[step] = reversed(answers.get(step, ()))
    return [*reversed(done)]
