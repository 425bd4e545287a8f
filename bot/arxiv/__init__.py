"""arXiv as the source of papers."""
