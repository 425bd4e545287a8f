"""Renders replies with their buttons, and whole abstracts, as Discord views. Pure.

Other people's text is inert, as in a digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final

import discord
from discord import ui

from adapters.discord.buttons import AbstractButton, CommandButton, CommandMenu, PaperButton
from adapters.discord.limits import CONTENT
from adapters.discord.markup import BREAK, inert
from adapters.discord.mentions import (
    CommandFormatter,
    CommandMentions,
    as_plain_text,
    inert_with_references,
)
from adapters.discord.render import ACCENT, badge, linked_title
from bot.model import Entry, Offer, Paper, Reply, Row, Section, TextFile
from bot.text import authors_line, digests, first_lines, reading, shorten, shorten_to_fit
from bot.text.badges import badges

MAX_TEXT_SIZE: Final = 3800  # over all texts of a message, in the unit of ``_size``
BYTES_PER_CHARACTER: Final = 2.5
MAX_CODE_SIZE: Final = 3000
MAX_ROWS: Final = 10
MAX_SECTIONS: Final = 11  # rows and papers, of three components each; 40 with all others
MAX_AUTHORS_LENGTH: Final = 1000
MAX_FACT_LENGTH: Final = 300  # of a paper that is shown in full
TYPED_COMMANDS: Final = CommandMentions()  # knows no ids


def reply_view(
    reply: Reply,
    *,
    format_command: CommandFormatter = TYPED_COMMANDS,
    monospaced: bool = False,
    note: str = "",
) -> ui.LayoutView:
    """``note`` is shown below the text. The first line of a change is bold.

    ``format_command`` renders the commands that a text refers to.
    """
    view = ui.LayoutView(timeout=None)
    file = reply_file(reply)
    texts = [_reply_text(reply, note, format_command, monospaced=monospaced)]
    if reply.code and file is None:
        texts.append(_code_block(reply.code))
    for text in texts:
        view.add_item(ui.TextDisplay(text))
    room = MAX_TEXT_SIZE - sum(map(_size, texts))
    rows = reply.rows[:MAX_ROWS]
    entries = reply.entries[: MAX_SECTIONS - len(rows)]
    below = []
    for section in () if reply.picture else reply.sections:
        below.append(_section_text(section, room, format_command))
        room -= _size(below[-1])
    for item in _rows_and_papers(rows, entries, room, format_command):
        view.add_item(item)
    for text in below:
        view.add_item(ui.TextDisplay(text))
    if reply.picture is not None:
        shown_at = f"attachment://{reply.picture.name}"
        picture = discord.MediaGalleryItem(shown_at, description=reply.picture.alt)
        view.add_item(ui.MediaGallery(picture))
    if reply.menu is not None:
        view.add_item(ui.ActionRow(CommandMenu(reply.menu.words, reply.menu)))
    if file is not None:
        view.add_item(ui.File(f"attachment://{file.name}"))
    if reply.offers:
        view.add_item(ui.ActionRow(*map(_button, reply.offers[:5])))
    return view


def _reply_text(
    reply: Reply, note: str, format_command: CommandFormatter, *, monospaced: bool
) -> str:
    def shown(text: str) -> str:
        if monospaced:
            return _code_block(text)
        if reply.announcement:
            return _with_bold_first_line(text, format_command, reply.times)
        return inert_with_references(text, format_command, reply.times)

    whole = f"{reply.text}\n{note}" if note else reply.text
    return _fit_lines(whole, MAX_TEXT_SIZE, shown)


def _section_text(section: Section, room: int, format_command: CommandFormatter) -> str:
    def shown(text: str) -> str:
        return inert_with_references(text, format_command)

    heading = f"### {inert(section.heading)}\n"
    return heading + _fit_lines(section.text, room - _size(heading), shown)


def reply_file(reply: Reply) -> TextFile | None:
    """What is attached: the reply's file, or its code if that is too long for a message."""
    if reply.file is None and _size(_code_block(reply.code)) > MAX_CODE_SIZE:
        return TextFile("citation.bib", reply.code)
    return reply.file


def attached(reply: Reply) -> dict[str, bytes]:
    """The files to send along with the reply's view: their contents by name."""
    file, picture = reply_file(reply), reply.picture
    return {
        **({file.name: file.text.encode()} if file else {}),
        **({picture.name: picture.data} if picture else {}),
    }


