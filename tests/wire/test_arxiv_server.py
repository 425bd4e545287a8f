"""The stand-in does what arXiv does, so that a test against it means something."""

from __future__ import annotations

import gzip
import http.client
import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode, urlsplit

import pytest

from bot.arxiv.atom_feed import read
from tests.arxiv.feeds import NOON, standin_paper
from tests.fakes import FakeClock
from tests.wire import arxiv_server
from tests.wire.arxiv_feed import Page, StandinPaper, render_error, render_page
from tests.wire.arxiv_query_grammar import QueryError, parse_query
from tests.wire.arxiv_search import Searchable
from tests.wire.arxiv_server import ArxivServer
from tests.wire.arxiv_standin import ArxivStandin

PAPER = standin_paper(
    title="Rewarding state-of-the-art graph-neural networks",
    abstract="Newton's method meets large language models. We use node C++ and time series.",
    authors=("Thaddäus Müller", "Ada del Maestro"),
    categories=("cs.LG", "math.GT"),
    comment="Withdrawn by the authors",
    published=datetime(2026, 2, 27, 11, 59, 30, tzinfo=UTC),
    doi="10.1000/182",
)


@pytest.mark.parametrize(
    "query",
    [
        'ti:"graph neural network"',  # stems, hyphens as space
        'ti:"reward"',
        'ti:"state of the art"',  # stop words leave gaps
        'ti:"state in an art"',
        'title:"graph neural networks"',
        'abs:"newton method"',
        'abs:"Large-Language Model"',
        "abs:method AND abs:series",
        "abs:langu*",
        'au:"del maestro"',
        "au:muller",
        "cat:cs.LG",
        "cat:math.*",
        "co:withdrawn",
        "id:2602.00001",
        "doi:10.1000/182",
        "submittedDate:[202602271159 TO 202602271159]",
        "submittedDate:[2026 TO 2026]",
        "submittedDate:[202602 TO 202602]",
        "lastUpdatedDate:[20260227 TO 20260227]",
        "all:muller",
        'all:"cs.LG"',
        "ti:(nothing rewarding)",
        "ti:graph AND NOT abs:graph",
        "ti:nothing OR ti:graph",
        "ti:nothing ti:graph",
        "ti:graph OR ti:graph AND ti:nothing",
        'ti:graph AND abs:"method meets',  # the quote that is not closed is dropped
    ],
)
def test_a_query_finds(query: str) -> None:
    assert Searchable(PAPER).found_by(parse_query(query))


@pytest.mark.parametrize(
    "query",
    [
        'ti:"neural graph"',
        'ti:"state art"',
        'ti:"multimodal"',
        'ti:"the of"',
        "abs:the",
        'abs:"series node"',
        'abs:"langu*"',  # in quotes a star is a star
        'abs:"time-series-analysis"',
        "abs:müller",
        'au:"thaddaus maestro"',
        "cat:LG",
        "cat:cs",
        "submittedDate:[202602271200 TO 2027]",
        "ti:graph ANDNOT au:maestro",
        "all:physics",
        # Right to left, without precedence: nothing AND (nothing OR graph).
        "ti:nothing AND ti:nothing OR ti:graph",
        "ti:graph ANDNOT ti:nothing OR ti:graph",
    ],
)
def test_a_query_does_not_find(query: str) -> None:
    assert not Searchable(PAPER).found_by(parse_query(query))


def test_without_quotes_the_words_may_stand_anywhere() -> None:
    node = parse_query('abs:"series node"')
    assert Searchable(PAPER).found_by(node, phrases=False)


@pytest.mark.parametrize(
    "query",
    [
        "(ti:a",
        "ti:a)",
        "()",
        "ti:a AND",
        "ti:a AND )",
        "submittedDate:[20261 TO 2027]",
        "AND ti:a",
        'ti:"a\\b"',
        "all:title:x",
        "all:id:x",
        "ti:*a",
        "submittedDate:[2026 TO *]",
        "submittedDate:[2026-01 TO 2026-02]",
        "submittedDate:[20261332 TO 2027]",
        "",
    ],
)
def test_a_bad_query_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        parse_query(query)


def test_a_chain_of_nine_hundred_operators_works() -> None:
    assert Searchable(PAPER).found_by(parse_query(" OR ".join(["ti:nothing"] * 100 + ["ti:graph"])))


