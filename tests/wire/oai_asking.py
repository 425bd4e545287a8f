"""Queries our OAI-PMH directly, without the client that is under test elsewhere."""

from __future__ import annotations

import gzip
import http.client
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tests.wire.arxiv_server import ArxivServer
from tests.wire.oai_xml import NAMESPACE

OAI = f"{{{NAMESPACE}}}"
ARXIV = "{http://arxiv.org/OAI/arXiv/}"
RAW = "{http://arxiv.org/OAI/arXivRaw/}"


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
