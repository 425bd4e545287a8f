"""What a member of a Discord server sees who types /papers or presses a button."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import discord
import pytest
from discord.http import Route

from adapters.discord.buttons import check_server
from adapters.discord.limits import nested
from adapters.discord.mentions import CommandMentions
from adapters.discord.render import compose, read
from adapters.discord.replies import plain_view, reply_view
from bot.core.channel_settings import CHANNEL_SETTINGS
from bot.errors import SourceDown
from bot.model import Channel, Digest, Draft, Entry, Paper, Receipt, Reply, Why
from bot.references import address, refer_to
from tests.adapters.discord.backend import DiscordBackend, buttons, components, texts
from tests.builders import paper
from tests.fakes import START

Env = Any
MANAGE = discord.Permissions(manage_channels=True)
GOVERN = discord.Permissions(manage_guild=True)


class Server:
    """A server with a channel, a manager, a governor and a member without rights."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self.guild = env.create_guild()
        self.channel = self.guild.create_text_channel("papers")
        managers = self.guild.create_role("managers", permissions=MANAGE)
        governors = self.guild.create_role("governors", permissions=GOVERN)
        self.ann = self.guild.add_member(env.create_user("ann"), roles=[managers])
        self.gov = self.guild.add_member(env.create_user("gov"), roles=[managers, governors])
        self.bob = self.guild.add_member(env.create_user("bob"))

    @property
    def here(self) -> str:
        return f"discord:{self.channel.id}"

    async def say(self, who: Any, command: str, **options: Any) -> Any:
        result = await who.slash(self.channel, f"papers {command}", **options)
        assert result.ephemeral, "nobody else is shown what one person asked"
        return result.response


@pytest.fixture
def server(simcord_env: Env) -> Server:
    return Server(simcord_env)


async def keywords(backend: DiscordBackend, server: Server) -> list[str]:
    return [s.keyword.text for s in await backend.store.subscriptions(server.here)]


async def test_a_manager_adds_a_keyword_and_the_channel_hears_of_it(
    backend: DiscordBackend, server: Server
) -> None:
    backend.source.announce(*(paper(n, f"Reward model {n}") for n in range(1, 9)))
    answer = await server.say(server.ann, "add", keyword="reward model")
    said = texts(answer)
    assert "This channel now follows reward model" in said
    assert "8 papers in the last 7 days" in said
    assert said.count("https://arxiv.org/abs/") == 3, "the newest three"
    assert await keywords(backend, server) == ["reward model"]
    [line] = [m for m in server.channel.history() if "added a keyword" in texts(m)]
    assert "ann added a keyword: reward model" in texts(line)


async def test_a_member_without_rights_reads_everything_and_changes_nothing(
    backend: DiscordBackend, server: Server
) -> None:
    await server.say(server.ann, "add", keyword="reward model")
    before = len(server.channel.history())
    for command, options in (
        ("add", {"keyword": "graph network"}),
        ("remove", {"keyword": "reward model"}),
        ("pause", {}),
        ("resume", {}),
        ("resend", {"key": "0123456789abcdef01234567"}),
        ("settings", {"name": "days", "value": "daily"}),
    ):
        answer = await server.say(server.bob, command, **options)
        assert "for those who manage the channel" in texts(answer), command
        assert buttons(answer) == {}, command
    assert await keywords(backend, server) == ["reward model"]
    for command, options in (
        ("list", {}),
        ("status", {}),
        ("settings", {}),
        ("help", {}),
        ("why", {"paper": "2603.00001"}),
        ("preview", {"keyword": "graph network"}),
    ):
        assert texts(await server.say(server.bob, command, **options))
    assert len(server.channel.history()) == before, "reading is nobody else's business"


