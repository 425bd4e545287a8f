"""A small Slack on 127.0.0.1: the Web API with a workspace behind it, and every way it can fail.

Socket Mode is in ``slack_socket``, what Slack would not take in ``slack_rules``. Shapes and codes:
facts of Slack, 3 to 5 and 8.
"""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.wire import slack_rules
from tests.wire.serving import WireServer
from tests.wire.slack_socket import SlackSocket

BOT_TOKEN, APP_TOKEN = "xoxb-wire-1", "xapp-wire-1"
HISTORY = ("channels:history", "groups:history")
CHAT = ("commands", "chat:write")
HOME = "T1"
CLIENT_ID, CLIENT_SECRET = "1.2", "wire-client-secret"
TRIGGER_LIVES = 3.0  # seconds
ANSWERS = 5  # times that a response_url can be used


@dataclass
class Room:
    """A channel, and why it does not take messages, if it doesn't. Without ``members`` everybody is
    one."""

    id: str
    refuses: str = ""
    private: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)
    members: frozenset[str] | None = None


class SlackServer(WireServer):
    """``scopes`` are those of the bot token; without history nobody can look back."""

    vendor = "Slack"

    def __init__(
        self,
        scopes: tuple[str, ...] = (*CHAT, *HISTORY, "channels:read"),
        *,
        limited: bool = False,
    ) -> None:
        super().__init__()
        self.scopes = scopes
        self.limited = limited
        self.tokens = {BOT_TOKEN: "", APP_TOKEN: ""}  # and what is said to a token instead
        self.teams = {BOT_TOKEN: HOME}  # whose the bot tokens are
        self.codes: dict[str, dict[str, Any]] = {}  # what oauth.v2.access answers to each, once
        self.rooms: dict[str, Room] = {}
        self.answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.views: list[dict[str, Any]] = []
        self.form_errors: list[dict[str, str]] = []
        self.closed_views: list[str] = []
        self.homes: dict[str, dict[str, Any]] = {}
        self.people: dict[str, dict[str, Any]] = {}  # what users.info says of them beside the usual
        self.too_fast = 0
        self.uploads: dict[str, str] = {}  # what was uploaded, by the file's id
        self.has_no_charts = False  # as a workspace that a new kind of block has not reached
        self.groups: list[str] = []  # ids of user groups that are not disabled
        self.files: list[tuple[str, str, str]] = []  # channel, name and text of each
        self.socket = SlackSocket(self)
        self._triggers: dict[str, float] = {}
        self._given = 0  # triggers, ever
        self._last_ts = 0.0
        self._posted_at: dict[str, float] = {}

    # -- as a test uses it -----------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> str:
        """For bot.toml."""
        return f'[slack]\napi_url = "{self.url}/api/"\n'

    def open_room(
        self, *, refuses: str = "", private: bool = False, members: frozenset[str] | None = None
    ) -> str:
        """A new channel's id."""
        room_id = f"C{len(self.rooms):09d}"
        self.rooms[room_id] = Room(room_id, refuses, private, members=members)
        return room_id

    def texts(self, room_id: str) -> list[str]:
        """The whole content of each message of a channel, oldest first."""
        return [text_of(message) for message in self.rooms[room_id].messages]

    def papers(self, room_id: str) -> Counter[str]:
        """How often each paper is in a channel in full, threads included: by its button."""
        found: Counter[str] = Counter()
        for message in self.rooms[room_id].messages:
            for block in message.get("blocks") or []:
                buttons = (e for e in slack_rules.elements(block) if e.get("type") == "button")
                found.update(each["value"] for each in buttons if "value" in each)
        return found

    def room(self, room_id: str, team: str = HOME) -> Room:
        """Each workspace has its own: the same id may stand for two."""
        key = room_id if team == HOME else f"{team}/{room_id}"
        return self.rooms.setdefault(key, Room(room_id))

    def consent(self, team: str, **more: Any) -> str:
        """Somebody lets a workspace install the app: the code that comes back for a token."""
        code, token = f"code-{len(self.codes)}", f"xoxb-wire-{team}-{len(self.codes)}"
        self.tokens[token], self.teams[token] = "", team
        self.codes[code] = {
            "access_token": token, "token_type": "bot", "scope": ",".join(self.scopes),
            "bot_user_id": "UBOT", "app_id": "A1", "team": {"id": team, "name": f"Team {team}"},
            "enterprise": None, "authed_user": {"id": "U0000001"}, "is_enterprise_install": False,
            **more,
        }  # fmt: skip
        return code

    def uninstall(self, team: str, said: str = "account_inactive") -> None:
        """No token of the workspace is of any use from now on."""
        for token, whose in self.teams.items():
            if whose == team:
                self.tokens[token] = said

    def new_trigger(self) -> str:
        self._given += 1
        trigger = f"trigger.{self._given}"
        self._triggers[trigger] = time.monotonic()
        return trigger

    def new_ts(self) -> str:
        self._last_ts = max(time.time(), self._last_ts + 0.000002)
        return f"{self._last_ts:.6f}"

    # -- the server ------------------------------------------------------------------------

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/socket", self.socket.serve)
        app.router.add_post("/answers/{name}", self._take_answer)
        app.router.add_post("/upload/{file}", self._take_file)
        app.router.add_route("*", "/api/{method}", self._answer)
        return app

    async def hang_up(self) -> None:
        await self.socket.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(arguments.pop("token", ""))
        if method == "oauth.v2.access":
            self.has_arrived(request.method, method, arguments)
            return self._access(request, arguments)
        arguments |= {"token": token} if method in {"auth.test", "auth.revoke"} else {}
        self.has_arrived(request.method, method, arguments)
        team = self.teams.get(token, HOME)
        if team != HOME and "channel" in arguments:
            arguments["channel"] = f"{team}/{arguments['channel']}"
        refused = self._refusal(method, token)
        if refused is not None:
            return refused
        fault = self.fault_for("POST", method)
        if fault is not None:
            if fault.how == "after":
                working = self.go_on_with(self._work(method, arguments))
                if not self.storing:
                    await working
            if fault.wait:
                await asyncio.sleep(fault.wait)
            if fault.status == 0:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            body = fault.body or {"ok": False, "error": "internal_error"}
            if isinstance(body, str):  # a proxy's page
                return web.Response(text=body, status=fault.status)
            return web.json_response(body, status=fault.status, headers=fault.headers)
        response = await asyncio.shield(self.go_on_with(self._work(method, arguments)))
        response.headers["X-OAuth-Scopes"] = ",".join(self.scopes)
        return response

    async def _work(self, method: str, arguments: dict[str, Any]) -> web.Response:
        if method == "chat.postMessage" and self.storing:
            await self.take_time()
        response = self._do(method, arguments)
        self.tell_news()
        return response

    def _refusal(self, method: str, token: str) -> web.Response | None:
        said = self.tokens.get(token)
        if said is None:
            return failed("not_authed" if not token else "invalid_auth")
        if said:
            return failed(said)
        app_only = method == "apps.connections.open"
        if app_only != token.startswith("xapp-"):
            return failed("not_allowed_token_type")
        needs = {
            "conversations.info": "channels:read",
            "users.conversations": "channels:read",
            "users.info": "users:read",
            "files.getUploadURLExternal": "files:write",
            "files.completeUploadExternal": "files:write",
            "usergroups.list": "usergroups:read",
            "chat.postMessage": "chat:write",
        }.get(method)
        if needs and needs not in self.scopes:
            return failed("missing_scope", needed=needs, provided=",".join(self.scopes))
        if method in {"conversations.history", "conversations.replies"} and not (
            {*HISTORY, "im:history"} & set(self.scopes)
        ):
            return failed("missing_scope", needed=HISTORY[0], provided=",".join(self.scopes))
        return None

    def _do(self, method: str, arguments: dict[str, Any]) -> web.Response:
        handlers = {
            "auth.test": self._auth_test,
            "auth.revoke": self._revoke,
            "apps.connections.open": self._open_connection,
            "chat.postMessage": self._post,
            "conversations.history": self._history,
            "conversations.replies": self._history,
            "chat.getPermalink": self._permalink,
            "conversations.info": self._info,
            "users.conversations": self._conversations,
            "users.info": self._user,
            "usergroups.list": lambda _: fine(usergroups=[{"id": each} for each in self.groups]),
            "files.getUploadURLExternal": self._place_for_file,
            "files.completeUploadExternal": self._complete_file,
            "views.open": self._open_view,
            "views.push": self._open_view,
            "views.update": self._update_view,
            "views.publish": self._publish_view,
        }
        if method not in handlers:
            self.violations.append(f"no method {method}")
            return failed("unknown_method")
        return handlers[method](arguments)

    def _auth_test(self, arguments: dict[str, Any]) -> web.Response:
        url, team = "https://wire.slack.com/", self.teams.get(arguments["token"], HOME)
        return fine(team="Wire", team_id=team, user="papers", user_id="UBOT", bot_id="B1", url=url)

    def _revoke(self, arguments: dict[str, Any]) -> web.Response:
        self.tokens[arguments["token"]] = "token_revoked"
        return fine(revoked=True)

    def _access(self, request: web.Request, arguments: dict[str, Any]) -> web.Response:
        """Client id and secret come as the user and password of the request, as slack_sdk sends
        them; a code is good for one time."""
        known = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers["Authorization"] != f"Basic {known}":
            return failed("bad_client_secret")
        granted = self.codes.pop(str(arguments.get("code")), None)
        return failed("invalid_code") if granted is None else fine(**granted)

    def _open_connection(self, _: dict[str, Any]) -> web.Response:
        self.socket.opened += 1
        return fine(url=f"ws://127.0.0.1:{self.port}/socket?ticket={self.socket.opened}")

    # -- messages --------------------------------------------------------------------------

    def _post(self, arguments: dict[str, Any]) -> web.Response:
        room_id = str(arguments.get("channel"))
        team, slash, own = room_id.rpartition("/")
        if own.startswith("U"):  # a private message to a person
            room_id = f"{team}{slash}{conversation_of(own)}"
            self.rooms.setdefault(room_id, self.rooms.get(f"{team}{slash}{own}") or Room(room_id))
            self.rooms[f"{team}{slash}{own}"] = self.rooms[room_id]
        room = self.rooms.get(room_id)
        if room is None:
            return failed("channel_not_found")
        if room.refuses:
            return failed(room.refuses)
        now = time.monotonic()
        above = arguments.get("thread_ts")
        if above and not any(each["ts"] == above for each in room.messages):
            return failed("thread_not_found")
        if self.limited and now - self._posted_at.get(room_id, -1.0) < 1.0:
            self.too_fast += 1
            body = {"ok": False, "error": "ratelimited"}
            return web.json_response(body, status=429, headers={"Retry-After": "1"})
        self._posted_at[room_id] = now
        if slack_rules.too_long(arguments):
            return failed("msg_blocks_too_long")
        faults = list(slack_rules.message_faults(arguments))
        self.violations += [f"chat.postMessage: {fault}" for fault in faults]
        if faults:
            return failed("invalid_blocks")
        kept = ("text", "blocks", "metadata", "thread_ts")
        message = {
            "type": "message", "ts": self.new_ts(), "bot_id": "B1", "app_id": "A1",
            **{name: arguments[name] for name in kept if name in arguments},
        }  # fmt: skip
        room.messages.append(message)
        return fine(channel=room_id.rpartition("/")[2], ts=message["ts"], message=message)

    # -- files -----------------------------------------------------------------------------

    def _place_for_file(self, arguments: dict[str, Any]) -> web.Response:
        if not arguments.get("filename") or int(arguments.get("length") or 0) < 1:
            return failed("invalid_arguments")
        file_id = f"F{len(self.uploads):09d}"
        self.uploads[file_id] = ""
        return fine(file_id=file_id, upload_url=f"{self.url}/upload/{file_id}")

    async def _take_file(self, request: web.Request) -> web.Response:
        self.uploads[request.match_info["file"]] = await request.text()
        return web.Response(text="OK")

    def _complete_file(self, arguments: dict[str, Any]) -> web.Response:
        channel = str(arguments.get("channel_id"))
        if channel.startswith("U"):
            return failed("channel_not_found")
        for each in arguments["files"]:
            if not self.uploads.get(each["id"]):
                return failed("file_not_found")
            self.files.append((channel, each["title"], self.uploads[each["id"]]))
        return fine(files=arguments["files"])

    def _history(self, arguments: dict[str, Any]) -> web.Response:
        room = self.rooms.get(str(arguments.get("channel")))
        if room is None:
            return failed("channel_not_found")
        if room.refuses == "not_in_channel":
            return failed("not_in_channel")
        below = arguments.get("ts")
        if below and not any(each["ts"] == below for each in room.messages):
            return failed("thread_not_found")
        needed = HISTORY[1] if room.private else HISTORY[0]
        if room.id.rpartition("/")[2].startswith("D"):
            needed = "im:history"
        if needed not in self.scopes:
            return failed("missing_scope", needed=needed, provided=",".join(self.scopes))
        threads = _threads(room.messages)
        shown = [
            {k: v for k, v in each.items() if k != "metadata" or _true(arguments, k)}
            | threads.get(each["ts"], {})
            for each in room.messages
            if float(each["ts"]) >= float(arguments.get("oldest") or 0)
            and (below in (each.get("thread_ts"), each["ts"]) if below else "thread_ts" not in each)
        ]
        shown = shown if below else shown[::-1]
        start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
        more = start + limit < len(shown)
        cursor = {"next_cursor": str(start + limit) if more else ""}
        return fine(messages=shown[start : start + limit], has_more=more, response_metadata=cursor)

    def _permalink(self, arguments: dict[str, Any]) -> web.Response:
        room = self.rooms.get(str(arguments.get("channel")))
        if room is None:
            return failed("channel_not_found")
        if not any(each["ts"] == arguments.get("message_ts") for each in room.messages):
            return failed("message_not_found")
        return fine(channel=room.id, permalink=f"https://wire.slack.com/archives/{room.id}/p1")

    def _info(self, arguments: dict[str, Any]) -> web.Response:
        room = self.rooms.get(str(arguments.get("channel")))
        if room is None or (room.private and room.refuses):
            return failed("channel_not_found")
        about = {
            "id": room.id, "name": f"room-{room.id[-2:].lower()}",
            "is_member": room.refuses != "not_in_channel",
            "is_archived": room.refuses == "is_archived",
        }  # fmt: skip
        return fine(channel=about)

    def _conversations(self, arguments: dict[str, Any]) -> web.Response:
        """Of a person, a page at a time. A private one needs a scope of its own, and the bot in it
        (here it is where it can post)."""
        kinds = str(arguments.get("types") or "public_channel").split(",")
        if "private_channel" in kinds and "groups:read" not in self.scopes:
            return failed("missing_scope", needed="groups:read", provided=",".join(self.scopes))
        found = [
            room.id
            for room in self.rooms.values()
            if (room.members is None or str(arguments.get("user")) in room.members)
            and ("private_channel" if room.private else "public_channel") in kinds
            and not (room.private and room.refuses)
        ]
        start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
        more = start + limit < len(found)
        return fine(
            channels=[{"id": each} for each in found[start : start + limit]],
            response_metadata={"next_cursor": str(start + limit) if more else ""},
        )

    def _user(self, arguments: dict[str, Any]) -> web.Response:
        user = str(arguments.get("user"))
        about = {"id": user, "team_id": "T1", "deleted": False, "is_admin": False}
        return fine(user={**about, "is_owner": False, **self.people.get(user, {})})

    # -- views -----------------------------------------------------------------------------

    def _open_view(self, arguments: dict[str, Any]) -> web.Response:
        made = self._triggers.pop(str(arguments.get("trigger_id")), None)
        if made is None:
            return failed("exchanged_trigger_id")
        if time.monotonic() - made > TRIGGER_LIVES:
            return failed("expired_trigger_id")
        view = self._checked(arguments["view"])
        view["id"] = f"V{len(self.views)}"
        self.views.append(view)
        return fine(view=view)

    def _update_view(self, arguments: dict[str, Any]) -> web.Response:
        view = self._checked(arguments["view"])
        view["id"] = arguments["view_id"]
        self.views.append(view)
        return fine(view=view)

    def _publish_view(self, arguments: dict[str, Any]) -> web.Response:
        view = self._checked(arguments["view"])
        self.homes[str(arguments["user_id"])] = view
        return fine(view=view)

    def take_submission_answer(self, view: dict[str, Any], answer: dict[str, Any]) -> None:
        """What an acknowledgement makes of a window that was submitted; an empty one closes it."""
        action = answer.get("response_action")
        if action == "errors":
            fields = {b.get("block_id") for b in view["blocks"] if b.get("type") == "input"}
            if not answer["errors"].keys() <= fields:
                self.violations.append(f"errors below fields that are not there: {answer}")
            self.form_errors.append(answer["errors"])
        elif action == "update":
            shown = self._checked(answer["view"])
            self.views.append({**shown, "id": view["id"]})
        else:
            self.closed_views.append(view["id"])
        self.tell_news()

    def _checked(self, view: Any) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(view) if isinstance(view, str) else dict(view)
        self.violations += [f"view: {fault}" for fault in slack_rules.view_faults(shown)]
        return shown

    # -- answers to a person -----------------------------------------------------------------

    async def _take_answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if len(self.answers[name]) >= ANSWERS:
            return web.Response(text="used_url", status=404)
        body = await request.json()
        faults = slack_rules.block_faults(body.get("blocks") or [])
        self.violations += [f"response_url: {fault}" for fault in faults]
        kinds = {each.get("type") for each in body.get("blocks") or []}
        if self.has_no_charts and "data_visualization" in kinds:
            return web.Response(text="invalid_blocks", status=400)
        self.answers[name].append(body)
        self.tell_news()
        return web.Response(text="ok")


