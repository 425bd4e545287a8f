"""What the container image is made of, as a CycloneDX document on standard output: ``./do sbom``.

Read from the locks that the image installs: the packages that their markers put onto Linux with
the Dockerfile's Python, each with its version and the hashes of the files that pip accepts for it.
Says nothing of the base image, whose maker publishes its own, and of no license, which locks do not
know. Asks nobody.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final, cast
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.markers import Marker, default_environment

from bot import __version__
from tests.locks import joined, normal

ROOT: Final = Path(__file__).parent.parent
LOCKS: Final = ("discord", "slack", "postgres")
_LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)\s*(?:;(?P<marker>[^\\]*?))?\s+--hash")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def python_of_the_image(dockerfile: str) -> str:
    """``3.13``: what the Dockerfile builds on unless somebody says otherwise."""
    found = re.search(r"^ARG BASE=python:(\d+\.\d+)-", dockerfile, re.MULTILINE)
    if found is None:
        raise ValueError("the Dockerfile names no Python to build on")
    return found[1]


def components(lock: str, python: str) -> list[Component]:
    """The packages that a lock puts onto Linux with this Python."""
    there = {
        **cast("dict[str, str]", default_environment()),
        **{"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"},
        **{"python_version": python, "python_full_version": f"{python}.0"},
    }
    found = []
    for line in joined(lock):
        package = _LINE.match(line)
        if package is None:
            raise ValueError(f"not a line of a lock: {line[:60]}")
        marker = package["marker"]
        if marker and not Marker(marker.strip()).evaluate(there):
            continue
        name, version = normal(package["name"]), package["version"]
        url = PackageURL("pypi", None, name, version)
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in _HASH.findall(line)]
        found.append(
            Component(
                type=ComponentType.LIBRARY,
                name=name,
                version=version,
                purl=url,
                bom_ref=url.to_string(),
                hashes=hashes,
            )
        )
    return found


def document(locks: list[str], python: str) -> str:
    """The same locks make the same document but for the time at which it was made."""
    program = Component(
        type=ComponentType.APPLICATION, name="daily-papers", version=__version__, bom_ref="program"
    )
    parts = {part.name: part for lock in locks for part in components(lock, python)}
    made = Bom(components=parts.values(), serial_number=uuid5(NAMESPACE_URL, "".join(locks)))
    made.metadata.component = program
    made.register_dependency(program, parts.values())
    return JsonV1Dot6(made).output_as_string(indent=2)


def main() -> None:
    texts = [(ROOT / "requirements" / f"{name}.txt").read_text("utf-8") for name in LOCKS]
    python = python_of_the_image((ROOT / "Dockerfile").read_text("utf-8"))
    sys.stdout.write(f"{document(texts, python)}\n")


if __name__ == "__main__":
    main()
