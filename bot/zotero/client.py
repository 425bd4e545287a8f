"""The client of Zotero's Web API, version 3.

Facts: zotero.org/support/dev/web_api/v3, basics and write_requests, and how its server carries them
out: github.com/zotero/dataserver (``model/API.inc.php``, ``model/Key.inc.php``), all read November
2026. Retries nothing; ``core.zotero`` does.
"""

from __future__ import annotations

import asyncio
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bot import __version__
from bot.errors import LibraryRefused, ServiceBusy, TryLater
from bot.model.zotero import ZoteroItem, ZoteroLibrary, ZoteroResult
from bot.network import Network
from bot.text import clean, shorten
from bot.zotero.items import is_item_of, item_data

# An answer repeats what was created: fifty papers, of which some have thousands of authors.
MAX_ANSWER_BYTES: Final = 16_000_000
MAX_GROUPS: Final = 100  # of one person, named in one answer (basics, limit)
MAX_REASON_LENGTH: Final = 200
MAX_ID_LENGTH: Final = 20
_TOO_LARGE: Final = frozenset({400, 413})  # of a request with one item: the item is to blame
_LATER: Final = frozenset({409, 429, 500, 502, 503, 504})  # of one item among several
_DOWN: Final = frozenset({502, 503, 504})
_REFUSED: Final = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True)
class ZoteroTimeouts:
    """Seconds. ``total`` ends an answer that drips in forever."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    document: Any  # ``None`` if it is not JSON

    @property
    def backoff(self) -> float:
        """Seconds for which Zotero wants no requests, whoever sends them; any answer may say so."""
        return _seconds(self.headers.get("backoff", ""))

    @property
    def wait(self) -> float | None:
        """Seconds until another attempt makes sense, where the answer says that."""
        return max(self.backoff, _seconds(self.headers.get("retry-after", ""))) or None


class ZoteroClient:
    """Implements ports.Zotero. Opened at the first request; has to be closed."""

    def __init__(
        self,
        url: str,
        *,
        network: Network,
        timeouts: ZoteroTimeouts | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._network = network
        self._timeouts = timeouts or ZoteroTimeouts()
        self._max_answer_bytes = max_answer_bytes
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close the connection. The next request opens it again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def libraries(self, key: str) -> Sequence[ZoteroLibrary]:
        answer = await self._request("GET", "/keys/current", key)
        if answer.status in _REFUSED:  # 403 for an unknown key, 404 for one that was just revoked
            raise LibraryRefused("Zotero does not know this key.")
        found = _checked(answer)
        found = found if isinstance(found, dict) else {}
        access = _part(found, "access")
        user = _id(found.get("userID"))
        if not user:
            raise TryLater("Zotero's answer does not say whose key it is.")
        own = []
        if _may_write(access.get("user")):
            name = _text(found.get("username")) or f"user {user}"
            own = [ZoteroLibrary(f"users/{user}", name)]
        groups = _part(access, "groups")
        writable = {_id(name) or name for name, may in groups.items() if _may_write(may)}
        if not writable:
            return own
        try:
            named = await self._groups(key, user)
        except LibraryRefused:  # only the names are missing
            named = {}
        ids = named.keys() if "all" in writable else filter(_id, writable)
        shared = [ZoteroLibrary(f"groups/{id_}", named.get(id_) or f"group {id_}") for id_ in ids]
        return [*own, *sorted(shared, key=lambda each: (each.name.casefold(), each.id))]

    async def _groups(self, key: str, user: str) -> dict[str, str]:
        """The names of the person's groups, by their ids."""
        path = f"/users/{user}/groups?limit={MAX_GROUPS}"
        groups = _listed(_checked(await self._request("GET", path, key)))
        named = {_id(each.get("id")): _text(_part(each, "data").get("name")) for each in groups}
        return {id_: name for id_, name in named.items() if id_}

    async def add(self, key: str, library: str, items: Sequence[ZoteroItem]) -> ZoteroResult:
        body = await asyncio.to_thread(lambda: json.dumps(list(map(item_data, items))))
        answer = await self._request("POST", f"/{library}/items", key, body)
        if len(items) == 1 and answer.status in _TOO_LARGE:
            return ZoteroResult(rejected={items[0].key: _reason(answer, key)}, wait=answer.backoff)
        report = _checked(answer)
        known = _part(report, "success") | _part(report, "unchanged")
        failed = _part(report, "failed")
        # Failures are named by their position in the request; the key is not always given.
        added = {item.key for place, item in enumerate(items) if str(place) in known}
        conflicts, rejected, later = [], {}, {}
        for place, item in enumerate(items):
            if item.key in added:
                continue
            problem = _part(failed, str(place))
            code, why = _number(problem.get("code")), _shown(problem.get("message"), key)
            if code == 412:  # an item with this key exists
                conflicts.append(item)
            elif code is None or code in _LATER:
                later[item.key] = why or "Zotero's answer does not say what became of it."
            else:
                rejected[item.key] = why or f"Zotero answered {code}."
        if not conflicts:
            return ZoteroResult(frozenset(added), frozenset(), rejected, later, answer.backoff)
        ours, taken, gone, backoff = await self._compared(key, library, conflicts)
        later |= dict.fromkeys(gone, "It was deleted in Zotero just now.")
        wait = max(answer.backoff, backoff)
        return ZoteroResult(frozenset(added | ours), frozenset(taken), rejected, later, wait)

    async def _compared(
        self, key: str, library: str, items: Sequence[ZoteroItem]
    ) -> tuple[set[str], set[str], set[str], float]:
        """Looks at the items in the library that have the keys of these. Returns the keys of those
        that are the same papers, of those that are something else, and of those that are gone by
        now; and the seconds of a Backoff."""
        wanted = ",".join(item.key for item in items)
        path = f"/{library}/items?itemKey={wanted}&includeTrashed=1&limit=100"
        answer = await self._request("GET", path, key)
        data = {_text(each.get("key")): each.get("data") for each in _listed(_checked(answer))}
        there = [item for item in items if item.key in data]
        ours = {item.key for item in there if is_item_of(item.paper, data[item.key])}
        taken = {item.key for item in there} - ours
        return ours, taken, {item.key for item in items} - ours - taken, answer.backoff

    async def _request(self, method: str, path: str, key: str, body: str = "") -> _Answer:
        """Raises ServiceBusy where there is no answer."""
        headers = {"Zotero-API-Key": key}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(self._timeouts.total):
                request = self._http().build_request(
                    method, self._url + path, content=body or None, headers=headers
                )
                return await self._read(request)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise ServiceBusy("Zotero did not answer in time.") from error
        except (httpx.TransportError, OSError) as error:
            # Its text may name a proxy; the errors of certificates are OSErrors.
            raise ServiceBusy(f"Zotero can't be reached ({type(error).__name__}).") from error
        except httpx.HTTPError as error:  # such as a body that is packed wrongly
            raise TryLater("Zotero's answer can't be read.") from error

    async def _read(self, request: httpx.Request) -> _Answer:
        """Raises TryLater for an answer that is too large."""
        response = await self._http().send(request, stream=True)
        try:
            text = bytearray()
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > self._max_answer_bytes:
                    raise TryLater("Zotero's answer is too large.")
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            document = await asyncio.to_thread(json.loads, bytes(text))
        except (ValueError, RecursionError):
            document = None
        return _Answer(response.status_code, headers, document)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._network.http_client(
                self._url,
                headers={
                    "User-Agent": f"daily-papers/{__version__}",
                    "Zotero-API-Version": "3",
                    "Accept": "application/json",
                },
                timeout=httpx.Timeout(self._timeouts.read, connect=self._timeouts.connect),
                limits=httpx.Limits(max_connections=4),  # Zotero asks for no more at once (basics)
                follow_redirects=False,  # nobody else gets the key
                transport=self._transport,
            )
        return self._client


