"""arXiv identifiers: which paper a text means, and in which order papers were announced.

Forms, from arXiv's own page on identifiers (info.arxiv.org/help/arxiv_identifier, November 2026):
``YYMM.number`` since April 2007, ``archive/YYMMNNN`` or ``archive.XX/YYMMNNN`` before. The id is
given at the announcement, in its month, and within a month the numbers grow in announcement order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

# Numbers have 4 digits to 1412 and 5 since 1501; arXiv keeps a sixth possible.
_ID: Final = re.compile(
    r"(?P<new>[0-9]{2}(?:0[1-9]|1[0-2])\.[0-9]{4,6})"
    r"|[a-z][a-z-]*(?:\.[A-Z]{2})?/(?P<old>[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{3})"
)
_VERSION: Final = re.compile(r"v([1-9][0-9]{0,3})\Z")
_PREFIX: Final = re.compile(
    r"(?:https?://(?:[a-z]+\.)?arxiv\.org/(?:abs|pdf)/"
    r"|(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?10\.48550/arxiv\."
    r"|arxiv:\s*)",
    re.IGNORECASE,
)

# The two digits of a year stand for 1991 to 2007 in old ids, and for 2007 to 2106 in new ones.
_FIRST_OLD_YEAR: Final = 91
_FIRST_NEW_YEAR: Final = 7
_DIGITS: Final = 5
_NUMBERS_A_MONTH: Final = 10**7
_OLD_NUMBERS_A_MONTH: Final = 1000


def identify(text: str) -> tuple[str, int | None, int]:
    """The id without its version, the version if the text has one, and the serial.

    Takes a bare id, ``arXiv:<id>``, the address of an abstract or PDF page, or the DOI that arXiv
    registers (10.48550/arXiv.<id>; info.arxiv.org/help/doi, read November 2026). Does not ask
    whether the paper exists. Raises ValueError if the text is not an arXiv id.
    """
    bare = _PREFIX.sub("", text.strip(), count=1).removesuffix(".pdf")
    version = _VERSION.search(bare)
    found = _ID.fullmatch(bare, 0, version.start() if version else len(bare))
    if found is None:
        raise ValueError(f"{text[:100]!r} is not an arXiv id")
    return found[0], int(version[1]) if version else None, _serial(found)


def base_id(text: str) -> str:
    """The identity of a paper: its id without the version. Raises ValueError, see identify."""
    return identify(text)[0]


def serial_of(arxiv_id: str) -> int:
    """A number that grows in announcement order, far below 2**63.

    Old ids are below all new ones. Different archives numbered their old papers apart, so that
    the order of two old ids of one month says nothing. Raises ValueError, see identify.
    """
    return identify(arxiv_id)[2]


def first_serial_of(day: date) -> int:
    """The lowest serial that an id of today's form can have in this day's month."""
    return (day.year * 100 + day.month) * _NUMBERS_A_MONTH


def is_sequential(text: str) -> bool:
    """Whether the text is an id of today's form, and nothing else: no version, no address.

    Only of these the numbers run on, over all archives.
    """
    found = _ID.fullmatch(text)
    return found is not None and found["new"] is not None


def following_ids(paper_id: str, before: str) -> Iterator[str]:
    """The ids that arXiv gave out between two of its ids of today's form, by the numbers alone.

    Numbers run on within a month, and restart with the next (facts of arXiv, 2.3); how far a
    month went is not known, so only that of ``before`` is counted up from its start. There are none
    if ``before`` is the older. Raises ValueError for an id of another form.
    """
    for each in (paper_id, before):
        if not is_sequential(each):
            raise ValueError(f"{each[:100]!r} is not an arXiv id of today's form")
    if serial_of(paper_id) >= serial_of(before):
        return
    month, _, last = before.partition(".")
    numbers = [last, paper_id[5:]] if paper_id.startswith(month) else [last]
    start = int(numbers[1]) + 1 if len(numbers) > 1 else 1
    width = _digits(numbers)
    for number in range(start, int(last)):
        yield f"{month}.{number:0{width}}"


def _digits(numbers: list[str]) -> int:
    """How many digits a month's numbers have at least. Behind 99999 there can only be more."""
    padded = [len(each) for each in numbers if each.startswith("0")]
    return padded[0] if padded else min(_DIGITS, *map(len, numbers))


def _serial(found: re.Match[str]) -> int:
    if new := found["new"]:
        year = int(new[:2])
        year += 2000 if year >= _FIRST_NEW_YEAR else 2100
        return (year * 100 + int(new[2:4])) * _NUMBERS_A_MONTH + int(new[5:])
    old = found["old"]
    year = int(old[:2])
    year += 1900 if year >= _FIRST_OLD_YEAR else 2000
    return (year * 100 + int(old[2:4])) * _OLD_NUMBERS_A_MONTH + int(old[4:])
