"""The draft of a proposal: its parts, and Markdown made of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import attrs

from crmkit.kb._draft_words import words
from crmkit.kb.markdown import escaped, escaped_lines, table

if TYPE_CHECKING:
    from crmkit.kb.proposals import Matched, Offer, Proposal

__all__ = ["Part", "markdown", "parts"]

_SHORT = 80


@attrs.frozen
class Part:
    """A part of a draft.

    Attributes:
        kind: "title"; "note": about the draft; "heading"; "requirement": as it stands in the brief; "paragraph": as it
            stands in the library; "source": where that is; "remark": about a paragraph; "gap": what has no paragraph;
            "table".
        text: what it says; of a table its title.
        note: of a requirement, its number, how binding it is, and its line.
        level: of a heading, from 1.
        rows: of a table, the names of its columns and its rows.
    """

    kind: Literal["title", "note", "heading", "requirement", "paragraph", "source", "remark", "gap", "table"]
    text: str
    note: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


def parts(proposal: "Proposal", language: str) -> tuple[Part, ...]:
    """The parts of a draft in order."""
    say = words(language)
    found = [Part("title", say["title"].format(name=proposal.brief.name)), *_notes(proposal, say)]
    headings: Sequence[str] = ()
    shown: set[str] = set()
    for answer in proposal.answers:
        found += _headings(headings, answer.requirement.headings)
        headings = answer.requirement.headings
        found += _answered(answer, proposal, shown, say)
    found.append(Part("table", say["coverage"], rows=tuple(_coverage(proposal, say))))
    if proposal.offers:
        found.append(Part("table", say["sources"], rows=tuple(_sources(proposal, say))))
    return tuple(found)


def _notes(proposal: "Proposal", say: Mapping[str, str]) -> Iterator[Part]:
    limit = proposal.budget.words
    counts = {str(status): count for status, count in proposal.counts().items()}
    yield Part("note", say["intro"].format(
        at=proposal.aim.at.date().isoformat(), total=len(proposal.answers), paragraphs=len(proposal.offers),
        words=proposal.words, budget="" if limit is None else say["budget"].format(words=limit), **counts,
    ))  # fmt: skip
    yard = proposal.yard
    yield Part("note", say["yard"].format(enough=_percent(yard.enough), fewest=yard.fewest, id=yard.id))
    if proposal.stale:
        yield Part("note", say["stale"].format(count=len(proposal.stale)))


def _headings(before: Sequence[str], now: Sequence[str]) -> Iterator[Part]:
    """The headings that are new."""
    same = 0
    while same < min(len(before), len(now)) and before[same] == now[same]:
        same += 1
    return (Part("heading", now[depth], level=depth + 1) for depth in range(same, len(now)))


def _answered(answer: "Matched", proposal: "Proposal", shown: set[str], say: Mapping[str, str]) -> Iterator[Part]:
    one = answer.requirement
    number = f"{one.number}: " if one.number else ""
    note = say["requirement"].format(number=number, obligation=say[one.obligation], line=one.line)
    yield Part("requirement", one.text, note)
    if answer.no_room:
        yield Part("gap", say["no_room"])
    elif answer.status != "covered":
        yield Part("gap", _gap(answer, say))
    for offer in answer.offers:
        if offer.id in shown:
            yield Part("remark", say["reference"].format(id=offer.id))
        else:
            shown.add(offer.id)
            yield Part("paragraph", offer.text)
            yield Part("source", _source(offer, proposal, say))
    if answer.offers and answer.missing:
        yield Part("remark", say["missing"].format(missing=", ".join(answer.missing)))


def _gap(answer: "Matched", say: Mapping[str, str]) -> str:
    text = say["gap"].format(why=say[answer.reason])
    if answer.nearest is not None:
        text += say["nearest"].format(id=answer.nearest.id, share=_percent(answer.nearest.share))
    if answer.missing:
        text += say["gap_missing"].format(missing=", ".join(answer.missing))
    return text + (say["cut"] if answer.cut else "")


def _source(offer: "Offer", proposal: "Proposal", say: Mapping[str, str]) -> str:
    day = proposal.aim.at.date()
    late = offer.review_by is not None and offer.review_by < day
    return say["source"].format(
        id=offer.id, title=" ".join(offer.title.split()), digest=offer.digest,
        version=say["version"].format(version=offer.version) if offer.version else "",
        owner=say["owner"].format(owner=offer.owner) if offer.owner else "",
        until=say["until"].format(until=offer.valid_until.isoformat()) if offer.valid_until else "",
        review=say["review"].format(review=offer.review_by) if late else "",
        copies=say["copies"].format(copies=", ".join(offer.copies)) if offer.copies else "",
    )  # fmt: skip


def _coverage(proposal: "Proposal", say: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    yield tuple(say["coverage_head"].split("|"))
    for answer in proposal.answers:
        one = answer.requirement
        status = say["room" if answer.no_room else answer.status]
        ids = ", ".join(offer.id for offer in answer.offers)
        yield (
            one.number, _shortened(one.text), say[one.obligation], status, _percent(answer.share), ids,
            say[answer.reason],
        )  # fmt: skip


def _sources(proposal: "Proposal", say: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    yield tuple(say["sources_head"].split("|"))
    for offer in proposal.offers:
        approved = "" if offer.approved is None else offer.approved.isoformat()
        until = "" if offer.valid_until is None else offer.valid_until.isoformat()
        place = f"{offer.start}–{offer.end}"
        yield offer.id, _shortened(offer.title), offer.digest, offer.owner or "", approved, until, place


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def markdown(found: Iterable[Part]) -> str:
    """Parts as Markdown. What the brief says is escaped; paragraphs of the library stand as they are."""
    return "\n\n".join(_marked(part) for part in found) + "\n"


def _marked(part: Part) -> str:
    match part.kind:
        case "paragraph":
            return part.text
        case "title":
            return f"# {escaped(part.text)}"
        case "heading":
            return f"{'#' * min(part.level + 1, 6)} {escaped(part.text)}"
        case "requirement":
            lines = [*escaped_lines(part.text), f"({escaped(part.note)})"]
            return "\n".join(f"> {line}" for line in lines)
        case "gap":
            return f"**{escaped(part.text)}**"
        case "table":
            return f"## {part.text}\n\n{table(part.rows)}"
        case _:
            return f"*{escaped(part.text)}*"
