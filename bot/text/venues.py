"""Where a paper was accepted or published, as its comment or journal reference says. Pure.

A comment is free text ("Accepted to Findings of ACL2026, 12 pages"). What was only submitted, is
under review or was rejected is no venue; neither is where an earlier version was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.model import Paper
from bot.text import shorten

MAX_LENGTH: Final = 60  # of a venue without a short name


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Conferences that need no word such as "accepted" beside their name and year.
_CONFERENCES = _names(
    "3DV AAAI AACL AAMAS ACCV ACL ACSAC AISTATS AIED ALT APSIPA ASE ASPLOS ASRU BMVC CADE CAV"
    " CCS CDC CHI CHIIR CHIL CIKM CLEF CLeaR COLING COLM COLT CoNLL CogSci CoLLAs CoRL CPAIOR"
    " CRYPTO CSCW CVPR DAC DSN EACL EAMT ECAI ECCV ECIR ECML EDBT EMBC EMNLP ESORICS ESWC ETRA"
    " EurIPS EUROCRYPT EuroSys FAccT FG FOCS FPGA FSE GECCO GLOBECOM HPCA HRI ICALP ICAPS ICASSP"
    " ICCAD ICCV ICDAR ICDCS ICDE ICDM ICDT ICIP ICLP ICLR ICME ICML ICMI ICMLA ICMR ICPC ICPR"
    " ICRA ICSE ICSME ICWSM ICONIP IGARSS IJCAI IJCB IJCNN IJCNLP INFOCOM INTERSPEECH IROS ISBI"
    " ISCA ISIT ISMAR ISMIR ISSTA ISWC ITSC IUI IWSLT KDD KR L4DC LAK LICS LREC MICCAI MICRO"
    " MIDL MLHC MLSys MobiCom MobiSys MSR NAACL NDSS NeurIPS NIPS NSDI OOPSLA OSDI PAKDD PerCom"
    " PLDI PODC PODS POPL PPoPP PPSN RANLP RecSys RO-MAN RSS SANER SDM SemEval SIGCOMM SIGDIAL"
    " SIGGRAPH SIGIR SIGMETRICS SIGMOD SIGSPATIAL SLT SODA SOSP STACS STOC TACAS UAI UbiComp"
    " UIST UMAP VLDB VRST WACV WSDM WWW LREC-COLING IJCAI-ECAI"
)
_KNOWN: Final = {name.casefold(): name for name in _CONFERENCES}
_JOURNALS: Final = _names(
    "TPAMI PAMI IJCV JMLR TMLR TACL JAIR TOIS TIP TNNLS TMM TKDE TSE TOSEM TIFS TDSC TCSVT TGRS"
    " JSTARS TASLP TAFFC TMI TVCG TCYB TITS RAL RA-L JHEP PRD PRL MNRAS APJ JCAP TOG"
)
# Those that are often written out alone.
_WRITTEN_OUT: Final = {
    "computer vision and pattern recognition": "CVPR",
    "international conference on machine learning": "ICML",
    "neural information processing systems": "NeurIPS",
    "conference on learning representations": "ICLR",
    "meeting of the association for computational linguistics": "ACL",
    "empirical methods in natural language": "EMNLP",
    "international conference on image processing": "ICIP",
    "international conference on pattern recognition": "ICPR",
    "international joint conference on neural networks": "IJCNN",
    "conference on artificial intelligence and statistics": "AISTATS",
    "conference on robotics and automation": "ICRA",
    "acoustics, speech": "ICASSP",
    "symposium on biomedical imaging": "ISBI",
    "automatic face and gesture recognition": "FG",
    "fairness, accountability": "FAccT",
    "learning for dynamics": "L4DC",
    "principles of knowledge representation": "KR",
}
# Short names of which none is a venue's.
_NO_NAMES: Final = _names(
    "LLM LLMS AI NLP CV ML RL GPU GPT PDF ID US UK EU USA API DOI ARXIV GITHUB LATEX CC BY JSON"
    " IEEE ACM CVF IEEE/CVF IEEE/CAA USENIX SPIE PI CEO UTC PHD SI MDPI COVID"
)

_YEAR = r"(?:19[89]\d|20[0-3]\d)"
_NAME = r"(?:(?=[\w&/-]*[A-Z][\w&/-]*[A-Z])[A-Z][A-Za-z&/]*(?:-[A-Za-z]+)*)"
_KIND = r"(?:[\s-]\(?(?:Workshops?|Findings|Main|Asia)\)?)?"
# ACL 2026, CVPR'26, ICLR2026, ICAPS-26, CVPR-W 2026, CVPR Findings 2026
_BESIDE = rf"(?:[\s,(:-]{{0,2}}(?P<year>{_YEAR})|\s?[-'’‘`´]\s?(?P<short>[0-3]\d))\b"
_NAMED = re.compile(rf"\b(?P<name>{_NAME}){_KIND}{_BESIDE}")
_KNOWN_NAME = rf"(?:{'|'.join(map(re.escape, sorted(_KNOWN, key=len, reverse=True)))})"
_KNOWN_NAMED = re.compile(
    rf"(?<![a-z])(?P<name>{_KNOWN_NAME})(?:-?W|F)?{_KIND}(?:{_BESIDE}|\s?(?P<bare>[0-3]\d)\b)"
    rf"|\b(?P<first>{_YEAR})\s?(?:IEEE(?:/\w+)?\s|ACM\s)?(?P<after>{_KNOWN_NAME})(?:-?W|F)?\b",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"(?P<name>{_KNOWN_NAME})(?:\s(?:main|oral|poster|spotlight|findings))*", re.IGNORECASE
)
_YEAR_FIRST = re.compile(rf"\b(?P<year>{_YEAR})\s(?:IEEE(?:/\w+)?\s|ACM\s)?(?P<name>{_NAME})\b")
_IN_PARENTHESES = re.compile(rf"\((?:the\s|ACM\s|IEEE\s)?(?P<name>{_NAME})\b[^)]*\)")
_WITHOUT_YEAR = re.compile(rf"(?<![\w-])(?P<name>{_NAME})(?![\w-])")
_AT_START = re.compile(
    rf"(?:\A|,\s)(?P<name>{_NAME})(?:\s/\s\w+)?[\s-](?P<year>{_YEAR})\b(?!\s?[-/.])"
)
_ORDINAL = re.compile(r"\b\d+(?:st|nd|rd|th)\b(?! place)", re.IGNORECASE)
_WORD_BEFORE = re.compile(r"([\w/-]+)[ -]$")
_ANY_YEAR = re.compile(rf"(?<![\d/.])({_YEAR})(?![\d/])")

_NOT_YET = re.compile(
    r"\b(?:sub\w{0,3}mit\w*(?! and accepted)|submission|(?:under|in) (?:\w+[ -]){0,2}"
    r"(?:review|revision)\w*|under consideration|reject\w*|not (?:yet )?accepted|unpublished"
    r"|withdrawn from|preparation|planned|intended for|target\w*|prepared for|considered for"
    r"|pending|awaiting|uses|(?:format|template|style)\w* (?:for|of|from))\b|\.sty\b",
    re.IGNORECASE,
)
_OTHER_WORK = re.compile(
    r"\b(?:(?:earlier|early|preliminary|previous|prior|short|shorter|condensed|conference|abridged"
    r"|partial|workshop|journal) (?:draft|version|results?|abstract)s?\b(?! of record)"
    r"|parts? of (?:this|these|our)|supersedes?|companion|follow-?up|builds? on|based on"
    r"|comments? on|replication|previously published)\b",
    re.IGNORECASE,
)
_CONTEST = re.compile(
    r"\b(?:challenge|competition|shared task|winner|winning|place|solution (?:to|for)|lab report"
    r"|final project|talk|award)\b",
    re.IGNORECASE,
)
_ACCEPTED = re.compile(
    r"\b(?:ac\w{0,2}ept(?:ed|ance)?|appectped|to appear|appear(?:s|ed|ing)?|publish(?:ed)?"
    r"|publication|in press|presented|presentation|forthcoming|camera[- ]?ready|proceedings"
    r"|in proc\.?|post-?print)\b",
    re.IGNORECASE,
)
# Behind the last of such words, and how it was accepted: where.
_WHERE = re.compile(
    r".*\b(?:ac\w{0,2}ept(?:ed|ance)?|appear(?:s|ed|ing)?|publish(?:ed)?|publication|presented"
    r"|presentation|inclusion|proceedings|press|article|paper|poster|manuscript)"
    r"(?:\s(?:at|in|to|by|on|of|with|for)\b:?|:|,)?\s+(?P<where>.+)",
    re.IGNORECASE,
)
_JOURNAL_BEFORE = re.compile(
    r"(?P<where>[A-Z][\w.& ]{3,60}?)\s?[-–,:]\s?(?:accepted|in press)\b", re.I
)
# A clause that names a meeting, or its part that does.
_MEETING = re.compile(
    r"\b(?P<where>(?:[A-Z][\w/&'-]*\s){0,6}(?:Conference|Symposium|Congress|Annual Meeting"
    r"|Workshop)"
    rf"(?:\s(?:of|on|for|in|the|and|&|[A-Z][\w/&'-]*))+|(?:[A-Z][\w/&'-]*\s){{1,6}}"
    rf"(?:Conference|Symposium|Congress|Workshop))(?=[\W_]|{_YEAR}|$)"
)
_BEFORE_NAME = re.compile(
    r"^(?:\\\w+\{|(?:the|a|an|main|in|of|at|by|for|to|upcoming|proceedings|proc\.|journal:"
    r"|findings of"
    rf"|{_YEAR}|annual)\s)+|^\d+(?:st|nd|rd|th)\s|^(?:[a-z]+[ -])?(?:first|second|third|[a-z]+th)"
    r"\s(?=[A-Z])",
    re.IGNORECASE,
)
_AFTER_NAME = re.compile(
    r"[(\[:;]|,(?!\s(?:[A-Z]\w+,?\s)?(?:&|and)\s[A-Z])|\s(?:as|with|and will|which|where)\b"
    r"|\son\s\d"
    r"|\s[-–—]\s|\b[Vv]ol\b|\bDOI\b|\bhttps?:|\sjournal$|\s(?=\d{1,3}\b)"
    r"|\s[Pp]roceedings$|\sconference\b"
)
_PROPER = re.compile(r"(?:[^\sa-z]\S*|of|on|for|the|and|in|de|für|der|et|&)(?:\s|$)")
_IS_JOURNAL = re.compile(
    r"\b(?:Journal|Transactions?|Trans|Letters?|Lett|Rev|Reviews?|Phys|Annals|Magazine|PLOS|PNAS"
    r"|Access|Acta|Frontiers|Bulletin|J|Quarterly)\b"
)
_IS_CONFERENCE = re.compile(
    r"\b(?:Conference|Conf|Symposium|Symp|Workshops?|Congress|Meeting|Proceedings|Proc|Colloquium)\b"
)
_WORKSHOP = re.compile(
    r"\b[Ww]orkshops?\b|\bWORKSHOPS?\b|\b(?:CVPR|ICCV|ECCV|WACV)-?W(?![a-zA-Z])"
    r"|(?:[A-Z]\w*|\))\s?@\s?[A-Z]|\bCEUR\b"
    r"|\b(?:at|in|to|by)\s(?:the\s)?[A-Z].*\sat\s(?:the\s)?[A-Z]{3,}"
)
_FINDINGS = re.compile(r"\bfindings?\b|\bCVPRF\b", re.IGNORECASE)

_CLAUSE = re.compile(r"[;!\n]|\.\s+(?=[A-Z0-9(])|\.$|\s\|\s")
# Their points end no clause.
_ABBREVIATION = re.compile(
    r"\b(Proc|Phys|Rev|Lett|Trans|Conf|Int|Intl|J|Symp|Math|Comput|Appl|Res|Sci|Eng|Syst|Comm|Commun"
    r"|Nucl|Astron|Astrophys|Mon|Not|Soc|Vol|No|St|Ann|Nat|Eur|Chem|Mach|Learn|Mech)\.\s"
)
_NO_STOP = "\ue000"
_COUNTS = re.compile(r"^(?:\d+\+?\s?[\w -]+?(?:\(.*?\))?(?:,|and|\.|$)\s*)+(?=\D)", re.IGNORECASE)
# A clause that is nothing but the name of a meeting and its year.
_ALONE = re.compile(
    rf"(?P<where>(?:(?:[A-Z][\w&'/-]*|on|of|for|and|in)[ ,]+){{2,10}}{_YEAR})(?:,\s[A-Z][\w. -]+)*"
)


@dataclass(frozen=True, slots=True)
class Venue:
    """``name`` as it is usually written, with its year where that is known (``ICML 2026``)."""

    name: str
    is_journal: bool = False

    @property
    def year(self) -> str:
        """The year in its name; empty if there is none."""
        found = _ANY_YEAR.search(self.name)
        return found[1] if found else ""

    @property
    def cited_name(self) -> str:
        """The name as it is cited beside its year: ``Phys. Rev. D``, but ``ICML 2026``, because a
        journal has issues, but each year's conference is one of its own."""
        return self.name.removesuffix(f" {self.year}") if self.is_journal else self.name


