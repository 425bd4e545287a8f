"""What every platform keeps to, as composer, sender, listener, examiner and crossposter."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from adapters import Settings
from adapters.console.platform import Console
from adapters.discord.platform import Discord
from adapters.slack.platform import Slack
from bot.errors import CannotTell, PlatformRefused, SendError
from bot.model import Channel, Digest, Draft, Entry, Post, Why
from bot.ports import Commands, Composer, Crossposter, PlatformAdapter, Sender
from tests.builders import paper
from tests.fakes import FakeClock, FakePlatform, PlainComposer
from tests.store.database import opened
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import TOKEN
from tests.wire.slack_server import APP_TOKEN, BOT_TOKEN, SlackServer


@dataclass
class Platform:
    """One implementation, and how to see what arrived there."""

    new_composer: Callable[[], Composer]
    sender: Sender
    channel: Channel
    arrived: Callable[[], str]
    remembers: bool = True

    def __post_init__(self) -> None:
        self.composer = self.new_composer()


@contextmanager
def fake(folder: Path) -> Iterator[Platform]:
    platform = FakePlatform(folder / "messages")
    yield Platform(PlainComposer, platform, Channel("fake:a"), lambda: str(platform.messages()))


@contextmanager
def console(folder: Path) -> Iterator[Platform]:
    del folder
    stream = io.StringIO()
    made = Console(Settings(stream, FakeClock()))
    yield Platform(made.composer, made, Channel("console:"), stream.getvalue, remembers=False)


@contextmanager
def discord(folder: Path) -> Iterator[Platform]:
    del folder
    with DiscordServer() as server:
        here = server.open_channel()
        settings = Settings(
            io.StringIO(), FakeClock(), server.options, {"DISCORD_TOKEN": TOKEN}.__getitem__
        )
        made = Discord(settings)
        yield Platform(
            made.composer, made, Channel(f"discord:{here}"), lambda: "\n".join(server.texts(here))
        )


@contextmanager
def slack(folder: Path) -> Iterator[Platform]:
    del folder
    with SlackServer() as server:
        here = server.open_room()
        options = {"api_url": f"{server.url}/api/", "command": "/papers", "managers": ()}
        secrets = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
        made = Slack(
            Settings(io.StringIO(), FakeClock(), {**options, "workspaces": ()}, secrets.__getitem__)
        )
        channel = Channel(f"slack:{here}")
        yield Platform(made.composer, made, channel, lambda: "\n".join(server.texts(here)))


@pytest.fixture(params=[fake, console, discord, slack], ids=["fake", "console", "discord", "slack"])
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    with request.param(tmp_path) as made:
        yield made
        if isinstance(made.sender, Discord | Slack):
            await made.sender.__aexit__()


def digest(channel: Channel, papers: int, why: Why = Why.NEW) -> Digest:
    entries = tuple(Entry(paper(n), ("reward model",)) for n in range(1, papers + 1))
    return Digest(channel, date(2026, 3, 2), why, entries)


def post(channel: Channel, draft: Draft, *, key: str = "k1") -> Post:
    return Post(key, channel, draft.payload, attempt=1, uncertain=False)


@pytest.mark.parametrize("layout", [None, "list", "thread", "inline", "messages"])
async def test_a_paper_of_many_digests_looks_in_each_as_if_it_stood_there_alone(
    platform: Platform, layout: str | None
) -> None:
    """A composer may keep what it rendered; the keywords and the channel are another digest's."""
    channel = replace(platform.channel, layout=layout)
    digests = [digest(channel, 40)]
    for keywords in (("graph network",), ("reward model", "time series"), ()):
        entries = tuple(Entry(each.paper, keywords) for each in digests[0].entries[7:])
        digests.append(replace(digests[0], entries=entries))
    for each in (*digests, digests[0]):
        assert platform.composer.compose(each) == platform.new_composer().compose(each)


@pytest.mark.parametrize("papers", [1, 30, 31, 300])
@pytest.mark.parametrize("why", list(Why))
def test_every_paper_is_in_exactly_one_message(platform: Platform, papers: int, why: Why) -> None:
    whole = digest(platform.channel, papers, why)
    shown = [paper_id for d in platform.composer.compose(whole) for paper_id in d.paper_ids]
    assert shown == [entry.paper.id for entry in whole.entries]


def test_the_same_digest_is_the_same_bytes(platform: Platform) -> None:
    first, again = (platform.composer.compose(digest(platform.channel, 40)) for _ in range(2))
    assert first == again


def test_a_reply_hangs_under_an_earlier_message(platform: Platform) -> None:
    drafts = platform.composer.compose(digest(platform.channel, 300))
    for index, draft in enumerate(drafts):
        assert draft.parent is None or draft.parent < index


async def test_what_was_sent_arrived_with_every_paper_in_it(platform: Platform) -> None:
    for number, draft in enumerate(platform.composer.compose(digest(platform.channel, 300))):
        receipt = await platform.sender.send(post(platform.channel, draft, key=f"k{number}"))
        assert receipt.message_id
    arrived = platform.arrived()
    for n in range(1, 301):
        assert paper(n).id in arrived


