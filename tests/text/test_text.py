"""Papers as they are shown: what people see of hostile, odd or simply long texts."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.text import (
    authors_line,
    clean,
    displayed,
    first_lines,
    plural,
    shorten,
    shorten_to_fit,
)
from tests.builders import paper

ROOT = Path(__file__).resolve().parents[2]
RIGHT_TO_LEFT = "\u202e"
ZERO_WIDTH = "\u200b"


def test_a_paper_is_shown_without_latex_and_in_one_line() -> None:
    shown = displayed(
        paper(
            1,
            title="On\n  $x^2$\tfields",
            abstract=r"We \emph{show}  it.",
            comment=r"12 pages,\n 3 figures".replace(r"\n", "\n"),
            authors=(r"Ren\'e Example", "  ", "A.  B. Sample"),
        )
    )
    assert shown.title == "On x² fields"
    assert shown.abstract == "We show it."
    assert shown.comment == "12 pages, 3 figures"
    assert shown.authors == ("René Example", "A. B. Sample")


def test_a_name_without_a_letter_is_neither_shown_nor_counted() -> None:
    names = ("EXAMPLE LAB", ":", "$^1$", "...", "42", "Ada Example", "李", "B. Sample", "C. Third")
    shown = displayed(paper(1, authors=names))
    assert shown.authors == ("EXAMPLE LAB", "Ada Example", "李", "B. Sample", "C. Third")
    assert authors_line(shown.authors) == "EXAMPLE LAB, Ada Example, 李 and 2 more"
    assert displayed(paper(1, authors=(":",))).authors == ()


def test_only_the_words_of_a_paper_change() -> None:
    raw = paper(1, title="$a$", url="https://x.example/$a$", doi="10.1/a--b")
    assert displayed(raw) == replace(raw, title="a")


HOSTILE = f"a{RIGHT_TO_LEFT}b{ZERO_WIDTH}\x00\x1b[31mc\x07"


def test_nothing_that_a_source_wrote_is_shown_with_what_cannot_be_seen() -> None:
    raw = paper(
        1, HOSTILE, abstract=HOSTILE, authors=(HOSTILE,), comment=HOSTILE, doi=HOSTILE,
        journal_ref=HOSTILE, categories=(HOSTILE, ZERO_WIDTH), primary_category=HOSTILE,
    )  # fmt: skip
    shown = displayed(raw)
    texts = [getattr(shown, field.name) for field in fields(shown)]
    seen = [each for text in texts for each in (text if isinstance(text, tuple) else [text])]
    assert [clean(each) for each in seen if isinstance(each, str)] == [
        each for each in seen if isinstance(each, str)
    ]
    assert shown.categories == ("abc",)
    assert (shown.primary_category, shown.journal_ref, shown.doi) == ("abc", "abc", "abc")


def test_a_journal_is_read_as_a_title_is() -> None:
    assert displayed(paper(1, journal_ref=r"Ann. Poincar\'e {\bf 12}")).journal_ref == (
        "Ann. Poincaré 12"
    )


def test_a_title_of_which_nothing_is_seen_becomes_the_id() -> None:
    raw = paper(1, title=ZERO_WIDTH + RIGHT_TO_LEFT)
    assert displayed(raw).title == raw.id


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x07", "click"),
        ("\x1b]0;title\x07bell\x07", "bell"),
        ("\x9b2Jgone\x1bc", "gone"),
        ("\x1b]never ends, and must not swallow " + "text " * 60, "text"),
        (f"abc{RIGHT_TO_LEFT}def{ZERO_WIDTH}", "abcdef"),
        ("\u2066isolated\u2069 \ufeffmark\u00ad", "isolated mark"),
        ("tag\U000e0041ged", "tagged"),
        ("two\u2028lines\x85and\x0bmore\x00", "two lines and more"),
        ("half a pair \ud83d", "half a pair \ufffd"),
        ("שלום, 你好 and naïve 🎉 stay", "שלום, 你好 and naïve 🎉 stay"),
    ],
)
def test_what_cannot_be_seen_is_gone(text: str, seen: str) -> None:
    assert seen in clean(text)
    assert clean(text) == seen or text.startswith("\x1b]never")


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b[]\\;m\x07\u202e\u200b\ud800 ")))
@example("\x1b\x1b[31m[31m")
@example("\x1b\u200b[31m")
def test_a_clean_text_is_one_printable_line_and_stays_so(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert all(c == " " or unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"} for c in once)
    once.encode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cc"])))
def test_every_visible_letter_stays(text: str) -> None:
    letters = [c for c in text if c.isascii() and c.isalnum()]
    assert [c for c in clean(text) if c.isascii() and c.isalnum()] == letters


@given(st.text(), st.text())
def test_what_is_shown_is_clean(title: str, abstract: str) -> None:
    shown = displayed(paper(1, title=title, abstract=abstract))
    assert shown.title
    assert clean(shown.title) == shown.title
    assert clean(shown.abstract) == shown.abstract


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (0, ""),
        (1, "Author 1"),
        (3, "Author 1, Author 2, Author 3"),
        (4, "Author 1, Author 2, Author 3 and 1 more"),
        (40, "Author 1, Author 2, Author 3 and 37 more"),
    ],
)
def test_three_authors_are_named_and_the_others_counted(count: int, line: str) -> None:
    assert authors_line([f"Author {number}" for number in range(1, count + 1)]) == line


def test_more_authors_are_named_where_there_is_room() -> None:
    assert authors_line(["A", "B", "C"], shown=1) == "A and 2 more"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("short enough", 12, "short enough"),
        ("cut between two words", 14, "cut between…"),
        ("cut between two words", 12, "cut between…"),
        ("cut, here", 6, "cut…"),
        ("Donaudampfschifffahrt", 10, "Donaudamp…"),
        ("a Donaudampfschifffahrt", 10, "a Donauda…"),
        ("cafe\u0301 noir", 5, "caf…"),
        ("anything", 1, "…"),
        ("anything", 0, "…"),
        ("", 5, ""),
    ],
)
def test_a_long_text_is_cut_between_words(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_fits_and_stays_as_it_is(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert bool(short) == bool(text)
    assert shorten(short, limit) == short
    assert short == text or text.startswith(short.removesuffix("…"))


# Sizes as platforms count them: code points, bytes, and with every second sign escaped.
SIZES = (len, lambda text: len(text.encode()), lambda text: len(text) + text.count("*"))


@given(st.text(st.sampled_from("a *深😀\n\u0301")), st.integers(0, 60), st.sampled_from(SIZES))
@example("x" * 4000, 3800, lambda text: len(text) + 8)
def test_a_text_that_is_shortened_to_fit_ends_and_fits_and_is_a_beginning(
    text: str, room: int, size: Callable[[str], int]
) -> None:
    asked = 0

    def fits(part: str) -> bool:
        nonlocal asked
        asked += 1
        return size(part) <= room

    short = shorten_to_fit(text, fits)
    assert asked <= 2 + len(text).bit_length()
    assert size(short) <= room or short in {"…", ""}
    assert short == text or text.startswith(short.removesuffix("…"))
    assert (short == text) == (size(text) <= room) or short == "…"


@given(st.text(st.sampled_from("ab深*\n")), st.integers(3, 60), st.sampled_from(SIZES))
@example("x" * 4000, 3800, lambda text: len(text) + 8)
@example("\n" * 100, 10, len)
def test_whole_lines_stay_or_the_first_one_is_shortened(
    text: str, room: int, size: Callable[[str], int]
) -> None:
    kept = first_lines(text, lambda part: size(part) <= room)
    assert size(kept) <= room
    if kept == text:
        return
    *whole, last = kept.split("\n")
    assert last.endswith("…")
    lines = text.split("\n")
    if whole or last == "…":
        assert (whole, last) == (lines[: len(whole)], "…")
        assert size("\n".join([*lines[: len(whole) + 1], "…"])) > room, "no line too few"
    else:
        assert lines[0].startswith(last.removesuffix("…"))


def test_one_paper_and_two_papers() -> None:
    assert [plural(n, "paper") for n in (0, 1, 2, 2100)] == [
        "0 papers",
        "1 paper",
        "2 papers",
        "2,100 papers",
    ]


def test_titles_without_latex_do_not_load_the_latex_library() -> None:
    program = (
        "import sys\n"
        "from bot.text import unicode_from_latex\n"
        "unicode_from_latex('Plain words')\n"
        "assert 'pylatexenc' not in sys.modules\n"
        "unicode_from_latex(chr(92) + 'alpha')\n"
        "assert 'pylatexenc' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
