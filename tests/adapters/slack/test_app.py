"""The Bolt app: what is acknowledged when, dropped, waited for, and whose channel is changed.

Most of it as Bolt's own tests do it: a request is dispatched to the app, and Slack is on the wire.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_bolt import BoltResponse
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.request import SocketModeRequest

from adapters.slack import keyword_form, replies
from adapters.slack.app import build, only
from adapters.slack.handler import (
    MAX_RECONNECT_DELAY,
    ListenerTasks,
    ReconnectBackoff,
    SentAck,
    SocketHandler,
)
from adapters.slack.listeners.shortcuts import LIKE, WHY
from adapters.slack.membership import SCOPES, WINDOW_COUNTS_FOR, Membership
from adapters.slack.responder import Place, Responder
from adapters.slack.shapes import malformed
from adapters.slack.socket import Socket
from adapters.slack.workspace import Workspace
from bot.clock import SystemClock
from bot.model import Reply
from bot.ports import Clock
from tests.adapters.slack.backend import (
    TOKENS,
    InWorkspace,
    SlackBackend,
    asked,
    happens,
    options,
    shown,
    until,
)
from tests.builders import paper
from tests.fakes import FakeClock
from tests.store import postgres
from tests.store.database import opened_on_postgres
from tests.wire.slack_server import ANSWERS, CHAT, Room, SlackServer

ANN, BO = "U0000001", "U0000009"


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with SlackServer() as made:
        yield made
        assert made.violations == []


@asynccontextmanager
async def workspace_of(server: SlackServer, clock: Clock | None = None) -> AsyncIterator[Workspace]:
    made = Workspace(
        name="",
        api_url=options(server)["api_url"],
        bot_token=TOKENS["SLACK_BOT_TOKEN"],
        app_token=TOKENS["SLACK_APP_TOKEN"],
        clock=clock or FakeClock(),
    )
    try:
        yield made
    finally:
        await made.web.close()


class Slacker:
    """Dispatches requests to an app, as a handler does."""

    def __init__(self, server: SlackServer, backend: SlackBackend, workspace: Workspace) -> None:
        self.server = server
        self.backend = backend
        self.workspace = workspace
        self.membership = Membership(workspace)
        self.room = server.open_room()
        backend.platforms["slack"] = InWorkspace(workspace)
        self.restart()

    def restart(self, *managers: str) -> None:
        """Another process, over the same database."""
        self.app: AsyncApp = build(
            only(self.workspace),
            self.backend.commands,
            client=self.workspace.web.client,
            command="/papers",
            managers=frozenset(managers),
        )

    async def dispatch(self, body: dict[str, Any], **context: Any) -> list[BoltResponse]:
        """What was acknowledged."""
        sent: list[BoltResponse] = []

        async def send(response: BoltResponse) -> None:
            sent.append(response)

        request = AsyncBoltRequest(
            mode="socket_mode", body=body, context={"ack": SentAck(send), **context}
        )
        await self.app.async_dispatch(request)
        return sent

    def command(self, text: str, room: str = "", **more: Any) -> dict[str, Any]:
        return {
            "command": "/papers", "text": text, "channel_id": room or self.room,
            "user_id": ANN, "user_name": "ann", "team_id": "T1",
            "trigger_id": self.server.new_trigger(),
            "response_url": f"{self.server.url}/answers/a", **more,
        }  # fmt: skip

    def button(self, value: str, **more: Any) -> dict[str, Any]:
        return {
            "type": "block_actions", "user": {"id": ANN, "username": "ann"}, "team": {"id": "T1"},
            "channel": {"id": self.room},
            "actions": [{"type": "button", "action_id": "say:0", "value": value, "block_id": "b"}],
            "trigger_id": self.server.new_trigger(),
            "response_url": f"{self.server.url}/answers/a", **more,
        }  # fmt: skip

    def submission(
        self, phrase: str, channel: str = "", *, opened_in: str = "", user: str = ANN, **view: Any
    ) -> dict[str, Any]:
        """The form as it was opened in a channel and filled in by ``user``."""
        form = {
            "id": "V1", "type": "modal", "callback_id": "add",
            "private_metadata": self.membership.sealed(opened_in, user),
            "state": {
                "values": {
                    "phrase": {"phrase": {"value": phrase}},
                    "where": {"where": {"selected_option": {"value": "any"}}},
                    "categories": {"categories": {"selected_options": []}},
                    "channel": {"channel": {"selected_conversation": channel or self.room}},
                }
            },
            **view,
        }  # fmt: skip
        return {
            "type": "view_submission", "user": {"id": user, "username": "ann"},
            "team": {"id": "T1"}, "trigger_id": self.server.new_trigger(), "view": form,
        }  # fmt: skip

    async def submit(self, phrase: str, channel: str = "", **more: Any) -> dict[str, Any]:
        """What the acknowledgement makes of the form."""
        [acknowledged] = await self.dispatch(self.submission(phrase, channel, **more))
        return answer_of(acknowledged)

    async def keywords(self, room: str = "") -> tuple[str, ...]:
        return await self.backend.keywords(room or self.room)

    def said(self) -> str:
        return shown(self.server.answers["a"])


def answer_of(response: BoltResponse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response.body)
    return found


@pytest.fixture
async def slacker(server: SlackServer, backend: SlackBackend) -> AsyncIterator[Slacker]:
    async with workspace_of(server) as workspace:
        yield Slacker(server, backend, workspace)


# Acknowledged before anything is done


class Connection:
    """What the handler needs of a socket: it writes down what is acknowledged."""

    def __init__(self, log: list[str]) -> None:
        self.logger = logging.getLogger("tests.connection")
        self.log = log

    async def send_socket_mode_response(self, response: Any) -> None:
        self.log.append(f"acknowledged {response.envelope_id}")


@asynccontextmanager
async def handling(
    workspace: Workspace, app: AsyncApp, tasks: ListenerTasks
) -> AsyncIterator[SocketHandler]:
    handler = SocketHandler(
        app,
        workspace,
        tasks=tasks,
        backoff=ReconnectBackoff(workspace.clock),
        ping_interval=60.0,
    )
    try:
        yield handler
    finally:
        await handler.client.close()


def envelope(number: int, payload: dict[str, Any]) -> SocketModeRequest:
    return SocketModeRequest(type="slash_commands", envelope_id=f"e{number}", payload=payload)


async def test_fifty_people_at_once_are_acknowledged_before_anybody_is_answered(
    slacker: Slacker,
) -> None:
    """So that no work, however long it blocks, makes an acknowledgement late."""
    log: list[str] = []

    class Working:
        async def claim_request(self, request_ids: Any) -> bool:
            return True

        def opens_form(self, text: str) -> bool:
            return False

        def opens_thread(self, text: str) -> bool:
            return False

        def opens_key_form(self, text: str) -> str:
            return ""

        async def typed(self, channel_id: str, person: Any, text: str) -> Reply:
            log.append("worked")
            return Reply("Done.")

    app = build(
        only(slacker.workspace),
        Working(),  # type: ignore[arg-type]
        client=slacker.workspace.web.client,
        command="/papers",
        managers=frozenset(),
    )
    tasks = ListenerTasks()
    async with handling(slacker.workspace, app, tasks) as handler:
        given = [envelope(n, slacker.command(f"why {n}")) for n in range(50)]
        await asyncio.gather(*(handler.handle(Connection(log), each) for each in given))  # type: ignore[arg-type]
        await tasks.drain(20.0)
    assert all(line.startswith("acknowledged") for line in log[:50])
    assert log[50:] == ["worked"] * 50


async def test_an_ack_has_been_sent_when_it_returns_and_only_the_first_is(slacker: Slacker) -> None:
    sent: list[str] = []

    async def send(response: BoltResponse) -> None:
        await asyncio.sleep(0)
        sent.append(response.body)

    ack = SentAck(send)
    await ack("first")
    assert sent == ["first"]
    await ack("second")
    assert sent == ["first"]


async def test_what_could_not_be_acknowledged_is_not_done(slacker: Slacker) -> None:
    class Gone(Connection):
        async def send_socket_mode_response(self, response: Any) -> None:
            raise ConnectionResetError

    tasks = ListenerTasks()
    async with handling(slacker.workspace, slacker.app, tasks) as handler:
        await handler.handle(Gone([]), envelope(1, slacker.command("add reward model")))  # type: ignore[arg-type]
        await tasks.drain(20.0)
    assert await slacker.keywords() == ()


async def test_an_unmatched_request_is_acknowledged_and_logged_in_one_line(
    slacker: Slacker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    [acknowledged] = await slacker.dispatch({"type": "event_callback", "event": {"type": "pin"}})
    assert acknowledged.body == ""
    [line] = [each for each in caplog.records if each.name.startswith("adapters")]
    assert line.getMessage() == "unmatched request type=event_callback"
    assert line.exc_info is None


# A stop waits


async def test_a_stop_waits_for_a_listener_and_hears_nobody_new(slacker: Slacker) -> None:
    log: list[str] = []
    tasks = ListenerTasks()
    async with handling(slacker.workspace, slacker.app, tasks) as handler:
        connection: Any = Connection(log)
        await handler.handle(connection, envelope(1, slacker.command("add reward model")))
        await tasks.drain(20.0)
        await handler.handle(connection, envelope(2, slacker.command("add other words")))
    assert await slacker.keywords() == ("reward model",)
    assert "now follows" in slacker.said()
    assert log == ["acknowledged e1"]


async def test_a_listener_that_takes_too_long_is_cancelled_at_a_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks = ListenerTasks()
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    tasks.start(endless())
    await asyncio.sleep(0)
    await tasks.drain(0.0)
    assert ended == ["cancelled"]
    assert "listeners=1" in caplog.text


# Repeats


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_command_that_comes_again_is_done_once_also_over_a_restart(
    slacker: Slacker, restarted: bool
) -> None:
    body = slacker.command("add reward model")
    await slacker.dispatch(body, envelope_id="e1")
    await slacker.dispatch(slacker.command("remove reward model"), envelope_id="e2")
    if restarted:
        slacker.restart()
    await slacker.dispatch(body, envelope_id="e3")
    await slacker.dispatch(slacker.command("add other words"), envelope_id="e1")
    assert await slacker.keywords() == ()


async def test_an_envelope_that_two_processes_get_at_once_is_handled_by_one(
    server: SlackServer, tmp_path: Path
) -> None:
    """Slack sends each to one connection, and again to any other that it does not hear from."""
    with postgres.database() as url:
        stores = [opened_on_postgres(url) for _ in range(2)]
        async with workspace_of(server) as workspace:
            processes = [
                Slacker(server, SlackBackend(tmp_path, store=store), workspace) for store in stores
            ]
            room = processes[0].room
            for number in range(12):
                body = processes[0].command(f"add word{number}", room)
                await asyncio.gather(
                    *(each.dispatch(body, envelope_id=f"e{number}") for each in processes)
                )
            assert len(await processes[1].keywords(room)) == 12
        for store in stores:
            store.close()
    announced = [text for text in server.texts(room) if "added a keyword" in text]
    assert len(announced) == 12, "each once"
    assert len(server.answers["a"]) == min(12, ANSWERS)


async def test_a_database_that_does_not_answer_makes_nobody_wait_for_theirs(
    slacker: Slacker, caplog: pytest.LogCaptureFixture
) -> None:
    slacker.backend.store.close()
    await slacker.dispatch(slacker.command("list"), envelope_id="e1")
    assert "database does not work" in slacker.said()
    assert "repeats unknown" in caplog.text


@pytest.mark.parametrize("phrase", ["reward model", '"never closed'])
async def test_a_submission_that_comes_again_changes_nothing_on_the_screen(
    slacker: Slacker, phrase: str
) -> None:
    body = slacker.submission(phrase, opened_in=slacker.room)
    [first] = await slacker.dispatch(body)
    [again] = await slacker.dispatch(body)
    assert answer_of(again) == answer_of(first)
    assert len(await slacker.keywords()) == (phrase == "reward model")


async def test_a_submission_that_comes_again_after_a_restart_says_so(slacker: Slacker) -> None:
    body = slacker.submission("reward model", opened_in=slacker.room)
    await slacker.dispatch(body)
    slacker.restart()
    [again] = await slacker.dispatch(body)
    assert "submitted before" in shown(answer_of(again))
    assert "/papers list" in shown(answer_of(again))


# Whose channel


async def test_a_person_who_was_picked_is_no_channel(slacker: Slacker) -> None:
    answer = await slacker.submit("reward model", "U0000007", opened_in=slacker.room)
    assert answer["errors"] == {
        "channel": "That is not a channel. Please choose a channel, not a person."
    }
    assert (await slacker.backend.store.state()).channels == ()


def test_the_form_offers_channels_alone() -> None:
    [place] = [
        each for each in keyword_form.form("C1")["blocks"] if each.get("block_id") == "channel"
    ]
    assert place["element"]["filter"]["include"] == ["public", "private"]


async def test_the_form_adds_to_another_channel_of_the_person_who_fills_it_in(
    slacker: Slacker,
) -> None:
    other = slacker.server.open_room(members=frozenset({ANN}))
    answer = await slacker.submit("reward model", other, opened_in=slacker.room)
    assert "now follows" in shown(answer)
    assert await slacker.keywords(other) == ("reward model",)


@pytest.mark.parametrize("channel", ["D0000009", "G", "", "../C1", "C0000001 ", "c0000001"])
async def test_what_is_no_channel_of_theirs_is_not_changed(slacker: Slacker, channel: str) -> None:
    body = slacker.submission("reward model", opened_in="")
    body["view"]["state"]["values"]["channel"]["channel"]["selected_conversation"] = channel
    [answer] = await slacker.dispatch(body)
    assert answer_of(answer)["errors"].keys() == {"channel"}
    assert (await slacker.backend.store.state()).channels == ()


async def test_a_channel_of_others_is_not_changed_by_the_form(slacker: Slacker) -> None:
    others = slacker.server.open_room(members=frozenset({BO}))
    answer = await slacker.submit("reward model", others, opened_in=slacker.room)
    assert "can't see you in that channel" in answer["errors"]["channel"]
    assert "/papers add" in answer["errors"]["channel"]
    assert await slacker.keywords(others) == ()


async def test_who_is_where_is_asked_once_a_minute(slacker: Slacker) -> None:
    others = slacker.server.open_room(members=frozenset({BO}))
    for _ in range(3):
        await slacker.submit("reward model", others, opened_in=slacker.room)
    assert len(asked(slacker.server, "users.conversations")) == 1


async def test_of_many_channels_each_is_found(slacker: Slacker) -> None:
    rooms = [slacker.server.open_room() for _ in range(1100)]
    assert "now follows" in shown(await slacker.submit("reward model", rooms[-1]))


@pytest.mark.parametrize("scopes", [CHAT, (*CHAT, "channels:history")])
async def test_without_the_scope_only_the_channel_that_it_was_opened_in_is_changed(
    slacker: Slacker, scopes: tuple[str, ...]
) -> None:
    slacker.server.scopes = scopes
    other = slacker.server.open_room()
    answer = await slacker.submit("reward model", other, opened_in=slacker.room)
    assert "can't see whether you are in that channel" in answer["errors"]["channel"]
    assert await slacker.keywords(other) == ()
    assert "now follows" in shown(await slacker.submit("reward model", opened_in=slacker.room))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 200, "body": {"ok": True}},
        {"status": 200, "body": {"ok": True, "channels": [{}]}},
        {"status": 200, "body": {"ok": True, "channels": [None]}},
        {"status": 200, "body": {"ok": True, "channels": {"a": 1}}},
        {"status": 200, "body": {"ok": True, "channels": [], "response_metadata": [1]}},
    ],
    ids=str,
)
async def test_a_slack_that_does_not_say_who_is_where_changes_nothing(
    slacker: Slacker, fault: dict[str, Any]
) -> None:
    slacker.server.fail("POST", r"users\.conversations", times=9, **fault)
    other = slacker.server.open_room()
    answer = await slacker.submit("reward model", other, opened_in=slacker.room)
    assert "does not say just now" in answer["errors"]["channel"]
    assert await slacker.keywords(other) == ()


@pytest.mark.parametrize(
    "metadata", ["", "C000000001", "C000000001.", f"C000000001.{'0' * 32}", "é."]
)
async def test_a_forged_window_changes_no_channel(slacker: Slacker, metadata: str) -> None:
    others = slacker.server.open_room(members=frozenset({BO}))
    assert others == "C000000001"
    view = {"id": "V9", "type": "modal", "private_metadata": metadata}
    await slacker.dispatch(
        slacker.button("add reward model", channel=None, view=view, response_url="")
    )
    answer = await slacker.submit("reward model", others, private_metadata=metadata)
    assert answer["errors"].keys() == {"channel"}
    assert (await slacker.backend.store.state()).channels == ()
    assert "/papers list" in shown(slacker.server.views[-1])


async def test_a_window_of_one_person_is_no_pass_for_another(slacker: Slacker) -> None:
    others = slacker.server.open_room(members=frozenset({BO}))
    sealed = slacker.membership.sealed(others, BO)
    answer = await slacker.submit("reward model", others, private_metadata=sealed)
    assert answer["errors"].keys() == {"channel"}
    assert "now follows" in shown(
        await slacker.submit("reward model", others, opened_in=others, user=BO)
    )


@pytest.mark.parametrize("callback_id", ["add", "settings", WHY, LIKE])
async def test_a_window_that_stayed_open_when_its_person_left_the_channel_does_nothing(
    slacker: Slacker, callback_id: str
) -> None:
    slacker.server.scopes = (*CHAT, *SCOPES)
    others = slacker.server.open_room(members=frozenset({BO}))
    opened = slacker.membership.sealed(others, ANN)
    chosen = {"paper": {"paper": {"selected_option": {"value": "2603.00001"}}}}
    body = slacker.submission("reward model", others, opened_in=others, callback_id=callback_id)
    body["view"]["state"]["values"] |= chosen
    [answer] = await slacker.dispatch(body)
    assert "can't see you in that channel" in shown(answer_of(answer))
    view = {"id": "V9", "type": "modal", "private_metadata": opened}
    for value in ("add reward model", "add"):
        inside = {"channel": None, "view": view, "response_url": ""}
        await slacker.dispatch(slacker.button(value, **inside))
        assert "can't see you in that channel" in shown(slacker.server.views[-1])
    assert (await slacker.backend.store.state()).channels == ()
    assert asked(slacker.server, "chat.postMessage") == []


async def test_where_nobody_can_be_asked_a_window_counts_for_an_hour(slacker: Slacker) -> None:
    slacker.server.scopes = CHAT
    before = slacker.submission("reward model", opened_in=slacker.room)
    clock = slacker.workspace.clock
    assert isinstance(clock, FakeClock)
    clock.advance(WINDOW_COUNTS_FOR + 1)
    [answer] = await slacker.dispatch(before)
    assert "/papers add" in answer_of(answer)["errors"]["channel"]
    assert await slacker.keywords() == ()
    assert "now follows" in shown(await slacker.submit("reward model", opened_in=slacker.room))


# A Slack that does not say at first who the bot is


async def test_who_comes_while_slack_does_not_say_who_we_are_is_answered_when_it_does(
    slacker: Slacker,
) -> None:
    slacker.server.fail("POST", r"auth\.test", status=503, times=3)
    await slacker.dispatch(slacker.command("add reward model"))
    assert "now follows" in slacker.said()
    slacker.server.fail("POST", r"auth\.test", status=503, times=3)
    await slacker.dispatch(slacker.command("list"))
    assert "reward model" in slacker.said()


async def test_whom_the_bot_can_not_answer_because_of_slack_is_told_so_and_loses_nothing(
    slacker: Slacker,
) -> None:
    slacker.server.fail("POST", r"auth\.test", status=503, times=99)
    await slacker.dispatch(slacker.command("add reward model"))
    assert "Nothing was done" in slacker.said()
    answer = await slacker.submit("reward model", opened_in=slacker.room)
    assert answer["response_action"] == "errors", "what was filled in stays"
    assert "Nothing was done" in answer["errors"]["phrase"]
    home = {"id": "VH", "type": "home"}
    await slacker.dispatch(slacker.button("x", channel=None, view=home, response_url=""))
    assert "Nothing was done" in slacker.server.texts(ANN)[-1]
    assert await slacker.keywords() == ()
    slacker.server.faults.clear()
    assert "now follows" in shown(await slacker.submit("reward model", opened_in=slacker.room))


async def test_from_app_home_without_the_scope_it_is_said_where_to_type(slacker: Slacker) -> None:
    slacker.server.scopes = CHAT
    body = slacker.button("", channel=None, view={"id": "VH", "type": "home"}, response_url="")
    body["actions"][0]["action_id"] = replies.ADD
    await slacker.dispatch(body)
    assert slacker.server.views == []
    assert "/papers add" in "\n".join(slacker.server.texts(ANN))


async def test_a_conversation_with_the_bot_is_followed_in_without_choosing(
    slacker: Slacker,
) -> None:
    await slacker.dispatch(slacker.command("add", "D0000001"))
    form = slacker.server.views[-1]
    assert "channel" not in {each.get("block_id") for each in form["blocks"]}
    body = slacker.submission("reward model", opened_in="D0000001")
    del body["view"]["state"]["values"]["channel"]
    await slacker.dispatch(body)
    assert await slacker.keywords("D0000001") == ("reward model",)


# Windows


@pytest.mark.parametrize(
    "said",
    [
        {"ok": False, "error": "expired_trigger_id"},
        {"ok": False, "error": "ratelimited"},
        {"ok": False, "error": "internal_error"},
        {"ok": False, "error": "invalid_arguments", "response_metadata": ["odd"]},
        {"ok": False, "error": "invalid_arguments", "response_metadata": {"messages": 1}},
    ],
    ids=str,
)
async def test_a_form_that_can_not_be_opened_is_answered_otherwise(
    slacker: Slacker, said: dict[str, Any]
) -> None:
    slacker.server.fail("POST", r"views\.open", status=200, body=said)
    await slacker.dispatch(slacker.command("add"))
    assert "did not open the form" in slacker.said()
    assert "/papers add reward model" in slacker.said()


async def test_an_abstract_whose_window_can_not_be_opened_is_a_message_for_one(
    slacker: Slacker,
) -> None:
    made = paper(7, abstract="Words of the abstract.")
    slacker.backend.source.announce(made)
    slacker.server.fail("POST", r"views\.open", status=429, headers={"Retry-After": "30"})
    body = slacker.button(made.id)
    body["actions"][0]["action_id"] = f"abstract:{made.id}"
    await slacker.dispatch(body)
    [answer] = slacker.server.answers["a"]
    assert "Words of the abstract." in shown(answer)
    assert answer["replace_original"] is False
    assert answer["response_type"] == "ephemeral"


@pytest.mark.parametrize("view", [None, [], "V1", {}], ids=str)
async def test_an_answer_about_a_window_that_can_not_be_read_leaves_nobody_without_theirs(
    slacker: Slacker, view: object, caplog: pytest.LogCaptureFixture
) -> None:
    slacker.server.fail(
        "POST", r"views\.open", status=200, body={"ok": True, "view": view}, times=2
    )
    button = slacker.button("2603.00007")
    button["actions"][0]["action_id"] = "abstract:2603.00007"
    for body in (slacker.command("add"), button):
        await slacker.dispatch(body)
    assert len(slacker.server.answers["a"]) == 2
    assert "answering failed" not in caplog.text


async def test_too_much_of_one_person_closes_no_window_of_another(slacker: Slacker) -> None:
    refused = {"ok": False, "error": "ratelimited"}
    slacker.server.fail("POST", r"views\.open", status=200, body=refused, times=1)
    await slacker.dispatch(slacker.command("add"))
    assert slacker.server.views == []
    await slacker.dispatch(slacker.command("add", user_id=BO))
    assert len(slacker.server.views) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 0},
        {"status": 429, "headers": {"Retry-After": "3"}},
        {"status": 200, "body": {"ok": False, "error": "internal_error"}},
    ],
    ids=str,
)
async def test_an_update_that_fails_is_repeated(slacker: Slacker, fault: dict[str, Any]) -> None:
    slacker.server.fail("POST", r"views\.update", times=2, **fault)
    answering = Responder(
        slacker.workspace, slacker.backend.commands, command="/papers", managers=frozenset()
    )
    await answering.show(Place(ANN, view_id="V1"), Reply("It is here."), slacker.room)
    assert "It is here." in shown(slacker.server.views[-1])


async def test_an_update_that_always_fails_ends_as_a_private_message(slacker: Slacker) -> None:
    slacker.server.fail("POST", r"views\.update", times=99, status=500)
    answering = Responder(
        slacker.workspace, slacker.backend.commands, command="/papers", managers=frozenset()
    )
    await answering.show(Place(ANN, view_id="V1"), Reply("It is here."), slacker.room)
    assert "It is here." in "\n".join(slacker.server.texts(ANN))


# Connections


async def test_connections_that_slack_refuses_at_once_are_ever_rarer() -> None:
    clock = FakeClock()
    backoff = ReconnectBackoff(clock)
    for _ in range(12):
        await backoff.wait()
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0, *[MAX_RECONNECT_DELAY] * 5]
    clock.advance(3600)
    await backoff.wait()
    assert len(clock.slept) == 10, "one that Slack renews is made again at once"


async def test_a_slack_with_too_many_connections_is_not_flooded(
    server: SlackServer, backend: SlackBackend
) -> None:
    """It ends every one at once; the clock stands still, so that nobody's patience ends."""

    class Frozen(SystemClock):
        async def sleep(self, seconds: float) -> None:
            if seconds >= 1.0:
                await asyncio.Event().wait()
            await super().sleep(seconds)

    server.socket.refuses = "too_many_websockets"
    async with workspace_of(server, Frozen()) as workspace:
        socket = Socket(workspace, command="/papers", managers=frozenset())
        task = asyncio.create_task(socket.listen(backend.commands))
        await until(lambda: len(asked(server, "apps.connections.open")) >= 3)
        await happens(server, lambda: server.socket.refused >= 2)
        for _ in range(50):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(asked(server, "apps.connections.open")) == 3


