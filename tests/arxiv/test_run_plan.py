"""Which strategy replaces which, and what is known of all that was announced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.plan import Strategy
from bot.arxiv.source import ArxivSource
from bot.errors import SourceDown, SourceThrottled
from tests.arxiv.announced import (
    DAY,
    REWARD,
    SINCE,
    announcing,
    fetched,
    first_run,
    new_paper,
    no_search,
    numbers,
)
from tests.arxiv.conftest import IMPATIENT, MakeSource
from tests.arxiv.feeds import NOON
from tests.fakes import FakeClock
from tests.wire import arxiv_oai_faults as oai_faults
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_server import ArxivServer


@pytest.fixture
def server(clock: FakeClock) -> Iterator[ArxivServer]:
    with announcing(clock) as running:
        yield running


@pytest.fixture
def source(make_source: MakeSource, server: ArxivServer) -> ArxivSource:
    return make_source(oai_url=server.oai_url, strategy=Strategy.HARVEST)


async def test_a_union_is_not_completed_by_a_list_without_records(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url, strategy=Strategy.UNION)
    checkpoint = (await source.fetch([REWARD], SINCE)).announcement_stats.checkpoint
    clock.jump(NOON + DAY)
    server.oai_habit = oai_faults.refused("noRecordsMatch")
    for habit in (no_search, arxiv.status(500)):  # also where its emptiness can't be proved
        server.habit = habit
        with pytest.raises(SourceDown):
            await fetched(source, checkpoint)


async def test_what_was_announced_is_not_counted_by_a_list_without_records(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url, strategy=Strategy.UNION)
    first = await source.fetch([REWARD], SINCE)
    clock.jump(NOON + DAY)
    server.oai_faults.append(oai_faults.refused("noRecordsMatch"))
    second = await fetched(source, first.announcement_stats.checkpoint)
    assert second.complete
    assert second.announcement_stats.announced is None, "not 0, while thirty papers came"
    assert "did not say" in second.announcement_stats.plan
    clock.jump(NOON + 2 * DAY)
    assert (
        await fetched(source, second.announcement_stats.checkpoint)
    ).announcement_stats.announced == 30


async def test_where_arxiv_wants_to_be_left_alone_no_other_way_is_tried(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_habit = oai_faults.unavailable("3600")
    server.requests.clear()
    with pytest.raises(SourceThrottled):
        await fetched(source, checkpoint)
    assert all(seen.oai for seen in server.requests)


@pytest.mark.parametrize(
    "fault",
    [
        arxiv.status(500),
        arxiv.page_of_html(),
        arxiv.cut_xml,
        arxiv.bomb(),
        arxiv.status(404),
        oai_faults.refused("badArgument"),
        oai_faults.unknown_error(),
        oai_faults.empty_page_with_token(),
    ],
    ids=["500", "html", "cut", "bomb", "404", "badArgument", "unknown", "endless"],
)
async def test_keywords_are_asked_for_where_there_is_no_harvest(
    source: ArxivSource, server: ArxivServer, clock: FakeClock, fault: arxiv.Fault
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_habit = fault
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert set(range(6, 36)) <= set(numbers(batch))
    assert batch.announcement_stats.plan.startswith(
        "by keyword, because it gave no complete answer"
    )
    assert Checkpoint.read(batch.announcement_stats.checkpoint).highest_id == "2603.00005"
    server.oai_habit = arxiv.honest
    later = await fetched(source, batch.announcement_stats.checkpoint)
    assert later.announcement_stats.announced == 30


async def test_keywords_are_asked_for_at_once_where_the_harvest_is_silent(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url, strategy=Strategy.HARVEST, timeouts=IMPATIENT)
    checkpoint = await first_run(source, clock)
    server.oai_habit = arxiv.stall
    server.requests.clear()
    for _ in range(3):
        batch = await fetched(source, checkpoint)
        assert batch.complete
        checkpoint = batch.announcement_stats.checkpoint
    silent = [seen for seen in server.requests if seen.oai]
    assert len(silent) == 3, (
        "it is waited for once in a run, and keeps nobody from the other strategy"
    )


async def test_a_harvest_replaces_the_query_api_when_that_is_down(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url, strategy=Strategy.UNION)
    checkpoint = (await source.fetch([REWARD], SINCE)).announcement_stats.checkpoint
    clock.jump(NOON + DAY)
    server.habit = arxiv.status(500)
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert set(range(6, 36)) <= set(numbers(batch))
    assert batch.announcement_stats.plan.startswith(
        "for all that it announced, because it gave no complete"
    )


async def test_a_union_learns_how_many_papers_were_announced(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url)
    first = await source.fetch([REWARD], SINCE)
    assert first.chosen
    assert first.announcement_stats.announced is None, "nothing was counted before"
    clock.jump(NOON + DAY)
    second = await fetched(source, first.announcement_stats.checkpoint)
    assert second.announcement_stats.announced == 30
    assert second.announcement_stats.plan == (
        "by keyword (the fewest requests, about: harvest 11, union 1)"
    )
    assert second.requests == 2


async def test_a_union_is_whole_without_knowing_what_was_announced(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url)
    first = await source.fetch([REWARD], SINCE)
    clock.jump(NOON + DAY)
    server.oai_habit = arxiv.status(500)
    second = await fetched(source, first.announcement_stats.checkpoint)
    assert second.complete
    assert second.announcement_stats.announced is None
    assert "did not say" in second.announcement_stats.plan
    server.oai_habit = arxiv.honest
    clock.jump(NOON + 2 * DAY)
    assert (
        await fetched(source, second.announcement_stats.checkpoint)
    ).announcement_stats.announced == 30


async def test_what_arxiv_held_back_for_months_is_found_within_a_week(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    held = new_paper(36, published=NOON - 77 * DAY, visible_at=NOON + 3 * DAY)
    old = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    with ArxivServer([*old, *(new_paper(n) for n in range(6, 36)), held], clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url)
        checkpoint, found = "", []
        for day in range(11):
            clock.jump(NOON + day * DAY)
            batch = await source.fetch([REWARD], clock.now() - 14 * DAY, checkpoint)
            assert batch.complete
            checkpoint = batch.announcement_stats.checkpoint
            if 36 in numbers(batch):
                found.append(day)
        assert found
        assert found[0] <= 10
