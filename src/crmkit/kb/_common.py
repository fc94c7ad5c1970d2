"""Words that say nothing about what a text is about."""

__all__ = ["is_common", "is_common_character"]

# Function words of English: articles, pronouns, prepositions, conjunctions, auxiliary verbs, and the commonest adverbs.
_ENGLISH = frozenset(
    """
    a about above across after afterwards again against all almost alone along already also although always am
    among an and another any anybody anyone anything anyway anywhere are aren't around as at away back be became
    because become becomes been before behind being below beside besides best better between both but by came can
    can't cannot come could couldn't did didn't do does doesn't doing don't done down due during each either else
    elsewhere enough etc even ever every everybody everyone everything everywhere except far few first for former
    from further get gets give given go goes going gone got had hadn't has hasn't have haven't having he hence her
    here hers herself him himself his how however i if in indeed instead into is isn't it it's its itself just
    keep kept last latter least less let like likely made mainly make makes making many may maybe me might mine
    more moreover most mostly much must my myself namely near nearly neither never nevertheless next no nobody
    none nor not nothing now nowhere of off often on once one only onto or other others otherwise ought our ours
    ourselves out over own per perhaps put quite rather re really same see seem seems seen several shall she
    should shouldn't since so some somebody somehow someone something sometimes somewhere still such take taken
    than that that's the their theirs them themselves then there thereby therefore these they thing things this
    those though through throughout thus to together too took toward towards two under unless until up upon us use
    used uses using usually various very via want was wasn't way we well went were weren't what whatever when
    where whereas wherever whether which while who whoever whole whom whose why will with within without won't
    would wouldn't yes yet you your yours yourself
    """.split()  # noqa: SIM905 - three hundred words in quotes are not read by anybody
)

# Characters that begin or end no keyword: particles, pronouns, conjunctions, prepositions, auxiliaries, measure words.
_CHINESE = frozenset(
    "的了着过地得之其此该这那哪某每各吗呢吧啊呀么们我你您他她它咱俺和与及或而且但则若如虽因故所以于在从自向往到至由对"
    "把被将让使给为是有没无不未非勿莫就才都也又还再很更最太极已曾正刚便即却仍只仅另并跟同比按据凭随沿以等些个只件种次"
    "会能可应须需要想上下里内外中前后时"
)


def is_common(word: str) -> bool:
    """Whether a folded word is a function word of English."""
    return word in _ENGLISH


def is_common_character(character: str) -> bool:
    """Whether a simplified Chinese character begins or ends no keyword as a rule."""
    return character in _CHINESE
