"""App Home as a control panel, invitations, message shortcuts, and who manages a workspace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from adapters.slack import paper_choice, render
from adapters.slack.listeners.shortcuts import LIKE, SAVE, WHY
from bot.model import Channel, Draft, Person
from tests.adapters import samples
from tests.adapters.slack.backend import (
    SlackBackend,
    TickingClock,
    asked,
    buttons,
    shown,
    until,
)
from tests.adapters.slack.test_app import ANN, BO, Slacker, answer_of, workspace_of
from tests.builders import paper
from tests.store.database import queue
from tests.wire.slack_server import CHAT, SlackServer

BOSS = Person("boss", "slack:U0000042")
USERS = (*CHAT, "channels:read", "users:read")


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with SlackServer() as made:
        yield made
        assert made.violations == []


class Member(Slacker):
    """Ann at the app's Home tab."""

    async def home(self, **more: Any) -> dict[str, Any]:
        event = {"type": "app_home_opened", "user": ANN, "tab": "home", "channel": "D0000001"}
        body = {"type": "event_callback", "team_id": "T1", "event": event | more}
        await self.dispatch({**body, "event_id": self.server.new_trigger()})
        return self.server.homes[ANN]

    async def press(self, button: dict[str, Any], **more: Any) -> dict[str, Any]:
        """One of App Home; the page as it is then."""
        action = {"type": "button", "block_id": "b", **button}
        view = {"id": "VH", "type": "home", **_kept(self.server.homes.get(ANN) or {})}
        body = self.button("", channel=None, response_url="", view=view, actions=[action])
        await self.dispatch({**body, **more})
        return self.server.homes[ANN]

    async def submit_window(self, state: dict[str, Any], **view: Any) -> dict[str, Any]:
        """The window that was shown last, filled in; what the acknowledgement makes of it."""
        made = self.server.views[-1]
        values = {name: {name: value} for name, value in state.items()}
        filled = {"id": "V1", "type": "modal", "callback_id": made.get("callback_id", "")}
        filled |= {**_kept(made), "state": {"values": values}, **view}
        body = {
            "type": "view_submission", "user": {"id": ANN, "username": "ann"},
            "team": {"id": "T1"}, "trigger_id": self.server.new_trigger(), "view": filled,
        }  # fmt: skip
        [acknowledged] = await self.dispatch(body)
        return answer_of(acknowledged)

    async def shortcut(self, callback_id: str, message: dict[str, Any], **more: Any) -> None:
        body = {
            "type": "message_action", "callback_id": callback_id, "team": {"id": "T1"},
            "user": {"id": ANN, "username": "ann"}, "channel": {"id": self.room},
            "trigger_id": self.server.new_trigger(), "message": message,
            "response_url": f"{self.server.url}/answers/a", **more,
        }  # fmt: skip
        await self.dispatch(body)

    async def follow(self, *keywords: str, room: str = "") -> None:
        for keyword in keywords:
            await self.backend.commands.add(f"slack:{room or self.room}", BOSS, keyword)
            self.backend.clock.advance(60)


def _kept(view: dict[str, Any]) -> dict[str, Any]:
    return {"private_metadata": view.get("private_metadata", "")}


@pytest.fixture
async def member(server: SlackServer, backend: SlackBackend) -> AsyncIterator[Member]:
    async with workspace_of(server) as workspace:
        yield Member(server, backend, workspace)


# App Home


async def test_at_home_a_member_removes_pauses_and_resumes(member: Member) -> None:
    await member.follow("reward model", "time series")
    page = await member.home()
    assert list(buttons(page)) == [
        "Follow a keyword", "Follow for yourself", "Remove", "Add a keyword", "Pause", "Settings",
    ]  # fmt: skip
    page = await member.press(buttons(page)["Remove"])
    assert "no longer follows time series" in shown(page)
    assert await member.keywords() == ("reward model",)
    assert "ann removed a keyword: time series" in "\n".join(member.server.texts(member.room))
    page = await member.press(buttons(page)["Undo"])
    assert await member.keywords() == ("reward model", "time series")
    page = await member.press(buttons(page)["Pause"])
    assert "Resume" in buttons(page)
    page = await member.press(buttons(page)["Resume"])
    assert "Posting again" in shown(page)


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 429, "headers": {"Retry-After": "3"}}]
)
async def test_a_page_that_slack_does_not_take_is_shown_again(
    member: Member, fault: dict[str, Any]
) -> None:
    await member.follow("reward model")
    page = await member.home()
    member.server.fail("POST", r"views\.publish", times=2, **fault)
    assert "Remove" not in buttons(await member.press(buttons(page)["Remove"]))


