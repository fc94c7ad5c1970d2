"""What happens in a discussion, in words, for those who are told."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from crmkit.errors import NotFound
from crmkit.events import Event
from crmkit.kb._discussion_facts import Assigned, Closed, Decided, Done, Joined, Left, Posted, Reopened, Started

__all__ = ["Lang", "said"]

#: The languages of texts.
Lang: TypeAlias = Literal["en", "zh"]


def said(fact: Event, actions: Mapping[str, str], lang: Lang) -> str:
    """A fact in words; a post in its own.

    Args:
        fact: what happened.
        actions: what is or was to be done, by id.
        lang: the language of the words.

    Raises:
        NotFound: if it is not spoken here.
    """
    if lang not in ("en", "zh"):
        raise NotFound("language", lang, ("en", "zh"), "texts")
    return _pair(fact, actions)[lang == "zh"]


def _pair(fact: Event, actions: Mapping[str, str]) -> tuple[str, str]:
    who = fact.who
    match fact:
        case Posted():
            return fact.text, fact.text
        case Decided():
            return f"{who} decided: {fact.text}", f"{who} 决定：{fact.text}"
        case Started():
            return f"{who} started a discussion: {fact.topic}", f"{who} 发起讨论：{fact.topic}"
        case Assigned():
            by = (f" by {fact.by}", f"（{fact.by} 前完成）") if fact.by else ("", "")
            return f"{who} asks {fact.to}{by[0]}: {fact.text}", f"{who} 请 {fact.to} 负责{by[1]}：{fact.text}"
        case Done():
            what = actions.get(fact.action, fact.action)
            return f"{who} reports it done: {what}", f"{who} 报告已完成：{what}"
        case _:
            return _coming(fact)


def _coming(fact: Event) -> tuple[str, str]:
    """Who comes and goes, and the end."""
    who = fact.who
    match fact:
        case Joined():
            return f"{who} asked {fact.person} in", f"{who} 邀请 {fact.person} 加入"
        case Left():
            return f"{fact.person} has left", f"{fact.person} 已退出"
        case Closed():
            return _why(f"{who} closed the discussion", f"{who} 结束了讨论", fact.summary)
        case Reopened():
            return _why(f"{who} reopened the discussion", f"{who} 重新开启了讨论", fact.reason)
        case _:
            named = getattr(fact, "named", fact.type)
            return f"{who}: {named}", f"{who}：{named}"


def _why(english: str, chinese: str, why: str) -> tuple[str, str]:
    return (f"{english}: {why}", f"{chinese}：{why}") if why else (english, chinese)
