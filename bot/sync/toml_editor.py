"""Reads and rewrites the ``[[channels]]`` part of a ``bot.toml``'s text.

Pure: no file, no database. ``render`` touches what has to change and nothing else: a setting's
value, the items of one array, a block. Every comment stays, as near as can be to where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import tomli_w

from bot import config
from bot.config.channels import as_toml, opens_channel
from bot.config.toml_blocks import (
    BOM,
    ArrayToken,
    ArrayTokenKind,
    Span,
    Statement,
    StatementKind,
    array_tokens,
    line_end_of,
    statements,
)
from bot.model import Channel, Keyword
from bot.model.snapshots import SETTINGS, Listing, Snapshot

MAX_LINE_WIDTH = 100  # columns of an array that stays on one line
INDENT = "    "
_HEADERS = (StatementKind.HEADER, StatementKind.ARRAY_HEADER)
_NO_CONTENT = (StatementKind.BLANK, StatementKind.COMMENT)
_MARKER = re.compile(r"#\s*daily-papers: revision ([0-9]{1,12})\.([0-9a-f]{8})\b")


@dataclass(frozen=True, slots=True)
class Marker:
    """Which revision a text shows, or showed before somebody edited it.

    ``digest`` is that of the revision's snapshot: in a file from elsewhere, the same number means
    another revision. ``elsewhere`` is how many channels the database held that the file does not
    show.
    """

    number: int
    digest: str
    elsewhere: int = field(default=0, compare=False)

    def __str__(self) -> str:
        marker = (
            f"# daily-papers: revision {self.number}.{self.digest}"
            " (written by the bot; please leave this line)"
        )
        if not self.elsewhere:
            return marker
        return (
            f"{marker}; channels that the database alone held when this was written:"
            f" {self.elsewhere}"
        )


class ParsedChannels(NamedTuple):
    """What a text says. ``marker`` is ``None`` if there is none, or several that disagree
    (``conflicting``)."""

    snapshot: Snapshot
    marker: Marker | None
    conflicting: bool = False

    @property
    def unmarked(self) -> bool:
        """Whether the text never had a marker, or lost it."""
        return self.marker is None and not self.conflicting


def read(text: str, path: Path) -> ParsedChannels:
    """What this text says as the file at ``path``.

    Raises ConfigError with every mistake in the whole text, not only in the channels.
    """
    snapshot = config.check(text, path).channels
    found = {_marker(text, statement) for statement in statements(text)} - {None}
    return ParsedChannels(
        snapshot, found.pop() if len(found) == 1 else None, conflicting=len(found) > 1
    )


def render(text: str, path: Path, current: Snapshot, revision: int, elsewhere: int = 0) -> str:
    """The text, changed so that it shows ``current`` as this ``revision``.

    Every byte above the first ``[[channels]]`` stays, except an old marker. A block that is right
    stays as it is, however it is written. The block of a channel that follows nothing any more is
    removed, or only emptied if somebody commented it.

    Raises ConfigError if the text is wrong.
    """
    before = read(text, path).snapshot
    marker = Marker(revision, current.digest, elsewhere)
    bom = BOM if text.startswith(BOM) else ""
    new = bom + _Rewriter(text.removeprefix(bom), before, current, marker).rewritten()
    shown = read(new, path)
    if shown.snapshot.meaning != current.meaning or (current.meaning and shown.marker != marker):
        raise AssertionError("the rewritten file does not show what it should; it was not written")
    return new


def _marker(text: str, statement: Statement) -> Marker | None:
    if statement.kind is not StatementKind.COMMENT or statement.comment is None:
        return None
    found = _MARKER.match(statement.comment.of(text))
    return Marker(int(found[1]), found[2]) if found else None


class _Edit(NamedTuple):
    """What stands at ``place`` becomes ``text``."""

    place: Span
    text: str


@dataclass(slots=True)
class _Block:
    """One ``[[channels]]`` with its pairs, and the index of the statement after its last one."""

    header: Statement
    pairs: dict[str, Statement]
    first: int
    behind: int

    @property
    def lines(self) -> Span:
        last = max([self.header, *self.pairs.values()], key=lambda pair: pair.lines.end)
        return Span(self.header.lines.start, last.lines.end)


def _apply(edits: Sequence[_Edit], text: str) -> str:
    """The text with all edits; those at the same place in the order in which they are given."""
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.place.start, edit.place.end)):
        pieces += [text[done : edit.place.start], edit.text]
        done = max(done, edit.place.end)
    return "".join([*pieces, text[done:]])


class _Rewriter:
    """Works out the edits that make one text show the current state."""

    def __init__(self, text: str, before: Snapshot, current: Snapshot, marker: Marker) -> None:
        self._text = text
        self._before = before
        self._current = current
        self._wanted = current.by_channel
        self._marker = marker
        self._statements = statements(text)
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
                self._mutes(block, listing, wanted)
        self._append_new()
        return _apply(self._edits, self._text)

    def _find_blocks(self) -> Iterator[_Block]:
        block: _Block | None = None
        for index, statement in enumerate(self._statements):
            if statement.kind in _HEADERS:
                if block is not None:
                    yield block
                opens = opens_channel(statement)
                block = _Block(statement, {}, index, index + 1) if opens else None
            elif statement.kind is StatementKind.PAIR and block is not None:
                block.pairs[statement.key[0]] = statement
                block.behind = index + 1
        if block is not None:
            yield block

    # -- one block --------------------------------------------------------------------------------

    def _commented(self, block: _Block) -> bool:
        """Whether a comment belongs to the block: in it, or directly above or below. The comments
        on the lines of its keywords go with the keywords."""
        above = self._statements[block.first - 1] if block.first else None
        if above is not None and self._is_comment(above):
            return True
        inside = self._statements[block.first : block.behind]
        below = self._statements[block.behind : self._end_of_comments(block.behind)]
        if any(statement.comment is not None for statement in [*inside, *below]):
            return True
        written = block.pairs["keywords"].value.of(self._text)
        items = sum(token.kind is ArrayTokenKind.ITEM for token in array_tokens(written))
        return edit_array(written, [False] * items, [], self._line_end) != "[]"

    def _is_comment(self, statement: Statement) -> bool:
        return statement.kind is StatementKind.COMMENT and _marker(self._text, statement) is None

    def _end_of_comments(self, index: int) -> int:
        """The index after the comments that begin here, unless they are directly above a header."""
        end = index
        while end < len(self._statements) and self._is_comment(self._statements[end]):
            end += 1
        at_header = end < len(self._statements) and self._statements[end].kind in _HEADERS
        return index if at_header else end

    def _remove(self, block: _Block) -> None:
        """Removes the block's lines, and the blank ones after it."""
        last = block.behind
        while last < len(self._statements) and self._statements[last].kind is StatementKind.BLANK:
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
                line = f"{name} = {_setting_literal(name, value)}{self._line_end}"
                start = block.pairs["keywords"].lines.start
                self._edits.append(_Edit(Span(start, start), line))
            elif value is None:
                self._edits.append(self._without(pair))
            else:
                self._edits.append(_Edit(pair.value, _setting_literal(name, value)))

    def _without(self, pair: Statement) -> _Edit:
        """Removes the pair; the comment after it stays."""
        kept = "" if pair.comment is None else pair.comment.of(self._text) + self._line_end
        return _Edit(pair.lines, kept)

    def _keywords(self, block: _Block, listing: Listing, wanted: Listing) -> None:
        has, wants = listing.by_canonical, wanted.by_canonical
        renamed = {
            index: _keyword_literal(replace(keyword, name=wants[canonical].name))
            for index, (canonical, keyword) in enumerate(has.items())
            if canonical in wants and wants[canonical].name != keyword.name
        }
        if has.keys() == wants.keys() and not renamed:
            return
        place = block.pairs["keywords"].value
        stays = [canonical in wants for canonical in has]
        written = _replace_items(place.of(self._text), renamed)
        new, between = _places(has, wants)
        edited = edit_array(written, stays, new, self._line_end, between)
        self._edits.append(_Edit(place, edited))

    def _mutes(self, block: _Block, listing: Listing, wanted: Listing) -> None:
        has = {each.canonical: each for each in listing.mutes}
        wants = {each.canonical: each for each in wanted.mutes}
        if has.keys() == wants.keys():
            return
        new = [_literal(each.text) for canonical, each in wants.items() if canonical not in has]
        pair = block.pairs.get("mute")
        if pair is None:
            line = f"mute = [{', '.join(new)}]{self._line_end}"
            start = block.pairs["keywords"].lines.start
            self._edits.append(_Edit(Span(start, start), line))
            return
        stays = [canonical in wants for canonical in has]
        edited = edit_array(pair.value.of(self._text), stays, new, self._line_end)
        if edited == "[]":
            self._edits.append(self._without(pair))
        else:
            self._edits.append(_Edit(pair.value, edited))

    # -- after the last block ---------------------------------------------------------------------

    def _append_new(self) -> None:
        """New channels, then the marker: after the last block, or at the end of the text."""
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
        """Rewrites a marker that is in the right place; new channels come before it."""
        start = marker.lines.start
        lines = "".join(block_text(listing, self._line_end) + self._line_end for listing in new)
        self._edits.append(_Edit(Span(start, start), lines))
        self._edits.append(_Edit(marker.comment or marker.lines, str(self._marker)))

    def _append(self, index: int, new: list[Listing]) -> None:
        at_end = index == len(self._statements)
        place = len(self._text) if at_end else self._statements[index].lines.start
        before = self._text[:place]
        unfinished = bool(before) and not before.endswith("\n")
        blocks = [block_text(listing, self._line_end) for listing in new]
        paragraphs = [*blocks, str(self._marker) + self._line_end]
        gap = self._line_end if before else ""
        lines = self._line_end * unfinished + gap + self._line_end.join(paragraphs)
        self._edits.append(_Edit(Span(place, place), lines))


