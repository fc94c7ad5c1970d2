"""A place in a text that moves from token to token."""

from typing import NoReturn

from crmkit.rules.feel._lexer import Lexer, Token


class Cursor:
    """Reads tokens one after the other, looking one ahead."""

    def __init__(self, text: str, where: str) -> None:
        self.lexer = Lexer(text, where)
        self.text = text
        self.position = 0
        self._next: Token | None = None

    @property
    def next(self) -> Token:
        """The token that comes next, unread."""
        if self._next is None:
            self._next = self.lexer.token(self.position)
        return self._next

    def advance(self) -> Token:
        """Read the next token."""
        token = self.next
        self.go(token.end)
        return token

    def go(self, position: int) -> None:
        """Continue at a place."""
        self.position, self._next = position, None

    def at(self, *texts: str) -> bool:
        """Whether one of the words or signs comes next."""
        return self.next.kind in {"word", "symbol"} and self.next.text in texts

    def take(self, *texts: str) -> bool:
        """Read one of the words or signs, if it comes next."""
        found = self.at(*texts)
        if found:
            self.advance()
        return found

    def expect(self, *texts: str) -> Token:
        """Read one of the words or signs, or refuse."""
        if not self.at(*texts):
            self.refuse(f"expected {' or '.join(texts)}")
        return self.advance()

    def refuse(self, why: str) -> NoReturn:
        """Refuse the next token."""
        token = self.next
        found = "the text ends" if token.kind == "end" else f"found {self.text[token.start : token.end]!r}"
        self.lexer.fail("syntax", f"{why}, but {found}", token.start, max(token.end, token.start + 1))
