"""The connection to Slack: made, lost, replaced and given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from adapters.slack import socket as socket_room
from adapters.slack.platform import Slack
from adapters.slack.socket import Socket
from adapters.slack.workspace import Workspace
from bot.clock import SystemClock
from bot.errors import PlatformDown, PlatformRefused
from bot.model import Channel, Finding
from bot.ports import Clock
from tests.adapters.slack.backend import (
    TOKENS,
    SlackBackend,
    TickingClock,
    asked,
    happens,
    options,
    platform,
    until,
)
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, CHAT, SlackServer


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with SlackServer() as made:
        yield made


@asynccontextmanager
async def listening(
    server: SlackServer, backend: SlackBackend, clock: Clock | None = None
) -> AsyncIterator[tuple[Slack, asyncio.Task[None]]]:
    async with platform(server, clock or SystemClock()) as slack:
        task = asyncio.create_task(slack.listen(backend.commands))
        try:
            yield slack, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def heard(server: SlackServer, room: str) -> None:
    """A command gets its answer. One that is lost between two sockets is said again."""
    await happens(server, lambda: server.socket.connected > 0)
    for _ in range(10):
        with suppress(TimeoutError, ConnectionError):
            name = await asyncio.to_thread(server.socket.command, "list", room)
            await happens(server, lambda: bool(server.answers[name]), 2.0)  # noqa: B023
            return
    pytest.fail("nobody is heard any more")


# Both tokens are tried before anything is connected


@pytest.mark.parametrize(
    ("token", "said", "says"),
    [
        (BOT_TOKEN, "invalid_auth", "SLACK_BOT_TOKEN: Slack does not know this token"),
        (BOT_TOKEN, "token_revoked", "SLACK_BOT_TOKEN: The token was revoked"),
        (BOT_TOKEN, "account_inactive", "was removed from the workspace"),
        (BOT_TOKEN, "token_expired", "Switch token rotation off"),
        (APP_TOKEN, "invalid_auth", "SLACK_APP_TOKEN: Slack does not know this token"),
        (APP_TOKEN, "missing_scope", "lacks the scope connections:write"),
        (APP_TOKEN, "not_allowed_token_type", "begins with xapp-"),
        (APP_TOKEN, "something_else", "Is Socket Mode switched on"),
    ],
)
async def test_each_fault_of_a_token_has_its_own_sentence(
    server: SlackServer, backend: SlackBackend, token: str, said: str, says: str
) -> None:
    server.tokens[token] = said
    async with platform(server, SystemClock()) as slack:
        with pytest.raises(PlatformRefused, match=says) as told:
            await slack.listen(backend.commands)
    assert "xoxb-wire" not in str(told.value)
    assert "xapp-wire" not in str(told.value)
    assert slack.disconnected_since is None
    assert server.socket.connected == 0


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 0},
        {"status": 429, "headers": {"Retry-After": "5"}},
        {"status": 200, "body": {"ok": False, "error": "internal_error"}},
    ],
    ids=str,
)
async def test_a_passing_fault_is_no_reason_to_give_up(
    server: SlackServer, backend: SlackBackend, method: str, fault: dict[str, Any]
) -> None:
    server.fail("POST", method, **fault)
    async with platform(server, SystemClock()) as slack:
        with pytest.raises(PlatformDown):
            await slack.listen(backend.commands)


async def test_the_two_tokens_mistaken_for_each_other_are_reported(
    server: SlackServer, backend: SlackBackend
) -> None:
    tokens = {"SLACK_BOT_TOKEN": APP_TOKEN, "SLACK_APP_TOKEN": BOT_TOKEN}
    async with platform(server, SystemClock(), tokens) as slack:
        with pytest.raises(PlatformRefused, match="SLACK_BOT_TOKEN: This is the wrong kind"):
            await slack.listen(backend.commands)


# Lost connections


@pytest.mark.parametrize(
    "reason", ["warning", "refresh_requested", "link_disabled", "too_many_websockets"]
)
async def test_people_are_heard_again_after_a_disconnect(
    server: SlackServer, backend: SlackBackend, reason: str
) -> None:
    here = server.open_room()
    async with listening(server, backend):
        await heard(server, here)
        await asyncio.to_thread(server.socket.disconnect, reason)
        await happens(server, lambda: server.socket.connected >= 2)
        await heard(server, here)


async def test_people_are_heard_again_after_a_closed_socket(
    server: SlackServer, backend: SlackBackend
) -> None:
    here = server.open_room()
    async with listening(server, backend):
        await heard(server, here)
        await asyncio.to_thread(server.socket.hang_up)
        await happens(server, lambda: server.socket.connected >= 2)
        await heard(server, here)


@pytest.mark.parametrize("how", ["cut", "mute"])
async def test_people_are_heard_again_after_a_line_that_just_died(
    server: SlackServer, backend: SlackBackend, how: str
) -> None:
    """Nobody says goodbye: the connection is cut, or the other side does not answer any more."""
    workspace = Workspace(
        name="",
        api_url=options(server)["api_url"],
        bot_token=BOT_TOKEN,
        app_token=APP_TOKEN,
        clock=SystemClock(),
    )
    socket = Socket(workspace, command="/papers", managers=frozenset(), ping_interval=0.25)
    here = server.open_room()
    server.socket.silent = how == "mute"
    task = asyncio.create_task(socket.listen(backend.commands))
    try:
        if how == "mute":
            await until(lambda: len(asked(server, "apps.connections.open")) >= 2)
            server.socket.silent = False
        else:
            await heard(server, here)
            await asyncio.to_thread(server.socket.hang_up, abort=True)
            await happens(server, lambda: server.socket.connected >= 2)
        await heard(server, here)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await workspace.web.close()


async def leave(server: SlackServer, reason: str, *, closes: bool) -> None:
    """Slack ends a connection; whether the socket is closed too."""
    await asyncio.to_thread(server.socket.disconnect, reason)
    if closes:
        await asyncio.to_thread(server.socket.hang_up)


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "left open"])
async def test_a_socket_that_stays_dead_is_replaced(
    server: SlackServer, backend: SlackBackend, closes: bool
) -> None:
    """The library gets no new one when it asks, and keeps an old one that hears nothing."""
    clock, here = TickingClock(), server.open_room()
    async with listening(server, backend, clock) as (slack, _):
        await happens(server, lambda: server.socket.connected > 0)
        await advanced_until(clock, lambda: slack.disconnected_since is None)
        tried = len(asked(server, "apps.connections.open"))
        server.fail("POST", "apps.connections.open", status=500, times=2)
        await leave(server, "refresh_requested", closes=closes)
        await until(lambda: len(asked(server, "apps.connections.open")) > tried)
        server.faults.clear()
        await advanced_until(clock, lambda: server.socket.connected >= 2)
        await heard(server, here)


async def advanced_until(
    clock: TickingClock, happened: Callable[[], bool], by: float = 1.0
) -> None:
    async with asyncio.timeout(30):
        while not happened():
            clock.advance(by)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "left open"])
async def test_the_supervisor_is_told_when_there_is_no_way_back(
    server: SlackServer, backend: SlackBackend, closes: bool
) -> None:
    clock = TickingClock()
    async with listening(server, backend, clock) as (slack, task):
        await happens(server, lambda: server.socket.connected > 0)
        await advanced_until(clock, lambda: slack.disconnected_since is None)
        server.fail("POST", "apps.connections.open", status=500, times=1000)
        await leave(server, "link_disabled", closes=closes)
        await advanced_until(clock, task.done)
        with pytest.raises(PlatformDown):
            task.result()
    assert slack.disconnected_since is None  # nobody listens any more


async def test_while_nobody_is_heard_it_is_known_since_when(
    server: SlackServer, backend: SlackBackend
) -> None:
    clock = TickingClock()
    began = clock.now()
    server.fail("POST", "auth.test", status=500, wait=0.5)
    async with listening(server, backend, clock) as (slack, _):
        await until(lambda: asked(server, "auth.test") != [])
        assert slack.disconnected_since == began
    assert slack.disconnected_since is None


async def test_a_socket_that_says_nothing_for_hours_is_replaced(
    server: SlackServer, backend: SlackBackend
) -> None:
    clock, here = TickingClock(), server.open_room()
    async with listening(server, backend, clock) as (slack, _):
        await happens(server, lambda: server.socket.connected > 0)
        await advanced_until(clock, lambda: slack.disconnected_since is None)
        clock.advance(socket_room.SILENCE_TIMEOUT + 1)
        await advanced_until(clock, lambda: server.socket.connected >= 2, by=0.1)
        await heard(server, here)


# Stopping


async def test_an_answer_in_hand_is_finished_when_the_bot_stops(
    server: SlackServer, backend: SlackBackend
) -> None:
    here = server.open_room()
    async with listening(server, backend) as (_, task):
        await happens(server, lambda: server.socket.connected > 0)
        name = await asyncio.to_thread(server.socket.command, "list", here)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert server.answers[name]


async def test_a_stop_leaves_nothing_running(server: SlackServer, backend: SlackBackend) -> None:
    before = asyncio.all_tasks()
    async with listening(server, backend):
        await happens(server, lambda: server.socket.connected > 0)
    await until(lambda: asyncio.all_tasks() <= before)


async def test_entering_asks_nobody_anything(server: SlackServer) -> None:
    async with platform(server):
        pass
    assert server.seen == []


# Several workspaces


async def test_a_workspace_that_lets_nobody_in_leaves_the_others_alone(
    server: SlackServer, backend: SlackBackend, caplog: pytest.LogCaptureFixture
) -> None:
    here = server.open_room()
    tokens = {
        **TOKENS,
        "SLACK_BOT_TOKEN_LAB": "xoxb-of-nobody",
        "SLACK_APP_TOKEN_LAB": "xapp-of-nobody",
    }
    two = platform(server, SystemClock(), tokens, workspaces=("", "lab"))
    async with two as slack:
        task = asyncio.create_task(slack.listen(backend.commands))
        await heard(server, here)
        assert "Slack (lab)" in caplog.text
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_when_no_workspace_lets_us_in_each_says_why(
    server: SlackServer, backend: SlackBackend
) -> None:
    tokens = {
        **TOKENS,
        "SLACK_BOT_TOKEN_LAB": "xoxb-of-nobody",
        "SLACK_APP_TOKEN_LAB": "xapp-of-nobody",
    }
    server.tokens[APP_TOKEN] = "missing_scope"
    async with platform(server, SystemClock(), tokens, workspaces=("", "lab")) as slack:
        with pytest.raises(PlatformRefused, match=r"SLACK_APP_TOKEN: .*SLACK_BOT_TOKEN_LAB: "):
            await slack.listen(backend.commands)


async def test_a_workspace_that_is_lost_is_connected_to_again_beside_the_others(
    server: SlackServer, backend: SlackBackend
) -> None:
    clock, here = TickingClock(), server.open_room()
    tokens = {**TOKENS, **{f"{name}_LAB": token for name, token in TOKENS.items()}}
    server.fail("POST", "auth.test", status=500)
    async with platform(server, clock, tokens, workspaces=("", "lab")) as slack:
        task = asyncio.create_task(slack.listen(backend.commands))
        await advanced_until(clock, lambda: server.socket.connected >= 2, by=2.0)
        await heard(server, here)
        await advanced_until(clock, lambda: slack.disconnected_since is None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# What is logged


async def test_no_token_or_ticket_is_logged(
    server: SlackServer, backend: SlackBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    here = server.open_room()
    async with listening(server, backend):
        await heard(server, here)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("adapters", "slack"))]
    assert not any("xox" in line or "xapp" in line or "trigger." in line for line in ours)


# check


def said(findings: object) -> str:
    assert isinstance(findings, tuple | list)
    lines: list[Finding] = list(findings)
    return "\n".join(f"{each.ok} {each.subject} {each.text} {each.remedy}" for each in lines)


async def test_check_says_that_both_tokens_work_and_what_could_be_granted(
    server: SlackServer,
) -> None:
    server.scopes = CHAT
    here = server.open_room()
    async with platform(server) as slack:
        findings = await slack.examine([Channel(f"slack:{here}")])
    assert all(each.ok for each in findings)
    assert "Both tokens work, in Wire as @papers" in said(findings)
    assert "channels:history: if Slack's answer to a message" in said(findings)
    assert "/invite @papers" in said(findings)


async def test_check_names_a_missing_scope_and_where_to_find_it(server: SlackServer) -> None:
    server.scopes = ("chat:write",)
    async with platform(server) as slack:
        findings = await slack.examine([])
    assert "False slack The bot token lacks the scope commands" in said(findings)
    assert "OAuth & Permissions" in said(findings)


async def test_check_names_the_wrong_token(server: SlackServer) -> None:
    server.tokens[APP_TOKEN] = "invalid_auth"
    async with platform(server) as slack:
        findings = await slack.examine([])
    assert "False slack SLACK_APP_TOKEN: Slack does not know this token" in said(findings)
    assert "connections:write" in said(findings)


async def test_check_looks_into_each_channel_where_it_may(server: SlackServer) -> None:
    here, out = server.open_room(), server.open_room(refuses="not_in_channel")
    old = server.open_room(refuses="is_archived")
    channels = [Channel(f"slack:{each}") for each in (here, out, old, "C9999999999")]
    async with platform(server) as slack:
        findings = said(await slack.examine(channels))
    assert f"True slack:{here} #room-00 can be posted to" in findings
    assert f"False slack:{out} I am not in #room-01. Write there: /invite @papers" in findings
    assert f"False slack:{old} #room-02 is archived" in findings
    assert "False slack:C9999999999" in findings
