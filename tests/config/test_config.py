"""bot.toml and the environment: what they mean, and what is reported where they are wrong."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import tomllib
from contextlib import suppress
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import config
from bot.config import Config
from bot.config.channels import read_channels, writable
from bot.config.keys import CHANNEL_KEYS, MAX_MISTAKES, SECTIONS, Mistakes
from bot.config.new_file import sample
from bot.config.secrets import Secret
from bot.config.toml_source import MAX_FILE_BYTES
from bot.core.channel_settings import (
    CatchUp,
    CatchUpKind,
    PostingDays,
    parse_catch_up,
    parse_channel_id,
    parse_days,
    parse_post_at,
)
from bot.errors import ConfigError, UserError
from tests.calls import calls

ROOT = Path(__file__).resolve().parents[2]
LOCAL = '[arxiv]\nurl = "http://127.0.0.1:8080/api/query"\n'
DISCORD = "discord:11420000000000000"
DISCORD_TOKEN = "MTE0MjAwMDAwMDAwMDAwMDAwMA.GabcdE.0123456789abcdefghijklmnopqrstuvwxyz01"
BOT_TOKEN, APP_TOKEN = "xoxb-123-456-abc", "xapp-1-A1-2-abc"


def load(tmp_path: Path, text: str | bytes, environ: dict[str, str] | None = None) -> Config:
    path = tmp_path / "bot.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return config.load(path, environ or {}, need_secrets=environ is not None)


def mistakes(tmp_path: Path, text: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
    """The mistakes as they are shown, without the first line, which names the file."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ)
    assert caught.value.where == str(tmp_path / "bot.toml")
    return [str(mistake) for mistake in caught.value.mistakes]


def places(found: list[str]) -> list[str]:
    """The TOML paths of mistakes, or the names of variables."""
    return [re.sub(r"^line \d+: ", "", mistake).partition(":")[0] for mistake in found]


def channel(keywords: str = '["reward model"]', identity: str = "console:", more: str = "") -> str:
    return f'[[channels]]\nid = "{identity}"\nkeywords = {keywords}\n{more}\n'


# -- what is right --------------------------------------------------------------------------------


def test_a_file_that_says_little_gets_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path, LOCAL + channel())
    assert found.bot.timezone == ZoneInfo("UTC")
    assert found.bot.data == tmp_path
    assert found.schedule.post_at == time(8, 0)
    assert found.schedule.days.weekdays == frozenset(range(5))
    assert found.schedule.catch_up == CatchUp(CatchUpKind.ALL)
    assert found.schedule.first_post == 3
    assert found.arxiv.interval == 3
    assert (found.platforms, found.page) == ({}, None)
    (listing,) = found.channels.listings
    assert listing.channel.id == "console:"
    assert [keyword.text for keyword in listing.keywords] == ["reward model"]


def test_every_key_is_read(tmp_path: Path) -> None:
    text = f"""
        [bot]
        timezone = "Europe/Berlin"
        data = "/var/lib/papers"
        [schedule]
        post_at = "9:30"
        days = "sat-mon"
        catch_up = "newest 20"
        first_post = 0
        [arxiv]
        contact = "https://papers.uni-anywhere.edu/about"
        interval = 4.5
        [discord]
        api_url = "http://127.0.0.1:9/api/v10/"
        gateway_url = "ws://127.0.0.1:9"
        [slack]
        api_url = "http://127.0.0.1:9/api"
        [zotero]
        api_url = "http://127.0.0.1:9/zotero/"
        [page]
        path = "out/papers.md"
        [[channels]]
        id = "{DISCORD}"
        keywords = []
        post_at = "07:00"
        days = "daily"
        catch_up = "skip"
        layout = "thread"
        group = "keyword"
        mention = "1142000000000000123"
        announce_changes = false
    """
    tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    found = load(tmp_path, text, {"DISCORD_TOKEN": DISCORD_TOKEN, **tokens})
    assert found.bot.data == Path("/var/lib/papers")
    assert found.schedule.post_at == time(9, 30)
    assert found.schedule.days.weekdays == {5, 6, 0}
    assert found.schedule.catch_up.backlog == 20
    assert found.schedule.first_post == 0
    assert found.arxiv.contact == "https://papers.uni-anywhere.edu/about"
    assert found.arxiv.interval == 4.5
    discord, slack = found.platforms["discord"], found.platforms["slack"]
    assert discord.options["api_url"] == "http://127.0.0.1:9/api/v10"
    assert discord.secrets == {"DISCORD_TOKEN": Secret(DISCORD_TOKEN)}
    assert slack.options["api_url"] == "http://127.0.0.1:9/api/"
    assert slack.secrets == {
        "SLACK_BOT_TOKEN": Secret(BOT_TOKEN),
        "SLACK_APP_TOKEN": Secret(APP_TOKEN),
    }
    assert found.zotero.api_url == "http://127.0.0.1:9/zotero"
    assert found.page is not None
    assert found.page.path == tmp_path / "out/papers.md"
    own = found.channels.listings[0].channel
    assert (own.post_at, own.days, own.catch_up, own.layout) == (
        "07:00",
        "daily",
        "skip",
        "thread",
    )
    assert (own.group, own.mention, own.announce_changes) == (
        "keyword",
        "1142000000000000123",
        "false",
    )


def test_paths_are_seen_from_the_file_and_not_from_where_the_bot_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "bot.toml").write_text(LOCAL + '[page]\npath = "papers.md"\n')
    monkeypatch.chdir(tmp_path)
    found = config.load(Path("etc/bot.toml"), {}, need_secrets=False)
    assert found.bot.data == tmp_path / "etc"
    assert found.page is not None
    assert found.page.path == tmp_path / "etc" / "papers.md"


def test_a_byte_order_mark_and_windows_line_ends_are_welcome(tmp_path: Path) -> None:
    text = (LOCAL + channel()).replace("\n", "\r\n").encode("utf-8-sig")
    assert load(tmp_path, text).channels.listings[0].channel.id == "console:"


