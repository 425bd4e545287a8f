"""The keyword language: turns what people type into a tree, a canonical form and an arXiv query.

::

    reward model                    the phrase, in title or abstract
    "graph neural network"          the same; quotes separate it from the words around it
    ti:word  abs:"a phrase"         one field; ti: abs: au: cat: co: all:
    ti:(a OR b)                     the field holds for the whole group
    a AND b    a OR b               upper case; AND binds closer than OR; parentheses as usual
    a ANDNOT b   NOT b   -b         excludes; so does -"a phrase", -ti:b, -(b OR c)
    "a phrase" cat:cs.LG -survey    side by side means AND
    transform*   cat:cs.*           wildcards, at the end of a single word, and in categories

Bare words form one phrase, up to the next operator, field, quote, parenthesis or exclusion. After a
field it is the same (``ti:graph neural`` is ``ti:"graph neural"``), except after ``cat:``, which
takes one word. A hyphen at the beginning of a word excludes that one word (``-survey``); inside a
word it is punctuation (``multi-modal``). ``and``, ``or`` and ``not`` in lower case are words.

- Phrases in ``ti:`` and ``abs:`` are stemmed as on arXiv; case, punctuation and hyphens do not
  matter; a stop word inside a phrase stands for any one word. Comments (``co:``) are not stemmed.
- ``au:`` finds the parts of one author's name next to each other, the family name first or last,
  accents ignored, further initials between them allowed. A single letter is an initial:
  ``au:hinton_g`` and ``au:"Hinton, G."`` find Geoffrey E. Hinton. The reverse does not hold:
  ``au:"Geoffrey Hinton"`` does not find G. Hinton, because arXiv would not. Periods and hyphens
  between initials do not matter, but a hyphen in a whole word does (``bot.keywords.names``).
- ``cat:cs`` and ``cat:cs.*`` are the whole archive; case does not matter. Both names of a merged
  category mean the same (``bot.keywords.categories``).
- ``all:`` is title, abstract, authors, comment and categories.
- A wildcard word is compared unstemmed: ``model*``, ``model?`` (exactly one letter more).

Decides nothing about papers: ``bot.matching`` does.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bot.errors import UserError
from bot.keywords import ast, tokens
from bot.keywords.arxiv_query import ALL_CLAUSES, arxiv_query
from bot.keywords.ast import Expression
from bot.keywords.lexer import OPERATORS, mistake
from bot.keywords.parser import read
from bot.model import Keyword
from bot.model.subscriptions import MAX_CLAUSES

__all__ = ["MAX_LENGTH", "expression", "parse", "plain_terms"]

MAX_LENGTH = 200  # characters of a keyword
_HUGE = 10_000  # characters, white space included; nobody types so many

# The usual keyword, a few words without any syntax, needs no parser.
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:[ -][A-Za-z0-9]+)*")
_OPERATORS = frozenset(OPERATORS)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def parse(text: str) -> Keyword:
    """The keyword that a person typed.

    Raises UserError, which says what is wrong, where, and what to do, and nothing else, whatever
    the text.
    """
    words = _plain_words(text)
    if words is not None and (stems := tokens.terms(words, stemmed=True)) and "" not in stems:
        spelled = " ".join(words)
        return Keyword(text, f'"{" ".join(stems)}"', f'(ti:"{spelled}" OR abs:"{spelled}")', 2)
    kept = _tidy(text)
    meaning = read(text)
    for leaf in ast.contradictions(meaning):
        named = " ".join(leaf.words) if isinstance(leaf, ast.Phrase) else ast.canonical(leaf)
        problem = f"{named} is both wanted and excluded, so no paper can match."
        raise UserError(f"{problem} Remove one of the two.")
    query = arxiv_query(meaning)
    if query is None or query.inverted:
        raise UserError(
            "This only says what to leave out. Add what to look for, as in: reward model -survey", 0
        )
    if query.clauses > MAX_CLAUSES:
        problem = f"This keyword makes {query.clauses:,} search clauses at arXiv, which takes"
        problem += f" {MAX_CLAUSES:,} at most. Each all: makes {ALL_CLAUSES} or more, ti: and abs:"
        raise UserError(f"{problem} one each. Use those, or split it into several keywords.")
    return Keyword(kept, ast.canonical(meaning), query.query, query.clauses)


@lru_cache(maxsize=1024)
def expression(keyword: Keyword) -> Expression:
    """What a keyword means, as a tree."""
    return read(keyword.text)


def plain_terms(keyword: Keyword) -> tuple[str, ...] | None:
    """The stems of a keyword that is nothing but a few words; ``None`` for any other, which needs
    ``expression``."""
    words = _plain_words(keyword.text)
    if words is None or "" in (stems := tokens.terms(words, stemmed=True)):
        return None
    return stems


def _plain_words(text: str) -> list[str] | None:
    if len(text) > MAX_LENGTH or _PLAIN.fullmatch(text) is None:
        return None
    words = text.replace("-", " ").split(" ")
    return None if _OPERATORS.intersection(words) else text.lower().replace("-", " ").split(" ")


def _tidy(text: str) -> str:
    """The text with single spaces, in NFC. Raises UserError if it can't be a keyword at all."""
    if control := _CONTROL.search(text[:_HUGE]):
        code = f"U+{ord(control[0]):04X}"
        problem = f"There is an invisible control character here ({code}). Remove it."
        raise mistake(text, control.start(), problem)
    visible = " ".join(tokens.INVISIBLE.sub("", text.replace("\u200b", " ")).split())
    kept = unicodedata.normalize("NFC", visible)
    if not kept:
        raise UserError("Please give a keyword, for example: reward model", 0)
    if len(kept) > MAX_LENGTH or len(text) > _HUGE:
        problem = f"A keyword has at most {MAX_LENGTH} characters, and this one has {len(kept):,}."
        problem += " Shorten it, or split it into several keywords."
        raise mistake(text, min(MAX_LENGTH, len(text)), problem)
    return kept
