"""Replies to people, for any platform to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from bot.model.posts import Entry


class Choice(NamedTuple):
    """One of several things to choose from: ``label`` is what people read, of any length; ``value``
    is an ASCII text of at most 60 characters that stands for it."""

    label: str
    value: str


class Offer(NamedTuple):
    """A button: pressing it has the same effect as typing ``words``.

    ``words`` is a command of at most 95 ASCII characters (``remove #1f2e3d4c5b6a``), so that it
    fits into the button itself, and the button works after a restart without being stored. ``add``
    alone opens the platform's form for a keyword.
    """

    label: str
    words: str


class Menu(NamedTuple):
    """A menu in which people choose up to ``most`` of at most 25 ``choices``: that has the same
    effect as typing ``words``, followed by the values of the choices.

    The same can be done one by one with the buttons of the rows, so a platform without such menus
    leaves it out.
    """

    label: str
    words: str
    choices: tuple[Choice, ...]
    most: int = 1


class Row(NamedTuple):
    """One line of a list, with the buttons that belong to it."""

    text: str
    detail: str = ""
    offers: tuple[Offer, ...] = ()


class Section(NamedTuple):
    """A part of a longer text, with a heading. Each line is a paragraph."""

    heading: str
    text: str


class TextFile(NamedTuple):
    """A text file for nobody but the person who asked."""

    name: str
    text: str


class Bars(NamedTuple):
    """A group of bars, the first one on top: the label of each, its length, and the text beside
    it."""

    title: str
    labels: Sequence[str]
    values: Sequence[float]
    said: Sequence[str]


class Picture(NamedTuple):
    """A PNG, and what it shows in words, for those who can't see it (alternative text)."""

    name: str
    data: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a command, for any platform to show privately to the person who asked.

    Shown in this order: ``text``, ``code`` (to be copied as it is), ``rows``, ``entries`` (papers),
    ``sections``, ``menu``, ``offers``; with ``file`` attached. A platform that can show pictures
    shows ``picture`` in place of the sections, or, if it draws charts itself, ``charts``, which are
    the same bars. ``announcement`` is one line for the whole channel about a change, or empty;
    ``is_quiet``: the channel has turned announcements off. ``report`` is the same reply for other
    programs (``bot.chat.reports``), ``None`` if the command line has no such command. ``times`` are
    the times in the text, by how they are written there, for platforms that show times in each
    reader's own format.
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


class SettingValue(NamedTuple):
    """A channel's setting: the value in force, where it comes from (``channel``, ``bot.toml`` or
    ``default``), and the value that applies if the channel sets none (``usual``)."""

    value: str
    source: str
    usual: str


class ChannelPanel(NamedTuple):
    """One channel on a person's home page. The rows of ``reply`` are the channel's keywords; all
    buttons are about this channel."""

    channel_id: str
    reply: Reply


class Home(NamedTuple):
    """One page (``page`` of ``pages``, counted from 1) of a person's home. ``reply`` says how the
    bot is, ``panels`` are the channels on this page."""

    reply: Reply
    panels: tuple[ChannelPanel, ...] = ()
    page: int = 1
    pages: int = 1


class Finding(NamedTuple):
    """The result of one thing that ``check`` looked at. ``remedy`` says what to do if it is not
    ``ok``."""

    subject: str
    ok: bool
    text: str
    remedy: str = ""