# The answers


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> ModuleType:
    """The renderer that reproduces recorded answers byte for byte."""
    path = shared_data / "arxiv" / "atom.py"
    spec = importlib.util.spec_from_file_location("reference_renderer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_feeds_are_those_of_recorded_answers_byte_for_byte(reference: ModuleType) -> None:
    rows = [row for _, row in zip(range(500), reference.load(), strict=False)]
    rows[0] |= {"doi": "10.1000/1 10.1000/2", "journal_ref": "A & B <1>"}
    for start in range(0, len(rows), 50):
        papers = rows[start : start + 50]
        page = Page([as_standin(row, reference) for row in papers], 4711, 'ti:"a & b"', "", 50, 50)
        expected = reference.render(
            papers, 'ti:"a & b"', start=50, max_results=50, total=4711, now="2026-03-02T12:00:00Z"
        )
        assert render_page(page, NOON) == expected


def test_error_feeds_are_those_of_recorded_answers_byte_for_byte(reference: ModuleType) -> None:
    expected = reference.render_error('incorrect id format for a"<b', "2026-03-02T12:00:00Z")
    assert render_error('incorrect id format for a"<b', NOON) == expected


def as_standin(row: dict[str, object], reference: ModuleType) -> StandinPaper:
    given = {name: row.get(name) or "" for name in ("comment", "journal_ref", "doi")}
    given |= {name: row[name] for name in ("id", "title", "abstract")}
    return StandinPaper(
        **given,  # type: ignore[arg-type]
        authors=tuple(row["authors"]),  # type: ignore[arg-type]
        categories=tuple(row["categories"]),  # type: ignore[arg-type]
        primary_category=row["primary_category"] or "",  # type: ignore[arg-type]
        version=reference.version_of(row),
        published=datetime.fromisoformat(str(row["published"])),
        updated=datetime.fromisoformat(str(row["updated"])),
        visible_at=NOON,
    )


@pytest.fixture
def standin() -> ArxivStandin:
    papers = [standin_paper(number) for number in range(1, 31)]
    late = standin_paper(31, visible_at=NOON + timedelta(hours=1))
    revised = standin_paper(1, version=2, title="Revised reward", updated=NOON, visible_at=NOON)
    return ArxivStandin([*papers, late, revised], lambda: NOON)


def ids(standin: ArxivStandin, **params: str) -> list[str]:
    return [f"{paper.id}v{paper.version}" for paper in standin.page(params).papers]


def test_a_paper_appears_when_it_is_announced_not_when_it_is_submitted(
    standin: ArxivStandin,
) -> None:
    everything = {"search_query": "cat:cs.LG", "max_results": "100"}
    before = standin.page(everything).total
    standin.now = lambda: NOON + timedelta(hours=1)
    assert (before, standin.page(everything).total) == (30, 31)


def test_a_search_finds_current_versions_and_an_id_list_finds_any(standin: ArxivStandin) -> None:
    assert ids(standin, search_query="ti:revised") == ["2602.00001v2"]
    assert ids(standin, search_query="id:2602.00001") == ["2602.00001v2"]
    assert ids(standin, id_list="2602.00001") == ["2602.00001v2"]
    assert ids(standin, id_list="2602.00001v1") == ["2602.00001v1"]
    assert ids(standin, id_list="2602.00001v3") == []
    assert ids(standin, search_query="ti:revised", id_list="2602.00001,2602.00002") == [
        "2602.00001v2"
    ]


def test_an_unknown_id_is_skipped_and_a_malformed_one_fails_everything(
    standin: ArxivStandin,
) -> None:
    assert ids(standin, id_list="2602.99999,2602.00002") == ["2602.00002v1"]
    reply = standin.answer({"id_list": "2602.00002,abc"})
    assert reply.status == 400
    assert read(reply.body).error == "incorrect id format for abc"


def test_pages_are_slices_in_the_order_asked_for(standin: ArxivStandin) -> None:
    def numbers(**params: str) -> list[int]:
        params |= {"search_query": "cat:cs.LG", "max_results": "3"}
        return [int(paper.id[-2:]) for paper in standin.page(params).papers]

    assert numbers(sortBy="submittedDate") == [1, 2, 3]
    assert numbers(sortBy="submittedDate", start="3") == [4, 5, 6]
    assert numbers(sortBy="submittedDate", sortOrder="ascending") == [30, 29, 28]
    assert numbers(sortBy="lastUpdatedDate", sortOrder="ascending", start="27") == [3, 2, 1]
    assert len(standin.page({"search_query": "cat:cs.LG"}).papers) == 10


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"search_query": "cat:cs.LG"}, 200),
        ({"search_query": "cat:cs.LG", "max_results": "2000", "start": "8000"}, 200),
        ({"search_query": "cat:cs.LG", "max_results": "2000", "start": "10000"}, 500),
        ({"search_query": "cat:cs.LG", "max_results": "0"}, 500),
        ({"search_query": "cat:cs.LG", "max_results": "10001"}, 500),
        ({"search_query": "cat:cs.LG", "max_results": "ten"}, 400),
        ({"search_query": "cat:cs.LG", "start": "-1"}, 400),
        ({"search_query": "cat:cs.LG", "sortBy": "date"}, 400),
        ({"search_query": "cat:cs.LG", "sortOrder": "down"}, 400),
        ({"search_query": "(cat:cs.LG"}, 400),
        ({"search_query": " OR ".join(["ti:a"] * 5000)}, 500),
        ({}, 400),
    ],
)
def test_parameters_have_arxivs_limits(
    standin: ArxivStandin, params: dict[str, str], status: int
) -> None:
    assert standin.answer(params).status == status


