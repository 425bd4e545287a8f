"""The fire drill: weeks of a bot's life in minutes, with everything going wrong that can.

The real process between a small Discord, a small Slack and a small arXiv. A step is some hours: the
clocks of all jump together, then the bot gets a moment. Meanwhile faults of every kind on all three
sides, messages that are stored seconds after they were sent, kills, a clock that is wrong by hours
or weeks, a database that another process locks, a full disk, hand edits of ``bot.toml`` and
commands from the chats. At the end some quiet days, and the count: each matching paper once in each
channel, nothing doubled, nothing lost.

``./do drill`` runs three weeks, ``./do drill --days 5 --seed 7`` others; ``--kills 1000 --jobs 2``
continues until the bot was killed so often, in two worlds at once; ``--settling 75`` lets the
platforms store messages up to a minute late, as the real ones may; ``--postgres --processes 3``
lets so many share a PostgreSQL, which is restarted too, and stops them besides killing them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import time_machine

from bot.clock import SystemClock
from bot.store import FILE
from tests import memory
from tests.process import forked
from tests.store import postgres
from tests.wire import arxiv_oai_faults, arxiv_server, discord_shapes, slack_server
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_server import ArxivServer
from tests.wire.discord_server import DiscordServer
from tests.wire.slack_server import SlackServer

ROOT = Path(__file__).parents[2]
BEGIN = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # a Monday
STEP = timedelta(hours=6)
QUIET_DAYS = 4  # at the end, without faults
MAX_QUIET_DAYS = 200  # until the last post that waited has left; Slack takes one a second
STOP_CHANCE = 0.2  # of several processes: that one is stopped instead
KILL_CHANCE = 0.9  # at the end of a step, where it is to be killed very often
MOMENT = 2.6  # real seconds that the bot gets after a step; it looks around every two
# The same where several share a database: a set clock ends their roles until they are renewed, and
# a dead one's are free after fifteen seconds.
SHARED_MOMENT = 6.0
SETTLING = 3.0  # [delivery] settling; messages are stored up to half of it late
WRONG_BY = tuple(timedelta(hours=h) for h in (-960, -30, -6, -1, 1, 6, 30, 960))
FULL = 4096  # bytes beyond which no file can be written while the disk is full
KEYWORDS = ("reward model", "graph network")
SECRETS = {
    "DISCORD_TOKEN": discord_shapes.TOKEN,
    "SLACK_BOT_TOKEN": slack_server.BOT_TOKEN,
    "SLACK_APP_TOKEN": slack_server.APP_TOKEN,
}
DISCORD_POST, SLACK_POST = r"/channels/\d+/messages", r"chat\.postMessage"


@dataclass
class Figures:
    """What the drill came to."""

    steps: int = 0
    runs: int = 0  # starts of the process
    kills: int = 0
    stops: int = 0  # with SIGSTOP, for longer than a lease or not
    gave_up: int = 0
    edits: int = 0
    commands: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    papers: int = 0
    posts: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    held: int = 0
    waiting: int = 0  # posts and papers that had not left when the drill ended
    memory: list[float] = field(default_factory=list)  # MiB, at the end of each life
    tracebacks: int = 0

    @property
    def fine(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.tracebacks or self.waiting)

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        memory = f"{min(self.memory):.0f} to {max(self.memory):.0f} MiB" if self.memory else "?"
        return (
            f"drill: steps={self.steps} runs={self.runs} kills={self.kills} stops={self.stops}"
            f" gave_up={self.gave_up} edits={self.edits}"
            f" commands={self.commands} papers={self.papers} posts={self.posts}"
            f" lost={len(self.lost)} doubled={len(self.doubled)} wrong={len(self.wrong)}"
            f" held={self.held} waiting={self.waiting} tracebacks={self.tracebacks}"
            f" memory={memory}\nfaults: {faults}"
        )


class Drill:
    """Use it once. ``stable`` channels keep their keywords, and in the last of them, on Slack, each
    paper is a message of its own; ``lively`` ones are changed."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        clock: time_machine.Traveller,
        settling: float = SETTLING,
        kill_chance: float = 0.25,
        server: postgres.Server | None = None,
        processes: int = 1,
    ) -> None:
        self.server = server
        self.environ = {**os.environ, **SECRETS}
        if server is not None:
            self.environ["DATABASE_URL"] = server.url()
        self.moment = SHARED_MOMENT if server is not None else MOMENT
        self.settling = settling
        self.kill_chance = kill_chance
        self.wrong_by = timedelta()  # the bot's own clock; the platforms keep the right time
        self.rng = random.Random(seed)
        self.figures = Figures()
        self.clock = clock
        self.folder = folder
        self.configs = [folder / f"machine{n}" / "bot.toml" for n in range(processes)]
        self.config = self.configs[0]
        self.time_file = folder / "time"
        self.log = folder / "log"
        self.discord = DiscordServer()
        self.slack = SlackServer()
        self.discord.storing = self.slack.storing = settling * 0.5
        self.arxiv = ArxivServer([], SystemClock())
        self.stable = [f"discord:{self.discord.open_channel()}" for _ in range(3)]
        self.stable += [f"slack:{self.slack.open_room()}" for _ in range(3)]
        self.lively = [
            f"discord:{self.discord.open_channel()}",
            f"slack:{self.slack.open_room()}",
        ]
        self.announced: dict[str, tuple[datetime, str]] = {}  # paper → when, and its keyword
        self.processes: dict[Path, subprocess.Popen[str]] = {}  # by configuration
        self._stopped: Path | None = None
        self._writer: subprocess.Popen[bytes]
        self._numbers: Counter[str] = Counter()  # given out in each month

    # -- the world ------------------------------------------------------------------------------

    @contextmanager
    def world(self) -> Iterator[None]:
        with self.discord, self.slack, self.arxiv, self._writing_the_log():
            self.write_time()
            blocks = "".join(
                f'[[channels]]\nid = "{each}"\nkeywords = {json.dumps(KEYWORDS)}\n'
                f'layout = "{"messages" if each == self.stable[-1] else "thread"}"\n'
                for each in [*self.stable, *self.lively]
            )
            text = (
                '[bot]\ntimezone = "UTC"\ndata = "data"\n'
                '[schedule]\npost_at = "08:00"\ndays = "daily"\n'
                "first_post = 1\n"
                f"[delivery]\nsettling = {self.settling}\n"
                f'[arxiv]\nurl = "{self.arxiv.url}"\noai_url = "{self.arxiv.oai_url}"\n'
                "interval = 0\n"
                'contact = "mailto:drill@example.net"\n'
                f"{self.discord.settings}{self.slack.settings}{blocks}"
            )
            for config in self.configs:
                config.parent.mkdir()
                config.write_text(text)
            yield

    @contextmanager
    def _writing_the_log(self) -> Iterator[None]:
        """By another process, so that it is whole also where the bot's own disk is full."""
        with self.log.open("a") as log:
            self._writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        try:
            yield
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            self._writer.communicate()

    def announce(self, count: int) -> None:
        """New papers, some of them submitted long before."""
        now = datetime.now(UTC)
        month = f"{now:%y%m}"
        for _ in range(count):
            self._numbers[month] += 1
            keyword = self.rng.choice(KEYWORDS)
            held = self.rng.choice([1, 1, 1, 2, 3, 9])
            submitted = now - timedelta(days=held, minutes=self._numbers[month])
            paper = StandinPaper(
                id=f"{month}.{self._numbers[month]:05d}",
                title=f"A {keyword} of kind {self._numbers[month]}",
                abstract="We look at what happens.",
                authors=("Ada Example", "Ben Sample"),
                categories=("cs.LG",),
                published=submitted,
                visible_at=now,
            )
            self.arxiv.add(paper)
            self.announced[paper.id] = (now, keyword)

    def write_time(self) -> None:
        self.time_file.write_text(f"{time.time() + self.wrong_by.total_seconds():.3f}")

    # -- the bot --------------------------------------------------------------------------------

    def start(self, config: Path) -> None:
        self.processes[config] = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.drill.program",
                str(self.time_file),
                "run",
                "--config",
                str(config),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self._writer.stdin,
            text=True,
            env=self.environ,
        )
        self.figures.runs += 1

    def end(self, config: Path, how: signal.Signals) -> int:
        process = self.processes.pop(config)
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            self.figures.memory += [int(kb) / 1024 for kb in re.findall(r"VmRSS:\s+(\d+)", status)]
        process.send_signal(how)
        return process.wait(30)

    def start_all(self) -> None:
        """Those that do not run; a stopped one continues."""
        if self._stopped is not None:
            self.processes[self._stopped].send_signal(signal.SIGCONT)
            self._stopped = None
        for config in self.configs:
            process = self.processes.get(config)
            if process is not None and process.poll() is not None:
                self.figures.gave_up += 1  # as after a disk that stays full; a supervisor starts it
                del self.processes[config]
            if config not in self.processes:
                self.start(config)

    def kill_or_stop(self) -> None:
        """One of them. Of several, one is sometimes stopped instead, until the next step."""
        config = self.rng.choice(self.configs)
        if config not in self.processes:
            return
        if len(self.configs) > 1 and self.rng.random() < STOP_CHANCE:
            self.processes[config].send_signal(signal.SIGSTOP)
            self._stopped = config
            self.figures.stops += 1
            time.sleep(self.rng.choice([1.0, 20.0]))
        else:
            self.end(config, signal.SIGKILL)
            self.figures.kills += 1

    # -- what happens ---------------------------------------------------------------------------

    def step(self, *, quiet: bool) -> None:
        self.start_all()
        if not quiet:
            self._break_something()
        self.clock.shift(STEP)
        self.wrong_by = timedelta() if quiet else self._wrong_clock()
        self.write_time()
        self.figures.steps += 1
        if datetime.now(UTC).hour < 6 and not quiet:  # arXiv announces in its evening
            self.announce(self.rng.randint(0, 5))
        if quiet:
            time.sleep(self.moment + self.settling)
            return
        with self._trouble_on_this_machine():
            time.sleep(self.rng.uniform(0.2, self.moment + self.settling / 2))
        self._something_by_people()
        if self.rng.random() < self.kill_chance:
            self.kill_or_stop()

    def _wrong_clock(self) -> timedelta:
        """Mostly right; else wrong for one step, so that it is set twice."""
        if self.rng.random() > 0.15:
            return timedelta()
        step = self.rng.choice(WRONG_BY)
        self.figures.faults["clock ahead" if step > timedelta() else "clock behind"] += 1
        return step

    @contextmanager
    def _trouble_on_this_machine(self) -> Iterator[None]:
        """Another process that holds the database, or a disk that is full; for a moment, or not."""
        dice = self.rng.random()
        if dice < 0.1:
            self.figures.faults["locked database"] += 1
            with self._locked():
                yield
        elif dice < 0.2 and self.server is not None:
            self.figures.faults["restarted database"] += 1
            self.server.stop()
            yield
            self.server.start()
        elif dice < 0.2 and self._lives(self.config):
            self.figures.faults["full disk"] += 1
            unlimited = resource.RLIM_INFINITY
            pid = self.processes[self.config].pid
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL, unlimited))
            try:
                yield
            finally:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        else:
            yield

    def _lives(self, config: Path) -> bool:
        return config in self.processes and self.processes[config].poll() is None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self.server is not None:
            with self.server.locked():
                yield
            return
        with closing(
            sqlite3.connect(self.config.parent / "data" / FILE, isolation_level=None)
        ) as db:
            held = False
            with suppress(sqlite3.OperationalError):  # the bot has it at this moment
                db.execute("begin immediate")
                held = True
            yield
            if held:
                db.execute("rollback")

    def _break_something(self) -> None:
        for name, fault in (
            ("discord lost after", {"how": "after", "status": 0}),
            ("discord lost before", {"how": "before", "status": 0}),
            ("discord 503 after", {"how": "after", "status": 503}),
            ("discord 502 after", {"how": "after", "status": 502}),
            ("discord 429", {"status": 429, "body": {"message": "x", "retry_after": 0.2}}),
            ("discord 403", {"status": 403, "body": {"message": "x", "code": 50013}}),
        ):
            if self.rng.random() < 0.12:
                self.discord.fail("POST", DISCORD_POST, **fault)
                self.figures.faults[name] += 1
        unclear = {"ok": False, "error": "fatal_error"}
        for name, fault in (
            ("slack lost after", {"how": "after", "status": 0}),
            ("slack lost before", {"how": "before", "status": 0}),
            ("slack 500 after", {"how": "after", "status": 500}),
            ("slack fatal_error", {"how": "after", "status": 200, "body": unclear}),
            ("slack 429", {"status": 429, "body": {"ok": False}, "headers": {"Retry-After": "1"}}),
            ("slack refused", {"status": 200, "body": {"ok": False, "error": "not_in_channel"}}),
        ):
            if self.rng.random() < 0.12:
                self.slack.fail("POST", SLACK_POST, **fault)
                self.figures.faults[name] += 1
        if self.rng.random() < 0.35:
            name, broken = self.rng.choice(
                [
                    ("arxiv 429", arxiv_server.throttled()),
                    ("arxiv says rate exceeded", arxiv_server.rate_exceeded_at_200()),
                    ("arxiv html", arxiv_server.page_of_html()),
                    ("arxiv 503", arxiv_server.varnish()),
                    ("arxiv cut", arxiv_server.cut_xml),
                    ("arxiv reset", arxiv_server.reset),
                    ("arxiv short", arxiv_server.short(1)),
                    ("arxiv hollow", arxiv_server.hollow()),
                    ("arxiv upside down", arxiv_server.upside_down()),
                    ("arxiv ignores the query", arxiv_server.query_ignored),
                ]
            )
            self.arxiv.faults.append(broken)
            self.figures.faults[name] += 1
        if self.rng.random() < 0.35:
            name, broken = self.rng.choice(
                [
                    ("harvest 503", arxiv_oai_faults.unavailable("1")),
                    ("harvest cut", arxiv_server.cut_xml),
                    ("harvest reset", arxiv_server.reset),
                    ("harvest loses its place", arxiv_oai_faults.expired_token()),
                    ("harvest refused", arxiv_oai_faults.refused("badArgument")),
                    ("harvest without titles", arxiv_oai_faults.without("title")),
                ]
            )
            self.arxiv.oai_faults.append(broken)
            self.figures.faults[name] += 1

    def _something_by_people(self) -> None:
        """An edit of the file, or a command in a chat; in the lively channels alone."""
        words = self.rng.choice(["add tree search", "remove tree search", "list", "status"])
        dice = self.rng.random()
        if dice < 0.2:
            text = self.config.read_text()
            mark = "# a note by hand\n"
            self.config.write_text(text.replace(mark, "") if mark in text else f"{mark}{text}")
            self.figures.edits += 1
        elif dice < 0.4 and self.processes:
            own = self.lively[self.rng.randrange(2)].partition(":")
            with suppress(
                Exception
            ):  # nobody may be there to answer: it is being killed, or starts
                if own[0] == "discord":
                    self.discord.gateway.ask(words, own[2])
                else:
                    self.slack.socket.command(words, own[2])
                self.figures.commands += 1

    # -- the count ------------------------------------------------------------------------------

    def status(self) -> list[dict[str, Any]]:
        """What ``status --json`` says of each channel."""
        said = forked.call("status", "--json", "--config", str(self.config), env=self.environ)
        said.check_returncode()
        channels: list[dict[str, Any]] = json.loads(said.stdout)["channels"]
        return channels

    def waiting(self) -> int:
        return sum(each["due"] + each["queued"] for each in self.status())

    def found(self, channel: str) -> Counter[str]:
        """How often each paper is in the channel. Slack's folded ones have no button to be
        counted by, and are in a thread's heading too, so they count once; that their message is
        not doubled is seen by its key."""
        platform, _, own = channel.partition(":")
        if platform == "discord":
            return self.discord.papers(own)
        links = re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", "\n".join(self.slack.texts(own)))
        found = self.slack.papers(own)
        found.update(set(links) - found.keys())
        return found

    def has_posted(self, channel: str) -> bool:
        return bool(self.found(channel))

    def doubled_keys(self, channel: str) -> list[str]:
        platform, _, own = channel.partition(":")
        if platform == "discord":
            return []
        sent = self.slack.rooms[own].messages
        keys = Counter(
            each["metadata"]["event_payload"]["key"] for each in sent if "metadata" in each
        )
        return [f"{channel} message {key}" for key, times in keys.items() if times > 1]

    def messages_of(self, channel: str, paper_id: str) -> list[str]:
        """Key and time of Slack's messages that hold the paper: the same key twice was sent twice,
        two keys were composed twice. Discord's carry no key."""
        platform, _, own = channel.partition(":")
        if platform != "slack":
            return []
        return [
            f"{message['metadata']['event_payload']['key']}"
            f"@{datetime.fromtimestamp(float(message['ts']), UTC):%m-%d %H:%M:%S.%f}"
            for message in self.slack.rooms[own].messages
            if f"/abs/{paper_id}" in json.dumps(message.get("blocks"))
        ]

    def judge(self, primed_at: datetime) -> Figures:
        figures = self.figures
        figures.papers = len(self.announced)
        due = {each for each, (at, _) in self.announced.items() if at > primed_at}
        for channel in [*self.stable, *self.lively]:
            found = self.found(channel)
            figures.posts += sum(found.values())
            figures.doubled += [
                f"{channel} {p} {self.messages_of(channel, p)}"
                for p, times in found.items()
                if times > 1
            ]
            figures.doubled += self.doubled_keys(channel)
            figures.wrong += [f"{channel} {p}" for p in found if p not in self.announced]
            if channel in self.stable:
                figures.lost += [f"{channel} {p}" for p in due - found.keys()]
        figures.held = sum(each["held"] for each in self.status())
        figures.waiting = self.waiting()
        figures.tracebacks = unforeseen(self.log.read_text())
        return figures


