"""What the windows show that people have submitted, so that a repeated submission leaves it so.

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
    """By a window's id."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, asyncio.Future[Answer]] = OrderedDict()

    def submitted(self, view_id: str) -> None:
        """What it shows next is not known yet."""
        self._answers[view_id] = asyncio.get_running_loop().create_future()
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def shows(self, view_id: str, answer: Answer) -> Answer:
        """It shows this from now on."""
        waiting = self._answers.get(view_id)
        if waiting is not None and waiting.done():
            waiting = self._answers[view_id] = asyncio.get_running_loop().create_future()
        if waiting is not None:
            waiting.set_result(answer)
        return answer

    async def current(self, view_id: str) -> Answer:
        """What it shows; where nobody knows, as after a restart, that it was submitted before."""
        waiting = self._answers.get(view_id)
        if waiting is not None:
            await asyncio.wait({waiting}, timeout=ANSWER_TIMEOUT)
            if waiting.done():
                return waiting.result()
        view = replies.sentence("Follow a keyword", replies.SUBMITTED_BEFORE)
        return {"response_action": "update", "view": view}
