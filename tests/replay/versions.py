"""What became of real papers, as their versions say: what has to be told, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from bot.model import NewsKind, Paper
from bot.text import displayed
from bot.text.badges import is_withdrawn
from bot.text.venues import venue
from tests.builders import paper
from tests.replay.living import Outcome
from tests.wire.arxiv_feed import StandinPaper

Told = tuple[str, str, str, int]  # channel, paper, kind, and of a new version which one, else 0
LOOKUP_INTERVAL = timedelta(days=8)  # older papers are looked up once a week


def by_paper(papers: Iterable[StandinPaper]) -> dict[str, list[StandinPaper]]:
    """The versions of each, the first one first."""
    versions: defaultdict[str, list[StandinPaper]] = defaultdict(list)
    for each in sorted(papers, key=lambda each: each.version):
        versions[each.id].append(each)
    return versions


def happened(
    outcome: Outcome, versions: Mapping[str, Sequence[StandinPaper]], days: Sequence[datetime]
) -> Iterator[Told]:
    """What a person sees who looks at every posted paper on each morning."""
    for (channel, paper_id), posted_on in outcome.posted_on.items():
        seen = [_latest(versions[paper_id], day) for day in days if day >= posted_on]
        for before, after in pairwise(seen):
            if before.version == after.version:
                continue
            old, new = _as_shown(before), _as_shown(after)
            if is_withdrawn(new):
                if not is_withdrawn(old):
                    yield channel, paper_id, NewsKind.WITHDRAWN, 0
            elif is_withdrawn(old):
                yield channel, paper_id, NewsKind.RESTORED, 0
            else:
                was, is_now = venue(old), venue(new)
                if is_now and (was is None or was.name != is_now.name):
                    yield channel, paper_id, NewsKind.VENUE, 0
                yield channel, paper_id, NewsKind.VERSION, after.version


def overtaken(
    news: Told, told: Iterable[Told], versions: Mapping[str, Sequence[StandinPaper]]
) -> bool:
    """Whether a version of which nothing was told was replaced by the one that was, before an older
    paper was looked up again."""
    channel, paper_id, kind, version = news
    if not version:
        return False
    at = {each.version: each.visible_at for each in versions[paper_id]}
    return any(
        later > version and at[later] - at[version] <= LOOKUP_INTERVAL
        for other, of, what, later in told
        if (other, of, what) == (channel, paper_id, kind)
    )


def _latest(versions: Sequence[StandinPaper], day: datetime) -> StandinPaper:
    return [each for each in versions if each.visible_at <= day][-1]


def _as_shown(version: StandinPaper) -> Paper:
    made = paper(1, version.title, abstract=version.abstract, comment=version.comment)
    return displayed(made)


def in_all(versions: Mapping[str, Sequence[StandinPaper]]) -> tuple[int, int]:
    """How many papers gained a venue between their first and a later version, and how many were
    withdrawn."""
    gained = withdrawn = 0
    for each in versions.values():
        first, *rest = map(_as_shown, each)
        gained += venue(first) is None and any(map(venue, rest))
        withdrawn += not is_withdrawn(first) and any(map(is_withdrawn, rest))
    return gained, withdrawn
