"""What people can say in a chat, on any platform: one method for each command, and typed text.

Adds what applies in a chat and not at the command line: permissions, the rate limit per person, and
a sentence for every failure. What a command does is in ``changes`` and ``queries``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bot.chat.changes import Changes
from bot.chat.discussions import Discussions
from bot.chat.library import Library
from bot.chat.parse import (
    export_request,
    keyword_and_name,
    opens_form,
    opens_key_form,
    opens_thread,
    page_number,
    parse_command,
    refuse_key,
    required,
    saved_request,
    setting_and_value,
    zotero_request,
)
from bot.chat.queries import Queries
from bot.chat.rate_limit import CommandRateLimiter
from bot.chat.replies.reasons import sentence
from bot.chat.resolve import handles_in
from bot.chat.visibility import is_editor
from bot.chat.zotero import ZoteroLibraries
from bot.core.channel_settings import parse_channel_id
from bot.core.limits import Limits
from bot.errors import (
    KeywordRefused,
    NotAllowed,
    SourceError,
    SourceNotAsked,
    StoreError,
    UserError,
)
from bot.keywords.form import composed
from bot.model import Channel, ChannelGroup, Choice, Home, Paper, Person, Reply, SettingValue
from bot.ports import Clock
from bot.references import refer_to, without_references
from bot.text import clean

log = logging.getLogger(__name__)

# How long a person in a chat waits for arXiv where nothing can be answered without it.
QUERY_TIMEOUT = 90.0  # seconds
SHOW_PICTURES = frozenset({"discord"})  # platforms whose private answers may hold one


@dataclass(frozen=True, slots=True)
class _Editor:
    """Who changes a channel, with a name that is safe to show, and whether changes are announced
    there. In a private conversation there is nobody else to tell."""

    person: Person
    is_quiet: bool

    def announced(self, reply: Reply) -> Reply:
        """The reply, with its announcement only if the channel wants changes announced."""
        if self.person.private:
            return replace(reply, announcement="")
        return replace(reply, is_quiet=self.is_quiet)


class ChatCommands:
    """Implements ports.Commands.

    Reading is open to everybody in the channel; changing is for those who manage it, or for its
    members where ``editors`` says so.
    """

    def __init__(
        self,
        *,
        queries: Queries,
        changes: Changes,
        library: Library,
        discussions: Discussions,
        zotero: ZoteroLibraries,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        self._queries = queries
        self._changes = changes
        self._library = library
        self._personal = changes.personal
        self._discussions = discussions
        self._zotero = zotero
        self._rate_limiter = CommandRateLimiter((limits or Limits()).commands_per_minute, clock)

    # -- keywords -----------------------------------------------------------------------------

    async def add(
        self,
        channel_id: str,
        person: Person,
        keyword: str,
        field: str = "",
        categories: Sequence[str] = (),
        name: str = "",
    ) -> Reply:
        keyword = required("add", keyword)
        refuse_key(name)
        if not name:
            keyword, name = keyword_and_name(keyword)
        async with self._change("add", channel_id, person) as editor:
            if field or categories:
                keyword = composed(keyword, field, categories)
            return editor.announced(
                await self._changes.add(channel_id, editor.person, keyword, name=name, in_chat=True)
            )

    async def _narrow(self, channel_id: str, person: Person, keyword: str) -> Reply:
        """The button below the reply to a keyword of a single word."""
        async with self._change("narrow", channel_id, person) as editor:
            return editor.announced(await self._changes.narrow(channel_id, editor.person, keyword))

    async def remove(self, channel_id: str, person: Person, keywords: Sequence[str]) -> Reply:
        keywords = [required("remove", each) for each in keywords]
        async with self._change("remove", channel_id, person) as editor:
            return editor.announced(await self._changes.remove(channel_id, editor.person, keywords))

    async def _restore(self, channel_id: str, person: Person, handles: Sequence[str]) -> Reply:
        """The button "Undo" after several were removed."""
        async with self._change("add", channel_id, person) as editor:
            return editor.announced(await self._changes.restore(channel_id, editor.person, handles))

    async def mute(self, channel_id: str, person: Person, keyword: str) -> Reply:
        keyword = required("mute", keyword)
        async with self._change("mute", channel_id, person) as editor:
            return editor.announced(
                await self._changes.mute(channel_id, editor.person, keyword, in_chat=True)
            )

    async def unmute(self, channel_id: str, person: Person, keyword: str) -> Reply:
        keyword = required("unmute", keyword)
        async with self._change("unmute", channel_id, person) as editor:
            return editor.announced(await self._changes.unmute(channel_id, editor.person, keyword))

    async def muted(self, channel_id: str, person: Person) -> tuple[Choice, ...]:
        async with self._reading("muted", channel_id, person):
            return await self._queries.muted(channel_id)

    async def list_(self, channel_id: str, person: Person, page: int = 1) -> Reply:
        async with self._query("list", channel_id, person) as reader:
            may_change = reader.private or await self._may_change(channel_id, reader)
            return await self._queries.listing(
                channel_id, page, may_change=may_change, private=reader.private
            )

    async def preview(self, channel_id: str, person: Person, keyword: str) -> Reply:
        keyword = required("preview", keyword)
        async with (
            self._query("preview", channel_id, person),
            asyncio.timeout(QUERY_TIMEOUT),
        ):
            pictures = Channel(channel_id).platform in SHOW_PICTURES
            return await self._queries.preview(keyword, channel_id=channel_id, pictures=pictures)

    # -- papers -------------------------------------------------------------------------------

    async def why(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        paper_id = required("why", paper_id)
        async with self._query("why", channel_id, person):
            return await self._queries.why(paper_id, channel_id)

    async def matching(self, channel_id: str, person: Person, paper_id: str) -> tuple[str, ...]:
        async with self._reading("matching", channel_id, person):
            return await self._queries.matching(paper_id, channel_id)

    async def abstract(self, paper_id: str) -> Paper:
        async with _answering("abstract"), asyncio.timeout(QUERY_TIMEOUT):
            return await self._queries.abstract(paper_id)

    async def save(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        paper_id = required("save", paper_id)
        async with self._papers("save", channel_id, person) as named:
            return await self._library.save(channel_id, named, paper_id)

    async def save_all(self, channel_id: str, person: Person, paper_ids: Sequence[str]) -> Reply:
        async with self._papers("save", channel_id, person) as named:
            return await self._library.save_all(channel_id, named, paper_ids)

    async def saved(
        self,
        channel_id: str,
        person: Person,
        *,
        mine: bool = False,
        words: Sequence[str] = (),
        page: int = 1,
    ) -> Reply:
        plain = tuple(filter(None, map(clean, words)))
        async with self._query("saved", channel_id, person) as reader:
            may_change = reader.private or await self._may_change(channel_id, reader)
            return await self._library.saved(
                channel_id, reader, mine=mine, words=plain, page=page, may_change=may_change
            )

    async def cite(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        paper_id = required("cite", paper_id)
        async with self._papers("cite", channel_id, person):
            return await self._library.cite(paper_id)

    async def export(
        self, channel_id: str, person: Person, *, mine: bool = False, kind: str = "bib"
    ) -> Reply:
        async with self._query("export", channel_id, person) as reader:
            return await self._library.export(channel_id, reader, mine=mine, kind=kind)

    async def discuss(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        paper_id = required("discuss", paper_id)
        async with self._papers("discuss", channel_id, person):
            return await self._discussions.discuss(channel_id, person, paper_id)

    async def zotero(self, channel_id: str, person: Person) -> Reply:
        async with self._query("zotero", channel_id, person):
            return await self._zotero.view(channel_id, person)

    async def connect_zotero(
        self,
        channel_id: str,
        person: Person,
        key: str,
        library: str = "",
        *,
        for_channel: bool = False,
    ) -> Reply:
        library = without_references(library)
        if not for_channel:
            async with self._papers("zotero", channel_id, person) as named:
                return await self._zotero.connect(
                    channel_id, named, key, library, for_channel=False
                )
        async with self._change("zotero", channel_id, person) as editor:
            return editor.announced(
                await self._zotero.connect(
                    channel_id, editor.person, key, library, for_channel=True
                )
            )

    async def disconnect_zotero(
        self, channel_id: str, person: Person, *, for_channel: bool = False
    ) -> Reply:
        async with self._query("zotero", channel_id, person):
            return await self._zotero.disconnect(channel_id, person, for_channel=for_channel)

    async def forget_me(self, person: Person, *, sure: bool = False) -> Reply:
        async with self._query("forget-me", "", person):
            return await self._library.forget_me(person, sure=sure)

    @asynccontextmanager
    async def _papers(self, command: str, channel_id: str, person: Person) -> AsyncIterator[Person]:
        """What every member may do, where the source may have to be queried."""
        async with (
            self._query(command, channel_id, person) as reader,
            asyncio.timeout(QUERY_TIMEOUT),
        ):
            parse_channel_id(channel_id)  # whatever an adapter was told
            yield replace(reader, name=without_references(reader.name))

    # -- the channel --------------------------------------------------------------------------

    async def status(self, channel_id: str, person: Person) -> Reply:
        async with self._query("status", channel_id, person):
            return await self._queries.status(channel_id)

    async def stats(self, channel_id: str, person: Person) -> Reply:
        async with self._query("stats", channel_id, person) as reader:
            pictures = Channel(channel_id).platform in SHOW_PICTURES
            return await self._queries.stats(channel_id, pictures=pictures, private=reader.private)

    async def pause(self, channel_id: str, person: Person) -> Reply:
        async with self._change("pause", channel_id, person) as editor:
            return editor.announced(await self._changes.pause(channel_id, editor.person))

    async def resume(self, channel_id: str, person: Person) -> Reply:
        async with self._change("resume", channel_id, person) as editor:
            return editor.announced(await self._changes.resume(channel_id, editor.person))

    async def resend(self, channel_id: str, person: Person, key: str) -> Reply:
        key = required("resend", key)
        async with self._change("resend", channel_id, person):
            return await self._changes.resend(channel_id, key)

    async def settings(self, channel_id: str, person: Person) -> Reply:
        async with self._query("settings", channel_id, person):
            return await self._queries.settings(channel_id)

    async def settings_in_force(
        self, channel_id: str, person: Person
    ) -> Mapping[str, SettingValue]:
        async with self._reading("settings", channel_id, person):
            return await self._queries.settings_in_force(channel_id)

    async def change_settings(
        self, channel_id: str, person: Person, values: Mapping[str, str]
    ) -> Reply:
        plain = {without_references(k): without_references(v) for k, v in values.items()}
        async with self._change("settings", channel_id, person) as editor:
            return editor.announced(
                await self._changes.change_settings(channel_id, editor.person, plain)
            )

    async def invited(self, channel_id: str) -> Reply:
        async with _answering("invited", channel_id):
            return await self._changes.invited(channel_id)

    # -- everything else ----------------------------------------------------------------------

    async def help(self, channel_id: str, person: Person) -> Reply:
        async with self._query("help", channel_id, person):
            return await self._queries.help(private=person.private)

    async def home(
        self, person: Person, channel_ids: Collection[str] | None = None, page: int = 1
    ) -> Home:
        async with _answering("home"):
            personal = self._personal.allowed
            return await self._queries.home(person, channel_ids, page, personal=personal)

    async def claim_request(self, request_ids: Sequence[str]) -> bool:
        async with _answering("claim_request"):
            return await self._changes.claim_request(request_ids)

    async def archive_channels(self, group: ChannelGroup, reason: str) -> Sequence[str]:
        async with _answering("archive_channels"):
            return await self._changes.archive_channels(group, reason)

    async def restore_channels(self, group: ChannelGroup) -> Sequence[str]:
        async with _answering("restore_channels"):
            return await self._changes.restore_channels(group)

    async def keywords(self, channel_id: str, person: Person) -> tuple[Choice, ...]:
        async with self._reading("keywords", channel_id, person):
            return await self._queries.keywords(channel_id)

    def opens_form(self, text: str) -> bool:
        return opens_form(text)

    def opens_thread(self, text: str) -> bool:
        return opens_thread(text)

    def opens_key_form(self, text: str) -> str:
        return opens_key_form(text)

    async def typed(self, channel_id: str, person: Person, text: str) -> Reply:
        refuse_key(text)
        command, rest = parse_command(text)
        handles = handles_in(rest)
        match command:
            case "add" if handles:
                return await self._restore(channel_id, person, handles)
            case "add":
                return await self.add(channel_id, person, rest)
            case "narrow":
                return await self._narrow(channel_id, person, rest)
            case "remove":
                return await self.remove(channel_id, person, handles or [rest])
            case "mute":
                return await self.mute(channel_id, person, rest)
            case "unmute":
                return await self.unmute(channel_id, person, rest)
            case "list":
                return await self.list_(channel_id, person, page_number(rest))
            case "preview":
                return await self.preview(channel_id, person, rest)
            case "why":
                return await self.why(channel_id, person, rest)
            case "save":
                return await self.save(channel_id, person, rest)
            case "saved":
                mine, words, page = saved_request(rest)
                return await self.saved(channel_id, person, mine=mine, words=words, page=page)
            case "cite":
                return await self.cite(channel_id, person, rest)
            case "export":
                mine, kind = export_request(rest)
                return await self.export(channel_id, person, mine=mine, kind=kind)
            case "discuss":
                return await self.discuss(channel_id, person, rest)
            case "zotero":
                what, for_channel = zotero_request(rest)
                if what == "show":
                    return await self.zotero(channel_id, person)
                return await self.disconnect_zotero(channel_id, person, for_channel=for_channel)
            case "forget-me":
                return await self.forget_me(person, sure=rest == "now")
            case "status":
                return await self.status(channel_id, person)
            case "stats":
                return await self.stats(channel_id, person)
            case "pause":
                return await self.pause(channel_id, person)
            case "resume":
                return await self.resume(channel_id, person)
            case "resend":
                return await self.resend(channel_id, person, rest)
            case "settings" if rest:
                name, value = setting_and_value(rest)
                return await self.change_settings(channel_id, person, {name: value})
            case "settings":
                return await self.settings(channel_id, person)
            case _:
                return await self.help(channel_id, person)

    # -- what applies to every command ----------------------------------------------------------

    @asynccontextmanager
    async def _query(self, command: str, channel_id: str, person: Person) -> AsyncIterator[Person]:
        """As ``_reading``, and refused for one command too many in a minute."""
        async with _answering(command, channel_id):
            self._rate_limiter.count(person.id)
        async with self._reading(command, channel_id, person) as reader:
            yield reader

    @asynccontextmanager
    async def _reading(
        self, command: str, channel_id: str, person: Person
    ) -> AsyncIterator[Person]:
        """The person as one who reads there; without a rate limit, for what a form or a completion
        shows. Raises UserError and nothing else."""
        async with _answering(command, channel_id):
            yield await self._personal.reader(command, channel_id, person) if channel_id else person

    @asynccontextmanager
    async def _change(
        self, command: str, channel_id: str, person: Person
    ) -> AsyncIterator[_Editor]:
        """The same, and NotAllowed for whoever may not change the channel."""
        async with self._query(command, channel_id, person) as reader:
            parse_channel_id(channel_id)  # whatever an adapter was told
            person = await self._personal.editor(command, channel_id, reader)
            [view] = (await self._queries.state(channel_id)).channels
            if not is_editor(person, view.channel):
                raise NotAllowed(
                    "Changing this is for those who manage the channel. Please ask one of them."
                    " They can also open it to every member:"
                    f" {refer_to('settings editors members')}"
                )
            named = replace(person, name=without_references(person.name))
            yield _Editor(named, view.channel.announce_changes == "false")

    async def _may_change(self, channel_id: str, person: Person) -> bool:
        if person.manages:
            return True
        [view] = (await self._queries.state(channel_id)).channels
        return is_editor(person, view.channel)


@asynccontextmanager
async def _answering(command: str, channel_id: str = "") -> AsyncIterator[None]:
    """Turns every failure into a UserError, so that the person always gets an answer."""
    try:
        yield
    except SourceNotAsked as error:
        log.error("failed command=%s channel=%s why=%s", command, channel_id, error)
        raise UserError(
            "The bot can't query arXiv right now, because of a fault on its own machine. Whoever"
            " hosts it finds the reason in its log."
        ) from error
    except KeywordRefused as error:
        raise UserError(f"{sentence(str(error))} Please try other words.") from error
    except (SourceError, TimeoutError) as error:
        raise UserError(
            "arXiv gave no usable answer. That says nothing about the papers; please try again"
            f" later. ({str(error) or 'It took too long.'})"
        ) from error
    except StoreError as error:
        log.error("failed command=%s channel=%s why=%s", command, channel_id, error)
        raise UserError(
            "The bot's database does not work right now, so nothing was changed. Whoever hosts"
            " the bot finds the reason in its log."
        ) from error
    except UserError:
        raise
    except Exception as error:
        # One of the two places that catch everything: the person gets an answer.
        log.exception("failed command=%s channel=%s", command, channel_id)
        raise UserError(
            "Something went wrong in the bot, and it can't tell how much of this was done. Whoever"
            " hosts it finds the reason in its log."
        ) from error
