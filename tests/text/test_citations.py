from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bibtexparser.entrypoint import parse_string
from citeproc.source.bibtex import BibTeX
from citeproc.source.bibtex.latex import MACROS
from citeproc.source.json import CiteProcJSON
from hypothesis import example, given
from hypothesis import strategies as st

from bot.model import Paper
from bot.text import displayed
from bot.text.citations import bibtex, file_text, key_base, name_of, year_of
from bot.text.venues import venue
from tests.builders import paper

# What citeproc-py 0.9 does not know and only warns of: without the first three an entry would be
# none of arXiv's, and without the last none could be followed. No other warning is passed over.
UNKNOWN_TO_CITEPROC = ("eprint", "archiveprefix", "primaryclass", "url")
COMMAND = re.compile(r"\\([^\W\d_]+|[^\w\s{}\"])")


def slow(**fields: Any) -> Paper:
    values = {"title": "A slow result for BERT in Gaussian fields", "authors": ("Ada B. Muster",)}
    return paper(1, **(values | fields))


def read_back(*papers: Paper) -> list[dict[str, str]]:
    """The fields of each entry, as bibtexparser reads what was written; nothing failed."""
    keys = {each.id: f"key{number}" for number, each in enumerate(papers)}
    library = parse_string(bibtex(papers, keys))
    assert library.failed_blocks == []
    assert [entry.key for entry in library.entries] == list(keys.values())
    return [
        {"type": entry.entry_type, **{field.key: field.value for field in entry.fields}}
        for entry in library.entries
    ]


