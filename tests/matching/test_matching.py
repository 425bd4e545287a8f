"""Which papers a keyword finds, alone and among many, and what is said when it does not."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.keywords import MAX_LENGTH, parse
from bot.matching import Matcher, explain
from bot.model import Hit, Keyword, Paper
from tests.builders import paper
from tests.keywords.keyword_reference import Tree, found_in, holds, papers, trees, written


def fields(text: str, one: Paper) -> list[str]:
    """Where a keyword finds a paper: one field, or nothing."""
    return [hit.field for hit in Matcher([parse(text)]).match(one)]


def finds(keyword: str, text: str) -> bool:
    in_title = fields(keyword, paper(1, text, abstract="")) == ["title"]
    in_abstract = fields(keyword, paper(1, "", abstract=text)) == ["abstract"]
    assert in_title == in_abstract
    return in_title


# ---- words next to each other

FOUND = [
    # measured on arXiv's own answers (the title or the abstract held these words)
    ("Time Series", "machine learning times series classification"),
    ("Time Series", "from a New York Times series on graph comprehension"),
    ("Time Series", "differences of times series (BDOTS)"),
    ("Graph Neural Networks", "a graph-neural network (GNN) based technique"),
    ("Graph Neural Networks", "previously developed graph-neural-network-based molecular model"),
    ("Graph Neural Networks", "Heterogeneous Graphs Neural Networks (HGNNs)"),
    # punctuation, hyphens, case
    ("multi-modal", "Multi-Modal learning"),
    ("multi modal", "multi/modal learning"),
    ("reward model", "We train a REWARD,\nmodel."),
    ("C++", "a C# compiler"),
    ("C++", "written in C"),
    ("node.js", "a Node.js server"),
    ("node js", "a Node.js server"),
    ("GPT-3.5", "GPT-3.5 and GPT 4"),
    ("k-means", "k_means clustering"),
    ("large language model", "(large) {language} $model$"),
    ("H2", "the H₂ molecule"),
    # stems, possessives
    ("modelling", "a model"),
    ("topology", "topological methods"),
    ("grok", "delayed grokking"),
    ("Newton's method", "a Newton method"),
    ("Newton method", "Newton’s methods"),
    # stop words: gaps inside, nothing at the ends
    ("state of the art", "state-of-the-art results"),
    ("state of the art", "a state with some art"),
    ("attention is all", "attention was all we had"),
    ("the who", "those who ask"),
    ("reward for the model of", "rewards to a model"),
    # other scripts and signs
    ("Schrödinger", "the SCHRÖDINGER equation"),
    ("Schro\u0308dinger", "the Schrödinger equation"),
    ("ﬁne tuning", "fine-tuning"),
    ("Straße", "STRASSE"),
    ("深度 学习", "基于 深度-学习 的"),
    ("graph 🙂 network", "graph network"),
    ("multi\u00admodal", "multimodal"),
]

NOT_FOUND = [
    ("Graph Neural Networks", "Adaptive Graph Convolutional Neural Networks"),
    ("time series", "time-consuming work on a series of tasks"),
    ("reward model", "model reward"),
    ("reward model", "reward a model"),
    ("multi-modal", "multimodal"),
    ("large language model", "large \\emph{language} model"),  # as arXiv, we do not read LaTeX
    ("multimodal", "multi-modal"),
    ("modal", "model"),
    ("graph", "graphene paragraph"),
    ("us", "u and v"),
    ("state of the art", "state of art"),
    ("state of the art", "state of the best art"),
    ("Schrodinger", "Schrödinger"),
    ("being", "to be or not to be"),  # the same stem, but arXiv does not index "be"
    ("being", "see example.be"),  # one word for arXiv
    ("A.I.", "type I errors"),
    ("A.I. x", "a i x"),
    ("深度", "基于深度学习的"),
]


@pytest.mark.parametrize(("keyword", "text"), FOUND)
def test_a_phrase_finds_what_arxiv_finds(keyword: str, text: str) -> None:
    assert finds(keyword, text)


@pytest.mark.parametrize(("keyword", "text"), NOT_FOUND)
def test_a_phrase_does_not_find_what_arxiv_does_not(keyword: str, text: str) -> None:
    assert not finds(keyword, text)


def test_a_phrase_does_not_reach_from_the_title_into_the_abstract() -> None:
    assert fields("reward model", paper(1, "On reward", abstract="Model of it.")) == []


# ---- fields

ONE = paper(
    1,
    "Reward models for graphs",
    abstract="A survey of state-of-the-art networks, generatively.",
    comment="Accepted at ICML 2026, 12 pages",
    authors=("Geoffrey E. Hinton", "Adrian Del Maestro", "Erwin Schrödinger", "Weinan E",
             "J.-P. Serre", "Søren Ærø O’Brien"),
    categories=("cs.LG", "math-ph", "astro-ph.GA"),
)  # fmt: skip

WHERE = [
    ("reward", "title"),
    ("network", "abstract"),
    ("ti:reward", "title"),
    ("abs:reward", ""),
    ("ti:network", ""),
    ("abs:network", "abstract"),
    ("co:icml", "comment"),
    ("co:pages", "comment"),
    ("co:page", ""),  # comments are not stemmed
    ("co:accepted in icml", "comment"),
    ("icml", ""),
    # authors
    ("au:hinton", "authors"),
    ("au:geoffrey hinton", "authors"),
    ("au:Hinton, Geoffrey", "authors"),
    ("au:hinton_g", "authors"),
    ("au:Hinton,G.E.", "authors"),
    ("au:G. Hinton", "authors"),
    ("au:f hinton", ""),
    ("au:geoff hinton", ""),
    ("au:del maestro", "authors"),
    ("au:maestro adrian del", "authors"),
    ("au:adrian hinton", ""),
    ("au:adrian maestro", ""),
    ("au:maestro adrian", ""),  # "del" is no initial
    ("au:hinton geoffrey", "authors"),  # "E." is one
    ("au:schrodinger", "authors"),
    ("au:SCHRÖDINGER", "authors"),
    ("au:weinan e", "authors"),
    ("au:E Weinan", "authors"),
    ("au:j.-p. serre", "authors"),
    ("au:serre", "authors"),
    ("au:soren o'brien", ""),
    ("au:aero o’brien", "authors"),
    # categories
    ("cat:cs.LG", "categories"),
    ("cat:CS.lg", "categories"),
    ("cat:cs", "categories"),
    ("cat:cs.*", "categories"),
    ("cat:cs.L?", "categories"),
    ("cat:c*", "categories"),
    ("cat:math", "categories"),  # math-ph is math.MP as well
    ("cat:math.MP", "categories"),
    ("cat:stat", ""),
    ("cat:math*", "categories"),
    ("cat:astro-ph", "categories"),
    ("cat:cs.AI", ""),
    ("cat:(cs.AI OR math-ph)", "categories"),
    # wildcards
    ("generat*", "abstract"),
    ("generatively?", ""),
    ("generativel?", "abstract"),
    ("ti:model?", "title"),
    ("ti:models?", ""),
    ("ti:models*", "title"),
    ("ti:generat*", ""),
    ("abs:generat*", "abstract"),
    ("th*", ""),  # only "the", which arXiv does not index
    # everywhere
    ("all:reward", "title"),
    ("all:network", "abstract"),
    ("all:hinton", "authors"),
    ("all:icml", "comment"),
    ("all:cs.LG", "categories"),
    ("all:math-ph", "categories"),
    ("all:page", ""),
    ("all:cs", ""),
    # expressions: where the first wanted part stands
    ("network reward", ""),
    ("network AND reward", "title"),
    ("nothing OR reward", "title"),
    ("nothing OR network", "abstract"),
    ("(reward AND nothing) OR network", "abstract"),
    ("cat:cs.LG reward", "title"),
    ("reward -survey", ""),
    ("reward -ti:survey", "title"),
    ("-nothing reward", "title"),
    ("NOT (nothing OR NOT network)", "abstract"),
    ("reward AND (nothing OR NOT survey)", ""),
    ("reward AND (nothing OR NOT else)", "title"),
    ("reward ANDNOT au:hinton", ""),
    ("reward ANDNOT cat:stat", "title"),
    ("reward ANDNOT cat:math.MP", ""),
    ("a1 OR b1 AND reward", ""),
    ("reward OR b1 AND c1", "title"),
    ("(reward OR b1) AND c1", ""),
]


@pytest.mark.parametrize(("keyword", "field"), WHERE)
def test_a_hit_says_where(keyword: str, field: str) -> None:
    assert fields(keyword, ONE) == [field] * bool(field)


def test_the_same_keyword_written_the_other_way_round_is_found_in_the_same_field() -> None:
    one = paper(1, "A graph", abstract="A model.")
    for text in ('graph AND "of the model"', '"of the model" AND graph', "(model OR graph)"):
        assert fields(text, one) == ["title"]
        assert explain(parse(text), one).field == "title"


def test_many_keywords_answer_in_their_order_and_each_meaning_once() -> None:
    texts = ["network", "reward model", "ti:nothing", "Reward-Models", "reward -nothing", "cat:cs"]
    matcher = Matcher(map(parse, texts))
    assert [keyword.canonical for keyword in matcher.keywords] == [
        parse(text).canonical for text in texts if text != "Reward-Models"
    ]
    assert matcher.match(ONE) == [
        Hit(ONE.id, parse("network").canonical, "abstract"),
        Hit(ONE.id, parse("reward model").canonical, "title"),
        Hit(ONE.id, parse("reward -nothing").canonical, "title"),
        Hit(ONE.id, parse("cat:cs").canonical, "categories"),
    ]
    assert matcher.match(ONE) == matcher.match(ONE)


def test_no_keywords_find_nothing() -> None:
    assert Matcher([]).match(ONE) == []


def test_strange_texts_do_no_harm() -> None:
    strange = "\x00 \ud800 \u202e $\\alpha_{$ " + "a " * 5_000 + "x" * 5_000 + " reward model"
    one = paper(1, "x", abstract=strange, authors=("", ".", "A " * 500), categories=("", "*"))
    texts = ["reward model", "x*", "au:a b c d e f g hinton", "cat:cs", "all:b", "a.i"]
    hits = Matcher(map(parse, texts)).match(one)
    assert [hit.canonical for hit in hits] == ['"reward model"', "x*"]


# ---- against the slow and obvious way


def read(tree: Tree) -> Keyword | None:
    text = written(tree, [])
    try:
        return None if len(text) > MAX_LENGTH else parse(text)
    except UserError:
        return None


@given(st.lists(trees(), min_size=1, max_size=8), st.lists(papers(), min_size=1, max_size=3))
def test_many_at_once_find_what_each_finds_alone(several: list[Tree], some: list[Paper]) -> None:
    known = [(tree, keyword) for tree in several if (keyword := read(tree)) is not None]
    assume(known)
    matcher = Matcher(keyword for _, keyword in known)
    for one in some:
        found = {hit.canonical: hit.field for hit in matcher.match(one)}
        assert found.keys() == {keyword.canonical for tree, keyword in known if holds(tree, one)}
        for tree, keyword in known:
            if tree[0] == "leaf" and keyword.canonical in found:
                _, field, words = tree
                assert found[keyword.canonical] == found_in(field, words, one)
            explanation = explain(keyword, one)
            assert explanation.matched == (keyword.canonical in found)
            assert explanation.field == found.get(keyword.canonical, "")
            assert (explanation.reason == "") == (explanation.closeness == 1) == explanation.matched


# ---- why not

WHY_NOT = [
    ("model of reward", "all words are there, but not next to each other"),
    ("ti:graph reward", "all words are there in the title, but not next to each other"),
    ("reward network model", "all words are there, but not next to each other"),
    ("reward -survey", "excluded by NOT survey (abstract)"),
    ("reward -abs:survey -nothing", "excluded by NOT abs:survey (abstract)"),
    ('reward ANDNOT "of the art"', "excluded by NOT art (abstract)"),
    ('reward NOT ti:"Graphs" ', "excluded by NOT ti:graphs (title)"),
    ('reward NOT "Art Network"', 'excluded by NOT "art network" (abstract)'),
    ("reward -cat:cs.lg", "excluded by NOT cat:cs.LG (categories)"),
    ("reward modelling of humans", "'humans' is missing"),
    ("human preference", "the words 'human', 'preference' are missing"),
    ("ti:network", "'network' is missing in the title"),
    ("co:neurips", "'neurips' is missing in the comment"),
    ("all:neurips", "'neurips' is missing"),
    ("reward cat:cs.ai", "category is not cs.AI"),
    ("reward cat:cs.SY", "category is not eess.SY (also called cs.SY)"),
    ("au:bengio", "no author is called bengio"),
    ("transform*", "no word is like transform*"),
    ("reward AND human AND nothing", "'human' is missing"),
    ("human nature OR model of reward", "all words are there, but not next to each other"),
]


@pytest.mark.parametrize(("keyword", "reason"), WHY_NOT)
def test_why_a_paper_does_not_match_is_one_plain_sentence(keyword: str, reason: str) -> None:
    explanation = explain(parse(keyword), ONE)
    assert (explanation.matched, explanation.reason) == (False, reason)


def test_the_closest_keyword_is_the_one_that_nearly_matched() -> None:
    from_far_to_near = ["human nature", "human reward", "human reward models", "model of reward",
                        "reward -survey", "reward"]  # fmt: skip
    closeness = [explain(parse(text), ONE).closeness for text in from_far_to_near]
    assert closeness == sorted(closeness)
    assert len(set(closeness)) == len(closeness)
    assert (closeness[0], closeness[-1]) == (0, 1)


# ---- against real answers


def test_every_version_that_arxiv_listed_matches_its_keyword(shared_data: Path) -> None:
    path = shared_data / "arxiv" / "history-versions-2025.jsonl.gz"
    if not path.exists():
        pytest.skip("the history of real answers is not beside the checkout")
    keywords = {
        "Time Series": parse("Time Series"),
        "Graph Neural Networks": parse("Graph Neural Networks"),
        "Trajectory": parse("ti:Trajectory AND abs:Trajectory"),
    }
    matcher = Matcher(keywords.values())
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    listed = [(row["id"], row["version"], name) for row in rows for name in row["keywords"]]
    missed = []
    for row in rows:
        found = {hit.canonical for hit in matcher.match(version(row))}
        missed += [
            (row["id"], row["version"], name)
            for name in row["keywords"]
            if keywords[name].canonical not in found
        ]
    assert len(listed) >= 5_023
    assert missed == []


def version(row: dict[str, object]) -> Paper:
    submitted = datetime.fromisoformat(str(row["updated"])).replace(tzinfo=UTC)
    return paper(1, str(row["title"]), abstract=str(row["abstract"]), published=submitted)
