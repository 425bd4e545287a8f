"""What people are answered on Slack: replies with their buttons, the windows, App Home. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from adapters.slack import blocks
from adapters.slack.blocks import Block, Element
from adapters.slack.render import ABSTRACT, LONGEST_TITLE, escaped
from bot.model import Entry, Offer, Paper, Reply
from bot.text import authors_line, digests, shorten

SAY: Final = "say"  # action_id of a button that is a command; its value is the words
ADD: Final = "add"  # callback_id of the modal in which a keyword is put together
LONGEST_AUTHORS: Final = 1000
CATEGORIES: Final = (
    "astro-ph.*", "cond-mat.*", "cs.*", "cs.AI", "cs.CL", "cs.CV", "cs.CY", "cs.DB", "cs.DS",
    "cs.HC", "cs.IR", "cs.LG", "cs.NE", "cs.RO", "cs.SE", "econ.*", "eess.*", "gr-qc", "hep-ex",
    "hep-lat", "hep-ph", "hep-th", "math.*", "math-ph", "nlin.*", "nucl-ex", "nucl-th",
    "physics.*", "q-bio.*", "q-fin.*", "quant-ph", "stat.*", "stat.ML",
)  # fmt: skip
WHERE: Final = {
    "any": "Title or abstract",
    "ti": "Title",
    "abs": "Abstract",
    "au": "Author",
}


def reply_blocks(reply: Reply, note: str = "") -> list[Block]:
    """``note`` is a remark of the platform's own below the text."""
    shown: list[Block] = [blocks.rich([blocks.words(shorten(reply.text, 6000))])]
    if note:
        shown.append(blocks.context(note))
    for number, row in enumerate(reply.rows):
        text = f"{row.text}\n{row.detail}" if row.detail else row.text
        press = _button(row.offers[0], number) if row.offers else None
        shown.append(blocks.section(shorten(text, 500), press))
    for entry in reply.entries:
        shown += _entry(entry)
    if reply.offers:
        shown.append(blocks.actions(*(_button(o, n) for n, o in enumerate(reply.offers[:5]))))
    while not blocks.fits(shown):
        shown.pop()
    return shown


def reply_arguments(reply: Reply, note: str = "") -> dict[str, Any]:
    """For a response_url: shown to the person who asked, alone."""
    return {
        "text": escaped(shorten(reply.text, blocks.TEXT - 100)),
        "blocks": reply_blocks(reply, note),
        "response_type": "ephemeral",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _button(offer: Offer, number: int) -> Element:
    # Slack wants each action_id once in a message; what follows the colon means nothing.
    return blocks.button(offer.label, f"{SAY}:{number}", offer.words)


def _entry(entry: Entry) -> list[Block]:
    paper = entry.paper
    about = " · ".join((authors_line(paper.authors), *digests.facts(paper)))
    title = blocks.link(shorten(paper.title, LONGEST_TITLE), paper.url, bold=True)
    return [
        blocks.rich([title, blocks.words(f"\n{about}")]),
        blocks.actions(blocks.button("Abstract", ABSTRACT, paper.id)),
    ]


# -- views ----------------------------------------------------------------------------------------


def modal(title: str, shown: Sequence[Block], **more: Any) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": blocks.plain(title[:24]),
        "close": blocks.plain("Close"),
        "blocks": list(shown),
        **more,
    }


def loading() -> dict[str, Any]:
    return modal("Abstract", [blocks.rich([blocks.words("One moment …")])])


def sentence(title: str, text: str) -> dict[str, Any]:
    return modal(title, [blocks.rich([blocks.words(shorten(text, 2900))])])


def abstract_modal(paper: Paper) -> dict[str, Any]:
    """The whole abstract, all authors, and where to read on."""
    facts = [", ".join(paper.categories), *digests.facts(paper)[1:], paper.comment]
    facts += [paper.journal_ref, f"version {paper.version}" if paper.version > 1 else ""]
    abstract = paper.abstract or "arXiv has no abstract of it."
    return modal(
        "Abstract",
        [
            blocks.rich(
                [blocks.link(shorten(paper.title, LONGEST_TITLE), paper.url, bold=True)],
                [blocks.words(shorten(", ".join(paper.authors), LONGEST_AUTHORS))],
                [blocks.words(" · ".join(filter(None, facts)), italic=True)],
            ),
            blocks.rich([blocks.words(shorten(abstract, 3000))]),
            blocks.rich(
                [
                    blocks.link("arXiv", paper.url),
                    blocks.words("  ·  "),
                    blocks.link("PDF", paper.pdf_url),
                ]
            ),
        ],
    )


def add_modal(channel: str) -> dict[str, Any]:
    """Put a keyword together. ``channel`` is where it was asked for."""
    options = [_option(words, value) for value, words in WHERE.items()]
    categories = [_option(each, each) for each in CATEGORIES]
    return modal(
        "Follow a keyword",
        [
            _input("phrase", "Phrase", {"type": "plain_text_input", "max_length": 150}),
            _input(
                "where",
                "Where to look",
                {"type": "radio_buttons", "options": options, "initial_option": options[0]},
            ),
            _input(
                "categories",
                "Only in these categories",
                {"type": "multi_static_select", "options": categories},
                optional=True,
            ),
            _input(
                "channel",
                "In which channel",
                {
                    "type": "conversations_select",
                    "initial_conversation": channel,
                    "response_url_enabled": True,
                },
            ),
        ],
        callback_id=ADD,
        submit=blocks.plain("Follow"),
    )


def _input(name: str, label: str, element: Element, *, optional: bool = False) -> Block:
    return {
        "type": "input",
        "block_id": name,
        "label": blocks.plain(label),
        "element": {**element, "action_id": name},
        "optional": optional,
    }


def _option(words: str, value: str) -> Element:
    return {"text": blocks.plain(words), "value": value}


def keyword_of(values: dict[str, Any]) -> tuple[str, str]:
    """What was put together in the modal: the keyword, and the channel's id."""
    phrase = (values["phrase"]["phrase"].get("value") or "").replace('"', " ").strip()
    where = values["where"]["where"]["selected_option"]["value"]
    keyword = phrase if where == "any" else f'{where}:"{phrase}"'
    chosen = values["categories"]["categories"].get("selected_options") or ()
    if chosen:
        either = " OR ".join(f"cat:{each['value']}" for each in chosen)
        keyword = f'"{phrase}"' if where == "any" else keyword
        keyword = f"{keyword} AND ({either})" if len(chosen) > 1 else f"{keyword} AND {either}"
    return keyword, values["channel"]["channel"]["selected_conversation"]


def home_view(reply: Reply) -> dict[str, Any]:
    """App Home: the person's channels. A row's text is the channel's id in our words."""
    shown: list[Block] = [blocks.rich([blocks.words(reply.text)])]
    for row in reply.rows[:40]:
        channel = row.text.partition(":")[2].rpartition("/")[2]
        shown.append(
            blocks.rich(
                [{"type": "channel", "channel_id": channel}, blocks.words(f"\n{row.detail}")]
            )
        )
    return {"type": "home", "blocks": shown}
