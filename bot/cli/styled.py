"""How answers look on a terminal: the same words as in a pipe, coloured and wrapped to its width.

Wraps down to 40 columns, and never beyond 100, because longer lines are hard to read. A command or
an address is never broken, so that it can be copied and pasted. Colours are left out where
``NO_COLOR`` is set or the terminal has none. Rich is loaded only where a terminal needs it, so that
pipes and errors don't wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.style import Style
from rich.text import Text

from bot.chat.reports import PaperReport, StatusReport
from bot.cli.references import called
from bot.model import Entry, Finding, Reply, Row
from bot.redaction import redacted
from bot.references import Address, CommandReference, split_references
from bot.text import authors_line, digests
from bot.text.badges import badges

MAX_WIDTH: Final = 100  # columns, as for posts
NARROW: Final = 60  # columns; below it what stands side by side elsewhere is stacked
SUBJECT_WIDTH: Final = 16  # columns of what a finding is about
INDENT: Final = "  "

PLAIN: Final = Style()
STRONG: Final = Style(bold=True)
DIM: Final = Style(dim=True)
TITLE: Final = Style(color="cyan", bold=True)
KEYWORD: Final = Style(color="green")
COMMAND: Final = Style(color="yellow")
ADDRESS: Final = Style(color="cyan")
GOOD: Final = Style(color="green", bold=True)
OPEN: Final = Style(color="yellow", bold=True)
BAD: Final = Style(color="red", bold=True)

# Whether a channel is well, by the cause that explains its status; any other is under way.
_WELL: Final = frozenset({"all_posted", "nothing_new", "weekend", "holiday"})
_WRONG: Final = frozenset(
    {"refused", "down", "local", "source_failed", "throttled", "overdue", "stuck"}
)

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Blanks, and words; a number stays with what it counts.
_PARTS = re.compile(r"\s+|(?<!\S)\d[\d,]* (?=\w)\S+|\S+")
_LABEL = re.compile(r"[A-Z][a-z]+(?: \w+){0,4}: ")


@dataclass(frozen=True, slots=True)
class _Word:
    """What is not broken across lines; with ``whole``, not even if it is wider than a line."""

    text: Text
    whole: bool = False


class StyledOutput:
    """A terminal that answers are written to."""

    def __init__(self, stream: TextIO) -> None:
        self.console = Console(file=stream, highlight=False, markup=False, legacy_windows=False)
        self.width = min(self.console.width, MAX_WIDTH)
        self.console.width = self.width
        self._stream = stream

    # -- answers ----------------------------------------------------------------------------------

    def reply(self, reply: Reply) -> None:
        match reply.report:
            case StatusReport():
                self._status(reply, reply.report)
            case PaperReport():
                self._paper(reply, reply.report)
            case _:
                self._text(reply.text)
        if reply.rows:
            self._print()
            self._rows(reply.rows)
        for entry in reply.entries:
            self._print()
            self._entry(entry)
        for section in reply.sections:
            self._print()
            self.paragraph(section.heading, style=STRONG)
            self._text(section.text, INDENT)

    def finding(self, finding: Finding) -> None:
        """What ``check`` found: a mark, the subject, the text, and the remedy if it is needed."""
        good, bad = ("✓", "✗") if self._can_show("✓✗") else ("ok", "WRONG")
        mark = Text(good, GOOD) if finding.ok else Text(bad, BAD)
        head = Text.assemble(mark, " ", (finding.subject.removesuffix(":"), STRONG))
        if self.width < NARROW or cell_len(head.plain) > SUBJECT_WIDTH:
            self._print(head)
            indent = INDENT if self.width < NARROW else " " * (SUBJECT_WIDTH + 1)
            self.paragraph(finding.text, indent)
        else:
            indent = " " * (SUBJECT_WIDTH + 1)
            self.paragraph(finding.text, indent, head=head)
        if not finding.ok and finding.remedy:
            self.paragraph(finding.remedy, indent, style=COMMAND)

    def note(self, text: str) -> None:
        """Each line wrapped; one that is indented stays so, with what is wrapped of it."""
        for line in text.split("\n"):
            own = " " * (len(line) - len(line.lstrip(" ")))
            self.paragraph(line, own + INDENT if own else "", first_indent=own)

    def _status(self, reply: Reply, report: StatusReport) -> None:
        """The words of the reply; the last paragraphs are those of the channels."""
        paragraphs = reply.text.split("\n\n")
        own = len(paragraphs) - len(report.channels)
        self._text("\n\n".join(paragraphs[:own]))
        for paragraph, channel in zip(paragraphs[own:], report.channels, strict=True):
            style = OPEN
            if channel.cause in _WELL:
                style = GOOD
            elif channel.cause in _WRONG:
                style = BAD
            head, *lines = paragraph.split("\n")
            name, colon, figures = head.partition(": ")
            self._print()
            bullet = "●" if self._can_show("●") else "*"
            named = Text.assemble((f"{bullet} ", style), (name + colon.strip(), STRONG))
            self.paragraph(figures, INDENT * 2, style=DIM, head=named)
            self._text("\n".join(lines))

    def _paper(self, reply: Reply, report: PaperReport) -> None:
        """The title, and a paragraph for each channel."""
        first, *lines = reply.text.split("\n")
        self.paragraph(first, INDENT, style=TITLE, first_indent="")
        if report.url:
            self._print(Text.assemble(INDENT, _address(report.url)))
        names = {channel.channel.removesuffix(":") for channel in report.channels}
        for line in lines:
            name, colon, rest = line.partition(": ")
            self._print()
            if colon and name in names:
                self.paragraph(rest, INDENT, head=Text(f"{name}:", STRONG))
            else:
                self.paragraph(line)

    def _rows(self, rows: Sequence[Row]) -> None:
        """A table of two columns; on a narrow terminal, the second one is below the first."""
        if self.width < NARROW:
            for row in rows:
                self.paragraph(row.text, INDENT, style=KEYWORD, first_indent="")
                self.paragraph(row.detail, INDENT, style=DIM)
            return
        longest = max(cell_len(_shown(row.text)) for row in rows)
        left = min(longest, self.width // 2)
        for row in rows:
            texts = list(self._wrapped(_words(row.text, KEYWORD), left))
            details = list(self._wrapped(_words(row.detail, DIM), self.width - left - 4))
            for number in range(max(len(texts), len(details))):
                text = texts[number] if number < len(texts) else Text()
                detail = details[number] if number < len(details) else Text()
                gap = " " * (left - cell_len(text.plain) + 2)
                self._print(Text(INDENT) + text + Text(gap) + detail)

    def _entry(self, entry: Entry) -> None:
        paper = entry.paper
        self.paragraph(paper.title, INDENT, style=TITLE)
        self.paragraph(authors_line(paper.authors), INDENT)
        facts = (*digests.facts(paper), *(badge.text for badge in badges(paper)))
        self.paragraph(" · ".join(facts), INDENT, style=DIM)
        self._print(Text.assemble(INDENT, _address(paper.url)))

    # -- what they are made of --------------------------------------------------------------------

    def _text(self, text: str, indent: str = "") -> None:
        """The lines, wrapped; labels at their beginnings become a column of their own, where there
        is room for one."""
        lines = text.split("\n")
        labels = {line: found[0] for line in lines if (found := _LABEL.match(line))}
        column = " " * max((len(label) + 1 for label in labels.values()), default=0)
        if self.width < NARROW or len(labels) < 2:
            column = INDENT
        for line in lines:
            if not line:
                self._print()
            elif label := labels.get(line):
                head = Text.assemble(indent, (label.rstrip(), DIM))
                self.paragraph(line.removeprefix(label), indent + column, head=head)
            else:
                own = indent + " " * (len(line) - len(line.lstrip(" ")))
                if own and len(labels) > 1:  # it belongs to the label above
                    own = indent + column
                self.paragraph(line, own)

    def paragraph(
        self,
        text: str,
        indent: str = "",
        *,
        style: Style = PLAIN,
        head: Text | None = None,
        first_indent: str | None = None,
    ) -> None:
        """One paragraph with all its lines indented; ``head`` precedes the first one, in place of
        its indentation if it fits there."""
        words = _words(text, style)
        before = Text(indent if first_indent is None else first_indent)
        if head is not None:
            before = Text.assemble(head)
            before.append(" " * max(1, len(indent) - cell_len(head.plain)))
        for line in self._wrapped(words, self.width, before, Text(indent)):
            self._print(line)

    def _wrapped(
        self,
        words: Sequence[_Word],
        width: int,
        first: Text | None = None,
        rest: Text | None = None,
    ) -> Iterator[Text]:
        """The words in lines of that width, which begin with ``first`` and then ``rest``."""
        rest = rest if rest is not None else Text()
        line, is_empty = Text.assemble(first if first is not None else ""), True
        for word in words:
            used = cell_len(line.plain) + (0 if is_empty else 1)
            if used + cell_len(word.text.plain) > width and (
                not is_empty or cell_len(line.plain) > cell_len(rest.plain)
            ):
                yield line
                line, is_empty = rest.copy(), True
            if not is_empty:
                line.append(" ")
            room = width - cell_len(rest.plain)
            if not word.whole and cell_len(word.text.plain) > room:
                *chopped, last = chop_cells(word.text.plain, max(room, 2))
                for part in chopped:
                    yield Text.assemble(line, (part, word.text.style))
                    line = rest.copy()
                line.append(last, word.text.style)
            else:
                line.append_text(word.text)
            is_empty = False
        if not is_empty or line.plain.strip():
            yield line

    def _print(self, line: Text | None = None) -> None:
        line = line if line is not None else Text()
        line.plain = _safe(line.plain)
        line.rstrip()
        self.console.print(line, soft_wrap=True)

    def _can_show(self, signs: str) -> bool:
        try:
            signs.encode(self._stream.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True


def _words(text: str, style: Style) -> list[_Word]:
    """The words of a text; a command or an address counts as one, with whatever touches it."""
    words: list[_Word] = []
    touches = False
    for piece in split_references(redacted(text)):
        match piece:
            case CommandReference():
                parts = [_Word(Text(_safe(called(piece)), COMMAND), whole=True)]
            case Address(url):
                parts = [_Word(_address(url), whole=True)]
            case _:
                parts = [_Word(Text(each, style)) for each in _PARTS.findall(_safe(piece))]
        for part in parts:
            if part.text.plain.isspace():
                touches = False
            elif touches:
                before = words.pop()
                words.append(
                    _Word(Text.assemble(before.text, part.text), before.whole or part.whole)
                )
            else:
                words.append(part)
                touches = True
    return words


def _address(url: str) -> Text:
    """The whole address, and a link where the terminal supports links."""
    return Text(_safe(url), ADDRESS + Style(link=_safe(url)))


def _safe(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return _CONTROL.sub("\ufffd", text)


def _shown(text: str) -> str:
    return " ".join(word.text.plain for word in _words(text, PLAIN))