def test_a_command_without_need_of_secrets_does_not_ask_for_them(tmp_path: Path) -> None:
    found = load(tmp_path, LOCAL + "[discord]\n[slack]\n")
    assert found.platforms["discord"].secrets == {}


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Mon - Fri", {0, 1, 2, 3, 4}),
        ("mon–wed", {0, 1, 2}),
        ("mon,wed,fri", {0, 2, 4}),
        ("monday, wednesday", {0, 2}),
        ("fri-mon", {4, 5, 6, 0}),
        ("sun", {6}),
        ("daily", set(range(7))),
        ("mon-sun", set(range(7))),
        ("mon-tue,sat", {0, 1, 5}),
    ],
)
def test_days_are_understood(text: str, days: set[int]) -> None:
    assert parse_days(text) == PostingDays(frozenset(days))


@pytest.mark.parametrize("text", ["weekly", "Weekly", "mondays", "Mondays"])
def test_weekly_is_on_mondays_and_more_than_mondays_papers(text: str) -> None:
    assert parse_days(text) == PostingDays(frozenset({0}), weekly=True)
    assert parse_days(text) != parse_days("mon")


@pytest.mark.parametrize(
    "text", ["", "mo", "mon-", "-fri", "mon;tue", "mon,,tue", "1-5", "mon fri"]
)
def test_other_words_are_no_days(text: str) -> None:
    with pytest.raises(UserError, match="mon-fri"):
        parse_days(text)


