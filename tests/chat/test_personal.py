"""What a person follows for themselves, as it is said in their conversation with the bot."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.personal import PersonalChannels
from bot.core.channel_settings import CHANNEL_SETTINGS
from bot.core.limits import Limits
from bot.errors import ChannelRefused, NotAllowed, Note, NoteKind, SendError
from bot.keywords import parse
from bot.model import Batch, Draft, Person, Reply
from tests.builders import paper
from tests.chat.test_commands import ADA, HERE, Chat, as_typed
from tests.store.database import queue

MINE = "discord:1142000000000000009"
ME = replace(ADA, private=True, manages=False, governs=False)
OTHER = Person("Ben", "discord:8", private=True)


class Letterbox:
    """A platform's private messages: every person has the conversation ``opens``."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.refuses: SendError | None = None
        self.strangers: set[str] = set()
        self.opens = MINE

    async def knows(self, person_id: str) -> bool:
        return person_id not in self.strangers

    async def tell(self, person_id: str, text: str) -> str:
        if self.refuses is not None:
            raise self.refuses
        self.told.append((person_id, text))
        return self.opens


@pytest.fixture
def letters() -> Letterbox:
    return Letterbox()


@pytest.fixture
def chat(tmp_path: Path, letters: Letterbox) -> Chat:
    made = Chat(tmp_path)
    let(made, letters, "members")
    return made


def let(chat: Chat, letters: Letterbox, allowed: str, **limits: int) -> None:
    personal = PersonalChannels(chat.store, allowed, {"discord": letters})
    chat.limit_to(Limits(**{"commands_per_minute": 1000, **limits}), personal)


async def followed(chat: Chat, channel: str = MINE) -> list[str]:
    return [each.keyword.text for each in await chat.store.subscriptions(channel)]


async def test_the_first_message_comes_before_the_first_keyword_and_once(
    chat: Chat, letters: Letterbox
) -> None:
    reply = await chat.say("add reward model", MINE, ME)
    assert reply.announcement == "", "there is nobody else to tell"
    assert [who for who, _ in letters.told] == [ADA.id]
    await chat.say("add graph network", MINE, ME)
    assert len(letters.told) == 1
    assert await followed(chat) == ["reward model", "graph network"]


async def test_a_refused_first_message_keeps_no_keyword_and_says_why(
    chat: Chat, letters: Letterbox
) -> None:
    letters.refuses = ChannelRefused("You take no messages from me.")
    said = await chat.refused("add reward model", MINE, ME)
    assert "nothing was kept: You take no messages from me." in said
    assert await followed(chat) == []
    assert await chat.store.owner_of(MINE) == ""
    letters.refuses = None
    await chat.say("add reward model", MINE, ME)
    assert await followed(chat) == ["reward model"]


async def test_a_wrong_keyword_sends_nobody_a_message(chat: Chat, letters: Letterbox) -> None:
    await chat.refused("add (reward", MINE, ME)
    let(chat, letters, "members", keywords_per_person=1)
    await chat.say("add reward model", MINE, ME)
    letters.told.clear()
    assert "One person may follow at most" in await chat.refused("add graph network", MINE, ME)
    assert letters.told == []
    await chat.say("add reward models", MINE, ME)


async def test_the_limit_of_a_person_is_not_that_of_a_channel(
    chat: Chat, letters: Letterbox
) -> None:
    let(chat, letters, "members", keywords_per_person=2, keywords_per_channel=1)
    for words in ("reward model", "graph network"):
        await chat.say(f"add {words}", MINE, ME)
    assert "One person may follow at most" in await chat.refused("add x ray", MINE, ME)
    assert len(await followed(chat)) == 2


async def test_only_members_are_written_to_unless_anyone_may(
    chat: Chat, letters: Letterbox
) -> None:
    letters.strangers.add(ADA.id)
    assert "see you in none" in await chat.refused("add reward model", MINE, ME)
    assert letters.told == []
    let(chat, letters, "anyone")
    await chat.say("add reward model", MINE, ME)
    assert await followed(chat) == ["reward model"]


