"""One HTTP exchange with arXiv: a request out, its response in. Retries nothing, judges nothing.

Whatever goes wrong below HTTP becomes a SourceDown here, or a SourceNotAsked where this machine is
to blame, and nothing of httpx leaves this module.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import httpx

from bot import __version__
from bot.arxiv.responses import Response
from bot.arxiv.search_query import MAX_URL_LENGTH, address
from bot.arxiv.xml_stream import SAMPLE_BYTES, XmlReader
from bot.errors import SourceDown, SourceGarbled, SourceNotAsked
from bot.network import Network

# Without an explicit Accept, and with the default names of libraries, arXiv's edge answers 406 or
# refuses (arxiv.py #203, wp-a/nature-academic-search PR #16, 2026).
_ACCEPT: Final = "application/atom+xml, application/xml;q=0.9, */*;q=0.1"

_CHUNK_BYTES: Final = 64 * 1024  # compressed, per hop to the parsing thread
_MAX_DECODED_BYTES: Final = 1024 * 1024  # at a time, however well they were compressed
_PARSED_STATUSES: Final = frozenset(
    {200, 400}
)  # arXiv says in XML, too, what it did not understand
_GZIP: Final = 16 + zlib.MAX_WBITS
# No room for one more connection here: file descriptors, buffers, memory.
_LOCAL_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# No network, or a firewall of our own.
_NO_NETWORK: Final = frozenset(
    {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}
)


T = TypeVar("T")


class ApiRequest(Protocol):
    """A request to one of arXiv's services."""

    def encoded(self) -> str:
        """As the query of an address, or as the body of a form."""
        ...


class Timeouts(NamedTuple):
    """Seconds. ``total`` ends a response that drips in forever.

    2,000 papers are 4 to 6 MB; arXiv documents two minutes for an answer of 30,000.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 180.0


class ResponseTimeout(SourceDown):
    """No answer in time. This is also one of the ways in which arXiv throttles."""


class NoNetwork(SourceNotAsked):
    """This machine can't reach arXiv now, so it has sent no request. That may pass."""


Q = TypeVar("Q", bound=ApiRequest)