def venue(paper: Paper) -> Venue | None:
    """Of a ``displayed`` paper. A journal reference, which arXiv asks for once a paper has been
    published, says more than a comment."""
    if paper.journal_ref:
        return _short_name(paper.journal_ref, accepted=True) or _long_name(paper.journal_ref)
    for clause in _clauses(paper.comment):
        if _NOT_YET.search(clause) or _OTHER_WORK.search(clause):
            continue
        if found := _in_clause(clause):
            return found
    return None


def _clauses(comment: str) -> Iterator[str]:
    marked = _ABBREVIATION.sub(rf"\1{_NO_STOP} ", comment)
    for clause in _CLAUSE.split(marked):
        yield clause.replace(_NO_STOP, ".").strip()


def _in_clause(clause: str) -> Venue | None:
    accepted = _ACCEPTED.search(clause) is not None
    if not accepted and _CONTEST.search(clause):
        return None
    if found := _short_name(clause, accepted=accepted):
        return found
    if accepted:
        before = _JOURNAL_BEFORE.match(clause)
        if before and _IS_JOURNAL.search(before["where"]):
            return _long_name(before["where"], clause)
        where = _WHERE.match(clause)
        if where and (found := _long_name(where["where"])):
            return found
    if bare := _BARE.fullmatch(clause):
        return _qualified(_KNOWN[bare["name"].casefold()], "", clause)
    rest = _COUNTS.sub("", clause)
    meeting = _ALONE.fullmatch(rest)
    if not meeting and (accepted or _ANY_YEAR.search(rest) or _ORDINAL.search(rest)):
        meeting = _MEETING.search(rest)
    return _long_name(meeting["where"], clause) if meeting else None


