"""Names of authors in all their forms: which keyword finds which, and which must not."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from bot.keywords import parse
from bot.keywords.names import name_parts
from bot.matching import Matcher, explain
from tests.builders import paper
from tests.keywords.keyword_reference import asks_for


def finds(keyword: str, name: str) -> bool:
    """Also holds that both ways to match agree, and that arXiv is asked for what matches."""
    one = paper(1, "A title", authors=("Somebody Else", name))
    asked = parse(f'au:"{keyword}"')
    found = bool(Matcher([asked]).match(one))
    assert explain(asked, one).matched is found
    assert not found or asks_for(asked.query, one), asked.query
    return found


# The name in a paper; keywords that find it; keywords that do not.
FORMS = [
    # initials, with and without points, spaces and hyphens; "S. -S." is how arXiv prints them
    ("S. -S. Li", ["li_s", "S. Li", "Li, S", "S.-S. Li", "S. S. Li", "S.S. Li", "S-S Li",
                   "Li, S.-S.", "S. -S. Li", "s.‐s. li", "Li", "li_s_s"],
     ["T. Li", "S.-T. Li", "SS Li", "Li-S", "S.-S.-M. Li", "Lin, S"]),
    ("J.-P. Martin", ["martin_j", "J. Martin", "J.P. Martin", "Martin, J.-P.", "J. -P. Martin"],
     ["Jean-Pierre Martin", "Jean Martin", "martin_k", "J.-Q. Martin"]),
    ("J. P. Martin", ["J.-P. Martin", "J.P. Martin", "martin_j", "J P Martin"], ["JP Martin"]),
    ("J.P. Martin", ["J.-P. Martin", "J. P. Martin", "martin_j", "J. Martin"], ["K. P. Martin"]),
    ("Carl Y. -R. Cheng", ["Carl Cheng", "cheng_c", "Carl Y.-R. Cheng", "C. Y. R. Cheng"],
     ["Carl R. Y. Cheng", "R. Carl Cheng"]),
    ("Urs-G. Weißner", ["weissner_u", "Weissner, Urs-G.", "U.-G. Weißner", "U. G. Weissner"],
     ["Urs Weißner", "weissner_g"]),
    ("X. -Gang Wen", ["X.-Gang Wen", "wen_x", "X.-G. Wen"], ["Gang Wen"]),
    ("Geoffrey E. Hinton", ["Geoffrey Hinton", "G. E. Hinton", "hinton_g", "Hinton, Geoffrey E.",
                            "Hinton,G.E.", "Hinton Geoffrey"],
     ["G. F. Hinton", "Geoff Hinton", "hinton_f"]),
    ("G. Hinton", ["hinton_g", "Hinton"], ["Geoffrey Hinton", "G. E. Hinton"]),
    ("Weinan E", ["Weinan E", "E, Weinan", "E Weinan"], ["Weinan F"]),
    ("Inna Ya. Gur'eva", ["Inna Ya. Gur'eva", "Gur’eva, Inna Ya."],
     ["gureva_i"]),
    # given names with a hyphen: its pieces are initials, but neither is the name
    ("Xiao-Gang Wen", ["Xiao-Gang Wen", "Wen, Xiao-Gang", "wen_x", "X.-G. Wen", "X. G. Wen",
                       "Wen, X.-G.", "Wen Xiao-Gang", "Xiao‑Gang Wen"],
     ["Gang Wen", "Xiao Wen", "wen_g", "Xiaogang Wen", "X.-H. Wen"]),
    ("Wen Xiao-Gang", ["Wen, X.-G.", "wen_x", "Xiao-Gang Wen"], ["Wen, G."]),
    ("Jean-Pierre Serre", ["Serre, Jean-Pierre", "J.-P. Serre", "serre_j"],
     ["Pierre Serre", "Jean Serre", "serre_p"]),
    ("Maria Garcia-Lopez", ["garcia-lopez_m", "García-López, María"],
     ["Maria Garcia", "lopez_m", "M. G. Lopez"]),
    # particles
    ("Luigi Di Stefano", ["Luigi Di Stefano", "Di Stefano, Luigi", "L. Di Stefano", "di_stefano_l",
                          "Di Stefano, L.", "Stefano"], ["Luigi Stefano", "Stefano, Luigi"]),
    ("Jan van der Berg", ["van der Berg, Jan", "J. van der Berg", "van der Berg, J.",
                          "van_der_berg_j", "Berg"], ["Jan van Berg", "Jan Berg", "van den Berg"]),
    ("María de la Cruz", ["de la Cruz, Maria", "M. de la Cruz", "Maria De La Cruz"],
     ["de las Cruz", "Maria Cruz"]),
    ("Gerard 't Hooft", ["Gerard 't Hooft", "'t Hooft, G.", "G. ’t Hooft", "hooft_g"],
     ["van Hooft"]),
    # suffixes
    ("Robert Muster Jr.", ["Robert Muster", "muster_r", "Muster, Robert", "Muster, Robert, Jr.",
                           "Muster Jr., Robert", "Muster, Jr., Robert", "Muster, R., Jr",
                           "Robert Muster Jr"], ["Robert Muster Sr.", "Robert Muster III"]),
    ("Robert Muster, Jr.", ["Robert Muster Jr.", "muster_r"], ["Robert Muster II"]),
    ("Robert Muster III", ["Robert Muster", "Muster III, Robert", "Muster, Robert, III"],
     ["Robert Muster Jr.", "Robert Muster II"]),
    ("Robert Muster", ["Robert Muster"], ["Robert Muster Jr."]),
    # "Family, Given" in the paper
    ("Muster, Ada", ["Ada Muster", "muster_a", "Muster, Ada"], ["Ada B. Muster"]),
    # names of one word, collaborations
    ("NVIDIA", ["nvidia", "NVIDIA"], ["nvid"]),
    ("ATLAS Collaboration", ["ATLAS Collaboration", "atlas"], ["CMS Collaboration"]),
    # apostrophes
    ("Dora O’Neil", ["O'Neil", "Dora O'Neil", "o’neil_d"], ["ONeil", "Neil"]),
    ("Marc d'Alba", ["d’Alba, Marc", "d'alba_m"], ["Alba"]),
    # diacritics, in both directions
    ("Erwin Schrödinger", ["Schrodinger", "schrodinger_e", "SCHRÖDINGER, E."], ["Schroedinger"]),
    ("Erwin Schrodinger", ["Schrödinger", "Schro\u0308dinger, E."], ["Schroedinger"]),
    ("Søren Łukasik", ["Soren Lukasik", "łukasik_s", "lukasik_s"], ["Sren Lukasik"]),
    ("Soren Lukasik", ["Søren Łukasik"], []),
    ("Max Großner", ["Grossner, Max", "großner_m"], ["Grosner"]),
    ("Cem Yıldırım", ["yildirim_c", "Cem Yıldırım"], []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "these", "not_these"), FORMS, ids=[form[0] for form in FORMS])
def test_a_name_is_found_in_every_form_that_means_the_same_person(
    name: str, these: list[str], not_these: list[str]
) -> None:
    assert [keyword for keyword in these if not finds(keyword, name)] == []
    assert [keyword for keyword in not_these if finds(keyword, name)] == []


def test_forms_that_find_the_same_are_one_keyword() -> None:
    for same in (["S.-S. Li", "S. S. Li", "Li, S.-S.", "s. -s. li"],
                 ["Muster, Robert, Jr.", "Robert Muster Jr.", "Muster Jr., Robert"],
                 ["Schrödinger", "schrodinger"]):  # fmt: skip
        assert len({parse(f'au:"{each}"').canonical for each in same}) == 1


@pytest.mark.parametrize("name", [":", "...", "-", "", "🙂", "'"])
def test_what_has_neither_letter_nor_digit_has_no_parts(name: str) -> None:
    assert name_parts(name) == []


def test_real_authors_are_found_by_their_names_and_by_hyphenated_initials(
    shared_data: Path,
) -> None:
    with gzip.open(shared_data / "arxiv" / "papers-2026-04.jsonl.gz", "rt") as lines:
        names = {name for line in lines for name in json.loads(line)["authors"]}
    typed = {name for name in names if re.search(r"[^\W\d_]{2}", name) and name.count(" ") < 8}
    typed = {name for name in typed if not re.search(r'["`\\]', name)}  # LaTeX, nicknames
    assert len(typed) > 15_000
    hyphenated = {name for name in typed if re.search(r"\b\w\. -\w", name)}
    assert len(hyphenated) >= 10
    for name in hyphenated:
        assert finds(name, name)
        assert finds(name.replace(". -", ".-"), name)
        *given, family = name.split()
        assert finds(f"{family}_{given[0][0]}", name)
        assert finds(f"{family}, {given[0][0]}", name)
    some = [*sorted(typed)[::10], *(name for name in typed if re.search(r"[^A-Za-z. ]", name))]
    matcher = Matcher([parse(f'au:"{name}"') for name in some])
    missed = []
    for name in some:
        hits = {hit.canonical for hit in matcher.match(paper(1, "x", authors=(name,)))}
        if parse(f'au:"{name}"').canonical not in hits:
            missed.append(name)
    assert missed == []
