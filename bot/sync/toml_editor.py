"""Reads and rewrites the ``[[channels]]`` part of a ``bot.toml``'s text.

Pure: no file, no database. ``render`` touches what has to change and nothing else: a setting's
value, the items of one array, a block. Every comment stays, as near as can be to where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tomli_w

from bot import config
from bot.config.channels import opens_channel
from bot.config.toml_blocks import (
    Kind,
    PartKind,
    Span,
    Statement,
    array_parts,
    line_end_of,
    statements,
)
from bot.config.toml_source import BOM
from bot.model import Channel, Keyword
from bot.model.snapshots import SETTINGS, Listing, Snapshot

MAX_LINE_WIDTH = 100  # columns of an array that stays on one line
INDENT = "    "
_HEADERS = (Kind.HEADER, Kind.ARRAY_HEADER)
_NO_CONTENT = (Kind.BLANK, Kind.COMMENT)
_MARKER = re.compile(r"#\s*daily-papers: revision ([0-9]{1,12})\.([0-9a-f]{8})\b")


@dataclass(frozen=True, slots=True)
class Marker:
    """Which revision a text shows, or once showed before somebody edited it.

    ``digest`` is that of the revision's snapshot: the same number in a file from elsewhere is
    another revision.
    """

    number: int
    digest: str

    def __str__(self) -> str:
        return (
            f"# daily-papers: revision {self.number}.{self.digest}"
            " (written by the bot; please leave this line)"
        )


@dataclass(frozen=True, slots=True)
class ParsedChannels:
    """What a text says. ``marker`` is ``None`` if there is none, or several that disagree
    (``conflicting``)."""

    snapshot: Snapshot
    marker: Marker | None
    conflicting: bool = False

    @property
    def unmarked(self) -> bool:
        """Whether the text never had a marker, or lost it."""
        return self.marker is None and not self.conflicting


# Each change reads the text that the one before it wrote, and reads its own once it is made.
@lru_cache(maxsize=2)
def read(text: str, path: Path) -> ParsedChannels:
    """What this text says as the file at ``path``.

    Raises ConfigError with every mistake in the whole text, not only in the channels.
    """
    snapshot = config.check(text, path).channels
    found = {_marker(text, statement) for statement in statements(text)} - {None}
    return ParsedChannels(
        snapshot, found.pop() if len(found) == 1 else None, conflicting=len(found) > 1
    )


def render(text: str, path: Path, current: Snapshot, revision: int) -> str:
    """The text, changed so that it shows ``current`` as that revision.

    Every byte above the first ``[[channels]]`` stays, except an old marker. A block that is right
    stays as it is, however it is written. The block of a channel that follows nothing any more is
    removed, or only emptied if somebody commented it.

    Raises ConfigError if the text is wrong, or if it can't show ``current``: a channel of a
    platform that the text switches off.
    """
    before = read(text, path).snapshot
    marker = Marker(revision, current.digest)
    bom = BOM if text.startswith(BOM) else ""
    new = bom + _Rewriter(text.removeprefix(bom), before, current, marker).rewritten()
    shown = read(new, path)
    if shown.snapshot.meaning != current.meaning or (current.meaning and shown.marker != marker):
        raise AssertionError("the rewritten file does not show what it should; it was not written")
    return new


def _marker(text: str, statement: Statement) -> Marker | None:
    if statement.kind is not Kind.COMMENT or statement.comment is None:
        return None
    found = _MARKER.match(statement.comment.of(text))
    return Marker(int(found[1]), found[2]) if found else None


@dataclass(frozen=True, slots=True)
class _Edit:
    """What stands at ``place`` becomes ``text``."""

    place: Span
    text: str


@dataclass(slots=True)
class _Block:
    """One ``[[channels]]`` with its pairs, and the index of the statement behind its last one."""

    header: Statement
    pairs: dict[str, Statement]
    first: int
    behind: int

    @property
    def lines(self) -> Span:
        last = max([self.header, *self.pairs.values()], key=lambda pair: pair.lines.end)
        return Span(self.header.lines.start, last.lines.end)


class _Rewriter:
    """Works out the edits that make one text show the current state."""

    def __init__(self, text: str, before: Snapshot, current: Snapshot, marker: Marker) -> None:
        self._text = text
        self._before = before
        self._current = current
        self._wanted = current.by_channel
        self._marker = marker
        self._statements = list(statements(text))
        self._line_end = line_end_of(text)
        self._blocks = list(self._find_blocks())
        self._edits: list[_Edit] = []

    def rewritten(self) -> str:
        for block, listing in zip(self._blocks, self._before.listings, strict=True):
            channel = listing.channel.id
            wanted = self._wanted.get(channel, Listing(Channel(channel)))
            if wanted.bare and not listing.bare and not self._commented(block):
                self._remove(block)
            else:
                self._settings(block, listing, wanted)
                self._keywords(block, listing, wanted)
        self._append_new()
        return self._edited()

    def _find_blocks(self) -> Iterator[_Block]:
        block: _Block | None = None
        for index, statement in enumerate(self._statements):
            if statement.kind in _HEADERS:
                if block is not None:
                    yield block
                opens = opens_channel(statement)
                block = _Block(statement, {}, index, index + 1) if opens else None
            elif statement.kind is Kind.PAIR and block is not None:
                block.pairs[statement.key[0]] = statement
                block.behind = index + 1
        if block is not None:
            yield block

    # -- one block --------------------------------------------------------------------------------

    def _commented(self, block: _Block) -> bool:
        """Whether a comment belongs to the block: in it, or directly above or below."""
        above = self._statements[block.first - 1] if block.first else None
        if above is not None and self._is_comment(above):
            return True
        inside = self._statements[block.first : block.behind]
        below = self._statements[block.behind : self._end_of_comments(block.behind)]
        return any(
            statement.comment is not None or "#" in statement.value.of(self._text)
            for statement in [*inside, *below]
        )

    def _is_comment(self, statement: Statement) -> bool:
        return statement.kind is Kind.COMMENT and _marker(self._text, statement) is None

    def _end_of_comments(self, index: int) -> int:
        """Behind the comments that begin here, unless they stand directly above a header."""
        end = index
        while end < len(self._statements) and self._is_comment(self._statements[end]):
            end += 1
        at_header = end < len(self._statements) and self._statements[end].kind in _HEADERS
        return index if at_header else end

    def _remove(self, block: _Block) -> None:
        """The block's lines, and the blank ones behind it."""
        last = block.behind
        while last < len(self._statements) and self._statements[last].kind is Kind.BLANK:
            last += 1
        end = self._statements[last - 1].lines.end
        self._edits.append(_Edit(Span(block.lines.start, end), ""))

    def _settings(self, block: _Block, listing: Listing, wanted: Listing) -> None:
        for name in SETTINGS:
            value = getattr(wanted.channel, name)
            if value == getattr(listing.channel, name):
                continue
            pair = block.pairs.get(name)
            if pair is None:
                line = f"{name} = {_literal(value)}{self._line_end}"
                start = block.pairs["keywords"].lines.start
                self._edits.append(_Edit(Span(start, start), line))
            elif value is None:
                kept = "" if pair.comment is None else pair.comment.of(self._text) + self._line_end
                self._edits.append(_Edit(pair.lines, kept))
            else:
                self._edits.append(_Edit(pair.value, _literal(value)))

    def _keywords(self, block: _Block, listing: Listing, wanted: Listing) -> None:
        has, wants = listing.by_canonical, wanted.by_canonical
        if has.keys() == wants.keys():
            return
        place = block.pairs["keywords"].value
        stays = [canonical in wants for canonical in has]
        new = [keyword for canonical, keyword in wants.items() if canonical not in has]
        self._edits.append(_Edit(place, self._array(place.of(self._text), stays, new)))

    def _array(self, written: str, stays: list[bool], new: list[Keyword]) -> str:
        """The array with only the items that stay and the new ones; comments keep their place."""
        lines: list[list[str]] = []  # an item or nothing, then a comment or nothing
        items = iter(stays)
        stayed = False
        comments = False
        for part in array_parts(written):
            if part.kind is PartKind.ITEM:
                stayed = next(items)
                if stayed:
                    lines.append([f"{part.text},"])
            else:
                comments = True
                if part.kind is PartKind.COMMENT_BEHIND and stayed:
                    lines[-1].append(part.text)
                else:
                    lines.append([part.text])
        lines += [[f"{_literal(keyword.text)},"] for keyword in new]
        one_line = f"[{' '.join(item for (item, *_) in lines).removesuffix(',')}]"
        if not lines or not (comments or "\n" in written or len(one_line) > MAX_LINE_WIDTH):
            return one_line
        indented = [f"{INDENT}{'  '.join(line)}{self._line_end}" for line in lines]
        return f"[{self._line_end}{''.join(indented)}]"

    # -- behind the last block --------------------------------------------------------------------

    def _append_new(self) -> None:
        """New channels, then the marker: behind the last block, or at the end of the text."""
        has = self._before.by_channel
        new = [
            listing
            for listing in self._current.listings
            if not listing.bare and listing.channel.id not in has
        ]
        markers = [
            index
            for index, statement in enumerate(self._statements)
            if _marker(self._text, statement) is not None
        ]
        if len(markers) == 1 and self._is_behind(markers[0]):
            self._replace_marker(self._statements[markers[0]], new)
            return
        for index in markers:
            self._edits.append(_Edit(self._statements[index].lines, ""))
        if self._current.meaning:
            end = len(self._statements)
            self._append(
                self._end_of_comments(self._blocks[-1].behind) if self._blocks else end, new
            )

    def _is_behind(self, index: int) -> bool:
        """Whether blocks may stand here: below the last one, and no pair up to the next header."""
        first = self._blocks[-1].behind if self._blocks else index
        between = self._statements[first:index]
        if index < first or any(statement.kind not in _NO_CONTENT for statement in between):
            return False
        while index < len(self._statements) and self._statements[index].kind in _NO_CONTENT:
            index += 1
        return index == len(self._statements) or self._statements[index].kind in _HEADERS

    def _replace_marker(self, marker: Statement, new: list[Listing]) -> None:
        """A marker in its place is rewritten there; new channels come before it."""
        start = marker.lines.start
        lines = "".join(self._block_text(listing) + self._line_end for listing in new)
        self._edits.append(_Edit(Span(start, start), lines))
        self._edits.append(_Edit(marker.comment or marker.lines, str(self._marker)))

    def _append(self, index: int, new: list[Listing]) -> None:
        at_end = index == len(self._statements)
        place = len(self._text) if at_end else self._statements[index].lines.start
        before = self._text[:place]
        unfinished = bool(before) and not before.endswith("\n")
        paragraphs = [*map(self._block_text, new), str(self._marker) + self._line_end]
        gap = self._line_end if before else ""
        lines = self._line_end * unfinished + gap + self._line_end.join(paragraphs)
        self._edits.append(_Edit(Span(place, place), lines))

    def _block_text(self, listing: Listing) -> str:
        settings = {name: getattr(listing.channel, name) for name in SETTINGS}
        body = {
            "id": listing.channel.id,
            **{name: value for name, value in settings.items() if value is not None},
            "keywords": [keyword.text for keyword in listing.keywords],
        }
        lines = ["[[channels]]", *tomli_w.dumps(body).splitlines(), ""]
        return self._line_end.join(lines)

    def _edited(self) -> str:
        """Edits at one place are made in the order in which they were found."""
        pieces, done = [], 0
        for edit in sorted(self._edits, key=lambda edit: (edit.place.start, edit.place.end)):
            pieces += [self._text[done : edit.place.start], edit.text]
            done = max(done, edit.place.end)
        return "".join([*pieces, self._text[done:]])


def _literal(text: str) -> str:
    return tomli_w.dumps({"k": text}).removeprefix("k = ").removesuffix("\n")
