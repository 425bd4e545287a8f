"""The commands that keep the database: backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli import terminal
from bot.cli.common import ConfigOption, VerboseOption, configured, log_to_stderr, plain_errors

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", hidden=True)]


def backup(
    ctx: typer.Context,
    file: FileArgument,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Copy the database into a file, also while the bot runs.

    FILE appears when the copy is whole and was checked; it may replace an older backup.

    \b
    Example: daily-papers backup papers-monday.sqlite3
    """
    from bot import store

    log_to_stderr(ctx, verbose)
    with plain_errors():
        size = store.back_up(configured(ctx, config).bot.data, file)
    terminal.show(f"Wrote {file}, {size / 1e6:.1f} MB. Keep a copy of bot.toml beside it.")


def restore(
    ctx: typer.Context,
    file: FileArgument,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Put a backup in the database's place. Stop the bot first.

    FILE is checked before anything is touched, and the present database is kept beside it.

    \b
    Example: daily-papers restore papers-monday.sqlite3
    """
    from bot import store
    from bot.clock import SystemClock

    log_to_stderr(ctx, verbose)
    with plain_errors():
        aside = store.restore(configured(ctx, config).bot.data, file, SystemClock().now())
    terminal.show(f"Restored {file}.")
    if aside is not None:
        terminal.show(f"What was there before is kept as {aside}.")
    terminal.remark(
        "What was posted after the backup is new to it, and will be posted again. To begin with"
        ' the next day\'s papers alone: catch_up = "skip" in bot.toml for the first start.'
    )
