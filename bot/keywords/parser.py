"""Reads a keyword into a tree. ``bot.keywords.parse`` checks the whole (its length, for example).

::

    alternatives = conjunction { OR conjunction }
    conjunction  = item { [ AND ] item | ANDNOT item }      side by side means AND
    item         = NOT item | -piece | piece
    piece        = ( alternatives ) | field piece | "words" | words
    words        = word { word }                            one phrase; after - and cat: one word
"""

from __future__ import annotations

from bot.keywords.ast import Expression, all_of, any_of, negated
from bot.keywords.leaves import leaf
from bot.keywords.lexer import Token, TokenKind, lex, mistake

_DEEPEST = 20  # nested parentheses; arXiv's own parser fails somewhere below 1,000
_OPERATORS = frozenset({TokenKind.AND, TokenKind.OR, TokenKind.NOT, TokenKind.ANDNOT})
_ENDS_ALL = frozenset({TokenKind.OR, TokenKind.CLOSE, TokenKind.END})


def read(text: str) -> Expression:
    """The tree of a keyword. Raises UserError, which points at the place of the mistake."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = lex(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Expression:
        tree = self.alternatives("")
        if self.ahead.kind is TokenKind.CLOSE:
            raise self.mistake(
                self.ahead, "This parenthesis was never opened. Remove it, or add a ( before it."
            )
        return tree

    @property
    def ahead(self) -> Token:
        return self.tokens[self.at]

    def advance(self) -> Token:
        token = self.tokens[self.at]
        self.at += token.kind is not TokenKind.END
        return token

    def alternatives(self, field: str) -> Expression:
        items = [self.conjunction(field)]
        while self.ahead.kind is TokenKind.OR:
            self.advance()
            items.append(self.conjunction(field))
        return any_of(items)

    def conjunction(self, field: str) -> Expression:
        items = [self.item(field)]
        while self.ahead.kind not in _ENDS_ALL:
            excluded = self.ahead.kind is TokenKind.ANDNOT
            if excluded or self.ahead.kind is TokenKind.AND:
                self.advance()
            item = self.item(field)
            items.append(negated(item) if excluded else item)
        return all_of(items)

    def item(self, field: str) -> Expression:
        if self.ahead.kind is TokenKind.NOT:
            self.advance()
            return negated(self.item(field))
        if self.ahead.kind is TokenKind.EXCLUDE:
            self.advance()
            return negated(self.piece(field, tight=True))
        return self.piece(field, tight=False)

    def piece(self, field: str, *, tight: bool) -> Expression:
        """A group, a field with its piece, quoted text, or words. ``tight``: after a hyphen, which
        excludes one word only."""
        token = self.advance()
        match token.kind:
            case TokenKind.OPEN:
                return self.group(field, token)
            case TokenKind.FIELD:
                return self.fielded(token, tight=tight)
            case TokenKind.QUOTED:
                return leaf(self.text, field, token.text, token.place, quoted=True)
            case TokenKind.WORD:
                return self.words(field, token, tight=tight)
            case _:
                raise self.nothing_here(token)

    def group(self, field: str, opening: Token) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.mistake(
                opening, f"More than {_DEEPEST} parentheses are open here. Use fewer of them."
            )
        tree = self.alternatives(field)
        if self.advance().kind is not TokenKind.CLOSE:
            raise self.mistake(
                opening, "This parenthesis is never closed. Add a ) at its end, or remove it."
            )
        self.depth -= 1
        return tree

    def fielded(self, field: Token, *, tight: bool) -> Expression:
        following = self.ahead
        if following.kind not in (TokenKind.OPEN, TokenKind.QUOTED, TokenKind.WORD):
            raise self.nothing_here(following)
        if following.kind is TokenKind.WORD and following.text.startswith("-"):
            problem = f"To exclude, put the hyphen before the field: -{field.text}:word"
            raise self.mistake(following, problem)
        return self.piece(field.text, tight=tight)

    def words(self, field: str, first: Token, *, tight: bool) -> Expression:
        words = [first]
        while not tight and field != "cat" and self.ahead.kind is TokenKind.WORD:
            words.append(self.advance())
        if len(words) > 1:
            for word in words:
                if "*" in word.text or "?" in word.text:
                    raise self.mistake(
                        word,
                        f"A wildcard needs a word of its own: join {word.text} with AND,"
                        " or put the whole phrase in quotes to ignore the sign.",
                    )
        text = " ".join(word.text for word in words)
        return leaf(self.text, field, text, first.place, quoted=False)

    def nothing_here(self, token: Token) -> Exception:
        """The error that an item is missing before ``token``."""
        before = self.tokens[self.tokens.index(token) - 1] if token is not self.tokens[0] else None
        literal = "To look for the word itself, put it in quotes or write it in lower case."
        if before is not None and before.kind is TokenKind.FIELD:
            return self.mistake(before, f"{before.text}: needs a word or a phrase after it.")
        if before is not None and before.kind in _OPERATORS:
            if token.kind in _OPERATORS:
                problem = f"{before.text} and {token.text} stand side by side. Keep one of them."
                return self.mistake(token, problem)
            return self.mistake(before, f"{before.text} needs something after it. {literal}")
        if token.kind in _OPERATORS:
            return self.mistake(token, f"{token.text} needs something before it. {literal}")
        if token.kind is TokenKind.CLOSE and before is not None:
            return self.mistake(before, "There is nothing in these parentheses. Remove them.")
        if token.kind is TokenKind.CLOSE:
            return self.mistake(
                token, "This parenthesis was never opened. Remove it, or add a ( before it."
            )
        return self.mistake(token, "Something is missing at the end. Add a word, or remove the (.")

    def mistake(self, token: Token, problem: str) -> Exception:
        return mistake(self.text, token.place, problem)
