"""What becomes of a message on its way to Slack, and what the channel's people are told of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.slack import errors
from adapters.slack.checks import OPTIONAL
from adapters.slack.history import NO_SCOPE
from adapters.slack.platform import Slack
from adapters.slack.render import compose
from bot.errors import (
    CannotTell,
    ChannelRefused,
    OutcomeUnknown,
    PlatformRefused,
    PostRefused,
    SendError,
    TryLater,
)
from bot.model import Channel, Draft, Receipt
from tests.adapters import samples
from tests.adapters.slack.backend import TOKENS, asked, platform, post
from tests.builders import paper
from tests.fakes import FakeClock
from tests.wire.slack_server import CHAT, SlackServer


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with SlackServer() as made:
        yield made


@pytest.fixture
async def slack(server: SlackServer) -> AsyncIterator[Slack]:
    async with platform(server) as made:
        yield made


POST = r"chat\.postMessage"


def messages(server: SlackServer, room: str) -> list[dict[str, Any]]:
    return server.rooms[room].messages


def drafts(count: int = 1, layout: str | None = None) -> list[Draft]:
    return compose(replace(samples.long_day(count), channel=Channel("slack:C1", layout=layout)))


async def test_a_digest_is_in_the_channel_and_its_papers_in_the_thread(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    top, below = drafts(9)
    receipt = await slack.send(post(here, top))
    answer = await slack.send(post(here, below, key="k2", parent=receipt.message_id))
    heading, details = messages(server, here)
    assert "thread_ts" not in heading
    assert details["thread_ts"] == heading["ts"] == receipt.message_id
    assert (
        receipt.url == f"https://wire.slack.com/archives/{here}/p{heading['ts'].replace('.', '')}"
    )
    assert answer.url.endswith(f"?thread_ts={heading['ts']}&cid={here}")
    assert heading["metadata"]["event_payload"] == {"key": "k1"}


@pytest.mark.parametrize("count", [1, 9])
async def test_a_withdrawal_is_told_in_the_thread_of_the_papers_own_message(
    server: SlackServer, slack: Slack, count: int
) -> None:
    here = server.open_room()
    root: Receipt | None = None
    for number, draft in enumerate(drafts(count)):
        at = root.message_id if root else ""
        told = await slack.send(post(here, draft, key=f"k{number}", parent=at))
        root = root or told
    [withdrawn] = [draft for draft in compose(samples.NEWS_ALONE) if draft.reply_to]
    sent = replace(post(here, withdrawn, key="gone", parent=told.message_id), root=root)
    receipt = await slack.send(sent)
    assert root is not None
    assert messages(server, here)[-1]["thread_ts"] == root.message_id
    assert f"thread_ts={root.message_id}" in receipt.url
    found = await slack.find(sent)
    assert found is not None
    assert found.message_id == receipt.message_id


GROUP = "S0123456789"


@pytest.mark.parametrize(
    ("scopes", "groups", "told"),
    [
        ((*CHAT, "usergroups:read"), [GROUP], ""),
        ((*CHAT, "usergroups:read"), ["S0000000000"], GROUP),
        (CHAT, [], ""),  # nobody can say: Slack shows the name of a group that is gone, or nothing
    ],
)
async def test_a_digest_comes_without_the_user_group_that_is_gone(
    server: SlackServer, scopes: tuple[str, ...], groups: list[str], told: str
) -> None:
    server.scopes, server.groups, here = scopes, groups, server.open_room()
    channel = Channel("slack:C1", mention=GROUP)
    async with platform(server) as slack:
        top, *_ = compose(replace(samples.long_day(9), channel=channel))
        receipt = await slack.send(post(here, top))
        plain = await slack.send(post(here, drafts()[0], key="k2"))
        findings = await slack.examine([replace(channel, id=f"slack:{here}")])
    assert (receipt.mention_gone, plain.mention_gone) == (told, None)
    mentioning, _ = messages(server, here)
    assert (GROUP in str(mentioning["blocks"])) == (not told)
    assert "9 new papers" in str(mentioning["blocks"])
    wrong = [each.text for each in findings if each.subject == f"slack:{here}" and not each.ok]
    assert any(f"Its mention is {GROUP}" in text for text in wrong) == bool(told)
    assert len(asked(server, "usergroups.list")) == len(scopes) - len(CHAT), "once for all"


@pytest.mark.parametrize("status", [200, 500])
async def test_digests_of_the_same_morning_ask_once_for_the_user_groups(
    server: SlackServer, status: int
) -> None:
    server.scopes, server.groups = (*CHAT, "usergroups:read"), [GROUP]
    if status != 200:
        server.fail("POST", "usergroups.list", status=status)
    channel = Channel("slack:C1", mention=GROUP)
    [top, *_] = compose(replace(samples.long_day(9), channel=channel))
    posts = [post(server.open_room(), top, key=f"k{n}") for n in range(3)]
    async with platform(server) as slack:
        first = await asyncio.gather(*map(slack.send, posts[:2]))
        receipts = [*first, await slack.send(posts[2])]
    assert [each.mention_gone for each in receipts] == ["", "", ""]
    assert len(asked(server, "usergroups.list")) == 1
    assert all(each.times == 0 for each in server.faults)


async def test_an_answer_that_names_no_message_leaves_it_unknown(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    server.fail("POST", POST, how="after", status=200, body={"ok": True})
    sent = post(here, drafts()[0])
    with pytest.raises(OutcomeUnknown, match="which message it became"):
        await slack.send(sent)
    assert await slack.find(sent) is not None


async def test_a_channel_gets_a_message_a_second_and_another_one_does_not_wait_for_it(
    server: SlackServer,
) -> None:
    clock = FakeClock()
    here, there = server.open_room(), server.open_room()
    async with platform(server, clock) as slack:
        for number in range(3):
            await slack.send(post(here, drafts()[0], key=f"a{number}"))
        assert sum(clock.slept) == pytest.approx(2.0)
        clock.slept.clear()
        await slack.send(post(there, drafts()[0], key="b"))
        assert sum(clock.slept) < 1.0


async def test_while_slack_wants_to_be_left_alone_nothing_is_asked(
    server: SlackServer,
) -> None:
    clock = FakeClock()
    here = server.open_room()
    server.fail("POST", POST, status=429, headers={"Retry-After": "30"})
    async with platform(server, clock) as slack:
        for _ in range(2):
            with pytest.raises(TryLater) as refused:
                await slack.send(post(here, drafts()[0]))
        assert refused.value.seconds == pytest.approx(30, abs=2)
        assert len(asked(server, "chat.postMessage")) == 1
        clock.advance(31)
        await slack.send(post(here, drafts()[0]))
    assert len(messages(server, here)) == 1


async def test_a_channel_that_is_to_be_left_alone_delays_no_other(server: SlackServer) -> None:
    clock = FakeClock()
    here, there = server.open_room(), server.open_room()
    server.fail("POST", POST, status=429, headers={"Retry-After": "300"})
    async with platform(server, clock) as slack:
        with pytest.raises(TryLater):
            await slack.send(post(here, drafts()[0]))
        await slack.send(post(there, drafts()[0], key="b"))
    assert len(messages(server, there)) == 1
    assert sum(clock.slept) < 2


# Outcomes that nobody knows

LOST: list[dict[str, Any]] = [
    {"status": 0},
    {"status": 500},
    {"status": 503, "body": "<html>"},
    {"status": 200, "body": {"ok": False, "error": "fatal_error"}},
    {"status": 200, "body": {"ok": False, "error": "internal_error"}},
    {"status": 200, "body": "a proxy's page"},
]


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_message_whose_answer_was_lost_is_found_and_never_sent_again(
    server: SlackServer, slack: Slack, fault: dict[str, Any]
) -> None:
    here = server.open_room()
    server.fail("POST", POST, how="after", **fault)
    sent = post(here, drafts()[0])
    with pytest.raises(OutcomeUnknown):
        await slack.send(sent)
    [message] = messages(server, here)
    receipt = await slack.find(sent)
    assert receipt is not None
    assert receipt.message_id == message["ts"]


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_a_message_that_did_not_arrive_is_known_to_be_missing(
    server: SlackServer, slack: Slack, fault: dict[str, Any]
) -> None:
    here = server.open_room()
    await slack.send(post(here, drafts()[0], key="another"))
    server.fail("POST", POST, **fault)
    sent = post(here, drafts()[0])
    with pytest.raises(OutcomeUnknown):
        await slack.send(sent)
    assert await slack.find(sent) is None


async def test_a_message_of_a_thread_is_found_there_or_beside_it(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    top, below = drafts(9)
    above = (await slack.send(post(here, top))).message_id
    sent = post(here, below, key="k2", parent=above)
    assert await slack.find(sent) is None
    receipt = await slack.send(sent)
    assert await slack.find(sent) == receipt


async def test_a_message_is_found_among_many(server: SlackServer, slack: Slack) -> None:
    here = server.open_room()
    sent = post(here, drafts()[0])
    receipt = await slack.send(sent)
    for number in range(450):
        chat = {"ts": f"{float(receipt.message_id) + number:.6f}", "text": "hello", "user": "U1"}
        messages(server, here).append(chat)
    assert await slack.find(sent) == receipt


async def test_what_was_written_long_before_a_message_is_not_looked_through(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    now = float(server.new_ts())
    for number in range(2500):
        chat = {"ts": f"{now - 10_000 + number:.6f}", "text": "hello", "user": "U1"}
        messages(server, here).append(chat)
    lost = post(here, drafts()[0])
    assert await slack.find(replace(lost, after_id=f"{now:.6f}")) is None
    with pytest.raises(CannotTell, match="Too much"):
        await slack.find(lost)


async def test_somebody_elses_message_with_our_key_is_not_ours(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    sent = post(here, drafts()[0])
    await slack.send(sent)
    messages(server, here)[0].update(bot_id="B0OTHER")
    assert await slack.find(sent) is None


async def test_without_a_history_scope_nobody_can_say(server: SlackServer) -> None:
    server.scopes = CHAT
    here = server.open_room()
    async with platform(server) as slack:
        with pytest.raises(CannotTell, match="history"):
            await slack.find(post(here, drafts()[0]))
        server.scopes = (*CHAT, "channels:history")
    there = server.open_room(private=True)
    async with platform(server) as slack:
        with pytest.raises(CannotTell) as told:
            await slack.find(post(there, drafts()[0]))
    assert str(told.value) == NO_SCOPE


async def test_a_history_scope_that_is_granted_later_is_noticed(server: SlackServer) -> None:
    server.scopes = CHAT
    here = server.open_room()
    async with platform(server) as slack:
        sent = post(here, drafts()[0])
        receipt = await slack.send(sent)
        server.scopes = (*CHAT, "channels:history")
        assert await slack.find(sent) == receipt


async def test_what_can_not_be_asked_now_is_asked_later(server: SlackServer, slack: Slack) -> None:
    here = server.open_room()
    server.fail("POST", "conversations.history", status=500)
    with pytest.raises(TryLater):
        await slack.find(post(here, drafts()[0]))


@pytest.mark.parametrize(
    "said",
    [
        {}, {"messages": None}, {"messages": {}}, {"messages": ""}, {"messages": [None]},
        {"messages": [{"user": "UBOT", "metadata": 1}]},
        {"messages": [], "has_more": True, "response_metadata": [1]},
    ],
    ids=str,
)  # fmt: skip
async def test_a_history_that_can_not_be_read_does_not_say_that_a_message_is_missing(
    server: SlackServer, slack: Slack, said: dict[str, Any]
) -> None:
    here = server.open_room()
    server.fail("POST", "conversations.history", status=200, body={"ok": True, **said})
    with pytest.raises(TryLater):
        await slack.find(post(here, drafts()[0]))


@pytest.mark.parametrize("asked_for", ["9" * 400, "99999999999999999999"])
async def test_who_is_told_to_wait_for_ever_waits_for_a_day(
    server: SlackServer, slack: Slack, asked_for: str
) -> None:
    here = server.open_room()
    server.fail("POST", POST, status=429, headers={"Retry-After": asked_for})
    with pytest.raises(TryLater) as refused:
        await slack.send(post(here, drafts()[0]))
    assert refused.value.seconds == 86400


async def test_a_slack_that_is_down_gets_nothing_and_loses_nothing(server: SlackServer) -> None:
    async with platform(server, api_url="http://127.0.0.1:9/api/") as slack:
        with pytest.raises(TryLater, match="can't be reached"):
            await slack.send(post("C0000000001", drafts()[0]))


async def test_who_the_bot_is_can_be_asked_again(server: SlackServer, slack: Slack) -> None:
    here = server.open_room()
    server.fail("POST", "auth.test")
    with pytest.raises(TryLater):
        await slack.send(post(here, drafts()[0]))
    await slack.send(post(here, drafts()[0]))
    assert len(messages(server, here)) == 1


# A channel that does not take it


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"refuses": "not_in_channel"}, "/invite @papers"),
        ({"refuses": "channel_not_found", "private": True}, "/invite @papers"),
        ({"refuses": "is_archived"}, "Unarchive it"),
        ({"refuses": "restricted_action"}, "Ask an administrator"),
    ],
)
async def test_a_channel_that_refuses_says_what_to_do(
    server: SlackServer, slack: Slack, about: dict[str, Any], says: str
) -> None:
    here = server.open_room(**about)
    with pytest.raises(ChannelRefused, match=says):
        await slack.send(post(here, drafts()[0]))


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"])
@pytest.mark.parametrize("layout", ["thread", "inline", "list"])
async def test_where_the_blocks_are_refused_the_papers_come_as_text(
    server: SlackServer, slack: Slack, code: str, layout: str
) -> None:
    here = server.open_room()
    server.fail("POST", POST, status=200, body={"ok": False, "error": code})
    sent = post(here, drafts(3, layout)[0])
    receipt = await slack.send(sent)
    [message] = messages(server, here)
    assert "blocks" not in message
    for number in (1, 2, 3):
        assert f"Study number {number}" in message["text"]
        assert f"<https://arxiv.org/abs/2611.0000{number}>" in message["text"]
    assert await slack.find(sent) == receipt


async def test_what_is_refused_as_text_too_is_dead_and_not_sent_for_ever(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    for code in ("invalid_blocks", "invalid_blocks"):
        server.fail("POST", POST, status=200, body={"ok": False, "error": code})
    with pytest.raises(PostRefused, match="invalid_blocks"):
        await slack.send(post(here, drafts()[0]))
    assert len(asked(server, "chat.postMessage")) == 2


async def test_papers_whose_heading_was_deleted_come_into_the_channel(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    _, below = drafts(9)
    sent = post(here, below, parent="1.000001")
    receipt = await slack.send(sent)
    assert "thread_ts" not in messages(server, here)[0]
    assert await slack.find(sent) == receipt


async def test_a_person_is_told_in_a_message_of_their_own(
    server: SlackServer, slack: Slack
) -> None:
    await slack.tell("slack:U0ANNA0001", "I can't post in <!channel> & @here.")
    [message] = messages(server, "U0ANNA0001")
    assert message["text"] == "I can't post in &lt;!channel&gt; &amp; @here."


# What check says


async def test_check_has_nothing_to_say_of_scopes_where_all_are_there(
    server: SlackServer, slack: Slack
) -> None:
    server.scopes = (*CHAT, *OPTIONAL)
    assert [each.text for each in await slack.examine([])] == [
        "Both tokens work, in Wire as @papers."
    ]


@pytest.mark.parametrize("scope", OPTIONAL)
async def test_a_scope_that_is_missing_is_named_with_its_cost(
    server: SlackServer, slack: Slack, scope: str
) -> None:
    server.scopes = (*CHAT, *(each for each in OPTIONAL if each != scope))
    _, found = await slack.examine([])
    assert found.ok
    assert found.text.endswith(f"{scope}: {OPTIONAL[scope]}.")


async def test_a_scope_that_is_needed_is_a_fault(server: SlackServer, slack: Slack) -> None:
    server.scopes = ("chat:write", *OPTIONAL)
    _, found = await slack.examine([])
    assert not found.ok
    assert "commands" in found.text


# Several workspaces


async def test_each_workspace_has_its_own_token_and_channels(server: SlackServer) -> None:
    here = server.open_room()
    tokens = {
        "SLACK_BOT_TOKEN": "xoxb-of-another-workspace",
        "SLACK_APP_TOKEN": "xapp-of-another-workspace",
        "SLACK_BOT_TOKEN_LAB_TWO": TOKENS["SLACK_BOT_TOKEN"],
        "SLACK_APP_TOKEN_LAB_TWO": TOKENS["SLACK_APP_TOKEN"],
    }
    async with platform(server, tokens=tokens, workspaces=("", "lab-two")) as slack:
        sent = replace(post(here, drafts()[0]), channel=Channel(f"slack:lab-two/{here}"))
        assert (await slack.send(sent)).message_id
        with pytest.raises(ChannelRefused, match="no workspace gone"):
            await slack.send(replace(sent, channel=Channel(f"slack:gone/{here}")))
        server.fail("POST", POST, status=200, body={"ok": False, "error": "token_revoked"})
        with pytest.raises(ChannelRefused, match="revoked"):
            await slack.send(sent)
        with pytest.raises(ChannelRefused, match="does not know this token"):
            await slack.send(post(here, drafts()[0]))


async def test_a_revoked_token_is_the_platforms_fault(server: SlackServer, slack: Slack) -> None:
    here = server.open_room()
    server.fail("POST", POST, status=200, body={"ok": False, "error": "token_revoked"})
    with pytest.raises(PlatformRefused, match="OAuth & Permissions"):
        await slack.send(post(here, drafts()[0]))


# The table

# docs.slack.dev, reference/methods/chat.postMessage, "Errors".
DOCUMENTED = (
    "as_user_not_supported cannot_reply_to_message channel_not_found "
    "duplicate_channel_not_found duplicate_message_not_found ekm_access_denied "
    "invalid_blocks invalid_blocks_format invalid_metadata_format invalid_metadata_schema "
    "is_archived markdown_text_conflict message_limit_exceeded messages_tab_disabled "
    "metadata_must_be_sent_from_app metadata_too_large msg_blocks_too_long msg_too_long "
    "no_text not_in_channel rate_limited restricted_action "
    "restricted_action_non_threadable_channel restricted_action_read_only_channel "
    "restricted_action_thread_locked restricted_action_thread_only_channel "
    "team_access_not_granted too_many_attachments access_denied account_inactive "
    "deprecated_endpoint enterprise_is_restricted fatal_error internal_error "
    "invalid_arg_name invalid_arguments invalid_array_arg invalid_auth invalid_charset "
    "invalid_form_data invalid_post_type method_deprecated missing_post_type missing_scope "
    "no_permission not_allowed_token_type not_authed org_login_required ratelimited "
    "request_timeout service_unavailable team_added_to_org token_expired token_revoked "
    "two_factor_setup_required accesslimited something_new"
)


@pytest.mark.parametrize("code", DOCUMENTED.split())
async def test_every_documented_fault_is_sorted_and_has_a_sentence(
    server: SlackServer, slack: Slack, code: str
) -> None:
    here = server.open_room()
    for _ in range(2):
        server.fail("POST", POST, status=200, body={"ok": False, "error": code})
    with pytest.raises((SendError, PlatformRefused)) as told:
        await slack.send(post(here, drafts()[0]))
    assert re.search(r"(\.( \(\w+\))?|/invite @papers)$", str(told.value))
    assert "{" not in str(told.value)
    assert isinstance(told.value, OutcomeUnknown) == (code in errors.AMBIGUOUS)
    assert messages(server, here) == []


def test_no_code_is_in_two_rows_of_the_table() -> None:
    rows = [errors.TOKEN, errors.REFUSED, errors.PASSING, errors.AMBIGUOUS]
    rows += [errors.FAULTY, errors.SIMPLIFY]
    codes = [code for row in rows for code in row]
    assert len(codes) == len(set(codes))


async def test_no_token_is_in_what_people_are_told(server: SlackServer, slack: Slack) -> None:
    here = server.open_room()
    server.fail("POST", POST, status=200, body={"ok": False, "error": "invalid_auth"})
    with pytest.raises(PlatformRefused) as told:
        await slack.send(post(here, drafts()[0]))
    assert "xox" not in json.dumps(str(told.value)) + repr(told.value)


# Threads about papers


async def test_a_discussion_is_a_message_of_its_own_with_the_abstract_below_it(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    about = paper(1, "*Slow* <!here> results", abstract="It is `slow` :x:.")
    top, below = slack.discussion(about)
    opening = await slack.send(post(here, top))
    first = await slack.send(post(here, below, key="k2", parent=opening.message_id))
    heading, abstract = messages(server, here)
    assert heading["text"] == "Discussion: *Slow* &lt;!here&gt; results"
    assert abstract["thread_ts"] == heading["ts"]
    assert "It is `slow` :x:." in json.dumps(abstract["blocks"])
    assert "https://www.alphaxiv.org/abs/2603.00001" in json.dumps(abstract["blocks"])
    assert first.url.endswith(f"?thread_ts={heading['ts']}&cid={here}")
    where = Channel(f"slack:{here}")
    assert await slack.thread_exists(where, opening, first)
    server.fail("POST", r"chat\.getPermalink", status=503)
    with pytest.raises(SendError):
        await slack.thread_exists(where, opening, first)
    messages(server, here).clear()
    assert not await slack.thread_exists(where, opening, first)


async def test_a_discussion_of_a_paper_with_everything_too_long_fits_a_message(
    server: SlackServer, slack: Slack
) -> None:
    here = server.open_room()
    names = tuple(f"Author {n}" for n in range(3000))
    huge = paper(1, "&" * 4000, abstract="<&> " * 5000, authors=names, comment="c" * 5000)
    for draft in slack.discussion(huge):
        await slack.send(post(here, draft))
    assert len(messages(server, here)) == 2
    assert all("blocks" in each for each in messages(server, here))
