"""Replies on Slack with their buttons, and whole abstracts. Pure.

Other people's text is rich text or plain text, where it can't become markup; papers beside their
buttons are as in a digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from adapters.slack import blocks
from adapters.slack.blocks import (
    link,
    plain,
    preformatted,
    quiet,
    rich,
    running_text,
    section,
    words,
)
from adapters.slack.limits import (
    MAX_CHARTS,
    SECTION,
    TEXT,
    VIEW_TITLE,
    Block,
    cut,
    fits,
    length,
    units,
)
from bot.model import Paper, Reply
from bot.references import refer_to, split_references, with_references
from bot.text import clean, first_lines, plural, reading
from bot.text.badges import badges

View = dict[str, Any]

MAX_TEXT_LENGTH: Final = 5000  # characters of a reply's own text
MAX_ROW_LENGTH: Final = 1000
MAX_NOTE_LENGTH: Final = 1000
MAX_AUTHORS_LENGTH: Final = 5000  # characters; some papers have three thousand
MAX_FACT_LENGTH: Final = 300  # of a paper that is shown in full
MAX_CODE_LENGTH: Final = 2900  # of a block of code, below that of a section
MAX_CODE_BLOCKS: Final = 30
MAX_BUTTONS: Final = 5
MORE: Final = "\n…"  # of a top-level text from which sentences are left out
ADD: Final = "add"  # of the button that opens the form for a keyword, and of the form
COMMAND: Final = "/papers"  # what it is called unless bot.toml calls it otherwise
SUBMITTED_BEFORE: Final = (
    f"This was submitted before. To see what a channel follows, say there: {refer_to('list')}"
)


def reply_blocks(
    reply: Reply, note: str = "", *, command: str = COMMAND, charts: bool = False
) -> list[Block]:
    """``note`` is a remark of the platform's own below the text; ``command`` what is typed here
    before the words of a command that a text names. ``charts``: draw charts where possible."""
    shown = [_text(reply, command)]
    if note:
        shown.append(rich(section(words(cut(note, MAX_NOTE_LENGTH), italic=True))))
    shown += _code(reply.code)
    offers = [blocks.say_button(each, n) for n, each in enumerate(reply.offers[:MAX_BUTTONS])]
    last = [blocks.actions(*offers)] if offers else []
    parts = list(_parts(reply, command, charts=charts))
    for number, part in enumerate(parts):
        if not fits([*shown, part, quiet("and 9,999 more"), *last]):
            shown.append(quiet(f"and {len(parts) - number:,} more"))
            break
        shown.append(part)
    return [*shown, *last]


def _text(reply: Reply, command: str) -> Block:
    said = cut_lines(reply.text)
    if "\n " in said:  # a mistake pointed at
        return rich(preformatted(readable(said, command)))
    return rich(section(*running_text(said, command, reply.times)))


def _parts(reply: Reply, command: str, *, charts: bool) -> Iterator[Block]:
    """The rows, papers and sections below a reply's own text, a block each."""
    for number, row in enumerate(reply.rows, start=MAX_BUTTONS):
        text = cut(row.text, MAX_ROW_LENGTH) + (f"\n{row.detail}" if row.detail else "")
        if row.offers:  # beside a button there is no rich text
            said_plainly = plain(cut(readable(text, command), SECTION))
            yield blocks.beside(said_plainly, blocks.say_button(row.offers[0], number))
        else:
            yield rich(section(*running_text(text, command, reply.times)))
    yield from map(blocks.paper_beside_its_button, reply.entries)
    if charts and (drawn := charts_of(reply)):
        yield from drawn
        return
    for each in reply.sections:
        said = running_text(each.text, command, reply.times)
        yield rich(section(words(f"{each.heading}\n", bold=True), *said))


def charts_of(reply: Reply) -> list[Block]:
    """What the sections say as Slack's own charts: all of them, or none."""
    drawn = [made for each in reply.charts[:MAX_CHARTS] if (made := blocks.chart(each)) is not None]
    return drawn if len(drawn) == len(reply.charts) else []


def _code(code: str) -> list[Block]:
    """Code to be copied as it is; in several blocks, split at the ends of lines, if it is long."""
    parts, part = list[str](), ""
    for line in code.splitlines():
        while len(line) > MAX_CODE_LENGTH:
            parts, line = [*parts, line[:MAX_CODE_LENGTH]], line[MAX_CODE_LENGTH:]
        if part and units(part) + units(line) >= MAX_CODE_LENGTH:
            parts.append(part)
            part = ""
        part += f"{line}\n"
    parts += [part] if part.strip() else []
    shown = [rich(preformatted(each.strip("\n") or " ")) for each in parts[:MAX_CODE_BLOCKS]]
    if len(parts) > MAX_CODE_BLOCKS:
        shown.append(quiet("There is more: this is as much as Slack shows."))
    return shown