def unforeseen(log: str) -> int:
    """Tracebacks that are not the database's, which was locked, or its disk full."""
    ends = re.findall(r"Traceback \(most recent call last\):\n(?:[ \n].*\n|\n)*(\S.*)", log)
    known = r"sqlite3\.|psycopg\.errors\.LockNotAvailable|bot\.errors\.(Store|LeaseLost)|OSError"
    return sum(not re.match(known, end) for end in ends)


def run(
    days: int,
    seed: int,
    *,
    kills: int = 0,
    quiet_days: int = QUIET_DAYS,
    settling: float = SETTLING,
    log: Path | None = None,
    processes: int = 0,
) -> Figures:
    """Live so many days, or until it was killed so often, and count. ``log`` keeps what the bot
    said. ``processes`` share a PostgreSQL; 0: one, on SQLite."""
    with (
        _server(processes) as server,
        tempfile.TemporaryDirectory(prefix="drill-", dir=memory.root()) as name,
        time_machine.travel(BEGIN, tick=True) as clock,
    ):
        chance = KILL_CHANCE if kills else 0.25
        drill = Drill(Path(name), seed, clock, settling, chance, server, max(1, processes))
        with drill.world():
            drill.announce(4)
            drill.clock.shift(timedelta(hours=1))
            drill.write_time()
            drill.start_all()
            for each in drill.stable:  # primed: its first papers are there
                vendor = drill.discord if each.startswith("discord") else drill.slack
                vendor.wait_for(partial(drill.has_posted, each), 120 + settling)
            primed_at = datetime.now(UTC)
            while drill.figures.kills < kills if kills else drill.figures.steps < days * 4:
                drill.step(quiet=False)
            for number in range(MAX_QUIET_DAYS * 4):
                if number >= quiet_days * 4 and not drill.waiting():
                    break
                drill.step(quiet=True)
            codes = [drill.end(config, signal.SIGTERM) for config in list(drill.processes)]
            figures = drill.judge(primed_at)
            if any(codes):
                figures.wrong.append(f"it ended with {codes}")
            if log is not None:
                log.write_text(drill.log.read_text())
        return figures


