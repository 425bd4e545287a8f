"""Two doors to one set of keywords: what both say after any of them moved.

Real files, real SQLite. Only faults are made: a disk that refuses, an editor that saves at the
worst moment, a process that stops between two steps.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.config import sample
from bot.errors import ConfigError, StoreBroken
from bot.model.snapshots import Follow, Snapshot, Unfollow, encode
from bot.sync.merge import SyncTransaction
from bot.sync.os_calls import Disk, Writers
from bot.sync.synchronizer import PROBLEM_AGAIN, STEADY, ChannelsFile, SyncReport
from bot.sync.toml_editor import Marker, read
from tests.fakes import FakeClock
from tests.sqlite_book import KEPT, SqliteSyncDatabase, says

TOP = '# ours\n[arxiv]\nurl = "http://127.0.0.1/api"   # local\n[discord]\n\n'
ONE, TWO = "discord:11420000000000000", "discord:21420000000000000"


class Quick(Disk):
    """The real disk, but for the waiting: no test takes the power away."""

    def flush(self, descriptor: int) -> None:
        pass


@dataclass
class House:
    """A folder with a bot.toml and a database, and somebody at each door."""

    folder: Path

    def __post_init__(self) -> None:
        self.path = self.folder / "bot.toml"
        self.book = SqliteSyncDatabase(self.folder / "papers.sqlite3")
        self.clock = FakeClock()
        self.file = self.opened()

    def opened(self, disk: Disk | None = None) -> ChannelsFile:
        return ChannelsFile(self.path, self.folder / "channels.lock", self.clock, disk or Quick())

    def sync(self) -> SyncReport:
        return self.file.sync(self.book)

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
        """What both doors say."""
        assert self.book.says() == self.shown
        return self.shown

    @property
    def strangers(self) -> list[str]:
        """Files in the folder that have no business there."""
        known = ("bot.toml", "channels.lock", "papers.sqlite3")
        return [each.name for each in self.folder.iterdir() if not each.name.startswith(known)]


def block(channel: str, *keywords: str) -> str:
    items = "".join(f'    "{keyword}",\n' for keyword in keywords)
    return f'[[channels]]\nid = "{channel}"\nkeywords = [\n{items}]\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    """The file and the database agree: one channel, two keywords, revision 1."""
    made = House(tmp_path)
    made.write(TOP + block(ONE, "graph", "reward model"))
    assert made.sync().wrote
    return made


# -- what is held back -----------------------------------------------------------------------------

MANY = [f"discord:{number}142000000000000" for number in range(1000, 1007)]


@pytest.fixture
def full(tmp_path: Path) -> House:
    """Seven channels with two keywords each."""
    made = House(tmp_path)
    made.write(TOP + "".join(block(each, "graph", "reward model") for each in MANY))
    assert made.sync().wrote
    return made


def following_all(house: House) -> bool:
    return house.book.says() == {each: {"graph", "reward model"} for each in MANY}


@pytest.mark.parametrize("kept", [0, 1, 3, 6])
def test_a_text_that_ends_behind_any_block_removes_nothing_and_is_left_as_it_is(
    full: House, kept: int
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
    full.book.follow(MANY[0], "from the chat")
    full.write(cut + "\n")
    assert full.sync().held_back
    assert full.text == cut + "\n"


def test_the_whole_text_saved_again_goes_on_as_before(full: House) -> None:
    whole = full.text
    full.write(whole[: whole.index(block(MANY[3], "graph", "reward model"))])
    assert full.sync().held_back
    full.book.follow(MANY[0], "from the chat")
    full.write(whole)
    report = full.sync()
    assert (report.problem, report.changes) == ("", ())
    assert full.agree()[MANY[0]] == {"graph", "reward model", "from the chat"}


def test_what_was_cut_off_goes_once_a_person_says_that_it_is_meant(full: House) -> None:
    full.write(full.text[: full.text.index(block(MANY[3], "graph", "reward model"))])
    assert full.sync().held_back
    report = full.file.sync(full.book, accept=True)
    assert len(report.changes) == 8
    assert set(full.agree()) == set(MANY[:3])
    assert full.sync() == SyncReport()


def test_a_bot_that_starts_again_still_knows_what_the_file_was_before(full: House) -> None:
    full.write(full.text[: full.text.index(block(MANY[6], "graph", "reward model"))])
    assert full.opened().sync(full.book).held_back
    assert following_all(full)


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
    full: House, channels: range, keywords: range, held: bool
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
        report = full.file.sync(full.book, accept=True)
        assert len(report.changes) == 8
        full.agree()


def test_one_or_two_removals_are_never_many(house: House) -> None:
    house.edit('    "graph",\n    "reward model",\n', "")
    assert not house.sync().held_back
    assert house.agree() == {}


def test_a_held_back_text_that_was_saved_while_we_exchanged_stands_where_it_was_saved(
    full: House,
) -> None:
    cut = full.text[: full.text.index("[[channels]]")]
    full.book.follow(MANY[0], "from the chat")
    full.file = full.opened(Crowded("exchange", lambda: by_rename(full.path, cut)))
    report = full.sync()
    assert report.held_back
    assert full.text == cut
    assert full.strangers == []


# -- the lock ------------------------------------------------------------------------------------


def test_a_lock_that_another_process_holds_keeps_nobody_waiting(house: House) -> None:
    house.edit('    "graph",\n', "")
    held = os.open(house.folder / "channels.lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert house.sync() == SyncReport(again=True, locked=True)
    assert house.file.changed_since_last_look()
    assert house.book.says() == {ONE: {"graph", "reward model"}}
    os.close(held)
    assert not house.sync().again
    assert house.agree() == {ONE: {"reward model"}}


# -- each door -------------------------------------------------------------------------------------


def test_the_first_start_takes_over_what_the_file_says(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write(TOP + block(ONE, "graph") + "days = 'mon'\n")
    report = house.sync()
    assert house.agree() == {ONE: {"graph", "days=mon"}}
    assert house.text.startswith(TOP + block(ONE, "graph"))
    assert house.marker is not None
    assert (len(report.changes), report.wrote, report.problem) == (2, True, "")
    assert house.sync() == SyncReport()


def test_a_file_without_channels_is_left_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write(TOP)
    assert house.sync() == SyncReport()
    assert house.text == TOP


def test_a_slash_command_shows_in_the_file(house: House) -> None:
    house.book.follow(ONE, "x ray")
    house.book.unfollow(ONE, "graph")
    house.book.follow(TWO, "diffusion")
    house.book.configure(TWO, "post_at", "09:00")
    report = house.sync()
    assert report == SyncReport(wrote=True)
    assert house.agree() == {ONE: {"reward model", "x ray"}, TWO: {"diffusion", "post_at=09:00"}}
    assert house.text.startswith(TOP)


def test_a_hand_edit_is_taken_over(house: House) -> None:
    house.edit('    "graph",\n', '    "x ray",\n')
    house.write(house.text + block(TWO, "diffusion"))
    report = house.sync()
    assert house.agree() == {ONE: {"reward model", "x ray"}, TWO: {"diffusion"}}
    kinds = sorted(type(change).__name__ for change in report.changes)
    assert kinds == ["Follow", "Follow", "Unfollow"]


def test_a_block_that_is_deleted_ends_what_the_channel_followed(house: House) -> None:
    house.edit(block(ONE, "graph", "reward model"), "")
    house.sync()
    assert house.agree() == {}


def test_an_edit_elsewhere_in_the_file_is_no_change_of_keywords(house: House) -> None:
    house.edit("# ours", "# theirs")
    before = house.text
    assert house.sync() == SyncReport()
    assert house.text == before


def test_an_editor_that_was_open_for_long_loses_nothing_of_either_side(house: House) -> None:
    opened = house.text
    house.book.follow(ONE, "x ray")
    house.book.unfollow(ONE, "reward model")
    house.sync()
    house.book.follow(TWO, "diffusion")
    house.sync()
    house.write(opened.replace('    "graph",\n', '    "protein folding",\n'))
    report = house.sync()
    assert house.agree() == {ONE: {"x ray", "protein folding"}, TWO: {"diffusion"}}
    assert {type(change) for change in report.changes} == {Follow, Unfollow}


def test_two_editors_that_were_open_for_long_lose_nothing_either(house: House) -> None:
    opened = house.text
    house.write(opened.replace("# ours", "# ours, Anna's\n").replace('"graph"', '"graph", "x ray"'))
    house.sync()
    house.write(opened.replace('    "graph",\n', '    "diffusion",\n'))
    house.sync()
    assert house.agree() == {ONE: {"reward model", "x ray", "diffusion"}}


def test_another_spelling_of_a_keyword_stays_as_the_person_wrote_it(house: House) -> None:
    house.edit('"reward model"', "'\"Reward-Models\"'")
    assert house.sync() == SyncReport()
    house.book.follow(ONE, "x ray")
    house.sync()
    assert "'\"Reward-Models\"'" in house.text


def test_the_last_keyword_can_be_removed_at_either_door(house: House) -> None:
    house.edit('    "graph",\n    "reward model",\n', "")
    house.sync()
    assert house.agree() == {}
    house.book.follow(ONE, "graph")
    house.sync()
    assert house.agree() == {ONE: {"graph"}}
    house.book.unfollow(ONE, "graph")
    house.sync()
    assert house.agree() == {}


# -- texts of unknown origin -----------------------------------------------------------------------


def without_marker(text: str) -> str:
    return "".join(line for line in text.splitlines(True) if not line.startswith("# daily-papers"))


def test_a_template_takes_back_what_it_brought_and_nothing_from_the_chat(house: House) -> None:
    house.book.follow(ONE, "diffusion")
    house.sync()
    house.write(TOP + block(ONE, "reward model", "x ray"))
    assert "what came through the chat stays" in house.sync().warnings[0]
    assert house.agree() == {ONE: {"reward model", "x ray", "diffusion"}}
    house.write(TOP + block(ONE, "reward model", "diffusion"))
    house.sync()
    house.write(TOP + block(ONE, "reward model"))
    house.sync()
    assert house.agree() == {ONE: {"reward model"}}, "the template brought it too, by then"


def test_without_the_marker_the_chat_loses_nothing_and_a_person_hears_of_it(house: House) -> None:
    house.book.follow(ONE, "x ray")
    house.sync()
    house.write(without_marker(house.text).replace('    "x ray",\n', ""))
    report = house.sync()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}
    assert len(report.warnings) == 1
    assert "what came through the chat stays" in report.warnings[0]
    assert house.sync().warnings == ()


def test_without_the_marker_an_addition_needs_no_warning(house: House) -> None:
    house.write(without_marker(house.text).replace('"graph"', '"graph", "x ray"'))
    assert house.sync().warnings == ()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_fresh_sample_on_an_old_database_does_not_empty_it(house: House) -> None:
    house.write(sample().replace("you@example.org", "me@uni-anywhere.edu") + "[discord]\n")
    house.sync()
    assert house.agree()[ONE] == {"graph", "reward model"}
    assert house.agree()["console:"] == {
        "reward model",
        'ti:"graph neural network" AND cat:cs.LG ANDNOT abs:survey',
    }


def test_the_same_revision_of_another_bot_is_not_taken_for_ours(tmp_path: Path) -> None:
    houses = []
    for name, keywords in (("here", ("graph", "reward model")), ("there", ("graph", "x ray"))):
        (tmp_path / name).mkdir()
        houses.append(House(tmp_path / name))
        houses[-1].write(TOP + block(ONE, *keywords))
        houses[-1].sync()
    here, there = houses
    assert here.marker is not None
    assert there.marker is not None
    assert here.marker.number == there.marker.number
    here.write(there.text.replace('    "graph",\n', ""))
    here.sync()
    assert here.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_database_from_a_backup_takes_over_what_the_file_has_and_numbers_on(
    tmp_path: Path, house: House
) -> None:
    for number in range(3):
        house.book.follow(ONE, f"topic {number}")
        house.sync()
    for backup in tmp_path.glob("papers.sqlite3*"):
        backup.unlink()
    ahead = house.marker
    house.book = SqliteSyncDatabase(tmp_path / "papers.sqlite3")
    house.book.follow(TWO, "diffusion")
    house.sync()
    topics = {f"topic {number}" for number in range(3)}
    assert house.agree() == {ONE: {"graph", "reward model", *topics}, TWO: {"diffusion"}}
    assert ahead is not None
    assert house.marker is not None
    assert house.marker.number > ahead.number
    house.edit('    "graph",\n', "")
    house.sync()
    assert house.agree() == {ONE: {"reward model", *topics}, TWO: {"diffusion"}}


def test_a_revision_that_was_forgotten_removes_nothing(house: House) -> None:
    opened = house.text
    with house.book.transaction() as pages:
        for number in range(2, KEPT + 5):
            pages.record_revision(number, encode(Snapshot()))
    house.write(opened.replace('    "graph",\n', ""))
    house.book.follow(ONE, "x ray")
    house.sync()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_an_invented_revision_number_is_not_followed(house: House) -> None:
    assert house.marker is not None
    house.edit(f"revision {house.marker.number}.", "revision 999999999999.")
    house.book.follow(ONE, "x ray")
    house.sync()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}
    assert house.marker is not None
    assert house.marker.number < 10


# -- wrong and missing files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        lambda text: text.replace('"graph"', '"ti:("'),
        lambda text: text.replace("[discord]", ""),
        lambda text: text.replace("[arxiv]", "[arxif]"),
        lambda text: text + "[[channels]\n",
        lambda text: text.replace("# ours", "# our\udce9s"),
        lambda text: text + "\0",
    ],
)
def test_a_wrong_edit_changes_nothing_and_is_merged_when_it_is_right_again(
    house: House, wrong: Callable[[str], str]
) -> None:
    right = house.text.replace('    "reward model",\n', '    "x ray",\n')
    data = wrong(right).encode(errors="surrogateescape")
    house.path.write_bytes(data)
    before = house.book.says()
    with pytest.raises(ConfigError):
        house.sync()
    assert not house.file.changed_since_last_look()
    house.book.follow(ONE, "diffusion")
    with pytest.raises(ConfigError):
        house.sync()
    assert house.path.read_bytes() == data
    assert house.book.says() == {ONE: before[ONE] | {"diffusion"}}
    house.write(right)
    assert house.file.changed_since_last_look()
    house.sync()
    assert house.agree() == {ONE: {"graph", "x ray", "diffusion"}}
    assert house.strangers == []


def test_a_truth_that_the_file_may_not_show_is_said_and_not_written(house: House) -> None:
    house.book.follow("slack:C0123456789", "graph")
    before = house.text
    with pytest.raises(ConfigError, match="slack is switched off"):
        house.sync()
    assert house.text == before
    house.edit("[discord]", "[discord]\n[slack]")
    house.sync()
    assert house.agree()["slack:C0123456789"] == {"graph"}


def test_a_missing_file_removes_nothing_and_is_told_once(house: House) -> None:
    kept = house.text
    house.path.unlink()
    house.book.follow(ONE, "x ray")
    report = house.sync()
    assert "there is no such file" in report.problem
    assert report.warnings == (report.problem,)
    again = house.sync()
    assert (again.problem, again.warnings) == (report.problem, ())
    assert not house.path.exists()
    assert house.book.says() == {ONE: {"graph", "reward model", "x ray"}}
    house.write(kept)
    assert house.file.changed_since_last_look()
    assert house.sync().problem == ""
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_folder_in_the_file_s_place_removes_nothing(house: House) -> None:
    house.path.unlink()
    house.path.mkdir()
    assert "this is a folder" in house.sync().problem
    assert house.book.says() == {ONE: {"graph", "reward model"}}


def test_a_data_folder_that_is_gone_is_the_store_s_error(house: House) -> None:
    file = ChannelsFile(house.path, house.folder / "nowhere" / "channels.lock", house.clock)
    with pytest.raises(StoreBroken):
        file.sync(house.book)


# -- files that can't be written -------------------------------------------------------------------


def test_a_read_only_file_still_counts_and_the_chat_goes_on(house: House) -> None:
    def edited(old: str, new: str) -> None:
        house.path.chmod(0o644)
        house.edit(old, new)
        house.path.chmod(0o444)

    edited('"graph"', '"graph", "from file"')
    report = house.sync()
    assert "can't be written (it is read-only)" in report.problem
    assert report.warnings == (report.problem,)
    assert house.book.says() == {ONE: {"graph", "reward model", "from file"}}

    house.book.unfollow(ONE, "from file")
    house.book.follow(ONE, "x ray")
    assert house.sync().warnings == ()
    assert house.book.says() == {ONE: {"graph", "reward model", "x ray"}}

    edited('"graph", "from file"', '"graph", "from file", "second"')
    house.sync()
    assert house.book.says() == {ONE: {"graph", "reward model", "x ray", "second"}}
    edited(', "second"', "")
    house.sync()
    assert house.book.says() == {ONE: {"graph", "reward model", "x ray"}}

    house.path.chmod(0o644)
    assert house.file.changed_since_last_look()
    assert house.sync() == SyncReport(wrote=True)
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}
    edited('"reward model"', '"x ray two"')
    house.path.chmod(0o644)
    house.sync()
    assert house.agree() == {ONE: {"graph", "x ray", "x ray two"}}
    opened = house.text
    house.edit('"x ray two"', '"x ray two", "diffusion"')
    house.sync()
    house.write(opened.replace('"x ray two"', '"x ray three"'))
    house.sync()
    assert house.agree() == {ONE: {"graph", "x ray", "x ray three", "diffusion"}}


def test_a_file_that_could_not_be_written_is_tried_again_although_nobody_touches_it(
    house: House,
) -> None:
    """A disk that was full, or mounted read-only, leaves no sign in the file when it is not."""
    house.book.follow(ONE, "x ray")
    full = house.opened(Refusing(errno.ENOSPC, "create", "overwrite"))
    assert "can't be written" in full.sync(house.book).problem
    assert [full.changed_since_last_look() for _ in range(3)] == [False, False, False]
    house.clock.advance(PROBLEM_AGAIN)
    assert full.changed_since_last_look()
    assert house.sync().wrote
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_what_a_fault_of_the_database_kept_from_the_file_is_tried_again_at_the_next_look(
    house: House,
) -> None:
    house.sync()
    assert [house.file.changed_since_last_look() for _ in range(3)][-1] is False
    house.book.follow(ONE, "x ray")
    with pytest.raises(StoreBroken):
        house.file.sync(FullBook())
    assert house.file.changed_since_last_look()
    house.sync()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


class FullBook:
    """A database on a full disk."""

    def transaction(self) -> AbstractContextManager[SyncTransaction]:
        raise StoreBroken("the disk is full")


def test_a_read_only_file_without_a_marker_can_have_keywords_removed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write(TOP + block(ONE, "graph", "reward model"))
    house.path.chmod(0o444)
    house.sync()
    house.write(TOP + block(ONE, "reward model"))
    assert house.sync().changes
    assert house.book.says() == {ONE: {"reward model"}}


class Refusing(Quick):
    """A disk on which some calls fail with one error."""

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
def test_where_the_usual_way_is_barred_another_one_leads_there(house: House, way: str) -> None:
    disk, way_taken = OTHER_WAYS[way]
    house.file = house.opened(disk)
    for keywords in (["x ray", "diffusion"], ["protein folding"]):
        house.book.follow(ONE, *keywords)
        assert house.sync() == SyncReport(wrote=True)
        assert house.agree()[ONE] >= set(keywords)
    house.book.unfollow(ONE, "x ray", "diffusion", "protein folding")
    assert house.sync() == SyncReport(wrote=True)
    assert house.agree() == {ONE: {"graph", "reward model"}}
    assert house.text.startswith(TOP)
    assert way_taken in disk.seen
    assert house.strangers == []


@pytest.mark.parametrize(
    ("disk", "reason"),
    [
        (Refusing(errno.ENOSPC, "create"), "No space left"),
        (Refusing(errno.ENOSPC, "rename helper"), "No space left"),
        (Refusing(errno.EIO, "exchange"), "Input/output error"),
        (Refusing(errno.EROFS, "create", "overwrite"), "Read-only file system"),
    ],
)
def test_a_disk_that_refuses_leaves_the_file_whole_and_the_truth_standing(
    house: House, disk: Refusing, reason: str
) -> None:
    before = house.text
    house.file = house.opened(disk)
    house.book.follow(ONE, "x ray")
    assert reason in house.sync().problem
    assert house.text == before
    assert house.strangers == []
    house.file = house.opened()
    house.sync()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_linked_file_stays_a_link(house: House) -> None:
    real = house.folder / "bot.toml.real"
    house.path.rename(real)
    house.path.symlink_to(real.name)
    house.book.follow(ONE, "x ray")
    house.sync()
    assert house.path.is_symlink()
    assert "x ray" in real.read_text()
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_a_second_name_of_the_file_still_names_it(house: House) -> None:
    second = house.folder / "bot.toml.second"
    second.hardlink_to(house.path)
    house.book.follow(ONE, "x ray")
    house.sync()
    assert second.samefile(house.path)
    assert house.agree() == {ONE: {"graph", "reward model", "x ray"}}


def test_mode_and_owner_stay(house: House) -> None:
    house.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(house.path, 4711, 4712)
    before = house.path.stat()
    house.file = house.opened(Disk())
    house.book.follow(ONE, "x ray")
    assert house.sync().wrote
    after = house.path.stat()
    assert after.st_ino != before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


# -- editors at the worst moment -------------------------------------------------------------------


class Crowded(Refusing):
    """A disk on which somebody else acts just before one of our calls."""

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
    house: House, save: Callable[[Path, str], None], call: str, refused: tuple[str, ...]
) -> None:
    theirs = house.text.replace('    "graph",\n', '    "x ray",\n').replace("# ours", "# mine")
    house.edit('"reward model"', '"reward model", "from the first edit"')
    house.book.follow(ONE, "diffusion")
    house.file = house.opened(Crowded(call, lambda: save(house.path, theirs), *refused))
    house.sync()
    assert house.agree() == {ONE: {"reward model", "from the first edit", "diffusion", "x ray"}}
    assert house.text.startswith("# mine\n")
    assert house.strangers == []


def test_a_wrong_text_that_is_saved_between_stands_where_it_was_saved(house: House) -> None:
    wrong = house.text.replace('"graph"', '"graph')
    house.book.follow(ONE, "diffusion")
    house.file = house.opened(Crowded("exchange", lambda: by_rename(house.path, wrong)))
    with pytest.raises(ConfigError):
        house.sync()
    assert house.text == wrong
    assert house.strangers == []
    assert house.book.says() == {ONE: {"graph", "reward model", "diffusion"}}


def test_a_file_that_vanishes_between_is_missing_and_not_made_anew(house: House) -> None:
    house.book.follow(ONE, "diffusion")
    house.file = house.opened(Crowded("exchange", house.path.unlink))
    assert "there is no such file" in house.sync().problem
    assert not house.path.exists()
    assert house.strangers == []


def test_an_editor_in_the_middle_of_saving_is_left_to_finish(house: House) -> None:
    theirs = house.text.replace('"graph"', '"x ray"')
    house.book.follow(ONE, "diffusion")
    with house.path.open("w") as half:
        half.write(theirs[:50])
        half.flush()
        report = house.sync()
        assert report.again
        assert not report.wrote
        assert house.text == theirs[:50]
        half.write(theirs[50:])
    assert house.file.changed_since_last_look()
    assert not house.sync().again
    assert house.agree() == {ONE: {"reward model", "x ray", "diffusion"}}


def test_an_editor_that_begins_to_save_while_we_exchange_is_left_to_finish(house: House) -> None:
    theirs = house.text.replace('"graph"', '"x ray"')
    half: list[int] = []

    def begin() -> None:
        half.append(os.open(house.path, os.O_WRONLY))

    house.book.follow(ONE, "diffusion")
    house.file = house.opened(Crowded("exchange", begin))
    assert house.sync().again
    os.truncate(half[0], 0)
    os.write(half[0], theirs[:50].encode())
    assert house.sync().again
    os.write(half[0], theirs[50:].encode())
    os.close(half[0])
    assert house.file.changed_since_last_look()
    assert not house.sync().again
    assert house.agree() == {ONE: {"reward model", "x ray", "diffusion"}}


def test_a_program_that_keeps_the_file_open_for_ever_does_not_stop_us(house: House) -> None:
    house.book.follow(ONE, "diffusion")
    with house.path.open("r+"):
        house.file = house.opened()
        assert house.sync().again
        house.clock.advance(STEADY)
        assert not house.sync().again
        assert house.agree() == {ONE: {"graph", "reward model", "diffusion"}}


def test_where_nobody_can_tell_who_is_writing_the_file_has_to_rest_first(house: House) -> None:
    house.file = house.opened(Refusing(errno.ENOSYS, "exchange", "writers"))
    whole = house.text.replace('"graph"', '"x ray"')
    for text in (whole[:50], whole):
        house.write(text)
        house.clock.advance(STEADY)
        assert house.file.changed_since_last_look()
        assert house.sync().again
        assert house.text == text
    house.clock.advance(STEADY / 2)
    assert house.sync().again
    house.clock.advance(STEADY / 2)
    assert house.sync().wrote
    assert house.agree() == {ONE: {"reward model", "x ray"}}


# -- watching --------------------------------------------------------------------------------------


def test_a_look_at_an_unchanged_file_does_not_read_it(house: House) -> None:
    disk = Refusing(0)
    house.file = house.opened(disk)
    assert house.file.changed_since_last_look()
    house.sync()
    assert not house.file.changed_since_last_look()
    assert not house.file.changed_since_last_look()
    disk.seen.clear()
    assert not house.file.changed_since_last_look()
    assert disk.seen == []
    os.utime(house.path)
    assert not house.file.changed_since_last_look()
    assert "writers" in disk.seen


def test_a_change_that_leaves_no_trace_but_the_content_is_noticed(house: House) -> None:
    assert not house.file.changed_since_last_look()
    house.book.follow(ONE, "x ray")
    house.sync()
    assert not house.file.changed_since_last_look()
    house.edit('"x ray"', '"y ray"')
    assert house.file.changed_since_last_look()
    assert house.file.changed_since_last_look()
    house.sync()
    assert not house.file.changed_since_last_look()


# -- stopped at any step ---------------------------------------------------------------------------


class Stopped(BaseException):
    """The process is no more; nothing of ours runs after it."""


class Steps(Quick):
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

    def settle(self, folder: Path) -> None:
        with self.around("settle"):
            super().settle(folder)


def lives_on_after(folder: Path, last: int, barred: tuple[str, ...], event: str) -> bool:
    """Both doors move, a sync stops at one step, something happens, and the bot starts again.

    False if the sync had fewer steps.
    """
    folder.mkdir()
    house = House(folder)
    house.write(TOP + block(ONE, "stays", "file takes", "chat takes", "second takes"))
    house.sync()
    second = house.text.replace('"second takes"', '"second adds"')
    house.edit('    "file takes",\n', '    "file adds",\n')
    house.book.unfollow(ONE, "chat takes")
    house.book.follow(ONE, "chat adds")
    expected = {"stays", "chat adds", "file adds", "second takes"}

    save = (lambda: by_rename(house.path, second)) if event == "an editor saves" else lambda: None
    steps = Steps(last, barred, save)
    stopped = False
    try:
        house.opened(steps).sync(SqliteSyncDatabase(folder / "papers.sqlite3", steps.step))
    except Stopped:
        stopped = True
    if event == "an editor saves" and steps.acted:
        expected = expected - {"second takes"} | {"second adds"}
    assert house.text.startswith(TOP)

    if event == "the chat undoes" and "file adds" in house.book.says()[ONE]:
        house.book.unfollow(ONE, "file adds")
        expected.discard("file adds")
    if event == "the file is edited":
        house.edit('"stays",', '"stays",\n    "after adds",')
        expected.add("after adds")
    house.file = house.opened()
    report = house.sync()
    assert (report.again, report.problem, report.warnings) == (False, "", ())
    assert house.agree() == {ONE: expected}
    assert house.strangers == []
    assert not house.sync().wrote
    return stopped


@pytest.mark.parametrize(
    "barred", [(), ("exchange",), ("create",)], ids=lambda calls: f"no {calls}"
)
@pytest.mark.parametrize(
    "event", ["nothing happens", "the chat undoes", "the file is edited", "an editor saves"]
)
def test_stopped_at_any_step_nothing_of_either_door_is_lost(
    tmp_path: Path, barred: tuple[str, ...], event: str
) -> None:
    last = 1
    while lives_on_after(tmp_path / str(last), last, barred, event):
        last += 1
    assert last > 8


def test_a_text_that_has_lost_its_place_is_merged_and_gets_a_name_that_a_person_finds(
    house: House,
) -> None:
    theirs = house.text.replace('"graph"', '"x ray"').replace("# ours", "# theirs")
    house.book.follow(ONE, "diffusion")

    class Last(Crowded):
        def exchange(self, one: Path, other: Path) -> None:
            super().exchange(one, other)
            raise Stopped

    with pytest.raises(Stopped):
        house.opened(Last("exchange", lambda: by_rename(house.path, theirs))).sync(house.book)
    house.edit("# ours", "# edited before the bot was started again")
    house.file = house.opened()
    (warning,) = house.sync().warnings
    (rescued,) = house.folder.glob("bot.toml.rescued-*")
    assert str(rescued) in warning
    assert rescued.read_text() == theirs
    assert house.agree() == {ONE: {"reward model", "x ray", "diffusion"}}
    assert house.sync() == SyncReport()


def test_two_texts_that_are_saved_while_we_exchange_are_both_merged(house: House) -> None:
    first = house.text.replace('"graph"', '"x ray"')

    class Twice(Crowded):
        def exchange(self, one: Path, other: Path) -> None:
            super().exchange(one, other)
            if "diffusion" in house.text and "x ray" not in house.text:
                by_rename(house.path, house.text.replace('"diffusion"', '"protein folding"'))

    house.book.follow(ONE, "diffusion")
    house.file = house.opened(Twice("exchange", lambda: by_rename(house.path, first)))
    house.sync()
    assert house.agree() == {ONE: {"reward model", "x ray", "protein folding"}}
    (rescued,) = house.folder.glob("bot.toml.rescued-*")
    assert rescued.read_text() == first