class HttpConnection(Generic[T, Q]):
    """The connection to one service of arXiv. Opened at the first request; close it at the end.

    ``reader`` makes the parser for the response to a request.
    """

    def __init__(
        self,
        *,
        url: str,
        reader: Callable[[Q], XmlReader[T]],
        contact: str,
        timeouts: Timeouts,
        network: Network,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._url = httpx.URL(url)
        self._reader = reader
        self._timeouts = timeouts
        self._network = network
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._headers = {
            "User-Agent": _printable(f"daily-papers/{__version__} (+{contact})"),
            "Accept": _ACCEPT,
            "Accept-Encoding": "gzip",
        }

    async def send(self, request: Q, target: str = "", as_post: bool = False) -> Response[T]:
        """Send it once and read the whole response.

        ``target`` is where ``follow`` led, complete with the query; ``as_post`` puts the query into
        the body whatever its length. Raises SourceDown, of these ResponseTimeout for a timeout;
        SourceNotAsked where this machine has no means left to send it, as NoNetwork where it has no
        network, cannot look up the address, or its proxy refuses.
        """
        try:
            message = self._message(request, target, as_post)
        except OSError as error:  # the certificates can't be read
            raise _not_asked(error) from error
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._receive(message, self._reader(request))
        except (httpx.TimeoutException, TimeoutError) as error:
            raise ResponseTimeout("arXiv did not answer in time.") from error
        except httpx.TransportError as error:
            raise _of_this_machine(error) or SourceDown(
                f"arXiv can't be reached: {_reason(error)}."
            ) from error

    def follow(self, location: str, target: str = "") -> str:
        """Where a redirect leads, if that is arXiv over https, or the host in bot.toml.

        Raises SourceGarbled for any other place: nobody else has the papers, or our contact.
        """
        try:
            new = httpx.URL(target or self._url).join(location)
        except httpx.InvalidURL as error:
            raise SourceGarbled("arXiv sent us to an address that is none.") from error
        arxivs = new.host == "arxiv.org" or new.host.endswith(".arxiv.org")
        own = (self._url.scheme, self._url.host, self._url.port)
        if not (arxivs and new.scheme == "https") and (new.scheme, new.host, new.port) != own:
            raise SourceGarbled(f"arXiv sent us elsewhere, to {new.scheme}://{new.host[:100]}.")
        return str(new)

    async def aclose(self) -> None:
        """Close the connection. The next request opens it again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _message(self, request: ApiRequest, target: str, as_post: bool) -> httpx.Request:
        whole = target or address(str(self._url), request.encoded())
        if not as_post and len(whole) <= MAX_URL_LENGTH:
            return self._http().build_request("GET", whole)
        return self._http().build_request(
            "POST",
            httpx.URL(target or self._url).copy_with(query=None),
            content=request.encoded(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )

    async def _receive(self, message: httpx.Request, reader: XmlReader[T]) -> Response[T]:
        response = await self._http().send(message, stream=True)
        try:
            body = _BodyParser(response.headers.get("content-encoding", ""), reader)
            headers = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code not in _PARSED_STATUSES:
                sample = await _sample_of(response)
                return Response(response.status_code, headers, sample)
            try:
                async for raw in response.aiter_raw(_CHUNK_BYTES):
                    await asyncio.to_thread(body.feed, raw)
                document = await asyncio.to_thread(body.close)
            except SourceGarbled as problem:
                return Response(response.status_code, headers, problem.sample, problem=problem)
            return Response(response.status_code, headers, body.sample, document)
        finally:
            await response.aclose()

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._network.http_client(
                str(self._url),
                headers=self._headers,
                timeout=httpx.Timeout(self._timeouts.read, connect=self._timeouts.connect),
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                follow_redirects=False,
                transport=self._transport,
            )
        return self._client


class _BodyParser(Generic[T]):
    """Decompresses and parses a body while it arrives. Runs in a thread, one call at a time."""

    def __init__(self, encoding: str, reader: XmlReader[T]) -> None:
        self._encoding = encoding.strip().lower()
        self._inflate = zlib.decompressobj(_GZIP)
        self._reader = reader

    @property
    def sample(self) -> bytes:
        return self._reader.sample

    def feed(self, raw: bytes) -> None:
        for piece in self._decompressed(raw):
            self._reader.feed(piece)

    def close(self) -> T:
        if self._encoding == "gzip":
            self._reader.feed(self._inflate.flush())
            if not self._inflate.eof:
                raise self._garbled("its compressed text is cut off")
        return self._reader.close()

    def _decompressed(self, raw: bytes) -> Iterator[bytes]:
        if self._encoding in {"", "identity"}:
            yield raw
            return
        if self._encoding != "gzip":
            raise self._garbled(f"it is packed as {self._encoding[:40]!r}")
        while raw:
            if self._inflate.eof:
                raise self._garbled("there is more behind its end")
            try:
                yield self._inflate.decompress(raw, _MAX_DECODED_BYTES)
            except zlib.error as error:
                raise self._garbled(f"its compressed text is damaged, {error}") from error
            raw = self._inflate.unconsumed_tail or self._inflate.unused_data

    def _garbled(self, problem: str) -> SourceGarbled:
        return SourceGarbled(f"arXiv's answer can't be read: {problem}.", sample=self.sample)


async def _sample_of(response: httpx.Response) -> bytes:
    """The start of a body that is not worth reading; the rest is never fetched."""
    is_gzip = response.headers.get("content-encoding", "").strip().lower() == "gzip"
    async for raw in response.aiter_raw(SAMPLE_BYTES):
        try:
            decoded = zlib.decompressobj(_GZIP).decompress(raw, SAMPLE_BYTES) if is_gzip else raw
        except zlib.error:
            decoded = raw
        return decoded[:SAMPLE_BYTES]
    return b""


def _printable(header: str) -> str:
    """ASCII only, on one line, as a header must be."""
    return "".join(each if " " <= each <= "~" else "?" for each in header)


def _reason(error: httpx.TransportError) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _of_this_machine(error: httpx.TransportError) -> SourceNotAsked | None:
    """What this machine lacked, if that is why there was no connection to arXiv."""
    if isinstance(error, httpx.ProxyError):
        return NoNetwork(f"arXiv was not asked, because the proxy refused to: {_reason(error)}.")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return NoNetwork(
                "arXiv was not asked, because this machine can't look up its address:"
                f" {cause.strerror}."
            )
        if isinstance(cause, OSError) and cause.errno in _NO_NETWORK:
            return NoNetwork(
                f"arXiv was not asked, because this machine can't reach it: {cause.strerror}."
            )
        if isinstance(cause, OSError) and cause.errno in _LOCAL_LIMITS:
            return _not_asked(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _not_asked(error: OSError) -> SourceNotAsked:
    name = f" ({error.filename})" if error.filename else ""
    return SourceNotAsked(
        f"arXiv was not asked, because of a fault of this machine: {error.strerror or error}{name}."
    )
