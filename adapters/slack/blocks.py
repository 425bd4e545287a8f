"""The blocks that our messages are made of, in which other people's text is inert. Pure.

Rich text and plain text are not parsed by Slack (with ``emoji`` off, no ``:code:`` either). Where
only mrkdwn will do, beside a button, the signs that can't be escaped there are replaced by signs
that look alike, and ``verbatim`` keeps names and addresses from becoming mentions and links
(docs.slack.dev, messaging/formatting-message-text, November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from adapters.slack.limits import (
    CHART_LABEL,
    CHART_TITLE,
    HEADER,
    LABEL,
    MAX_CATEGORIES,
    Block,
    cut,
    escaped,
    units,
)
from bot.model import Bars, Entry, Offer, Paper
from bot.references import Address, CommandReference, split_references
from bot.text import authors_line, clean, digests
from bot.text.badges import Badge, badges

# What the action_id of a button begins with; the rest makes it unique in the message.
ABSTRACT: Final = "abstract"  # its value is a paper's id
SAY: Final = "say"  # its value is a command
PAPER: Final = "paper"  # the same, of a button below an abstract
OPEN: Final = "open"  # it has an address
_GROUP: Final = "<!subteam^"

MAX_TITLE_LENGTH, MAX_AUTHORS_LENGTH, MAX_COMMENT_LENGTH, MAX_KEYWORDS_LENGTH = 250, 200, 150, 200
MAX_URL_LENGTH: Final = 500
ARXIV: Final = "https://arxiv.org/"  # in place of an address that is too long to be one

_LOOKS_LIKE = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})
_EMOJI = re.compile(r":(?=[\w+'-]+:)")
# A channel's id as the core has it; a direct message has no name.
_CHANNEL = r"slack:(?:[a-z0-9-]+/)?[CG][A-Z0-9]{2,20}\b"
# A message's own address, which is long and says nothing to a reader.
_PERMALINK = re.compile(r"https://[^/?#]+/archives/[A-Z0-9]+/p\d+")
_QUOTE = re.compile(r"^>")
_IN_ADDRESSES = str.maketrans({" ": "%20", "|": "%7C", "<": "%3C", ">": "%3E", '"': "%22"})


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text or " ", "emoji": False}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def inert(text: str) -> str:
    """Other people's text for mrkdwn: no bold, no quote, no emoji, no link and no mention."""
    return _inert_inside(_QUOTE.sub("›", clean(text)))


def _inert_inside(text: str) -> str:
    """The same for text that is clean already and does not begin a line."""
    return unparsed(text.translate(_LOOKS_LIKE))


def spoken(text: str, most: int | None = None) -> str:
    """Other people's text for the top-level text, which is sent with ``mrkdwn`` off."""
    said = clean(text)
    return unparsed(said if most is None else cut(said, most))


def unparsed(text: str) -> str:
    """For a text that Slack parses with ``mrkdwn`` off: nothing becomes a mention, a link or an
    emoji, as ``:x:`` would and the end of ``08:00:`` might."""
    return escaped(_EMOJI.sub("∶", text))


def address(url: str) -> str:
    made = clean(url).translate(_IN_ADDRESSES)
    return made if units(made) <= MAX_URL_LENGTH else ARXIV


# -- rich text ------------------------------------------------------------------------------------


def words(text: str, **style: bool) -> Block:
    """``text`` must not be empty."""
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def link(label: str, url: str, **style: bool) -> Block:
    made = {"type": "link", "url": address(url), "text": label}
    return {**made, **({"style": style} if style else {})}


def user(user_id: str) -> Block:
    """A person, by the name that they have now. In a message it notifies them."""
    return {"type": "user", "user_id": user_id}


def user_group(group_id: str) -> Block:
    """Notifies a user group (docs.slack.dev, messaging/formatting-message-text, November 2026)."""
    return {"type": "section", "text": mrkdwn(f"{_GROUP}{group_id}>")}


