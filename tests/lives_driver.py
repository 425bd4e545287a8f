"""Several processes live on one PostgreSQL, and are killed and stopped (``test_several.py``).

Each is what a service is, without a schedule: it takes the roles that are free, records what is
announced, publishes, and delivers. One that is to be stopped stops itself with SIGSTOP between the
claim of a post and its request, as a process in a frozen container does; it continues when others
have sent its posts. At the end every paper is in every channel once.

The control leaves out the check before a request, and must end with papers that are doubled.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import SystemClock
from bot.core.deliver import Deliverer, DeliveryTimeouts
from bot.core.digest import Rules
from bot.core.leases import Leases
from bot.core.publish import publish
from bot.errors import StoreError
from bot.keywords import parse
from bot.last_check import before_writing
from bot.model import Hit, Person, Post, Prime, Receipt, Run, roles
from bot.model.timetable import Timetable
from bot.ports import Store
from tests.builders import paper
from tests.fakes import FakePlatform, PlainComposer
from tests.store.database import opened_on_postgres, select

KEYWORD = parse("reward model")
CHANNELS = tuple(f"fake:{n:02}" for n in range(8))
PER_DAY = 3  # papers
LEASE = timedelta(seconds=2)
SETTLING = 0.2  # seconds; this platform stores what was sent at once
GIVE_UP_SECONDS = 100.0  # and so many more for each kill beyond the first ten
SECONDS_PER_KILL = 10.0
STOP_CHANCE = 0.1  # that a process which is started stops itself before one of its requests
DELIVERY = roles.delivery("fake")
RULES = Rules(Timetable(ZoneInfo("UTC"), datetime.min.time(), frozenset(range(7))), backlog=None)


class Platform(FakePlatform):
    """Stops its own process right before the request number ``stop_at``."""

    def __init__(self, path: Path, stop_at: int | None) -> None:
        super().__init__(path)
        self._stop_at = stop_at

    async def send(self, post: Post) -> Receipt:
        await asyncio.sleep(0.002)
        if self.sends == self._stop_at:
            self._stop_at = None
            os.kill(os.getpid(), signal.SIGSTOP)
        before_writing()
        return await super().send(post)


async def live(url: str, folder: Path, fenced: bool, stop_at: int | None) -> None:
    clock = SystemClock()
    store = opened_on_postgres(url)
    leases = Leases([roles.COLLECTOR, DELIVERY], store, clock, length=LEASE)
    check = leases[DELIVERY].check if fenced else (lambda: None)
    deliverer = Deliverer(
        "fake", Platform(folder / "messages", stop_at), store, clock, random.Random(),
        DeliveryTimeouts(settling=SETTLING, first_delay=0.05), workers=4, check=check,
    )  # fmt: skip
    delivering: asyncio.Task[None] | None = None
    keeping = asyncio.create_task(_keep(leases))
    had = False
    while not (folder / "done").exists():
        with suppress(StoreError):
            if leases.holds(roles.COLLECTOR):
                await record(store, int((folder / "day").read_text()), clock.now())
            await publish(
                store, {"fake": lambda: PlainComposer(2)}, lambda _: RULES, clock, now=True
            )
            has = leases.holds(DELIVERY)
            if delivering is not None and (delivering.done() or (had and not has and fenced)):
                delivering.cancel()
                await asyncio.gather(delivering, return_exceptions=True)
                delivering = None
            if has and not had:
                await store.release(clock.now(), SETTLING, "fake")
                deliverer.take_over()
            had = has
            if has and delivering is None:
                delivering = asyncio.create_task(deliverer.deliver(wait=0.2))
        await asyncio.sleep(0.08)
    for task in filter(None, [delivering, keeping]):
        task.cancel()
    store.close()


async def _keep(leases: Leases) -> None:
    await leases.renew()
    await leases.keep()


async def record(store: Store, day: int, at: datetime) -> None:
    """What is announced until that day; recorded once, whichever process does it. One that was
    killed meanwhile may have recorded the papers alone."""
    if sum((await store.measures()).ledger.values()) >= day * PER_DAY * len(CHANNELS):
        return
    papers = tuple(paper(n, "A reward model") for n in range(1, day * PER_DAY + 1))
    hits = tuple(Hit(each.id, KEYWORD.canonical, "title") for each in papers)
    await store.record(Run(at, at, at, False, True, papers, hits), first_post=0)


async def follow(url: str) -> None:
    store = opened_on_postgres(url)
    at = datetime.now(UTC)
    for channel in CHANNELS:
        await store.follow(channel, KEYWORD, Person(""), at)
    prime = Prime(KEYWORD.canonical, (), None, 0)
    await store.record(Run(at, at, at, False, True, primes=(prime,)), first_post=0)
    store.close()


class Posted:
    """What was posted so far, read on from where the last look ended: over a thousand kills, whole
    files would be most of the work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0  # bytes
        self.messages = 0
        self.papers: Counter[tuple[str, str]] = Counter()  # by channel and paper

    def look(self) -> None:
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]
            self._read += len(whole) + 1 if whole else 0
            for line in whole.splitlines():
                message = json.loads(line)
                self.messages += 1
                for paper_id in json.loads(message["payload"])["papers"]:
                    self.papers[message["channel"], paper_id] += 1

    def everywhere(self, count: int) -> bool:
        """Whether so many papers are in every channel."""
        self.look()
        found = Counter(channel for channel, _ in self.papers)
        return all(found[each] >= count for each in CHANNELS)

    @property
    def doubled(self) -> int:
        return sum(times - 1 for times in self.papers.values())


