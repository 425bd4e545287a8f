"""What is probably not meant by a keyword, and what is said of it."""

from __future__ import annotations

import pytest

from bot.errors import UserError
from bot.keywords import parse
from bot.keywords.notices import notices


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "reward model, diffusion",
            'Two keywords? The comma does not separate them. Add each by itself: "reward model",'
            ' "diffusion".',
        ),
        (
            'ti:"graph, cut", diffusion,x ray',
            'Three keywords? The comma does not separate them. Add each by itself: ti:"graph, cut",'
            ' "diffusion", "x ray".',
        ),
        (
            "cats or dogs",
            'In lower case "or" is a word of the phrase. As an operator: cats OR dogs',
        ),
        (
            "graph and (tree or forest)",
            'In lower case "and" and "or" are words of the phrase. As an operator: graph AND (tree'
            " OR forest)",
        ),
    ],
)
def test_what_is_probably_not_meant_is_reported_with_what_is(typed: str, said: str) -> None:
    assert notices(parse(typed)) == (said,)


@pytest.mark.parametrize(
    "typed",
    [
        "reward model",
        '"search and rescue"',
        '"reward model, diffusion"',
        'au:"Hinton, G."',
        "au:hinton, geoffrey",
        "1,3-butadiene",
        "androgen or",
        "reward model,",
        "cats OR dogs",
    ],
)
def test_what_is_meant_as_it_stands_is_not_questioned(typed: str) -> None:
    assert notices(parse(typed)) == ()


def test_what_is_suggested_can_be_typed() -> None:
    [said] = notices(parse('cat:cs.LG and graph or "x and y"'))
    suggested = said.partition("As an operator: ")[2]
    assert suggested == 'cat:cs.LG AND graph OR "x and y"'
    assert notices(parse(suggested)) == ()


def test_odd_categories_are_reported_too() -> None:
    told = notices(parse("cat:cs.ZZ OR cat:chao-dyn OR cats or dogs"))
    assert ["operator" in told[0], "no category" in told[1], "is now" in told[2]] == [True] * 3


def test_an_operator_in_lower_case_between_categories_is_explained() -> None:
    with pytest.raises(UserError, match=r"ignores words like or\. The operator is written OR\."):
        parse("cat:cs.LG or cat:cs.AI")
    with pytest.raises(UserError, match="Leave the comma out; for either of two categories"):
        parse("cat:cs.LG, cat:cs.AI")
