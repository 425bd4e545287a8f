"""What people keep: saved papers, their citations, and what is deleted of a person. Knows no
platform; the wording is in ``bot.chat.replies.library``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.chat.queries import Queries
from bot.chat.replies.keywords import ROWS_PER_PAGE
from bot.chat.replies.library import (
    citation_reply,
    export_reply,
    forget_question,
    forgotten_reply,
    nothing_saved,
    pages,
    save_reply,
    saved_reply,
    saved_report,
    saved_together_reply,
)
from bot.chat.zotero import ZoteroLibraries
from bot.core.digest import MIN_SAVED
from bot.errors import UserError
from bot.model import Paper, Person, Reply, TextFile
from bot.ports import Clock, LibraryStore

MAX_SAVED_AT_ONCE = 100  # of one message, which holds no more
MAX_EXPORTED = 10_000  # papers
# Below the least that a platform takes of a file from a bot (10 MB on Discord; discord-api-docs,
# reference, Uploading Files, November 2026). An entry of BibTeX has half a kilobyte, one of
# CSL-JSON with its abstract some two and a half.
MAX_EXPORT_SIZE = 8_000_000  # bytes


class Library:
    """Every method may raise StoreError; where a paper is fetched, UserError if there is none of
    that id, and SourceError."""

    def __init__(
        self,
        *,
        queries: Queries,
        store: LibraryStore,
        clock: Clock,
        zotero: ZoteroLibraries,
        max_export_size: int = MAX_EXPORT_SIZE,
    ) -> None:
        self._queries = queries
        self._store = store
        self._clock = clock
        self._zotero = zotero
        self._max_export_size = max_export_size

    async def save(self, channel_id: str, person: Person, paper_id: str) -> Reply:
        """Save the paper for the channel; if this person had saved it, take that back."""
        paper = await self._queries.paper(paper_id)
        saved = await self._store.toggle_save(channel_id, paper, person, self._clock.now())
        connections = await self._zotero.destinations(channel_id, person)
        return save_reply(paper, person, saved=saved, connections=connections)

    async def save_all(self, channel_id: str, person: Person, paper_ids: Sequence[str]) -> Reply:
        """Save all of them; those that were saved before stay saved."""
        wanted = paper_ids[:MAX_SAVED_AT_ONCE]
        papers = await self._queries.papers(wanted)
        if not papers:
            whose = "arXiv knows none of the papers" if wanted else "I see no paper"
            raise UserError(f"{whose} in this message, so nothing was saved.")
        added = await self._store.save_all(channel_id, papers, person, self._clock.now())
        unknown = len(set(wanted)) - len(papers)
        connections = await self._zotero.destinations(channel_id, person)
        return saved_together_reply(papers, person, added, unknown, connections)

    async def saved(
        self,
        channel_id: str,
        person: Person,
        *,
        mine: bool = False,
        words: Sequence[str] = (),
        page: int = 1,
        may_change: bool = False,
    ) -> Reply:
        """One page of what the channel keeps, or the person; a page beyond the last is the last.
        Whoever ``may_change`` the channel is offered the order by similarity once it is possible.
        """
        found = await self._store.saved(
            channel_id,
            person.id,
            mine=mine,
            words=words,
            limit=ROWS_PER_PAGE,
            offset=(page - 1) * ROWS_PER_PAGE,
        )
        if not found.papers and page > 1:
            last = pages(found)
            return await self.saved(
                channel_id, person, mine=mine, words=words, page=last, may_change=may_change
            )
        dates = self._queries.dates(channel_id)
        offer_order = (
            may_change
            and not (mine or words or page > 1)
            and found.total >= MIN_SAVED
            and (await self._queries.settings_in_force(channel_id))["order"].value != "similarity"
        )
        reply = saved_reply(
            found,
            dates,
            mine=mine,
            words=words,
            page=page,
            private=person.private,
            offer_order=offer_order,
        )
        return replace(reply, report=saved_report(channel_id, found, page))

    async def cite(self, paper_id: str) -> Reply:
        paper = await self._queries.paper(paper_id)
        text = await self._file_text("bib", [paper], await self._keys([paper]))
        return citation_reply(text.strip())

    async def export(
        self, channel_id: str, person: Person, *, mine: bool = False, kind: str = "bib"
    ) -> Reply:
        """The saved papers as a file of one of ``EXPORT_FORMATS``: as many of the newest as
        platforms take in one."""
        found = await self._store.saved(channel_id, person.id, mine=mine, limit=MAX_EXPORTED)
        if not found.papers:
            return nothing_saved(mine=mine, private=person.private)
        papers = [each.paper for each in found.papers]
        text = await self._file_text(kind, papers, keys := await self._keys(papers))
        while (size := len(text.encode())) > self._max_export_size:
            fitting = len(papers) * self._max_export_size // size
            papers = papers[: max(min(fitting, len(papers) - 1), 0)]
            text = await self._file_text(kind, papers, keys)
        file = TextFile(f"papers.{kind}", text)
        return export_reply(file, len(papers), found.total, mine=mine, private=person.private)

    async def exported(self, channel_id: str, kind: str) -> tuple[str, int]:
        """All papers that the channel keeps, as the text of such a file of any length; and how many
        there are. Raises UserError where it keeps none."""
        total = (await self._store.saved(channel_id, "", limit=1)).total
        found = await self._store.saved(channel_id, "", limit=total)
        if not found.papers:
            raise UserError(nothing_saved(mine=False, private=False).text)
        papers = [each.paper for each in found.papers]
        return await self._file_text(kind, papers, await self._keys(papers)), len(papers)

    async def _file_text(self, kind: str, papers: Sequence[Paper], keys: Mapping[str, str]) -> str:
        """In a thread: thousands of papers take seconds, in which nobody else should wait."""
        return await asyncio.to_thread(_file_text, kind, papers, keys)

    async def _keys(self, papers: Sequence[Paper]) -> dict[str, str]:
        wanted = await asyncio.to_thread(_key_bases, papers)
        return dict(await self._store.citation_keys(wanted))

    async def forget_me(self, person: Person, *, sure: bool) -> Reply:
        """Delete what the person saved, and their name; unless they are sure, ask them first."""
        if not person.id:
            raise UserError("Only a person on Discord or Slack can be forgotten.")
        if not sure:
            found = await self._store.saved("", person.id, mine=True, limit=1)
            return forget_question(found.total)
        return forgotten_reply(await self._store.forget_person(person, self._clock.now()))


# Whoever only asks for the status does not wait for bibtexparser to be imported.
def _file_text(kind: str, papers: Sequence[Paper], keys: Mapping[str, str]) -> str:
    from bot.text.citations import file_text

    return file_text(kind, papers, keys)


def _key_bases(papers: Sequence[Paper]) -> dict[str, str]:
    from bot.text.citations import key_base

    return {paper.id: key_base(paper) for paper in papers}
