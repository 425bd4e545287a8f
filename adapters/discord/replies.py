"""What people are answered, as Discord shows it: replies with their buttons, and a whole abstract.

Pure, but for the library's own objects. Text of others is inert here as in a digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final

import discord
from discord import ui

from adapters.discord.buttons import AbstractButton, ChoiceMenu, SayButton
from adapters.discord.limits import CONTENT
from adapters.discord.markup import BREAK, inert, link
from adapters.discord.mentions import Mentions, Named, inert_but_for_references, plainly
from adapters.discord.render import ACCENT, LONGEST_TITLE
from bot.model import Entry, Offer, Paper, Reply, Row
from bot.text import authors_line, digests, first_lines, shorten, shorten_to_fit

MOST: Final = 3800  # characters over all texts of a message, or that share of the bytes
BYTES_EACH: Final = 2.5
MOST_ROWS: Final = 10
MOST_SECTIONS: Final = 11  # rows and papers, of three components each; 40 with the rest
LONGEST_AUTHORS: Final = 1000
DEFAULT: Final = Mentions()  # commands are to be typed


def reply_view(
    reply: Reply, *, named: Named = DEFAULT, monospaced: bool = False, note: str = ""
) -> ui.LayoutView:
    """``note`` is a remark of the platform's own below the text. What was done stands out.

    ``named`` says how a command is shown that a text names.
    """
    view = ui.LayoutView(timeout=None)
    whole = f"{reply.text}\n{note}" if note else reply.text

    def shown(text: str) -> str:
        if monospaced:
            return _fenced(text)
        if reply.announcement:
            return _done(text, named, reply.times)
        return inert_but_for_references(text, named, reply.times)

    said = _lines(whole, MOST, shown)
    view.add_item(ui.TextDisplay(said))
    room = MOST - _size(said)
    for section in reply.sections:
        heading = f"### {inert(section.heading)}\n"
        text = _lines(
            section.text,
            room - _size(heading),
            lambda text: inert_but_for_references(text, named),
        )
        room -= _size(heading + text)
        view.add_item(ui.TextDisplay(heading + text))
    rows = reply.rows[:MOST_ROWS]
    entries = reply.entries[: MOST_SECTIONS - len(rows)]
    for item in _listed(rows, entries, room, named):
        view.add_item(item)
    if reply.menu is not None:
        view.add_item(ui.ActionRow(ChoiceMenu(reply.menu.words, reply.menu)))
    if reply.offers:
        view.add_item(ui.ActionRow(*map(_button, reply.offers[:5])))
    return view


def _listed(
    rows: Sequence[Row], entries: Sequence[Entry], room: int, named: Named
) -> Iterator[ui.Section[Any] | ui.TextDisplay[Any]]:
    """Every row, the longer ones shortened; of the papers as many as find room."""
    share = room // max(len(rows), 1)
    for row in rows:
        detail = f"\n-# {_fitted(row.detail, share // 3, named)}" if row.detail else ""
        said = f"**{_fitted(row.text, share - _size(detail) - 4)}**{detail}"
        room -= _size(said)
        display = ui.TextDisplay[Any](said)
        yield ui.Section(display, accessory=_button(row.offers[0])) if row.offers else display
    for entry in entries:
        said = _entry(entry)
        room -= _size(said)
        if room < 0:
            return
        yield ui.Section(ui.TextDisplay(said), accessory=AbstractButton(entry.paper.id))


def _entry(entry: Entry) -> str:
    paper = entry.paper
    about = " · ".join(filter(None, (authors_line(paper.authors), *digests.facts(paper))))
    return f"**{link(shorten(paper.title, LONGEST_TITLE), paper.url)}**\n-# {_fitted(about, 500)}"


def _button(offer: Offer) -> SayButton:
    return SayButton(offer.words, offer.label)


def _size(text: str) -> int:
    """Characters, or as many as its bytes count for where these are the tighter limit."""
    return max(len(text), ceil(len(text.encode()) / BYTES_EACH))


def _fitted(text: str, room: int, named: Named = DEFAULT) -> str:
    """Inert, and not larger than ``room``; where that is nothing, an ellipsis."""

    def shown(part: str) -> str:
        return inert_but_for_references(part, named)

    return shown(shorten_to_fit(text, lambda part: _size(shown(part)) <= room))


def _lines(text: str, room: int, shown: Callable[[str], str]) -> str:
    """As many whole lines as fit."""
    return shown(first_lines(text, lambda part: _size(shown(part)) <= room))


def line(text: str) -> str:
    """A plain message's content: one that mentions nobody, and says what others wrote as it is."""
    return inert(shorten_to_fit(text, lambda part: len(inert(part)) <= CONTENT))


def _done(text: str, named: Named, times: Mapping[str, datetime]) -> str:
    first, newline, rest = text.partition("\n")
    rest = inert_but_for_references(rest, named, times)
    return f"**{inert_but_for_references(first, named, times)}**{newline}{rest}"


def _fenced(text: str) -> str:
    """Aligned, and nothing in it ends that."""
    return f"```\n{plainly(text).replace('`', f'`{BREAK}')}\n```"


def abstract_view(paper: Paper) -> ui.LayoutView:
    """The whole abstract, all authors, and where to read on."""
    facts = [", ".join(paper.categories), *digests.facts(paper)[1:], paper.comment]
    facts += [paper.journal_ref, f"version {paper.version}" if paper.version > 1 else ""]
    about = " · ".join(shorten(fact, 300) for fact in facts if fact)
    head = (
        f"### {link(shorten(paper.title, LONGEST_TITLE), paper.url)}\n"
        f"{_fitted(', '.join(paper.authors), LONGEST_AUTHORS)}\n-# {_fitted(about, 600)}"
    )
    abstract = paper.abstract or "arXiv has no abstract of it."
    view = ui.LayoutView(timeout=None)
    box = ui.Container[Any](accent_colour=ACCENT)
    box.add_item(ui.TextDisplay(head))
    box.add_item(ui.TextDisplay(_fitted(abstract, MOST - _size(head))))
    view.add_item(box)
    view.add_item(
        ui.ActionRow(
            ui.Button(label="arXiv", style=discord.ButtonStyle.link, url=paper.url),
            ui.Button(label="PDF", style=discord.ButtonStyle.link, url=paper.pdf_url),
        )
    )
    return view


def plain_view(text: str, named: Named = DEFAULT) -> ui.LayoutView:
    """A sentence or two, or a mistake pointed at: that is aligned."""
    return reply_view(Reply(text), named=named, monospaced="\n " in text)
