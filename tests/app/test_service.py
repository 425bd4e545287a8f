"""The service on a running clock and a real database: what people do, and what fails, acts in
seconds. The clock begins at noon, because what is due depends on the hour and the weekday.

Its delays are shortened by what it is made with; nothing here waits for a time to pass, but for
something to have happened.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
import time_machine

from bot import config as configuration
from bot.app.reloads import Reloads
from bot.app.scheduler import RetryPolicy
from bot.app.service import SWITCH_INTERVAL
from bot.app.wiring import build_service, wire
from bot.clock import SystemClock
from bot.core.collect import collect
from bot.errors import (
    CannotTell,
    ChannelGone,
    ChannelRefused,
    GaveUp,
    PlatformRefused,
    PostRefused,
    SourceDown,
    SourceNotAsked,
)
from bot.model import Batch, Channel, Finding, Followed, Person, Post, Receipt, roles
from bot.model.zotero import ZOTERO_KEY, ZoteroConnection, ZoteroLibrary
from bot.network import Network
from bot.ports import Commands, Zotero
from bot.references import with_references
from bot.store.store import SqlStore
from bot.sync.synchronizer import Synchronizer
from bot.vault import EncryptedVault, new_key
from bot.zotero.client import ZoteroClient
from tests.builders import paper
from tests.fakes import START, FakeClock, FakePlatform, FakeSource, PlainComposer
from tests.store.database import (
    OtherTransaction,
    change,
    opened,
    opened_as,
    opened_on_postgres,
    opened_on_postgres_as,
    select,
)
from tests.store.postgres import database
from tests.wire.zotero_server import KEY, USER, ZoteroServer

HERE = "discord:1142000000000000000"
ADA = Person("Ada", "discord:7")
NOON = START.replace(hour=12)
EVENT_TIMEOUT = 20.0  # seconds until a test that waits for nothing fails
QUICK = RetryPolicy(timedelta(seconds=0.05), timedelta(seconds=0.2))
HOPELESS = RetryPolicy(timedelta(seconds=0.001), timedelta(seconds=0.001), max_failures=3)
CONFIG = """\
[bot]
timezone = "UTC"
data = "data"
[arxiv]
contact = "mailto:bot@papers.invalid"
[discord]
"""


class Chat(FakePlatform):
    """A whole platform; ``refusal`` is why it takes no message now, ``locked_out`` why it lets
    nobody listen."""

    workers = 2
    disconnected_since: datetime | None = None
    degraded = ""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refusal: Exception | None = None
        self.locked_out: PlatformRefused | None = None  # while it is set, nobody may listen
        self.listened = 0
        self.told: list[tuple[str, str]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def listen(self, commands: Commands) -> None:
        self.listened += 1
        if self.locked_out is not None:
            raise self.locked_out
        await asyncio.Event().wait()

    async def tell(self, person_id: str, text: str) -> str:
        self.told.append((person_id, text))
        raise CannotTell("nobody is there")

    async def knows(self, person_id: str) -> bool:
        return False

    async def channel_name(self, channel_id: str) -> str:
        return "#papers in Reading Group"

    async def examine(self, channels: object) -> tuple[Finding, ...]:
        return ()

    def composer(self) -> PlainComposer:
        return PlainComposer()

    async def send(self, post: Post) -> Receipt:
        if self.refusal is not None:
            raise self.refusal
        return await super().send(post)


class NoticingStore(SqlStore):
    """Calls ``on_recheck`` once when a channel is to be rechecked, ``on_publish`` when channels are
    about to be published to."""

    on_recheck: Callable[[], object] | None = None
    on_publish: Callable[[], object] | None = None

    async def to_recheck(self) -> tuple[Channel, ...]:
        channels = await super().to_recheck()
        if channels and self.on_recheck is not None:
            self.on_recheck()
            self.on_recheck = None
        return channels

    async def unchecked(self, platforms: Collection[str]) -> Sequence[str]:
        channels = await super().unchecked(platforms)
        if channels and self.on_publish is not None:
            self.on_publish()
            self.on_publish = None
        return channels


class CollectingStore(SqlStore):
    """Calls ``collect`` as soon as a keyword is followed."""

    collect: Callable[[], Awaitable[object]] | None = None

    async def follow(self, *args: Any, **options: Any) -> Followed | None:
        followed = await super().follow(*args, **options)
        if self.collect is not None:
            await self.collect()
        return followed


class Deployment:
    """A bot in a folder, with one channel on a pretended platform."""

    def __init__(
        self,
        folder: Path,
        chat: Chat | None = None,
        store: SqlStore | None = None,
        zotero: Zotero | None = None,
    ) -> None:
        path = folder / "bot.toml"
        path.write_text(CONFIG)
        self.config = configuration.load(path, {}, need_secrets=False, needs_contact=True)
        self.reloads = Reloads(lambda: self.config)
        self.clock = SystemClock()
        pretended = FakeClock(datetime.now(UTC))
        self.source = FakeSource(pretended)
        self.chat = chat or Chat(folder / "chat.jsonl")
        self.database = folder / "db.sqlite3"
        self.store = store or opened(self.database, patient=False)
        self.vault = EncryptedVault([new_key()], self.store, self.clock)
        self.bot = wire(
            config=self.config,
            clock=self.clock,
            store=self.store,
            source=self.source,
            platforms={"discord": self.chat},
            synchronizer=Synchronizer(path, folder / "channels.lock", self.clock),
            vault=self.vault if zotero else None,
            zotero=zotero,
        )

    def announce(self, *numbers: int, now: datetime | None = None) -> None:
        at = (now or datetime.now(UTC)) - timedelta(hours=1)
        self.source.announce(*(paper(n, published=at) for n in numbers), at=at)

    @asynccontextmanager
    async def serving(self, retry: RetryPolicy = QUICK) -> AsyncIterator[asyncio.Task[object]]:
        service = build_service(
            self.bot, self.reloads, retry=retry, watch_interval=timedelta(seconds=0.05)
        )
        running = asyncio.create_task(service.run())
        try:
            yield running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, GaveUp):
                await running

    async def until(self, happened: Callable[[], bool]) -> None:
        """A log and a file are read, which wake nobody."""
        async with asyncio.timeout(EVENT_TIMEOUT):
            while not happened():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def published_until(self, days_ago: int) -> None:
        at = datetime.now(UTC) - timedelta(days=days_ago)
        change(
            self.store, "update channels set published_until = ?", f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
        )

    async def queue(self, *, now: bool = True) -> None:
        """Collect and publish, without delivering."""
        await self.bot.pipeline.collect()
        await self.bot.pipeline.publish(now=now)

    def posted(self) -> int:
        return len(self.chat.papers(HERE))

    async def say(self, words: str) -> str:
        return (await self.bot.chat().commands.typed(HERE, ADA, words)).text

    async def status(self) -> str:
        """As the command line shows it, of all channels."""
        return (await self.bot.status_queries.status()).text

    def refusals(self) -> list[str]:
        return [row[0] for row in select(self.store, "select reason from refused_platforms")]

    async def refused_with_papers_due(self) -> None:
        """One post was refused by the channel days ago, and a paper has become due there since."""
        self.announce(1)
        await self.say("add reward model")
        self.chat.refusal = ChannelRefused("I lack Send Messages.")
        await self.bot.run_once(now=True)
        self.announce(2)
        await self.queue()
        [view] = (await self.store.state()).channels
        assert (view.paused, view.due, len(view.posts)) == ("refused", 1, 1)
        await self.published_until(days_ago=7)
        self.chat.refusal = None


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    """Hours after a posting time and arXiv's announcement, and hours before the next ones."""
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    deployment = Deployment(tmp_path)
    yield deployment
    deployment.store.close()