async def test_of_two_pages_the_newer_one_stays(member: Member) -> None:
    await member.follow("reward model")
    page = await member.home()
    clock = TickingClock()
    member.workspace.clock = clock
    member.server.fail("POST", r"views\.publish", status=500)
    removing = asyncio.create_task(member.press(buttons(page)["Remove"]))
    await until(lambda: len(asked(member.server, "views.publish")) == 2)
    await member.follow("graph network")
    await member.home()
    clock.advance(60)
    await removing
    assert "graph network" in shown(member.server.homes[ANN])
    assert len(asked(member.server, "views.publish")) == 3, "the older one is given up"


async def test_at_home_are_only_channels_that_the_person_is_in(member: Member) -> None:
    others = member.server.open_room(members=frozenset({BO}))
    await member.follow("reward model")
    await member.follow("secret project", room=others)
    page = shown(await member.home())
    assert "reward model" in page
    assert "secret" not in page
    assert others not in page


async def test_a_conversation_with_the_bot_is_at_home_too(member: Member) -> None:
    page = await member.press(buttons(await member.home())["Follow for yourself"])
    assert "channel" not in {each.get("block_id") for each in member.server.views[-1]["blocks"]}
    window = await member.submit_window({"phrase": {"value": "reward model"}})
    assert "You now follow" in shown(window)
    [hello] = member.server.texts(ANN)
    assert "that you follow for yourself" in hello
    page = await member.home()
    assert "our conversation" in shown(page)
    assert "Follow for yourself" not in buttons(page)
    page = await member.press(buttons(page)["Pause"])
    assert "Paused" in shown(page)
    assert "our conversation" in shown(page), "and it is so on the page that comes of a press"
    await member.press(buttons(page)["Add a keyword"])
    window = await member.submit_window({"phrase": {"value": "time series"}})
    assert "You now follow" in shown(window)
    assert "time series" in shown(member.server.homes[ANN]), "and of a window"


async def test_without_the_scope_home_shows_what_one_added_and_changes_nothing(
    member: Member,
) -> None:
    member.server.scopes = CHAT
    await member.backend.commands.add(f"slack:{member.room}", Person("ann", f"slack:{ANN}"), "xyz")
    page = await member.home()
    assert "xyz" in shown(page)
    assert list(buttons(page)) == ["Follow a keyword", "Follow for yourself"]
    assert "channels:read" in shown(page)


async def test_who_left_a_channel_changes_nothing_there_any_more(member: Member) -> None:
    await member.follow("reward model")
    page = await member.home()
    member.server.rooms[member.room].members = frozenset({BO})
    member.workspace.clock.advance(61)  # type: ignore[attr-defined]
    page = await member.press(buttons(page)["Remove"])
    assert "can't see you in that channel" in shown(page)
    assert await member.keywords() == ("reward model",)


@pytest.mark.parametrize("words", ["pause", "settings", "list", "add", "add spam", "remove #1"])
@pytest.mark.parametrize("seal", ["", ".", f".{'0' * 32}", "whose"])
async def test_a_forged_button_at_home_touches_no_channel(
    member: Member, words: str, seal: str
) -> None:
    await member.follow("reward model")
    before = (await member.backend.store.state()).channels
    sealed = (
        f"{member.room}{seal}" if seal != "whose" else member.membership.sealed(member.room, BO)
    )
    value = f"{sealed} {words}"
    page = await member.press({"action_id": "home:0:0", "value": value})
    assert "can't tell any more which channel" in shown(page)
    assert member.server.views == []
    assert (await member.backend.store.state()).channels == before


async def test_at_home_many_channels_come_a_page_at_a_time(member: Member) -> None:
    for _ in range(11):
        await member.follow("reward model", room=member.server.open_room())
    page = await member.home()
    assert shown(page).count('"Pause"') == 5
    page = await member.press(buttons(page)["More channels"])
    page = await member.press(buttons(page)["More channels"])
    assert shown(page).count('"Pause"') == 1
    assert "More channels" not in buttons(page)
    page = await member.press(buttons(page)["Remove"])
    assert "You are in 10 channels" in shown(page)
    for value in ("", "-1", "0", "99999999999999999", "x"):
        await member.press({"action_id": "page:9", "value": value})


