"""Whatever OAI-PMH does wrong is wrong on the wire, once, and beside the query API."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import pytest

from bot.arxiv.atom_feed import read
from tests.arxiv.feeds import NOON, standin_paper
from tests.fakes import FakeClock
from tests.wire import arxiv_oai_faults as oai
from tests.wire import arxiv_server
from tests.wire.arxiv_server import ArxivServer, Fault
from tests.wire.arxiv_standin import ArxivStandin
from tests.wire.oai_asking import ARXIV, OAI, RAW, ask, error, fetch, ids, token

EVERYTHING = "verb=ListRecords&metadataPrefix=arXiv"
AGENT = "daily-papers/1 (+mailto:ada@example.org)"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def server(clock: FakeClock) -> Iterator[ArxivServer]:
    """Nine invented papers on three pages."""
    with ArxivServer([standin_paper(number) for number in range(1, 10)], clock) as running:
        running.oai_page = 3
        yield running


# Two services on one server


def test_each_service_uses_up_its_own_faults_and_both_are_in_one_list(server: ArxivServer) -> None:
    server.faults.append(arxiv_server.throttled())
    server.oai_faults.append(oai.unavailable("7"))
    answers = [fetch(server, EVERYTHING)[0] for _ in range(2)]
    answers += [query(server)[0] for _ in range(2)]
    assert answers == [503, 200, 429, 200]
    assert [seen.oai for seen in server.requests] == [True, True, False, False]
    assert server.requests[0].params == {"verb": "ListRecords", "metadataPrefix": "arXiv"}


def test_each_service_has_its_own_habit(server: ArxivServer) -> None:
    server.oai_habit = arxiv_server.rate_exceeded_at_200()
    assert [fetch(server, EVERYTHING)[1] for _ in range(3)] == [b"Rate exceeded.\n"] * 3
    assert len(read(query(server)[1]).papers) == 9


def test_the_stand_in_of_the_demo_has_no_oai() -> None:
    with ArxivStandin([standin_paper()], lambda: NOON) as standin:
        assert get(standin.address("/oai"), EVERYTHING, {})[0] == 404


@pytest.mark.parametrize(
    ("pause", "headers", "polite"),
    [
        (3.0, {}, True),
        (2.9, {}, False),
        (3.0, {"Accept": "text/html"}, False),
        (3.0, {"User-Agent": "python-httpx/0.28.1"}, False),
    ],
)
@pytest.mark.parametrize("first", ["query", "oai"])
def test_politeness_is_over_both_services(
    server: ArxivServer,
    clock: FakeClock,
    pause: float,
    headers: dict[str, str],
    polite: bool,
    first: str,
) -> None:
    def asks_query() -> None:
        query(server, {"Accept": "application/atom+xml", "User-Agent": AGENT})

    def asks_oai() -> None:
        get(server.oai_url, EVERYTHING, {"Accept": "text/xml", "User-Agent": AGENT} | headers)

    both = [asks_query, asks_oai] if first == "query" else [asks_oai, asks_query]
    both[0]()
    clock.advance(pause)
    both[1]()
    if polite:
        server.assert_polite(3, "ada@example.org")
    else:
        with pytest.raises(AssertionError):
            server.assert_polite(3, "ada@example.org")


# The faults of both services


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (arxiv_server.throttled("60"), 429),
        (arxiv_server.blocked(), 403),
        (arxiv_server.not_acceptable(), 406),
        (arxiv_server.varnish(), 503),
        (arxiv_server.status(500), 500),
        (oai.unavailable(), 503),
        (arxiv_server.page_of_html(), 200),
    ],
)
def test_a_refusal_comes_once(server: ArxivServer, fault: Fault, status: int) -> None:
    server.oai_faults.append(fault)
    refusal = fetch(server, EVERYTHING)
    assert refusal[0] == status
    assert b"OAI-PMH" not in refusal[1]
    assert ids(ask(server)) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (arxiv_server.reset, ConnectionResetError),
        (arxiv_server.cut_connection, http.client.IncompleteRead),
        (arxiv_server.cut_gzip, EOFError),
        (arxiv_server.not_gzip, gzip.BadGzipFile),
        (arxiv_server.more_behind_gzip, gzip.BadGzipFile),
        (arxiv_server.cut_xml, ElementTree.ParseError),
        (arxiv_server.wrong_content(), ElementTree.ParseError),
        (arxiv_server.huge(10_000), ElementTree.ParseError),
    ],
)
def test_a_broken_answer_is_broken_for_every_client(
    server: ArxivServer, fault: Fault, problem: type[Exception]
) -> None:
    server.oai_faults.append(fault)
    with pytest.raises(problem):
        ask(server)


@pytest.mark.parametrize(
    "fault",
    [arxiv_server.cut_xml, arxiv_server.huge(10), arxiv_server.huge(10, packed=False)],
)
def test_what_is_rendered_is_an_answer_of_oai(server: ArxivServer, fault: Fault) -> None:
    server.oai_faults.append(fault)
    body = fetch(server, EVERYTHING)[1]
    assert b"<OAI-PMH " in body
    assert b"</OAI-PMH>" not in body


def test_the_bomb_has_the_root_of_oai(server: ArxivServer) -> None:
    server.oai_faults.append(arxiv_server.bomb())
    body = fetch(server, EVERYTHING)[1]
    assert body.startswith(b'<?xml version="1.0"?><!DOCTYPE lolz [')
    assert b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">' in body


def test_an_answer_may_come_unpacked(server: ArxivServer) -> None:
    packed = fetch(server, EVERYTHING)
    server.oai_faults.append(arxiv_server.unpacked)
    assert fetch(server, EVERYTHING) == packed


# The faults of OAI-PMH alone


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (oai.expired_token(), "badResumptionToken"),
        (oai.unknown_error(), "overloaded"),
        (oai.unknown_error("internal"), "internal"),
        (oai.refused("noRecordsMatch"), "noRecordsMatch"),
    ],
)
def test_an_error_can_be_ordered(server: ArxivServer, fault: Fault, code: str) -> None:
    following = token(ask(server)) or ""
    server.oai_faults.append(fault)
    assert error(ask(server, resumptionToken=following)) == code
    assert ids(ask(server, resumptionToken=following)) == ["4", "5", "6"]


def test_a_503_names_the_time_to_wait(server: ArxivServer) -> None:
    server.oai_faults.extend([oai.unavailable("120"), oai.unavailable()])
    headers = [get(server.oai_url, EVERYTHING, {})[2] for _ in range(2)]
    assert [each.get("Retry-After") for each in headers] == ["120", None]


def test_records_of_the_page_before_are_repeated(server: ArxivServer) -> None:
    first = ask(server)
    server.oai_faults.extend([oai.repeated(2), oai.repeated(0)])
    second = ask(server, resumptionToken=token(first) or "")
    third = ask(server, resumptionToken=token(second) or "")
    assert [ids(each) for each in (second, third)] == [
        ["2", "3", "4", "5", "6"],
        ["7", "8", "9"],
    ]


def test_an_empty_page_leads_to_the_records_that_belong_there(server: ArxivServer) -> None:
    following = token(ask(server)) or ""
    server.oai_faults.extend([oai.empty_page_with_token()] * 2)
    for _ in range(2):
        empty = ask(server, resumptionToken=following)
        assert (ids(empty), token(empty)) == ([], following)
    assert ids(ask(server, resumptionToken=following)) == ["4", "5", "6"]
    server.oai_faults.append(oai.empty_page_with_token())
    assert ids(ask(server, resumptionToken=token(ask(server)) or "")) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        *((name, OAI) for name in ("identifier", "datestamp", "setSpec", "header", "metadata")),
        *((name, ARXIV) for name in ("id", "created", "title", "categories", "abstract")),
        *((name, ARXIV) for name in ("authors", "author", "keyname")),
    ],
)
def test_a_record_can_lack_anything(server: ArxivServer, name: str, namespace: str) -> None:
    whole = ask(server)
    server.oai_faults.append(oai.without(name))
    spoiled = ask(server)
    [good, *rest] = whole.iter(f"{OAI}record")
    [bad, *others] = spoiled.iter(f"{OAI}record")
    assert good.find(f".//{namespace}{name}") is not None
    assert bad.find(f".//{namespace}{name}") is None
    assert [ElementTree.tostring(each) for each in others] == [
        ElementTree.tostring(each) for each in rest
    ]


@pytest.mark.parametrize("prefix", ["arXiv", "arXivRaw"])
def test_every_date_of_a_record_can_be_strange(server: ArxivServer, prefix: str) -> None:
    server.restamp("2602.00001", NOON - timedelta(hours=1))
    server.oai_page = 9
    server.oai_faults.append(oai.strange_dates("2026-02-30"))
    root = ask(server, metadataPrefix=prefix)
    first = next(root.iter(f"{OAI}record"))
    names = [f"{OAI}datestamp", f"{ARXIV}created", f"{RAW}date"]
    dates = [each.text for name in names for each in first.iter(name)]
    assert dates == ["2026-02-30"] * 2
    assert [each.text for each in root.iter(f"{OAI}datestamp")].count("2026-02-30") == 1


def test_a_deleted_record_is_a_header_only(server: ArxivServer) -> None:
    server.oai_faults.extend([oai.deleted()] * 2)
    [first, *rest] = ask(server).iter(f"{OAI}record")
    [header] = first
    assert header.get("status") == "deleted"
    assert header.findtext(f"{OAI}identifier") == "oai:arXiv.org:2602.00001"
    assert all(each.find(f"{OAI}metadata") is not None for each in rest)
    headers = ask(server, "ListIdentifiers").iter(f"{OAI}header")
    assert [each.get("status") for each in headers][:2] == ["deleted", None]


def test_long_texts_can_be_wrapped_and_are_the_same_words(server: ArxivServer) -> None:
    plain = [each.text or "" for each in ask(server).iter(f"{ARXIV}abstract")]
    server.oai_faults.append(oai.wrapped())
    texts = [each.text or "" for each in ask(server).iter(f"{ARXIV}abstract")]
    assert all(text.startswith("  ") and "\n  " in text for text in texts)
    assert [text.split() for text in texts] == [text.split() for text in plain]


def query(
    server: ArxivStandin, headers: dict[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    params = {"search_query": "cat:cs.LG", "start": "0", "max_results": "10"}
    return get(server.url, urlencode(params), headers or {})


def get(
    url: str, query: str, headers: dict[str, str]
) -> tuple[int, bytes, http.client.HTTPMessage]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=5)
    try:
        connection.request("GET", f"{address.path}?{query}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()