def _checked(answer: _Answer) -> Any:
    """The document of a successful answer. Raises LibraryRefused or TryLater; of these ServiceBusy,
    if Zotero takes no requests from anybody."""
    status = answer.status
    if status in _REFUSED:
        raise LibraryRefused(
            "Zotero does not let this key write to this library any more: it was revoked or"
            " changed, or the library is gone.",
            answer.backoff,
        )
    if status in _DOWN or (answer.backoff and not 200 <= status < 300):
        raise ServiceBusy(f"Zotero asked to wait (HTTP {status}).", answer.wait)
    if status == 429:
        raise TryLater("Zotero asked to slow down (HTTP 429).", answer.wait)
    if not 200 <= status < 300:
        raise TryLater(f"Zotero answered with HTTP {status}.", answer.wait)
    if not isinstance(answer.document, (dict, list)):
        raise TryLater("Zotero's answer can't be read.", answer.wait)
    return answer.document


def _reason(answer: _Answer, key: str) -> str:
    return _shown(answer.document, key) or f"Zotero answered with HTTP {answer.status}."


def _shown(message: object, key: str) -> str:
    """What Zotero says, as plain text (it escapes it for HTML), and never the key."""
    if not isinstance(message, str):
        return ""
    return shorten(clean(html.unescape(message).replace(key, "***")), MAX_REASON_LENGTH)


def _part(found: object, name: str) -> dict[str, Any]:
    """A part of an answer; empty if it is missing, or an empty list, as which PHP writes an empty
    mapping."""
    part = found.get(name) if isinstance(found, dict) else None
    return part if isinstance(part, dict) else {}


def _listed(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(value: object) -> str:
    """A name, ready to be shown."""
    return clean(value) if isinstance(value, str) else ""


def _id(value: object) -> str:
    """Zotero's id of a person or a group, which becomes part of an address; empty for anything but
    a number."""
    text = str(value)
    return text if text.isascii() and text.isdecimal() and len(text) <= MAX_ID_LENGTH else ""


def _number(value: object) -> int | None:
    """A status; ``None`` for anything else, including a bool, although that is an int."""
    return value if type(value) is int else None


def _may_write(access: object) -> bool:
    return isinstance(access, dict) and access.get("write") is True


def _seconds(header: str) -> float:
    """A number of seconds; 0 for anything else, such as a date."""
    try:
        seconds = float(header)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
