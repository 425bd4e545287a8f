"""What people saved, from the database to the messages: the order of a digest, and a week's end."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.discord.render import DiscordComposer
from bot.app.channel_rules import ChannelRules
from bot.arxiv.calendar import AnnouncementCalendar
from bot.config import ScheduleConfig
from bot.core.channel_settings import CatchUp, CatchUpKind, PostingDays
from bot.core.collect import collect
from bot.core.publish import publish
from bot.keywords import parse
from bot.matching.similarity import InverseFrequencies, Profile
from bot.model import ChannelSaves, Paper, Person
from tests.builders import paper
from tests.fakes import START, FakeClock, FakeSource
from tests.store.database import change, opened, select

HERE, THERE = "discord:11420000000000000001", "discord:11420000000000000002"
ADA, BEN = Person("Ada", "discord:1"), Person("Ben", "discord:2")
DAY = timedelta(days=1)
SCHEDULE = ScheduleConfig(
    time(8, 0), PostingDays(frozenset(range(5))), CatchUp(CatchUpKind.ALL), first_post=3, in_full=30
)
GLACIERS = [
    paper(n, f"Glacier flow {n}", abstract=f"How ice flows in valley {n}.") for n in range(1, 1_101)
]


class Bot:
    """Two Discord channels that follow the same, over a real database; nothing is sent."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock)
        self.store = opened(folder / "db")
        self.rules = ChannelRules(SCHEDULE, ZoneInfo("UTC"), AnnouncementCalendar()).rules

    async def run(self, *papers: Paper) -> None:
        """Announced, fetched, and published whatever the time of day."""
        self.source.announce(*papers)
        await collect(self.source, self.store, self.clock, first_post=0)
        await self.publish()

    async def publish(self) -> None:
        await publish(self.store, {"discord": DiscordComposer}, self.rules, self.clock, now=True)

    def sent(self, channel: str) -> list[str]:
        rows = select(self.store, "select channel_id, payload from outbox order by seq")
        return [payload for where, payload in rows if where == channel]


async def started(bot: Bot) -> Bot:
    for channel in (HERE, THERE):
        await bot.store.follow(channel, parse("reward"), Person("Ada"), START)
    await bot.run()
    return bot


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    bot = await started(Bot(tmp_path))
    yield bot
    bot.store.close()


def new_papers() -> list[Paper]:
    at = START
    return [
        paper(2_001, "A reward for glacier ice", abstract="Ice that flows.", published=at),
        paper(2_002, "A reward for soup", abstract="Soup that boils.", published=at),
        paper(2_003, "A reward for birds", abstract="Birds that sing.", published=at),
    ]


