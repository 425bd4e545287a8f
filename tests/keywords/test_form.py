"""The keyword that a form makes of its fields is the one that a person would type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.keywords import parse
from bot.keywords.ast import And, Category
from bot.keywords.form import composed
from bot.keywords.parser import read


@pytest.mark.parametrize(
    ("phrase", "field", "categories", "keyword"),
    [
        ("reward model", "", [], "reward model"),
        ("reward model", "ti", [], "ti:(reward model)"),
        ('"reward" model', "abs", [], 'abs:("reward" model)'),
        ("reward model", "", ["cs.LG"], "(reward model) AND cat:cs.LG"),
        (
            "Hinton, G.",
            "au",
            ["cs.LG", "q-bio.*"],
            "au:(Hinton, G.) AND (cat:cs.LG OR cat:q-bio.*)",
        ),
        ("reward -survey", "ti", ["cs.LG"], "ti:(reward -survey) AND cat:cs.LG"),
        ("-survey", "", ["cs.LG"], "(-survey) AND cat:cs.LG"),
    ],
)
def test_a_form_says_a_keyword_as_a_person_would(
    phrase: str, field: str, categories: list[str], keyword: str
) -> None:
    assert composed(phrase, field, categories) == keyword


@pytest.mark.parametrize(
    ("phrase", "field", "typed"),
    [
        ("reward -survey", "ti", "ti:reward -ti:survey"),
        ("reward NOT survey", "abs", "abs:reward ANDNOT abs:survey"),
        ('Hinton -"Bengio, Y."', "au", 'au:Hinton -au:"Bengio, Y."'),
        ("reward model", "ti", 'ti:"reward model"'),
        ("au:Hinton -survey", "ti", "au:Hinton -ti:survey"),
    ],
)
def test_words_and_exclusions_mean_the_same_in_every_place_to_look(
    phrase: str, field: str, typed: str
) -> None:
    assert parse(composed(phrase, field)).canonical == parse(typed).canonical


@pytest.mark.parametrize("field", ["", "ti", "au"])
@pytest.mark.parametrize("categories", [(), ("cs.LG",), ("cs.LG", "stat.ML")])
@pytest.mark.parametrize(
    "phrase",
    ["", "reward) OR (model", "((reward", 'the "reward', "«reward", "reward AND", "*", "foo: x"],
)
def test_a_mistake_is_pointed_at_in_the_phrase_as_it_was_typed(
    phrase: str, field: str, categories: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as alone:
        parse(phrase)
    with pytest.raises(UserError) as chosen:
        composed(phrase, field, categories)
    assert str(chosen.value) == str(alone.value)


def test_what_is_too_long_only_with_what_was_chosen_is_counted_with_it() -> None:
    with pytest.raises(UserError, match="this one has 207") as error:
        composed("x" * 191, "", ["cs.LG"])
    assert "cat:" not in str(error.value)


pieces = st.lists(
    st.sampled_from(
        ["reward", "model", "(", ")", '"', "«", "-", "AND", "OR", "NOT", "ti:", "a*", " "]
    ),
    max_size=8,
)


@given(pieces, st.sampled_from(["", "ti", "au"]))
def test_no_phrase_gets_out_of_the_parentheses_around_it(made: list[str], field: str) -> None:
    try:
        meaning = read(composed(" ".join(made), field, ["cs.LG"]))
    except UserError:
        return
    assert isinstance(meaning, And)
    assert Category("cs.lg") in meaning.items
