"""The words of the house as frozen data. Nothing here acts, or asks for the time.

Every ``datetime`` is aware and in UTC. Collections are tuples, so that every value can be shared
freely.
"""

from __future__ import annotations

from bot.model.following import Channel, Interests, Keyword, Person, Subscription
from bot.model.papers import (
    UNTOLD,
    Batch,
    Expected,
    Hit,
    Note,
    NoteKind,
    Paper,
    Prime,
    Recorded,
    Run,
    Survey,
    Unmatched,
)
from bot.model.posts import (
    Agenda,
    Crosspost,
    Digest,
    Draft,
    Due,
    Entry,
    Post,
    Publication,
    Receipt,
    Why,
)
from bot.model.references import (
    Address,
    CommandReference,
    address,
    refer_to,
    split_references,
    with_references,
    without_references,
)
from bot.model.replies import Choice, Finding, Menu, Offer, Reply, Row, Section

__all__ = [
    "UNTOLD",
    "Address",
    "Agenda",
    "Batch",
    "Channel",
    "Choice",
    "CommandReference",
    "Crosspost",
    "Digest",
    "Draft",
    "Due",
    "Entry",
    "Expected",
    "Finding",
    "Hit",
    "Interests",
    "Keyword",
    "Menu",
    "Note",
    "NoteKind",
    "Offer",
    "Paper",
    "Person",
    "Post",
    "Prime",
    "Publication",
    "Receipt",
    "Recorded",
    "Reply",
    "Row",
    "Run",
    "Section",
    "Subscription",
    "Survey",
    "Unmatched",
    "Why",
    "address",
    "refer_to",
    "split_references",
    "with_references",
    "without_references",
]
