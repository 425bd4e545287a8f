"""What people can look up, in a chat and at the command line alike. Knows no platform, changes
nothing.

Reads the store and queries the source; the wording is in ``bot.chat.replies``. What is
asked about one channel is answered for this channel alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from bot.arxiv.calendar import AnnouncementCalendar
from bot.chart import can_draw, draw
from bot.chat.parse import bare_id, help_sections
from bot.chat.replies.dates import with_times
from bot.chat.replies.home import home
from bot.chat.replies.keywords import all_listings_reply, listing_reply
from bot.chat.replies.paraphrase import paraphrase
from bot.chat.replies.preview import (
    PREVIEW_EXAMPLES,
    Estimate,
    Outlook,
    chart,
    estimate,
    outlook,
    preview_reply,
    with_narrower,
)
from bot.chat.replies.settings import (
    ScheduleDefaults,
    settings_in_force,
    settings_names,
    settings_reply,
)
from bot.chat.replies.statistics import (
    MEASURED_OVER,
    charts,
    most_saved,
    statistics,
    statistics_reply,
    with_picture,
)
from bot.chat.replies.why import Case, KeywordEvaluation, why_reply
from bot.chat.resolve import is_handle, keyword_of_handle
from bot.chat.status import StatusQueries
from bot.chat.visibility import visible_to_person
from bot.errors import UserError
from bot.keywords import parse
from bot.keywords.notices import narrower_reading
from bot.matching import Matcher, explain
from bot.model import (
    Bars,
    Batch,
    Channel,
    Choice,
    Home,
    Keyword,
    Mute,
    Paper,
    Person,
    Reply,
    SettingValue,
    Subscription,
)
from bot.model.timetable import Timetable
from bot.ports import Clock, PeopleStore, Source
from bot.text import clean, displayed

PREVIEW_PAPERS = 100  # papers that a preview requests: one request, as for priming
SAVED_COMPARED = 200  # of the papers saved last, those that most people keep are named
PREVIEW_DAYS = 7  # how far a preview counts back by default


class Queries(StatusQueries):
    """``identify`` gives a paper's identity from an id as its source writes it, and raises
    ValueError. Every method may raise StoreError."""

    def __init__(
        self,
        *,
        store: PeopleStore,
        source: Source,
        clock: Clock,
        timetable: Callable[[Channel], Timetable],
        identify: Callable[[str], str],
        calendar: AnnouncementCalendar | None = None,
        defaults: ScheduleDefaults | None = None,
    ) -> None:
        self._defaults = defaults or ScheduleDefaults()
        super().__init__(
            store=store,
            clock=clock,
            timetable=timetable,
            calendar=calendar or AnnouncementCalendar(),
            schedule=self._defaults.values,
        )
        self._source = source
        self._identify = identify

    # -- keywords -----------------------------------------------------------------------------

    async def listing(
        self,
        channel_id: str,
        page: int | None = None,
        *,
        may_change: bool = False,
        private: bool = False,
    ) -> Reply:
        """The keywords of one channel: all, or one page of them. Buttons that change something are
        for those who may. ``private``: the one who reads it follows them for themselves."""
        subscriptions = await self._store.subscriptions(channel_id)
        mutes = await self._store.mutes(channel_id)
        dates = self.dates(channel_id)
        return listing_reply(
            channel_id,
            subscriptions,
            mutes,
            dates,
            page,
            may_change=may_change,
            private=private,
        )

    async def all_listings(self) -> Reply:
        """The keywords of every channel, also of those that bot.toml does not show."""
        return all_listings_reply(await self._store.subscriptions(), await self._store.mutes())

    async def keywords(self, channel_id: str) -> tuple[Choice, ...]:
        """The same with their handles, for completing what somebody types."""
        keywords = [each.keyword for each in await self._store.subscriptions(channel_id)]
        return tuple(Choice(keyword.described, keyword.handle) for keyword in keywords)

    async def muted(self, channel_id: str) -> tuple[Choice, ...]:
        """The mutes with their handles, likewise."""
        keywords = [each.keyword for each in await self._store.mutes(channel_id)]
        return tuple(Choice(keyword.text, keyword.handle) for keyword in keywords)

    async def preview(
        self,
        text: str,
        days: int = PREVIEW_DAYS,
        *,
        channel_id: str = "",
        pictures: bool = False,
    ) -> Reply:
        """How many papers a day a keyword would bring, and the newest few; with ``pictures`` as
        one, where it can be drawn. Saves nothing.

        Raises UserError for a wrong keyword, and SourceError if arXiv gives no usable answer.
        """
        if days < 1:
            raise UserError("A preview covers at least one day.")
        keyword = parse(await self.keyword_text(text, channel_id))
        batch, found, seen = await self._fetch_estimate(keyword, days, PREVIEW_EXAMPLES)
        bars = chart(found, self.dates(channel_id).timezone)
        understood = paraphrase(keyword)
        reply = preview_reply(keyword, understood, batch, found, seen, days, bars)
        return await _with_charts(reply, [bars] if bars else [], pictures=pictures)

    async def keyword_text(self, text: str, channel_id: str) -> str:
        """A keyword as it was typed, or the one that a handle stands for. Raises UserError for a
        handle that nobody knows in this channel."""
        if not is_handle(text):
            return text
        return keyword_of_handle(text, await self._store.known_keywords(channel_id))

    async def outlook(self, keyword: Keyword, shown: int) -> Outlook:
        """The same in sentences, for whoever has just added the keyword. Raises SourceError."""
        _, _, seen = await self._fetch_estimate(keyword, PREVIEW_DAYS, shown)
        return seen

    async def _fetch_estimate(
        self, keyword: Keyword, days: int, shown: int
    ) -> tuple[Batch, Estimate, Outlook]:
        batch = await self._source.latest(keyword, PREVIEW_PAPERS)
        matcher = Matcher([keyword])
        matching = [paper for paper in batch.papers if matcher.match(paper)]
        dates = self.dates()
        found = estimate(batch, matching, PREVIEW_PAPERS, days, dates.now)
        seen = outlook(keyword, batch, matching, found, days, dates, shown)
        if (narrower := narrower_reading(keyword)) is not None and matching:
            matcher = Matcher([narrower])
            fewer = [paper for paper in matching if matcher.match(paper)]
            less = estimate(batch, fewer, PREVIEW_PAPERS, days, dates.now)
            seen = with_narrower(seen, narrower, less)
        return batch, found, seen

    # -- papers -------------------------------------------------------------------------------

    async def why(self, paper_id: str, channel_id: str | None = None) -> Reply:
        """What became of a paper in one channel, or in all. Raises UserError if it is no id."""
        identity = self._identity(paper_id)
        known = await self._store.paper(identity)
        state = await self.state(channel_id)
        standings = {standing.channel_id: standing for standing in known.standings}
        cases = [
            Case(
                self.context(view, state, channel_id),
                standings.get(view.channel.id),
                _evaluated(view.subscriptions, known.paper),
                tuple(
                    each for each in _evaluated(view.mutes, known.paper) if each.explanation.matched
                ),
                known.saves.get(view.channel.id, 0),
                known.threads.get(view.channel.id),
            )
            for view in state.channels
        ]
        dates = self.dates(channel_id)
        reply = why_reply(identity, known, state, cases, dates)
        return with_times(reply, dates, *(case.context.dates for case in cases))

    async def matching(self, paper_id: str, channel_id: str) -> tuple[str, ...]:
        """The channel's keywords that match a paper, as they were written; none where nothing is
        known of the paper. Raises UserError if it is no id."""
        paper = (await self._store.paper(self._identity(paper_id))).paper
        keywords = [each.keyword for each in await self._store.subscriptions(channel_id)]
        return tuple(
            keyword.text
            for keyword in keywords
            if paper is not None and explain(keyword, paper).matched
        )

    async def abstract(self, paper_id: str) -> Paper:
        """A paper ready to be shown whole, as ``paper``."""
        return displayed(await self.paper(paper_id))

    async def paper(self, paper_id: str) -> Paper:
        """A complete paper, its texts as arXiv wrote them. Queries arXiv if we deleted its
        abstract.

        Raises UserError if there is no such paper, and SourceError.
        """
        identity = self._identity(paper_id)
        paper = await self._kept(identity)
        if paper is None:
            paper = next(iter((await self._source.papers([identity])).papers), None)
        if paper is None:
            raise UserError(f"arXiv knows no paper {identity}.")
        return paper

    async def papers(self, paper_ids: Sequence[str]) -> tuple[Paper, ...]:
        """The same of several, with one request for all that we have forgotten; without those that
        arXiv does not know, or of which it can't have given the id."""
        identities = list(dict.fromkeys(filter(None, map(self._identity_if_any, paper_ids))))
        found: dict[str, Paper] = {}
        for identity in identities:
            if known := await self._kept(identity):
                found[identity] = known
        if missing := [identity for identity in identities if identity not in found]:
            for paper in (await self._source.papers(missing)).papers:
                found[paper.id] = paper
        return tuple(found[identity] for identity in identities if identity in found)

    async def _kept(self, identity: str) -> Paper | None:
        """The paper with its abstract from our own database, if it is there."""
        paper = (await self._store.paper(identity)).paper
        if paper is not None and paper.abstract:
            return paper
        return await self._store.saved_paper(identity)

    # -- channels -----------------------------------------------------------------------------

    async def stats(
        self, channel_id: str, *, pictures: bool = False, private: bool = False
    ) -> Reply:
        """What came to a channel in the last month, by keyword and category; with ``pictures`` as
        one, where it can be drawn. ``private`` as in ``listing``."""
        now = self._clock.now()
        papers = await self._store.channel_papers(channel_id, now - MEASURED_OVER)
        subscriptions = await self._store.subscriptions(channel_id)
        kept = await self._store.saved(channel_id, "", limit=SAVED_COMPARED)
        found = statistics(channel_id, papers, subscriptions, self._calendar, now)
        reply = statistics_reply(found, most_saved(kept.papers), private=private)
        return await _with_charts(reply, charts(found), pictures=pictures)

    async def settings(self, channel_id: str) -> Reply:
        """How a channel is posted to."""
        [view] = (await self.state(channel_id)).channels
        return self.settings_of(view.channel)

    async def settings_in_force(self, channel_id: str) -> Mapping[str, SettingValue]:
        """The same, for a form."""
        [view] = (await self.state(channel_id)).channels
        return settings_in_force(view.channel, self._defaults)

    def settings_of(
        self,
        channel: Channel,
        changed: Collection[str] = (),
        unchanged: Collection[str] = (),
        by: str = "",
    ) -> Reply:
        """The same; ``changed`` are the settings that ``by`` has just changed, ``unchanged`` those
        that already were as ``by`` wanted them."""
        timezone = self._timetable(channel).timezone
        return settings_reply(channel, self._defaults, timezone, changed, unchanged, by)

    async def home(
        self,
        person: Person,
        channel_ids: Collection[str] | None,
        page: int = 1,
        *,
        personal: bool = False,
    ) -> Home:
        """Those of these channels of which anything is known; where nobody knows which ones the
        person is in (``None``), those in which they added keywords, to be read only but for their
        own conversation. ``personal`` offers to begin one."""
        ids = channel_ids
        if ids is None:
            ids = await self._store.channels_of_person(person.id)
        # Named is one channel at least, because without any the store shows all: no channel is "".
        state = visible_to_person(person.id, await self._store.state(*(ids or [""])))
        contexts = [self.context(view, state, None) for view in state.channels]
        may_change = channel_ids is not None
        dates = self.dates()
        return home(state, contexts, dates, person, page, may_change=may_change, personal=personal)

    async def help(self, *, private: bool = False) -> Reply:
        """All commands. ``private`` as in ``listing``."""
        text = "Commands. Replace the words in capitals with your own."
        return Reply(text, help_sections(settings_names(private=private)))

    def _identity_if_any(self, text: str) -> str:
        with suppress(UserError):
            return self._identity(text)
        return ""

    def _identity(self, text: str) -> str:
        try:
            return self._identify(bare_id(text))
        except ValueError as error:
            raise UserError(
                f"{clean(text)[:60]} is not an arXiv id. Write it like 2603.01234, hep-th/0408048,"
                " or as the address of the paper's page."
            ) from error


async def _with_charts(reply: Reply, groups: Sequence[Bars], *, pictures: bool) -> Reply:
    """With these bars as data, and as a picture where one is wanted and can be drawn."""
    reply = replace(reply, charts=tuple(groups))
    if not (groups and pictures and can_draw()):
        return reply
    return with_picture(reply, await asyncio.to_thread(draw, groups), groups)


def _evaluated(
    keywords: Sequence[Subscription] | Sequence[Mute], paper: Paper | None
) -> tuple[KeywordEvaluation, ...]:
    """Whether the paper matches each, and why; nothing of an unknown paper."""
    if paper is None:
        return ()
    return tuple(KeywordEvaluation(each.keyword, explain(each.keyword, paper)) for each in keywords)
