"""What people can say, in chat and on the command line alike. Knows no platform.

Changes what people may change, hands questions on, and answers with a ``Reply``; the wording is in
``bot.chat.replies``. Does not post: an announcement is handed back for the platform to make.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from bot.chat.parse import CHANGES, understand
from bot.chat.queries import Questions
from bot.chat.rate_limit import CommandRateLimiter
from bot.chat.replies.dates import timed
from bot.chat.replies.keywords import (
    added_again_reply,
    added_reply,
    known_reply,
    removed_reply,
    resent_reply,
    restored_reply,
    resumed_reply,
)
from bot.chat.replies.paraphrase import understanding
from bot.chat.replies.preview import Outlook
from bot.chat.replies.reasons import sentence
from bot.chat.replies.settings import setting_named, stored_value
from bot.chat.resolve import (
    MOST_AT_ONCE,
    TO_SEE,
    followed,
    handle,
    handled,
    handles_in,
    is_handle,
    stuck,
)
from bot.core.limits import Limits
from bot.errors import (
    KeywordRefused,
    NotAllowed,
    SourceError,
    SourceNotAsked,
    StoreError,
    UserError,
)
from bot.keywords import parse
from bot.model import (
    Choice,
    Keyword,
    Offer,
    Paper,
    Person,
    Reply,
    refer_to,
    without_references,
)
from bot.ports import Clock, PeopleStore

log = logging.getLogger(__name__)

T = TypeVar("T")

SHOWN_OF_NEW = 3  # papers shown to whoever adds a keyword
# Seconds that somebody in a chat waits for arXiv before they get an answer without it.
PATIENCE_TO_ADD = 20.0
PATIENCE_TO_ASK = 90.0


class BotCommands:
    """Implements ports.Commands.

    ``changed`` is awaited after every change of keywords or settings, so that ``bot.toml`` shows
    it. The methods for single commands may raise StoreError, and then nothing was changed; ``run``
    and what else a chat calls raise UserError alone.
    """

    def __init__(
        self,
        *,
        questions: Questions,
        store: PeopleStore,
        clock: Clock,
        changed: Callable[[], Awaitable[None]],
        first_post: int,
        limits: Limits | None = None,
    ) -> None:
        self._questions = questions
        self._store = store
        self._clock = clock
        self._changed = changed
        self._first_post = first_post
        self._limits = limits or Limits()
        self._rate_limiter = CommandRateLimiter(self._limits.commands_per_minute, clock)

    # -- keywords -----------------------------------------------------------------------------

    async def add(
        self, channel_id: str, text: str, person: Person, *, in_chat: bool = False
    ) -> Reply:
        """Follow a keyword; the button "Undo" of one that was removed puts it back as it was.

        With ``in_chat`` the limits hold, and the answer says what arXiv has for it, if it answers
        soon. Raises UserError for a wrong keyword, or one too many.
        """
        typed = await self._typed(text)
        if in_chat:
            self._limits.check_keyword(typed)
        keyword = parse(typed)
        understood = understanding(keyword)
        data = {
            **_keyword_data(channel_id, keyword),
            "understood": understood.words,
            "notices": list(understood.notices),
        }
        added = await self._store.follow(
            channel_id,
            keyword,
            person,
            self._clock.now(),
            check_room=self._limits.check_room if in_chat else None,
            undo=is_handle(text),
        )
        subscriptions = await self._store.subscriptions(channel_id)
        same = [s for s in subscriptions if s.keyword.canonical == keyword.canonical]
        if not added:
            return known_reply(keyword, same[0].keyword.text if same else keyword.text, data)
        await self._changed()
        if same and same[0].primed_at is not None:
            return restored_reply(same[0].keyword, understood, person, data)
        seen = await self._outlook(keyword) if in_chat else None
        return added_reply(keyword, understood, person, self._first_post, data, seen)

    async def _outlook(self, keyword: Keyword) -> Outlook:
        """The keyword is kept, whatever arXiv says or does not."""
        try:
            async with asyncio.timeout(PATIENCE_TO_ADD):
                return await self._questions.outlook(keyword, SHOWN_OF_NEW)
        except KeywordRefused as error:
            return Outlook((f"Careful: {sentence(str(error))} Nothing can come of it.",))
        except (SourceError, TimeoutError) as error:
            log.info("outlook keyword=%r failed why=%s", keyword.text, error)
            silent = (
                "arXiv gives no answer just now, so nobody can say how many papers a day that"
                " means. The keyword is kept, and its first papers come when arXiv answers."
            )
            if isinstance(error, SourceNotAsked):
                silent = (
                    "The bot can't ask arXiv just now, because of a fault on its own machine. The"
                    " keyword is kept, and its first papers come when that is fixed."
                )
            return Outlook((silent,))

    async def remove(self, channel_id: str, text: str, person: Person) -> Reply:
        """Stop following a keyword, in any wording of the same meaning. Raises UserError."""
        keyword = followed(await self._store.subscriptions(channel_id), text)
        if not await self._store.unfollow(channel_id, keyword.canonical, self._clock.now()):
            raise UserError(f"Somebody else has just removed {keyword.text}")
        await self._changed()
        return removed_reply([keyword], person, _keyword_data(channel_id, keyword))

    async def remove_several(self, channel_id: str, names: Sequence[str], person: Person) -> Reply:
        """Stop following keywords, named by their handles. What somebody else has removed meanwhile
        is passed over. Raises UserError where nothing is left to remove, or too much is named."""
        _check_count(names)
        known = await self._store.subscriptions(channel_id)
        named = [each.keyword for each in known if handle(each.keyword) in names]
        now = self._clock.now()
        removed = [
            keyword
            for keyword in named
            if await self._store.unfollow(channel_id, keyword.canonical, now)
        ]
        if not removed:
            raise UserError(f"This channel follows none of these any more. {TO_SEE}")
        await self._changed()
        return removed_reply(removed, person, _several_data(channel_id, removed))

    async def add_several_again(
        self, channel_id: str, names: Sequence[str], person: Person
    ) -> Reply:
        """Put keywords back that were removed, named by their handles. Raises UserError."""
        _check_count(names)
        known = await self._store.known_keywords()
        keywords = [parse(handled(name, known)) for name in names]
        added: list[Keyword] = []
        try:
            for keyword in keywords:
                if await self._store.follow(
                    channel_id,
                    keyword,
                    person,
                    self._clock.now(),
                    check_room=self._limits.check_room,
                    undo=True,
                ):
                    added.append(keyword)
        except UserError:
            if not added:  # else what is followed again is told
                raise
        if not added:
            raise UserError(f"This channel follows all of these already. {TO_SEE}")
        await self._changed()
        return added_again_reply(added, person, _several_data(channel_id, added))

    # -- how a channel is posted to -----------------------------------------------------------

    async def pause(self, channel_id: str, person: Person) -> Reply:
        """Post nothing in the channel until somebody resumes it; papers gather."""
        [view] = (await self._questions.state(channel_id)).channels
        data = {"channel": channel_id}
        if view.paused == "person":
            return Reply(f"It is paused already ({view.reason}).", data={**data, "changed": False})
        if not await self._store.pause(channel_id, f"by {person.name}", self._clock.now()):
            raise UserError("This channel follows nothing, so there is nothing to pause.")
        resume = refer_to("resume", channel_id)
        return Reply(
            f"Paused. Papers gather meanwhile, and nothing is lost. To go on: {resume}",
            offers=(Offer("Resume", "resume"),),
            announcement=f"{person.name} paused the posts in this channel.",
            data={**data, "changed": True},
        )

    async def resume(self, channel_id: str, person: Person) -> Reply:
        """Post again, whoever or whatever had paused the channel."""
        state = await self._questions.state(channel_id)
        [view] = state.channels
        data = {"channel": channel_id, "due": view.due}
        if not await self._store.resume(channel_id):
            return Reply("It was not paused.", data={**data, "changed": False})
        look = self._questions.look(view, state, channel_id)
        reply = resumed_reply(look, person, {**data, "changed": True})
        return timed(reply, look.dates)

    async def change_setting(self, channel_id: str, name: str, value: str, person: Person) -> Reply:
        """Change one setting of how a channel is posted to. Raises UserError."""
        key = setting_named(name)
        if key == "editors" and not person.governs:
            raise NotAllowed("Who may change keywords is for those to decide who run this server.")
        [view] = (await self._questions.state(channel_id)).channels
        stored = stored_value(key, value, view.channel.platform)
        own: dict[str, Any] = {key: stored}
        changed = replace(view.channel, **own)
        await self._store.change_setting(channel_id, key, stored)
        await self._changed()
        reply, new = self._questions.settings_of(changed, key)
        return replace(
            reply,
            announcement=f"{person.name} changed {key} of this channel to {new}.",
            data={**reply.data, "changed": True},
        )

    async def resend(self, key: str, channel_id: str | None = None) -> Reply:
        """Send a held or dead post again, named by its key or the start of it. Raises UserError."""
        state = await self._questions.state(channel_id)
        post = stuck(state.channels, key.strip().casefold())
        if not await self._store.resend(post.key, self._clock.now()):
            raise UserError(f"Its state has just changed. Look again: {refer_to('status')}")
        paused = any(post in view.posts and view.paused == "person" for view in state.channels)
        return resent_reply(paused, {"key": post.key, "was": post.state})

    # -- from a chat --------------------------------------------------------------------------

    async def run(self, channel_id: str, person: Person, words: str) -> Reply:
        """Do what ``words`` say. Raises UserError, with a text for the person, and nothing else.

        Reading is open to everybody in the channel; changing is for those who manage it, or for
        its members where ``editors`` says so.
        """
        command, rest = understand(without_references(words))
        person = replace(person, name=without_references(person.name))
        return await _answered(command, channel_id, self._run(command, rest, channel_id, person))

    async def keyword_choices(self, channel_id: str) -> tuple[Choice, ...]:
        work = self._questions.keyword_choices(channel_id)
        return await _answered("keyword_choices", channel_id, work)

    async def abstract(self, paper_id: str) -> Paper:
        return await _answered("abstract", "", _soon(self._questions.abstract(paper_id)))

    async def home(self, person: Person) -> Reply:
        return await _answered("home", "", self._questions.home(person))

    async def _run(self, command: str, rest: str, channel_id: str, person: Person) -> Reply:
        self._rate_limiter.count(person.id)
        if command in CHANGES and (rest or command != "settings"):
            await self._check_editor(channel_id, person)
        match command:
            case "add" if names := handles_in(rest):
                return await self.add_several_again(channel_id, names, person)
            case "add":
                return await self.add(channel_id, rest, person, in_chat=True)
            case "remove" if names := handles_in(rest):
                return await self.remove_several(channel_id, names, person)
            case "remove":
                return await self.remove(channel_id, rest, person)
            case "list":
                page = int(rest) if rest.isdecimal() and len(rest) < 6 else 1
                may_change = await self._may_change(channel_id, person)
                return await self._questions.listing(channel_id, page, may_change=may_change)
            case "preview":
                return await _soon(self._questions.preview(await self._typed(rest)))
            case "why":
                return await self._questions.why(rest, channel_id)
            case "status":
                return await self._questions.status(channel_id)
            case "pause":
                return await self.pause(channel_id, person)
            case "resume":
                return await self.resume(channel_id, person)
            case "settings" if rest:
                name, _, value = rest.replace("=", " ", 1).partition(" ")
                return await self.change_setting(channel_id, name, value, person)
            case "settings":
                return await self._questions.settings(channel_id)
            case "resend":
                return await self.resend(rest, channel_id)
            case _:
                return await self._questions.help()

    async def _typed(self, text: str) -> str:
        """What somebody typed, or what the keyword says that a button stands for."""
        if not is_handle(text):
            return text
        return handled(text, await self._store.known_keywords())

    async def _may_change(self, channel_id: str, person: Person) -> bool:
        if person.manages:
            return True
        [view] = (await self._questions.state(channel_id)).channels
        return view.channel.editors == "members"

    async def _check_editor(self, channel_id: str, person: Person) -> None:
        if not await self._may_change(channel_id, person):
            raise NotAllowed(
                "Changing this is for those who manage the channel. Please ask one of them. They"
                f" can also open it to every member: {refer_to('settings editors members')}"
            )


async def _soon(work: Coroutine[Any, Any, T]) -> T:
    """Raises TimeoutError where arXiv takes longer than a person waits. Only for questions."""
    async with asyncio.timeout(PATIENCE_TO_ASK):
        return await work


async def _answered(command: str, channel_id: str, work: Coroutine[Any, Any, T]) -> T:
    """Whatever happens, the person gets an answer: UserError is all that is raised."""
    try:
        return await work
    except SourceNotAsked as error:
        log.error("failed command=%s channel=%s why=%s", command, channel_id, error)
        raise UserError(
            "The bot can't ask arXiv right now, because of a fault on its own machine. Whoever"
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
        # One of the two places that catch everything: whoever asked gets an answer.
        log.exception("failed command=%s channel=%s", command, channel_id)
        raise UserError(
            "Something went wrong in the bot, and it can't say what was done of this. Whoever"
            " hosts it finds the reason in its log."
        ) from error


def _check_count(names: Sequence[str]) -> None:
    if len(names) > MOST_AT_ONCE:
        raise UserError(f"{MOST_AT_ONCE} keywords are the most at once.")


def _several_data(channel_id: str, keywords: Sequence[Keyword]) -> dict[str, object]:
    said = [{"keyword": each.text, "canonical": each.canonical} for each in keywords]
    return {"channel": channel_id, "keywords": said}


def _keyword_data(channel_id: str, keyword: Keyword) -> dict[str, object]:
    return {"channel": channel_id, "keyword": keyword.text, "canonical": keyword.canonical}
