"""Reads ``bot.toml`` and the environment once into a frozen ``Config``; reports every mistake.

The only module that reads the environment. Secrets come from there (or from a file that it names)
and never from ``bot.toml``. Nothing here watches or writes the file (``bot.sync`` does), opens a
connection, or checks whether a token works (``bot.monitoring.checks`` does). The keys, with their
ranges and defaults, are in ``keys``, and explained in ``docs/configuration.md``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.arxiv.calendar import AnnouncementCalendar
from bot.config import keys as config_keys
from bot.config import toml_source
from bot.config.channels import platforms_of_blocks, read_channels
from bot.config.keys import SECTIONS, Mistakes, check_table, join, line_numbers
from bot.config.network import KEY_LOG, read_network
from bot.config.readers import InvalidValue
from bot.config.readers import contact as read_contact
from bot.config.secrets import (
    SECRET_KEY,
    SECRETS,
    Secret,
    encryption_keys,
    read_database_url,
    read_secrets,
    variables,
    with_token,
)
from bot.config.timezones import from_environment
from bot.config.toml_source import FileUnreadable, InvalidToml
from bot.core.channel_settings import CHANNEL_SETTINGS, CatchUp, PostingDays
from bot.core.limits import Limits
from bot.errors import ConfigError
from bot.model.snapshots import Snapshot
from bot.network import Network


class BotConfig(NamedTuple):
    """``data`` is the folder of the database, absolute. bot.toml shows all channels as long as
    there are at most ``mirror``. ``personal`` says who may follow keywords for themselves:
    ``members`` (of servers and workspaces that the bot is in), ``anyone`` or ``off``."""

    timezone: ZoneInfo
    data: Path
    mirror: int
    personal: str


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """When and how channels are posted to that have no settings of their own.

    ``written`` are the keys that the file sets; the others have their defaults.
    """

    post_at: time
    days: PostingDays
    catch_up: CatchUp
    first_post: int
    in_full: int
    written: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def values(self) -> dict[str, str]:
        """The values for channels without a setting of their own, as they are written."""
        return {
            name: setting.writer(getattr(self, name))
            for name, setting in CHANNEL_SETTINGS.items()
            if setting.in_schedule
        }


class ArxivConfig(NamedTuple):
    """``contact`` may be empty only if no address is arXiv's own; ``interval`` is in seconds.

    ``oai_url`` is empty if nothing is harvested; ``plan`` is ``auto``, ``union`` or ``harvest``.
    ``holidays`` are evenings without an announcement, besides those that this version knows.
    """

    contact: str
    url: str
    oai_url: str
    plan: str
    interval: float
    holidays: frozenset[date]


class DeliveryConfig(NamedTuple):
    """``settling``: seconds that a platform may take to store a message of unknown outcome."""

    settling: float


class PlatformConfig(NamedTuple):
    """A platform that is on: the keys of its section, and its tokens by name.

    There are no tokens only if the configuration was loaded without secrets.
    """

    options: Mapping[str, Any]
    secrets: Mapping[str, Secret]

    def reveal(self, name: str) -> str:
        """The token of that name, for the platform's adapter alone."""
        return self.secrets[name].reveal()


class LogConfig(NamedTuple):
    """``format`` is ``text`` or ``json``."""

    format: str


@dataclass(frozen=True, slots=True)
class ZoteroConfig:
    """``api_url`` is the address of Zotero's Web API, or of a server with the same API."""

    api_url: str


class HealthConfig(NamedTuple):
    """``listen`` is host and port, or ``None`` to open no port; ``ping_url`` may be empty."""

    listen: tuple[str, int] | None
    ping_url: str


