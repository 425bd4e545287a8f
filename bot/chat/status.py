"""How the channels stand, as ``status`` shows it and ``once`` sums it up. Changes nothing.

Apart from the other questions (``bot.chat.queries``), because a run asks only this one and should
not have to load the rest. The wording is in ``bot.chat.replies.status``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.arxiv.calendar import AnnouncementCalendar
from bot.chat.replies.dates import DateFormatter, with_times
from bot.chat.replies.reasons import ChannelContext
from bot.chat.replies.status import status_reply, status_report
from bot.chat.reports import StatusReport
from bot.chat.visibility import visible_in, visible_to_host
from bot.model import Channel, Reply
from bot.model.timetable import Timetable
from bot.model.views import ChannelView, StateView
from bot.ports import Clock, PeopleStore


class StatusQueries:
    """``schedule`` is what holds for channels without settings of their own, as bot.toml writes it.
    Every method that reads the store may raise StoreError."""

    def __init__(
        self,
        *,
        store: PeopleStore,
        clock: Clock,
        timetable: Callable[[Channel], Timetable],
        calendar: AnnouncementCalendar,
        schedule: Mapping[str, str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._timetable = timetable
        self._calendar = calendar
        self._schedule = schedule

    async def status(
        self, channel_id: str | None = None, *, file_problem: str = "", page_problem: str = ""
    ) -> Reply:
        """When arXiv was last asked, and how one channel stands, or all. ``file_problem`` says why
        ``bot.toml`` and the database differ, if they do; ``page_problem`` what is wrong with the
        page."""
        state = await self.state(channel_id)
        contexts = [self.context(view, state, channel_id) for view in state.channels]
        dates = self.dates(channel_id)
        report = status_report(state, contexts, dates)._replace(
            file_problem=file_problem,
            page_problem=page_problem,
        )
        reply = status_reply(report, contexts, dates)
        return with_times(reply, dates, *(context.dates for context in contexts))

    async def status_report(self) -> StatusReport:
        """The same of all channels as data."""
        state = await self.state(None)
        contexts = [self.context(view, state, None) for view in state.channels]
        return status_report(state, contexts, self.dates())

    # -- what others build on -----------------------------------------------------------------

    async def state(self, channel_id: str | None) -> StateView:
        """What people in one channel may see; without a channel, everything."""
        if channel_id is None:
            return visible_to_host(await self._store.state())
        return visible_in(channel_id, await self._store.state(channel_id))

    def context(
        self, view: ChannelView, state: StateView, channel_id: str | None
    ) -> ChannelContext:
        """One channel with everything that the sentence about it depends on. ``channel_id`` is the
        channel that somebody asked about, ``None`` for all of them."""
        timetable = self._timetable(view.channel)
        dates = DateFormatter(self._clock.now(), timetable.timezone)
        return ChannelContext(
            view,
            state,
            timetable,
            dates,
            channel_id is not None,
            self._calendar,
            self._schedule.get("days", ""),
        )

    def dates(self, channel_id: str | None = None) -> DateFormatter:
        """For times as that channel reads them."""
        timetable = self._timetable(Channel(channel_id or ""))
        return DateFormatter(self._clock.now(), timetable.timezone)
