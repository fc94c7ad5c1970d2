"""What must not be read by more people than wrote it."""

import re
from collections.abc import Iterable

__all__ = ["redacted"]

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Seven digits or more, however they are grouped: telephones, accounts, identity cards. Amounts are shorter as a rule.
_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ ()/-]{0,2}\d){6,}(?!\w)")
_HIDDEN = "[…]"


def redacted(text: str, names: Iterable[str] = ()) -> str:
    """A text without the given names, addresses of mail, and numbers of seven digits and more.

    Args:
        text: the text.
        names: of people, companies, products; found in any case, Western ones as whole words.

    >>> redacted("Ask Mr Chen of Acme (chen@acme.example, +86 10 5555 1234)", ["Chen", "acme"])
    'Ask Mr […] of […] ([…], […])'
    """
    text = _NUMBER.sub(_HIDDEN, _MAIL.sub(_HIDDEN, text))
    wanted = sorted((name.strip() for name in names if name.strip()), key=len, reverse=True)
    if not wanted:
        return text
    parts = (
        rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" if name.isascii() else re.escape(name) for name in wanted
    )
    return re.sub("|".join(parts), _HIDDEN, text, flags=re.IGNORECASE)
