"""One text of ``bot.toml`` merged into the database, within one transaction; or held back.

Decides what a person changed and what the file should hold; reads and writes no file. The reasons
are in ``synchronizer``.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.config.channels import writable
from bot.config.toml_blocks import BOM
from bot.errors import ConfigError
from bot.model.snapshots import (
    Change,
    Listing,
    Snapshot,
    Unfollow,
    decode,
    encode,
    merge,
    takes_away,
)
from bot.ports import SyncTransaction
from bot.sync.shared_file import digest_of
from bot.sync.toml_editor import Marker, ParsedChannels, read, render

MIRROR = 200  # channels; the default of [bot] mirror
MASS_REMOVAL = 3  # removed keywords or channels; fewer are taken over, whatever their share
CHANGED_BY = "bot.toml"  # who made a change that came from the file
_CONFIRM = (
    " Nothing of it was taken over, and it was left unchanged. If this is intended, confirm it with"
    " `daily-papers sync --accept`; otherwise save it again as it should be"
)
GUEST = (
    "Another machine's bot.toml is the one that may remove keywords. What is added in this one"
    " counts; what is taken out of it stays in the database, and is shown again. To let this one"
    " remove instead: `daily-papers sync --accept`"
)
_MAX_REVISION = 10**11  # above all revisions of ours; a marker with more was made up


@dataclass(frozen=True, slots=True)
class SyncState:
    """What is kept about the file from one sync to the next.

    ``merged`` is the digest of the last text that was taken over, ``written`` of the text that was
    to replace it. ``base`` is what the last text said, kept only while the file could not or may
    not be written, and so does not show what the database holds. ``unmarked`` is what the last text
    without a marker said; ``text`` is what the file is to hold since. ``own`` are the ids of the
    channels that a person wrote into the file, in its order.
    """

    merged: str = ""
    written: str = ""
    base: ParsedChannels | None = None
    unmarked: Snapshot | None = None
    text: str = ""
    own: tuple[str, ...] = ()

    def encode(self) -> bytes:
        text = base64.b64encode(zlib.compress(self.text.encode(), level=1)).decode()
        base = self.base and [
            _packed(self.base.snapshot),
            self.base.marker and [self.base.marker.number, self.base.marker.digest],
            self.base.conflicting,
        ]
        kept = [self.merged, self.written, base, _packed(self.unmarked), text, list(self.own)]
        return json.dumps(kept).encode()

    @classmethod
    def decode(cls, kept: bytes | None) -> SyncState:
        """The state that ``encode`` wrote; an empty one for ``None``."""
        if kept is None:
            return cls()
        merged, written, base, unmarked, packed, own = json.loads(kept)
        text = zlib.decompress(base64.b64decode(packed)).decode()
        if base is not None:
            snapshot, marker, conflicting = base
            marker = marker and Marker(*marker)
            base = ParsedChannels(_unpacked(snapshot) or Snapshot(), marker, conflicting)
        return cls(merged, written, base, _unpacked(unmarked), text, tuple(own))


def _packed(snapshot: Snapshot | None) -> str | None:
    return None if snapshot is None else base64.b64encode(encode(snapshot)).decode()


def _unpacked(packed: str | None) -> Snapshot | None:
    return None if packed is None else decode(base64.b64decode(packed))


class Merge:
    """Merges the text into the database, and says what the file should hold.

    ``changes`` were applied. ``one_way``: the file was not written the last time, so it does not
    show what the database holds. ``state`` is what is kept about the file. ``held_back`` says why
    nothing was applied, and then the file is to stay as it is; otherwise it is empty, as always
    with ``accept``. ``set_aside`` is what the database holds and the file can't; with ``discard``
    it is removed from the database, and ``discarded`` says what that was. ``private`` are people's
    conversations with the bot that the file names: only these people change anything there, and the
    file does not show them. The file shows every channel, but if these are more than ``mirror``,
    only those that a person wrote there. Of the files of several machines, distinguished by their
    ``identity``, one may remove what the database holds; the others are guests (``is_guest``)
    unless they ``accept``.
    """

    def __init__(
        self,
        transaction: SyncTransaction,
        file: ParsedChannels,
        text: str,
        path: Path,
        *,
        accept: bool = False,
        discard: bool = False,
        mirror: int = MIRROR,
        identity: str = "",
    ) -> None:
        self._transaction = transaction
        self._file = file
        self._text = text
        self._path = path
        self._mirror = mirror
        self._digest = digest_of(text.encode())
        self._identity = identity
        self.is_guest = not _may_remove(transaction, identity, accept=accept)
        self.state = SyncState.decode(transaction.state(identity))
        self._marked = self._marked_revision(file.marker)
        self.one_way = self.state.base is not None
        self.changes: tuple[Change, ...] = ()
        self.held_back = ""
        self.is_new = self._digest != self.state.merged
        self._own = self.state.own
        self._is_cut = False
        self.private: tuple[str, ...] = ()
        self.discarded: tuple[str, ...] = ()
        if self.is_new:
            self._compare(accept=accept)
            self._apply_changes()
        if self.is_new and not self.held_back and not self.is_guest:
            self._arrange()
        held, aside = writable(transaction.current())
        if discard and not self.held_back:
            for each in aside:
                transaction.apply(each.removal, CHANGED_BY)
            self.discarded = tuple(each.text for each in aside)
            held, aside = writable(transaction.current())
        self._current, self._elsewhere = self._mirrored(held, self._own)
        self.set_aside = tuple(each.text for each in aside)
        unknown = self._unknown_base() if self.is_new and not self.is_guest else ""
        self.warning = " ".join(filter(None, (unknown, _private(self.private))))

    def _compare(self, *, accept: bool) -> None:
        """Find what a new text changes, or why a person has to confirm that first."""
        whole = self._truncated_from()
        base = whole or self._base()
        self.changes = merge(base, self._file.snapshot)
        if self.is_guest:
            self.changes = tuple(each for each in self.changes if not takes_away(each))
        self._own = self._written_by_people(base)
        self._is_cut = not self.is_guest and (whole is not None or self._lost_its_end())
        if not accept:
            self.held_back = self._truncation() if self._is_cut else self._mass_removal()
        if self.held_back:
            self.changes, self._own = (), self.state.own

    def _apply_changes(self) -> None:
        """Apply all changes except those of private conversations."""
        if not self.changes:
            return
        named = {each.channel_id for each in self.changes}
        self.changes = tuple(self._transaction.apply(self.changes, CHANGED_BY))
        self.private = tuple(sorted(named - {each.channel_id for each in self.changes}))

    def _arrange(self) -> None:
        """Put the keywords of each channel into the order that the file shows. One that it does not
        show yet stays after the one that it follows: an undo puts it between others."""
        held = self._transaction.current().by_channel
        for listing in self._file.snapshot.listings:
            wanted = listing.by_canonical
            there = held.get(listing.channel.id, Listing(listing.channel)).by_canonical
            shown = [canonical for canonical in wanted if canonical in there]
            if [canonical for canonical in there if canonical in wanted] != shown:
                order = _with_followers(shown, list(there))
                self._transaction.arrange(listing.channel.id, order)

    def _truncated_from(self) -> Snapshot | None:
        """What the previous text said, if this one is only its beginning, and says less.

        That is so when a file was not saved completely: by an editor that crashed, on a full disk.
        """
        before, text = _plain(self.state.text), _plain(self._text)
        if len(text) >= len(before) or not before.startswith(text.rstrip()):
            return None
        try:
            snapshot = read(self.state.text, self._path).snapshot
        except ConfigError:  # a keyword that an earlier version of the bot understood
            return None
        return snapshot if snapshot.meaning != self._file.snapshot.meaning else None

    def _lost_its_end(self) -> bool:
        """Whether this text does nothing but leave out the last blocks, and with them the marker,
        which stands below them.

        An editor that was open while the chat changed something, and crashed while it saved, leaves
        such a text, which is not the beginning of the previous one.
        """
        here = self._file.snapshot.by_channel.keys()
        gone = {each.channel_id for each in self.changes if takes_away(each)} - here
        if not self._file.unmarked or not gone:
            return False
        if any(each.channel_id not in gone for each in self.changes):
            return False
        try:
            order = list(read(self.state.text, self._path).snapshot.by_channel)
        except ConfigError:
            return False
        shown = [each for each in order if each in here or each in gone]
        return shown[-len(gone) :] == [each for each in shown if each in gone]

    def _written_by_people(self, base: Snapshot) -> tuple[str, ...]:
        """The channels that a person wrote into the file, and has not taken out of it since. Those
        that the bot took out, such as archived ones, come back to their places."""
        there = self._file.snapshot.by_channel.keys()
        written = {each.channel_id for each in self.changes} & there
        gone = frozenset() if self.is_guest else base.by_channel.keys() - there
        own = {*self.state.own, *written} - gone
        return (*(each for each in there if each in own), *sorted(own - there))

    def _mirrored(self, held: Snapshot, own: tuple[str, ...]) -> tuple[Snapshot, int]:
        """What the file is to show of what the database holds, and how many channels it leaves out.
        ``own`` are those that people wrote there."""
        if len(held.meaning) <= self._mirror:
            return held, 0
        people = frozenset(own)
        shown = tuple(each for each in held.listings if each.channel.id in people)
        return Snapshot(shown), len(held.listings) - len(shown)

    def _truncation(self) -> str:
        return (
            f"bot.toml ends after {len(self._text):,} of the {len(self.state.text):,} characters"
            f" that it had, as a file does that was not saved whole.{_CONFIRM}"
        )

    def _mass_removal(self) -> str:
        """A remark about a text that would remove more than half of what is followed; empty
        otherwise.

        Fewer than ``MASS_REMOVAL`` removals never count as many.
        """
        removals = {
            (c.channel_id, c.keyword.canonical) for c in self.changes if isinstance(c, Unfollow)
        }
        if len(removals) < MASS_REMOVAL:
            return ""
        held, _ = writable(self._transaction.current())
        mirrored, _ = self._mirrored(held, self.state.own)
        followed = {
            channel_id: {canonical for canonical, _ in keywords}
            for channel_id, (_, keywords, _) in mirrored.meaning.items()
            if keywords
        }
        keywords = sum(map(len, followed.values()))
        left = {
            channel_id: {each for each in canonicals if (channel_id, each) not in removals}
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

    def _marked_revision(self, marker: Marker | None) -> Snapshot | None:
        """The revision that the marker names; ``None`` if it is not ours."""
        kept = self._transaction.revision(marker.number) if marker else None
        if marker is None or kept is None:
            return None
        snapshot = decode(kept)
        return snapshot if snapshot.digest == marker.digest else None

    def _base(self) -> Snapshot:
        """What the person who saved this text started from; empty if nobody can tell."""
        return self._unwritten_base() or self._marked or self._unmarked_base() or Snapshot()

    def _unwritten_base(self) -> Snapshot | None:
        """What the file said when it was last merged and not written, if this text comes from there
        and not from another revision, which an editor may have had open for hours."""
        base = self.state.base
        if base is None or base.marker != self._file.marker:
            return None
        return base.snapshot if base.conflicting == self._file.conflicting else None

    def _unmarked_base(self) -> Snapshot | None:
        """For a text without a marker: the one without a marker before it, if the two are about the
        same channels. A program that writes the whole file from its own template makes such texts.
        """
        before = self.state.unmarked
        if not self._file.unmarked or before is None:
            return None
        related = before.meaning.keys() & self._file.snapshot.meaning.keys()
        return before if related else None

    def _unknown_base(self) -> str:
        """What to tell people if the text was perhaps meant to remove something, but did not."""
        known = self.one_way or self._marked is not None or not self._transaction.last_revision()
        if known or not merge(self._current, self._file.snapshot):
            return ""
        if self._file.unmarked:
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

    def record_held_back(self) -> None:
        """Record what was said by a text that ends too early, so that the next one is compared with
        it: what somebody changes in it counts, and what it lost stays until that is confirmed."""
        if self._is_cut:
            self._save(replace(self.state, base=self._file))

    def record_merged(self) -> None:
        """Record that this text was merged, and nothing else."""
        self._record(self.state.written, self.state.base, self.state.text)

    def leave_unwritten(self) -> None:
        """Record that this text was merged, and stays in the file as it is for now."""
        if self.is_new and not self.held_back:
            base = None if self._is_shown() else self._file
            self._record(self.state.written, base, self._text)

    def _is_shown(self) -> bool:
        """Whether the file shows what the database holds, and says so."""
        marked = self._marked.meaning if self._marked else {}
        return self._file.snapshot.meaning == self._current.meaning == marked

    def new_text(self) -> str | None:
        """What the file should hold; ``None`` if what it holds is right, or to stay as it is.

        Raises ConfigError.
        """
        if self.held_back:
            return None
        if self._is_shown():
            if self.one_way or self._text != self.state.text:  # edited outside the channels
                self._record(self.state.written, None, self._text)
            return None
        new = render(self._text, self._path, self._current, self._revision(), self._elsewhere)
        self._record(digest_of(new.encode()), self._file if self.one_way else None, new)
        return new

    def _revision(self) -> int:
        """The number under which the current state is recorded, above every number ever seen."""
        last = self._transaction.last_revision()
        marker = self._file.marker
        found = marker.number if marker is not None and marker.number < _MAX_REVISION else 0
        kept = self._transaction.revision(last) if last >= found else None
        if kept is not None and decode(kept).meaning == self._current.meaning:
            return last
        self._transaction.record_revision(max(last, found) + 1, encode(self._current))
        return max(last, found) + 1

    def _record(self, written: str, base: ParsedChannels | None, text: str) -> None:
        """Record that this text was merged, and what replaces it."""
        unmarked = self._file.snapshot if self._file.unmarked else self.state.unmarked
        state = SyncState(self._digest, written, base, unmarked, text, self._own)
        if state != self.state:
            self._save(state)

    def _save(self, state: SyncState) -> None:
        self._transaction.set_state(self._identity, state.encode())
        self.state = state


def _plain(text: str) -> str:
    """The text in the form that all editors agree on: some write a byte order mark before it, or
    end each line with a carriage return, whatever they have read."""
    return text.removeprefix(BOM).replace("\r\n", "\n")


def _private(channel_ids: Sequence[str]) -> str:
    """A remark about private conversations that the file names; empty if it names none."""
    if not channel_ids:
        return ""
    return (
        f"bot.toml names private conversations ({', '.join(channel_ids)}), in which their people"
        " alone change something: nothing was taken over there, and the file does not show them"
    )


def _may_remove(transaction: SyncTransaction, identity: str, *, accept: bool) -> bool:
    """Whether this file may remove what the database holds. The first file that a database meets
    may, and from then on only that one, until a person accepts another. Where a single process
    serves a database there is one file, whose identity is empty; it stays the same file when the
    database moves to another engine."""
    owner = transaction.file_owner()
    if owner is not None and owner != identity and "" in (owner, identity):
        transaction.rename_file(owner, identity)
        owner = identity
    if owner != identity and (owner is None or accept):
        transaction.set_file_owner(identity)
        owner = identity
    return owner == identity


def _are_many(removed: int, of: int) -> bool:
    return removed >= MASS_REMOVAL and 2 * removed > of


def _with_followers(shown: Sequence[str], present: Sequence[str]) -> list[str]:
    """What is ``shown``, in its order, each with those after it that follow it in ``present``."""
    leader = ""
    followers: dict[str, list[str]] = {each: [] for each in (leader, *shown)}
    for canonical in present:
        if canonical in followers:
            leader = canonical
        followers[leader].append(canonical)
    return [each for group in followers.values() for each in group]