async def test_where_it_is_off_nobody_begins_and_who_began_can_end_it(
    chat: Chat, letters: Letterbox
) -> None:
    await chat.say("add reward model", MINE, ME)
    let(chat, letters, "off")
    assert "does not let people" in await chat.refused("add graph network", MINE, ME)
    assert "Paused" in (await chat.say("pause", MINE, ME)).text
    await chat.say("remove reward model", MINE, ME)
    assert await followed(chat) == []


async def test_words_said_in_somebody_elses_conversation_begin_nothing_there(
    chat: Chat, letters: Letterbox
) -> None:
    letters.opens = "discord:1142000000000000077"
    assert "not your own conversation" in await chat.refused("add reward model", MINE, ME)
    assert await followed(chat) == []
    for words in ("settings days mon", "pause", "remove x"):
        assert "follow nothing for yourself" in await chat.refused(words, MINE, ME)
    assert await chat.store.owner_of(MINE) == ""


@pytest.mark.parametrize(
    "words",
    ["list", "status", "settings", "why 2603.01234", "saved", "export", "add x", "remove x",
     "pause", "resume", "settings days mon", "preview x"],
)  # fmt: skip
@pytest.mark.parametrize("private", [True, False])
async def test_another_person_sees_and_changes_nothing(
    chat: Chat, words: str, private: bool
) -> None:
    await chat.say("add reward model", MINE, ME)
    other = replace(OTHER, private=private)
    said = await chat.refused(words, MINE, other)
    for completing in (
        chat.commands.keywords(MINE, other),
        chat.commands.muted(MINE, other),
        chat.commands.matching(MINE, other, "2603.01234"),
        chat.commands.settings_in_force(MINE, other),
    ):
        with pytest.raises(NotAllowed, match="theirs alone"):
            await completing
    assert "theirs alone" in said
    assert "reward" not in said
    assert await followed(chat) == ["reward model"]


