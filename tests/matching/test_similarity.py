"""How similar papers are by their telling words."""

from __future__ import annotations

import hashlib
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matching.similarity import InverseFrequencies, Profile, terms_of
from bot.model import Paper
from bot.model.posts import PROFILE_FORMAT
from tests.builders import paper

ICE = paper(1, "Glaciers", abstract="We propose a model of flowing ice in glaciers.")
BIRDS = paper(2, "Birds", abstract="We propose a model of singing birds at dawn.")
SOUP = paper(3, "Soup", abstract="We propose a model of boiling soup.")
EMPTY = paper(4, "of the", abstract="")
ALL = InverseFrequencies([ICE, BIRDS, SOUP])


def nearest(profile: Profile, asked: Paper, frequencies: InverseFrequencies = ALL) -> str:
    """The title."""
    found = profile.nearest(asked, frequencies)
    return found.title if found else ""


def test_words_count_by_their_stems_and_more_where_few_papers_have_them() -> None:
    profile = Profile([ICE])
    like = paper(5, "A glacier flows", abstract="")
    common = paper(6, "A model that we propose", abstract="")
    assert profile.similarity(like, ALL) > profile.similarity(common, ALL) > 0
    quasars = paper(7, "Quasars", abstract="")
    rare = math.log((1 + 3) / (1 + 0)) + 1
    assert Profile([quasars]).similarity(quasars, ALL) == pytest.approx(rare)
    assert profile.similarity(paper(7, "Quasars", abstract=""), ALL) == 0


def test_similarity_to_several_is_the_sum_of_that_to_each() -> None:
    asked = paper(8, "Birds on ice", abstract="Soup for birds.")
    each = [Profile([one]).similarity(asked, ALL) for one in (ICE, BIRDS, SOUP)]
    assert Profile([ICE, BIRDS, SOUP]).similarity(asked, ALL) == pytest.approx(sum(each))


def test_the_nearest_is_never_the_paper_itself_nor_one_that_is_not_like_it() -> None:
    profile = Profile([ICE, BIRDS, SOUP])
    assert nearest(profile, paper(9, "Boiled soups", abstract="")) == "Soup"
    assert nearest(profile, ICE) in ("Birds", "Soup"), "they share that they propose a model"
    assert nearest(Profile([ICE]), ICE) == ""
    assert nearest(profile, paper(10, "Quasars", abstract="")) == ""


def test_papers_without_words_are_like_none() -> None:
    profile = Profile([EMPTY, ICE])
    assert profile.similarity(EMPTY, ALL) == 0
    assert nearest(profile, EMPTY) == ""
    unknown = InverseFrequencies()
    assert nearest(Profile([EMPTY]), ICE, unknown) == ""
    assert Profile([BIRDS]).similarity(BIRDS, unknown) == pytest.approx(1, rel=1e-4)


WORDS = "ice glacier flow bird song dawn soup boil model propose quasar of"
TEXTS = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)
TITLED = st.tuples(TEXTS, TEXTS)


@given(
    st.lists(TITLED, min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=20),
    TITLED,
)
def test_a_profile_that_papers_came_into_and_left_is_that_of_those_in_it(
    texts: list[tuple[str, str]], changes: list[tuple[int, bool]], other: tuple[str, str]
) -> None:
    """And so it is when it is written and read again in between."""
    papers = [paper(n, title, abstract=text) for n, (title, text) in enumerate(texts, 1)]
    profile, inside = Profile(), dict[str, Paper]()
    for number, again in changes:
        one = papers[number % len(papers)]
        if inside.pop(one.id, None) is not None:
            profile.remove({one.id, "unknown"})
        else:
            profile.add([one])
            inside[one.id] = one
        if again:
            profile = Profile.from_bytes(profile.to_bytes())
    anew = Profile(inside.values())
    assert profile.ids == set(inside)
    frequencies = InverseFrequencies(papers)
    for asked in (*papers, paper(9, other[0], abstract=other[1])):
        assert profile.similarity(asked, frequencies) == anew.similarity(asked, frequencies)
        assert profile.nearest(asked, frequencies) == anew.nearest(asked, frequencies)


def test_what_is_kept_of_profiles_changes_its_format_with_what_they_are_made_of() -> None:
    """Whoever has to change these figures gives ``PROFILE_FORMAT`` another number, too."""
    assert PROFILE_FORMAT.startswith("1 ")
    numbers, shares = terms_of(paper(11, "Slow glaciers", abstract="Glaciers that flow."))
    assert dict(zip(numbers, shares, strict=True)) == {
        889680349: 29707, 1388369520: 29707, 3222084473: 50298,
    }  # fmt: skip
    if sys.byteorder == "little":
        written = hashlib.sha256(Profile([ICE, BIRDS]).to_bytes()).hexdigest()
        assert written[:16] == "bfc990a9906b47ab"
