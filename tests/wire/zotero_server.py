"""A small Zotero: its Web API, version 3, as far as Daily Papers speaks it.

How it answers is how Zotero's own server does: zotero.org/support/dev/web_api/v3 (basics,
write_requests), and github.com/zotero/dataserver (``ApiController.php``, ``KeysController.php``,
``ItemsController.php``, ``model/API.inc.php``, ``model/Key.inc.php``, and its tests
``tests/remote/tests/3/version.test.js``), all read November 2026.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.wire.serving import Fault, WireServer

KEY = "P9NiFoyLeZu2bZNvvuQPDWsd"  # the example of Zotero's documentation
USER = 475425
_ITEM_KEY = re.compile(r"[23456789ABCDEFGHIJKLMNPQRSTUVWXYZ]{8}")
_COMMON = frozenset({
    "key", "version", "itemType", "title", "creators", "abstractNote", "date", "DOI", "url",
    "libraryCatalog", "extra", "tags", "collections",
})  # fmt: skip
# Of Zotero's schema, what each type has beside these.
FIELDS: Mapping[str, frozenset[str]] = {
    "preprint": _COMMON | {"repository", "archiveID", "genre"},
    "journalArticle": _COMMON | {"publicationTitle", "volume", "issue", "pages"},
    "conferencePaper": _COMMON | {"proceedingsTitle", "conferenceName", "pages"},
}
MAX_ITEMS = 50


@dataclass
class ZoteroKey:
    """``groups`` are the numbers that it may write to; ``all_groups``: all of the person's."""

    user: int = USER
    username: str = "muster"
    write: bool = True
    groups: frozenset[int] = frozenset()
    read_only_groups: frozenset[int] = frozenset()
    all_groups: bool = False


@dataclass
class Library:
    """Items by their keys; each has ``data`` as it is shown. ``writes`` are the keys of all that
    were created, in order."""

    version: int = 0
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)


