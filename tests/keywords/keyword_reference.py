"""The keyword language and arXiv's query language once more, the slow and obvious way.

Written apart from the product, to hold it against: trees of nested tuples, evaluated leaf by leaf;
and a reader of arXiv's grammar (strictly right-associative, no precedence) that answers a query
for one paper as arXiv's server would. Shares only the stemmer with the product.

A tree is ``("and", a, b)``, ``("or", a, b)``, ``("not", a)`` or ``("leaf", field, words)``.
"""

from __future__ import annotations

import re
import unicodedata
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import strategies as st

from bot.keywords.stemming import stem
from bot.model import Paper
from tests.builders import paper

Tree = tuple[Any, ...]

_STOP = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then"
    " there these they this to was will with"
)
STOP = frozenset(_STOP.split())

# ---- trees and papers to try

PLAIN = [
    "graph", "graphs", "neural", "network", "Networks", "reward", "Model", "models", "modelling",
    "topology", "topological", "us", "u", "grok", "grokking", "survey", "multi-modal",
    "Newton's method", "state of the art", "graph neural network", "the reward", "of the model",
]  # fmt: skip
JOINED = ["node.js", "GPT-3.5", "A.I.", "k_means"]  # one word for arXiv, several for us
PREFIXES = ["gra*", "model*", "model?", "topolog??", "neural*", "generat*"]
NAMES = ["Hinton", "hinton_g", "Geoffrey Hinton", "Hinton,Geoffrey", "Hinton, G.E.", "del maestro",
         "Schrodinger", "Serre Jean-Pierre", "maestro adrian del", "E. Weinan", "S.-S. Li", "li_s",
         "J.-P. Serre", "serre_p"]  # fmt: skip
CATEGORIES = [
    "cs.LG",
    "CS.lg",
    "cs",
    "cs.*",
    "math",
    "math.A*",
    "hep-th",
    "h*",
    "physics.Optics",
    "cs.SY",
    "eess.SY",
    "math.MP",
    "stat",
    "cs.S*",
]
ANYTHING = ["graph", "hinton", "cs.LG", "hep-th", "node.js", "accepted", "Jean-Pierre Serre"]
ALSO = {"eess.SY": ["cs.sy"], "math-ph": ["math.mp"], "math.ST": ["stat.th"]}  # one category
COMMENTS = ["accepted", "models", "12 pages"]


def leaves(*, simple: bool) -> st.SearchStrategy[Tree]:
    """Leaves; ``simple`` ones mean exactly the same to arXiv as to us."""
    fields = [("", PLAIN), ("ti", PLAIN), ("abs", PLAIN), ("co", COMMENTS), ("cat", ["cs.LG"])]
    if not simple:
        fields += [("", JOINED), ("", PREFIXES), ("ti", PREFIXES), ("au", NAMES)]
        fields += [("cat", CATEGORIES), ("all", ANYTHING)]
    return st.sampled_from([("leaf", field, words) for field, choice in fields for words in choice])


def trees(*, simple: bool = False) -> st.SearchStrategy[Tree]:
    return st.recursive(
        leaves(simple=simple),
        lambda inner: st.one_of(
            st.tuples(st.just("not"), inner),
            st.tuples(st.sampled_from(["and", "and", "or"]), inner, inner),
        ),
        max_leaves=5,
    )


def papers() -> st.SearchStrategy[Paper]:
    words = st.sampled_from(
        [*PLAIN, *JOINED, "generative", "generation", "the", "of", "1", "graph, neural"]
    )
    text = st.lists(words, max_size=6).map(" ".join)
    names = ["Geoffrey E. Hinton", "G. Hinton", "Adrian Del Maestro", "Erwin Schrödinger",
             "Jean-Pierre Serre", "Weinan E", "Maestro Adrian", "S. -S. Li", "Shan-Shan Li",
             "J.-P. Serre"]  # fmt: skip
    groups = [
        "cs.LG",
        "cs.CL",
        "math.AG",
        "math-ph",
        "hep-th",
        "physics.optics",
        "eess.SY",
        "math.ST",
    ]
    return st.builds(
        lambda title, abstract, comment, authors, categories: paper(
            1, title, abstract=abstract, comment=comment, authors=tuple(authors),
            categories=tuple(categories),
        ),
        text, text, st.sampled_from(["", "Accepted, 12 pages", "model of 12 graphs"]),
        st.lists(st.sampled_from(names), max_size=3), st.lists(st.sampled_from(groups), min_size=1),
    )  # fmt: skip