class PageConfig(NamedTuple):
    """``path`` is the Markdown page's, absolute; the other files are beside it. ``channels`` are
    those whose keywords are shown; empty: those that a person wrote into bot.toml. ``base_url`` is
    the folder's address on the web, ending in a slash, or empty. ``listen`` is host and port, or
    ``None`` to open no port."""

    path: Path
    channels: tuple[str, ...] = ()
    papers_per_section: int = 100
    base_url: str = ""
    listen: tuple[str, int] | None = None

    @property
    def html(self) -> Path:
        """The HTML page."""
        return self.path.with_suffix(".html")

    @property
    def feed(self) -> Path:
        """The feed of all keywords."""
        return self.path.with_suffix(".xml")

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """All but the feeds of single keywords."""
        return self.path, self.html, self.feed

    @property
    def feeds(self) -> Path:
        """The folder with a feed for each keyword."""
        return self.path.with_suffix("")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a person configured. ``platforms`` holds those that are on, by name: they have a
    token or a section. (A section without a token is a mistake if secrets are needed.)

    ``channels`` is what the file says; the database decides (``bot.sync``). ``database_url`` is the
    address of a PostgreSQL database; ``None``: it is a SQLite file in the data folder. ``network``
    is how every client connects; ``warnings`` say what in the environment was ignored.
    """

    path: Path
    bot: BotConfig
    schedule: ScheduleConfig
    arxiv: ArxivConfig
    delivery: DeliveryConfig
    limits: Limits
    log: LogConfig
    zotero: ZoteroConfig
    health: HealthConfig | None
    platforms: Mapping[str, PlatformConfig]
    page: PageConfig | None
    channels: Snapshot
    database_url: Secret | None
    network: Network
    warnings: tuple[str, ...]
    secret_key: Secret | None = None

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """The keys for what is stored encrypted, the newest first; empty if ``SECRET_KEY`` is not
        set."""
        return () if self.secret_key is None else tuple(encryption_keys(self.secret_key.reveal()))

    @property
    def calendar(self) -> AnnouncementCalendar:
        """arXiv's calendar; a server that stands in for arXiv is not bound to it."""
        return AnnouncementCalendar(self.arxiv.holidays, binding=_is_arxivs(self.arxiv.url))

    def shared_settings(self) -> dict[str, str]:
        """The settings that have to be the same in all processes that share a database, by key,
        without secrets."""
        slack = self.platforms.get("slack")
        sections: dict[str, Mapping[str, Any]] = {
            "slack": slack.options if slack else {},
            "schedule": self.schedule.values
            | {"first_post": self.schedule.first_post, "in_full": self.schedule.in_full},
            "limits": asdict(self.limits),
            "bot": {"personal": self.bot.personal, "timezone": str(self.bot.timezone)},
            "arxiv": {"holidays": [str(day) for day in sorted(self.arxiv.holidays)]},
            "zotero": asdict(self.zotero),
        }
        return {
            f"{section}.{key}": repr(value)
            for section, values in sections.items()
            for key, value in values.items()
            if key not in {"listen", "public_url"}  # each machine's own
        }

    def private_addresses(self) -> tuple[str, ...]:
        """Addresses that may contain a password or a secret path."""
        own = self.platforms.get("discord")
        pinged = self.health.ping_url if self.health else ""
        proxy = own.options.get("proxy", "") if own else ""
        database = self.database_url.reveal() if self.database_url else ""
        return tuple(filter(None, (*self.network.proxies.values(), proxy, pinged, database)))


def environment() -> Mapping[str, str]:
    """The process's environment, for ``load``.

    Takes ``SSLKEYLOGFILE`` out of it for the rest of the process, which has to happen before
    aiohttp is imported: its import fails where that file can't be written (aiohttp 3.14, measured).
    """
    environ = dict(os.environ)
    os.environ.pop(KEY_LOG, None)
    return environ


def load(
    path: Path, environ: Mapping[str, str], *, need_secrets: bool, needs_contact: bool = True
) -> Config:
    """Read the file and, if the command needs them, the secrets of the platforms that are on.

    ``ARXIV_CONTACT`` and ``TZ`` fill what the file leaves out. Only a command that queries arXiv
    needs a contact. Raises ConfigError with every mistake: in the file by line and TOML path, in
    the environment by name.
    """
    text = toml_source.decode(toml_source.read_bytes(path), path)
    return _build(text, path, environ, need_secrets=need_secrets, needs_contact=needs_contact)


def check(text: str, path: Path) -> Config:
    """What this text would mean as the file at ``path``, without secrets and without a contact.

    Raises ConfigError.
    """
    return _build(text, path, {}, need_secrets=False, needs_contact=False)


def read_channel_file(path: Path, config: Config) -> Snapshot:
    """The ``[[channels]]`` of another file, checked like those of the bot's own. The other sections
    that it may have are ignored. Raises ConfigError with every mistake."""
    try:
        text = toml_source.decode(toml_source.read_bytes(path), path)
        document = toml_source.parse(text)
    except FileUnreadable as error:  # its hints are about the bot's own file
        raise ConfigError(
            str(path), tuple(replace(each, hint="") for each in error.mistakes)
        ) from error
    except InvalidToml as error:
        raise ConfigError(str(path), (error.mistake,)) from error
    mistakes = Mistakes()
    _check_names(document, mistakes)
    channels = read_channels(document, text, mistakes)
    slack = config.platforms.get("slack")
    _check_workspaces(channels, slack.options if slack else None, mistakes)
    _check_platforms(platforms_of_blocks(document), config.platforms, mistakes)
    if mistakes.found:
        raise ConfigError(str(path), tuple(mistakes.listed(line_numbers(text))))
    return channels


