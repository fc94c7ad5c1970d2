"""A person, as data about them can be told: by keys of the host, and by texts.

>>> eva = Subject(ids=["C-7"], texts=["Eva Meier", "eva@nordwind.example", "+49 30 5555 1234"])
>>> eva.blanked("Call EVA  Meier: +49 (30) 5555-1234, or ask Evangeline Meier")
'Call [erased]: [erased], or ask Evangeline Meier'
"""

import json
import re
from collections.abc import Iterable
from functools import cached_property
from unicodedata import normalize

import attrs

from crmkit.errors import InvalidValue

__all__ = ["ERASED", "Subject"]

#: What stands where something was erased.
ERASED = "[erased]"

_DIGITS = 7


def _names(values: str | Iterable[str]) -> frozenset[str]:
    return frozenset([values] if isinstance(values, str) else values)


def _texts(values: str | Iterable[str]) -> frozenset[str]:
    return frozenset(" ".join(value.split()) for value in _names(values))


def _pairs(values: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((kind, id_) for kind, id_ in values)


@attrs.frozen(slots=False)
class Subject:
    """A person.

    Attributes:
        ids: keys that stand for them: a value counts if it is one of these, as a whole.
        texts: names, addresses, numbers. They are found inside other texts: in any case and width, whatever the blanks;
            Western ones as whole words; numbers of seven digits and more whatever stands between the digits.
        records: the records that are about nobody else, as (kind, id): their contact, their user.

    Raises:
        InvalidValue: if there is nothing to tell them by, or a text is so short that it would be found everywhere.
    """

    ids: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    texts: frozenset[str] = attrs.field(default=frozenset(), converter=_texts)
    records: frozenset[tuple[str, str]] = attrs.field(default=frozenset(), converter=_pairs)

    def __attrs_post_init__(self) -> None:
        if not self.ids and not self.texts and not self.records:
            raise InvalidValue("subject", "", "has neither ids nor texts nor records")
        for text in self.texts:
            letters = sum(map(str.isalnum, text))
            if letters < (3 if text.isascii() else 2):
                raise InvalidValue("text of a subject", text, "is so short that it would be found everywhere")
        for id_ in self.ids:
            if not id_.strip():
                raise InvalidValue("id of a subject", id_, "is empty")

    def tells(self, text: str) -> bool:
        """Whether a text holds one of the texts."""
        return self._pattern is not None and bool(self._pattern.search(text) or self._pattern.search(_folded(text)))

    def blanked(self, text: str) -> str:
        """A text in which `ERASED` stands in the place of each of theirs.

        Where that cannot be done letter by letter, because the text writes them in another way, nothing of it is left.
        """
        if not self.tells(text) or self._pattern is None:
            return text
        left = self._pattern.sub(ERASED, text)
        return ERASED if self.tells(left) else left

    def needles(self) -> tuple[bytes, ...]:
        """The texts as they may stand among raw bytes: UTF-8, UTF-16, as written and folded, escaped as in JSON."""
        found: set[bytes] = set()
        for text in self.texts:
            for form in (text, text.casefold(), text.upper(), normalize("NFC", text), normalize("NFD", text)):
                escaped = json.dumps(form)[1:-1]
                found |= {form.encode("utf-8", "surrogatepass"), escaped.encode(), escaped.upper().encode()}
                found.add(form.encode("utf-16-le", "surrogatepass"))
        return tuple(sorted(found))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms = {form for text in self.texts for form in (text, _folded(text))}
        parts = [*map(_part, sorted(forms, key=lambda form: (-len(form), form)))]
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _folded(text: str) -> str:
    """One form of all ways to write a text: width, case, accents put together, and nothing that cannot be seen."""
    plain = normalize("NFKC", text)
    return normalize("NFKC", "".join(char for char in plain if char not in _UNSEEN).casefold())


# Soft hyphen, zero-width space and (non-)joiners, word joiner, byte order mark.
_UNSEEN = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")


def _part(text: str) -> str:
    digits = [char for char in text if char.isdigit()]
    if len(digits) >= _DIGITS and not any(map(str.isalpha, text)):
        plus = r"\+?" if text.startswith("+") else ""
        return rf"(?<!\d){plus}" + r"[\s()./-]*".join(digits) + r"(?!\d)"
    inner = r"\s+".join(map(re.escape, text.split()))
    before = r"(?<![A-Za-z0-9])" if text[0].isascii() and text[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if text[-1].isascii() and text[-1].isalnum() else ""
    return before + inner + after
