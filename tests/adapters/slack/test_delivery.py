"""One message each, none lost, held where nobody can know: the core's delivery over a small Slack.

Time is a clock that stands still until somebody waits, so that the minutes between two looks are
none here; Slack is on the wire, the outbox is a real one.
"""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters import Settings
from adapters.slack.platform import Slack
from adapters.slack.render import compose
from bot.core.deliver import Deliverer
from bot.model import Channel, Digest, Entry, Why
from bot.model.views import ChannelView
from tests.builders import paper
from tests.fakes import FakeClock
from tests.store.database import opened, queue, wait
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, CHAT, HISTORY, SlackServer

POST = r"chat\.postMessage"
SECRETS = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}


class Outbox:
    """An outbox with one channel's digest, and what delivers it."""

    def __init__(
        self,
        folder: Path,
        slack: SlackServer,
        layout: str | None = None,
        ahead: timedelta = timedelta(),
    ) -> None:
        self.clock = FakeClock(datetime.now(UTC) + ahead)
        self.slack = slack
        self.room = slack.open_room()
        self.path = folder / "db"
        self.store = opened(self.path)
        self.layout = layout
        self.queue(1, 16)
        options = {"api_url": f"{slack.url}/api/", "command": "/papers", "managers": ()}
        self.settings = Settings(
            sys.stdout, self.clock, {**options, "workspaces": ()}, SECRETS.__getitem__
        )

    def queue(self, first: int, end: int) -> None:
        entries = tuple(Entry(paper(n), ("reward model",)) for n in range(first, end))
        channel = Channel(f"slack:{self.room}", layout=self.layout)
        drafts = compose(Digest(channel, self.clock.now().date(), Why.NEW, entries))
        keys = (f"{first + number:024x}" for number in range(len(drafts)))
        keyed = tuple(zip(keys, drafts, strict=True))
        wait(queue(self.store, channel.id, keyed, self.clock.now()))

    async def deliver(self) -> None:
        async with Slack(self.settings) as platform:
            rng = random.Random(1)
            deliverer = Deliverer("slack", platform, self.store, self.clock, rng, workers=4)
            await deliverer.deliver(wait=900)

    async def view(self) -> ChannelView:
        [view] = (await self.store.state(f"slack:{self.room}")).channels
        return view

    @property
    def papers(self) -> set[int]:
        return set(self.slack.papers(self.room).values())


@pytest.fixture(params=["thread", "inline", "messages"])
async def outbox(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Outbox]:
    with SlackServer((*CHAT, *HISTORY)) as slack:
        made = Outbox(tmp_path, slack, request.param)
        yield made
        made.store.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"how": "after", "status": 0},
        {"how": "before", "status": 0},
        {"how": "after", "status": 500},
        {"how": "after", "status": 200, "body": {"ok": False, "error": "fatal_error"}},
        {"how": "before", "status": 200, "body": {"ok": False, "error": "internal_error"}},
        {"status": 429, "body": {"ok": False}, "headers": {"Retry-After": "7"}},
        {"status": 200, "body": {"ok": False, "error": "ratelimited"}},
        {"how": "after", "status": 0, "times": 3},
    ],
)
async def test_every_fault_ends_as_one_message_where_the_history_may_be_read(
    outbox: Outbox, fault: dict[str, object]
) -> None:
    outbox.slack.fail("POST", POST, **fault)
    await outbox.deliver()
    assert not (await outbox.view()).posts
    assert outbox.papers == {1}
    assert sum(outbox.slack.papers(outbox.room).values()) == 15


