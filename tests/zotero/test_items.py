"""What a saved paper is in Zotero."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bot.model import Paper
from bot.model.zotero import ZoteroItem, item_key
from bot.zotero.items import is_item_of, item_data
from tests.builders import paper
from tests.wire.zotero_server import FIELDS


def item(made: Paper) -> dict[str, Any]:
    return item_data(ZoteroItem("ABCD2345", made))


def test_a_preprint_has_everything_that_zotero_can_hold_of_it() -> None:
    made = paper(
        7, r"A study of $\alpha$", authors=("Ada van der Muster Jr.", "The CMS Collaboration"),
        comment="12 pages",
    )  # fmt: skip
    assert item(made) == {
        "key": "ABCD2345",
        "version": 0,
        "itemType": "preprint",
        "repository": "arXiv",
        "archiveID": "arXiv:2603.00007",
        "title": "A study of α",
        "creators": [
            {"creatorType": "author", "firstName": "Ada, Jr.", "lastName": "van der Muster"},
            {"creatorType": "author", "name": "The CMS Collaboration"},
        ],
        "abstractNote": "We look at what happens.",
        "date": "2026-02-28",
        "DOI": "10.48550/arXiv.2603.00007",
        "url": "https://arxiv.org/abs/2603.00007",
        "libraryCatalog": "arXiv.org",
        "extra": "arXiv:2603.00007 [cs.LG]\nComment: 12 pages",
    }


@pytest.mark.parametrize(
    ("fields", "kind", "where"),
    [
        ({"comment": "Accepted at ICML 2026"}, "conferencePaper", {"proceedingsTitle"}),
        (
            {"journal_ref": "Phys. Rev. D 101, 012001 (2020)"},
            "journalArticle",
            {"publicationTitle"},
        ),
        ({"comment": "This paper has been withdrawn"}, "preprint", {"archiveID", "repository"}),
    ],
)
def test_where_a_paper_was_published_decides_its_type(
    fields: dict[str, Any], kind: str, where: set[str]
) -> None:
    made = item(paper(1, **fields))
    assert made["itemType"] == kind
    assert made.keys() <= FIELDS[kind]
    assert (
        made.keys() & {"proceedingsTitle", "publicationTitle", "archiveID", "repository"} == where
    )
    assert "arXiv:2603.00001 [cs.LG]" in made["extra"]
    assert ("Withdrawn" in made["extra"]) == ("withdrawn" in fields.get("comment", ""))


def test_a_journal_is_named_without_its_year_which_is_the_date() -> None:
    made = item(paper(1, journal_ref="Phys. Rev. D 115, 012001 (2027)"))
    assert (made["publicationTitle"], made["date"]) == ("Phys. Rev. D", "2027")
    made = item(paper(1, comment="Accepted at ICML 2026"))
    assert (made["proceedingsTitle"], made["date"]) == ("ICML 2026", "2026-02-28")


def test_a_paper_without_title_authors_or_abstract_is_an_item_all_the_same() -> None:
    made = item(paper(1, "", authors=(), abstract="", comment=""))
    assert made["title"] == "2603.00001"
    assert made["creators"] == []
    assert "abstractNote" not in made


def test_keys_have_zoteros_form_and_differ_by_library_paper_and_number() -> None:
    papers = [f"2603.{n:05d}" for n in range(3000)]
    keys = [item_key(library, each) for library in ("users/1", "groups/1") for each in papers]
    keys += [item_key("users/1", papers[0], number) for number in (1, 2)]
    assert len({*keys}) == len(keys)
    assert all(re.fullmatch("[23456789ABCDEFGHIJKLMNPQRSTUVWXYZ]{8}", key) for key in keys)
    assert item_key("users/1", "2603.00001") == keys[1], "the same one every time"


def test_an_item_is_recognised_after_people_changed_it_and_a_strangers_is_not() -> None:
    made = paper(1, "Reward models, again")
    own = item(made)
    for changed in (
        {**own, "title": "Renamed"},
        {"title": "REWARD models,  again", "extra": ""},
        {"title": "Renamed", "url": made.url},
        {"title": "Renamed", "DOI": "10.48550/ARXIV.2603.00001"},
    ):
        assert is_item_of(made, changed), changed
    assert not is_item_of(made, item(paper(2, "Another one")))
    assert not is_item_of(made, None)


def test_every_paper_of_a_real_month_is_an_item_that_zotero_takes(
    part_of_a_month: list[dict[str, Any]],
) -> None:
    for row in part_of_a_month:
        made = item(
            paper(
                1,
                row["title"],
                authors=tuple(row["authors"]),
                comment=row.get("comment") or "",
                journal_ref=row.get("journal_ref") or "",
                doi=row.get("doi") or "",
            )
        )
        assert made.keys() <= FIELDS[made["itemType"]]
        assert all(each.get("name") or each.get("lastName") for each in made["creators"])
        assert json.dumps(made)
