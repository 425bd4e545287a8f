"""Holds the documentation against the program: what people can type, meet or read is described."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer

from bot import config, errors
from bot.__main__ import command_line
from bot.chat import reports
from bot.chat.parse import COMMANDS
from bot.chat.replies.reasons import Cause
from bot.cli import terminal
from bot.config.keys import CHANNEL_KEYS, SECTIONS
from bot.errors import Note
from bot.model import Finding
from bot.model.views import ArchivedChannel, OpenPost, PlatformRefusal, PostedDigest, RunView
from tests.test_architecture import ROOMS

ROOT = Path(__file__).resolve().parents[1]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOW_TO_ADD = CONTRIBUTING.partition("## How to add\n")[2].partition("\n## ")[0]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

JSON_OBJECTS: dict[str, Any] = {
    "`status`": reports.StatusReport,
    "a platform in `refusals`": PlatformRefusal,
    "a channel of `status`": reports.ChannelStatus,
    "an archived channel of `status`": ArchivedChannel,
    "a digest in `posted`": PostedDigest,
    "a post in `posts`": OpenPost,
    "`last_run`, `last_complete_run`": RunView,
    "a note of a run": Note,
    "`why`": reports.PaperReport,
    "a channel of `why`": reports.PaperInChannel,
    "news of a paper in `why`": reports.NewsInChannel,
    "a keyword in `matches`": reports.MatchingKeyword,
    "`closest`": reports.ClosestKeyword,
    "`preview`": reports.PreviewReport,
    "a paper in `newest`": reports.PreviewedPaper,
    "`stats`": reports.StatisticsReport,
    "a keyword of `stats`": reports.KeywordRate,
    "a category of `stats`": reports.CategoryShare,
    "`saved`": reports.SavedReport,
    "a paper of `saved`": reports.PaperSaved,
    "`keywords list`": reports.KeywordList,
    "`keywords list --all`, each as `keywords list`": reports.AllKeywords,
    "a keyword of `keywords list`": reports.FollowedKeyword,
    "`keywords add`": reports.KeywordAdded,
    "`keywords remove`": reports.KeywordRemoved,
    "`keywords mute`": reports.KeywordMuted,
    "`keywords unmute`": reports.KeywordRemoved,
    "a finding of `check`": Finding,
}


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Every command by its words, those of groups too."""
    top = command_line()
    for name, command in top.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            for below, inner in command.commands.items():
                assert isinstance(inner, typer.core.TyperCommand)
                yield f"{name} {below}", inner
        else:
            assert isinstance(command, typer.core.TyperCommand)
            yield name, command


def sections(text: str, heading: str) -> dict[str, str]:
    """Heading → what stands below it."""
    parts = re.split(rf"^{heading} (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_its_heading(name: str) -> None:
    assert any(f"`{name}" in heading for heading in sections(CLI, "###"))


def test_every_option_of_every_command_is_described() -> None:
    general = sections(CLI, "##")["Options of every command"]
    for name, command in commands():
        [own] = [
            heading + below
            for heading, below in sections(CLI, "###").items()
            if f"`{name}" in heading
        ]
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert option in own or f"`{option}" in general, f"{name} {option}"


def test_no_command_is_described_that_is_not_there() -> None:
    described = {
        name
        for heading in sections(CLI, "###")
        for name in re.findall(r"`([a-z]+(?:[ -][a-z]+)?)", heading)
    }
    assert described == {name for name, _ in commands()}


def test_every_exit_status_is_described() -> None:
    table = sections(CLI, "##")["Exit status"]
    described = {int(row) for row in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert described == {*terminal.ExitStatus, 130}


def test_every_cause_that_status_names_is_described() -> None:
    named = re.findall(r"^\| `([a-z_]+)` \|", sections(CLI, "###")["`status`"], re.MULTILINE)
    assert sorted(named) == sorted(Cause)


def test_every_key_of_the_json_is_described() -> None:
    table = sections(CLI, "##")["JSON"]
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", table, re.MULTILINE)
    described = {name: re.findall(r"`(\w+)`", keys) for name, keys in rows}
    assert described == {
        name: [key for key, its_type in get_type_hints(kind).items() if its_type is not bytes]
        for name, kind in JSON_OBJECTS.items()
    }
    reported = {
        value
        for value in vars(reports).values()
        if inspect.isclass(value) and issubclass(value, tuple)
    }
    assert reports.StatusReport in reported
    assert reported <= set(JSON_OBJECTS.values())


def test_every_error_is_described_and_drawn_in_its_tree() -> None:
    raised = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.BotError)
    }
    described = re.findall(r"^\| `([A-Za-z]+)` \|", ERRORS, re.MULTILINE)
    assert sorted(described) == sorted(raised)
    drawn = set(
        re.findall(r"\b[A-Z][A-Za-z]+\b", (errors.__doc__ or "").partition("No foreign")[0])
    )
    assert raised <= drawn


