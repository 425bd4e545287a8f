"""What becomes of a command when the gateway breaks, refuses or is not there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.discord.gateway import cancel_until_done
from adapters.discord.limits import nested
from adapters.discord.render import compose
from bot.errors import PlatformDown, PlatformRefused
from bot.model import Channel, Digest, Entry, Person, Post, Why
from tests.adapters.discord.backend import DiscordBackend
from tests.adapters.discord.listening import EVENT_TIMEOUT, happens, listening, platform
from tests.builders import paper
from tests.fakes import START
from tests.wire.discord_server import DiscordServer
from tests.wire.discord_shapes import text_of


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as made:
        made.here = made.open_channel()  # type: ignore[attr-defined]
        yield made


async def ask(server: DiscordServer, words: str, **more: Any) -> str:
    here: str = server.here  # type: ignore[attr-defined]
    return text_of(await asyncio.to_thread(server.gateway.ask, words, here, **more))


async def test_a_command_is_answered_and_announced(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    async with listening(server, backend) as discord:
        assert "now follows reward model" in await ask(server, "add reward model")
        assert discord.disconnected_since is None
        assert "for those who manage" in await ask(server, "add graph network", rights=0)
    here: str = server.here  # type: ignore[attr-defined]
    assert server.texts(here) == ["Ann added a keyword: reward model"]


async def test_a_command_that_discord_does_not_know_yet_is_shown_as_it_is_typed(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    server.fail("GET", r"/applications/\d+/commands", status=503, times=1, wait=EVENT_TIMEOUT)
    async with listening(server, backend):
        assert "Add a keyword: /papers add reward model" in await ask(server, "status")


async def test_a_command_that_an_answer_names_can_be_pressed_once_it_is_registered(
    server: DiscordServer, backend: DiscordBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with listening(server, backend):
        await happens(lambda: "commands registered" in caplog.text)
        registered = next(each for each in server.commands if each["name"] == "papers")
        said = await ask(server, "status")
    assert f"Add a keyword: </papers add:{registered['id']}> reward model" in said


async def test_a_command_is_acknowledged_while_arxiv_takes_its_time(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    async with listening(server, backend):
        first = await asyncio.to_thread(
            server.gateway.ask,
            "preview reward model",
            server.here,  # type: ignore[attr-defined]
            acknowledged_only=True,
        )
        assert first["type"] == 5
        assert first["data"]["flags"] == 64, "seen by the one who asks alone"


async def test_what_was_acknowledged_too_late_was_not_done_and_the_next_command_works(
    server: DiscordServer, backend: DiscordBackend, caplog: pytest.LogCaptureFixture
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    dead = {"code": 10062, "message": "Unknown interaction"}
    server.fail("POST", r"/interactions/.*", how="after", status=404, body=dead)
    async with listening(server, backend):
        await asyncio.to_thread(
            server.gateway.ask, "add reward model", here, acknowledged_only=True
        )
        assert "now follows graph network" in await ask(server, "add graph network")
    followed = [s.keyword.text for s in await backend.store.subscriptions(f"discord:{here}")]
    assert followed == ["graph network"], "the person was shown a failure, and it was one"
    assert "code=10062" in caplog.text


async def test_discord_takes_the_form_for_a_keyword(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    async with listening(server, backend):
        await asyncio.to_thread(server.gateway.ask, "add", here)
        wrong = await asyncio.to_thread(server.gateway.ask, "add (reward", here)
        [*_, edit] = [part for part in nested(wrong["components"]) if part.get("custom_id")]
        await asyncio.to_thread(server.gateway.press, edit["custom_id"], wrong, here)
    callbacks = [seen.body for seen in server.seen if seen.path.endswith("/callback")]
    empty, _, filled = callbacks
    assert empty["type"] == filled["type"] == 9
    assert '"value": "(reward"' in json.dumps(filled["data"])


ANSWERS = r"/webhooks/.*/messages/@original"


async def test_the_private_answer_does_not_wait_for_the_public_line(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    server.fail("POST", f"/channels/{here}/messages", wait=EVENT_TIMEOUT, status=200)
    async with listening(server, backend):
        assert "now follows reward model" in await ask(server, "add reward model")
        assert server.texts(here) == [], "the public line has not been taken yet"


async def test_the_reason_for_no_public_line_follows_the_answer(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    server.closed[here] = 50001
    async with listening(server, backend):
        assert "now follows" in await ask(server, "add reward model")
        await happens(lambda: sum(seen.method == "PATCH" for seen in server.seen) == 2)
    first, second = (text_of(seen.body) for seen in server.seen if seen.method == "PATCH")
    assert "could not tell the channel" not in first
    assert "could not tell the channel: I can't see the channel" in second


@pytest.mark.parametrize("how", ["before", "after"])
async def test_an_answer_that_got_lost_is_given_again(
    server: DiscordServer, backend: DiscordBackend, how: str
) -> None:
    """Of what Discord answers with a fault of its own the library takes care, of this it does not
    (discord.py 2.7.1, webhook/async_.py)."""
    server.fail("PATCH", ANSWERS, how=how, status=0, times=3)
    async with listening(server, backend):
        assert "follows nothing yet" in await ask(server, "list")
    assert server.violations == []


async def test_a_change_whose_answer_is_refused_for_good_is_announced_all_the_same(
    server: DiscordServer, backend: DiscordBackend, caplog: pytest.LogCaptureFixture
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    expired = {"message": "Invalid Webhook Token", "code": 50027}
    server.fail("PATCH", ANSWERS, status=401, body=expired, times=9)
    async with listening(server, backend):
        await asyncio.to_thread(
            server.gateway.ask, "add reward model", here, acknowledged_only=True
        )
        await happens(lambda: server.texts(here) == ["Ann added a keyword: reward model"])
        await happens(lambda: "code=50027" in caplog.text)
    assert sum(seen.method == "PATCH" for seen in server.seen) == 1


async def test_a_file_that_discord_refuses_is_said_so_instead_of_nothing(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    too_large = {"message": "Request entity too large", "code": 40005}
    here: str = server.here  # type: ignore[attr-defined]
    await backend.store.save_all(f"discord:{here}", [paper(1)], Person("Ann", "discord:7"), START)
    server.fail("PATCH", ANSWERS, status=413, body=too_large)
    async with listening(server, backend):
        said = await ask(server, "export")
    assert "1 paper that this channel saved, as papers.bib." in said
    assert "Discord did not take the file papers.bib: Request entity too large" in said


async def test_a_button_works_in_a_message_from_before_a_restart(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    backend.source.announce(paper(1, "Reward model", abstract="What we found."))
    async with listening(server, backend):
        await ask(server, "preview reward model")
        row = {
            "type": 1,
            "components": [
                {"type": 2, "style": 2, "label": "Abstract", "custom_id": "abs:2603.00001"}
            ],
        }
        old = server.store(here, {"content": "a digest of months ago", "components": [row]})
    async with listening(server, backend):
        await asyncio.to_thread(server.gateway.wait_for_client, 2)
        shown = await asyncio.to_thread(server.gateway.press, "abs:2603.00001", old, here)
    assert "What we found." in text_of(shown)


@pytest.mark.parametrize("abort", [False, True])
async def test_a_dropped_connection_is_resumed_and_no_command_is_lost(
    server: DiscordServer, backend: DiscordBackend, abort: bool
) -> None:
    async with listening(server, backend) as discord:
        await ask(server, "list")
        await asyncio.to_thread(server.gateway.break_off, 4000, abort=abort)
        await asyncio.to_thread(server.gateway.wait_for_client, 2)
        assert "now follows" in await ask(server, "add reward model")
        assert discord.disconnected_since is None
    assert server.gateway.identifies == 1
    assert server.gateway.resumes == 1


async def test_a_session_that_discord_has_forgotten_is_restarted(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    async with listening(server, backend):
        await ask(server, "list")
        server.gateway.forget = True
        await asyncio.to_thread(server.gateway.break_off)
        await asyncio.to_thread(server.gateway.wait_for_client, 2)
        assert "now follows" in await ask(server, "add reward model")
    assert server.gateway.identifies == 2
    assert server.commands, "the commands were written once"
    assert sum(seen.method == "PUT" for seen in server.seen) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [(4004, PlatformRefused), (4014, PlatformRefused), (4013, PlatformRefused)],
)
async def test_a_final_refusal_stops_with_a_plain_sentence(
    server: DiscordServer, backend: DiscordBackend, code: int, error: type[Exception]
) -> None:
    async with platform(server, backend) as discord:
        server.gateway.refuse = code
        with pytest.raises(error, match=r"\.$"):
            await discord.listen(backend.commands)
        assert discord.disconnected_since is None


async def test_a_wrong_token_is_reported_at_login(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    async with platform(server, backend, token="another") as discord:
        with pytest.raises(PlatformRefused, match="DISCORD_TOKEN"):
            await discord.listen(backend.commands)


@pytest.mark.parametrize("option", ["api_url", "gateway_url"])
async def test_a_discord_out_of_reach_is_distinguished_from_a_refusal(
    server: DiscordServer, backend: DiscordBackend, option: str
) -> None:
    scheme = "ws" if option == "gateway_url" else "http"
    async with platform(server, backend, **{option: f"{scheme}://127.0.0.1:9/x"}) as discord:
        with pytest.raises(PlatformDown):
            await discord.listen(backend.commands)


async def test_people_are_heard_through_the_proxy_that_is_named(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    at = server.options["api_url"].removesuffix("/api/v10")  # it takes whole addresses too
    beyond: dict[str, Any] = {
        "api_url": "http://discord.invalid/api/v10",
        "gateway_url": "ws://discord.invalid/gateway",
    }
    async with listening(server, backend, proxy=at, **beyond):
        assert "now follows" in await ask(server, "add reward model")


async def test_a_connection_that_never_lasts_is_given_up_for_a_pause(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    async with platform(server, backend) as discord:
        task = asyncio.create_task(discord.listen(backend.commands))
        await asyncio.to_thread(server.gateway.wait_for_client)
        server.gateway.refuse = 4000
        await asyncio.to_thread(server.gateway.break_off, 4000)
        with pytest.raises(PlatformDown):
            await asyncio.wait_for(task, EVENT_TIMEOUT)
        assert discord.disconnected_since is None, "who no longer listens has lost nothing"
    assert server.gateway.connections < 10


async def test_a_stop_is_heard_by_who_lost_the_first_cancellation() -> None:
    """As ``asyncio.wait_for`` of Python 3.11 loses one that meets an answer."""
    cancelled = 0

    async def connecting() -> None:
        nonlocal cancelled
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled += 1
                if cancelled == 3:
                    raise

    running = asyncio.create_task(connecting())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancel_until_done(running), EVENT_TIMEOUT)
    assert running.cancelled()


async def test_a_lost_connection_is_noticed(server: DiscordServer, backend: DiscordBackend) -> None:
    async with listening(server, backend) as discord:
        await ask(server, "list")
        assert discord.disconnected_since is None
        server.gateway.pausing.clear()
        try:
            await asyncio.to_thread(server.gateway.break_off)
            await happens(lambda: discord.disconnected_since is not None)
            assert discord.disconnected_since == START
        finally:
            server.gateway.pausing.set()
        await happens(lambda: discord.disconnected_since is None)


async def test_commands_that_are_not_registered_yet_keep_no_button_from_working(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    server.fail("GET", r"/applications/\d+/commands", status=503, times=1, wait=EVENT_TIMEOUT)
    async with listening(server, backend):
        assert "follows nothing yet" in await ask(server, "list")
    assert server.commands == []


async def test_a_digest_comes_without_a_role_that_the_gateway_does_not_know_any_more(
    server: DiscordServer, backend: DiscordBackend
) -> None:
    here: str = server.here  # type: ignore[attr-defined]
    channel = Channel(f"discord:{here}", mention="1142000000000000999")
    entries = (Entry(paper(1), ("reward model",)),)
    [draft] = compose(Digest(channel, START.date(), Why.NEW, entries))
    digest = Post("k" * 24, channel, draft.payload, attempt=1, uncertain=False)
    async with listening(server, backend) as discord:
        assert (await discord.send(digest)).mention_gone == channel.mention
    [sent] = server.messages[here]
    assert "<@&" not in str(sent)
    assert "1 new paper" in text_of(sent)
