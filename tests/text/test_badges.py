from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.model import Paper
from bot.text import displayed
from bot.text.badges import Badge, badges
from bot.text.repositories import repositories
from bot.text.venues import venue
from tests.builders import paper

LABELS = Path(__file__).with_name("badge_labels.txt")
PRECISION, RECALL = 0.98, 0.9


def texts(**fields: Any) -> list[str]:
    return [badge.text for badge in badges(displayed(paper(1, **fields)))]


def where(comment: str) -> str:
    found = venue(displayed(paper(1, comment=comment)))
    return found.name if found else ""


# -- code and data --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        (
            "Code: https://github.com/musterlab/slow-paper.",
            "code",
            "https://github.com/musterlab/slow-paper",
        ),
        (
            "Available at \\url{https://gitlab.com/a/b_c}).",
            "code",
            "https://gitlab.com/a/b_c",
        ),
        ("Code at github.com/a/b.git", "code", "https://github.com/a/b.git"),
        ("See https://codeberg.org/a/b, and more", "code", "https://codeberg.org/a/b"),
        (
            "We publish the data (https://zenodo.org/records/123456).",
            "data",
            "https://zenodo.org/records/123456",
        ),
        (
            "Our code is archived: https://doi.org/10.5281/zenodo.123456.",
            "code",
            "https://doi.org/10.5281/zenodo.123456",
        ),
        (
            "Data: https://doi.org/10.7910/DVN/ABCDEF",
            "data",
            "https://doi.org/10.7910/DVN/ABCDEF",
        ),
        (
            "The benchmark is at https://huggingface.co/datasets/a/b",
            "data",
            "https://huggingface.co/datasets/a/b",
        ),
        ("Weights: https://huggingface.co/a/b-7B.", "model", "https://huggingface.co/a/b-7B"),
        ("Data: https://osf.io/ab12c/", "data", "https://osf.io/ab12c/"),
        (
            "The dataset is on https://www.kaggle.com/datasets/a/b",
            "data",
            "https://kaggle.com/datasets/a/b",
        ),
        (
            "Code is available at https://musterlab.example.org/slow",
            "code",
            "https://musterlab.example.org/slow",
        ),
        (
            "We release data and code at https://muster.github.io/slow/",
            "code",
            "https://muster.github.io/slow/",
        ),
    ],
)
def test_an_address_of_code_or_data_is_a_badge_that_leads_there(
    text: str, kind: str, url: str
) -> None:
    assert badges(displayed(paper(1, abstract=text))) == (Badge(kind, url),)
    assert badges(displayed(paper(1, comment=text)))[:1] == (Badge(kind, url),)


@pytest.mark.parametrize(
    "text",
    [
        "We mine 4,000 repositories on GitHub and their issues.",
        "Code will be released on GitHub upon acceptance.",
        "The data are on Zenodo.",
        "See https://github.com/ for more",
        "See https://github.com/features/copilot for the product that we examine.",
        "Discussed at https://huggingface.co/papers/2603.00001",
        "Project page: https://muster.github.io/slow",
        "A demo: https://muster.example.org/demo",
        "Pre-registered at https://osf.io/ab12c",
        "An earlier version: https://doi.org/10.5281/zenodo.123456",
        "Write to someone@github.com/muster",
        "https://notgithub.com/a/b",
        "https://github.com.example.org/a/b",
        "Code and data are available on request.",
        "doi:10.1000/182 and 10.5281/other.1",
        "The source code of the kernel was read; see https://doi.org/10.1000/182",
        "Video at https://youtube.com/watch?v=code, source code available: https://youtu.be/abc",
    ],
)
def test_what_leads_to_no_code_and_no_data_is_no_badge(text: str) -> None:
    assert repositories(displayed(paper(1, abstract=text))) == ()


def test_code_and_data_at_one_address_are_one_badge() -> None:
    text = "Code: https://github.com/a/b. The dataset is at https://github.com/a/b."
    assert texts(abstract=text) == ["code"]
    both = "Code: https://github.com/a/b. Dataset: https://huggingface.co/datasets/a/b."
    assert texts(abstract=both) == ["code", "data"]


@pytest.mark.parametrize(
    "text",
    [
        "Code: https://github.com/muster/slow_(paper)",
        "Our code (https://github.com/muster/slow_(paper)) is public.",
        "Code is at [https://github.com/muster/slow_(paper)].",
    ],
)
def test_a_bracket_that_belongs_to_an_address_stays(text: str) -> None:
    [found] = repositories(displayed(paper(1, abstract=text)))
    assert found.url == "https://github.com/muster/slow_(paper)"


def test_an_address_is_no_longer_than_a_digest_has_room_for() -> None:
    assert texts(comment=f"Code: https://github.com/a/{'b' * 300}") == []


# -- venues ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("ICML 2026", "ICML 2026"),
        ("Accepted to ICML2026, 12 pages", "ICML 2026"),
        ("To appear in ICML'26", "ICML 2026"),
        ("accepted by acl 2026 main", "ACL 2026"),
        ("9 pages, 3 figures, CVPR 2026", "CVPR 2026"),
        ("Accepted to Findings of ACL2026", "ACL 2026 Findings"),
        ("CVPR-W 2026", "CVPR 2026 workshop"),
        ("Accepted at the SLOW Workshop at NeurIPS 2026", "NeurIPS 2026 workshop"),
        ("SLOW@ICLR2026, accepted", "ICLR 2026 workshop"),
        ("Accepted at MUSTER 2026", "MUSTER 2026"),
        (
            "Accepted for presentation at the 28th International Conference on Muster (ICMU 2026)",
            "ICMU 2026",
        ),
        (
            "Accepted to the International Conference on Machine Learning, 2026",
            "ICML 2026",
        ),
        ("Published in Journal of Slow Results", "Journal of Slow Results"),
        ("Accepted by IEEE TPAMI", "TPAMI"),
        ("Phys. Rev. E - Accepted 14 April, 2026", "Phys. Rev. E 2026"),
        (
            "Accepted to ICML 2026. An extended proof is under review elsewhere.",
            "ICML 2026",
        ),
        ("Submitted and accepted at ICML 2026", "ICML 2026"),
    ],
)
def test_a_comment_says_where_a_paper_was_accepted(comment: str, name: str) -> None:
    assert where(comment) == name