def readable(text: str, command: str) -> str:
    """As plain text, with commands as they are typed here."""
    return with_references(text, lambda reference: f"{command} {reference.words}")


def cut_lines(text: str, most: int = MAX_TEXT_LENGTH) -> str:
    """As many whole lines of a text of the core as fit; never empty."""
    return first_lines(text, lambda part: length(part) <= most) or "Done."


def reply_message(
    reply: Reply, note: str = "", *, command: str = COMMAND, charts: bool = False
) -> dict[str, Any]:
    """For a response_url: shown only to the person who asked."""
    return {
        "text": spoken(reply, command),
        "blocks": reply_blocks(reply, note, command=command, charts=charts),
        "response_type": "ephemeral",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def spoken(reply: Reply, command: str = COMMAND) -> str:
    """For notifications and screen readers: the texts and the titles; only whole sentences."""
    lines = [reply.text or "Done."]
    for each in reply.sections:
        lines += [each.heading, each.text]
    lines += [row.text for row in reply.rows]
    lines += [blocks.title(entry.paper) for entry in reply.entries]
    return sentences("\n".join(lines), command)


def sentences(text: str, command: str = COMMAND) -> str:
    """The lines of a text of the core as sentences, for the top-level text: as many whole ones as
    Slack shows. Only a first line that is too long by itself is cut, at a word."""
    said = [_sentence(line, command) for line in text.split("\n") if clean(line)]
    shown, room = "", TEXT - len(MORE)
    for number, each in enumerate(said):
        longer = f"{shown}\n{blocks.spoken(each)}" if shown else blocks.spoken(each, room)
        if units(longer) > (TEXT if number == len(said) - 1 else room):
            return f"{shown}{MORE}"
        shown = longer
    return shown


def _sentence(line: str, command: str) -> str:
    """Without a full stop after an address or a command, which would seem to be part of it."""
    *_, last = split_references(line)
    said = clean(readable(line, command))
    ends = not isinstance(last, str) or said.endswith((".", "!", "?", "…", ":"))
    return said if ends else f"{said}."


def plain_message(text: str, command: str = COMMAND) -> dict[str, Any]:
    return reply_message(Reply(text), command=command)


# -- windows --------------------------------------------------------------------------------------


def window(title: str, shown: Sequence[Block], metadata: str = "", **more: Any) -> View:
    """A modal. ``metadata`` is the sealed channel that its buttons are about (``membership``)."""
    return {
        "type": "modal",
        "title": plain(cut(title, VIEW_TITLE)),
        "close": plain("Cancel" if "submit" in more else "Close"),
        "blocks": list(shown),
        "private_metadata": metadata,
        **more,
    }


def loading(title: str) -> View:
    """Shown until there is an answer."""
    return window(title, [rich(section(words("One moment …")))])


def reply_window(
    title: str, reply: Reply, note: str, metadata: str, command: str = COMMAND
) -> View:
    return window(title, reply_blocks(reply, note, command=command), metadata)


def sentence(title: str, text: str, command: str = COMMAND) -> View:
    return window(title, [rich(section(*running_text(cut_lines(text), command)))])


def abstract_window(paper: Paper, metadata: str = "") -> View:
    """The whole abstract, all authors, and links to the paper; and if ``metadata`` says which
    channel it is about, what can be done with the paper there."""
    shown = paper_blocks(paper, _authors(paper))
    return window(paper.id, [*shown, *([_paper_buttons(paper)] if metadata else [])], metadata)


def paper_blocks(paper: Paper, authors: str) -> list[Block]:
    """The whole abstract, these authors, and links to the paper."""
    facts = [blocks.inert(cut(clean(fact), MAX_FACT_LENGTH)) for fact in reading.facts(paper)]
    about = " · ".join([*facts, *map(blocks.badge_in_mrkdwn, badges(paper))])
    name = cut(clean(paper.title), MAX_ROW_LENGTH) or paper.id
    parts = [link(name, paper.url, bold=True), *([words(f"\n{authors}")] if authors else [])]
    abstract = cut(clean(paper.abstract), MAX_TEXT_LENGTH) or reading.NO_ABSTRACT
    return [
        rich(section(*parts)),
        blocks.facts(about or paper.id),
        rich(section(words(abstract))),
        blocks.actions(*(blocks.open_button(*each) for each in reading.links(paper))),
    ]


def _paper_buttons(paper: Paper) -> Block:
    offers = enumerate(reading.offers(paper))
    shown = (blocks.say_button(each, number, blocks.PAPER) for number, each in offers)
    return blocks.actions(*shown)


def _authors(paper: Paper) -> str:
    """All of them, as far as a window can hold."""
    names: list[str] = []
    room = MAX_AUTHORS_LENGTH
    for author in map(clean, paper.authors):
        room -= length(author) + 2
        if room < 0:
            return f"{', '.join(names)} and {plural(len(paper.authors) - len(names), 'other')}"
        names.append(author)
    return ", ".join(names)
