"""Answers of OAI-PMH about invented papers, for tests, and what is done to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import pytest

from bot.arxiv.oai_page import read
from bot.errors import SourceGarbled
from tests.arxiv.feeds import NOON, standin_paper
from tests.wire.oai_xml import NAMESPACE, Element, Row, document, record_of

OPEN = f'<OAI-PMH xmlns="{NAMESPACE}"><responseDate>2026-03-02T12:00:00Z</responseDate>'
TOKEN = "verb%3DListRecords%26metadataPrefix%3DarXiv%26from%3D2026-02-28%26skip%3D1300"


def record(number: int = 1, prefix: str = "arXiv", **fields: object) -> Element:
    paper = standin_paper(number, **fields)
    return record_of(Row(paper, ((1, paper.published),), date(2026, 2, 27)), prefix, {})


def answer(
    records: Iterable[Element], verb: str = "ListRecords", token: str | None = None
) -> bytes:
    """``token`` is None for no element, and empty for the end of a chain."""
    shown = [*records]
    if token is not None:
        shown.append(Element("resumptionToken", token, {"expirationDate": "2026-03-03T00:00:00Z"}))
    return document(NOON, {"verb": verb}, Element(verb, tuple(shown)))


def headers(*records: Element) -> list[Element]:
    return [header for each in records for header in each.parts("header")]


def changed(body: bytes, pattern: bytes, replacement: bytes) -> bytes:
    """With the first change made in the second record, and nowhere else."""
    start = body.index(b"<header>", body.index(b"<header>") + 1)
    part, changes = re.subn(pattern, replacement, body[start:], count=1, flags=re.DOTALL)
    assert changes
    return body[:start] + part


def refusal(body: bytes) -> SourceGarbled:
    with pytest.raises(SourceGarbled) as caught:
        read(body)
    return caught.value
