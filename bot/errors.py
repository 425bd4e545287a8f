"""Every error that the bot raises on purpose, named by what the caller should do.

::

    BotError
    ├─ ConfigError          bot.toml or the environment is wrong; nothing starts
    ├─ UserError            shown to the person, as it is
    │  └─ NotAllowed           likewise; they may not do it, however they word it
    ├─ SourceError          the run is incomplete
    │  ├─ SourceThrottled     wait, then one trial request
    │  ├─ SourceDown          try again later
    │  ├─ SourceGarbled       keep a sample, try again later
    │  │  └─ KeywordRefused     the same; or another wording is needed
    │  └─ SourceNotAsked      a fault of this machine; the source is not to blame
    ├─ SendError
    │  ├─ TryLater            certainly not delivered: send again
    │  │  └─ ServiceBusy         likewise, and everything else for that service waits too
    │  ├─ LibraryRefused      pause the connection to this library with this reason
    │  ├─ OutcomeUnknown      perhaps delivered: find() before sending again
    │  ├─ CannotTell          find() cannot know: hold for a person
    │  ├─ ChannelRefused      pause the channel with this reason
    │  │  └─ ChannelGone         archive it: it does not exist any more
    │  └─ PostRefused         this message is faulty: dead
    ├─ PlatformError        a platform as a whole, whatever the channel
    │  ├─ PlatformDown        connect again after a while
    │  └─ PlatformRefused     it does not let us in: a person must fix that
    ├─ SecretUnreadable     a stored secret can't be used; its owner has to provide it again
    ├─ GaveUp               the service ends, so that its supervisor starts it again
    └─ StoreError
       ├─ StoreBusy           another process holds the database
       ├─ StoreUnavailable    its server can't be reached now: wait
       ├─ LeaseLost           another process has taken over the role
       ├─ SchemaTooNew        written by a newer version of the bot
       └─ StoreBroken         disk full, not writable, or damaged

An exception of a library is translated where it enters, and the cause is kept (``raise … from``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from bot.redaction import redacted


class BotError(Exception):
    """The root. Its text is a sentence that can be shown to the person who hosts the bot.

    It never contains a token, even if it quotes an answer that does.
    """

    def __str__(self) -> str:
        return redacted(super().__str__())


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in the configuration: its TOML path, what is wrong, and what to do.

    ``line`` is the line in the file, from 1; ``None`` if the mistake has no line. With
    ``environment`` it is a mistake in the environment, and the path is a variable's name.
    """

    path: str
    problem: str
    hint: str = ""
    line: int | None = None
    environment: bool = False

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{line}{path}{self.problem}{hint}"


class ConfigError(BotError):
    """The configuration is wrong. The text lists every mistake, those in the file and those in the
    environment each under a heading; ``where`` is the file."""

    def __init__(self, where: str, mistakes: tuple[Mistake, ...]) -> None:
        self.where = where
        self.mistakes = mistakes
        in_file = [mistake for mistake in mistakes if not mistake.environment]
        in_environment = [mistake for mistake in mistakes if mistake.environment]
        super().__init__(
            "\n".join(
                line
                for place, some in ((where, in_file), ("environment", in_environment))
                if some
                for line in [f"{place}:", *(f"  {mistake}" for mistake in some)]
            )
        )


class UserError(BotError):
    """A person wants something that can't be done; the text tells them what to do instead.

    ``position`` is the 0-based place of the mistake in what they typed, where there is one.
    """

    def __init__(self, text: str, position: int | None = None) -> None:
        self.position = position
        super().__init__(text)


class NotAllowed(UserError):
    """This person may not do this, however they word it."""


