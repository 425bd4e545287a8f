"""Saved papers arrive in Zotero once, whatever comes in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.zotero import UNREADABLE, ZoteroSender
from bot.errors import TryLater
from bot.model import Paper, Person
from bot.model.zotero import (
    ZOTERO_KEY,
    ZoteroConnection,
    ZoteroItem,
    ZoteroLibrary,
    ZoteroResult,
    item_key,
)
from bot.network import Network
from bot.vault import EncryptedVault, new_key
from bot.zotero.client import ZoteroClient
from tests.builders import paper
from tests.fakes import START, FakeClock
from tests.store.database import opened
from tests.wire.zotero_server import KEY, USER, ZoteroKey, ZoteroServer

HERE = "fake:here"
ADA, BEN = Person("Ada", "fake:1"), Person("Ben", "fake:2")
OWN = ZoteroConnection(ADA.id, False, HERE, ZoteroLibrary(f"users/{USER}", "muster"), ADA, START)
GROUP = ZoteroConnection(HERE, True, HERE, ZoteroLibrary("groups/9", "Reading"), BEN, START)
BENS_KEY = "B" * 24
ITEMS = f"/users/{USER}/items"


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """Something that the sender calls; the process ends before or after one of the calls."""

    def __init__(self, real: Any, steps: Steps) -> None:
        self._real = real
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._steps.take()
            result = await getattr(self._real, name)(*args, **kwargs)
            self._steps.take()
            return result

        return call


class Steps:
    """Counts; at the last one the process is killed."""

    def __init__(self, last: int) -> None:
        self.left = last

    def take(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class Bench:
    def __init__(self, folder: Path, server: ZoteroServer) -> None:
        self.clock = FakeClock()
        self.store = opened(folder / "db")
        self.secret = new_key()
        self.server = server
        self.client = ZoteroClient(server.url, network=Network())
        self.told: list[tuple[str, str]] = []

    def vault(self, *keys: str) -> EncryptedVault:
        return EncryptedVault(keys or (self.secret,), self.store, self.clock)

    def sender(
        self, steps: Steps | None = None, *, vault: EncryptedVault | None = None, **options: Any
    ) -> ZoteroSender:
        real: tuple[Any, Any] = (self.client, self.store)
        zotero, store = real if steps is None else (Dying(each, steps) for each in real)
        return ZoteroSender(
            zotero, store, vault or self.vault(), self.clock, on_paused=self.pause, **options
        )

    async def pause(self, connection: ZoteroConnection, reason: str) -> None:
        self.told.append((connection.person.id, reason))

    async def connect(self, connection: ZoteroConnection = OWN, key: str = KEY) -> None:
        sealed = self.vault().seal(ZOTERO_KEY, connection.owner, key)
        await self.store.connect_zotero(connection, sealed, self.clock.now())

    async def save(self, *papers: Paper, who: Person = ADA) -> None:
        await self.store.save_all(HERE, papers, who, self.clock.now())

    async def waits(self) -> float | None:
        """Seconds until the next try."""
        soonest = await self.store.next_zotero(self.clock.now())
        return None if soonest is None else (soonest - self.clock.now()).total_seconds()

    async def until_sent(self) -> None:
        while (seconds := await self.waits()) is not None:
            self.clock.advance(max(seconds, 1.0))
            await self.sender().send_waiting()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with ZoteroServer() as server:
        bench = Bench(tmp_path, server)
        yield bench
        await bench.client.aclose()
        bench.store.close()


async def test_what_is_saved_arrives_in_one_request(bench: Bench) -> None:
    await bench.connect()
    await bench.save(paper(1, "One"), paper(2, "Two"))
    assert await bench.sender().send_waiting() == 2
    assert sorted(bench.server.titles()) == ["One", "Two"]
    assert [seen.method for seen in bench.server.seen] == ["POST"]
    assert await bench.waits() is None


async def test_a_kill_at_any_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    step = 0
    survived = False
    while not survived:
        step += 1
        with ZoteroServer() as server:
            server.group_names = {9: "Reading"}
            server.keys[BENS_KEY] = ZoteroKey(groups=frozenset({9}))
            folder = tmp_path / str(step)
            folder.mkdir()
            bench = Bench(folder, server)
            await bench.connect()
            await bench.connect(GROUP, BENS_KEY)
            await bench.save(paper(1, "One"), paper(2, "refused by this test"))
            foreign = item_key("groups/9", paper(1).id)
            server.library("groups/9").items[foreign] = {"version": 3, "title": "A diary"}
            dying = bench.sender(Steps(step))
            try:
                await dying.take_over()
                await dying.send_waiting()
                survived = True
            except Killed:
                await bench.sender().take_over()
            await bench.until_sent()
            assert server.titles() == ["One"], step
            assert server.titles("groups/9") == ["One"], step
            for each in await bench.store.zotero_connections():
                assert (each.sent, each.waiting, each.rejected) == (1, 0, 1), step
            await bench.client.aclose()
            bench.store.close()
    assert step > 20


class Forgetful:
    """Sends under another key each time."""

    def __init__(self, client: ZoteroClient) -> None:
        self._client = client
        self._count = 0

    async def add(self, key: str, library: str, items: Sequence[ZoteroItem]) -> ZoteroResult:
        self._count += 1
        renamed = [
            each._replace(key=item_key(library, each.paper.id, self._count)) for each in items
        ]
        result = await self._client.add(key, library, renamed)
        known = {new.key: old.key for new, old in zip(renamed, items, strict=True)}
        return replace(result, added=frozenset(known[each] for each in result.added))


async def test_without_its_lasting_key_a_paper_would_be_doubled(bench: Bench) -> None:
    """The control: what the others count is counted."""
    await bench.connect()
    await bench.save(paper(1, "One"))
    bench.server.fail("POST", ITEMS, how="after")
    forgetful: Any = Forgetful(bench.client)
    sender = ZoteroSender(forgetful, bench.store, bench.vault(), bench.clock, on_paused=bench.pause)
    await sender.send_waiting()
    bench.clock.advance(30)
    await sender.send_waiting()
    assert bench.server.titles() == ["One", "One"]


async def test_zotero_may_be_down_for_days(bench: Bench) -> None:
    await bench.connect()
    await bench.save(paper(1, "One"))
    bench.server.fail("POST", ITEMS, status=503, times=60)
    waits = []
    sender = bench.sender()
    for _ in range(60):
        assert await sender.send_waiting() == 0
        waits.append(await bench.waits() or 0.0)
        await bench.save(paper(2, "Two"))
        bench.clock.advance(waits[-1])
    assert waits[:3] == [30.0, 60.0, 120.0]
    assert max(waits) == 3600.0
    assert bench.clock.now() - START > timedelta(days=2)
    await bench.until_sent()
    assert sorted(bench.server.titles()) == ["One", "Two"]


async def test_a_wait_that_zotero_asks_of_everybody_holds_for_all_libraries(bench: Bench) -> None:
    bench.server.keys[BENS_KEY] = ZoteroKey(user=8)
    bens = OWN._replace(owner=BEN.id, person=BEN, library=ZoteroLibrary("users/8", "ben"))
    await bench.connect()
    await bench.connect(bens, BENS_KEY)
    await bench.save(paper(1, "One"))
    bench.server.backoff = 300
    assert await bench.sender().send_waiting() == 1, "and no second request"
    await bench.save(paper(2, "Two"), who=BEN)
    assert await bench.sender().send_waiting() == 0
    assert await bench.waits() == 300.0
    bench.server.backoff = 0
    bench.clock.advance(300)
    assert await bench.sender().send_waiting() == 1
    # One that is for a single person keeps nobody else waiting.
    await bench.save(paper(3, "Three"))
    await bench.save(paper(4, "Four"), who=BEN)
    bench.server.fail("POST", ITEMS, status=429, headers={"Retry-After": "40"})
    assert await bench.sender().send_waiting() == 1
    assert bench.server.titles("users/8") == ["Two", "Four"]
    assert await bench.waits() == 40.0
    await bench.until_sent()
    assert bench.server.titles() == ["One", "Three"]


async def test_a_revoked_key_pauses_its_library_alone_and_its_person_is_told_once(
    bench: Bench,
) -> None:
    await bench.connect()
    bench.server.keys[BENS_KEY] = ZoteroKey(user=8)
    bens = OWN._replace(owner=BEN.id, person=BEN, library=ZoteroLibrary("users/8", "ben"))
    await bench.connect(bens, BENS_KEY)
    del bench.server.keys[KEY]
    await bench.save(paper(1, "One"))
    await bench.save(paper(2, "Two"), who=BEN)
    assert await bench.sender().send_waiting() == 1
    await bench.save(paper(3, "Three"))
    assert await bench.sender().send_waiting() == 0
    [(person, reason)] = bench.told
    assert person == ADA.id
    assert "revoked" in reason
    [ada, _] = await bench.store.zotero_connections()
    assert (ada.paused, ada.waiting) == (reason, 2)
    requests = len(bench.server.seen)
    bench.clock.advance(86_400)
    await bench.sender().send_waiting()
    assert len(bench.server.seen) == requests, "it is not asked again"
    bench.server.keys["C" * 24] = ZoteroKey()
    await bench.connect(key="C" * 24)
    assert await bench.sender().send_waiting() == 2
    assert bench.server.titles("users/8") == ["Two"]


async def test_a_wait_in_a_refusal_counts_too(bench: Bench) -> None:
    await bench.connect()
    bench.server.keys[BENS_KEY] = ZoteroKey(user=8)
    bens = OWN._replace(owner=BEN.id, person=BEN, library=ZoteroLibrary("users/8", "ben"))
    await bench.connect(bens, BENS_KEY)
    del bench.server.keys[KEY]
    bench.server.backoff = 60
    await bench.save(paper(1, "One"))
    await bench.save(paper(2, "Two"), who=BEN)
    assert await bench.sender().send_waiting() == 0
    assert await bench.waits() == 60.0


async def test_one_paper_that_breaks_the_answer_delays_no_other_for_long(bench: Bench) -> None:
    await bench.connect()
    await bench.save(paper(1, "One"), paper(2, "Two"))
    bench.server.fail("POST", ITEMS, status=500, times=4)
    await bench.until_sent()
    assert sorted(bench.server.titles()) == ["One", "Two"]
    sizes = [seen.body.count('"key"') for seen in bench.server.seen if seen.method == "POST"]
    assert sizes == [2, 2, 2, 1, 1, 1]


async def test_a_new_secret_key_is_told_and_the_old_one_beside_it_still_reads(
    bench: Bench,
) -> None:
    await bench.connect()
    await bench.save(paper(1, "One"))
    new = new_key()
    await bench.sender(vault=bench.vault(new, bench.secret)).take_over()
    assert bench.told == []
    assert await bench.vault(new).kept(ZOTERO_KEY, ADA.id) == KEY, "encrypted with the new one"
    await bench.sender(vault=bench.vault(new_key())).take_over()
    assert bench.told == [(ADA.id, UNREADABLE)]
    assert await bench.waits() is None
    assert (await bench.store.zotero_connections())[0].waiting == 1


async def test_a_key_that_is_replaced_while_the_old_one_is_refused_goes_on(bench: Bench) -> None:
    class Slow:
        async def add(self, key: str, library: str, items: Sequence[ZoteroItem]) -> ZoteroResult:
            if key == KEY:
                bench.clock.advance(1)
                await bench.connect(key="C" * 24)
            return await bench.client.add(key, library, items)

    await bench.connect()
    await bench.save(paper(1, "One"))
    del bench.server.keys[KEY]
    bench.server.keys["C" * 24] = ZoteroKey()
    slow: Any = Slow()
    sender = ZoteroSender(slow, bench.store, bench.vault(), bench.clock, on_paused=bench.pause)
    assert await sender.send_waiting() == 1
    assert bench.told == []


async def test_a_library_that_never_answers_keeps_others_waiting_for_seconds_only(
    bench: Bench,
) -> None:
    bench.server.keys[BENS_KEY] = ZoteroKey(user=8)
    bens = OWN._replace(owner=BEN.id, person=BEN, library=ZoteroLibrary("users/8", "ben"))
    await bench.connect()
    await bench.connect(bens, BENS_KEY)
    await bench.save(paper(1, "One"), who=BEN)
    bench.server.fail("POST", "/users/8/items", status=504, times=100)
    sender = bench.sender()
    for number in range(2, 12):
        await sender.send_waiting()
        await bench.save(paper(number))
        assert (await bench.waits() or 0.0) <= 30.0
        bench.clock.advance(3600)
        assert await sender.send_waiting() == 1


async def test_a_zotero_in_which_every_name_is_taken_is_not_asked_without_end(
    bench: Bench,
) -> None:
    class Full:
        asked = 0

        async def add(self, key: str, library: str, items: Sequence[ZoteroItem]) -> ZoteroResult:
            self.asked += 1
            if self.asked > 10:
                raise Killed
            return ZoteroResult(taken=frozenset(item.key for item in items))

    await bench.connect()
    await bench.save(paper(1), paper(2))
    full: Any = Full()
    sender = ZoteroSender(full, bench.store, bench.vault(), bench.clock, on_paused=bench.pause)
    assert await sender.send_waiting() == 0
    assert await bench.waits() == 60.0, "the first time another name is tried at once"


async def test_what_may_be_another_processs_turn_is_not_sent(bench: Bench) -> None:
    def lost() -> None:
        raise TryLater("another process sends")

    await bench.connect()
    await bench.save(paper(1, "One"))
    assert await bench.sender(check=lost).send_waiting() == 0
    assert bench.server.seen == []
    assert await bench.waits() == 30.0


async def test_no_key_and_no_persons_library_is_in_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await bench.connect()
    await bench.save(paper(1, "refused by this test"), paper(2))
    await bench.sender().send_waiting()
    del bench.server.keys[KEY]
    await bench.save(paper(3))
    await bench.sender().send_waiting()
    assert "zotero paused" in caplog.text
    assert "zotero rejected" in caplog.text
    assert KEY not in caplog.text
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("bot"))
    assert str(USER) not in ours
    assert ADA.id not in ours
