"""Searches by keyword and by id, and what becomes of answers that are not whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.arxiv.source import ArxivSource
from bot.errors import NoteKind, SourceGarbled
from bot.model import AnnouncementStats, Batch, Keyword
from tests.arxiv.conftest import CONTACT
from tests.arxiv.feeds import NOON, phrase, standin_paper
from tests.fakes import FakeClock
from tests.wire import arxiv_server as arxiv
from tests.wire.arxiv_feed import Page, StandinPaper, render_error, render_page
from tests.wire.arxiv_server import ArxivServer
from tests.wire.arxiv_standin import Exchange, Reply

REWARD = phrase("reward model")

BROKEN = phrase("broken", query='ti:"a\\b"')

SINCE = NOON - timedelta(days=14)


def ids(batch: Batch) -> list[str]:
    return [paper.id for paper in batch.papers]


def kinds(batch: Batch) -> list[NoteKind]:
    return [note.kind for note in batch.notes]


# Good days


async def test_one_request_brings_the_papers_of_all_keywords_newest_first(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.add(standin_paper(31, title="Sample efficiency", abstract="Nothing else."))
    server.add(standin_paper(32, title="Something else", abstract="Nothing else."))
    batch = await source.fetch([REWARD, phrase("sample efficiency"), phrase("task 7")], SINCE)
    assert ids(batch) == [f"2602.{number:05d}" for number in range(1, 32)]
    assert (batch.complete, batch.notes, batch.requests) == (True, (), 1)
    [seen] = server.requests
    assert seen.method == "GET"
    assert seen.params["search_query"] == (
        '((ti:"reward model" OR abs:"reward model")'
        ' OR (ti:"sample efficiency" OR abs:"sample efficiency")'
        ' OR (ti:"task 7" OR abs:"task 7"))'
        " AND submittedDate:[202602160000 TO 202603022359]"
    )
    assert seen.headers["User-Agent"] == f"daily-papers/0.1.0 (+{CONTACT})"
    assert seen.headers["Accept-Encoding"] == "gzip"


async def test_a_paper_that_is_not_announced_yet_comes_with_a_later_run(
    server: ArxivServer, source: ArxivSource, clock: FakeClock
) -> None:
    late = standin_paper(31, visible_at=NOON + timedelta(days=1))
    server.add(late)
    assert late.id not in ids(await source.fetch([REWARD], SINCE))
    clock.advance(86400)
    assert late.id in ids(await source.fetch([REWARD], SINCE))


async def test_no_keyword_is_no_request(server: ArxivServer, source: ArxivSource) -> None:
    assert replace(await source.fetch([], SINCE), announcement_stats=AnnouncementStats()) == Batch(
        (), complete=True
    )
    assert server.requests == []


async def test_a_long_answer_is_read_page_by_page(server: ArxivServer, source: ArxivSource) -> None:
    server.add(*(standin_paper(number) for number in range(31, 4502)))
    batch = await source.fetch([REWARD], SINCE)
    assert ids(batch) == [f"2602.{number:05d}" for number in range(1, 4502)]
    assert (batch.complete, batch.requests) == (True, 3)
    assert [seen.params["start"] for seen in server.requests] == ["0", "2000", "4000"]


def spread(number: int) -> StandinPaper:
    """One of up to 2,000 papers that fill two weeks evenly."""
    return standin_paper(number, published=NOON - timedelta(minutes=9 * number))


async def test_an_answer_beyond_arxivs_last_row_is_read_in_halves(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.add(*(spread(number) for number in range(31, 2001)))
    server.faults.append(arxiv.pages(lambda page: replace(page, total=12_000)))
    batch = await source.fetch([REWARD], SINCE)
    assert len(batch.papers) == 2000
    assert batch.complete
    assert [
        seen.params["search_query"].rpartition("submittedDate:")[2] for seen in server.requests
    ] == [
        "[202602160000 TO 202603022359]",
        "[202602160000 TO 202602231159]",
        "[202602231200 TO 202603022359]",
    ]


@pytest.mark.parametrize(("claim", "requests"), [(12_000, 3), (10**9, 1)])
async def test_a_number_of_papers_that_can_not_be_is_not_worked_off(
    server: ArxivServer, source: ArxivSource, claim: int, requests: int
) -> None:
    server.add(*(spread(number) for number in range(31, 2001)))

    def everything(server: ArxivServer, exchange: Exchange) -> None:
        whole = {**exchange.params, "search_query": "cat:cs.LG"}
        page = replace(server.page(whole), total=claim)
        exchange.send(Reply(200, render_page(page, server.now())))

    server.habit = everything
    batch = await source.fetch([REWARD], SINCE)
    assert not batch.complete
    assert NoteKind.SHORT in kinds(batch)
    assert batch.requests == requests


async def test_many_keywords_are_few_requests(server: ArxivServer, source: ArxivSource) -> None:
    keywords = [phrase(f"invented word {number:03d}") for number in range(120)]
    batch = await source.fetch([*keywords, REWARD], SINCE)
    assert len(batch.papers) == 30
    # Three parts, and one proof of life for those that are empty.
    assert (batch.complete, batch.requests) == (True, 4)
    asked = " ".join(seen.params["search_query"] for seen in server.requests)
    assert all(keyword.query in asked for keyword in keywords)


async def test_a_keyword_too_long_for_an_address_is_posted(
    server: ArxivServer, source: ArxivSource
) -> None:
    words = " OR ".join(f'ti:"invented {number:04d}"' for number in range(150))
    long = Keyword("long", "long", f"{words} OR {REWARD.query}", 152)
    assert len((await source.fetch([long], SINCE)).papers) == 30
    assert [seen.method for seen in server.requests] == ["POST"]


async def test_a_clock_that_was_set_back_does_not_hide_the_day(
    source: ArxivSource, clock: FakeClock
) -> None:
    batch = await source.fetch([REWARD], clock.now() + timedelta(days=3))
    assert batch.complete
    assert batch.papers == ()  # since the start of today, nothing


# Truly empty, and not


async def test_no_match_is_an_empty_day_once_arxiv_has_shown_that_it_is_alive(
    server: ArxivServer, source: ArxivSource
) -> None:
    batch = await source.fetch([phrase("unheard of")], SINCE)
    assert replace(batch, announcement_stats=AnnouncementStats()) == Batch(
        (), complete=True, requests=2
    )
    probe = server.requests[1].params
    assert probe["search_query"] == "submittedDate:[202602160000 TO 202603022359]"
    assert probe["max_results"] == "1"


async def test_the_check_for_any_paper_is_made_once_for_all_parts(
    server: ArxivServer, source: ArxivSource
) -> None:
    batch = await source.fetch([phrase(f"unheard of {number:030d}") for number in range(90)], SINCE)
    assert (batch.complete, batch.papers) == (True, ())
    assert [seen.params["max_results"] for seen in server.requests].count("1") == 1


async def test_a_short_window_may_be_empty_on_a_holiday(source: ArxivSource) -> None:
    # Nothing is three days younger than the window; two weeks back there is something.
    batch = await source.fetch([REWARD], NOON)
    assert (batch.papers, batch.complete) == ((), True)


@pytest.mark.parametrize("ask", ["fetch", "latest"])
async def test_an_index_that_lost_everything_is_not_an_empty_day(
    server: ArxivServer, source: ArxivSource, ask: str
) -> None:
    server.habit = arxiv.nothing()
    with pytest.raises(SourceGarbled, match="nobody has submitted anything") as caught:
        await (source.fetch([REWARD], SINCE) if ask == "fetch" else source.latest(REWARD, 5))
    assert caught.value.requests == 2


# Holes


@pytest.mark.parametrize("fault", [arxiv.short(3), arxiv.hollow(), arxiv.doubled()])
async def test_a_hole_that_closes_on_asking_again_is_no_hole(
    server: ArxivServer, source: ArxivSource, fault: arxiv.Fault
) -> None:
    server.faults.append(fault)
    batch = await source.fetch([REWARD], SINCE)
    assert len(batch.papers) == 30
    assert (batch.complete, batch.notes, batch.requests) == (True, (), 2)


@pytest.mark.parametrize(
    ("fault", "came", "requests"),
    [(arxiv.short(3), 3, 3), (arxiv.hollow(), 0, 3), (arxiv.doubled(), 29, 2)],
)
async def test_a_hole_that_stays_makes_the_run_incomplete_and_keeps_what_came(
    server: ArxivServer, source: ArxivSource, fault: arxiv.Fault, came: int, requests: int
) -> None:
    server.habit = fault
    batch = await source.fetch([REWARD], SINCE)
    assert len(batch.papers) == came
    assert not batch.complete
    assert kinds(batch) == [NoteKind.SHORT]
    assert batch.requests == requests


async def test_a_paper_lost_between_two_pages_is_missed(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.add(*(standin_paper(number) for number in range(31, 2500)))

    def second_page_doubles(page: Page) -> Page:
        again = [*page.papers[:-1], page.papers[-2]]
        return page if page.start == 0 else replace(page, papers=again)

    server.habit = arxiv.pages(second_page_doubles)
    batch = await source.fetch([REWARD], SINCE)
    assert not batch.complete
    assert kinds(batch) == [NoteKind.SHORT]
    assert len(batch.papers) == 2498
    assert batch.requests == 4


async def test_a_later_page_that_stays_short_makes_the_run_incomplete(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.add(*(standin_paper(number) for number in range(31, 2500)))
    server.faults.extend([arxiv.honest, *[arxiv.short(100)] * 3])
    batch = await source.fetch([REWARD], SINCE)
    assert len(batch.papers) == 2100
    assert not batch.complete
    assert kinds(batch) == [NoteKind.SHORT]
    assert batch.requests == 4


async def test_an_unsorted_answer_is_harmless_for_a_whole_window(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.habit = arxiv.upside_down()
    batch = await source.fetch([REWARD], SINCE)
    assert ids(batch) == [f"2602.{number:05d}" for number in range(1, 31)]
    assert batch.complete
    assert kinds(batch) == [NoteKind.UNSORTED]


@pytest.mark.parametrize(("hours", "complete"), [(25, False), (-25, True)])
async def test_an_old_copy_does_not_count_as_todays_answer_and_a_wrong_clock_here_is_remarked(
    server: ArxivServer, source: ArxivSource, hours: int, complete: bool
) -> None:
    server.habit = arxiv.stale(timedelta(hours=hours))
    batch = await source.fetch([REWARD], SINCE)
    assert len(batch.papers) == 30
    assert batch.complete == complete
    assert kinds(batch) == [NoteKind.STALE]


async def test_a_server_that_ignores_the_question_is_not_believed(
    server: ArxivServer, source: ArxivSource
) -> None:
    for number in range(31, 40):
        server.add(standin_paper(number, published=NOON - timedelta(days=900 + number)))
    server.habit = arxiv.query_ignored
    batch = await source.fetch([REWARD], SINCE)
    assert ids(batch) == [f"2602.{number:05d}" for number in range(1, 31)]
    assert not batch.complete
    assert kinds(batch) == [NoteKind.GARBLED]


async def test_a_server_that_ignores_quotes_only_gives_more(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.add(standin_paper(31, title="A model of no reward", abstract=""))
    server.habit = arxiv.quotes_ignored
    batch = await source.fetch([REWARD], SINCE)
    assert len(batch.papers) == 31
    assert batch.complete


# A keyword that arXiv refuses


@pytest.mark.parametrize("others", [1, 5, 12])
async def test_one_keyword_that_arxiv_refuses_does_not_cost_the_others_their_papers(
    server: ArxivServer, source: ArxivSource, others: int
) -> None:
    keywords = [phrase(f"task {number}") for number in range(1, others + 1)]
    batch = await source.fetch([*keywords, BROKEN], SINCE)
    assert {f"2602.{number:05d}" for number in range(1, others + 1)} <= set(ids(batch))
    assert batch.complete
    [note] = batch.notes
    assert (note.kind, note.keyword) == (NoteKind.REFUSED, BROKEN.canonical)
    assert "backslash" in note.text
    assert len(server.requests) == batch.requests <= 12


@pytest.mark.parametrize("ask", ["fetch", "latest"])
async def test_the_only_keyword_refused_is_an_error(source: ArxivSource, ask: str) -> None:
    question: dict[str, Callable[[], object]] = {
        "fetch": lambda: source.fetch([BROKEN], SINCE),
        "latest": lambda: source.latest(BROKEN, 3),
    }
    with pytest.raises(SourceGarbled, match="does not understand") as caught:
        await question[ask]()  # type: ignore[misc]
    assert caught.value.requests == 1
    named = "broken" in str(caught.value)
    assert named == (ask == "latest"), (
        "what a run says is for everybody, and names nobody's keyword"
    )


async def test_a_server_that_refuses_everything_blames_no_keyword(
    server: ArxivServer, source: ArxivSource
) -> None:
    def refuse(server: ArxivServer, exchange: Exchange) -> None:
        exchange.send(server.answer({"id_list": "abc"}))

    server.habit = refuse
    with pytest.raises(SourceGarbled, match="even the plainest request") as caught:
        await source.fetch([phrase(f"task {number}") for number in range(50)], SINCE)
    assert caught.value.requests == 2


async def test_a_server_that_refuses_every_keyword_is_not_asked_for_each(
    server: ArxivServer, source: ArxivSource
) -> None:
    broken = [phrase(f"{number}", query=f'ti:"{number}\\b"') for number in range(100)]
    with pytest.raises(SourceGarbled, match="does not understand"):
        await source.fetch(broken, SINCE)
    assert len(server.requests) < 50


# The newest of one keyword


async def test_the_newest_come_in_one_request_whatever_their_age(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.add(standin_paper(31, published=NOON - timedelta(days=4000)))
    batch = await source.latest(REWARD, 5)
    assert ids(batch) == [f"2602.{number:05d}" for number in range(1, 6)]
    assert (batch.complete, batch.requests) == (True, 1)
    assert len((await source.latest(REWARD, 100)).papers) == 31
    assert server.requests[0].params["max_results"] == "5"
    assert server.requests[0].params["search_query"] == REWARD.query


async def test_the_newest_of_an_unsorted_answer_are_not_the_newest(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.habit = arxiv.upside_down()
    batch = await source.latest(REWARD, 5)
    assert not batch.complete
    assert kinds(batch) == [NoteKind.UNSORTED]


async def test_all_there_are_may_come_unsorted(server: ArxivServer, source: ArxivSource) -> None:
    server.habit = arxiv.upside_down()
    batch = await source.latest(REWARD, 30)
    assert batch.complete
    assert ids(batch) == [f"2602.{number:05d}" for number in range(1, 31)]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (arxiv.short(3), NoteKind.SHORT),
        (arxiv.doubled(), NoteKind.SHORT),
        (arxiv.stale(timedelta(days=2)), NoteKind.STALE),
    ],
)
async def test_the_newest_of_a_doubtful_answer_are_not_vouched_for(
    server: ArxivServer, source: ArxivSource, fault: arxiv.Fault, kind: NoteKind
) -> None:
    server.habit = fault
    batch = await source.latest(REWARD, 10)
    assert not batch.complete
    assert kinds(batch) == [kind]


async def test_a_keyword_that_never_matched_has_no_newest(
    server: ArxivServer, source: ArxivSource
) -> None:
    batch = await source.latest(phrase("unheard of"), 10)
    assert batch == Batch((), complete=True, requests=2)


# Papers by their ids


async def test_papers_that_arxiv_does_not_know_are_left_out(
    server: ArxivServer, source: ArxivSource
) -> None:
    batch = await source.papers(["2602.00001", "2602.99999"])
    assert (ids(batch), batch.complete) == (["2602.00001"], True)
    [seen] = server.requests
    assert seen.params["id_list"] == "2602.00001,2602.99999"
    assert seen.params["max_results"] == "2"


async def test_many_ids_are_posted(server: ArxivServer, source: ArxivSource) -> None:
    server.add(*(standin_paper(number) for number in range(31, 901)))
    asked = [f"2602.{number:05d}" for number in range(1, 901)]
    assert sorted(ids(await source.papers(asked))) == asked
    assert [seen.method for seen in server.requests] == ["POST", "POST"]


async def test_papers_that_were_not_asked_for_are_not_taken(
    server: ArxivServer, source: ArxivSource
) -> None:
    def answer_another(server: ArxivServer, exchange: Exchange) -> None:
        exchange.send(server.answer({**exchange.params, "id_list": "2602.00001"}))

    server.habit = answer_another
    assert ids(await source.papers(["2602.00031"])) == []


async def test_an_answer_without_any_of_the_papers_is_believed_only_if_arxiv_knows_others(
    server: ArxivServer, source: ArxivSource
) -> None:
    assert await source.papers(["2602.99999"]) == Batch((), complete=True, requests=2)

    def know_nothing(server: ArxivServer, exchange: Exchange) -> None:
        exchange.send(Reply(200, render_page(Page((), 0), NOON)))

    server.habit = know_nothing
    with pytest.raises(SourceGarbled, match="nobody has submitted anything"):
        await source.papers(["2602.00001"])


@pytest.mark.parametrize("is_named", [True, False])
async def test_ids_that_arxiv_does_not_understand_do_not_cost_the_others_their_papers(
    server: ArxivServer, source: ArxivSource, is_named: bool
) -> None:
    refused = {"2602.00003", "2602.00017"} if is_named else {"2602.00017"}

    def refuse(server: ArxivServer, exchange: Exchange) -> None:
        found = refused.intersection(exchange.params.get("id_list", "").split(","))
        wrong = f"incorrect id format for {min(found) if is_named and found else 'abc'}"
        honest = server.answer(exchange.params)
        exchange.send(Reply(400, render_error(wrong, NOON)) if found else honest)

    server.habit = refuse
    asked = [f"2602.{number:05d}" for number in range(1, 31)]
    batch = await source.papers(asked)
    assert set(asked) - set(ids(batch)) == refused
    assert batch.complete
    assert kinds(batch) == [NoteKind.GARBLED] * len(refused)
    assert all(each in "".join(note.text for note in batch.notes) for each in refused)
    with pytest.raises(SourceGarbled) if not is_named else nullcontext():
        assert ids(await source.papers(["2602.00017"])) == []


async def test_an_arxiv_that_refuses_every_id_is_not_asked_for_each(
    server: ArxivServer, source: ArxivSource
) -> None:
    server.habit = lambda server, exchange: exchange.send(server.answer({"id_list": "abc"}))
    with pytest.raises(SourceGarbled, match="refuses to look up papers"):
        await source.papers([f"2602.{number:05d}" for number in range(1, 501)])
    assert len(server.requests) < 30
