"""A bot that lives through days of a local arXiv, and who judges what it posted."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.arxiv.plan import Strategy
from bot.arxiv.source import ArxivSource
from bot.core.collect import collect
from bot.core.deliver import Deliverer
from bot.core.digest import Rules
from bot.core.news import KINDS
from bot.core.publish import publish
from bot.keywords import parse
from bot.model import NewsKind, Run
from bot.model.timetable import Timetable
from tests.fakes import FakeClock, FakePlatform, PlainComposer
from tests.store.database import follow_all, opened
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_query_grammar import parse_query
from tests.wire.arxiv_search import searchable
from tests.wire.arxiv_server import ArxivServer, honest

RULES = Rules(Timetable(ZoneInfo("UTC"), time(8, 0), frozenset(range(7))), None, news=KINDS["all"])


@dataclass
class Outcome:
    """What a replay is judged by; printed with ``pytest -s``.

    ``told`` counts news: channel, paper, kind, mark, and of a new version which one, else 0.
    ``posted_on`` is when the run began after which a paper was posted in a channel.
    """

    days: int = 0
    incomplete: int = 0
    requests: Counter[int] = field(default_factory=Counter)
    posted: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    told: Counter[tuple[str, str, str, str, int]] = field(default_factory=Counter)
    messages: int = 0
    posted_on: dict[tuple[str, str], datetime] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def doubled(self) -> list[tuple[str, str]]:
        return [key for key, times in self.posted.items() if times > 1]

    def by_channel(self, channel: str) -> set[str]:
        return {paper_id for posted_in, paper_id in self.posted if posted_in == channel}


Break = Callable[[ArxivServer, int], None]
AT_LAST = datetime.max.replace(tzinfo=UTC)
Papers = dict[str, StandinPaper]


async def replay(
    folder: Path,
    papers: Sequence[StandinPaper],
    channels: dict[str, list[str]],
    days: Sequence[datetime],
    fault: Break | None = None,
    strategy: Strategy | None = None,
) -> Outcome:
    """Run once a day; ``fault`` may break the server before the run of a day.

    Without a ``strategy`` there is no OAI-PMH.
    """
    clock = FakeClock(days[0])
    store = opened(folder / "db")
    platform = FakePlatform(folder / "messages")
    deliverer = Deliverer("fake", platform, store, clock, random.Random(1))
    follows = [(channel, parse(text)) for channel, texts in channels.items() for text in texts]
    follow_all(store, follows, days[0])
    outcome = Outcome()
    with ArxivServer(papers, clock) as arxiv:
        source = ArxivSource(
            url=arxiv.url, oai_url="" if strategy is None else arxiv.oai_url,
            strategy=strategy or Strategy.AUTO,
            contact="mailto:test@example.org", interval=3, clock=clock,
            pace_file=folder / "pace", rng=random.Random(1),
        )  # fmt: skip
        async with source:
            for number, day in enumerate(days):
                clock.jump(max(day, clock.now()))
                if fault is not None:
                    fault(arxiv, number)
                run, _ = await collect(source, store, clock, first_post=3)
                arxiv.faults.clear()
                arxiv.oai_faults.clear()
                arxiv.habit = arxiv.oai_habit = honest
                outcome.runs.append(run)
                outcome.days += 1
                outcome.incomplete += not run.complete
                outcome.requests[run.requests] += 1
                outcome.notes.update(str(note.kind) for note in run.notes)
                await publish(
                    store, {"fake": lambda: PlainComposer(50)}, lambda _: RULES, clock, now=True
                )
                await deliverer.deliver()
                _note_posted(platform, day, outcome)
        arxiv.assert_polite(3, "mailto:test@example.org")
    for message in platform.messages():
        payload = json.loads(message["payload"])
        for paper_id in payload["papers"]:
            outcome.posted[message["channel"], paper_id] += 1
        for paper_id, kind, mark, _, version in payload.get("news", ()):
            which = version if kind == NewsKind.VERSION else 0
            outcome.told[message["channel"], paper_id, kind, mark, which] += 1
    store.close()
    return outcome


def _note_posted(platform: FakePlatform, day: datetime, outcome: Outcome) -> None:
    new = platform.messages()[outcome.messages :]
    outcome.messages += len(new)
    for message in new:
        for paper_id in json.loads(message["payload"])["papers"]:
            outcome.posted_on.setdefault((message["channel"], paper_id), day)


class Judge:
    """The stand-in's own matcher, which shares no line with ours. Any version of a paper counts."""

    def __init__(self, papers: Sequence[StandinPaper]) -> None:
        self._texts = [searchable(paper) for paper in papers]

    def matches(self, text: str, *, at: datetime = AT_LAST) -> Papers:
        """By id, what matches among the papers that were there at that time."""
        query = parse_query(parse(text).query)
        return {
            each.paper.id: each.paper
            for each in self._texts
            if each.paper.visible_at <= at and each.found_by(query)
        }
