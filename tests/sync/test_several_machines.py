"""Two machines, each with a bot.toml of its own, and one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from bot.keywords import parse
from bot.model import Person
from bot.ports import Store
from bot.sync.merge import GUEST
from bot.sync.synchronizer import Synchronizer, SyncReport
from bot.sync.toml_editor import read
from tests.fakes import START, FakeClock
from tests.store.database import opened, opened_on_postgres, wait
from tests.store.postgres import database as database_url
from tests.store.sync_database import says
from tests.sync.test_synchronizer import MANY, ONE, TOP, TWO, NoFsync, block


@dataclass
class Machine:
    """Its folder with a bot.toml, and the way to the database that it shares."""

    folder: Path
    store: Store
    shared: bool = True
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.path = self.folder / "bot.toml"
        self.file = Synchronizer(
            self.path, self.folder / "lock", self.clock, NoFsync(), shared=self.shared
        )

    def sync(self, *, accept: bool = False) -> SyncReport:
        work = partial(self.file.sync, accept=accept)
        return wait(self.store.synchronise(work, START))

    @property
    def shown(self) -> dict[str, set[str]]:
        return says(read(self.path.read_text(), self.path).snapshot)

    def follows(self) -> dict[str, set[str]]:
        held: dict[str, set[str]] = {}
        for each in wait(self.store.subscriptions()):
            held.setdefault(each.channel_id, set()).add(each.keyword.text)
        return held

    def edit(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert text.count(old) == 1, text
        self.path.write_text(text.replace(old, new))


@pytest.fixture(params=["sqlite", "postgres"])
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """Machines by their names. SQLite has one machine only; its statements are the same."""
    if request.param == "sqlite":
        store = opened(tmp_path / "db")
        yield lambda name: Machine(tmp_path / name, store)
        store.close()
        return
    with database_url() as url:
        on_server = opened_on_postgres(url)
        yield lambda name: Machine(tmp_path / name, on_server)
        on_server.close()


@pytest.fixture
def first(machines: Callable[[str], Machine]) -> Machine:
    """The machine whose bot.toml the database met first."""
    made = machines("first")
    made.path.write_text(TOP + block(ONE, "graph", "reward model") + block(TWO, "graph"))
    made.sync()
    return made


@pytest.fixture
def second(first: Machine, machines: Callable[[str], Machine]) -> Machine:
    """Another one, whose bot wrote its bot.toml."""
    made = machines("second")
    made.path.write_text(TOP)
    made.sync()
    assert made.shown == first.shown == first.follows()
    return made


ALL = {ONE: {"graph", "reward model"}, TWO: {"graph"}}


def test_the_bot_toml_of_another_machine_adds_and_removes_nothing(
    first: Machine, second: Machine
) -> None:
    second.edit('    "reward model",\n', '    "diffusion",\n')
    second.edit(block(TWO, "graph"), "")
    assert len(second.sync().changes) == 1
    now = {ONE: {"graph", "reward model", "diffusion"}, TWO: {"graph"}}
    assert second.follows() == second.shown == now, "shown again, so that everybody sees it"
    assert first.sync().changes == ()
    assert first.shown == now


def test_a_setting_that_another_machine_takes_out_stays_and_one_that_it_writes_counts(
    first: Machine, second: Machine
) -> None:
    first.edit(f'id = "{TWO}"\n', f'id = "{TWO}"\npost_at = "07:30"\n')
    first.sync()
    second.sync()
    second.edit('post_at = "07:30"\n', 'days = "mon"\n')
    second.sync()
    assert second.shown[TWO] == {"graph", "post_at=07:30", "days=mon"}


@pytest.mark.parametrize("kept", [0, 1])
def test_a_copy_that_was_cut_on_another_machine_is_whole_again_and_removes_nothing(
    first: Machine, second: Machine, kept: int
) -> None:
    pieces = second.path.read_text().split("[[channels]]")
    second.path.write_text("[[channels]]".join(pieces[: kept + 1]))
    assert second.sync().problem == ""
    assert second.follows() == second.shown == first.shown == ALL


def test_what_the_chat_removed_does_not_come_back_with_an_old_copy_elsewhere(
    first: Machine, second: Machine
) -> None:
    wait(first.store.unfollow(ONE, [parse("graph").canonical], START))
    first.sync()
    second.sync()  # its text is from before that
    assert second.follows() == second.shown == {ONE: {"reward model"}, TWO: {"graph"}}


def test_the_first_machine_keeps_removing_whatever_the_others_do(
    first: Machine, second: Machine
) -> None:
    second.edit(block(TWO, "graph"), "")
    second.sync()
    first.edit(block(TWO, "graph"), "")
    first.sync()
    assert first.follows() == {ONE: ALL[ONE]}
    second.sync()
    assert second.shown == {ONE: ALL[ONE]}


def test_another_machine_is_told_once_and_decides_once_a_person_accepts_it(
    first: Machine, machines: Callable[[str], Machine]
) -> None:
    second = machines("second")
    second.path.write_text(TOP)
    told = second.sync()
    assert (told.guest, told.warnings) == (True, (GUEST,))
    assert (second.sync().guest, second.sync().warnings) == (True, ())
    second.edit(block(TWO, "graph"), "")
    report = second.sync(accept=True)
    assert (report.guest, len(report.changes)) == (False, 1)
    assert second.follows() == {ONE: ALL[ONE]}
    assert first.sync().warnings == (GUEST,)
    assert machines("second").sync().guest is False, "after a restart too"


def test_a_machine_without_its_data_folder_is_another_one(
    first: Machine, machines: Callable[[str], Machine]
) -> None:
    (first.folder / "lock").unlink()
    again = machines("first")
    again.edit(block(TWO, "graph"), "")
    assert again.sync().guest
    assert again.follows() == ALL


def test_the_file_of_a_bot_that_moved_to_another_engine_is_still_its_own(
    first: Machine, tmp_path: Path
) -> None:
    for shared in (False, True):  # from a server into a file, and back
        moved = Machine(first.folder, first.store, shared=shared)
        assert not moved.sync().guest
    assert first.sync().guest is False


def test_two_machines_with_many_channels_do_not_hold_each_other_back(
    machines: Callable[[str], Machine],
) -> None:
    first, second = machines("first"), machines("second")
    first.path.write_text(TOP + "".join(block(each, "graph", "reward model") for each in MANY))
    second.path.write_text(TOP + block(MANY[0], "graph"))  # the beginning of the other's
    first.sync()
    assert second.sync().problem == first.sync().problem == ""
    assert second.shown == first.shown == first.follows()
    wait(first.store.follow(MANY[0], parse("diffusion"), Person("Ada"), START))
    for machine in (second, first, second):
        assert machine.sync().changes == ()
        assert "diffusion" in machine.shown[MANY[0]]
