"""What stands around the paragraphs of a draft, in English and Simplified Chinese."""

from collections.abc import Mapping

from crmkit.errors import NotFound

__all__ = ["words"]


def words(language: str) -> Mapping[str, str]:
    """All texts of a language.

    Raises:
        NotFound: if the language is not there.
    """
    if language not in _LANGUAGES:
        raise NotFound("language", language, tuple(_LANGUAGES), "drafts")
    return _LANGUAGES[language]


_EN = {
    "title": "Proposal: {name}",
    "intro": "Draft as of {at}. Requirements: {total}; covered {covered}, weak {weak}, uncovered {uncovered}. "
    "Paragraphs: {paragraphs} with {words} words{budget}. Every paragraph stands as it does in its source; what "
    "has none is marked as a gap.",
    "budget": " (at most {words})",
    "yard": "Covered means that {enough} of the words of a requirement, at least {fewest}, stand in one paragraph or "
    "what it says it answers. That is no understanding: read each paragraph before you send it. Yardstick {id}.",
    "stale": "The index has {count} paragraphs that the library has not: index the library anew.",
    "requirement": "{number}{obligation}, line {line}",
    "must": "must", "must not": "must not", "should": "should", "should not": "should not", "may": "may",
    "asked": "asked", "stated": "stated",
    "source": "Source {id}: {title}, digest {digest}{version}{owner}{until}{review}{copies}",
    "version": ", version {version}", "owner": ", owner {owner}", "until": ", valid until {until}",
    "review": ", review overdue since {review}", "copies": ", stands for {copies}",
    "reference": "Answered by the paragraph {id}, which stands above.",
    "missing": "Not found in it: {missing}.",
    "gap": "GAP: {why}",
    "no_room": "LEFT OUT: the library covers this, but the budget is spent.",
    "nearest": " Nearest: {id}, {share} of the words.",
    "gap_missing": " Missing: {missing}.",
    "cut": " Only the beginning of this requirement was looked for.",
    "enough": "covered", "some": "the library has only some of its words in one place.",
    "few": "it has too few words to tell whether the library answers it.",
    "corrected": "only words that are nearly alike were found; mind the spelling.",
    "little": "the library has next to nothing about it.", "nothing": "the library has none of its words.",
    "no words": "it has no words to look for.",
    "expired": "what would cover it has expired.", "early": "what would cover it is not valid yet.",
    "language": "what would cover it is in another language.",
    "product": "what would cover it is about another product.",
    "superseded": "what would cover it was replaced by something that does not.",
    "coverage": "Coverage", "sources": "Sources",
    "coverage_head": "Number|Requirement|Obligation|Status|Share|Paragraphs|Reason",
    "sources_head": "Paragraph|Title|Digest|Owner|Approved|Valid until|Characters",
    "covered": "covered", "weak": "weak", "uncovered": "uncovered", "room": "covered, no room",
}  # fmt: skip

_ZH = {
    "title": "方案：{name}",
    "intro": "草稿，截至 {at}。要求 {total} 条：已覆盖 {covered}，部分覆盖 {weak}，未覆盖 {uncovered}。"
    "段落 {paragraphs} 个，共 {words} 字{budget}。每个段落均与其出处原文一致；没有出处的要求标为缺口。",
    "budget": "（上限 {words}）",
    "yard": "“已覆盖”指一条要求中 {enough} 的词（至少 {fewest} 个）出现在同一段落或其所答问题中。"
    "这不等于理解：发出之前请逐段核对。判定标准 {id}。",
    "stale": "索引中有 {count} 个段落不在方案库中：请重新建立索引。",
    "requirement": "{number}{obligation}，第 {line} 行",
    "must": "必须", "must not": "不得", "should": "宜", "should not": "不宜", "may": "可",
    "asked": "询问", "stated": "列出",
    "source": "出处 {id}：{title}，摘要 {digest}{version}{owner}{until}{review}{copies}",
    "version": "，版本 {version}", "owner": "，负责人 {owner}", "until": "，有效期至 {until}",
    "review": "，自 {review} 起逾期未复审", "copies": "，代表 {copies}",
    "reference": "由上文段落 {id} 回答。",
    "missing": "其中未出现：{missing}。",
    "gap": "缺口：{why}",
    "no_room": "略去：方案库已覆盖，但篇幅已用尽。",
    "nearest": "最接近：{id}，含 {share} 的词。",
    "gap_missing": "缺少：{missing}。",
    "cut": "此条过长，只按其开头检索。",
    "enough": "已覆盖", "some": "方案库中只有部分词语出现在一处。",
    "few": "词语太少，无法判断方案库是否回答了它。",
    "corrected": "只找到相近的词语，请核对拼写。",
    "little": "方案库中几乎没有相关内容。", "nothing": "方案库中没有它的任何词语。",
    "no words": "没有可检索的词语。",
    "expired": "可用的材料已过期。", "early": "可用的材料尚未生效。",
    "language": "可用的材料是另一种语言。", "product": "可用的材料属于另一产品。",
    "superseded": "可用的材料已被替换，而新材料没有相应内容。",
    "coverage": "覆盖情况", "sources": "出处",
    "coverage_head": "编号|要求|约束|状态|比例|段落|原因",
    "sources_head": "段落|标题|摘要|负责人|批准|有效期至|字符",
    "covered": "已覆盖", "weak": "部分覆盖", "uncovered": "未覆盖", "room": "已覆盖，篇幅不足",
}  # fmt: skip

_LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": _EN, "zh": _ZH}
