"""HTTP mode over the wire: what counts as Slack's own, and one app in several workspaces."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings

from adapters.slack import oauth
from adapters.slack.handler import ListenerTasks
from adapters.slack.http import (
    MAX_BODY_BYTES,
    SIGNED_FOR,
    HttpOptions,
    Receiver,
    SignatureCheck,
    TokenListener,
)
from adapters.slack.managers import team_of_person
from adapters.slack.platform import Slack
from adapters.slack.render import compose
from adapters.slack.responder import NOTICE
from bot.errors import CannotTell, ChannelRefused, PlatformDown, PlatformRefused
from bot.model import Channel
from bot.monitoring import logs
from bot.vault import EncryptedVault, new_key
from tests.adapters import samples
from tests.adapters.slack.backend import (
    SlackBackend,
    TickingClock,
    asked,
    happens,
    platform,
    post,
    shown,
    until,
)
from tests.adapters.slack.test_app import hostile, workspace_of
from tests.wire.serving import free_port
from tests.wire.slack_http import SIGNING_SECRET, Signed, SlackHttp
from tests.wire.slack_server import BOT_TOKEN, CLIENT_ID, CLIENT_SECRET, SlackServer

ONE_TOKEN = {"SLACK_SIGNING_SECRET": SIGNING_SECRET, "SLACK_BOT_TOKEN": BOT_TOKEN}
OAUTH = {
    "SLACK_SIGNING_SECRET": SIGNING_SECRET,
    "SLACK_CLIENT_ID": CLIENT_ID,
    "SLACK_CLIENT_SECRET": CLIENT_SECRET,
}
ORANGE, LEMON, OTHER = "T00ORANGE", "T000LEMON", "T000OTHER"
ROOM = "C012345678"


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with SlackServer() as made:
        yield made


class Clock(TickingClock):
    """Short waits are over at once; for long ones somebody has to advance it."""

    async def sleep(self, seconds: float) -> None:
        if seconds < oauth.LOOK_INTERVAL:
            self.advance(seconds)
            await asyncio.sleep(0)
        else:
            await super().sleep(seconds)


@dataclass
class Host:
    """The bot behind a port, and Slack that calls it."""

    server: SlackServer
    backend: SlackBackend
    clock: Clock
    slack: Slack
    http: SlackHttp

    async def says(self, text: str, team: str = "T1", room: str = ROOM, **more: Any) -> str:
        """What a person who types it there is told."""
        name = await asyncio.to_thread(lambda: self.http.command(text, room, team_id=team, **more))
        await happens(self.server, lambda: bool(self.server.answers[name]))
        return shown(self.server.answers[name])

    async def keywords(self, own: str) -> tuple[str, ...]:
        return await self.backend.keywords(own)

    async def post(self, request: Signed, **headers: str) -> tuple[int, str]:
        return await asyncio.to_thread(lambda: self.http.post(request, **headers))

    async def event(self, team: str, event: dict[str, Any]) -> None:
        name = f"Ev{self.http.now()}{len(self.server.seen)}"
        payload = {"type": "event_callback", "team_id": team, "event": event, "event_id": name}
        status, _ = await self.post(self.http.signed("events_api", payload))
        assert status == 200

    # -- installing, as a browser does it

    async def begin(self) -> tuple[str, str]:
        """The state, and the cookie that binds it to the browser."""
        status, page, headers = await asyncio.to_thread(self.http.get, "/slack/install")
        assert status == 200
        address = page.partition('href="https://')[2].partition('"')[0].replace("&amp;", "&")
        asked_for = parse_qs(urlsplit(f"https://{address}").query)
        assert asked_for["client_id"] == [CLIENT_ID]
        assert {"commands", "chat:write"} <= set(asked_for["scope"][0].split(","))
        assert "Secure" in headers["Set-Cookie"]
        assert "HttpOnly" in headers["Set-Cookie"]
        return asked_for["state"][0], headers["Set-Cookie"].partition(";")[0]

    async def come_back(self, state: str, code: str, cookie: str) -> tuple[int, str]:
        path = f"/slack/oauth_redirect?state={quote(state)}&code={quote(code)}"
        status, page, _ = await asyncio.to_thread(lambda: self.http.get(path, cookie=cookie))
        return status, page

    async def install(self, team: str, **more: Any) -> tuple[int, str]:
        state, cookie = await self.begin()
        return await self.come_back(state, self.server.consent(team, **more), cookie)


@asynccontextmanager
async def hosting(
    server: SlackServer,
    backend: SlackBackend,
    tokens: dict[str, str] = ONE_TOKEN,
    *,
    keys: tuple[str, ...] = (),
    **options: Any,
) -> AsyncIterator[Host]:
    clock = Clock()
    port = free_port()
    vault = EncryptedVault(keys, backend.store, clock) if keys else None
    given = {"mode": "http", "listen": ("127.0.0.1", port), "public_url": "", "teams": ()}
    slack = platform(server, clock, tokens, vault=vault, **{**given, **options})
    http = SlackHttp(server, port, lambda: clock.now().timestamp())
    server.room(ROOM)
    async with slack:
        listening = asyncio.create_task(slack.listen(backend.commands))
        await until(lambda: listening.done() or _open(port))
        try:
            yield Host(server, backend, clock, slack, http)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def host(server: SlackServer, backend: SlackBackend) -> AsyncIterator[Host]:
    async with hosting(server, backend) as made:
        yield made


KEY = new_key()


@pytest.fixture
async def installing(server: SlackServer, backend: SlackBackend) -> AsyncIterator[Host]:
    async with hosting(server, backend, OAUTH, keys=(KEY,), teams=(ORANGE, LEMON)) as made:
        yield made


# -- one workspace, with its token -----------------------------------------------------------------


async def test_a_command_is_acknowledged_at_once_and_answered_by_its_own_address(
    host: Host,
) -> None:
    request = host.http.signed("slash_commands", command(host, "add reward model"))
    assert await host.post(request) == (200, "")
    await happens(host.server, lambda: bool(host.server.answers["a"]))
    assert await host.keywords(ROOM) == ("reward model",)


def command(host: Host, text: str, **more: Any) -> dict[str, Any]:
    return {
        "command": "/papers", "text": text, "channel_id": ROOM, "user_id": "U0000001",
        "user_name": "ann", "team_id": "T1", "trigger_id": host.server.new_trigger(),
        "response_url": f"{host.server.url}/answers/a", **more,
    }  # fmt: skip


async def test_what_slack_did_not_sign_is_refused_and_does_nothing(host: Host) -> None:
    good = host.http.signed("slash_commands", command(host, "add reward model"))
    tampered = replace(good, body=good.body.replace(b"reward", b"poison"))
    garbage = host.http.sign(b"text=\xff", "application/x-www-form-urlencoded")
    for request, headers in (
        (good, {"X-Slack-Signature": ""}),
        (good, {"X-Slack-Request-Timestamp": ""}),
        (good, {"X-Slack-Signature": "v0=" + "0" * 64}),
        (good, {"X-Slack-Signature": "v0=é"}),
        (good, {"X-Slack-Request-Timestamp": "soon"}),
        (good, {"X-Slack-Request-Timestamp": "9" * 5000}),
        (good, {"X-Slack-Request-Timestamp": str(int(host.http.now()) + 1)}),
        (tampered, {}),
        (garbage, {}),
        (host.http.signed("slash_commands", command(host, "add a"), secret="another"), {}),
        (host.http.signed("slash_commands", command(host, "add a"), age=SIGNED_FOR + 1), {}),
        (host.http.signed("slash_commands", command(host, "add a"), age=-SIGNED_FOR - 1), {}),
    ):
        assert (await host.post(request, **headers))[0] == 401, (request, headers)
    assert await host.keywords(ROOM) == ()
    assert host.server.answers == {}
    assert (await host.post(good))[0] == 200, "it was the signature alone"


async def test_any_number_of_requests_without_a_signature_is_a_line_a_second_with_their_number(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(verbose=False)
    for number in range(30):
        forged = host.http.signed("slash_commands", command(host, f"add {number}"), secret="no")
        assert (await host.post(forged))[0] == 401
    logging.getLogger().handlers[0].close()
    lines = capsys.readouterr().err.splitlines()
    assert all("request refused" in line for line in lines)
    assert sum(int((re.findall("repeated=([0-9]+)", line) or [1])[0]) for line in lines) == 30
    assert len(lines) < 30


async def test_a_signature_is_good_for_one_request(host: Host) -> None:
    request = host.http.signed("slash_commands", command(host, "add reward model"))
    assert (await host.post(request))[0] == 200
    assert (await host.post(request))[0] == 401
    host.clock.advance(SIGNED_FOR)
    assert (await host.post(request))[0] == 401
    host.clock.advance(2 * SIGNED_FOR)
    assert (await host.post(request))[0] == 401, "by now it is too old"


async def test_a_request_that_slack_repeats_changes_nothing_twice(host: Host) -> None:
    text = "add reward model"
    name = await asyncio.to_thread(lambda: host.http.command(text, ROOM, times=3))
    await happens(host.server, lambda: bool(host.server.answers[name]))
    await host.says("list")
    assert len(host.server.answers[name]) == 1


async def test_two_hundred_people_at_once_are_acknowledged_in_time_and_answered(
    host: Host,
) -> None:
    """Each within the three seconds that the small Slack waits, as Slack does. On a busy machine
    some are told first that it takes a moment."""
    words = [f"why 2603.{number:05d}" for number in range(200)]
    names = await asyncio.to_thread(host.http.commands_at_once, words, ROOM)

    def answers(name: str) -> int:
        return sum(each["text"] != NOTICE for each in host.server.answers[name])

    await happens(host.server, lambda: all(map(answers, names)))
    assert {answers(name) for name in names} == {1}


async def test_the_address_is_confirmed_where_slack_asks_for_it(host: Host) -> None:
    asking = {"type": "url_verification", "challenge": "3eZbrw1aB", "token": "t"}
    status, text = await host.post(host.http.signed("events_api", asking))
    assert (status, json.loads(text)["challenge"]) == (200, "3eZbrw1aB")


async def test_a_submitted_form_is_answered_in_the_response_itself(host: Host) -> None:
    form = {"id": "V1", "type": "modal", "callback_id": "nobody's", "blocks": []}
    answer = await asyncio.to_thread(host.http.submit, form, {}, ROOM)
    assert answer["response_action"] == "update"


async def test_what_is_no_request_of_slacks_is_refused_even_if_it_is_signed(host: Host) -> None:
    for body, kind, expected in (
        (b"[1]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"payload=%5B%5D", "application/x-www-form-urlencoded", 400),
        (b"payload=x", "application/x-www-form-urlencoded", 400),
        (b"", "application/json", 200),
        (b"{}", "application/json", 200),
        (b"x" * (MAX_BODY_BYTES + 1), "application/json", 413),
    ):
        status, _ = await host.post(host.http.sign(body, kind))
        assert status == expected, body[:20]
    for path in ("/", "/slack/events", "/slack/install"):
        assert (await asyncio.to_thread(host.http.get, path))[0] in {404, 405}


@pytest.mark.parametrize("sent", [b"", b"payload=%7B"])
async def test_a_body_that_does_not_arrive_is_given_up_and_keeps_nobody_else_waiting(
    server: SlackServer, backend: SlackBackend, sent: bytes
) -> None:
    async with workspace_of(server) as workspace:
        options = HttpOptions(SIGNING_SECRET, ("", 0), "", "/papers", frozenset())
        prepared = await TokenListener(workspace, options).prepare(backend.commands)
        signatures = SignatureCheck(SIGNING_SECRET, backend.clock)
        receiver = Receiver(prepared, signatures, ListenerTasks(), backend.clock, body_timeout=0.05)
        async with TestServer(receiver.application(), host="127.0.0.1") as served:
            port = served.port or 0
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + sent
            )
            http = SlackHttp(server, port, lambda: backend.clock.now().timestamp())
            request = http.signed("events_api", {"type": "url_verification", "challenge": "c"})
            status, text = await asyncio.to_thread(http.post, request)
            assert (status, json.loads(text)["challenge"]) == (200, "c")
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
            writer.close()


@pytest.mark.parametrize("value", ["", "1.2"])
async def test_nobody_installs_the_app_where_one_workspace_has_its_token(
    server: SlackServer, backend: SlackBackend, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Whatever the environment holds: Bolt looks into it by itself."""
    for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"):
        monkeypatch.setenv(name, value)
    async with hosting(server, backend) as host:
        for path in ("/slack/install", "/slack/oauth_redirect"):
            assert (await asyncio.to_thread(host.http.get, path))[0] == 404


