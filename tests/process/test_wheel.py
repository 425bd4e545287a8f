"""The wheel: built by what pyproject.toml names, whole, at work in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_string
from pathlib import Path

from tests.process.world import ROOT

# The program that the wheel names, as its script calls it.
CALL = """
from importlib.metadata import entry_points
import bot
print(bot.__file__, flush=True)
[program] = entry_points(group="console_scripts", name="daily-papers")
program.load()()
"""
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder.parent))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_a_wheel_has_every_file_and_runs_in_a_fresh_environment(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("bot", "adapters"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    expected = files(source / "bot") | files(source / "adapters")
    subprocess.run(
        [sys.executable, "-c", BUILD, tmp_path], cwd=source, capture_output=True, check=True
    )
    [wheel] = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
        assert names == expected
        [about] = [name for name in packed.namelist() if name.endswith("/METADATA")]
        metadata = message_from_string(packed.read(about).decode())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert "arxiv" in metadata["Keywords"].split(",")

    # As an installer unpacks it. What it depends on is there already, as this environment has it.
    fresh = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    [packages] = fresh.glob("lib/python*/site-packages")
    shutil.unpack_archive(wheel, packages, "zip")
    (packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def called(*words: str) -> str:
        done = subprocess.run(
            [fresh / "bin" / "python", "-c", CALL, *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        where, _, said = done.stdout.partition("\n")
        assert Path(where).is_relative_to(packages)
        return said

    assert "daily-papers init" in called("demo")
    assert "Wrote bot.toml" in called("init")