def _build(
    text: str, path: Path, environ: Mapping[str, str], *, need_secrets: bool, needs_contact: bool
) -> Config:
    try:
        file = _read_text(text)
    except InvalidToml as error:
        raise ConfigError(str(path), (error.mistake,)) from error
    in_file = Mistakes(found=[*file.mistakes.found], left_out=file.mistakes.left_out)
    in_environment = Mistakes(environment=True)
    tables = {**file.tables, "bot": {**file.tables["bot"]}, "arxiv": {**file.tables["arxiv"]}}
    for platform in with_token(environ) - tables.keys():
        tables[platform] = check_table(platform, {}, SECTIONS[platform], Mistakes())
    if needs_contact and _reaches_arxiv(tables["arxiv"]):
        _fill_in_contact(tables["arxiv"], environ, in_file, in_environment)
    secrets = {}
    if need_secrets:
        secrets = read_secrets(tables, environ, in_environment)
        _check_platforms(file.platforms, tables, in_file)
    database_url = read_database_url(environ, in_environment)
    if in_file.found or in_environment.found:
        mistakes = [*in_file.listed(line_numbers(text)), *in_environment.listed({})]
        raise ConfigError(str(path), tuple(mistakes))

    network, warnings = read_network(environ)
    if tables["bot"]["timezone"] is None:
        tables["bot"]["timezone"], warning = from_environment(environ)
        warnings += (warning,) if warning else ()
    return Config(
        path=path,
        channels=file.channels,
        database_url=database_url,
        network=network,
        warnings=warnings,
        secret_key=secrets.get(SECRET_KEY),
        **_typed(tables, file.schedule_keys, secrets, path.absolute().parent),
    )


class _FileContents(NamedTuple):
    """What a text says by itself, independent of the command, the folder and the environment.

    ``tables`` are the values of every section that is present or always on. ``schedule_keys`` are
    the keys that [schedule] sets. ``platforms`` are those of the [[channels]] blocks, by the path
    of their id.
    """

    tables: Mapping[str, dict[str, Any]]
    schedule_keys: frozenset[str]
    channels: Snapshot
    platforms: Mapping[str, str]
    mistakes: Mistakes


# Cached because a start loads the file and then synchronises the same text, and because each change
# of the file reads the text that the change before it wrote, and checks its own.
@lru_cache(maxsize=2)
def _read_text(text: str) -> _FileContents:
    """Raises InvalidToml."""
    document = toml_source.parse(text)
    mistakes = Mistakes()
    tables = _sections(document, mistakes)
    _check_arxiv(tables["arxiv"], mistakes)
    channels = read_channels(document, text, mistakes)
    _check_workspaces(channels, tables.get("slack"), mistakes)
    schedule = document.get("schedule")
    given = frozenset(schedule if isinstance(schedule, dict) else ())
    return _FileContents(tables, given, channels, platforms_of_blocks(document), mistakes)


def _typed(
    tables: Mapping[str, dict[str, Any]],
    schedule_keys: frozenset[str],
    secrets: Mapping[str, Secret],
    folder: Path,
) -> dict[str, Any]:
    """The sections as the values of ``Config``; relative paths are relative to ``folder``."""
    typed: dict[str, Any] = {
        "bot": BotConfig(
            tables["bot"]["timezone"],
            folder / tables["bot"]["data"],
            tables["bot"]["mirror"],
            tables["bot"]["personal"],
        ),
        "schedule": ScheduleConfig(**tables["schedule"], written=schedule_keys),
        "arxiv": ArxivConfig(**tables["arxiv"]),
        "delivery": DeliveryConfig(**tables["delivery"]),
        "limits": Limits(**tables["limits"]),
        "log": LogConfig(**tables["log"]),
        "zotero": ZoteroConfig(**tables["zotero"]),
        "health": None,
        "platforms": {
            name: PlatformConfig(
                tables[name],
                {each: secrets[each] for each in variables(name, tables[name]) if each in secrets},
            )
            for name in SECRETS
            if name in tables
        },
        "page": None,
    }
    if health := tables.get("health"):
        typed["health"] = HealthConfig(health["listen"] or None, health["ping_url"])
    if page := tables.get("page"):
        place, listen = folder / page["path"], page["listen"] or None
        typed["page"] = PageConfig(**{**page, "path": place, "listen": listen})
    return typed


CONTACT = "ARXIV_CONTACT"  # the variable that stands for [arxiv] contact
OAI_URL = "https://oaipmh.arxiv.org/oai"
# Sections that are in force even if the file lacks them; each other one switches something on.
_ALWAYS_ON = ("bot", "schedule", "arxiv", "delivery", "limits", "log", "zotero")


