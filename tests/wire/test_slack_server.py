"""The small Slack against the library that talks to the real one, and each rule violated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.wire import slack_rules
from tests.wire.serving import refusing
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, CHAT, TRIGGER_LIVES, SlackServer

QUIET = {"unfurl_links": False, "unfurl_media": False}


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with SlackServer() as made:
        yield made


def client(server: SlackServer, token: str = BOT_TOKEN) -> AsyncWebClient:
    """Without the library's own retry after a broken connection, which would post twice."""
    return AsyncWebClient(token, base_url=f"{server.url}/api/", retry_handlers=[])


def code(error: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(error.value.response["error"])


# -- what it does not take ---------------------------------------------------------------------


def plain(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False, **more}


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}, **more}


def button(action: str = "a") -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": plain("Abstract"), "value": "1"}


def select(*options: tuple[str, str]) -> dict[str, Any]:
    listed = [{"text": plain(text), "value": value} for text, value in options]
    menu = {"type": "static_select", "action_id": "s", "placeholder": plain("?")}
    return section(accessory={**menu, "options": listed})


BLOCKS: dict[str, list[dict[str, Any]]] = {
    "51 blocks": [{"type": "divider"}] * 51,
    "unknown block blink": [{"type": "blink"}],
    "header": [{"type": "header"}],
    "a header is not plain text": [{"type": "header", "text": section()["text"]}],
    "an empty text": [section("")],
    "mrkdwn without verbatim": [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}}],
    "a mention in": [section("<!channel> come")],
    "becomes a picture": [{"type": "header", "text": {"type": "plain_text", "text": "x"}}],
    "an action_id twice": [{"type": "actions", "elements": [button(), button()]}],
    "rich_text_section with nothing": [
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    ],
    "0 options": [select()],
    "101 options": [select(*((str(n), str(n)) for n in range(101)))],
    "text of option": [select(("𝔸" * 38, "1"))],
    "value of option": [select(("x", "1" * 151))],
    "text of header": [{"type": "header", "text": plain("𝔸" * 76)}],
    "text of section": [section("𝔸" * 1501)],
}


@pytest.mark.parametrize(("fault", "blocks"), BLOCKS.items(), ids=list(BLOCKS))
def test_blocks_that_slack_would_not_take_are_found(
    fault: str, blocks: list[dict[str, Any]]
) -> None:
    assert any(fault in found for found in slack_rules.block_faults(blocks))


def test_blocks_that_slack_takes_have_no_fault() -> None:
    good = [
        {"type": "header", "text": plain("Today")},
        section(accessory=button()),
        select(("a", "1"), ("b", "2")),
        {"type": "actions", "elements": [button("b"), button("c")]},
    ]
    assert list(slack_rules.block_faults(good)) == []
    assert list(slack_rules.message_faults({"text": "x", "blocks": good, **QUIET})) == []


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [
        ("no_text", QUIET),
        ("longer than 4,000", {"text": "x" * 4001, **QUIET}),
        ("<!", {"text": "<!here>", **QUIET}),
        ("unfurl_links", {"text": "x", "unfurl_media": False}),
        ("unfurl_media", {"text": "x", "unfurl_links": False}),
        ("broadcast", {"text": "x", "reply_broadcast": True, **QUIET}),
    ],
)
async def test_a_message_that_slack_would_not_take_is_refused_and_remembered(
    fault: str, arguments: dict[str, Any]
) -> None:
    assert any(fault in found for found in slack_rules.message_faults(arguments))
    with refusing(SlackServer()) as server:
        room = server.open_room()
        with pytest.raises(SlackApiError) as error:
            await client(server).api_call("chat.postMessage", json={"channel": room, **arguments})
        assert code(error) == "invalid_blocks"
        assert server.rooms[room].messages == []


@pytest.mark.parametrize(
    ("fault", "view"),
    [
        ("a view of type", {"blocks": []}),
        ("without a title", {"type": "modal", "blocks": []}),
        ("longer than 24", {"type": "modal", "title": plain("x" * 25), "blocks": []}),
        ("private_metadata", {"type": "home", "private_metadata": "x" * 3001, "blocks": []}),
        ("101 blocks", {"type": "home", "blocks": [{"type": "divider"}] * 101}),
        ("too large", {"type": "home", "blocks": [], "callback_id": "x" * 250_000}),
    ],
)
def test_a_view_that_slack_would_not_take_is_found(fault: str, view: dict[str, Any]) -> None:
    assert any(fault in found for found in slack_rules.view_faults(view))


# -- what it refuses, as Slack does ------------------------------------------------------------


