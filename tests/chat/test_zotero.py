"""What people are told of their libraries in Zotero, with a small Zotero behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.parse import opens_key_form
from bot.core.limits import Limits
from bot.core.zotero import ZoteroSender
from bot.errors import NotAllowed, UserError
from bot.model import Person, Reply
from bot.model.zotero import ZOTERO_KEY, ZoteroConnection
from bot.network import Network
from bot.references import with_references
from bot.vault import EncryptedVault, new_key
from bot.zotero.client import ZoteroClient
from tests.builders import paper
from tests.chat.test_commands import ADA, HERE, THERE, Chat
from tests.wire.zotero_server import KEY, USER, ZoteroKey, ZoteroServer

BEN = Person("Ben", "discord:8", manages=False, governs=False)


class WithZotero(Chat):
    def __init__(self, folder: Path, server: ZoteroServer) -> None:
        super().__init__(folder)
        self.server = server
        self.client = ZoteroClient(server.url, network=Network())
        self.zotero = self.client
        self.vault = EncryptedVault([new_key()], self.store, self.clock)
        self.told: list[str] = []
        self.limit_to(Limits(commands_per_minute=1000))

    async def connect(self, person: Person = ADA, key: str = KEY, library: str = "") -> Reply:
        return await self.commands.connect_zotero(HERE, person, key, library)

    async def connect_channel(
        self, person: Person = ADA, key: str = KEY, library: str = ""
    ) -> Reply:
        return await self.commands.connect_zotero(HERE, person, key, library, for_channel=True)

    async def send(self) -> int:
        assert self.vault is not None
        sender = ZoteroSender(
            self.client, self.store, self.vault, self.clock, on_paused=self._on_paused
        )
        return await sender.send_waiting()

    async def _on_paused(self, connection: ZoteroConnection, reason: str) -> None:
        self.told.append(f"{connection.person.id}: {reason}")


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[WithZotero]:
    with ZoteroServer() as server:
        made = WithZotero(tmp_path, server)
        yield made
        await made.client.aclose()
        made.store.close()


def lines(reply: Reply) -> list[str]:
    """Each row as it is read, with its buttons."""
    found = [f"{row.text} {row.detail} {[o.words for o in row.offers]}" for row in reply.rows]
    return [*found, *(f"[{offer.words}]" for offer in reply.offers)]


def plain(text: str) -> str:
    return with_references(text, lambda command: f"/papers {command.words}")


async def test_nothing_is_connected_at_first_and_the_view_says_how(chat: WithZotero) -> None:
    reply = await chat.say("zotero")
    assert "https://www.zotero.org/settings/keys/new" in plain(reply.text)
    assert lines(reply) == [
        "What you save does not go to Zotero.  ['zotero connect']",
        "What is saved for this channel does not go to Zotero.  ['zotero connect channel']",
    ]
    assert lines(await chat.say("zotero", person=BEN))[1] == (
        "What is saved for this channel does not go to Zotero."
        " Only those who manage the channel can connect it. []"
    )
    private = replace(ADA, private=True)
    assert len((await chat.commands.zotero(THERE, private)).rows) == 1


async def test_a_persons_saves_go_to_their_library_from_then_on_and_before(
    chat: WithZotero,
) -> None:
    await chat.store.save_all(HERE, [paper(1, "One")], ADA, chat.clock.now())
    reply = await chat.connect()
    assert reply.text == (
        "Connected. What you save goes to the library of muster in Zotero from now on."
        " 1 paper that was saved before is on the way."
    )
    assert reply.announcement == "", "that is nobody else's business"
    await chat.store.save_all(THERE, [paper(2, "Two")], ADA, chat.clock.now())
    await chat.store.save_all(HERE, [paper(3, "Ben's")], BEN, chat.clock.now())
    assert await chat.send() == 2
    assert sorted(chat.server.titles()) == ["One", "Two"]
    assert lines(await chat.say("zotero"))[0] == (
        "What you save goes to the library of muster in Zotero. 2 papers sent ['zotero disconnect']"
    )
    assert "muster" not in str(await chat.say("zotero", person=BEN)), "nobody else sees it"
    assert "muster" not in str(await chat.say("status", person=BEN))


async def test_a_channels_library_is_connected_by_its_managers_and_everybody_is_told(
    chat: WithZotero,
) -> None:
    chat.server.group_names = {9: "Reading Group"}
    chat.server.keys[KEY] = ZoteroKey(groups=frozenset({9}))
    with pytest.raises(NotAllowed):
        await chat.connect_channel(BEN)
    await chat.say("settings editors members")
    with pytest.raises(NotAllowed, match="those who manage"):
        await chat.connect_channel(BEN)
    reply = await chat.connect_channel()
    assert reply.announcement == (
        "Ada: what is saved for this channel goes to the group Reading Group in Zotero from now on."
    )
    await chat.store.save_all(HERE, [paper(1, "One")], BEN, chat.clock.now())
    assert await chat.send() == 1
    assert chat.server.titles("groups/9") == ["One"]
    assert lines(await chat.say("zotero", person=BEN))[1] == (
        "What is saved for this channel goes to the group Reading Group in Zotero."
        " connected by Ada · 1 paper sent []"
    )
    with pytest.raises(NotAllowed):
        await chat.say("zotero disconnect channel", person=BEN)
    assert "Disconnected" in (await chat.say("zotero disconnect channel")).text
    assert await chat.store.secret_owners(ZOTERO_KEY) == ()
    assert (await chat.say("zotero disconnect channel")).text == "It was not connected."


@pytest.mark.parametrize(
    ("library", "connected"),
    [
        ("", f"users/{USER}"),
        ("muster", f"users/{USER}"),
        ("reading group", "groups/9"),
        ("9", "groups/9"),
        ("https://www.zotero.org/groups/8/archive/library", "groups/8"),
    ],
)
async def test_which_library_is_meant_is_said_by_name_number_or_address(
    chat: WithZotero, library: str, connected: str
) -> None:
    chat.server.group_names = {8: "Archive", 9: "Reading Group"}
    chat.server.keys[KEY] = ZoteroKey(all_groups=True)
    await chat.connect(library=library)
    [made] = await chat.store.zotero_connections()
    assert made.library.id == connected


async def test_which_library_is_asked_where_it_is_not_clear_and_nothing_is_kept(
    chat: WithZotero,
) -> None:
    chat.server.group_names = {8: "Archive", 9: "Reading Group"}
    chat.server.keys[KEY] = ZoteroKey(all_groups=True)
    with pytest.raises(UserError, match=r"muster \(your own\), Archive \(group 8\), Reading"):
        await chat.connect_channel()
    with pytest.raises(UserError, match="may not write to Elsewhere, but to: muster"):
        await chat.connect(library="Elsewhere")
    chat.server.keys[KEY] = ZoteroKey(write=False)
    with pytest.raises(UserError, match="may not write to any library"):
        await chat.connect()
    with pytest.raises(UserError, match="no key for Zotero"):
        await chat.connect(key="my secret")
    with pytest.raises(UserError, match="does not know this key") as caught:
        await chat.connect(key="A" * 24)
    assert "A" * 24 not in str(caught.value)
    chat.server.fail("GET", "/keys/current", status=503)
    with pytest.raises(UserError, match="Nothing was kept; please try again later"):
        await chat.connect()
    assert await chat.store.zotero_connections() == ()
    assert await chat.store.secret_owners(ZOTERO_KEY) == ()


async def test_a_revoked_key_is_shown_to_its_person_alone_with_what_to_do(
    chat: WithZotero,
) -> None:
    chat.server.group_names = {9: "Reading Group"}
    chat.server.keys[KEY] = ZoteroKey(groups=frozenset({9}))
    await chat.connect()
    await chat.connect_channel()
    del chat.server.keys[KEY]
    await chat.store.save_all(HERE, [paper(1, "One")], ADA, chat.clock.now())
    assert await chat.send() == 0
    assert len(chat.told) == 2
    own, shared, *offers = lines(await chat.say("zotero"))
    assert "0 papers sent · 1 waiting · stopped today: Zotero does not let" in own
    assert own.endswith("To resume, connect again. ['zotero connect']")
    assert shared.endswith("To resume, connect again. ['zotero connect channel']")
    assert offers == ["[zotero disconnect]", "[zotero disconnect channel]"]
    seen = lines(await chat.say("zotero", person=BEN))
    assert seen[0] == "What you save does not go to Zotero.  ['zotero connect']"
    assert "stopped; those who manage the channel can connect it again" in seen[1]
    assert "revoked" not in str(seen)
    status = (await chat.say("status", person=BEN)).text
    assert "What is saved here no longer reaches Reading Group in Zotero, and waits." in status
    assert "revoked" not in status
    chat.server.keys["C" * 24] = ZoteroKey()
    assert "1 paper that was saved before is on the way" in (await chat.connect(key="C" * 24)).text
    assert await chat.send() == 1
    assert "What is saved here" in (await chat.say("status")).text, "the channel's is still stopped"
    await chat.say("zotero disconnect channel")
    assert "What is saved here" not in (await chat.say("status")).text


async def test_what_zotero_does_not_accept_is_said(chat: WithZotero) -> None:
    await chat.connect()
    bad = paper(1, "refused by this test")
    await chat.store.save_all(HERE, [bad, paper(2)], ADA, chat.clock.now())
    await chat.send()
    chat.server.fail("POST", f"/users/{USER}/items", status=503)
    await chat.store.save_all(HERE, [paper(3)], ADA, chat.clock.now())
    await chat.send()
    [own, _] = lines(await chat.say("zotero"))
    assert "1 waiting" in own
    assert "Zotero asked to wait (HTTP 503); tried again automatically" in own
    assert "1 not accepted by Zotero (Title 'refused by this test' too long)" in own


@pytest.mark.parametrize(
    "text",
    [
        f"zotero {KEY}",
        f"/papers zotero connect {KEY}",
        f"zotero key={KEY}",
        "zotero my-key-is-secret",
        KEY,
        f"my key is {KEY}",
        f"add {KEY}",
    ],
)
async def test_a_key_in_a_message_is_refused_with_what_to_do_and_never_repeated(
    chat: WithZotero, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(UserError) as caught:
        await chat.say(text)
    assert "delete it at https://www.zotero.org/settings/keys" in plain(str(caught.value))
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text
    assert chat.server.seen == []
    assert await chat.store.zotero_connections() == ()


async def test_a_key_in_an_option_or_a_form_of_another_command_is_refused_too(
    chat: WithZotero,
) -> None:
    commands = chat.commands
    for made in (
        commands.add(HERE, ADA, KEY),
        commands.add(HERE, ADA, f"my key is {KEY}", "ti"),
        commands.add(HERE, ADA, "graph", name=KEY),
        commands.mute(HERE, ADA, KEY),
        commands.preview(HERE, ADA, KEY),
    ):
        with pytest.raises(UserError, match="A key does not belong in a message") as caught:
            await made
        assert KEY not in str(caught.value)
    assert await chat.keywords() == ()


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("zotero connect", "person"),
        ("/papers Zotero connect mine", "person"),
        ("zotero connect channel", "channel"),
        ("zotero", ""),
        (f"zotero connect {KEY}", ""),
        ("zotero disconnect", ""),
        ("add zotero connect", ""),
    ],
)
def test_a_form_opens_for_connect_alone(text: str, whose: str) -> None:
    assert opens_key_form(text) == whose


async def test_words_of_24_letters_are_words(chat: WithZotero) -> None:
    assert (await chat.say("add electroencephalographical")).text
    assert (await chat.say("add aaaaaaaaaaaaaaaaaaaaaaaa")).text


async def test_forget_me_deletes_the_keys_and_says_so_before(chat: WithZotero) -> None:
    await chat.connect()
    await chat.connect_channel()
    assert "what you connected to Zotero" in (await chat.say("forget-me")).text
    done = await chat.say("forget-me now")
    assert done.text.startswith("Deleted: 0 saved papers, 2 keys for Zotero, and your name in")
    assert await chat.store.secret_owners(ZOTERO_KEY) == ()
    assert "does not go to Zotero" in lines(await chat.say("zotero"))[0]


async def test_without_a_secret_key_it_is_off_and_says_so(chat: WithZotero) -> None:
    await chat.connect()
    chat.vault = None
    chat.limit_to(Limits())
    off = await chat.say("zotero", person=BEN)
    assert "has not set SECRET_KEY" in off.text
    assert all(not row.offers for row in off.rows)
    with pytest.raises(UserError, match="has not set SECRET_KEY"):
        await chat.connect(BEN)
    still = await chat.say("zotero")
    assert lines(still)[0].endswith("['zotero disconnect']"), "it can be taken back all the same"
    assert "Disconnected" in (await chat.say("zotero disconnect")).text
    assert (await chat.say("zotero")).rows == ()


async def test_without_a_secret_key_nobody_is_told_that_a_save_goes_to_zotero(
    chat: WithZotero,
) -> None:
    chat.source.announce(one := paper(1, "One"))
    await chat.connect()
    chat.vault = None
    chat.limit_to(Limits())
    assert "Zotero" not in (await chat.say(f"save {one.id}")).text
    assert "Zotero" not in (await chat.commands.save_all(HERE, ADA, [one.id])).text


async def test_the_host_sees_channels_and_of_people_only_how_many(chat: WithZotero) -> None:
    await chat.connect()
    chat.server.group_names = {9: "Reading Group"}
    chat.server.keys["D" * 24] = ZoteroKey(write=False, groups=frozenset({9}))
    await chat.connect_channel(key="D" * 24)
    reply = await chat.libraries.overview()
    assert reply.text.startswith("1 person has connected a library in Zotero, and 1 channel.")
    assert lines(reply) == [
        f"{HERE} the group Reading Group in Zotero · connected by Ada · 0 papers sent []"
    ]


async def test_whoever_saves_is_told_where_it_goes_and_of_others_libraries_nothing(
    chat: WithZotero,
) -> None:
    one = paper(1, "One")
    chat.source.announce(one)

    async def saved(person: Person = ADA) -> str:
        text = (await chat.say(f"save {one.id}", person=person)).text
        assert "Taken back" in (await chat.say(f"save {one.id}", person=person)).text
        return text

    assert "Zotero" not in await saved()
    await chat.connect()
    assert "It goes to your library in Zotero, too." in await saved()
    assert "Zotero" not in await saved(BEN)
    await chat.connect_channel()
    assert "It goes to your and the channel's library in Zotero, too." in await saved()
    together = await chat.commands.save_all(HERE, BEN, [one.id])
    assert together.text.endswith("It goes to the channel's library in Zotero, too.")
    del chat.server.keys[KEY]
    await chat.send()
    assert (await saved()).endswith("It waits until that is connected again: zotero")