@contextmanager
def _server(processes: int) -> Iterator[postgres.Server | None]:
    """A PostgreSQL of its own, which the drill restarts."""
    if not processes:
        yield None
        return
    server = postgres.Server()
    try:
        yield server
    finally:
        server.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="./do drill", description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=21, help="with faults; quiet ones follow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=0, help="until it was killed so often")
    parser.add_argument("--jobs", type=int, default=1, help="worlds at once; they share the kills")
    parser.add_argument("--settling", type=float, default=SETTLING, help="seconds; see the top")
    parser.add_argument("--log", type=Path, help="where to keep what the bot said")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    parser.add_argument("--processes", type=int, default=1, help="that share a PostgreSQL")
    given = parser.parse_args()
    if given.processes > 1 and not given.postgres:
        parser.error("a SQLite file is served by one process; add --postgres")
    each_kills = -(-given.kills // given.jobs)
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        worlds = [
            pool.submit(
                run,
                given.days,
                given.seed + number,
                kills=each_kills,
                settling=given.settling,
                processes=given.processes if given.postgres else 0,
                log=given.log and given.log.with_name(f"{given.log.name}.{given.seed + number}"),
            )
            for number in range(given.jobs)
        ]
        found = [world.result() for world in worlds]
    for seed, figures in enumerate(found, given.seed):
        sys.stdout.write(f"seed {seed}: {figures}\n")
        for kind in ("lost", "doubled", "wrong"):
            for each in getattr(figures, kind):
                sys.stdout.write(f"{kind}: {each}\n")
    counts = {
        name: sum(getattr(each, name) for each in found)
        for name in ("kills", "stops", "runs", "papers", "posts", "held", "waiting", "tracebacks")
    }
    bad = {n: sum(len(getattr(each, n)) for each in found) for n in ("lost", "doubled", "wrong")}
    line = " ".join(f"{name}={count}" for name, count in (counts | bad).items())
    sys.stdout.write(f"drill in all: {line}\n")
    return 0 if all(figures.fine for figures in found) else 1


if __name__ == "__main__":
    sys.exit(main())
