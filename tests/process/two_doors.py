"""One of those who change the same keywords at the same moment (run by ``test_two_doors.py``).

``chat``: a slash command changes the database and synchronises the file, again and again.
``database``: the same without synchronising; ``bot`` says that it has begun, and does that until it
is killed.
``editor``: somebody opens the file, thinks for a while, and saves it, by rename or in place.
``forgetful``: an editor whose text always claims to come from the last revision. So every text is
compared with what the bot did last, and not with what its writer saw.

Each uses keywords of its own name, adds some and removes some. An editor removes a keyword of its
own only after it has seen the bot's answer to adding it. Prints as JSON what it wants to be there
in the end.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from pathlib import Path

from bot.clock import SystemClock
from bot.keywords import parse
from bot.model.snapshots import Change, Follow, Unfollow, decode
from bot.sync.synchronizer import Synchronizer
from bot.sync.toml_editor import Marker
from tests.store.sync_database import SyncDatabaseFile

CHANNEL = "console:"
STARTS = 15  # keywords of each side that are there from the beginning
_ITEM = re.compile(r'^    "(.*)",$', re.MULTILINE)
_MARKER = re.compile(r"^# daily-papers: .*$", re.MULTILINE)


class Doors:
    """The database and the file of one folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bot.toml"
        self.database = SyncDatabaseFile(folder / "papers.sqlite3")
        self.file = Synchronizer(self.path, folder / "channels.lock", SystemClock())

    def sync(self) -> list[str]:
        """Until nobody is in the middle of saving; the warnings."""
        warnings: list[str] = []
        while True:
            report = self.file.sync(self.database)
            warnings += report.warnings
            if not report.retry:
                return warnings
            time.sleep(0.001)


def starts(side: str) -> set[str]:
    return {f"{side} start {number}" for number in range(STARTS)}


def chat(doors: Doors, times: int, rng: random.Random, *, sync: bool) -> set[str]:
    mine = starts("chat")
    for number in range(times):
        change: Change
        if mine and rng.random() < 0.4:
            words = rng.choice(sorted(mine))
            mine.discard(words)
            change = Unfollow(CHANNEL, parse(words))
        else:
            words = f"chat {number}"
            mine.add(words)
            change = Follow(CHANNEL, parse(words))
        with doors.database.transaction() as pages:
            pages.apply([change], "a person")
        if sync:
            doors.sync()
        time.sleep(rng.random() * 0.006)
    return mine


def editor(doors: Doors, times: int, rng: random.Random, *, forgetful: bool) -> set[str]:
    mine = starts("file")
    added_at: dict[str, str] = {}
    for number in range(times):
        text = doors.path.read_text()
        (marker,) = _MARKER.findall(text)
        time.sleep(rng.random() * 0.02)  # thinks; the file may be another by now
        answered = [each for each in _ITEM.findall(text) if added_at.get(each) != marker]
        there = sorted(mine.intersection(answered))
        if there and rng.random() < 0.4:
            words = rng.choice(there)
            mine.discard(words)
            text = text.replace(f'    "{words}",\n', "")
        else:
            words = f"file {number}"
            mine.add(words)
            added_at[words] = marker
            text = text.replace("keywords = [\n", f'keywords = [\n    "{words}",\n')
        if forgetful:
            text = _MARKER.sub(str(last_marker(doors.database)), text)
        if rng.random() < 0.5:
            doors.path.write_text(text)
        else:
            doors.path.with_suffix(".new").write_text(text)
            doors.path.with_suffix(".new").rename(doors.path)
    return mine


def last_marker(database: SyncDatabaseFile) -> Marker:
    with database.transaction() as pages:
        number = pages.last_revision()
        kept = pages.revision(number)
    assert kept is not None
    return Marker(number, decode(kept).digest)


def bot(doors: Doors) -> None:
    sys.stdout.write("begun\n")
    while True:
        doors.sync()


def main(role: str, folder: str, times: str, seed: str) -> None:
    doors, rng = Doors(Path(folder)), random.Random(int(seed))
    match role:
        case "chat" | "database":
            wanted = chat(doors, int(times), rng, sync=role == "chat")
        case "editor" | "forgetful":
            wanted = editor(doors, int(times), rng, forgetful=role == "forgetful")
        case _:
            bot(doors)
    sys.stdout.write(json.dumps(sorted(wanted)))


if __name__ == "__main__":
    main(*sys.argv[1:])
