"""An evening on which thirty papers are announced, and a source that is asked before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from bot.arxiv.source import ArxivSource
from bot.model import Batch
from tests.arxiv.conftest import CONTACT
from tests.arxiv.feeds import NOON, phrase, standin_paper
from tests.fakes import FakeClock
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_server import ArxivServer
from tests.wire.arxiv_standin import Exchange

DAY = timedelta(days=1)
SINCE = NOON - 14 * DAY
REWARD = phrase("reward model")
PAGE_SIZE = 10
ANNOUNCED = NOON + 12 * timedelta(hours=1)  # the papers of the evening that follows the first run


def new_paper(number: int, **fields: object) -> StandinPaper:
    """One of the evening after the first run; its number follows those of ``server``."""
    values: dict[str, object] = {
        "id": f"2603.{number:05d}",
        "published": NOON - timedelta(minutes=number),
        "visible_at": ANNOUNCED,
    }
    return standin_paper(number, **(values | fields))


def numbers(batch: Batch, month: str = "2603") -> list[int]:
    return sorted(int(paper.id[5:]) for paper in batch.papers if paper.id.startswith(month))


@contextmanager
def announcing(clock: FakeClock) -> Iterator[ArxivServer]:
    """Five papers are known, of 2603; thirty come in the evening. Pages have ten records."""
    old = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    with ArxivServer([*old, *(new_paper(n) for n in range(6, 36))], clock) as running:
        running.oai_page = PAGE_SIZE
        yield running
        running.assert_polite(3, CONTACT)


def no_search(server: ArxivServer, exchange: Exchange) -> None:
    """The query API knows papers by their ids, and which is the newest, but finds no words."""
    words = "ti:" in exchange.params.get("search_query", "")
    (arxiv.status(500) if words else arxiv.honest)(server, exchange)


async def first_run(source: ArxivSource, clock: FakeClock) -> str:
    """The checkpoint that it leaves; it is evening afterwards, and all was announced."""
    batch = await source.fetch([REWARD], SINCE)
    assert batch.complete
    assert numbers(batch) == [1, 2, 3, 4, 5]
    clock.jump(NOON + DAY)
    return batch.announcement_stats.checkpoint


async def fetched(source: ArxivSource, checkpoint: str) -> Batch:
    return await source.fetch([REWARD], SINCE, checkpoint)
