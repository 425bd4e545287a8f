"""The Markdown page, as a real Markdown reader understands it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.pages.markdown import MAX_SHORT_COMMENT, NEW_BADGE, render
from bot.text import clean, displayed, shorten
from tests.builders import paper
from tests.pages.samples import HOSTILE, NOON, aged, page_of, section
from tests.pages.seed import seed_page, seed_rows

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = {"<details>", "<summary>", "</summary>", "<p>", "</p>", "</details>", "<span>", "</span>"}
LINK = re.compile(r'<a href="https?://[^"<>\s]+" rel="nofollow noopener">|</a>')
HEAD = ["Title", "Date", "Abstract", "Comment"]


@dataclass
class Cell:
    """What a reader of the page sees in one cell, and what it is made of."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    elements: list[str] = field(default_factory=list)

    @property
    def summary_and_text(self) -> tuple[str, str]:
        summary, _, text = self.text.partition("\0")
        return summary, text


def cell_of(inline: Token) -> Cell:
    cell = Cell()
    for token in inline.children or []:
        if token.type == "text":
            cell.text += token.content
        elif token.type == "html_inline":
            cell.elements.append(token.content)
            cell.text += "\0" if token.content == "</summary>" else ""
        else:
            cell.kinds.add(token.type)
            cell.links += [str(token.attrs["href"])] if token.type == "link_open" else []
    return cell


def tables(page: str) -> dict[str, list[list[Cell]]]:
    """Heading → rows of its table, the head left out. Nothing else may be on the page."""
    found: dict[str, list[list[Cell]]] = {}
    tokens = READER.parse(page)
    assert not [token for token in tokens if token.type in {"html_block", "code_block", "fence"}]
    rows: list[list[Cell]] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            heading = cell_of(tokens[place + 1]).text
            found[heading] = rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in {"td_open", "th_open"}:
            rows[-1].append(cell_of(tokens[place + 1]))
    for heading, rows in found.items():
        assert [cell.text for cell in rows[0]] == HEAD
        found[heading] = rows[1:]
    return found


TEXT = st.one_of(
    st.text(st.sampled_from("|\\`*_[]<>&$@#~:!(){}-+=^'\"/.;x1 \n\t"), max_size=40),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map(" ".join),
    st.text(max_size=30),
)


@given(title=TEXT, abstract=TEXT, comment=TEXT, keyword=TEXT, new=st.booleans())
@example(HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3], True)
@example(HOSTILE[4], HOSTILE[5], HOSTILE[6], HOSTILE[7], False)
@example(HOSTILE[8], HOSTILE[9], HOSTILE[10], HOSTILE[11], False)
@example(HOSTILE[-1], HOSTILE[-1], HOSTILE[-1], HOSTILE[-1], False)
def test_whatever_a_paper_contains_is_read_back_as_that_text(
    title: str, abstract: str, comment: str, keyword: str, new: bool
) -> None:
    raw = paper(1, title, abstract=abstract, comment=comment)
    other = paper(2, "Another")
    keyword = clean(keyword) or "keyword"
    ids = frozenset({raw.id}) if new else frozenset()
    page = render(page_of(section(keyword, (other, raw), ids), section("the next", (other,))))

    found = tables(page)
    assert list(found) == [keyword, "the next"]
    assert [len(rows) for rows in found.values()] == [2, 1]
    shown = displayed(raw)
    first, second, third, fourth = found[keyword][1]
    assert first.text == (f"{NEW_BADGE} {shown.title}" if new else shown.title)
    assert first.links == [raw.url]
    assert second.text == raw.published.date().isoformat()
    assert third.text == (f"Show\0{shown.abstract}" if shown.abstract else "")
    if len(shown.comment) <= MAX_SHORT_COMMENT:
        assert fourth.text == shown.comment
    else:
        assert fourth.summary_and_text == (shorten(shown.comment, MAX_SHORT_COMMENT), shown.comment)
    assert first.kinds == {"strong_open", "strong_close", "link_open", "link_close"}
    assert second.kinds | third.kinds | fourth.kinds == set()
    elements = {element for cell in found[keyword][1] for element in cell.elements}
    assert {each for each in elements if not LINK.fullmatch(each)} <= OURS


@given(TEXT)
def test_nothing_is_left_that_a_reader_of_the_finished_text_could_take_for_more(text: str) -> None:
    """GitHub recognises these in what Markdown produces, element by element."""
    raw = paper(1, text, abstract=text, comment=text)
    tokens = READER.parse(render(page_of(section(text, (raw,)))))
    texts = [
        token.content
        for inline in tokens
        for token in inline.children or []
        if token.type == "text"
    ]
    looked_for = re.compile(r"@\w|#\d|\$.*\$|:[\w+-]+:|https?://|www\.|GH-\d|\w@\w", re.I)
    assert texts
    assert [piece for piece in texts if looked_for.search(piece)] == []


def test_an_address_with_odd_signs_stays_one_address() -> None:
    odd = 'https://x.example/a b|c)(d<e>"f`g*h_i\\j[k]?l=m&copy=n'
    (row,) = tables(render(page_of(section("keyword", (paper(1, url=odd),)))))["keyword"]
    assert len(row) == len(HEAD)
    assert row[0].links == [
        "https://x.example/a%20b%7Cc%29%28d%3Ce%3E%22f%60g%2Ah_i%5Cj%5Bk%5D?l=m&copy=n"
    ]


