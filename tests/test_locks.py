"""The locks keep what they promise, and a lock that does not is seen."""

from __future__ import annotations

import re

import pytest
import yaml

from bot.config import CONTACT
from bot.config.secrets import SECRET_KEY, SECRETS, with_token
from tests.locks import ROOT, faults, faults_of_lock, faults_of_needs, pins, within

HASH = "--hash=sha256:" + "0" * 64


def test_every_locked_line_is_pinned_hashed_and_within_its_range() -> None:
    assert list(faults()) == []
    assert len(pins((ROOT / "requirements" / "dev.txt").read_text("utf-8"))) > 40


@pytest.mark.parametrize(
    "line",
    [
        "httpx>=0.28 " + HASH,
        "httpx==0.28.1",
        "httpx==0.28.1 --hash=md5:00",
        "httpx==0.28.1 --hash=sha256:12",
        "-i packages",
        "httpx @ file:///packages/httpx.whl " + HASH,
        "httpx==0.28.1 " + HASH + " --extra-index-url file:///packages",
    ],
)
def test_a_line_that_holds_nobody_to_anything_is_seen(line: str) -> None:
    assert list(faults_of_lock("base", line))
    assert not list(faults_of_lock("base", f"# via x\nhttpx==0.28.1 \\\n    {HASH}\n"))


@pytest.mark.parametrize(
    ("need", "seen"),
    [
        ("httpx>=0.28,<1", False),
        ("HTTPX>=0.28", False),
        ("httpx>=0.29", True),
        ("httpx<0.28", True),
        ("httpx==0.28.1", False),
        ("missing>=1", True),
        ("tzdata; sys_platform == 'win32'", False),
        ("discord.py[voice]>=2.7.1,<3", False),
    ],
)
def test_a_lock_outside_its_range_is_seen(need: str, seen: bool) -> None:
    locked = {"httpx": "0.28.1", "discord-py": "2.7.1"}
    assert bool(list(faults_of_needs("base", [need], locked))) is seen


def test_versions_are_compared_as_numbers() -> None:
    assert within("2.10.0", ">=2.9,<3")
    assert not within("3.0", ">=2.9,<3")


def test_the_container_gets_what_the_bot_needs_and_no_more() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    service = compose["services"]["daily-papers"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "ports" not in service
    assert service["volumes"] == ["papers:/data"]
    assert compose["volumes"].keys() == {"papers"}
    assert service["env_file"] == ".env"
    assert "environment" not in service, "nobody has to take lines away"
    assert 32 <= service["pids_limit"] <= 512
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    [base] = re.findall(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${BASE}"}
    assert service["build"]["args"] == {"BASE": f"${{BASE_IMAGE:-{base}}}"}
    assert "USER 1000:1000" in dockerfile
    assert dockerfile.count("--require-hashes") == 2
    assert "\nEXPOSE" not in dockerfile


def test_two_containers_that_share_a_database_start_with_one_command() -> None:
    services = yaml.safe_load((ROOT / "compose.postgres.yaml").read_text("utf-8"))["services"]
    alone = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]["daily-papers"]
    first, second, database = services["bot-1"], services["bot-2"], services["database"]
    # Two builds of one image at once collide, and the first start on a machine fails.
    assert [name for name, each in services.items() if "build" in each] == ["bot-1"]
    assert second["pull_policy"] == "never", "in no registry"
    for bot in (first, second):
        assert bot["depends_on"] == {"database": {"condition": "service_healthy"}}
        assert "@database/" in bot["environment"]["DATABASE_URL"]
        given = bot.keys() - {"depends_on", "environment", "pull_policy"}
        assert {key: bot[key] for key in given} == {key: alone[key] for key in given}
        assert given >= alone.keys() - {"build"}, "no less confined than one alone"
    # On its socket the server answers while a new database is being set up.
    assert database["healthcheck"]["test"][2:4] == ["--host", "127.0.0.1"]
    assert "ports" not in database


def test_the_example_of_the_environment_has_every_token_and_none_of_them_is_set() -> None:
    text = (ROOT / "example.env").read_text("utf-8")
    given = dict(line.split("=") for line in text.splitlines() if line and line[0] != "#")
    tokens = {name for each in SECRETS.values() for name in each}
    assert given.keys() == {CONTACT, "TZ", SECRET_KEY, *tokens}
    assert {name for name, value in given.items() if value} == {"TZ"}
    assert with_token(given) == frozenset()
