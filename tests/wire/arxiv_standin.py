"""A small arXiv on this machine: the query API over HTTP on 127.0.0.1.

Parameters and limits are those of arXiv's public server source (arXiv/arxiv-search at 764d7eb,
2026-07-01), grammar and matching as in ``arxiv_query_grammar`` and ``arxiv_search``. It has no
cache and no other service; ``arxiv_server`` adds OAI-PMH and the faults.
"""

from __future__ import annotations

import gzip
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Final, Self
from urllib.parse import parse_qsl, urlsplit

from tests.wire.arxiv_feed import Page, StandinPaper, render_error, render_page
from tests.wire.arxiv_query_grammar import Node, QueryError, parse_query
from tests.wire.arxiv_search import Searchable, searchable

__all__ = ["ArxivStandin", "Exchange", "Params", "Reply", "StandinPaper", "Unmapped"]

_PATH: Final = "/api/query"
_MAX_ROWS: Final = 10_000
_POLL: Final = 0.01  # seconds until the server notices that it shall stop
_ID: Final = re.compile(r"(\d{4}\.\d{4,6}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v(\d+))?")
_ATOM: Final = "application/atom+xml; charset=utf-8"

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back. The length and the packing are added on the way."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": _ATOM})


class Unmapped(Exception):
    """Something in the request that the server's own code does not expect: status 500."""


class ArxivStandin:
    """Serves while it is entered as a context manager; ``url`` is then its query API.

    A paper exists from its ``visible_at`` on, measured by ``now``. Several rows of one id are its
    versions. Both are read at each request, so that a test may move time, or add papers. Paths
    other than ``paths`` are 404. While ``busy`` it throttles as arXiv does.
    """

    paths: ClassVar[frozenset[str]] = frozenset({_PATH})

    def __init__(self, papers: Sequence[StandinPaper], now: Callable[[], datetime]) -> None:
        self.now = now
        self.busy = False
        self._texts = [searchable(paper) for paper in papers]
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def announce(self, *papers: StandinPaper) -> None:
        """Papers, or later versions of those that are there, from now on."""
        self._texts = [*self._texts, *map(searchable, papers)]

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        server, thread = self._server, self._thread
        if server is not None and thread is not None:
            server.shutdown()
            server.hang_up()
            server.server_close()
            thread.join()

    @property
    def url(self) -> str:
        """For ``[arxiv] url``. Raises RuntimeError if the server was never entered."""
        return self.address(_PATH)

    def address(self, path: str) -> str:
        """Where ``path`` is served. Raises RuntimeError if the server was never entered."""
        if self._server is None:
            raise RuntimeError("the stand-in serves only inside its with block")
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def add(self, *papers: StandinPaper) -> None:
        """More papers, or further versions."""
        self._texts.extend(map(searchable, papers))

    def serve(self, exchange: Exchange) -> None:
        """Answer one request. May be overridden, to answer wrongly."""
        exchange.send(self.answer(exchange.params))

    def answer(self, params: Params) -> Reply:
        """What arXiv would say, without HTTP around it."""
        if self.busy:  # what a careless program takes for "no papers" (paper-search-mcp PR #81)
            return Reply(200, b"Rate exceeded.\n", {"Content-Type": "text/plain"})
        now = self.now()
        try:
            return Reply(200, render_page(self.page(params), now))
        except QueryError as error:
            return Reply(400, render_error(str(error), now))
        except (Unmapped, RecursionError):
            return Reply(500, b"Internal Server Error", {"Content-Type": "text/plain"})

    def page(self, params: Params, *, phrases: bool = True) -> Page:
        """The rows of one page. Raises QueryError (400) and Unmapped (500)."""
        start, rows = _bounds(params)
        query, id_list = params.get("search_query", ""), params.get("id_list", "")
        if not (query or id_list):
            raise QueryError("either search_query or id_list must be given")
        found = self._listed(id_list) if id_list else list(self._current().values())
        if query:
            found = self.search(parse_query(query), found, phrases=phrases)
        papers = _sorted([each.paper for each in found], params)
        return Page(papers[start : start + rows], len(papers), query, id_list, start, rows)

    def search(
        self, node: Node, among: Sequence[Searchable], *, phrases: bool = True
    ) -> list[Searchable]:
        """Those that the query finds, in their order, by a look at each.

        May be overridden, to search in another way; QueryError is then answered with 400.
        """
        return [each for each in among if each.found_by(node, phrases=phrases)]

    def _visible(self) -> list[Searchable]:
        now = self.now()
        return [each for each in self._texts if each.paper.visible_at <= now]

    def _current(self) -> dict[str, Searchable]:
        """The newest visible version of each paper."""
        newest: dict[str, Searchable] = {}
        for each in self._visible():
            known = newest.get(each.paper.id)
            if known is None or each.paper.version > known.paper.version:
                newest[each.paper.id] = each
        return newest

    def _listed(self, id_list: str) -> list[Searchable]:
        """One malformed id fails the whole request; an unknown one is skipped without a word."""
        current = self._current()
        found = []
        for text in id_list.split(","):
            match = _ID.fullmatch(text.strip())
            if match is None:
                raise QueryError(f"incorrect id format for {text.strip()}")
            base, version = match.groups()
            if version is None:
                found += [current[base]] if base in current else []
            else:
                named = (base, int(version))
                found += [
                    each for each in self._visible() if (each.paper.id, each.paper.version) == named
                ]
        return found


