"""Lives three days of the bot, and is killed at every step of them (run by ``test_crash.py``).

A *step* is a moment before or after a transaction commits, and before, in the middle of and after a
send; where a transaction begins, the disk is as the one before it left it. What is recorded and
published is cut into many transactions, so that there are steps between any two parts of it. For
each step a process of its own lives the days and kills itself there with SIGKILL, so that nothing
can clean up; a second process then takes over what it left on disk. What is in the channels at
the end is held against an undisturbed life in which nothing was cut.

Prints one JSON object: the number of steps, and what went wrong at which.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.core.collect import collect
from bot.core.deliver import Deliverer, DeliveryTimeouts
from bot.core.digest import MIN_SAVED, Rules
from bot.core.news import KINDS
from bot.core.publish import publish, republish
from bot.errors import ChannelRefused, OutcomeUnknown, SourceDown, TryLater
from bot.keywords import parse
from bot.model import Channel, Person, Post, Prepared, Publication, Receipt
from bot.model.timetable import Timetable
from bot.store.engines.base import Connection as StoreConnection
from bot.store.statements import news
from bot.store.statements import publish as publish_statements
from bot.store.statements.publish import Plan
from bot.store.statements.rows import to_text
from bot.store.store import SqlStore
from tests import memory
from tests.builders import paper
from tests.fakes import FakeClock, FakePlatform, FakeSource, PlainComposer
from tests.store.database import opened_as

CHANNELS = ("fake:one", "fake:two", "fake:three")
FIRST_DAY = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
DAYS = 3
LATE = 60.0  # seconds after which a message can be found, whichever process was killed meanwhile
CUT = 20  # rows at once, of some three hundred: a few papers, two channels
# The last day is the last posting day of its week.
RULES = Rules(
    Timetable(ZoneInfo("UTC"), time(8, 0), frozenset(range(5))), backlog=None, news=KINDS["all"]
)
BY_SIMILARITY = "fake:two"
SAVED = tuple(paper(n, f"Graph network {n}", month="2602") for n in range(1, MIN_SAVED + 1))
WITHDRAWN = "This paper has been withdrawn by the authors"


class Steps:
    """Counts steps and dies at the chosen one."""

    def __init__(self, fatal: int | None) -> None:
        self._fatal = fatal
        self.count = 0

    def step(self) -> None:
        if self.count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


def connecting(steps: Steps) -> Callable[[str], sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            if sql != "commit":
                return super().execute(sql, *args)
            steps.step()
            cursor = super().execute(sql)
            steps.step()
            return cursor

    return lambda path: sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=Connection
    )


class MortalPlatform(FakePlatform):
    steps: Steps

    async def send(self, post: Post) -> Receipt:
        self.steps.step()
        receipt = await super().send(post)
        self.steps.step()
        return receipt

    def _append(self, post: Post) -> None:
        self.steps.step()
        super()._append(post)
        self.steps.step()


class SeenBeforeQueued(SqlStore):
    """The common mistake, as a control: "posted" is committed before the message is queued."""

    async def publish(
        self,
        plans: Iterable[tuple[str, Plan]],
        at: datetime,
        prepared: Mapping[str, Prepared] | None = None,
        *,
        once_per_run: bool = False,
    ) -> int:
        del prepared, once_per_run
        return sum([await self._publish(channel_id, plan, at) for channel_id, plan in plans])

    async def _publish(self, channel_id: str, plan: Plan, at: datetime) -> int:
        decided: list[Publication | None] = []

        def step(db: StoreConnection) -> None:
            publication = None
            for agenda in publish_statements.agendas(db, [channel_id]):
                publication = plan(agenda)
            decided.append(publication)
            for _, draft in publication.drafts if publication else ():
                db.executemany(
                    "update ledger set state = 'posted', at = ? where channel_id = ?"
                    " and paper_id = ?",
                    [(to_text(at), channel_id, paper_id) for paper_id in draft.paper_ids],
                )
                news.settle(db, channel_id, draft.news, "posted", at)
            if publication and publication.most_saved_until:
                told_until = to_text(publication.most_saved_until)
                db.execute(
                    "update channels set most_saved_until = ? where id = ?",
                    (told_until, channel_id),
                )

        await self.engine.write(step)
        publication = decided[0]
        if publication is None:
            return 0
        drafts = publication.drafts
        await self.engine.write(lambda db: publish_statements.queue(db, channel_id, drafts, at))
        return len(drafts)


def source(clock: FakeClock) -> FakeSource:
    """Nine papers before the bot; a day with new ones, one of them late; then a failing day.

    Of what was posted on the first day, one paper is accepted and one withdrawn on the second, and
    one withdrawn on the failing day.
    """
    arxiv = FakeSource(clock)
    first = FIRST_DAY - timedelta(days=1)
    arxiv.announce(*(paper(n, "A reward model") for n in range(1, 6)), at=first)
    arxiv.announce(*(paper(n, "A graph network") for n in range(6, 10)), at=first)
    second = FIRST_DAY + timedelta(hours=12)
    arxiv.announce(*(paper(n, "A reward model of a graph network") for n in (11, 12)), at=second)
    arxiv.announce(*(paper(n, "Another graph network") for n in (13, 14, 15)), at=second)
    late = FIRST_DAY - timedelta(days=9)
    arxiv.announce(paper(16, "A reward model held for long", published=late), at=second)
    third = FIRST_DAY + timedelta(hours=36)
    arxiv.announce(*(paper(n, "The last reward model") for n in (17, 18)), at=third)
    for number, at in ((5, second), (4, third)):
        gone = paper(number, "A reward model", version=2, updated=at, comment=WITHDRAWN)
        arxiv.announce(gone, at=at)
    arxiv.announce(paper(9, "A graph network", comment="Accepted at ICML 2026"), at=second)
    return arxiv


def faults() -> dict[int, tuple[bool, Exception]]:
    return {
        1: (True, OutcomeUnknown("the answer was lost")),
        2: (False, OutcomeUnknown("the request was lost")),
        4: (False, TryLater("slow down", 2.0)),
        6: (False, ChannelRefused("not a member")),
    }


@dataclass(frozen=True)
class How:
    """How the bot lives; the controls live otherwise than it does."""

    store_type: type[SqlStore] = SqlStore
    remembers: bool = True
    settling: float = DeliveryTimeouts().settling


async def live(folder: Path, steps: Steps, how: How, batch_size: int | None) -> None:
    """From the day on which a former life ended to the last; then until everything has settled."""
    notebook = folder / "day"
    began = int(notebook.read_text()) if notebook.exists() else 0
    clock = FakeClock(FIRST_DAY + timedelta(days=began))
    platform = MortalPlatform(
        folder / "messages", faults=faults(), remembers=how.remembers, clock=clock, late=LATE
    )
    platform.steps = steps
    store = opened_as(
        how.store_type, folder / "db", connect=connecting(steps), batch_size=batch_size
    )
    await store.release(clock.now(), how.settling)
    await _follow_all(store, clock.now())
    await _save_all(store)
    arxiv = source(clock)
    timeouts = DeliveryTimeouts(settling=how.settling)
    deliverer = Deliverer("fake", platform, store, clock, random.Random(1), timeouts)
    for day in range(began, DAYS + 1):
        notebook.write_text(str(day))
        clock.jump(FIRST_DAY + timedelta(days=day))
        if day == 2:
            arxiv.faults = [SourceDown("no answer")]
            await collect(arxiv, store, clock, first_post=3)
        await collect(arxiv, store, clock, first_post=3)
        await publish(store, {"fake": lambda: PlainComposer(2)}, _rules, clock)
        await deliverer.deliver(wait=7200 if day == DAYS else 120)
    # What became due in a channel while it was paused.
    await republish(store, {"fake": lambda: PlainComposer(2)}, _rules, clock)
    await deliverer.deliver(wait=7200)
    store.close()


async def _follow_all(store: SqlStore, at: datetime) -> None:
    for channel in CHANNELS:
        await store.follow(channel, parse("reward model"), Person(""), at)
        if channel != "fake:three":
            await store.follow(channel, parse("graph network"), Person(""), at)


async def _save_all(store: SqlStore) -> None:
    """Two people save a paper in two channels, in the week that ends on the last day; and one of
    them enough for a digest to be ordered by it."""
    for channel, papers in (("fake:one", SAVED[:1]), (BY_SIMILARITY, SAVED)):
        await store.save_all(channel, papers, Person("Ada", "fake:1"), FIRST_DAY)
        await store.save_all(channel, papers[:1], Person("Ben", "fake:2"), FIRST_DAY)
    await store.change_settings(BY_SIMILARITY, {"order": "similarity"})


def _rules(channel: Channel) -> Rules:
    return replace(RULES, by_similarity=channel.order == "similarity")


def in_a_process(work: Callable[[], None]) -> int:
    """Fork, do the work there, and return how it ended: 0, an exit status, or minus a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            if status:
                traceback.print_exc()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def life(folder: Path, fatal: int | None, how: How, batch_size: int | None = CUT) -> int:
    def work() -> None:
        steps = Steps(fatal)
        asyncio.run(live(folder, steps, how, batch_size))
        (folder / "steps").write_text(str(steps.count))

    return in_a_process(work)


