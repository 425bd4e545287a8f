"""Writes the page: reads what it shows, and lets ``bot.pages`` make and write the files."""

from __future__ import annotations

import asyncio
import logging
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from bot.app.file_sync import FileSync
from bot.config import PageConfig
from bot.ports import Clock, ReportStore

if TYPE_CHECKING:
    from bot.pages.contents import PageContents

# Papers of all sections together: some ten megabytes of HTML, which a phone still opens. With many
# keywords each section is shorter than papers_per_section.
MAX_PAPERS_ON_PAGE: Final = 5000

log = logging.getLogger(__name__)


class PageWriter:
    """Decides neither what is new nor what the page looks like."""

    def __init__(
        self, store: ReportStore, file_sync: FileSync, clock: Clock, timezone: tzinfo
    ) -> None:
        self._store = store
        self._file_sync = file_sync
        self._clock = clock
        self._timezone = timezone

    async def write(self, page: PageConfig) -> bool:
        """Write what changed of the page; whether anything did.

        Shows the keywords of the channels that are configured, or else of those that a person
        wrote into bot.toml: what others follow elsewhere is not published unasked. Raises UserError
        if a file can't be written, StoreError.
        """
        channel_ids = page.channels or await self._file_sync.own_channels()
        sections = await self._store.page(channel_ids, page.papers_per_section, MAX_PAPERS_ON_PAGE)
        if not sections:
            log.warning(
                "the page is empty why=%s remedy=%s",
                "none of the channels that it shows follows a keyword",
                "name others in [page] channels",
            )
        from bot.pages.contents import PageContents  # not before a page is written

        today = self._clock.now().astimezone(self._timezone).date()
        contents = PageContents(
            tuple(sections), today, page.papers_per_section, page.path.stem, page.base_url
        )
        return await asyncio.to_thread(_write, page, contents)


def _write(page: PageConfig, contents: PageContents) -> bool:
    """The Markdown page, the HTML page, and the feeds: of all keywords, and of each."""
    from bot.pages import feed, files, html, markdown

    changed = [
        files.write(page.path, markdown.render(contents)),
        files.write(page.html, html.render(contents)),
        files.write(page.feed, feed.render_all(contents)),
    ]
    feeds = {
        f"{slug}.xml": feed.render_keyword(contents, section, slug)
        for section, slug in zip(contents.sections, contents.slugs, strict=True)
    }
    return any([*changed, files.write_folder(page.feeds, feeds, is_ours=feed.is_ours)])