async def test_find_knows_what_arrived_or_says_that_it_cannot_know(platform: Platform) -> None:
    (draft,) = platform.composer.compose(digest(platform.channel, 1))
    (another,) = platform.composer.compose(digest(platform.channel, 2))
    sent, other = post(platform.channel, draft), post(platform.channel, another, key="k2")
    receipt = await platform.sender.send(sent)
    if platform.remembers:
        assert await platform.sender.find(sent) == receipt
        assert await platform.sender.find(other) is None
    else:
        for each in (sent, other):
            with pytest.raises(CannotTell, match=r"\.$"):
                await platform.sender.find(each)


# -- as a listener, an examiner and a crossposter: the adapters alone ------------------------------

Adapter = Callable[[str], contextlib.AbstractContextManager[tuple[PlatformAdapter, Channel]]]


@contextmanager
def console_adapter(token: str) -> Iterator[tuple[PlatformAdapter, Channel]]:
    del token  # it needs none
    yield Console(Settings(io.StringIO(), FakeClock())), Channel("console:")


@contextmanager
def discord_adapter(token: str) -> Iterator[tuple[PlatformAdapter, Channel]]:
    with DiscordServer() as server, tempfile.TemporaryDirectory() as folder:
        secrets = {"DISCORD_TOKEN": token or TOKEN}
        here = server.open_channel()
        store = opened(Path(folder) / "db")
        settings = Settings(
            io.StringIO(), FakeClock(), server.options, secrets.__getitem__, sessions=store
        )
        yield Discord(settings), Channel(f"discord:{here}")
        store.close()


@contextmanager
def slack_adapter(token: str) -> Iterator[tuple[PlatformAdapter, Channel]]:
    with SlackServer() as server:
        options = {"api_url": f"{server.url}/api/", "command": "/papers", "managers": ()}
        secrets = {"SLACK_BOT_TOKEN": token or BOT_TOKEN, "SLACK_APP_TOKEN": token or APP_TOKEN}
        here = server.open_room()
        settings = Settings(
            io.StringIO(), FakeClock(), {**options, "workspaces": ()}, secrets.__getitem__
        )
        yield Slack(settings), Channel(f"slack:{here}")


ADAPTERS: dict[str, Adapter] = {
    "console": console_adapter,
    "discord": discord_adapter,
    "slack": slack_adapter,
}
WRONG = "xoxb-0-wrong-token"


@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_healthy_platform_says_so_before_anybody_listens(name: str) -> None:
    with ADAPTERS[name]("") as (adapter, _):
        async with adapter:
            assert adapter.workers >= 1
            assert (adapter.disconnected_since, adapter.degraded) == (None, "")


@pytest.mark.parametrize("name", ADAPTERS)
async def test_what_check_finds_is_a_sentence_with_a_remedy_where_something_is_wrong(
    name: str,
) -> None:
    with ADAPTERS[name]("") as (adapter, here):
        async with adapter:
            unknown = Channel(f"{here.platform}:1142999999999999999")
            channels = [here] if name == "console" else [here, unknown]
            found = await adapter.examine(channels)
    assert found
    assert all(each.subject and " " in each.text for each in found)
    assert all(each.ok or each.remedy for each in found)
    assert any(not each.ok for each in found) is (name != "console"), "the unknown channel"


@pytest.mark.parametrize("name", ["discord", "slack"])
async def test_a_wrong_token_is_a_finding_of_check_and_a_refusal_of_everything_else(
    name: str,
) -> None:
    with ADAPTERS[name](WRONG) as (adapter, here):
        async with adapter:
            found = await adapter.examine([here])
            assert any(not each.ok and each.remedy for each in found)
            draft, *_ = adapter.composer().compose(digest(here, 1))
            with pytest.raises(PlatformRefused):
                await adapter.send(post(here, draft))
            with pytest.raises(PlatformRefused):
                await adapter.tell("1142000000000000007", "a text")
            with pytest.raises(PlatformRefused):
                await adapter.listen(cast(Commands, None))
    assert WRONG not in str(found)


@pytest.mark.parametrize("name", ["console", "slack"])
async def test_a_person_who_cannot_be_written_to_is_an_error_of_that_message_alone(
    name: str,
) -> None:
    with ADAPTERS[name]("") as (adapter, here):
        async with adapter:
            with pytest.raises(SendError):
                await adapter.tell("nobody", "a text")
            draft, *_ = adapter.composer().compose(digest(here, 1))
            assert (await adapter.send(post(here, draft))).message_id


async def test_a_message_is_handed_on_twice_without_harm_where_a_platform_can() -> None:
    with discord_adapter("") as (adapter, here):
        async with adapter:
            assert isinstance(adapter, Crossposter)
            draft, *_ = adapter.composer().compose(digest(here, 1))
            receipt = await adapter.send(post(here, draft))
            for _ in range(2):
                await adapter.crosspost(here, receipt.message_id)


@pytest.mark.parametrize("name", ["console", "slack"])
async def test_a_platform_that_cannot_hand_on_does_not_claim_it(name: str) -> None:
    with ADAPTERS[name]("") as (adapter, _):
        assert not isinstance(adapter, Crossposter)