def posted(folder: Path) -> dict[str, Counter[str]]:
    platform = FakePlatform(folder / "messages")
    return {
        channel: Counter(
            [
                *platform.papers(channel),
                *platform.news(channel),
                *platform.most_saved(channel),
                *set(platform.likes(channel)),  # a kill may part a digest in two
            ]
        )
        for channel in CHANNELS
    }


def main(mode: str, first_step: int, stride: int) -> None:
    """``mode`` is ``real`` or the name of a control, which ends with the first wrong outcome."""
    how = {
        "real": How(),
        "seen-before-queued": How(store_type=SeenBeforeQueued),
        "no-find": How(remembers=False),
        "no-settling": How(settling=0.0),
    }[mode]
    base = memory.folder("crash")
    try:
        undisturbed = base / "undisturbed"
        undisturbed.mkdir()
        status = life(undisturbed, None, How(), None)
        reference = posted(undisturbed)
        wrong: list[dict[str, object]] = []
        fatal, killed = first_step, 0
        while status == 0 and not (wrong and mode != "real"):
            folder = base / str(fatal)
            folder.mkdir()
            first = life(folder, fatal, how)
            if first == 0:
                break
            second = life(folder, None, how)
            got = posted(folder)
            if (first, second) != (-signal.SIGKILL, 0) or got != reference:
                wrong.append(
                    {"step": fatal, "ended": [first, second], **difference(got, reference)}
                )
            shutil.rmtree(folder)
            fatal, killed = fatal + stride, killed + 1
        counts = {channel: dict(papers) for channel, papers in reference.items()}
        outcome = {"steps": killed, "status": status, "wrong": wrong, "posted": counts}
        json.dump(outcome, sys.stdout)
    finally:
        shutil.rmtree(base)


def difference(
    got: dict[str, Counter[str]], reference: dict[str, Counter[str]]
) -> dict[str, list[str]]:
    return {
        "lost": [f"{c} {p}" for c in CHANNELS for p in reference[c] - got[c]],
        "doubled": [f"{c} {p}" for c in CHANNELS for p in got[c] - reference[c]],
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
