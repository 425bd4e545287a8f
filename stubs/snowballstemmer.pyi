"""What we use of snowballstemmer, which ships no types."""

class Stemmer:  # PyStemmer's class, where that is installed
    def stemWord(self, word: str) -> str: ...  # noqa: N802

def stemmer(lang: str) -> Stemmer: ...