def block_text(listing: Listing, line_end: str = "\n") -> str:
    """A channel's whole block, with a blank line after it."""
    settings = {name: getattr(listing.channel, name) for name in SETTINGS}
    body = {
        "id": listing.channel.id,
        **{name: as_toml(name, value) for name, value in settings.items() if value is not None},
    }
    items = [f"{INDENT}{_keyword_literal(each)}," for each in listing.keywords]
    keywords = ["keywords = [", *items, "]"] if items else ["keywords = []"]
    mutes = [f"mute = [{', '.join(_literal(each.text) for each in listing.mutes)}]"]
    settings_and_mutes = [*tomli_w.dumps(body).splitlines(), *(mutes if listing.mutes else [])]
    return line_end.join(["[[channels]]", *settings_and_mutes, *keywords, ""])


def _keyword_literal(keyword: Keyword) -> str:
    if not keyword.name:
        return _literal(keyword.text)
    return f"{{ name = {_literal(keyword.name)}, query = {_literal(keyword.text)} }}"


def _setting_literal(name: str, value: str) -> str:
    return _literal(as_toml(name, value))


def _literal(value: str | bool) -> str:
    return tomli_w.dumps({"k": value}).removeprefix("k = ").removesuffix("\n")


# -- one array ------------------------------------------------------------------------------------