@pytest.mark.parametrize("arrived", [True, False])
async def test_without_the_history_an_unknown_outcome_is_held_and_the_rest_still_comes(
    tmp_path: Path, arrived: bool
) -> None:
    with SlackServer(CHAT) as slack:
        outbox = Outbox(tmp_path, slack)
        slack.fail("POST", POST, how="after" if arrived else "before", status=0)
        await outbox.deliver()
        [held] = (await outbox.view()).posts
        assert held.state == "held"
        assert "channels:history" in held.error
        assert outbox.papers == {1}, "papers do not wait for their heading"
        before = len(slack.rooms[outbox.room].messages)
        await outbox.deliver()
        assert len(slack.rooms[outbox.room].messages) == before, "and nothing is sent on a guess"
        assert await outbox.store.resend(held.key, outbox.clock.now())
        await outbox.deliver()
        assert not (await outbox.view()).posts, "a person decided"
        outbox.store.close()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("not_in_channel", "/invite"),
        ("channel_not_found", "/invite"),
        ("is_archived", "archived"),
        ("restricted_action", "administrator"),
    ],
)
async def test_a_channel_that_refuses_is_paused_with_the_remedy_and_resumes_by_itself(
    outbox: Outbox, code: str, remedy: str
) -> None:
    outbox.slack.rooms[outbox.room].refuses = code
    await outbox.deliver()
    view = await outbox.view()
    assert view.paused == "refused"
    assert remedy in view.reason
    outbox.slack.rooms[outbox.room].refuses = ""
    outbox.clock.advance(2 * 3600)
    await outbox.deliver()
    assert (await outbox.view()).paused == ""
    assert outbox.papers == {1}


async def test_a_workspace_that_takes_no_such_blocks_gets_the_papers_as_plain_text(
    outbox: Outbox,
) -> None:
    refused = {"ok": False, "error": "invalid_blocks"}
    outbox.slack.fail("POST", POST, status=200, body=refused, times=1)
    await outbox.deliver()
    assert not (await outbox.view()).posts, "no post is dead, and none is lost"
    said = "\n".join(outbox.slack.texts(outbox.room))
    for number in range(1, 16):
        assert paper(number).id in said


async def test_a_post_left_in_flight_by_a_killed_bot_is_searched_for_first(outbox: Outbox) -> None:
    now = outbox.clock.now()
    async with Slack(outbox.settings) as platform:
        claimed = await outbox.store.claim("slack", now, now)
        assert claimed is not None
        await platform.send(claimed)
    await outbox.store.release(outbox.clock.now(), 75)  # as at the next start
    await outbox.deliver()
    assert outbox.papers == {1}
    headings = [m for m in outbox.slack.rooms[outbox.room].messages if "thread_ts" not in m]
    assert len({m["metadata"]["event_payload"]["key"] for m in headings}) == len(headings)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=40), timedelta(days=-40)])
@pytest.mark.parametrize("lost", ["the first ever", "a later one"])
async def test_a_wrong_clock_and_a_lost_answer_post_nothing_twice(
    tmp_path: Path, ahead: timedelta, lost: str
) -> None:
    with SlackServer((*CHAT, *HISTORY)) as slack:
        outbox = Outbox(tmp_path, slack, ahead=ahead)
        if lost == "a later one":
            await outbox.deliver()
            outbox.queue(20, 22)
        slack.fail("POST", POST, how="after", status=0)
        await outbox.deliver()
        assert outbox.papers == {1}
        headings = [m for m in slack.rooms[outbox.room].messages if "thread_ts" not in m]
        assert len(headings) == (2 if lost == "a later one" else 1)
        outbox.store.close()


async def test_one_slow_channel_delays_no_other(tmp_path: Path) -> None:
    with SlackServer((*CHAT, *HISTORY)) as slack:
        outbox = Outbox(tmp_path, slack)
        other = slack.open_room()
        entry = Entry(paper(99), ("reward model",))
        channel = Channel(f"slack:{other}")
        [draft, *_] = compose(Digest(channel, outbox.clock.now().date(), Why.FIRST, (entry,)))
        await queue(outbox.store, channel.id, [("f" * 24, draft)], outbox.clock.now())
        slack.rooms[outbox.room].refuses = "ratelimited"
        await outbox.deliver()
        assert slack.rooms[other].messages
        outbox.store.close()