def named_group(block: Block) -> str:
    """The id of the user group that such a block notifies; empty for any other block."""
    text = str((block.get("text") or {}).get("text") or "") if block["type"] == "section" else ""
    return text[len(_GROUP) : -1] if text.startswith(_GROUP) else ""


def channel(channel_id: str, **style: bool) -> Block:
    """A channel, by the name that it has now, for people who may know it."""
    made = {"type": "channel", "channel_id": channel_id}
    return {**made, **({"style": style} if style else {})}


def named_channel(channel_id: str, **style: bool) -> Block:
    """The same; a conversation with the bot has no name."""
    if channel_id.startswith("D"):
        return words("our conversation", **style)
    return channel(channel_id, **style)


def chart(bars: Bars) -> Block | None:
    """Slack's own chart, for messages; ``None`` for bars that it can't show: labels have to differ
    even when they are cut (docs.slack.dev, block-kit/blocks/data-visualization-block: 50 characters
    in a title, 20 in a label; November 2026)."""
    labels = [cut(each, CHART_LABEL) for each in bars.labels]
    if len(set(labels)) < len(labels) or not 0 < len(labels) <= MAX_CATEGORIES:
        return None
    points = zip(labels, bars.values, strict=True)
    data = [{"label": label, "value": round(value, 2)} for label, value in points]
    return {
        "type": "data_visualization",
        "title": cut(bars.title, CHART_TITLE),
        "chart": {
            "type": "bar",
            "series": [{"name": "papers", "data": data}],
            "axis_config": {"categories": labels},
        },
    }


def date(at: datetime, fallback: str) -> Block:
    """A time in each reader's own time zone and language (docs.slack.dev, block-kit/blocks/
    rich-text-block, date, November 2026)."""
    shown = {"format": "{date_short_pretty} {time}", "fallback": fallback}
    return {"type": "date", "timestamp": int(at.timestamp()), **shown}


def running_text(
    text: str,
    command: str = "",
    times: Mapping[str, datetime] | None = None,
    **style: bool,
) -> list[Block]:
    """A text of the core as rich text: addresses are links, commands are as they are typed here,
    channels are shown by name, and ``times`` in each reader's own time zone."""
    shown: list[Block] = []
    for piece in split_references(text):
        if isinstance(piece, Address):
            label = "See the message" if _PERMALINK.match(piece.url) else piece.url
            shown.append(link(label, piece.url, **style))
        elif isinstance(piece, CommandReference):
            shown.append(words(f"{command} {piece.words}", **style))
        else:
            shown += _plain_pieces(piece, times or {}, style)
    return shown


def _plain_pieces(
    text: str, times: Mapping[str, datetime], style: Mapping[str, bool]
) -> Iterator[Block]:
    """Longer words first, so that no time is found within another."""
    said = "|".join(re.escape(each) for each in sorted(times, key=len, reverse=True))
    for piece in re.split(f"({_CHANNEL}{f'|{said}' if said else ''})", text):
        if piece in times:
            yield date(times[piece], piece)
        elif re.fullmatch(_CHANNEL, piece):
            yield channel(re.split("[:/]", piece)[-1], **style)
        elif piece:
            yield words(piece, **style)


def section(*elements: Block) -> Block:
    return {"type": "rich_text_section", "elements": list(elements)}


def preformatted(text: str) -> Block:
    return {"type": "rich_text_preformatted", "elements": [words(text)]}


def bullets(*sections: Block | str) -> Block:
    return {"type": "rich_text_list", "style": "bullet", "elements": list(sections)}


def rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}


# -- whole blocks ---------------------------------------------------------------------------------


def header(text: str) -> Block:
    return {"type": "header", "text": plain(cut(text, HEADER))}


def quiet(*lines: str) -> Block:
    """Small and grey; a line each, at most ten."""
    return {"type": "context", "elements": [plain(line) for line in lines]}