def test_the_newest_come_first_and_of_one_second_the_last_announced() -> None:
    papers = (aged(1, 30), aged(2, 1), aged(3, 5), aged(4, 5))
    rows = tables(render(page_of(section("keyword", papers))))["keyword"]
    assert [row[0].text for row in rows] == ["Study 2", "Study 4", "Study 3", "Study 1"]


def test_the_page_says_how_many_papers_a_section_holds_at_most() -> None:
    assert "at most 30,\n" in render(page_of(section("keyword", ()), most=30))


def test_a_later_version_has_its_day_beside_that_of_the_submission() -> None:
    first = aged(1, 1)
    later = replace(aged(2, 2), version=3, updated=NOON + timedelta(days=1))
    same_day = replace(aged(3, 3), version=2, updated=NOON)
    rows = tables(render(page_of(section("keyword", (first, later, same_day)))))["keyword"]
    assert [row[1].text for row in rows] == [
        "2026-11-24",
        "2026-11-24, v3 2026-11-25",
        "2026-11-24",
    ]


def test_a_name_is_the_heading_and_the_keyword_is_below_it() -> None:
    page = render(page_of(section("ti:reasoning", (aged(1, 1),), name="<b>@everyone</b> | #1")))
    assert list(tables(page)) == ["<b>@everyone</b> | #1"]
    assert "\n\nti:reasoning\n\n| **Title**" in page


def test_sections_stand_in_the_order_in_which_they_are_given() -> None:
    page = render(page_of(*(section(each, ()) for each in ("zeta", "Alpha", "beta"))))
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## zeta",
        "## Alpha",
        "## beta",
    ]


def test_addresses_in_abstracts_and_comments_are_links_and_nothing_else_becomes_one() -> None:
    told = aged(
        1,
        1,
        abstract=r"Code at \url{https://github.com/ada/a_b}. javascript:alert(1) https://a@b.example/",
        comment="see (https://ada.example/x|y?a=1&b=2)",
    )
    (row,) = tables(render(page_of(section("keyword", (told,)))))["keyword"]
    assert '<a href="https://github.com/ada/a_b" rel="nofollow noopener">' in row[2].elements
    assert row[2].text == (
        "Show\0Code at https://github.com/ada/a_b. javascript:alert(1) https://a@b.example/"
    )
    assert row[3].elements[0] == '<a href="https://ada.example/x" rel="nofollow noopener">'
    assert [each for cell in row for each in cell.elements].count("</a>") == 2


def test_the_first_page_of_the_project_is_shown_row_by_row(shared_data: Path) -> None:
    theirs = seed_rows(shared_data)
    page = render(seed_page(shared_data))
    ours = tables(page)
    assert list(ours) == list(theirs)
    assert sum(map(len, ours.values())) == 79
    for heading, rows in theirs.items():
        # Theirs are in the order of the last version, and show the day of the first one.
        rows.sort(key=lambda row: row.day, reverse=True)
        for row, (title, day, abstract, comment) in zip(rows, ours[heading], strict=True):
            shown = displayed(paper(1, row.title, abstract=unescape(row.abstract)))
            assert title.text.removeprefix(f"{NEW_BADGE} ") == shown.title
            assert (title.links, day.text) == ([row.url], row.day)
            assert abstract.text == f"Show\0{shown.abstract}"
            found = [*abstract.elements, *comment.elements]
            links = [each.split('"')[1] for each in found if each.startswith("<a ")]
            assert links == row.addresses
    assert page.count("<a href=") == 28


def test_only_new_papers_are_marked() -> None:
    papers = (aged(1, 1), aged(2, 2))
    rows = tables(render(page_of(section("keyword", papers, frozenset({papers[1].id})))))["keyword"]
    assert [row[0].text for row in rows] == ["Study 1", f"{NEW_BADGE} Study 2"]


def test_a_short_comment_is_seen_and_a_long_one_unfolds() -> None:
    short, long = "12 pages, 3 figures", "accepted at an invented conference, " * 4
    papers = (aged(1, 1, comment=short), aged(2, 2, comment=long))
    rows = tables(render(page_of(section("keyword", papers))))["keyword"]
    assert rows[0][3].text == short
    assert rows[1][3].summary_and_text == ("accepted at an invented conference…", long.strip())


def test_a_keyword_without_papers_says_so() -> None:
    page = render(page_of(section("nothing yet", ())))
    assert "## nothing yet\n\nNo papers yet.\n" in page
    assert "| --- |" not in page


def test_the_page_names_the_day_and_looks_like_the_seed(shared_data: Path) -> None:
    seed = (shared_data / "seed-page.md").read_text(encoding="utf-8")
    page = render(page_of(section("Reasoning", (aged(1, 1),))))
    for line in ("# Daily Papers", "| **Title** | **Date** | **Abstract** | **Comment** |"):
        assert line in seed.splitlines()
        assert line in page.splitlines()
    assert "Last update: 2026-11-24" in page.splitlines()
    row = re.compile(
        r"\| \*\*\[[^\]]+\]\(https?://arxiv\.org/abs/[^)]+\)\*\* \| \d{4}-\d\d-\d\d "
        r"\| <details><summary>Show</summary><p>.*</p></details> \| .*\|"
    )
    for text in (seed, page):
        rows = [line for line in text.splitlines() if line.startswith("| **[")]
        assert rows
        assert all(row.fullmatch(line) for line in rows)


def test_the_same_papers_give_the_same_page() -> None:
    papers = tuple(aged(number, number) for number in range(1, 9))
    assert render(page_of(section("k", papers))) == render(page_of(section("k", papers[::-1])))
