"""One message each, none lost, whatever Discord answers: the adapter against the small Discord."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from adapters import Settings
from adapters.discord.permissions import INVITE
from adapters.discord.platform import Discord
from adapters.discord.render import compose
from bot.errors import (
    BotError,
    CannotTell,
    ChannelGone,
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    TryLater,
)
from bot.model import Channel, Digest, Draft, Entry, Paper, Post, Receipt, Why
from tests.adapters import samples
from tests.builders import paper
from tests.fakes import START, FakeClock
from tests.wire.discord_server import DiscordServer, Limits
from tests.wire.discord_shapes import ANNOUNCEMENT, CLOSED_THREAD, FORUM, GUILD, ROLE, TOKEN, guild

MESSAGES = r"/channels/\d+/messages"
KEY = "0123456789abcdef01234567"


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as made:
        yield made


@pytest.fixture
async def discord(server: DiscordServer) -> AsyncIterator[Discord]:
    async with platform(server) as made:
        yield made


def platform(server: DiscordServer, token: str = TOKEN, **options: object) -> Discord:
    settings = Settings(
        sys.stdout, FakeClock(), {**server.options, **options}, {"DISCORD_TOKEN": token}.__getitem__
    )
    return Discord(settings)


def drafts(channel_id: str, papers: int = 2, layout: str | None = None) -> list[Draft]:
    channel = Channel(f"discord:{channel_id}", layout=layout)
    entries = tuple(Entry(paper(n), ("reward model",)) for n in range(1, papers + 1))
    return compose(Digest(channel, START.date(), Why.NEW, entries))


def post(channel_id: str, draft: Draft, key: str = KEY, parent: Receipt | None = None) -> Post:
    return Post(
        key=key,
        channel=Channel(f"discord:{channel_id}"),
        payload=draft.payload,
        attempt=1,
        uncertain=False,
        parent=parent,
    )


async def test_a_digest_arrives_with_a_link_to_it(server: DiscordServer, discord: Discord) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    receipt = await discord.send(post(here, draft))
    [message] = server.messages[here]
    assert receipt.message_id == message["id"]
    assert receipt.url.endswith(f"/{here}/{message['id']}")
    assert server.papers(here) == {"2603.00001": 1, "2603.00002": 1}
    assert not server.gateway.sessions, "posting alone opens no gateway"


@pytest.mark.parametrize(
    "fault",
    [
        {"how": "after", "status": 503},
        {"how": "after", "status": 0},
        {"how": "before", "status": 503},
        {"how": "before", "status": 0},
        {"how": "after", "status": 503, "times": 3},
    ],
)
async def test_a_lost_answer_ends_as_one_message(
    server: DiscordServer, discord: Discord, fault: dict[str, object]
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("POST", MESSAGES, **fault)
    await discord.send(post(here, draft))
    assert len(server.messages[here]) == 1


@pytest.mark.parametrize(
    "second",
    [
        {"status": 429, "body": {"retry_after": 3000.0, "message": "later"}},
        {"status": 429, "headers": {"Via": ""}, "body": {"message": "banned"}},
        {"status": 403, "body": {"code": 50013, "message": "no"}},
        {"status": 400, "body": {"code": 50035, "message": "no"}},
        {"status": 401, "body": {"code": 0, "message": "no"}},
    ],
)
@pytest.mark.parametrize("first", [502, 503, 0])
async def test_what_a_second_try_meets_does_not_hide_that_the_first_may_have_arrived(
    server: DiscordServer, discord: Discord, first: int, second: dict[str, object]
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("POST", MESSAGES, how="after", status=first)
    server.fail("POST", MESSAGES, **second)
    with pytest.raises(OutcomeUnknown):
        await discord.send(post(here, draft))
    assert len(server.messages[here]) == 1
    assert await discord.find(post(here, draft)) is not None


async def test_what_stays_unknown_is_found_in_the_history_and_not_sent_again(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("POST", MESSAGES, how="after", status=0, times=4)
    lost = post(here, draft)
    with pytest.raises(OutcomeUnknown):
        await discord.send(lost)
    server.store(here, {"content": "people talk meanwhile"})
    found = await discord.find(lost)
    assert found is not None
    assert found.message_id == server.messages[here][0]["id"]
    [other] = drafts(here, papers=3)
    assert await discord.find(post(here, other)) is None


@pytest.mark.parametrize("layout", [None, "list", "thread"])
async def test_every_layout_is_found_again(
    server: DiscordServer, discord: Discord, layout: str | None
) -> None:
    here = server.open_channel()
    parent = None
    for number, draft in enumerate(drafts(here, papers=15, layout=layout)):
        each = post(here, draft, key=f"{number:024x}", parent=parent)
        if draft.parent is not None or number == 0 or layout != "thread":
            assert await discord.find(each) is None
        receipt = await discord.send(each)
        assert await discord.find(each) == receipt
        parent = parent or (receipt if layout == "thread" else None)


async def test_a_history_that_may_not_be_read_is_not_taken_for_an_empty_one(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    assert await discord.find(post(here, draft)) is None, "nothing was ever written here"
    await discord.send(post(here, draft))
    server.messages[here].clear()  # as Discord shows it without the permission
    with pytest.raises(CannotTell, match="Read Message History"):
        await discord.find(post(here, draft))


ODD = [
    "{}",
    '""',
    "null",
    "[]",
    "[1]",
    "[{}]",
    '{"threads": {}}',
    '{"id": [], "type": {}}',
    "1e999",
]


@pytest.mark.parametrize("odd", [each for each in ODD if each != "[]"])
async def test_a_history_that_is_no_list_of_messages_is_not_taken_for_an_empty_one(
    server: DiscordServer, discord: Discord, odd: str
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    receipt = await discord.send(post(here, draft))
    server.fail("GET", MESSAGES, status=200, body=odd)
    with pytest.raises(TryLater, match="can't be read"):
        await discord.find(post(here, draft))
    assert await discord.find(post(here, draft)) == receipt


@pytest.mark.parametrize("odd", ODD)
async def test_an_answer_to_a_message_that_names_none_doubles_nothing(
    server: DiscordServer, discord: Discord, odd: str
) -> None:
    here, forum = server.open_channel(), server.open_channel(FORUM)
    for where in (here, forum):
        [draft] = drafts(where)
        server.fail("POST", MESSAGES, how="after", status=200, body=odd)
        server.fail("POST", r"/channels/\d+/threads", how="after", status=200, body=odd)
        for _ in range(2):
            with suppress(OutcomeUnknown):
                await discord.send(post(where, draft))
        assert await discord.find(post(where, draft)) is not None
        assert set(server.papers(where).values()) == {1}


@pytest.mark.parametrize(
    "path", [r"/channels/\d+", r"/guilds/\d+/threads/active", r".*/archived/public", r"/users/@me"]
)
async def test_a_look_up_that_can_not_be_read_leaves_the_post_for_later(
    server: DiscordServer, path: str
) -> None:
    for odd in ODD:
        forum = server.open_channel(FORUM)
        [draft] = drafts(forum)
        server.fail("GET", path, status=200, body=odd)
        async with platform(server) as discord:
            with suppress(TryLater):
                await discord.send(post(forum, draft))
            with suppress(TryLater):
                await discord.find(post(forum, draft))
            await discord.send(post(forum, draft))
        assert set(server.papers(forum).values()) == {1}
        assert sum(each["parent_id"] == forum for each in server.channels.values()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/applications/@me",
        "/applications/[^/]+/commands",
        r"/channels/\d+",
        r"/guilds/\d+",
        r"/guilds/\d+/members/\d+",
    ],
)
async def test_check_ends_with_findings_whatever_discord_answers(
    server: DiscordServer, discord: Discord, path: str
) -> None:
    here = Channel(f"discord:{server.open_channel()}")
    for odd in ODD:
        server.fail("GET", path, status=200, body=odd)
        assert await discord.examine([here])


@pytest.mark.parametrize("odd", [each for each in ODD if each != "[]"])
async def test_servers_that_can_not_be_listed_make_nobody_a_stranger(
    server: DiscordServer, discord: Discord, odd: str
) -> None:
    server.fail("GET", "/users/@me/guilds", status=200, body=odd)
    with pytest.raises(TryLater, match="can't be read"):
        await discord.knows("discord:7")
    assert await discord.knows("discord:7")


async def test_a_private_word_whose_conversation_is_not_named_is_told_later(
    server: DiscordServer, discord: Discord
) -> None:
    for odd in ODD:
        server.fail("POST", "/users/@me/channels", status=200, body=odd)
        with pytest.raises(TryLater, match="can't be read"):
            await discord.tell("discord:7", "A word.")


async def test_a_busy_channel_is_searched_page_by_page(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    for number in range(250):
        server.store(here, {"content": f"chatter {number}"})
    receipt = await discord.send(post(here, draft))
    for number in range(120):
        server.store(here, {"content": f"more chatter {number}"})
    assert await discord.find(post(here, draft)) == receipt


async def test_what_was_written_long_before_a_message_is_not_looked_through(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    old = [str(int(server.new_id()) - (1 << 50) + (n << 22)) for n in range(2100)]
    for number, message_id in enumerate(old):
        server.store(here, {"content": f"chatter {number}"}, message_id)
    [draft] = drafts(here)
    lost = replace(post(here, draft), after_id=server.new_id())
    assert await discord.find(lost) is None
    requests = [each for each in server.seen if each.path.endswith("/messages")]
    assert len(requests) == 1
    with pytest.raises(CannotTell, match="Too much"):
        await discord.find(post(here, draft))


async def test_a_thread_holds_the_digest_and_the_channel_one_line(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    line, *rest = drafts(here, papers=15, layout="thread")
    top = await discord.send(post(here, line))
    for number, draft in enumerate(rest, start=1):
        for _ in range(2):  # also when the thread is there already
            await discord.send(post(here, draft, key=f"{number:024x}", parent=top))
    assert server.texts(here) == ["Monday 2 March 2026 · 15 new papers"]
    thread = top.message_id
    assert server.channels[thread]["name"] == "Monday 2 March 2026"
    assert len(server.messages[thread]) == len(rest)
    assert set(server.papers(here).values()) == {1}


def reply(channel_id: str, parent: Receipt) -> Post:
    """To the message of a paper that was withdrawn."""
    digest = replace(samples.NEWS_ALONE, channel=Channel(f"discord:{channel_id}"))
    [draft] = [each for each in compose(digest) if each.reply_to]
    return post(channel_id, draft, "f" * 24, parent)


@pytest.mark.parametrize("where", ["channel", "thread", "forum"])
async def test_a_withdrawal_is_a_reply_to_the_papers_own_message_wherever_that_is(
    server: DiscordServer, discord: Discord, where: str
) -> None:
    here = server.open_channel(FORUM) if where == "forum" else server.open_channel()
    if where == "thread":
        top, below = drafts(here, layout="thread")
        parent = await discord.send(post(here, top, KEY[::-1]))
        told = await discord.send(post(here, below, parent=parent))
    else:
        told = await discord.send(post(here, drafts(here)[0]))
    room = told.url.split("/")[-2]
    assert (room == here) is (where == "channel")
    receipt = await discord.send(reply(here, told))
    sent = server.messages[room][-1]
    assert sent["message_reference"]["message_id"] == told.message_id
    assert receipt.url.endswith(f"/{room}/{sent['id']}")
    found = await discord.find(reply(here, told))
    assert found is not None
    assert found.message_id == sent["id"]


@pytest.mark.parametrize("code", [160002, *CLOSED_THREAD, 10003])
async def test_a_withdrawal_that_can_not_be_a_reply_is_told_in_the_channel(
    server: DiscordServer, discord: Discord, code: int
) -> None:
    here = server.open_channel()
    top, below = drafts(here, layout="thread")
    parent = await discord.send(post(here, top, KEY[::-1]))
    told = await discord.send(post(here, below, parent=parent))
    server.fail("POST", MESSAGES, status=403, body={"code": code, "message": "no"})
    receipt = await discord.send(reply(here, told))
    assert receipt.url.endswith(f"/{here}/{server.messages[here][-1]['id']}")
    assert "has been withdrawn" in server.messages[here][-1]["content"]


async def test_a_forum_gets_one_post_a_day_and_everything_goes_into_it(
    server: DiscordServer, discord: Discord
) -> None:
    forum = server.open_channel(FORUM)
    made = [post(forum, d, key=f"{n:024x}") for n, d in enumerate(drafts(forum, papers=15))]
    server.fail("POST", r"/channels/\d+/threads", how="after", status=0)
    with pytest.raises(OutcomeUnknown):
        await discord.send(made[0])
    receipt = await discord.find(made[0])
    assert receipt is not None, "its first message is found by the day's name"
    for each in made:
        await discord.send(each)
    [thread] = [c for c in server.channels.values() if c["parent_id"] == forum]
    assert thread["name"] == "Monday 2 March 2026"
    assert set(server.papers(forum).values()) == {1}


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_forums_post_is_never_made_twice(
    server: DiscordServer, discord: Discord, status: int
) -> None:
    forum = server.open_channel(FORUM)
    [draft] = drafts(forum)
    server.fail("POST", r"/channels/\d+/threads", how="after", status=status)
    with pytest.raises(OutcomeUnknown):
        await discord.send(post(forum, draft))
    [thread] = [c for c in server.channels.values() if c["parent_id"] == forum]
    thread["thread_metadata"]["archived"] = True  # the bot was away for more than a day
    assert await discord.find(post(forum, draft)) is not None
    await discord.send(post(forum, draft))
    assert set(server.papers(forum).values()) == {1}
    assert sum(c["parent_id"] == forum for c in server.channels.values()) == 1


@pytest.mark.parametrize("others", [250, 2500])
async def test_a_forums_post_is_looked_for_behind_all_that_was_archived_since(
    server: DiscordServer, discord: Discord, others: int
) -> None:
    forum = server.open_channel(FORUM)
    [draft] = drafts(forum)
    server.fail("POST", r"/channels/\d+/threads", how="after", status=502)
    with pytest.raises(OutcomeUnknown):
        await discord.send(post(forum, draft))
    [ours] = [c for c in server.channels.values() if c["parent_id"] == forum]
    ours["thread_metadata"] |= {"archived": True, "archive_timestamp": "2026-01-01T00:00:00+00:00"}
    for number in range(others):
        thread_id = server.new_id()
        at = f"2026-02-01T00:00:00.{number:06d}+00:00"
        server.channels[thread_id] = {
            **ours, "id": thread_id, "name": f"a question {number}", "owner_id": "1",
            "thread_metadata": {**ours["thread_metadata"], "archive_timestamp": at},
        }  # fmt: skip
    if others > 2000:
        with pytest.raises(CannotTell):
            await discord.find(post(forum, draft))
        # What was archived before anything could be in it need not be looked through.
        later = replace(post(forum, draft), after_id=ours["id"])
        assert await discord.find(later) is None
    else:
        assert await discord.find(post(forum, draft)) is not None


@pytest.mark.parametrize("code", CLOSED_THREAD)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_forums_post_that_is_locked_or_full_gets_another_one_for_that_day(
    server: DiscordServer, code: int, restarted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    forum = server.open_channel(FORUM)
    first, *rest = (
        post(forum, draft, key=f"{n:024x}") for n, draft in enumerate(drafts(forum, papers=35))
    )
    async with platform(server) as discord:
        await discord.send(first)
        [thread] = (c for c in server.channels.values() if c["parent_id"] == forum)
        server.closed[thread["id"]] = code
        server.fail("POST", r"/channels/\d+/threads", how="after", status=502)
        with pytest.raises(OutcomeUnknown):
            await discord.send(rest[0])
        if not restarted:
            assert await discord.find(rest[0]) is not None
            for each in rest[1:]:
                await discord.send(each)
    if restarted:
        async with platform(server) as discord:
            assert await discord.find(rest[0]) is not None
            for each in rest[1:]:
                await discord.send(each)
    names = [c["name"] for c in server.channels.values() if c["parent_id"] == forum]
    assert names == ["Monday 2 March 2026", "Monday 2 March 2026 (2)"]
    assert set(server.papers(forum).values()) == {1}
    assert f"The thread Monday 2 March 2026 (https://discord.com/channels/1/{thread['id']})" in (
        caplog.text.replace(f"channels/{thread['guild_id']}/", "channels/1/")
    )


async def test_a_forum_whose_second_post_of_the_day_is_locked_too_gets_a_third(
    server: DiscordServer, discord: Discord
) -> None:
    forum = server.open_channel(FORUM)
    made = [post(forum, d, key=f"{n:024x}") for n, d in enumerate(drafts(forum, papers=35))]
    for each in made[:3]:
        await discord.send(each)
        for channel in list(server.channels.values()):
            if channel["parent_id"] == forum:
                channel["thread_metadata"]["archived"] = True
                server.closed[channel["id"]] = 160005
    names = [c["name"] for c in server.channels.values() if c["parent_id"] == forum]
    assert names == [f"Monday 2 March 2026{more}" for more in ("", " (2)", " (3)")]
    assert set(server.papers(forum).values()) == {1}


@pytest.mark.parametrize("code", [*CLOSED_THREAD, 160006])
async def test_a_digest_whose_thread_takes_no_message_is_posted_beside_it(
    server: DiscordServer, discord: Discord, code: int
) -> None:
    here = server.open_channel()
    line, *rest = drafts(here, papers=25, layout="thread")
    top = await discord.send(post(here, line))
    if code == 160006:
        server.fail(
            "POST", r"/channels/\d+/messages/\d+/threads", status=400,
            body={"code": code, "message": "Maximum number of active threads reached"},
        )  # fmt: skip
    else:
        await discord.send(post(here, rest[0], key="a" * 24, parent=top))
        server.closed[top.message_id] = code
    below = post(here, rest[-1], key="b" * 24, parent=top)
    receipt = await discord.send(below)
    assert server.messages[here][-1]["id"] == receipt.message_id
    assert await discord.find(below) == receipt


async def test_a_thread_that_is_followed_itself_and_locked_is_named(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel(name="Reading group")
    server.closed[here] = 160005
    [draft] = drafts(here)
    with pytest.raises(
        ChannelRefused, match=rf"The thread Reading group \(https.*/{here}\) is locked"
    ):
        await discord.send(post(here, draft))


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_forum_with_the_thread_layout_takes_a_second_digest_of_the_day(
    server: DiscordServer, restarted: bool
) -> None:
    forum = server.open_channel(FORUM)
    for papers in (1, 2):
        line, digest = drafts(forum, papers=papers, layout="thread")
        async with platform(server) as discord:
            top = await discord.send(post(forum, line, key=f"a{papers}"))
            below = post(forum, digest, key=f"b{papers}", parent=top)
            if not restarted:
                receipt = await discord.send(below)
        if restarted:
            async with platform(server) as discord:
                receipt = await discord.send(below)
        async with platform(server) as discord:
            assert await discord.find(below) == receipt
    [thread] = [c for c in server.channels.values() if c["parent_id"] == forum]
    assert len(server.messages[thread["id"]]) == 4


@pytest.mark.parametrize("thread_too", [False, True])
async def test_a_digest_whose_heading_or_thread_somebody_deleted_is_posted_without_it(
    server: DiscordServer, discord: Discord, thread_too: bool
) -> None:
    here = server.open_channel()
    line, *rest = drafts(here, papers=15, layout="thread")
    top = await discord.send(post(here, line))
    if thread_too:
        await discord.send(post(here, rest[0], key="a" * 24, parent=top))
        del server.channels[top.message_id]
        server.fail(
            "POST", r"/channels/\d+/messages/\d+/threads", status=400,
            body={"code": 160004, "message": "A thread was made before"},
        )  # fmt: skip
    else:
        server.messages[here].clear()
    below = post(here, rest[-1], key="b" * 24, parent=top)
    receipt = await discord.send(below)
    assert server.messages[here][-1]["id"] == receipt.message_id
    assert await discord.find(below) == receipt


@pytest.mark.parametrize(
    ("denied", "named"),
    [(1 << 11, "Send Messages"), (1 << 16, "Read Message History")],
)
async def test_a_refused_channel_is_told_which_permission_is_missing(
    server: DiscordServer, discord: Discord, denied: int, named: str
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.channels[here]["permission_overwrites"] = [
        {"id": "500", "type": 0, "allow": "0", "deny": str(denied)}
    ]
    server.closed[here] = 50013
    with pytest.raises(ChannelRefused, match=rf"I lack {named}\. In the channel's settings"):
        await discord.send(post(here, draft))


async def test_links_to_messages_cost_no_request_for_each_channel(
    server: DiscordServer, discord: Discord
) -> None:
    for _ in range(10):
        server.open_channel()
    for number, channel in enumerate(list(server.channels)):
        receipt = await discord.send(post(channel, drafts(channel)[0], f"{number:024x}"))
        assert channel in receipt.url
    assert sum(seen.method == "GET" for seen in server.seen if "/users" not in seen.path) == 3


async def test_everything_goes_through_the_proxy_that_is_named(server: DiscordServer) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    at = server.options["api_url"].removesuffix("/api/v10")  # it takes whole addresses too
    async with platform(server, api_url="http://discord.invalid/api/v10", proxy=at) as discord:
        await discord.send(post(here, draft))
    assert len(server.messages[here]) == 1


@pytest.mark.parametrize("wanted", [True, False])
async def test_an_announcement_is_handed_on_where_that_is_wanted(
    server: DiscordServer, wanted: bool
) -> None:
    here = server.open_channel(ANNOUNCEMENT)
    elsewhere = server.open_channel()
    async with platform(server, crosspost=wanted) as discord:
        for channel in (here, elsewhere):
            made = post(channel, drafts(channel)[0])
            receipt = await discord.send(made)
            assert receipt.crosspost is (wanted and channel == here)
            assert await discord.find(made) == receipt
            if wanted:
                await discord.crosspost(made.channel, receipt.message_id)
    assert [message["flags"] & 2 for message in server.messages[here]] == [2 * wanted]
    assert not any(message["flags"] & 2 for message in server.messages[elsewhere])


async def test_what_is_not_known_of_a_channel_yet_keeps_no_announcement_from_being_handed_on(
    server: DiscordServer,
) -> None:
    here = server.open_channel(ANNOUNCEMENT)
    async with platform(server, crosspost=True) as discord:
        server.fail("GET", r"/channels/\d+", status=503, times=9)
        made = post(here, drafts(here)[0])
        assert (await discord.send(made)).crosspost


async def test_an_announcement_that_was_handed_on_before_is_no_fault(server: DiscordServer) -> None:
    here = server.open_channel(ANNOUNCEMENT)
    async with platform(server, crosspost=True) as discord:
        made = post(here, drafts(here)[0])
        receipt = await discord.send(made)
        for _ in range(2):
            await discord.crosspost(made.channel, receipt.message_id)
    assert [seen.path.endswith("crosspost") for seen in server.seen].count(True) == 2


async def test_what_is_in_a_thread_is_not_crossposted(server: DiscordServer) -> None:
    here = server.open_channel(ANNOUNCEMENT)
    line, *rest = drafts(here, papers=15, layout="thread")
    async with platform(server, crosspost=True) as discord:
        top = await discord.send(post(here, line))
        below = await discord.send(post(here, rest[0], key="b" * 24, parent=top))
    assert (top.crosspost, below.crosspost) == (True, False)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, {}, OutcomeUnknown),
        (404, {"code": 10008, "message": "Unknown Message"}, PostRefused),
        (403, {"code": 50013, "message": "no"}, ChannelRefused),
        (429, {"retry_after": 2900.0, "message": "ten in an hour"}, TryLater),
    ],
)
async def test_why_an_announcement_is_not_handed_on_is_distinguished(
    server: DiscordServer, status: int, body: dict[str, object], error: type[BotError]
) -> None:
    here = server.open_channel(ANNOUNCEMENT)
    async with platform(server, crosspost=True) as discord:
        made = post(here, drafts(here)[0])
        receipt = await discord.send(made)
        server.fail("POST", r".*/crosspost", status=status, body=body, times=9)
        with pytest.raises(error):
            await discord.crosspost(made.channel, receipt.message_id)
    assert sum(seen.path.endswith("crosspost") for seen in server.seen) == 1


@pytest.mark.parametrize(
    ("status", "code", "error", "said"),
    [
        (403, 50013, ChannelRefused, "Send Messages"),
        (403, 50001, ChannelRefused, "View Channel"),
        (404, 10003, ChannelRefused, "gone"),
        (403, 160005, ChannelRefused, "locked"),
        (400, 50035, PostRefused, "does not take this message"),
        (400, 40067, ChannelRefused, "wants a tag"),
        (400, 20016, TryLater, "takes no more"),
        (403, 40333, TryLater, "takes no more"),
        (403, 0, TryLater, "does not let us through"),
        (401, 0, PlatformRefused, "DISCORD_TOKEN"),
    ],
)
async def test_each_refusal_is_distinguished_and_says_what_to_do(
    server: DiscordServer,
    discord: Discord,
    status: int,
    code: int,
    error: type[BotError],
    said: str,
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("POST", MESSAGES, status=status, body={"code": code, "message": "x"})
    with pytest.raises(error, match=said):
        await discord.send(post(here, draft))
    assert server.messages[here] == []


async def test_a_long_wait_is_left_to_the_outbox(server: DiscordServer, discord: Discord) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("POST", MESSAGES, status=429, body={"retry_after": 3000.0, "message": "later"})
    with pytest.raises(TryLater) as caught:
        await discord.send(post(here, draft))
    assert caught.value.seconds == 3000.0


async def test_a_ban_from_in_front_of_discord_is_respected_for_a_while(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("POST", MESSAGES, status=429, headers={"Via": ""}, body={"message": "banned"})
    with pytest.raises(TryLater) as caught:
        await discord.send(post(here, draft))
    assert (caught.value.seconds or 0) >= 600


async def test_a_wrong_token_stops_with_a_sentence(server: DiscordServer) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    async with platform(server, token="another") as discord:
        with pytest.raises(PlatformRefused, match="Reset Token"):
            await discord.send(post(here, draft))


async def test_a_discord_that_is_not_there_is_tried_later(server: DiscordServer) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    async with platform(server, api_url="http://127.0.0.1:9/api/v10") as discord:
        with pytest.raises(TryLater, match="can't be reached"):
            await discord.send(post(here, draft))


async def test_the_limits_of_discord_are_kept_over_many_channels() -> None:
    with DiscordServer(limits=Limits(over_all=50)) as server:
        channels = [server.open_channel() for _ in range(40)]
        async with platform(server) as discord:
            sends = [discord.send(post(each, drafts(each)[0], each[-24:])) for each in channels]
            await asyncio.gather(*sends)
        assert all(len(server.messages[each]) == 1 for each in channels)


async def test_a_private_word_reaches_the_person(server: DiscordServer, discord: Discord) -> None:
    await discord.tell("discord:4242", "I can't post in discord:1: I lack Send Messages.")
    [dm] = [c for c in server.channels.values() if c["type"] == 1]
    assert server.texts(dm["id"]) == ["I can't post in discord:1: I lack Send Messages."]


async def test_check_names_the_invitation_and_each_missing_permission(
    server: DiscordServer, discord: Discord
) -> None:
    fine, closed, gone = server.open_channel(), server.open_channel(), "1" * 18
    send = str(1 << 11)
    server.channels[closed]["permission_overwrites"] = [
        {"id": "500", "type": 0, "allow": "0", "deny": send}
    ]
    unthreaded = server.open_channel()
    server.channels[unthreaded]["permission_overwrites"] = [
        {"id": "500", "type": 0, "allow": "0", "deny": str(1 << 35)}
    ]
    asked = [Channel(f"discord:{each}") for each in (fine, closed, gone, unthreaded)]
    asked.append(Channel(f"discord:{unthreaded}", layout="thread"))
    token, _, *found = await discord.examine(asked)
    assert token.ok
    assert f"permissions={INVITE.value}" in token.text
    assert "scope=bot+applications.commands" in token.text
    assert [finding.ok for finding in found] == [True, False, False, True, False]
    assert "Discuss, allow the bot Create Public Threads." in found[3].text
    assert "lacks Create Public Threads." in found[4].text
    assert "lacks Send Messages" in found[1].text
    assert "under Permissions" in found[1].remedy
    assert "gone" in found[2].text


@pytest.mark.parametrize(
    ("public", "servers", "told"), [(True, (), True), (True, (GUILD,), False), (False, (), False)]
)
async def test_check_tells_where_strangers_can_add_the_bot(
    server: DiscordServer, public: bool, servers: tuple[str, ...], told: bool
) -> None:
    server.about["bot_public"] = public
    async with platform(server, servers=servers) as discord:
        token, *_ = await discord.examine([])
    assert token.ok
    assert ("Anybody can add it to theirs" in token.text) is told


async def test_check_tells_of_a_wrong_token(server: DiscordServer) -> None:
    async with platform(server, token="another") as discord:
        [finding] = await discord.examine([])
    assert not finding.ok
    assert "another" not in finding.text


async def test_a_damaged_payload_is_no_post(server: DiscordServer, discord: Discord) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    for payload in ("", "{}", '{"version": 99}', draft.payload.replace("channel", "moon")):
        with pytest.raises(PostRefused):
            await discord.send(replace(post(here, draft), payload=payload))


async def test_nothing_is_posted_in_a_server_that_bot_toml_does_not_name(
    server: DiscordServer,
) -> None:
    here = server.open_channel()
    server.guilds["1142000000000000777"] = guild("1142000000000000777")
    elsewhere = server.open_channel(guild_id="1142000000000000777")
    [draft] = drafts(here)
    async with platform(server, servers=(GUILD,)) as discord:
        await discord.send(post(here, draft))
        with pytest.raises(ChannelRefused, match=r"1142000000000000777, which servers below"):
            await discord.send(post(elsewhere, draft))
        *_, found = await discord.examine([Channel(f"discord:{elsewhere}")])
    assert (found.ok, "which [discord] does not name" in found.text) == (False, True)
    assert len(server.messages[here]) == 1
    assert not server.messages.get(elsewhere)


async def test_a_server_that_nobody_can_tell_just_now_loses_and_doubles_nothing(
    server: DiscordServer,
) -> None:
    here = server.open_channel()
    [draft] = drafts(here)
    server.fail("GET", rf"/channels/{here}", status=0, how="after", times=9)
    async with platform(server, servers=(GUILD,)) as discord:
        with pytest.raises(TryLater):
            await discord.send(post(here, draft))
        server.faults.clear()
        await discord.send(post(here, draft))
    assert len(server.messages[here]) == 1


async def test_a_channel_that_was_deleted_is_distinguished_from_one_that_only_refuses(
    server: DiscordServer,
) -> None:
    here = server.open_channel(name="papers")
    [draft] = drafts(here)
    async with platform(server) as discord:
        receipt = await discord.send(post(here, draft))
        assert receipt.server == f"discord:{GUILD}"
        again = replace(post(here, draft, key="1" * 24), server=receipt.server)
        server.closed[here] = 50001
        with pytest.raises(ChannelRefused) as refused:
            await discord.send(again)
        assert not isinstance(refused.value, ChannelGone)
        del server.channels[here]
        with pytest.raises(ChannelGone, match=r"was deleted\."):
            await discord.send(again)


async def test_a_channel_that_never_was_is_not_taken_for_a_deleted_one(
    server: DiscordServer,
) -> None:
    """A slip of the pen in bot.toml, or the token of an application that is in no such server."""
    [draft] = drafts("1142000000000000001")
    unknown = post("1142000000000000001", draft)
    async with platform(server) as discord:
        for where in ("", "discord:1142000000000000777"):
            with pytest.raises(ChannelRefused) as refused:
                await discord.send(replace(unknown, server=where))
            assert not isinstance(refused.value, ChannelGone), where


async def test_a_channel_is_named_as_people_know_it(server: DiscordServer) -> None:
    here = server.open_channel(name="papers")
    async with platform(server) as discord:
        assert await discord.channel_name(f"discord:{here}") == "#papers"
        assert await discord.channel_name("discord:1142000000000000001") == "<#1142000000000000001>"


def mentioning(channel: str, role: str) -> Post:
    entries = (Entry(paper(1), ("reward model",)),)
    where = Channel(f"discord:{channel}", mention=role)
    [draft] = compose(Digest(where, START.date(), Why.NEW, entries))
    return post(channel, draft, role.rjust(24, "k"))


async def test_without_a_gateway_the_roles_are_asked_for_once_per_server(
    server: DiscordServer, discord: Discord
) -> None:
    async def told() -> None:
        channel, gone = server.open_channel(), "1142000000000000999"
        assert (await discord.send(mentioning(channel, ROLE))).mention_gone == ""
        assert (await discord.send(mentioning(channel, gone))).mention_gone == gone
        kept, left_out = map(str, server.messages[channel])
        assert f"<@&{ROLE}>" in kept
        assert "<@&" not in left_out

    await asyncio.gather(told(), told())
    await told()
    assert [each.path for each in server.seen].count(f"/guilds/{GUILD}") == 1


async def test_a_role_is_mentioned_where_discord_does_not_say_whether_it_is_there(
    server: DiscordServer, discord: Discord
) -> None:
    channel = server.open_channel()
    refusal = {"code": 50001, "message": "Missing Access"}
    server.fail("GET", r"/guilds/\d+", status=403, body=refusal)
    for key in (ROLE, "another"):
        receipt = await discord.send(replace(mentioning(channel, ROLE), key=key.rjust(24, "k")))
        assert receipt.mention_gone == ""
    assert all(f"<@&{ROLE}>" in str(each) for each in server.messages[channel])
    assert [each.path for each in server.seen].count(f"/guilds/{GUILD}") == 1, "a while later"


@pytest.mark.parametrize("role", [GUILD, ROLE])
async def test_the_role_of_everyone_is_never_mentioned_even_where_bot_toml_names_it(
    server: DiscordServer, discord: Discord, role: str
) -> None:
    channel = server.open_channel()
    receipt = await discord.send(mentioning(channel, role))
    [sent] = server.messages[channel]
    assert (f"<@&{role}>" in str(sent)) == (role != GUILD)
    assert receipt.mention_gone == (role if role == GUILD else ""), "the core is told"


async def test_a_role_is_not_called_gone_where_discord_does_not_name_the_server(
    server: DiscordServer, discord: Discord
) -> None:
    channel = server.open_channel()
    refusal = {"code": 50001, "message": "Missing Access"}
    server.fail("GET", rf"/channels/{channel}", status=403, body=refusal)
    receipt = await discord.send(mentioning(channel, ROLE))
    assert "<@&" not in str(server.messages[channel]), "it might be that of everyone"
    assert receipt.mention_gone is None


# -- threads about papers -------------------------------------------------------------------------

ABOUT = paper(
    1, "*Slow* @everyone [results](https://evil.example) " + "and a long title " * 8,
    abstract="It is **slow**.",
)  # fmt: skip


async def opened(discord: Discord, here: str, about: Paper = ABOUT) -> tuple[Receipt, Receipt]:
    top, below = discord.discussion(about)
    opening = await discord.send(post(here, top, KEY[::-1]))
    first = await discord.send(post(here, below, parent=opening))
    assert await discord.find(post(here, top, KEY[::-1])) == opening
    assert await discord.find(post(here, below, parent=opening)) == first
    return opening, first


async def test_a_discussion_is_one_line_in_the_channel_and_the_abstract_in_its_thread(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    opening, first = await opened(discord, here)
    [line] = server.texts(here)
    assert line.startswith("Discussion: **[∗Slow∗ ")
    thread = server.channels[opening.message_id]
    assert thread["name"].startswith("*Slow* @everyone [results]"), "a name has no markup"
    assert thread["name"].endswith(f"… · {ABOUT.id}")
    assert 80 < len(thread["name"]) <= 92
    [abstract] = server.texts(opening.message_id)
    assert "It is \\*\\*slow\\*\\*." in abstract
    assert first.url.endswith(f"/{opening.message_id}/{first.message_id}")
    # Sent again, whatever was lost of it: still one thread, as its id is the message's.
    await opened(discord, here)
    assert len(server.messages[here]) == 1
    assert len(server.messages[opening.message_id]) == 1


async def test_a_discussion_in_a_forum_is_one_post(server: DiscordServer, discord: Discord) -> None:
    forum = server.open_channel(FORUM)
    await opened(discord, forum)
    [thread] = [c for c in server.channels.values() if c["parent_id"] == forum]
    assert thread["name"].startswith("*Slow* @everyone")
    assert len(server.messages[thread["id"]]) == 2


async def test_papers_whose_titles_begin_alike_have_threads_of_their_own_in_a_forum(
    server: DiscordServer, discord: Discord
) -> None:
    forum = server.open_channel(FORUM)
    papers = [replace(ABOUT, id=each) for each in ("2603.00001", "2603.00012", "math.GT/0309136")]
    for _ in range(2):  # also when they are there already
        places = [(await opened(discord, forum, each))[0].url for each in papers]
    assert len(set(places)) == 3
    threads = [c for c in server.channels.values() if c["parent_id"] == forum]
    assert [len(server.messages[each["id"]]) for each in threads] == [2, 2, 2]
    # A new version has another title, and the thread is found by the id.
    retitled = replace(papers[0], title="A quick result")
    top, _ = discord.discussion(retitled)
    assert (await discord.send(post(forum, top, "another"))).url.split("/")[-2] in places[0]


async def test_a_thread_that_may_not_be_opened_holds_up_no_digest(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    top, below = discord.discussion(ABOUT)
    opening = await discord.send(post(here, top, KEY[::-1]))
    refusal = {"code": 50013, "message": "Missing Permissions"}
    server.fail("POST", rf"/channels/{here}/messages/\d+/threads", status=403, body=refusal)
    with pytest.raises(PostRefused, match="Create Public Threads"):
        await discord.send(post(here, below, parent=opening))
    server.closed[here] = 50013
    with pytest.raises(ChannelRefused):
        await discord.send(post(here, top, KEY))


async def test_a_thread_exists_until_it_is_deleted_whatever_became_of_its_first_message(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    opening, first = await opened(discord, here)
    where = Channel(f"discord:{here}")
    server.channels[opening.message_id]["thread_metadata"]["archived"] = True
    assert await discord.thread_exists(where, opening, first)
    server.messages[opening.message_id].clear()
    assert await discord.thread_exists(where, opening, first)
    del server.channels[opening.message_id]
    server.fail("GET", r"/channels/\d+/messages/\d+", status=503, times=9)
    with pytest.raises(SendError):
        await discord.thread_exists(where, opening, first)
    server.faults.clear()
    assert not await discord.thread_exists(where, opening, first)


async def test_what_begins_a_discussion_is_not_handed_on_to_other_servers(
    server: DiscordServer,
) -> None:
    async with platform(server, crosspost=True) as discord:
        here = server.open_channel(ANNOUNCEMENT)
        top, _ = discord.discussion(ABOUT)
        assert not (await discord.send(post(here, top))).crosspost
        found = await discord.find(post(here, top))
        assert found is not None
        assert not found.crosspost


async def test_check_says_that_a_mentioned_role_is_gone(
    server: DiscordServer, discord: Discord
) -> None:
    here = server.open_channel()
    gone = Channel(f"discord:{here}", mention="1142000000000000999")
    [*_, finding] = await discord.examine([gone])
    assert not finding.ok
    assert "no role there" in finding.text
    [*_, well] = await discord.examine([replace(gone, mention="none")])
    assert well.ok


@pytest.mark.parametrize("odd", ODD)
async def test_check_ends_with_findings_where_the_roles_can_not_be_read(
    server: DiscordServer, discord: Discord, odd: str
) -> None:
    here = Channel(f"discord:{server.open_channel()}", mention="1142000000000000999")
    permissions, roles = json.dumps(server.guilds[GUILD]), odd  # both are read of the server
    for body in (permissions, roles):
        server.fail("GET", r"/guilds/\d+", status=200, body=body)
    [*_, finding] = await discord.examine([here])
    assert not finding.ok
    assert "can't be read" in finding.text
