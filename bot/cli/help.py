"""The help: as wide as the terminal, coloured there, with the commands below headings.

Typer's own help with rich would take longer to load than everything else; this is its plain help,
with some words in colour on a terminal.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

MIN_WIDTH: Final = 40
MAX_WIDTH: Final = 100
NARROW: Final = 60  # columns; on less, an explanation is below its option
NARROW_COLUMN: Final = 4
WIDE_COLUMN: Final = 24

_COLOURS: Final = (
    (r"(?m)^(Usage|[A-Z][a-z ]+):(?= |$)", "bold"),
    (r"(?m)^  (-[\w-]+(, --[\w-]+)?)", "cyan"),
    (r"(?m)^  [a-z][a-z-]*(?=  |$)", "bold cyan"),
    (r"(?m)(?<=Example:)( daily-papers .*)$", "yellow"),
    (r"(?m)(?<=Examples:)( daily-papers .*)(\n +daily-papers .*)*$", "yellow"),
    (r"daily-papers init$", "yellow"),
)


class HelpfulCommand(TyperCommand):
    """A command with this help. Click's types of contexts and formatters are not public in Typer,
    so they are ``Any`` here."""

    def get_help(self, ctx: Any) -> str:
        return _help_of(self, ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return _usage_pieces(super().collect_usage_pieces(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)


class HelpfulGroup(TyperGroup):
    """The same for a group of commands."""

    def get_help(self, ctx: Any) -> str:
        return _help_of(self, ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return _usage_pieces(super().collect_usage_pieces(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The commands first, below the headings that they were registered with."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            panel = getattr(command, "rich_help_panel", None)
            text = command.get_short_help_str(limit=MAX_WIDTH)
            panels.setdefault(panel if isinstance(panel, str) else "Commands", []).append(
                (name, text)
            )
        widest = max(len(name) for names in panels.values() for name, _ in names)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(f"{name:<{widest}}", text) for name, text in rows])
        _write_options(self, ctx, formatter)


def _help_of(command: TyperCommand | TyperGroup, ctx: Any) -> str:
    formatter = ctx.make_formatter()
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        formatter.width = max(MIN_WIDTH, min(columns, MAX_WIDTH))
    command.format_help(ctx, formatter)
    text: str = formatter.getvalue().rstrip("\n")
    return _coloured(text) if sys.stdout.isatty() else text


def _usage_pieces(pieces: Sequence[str]) -> list[str]:
    """``KEYWORD...``, as everywhere, for Typer's ``{KEYWORD}...``."""
    return [re.sub(r"\{(.*)\}", r"\1", piece) for piece in pieces]


def _write_options(command: TyperCommand | TyperGroup, ctx: Any, formatter: Any) -> None:
    records = [parameter.get_help_record(ctx) for parameter in command.get_params(ctx)]
    column = NARROW_COLUMN if formatter.width < NARROW else WIDE_COLUMN
    with formatter.section("Options"):
        formatter.write_dl([each for each in records if each is not None], col_max=column)


def _coloured(text: str) -> str:
    """As rich would print it: without colours where ``NO_COLOR`` says so."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, legacy_windows=False)
    shown = Text(text)
    for pattern, style in _COLOURS:
        shown.highlight_regex(pattern, style)
    with console.capture() as capture:
        console.print(shown, soft_wrap=True, end="")
    return capture.get()