# Whatever comes


OTHERS = "C0000099"  # a channel of Bo's that Ann is not in
# What somebody would try who knows how the app is made.
HOSTILE = (
    ANN, BO, OTHERS, f"{OTHERS}.{'0' * 32}", f"{OTHERS}.{'0' * 32} remove kept words",
    f"{OTHERS}. pause", "add", "settings", "add evil words", "remove kept words", "pause",
    "settings editors members", f"resume {OTHERS}", "home:0:1", "page:1", "say:0", "abstract:x",
    "why_here", "follow_like_this", "add_at_home", "home", "modal", "block_actions",
    "view_submission", "0x", "9" * 9, "\u202e", "\ud800", "\x00", "<!channel>", "x" * 4000,
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
# Where it happened and who did it is what Slack says, and so it is.
SAID_BY_SLACK = {
    ("channel",), ("channel", "id"), ("channel_id",), ("user",), ("user", "id"), ("user_id",),
    ("event",), ("event", "channel"), ("event", "user"),
}  # fmt: skip


def sealed_for_ann() -> str:
    """Her own channel, as our windows and App Home carry it."""
    token = TOKENS["SLACK_BOT_TOKEN"]
    workspace = Workspace(name="", api_url="", bot_token=token, clock=FakeClock())
    return Membership(workspace).sealed("C1", ANN)


def recorded() -> list[dict[str, Any]]:
    sealed = sealed_for_ann()
    value = {"selected_option": {"value": "any"}, "value": "x", "selected_options": []}
    view: dict[str, Any] = {
        "id": "V1", "type": "modal", "callback_id": "add", "private_metadata": sealed,
        "state": {"values": {"phrase": {"phrase": value}, "channel": {"channel": value}}},
    }  # fmt: skip
    user = {"id": ANN, "username": "ann", "name": "ann", "team_id": "T1"}
    action = {"type": "button", "action_id": "say:0", "value": "add own words", "block_id": "b"}
    message: Any = {"type": "mrkdwn", "text": "<https://arxiv.org/abs/2603.00001|A paper>"}
    place = {"user": user, "team": {"id": "T1"}, "channel": {"id": "C1"}, "response_url": ""}
    linked = {"text": "", "blocks": [{"type": "section", "text": message}]}
    message_actions: list[dict[str, Any]] = [
        {"type": "message_action", "callback_id": name, "trigger_id": "1.6", "message": linked,
         **place}
        for name in ("why_here", "follow_like_this", "save_papers")
    ]  # fmt: skip
    chosen = {
        "paper": {"paper": {"selected_option": {"value": "2603.00001"}}},
        "layout": {"layout": {"selected_option": {"value": "list"}}},
    }
    submissions: list[dict[str, Any]] = [
        {"type": "view_submission", "user": user, "team": {"id": "T1"}, "trigger_id": "1.7",
         "view": {**view, "callback_id": name, "state": {"values": chosen}}}
        for name in ("why_here", "follow_like_this", "settings", "add_at_home")
    ]  # fmt: skip
    presses: list[dict[str, Any]] = [
        {"type": "block_actions", "user": user, "team": {"id": "T1"}, "trigger_id": "1.8",
         "actions": [{**action, "action_id": name, "value": value}],
         "view": {**view, "type": "home", "private_metadata": "1 D1.x"}}
        for name, value in (("home:0:1", f"{sealed} pause"), ("home:0:2", f"{sealed} settings"),
                            ("home:0:3", f"{sealed} list"), ("page:2", "2"))
    ]  # fmt: skip
    return [
        {"command": "/papers", "text": "list", "channel_id": "C1", "user_id": ANN,
         "user_name": "ann", "team_id": "T1", "response_url": "", "trigger_id": "1.2"},
        {"type": "block_actions", "user": user, "team": {"id": "T1"}, "channel": {"id": "C1"},
         "actions": [action], "trigger_id": "1.3", "response_url": "", "view": view},
        {"type": "view_submission", "user": user, "team": {"id": "T1"}, "view": view,
         "trigger_id": "1.4", "response_urls": []},
        {"type": "shortcut", "callback_id": "follow_keyword", "user": user, "team": {"id": "T1"},
         "trigger_id": "1.5"},
        *message_actions,
        *submissions,
        *presses,
        {"type": "event_callback", "team_id": "T1", "event_id": "Ev2", "authorizations": [],
         "event": {"type": "member_joined_channel", "user": "UBOT", "channel": "C1"}},
        {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "authorizations": [],
         "event": {"type": "app_home_opened", "user": ANN, "tab": "home", "channel": "D1"}},
    ]  # fmt: skip


def paths(part: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = (
        part.items()
        if isinstance(part, dict)
        else enumerate(part)
        if isinstance(part, list)
        else ()
    )
    for key, value in entries:
        yield (*above, key)
        yield from paths(value, (*above, key))


@st.composite
def hostile(draw: st.DrawFn) -> dict[str, Any]:
    """One of the recorded shapes with some of its fields missing, or holding something else."""
    body: dict[str, Any] = draw(st.sampled_from(recorded()))
    for _ in range(draw(st.integers(1, 3))):
        every = list(paths(body))
        if not every:
            break
        path = draw(st.sampled_from(every))
        part: Any = body
        for key in path[:-1]:
            part = part[key]
        if draw(st.booleans()):
            del part[path[-1]]
        elif path in SAID_BY_SLACK:
            part[path[-1]] = draw(JSON.filter(lambda value: not mentions(value, OTHERS, BO)))
        else:
            part[path[-1]] = draw(JSON)
    return body


def mentions(value: Any, *words: str) -> bool:
    return any(word in json.dumps(value) for word in words)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(body=hostile())
async def test_no_payload_raises_or_touches_a_channel_of_others(
    slacker: Slacker, caplog: pytest.LogCaptureFixture, body: dict[str, Any]
) -> None:
    caplog.clear()
    slacker.backend.clock.advance(60)  # nobody is limited
    if OTHERS not in slacker.server.rooms:
        slacker.server.rooms["C1"] = Room("C1")
        slacker.server.rooms[OTHERS] = Room(OTHERS, members=frozenset({BO}))
        await slacker.dispatch(slacker.command("add kept words", OTHERS, user_id=BO))
    before = await slacker.backend.store.state(f"slack:{OTHERS}")
    for name in ("trigger_id", "event_id"):
        if isinstance(body.get(name), str):  # none is dropped as a repeated one
            body[name] = slacker.server.new_trigger()
    if not malformed(body):
        await slacker.dispatch(body)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert (await slacker.backend.store.state(f"slack:{OTHERS}")).channels == before.channels
    changed = {view.channel.id for view in (await slacker.backend.store.state()).channels}
    assert changed <= {"slack:C1", "slack:D1", f"slack:{OTHERS}"}, "and nothing that is no channel"


@pytest.mark.parametrize("body", recorded(), ids=range(len(recorded())))
def test_a_recorded_payload_is_well_formed(body: dict[str, Any]) -> None:
    assert malformed(body) == ""
