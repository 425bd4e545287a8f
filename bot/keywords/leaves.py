"""Turns the words of one field into a leaf of the tree. Knows nothing of operators."""

from __future__ import annotations

import re

from bot.keywords import tokens
from bot.keywords.ast import Anywhere, Author, Category, Leaf, Phrase, Prefix
from bot.keywords.lexer import mistake
from bot.keywords.names import name_parts
from bot.model.categories import canonical_category

_MAX_PARTS = 8  # of a name
_LOWER_CASE_OPERATORS = ("and", "or", "not")
_WILDCARD = re.compile(r"[*?]")
_CATEGORY = re.compile(r"[a-z][a-z0-9*?-]*(?:\.[a-z0-9*?-]+)?")
_SIGN = re.compile(r"[!-&(-,./:-@\[-`{-~]")  # ASCII punctuation but - and '


def leaf(typed: str, field: str, text: str, place: int, *, quoted: bool) -> Leaf:
    """The leaf for ``text`` in a field (``""``: title or abstract). Raises UserError."""
    if not tokens.has_word(text):
        what = "in these quotes" if quoted else "here"
        raise mistake(typed, place, f"There is no letter or digit {what} to look for. Add a word.")
    if field == "cat":
        return _category(typed, text, place)
    if not quoted and (wildcard := _WILDCARD.search(text)):
        return _prefix(typed, field, text, place, wildcard.start())
    if field == "au":
        return _author(typed, text, place)
    pieces = tokens.words(tokens.fold(text))
    if not pieces:
        word = _first_word(text)
        more = (
            f"The operator is written {word.upper()}."
            if word in _LOWER_CASE_OPERATORS
            else "Add a word that says more."
        )
        raise mistake(typed, place, f"arXiv's search ignores words like {word}. {more}")
    return _anywhere(text, pieces) if field == "all" else _phrase(field, text, pieces)


def _phrase(field: str, text: str, pieces: list[str]) -> Phrase:
    """The words as a phrase, stemmed except in comments, which arXiv does not stem."""
    stemmed = field != "co"
    return Phrase(
        field=field,
        terms=tokens.terms(pieces, stemmed=stemmed),
        words=tuple(word for word in pieces if word not in tokens.STOP_WORDS),
        identity=" ".join(tokens.identity(piece, stemmed=stemmed) for piece in pieces),
        spellings=_spellings(text, pieces),
    )


def _spellings(text: str, pieces: list[str]) -> tuple[str, ...]:
    """The words as written, and also split up, if arXiv would keep some of them in one piece."""
    written = tokens.words(tokens.lower(text))
    return tuple(dict.fromkeys((" ".join(written), " ".join(map(tokens.apart, pieces)))))


def _first_word(text: str) -> str:
    return text.split()[0]


def _anywhere(text: str, pieces: list[str]) -> Anywhere:
    parts = name_parts(text)
    is_name = 0 < len(parts) <= _MAX_PARTS and all(
        len(part) > 1 and not _SIGN.search(part) for part in parts
    )
    folded = tokens.fold(text).strip()
    is_category = _CATEGORY.fullmatch(folded) and not folded.isalnum()
    return Anywhere(
        phrase=_phrase("", text, pieces),
        comment=_phrase("co", text, pieces),
        author=Author(tuple(parts)) if is_name else None,
        category=_named(folded) if is_category and not _WILDCARD.search(folded) else None,
    )


def _author(typed: str, text: str, place: int) -> Author:
    parts = name_parts(text)
    if len(parts) > _MAX_PARTS:
        raise mistake(
            typed, place, f"A name has at most {_MAX_PARTS} parts. Join several names with OR."
        )
    if sign := _SIGN.search("".join(parts)):
        raise mistake(typed, place, f"A name can't contain a {sign[0]} here. Leave it out.")
    if all(len(part) < 2 for part in parts):
        raise mistake(typed, place, "Initials alone fit too many people. Add the family name.")
    return Author(tuple(parts))


def _category(typed: str, text: str, place: int) -> Category:
    pattern = re.sub(r"\*+", "*", tokens.fold(text).strip())
    if pattern.startswith(("*", "?")):
        raise mistake(typed, place, "A category can't begin with a wildcard. Write cat:cs.* or so.")
    if not _CATEGORY.fullmatch(pattern):
        comma = "Leave the comma out; for either of two categories write OR. " * ("," in pattern)
        hint = "Write one like cs.LG, hep-th, cs.* or math."
        raise mistake(typed, place, f"This is not a category. {comma or hint}".rstrip())
    archive = pattern.removesuffix(".*")
    return Category(pattern) if _WILDCARD.search(archive) else _named(archive)


def _named(name: str) -> Category:
    """The category with this name, which is in lower case, under its canonical name."""
    canonical = canonical_category(name).lower()
    return Category(canonical, "" if canonical == name else name)


def _prefix(typed: str, field: str, text: str, place: int, at: int) -> Prefix:
    if at == 0:
        raise mistake(
            typed, place, "A word can't begin with a wildcard. Put it at the end, as in graph*"
        )
    start, wildcards = tokens.fold(text[:at]), text[at:]
    if wildcards.strip("*?") or not start.isalnum():
        raise mistake(
            typed,
            place + at,
            "A wildcard goes at the end of one plain word, as in graph*"
            " Put the text in quotes to ignore the sign.",
        )
    if field not in ("", "ti", "abs"):
        raise mistake(typed, place + at, f"Wildcards work in ti: abs: and cat:, not in {field}:")
    return Prefix(field, start, least=wildcards.count("?"), open_ended="*" in wildcards)
