"""What can't be run in a test: time, vendors, and chance. Everything else is the real thing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.errors import CannotTell, SourceError
from bot.model import Batch, Digest, Draft, Finding, Keyword, Paper, Post, Receipt
from bot.ports import Wanted
from bot.text.digests import told_in_reply

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday


class FakeClock:
    """A clock that stands still until someone sleeps or advances it."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, to: datetime) -> None:
        """Set the wall clock, as an administrator or NTP does; no time passes."""
        self._now = to


Matches = Callable[[Keyword, Paper], bool]


def phrase_in_title(keyword: Keyword, paper: Paper) -> bool:
    return keyword.text.lower() in f"{paper.title} {paper.abstract}".lower()


@dataclass
class FakeSource:
    """A source over a list of papers, each visible from its announcement on.

    ``faults`` are consumed one per request: an error to raise, or a function from the honest batch
    to the one that is answered.
    """

    clock: FakeClock
    announced: list[tuple[datetime, Paper]] = field(default_factory=list)
    matches: Matches = phrase_in_title
    faults: list[SourceError | Callable[[Batch], Batch] | None] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    wanted: Wanted | None = None  # what the last fetch was told
    posted: frozenset[str] = frozenset()

    def announce(self, *papers: Paper, at: datetime | None = None) -> None:
        self.announced.extend((at or self.clock.now(), paper) for paper in papers)

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> Batch:
        self.wanted, self.posted = wanted, frozenset(posted)
        found = [
            paper
            for paper in self._visible()
            if paper.published >= since and any(self.matches(k, paper) for k in keywords)
        ]
        return self._answer(f"fetch {since:%Y-%m-%d}", found)

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        found = [paper for paper in self._visible() if self.matches(keyword, paper)]
        return self._answer(f"latest {keyword.text}", found[:limit])

    async def papers(self, paper_ids: Sequence[str]) -> Batch:
        found = [paper for paper in self._visible() if paper.id in paper_ids]
        return self._answer(f"papers {' '.join(paper_ids)}", found)

    async def examine(self) -> Sequence[Finding]:
        return [Finding("fake", True, "It answers.")]

    def _visible(self) -> list[Paper]:
        papers = [paper for at, paper in self.announced if at <= self.clock.now()]
        return sorted(papers, key=lambda paper: paper.published, reverse=True)

    def _answer(self, request: str, papers: Sequence[Paper]) -> Batch:
        self.requests.append(request)
        batch = Batch(tuple(papers), complete=True, requests=1)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, SourceError):
            raise fault
        return fault(batch) if fault else batch


class PlainComposer:
    """``per_message`` papers in each message, the later under the first; the news and the most
    saved papers in the last one, and a reply to the message of each paper that was withdrawn."""

    def __init__(self, per_message: int = 10, threaded: bool = False) -> None:
        self._per_message = per_message
        self._threaded = threaded

    def compose(self, digest: Digest) -> list[Draft]:
        step = self._per_message
        drafts = []
        for start in range(0, len(digest.entries) or 1, step):
            entries = digest.entries[start : start + step]
            payload: dict[str, object] = {
                "papers": [entry.paper.id for entry in entries],
                "keywords": [list(entry.keywords) for entry in entries],
                "why": digest.why,
                "missed": [day.isoformat() for day in digest.missed],
                "skipped": digest.skipped,
            }
            is_last = start + step >= len(digest.entries)
            told = digest.news if is_last else ()
            payload["news"] = [
                [each.paper.id, each.news.kind, each.news.mark, each.link, each.news.version]
                for each in told
            ]
            if likes := [each.like for each in entries if each.like]:
                payload["likes"] = likes
            if is_last and digest.most_saved:
                payload["most_saved"] = [[e.paper.id, e.people] for e in digest.most_saved]
            parent = 0 if self._threaded and start else None
            ids = tuple(entry.paper.id for entry in entries)
            numbers = tuple(each.number for each in told)
            drafts.append(Draft(json.dumps(payload), ids, parent, numbers))
        for item in told_in_reply(digest):
            reply = {"papers": [], "reply": [item.paper.id, item.news.mark]}
            drafts.append(Draft(json.dumps(reply), (), reply_to=item.post_key))
        return drafts


class FakePlatform:
    """A platform whose messages live in a file, so that they outlast a killed bot.

    ``faults`` maps the number of a send (from 0, counted in this process) to what happens: a pair
    (arrives, error). ``remembers`` switches ``find`` off when false, for the control that shows
    why it is needed; ``can_tell`` makes it raise instead. ``late`` is after how many seconds of
    ``clock`` a message can be found; one that a killed process sent left it just before this one
    started.
    """

    def __init__(
        self,
        path: Path,
        *,
        faults: dict[int, tuple[bool, Exception]] | None = None,
        remembers: bool = True,
        can_tell: bool = True,
        clock: FakeClock | None = None,
        late: float = 0.0,
    ) -> None:
        self._path = path
        self._clock = clock or FakeClock()
        self._late = late
        self._born = self._clock.monotonic()
        self._sent_at: dict[str, float] = {}
        self.faults = faults or {}
        self._remembers = remembers
        self._can_tell = can_tell
        self.sends = 0
        self.mention_gone: str | None = None

    async def send(self, post: Post) -> Receipt:
        arrives, error = self.faults.get(self.sends, (True, None))
        self.sends += 1
        if arrives:
            self._append(post)
        if error is not None:
            raise error
        return Receipt(f"m-{post.key}", mention_gone=self.mention_gone)

    async def find(self, post: Post) -> Receipt | None:
        if not self._can_tell:
            raise CannotTell("this platform has no history")
        stored = [m["key"] for m in self.messages() if self._is_stored(m["key"])]
        return Receipt(f"m-{post.key}") if self._remembers and post.key in stored else None

    def _is_stored(self, key: str) -> bool:
        sent_at = self._sent_at.get(key, self._born)
        return self._clock.monotonic() >= sent_at + self._late

    def messages(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    def papers(self, channel_id: str) -> list[str]:
        """Every paper id posted to the channel, in order, as often as it was posted."""
        return [
            paper_id
            for message in self.messages()
            if message["channel"] == channel_id
            for paper_id in json.loads(message["payload"])["papers"]
        ]

    def news(self, channel_id: str) -> list[str]:
        """Every change told in the channel, and each reply, as often as it was sent."""
        payloads = [json.loads(m["payload"]) for m in self.messages() if m["channel"] == channel_id]
        told = [" ".join(each[:3]) for payload in payloads for each in payload.get("news", ())]
        return told + [
            " ".join(["reply", *payload["reply"]]) for payload in payloads if "reply" in payload
        ]

    def most_saved(self, channel_id: str) -> list[str]:
        """Every paper told in the channel as one of the week's most saved, as often as it was."""
        payloads = [json.loads(m["payload"]) for m in self.messages() if m["channel"] == channel_id]
        told = [each for payload in payloads for each in payload.get("most_saved", ())]
        return [f"most saved {paper_id} by {people}" for paper_id, people in told]

    def likes(self, channel_id: str) -> list[str]:
        """Which saved paper each of the first papers of a digest was said to be like."""
        payloads = [json.loads(m["payload"]) for m in self.messages() if m["channel"] == channel_id]
        return [f"like {each}" for payload in payloads for each in payload.get("likes", ())]

    def _append(self, post: Post) -> None:
        self._sent_at[post.key] = self._clock.monotonic()
        line = {"key": post.key, "channel": post.channel.id, "payload": post.payload}
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())
        finally:
            os.close(handle)