@pytest.mark.parametrize("text", ["24:00", "8", "08:60", "8.00", "08:00:00", "-1:00", "٠٨:٠٠"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="08:00"):
        parse_post_at(text)


def test_catching_up_is_all_or_a_number_or_nothing() -> None:
    assert parse_catch_up("all").backlog is None
    assert parse_catch_up("Newest  20").backlog == 20
    assert parse_catch_up("skip").backlog == 0
    for text in ("newest", "newest 0", "newest -1", "newest many", "20", f"newest {10**9}", "alls"):
        with pytest.raises(UserError):
            parse_catch_up(text)


def test_a_channel_id_is_as_the_platform_writes_it() -> None:
    for text in (
        DISCORD,
        "slack:C0123456789",
        "slack:G01234567",
        "slack:D01234567",
        "slack:a-lab/C0123456789",
        "console:",
    ):
        assert parse_channel_id(text) == text
    for text in ("discord:123", "discord:#general", "slack:c012345678", "slack:", "console:x", ""):
        with pytest.raises(UserError, match="write it like"):
            parse_channel_id(text)
    with pytest.raises(UserError, match=r"one of discord:.*slack:.*console:"):
        parse_channel_id("telegram:12345")


# -- what is wrong --------------------------------------------------------------------------------

WRONG = [
    ("[bot]\ntimezon = 'UTC'", "bot.timezon: is unknown (did you mean timezone?)"),
    ("[boot]\n", "boot: is unknown (did you mean bot?)"),
    ("[bot]\npost_at = '08:00'", "bot.post_at: is unknown here (it belongs below [schedule])"),
    ("colour = 1", "colour: is unknown"),
    ("bot = 3", "bot: must be a section, not a whole number (write [bot] on its own line)"),
    ("[bot]\ndata = 3", "bot.data: must be text in quotes, not a whole number"),
    ("[bot]\ndata = ''", "bot.data: is empty"),
    ("[bot]\ndata = '~/papers'", "bot.data: ~ is not expanded here (write the full path)"),
    ('[bot]\ndata = "a\\u0000b"', "bot.data: contains a character"),
    ("[bot]\ntimezone = 'Europe/Berln'", '(did you mean "Europe/Berlin"?)'),
    ("[bot]\ntimezone = 'berlin'", '(did you mean "Europe/Berlin"?)'),
    ("[bot]\ntimezone = '../../etc/passwd'", "is not a time zone"),
    ("[bot]\ntimezone = 'Europe'", "is not a time zone"),
    ("[schedule]\npost_at = 08:00:00", "schedule.post_at: must be text in quotes, not a time"),
    ("[schedule]\npost_at = '25:00'", 'schedule.post_at: "25:00" is not a time of day'),
    ("[schedule]\ndays = 'weekdays'", 'schedule.days: "weekdays" is not a list of days'),
    (
        "[schedule]\ndays = ['mon', 'tue']",
        'schedule.days: must be text in quotes, not an array (write it in quotes: "mon,tue")',
    ),
    ("[schedule]\ncatch_up = 20", 'not a whole number (write "all", "newest 20" or "skip")'),
    ("[schedule]\npost_at = 8", "not a whole number (write it like 08:00 or 17:30)"),
    (
        "[schedule]\npost_at = 8.30",
        'must be text in quotes, not a number (write it in quotes: "8:30")',
    ),
    ("[schedule]\npost_at = 8.75", "not a number (write it like 08:00 or 17:30)"),
    (
        channel(identity="discord:general", more="layout = 'inline'"),
        'channels[0].layout: "inline" is not a layout; write "digest", "list" or',
    ),
    ("[[channels]]\nid = 1142000000000000000", "(write it like one of discord:1142000000000000000"),
    ("[bot]\ntimezone = 'UTC+2'", "is not a time zone (name a place, like"),
    ("[bot]\ndata = ['xoxb-1-2']", "bot.data: must be text in quotes, not an array"),
    ("[schedule]\ncatch_up = 'some'", "schedule.catch_up:"),
    ("[schedule]\nfirst_post = -1", "schedule.first_post: must be from 0 to 100"),
    ("[schedule]\nfirst_post = true", "must be a whole number, not true or false"),
    ("[schedule]\nfirst_post = '3'", "not text (write it without quotes: 3)"),
    ("[discord]\ncrosspost = 'true'", "not text (write it without quotes: true)"),
    ("[bot]\ntimezone = 'CEST'", '"CEST" is not a time zone (name a place, like "Europe/Berlin"'),
    ("[schedule]\nfirst_post = 2.5", "must be a whole number, not a number"),
    ("[arxiv]\ninterval = nan", "arxiv.interval: must be from 0 to 3600"),
    ("[arxiv]\ninterval = 2", "arxiv.interval: must be at least 3 seconds"),
    ("[arxiv]\n", "arxiv.contact: is missing; arXiv asks for one"),
    (
        "[arxiv]\ncontact = 'mailto:you@example.org'",
        "arxiv.contact: this is still the address of the ex",
    ),
    (
        "[arxiv]\ncontact = 'https://papers.example'",
        "arxiv.contact: this is still the address of the ex",
    ),
    ("[arxiv]\ncontact = 'me'", 'arxiv.contact: "me" is not an e-mail or web address'),
    ('[arxiv]\ncontact = "a@uni.edu\\r\\nX: y"', "is not an e-mail or web address"),
    (
        "[arxiv]\nurl = 'http://export.arxiv.org/api'",
        "arxiv.url: must begin with https:// for arxiv",
    ),
    ("[arxiv]\nurl = 'ftp://127.0.0.1'", "arxiv.url: "),
    ("[arxiv]\nurl = 'https://[::1'", "is not an address"),
    ("[arxiv]\nurl = 'https://me:pw@host/'", "arxiv.url: must not contain a user name or password"),
    ("[discord]\ngateway_url = 'https://x.y'", "discord.gateway_url:"),
    (
        "[zotero]\napi_url = 'http://zotero.example.org'",
        "zotero.api_url: must begin with https://, because people's keys are sent there",
    ),
    ("[zotero]\napi_url = 'https://me:pw@host/'", "zotero.api_url: must not contain a user name"),
    ("[zotero]\napi_key = 'P9NiFoyLeZu2bZNvvuQPDWsd'", "a secret does not belong in this file"),
    ("[discord]\nservers = '1142000000000000000'", "discord.servers: must be an array, not text"),
    (
        "[discord]\nservers = ['my server']",
        'discord.servers: "my server" is not the id of a server',
    ),
    ("[discord]\napi_url = 'http://discord.com/api'", "discord.api_url: must begin with https://"),
    ("[slack]\napi_url = 'https://slack.com/api/?x=1'", "slack.api_url: must end with the path"),
    ("channels = [{id = 'console:', keywords = []}]", "channels: is one array"),
    ("channels = []", "channels: is one array"),
    ("[channels]\nid = 'console:'", "channels: must be [[channels]] blocks, not a table"),
    ("channels = 'x'", "channels: must be [[channels]] blocks, not text"),
    ("[[channels]]\n", "channels[0].id: is missing"),
    ("[[channels]]\n", "channels[0].keywords: is missing"),
    (channel("'x'"), "channels[0].keywords: must be an array, not text"),
    (channel("['a b', 3]"), "channels[0].keywords[1]: must be text in quotes, not a whole number"),
    (channel("['']"), "channels[0].keywords[0]: "),
    (channel("[{ name = 'N' }]"), "channels[0].keywords[0].query: is missing"),
    (channel("[{ query = 'a', nmae = 'N' }]"), "keywords[0].nmae: is unknown (did you mean name?)"),
    (channel("[{ query = 'a', name = 3 }]"), "keywords[0].name: must be text in quotes"),
    (channel("[{ query = 'a', name = ' ' }]"), "keywords[0].name: A name needs at least one"),
    (channel(f"[{{ query = 'a', name = '{'N' * 61}' }}]"), "keywords[0].name: A name has at most"),
    (channel("[{ query = 'a', name = 'xoxb-1' }]"), "keywords[0].name: a secret does not belong"),
    (channel("[{ query = 'xoxb-1' }]"), "keywords[0].query: a secret does not belong"),
    (
        channel("[{ query = 'cat', name = 'N' }, { query = 'dog', name = 'n' }]"),
        'keywords[1].name: another keyword above is called "n", too',
    ),
    (
        channel("['cat', { query = 'dog', name = 'Cat' }]"),
        'keywords[1].name: another keyword above is "cat" (choose another name)',
    ),
    (
        channel("[{ query = 'dog', name = 'Cat' }, 'cat']"),
        'keywords[1]: another keyword above is called "Cat" (choose another name for that one)',
    ),
    (
        channel("[{ query = 'dog', name = 'D' }, { query = 'cat', name = 'DOG' }]"),
        'keywords[1].name: another keyword above is "dog" (choose another name)',
    ),
    (
        channel(more="mute = 'survey'"),
        'channels[0].mute: must be an array, not text (write mute = ["survey"])',
    ),
    (channel(more="mute = [{ query = 'a' }]"), "channels[0].mute[0]: must be text in quotes: a"),
    (channel(more="mute = ['cat', 'cats']"), '"cats" means the same as "cat" above'),
    ("[page]\npath = '.'", "page.path: must name a file"),
    ("[page]\npath = 'out/index.HTML'", "page.path: is the Markdown page"),
    ("[page]\npath = 'papers'", "page.path: is the Markdown page"),
    ("[page]\nbase_url = 'papers.example.org'", "page.base_url: is not an address"),
    ("[page]\nlisten = '8082'", "page.listen: "),
    ("[page]\nchannels = 'console:'", "page.channels: must be an array"),
    ("[page]\nchannels = ['here']", "page.channels: "),
    ("[page]\npapers_per_section = 501", "page.papers_per_section: "),
    (channel(more="layout = 'wide'"), 'channels[0].layout: "wide" is not a layout'),
    (channel(more="days = ''"), "channels[0].days: is empty"),
    (channel(more="keyword = 'x'"), "channels[0].keyword: is unknown (did you mean keywords?)"),
    (channel() * 2, "channels[1].id: console: has a block above already"),
    (
        channel("""['reward model', 'graph', '"Reward Models"']"""),
        "channels[0].keywords[2]: ",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_mistake_says_where_it_is_and_what_to_do(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert any(expected in mistake for mistake in mistakes(tmp_path, text))


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = """
        colour = "red"
        [bot]
        timezone = "Europe/Berln"
        [schedule]
        post_at = "8 o'clock"
        [discord]
        [[channels]]
        id = "discord:7"
        keywords = ["ti:(a", "reward model", ""]
        [[channels]]
        id = "slack:C0123456789"
        keywords = []
        colour = "blue"
    """
    assert places(mistakes(tmp_path, text, {})) == [
        "colour",
        "bot.timezone",
        "schedule.post_at",
        "channels[0].id",
        "channels[0].keywords[0]",
        "channels[0].keywords[2]",
        "channels[1].id",
        "channels[1].colour",
        "arxiv.contact",
        "DISCORD_TOKEN",
    ]


def test_every_mistake_says_its_line(tmp_path: Path) -> None:
    text = """\
colour = "red"
bot.timezone = "Europe/Berln"
[schedule]  # when
post_at = \'\'\'
8 o\'clock\'\'\'
[ arxiv ]
"odd key" = 1
[[slack.workspaces]]
name = "Lab"
[[channels]]
keywords = ["reward model"]
[[channels]]
id = "console:"
keywords = ["reward model", # one
  "]#,", 3,
  "ti:(a",
]
"""
    found = mistakes(tmp_path, text)
    lines = [mistake.partition(": ")[0] for mistake in found]
    expected = [
        ("line 1", "colour"),
        ("line 2", "bot.timezone"),
        ("line 4", "schedule.post_at"),
        ("line 6", "arxiv.contact"),
        ("line 7", 'arxiv."odd key"'),
        ("line 8", "slack.workspaces"),
        ("line 10", "channels[0].id"),
        ("line 15", "channels[1].keywords[1]"),
        ("line 15", "channels[1].keywords[2]"),
        ("line 16", "channels[1].keywords[3]"),
    ]
    assert list(zip(lines, places(found), strict=True)) == expected


def test_what_is_missing_from_the_environment_is_listed_below_it_and_not_below_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(LOCAL + "[discord]\n[bot]\ndata = 3\n")
    with pytest.raises(ConfigError) as both:
        config.load(path, {}, need_secrets=True)
    assert str(both.value).splitlines() == [
        f"{path}:",
        '  line 5: bot.data: must be text in quotes, not a whole number (write it in quotes: "3")',
        "environment:",
        "  DISCORD_TOKEN: is not set; discord needs it"
        " (set it, or set DISCORD_TOKEN_FILE to the path of a file)",
    ]
    path.write_text(LOCAL + "[discord]\n")
    with pytest.raises(ConfigError) as environment:
        config.load(path, {}, need_secrets=True)
    assert str(environment.value).startswith("environment:\n  DISCORD_TOKEN: is not set")


def test_no_advice_repeats_what_it_refuses(tmp_path: Path) -> None:
    """Every example in any advice is either taken, or not advised there."""
    keys = {**{f"[{name}]": each for name, each in SECTIONS.items()}, "[[channels]]": CHANNEL_KEYS}

    def advice(section: str, name: str, value: str) -> str:
        more = "" if section != "[[channels]]" or name == "id" else 'id = "console:"\n'
        text = f"{section}\n{more}{name} = {value}\n"
        try:
            config.check(text, tmp_path / "bot.toml")
        except ConfigError as error:
            about = [each for each in error.mistakes if each.path.endswith(f".{name}")]
            return " ".join(f"{each.problem.partition(';')[2]} {each.hint}" for each in about)
        return ""

    def examples_in(text: str) -> set[str]:
        found = re.findall(r'(?<!\[)\[(?!\[)[^\]]*\]|"[^"]+"|\w+(?:[-:,]\w+)+', text)
        return {each.strip('"') for each in found}

    wrong = ["3", "true", "[]", "[3]", "08:00:00", "2027-01-01", '""', '"?"', '"a b"', "-1", "1e9"]
    names = [(section, name) for section, each in keys.items() for name in each]
    examples = {
        each for name in names for value in wrong for each in examples_in(advice(*name, value))
    }
    assert {"08:00", "127.0.0.1:8080", "you@example.org", "mon-fri"} <= examples
    for advised in examples:
        for name in names:
            repeated = advice(*name, advised if advised[0] == "[" else json.dumps(advised))
            assert advised not in examples_in(repeated), (name, repeated)


def test_the_contact_of_the_example_is_not_advised_to_who_has_it(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, "[arxiv]\ncontact = 'mailto:you@example.org'\n")
    assert "you@example.org" not in found
    assert "your own e-mail or web address" in found


def test_the_keyword_that_is_wrong_is_shown_with_a_mark_below_the_place(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(LOCAL + channel("['reward AND (model']"))
    with pytest.raises(ConfigError) as caught:
        config.load(path, {}, need_secrets=False)
    lines = str(caught.value).splitlines()
    (index,) = [index for index, line in enumerate(lines) if line.strip() == "^"]
    assert lines[index][: lines[index].index("^")].isspace()
    assert lines[index - 1].strip() == "reward AND (model"
    assert lines[index].index("^") - lines[index - 1].index("r") == "reward AND (model".index("(")


def test_two_words_for_one_meaning_are_named_both(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, LOCAL + channel("""['reward model', '"Reward-Models"']"""))
    assert '"reward model" above' in found
    assert "remove one of them" in found


def test_a_million_mistakes_are_counted_and_not_listed(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "".join(f"key{number} = 1\n" for number in range(5000)) + LOCAL)
    assert len(found) == MAX_MISTAKES + 1
    assert found[-1] == f"and {5000 - MAX_MISTAKES} more"


def test_arxiv_asks_for_a_contact_and_a_local_server_does_not(tmp_path: Path) -> None:
    assert load(tmp_path, LOCAL + "interval = 0\n").arxiv.contact == ""
    text = '[arxiv]\nurl = "https://mirror.arxiv.org/api"\ninterval = 1\n'
    assert places(mistakes(tmp_path, text)) == ["arxiv.contact", "arxiv.interval"]
    lookalike = '[arxiv]\nurl = "http://notarxiv.org/api"\ninterval = 1\n'
    assert load(tmp_path, lookalike).arxiv.interval == 1


# -- files that are no bot.toml -------------------------------------------------------------------


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such file .`daily-papers init` writes one"):
        config.load(tmp_path / "bot.toml", {}, need_secrets=False)


def test_a_folder_in_its_place_is_explained(tmp_path: Path) -> None:
    (tmp_path / "bot.toml").mkdir()
    with pytest.raises(ConfigError, match=r"this is a folder, not a file .Docker makes"):
        config.load(tmp_path / "bot.toml", {}, need_secrets=False)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bot.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        config.load(tmp_path / "bot.toml", {}, need_secrets=False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[bot\n", "line 1, column 5: this heading does not end (is a ] missing?)"),
        (b"[bot]\ntimezone = UTC\n", 'write it in quotes: timezone = "UTC"'),
        (b"[schedule]\npost_at = 08:00 # early", 'write it in quotes: post_at = "08:00"'),
        ("[schedule]\npost_at = “08:00”".encode(), 'write it in quotes: post_at = "08:00"'),
        (b"[schedule]\npost_at = 08.30", 'write it in quotes: post_at = "08:30"'),
        (b"[schedule]\npost_at = 8am", 'write it in quotes: post_at = "08:00"'),
        (b"[schedule]\npost_at = 5:30 pm", 'write it in quotes: post_at = "17:30"'),
        (b"[[channels]]\nkeywords = ['a', ", "end of document: the file ends before this value"),
        (b"[[channels]]\nid = console:", 'write it in quotes: id = "console:"'),
        (b"[discord]\ncrosspost = True", "write it in small letters: crosspost = true"),
        (b'[[channels]]\nkeywords = ["ti:"graph cut""]', "goes in single quotes: 'ti:"),
        (b'[[channels]]\nkeywords = ["graph cut" "ti:x"]', "is a ] or a comma missing?"),
        ("keywords = [“graph cut”]".encode(), 'quotes are straight in TOML: "text"'),
        (b'[bot]\ndata = "C:\\papers"', "text with a backslash goes in single quotes"),
        (
            b"[bot]\ndata = 'a'\n[log]\n[bot]\n",
            "line 4, column 5: [bot] is there twice, in lines 1 and 4 (keep one)",
        ),
        (b"arxiv.plan = 'auto'\n[arxiv]\n", "[arxiv] is there twice, in lines 1 and 2"),
        (b"[[channels]]\n[[channels]]\nid = 1\nid = 2", "id is there twice, in lines 3 and 4"),
        (b"bot = {data = 'a', data = 'b'}", "this key is there twice (keep one)"),
        (b"[xoxb-1-2]\n[xoxb-1-2]\n", "this section is there twice (keep one)"),
        (b"[bot]\ntimezone: 'UTC'\n", 'a setting is written key = "value"'),
        (b'{"bot": {}}', "the file is TOML"),
        (b"[arxiv]\ninterval = 3,5", "a decimal has a point: interval = 3.5"),
        (b"keywords = [reward model]", "text goes in quotes"),
        (b"[bot]\ntimezone = 'UTC\n", "is a closing quote missing?"),
        (b"[bot]\ndata = 'a'\ndata = 'b'\n", "data is there twice, in lines 2 and 3 (keep one)"),
        (b"\n\n# caf\xe9\n", "line 3: this is not UTF-8: byte 7 is 0xe9 (save it as UTF-8)"),
        ("[bot]".encode("utf-16"), "the file is UTF-16 (save it as UTF-8)"),
        (b"\x7fELF\x02\x01\x01\0\0", "line 1: this is not a text file: byte 7 is zero"),
        (b"\xff" * 64, "this is not UTF-8: byte 0"),
        (b"#" * (MAX_FILE_BYTES + 1), "the file is larger than 4 MiB"),
        (b"a = " + b"[" * 100_000, "brackets are nested too deeply"),
        (b"a = " + b"{a = " * 50_000, "brackets are nested too deeply"),
        (b"a = " + b"9" * 100_000, "a value can't be read"),
        (b"x = 1\n" + b"a." * 500_000 + b"a = 1", "line 2: this key has too many dots"),
        (b"[" + b"'a'." * 500_000 + b"a]", "line 1: this key has too many dots"),
        (b"a = 1979-02-30", "there is no such date"),
    ],
)
def test_a_file_that_is_no_bot_toml_is_named_as_what_it_is(
    tmp_path: Path, data: bytes, expected: str
) -> None:
    (found,) = mistakes(tmp_path, data)
    assert expected in found


def test_an_empty_file_lacks_the_contact_only(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, b"")
    assert found.startswith("arxiv.contact: is missing")


def test_a_large_list_of_keywords_is_no_mistake(tmp_path: Path) -> None:
    many = ", ".join(f'"topic {number}"' for number in range(3000))
    found = load(tmp_path, LOCAL + channel(f"[{many}]"))
    assert len(found.channels.listings[0].keywords) == 3000


def test_twice_as_many_keywords_are_twice_the_work_whatever_they_are_called() -> None:
    def work(count: int) -> int:
        names = [f"name = 'N{number}', " if number % 2 else "" for number in range(count)]
        items = [f"{{ {name}query = 'word w{n}x' }}" for n, name in enumerate(names)]
        text = channel(f"[{', '.join(items)}]")
        document = tomllib.loads(text)

        def read_and_written() -> None:
            snapshot = read_channels(document, text, found := Mistakes())
            assert writable(snapshot) == (snapshot, ())
            assert found.found == []

        read_and_written()  # parses each keyword, and remembers it
        return calls(read_and_written)

    assert work(400) < 2.3 * work(200)


# -- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f'[discord]\ntoken = "{DISCORD_TOKEN}"',
        f'[slack]\nbot_token = "{BOT_TOKEN}"',
        f'DISCORD_TOKEN = "{DISCORD_TOKEN}"',
        f'[secrets]\nDISCORD_TOKEN = "{DISCORD_TOKEN}"',
        f'[arxiv]\ncontact = "{APP_TOKEN}"',
        f'[discord]\nkey = "{DISCORD_TOKEN}"',
        f'[bot]\n"{DISCORD_TOKEN}" = 1',
        channel(f'["{BOT_TOKEN}"]'),
        channel(f'["reward model"]\npassword = "{BOT_TOKEN}"'),
        channel(identity=BOT_TOKEN),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    found = "\n".join(mistakes(tmp_path, text))
    assert "a secret does not belong in this file" in found or "is unknown" in found
    for token in (DISCORD_TOKEN, BOT_TOKEN, APP_TOKEN):
        assert token not in found


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(BOT_TOKEN)
    assert secret.reveal() == BOT_TOKEN
    assert [str(secret), repr(secret), f"{secret}", f"{[secret]}"] == ["***", "***", "***", "[***]"]
    for write in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="a secret must not be serialised"):
            write(secret)


def test_a_configuration_can_be_logged(tmp_path: Path) -> None:
    found = load(tmp_path, LOCAL + "[discord]\n", {"DISCORD_TOKEN": DISCORD_TOKEN})
    assert DISCORD_TOKEN not in repr(found)
    assert "***" in repr(found)


def test_a_token_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{DISCORD_TOKEN}\n")
    environ = {"DISCORD_TOKEN_FILE": str(tmp_path / "token")}
    found = load(tmp_path, LOCAL + "[discord]\n", environ)
    assert found.platforms["discord"].secrets == {"DISCORD_TOKEN": Secret(DISCORD_TOKEN)}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "DISCORD_TOKEN: is not set; discord needs it"),
        ({"DISCORD_TOKEN": "  \n"}, "DISCORD_TOKEN: is not set"),
        ({"DISCORD_TOKEN": "a", "DISCORD_TOKEN_FILE": "b"}, "is set, and so is DISCORD_TOKEN_FILE"),
        ({"DISCORD_TOKEN_FILE": "FOLDER/nowhere"}, "DISCORD_TOKEN_FILE: can't read"),
        ({"DISCORD_TOKEN_FILE": "FOLDER"}, "DISCORD_TOKEN_FILE: can't read"),
        ({"DISCORD_TOKEN_FILE": "FOLDER/empty"}, "is empty"),
        ({"DISCORD_TOKEN_FILE": "FOLDER/large"}, "is too large for a token"),
        ({"DISCORD_TOKEN_FILE": "FOLDER/binary"}, "it is not text"),
        ({"DISCORD_TOKEN_FILE": "a\0b"}, "DISCORD_TOKEN_FILE: can't read"),
        (
            {"DISCORD_TOKEN": f"Bot {DISCORD_TOKEN}"},
            "DISCORD_TOKEN: contains a character that tokens never",
        ),
        ({"DISCORD_TOKEN": "a\udc80b"}, "DISCORD_TOKEN: contains a character that tokens never"),
    ],
)
def test_a_token_that_cannot_be_had_is_a_mistake(
    tmp_path: Path, environ: dict[str, str], expected: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * 100_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    environ = {name: value.replace("FOLDER", str(tmp_path)) for name, value in environ.items()}
    (found,) = mistakes(tmp_path, LOCAL + "[discord]\n", environ)
    assert expected in found
    assert DISCORD_TOKEN not in found


def test_swapped_slack_tokens_are_noticed(tmp_path: Path) -> None:
    swapped = {"SLACK_BOT_TOKEN": APP_TOKEN, "SLACK_APP_TOKEN": BOT_TOKEN}
    found = mistakes(tmp_path, LOCAL + "[slack]\n", swapped)
    assert found == [
        "SLACK_BOT_TOKEN: is another kind of token; this one begins with xoxb-",
        "SLACK_APP_TOKEN: is another kind of token; this one begins with xapp-",
    ]


HTTP = '[slack]\nmode = "http"\n'
KEY = "hSJS7mEW0gCZTiWn4SEVHxbBKSs9vwr5cYYvhVGvWLg="


def test_http_mode_needs_a_signing_secret_and_the_token_of_one_workspace(tmp_path: Path) -> None:
    environ = {"SLACK_SIGNING_SECRET": "5166", "SLACK_BOT_TOKEN": BOT_TOKEN}
    loaded = load(tmp_path, LOCAL + HTTP, environ)
    slack = loaded.platforms["slack"]
    assert slack.options["listen"] == ("127.0.0.1", 8081)
    assert (slack.reveal("SLACK_SIGNING_SECRET"), slack.reveal("SLACK_BOT_TOKEN")) == (
        "5166", BOT_TOKEN,
    )  # fmt: skip
    assert loaded.encryption_keys == ()


def test_http_mode_takes_what_lets_workspaces_install_the_app_instead(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY} , {KEY}\n")
    environ = {
        "SLACK_SIGNING_SECRET": "5166", "SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "abc",
        "SECRET_KEY_FILE": str(file),
    }  # fmt: skip
    text = LOCAL + HTTP + 'teams = ["T0123456789"]\nlisten = "127.0.0.2:9000"\n'
    text += channel(identity="slack:T0123456789/C0123456789")
    loaded = load(tmp_path, text, environ)
    slack = loaded.platforms["slack"]
    assert slack.options["teams"] == ("T0123456789",)
    assert slack.options["listen"] == ("127.0.0.2", 9000)
    assert loaded.encryption_keys == (KEY, KEY)
    with pytest.raises(KeyError):
        slack.reveal("SLACK_BOT_TOKEN")
    assert KEY not in repr(loaded)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"]),
        ({"SLACK_SIGNING_SECRET": "1"}, ["SLACK_BOT_TOKEN"]),
        (
            {"SLACK_SIGNING_SECRET": "1", "SLACK_CLIENT_ID": "1.2"},
            ["SLACK_CLIENT_SECRET", "SECRET_KEY"],
        ),
        (
            {"SLACK_SIGNING_SECRET": "1", "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_CLIENT_ID": "1.2",
             "SLACK_CLIENT_SECRET": "3", "SECRET_KEY": KEY},
            ["SLACK_BOT_TOKEN"],
        ),
        (
            {"SLACK_SIGNING_SECRET": "1", "SLACK_BOT_TOKEN": BOT_TOKEN, "SECRET_KEY": f"{KEY},"},
            ["SECRET_KEY"],
        ),
        (
            {"SLACK_SIGNING_SECRET": "1", "SLACK_BOT_TOKEN": BOT_TOKEN, "SECRET_KEY": KEY[:-3]},
            ["SECRET_KEY"],
        ),
    ],
)  # fmt: skip
def test_what_http_mode_lacks_is_named(
    tmp_path: Path, environ: dict[str, str], expected: list[str]
) -> None:
    found = mistakes(tmp_path, LOCAL + HTTP, environ)
    assert places(found) == expected
    assert not any(secret in line for line in found for secret in (KEY[:-3], BOT_TOKEN))


