"""What ``stats`` says of one channel: what came in a month, by keyword and category. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from bot.arxiv.calendar import AnnouncementCalendar
from bot.chat.reports import CategoryShare, KeywordRate, StatisticsReport
from bot.model import Bars, Picture, Reply, SavedPaper, Section, Subscription
from bot.model.views import ChannelPaper
from bot.text import plural, shorten

MEASURED_OVER = timedelta(days=30)
MAX_BARS = 10  # of each kind; the text says how many more there are
MAX_SAVED = 3
BAR_WIDTH = 12  # characters of the longest bar
MAX_LABEL_LENGTH = 60
MAX_PICTURED_LENGTH = 32  # characters of a label in a picture
MAX_ALT_LENGTH = 1000
DAY = timedelta(days=1)


def statistics(
    channel_id: str,
    papers: Sequence[ChannelPaper],
    subscriptions: Sequence[Subscription],
    calendar: AnnouncementCalendar,
    now: datetime,
) -> StatisticsReport:
    """``papers`` are the channel's of the last ``MEASURED_OVER``. If a keyword was followed later
    than that began, its papers a day are counted from then on. A paper counts for each keyword
    that it matches."""
    shown = [each for each in papers if not each.muted]
    by_keyword = Counter(label for each in shown for label in each.keywords)
    by_category = Counter(each.paper.primary_category for each in shown)
    waited = [
        (each.posted_at - calendar.latest(each.found_at)) / timedelta(hours=1)
        for each in shown
        if each.posted_at is not None
    ]
    since = {each.keyword.label: each.primed_at or now for each in subscriptions}
    return StatisticsReport(
        channel=channel_id,
        days=MEASURED_OVER.days,
        papers=len(shown),
        muted=len(papers) - len(shown),
        keywords=tuple(
            KeywordRate(label, by_keyword[label], by_keyword[label] / _days(since[label], now))
            for label in sorted(since, key=lambda label: -by_keyword[label])
        ),
        categories=tuple(
            CategoryShare(category, count, count / len(shown))
            for category, count in by_category.most_common()
        ),
        hours_after_announcement=median(waited) if waited else None,
    )


def _days(since: datetime, now: datetime) -> float:
    """For how many days a keyword was counted; at least one, so that a few hours do not give an
    exaggerated rate."""
    return max((now - max(since, now - MEASURED_OVER)) / DAY, 1.0)


def statistics_reply(
    found: StatisticsReport, saved: Sequence[SavedPaper], *, private: bool = False
) -> Reply:
    """The statistics with bars of text, which every platform and terminal shows. ``saved`` are the
    channel's papers that most people saved. ``private``: it is a person's own conversation."""
    got = "You" if private else "This channel"
    head = [
        f"{got} got {plural(found.papers, 'paper')} in the last {found.days} days,"
        " without first papers of new keywords."
    ]
    if found.muted:
        head.append(f"Mutes hid {plural(found.muted, 'more paper')}.")
    if found.hours_after_announcement is not None:
        hours = plural(round(found.hours_after_announcement), "hour")
        head.append(f"Half of them were posted within {hours} of arXiv's announcement.")
    rates = Bars(
        "Papers by keyword",
        [each.keyword for each in found.keywords],
        [each.papers for each in found.keywords],
        [f"{each.papers:,}, {each.per_day:.1f} a day" for each in found.keywords],
    )
    shares = Bars(
        "Share by category",
        [each.category for each in found.categories],
        [each.papers for each in found.categories],
        [f"{each.papers:,}, {each.share:.0%}" for each in found.categories],
    )
    kept = [
        f"{shorten(each.paper.title, MAX_LABEL_LENGTH)} ({each.paper.id}), by {len(each.names)}"
        for each in saved
    ]
    if kept:
        head.append(f"Most saved: {'; '.join(kept)}.")
    return Reply(
        "\n".join(head),
        tuple(bar_section(bars, MAX_BARS) for bars in (rates, shares) if bars.labels),
        report=found,
    )


def charts(found: StatisticsReport) -> list[Bars]:
    """The same bars for a picture; none if no paper came."""
    if not found.papers:
        return []
    keywords, categories = found.keywords[:MAX_BARS], found.categories[:MAX_BARS]
    return [
        Bars(
            f"Papers a day by keyword, {found.days} days",
            [shorten(each.keyword, MAX_PICTURED_LENGTH) for each in keywords],
            [each.per_day for each in keywords],
            [f"{each.per_day:.1f}" for each in keywords],
        ),
        Bars(
            "Share by category, in percent",
            [each.category for each in categories],
            [100 * each.share for each in categories],
            [f"{each.share:.0%}" for each in categories],
        ),
    ]


def with_picture(reply: Reply, data: bytes, groups: Sequence[Bars]) -> Reply:
    """The reply with these bars as a picture (PNG), whose alternative text says what it shows."""
    return replace(reply, picture=Picture("chart.png", data, _in_words(groups)))


def _in_words(groups: Sequence[Bars]) -> str:
    """What the bars show, for those who can't see them."""
    said = [
        f"{group.title}: {', '.join(map(' '.join, zip(group.labels, group.said, strict=True)))}."
        for group in groups
    ]
    return shorten(" ".join(said), MAX_ALT_LENGTH)


def most_saved(saved: Sequence[SavedPaper]) -> list[SavedPaper]:
    """The papers that at least two people saved, those of most people first."""
    shared = [each for each in saved if len(each.names) > 1]
    return sorted(shared, key=lambda each: -len(each.names))[:MAX_SAVED]


def bar_section(bars: Bars, most: int) -> Section:
    """``████ reward model: 31, 1.0 a day``, a line for each of the first ``most`` bars, and how
    many more there are. The bar comes before its label, so that bars can be compared without a
    monospaced font."""
    longest = max(bars.values, default=0)
    lines = []
    for label, value, said in zip(bars.labels, bars.values, bars.said, strict=True):
        width = max(round(BAR_WIDTH * value / longest), 1) if value else 0
        bar = "█" * width or "·"
        lines.append(f"{bar} {shorten(label, MAX_LABEL_LENGTH)}: {said}")
    if left := len(lines[most:]):
        lines[most:] = [f"and {left} more"]
    return Section(bars.title, "\n".join(lines))
