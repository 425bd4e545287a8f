"""What people are answered, for any platform to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.posts import Entry


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things to choose from: what people read, of any length, and the ASCII text of
    at most 60 characters that stands for it."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A button: pressing it is saying ``words``.

    ``words`` is a command in at most 95 ASCII characters (``remove #1f2e3d4c5b6a``), so that a
    button can carry it, and outlives a restart without anybody remembering it. ``add`` alone opens
    the platform's form for a keyword.
    """

    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu in which up to ``most`` of at most 25 ``choices`` are chosen: choosing is saying
    ``words`` with the choices' values behind them.

    What it does can be done one by one with the buttons of the rows: a platform without such menus
    leaves it out.
    """

    label: str
    words: str
    choices: tuple[Choice, ...]
    most: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list, with the buttons that belong to it."""

    text: str
    detail: str = ""
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a longer text, below a heading of its own. Each line is a paragraph."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file for whoever asked, alone."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """One group of bars, the first one on top: labels, lengths, and what is written beside each."""

    title: str
    labels: Sequence[str]
    values: Sequence[float]
    said: Sequence[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and what it shows in words, for those who can't see it."""

    name: str
    data: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command answers, for any platform to show privately to the person who asked.

    Shown in this order: ``text``, ``code`` (to be copied, as it is), ``rows``, ``entries``
    (papers), ``sections``, ``menu``, ``offers``; with ``file`` beside them. A ``picture`` is shown
    in place of the sections where the platform can, or the ``charts``, which are the same bars,
    where it draws some itself. ``announcement`` is one line for the whole
    channel (a change was made), or empty; ``is_quiet``: the channel wants to be told none.
    ``report`` is the same answer for other programs (``bot.chat.reports``), ``None`` where the
    command line has no such command. ``times`` are the times that the text names, by the words in
    which it does, for platforms that show a time in the reader's own way.
    """

    text: str
    sections: tuple[Section, ...] = ()
    rows: tuple[Row, ...] = ()
    entries: tuple[Entry, ...] = ()
    menu: Menu | None = None
    offers: tuple[Offer, ...] = ()
    announcement: str = ""
    is_quiet: bool = False
    report: object | None = None
    times: Mapping[str, datetime] = field(default_factory=dict)
    code: str = ""
    file: TextFile | None = None
    picture: Picture | None = None
    charts: tuple[Bars, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingValue:
    """A channel's setting: the value in force, where it comes from (``channel``, ``bot.toml`` or
    ``default``), and the value that is in force where the channel sets none."""

    value: str
    source: str
    usual: str


@dataclass(frozen=True, slots=True)
class ChannelPanel:
    """One channel on a person's home page. The rows of ``reply`` are its keywords; its offers, and
    those of the rows, are about this channel."""

    channel_id: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Home:
    """A person's home page: ``reply`` says how the bot stands, ``panels`` are the channels of this
    page, ``page`` of ``pages``, both counted from 1."""

    reply: Reply
    panels: tuple[ChannelPanel, ...] = ()
    page: int = 1
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``check`` looked at. ``remedy`` says what to do where it is not ``ok``."""

    subject: str
    ok: bool
    text: str
    remedy: str = ""
