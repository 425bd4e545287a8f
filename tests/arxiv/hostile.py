"""What is done to the bytes of an answer, whichever service of arXiv gave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

from bot.arxiv.xml_stream import XmlReader

T = TypeVar("T")
Cuts = list[tuple[int, int, bytes]]  # from where on, how many bytes, and what stands there instead


def in_pieces(reader: XmlReader[T], body: bytes, size: int) -> T:
    """As it comes over a wire."""
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    return reader.close()


def cuts(body: bytes, snippets: Sequence[bytes], *, longest: int) -> st.SearchStrategy[Cuts]:
    """One to four places of the body at which something else stands."""
    instead = st.one_of(st.binary(max_size=8), st.sampled_from(snippets))
    place, length = st.integers(0, len(body) - 1), st.integers(0, longest)
    return st.lists(st.tuples(place, length, instead), min_size=1, max_size=4)


def mutilated(body: bytes, made: Cuts) -> bytes:
    for place, length, replacement in made:
        body = body[:place] + replacement + body[place + length :]
    return body
