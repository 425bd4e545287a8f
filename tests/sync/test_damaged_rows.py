"""A database with any text in any column of channels and subscriptions: the bot still starts."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import config
from bot.app.channel_rules import ChannelRules
from bot.keywords import parse
from bot.model import Person
from bot.model.snapshots import SETTINGS
from bot.ports import Store
from bot.sync.os_calls import OsCalls
from bot.sync.synchronizer import Synchronizer, SyncReport
from tests.fakes import START, FakeClock
from tests.store.database import change, opened, wait

GOOD, BAD = "slack:C0123456789", "slack:C9876543210"
TOML = '[arxiv]\nurl = "http://127.0.0.1/api"\n[slack]\n'
COLUMNS = (
    *(("channels", name) for name in SETTINGS),
    *(("channels", name) for name in ("platform", "server", "published_until", "reason")),
    *(("channels", name) for name in ("paused_at", "probe_at")),
    *(("subscriptions", name) for name in ("text", "added_by", "added_by_id", "added_at")),
    *(("subscriptions", name) for name in ("primed_at", "since")),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


class NoFsync(OsCalls):
    def fsync(self, descriptor: int) -> None:
        pass


class Started:
    """A bot over a folder: what a start reads, and what each run reads again."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.path = folder / "bot.toml"
        self.store = store
        self.clock = FakeClock()
        self.file = Synchronizer(self.path, folder / "channels.lock", self.clock, NoFsync())

    def start(self) -> SyncReport:
        """Raises whatever would keep the bot from starting."""
        read = config.load(self.path, {}, need_secrets=False)
        report = wait(self.store.synchronise(partial(self.file.sync), START))
        rules = ChannelRules(read.schedule, read.bot.timezone, read.calendar)
        state = wait(self.store.state())
        for view in state.channels:
            rules.rules(view.channel)
        wait(self.store.interests())
        wait(self.store.publishable())
        wait(self.store.agendas([view.channel.id for view in state.channels]))
        wait(self.store.subscriptions())
        wait(self.store.next_claim("slack", START))
        config.load(self.path, {}, need_secrets=False)
        return report

    def follow(self, channel: str, words: str) -> None:
        wait(self.store.follow(channel, parse(words), Person("ann"), START))


def started(folder: Path) -> Started:
    made = Started(folder, opened(folder / "db"))
    made.path.write_text(TOML, encoding="utf-8")
    made.follow(GOOD, "reward model")
    made.follow(BAD, "graph network")
    made.start()
    return made


@given(column=st.sampled_from(COLUMNS), text=TEXTS)
def test_no_text_in_any_column_keeps_the_bot_from_starting(
    column: tuple[str, str], text: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bot = started(Path(folder))
        table, name = column
        key = "id" if table == "channels" else "channel_id"
        sql = f'update {table} set "{name}" = ? where {key} = ?'  # noqa: S608
        change(bot.store, sql, text, BAD)
        bot.start()
        bot.start()
        assert f'"{GOOD}"' in bot.path.read_text("utf-8"), "the other channel is as it was"
        assert "reward model" in bot.path.read_text("utf-8")
        bot.store.close()


@given(channel=TEXTS | st.sampled_from(["slack:U0000007", "", "discord:1", "slack:", "console:x"]))
def test_no_text_in_place_of_a_channels_id_keeps_the_bot_from_starting(channel: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bot = started(Path(folder))
        bot.follow(channel, "other words")
        bot.start()
        bot.start()
        assert f'"{GOOD}"' in bot.path.read_text("utf-8")
        bot.store.close()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("update channels set post_at = 'noon' where id = ?", 'post_at is "noon"'),
        ("update subscriptions set text = '(' where channel_id = ?", 'the keyword "(" can\'t be'),
    ],
)
def test_what_is_set_aside_is_named_and_nothing_is_removed(
    tmp_path: Path, sql: str, says: str
) -> None:
    bot = started(tmp_path)
    change(bot.store, sql, BAD)
    warnings = "\n".join(bot.start().warnings)
    assert f"in the database {BAD}: {says}" in warnings
    assert bot.start().warnings == (), "it is reported once in a run"
    assert len(wait(bot.store.subscriptions())) == 2
    bot.store.close()


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("update channels set post_at = 'noon' where id = ?", 2),
        ("update subscriptions set text = '(' where channel_id = ?", 1),
    ],
)
def test_what_is_set_aside_can_be_removed(tmp_path: Path, sql: str, left: int) -> None:
    bot = started(tmp_path)
    bot.follow("slack:U0000007", "other words")
    change(bot.store, sql, BAD)
    discarding = partial(bot.file.sync, discard=True)
    report = wait(bot.store.synchronise(discarding, START))
    assert len(report.discarded) == 2
    assert report.warnings == ()
    assert bot.start().warnings == ()
    assert len(wait(bot.store.subscriptions())) == left
    assert {view.channel.post_at for view in wait(bot.store.state()).channels} == {None}
    bot.store.close()


def test_names_that_could_mean_two_keywords_are_set_aside(tmp_path: Path) -> None:
    bot = started(tmp_path)
    bot.follow(BAD, "other words")
    change(bot.store, "update subscriptions set name = 'Other Words' where channel_id = ?", BAD)
    warnings = "\n".join(bot.start().warnings)
    assert f"in the database {BAD}: \"Other Words\" can't be a keyword's name" in warnings
    text = bot.path.read_text("utf-8")
    assert '"graph network",\n    { name = "Other Words", query = "other words" }' in text
    bot.store.close()


def test_a_person_in_place_of_a_channel_is_set_aside_and_named(tmp_path: Path) -> None:
    bot = started(tmp_path)
    bot.follow("slack:U0000007", "other words")
    assert 'in the database "slack:U0000007" is no channel' in "\n".join(bot.start().warnings)
    assert "U0000007" not in bot.path.read_text("utf-8")
    bot.store.close()
