"""The chat and an editor change the same keywords at the same moment, in processes of their own."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.sync.toml_editor import read
from tests.process import forked
from tests.process.two_doors import CHANNEL, Doors, starts
from tests.store.sync_database import says

TOP = '# ours\n[arxiv]\nurl = "http://127.0.0.1/api"\n\n'

pytestmark = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux can exchange two files and tell who is writing one",
)


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    """Both sides' first keywords, at both doors."""
    made = Doors(tmp_path)
    items = "".join(f'    "{words}",\n' for words in sorted(starts("chat") | starts("file")))
    made.path.write_text(f'{TOP}[[channels]]\nid = "{CHANNEL}"\nkeywords = [\n{items}]\n')
    made.sync()
    return made


MODULE = "tests.process.two_doors"
CHANGES = 50  # of each side; without the marker some twenty of them are lost


def wanted(doors: Doors, *roles: tuple[str, int]) -> set[str]:
    """What all of these want to be there in the end, who work so many times side by side."""
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(
                forked.call, role, str(doors.path.parent), str(times), str(seed), module=MODULE
            )
            for seed, (role, times) in enumerate(roles)
        ]
        results = [call.result() for call in calls]
    assert [result.returncode for result in results] == [0] * len(roles), results
    return {words for result in results for words in json.loads(result.stdout)}


def in_the_end(doors: Doors) -> set[str]:
    """What both doors say, once they are left alone."""
    doors.sync()
    shown = says(read(doors.path.read_text(), doors.path).snapshot)
    assert shown == doors.database.says()
    return shown[CHANNEL]


def test_two_processes_at_both_doors_lose_nothing(doors: Doors, thorough: bool) -> None:
    times = CHANGES * 2 if thorough else CHANGES
    expected = wanted(doors, ("chat", times), ("editor", times))
    assert in_the_end(doors) == expected
    assert doors.path.read_text().startswith(TOP)


def test_the_same_without_the_marker_loses_something(doors: Doors) -> None:
    expected = wanted(doors, ("chat", CHANGES), ("forgetful", CHANGES))
    assert in_the_end(doors) != expected


def test_a_bot_that_is_killed_again_and_again_loses_nothing_either(
    doors: Doors, thorough: bool
) -> None:
    rng = random.Random(3)
    chat, editor = (250, 150) if thorough else (80, 50)
    deaths = 0
    with ThreadPoolExecutor() as pool:
        expected = pool.submit(wanted, doors, ("database", chat), ("editor", editor))
        while not expected.done():
            end, theirs = os.pipe()
            words = ["bot", str(doors.path.parent), "0", "0"]
            with forked.start(words, module=MODULE, stdout=theirs):  # and kill it
                os.close(theirs)
                with os.fdopen(end) as begun:
                    begun.readline()
                time.sleep(rng.random() * 0.2)
            deaths += 1
    assert deaths > 4
    assert in_the_end(doors) == expected.result()
