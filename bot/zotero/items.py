"""A paper as an item of Zotero. Pure.

The fields of each type are those of Zotero's schema (api.zotero.org/schema), filled as its own
translator for arXiv does (github.com/zotero/translators, arXiv.org.js; both read November 2026): a
preprint has its number as ``archiveID``; the other types have no such field, and name it in
``extra``.
"""

from __future__ import annotations

from typing import Any

from bot.model import Paper
from bot.model.zotero import ZoteroItem
from bot.text import clean, displayed
from bot.text.badges import is_withdrawn
from bot.text.citations import Name, doi, name_of, year_of
from bot.text.venues import Venue, venue


def item_data(item: ZoteroItem) -> dict[str, Any]:
    """The JSON that creates the item. With ``version`` 0, an item that has this key already is left
    as it is."""
    paper = displayed(item.paper)
    where = venue(paper)
    day, year = paper.published.date().isoformat(), year_of(paper, where)
    data = {
        "key": item.key,
        "version": 0,
        **_published_in(paper, where),
        "title": paper.title or paper.id,
        "creators": [_creator(name_of(author)) for author in paper.authors],
        "abstractNote": paper.abstract,
        "date": day if day.startswith(year) else year,
        "DOI": doi(paper),
        "url": paper.url,
        "libraryCatalog": "arXiv.org",
        "extra": _extra(paper),
    }
    return {name: value for name, value in data.items() if value != ""}


def is_item_of(paper: Paper, data: object) -> bool:
    """Whether an item in a library is this paper: any part of it contains the paper's number or
    DOI, or its title is the same. People change items, but seldom all of that."""
    text = str(data).casefold()
    title = data.get("title") if isinstance(data, dict) else None
    return (
        paper.id.casefold() in text
        or doi(paper).casefold() in text
        or (isinstance(title, str) and clean(title).casefold() == displayed(paper).title.casefold())
    )


def _published_in(paper: Paper, where: Venue | None) -> dict[str, str]:
    if where is None:
        return {
            "itemType": "preprint",
            "repository": "arXiv",
            "archiveID": f"arXiv:{paper.id}",
        }
    if where.is_journal:
        return {"itemType": "journalArticle", "publicationTitle": where.cited_name}
    return {"itemType": "conferencePaper", "proceedingsTitle": where.cited_name}


def _creator(name: Name) -> dict[str, str]:
    if name.literal:
        return {"creatorType": "author", "name": name.literal}
    return {
        "creatorType": "author",
        "firstName": ", ".join(filter(None, (name.given, name.suffix))),
        "lastName": " ".join(filter(None, (name.particle, name.family))),
    }


def _extra(paper: Paper) -> str:
    lines = [
        f"arXiv:{paper.id} [{paper.primary_category}]",
        f"Comment: {paper.comment}" if paper.comment else "",
        "Withdrawn" if is_withdrawn(paper) else "",
    ]
    return "\n".join(filter(None, lines))