# -- a channel that comes back -------------------------------------------------------------------


async def test_a_restored_channel_gets_everything_that_waits_in_the_same_run(
    deployment: Deployment,
) -> None:
    await deployment.refused_with_papers_due()
    change(deployment.store, "update channels set probe_at = '2026-01-01'")
    summary = await deployment.bot.run_once(now=True)
    assert deployment.chat.papers(HERE) == ["2603.00001", "2603.00002"]
    assert summary.waiting == 0


async def test_a_channel_that_is_resumed_gets_everything_that_waits_within_seconds(
    deployment: Deployment,
) -> None:
    await deployment.refused_with_papers_due()
    async with deployment.serving():
        assert await deployment.say("resume") == (
            "Posting again. 1 post that waited will be sent now. The papers kept meanwhile are"
            " posted now."
        )
        status = await deployment.say("status")
        assert "Send Messages" not in status
        await deployment.until(lambda: deployment.posted() == 2)
    assert (await deployment.store.state()).channels[0].paused == ""


async def test_a_channel_that_is_resumed_by_another_process_is_served_within_seconds(
    deployment: Deployment,
) -> None:
    await deployment.refused_with_papers_due()
    async with deployment.serving():
        beside = opened(deployment.database, alone=False)
        assert await beside.resume(HERE)
        beside.close()
        await deployment.until(lambda: deployment.posted() == 2)