def _places(
    has: Mapping[str, Keyword], wants: Mapping[str, Keyword]
) -> tuple[list[str], dict[int, list[str]]]:
    """The literals of the new keywords: first those after all that stay; then those that come
    before one that stays, by how many of these they follow."""
    stay = [canonical for canonical in has if canonical in wants]
    followed = {canonical: count for count, canonical in enumerate(stay, 1)}
    place, places = 0, dict[int, list[str]]()
    for canonical, keyword in wants.items():
        if canonical in has:
            place = max(place, followed[canonical])
        else:
            places.setdefault(place, []).append(_keyword_literal(keyword))
    return places.pop(len(stay), []), places


def _replace_items(written: str, literals: Mapping[int, str]) -> str:
    """The array with other literals for the items at these indexes."""
    items = (each for each in array_tokens(written) if each.kind is ArrayTokenKind.ITEM)
    edits = [
        _Edit(item.place, literals[index]) for index, item in enumerate(items) if index in literals
    ]
    return _apply(edits, written)


def edit_array(
    written: str,
    stays: Sequence[bool],
    new: Sequence[str],
    line_end: str,
    between: Mapping[int, Sequence[str]] | None = None,
) -> str:
    """An array's text with only the items that stay, and the new ones after them.

    A removed item takes the comment on its line with it, unless another item on that line stays.
    Everything else is left as it is: other comments, blank lines, indentation, and how the items
    are aligned. ``new`` are literals, and so are those that come ``between`` items that stay, by
    how many of these they follow. A line that would be too long becomes one line for each item.
    """
    edited = _with_ends(written, stays, new, line_end)
    return _with_between(edited, between, line_end) if between else edited


