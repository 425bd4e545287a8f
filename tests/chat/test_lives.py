"""Random lives of a bot: people change everything at every moment, also while arXiv answers, and
no paper is lost or posted twice."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.errors import OutcomeUnknown, SourceDown, TryLater, UserError
from bot.keywords import parse
from bot.keywords.notices import narrower_reading
from bot.matching import explain
from bot.model import AnnouncementStats, Batch, ChannelGroup, Keyword, Paper, Person
from bot.ports import Wanted
from tests.builders import paper
from tests.chat.test_commands import ADA, HERE, THERE, Chat
from tests.chat.test_personal import ME, MINE, Letterbox, let
from tests.fakes import FakeClock, FakeSource

VOCABULARY = ("alpha", "beta", "gamma", "delta", "omega")
PEOPLE = {HERE: ADA, THERE: ADA, MINE: ME}
LIVES = 5  # of some fifty moments, a second each
CONTINUES = timedelta(days=7)  # so long a removed keyword can be taken up where it ended
PAUSES = (60, 3_600, 6 * 3_600, 86_400, 86_400, 3 * 86_400, 8 * 86_400)  # seconds


class Busy(FakeSource):
    """While it answers, ``meanwhile`` happens. One that lists what was announced ``once``, as a
    harvest does, says of no paper twice that it is new."""

    once = False
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def fetch(
        self,
        keywords: Sequence[Keyword],
        since: datetime,
        checkpoint: str = "",
        wanted: Wanted | None = None,
        posted: Collection[str] = (),
    ) -> Batch:
        now, everything = self.clock.now(), self.announced
        if self.once and checkpoint:
            begin = datetime.fromisoformat(checkpoint)
            self.announced = [each for each in everything if each[0] > begin]
        try:
            batch = await super().fetch(keywords, since, checkpoint, wanted, posted)
        finally:
            self.announced = everything
        await self._happen()
        stats = AnnouncementStats(checkpoint=now.isoformat())
        return replace(batch, chosen=not self.once, announcement_stats=stats)

    async def latest(self, keyword: Keyword, limit: int) -> Batch:
        batch = await super().latest(keyword, limit)
        await self._happen()
        return batch

    async def _happen(self) -> None:
        if self.meanwhile is not None:
            await self.meanwhile()


@dataclass
class Channel:
    """What a channel follows, by canonical form: since when whatever is announced has to be posted,
    ``None`` while that is not known. And what it did follow, and when that ended."""

    follows: dict[str, tuple[Keyword, datetime | None]] = field(default_factory=dict)
    removed: dict[str, tuple[Keyword, datetime | None, datetime]] = field(default_factory=dict)
    mutes: dict[str, Keyword] = field(default_factory=dict)
    hidden: list[Keyword] = field(default_factory=list)  # whatever it muted at any time
    archived_at: datetime | None = None


class Life:
    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        clock = FakeClock()
        self.source = Busy(clock, matches=lambda k, p: explain(k, p).matched)
        self.source.once = self.random.random() < 0.5
        self.chat = Chat(folder, clock, self.source)
        let(self.chat, Letterbox(), "anyone")
        self.channels = {channel: Channel() for channel in PEOPLE}
        self.announced: list[tuple[datetime, Paper]] = []

    @property
    def now(self) -> datetime:
        return self.chat.clock.now()

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    async def moment(self) -> None:
        self.chat.clock.advance(self.random.choice(PAUSES))
        await self.do_something(3)
        for _ in range(self.random.randint(0, 3)):
            self._announce()
        if self.chance(0.8):
            self.chat.clock.advance(1)
            await self._collect()
        await self.do_something(1)
        if self.chance(0.7):
            await self.chat.publish(now=self.chance(0.5))
        await self.do_something(1)
        if self.chance(0.7):
            faults = [OutcomeUnknown("it broke off"), TryLater("slower", 5.0), None, None, None]
            await self.chat.deliver(self.random.choice(faults))

    async def end(self) -> None:
        """Everybody is back, and some ordinary days bring what waits."""
        for channel in PEOPLE:
            await self._restore(channel, self.channels[channel])
            await self.chat.store.resume(channel)
        for _ in range(6):
            self.chat.clock.advance(86_400)
            await self.chat.collect()
            await self.chat.publish(now=True)
            await self.chat.deliver()

    def wrong(self) -> list[str]:
        """What was posted twice, or not at all."""
        found = []
        for channel, model in self.channels.items():
            posted = self.chat.platform.papers(channel)
            found += [f"twice {each}" for each in set(posted) if posted.count(each) > 1]
            for at, each in self.announced:
                wanted = any(
                    since is not None and since < at and explain(keyword, each).matched
                    for keyword, since in model.follows.values()
                )
                hidden = any(explain(mute, each).matched for mute in model.hidden)
                if wanted and not hidden and each.id not in posted:
                    found.append(f"lost {each.id} in {channel}")
        return found

    def _announce(self) -> None:
        title, abstract = (" ".join(self.random.choices(VOCABULARY, k=2)) for _ in range(2))
        published = self.now - timedelta(days=self.random.choice([0, 1, 5]))
        new = paper(len(self.announced) + 1, title, abstract=abstract, published=published)
        self.source.announce(new)
        self.announced.append((self.now, new))

    async def _collect(self) -> None:
        self.source.faults = [SourceDown("no answer")] if self.chance(0.2) else []
        self.source.meanwhile = self._meanwhile
        await self.chat.collect()
        self.source.meanwhile = None
        unprimed = await self.chat.store.unprimed()
        for channel, model in self.channels.items():
            for canonical, (keyword, since) in model.follows.items():
                primed = since is None and (channel, canonical) not in unprimed
                if primed and model.archived_at is None:
                    model.follows[canonical] = (keyword, self.now)

    # -- what people do ---------------------------------------------------------------------------

    async def _meanwhile(self) -> None:
        if self.chance(0.3):
            self.source.meanwhile = None  # what they do may ask arXiv, too
            await self.do_something(3)
            self.source.meanwhile = self._meanwhile

    async def do_something(self, most: int) -> None:
        for _ in range(self.random.randint(0, most)):
            channel = self.random.choice(list(PEOPLE))
            model, person = self.channels[channel], PEOPLE[channel]
            act = self.random.choice(
                (
                    self._add, self._add, self._remove, self._undo, self._narrow, self._mute,
                    self._unmute, self._other, self._archive, self._come_back, self._forget,
                )
            )  # fmt: skip
            with refused():
                await act(channel, model, person)

    async def _add(self, channel: str, model: Channel, person: Person) -> None:
        keyword = parse(self.random.choice(VOCABULARY))
        if model.archived_at is None:
            await self.chat.commands.add(channel, person, keyword.text)
            if keyword.canonical not in model.follows:
                self._continue(model, keyword)

    async def _remove(self, channel: str, model: Channel, person: Person) -> None:
        if model.follows:
            canonical = self.random.choice(list(model.follows))
            keyword, since = model.follows[canonical]
            await self.chat.commands.remove(channel, person, [keyword.text])
            del model.follows[canonical]
            model.removed[canonical] = (keyword, since, self.now)

    async def _undo(self, channel: str, model: Channel, person: Person) -> None:
        if model.removed and model.archived_at is None:
            keyword, _, _ = self.random.choice(list(model.removed.values()))
            await self.chat.commands.typed(channel, person, f"add {keyword.handle}")
            self._continue(model, keyword)

    def _continue(self, model: Channel, keyword: Keyword) -> None:
        _, since, at = model.removed.pop(keyword.canonical, (keyword, None, self.now))
        continues = self.now - at < CONTINUES
        model.follows[keyword.canonical] = (keyword, since if continues else None)

    async def _narrow(self, channel: str, model: Channel, person: Person) -> None:
        pairs = [
            (broad, narrower, since)
            for broad, since in model.follows.values()
            if (narrower := narrower_reading(broad)) is not None
        ]
        if pairs:
            broad, narrower, since = self.random.choice(pairs)
            await self.chat.commands.typed(channel, person, f"narrow {broad.handle}")
            del model.follows[broad.canonical]
            model.removed[broad.canonical] = (broad, since, self.now)
            model.removed.pop(narrower.canonical, None)
            model.follows.setdefault(narrower.canonical, (narrower, since))

    async def _mute(self, channel: str, model: Channel, person: Person) -> None:
        keyword = parse(" ".join(self.random.choices(VOCABULARY, k=2)))
        if model.archived_at is None:
            await self.chat.commands.mute(channel, person, keyword.text)
            model.mutes[keyword.canonical] = keyword
            model.hidden.append(keyword)

    async def _unmute(self, channel: str, model: Channel, person: Person) -> None:
        if model.mutes:
            keyword = model.mutes.pop(self.random.choice(list(model.mutes)))
            await self.chat.commands.unmute(channel, person, keyword.text)

    async def _other(self, channel: str, model: Channel, person: Person) -> None:
        if model.archived_at is None:
            words = ("pause", "resume", "resume", "settings group keyword", "settings group none")
            await self.chat.commands.typed(channel, person, self.random.choice(words))

    async def _archive(self, channel: str, model: Channel, person: Person) -> None:
        if model.archived_at is None:
            await self.chat.changes.archive_channels(ChannelGroup(ids=(channel,)), "it was removed")
            model.archived_at = self.now

    async def _forget(self, channel: str, model: Channel, person: Person) -> None:
        """Who is forgotten follows nothing for themselves any more; a channel keeps what it has."""
        await self.chat.store.forget_person(person, self.now)
        own = self.channels[MINE]
        own.follows, own.removed, own.mutes, own.archived_at = {}, {}, {}, self.now

    async def _come_back(self, channel: str, model: Channel, person: Person) -> None:
        await self._restore(channel, model)

    async def _restore(self, channel: str, model: Channel) -> None:
        if model.archived_at is None:
            return
        await self.chat.changes.restore_channels(ChannelGroup(ids=(channel,)))
        away, model.archived_at = self.now - model.archived_at, None
        if away >= CONTINUES:
            model.follows = {each: (kept, None) for each, (kept, _) in model.follows.items()}
        if away >= timedelta(days=30):
            model.follows, model.mutes = {}, {}


@contextmanager
def refused() -> Iterator[None]:
    """People are told why something can't be done; that the bot is at fault they never are."""
    try:
        yield
    except UserError as error:
        if "Whoever hosts" in str(error):
            raise


async def test_whatever_people_do_at_any_moment_no_paper_is_lost_or_posted_twice(
    tmp_path: Path, life: int, run_number: int
) -> None:
    for number in range(LIVES):
        seed = (run_number + life * LIVES + number) % 10**9
        folder = tmp_path / str(number)
        folder.mkdir()
        lived = Life(folder, seed)
        with closing(lived.chat.store):
            for _ in range(lived.random.randint(30, 80)):
                await lived.moment()
            await lived.end()
        assert lived.wrong() == [], f"seed {seed}"
