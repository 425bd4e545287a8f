"""How a paper is cited: BibTeX, RIS and CSL-JSON. Pure.

BibTeX keeps a title's LaTeX and is otherwise Unicode; what would end its value, or mean something
in LaTeX that the author did not mean, is escaped. citeproc-py 0.9 reads it too; it warns of the
fields eprint, archivePrefix, primaryClass and url, of which it knows nothing, and it fails at
commands that it was given no definition of. RIS and CSL-JSON know no LaTeX: their titles are
as they are shown (``bot.text.displayed``). RIS: the fields that reference managers agree on
(en.wikipedia.org/wiki/RIS_(file_format), read November 2026). CSL-JSON: docs.citationstyles.org,
November 2026.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bibtexparser.entrypoint import write_string
from bibtexparser.library import Library
from bibtexparser.middlewares.names import InvalidNameError, parse_single_name_into_parts
from bibtexparser.middlewares.parsestack import default_unparse_stack
from bibtexparser.model import Entry, Field
from bibtexparser.writer import BibtexFormat

from bot.model import Paper
from bot.text import (
    clean,
    displayed,
    displayed_names,
    displayed_title,
    unicode_from_latex,
)
from bot.text.badges import is_withdrawn
from bot.text.venues import Venue, venue

_SUFFIX = re.compile(r",?\s(Jr\.?|Sr\.?|I{2,3}|IV)$")
_COLLABORATION = re.compile(
    r"\b(?:collaborations?|team|group|consortium|project|initiative|lab|laboratory|society)\b",
    re.IGNORECASE,
)
_STOP_WORDS: Final = frozenset((
    "a", "an", "and", "are", "as", "at", "by", "can", "do", "does", "for", "from", "how", "in",
    "into", "is", "it", "its", "of", "on", "or", "the", "to", "towards", "toward", "under", "via",
    "what", "when", "why", "with", "without",
))  # fmt: skip
# Latin letters that are not a letter with an accent.
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
MAX_KEY_PART: Final = 30  # letters of a name or a word


@dataclass(frozen=True, slots=True)
class Name:
    """``literal`` where it is nobody's name in parts, such as that of a collaboration."""

    family: str = ""
    given: str = ""
    particle: str = ""
    suffix: str = ""
    literal: str = ""

    @property
    def last_first(self) -> str:
        """``van der Muster, Jr., Ada``."""
        family = " ".join(filter(None, (self.particle, self.family)))
        return self.literal or ", ".join(filter(None, (family, self.suffix, self.given)))


def name_of(author: str) -> Name:
    """The parts of an author's name as arXiv writes it, ``Ada van der Muster Jr.``, by BibTeX's
    rules."""
    plain = clean(unicode_from_latex(clean(author))).replace("{", "").replace("}", "").strip(" ,")
    if _COLLABORATION.search(plain) or " " not in plain or " and " in plain:
        return Name(literal=plain)
    suffix = _SUFFIX.search(plain)
    bare = plain[: suffix.start()] if suffix else plain
    try:
        parts = parse_single_name_into_parts(bare.replace("\\", ""), strict=False)
    except InvalidNameError:
        return Name(literal=plain)
    if not parts.last or not parts.first:
        return Name(literal=plain)
    return Name(
        " ".join(parts.last),
        " ".join(parts.first),
        " ".join(parts.von),
        suffix[1] if suffix else "",
    )


def key_base(paper: Paper) -> str:
    """``muster2026slow``: the first author's last name, the year of the first version, and the
    title's first word that is not a stop word. Two papers may have the same."""
    author = next(displayed_names(paper.authors), "")
    first = name_of(author) if author else Name()
    name = _ascii(first.family or first.literal.split(" ")[0])
    title = displayed_title(paper.title, paper.id)
    words = [word for word in map(_ascii, re.split(r"[\s–—-]+", title)) if word]
    word = next((each for each in words if each not in _STOP_WORDS), "")
    return f"{name or 'arxiv'}{paper.published.year}{word}"


