"""The workflow of the forge, the badges and SECURITY.md, held against what they speak of."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from adapters import PLATFORMS

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW)["jobs"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [
    found[1]
    for each in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each))
]


def commands(job: str) -> str:
    return "\n".join(step["run"] for step in JOBS[job]["steps"] if "run" in step)


def badge(name: str) -> str:
    text = (ROOT / "docs" / "pictures" / f"badge-{name}.svg").read_text(encoding="utf-8")
    found = re.search(r"<title>(.*)</title>", text)
    assert found is not None
    return found[1]


def test_every_supported_python_runs_what_has_to_pass() -> None:
    assert JOBS["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert commands("test") == ".ci/run"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_a_tag_builds_wheel_and_image_and_publishes_nothing() -> None:
    assert JOBS["build"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert JOBS["build"]["needs"] == "test"
    assert "python -m build" in commands("build")
    assert "docker build" in commands("build")
    assert not re.search(r"https?://|\bpush (?!:)|publish-|secrets\.|login", WORKFLOW)
    assert yaml.safe_load(WORKFLOW)["permissions"] == {"contents": "read"}


def test_the_badges_are_true() -> None:
    assert badge("python") == f"python: {' | '.join(PYTHONS)}"
    assert badge("license") == f"license: {PROJECT['license']}"
    platforms = sorted("terminal" if name == "console" else name for name in PLATFORMS)
    assert badge("platforms").lower() == f"posts to: {' | '.join(platforms)}"


def test_the_links_of_the_security_page_lead_somewhere() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", page)
    assert targets
    assert all((ROOT / target).is_file() for target in targets)