def _short_name(text: str, *, accepted: bool) -> Venue | None:
    """``ACL 2026 Findings``, ``CVPR 2026 workshop``. A known conference beside
    its year comes first; names that nobody knows count only for what was accepted."""
    if match := _KNOWN_NAMED.search(text):
        name = _KNOWN[(match["name"] or match["after"]).casefold()]
        return _qualified(name, _year(match) or match["first"], text)
    anywhere = _ANY_YEAR.search(text)
    year = anywhere[1] if anywhere else ""
    for pattern in (_NAMED, _YEAR_FIRST, _IN_PARENTHESES) if accepted else (_AT_START,):
        for match in pattern.finditer(text):
            name = match["name"]
            if len(name) > 1 and name.upper() not in _NO_NAMES:
                host = _WORD_BEFORE.search(text[: match.start("name")])
                if host and (known := _known(host[1])):
                    name = f"{known} {name}"
                return _qualified(_known(name) or name, _year(match) or year, text)
    if accepted or year or _ORDINAL.search(text):
        lower = text.casefold()
        for written_out, name in _WRITTEN_OUT.items():
            if written_out in lower:
                return _qualified(name, year, text)
        for match in _WITHOUT_YEAR.finditer(text):
            if name := _known(match["name"]):
                return _qualified(name, year, text)
    return None


