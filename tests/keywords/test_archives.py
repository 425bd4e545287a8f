"""In which archives a keyword can find anything: what is not read there can't be missed."""

from __future__ import annotations

import pytest

from bot.keywords import parse
from bot.keywords.archives import archives
from bot.matching import Matcher
from tests.builders import paper


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("reward model", ""),
        ("cat:cs.LG", "cs"),
        ("category:cs.LG", "cs"),
        ("cat:CS.lg", "cs"),
        ("cat:cs.*", "cs"),
        ("cat:cs", "cs"),
        ("cat:hep-th", "hep-th"),
        ("cat:physics.optics", "physics"),
        ("reward model cat:cs.LG", "cs"),
        ("cat:cs.LG OR cat:stat.ML", "cs stat"),
        ("(cat:cs.LG OR cat:stat.ML) reward", "cs stat"),
        ("(cat:cs.LG OR cat:stat.ML) cat:math.ST", "math"),
        ("cat:cs.LG OR reward", ""),
        ("reward -cat:cs.LG", ""),
        ("cat:cs.LG -cat:stat.ML", "cs"),
        ("cat:cs.LG OR cat:c*", ""),
        ("cat:nosuch.XY", ""),
        ("all:robotics", ""),
        ("au:nakamura", ""),
    ],
)
def test_a_keyword_is_confined_only_where_no_other_paper_can_match(text: str, where: str) -> None:
    assert archives(parse(text)) == frozenset(where.split())


@pytest.mark.parametrize("category", ["cs.LG", "stat.ML", "math.ST", "hep-th", "physics.optics"])
@pytest.mark.parametrize(
    "text",
    ["reward", "cat:cs.LG OR cat:stat.ML", "cat:hep-th", "cat:c* reward", "reward -cat:cs.LG"],
)
def test_what_matches_is_in_the_archives_that_are_named(text: str, category: str) -> None:
    keyword = parse(text)
    named = archives(keyword)
    if Matcher([keyword]).match(paper(1, "A reward model", categories=(category,))):
        assert not named or category.partition(".")[0] in named
