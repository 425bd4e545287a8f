"""Keeps the ``[[channels]]`` part of ``bot.toml`` and the database in sync.

The database holds what counts; the file shows all of it up to ``[bot] mirror`` channels, and
beyond that the channels that a person wrote there. People change it in the chat, where the
store writes it, or in the file, in any editor. ``sync`` carries each side's changes over to the
other, and neither can lose the other's. It knows nothing about what a keyword means, keeps in
memory only what saves it from reading the file again, and never waits for anybody.

**Three-way merge.** Each time the file is written the database gets a revision, whose snapshot it
keeps, and the file a marker line with the revision's number and digest. What a person changed is
the difference between the file and the snapshot *that their editor started from*: the marker
travels with the text. So a file that was opened at revision 17 and saved after a slash command made
revision 18 says 17, and does not take back what 18 brought. Comparing with the last revision
instead would.

**A text without a marker** was written by somebody who never saw ours, as a program does that
writes the whole file from a template. Its base is the last text without a marker: what the template
lost is removed, and what came through the chat stays.

**A text of unknown origin removes nothing.** The first without a marker, one about other channels
than the one before it, two markers that disagree, or one of a revision that is not ours (too old,
another bot's, newer than a restored database): then what is not in the text may have been removed,
or never been known to it, and nobody can tell. Its additions count. A fresh ``bot.toml`` on an old
database therefore does not empty it.

**Commit first, then write.** An attempt reads the file, and in *one* transaction merges, applies,
records the new revision and the digests of the text it merged and of the one it is about to write.
Then it writes. Stopped before the commit, nothing happened. Stopped after it, the file still holds
the text that was merged: its digest says so, it is not merged again, and the file is written.
Stopped after the write, everything is done; the revision in the file is known.
The other order has a hole: the file would carry a revision that the database never recorded,
its origin would be unknown, and the removals in it would be lost. It would also hold the
database's write lock while it waits for a disk. (Commit first would be wrong if the last revision
were taken for the base: what the commit brought and the file does not show yet would look removed.)

**An editor that saves between the read and the write** is noticed by ``shared_file``, which keeps
the editor's text beside the file. The next attempt merges it, moves it back to where it was saved,
and goes on from there; after a crash the same is done.

**A file that can't be written**, or may not be by a command that only reads, is synchronised one
way only: nothing in it shows what the bot did. There the base is what the file said when it was
last merged, which the state keeps, as long as the file has the same marker.

**A wrong file** changes nothing and is not overwritten: ``sync`` raises ConfigError, the chat goes
on with the database alone, and once the file is right it is merged as above.

**A text that would remove much** (more than half of the channels or of the keywords, and at least
three), or that is only the beginning of the previous text, as if it had not been saved completely,
is held back: nothing of it is taken over, the file stays as it is, and a person has to confirm that
it is intended. Saving it again confirms nothing, as a program that lost a part would do so, too.

**What stays undecidable** errs on the side of a keyword too many, which people see and can remove
again. If somebody adds a keyword in the file, saves, and takes it out again before the bot has
reacted to the first save (within milliseconds, or after a crash), the text is the same as one by
somebody who never saw the keyword.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.config.toml_source import MAX_FILE_BYTES, FileUnreadable
from bot.config.toml_source import decode as text_of
from bot.errors import ConfigError, StoreBroken
from bot.model.snapshots import Change
from bot.ports import Clock, SyncDatabase
from bot.private_files import open_file, reason
from bot.sync.merge import GUEST, MIRROR, Merge, SyncState
from bot.sync.os_calls import OsCalls, Writers
from bot.sync.shared_file import (
    FileContent,
    FileUnwritable,
    ReplaceResult,
    SharedFile,
    digest_of,
)
from bot.sync.toml_editor import read

RETRY_INTERVAL = 60.0  # seconds until a file that could not be read or written is tried again
STEADY_AFTER = 2.0  # seconds without a change after which nobody is in the middle of saving
_MAX_ATTEMPTS = 20  # while somebody saves again and again
_RESCUED = (
    "{} was saved while the bot wrote {}, and so was another text. What it says about channels was"
    " taken over; check whether anything else in it is missing, and remove it"
)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one ``sync`` did.

    ``changes`` were taken over from the file. ``wrote``: the file was changed. ``retry``: somebody
    is saving the file at this moment, or holds the lock (``locked``: nothing was done); sync again
    in a second. ``problem``: why the file does not show what the database holds, in a sentence, or
    empty; ``held_back``: because a person has to confirm it. ``warnings`` are for the log; a
    lasting one is reported only the first time. ``discarded`` was removed from the database,
    because the file can't hold it. ``guest``: the file may not remove what the database holds,
    because another machine's may.
    """

    changes: tuple[Change, ...] = ()
    wrote: bool = False
    retry: bool = False
    locked: bool = False
    held_back: bool = False
    problem: str = ""
    warnings: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    guest: bool = False