class ZoteroServer(WireServer):
    """Serves the libraries of ``keys``; ``group_names`` are by number. ``backoff`` seconds are in
    the header of every answer while it is not 0."""

    vendor = "Zotero"

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, ZoteroKey] = {KEY: ZoteroKey()}
        self.group_names: dict[int, str] = {}
        self.libraries: dict[str, Library] = {}
        self.backoff = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def library(self, name: str = f"users/{USER}") -> Library:
        return self.libraries.setdefault(name, Library())

    def titles(self, name: str = f"users/{USER}") -> list[str]:
        """Of everything that was ever created there, as often as it was."""
        library = self.library(name)
        return [library.items[key]["title"] for key in library.writes]

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, body = request.path, await request.text()
        self.has_arrived(request.method, path, body)
        fault = self.fault_for(request.method, path)
        answer: web.Response | None = None
        try:
            if fault is None or fault.how == "after":
                answer = await self.go_on_with(self._handle(request, body))
            if fault is not None:
                answer = self._faulty(request, fault)
        finally:
            self.tell_news()
        if self.backoff and answer is not None:
            answer.headers["Backoff"] = str(self.backoff)
        return answer if answer is not None else web.Response()

    def _faulty(self, request: web.Request, fault: Fault) -> web.Response | None:
        """``None``: the connection breaks."""
        if not fault.status:
            if request.transport is not None:
                request.transport.close()
            return None
        text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
        return web.Response(status=fault.status, text=text, headers=fault.headers)

    async def _handle(self, request: web.Request, body: str) -> web.Response:
        await self.take_time()
        if request.headers.get("Zotero-API-Version") != "3":
            self.violations.append(f"{request.path}: no Zotero-API-Version")
        if "key" in request.query:
            self.violations.append(f"{request.path}: a key in the address")
        key = self.keys.get(request.headers.get("Zotero-API-Key", ""))
        if key is None:
            return web.Response(status=403, text="Invalid key")
        if request.path == "/keys/current":
            return web.json_response(self._key_json(request.headers["Zotero-API-Key"], key))
        if request.path == f"/users/{key.user}/groups":
            return web.json_response(
                [{"id": id_, "data": {"name": name}} for id_, name in self.group_names.items()]
            )
        found = re.fullmatch(r"/((users|groups)/(\d+))/items", request.path)
        if found is None:
            return web.Response(status=404, text="Not found")
        name, kind, number = found[1], found[2], int(found[3])
        if kind == "groups" and number not in self.group_names:
            return web.Response(status=404, text="Not found")
        if request.method == "GET":
            return self._read(name, request)
        if not self._may_write(key, kind, number):
            return web.Response(status=403, text="Write access denied")
        return self._write(name, request, body)

    def _may_write(self, key: ZoteroKey, kind: str, number: int) -> bool:
        if kind == "users":
            return key.write and key.user == number
        return key.all_groups or number in key.groups

    def _key_json(self, text: str, key: ZoteroKey) -> dict[str, Any]:
        groups: dict[str, Any] = {}
        if key.all_groups:
            groups["all"] = {"library": True, "write": True}
        for number in key.groups | key.read_only_groups:
            groups[str(number)] = {"library": True, "write": number in key.groups}
        access: dict[str, Any] = {"user": {"library": True, "write": key.write}}
        if groups:
            access["groups"] = groups
        return {
            "key": text,
            "userID": key.user,
            "username": key.username,
            "displayName": "",
            "access": access,
        }

    def _read(self, name: str, request: web.Request) -> web.Response:
        library = self.library(name)
        wanted = request.query["itemKey"].split(",")
        if len(wanted) > MAX_ITEMS:
            self.violations.append("more than 50 keys in one request")
        trashed = request.query.get("includeTrashed") == "1"
        limit = int(request.query.get("limit", "25"))
        found = [
            {"key": key, "version": item["version"], "data": item}
            for key, item in library.items.items()
            if key in wanted and (trashed or not item.get("deleted"))
        ]
        return web.json_response(
            found[:limit], headers={"Last-Modified-Version": str(library.version)}
        )

    def _write(self, name: str, request: web.Request, body: str) -> web.Response:
        if request.content_type != "application/json":
            self.violations.append(f"written as {request.content_type}")
            return web.Response(status=400, text="Content-Type must be application/json")
        try:
            objects = json.loads(body)
        except ValueError:
            self.violations.append("JSON that can't be parsed")
            return web.Response(status=400, text="Uploaded data must be a JSON array")
        if len(objects) > MAX_ITEMS:
            self.violations.append(f"{len(objects)} items in one request")
            return web.Response(status=413, text="Cannot add more than 50 items at a time")
        library = self.library(name)
        report: dict[str, dict[str, Any]] = {
            "successful": {}, "success": {}, "unchanged": {}, "failed": {}
        }  # fmt: skip
        for place, each in enumerate(objects):
            problem = self._problem(library, each)
            if problem is not None:
                code, message = problem
                # Zotero names the key under a name of version 2, so that it is missing here.
                failure = {"code": code, "message": html.escape(message)}
                report["failed"][str(place)] = failure
                continue
            library.version += 1
            library.items[each["key"]] = {**each, "version": library.version}
            library.writes.append(each["key"])
            report["success"][str(place)] = each["key"]
            report["successful"][str(place)] = {
                "key": each["key"],
                "version": library.version,
                "data": library.items[each["key"]],
            }
        return web.json_response(report, headers={"Last-Modified-Version": str(library.version)})

    def _problem(self, library: Library, each: dict[str, Any]) -> tuple[int, str] | None:
        """Why an object is not created: a status and a sentence, as in ``failed``."""
        if not _ITEM_KEY.fullmatch(str(each.get("key"))):
            self.violations.append(f"the key {each.get('key')}")
            return 400, f"'{each.get('key')}' is not a valid item key"
        if "version" not in each:
            self.violations.append("a key without a version")
            return 428, "Either If-Unmodified-Since-Version or 'version' property must be provided"
        known = FIELDS.get(each.get("itemType", ""))
        if known is None:
            self.violations.append(f"the type {each.get('itemType')}")
            return 400, f"'{each.get('itemType')}' is not a valid itemType"
        strange = each.keys() - known
        if strange:
            self.violations.append(f"{sorted(strange)} in a {each['itemType']}")
            return 400, f"'{min(strange)}' is not a valid field for type '{each['itemType']}'"
        for creator in each.get("creators", ()):
            if not (creator.get("name") or creator.get("lastName")):
                self.violations.append(f"a creator without a name: {creator}")
                return 400, "creator object must contain 'firstName'/'lastName' or 'name'"
        present = library.items.get(each["key"])
        if present is not None and present["version"] > each["version"]:
            return 412, (
                "Item has been modified since specified version"
                f" (expected {each['version']}, found {present['version']})"
            )
        if "refused by this test" in each["title"]:
            return 413, "Title 'refused by this test' too long"
        return None