def _with_between(written: str, between: Mapping[int, Sequence[str]], line_end: str) -> str:
    """``written`` with these literals, by the index of the item that each is to precede.

    Each is put below the item before it, so that a comment above an item stays there; but on the
    same line if that line has items on both sides.
    """
    tokens = array_tokens(written)
    lines = _lines(tokens, len(written) - 1)
    indentation = _indentation(written, lines)
    edits = []
    index = 0
    for line in lines:
        for number, token in enumerate(line.tokens):
            if token.kind is not ArrayTokenKind.ITEM:
                continue
            index += 1
            new = between.get(index, ())
            if not new:
                continue
            rest = [each.kind for each in line.tokens[number + 1 :]]
            if ArrayTokenKind.ITEM in rest:
                after, text = token.place.end, "".join(f", {each}" for each in new)
                edits.append(_Edit(Span(after, after), text))
                continue
            below = f",{line_end}{indentation}".join(new)
            comma = "," if ArrayTokenKind.COMMA in rest else ""
            end = line.tokens[-1].place.start
            if not comma:
                edits.append(_Edit(Span(token.place.end, token.place.end), ","))
            edits.append(_Edit(Span(end, end), f"{line_end}{indentation}{below}{comma}"))
    if first := between.get(0, ()):
        edits.append(_in_front(lines, first, line_end, indentation))
    edited = _apply(edits, written)
    if len(lines) > 1 or len(edited) <= MAX_LINE_WIDTH:
        return edited
    tokens = array_tokens(edited)
    items = [each.place.of(edited) for each in tokens if each.kind is ArrayTokenKind.ITEM]
    return _one_for_each_line(items, line_end)


def _in_front(
    lines: Sequence[_ArrayLine], new: Sequence[str], line_end: str, indentation: str
) -> _Edit:
    """Before all items: on the same line, or on lines of their own."""
    items = [each for each in lines[0].tokens if each.kind is ArrayTokenKind.ITEM]
    if items:
        start = items[0].place.start
        return _Edit(Span(start, start), "".join(f"{each}, " for each in new))
    start = lines[1].place.start
    text = "".join(f"{indentation}{each},{line_end}" for each in new)
    return _Edit(Span(start, start), text)


def _one_for_each_line(items: Sequence[str], line_end: str) -> str:
    return f"[{line_end}{''.join(f'{INDENT}{each},{line_end}' for each in items)}]"


def _with_ends(written: str, stays: Sequence[bool], new: Sequence[str], line_end: str) -> str:
    """The array without the items that do not stay, and with the new ones at its end."""
    tokens = array_tokens(written)
    items = [token for token in tokens if token.kind is ArrayTokenKind.ITEM]
    removed = {item for item, stay in zip(items, stays, strict=True) if not stay}
    ends_with_comma = _last_separator(tokens) is ArrayTokenKind.COMMA
    lines = _lines(tokens, len(written) - 1)
    body = "".join(_without(written, line, removed) for line in lines)
    if len(lines) == 1:
        kept = _with_commas(f"[{body}]", trailing=ends_with_comma or bool(new))
        return _on_one_line(kept, new, line_end, ends_with_comma=ends_with_comma)
    kept = _with_commas(f"[{body}]", trailing=True)
    comma = ends_with_comma or not items
    return _on_several_lines(kept, new, line_end, _indentation(written, lines), comma=comma)


class _ArrayLine(NamedTuple):
    """One line of an array, including its line end; the first begins after the ``[``."""

    place: Span
    tokens: Sequence[ArrayToken]


def _lines(tokens: Sequence[ArrayToken], end: int) -> list[_ArrayLine]:
    """The lines up to ``end``, where the ``]`` is."""
    lines = []
    start, found = 1, list[ArrayToken]()
    for token in tokens:
        found.append(token)
        if token.kind is ArrayTokenKind.LINE_END:
            lines.append(_ArrayLine(Span(start, token.place.end), found))
            start, found = token.place.end, []
    return [*lines, _ArrayLine(Span(start, end), found)]


