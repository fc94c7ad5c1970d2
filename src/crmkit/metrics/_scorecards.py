"""Scorecards: those of the team and of its members, as people read, keep and draw them."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import attrs

from crmkit.errors import NotFound
from crmkit.journal import Frameable
from crmkit.metrics import _appraisal_words as words
from crmkit.metrics._cards import Card, Result
from crmkit.metrics._chart_words import speaking
from crmkit.metrics._kept import frozen, thawed
from crmkit.metrics._signal_words import Lang, worded
from crmkit.metrics._vega import layered, nominal, number, plain, whiskers
from crmkit.values.display import ROWS, Chart, Display

__all__ = ["Scorecards"]


# Okabe and Ito (2008).
_HUES = {
    "met": "#0072B2",
    "missed": "#D55E00",
    "too few to say": "#E69F00",
    "no data": "#767676",
    "no target": "#999999",
}


def _results(made: "Scorecards") -> tuple[Result, ...]:
    return tuple(result for card in made.cards for result in card.results)


@attrs.frozen
class Scorecards(Frameable[Result]):
    """The scorecards of an appraisal: iterating gives the results, indexing the card of a member.

    Attributes:
        cards: the team first, then the members by name.
        header: what was asked for, as a plain document: scheme, period, instants, definitions; and "findings": what
            could not be used, and what belongs to no member.
        rows: all results, card by card.
    """

    cards: tuple[Card, ...]
    header: Mapping[str, Any] = attrs.field(repr=False)
    rows: tuple[Result, ...] = attrs.field(init=False, repr=False, default=attrs.Factory(_results, takes_self=True))

    @property
    def team(self) -> Card:
        """The card of the team."""
        return self[None]

    def __getitem__(self, member: str | None) -> Card:
        """The card of a member, None for the team.

        Raises:
            NotFound: if there is none.
        """
        for card in self.cards:
            if card.member == member:
                return card
        raise NotFound(
            "member", member or words.TEAM, tuple(card.member or words.TEAM for card in self.cards), "the scorecards"
        )

    def freeze(self) -> dict[str, Any]:
        """The appraisal as a plain document for JSON: what was asked, the ids of definitions, and what was found."""
        return frozen(self.header, self.cards)

    @classmethod
    def from_frozen(cls, document: Mapping[str, Any]) -> Self:
        """The scorecards of a document that `freeze` gave.

        Raises:
            InvalidValue: if it is none, or was changed since.
        """
        header, cards = thawed(document)
        return cls(cards, header)

    def to_text(self, lang: Literal["en", "zh"] = "en") -> str:
        """The cards for people."""
        return self.display(lang, most=None).to_text()

    def display(self, lang: Lang = "en", *, most: int | None = ROWS) -> Display:
        """A table for each of the first cards; see `Shown.display`."""
        return words.shown(self.header, self.cards, lang, most)

    def plot(self, lang: Lang = "en") -> Chart:
        """Attainment of each KPI with its interval, member by member, as a Vega-Lite specification.

        Raises:
            NotFound: for a language other than "en" and "zh".
        """
        say, name = speaking(lang), "name_zh" if lang == "zh" else "name"
        names = ("member", name, "attainment", "attainment_low", "attainment_high", "points", "verdict")
        rows = plain(self.rows, names)
        values = [
            {
                **row,
                "member": row["member"] or say(words.TEAM),
                "verdict": say(row["verdict"]),
                "low": row["attainment_low"],
                "high": row["attainment_high"],
            }
            for row in rows
        ]
        x, y = number("attainment", say("attainment"), axis={"format": "%"}), nominal(name)
        verdicts = {"domain": [say(verdict) for verdict in _HUES], "range": [*_HUES.values()]}
        hue = {**nominal("verdict"), "scale": verdicts}
        layers = [
            whiskers("x", x, {"y": y}),
            {"mark": {"type": "point", "filled": True}, "encoding": {"x": x, "y": y, "color": hue}},
            {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"x": {"datum": 1}}},
        ]
        scheme, over = self.header["scheme"]["name"], self.header["over"]["name"]
        title = worded(lang, (f"{scheme}, {over}", f"{scheme}，{over}"))
        return Chart(layered(values, layers, title=title, rows="member"))
