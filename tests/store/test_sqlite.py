"""The database refuses clearly, and what it refuses has not happened."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.collect import collect
from bot.errors import SchemaTooNew, StoreBroken, StoreBusy
from bot.keywords import parse
from bot.matching import explain
from bot.model import Person, Run
from bot.model.papers import MAX_LENGTHS
from bot.ports import Store
from bot.store import open_store
from bot.store.engines.base import Connection
from bot.store.engines.sqlite import connect
from bot.store.migrations import MIGRATIONS
from bot.store.statements.subscriptions import follow, subscriptions
from tests.builders import paper
from tests.fakes import START, FakeClock, FakeSource
from tests.store.database import OtherTransaction, change, follow_all, opened, select, wait

ROOT = Path(__file__).parents[2]


def run_with(*numbers: int) -> Run:
    papers = tuple(paper(n) for n in numbers)
    return Run(START, START, START - timedelta(days=14), False, True, papers=papers)


def add(store: Store) -> bool:
    return wait(store.follow("console:", parse("reward model"), Person(""), START)) is not None


def test_a_second_serving_process_is_told_so(tmp_path: Path) -> None:
    first = open_store(tmp_path, alone=True)
    script = (
        "import sys, pathlib; from bot.errors import StoreBusy; from bot.store import open_store\n"
        "try: open_store(pathlib.Path(sys.argv[1]), alone=True)\n"
        "except StoreBusy as error: print(error)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first.close()
    assert "another Daily Papers already serves" in told.stdout
    open_store(tmp_path, alone=True).close()


def test_other_processes_read_and_change_keywords_beside_it(tmp_path: Path) -> None:
    serving = open_store(tmp_path, alone=True)
    beside = open_store(tmp_path, alone=False)
    add(beside)
    assert [s.keyword.text for s in wait(serving.subscriptions())] == ["reward model"]
    beside.close()
    serving.close()


async def test_a_paper_of_megabytes_in_the_database_is_cut_when_it_is_read(tmp_path: Path) -> None:
    store = opened(tmp_path / "db")
    await store.record(run_with(1), first_post=0)
    change(store, "update papers set abstract = ?", "x" * 4_000_000)
    seen = await store.paper("2603.00001")
    assert seen.paper is not None
    assert len(seen.paper.abstract) == MAX_LENGTHS["abstract"]
    store.close()


def test_a_lock_left_by_a_dead_process_does_not_stop_the_next(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys; from bot.store import open_store\n"
        "open_store(pathlib.Path(sys.argv[1]), alone=True); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    open_store(tmp_path, alone=True).close()


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    open_store(tmp_path, alone=True).close()
    path = tmp_path / "daily-papers.sqlite3"
    db = connect(str(path))
    db.execute(f"pragma user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew, match="Install the newer version"):
        open_store(tmp_path, alone=True)
    assert path.read_bytes() == before


def test_a_migration_that_fails_halfway_leaves_the_old_schema(
    tmp_path: Path,
) -> None:
    from bot.store import migrations

    open_store(tmp_path, alone=True).close()
    path = tmp_path / "daily-papers.sqlite3"
    broken = (*MIGRATIONS, "create table extra (n integer) strict;\ninsert into nowhere values (1)")
    db = connect(str(path))
    with pytest.raises(sqlite3.OperationalError):
        migrations.migrate(db, broken)
    tables = {row[0] for row in db.execute("select name from sqlite_master")}
    assert "extra" not in tables
    assert db.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)
    db.close()


def test_a_foreign_database_is_not_touched(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "daily-papers.sqlite3")
    db.execute("create table letters (body text)")
    db.commit()
    db.close()
    with pytest.raises(StoreBroken, match="not one of Daily Papers"):
        open_store(tmp_path, alone=True)


def test_a_file_that_is_no_database_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "daily-papers.sqlite3").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreBroken, match="Restore a backup"):
        open_store(tmp_path, alone=True)


def test_a_damaged_database_is_named_with_a_remedy(tmp_path: Path) -> None:
    store = open_store(tmp_path, alone=True)
    add(store)
    store.close()
    path = tmp_path / "daily-papers.sqlite3"
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = os.urandom(len(damaged) - 4096)
    path.write_bytes(damaged)

    def look() -> None:
        wait(open_store(tmp_path, alone=True).subscriptions())

    with pytest.raises(StoreBroken, match="Restore a backup"):
        look()


async def test_a_full_disk_takes_back_the_step_and_the_run_does_not_count(tmp_path: Path) -> None:
    def small(path: str) -> sqlite3.Connection:
        db = connect(path)
        db.execute("pragma max_page_count = 60")
        return db

    store = opened(tmp_path / "db", connect=small)
    add(store)
    with pytest.raises(StoreBroken, match="disk is full"):
        await store.record(run_with(*range(1, 2000)), first_post=3)
    assert select(store, "select count(*) from papers") == [(0,)]
    assert select(store, "select count(*) from runs") == [(0,)]
    await store.record(run_with(1), first_post=3)
    store.close()


async def test_a_read_only_database_is_named_with_a_remedy(tmp_path: Path) -> None:
    open_store(tmp_path, alone=True).close()
    path = tmp_path / "daily-papers.sqlite3"

    def read_only(_: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    store = opened(path, connect=read_only)
    with pytest.raises(StoreBroken, match=r"can't be written to"):
        await store.release(START, 75)
    store.close()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the folder should be")
    with pytest.raises(StoreBroken, match="data"):
        open_store(tmp_path / "data", alone=True)


def test_a_database_kept_busy_by_another_is_told_so_and_nothing_is_lost(tmp_path: Path) -> None:
    store = opened(tmp_path / "db", patient=False)
    other = OtherTransaction(tmp_path / "db")
    with pytest.raises(StoreBusy):
        add(store)
    other.roll_back()
    assert add(store)
    store.close()


async def test_a_question_is_answered_while_a_long_collect_is_being_written(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path / "db")
    add(store)
    writing, may_end = threading.Event(), threading.Event()

    def long_work(db: Connection) -> None:
        follow(db, "console:", parse("graph network"), Person(""), START)
        writing.set()
        assert may_end.wait(20)

    work = asyncio.create_task(store.engine.write(long_work))
    await asyncio.to_thread(writing.wait, 20)
    assert len(await store.subscriptions("console:")) == 1  # what is committed, and at once
    may_end.set()
    await work
    assert len(await store.subscriptions("console:")) == 2
    store.close()


async def test_a_question_about_one_channel_does_not_wait_for_one_about_all(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path / "db")
    add(store)
    looking, may_end = threading.Event(), threading.Event()

    def long_query(db: Connection) -> int:
        looking.set()
        assert may_end.wait(20)
        return len(subscriptions(db))

    over_everything = asyncio.create_task(store.engine.read_all(long_query))
    await asyncio.to_thread(looking.wait, 20)
    assert len(await store.subscriptions("console:")) == 1
    assert len((await store.state("console:")).channels) == 1
    may_end.set()
    assert await over_everything == 1
    store.close()


async def test_a_question_can_change_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "db")
    with pytest.raises(StoreBroken, match="can't be written"):
        await store.engine.read(
            lambda db: follow(db, "console:", parse("reward model"), Person(""), START)
        )
    store.close()


def test_commits_reach_the_disk_before_they_count(tmp_path: Path) -> None:
    store = open_store(tmp_path, alone=True)
    assert select(store, "pragma journal_mode") == [("wal",)]
    assert select(store, "pragma synchronous") == [(2,)]
    store.close()


async def test_an_older_text_from_a_stale_index_does_not_replace_a_newer_one(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path, alone=True)
    for version, title in ((2, "Corrected"), (1, "First")):
        run = Run(START, START, START, False, True, papers=(paper(1, title, version=version),))
        await store.record(run, first_post=3)
    view = await store.paper("2603.00001")
    assert view.paper is not None
    assert (view.paper.title, view.paper.version) == ("Corrected", 2)
    store.close()


@pytest.mark.parametrize("known", [False, True], ids=["new", "primed"])
async def test_a_keyword_of_a_channel_that_is_not_there_keeps_no_paper_from_the_others(
    tmp_path: Path, known: bool
) -> None:
    clock = FakeClock()
    source = FakeSource(clock, matches=lambda k, p: explain(k, p).matched)
    store = opened(tmp_path / "db")
    for channel in ("console:", "fake:a"):
        await store.follow(channel, parse("reward model"), Person(""), START)
    if known:
        await collect(source, store, clock, first_post=0)
        clock.advance(3600)
    store.close()
    with closing(sqlite3.connect(tmp_path / "db")) as db:  # which does not look after references
        db.execute("update subscriptions set channel_id = 'gone' where channel_id = 'fake:a'")
        db.commit()
    store = opened(tmp_path / "db")
    source.announce(paper(1))
    await collect(source, store, clock, first_post=1)
    [view] = (await store.state("console:")).channels
    assert view.due == 1
    store.close()


def test_following_a_keyword_takes_no_longer_beside_a_thousand_channels(tmp_path: Path) -> None:
    def steps(channels: int) -> int:
        """Of SQLite's machine."""
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        def work(db: Connection) -> None:
            assert isinstance(db, sqlite3.Connection)
            db.set_progress_handler(count, 1)
            follow(db, "fake:new", parse("reward model"), Person("Ada", "fake:1"), START)
            db.set_progress_handler(None, 1)

        with closing(opened(tmp_path / f"{channels}.db")) as store:
            there = [(f"fake:{n}", parse("graph")) for n in range(channels)]
            follow_all(store, there, START)
            wait(store.engine.write(work))
        return counted

    alone = steps(10)
    assert 0 < steps(1000) < 1.5 * alone
