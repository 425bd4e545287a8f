"""Backups that are whole, and a restore that never costs anything."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import SchemaTooNew, StoreBroken, StoreBusy
from bot.keywords import parse
from bot.model import Person
from bot.ports import Store
from bot.store import FILE, back_up, open_store, restore
from tests.fakes import START
from tests.store.database import follow_all, wait


def follows(store: Store, words: str) -> None:
    wait(store.follow("console:", parse(words), Person("Ada"), START))


def followed(folder: Path) -> list[str]:
    store = open_store(folder, alone=True)
    try:
        return [each.keyword.text for each in wait(store.subscriptions())]
    finally:
        store.close()


def test_a_backup_of_a_running_bot_is_one_whole_file_for_its_owner_alone(tmp_path: Path) -> None:
    serving = open_store(tmp_path / "data", alone=True)
    follows(serving, "reward model")
    size = back_up(tmp_path / "data", tmp_path / "backup")
    serving.close()
    assert sorted(os.listdir(tmp_path)) == ["backup", "data"]
    assert (tmp_path / "backup").stat().st_size == size
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600
    assert restore(tmp_path / "other", tmp_path / "backup", START) is None
    assert followed(tmp_path / "other") == ["reward model"]


def test_a_backup_while_others_write_holds_one_moment(tmp_path: Path) -> None:
    """Every channel follows two keywords, set in one transaction: a copy never sees one alone."""
    serving = open_store(tmp_path / "data", alone=True)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            channel = f"slack:C{number:07d}"
            both = ("reward model", "graph network")
            follow_all(serving, [(channel, parse(words)) for words in both], START)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(tmp_path / "data", tmp_path / f"{number}")
    finally:
        stop.set()
        writer.join()
        serving.close()
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"{number}")) as copy:
            counts = {
                count
                for (count,) in copy.execute(
                    "select count(*) from subscriptions group by channel_id"
                )
            }
        assert counts <= {2}


def test_a_backup_replaces_an_older_backup_and_nothing_else(tmp_path: Path) -> None:
    serving = open_store(tmp_path / "data", alone=True)
    back_up(tmp_path / "data", tmp_path / "backup")
    follows(serving, "reward model")
    back_up(tmp_path / "data", tmp_path / "backup")
    serving.close()
    restore(tmp_path / "other", tmp_path / "backup", START)
    assert followed(tmp_path / "other") == ["reward model"]
    (tmp_path / "thesis.tex").write_text("years of work " * 100)
    with pytest.raises(StoreBroken):
        back_up(tmp_path / "data", tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text().startswith("years of work")


def _link_to(made_by: str, original: Path, link: Path) -> Path:
    """A name for the file, made as somebody might: the file's own, a hard link, a symbolic link."""
    match made_by:
        case "hard link":
            os.link(original, link)
        case "symbolic link":
            link.symlink_to(original)
        case _:
            return original
    return link


@pytest.mark.parametrize("made_by", ["its own name", "hard link", "symbolic link"])
@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_a_backup_onto_a_file_of_the_database_is_refused_and_costs_nothing(
    tmp_path: Path, ending: str, made_by: str
) -> None:
    serving = open_store(tmp_path / "data", alone=True)
    for number in range(30):  # a log that holds what the database file does not
        follows(serving, f"keyword {number}")
    own = tmp_path / "data" / f"{FILE}{ending}"
    before = own.stat()
    target = _link_to(made_by, own, tmp_path / "monday.sqlite3")
    with pytest.raises(StoreBroken, match="of the database itself"):
        back_up(tmp_path / "data", target)
    assert (own.stat().st_ino, own.stat().st_size) == (before.st_ino, before.st_size)
    follows(serving, "still alive")
    serving.close()
    assert len(followed(tmp_path / "data")) == 31


def test_a_backup_is_not_written_where_the_databases_log_will_be(tmp_path: Path) -> None:
    """Of a stopped bot the log is gone; a file of that name would be read as one."""
    open_store(tmp_path / "data", alone=True).close()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "data")
    for ending in ("-wal", "-shm", "-journal"):
        with pytest.raises(StoreBroken, match="of the database itself"):
            back_up(tmp_path / "data", tmp_path / "elsewhere" / f"{FILE}{ending}")
    assert followed(tmp_path / "data") == []