def _ascii(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(re.findall(r"[a-z0-9]", folded))[:MAX_KEY_PART]


def file_text(kind: str, papers: Sequence[Paper], keys: Mapping[str, str]) -> str:
    """All papers in one of ``EXPORT_FORMATS``; ``keys`` are by the papers' ids."""
    if kind == "bib":
        return bibtex(papers, keys)
    if kind == "ris":
        return "".join(map(_ris, papers))
    items = [_csl(paper, keys[paper.id]) for paper in papers]
    return json.dumps(items, ensure_ascii=False, indent=1) + "\n"


# -- BibTeX ---------------------------------------------------------------------------------------


def bibtex(papers: Iterable[Paper], keys: Mapping[str, str]) -> str:
    library = Library([_entry(paper, keys[paper.id]) for paper in papers])
    style = BibtexFormat()  # type: ignore[no-untyped-call]
    style.indent = "  "
    style.trailing_comma = True
    # The library is ours alone: copying its entries first took as long as writing them, and the
    # copy is warned of in the log.
    unparse = default_unparse_stack(allow_inplace_modification=True)
    return write_string(library, unparse_stack=unparse, bibtex_format=style)


def _entry(paper: Paper, key: str) -> Entry:
    shown = displayed(paper)
    where = venue(shown)
    fields = {
        "title": protected(latex(clean(paper.title) or paper.id)),
        "author": " and ".join(map(_bibtex_name, map(name_of, shown.authors))),
        "year": year_of(paper, where),
        **_published_in(where),
        "eprint": paper.id,
        "archivePrefix": "arXiv",
        "primaryClass": paper.primary_category,
        "doi": _NOT_IN_DOIS.sub("", doi(paper)),  # which is read as it stands, not as LaTeX
        "url": paper.url,
        "note": "Withdrawn" if is_withdrawn(shown) else "",
    }
    return Entry(_entry_type(where), key, [Field(k, v) for k, v in fields.items() if v])


def _entry_type(where: Venue | None) -> str:
    if where is None:
        return "misc"
    return "article" if where.is_journal else "inproceedings"


def _published_in(where: Venue | None) -> dict[str, str]:
    if where is None:
        return {}
    return {"journal" if where.is_journal else "booktitle": latex(where.cited_name)}


def _bibtex_name(name: Name) -> str:
    return f"{{{latex(name.literal)}}}" if name.literal else latex(name.last_first)


def year_of(paper: Paper, where: Venue | None) -> str:
    """The year of the venue, if it is known, or else of the first version."""
    return where.year if where and where.year else str(paper.published.year)


def doi(paper: Paper) -> str:
    """The publisher's DOI, the first if there are several; else the one that arXiv registers for
    each paper (info.arxiv.org/help/doi, November 2026)."""
    given = clean(paper.doi).split()
    return given[0].rstrip(",;") if given else f"10.48550/arXiv.{paper.id}"


_NOT_IN_DOIS = re.compile(r"[{}\\]")
_MATH = re.compile(r"(?<!\\)(\$(?:\\.|[^$\\])*\$)")
_DOLLAR = re.compile(r"(?<!\\)\$")
_MATH_TO_KEEP = re.compile(r"^[^$]*(?<!\\)\$[^$]*[A-Z{]")
_BRACE = re.compile(r"\\?[{}]")
_SPECIAL = re.compile(r"(?<!\\)[%#&_]")
_CARET = re.compile(r"(?<!\\)\^|\\\^\{\s*\}")
_ROOT = re.compile(r"(?<!\\)\\sqrt\{[^{}]*\}")
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FOR_PDF = re.compile(rf"\\texorpdfstring\s*{_GROUP}\s*{_GROUP}")
_COMMAND_AND_BRACE = re.compile(r"(?<!\\)(\\[A-Za-z]+)(?=\{(?!\}$))")
_COMMAND_AND_ARGUMENT = re.compile(r"(?<!\\)\\(?:[A-Za-z]+ |[\"'`^~=.])\{")
_LINE_BREAK = re.compile(r"\s*(?<!\\)\\\\\s*")
_LOOKS_LIKE_AN_ENTRY = re.compile(r"@(?=\w*\s*\{)")


def latex(text: str) -> str:
    """A text whose LaTeX is kept, as a value of BibTeX: braces are balanced, and outside of math no
    character means anything that a writer of plain text did not mean."""
    text = re.sub(r"[\\\s]+$", "", text).strip()
    if not _is_balanced(text):
        text = _BRACE.sub("", text)
    pieces = _MATH.split(_with_roots_in_math(_FOR_PDF.sub(_one_for_all, text)))
    made = [_math(each) if n % 2 else _plain(each) for n, each in enumerate(pieces)]
    return _LOOKS_LIKE_AN_ENTRY.sub("{@}", "".join(made))


def _is_balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and all(map(_closes_its_braces, _MATH.findall(text)))


def _closes_its_braces(math: str) -> bool:
    return len(re.findall(r"(?<!\\)\{", math)) == len(re.findall(r"(?<!\\)\}", math))


def _math(text: str) -> str:
    """BibTeX counts braces whether they are escaped or not."""
    return text.replace(r"\{", r"\lbrace ").replace(r"\}", r"\rbrace ").replace("%", r"\%")


def _with_roots_in_math(text: str) -> str:
    """A root stands in titles without its dollars, which is an error in LaTeX."""
    pieces = _MATH.split(text)
    plain = pieces[::2]
    if any(map(_DOLLAR.search, plain)):  # whose math can't be told from its text
        return text
    pieces[::2] = [_ROOT.sub(r"$\g<0>$", each) for each in plain]
    return "".join(pieces)


def _one_for_all(both: re.Match[str]) -> str:
    """What hyperref sets in the text if it needs no command of the paper's own there, or else what
    it puts into bookmarks: an unknown command ends a reader's document."""
    return both[2] if "\\" in _MATH.sub("", both[1]) else both[1]


def _plain(text: str) -> str:
    text = text.replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")
    text = _DOLLAR.sub(r"\\$", _LINE_BREAK.sub(" ", text))
    text = _SPECIAL.sub(lambda sign: rf"\{sign[0]}", text)
    return _CARET.sub(r"\\textasciicircum{}", text)


def protected(title: str) -> str:
    """With braces around each word that has a capital letter, so that no style lowercases it;
    except for the first letter of the title, which all styles leave. Math with capitals or braces
    is put into braces as well: styles lowercase it like text, and readers that split a title at its
    braces (citeproc-py) would split it there. For them, a word with a command that has an argument
    is in braces too, with a space behind the command, which TeX skips."""
    words = map(_before_braces, _words(title))
    return " ".join(
        _in_braces(word)
        if _has_capital(word if n else word[1:])
        or _MATH_TO_KEEP.search(word)
        or _has_argument(word)
        else word
        for n, word in enumerate(words)
    )


def _before_braces(word: str) -> str:
    pieces = _MATH.split(word)
    pieces[::2] = [_COMMAND_AND_BRACE.sub(r"\1 ", each) for each in pieces[::2]]
    return "".join(pieces)


def _has_argument(word: str) -> bool:
    """Outside of math and of braces: within them, a command is what BibTeX sorts as a letter."""
    bare = re.sub(_GROUP, "{}", _MATH.sub("", word))
    return _COMMAND_AND_ARGUMENT.search(bare) is not None


def _words(title: str) -> Iterator[str]:
    """Split at spaces outside braces and math. A space after a backslash is a command and splits
    nothing: the backslash alone would escape a brace that is put after it."""
    word, depth, in_math = "", 0, False
    for before, sign in zip(" " + title, title, strict=False):
        if sign == " " and before != "\\" and depth == 0 and not in_math:
            yield word
            word = ""
            continue
        if before != "\\":
            depth += (sign == "{") - (sign == "}")
            in_math ^= sign == "$"
        word += sign
    yield word


def _has_capital(word: str) -> bool:
    """Outside of math, commands and what is in braces already."""
    bare = re.sub(r"\\[A-Za-z]+|\{[^{}]*\}", "", _MATH.sub("", word))
    return any(map(str.isupper, bare))


def _in_braces(word: str) -> str:
    """BibTeX lowercases what begins with a command within one pair of braces."""
    return f"{{{{{word}}}}}" if word.startswith("\\") else f"{{{word}}}"


# -- RIS and CSL-JSON -----------------------------------------------------------------------------


def _ris(paper: Paper) -> str:
    shown = displayed(paper)
    where = venue(shown)
    kind = "UNPB" if where is None else "JOUR" if where.is_journal else "CONF"
    lines = [
        ("TY", kind),
        ("TI", shown.title),
        *(("AU", name_of(author).last_first) for author in shown.authors),
        ("PY", year_of(paper, where)),
        ("T2", where.cited_name if where else ""),
        ("AB", shown.abstract),
        ("DO", doi(paper)),
        ("UR", paper.url),
        ("AN", f"arXiv:{paper.id}"),
        ("N1", "Withdrawn" if is_withdrawn(shown) else ""),
        ("ER", " "),
    ]
    return "".join(f"{tag}  - {value}\r\n" for tag, value in lines if value) + "\r\n"


def _csl(paper: Paper, key: str) -> dict[str, Any]:
    shown = displayed(paper)
    where = venue(shown)
    kind = "article-journal" if where and where.is_journal else "paper-conference"
    day, year = paper.published, int(year_of(paper, where))
    item = {
        "id": key,
        "type": kind if where else "article",
        "title": shown.title,
        "author": [_csl_name(name_of(author)) for author in shown.authors],
        "issued": {"date-parts": [[year, day.month, day.day] if year == day.year else [year]]},
        "container-title": where.cited_name if where else "",
        "abstract": shown.abstract,
        "DOI": doi(paper),
        "URL": paper.url,
        "archive": "arXiv",
        "archive_location": paper.id,
        "note": "Withdrawn" if is_withdrawn(shown) else "",
    }
    return {name: value for name, value in item.items() if value}


def _csl_name(name: Name) -> dict[str, str]:
    if name.literal:
        return {"literal": name.literal}
    parts = {
        "family": name.family,
        "given": name.given,
        "non-dropping-particle": name.particle,
        "suffix": name.suffix,
    }
    return {part: value for part, value in parts.items() if value}