async def test_all_keywords_of_a_channel_open_in_a_window_with_buttons(member: Member) -> None:
    await member.follow(*(f"word {chr(97 + n)}" for n in range(12)))
    page = await member.home()
    await member.press(buttons(page)["All 12 keywords"])
    listed = member.server.views[-1]
    assert "page 1 of 2" in shown(listed)
    inside = {"type": "modal", "id": "V1", **_kept(listed)}
    await member.dispatch(
        member.button(buttons(listed)["More"]["value"], channel=None, view=inside, response_url="")
    )
    assert "page 2 of 2" in shown(member.server.views[-1])


async def test_a_keyword_is_added_from_home_and_home_shows_it(member: Member) -> None:
    await member.follow("reward model")
    page = await member.home()
    await member.press(buttons(page)["Add a keyword"])
    answer = await member.submit_window({"phrase": {"value": "time series"}})
    assert "now follows" in shown(answer)
    assert "time series" in shown(member.server.homes[ANN])


# Settings


async def test_settings_are_changed_in_a_window(member: Member) -> None:
    await member.follow("reward model")
    await member.press(buttons(await member.home())["Settings"])
    window = member.server.views[-1]
    assert {each.get("block_id") for each in window["blocks"]} - {None} == {
        "post_at", "days", "catch_up", "layout", "editors", "updates",
        "group", "mention", "announce_changes", "order",
    }  # fmt: skip
    state = {"post_at": {"value": " 9:30 "}, "layout": {"selected_option": {"value": "messages"}}}
    answer = await member.submit_window(state)
    assert "post_at is now 09:30" in shown(answer)
    [view] = (await member.backend.store.state()).channels
    assert view.channel == Channel(f"slack:{member.room}", post_at="09:30", layout="messages")
    assert "ann changed post_at" in "\n".join(member.server.texts(member.room))
    await member.press(buttons(await member.home())["Settings"])
    assert "09:30" in shown(member.server.views[-1])
    same = {"post_at": {"value": None}, "layout": {"selected_option": {"value": "messages"}}}
    answer = await member.submit_window(same)
    [view] = (await member.backend.store.state()).channels
    assert view.channel == Channel(f"slack:{member.room}", layout="messages")


async def test_a_wrong_setting_is_shown_below_its_field_and_changes_nothing(
    member: Member,
) -> None:
    await member.follow("reward model")
    await member.press(buttons(await member.home())["Settings"])
    answer = await member.submit_window({"post_at": {"value": "25:00"}, "days": {"value": "mon"}})
    assert answer["errors"].keys() == {"post_at"}
    assert "is not a time of day" in answer["errors"]["post_at"]
    [view] = (await member.backend.store.state()).channels
    assert view.channel == Channel(f"slack:{member.room}")


async def test_a_forged_settings_window_changes_nothing(member: Member) -> None:
    await member.follow("reward model")
    await member.press(buttons(await member.home())["Settings"])
    others = member.server.open_room(members=frozenset({BO}))
    for metadata in ("", others, f"{others}.{'0' * 32}", member.membership.sealed(others, ANN)):
        answer = await member.submit_window(
            {"post_at": {"value": "09:30"}}, private_metadata=metadata
        )
        assert answer["errors"].keys() == {"post_at"}
    channels = [view.channel for view in (await member.backend.store.state()).channels]
    assert channels == [Channel(f"slack:{member.room}")]


# Invitations


async def test_the_bot_greets_where_it_is_invited_once_and_nobody_else(member: Member) -> None:
    def joined(user: str) -> dict[str, Any]:
        event = {"type": "member_joined_channel", "user": user, "channel": member.room}
        body = {"type": "event_callback", "team_id": "T1", "event": event}
        return {**body, "event_id": member.server.new_trigger()}

    await member.dispatch(joined(BO))
    assert member.server.texts(member.room) == []
    for _ in range(2):
        await member.dispatch(joined("UBOT"))
    [message] = member.server.rooms[member.room].messages
    assert message["text"].startswith("Hello!")
    assert message["text"].endswith("/papers help")
    await member.dispatch(member.button(buttons(message)["Add a keyword"]["value"]))
    assert member.server.views[-1]["callback_id"] == "add"


