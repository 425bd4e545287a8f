"""The thread about a paper, as it is asked for in a chat."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.chat.discussions import POLL_INTERVAL
from bot.core.deliver import Deliverer
from bot.core.limits import Limits
from bot.errors import ChannelRefused, OutcomeUnknown, PostRefused, TryLater
from bot.model import Channel, Draft, Paper, Person, Post, Receipt
from bot.ports import ThreadOpener
from tests.builders import paper
from tests.chat.test_commands import ADA, HERE, THERE, Chat
from tests.fakes import START, FakeClock, FakePlatform

ONE = paper(1, "A slow result", authors=("Ada Muster",))
STARTS = replace(ADA, no_thread="")
BEN = replace(STARTS, name="Ben", id="discord:8")
READER = replace(BEN, no_thread="You lack it.")


class Threads(FakePlatform):
    """A platform on which each message has an address."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        super().__init__(path, clock=clock)
        self.stands = True
        self.silent = False

    def discussion(self, paper: Paper) -> Sequence[Draft]:
        return [
            Draft(f'{{"papers": [], "text": "{paper.title}"}}', ()),
            Draft(f'{{"papers": [], "text": "Abstract of {paper.title}"}}', (), parent=0),
        ]

    async def thread_exists(self, channel: Channel, opening: Receipt, first: Receipt) -> bool:
        if self.silent:
            raise TryLater("Nobody answers.")
        return self.stands

    async def send(self, post: Post) -> Receipt:
        receipt = await super().send(post)
        return replace(receipt, url=f"https://chat.example/{post.key}")


class ServedClock(FakeClock):
    """Whoever waits for a link waits until the service has looked for posts, however long that
    really takes."""

    def __init__(self) -> None:
        super().__init__()
        self._served = asyncio.Event()

    def serve(self) -> None:
        self._served.set()
        self._served = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if seconds == POLL_INTERVAL:
            await self._served.wait()


class Talk:
    """People who press Discuss, while what is in the outbox is delivered."""

    def __init__(self, folder: Path) -> None:
        self.clock = ServedClock()
        self.chat = Chat(folder, self.clock)
        self.chat.limit_to(Limits(commands_per_minute=1000))
        self.chat.source.announce(ONE, at=START - timedelta(days=30))
        self.platform = Threads(folder / "platform.jsonl", self.chat.clock)
        self.chat.platforms["discord"] = self.platform

    async def press(self, *people: Person, where: str = HERE) -> list[str]:
        """What each reads, who all press in one instant."""
        asked = [self.chat.say(f"discuss {ONE.id}", where, each) for each in people]
        working = asyncio.gather(*asked)
        while not working.done():
            await self.deliver()
            self.clock.serve()
            await asyncio.sleep(0)
        return [reply.text for reply in await working]

    async def deliver(self) -> None:
        """As the service does it every two seconds."""
        store, clock = self.chat.store, self.chat.clock
        await Deliverer("discord", self.platform, store, clock, random.Random(1)).deliver()

    def posted(self) -> int:
        return len(self.platform.messages())


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    made = Talk(tmp_path)
    assert isinstance(made.platform, ThreadOpener)
    return made


async def test_who_presses_twice_or_after_another_is_led_to_the_same_thread(talk: Talk) -> None:
    [said] = await talk.press(STARTS)
    assert said.startswith("The thread about A slow result: https://chat.example/")
    assert await talk.press(STARTS) == [said]
    # Who may not start one is led there as well.
    assert await talk.press(READER) == [said]
    assert talk.posted() == 2


async def test_two_people_who_press_in_one_instant_open_one_thread(talk: Talk) -> None:
    one, two = await talk.press(STARTS, BEN)
    assert one == two
    assert one.startswith("The thread about A slow result: https://")
    assert talk.posted() == 2


async def test_each_channel_has_a_thread_of_its_own(talk: Talk) -> None:
    [here], [there] = await talk.press(STARTS), await talk.press(STARTS, where=THERE)
    assert here != there
    assert talk.posted() == 4


async def test_only_who_may_start_a_thread_opens_one(talk: Talk) -> None:
    said = await talk.chat.refused(f"discuss {ONE.id}", person=READER)
    assert said == "You lack it."
    assert talk.posted() == 0
    assert await talk.chat.store.discussion(HERE, ONE.id) is None


async def test_a_thread_that_was_deleted_is_opened_again_once(talk: Talk) -> None:
    [before] = await talk.press(STARTS)
    talk.platform.stands = False
    said = await talk.chat.refused(f"discuss {ONE.id}", person=READER)
    assert said == "You lack it."
    talk.chat.clock.advance(60)
    one, two = await talk.press(STARTS, BEN)
    assert one == two != before
    assert talk.posted() == 4


async def test_where_nobody_can_say_whether_it_stands_the_link_is_given(talk: Talk) -> None:
    [before] = await talk.press(STARTS)
    talk.platform.stands, talk.platform.silent = False, True
    assert await talk.press(STARTS) == [before]


async def test_an_answer_that_was_lost_opens_no_second_thread(talk: Talk) -> None:
    talk.platform.faults = {0: (True, OutcomeUnknown("the connection broke"))}
    [said] = await talk.press(STARTS)
    assert said.startswith("The thread about A slow result is being opened.")
    talk.chat.clock.advance(600)
    await talk.deliver()
    [said] = await talk.press(BEN)
    assert "https://" in said
    assert talk.posted() == 2


async def test_what_the_platform_refuses_is_said_and_tried_again_by_the_next_press(
    talk: Talk,
) -> None:
    talk.platform.faults = {1: (False, PostRefused("I lack Create Public Threads."))}
    [said] = await talk.press(STARTS)
    assert said == (
        "I could not open the thread about A slow result: I lack Create Public Threads.\nOnce that"
        " is settled, press Discuss again."
    )
    [said] = await talk.press(BEN)
    assert "https://" in said
    assert talk.posted() == 2


async def test_a_channel_that_takes_no_posts_says_why_and_gets_its_thread_later(talk: Talk) -> None:
    talk.platform.faults = {0: (False, ChannelRefused("I may not write there."))}
    [said] = await talk.press(STARTS)
    assert said == (
        "I can't post here at the moment: I may not write there.\nThe thread about A slow result"
        " opens as soon as I can."
    )
    talk.chat.clock.advance(7200)
    await talk.deliver()
    [said] = await talk.press(STARTS)
    assert "https://" in said


async def test_in_a_channel_that_a_person_paused_nothing_is_opened(talk: Talk) -> None:
    await talk.chat.say("add reward model")
    await talk.chat.say("pause")
    said = await talk.chat.refused(f"discuss {ONE.id}", person=STARTS)
    assert said == "Posts are paused here, so I open no thread. To post again: resume"


async def test_where_there_are_no_threads_that_is_said(talk: Talk) -> None:
    said = await talk.chat.refused(f"discuss {ONE.id}", "console:", STARTS)
    assert said == "There are no threads here."


async def test_a_paper_that_arxiv_does_not_know_has_no_thread(talk: Talk) -> None:
    said = await talk.chat.refused("discuss 2603.09999", person=STARTS)
    assert said == "arXiv knows no paper 2603.09999."
