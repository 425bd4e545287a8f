"""What became of papers that were posted: withdrawn, accepted or published, a new version.

::

    fetched again, or looked up ─▶ compare with what is stored ─▶ News

What is stored of a paper is the baseline: it is what is known of it in every channel that it was
posted in. A change is a row of ``news``, identified by the paper, its kind and its ``mark`` (which
venue, which version), with a row of ``news_ledger`` for each channel in which the ledger says
"posted". Both are written in the transaction that replaces the stored paper: killed before it, the
next run finds the same change, killed after it, none. A change that is found again (an index that
answers with an older comment, and then with the newer one) finds its row there. In a channel to
which a paper is posted later, earlier changes are no news; so a digest that was prepared is decided
again if the comment, journal reference or version of one of its papers has changed.

News become "posted" with the message that tells them, as papers do, and not before the paper's own
message is known to have arrived: they link to it. A withdrawal has a second message, whose parent
is that one. Which kinds a channel wants is decided when it is published to; the others become
"skipped".

A posted paper is followed up for two years. The query API returns papers of the last weeks again by
itself. A harvest lists whatever changed (``Batch.listed``), and keeps the records of posted papers
whatever their age; because a record has no version, those that differ are looked up by their ids.
Where no list continues the one before it (``runs.followed_until``), all posted papers are looked up
once a week, 500 in a request, those first that were not seen for longest; a lookup that breaks off
continues the next day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from bot.core.fetch import FetchResult, are_too_many
from bot.errors import Note, NoteKind, SourceError
from bot.model import Interests, News, NewsKind, Paper
from bot.model.papers import keep_latest_versions
from bot.ports import CollectStore, Source
from bot.text import clean, displayed, shorten
from bot.text.badges import is_withdrawn

log = logging.getLogger(__name__)

LOOKED_UP_EVERY = timedelta(days=7)
MAX_LOOKED_UP = 10_000  # papers in a run: twenty requests
LOOKED_UP_AT_ONCE = 500

_STATUS = frozenset({NewsKind.WITHDRAWN, NewsKind.RESTORED, NewsKind.VENUE})
KINDS: Mapping[str, frozenset[NewsKind]] = {
    "status": _STATUS,
    "all": frozenset(NewsKind),
    "none": frozenset(),
}
"""Which news a channel gets, by its setting ``updates``."""

MAX_TEXT_LENGTH = 300  # of what is kept of a comment or a venue, in characters


class FollowUp(NamedTuple):
    """The result of ``follow_up``: the posted papers whose new state is to be recorded, the news
    about them, and the day up to which the changes of all posted papers are known (``None``: no
    later than before)."""

    papers: tuple[Paper, ...] = ()
    news: tuple[News, ...] = ()
    until: date | None = None


async def follow_up(
    source: Source,
    store: CollectStore,
    interests: Interests,
    posted: Mapping[str, datetime],
    now: datetime,
    result: FetchResult,
) -> FollowUp:
    """Compare what this run brought of ``posted`` papers (by id, with when each was last seen), and
    what is looked up of them now, with what is stored.

    A source that does not answer is only noted: the next week's lookup finds the same.
    """
    brought = {each.id: each for each in result.papers.values() if each.id in posted}
    keep_latest_versions(brought, result.revised.values())
    known = await _known(store, brought)
    changed = [
        each.id
        for each in brought.values()
        if not each.has_full_metadata and each.id in known and differs(known[each.id], each)
    ]
    day = now.astimezone(UTC).date()
    until = _listed_until(interests.followed_until, result.listed)
    overdue: list[str] = []
    if until is None and is_lookup_due(interests.followed_until, day):
        whole = {each.id for each in brought.values() if each.has_full_metadata}
        overdue = _not_seen(posted, interests.followed_until, now, whole)
        until = day if len(overdue) <= MAX_LOOKED_UP else None
    wanted = list(dict.fromkeys([*changed, *overdue[:MAX_LOOKED_UP]]))
    answered = await _look_up(source, wanted, result, brought)
    if overdue or changed:
        log.info("followed papers=%d changed=%d", len(wanted), len(changed))
    known |= await _known(store, brought.keys() - known.keys())
    papers = tuple(p for p in brought.values() if p.has_full_metadata and p.id in known)
    news = await asyncio.to_thread(_all_news, known, papers)
    return FollowUp(papers, news, until if answered else None)


def _all_news(known: Mapping[str, Paper], papers: Sequence[Paper]) -> tuple[News, ...]:
    return tuple(news for paper in papers for news in news_of(known[paper.id], paper))


async def _known(store: CollectStore, ids: Iterable[str]) -> dict[str, Paper]:
    wanted = list(ids)
    return {each.id: each for each in await store.known_papers(wanted)} if wanted else {}


def _listed_until(followed_until: date | None, listed: tuple[date, date] | None) -> date | None:
    """The last day that a list of everything covers, if it begins where the last one ended."""
    if listed is None or followed_until is None or listed[0] > followed_until:
        return None
    return listed[1]


def is_lookup_due(followed_until: date | None, today: date) -> bool:
    """Whether it is time to look up all posted papers; also after a clock that was ahead."""
    if followed_until is None or followed_until > today:
        return True
    return today - followed_until >= LOOKED_UP_EVERY


def _not_seen(
    posted: Mapping[str, datetime], followed_until: date | None, now: datetime, whole: set[str]
) -> list[str]:
    """The papers not seen since the lookup was due, so that an interrupted one continues."""
    if followed_until is None or followed_until > now.date():
        due = now - LOOKED_UP_EVERY
    else:
        due = datetime.combine(followed_until, time(), UTC) + LOOKED_UP_EVERY
    left = [each for each, seen in posted.items() if seen < due and each not in whole]
    return sorted(left, key=posted.__getitem__)


async def _look_up(
    source: Source, ids: Sequence[str], result: FetchResult, brought: dict[str, Paper]
) -> bool:
    """Add the papers of these ids to what was ``brought``; false if the source did not answer for
    all of them. Some at a time, so that what it did answer is not asked for again.

    The source had all of them once, so an answer that lacks many, or all, does not count.
    """
    answered = True
    for start in range(0, len(ids), LOOKED_UP_AT_ONCE):
        if result.stopped:
            return False
        wanted = ids[start : start + LOOKED_UP_AT_ONCE]
        try:
            batch = await source.papers(wanted)
        except SourceError as error:
            result.requests += error.requests
            result.notes.append(error.note())
            return False
        result.requests += batch.requests
        result.notes.extend(batch.notes)
        keep_latest_versions(brought, batch.papers)
        missing = len(wanted) - len(batch.papers)
        if not batch.papers or are_too_many(missing, len(wanted)):
            text = f"{missing} of {len(wanted)} posted papers are missing from this answer"
            result.notes.append(Note(NoteKind.SHORT, text))
            answered = False
    return answered


# -- what is news ---------------------------------------------------------------------------------


def differs(known: Paper, now: Paper) -> bool:
    """Whether a record, which has no version, differs in anything that can be news."""
    return known.updated.date() != now.updated.date() or any(
        clean(getattr(known, name)) != clean(getattr(now, name))
        for name in ("title", "comment", "journal_ref", "doi")
    )


def news_of(before: Paper, after: Paper) -> tuple[News, ...]:
    """What is new in ``after``, which is the same paper or a later version of it. Pure.

    A withdrawal, or the end of one, is the only news of its paper. Where the abstract was deleted,
    only the comment shows whether the paper was withdrawn before.
    """
    if after.version < before.version or not _changed(before, after):
        return ()
    if not before.abstract:
        after = replace(after, abstract="")
    old, new = displayed(before), displayed(after)
    was, is_now = is_withdrawn(old), is_withdrawn(new)
    version = str(new.version)
    if is_now:
        text = _short(new.comment)
        gone = News(new.id, NewsKind.WITHDRAWN, version, text=text, version=new.version)
        return () if was else (gone,)
    if was:
        return (News(new.id, NewsKind.RESTORED, version, version=new.version),)
    return tuple(filter(None, (_venue_news(old, new), _version_news(old, new))))


def _changed(before: Paper, after: Paper) -> bool:
    """A cheap test first: most papers that are fetched again have not changed."""
    return before.version != after.version or any(
        getattr(before, name) != getattr(after, name)
        for name in ("comment", "journal_ref", "abstract")
    )


def _venue_news(old: Paper, new: Paper) -> News | None:
    """A new venue, or a first journal reference, even one that we can't read. A corrected journal
    reference is no news."""
    from bot.text.venues import venue  # compiling its expressions takes a moment

    was, is_now, published = venue(old), venue(new), bool(new.journal_ref)
    first_reference = published and not old.journal_ref
    is_other = is_now is not None and (was is None or was.name != is_now.name)
    if not first_reference and (published or not is_other):
        return None
    text = _short(is_now.name if is_now is not None else new.journal_ref)
    mark = f"{'published' if published else 'accepted'} {text.casefold()}"
    return News(new.id, NewsKind.VENUE, mark, text=text, published=published, version=new.version)


def _version_news(old: Paper, new: Paper) -> News | None:
    if not old.has_full_metadata or new.version <= old.version:
        return None
    return News(
        new.id,
        NewsKind.VERSION,
        str(new.version),
        version=new.version,
        titles=_pair(old.title, new.title),
        comments=_pair(old.comment, new.comment),
    )


def _pair(old: str, new: str) -> tuple[str, str] | None:
    return None if old == new else (_short(old), _short(new))


def _short(text: str) -> str:
    return shorten(text, MAX_TEXT_LENGTH)