@dataclass(slots=True)
class _Collected:
    """What the attempts of one sync have brought so far."""

    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    set_aside: set[str] = field(default_factory=set)
    discarded: list[str] = field(default_factory=list)
    guest: bool = False

    def add(self, merged: Merge) -> None:
        self.changes += merged.changes
        self.warnings += [merged.warning] if merged.warning else []
        self.set_aside.update(merged.set_aside)
        self.discarded += merged.discarded
        self.guest = merged.is_guest


class _MergeHeldBack(Exception):
    """The text is not taken over until a person has confirmed it; says why."""


class Synchronizer:
    """Keeps one file and one database in sync.

    ``lock`` is a file of its own; all bots of one data folder share it. It also keeps the
    identity by which a ``shared`` database, one that several machines use, knows the file.
    """

    def __init__(
        self,
        path: Path,
        lock: Path,
        clock: Clock,
        os_calls: OsCalls | None = None,
        *,
        mirror: int = MIRROR,
        shared: bool = False,
    ) -> None:
        self._path = path
        self._shared = shared
        self._identity = ""
        self._mirror = mirror
        self.lock_path = lock
        self._clock = clock
        self._file = SharedFile(path, os_calls or OsCalls())
        self._digest = ""  # of the file when it was last read
        self._digest_since = 0.0  # by the monotonic clock
        self._signature: tuple[int, ...] | None = None
        self._signature_steady = False  # it was the same twice in a row
        self._problem = ""
        self._problem_at = 0.0  # when it was last met, by the monotonic clock
        self._retry = True
        self._told_guest = False
        self._told_aside: set[str] = set()  # what the file can't hold, as reported already

    def sync(
        self,
        database: SyncDatabase,
        *,
        accept: bool = False,
        discard: bool = False,
        write: bool = True,
    ) -> SyncReport:
        """Take over what was changed in the file, and let the file show what the database holds.

        Without ``write`` only the former: the file stays as it is, byte for byte.

        A text that looks truncated, or would remove much, is held back unless the caller may
        ``accept`` it: a ``problem`` says so, and neither the database nor the file is changed.
        What the database holds and the file can't is left out of the file; with ``discard`` it is
        removed from the database.

        Blocking, for milliseconds; not to be called inside a transaction of the same database. A
        file that is missing or can't be written is a ``problem`` in the report, and removes
        nothing. While another ``sync`` holds the lock nothing is done, and ``locked`` says so.
        Raises ConfigError if the file is wrong, StoreError; nothing was changed then.
        """
        collected = _Collected()
        self._retry = True  # cleared below, but not after a StoreError
        with self._locked() as locked:
            if not locked:
                return SyncReport(retry=True, locked=True)
            try:
                result = self._attempts(
                    database, collected, accept=accept, discard=discard, write=write
                )
            except _MergeHeldBack as held:
                return replace(self._report(collected, problem=str(held)), held_back=True)
            except (FileUnreadable, FileUnwritable) as error:
                self._retry = False
                return self._report(collected, problem=_sentence(self._path, error))
            except ConfigError:
                self._retry = False
                raise
        self._retry = result in (ReplaceResult.RACED, ReplaceResult.BUSY)
        return self._report(collected, result)

    def changed_since_last_sync(self) -> bool:
        """Whether there may be something to ``sync`` in the file. Cheap, for asking often.

        True until ``sync`` has read it, also if it then raises ConfigError.
        """
        if self._retry:
            return True
        if self._problem and self._clock.monotonic() - self._problem_at >= RETRY_INTERVAL:
            return True
        signature = self._file.signature()
        if signature == self._signature and self._signature_steady:
            return False
        # Two changes in one tick of the file system's clock have one signature, so the content
        # is compared once more after the signature has stopped changing.
        self._signature_steady = signature == self._signature
        self._signature = signature
        if self._problem:
            return not self._signature_steady
        try:
            return self._file.read().digest != self._digest
        except FileUnreadable:
            return True

    # -- attempts ---------------------------------------------------------------------------------

    def _attempts(
        self,
        database: SyncDatabase,
        collected: _Collected,
        *,
        accept: bool,
        discard: bool,
        write: bool,
    ) -> ReplaceResult | None:
        """The result of the last attempt; ``None`` if the file was right already, or stays as it is
        in any case."""
        result: ReplaceResult | None = ReplaceResult.RACED
        for _ in range(_MAX_ATTEMPTS):
            left_over = self._file.left_over()
            if left_over is not None and not write:
                return None  # a sync that may write has to move it back first
            content = left_over or self._file.read()
            steady = self._is_steady(content.digest)
            if content.writers is not Writers.NONE and not steady:
                return ReplaceResult.BUSY
            if left_over is not None:
                self._merge_left_over(database, left_over, collected)
                continue
            result = self._attempt(
                database,
                content,
                collected,
                steady=steady,
                accept=accept,
                discard=discard,
                write=write,
            )
            if result is not ReplaceResult.RACED:
                break
        return result

    def _attempt(
        self,
        database: SyncDatabase,
        content: FileContent,
        collected: _Collected,
        *,
        steady: bool,
        accept: bool,
        discard: bool,
        write: bool,
    ) -> ReplaceResult | None:
        text = text_of(content.data, self._path)
        parsed = read(text, self._path)
        with database.transaction() as transaction:
            merged = Merge(
                transaction,
                parsed,
                text,
                self._path,
                accept=accept,
                discard=discard,
                mirror=self._mirror,
                identity=self._identity,
            )
            new = merged.new_text() if write else None
            if not write:
                merged.leave_unwritten()
            merged.record_held_back()
        if merged.held_back:
            raise _MergeHeldBack(merged.held_back)
        collected.add(merged)
        if new is None:
            return None
        data = new.encode()
        try:
            if len(data) > MAX_FILE_BYTES:
                raise FileUnwritable(
                    f"with all keywords it would be over {MAX_FILE_BYTES // 1024**2} MiB"
                )
            result = self._file.replace(content.data, data, steady=steady)
        except FileUnwritable:
            self._save_state(database, replace(merged.state, base=parsed, text=text))
            raise
        if result is ReplaceResult.WRITTEN:
            self._is_steady(digest_of(data))
            if merged.one_way:
                self._save_state(database, replace(merged.state, base=None))
        return result

    def _is_steady(self, digest: str) -> bool:
        """Whether the file has been like this for longer than it takes to save it."""
        now = self._clock.monotonic()
        if digest != self._digest:
            self._digest, self._digest_since = digest, now
        return now - self._digest_since >= STEADY_AFTER

    def _merge_left_over(
        self, database: SyncDatabase, left_over: FileContent, collected: _Collected
    ) -> None:
        """Merge a text that a race or a crash left beside the file, and move it back."""
        with database.transaction() as transaction:
            state = SyncState.decode(transaction.state(self._identity))
        if left_over.digest in (state.written, state.merged):
            self._file.discard()
            return
        with suppress(ConfigError):  # a wrong text changes nothing; it is reported once moved back
            text = text_of(left_over.data, self._path)
            parsed = read(text, self._path)
            with database.transaction() as transaction:
                merged = Merge(
                    transaction,
                    parsed,
                    text,
                    self._path,
                    mirror=self._mirror,
                    identity=self._identity,
                )
                if not merged.held_back:  # else that is reported once it is moved back
                    merged.record_merged()
            collected.add(merged)
        self._file.restore_previous(state.written)

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """One sync at a time, whichever process or thread it is in; false if it is not our turn.

        Waits for nobody: this is the store's thread, on which everything else would wait too.
        """
        try:
            descriptor = open_file(self.lock_path)
        except OSError as error:
            raise StoreBroken(f"{self.lock_path}: {reason(error, self.lock_path)}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                if self._shared and not self._identity:
                    self._identity = self._read_identity(descriptor)
                yield True
        finally:
            os.close(descriptor)

    def _read_identity(self, lock: int) -> str:
        """The identity in the lock file, whose lock we hold; a new one if the file is empty."""
        try:
            found = os.pread(lock, 100, 0).decode("ascii", "replace").strip()
            if not found:
                found = secrets.token_hex(16)
                os.pwrite(lock, f"{found}\n".encode(), 0)
        except OSError as error:
            raise StoreBroken(f"{self.lock_path}: {error.strerror}") from error
        return found

    def _save_state(self, database: SyncDatabase, state: SyncState) -> None:
        with database.transaction() as transaction:
            transaction.set_state(self._identity, state.encode())

    def _report(
        self, collected: _Collected, result: ReplaceResult | None = None, problem: str = ""
    ) -> SyncReport:
        self._signature = self._file.signature()
        self._signature_steady = False
        new = [problem] if problem and problem != self._problem else []
        self._problem = problem
        self._problem_at = self._clock.monotonic()
        collected.warnings += [
            _RESCUED.format(rescued, self._path) for rescued in self._file.rescued
        ]
        self._file.rescued.clear()
        collected.warnings += [
            f"in the database {each}, so it is ignored and bot.toml does not show it. To remove"
            " it: `daily-papers sync --discard`"
            for each in sorted(collected.set_aside - self._told_aside)
        ]
        self._told_aside = collected.set_aside
        if collected.guest and not self._told_guest:
            collected.warnings.append(GUEST)
        self._told_guest = collected.guest
        return SyncReport(
            changes=tuple(collected.changes),
            wrote=result is ReplaceResult.WRITTEN,
            retry=self._retry,
            problem=problem,
            warnings=(*collected.warnings, *new),
            discarded=tuple(collected.discarded),
            guest=collected.guest,
        )


def _sentence(path: Path, error: FileUnreadable | FileUnwritable) -> str:
    if isinstance(error, FileUnreadable):
        return f"{error}\n  keywords changed in the chat still count; nothing was removed"
    return f"{path} can't be written ({error}), so it does not show what is changed in the chat"
