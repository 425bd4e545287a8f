"""What people say on Slack, and what they see: the slash command, buttons, windows and App Home."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from adapters.slack import replies, responder
from adapters.slack.listeners.commands import typed
from adapters.slack.platform import Slack
from adapters.slack.responder import Place, Responder
from adapters.slack.socket import Socket
from adapters.slack.workspace import Workspace
from bot.clock import SystemClock
from bot.errors import SourceDown
from bot.keywords import parse
from bot.model import ChannelPanel, Home, Person, Reply, Row
from bot.references import address, refer_to
from tests.adapters.slack.backend import (
    TOKENS,
    SlackBackend,
    asked,
    buttons,
    happens,
    home_page,
    options,
    platform,
    shown,
    until,
)
from tests.builders import paper
from tests.fakes import START, FakeClock
from tests.wire.slack_server import CHAT, HISTORY, SlackServer, conversation_of

ANN = "U0000001"  # who speaks on the small Slack


class Chat:
    """One workspace with the bot connected to it, and Ann."""

    def __init__(self, server: SlackServer, backend: SlackBackend) -> None:
        self.server = server
        self.backend = backend
        self.room = server.open_room()

    async def say(self, text: str, room: str = "", **more: Any) -> dict[str, Any]:
        """A command; the last answer that comes of it."""
        name = await self.send(text, room, **more)
        await happens(self.server, lambda: bool(self.server.answers[name]))
        return self.server.answers[name][-1]

    async def send(self, text: str, room: str = "", **more: Any) -> str:
        where = room or self.room
        return await asyncio.to_thread(self.server.socket.command, text, where, **more)

    async def press(self, button: dict[str, Any], **more: Any) -> dict[str, Any]:
        name = await self.touch(button, **more)
        await happens(self.server, lambda: bool(self.server.answers[name]))
        return self.server.answers[name][-1]

    async def touch(self, button: dict[str, Any], **more: Any) -> str:
        action, value = button["action_id"], button.get("value", "")
        return await asyncio.to_thread(self.server.socket.press, action, value, self.room, **more)

    async def submit(
        self, view: dict[str, Any], *, channel: str = "", **filled: Any
    ) -> dict[str, Any]:
        """The form; what its window shows at last, or the mistakes below its fields."""
        values = {
            "phrase": {"phrase": {"value": filled.get("phrase")}},
            "where": {"where": {"selected_option": {"value": filled.get("where", "any")}}},
            "categories": {
                "categories": {
                    "selected_options": [{"value": each} for each in filled.get("categories", ())]
                }
            },
            "name": {"name": {"value": filled.get("name")}},
            "channel": {"channel": {"selected_conversation": channel or self.room}},
        }
        answer = await asyncio.to_thread(self.server.socket.submit, view, values, self.room)
        if answer["response_action"] == "errors":
            return dict(answer["errors"])
        await happens(self.server, lambda: "One moment" not in shown(self.server.views[-1]))
        return self.server.views[-1]

    async def window(self, count: int) -> dict[str, Any]:
        """What the windows show, after so many changes in all."""
        await happens(self.server, lambda: len(self.server.views) >= count)
        return self.server.views[-1]

    def said(self) -> str:
        return "\n".join(self.server.texts(self.room))

    async def wait_for_line(self, line: str) -> None:
        """The announcement in the channel, which comes after the private reply."""
        await happens(self.server, lambda: line in self.said())

    async def keywords(self) -> tuple[str, ...]:
        return await self.backend.keywords(self.room)


@asynccontextmanager
async def chatting(
    backend: SlackBackend,
    managers: tuple[str, ...] = (),
    scopes: tuple[str, ...] = (*CHAT, *HISTORY, "channels:read"),
) -> AsyncIterator[Chat]:
    with SlackServer(scopes) as server:
        workspace = Workspace(
            name="",
            api_url=options(server)["api_url"],
            bot_token=TOKENS["SLACK_BOT_TOKEN"],
            app_token=TOKENS["SLACK_APP_TOKEN"],
            clock=SystemClock(),
        )
        socket = Socket(workspace, command="/papers", managers=frozenset(managers))
        task = asyncio.create_task(socket.listen(backend.commands))
        try:
            await happens(server, lambda: server.socket.connected > 0)
            yield Chat(server, backend)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await workspace.web.close()


@pytest.fixture
async def chat(backend: SlackBackend) -> AsyncIterator[Chat]:
    async with chatting(backend) as made:
        yield made


# Words


async def test_who_adds_a_keyword_is_answered_alone_and_the_channel_is_told(chat: Chat) -> None:
    answer = await chat.say("add reward model")
    assert answer["response_type"] == "ephemeral"
    assert "This channel now follows reward model" in shown(answer)
    await chat.wait_for_line("ann added a keyword: reward model")
    assert await chat.keywords() == ("reward model",)


@pytest.mark.parametrize(
    "text",
    [
        "add “reward model”",
        "add ”reward model”",
        "add « reward model »",
        "add „reward model“",
        'add ""reward model""',
        "add ''reward model''",
        "add\u00a0reward\u00a0model",
        "add reward&#32;model",
        "  ADD   reward   model  ",
        "/papers add reward model",
    ],
)
async def test_quotes_and_spaces_as_phones_type_them_make_no_difference(
    chat: Chat, text: str
) -> None:
    await chat.say(text)
    assert [parse(each).canonical for each in await chat.keywords()] == ['"reward model"']


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("why’s", "why's"),
        ("au:O‘Brien", "au:O'Brien"),
        ("a &amp; b &lt;c&gt;", "a & b <c>"),
        ("e\u0301", "é"),
    ],
)
def test_what_a_phone_made_of_it_is_undone(text: str, meant: str) -> None:
    assert typed(text) == meant


@pytest.mark.parametrize("text", ["", "help", "  ", "?"])
async def test_nothing_at_all_and_help_show_the_commands(chat: Chat, text: str) -> None:
    assert "follow a keyword here" in shown(await chat.say(text))


async def test_an_unknown_word_is_answered_with_the_nearest_one(chat: Chat) -> None:
    assert "Did you mean: /papers remove" in shown(await chat.say("remoev reward model"))


async def test_a_wrong_keyword_is_pointed_at(chat: Chat) -> None:
    answer = await chat.say('add "reward model')
    assert answer["blocks"][0]["elements"][0]["type"] == "rich_text_preformatted"
    assert await chat.keywords() == ()


async def test_a_command_of_another_name_is_ours_too(chat: Chat) -> None:
    assert "follows nothing yet" in shown(await chat.say("list", command="/arxiv"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("list", "follows nothing yet"),
        ("status", "arXiv"),
        ("settings", "post_at"),
        ("pause", "nothing to pause"),
        ("resume", "not paused"),
        ("why 2603.00001", "2603.00001"),
        ("why", "For example"),
        ("preview reward model", "I understand"),
        ("remove reward model", "follow"),
    ],
)
async def test_every_command_is_answered(chat: Chat, text: str, says: str) -> None:
    assert says in shown(await chat.say(text))


async def test_text_of_others_means_nothing_in_an_answer(chat: Chat) -> None:
    answer = await chat.say("nonsense <!channel> *bold* :x:")
    assert "&lt;!channel&gt;" in answer["text"]
    assert answer["blocks"][0]["type"] == "rich_text"
    await chat.say("add reward model", user_name="<!here>")
    await chat.wait_for_line("added a keyword")
    [told] = chat.server.rooms[chat.room].messages
    assert "&lt;!here&gt; added a keyword" in told["text"]


async def test_who_waits_for_arxiv_is_told_so(chat: Chat) -> None:
    arrived = asyncio.Event()

    async def slow() -> Reply:
        await arrived.wait()
        return Reply("It is here.")

    workspace = Workspace(
        name="",
        api_url=options(chat.server)["api_url"],
        bot_token=TOKENS["SLACK_BOT_TOKEN"],
        app_token=TOKENS["SLACK_APP_TOKEN"],
        clock=SystemClock(),
    )
    answering = Responder(workspace, chat.backend.commands, command="/papers", managers=frozenset())
    place = Place(ANN, response_url=f"{chat.server.url}/answers/slow")
    work = asyncio.create_task(answering.answer(place, chat.room, Person("ann"), slow()))
    await happens(chat.server, lambda: bool(chat.server.answers["slow"]))
    assert responder.NOTICE in shown(chat.server.answers["slow"][0])
    arrived.set()
    await work
    await workspace.web.close()
    assert "It is here." in shown(chat.server.answers["slow"][1])


async def test_a_silent_arxiv_costs_nobody_their_keyword(chat: Chat) -> None:
    chat.backend.source.faults.append(SourceDown("arXiv does not answer."))
    assert "The keyword is kept" in shown(await chat.say("add reward model"))
    assert await chat.keywords() == ("reward model",)


# Heard once


async def test_an_envelope_that_comes_twice_changes_nothing_twice(chat: Chat) -> None:
    await chat.send("add reward model", times=2)
    await happens(chat.server, lambda: "added a keyword" in chat.said())
    await chat.say("list")
    assert chat.said().count("added a keyword: reward model") <= 2  # text and block of one message
    assert len(chat.server.rooms[chat.room].messages) == 1


async def test_a_command_that_comes_again_in_another_envelope_is_not_done_again(
    chat: Chat,
) -> None:
    trigger = chat.server.new_trigger()
    await chat.say("add reward model", trigger_id=trigger)
    await chat.say("remove reward model")
    await chat.send("add reward model", trigger_id=trigger)
    await chat.say("list")
    assert await chat.keywords() == ()


async def test_two_hundred_people_at_once_are_acknowledged_in_time_and_answered(
    chat: Chat,
) -> None:
    """Each within the three seconds that the small Slack waits, as Slack does."""
    words = [f"why 2603.{number:05d}" for number in range(200)]
    names = await asyncio.to_thread(chat.server.socket.commands_at_once, words, chat.room)
    await happens(chat.server, lambda: all(len(chat.server.answers[name]) == 1 for name in names))
    for word, name in zip(words, names, strict=True):
        assert word.removeprefix("why ") in shown(chat.server.answers[name]), "their own answer"


# Where the bot is not in the channel


async def test_adding_where_the_bot_is_not_a_member_says_to_invite_it(chat: Chat) -> None:
    chat.server.rooms[chat.room].refuses = "not_in_channel"
    name = await chat.send("add reward model")
    await happens(chat.server, lambda: len(chat.server.answers[name]) == 2)
    answer, note = map(shown, chat.server.answers[name])
    assert "This channel now follows" in answer
    assert "I can't post here yet" in note
    assert "/invite @papers" in note


async def test_the_private_answer_does_not_wait_for_the_public_line(chat: Chat) -> None:
    chat.server.fail("POST", "chat.postMessage", status=500, times=9)
    name = await chat.send("add reward model")
    await happens(chat.server, lambda: len(chat.server.answers[name]) == 2)
    answer, note = map(shown, chat.server.answers[name])
    assert "This channel now follows" in answer
    assert "could not tell the channel" in note, "what became of it is said behind"


# Who may change something


async def test_a_refused_press_leaves_the_list_as_it_is(backend: SlackBackend) -> None:
    async with chatting(backend, managers=("U0000009",)) as chat:
        await chat.say("add reward model", user_id="U0000009", user_name="bo")
        assert buttons(await chat.say("list")) == {}, "who may not change anything sees none"
        listed = buttons(await chat.say("list", user_id="U0000009", user_name="bo"))
        refusal = await chat.press(listed["Remove"])
        assert "Please ask one of them" in shown(refusal)
        assert refusal["replace_original"] is False
        assert await chat.keywords() == ("reward model",)


async def test_a_button_to_add_opens_the_form(chat: Chat) -> None:
    listed = buttons(await chat.say("list"))
    await chat.touch(listed["Add a keyword"])
    assert (await chat.window(1))["callback_id"] == "add"


async def test_only_listed_people_change_keywords_and_everybody_reads_them(
    backend: SlackBackend,
) -> None:
    async with chatting(backend, managers=("U0000009",)) as chat:
        assert "Please ask one of them" in shown(await chat.say("add reward model"))
        assert "follows nothing yet" in shown(await chat.say("list"))
        await chat.say("add reward model", user_id="U0000009", user_name="bo")
        assert await chat.keywords() == ("reward model",)


async def test_without_a_list_any_member_may(chat: Chat) -> None:
    await chat.say("add reward model", user_id="U0000007", user_name="cy")
    assert await chat.keywords() == ("reward model",)


# Buttons


async def test_list_shows_who_added_what_and_a_button_removes_it_and_undo_brings_it_back(
    chat: Chat,
) -> None:
    await chat.say("add reward model")
    answer = await chat.say("list")
    assert "by ann" in shown(answer)
    removed = await chat.press(buttons(answer)["Remove"])
    assert removed["replace_original"] is True
    assert "no longer follows reward model" in shown(removed)
    assert await chat.keywords() == ()
    again = await chat.press(buttons(removed)["Undo"])
    assert "now follows reward model" in shown(again)


async def test_a_stray_button_is_answered_beside_its_message(chat: Chat) -> None:
    answer = await chat.press({"action_id": "of-a-year-ago", "value": "x"})
    assert "/papers help" in shown(answer)
    assert answer["replace_original"] is False


async def test_the_abstract_opens_in_a_window_of_ones_own(chat: Chat) -> None:
    made = paper(7, "On $\\alpha$ *stars*", abstract="We see @here " * 9, authors=("Ö. One",) * 30)
    chat.backend.source.announce(made)
    await chat.touch({"action_id": f"abstract:{made.id}", "value": made.id})
    view = await chat.window(2)
    assert "One moment" in shown(chat.server.views[0])
    assert "On α *stars*" in shown(view)
    assert shown(view).count("Ö. One") == 30
    assert "https://arxiv.org/pdf/2603.00007" in shown(view)
    assert asked(chat.server, "chat.postMessage") == []


async def test_an_abstract_within_a_window_opens_above_it(chat: Chat) -> None:
    made = paper(7)
    chat.backend.source.announce(made)
    button = {"action_id": "abstract", "value": made.id}
    await chat.touch(button, view={"type": "modal", "id": "V9", "private_metadata": chat.room})
    await chat.window(2)
    assert len(asked(chat.server, "views.push")) == 1


async def test_the_window_says_that_an_abstract_is_unknown(chat: Chat) -> None:
    await chat.touch({"action_id": "abstract", "value": "2603.99999"})
    assert "2603.99999" in shown(await chat.window(2))


# The form


@pytest.mark.parametrize("text", ["add", "follow", " Add "])
async def test_add_alone_opens_a_form_in_which_a_keyword_is_put_together(
    chat: Chat, text: str
) -> None:
    await chat.send(text)
    form = await chat.window(1)
    assert form["private_metadata"].startswith(f"{chat.room}.")
    view = await chat.submit(
        form, phrase="reward model", where="ti", categories=["cs.LG"], name="<!here> *R*"
    )
    assert "now follows" in shown(view)
    assert await chat.keywords() == ("<!here> *R* (ti:(reward model) AND cat:cs.LG)",)
    await chat.wait_for_line("ann added a keyword")


async def test_what_is_wrong_with_a_phrase_is_shown_below_its_field(chat: Chat) -> None:
    await chat.send("add")
    form = await chat.window(1)
    mistakes = await chat.submit(form, phrase='"never closed', categories=["cs.LG"])
    assert mistakes == {"phrase": 'This quote is never closed. Add a " at its end, or remove it.'}
    assert await chat.keywords() == ()
    assert "now follows" in shown(await chat.submit(form, phrase="closed"))


@pytest.mark.parametrize("where", ["any", "ti", "au"])
@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("reward) AND (model", "This parenthesis was never opened"),
        ('reward "model', "This quote is never closed"),
        ("reward AND", "AND needs something after it"),
        ("...", "There is no letter or digit here"),
    ],
)
async def test_a_mistake_in_the_form_is_said_in_the_words_that_were_typed(
    chat: Chat, where: str, phrase: str, says: str
) -> None:
    await chat.send("add")
    form = await chat.window(1)
    mistakes = await chat.submit(form, phrase=phrase, where=where, categories=["cs.LG", "stat.ML"])
    assert mistakes.keys() == {"phrase"}
    assert mistakes["phrase"].startswith(says)
    assert "cat:" not in mistakes["phrase"]
    assert await chat.keywords() == ()


async def test_an_exclusion_means_in_the_form_what_it_means_when_typed(chat: Chat) -> None:
    await chat.say("add ti:reward -ti:survey")
    await chat.send("add")
    view = await chat.submit(await chat.window(1), phrase="reward -survey", where="ti")
    assert "already follows ti:reward -ti:survey" in shown(view)


async def test_the_buttons_of_a_window_are_about_its_channel(chat: Chat) -> None:
    await chat.send("add")
    view = await chat.submit(await chat.window(1), phrase="reward model")
    undo = buttons(view)["Undo"]
    count = len(chat.server.views)
    inside = {"type": "modal", "id": view["id"], "private_metadata": view["private_metadata"]}
    await chat.touch(undo, view=inside, channel=None, response_url="")
    assert "no longer follows" in shown(await chat.window(count + 1))
    assert await chat.keywords() == ()


# App Home


async def home(chat: Chat, seen: Callable[[str], bool]) -> dict[str, Any]:
    await asyncio.to_thread(chat.server.socket.open_home, ANN)
    await happens(chat.server, lambda: seen(shown(chat.server.homes.get(ANN) or {})))
    return chat.server.homes[ANN]


async def test_app_home_shows_the_persons_channels_and_how_they_stand(chat: Chat) -> None:
    assert "No channel of yours follows" in shown(await home(chat, lambda s: "No channel" in s))
    await chat.say("add reward model")
    view = await home(chat, lambda s: chat.room in s)
    assert "reward model" in shown(view)
    assert "Next posting time" in shown(view)
    assert "arXiv" in shown(view)


async def test_app_home_opens_the_form(chat: Chat) -> None:
    view = await home(chat, lambda s: "Daily papers" in s)
    button = buttons(view)["Follow a keyword"]
    await chat.touch(button, view={"type": "home", "id": "VH"}, channel=None, response_url="")
    assert (await chat.window(1))["callback_id"] == "add_at_home"


# What gets lost


async def test_an_answer_that_gets_lost_is_logged_and_the_next_command_is_heard(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"ok": False, "error": "not_enabled"}  # the app's Home tab is switched off
    chat.server.fail("POST", r"views\.publish", status=200, body=refused)
    await asyncio.to_thread(chat.server.socket.open_home, ANN)
    assert "follows nothing yet" in shown(await chat.say("list"))
    await until(lambda: "answering failed type=event_callback" in caplog.text)


async def test_a_payload_that_makes_no_sense_is_acknowledged_and_the_next_one_is_heard(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    odd: dict[str, dict[str, Any]] = {
        "interactive": {"type": "block_actions"},
        "events_api": {"event": {"type": "message"}},
        "slash_commands": {"text": "list"},
    }
    caplog.set_level(logging.INFO)
    for kind, payload in odd.items():
        await asyncio.to_thread(chat.server.socket.envelope, kind, payload)
    assert "follows nothing yet" in shown(await chat.say("list"))
    assert caplog.text.count("malformed request") == len(odd)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "add « reward model »",
        "add «\u202freward model\u00a0»",
        "add “reward model”",
        "add »reward model«",
    ],
)
def test_quotes_as_phones_type_them_leave_no_spaces_in_the_keyword(text: str) -> None:
    assert typed(text) == 'add "reward model"'


def test_commands_are_named_as_they_are_called_here_and_addresses_can_be_followed() -> None:
    here = "https://example.slack.com/archives/C0000001/p1760000000000100"
    text = f"Posted today 08:00. {address(here)}\nTo go on: {refer_to('resume', 'slack:C0000001')}"
    message = replies.reply_message(Reply(text), command="/arxiv")
    [block] = message["blocks"]
    [said] = block["elements"]
    assert {"type": "link", "url": here, "text": "See the message"} in said["elements"]
    assert {"type": "text", "text": "/arxiv resume"} in said["elements"]
    assert message["text"].endswith("To go on: /arxiv resume")
    panel = ChannelPanel("slack:C0000001", Reply(text, rows=(Row("k", text),)))
    home = home_page(Home(Reply(text), (panel,)), "/arxiv")
    assert json.dumps(home).count('"/arxiv resume"') == 3


# Papers that people keep


async def test_a_paper_is_saved_and_cited_from_its_window(chat: Chat) -> None:
    made = paper(7, "A slow result", authors=("Ada Muster",))
    chat.backend.source.announce(made)
    await chat.touch({"action_id": f"abstract:{made.id}", "value": made.id})
    view = await chat.window(2)
    assert "https://www.alphaxiv.org/abs/2603.00007" in shown(view)
    pressed = buttons(view)
    modal = {"type": "modal", "id": "V9", "private_metadata": view["private_metadata"]}
    await chat.touch(pressed["Save"], view=modal)
    assert "Saved for this channel: A slow result" in shown(await chat.window(4))
    await chat.touch(pressed["Cite"], view=modal)
    assert "@misc{muster2026slow," in shown(await chat.window(6))
    assert len(asked(chat.server, "views.push")) == 2
    assert "A slow result" in shown(await chat.say("saved"))
    assert "no paper yet" in shown(await chat.say("saved", chat.server.open_room()))


async def test_an_export_without_the_scope_for_files_is_shown_as_text(chat: Chat) -> None:
    made = paper(7, "A slow result", authors=("Ada Muster",))
    chat.backend.source.announce(made)
    await chat.say(f"save {made.id}")
    answer = await chat.say("export")
    assert "Without the scope files:write I can't send it as a file." in shown(answer)
    assert "@misc{muster2026slow," in shown(answer)
    assert answer["response_type"] == "ephemeral"
    assert chat.server.files == []


async def test_an_export_is_a_file_in_the_persons_own_conversation(backend: SlackBackend) -> None:
    async with chatting(backend, scopes=(*CHAT, "files:write")) as chat:
        server = chat.server
        backend.source.announce(paper(7, "A slow result"))
        await chat.say("save 2603.00007")
        answer = await chat.say("export ris")
        assert "It is in our conversation" in shown(answer)
        [(channel, name, text)] = server.files
        assert (channel, name) == (conversation_of(ANN), "papers.ris")
        assert "TI  - A slow result" in text
        assert server.rooms[chat.room].messages == []
        for body in (
            {"ok": False, "error": "unknown_method"},
            {"ok": True},
            {"ok": True, "file_id": 1},
        ):
            server.fail("POST", "files.getUploadURLExternal", status=200, body=body)
            answer = await chat.say("export ris")
            assert "I could not send it as a file" in shown(answer)
            assert "TI  - A slow result" in shown(answer)
        assert len(server.texts(ANN)) == 1, "no line announces a file that never came"


# Discussions


@asynccontextmanager
async def discussing(backend: SlackBackend, **more: Any) -> AsyncIterator[tuple[Chat, Slack]]:
    async with chatting(backend, **more) as chat, platform(chat.server, FakeClock()) as slack:
        backend.threads["slack"] = slack
        backend.source.announce(paper(7, "A slow result"))
        yield chat, slack


LATER = START + timedelta(hours=1)


async def deliver(backend: SlackBackend, slack: Slack) -> None:
    while post := await backend.store.claim("slack", LATER, LATER + timedelta(minutes=1)):
        await backend.store.mark_sent(post.key, await slack.send(post), START)


async def test_the_button_discuss_opens_a_thread_and_leads_everybody_to_it(
    backend: SlackBackend,
) -> None:
    async with discussing(backend) as (chat, slack):
        await chat.touch({"action_id": "abstract:2603.00007", "value": "2603.00007"})
        view = await chat.window(2)
        modal = {"type": "modal", "id": "V9", "private_metadata": view["private_metadata"]}
        await chat.touch(buttons(view)["Discuss"], view=modal)
        assert "A slow result is being opened" in shown(await chat.window(4))
        await deliver(backend, slack)
        opening, first = chat.server.rooms[chat.room].messages
        assert first["thread_ts"] == opening["ts"]
        for who in ("U0000001", "U0000002"):
            answer = await chat.say("discuss 2603.00007", user_id=who)
            assert f"?thread_ts={opening['ts']}&cid={chat.room}" in shown(answer)
        assert len(chat.server.rooms[chat.room].messages) == 2


async def test_only_a_member_of_the_channel_opens_a_thread_in_it(backend: SlackBackend) -> None:
    scopes = (*CHAT, "channels:read", "groups:read")
    async with discussing(backend, scopes=scopes) as (chat, slack):
        closed = chat.server.open_room(members=frozenset({"U0000009"}))
        answer = await chat.say("discuss 2603.00007", closed)
        assert "only for members of the channel" in shown(answer)
        chat.server.fail("POST", r"users\.conversations", status=503)
        answer = await chat.say("discuss 2603.00007", user_id="U0000003")
        assert "Slack does not say just now" in shown(answer)
        assert await backend.store.discussion(f"slack:{chat.room}", "2603.00007") is None
        assert "is being opened" in shown(await chat.say("discuss 2603.00007"))
        # Who is no member is led to what is open there.
        answer = await chat.say("discuss 2603.00007", closed, user_id="U0000009")
        await deliver(backend, slack)
        assert "The thread about A slow result: " not in shown(answer)
        assert "See the message" in shown(await chat.say("discuss 2603.00007", closed))


@pytest.mark.parametrize("has_charts", [True, False])
async def test_stats_and_a_preview_are_slacks_charts_and_bars_of_text_where_it_has_none(
    chat: Chat, *, has_charts: bool
) -> None:
    chat.server.has_no_charts = not has_charts
    await chat.say("add reward model")
    await chat.backend.collect()
    chat.backend.source.announce(paper(21, "A reward model", published=chat.backend.clock.now()))
    await chat.backend.collect()
    for words, charts, heading in (
        (
            "stats",
            ["Papers a day by keyword, 30 days", "Share by category, in percent"],
            "Share by",
        ),
        ("preview reward model", ["Submitted a day"], "Submitted a day"),
    ):
        answer = await chat.say(words)
        drawn = [each for each in answer["blocks"] if each["type"] == "data_visualization"]
        assert [each["title"] for each in drawn] == (charts if has_charts else [])
        texts = [each for each in answer["blocks"] if each["type"] != "data_visualization"]
        assert (heading in json.dumps(texts)) != has_charts
        assert heading in answer["text"], "for screen readers"
    assert chat.server.violations == []