def test_workspaces_with_tokens_of_their_own_are_for_socket_mode(tmp_path: Path) -> None:
    environ = {"SLACK_SIGNING_SECRET": "1", "SLACK_BOT_TOKEN": BOT_TOKEN}
    found = mistakes(tmp_path, LOCAL + HTTP + '[[slack.workspaces]]\nname = "a"\n', environ)
    assert places(found) == ["slack.workspaces"]
    assert 'mode = "socket"' in found[0]


@pytest.mark.parametrize("wrong", ['teams = ["wire"]', 'teams = "T0123456789"', 'mode = "https"'])
def test_what_is_no_team_or_mode_is_reported(tmp_path: Path, wrong: str) -> None:
    assert len(mistakes(tmp_path, LOCAL + f"[slack]\n{wrong}\n")) == 1


def test_each_workspace_of_slack_has_tokens_and_channels_of_its_own(tmp_path: Path) -> None:
    text = "[slack]\n[[slack.workspaces]]\n[[slack.workspaces]]\nname = 'lab-two'\n"
    channels = channel(identity="slack:C0123456789") + channel(identity="slack:lab-two/C0123456789")
    tokens = {
        "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_BOT_TOKEN_LAB_TWO": BOT_TOKEN, "SLACK_APP_TOKEN_LAB_TWO": APP_TOKEN,
    }  # fmt: skip
    found = load(tmp_path, LOCAL + text + channels, tokens)
    assert found.platforms["slack"].options["workspaces"] == ("", "lab-two")
    assert set(found.platforms["slack"].secrets) == set(tokens)
    del tokens["SLACK_APP_TOKEN_LAB_TWO"]
    (missing,) = mistakes(tmp_path, LOCAL + text + channels, tokens)
    assert missing.startswith("SLACK_APP_TOKEN_LAB_TWO: is not set")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("workspaces = 'lab'", "slack.workspaces: must be [[slack.workspaces]] blocks"),
        ("[[slack.workspaces]]\nname = 'Lab'", "is not the name of a workspace"),
        ("[[slack.workspaces]]\nname = 'file'", "is not the name of a workspace"),
        ("[[slack.workspaces]]\nname = 3", "is not the name of a workspace"),
        ("[[slack.workspaces]]\n[[slack.workspaces]]", "two workspaces have the same name"),
        (f"[[slack.workspaces]]\ntoken = '{BOT_TOKEN}'", "each block has a name and nothing"),
        ("managers = ['anna']", "is not a member id"),
        ("managers = 'U0123456789'", "must be an array"),
        ("command = 'papers'", "is not a command"),
    ],
)
def test_what_is_wrong_below_slack_is_reported(tmp_path: Path, written: str, expected: str) -> None:
    found = mistakes(tmp_path, LOCAL + f"[slack]\n{written}\n")
    assert any(expected in each for each in found)
    assert BOT_TOKEN not in "\n".join(found)


