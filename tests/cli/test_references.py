"""Commands and addresses in texts: kept whole, and made by nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.references import readable, readable_data
from bot.references import (
    Address,
    CommandReference,
    address,
    refer_to,
    split_references,
    with_references,
    without_references,
)
from bot.text import clean


def typed(text: str) -> str:
    return with_references(text, lambda reference: f"/papers {reference.words}")


def test_a_text_falls_into_its_words_commands_and_addresses() -> None:
    text = f"Fix it, then: {refer_to('resume', 'slack:C1')} or see {address('https://a.test/x_y')}."
    assert list(split_references(text)) == [
        "Fix it, then: ",
        CommandReference("resume", "slack:C1"),
        " or see ",
        Address("https://a.test/x_y"),
        ".",
    ]
    assert typed(text) == "Fix it, then: /papers resume or see https://a.test/x_y."


@given(st.text(), st.text(), st.integers(0, 60))
def test_a_text_cut_anywhere_shows_nothing_of_our_signs(before: str, words: str, cut: int) -> None:
    text = f"{before}{refer_to(words)} and {address('https://arxiv.org/abs/2603.01234')}"[:cut]
    assert with_references(text, lambda _: "") == without_references(
        with_references(text, lambda _: "")
    )


@given(st.text(alphabet="\ufdd0\ufdd1\ufdd2\ufdd3 /ahtps:"))
def test_nobody_makes_a_text_of_theirs_a_command_or_a_link(text: str) -> None:
    for entered in (clean(text), without_references(text)):
        assert all(isinstance(piece, str) for piece in split_references(entered))
    assert [piece for piece in split_references(refer_to(text)) if isinstance(piece, Address)] == []


def test_what_is_no_address_of_the_web_is_no_link() -> None:
    assert list(split_references(address("javascript:alert(1)"))) == ["javascript:alert(1)"]


@pytest.mark.parametrize(
    ("words", "channel", "shown"),
    [
        ("resume", "discord:12", "daily-papers resume --channel discord:12"),
        (
            "add reward model",
            "console:",
            "daily-papers keywords add --channel console: reward model",
        ),
        (
            'add ti:"graph network" OR au:li_s',
            "slack:lab/C1",
            "daily-papers keywords add --channel slack:lab/C1 'ti:\"graph network\" OR au:li_s'",
        ),
        ("remove it's", "console:", "daily-papers keywords remove --channel console: 'it'\"'\"'s'"),
        ("resend 9b740e8d", "", "daily-papers resend 9b740e8d"),
        ("saved --page 2 slow", "console:", "daily-papers saved --channel console: --page 2 slow"),
        ("status", "", "daily-papers status"),
        ("help", "", "daily-papers --help"),
        ("settings editors members", "discord:12", "/papers settings editors members, in the chat"),
    ],
)
def test_at_the_command_line_a_command_can_be_pasted_as_it_is_shown(
    words: str, channel: str, shown: str
) -> None:
    assert readable(f"Say: {refer_to(words, channel)}") == f"Say: {shown}"
    assert readable_data({"a": [refer_to(words, channel), 1, None]}) == {"a": [shown, 1, None]}