# Over HTTP


@pytest.fixture
def server() -> Iterator[ArxivServer]:
    clock = FakeClock(NOON)
    with ArxivServer([standin_paper(number) for number in range(1, 31)], clock) as running:
        yield running


def test_the_plain_stand_in_serves_inside_its_block_only() -> None:
    standin = ArxivStandin([standin_paper()], lambda: NOON)
    with pytest.raises(RuntimeError, match="with block"):
        _ = standin.url
    with standin:
        status, body = ask(standin)
    assert (status, len(read(body).papers)) == (200, 1)


def ask(server: ArxivStandin, method: str = "GET", **params: str) -> tuple[int, bytes]:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=5)
    query = urlencode({"search_query": "cat:cs.LG", **params})
    try:
        if method == "GET":
            connection.request(
                "GET", f"{address.path}?{query}", headers={"Accept-Encoding": "gzip"}
            )
        else:
            connection.request("POST", address.path, query)
        answer = connection.getresponse()
        body = answer.read()
        packed = answer.headers.get("Content-Encoding") == "gzip"
        return answer.status, gzip.decompress(body) if packed else body
    finally:
        connection.close()


def test_get_and_post_are_answered_alike(server: ArxivServer) -> None:
    answers = [ask(server, method, max_results="7") for method in ("GET", "POST")]
    assert answers[0] == answers[1]
    assert len(read(answers[0][1]).papers) == 7
    assert [seen.method for seen in server.requests] == ["GET", "POST"]
    assert [seen.params["max_results"] for seen in server.requests] == ["7", "7"]


def test_faults_come_once_each_and_in_order(server: ArxivServer) -> None:
    server.faults.extend(
        [arxiv_server.throttled("7"), arxiv_server.rate_exceeded_at_200(), arxiv_server.short(3)]
    )
    assert ask(server) == (429, b"Rate exceeded.")
    assert ask(server) == (200, b"Rate exceeded.\n")
    short = read(ask(server)[1])
    assert (len(short.papers), short.total) == (3, 30)
    assert len(read(ask(server)[1]).papers) == 10


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (arxiv_server.reset, ConnectionResetError),
        (arxiv_server.cut_connection, http.client.IncompleteRead),
        (arxiv_server.cut_gzip, EOFError),
    ],
)
def test_a_broken_answer_is_broken_for_every_client(
    server: ArxivServer, fault: arxiv_server.Fault, error: type[Exception]
) -> None:
    server.faults.append(fault)
    with pytest.raises(error):
        ask(server)


@pytest.mark.parametrize("service", ["query API", "OAI-PMH"])
def test_a_server_that_is_being_waited_for_still_stops(service: str) -> None:
    with ArxivServer([], FakeClock(NOON)) as running:
        running.habit = running.oai_habit = arxiv_server.stall
        address = urlsplit(running.oai_url if service == "OAI-PMH" else running.url)
        waiting = http.client.HTTPConnection(address.netloc, timeout=5)
        waiting.request("GET", address.path)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        waiting.getresponse()
    waiting.close()


@pytest.mark.parametrize(
    "impolite",
    [
        {"max_results": "2001"},
        {"max_results": "2000", "start": "9000"},
        {"agent": "python-httpx/0.28.1"},
        {"accept": "*/*"},
        {"pause": "2.9"},
        {"padding": "x" * 4000},
    ],
)
def test_an_impolite_client_is_noticed(server: ArxivServer, impolite: dict[str, str]) -> None:
    clock = server.clock
    assert isinstance(clock, FakeClock)
    address = urlsplit(server.url)
    for one in ({}, impolite):
        clock.advance(float(one.get("pause", 3)))
        params = {"search_query": "cat:cs.LG", "start": "0", "max_results": "10"} | one
        agent = one.get("agent", "daily-papers/1 (+mailto:ada@example.org)")
        connection = http.client.HTTPConnection(address.netloc, timeout=5)
        connection.request(
            "GET",
            f"{address.path}?{urlencode(params)}",
            headers={"User-Agent": agent, "Accept": one.get("accept", "application/atom+xml")},
        )
        connection.getresponse().read()
        connection.close()
        if one is not impolite:
            server.assert_polite(3, "ada@example.org")
    with pytest.raises(AssertionError):
        server.assert_polite(3, "ada@example.org")
