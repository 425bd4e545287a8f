"""What one channel gets at this moment. Pure: no database, no network, no time of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from bot import text
from bot.model import Channel, ChannelAgenda, Digest, Draft, Due, Entry, Paper, Publication, Why
from bot.model.posts import SHOWN_IN_FULL
from bot.model.timetable import Timetable, covers
from bot.ports import Composer

Show = Callable[[Paper], Paper]

REMEMBERED = 4096  # papers, some 7 kB each


@dataclass(frozen=True, slots=True)
class Rules:
    """How one channel wants to be published to.

    ``backlog`` is how many papers of missed days are posted: ``None`` for all, 0 for none.
    ``in_full`` is how many papers of a digest are shown whole.
    """

    timetable: Timetable
    backlog: int | None
    in_full: int = SHOWN_IN_FULL


def plan(
    agenda: ChannelAgenda,
    composer: Composer,
    rules: Rules,
    at: datetime,
    *,
    now: bool = False,
    show: Show = text.displayed,
) -> Publication | None:
    """Decide what one channel gets at this moment; ``None`` if its time has not come.

    The first papers of a new keyword go out at once, so that people see that it works; the others
    wait for the channel's time. A time counts as served only when a complete run covers it,
    so that papers which arXiv was late with are still posted the same day. Pure. ``show`` makes a
    paper ready to be shown; see ``remembering``.
    """
    slot = rules.timetable.latest(at)
    published_until = agenda.published_until
    its_time = now or published_until is None or published_until < slot
    first = [due for due in agenda.due if due.why is Why.FIRST]
    new = [due for due in agenda.due if due.why is Why.NEW] if its_time else []
    missed = (
        rules.timetable.missed(published_until, slot)
        if its_time and published_until is not None
        else ()
    )
    left_out = new[rules.backlog :] if missed and rules.backlog is not None else []
    new = new[: len(new) - len(left_out)]

    # One that had to wait, for arXiv or for us, says for which day it is.
    waited = its_time and published_until is not None and published_until < slot
    day = rules.timetable.day_of(slot if waited else at)
    drafts: list[tuple[str, Draft]] = []
    if new:
        digest = Digest(
            agenda.channel, day, Why.NEW, _entries(new, show), missed, len(left_out), rules.in_full
        )
        drafts += _keyed(composer.compose(digest), agenda.channel, at, Why.NEW)
    if first:
        today = rules.timetable.day_of(at)
        digest = Digest(
            agenda.channel, today, Why.FIRST, _entries(first, show), in_full=rules.in_full
        )
        offset = len(drafts)
        drafts += _keyed(composer.compose(digest), agenda.channel, at, Why.FIRST, offset)
    last_run = agenda.last_complete_run_at
    settled = last_run is not None and covers(last_run, slot)
    if not drafts and not left_out and not (its_time and settled):
        return None
    return Publication(
        drafts=tuple(drafts),
        skipped=tuple(due.paper.id for due in left_out),
        published_until=slot if its_time and settled else None,
    )


def remembering() -> Show:
    """Shows a paper that goes to thousands of channels by reading its LaTeX once."""
    return lru_cache(maxsize=REMEMBERED)(text.displayed)


def _entries(dues: Sequence[Due], show: Show) -> tuple[Entry, ...]:
    return tuple(Entry(show(due.paper), due.keywords) for due in dues)


def _keyed(
    drafts: Sequence[Draft], channel: Channel, at: datetime, why: Why, offset: int = 0
) -> list[tuple[str, Draft]]:
    """Give each message the key that it keeps over all attempts: 24 characters, so that a
    platform's nonce can hold it. ``parent`` is shifted to count from the publication's start."""
    keyed = []
    for index, draft in enumerate(drafts):
        seed = "\n".join([channel.id, at.isoformat(), why, str(index), draft.payload])
        parent = None if draft.parent is None else draft.parent + offset
        key = hashlib.sha256(seed.encode()).hexdigest()[:24]
        keyed.append((key, Draft(draft.payload, draft.paper_ids, parent)))
    return keyed
