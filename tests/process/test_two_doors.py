"""The chat and an editor change the same keywords at the same moment, in processes of their own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.sync.toml_editor import read
from tests.process.two_doors import CHANNEL, Doors, starts
from tests.store.sync_database import says

ROOT = Path(__file__).resolve().parents[2]
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


def start(doors: Doors, role: str, times: int, seed: int) -> subprocess.Popen[str]:
    arguments = [role, str(doors.path.parent), str(times), str(seed)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.process.two_doors", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def wanted(process: subprocess.Popen[str]) -> set[str]:
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return set(json.loads(output))


def in_the_end(doors: Doors) -> set[str]:
    """What both doors say, once they are left alone."""
    doors.sync()
    shown = says(read(doors.path.read_text(), doors.path).snapshot)
    assert shown == doors.database.says()
    return shown[CHANNEL]


def test_two_processes_at_both_doors_lose_nothing(doors: Doors) -> None:
    chat, editor = start(doors, "chat", 100, 1), start(doors, "editor", 100, 2)
    expected = wanted(chat) | wanted(editor)
    assert in_the_end(doors) == expected
    assert doors.path.read_text().startswith(TOP)


def test_the_same_without_the_marker_loses_something(doors: Doors) -> None:
    chat, editor = start(doors, "chat", 100, 1), start(doors, "forgetful", 100, 2)
    expected = wanted(chat) | wanted(editor)
    assert in_the_end(doors) != expected


def test_a_bot_that_is_killed_again_and_again_loses_nothing_either(doors: Doors) -> None:
    rng = random.Random(3)
    database, editor = start(doors, "database", 250, 4), start(doors, "editor", 150, 5)
    deaths = 0
    while database.poll() is None or editor.poll() is None:
        bot = start(doors, "bot", 0, 0)
        time.sleep(0.3 + rng.random() * 0.2)
        bot.kill()
        bot.communicate()
        deaths += 1
    assert deaths > 2
    assert in_the_end(doors) == wanted(database) | wanted(editor)
