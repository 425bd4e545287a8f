"""What people read about the thread of a paper."""

from __future__ import annotations

from bot.chat.replies.library import MAX_TITLE_LENGTH
from bot.model import Discussion, Paper, Reply
from bot.references import address, refer_to
from bot.text import shorten


def discussion_reply(paper: Paper, found: Discussion) -> Reply:
    """How the paper's thread stands; ``paper`` went through ``displayed`` already."""
    title = shorten(paper.title, MAX_TITLE_LENGTH)
    if found.first is not None and found.first.url:
        return Reply(f"The thread about {title}: {address(found.first.url)}")
    if found.first is not None:
        return Reply(f"The thread about {title} is in this conversation.")
    if found.dead:
        return Reply(
            f"I could not open the thread about {title}: {found.error}\nOnce that is settled, press"
            " Discuss again."
        )
    if found.stuck:
        return Reply(
            f"I can't tell whether the thread about {title} was opened: {found.error}\nWhat waits"
            f" here, and how to send it again: {refer_to('status')}"
        )
    if found.refusal:
        return Reply(
            f"I can't post here at the moment: {found.refusal}\nThe thread about {title} opens as"
            " soon as I can."
        )
    return Reply(
        f"The thread about {title} is being opened. For its link, press Discuss again in a moment."
    )