def facts(about: str) -> Block:
    """What is known about a paper that is shown in full, in mrkdwn; small and grey."""
    return {"type": "context", "elements": [mrkdwn(about)]}


def actions(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list(buttons)}


def abstract_button(paper: Paper) -> Block:
    return {
        "type": "button",
        "action_id": f"{ABSTRACT}:{paper.id}",
        "value": paper.id,
        "text": plain("Abstract"),
        "accessibility_label": cut(f"Abstract of {title(paper)}", LABEL),
    }


def say_button(offer: Offer, number: int, kind: str = SAY) -> Block:
    """A button that is a command. ``number`` tells those of one message apart."""
    return {
        "type": "button",
        "action_id": f"{kind}:{number}",
        "value": offer.words,
        "text": plain(cut(offer.label, LABEL)),
    }


def open_button(label: str, url: str) -> Block:
    return {
        "type": "button",
        "action_id": f"{OPEN}:{label}",
        "url": address(url),
        "text": plain(label),
    }


# -- a paper --------------------------------------------------------------------------------------


def title(paper: Paper) -> str:
    return cut(clean(paper.title), MAX_TITLE_LENGTH) or paper.id


def authors(paper: Paper) -> str:
    return cut(clean(authors_line(paper.authors)), MAX_AUTHORS_LENGTH)


def about(paper: Paper) -> str:
    """What else is known about a paper, in one line of mrkdwn; never empty."""
    facts = [
        *map(inert, digests.facts(paper)),
        *map(badge_in_mrkdwn, badges(paper)),
        inert(cut(clean(paper.comment), MAX_COMMENT_LENGTH)),
    ]
    return " · ".join(filter(None, facts))


def badge_in_mrkdwn(badge: Badge) -> str:
    if not badge.url:
        return inert(badge.text)
    return f"<{escaped(address(badge.url))}|{inert(badge.text)}>"


def matched_in_mrkdwn(keywords: Sequence[str]) -> str:
    """The keywords that a paper matches, as they continue the line of ``about``."""
    shown = cut(clean(", ".join(keywords)), MAX_KEYWORDS_LENGTH)
    return _inert_inside(f" · {shown}" if shown else "")


def like_in_mrkdwn(like: str) -> str:
    """Why a paper comes first, as it continues the text about it, in a line of its own."""
    before, title, after = digests.like(like)
    shown = _inert_inside(clean(title))
    return f"\n{before}_{shown}_{after}" if shown else ""


def titled(paper: Paper) -> Block:
    return link(title(paper), paper.url)


def paper_in_mrkdwn(paper: Paper) -> str:
    """A paper shown in full, with its markup replaced by similar characters."""
    linked = f"*<{escaped(address(paper.url))}|{inert(title(paper))}>*"
    return "\n".join(filter(None, [linked, inert(authors(paper)), about(paper)]))


def beside(text: Block, button: object) -> Block:
    """A text with a button beside it."""
    return {"type": "section", "text": text, "accessory": button}


def paper_beside_its_button(entry: Entry) -> Block:
    text = paper_in_mrkdwn(entry.paper) + matched_in_mrkdwn(entry.keywords)
    return beside(mrkdwn(text), abstract_button(entry.paper))


def listed(paper: Paper, like: str = "") -> Block:
    """A paper in a line of a list. ``like`` is the field of ``Entry``."""
    by = authors_line(paper.authors, shown=1)
    facts = [clean(by), *digests.facts(paper)[:1]]
    tail = "".join(f" · {cut(fact, MAX_COMMENT_LENGTH)}" for fact in facts if fact)
    shown = [words(tail)] if tail else []
    for badge in badges(paper):
        if badge.url:
            shown += [words(" · "), link(badge.text, badge.url)]
        else:
            shown.append(words(f" · {cut(badge.text, MAX_COMMENT_LENGTH)}"))
    before, title, after = digests.like(like)
    if title := clean(title):
        shown += [words(f" · {before}"), words(title, italic=True), words(after)]
    return section(titled(paper), *shown)