def test_a_channel_of_a_workspace_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    text = LOCAL + "[slack]\n" + channel(identity="slack:lab/C0123456789")
    (found,) = mistakes(tmp_path, text)
    assert "slack:lab/C0123456789 is in a workspace that has no block" in found


# -- the environment ------------------------------------------------------------------------------


def test_a_platform_is_on_when_its_token_is_there(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(DISCORD_TOKEN)
    for environ in (
        {"DISCORD_TOKEN": DISCORD_TOKEN},
        {"DISCORD_TOKEN_FILE": str(tmp_path / "token"), "SLACK_BOT_TOKEN": " "},
    ):
        found = load(tmp_path, LOCAL + channel(identity=DISCORD), environ)
        assert list(found.platforms) == ["discord"]
        assert found.platforms["discord"].options["api_url"] == "https://discord.com/api/v10"
        assert found.platforms["discord"].reveal("DISCORD_TOKEN") == DISCORD_TOKEN
    assert load(tmp_path, LOCAL, {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": ""}).platforms == {}


def test_one_of_two_tokens_is_told_that_the_other_is_missing(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, LOCAL, {"SLACK_BOT_TOKEN": BOT_TOKEN})
    assert found.startswith("SLACK_APP_TOKEN: is not set; slack needs it")


def test_a_channel_whose_platform_has_no_token_is_reported_once_with_its_line(
    tmp_path: Path,
) -> None:
    text = LOCAL + channel() + "".join(channel(identity=f"{DISCORD}{n}") for n in range(3))
    (found,) = mistakes(tmp_path, text, {})
    assert found == (
        "line 8: channels[1].id: discord is off, because it has no token"
        " (set DISCORD_TOKEN in the environment, or remove its [[channels]] blocks)"
    )
    assert len(load(tmp_path, text).channels.listings) == 4, "a question needs no token"


def test_the_environment_fills_in_the_contact_that_the_file_leaves_out(tmp_path: Path) -> None:
    mine = {"ARXIV_CONTACT": " me@uni-anywhere.edu "}
    for text in ("", '[arxiv]\ncontact = "mailto:you@example.org"\n'):
        assert load(tmp_path, text, mine).arxiv.contact == "me@uni-anywhere.edu"
    own = '[arxiv]\ncontact = "me@another.edu"\n'
    assert load(tmp_path, own, mine).arxiv.contact == "me@another.edu"
    assert load(tmp_path, own, {"ARXIV_CONTACT": "nonsense"}).arxiv.contact == "me@another.edu"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("you@example.org", "ARXIV_CONTACT: this is still the address of the example"),
        ("me", 'ARXIV_CONTACT: "me" is not an e-mail or web address'),
        ("a@uni.edu\r\nX: y", "is not an e-mail or web address"),
        (" ", "arxiv.contact: is missing"),
    ],
)
def test_a_contact_in_the_environment_that_is_none_is_a_mistake(
    tmp_path: Path, value: str, expected: str
) -> None:
    (found,) = mistakes(tmp_path, "", {"ARXIV_CONTACT": value})
    assert expected in found


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":America/New_York", "America/New_York"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("Etc/UTC", "UTC"),
        ("", "UTC"),
    ],
)
def test_tz_counts_where_the_file_names_no_time_zone(tmp_path: Path, value: str, zone: str) -> None:
    found = load(tmp_path, LOCAL, {"TZ": value})
    assert (found.bot.timezone, found.warnings) == (ZoneInfo(zone), ())
    found = load(tmp_path, '[bot]\ntimezone = "Asia/Seoul"\n' + LOCAL, {"TZ": value})
    assert found.bot.timezone == ZoneInfo("Asia/Seoul")


