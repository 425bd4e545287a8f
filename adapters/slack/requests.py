"""Which requests of Slack were handled before, so that a repeated one changes nothing twice.

Slack repeats a request if it does not know that it arrived (docs.slack.dev, apis/events-api, Error
handling, November 2026), and whether the new envelope keeps the old one's id is not documented. So
the ids inside count too: ``trigger_id`` of what a person did, and ``event_id``.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from slack_bolt import BoltResponse
from slack_bolt.context.async_context import AsyncBoltContext

from adapters.slack.screens import Screens
from bot.errors import UserError
from bot.ports import Commands

log = logging.getLogger(__name__)

REMEMBERED: Final = 2000  # ids in memory; the database has those of a day

Middleware = Callable[..., Awaitable[BoltResponse | None]]


def request_ids(body: Mapping[str, Any], envelope_id: object) -> tuple[str, ...]:
    """All ids that Slack gives this request, each with its kind in front."""
    found = {
        "envelope": envelope_id,
        "trigger": body.get("trigger_id"),
        "event": body.get("event_id"),
    }
    return tuple(f"{kind}:{each}" for kind, each in found.items() if isinstance(each, str) and each)


def drop_repeats(commands: Commands, screens: Screens) -> Middleware:
    """A middleware for ``before_authorize``. Ids are looked up in memory; new ones also in the
    database, which knows those of other processes and those from before a restart. If it does not
    answer, the request counts as new: its command will report the fault."""
    seen: OrderedDict[str, None] = OrderedDict()

    async def is_new(ids: Sequence[str]) -> bool:
        known = any(each in seen for each in ids)
        seen.update(dict.fromkeys(ids))
        while len(seen) > REMEMBERED:
            seen.popitem(last=False)
        if known or not ids:
            return not known
        try:
            return await commands.claim_request(ids)
        except UserError as error:
            log.warning("repeats unknown why=%s", error)
            return True

    async def middleware(
        body: dict[str, Any], context: AsyncBoltContext, next: Callable[[], Awaitable[None]]
    ) -> BoltResponse | None:
        ids = request_ids(body, context.get("envelope_id"))
        submitted = body.get("type") == "view_submission"
        view_id = str(body["view"]["id"]) if submitted else ""
        if await is_new(ids):
            if submitted:
                screens.submitted(view_id)
            await next()
            return None
        log.info("repeated request ids=%s", " ".join(ids))
        return await context.ack(**await screens.current(view_id) if submitted else {})

    return middleware
