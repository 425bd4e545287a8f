"""The bot.toml that a host begins with: of ``init``, and of a first start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import config
from bot.config import new_file, timezones
from bot.config.secrets import SECRETS
from bot.errors import ConfigError, UserError

MINE = {"ARXIV_CONTACT": "me@uni-anywhere.edu", "TZ": "Asia/Tokyo"}


def load(path: Path, **environ: str) -> config.Config:
    return config.load(path, environ, need_secrets=False)


def test_what_is_replaced_in_the_sample_is_there() -> None:
    text = new_file.sample(
        contact="me@uni-anywhere.edu",
        timezone="Asia/Tokyo",
        platforms=tuple(SECRETS),
        section=True,
    )
    assert 'example.org"' not in text
    assert "Europe/Berlin" not in text
    assert "\n[[channels]]" not in text
    assert all(f"\n[{platform}]\n" in text for platform in SECRETS)


def test_a_first_start_writes_what_the_environment_says(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    said = new_file.at_first_start(path, MINE)
    assert (
        said == f"wrote {path}, with the contact me@uni-anywhere.edu and the time zone Asia/Tokyo"
    )
    found = load(path)
    assert (found.arxiv.contact, found.bot.timezone.key) == (MINE["ARXIV_CONTACT"], "Asia/Tokyo")
    assert [each.channel.id for each in found.channels.listings] == ["console:"]
    assert path.stat().st_mode & 0o133 == 0


@pytest.mark.parametrize("platform", SECRETS)
def test_with_a_token_nothing_is_followed_before_somebody_says_so(
    tmp_path: Path, platform: str
) -> None:
    path = tmp_path / "bot.toml"
    tokens = {f"{name}_FILE": "/run/secrets/one" for name in SECRETS[platform]}
    assert new_file.at_first_start(path, {**MINE, **tokens})
    assert load(path).channels.listings == ()
    assert load(path).platforms == {}, "a token that is taken away leaves no section behind"
    assert list(load(path, **tokens).platforms) == [platform]


def test_without_a_contact_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    assert new_file.at_first_start(path, {"TZ": "Asia/Tokyo"}) == ""
    with pytest.raises(
        ConfigError, match="ARXIV_CONTACT: this is still the address of the example"
    ):
        new_file.at_first_start(path, {"ARXIV_CONTACT": "you@example.org"})
    assert not path.exists()


def test_an_invalid_time_zone_is_reported_at_the_first_start(tmp_path: Path) -> None:
    said = new_file.at_first_start(tmp_path / "bot.toml", {**MINE, "TZ": "Europe/Berln"})
    assert 'did you mean "Europe/Berlin"?' in said


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text("mine")
    with pytest.raises(UserError, match="File exists"):
        new_file.write(path, "other")
    assert path.read_text() == "mine"


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"make the folder {tmp_path / 'none'} first"):
        new_file.write(tmp_path / "none" / "bot.toml", "")


def test_the_machines_zone_is_its_variable_or_its_file_or_its_link(tmp_path: Path) -> None:
    assert timezones.of_machine({}, tmp_path) == "UTC"
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    assert timezones.of_machine({}, tmp_path) == "Europe/Paris"
    (tmp_path / "timezone").write_text("Etc/UTC\n")
    assert timezones.of_machine({}, tmp_path) == "UTC"
    assert timezones.of_machine({"TZ": ":Asia/Tokyo"}, tmp_path) == "Asia/Tokyo"
    assert timezones.of_machine({"TZ": "nowhere"}, tmp_path) == "UTC"
