"""What OAI-PMH alone can do wrong, on command: for ``ArxivServer.oai_faults`` and ``oai_habit``.

Where one record is spoiled, it is the first of the page. None of these changes the answer to a
request that is refused anyway, or to a verb that has no records. Faults of the connection and of
the complete answer are in ``arxiv_server``; they work here too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from tests.wire.arxiv_oai import Change, Listing, error_reply
from tests.wire.arxiv_server import ArxivServer, Fault, status
from tests.wire.arxiv_standin import Exchange
from tests.wire.oai_requests import OaiError
from tests.wire.oai_xml import Element

_DATES: Final = frozenset({"datestamp", "created", "updated", "date"})
_WRAPPED: Final = frozenset({"title", "comments", "abstract"})


def refused(code: str, reason: str = "") -> Fault:
    """An error of OAI-PMH, whatever was asked; its status is 200."""

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        error = OaiError(code, reason, exchange.params)
        exchange.send(error_reply(server.now(), error))

    return fault


def expired_token() -> Fault:
    """As if midnight had passed since the token was handed out."""
    return refused("badResumptionToken", "it expired")


def unknown_error(code: str = "overloaded") -> Fault:
    """An error whose code is none of OAI-PMH's."""
    return refused(code)


def unavailable(retry_after: str = "") -> Fault:
    """OAI-PMH's own way to slow a harvester down: 503, with seconds or a date."""
    body = b"<html>Error 503 Service Unavailable</html>"
    return status(503, body, Retry_After=retry_after) if retry_after else status(503, body)


def changed(change: Change) -> Fault:
    """A well-formed answer with another page in it."""

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        exchange.send(server.oai.answer(exchange.query, change))

    return fault


def repeated(records: int) -> Fault:
    """The page begins with the last ``records`` of the page answered before it."""

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        again = server.oai.previous[-records:] if records else ()
        reply = server.oai.answer(
            exchange.query, lambda page: replace(page, records=(*again, *page.records))
        )
        exchange.send(reply)

    return fault


def empty_page_with_token() -> Fault:
    """No record, and a token that leads to those which should have been here.

    As a habit it is a chain without an end.
    """

    def fault(server: ArxivServer, exchange: Exchange) -> None:
        def change(page: Listing) -> Listing:
            here = server.oai.token(page.arguments, page.skip)
            return replace(page, records=(), token=here)

        exchange.send(server.oai.answer(exchange.query, change))

    return fault


def without(name: str) -> Fault:
    """A record that lacks every element of this name: ``title``, or all of ``metadata``."""
    return _first(lambda each: [] if each.name == name else [each])


def strange_dates(text: str = "0000-00-00") -> Fault:
    """A record each of whose dates is ``text``."""
    return _first(lambda each: [replace(each, content=text) if each.name in _DATES else each])


def deleted() -> Fault:
    """A record that was taken back; arXiv promises these in ``Identify`` and never sends any."""

    def delete(each: Element) -> Iterable[Element]:
        match each.name:
            case "metadata":
                return []
            case "header":
                return [replace(each, attributes={"status": "deleted"})]
        return [each]

    return _first(delete)


def wrapped() -> Fault:
    """Long texts as the server before 2025 sent them: over several lines, and indented."""

    def wrap(each: Element) -> Iterable[Element]:
        if each.name not in _WRAPPED or not isinstance(each.content, str):
            return [each]
        return [replace(each, content="  " + textwrap.fill(each.content, 40).replace("\n", "\n  "))]

    def every(page: Listing) -> Listing:
        return replace(page, records=tuple(record.inside(wrap) for record in page.records))

    return changed(every)


def _first(change: Callable[[Element], Iterable[Element]]) -> Fault:
    def first(page: Listing) -> Listing:
        return replace(page, records=(page.records[0].inside(change), *page.records[1:]))

    return changed(first)
