"""What searches, proposals and mail show of themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from crmkit.values.display import Display, Lang, Table

if TYPE_CHECKING:
    from crmkit.kb.discussions import Discussion
    from crmkit.kb.feedback import Collected
    from crmkit.kb.mail.filing import Filed
    from crmkit.kb.mail.threads import Thread
    from crmkit.kb.proposals import Proposal
    from crmkit.kb.results import Results

_Heads: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]

__all__ = ["answered", "collected", "conversation", "filed", "found", "talk"]


def _table(heads: _Heads, rows: Sequence[Sequence[Any]], lang: Lang, **more: Any) -> Table:
    """A table of tuples under the heads of a language."""
    columns = dict(zip(heads[lang == "zh"], zip(*rows, strict=True), strict=True)) if rows else {}
    return Table.of(columns, lang=lang, **more)


def found(results: "Results", lang: Lang, most: int | None) -> Display:
    """The hits with what they were found by, the facets, and what the search did to the question."""
    rows = [
        (
            hit.id, hit.score, hit.document.texts.get("title", ""),
            "; ".join(f"{name}: {', '.join(words)}" for name, words in hit.reasons.items()),
        )
        for hit in results.hits[:most]
    ]  # fmt: skip
    heads = ("id", "score", "title", "found by"), ("编号", "得分", "标题", "命中词")
    head = f"{results.total:,} documents" if lang == "en" else f"共 {results.total:,} 篇文档"
    facets = [
        f"{name}: {', '.join(f'{bucket.value} {bucket.count:,}' for bucket in buckets[:most])}"
        for name, buckets in results.facets.items()
    ]
    table = _table(heads, rows, lang, n=len(results.hits), most=most, caption="Results")
    notes = [f"- {note.kind}: {note}" for note in results.notes]
    return Display.of(head, table, Display.lines([*facets, *notes], most=most, lang=lang), lang=lang)


def answered(proposal: "Proposal", lang: Lang, most: int | None) -> Display:
    """Each requirement, and what the library has for it."""
    rows = [
        (
            one.requirement.number or f"{one.requirement.line}", one.requirement.text, one.status, one.reason,
            one.share, one.offers[0].title if one.offers else None,
        )
        for one in proposal.answers[:most]
    ]  # fmt: skip
    heads = (
        ("no.", "requirement", "status", "reason", "share", "material"),
        ("编号", "需求", "状态", "原因", "覆盖率", "材料"),
    )
    counts = proposal.counts()
    head = (
        f"{counts['covered']} requirements covered, {counts['weak']} weak, {counts['uncovered']} uncovered"
        if lang == "en"
        else f"需求：已覆盖 {counts['covered']}，薄弱 {counts['weak']}，未覆盖 {counts['uncovered']}"
    )
    table = _table(heads, rows, lang, n=len(proposal.answers), most=most, caption="Proposal")
    return Display.of(head, table, lang=lang)


def collected(made: "Collected", lang: Lang, most: int | None) -> Display:
    """The drafts, the cards that were heard of again, and what was left out."""
    rows = [("draft", card.id, card.problem) for card in made.drafts[:most]]
    rows += [("reinforced", card.id, card.problem) for card in made.reinforced[:most]]
    rows += [("left out", one.record.id, one.why) for one in made.left_out[:most]]
    size = len(made.drafts) + len(made.reinforced) + len(made.left_out)
    heads = ("what", "id", "problem"), ("类别", "编号", "问题")
    return Display.of(_table(heads, rows, lang, n=size, most=most, caption="Collected"), lang=lang)


def filed(made: "Filed", lang: Lang, most: int | None) -> Display:
    """Which message is filed under which customer, by what; and what somebody has to decide."""
    rows = [(one.message, one.customer, one.role, one.rule, one.confidence) for one in made.filings[:most]]
    heads = ("message", "customer", "role", "rule", "confidence"), ("邮件", "客户", "角色", "规则", "置信度")
    counts = len(made.filings), len(made.queue), len(made.ignored), len(made.internal)
    head = (
        "{} filed, {} to decide, {} from machines, {} internal"
        if lang == "en"
        else "已归档 {}，待判定 {}，自动邮件 {}，内部邮件 {}"
    ).format(*counts)
    table = _table(heads, rows, lang, n=len(made.filings), most=most, caption="Filed")
    queue = Display.lines(
        [f"- {one.message}: {one.reason}, {one.address or '-'}" for one in made.queue], most=most, lang=lang
    )
    return Display.of(head, table, queue, lang=lang)


def conversation(thread: "Thread", lang: Lang, most: int | None) -> Display:
    """The messages in order, with why each is here."""
    told = zip(thread.messages[:most], thread.evidence[:most], strict=True)
    rows = [(one.sent, str(one.sender or ""), one.subject, why) for one, why in told]
    heads = ("sent", "from", "subject", "evidence"), ("时间", "发件人", "主题", "依据")
    return Display.of(_table(heads, rows, lang, n=len(thread.messages), most=most, caption=thread.id), lang=lang)


def talk(discussion: "Discussion", lang: Lang, most: int | None) -> Display:
    """The topic, and what happened."""
    rows = [(one.at, one.who, one.type, getattr(one, "text", "")) for one in discussion.facts[:most]]
    heads = ("at", "who", "what", "text"), ("时间", "人员", "事件", "内容")
    table = _table(heads, rows, lang, n=len(discussion.facts), most=most, caption=discussion.id)
    return Display.of(discussion.started.topic, table, lang=lang)
