"""The app's manifest says what the code needs, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from adapters.slack.checks import NEEDED, OPTIONAL
from adapters.slack.http import EVENTS_PATH, REDIRECT_PATH
from adapters.slack.listeners.shortcuts import FOLLOW, LIKE, SAVE, TITLES, WHY
from bot.config.keys import SECTIONS

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "slack-manifest.yaml").read_text(encoding="utf-8")
MANIFEST: dict[str, Any] = yaml.safe_load(TEXT)
HTTP_TEXT = (ROOT / "slack-manifest-http.yaml").read_text(encoding="utf-8")
HTTP: dict[str, Any] = yaml.safe_load(HTTP_TEXT)
CODE = "\n".join(path.read_text("utf-8") for path in (ROOT / "adapters" / "slack").rglob("*.py"))
HOSTING = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")

# The scope that each method needs (docs.slack.dev, reference/methods, November 2026).
SCOPES = {
    "chat.postMessage": {"chat:write"},
    "chat.getPermalink": set[str](),
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "conversations.replies": {"channels:history", "groups:history", "im:history"},
    "conversations.info": {"channels:read", "groups:read"},
    "users.conversations": {"channels:read", "groups:read"},
    "users.info": {"users:read"},
    "usergroups.list": {"usergroups:read"},
    "views.open": set[str](),
    "views.push": set[str](),
    "views.update": set[str](),
    "views.publish": set[str](),
    "files.getUploadURLExternal": {"files:write"},
    "files.completeUploadExternal": {"files:write"},
}
# The scopes that each event needs (docs.slack.dev, reference/events, November 2026).
EVENTS = {
    "app_home_opened": set[str](),
    "message": {"im:history"},  # of the kind message.im
    "member_joined_channel": {"channels:read", "groups:read"},
    "app_uninstalled": set[str](),
    "tokens_revoked": set[str](),
}
FOR_INSTALLATIONS = ["app_uninstalled", "tokens_revoked"]


def test_the_scopes_are_those_of_the_methods_that_are_asked() -> None:
    methods = set(
        re.findall(r'"((?:chat|conversations|views|users|usergroups|files)\.[a-zA-Z]+)"', CODE)
    )
    assert methods == set(SCOPES)
    scopes = MANIFEST["oauth_config"]["scopes"]
    assert scopes["bot"] == list(NEEDED)
    assert set(scopes["bot_optional"]) == set(OPTIONAL)
    used = {scope for needed in SCOPES.values() for scope in needed}
    assert used <= {*scopes["bot"], *scopes["bot_optional"]}
    assert {*NEEDED, *OPTIONAL} - used == {"commands", "chat:write.public"}


def test_every_optional_scope_is_explained() -> None:
    comments = "\n".join(line for line in TEXT.splitlines() if line.startswith("#"))
    for scope in OPTIONAL:
        assert scope in comments
        assert scope in HOSTING


def test_the_command_is_the_one_that_bot_toml_means() -> None:
    [command] = MANIFEST["features"]["slash_commands"]
    assert command["command"] == SECTIONS["slack"]["command"].default
    assert command["should_escape"] is False


def test_its_shortcuts_are_those_that_are_heard() -> None:
    shortcuts = MANIFEST["features"]["shortcuts"]
    assert {each["callback_id"]: each["type"] for each in shortcuts} == {
        FOLLOW: "global", WHY: "message", LIKE: "message", SAVE: "message",
    }  # fmt: skip
    assert all(each["name"] == TITLES.get(each["callback_id"], each["name"]) for each in shortcuts)


def test_people_can_be_heard_without_a_public_address() -> None:
    settings = MANIFEST["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"]["is_enabled"] is True
    heard = re.findall(r'@app\.event\("(\w+)"\)', CODE)
    events = settings["event_subscriptions"]["bot_events"]
    listed = [*(each.removesuffix(".im") for each in events), *FOR_INSTALLATIONS]
    assert sorted(listed) == sorted(heard)
    assert set(heard) <= EVENTS.keys()
    scopes = MANIFEST["oauth_config"]["scopes"]
    for event in heard:
        assert EVENTS[event] <= {*scopes["bot"], *scopes["bot_optional"]}
    assert settings["token_rotation_enabled"] is False
    assert MANIFEST["features"]["app_home"]["messages_tab_enabled"] is True
    assert MANIFEST["features"]["app_home"]["messages_tab_read_only_enabled"] is False


def test_it_keeps_to_slacks_lengths() -> None:
    about, features = MANIFEST["display_information"], MANIFEST["features"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert all(len(each["command"]) <= 32 for each in features["slash_commands"])
    assert all(len(each["usage_hint"]) <= 1000 for each in features["slash_commands"])
    assert all(len(each["name"]) <= 24 for each in features["shortcuts"])
    assert all(len(each["description"]) <= 150 for each in features["shortcuts"])


def test_the_bot_is_invited_by_the_name_that_it_has() -> None:
    assert f"/invite @{MANIFEST['features']['bot_user']['display_name']}" in HOSTING


def test_in_http_mode_the_app_is_the_same_but_for_the_addresses_of_the_bot() -> None:
    home = "https://papers.example.org"
    expected: dict[str, Any] = yaml.safe_load(TEXT)
    expected["features"]["slash_commands"][0]["url"] = home + EVENTS_PATH
    expected["oauth_config"]["redirect_urls"] = [home + REDIRECT_PATH]
    settings = expected["settings"]
    settings["socket_mode_enabled"] = False
    settings["interactivity"]["request_url"] = home + EVENTS_PATH
    subscriptions = settings["event_subscriptions"]
    subscriptions["request_url"] = home + EVENTS_PATH
    subscriptions["bot_events"] = sorted([*subscriptions["bot_events"], *FOR_INSTALLATIONS])
    assert expected == HTTP
    assert "# Two scopes are needed" in HTTP_TEXT
    assert (
        HTTP_TEXT.partition("# Two")[2].partition("display")[0]
        == (TEXT.partition("# Two")[2].partition("display")[0])
    )