async def test_a_channel_that_asks_for_it_sees_first_what_is_like_its_saved_papers(
    bot: Bot,
) -> None:
    await bot.store.save_all(HERE, GLACIERS[:10], ADA, START)
    await bot.store.change_settings(HERE, {"order": "similarity"})
    bot.clock.advance(DAY.total_seconds())
    await bot.run(*new_papers())
    [mine], [theirs] = bot.sent(HERE), bot.sent(THERE)
    places = [mine.index(each.title) for each in new_papers()]
    assert places[0] == min(places)
    assert "like *Glacier flow" in mine
    assert [theirs.index(each.title) for each in new_papers()] == sorted(
        (theirs.index(each.title) for each in new_papers()), reverse=True
    )
    assert "saved here" not in theirs
    states = select(bot.store, "select distinct state from ledger where paper_id > '2603.02000'")
    assert states == [("posted",)], "nothing was left out"


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_saves_and_take_backs_the_order_is_that_of_what_is_saved_now(
    bot: Bot, seed: int
) -> None:
    """Day after day, with profiles that are kept, added to, written again and dropped."""
    rng = random.Random(seed)
    words = ["ice", "glacier", "soup", "bird", "song", "dawn", "flow", "boil", "valley", "sort"]
    sayings = [" ".join(rng.choices(words, k=8)) for _ in range(200)]
    papers = [
        paper(n, f"Number {n}", abstract=f"{text} reward") for n, text in enumerate(sayings, 1)
    ]
    library, announced = papers[:100], iter(papers[100:])
    await bot.store.change_settings(HERE, {"order": "similarity"})
    await bot.store.save_all(HERE, library[:30], ADA, START)
    orders = set()
    for day in range(12):
        changes = rng.choice(["none", "few", "many", "forget", "revise"])
        for one in rng.sample(library, {"few": 3, "many": 40}.get(changes, 0)):
            await bot.store.toggle_save(HERE, one, rng.choice([ADA, BEN]), bot.clock.now())
        if changes == "forget":
            await bot.store.forget_person(BEN, bot.clock.now())
        if changes == "revise":
            place = rng.randrange(30)
            library[place] = replace(library[place], version=day + 2, abstract=rng.choice(sayings))
            await bot.store.save_all(THERE, [library[place]], BEN, bot.clock.now())
        bot.clock.advance(DAY.total_seconds())
        new = [next(announced) for _ in range(6)]
        await bot.run(*new)
        now = await bot.store.saved(HERE, "", limit=1_000)
        profile = Profile(each.paper for each in now.papers)
        frequencies = InverseFrequencies(await bot.store.newest_papers(1_000))
        new.sort(key=lambda each: (-profile.similarity(each, frequencies), -each.serial))
        mine = bot.sent(HERE)[-1]
        places = [mine.index(each.title) for each in new]
        assert places == sorted(places), changes
        like = profile.nearest(new[0], frequencies)
        assert like is not None
        assert f"like *{like.title}*" in mine
        orders.add(tuple(each.serial for each in new))
    assert any(tuple(sorted(each, reverse=True)) != each for each in orders)
    kept = select(bot.store, "select count(*) from profiles where data is not null")
    assert kept == [(1,)], "of the one channel that asks for the order"


@pytest.mark.parametrize(
    ("column", "damage"),
    [
        ("data", lambda data: b""),
        ("data", lambda data: data[:8]),
        ("data", lambda data: data[:-1]),
        ("data", lambda data: data[:-400]),
        ("data", lambda data: bytes(len(data))),
        ("data", lambda data: data[:16] + b"\xff" + data[17:]),
        ("data", lambda data: data[:-2] + b"\xff\xff"),
        ("papers", lambda papers: "[]"),
        ("papers", lambda papers: papers[:-1]),
    ],
    ids=["empty", "head", "byte", "end", "zeros", "text", "place", "no ids", "no list"],
)
def test_a_damaged_profile_is_made_anew_and_keeps_no_channel_waiting(
    tmp_path: Path, column: str, damage: Callable[[Any], object]
) -> None:
    bot = asyncio.run(started(Bot(tmp_path)))
    asyncio.run(bot.store.save_all(HERE, GLACIERS[:20], ADA, START))
    asyncio.run(bot.store.change_settings(HERE, {"order": "similarity"}))
    orders = []
    for day in range(3):
        bot.clock.advance(DAY.total_seconds())
        new = [replace(each, id=f"2603.0{day + 3}{each.serial}") for each in new_papers()]
        asyncio.run(bot.run(*new))
        mine, theirs = bot.sent(HERE)[-1], bot.sent(THERE)[-1]
        assert all(each.id in theirs for each in new)
        orders.append((mine.index("glacier ice") < mine.index("for birds"), "like *" in mine))
        [kept] = select(bot.store, "select data, papers from profiles where data is not null")
        damaged = dict(zip(("data", "papers"), kept, strict=True))
        damaged[column] = damage(damaged[column])
        change(bot.store, "update profiles set data = ?, papers = ?", *damaged.values())
    assert orders == [(True, True)] * 3
    bot.store.close()


