"""How similar papers are by their telling words."""

from __future__ import annotations

import pytest

from bot.matching.similarity import InverseFrequencies, Profile
from tests.builders import paper

ICE = paper(1, "Glaciers", abstract="We propose a model of flowing ice in glaciers.")
BIRDS = paper(2, "Birds", abstract="We propose a model of singing birds at dawn.")
SOUP = paper(3, "Soup", abstract="We propose a model of boiling soup.")
EMPTY = paper(4, "of the", abstract="")
ALL = InverseFrequencies([ICE, BIRDS, SOUP])


def test_words_count_by_their_stems_and_more_where_few_papers_have_them() -> None:
    profile = Profile([ICE], ALL)
    like = paper(5, "A glacier flows", abstract="")
    common = paper(6, "A model that we propose", abstract="")
    assert profile.similarity(like) > profile.similarity(common) > 0
    assert profile.similarity(ICE) == pytest.approx(1)
    assert profile.similarity(paper(7, "Quasars", abstract="")) == 0


def test_similarity_to_several_is_the_sum_of_that_to_each() -> None:
    asked = paper(8, "Birds on ice", abstract="Soup for birds.")
    each = [Profile([one], ALL).similarity(asked) for one in (ICE, BIRDS, SOUP)]
    assert Profile([ICE, BIRDS, SOUP], ALL).similarity(asked) == pytest.approx(sum(each))


def test_the_nearest_is_never_the_paper_itself_nor_one_that_is_not_like_it() -> None:
    profile = Profile([ICE, BIRDS, SOUP], ALL)
    assert profile.nearest(paper(9, "Boiled soups", abstract="")) == SOUP
    assert profile.nearest(ICE) in (BIRDS, SOUP), "they share that they propose a model"
    assert Profile([ICE], ALL).nearest(ICE) is None
    assert profile.nearest(paper(10, "Quasars", abstract="")) is None


def test_papers_without_words_are_like_none() -> None:
    profile = Profile([EMPTY, ICE], ALL)
    assert profile.similarity(EMPTY) == 0
    assert profile.nearest(EMPTY) is None
    assert Profile([EMPTY], InverseFrequencies()).nearest(ICE) is None
    assert Profile([BIRDS], InverseFrequencies()).similarity(BIRDS) == pytest.approx(1)
