"""arXiv's merged, subsumed and unknown categories: what they find, and what is said of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bot.keywords import expression, parse
from bot.keywords.categories import notices
from bot.matching import Matcher, explain
from bot.model.categories import CATEGORIES, MERGED, SUBSUMED, canonical_category
from bot.text import displayed
from tests.builders import paper
from tests.keywords.keyword_reference import asks_for

PAIRS = [*MERGED.items()]


def matches(keyword: str, *categories: str) -> bool:
    one = paper(1, "A title", categories=categories)
    found = bool(Matcher([parse(keyword)]).match(one))
    assert explain(parse(keyword), one).matched is found
    return found


@pytest.mark.parametrize(("second", "canonical"), PAIRS)
def test_both_names_of_a_category_find_the_papers_of_either(second: str, canonical: str) -> None:
    for typed in (second, canonical, second.lower()):
        assert matches(f"cat:{typed}", canonical)
        assert matches(f"cat:{typed}", second)
        assert not matches(f"title -cat:{typed}", canonical)
        assert not matches(f"title -cat:{typed}", second)
        assert not matches(f"cat:{typed}", "cs.LG")
    assert parse(f"cat:{second}").canonical == parse(f"cat:{canonical}").canonical
    assert canonical in parse(f"cat:{second}").query
    assert second in parse(f"cat:{canonical}").query


@pytest.mark.parametrize(("second", "canonical"), PAIRS)
def test_an_archive_finds_what_its_categories_find(second: str, canonical: str) -> None:
    archive = second.partition(".")[0]
    for typed in (archive, f"{archive}.*", f"{second[:-1]}?"):
        assert matches(f"cat:{typed}", canonical)
        assert asks_for(parse(f"cat:{typed}").query, paper(1, categories=(canonical,)))
        assert not matches(f"title -cat:{typed}", canonical)


@pytest.mark.parametrize(("archive", "successor"), SUBSUMED.items())
def test_an_archive_of_the_nineties_is_named_with_its_successor(
    archive: str, successor: str
) -> None:
    assert matches(f"cat:{archive}", successor)
    assert not matches(f"cat:{archive}", "cs.LG")
    [said] = notices(expression(parse(f"cat:{archive}")))
    assert said == f"arXiv's {archive} is now {successor}, which is followed."
    assert notices(expression(parse(f"cat:{successor}"))) == ()


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("cs.ML", "stat.ML"),
        ("ml", "stat.ML"),
        ("ai", "cs.AI"),
        ("cs-lg", "cs.LG"),
        ("csLG", "cs.LG"),
        ("math.PH", "math-ph"),
        ("physics.hep-th", "hep-th"),
        ("quantum", "quant-ph"),
        ("cond-mat.superconductivity", "cond-mat.supr-con"),
    ],
)
def test_an_unknown_category_is_followed_with_a_word_of_the_nearest_known(
    typed: str, near: str
) -> None:
    [said] = notices(expression(parse(f"cat:{typed}")))
    assert said.startswith("arXiv has no category ")
    assert said.endswith(f"Did you mean {near}?")
    assert matches(f"cat:{typed}", typed)  # arXiv may have added it


def test_where_nothing_is_like_an_unknown_category_the_list_of_all_is_named() -> None:
    [said] = notices(expression(parse("reward -cat:zzz.ZZZ")))
    assert said.endswith("All of them: arxiv.org/category_taxonomy")


def test_of_a_known_category_nothing_needs_to_be_said() -> None:
    known = [*CATEGORIES, "cs", "physics.*", "astro-ph", "c*", "math.A*"]
    said = {each: notices(expression(parse(f"cat:{each}"))) for each in known}
    assert {each: words for each, words in said.items() if words} == {}


def test_a_paper_is_shown_with_one_name_of_each_category() -> None:
    one = paper(1, categories=("cs.SY", "eess.SY", "cs.LG"), primary_category="cs.SY")
    shown = displayed(one)
    assert shown.primary_category == "eess.SY"
    assert shown.categories == ("eess.SY", "cs.LG")


def test_every_category_of_a_month_of_real_papers_is_known_and_canonical(
    shared_data: Path,
) -> None:
    with gzip.open(shared_data / "arxiv" / "papers-2026-04.jsonl.gz", "rt") as lines:
        found = {name for line in lines for name in json.loads(line)["categories"]}
    assert len(found) > 100
    assert found <= set(CATEGORIES)
    assert {canonical_category(name) for name in found} == found
