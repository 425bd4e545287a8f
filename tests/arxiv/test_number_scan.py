"""All that arXiv announced, number after number: a week of it, or the months of a downtime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.arxiv.checkpoint import Checkpoint
from bot.arxiv.number_scan import MAX_REQUESTS
from bot.arxiv.plan import Strategy
from bot.arxiv.source import ArxivSource
from bot.errors import NoteKind, SourceDown
from bot.model import Batch
from tests.arxiv.conftest import CONTACT, MakeSource
from tests.arxiv.feeds import NOON, phrase, standin_paper
from tests.fakes import FakeClock
from tests.wire import arxiv_oai_faults as oai_faults
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_server import ArxivServer
from tests.wire.arxiv_standin import Exchange

DAY = timedelta(days=1)
SINCE = NOON - 14 * DAY
REWARD = phrase("reward model")
# How many papers each month has that lies between the last harvest and today, 2026-03-02.
MONTHS = {"2509": 30, "2510": 1203, "2511": 40, "2512": 500, "2601": 3, "2602": 70, "2603": 25}
PLACE = Checkpoint(resume_from=date(2025, 9, 10), highest_id="2509.00010", counted_id="2509.00010")


def announced(paper_id: str, held: int = 3) -> StandinPaper:
    """A paper that was held for so many days before its announcement in the middle of a month."""
    month, number = date(2000 + int(paper_id[:2]), int(paper_id[2:4]), 1), int(paper_id[5:])
    evening = datetime(month.year, month.month, 1, 1, tzinfo=UTC)
    if paper_id < "2603":
        evening += 15 * DAY
    return standin_paper(
        number, id=paper_id, visible_at=evening, published=evening - held * DAY + number * DAY / 1e6
    )


PAPERS = [announced(f"{m}.{n:05d}") for m, last in MONTHS.items() for n in range(1, last + 1)]
AFTER = {each.id for each in PAPERS if each.id > PLACE.highest_id}
HELD = "2601.00002"  # for a hundred days


@pytest.fixture
def server(clock: FakeClock) -> Iterator[ArxivServer]:
    papers = [each for each in PAPERS if each.id != HELD] + [announced(HELD, held=100)]
    with ArxivServer(papers, clock) as running:
        yield running
        running.assert_polite(3, CONTACT)


async def fetched(source: ArxivSource, checkpoint: Checkpoint) -> tuple[Batch, Checkpoint]:
    batch = await source.fetch([REWARD], SINCE, checkpoint.to_json())
    return batch, Checkpoint.read(batch.announcement_stats.checkpoint)


def scanned(batch: Batch) -> set[str]:
    return {paper.id for paper in batch.others}


def lookups(server: ArxivServer) -> int:
    return sum("id_list" in seen.params for seen in server.requests)


@pytest.mark.parametrize("way", [None, Strategy.UNION, Strategy.AUTO, Strategy.HARVEST])
async def test_after_a_downtime_of_months_all_that_was_announced_is_scanned(
    make_source: MakeSource, server: ArxivServer, way: Strategy | None
) -> None:
    source = make_source(url=server.url)
    if way is not None:
        source = make_source(url=server.url, oai_url=server.oai_url, strategy=way)
    batch, checkpoint = await fetched(source, PLACE)
    assert batch.complete
    assert scanned(batch) == AFTER
    assert (checkpoint.highest_id, checkpoint.resume_from, checkpoint.missing) == (
        "2603.00025",
        NOON.date(),
        {},
    )
    assert batch.announcement_stats.plan.endswith("and by the numbers of what it announced")
    assert NoteKind.BEHIND not in {note.kind for note in batch.notes}
    again, _ = await fetched(source, checkpoint)
    assert not again.others, "once is enough"


async def test_what_one_run_can_not_look_up_is_looked_up_in_the_next_from_the_same_place(
    make_source: MakeSource, clock: FakeClock
) -> None:
    """Also after a restart: the place is all that is kept."""
    months = [f"{y}{m:02d}" for y in range(22, 27) for m in range(1, 13) if f"{y}{m:02d}" < "2604"]
    papers = [announced(f"{month}.{n:05d}") for month in months for n in (1, 2, 3)]
    assert 2 * len(months) > MAX_REQUESTS, "a month takes two requests: its papers, and its end"
    with ArxivServer(papers, clock) as server:
        place = checkpoint = Checkpoint(resume_from=date(2022, 1, 20), highest_id="2201.00001")
        found: set[str] = set()
        runs = 0
        while checkpoint.resume_from != NOON.date():
            runs += 1
            batch, checkpoint = await fetched(make_source(url=server.url), checkpoint)
            assert batch.complete
            assert batch.requests <= MAX_REQUESTS + 3
            assert found.isdisjoint(scanned(batch)), "from the place on"
            found |= scanned(batch)
            behind = [note.text for note in batch.notes if note.kind is NoteKind.BEHIND]
            assert len(behind) == (checkpoint.resume_from != NOON.date())
            for text in behind:
                assert f"{place.resume_from}" in text
                assert checkpoint.highest_id in text
        assert runs == 2
        assert found == {each.id for each in papers} - {place.highest_id}


async def test_a_week_is_scanned_where_there_is_no_oai_pmh(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    """What arXiv held back for months is in no window of days."""
    held = [announced("2603.00026", held=100), announced("2603.00027")]
    batch, checkpoint = await fetched(source, Checkpoint())
    assert (checkpoint.resume_from, checkpoint.highest_id) == (NOON.date(), "2603.00025"), (
        "it begins where the first run was"
    )
    server.add(*held)
    for day in range(1, 8):
        clock.jump(NOON + day * DAY)
        assert not batch.others
        batch, checkpoint = await fetched(source, checkpoint)
        assert checkpoint.missing == {}
    assert scanned(batch) == {"2603.00026", "2603.00027"}
    assert (checkpoint.resume_from, checkpoint.highest_id) == (clock.now().date(), "2603.00027")
    assert lookups(server) == 1


async def test_a_week_begins_at_the_month_where_no_paper_was_known(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    _, checkpoint = await fetched(source, Checkpoint(resume_from=NOON.date() - 8 * DAY))
    assert (checkpoint.resume_from, checkpoint.highest_id) == (NOON.date(), "2603.00025")
    assert lookups(server) == 3


async def test_numbers_that_are_not_available_yet_are_looked_up_again(
    source: ArxivSource, server: ArxivServer, clock: FakeClock
) -> None:
    server.add(announced("2603.00028"))
    batch, checkpoint = await fetched(source, PLACE)
    assert (batch.announcement_stats.missing, set(checkpoint.missing)) == (
        2,
        {"2603.00026", "2603.00027"},
    )
    server.add(announced("2603.00026"))
    clock.jump(NOON + 30 * DAY)
    server.add(standin_paper(1, id="2604.00001", published=NOON + 29 * DAY, visible_at=NOON))
    batch, checkpoint = await fetched(source, checkpoint)
    assert scanned(batch) == {"2603.00026", "2604.00001"}
    assert checkpoint.missing == {}, (
        "the other one was looked up without success for more than a week"
    )


@pytest.fixture
def place(request: pytest.FixtureRequest, run_number: int, life: int) -> int:
    """One of the eight requests of a scan; a run of the tests takes two, others than the last."""
    nth: int = request.param
    return (run_number + life + 4 * nth) % 8


IN_THE_MIDDLE = pytest.mark.parametrize("place", range(2), indirect=True)


@IN_THE_MIDDLE
async def test_an_empty_answer_in_the_middle_is_not_the_end_of_a_month(
    source: ArxivSource, server: ArxivServer, place: int
) -> None:
    """Well-formed, and without any row: the answer that is worst to believe."""
    asked = 0

    def forgetful(server: ArxivServer, exchange: Exchange) -> None:
        nonlocal asked
        asked += "id_list" in exchange.params
        if "id_list" in exchange.params and asked == place + 1:
            exchange.send(server.answer({**exchange.params, "id_list": "1001.00001"}))
            return
        arxiv.honest(server, exchange)

    server.habit = forgetful
    batch, checkpoint = await fetched(source, PLACE)
    server.habit = arxiv.honest
    more, checkpoint = await fetched(source, checkpoint)
    assert scanned(batch) | scanned(more) >= AFTER
    assert (checkpoint.resume_from, checkpoint.highest_id) == (NOON.date(), "2603.00025")


@IN_THE_MIDDLE
async def test_where_arxiv_fails_the_place_is_as_far_as_it_answered(
    source: ArxivSource, server: ArxivServer, place: int
) -> None:
    server.faults.extend([*[arxiv.honest] * (2 + place), *[arxiv.status(500)] * 3])
    batch, checkpoint = await fetched(source, PLACE)
    assert batch.complete, "by keyword it was asked well"
    assert {note.kind for note in batch.notes} == {NoteKind.DOWN, NoteKind.BEHIND}
    assert checkpoint.resume_from == PLACE.resume_from
    assert PLACE.highest_id <= checkpoint.highest_id
    assert max(scanned(batch), default=PLACE.highest_id) == checkpoint.highest_id
    more, checkpoint = await fetched(source, checkpoint)
    assert scanned(batch) | scanned(more) == AFTER
    assert checkpoint.resume_from == NOON.date()


async def test_a_place_that_arxiv_never_gave_is_not_stuck_at(
    source: ArxivSource, server: ArxivServer
) -> None:
    _, checkpoint = await fetched(
        source, Checkpoint(resume_from=date(2025, 12, 1), highest_id="2512.31999")
    )
    assert (checkpoint.resume_from, checkpoint.highest_id) == (NOON.date(), "2603.00025")


async def test_a_place_of_a_clock_that_was_ahead_is_put_right(
    source: ArxivSource, server: ArxivServer
) -> None:
    _, checkpoint = await fetched(
        source, Checkpoint(resume_from=date(2031, 1, 1), highest_id="2603.00005")
    )
    assert (checkpoint.resume_from, checkpoint.highest_id) == (NOON.date(), "2603.00025")


async def test_arxiv_is_not_scanned_while_it_does_not_answer_by_keyword(
    source: ArxivSource, server: ArxivServer
) -> None:
    server.habit = arxiv.status(500)
    with pytest.raises(SourceDown):
        await fetched(source, PLACE)
    assert lookups(server) == 0


async def test_a_harvest_as_a_fallback_does_not_move_the_checkpoint(
    make_source: MakeSource, server: ArxivServer
) -> None:
    """It reads the last two weeks; what is in between is still to be scanned."""
    source = make_source(url=server.url, oai_url=server.oai_url)

    def no_words(server: ArxivServer, exchange: Exchange) -> None:
        words = "ti:" in exchange.params.get("search_query", "")
        (arxiv.status(500) if words else arxiv.honest)(server, exchange)

    server.habit = no_words
    batch, _ = await fetched(source, PLACE)
    assert batch.complete
    assert scanned(batch) == AFTER, "it goes on from the place beside it"
    server.habit = arxiv.status(500)
    server.oai_habit = oai_faults.refused("noRecordsMatch")
    with pytest.raises(SourceDown):
        await fetched(source, PLACE)