def _bounds(params: Params) -> tuple[int, int]:
    numbers = []
    for name, default in (("start", "0"), ("max_results", "10")):
        text = params.get(name, default)
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise QueryError(f"{name} must be an integer, and not negative")
        numbers.append(int(text))
    start, rows = numbers
    if not 0 < rows <= _MAX_ROWS or 1 + round(start / rows) > _MAX_ROWS // rows:
        raise Unmapped
    return start, rows


def _sorted(papers: list[StandinPaper], params: Params) -> list[StandinPaper]:
    by, order = params.get("sortBy", "relevance"), params.get("sortOrder", "descending")
    if order not in {"ascending", "descending"}:
        raise QueryError("sortOrder must be in: ascending, descending")
    down = order == "descending"
    match by:
        case "relevance":
            return papers
        case "submittedDate":
            return sorted(papers, key=lambda paper: (paper.published, paper.id), reverse=down)
        case "lastUpdatedDate":
            return sorted(papers, key=lambda paper: (paper.submitted, paper.id), reverse=down)
    raise QueryError("sortBy must be in: relevance, lastUpdatedDate, submittedDate")


class Exchange(BaseHTTPRequestHandler):
    """One connection; ``params`` are those of its present request.

    ``query`` is what they were read from, url-encoded; of a repeated one they hold only the last.
    """

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a request
    disable_nagle_algorithm = True  # else each body waits 40 ms for the headers to be acknowledged
    server: _Server
    params: Params
    query: str

    @property
    def service(self) -> str:
        """The path without the query."""
        return urlsplit(self.path).path

    def do_GET(self) -> None:
        self._serve(urlsplit(self.path).query)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        self._serve(self.rfile.read(int(length) if length.isdecimal() else 0).decode("latin-1"))

    def send(self, reply: Reply, *, packed: bool = True) -> None:
        """Answer, packed if the client can unpack."""
        headers = dict(reply.headers)
        body = reply.body
        takes = self.headers.get("Accept-Encoding", "")
        if packed and "gzip" in takes and "Content-Encoding" not in headers:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1)
        self.send_response(reply.status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; who wants to know looks at the requests."""

    def _serve(self, query: str) -> None:
        if self.service not in self.server.standin.paths:
            self.send(Reply(404, b"Not Found", {"Content-Type": "text/plain"}))
            return
        self.query = query
        self.params = dict(parse_qsl(query, keep_blank_values=True))
        with suppress(ConnectionError):  # the client went away, which is its right
            self.server.standin.serve(self)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # they are all joined at the end

    def __init__(self, standin: ArxivStandin) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.standin = standin
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive."""
        for connection in list(self._open):
            with suppress(OSError):  # it ended by itself just now
                connection.shutdown(socket.SHUT_RDWR)
