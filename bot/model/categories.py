"""arXiv's categories, and which of their names mean the same.

Sources: arxiv.org/category_taxonomy (November 2026) for the names; ``CATEGORY_ALIASES`` and
``ARCHIVES_SUBSUMED`` of arXiv/arxiv-base for equivalent names.
"""

from __future__ import annotations

from typing import Final

_SECTIONS: Final = {
    "cs": "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE"
    " NI OH OS PF PL RO SC SD SE SI SY",
    "econ": "EM GN TH",
    "eess": "AS IV SP SY",
    "math": "AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT"
    " SG SP ST",
    "q-bio": "BM CB GN MN NC OT PE QM SC TO",
    "q-fin": "CP EC GN MF PM PR RM ST TR",
    "stat": "AP CO ME ML OT TH",
    "astro-ph": "CO EP GA HE IM SR",
    "cond-mat": "dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
    "nlin": "AO CD CG PS SI",
    "physics": "acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph"
    " flu-dyn gen-ph geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
}
_UNDIVIDED: Final = (
    *("gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nucl-ex", "nucl-th"),
    "quant-ph",
)

ARCHIVES: Final = frozenset({*_SECTIONS, *_UNDIVIDED})
CATEGORIES: Final = (
    *(f"{name}.{each}" for name, sections in _SECTIONS.items() for each in sections.split()),
    *_UNDIVIDED,
)
"""Every category that takes papers today, as arXiv spells it."""

MERGED: Final = {
    "cs.NA": "math.NA",
    "cs.SY": "eess.SY",
    "math.IT": "cs.IT",
    "math.MP": "math-ph",
    "q-fin.EC": "econ.GN",
    "stat.TH": "math.ST",
}
"""Second name of a category → its name in answers of arXiv's query API. OAI-PMH may use either."""

SUBSUMED: Final = {
    "acc-phys": "physics.acc-ph", "adap-org": "nlin.AO", "alg-geom": "math.AG",
    "ao-sci": "physics.ao-ph", "atom-ph": "physics.atom-ph", "bayes-an": "physics.data-an",
    "chao-dyn": "nlin.CD", "chem-ph": "physics.chem-ph", "cmp-lg": "cs.CL", "comp-gas": "nlin.CG",
    "dg-ga": "math.DG", "funct-an": "math.FA", "mtrl-th": "cond-mat.mtrl-sci",
    "patt-sol": "nlin.PS", "plasm-ph": "physics.plasm-ph", "q-alg": "math.QA",
    "solv-int": "nlin.SI", "supr-con": "cond-mat.supr-con",
}  # fmt: skip
"""Archives of the nineties that take no papers any more → the category that replaced them."""

_CANONICAL: Final = {old.lower(): new for old, new in (MERGED | SUBSUMED).items()}
_SECOND: Final = {new.lower(): old for old, new in MERGED.items()}


def canonical_category(name: str) -> str:
    """The canonical name of a category that has several, whatever the case; any other name
    unchanged."""
    return _CANONICAL.get(name.lower(), name)


def second_name(name: str) -> str:
    """The second name of a merged category, given its canonical one; empty for any other."""
    return _SECOND.get(name.lower(), "")
