"""The feeds, as feedparser reads them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import feedparser
from hypothesis import given
from hypothesis import strategies as st

from bot.pages import feed
from bot.pages.contents import PageContents
from bot.text import clean
from tests.builders import paper
from tests.pages.samples import HOSTILE, NOON, page_of, section

BASE = "https://papers.example.org/lab/"
DAY = timedelta(days=1)


def parsed(text: str) -> Any:
    found = feedparser.parse(text)
    assert not found.bozo, found.get("bozo_exception")
    ElementTree.fromstring(text)
    return found


def the_whole(page: PageContents) -> Any:
    return parsed(feed.render_all(page))


def test_an_id_never_changes_whatever_becomes_of_the_paper_and_its_keyword() -> None:
    first = paper(1, "Old title", url="https://arxiv.org/abs/2603.00001v1")
    later = paper(1, "New", version=2, url="https://arxiv.org/abs/2603.00001v2", updated=NOON)
    pages = [page_of(section("a", (first,))), page_of(section("b", (later,)), base_url=BASE)]
    entries = [the_whole(page).entries[0] for page in pages]
    assert {each.id for each in entries} == {"https://arxiv.org/abs/2603.00001"}
    assert {each.published for each in entries} == {entries[0].updated}
    assert [each.link for each in entries] == [first.url, later.url]


def test_no_two_papers_have_one_date_and_later_announced_ones_come_later() -> None:
    """A month has thousands of papers, and all of a day come in one run."""
    days = [
        [paper(number) for number in range(day * 1000, day * 1000 + 1000, 7)] for day in range(3)
    ]
    next_month = [paper(number, month="2604") for number in range(1, 100)]
    sections = [
        section(f"day {day}", tuple(papers), arrived=NOON + day * DAY)
        for day, papers in enumerate([*days, next_month])
    ]
    texts = [feed.render_keyword(page_of(), each, "x") for each in sections]
    found = [[entry.updated for entry in reversed(parsed(text).entries)] for text in texts]
    every = [date for dates in found for date in dates]
    assert len(set(every)) == len(every) == sum(len(each.arrivals) for each in sections)
    assert every == sorted(every)
    assert every[-1] <= (NOON + 3 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_old_papers_of_one_number_are_a_second_apart() -> None:
    papers = tuple(paper(7, month=month) for month in ("2601", "2602", "2603"))
    entries = the_whole(page_of(section("a", papers))).entries
    dates = [datetime.fromisoformat(each.updated) for each in entries]
    assert [one - other for one, other in itertools.pairwise(dates)] == [timedelta(seconds=1)] * 2


def test_a_paper_of_two_keywords_comes_once_and_names_both() -> None:
    both = paper(1, categories=("cs.LG", "stat.ML"), comment="5 pages")
    page = page_of(section("ti:reasoning", (both,), name="Reasoning"), section("b", (both,)))
    [entry] = the_whole(page).entries
    assert [(each.term, each.scheme) for each in entry.tags] == [
        ("cs.LG", "http://arxiv.org/schemas/atom"),
        ("stat.ML", "http://arxiv.org/schemas/atom"),
        ("Reasoning", None),
        ("b", None),
    ]
    assert [each.name for each in entry.authors] == ["Ada Example", "Ben Sample"]
    assert entry.summary == "We look at what happens.\n\nComment: 5 pages"


def test_with_a_base_url_its_links_are_absolute() -> None:
    page = page_of(section("reward model", (paper(1),)), base_url=BASE)
    whole = the_whole(page).feed
    links = {each.rel: each.href for each in whole.links}
    assert links == {"self": f"{BASE}papers.xml", "alternate": f"{BASE}papers.html"}
    [only] = page.sections
    own = parsed(feed.render_keyword(page, only, page.slugs[0])).feed
    assert (own.id, own.title) == (
        f"{BASE}papers/reward-model.xml",
        "Daily Papers: reward model",
    )


def test_without_a_base_url_a_feed_names_no_address_and_an_empty_one_is_valid() -> None:
    whole = the_whole(page_of()).feed
    assert "links" not in whole or whole.links == []
    assert whole.id.startswith("urn:uuid:")
    assert whole.updated.startswith("2026-11-24T00:00:00")


def test_a_feed_holds_the_five_hundred_that_came_last() -> None:
    papers = tuple(paper(number) for number in range(1, 601))
    entries = the_whole(page_of(section("a", papers))).entries
    assert (len(entries), entries[0].id) == (500, "https://arxiv.org/abs/2603.00600")


@given(
    st.one_of(
        st.text(
            st.sampled_from("<>&\"']]>{}% \x00\x0b\x1b\x85\ufffe\U0001ffff\ud800"), max_size=30
        ),
        st.sampled_from(HOSTILE),
    )
)
def test_whatever_stands_in_a_paper_makes_a_valid_feed(text: str) -> None:
    told = paper(1, text, abstract=text, comment=text, authors=(text, "Ada"), categories=(text,))
    page = page_of(section(clean(text) or "k", (told,)))
    root = ElementTree.fromstring(feed.render_all(page))
    [entry] = root.findall("{http://www.w3.org/2005/Atom}entry")
    assert entry.findtext("{http://www.w3.org/2005/Atom}id") == "https://arxiv.org/abs/2603.00001"
