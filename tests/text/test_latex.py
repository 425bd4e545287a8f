"""What people read where authors typed LaTeX."""

from __future__ import annotations

import gzip
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.text import unicode_from_latex
from tests.calls import calls

READS_AS = [
    # accents and letters
    (r"Caf\'e na\"{\i}ve G\"odel Erd\H{o}s", "Café naïve Gödel Erdős"),
    (r"\c{C}a\u{g}r\i, Dvo\v{r}\'ak, \r{A}ngstr\"om", "Çağrı, Dvořák, Ångström"),
    (r"\ss, \o{}re, \L{}\'od\'z, \aa ngstrom", "ß, øre, Łódź, ångstrom"),
    (r"Se\~nor and \^ile", "Señor and île"),
    # mathematics
    ("$x^2$ and $H_n$", "x² and Hₙ"),
    (r"$\mathcal{O}(n)$ space", "O(n) space"),
    (r"$\alpha$-divergence", "α-divergence"),
    (r"\(\beta\)-VAE and \[\gamma\]", "β-VAE and γ"),
    (r"$\mathbb{R}^d \to \mathbb{R}$", "ℝᵈ → ℝ"),
    (r"$10^{-12}$ and $n^{k+1}$", "10⁻¹² and nᵏ⁺¹"),
    (r"$T_{\rm CP}$, $x^{ab,c}$, $D^*$", "T_CP, x^{ab,c}, D*"),
    (r"$\frac{1}{2}$ of $\frac{a+b}{c}$, $\frac12 x$", "½ of (a+b)/c, ½ x"),
    (r"$2{\frac12}$-th and $\frac{3}{7}\rho$", "2½-th and (3/7)ρ"),
    (r"$\sqrt{s_{NN}} = 200$ GeV, $\sqrt[3]{x}$", "√(s_NN) = 200 GeV, ³√x"),
    (r"$\bar{\nu}_\mu$, $\hat y$, $b{\bar b}$, $\not=$", "ν̄_μ, ŷ, bb̄, ≠"),
    (r"$O(n\log n)$ and $\log_2 n$", "O(n log n) and log₂ n"),
    (r"$D\to \pi a_0$, $z \approx 3$, 5$\times$5", "D→π a₀, z ≈ 3, 5×5"),
    (r"$\left( x \right.$, $f''$, $90^\circ$", "( x , f′′, 90°"),
    (r"O(n^2) and CO_{2} outside of formulas", "O(n²) and CO₂ outside of formulas"),
    # words
    (r"\textbf{bold}, \emph{new} and {\it old}", "bold, new and old"),
    (r"F\textsuperscript{2}LP \& co.\ at 5\%", "F²LP & co. at 5%"),
    ("{BERT} and {Deep Learning}", "BERT and Deep Learning"),
    ("``quoted'' and `single' -- or---so", "“quoted” and ‘single’ – or—so"),
    ("Fig.~3, Dr.~Who", "Fig. 3, Dr. Who"),
    (r"\texorpdfstring{$E=mc^2$}{energy} first", "energy first"),
    (r"Code: \url{https://x.example/a\_b}", "Code: https://x.example/a_b"),
    (r"\href{https://x.example}{our page}", "our page (https://x.example)"),
    (r"\href{https://x.example}{this https URL}", "https://x.example"),
    (r"word\footnote{a note}", "word (a note)"),
    (r"\k{appa} = 0.7", "κ = 0.7"),  # so arXiv serves some abstracts
]


@pytest.mark.parametrize(("typed", "read"), READS_AS)
def test_latex_reads_as_unicode(typed: str, read: str) -> None:
    assert unicode_from_latex(typed) == read