def _sections(document: Mapping[str, object], mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    """The values of every section that is present or always on, by name."""
    _check_names(document, mistakes)
    tables = {}
    for name, keys in SECTIONS.items():
        table = document.get(name, {} if name in _ALWAYS_ON else None)
        if table is not None and not isinstance(table, dict):
            found = config_keys.kind_of(table)
            mistakes.add(name, f"must be a section, not {found}", f"write [{name}] on its own line")
            table = {}
        if table is not None:
            tables[name] = check_table(name, table, keys, mistakes)
    return tables


def _check_names(document: Mapping[str, object], mistakes: Mistakes) -> None:
    """Add a mistake for each section that does not exist."""
    known = dict.fromkeys([*SECTIONS, "channels"])
    for name, value in document.items():
        if name not in known:
            problem, hint = config_keys.unknown(name, value, known, mistakes)
            mistakes.add(join("", name), problem, hint)


def _is_arxivs(address: str) -> bool:
    return config_keys.belongs_to(urlsplit(address).hostname, config_keys.ARXIV)


def _check_arxiv(arxiv: dict[str, Any], mistakes: Mistakes) -> None:
    """Check what arXiv asks of everybody who uses its own address, and fill in ``oai_url``.

    If another server stands in for arXiv's query API, arXiv's own OAI-PMH is not used beside it
    unless the file names it.
    """
    if arxiv["oai_url"] is None:
        arxiv["oai_url"] = OAI_URL if _is_arxivs(arxiv["url"]) else ""
    if arxiv["plan"] == "harvest" and not arxiv["oai_url"]:
        mistakes.add("arxiv.plan", "needs an address to harvest from", "set oai_url as well")
    least = config_keys.ARXIV_INTERVAL
    if _reaches_arxiv(arxiv) and arxiv["interval"] < least:
        mistakes.add("arxiv.interval", f"must be at least {least} seconds; arXiv asks for it")


def _fill_in_contact(
    arxiv: dict[str, Any],
    environ: Mapping[str, str],
    in_file: Mistakes,
    in_environment: Mistakes,
) -> None:
    """Use the environment's contact if the file has none, and add a mistake if both have none. The
    sample's address counts as none."""
    if "arxiv.contact" in {mistake.path for mistake in in_file.found}:
        return
    given = environ.get(CONTACT, "").strip()
    if arxiv["contact"] and not _is_example(arxiv["contact"]):
        return
    if given:
        try:
            arxiv["contact"] = contact_from(given)
        except InvalidValue as error:
            in_environment.add(CONTACT, error.problem, error.hint)
        return
    problem = "this is still the address of the example" if arxiv["contact"] else "is missing"
    hint = (
        "put your own e-mail or web address there, or set ARXIV_CONTACT: arXiv writes to it before"
        " it locks you out"
    )
    in_file.add("arxiv.contact", f"{problem}; arXiv asks for one", hint)


def contact_from(text: str) -> str:
    """Somebody's own e-mail or web address. Raises InvalidValue."""
    value = read_contact(text)
    if _is_example(value):
        raise InvalidValue("this is still the address of the example", "put your own address there")
    return value


def _check_platforms(
    blocks: Mapping[str, str], tables: Mapping[str, object], mistakes: Mistakes
) -> None:
    """Add a mistake for each platform that a channel needs and that is off."""
    told = set()
    for at, platform in blocks.items():
        if platform in SECRETS and platform not in tables and platform not in told:
            told.add(platform)
            names = " and ".join(SECRETS[platform])
            hint = f"set {names} in the environment, or remove its [[channels]] blocks"
            mistakes.add(at, f"{platform} is off, because it has no token", hint)


def _reaches_arxiv(arxiv: Mapping[str, Any]) -> bool:
    return _is_arxivs(arxiv["url"]) or _is_arxivs(arxiv["oai_url"])


def _check_workspaces(
    channels: Snapshot, slack: Mapping[str, Any] | None, mistakes: Mistakes
) -> None:
    """Check that each Slack channel is in a workspace that has a block. In HTTP mode workspaces
    install the app, and there must be no blocks."""
    if slack and slack["mode"] == "http":
        if slack["workspaces"]:
            hint = "in HTTP mode, workspaces install the app (teams); each then has its own token"
            mistakes.add("slack.workspaces", 'are for mode = "socket"', hint)
        return
    names = (slack and slack["workspaces"]) or ("",)
    for listing in channels.listings:
        platform, _, own = listing.channel.id.partition(":")
        name = own.rpartition("/")[0]
        if platform == "slack" and name not in names:
            problem = f"{listing.channel.id} is in a workspace that has no block"
            known = ", ".join(f"slack:{each}/C…" if each else "slack:C…" for each in names)
            mistakes.add("channels", problem, f"add [[slack.workspaces]], or write {known}")


def _is_example(contact: str) -> bool:
    """Whether the address is at a reserved example domain (RFC 2606). If many bots sent the same
    one, arXiv would refuse them all."""
    host = urlsplit(contact).hostname if "://" in contact else contact.rpartition("@")[2]
    labels = (host or "").lower().split(".")
    return labels[-1] == "example" or labels[-2:-1] == ["example"]
