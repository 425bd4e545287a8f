"""When and how a channel is posted to: its own settings, or else bot.toml's ``[schedule]``.

Pure. Reads what the store says of a channel; changes nothing.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.arxiv.calendar import AnnouncementCalendar
from bot.config import ScheduleConfig
from bot.core.channel_settings import (
    CHANNEL_SETTINGS,
    parse_catch_up,
    parse_days,
    parse_post_at,
    sound,
)
from bot.core.digest import Rules
from bot.core.news import KINDS
from bot.model import Channel
from bot.model.timetable import Timetable


class ChannelRules:
    """A channel's own settings win over ``schedule``, one by one."""

    def __init__(
        self, schedule: ScheduleConfig, timezone: ZoneInfo, calendar: AnnouncementCalendar
    ) -> None:
        self._schedule = schedule
        self._timezone = timezone
        self._calendar = calendar

    def timetable(self, channel: Channel) -> Timetable:
        """The days and the time of day at which the channel is posted to."""
        channel, _ = sound(channel)  # a damaged database keeps no other channel waiting
        posting = parse_days(channel.days) if channel.days else self._schedule.days
        return Timetable(
            self._timezone,
            parse_post_at(channel.post_at) if channel.post_at else self._schedule.post_at,
            posting.weekdays,
            posting.weekly,
            self._calendar.fetchable_between,
        )

    def rules(self, channel: Channel) -> Rules:
        """What the core needs to compose the channel's digest."""
        channel, _ = sound(channel)
        own = parse_catch_up(channel.catch_up) if channel.catch_up else None
        catch_up = own or self._schedule.catch_up
        timetable = self.timetable(channel)
        group = CHANNEL_SETTINGS["group"].in_force(channel, weekly=timetable.weekly)
        return Rules(
            timetable,
            catch_up.backlog,
            self._schedule.in_full,
            KINDS[CHANNEL_SETTINGS["updates"].in_force(channel)],
            by_keyword=group == "keyword",
            by_similarity=channel.order == "similarity",
        )