def test_a_tz_that_names_no_zone_is_ignored_with_a_warning(tmp_path: Path) -> None:
    for value in ("CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berln", "../../etc/passwd"):
        found = load(tmp_path, LOCAL, {"TZ": value})
        (warning,) = found.warnings
        assert found.bot.timezone == ZoneInfo("UTC")
        assert warning.startswith("TZ: ")
        assert warning.endswith("times are UTC")


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "from outside")
    assert config.environment()["DISCORD_TOKEN"] == "from outside"


# -- the sample and the documentation -------------------------------------------------------------


def test_the_sample_in_the_repository_is_the_one_that_init_writes() -> None:
    assert (ROOT / "bot.toml").read_text(encoding="utf-8") == sample()


def test_the_sample_needs_nothing_but_an_address_of_ones_own(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, sample())
    assert found.startswith("line 21: arxiv.contact: this is still the address of the example")
    mine = load(tmp_path, sample().replace("you@example.org", "me@uni-anywhere.edu"))
    assert [listing.channel.id for listing in mine.channels.listings] == ["console:"]


def test_the_sample_shows_every_key_with_its_default(tmp_path: Path) -> None:
    text = sample().replace("you@example.org", "me@uni-anywhere.edu")
    switched_on = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    shown = config.check(switched_on, tmp_path / "bot.toml")
    default = config.check(LOCAL + "[discord]\n[slack]\n[page]\n", tmp_path / "bot.toml")
    assert (shown.platforms, shown.page) == (
        default.platforms,
        default.page,
    )
    assert shown.schedule == default.schedule
    assert shown.bot.data == default.bot.data
    assert shown.arxiv.interval == default.arxiv.interval
    for section, keys in SECTIONS.items():
        for key in keys:
            assert re.search(rf"^(# )?{key} = ", text, re.MULTILINE), f"{section}.{key}"


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    tables = {f"[{section}]": keys for section, keys in SECTIONS.items()}
    for heading, keys in {**tables, "[[channels]]": CHANNEL_KEYS}.items():
        below = text.partition(f"\n## `{heading}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{key}` |" in below for key in keys), heading


