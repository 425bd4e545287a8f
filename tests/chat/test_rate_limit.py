"""Whoever gives too many commands waits, and nobody else does."""

from __future__ import annotations

import pytest

from bot.chat.rate_limit import PEOPLE_REMEMBERED, CommandRateLimiter
from bot.errors import UserError
from tests.fakes import FakeClock


def test_exactly_so_many_commands_a_minute_are_allowed_and_not_one_more() -> None:
    clock = FakeClock()
    limiter = CommandRateLimiter(3, clock)
    for _ in range(3):
        limiter.count("discord:1")
    with pytest.raises(UserError, match="give me 60 seconds"):
        limiter.count("discord:1")
    limiter.count("discord:2")


def test_a_command_counts_for_exactly_a_minute() -> None:
    clock = FakeClock()
    limiter = CommandRateLimiter(1, clock)
    limiter.count("discord:1")
    clock.advance(59.5)
    with pytest.raises(UserError, match="give me a second"):
        limiter.count("discord:1")
    clock.advance(0.5)
    limiter.count("discord:1")


def test_a_refused_command_does_not_make_the_wait_longer() -> None:
    clock = FakeClock()
    limiter = CommandRateLimiter(1, clock)
    limiter.count("discord:1")
    for _ in range(5):
        clock.advance(10)
        with pytest.raises(UserError):
            limiter.count("discord:1")
    clock.advance(10)
    limiter.count("discord:1")


def test_a_crowd_costs_no_memory() -> None:
    clock = FakeClock()
    limiter = CommandRateLimiter(5, clock)
    for number in range(3 * PEOPLE_REMEMBERED):
        limiter.count(f"discord:{number}")
        clock.advance(0.01)
    assert len(limiter._commands) <= PEOPLE_REMEMBERED
