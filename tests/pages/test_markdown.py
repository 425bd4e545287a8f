"""The Markdown page, as a real Markdown reader understands it, and as a file that never breaks."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.errors import UserError
from bot.model import Paper
from bot.pages.markdown import (
    MAX_PAPERS,
    MAX_SHORT_COMMENT,
    NEW_BADGE,
    PageSection,
    render,
    write,
)
from bot.text import clean, displayed, shorten
from tests.builders import paper

DAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = {"<details>", "<summary>", "</summary>", "<p>", "</p>", "</details>", "<span>", "</span>"}
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


HOSTILE = [
    "Pipes | break | tables \\| and \\",
    "@everyone, see #12 and GH-34 and owner/repo#5 for $5 or $10 :tada:",
    "<script>alert(1)</script> &amp; &lt; <!-- comment --> </details></p>",
    "`code` ``` *stars* _lines_ __strong__ ~~strokes~~ ^up^ ==marks==",
    "[link](https://evil.example) ![image](x) [ref][1] [^1] <https://evil.example>",
    "https://evil.example, www.evil.example and me@evil.example",
    "{{ site.title }} {% include x %} | --- | # Heading",
    "- [ ] a task 1. one > quote",
    r"$\mathcal{O}(n)$ \textbf{bold} \nobodyknows{this} \| and $x",
    "&#124; &#x7c; &bsol; &copy",
    "**",
    "|",
    "\\",
    "]( x",
    "<!channel> and <?php ?> and <![CDATA[ x",
]
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
def test_whatever_stands_in_a_paper_is_read_back_as_that_text(
    title: str, abstract: str, comment: str, keyword: str, new: bool
) -> None:
    raw = paper(1, title, abstract=abstract, comment=comment)
    other = paper(2, "Another")
    keyword = clean(keyword) or "keyword"
    ids = frozenset({raw.id}) if new else frozenset()
    page = render([PageSection(keyword, (other, raw), ids), PageSection("the next", (other,))], DAY)

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
    assert {element for cell in found[keyword][1] for element in cell.elements} <= OURS


@given(TEXT)
def test_nothing_is_left_that_a_reader_of_the_finished_text_could_take_for_more(text: str) -> None:
    """GitHub recognises these in what Markdown produces, element by element."""
    raw = paper(1, text, abstract=text, comment=text)
    tokens = READER.parse(render([PageSection(text, (raw,))], DAY))
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
    (row,) = tables(render([PageSection("keyword", (paper(1, url=odd),))], DAY))["keyword"]
    assert len(row) == len(HEAD)
    assert row[0].links == [
        "https://x.example/a%20b%7Cc%29%28d%3Ce%3E%22f%60g%2Ah_i%5Cj%5Bk%5D?l=m&copy=n"
    ]


def aged(number: int, hours: int, comment: str = "") -> Paper:
    published = NOON - timedelta(hours=hours)
    return paper(number, f"Study {number}", published=published, comment=comment)


def test_the_newest_come_first_and_of_one_second_the_last_announced() -> None:
    papers = (aged(1, 30), aged(2, 1), aged(3, 5), aged(4, 5))
    rows = tables(render([PageSection("keyword", papers)], DAY))["keyword"]
    assert [row[0].text for row in rows] == ["Study 2", "Study 4", "Study 3", "Study 1"]


def test_a_section_holds_its_newest_hundred() -> None:
    papers = tuple(aged(number, hours=number) for number in range(1, 131))
    rows = tables(render([PageSection("keyword", papers)], DAY))["keyword"]
    assert len(rows) == MAX_PAPERS == 100
    assert rows[-1][0].text == "Study 100"


def test_only_new_papers_are_marked() -> None:
    papers = (aged(1, 1), aged(2, 2))
    rows = tables(render([PageSection("keyword", papers, frozenset({papers[1].id}))], DAY))[
        "keyword"
    ]
    assert [row[0].text for row in rows] == ["Study 1", f"{NEW_BADGE} Study 2"]


def test_a_short_comment_is_seen_and_a_long_one_unfolds() -> None:
    short, long = "12 pages, 3 figures", "accepted at an invented conference, " * 4
    papers = (aged(1, 1, comment=short), aged(2, 2, comment=long))
    rows = tables(render([PageSection("keyword", papers)], DAY))["keyword"]
    assert rows[0][3].text == short
    assert rows[1][3].summary_and_text == ("accepted at an invented conference…", long.strip())


def test_a_keyword_without_papers_says_so() -> None:
    page = render([PageSection("nothing yet", ())], DAY)
    assert "## nothing yet\n\nNo papers yet.\n" in page
    assert "| --- |" not in page


def test_the_page_names_the_day_and_looks_like_the_seed(shared_data: Path) -> None:
    seed = (shared_data / "seed-page.md").read_text(encoding="utf-8")
    page = render([PageSection("Reasoning", (aged(1, 1),))], DAY)
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
    assert render([PageSection("k", papers)], DAY) == render([PageSection("k", papers[::-1])], DAY)


# The file


def page_of(number: int, day: date = DAY) -> str:
    return render([PageSection("keyword", (aged(number, 1),))], day)


def test_the_page_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    assert write(path, page_of(1))
    assert path.read_text(encoding="utf-8") == page_of(1)
    assert os.listdir(tmp_path) == ["papers.md"]


def test_a_page_that_differs_only_in_its_date_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    write(path, page_of(1))
    assert not write(path, page_of(1, DAY + timedelta(days=1)))
    assert "Last update: 2026-11-24" in path.read_text(encoding="utf-8")


def test_a_page_that_changed_is_replaced_at_one_go(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    write(path, page_of(1))
    with path.open(encoding="utf-8") as reader:
        assert write(path, page_of(2))
        assert reader.read() == page_of(1)  # who reads it now still has the whole old one
    assert path.read_text(encoding="utf-8") == page_of(2)


def test_the_date_of_a_paper_counts_as_a_change(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    write(path, page_of(1))
    path.write_text(path.read_text("utf-8").replace("| 2026-11-24 |", "| 2026-11-23 |"), "utf-8")
    assert write(path, page_of(1))


@pytest.mark.parametrize("present", [b"", b"\xff\xfe not UTF-8", b"Last update: 2020-01-01\n"])
def test_anything_else_in_its_place_is_overwritten(tmp_path: Path, present: bytes) -> None:
    path = tmp_path / "papers.md"
    path.write_bytes(present)
    assert write(path, page_of(1))
    assert path.read_text(encoding="utf-8") == page_of(1)


def test_the_mode_of_the_page_and_a_link_to_it_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "papers.md", tmp_path / "index.md"
    write(path, page_of(1))
    path.chmod(0o640)
    link.symlink_to(path)
    assert write(link, page_of(2))
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == page_of(2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_page_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    path, any_file = tmp_path / "papers.md", tmp_path / "any"
    write(path, page_of(1))
    any_file.touch()
    assert path.stat().st_mode == any_file.stat().st_mode


def test_what_a_crash_left_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".papers.md.new").write_text("half a pa", encoding="utf-8")
    assert write(tmp_path / "papers.md", page_of(1))
    assert os.listdir(tmp_path) == ["papers.md"]


def test_a_folder_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "papers.md"
    with pytest.raises(UserError, match=r"can't be written to .*nowhere/papers\.md: No such file"):
        write(path, page_of(1))


def test_a_folder_in_the_place_of_the_page_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "papers.md").mkdir()
    with pytest.raises(UserError, match=r"\[page\] of bot\.toml"):
        write(tmp_path / "papers.md", page_of(1))
    assert os.listdir(tmp_path) == ["papers.md"]


def test_a_page_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / ("p" * 250 + ".md")  # leaves no room for the name of the file beside it
    path.write_text(page_of(1), encoding="utf-8")
    with pytest.raises(UserError, match="File name too long"):
        write(path, page_of(2))
    assert path.read_text(encoding="utf-8") == page_of(1)
    assert os.listdir(tmp_path) == [path.name]
