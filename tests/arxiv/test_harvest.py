"""Everything that arXiv announced, over real HTTP: pages, tokens, gaps, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.plan import Strategy
from bot.arxiv.source import ArxivSource
from bot.errors import NoteKind, SourceDown
from bot.model import VERSION_UNKNOWN, Unmatched
from tests.arxiv.announced import (
    DAY,
    PAGE_SIZE,
    REWARD,
    SINCE,
    announcing,
    fetched,
    first_run,
    new_paper,
    no_search,
    numbers,
)
from tests.arxiv.conftest import MakeSource
from tests.arxiv.feeds import NOON, standin_paper
from tests.fakes import FakeClock
from tests.wire import arxiv_oai_faults as oai_faults
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_server import ArxivServer, Fault
from tests.wire.arxiv_standin import Exchange


@pytest.fixture
def server(clock: FakeClock) -> Iterator[ArxivServer]:
    with announcing(clock) as running:
        yield running


@pytest.fixture
def source(make_source: MakeSource, server: ArxivServer) -> ArxivSource:
    return make_source(oai_url=server.oai_url, strategy=Strategy.HARVEST)


async def test_all_that_was_announced_comes_whatever_it_is_about(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert not batch.chosen
    assert set(range(6, 36)) <= set(numbers(batch))
    assert (batch.announcement_stats.announced, batch.announcement_stats.missing) == (30, 0)
    assert all(not paper.has_full_metadata for paper in batch.papers)
    assert [seen.oai for seen in server.requests[-4:]] == [True, True, True, False]
    assert batch.requests == 4, "three pages, and the newest paper of the query API"
    assert Checkpoint.read(batch.announcement_stats.checkpoint).highest_id == "2603.00035"


async def test_of_a_harvest_what_is_not_wanted_is_counted_and_not_kept(
    source: ArxivSource, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    whole = await fetched(source, checkpoint)
    batch = await source.fetch([REWARD], SINCE, checkpoint, lambda paper: paper.serial % 10 == 7)
    assert batch.complete
    assert numbers(batch) == [7, 17, 27]
    left_out = [paper for paper in whole.papers if paper.serial % 10 != 7]
    newest = max(paper.published for paper in left_out)
    highest = max(paper.serial for paper in left_out)
    assert batch.unmatched == Unmatched(len(left_out), highest, newest)
    assert batch.announcement_stats == whole.announcement_stats, (
        "the numbers are those of everything"
    )


async def test_a_second_run_on_the_same_evening_brings_nothing_new(
    source: ArxivSource, clock: FakeClock
) -> None:
    batch = await fetched(source, await first_run(source, clock))
    again = await fetched(source, batch.announcement_stats.checkpoint)
    assert again.complete
    assert again.announcement_stats.announced == 0


async def test_a_token_that_dies_in_the_middle_begins_again_and_loses_nothing(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.extend([arxiv.honest, arxiv.honest, oai_faults.expired_token()])
    server.requests.clear()
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert sum("from" in seen.params for seen in server.requests) == 2, "once more from the start"
    assert set(range(6, 36)) <= set(numbers(batch))
    assert len({paper.id for paper in batch.papers}) == len(batch.papers)


async def test_midnight_between_two_pages_loses_nothing(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)

    def midnight(server: ArxivServer, exchange: Exchange) -> None:
        arxiv.honest(server, exchange)
        clock.jump(NOON + 1.5 * DAY)

    server.oai_faults.extend([arxiv.honest, midnight])
    server.requests.clear()
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert sum("from" in seen.params for seen in server.requests) == 2, "once more from the start"
    assert set(range(6, 36)) <= set(numbers(batch))


async def test_a_place_that_is_lost_again_and_again_is_a_failure(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.append(arxiv.honest)
    server.oai_habit = oai_faults.expired_token()
    batch = await fetched(source, checkpoint)
    assert NoteKind.GARBLED in {note.kind for note in batch.notes}
    assert Checkpoint.read(batch.announcement_stats.checkpoint).highest_id == "2603.00005", (
        "the place was not moved"
    )
    assert batch.complete, "the query API stood in"
    assert "because it gave no complete answer" in batch.announcement_stats.plan


async def test_the_place_moves_only_behind_the_last_page(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.extend([arxiv.honest, arxiv.honest, *[arxiv.status(500)] * 3])
    server.faults.extend([arxiv.status(500)] * 3)
    batch = await fetched(source, checkpoint)
    assert not batch.complete
    assert len(numbers(batch)) >= PAGE_SIZE, "what came is kept"
    assert Checkpoint.read(batch.announcement_stats.checkpoint) == Checkpoint.read(checkpoint)
    whole = await fetched(source, batch.announcement_stats.checkpoint)
    assert whole.complete
    assert set(range(6, 36)) <= set(numbers(whole))


async def test_records_that_stand_on_two_pages_come_once(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.extend([arxiv.honest, oai_faults.repeated(5), oai_faults.repeated(10)])
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert len({paper.id for paper in batch.papers}) == len(batch.papers)


async def test_a_number_that_no_page_held_is_asked_for_by_its_id(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    server.index_after("2603.00017", NOON + 3 * DAY)
    batch = await fetched(source, await first_run(source, clock))
    assert batch.complete
    [found] = [paper for paper in batch.papers if paper.id == "2603.00017"]
    assert found.has_full_metadata, "the query API says everything"
    assert (batch.announcement_stats.announced, batch.announcement_stats.missing) == (30, 0)


async def test_a_day_that_arrives_in_two_halves_is_whole_in_the_end(
    clock: FakeClock, make_source: MakeSource
) -> None:
    papers = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers += [new_paper(n) for n in range(6, 20)]
    papers += [new_paper(n, visible_at=NOON + 2 * DAY) for n in range(20, 36)]
    with ArxivServer(papers, clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        first = await fetched(source, await first_run(source, clock))
        assert first.complete
        assert max(numbers(first)) == 19
        clock.jump(NOON + 2 * DAY)
        second = await fetched(source, first.announcement_stats.checkpoint)
        assert second.complete
        assert second.announcement_stats.announced == 16
        assert set(range(20, 36)) <= set(numbers(second))


async def test_a_half_that_only_the_query_api_has_is_asked_for_there(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    for number in range(20, 36):
        server.index_after(f"2603.{number:05d}", NOON + 2 * DAY)
    batch = await fetched(source, await first_run(source, clock))
    assert batch.complete
    assert (batch.announcement_stats.announced, batch.announcement_stats.missing) == (30, 0)
    assert set(range(6, 36)) <= set(numbers(batch))


async def test_a_record_that_can_not_be_read_is_asked_for_elsewhere(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    for fault in ("title", "created", "categories", "metadata"):
        server.oai_faults.extend([arxiv.honest, oai_faults.without(fault)])
        batch = await fetched(source, checkpoint)
        assert batch.complete, fault
        assert set(range(6, 36)) <= set(numbers(batch)), fault
        assert [note.kind for note in batch.notes] == [NoteKind.GARBLED]
        server.oai_faults.clear()


async def test_a_paper_that_was_taken_back_is_no_gap(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.extend([arxiv.honest, oai_faults.deleted()])
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert batch.announcement_stats.missing == 0
    assert not any("id_list" in seen.params for seen in server.requests)


async def test_a_missing_number_is_reported_looked_up_again_and_given_up_after_a_week(
    clock: FakeClock, make_source: MakeSource
) -> None:
    papers = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers += [new_paper(n) for n in range(6, 20) if n != 9]
    with ArxivServer(papers, clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        batch = await fetched(source, await first_run(source, clock))
        assert batch.complete, "one missing number makes no day incomplete"
        assert (batch.announcement_stats.announced, batch.announcement_stats.missing) == (14, 1)
        [note] = batch.notes
        assert note.kind is NoteKind.HOLES
        assert "2603.00009" in note.text
        clock.jump(NOON + 4 * DAY)
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert server.requests[-1].params["id_list"] == "2603.00009,2603.00019", "and a known one"
        assert batch.announcement_stats.missing == 1
        clock.jump(NOON + 9 * DAY)
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert server.requests[-1].params["id_list"].startswith("2603.00009"), "never unasked"
        assert (batch.announcement_stats.missing, batch.notes) == (0, ())
        server.requests.clear()
        await fetched(source, batch.announcement_stats.checkpoint)
        assert not any("id_list" in seen.params for seen in server.requests)


async def test_a_paper_that_comes_late_into_a_gap_is_brought(
    clock: FakeClock, make_source: MakeSource
) -> None:
    papers = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers += [new_paper(n) for n in range(6, 20) if n != 9]
    with ArxivServer([*papers, new_paper(9, visible_at=NOON + 3 * DAY)], clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        batch = await fetched(source, await first_run(source, clock))
        assert (9 in numbers(batch), batch.announcement_stats.missing) == (False, 1)
        clock.jump(NOON + 3 * DAY)
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert (9 in numbers(batch), batch.announcement_stats.missing) == (True, 0)


async def test_many_missing_numbers_make_a_day_incomplete_until_the_next(
    clock: FakeClock, make_source: MakeSource
) -> None:
    papers = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers += [new_paper(n) for n in range(6, 36) if n % 5]
    with ArxivServer(papers, clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        checkpoint = await first_run(source, clock)
        server.faults.append(arxiv.honest)  # the audit
        server.habit = arxiv.status(500)  # and the union that would replace it
        batch = await fetched(source, checkpoint)
        assert not batch.complete
        assert batch.announcement_stats.missing == 5
        server.habit = arxiv.honest
        clock.jump(NOON + 2 * DAY)
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert batch.complete, "they have been asked for on two days"


# More is missing than is asked for at once


@contextmanager
def listing_only_the_last(
    last: int, clock: FakeClock, *, published: datetime
) -> Iterator[ArxivServer]:
    """Five papers are known; of those after them, up to ``last``, OAI-PMH lists the last alone."""
    known = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers = [new_paper(n, published=published) for n in range(6, last)]
    with ArxivServer([*known, *papers, new_paper(last)], clock) as server:
        for number in range(6, last):
            server.index_after(f"2603.{number:05d}", NOON + 900 * DAY)
        yield server


async def test_numbers_that_can_not_all_be_looked_up_are_looked_up_in_the_next_runs(
    clock: FakeClock, make_source: MakeSource
) -> None:
    """A list that is short by thousands: none of them is ever forgotten, nor called whole."""
    with listing_only_the_last(4506, clock, published=NOON - DAY) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        checkpoint = await first_run(source, clock)
        found: set[int] = set()
        missing, began = [], []
        for _ in range(3):
            server.habit = no_search  # so that nothing but the numbers brings them
            batch = await fetched(source, checkpoint)  # the checkpoint is all that a restart keeps
            found |= set(numbers(batch))
            missing.append(batch.announcement_stats.missing)
            began.append(batch.complete)
            checkpoint = batch.announcement_stats.checkpoint
        assert began == [False, False, True]
        assert missing[0] > missing[1] > missing[2] == 0
        assert found >= set(range(6, 4507))
        assert (
            Checkpoint.read(checkpoint).highest_id,
            Checkpoint.read(checkpoint).resume_from,
        ) == (
            "2603.04506",
            clock.now().date(),
        )


async def test_an_id_that_arxiv_refuses_does_not_cost_the_others_their_papers(
    clock: FakeClock, make_source: MakeSource
) -> None:
    with listing_only_the_last(606, clock, published=NOON - DAY) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        checkpoint = await first_run(source, clock)

        def refuse(server: ArxivServer, exchange: Exchange) -> None:
            if "2603.00006" in exchange.params.get("id_list", ""):
                exchange.send(server.answer({"id_list": "abc"}))
            else:
                no_search(server, exchange)  # so that nothing but the numbers brings them

        server.habit = refuse
        batch = await source.fetch([REWARD], SINCE, checkpoint)
        assert set(numbers(batch)) == set(range(7, 607))
        assert any("2603.00006" in note.text for note in batch.notes)
        server.habit = arxiv.honest
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert set(numbers(batch)) >= {6}


async def test_a_restart_and_a_union_in_between_forget_no_missing_number(
    clock: FakeClock, make_source: MakeSource
) -> None:
    with listing_only_the_last(2506, clock, published=NOON - 99 * DAY) as server:
        harvest = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        first = await fetched(harvest, await first_run(harvest, clock))
        assert first.complete, "the query API stood in for the day"
        assert "because it gave no complete answer" in first.announcement_stats.plan
        assert max(numbers(first)[:-1]) == 2005
        restarted = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        second = await fetched(restarted, first.announcement_stats.checkpoint)
        assert set(range(2006, 2507)) <= set(numbers(second))
        assert (second.complete, second.announcement_stats.missing) == (True, 0)


async def test_a_number_that_could_not_be_looked_up_does_not_count_as_missing(
    clock: FakeClock, make_source: MakeSource
) -> None:
    papers = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers += [new_paper(n) for n in range(6, 20) if n != 9]
    with ArxivServer([*papers, new_paper(9, visible_at=NOON + 20 * DAY)], clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        batch = await fetched(source, await first_run(source, clock))
        clock.jump(NOON + 10 * DAY)
        server.faults.extend([arxiv.honest, *[arxiv.status(500)] * 3])
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert batch.announcement_stats.missing == 1
        clock.jump(NOON + 21 * DAY)
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert 9 in numbers(batch), "a downtime does not count as a failed lookup"


@pytest.mark.parametrize(
    ("faults", "kind"),
    [([arxiv.status(500)] * 3, NoteKind.DOWN), ([arxiv.nothing()], NoteKind.GARBLED)],
    ids=["no answer", "an answer without any paper"],
)
async def test_the_end_of_a_month_that_could_not_be_looked_up_is_looked_up_again(
    clock: FakeClock, make_source: MakeSource, faults: list[Fault], kind: NoteKind
) -> None:
    february = [new_paper(n, id=f"2602.{n:05d}", visible_at=NOON - DAY) for n in range(1, 6)]
    evening = [new_paper(n, id=f"2602.{n:05d}", published=NOON - 99 * DAY) for n in (6, 7)]
    march = [new_paper(n) for n in range(1, 8)]
    with ArxivServer([*february, *evening, *march], clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        server.index_after("2602.00007", NOON + 9 * DAY)  # no page holds it
        first = await source.fetch([REWARD], SINCE)
        clock.jump(NOON + DAY)
        server.faults.extend([arxiv.honest, *faults])
        batch = await fetched(source, first.announcement_stats.checkpoint)
        assert 7 not in numbers(batch, "2602")
        assert kind in {note.kind for note in batch.notes}
        clock.jump(NOON + 2 * DAY)
        batch = await fetched(source, batch.announcement_stats.checkpoint)
        assert 7 in numbers(batch, "2602")
        assert batch.announcement_stats.missing == 0


# A list that can't be whole


async def test_a_list_without_records_is_no_empty_day_when_something_was_announced(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_habit = oai_faults.refused("noRecordsMatch")
    batch = await fetched(source, checkpoint)
    assert set(range(6, 36)) <= set(numbers(batch))
    assert batch.announcement_stats.plan.startswith(
        "by keyword, because it gave no complete answer"
    )
    assert any("lists nothing since" in note.text for note in batch.notes)
    assert batch.announcement_stats.announced is None, "it did not tell"
    assert Checkpoint.read(batch.announcement_stats.checkpoint).highest_id == "2603.00005", (
        "the place was not moved"
    )
    server.oai_habit = arxiv.honest
    assert (
        await fetched(source, batch.announcement_stats.checkpoint)
    ).announcement_stats.announced == 30


async def test_a_first_list_without_records_is_no_empty_day_either(
    source: ArxivSource, server: ArxivServer
) -> None:
    server.oai_habit = oai_faults.refused("noRecordsMatch")
    batch = await source.fetch([REWARD], SINCE)
    assert numbers(batch) == [1, 2, 3, 4, 5]
    assert batch.announcement_stats.plan.startswith(
        "by keyword, because it gave no complete answer"
    )


async def test_a_quiet_day_is_not_believed_without_proof(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    batch = await fetched(source, checkpoint)
    clock.jump(NOON + 5 * DAY)
    server.habit = arxiv.status(500)
    with pytest.raises(SourceDown):
        await fetched(source, batch.announcement_stats.checkpoint)
    server.habit = arxiv.honest
    assert (await fetched(source, batch.announcement_stats.checkpoint)).complete


async def test_a_list_that_ends_before_a_page_that_was_promised_is_not_whole(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.extend([arxiv.honest, oai_faults.refused("noRecordsMatch")])
    batch = await fetched(source, checkpoint)
    assert set(range(6, 36)) <= set(numbers(batch))
    assert "because it gave no complete answer" in batch.announcement_stats.plan
    assert Checkpoint.read(batch.announcement_stats.checkpoint).highest_id == "2603.00005"


async def test_a_list_that_ends_too_early_is_completed_by_the_numbers(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    """Without a token, as of a copy of the database that is behind."""
    for number in range(20, 36):
        server.index_after(f"2603.{number:05d}", NOON + 40 * DAY)
    clock.jump(NOON)
    checkpoint = await first_run(source, clock)
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert set(range(6, 36)) <= set(numbers(batch)), "up to the newest that the query API has"
    assert (batch.announcement_stats.announced, batch.announcement_stats.missing) == (30, 0)


async def test_old_papers_listed_again_are_no_proof_of_a_quiet_day(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    for number in range(6, 36):
        server.index_after(f"2603.{number:05d}", NOON + 40 * DAY)
    checkpoint = await first_run(source, clock)
    for number in range(1, 6):
        server.restamp(f"2603.{number:05d}", NOON + DAY / 2)
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert set(range(6, 36)) <= set(numbers(batch))


async def test_a_flood_of_papers_listed_again_is_passed_over_in_a_few_requests(
    clock: FakeClock, make_source: MakeSource
) -> None:
    old = [standin_paper(n, id=f"1903.{n:05d}", published=NOON - 2500 * DAY) for n in range(1, 901)]
    known = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    with ArxivServer([*known, new_paper(6), *old], clock) as server:
        server.oai_page = 400
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        first = await source.fetch([REWARD], SINCE)
        clock.jump(NOON + DAY)
        for paper in old:
            server.restamp(paper.id, NOON + DAY / 2)
        batch = await fetched(source, first.announcement_stats.checkpoint)
        assert batch.complete
        assert numbers(batch, "1903") == []
        assert 6 in numbers(batch)
        assert batch.announcement_stats.announced == 1
        assert batch.requests <= 4


async def test_records_of_posted_papers_are_kept_whatever_their_age_and_the_list_says_its_days(
    clock: FakeClock, make_source: MakeSource
) -> None:
    old = [standin_paper(n, id=f"1903.{n:05d}", published=NOON - 2500 * DAY) for n in range(1, 901)]
    posted = {"1903.00007", "1903.00899", "2602.99999"}
    with ArxivServer([*old, new_paper(1, visible_at=NOON - DAY)], clock) as server:
        server.oai_page = 400
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        first = await source.fetch([REWARD], SINCE, "", None, posted)
        clock.jump(NOON + DAY)
        for paper in old:
            server.restamp(paper.id, NOON + DAY / 2)
        before = first.announcement_stats.checkpoint
        batch = await source.fetch([REWARD], SINCE, before, None, posted)
    assert sorted(paper.id for paper in batch.revised) == ["1903.00007", "1903.00899"]
    assert {paper.version for paper in batch.revised} == {VERSION_UNKNOWN}
    assert not {paper.id for paper in batch.papers} & posted
    assert batch.listed == (NOON.date(), (NOON + DAY).date())
    assert first.listed is not None
    assert first.listed[1] == NOON.date(), "the second list begins where the first one ended"


async def test_a_list_with_a_posted_record_that_can_not_be_read_speaks_for_no_day(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    every = {f"2603.{number:05d}" for number in range(1, 36)}
    for posted, speaks in ((set[str](), True), (every, False)):
        server.oai_faults.extend([arxiv.honest, oai_faults.without("title")])
        batch = await source.fetch([REWARD], SINCE, checkpoint, None, posted)
        assert batch.complete
        assert (batch.listed is not None) is speaks


async def test_the_numbers_start_over_with_each_month(
    clock: FakeClock, make_source: MakeSource
) -> None:
    february = [new_paper(n, id=f"2602.{n:05d}", visible_at=NOON - DAY) for n in range(1, 6)]
    evening = [new_paper(n, id=f"2602.{n:05d}") for n in (6, 7)]
    march = [new_paper(n) for n in range(1, 8)]
    with ArxivServer([*february, *evening, *march], clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        server.index_after("2602.00007", NOON + 9 * DAY)  # the last of February: no page holds it
        server.index_after("2603.00003", NOON + 9 * DAY)
        first = await source.fetch([REWARD], SINCE)
        clock.jump(NOON + DAY)
        batch = await fetched(source, first.announcement_stats.checkpoint)
        assert batch.complete
        assert {6, 7} <= set(numbers(batch, "2602"))
        assert numbers(batch) == [1, 2, 3, 4, 5, 6, 7]
        assert batch.announcement_stats.missing == 0
        assert Checkpoint.read(batch.announcement_stats.checkpoint).highest_id == "2603.00007"


async def test_an_empty_evening_is_whole(source: ArxivSource, clock: FakeClock) -> None:
    checkpoint = await first_run(source, clock)
    clock.jump(NOON + DAY)
    batch = await fetched(source, checkpoint)
    clock.jump(NOON + 5 * DAY)
    batch = await fetched(source, batch.announcement_stats.checkpoint)
    clock.jump(NOON + 6 * DAY)
    batch = await fetched(source, batch.announcement_stats.checkpoint)
    assert batch.complete
    assert batch.announcement_stats.announced == 0
    assert batch.papers == ()


async def test_a_harvest_that_is_asked_to_wait_waits_and_continues(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)
    server.oai_faults.extend([arxiv.honest, oai_faults.unavailable("20")])
    before = clock.monotonic()
    batch = await fetched(source, checkpoint)
    assert batch.complete
    assert clock.monotonic() - before >= 30


async def test_an_answer_to_another_question_is_no_empty_day(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    checkpoint = await first_run(source, clock)

    def headers_only(server: ArxivServer, exchange: Exchange) -> None:
        exchange.send(server.oai.answer(exchange.query.replace("ListRecords", "ListIdentifiers")))

    server.oai_habit = headers_only
    batch = await fetched(source, checkpoint)
    assert batch.announcement_stats.plan.startswith("by keyword, because")
    assert set(range(6, 36)) <= set(numbers(batch))


async def test_an_id_that_can_not_be_makes_no_thousands_of_holes(
    clock: FakeClock, make_source: MakeSource
) -> None:
    papers = [new_paper(n, visible_at=NOON - DAY) for n in range(1, 6)]
    papers += [new_paper(6), new_paper(99_999, id="2603.99999"), new_paper(7, id="2712.00001")]
    with ArxivServer(papers, clock) as server:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=Strategy.HARVEST)
        batch = await fetched(source, await first_run(source, clock))
        assert 6 in numbers(batch)
        assert batch.announcement_stats.missing <= 2000
        assert len(batch.announcement_stats.checkpoint) < 100_000


async def test_after_a_long_time_the_numbers_in_between_are_not_missing(
    source: ArxivSource, clock: FakeClock
) -> None:
    checkpoint = json.loads(await first_run(source, clock))
    old = json.dumps(
        checkpoint
        | {"resume_from": "2025-10-01", "highest_id": "2510.00003", "counted_id": "2510.00003"}
    )
    batch = await fetched(source, old)
    assert batch.complete
    assert (batch.announcement_stats.announced, batch.announcement_stats.missing) == (None, 0)
    assert set(range(6, 36)) <= set(numbers(batch))


async def test_a_count_of_a_day_to_come_is_made_today(
    make_source: MakeSource, server: ArxivServer, clock: FakeClock
) -> None:
    source = make_source(oai_url=server.oai_url, strategy=Strategy.UNION)
    checkpoint = json.loads((await source.fetch([REWARD], SINCE)).announcement_stats.checkpoint)
    batch = await fetched(source, json.dumps(checkpoint | {"counted_on": "2031-01-01"}))
    assert batch.announcement_stats.announced == 0


async def test_a_damaged_checkpoint_reads_something_twice_and_loses_nothing(
    source: ArxivSource, clock: FakeClock
) -> None:
    await first_run(source, clock)
    for damaged in (
        "{",
        "[]",
        '{"resume_from": 3}',
        json.dumps({"resume_from": "x", "highest_id": "y", "missing": []}),
    ):
        batch = await fetched(source, damaged)
        assert batch.complete
        assert numbers(batch) == list(range(1, 36))
