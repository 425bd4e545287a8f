"""Tables for the LaTeX reader: commands by what they do, and the Unicode of scripts and accents.

Holds only what pylatexenc has no single sign for, or draws in a way that reads badly in a chat.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylatexenc.macrospec import LatexContextDb


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Commands that change only the looks of their argument. Letters stay plain letters, as people
# type them and search for them: ``\mathcal{O}`` is O.
BODY_ONLY = _words(
    "text textbf textit textrm textsf textsc textsl texttt textup textnormal textmd emph "
    "underline uline code mbox hbox mathrm mathbf mathit mathsf mathtt mathcal mathscr mathfrak "
    "mathnormal boldsymbol bm pmb operatorname ensuremath protect mathop mathrel mathbin"
)
SECOND_OF_TWO = frozenset({"texorpdfstring", "textcolor", "colorbox"})
NO_INK = _words(
    "rm bf it sf sc tt sl em cal bfseries itshape scshape ttfamily sffamily rmfamily upshape "
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr limits nolimits displaystyle "
    "textstyle scriptstyle boldmath unboldmath xspace small large tiny normalsize noindent"
)
OPERATORS = _words(
    "log ln lg exp sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan max min sup inf "
    "lim limsup liminf det dim ker arg deg gcd hom Pr Re Im"
)

SIGNS = {sign: sign for sign in "&%$#_{}"} | {
    **{" ": " ", "\n": " ", ",": " ", "\\": " ", "quad": " ", "qquad": " ", "-": "", "/": ""},
    **{"|": "‖", "prime": "′", "gets": "←", "iff": "⇔", "implies": "⇒", "degree": "°"},
    **{"textasciitilde": "~", "textasciicircum": "^", "eth": "ð", "LaTeX": "LaTeX", "TeX": "TeX"},
    **{"ne": "≠", "lsim": "≲", "gsim": "≳", "colon": ":", "copyright": "©", "emdash": "—"},
    **{"eg": "e.g.", "ie": "i.e.", "etal": "et al.", "@": ""},
    **{"i": "ı", "j": "ȷ", "imath": "ı", "jmath": "ȷ", "lq": "‘", "rq": "’", "slash": "/"},
}
MATH_SIGNS = {";": " ", ":": " ", ">": " ", "!": "", "*": ""}

ACCENTS = {
    **{"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304"},
    **{".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "d": "\u0323"},
    **{"b": "\u0331", "k": "\u0328", "r": "\u030a"},
}
MATH_ACCENTS = {
    **{"hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303"},
    **{"bar": "\u0304", "overline": "\u0304", "dot": "\u0307", "ddot": "\u0308"},
    **{"vec": "\u20d7", "check": "\u030c", "breve": "\u0306", "acute": "\u0301"},
    **{"grave": "\u0300", "mathring": "\u030a", "not": "\u0338"},
}

# Greek has scripts in Unicode too, but most fonts for terminals lack them.
SUPERSCRIPTS = str.maketrans(
    "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUW∘⊤*∗′†‡⋆±∓",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁᵂ°ᵀ**′†‡⋆±∓",
)
SUBSCRIPTS = str.maketrans("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
VULGAR_FRACTIONS = {
    unicodedata.normalize("NFKC", sign).replace("⁄", "/"): sign for sign in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
}


@cache
def sign(name: str) -> str:
    """What one command without argument stands for; empty if unknown."""
    if name in SIGNS:
        return SIGNS[name]
    if name in OPERATORS:
        return name
    spec = _pylatexenc().get_macro_spec(name)
    drawn = getattr(spec, "simplify_repl", None)
    plain = isinstance(drawn, str) and len(drawn) <= 3 and drawn.isprintable()
    return drawn.strip() if plain and drawn else ""


@cache
def _pylatexenc() -> LatexContextDb:
    from pylatexenc.latex2text import get_default_latex_context_db

    return get_default_latex_context_db()


def double_struck(text: str) -> str:
    """ℝ for R. What has no such form stays."""
    return "".join(_double_struck(character) for character in text)


def _double_struck(character: str) -> str:
    name = unicodedata.name(character, "").replace("LATIN ", "").replace("LETTER ", "")
    for family in ("DOUBLE-STRUCK", "MATHEMATICAL DOUBLE-STRUCK"):
        try:
            return unicodedata.lookup(f"{family} {name}")
        except KeyError:
            continue
    return character
