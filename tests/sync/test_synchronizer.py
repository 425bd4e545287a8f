"""bot.toml and the database: what both say after either of them changed.

Real files, real SQLite. Only faults are made: a disk that refuses, an editor that saves at the
worst moment, a process that stops between two steps.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import config
from bot.config.new_file import sample
from bot.errors import ConfigError, StoreBroken
from bot.keywords import parse
from bot.model.snapshots import Follow, Snapshot, Unfollow, encode
from bot.ports import SyncTransaction
from bot.sync.os_calls import OsCalls, Writers
from bot.sync.synchronizer import RETRY_INTERVAL, STEADY_AFTER, Synchronizer, SyncReport
from bot.sync.toml_editor import Marker, read
from tests.calls import calls
from tests.fakes import FakeClock
from tests.store.sync_database import REVISIONS_KEPT, SyncDatabaseFile, says

TOP = '# ours\n[arxiv]\nurl = "http://127.0.0.1/api"   # local\n[discord]\n\n'
ONE, TWO = "discord:11420000000000000", "discord:21420000000000000"


class NoFsync(OsCalls):
    """The real calls without fsync: no test takes the power away."""

    def fsync(self, descriptor: int) -> None:
        pass


@dataclass
class Setup:
    """A folder with a bot.toml and a database, and somebody who changes each."""

    folder: Path

    def __post_init__(self) -> None:
        self.path = self.folder / "bot.toml"
        self.database = SyncDatabaseFile(self.folder / "papers.sqlite3")
        self.clock = FakeClock()
        self.file = self.opened()

    def opened(self, os_calls: OsCalls | None = None) -> Synchronizer:
        return Synchronizer(
            self.path, self.folder / "channels.lock", self.clock, os_calls or NoFsync()
        )

    def sync(self) -> SyncReport:
        return self.file.sync(self.database)

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode()

    @property
    def shown(self) -> dict[str, set[str]]:
        return says(read(self.text, self.path).snapshot)

    @property
    def marker(self) -> Marker | None:
        return read(self.text, self.path).marker

    def write(self, text: str) -> None:
        self.path.write_bytes(text.encode())

    def edit(self, old: str, new: str) -> None:
        assert self.text.count(old) == 1, (old, self.text)
        self.write(self.text.replace(old, new))

    def agree(self) -> dict[str, set[str]]:
        """What both say."""
        assert self.database.says() == self.shown
        return self.shown

    @property
    def strays(self) -> list[str]:
        """Files in the folder that do not belong there."""
        known = ("bot.toml", "channels.lock", "papers.sqlite3")
        return [each.name for each in self.folder.iterdir() if not each.name.startswith(known)]


def block(channel: str, *keywords: str) -> str:
    items = "".join(f'    "{keyword}",\n' for keyword in keywords)
    return f'[[channels]]\nid = "{channel}"\nkeywords = [\n{items}]\n'


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """The file and the database agree: one channel, two keywords, revision 1."""
    made = Setup(tmp_path)
    made.write(TOP + block(ONE, "graph", "reward model"))
    assert made.sync().wrote
    return made


# -- what is held back -----------------------------------------------------------------------------

MANY = [f"discord:{number}142000000000000" for number in range(1000, 1007)]


@pytest.fixture
def full(tmp_path: Path) -> Setup:
    """Seven channels with two keywords each."""
    made = Setup(tmp_path)
    made.write(TOP + "".join(block(each, "graph", "reward model") for each in MANY))
    assert made.sync().wrote
    return made


def following_all(setup: Setup) -> bool:
    return setup.database.says() == {each: {"graph", "reward model"} for each in MANY}


@pytest.mark.parametrize("kept", [0, 1, 3, 6])
def test_a_text_that_ends_behind_any_block_removes_nothing_and_is_left_as_it_is(
    full: Setup, kept: int
) -> None:
    blocks = full.text.split("[[channels]]")
    cut = "[[channels]]".join(blocks[: kept + 1])
    full.write(cut)
    report = full.sync()
    assert (report.changes, report.wrote, report.held_back) == ((), False, True)
    assert f"ends after {len(cut):,} of the" in report.warnings[0]
    assert "daily-papers sync --accept" in report.problem
    assert following_all(full)
    assert full.text == cut
    assert full.sync().warnings == ()  # told once
    # A second save, and what somebody adds in the chat meanwhile, change nothing of that.
    full.database.follow(MANY[0], "from the chat")
    full.write(cut + "\n")
    assert full.sync().held_back
    assert full.text == cut + "\n"


@pytest.mark.parametrize("way", ["\ufeff{}", "crlf"])
@pytest.mark.parametrize("kept", [3, 6])
def test_a_text_that_another_system_s_editor_did_not_save_whole_removes_nothing(
    full: Setup, way: str, kept: int
) -> None:
    cut = "[[channels]]".join(full.text.split("[[channels]]")[: kept + 1])
    full.write(cut.replace("\n", "\r\n") if way == "crlf" else way.format(cut))
    left = full.text
    assert full.sync().held_back
    assert following_all(full)
    assert full.text == left


def test_a_text_from_before_a_change_in_the_chat_that_was_not_saved_whole_removes_nothing(
    full: Setup,
) -> None:
    old = full.text
    full.database.follow(MANY[0], "from the chat")
    assert full.sync().wrote
    full.write(old[: old.index(block(MANY[5], "graph", "reward model"))])
    report = full.sync()
    assert (report.changes, report.held_back) == ((), True)
    assert set(full.database.says()) == set(MANY)
    full.edit(block(MANY[1], "graph", "reward model"), block(MANY[1], "graph"))
    assert full.sync().problem == ""
    now = full.agree()
    assert now.pop(MANY[0]) == {"graph", "reward model", "from the chat"}
    assert now.pop(MANY[1]) == {"graph"}
    assert set(now) == set(MANY[2:])


def test_a_block_taken_from_the_middle_of_an_old_text_is_taken_over(full: Setup) -> None:
    old = full.text
    full.database.follow(MANY[0], "from the chat")
    assert full.sync().wrote
    full.write(old.replace(block(MANY[3], "graph", "reward model"), ""))
    assert not full.sync().held_back
    assert set(full.agree()) == {*MANY} - {MANY[3]}


def test_a_text_is_known_as_the_beginning_of_one_that_was_edited_outside_of_the_channels(
    full: Setup,
) -> None:
    full.edit("# local", "# local, until we move")
    assert full.sync().changes == ()
    full.write(full.text.rpartition("[[channels]]")[0])
    assert full.sync().held_back
    assert following_all(full)


def test_the_whole_text_saved_again_continues_as_before(full: Setup) -> None:
    whole = full.text
    full.write(whole[: whole.index(block(MANY[3], "graph", "reward model"))])
    assert full.sync().held_back
    full.database.follow(MANY[0], "from the chat")
    full.write(whole)
    report = full.sync()
    assert (report.problem, report.changes) == ("", ())
    assert full.agree()[MANY[0]] == {"graph", "reward model", "from the chat"}


def test_what_was_cut_off_goes_once_a_person_says_that_it_is_meant(full: Setup) -> None:
    full.write(full.text[: full.text.index(block(MANY[3], "graph", "reward model"))])
    assert full.sync().held_back
    report = full.file.sync(full.database, accept=True)
    assert len(report.changes) == 8
    assert set(full.agree()) == set(MANY[:3])
    assert full.sync() == SyncReport()


def test_a_bot_that_starts_again_still_knows_what_the_file_was_before(full: Setup) -> None:
    full.write(full.text[: full.text.index(block(MANY[6], "graph", "reward model"))])
    assert full.opened().sync(full.database).held_back
    assert following_all(full)


def test_what_was_cut_off_stays_when_the_rest_of_the_text_is_edited(full: Setup) -> None:
    full.write(full.text[: full.text.index(block(MANY[6], "graph", "reward model"))])
    assert full.sync().held_back
    full.edit(block(MANY[0], "graph", "reward model"), block(MANY[0], "graph", "diffusion"))
    full.edit(block(MANY[1], "graph", "reward model"), "")  # on purpose
    assert full.sync().problem == ""
    now = full.agree()
    assert now[MANY[0]] == {"graph", "diffusion"}
    assert MANY[1] not in now
    assert set(now) == {*MANY} - {MANY[1]}, "what was cut is back"
    full.edit(block(MANY[6], "graph", "reward model"), "")
    full.sync()
    assert MANY[6] not in full.agree()


def test_what_was_cut_off_stays_over_a_restart_and_commands_that_only_read(full: Setup) -> None:
    full.write(full.text[: full.text.index(block(MANY[6], "graph", "reward model"))])
    assert full.opened().sync(full.database, write=False).held_back
    full.edit(block(MANY[1], "graph", "reward model"), "")
    assert len(full.opened().sync(full.database, write=False).changes) == 2
    assert full.database.says() == {
        each: {"graph", "reward model"} for each in MANY if each != MANY[1]
    }
    full.sync()
    assert set(full.agree()) == {*MANY} - {MANY[1]}


def test_what_was_cut_off_between_blocks_and_a_marker_stays_too(full: Setup) -> None:
    lines = full.text.splitlines(keepends=True)
    [marker] = [each for each in lines if each.startswith("# daily-papers")]
    lines.remove(marker)
    full.write(marker + "".join(lines))
    full.sync()
    full.write(full.text[: full.text.index(block(MANY[6], "graph", "reward model"))])
    assert full.sync().held_back
    full.edit(block(MANY[1], "graph", "reward model"), block(MANY[1], "graph"))
    full.sync()
    assert full.agree() == {
        each: {"graph"} if each == MANY[1] else {"graph", "reward model"} for each in MANY
    }


@pytest.mark.parametrize(
    ("channels", "keywords", "held"),
    [
        (range(3), (), False),  # three of seven channels, six of fourteen keywords
        (range(4), (), True),  # more than half of the channels
        ((), range(7), True),  # half of the keywords of each
        ((), range(6), False),
    ],
)
def test_a_text_that_would_remove_more_than_half_is_held_back(
    full: Setup, channels: range, keywords: range, held: bool
) -> None:
    text = full.text
    for number in channels:
        text = text.replace(block(MANY[number], "graph", "reward model"), "")
    for number in keywords:
        text = text.replace(
            block(MANY[number], "graph", "reward model"), block(MANY[number], "reward model")
        )
    if list(keywords) == list(range(7)):  # and one more than half
        text = text.replace(block(MANY[0], "reward model"), block(MANY[0]))
    full.write(text)
    report = full.sync()
    assert report.held_back is held
    assert following_all(full) is held
    if held:
        assert "would remove 8 of 14 keywords" in report.problem
        full.write(text + "\n# a second save\n")
        assert full.sync().held_back
        report = full.file.sync(full.database, accept=True)
        assert len(report.changes) == 8
        full.agree()


def test_one_or_two_removals_are_never_many(setup: Setup) -> None:
    setup.edit('    "graph",\n    "reward model",\n', "")
    assert not setup.sync().held_back
    assert setup.agree() == {}


def test_a_held_back_text_that_was_saved_while_we_exchanged_stays_where_it_was_saved(
    full: Setup,
) -> None:
    cut = full.text[: full.text.index("[[channels]]")]
    full.database.follow(MANY[0], "from the chat")
    full.file = full.opened(Crowded("exchange", lambda: by_rename(full.path, cut)))
    report = full.sync()
    assert report.held_back
    assert full.text == cut
    assert full.strays == []


# -- the lock ------------------------------------------------------------------------------------


def test_a_lock_that_another_process_holds_keeps_nobody_waiting(setup: Setup) -> None:
    setup.edit('    "graph",\n', "")
    held = os.open(setup.folder / "channels.lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert setup.sync() == SyncReport(retry=True, locked=True)
    assert setup.file.changed_since_last_sync()
    assert setup.database.says() == {ONE: {"graph", "reward model"}}
    os.close(held)
    assert not setup.sync().retry
    assert setup.agree() == {ONE: {"reward model"}}


# -- each side -------------------------------------------------------------------------------------


def test_the_first_start_takes_over_what_the_file_says(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.write(TOP + block(ONE, "graph") + "days = 'mon'\n")
    report = setup.sync()
    assert setup.agree() == {ONE: {"graph", "days=mon"}}
    assert setup.text.startswith(TOP + block(ONE, "graph"))
    assert setup.marker is not None
    assert (len(report.changes), report.wrote, report.problem) == (2, True, "")
    assert setup.sync() == SyncReport()


def test_a_file_without_channels_is_left_alone(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.write(TOP)
    assert setup.sync() == SyncReport()
    assert setup.text == TOP


def test_a_start_parses_the_file_once(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.write(setup.text + "# never read before\n")
    parsed = []
    loads = tomllib.loads

    def counting(text: str) -> dict[str, object]:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(tomllib, "loads", counting)
    config.load(setup.path, {}, need_secrets=False)
    setup.opened().sync(setup.database)
    assert parsed.count(setup.text) == 1


def test_a_slash_command_shows_in_the_file(setup: Setup) -> None:
    setup.database.follow(ONE, "x ray")
    setup.database.unfollow(ONE, "graph")
    setup.database.follow(TWO, "diffusion")
    setup.database.configure(TWO, "post_at", "09:00")
    report = setup.sync()
    assert report == SyncReport(wrote=True)
    assert setup.agree() == {ONE: {"reward model", "x ray"}, TWO: {"diffusion", "post_at=09:00"}}
    assert setup.text.startswith(TOP)


def test_mutes_of_the_chat_and_of_the_file_are_merged_one_by_one(setup: Setup) -> None:
    """As keywords are: neither side's list replaces the other's."""
    setup.database.mute(ONE, "survey")
    setup.sync()
    assert 'mute = ["survey"]\n' in setup.text
    opened = setup.text
    setup.database.mute(ONE, "benchmark")
    setup.sync()
    setup.write(opened.replace('["survey"]', '["tutorial"]  # mine'))
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "reward model", "not benchmark", "not tutorial"}}
    assert "# mine" in setup.text
    setup.database.unfollow(ONE, "graph", "reward model")
    setup.sync()
    assert setup.agree() == {ONE: {"not benchmark", "not tutorial"}}, "a mute keeps the block"


def test_a_hand_edit_is_taken_over(setup: Setup) -> None:
    setup.edit('    "graph",\n', '    "x ray",\n')
    setup.write(setup.text + block(TWO, "diffusion"))
    report = setup.sync()
    assert setup.agree() == {ONE: {"reward model", "x ray"}, TWO: {"diffusion"}}
    kinds = sorted(type(change).__name__ for change in report.changes)
    assert kinds == ["Follow", "Follow", "Unfollow"]


def test_a_block_that_is_deleted_ends_what_the_channel_followed(setup: Setup) -> None:
    setup.edit(block(ONE, "graph", "reward model"), "")
    setup.sync()
    assert setup.agree() == {}


def test_an_edit_elsewhere_in_the_file_is_no_change_of_keywords(setup: Setup) -> None:
    setup.edit("# ours", "# theirs")
    before = setup.text
    assert setup.sync() == SyncReport()
    assert setup.text == before


def test_an_editor_that_was_open_for_long_loses_nothing_of_either_side(setup: Setup) -> None:
    opened = setup.text
    setup.database.follow(ONE, "x ray")
    setup.database.unfollow(ONE, "reward model")
    setup.sync()
    setup.database.follow(TWO, "diffusion")
    setup.sync()
    setup.write(opened.replace('    "graph",\n', '    "protein folding",\n'))
    report = setup.sync()
    assert setup.agree() == {ONE: {"x ray", "protein folding"}, TWO: {"diffusion"}}
    assert {type(change) for change in report.changes} == {Follow, Unfollow}


def test_two_editors_that_were_open_for_long_lose_nothing_either(setup: Setup) -> None:
    opened = setup.text
    setup.write(opened.replace("# ours", "# ours, Anna's\n").replace('"graph"', '"graph", "x ray"'))
    setup.sync()
    setup.write(opened.replace('    "graph",\n', '    "diffusion",\n'))
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", "x ray", "diffusion"}}


def test_another_spelling_of_a_keyword_stays_as_the_person_wrote_it(setup: Setup) -> None:
    setup.edit('"reward model"', "'\"Reward-Models\"'")
    assert setup.sync() == SyncReport()
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert "'\"Reward-Models\"'" in setup.text


def in_order(setup: Setup) -> list[str]:
    """The keywords of the one channel as the database holds them."""
    with setup.database.transaction() as transaction:
        [own] = transaction.current().listings
    return [keyword.label for keyword in own.keywords]


def test_keywords_have_the_order_of_the_file_and_new_ones_come_last(setup: Setup) -> None:
    assert in_order(setup) == ["graph", "reward model"]
    setup.edit(
        '    "graph",\n    "reward model",\n',
        '    "Zebra",\n    "reward model",\n    "graph",\n',
    )
    setup.sync()
    assert in_order(setup) == ["Zebra", "reward model", "graph"]
    setup.database.follow(ONE, "apple")
    setup.sync()
    assert in_order(setup) == ["Zebra", "reward model", "graph", "apple"]
    listed = setup.text.partition("keywords = [")[2].partition("]")[0]
    assert [each.strip(' ",\n') for each in listed.strip().split("\n")] == in_order(setup)


def test_a_keyword_that_the_chat_put_between_others_stays_there_before_the_file_shows_it(
    setup: Setup,
) -> None:
    """As an undo does, and a keyword that is narrowed."""

    def put_between() -> None:
        setup.database.follow(ONE, "x ray")
        with setup.database.transaction() as transaction:
            transaction.arrange(ONE, [parse(each).canonical for each in ("graph", "x ray")])

    put_between()
    setup.sync()
    assert in_order(setup) == ["graph", "x ray", "reward model"]
    setup.database.unfollow(ONE, "x ray")
    setup.sync()
    put_between()
    setup.edit(
        '    "graph",\n    "reward model",\n', '    "Zebra",\n    "reward model",\n    "graph",\n'
    )
    setup.sync()
    assert in_order(setup) == ["Zebra", "reward model", "graph", "x ray"]
    listed = setup.text.partition("keywords = [")[2].partition("]")[0]
    assert [each.strip(' ",\n') for each in listed.strip().split("\n")] == in_order(setup)


def test_twice_as_many_keywords_in_a_channel_are_twice_the_work(tmp_path: Path) -> None:
    def work(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        made = Setup(folder)
        made.write(TOP + block(ONE, *(f"topic{number} model" for number in range(count))))
        return calls(made.sync)

    work(5)  # loads what is loaded once
    assert work(800) < 2.3 * work(400)


def test_names_given_in_the_file_are_taken_over_changed_exchanged_and_removed(
    setup: Setup,
) -> None:
    both = (
        '    {{ name = "{}", query = "graph" }},\n    {{ name = "{}", query = "reward model" }},\n'
    )
    setup.edit('    "graph",\n    "reward model",\n', both.format("Graphs", "Rewards"))
    setup.sync()
    assert in_order(setup) == ["Graphs", "Rewards"]
    setup.edit(both.format("Graphs", "Rewards"), both.format("Rewards", "Graphs"))
    setup.sync()
    assert in_order(setup) == ["Rewards", "Graphs"]
    setup.edit('{ name = "Rewards", query = "graph" }', '{ name = "Graphs", query = "x ray" }')
    setup.edit('{ name = "Graphs", query = "reward model" }', '"reward model"')
    setup.sync()
    assert in_order(setup) == ["Graphs", "reward model"]
    assert setup.agree() == {ONE: {"x ray", "reward model"}}


def test_a_name_in_the_file_counts_for_a_keyword_that_the_chat_added_meanwhile(
    setup: Setup,
) -> None:
    setup.edit('    "graph",\n', '    "graph",\n    { name = "Rays", query = "x ray" },\n')
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert in_order(setup) == ["graph", "Rays", "reward model"]
    assert 'name = "Rays"' in setup.text


def test_the_last_keyword_can_be_removed_on_either_side(setup: Setup) -> None:
    setup.edit('    "graph",\n    "reward model",\n', "")
    setup.sync()
    assert setup.agree() == {}
    setup.database.follow(ONE, "graph")
    setup.sync()
    assert setup.agree() == {ONE: {"graph"}}
    setup.database.unfollow(ONE, "graph")
    setup.sync()
    assert setup.agree() == {}


# -- commands that only read -----------------------------------------------------------------------


def test_a_sync_that_may_not_write_takes_over_what_changed_and_leaves_every_byte(
    tmp_path: Path,
) -> None:
    setup = Setup(tmp_path)
    setup.write(TOP + block(ONE, "graph"))
    before = setup.path.stat()
    report = setup.file.sync(setup.database, write=False)
    assert (len(report.changes), report.wrote, report.retry, report.problem) == (
        1,
        False,
        False,
        "",
    )
    assert setup.text == TOP + block(ONE, "graph")
    assert setup.path.stat() == before
    assert setup.database.says() == {ONE: {"graph"}}
    assert setup.file.sync(setup.database, write=False) == SyncReport()
    assert setup.strays == []
    assert setup.sync().wrote
    assert setup.agree() == {ONE: {"graph"}}
    assert setup.sync() == SyncReport()


def test_what_a_person_takes_out_after_a_command_that_only_read_is_gone(setup: Setup) -> None:
    setup.database.follow(ONE, "diffusion")  # in the chat, while nobody writes the file
    setup.edit('    "graph",\n', '    "graph",\n    "x ray",\n')
    setup.file.sync(setup.database, write=False)
    assert setup.database.says() == {ONE: {"graph", "x ray", "reward model", "diffusion"}}
    setup.edit('    "x ray",\n', "")
    setup.file.sync(setup.database, write=False)
    setup.edit('    "graph",\n', "")
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", "diffusion"}}


def test_an_editor_that_was_open_before_a_command_that_only_read_loses_nothing(
    setup: Setup,
) -> None:
    opened = setup.text
    setup.database.follow(ONE, "diffusion")
    setup.sync()
    setup.edit("# ours", "# theirs")
    setup.edit('    "diffusion",\n', '    "diffusion",\n    "x ray",\n')
    setup.file.sync(setup.database, write=False)
    setup.write(opened.replace('    "graph",\n', ""))
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", "diffusion", "x ray"}}


def test_a_text_that_would_remove_much_is_held_back_from_a_command_that_only_reads(
    full: Setup,
) -> None:
    cut = full.text[: full.text.index("[[channels]]")]
    full.write(cut)
    assert full.file.sync(full.database, write=False).held_back
    assert following_all(full)
    assert full.text == cut


def test_what_a_crash_left_beside_the_file_waits_for_who_may_write(setup: Setup) -> None:
    theirs = setup.text.replace('"graph"', '"x ray"')

    class Last(Crowded):
        def exchange(self, one: Path, other: Path) -> None:
            super().exchange(one, other)
            raise Stopped

    setup.database.follow(ONE, "diffusion")
    with pytest.raises(Stopped):
        setup.opened(Last("exchange", lambda: by_rename(setup.path, theirs))).sync(setup.database)
    ours = setup.text
    assert setup.opened().sync(setup.database, write=False) == SyncReport()
    assert setup.text == ours
    setup.file = setup.opened()
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", "x ray", "diffusion"}}
    assert setup.strays == []


# -- texts of unknown origin -----------------------------------------------------------------------


def without_marker(text: str) -> str:
    return "".join(line for line in text.splitlines(True) if not line.startswith("# daily-papers"))


def test_a_template_takes_back_what_it_brought_and_nothing_from_the_chat(setup: Setup) -> None:
    setup.database.follow(ONE, "diffusion")
    setup.sync()
    setup.write(TOP + block(ONE, "reward model", "x ray"))
    assert "what came through the chat stays" in setup.sync().warnings[0]
    assert setup.agree() == {ONE: {"reward model", "x ray", "diffusion"}}
    setup.write(TOP + block(ONE, "reward model", "diffusion"))
    setup.sync()
    setup.write(TOP + block(ONE, "reward model"))
    setup.sync()
    assert setup.agree() == {ONE: {"reward model"}}, "the template brought it too, by then"


def test_without_the_marker_the_chat_loses_nothing_and_a_person_hears_of_it(setup: Setup) -> None:
    setup.database.follow(ONE, "x ray")
    setup.sync()
    setup.write(without_marker(setup.text).replace('    "x ray",\n', ""))
    report = setup.sync()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}
    assert len(report.warnings) == 1
    assert "what came through the chat stays" in report.warnings[0]
    assert setup.sync().warnings == ()


def test_without_the_marker_an_addition_needs_no_warning(setup: Setup) -> None:
    setup.write(without_marker(setup.text).replace('"graph"', '"graph", "x ray"'))
    assert setup.sync().warnings == ()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_fresh_sample_on_an_old_database_does_not_empty_it(setup: Setup) -> None:
    setup.write(sample().replace("you@example.org", "me@uni-anywhere.edu") + "[discord]\n")
    setup.sync()
    assert setup.agree()[ONE] == {"graph", "reward model"}
    assert setup.agree()["console:"] == {
        "reward model",
        'ti:"graph neural network" AND cat:cs.LG ANDNOT abs:survey',
    }


def test_the_same_revision_of_another_bot_is_not_taken_for_ours(tmp_path: Path) -> None:
    setups = []
    for name, keywords in (("here", ("graph", "reward model")), ("there", ("graph", "x ray"))):
        (tmp_path / name).mkdir()
        setups.append(Setup(tmp_path / name))
        setups[-1].write(TOP + block(ONE, *keywords))
        setups[-1].sync()
    here, there = setups
    assert here.marker is not None
    assert there.marker is not None
    assert here.marker.number == there.marker.number
    here.write(there.text.replace('    "graph",\n', ""))
    here.sync()
    assert here.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_database_from_a_backup_takes_over_what_the_file_has_and_numbers_on(
    tmp_path: Path, setup: Setup
) -> None:
    for number in range(3):
        setup.database.follow(ONE, f"topic {number}")
        setup.sync()
    for backup in tmp_path.glob("papers.sqlite3*"):
        backup.unlink()
    ahead = setup.marker
    setup.database = SyncDatabaseFile(tmp_path / "papers.sqlite3")
    setup.database.follow(TWO, "diffusion")
    setup.sync()
    topics = {f"topic {number}" for number in range(3)}
    assert setup.agree() == {ONE: {"graph", "reward model", *topics}, TWO: {"diffusion"}}
    assert ahead is not None
    assert setup.marker is not None
    assert setup.marker.number > ahead.number
    setup.edit('    "graph",\n', "")
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", *topics}, TWO: {"diffusion"}}


def test_a_revision_that_was_forgotten_removes_nothing(setup: Setup) -> None:
    opened = setup.text
    with setup.database.transaction() as transaction:
        for number in range(2, REVISIONS_KEPT + 5):
            transaction.record_revision(number, encode(Snapshot()))
    setup.write(opened.replace('    "graph",\n', ""))
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_an_invented_revision_number_is_not_followed(setup: Setup) -> None:
    assert setup.marker is not None
    setup.edit(f"revision {setup.marker.number}.", "revision 999999999999.")
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}
    assert setup.marker is not None
    assert setup.marker.number < 10


# -- wrong and missing files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        lambda text: text.replace('"graph"', '"ti:("'),
        lambda text: text.replace("[arxiv]", "[arxif]"),
        lambda text: text + "[[channels]\n",
        lambda text: text.replace("# ours", "# our\udce9s"),
        lambda text: text + "\0",
    ],
)
def test_a_wrong_edit_changes_nothing_and_is_merged_when_it_is_right_again(
    setup: Setup, wrong: Callable[[str], str]
) -> None:
    right = setup.text.replace('    "reward model",\n', '    "x ray",\n')
    data = wrong(right).encode(errors="surrogateescape")
    setup.path.write_bytes(data)
    before = setup.database.says()
    with pytest.raises(ConfigError):
        setup.sync()
    assert not setup.file.changed_since_last_sync()
    setup.database.follow(ONE, "diffusion")
    with pytest.raises(ConfigError):
        setup.sync()
    assert setup.path.read_bytes() == data
    assert setup.database.says() == {ONE: before[ONE] | {"diffusion"}}
    setup.write(right)
    assert setup.file.changed_since_last_sync()
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "x ray", "diffusion"}}
    assert setup.strays == []


def test_a_channel_is_shown_whether_or_not_the_file_has_a_section_for_its_platform(
    setup: Setup,
) -> None:
    setup.database.follow("slack:C0123456789", "graph")
    setup.sync()
    assert setup.agree()["slack:C0123456789"] == {"graph"}


def test_a_missing_file_removes_nothing_and_is_reported_once(setup: Setup) -> None:
    kept = setup.text
    setup.path.unlink()
    setup.database.follow(ONE, "x ray")
    report = setup.sync()
    assert "there is no such file" in report.problem
    assert report.warnings == (report.problem,)
    again = setup.sync()
    assert (again.problem, again.warnings) == (report.problem, ())
    assert not setup.path.exists()
    assert setup.database.says() == {ONE: {"graph", "reward model", "x ray"}}
    setup.write(kept)
    assert setup.file.changed_since_last_sync()
    assert setup.sync().problem == ""
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_folder_in_the_file_s_place_removes_nothing(setup: Setup) -> None:
    setup.path.unlink()
    setup.path.mkdir()
    assert "this is a folder" in setup.sync().problem
    assert setup.database.says() == {ONE: {"graph", "reward model"}}


def test_a_data_folder_that_is_gone_is_the_store_s_error(setup: Setup) -> None:
    file = Synchronizer(setup.path, setup.folder / "nowhere" / "channels.lock", setup.clock)
    with pytest.raises(StoreBroken):
        file.sync(setup.database)


# -- files that can't be written -------------------------------------------------------------------


def test_a_read_only_file_still_counts_and_the_chat_continues(setup: Setup) -> None:
    def edited(old: str, new: str) -> None:
        setup.path.chmod(0o644)
        setup.edit(old, new)
        setup.path.chmod(0o444)

    edited('"graph"', '"graph", "from file"')
    report = setup.sync()
    assert "can't be written (it is read-only)" in report.problem
    assert report.warnings == (report.problem,)
    assert setup.database.says() == {ONE: {"graph", "reward model", "from file"}}

    setup.database.unfollow(ONE, "from file")
    setup.database.follow(ONE, "x ray")
    assert setup.sync().warnings == ()
    assert setup.database.says() == {ONE: {"graph", "reward model", "x ray"}}

    edited('"graph", "from file"', '"graph", "from file", "second"')
    setup.sync()
    assert setup.database.says() == {ONE: {"graph", "reward model", "x ray", "second"}}
    edited(', "second"', "")
    setup.sync()
    assert setup.database.says() == {ONE: {"graph", "reward model", "x ray"}}

    setup.path.chmod(0o644)
    assert setup.file.changed_since_last_sync()
    assert setup.sync() == SyncReport(wrote=True)
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}
    edited('"reward model"', '"x ray two"')
    setup.path.chmod(0o644)
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "x ray", "x ray two"}}
    opened = setup.text
    setup.edit('"x ray two"', '"x ray two", "diffusion"')
    setup.sync()
    setup.write(opened.replace('"x ray two"', '"x ray three"'))
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "x ray", "x ray three", "diffusion"}}


def test_a_file_that_could_not_be_written_is_tried_again_although_nobody_touches_it(
    setup: Setup,
) -> None:
    """A disk that was full, or mounted read-only, leaves no sign in the file when it is not."""
    setup.database.follow(ONE, "x ray")
    full = setup.opened(Refusing(errno.ENOSPC, "create", "overwrite"))
    assert "can't be written" in full.sync(setup.database).problem
    assert [full.changed_since_last_sync() for _ in range(3)] == [False, False, False]
    setup.clock.advance(RETRY_INTERVAL)
    assert full.changed_since_last_sync()
    assert setup.sync().wrote
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_what_a_fault_of_the_database_kept_from_the_file_is_tried_again_at_the_next_sync(
    setup: Setup,
) -> None:
    setup.sync()
    assert [setup.file.changed_since_last_sync() for _ in range(3)][-1] is False
    setup.database.follow(ONE, "x ray")
    with pytest.raises(StoreBroken):
        setup.file.sync(FullDatabase())
    assert setup.file.changed_since_last_sync()
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


class FullDatabase:
    """A database on a full disk."""

    def transaction(self) -> AbstractContextManager[SyncTransaction]:
        raise StoreBroken("the disk is full")


def test_a_read_only_file_without_a_marker_can_have_keywords_removed(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.write(TOP + block(ONE, "graph", "reward model"))
    setup.path.chmod(0o444)
    setup.sync()
    setup.write(TOP + block(ONE, "reward model"))
    assert setup.sync().changes
    assert setup.database.says() == {ONE: {"reward model"}}


class Refusing(NoFsync):
    """An operating system of which some calls fail with one error."""

    def __init__(self, number: int, *calls: str) -> None:
        self._number = number
        self._calls = calls
        self.seen: list[str] = []

    def _refuse(self, call: str) -> None:
        self.seen.append(call)
        if call in self._calls:
            raise OSError(self._number, os.strerror(self._number))

    def create(self, path: Path, data: bytes, like: Path) -> None:
        self._refuse("create")
        super().create(path, data, like)

    def exchange(self, one: Path, other: Path) -> None:
        self._refuse("exchange")
        super().exchange(one, other)

    def rename(self, old: Path, new: Path) -> None:
        self._refuse("rename" if new.name == "bot.toml" else "rename helper")
        super().rename(old, new)

    def overwrite(self, descriptor: int, offset: int, data: bytes) -> None:
        self._refuse("overwrite")
        super().overwrite(descriptor, offset, data)

    def writers(self, descriptor: int) -> Writers:
        self.seen.append("writers")
        return Writers.UNKNOWN if "writers" in self._calls else super().writers(descriptor)


OTHER_WAYS = {
    "no exchange here": (Refusing(errno.ENOSYS, "exchange"), "rename"),
    "no exchange on this file system": (Refusing(errno.EINVAL, "exchange"), "rename"),
    "a single mounted file": (Refusing(errno.EBUSY, "exchange", "rename"), "overwrite"),
    "the same without exchange": (Refusing(errno.EXDEV, "rename", "exchange"), "overwrite"),
    "a folder of somebody else": (Refusing(errno.EACCES, "create"), "overwrite"),
    "an owner that can't be kept": (Refusing(errno.EPERM, "create"), "overwrite"),
}


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_where_the_usual_way_is_barred_another_one_leads_there(setup: Setup, way: str) -> None:
    disk, way_taken = OTHER_WAYS[way]
    setup.file = setup.opened(disk)
    for keywords in (["x ray", "diffusion"], ["protein folding"]):
        setup.database.follow(ONE, *keywords)
        assert setup.sync() == SyncReport(wrote=True)
        assert setup.agree()[ONE] >= set(keywords)
    setup.database.unfollow(ONE, "x ray", "diffusion", "protein folding")
    assert setup.sync() == SyncReport(wrote=True)
    assert setup.agree() == {ONE: {"graph", "reward model"}}
    assert setup.text.startswith(TOP)
    assert way_taken in disk.seen
    assert setup.strays == []


@pytest.mark.parametrize(
    ("disk", "reason"),
    [
        (Refusing(errno.ENOSPC, "create"), "No space left"),
        (Refusing(errno.ENOSPC, "rename helper"), "No space left"),
        (Refusing(errno.EIO, "exchange"), "Input/output error"),
        (Refusing(errno.EROFS, "create", "overwrite"), "Read-only file system"),
    ],
)
def test_a_disk_that_refuses_leaves_the_file_and_the_database_whole(
    setup: Setup, disk: Refusing, reason: str
) -> None:
    before = setup.text
    setup.file = setup.opened(disk)
    setup.database.follow(ONE, "x ray")
    assert reason in setup.sync().problem
    assert setup.text == before
    assert setup.strays == []
    setup.file = setup.opened()
    setup.sync()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_linked_file_stays_a_link(setup: Setup) -> None:
    real = setup.folder / "bot.toml.real"
    setup.path.rename(real)
    setup.path.symlink_to(real.name)
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert setup.path.is_symlink()
    assert "x ray" in real.read_text()
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_second_name_of_the_file_still_names_it(setup: Setup) -> None:
    second = setup.folder / "bot.toml.second"
    second.hardlink_to(setup.path)
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert second.samefile(setup.path)
    assert setup.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_mode_and_owner_stay(setup: Setup) -> None:
    setup.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(setup.path, 4711, 4712)
    before = setup.path.stat()
    setup.file = setup.opened(OsCalls())
    setup.database.follow(ONE, "x ray")
    assert setup.sync().wrote
    after = setup.path.stat()
    assert after.st_ino != before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


# -- editors at the worst moment -------------------------------------------------------------------


class Crowded(Refusing):
    """An operating system in which somebody else acts just before one of our calls."""

    def __init__(self, call: str, act: Callable[[], None], *refused: str) -> None:
        super().__init__(errno.ENOSYS if "exchange" in refused else errno.EACCES, *refused)
        self._call = call
        self._act = act
        self._times = 1

    def _refuse(self, call: str) -> None:
        if call == self._call and self._times:
            self._times -= 1
            self._act()
        super()._refuse(call)


def by_rename(path: Path, text: str) -> None:
    path.with_suffix(".new").write_bytes(text.encode())
    path.with_suffix(".new").rename(path)


def in_place(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


@pytest.mark.parametrize("save", [by_rename, in_place])
@pytest.mark.parametrize(
    ("call", "refused"),
    [("exchange", ()), ("create", ()), ("create", ("exchange",)), ("create", ("create",))],
)
def test_what_an_editor_saves_between_our_read_and_our_write_is_kept(
    setup: Setup, save: Callable[[Path, str], None], call: str, refused: tuple[str, ...]
) -> None:
    theirs = setup.text.replace('    "graph",\n', '    "x ray",\n').replace("# ours", "# mine")
    setup.edit('"reward model"', '"reward model", "from the first edit"')
    setup.database.follow(ONE, "diffusion")
    setup.file = setup.opened(Crowded(call, lambda: save(setup.path, theirs), *refused))
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", "from the first edit", "diffusion", "x ray"}}
    assert setup.text.startswith("# mine\n")
    assert setup.strays == []


def test_a_wrong_text_that_is_saved_in_between_stays_where_it_was_saved(setup: Setup) -> None:
    wrong = setup.text.replace('"graph"', '"graph')
    setup.database.follow(ONE, "diffusion")
    setup.file = setup.opened(Crowded("exchange", lambda: by_rename(setup.path, wrong)))
    with pytest.raises(ConfigError):
        setup.sync()
    assert setup.text == wrong
    assert setup.strays == []
    assert setup.database.says() == {ONE: {"graph", "reward model", "diffusion"}}


def test_a_file_that_vanishes_between_is_missing_and_not_recreated(setup: Setup) -> None:
    setup.database.follow(ONE, "diffusion")
    setup.file = setup.opened(Crowded("exchange", setup.path.unlink))
    assert "there is no such file" in setup.sync().problem
    assert not setup.path.exists()
    assert setup.strays == []


def test_an_editor_in_the_middle_of_saving_is_left_to_finish(setup: Setup) -> None:
    theirs = setup.text.replace('"graph"', '"x ray"')
    setup.database.follow(ONE, "diffusion")
    with setup.path.open("w") as half:
        half.write(theirs[:50])
        half.flush()
        report = setup.sync()
        assert report.retry
        assert not report.wrote
        assert setup.text == theirs[:50]
        half.write(theirs[50:])
    assert setup.file.changed_since_last_sync()
    assert not setup.sync().retry
    assert setup.agree() == {ONE: {"reward model", "x ray", "diffusion"}}


def test_an_editor_that_begins_to_save_while_we_exchange_is_left_to_finish(setup: Setup) -> None:
    theirs = setup.text.replace('"graph"', '"x ray"')
    half: list[int] = []

    def begin() -> None:
        half.append(os.open(setup.path, os.O_WRONLY))

    setup.database.follow(ONE, "diffusion")
    setup.file = setup.opened(Crowded("exchange", begin))
    assert setup.sync().retry
    os.truncate(half[0], 0)
    os.write(half[0], theirs[:50].encode())
    assert setup.sync().retry
    os.write(half[0], theirs[50:].encode())
    os.close(half[0])
    assert setup.file.changed_since_last_sync()
    assert not setup.sync().retry
    assert setup.agree() == {ONE: {"reward model", "x ray", "diffusion"}}


def test_a_program_that_keeps_the_file_open_for_ever_does_not_stop_us(setup: Setup) -> None:
    setup.database.follow(ONE, "diffusion")
    with setup.path.open("r+"):
        setup.file = setup.opened()
        assert setup.sync().retry
        setup.clock.advance(STEADY_AFTER)
        assert not setup.sync().retry
        assert setup.agree() == {ONE: {"graph", "reward model", "diffusion"}}


def test_where_nobody_can_tell_who_is_writing_the_file_has_to_rest_first(setup: Setup) -> None:
    setup.file = setup.opened(Refusing(errno.ENOSYS, "exchange", "writers"))
    whole = setup.text.replace('"graph"', '"x ray"')
    for text in (whole[:50], whole):
        setup.write(text)
        setup.clock.advance(STEADY_AFTER)
        assert setup.file.changed_since_last_sync()
        assert setup.sync().retry
        assert setup.text == text
    setup.clock.advance(STEADY_AFTER / 2)
    assert setup.sync().retry
    setup.clock.advance(STEADY_AFTER / 2)
    assert setup.sync().wrote
    assert setup.agree() == {ONE: {"reward model", "x ray"}}


# -- watching --------------------------------------------------------------------------------------


def test_watching_an_unchanged_file_does_not_read_it(setup: Setup) -> None:
    disk = Refusing(0)
    setup.file = setup.opened(disk)
    assert setup.file.changed_since_last_sync()
    setup.sync()
    assert not setup.file.changed_since_last_sync()
    assert not setup.file.changed_since_last_sync()
    disk.seen.clear()
    assert not setup.file.changed_since_last_sync()
    assert disk.seen == []
    os.utime(setup.path)
    assert not setup.file.changed_since_last_sync()
    assert "writers" in disk.seen


def test_a_change_that_leaves_no_trace_but_the_content_is_noticed(setup: Setup) -> None:
    assert not setup.file.changed_since_last_sync()
    setup.database.follow(ONE, "x ray")
    setup.sync()
    assert not setup.file.changed_since_last_sync()
    setup.edit('"x ray"', '"y ray"')
    assert setup.file.changed_since_last_sync()
    assert setup.file.changed_since_last_sync()
    setup.sync()
    assert not setup.file.changed_since_last_sync()


# -- stopped at any step ---------------------------------------------------------------------------


class Stopped(BaseException):
    """The process is no more; nothing of ours runs after it."""


class Steps(NoFsync):
    """Every call to the disk and every turn of a transaction is a step; one of them is the last."""

    def __init__(self, last: int, barred: tuple[str, ...], act: Callable[[], None]) -> None:
        self._left = last
        self._barred = barred
        self._act = act
        self.acted = False

    def step(self, name: str = "") -> None:
        self._left -= 1
        if self._left == 0:
            raise Stopped

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        if call == ("create" if self._barred else "exchange") and not self.acted:
            self.acted = True
            self._act()
        if call in self._barred:
            raise OSError(errno.ENOSYS if call == "exchange" else errno.EACCES, "barred")
        self.step()
        yield
        self.step()

    def create(self, path: Path, data: bytes, like: Path) -> None:
        with self.around("create"):
            super().create(path, data[: len(data) // 2], like)
            self.step()
            path.unlink()
            super().create(path, data, like)

    def exchange(self, one: Path, other: Path) -> None:
        with self.around("exchange"):
            super().exchange(one, other)

    def rename(self, old: Path, new: Path) -> None:
        with self.around("rename"):
            super().rename(old, new)

    def remove(self, path: Path) -> None:
        with self.around("remove"):
            super().remove(path)

    def overwrite(self, descriptor: int, offset: int, data: bytes) -> None:
        with self.around("overwrite"):
            super().overwrite(descriptor, offset, data)

    def truncate(self, descriptor: int, length: int) -> None:
        with self.around("truncate"):
            super().truncate(descriptor, length)

    def sync_folder(self, folder: Path) -> None:
        with self.around("sync_folder"):
            super().sync_folder(folder)


def lives_on_after(folder: Path, last: int, barred: tuple[str, ...], event: str) -> bool:
    """Both sides change, a sync stops at one step, something happens, and the bot starts again.

    False if the sync had fewer steps.
    """
    folder.mkdir()
    setup = Setup(folder)
    setup.write(TOP + block(ONE, "stays", "file takes", "chat takes", "second takes"))
    setup.sync()
    second = setup.text.replace('"second takes"', '"second adds"')
    setup.edit('    "file takes",\n', '    "file adds",\n')
    setup.database.unfollow(ONE, "chat takes")
    setup.database.follow(ONE, "chat adds")
    expected = {"stays", "chat adds", "file adds", "second takes"}

    save = (lambda: by_rename(setup.path, second)) if event == "an editor saves" else lambda: None
    steps = Steps(last, barred, save)
    stopped = False
    try:
        setup.opened(steps).sync(SyncDatabaseFile(folder / "papers.sqlite3", steps.step))
    except Stopped:
        stopped = True
    if event == "an editor saves" and steps.acted:
        expected = expected - {"second takes"} | {"second adds"}
    assert setup.text.startswith(TOP)

    if event == "the chat undoes" and "file adds" in setup.database.says()[ONE]:
        setup.database.unfollow(ONE, "file adds")
        expected.discard("file adds")
    if event == "the file is edited":
        setup.edit('"stays",', '"stays",\n    "after adds",')
        expected.add("after adds")
    setup.file = setup.opened()
    report = setup.sync()
    assert (report.retry, report.problem, report.warnings) == (False, "", ())
    assert setup.agree() == {ONE: expected}
    assert setup.strays == []
    assert not setup.sync().wrote
    return stopped


@pytest.mark.parametrize(
    "barred", [(), ("exchange",), ("create",)], ids=lambda calls: f"no {calls}"
)
@pytest.mark.parametrize(
    "event", ["nothing happens", "the chat undoes", "the file is edited", "an editor saves"]
)
def test_stopped_at_any_step_nothing_of_either_side_is_lost(
    tmp_path: Path, barred: tuple[str, ...], event: str, run_number: int, thorough: bool
) -> None:
    """At every third step: at others in every run of the tests."""
    last, stride = (1, 1) if thorough else (1 + run_number % 3, 3)
    while lives_on_after(tmp_path / str(last), last, barred, event):
        last += stride
    assert last > 8


def test_a_text_that_has_lost_its_place_is_merged_and_gets_a_name_that_a_person_finds(
    setup: Setup,
) -> None:
    theirs = setup.text.replace('"graph"', '"x ray"').replace("# ours", "# theirs")
    setup.database.follow(ONE, "diffusion")

    class Last(Crowded):
        def exchange(self, one: Path, other: Path) -> None:
            super().exchange(one, other)
            raise Stopped

    with pytest.raises(Stopped):
        setup.opened(Last("exchange", lambda: by_rename(setup.path, theirs))).sync(setup.database)
    setup.edit("# ours", "# edited before the bot was started again")
    setup.file = setup.opened()
    (warning,) = setup.sync().warnings
    (rescued,) = setup.folder.glob("bot.toml.rescued-*")
    assert str(rescued) in warning
    assert rescued.read_text() == theirs
    assert setup.agree() == {ONE: {"reward model", "x ray", "diffusion"}}
    assert setup.sync() == SyncReport()


def test_two_texts_that_are_saved_while_we_exchange_are_both_merged(setup: Setup) -> None:
    first = setup.text.replace('"graph"', '"x ray"')

    class Twice(Crowded):
        def exchange(self, one: Path, other: Path) -> None:
            super().exchange(one, other)
            if "diffusion" in setup.text and "x ray" not in setup.text:
                by_rename(setup.path, setup.text.replace('"diffusion"', '"protein folding"'))

    setup.database.follow(ONE, "diffusion")
    setup.file = setup.opened(Twice("exchange", lambda: by_rename(setup.path, first)))
    setup.sync()
    assert setup.agree() == {ONE: {"reward model", "x ray", "protein folding"}}
    (rescued,) = setup.folder.glob("bot.toml.rescued-*")
    assert rescued.read_text() == first
