"""What is worth seeing of a paper at a glance, from its metadata alone. Pure; no request.

``withdrawn``, ``code`` and ``data`` with their addresses, the venue, and the version where it is
not the first. Measured on the cs and stat papers of a real April: ``tests/text/test_badges.py``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bot.model import Paper

# As arXiv writes it ("This paper has been withdrawn by …"), and as authors do in the comment.
_WITHDRAWN_ABSTRACT = re.compile(
    r"\A\W*(?:this|the) (?:\w+ )?(?:paper|article|submission|manuscript|work|preprint)"
    r" (?:has been|was|is) (?:\w+ )?withdrawn\b",
    re.IGNORECASE,
)
_WITHDRAWN_COMMENT = re.compile(
    r"(?:\A\W*|[.;]\s*)(?:withdrawn\b(?! from (?!arxiv))|(?:this|the|our) (?:\w+ )?"
    r"(?:paper|article|submission|manuscript|work|preprint|version) (?:has been|was|is|should be)"
    r" (?:\w+ )?withdrawn\b(?! from (?!arxiv)))"
    r"|\b(?:authors?|we) (?:have )?(?:withdraw|withdrew|withdrawn) (?:this|the|our)\b"
    r"|\bwithdrawn by (?:the )?(?:authors?|arxiv)\b"
    # "decided to withdraw this paper", "request the withdrawal of our work"
    r"|\bwithdraw(?:ing|al of)? (?:this|the|our|my) (?:\w+ ){0,2}"
    r"(?:paper|article|submission|manuscript|work|preprint|version)\b(?! from (?!arxiv))"
    r"|\brequest(?:s|ed)? (?:the |a )?withdrawal\b(?! from (?!arxiv))",
    re.IGNORECASE,
)


class Badge(NamedTuple):
    """A word or two, and the address that it leads to; empty where it leads nowhere."""

    text: str
    url: str = ""


def badges(paper: Paper) -> tuple[Badge, ...]:
    """The badges of a paper that is ready to be shown (``bot.text.displayed``), in reading
    order."""
    from bot.text.repositories import repositories  # both compile expressions for 15 ms, which
    from bot.text.venues import venue  # a command without papers need not wait for

    found = [Badge("withdrawn")] if is_withdrawn(paper) else []
    found += [Badge(each.kind, each.url) for each in repositories(paper)]
    if where := venue(paper):
        found.append(Badge(where.name))
    if paper.version > 1:
        found.append(Badge(f"version {paper.version}"))
    return tuple(found)


def is_withdrawn(paper: Paper) -> bool:
    """Whether the paper says that its authors, or arXiv, took it back."""
    return bool(
        _WITHDRAWN_ABSTRACT.search(paper.abstract) or _WITHDRAWN_COMMENT.search(paper.comment)
    )
