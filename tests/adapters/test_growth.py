"""A digest of twice as many papers is twice the work, on every platform, in every layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.console import render as console
from adapters.discord import render as discord
from adapters.slack import render as slack
from bot.core.channel_settings import CHANNEL_SETTINGS
from bot.model import Channel, Digest
from tests.adapters import samples
from tests.adapters.console.golden_files import Case, printed
from tests.calls import calls

COMPOSERS: dict[str, Callable[[Digest], object]] = {
    "discord": discord.compose,
    "slack": slack.compose,
    "console": lambda digest: console.to_payload(console.page_of(digest)),
    "console in colour": lambda digest: printed(Case(digest, colour=True, width=80)),
}


@pytest.mark.parametrize("in_full", [1, 1000])
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        (name, layout)
        for name in COMPOSERS
        for layout in CHANNEL_SETTINGS["layout"].values_on(name.split()[0])
    ],
)
def test_twice_as_many_papers_are_twice_the_work(name: str, layout: str, in_full: int) -> None:
    platform = name.split()[0]

    def composed(count: int) -> int:
        entries = (samples.entry(n, f"Study {n} " + "of words " * 20) for n in range(1, count + 1))
        day = replace(samples.PLAIN_DAY, entries=tuple(entries), in_full=in_full)
        digest = replace(day, channel=Channel(f"{platform}:1", layout=layout))
        return calls(lambda: COMPOSERS[name](digest))

    composed(5)  # loads what is loaded once
    assert composed(80) < 2.3 * composed(40)
