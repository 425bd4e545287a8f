"""The table of a channel's settings, and everything that has to say the same."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.commands import SETTINGS as DISCORD_CHOICES
from bot.chat.parse import help_sections
from bot.chat.replies.settings import ScheduleDefaults, settings_in_force, settings_reply
from bot.config import ScheduleConfig, check
from bot.config.keys import CHANNEL_KEYS, SECTIONS
from bot.core.channel_settings import (
    CHANNEL_SETTINGS,
    PLATFORMS,
    ChannelSetting,
    PostingDays,
    check_mention,
    parse_mention,
    sound,
    write_days,
)
from bot.errors import NotAllowed, UserError
from bot.model import Channel, Person
from bot.model.snapshots import SETTINGS
from tests.store.database import opened

ROOT = Path(__file__).resolve().parents[2]
NAMES = list(CHANNEL_SETTINGS)
EVERY = pytest.mark.parametrize("setting", CHANNEL_SETTINGS.values(), ids=NAMES)


def test_a_setting_is_the_same_in_the_table_the_model_bot_toml_and_the_chat() -> None:
    assert [each.name for each in fields(Channel)] == ["id", *NAMES, "owner"]
    assert list(SETTINGS) == NAMES
    assert list(CHANNEL_KEYS) == ["id", "keywords", "mute", *NAMES]
    assert [choice.value for choice in DISCORD_CHOICES] == NAMES
    channel = Channel("discord:1142000000000000000")
    lines = settings_reply(channel, ScheduleDefaults(), ZoneInfo("UTC")).text.splitlines()
    assert [line.partition(" = ")[0] for line in lines if " = " in line] == NAMES
    [line] = [
        line
        for section in help_sections(CHANNEL_SETTINGS)
        for line in section.text.splitlines()
        if "settings [NAME VALUE]" in line
    ]
    assert all(name in line for name in NAMES)


async def test_the_database_keeps_every_setting(tmp_path: Path) -> None:
    store = opened(tmp_path / "daily-papers.sqlite3")
    own = {name: setting.example for name, setting in CHANNEL_SETTINGS.items()}
    for name, value in own.items():
        await store.change_settings("discord:1", {name: value})
    [view] = (await store.state()).channels
    assert view.channel == Channel("discord:1", **own)
    store.close()


def test_a_value_that_the_database_has_in_other_words_is_brought_into_its_normal_form() -> None:
    stored = Channel("discord:1", post_at="9:30", days="Friday, mon", layout="huge")
    assert sound(stored) == (
        Channel("discord:1", post_at="09:30", days="mon,fri"),
        {"layout": "huge"},
    )


def test_the_schedule_of_bot_toml_has_every_setting_that_all_channels_share() -> None:
    shared = {name for name, setting in CHANNEL_SETTINGS.items() if setting.in_schedule}
    assert shared <= SECTIONS["schedule"].keys()
    assert shared <= {each.name for each in fields(ScheduleConfig)}
    assert not (CHANNEL_SETTINGS.keys() - shared) & SECTIONS["schedule"].keys()
    schedule = check("", Path("bot.toml")).schedule
    assert schedule.values == {name: CHANNEL_SETTINGS[name].default_on("") for name in shared}


@EVERY
def test_whatever_is_offered_is_understood_and_written_as_it_is_offered(
    setting: ChannelSetting,
) -> None:
    for platform in PLATFORMS:
        offered = setting.values_on(platform)
        for value in (*offered, setting.example, setting.default_on(platform)):
            assert setting.normalise(value, platform) == value
            assert setting.normalise(value.upper(), platform) == value
        assert setting.default_on(platform) in offered
        channel = Channel(f"{platform}:1")
        in_force = settings_in_force(channel, ScheduleDefaults())[setting.name]
        assert (in_force.value, in_force.source) == (setting.default_on(platform), "default")


@EVERY
@given(text=st.text(max_size=30))
def test_any_text_is_a_value_with_one_normal_form_or_a_user_error(
    setting: ChannelSetting, text: str
) -> None:
    try:
        value = setting.normalise(text)
    except UserError:
        return
    assert setting.normalise(value) == value
    assert setting.parse(value) == setting.parse(text)


@EVERY
def test_the_page_on_the_configuration_names_every_value_and_default(
    setting: ChannelSetting,
) -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## `\[\[channels\]\]`\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    [row] = re.findall(rf"^\| `{setting.name}` \|.*$", section, re.MULTILINE)
    if not setting.is_open:
        for platform in PLATFORMS:
            for value in setting.values_on(platform):
                assert (f"`{value}`" if setting.is_switch else f'`"{value}"`') in row
    assert ("as `[schedule]`" in row) == setting.in_schedule


@pytest.mark.parametrize(
    ("days", "written"),
    [
        ({0, 1, 2, 3, 4}, "mon-fri"),
        ({0, 1, 2, 3, 4, 5, 6}, "daily"),
        ({0, 2, 4}, "mon,wed,fri"),
        ({5, 6}, "sat,sun"),
        ({0, 5, 6}, "mon,sat,sun"),
    ],
)
def test_days_are_written_shortly(days: set[int], written: str) -> None:
    assert write_days(PostingDays(frozenset(days))) == written


def test_the_order_and_spelling_of_days_in_bot_toml_make_no_difference() -> None:
    def days(text: str) -> str | None:
        block = f'[[channels]]\nid = "console:"\ndays = "{text}"\nkeywords = ["graph"]\n'
        local = '[arxiv]\nurl = "http://127.0.0.1:8080/api/query"\n'
        return check(local + block, Path("bot.toml")).channels.listings[0].channel.days

    assert days("Fri, Mon") == days("monday,friday") == "mon,fri"


ROLE, GROUP = "1142000000000000123", "S0123456789"


@pytest.mark.parametrize(
    ("text", "platform", "stored"),
    [
        (ROLE, "discord", ROLE),
        (f"<@&{ROLE}>", "discord", ROLE),
        (f"<!subteam^{GROUP}|@readers>", "slack", GROUP),
        (GROUP.lower(), "slack", GROUP),
        ("None", "console", "none"),
    ],
)
def test_a_role_is_named_by_its_id_or_its_mention(text: str, platform: str, stored: str) -> None:
    assert parse_mention(text, platform) == stored


@pytest.mark.parametrize(
    "text", ["@everyone", "everyone", "@here", "<!channel>", "<!here|here>", "<!everyone>"]
)
@pytest.mark.parametrize("platform", ["", "discord", "slack", "console"])
def test_everybody_is_never_mentioned(text: str, platform: str) -> None:
    with pytest.raises(UserError, match="everybody"):
        parse_mention(text, platform)


@pytest.mark.parametrize(
    ("text", "platform", "instead"),
    [
        (GROUP, "discord", "choose the role from the list"),
        ("Readers", "discord", "choose the role from the list"),
        ("@readers", "discord", "choose the role from the list"),
        (ROLE, "slack", "write"),
        (ROLE, "console", "write"),
    ],
)
def test_what_a_platform_can_not_mention_is_refused_with_what_to_do_instead(
    text: str, platform: str, instead: str
) -> None:
    with pytest.raises(UserError, match=f'{instead}.*"none"'):
        parse_mention(text, platform)


def test_only_who_may_mention_a_role_can_choose_it() -> None:
    member = Person("ann", server="discord:1142", mentionable=frozenset({ROLE}))
    check_mention(ROLE, member)
    check_mention("none", replace(member, mentionable=frozenset()))
    with pytest.raises(NotAllowed, match="not there any more"):
        check_mention(ROLE, replace(member, mentionable=frozenset()))
    with pytest.raises(NotAllowed, match="everyone"):
        check_mention("1142", replace(member, mentionable=frozenset({"1142"})))
    check_mention(GROUP, Person("bob", manages=True))
    with pytest.raises(NotAllowed):
        check_mention(GROUP, Person("bob", manages=False))