async def test_an_invitation_lets_what_was_refused_go_on(member: Member) -> None:
    await member.follow("reward model")
    store, now = member.backend.store, member.backend.clock.now()
    channel = f"slack:{member.room}"
    await queue(store, channel, [("f" * 24, Draft("{}", ()))], now)
    assert await store.claim("slack", now, now)
    await store.refuse("f" * 24, False, now, "I am not in this channel.", 3600)
    assert await store.claim("slack", now, now) is None
    event = {"type": "member_joined_channel", "user": "UBOT", "channel": member.room}
    body = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}
    await member.dispatch(body)
    assert await store.claim("slack", now, now), "it is sent as soon as the service looks"


# Message shortcuts


def digest_message(count: int, layout: str = "inline") -> dict[str, Any]:
    digest = samples.long_day(count)
    channel = Channel("slack:C0123456789", layout=layout)
    [draft, *_] = render.compose(type(digest)(channel, digest.day, digest.why, digest.entries))
    return render.read(draft.payload)


@pytest.mark.parametrize("layout", ["thread", "inline", "list"])
def test_the_papers_of_a_digest_are_found_with_their_titles(layout: str) -> None:
    assert paper_choice.papers_in(digest_message(9, layout)) == {
        f"2611.{n:05d}": f"Study number {n}" for n in range(1, 10)
    }


@pytest.mark.parametrize(
    ("text", "papers"),
    [
        ("look: <https://arxiv.org/abs/2603.01234v2|nice &amp; new>", {"2603.01234": "nice & new"}),
        ("<https://www.alphaxiv.org/abs/2603.01234?a=b|it>", {"2603.01234": "it"}),
        ("<https://arxiv.org/abs/2603.01234> | >", {"2603.01234": "2603.01234"}),
        ("<https://arxiv.org/pdf/hep-th/0408048.pdf>", {"hep-th/0408048": "hep-th/0408048"}),
        ("https://evil.example/abs/2603.01234 and 2603.01234", {}),
        ("<https://arxiv.org/abs/../../x>", {}),
    ],
)
def test_the_papers_of_any_message_are_found(text: str, papers: dict[str, str]) -> None:
    assert paper_choice.papers_in({"text": text}) == papers


async def known_paper(member: Member, *keywords: str) -> str:
    """A paper that was announced, fetched and is due here."""
    made = paper(1, "A Reward Model for Graphs")
    member.backend.source.announce(made)
    await member.follow(*keywords)
    await member.backend.collect()
    return made.id


def about(*paper_ids: str) -> dict[str, Any]:
    text = " ".join(f"<https://arxiv.org/abs/{each}|Title of {each}>" for each in paper_ids)
    return {"type": "message", "ts": "1.0", "text": text}


async def test_why_here_answers_in_a_window(member: Member) -> None:
    paper_id = await known_paper(member, "reward model")
    await member.shortcut(WHY, about(paper_id))
    assert "It matches reward model (in the title)" in shown(member.server.views[-1])


async def test_save_papers_saves_all_of_a_message(member: Member) -> None:
    papers = [paper(number) for number in (1, 2)]
    member.backend.source.announce(*papers)
    await member.shortcut(SAVE, about(*(each.id for each in papers), "2603.00009"))
    assert "Saved 2 papers for this channel." in shown(member.server.views[-1])
    await member.shortcut(SAVE, {"type": "message", "ts": "1.0", "text": "nothing"})
    assert "I see no paper in this message" in shown(member.server.views[-1])


async def test_why_here_asks_which_paper_of_several(member: Member) -> None:
    paper_id = await known_paper(member, "reward model")
    await member.shortcut(WHY, about("2603.00009", paper_id))
    assert "Title of 2603.00009" in shown(member.server.views[-1])
    answer = await member.submit_window({"paper": {"selected_option": {"value": paper_id}}})
    assert "It matches reward model (in the title)" in shown(answer)


async def test_why_here_without_a_paper_or_a_window_is_answered_for_the_person(
    member: Member,
) -> None:
    await member.shortcut(WHY, about())
    assert "I see no paper in this message" in member.said()
    refused = {"ok": False, "error": "expired_trigger_id"}
    member.server.fail("POST", r"views\.open", status=200, body=refused, times=2)
    await member.shortcut(WHY, about("2603.00008", "2603.00009"))
    assert "Which paper?" in member.said()
    await member.shortcut(WHY, about("2603.00009"))
    assert "2603.00009" in shown(member.server.answers["a"][-1])