def written(tree: Tree, how: list[bool], within: int = 0) -> str:
    """A tree as a person may type it: parentheses only where needed, operators in every form.

    ``how`` decides, one choice after the other, between the forms; it is used up from its end.
    """
    choice = how.pop() if how else False
    if tree[0] == "leaf":
        _, field, words = tree
        wild = not field and words.endswith(("*", "?"))
        text = words if wild or field or choice else f'"{words}"'
        if field:
            alone = field == "cat" or words.endswith(("*", "?"))
            text = (
                f"{field}:{words}" if alone else f'{field.upper() if choice else field}:"{words}"'
            )
        return text
    if tree[0] == "not":
        inner = written(tree[1], how, 3)
        hyphen = choice and inner[0] not in "-N"
        bare = re.match(r"[\w.'-]+ \S", inner)  # a hyphen holds for one word only
        return f"-{inner}" if hyphen and not bare else f"NOT {inner}"
    if tree[0] == "or":
        text = f"{written(tree[1], how, 1)} OR {written(tree[2], how, 1)}"
        return f"({text})" if within > 1 else text
    left = written(tree[1], how, 2)
    right = tree[2]
    if right[0] == "not":
        inner = written(right[1], how, 3)
        joined = f"{left} {'ANDNOT' if choice else 'AND NOT'} {inner}"
    else:
        joined = f"{left} AND {written(right, how, 2)}"
    return f"({joined})" if within > 2 else joined


# ---- what our language means


def holds(tree: Tree, one: Paper | None) -> bool:
    """Whether a paper matches; ``None`` is a paper in which no leaf is found."""
    match tree:
        case ("and", left, right):
            return holds(left, one) and holds(right, one)
        case ("or", left, right):
            return holds(left, one) or holds(right, one)
        case ("not", inner):
            return not holds(inner, one)
        case (_, field, words):
            return one is not None and bool(found_in(field, words, one))
    raise AssertionError(tree)


def found_in(field: str, words: str, one: Paper) -> str:
    """Where a leaf is found first, or nothing."""
    texts = {"title": one.title, "abstract": one.abstract}
    if field == "ti":
        del texts["abstract"]
    if field == "abs":
        del texts["title"]
    if field == "co":
        texts = {"comment": one.comment}
    if field == "au":
        return "authors" if any(called(words, name) for name in one.authors) else ""
    if field == "cat":
        return "categories" if any(in_category(words, name) for name in one.categories) else ""
    for place, text in texts.items():
        if phrase_in(words, text, stemmed=field != "co"):
            return place
    if field == "all":
        name_like = all(len(part) > 1 for part in parts_of(re.sub("[.,;]", " ", words)))
        if name_like and any(called(words, name) for name in one.authors):
            return "authors"
        if phrase_in(words, one.comment, stemmed=False):
            return "comment"
        if words.lower() in map(str.lower, one.categories):
            return "categories"
    return ""


def cut(text: str) -> list[str]:
    """Whole words, as arXiv cuts them, the possessive off."""
    text = unicodedata.normalize("NFKC", text).casefold()
    words = [word.strip(".'_") for word in re.split(r"[^\w.']+", text)]
    return [word.removesuffix("'s") for word in words if word]


def our_words(text: str, *, stemmed: bool) -> list[str | None]:
    """Each word; ``None`` for a stop word; a stop word inside of a longer one is a word."""
    found: list[str | None] = []
    for word in cut(text):
        parts = re.split(r"[._']", word)
        if word in STOP:
            found.append(None)
        else:
            found += [f"<{p}>" if p in STOP else stem(p) if stemmed else p for p in parts]
    return found


def next_to_each_other(wanted: list[str | None], text: list[str | None]) -> bool:
    while wanted and wanted[0] is None:
        wanted = wanted[1:]
    while wanted and wanted[-1] is None:
        wanted = wanted[:-1]
    return bool(wanted) and any(
        all(w is None or w == t for w, t in zip(wanted, text[at:], strict=False))
        for at in range(len(text) - len(wanted) + 1)
    )


def phrase_in(words: str, text: str, *, stemmed: bool) -> bool:
    if words.endswith(("*", "?")):
        pattern = words.lower().replace("?", ".").replace("*", ".*")
        return any(re.fullmatch(pattern, w or "") for w in our_words(text, stemmed=False))
    return next_to_each_other(our_words(words, stemmed=stemmed), our_words(text, stemmed=stemmed))


def parts_of(name: str) -> list[str]:
    """As arXiv cuts names."""
    for odd, plain in zip("’ßøØłŁıˈ", ["'", "ss", "o", "o", "l", "l", "i", ""], strict=True):
        name = name.replace(odd, plain)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[.,;]", "", plain).replace("_", " ").split()


