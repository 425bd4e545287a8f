"""People who ask for too much are told so kindly, and nobody else is affected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.limits import Limits
from bot.errors import UserError
from bot.model import Person
from tests.chat.test_commands import Chat

HERE, NEXT, THIRD = (f"discord:11420000000000000{number}" for number in (1, 2, 3))
ELSEWHERE = "slack:C0000001"
ADA = Person("Ada", "discord:1", server="discord:9")
LIMITS = Limits(
    keywords_per_channel=2, keywords_per_server=3, keyword_length=20, commands_per_minute=5
)


class Limited(Chat):
    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        super().__init__(folder)
        self.limit_to(limits)

    async def ask(self, words: str, channel: str = HERE, person: Person = ADA) -> str:
        self.clock.advance(60)
        return (await self.commands.typed(channel, person, words)).text


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Limited]:
    chat = Limited(tmp_path)
    yield chat
    chat.store.close()


async def test_a_channel_follows_so_many_keywords_and_not_more(chat: Limited) -> None:
    await chat.ask("add reward model")
    await chat.ask("add graph network")
    with pytest.raises(UserError, match="follows 2 keywords already"):
        await chat.ask("add protein folding")
    assert "already" in await chat.ask("add Graph Network")  # the same is no more
    await chat.ask("remove graph network")
    await chat.ask("add protein folding")


async def test_a_server_follows_so_many_keywords_in_all_its_channels(chat: Limited) -> None:
    await chat.ask("add reward model")
    await chat.ask("add graph network")
    await chat.ask("add protein folding", NEXT)
    with pytest.raises(UserError, match="follow 3 keywords together"):
        await chat.ask("add time series", NEXT)
    somebody = Person("Ben", "slack:U1", server="slack:")
    await chat.ask("add time series", ELSEWHERE, somebody)  # another one is not touched by it


async def test_keywords_of_bot_toml_count_where_somebody_wants_to_add_one_more(
    chat: Limited,
) -> None:
    host = Person("bot.toml")
    await chat.changes.add(HERE, host, "reward model")
    await chat.changes.add(NEXT, host, "time series")
    await chat.ask("add graph network", NEXT)
    with pytest.raises(UserError, match="follow 3 keywords together"):
        await chat.ask("add graph network")
    await chat.ask("add protein folding", THIRD)  # HERE is the host's, and takes no room
    nobody_knows_where = Person("Ben", "discord:2")
    await chat.ask("add graph network", person=nobody_knows_where)


async def test_a_keyword_that_is_too_long_is_refused_with_its_length(chat: Limited) -> None:
    with pytest.raises(UserError, match="has 27 characters, and 20 are the most"):
        await chat.ask("add a very very long phrase ooo")
    assert (await chat.store.subscriptions(HERE)) == ()


async def test_the_host_is_not_limited(chat: Limited) -> None:
    host = Person("the command line")
    for number in range(5):
        await chat.changes.add(HERE, host, f"a subject number {number} of many")
    assert len(await chat.store.subscriptions(HERE)) == 5


async def test_when_many_add_at_once_no_more_keywords_are_followed_than_the_channel_may(
    tmp_path: Path,
) -> None:
    chat = Limited(tmp_path, Limits(keywords_per_channel=5))
    answers = await asyncio.gather(
        *(
            chat.commands.typed(HERE, Person(f"P{n}", f"discord:{n}"), f"add subject{n}")
            for n in range(20)
        ),
        return_exceptions=True,
    )
    refused = [str(answer) for answer in answers if isinstance(answer, UserError)]
    assert len(await chat.store.subscriptions(HERE)) == 5
    assert len(refused) == 15
    assert all(text.startswith("This channel follows 5 keywords already") for text in refused)
    chat.store.close()


async def test_when_many_add_at_once_a_server_does_not_follow_more_than_it_may(
    tmp_path: Path,
) -> None:
    chat = Limited(tmp_path, Limits(keywords_per_server=5))
    answers = await asyncio.gather(
        *(
            chat.commands.typed(
                f"discord:114200000000000000{n % 4}",
                Person(f"P{n}", f"discord:{n}", server="discord:9"),
                f"add subject{n}",
            )
            for n in range(20)
        ),
        return_exceptions=True,
    )  # fmt: skip
    assert len(await chat.store.subscriptions()) == 5
    assert sum(isinstance(answer, UserError) for answer in answers) == 15
    chat.store.close()


async def test_a_keyword_that_found_no_room_leaves_no_trace_of_its_channel(chat: Limited) -> None:
    await chat.ask("add reward model")
    await chat.ask("add graph network")
    await chat.ask("add protein folding", NEXT)
    with pytest.raises(UserError, match="follow 3 keywords together"):
        await chat.ask("add time series", THIRD)
    assert [view.channel.id for view in (await chat.store.state()).channels] == [HERE, NEXT]


async def test_undo_of_a_removal_is_refused_where_somebody_took_the_room(chat: Limited) -> None:
    await chat.ask("add reward model")
    await chat.ask("add graph network")
    undo, _ = (await chat.commands.typed(HERE, ADA, "remove graph network")).offers
    await chat.ask("add protein folding")
    with pytest.raises(UserError, match="follows 2 keywords already"):
        await chat.ask(undo.words)


async def test_who_asks_too_often_waits_and_nobody_else_does(chat: Limited) -> None:
    for _ in range(5):
        await chat.commands.typed(HERE, ADA, "list")
    with pytest.raises(UserError, match=r"Please give me 60 seconds"):
        await chat.commands.typed(HERE, ADA, "list")
    await chat.commands.typed(HERE, Person("Ben", "discord:2"), "list")
    chat.clock.advance(59)
    with pytest.raises(UserError, match="give me a second"):
        await chat.commands.typed(HERE, ADA, "list")
    chat.clock.advance(1)
    await chat.commands.typed(HERE, ADA, "list")


async def test_the_length_that_counts_is_that_of_what_is_kept(chat: Limited) -> None:
    await chat.commands.add(HERE, ADA, "a  very   long    phrase")
    [kept] = await chat.store.subscriptions(HERE)
    assert kept.keyword.text == "a very long phrase"
