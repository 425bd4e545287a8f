"""Values for tests, with everything filled in that the test does not care about."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.model import Paper
from tests.fakes import START


def paper(
    number: int,
    title: str = "A study of reward models",
    *,
    published: datetime | None = None,
    month: str = "2603",
    **fields: object,
) -> Paper:
    """An invented paper; ``number`` gives its id, its serial and, by default, its submission."""
    paper_id = f"{month}.{number:05d}"
    published = published or START - timedelta(days=2) + timedelta(minutes=number)
    values: dict[str, object] = {
        "id": paper_id,
        "version": 1,
        "serial": int(month) * 10**7 + number,
        "title": title,
        "abstract": "We look at what happens.",
        "authors": ("Ada Example", "Ben Sample"),
        "categories": ("cs.LG",),
        "primary_category": "cs.LG",
        "published": published,
        "updated": published,
        "url": f"https://arxiv.org/abs/{paper_id}",
        "pdf_url": f"https://arxiv.org/pdf/{paper_id}",
    }
    return Paper(**(values | fields))  # type: ignore[arg-type]
