"""A Discord message is filled up to exactly its limits, and not by one more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.discord.limits import BYTES, CHARACTERS, COMPONENTS, Size, size
from adapters.discord.render import compose, read, text
from bot.model import Digest, Entry
from tests.adapters import samples

FULL = Size(COMPONENTS, CHARACTERS, BYTES)
NUMBER = size([text("-# 99 of 99")])  # room is left for it in every message


def messages(digest: Digest) -> list[Size]:
    return [size(read(draft.payload).body["components"]) for draft in compose(digest)]


def test_exactly_the_limits_fit_and_one_more_of_any_does_not() -> None:
    assert FULL.fits
    for more in (Size(1, 0, 0), Size(0, 1, 0), Size(0, 0, 1)):
        assert not (FULL + more).fits


def test_sizes_add_up_limit_by_limit() -> None:
    assert Size(1, 20, 300) + Size(4, 50, 600) == Size(5, 70, 900)
    parts = [text("one"), text("深い")]
    assert size(parts) == size(parts[:1]) + size(parts[1:]) == Size(2, 5, 3 + 6 + 2 * 12)


def test_a_message_takes_components_up_to_exactly_the_limit() -> None:
    """Ten papers whole are 30 components; thirty with a line each are three texts and two menus;
    with the heading, the container and room for a number below that is forty."""
    entries = [samples.entry(n, f"T{n}") for n in range(1, 42)]
    (whole,) = messages(samples.digest(*entries[:40], in_full=10))
    assert (whole + NUMBER).components == COMPONENTS
    assert len(messages(samples.digest(*entries, in_full=10))) == 2


def plain(number: int, length: int) -> Entry:
    return samples.entry(number, "x" * length)


def wide(number: int, length: int) -> Entry:
    return samples.entry(number, "𠮷" * length, comment="𠮷" * 140)


@pytest.mark.parametrize(
    ("entry", "used", "limit"),
    [(plain, lambda s: s.characters, CHARACTERS), (wide, lambda s: s.bytes, BYTES)],
    ids=["characters", "bytes"],
)
def test_a_message_is_filled_up_to_exactly_the_limit(
    entry: Callable[[int, int], Entry], used: Callable[[Size], int], limit: int
) -> None:
    """One more character of the last title, and it gets a message of its own."""

    def ending_with(count: int, others: int, length: int) -> list[Size]:
        last = samples.entry(count, "y" * length)
        return messages(samples.digest(*(entry(n, others) for n in range(1, count)), last))

    for others in range(240, 100, -20):
        count = next(n for n in range(2, 13) if len(ending_with(n, others, 240)) > 1)
        if len(ending_with(count, others, 1)) == 1:
            break
    length = next(n for n in range(2, 241) if len(ending_with(count, others, n)) > 1)
    (fullest,) = ending_with(count, others, length - 1)
    assert used(fullest + NUMBER) == limit
