"""The list of what the image is made of is whole, valid, and made of the locks alone."""

from __future__ import annotations

import json
import re

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bot import __version__
from tests.locks import ROOT, pins
from tests.sbom import LOCKS, components, document, python_of_the_image

LOCKED = [(ROOT / "requirements" / f"{name}.txt").read_text("utf-8") for name in LOCKS]
HASH = f"--hash=sha256:{'0' * 64}"


def test_every_package_of_the_image_is_listed_once_at_its_locked_version() -> None:
    made = json.loads(document(LOCKED, "3.13"))
    listed = {each["name"]: each["version"] for each in made["components"]}
    assert len(listed) == len(made["components"])
    locked = {name: version for lock in LOCKED for name, version in pins(lock).items()}
    assert listed.items() <= locked.items()
    assert {"discord-py", "slack-sdk", "httpx", "tzdata", "audioop-lts"} <= listed.keys()
    assert not {"pytest", "colorama"} & listed.keys(), "neither of developers nor of Windows"
    assert all(each["hashes"] for each in made["components"])
    assert made["metadata"]["component"]["version"] == __version__
    [program] = [each for each in made["dependencies"] if each["ref"] == "program"]
    assert len(program["dependsOn"]) == len(listed)


def test_the_locks_are_those_that_the_image_installs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    [installed] = re.findall(r'^ARG LOCKS="(.*)"$', dockerfile, re.MULTILINE)
    assert tuple(installed.split()) == LOCKS


def test_what_reads_such_lists_can_read_it() -> None:
    made = document(LOCKED, "3.13")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made.replace("library", "lorry"))


def test_the_same_locks_have_the_same_serial_number() -> None:
    numbers = {json.loads(document(LOCKED, "3.13"))["serialNumber"] for _ in range(2)}
    other = json.loads(document(LOCKED[:1], "3.13"))["serialNumber"]
    assert len(numbers) == 1
    assert other not in numbers


@pytest.mark.parametrize(
    ("line", "there"),
    [
        (f"httpx==0.28.1 \\\n    {HASH}\n", True),
        (f"audioop-lts==0.2.2 ; python_full_version >= '3.13' \\\n    {HASH}\n", True),
        (f"backport==1.0 ; python_full_version < '3.12' \\\n    {HASH}\n", False),
        (f"colorama==0.4.6 ; sys_platform == 'win32' \\\n    {HASH}\n", False),
    ],
)
def test_a_package_is_listed_where_the_image_has_it(line: str, there: bool) -> None:
    assert bool(components(line, "3.13")) is there


def test_a_line_that_is_no_package_is_no_empty_list() -> None:
    with pytest.raises(ValueError, match="not a line of a lock"):
        components("-e .", "3.13")
    with pytest.raises(ValueError, match="names no Python"):
        python_of_the_image("FROM scratch")
    assert python_of_the_image((ROOT / "Dockerfile").read_text("utf-8")) == "3.13"