async def test_the_channel_is_opened_to_its_members_by_who_governs_the_server_alone(
    backend: DiscordBackend, server: Server
) -> None:
    refused = await server.say(server.ann, "settings", name="editors", value="members")
    assert "Only those who run this server may change editors" in texts(refused)
    await server.say(server.gov, "settings", name="editors", value="members")
    await server.say(server.bob, "add", keyword="reward model")
    assert await keywords(backend, server) == ["reward model"]


async def test_a_keyword_is_removed_from_the_list_and_put_back_with_undo(
    backend: DiscordBackend, server: Server
) -> None:
    await server.say(server.ann, "add", keyword="reward model")
    result = await server.ann.slash(server.channel, "papers list")
    assert "reward model" in texts(result.response)
    pressed = await server.ann.click(result.response, custom_id=buttons(result.response)["Remove"])
    assert pressed.acknowledged
    assert await keywords(backend, server) == []
    shown = result.response if "no longer" in texts(result.response) else pressed.response
    assert "no longer follows reward model" in texts(shown)
    await server.ann.click(shown, custom_id=buttons(shown)["Undo"])
    assert await keywords(backend, server) == ["reward model"]


async def test_several_keywords_are_removed_with_a_menu_and_the_list_is_one_press_away(
    backend: DiscordBackend, server: Server
) -> None:
    for number in range(3):
        await server.say(server.ann, "add", keyword=f"topic number{number}")
    result = await server.ann.slash(server.channel, "papers list")
    [menu] = [part for part in nested(components(result.response)) if part["type"] == 3]
    assert menu["max_values"] == 3
    values = [option["value"] for option in menu["options"][:2]]
    await server.ann.select(result.response, values, custom_id=menu["custom_id"])
    assert await keywords(backend, server) == ["topic number2"]
    assert "no longer follows 2 keywords:" in texts(result.response)
    await server.ann.click(result.response, label="Back to list")
    assert "This channel follows 1 keyword" in texts(result.response)
    assert any(
        "ann removed 2 keywords: topic number0, topic number1" in texts(message)
        for message in server.channel.history()
    )


async def test_a_refused_press_leaves_the_list_as_it_is(
    backend: DiscordBackend, server: Server
) -> None:
    await server.say(server.ann, "add", keyword="reward model")
    plain = await server.bob.slash(server.channel, "papers list")
    assert buttons(plain.response) == {}, "who may not change anything sees no buttons for it"
    await server.say(server.gov, "settings", name="editors", value="members")
    result = await server.bob.slash(server.channel, "papers list")
    before = texts(result.response)
    await server.say(server.gov, "settings", name="editors", value="managers")
    pressed = await server.bob.click(result.response, label="Remove")
    [refusal] = pressed.followups
    assert "for those who manage the channel" in texts(refusal)
    assert texts(result.response) == before
    assert await keywords(backend, server) == ["reward model"]


async def test_remove_completes_from_the_channels_own_keywords(
    backend: DiscordBackend, server: Server
) -> None:
    await server.say(server.ann, "add", keyword="reward model")
    await server.say(server.ann, "add", keyword="graph network")
    found = await server.ann.autocomplete(server.channel, "papers remove", "keyword", "NET")
    assert [choice["value"] for choice in found] == ["graph network"]


async def test_a_keyword_too_long_for_a_choice_is_completed_and_removed_all_the_same(
    backend: DiscordBackend, server: Server
) -> None:
    words = " OR ".join(f'"topic number{n}"' for n in range(7))
    for category in ("cs.LG", "cs.CL"):
        await server.say(server.ann, "add", keyword=f"({words}) AND cat:{category}")
    found = await server.ann.autocomplete(server.channel, "papers remove", "keyword", "CS.cl")
    [choice] = found
    assert len(choice["name"]) == 100
    assert choice["name"].startswith('("topic number0" OR')
    assert choice["name"].endswith("AND cat:cs.CL")
    answer = await server.say(server.ann, "remove", keyword=choice["value"])
    assert "no longer follows" in texts(answer)
    assert await keywords(backend, server) == [f"({words}) AND cat:cs.LG"]


