"""How many keywords people may follow from the chat, what they may call them, and the sentences
that say so.

Whoever hosts the bot sets the figures (``[limits]``), and is not limited by them in ``bot.toml`` or
at the command line. The defaults below are those of ``bot.toml``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import UserError
from bot.model.subscriptions import MAX_KEYWORD_NAME_LENGTH, Keyword
from bot.references import refer_to, without_references
from bot.text import clean, plural


def keyword_name(written: str) -> str:
    """What a keyword is to be called, as it is shown. Raises UserError for a name that is too long,
    or of which nothing is left without invisible characters."""
    name = clean(without_references(written))
    if not name:
        raise UserError("A name needs at least one character that can be seen.")
    if len(name) > MAX_KEYWORD_NAME_LENGTH:
        raise UserError(
            f"A name has at most {MAX_KEYWORD_NAME_LENGTH} characters, and this one has"
            f" {len(name)}. Please choose a shorter one."
        )
    return name


class KeywordWords:
    """The words by which people mean the keywords of a channel, in whatever case.

    No name may be another keyword's name or text. An index, because a file may have thousands of
    keywords, and each is to be compared with all others.
    """

    def __init__(self, keywords: Iterable[Keyword] = ()) -> None:
        self._named: dict[str, Keyword] = {}
        self._written: dict[str, Keyword] = {}
        for each in keywords:
            self.add(each)

    def add(self, keyword: Keyword) -> None:
        if keyword.name:
            self._named.setdefault(keyword.name.casefold(), keyword)
        self._written.setdefault(keyword.text.casefold(), keyword)

    def twin_of(self, keyword: Keyword) -> Keyword | None:
        """One that the same words would mean as this keyword, which is not among them."""
        if keyword.name:
            name = keyword.name.casefold()
            if twin := self._named.get(name) or self._written.get(name):
                return twin
        return self._named.get(keyword.text.casefold())


@dataclass(frozen=True, slots=True)
class Limits:
    """``keyword_length`` in characters; ``commands_per_minute`` are those of one person."""

    keywords_per_channel: int = 100
    keywords_per_server: int = 500
    keywords_per_person: int = 20  # that they follow for themselves
    keyword_length: int = 200
    commands_per_minute: int = 20

    def check_keyword(self, text: str) -> None:
        """Raises UserError for a keyword that is too long."""
        if len(text) > self.keyword_length:
            raise UserError(
                f"This keyword has {len(text)} characters, and {self.keyword_length} are the most."
                " Could you say it shorter? Two keywords often do better than a long one."
            )

    def check_mutes(self, in_channel: int) -> None:
        """Raises UserError where one more mute is too many: as many as keywords."""
        if in_channel >= self.keywords_per_channel:
            raise UserError(
                f"At most {plural(self.keywords_per_channel, 'mute')} can be set here, and there"
                f" are {in_channel} already. End one that hides little, and try again:"
                f" {refer_to('list')}"
            )

    def check_room(self, in_channel: int, in_server: int) -> None:
        """Raises UserError where one more keyword is too many; a server counts as 0 if unknown."""
        if in_channel >= self.keywords_per_channel:
            raise UserError(
                f"This channel follows {in_channel} keywords already, which is as many as it may."
                f" Remove one that brings little, and try again: {refer_to('list')}"
            )
        if in_server >= self.keywords_per_server:
            raise UserError(
                f"The channels here follow {in_server} keywords together, which is as many as they"
                " may. Remove one that brings little, or ask whoever hosts the bot for more."
            )

    def check_room_of_person(self, in_conversation: int, of_person: int) -> None:
        """Raises UserError where one more keyword is too many for somebody who follows them for
        themselves: there, and in all conversations of theirs with the bot."""
        if max(in_conversation, of_person) >= self.keywords_per_person:
            raise UserError(
                f"One person may follow at most {plural(self.keywords_per_person, 'keyword')} for"
                f" themselves, and you follow {max(in_conversation, of_person)} already. Remove one"
                f" that brings little, and try again: {refer_to('list')}"
            )