def _rows_and_papers(
    rows: Sequence[Row], entries: Sequence[Entry], room: int, format_command: CommandFormatter
) -> Iterator[ui.Section[Any] | ui.TextDisplay[Any]]:
    """Every row, the longer ones shortened; as many of the papers as fit."""
    share = room // max(len(rows), 1)
    for row in rows:
        detail = f"\n-# {_fit(row.detail, share // 3, format_command)}" if row.detail else ""
        content = f"**{_fit(row.text, share - _size(detail) - 4)}**{detail}"
        room -= _size(content)
        display = ui.TextDisplay[Any](content)
        yield ui.Section(display, accessory=_button(row.offers[0])) if row.offers else display
    for entry in entries:
        content = _entry(entry)
        room -= _size(content)
        if room < 0:
            return
        yield ui.Section(ui.TextDisplay(content), accessory=AbstractButton(entry.paper.id))


def _entry(entry: Entry) -> str:
    paper = entry.paper
    about = " · ".join(filter(None, (authors_line(paper.authors), *digests.facts(paper))))
    shown = " · ".join([_fit(about, 500), *map(badge, badges(paper))])
    return f"**{linked_title(paper)}**\n-# {shown}"


def _button(offer: Offer) -> CommandButton:
    return CommandButton(offer.words, offer.label)


def _size(text: str) -> int:
    """Characters; more for text in which the bytes are the tighter limit."""
    return max(len(text), ceil(len(text.encode()) / BYTES_PER_CHARACTER))


def _fit(text: str, room: int, format_command: CommandFormatter = TYPED_COMMANDS) -> str:
    """Inert, and no larger than ``room``; an ellipsis where nothing fits."""

    def shown(part: str) -> str:
        return inert_with_references(part, format_command)

    return shown(shorten_to_fit(text, lambda part: _size(shown(part)) <= room))


def _fit_lines(text: str, room: int, shown: Callable[[str], str]) -> str:
    """As many whole lines as fit."""
    return shown(first_lines(text, lambda part: _size(shown(part)) <= room))


def line(text: str) -> str:
    """The content of a plain message, inert and within the limit."""
    return inert(shorten_to_fit(text, lambda part: len(inert(part)) <= CONTENT))


def _with_bold_first_line(
    text: str, format_command: CommandFormatter, times: Mapping[str, datetime]
) -> str:
    first, newline, rest = text.partition("\n")
    rest = inert_with_references(rest, format_command, times)
    return f"**{inert_with_references(first, format_command, times)}**{newline}{rest}"


def _code_block(text: str) -> str:
    """Monospaced; nothing in the text ends the block."""
    return f"```\n{as_plain_text(text).replace('`', f'`{BREAK}')}\n```"


def abstract_view(paper: Paper) -> ui.LayoutView:
    """The whole abstract, all authors, links to the paper, and what can be done with it."""
    view = paper_view(paper)
    buttons = (PaperButton(each.words, each.label) for each in reading.offers(paper))
    view.add_item(ui.ActionRow(*buttons))
    return view


def paper_view(paper: Paper) -> ui.LayoutView:
    """The whole abstract, all authors, and links to the paper."""
    about = " · ".join(shorten(fact, MAX_FACT_LENGTH) for fact in reading.facts(paper))
    shown = " · ".join([_fit(about, 600), *map(badge, badges(paper))])
    head = (
        f"### {linked_title(paper)}\n"
        f"{_fit(', '.join(paper.authors), MAX_AUTHORS_LENGTH)}\n-# {shown}"
    )
    abstract = paper.abstract or reading.NO_ABSTRACT
    view = ui.LayoutView(timeout=None)
    box = ui.Container[Any](accent_colour=ACCENT)
    box.add_item(ui.TextDisplay(head))
    box.add_item(ui.TextDisplay(_fit(abstract, MAX_TEXT_SIZE - _size(head))))
    view.add_item(box)
    view.add_item(ui.ActionRow(*(_link_button(*each) for each in reading.links(paper))))
    return view


def _link_button(label: str, url: str) -> ui.Button[Any]:
    return ui.Button(label=label, style=discord.ButtonStyle.link, url=url)


def plain_view(text: str, format_command: CommandFormatter = TYPED_COMMANDS) -> ui.LayoutView:
    """A sentence or two; monospaced where a second line points at a mistake."""
    return reply_view(Reply(text), format_command=format_command, monospaced="\n " in text)
