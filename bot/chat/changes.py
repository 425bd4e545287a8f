"""What people can change, in chat and on the command line alike. Knows no platform.

Answers with a ``Reply``; the wording is in ``bot.chat.replies``. Does not post: a reply carries the
announcement for the platform to make.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.chat.personal import PersonalChannels
from bot.chat.queries import Queries
from bot.chat.replies.dates import with_times
from bot.chat.replies.keywords import (
    MUTE_MEASURED_OVER,
    added_again_reply,
    added_reply,
    already_muted_reply,
    greeting,
    known_reply,
    muted_reply,
    narrowed_reply,
    removed_reply,
    renamed_reply,
    resent_reply,
    restored_reply,
    resumed_reply,
    unmuted_reply,
)
from bot.chat.replies.paraphrase import paraphrase
from bot.chat.replies.preview import Outlook
from bot.chat.replies.reasons import sentence
from bot.chat.replies.settings import find_setting, stored_value
from bot.chat.resolve import (
    MAX_KEYWORDS_AT_ONCE,
    find_muted,
    find_stuck_post,
    find_subscribed,
    find_subscribed_handles,
    is_handle,
    keyword_of_handle,
    see_list,
)
from bot.core.limits import KeywordWords, Limits, keyword_name
from bot.errors import KeywordRefused, NotAllowed, SourceError, SourceNotAsked, UserError
from bot.keywords import parse
from bot.keywords.notices import narrower_reading
from bot.matching import Matcher
from bot.model import ChannelGroup, Keyword, Offer, Person, Reply
from bot.ports import Clock, PeopleStore
from bot.references import refer_to

log = logging.getLogger(__name__)

NEWEST_SHOWN = 3  # papers shown to whoever adds a keyword
# How long a person who adds a keyword in a chat waits for arXiv before being answered without it.
OUTLOOK_TIMEOUT = 20.0  # seconds


async def _tell_nobody(channel_ids: Sequence[str], reason: str) -> None: ...


class Changes:
    """``on_archived`` is awaited with the channels that were archived, and why.
    ``on_change`` is awaited after every change of keywords or settings, so that ``bot.toml``
    shows it. ``personal`` opens private conversations. Every method may raise StoreError, and then
    nothing was changed. Who may change what is not decided here.
    """

    def __init__(
        self,
        *,
        queries: Queries,
        store: PeopleStore,
        clock: Clock,
        on_change: Callable[[], Awaitable[None]],
        on_archived: Callable[[Sequence[str], str], Awaitable[None]] = _tell_nobody,
        first_post: int,
        limits: Limits | None = None,
        personal: PersonalChannels | None = None,
    ) -> None:
        self._queries = queries
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._on_archived = on_archived
        self._first_post = first_post
        self._limits = limits or Limits()
        self.personal = personal or PersonalChannels(store, "off", {})

    async def claim_request(self, request_ids: Sequence[str]) -> bool:
        """False for a request that was claimed before, by any of its ids."""
        return await self._store.claim_request(request_ids, self._clock.now())

    async def archive_channels(self, group: ChannelGroup, reason: str) -> Sequence[str]:
        """Archive the channels that the bot was removed from. Returns the ids of those that were
        not archived before."""
        archived = await self._store.archive_channels(group, reason, self._clock.now())
        if archived:
            log.warning("archived channels=%d why=%s", len(archived), reason)
            await self._on_change()
            await self._on_archived(archived, reason)
        return archived

    async def restore_channels(self, group: ChannelGroup) -> Sequence[str]:
        """Bring back the channels that the bot was added to again. Returns the ids of those that
        were archived."""
        restored = await self._store.restore_channels(group, self._clock.now())
        if restored:
            log.info("restored channels=%d", len(restored))
            await self._on_change()
        return restored

    # -- keywords -----------------------------------------------------------------------------

    async def add(
        self,
        channel_id: str,
        person: Person,
        text: str,
        *,
        name: str = "",
        in_chat: bool = False,
    ) -> Reply:
        """Follow a keyword. The button "Undo" after a removal puts the keyword back as it was.

        A keyword that is followed already gets the ``name``, if one is given; the keyword's own
        text as its name removes the name. With ``in_chat`` the limits apply, and the reply says
        what arXiv has for it, if arXiv answers soon. Raises UserError for a wrong keyword or name,
        or one too many.
        """
        keyword = parse(await self._queries.keyword_text(text, channel_id))
        if in_chat:
            self._limits.check_keyword(keyword.text)
        if name:
            given = keyword_name(name)
            keyword = replace(keyword, name="" if given == keyword.text else given)
        await self._check_words(channel_id, keyword)
        understood = paraphrase(keyword)
        if person.private:
            await self._check_room_of_person(channel_id, keyword)
            await self.personal.open(channel_id, person)
        new = await self._store.follow(
            channel_id,
            keyword,
            person,
            self._clock.now(),
            check_room=self._check_room(person) if in_chat else None,
            undo=is_handle(text),
        )
        subscriptions = await self._store.subscriptions(channel_id)
        same = [s for s in subscriptions if s.keyword.canonical == keyword.canonical]
        followed = same[0].keyword if same else keyword
        if new is None:
            if name and followed.name != keyword.name:
                return await self._rename(channel_id, person, followed, keyword.name)
            return known_reply(channel_id, keyword, understood, person, followed.text)
        await self._on_change()
        if new.continues:
            return restored_reply(channel_id, followed, understood, person)
        seen = await self._outlook(followed, person) if in_chat else None
        return added_reply(channel_id, followed, understood, person, self._first_post, seen)

    def _check_room(self, person: Person) -> Callable[[int, int], None]:
        limits = self._limits
        return limits.check_room_of_person if person.private else limits.check_room

    async def _check_room_of_person(self, channel_id: str, keyword: Keyword) -> None:
        """Raises UserError for one too many, before a message is sent because of it."""
        canonicals = [s.keyword.canonical for s in await self._store.subscriptions(channel_id)]
        if keyword.canonical not in canonicals:
            self._limits.check_room_of_person(len(canonicals), len(canonicals))

    async def _check_words(self, channel_id: str, keyword: Keyword) -> None:
        """Raises UserError if the same words would also mean another keyword of the channel."""
        present = [each.keyword for each in await self._store.subscriptions(channel_id)]
        others = [each for each in present if each.canonical != keyword.canonical]
        if not keyword.name and len(others) < len(present):
            return
        if twin := KeywordWords(others).twin_of(keyword):
            shown = f"{twin.name} here: {twin.text}" if twin.name else f"{twin.text} here."
            wanted = "choose another" if keyword.name else "give this one a"
            raise UserError(f"Another keyword is shown as {shown}\nPlease {wanted} name.")

    async def _rename(self, channel_id: str, person: Person, keyword: Keyword, name: str) -> Reply:
        """Raises UserError if somebody else changed it at the same moment."""
        if not await self._store.rename(channel_id, keyword.canonical, name):
            raise UserError(
                f"Somebody else has just changed {keyword.label}. {see_list(channel_id)}"
            )
        await self._on_change()
        return renamed_reply(channel_id, keyword, replace(keyword, name=name), person)

    async def narrow(self, channel_id: str, person: Person, text: str) -> Reply:
        """Follow one word in title and abstract both, in place of either. Raises UserError."""
        subscriptions = await self._store.subscriptions(channel_id)
        broad = find_subscribed(subscriptions, text, private=person.private)
        narrower = narrower_reading(broad)
        if narrower is None:
            raise UserError(f"Only a single word can be narrowed down. {see_list(channel_id)}")
        self._limits.check_keyword(narrower.text)
        followed = await self._store.narrow(
            channel_id,
            broad.canonical,
            narrower,
            person,
            self._clock.now(),
            match=Matcher([narrower]).match,
        )
        if followed is None:
            raise UserError(f"Somebody else has just removed {broad.text}")
        await self._on_change()
        return narrowed_reply(broad, followed, person)

    async def _outlook(self, keyword: Keyword, person: Person) -> Outlook:
        """What arXiv has for the keyword, which is followed even if arXiv does not answer."""
        try:
            async with asyncio.timeout(OUTLOOK_TIMEOUT):
                return await self._queries.outlook(keyword, NEWEST_SHOWN)
        except KeywordRefused as error:
            return Outlook((f"Careful: {sentence(str(error))} It can't match anything.",))
        except (SourceError, TimeoutError) as error:
            shown = keyword.handle if person.private else keyword.text
            log.info("outlook failed keyword=%s why=%s", shown, error)
            silent = (
                "arXiv is not answering right now, so the number of papers a day is unknown. The"
                " keyword is kept, and its first papers come when arXiv answers."
            )
            if isinstance(error, SourceNotAsked):
                silent = (
                    "The bot can't query arXiv right now, because of a fault on its own machine."
                    " The keyword is kept, and its first papers come when that is fixed."
                )
            return Outlook((silent,))

    async def remove(self, channel_id: str, person: Person, keywords: Sequence[str]) -> Reply:
        """Stop following keywords, in any wording of the same meaning or by their handles.

        Of several, those that the channel does not follow (any more) are skipped. Raises UserError
        if nothing is left to remove, or if too many are named.
        """
        _check_count(keywords)
        subscriptions = await self._store.subscriptions(channel_id)
        if len(keywords) == 1:
            named = [find_subscribed(subscriptions, keywords[0], private=person.private)]
        else:
            named = find_subscribed_handles(subscriptions, keywords)
        gone = await self._store.unfollow(
            channel_id, [keyword.canonical for keyword in named], self._clock.now()
        )
        removed = [keyword for keyword in named if keyword.canonical in gone]
        if not removed:
            if len(keywords) == 1:
                raise UserError(f"Somebody else has just removed {named[0].text}")
            raise UserError(f"None of these is followed here any more. {see_list(channel_id)}")
        await self._on_change()
        return removed_reply(channel_id, removed, person)

    async def restore(self, channel_id: str, person: Person, handles: Sequence[str]) -> Reply:
        """Put back keywords that were removed together. Raises UserError."""
        _check_count(handles)
        known = await self._store.known_keywords(channel_id)
        keywords = [parse(keyword_of_handle(each, known)) for each in handles]
        added = await self._store.follow_again(
            channel_id,
            keywords,
            person,
            self._clock.now(),
            check_room=self._check_room(person),
        )
        if not added:
            raise UserError(f"All of these are followed here already. {see_list(channel_id)}")
        await self._on_change()
        return added_again_reply(added, person)

    async def mute(
        self, channel_id: str, person: Person, text: str, *, in_chat: bool = False
    ) -> Reply:
        """From now on, hide everything that matches from the channel. Raises UserError for an
        expression that can't be read, or, with ``in_chat``, one too many."""
        keyword = parse(await self._queries.keyword_text(text, channel_id))
        if in_chat:
            self._limits.check_keyword(keyword.text)
        check_room = self._limits.check_mutes if in_chat else None
        understood = paraphrase(keyword)
        now = self._clock.now()
        if not await self._store.mute(channel_id, keyword, person, now, check_room=check_room):
            return already_muted_reply(channel_id, keyword, understood, person)
        await self._on_change()
        papers = await self._store.channel_papers(channel_id, now - MUTE_MEASURED_OVER, first=True)
        matcher = Matcher([keyword])
        hidden = sum(bool(matcher.match(each.paper)) for each in papers)
        same = [
            each.keyword
            for each in await self._store.subscriptions(channel_id)
            if each.keyword.canonical == keyword.canonical
        ]
        return muted_reply(channel_id, keyword, understood, person, hidden, len(papers), same)

    async def unmute(self, channel_id: str, person: Person, text: str) -> Reply:
        """End a mute, named in any wording of its meaning or by its handle. Raises UserError."""
        mutes = await self._store.mutes(channel_id)
        keyword = find_muted(mutes, text, private=person.private)
        if not await self._store.unmute(channel_id, keyword.canonical):
            raise UserError(f"Somebody else has just unmuted {keyword.text}")
        await self._on_change()
        return unmuted_reply(channel_id, keyword, person)

    # -- how a channel is posted to -----------------------------------------------------------

    async def pause(self, channel_id: str, person: Person) -> Reply:
        """Post nothing in the channel until somebody resumes it; new papers are kept."""
        [view] = (await self._queries.state(channel_id)).channels
        if view.paused == "person":
            return Reply(f"It is paused already ({view.reason}).")
        if not await self._store.pause(channel_id, f"by {person.name}", self._clock.now()):
            raise UserError("Nothing is followed here, so there is nothing to pause.")
        resume = refer_to("resume", channel_id)
        return Reply(
            f"Paused. New papers are kept, and nothing is lost. To resume: {resume}",
            offers=(Offer("Resume", "resume"),),
            announcement=f"{person.name} paused the posts in this channel.",
        )

    async def invited(self, channel_id: str) -> Reply:
        """The bot was invited to this channel: returns what it says there to everybody. Ends a
        pause because the channel had refused posts, but not one that a person asked for."""
        state = await self._queries.state(channel_id)
        [view] = state.channels
        resumed = await self._store.resume(channel_id, refused_only=True)
        return greeting(self._queries.context(view, state, channel_id), resumed)

    async def resume(self, channel_id: str, person: Person) -> Reply:
        """Post again, no matter who or what had paused the channel."""
        state = await self._queries.state(channel_id)
        [view] = state.channels
        if person.private and view.paused == "refused":
            await self.personal.open(channel_id, person)
        if not await self._store.resume(channel_id):
            return Reply("It was not paused.")
        context = self._queries.context(view, state, channel_id)
        return with_times(resumed_reply(context, person), context.dates)

    async def change_settings(
        self, channel_id: str, person: Person, values: Mapping[str, str]
    ) -> Reply:
        """Change settings of how a channel is posted to, by their names: all of them, or none. One
        that is set so already is neither stored nor announced. Raises UserError."""
        [view] = (await self._queries.state(channel_id)).channels
        own: dict[str, Any] = {}
        for name, value in values.items():
            setting = find_setting(name, private=bool(view.channel.owner))
            if setting.for_channels and view.channel.owner:
                raise UserError(f"{setting.name} is for channels. Nobody else reads this here.")
            if setting.for_governors and not person.governs:
                raise NotAllowed(
                    f"Only those who run this server may change {setting.name}: {setting.meaning}."
                )
            stored = stored_value(setting, value, view.channel.platform)
            if setting.check is not None and stored is not None:
                setting.check(stored, person)
            own[setting.name] = stored
        new = {name: own[name] for name in own if own[name] != getattr(view.channel, name)}
        if new:
            await self._store.change_settings(channel_id, new)
            await self._on_change()
        channel = replace(view.channel, **new)
        return self._queries.settings_of(channel, new, own.keys() - new.keys(), person.name)

    async def resend(self, channel_id: str | None, key: str) -> Reply:
        """Send a held or dead post again, named by its key or the start of it; one of any channel
        where none is given. Raises UserError."""
        state = await self._queries.state(channel_id)
        post = find_stuck_post(state.channels, key.strip().casefold())
        if not await self._store.resend(post.key, self._clock.now()):
            raise UserError(f"Its state has just changed. Look again: {refer_to('status')}")
        paused = any(post in view.posts and view.paused == "person" for view in state.channels)
        return resent_reply(paused)


def _check_count(names: Sequence[str]) -> None:
    if len(names) > MAX_KEYWORDS_AT_ONCE:
        raise UserError(f"{MAX_KEYWORDS_AT_ONCE} keywords are the most at once.")