async def test_a_mistake_is_pointed_at_and_only_its_author_sees_it(
    backend: DiscordBackend, server: Server
) -> None:
    answer = await server.say(server.ann, "add", keyword="(reward model")
    assert "never closed" in texts(answer)
    assert "^" in texts(answer)
    assert server.channel.history() == []


async def test_add_alone_opens_a_form_in_which_a_keyword_is_put_together(
    backend: DiscordBackend, server: Server
) -> None:
    opened = await server.ann.slash(server.channel, "papers add")
    answer = await server.ann.submit_modal(
        opened, filled("reward model", field="ti", categories="cs.LG, cat:stat.ML")
    )
    assert answer.ephemeral
    assert "now follows" in texts(answer.response)
    assert await keywords(backend, server) == ["ti:(reward model) AND (cat:cs.LG OR cat:stat.ML)"]
    listed = await server.ann.slash(server.channel, "papers list")
    opened = await server.ann.click(listed.response, label="Add a keyword")
    await server.ann.submit_modal(opened, filled("graph network"))
    assert "graph network" in await keywords(backend, server)
    told = [texts(each) for each in server.channel.history()]
    assert any("ann added a keyword: graph network" in each for each in told)


@pytest.mark.parametrize("mistake", ["(reward model", "(" + "reward model " * 12])
async def test_a_mistake_in_the_form_is_pointed_at_and_can_be_edited(
    backend: DiscordBackend, server: Server, mistake: str
) -> None:
    opened = await server.ann.slash(server.channel, "papers add")
    answer = await server.ann.submit_modal(opened, filled(mistake))
    assert "never closed" in texts(answer.response)
    again = await server.ann.click(answer.response, label="Edit")
    [phrase, *_] = [
        part["component"] for part in again.modal["components"] if part["component"]["type"] == 4
    ]
    assert phrase.get("value", "") == (mistake if len(mistake) < 90 else "")
    await server.ann.submit_modal(again, filled("reward model"))
    assert await keywords(backend, server) == ["reward model"]


async def test_a_mistake_is_pointed_at_in_what_was_typed_and_nothing_chosen_is_lost(
    backend: DiscordBackend, server: Server
) -> None:
    opened = await server.ann.slash(server.channel, "papers add")
    answer = await server.ann.submit_modal(opened, filled("reward) model", "ti", "cs.LG, stat.ML"))
    assert "never opened" in texts(answer.response)
    assert "cs.LG" not in texts(answer.response), "that was not typed"
    again = await server.ann.click(answer.response, label="Edit")
    shown = json.dumps(again.modal)
    assert '"value": "reward) model"' in shown
    assert '"value": "cs.LG, stat.ML"' in shown
    assert re.search(r'"value": "ti"[^}]*"default": true', shown)


def filled(phrase: str, field: str = "any", categories: str = "", name: str = "") -> dict[str, Any]:
    return {"phrase": phrase, "field": [field], "categories": categories, "name": name}


async def test_a_name_is_an_option_and_a_field_of_the_form_and_means_nothing_to_discord(
    backend: DiscordBackend, server: Server
) -> None:
    answer = await server.say(server.ann, "add", keyword="graph", name="<@&1> **G** @everyone")
    assert r"\*\*G\*\*" in texts(answer)
    assert not re.search("<@&1>|@everyone", texts(answer))
    opened = await server.ann.slash(server.channel, "papers add")
    refused = await server.ann.submit_modal(opened, filled("(x", name="Rewards"))
    again = await server.ann.click(refused.response, label="Edit")
    assert '"value": "Rewards"' in json.dumps(again.modal)
    await server.ann.submit_modal(again, filled("reward model", name="Rewards"))
    followed = await backend.store.subscriptions(server.here)
    assert [each.keyword.described for each in followed] == [
        "<@&1> **G** @everyone (graph)",
        "Rewards (reward model)",
    ]


