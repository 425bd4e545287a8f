"""What the benchmarks build first is what they say they measure."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from benchmarks.bench_store import queue
from bot.model import Receipt
from tests.fakes import START
from tests.store.database import opened


async def test_every_post_of_the_store_s_benchmark_can_be_claimed(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "db")) as store:
        await queue(store, posts=7, channels=3)
        claimed = []
        while (post := await store.claim("fake", START, START + timedelta(hours=1))) is not None:
            claimed.append(post.key)
            await store.mark_sent(post.key, Receipt("1"), START)
    assert claimed == [f"key-{n}" for n in (0, 3, 6, 1, 4, 2, 5)]
