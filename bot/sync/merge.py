"""One text of ``bot.toml`` merged into the truth, within one transaction; or held back.

Decides what a person changed and what the file should hold; reads and writes no file. Why it is
done so is told in ``channels_file``.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.errors import ConfigError
from bot.model.snapshots import Change, Snapshot, Unfollow, decode, encode, merge
from bot.sync.shared_file import digest_of
from bot.sync.toml_editor import Marker, Reading, read, render

LEAST_HELD_BACK = 3  # removed keywords or channels; fewer are taken over, whatever their share
_CONFIRM = (
    " Nothing of it was taken over, and it was left as it is. If that is meant, confirm it with"
    " `daily-papers sync --accept`; else save it again as it should be"
)
WHO = "bot.toml"  # who made a change that came from the file
_CEILING = 10**11  # no revision number of ours; a marker above it was made up


class SyncTransaction(Protocol):
    """The truth, and what is kept about the file, within one transaction."""

    def current(self) -> Snapshot:
        """Every channel that follows something or has a setting of its own."""
        ...

    def apply(self, changes: Sequence[Change], who: str) -> None:
        """Make the truth so; what is so already stays."""
        ...

    def last_revision(self) -> int:
        """The highest number recorded; 0 if there is none."""
        ...

    def revision(self, number: int) -> bytes | None:
        """What was recorded under this number; ``None``: not known (any more)."""
        ...

    def record_revision(self, number: int, snapshot: bytes) -> None:
        """Keep it, and at least the 200 before it."""
        ...

    def note(self) -> bytes | None:
        """What ``set_note`` kept; ``None`` before the first time."""
        ...

    def set_note(self, note: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Note:
    """``merged`` is the digest of the last text that was taken over, ``answer`` of the text that
    was to replace it. ``base`` is what that text said, kept only while the file can't be written.
    ``plain`` is what the last text without a marker said; ``last`` the text that the file is to
    hold since.
    """

    merged: str = ""
    answer: str = ""
    base: Snapshot | None = None
    plain: Snapshot | None = None
    last: str = ""

    def encode(self) -> bytes:
        last = base64.b64encode(zlib.compress(self.last.encode(), level=1)).decode()
        kept = [self.merged, self.answer, _packed(self.base), _packed(self.plain), last]
        return json.dumps(kept).encode()

    @classmethod
    def decode(cls, kept: bytes | None) -> Note:
        """What ``encode`` kept; the empty note for ``None``."""
        if kept is None:
            return cls()
        merged, answer, base, plain, last = json.loads(kept)
        text = zlib.decompress(base64.b64decode(last)).decode()
        return cls(merged, answer, _unpacked(base), _unpacked(plain), text)


def _packed(snapshot: Snapshot | None) -> str | None:
    return None if snapshot is None else base64.b64encode(encode(snapshot)).decode()


def _unpacked(packed: str | None) -> Snapshot | None:
    return None if packed is None else decode(base64.b64decode(packed))


class Merge:
    """Merges the text into the truth, and says what the file should hold.

    ``changes`` were applied. ``one_way``: the file could not be written the last time. ``note`` is
    what is kept about the file. ``held_back`` says why nothing was applied, or is empty; with
    ``accept`` it always is. Then the file is to stay as it is.
    """

    def __init__(
        self,
        pages: SyncTransaction,
        reading: Reading,
        text: str,
        path: Path,
        *,
        accept: bool = False,
    ) -> None:
        self._pages = pages
        self._reading = reading
        self._text = text
        self._path = path
        self._digest = digest = digest_of(text.encode())
        self.note = Note.decode(pages.note())
        self._shown = self._known(reading.marker)
        self.one_way = self.note.base is not None
        self.changes: tuple[Change, ...] = ()
        self.held_back = ""
        if digest != self.note.merged:
            cut = self._cut_off_from()
            self.changes = merge(cut or self._origin(), reading.snapshot)
            if not accept:
                self.held_back = self._cut_off() if cut else self._removes_much()
        if self.held_back:
            self.changes = ()
        if self.changes:
            pages.apply(self.changes, WHO)
        self._truth = pages.current()
        self.warning = self._doubt() if digest != self.note.merged else ""

    def _cut_off_from(self) -> Snapshot | None:
        """What the text before said, if this one is its beginning, and not all that it said.

        So a file looks that was not saved whole: by an editor that crashed, on a full disk.
        """
        last = self.note.last
        if len(self._text) >= len(last) or not last.startswith(self._text.rstrip()):
            return None
        try:
            said = read(last, self._path).snapshot
        except ConfigError:  # a keyword that an earlier version of the bot understood
            return None
        return said if said.meaning != self._reading.snapshot.meaning else None

    def _cut_off(self) -> str:
        return (
            f"bot.toml ends after {len(self._text):,} of the {len(self.note.last):,} characters"
            f" that it had, as a file does that was not saved whole.{_CONFIRM}"
        )

    def _removes_much(self) -> str:
        """What to say of a text that would remove more than half of what is followed; or nothing.

        Fewer than ``LEAST_HELD_BACK`` removals never count as many.
        """
        gone = {
            (c.channel_id, c.keyword.canonical) for c in self.changes if isinstance(c, Unfollow)
        }
        if len(gone) < LEAST_HELD_BACK:
            return ""
        followed = {
            channel_id: set(canonicals)
            for channel_id, (_, canonicals) in self._pages.current().meaning.items()
            if canonicals
        }
        keywords = sum(map(len, followed.values()))
        left = {
            channel_id: {each for each in canonicals if (channel_id, each) not in gone}
            for channel_id, canonicals in followed.items()
        }
        removed = keywords - sum(map(len, left.values()))
        emptied = sum(not canonicals for canonicals in left.values())
        if not (_are_many(removed, keywords) or _are_many(emptied, len(followed))):
            return ""
        return (
            f"bot.toml would remove {removed} of {keywords} keywords, and leave {emptied} of"
            f" {len(followed)} channels without any.{_CONFIRM}"
        )

    def _known(self, marker: Marker | None) -> Snapshot | None:
        """The revision that the marker names; ``None`` if it is not ours."""
        kept = self._pages.revision(marker.number) if marker else None
        if marker is None or kept is None:
            return None
        snapshot = decode(kept)
        return snapshot if snapshot.digest == marker.digest else None

    def _origin(self) -> Snapshot:
        """What the person who saved this text started from; empty if nobody can tell."""
        return self.note.base or self._shown or self._earlier() or Snapshot()

    def _earlier(self) -> Snapshot | None:
        """For a text without a marker: the one without a marker before it, if the two are about the
        same channels. So does a program that writes the whole file from a template of its own.
        """
        before = self.note.plain
        if not self._reading.plain or before is None:
            return None
        related = before.meaning.keys() & self._reading.snapshot.meaning.keys()
        return before if related else None

    def _doubt(self) -> str:
        """What to tell if the text may have been meant to remove something, and did not."""
        known = self.one_way or self._shown is not None or not self._pages.last_revision()
        if known or not merge(self._truth, self._reading.snapshot):
            return ""
        if self._reading.plain:
            return (
                'bot.toml has no line "# daily-papers: revision …" any more. What it adds was taken'
                " over, and what it lost since the last text without that line; what came through"
                " the chat stays. To drop something of that, remove it now, and leave that line"
            )
        return (
            'bot.toml is of an unknown state: its line "# daily-papers: revision …" is not ours,'
            " so nobody can tell what was removed from it; what it adds was taken over, and nothing"
            " was removed. If something should go, remove it now, and leave that line"
        )

    def taken(self) -> None:
        """Note that this text was merged, and nothing else."""
        self._keep(self.note.answer, self.note.base, self.note.last)

    def new_text(self) -> str | None:
        """What the file should hold; ``None`` if what it holds is right, or to stay as it is.

        Raises ConfigError.
        """
        if self.held_back:
            return None
        meaning = self._truth.meaning
        shown = self._shown.meaning if self._shown else {}
        base = self._reading.snapshot if self.one_way else None
        if self._reading.snapshot.meaning == meaning == shown:
            if self.one_way:
                self._keep(self.note.answer, base, self._text)
            return None
        new = render(self._text, self._path, self._truth, self._revision())
        self._keep(digest_of(new.encode()), base, new)
        return new

    def _revision(self) -> int:
        """The number under which the truth is recorded, above every number that was ever seen."""
        last = self._pages.last_revision()
        marker = self._reading.marker
        found = marker.number if marker is not None and marker.number < _CEILING else 0
        kept = self._pages.revision(last) if last >= found else None
        if kept is not None and decode(kept).meaning == self._truth.meaning:
            return last
        self._pages.record_revision(max(last, found) + 1, encode(self._truth))
        return max(last, found) + 1

    def _keep(self, answer: str, base: Snapshot | None, last: str) -> None:
        """Note that this text was merged, and what is to stand in its place."""
        plain = self._reading.snapshot if self._reading.plain else self.note.plain
        note = Note(self._digest, answer, base, plain, last)
        if note != self.note:
            self._pages.set_note(note.encode())
        self.note = note


def _are_many(removed: int, of: int) -> bool:
    return removed >= LEAST_HELD_BACK and 2 * removed > of
