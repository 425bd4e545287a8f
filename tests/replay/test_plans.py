"""Whichever way arXiv is asked, the same papers are posted; and in the end every one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.arxiv.plan import Strategy
from bot.errors import NoteKind
from tests.replay.history import submissions
from tests.replay.living import Judge, Outcome, replay
from tests.wire import arxiv_oai_faults as oai_faults
from tests.wire import arxiv_server as wire
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_server import ArxivServer

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 20, 5, tzinfo=UTC)  # a Friday; a month's turn is in the fortnight
DAYS = [FIRST + n * DAY for n in range(15)]
TOPICS = (
    ("reward", "model", "graph", "network", "policy", "gradient"),
    ("dark", "matter", "protein", "folding", "speech", "recognition"),
)
WORDS = [word for topic in TOPICS for word in topic]
CHANNELS = {
    "fake:phrases": ["reward model", "graph network"],
    "fake:fields": ["ti:protein AND cat:cs.*", "au:nakamura"],
    "fake:broad": ["dark matter OR policy -speech"],
}


# As the plan begins where no fallback was needed; with so few keywords ``auto`` asks by them.
SAID = {
    Strategy.UNION: "by keyword",
    Strategy.HARVEST: "for all that it announced",
    Strategy.AUTO: "by keyword",
}
FAULTS = [
    wire.status(500),
    wire.cut_xml,
    wire.page_of_html(),
    wire.reset,
    oai_faults.expired_token(),
    oai_faults.without("title"),
    oai_faults.repeated(5),
]


def fortnight(seed: int) -> list[StandinPaper]:
    """Some ten papers a day from ten days before to the end, held by up to nine days.

    A fifth is revised later, which is announced again; a title may become a match by it.
    """
    rng = random.Random(seed)
    papers: list[StandinPaper] = []
    numbers: dict[str, int] = {}
    for day in range(-10, 14):
        evening = FIRST.replace(hour=0) + (day + 1) * DAY
        for _ in range(rng.randrange(7, 14)):
            submitted = evening - timedelta(hours=6 + 24 * min(9, rng.expovariate(1)))
            month = f"{evening - timedelta(hours=12):%y%m}"
            numbers[month] = numbers.get(month, 0) + 1
            paper = StandinPaper(
                id=f"{month}.{numbers[month]:05d}",
                title=" ".join(rng.choices(WORDS, k=4)),
                abstract=" ".join(rng.choices(WORDS, k=12)),
                authors=(rng.choice(["Jo Nakamura", "Ada Example"]), "Ben Sample"),
                categories=tuple(rng.sample(["cs.LG", "cs.RO", "hep-th", "q-bio.BM"], 2)),
                published=submitted,
                visible_at=evening,
            )
            papers.append(paper)
            if rng.random() < 0.2:
                later = evening + rng.randrange(1, 5) * DAY
                title = " ".join(rng.choices(WORDS, k=4))
                papers.append(
                    replace(paper, version=2, title=title, updated=later, visible_at=later)
                )
    return papers


def ups_and_downs(papers: Sequence[StandinPaper], seed: int) -> Callable[[ArxivServer, int], None]:
    """One of OAI-PMH and the query API fails on most days, but for the last ones."""
    rng = random.Random(seed)

    def breaks(server: ArxivServer, day: int) -> None:
        late = rng.sample([p for p in papers if p.version == 1 and p.visible_at < DAYS[11]], 10)
        for paper in late:  # OAI-PMH shows some papers a day after the query API
            if paper.visible_at > server.clock.now():
                server.index_after(paper.id, paper.visible_at + DAY)
            elif rng.random() < 0.5:
                server.restamp(paper.id, server.clock.now())
        if 0 < day < 12 and rng.random() < 0.7:
            failing = rng.choice([server.faults, server.oai_faults])
            failing.extend([*[wire.honest] * rng.randrange(2), *[rng.choice(FAULTS)] * 3])

    return breaks


async def test_the_same_papers_are_posted_whichever_way_arxiv_is_asked(
    tmp_path: Path, life: int, figures: Callable[[str], None]
) -> None:
    seed = life + 1
    papers = fortnight(seed)
    outcomes: dict[Strategy, Outcome] = {}
    for way in (Strategy.UNION, Strategy.HARVEST, Strategy.AUTO):
        (tmp_path / way).mkdir()
        outcomes[way] = await replay(
            tmp_path / way, papers, CHANNELS, DAYS, ups_and_downs(papers, seed), way
        )
    union = outcomes[Strategy.UNION]
    for way, outcome in outcomes.items():
        taken = sum(
            run.announcement_stats.plan.startswith(f"{SAID[way]} (") for run in outcome.runs
        )
        assert taken > len(DAYS) / 2, f"{way} was wanted, and another way stood in for it"
        assert outcome.doubled == [], way
        assert outcome.posted.keys() == union.posted.keys(), way
        figures(
            f"fortnight {seed} {way}: posted={len(outcome.posted)} doubled=0"
            f" requests={sum(run.requests for run in outcome.runs)}"
            f" incomplete_runs={outcome.incomplete} notes={dict(outcome.notes)}"
        )
    judge = Judge(papers)
    for channel, texts in CHANNELS.items():
        matching = {i: p for text in texts for i, p in judge.matches(text).items()}
        due = {
            i for i, p in matching.items() if FIRST < p.visible_at <= DAYS[-2] and p.version == 1
        }
        assert len(due) > 5
        assert due <= union.by_channel(channel)
        assert union.by_channel(channel) <= matching.keys()


async def test_what_was_held_for_eleven_weeks_is_found_though_few_keywords_are_followed(
    tmp_path: Path,
) -> None:
    papers = [paper for paper in fortnight(4) if paper.version == 1]
    evening = FIRST.replace(hour=0) + 4 * DAY
    place = next(n for n, paper in enumerate(papers) if paper.visible_at == evening)
    held = replace(papers[place], title="A reward model", published=FIRST - 77 * DAY)
    papers[place] = held
    days = [FIRST + n * DAY for n in range(10)]
    for way in (None, Strategy.UNION, Strategy.AUTO, Strategy.HARVEST):
        (tmp_path / f"{way}").mkdir()
        outcome = await replay(tmp_path / f"{way}", papers, CHANNELS, days, None, way)
        assert outcome.posted["fake:phrases", held.id] == 1, way


def months(days: int) -> list[StandinPaper]:
    """Three papers on each evening of so many days; every fifth was held for ninety days."""
    rng = random.Random(6)
    papers: list[StandinPaper] = []
    numbers: dict[str, int] = {}
    for day in range(-10, days):
        evening = FIRST.replace(hour=0) + (day + 1) * DAY
        for _ in range(3):
            month = f"{evening - timedelta(hours=12):%y%m}"
            numbers[month] = numbers.get(month, 0) + 1
            held = 90 if len(papers) % 5 == 4 else 1
            papers.append(
                StandinPaper(
                    id=f"{month}.{numbers[month]:05d}",
                    title=" ".join(rng.choices(WORDS, k=4)),
                    abstract=" ".join(rng.choices(WORDS, k=12)),
                    authors=("Jo Nakamura", "Ben Sample"),
                    categories=("cs.LG",),
                    published=evening - held * DAY - timedelta(minutes=6000 - len(papers)),
                    visible_at=evening,
                )
            )
    return papers


@pytest.mark.parametrize("way", [None, Strategy.UNION, Strategy.AUTO, Strategy.HARVEST])
async def test_a_downtime_of_months_loses_no_paper_however_long_it_was_held(
    tmp_path: Path, way: Strategy | None, figures: Callable[[str], None]
) -> None:
    papers = months(138)
    days = [FIRST + n * DAY for n in (*range(9), *range(130, 138))]
    outcome = await replay(tmp_path, papers, CHANNELS, days, None, way)
    judge = Judge(papers)
    lost = 0
    for channel, texts in CHANNELS.items():
        matching = {i: p for text in texts for i, p in judge.matches(text).items()}
        due = {i for i, p in matching.items() if FIRST < p.visible_at <= days[-1]}
        held = {i for i in due if matching[i].visible_at - matching[i].published > 60 * DAY}
        assert len(held) > 5
        lost += len(due - outcome.by_channel(channel))
    figures(
        f"downtime of 121 days, {way or 'no OAI-PMH'}: posted={len(outcome.posted)} lost={lost}"
        f" doubled={len(outcome.doubled)} requests={sum(run.requests for run in outcome.runs)}"
    )
    assert (lost, outcome.doubled, outcome.incomplete) == (0, [], 0)


async def test_every_day_says_what_was_announced_fetched_and_matched(tmp_path: Path) -> None:
    papers = [p for p in fortnight(5) if p.version == 1]
    for way in (Strategy.UNION, Strategy.HARVEST):
        (tmp_path / way).mkdir()
        outcome = await replay(tmp_path / way, papers, CHANNELS, DAYS, None, way)
        counted = {
            day: run.announcement_stats.announced
            for day, run in zip(DAYS, outcome.runs, strict=True)
        }
        for day in DAYS[3:-1]:
            announced = sum(day - DAY < paper.visible_at <= day for paper in papers)
            assert counted[day] == announced, (way, day)
        assert all(run.announcement_stats.missing == 0 for run in outcome.runs)


async def test_real_submissions_come_whole_by_harvest(
    shared_data: Path, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    """April 2026, renumbered, because the data beside the checkout is a part of that month."""
    real = submissions(shared_data / "arxiv")
    by_month: dict[str, int] = {}
    papers = []
    for paper in sorted(real, key=lambda p: (p.visible_at, p.id)):
        month = paper.id[:4]
        by_month[month] = by_month.get(month, 0) + 1
        papers.append(replace(paper, id=f"{month}.{by_month[month]:05d}"))
    first = datetime(2026, 4, 7, 5, tzinfo=UTC)
    days = [first + n * DAY for n in range(8)]
    papers = [paper for paper in papers if paper.visible_at <= days[-1]]
    channels = {"fake:one": ["reward model", "graph neural network"], "fake:two": ["black hole"]}
    judge = Judge(papers)
    outcome = await replay(tmp_path, papers, channels, days, None, Strategy.HARVEST)
    missing, wrong, expected = [], [], 0
    for channel, texts in channels.items():
        matching = {i: p for text in texts for i, p in judge.matches(text).items()}
        due = {i for i, p in matching.items() if first < p.visible_at <= days[-1]}
        expected += len(due)
        missing += sorted(due - outcome.by_channel(channel))
        wrong += sorted(outcome.by_channel(channel) - matching.keys())
    figures(
        f"harvest of April 2026: days={outcome.days} papers={len(papers)} expected={expected}"
        f" missing={len(missing)} doubled={len(outcome.doubled)} wrong={len(wrong)}"
        f" incomplete_runs={outcome.incomplete} requests_per_run={dict(outcome.requests)}"
    )
    assert (missing, wrong, outcome.doubled, outcome.incomplete) == ([], [], [], 0)
    plans = [run.announcement_stats.plan for run in outcome.runs if run.announcement_stats.plan]
    assert len(plans) == len(days) - 1, "the first run has only new keywords, and no plan"
    assert all(plan.startswith(f"{SAID[Strategy.HARVEST]} (") for plan in plans)
    assert NoteKind.HOLES not in outcome.notes