def test_every_key_of_the_configuration_is_described() -> None:
    for key in [*CHANNEL_KEYS, *(key for keys in SECTIONS.values() for key in keys)]:
        assert f"| `{key}` |" in CONFIGURATION, key


def test_help_in_the_chat_names_what_the_command_line_offers_too() -> None:
    both = {"add", "remove", "list", "preview", "why", "saved", "export", "status", "resend"}
    offered = {name.split()[-1] for name, _ in commands()}
    assert both <= offered & set(COMMANDS)


def test_the_bot_toml_of_the_repository_is_right() -> None:
    file = ROOT / "bot.toml"
    text = file.read_text(encoding="utf-8").replace("you@example.org", "me@uni-anywhere.edu")
    assert config.check(text, file).channels.listings


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_no_link_between_pages_leads_nowhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]+\.md)?(#[\w-]+)?\)", page.read_text("utf-8")):
        other = page.parent / target if target else page
        assert other.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", other.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor[1:] in slugs


def rooms_drawn() -> list[str]:
    """The rooms below ``bot/`` in the tree of docs/design.md, in its order."""
    tree = DESIGN.partition("```text\n")[2].partition("```")[0]
    return [
        name.strip("/")
        for line in re.findall(r"^  (\S.*)$", tree, re.MULTILINE)
        for name in re.split(r"\s{2,}", line)[0].split()
    ]


def test_the_tree_that_design_draws_has_the_lowest_room_first() -> None:
    height = {name: place for place, name in enumerate(rooms_drawn())}
    for room, row in ROOMS.items():
        if room.count(".") == 1 and room.startswith("bot."):  # a part may stand higher or lower
            for other in row.rooms.split():
                if other.count(".") == 1 and other.startswith("bot."):
                    low, high = other.removeprefix("bot."), room.removeprefix("bot.")
                    assert height[low] < height[high], f"{high} imports {low}"


def test_the_tree_that_design_draws_has_every_room_and_no_other() -> None:
    drawn = rooms_drawn()
    top = {path.stem for path in (ROOT / "bot").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert sorted(drawn) == sorted(top - {"__init__", "__pycache__", "py"})


def _paths_to_add_to() -> list[str]:
    """Every path that CONTRIBUTING's "How to add" names, for each platform that has the file."""
    named = re.findall(r"`(\.?[\w<>.-]*/[\w<>./-]*|[\w-]+\.toml)`", HOW_TO_ADD)
    return sorted(set(named))


def test_contributing_names_only_places_that_exist() -> None:
    platforms = [path.name for path in (ROOT / "adapters").iterdir() if path.is_dir()]
    for named in _paths_to_add_to():
        found = [ROOT / named.replace("<name>", platform) for platform in platforms]
        assert sum(path.exists() for path in found) >= 2, named


def test_design_names_only_files_that_exist() -> None:
    named = re.findall(r"`((?:bot|adapters|tests)/[\w/.]+)`", DESIGN)
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_contributing_names_only_what_is_in_the_file() -> None:
    pairs = re.findall(r"`(\w+)` in `([\w./]+\.py)`", HOW_TO_ADD)
    assert len(pairs) > 5
    for name, path in pairs:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(class )?{name}\b", text, re.MULTILINE), f"{name} in {path}"


@pytest.mark.parametrize("thing", ["platform", "source", "command", "setting", "column", "export"])
def test_contributing_says_where_a_new_one_goes(thing: str) -> None:
    assert re.search(rf"^\*\*An? {thing}\b", HOW_TO_ADD, re.MULTILINE)
    assert len(_paths_to_add_to()) > 20
