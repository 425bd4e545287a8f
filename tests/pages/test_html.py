"""The HTML page, as a strict reader of HTML understands it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.pages.contents import PageContents
from bot.pages.html import TEMPLATES, content_security_policy, render
from bot.text import clean, displayed
from tests.builders import paper
from tests.pages.samples import HOSTILE, NOON, aged, page_of, section
from tests.pages.seed import seed_page, seed_rows

TEXT = st.one_of(
    st.text(
        st.sampled_from("<>&\"'`=/{}%$\\;:#@-!? x\n\t\x00\x0b\x85\ufffe\U0001ffff"), max_size=40
    ),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map(" ".join),
    st.text(max_size=30),
)


def tree(page: PageContents) -> Element:
    """Fails at the first thing that is not valid."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    found: Element = parser.parse(render(page))
    return found


def text_of(element: Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


@given(title=TEXT, abstract=TEXT, comment=TEXT, keyword=TEXT, name=TEXT)
@example(HOSTILE[2], HOSTILE[2], HOSTILE[14], HOSTILE[2], HOSTILE[2])
@example("\ufffe", "\U0001ffff", "\x85", "papers", "filter")
def test_whatever_stands_in_a_paper_is_read_back_as_that_text_on_a_valid_page(
    title: str, abstract: str, comment: str, keyword: str, name: str
) -> None:
    raw = paper(1, title, abstract=abstract, comment=comment, authors=(title,))
    keyword, name = clean(keyword) or "keyword", clean(name)
    found = tree(page_of(section(keyword, (raw,), name=name), section("next", ())))
    assert [text_of(each) for each in found.iter("h2")] == [name or keyword, "next"]
    [article] = found.iter("article")
    shown = displayed(raw)
    assert text_of(article.find("h4")) == " ".join(shown.title.split())
    details = article.find("details/p")
    assert (text_of(details) if shown.abstract else "") == shown.abstract
    facts = article.findall("p")
    assert (text_of(facts[1]) if shown.comment else "") == shown.comment
    assert {each.tag for each in article.iter()} <= {
        "article",
        "h4",
        "a",
        "p",
        "span",
        "details",
        "summary",
    }


def test_nothing_is_loaded_from_elsewhere_and_only_our_script_may_run() -> None:
    page = render(page_of(section("keyword", (aged(1, 1),))))
    found = tree(page_of(section("keyword", (aged(1, 1),))))
    assert not [each for each in found.iter() if {"src", "style", "onclick"} & each.attrib.keys()]
    assert {each.get("href") for each in found.iter("link")} == {"papers.xml"}
    [script], [style] = found.iter("script"), found.iter("style")
    assert script.text == (TEMPLATES / "page.js").read_text("utf-8")
    assert style.text == (TEMPLATES / "page.css").read_text("utf-8")
    assert not re.search(r"@import|url\(|fetch|http", f"{script.text}{style.text}")
    assert f'content="{content_security_policy()}"'.replace("'", "&#39;") in page


def test_the_page_can_be_used_without_eyes_and_without_a_mouse() -> None:
    papers = (aged(1, 1), aged(2, 30))
    found = tree(page_of(section("b", papers, frozenset({papers[0].id})), section("a", papers)))
    html = found
    assert html.get("lang") == "en"
    levels = [int(each.tag[1]) for each in found.iter() if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = Counter(each.get("id") for each in found.iter() if each.get("id"))
    assert max(ids.values()) == 1, ids
    for each in found.iter():
        for name in ("for", "aria-labelledby"):
            assert each.get(name) is None or each.get(name) in ids
        if (href := each.get("href", "")).startswith("#"):
            assert href[1:] in ids
    assert all(text_of(each) or each.get("aria-label") for each in found.iter("a"))
    assert [each.get("aria-label") for each in found.iter("nav")] == ["Keywords", "Days"]
    [field] = found.iter("input")
    assert [each.get("for") for each in found.iter("label")] == [field.get("id")]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_that_weak_eyes_need(scheme: str) -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    style = (TEMPLATES / "page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))
    pairs = [(ink, on) for ink in ("text", "quiet", "link") for on in ("page", "panel")]
    for ink, on in [*pairs, ("new-text", "new")]:
        low, high = sorted((luminance(colours[ink]), luminance(colours[on])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, on)


def test_papers_stand_by_day_below_their_keyword_in_its_order_and_new_ones_are_marked() -> None:
    papers = (aged(1, 30), aged(2, 1), aged(3, 5))
    page = page_of(section("zeta", papers, frozenset({papers[1].id})), section("Alpha", papers))
    found = tree(page)
    assert [text_of(each) for each in found.iter("h2")] == ["zeta", "Alpha"]
    zeta = next(found.iter("section"))
    assert [(each.get("id"), text_of(each.find("h3"))) for each in zeta.findall("div")[1:]] == [
        ("zeta/2026-11-24", "24 November 2026"),
        ("zeta/2026-11-23", "23 November 2026"),
    ]
    assert [text_of(each) for each in zeta.iter("h4")] == ["New Study 2", "Study 3", "Study 1"]
    assert [each.get("id") for each in found.iter("h3")] == ["2026-11-24", "2026-11-23", None, None]


def test_a_name_is_the_heading_and_the_keyword_stands_below_it() -> None:
    [found] = tree(page_of(section("ti:reasoning", (), name="Reasoning"))).iter("section")
    assert text_of(found) == "Reasoning Feed ti:reasoning No papers yet."


def test_facts_say_the_later_version_and_badges_stand_beside_them() -> None:
    code = "Code at https://github.com/ada/example."
    later = replace(aged(1, 1, abstract=code), version=2, updated=NOON + timedelta(days=2))
    [article] = tree(page_of(section("keyword", (later,)))).iter("article")
    assert text_of(article.find("p")) == (
        "Ada Example, Ben Sample · cs.LG · 2026-11-24, v2 2026-11-26 code version 2"
    )
    links = [(each.get("href"), each.get("rel")) for each in article.iter("a")]
    assert links == [
        (later.url, "noopener"),
        ("https://github.com/ada/example", "nofollow noopener"),
        ("https://github.com/ada/example", "nofollow noopener"),
    ]


def test_each_section_has_an_address_of_its_own_whatever_it_is_called() -> None:
    names = ["Reward Model", "reward-model", "強化学習", "2026-11-24", "papers", "_papers", "Ä b"]
    page = page_of(*(section(each, (aged(1, 1),)) for each in names))
    assert page.slugs[:2] == ("reward-model", page.slugs[1])
    assert len(set(page.slugs)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", each) for each in page.slugs)
    assert page.slugs[-1] == "a-b"
    tree(page)


def test_an_address_that_is_not_of_the_web_is_no_link() -> None:
    [article] = tree(page_of(section("k", (paper(1, url="javascript:alert(1)"),)))).iter("article")
    assert list(article.iter("a")) == []


def test_a_page_without_a_keyword_is_valid_and_says_so() -> None:
    assert "No keywords yet." in text_of(tree(page_of()))


def test_a_thousand_keywords_make_a_valid_page() -> None:
    papers = (aged(1, 1),)
    page = page_of(*(section(f"keyword {number}", papers) for number in range(1000)))
    assert len(list(tree(page).iter("article"))) == 1000


def test_the_first_page_of_the_project_is_shown_row_by_row(shared_data: Path) -> None:
    theirs = seed_rows(shared_data)
    found = tree(seed_page(shared_data))
    assert [text_of(each) for each in found.iter("h2")] == list(theirs)
    links = 0
    for rows, ours in zip(theirs.values(), found.iter("section"), strict=True):
        rows.sort(key=lambda row: row.day, reverse=True)
        for row, article in zip(rows, ours.iter("article"), strict=True):
            shown = displayed(paper(1, row.title, abstract=unescape(row.abstract)))
            title = article.find("h4/a")
            assert title is not None
            assert (title.get("href"), text_of(title)) == (row.url, shown.title)
            assert text_of(article.find("details/p")) == shown.abstract
            assert row.day in text_of(article.find("p"))
            marked = [each for each in article.iter("a") if each.get("class") != "badge"]
            assert sorted(each.get("href", "") for each in marked[1:]) == sorted(row.addresses)
            links += len(row.addresses)
    assert (len(list(found.iter("article"))), links) == (79, 28)