def test_what_the_documentation_shows_is_right(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for shown in examples:
        config.check(shown.replace("you@example.org", "me@uni-anywhere.edu"), tmp_path / "bot.toml")


# -- anything at all ------------------------------------------------------------------------------

# fmt: off
_WORDS = [
    "[bot]", "[arxiv]", "[slack]", "[[channels]]", "channels", "id", "keywords", "timezone",
    "token", "interval", "=", '"', "'", '"""', "[", "]", "{", "}", ",", "#", ".", "\\",
    "console:", "'UTC'", "1e9999", "-0", "nan", "2026-01-01", "\n", "\r\n", " ", "\0",
]
# fmt: on
_SOUP = st.lists(st.sampled_from(_WORDS), max_size=40).map("".join)


@given(st.one_of(st.text(), _SOUP, st.binary().map(lambda data: data.decode("latin-1"))))
@example("channels = [{}]")
@example("[[channels]]\nid = {}\nkeywords = [[]]")
@example("[[channels.x]]")
@example("bot.timezone.x = 1")
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        assert config.check(LOCAL + text, Path("bot.toml")).arxiv.url.startswith("http://127")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):  # bytes at random never hold a contact for arXiv
        config.load(path, {}, need_secrets=True)


def test_servers_are_named_as_numbers_or_as_text() -> None:
    text = "[discord]\nservers = [1142000000000000000, '1142000000000000001']\n"
    found = config.check(text, Path("bot.toml")).platforms["discord"].options["servers"]
    assert found == ("1142000000000000000", "1142000000000000001")