def read_by_citeproc(text: str, folder: Path) -> BibTeX:
    """As citeproc-py reads a file of BibTeX: nothing but the unknown fields is warned of.

    Its reader fails at LaTeX that it has no definition of (``\\times`` in a title); so the file
    defines what is missing, as a document does that loads amsmath.
    """
    missing = sorted(set(COMMAND.findall(text)) - set(MACROS))
    defined = "".join(rf"\newcommand{{\{name}}}{{{name}}}" for name in missing)
    file = folder / "papers.bib"
    file.write_text(f'@preamble{{"{defined}"}}\n{text}', encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for field in UNKNOWN_TO_CITEPROC:
            message = rf"Unsupported BibTeX field '{field}'\Z"
            warnings.filterwarnings("ignore", message, UserWarning)
        return BibTeX(str(file), encoding="utf-8")


def test_a_preprint_is_cited_with_its_eprint_and_dois() -> None:
    assert read_back(slow()) == [
        {
            "type": "misc",
            "title": "A slow result for {BERT} in {Gaussian} fields",
            "author": "Muster, Ada B.",
            "year": "2026",
            "eprint": "2603.00001",
            "archivePrefix": "arXiv",
            "primaryClass": "cs.LG",
            "doi": "10.48550/arXiv.2603.00001",
            "url": "https://arxiv.org/abs/2603.00001",
        }
    ]


def test_where_it_was_published_decides_what_it_is() -> None:
    conference, journal = read_back(
        slow(comment="Accepted at ICML 2026"),
        paper(2, journal_ref="Phys. Rev. D 113, 044012 (2026)", doi="10.1103/abc 10.1/other"),
    )
    assert (conference["type"], conference["booktitle"]) == ("inproceedings", "ICML 2026")
    assert (journal["type"], journal["journal"]) == ("article", "Phys. Rev. D")
    assert journal["doi"] == "10.1103/abc"


def test_the_year_is_that_of_the_venue_and_the_key_keeps_that_of_the_preprint() -> None:
    later = slow(journal_ref="Phys. Rev. D 115, 044012 (2027)")
    [entry] = read_back(later)
    assert (entry["journal"], entry["year"]) == ("Phys. Rev. D", "2027")
    ris = file_text("ris", [later], {later.id: "k"})
    assert "\r\nPY  - 2027\r\nT2  - Phys. Rev. D\r\n" in ris
    [item] = json.loads(file_text("json", [later], {later.id: "k"}))
    assert (item["container-title"], item["issued"]) == ("Phys. Rev. D", {"date-parts": [[2027]]})
    assert key_base(later) == "muster2026slow"
    unknown = slow(comment="Accepted by Journal of Slow Results")
    [entry] = read_back(unknown)
    assert (entry["journal"], entry["year"]) == ("Journal of Slow Results", "2026")


@pytest.mark.parametrize(
    ("author", "last_first"),
    [
        ("Ada Muster", "Muster, Ada"),
        ("A. B. Muster", "Muster, A. B."),
        ("Ludwig van der Muster", "van der Muster, Ludwig"),
        ("Ada Muster Jr.", "Muster, Jr., Ada"),
        ("Ada Muster III", "Muster, III, Ada"),
        ("Kurt Gödel", "Gödel, Kurt"),
        ('Kurt G{\\"o}del', "Gödel, Kurt"),
        ("MUSTER Collaboration", "MUSTER Collaboration"),
        ("NVIDIA", "NVIDIA"),
    ],
)
def test_an_author_is_named_last_name_first(author: str, last_first: str) -> None:
    assert name_of(author).last_first == last_first


def test_the_name_of_a_collaboration_is_one_name() -> None:
    [entry] = read_back(slow(authors=("MUSTER Collaboration", "Ada Muster")))
    assert entry["author"] == "{MUSTER Collaboration} and Muster, Ada"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "muster2026slow"),
        ({"authors": ("Łukasz Größe",)}, "grosse2026slow"),
        ({"authors": ()}, "arxiv2026slow"),
        ({"authors": ("王伟",), "title": "慢"}, "arxiv2026"),
        ({"title": "On the $\\alpha$-divergence"}, "muster2026divergence"),
        ({"title": "The"}, "muster2026"),
        ({"authors": ("MUSTER Collaboration",)}, "muster2026slow"),
    ],
)
def test_a_key_is_made_of_name_year_and_word(fields: dict[str, Any], key: str) -> None:
    assert key_base(slow(**fields)) == key


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("Slow $\\alpha_s$ at 5% & more", "Slow $\\alpha_s$ at 5\\% \\& more"),
        ("Slow \\& sure, 5\\% off", "Slow \\& sure, 5\\% off"),
        ("Slow $N$-body decay of $\\Lambda$", "Slow {$N$-body} decay of {$\\Lambda$}"),
        ("Slow decay in $\\mathbb{r}$", "Slow decay in {$\\mathbb{r}$}"),
        ("In C# and a_b", "In {C\\#} and a\\_b"),
        ("It costs $5", "It costs \\$5"),
        ("Sets $\\{a\\}$", "Sets $\\lbrace a\\rbrace $"),
        ("A {BERT} model", "A {BERT} model"),
        ("Half a brace } here", "Half a brace  here"),
        ("Half a \\{ brace", "Half a \\textbraceleft{} brace"),
        ("Mail @misc{x, y}", "Mail {@}misc{x, y}"),
        ("Ends in \\", "Ends in"),
        ("Slow\\ Decay\\ of things", "{Slow\\ Decay\\ of} things"),
        ("x^2 and $x^2$", "{x\\textasciicircum {}2} and $x^2$"),
        ("Slow x\\^{}2", "Slow {x\\textasciicircum {}2}"),
        ("A \\emph{slow} one", "A {{\\emph {slow}}} one"),
        ("R\\underline{e}sult of erd{\\H{o}}s", "{R\\underline {e}sult} of erd{\\H {o}}s"),
        ("Slow at \\sqrt{s}=14 TeV", "Slow at {$\\sqrt{s}$=14} {TeV}"),
        ("Slow $5 at \\sqrt{s}", "Slow \\$5 at {{\\sqrt {s}}}"),
        ("At \\texorpdfstring{$\\sqrt{s}$}{sqrt(s)}", "At {$\\sqrt{s}$}"),
        ("At \\texorpdfstring{\\ours}{sqrt(s)} too", "At sqrt(s) too"),
        ("On \\'Etale maps", "On {{\\'Etale}} maps"),
        ('Say "slow"', 'Say "slow"'),
    ],
)
def test_a_title_stays_latex_and_ends_where_it_ends(title: str, written: str) -> None:
    [entry, after] = read_back(slow(title=title), paper(2, "another"))
    assert entry["title"] == written
    assert after["title"] == "another"


HOSTILE = st.text(st.sampled_from(list("ab {}$\\%#@&_^~\"'=,A\n")))


@given(st.lists(HOSTILE, min_size=1, max_size=3), HOSTILE, HOSTILE, HOSTILE)
@example(["=A\\ ="], "a", "a", "{")
def test_nothing_of_a_paper_swallows_another_entry(
    titles: list[str], author: str, journal_ref: str, doi: str
) -> None:
    papers = [
        paper(number, title, authors=(author,), journal_ref=journal_ref, doi=doi)
        for number, title in enumerate(titles, start=1)
    ]
    last = paper(9, "the last one")
    *_, read = read_back(*papers, last)
    assert read["title"] == "the last one"


def test_ris_and_csl_have_the_shown_title_and_all_names() -> None:
    known = slow(title="Slow $\\alpha$ decay", authors=("Ada van Muster", "NVIDIA"))
    ris = file_text("ris", [known], {known.id: "k"})
    assert ris.startswith("TY  - UNPB\r\nTI  - Slow α decay\r\nAU  - van Muster, Ada\r\n")
    assert ris.endswith("ER  -  \r\n\r\n")
    [item] = json.loads(file_text("json", [known], {known.id: "k"}))
    assert (item["id"], item["type"], item["title"]) == ("k", "article", "Slow α decay")
    assert item["author"] == [
        {"family": "Muster", "given": "Ada", "non-dropping-particle": "van"},
        {"literal": "NVIDIA"},
    ]


