"""What bot/text/signs.py uses of pylatexenc 2, which ships no types."""

from pylatexenc.macrospec import LatexContextDb

def get_default_latex_context_db() -> LatexContextDb: ...
