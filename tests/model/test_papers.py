"""Of one paper in several answers, which one is kept; and what an error leaves as a note."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import (
    Note,
    NoteKind,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceNotAsked,
    SourceThrottled,
)
from bot.model import Paper
from bot.model.papers import keep_latest_versions
from tests.arxiv.feeds import NOON
from tests.builders import paper

FIRST = replace(paper(1, "As submitted"), version=1)
SECOND = replace(FIRST, version=2, title="As revised")


@pytest.mark.parametrize("answers", [[FIRST, SECOND], [SECOND, FIRST]])
def test_an_older_version_never_takes_the_place_of_a_newer_one(answers: list[Paper]) -> None:
    papers: dict[str, Paper] = {}
    keep_latest_versions(papers, answers)
    assert papers == {FIRST.id: SECOND}


def test_of_two_answers_about_one_version_the_later_counts() -> None:
    papers = {FIRST.id: FIRST}
    corrected = replace(FIRST, title="As corrected")
    keep_latest_versions(papers, [corrected])
    assert papers == {FIRST.id: corrected}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SourceError("why", sample=b"<"), NoteKind.DOWN),
        (SourceDown("why", sample=b"<"), NoteKind.DOWN),
        (SourceGarbled("why", sample=b"<"), NoteKind.GARBLED),
        (SourceNotAsked("why", sample=b"<"), NoteKind.LOCAL),
        (SourceThrottled("why", until=NOON, sample=b"<"), NoteKind.THROTTLED),
    ],
)
def test_each_error_of_a_source_says_in_its_note_what_it_was(
    error: SourceError, kind: NoteKind
) -> None:
    assert error.note("k") == Note(kind, "why", "k", b"<")
