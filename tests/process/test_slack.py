"""The real program on Slack: a command in, a digest out, killed and started again."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bibtexparser.entrypoint import parse_string

from bot.store import FILE
from tests.process.world import ROOT, STORING, TIMEOUT_SECONDS, World, running, standin_paper
from tests.wire.slack_server import (
    APP_TOKEN,
    BOT_TOKEN,
    CHAT,
    HISTORY,
    Room,
    SlackServer,
    conversation_of,
    text_of,
)

SECRETS = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
KILLS = 3


def world_of(folder: Path, channels: int, slack: SlackServer) -> World:
    rooms = [slack.open_room() for _ in range(channels)]
    return World(folder, "slack", slack, rooms, SECRETS)


@pytest.fixture
def slack() -> SlackServer:
    return SlackServer()


@pytest.fixture
def world(tmp_path: Path, slack: SlackServer) -> Iterator[World]:
    with world_of(tmp_path, 2, slack) as made:
        yield made


def test_once_posts_without_a_socket_and_posts_nothing_twice(
    world: World, slack: SlackServer
) -> None:
    for _ in range(2):
        done = world.once()
        assert done.returncode == 0, done.stderr
    assert world.posted() == {(1, 1, 1)}
    assert slack.socket.opened == 0


def test_a_command_in_and_a_digest_out(world: World, slack: SlackServer) -> None:
    here = slack.open_room()
    with world.start("run") as bot:
        try:
            slack.socket.wait_for_client()
            name = slack.socket.command("add “reward model”", here)
            slack.wait_for(lambda: bool(slack.answers[name]))
            assert "now follows" in json.dumps(slack.answers[name])
            slack.wait_for(lambda: len(slack.papers(here)) == 3, TIMEOUT_SECONDS)
            world.wait_for_file(f'id = "slack:{here}"', bot)
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        finally:
            bot.kill()
    assert set(slack.papers(here).values()) == {1}
    assert "ann added a keyword" in slack.texts(here)[0]


def test_a_repeated_envelope_changes_nothing_twice(world: World, slack: SlackServer) -> None:
    here = slack.open_room()
    with world.start("run") as bot:
        try:
            slack.socket.wait_for_client()
            name = slack.socket.command("add graph network", here, times=2)
            # The channel is told behind the private answer.
            slack.wait_for(lambda: bool(slack.answers[name] and slack.texts(here)))
            again = slack.socket.command("list", here)
            slack.wait_for(lambda: bool(slack.answers[again]))
        finally:
            bot.kill()
    assert len(slack.answers[name]) == 1
    assert sum("added a keyword" in text for text in slack.texts(here)) == 1


def test_what_a_person_follows_for_themselves_is_sent_to_them_and_written_nowhere(
    world: World, slack: SlackServer
) -> None:
    slack.scopes = (*slack.scopes, "im:history")
    here = conversation_of("U0000001")
    slack.rooms[here] = Room(here, refuses="user_disabled")

    def write(text: str) -> str:
        """What the bot says to it, in the same conversation."""
        said = len(slack.texts(here))
        event = {"type": "message", "channel_type": "im", "channel": here, "text": text}
        payload = {"type": "event_callback", "team_id": "T1", "event_id": slack.new_trigger()}
        slack.socket.envelope(
            "events_api", {**payload, "event": {**event, "user": "U0000001", "ts": slack.new_ts()}}
        )
        slack.wait_for(lambda: len(slack.texts(here)) > said)
        return "\n".join(slack.texts(here)[said:])

    with world.start("run") as bot:
        try:
            slack.socket.wait_for_client()
            name = slack.socket.command("add reward model", here)
            slack.wait_for(lambda: bool(slack.answers[name]))
            assert "account is deactivated" in json.dumps(slack.answers[name])
            slack.rooms[here].refuses = ""
            assert "follow nothing for yourself yet" in write("pause")
            assert "for yourself" in write("add “reward model”")
            slack.wait_for(lambda: len(slack.papers(here) - Counter(["pause"])) >= 3, 40)
            name = slack.socket.press("paper:0", "pause", here)
            slack.wait_for(lambda: bool(slack.views))
            slack.wait_for(lambda: "Paused" in json.dumps(slack.views))
            assert "paused already" in write("pause")
            assert "Posting again" in write("resume")
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(TIMEOUT_SECONDS) == 0
        finally:
            bot.kill()
    assert here not in world.config.read_text()
    status = world.call("status").stdout
    assert (here in status, "1 person follows keywords" in status) == (False, True)
    # The account is deactivated: one attempt, and the conversation is archived.
    slack.rooms[here].refuses, attempts = "user_disabled", []
    for number in (20, 21):
        world.arxiv.announce(standin_paper(number, f"Another reward model {number}"))
        before = len(slack.seen)
        world.once("--now")
        later = slack.seen[before:]
        attempts.append(sum((each.body or {}).get("channel") == here for each in later))
    assert attempts == [1, 0]
    assert "keywords for themselves" not in world.call("status").stdout


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "too_many_websockets"])
def test_a_connection_that_slack_renews_is_made_again(
    world: World, slack: SlackServer, reason: str
) -> None:
    here = slack.open_room()
    with world.start("run") as bot:
        try:
            slack.socket.wait_for_client()
            slack.socket.disconnect(reason)
            slack.socket.wait_for_client(2)
            name = slack.socket.command("list", here)
            slack.wait_for(lambda: bool(slack.answers[name]))
        finally:
            bot.kill()


@pytest.mark.parametrize(
    ("token", "said", "sentence"),
    [
        (BOT_TOKEN, "invalid_auth", "SLACK_BOT_TOKEN"),
        (BOT_TOKEN, "token_revoked", "revoked"),
        (APP_TOKEN, "invalid_auth", "SLACK_APP_TOKEN"),
    ],
)
def test_a_token_that_slack_refuses_is_told_by_the_log_and_the_service_stays_up(
    world: World, slack: SlackServer, token: str, said: str, sentence: str
) -> None:
    slack.tokens[token] = said
    with running(world.config, env=world.secrets) as bot:
        bot.wait_until(lambda bot: "refused platform=slack what=commands" in bot.logged)
        assert bot.stop(signal.SIGTERM) == 0
    assert sentence in bot.logged
    assert token not in bot.logged
    assert "Traceback" not in bot.logged


@pytest.mark.parametrize("scopes", [(*CHAT, *HISTORY), CHAT], ids=["history", "no-history"])
def test_killed_at_a_random_moment_of_a_delivery_no_paper_is_doubled_and_none_is_lost(
    tmp_path: Path,
    life: int,
    scopes: tuple[str, ...],
    figures: Callable[[str], None],
    request: pytest.FixtureRequest,
) -> None:
    """``--channels 200`` does it in as many; in a fifth of them each paper is a message."""
    channels = request.config.getoption("--channels")
    rng = random.Random(life)
    slack = SlackServer(scopes)
    with world_of(tmp_path, channels, slack) as world:
        text = world.config.read_text()
        one_each = 'layout = "messages"\nkeywords ='
        world.config.write_text(text.replace("keywords =", one_each, channels // 5))
        slack.storing = STORING
        for turn in range(KILLS):
            wanted = attempts(slack) + rng.randint(1, channels * 3 // 4)
            with world.start("run") as bot:
                try:
                    with suppress(TimeoutError):  # what is held is not tried again
                        timeout = 3 if turn else TIMEOUT_SECONDS
                        slack.wait_for(partial(reached, slack, wanted), timeout)
                finally:
                    bot.send_signal(signal.SIGKILL)
                    bot.wait()
        world.arxiv.add(standin_paper(77, "A reward model that came late"))
        done = world.once("--now", tries=6 if HISTORY[0] in scopes else 2)
        counts = [slack.papers(room) for room in world.channels]
        assert all(set(found.values()) <= {1} for found in counts), "nothing is doubled"
        assert not any(doubled_keys(slack, room) for room in world.channels), "no heading either"
        missing = sum(4 - len(found) for found in counts)
        held = _held(world)
        if HISTORY[0] in scopes:
            assert done.returncode == 0, done.stderr
            assert (missing, held) == (0, 0)
        else:
            everything = set[str]().union(*counts)
            assert len(everything) == 4
            for room, found in zip(world.channels, counts, strict=True):
                kept = _waiting_behind_a_person(world, room)
                for paper in everything - found.keys():
                    assert paper in kept, f"{paper} is missing in {room}, and in no held post"
        figures(
            f"slack: {channels} channels, {channels // 5} of them with a message for each paper,"
            f" killed {KILLS} times, posted {sum(map(len, counts))} papers, missing {missing},"
            f" held posts {held}, stored up to {STORING:.1f} s late"
        )


def doubled_keys(slack: SlackServer, room: str) -> list[str]:
    """Of messages that are in a channel more than once."""
    sent = [each for each in slack.rooms[room].messages if "metadata" in each]
    keys = Counter(each["metadata"]["event_payload"]["key"] for each in sent)
    return [key for key, times in keys.items() if times > 1]


def attempts(slack: SlackServer) -> int:
    """How often anything was posted, or tried to."""
    return sum(each.path == "chat.postMessage" for each in slack.seen)


def reached(slack: SlackServer, wanted: int) -> bool:
    return attempts(slack) >= wanted


def _waiting_behind_a_person(world: World, room: str) -> str:
    """The payloads of a channel's held posts, and of what waits for one of them."""
    [path] = world.config.parent.rglob(FILE)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            """
            select p.payload from outbox p left join outbox parent on parent.key = p.parent_key
            where p.channel_id = ? and (p.state = 'held' or parent.state = 'held')
            """,
            (f"slack:{room}",),
        )
        return "\n".join(payload for (payload,) in rows)