UNCHANGED = [
    "Plain words, 100% of them, #1 & more",
    "$5 and $10",
    "from $5-$10 to US$5 million and US$10 million",
    "It costs $0.001 per query (~$3 a day), not $4",
    "a lone $ or two $ $",
    "snake_case_names, a_b and x^ y",
    r"\ourmethod{} beats \theirs by 3%",
    r"\begin{theorem} C:\Users",
    "a closing } brace and an {open one",
    'the set {0, 1} and {"key": 1} and {}',
    "~50 samples, about ~ 3 (~7M)",
    "~~struck~~ and ~/home",
    "run with --fast, -v or ----",
    "https://x.example/~user/a_b?c=d^2",
    "it's the authors' own `code`",
    "x² is x² already",
    "\\",
    "$$",
    "",
    "   ",
    r"\hat",
    r"\frac{1}",
    r"\overline{a b c d e}",
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_is_no_latex_or_not_understood_stays(text: str) -> None:
    assert unicode_from_latex(text) == text


def test_a_percent_sign_does_not_swallow_the_rest() -> None:
    assert unicode_from_latex(r"20% better with $\alpha$ and more") == "20% better with α and more"


def test_braces_nested_beyond_reason_are_given_back() -> None:
    deep = "{" * 5000 + "x" + "}" * 5000
    assert "x" in unicode_from_latex(deep)
    assert "x" in unicode_from_latex(r"\frac{" * 500 + "x" + "}" * 500)
    assert "x" in unicode_from_latex(r"\hat" * 500 + "x")


def calls_to_read(text: str) -> int:
    unicode_from_latex(r"\alpha")  # loads what is loaded once
    return calls(lambda: unicode_from_latex(text))


@pytest.mark.parametrize(
    "piece",
    [
        *(r"\hat", r"\hat ", r"\frac{", r"\hat{ab cd ", "$a ", "$$ a", r"\( x ", "``a ", "~a"),
        *(r"\foo{a}", r"a \over b ", r"\sqrt[a]", r"{\it a} ", "x^{2}", "{$", r"\'e "),
        r"\textbf{\hat{\frac{a",
    ],
)  # fmt: skip
def test_twice_as_long_a_text_is_twice_the_work(piece: str) -> None:
    for end in ("", "}" * 10_000, "$"):
        once, twice = (calls_to_read(piece * count + end) for count in (300, 600))
        assert twice <= 2.3 * once + 100, end


def test_what_is_nested_is_not_read_again_at_each_level() -> None:
    r"""``\hat`` can't be drawn over several words, so its group was read twice, at each level."""
    shallow, deep = (calls_to_read(r"\hat{ab cd " * depth + "}" * depth) for depth in (4, 8))
    assert deep < 3 * shallow


def test_a_formula_of_one_long_word_is_read() -> None:
    """It ends: each letter was looked at from all those before it, for hours in this text."""
    word = "ab" * 300_000
    assert unicode_from_latex(f"${word}$") == word


PIECES = r"""
\ { } $ $$ ^ _ ~ ` '' `` -- --- % & # ( ) [ ] a b 1 é
\frac \sqrt \hat \bar \' \c \textbf \mathbb \href \url \alpha \to \left \rm \over
\log \nobodyknows \( \) \[ \] \, \\ \footnote \texorpdfstring \textsuperscript
"""
LATEX = st.lists(st.sampled_from([*PIECES.split(), " ", "\u0301"]), max_size=40).map("".join)


@given(LATEX | st.text())
@example("{}")
@example(r"\bf")
@example(r"$\,$")
def test_any_text_gives_text_and_none_becomes_empty(text: str) -> None:
    assert bool(unicode_from_latex(text).strip()) == bool(text.strip())


@given(st.text(alphabet=st.characters(exclude_characters="\\$^`{~-'")))
def test_text_without_latex_stays_as_it_is(text: str) -> None:
    assert unicode_from_latex(text) == text


@given(LATEX, LATEX)
def test_no_word_between_commands_is_lost(before: str, after: str) -> None:
    """Accents, raised digits and fraction bars may come to it; \\texorpdfstring drops by design."""
    typed = f"{before} 777 {after}".replace("texorpdfstring", "text")
    read = unicodedata.normalize("NFKD", unicode_from_latex(typed))
    assert "777" in "".join(filter(str.isalnum, read))


def test_a_month_of_real_titles_holds_no_dollar_but_prices(shared_data: Path) -> None:
    month = shared_data / "arxiv" / "papers-2026-04.jsonl.gz"
    with gzip.open(month, "rt", encoding="utf-8") as lines:
        titles = [str(json.loads(line)["title"]) for line in lines]
    converted = [unicode_from_latex(title) for title in titles]
    assert len(titles) > 5000
    assert sum("$" in title for title in titles) > 200
    assert [title for title in converted if "$" in title] == []
    assert [title for title in converted if "\\" in title] == []