class Processes:
    def __init__(self, url: str, folder: Path, fenced: bool) -> None:
        self._url, self._folder = url, folder
        self.fenced = fenced
        self.pids: list[int] = []
        self.stopped: list[int] = []
        self.stops = 0
        self.stopping = 0  # the one that is to stop itself, or has

    @property
    def may_stop(self) -> bool:
        """Whether one more may: not all at once, or nobody would have its role."""
        return self.stopping not in self.pids

    def start(self, stop_at: int | None = None) -> None:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asyncio.run(live(self._url, self._folder, self.fenced, stop_at))
                status = 0
            finally:
                if status:
                    traceback.print_exc()
                os._exit(status)
        self.pids.append(pid)
        if stop_at is not None:
            self.stopping = pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.pids.remove(pid)

    def find_the_stopped(self) -> None:
        """Notice which have stopped themselves since the last call."""
        for pid in self.pids:
            found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if found and not os.WIFSTOPPED(status):
                raise RuntimeError("a process has ended by itself")
            if found:
                self.stopped.append(pid)
                self.stops += 1

    def wait_for_a_stopped(self) -> None:
        """Until the one has stopped that is to."""
        os.waitpid(self.stopping, os.WUNTRACED)
        self.stopped.append(self.stopping)
        self.stops += 1

    def wake_a_stopped(self) -> None:
        os.kill(self.stopped.pop(), signal.SIGCONT)
        self.stopping = 0


def write_day(folder: Path, day: int) -> None:
    """Whole, or not at all: it is read at any time."""
    (folder / "next day").write_text(str(day))
    (folder / "next day").replace(folder / "day")


def random_deaths(
    posted: Posted, processes: Processes, folder: Path, number: int, kills: int, seed: int
) -> tuple[int, int]:
    """``number`` processes, until so many were killed; how many days they lived, and how many were
    killed."""
    rng = random.Random(seed)
    for n in range(number):
        processes.start(None if n else rng.randint(2, 9))
    day = killed = 0
    give_up = time.monotonic() + GIVE_UP_SECONDS + SECONDS_PER_KILL * max(0, kills - 10)
    next_kill = 5
    while time.monotonic() < give_up:
        done = posted.everywhere(day * PER_DAY)
        processes.find_the_stopped()
        if done and processes.stopped:  # whose posts others have sent
            processes.wake_a_stopped()
        elif done and killed >= kills:
            break
        elif done:
            day += 1
            write_day(folder, day)
        running = [pid for pid in processes.pids if pid not in processes.stopped]
        if killed < kills and running and posted.messages >= next_kill:
            processes.kill(rng.choice(running))
            stops = processes.may_stop and rng.random() < STOP_CHANCE
            processes.start(rng.randint(2, 9) if stops else None)
            killed += 1
            next_kill = posted.messages + rng.randint(1, 8)
        time.sleep(0.04)
    return day, killed


def stopped_at_the_last_moment(
    posted: Posted, processes: Processes, folder: Path
) -> tuple[int, int]:
    """The story without chance, which ends when a paper is doubled; how many days it took, and how
    many were killed."""
    write_day(folder, 1)
    processes.start(stop_at=0)
    processes.wait_for_a_stopped()
    processes.start()
    wait_until(lambda: posted.everywhere(PER_DAY))
    processes.wake_a_stopped()
    if not processes.fenced:
        wait_until(lambda: posted.everywhere(PER_DAY) and posted.doubled > 0)
        return 1, 0
    processes.kill(processes.pids[-1])
    write_day(folder, 2)
    wait_until(lambda: posted.everywhere(2 * PER_DAY))
    return 2, 1


def wait_until(happened: Callable[[], bool]) -> None:
    """Or until it certainly does not happen any more."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not happened() and time.monotonic() < give_up:
        time.sleep(0.04)


def _states(url: str) -> dict[str, int]:
    store = opened_on_postgres(url)
    found = dict(select(store, "select state, count(*) from outbox group by 1"))
    store.close()
    return found


def main(story: str, url: str, folder: Path, number: int, kills: int, seed: int) -> None:
    """``story`` is ``random``, ``stopped``, or ``stopped-unchecked`` for the control."""
    asyncio.run(follow(url))
    posted = Posted(folder / "messages")
    write_day(folder, 0)
    processes = Processes(url, folder, fenced=story != "stopped-unchecked")
    if story == "random":
        day, killed = random_deaths(posted, processes, folder, number, kills, seed)
    else:
        day, killed = stopped_at_the_last_moment(posted, processes, folder)
    if processes.fenced:  # what a process was sending that was killed last is still looked for
        wait_until(lambda: _states(url).keys() == {"sent"})
    (folder / "done").touch()
    for pid in [*processes.pids]:
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)
    states = _states(url)
    posted.look()
    json.dump(
        {
            "days": day, "killed": killed, "stopped": processes.stops, "states": states,
            "posts": posted.messages,
            "lost": len(CHANNELS) * day * PER_DAY - len(posted.papers),
            "doubled": posted.doubled,
        },
        sys.stdout,
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:7]))
