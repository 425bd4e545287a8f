"""The stand-in for arXiv, with everything that arXiv has been seen to do wrong, on command.

Query API and OAI-PMH are one server; the faults here are those of both, or of the query API alone
where they speak of pages, rows and queries. Those of OAI-PMH alone are in ``arxiv_oai_faults``.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from bot.ports import Clock
from tests.wire import arxiv_oai
from tests.wire.arxiv_feed import Page, StandinPaper, render_page
from tests.wire.arxiv_standin import ArxivStandin, Exchange, Params, Reply
from tests.wire.oai_xml import NAMESPACE

HTML: Final = {"Content-Type": "text/html"}
TEXT: Final = {"Content-Type": "text/plain"}

BOMB_ENTITIES: Final = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (ord("a") + level, b"&%c;" % (ord("a") + level - 1) * 10)
        for level in range(1, 10)
    )
    + b"]>"
)
BOMB: Final = BOMB_ENTITIES + b'<feed xmlns="http://www.w3.org/2005/Atom"><title>&j;</title></feed>'
_ATOM_HEAD: Final = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>'
_OAI_HEAD: Final = b'<?xml version="1.0"?><OAI-PMH xmlns="%s"><responseDate>' % NAMESPACE.encode()
OAI_BOMB: Final = (
    BOMB_ENTITIES + b'<OAI-PMH xmlns="%s"><error code="badVerb">&j;</error></OAI-PMH>'
) % NAMESPACE.encode()


@dataclass(slots=True)
class Seen:
    """One request. ``answered`` is when its answer began; both are monotonic seconds."""

    method: str
    params: Params
    headers: Mapping[str, str]
    url_length: int
    started: float
    answered: float
    oai: bool = False


Fault = Callable[["ArxivServer", Exchange], None]


class ArxivServer(ArxivStandin):
    """``faults`` are used up, one per request; after them, ``habit`` is what it does.

    ``oai_faults`` and ``oai_habit`` are the same for OAI-PMH. ``requests`` are those of both.
    """

    paths = ArxivStandin.paths | {arxiv_oai.PATH}

    def __init__(self, papers: Sequence[StandinPaper], clock: Clock) -> None:
        super().__init__(papers, clock.now)
        self.clock = clock
        self.oai = arxiv_oai.OaiService(lambda: [each.paper for each in self._texts], clock.now)
        self.faults: deque[Fault] = deque()
        self.habit: Fault = honest
        self.oai_faults: deque[Fault] = deque()
        self.oai_habit: Fault = honest
        self.requests: list[Seen] = []

    @property
    def oai_url(self) -> str:
        """The base URL of OAI-PMH. Raises RuntimeError if the server was never entered."""
        return self.address(arxiv_oai.PATH)

    @property
    def oai_page(self) -> int:
        """How many records stand on one page of OAI-PMH."""
        return self.oai.records

    @oai_page.setter
    def oai_page(self, records: int) -> None:
        self.oai.records = records

    def restamp(self, paper_id: str, moment: datetime) -> None:
        """At ``moment`` OAI-PMH gives the paper that day as its datestamp: an edit in bulk."""
        self.oai.restamp(paper_id, moment)

    def index_after(
        self, paper_id: str, moment: datetime, *, version: int = 1, backdated: bool = False
    ) -> None:
        """OAI-PMH shows this version from ``moment`` on, the query API still at ``visible_at``.

        The datestamp is the day of ``moment``, or if ``backdated`` the day of ``visible_at``.
        """
        self.oai.index_after(paper_id, moment, version=version, backdated=backdated)

    def serve(self, exchange: Exchange) -> None:
        now = self.clock.monotonic()
        oai = is_oai(exchange)
        seen = Seen(
            method=exchange.command,
            params=exchange.params,
            headers=dict(exchange.headers.items()),
            url_length=len(f"http://127.0.0.1:12345{exchange.path}"),
            started=now,
            answered=now,
            oai=oai,
        )
        self.requests.append(seen)
        faults, habit = (self.oai_faults, self.oai_habit) if oai else (self.faults, self.habit)
        fault = faults.popleft() if faults else habit
        seen.answered = self.clock.monotonic()
        fault(self, exchange)

    def reply(self, exchange: Exchange) -> Reply:
        """What the service that was asked would say."""
        if is_oai(exchange):
            return self.oai.answer(exchange.query)
        return self.answer(exchange.params)

    def assert_polite(self, interval: float, contact: str) -> None:
        """What arXiv's terms and limits ask of a client, for every request so far."""
        for seen in self.requests:
            assert re.fullmatch(r"daily-papers/\S+ \(\+.+\)", seen.headers["User-Agent"])
            assert contact in seen.headers["User-Agent"]
            assert seen.url_length <= 4000
            if seen.oai:
                assert "xml" in seen.headers["Accept"]
                continue
            assert "application/atom+xml" in seen.headers["Accept"]
            rows, start = int(seen.params["max_results"]), int(seen.params["start"])
            assert 0 < rows <= 2000
            assert start + rows <= 10_000
        for before, after in zip(self.requests, self.requests[1:], strict=False):
            assert after.started - before.answered >= interval - 1e-6