async def test_a_silent_arxiv_keeps_nobody_from_adding(
    backend: DiscordBackend, server: Server
) -> None:
    backend.source.faults = [SourceDown("timed out")]
    answer = await server.say(server.ann, "add", keyword="reward model")
    assert "arXiv is not answering right now" in texts(answer)
    assert await keywords(backend, server) == ["reward model"]


async def test_where_the_bot_may_not_write_the_one_who_adds_is_told_what_is_missing(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    silent = discord.PermissionOverwrite(send_messages=False)
    server.channel = server.guild.create_text_channel(
        "quiet", overwrites={simcord_env.bot.user: silent}
    )
    answer = await server.say(server.ann, "add", keyword="reward model")
    assert "I lack Send Messages" in texts(answer)
    assert "under Permissions" in texts(answer)
    assert await keywords(backend, server) == ["reward model"]


async def test_an_abstract_is_shown_to_who_asks_also_after_a_restart(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    backend.source.announce(paper(1, "Reward model", abstract="We look at $x^2$ and *stars*."))
    entry = Entry(paper(1, "Reward model"), ("reward model",))
    [draft] = compose(Digest(Channel(server.here), START.date(), Why.NEW, (entry,)))
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=server.channel.id)
    await simcord_env.bot.http.request(route, json=read(draft.payload).body)
    for _ in range(2):
        pressed = await server.bob.click(server.channel.last_message, label="Abstract")
        assert pressed.ephemeral
        assert r"We look at x² and \*stars\*." in texts(pressed.response)
        await simcord_env.restart_bot(backend.new_client())
    assert len(server.channel.history()) == 1, "the channel stays as it was"


async def test_a_paper_with_a_line_of_its_own_is_opened_with_the_menu_below(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    papers = [paper(n, f"Reward model {n}", abstract=f"Abstract {n}.") for n in range(1, 36)]
    backend.source.announce(*papers)
    entries = tuple(Entry(each, ("reward model",)) for each in papers)
    digest = Digest(Channel(server.here), START.date(), Why.NEW, entries, in_full=10)
    drafts = compose(digest)
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=server.channel.id)
    for draft in drafts:
        await simcord_env.bot.http.request(route, json=read(draft.payload).body)
    await simcord_env.restart_bot(backend.new_client())
    [*_, message] = server.channel.history()
    menus = [part for part in nested(components(message)) if part["type"] == 3]
    chosen = menus[-1]["options"][-1]
    pressed = await server.bob.select(message, [chosen["value"]], custom_id=menus[-1]["custom_id"])
    assert pressed.ephemeral
    number = chosen["label"].removeprefix("Reward model ")
    assert f"Abstract {number}." in texts(pressed.response)


async def test_a_request_for_the_abstract_of_an_unknown_paper_gets_a_kind_answer(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    backend.source.faults = [SourceDown("timed out")]
    entry = Entry(paper(1, "Reward model"), ("reward model",))
    [draft] = compose(Digest(Channel(server.here), START.date(), Why.NEW, (entry,)))
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=server.channel.id)
    await simcord_env.bot.http.request(route, json=read(draft.payload).body)
    pressed = await server.bob.click(server.channel.last_message, label="Abstract")
    assert "arXiv gave no usable answer" in texts(pressed.response)


async def test_help_names_every_command_that_there_is(
    server: Server, backend: DiscordBackend
) -> None:
    said = texts(await server.say(server.bob, "help"))
    papers = backend.client.tree.get_command("papers")
    for command in papers.commands:  # type: ignore[union-attr]
        if command.name != "help":
            assert re.search(rf"\n/papers {command.name}\b", said), command.name
    assert "/papers add reward model" in said
    assert "### Keywords\n" in said
    assert "```" not in said, "aligned columns do not wrap on a phone"


async def test_times_are_shown_with_their_distance_from_the_readers_now(
    backend: DiscordBackend, server: Server
) -> None:
    backend.source.announce(*(paper(n, f"Reward model {n}") for n in range(1, 3)))
    await server.say(server.ann, "add", keyword="reward model")
    await backend.collect()
    said = texts(await server.say(server.bob, "status"))
    following = START.replace(hour=9)
    assert f"today 08:00 (<t:{START.timestamp():.0f}:R>)" in said
    assert f"Next posting time: today 09:00 (<t:{following.timestamp():.0f}:R>)." in said
    assert set(re.findall(r"(?:today|tomorrow) \d\d:\d\d(.{5})", said)) == {" (<t:"}
    why = texts(await server.say(server.bob, "why", paper="2603.00001"))
    assert "(<t:" in why


async def test_a_long_list_has_pages(backend: DiscordBackend, server: Server) -> None:
    for number in range(12):
        await server.say(server.ann, "add", keyword=f"topic number{number}")
    result = await server.ann.slash(server.channel, "papers list")
    assert "page 1 of 2" in texts(result.response)
    await server.ann.click(result.response, custom_id=buttons(result.response)["More"])


async def test_hostile_words_are_shown_as_words(backend: DiscordBackend, server: Server) -> None:
    answer = await server.say(server.ann, "add", keyword="everyone AND here")
    assert "@everyone" not in texts(answer)
    for message in server.channel.history():
        assert not message.mentions
        assert not message.mention_everyone


async def test_in_a_thread_its_channel_is_meant(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    channel = simcord_env.bot.get_channel(server.channel.id)
    await channel.create_thread(name="today", type=discord.ChannelType.public_thread)
    [thread] = server.channel.threads
    await server.ann.slash(thread, "papers add", keyword="reward model")
    assert await keywords(backend, server) == ["reward model"]


async def test_in_a_forum_the_post_hears_of_the_change(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    server.channel = server.guild.create_forum_channel("papers")
    forum = simcord_env.bot.get_channel(server.channel.id)
    await forum.create_thread(name="today", content="What do we follow?")
    [thread] = server.channel.threads
    answer = await server.ann.slash(thread, "papers add", keyword="reward model")
    assert "could not tell" not in texts(answer.response)
    assert await keywords(backend, server) == ["reward model"]
    assert any("ann added a keyword" in texts(message) for message in thread.history())


async def test_choosing_threads_names_the_permission_that_they_need(
    server: Server, simcord_env: Env
) -> None:
    whole = discord.PermissionOverwrite(create_public_threads=False)
    server.channel = server.guild.create_text_channel(
        "narrow", overwrites={simcord_env.bot.user: whole}
    )
    other = await server.say(server.ann, "settings", name="days", value="daily")
    assert "I lack" not in texts(other)
    answer = await server.say(server.ann, "settings", name="layout", value="thread")
    assert "I lack Create Public Threads" in texts(answer)


@pytest.mark.parametrize("name", CHANNEL_SETTINGS)
async def test_every_value_that_is_offered_for_a_setting_is_taken(
    server: Server, name: str
) -> None:
    server.guild.create_role("readers", mentionable=True)
    found = await server.gov.autocomplete(server.channel, "papers settings", "value", "", name=name)
    assert len(found) > 2
    for choice in found:
        answer = await server.say(server.gov, "settings", name=name, value=choice["value"])
        assert f"Changed: {name} is" in texts(answer).replace("\\", ""), choice


async def test_only_roles_that_a_person_may_mention_are_offered_and_taken(
    backend: DiscordBackend, server: Server
) -> None:
    readers = server.guild.create_role("readers", mentionable=True)
    closed = server.guild.create_role("staff")
    found = await server.ann.autocomplete(
        server.channel, "papers settings", "value", "", name="mention"
    )
    assert [each["name"] for each in found] == ["none", "@readers", "default"]
    for role in (closed.id, server.guild.id, 1142000000000000999):
        answer = await server.say(server.ann, "settings", name="mention", value=str(role))
        assert "Changed" not in texts(answer)
    everyone = await server.say(server.ann, "settings", name="mention", value="@everyone")
    assert "everybody" in texts(everyone)
    await server.say(server.ann, "settings", name="mention", value=f"<@&{readers.id}>")
    [view] = (await backend.store.state(server.here)).channels
    assert view.channel.mention == str(readers.id)


async def test_a_channel_that_wants_no_lines_about_changes_gets_none(
    backend: DiscordBackend, server: Server
) -> None:
    await server.say(server.ann, "settings", name="announce_changes", value="false")
    before = len(server.channel.history())
    answer = await server.say(server.ann, "add", keyword="reward model")
    assert "now follows" in texts(answer)
    assert len(server.channel.history()) == before
    await server.say(server.ann, "settings", name="announce_changes", value="default")
    await server.say(server.ann, "add", keyword="graph")
    said = "\n".join(map(texts, server.channel.history()))
    assert "ann added a keyword: graph" in said
    assert "reward model" not in said


async def test_mondays_are_offered_for_the_days(server: Server) -> None:
    found = await server.ann.autocomplete(
        server.channel, "papers settings", "value", "mond", name="days"
    )
    assert [(each["name"], each["value"]) for each in found] == [("weekly, on Mondays", "weekly")]


async def test_commands_are_written_to_discord_only_when_they_changed(
    backend: DiscordBackend, simcord_env: Env
) -> None:
    def writes() -> int:
        return sum(r.method == "PUT" and "commands" in r.path for r in simcord_env.http_requests)

    assert writes() == 1
    await simcord_env.restart_bot(backend.new_client())
    assert writes() == 1


def test_an_id_and_an_address_in_an_answer_are_copied_as_they_are() -> None:
    here = "https://discord.com/channels/1142000000000000000/1142000000000000001/11420000000000002"
    text = f"2603.01234: A (very) bold_title\nPosted today 08:00: {address(here)}\nSee {here}"
    [said] = reply_view(Reply(text)).children
    assert isinstance(said, discord.ui.TextDisplay)
    first, second, third = said.content.split("\n")
    assert first == r"2603.01234: A (very) bold\_title"
    assert second.endswith(f": {here}")
    assert here not in third, "what others wrote becomes no link"


def test_a_command_in_a_text_that_points_at_a_mistake_is_shown_as_it_is_typed() -> None:
    format_command = CommandMentions()
    text = f"There is no such field.\n  xx:reward\n  ^\nTry {refer_to('add reward')}"
    [said] = plain_view(text, format_command).children
    assert isinstance(said, discord.ui.TextDisplay)
    assert said.content.startswith("```")
    assert "Try /papers add reward" in said.content


async def test_in_a_server_that_bot_toml_does_not_name_all_is_refused_and_nothing_kept(
    backend: DiscordBackend, server: Server
) -> None:
    backend.source.announce(paper(1, "Reward model 1"))
    await server.say(server.gov, "add", keyword="reward model")
    listed = await server.gov.slash(server.channel, "papers list")
    before = len(server.channel.history())
    backend.client.handler.servers = frozenset({"1142000000000000000"})
    for command, options in (
        ("add", {"keyword": "graph network"}),
        ("remove", {"keyword": "reward model"}),
        ("pause", {}),
        ("settings", {"name": "editors", "value": "members"}),
        ("status", {}),
        ("help", {}),
    ):
        said = texts(await server.say(server.gov, command, **options))
        assert "only in the servers that my host has named" in said, command
        assert str(server.guild.id) in said, "whoever hosts it is told what to add"
    refused = await server.gov.click(listed.response, label="Remove")
    assert "only in the servers" in texts(refused.response)
    assert refused.ephemeral
    assert await server.gov.autocomplete(server.channel, "papers remove", "keyword", "re") == []
    assert await keywords(backend, server) == ["reward model"]
    assert len(server.channel.history()) == before
    backend.client.handler.servers = frozenset({str(server.guild.id)})
    await server.gov.click(listed.response, label="Remove")
    assert await keywords(backend, server) == []


def test_every_button_menu_and_form_asks_first_whether_its_server_is_served() -> None:
    interactive = [*discord.ui.DynamicItem.__subclasses__(), *discord.ui.Modal.__subclasses__()]
    ours = [each for each in interactive if each.__module__.startswith("adapters.discord")]
    assert len(ours) >= 4
    for each in ours:
        assert vars(each)["interaction_check"] is check_server, each


# -- papers that people keep ----------------------------------------------------------------------


async def post(server: Server, body: dict[str, Any]) -> Any:
    route = Route("POST", "/channels/{channel_id}/messages", channel_id=server.channel.id)
    await server.env.bot.http.request(route, json=body)
    return server.channel.last_message


async def test_a_paper_is_saved_cited_and_exported_for_one_person_alone(
    backend: DiscordBackend, server: Server
) -> None:
    known = paper(1, "A slow result", authors=("Ada Muster",))
    backend.source.announce(known)
    digest = Digest(Channel(server.here), START.date(), Why.NEW, (Entry(known, ("slow",)),))
    [draft] = compose(digest)
    posted = await post(server, read(draft.payload).body)
    shown = (await server.bob.click(posted, custom_id=f"abs:{known.id}")).response
    links = [part.get("url") for part in nested(components(shown))]
    assert "https://arxiv.org/html/2603.00001" in links
    assert "https://www.alphaxiv.org/abs/2603.00001" in links
    saved = await server.bob.click(shown, custom_id=f"paper:save {known.id}")
    assert saved.ephemeral
    assert "Saved for this channel: A slow result" in texts(saved.response)
    assert "by bob" in texts(await server.say(server.ann, "saved"))
    cited = await server.bob.click(shown, custom_id=f"paper:cite {known.id}")
    assert "@misc{muster2026slow," in texts(cited.response)
    exported = await server.say(server.ann, "export", format="ris")
    [attached] = exported.attachments
    assert attached.filename == "papers.ris"
    assert "TI  - A slow result" in (await attached.read()).decode()
    assert "no paper" in texts(await server.say(server.ann, "saved", mine=True))
    again = await server.bob.click(shown, custom_id=f"paper:save {known.id}")
    assert "Taken back" in texts(again.response)


async def test_all_papers_of_a_digest_are_saved_from_its_menu(
    backend: DiscordBackend, server: Server
) -> None:
    papers = [paper(n, f"Slow {n}") for n in range(1, 4)]
    backend.source.announce(*papers)
    entries = tuple(Entry(each, ("slow",)) for each in papers)
    [draft] = compose(Digest(Channel(server.here), START.date(), Why.NEW, entries))
    posted = await post(server, read(draft.payload).body)
    done = await server.bob.context_menu(server.channel, "Save papers", posted)
    assert done.ephemeral
    assert "Saved 3 papers for this channel." in texts(done.response)
    backend.source.announce(paper(4, "Slow 4"), paper(5, "Slow 5"))
    written = "https://arxiv.org/pdf/2603.00004v2\nhttps://www.alphaxiv.org/abs/2603.00005"
    line = await server.bob.send(server.channel, written)
    done = await server.bob.context_menu(server.channel, "Save papers", line)
    assert "Saved 2 papers for this channel." in texts(done.response)
    line = await server.bob.send(server.channel, "nothing here")
    done = await server.bob.context_menu(server.channel, "Save papers", line)
    assert "I see no paper in this message" in texts(done.response)


async def test_who_wants_to_be_forgotten_presses_twice(
    backend: DiscordBackend, server: Server
) -> None:
    backend.source.announce(paper(1))
    await server.say(server.bob, "save", paper="2603.00001")
    question = await server.say(server.bob, "forget-me")
    assert "This deletes 1 saved paper" in texts(question)
    done = await server.bob.click(question, custom_id="say:forget-me now")
    assert "Deleted: 1 saved paper" in texts(done.response)


async def test_stats_are_a_picture_that_is_described_in_place_of_bars(
    backend: DiscordBackend, server: Server
) -> None:
    pytest.importorskip("matplotlib")
    await server.say(server.ann, "add", keyword="reward model")
    await backend.collect()
    empty = await server.say(server.ann, "stats")
    assert "got 0 papers" in texts(empty)
    assert "Papers by keyword" in texts(empty), "bars of text where there is nothing to draw"
    backend.source.announce(paper(21, "A reward model"))
    await backend.collect()
    answer = await server.say(server.ann, "stats")
    assert "got 1 paper" in texts(answer)
    assert "Papers by keyword" not in texts(answer)
    [gallery] = [each for each in components(answer) if each["type"] == 12]
    [item] = gallery["items"]
    assert "reward model 1.0" in item["description"]
    preview = await server.say(server.ann, "preview", keyword="reward model")
    [gallery] = [each for each in components(preview) if each["type"] == 12]
    assert "Submitted a day: " in gallery["items"][0]["description"]
    assert "Submitted a day" not in texts(preview)


async def test_what_is_muted_is_hidden_and_offered_for_the_end_of_it(
    backend: DiscordBackend, server: Server
) -> None:
    answer = await server.say(server.ann, "mute", keyword="survey")
    assert "now mutes survey" in texts(answer)
    found = await server.ann.autocomplete(server.channel, "papers unmute", "keyword", "sur")
    assert [each["name"] for each in found] == ["survey"]
    await server.say(server.ann, "unmute", keyword=found[0]["value"])
    assert await backend.store.mutes(server.here) == ()


class OneThread:
    """Holds threads, for what does not depend on how."""

    def discussion(self, paper: Paper) -> list[Draft]:
        return [Draft("{}", ()), Draft("{}", (), parent=0)]

    async def thread_exists(self, channel: Channel, opening: Receipt, first: Receipt) -> bool:
        return True


async def test_discuss_is_for_who_may_start_threads_and_names_what_the_bot_lacks(
    backend: DiscordBackend, server: Server, simcord_env: Env
) -> None:
    backend.source.announce(paper(1, "A slow result"))
    backend.threads["discord"] = OneThread()
    denied = discord.PermissionOverwrite(create_public_threads=False)
    silent = discord.PermissionOverwrite(send_messages_in_threads=False)
    for name, overwrites, said in (
        ("mine", {server.bob.user: denied}, "You lack Create Public Threads."),
        ("theirs", {simcord_env.bot.user: silent}, "I lack Send Messages in Threads."),
    ):
        server.channel = server.guild.create_text_channel(name, overwrites=overwrites)
        assert said in texts(await server.say(server.bob, "discuss", paper="2603.00001"))
        assert await backend.store.discussion(server.here, "2603.00001") is None


async def test_a_thread_is_opened_by_a_button_below_the_abstract(
    backend: DiscordBackend, server: Server
) -> None:
    known = paper(1, "A slow result")
    backend.source.announce(known)
    backend.threads["discord"] = OneThread()
    digest = Digest(Channel(server.here), START.date(), Why.NEW, (Entry(known, ()),))
    posted = await post(server, read(compose(digest)[0].payload).body)
    shown = (await server.bob.click(posted, custom_id=f"abs:{known.id}")).response
    pressed = await server.bob.click(shown, custom_id=f"paper:discuss {known.id}")
    assert pressed.ephemeral
    assert "The thread about A slow result is being opened." in texts(pressed.response)
    found = await backend.store.discussion(server.here, known.id)
    assert found is not None
    while claimed := await backend.store.claim("discord", START, START + timedelta(hours=1)):
        url = f"https://discord.com/channels/1/2/{claimed.key}"
        await backend.store.mark_sent(claimed.key, Receipt(claimed.key, url), START)
    assert found.key in texts(await server.say(server.ann, "discuss", paper=known.id))
