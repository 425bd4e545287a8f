"""``/papers`` and the buttons: passes commands on Discord to the core, and shows its replies.

Every interaction is acknowledged before anything else is done, because Discord waits 3 seconds
(docs, interactions/receiving-and-responding, 2026-08-06). The core decides who may change what;
this module only passes on what Discord says about a person. Discord's own command permissions apply
to ``/papers`` as a whole, so they are not used: reading is to stay open to everybody.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import aiohttp
import discord
from discord import app_commands

from adapters.discord import permissions, replies
from adapters.discord.buttons import MAX_LABEL_LENGTH, shorten_label
from adapters.discord.key_form import KeyForm
from adapters.discord.keyword_form import EditButton, FormContents, KeywordForm
from adapters.discord.mentions import CommandMentions
from bot.core.channel_settings import CHANNEL_SETTINGS, TO_DEFAULT
from bot.errors import NotAllowed, PlatformError, SendError, UserError
from bot.model import Choice, Person, Reply
from bot.model.subscriptions import MAX_KEYWORD_NAME_LENGTH
from bot.ports import Clock, Commands
from bot.text.reading import linked_papers
from bot.text.refusals import cannot_post, channel_not_told

log = logging.getLogger(__name__)

MAX_CHOICES: Final = 25  # of autocompletion
MAX_KEYWORD_LENGTH: Final = 300
# Seconds; all within the 15 minutes in which a response can be edited (docs,
# interactions/receiving-and-responding, 2026-08-06).
EDIT_RETRY_DELAYS: Final = (1.0, 4.0, 10.0, 30.0, 60.0)
INTERACTION_OVER: Final = frozenset({401, 404})  # statuses: nothing can be shown any more
CONNECTION_ERRORS: Final = (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError)
SERVER_NOT_SERVED: Final = (
    "I work only in the servers that my host has named, and this is none of them. Whoever hosts me"
    " can add {server} to servers below [discord] in bot.toml. Nothing was done, and nothing kept."
)
NOT_INSTALLED: Final = (
    "This server has not added me, so I change nothing here. In private messages with me you can"
    " follow keywords for yourself."
)
PERSONAL_OFF: Final = (
    "Whoever hosts me does not let people use me in private messages. Nothing was done."
)
Interaction = discord.Interaction[Any]
SendLine = Callable[[str, str], Awaitable[None]]  # a channel's id, and the text
# Calls one of the commands for this channel and person.
Call = Callable[[Commands, str, Person], Awaitable[Reply]]


class InteractionHandler:
    """Responds to interactions. ``send_line`` posts a line into a channel; it raises SendError."""

    def __init__(
        self,
        commands: Commands,
        send_line: SendLine,
        clock: Clock,
        mentions: CommandMentions | None = None,
        servers: Collection[str] = (),
        *,
        personal: bool = True,
    ) -> None:
        self._commands = commands
        self._send_line = send_line
        self._clock = clock
        self.mentions = mentions or CommandMentions()
        self.servers = frozenset(servers)  # empty: every server is served
        self.personal = personal  # whether people are served in private messages
        self.active_tasks: set[asyncio.Task[Any]] = set()

    async def serves(self, interaction: Interaction) -> bool:
        """Whether it comes from a private message (if those are on) or from a server that has added
        the bot and is served. Anything else never reaches the core; the person alone sees why."""
        why_not = self._why_not(interaction)
        if not why_not:
            return True
        async with self._tracked():
            log.info("not served server=%s", interaction.guild_id)
            if interaction.type is discord.InteractionType.autocomplete:
                await interaction.response.autocomplete([])
            else:
                view = replies.plain_view(why_not)
                await interaction.response.send_message(view=view, ephemeral=True)
        return False

    def _why_not(self, interaction: Interaction) -> str:
        if interaction.guild_id is None:
            return "" if self.personal else PERSONAL_OFF
        if interaction.is_user_integration() and not interaction.is_guild_integration():
            return NOT_INSTALLED  # the person has added the bot, but the server has not
        if self.servers and str(interaction.guild_id) not in self.servers:
            return SERVER_NOT_SERVED.format(server=interaction.guild_id)
        return ""

    async def command(self, interaction: Interaction, call: Call, *, threads: bool = False) -> None:
        """A slash command. ``threads``: if it succeeds, posts go into threads from then on."""
        async with self._tracked():
            await interaction.response.defer(ephemeral=True, thinking=True)
            await self._reply_to(interaction, call, threads=threads)

    async def add(
        self,
        interaction: Interaction,
        keyword: str,
        field: str = "",
        categories: Sequence[str] = (),
        name: str = "",
    ) -> None:
        """A keyword from the slash command or the form, which can be edited if it is refused."""
        async with self._tracked():
            await interaction.response.defer(ephemeral=True, thinking=True)
            await self._reply_to(
                interaction,
                lambda c, where, who: c.add(where, who, keyword, field, categories, name),
                editable=FormContents(keyword, field, tuple(categories), name),
            )

    async def button(self, interaction: Interaction, words: str) -> None:
        """A button or a menu below a reply, which the new reply replaces. A refusal does not: the
        list with the button is still valid."""
        async with self._tracked():
            await interaction.response.defer()
            await self._reply_to(
                interaction,
                lambda c, where, who: c.typed(where, who, words),
                keep_if_refused=True,
            )

    async def open_form(self, interaction: Interaction, filled: FormContents | None = None) -> None:
        """The form for a keyword. It has to be the first response, so nothing is checked before."""
        async with self._tracked():
            await interaction.response.send_modal(KeywordForm(self.add, filled or FormContents()))

    def opens_key_form(self, words: str) -> str:
        """Whose library a button connects to Zotero; empty where it does something else."""
        return self._commands.opens_key_form(words)

    async def open_key_form(self, interaction: Interaction, whose: str) -> None:
        """The form for a key for Zotero. Has to be the first response, too."""
        for_channel = whose == "channel"

        async def connect(interaction: Interaction, key: str, library: str) -> None:
            await self.command(
                interaction,
                lambda c, where, who: c.connect_zotero(
                    where, who, key, library, for_channel=for_channel
                ),
            )

        async with self._tracked():
            await interaction.response.send_modal(KeyForm(whose, connect))

    async def abstract(self, interaction: Interaction, paper_id: str) -> None:
        """The button of a paper, perhaps of one that was posted months ago."""
        async with self._tracked():
            await interaction.response.defer(ephemeral=True, thinking=True)
            try:
                view = replies.abstract_view(await self._commands.abstract(paper_id))
            except UserError as error:
                view = replies.plain_view(str(error), self.mentions)
            await self._edit_reply(interaction, view)

    async def complete_keyword(
        self, interaction: Interaction, typed: str, *, muted: bool = False
    ) -> list[app_commands.Choice[str]]:
        """The channel's keywords, or mutes, that contain what was typed so far."""
        known = self._commands.muted if muted else self._commands.keywords
        try:
            choices = await known(channel_of(interaction), person_of(interaction))
        except UserError:
            return []  # a missing completion is not worth an error while somebody types
        found = [each for each in choices if typed.casefold() in each.label.casefold()]
        return [_completion(each) for each in found[:MAX_CHOICES]]

    async def _reply_to(
        self,
        interaction: Interaction,
        call: Call,
        *,
        editable: FormContents | None = None,
        keep_if_refused: bool = False,
        threads: bool = False,
    ) -> None:
        where = channel_of(interaction)
        try:
            reply = await call(self._commands, where, person_of(interaction))
        except UserError as error:
            refusal = replies.plain_view(str(error), self.mentions)
            if editable and not isinstance(error, NotAllowed):
                # A form can't be opened in response to itself, and what was typed would be lost.
                refusal.add_item(discord.ui.ActionRow(EditButton(editable)))
            if keep_if_refused:
                await interaction.followup.send(view=refusal, ephemeral=True)
            else:
                await self._edit_reply(interaction, refusal)
            return
        if not reply.announcement:
            await self._show(interaction, reply)
            return
        if note := _permission_problem(interaction, threads=threads):
            await self._edit_reply(interaction, self._view(reply, note))
            return
        # The private reply comes first, because the public line may take as long as Discord likes.
        # The line is sent even if the reply was lost, because the change was made.
        try:
            await self._edit_reply(interaction, self._view(reply))
        except CONNECTION_ERRORS:
            await self._announce(interaction, where, reply)
            raise
        if note := await self._announce(interaction, where, reply):
            await self._edit_reply(interaction, self._view(reply, note))

    async def _show(self, interaction: Interaction, reply: Reply) -> None:
        """Show the reply; if Discord refuses its files, show it without them, and say why."""
        files = replies.attached(reply)
        try:
            await self._edit_reply(interaction, self._view(reply), files)
        except discord.HTTPException as error:
            if not files or error.status >= 500 or error.status in INTERACTION_OVER:
                raise
            log.warning("file refused status=%s code=%s", error.status, error.code)
            bare = replace(reply, code="", file=None, picture=None)
            note = f"Discord did not take the file {' and '.join(files)}: {error.text}"
            await self._edit_reply(interaction, self._view(bare, note))

    def _view(self, reply: Reply, note: str = "") -> discord.ui.LayoutView:
        return replies.reply_view(reply, format_command=self.mentions, note=note)

    async def _announce(self, interaction: Interaction, where: str, reply: Reply) -> str:
        """Announce a change in the channel, unless it is quiet. Returns why that failed, or
        ``""``."""
        if reply.is_quiet:
            return ""
        # A forum itself holds no messages: there the line goes into the thread of the command.
        target = str(interaction.channel_id) if in_forum(interaction) else where.partition(":")[2]
        try:
            await self._send_line(target, replies.line(reply.announcement))
        except (SendError, PlatformError) as error:
            return channel_not_told(error)
        return ""

    async def _edit_reply(
        self,
        interaction: Interaction,
        view: discord.ui.LayoutView,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Edit the first response. Retried where that fails: repeating it is harmless."""
        for delay in (*EDIT_RETRY_DELAYS, None):
            attached = [
                discord.File(io.BytesIO(data), name) for name, data in (files or {}).items()
            ]
            try:
                await interaction.edit_original_response(view=view, attachments=attached)
                return
            except CONNECTION_ERRORS as error:
                permanent = isinstance(error, discord.HTTPException) and error.status < 500
                if permanent or delay is None:
                    raise
                log.info("reply retry_in=%.0fs why=%s", delay, type(error).__name__)
            await self._clock.sleep(delay)

    @asynccontextmanager
    async def _tracked(self) -> AsyncIterator[None]:
        """A stop waits for what is done in it, for at most SHUTDOWN_GRACE. A failed reply is
        logged, not raised."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self.active_tasks.add(task)
        try:
            yield
        except discord.HTTPException as error:
            log.warning(
                "reply failed status=%s code=%s why=%s", error.status, error.code, error.text
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("reply failed why=%s", str(error) or type(error).__name__)
        finally:
            self.active_tasks.discard(task)


def _completion(choice: Choice) -> app_commands.Choice[str]:
    """The value is the keyword, or its handle if it is too long for Discord."""
    whole = len(choice.label) <= MAX_LABEL_LENGTH
    return app_commands.Choice(
        name=shorten_label(choice.label), value=choice.label if whole else choice.value
    )


def channel_of(interaction: Interaction) -> str:
    """The id of the channel; in a thread, of the channel that the thread is in."""
    channel = interaction.channel
    channel_id = (
        channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id
    )
    return f"discord:{channel_id}"


def _permission_problem(interaction: Interaction, *, threads: bool) -> str:
    """Why a line in the channel, and so a post, would fail, as far as the interaction tells."""
    missing = permissions.missing(
        interaction.app_permissions,
        threads=threads,
        forum=in_forum(interaction),
    )
    return cannot_post(permissions.remedy(missing)) if missing else ""


def in_forum(interaction: Interaction) -> bool:
    channel = interaction.channel
    return isinstance(channel, discord.Thread) and isinstance(channel.parent, discord.ForumChannel)


def person_of(interaction: Interaction) -> Person:
    may = interaction.permissions
    return Person(
        interaction.user.display_name,
        f"discord:{interaction.user.id}",
        manages=may.manage_channels or may.administrator,
        governs=may.manage_guild or may.administrator,
        server=f"discord:{interaction.guild_id}" if interaction.guild_id else "",
        mentionable=frozenset(_roles_to_mention(interaction)),
        private=interaction.guild_id is None,
        no_thread=_why_no_thread(interaction),
    )


def _roles_to_mention(interaction: Interaction) -> dict[str, str]:
    """The ids and names of the roles that this person and the bot may both mention: those that
    anyone may mention, or all but @everyone if both have Mention Everyone (docs,
    topics/permissions, 2026-08-06)."""
    if interaction.guild is None:
        return {}
    may = all(
        each.mention_everyone or each.administrator
        for each in (interaction.permissions, interaction.app_permissions)
    )
    return {
        str(role.id): f"@{role.name}"
        for role in interaction.guild.roles
        if not role.is_default() and (may or role.mentionable)
    }


def _why_no_thread(interaction: Interaction) -> str:
    """Empty where both the person and the bot may start threads."""
    if interaction.guild_id is None:
        return "There are no threads in a private conversation."
    forum = in_forum(interaction)
    if lacking := permissions.missing_for_discussion(interaction.permissions, forum=forum):
        return (
            "I open a thread only for people who may start one here themselves. You lack"
            f" {', '.join(lacking)}."
        )
    missing = permissions.missing(interaction.app_permissions, threads=True, forum=forum)
    return f"I can't open a thread here: {permissions.remedy(missing)}" if missing else ""


# -- the commands as Discord lists them -----------------------------------------------------------

SETTINGS: Final = [app_commands.Choice(name=name, value=name) for name in CHANNEL_SETTINGS]
Keyword = app_commands.Range[str, 1, MAX_KEYWORD_LENGTH]
Name = app_commands.Range[str, 1, MAX_KEYWORD_NAME_LENGTH]

PaperId = app_commands.Range[str, 1, 200]
EXPORT_FORMATS: Final = [
    app_commands.Choice(name="BibTeX (.bib)", value="bib"),
    app_commands.Choice(name="RIS (.ris)", value="ris"),
    app_commands.Choice(name="CSL-JSON (.json)", value="json"),
]


class PapersCommands(app_commands.Group):
    """``/papers`` with its subcommands."""

    def __init__(self, handler: InteractionHandler) -> None:
        super().__init__(name="papers", description="Daily arXiv papers")
        self._handler = handler

    @app_commands.command(description="Follow a keyword here")
    @app_commands.describe(
        keyword='A phrase, or ti:"graph network" AND cat:cs.LG ANDNOT survey; none: a form',
        name="What it is shown as; the keyword itself where there is none",
    )
    async def add(
        self,
        interaction: Interaction,
        keyword: Keyword | None = None,
        name: Name | None = None,
    ) -> None:
        if keyword is None:
            await self._handler.open_form(interaction, FormContents(name=name or ""))
        else:
            await self._handler.add(interaction, keyword, name=name or "")

    @app_commands.command(description="Stop following a keyword")
    @app_commands.describe(keyword="One that is followed here")
    async def remove(self, interaction: Interaction, keyword: Keyword) -> None:
        await self._handler.command(
            interaction, lambda c, where, who: c.remove(where, who, [keyword])
        )

    @remove.autocomplete("keyword")
    async def _complete(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return await self._handler.complete_keyword(interaction, typed)

    @app_commands.command(description="Hide here what matches it, whichever keyword finds it")
    @app_commands.describe(keyword="A phrase or an expression, as for add")
    async def mute(self, interaction: Interaction, keyword: Keyword) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.mute(where, who, keyword))

    @app_commands.command(description="Hide it no longer")
    @app_commands.describe(keyword="One that is muted here")
    async def unmute(self, interaction: Interaction, keyword: Keyword) -> None:
        await self._handler.command(
            interaction, lambda c, where, who: c.unmute(where, who, keyword)
        )

    @unmute.autocomplete("keyword")
    async def _complete_muted(
        self, interaction: Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return await self._handler.complete_keyword(interaction, typed, muted=True)

    @app_commands.command(name="list", description="What is followed and muted here")
    async def list_(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.list_(where, who))

    @app_commands.command(description="How many papers a day a keyword would bring; saves nothing")
    @app_commands.describe(keyword="A phrase or an expression")
    async def preview(self, interaction: Interaction, keyword: Keyword) -> None:
        await self._handler.command(
            interaction, lambda c, where, who: c.preview(where, who, keyword)
        )

    @app_commands.command(description="Why a paper was posted here, or was not")
    @app_commands.describe(paper="Its arXiv id, or the address of its page")
    async def why(self, interaction: Interaction, paper: PaperId) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.why(where, who, paper))

    @app_commands.command(description="Keep a paper; once more takes it back")
    @app_commands.describe(paper="Its arXiv id, or the address of its page")
    async def save(self, interaction: Interaction, paper: PaperId) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.save(where, who, paper))

    @app_commands.command(description="Papers saved here, or by you in any channel")
    @app_commands.describe(words="Words in title, authors, id or year", mine="Only mine")
    async def saved(
        self,
        interaction: Interaction,
        words: app_commands.Range[str, 1, 100] = "",
        mine: bool = False,
    ) -> None:
        await self._handler.command(
            interaction, lambda c, where, who: c.saved(where, who, mine=mine, words=words.split())
        )

    @app_commands.command(description="A paper in BibTeX, to be copied")
    @app_commands.describe(paper="Its arXiv id, or the address of its page")
    async def cite(self, interaction: Interaction, paper: PaperId) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.cite(where, who, paper))

    @app_commands.command(description="The saved papers as a file for reference managers")
    @app_commands.describe(kind="BibTeX unless you choose another", mine="Only mine")
    @app_commands.rename(kind="format")
    @app_commands.choices(kind=EXPORT_FORMATS)
    async def export(self, interaction: Interaction, kind: str = "bib", mine: bool = False) -> None:
        await self._handler.command(
            interaction, lambda c, where, who: c.export(where, who, mine=mine, kind=kind)
        )

    @app_commands.command(description="The thread about a paper here; opens it")
    @app_commands.describe(paper="Its arXiv id, or the address of its page")
    async def discuss(self, interaction: Interaction, paper: PaperId) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.discuss(where, who, paper))

    @app_commands.command(description="Send what you save to your library in Zotero")
    async def zotero(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.zotero(where, who))

    @app_commands.command(
        name="forget-me", description="Delete what you saved, your name and your keys"
    )
    async def forget_me(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.forget_me(who))

    @app_commands.command(description="The last run, what is waiting, and why nothing was posted")
    async def status(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.status(where, who))

    @app_commands.command(description="What came here in a month, by keyword and category")
    async def stats(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.stats(where, who))

    @app_commands.command(description="Post nothing here for now; new papers are kept")
    async def pause(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.pause(where, who))

    @app_commands.command(description="Post again")
    async def resume(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.resume(where, who))

    @app_commands.command(description="Send a post again that status shows as held or dead")
    @app_commands.describe(key="As status names it")
    async def resend(self, interaction: Interaction, key: app_commands.Range[str, 1, 40]) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.resend(where, who, key))

    @app_commands.command(description="When and how papers are posted here")
    @app_commands.describe(name="What to change", value='For example 09:30, or "default"')
    @app_commands.choices(name=SETTINGS)
    async def settings(
        self,
        interaction: Interaction,
        name: str | None = None,
        value: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        if name is None and value is None:
            await self._handler.command(interaction, lambda c, where, who: c.settings(where, who))
            return
        await self._handler.command(
            interaction,
            lambda c, where, who: c.change_settings(where, who, {name or "": value or ""}),
            threads=name == "layout" and value == "thread",
        )

    @settings.autocomplete("value")
    async def _values(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        setting = CHANNEL_SETTINGS.get(interaction.namespace.name or "")
        fitting = {each: each for each in setting.values_on("discord")} if setting else {}
        if setting and setting.name == "mention":
            fitting |= _roles_to_mention(interaction)
        fitting[TO_DEFAULT] = TO_DEFAULT
        named = {
            value: setting.labels.get(value, label) if setting else label
            for value, label in fitting.items()
        }
        return [
            app_commands.Choice(name=shorten_label(label), value=value)
            for value, label in named.items()
            if typed.casefold() in label.casefold() or typed.casefold() in value
        ][:MAX_CHOICES]

    @app_commands.command(description="All commands, and how keywords are written")
    async def help(self, interaction: Interaction) -> None:
        await self._handler.command(interaction, lambda c, where, who: c.help(where, who))


# -- in a message's menu --------------------------------------------------------------------------


def save_papers_menu(handler: InteractionHandler) -> app_commands.ContextMenu:
    """*Save papers*: saves all papers of a message, such as a digest."""

    async def save_papers(interaction: Interaction, message: discord.Message) -> None:
        paper_ids = papers_in(message)
        await handler.command(interaction, lambda c, where, who: c.save_all(where, who, paper_ids))

    return app_commands.ContextMenu(name="Save papers", callback=save_papers)


def papers_in(message: discord.Message) -> list[str]:
    """The ids of the papers that a message links to, in their order."""
    shown = [message.content, *(each.to_dict() for each in message.components)]
    found = (paper_id for text in _strings(shown) for paper_id, _ in linked_papers(text))
    return list(dict.fromkeys(found))


def _strings(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping | list):
        for each in part.values() if isinstance(part, Mapping) else part:
            yield from _strings(each)
