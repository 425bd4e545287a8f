"""What a person may type as a keyword, what it means, and what arXiv is asked for it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.keywords import MAX_LENGTH, parse
from bot.keywords.stemming import stem, stemmed_prefix
from bot.model import Keyword, Paper
from tests.builders import paper
from tests.keywords.keyword_reference import PLAIN, Tree, asks_for, holds, papers, trees, written


def read(tree: Tree, how: list[bool] | None = None) -> Keyword:
    """The keyword of a tree. Skips a tree that is no keyword: see the tests of refusals."""
    text = written(tree, list(how or []))
    assume(len(text) <= MAX_LENGTH and not holds(tree, None))
    try:
        return parse(text)
    except UserError as error:
        assume(not contradicts_itself(error))
        raise


def contradicts_itself(error: UserError) -> bool:
    return "both wanted and excluded" in str(error)


# ---- meaning and request

UNDERSTOOD = [
    # what is typed, its identity, what arXiv is asked, at what cost
    ("reward model", '"reward model"', '(ti:"reward model" OR abs:"reward model")', 2),
    ("State of the Art", '"state _ _ art"', '(ti:"state of the art" OR abs:"state of the art")', 2),
    ("ti:graph neural", 'ti:"graph neural"', 'ti:"graph neural"', 1),
    ("co:ICML 2026", 'co:"icml 2026"', 'co:"icml 2026"', 1),
    ("cat:cs", "cat:cs",
     "(cat:cs* OR cat:math.IT OR cat:eess.SY OR cat:math.NA)", 4),
    ("cat:hep-th", "cat:hep-th", "cat:hep-th*", 1),
    # both names of a merged category are asked for
    ("cat:cs.SY", "cat:eess.sy", "(cat:eess.SY OR cat:cs.SY)", 2),
    ("ti:x -cat:stat.th", 'NOT cat:math.st AND ti:"x"',
     '(ti:"x" ANDNOT (cat:math.ST OR cat:stat.TH))', 3),
    ("cat:CS.lg", "cat:cs.lg", "cat:cs.LG", 1),
    ("cat:astro-ph.ga", "cat:astro-ph.ga", "cat:astro-ph.GA", 1),
    ("cat:Physics.Flu-Dyn", "cat:physics.flu-dyn", "cat:physics.flu-dyn", 1),
    ("cat:cs.l?", "cat:cs.l?", "cat:cs.L?", 1),
    ("cat:c*.lg", "cat:c*.lg", "cat:c*", 1),
    ("au:hinton_g", 'au:"g hinton"', 'au:"hinton"', 1),
    ("au:Schrödinger", 'au:"schrodinger"', 'au:"schrodinger"', 1),
    ("ti:generative*", "ti:generative*", "ti:gener*", 1),
    ("all:robotics", 'all:"robotics"', 'all:"robotics"', 55),
    ("a1 AND b1 OR c1", '"c1" OR ("a1" AND "b1")',
     '(((ti:"a1" OR abs:"a1") AND (ti:"b1" OR abs:"b1")) OR (ti:"c1" OR abs:"c1"))', 6),
    ('ti:(x OR "y z") ANDNOT abs:w', '(ti:"x" OR ti:"y z") AND NOT abs:"w"',
     '((ti:"x" OR ti:"y z") ANDNOT abs:"w")', 3),
    ("ti:x ANDNOT (abs:y OR abs:z)", 'NOT abs:"y" AND NOT abs:"z" AND ti:"x"',
     '(ti:"x" ANDNOT (abs:"y" OR abs:"z"))', 3),
    # what arXiv can't say in one term is turned round …
    ("ti:x AND (ti:y OR NOT ti:z)", '(NOT ti:"z" OR ti:"y") AND ti:"x"',
     '(ti:"x" ANDNOT (ti:"z" ANDNOT ti:"y"))', 3),
    # … and what arXiv would exclude too widely is not asked
    ("ti:x -au:smith", 'NOT au:"smith" AND ti:"x"', 'ti:"x"', 1),
    ("ti:x -cat:c*.lg", 'NOT cat:c*.lg AND ti:"x"', 'ti:"x"', 1),
    ("ti:x -all:y", 'NOT all:"y" AND ti:"x"', 'ti:"x"', 1),
    ("ti:x -ti:generat*", 'NOT ti:generat* AND ti:"x"', 'ti:"x"', 1),
    ("ti:x -cat:nlin", 'NOT cat:nlin AND ti:"x"', '(ti:"x" ANDNOT cat:nlin.*)', 2),
    # arXiv keeps some words in one piece, so both spellings are asked
    ("ti:node.js", 'ti:"node.js"', '(ti:"node.js" OR ti:"node js")', 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "canonical", "query", "clauses"), UNDERSTOOD)
def test_a_keyword_has_one_meaning_and_one_question(
    text: str, canonical: str, query: str, clauses: int
) -> None:
    assert parse(text) == Keyword(text, canonical, query, clauses)


def test_the_most_that_arxiv_takes_is_no_mistake() -> None:
    assert parse(" OR ".join(f"all:{letter}1" for letter in "bcdefghijklmnopqrs")).clauses == 990


SAME = [
    ["reward model", '"reward model"', "Reward-Models", "  reward\n\tmodel ", "“reward model”",
     "«reward model»", "„reward model”", "``reward model''", '""reward model""', "REWARD MODEL",
     "reward\u00a0model", "reward, model!", "the reward models", "(reward model)",
     "NOT NOT reward model",
     "reward model OR reward's models AND reward model", "reward model AND reward model",
     "ti:reward model OR abs:reward-model", "re\u00adward model", "ＲＥＷＡＲＤ　ＭＯＤＥＬ"],
    ["a1 AND b1", "b1 AND a1", '"a1" b1', 'a1 "b1"', "(a1) AND (b1 AND a1)", "a1 NOT NOT b1",
     "（a1）（b1）", "NOT (NOT a1 OR NOT b1)"],
    ["x1 ANDNOT y1", "x1 NOT y1", "x1 AND NOT y1", "x1 -y1", "-y1 x1", 'x1 -"y1"', "x1 \u2212y1",
     "x1 -(ti:y1 OR abs:y1)", "NOT y1 AND x1"],
    ["x1 AND (y1 OR z1)", "(z1 OR y1) x1", "x1 AND (y1 OR (z1 OR y1))"],
    ["ti:(a1 OR b1)", "ti:a1 OR TI:b1", "title:b1 OR ti:a1", "ti: a1 OR ti:b1"],
    ["ti:(a1 OR abs:b1)", "abs:b1 OR ti:a1"],
    ["cat:cs.LG reward", "cat:cs.lg AND reward", "category:cs.LG reward", 'cat:"cs.LG" reward'],
    ["cat:cs.*", "cat:cs", "cat:CS.**"],
    ["cat:cs.SY", "cat:eess.SY", "cat:EESS.sy", "cat:cs.SY OR cat:eess.SY"],
    ["x1 -cat:math.MP", "x1 -cat:math-ph"],
    ["cat:alg-geom", "cat:math.AG"],
    ["au:del maestro", 'au:"maestro del"', "author:del_maestro", "au:Del,Maestro au:Maestro,Del"],
    ["Newton's method", "Newton’s method", "newton methods"],
    ["model*?", "model?*"],
    ["topology", "topologies", "topological"],
]  # fmt: skip


@pytest.mark.parametrize("texts", SAME, ids=lambda texts: texts[0])
def test_the_same_meaning_is_the_same_keyword(texts: list[str]) -> None:
    assert {parse(text).canonical for text in texts} == {parse(texts[0]).canonical}


DIFFERENT = ["a1 b1", "b1 a1", "a1 AND b1", "a1 OR b1", "a1 ANDNOT b1", "b1 -a1", "ti:a1 b1",
             "abs:a1 b1", "co:a1 b1", "all:a1 b1", "au:a1x b1x", "a1 of b1", "a1 of the b1", "a1*",
             "a1?", "a1b1", "cat:a1", "cat:a1.b1", "co:a1 b1s", "ti:a1 AND abs:a1", "ti:a1",
             "xx.yy", "xx'yy", "xx yy", "ti:a1 -abs:a1", "multi-modal", "multimodal"]  # fmt: skip


def test_different_meanings_are_different_keywords() -> None:
    assert len({parse(text).canonical for text in DIFFERENT}) == len(DIFFERENT)


def test_the_text_of_a_keyword_is_what_the_person_wrote_without_needless_white_space() -> None:
    assert parse("  “Re\u200dward \n Models” -survey ").text == "“Reward Models” -survey"
    assert parse("cafe\u0301 models").text == "café models"


# ---- refusals

REFUSED = [
    # what is typed, the place of the mistake, a piece of what is said
    ("", 0, "give a keyword"),
    (" \n\u00a0\u200b\u2060 ", 0, "give a keyword"),
    ("x" * 201, 200, "at most 200 characters, and this one has 201"),
    ("word " * 2_000, 200, "this one has 9,999"),
    (" " * 20_000 + "x", 200, "Shorten it"),
    ("graph\x00neural", 5, "U+0000"),
    ("graph \ud83d neural", 6, "U+D83D"),
    ("\x1b[31mgraph", 0, "U+001B"),
    ("graph (neural", 6, "never closed"),
    ("graph) neural", 5, "never opened"),
    (")", 0, "never opened"),
    ("(", 1, "missing at the end"),
    ("graph ()", 6, "nothing in these parentheses"),
    ('graph "neural network', 6, "never closed"),
    ("graph “neural network", 6, "never closed"),
    ('graph ""', 6, "no letter or digit in these quotes"),
    ("tit:graph", 0, "Did you mean ti: ?"),
    ("abstrct:graph", 0, "Did you mean abstract: ?"),
    ("a1 AND Attention: a survey", 7, "no field Attention: here"),
    ("https://arxiv.org/abs/2604.00001", 0, "put it in quotes"),
    ("ti:", 0, "ti: needs a word"),
    ("x1 AND ti: OR y1", 7, "ti: needs a word"),
    ("ti:abs:x1", 0, "ti: needs a word"),
    ("ti:-x1", 3, "-ti:word"),
    ("AND x1", 0, "AND needs something before it"),
    ("ANDNOT x1", 0, "ANDNOT needs something before it"),
    ("x1 OR", 3, "OR needs something after it"),
    ("x1 AND NOT", 7, "NOT needs something after it"),
    ("(x1 OR) y1", 4, "OR needs something after it"),
    ("x1 AND OR y1", 7, "AND and OR stand side by side"),
    ("x1 OR ANDNOT y1", 6, "side by side"),
    ("the", 0, "words like the"),
    ("it is", 0, "words like it"),
    ("graph AND ti:(of OR y1)", 14, "words like of"),
    ("-survey", 0, "only says what to leave out"),
    ("NOT x1 AND NOT y1", 0, "only says what to leave out"),
    ("x1 OR NOT y1", 0, "only says what to leave out"),
    ("x1 OR -au:smith", 0, "only says what to leave out"),
    ("x1 AND y1 -x1s", None, "both wanted and excluded"),
    ("*graph", 0, "can't begin with a wildcard"),
    ("ti:?raph", 3, "can't begin with a wildcard"),
    ("cat:*.LG", 4, "can't begin with a wildcard"),
    ("gr*ph", 2, "at the end of one plain word"),
    ("multi-mod*", 9, "at the end of one plain word"),
    ("graph neur*", 6, "needs a word of its own"),
    ("What is attention?", 8, "needs a word of its own"),
    ("au:hint*", 7, "work in ti: abs: and cat:"),
    ("x1 cat:cs.LG!", 7, "This is not a category"),
    (" OR ".join(f"all:{letter}1" for letter in "bcdefghijklmnopqrst"), None,
     "makes 1,045 search clauses at arXiv, which takes 1,000 at most"),
    ("cat:machine-learning.", 4, "This is not a category"),
    ("au:G.", 3, "Add the family name"),
    ("au:" + "Al " * 9, 3, "at most 8 parts"),
    ("au:AC/DC", 3, "can't contain a /"),
    ("🙂🙂", 0, "no letter or digit"),
    ("graph AND 🙂", 10, "no letter or digit"),
    ("(" * 30 + "x1" + ")" * 30, 20, "More than 20 parentheses"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "said"), REFUSED)
def test_a_wrong_keyword_is_refused_with_the_place_and_the_remedy(
    text: str, place: int | None, said: str
) -> None:
    with pytest.raises(UserError) as refusal:
        parse(text)
    assert said in str(refusal.value)
    assert refusal.value.position == place
    assert "\x00" not in str(refusal.value)
    str(refusal.value).encode()  # it can be sent and written


POINTED_AT = [
    ("graph (neural", "  graph (neural\n        ^"),
    ("図形 (網", "  図形 (網\n       ^"),  # wide characters take two columns
    ("e\u0301 (x", "  e\u0301 (x\n    ^"),  # a mark takes none
    ("x\u00a0\t(b", "  x  (b\n     ^"),
    ("שלום (עולם", "  שלום (עולם\n       ^"),
    ("a1 " * 30 + "(b1", "  …" + ("a1 " * 30)[-30:] + "(b1\n" + " " * 33 + "^"),
    ("(b1 " + "a1 " * 40, "  " + ("(b1 " + "a1 " * 40)[:30].rstrip() + "…\n  ^"),
]


@pytest.mark.parametrize(("text", "picture"), POINTED_AT)
def test_the_caret_is_under_the_mistake(text: str, picture: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse(text)
    assert str(refusal.value).partition("\n")[2] == picture


FRAGMENTS = st.sampled_from(
    ["graph", "Model", "the", "of", "ti:", "ABS:", "cat:", "cs.LG", "cs.*", "au:", "all:", "co:",
     "x:", "AND", "OR", "NOT", "ANDNOT", "and", "(", ")", '"', "“", "”", "''", "-", "*", "?", "\\",
     "$x$", "'s", "’s", ".", ":", "_", "🙂", "עולם", "図", "e\u0301", "\u200d", "\u202e", "\u00a0",
     "\x00", "\ud800", "½", "İ", "ß", "ﬁ", "1,000", "3.5"]
)  # fmt: skip
TYPED = st.one_of(
    st.text(max_size=40),
    st.lists(FRAGMENTS, max_size=12).map(" ".join),
    st.lists(FRAGMENTS, max_size=12).map("".join),
    st.lists(st.one_of(FRAGMENTS, st.sampled_from([" ", "  "])), max_size=20).map("".join),
)


def check_that_it_can_be_shown(error: UserError, text: str) -> None:
    assert error.position is None or 0 <= error.position <= len(text)
    assert "\n" not in text or str(error).count("\n") in (0, 2)
    str(error).encode()


@given(TYPED)
@example("x" * 10_000)
@example("\x00")
@example("\ud800\udfff")
@example("A\u0300:")  # an accent of its own, which becomes one with the letter
def test_whatever_is_typed_is_a_keyword_or_a_mistake_that_can_be_shown(text: str) -> None:
    try:
        keyword = parse(text)
    except UserError as error:
        check_that_it_can_be_shown(error, text)
        return
    again = parse(keyword.text)
    assert (again.text, again.canonical) == (keyword.text, keyword.canonical)
    assert len(keyword.text) <= MAX_LENGTH
    assert unicodedata.is_normalized("NFC", keyword.text)
    assert keyword.clauses == len(re.findall(r"\b(?:ti|abs|au|cat|co):", keyword.query)) + (
        55 * len(re.findall(r"\ball:", keyword.query))
    )


@given(st.lists(st.sampled_from([*PLAIN, "to", "be", "AND", "Or", "x1"]), min_size=1, max_size=4))
def test_a_few_plain_words_mean_the_same_as_in_quotes(words: list[str]) -> None:
    text = " ".join(words)
    assume(not {"AND", "OR", "NOT"}.intersection(words))
    try:
        quoted = parse(f'"{text}"')
    except UserError:
        with pytest.raises(UserError):
            parse(text)
        return
    plain = parse(text)
    assert (plain.canonical, plain.query, plain.clauses) == (
        quoted.canonical,
        quoted.query,
        quoted.clauses,
    )


# ---- whole expressions


@given(trees(), st.lists(st.booleans(), max_size=12))
def test_exactly_what_would_match_a_paper_without_any_of_its_words_only_excludes(
    tree: Tree, how: list[bool]
) -> None:
    text = written(tree, list(how))
    assume(len(text) <= MAX_LENGTH)
    if holds(tree, None):
        with pytest.raises(UserError):
            parse(text)
        return
    try:
        parse(text)
    except UserError as error:
        if not contradicts_itself(error):
            raise


@given(trees(), st.lists(st.booleans(), max_size=12))
def test_the_identity_does_not_depend_on_case_space_order_and_form(
    tree: Tree, how: list[bool]
) -> None:
    keyword = read(tree)
    assert read(tree, how).canonical == keyword.canonical
    assert read(turned(tree), how).canonical == keyword.canonical
    assert read(recased(tree)).canonical == keyword.canonical
    assert parse("  " + keyword.text.replace(" ", "  ")).canonical == keyword.canonical
    assert parse(f"({keyword.text})").canonical == keyword.canonical


def turned(tree: Tree) -> Tree:
    """Every pair of operands the other way round."""
    if tree[0] in ("and", "or"):
        return (tree[0], turned(tree[2]), turned(tree[1]))
    return ("not", turned(tree[1])) if tree[0] == "not" else tree


def recased(tree: Tree) -> Tree:
    if tree[0] == "leaf":
        return (*tree[:2], tree[2].swapcase())
    return (tree[0], *map(recased, tree[1:]))


@given(trees(), st.lists(st.booleans(), max_size=12), papers())
def test_arxiv_is_asked_for_every_paper_that_matches(
    tree: Tree, how: list[bool], one: Paper
) -> None:
    if holds(tree, one):
        keyword = read(tree, how)
        assert asks_for(keyword.query, one), keyword


@given(trees(simple=True), st.lists(st.booleans(), max_size=12), papers())
def test_where_words_mean_the_same_to_arxiv_the_question_is_exactly_the_keyword(
    tree: Tree, how: list[bool], one: Paper
) -> None:
    keyword = read(tree, how)
    assert asks_for(keyword.query, one) == holds(tree, one), keyword


@given(trees(), papers())
def test_every_question_is_one_that_arxiv_can_read(tree: Tree, one: Paper) -> None:
    asks_for(read(tree).query, one)


def test_without_parentheses_arxiv_would_read_the_question_differently() -> None:
    """A control: the reader of arXiv's grammar has no precedence, as arXiv's has none."""
    one = paper(1, "third")
    assert asks_for('(ti:"first" AND ti:"second") OR ti:"third"', one)
    assert not asks_for('ti:"first" AND ti:"second" OR ti:"third"', one)


# ---- the stemmer

ALIKE = [
    "topology topologies topological",
    "possible possibly",
    "incredible incredibly",
    "grok grokking groks grokked",
    "model models modeled modeling",
    "general generalize generalization",
    "trajectory trajectories",
    "run running runs",
]


@pytest.mark.parametrize("words", ALIKE)
def test_words_that_arxiv_stems_alike_have_one_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


@pytest.mark.parametrize("pair", ["us u", "modal model", "new newer", "multimodal modal"])
def test_words_that_arxiv_keeps_apart_have_two_stems(pair: str) -> None:
    first, second = map(stem, pair.split())
    assert first != second


ENDINGS = st.sampled_from(
    ["s", "ed", "ing", "ation", "ization", "al", "ly", "able", "er", "ity", "ive", "ment", "ness",
     "y", "ies", "ional", "ical", "ance", "ful", "ism", "ous", "ate", "ize", "logy", "bly", ""]
)  # fmt: skip


@given(
    st.text("aeiouybcdlmnrst", min_size=1, max_size=6),
    st.lists(ENDINGS, max_size=3),
    st.integers(1, 12),
)
def test_the_stem_of_every_word_with_a_prefix_begins_with_the_prefix_that_arxiv_is_asked(
    start: str, endings: list[str], length: int
) -> None:
    word = start + "".join(endings)
    assert stem(word).startswith(stemmed_prefix(word[:length]))
