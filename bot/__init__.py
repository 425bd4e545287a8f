"""Daily Papers: the new arXiv papers of the day, once each, in the channels that follow them."""

__version__ = "0.1.0"