async def test_follow_like_this_fills_the_form_with_the_keyword_that_matched(
    member: Member,
) -> None:
    paper_id = await known_paper(member, "ti:reward -survey", "protein")
    await member.shortcut(LIKE, about(paper_id))
    form = member.server.views[-1]
    assert form["blocks"][1]["element"]["initial_value"] == "ti:reward -survey"
    other = member.server.open_room()
    state = {"phrase": {"value": "ti:reward -survey"}, "channel": {"selected_conversation": other}}
    assert "now follows" in shown(await member.submit_window(state))
    assert await member.keywords(other) == ("ti:reward -survey",)


async def test_follow_like_one_of_several_fills_the_form_with_its_keyword(member: Member) -> None:
    paper_id = await known_paper(member, "reward model")
    await member.shortcut(LIKE, about("2603.00009", paper_id))
    answer = await member.submit_window({"paper": {"selected_option": {"value": paper_id}}})
    assert answer["view"]["blocks"][1]["element"]["initial_value"] == "reward model"
    assert answer["view"]["callback_id"] == "add"


@pytest.mark.parametrize("callback_id", [WHY, LIKE])
@pytest.mark.parametrize("value", ["", "2603.00001; drop", "../../x", "\x00", "#1f2e3d4c5b6a"])
async def test_a_forged_choice_of_a_paper_is_refused_in_words(
    member: Member, callback_id: str, value: str
) -> None:
    await member.shortcut(callback_id, about("2603.00008", "2603.00009"))
    answer = await member.submit_window({"paper": {"selected_option": {"value": value}}})
    said = shown(answer)
    assert "choose one" in said or "is not an arXiv id" in said


# Who manages


async def test_an_administrator_of_the_workspace_manages_where_slack_says_so(
    member: Member,
) -> None:
    member.server.scopes = USERS
    member.restart(BO)
    await member.dispatch(member.command("add reward model"))
    assert "Please ask one of them" in member.said()
    member.server.people[ANN] = {"is_admin": True}
    member.workspace.clock.advance(61)  # type: ignore[attr-defined]
    await member.dispatch(member.command("add reward model"))
    assert await member.keywords() == ("reward model",)
    assert len(asked(member.server, "users.info")) == 2, "for a minute it is remembered"


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"is_admin": True, "deleted": True},
        {"is_admin": True, "is_stranger": True},
        {"is_admin": True, "team_id": "T2"},
        {"is_admin": "yes", "is_owner": None},
    ],
)
async def test_nobody_else_manages_beside_the_list(member: Member, about: dict[str, Any]) -> None:
    member.server.scopes = USERS
    member.server.people[ANN] = about
    member.restart(BO)
    await member.dispatch(member.command("add reward model"))
    assert await member.keywords() == ()


@pytest.mark.parametrize("fault", ["scope", "answer", "no user", "odd user"])
async def test_where_slack_does_not_say_who_somebody_is_the_list_decides(
    member: Member, fault: str
) -> None:
    member.server.people[ANN] = {"is_admin": True}
    if fault != "scope":
        member.server.scopes = USERS
    if fault == "answer":
        member.server.fail("POST", r"users\.info", status=500, times=9)
    elif fault != "scope":
        odd = {"ok": True} if fault == "no user" else {"ok": True, "user": ["is_admin"]}
        member.server.fail("POST", r"users\.info", status=200, body=odd, times=9)
    member.restart(BO)
    await member.dispatch(member.command("add reward model"))
    assert await member.keywords() == ()
    await member.dispatch(member.command("add reward model", user_id=BO))
    assert await member.keywords() == ("reward model",)


async def test_a_stranger_of_another_organisation_reads_and_changes_nothing(
    member: Member,
) -> None:
    stranger = {"id": BO, "username": "bo", "team_id": "T9"}
    await member.dispatch(member.button("add reward model", user=stranger))
    assert "Please ask one of them" in member.said()
    await member.dispatch(member.button("list", user=stranger))
    assert "follows nothing yet" in member.said()
    member.restart(BO)
    await member.dispatch(member.button("add reward model", user=stranger))
    assert await member.keywords() == ("reward model",)
