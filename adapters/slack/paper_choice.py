"""Which papers a message shows, and the window in which one of several is chosen. Pure.

A message's content proves nothing, as any message can name any paper: what the person is told about
the paper concerns the channel in which the shortcut was used.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.slack.blocks import ABSTRACT, plain, rich, section, words
from adapters.slack.fields import entered, input_block, option
from adapters.slack.limits import LABEL, cut
from adapters.slack.replies import View, window
from bot.references import refer_to
from bot.text import clean
from bot.text.reading import linked_papers

PAPER: Final = "paper"  # the window's field
MAX_OPTIONS: Final = 100  # options that Slack takes
NO_PAPER: Final = (
    "I see no paper in this message. With its arXiv id you can ask about any paper:"
    f" {refer_to('why 2603.01234')}"
)
CHOOSE_ONE: Final = "Please choose one of the papers."

_LABEL: Final = re.compile(r"[^|<>\s]*\|([^<>]*)>")  # of a link, after its address


def papers_in(message: Mapping[str, Any]) -> dict[str, str]:
    """The titles of a message's papers by their ids, in order; at most ``MAX_OPTIONS``.

    A paper for which the message has only the address gets its id as the title.
    """
    found: dict[str, str] = {}
    for paper_id, title in _mentioned(message):
        known = found.get(paper_id, paper_id)
        found[paper_id] = title if title and known == paper_id else known
    return dict(list(found.items())[:MAX_OPTIONS])


def _mentioned(part: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > 20:
        return
    if isinstance(part, list):
        for each in part:
            yield from _mentioned(each, depth + 1)
    elif isinstance(part, Mapping):
        action, value = part.get("action_id"), part.get("value")
        if isinstance(action, str) and action.startswith(f"{ABSTRACT}:") and isinstance(value, str):
            yield from _in_text(f"https://arxiv.org/abs/{value}")
        text, url = part.get("text"), part.get("url")
        if part.get("type") == "link" and isinstance(url, str):
            title = clean(text) if isinstance(text, str) and text != url else ""
            yield from ((paper_id, title) for paper_id, _ in _in_text(url))
            return
        for each in part.values():
            yield from _mentioned(each, depth + 1)
    elif isinstance(part, str):
        yield from _in_text(part)


def _in_text(text: str) -> Iterator[tuple[str, str]]:
    for paper_id, end in linked_papers(text):
        label = _LABEL.match(text, end)
        yield paper_id, clean(html.unescape(label[1])) if label else ""


def choice_window(
    papers: Mapping[str, str], *, callback_id: str, title: str, submit: str, metadata: str
) -> View:
    """``metadata`` is the sealed channel of the message."""
    menu = {
        "type": "static_select",
        "placeholder": plain("A paper of this message"),
        "options": [option(cut(each, LABEL), paper_id) for paper_id, each in papers.items()],
    }
    return window(
        title,
        [
            rich(section(words("This message shows several papers."))),
            input_block(PAPER, "Which one", menu),
        ],
        metadata,
        callback_id=callback_id,
        submit=plain(submit),
    )


def chosen(state: Mapping[str, Any]) -> str:
    """The id that was chosen, which the core checks; empty if none was."""
    return str((entered(state, PAPER).get("selected_option") or {}).get("value") or "")
