"""Titles that lead somewhere on Discord: word for word, and always a link."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markup import inert, link
from bot.model import Paper
from bot.text import clean, displayed
from tests.builders import paper

URL = "https://arxiv.org/abs/2603.00001"
PICTURES = "🎉🤗👋🏽⚡⭐❤✅🇫🇷"
# What a label may not hold, each with its source in ``adapters.discord.markup``.
OBEYED = re.compile(
    r"[\\*_~`|\[\]]|<[@#:/a-zA-Z]|(?i:@everyone|@here)|://|:[\w+-]+:|[\u200b-\u200f\u2060-\u206f]"
    rf"|[{PICTURES}\ufe0f\u20e3]|^(?:>|-|\+|#+|\d+\.)\s"
)
texts = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from(r"\*_~`|<>[]()#@:!-+1. " + PICTURES + "©™↔ab"),
    max_size=120,
).map(clean)


def parts(shown: str) -> tuple[str, str, str]:
    """What comes before the link, its label, and what comes after it. One link, never more."""
    before, _, rest = shown.rpartition(f"]({URL})")[0].rpartition("[")
    assert shown.count(f"]({URL})") == 1
    return before, rest, shown.rpartition(f"]({URL})")[2]


def unescaped(text: str) -> str:
    return re.sub(r"\\([^\w\s])", r"\1", text).replace("\u200b", "")


@given(texts)
def test_a_title_is_always_one_link_and_nothing_in_its_label_is_obeyed(title: str) -> None:
    _, label, _ = parts(link(title, URL))
    assert label.strip() == label != ""
    assert any(map(str.isalnum, label))
    assert not OBEYED.search(label), label


@given(texts)
def test_every_letter_of_a_title_keeps_its_place(title: str) -> None:
    before, label, after = parts(link(title, URL))
    shown = unescaped(before) + ("" if label == "arXiv" else label) + unescaped(after)
    kept = [c for c in title if c.isalnum() and c not in "™ℹ"]
    assert [c for c in shown if c in set(kept)] == kept or label == "arXiv"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Plain words, p < 0.05 and <10 GeV", "[Plain words, p < 0.05 and <10 GeV](URL)"),
        ("[O III] in D* decays of x_i", "[［O III］ in D∗ decays of xˍi](URL)"),
        (r"\ourmethod beats |x|", "[∖ourmethod beats ∣x∣](URL)"),
        ("μ ↔ e conversion", "[μ ⟷ e conversion](URL)"),
        ("🤗 Transformers", "🤗 [Transformers](URL)"),
        ("Lofi hip hop 🎉 - beats", "[Lofi hip hop](URL) 🎉 - beats"),
        ("We ❤️ it: *a* story of many words", "We ❤️ [it: ∗a∗ story of many words](URL)"),
        ("🎉🎉", "🎉🎉 [arXiv](URL)"),
        ("1. A list? # no", "[1․ A list? # no](URL)"),
        ("Recall@10 for @everyone", "[Recall@10 for ＠everyone](URL)"),
        ("<@1> https://evil.example :tada:", "[‹@1> https∶//evil.example ∶tada:](URL)"),
        ("[a](https://evil.example)", "[［a］(https∶//evil.example)](URL)"),
    ],
)
def test_a_title_reads_as_it_was_written(title: str, shown: str) -> None:
    assert link(title, URL).replace(URL, "URL") == shown


def test_no_real_title_of_a_month_shows_a_backslash_or_breaks_its_link(
    part_of_a_month: list[dict[str, Any]], figures: Any
) -> None:
    rows, changed = part_of_a_month, 0
    for row in rows:
        before, label, after = parts(link(displayed(real(row)).title, URL))
        assert not OBEYED.search(label), label
        assert not before
        assert not after
        changed += label != displayed(real(row)).title
    figures(f"discord: {len(rows)} real titles, {changed} with a look-alike, no backslash")


def real(row: dict[str, Any]) -> Paper:
    return paper(1, row["title"])


def test_many_empty_lines_are_looked_at_once() -> None:
    """When each was looked through to the last one, this took minutes."""
    lines = "\n" * 30_000
    assert inert(f"{lines}# x\n  - y") == f"{lines}\\# x\n  \\- y"
