"""Which papers a text links to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.text.reading import PAPER_ADDRESS, linked_papers, links
from tests.builders import paper


def linked(text: str) -> list[str]:
    return [paper_id for paper_id, _ in linked_papers(text)]


@pytest.mark.parametrize(
    "paper_id", ["2603.01234", "0704.0001", "hep-th/0408048", "math.GT/0309136"]
)
def test_every_address_that_we_give_of_a_paper_is_one_of_that_paper(paper_id: str) -> None:
    about = paper(
        1,
        id=paper_id,
        url=f"https://arxiv.org/abs/{paper_id}",
        pdf_url=f"https://arxiv.org/pdf/{paper_id}",
        published=datetime(2026, 3, 1, tzinfo=UTC),
    )
    labels, addresses = zip(*links(about), strict=True)
    assert labels == ("arXiv", "PDF", "HTML, if arXiv has it", "alphaXiv")
    for address in addresses:
        assert linked(f"See [it]({address}).") == [paper_id]
        assert PAPER_ADDRESS.sub("", address) == paper_id


@pytest.mark.parametrize(
    ("text", "papers"),
    [
        ("http://export.arxiv.org/abs/2603.01234v2; arxiv.org/abs/2603.5", ["2603.01234"]),
        ("HTTPS://ARXIV.ORG/PDF/2603.01234v12.pdf#page=2", ["2603.01234"]),
        ("arxiv.org/html/2603.1v1, alphaxiv.org/overview/2603.1235?x", ["2603.1235"]),
        ("\nhttps://arxiv.org/abs/2603.01234\n", ["2603.01234"]),
        ("https://arxiv.org/abs/2603.012345678", []),
        ("https://notarxiv.org/abs/2603.01234", []),
        ("https://evil.example/arxiv.org/abs/2603.01234", []),
        ("https://ada@arxiv.org/abs/2603.01234", []),
        ("https://arxiv.org/list/2603.01234 or 2603.01234", []),
        ("https://arxiv.org/abs/../../x", []),
    ],
)  # fmt: skip
def test_which_papers_a_text_links_to(text: str, papers: list[str]) -> None:
    assert linked(text) == papers