def _known(name: str) -> str:
    """As the venue writes it; empty where it is none that is known."""
    for part in (name, name.rpartition("/")[2]):
        if part.upper() in _JOURNALS:
            return part.upper()
        bare = re.sub(r"(?:-?W|F)$", "", part)
        if known := _KNOWN.get(part.casefold()) or _KNOWN.get(bare.casefold()):
            return known
    return ""


def _year(match: re.Match[str]) -> str:
    found = match.groupdict()
    if two := found.get("short") or found.get("bare"):
        return f"20{two}"
    return found.get("year") or ""


def _qualified(name: str, year: str, text: str) -> Venue:
    shown = f"{name} {year}".rstrip()
    if name in _JOURNALS:
        return Venue(shown, is_journal=True)
    if _WORKSHOP.search(text):
        return Venue(f"{shown} workshop")
    return Venue(f"{shown} Findings" if _FINDINGS.search(text) else shown)


def _long_name(text: str, clause: str = "") -> Venue | None:
    """``Journal of Manufacturing Systems``, ``Climate Informatics 2026``; the year is somewhere
    in the ``clause``."""
    name = text.strip(" .,:'\"“”")
    while (shorter := _BEFORE_NAME.sub("", name, count=1)) != name:
        name = shorter
    name = _AFTER_NAME.split(name, maxsplit=1)[0].strip(" .,:'\"“”")
    words = name.split()
    if (
        len(name) < 4
        or not name[0].isalpha()
        or not all(_PROPER.match(f"{word} ") for word in words)
    ):
        return None
    conference = _IS_CONFERENCE.search(name) is not None
    if len(name) > MAX_LENGTH and not (conference or _IS_JOURNAL.search(name)):
        return None
    year = _ANY_YEAR.search(clause or text)
    is_journal = not conference and (_IS_JOURNAL.search(name) is not None or year is None)
    name = shorten(name, MAX_LENGTH)
    if year and year[1] not in name:
        name = f"{name} {year[1]}"
    return Venue(name, is_journal)