def _without(written: str, line: _ArrayLine, removed: Set[ArrayToken]) -> str:
    """What is left of one line without the removed items."""
    items = [token for token in line.tokens if token.kind is ArrayTokenKind.ITEM]
    if not any(item in removed for item in items):
        return line.place.of(written)
    if all(item in removed for item in items):
        last = line.tokens[-1]
        opens = line.place.start == 1 and last.kind is ArrayTokenKind.LINE_END
        return last.place.of(written) if opens else ""
    pieces, done = [], line.place.start
    kept_before = False
    for number, token in enumerate(line.tokens):
        if token not in removed:
            kept_before = kept_before or token.kind is ArrayTokenKind.ITEM
            continue
        rest = line.tokens[number + 1 :]
        comma = rest[0] if rest and rest[0].kind is ArrayTokenKind.COMMA else None
        if kept_before:  # with the blanks before it
            start, end = line.tokens[number - 1].place.end, (comma or token).place.end
        else:  # with the blanks after it, up to an item that stays
            start, end = token.place.start, rest[1 if comma else 0].place.start
        pieces.append(written[done : max(done, start)])
        done = max(done, end)
    return "".join([*pieces, written[done : line.place.end]])


def _with_commas(written: str, *, trailing: bool) -> str:
    """The array with one comma between two items; after the last one only if ``trailing``."""
    edits = []
    item: ArrayToken | None = None
    comma: ArrayToken | None = None
    for token in array_tokens(written):
        if token.kind is ArrayTokenKind.ITEM:
            if item is not None and comma is None:
                edits.append(_Edit(Span(item.place.end, item.place.end), ","))
            item, comma = token, None
        elif token.kind is ArrayTokenKind.COMMA:
            if item is None or comma is not None:
                edits.append(_Edit(token.place, ""))
            else:
                comma = token
    if comma is not None and not trailing:
        edits.append(_Edit(comma.place, ""))
    return _apply(edits, written)


def _on_one_line(kept: str, new: Sequence[str], line_end: str, *, ends_with_comma: bool) -> str:
    """``kept`` with the new items, on one line if that is not too long."""
    content = array_tokens(kept)
    items = [token.place.of(kept) for token in content if token.kind is ArrayTokenKind.ITEM]
    if not items and not new:
        return "[]"
    if not new:
        return kept
    place = content[-1].place.end if content else 1
    gap = {None: "", ArrayTokenKind.ITEM: ", ", ArrayTokenKind.COMMA: " "}[_last_separator(content)]
    added = f"{gap}{', '.join(new)}{',' * ends_with_comma}"
    line = f"{kept[:place]}{added}{kept[place:]}" if items else f"[{added}]"
    if len(line) <= MAX_LINE_WIDTH:
        return line
    return _one_for_each_line([*items, *new], line_end)


def _on_several_lines(
    kept: str, new: Sequence[str], line_end: str, indentation: str, *, comma: bool
) -> str:
    """``kept`` with a line for each new item, after the last item or comment."""
    tokens = array_tokens(kept)
    content = [token for token in tokens if token.kind is not ArrayTokenKind.LINE_END]
    items = [token for token in content if token.kind is ArrayTokenKind.ITEM]
    if not content and not new:
        return "[]"
    edits = []
    if new and items and _last_separator(tokens) is ArrayTokenKind.ITEM:
        edits.append(_Edit(Span(items[-1].place.end, items[-1].place.end), ","))
    lines = line_end.join(f"{indentation}{each}," for each in new)
    if new:
        place = content[-1].place.end if content else 1
        written = lines if comma else lines.removesuffix(",")
        edits.append(_Edit(Span(place, place), f"{line_end}{written}"))
    return _apply(edits, kept)


def _last_separator(tokens: Sequence[ArrayToken]) -> ArrayTokenKind | None:
    """Whether the array ends with an item or with a comma, apart from comments."""
    kinds = [t.kind for t in tokens if t.kind in (ArrayTokenKind.ITEM, ArrayTokenKind.COMMA)]
    return kinds[-1] if kinds else None


def _indentation(written: str, lines: Sequence[_ArrayLine]) -> str:
    """How the last item that begins a line is indented; else the last comment."""
    starts = {
        token.kind: written[line.place.start : token.place.start]
        for line in lines[1:]
        if line.tokens
        for token in line.tokens[:1]
    }
    return starts.get(ArrayTokenKind.ITEM, starts.get(ArrayTokenKind.COMMENT, INDENT))
