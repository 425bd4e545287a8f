"""Which addresses in a text become links, and where each of them ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import unicode_from_latex
from bot.text.links import MAX_ADDRESS_LENGTH, Link, with_links


def links(text: str) -> list[str]:
    return [each.url for each in with_links(text) if isinstance(each, Link)]


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("Code: https://github.com/a_b/c~d.", ["https://github.com/a_b/c~d"]),
        ("see our site (https://ada.example/a_b%20c).", ["https://ada.example/a_b%20c"]),
        ("(at https://en.example.org/wiki/A_(b))", ["https://en.example.org/wiki/A_(b)"]),
        ("[https://ada.example/x], \"https://b.example\"", ["https://ada.example/x", "https://b.example"]),
        ("at https://ada.example/Code}.", ["https://ada.example/Code"]),
        ("https://a.example/,https://b.example/?y=1&z=2;", ["https://a.example/", "https://b.example/?y=1&z=2"]),
        ("**https://ada.example/x**, really!", ["https://ada.example/x"]),
        ("https://ada.example/a，then", ["https://ada.example/a"]),
        ("HTTP://ADA.EXAMPLE:8080/#top?", ["HTTP://ADA.EXAMPLE:8080/#top"]),
        (r"\url{https://ada.example/a_b}.", ["https://ada.example/a_b"]),
        (r"\href{https://ada.example/a\_b}{our code}.", ["https://ada.example/a_b"]),
    ],
)  # fmt: skip
def test_an_address_ends_where_a_reader_would_end_it(text: str, urls: list[str]) -> None:
    assert links(unicode_from_latex(text)) == urls


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1) data:text/html,x ftp://ada.example/x //ada.example",
        "https://arxiv.org@evil.example/ https://ada:secret@evil.example",
        "http:// https://. https://localhost/x http://192.0.2.1/ http://[::1]/",
        "https://ada.example:99999/ https://ada.example:x/ https://-.example/",
        "https://аda.example/",
        "xhttps://ada.example",
        f"https://ada.example/{'x' * MAX_ADDRESS_LENGTH}",
    ],
)
def test_what_only_looks_like_an_address_stays_text(text: str) -> None:
    assert list(with_links(text)) == [text]


@given(st.text("htps:/.,;)(]['\"@ax1 -~{}$", max_size=80))
def test_nothing_of_a_text_is_lost_or_moved(text: str) -> None:
    found = list(with_links(text))
    assert "".join(each.url if isinstance(each, Link) else each for each in found) == text
    assert all(found)
