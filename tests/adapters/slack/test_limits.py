"""A Slack message is filled up to exactly its limits, and not by one more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.slack.blocks import quiet
from adapters.slack.limits import BLOCKS, CHARACTERS, TEXT, units, weight, within
from adapters.slack.render import compose, read
from bot.model import Channel, Digest
from tests.adapters import samples

HERE = Channel("slack:C0123456789", layout="inline")
NUMBER = quiet("999 of 999")  # room is left for it in every message


def messages(digest: Digest) -> list[dict[str, Any]]:
    return [read(draft.payload) for draft in compose(replace(digest, channel=HERE))]


def test_exactly_the_limits_fit_and_one_more_of_either_does_not() -> None:
    assert within(BLOCKS, CHARACTERS)
    assert not within(BLOCKS + 1, CHARACTERS)
    assert not within(BLOCKS, CHARACTERS + 1)


def test_a_message_weighs_what_all_its_blocks_weigh() -> None:
    blocks = [quiet("one", "three"), quiet("&")]
    assert weight(blocks) == 3 + 5 + len("&amp;") == sum(weight([each]) for each in blocks)


def test_a_message_is_filled_up_to_exactly_the_limit_of_characters() -> None:
    """One more character of the last comment, and its paper gets a message of its own."""

    def ending_with(count: int, others: int, length: int) -> list[dict[str, Any]]:
        # A comment is cut at 150 characters, and occurs in nothing but its line.
        last = samples.entry(count, "y", comment="c" * length)
        long = [samples.entry(n, "x" * others, comment="c" * 100) for n in range(1, count)]
        return messages(samples.digest(*long, last))

    for others in range(240, 100, -5):
        count = next(n for n in range(2, 21) if len(ending_with(n, others, 150)) > 1)
        if len(ending_with(count, others, 1)) == 1:
            break
    length = next(n for n in range(2, 151) if len(ending_with(count, others, n)) > 1)
    (fullest,) = ending_with(count, others, length - 1)
    assert weight([*fullest["blocks"], NUMBER]) == CHARACTERS


def test_the_top_level_text_is_filled_up_to_exactly_its_limit() -> None:
    def said(length: int) -> str:
        long = [samples.entry(n, "x" * 240) for n in range(1, 17)]
        last = samples.entry(17, "y" * length)
        (message, *_) = messages(samples.digest(*long, last))
        return str(message["text"])

    assert said(1).endswith("; y")
    length = next(n for n in range(1, 241) if said(n).endswith("; and 1 more"))
    assert units(said(length - 1)) == TEXT