def _held(world: World) -> int:
    status = world.call("status", "--json")
    return sum(channel["held"] for channel in json.loads(status.stdout)["channels"])


def test_with_slack_alone_discords_library_is_never_loaded(world: World) -> None:
    code = (
        "import sys\nfrom bot.__main__ import main\n"
        "sys.argv = ['daily-papers', 'once', '--config', sys.argv[1]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert 'slack_sdk' in sys.modules\n"
        "assert 'discord' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(world.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **SECRETS},
    )
    assert done.returncode == 0, done.stderr


def test_an_abstract_opens_in_a_window_and_home_shows_the_persons_channels(
    world: World, slack: SlackServer
) -> None:
    here = world.channels[0]
    with world.start("run") as bot:
        try:
            slack.socket.wait_for_client()
            slack.wait_for(lambda: len(slack.papers(here)) == 3, TIMEOUT_SECONDS)
            [paper, *_] = slack.papers(here)
            slack.socket.press("abstract", paper, here)
            slack.wait_for(lambda: len(slack.views) >= 2)
            assert "We look at what happens." in text_of(slack.views[-1])
            slack.socket.command("add graph network", here)
            slack.socket.open_home("U0000001")
            slack.wait_for(lambda: "U0000001" in slack.homes)
        finally:
            bot.kill()


