"""``daily-papers demo``: the real program on three invented mornings, against a pretend arXiv.

What the bot does here is what it does for anybody: its configuration is read from a ``bot.toml``,
its parts are assembled by ``bot.app``, arXiv's answers are read, and papers are kept in a database
and posted. Only arXiv (``bot.demo.arxiv``, behind the HTTP client), the papers and the time are
made up. Each scene is checked against the sample, and the story ends well only if all of it was
true.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from bot import config
from bot.app.wiring import open_bot
from bot.chat.reports import PaperInChannel, PaperReport
from bot.demo.arxiv import URL, DemoArxiv
from bot.demo.clock import DemoClock
from bot.demo.sample import Sample, load
from bot.demo.stage import DemoTerminal, Narrator
from bot.model import Person, Reply
from bot.model.views import RunView
from bot.text import plural

FIRST = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # a Monday, at the time at which the bot posts
DAY = timedelta(days=1)
READER = Person("Ada", "console:1")


@dataclass(frozen=True, slots=True)
class DemoRun:
    """The result of one ``once``: the papers that were seen, how many withdrawals were announced,
    and what ``status`` says afterwards."""

    posted: tuple[str, ...]
    waiting: int
    run: RunView
    cause: str
    withdrawals: int


def show(stream: TextIO, sample: Sample | None = None) -> bool:
    """Play the demo. Returns whether everything that it showed was true.

    Leaves nothing behind, however it ends. Raises OSError if there is no room for a temporary
    folder, or if ``stream`` can't be written.
    """
    sample = sample or load()
    clock = DemoClock(FIRST)
    arxiv = DemoArxiv(sample.papers, clock.now)
    with tempfile.TemporaryDirectory(prefix="daily-papers-demo-") as folder:
        path = Path(folder) / "bot.toml"
        path.write_text(_bot_toml(sample.keywords), encoding="utf-8")
        story = _Story(Narrator(stream), DemoTerminal(stream), sample, arxiv, clock, path)
        return asyncio.run(story.tell())


def _bot_toml(keywords: Iterable[str]) -> str:
    """Strings and lists are written as JSON, which is TOML too."""
    return (
        "[schedule]\nfirst_post = 1\n"
        f"[arxiv]\nurl = {json.dumps(URL)}\n"
        f"[[channels]]\nid = {json.dumps(DemoTerminal.channel)}\n"
        f"keywords = {json.dumps([*keywords])}\n"
    )


class _Story:
    """The scenes, in their order. Each starts a new bot: all that it knows is in its database."""

    def __init__(
        self,
        narrator: Narrator,
        terminal: DemoTerminal,
        sample: Sample,
        arxiv: DemoArxiv,
        clock: DemoClock,
        path: Path,
    ) -> None:
        self._narrate = narrator.narrate
        self._narrator = narrator
        self._terminal = terminal
        self._sample = sample
        self._arxiv = arxiv
        self._clock = clock
        self._config = config.load(path, {}, need_secrets=False)
        self._posted: Counter[str] = Counter()
        self._faults: list[str] = []

    async def tell(self) -> bool:
        self._opening()
        await self._first_morning()
        await self._second_morning()
        await self._once_more()
        await self._busy_morning()
        await self._questions()
        await self._keeping()
        return self._ending()

    def _opening(self) -> None:
        papers = {paper.id for paper in self._sample.papers}
        self._narrate(
            f"Three mornings of Daily Papers, with {len(papers)} invented papers on a pretend"
            " arXiv. The bot is the real one. No account, no network.",
            f"The channel is this terminal. It follows {len(self._sample.keywords)} keywords:",
        )
        for keyword in self._sample.keywords:
            self._narrator.keyword(keyword)

    async def _first_morning(self) -> None:
        self._heading("the keywords are new")
        result = await self._once()
        self._narrate(
            f"{result.run.matched} papers match. The newest one for each keyword is posted, so that"
            f" you see that it works. The other {result.run.matched - len(result.posted)} count as"
            " known, and will not flood the channel."
        )
        self._check(result, expected=self._due_today())

    async def _second_morning(self) -> None:
        self._clock.move_to(FIRST + DAY)
        self._heading("what is new")
        result = await self._once()
        parts = self._sample.parts
        self._narrate(
            f"{plural(result.run.requests, 'request')} to arXiv for all"
            f" {len(self._sample.keywords)} keywords returned {result.run.fetched} papers."
            f" {len(result.posted)} of them were new here.",
            f"- {parts['late']} was submitted {self._days_until_announced(parts['late'])} days"
            " before arXiv announced it last night. A request for yesterday's papers never"
            " finds it.",
            f"- {parts['revised']} got a second version last night. It was posted before, so it is"
            " not posted again.",
            f"- {parts['taken back']} was withdrawn last night. The digest says so once, below the"
            " papers.",
            f"- {parts['excluded']} is a survey, and the second keyword excludes those.",
        )
        self._check(result, expected=self._due_today())
        self._expect(result.withdrawals == 1, "the withdrawal of a paper is not announced once")

    async def _once_more(self) -> None:
        self._clock.move_to(self._clock.now() + timedelta(minutes=5))
        self._heading("the same again")
        result = await self._once()
        self._narrate(
            f"arXiv returned the same {result.run.fetched} papers, and none is posted twice."
        )
        self._check(result)

    async def _busy_morning(self) -> None:
        self._clock.move_to(FIRST + 2 * DAY)
        self._heading("arXiv is too busy")
        self._narrate(
            'It answers every request with "Rate exceeded." and status 200. That looks like a day'
            " without papers, but it isn't one."
        )
        self._arxiv.busy = True
        result = await self._once()
        self._check(result, complete=False, cause="throttled")
        self._arxiv.busy = False
        self._clock.move_to(FIRST + 2 * DAY + timedelta(hours=1))
        self._narrate("An hour later it answers, and nothing that it announced is lost:")
        self._check(await self._once(), expected=self._due_today())

    async def _questions(self) -> None:
        self._heading("why, and why not")
        late = await self._why(self._sample.parts["late"])
        self._expect(late.post_state == "sent", "why does not know that a paper was posted")
        near = await self._why(self._sample.parts["near miss"])
        self._expect(
            near.state is None and near.closest is not None,
            "why does not say which keyword came closest",
        )

    async def _keeping(self) -> None:
        self._heading("a paper is kept")
        paper_id = self._sample.parts["late"]
        self._narrate("On Discord and Slack these are buttons below each abstract.")
        saved = await self._say(f"save {paper_id}")
        self._expect(saved.text.startswith("Saved for this channel"), "a paper was not saved")
        listed = await self._say("saved")
        self._expect(len(listed.rows) == 1, "a saved paper is not listed")
        self._narrate("From ten saved papers on, a digest can begin with those most like them.")
        cited = await self._say(f"cite {paper_id}")
        self._expect(paper_id in cited.code, "a citation does not name its paper")
        self._narrator.code(cited.code)

    def _ending(self) -> bool:
        """All days together: each due paper was posted once, every other one never."""
        papers = {paper.id for paper in self._sample.papers}
        for paper_id in sorted(papers | set(self._posted)):
            times, due = self._posted[paper_id], int(paper_id in self._sample.posted)
            seen = plural(times, "time")
            self._expect(times == due, f"{paper_id}: posted {seen} instead of {due}")
        if self._faults:
            self._narrator.heading("This went wrong")
            for fault in self._faults:
                self._narrator.fault(fault)
            return False
        due_papers = len(self._sample.posted)
        self._narrator.heading("Checked")
        self._narrate(
            f"{due_papers} papers had to be posted, and each was, exactly once. The"
            f" {len(papers) - due_papers} others were not.",
            "",
            "Your own papers, in five minutes, in a folder of their own:",
            "    daily-papers init              asks three questions and writes bot.toml",
            "    daily-papers once --dry-run    shows what would be posted",
            "    daily-papers --help            lists everything else",
            "In a checkout, the program is .venv/bin/daily-papers.",
        )
        return True

    # -- what the scenes are made of ----------------------------------------------------------

    async def _once(self) -> DemoRun:
        """Does what the command ``once`` does."""
        self._narrator.command("daily-papers once")
        async with open_bot(
            self._config,
            serving=True,
            clock=self._clock,
            stream=self._terminal.screen,
            arxiv_transport=self._arxiv.transport,
        ) as bot:
            summary = await bot.run_once()
            status = await bot.status_queries.status_report()
        withdrawals = self._terminal.withdrawals()
        posted = tuple(self._terminal.seen())
        self._posted.update(posted)
        assert status.last_run is not None  # noqa: S101 - there has just been one
        [channel] = status.channels
        name = self._terminal.channel.removesuffix(":")
        self._narrator.answer(f"{name}: {channel.explanation}")
        waiting = summary.waiting + summary.held
        return DemoRun(posted, waiting, status.last_run, channel.cause, withdrawals)

    async def _why(self, paper_id: str) -> PaperInChannel:
        """Does what the command ``why`` does. Returns its data for the only channel."""
        self._narrator.command(f"daily-papers why {paper_id}")
        async with open_bot(
            self._config, serving=False, clock=self._clock, stream=self._terminal.screen
        ) as bot:
            reply = await bot.chat().queries.why(paper_id)
        self._narrator.answer(reply.text)
        assert isinstance(reply.report, PaperReport)  # noqa: S101 - what why answers with
        [channel] = reply.report.channels
        return channel

    async def _say(self, words: str) -> Reply:
        """What somebody says in a chat, and the answer."""
        self._narrator.command(f"/papers {words}")
        async with open_bot(
            self._config, serving=False, clock=self._clock, stream=self._terminal.screen
        ) as bot:
            reply = await bot.chat().commands.typed(self._terminal.channel, READER, words)
        lines = [reply.text, *(f"- {row.text}" for row in reply.rows)]
        self._narrator.answer("\n".join(lines))
        return reply

    def _heading(self, text: str) -> None:
        now = self._clock.now()
        day = (now.date() - FIRST.date()).days + 1
        self._narrator.heading(f"Day {day}, {now:%A %H:%M}: {text}")

    def _due_today(self) -> frozenset[str]:
        return self._sample.expected(self._clock.now().date())

    def _days_until_announced(self, paper_id: str) -> int:
        [paper] = [paper for paper in self._sample.papers if paper.id == paper_id]
        return (paper.visible_at.date() - paper.published.date()).days

    def _check(
        self,
        result: DemoRun,
        *,
        expected: frozenset[str] = frozenset(),
        complete: bool = True,
        cause: str = "all_posted",
    ) -> None:
        when = f"{self._clock.now():%A %H:%M}"
        missing, wrong = expected - set(result.posted), set(result.posted) - expected
        self._expect(not missing, f"{when}: due, but not posted: {', '.join(sorted(missing))}")
        self._expect(not wrong, f"{when}: posted, but not due: {', '.join(sorted(wrong))}")
        self._expect(not result.waiting, f"{when}: {result.waiting} posts wait")
        self._expect(result.run.complete == complete, f"{when}: wrong about arXiv's answer")
        self._expect(
            result.cause == cause,
            f"{when}: the channel was given the cause {result.cause}, not {cause}",
        )

    def _expect(self, true: bool, fault: str) -> None:
        if not true:
            self._faults.append(fault)
