"""Zotero: the client of its Web API, and what a paper is as an item there."""