@pytest.mark.parametrize(
    "comment",
    [
        "Submitted to ICML 2026",
        "submitting to NeurIPS 2026",
        "Under review at ICLR 2026",
        "Under double-blind review (ACL 2026)",
        "In submission to CVPR 2026",
        "Rejected from ICML 2026",
        "Not accepted at ICML 2026",
        "In preparation for ICML 2026",
        "Intended for JMLR",
        "Uses the ICML 2026 style",
        "18 pages, uses icml2026.sty",
        "An earlier version was presented at ICML 2025",
        "A preliminary version appeared in NeurIPS 2024",
        "Companion to our ICML 2026 paper",
        "Solution to the MUSTER Challenge at CVPR 2026",
        "3rd place in the MUSTER competition, CVPR 2026",
        "12 pages, 4 figures; April 2026",
        "Work in progress, 2026",
        "Accepted",
        "Accepted, 12 pages",
        "Preprint, 2026. Comments welcome",
        "We evaluate GPT-5 and COVID-19 data",
        "",
    ],
)
def test_what_was_not_accepted_there_is_no_venue(comment: str) -> None:
    assert where(comment) == ""


@pytest.mark.parametrize(
    ("reference", "name", "is_journal"),
    [
        ("Phys. Rev. D 113, 044012 (2026)", "Phys. Rev. D 2026", True),
        (
            "Journal of Slow Results, vol. 12, no. 3, pp. 1-20, 2026",
            "Journal of Slow Results 2026",
            True,
        ),
        ("Proceedings of ICML 2026, PMLR 300:1-20", "ICML 2026", False),
    ],
)
def test_a_journal_reference_says_where_it_was_published(
    reference: str, name: str, is_journal: bool
) -> None:
    found = venue(displayed(paper(1, journal_ref=reference, comment="ICLR 2026")))
    assert found is not None
    assert (found.name, found.is_journal) == (name, is_journal)


# -- withdrawn, versions, order -------------------------------------------------------------------


def test_a_paper_that_was_withdrawn_says_so_first() -> None:
    comment = "This paper has been withdrawn by the authors due to an error in Lemma 3"
    assert texts(comment=comment, version=2) == ["withdrawn", "version 2"]
    assert texts(abstract="This paper has been withdrawn.") == ["withdrawn"]
    for comment in (
        "We have decided to withdraw this paper until the second experiment is repeated",
        "Therefore, I am withdrawing the paper",
        "I would like to request the withdrawal of our first manuscript",
        "Obsolete. The authors request withdrawal to avoid confusion",
        "A coauthor insists to withdraw the submission from arXiv",
    ):
        assert texts(comment=comment) == ["withdrawn"], comment


@pytest.mark.parametrize(
    "fields",
    [
        {"comment": "Withdrawn from ICML 2026 and submitted elsewhere"},
        {"comment": "We decided to withdraw the paper from the workshop"},
        {"comment": "The withdrawal of funds from accounts, 12 pages"},
        {"abstract": "We study why a paper is withdrawn, and when authors withdraw from trials."},
        {"comment": "On withdrawn papers"},
    ],
)
def test_a_paper_about_withdrawing_is_not_withdrawn(fields: dict[str, str]) -> None:
    assert texts(**fields) == []


def test_badges_stand_in_the_order_in_which_they_are_read() -> None:
    comment = "Accepted at ICML 2026. Code: https://github.com/a/b"
    assert texts(comment=comment, version=3) == ["code", "ICML 2026", "version 3"]
    assert texts(version=1) == []


# -- measured -------------------------------------------------------------------------------------


def _labels(part: str) -> dict[str, set[str]]:
    """What reading says of each paper of a part, by id: kinds of repositories, and the venue."""
    labels: dict[str, set[str]] = {}
    wanted = False
    for line in LABELS.read_text("utf-8").splitlines():
        if line.startswith("# "):
            wanted = line.removeprefix("# ").startswith(part)
        elif wanted:
            paper_id, kinds, name = line.split(" ", 2)
            labels[paper_id] = {*kinds.split("+"), name} - {"-"}
    return labels


@pytest.mark.parametrize(("part", "papers"), [("fitted", 400), ("held out", 200)])
def test_badges_agree_with_papers_that_a_person_has_read(
    shared_data: Path, part: str, papers: int, figures: Callable[[str], None]
) -> None:
    labels = _labels(part)
    assert len(labels) == papers
    read = right = given = wanted = 0
    with gzip.open(shared_data / "arxiv" / "papers-2026-04.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            if row["id"] not in labels:
                continue
            read += 1
            shown = {badge.text for badge in badges(_from_row(row))} - {"withdrawn"}
            right += len(shown & labels[row["id"]])
            given += len(shown)
            wanted += len(labels[row["id"]])
    assert read == papers, "each of them is among the month's papers"
    figures(f"badges, {part}: precision {right / given:.3f}, recall {right / wanted:.3f}")
    assert right / given >= PRECISION
    assert right / wanted >= RECALL


def _from_row(row: dict[str, Any]) -> Paper:
    fields = {"abstract": row["abstract"], "comment": row["comment"] or ""}
    return displayed(paper(1, **fields))
