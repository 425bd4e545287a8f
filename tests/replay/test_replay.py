"""The bot lives through real history, one run a day, against a local arXiv that serves it.

Over every day: nothing that arXiv listed for a keyword after priming is missing, nothing is posted
twice, and nothing that does not match. What became of a paper after it was posted, as the versions
say that were there on the mornings of the runs, is told once, and nothing else.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.replay.history import Day, listings, submissions
from tests.replay.living import Judge, Outcome, replay
from tests.replay.versions import by_paper, happened, in_all, overtaken
from tests.wire import arxiv_server as wire
from tests.wire.arxiv_feed import Page, StandinPaper
from tests.wire.arxiv_server import ArxivServer, Fault, pages

LOOK_BACK = timedelta(days=60 - 7)  # the wide look comes once a week

# Three of the half year's seven short answers lie in them, for two keywords.
WEEKS_OF_SHORT_ANSWERS = (datetime(2025, 3, 12, tzinfo=UTC), datetime(2025, 4, 5, tzinfo=UTC))
LISTED = {
    "Time Series": "time series",
    "Trajectory": "ti:trajectory AND abs:trajectory",
    "Graph Neural Networks": "graph neural networks",
}


@pytest.mark.timeout(900)
async def test_half_a_year_of_real_listings_nothing_missing_nothing_twice(
    shared_data: Path, tmp_path: Path, thorough: bool, figures: Callable[[str], None]
) -> None:
    """All of it if ``thorough``; else the weeks with most of the short answers."""
    history = listings(shared_data / "arxiv")
    if not thorough:
        history = history.within(*WEEKS_OF_SHORT_ANSWERS)
    judge = Judge(history.papers)
    channels = {f"fake:{name}": [text] for name, text in LISTED.items()}
    channels["fake:all"] = list(LISTED.values())
    days = [day.at + timedelta(minutes=1) for day in history.days]
    # Older papers are looked up once a week: so long the last news may take.
    days += [days[-1] + timedelta(days=number) for number in range(1, 9)]

    def as_it_was(arxiv: ArxivServer, number: int) -> None:
        if number < len(history.days):
            _real_faults(arxiv, history.days[number], judge)

    outcome = await replay(tmp_path, history.papers, channels, days, as_it_was)

    missing: list[tuple[str, str]] = []
    expected = older = 0
    for name, text in LISTED.items():
        matching = judge.matches(text)
        posted = outcome.by_channel(f"fake:{name}")
        for paper_id, number in history.first_listed(name).items():
            if number == 0:
                continue
            submitted = history.submitted.get(paper_id)
            if submitted is None or submitted < history.days[0].at.date() - timedelta(days=14):
                older += 1  # listed because it was revised, or submitted long before the bot
                continue
            assert paper_id in matching, f"{paper_id} was listed for {name}"
            expected += 1
            if paper_id not in posted:
                missing.append((name, paper_id))
    wrong = [
        (name, paper_id)
        for name, text in LISTED.items()
        for paper_id in outcome.by_channel(f"fake:{name}") - set(judge.matches(text))
    ]
    union = set().union(*(outcome.by_channel(f"fake:{name}") for name in LISTED))
    figures(
        f"listings 2025: days={outcome.days} papers={len({p.id for p in history.papers})}"
        f" expected={expected} revised_or_older={older} posted={len(outcome.posted)}"
        f" missing={len(missing)} doubled={len(outcome.doubled)} wrong={len(wrong)}"
        f" incomplete_runs={outcome.incomplete} requests_per_run={dict(outcome.requests)}"
        f" notes={dict(outcome.notes)}"
    )
    assert missing == []
    assert outcome.doubled == []
    assert wrong == []
    assert expected > (2000 if thorough else 200)
    assert union == outcome.by_channel("fake:all")
    assert outcome.incomplete >= 1, "the short answers of that half year went unnoticed"
    plain = sum(times for requests, times in outcome.requests.items() if requests == 1)
    weekly = sum("by the numbers" in run.announcement_stats.plan for run in outcome.runs)
    lookups = sum(
        run.followed_until is not None
        and run.requests > 1
        and "by the numbers" not in run.announcement_stats.plan
        for run in outcome.runs
    )
    assert weekly < 0.25 * outcome.days, "a week has five of these days"
    assert lookups < 0.25 * outcome.days, "what became of posted papers is looked up once a week"
    usual = outcome.days - weekly - lookups - outcome.incomplete
    assert plain > 0.9 * (usual - 1), "one request a run for three keywords, which are new once"
    kinds = _each_change_is_told_once(outcome, by_paper(history.papers), days, figures)
    least = {"venue": 50, "withdrawn": 5, "version": 500} if thorough else {"version": 20}
    assert all(kinds[kind] >= times for kind, times in least.items()), kinds


def _each_change_is_told_once(
    outcome: Outcome,
    versions: Mapping[str, Sequence[StandinPaper]],
    days: Sequence[datetime],
    figures: Callable[[str], None],
) -> Counter[str]:
    """How often each kind of news was told."""
    expected = Counter(happened(outcome, versions, days))
    told = Counter(
        (channel, paper, kind, version) for channel, paper, kind, _, version in outcome.told
    )
    missing, wrong = list(expected - told), list(told - expected)
    passed_over = [news for news in missing if overtaken(news, told, versions)]
    missing = [news for news in missing if news not in passed_over]
    twice = [news for news, times in outcome.told.items() if times > 1]
    kinds = Counter(str(news[2]) for news in told)
    gained, withdrawn = in_all(versions)
    figures(
        f"news 2025: told={dict(kinds)} missing={len(missing)} wrong={len(wrong)}"
        f" twice={len(twice)} overtaken_within_a_week={len(passed_over)}; of"
        f" {sum(map(bool, (each[1:] for each in versions.values())))} papers with several versions"
        f" {gained} gained a venue and {withdrawn} were withdrawn, posted or not"
    )
    assert missing == []
    assert wrong == []
    assert twice == []
    assert len(passed_over) < 0.05 * kinds["version"]
    return kinds


def _real_faults(arxiv: ArxivServer, day: Day, judge: Judge) -> None:
    """On the days on which arXiv answered a few rows it answers just those, for that keyword."""
    short = {name: set(ids) for name, ids in day.listed.items() if len(ids) < 50}
    if not short:
        return
    hidden = {
        paper_id
        for name, kept in short.items()
        for paper_id in judge.matches(LISTED[name], at=day.at)
        if paper_id not in kept
    }

    def cut(page: Page) -> Page:
        kept = tuple(paper for paper in page.papers if paper.id not in hidden)
        return dataclasses.replace(page, papers=kept, total=len(kept))

    arxiv.habit = pages(cut)


_FAULTS: tuple[Fault, ...] = (
    wire.throttled(),
    wire.throttled("7"),
    wire.rate_exceeded_at_200(),
    wire.blocked(),
    wire.not_acceptable(),
    wire.varnish(),
    wire.page_of_html(),
    wire.wrong_content(),
    wire.reset,
    wire.cut_xml,
    wire.cut_gzip,
    wire.hollow(),
    wire.nothing(),
    wire.short(1),
    wire.short(1, plausible=True),
    wire.upside_down(),
    wire.doubled(),
    wire.stale(timedelta(days=3)),
    wire.query_ignored,
    wire.quotes_ignored,
)

APRIL = {
    "fake:one": ["reward model", "graph neural network", "retrieval augmented generation"],
    "fake:two": ['"reinforcement learning" cat:cs.RO -survey', "black hole", "au:nakamura"],
    "fake:three": ["cat:hep-th AND (dark OR gravity)", "diffusion model"],
}


@pytest.mark.parametrize("seed", [1])
async def test_a_month_of_real_submissions_under_every_kind_of_fault(
    shared_data: Path, tmp_path: Path, seed: int, thorough: bool, figures: Callable[[str], None]
) -> None:
    first = datetime.fromisoformat("2026-04-07T05:00:00+00:00")
    # There are no papers of May: the last days are for what was missed.
    days = [first + timedelta(days=n) for n in range(36 if thorough else 16)]
    papers = [p for p in submissions(shared_data / "arxiv") if p.visible_at <= days[-1]]
    judge = Judge(papers)
    chance = 0.3 if thorough else 0.6  # of a day with faults
    rng = random.Random(seed)

    def breaks(arxiv: ArxivServer, number: int) -> None:
        if number and rng.random() < chance:
            arxiv.faults.extend([rng.choice(_FAULTS)] * rng.randrange(1, 9))

    outcome = await replay(tmp_path, papers, APRIL, days, breaks)
    missing: list[tuple[str, str]] = []
    wrong: list[tuple[str, str]] = []
    expected = held = 0
    for channel, texts in APRIL.items():
        posted = outcome.by_channel(channel)
        matching: dict[str, StandinPaper] = {}
        for text in texts:
            matching |= judge.matches(text)
        wrong += [(channel, i) for i in outcome.by_channel(channel) - set(matching)]
        for paper_id, paper in matching.items():
            if first < paper.visible_at <= days[-6]:
                if paper.visible_at - paper.published > LOOK_BACK:
                    held += 1  # longer than we look back; the harvest's business
                    continue
                expected += 1
                if paper_id not in posted:
                    missing.append((channel, paper_id))
    figures(
        f"submissions of April 2026: days={outcome.days} papers={len(papers)}"
        f" expected={expected} held_longer={held} posted={len(outcome.posted)}"
        f" missing={len(missing)} doubled={len(outcome.doubled)} wrong={len(wrong)}"
        f" incomplete_runs={outcome.incomplete} requests_per_run={dict(outcome.requests)}"
        f" notes={dict(outcome.notes)}"
    )
    assert missing == []
    assert outcome.doubled == []
    assert wrong == []
    assert expected > (400 if thorough else 200)
    assert outcome.incomplete > 3, "the faults were not noticed"
