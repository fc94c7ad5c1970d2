"""A concept with its labels, and the fact that it became another one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self, TypeAlias

import attrs

from crmkit.errors import InvalidValue
from crmkit.values import Fields, aware

__all__ = ["Concept", "Labels", "Merged"]

#: From a language ("en", "zh") to labels in it.
Labels: TypeAlias = Mapping[str, tuple[str, ...]]


def _label(label: object) -> str:
    if not isinstance(label, str) or not label.strip():
        raise InvalidValue("label", label, "is no text")
    return " ".join(label.split())


def _id(id_: object) -> str:
    if not isinstance(id_, str) or id_ != " ".join(id_.split()) or not id_:
        raise InvalidValue("concept id", id_, "is no text without blanks around it")
    return id_


def _one(labels: Mapping[str, str]) -> Mapping[str, str]:
    if not isinstance(labels, Mapping):
        raise InvalidValue("labels", labels, 'are given by language, such as {"en": "Invoice"}')
    return Fields({language: _label(label) for language, label in labels.items()})


def _several(labels: Mapping[str, str | Iterable[str]]) -> Labels:
    if not isinstance(labels, Mapping):
        raise InvalidValue("labels", labels, 'are given by language, such as {"en": ["bill", "invoice"]}')
    found = {language: [some] if isinstance(some, str) else some for language, some in labels.items()}
    return Fields({language: tuple(dict.fromkeys(map(_label, some))) for language, some in found.items() if some})


def _ids(ids: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_id, [ids] if isinstance(ids, str) else ids)))


def _aware(at: datetime) -> datetime:
    return aware(at, "merge")


@attrs.frozen
class Concept:
    """What documents can be about.

    Attributes:
        id: short and lasting, or an IRI.
        preferred: the label to show, by language.
        alternative: further labels, by language: synonyms, short forms.
        hidden: what people write and nobody should see, by language: misspellings, old names.
        broader: the ids it stands under; there may be several.
        related: the ids of what somebody interested may want to see, too.
        note: what it covers and what not, by language.
    """

    id: str = attrs.field(converter=_id)
    preferred: Mapping[str, str] = attrs.field(converter=_one)
    alternative: Labels = attrs.field(factory=dict, converter=_several, kw_only=True)
    hidden: Labels = attrs.field(factory=dict, converter=_several, kw_only=True)
    broader: tuple[str, ...] = attrs.field(default=(), converter=_ids, kw_only=True)
    related: tuple[str, ...] = attrs.field(default=(), converter=_ids, kw_only=True)
    note: Mapping[str, str] = attrs.field(factory=dict, converter=_one, kw_only=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label of any kind and language, preferred ones first."""
        several = [label for kind in (self.alternative, self.hidden) for some in kind.values() for label in some]
        return tuple(dict.fromkeys([*self.preferred.values(), *several]))

    def pointing(self, old: str, new: str) -> Self:
        """The concept with one id in the place of another wherever it refers to it; never to itself."""
        broader, related = (
            tuple(new if one == old else one for one in ids if not (one == old and self.id == new))
            for ids in (self.broader, self.related)
        )
        return attrs.evolve(self, broader=broader, related=related)

    def absorbing(self, old: "Concept") -> Self:
        """The concept with the labels and related concepts of one that is merged into it; its place stays its own."""
        preferred = {**old.preferred, **self.preferred}
        shown = set(preferred.items())
        alternative = _union(self.alternative, {k: (v,) for k, v in old.preferred.items()}, old.alternative, shown)
        shown |= {(language, label) for language, labels in alternative.items() for label in labels}
        hidden = _union(self.hidden, {}, old.hidden, shown)
        related = (*self.related, *(one for one in old.related if one != self.id))
        return attrs.evolve(self, preferred=preferred, alternative=alternative, hidden=hidden, related=related)


def _union(own: Labels, first: Labels, second: Labels, shown: set[tuple[str, str]]) -> Labels:
    """Labels of three sources by language, without those that are shown in another role."""
    languages = dict.fromkeys([*own, *first, *second])
    joined = {one: (*own.get(one, ()), *first.get(one, ()), *second.get(one, ())) for one in languages}
    return {one: tuple(label for label in some if (one, label) not in shown) for one, some in joined.items()}


@attrs.frozen
class Merged:
    """A concept became another one.

    Attributes:
        concept: the id that is no longer in use.
        into: the id that stands for it.
        at: when (aware).
        who: the person who decided it, if known.
        why: the reason, if one was given.
    """

    concept: str = attrs.field(converter=_id)
    into: str = attrs.field(converter=_id, kw_only=True)
    at: datetime = attrs.field(converter=_aware, kw_only=True)
    who: str = attrs.field(default="", kw_only=True)
    why: str = attrs.field(default="", kw_only=True)
