"""The help on a terminal and in a pipe."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import typer

from bot.__main__ import command_line


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(columns: int, monkeypatch: pytest.MonkeyPatch, *words: str, **environment: str) -> str:
    """The help as it is made for a terminal."""
    for name, value in {"TERM": "xterm-256color", "COLUMNS": str(columns), **environment}.items():
        monkeypatch.setenv(name, value)
    with redirect_stdout(Terminal()):
        return help_of(*words)


def help_of(*words: str) -> str:
    command: typer.core.TyperGroup | typer.core.TyperCommand = command_line()
    context = typer.Context(command, info_name="daily-papers")
    for word in words:
        assert isinstance(command, typer.core.TyperGroup)
        found = command.get_command(context, word)
        assert isinstance(found, typer.core.TyperGroup | typer.core.TyperCommand)
        command = found
        context = typer.Context(command, info_name=word, parent=context)
    return command.get_help(context)


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("words", [(), ("once",), ("preview",), ("keywords", "add")])
def test_help_fits_the_terminal(
    columns: int, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    colourful = shown(columns, monkeypatch, *words)
    assert "\x1b[" in colourful
    lines = without_colour(colourful).splitlines()
    text = [line for line in lines if " daily-papers " not in line]  # to be pasted: never broken
    assert max(map(len, text)) <= min(columns, 100)


def test_all_options_look_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(80, monkeypatch)
    looks = re.findall(r"\x1b\[([\d;]*)m *(?:-\w, )?--(?:quiet|version|help|config)", text)
    assert looks == ["36"] * 4


def test_help_has_no_colour_where_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(r"\x1b\[[\d;]*3\d", shown(80, monkeypatch))
    assert not re.search(r"\x1b\[[\d;]*3\d", shown(80, monkeypatch, NO_COLOR="1"))
    assert "\x1b" not in help_of()


def test_help_lists_every_command_whole_below_a_heading() -> None:
    lines = help_of().splitlines()
    assert "Ask:" in lines
    assert any(re.fullmatch(r"  status +Show what is waiting .*", line) for line in lines)
    assert "..." not in "".join(lines[1:])


def test_help_and_version_load_nothing_of_the_bots_rooms() -> None:
    """Help has to be there at once; the classes of the model alone take a quarter longer."""
    script = """if True:
        import contextlib, sys
        from bot.__main__ import app
        for words in (["--help"], ["once", "--help"], ["--version"]):
            with contextlib.suppress(SystemExit):
                app(words)
        print(*{name.split(".")[1] for name in sys.modules if name.startswith("bot.")})
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    *shown, version, rooms = done.stdout.splitlines()
    assert sum("Usage: " in line for line in shown) == 2
    assert version.startswith("daily-papers ")
    allowed = {"__main__", "cli", "errors", "monitoring", "redaction", "references"}
    assert set(rooms.split()) <= allowed


def test_status_loads_nothing_of_arxivs_client_the_pages_or_citations(tmp_path: Path) -> None:
    """It asks the database alone; a seventh of its start was spent on these."""
    (tmp_path / "bot.toml").write_text('[[channels]]\nid = "console:"\nkeywords = ["graph"]\n')
    script = """if True:
        import contextlib, sys
        from bot.__main__ import app
        with contextlib.suppress(SystemExit):
            app(["status"])
        print(*sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *shown, loaded = done.stdout.splitlines()
    assert any(line.startswith("console: 1 keyword") for line in shown)
    unneeded = {
        "aiohttp",
        "apscheduler",
        "bibtexparser",
        "bot.arxiv.source",
        "bot.pages.html",
        "bot.text.venues",
        "httpx",
        "jinja2",
        "matplotlib",
        "pylatexenc",
    }
    assert unneeded.isdisjoint(loaded.split())