def initials_apart(name: str) -> str:
    """With every initial on its own, also where a hyphen joins it to another one."""
    name = re.sub(r"[.,;]", " ", name).replace("_", " ")
    return re.sub(r"(?<!\w)-(?=\w\b)|(?<=\b\w)-(?=\w\b)", " ", name)


def called(words: str, name: str) -> bool:
    typed = parts_of(initials_apart(words))
    turned = (typed[n:] + typed[:n] for n in range(len(typed)))
    pattern = "|".join(map(spelled, turned))
    plain = " ".join(parts_of(initials_apart(name)))
    return re.search(f"(?:^| )(?:{pattern})(?= |$)", plain) is not None


def spelled(parts: list[str]) -> str:
    """The parts one behind the other; two initials may be those of one part with a hyphen."""
    pattern = ""
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        pattern += f"{part}\\S*" if len(part) == 1 else re.escape(part)
        gap = "(?: \\S)* "
        if len(part) == 1 and len(following) == 1:
            pattern = pattern.removesuffix("\\S*") + f"(?:[^ -]*-|\\S*{gap})"
        elif following:
            pattern += gap
    return pattern


def in_category(words: str, name: str) -> bool:
    words, known = words.lower(), {name.lower(), *ALSO.get(name, ())}
    whole = words.removesuffix(".*")
    if "*" not in whole and "?" not in whole and "." not in whole:
        return any(each == whole or each.startswith(whole + ".") for each in known)
    return any(fnmatchcase(each, words) for each in known)


# ---- what arXiv's language means

_TOKEN = re.compile(r'\s*([()]|(?:AND|ANDNOT|OR)(?=[\s(])|[a-z]+:(?:"[^"]*"|[^\s()"]+))')
_PREFIX_INSIDE = re.compile(r"\b(?:abs|all|au|cat|co|doi|id|jr|rn|submittedDate|ti|title):")


def asks_for(query: str, one: Paper) -> bool:
    """Whether arXiv would return the paper for the query. Fails for what arXiv would refuse."""
    assert "\\" not in query
    tokens, at = [], 0
    while at < len(query):
        token = _TOKEN.match(query, at)
        assert token, f"arXiv can't read {query!r} at {at}"
        tokens.append(token[1])
        at = token.end()
    value, rest = _expression(tokens, one)
    assert not rest, f"left over in {query!r}: {rest}"
    return value


def _expression(tokens: list[str], one: Paper) -> tuple[bool, list[str]]:
    if tokens[0] == "(":
        left, rest = _expression(tokens[1:], one)
        assert rest[0] == ")"
        rest = rest[1:]
    else:
        left, rest = _term(tokens[0], one), tokens[1:]
    if not rest or rest[0] == ")":
        return left, rest
    operator = rest[0]
    right, rest = _expression(rest[1:], one)  # all the rest: no precedence, from the right
    if operator == "AND":
        return left and right, rest
    if operator == "OR":
        return left or right, rest
    assert operator == "ANDNOT"
    return left and not right, rest


def _term(token: str, one: Paper) -> bool:
    prefix, _, value = token.partition(":")
    assert not _PREFIX_INSIDE.search(value)
    quoted = value.startswith('"')
    assert quoted or value[0] not in "*?"
    value = value.strip('"')
    assert value.strip()
    match prefix:
        case "ti" | "abs":
            text = one.title if prefix == "ti" else one.abstract
            return _english(value, text) if quoted else _wildcard(value, text)
        case "co":
            return _simple(value, one.comment)
        case "au":
            wanted = set(parts_of(value))
            return any(wanted <= set(parts_of(name)) for name in one.authors)
        case "cat":
            assert not quoted
            return any(fnmatchcase(name, value) for name in one.categories)
        case "all":
            single = [_english(value, one.title), _english(value, one.abstract)]
            single.append(_simple(value, one.comment))
            names = [set(parts_of(name)) for name in one.authors]
            return any(single) or any(set(parts_of(value)) <= name for name in names)
    raise AssertionError(f"arXiv has no field {prefix}")


def _english(value: str, text: str) -> bool:
    def analysed(words: str) -> list[str | None]:
        return [None if word in STOP else stem(word) for word in cut(words)]

    return next_to_each_other(analysed(value), analysed(text))


def _simple(value: str, text: str) -> bool:
    def analysed(words: str) -> list[str | None]:
        return [None if word in STOP else word for word in cut(words)]

    return next_to_each_other(analysed(value), analysed(text))


def _wildcard(value: str, text: str) -> bool:
    """arXiv holds wildcards against the stems of its index."""
    return any(fnmatchcase(stem(word), value) for word in cut(text) if word not in STOP)
