"""What all commands share: options, where the configuration is, how errors are shown."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli import terminal
from bot.cli.references import repeat_config
from bot.errors import BotError, UserError
from bot.redaction import hide, hide_addresses

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.config import Config
    from bot.model import Reply

logger = logging.getLogger(__name__)

DEFAULT_CONFIG = Path("bot.toml")
CONTAINER_CONFIG = Path("/data/bot.toml")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration. Without it: bot.toml here, else /data/bot.toml.",
        show_default=False,
    ),
]
_VERBOSE = "Log every step on standard error."
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help=_VERBOSE)]
LongVerboseOption = Annotated[bool, typer.Option("--verbose", help=_VERBOSE)]
_QUIET = "Print results and errors only: no progress, notes or warnings."
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help=_QUIET)]
LongQuietOption = Annotated[bool, typer.Option("--quiet", help=_QUIET)]
JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options of every command; they may also be given before the command."""

    config: Path | None = None
    verbose: bool = False
    quiet: bool = False


def begin(
    ctx: typer.Context, config: Path | None, verbose: bool = False, quiet: bool = False
) -> GlobalOptions:
    """The options of this call, given before or after the command. Sets up logging and notes."""
    from bot.monitoring import logs

    before: GlobalOptions = ctx.obj
    options = GlobalOptions(
        config or before.config, verbose or before.verbose, quiet or before.quiet
    )
    terminal.be_quiet(options.quiet)
    logs.set_up(
        verbose=options.verbose, quiet=options.quiet, has_colour=terminal.errors_have_colour
    )
    return options


@contextmanager
def plain_errors() -> Iterator[None]:
    """An error of ours becomes a sentence and an exit status, without a traceback."""
    try:
        yield
    except BotError as error:
        terminal.complain(str(error))
        raise typer.Exit(terminal.exit_status(error)) from error


def configured(
    options: GlobalOptions,
    *,
    secrets: bool = False,
    needs_contact: bool = False,
    may_write: bool = False,
) -> Config:
    """Loads the configuration of this call. Raises ConfigError.

    With ``may_write``, a file that is not there is written if the environment names a contact.
    """
    from bot import config as configuration
    from bot.config import new_file
    from bot.monitoring import logs

    path = options.config
    if path is not None:
        repeat_config(path)
    if path is None:
        path = default_config()
    environ = configuration.environment()
    written = ""
    if may_write and not os.path.lexists(path):
        written = new_file.at_first_start(path, environ)
    loaded = configuration.load(path, environ, need_secrets=secrets, needs_contact=needs_contact)
    for platform in loaded.platforms.values():
        hide(secret.reveal() for secret in platform.secrets.values())
    hide(loaded.encryption_keys)
    hide_addresses(loaded.private_addresses())
    logs.write_as(loaded.log.format)
    if written and logger.isEnabledFor(logging.INFO):
        logger.info("first start: %s", written)
    elif written:
        terminal.note(f"First start: {written}.")
    for warning in loaded.warnings:
        logger.warning("environment: %s", warning)
    return loaded


def default_config() -> Path:
    """The configuration of a call that names none."""
    in_container = os.path.exists(CONTAINER_CONFIG) and not os.path.exists(DEFAULT_CONFIG)
    return CONTAINER_CONFIG if in_container else DEFAULT_CONFIG


def show_answer(
    options: GlobalOptions,
    query: Callable[[Bot], Coroutine[Any, Any, Reply]],
    *,
    as_json: bool = False,
    needs_contact: bool = False,
) -> Reply:
    """Run a query or a command, beside the service that may be running, and show the reply."""
    import asyncio

    from bot.app.wiring import open_bot

    async def run(settings: Config, progress: Callable[[str], None]) -> Reply:
        async with open_bot(settings, serving=False, progress=progress) as bot:
            return await query(bot)

    with plain_errors():
        with terminal.progress() as progress:
            settings = configured(options, needs_contact=needs_contact)
            reply = asyncio.run(run(settings, (lambda _: None) if as_json else progress))
        terminal.show_reply(reply, as_json=as_json)
        return reply


def write_new(file: Path, text: str, mode: int = 0o666) -> None:
    """Write a file that does not exist yet: whole, or not at all. Raises UserError."""
    from bot.private_files import reason

    try:
        opener = partial(os.open, mode=mode)
        with open(file, "x", encoding="utf-8", newline="", opener=opener) as new:
            try:
                new.write(text)
                new.flush()
            except OSError:  # a part of it would be in the way of the next try
                file.unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        raise UserError(f"{file} exists already, and stays as it is.") from error
    except OSError as error:
        raise UserError(f"{file} can't be written: {reason(error, file)}") from error
