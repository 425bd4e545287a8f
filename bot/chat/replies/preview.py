"""What ``preview`` says: how many papers a day a keyword would bring, and which ones lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from bot.chat.replies.dates import DateFormatter
from bot.chat.replies.paraphrase import Paraphrase
from bot.chat.replies.statistics import bar_section
from bot.chat.reports import PreviewedPaper, PreviewReport
from bot.errors import NoteKind
from bot.model import Bars, Batch, Entry, Keyword, Paper, Reply
from bot.text import displayed, plural

PREVIEW_EXAMPLES = 5  # papers shown as examples
BROAD_PAPERS_PER_DAY = 20.0  # a keyword that brings more is called broad
DAY = timedelta(days=1)
MIN_DAYS_SHOWN, MAX_DAYS_SHOWN = 2, 14  # days that can be shown as bars


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many papers a day a keyword brings, counted by submission over the last days.

    ``days`` is how far back the count reaches: less than was requested if the answer held only
    the newest papers of a broad keyword (``cut``). ``papers`` is then a lower bound for the
    days that were requested. The count ends at ``until``; ``submitted`` are the submission times
    of the papers counted.
    """

    papers: int
    days: float
    cut: bool
    until: datetime
    submitted: tuple[datetime, ...] = ()

    @property
    def per_day(self) -> float:
        return self.papers / self.days


def estimate(
    batch: Batch, matching: Sequence[Paper], limit: int, days: int, now: datetime
) -> Estimate:
    """Count the matching papers of an answer that holds at most the newest ``limit``."""
    since = now - days * DAY
    reaches = min((paper.published for paper in batch.papers), default=since)
    cut = len(batch.papers) >= limit and reaches > since
    begin = reaches if cut else since
    counted = tuple(paper.published for paper in matching if paper.published >= begin)
    # At least an hour, so that a hundred papers of one minute don't become a rate of 144,000 a day.
    return Estimate(len(counted), max((now - begin) / DAY, 1 / 24), cut, now, counted)


def chart(found: Estimate, timezone: tzinfo) -> Bars | None:
    """The papers per calendar day in this time zone, the latest day first. ``None`` where bars
    would show little: without papers, for less than two days, and for more than two weeks."""
    if not found.papers or not MIN_DAYS_SHOWN <= found.days <= MAX_DAYS_SHOWN:
        return None
    counts = Counter(at.astimezone(timezone).date() for at in found.submitted)
    latest = found.until.astimezone(timezone).date()
    first = (found.until - found.days * DAY).astimezone(timezone).date()
    shown = [latest - number * DAY for number in range((latest - first).days)]
    shown += [first] if counts[first] else []  # only a part of that day is counted
    return Bars(
        "Submitted a day",
        [f"{day:%a} {day.day} {day:%b}" for day in shown],
        [counts[day] for day in shown],
        [f"{counts[day]:,}" for day in shown],
    )


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a keyword would bring: sentences, and the newest papers. ``narrower``: one of the
    sentences says how many papers a narrower reading of the keyword would bring."""

    lines: tuple[str, ...]
    entries: tuple[Entry, ...] = ()
    narrower: bool = False


def with_narrower(seen: Outlook, narrower: Keyword, found: Estimate) -> Outlook:
    """The outlook for a single word, with a line about the papers that have it both in the title
    and in the abstract, counted over the same time."""
    rate = _rate(found.per_day) if found.papers else "No paper"
    line = f"In title and abstract both ({narrower.text}): {rate[0].lower()}{rate[1:]}."
    first, *rest = seen.lines
    return replace(seen, lines=(first, line, *rest), narrower=True)


def outlook(
    keyword: Keyword,
    batch: Batch,
    matching: Sequence[Paper],
    found: Estimate,
    days: int,
    dates: DateFormatter,
    shown: int = PREVIEW_EXAMPLES,
) -> Outlook:
    newest = sorted(matching, key=lambda paper: (paper.published, paper.serial), reverse=True)
    lines = _count(found, days, len(batch.papers))
    lines += [f"Careful: {note.text}" for note in batch.notes if note.kind is NoteKind.REFUSED]
    if not batch.complete:
        lines.append("arXiv's answer was not complete, so there may be more.")
    if found.per_day > BROAD_PAPERS_PER_DAY:
        lines.append(
            "That is very broad. Narrow it down: search in titles only (ti:), in one category"
            " (AND cat:cs.LG), or exclude something (ANDNOT survey)."
        )
    if not newest and batch.complete:
        lines.append("arXiv has no paper that matches. Is the spelling right?")
    if newest:
        last = dates.day(newest[0].published)
        lines.append("The newest:" if found.papers else f"The newest (submitted {last}):")
    entries = (Entry(displayed(paper), (keyword.label,)) for paper in newest[:shown])
    return Outlook(tuple(lines), tuple(entries))


def preview_reply(
    keyword: Keyword,
    understood: Paraphrase,
    batch: Batch,
    found: Estimate,
    seen: Outlook,
    days: int,
    bars: Bars | None,
) -> Reply:
    report = PreviewReport(
        keyword=keyword.text,
        canonical=keyword.canonical,
        understood=understood.words,
        notices=understood.notices,
        days=days,
        papers=found.papers,
        at_least=found.cut or not batch.complete,
        per_day=round(found.per_day, 2),
        complete=batch.complete,
        broad=found.per_day > BROAD_PAPERS_PER_DAY,
        newest=tuple(_previewed(entry.paper) for entry in seen.entries),
    )
    text = "\n".join([*understood.lines, *seen.lines])
    return Reply(
        text,
        sections=(bar_section(bars, len(bars.labels)),) if bars else (),
        entries=seen.entries,
        report=report,
    )


def _count(found: Estimate, days: int, limit: int) -> list[str]:
    span = "the last day" if days == 1 else f"the last {days} days"
    if found.cut:
        hours = found.days * 24
        back = f"{hours:.0f} hours" if hours < 48 else f"{found.days:.0f} days"
        return [
            f"{_rate(found.per_day)}, counted over the last {back} only: arXiv's newest {limit}"
            " results go back no further."
        ]
    if found.papers == 0:
        return [f"No paper in {span}."]
    return [f"{_rate(found.per_day)} ({plural(found.papers, 'paper')} in {span})."]


def _rate(per_day: float) -> str:
    if per_day >= 1.5:
        return f"About {per_day:.0f} papers a day"
    if per_day >= 0.75:
        return "About one paper a day"
    if per_day * 7 >= 1.5:
        return f"About {per_day * 7:.0f} papers a week"
    return "About one paper a week" if per_day * 7 >= 0.75 else "Less than one paper a week"


def _previewed(paper: Paper) -> PreviewedPaper:
    return PreviewedPaper(
        paper.id, paper.title, paper.authors, paper.primary_category, paper.published, paper.url
    )
