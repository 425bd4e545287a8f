"""Where a paper's own text says that its code or data are. Pure; nothing is requested.

What counts is an address on a host that keeps code or data. That something "is on GitHub" without
saying where counts for nothing, because a reader could not follow it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.model import Paper
from bot.text.links import without_punctuation

MAX_ADDRESS_LENGTH: Final = 200  # of one that is worth a link in a digest
_WINDOW: Final = 100  # characters before an address that say what is there

CODE, DATA, MODEL = "code", "data", "model"

# Hosts that keep code, and those that keep data (or both) unless the words before say otherwise.
_FORGES = (
    r"github\.com|gitlab\.com|gitlab\.[\w.-]+|bitbucket\.org|codeberg\.org|gitee\.com|git\.sr\.ht"
    r"|anonymous\.4open\.science"
)
_ARCHIVES = (
    r"zenodo\.org|osf\.io|figshare\.com|[\w-]+\.figshare\.com|datadryad\.org|data\.mendeley\.com"
    r"|dataverse\.[\w.-]+|[\w.-]*dataverse\.[\w.-]+|kaggle\.com|ieee-dataport\.org"
    r"|physionet\.org|openml\.org|modelscope\.cn"
)
# What any address has, found fast: most texts hold none.
_MAY_HOLD_ONE = re.compile(r"://|\.[A-Za-z]{2,7}/|\b10\.\d{4,5}/|hub\.io|lab\.io")
_HUB = r"huggingface\.co|hf\.co"
_PATH = r"/[^\s<>{}|\\^`\"'”’]+"
_REPOSITORY = re.compile(
    rf"(?<![\w@.-])(?:https?://)?(?:www\.)?(?P<host>(?P<forge>{_FORGES})|(?P<archive>{_ARCHIVES})"
    rf"|(?P<hub>{_HUB}))(?P<path>{_PATH})",
    re.IGNORECASE,
)
# DOIs that archives of data give to what they keep.
_DOI = re.compile(
    r"(?<![\w.])(?:https?://(?:dx\.)?doi\.org/|doi:?\s*)?"
    r"(?P<doi>10\.(?:5281/zenodo\.\d+|6084/m9\.figshare\.[\w.]+|5061/dryad\.\w+|17605/osf\.io/\w+"
    r"|7910/dvn/\w+|17632/\w+(?:\.\d+)?|57967/hf/\d+))",
    re.IGNORECASE,
)
# Any other page, which is no repository unless the words before it say so.
_PAGE = re.compile(
    rf"https?://(?P<host>(?:[\w-]+\.)+[a-z]{{2,}})(?P<path>{_PATH}|/?)"
    rf"|(?<![\w@./-])(?P<page>[\w-]+\.(?:github|gitlab)\.io)(?P<rest>{_PATH}|/?)",
    re.IGNORECASE,
)
_OTHER_PAGE = re.compile(
    r"(?:www\.)?(?:(?:dx\.)?doi\.org|arxiv\.org|openreview\.net|youtube\.com|youtu\.be|ssrn\.com"
    r"|aclanthology\.org|link\.springer\.com|ieeexplore\.ieee\.org|dl\.acm\.org)\Z",
    re.IGNORECASE,
)
_NO_REPOSITORY = re.compile(
    r"/(?:features|about|topics?|trending|marketplace|search|settings|login|sponsors|papers|blog"
    r"|docs|learn|leaderboard|competitions?|c|discussions?|user-attachments)(?:/|$)",
    re.IGNORECASE,
)
_SAYS_CODE = re.compile(
    r"\b(?:codes?|codebases?|source|implementations?|software|scripts?|librar(?:y|ies)|packages?"
    r"|repo(?:sitor(?:y|ies))?|toolkits?|open-sourced?)\b",
    re.IGNORECASE,
)
_SAYS_DATA = re.compile(
    r"\b(?:data|data ?sets?|benchmarks?|corp(?:us|ora)|records)\b", re.IGNORECASE
)
_IS_THERE = re.compile(
    r"\b(?:available|releas\w+|accessible|found|open-?sourced?|provided?|shared|hosted|maintained"
    r"|download\w*)\b|(?:\b(?:at|on|under)|:)\s*\Z",
    re.IGNORECASE,
)
_OPEN_SOURCE_AT = re.compile(r"\bopen[- ]sourced? (?:at|on|under)\s*:?\s*\Z", re.IGNORECASE)
# What is kept there is the paper itself, or what was planned.
_NOT_KEPT = re.compile(r"\bpre-?regist\w+|\bpre-?prints?\b|\bversions?\b", re.IGNORECASE)
_PUNCTUATION: Final = ".,;:!?}*_~$'\""


@dataclass(frozen=True, slots=True)
class Repository:
    """What is kept there (``code``, ``data`` or ``model``), and its address."""

    kind: str
    url: str


def repositories(paper: Paper) -> tuple[Repository, ...]:
    """The first address of each kind, in the order code, data, model; of ``displayed`` papers."""
    found: dict[str, Repository] = {}
    for text in (paper.comment, paper.abstract):
        if _MAY_HOLD_ONE.search(text):
            for each in _found(text):
                if all(each.url != other.url for other in found.values()):
                    found.setdefault(each.kind, each)
    return tuple(found[kind] for kind in (CODE, DATA, MODEL) if kind in found)


def _found(text: str) -> list[Repository]:
    found: list[tuple[int, Repository]] = []
    for match in _REPOSITORY.finditer(text):
        path = without_punctuation(match["path"], _PUNCTUATION)
        if len(path) < 2 or _NO_REPOSITORY.match(path):
            continue
        before = _before(text, match.start())
        if match["archive"] and _NOT_KEPT.search(before):
            continue
        if match["hub"]:
            kind = _kind_on_hub(path)
        else:
            kind = _kind(before, CODE if match["forge"] else DATA)
        found.append((match.start(), Repository(kind, f"https://{match['host']}{path}")))
    for match in _DOI.finditer(text):
        before = _before(text, match.start())
        if not _NOT_KEPT.search(before):
            url = f"https://doi.org/{without_punctuation(match['doi'], _PUNCTUATION)}"
            found.append((match.start(), Repository(_kind(before, DATA), url)))
    for match in _PAGE.finditer(text):
        host = match["host"] or match["page"]
        path = without_punctuation(match["path"] or match["rest"] or "", _PUNCTUATION)
        before = _before(text, match.start())
        if not _REPOSITORY.match(text, match.start()) and _says_it_is_there(host, before):
            found.append((match.start(), Repository(_kind(before, CODE), f"https://{host}{path}")))
    found.sort(key=lambda each: each[0])
    return [each for _, each in found if len(each.url) <= MAX_ADDRESS_LENGTH]


def _says_it_is_there(host: str, before: str) -> bool:
    if _OTHER_PAGE.match(host):
        return False
    named = _SAYS_CODE.search(before) or _SAYS_DATA.search(before)
    return bool((named and _IS_THERE.search(before)) or _OPEN_SOURCE_AT.search(before))


def _before(text: str, end: int) -> str:
    """The words of the same sentence before an address."""
    before = text[max(0, end - _WINDOW) : end]
    return re.split(r"(?<=[a-z)])[.;!?] |\n", before)[-1]


def _kind(before: str, default: str) -> str:
    if _SAYS_CODE.search(before):
        return CODE
    return DATA if _SAYS_DATA.search(before) else default


def _kind_on_hub(path: str) -> str:
    if path.startswith("/datasets/"):
        return DATA
    return CODE if path.startswith("/spaces/") else MODEL
