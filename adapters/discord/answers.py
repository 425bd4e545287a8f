"""What people are answered, as Discord shows it: replies with their buttons, and a whole abstract.

Pure, but for the library's own objects. Text of others is inert here as in a digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import discord
from discord import ui

from adapters.discord.buttons import AbstractButton, SayButton
from adapters.discord.markup import inert, link
from adapters.discord.render import ACCENT, LONGEST_TITLE
from bot.model import Entry, Offer, Paper, Reply, Row
from bot.text import authors_line, digests, shorten

MOST: Final = 3800  # characters over all texts of a message
MOST_ROWS: Final = 10
LONGEST_AUTHORS: Final = 1000


def reply_view(reply: Reply, *, monospaced: bool = False, note: str = "") -> ui.LayoutView:
    """``note`` is a remark of the platform's own below the text."""
    view = ui.LayoutView(timeout=None)
    room = MOST
    whole = f"{reply.text}\n{note}" if note else reply.text
    said = f"```\n{_cut(whole, room)}\n```" if monospaced else inert(_cut(whole, room))
    view.add_item(ui.TextDisplay(said[:MOST]))
    room -= len(said)
    for item in _listed(reply.rows[:MOST_ROWS], reply.entries, room):
        view.add_item(item)
    if reply.offers:
        view.add_item(ui.ActionRow(*map(_button, reply.offers[:5])))
    return view


def _listed(
    rows: Sequence[Row], entries: Sequence[Entry], room: int
) -> Iterator[ui.Section[Any] | ui.TextDisplay[Any]]:
    for row in rows:
        detail = f"\n-# {inert(row.detail)}" if row.detail else ""
        said = f"**{inert(row.text)}**{detail}"
        room -= len(said)
        if room < 0:
            return
        display = ui.TextDisplay[Any](said)
        yield ui.Section(display, accessory=_button(row.offers[0])) if row.offers else display
    for entry in entries:
        said = _entry(entry)
        room -= len(said)
        if room < 0:
            return
        yield ui.Section(ui.TextDisplay(said), accessory=AbstractButton(entry.paper.id))


def _entry(entry: Entry) -> str:
    paper = entry.paper
    about = " · ".join((authors_line(paper.authors), *digests.facts(paper)))
    return f"**{link(shorten(paper.title, LONGEST_TITLE), paper.url)}**\n-# {inert(about)}"


def _button(offer: Offer) -> SayButton:
    return SayButton(offer.words, offer.label)


def _cut(text: str, room: int) -> str:
    """Whole lines, as many as fit; escaping may make them longer by a third."""
    room = room * 3 // 4
    if len(text) <= room:
        return text
    return f"{text[:room].rpartition(chr(10))[0] or text[:room]}\n…"


def abstract_view(paper: Paper) -> ui.LayoutView:
    """The whole abstract, all authors, and where to read on."""
    authors = shorten(", ".join(paper.authors), LONGEST_AUTHORS)
    facts = [", ".join(paper.categories), *digests.facts(paper)[1:], paper.comment]
    facts += [paper.journal_ref, f"version {paper.version}" if paper.version > 1 else ""]
    head = (
        f"### {link(shorten(paper.title, LONGEST_TITLE), paper.url)}\n{inert(authors)}\n"
        f"-# {' · '.join(inert(shorten(fact, 300)) for fact in facts if fact)}"
    )[:2400]
    room = MOST - len(head)
    abstract = inert(paper.abstract) if paper.abstract else "arXiv has no abstract of it."
    view = ui.LayoutView(timeout=None)
    box = ui.Container[Any](accent_colour=ACCENT)
    box.add_item(ui.TextDisplay(head))
    box.add_item(ui.TextDisplay(shorten(abstract, room)))
    view.add_item(box)
    view.add_item(
        ui.ActionRow(
            ui.Button(label="arXiv", style=discord.ButtonStyle.link, url=paper.url),
            ui.Button(label="PDF", style=discord.ButtonStyle.link, url=paper.pdf_url),
        )
    )
    return view


def plain_view(text: str) -> ui.LayoutView:
    """A sentence, or a mistake pointed at: aligned where it has several lines."""
    return reply_view(Reply(text), monospaced="\n" in text)