def said(slack: SlackServer, words: str, room: str, **more: Any) -> str:
    """What a person is answered last."""
    name = slack.socket.command(words, room, **more)
    slack.wait_for(lambda: bool(slack.answers[name]))
    return json.dumps(slack.answers[name][-1])


def test_a_saved_paper_is_seen_in_its_channel_alone_exported_and_taken_back(
    world: World, slack: SlackServer
) -> None:
    slack.scopes = (*slack.scopes, "files:write")
    here, there = world.channels
    with world.start("run") as bot:
        try:
            slack.wait_for(lambda: len(slack.papers(here)) > 0, TIMEOUT_SECONDS)
            slack.socket.wait_for_client()
            paper_id = next(iter(slack.papers(here)))
            assert "Saved for this channel" in said(slack, f"save {paper_id}", here)
            assert "This channel has saved 1 paper" in said(slack, "saved", here)
            assert "This channel has saved no paper yet" in said(slack, "saved", there)
            assert "It is in our conversation" in said(slack, "export", here)
            [(conversation, name, text)] = slack.files
            assert (conversation, name) == (conversation_of("U0000001"), "papers.bib")
            [entry] = parse_string(text).entries
            assert entry["eprint"] == paper_id
            assert "Taken back" in said(slack, f"save {paper_id}", here)
            assert "This channel has saved no paper yet" in said(slack, "saved", here)
        finally:
            bot.kill()


def test_who_discusses_a_paper_is_led_to_its_one_thread_over_a_kill(
    world: World, slack: SlackServer
) -> None:
    here = world.channels[0]
    with world.start("run") as bot:
        try:
            slack.wait_for(lambda: len(slack.papers(here)) > 0, TIMEOUT_SECONDS)
            slack.socket.wait_for_client()
            paper_id = next(iter(slack.papers(here)))
            # It arrives, but the bot does not hear of it, and is killed.
            slack.fail("POST", "chat.postMessage", how="after", wait=3)
            slack.socket.command(f"discuss {paper_id}", here)
            slack.wait_for(lambda: bool(openings(slack, here)), TIMEOUT_SECONDS)
        finally:
            bot.kill()
            bot.wait()
    with world.start("run") as bot:
        try:
            slack.socket.wait_for_client(2)
            [opening] = openings(slack, here)
            slack.wait_for(lambda: len(below(slack, here, opening)) == 1, TIMEOUT_SECONDS)
            for who in ("U0000001", "U0000002"):
                assert f"?thread_ts={opening}&" in said(
                    slack, f"discuss {paper_id}", here, user_id=who
                )
        finally:
            bot.kill()
    assert openings(slack, here) == [opening]
    assert len(below(slack, here, opening)) == 1


def openings(slack: SlackServer, room: str) -> list[str]:
    found = slack.rooms[room].messages
    return [each["ts"] for each in found if each["text"].startswith("Discussion: ")]


def below(slack: SlackServer, room: str, ts: str) -> list[dict[str, object]]:
    return [each for each in slack.rooms[room].messages if each.get("thread_ts") == ts]
