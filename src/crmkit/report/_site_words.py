"""What the pages of a site say by themselves, in English and Simplified Chinese."""

from crmkit.errors import NotFound
from crmkit.report.words import Words

__all__ = ["SITE_WORDS", "site_words"]


def site_words(language: str) -> Words:
    """All texts of a language.

    Raises:
        NotFound: if the language is not there.
    """
    if language not in SITE_WORDS:
        raise NotFound("language", language, tuple(SITE_WORDS), "the site")
    return SITE_WORDS[language]


_EN: Words = {
    "search": "Search",
    "search_label": "Search the knowledge base",
    "skip": "Skip to the content",
    "site": "Site",
    "results": "Results",
    "subjects": "Subjects",
    "newest": "New and changed",
    "all_cards": "All cards",
    "cards": "Cards",
    "feed": "News feed (Atom)",
    "nothing": "There is nothing here yet.",
    "no_script": "Searching needs JavaScript; the subjects and the list of all cards do not.",
    "pages": "Pages",
    "before": "Back",
    "after": "More",
    "broader": "Broader subjects",
    "narrower": "Narrower subjects",
    "related": "Related subjects",
    "alike": "On the same subject",
    "problem": "Problem",
    "need": "What was needed",
    "environment": "Where it happens",
    "cause": "Cause",
    "solution": "Solution",
    "evidence": "Evidence",
    "reference": "Reference",
    "keywords": "Keywords",
    "changed": "Last change",
    "valid_until": "Valid until",
    "review_by": "Review by",
    "author": "Author",
    "customer": "Customer",
    "case": "Case",
    "not validated": "not validated",
    "validated": "validated",
    "published": "published",
    "work in progress": "in progress",
    "archived": "archived",
    "rejected": "rejected",
    "quoted": "“{word}”",
    "comma": ", ",
    "found": "{count} cards found",
    "found_one": "1 card found",
    "shown": "; the best {most} are shown",
    "note_corrected": "No card has {words}; searched for {instead} instead.",
    "note_dropped": "No card has {words}, nor anything like it.",
    "note_stopped": "{words} is not searched for: it is everywhere.",
    "note_empty": "There is no word in {words} to search for.",
}
_ZH: Words = {
    "search": "搜索",
    "search_label": "搜索知识库",
    "skip": "跳到正文",
    "site": "本站",
    "results": "搜索结果",
    "subjects": "主题",
    "newest": "最近更新",
    "all_cards": "全部卡片",
    "cards": "卡片",
    "feed": "订阅更新（Atom）",
    "nothing": "暂无内容。",
    "no_script": "搜索需要 JavaScript；按主题浏览和全部卡片列表不需要。",
    "pages": "翻页",
    "before": "上一页",
    "after": "下一页",
    "broader": "上级主题",
    "narrower": "下级主题",
    "related": "相关主题",
    "alike": "同一主题的卡片",
    "problem": "问题",
    "need": "需求",
    "environment": "适用环境",
    "cause": "原因",
    "solution": "解决办法",
    "evidence": "依据",
    "reference": "编号",
    "keywords": "关键词",
    "changed": "最近修改",
    "valid_until": "有效期至",
    "review_by": "复核期限",
    "author": "作者",
    "customer": "客户",
    "case": "个案",
    "not validated": "待验证",
    "validated": "已验证",
    "published": "已发布",
    "work in progress": "编写中",
    "archived": "已归档",
    "rejected": "已退回",
    "quoted": "“{word}”",
    "comma": "、",
    "found": "找到 {count} 张卡片",
    "found_one": "找到 1 张卡片",
    "shown": "，显示最相关的 {most} 张",
    "note_corrected": "没有卡片含有{words}，已改为搜索{instead}。",
    "note_dropped": "没有卡片含有{words}或相近的词。",
    "note_stopped": "{words}过于常见，未参与搜索。",
    "note_empty": "{words}中没有可搜索的词。",
}
#: The languages of a site.
SITE_WORDS: dict[str, Words] = {"en": _EN, "zh": _ZH}