def test_a_line_break_in_a_title_begins_no_field_of_ris() -> None:
    ris = file_text("ris", [slow(title="Slow\nER  - ")], {"2603.00001": "k"})
    assert ris.count("\r\nER") == 1


def test_citeproc_reads_titles_names_and_venues(tmp_path: Path) -> None:
    hard = slow(
        title="Slow $\\alpha_s \\times 2$ of {BERT} at 5% & more",
        authors=("Ada van Muster", "Ben Sämple Jr.", "The ABC Collaboration"),
        comment="Accepted at ICML 2026",
    )
    read = read_by_citeproc(bibtex([hard], {hard.id: "k"}), tmp_path)["k"]
    assert read.type == "paper-conference"
    assert "BERT at 5% & more" in str(read.title)
    assert [each.parts()[1] for each in read.author] == [
        "Muster",
        "Sämple",
        "The ABC Collaboration",
    ]
    assert str(read.container_title) == "ICML 2026"
    assert read.issued.year == 2026
    assert str(read.DOI) == "10.48550/arXiv.2603.00001"


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("SLOW^2: a result", "SLOW^2: a result"),
        ("A slow(^2)result of x^y", "A slow(^2)result of x^y"),
        ("A result of \\L{}ukasz", "A result of Łukasz"),
        ("A slow Erd{\\H{o}}s", "A slow Erdős"),
        ('Schr\\"{o}dinger operators', "Schrödinger operators"),
        ("A caf\\'{e} of caf\\'{e}s", "A café of cafés"),
        ("Slow \\\\ in two lines", "Slow in two lines"),
    ],
)
def test_citeproc_reads_a_command_with_its_argument(title: str, read: str, tmp_path: Path) -> None:
    hard = slow(title=title)
    assert str(read_by_citeproc(bibtex([hard], {hard.id: "k"}), tmp_path)["k"].title) == read


@pytest.mark.parametrize(
    "title",
    ["\\underline{S}low \\emph{result}", "F\\textsuperscript{2}LP", "At \\texorpdfstring{\\a}{b}"],
)
def test_citeproc_fails_at_no_command_of_a_title(title: str, tmp_path: Path) -> None:
    hard = slow(title=title)
    assert set(read_by_citeproc(bibtex([hard], {hard.id: "k"}), tmp_path)) == {"k"}


def test_an_export_of_very_many_papers_says_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bibtexparser warns of libraries that it copies before it writes them, from 10,000 papers on;
    here from one on."""
    monkeypatch.setattr("bibtexparser.entrypoint.LARGE_LIBRARY_WARNING_THRESHOLD", 1)
    assert len(read_back(slow(), paper(2, "Another"))) == 2
    assert caplog.records == []


def test_a_field_that_citeproc_does_not_know_is_passed_over_by_its_name_alone(
    tmp_path: Path,
) -> None:
    text = bibtex([slow()], {slow().id: "k"}).replace("eprint =", "eprints =")
    with pytest.raises(UserWarning, match="'eprints'"):
        read_by_citeproc(text, tmp_path)


def test_every_real_paper_of_a_month_is_read_back(
    part_of_a_month: list[dict[str, Any]], tmp_path: Path, figures: Callable[[str], None]
) -> None:
    """A part of it; with --thorough all."""
    papers = [_from_row(row) for row in part_of_a_month]
    entries = read_back(*papers)
    assert [entry["eprint"] for entry in entries] == [each.id for each in papers]
    keys = {each.id: f"key{number}" for number, each in enumerate(papers)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = CiteProcJSON(json.loads(file_text("json", papers, keys)))
    assert set(source) == set(keys.values())
    read = read_by_citeproc(file_text("bib", papers, keys), tmp_path)
    assert set(read) == set(keys.values())
    for each in papers:
        assert len(read[keys[each.id]].author) == len(displayed(each).authors)
        where = venue(displayed(each))
        assert read[keys[each.id]].issued.year == int(year_of(each, where))
    ris = file_text("ris", papers, keys)
    assert ris.count("\r\nER  - ") == ris.count("TY  - ") == len(papers)
    figures(
        f"citations: {len(papers)} real papers read back from BibTeX, CSL-JSON and RIS,"
        f" {len(read)} of them as BibTeX by citeproc-py too"
    )


def _from_row(row: dict[str, Any]) -> Paper:
    return paper(
        1,
        row["title"],
        id=row["id"],
        abstract=row["abstract"],
        authors=tuple(row["authors"]),
        categories=tuple(row["categories"]),
        primary_category=row["primary_category"] or row["categories"][0],
        comment=row["comment"] or "",
        published=datetime.fromisoformat(row["published"]).astimezone(UTC),
    )
