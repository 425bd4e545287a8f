"""Holds requirements/*.txt against pyproject.toml, offline: every line pinned and hashed, every
range kept, and the locks of one mind. ``./do check`` runs it; known faults are ``tests.audit``'s.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("base", "discord", "slack", "postgres", "plots", "dev", "bench")

_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
_NEED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?\s*([^;]*)")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def faults_of_lock(name: str, text: str) -> Iterator[str]:
    """Lines that pip could not hold to one file whose bytes are known."""
    for line in joined(text):
        pin = _PIN.match(line)
        if pin is None:
            yield f"{name}: not pinned with ==: {line[:60]}"
        elif not _HASH.search(line):
            yield f"{name}: without a hash: {pin[1]}"
        elif "://" in line or line.startswith("-"):
            yield f"{name}: names an address: {pin[1]}"


def joined(text: str) -> Iterator[str]:
    """Logical lines, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if plain := re.sub(r"(^|\s)#.*", "", line).strip():
            yield plain


def pins(text: str) -> dict[str, str]:
    found = (_PIN.match(line) for line in joined(text))
    return {normal(pin[1]): pin[2] for pin in found if pin}


def faults_of_needs(name: str, needs: list[str], locked: Mapping[str, str]) -> Iterator[str]:
    """What pyproject.toml asks for and the lock does not keep."""
    for need in needs:
        found = _NEED.fullmatch(need.partition(";")[0].strip())
        if found is None or normal(found[1]) == "daily-papers":
            continue
        version = locked.get(normal(found[1]))
        if version is None:
            if ";" not in need:
                yield f"{name}: {found[1]} is not locked"
        elif not within(version, found[2]):
            yield f"{name}: {found[1]} {version} is outside {found[2]}"


def within(version: str, ranges: str) -> bool:
    """For the plain comparisons that pyproject.toml uses."""
    checks = {
        ">=": lambda a, b: a >= b,
        "<=": lambda a, b: a <= b,
        "==": lambda a, b: a == b,
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
    }
    for part in filter(None, (each.strip() for each in ranges.split(","))):
        sign = next((each for each in checks if part.startswith(each)), None)
        if sign is None or not checks[sign](numbers(version), numbers(part.removeprefix(sign))):
            return False
    return True


def numbers(version: str) -> tuple[int, ...]:
    found = [int(part) for part in re.findall(r"\d+", version)[:4]]
    return tuple(found + [0] * (4 - len(found)))


def faults() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = {
        name: (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in LOCKS
    }
    locked: dict[str, dict[str, str]] = {name: pins(text) for name, text in texts.items()}
    for name, text in texts.items():
        yield from faults_of_lock(name, text)
        yield from faults_of_needs(name, project["dependencies"], locked["base"])
        extra = project["optional-dependencies"].get(name, [])
        yield from faults_of_needs(name, extra, locked[name])
        for package, version in locked[name].items():
            for other in LOCKS:
                if locked[other].get(package, version) != version:
                    yield f"{package}: {version} in {name}, {locked[other][package]} in {other}"


if __name__ == "__main__":
    found = sorted(set(faults()))
    sys.stderr.write("".join(f"{fault}\n" for fault in found))
    sys.exit(bool(found))
