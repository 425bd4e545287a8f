"""App Home: a person's channels with their keywords, and what can be changed there. Pure.

Slack takes 100 blocks in it (docs.slack.dev, reference/views/home-tab-views, November 2026): one
page of the core's list makes at most 70.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.slack import blocks
from adapters.slack.blocks import plain, quiet, rich, running_text, section
from adapters.slack.limits import SECTION, Block, cut
from adapters.slack.replies import ADD, View, cut_lines, readable
from bot.model import ChannelPanel, Home, Offer, Reply

# What the action_id of a button begins with; the rest makes it unique on the page.
AT_HOME: Final = "home"  # its value is the sealed channel, a space, and a command
TO_PAGE: Final = "page"  # its value is a number
MAX_BUTTONS: Final = 5
MAX_KEYWORD_LENGTH: Final = 400  # a keyword has 200 characters
MAX_DETAIL_LENGTH: Final = 400  # who added it, and what it means
MAX_STATE_LENGTH: Final = 1000  # of a channel's state; with fifty keywords a page is below 250 kB

Seal = Callable[[str], str]  # of a channel's own id (``membership``)


def home_view(
    home: Home,
    command: str,
    *,
    own_id: Callable[[str], str],
    sealed: Seal,
    metadata: str = "",
    said: Reply | None = None,
    about: str = "",
    hint: str = "",
    conversation: str = "",
) -> View:
    """``own_id`` gives Slack's id of a channel, ``sealed`` the same as a button carries it.
    ``said`` is the result of the last press, ``about`` the channel that it was about; ``hint`` a
    remark of the platform's own; ``conversation`` the person's own with the bot, to which the
    offer above the channels belongs."""
    shown: list[Block] = [blocks.header("Daily papers")]
    if said is not None:
        told = cut_lines(said.text, MAX_STATE_LENGTH)
        shown.append(rich(section(*running_text(told, command, said.times, italic=True))))
        offers = [each for each in said.offers if each.words != "list"]
        if about and offers:
            shown.append(_buttons(offers, f"{AT_HOME}:said", sealed(about)))
    state = cut_lines(home.reply.text, MAX_STATE_LENGTH)
    shown.append(rich(section(*running_text(state, command, home.reply.times))))
    begin = home.reply.offers[:1] if conversation else ()
    own = [_button(each, f"{AT_HOME}:own", sealed(conversation)) for each in begin]
    shown.append(blocks.actions(_add_button(), *own, *_page_buttons(home)))
    for number, panel in enumerate(home.panels):
        shown += _panel(panel, f"{AT_HOME}:{number}", command, own_id(panel.channel_id), sealed)
    notes = [hint, f"In a channel: {command} list, {command} status, {command} help"]
    shown.append(quiet(*filter(None, notes)))
    return {"type": "home", "blocks": shown, "private_metadata": metadata}


def _add_button() -> Block:
    return {
        "type": "button",
        "action_id": ADD,
        "text": plain("Follow a keyword"),
        "style": "primary",
    }


def _page_buttons(home: Home) -> list[Block]:
    turns = [("Earlier channels", home.page - 1), ("More channels", home.page + 1)]
    return [
        {
            "type": "button",
            "action_id": f"{TO_PAGE}:{page}",
            "value": str(page),
            "text": plain(name),
        }
        for name, page in turns
        if 1 <= page <= home.pages
    ]


def _panel(panel: ChannelPanel, name: str, command: str, own: str, sealed: Seal) -> list[Block]:
    reply = panel.reply
    text = running_text(f"\n{cut_lines(reply.text, MAX_STATE_LENGTH)}", command, reply.times)
    shown: list[Block] = [
        {"type": "divider"},
        rich(section(blocks.named_channel(own, bold=True), *text)),
    ]
    for number, row in enumerate(reply.rows):
        said = cut(row.text, MAX_KEYWORD_LENGTH)
        if row.detail:
            said += f"\n{cut(row.detail, MAX_DETAIL_LENGTH)}"
        if not row.offers:
            shown.append(rich(section(*running_text(said, command, reply.times))))
            continue
        # Beside a button there is no rich text.
        button = _button(row.offers[0], f"{name}:row:{number}", sealed(own))
        shown.append(blocks.beside(plain(cut(readable(said, command), SECTION)), button))
    if reply.offers:
        shown.append(_buttons(reply.offers, name, sealed(own)))
    return shown


def _buttons(offers: list[Offer] | tuple[Offer, ...], name: str, sealed: str) -> Block:
    some = enumerate(offers[:MAX_BUTTONS])
    return blocks.actions(*(_button(each, f"{name}:{number}", sealed) for number, each in some))


def _button(offer: Offer, action_id: str, sealed: str) -> Block:
    return {
        **blocks.say_button(offer, 0),
        "action_id": action_id,
        "value": f"{sealed} {offer.words}",
    }
