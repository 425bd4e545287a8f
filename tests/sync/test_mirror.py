"""Which channels bot.toml shows where the database holds more than it is to mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sync.synchronizer import Synchronizer
from tests.sync.test_synchronizer import ONE, TOP, NoFsync, Setup, block

OTHERS = [f"discord:3142000000000000{number}" for number in range(10, 15)]


class Mirror(Setup):
    """A file that shows up to three channels, and its host's own in any case."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.file = Synchronizer(
            self.path, self.folder / "channels.lock", self.clock, NoFsync(), mirror=3
        )


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    made = Mirror(tmp_path)
    made.write(TOP + block(ONE, "graph"))
    assert made.sync().wrote
    return made


def follow(mirror: Mirror, *channels: str) -> None:
    for channel in channels:
        mirror.database.follow(channel, "reward model")
    mirror.sync()


def test_channels_of_the_chat_are_shown_up_to_the_limit_and_beyond_it_none(
    mirror: Mirror,
) -> None:
    follow(mirror, *OTHERS[:2])
    assert mirror.agree() == {ONE: {"graph"}, **{each: {"reward model"} for each in OTHERS[:2]}}
    follow(mirror, *OTHERS[2:])
    assert mirror.shown == {ONE: {"graph"}}
    assert len(mirror.database.says()) == 6, "the file has dropped them, and nothing else"
    assert "that the database alone held when this was written: 5" in mirror.text
    assert not mirror.sync().wrote


def test_an_edit_beyond_the_limit_changes_its_own_channel_alone(mirror: Mirror) -> None:
    follow(mirror, *OTHERS)
    mirror.edit('"graph"', '"diffusion"')
    assert mirror.sync().held_back is False
    assert mirror.shown == {ONE: {"diffusion"}}
    assert mirror.database.says()[ONE] == {"diffusion"}
    assert len(mirror.database.says()) == 6


def test_what_the_chat_changes_in_a_channel_of_the_host_is_shown_beyond_the_limit(
    mirror: Mirror,
) -> None:
    follow(mirror, *OTHERS)
    follow(mirror, ONE)
    assert mirror.shown == {ONE: {"graph", "reward model"}}


def test_a_channel_that_a_person_writes_into_the_file_stays_there(mirror: Mirror) -> None:
    follow(mirror, *OTHERS)
    mirror.write(mirror.text + "\n" + block(OTHERS[0], "diffusion"))
    mirror.sync()
    assert mirror.shown == {ONE: {"graph"}, OTHERS[0]: {"reward model", "diffusion"}}


def test_a_block_that_a_person_takes_out_ends_its_channel_beyond_the_limit_too(
    mirror: Mirror,
) -> None:
    follow(mirror, *OTHERS)
    text = mirror.text
    at = text.index("[[channels]]")
    mirror.write(text[:at] + text[text.index("# daily-papers") :])
    mirror.sync()
    assert ONE not in mirror.database.says()
    assert len(mirror.database.says()) == 5


def test_all_are_shown_again_once_there_is_room(mirror: Mirror) -> None:
    follow(mirror, *OTHERS)
    for channel in OTHERS[2:]:
        mirror.database.unfollow(channel, "reward model")
    mirror.sync()
    assert set(mirror.agree()) == {ONE, *OTHERS[:2]}
    assert "the database alone" not in mirror.text
