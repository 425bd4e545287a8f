"""The database refuses clearly, and what it refuses has not happened."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import SchemaTooNew, StoreBroken, StoreBusy
from bot.keywords import parse
from bot.model import Person, Run
from bot.model.papers import LONGEST
from bot.store import open_store
from bot.store.migrations import MIGRATIONS
from bot.store.statements import reports
from bot.store.statements.subscriptions import follow, subscriptions
from bot.store.store import SqliteStore, connect
from tests.builders import paper
from tests.fakes import START

ROOT = Path(__file__).parents[2]


def run_with(*numbers: int) -> Run:
    papers = tuple(paper(n) for n in numbers)
    return Run(START, START, START - timedelta(days=14), False, True, papers=papers)


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
    beside.run_now(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    assert [s.keyword.text for s in serving.run_now(subscriptions)] == ["reward model"]
    beside.close()
    serving.close()


async def test_a_paper_of_megabytes_in_the_database_is_cut_when_it_is_read(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db", alone=True)
    await store.record(run_with(1), first_post=0)
    store.run_now(lambda db: db.execute("update papers set abstract = ?", ("x" * 4_000_000,)))
    seen = await store.ask(lambda db: reports.paper(db, "2603.00001"))
    assert seen.paper is not None
    assert len(seen.paper.abstract) == LONGEST["abstract"]
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
    store.run_now(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    store.close()
    path = tmp_path / "daily-papers.sqlite3"
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = os.urandom(len(damaged) - 4096)
    path.write_bytes(damaged)

    def look() -> None:
        open_store(tmp_path, alone=True).run_now(subscriptions)

    with pytest.raises(StoreBroken, match="Restore a backup"):
        look()


async def test_a_full_disk_takes_back_the_step_and_the_run_does_not_count(tmp_path: Path) -> None:
    def small(path: str) -> sqlite3.Connection:
        db = connect(path)
        db.execute("pragma max_page_count = 60")
        return db

    store = SqliteStore(tmp_path / "db", alone=True, connect=small)
    store.run_now(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    with pytest.raises(StoreBroken, match="disk is full"):
        await store.record(run_with(*range(1, 2000)), first_post=3)
    assert store.run_now(lambda db: db.execute("select count(*) from papers").fetchone()) == (0,)
    assert store.run_now(lambda db: db.execute("select count(*) from runs").fetchone()) == (0,)
    await store.record(run_with(1), first_post=3)
    store.close()


async def test_a_read_only_database_is_named_with_a_remedy(tmp_path: Path) -> None:
    open_store(tmp_path, alone=True).close()
    path = tmp_path / "daily-papers.sqlite3"

    def read_only(_: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    store = SqliteStore(path, alone=True, connect=read_only)
    with pytest.raises(StoreBroken, match=r"can't be written to"):
        await store.release(START, 75)
    store.close()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the folder should be")
    with pytest.raises(StoreBroken, match="data"):
        open_store(tmp_path / "data", alone=True)


def test_a_database_kept_busy_by_another_is_told_so_and_nothing_is_lost(tmp_path: Path) -> None:
    def impatient(path: str) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=0.05, isolation_level=None, check_same_thread=False)

    store = SqliteStore(tmp_path / "db", alone=True, connect=impatient)
    other = connect(str(tmp_path / "db"))
    other.execute("begin immediate")
    with pytest.raises(StoreBusy):
        store.run_now(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    other.execute("rollback")
    other.close()
    assert store.run_now(
        lambda db: follow(db, "console:", parse("reward model"), Person(""), START)
    )
    store.close()


async def test_a_question_is_answered_while_a_long_collect_is_being_written(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "db", alone=True)
    await store.run(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    writing, may_end = threading.Event(), threading.Event()

    def long_work(db: sqlite3.Connection) -> None:
        follow(db, "console:", parse("graph network"), Person(""), START)
        writing.set()
        assert may_end.wait(20)

    work = asyncio.create_task(store.run(long_work))
    await asyncio.to_thread(writing.wait, 20)
    assert len(await store.subscriptions("console:")) == 1  # what is committed, and at once
    may_end.set()
    await work
    assert len(await store.subscriptions("console:")) == 2
    store.close()


async def test_a_question_about_one_channel_does_not_wait_for_one_about_all(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "db", alone=True)
    await store.run(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    looking, may_end = threading.Event(), threading.Event()

    def long_look(db: sqlite3.Connection) -> int:
        looking.set()
        assert may_end.wait(20)
        return len(subscriptions(db))

    ask_about_all = asyncio.create_task(store.ask_about_all(long_look))
    await asyncio.to_thread(looking.wait, 20)
    assert len(await store.subscriptions("console:")) == 1
    assert len((await store.state("console:")).channels) == 1
    may_end.set()
    assert await ask_about_all == 1
    store.close()


async def test_a_question_can_change_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db", alone=True)
    with pytest.raises(StoreBroken, match="can't be written"):
        await store.ask(lambda db: follow(db, "console:", parse("reward model"), Person(""), START))
    store.close()


def test_commits_reach_the_disk_before_they_count(tmp_path: Path) -> None:
    store = open_store(tmp_path, alone=True)
    assert store.run_now(lambda db: db.execute("pragma synchronous").fetchone()) == (2,)
    assert store.run_now(lambda db: db.execute("pragma journal_mode").fetchone()) == ("wal",)
    store.close()


async def test_an_older_text_from_a_stale_index_does_not_replace_a_newer_one(
    tmp_path: Path,
) -> None:
    from bot.store.statements import reports

    store = open_store(tmp_path, alone=True)
    for version, title in ((2, "Corrected"), (1, "First")):
        run = Run(START, START, START, False, True, papers=(paper(1, title, version=version),))
        await store.record(run, first_post=3)
    view = store.run_now(lambda db: reports.paper(db, "2603.00001"))
    assert view.paper is not None
    assert (view.paper.title, view.paper.version) == ("Corrected", 2)
    store.close()
