"""Looks each locked version up in a database of known faults (OSV), by pip-audit.

``python -m tests.audit`` is a part of ``./do check``: a known fault fails it. Where the database
does not answer it says so and passes, because a check must work without a network; ``--needed``
(``./do audit``) fails then. That nothing could be looked up is never shown as "no known faults".
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bot.text import plural

ROOT: Final = Path(__file__).parent.parent
TIMEOUT: Final = 120  # seconds for all of it; five for each response


def look_up(locks: Sequence[Path], more: Sequence[str]) -> list[dict[str, Any]] | None:
    """What pip-audit says of each version; ``None`` if the database does not answer."""
    asked = [argument for lock in locks for argument in ("--requirement", str(lock))]
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", *more, *asked]
    command += ["--require-hashes", "--disable-pip", "--timeout", "5"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, LookupError):
        return None
    return found if any("skip_reason" not in each for each in found) else None


def verdict(found: list[dict[str, Any]] | None, *, needed: bool) -> tuple[int, list[str]]:
    """The exit status, and what to say."""
    if found is None:
        return int(needed), ["audit: nothing was looked up; the database of known faults is silent"]
    skipped = [each["name"] for each in found if "skip_reason" in each]
    faults = [
        f"audit: {each['name']} {each['version']} has {fault['id']};"
        f" mended in {', '.join(fault['fix_versions']) or 'no version yet'}"
        for each in found
        for fault in each.get("vulns", ())
    ]
    looked_up = len(found) - len(skipped)
    said = [f"audit: {looked_up} locked versions looked up, {plural(len(faults), 'fault')}"]
    said += [f"audit: not looked up: {', '.join(skipped)}"] if skipped else []
    return int(bool(faults) or (needed and bool(skipped))), faults + said


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./do audit", description=__doc__)
    parser.add_argument("--needed", action="store_true", help="fail if nothing can be looked up")
    parser.add_argument("--osv-url", help="another address of the database")
    parser.add_argument("locks", nargs="*", type=Path, help="requirements/*.txt if none is named")
    given = parser.parse_args(argv)
    locks = given.locks or sorted((ROOT / "requirements").glob("*.txt"))
    more = ["--osv-url", given.osv_url] if given.osv_url else []
    status, said = verdict(look_up(locks, more), needed=given.needed)
    sys.stdout.write("\n".join(said) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