def fine(**more: Any) -> web.Response:
    return web.json_response({"ok": True, **more})


def failed(error: str, **more: Any) -> web.Response:
    return web.json_response({"ok": False, "error": error, **more})


def conversation_of(room_id: str) -> str:
    """What was written to a person is in their own conversation with the bot, which has an id of
    its own (docs.slack.dev, methods/chat.postMessage, November 2026)."""
    return f"D{room_id[1:]}" if room_id.startswith("U") else room_id


def _threads(messages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a history adds to a message that has answers, by its ``ts``: this as its thread's
    (docs.slack.dev, methods/conversations.replies, the example, November 2026)."""
    below: dict[str, list[str]] = defaultdict(list)
    for each in messages:
        if "thread_ts" in each:
            below[each["thread_ts"]].append(each["ts"])
    return {
        ts: {"thread_ts": ts, "reply_count": len(replies), "latest_reply": replies[-1]}
        for ts, replies in below.items()
    }


def _true(arguments: dict[str, Any], _: str) -> bool:
    return str(arguments.get("include_all_metadata", "")).lower() in {"true", "1"}


async def _arguments(request: web.Request) -> dict[str, Any]:
    """As JSON, as a form or in the address: the library does all three."""
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json" and request.can_read_body:
        text = await request.text()
        found.update(json.loads(text) if text else {})
    elif request.method == "POST":
        form = await request.post()
        found.update({name: str(value) for name, value in form.items()})
    for name in ("blocks", "metadata", "view"):
        if isinstance(found.get(name), str):
            found[name] = json.loads(found[name])
    return found


def text_of(message: dict[str, Any]) -> str:
    """Everything to be read in a message, the addresses of links too."""
    parts = [each["text"] for each in slack_rules.texts(message.get("blocks") or [])]
    return "\n".join([message.get("text") or "", *parts, *_urls(message.get("blocks") or [])])


def _urls(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["url"]] if part.get("type") == "link" else []
        return own + [url for value in part.values() for url in _urls(value)]
    if isinstance(part, list):
        return [url for each in part for url in _urls(each)]
    return []
