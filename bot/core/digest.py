"""Decides what one channel gets now. Pure: no database, no network, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from bot import text
from bot.core.news import KINDS
from bot.matching import Matcher
from bot.matching.similarity import InverseFrequencies, Profile
from bot.model import (
    ChannelAgenda,
    ChannelSaves,
    Digest,
    Draft,
    Entry,
    KeptProfile,
    Keyword,
    MostSaved,
    NewsItem,
    NewsKind,
    Paper,
    Publication,
    Why,
)
from bot.model.news import NEWS_SHOWN
from bot.model.posts import SHOWN_IN_FULL
from bot.model.timetable import Timetable
from bot.ports import Composer

Show = Callable[[Paper], Paper]

PAPERS_CACHED = 4096  # some 7 kB each
MIN_SAVED = 10  # papers, for a digest to be ordered by them
MAX_UNKEPT = 16  # papers that are added to the kept profile anew each day, before it is written
REASONS_SHOWN = 3  # first papers of such a digest that say what they are like
MOST_SAVED_SHOWN = 5  # papers of a week
MIN_PEOPLE = 2  # who saved one of these


@dataclass(frozen=True, slots=True)
class Rules:
    """How one channel wants to be published to.

    ``backlog`` is how many papers of missed days are posted: ``None`` for all, 0 for none.
    ``in_full`` is how many papers of a digest are shown whole; ``news`` are the kinds that come;
    ``by_keyword``: a digest is grouped by keyword; ``by_similarity``: papers like those that are
    saved in the channel come first, in each group of a keyword.
    """

    timetable: Timetable
    backlog: int | None
    in_full: int = SHOWN_IN_FULL
    news: frozenset[NewsKind] = KINDS["status"]
    by_keyword: bool = False
    by_similarity: bool = False


def plan(
    agenda: ChannelAgenda,
    composer: Composer,
    rules: Rules,
    at: datetime,
    *,
    now: bool = False,
    show: Show = text.displayed,
    frequencies: InverseFrequencies | None = None,
) -> Publication | None:
    """Decide what one channel gets at this moment; ``None`` if its time has not come.

    The first papers of a new keyword are posted at once, so that people see that it works; the
    others wait for the channel's time. A posting time counts as served only when a complete run
    covers it, so that papers which arXiv was late with are still posted the same day. News of
    posted papers come with the others, or alone; those that the channel does not want are skipped.
    The week's most saved papers come at its last posting time, also alone, or with the next digest
    after it. Papers that match a mute now, when they would be shown, never are. Pure. ``show``
    makes a paper ready to be shown; see ``display_cache``. ``frequencies`` are what papers are
    compared by; without any, the newest come first everywhere.
    """
    channel, published_until = agenda.channel, agenda.published_until
    slot = rules.timetable.latest(at)
    its_time = now or published_until is None or published_until < slot
    waited = its_time and published_until is not None and published_until < slot
    last_run = agenda.last_complete_run_at
    served = its_time and last_run is not None and rules.timetable.covers(last_run, slot)
    due = _due(agenda, rules, slot, its_time=its_time)
    week_end = rules.timetable.latest_of_a_week(at)
    most_saved = _most_saved_of_week(agenda, rules.timetable, week_end) if its_time else ()

    compared = None
    if frequencies is not None and rules.by_similarity and (due.new or due.first):
        compared = _compared(agenda.saves, frequencies)
    drafts: list[tuple[str, Draft]] = []
    if has_digest := bool(due.new or due.told or (most_saved and served and slot == week_end)):
        # One that had to wait, for arXiv or for us, says for which day it is.
        day = rules.timetable.day_of(slot if waited else at)
        digest = Digest(
            channel,
            day,
            Why.NEW,
            _entries(due.new, agenda, rules, show, compared),
            due.missed,
            len(due.left_out),
            rules.in_full,
            _shown_news(due.told, show),
            rules.timetable.week_of(day),
            rules.by_keyword,
            tuple(replace(each, paper=show(each.paper)) for each in most_saved),
        )
        drafts += keyed(composer.compose(digest), channel.id, at, Why.NEW)
    if due.first:
        today = rules.timetable.day_of(at)
        ungrouped = replace(rules, by_keyword=False)
        shown_first = _entries(due.first, agenda, ungrouped, show, compared)
        digest = Digest(channel, today, Why.FIRST, shown_first, in_full=rules.in_full)
        drafts += keyed(composer.compose(digest), channel.id, at, Why.FIRST, offset=len(drafts))
    if not (drafts or due.left_out or due.unwanted or due.hidden or served):
        return None
    return Publication(
        drafts=tuple(drafts),
        skipped=tuple(entry.paper.id for entry in due.left_out),
        skipped_news=due.unwanted,
        published_until=slot if served else None,
        most_saved_until=week_end if has_digest and most_saved else None,
        muted=due.hidden,
        profile=None if compared is None else compared.to_keep,
    )


class _Compared(NamedTuple):
    """What papers are compared with, by what, and what of that is to be kept for the next time."""

    profile: Profile
    frequencies: InverseFrequencies
    to_keep: KeptProfile | None


def _compared(saves: ChannelSaves | None, frequencies: InverseFrequencies) -> _Compared | None:
    """``None`` where fewer than ``MIN_SAVED`` papers are saved.

    Writing a profile costs more than adding some papers to the one that was kept; taking papers out
    of it costs more than writing it.
    """
    if saves is None:
        return None
    kept = saves.profile
    wanted = saves.ids if saves.ids is not None else kept.ids if kept is not None else ()
    if len(wanted) < MIN_SAVED:
        return None
    profile = Profile() if kept is None else Profile.from_bytes(kept.data)
    gone = frozenset(() if kept is None else kept.ids).difference(wanted)
    profile.remove(gone)
    profile.add(saves.papers)
    if kept is not None and not gone and len(saves.papers) <= MAX_UNKEPT:
        return _Compared(profile, frequencies, None)
    to_keep = KeptProfile(saves.revision, tuple(profile.ids), profile.to_bytes())
    return _Compared(profile, frequencies, to_keep)


class _Due(NamedTuple):
    """What is due in a channel now: papers that are shown, left out or hidden by a mute (ids), and
    news that are told or unwanted (numbers); and the posting days that were missed."""

    new: tuple[Entry, ...]
    first: tuple[Entry, ...]
    left_out: tuple[Entry, ...]
    hidden: tuple[str, ...]
    told: Sequence[NewsItem]
    unwanted: tuple[int, ...]
    missed: tuple[date, ...]


def _due(agenda: ChannelAgenda, rules: Rules, slot: datetime, *, its_time: bool) -> _Due:
    missed = (
        rules.timetable.missed(agenda.published_until, slot)
        if its_time and agenda.published_until is not None and not agenda.rescheduled
        else ()
    )
    new = agenda.new if its_time else ()
    hidden = _hidden((*new, *agenda.first), agenda.mutes)
    new = tuple(entry for entry in new if entry.paper.id not in hidden)
    kept = len(new) if not missed or rules.backlog is None else rules.backlog
    news = agenda.news if its_time else ()
    return _Due(
        new=new[:kept],
        first=tuple(entry for entry in agenda.first if entry.paper.id not in hidden),
        left_out=new[kept:],
        hidden=tuple(hidden),
        told=sorted((each for each in news if each.news.kind in rules.news), key=_importance),
        unwanted=tuple(each.number for each in news if each.news.kind not in rules.news),
        missed=missed,
    )


def _entries(
    due: Sequence[Entry],
    agenda: ChannelAgenda,
    rules: Rules,
    show: Show,
    compared: _Compared | None,
) -> tuple[Entry, ...]:
    """All papers in order, ready to be shown, the first with the reason why they come first."""
    if compared is None:
        return _shown(_arranged(due, agenda.keywords, rules), show)
    profile, frequencies, _ = compared
    ranked = sorted(due, key=lambda each: -profile.similarity(each.paper, frequencies))
    arranged = _arranged(ranked, agenda.keywords, rules)
    near = [profile.nearest(each.paper, frequencies) for each in arranged[:REASONS_SHOWN]]
    likes = [text.displayed_title(each.title, each.id) if each else "" for each in near]
    shown = _shown(arranged, show)
    first = (replace(each, like=like) for each, like in zip(shown, likes, strict=False))
    return (*first, *shown[REASONS_SHOWN:])


def _hidden(entries: Sequence[Entry], mutes: Sequence[Keyword]) -> dict[str, None]:
    """The ids of the papers that match one of the mutes, in order."""
    if not mutes:
        return {}
    matcher = Matcher(mutes)
    return {entry.paper.id: None for entry in entries if matcher.match(entry.paper)}


def _arranged(entries: Sequence[Entry], keywords: Sequence[str], rules: Rules) -> Sequence[Entry]:
    """Grouped by the first keyword of the channel that each matches, if it wants that."""
    if not rules.by_keyword:
        return entries
    place = {keyword: number for number, keyword in enumerate(keywords)}
    return sorted(entries, key=lambda entry: place[entry.keywords[0]])


def _most_saved_of_week(
    agenda: ChannelAgenda, timetable: Timetable, week_end: datetime
) -> tuple[MostSaved, ...]:
    """The papers that most people saved in the week up to that posting time, at least two of them;
    of equals the newest. Nothing that was told before counts again, whatever the posting days."""
    begin = timetable.latest_of_a_week(week_end - timedelta(days=1))
    if agenda.most_saved_until is not None:
        begin = max(begin, agenda.most_saved_until)
    counted = [
        MostSaved(each.paper, sum(begin < at <= week_end for at in each.saved_at))
        for each in agenda.shared
    ]
    several = [each for each in counted if each.people >= MIN_PEOPLE]
    several.sort(key=lambda each: (-each.people, -each.paper.serial, each.paper.id))
    return tuple(several[:MOST_SAVED_SHOWN])


def _importance(item: NewsItem) -> tuple[int, int]:
    """A sort key: what matters most first, then the newest paper."""
    return list(NewsKind).index(item.news.kind), -item.paper.serial


def display_cache() -> Show:
    """Makes papers ready to be shown; of one that goes to thousands of channels it reads the LaTeX
    once."""
    return lru_cache(maxsize=PAPERS_CACHED)(text.displayed)


def _shown(entries: Sequence[Entry], show: Show) -> tuple[Entry, ...]:
    return tuple(Entry(show(entry.paper), entry.keywords) for entry in entries)


def _shown_news(told: Sequence[NewsItem], show: Show) -> tuple[NewsItem, ...]:
    """The news that get a line each; the others are only counted."""
    lines = [replace(each, paper=show(each.paper)) for each in told[:NEWS_SHOWN]]
    return (*lines, *told[NEWS_SHOWN:])


def keyed(
    drafts: Sequence[Draft], channel_id: str, at: datetime, why: str, offset: int = 0
) -> list[tuple[str, Draft]]:
    """Give each message the key that it keeps over all attempts: 24 characters, so that a
    platform's nonce can hold it. ``parent`` is shifted to count from the publication's start."""
    made = []
    for index, draft in enumerate(drafts):
        seed = "\n".join([channel_id, at.isoformat(), why, str(index), draft.payload])
        parent = None if draft.parent is None else draft.parent + offset
        key = hashlib.sha256(seed.encode()).hexdigest()[:24]
        made.append((key, replace(draft, parent=parent)))
    return made