class NoteKind(StrEnum):
    """Why a fetch was not complete, or what else an operator should know about it."""

    THROTTLED = "throttled"  # the source asks us to wait; we do
    DOWN = "down"  # no answer, or a server error
    LOCAL = "local"  # a fault of this machine; no request was sent
    GARBLED = "garbled"  # an answer that is not what was requested
    SHORT = "short"  # papers that must be there are not
    STALE = "stale"  # an answer of another day
    UNSORTED = "unsorted"  # harmless for a whole window, fatal for "the newest"
    REFUSED = "refused"  # the source does not understand one keyword
    LATE = "late"  # complete, but the announcement of the evening before is not in it
    HOLES = "holes"  # announced, as their numbers show, but not available yet
    BEHIND = "behind"  # still catching up with what was announced, over several runs

    @property
    def blocks_source(self) -> bool:
        """Whether no other request of the same run makes sense: the source asks us to wait, or this
        machine can't send any."""
        return self in (NoteKind.THROTTLED, NoteKind.LOCAL)


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a fetch, in a sentence. ``sample`` is the start of the answer."""

    kind: NoteKind
    text: str
    keyword: str = ""
    sample: bytes = b""


class SourceError(BotError):
    """A source did not give an answer that can be used. ``sample`` is the start of what it gave."""

    kind: ClassVar[NoteKind] = NoteKind.DOWN

    def __init__(self, text: str, *, sample: bytes = b"", requests: int = 0) -> None:
        self.sample = sample
        self.requests = requests
        super().__init__(text)

    def note(self, keyword: str = "") -> Note:
        """This error as a note on a fetch; about one keyword, if its canonical form is given."""
        return Note(self.kind, str(self), keyword, self.sample)


class SourceThrottled(SourceError):
    """The source wants to be left alone until ``until``."""

    kind = NoteKind.THROTTLED

    def __init__(
        self, text: str, *, until: datetime, sample: bytes = b"", requests: int = 0
    ) -> None:
        self.until = until
        super().__init__(text, sample=sample, requests=requests)


class SourceDown(SourceError):
    """No answer: refused, reset, timed out, or a server error."""


class SourceGarbled(SourceError):
    """The answer is not what was requested. Never to be read as "no papers"."""

    kind = NoteKind.GARBLED


class KeywordRefused(SourceGarbled):
    """The source does not understand a keyword; or it does not understand anything at the moment,
    which can't be told from one answer."""


class SourceNotAsked(SourceError):
    """Something on this machine kept us from making the request: a file, a lock, a limit.

    Says nothing about the source, and trying another of its services would not help.
    """

    kind = NoteKind.LOCAL


MAX_RETRY_SECONDS: Final = 24 * 3600.0


def _at_most_a_day(seconds: float | None) -> float | None:
    """The seconds, limited to a day. They come from a header of a platform, which may contain any
    number; an infinite one would delay a post for ever."""
    return None if seconds is None else min(seconds, MAX_RETRY_SECONDS)


class SendError(BotError):
    """A message was not delivered, or perhaps not."""


class TryLater(SendError):
    """Certainly not delivered; send again after ``seconds``, at most a day (``None``: the caller's
    own delay)."""

    def __init__(self, text: str, seconds: float | None = None) -> None:
        self.seconds = _at_most_a_day(seconds)
        super().__init__(text)


class ServiceBusy(TryLater):
    """Nothing else is to be sent to that service before either."""


class LibraryRefused(SendError):
    """A library does not accept papers with this key; the text says why. ``wait``: for so many
    seconds, at most a day, nothing is to be sent to any other library either."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        self.wait = min(wait, MAX_RETRY_SECONDS)
        super().__init__(text)


class OutcomeUnknown(SendError):
    """Perhaps delivered. Ask ``find`` after ``seconds``, at most a day (``None``: the caller's own
    delay)."""

    def __init__(self, text: str, seconds: float | None = None) -> None:
        self.seconds = _at_most_a_day(seconds)
        super().__init__(text)


class CannotTell(SendError):
    """Nobody can say whether the message arrived. It is held for a person."""


class ChannelRefused(SendError):
    """The channel does not take posts from us; the text says why and how to fix it."""


class ChannelGone(ChannelRefused):
    """The channel was deleted, as the platform confirms; the text says so."""


class PostRefused(SendError):
    """This one message is faulty, which is a bug in our rendering. Sending it again won't help."""


class PlatformError(BotError):
    """A platform can't be used, whatever the channel."""


class PlatformDown(PlatformError):
    """No connection, or it was lost. Connect again after a while."""


class PlatformRefused(PlatformError):
    """The platform does not let us in (a wrong token, a missing scope); the text says what to do.

    Trying again changes nothing before a person has fixed it. ``seconds`` is how long it is not to
    be tried at all, at most a day; ``None``: the caller's own delay.
    """

    def __init__(self, text: str, seconds: float | None = None) -> None:
        self.seconds = _at_most_a_day(seconds)
        super().__init__(text)


class SecretUnreadable(BotError):
    """What is kept encrypted can't be decrypted, or belongs to somebody else."""


class GaveUp(BotError):
    """A part of the service failed again and again."""


class StoreError(BotError):
    """The database could not do this; nothing was changed."""


class StoreBusy(StoreError):
    """Another process holds the database."""


class StoreUnavailable(StoreError):
    """The database server does not answer, or takes no more connections: wait, and try again.

    If the connection broke during a commit, that may have succeeded or not.
    """


class LeaseLost(StoreError):
    """This process no longer has the role in which it wanted to record something. Another process
    may have it by now, and will do this itself."""


class SchemaTooNew(StoreError):
    """A newer version of the bot wrote this database."""


class StoreBroken(StoreError):
    """The disk is full, the file is not writable, or it is damaged."""