def test_the_database_is_not_restored_from_itself_without_its_log(tmp_path: Path) -> None:
    serving = open_store(tmp_path / "data", alone=True)
    follows(serving, "reward model")
    os.link(tmp_path / "data" / FILE, tmp_path / "backup")
    with pytest.raises(StoreBroken, match="of the database itself"):
        restore(tmp_path / "data", tmp_path / "backup", START)
    serving.close()
    assert followed(tmp_path / "data") == ["reward model"]


def test_restoring_keeps_what_was_there(tmp_path: Path) -> None:
    first = open_store(tmp_path / "data", alone=True)
    follows(first, "reward model")
    back_up(tmp_path / "data", tmp_path / "backup")
    follows(first, "graph network")
    first.close()
    aside = restore(tmp_path / "data", tmp_path / "backup", START)
    assert aside is not None
    assert aside.name == f"{FILE}.before-20260302T080000Z"
    assert followed(tmp_path / "data") == ["reward model"]
    restore(tmp_path / "data", aside, START.replace(hour=9))
    assert followed(tmp_path / "data") == ["reward model", "graph network"]


def test_what_was_written_last_before_a_kill_is_kept_aside_too(tmp_path: Path) -> None:
    """After a kill the last commits are only in the log beside the database."""
    first = open_store(tmp_path / "data", alone=True)
    back_up(tmp_path / "data", tmp_path / "backup")
    follows(first, "reward model")
    log = tmp_path / "data" / f"{FILE}-wal"
    killed = {file: file.read_bytes() for file in (tmp_path / "data" / FILE, log)}
    first.close()
    for file, content in killed.items():
        file.write_bytes(content)
    aside = restore(tmp_path / "data", tmp_path / "backup", START)
    assert aside is not None
    assert followed(tmp_path / "data") == []
    restore(tmp_path / "data", aside, START.replace(hour=9))
    assert followed(tmp_path / "data") == ["reward model"]


def test_nothing_is_restored_while_the_bot_runs(tmp_path: Path) -> None:
    serving = open_store(tmp_path / "data", alone=True)
    back_up(tmp_path / "data", tmp_path / "backup")
    with pytest.raises(StoreBusy, match="already serves"):
        restore(tmp_path / "data", tmp_path / "backup", START)
    serving.close()


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma application_id = 7")


def _torn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:20000] = bytes(20000 - 4096)
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 5 * 4096 + 7])


def _no_database(path: Path) -> None:
    path.write_text("# notes\n" * 1000)


def _missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_newer, SchemaTooNew),
        (_foreign, StoreBroken),
        (_torn, StoreBroken),
        (_cut, StoreBroken),
        (_no_database, StoreBroken),
        (_missing, StoreBroken),
    ],
)
def test_a_backup_that_is_no_good_changes_nothing(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[Exception]
) -> None:
    first = open_store(tmp_path / "data", alone=True)
    follows(first, "reward model")
    back_up(tmp_path / "data", tmp_path / "backup")
    first.close()
    spoil(tmp_path / "backup")
    before = (tmp_path / "data" / FILE).read_bytes()
    with pytest.raises(error):
        restore(tmp_path / "data", tmp_path / "backup", START)
    assert (tmp_path / "data" / FILE).read_bytes() == before
    assert followed(tmp_path / "data") == ["reward model"]


def test_what_is_no_backup_is_named_as_what_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    open_store(data, alone=True).close()
    config = tmp_path / "bot.toml"
    config.write_text("# notes\n" * 1000)
    for refused in (lambda: restore(data, config, START), lambda: back_up(data, config)):
        with pytest.raises(StoreBroken, match=r"bot\.toml is not a backup of Daily Papers"):
            refused()
    for refused in (lambda: restore(data, tmp_path, START), lambda: back_up(data, tmp_path)):
        with pytest.raises(StoreBroken, match=r"is a folder\. Name "):
            refused()
    assert config.read_text().startswith("# notes")


def test_a_damaged_database_is_kept_aside_and_replaced(tmp_path: Path) -> None:
    first = open_store(tmp_path / "data", alone=True)
    follows(first, "reward model")
    back_up(tmp_path / "data", tmp_path / "backup")
    first.close()
    (tmp_path / "data" / FILE).write_bytes(b"noise" * 5000)
    aside = restore(tmp_path / "data", tmp_path / "backup", START)
    assert aside is not None
    assert aside.read_bytes() == b"noise" * 5000
    assert followed(tmp_path / "data") == ["reward model"]


def test_without_a_database_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(StoreBroken, match="no database"):
        back_up(tmp_path, tmp_path / "backup")
    assert os.listdir(tmp_path) == []