async def test_what_another_process_has_collected_is_published_within_seconds(
    deployment: Deployment,
) -> None:
    """Also what one that died had collected: a run is published to every channel, by anybody."""
    await deployment.say("add reward model")
    async with deployment.serving():
        checked = "select 1 from channels where checked_run > 0"
        await deployment.until(lambda: select(deployment.store, checked) != [])
        assert sys.getswitchinterval() == SWITCH_INTERVAL
        await deployment.published_until(days_ago=7)
        deployment.announce(1)
        beside = opened(deployment.database, alone=False)
        await collect(deployment.source, beside, deployment.clock, first_post=0)
        beside.close()
        await deployment.until(lambda: deployment.posted() == 1)
    assert sys.getswitchinterval() != SWITCH_INTERVAL


async def test_a_post_that_another_process_sends_again_goes_out_within_seconds(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    deployment.chat.faults = {0: (False, PostRefused("too long"))}
    async with deployment.serving():
        await deployment.until(lambda: "dead key=" in caplog.text)
        [key] = [p.key for v in (await deployment.store.state()).channels for p in v.posts]
        beside = opened(deployment.database, alone=False)
        assert await beside.resend(key, deployment.clock.now())
        beside.close()
        await deployment.until(lambda: deployment.posted() == 1)


async def test_a_post_sent_again_in_a_channel_that_refused_is_tried_at_once(
    deployment: Deployment,
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    deployment.chat.faults = {0: (False, PostRefused("too long"))}
    await deployment.bot.run_once(now=True)
    [key] = [p.key for v in (await deployment.store.state()).channels for p in v.posts]
    change(deployment.store, "update channels set paused = 'refused', probe_at = '2099-01-01'")
    async with deployment.serving():
        assert "sent again now" in await deployment.say(f"resend {key}")
        await deployment.until(lambda: deployment.posted() == 1)


async def test_in_a_channel_that_a_person_paused_resend_says_that_it_waits_for_resume(
    deployment: Deployment,
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    deployment.chat.faults = {0: (False, PostRefused("too long"))}
    await deployment.bot.run_once(now=True)
    [key] = [p.key for v in (await deployment.store.state()).channels for p in v.posts]
    await deployment.say("pause")
    assert "resume" in await deployment.say(f"resend {key}")


async def test_once_comes_back_to_a_channel_that_somebody_was_just_changing(tmp_path: Path) -> None:
    """On PostgreSQL, beside a command of another process: what is due there does not wait for the
    next run, which cron begins tomorrow."""
    with database() as url:
        deployment = Deployment(tmp_path, store=opened_on_postgres(url))
        await deployment.say("add reward model")
        await deployment.bot.run_once(now=True)
        for number, others_change in enumerate(("mention = ''", "recheck = true"), 1):
            deployment.announce(number)
            with psycopg.connect(url) as other:
                other.execute(f"update channels set {others_change}".encode())  # noqa: S608
                asyncio.get_running_loop().call_later(0.5, other.commit)
                summary = await deployment.bot.run_once(now=True)
            assert deployment.posted() == number
            assert (summary.papers, summary.due) == (1, 0)
        deployment.store.close()


@pytest.mark.parametrize(("paused", "owner"), [("person", ""), ("refused", "discord:7")])
async def test_once_counts_no_post_that_waits_for_a_person_who_paused_or_blocked_the_bot(
    deployment: Deployment, paused: str, owner: str
) -> None:
    """Or else whoever hosts it would get an error from cron on each day after that."""
    deployment.announce(1)
    await deployment.say("add reward model")
    deployment.chat.refusal = ChannelRefused("I lack Send Messages.")
    assert (await deployment.bot.run_once(now=True)).waiting == 1
    change(deployment.store, "update channels set paused = ?, owner = ?", paused, owner)
    assert (await deployment.bot.run_once(now=True)).waiting == 0


async def test_of_a_post_that_is_held_in_a_private_conversation_once_says_nothing(
    deployment: Deployment,
) -> None:
    """Only the person whose it is can see and resend it."""
    deployment.announce(1)
    await deployment.say("add reward model")
    deployment.chat.faults = {0: (False, PostRefused("too long"))}
    assert (await deployment.bot.run_once(now=True)).held == 1
    change(deployment.store, "update channels set owner = 'discord:7'")
    assert (await deployment.bot.run_once(now=True)).held == 0


async def test_a_posting_time_that_is_changed_counts_today(deployment: Deployment) -> None:
    """And not only at the next collect, which was scheduled for the old time."""
    deployment.announce(1)
    await deployment.say("add reward model")
    async with deployment.serving():
        await deployment.until(lambda: deployment.posted() == 1)
        deployment.announce(2)
        await deployment.published_until(days_ago=0)
        await deployment.queue(now=False)
        assert deployment.posted() == 1
        await deployment.published_until(days_ago=1)
        await deployment.say("settings days daily")
        await deployment.until(lambda: deployment.posted() == 2)


# -- crossposting --------------------------------------------------------------------------------


class Announcing(Chat):
    """Its messages are to be crossposted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.handed_on: list[str] = []

    async def send(self, post: Post) -> Receipt:
        return replace(await super().send(post), crosspost=True)

    async def crosspost(self, channel: Channel, message_id: str) -> None:
        self.handed_on.append(message_id)


async def test_what_was_posted_is_handed_on_by_the_service_and_by_once(tmp_path: Path) -> None:
    chat = Announcing(tmp_path / "chat.jsonl")
    deployment = Deployment(tmp_path, chat)
    deployment.announce(1)
    await deployment.say("add reward model")
    await deployment.bot.run_once(now=True)
    assert len(chat.handed_on) == 1
    deployment.announce(2)
    await deployment.queue()
    async with deployment.serving():
        await deployment.until(lambda: len(chat.handed_on) == 2)
    deployment.store.close()


# -- what fails once -----------------------------------------------------------------------------


async def test_a_look_that_found_the_database_busy_is_done_again_within_seconds(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    other = OtherTransaction(deployment.database)
    async with deployment.serving():
        await deployment.until(lambda: caplog.text.count("failed job=collect") >= 2)
        other.roll_back()
        await deployment.until(lambda: deployment.posted() == 1)


async def test_a_fault_of_this_machine_while_arxiv_was_to_be_asked_passes_within_seconds(
    deployment: Deployment,
) -> None:
    deployment.announce(1)
    deployment.source.faults = [SourceNotAsked("no file descriptors are left")] * 2
    await deployment.say("add reward model")  # the first fault is met by the answer to this
    async with deployment.serving():
        await deployment.until(lambda: deployment.posted() == 1)


async def test_a_delivery_that_found_the_database_busy_is_done_again_within_seconds(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    await deployment.queue()
    other = OtherTransaction(deployment.database)
    async with deployment.serving():
        await deployment.until(lambda: "failed job=deliver discord" in caplog.text)
        assert deployment.posted() == 0
        other.roll_back()
        await deployment.until(lambda: deployment.posted() == 1)


async def test_a_look_that_fails_is_tried_ever_less_often_and_asks_arxiv_no_more_often_than_that(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where a new keyword waits, which every watch notices."""
    await deployment.say("add reward model")
    other = OtherTransaction(deployment.database)
    async with deployment.serving(RetryPolicy(timedelta(seconds=0.1), timedelta(hours=1))):
        await deployment.until(lambda: caplog.text.count("retry job=collect") == 4)
        other.roll_back()
    waits = re.findall(r"retry job=collect in=(\S+)s", caplog.text)
    assert waits == ["0.1", "0.2", "0.4", "0.8"]


async def test_what_fails_again_and_again_ends_the_service(deployment: Deployment) -> None:
    await deployment.say("add reward model")
    other = OtherTransaction(deployment.database)
    async with deployment.serving(HOPELESS) as running:
        with pytest.raises(GaveUp, match="collect failed 3 times in a row"):
            await running
    other.roll_back()


async def test_a_page_that_cannot_be_written_keeps_no_post_from_leaving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deployment = Deployment(tmp_path)
    (tmp_path / "bot.toml").write_text(f'{CONFIG}[page]\npath = "missing/papers.md"\n')
    deployment.config = configuration.load(tmp_path / "bot.toml", {}, need_secrets=False)
    deployment.bot = replace(deployment.bot, config=deployment.config)
    deployment.announce(1)
    await deployment.say("add reward model")
    async with deployment.serving(HOPELESS) as running:
        await deployment.until(lambda: "page failed" in caplog.text and deployment.posted() == 1)
        assert not running.done()
    deployment.store.close()


# -- a clock that is set -------------------------------------------------------------------------

STEPS = [timedelta(hours=-6), timedelta(days=-40), timedelta(hours=6), timedelta(days=40)]


@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_a_service_whose_clock_is_set_continues_within_seconds(
    deployment: Deployment, step: timedelta
) -> None:
    """People are heard, what they add is primed, and what waits is sent."""
    deployment.announce(1)
    await deployment.say("add reward model")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        async with deployment.serving():
            await deployment.until(lambda: deployment.posted() == 1)
            clock.shift(step)
            deployment.source.announce(paper(2, "A graph network"), at=START)
            await deployment.say("add graph network")
            await deployment.until(lambda: deployment.posted() == 2)


async def test_a_posting_time_that_a_step_forward_has_passed_is_made_up_at_once(
    deployment: Deployment,
) -> None:
    """As after a night in which the machine slept."""
    deployment.announce(1)
    await deployment.say("add reward model")
    await deployment.say("settings days daily")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        async with deployment.serving():
            await deployment.until(lambda: deployment.posted() == 1)
            deployment.announce(2)
            clock.shift(timedelta(days=1))
            await deployment.until(lambda: deployment.posted() == 2)


@pytest.mark.parametrize("hour", [12, 21])
@pytest.mark.parametrize("when", ["on_publish", "on_recheck"])
async def test_a_posting_time_that_was_slept_through_while_something_was_done_is_made_up(
    tmp_path: Path, when: str, hour: int
) -> None:
    """What is done then looks for the next posting time before the clock's step is noticed. Also
    where the last run was in the evening, less than twelve hours before that posting time."""
    with time_machine.travel(START.replace(hour=hour), tick=True) as clock:
        store = opened_as(NoticingStore, tmp_path / "db.sqlite3", patient=False)
        deployment = Deployment(tmp_path, store=store)
        deployment.announce(1)
        await deployment.say("add reward model")
        await deployment.say("settings days daily")

        def sleep() -> None:
            deployment.announce(2)
            clock.shift(timedelta(days=1))

        setattr(store, when, sleep)
        async with deployment.serving():
            await deployment.until(lambda: deployment.posted() == 2)
        store.close()


async def test_a_posting_time_that_was_slept_through_during_a_run_is_made_up(
    tmp_path: Path,
) -> None:
    """The run ends after that time, but what it was answered is from before it."""
    with time_machine.travel(NOON, tick=True) as clock:
        deployment = Deployment(tmp_path)
        deployment.announce(1)
        await deployment.say("add reward model")
        await deployment.say("settings days daily")

        def sleep(batch: Batch) -> Batch:
            deployment.announce(2)
            clock.shift(timedelta(days=1))
            return batch

        deployment.source.faults.append(sleep)
        async with deployment.serving():
            await deployment.until(lambda: deployment.posted() == 2)
        deployment.store.close()


async def test_after_a_clock_that_was_ahead_the_next_posting_time_is_not_the_future_one(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    await deployment.say("settings days daily")
    real = datetime.now(UTC)
    with time_machine.travel(real + timedelta(days=40), tick=True) as clock:
        async with deployment.serving():
            await deployment.until(lambda: deployment.posted() == 1)
            deployment.announce(2, now=real)
            clock.shift(timedelta(days=-40))
            await deployment.until(
                lambda: "recomputed stored=channels.published_until" in caplog.text
            )
            clock.shift(timedelta(days=1))
            await deployment.until(lambda: deployment.posted() == 2)


async def test_a_bot_that_starts_with_the_right_clock_again_does_not_wait_for_the_wrong_one(
    deployment: Deployment,
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    await deployment.say("settings days daily")
    real = datetime.now(UTC)
    with time_machine.travel(real + timedelta(days=40), tick=True) as clock:
        await deployment.bot.run_once()
        assert deployment.posted() == 1
        deployment.announce(2, now=real)
        clock.shift(timedelta(days=-39))
        await deployment.bot.pipeline.recompute_times()
        await deployment.bot.run_once()
        clock.shift(timedelta(days=1))
        await deployment.bot.run_once()
        assert deployment.posted() == 2


# -- an evening run, and arXiv's announcement after it --------------------------------------------

EVENING = START.replace(hour=21)  # arXiv's announcement can be fetched at 03:45
MORNING = START + timedelta(days=1)
LATER = MORNING + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (
            [SourceDown("reset"), SourceDown("reset")],
            "It is not known what is new: arXiv did not answer (today 08:00).",
        ),
        (
            [],
            "arXiv is late: its announcement of today 01:00 was not there at the last run (today"
            " 08:00). The bot tries again, and posts what comes at once.",
        ),
    ],
    ids=["down", "late"],
)
async def test_a_keyword_added_in_the_evening_does_not_delay_what_arxiv_brings_late_by_a_day(
    tmp_path: Path, faults: list[SourceDown], said: str
) -> None:
    """Its run is complete, and less than twelve hours before the posting time."""
    with time_machine.travel(EVENING, tick=True) as clock:
        deployment = Deployment(tmp_path)
        old = paper(1, published=START - timedelta(days=3))
        deployment.source.announce(old, at=START)
        await deployment.say("add reward model")
        await deployment.bot.run_once()
        assert deployment.posted() == 1
        deployment.source.faults += faults
        for moment in (MORNING.replace(hour=3, minute=45), MORNING):
            clock.move_to(moment)
            await deployment.bot.run_once()
        assert deployment.source.faults == []
        assert said in await deployment.status()
        deployment.announce(2, now=EVENING)
        clock.move_to(LATER)
        await deployment.bot.run_once()
        assert deployment.posted() == 2
        assert "1 paper posted today 08:30." in await deployment.status()
        deployment.store.close()


async def test_a_bot_that_slept_since_the_evening_does_not_say_that_nothing_was_new(
    tmp_path: Path,
) -> None:
    with time_machine.travel(EVENING, tick=True) as clock:
        deployment = Deployment(tmp_path)
        await deployment.say("add reward model")
        await deployment.bot.run_once()
        clock.move_to(MORNING)
        assert "The run for today 08:00 is not finished yet." in await deployment.status()
        clock.move_to(LATER)
        assert (
            "arXiv has not been queried since yesterday 21:00, so today 08:00 was missed. Is the"
            " bot running?"
        ) in await deployment.status()
        deployment.store.close()


async def test_a_run_of_friday_evening_counts_for_saturday_because_nothing_is_announced_between(
    tmp_path: Path,
) -> None:
    with time_machine.travel(EVENING + timedelta(days=4), tick=True) as clock:
        deployment = Deployment(tmp_path)
        await deployment.say("settings days daily")
        await deployment.say("add reward model")
        await deployment.bot.run_once()
        clock.move_to(LATER + timedelta(days=4))
        assert "Nothing new matched at the last run (yesterday 21:00)" in await deployment.status()
        deployment.store.close()


# -- a platform that does not let us in ----------------------------------------------------------


async def test_a_gateway_that_refuses_for_good_neither_ends_the_service_nor_keeps_posts_waiting(
    deployment: Deployment,
) -> None:
    deployment.chat.locked_out = PlatformRefused("Discord refuses the connection.")
    deployment.announce(1)
    await deployment.say("add reward model")
    async with deployment.serving() as running:
        await deployment.until(lambda: deployment.posted() == 1)
        assert not running.done()
        assert deployment.chat.listened == 1, "it is tried again in an hour"
        assert "discord has not let the bot in since" in (await deployment.status())
        assert "Discord refuses the connection." in await deployment.status()


async def test_a_gateway_that_lets_us_in_again_is_no_problem_any_more(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.chat.locked_out = PlatformRefused("Try again soon.", 0.01)
    async with deployment.serving():
        await deployment.until(lambda: deployment.chat.listened > 1)
        deployment.chat.locked_out = None
        with caplog.at_level("INFO"):
            await deployment.until(lambda: "let in platform=discord" in caplog.text)
        assert "has not let the bot in" not in await deployment.status()


async def test_posts_to_a_platform_that_refuses_the_token_wait_and_are_sent_once_it_does_not(
    deployment: Deployment,
) -> None:
    deployment.chat.refusal = PlatformRefused("The token is wrong.", 0.3)
    deployment.announce(1)
    await deployment.say("add reward model")
    async with deployment.serving() as running:
        await deployment.until(lambda: bool(deployment.refusals()))
        assert deployment.refusals() == ["The token is wrong."]
        assert not running.done()
        deployment.chat.refusal = None
        await deployment.until(lambda: deployment.posted() == 1)
        await deployment.until(lambda: not deployment.refusals())


async def test_status_says_of_a_channel_what_its_own_platform_refuses_alone(
    deployment: Deployment,
) -> None:
    await deployment.store.record_refusal("slack", "The token is wrong.", START)
    assert "slack has not let the bot in" in await deployment.status()
    assert "slack has not let the bot in" not in await deployment.say("status")


async def test_a_keyword_that_a_run_finds_at_once_is_not_called_one_that_is_followed_again(
    tmp_path: Path,
) -> None:
    store = opened_as(CollectingStore, tmp_path / "db.sqlite3", patient=False)
    deployment = Deployment(tmp_path, store=store)
    deployment.announce(1)
    store.collect = deployment.bot.pipeline.collect
    said = await deployment.say("add reward model")
    assert (await store.subscriptions(HERE))[0].primed_at is not None
    assert said.startswith("This channel now follows")
    assert (await deployment.say("remove reward model")).startswith("This channel no longer")
    assert "again" in (await deployment.say("add reward model")).partition("\n")[0]
    store.close()


# -- what people are told of their channels ------------------------------------------------------


async def test_who_added_the_first_keyword_is_told_once_which_channel_refuses_and_why(
    deployment: Deployment,
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    deployment.chat.refusal = ChannelRefused("I lack Send Messages.")
    for _ in range(2):
        await deployment.bot.run_once(now=True)
    [(person, text)] = deployment.chat.told
    assert person == ADA.id
    assert text.startswith("I can't post papers in #papers in Reading Group: I lack Send Messages.")
    assert HERE not in text


async def test_a_channel_that_was_deleted_is_archived_and_nothing_waits_or_is_tried_there(
    deployment: Deployment,
) -> None:
    deployment.announce(1)
    await deployment.say("add reward model")
    assert HERE in deployment.config.path.read_text()
    deployment.chat.refusal = ChannelGone("The channel #papers on Discord was deleted.")
    summary = await deployment.bot.run_once(now=True)
    assert (summary.waiting, summary.held) == (0, 0)
    state = await deployment.store.state()
    assert not state.channels
    assert [(each.channel, each.keywords) for each in state.archived] == [(HERE, 1)]
    assert await deployment.store.next_claim("discord", deployment.clock.now()) is None
    assert HERE not in deployment.config.path.read_text()
    [(person, text)] = deployment.chat.told
    assert person == ADA.id
    assert "The channel #papers on Discord was deleted." in text
    assert "for 30 days" in text


# -- several processes -----------------------------------------------------------------------------


class Unforeseen(SqlStore):
    """One renewal of the roles fails in a way that nobody thought of."""

    renewals = 0

    async def acquire_lease(self, role: str, seconds: float) -> int | None:
        if role == roles.COLLECTOR:
            self.renewals += 1
            if self.renewals == 2:
                raise ZeroDivisionError
        return await super().acquire_lease(role, seconds)


async def test_a_process_whose_roles_could_not_be_renewed_for_any_reason_keeps_them(
    tmp_path: Path,
) -> None:
    with database(empty=True) as url:
        store = opened_on_postgres_as(Unforeseen, url)
        deployment = Deployment(tmp_path, store=store)
        async with deployment.serving():
            await deployment.until(lambda: store.renewals > 2)
            assert deployment.bot.leases.holds(roles.COLLECTOR)
        store.close()


@pytest.mark.parametrize(
    ("signals", "continues"),
    [
        ([signal.SIGHUP], True),
        ([signal.SIGHUP, signal.SIGHUP], True),
        ([signal.SIGTERM], False),
        ([signal.SIGHUP, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGHUP], False),
        ([signal.SIGINT, signal.SIGHUP], False),
    ],
)
async def test_whoever_wants_the_service_to_end_is_obeyed_although_it_was_to_reread_its_file(
    tmp_path: Path, signals: list[signal.Signals], continues: bool
) -> None:
    bot = Deployment(tmp_path)
    with bot.reloads.in_loop():
        async with bot.serving() as running:
            await bot.until(lambda: bot.chat.listened > 0)
            for number in signals:
                os.kill(os.getpid(), number)
            assert await running == (bot.config if continues else None)


async def test_a_signal_before_the_service_runs_is_not_lost(tmp_path: Path) -> None:
    bot = Deployment(tmp_path)
    with bot.reloads.in_loop():
        os.kill(os.getpid(), signal.SIGHUP)
        async with bot.serving() as running:
            assert await running == bot.config
    os.kill(os.getpid(), signal.SIGHUP)
    assert bot.reloads.take(), "nor does one end the process behind the loop"
    assert not bot.reloads.take()


async def test_saves_go_to_zotero_until_it_refuses_the_key_and_its_person_is_told_once(
    tmp_path: Path,
) -> None:
    with ZoteroServer() as server:
        client = ZoteroClient(server.url, network=Network())
        deployment = Deployment(tmp_path, zotero=client)
        store = deployment.store
        for owner in (ADA.id, HERE):
            library = ZoteroLibrary(f"users/{USER}", "muster")
            connection = ZoteroConnection(owner, owner == HERE, HERE, library, ADA, START)
            sealed = deployment.vault.seal(ZOTERO_KEY, owner, KEY)
            await store.connect_zotero(connection, sealed, START)
        async with deployment.serving():
            await store.save_all(HERE, [paper(1, "One")], ADA, START)
            await deployment.until(lambda: server.titles() == ["One"])
            del server.keys[KEY]
            for number in (2, 3):
                await store.save_all(HERE, [paper(number)], ADA, START)
                await deployment.until(lambda: len(deployment.chat.told) == 2)
        await client.aclose()
    told = deployment.chat.told
    whose = sorted(with_references(text, lambda each: each.words) for _, text in told)
    why = "Zotero does not let this key write to this library any more"
    assert whose[0].startswith(f"Saved papers no longer reach muster in Zotero. {why}")
    assert whose[1].startswith(
        f"Saved papers of #papers in Reading Group no longer reach muster in Zotero. {why}"
    )
    assert whose[0].endswith("They wait until you connect it again: zotero")
    assert {person for person, _ in told} == {ADA.id}
    store.close()