async def test_the_host_sees_that_somebody_follows_something_and_not_what(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await chat.say("add reward model", MINE, ME)
    await chat.say("add graph network", HERE)
    [subscription] = await chat.store.subscriptions(MINE)
    note = Note(NoteKind.REFUSED, "no such field: secret", subscription.keyword.canonical)
    chat.source.faults = [None, lambda batch: Batch(batch.papers, False, (note,))]
    await chat.collect()
    report = await chat.queries.status()
    assert "1 person follows keywords for themselves" in report.text
    for shown in (report, await chat.queries.all_listings(), await chat.queries.why("2603.01234")):
        assert "reward" not in shown.text
        assert "secret" not in shown.text
        assert MINE not in shown.text
    assert "reward" not in caplog.text
    assert "secret" not in caplog.text
    assert subscription.keyword.handle in caplog.text
    assert "secret" in (await chat.say("status", MINE, ME)).text


async def test_a_keyword_of_a_person_is_known_by_its_handle_to_them_alone(chat: Chat) -> None:
    await chat.say("add reward model", MINE, ME)
    [choice] = await chat.commands.keywords(MINE, ADA)
    assert "no longer known" in await chat.refused(f"preview {choice.value}")
    assert "no longer known" in await chat.refused(f"add {choice.value}")
    await chat.say(f"preview {choice.value}", MINE, ME)


async def test_who_refused_messages_begins_again_with_resume(
    chat: Chat, letters: Letterbox
) -> None:
    await chat.say("add reward model", MINE, ME)
    now = chat.clock.now()
    await queue(chat.store, MINE, [("f" * 24, Draft("{}", ()))], now)
    assert await chat.store.claim("discord", now, now)
    await chat.store.refuse("f" * 24, False, now, "blocked.", 600)
    status = (await chat.say("status", MINE, ME)).text
    assert "My messages to you are refused" in status
    assert "tries again" not in status
    letters.refuses = ChannelRefused("You take no messages from me.")
    assert "You take no messages" in await chat.refused("resume", MINE, ME)
    letters.refuses = None
    letters.told.clear()
    await chat.say("resume", MINE, ME)
    assert len(letters.told) == 1
    assert (await chat.store.state(MINE)).channels[0].paused == ""


async def test_at_home_stands_first_what_a_person_follows_for_themselves(chat: Chat) -> None:
    home = await chat.commands.home(ADA, [HERE])
    assert [each.words for each in home.reply.offers] == ["add"]
    await chat.say("add graph network", HERE)
    await chat.say("add reward model", MINE, ME)
    for ids in ([HERE, MINE], None):
        home = await chat.commands.home(replace(ADA, manages=False), ids)
        assert [each.channel_id for each in home.panels] == [MINE, HERE]
        assert home.reply.offers == ()
        own = home.panels[0].reply
        assert [row.text for row in own.rows] == ["reward model"]
        assert own.rows[0].offers, "changed from here, whoever manages channels"
        assert "You" in home.reply.text
    others = await chat.commands.home(Person("Ben", "discord:8"), [HERE, MINE])
    assert [each.channel_id for each in others.panels] == [HERE]


async def test_help_names_only_the_settings_that_there_are(chat: Chat) -> None:
    def named(reply: Reply) -> set[str]:
        [line] = [
            line
            for section in reply.sections
            for line in section.text.splitlines()
            if "papers are posted here: " in line
        ]
        return set(line.rpartition(": ")[2].split(", "))

    only_channels = {"editors", "mention", "announce_changes"}
    assert named(await chat.say("help", HERE, ADA)) == set(CHANNEL_SETTINGS)
    assert named(await chat.say("help", MINE, ME)) == set(CHANNEL_SETTINGS) - only_channels
    await chat.say("add graph", MINE, ME)
    refused = await chat.refused("settings mentoin none", MINE, ME)
    assert refused.startswith("There is no setting mentoin.")
    assert "mention" not in refused


async def test_no_answer_in_a_conversation_of_ones_own_speaks_of_a_channel(chat: Chat) -> None:
    chat.source.announce(paper(1), paper(2))
    unbegun = [
        await chat.refused(words, MINE, ME)
        for words in ("status", "stats", "why 2603.00001", "settings", "remove x", "unmute x",
                      "pause", "narrow reward")
    ]  # fmt: skip
    assert set(unbegun) == {"You follow nothing for yourself yet. To begin: add reward model"}
    said = [await chat.say("list", MINE, ME), await chat.say("add reward", MINE, ME)]
    await chat.run()
    for words in (
        "add reward", "add reward as Rewards", "narrow Rewards", "list", "remove Rewards",
        "add reward", "add graph as Graphs", "mute survey", "mute survey", "list", "unmute survey",
        "status", "stats", "why 2603.00001", "why 2603.00009", "settings", "settings days mon",
        "preview x", "save 2603.00001", "saved", "saved mine", "export",
        "save 2603.00001", "saved", "export", "cite 2603.00001", "pause", "pause", "status",
        "why 2603.00002", "resume", "resume", "help",
    ):  # fmt: skip
        said.append(await chat.say(words, MINE, ME))
    graph = parse("graph").handle
    listed = (await chat.say("list", MINE, ME)).rows
    reward = next(offer.words.split()[1] for row in listed for offer in row.offers)
    said.append(await chat.say(f"remove {graph} {reward}", MINE, ME))
    said.append(await chat.say(f"add {graph} {reward}", MINE, ME))
    refused = [
        await chat.refused(words, MINE, ME)
        for words in ("remove nothing", "unmute nothing", f"add {graph} {reward}", "narrow nothing",
                      "settings editors members", "resend 1234", "add x ray as Graphs")
    ]  # fmt: skip
    for text in (*map(read, said), *refused):
        assert not re.search("(this|the) channel|everybody|discord:", text, re.IGNORECASE), text


def read(reply: Reply) -> str:
    """Everything of it that a person reads."""
    parts = [reply.text, reply.announcement]
    parts += [f"{each.heading}: {each.text}" for each in reply.sections]
    parts += [f"{row.text} {row.detail} {row.offers}" for row in reply.rows]
    return as_typed("\n".join([*parts, *(offer.label for offer in reply.offers)]))
