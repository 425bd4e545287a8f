"""The commands that maintain the database: backup, restore, sync; and a key for its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import terminal
from bot.cli.arguments import FileArgument
from bot.cli.common import (
    ConfigOption,
    QuietOption,
    VerboseOption,
    begin,
    configured,
    plain_errors,
)

if TYPE_CHECKING:
    from bot.config import Config


def backup(
    ctx: typer.Context,
    file: FileArgument,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Copy the database to a file, even while the bot is running.

    FILE appears when the copy is complete and verified; it may replace an older backup.

    \b
    Example: daily-papers backup papers-monday.sqlite3
    """
    from bot import store
    from bot.app.wiring import database_url

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        settings = configured(options)
        size = store.back_up(settings.bot.data, file, database_url(settings))
    terminal.show(f"Wrote {file}, {size / 1e6:.1f} MB. Keep a copy of bot.toml beside it.")


def restore(
    ctx: typer.Context,
    file: FileArgument,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Replace the database with a backup. Stop the bot first.

    FILE is verified before anything is changed, and the current database is kept beside it.

    \b
    Example: daily-papers restore papers-monday.sqlite3
    """
    from bot import store
    from bot.app.wiring import database_url
    from bot.clock import SystemClock

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        settings = configured(options)
        url = database_url(settings)
        aside = store.restore(settings.bot.data, file, SystemClock().now(), url)
    terminal.show(f"Restored {file}.")
    if aside is not None:
        terminal.show(f"What was there before is kept as {aside}.")
    terminal.note(
        "What was posted after the backup was made will be posted again. To start with only"
        ' the next day\'s papers: catch_up = "skip" in bot.toml for the first start.'
    )


def secret_key() -> None:
    """Print a new key for SECRET_KEY, which encrypts the tokens that the database keeps.

    Keep it apart from the database and its backups. To change it, put the new one before the old
    one, with a comma between them: what is encrypted with the old one is still read.

    \b
    Example: daily-papers secret-key > secret-key
    """
    from bot.vault import new_key

    terminal.show(new_key())


def sync(
    ctx: typer.Context,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also take over a bot.toml that is held back.")
    ] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Delete unreadable rows from the database.")
    ] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Synchronize bot.toml with the database now.

    Every command takes over what changed in bot.toml when it starts, and the service within
    seconds. Commands that only read write nothing into the file. A bot.toml that looks truncated,
    or that would remove more than half of what is followed, is held back until --accept. Of the
    files of several machines that share a database, the one that was accepted last may remove.

    \b
    Example: daily-papers sync --accept
    """
    import asyncio

    from bot.app.file_sync import describe
    from bot.app.wiring import open_bot

    async def synchronising(settings: Config) -> tuple[list[str], str]:
        async with open_bot(settings, serving=False, accept=accept, write_file=True) as bot:
            changes = [f"Taken over: {describe(each)}" for each in bot.file_sync.taken_over]
            if discard:
                await bot.file_sync.synchronise(discard=True)
                changes += [f"Discarded: {each}" for each in bot.file_sync.discarded]
            return changes, bot.file_sync.problem

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        changes, problem = asyncio.run(synchronising(configured(options)))
    for change in changes:
        terminal.show(change)
    if problem:  # the log has said it
        raise typer.Exit(terminal.ExitStatus.FAILED)
    if not changes:
        terminal.show("bot.toml and the database agree.")
