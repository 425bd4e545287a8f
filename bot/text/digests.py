"""The words around a digest, the same on every platform: its heading, its remarks, a paper's facts.

Plain text, in which no platform's markup is escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from bot.model import Digest, Entry, MostSaved, News, NewsItem, NewsKind, Offer, Paper, Why
from bot.model.news import NEWS_SHOWN
from bot.model.subscriptions import NOBODY
from bot.text import plural, shorten

DAYS_CACHED = 16  # the digests of a publish have one or two days
MAX_KEYWORD_LENGTH, MAX_KEYWORDS_LENGTH = 80, 300  # of one in a heading, of several below it
MAX_VENUE_LENGTH = 100
MAX_LIKE_LENGTH = 100  # of a saved paper's title
MAX_DETAIL_LENGTH = 150  # of what a line about news says beside the title
MOST_SAVED = "The week's most saved papers"
NEWS_NAMES = {
    NewsKind.WITHDRAWN: "withdrawn",
    NewsKind.RESTORED: "no longer withdrawn",
    NewsKind.VENUE: "accepted or published",
    NewsKind.VERSION: "with a new version",
}
KEYWORDS_COUNTED = 8  # with the number of their papers
STOP = Offer("Stop", "pause")  # below the digest of what a person follows for themselves


def heading(digest: Digest) -> str:
    """``Monday 2 March 2026 · 5 new papers``, ``Week of 23 February 2026 · …``, ``… · news of 2
    papers posted here``, ``… · the week's most saved papers``, or that of new keywords' first
    papers."""
    count = len(digest.entries)
    if digest.why is Why.FIRST:
        keywords = _keywords(digest)
        if len(keywords) != 1:  # each has its own newest ones
            newest = f"{count:,} of their newest papers" if count != 1 else "their newest paper"
            return f"{plural(len(keywords), 'new keyword')} · {newest}"
        newest = f"the {count:,} newest papers" if count != 1 else "the newest paper"
        return f"New keyword: {shorten(keywords[0], MAX_KEYWORD_LENGTH)} · {newest}"
    if count or not (digest.news or digest.most_saved):
        what = plural(count, "new paper")
    elif digest.news:
        what = f"news of {_told_of(digest)}"
    else:
        what = "the week's most saved papers"
    when = f"Week of {full_day(digest.week)}" if digest.week else long_day(digest.day)
    return f"{when} · {what}"


def group_headings(digest: Digest, entries: Sequence[Entry]) -> tuple[str, ...]:
    """For each of these entries of the digest the heading above it, ``reward model (14)``, with how
    many papers the group has in the whole digest; empty within a group, and where nothing is
    grouped."""
    if not digest.by_keyword:
        return ("",) * len(entries)
    counted = Counter(entry.keywords[0] for entry in digest.entries)
    above = ["", *(entry.keywords[0] for entry in entries)]
    return tuple(
        ""
        if keyword == before
        else f"{shorten(keyword, MAX_KEYWORD_LENGTH)} ({counted[keyword]:,})"
        for before, keyword in pairwise(above)
    )


def mention(digest: Digest) -> str:
    """The id of the role or user group to notify; empty where nobody is: first papers of a new
    keyword and news alone notify nobody."""
    who = digest.channel.mention or NOBODY
    return "" if who == NOBODY or digest.why is not Why.NEW or not digest.entries else who


def remarks(digest: Digest) -> tuple[str, ...]:
    """What the channel should know beside the papers, a sentence each."""
    said = []
    if digest.why is Why.FIRST:
        if len(keywords := _keywords(digest)) > 1:
            said.append(f"For {shorten(', '.join(keywords), MAX_KEYWORDS_LENGTH)}")
        said.append(f"{long_day(digest.day)}. From now on, new papers come as they appear.")
    if digest.missed:
        when = _days(digest.missed, digest.day)
        said.append(f"Nothing was posted {when}; these papers are from then too.")
    if digest.skipped:
        left_out = plural(digest.skipped, "older paper")
        said.append(f"{left_out} left out, as catch_up in bot.toml says.")
    return tuple(said)


def keyword_counts(digest: Digest) -> str:
    """``reward model (14) · language agent (10)``: how many of the papers each keyword matches, the
    most first. A paper that several keywords match counts for each. Empty for the first papers of
    new keywords, whose heading names them."""
    if digest.why is Why.FIRST:
        return ""
    counted = Counter(text for entry in digest.entries for text in dict.fromkeys(entry.keywords))
    shown = [
        f"{shorten(text, MAX_KEYWORD_LENGTH)} ({count:,})"
        for text, count in counted.most_common(KEYWORDS_COUNTED)
    ]
    if left := len(counted) - len(shown):
        shown.append(f"and {plural(left, 'more keyword')}")
    return " · ".join(shown)


# -- news -----------------------------------------------------------------------------------------


def news_heading(digest: Digest) -> str:
    """Of the section below the papers. Empty where the digest consists of it alone, or has none."""
    if not digest.news or not digest.entries:
        return ""
    return f"News of {_told_of(digest)}"


def _told_of(digest: Digest) -> str:
    return f"{plural(len({each.paper.id for each in digest.news}), 'paper')} posted here"


def news_label(news: News) -> str:
    """What happened, in a word or a few, for the place before the title."""
    version = f"version {news.version}" if news.version else "a new version"
    match news.kind:
        case NewsKind.WITHDRAWN:
            return "Withdrawn"
        case NewsKind.RESTORED:
            return f"No longer withdrawn ({version})"
        case NewsKind.VENUE:
            where = shorten(news.text, MAX_VENUE_LENGTH)
            return f"{'Published' if news.published else 'Accepted'} ({where})"
        case NewsKind.VERSION:
            return version.capitalize()


def news_details(item: NewsItem) -> tuple[str, ...]:
    """What else there is to say: why it was withdrawn, what a new version changed."""
    news = item.news
    said = [news.text] if news.kind is NewsKind.WITHDRAWN and news.text else []
    if news.titles is not None:
        said.append(f"title before: {news.titles[0]}")
    if news.comments is not None:
        before, after = news.comments
        said.append(f"comment: {after}" if after else f"comment removed: {before}")
    elif news.kind is NewsKind.VERSION and news.titles is None:
        said.append("same title and comment")
    return tuple(shorten(each, MAX_DETAIL_LENGTH) for each in said)


def news_lines(digest: Digest) -> tuple[NewsItem, ...]:
    """The news that get a line each."""
    return digest.news[:NEWS_SHOWN]


def news_counted(digest: Digest) -> tuple[NewsItem, ...]:
    """The others, of which ``more_news`` says how many there are."""
    return digest.news[NEWS_SHOWN:]


class NewsBatch(NamedTuple):
    """News that are shown together. ``heading`` is the line above them and ``more`` the one below,
    each empty where there is none. ``numbers`` are those of all news that are told with them."""

    heading: str
    items: tuple[NewsItem, ...]
    more: str
    numbers: tuple[int, ...]


def news_batches(digest: Digest, size: int) -> Iterator[NewsBatch]:
    """The news with a line each, at most ``size`` together; with the last ones the number of the
    others."""
    lines = news_lines(digest)
    for start in range(0, len(lines), size):
        items = lines[start : start + size]
        is_last = start + size >= len(lines)
        told = (*items, *news_counted(digest)) if is_last else items
        yield NewsBatch(
            heading="" if start else news_heading(digest),
            items=items,
            more=more_news(digest) if is_last else "",
            numbers=tuple(each.number for each in told),
        )


def told_in_reply(digest: Digest) -> tuple[NewsItem, ...]:
    """The withdrawals that are also told in reply to the message in which the paper was posted."""
    lines = news_lines(digest)
    return tuple(each for each in lines if each.news.kind is NewsKind.WITHDRAWN)


def reply_label(item: NewsItem) -> str:
    version = f" (version {item.news.version})" if item.news.version else ""
    return f"This paper has been withdrawn{version}"


def posted_on(item: NewsItem) -> str:
    return f"posted {short_day(item.posted_at.date())}"


def more_news(digest: Digest) -> str:
    """``And 113 more: 12 withdrawn, 101 accepted or published``: those that get no line."""
    counted = Counter(each.news.kind for each in news_counted(digest))
    if not counted:
        return ""
    kinds = ", ".join(f"{counted[kind]:,} {NEWS_NAMES[kind]}" for kind in NewsKind if counted[kind])
    return f"And {counted.total():,} more: {kinds}"


# -- saved papers ---------------------------------------------------------------------------------


def like(title: str) -> tuple[str, str, str]:
    """Why a paper comes first in a digest (``Entry.like``): the title of one saved here, and the
    words before and after it. All of them empty where there is no such reason."""
    return ("like ", shorten(title, MAX_LIKE_LENGTH), ", saved here") if title else ("", "", "")


def most_saved_heading(digest: Digest) -> str:
    """Of the section that ends a digest. Empty where the digest consists of it alone, or has
    none."""
    if not digest.most_saved or not (digest.entries or digest.news):
        return ""
    return MOST_SAVED


def saved_by(each: MostSaved) -> str:
    return f"saved by {each.people:,} people"


def _keywords(digest: Digest) -> list[str]:
    """The new keywords of first papers: what all of them match, or else what any of them does. An
    older keyword hardly matches any, because the channel knew its papers before."""
    texts = list(dict.fromkeys(text for entry in digest.entries for text in entry.keywords))
    common = [text for text in texts if all(text in each.keywords for each in digest.entries)]
    return common or texts


def facts(paper: Paper) -> tuple[str, ...]:
    """Primary category and day of submission, ``by`` where only that of a later one is known."""
    day = short_day(paper.published.date())
    return tuple(
        filter(None, (paper.primary_category, day if paper.has_full_metadata else f"by {day}"))
    )


def and_more(count: int, *, below: bool) -> str:
    """The line above papers that get a line each; ``below`` others that are shown whole."""
    return f"And {count:,} more:" if below else ""


@lru_cache(maxsize=DAYS_CACHED)
def long_day(day: date) -> str:
    return f"{day:%A} {full_day(day)}"


def full_day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def short_day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _days(missed: Sequence[date], today: date) -> str:
    """``Monday and Tuesday``; days that are not of the last week get their dates."""
    if len(missed) > 5:
        return f"on {len(missed)} posting days, {short_day(missed[0])} to {short_day(missed[-1])}"
    recent = (today - missed[0]).days < 7
    names = [f"{day:%A}" if recent else f"{day:%A} {day.day} {day:%B}" for day in missed]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
