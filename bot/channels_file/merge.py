"""One text of ``bot.toml`` merged into the truth, within one transaction.

Decides what a person changed and what the file should hold; reads and writes no file. Why it is
done so is told in ``channels_file``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.channels_file.shared_file import digest_of
from bot.channels_file.text import Marker, Reading, render
from bot.listing import Change, Snapshot, decode, encode, merge

WHO = "bot.toml"  # who made a change that came from the file
_CEILING = 10**11  # no revision number of ours; a marker above it was made up


class Pages(Protocol):
    """The truth, and what is kept about the file, within one transaction."""

    def truth(self) -> Snapshot:
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
    """

    merged: str = ""
    answer: str = ""
    base: Snapshot | None = None

    def encode(self) -> bytes:
        base = None if self.base is None else base64.b64encode(encode(self.base)).decode()
        return json.dumps([self.merged, self.answer, base]).encode()

    @classmethod
    def decode(cls, kept: bytes | None) -> Note:
        """What ``encode`` kept; the empty note for ``None``."""
        if kept is None:
            return cls()
        merged, answer, base = json.loads(kept)
        return cls(merged, answer, base and decode(base64.b64decode(base)))


class Merge:
    """Merges the text into the truth, and says what the file should hold.

    ``changes`` were applied. ``one_way``: the file could not be written the last time.
    """

    def __init__(self, pages: Pages, reading: Reading, digest: str) -> None:
        self._pages = pages
        self._reading = reading
        self._digest = digest
        self._note = Note.decode(pages.note())
        self._shown = self._known(reading.marker)
        self.one_way = self._note.base is not None
        self.changes: tuple[Change, ...] = ()
        if digest != self._note.merged:
            self.changes = merge(self._origin(), reading.snapshot)
        if self.changes:
            pages.apply(self.changes, WHO)
        self._truth = pages.truth()
        self.warning = self._doubt() if digest != self._note.merged else ""

    def _known(self, marker: Marker | None) -> Snapshot | None:
        """The revision that the marker names; ``None`` if it is not ours."""
        kept = self._pages.revision(marker.number) if marker else None
        if marker is None or kept is None:
            return None
        snapshot = decode(kept)
        return snapshot if snapshot.digest == marker.digest else None

    def _origin(self) -> Snapshot:
        """What the person who saved this text started from; empty if nobody can tell."""
        return self._note.base or self._shown or Snapshot()

    def _doubt(self) -> str:
        """What to tell if the text may have been meant to remove something, and did not."""
        known = self.one_way or self._shown is not None or not self._pages.last_revision()
        if known or not merge(self._truth, self._reading.snapshot):
            return ""
        lacks = (
            "has no line" if self._reading.marker is None else "is of an unknown state: its line"
        )
        return (
            f'bot.toml {lacks} "# daily-papers: revision …", so nobody can tell what was removed'
            " from it; what it adds was taken over, and nothing was removed. If something should"
            " go, remove it now, and leave that line"
        )

    def taken(self) -> None:
        """Note that this text was merged, and nothing else."""
        self._keep(Note(self._digest, self._note.answer, self._note.base))

    def new_text(self, text: str, path: Path) -> str | None:
        """What the file should hold; ``None`` if what it holds is right. Raises ConfigError."""
        meaning = self._truth.meaning
        shown = self._shown.meaning if self._shown else {}
        base = self._reading.snapshot if self.one_way else None
        if self._reading.snapshot.meaning == meaning == shown:
            if self.one_way:
                self._keep(Note(self._digest, self._note.answer, base))
            return None
        new = render(text, path, self._truth, self._revision())
        self._keep(Note(self._digest, digest_of(new.encode()), base))
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

    def _keep(self, note: Note) -> None:
        if note != self._note:
            self._pages.set_note(note.encode())
