"""Our OAI-PMH does what arXiv's does, so that a harvest from it means something."""

from __future__ import annotations

import gzip
import http.client
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from tests.fakes import FakeClock
from tests.sources.feeds import NOON, standin_paper
from tests.wire.arxiv_server import ArxivServer

OAI = "{http://www.openarchives.org/OAI/2.0/}"
ARXIV = "{http://arxiv.org/OAI/arXiv/}"
RAW = "{http://arxiv.org/OAI/arXivRaw/}"
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)  # the one after NOON


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def server(clock: FakeClock) -> Iterator[ArxivServer]:
    """Thirty invented papers, announced in tens on three days: 26, 27 and 28 February."""
    papers = [
        standin_paper(number, visible_at=NOON - timedelta(days=5 - (number + 9) // 10))
        for number in range(1, 31)
    ]
    with ArxivServer(papers, clock) as running:
        yield running


def fetch(server: ArxivServer, query: str, method: str = "GET") -> tuple[int, bytes]:
    address = urlsplit(server.oai_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=5)
    headers = {"Accept": "text/xml", "Accept-Encoding": "gzip"}
    try:
        if method == "GET":
            connection.request("GET", f"{address.path}?{query}", headers=headers)
        else:
            connection.request("POST", address.path, query, headers)
        answer = connection.getresponse()
        body = answer.read()
        packed = answer.headers.get("Content-Encoding") == "gzip"
        return answer.status, gzip.decompress(body) if packed else body
    finally:
        connection.close()


def ask(server: ArxivServer, verb: str = "ListRecords", **given: str) -> Element:
    """The answer's root. ``since`` stands for ``from``, which Python keeps for itself."""
    given = {{"since": "from"}.get(name, name): value for name, value in given.items()}
    if verb in {"ListRecords", "ListIdentifiers"} and "resumptionToken" not in given:
        given = {"metadataPrefix": "arXiv"} | given
    status, body = fetch(server, urlencode({"verb": verb} | given))
    assert status == 200
    return ElementTree.fromstring(body)


def ids(root: Element) -> list[str]:
    """The papers on a page, by the numbers of their ids."""
    return [
        (each.text or "").rpartition(".")[2].lstrip("0") for each in root.iter(f"{OAI}identifier")
    ]


def stamps(root: Element) -> dict[str, str]:
    """The datestamp of each paper on a page."""
    found = [each.text or "" for each in root.iter(f"{OAI}datestamp")]
    return dict(zip(ids(root), found, strict=True))


def error(root: Element) -> str | None:
    found = root.find(f"{OAI}error")
    return None if found is None else found.get("code")


def token(root: Element) -> str | None:
    """None where there is no such element, and empty at the end of a chain."""
    found = root.find(f".//{OAI}resumptionToken")
    return None if found is None else found.text or ""


def harvest(server: ArxivServer, verb: str = "ListRecords", **given: str) -> list[Element]:
    """Page by page to the end."""
    pages = [ask(server, verb, **given)]
    while following := token(pages[-1]):
        assert len(pages) < 100
        pages.append(ask(server, verb, resumptionToken=following))
    return pages


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


# Lists


def test_a_list_is_everything_by_datestamp_and_then_id(server: ArxivServer) -> None:
    root = ask(server)
    assert ids(root) == numbers(1, 30)
    assert sorted(set(stamps(root).values())) == ["2026-02-26", "2026-02-27", "2026-02-28"]
    assert token(root) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"since": "2026-02-27"}, numbers(11, 30)),
        ({"since": "2026-02-28"}, numbers(21, 30)),
        ({"until": "2026-02-26"}, numbers(1, 10)),
        ({"since": "2026-02-27", "until": "2026-02-27"}, numbers(11, 20)),
        ({"since": "2005-09-16", "until": "2026-03-02"}, numbers(1, 30)),
    ],
)
def test_from_and_until_are_days_and_both_are_included(
    server: ArxivServer, given: dict[str, str], expected: list[str]
) -> None:
    assert ids(ask(server, **given)) == expected


@pytest.mark.parametrize("verb", ["ListRecords", "ListIdentifiers"])
def test_page_by_page_every_paper_comes_at_least_once(server: ArxivServer, verb: str) -> None:
    for size in (1, 3, 7, 10, 13, 29, 30):
        server.oai_page = server.oai.identifiers = size
        pages = harvest(server, verb)
        seen = Counter(number for page in pages for number in ids(page))
        assert sorted(seen, key=int) == numbers(1, 30)
        assert all(len(ids(page)) <= size for page in pages)
        assert token(pages[-1]) == ("" if len(pages) > 1 else None)
