"""One entry of an answer → one paper, or what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bot.arxiv.ids import identify
from bot.arxiv.xml_stream import quoted
from bot.model import Paper
from bot.model.papers import LONGEST_NAME, MOST_AUTHORS

REQUIRED: Final = ("id", "title", "summary", "published", "updated")
OPTIONAL: Final = ("comment", "journal_ref", "doi")

_ABSTRACT_PAGE: Final = re.compile(r"https?://(?:[a-z]+\.)?arxiv\.org/abs/(.+)", re.ASCII)
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(slots=True)
class Entry:
    """What an entry says, gathered while it is read. ``people`` counts authors, ``named`` the
    names among them."""

    number: int
    texts: dict[str, str] = field(default_factory=dict)
    people: int = 0
    named: int = 0
    names: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    primary: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for whoever looks into a refused answer."""
        link = self.texts.get("id", "")
        return f"entry {self.number} ({quoted(link, 100)})" if link else f"entry {self.number}"

    @property
    def error(self) -> str | None:
        """arXiv's message, if this entry is an error and not a paper."""
        link = self.texts.get("id", "")
        return quoted(self.texts.get("summary") or link) if "/api/errors" in link else None

    def keep(self, name: str, text: str) -> None:
        """Keep the text of an element. Raises ValueError if that leaves two meanings."""
        if name not in self.texts:
            self.texts[name] = text
        elif name in REQUIRED:
            raise ValueError(f"{self.place} has two <{name}>")

    def name(self, text: str) -> None:
        """Of an author. Those beyond the most that a paper may have are counted, and not kept."""
        self.named += bool(text)
        if len(self.names) < MOST_AUTHORS:
            self.names.append(text[: LONGEST_NAME + 1])

    def paper(self) -> Paper:
        """The paper. Raises ValueError, with the place, if anything that must be there is not."""
        texts = self.texts
        for name in REQUIRED:
            if name not in texts:
                raise ValueError(f"{self.place} has no <{name}>")
        if not texts["title"]:
            raise ValueError(f"{self.place} has an empty title")
        if not self.categories:
            raise ValueError(f"{self.place} has no <category>")
        if not self.names or self.named != self.people or not all(self.names):
            raise ValueError(f"{self.place} has no author, or one without a name")
        address = _ABSTRACT_PAGE.fullmatch(texts["id"])
        try:
            paper_id, version, serial = identify(address[1] if address else "")
        except ValueError as error:
            raise ValueError(f"the id of {self.place} is not that of a paper") from error
        published = updated = self._time("published")
        if texts["updated"] != texts["published"]:  # it has been revised, which most have not
            updated = self._time("updated")
        if version is None:
            # In every recorded entry "first version" and "published == updated" go together.
            version = 1 if published == updated else 2
        return Paper(
            id=paper_id,
            version=version,
            serial=serial,
            title=texts["title"],
            abstract=texts["summary"],
            authors=tuple(self.names),
            categories=tuple(self.categories),
            primary_category=self.primary or self.categories[0],
            published=published,
            updated=updated,
            url=f"https://arxiv.org/abs/{paper_id}",
            pdf_url=f"https://arxiv.org/pdf/{paper_id}",
            comment=texts.get("comment", ""),
            journal_ref=texts.get("journal_ref", ""),
            doi=texts.get("doi", ""),
        )

    def _time(self, name: str) -> datetime:
        return timestamp(self.texts[name], f"<{name}> of {self.place}")


def timestamp(text: str, place: str) -> datetime:
    """A time with its zone, as UTC. Raises ValueError with the place."""
    try:
        if _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{place} is not a time: {text!r}") from error
    raise ValueError(f"{place} is not a time: {text[:40]!r}")
