"""What submitted windows show now, so that a repeated submission does not change that.

A submission's acknowledgement says what its window shows next. The answer to a repeated one would
undo what came after the first: an empty one closes the window, and "One moment" would stay.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final

from adapters.slack import replies

REMEMBERED: Final = 500  # windows
ANSWER_TIMEOUT: Final = 2.0  # seconds; Slack waits for three

Answer = dict[str, Any]  # the arguments of ``ack``


class Screens:
    """What each window shows, by its id."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, asyncio.Future[Answer]] = OrderedDict()

    def submitted(self, view_id: str) -> None:
        """The window was submitted; what it shows next is not known yet."""
        self._answers[view_id] = asyncio.get_running_loop().create_future()
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def shows(self, view_id: str, answer: Answer) -> Answer:
        """The window shows this from now on. Returns it."""
        waiting = self._answers.get(view_id)
        if waiting is not None and waiting.done():
            waiting = self._answers[view_id] = asyncio.get_running_loop().create_future()
        if waiting is not None:
            waiting.set_result(answer)
        return answer

    async def current(self, view_id: str) -> Answer:
        """What the window shows now. If that is not known, as after a restart: a sentence that it
        was submitted before."""
        waiting = self._answers.get(view_id)
        if waiting is not None:
            await asyncio.wait({waiting}, timeout=ANSWER_TIMEOUT)
            if waiting.done():
                return waiting.result()
        view = replies.sentence("Follow a keyword", replies.SUBMITTED_BEFORE)
        return {"response_action": "update", "view": view}