async def test_tokens_and_scopes_are_looked_at(server: SlackServer) -> None:
    room = server.open_room()
    for token, said in (("xoxb-other", "invalid_auth"), (APP_TOKEN, "not_allowed_token_type")):
        with pytest.raises(SlackApiError) as error:
            await client(server, token).auth_test()
        assert code(error) == said
    server.tokens[BOT_TOKEN] = "token_revoked"
    with pytest.raises(SlackApiError) as error:
        await client(server).auth_test()
    assert code(error) == "token_revoked"
    server.tokens[BOT_TOKEN] = ""
    server.scopes = CHAT
    with pytest.raises(SlackApiError) as error:
        await client(server).conversations_history(channel=room)
    assert (code(error), error.value.response["needed"]) == ("missing_scope", "channels:history")


@pytest.mark.parametrize(
    ("blocks", "said"),
    [([section("x" * 2900)] * 4, "msg_blocks_too_long"), ([section("x" * 2900)] * 3, "")],
)
async def test_too_much_text_over_all_blocks_is_refused(
    server: SlackServer, blocks: list[dict[str, Any]], said: str
) -> None:
    arguments = {"channel": server.open_room(), "text": "x", "blocks": blocks, **QUIET}
    if not said:
        assert (await client(server).api_call("chat.postMessage", json=arguments))["ok"]
        return
    with pytest.raises(SlackApiError) as error:
        await client(server).api_call("chat.postMessage", json=arguments)
    assert code(error) == said


async def post(server: SlackServer, room: str, text: str = "x", **more: Any) -> Any:
    return await client(server).chat_postMessage(
        channel=room, text=text, unfurl_links=False, unfurl_media=False, **more
    )


async def test_one_message_a_second_in_a_channel() -> None:
    with SlackServer(limited=True) as server:
        here, there = server.open_room(), server.open_room()
        await post(server, here)
        await post(server, there)
        with pytest.raises(SlackApiError) as error:
            await post(server, here)
        assert error.value.response.status_code == 429
        assert error.value.response.headers["Retry-After"] == "1"
        assert server.too_fast == 1


async def test_history_is_newest_first_in_pages_and_shows_metadata_only_when_asked(
    server: SlackServer,
) -> None:
    room = server.open_room()
    kept = {"event_type": "post", "event_payload": {"key": "k"}}
    for n in range(3):
        last = await post(server, room, str(n), metadata=kept)
    await post(server, room, "below", thread_ts=last["ts"])
    page = await client(server).conversations_history(channel=room, limit=2)
    assert [each["text"] for each in page["messages"]] == ["2", "1"]
    assert "metadata" not in page["messages"][0]
    cursor = page["response_metadata"]["next_cursor"]
    rest = await client(server).conversations_history(
        channel=room, cursor=cursor, limit=2, include_all_metadata=True
    )
    assert [(each["text"], each["metadata"]) for each in rest["messages"]] == [("0", kept)]
    thread = await client(server).conversations_replies(channel=room, ts=last["ts"])
    assert [each["text"] for each in thread["messages"]] == ["2", "below"]
    for above in (page["messages"][0], thread["messages"][0]):
        assert (above["thread_ts"], above["reply_count"]) == (last["ts"], 1)
    assert not any("thread_ts" in each for each in page["messages"][1:])


@pytest.mark.parametrize(
    ("room", "more", "said"),
    [
        (lambda s: "C9", {}, "channel_not_found"),
        (lambda s: s.open_room(refuses="is_archived"), {}, "is_archived"),
        (lambda s: s.open_room(), {"thread_ts": "1.0"}, "thread_not_found"),
    ],
)
async def test_a_channel_that_takes_nothing_says_why(
    server: SlackServer, room: Callable[[SlackServer], str], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(SlackApiError) as error:
        await post(server, room(server), **more)
    assert code(error) == said


@pytest.mark.parametrize(("how", "kept"), [("before", 0), ("after", 1)])
async def test_a_connection_breaks_before_or_after_the_message_was_taken(
    server: SlackServer, how: str, kept: int
) -> None:
    room = server.open_room()
    server.fail("POST", "chat.postMessage", how=how, status=0)
    with pytest.raises(ServerDisconnectedError):
        await post(server, room)
    assert len(server.rooms[room].messages) == kept


async def test_a_trigger_opens_one_window_and_only_for_three_seconds(server: SlackServer) -> None:
    view = {"type": "modal", "title": plain("Papers"), "blocks": [section()]}
    trigger = server.new_trigger()
    assert (await client(server).views_open(trigger_id=trigger, view=view))["ok"]
    late = server.new_trigger()
    server._triggers[late] = time.monotonic() - TRIGGER_LIVES
    for used, said in ((trigger, "exchanged_trigger_id"), (late, "expired_trigger_id")):
        with pytest.raises(SlackApiError) as error:
            await client(server).views_open(trigger_id=used, view=view)
        assert code(error) == said