async def test_nothing_is_kept_of_a_channel_in_which_all_saves_were_taken_back(bot: Bot) -> None:
    """No digest of it is ordered any more, so nothing would be written over its profile."""
    await bot.store.save_all(HERE, GLACIERS[:12], ADA, START)
    await bot.store.change_settings(HERE, {"order": "similarity"})
    bot.clock.advance(DAY.total_seconds())
    await bot.run(*new_papers())
    [(kept,)] = select(bot.store, "select data from profiles")
    assert b"Glacier flow 7" in kept
    for each in GLACIERS[:12]:
        await bot.store.toggle_save(HERE, each, ADA, START + DAY)
    assert select(bot.store, "select papers, data from profiles") == [("[]", None)]


async def test_a_save_whose_paper_is_gone_keeps_no_channel_waiting(
    bot: Bot, tmp_path: Path
) -> None:
    """As after a row was deleted by hand, which checks no foreign key."""
    await bot.store.save_all(HERE, GLACIERS[:12], ADA, START)
    await bot.store.change_settings(HERE, {"order": "similarity"})
    with closing(sqlite3.connect(tmp_path / "db")) as by_hand, by_hand:
        by_hand.execute("delete from saved_papers where id = ?", (GLACIERS[3].id,))
    bot.clock.advance(DAY.total_seconds())
    await bot.run(*new_papers())
    [mine], [_] = bot.sent(HERE), bot.sent(THERE)
    assert "like *Glacier flow" in mine


async def saves(bot: Bot) -> ChannelSaves:
    [agenda] = await bot.store.agendas([HERE])
    assert agenda.saves is not None
    return agenda.saves


async def test_of_very_many_saved_papers_the_last_thousand_are_compared(bot: Bot) -> None:
    """The oldest are left out a hundred at a time."""
    await bot.store.save_all(HERE, GLACIERS[1000:], ADA, START - DAY)
    await bot.store.save_all(HERE, GLACIERS[:1000], ADA, START)
    await bot.store.change_settings(HERE, {"order": "similarity"})
    bot.clock.advance(DAY.total_seconds())
    bot.source.announce(*new_papers())
    await collect(bot.source, bot.store, bot.clock, first_post=0)
    assert (await saves(bot)).ids == frozenset(each.id for each in GLACIERS[:1000])
    await bot.publish()
    [mine] = bot.sent(HERE)
    assert "like *Glacier flow" in mine
    bot.source.announce(paper(2_100, "Another reward"))
    await collect(bot.source, bot.store, bot.clock, first_post=0)
    for extra, compared in ((1, 901), (2, 902)):
        await bot.store.toggle_save(HERE, paper(3_000 + extra, "Soup"), ADA, START)
        assert len((await saves(bot)).ids or ()) == compared
    await bot.store.toggle_save(HERE, GLACIERS[1_001], ADA, START)
    await bot.store.toggle_save(HERE, GLACIERS[1_002], ADA, START)
    assert len((await saves(bot)).ids or ()) == 1_000


async def test_a_week_ends_with_what_several_people_saved_told_once_and_here_alone(
    bot: Bot,
) -> None:
    bot.clock.jump(START + (4 - START.weekday()) % 7 * DAY)  # a Friday
    friday = bot.clock.now()
    await bot.store.save_all(HERE, GLACIERS[:2], ADA, friday - DAY)
    await bot.store.save_all(HERE, GLACIERS[:1], BEN, friday - DAY)
    await bot.run()
    await bot.publish()
    bot.clock.advance(3600)
    await bot.run(*new_papers())
    told = [payload for payload in bot.sent(HERE) if "saved by 2 people" in payload]
    assert len(told) == 1
    assert "the week's most saved papers" in told[0]
    assert GLACIERS[0].title in told[0]
    assert f"[{GLACIERS[1].title}]" not in told[0]
    assert not [payload for payload in bot.sent(THERE) if "saved by" in payload]


async def test_who_asked_to_be_forgotten_counts_no_more_among_the_most_saved(bot: Bot) -> None:
    bot.clock.jump(START + (4 - START.weekday()) % 7 * DAY)
    friday = bot.clock.now()
    for who in (ADA, BEN):
        await bot.store.save_all(HERE, GLACIERS[:1], who, friday - DAY)
    await bot.store.forget_person(BEN, START)
    await bot.run()
    assert bot.sent(HERE) == []
