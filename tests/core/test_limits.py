"""Who asks for too much is told so kindly, and everybody else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.limits import Limits
from bot.errors import UserError
from bot.model import Person
from tests.chat.test_commands import House

HERE, NEXT, THIRD = (f"discord:11420000000000000{number}" for number in (1, 2, 3))
ELSEWHERE = "slack:C0000001"
ADA = Person("Ada", "discord:1", server="discord:9")
LIMITS = Limits(
    keywords_per_channel=2, keywords_per_server=3, keyword_length=20, commands_per_minute=5
)


class Limited(House):
    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        super().__init__(folder)
        self.limit_to(limits)

    async def ask(self, words: str, channel: str = HERE, person: Person = ADA) -> str:
        self.clock.advance(60)
        return (await self.commands.typed(channel, person, words)).text


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Limited]:
    house = Limited(tmp_path)
    yield house
    house.store.close()


async def test_a_channel_follows_so_many_keywords_and_not_more(house: Limited) -> None:
    await house.ask("add reward model")
    await house.ask("add graph network")
    with pytest.raises(UserError, match="follows 2 keywords already"):
        await house.ask("add protein folding")
    assert "already" in await house.ask("add Graph Network")  # the same is no more
    await house.ask("remove graph network")
    await house.ask("add protein folding")


async def test_a_server_follows_so_many_keywords_in_all_its_channels(house: Limited) -> None:
    await house.ask("add reward model")
    await house.ask("add graph network")
    await house.ask("add protein folding", NEXT)
    with pytest.raises(UserError, match="follow 3 keywords together"):
        await house.ask("add time series", NEXT)
    somebody = Person("Ben", "slack:U1", server="slack:")
    await house.ask("add time series", ELSEWHERE, somebody)  # another one is not touched by it


async def test_keywords_of_bot_toml_count_where_somebody_wants_to_add_one_more(
    house: Limited,
) -> None:
    host = Person("bot.toml")
    await house.changes.add(HERE, host, "reward model")
    await house.changes.add(NEXT, host, "time series")
    await house.ask("add graph network", NEXT)
    with pytest.raises(UserError, match="follow 3 keywords together"):
        await house.ask("add graph network")
    await house.ask("add protein folding", THIRD)  # HERE is the host's, and takes no room
    nobody_knows_where = Person("Ben", "discord:2")
    await house.ask("add graph network", person=nobody_knows_where)


async def test_a_keyword_that_is_too_long_is_refused_with_its_length(house: Limited) -> None:
    with pytest.raises(UserError, match="has 27 characters, and 20 are the most"):
        await house.ask("add a very very long phrase ooo")
    assert (await house.store.subscriptions(HERE)) == ()


async def test_the_host_is_not_limited(house: Limited) -> None:
    host = Person("the command line")
    for number in range(5):
        await house.changes.add(HERE, host, f"a subject number {number} of many")
    assert len(await house.store.subscriptions(HERE)) == 5


async def test_when_many_add_at_once_no_more_keywords_are_followed_than_the_channel_may(
    tmp_path: Path,
) -> None:
    house = Limited(tmp_path, Limits(keywords_per_channel=5))
    answers = await asyncio.gather(
        *(
            house.commands.typed(HERE, Person(f"P{n}", f"discord:{n}"), f"add subject{n}")
            for n in range(20)
        ),
        return_exceptions=True,
    )
    refused = [str(answer) for answer in answers if isinstance(answer, UserError)]
    assert len(await house.store.subscriptions(HERE)) == 5
    assert len(refused) == 15
    assert all(text.startswith("This channel follows 5 keywords already") for text in refused)
    house.store.close()


async def test_when_many_add_at_once_a_server_does_not_follow_more_than_it_may(
    tmp_path: Path,
) -> None:
    house = Limited(tmp_path, Limits(keywords_per_server=5))
    answers = await asyncio.gather(
        *(
            house.commands.typed(
                f"discord:{n % 4}", Person(f"P{n}", f"discord:{n}", server="discord:9"),
                f"add subject{n}",
            )
            for n in range(20)
        ),
        return_exceptions=True,
    )  # fmt: skip
    assert len(await house.store.subscriptions()) == 5
    assert sum(isinstance(answer, UserError) for answer in answers) == 15
    house.store.close()


async def test_a_keyword_that_found_no_room_leaves_no_trace_of_its_channel(house: Limited) -> None:
    await house.ask("add reward model")
    await house.ask("add graph network")
    await house.ask("add protein folding", NEXT)
    with pytest.raises(UserError, match="follow 3 keywords together"):
        await house.ask("add time series", THIRD)
    assert [view.channel.id for view in (await house.store.state()).channels] == [HERE, NEXT]


async def test_undo_of_a_removal_is_refused_where_somebody_took_the_room(house: Limited) -> None:
    await house.ask("add reward model")
    await house.ask("add graph network")
    undo, _ = (await house.commands.typed(HERE, ADA, "remove graph network")).offers
    await house.ask("add protein folding")
    with pytest.raises(UserError, match="follows 2 keywords already"):
        await house.ask(undo.words)


async def test_who_asks_too_often_waits_and_nobody_else_does(house: Limited) -> None:
    for _ in range(5):
        await house.commands.typed(HERE, ADA, "list")
    with pytest.raises(UserError, match=r"Please give me 60 seconds"):
        await house.commands.typed(HERE, ADA, "list")
    await house.commands.typed(HERE, Person("Ben", "discord:2"), "list")
    house.clock.advance(59)
    with pytest.raises(UserError, match="give me a second"):
        await house.commands.typed(HERE, ADA, "list")
    house.clock.advance(1)
    await house.commands.typed(HERE, ADA, "list")
