"""What people are answered on Discord is within every limit, whatever it contains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.limits import nested
from adapters.discord.replies import abstract_view, line, plain_view, reply_view
from bot.model import Entry, Offer, Paper, Reply, Row, Section
from bot.text import displayed
from tests.builders import paper
from tests.fakes import START
from tests.wire import discord_rules
from tests.wire.discord_shapes import text_of

HOSTILE = "*_~`|<>[]()@#:\\\n"
# Texts that are as large as can be for their length: each sign escaped, or of four bytes.
LARGE = st.builds(
    lambda sign, times, behind: sign * times + behind,
    st.sampled_from(["*", "`", "x", "深", "😀", "𝒜", "@a", "*\n", "x\n", "\n", "word "]),
    st.sampled_from([1, 300, 1900, 6000]),
    st.sampled_from(["", "\n   ^ here", "😀"]),
)
texts = st.text(st.sampled_from(HOSTILE) | st.characters(exclude_categories=["Cs"]), max_size=3000)
long = st.sampled_from(["*" * 300, "深" * 300, "`" * 300, "word " * 60, "😀" * 300])
rows = st.builds(
    lambda number, text, detail: Row(text, detail, (Offer("Remove", f"remove #{number:012x}"),)),
    st.integers(0, 2**48 - 1),
    long | texts.map(lambda text: text[:300]),
    st.sampled_from(["added Mon 2 Nov by Ann", "added today by " + "*" * 80, ""]),
)


def body(view: Any) -> dict[str, Any]:
    """As it is sent; Discord would take it."""
    made = {"components": view.to_components(), "flags": 1 << 15}
    assert list(discord_rules.message_faults(made)) == []
    assert not discord_rules.too_heavy(made)
    document = discord_rules.document()
    if document is not None:
        assert document.faults("PATCH", "/webhooks/1/token/messages/@original", made) == []
    return made


@given(
    text=texts.filter(str.strip),
    listed=st.lists(rows, max_size=10, unique_by=lambda row: row.offers[0].words),
    papers=st.lists(st.integers(1, 99_999), max_size=3, unique=True),
    sections=st.lists(st.builds(Section, texts.map(lambda t: t[:40] or "x"), texts), max_size=4),
    monospaced=st.booleans(),
    announcement=st.sampled_from(["", "Ann added a keyword"]),
)
def test_any_answer_is_one_that_discord_takes(
    text: str,
    listed: list[Row],
    papers: list[int],
    sections: list[Section],
    monospaced: bool,
    announcement: str,
) -> None:
    entries = tuple(Entry(displayed(paper(n, text)), ()) for n in papers)
    reply = Reply(
        text, tuple(sections), tuple(listed), entries=entries, offers=(Offer("More", "list 2"),),
        announcement=announcement,
    )  # fmt: skip
    body(reply_view(reply, monospaced=monospaced))


def test_of_a_page_of_long_keywords_none_is_left_out() -> None:
    listed = tuple(
        Row(("深" + "*" * 299), "added", (Offer("Remove", f"remove #{n}"),)) for n in range(10)
    )
    shown = body(reply_view(Reply("This channel follows 10 keywords:", rows=listed)))
    buttons = [part for part in nested(shown["components"]) if "custom_id" in part]
    assert len(buttons) == 10


def test_a_mistake_with_backticks_in_it_stays_in_its_box() -> None:
    said = text_of(body(plain_view("``` **loud** @everyone\n   ^ this is never closed")))
    assert said.count("```") == 2
    assert said.startswith("```")
    assert said.endswith("```")


def test_a_time_is_marked_wherever_it_is_shown_and_nowhere_else() -> None:
    at = {"today 08:00": START, "Mon 2 Mar 08:00": START, "Mon 2 Mar 2026 08:00": START}
    text = "Since today 08:00: *x* (yesterday 08:00), not Mon 2 Mar 2026 08:00."
    said = text_of(body(reply_view(Reply(text, times=at))))
    mark = f"(<t:{START.timestamp():.0f}:R>)"
    assert said == (
        rf"Since today 08:00 {mark}: \*x\* (yesterday 08:00), not Mon 2 Mar 2026 08:00 {mark}."
    )
    assert text_of(body(reply_view(Reply(text)))).count("<t:") == 0


def test_a_long_text_is_cut_between_its_lines() -> None:
    said = text_of(body(reply_view(Reply("\n".join(f"line {n} *" for n in range(900))))))
    *whole, last = said.split("\n")
    assert last == "…"
    assert whole == [rf"line {n} \*" for n in range(len(whole))]


@given(LARGE.filter(str.strip), st.booleans(), st.sampled_from(["", "Ann added a keyword"]))
def test_an_answer_however_long_ends_and_is_one_that_discord_takes(
    text: str, monospaced: bool, announcement: str
) -> None:
    said = text_of(body(reply_view(Reply(text, announcement=announcement), monospaced=monospaced)))
    assert "…" in said or len(text) <= 4000
    body(plain_view(text))
    assert len(line(text)) <= 2000


def test_long_sections_share_the_room_of_one_message() -> None:
    long_one = Section("One", "\n".join(["many words " * 10] * 30))
    said = text_of(body(reply_view(Reply("Here:", (long_one, long_one._replace(heading="Two"))))))
    assert said.count("many words") > 300
    assert "### Two" in said


@pytest.mark.parametrize("length", range(3790, 3812))
def test_a_mistake_in_one_long_line_is_answered(length: int) -> None:
    said = text_of(body(plain_view("x" * length)))
    assert said.count("x") >= min(length, 3700)
    boxed = text_of(body(reply_view(Reply("x" * length), monospaced=True)))
    assert boxed.startswith("```\nxxx")
    assert boxed.endswith("\n```")


@given(title=LARGE, abstract=LARGE, comment=LARGE, names=st.lists(LARGE, max_size=5))
def test_a_paper_however_long_is_one_that_discord_takes(
    title: str, abstract: str, comment: str, names: list[str]
) -> None:
    made = paper(
        1, title, abstract=abstract, comment=comment, authors=tuple(names),
        categories=(comment,) * 3, primary_category=title, journal_ref=abstract,
    )  # fmt: skip
    body(abstract_view(displayed(made)))


@given(abstract=texts, comment=texts, names=st.lists(texts.map(lambda t: t[:60]), max_size=40))
def test_any_abstract_is_one_that_discord_takes(
    abstract: str, comment: str, names: list[str]
) -> None:
    made = paper(1, abstract[:200] or "x", abstract=abstract, comment=comment, authors=tuple(names))
    body(abstract_view(displayed(made)))


def test_every_real_abstract_of_a_month_is_shown_whole(
    part_of_a_month: list[dict[str, Any]], figures: Any
) -> None:
    cut = 0
    for row in part_of_a_month:
        shown = text_of(fast(abstract_view(real(row))))
        cut += shown.endswith("…")
    figures(f"discord: {len(part_of_a_month)} real abstracts, {cut} of them cut")
    assert cut == 0


def real(row: dict[str, Any]) -> Paper:
    made = paper(
        1, row["title"], abstract=row.get("abstract") or row.get("summary") or "",
        authors=tuple(row["authors"]), comment=row.get("comment") or "",
    )  # fmt: skip
    return displayed(replace(made, id=row["id"]))


def fast(view: Any) -> dict[str, Any]:
    """Held against the counters alone: the document takes 10 ms for each."""
    made = {"components": view.to_components(), "flags": 1 << 15}
    assert list(discord_rules.message_faults(made)) == []
    assert not discord_rules.too_heavy(made)
    return made