def is_oai(exchange: Exchange) -> bool:
    return exchange.service == arxiv_oai.PATH


def honest(server: ArxivServer, exchange: Exchange) -> None:
    exchange.send(server.reply(exchange))


def unpacked(server: ArxivServer, exchange: Exchange) -> None:
    """As it should be, but not packed, though the client asked for that."""
    exchange.send(server.reply(exchange), packed=False)


def status(code: int, body: bytes = b"", *, packed: bool = True, **headers: str) -> Fault:
    """A plain answer. Header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        del server
        exchange.send(Reply(code, body, {**TEXT, **named}), packed=packed)

    return fault


def throttled(retry_after: str = "") -> Fault:
    body = b"Rate exceeded."
    return status(429, body, Retry_After=retry_after) if retry_after else status(429, body)


def rate_exceeded_at_200() -> Fault:
    return status(200, b"Rate exceeded.\n")


def blocked() -> Fault:
    return status(403, b"<html><title>Access denied</title></html>")


def not_acceptable() -> Fault:
    return status(406, b"Not Acceptable")


def varnish() -> Fault:
    return status(503, b"<html>Error 503 first byte timeout. Varnish</html>", Retry_After="0")


def page_of_html() -> Fault:
    return status(200, b"<!DOCTYPE html><html><body>arXiv is being mended.</body></html>")


def wrong_content() -> Fault:
    return status(200, json.dumps({"papers": []}).encode())


def bomb() -> Fault:
    def fault(server: ArxivServer, exchange: Exchange) -> None:
        del server
        exchange.send(Reply(200, OAI_BOMB if is_oai(exchange) else BOMB, TEXT))

    return fault


def moved(location: str, code: int = 302) -> Fault:
    """To another host or scheme with the same path and query; ``location`` may be relative."""

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        del server
        where = location.replace("{path}", exchange.path)
        exchange.send(Reply(code, b"", {**TEXT, "Location": where}))

    return fault


def reset(server: ArxivServer, exchange: Exchange) -> None:
    """The connection ends with a TCP reset and no answer."""
    del server
    exchange.close_connection = True
    linger = struct.pack("ii", 1, 0)
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    os.close(exchange.connection.detach())


def stall(server: ArxivServer, exchange: Exchange) -> None:
    """Nothing at all, until the client hangs up or the server stops."""
    del server
    exchange.close_connection = True
    exchange.connection.recv(1)


def drip(server: ArxivServer, exchange: Exchange) -> None:
    """An answer that never ends, a few bytes at a time, so that no single read times out."""
    del server
    exchange.close_connection = True
    _start(exchange, 200, {})
    exchange.connection.settimeout(0.01)
    while True:
        exchange.wfile.write(b"<!-- -->\n")
        try:
            if not exchange.connection.recv(1):
                return
        except TimeoutError:
            continue


@cache
def _bomb(head: bytes, size: int) -> bytes:
    """Packed: to pack a hundred megabytes takes a large part of a second, and each is asked for
    three times."""
    return gzip.compress(head + b"x" * size, compresslevel=1)


def huge(size: int = 100 * 1024**2, *, packed: bool = True) -> Fault:
    """An answer that begins well and goes on for ``size`` bytes."""

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        del server
        exchange.close_connection = True
        head = _OAI_HEAD if is_oai(exchange) else _ATOM_HEAD
        if packed:
            bomb = _bomb(head, size)
            _start(exchange, 200, {"Content-Encoding": "gzip", "Content-Length": str(len(bomb))})
            exchange.wfile.write(bomb)
            return
        _start(exchange, 200, {"Content-Length": str(len(head) + size)})
        exchange.wfile.write(head)
        for _ in range(0, size, 1024**2):
            exchange.wfile.write(b"x" * 1024**2)

    return fault


def cut_xml(server: ArxivServer, exchange: Exchange) -> None:
    """Half of the answer, and by HTTP's measure that is all."""
    reply = server.reply(exchange)
    exchange.send(replace(reply, body=reply.body[: len(reply.body) // 2]))


def cut_gzip(server: ArxivServer, exchange: Exchange) -> None:
    """All of the answer but the last bytes of its packing, which hold its check sum."""
    body = gzip.compress(server.reply(exchange).body)[:-6]
    _start(exchange, 200, {"Content-Encoding": "gzip", "Content-Length": str(len(body))})
    exchange.wfile.write(body)


def not_gzip(server: ArxivServer, exchange: Exchange) -> None:
    """Says that it is packed, and is not."""
    reply = server.reply(exchange)
    packed = {**reply.headers, "Content-Encoding": "gzip"}
    exchange.send(replace(reply, headers=packed))


def more_behind_gzip(server: ArxivServer, exchange: Exchange) -> None:
    """A complete answer, and something behind it."""
    body = gzip.compress(server.reply(exchange).body) + b"more"
    exchange.send(Reply(200, body, {"Content-Encoding": "gzip"}))


def cut_connection(server: ArxivServer, exchange: Exchange) -> None:
    """The connection ends before the length that was announced."""
    exchange.close_connection = True
    body = server.reply(exchange).body
    _start(exchange, 200, {"Content-Length": str(len(body))})
    exchange.wfile.write(body[: len(body) // 2])


def pages(change: Callable[[Page], Page], *, age: timedelta = timedelta(0)) -> Fault:
    """A well-formed answer with other rows in it, made ``age`` ago by its own account."""

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        page = change(server.page(exchange.params))
        exchange.send(Reply(200, render_page(page, server.now() - age)))

    return fault


def short(rows: int, *, plausible: bool = False) -> Fault:
    """Only the first rows; ``plausible`` if the total agrees with that."""
    return pages(
        lambda page: replace(
            page, papers=page.papers[:rows], total=rows if plausible else page.total
        )
    )


def hollow() -> Fault:
    """``totalResults`` says that there are papers, and none is there."""
    return short(0)


def nothing() -> Fault:
    """An index that has lost everything, and says so."""
    return short(0, plausible=True)


def upside_down() -> Fault:
    """``sortBy`` was ignored: the oldest come first."""
    return pages(lambda page: replace(page, papers=page.papers[::-1]))


def doubled() -> Fault:
    """The index changed between two pages: the first row stands there twice, the last is lost."""
    return pages(lambda page: replace(page, papers=[page.papers[0], *page.papers[:-1]]))


def stale(age: timedelta) -> Fault:
    return pages(lambda page: page, age=age)


def query_ignored(server: ArxivServer, exchange: Exchange) -> None:
    """Everything there is, whatever was asked."""
    everything = {"search_query": "submittedDate:[1991 TO 2100]"}
    exchange.send(server.answer({**exchange.params, **everything}))


def quotes_ignored(server: ArxivServer, exchange: Exchange) -> None:
    """The words anywhere instead of the phrase."""
    page = server.page(exchange.params, phrases=False)
    exchange.send(Reply(200, render_page(page, server.now())))


def _start(exchange: Exchange, code: int, headers: Mapping[str, str]) -> None:
    exchange.send_response(code)
    for name, value in headers.items():
        exchange.send_header(name, value)
    exchange.end_headers()
