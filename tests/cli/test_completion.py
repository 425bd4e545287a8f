"""What the shell offers to complete: as bash asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process import forked

BOT_TOML = """\
[[channels]]
id = "console:"
keywords = ["reward model", { name = "Graphs", query = "graph network" }]
mute = ["survey", "benchmark"]
[[channels]]
id = "slack:C0123456789"
keywords = ["reinforcement learning"]
"""


def completed(folder: Path, typed: str) -> list[str]:
    """What the program answers to the script that --show-completion prints for bash."""
    words = typed.split(" ")
    done = forked.call(
        cwd=folder,
        env={
            "_DAILY_PAPERS_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    assert done.stderr == ""
    return done.stdout.strip().splitlines()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("daily-papers keyw", ["keywords"]),
        ("daily-papers once --dry", ["--dry-run"]),
        ("daily-papers keywords list --channel ", ["console:", "slack:C0123456789"]),
        ("daily-papers pause --channel sl", ["slack:C0123456789"]),
        ("daily-papers why 2603.01234 --channel con", ["console:"]),
        ("daily-papers export - --format ", ["bib", "ris", "json"]),
        ("daily-papers saved --channel con", ["console:"]),
        ("daily-papers keywords remove re", ["reward model", "reinforcement learning"]),
        ("daily-papers keywords remove --channel console re", ["reward model"]),
        ("daily-papers keywords remove gr", ["graph network"]),
        ("daily-papers keywords unmute --channel console: ", ["survey", "benchmark"]),
    ],
)
def test_commands_options_channels_and_keywords_are_completed(
    tmp_path: Path, typed: str, offered: list[str]
) -> None:
    (tmp_path / "bot.toml").write_text(BOT_TOML)
    assert completed(tmp_path, typed) == offered


@pytest.mark.parametrize(
    "text", ["", "channels = 3", "[[channels]]\nid =", '[[channels]]\nid = "a']
)
def test_a_wrong_configuration_completes_nothing_and_says_nothing(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "bot.toml").write_text(text)
    assert completed(tmp_path, "daily-papers pause --channel ") == []
