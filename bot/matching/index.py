"""Many phrases and prefixes against one text, by a trie over words. Knows no papers, no keywords.

Every entry has a number, and ``find`` returns the numbers of those that the text holds, each as
often as it is found. The cost grows with the text and hardly with the number of entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from bot.keywords.ast import Prefix
from bot.keywords.tokens import GAP
from bot.matching.leaves import begins

# A node leads from a word to the next node; under _HERE it holds the numbers that end here. No
# word has a space in it.
_Node: TypeAlias = dict[str, Any]
_HERE = " "
_END = "\n"  # stands after the last word of a text; no node follows it


class Phrases:
    """A trie of phrases without gaps, and a second, slower one for those with gaps."""

    def __init__(self) -> None:
        self._solid: _Node = {}
        self._gapped: _Node = {}

    def __bool__(self) -> bool:
        return bool(self._solid or self._gapped)

    def add(self, terms: Iterable[str], number: int) -> None:
        terms = tuple(terms)
        node = self._gapped if GAP in terms else self._solid
        for term in terms:
            node = node.setdefault(term, {})
        node.setdefault(_HERE, []).append(number)

    def find(self, text: Sequence[str]) -> list[int]:
        found = self._find_solid(text) if self._solid else []
        if self._gapped:
            found += self._find_gapped(text)
        return found

    def _find_solid(self, text: Sequence[str]) -> list[int]:
        found: list[int] = []
        padded = [*text, _END]
        first = self._solid.get
        for start, word in enumerate(text, 1):
            node = first(word)
            while node is not None:
                here = node.get(_HERE)
                if here is not None:
                    found += here
                node = node.get(padded[start])
                start += 1
        return found

    def _find_gapped(self, text: Sequence[str]) -> list[int]:
        found: list[int] = []
        for start, word in enumerate(text, 1):
            nodes = [self._gapped[word]] if word in self._gapped else []
            while nodes:
                for node in nodes:
                    found += node.get(_HERE, ())
                if start == len(text):
                    break
                steps = {text[start], GAP}
                nodes = [node[step] for node in nodes for step in steps if step in node]
                start += 1
        return found


class Prefixes:
    """Prefixes by their length, then by themselves."""

    def __init__(self) -> None:
        self._by_length: dict[int, dict[str, list[tuple[Prefix, int]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def add(self, prefix: Prefix, number: int) -> None:
        alike = self._by_length.setdefault(len(prefix.start), {})
        alike.setdefault(prefix.start, []).append((prefix, number))

    def find(self, text: Iterable[str]) -> list[int]:
        return [
            number
            for word in set(text)
            for length, alike in self._by_length.items()
            for prefix, number in alike.get(word[:length], ())
            if begins(prefix, word)
        ]
