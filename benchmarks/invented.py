"""An invented technical English, for papers and keywords of the size of real ones."""

from __future__ import annotations

import random

_SYLLABLES = "ka lo mi ne pu ra si to vu we za yo bru cle dro fla gri sto tri ple"
_ENDINGS = "s ed ing ation ization al ly able er ity ive ment ness"


class Words:
    """Endless text in which some words are common and some pairs of words are usual.

    Words are drawn by rank (Zipf), with their endings, and each has its usual successors.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        syllables, endings = _SYLLABLES.split(), ["", *_ENDINGS.split()]
        starts = [a + b + c for a in syllables for b in syllables for c in ("", "n", "rt", "ss")]
        self._all = [start + ending for start in starts for ending in endings]
        rng.shuffle(self._all)
        self._weights = [1 / (rank + 50) for rank in range(len(self._all))]
        self._stock: list[str] = []
        self._next: dict[str, list[str]] = {}

    def _draw(self) -> str:
        if not self._stock:
            self._stock = self._rng.choices(self._all, self._weights, k=100_000)
        return self._stock.pop()

    def text(self, length: int) -> str:
        """So many words."""
        text = [self._draw()]
        while len(text) < length:
            usual = self._next.setdefault(text[-1], [])
            if len(usual) < 12:
                usual.append(self._draw())
            text.append(self._rng.choice(usual) if self._rng.random() < 0.6 else self._draw())
        return " ".join(text)

    def keywords(self, count: int) -> list[str]:
        """Different ones, of one to three words; far more papers match them than match in life."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.text(self._rng.choices((1, 2, 3), (1, 10, 9))[0])] = None
        return list(found)
