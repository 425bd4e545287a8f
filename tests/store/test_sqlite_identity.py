"""A database whose file is taken away, replaced or damaged while the bot uses it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.maintenance import check_integrity
from bot.errors import StoreBroken
from bot.keywords import parse
from bot.model import Draft, Hit, Person, Prime, Publication, Run
from bot.ports import Store
from bot.store import FILE, back_up, open_store
from tests.builders import paper
from tests.fakes import START
from tests.store.database import wait

PAGE = 4096


def add(store: Store, text: str) -> None:
    wait(store.follow("console:", parse(text), Person(""), START))


def followed(store: Store) -> list[str]:
    return sorted(each.keyword.text for each in wait(store.subscriptions()))


def taken_away(file: Path, backup: Path) -> None:
    file.unlink()


def moved(file: Path, backup: Path) -> None:
    file.rename(file.with_suffix(".elsewhere"))


def swapped(file: Path, backup: Path) -> None:
    os.replace(shutil.copy(backup, file.with_suffix(".new")), file)


def folder_gone(file: Path, backup: Path) -> None:
    shutil.rmtree(file.parent)


@pytest.mark.parametrize("what", [taken_away, moved, swapped, folder_gone])
def test_nothing_more_is_written_into_a_database_that_lost_its_name(
    tmp_path: Path, what: object
) -> None:
    assert callable(what)
    store = open_store(tmp_path / "data", alone=True)
    add(store, "before the backup")
    backup = tmp_path / "backup.sqlite3"
    back_up(tmp_path / "data", backup)
    add(store, "after the backup")
    assert store.problem() == ""
    what(tmp_path / "data" / FILE, backup)
    with pytest.raises(StoreBroken, match=r"was (replaced|deleted).*while it was in use"):
        add(store, "too late")
    assert FILE in store.problem()
    store.close()


def copied_over(file: Path, backup: Path) -> None:
    shutil.copyfile(backup, file)


def truncated(file: Path, backup: Path) -> None:
    os.truncate(file, 0)


@pytest.mark.parametrize("what", [copied_over, truncated])
def test_nothing_more_is_written_into_a_database_that_an_older_one_was_copied_over(
    tmp_path: Path, what: Callable[[Path, Path], None]
) -> None:
    store = open_store(tmp_path / "data", alone=True)
    backup = tmp_path / "backup.sqlite3"
    back_up(tmp_path / "data", backup)
    wait(filled(tmp_path / "data", store))
    with closing(sqlite3.connect(tmp_path / "data" / FILE)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    assert store.problem() == ""
    what(tmp_path / "data" / FILE, backup)
    assert "was overwritten or truncated" in store.problem()
    with pytest.raises(StoreBroken, match="was overwritten or truncated"):
        add(store, "too late")
    store.close()


def test_the_log_of_a_replaced_database_does_not_spoil_the_one_in_its_place(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path, alone=True)
    add(store, "before the backup")
    backup = tmp_path / "backup.sqlite3"
    back_up(tmp_path, backup)
    store.close()
    store = open_store(tmp_path, alone=True)  # nothing is written at the opening
    for number in range(50):
        add(store, f"after the backup {number}")
    swapped(tmp_path / FILE, backup)
    assert store.problem()
    store.close()
    assert (tmp_path / f"{FILE}.replaced-wal").exists()
    again = open_store(tmp_path, alone=True)
    assert followed(again) == ["before the backup"]
    again.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_a_lock_that_is_deleted_ends_the_work_before_a_second_bot_can_begin(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path, alone=True)
    beside = open_store(tmp_path, alone=False)
    (tmp_path / FILE).with_suffix(".lock").unlink()
    with pytest.raises(StoreBroken, match="a second bot could serve"):
        add(store, "too late")
    add(beside, "a command has no lock to lose")
    for each in (store, beside):
        each.close()


# -- damage ----------------------------------------------------------------------------------------


async def filled(folder: Path, store: Store | None = None) -> Store:
    """Rows in every table that grows, so many that each takes several pages."""
    store = store or open_store(folder, alone=True)
    keyword = parse("reward model")
    await store.follow("console:", keyword, Person("Ada"), START)
    papers = tuple(paper(n) for n in range(1, 200))
    window = START - timedelta(days=14)
    prime = Prime(keyword.canonical, (), None, 0)
    await store.record(Run(START, START, window, False, True, primes=(prime,)), first_post=0)
    hits = tuple(Hit(each.id, keyword.canonical, "title") for each in papers)
    run = Run(START, START + timedelta(seconds=2), window, False, True, papers=papers, hits=hits)
    await store.record(run, first_post=0)
    drafts = tuple((f"key-{n}", Draft("x" * 9000, (each.id,))) for n, each in enumerate(papers))
    await store.publish([("console:", lambda _: Publication(drafts, (), START))], START)
    return store


async def test_a_sound_database_has_no_damage(tmp_path: Path) -> None:
    store = await filled(tmp_path)
    assert await check_integrity(store) == ()
    store.close()


async def test_any_page_that_was_zeroed_is_found_while_the_bot_uses_the_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    file = tmp_path / FILE
    whole = file.read_bytes()
    missed = []
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("pragma freelist_count").fetchone() <= (1,)
    free = (int.from_bytes(whole[32:36], "big") - 1) * PAGE  # nothing is lost with it (SQLite: 1.3)
    for start in range(0, len(whole), 7 * PAGE):  # some of every kind
        if start == free:
            continue
        with file.open("r+b") as opened:
            opened.seek(start)
            opened.write(bytes(PAGE))
        if not await check_integrity(store):
            missed.append(start // PAGE + 1)
        with file.open("r+b") as opened:
            opened.seek(start)
            opened.write(whole[start : start + PAGE])
    assert await check_integrity(store) == ()
    assert missed == []
    assert len(whole) // PAGE > 400
    assert "database damaged" in caplog.text
    store.close()