@pytest.mark.parametrize("address", ["postgresql://a:b@db/papers", "postgres:///papers"])
def test_the_address_of_a_database_comes_from_the_environment_or_a_file(
    tmp_path: Path, address: str
) -> None:
    assert load(tmp_path, LOCAL).database_url is None
    assert load(tmp_path, LOCAL, {"DATABASE_URL": address}).database_url == Secret(address)
    (tmp_path / "url").write_text(f"{address}\n")
    found = load(tmp_path, LOCAL, {"DATABASE_URL_FILE": str(tmp_path / "url")}).database_url
    assert found is not None
    assert (found.reveal(), found.file, repr(found)) == (address, tmp_path / "url", "***")


@pytest.mark.parametrize("address", ["mysql://ada:hunter2@db/papers", "ada:hunter2@db", "hunter2"])
def test_what_is_no_address_of_postgresql_is_reported_and_not_repeated(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL: is not the address") as told:
        load(tmp_path, LOCAL, {"DATABASE_URL": address})
    assert "hunter2" not in str(told.value)


def test_what_processes_agree_on_is_named_by_its_key_and_holds_no_secret(tmp_path: Path) -> None:
    environ = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    one = load(tmp_path, LOCAL + "[slack]\n", environ).shared_settings()
    other = load(
        tmp_path, LOCAL + '[slack]\ncommand = "/other"\n[schedule]\nfirst_post = 9\n', environ
    ).shared_settings()
    different = {key for key in one if one[key] != other[key]}
    assert different == {"slack.command", "schedule.first_post"}
    assert BOT_TOKEN not in str(one)


def test_processes_agree_on_when_a_posting_time_is_and_which_run_counts_for_it(
    tmp_path: Path,
) -> None:
    """Each publishes to some channels after a run, by its own time zone and arXiv's calendar."""
    utc = '[bot]\ntimezone = "UTC"\n'
    one, same, other = (
        load(tmp_path, f"{text}\n").shared_settings()
        for text in (
            f"{utc}{LOCAL}holidays = [2027-01-18, 2027-02-15]",
            f"{utc}{LOCAL}holidays = [2027-02-15, 2027-01-18]",
            f'[bot]\ntimezone = "Europe/Berlin"\n{LOCAL}',
        )
    )
    assert one == same
    assert {key for key in one if one[key] != other[key]} == {"bot.timezone", "arxiv.holidays"}