async def test_the_request_of_another_workspace_does_nothing_in_a_channel_of_the_same_id(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    request = host.http.signed("slash_commands", command(host, "add a b", team_id=OTHER))
    assert await host.post(request) == (200, "")
    await until(lambda: f"without the app team={OTHER}" in caplog.text)
    assert await host.keywords(ROOM) == ()
    assert host.server.answers == {}


async def test_who_comes_first_after_a_restart_is_answered_though_slack_does_not_say_who_we_are(
    server: SlackServer, backend: SlackBackend
) -> None:
    given: dict[str, Any] = {"keys": (KEY,), "teams": (ORANGE,)}
    async with hosting(server, backend, OAUTH, **given) as host:
        assert (await host.install(ORANGE))[0] == 200
    async with hosting(server, backend, OAUTH, **given) as host:
        server.fail("POST", r"auth\.test", status=503, times=99)
        assert "Nothing was done" in await host.says("add reward model", ORANGE)
        server.faults.clear()
        assert "now follows" in await host.says("add reward model", ORANGE)


async def test_a_stop_waits_for_listeners_and_takes_nothing_more(
    server: SlackServer, backend: SlackBackend
) -> None:
    async with hosting(server, backend) as host:
        request = host.http.signed("slash_commands", command(host, "add reward model"))
        assert (await host.post(request))[0] == 200
    assert await backend.keywords(ROOM) == ("reward model",)


async def test_a_port_that_is_taken_is_named_and_tried_again_later(
    server: SlackServer, backend: SlackBackend
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options: dict[str, Any] = {"mode": "http", "listen": taken.getsockname(), "public_url": ""}
        async with platform(server, tokens=ONE_TOKEN, **options) as slack:
            with pytest.raises(PlatformDown, match=r"\[slack\] listen: 127.0.0.1:\d+"):
                await slack.listen(backend.commands)


async def test_a_token_that_slack_refuses_is_named(
    server: SlackServer, backend: SlackBackend
) -> None:
    server.tokens[BOT_TOKEN] = "token_revoked"
    options: dict[str, Any] = {"mode": "http", "listen": ("127.0.0.1", 0), "public_url": ""}
    async with platform(server, tokens=ONE_TOKEN, **options) as slack:
        with pytest.raises(PlatformRefused, match="SLACK_BOT_TOKEN"):
            await slack.listen(backend.commands)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=hostile())
async def test_whatever_slack_signs_is_answered_and_touches_no_channel_of_others(
    host: Host, caplog: pytest.LogCaptureFixture, body: dict[str, Any]
) -> None:
    caplog.clear()
    host.backend.clock.advance(60)
    host.clock.advance(60)
    kind = "events_api" if body.get("type") == "event_callback" else "interactive"
    if "type" not in body:
        body = {name: value for name, value in body.items() if isinstance(value, str)}
        kind = "slash_commands"
    status, _ = await host.post(host.http.signed(kind, body))
    assert status in {200, 503}, "503: nothing was there to say"
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert (await host.backend.store.state()).channels == ()


# -- strangers -------------------------------------------------------------------------------------


def press(host: Host, value: str, **more: Any) -> dict[str, Any]:
    """As somebody of another organisation does it, in a channel that two share."""
    return {
        "type": "block_actions", "team": {"id": "T1"}, "channel": {"id": ROOM},
        "user": {"id": "U0STRANGE", "username": "eve", "team_id": OTHER},
        "actions": [{"type": "button", "action_id": "say:0", "value": value, "block_id": "b"}],
        "trigger_id": host.server.new_trigger(),
        "response_url": f"{host.server.url}/answers/eve{len(host.server.answers)}", **more,
    }  # fmt: skip


async def pressed(host: Host, value: str, **more: Any) -> str:
    body = press(host, value, **more)
    name = body["response_url"].rpartition("/")[2]
    assert (await host.post(host.http.signed("interactive", body)))[0] == 200
    await happens(host.server, lambda: bool(host.server.answers[name]))
    return shown(host.server.answers[name])


async def test_a_stranger_reads_and_changes_nothing_unless_the_channel_was_opened(
    host: Host,
) -> None:
    await host.says("add reward model")
    assert "reward model" in await pressed(host, "list")
    for words in ("remove reward model", "add graph network", "pause"):
        assert "for those who manage the channel" in await pressed(host, words)
    assert await host.keywords(ROOM) == ("reward model",)
    await host.says("settings editors members")
    await pressed(host, "add graph network")
    assert set(await host.keywords(ROOM)) == {"graph network", "reward model"}


async def test_a_stranger_who_is_on_the_list_of_managers_may_change_keywords(
    server: SlackServer, backend: SlackBackend
) -> None:
    async with hosting(server, backend, managers=("U0STRANGE",)) as host:
        await pressed(host, "add graph network")
        assert await host.keywords(ROOM) == ("graph network",)


def test_a_stranger_is_known_by_the_team_of_the_form_too() -> None:
    """Where ``user`` does not say it: ``team`` is then the person's, and ``view`` has the app's."""
    form = {"type": "view_submission", "team": {"id": OTHER}, "user": {"id": "U1"}}
    assert team_of_person(form) == OTHER
    assert team_of_person({**form, "user": {"id": "U1", "team_id": "T1"}}) == "T1"
    assert team_of_person({**form, "type": "block_actions"}) == ""


# -- several workspaces ----------------------------------------------------------------------------


async def test_a_workspace_that_installs_the_app_is_served_without_a_restart(
    installing: Host,
) -> None:
    host = installing
    request = host.http.signed("slash_commands", command(host, "list", team_id=ORANGE))
    assert await host.post(request) == (200, "")
    status, page = await host.install(ORANGE)
    assert (status, "Team T00ORANGE" in page) == (200, True)
    assert "now follows" in await host.says("add reward model", ORANGE)
    assert await host.keywords(f"{ORANGE}/{ROOM}") == ("reward model",)
    host.server.room(ROOM, ORANGE)
    draft = compose(replace(samples.long_day(1), channel=Channel(f"slack:{ORANGE}/{ROOM}")))[0]
    receipt = await host.slack.send(post(f"{ORANGE}/{ROOM}", draft))
    assert host.server.rooms[f"{ORANGE}/{ROOM}"].messages[-1]["ts"] == receipt.message_id
    assert await host.slack.find(post(f"{ORANGE}/{ROOM}", draft, uncertain=True)) == receipt


async def test_two_workspaces_with_the_same_channel_id_know_nothing_of_each_other(
    installing: Host,
) -> None:
    host = installing
    await host.install(ORANGE)
    await host.install(LEMON)
    for team in (ORANGE, LEMON):
        host.server.room(ROOM, team)
    await host.says("add reward model", ORANGE)
    await host.says("add graph network", LEMON)
    assert await host.keywords(f"{ORANGE}/{ROOM}") == ("reward model",)
    assert await host.keywords(f"{LEMON}/{ROOM}") == ("graph network",)
    assert await host.keywords(ROOM) == ()
    assert "reward" not in await host.says("list", LEMON)
    assert "graph" not in shown(host.server.rooms[f"{ORANGE}/{ROOM}"].messages)
    assert "ann" in shown(host.server.rooms[f"{LEMON}/{ROOM}"].messages)


async def test_tokens_that_were_swapped_between_workspaces_are_refused(
    installing: Host, server: SlackServer, backend: SlackBackend
) -> None:
    await installing.install(ORANGE)
    await installing.install(LEMON)
    kind, store = "slack installation", backend.store
    orange, lemon = await store.secret(kind, ORANGE), await store.secret(kind, LEMON)
    assert orange is not None
    assert lemon is not None
    await store.save_secret(kind, ORANGE, lemon, backend.clock.now())
    await store.save_secret(kind, LEMON, orange, backend.clock.now())
    async with hosting(server, backend, OAUTH, keys=(KEY,), teams=(ORANGE,)) as host:
        await until(lambda: ORANGE in host.slack.degraded and LEMON in host.slack.degraded)
        assert "install the app there again" in host.slack.degraded
        draft = compose(samples.long_day(1))[0]
        with pytest.raises(ChannelRefused, match="somebody else"):
            await host.slack.send(post(f"{ORANGE}/{ROOM}", draft))
        request = host.http.signed("slash_commands", command(host, "add a b", team_id=LEMON))
        assert await host.post(request) == (200, "")
        findings = await host.slack.examine([])
        assert [each.subject for each in findings if not each.ok] == [
            f"slack {LEMON}", f"slack {ORANGE}",
        ]  # fmt: skip
    assert not any("xoxb" in each.text for each in findings)


async def test_a_restart_with_a_new_key_still_reads_what_the_old_one_encrypted(
    installing: Host, server: SlackServer, backend: SlackBackend
) -> None:
    await installing.install(ORANGE)
    new = new_key()
    async with hosting(server, backend, OAUTH, keys=(new, KEY), teams=()) as host:
        assert "now follows" in await host.says("add reward model", ORANGE)
    async with hosting(server, backend, OAUTH, keys=(new,), teams=()) as host:
        assert "now follows" in await host.says("add graph network", ORANGE)


# -- what may be installed -------------------------------------------------------------------------


async def test_a_state_counts_once_for_ten_minutes_and_in_its_own_browser(
    installing: Host,
) -> None:
    host = installing
    state, cookie = await host.begin()
    other, other_cookie = await host.begin()
    code = host.server.consent(ORANGE)
    for wrong in ("", other_cookie, f"slack-app-oauth-state={other}"):
        status, page = await host.come_back(state, code, wrong)
        assert (status, "not the browser" in page) == (400, True)
    assert (await host.come_back(state, code, cookie))[0] == 200
    again = await host.come_back(state, host.server.consent(ORANGE), cookie)
    assert (again[0], "used before" in again[1]) == (401, True)
    host.clock.advance(601)
    late = await host.come_back(other, host.server.consent(ORANGE), other_cookie)
    assert (late[0], "ten minutes" in late[1]) == (401, True)
    forged = "gAAAAAB" + "x" * 90
    made_up = await host.come_back(forged, code, f"slack-app-oauth-state={forged}")
    assert made_up[0] == 401
    assert len(asked(host.server, "oauth.v2.access")) == 1


async def test_installing_the_app_shows_what_it_does_and_what_to_type_next(
    server: SlackServer, backend: SlackBackend
) -> None:
    async with hosting(
        server, backend, OAUTH, keys=(KEY,), teams=(ORANGE,), command="/arxiv"
    ) as host:
        _, first, headers = await asyncio.to_thread(host.http.get, "/slack/install")
        assert "Add to Slack" in first
        assert "arXiv papers" in first
        assert "src=" not in first, "nothing is loaded from elsewhere"
        assert headers["Cache-Control"] == "no-store", "its state counts once"
        status, last = await host.install(ORANGE)
        assert status == 200
        assert "/invite @papers" in last
        assert "/arxiv add reward model" in last
        state, _ = await host.begin()
        _, again = await host.come_back(state, "code", "")
        assert 'href="install"' in again, "it can be begun again"


@pytest.mark.parametrize(
    ("team", "more", "expected"),
    [
        (OTHER, {}, f"has not allowed the workspace {OTHER}"),
        (ORANGE, {"is_enterprise_install": True}, "whole organisation"),
        (ORANGE, {"refresh_token": "xoxe-1", "expires_in": 43200}, "token rotation"),
    ],
)
async def test_an_installation_that_is_not_to_be_is_given_back(
    installing: Host, team: str, more: dict[str, Any], expected: str
) -> None:
    host = installing
    status, page = await host.install(team, **more)
    assert (status, expected in page) == (403, True)
    assert await host.backend.store.secret_owners("slack installation") == ()
    [revoked] = asked(host.server, "auth.revoke")
    assert host.server.tokens[revoked["token"]] == "token_revoked"


async def test_where_no_workspace_is_allowed_the_page_says_so(
    server: SlackServer, backend: SlackBackend
) -> None:
    async with hosting(server, backend, OAUTH, keys=(KEY,)) as host:
        status, page, _ = await asyncio.to_thread(host.http.get, "/slack/install")
        assert (status, "has not allowed any workspace" in page) == (403, True)


async def test_what_goes_wrong_at_slack_ends_on_a_page_that_says_so(installing: Host) -> None:
    host = installing
    state, cookie = await host.begin()
    assert "did not accept" in (await host.come_back(state, "nobody's", cookie))[1]
    state, cookie = await host.begin()
    host.server.fail("POST", "auth.test", status=0, times=9)
    status, page = await host.come_back(state, host.server.consent(ORANGE), cookie)
    assert (status, "did not accept" in page) == (401, True)
    path = "/slack/oauth_redirect?error=%3Cscript%3E"
    status, page, _ = await asyncio.to_thread(host.http.get, path)
    assert (status, "<script>" in page, "&lt;script&gt;" in page) == (200, False, True)


async def test_a_token_is_in_no_log_page_or_error(
    installing: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, page = await installing.install(ORANGE)
    await installing.install(OTHER)
    await installing.says("list", ORANGE)
    said = page + caplog.text + repr(installing.slack.__dict__)
    assert "xoxb-wire-T" not in said
    assert CLIENT_SECRET not in said
    assert SIGNING_SECRET not in said


# -- removed ---------------------------------------------------------------------------------------


async def test_a_workspace_that_removes_the_app_is_archived_and_back_with_it(
    installing: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host = installing
    for team in (ORANGE, LEMON):
        await host.install(team)
        await host.says("add reward model", team)
    host.server.uninstall(ORANGE)
    await host.event(ORANGE, {"type": "app_uninstalled"})
    await until_archived(host, 1)
    state = await host.backend.store.state()
    [gone] = state.archived
    assert (gone.channel, gone.keywords) == (f"slack:{ORANGE}/{ROOM}", 1)
    assert gone.reason == f"The app was removed from the Slack workspace {ORANGE}."
    assert [view.channel.id for view in state.channels] == [f"slack:{LEMON}/{ROOM}"]
    await until(lambda: "the app was removed" in caplog.text)
    assert await host.backend.store.secret_owners("slack installation") == (LEMON,)
    with pytest.raises(ChannelRefused, match="is not installed"):
        await host.slack.send(post(f"{ORANGE}/{ROOM}", compose(samples.long_day(1))[0]))
    assert (await host.install(ORANGE))[0] == 200
    await until_archived(host, 0)
    assert "reward model" in await host.says("list", ORANGE)


async def until_archived(host: Host, count: int, *, step: float = 0.0) -> None:
    """``step`` is how many seconds pass with each look."""
    async with asyncio.timeout(20):
        while len((await host.backend.store.state()).archived) != count:
            host.clock.advance(step)
            await asyncio.sleep(0.005)


async def test_a_removal_that_slack_does_not_confirm_archives_nothing(installing: Host) -> None:
    """Slack may say it after the app was installed again, and of a person's own token."""
    host = installing
    await host.install(ORANGE)
    await host.says("add reward model", ORANGE)
    before = len(asked(host.server, "auth.test"))
    await host.event(ORANGE, {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}})
    await until(lambda: len(asked(host.server, "auth.test")) > before)
    await host.says("list", ORANGE)
    assert (await host.backend.store.state()).archived == ()


async def test_a_token_that_refuses_posts_is_looked_at_twice_before_anything_is_archived(
    installing: Host,
) -> None:
    host = installing
    await host.install(ORANGE)
    await host.says("add reward model", ORANGE)
    host.server.uninstall(ORANGE, "token_revoked")
    draft = compose(samples.long_day(1))[0]
    with pytest.raises(ChannelRefused, match="revoked"):
        await host.slack.send(post(f"{ORANGE}/{ROOM}", draft))
    tests = len(asked(host.server, "auth.test"))
    host.clock.advance(oauth.LOOK_INTERVAL)
    await until(lambda: len(asked(host.server, "auth.test")) == tests + 1)
    assert (await host.backend.store.state()).archived == ()
    await until_archived(host, 1, step=oauth.LOOK_INTERVAL)


async def test_a_slack_that_does_not_answer_archives_nothing_and_is_asked_again(
    installing: Host,
) -> None:
    host = installing
    await host.install(ORANGE)
    await host.says("add reward model", ORANGE)
    host.server.fail("POST", "auth.test", status=503)
    await host.event(ORANGE, {"type": "app_uninstalled"})
    await until(lambda: host.server.faults[-1].times == 0)
    assert (await host.backend.store.state()).archived == ()
    host.server.uninstall(ORANGE)
    await until_archived(host, 1, step=oauth.LOOK_INTERVAL)


async def test_a_token_that_another_process_renewed_is_used_at_once(
    installing: Host, server: SlackServer, backend: SlackBackend
) -> None:
    await installing.install(ORANGE)
    server.room(ROOM, ORANGE)
    async with hosting(server, backend, OAUTH, keys=(KEY,), teams=(ORANGE,)) as second:
        assert (await second.slack.examine([]))[-1].ok
        server.uninstall(ORANGE)
        await installing.install(ORANGE)
        draft = compose(samples.long_day(1))[0]
        assert (await second.slack.send(post(f"{ORANGE}/{ROOM}", draft))).message_id


async def test_where_slack_shows_little_history_a_post_beyond_its_first_page_is_held(
    installing: Host,
) -> None:
    host = installing
    await host.install(ORANGE)
    here = host.server.room(ROOM, ORANGE)
    here.messages += [
        {"type": "message", "ts": host.server.new_ts(), "user": "U1"} for _ in range(201)
    ]
    draft = compose(samples.long_day(1))[0]
    with pytest.raises(CannotTell, match="fifteen messages a minute"):
        await host.slack.find(post(f"{ORANGE}/{ROOM}", draft, uncertain=True))


# -- check -----------------------------------------------------------------------------------------


async def test_check_says_whether_the_port_answers_and_what_is_entered_at_slack(
    server: SlackServer, backend: SlackBackend
) -> None:
    options = {"public_url": "https://papers.example.org", "teams": (ORANGE,)}
    async with hosting(server, backend, OAUTH, keys=(KEY,), **options) as host:
        said = "\n".join(each.text for each in await host.slack.examine([]))
        assert "The bot answers at 127.0.0.1:" in said
        for path in ("events", "oauth_redirect", "install"):
            assert f"https://papers.example.org/slack/{path}" in said
        assert "No workspace has installed the app yet" in said
        await host.install(ORANGE)
        findings = await host.slack.examine([Channel(f"slack:{ORANGE}/{ROOM}")])
    assert [each.subject for each in findings if ORANGE in each.subject]
    free = await host.slack.examine([])
    assert "is free for the bot to listen at" in free[0].text


async def test_check_finds_a_free_ipv6_address_free(
    server: SlackServer, backend: SlackBackend
) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
            port = free.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no IPv6")
    given = {"mode": "http", "public_url": "", "teams": (), "listen": ("::1", port)}
    async with platform(server, Clock(), ONE_TOKEN, vault=None, **given) as slack:
        [found, *_] = await slack.examine([])
    assert found.text == f"[::1]:{port} is free for the bot to listen at."


async def test_check_names_a_port_where_something_else_answers(server: SlackServer) -> None:
    listen = ("127.0.0.1", server.port)
    options: dict[str, Any] = {"mode": "http", "listen": listen}
    options["public_url"] = "http://papers.example.org"
    async with platform(server, tokens=ONE_TOKEN, **options) as slack:
        port, addresses, token, *_ = await slack.examine([])
    assert (port.ok, "not the bot" in port.text) == (False, True)
    assert (addresses.ok, "only https" in addresses.text) == (False, True)
    assert token.ok
