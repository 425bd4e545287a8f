"""What people can ask, in chat and on the command line alike. Knows no platform.

Asks the store and the source, changes what people may change, and answers with a ``Reply``; the
wording is in ``bot.answers``. Does not decide who may ask what, and does not post: an announcement
is handed back for the platform to make.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from bot.answers.changes import added_reply, known_reply, listing_reply, removed_reply
from bot.answers.meaning import in_words
from bot.answers.preview import estimate, preview_reply
from bot.answers.reasons import Look, short_key
from bot.answers.scope import seen_everywhere, seen_in
from bot.answers.settings import setting_named, settings_reply, stored_value
from bot.answers.status import status_reply
from bot.answers.times import Calendar
from bot.answers.typed import COMMANDS, bare_id, help_text, nearest, understand
from bot.answers.why import Case, Judged, why_reply
from bot.errors import SourceError, StoreError, UserError
from bot.keywords import expression, parse
from bot.matching import Matcher, explain
from bot.model import Channel, Keyword, Paper, Reply, Subscription
from bot.ports import Clock, PeopleStore, Source
from bot.slots import Timetable
from bot.text import clean
from bot.views import ChannelView, OpenPost, StateView

log = logging.getLogger(__name__)

PREVIEWED = 100  # papers that a preview asks for: one request, as priming makes it


class BotCommands:
    """Implements ports.Commands.

    ``changed`` is awaited after every change of keywords or settings, so that ``bot.toml`` shows
    it. ``identify`` gives a paper's identity from an id as its source writes it, and raises
    ValueError. Every method may raise StoreError, and then nothing was changed.
    """

    def __init__(
        self,
        *,
        store: PeopleStore,
        source: Source,
        clock: Clock,
        timetable: Callable[[Channel], Timetable],
        changed: Callable[[], Awaitable[None]],
        first_post: int,
        identify: Callable[[str], str],
    ) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._timetable = timetable
        self._changed = changed
        self._first_post = first_post
        self._identify = identify

    # -- keywords -----------------------------------------------------------------------------

    async def add(self, channel_id: str, text: str, person: str) -> Reply:
        """Follow a keyword. Does not ask arXiv. Raises UserError for a wrong keyword."""
        keyword = parse(text)
        understood = in_words(expression(keyword))
        data = {**_keyword_data(channel_id, keyword), "understood": understood}
        if await self._store.follow(channel_id, keyword, person, self._clock.now()):
            await self._changed()
            return added_reply(keyword, understood, person, self._first_post, data)
        subscriptions = await self._store.subscriptions(channel_id)
        same = [s.keyword for s in subscriptions if s.keyword.canonical == keyword.canonical]
        return known_reply(keyword, same[0].text if same else keyword.text, data)

    async def remove(self, channel_id: str, text: str, person: str) -> Reply:
        """Stop following a keyword, in any wording of the same meaning. Raises UserError."""
        keyword = _followed(await self._store.subscriptions(channel_id), text)
        if not await self._store.unfollow(channel_id, keyword.canonical):
            raise UserError(f"Somebody else has just removed {keyword.text}")
        await self._changed()
        return removed_reply(keyword, person, _keyword_data(channel_id, keyword))

    async def listing(self, channel_id: str) -> Reply:
        """The keywords of one channel."""
        subscriptions = await self._store.subscriptions(channel_id)
        return listing_reply(channel_id, subscriptions, self._calendar(channel_id))

    async def preview(self, text: str, days: int = 7) -> Reply:
        """How many papers a day a keyword would bring, and the newest few. Saves nothing.

        Raises UserError for a wrong keyword, and SourceError if arXiv gives no usable answer.
        """
        if days < 1:
            raise UserError("A preview looks at one day at least.")
        keyword = parse(text)
        batch = await self._source.latest(keyword, PREVIEWED)
        matcher = Matcher([keyword])
        matching = [paper for paper in batch.papers if matcher.match(paper)]
        calendar = self._calendar()
        found = estimate(batch, matching, PREVIEWED, days, calendar.now)
        understood = in_words(expression(keyword))
        return preview_reply(keyword, understood, batch, matching, found, days, calendar)

    # -- questions ----------------------------------------------------------------------------

    async def why(self, paper_id: str, channel_id: str | None = None) -> Reply:
        """What became of a paper in one channel, or in all. Raises UserError if it is no id."""
        identity = self._identity(paper_id)
        known = await self._store.paper(identity)
        state = await self._state(channel_id)
        standings = {standing.channel_id: standing for standing in known.standings}
        cases = [
            Case(
                self._look(view, state, channel_id),
                standings.get(view.channel.id),
                () if known.paper is None else _judged(view, known.paper),
            )
            for view in state.channels
        ]
        return why_reply(identity, known, state, cases, self._calendar(channel_id))

    async def status(self, channel_id: str | None = None) -> Reply:
        """When arXiv was last asked, and how one channel stands, or all."""
        state = await self._state(channel_id)
        looks = [self._look(view, state, channel_id) for view in state.channels]
        return status_reply(state, looks, self._calendar(channel_id))

    async def help(self) -> Reply:
        return Reply(help_text(), data={"commands": list(COMMANDS)})

    # -- how a channel is posted to -----------------------------------------------------------

    async def pause(self, channel_id: str, person: str) -> Reply:
        """Post nothing in the channel until somebody resumes it; papers gather."""
        [view] = (await self._state(channel_id)).channels
        data = {"channel": channel_id}
        if view.paused == "person":
            return Reply(f"It is paused already ({view.reason}).", data={**data, "changed": False})
        if not await self._store.pause(channel_id, f"by {person}", self._clock.now()):
            raise UserError("This channel follows nothing, so there is nothing to pause.")
        return Reply(
            "Paused. Papers gather meanwhile, and nothing is lost. To go on: resume",
            announcement=f"{person} paused the posts in this channel.",
            data={**data, "changed": True},
        )

    async def resume(self, channel_id: str, person: str) -> Reply:
        """Post again, whoever or whatever had paused the channel."""
        state = await self._state(channel_id)
        [view] = state.channels
        data = {"channel": channel_id, "due": view.due}
        if not await self._store.resume(channel_id):
            return Reply("It was not paused.", data={**data, "changed": False})
        when = self._look(view, state, channel_id).when_posted()
        waiting = f" What has gathered comes {when}." if view.due else ""
        return Reply(
            f"Posting again.{waiting}",
            announcement=f"{person} resumed the posts in this channel.",
            data={**data, "changed": True},
        )

    async def settings(
        self, channel_id: str, name: str | None = None, value: str | None = None, person: str = ""
    ) -> Reply:
        """Show how a channel is posted to, or change one setting of it. Raises UserError."""
        [view] = (await self._state(channel_id)).channels
        if name is None:
            return settings_reply(view.channel, self._timetable(view.channel))
        key = setting_named(name)
        stored = stored_value(key, value or "")
        own: dict[str, Any] = {key: stored}
        changed = replace(view.channel, **own)
        await self._store.change_setting(channel_id, key, stored)
        await self._changed()
        reply = settings_reply(changed, self._timetable(changed))
        new = "as bot.toml says" if stored is None else stored
        return replace(
            reply,
            text=f"Changed: {key} is now {new}\n{reply.text}",
            announcement=f"{person or 'Somebody'} changed {key} of this channel to {new}.",
            data={**reply.data, "changed": True},
        )

    async def resend(self, key: str, channel_id: str | None = None) -> Reply:
        """Send a held or dead post again, named by its key or the start of it. Raises UserError."""
        state = await self._state(channel_id)
        post = _stuck(state.channels, key.strip().casefold())
        if not await self._store.resend(post.key, self._clock.now()):
            raise UserError("Its state has just changed. Look again: status")
        return Reply(
            "It is sent again at the next delivery.", data={"key": post.key, "was": post.state}
        )

    # -- words --------------------------------------------------------------------------------

    async def run(self, channel_id: str, person: str, words: str) -> Reply:
        """Do what ``words`` say. Raises UserError, with a text for the person, and nothing else.

        A question about a channel is answered for this channel alone.
        """
        command, rest = understand(words)
        try:
            return await self._run(command, rest, channel_id, person)
        except SourceError as error:
            raise UserError(
                f"arXiv gave no usable answer. That says nothing about the papers; please try"
                f" again later. ({error})"
            ) from error
        except StoreError as error:
            log.error("command=%s channel=%s failed why=%s", command, channel_id, error)
            raise UserError(
                "The bot's database does not work right now, so nothing was changed. Whoever hosts"
                " the bot finds the reason in its log."
            ) from error
        except UserError:
            raise
        except Exception as error:
            # One of the two places that catch everything: whoever asked gets an answer.
            log.exception("command=%s channel=%s failed", command, channel_id)
            raise UserError(
                "Something went wrong in the bot, and it can't say what was done of this. Whoever"
                " hosts it finds the reason in its log."
            ) from error

    async def _run(self, command: str, rest: str, channel_id: str, person: str) -> Reply:
        match command:
            case "add":
                return await self.add(channel_id, rest, person)
            case "remove":
                return await self.remove(channel_id, rest, person)
            case "list":
                return await self.listing(channel_id)
            case "preview":
                return await self.preview(rest)
            case "why":
                return await self.why(rest, channel_id)
            case "status":
                return await self.status(channel_id)
            case "pause":
                return await self.pause(channel_id, person)
            case "resume":
                return await self.resume(channel_id, person)
            case "settings":
                name, _, value = rest.replace("=", " ", 1).partition(" ")
                return await self.settings(channel_id, name or None, value or None, person)
            case "resend":
                return await self.resend(rest, channel_id)
            case _:
                return await self.help()

    # -- helpers ------------------------------------------------------------------------------

    async def _state(self, channel_id: str | None) -> StateView:
        """What may be known in one channel; without one, everything."""
        state = await self._store.state()
        return seen_everywhere(state) if channel_id is None else seen_in(channel_id, state)

    def _calendar(self, channel_id: str | None = None) -> Calendar:
        timetable = self._timetable(Channel(channel_id or ""))
        return Calendar(self._clock.now(), timetable.timezone)

    def _look(self, view: ChannelView, state: StateView, asked: str | None) -> Look:
        timetable = self._timetable(view.channel)
        calendar = Calendar(self._clock.now(), timetable.timezone)
        return Look(view, state, timetable, calendar, here=asked is not None)

    def _identity(self, text: str) -> str:
        try:
            return self._identify(bare_id(text))
        except ValueError as error:
            raise UserError(
                f"{clean(text)[:60]} is no arXiv id. Write it like 2603.01234, hep-th/0408048, or"
                " as the address of the paper's page."
            ) from error


def _keyword_data(channel_id: str, keyword: Keyword) -> dict[str, object]:
    return {"channel": channel_id, "keyword": keyword.text, "canonical": keyword.canonical}


def _followed(subscriptions: Sequence[Subscription], text: str) -> Keyword:
    """The keyword of a channel that is meant. Raises UserError with those that come nearest."""
    typed = clean(text)
    followed = [subscription.keyword for subscription in subscriptions]
    for keyword in followed:
        if keyword.text.casefold() == typed.casefold():
            return keyword
    if not followed:
        raise UserError("This channel follows nothing, so there is nothing to remove.")
    canonical = parse(text).canonical
    for keyword in followed:
        if keyword.canonical == canonical:
            return keyword
    near = nearest(typed, [keyword.text for keyword in followed])
    if near:
        raise UserError(f"This channel does not follow {typed}. Did you mean: {' / '.join(near)}")
    raise UserError(f"This channel does not follow {typed}. To see what it follows: list")


def _judged(view: ChannelView, paper: Paper) -> tuple[Judged, ...]:
    judged = []
    for subscription in view.subscriptions:
        found = explain(subscription.keyword, paper)
        judged.append(
            Judged(subscription.keyword, found.matched, found.field, found.reason, found.closeness)
        )
    return tuple(judged)


def _stuck(channels: Sequence[ChannelView], key: str) -> OpenPost:
    """The one held or dead post whose key begins so. Raises UserError."""
    posts = [post for view in channels for post in view.posts if post.state in {"held", "dead"}]
    found = [post for post in posts if key and post.key.startswith(key)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"Several posts begin with {key}. Give more of the key.")
    if not posts:
        raise UserError("No post is held or dead here, so there is nothing to send again.")
    raise UserError(
        f"No held or dead post has the key {key}. There are: "
        + ", ".join(short_key(post.key) for post in posts)
    )
