"""What all commands share: options, where the configuration is, how errors are shown."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli import terminal
from bot.cli.references import repeat_config
from bot.errors import BotError
from bot.model import Person
from bot.redaction import hide, hide_addresses

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.config import Config
    from bot.model import Reply

logger = logging.getLogger(__name__)

DEFAULT_CONFIG = Path("bot.toml")
CONTAINER_CONFIG = Path("/data/bot.toml")

# Words of a keyword may begin with a hyphen (-survey). So these commands have no short options,
# and take what they don't know as a word.
TAKES_KEYWORD = {"ignore_unknown_options": True, "help_option_names": ["--help"]}

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration. Without it: bot.toml here, else /data/bot.toml.",
        show_default=False,
    ),
]
_VERBOSE = "Tell every step on standard error."
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help=_VERBOSE)]
LongVerboseOption = Annotated[bool, typer.Option("--verbose", help=_VERBOSE)]
JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON, for programs.")]
ChannelOption = Annotated[
    str,
    typer.Option("--channel", metavar="ID", help="As in bot.toml: discord:…, slack:… or console:"),
]
# Hidden where arguments are listed, because the list would show Python's types.
KeywordArgument = Annotated[list[str], typer.Argument(metavar="KEYWORD", hidden=True)]


COMMAND_LINE_USER = Person("the command line")  # who changed something, as the chat shows it


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """The options that may stand before the command too."""

    config: Path | None
    verbose: bool


@contextmanager
def plain_errors() -> Iterator[None]:
    """An error of ours becomes a sentence and an exit status, without a traceback."""
    try:
        yield
    except BotError as error:
        terminal.note(str(error))
        raise typer.Exit(terminal.exit_status(error)) from error


def configured(
    ctx: typer.Context, config: Path | None, *, secrets: bool = False, needs_contact: bool = False
) -> Config:
    """The configuration that this call means. Raises ConfigError."""
    from bot import config as configuration
    from bot.monitoring import logs

    given: GlobalOptions = ctx.obj
    path = config or given.config
    if path is not None:
        repeat_config(path)
    if path is None:
        path = (
            CONTAINER_CONFIG
            if CONTAINER_CONFIG.exists() and not DEFAULT_CONFIG.exists()
            else DEFAULT_CONFIG
        )
    loaded = configuration.load(
        path, configuration.environment(), need_secrets=secrets, needs_contact=needs_contact
    )
    for platform in loaded.platforms.values():
        hide(secret.reveal() for secret in platform.secrets.values())
    hide_addresses(loaded.private_addresses())
    logs.write_as(loaded.log.format)
    for warning in loaded.warnings:
        logger.warning("environment: %s", warning)
    return loaded


def log_to_stderr(ctx: typer.Context, verbose: bool) -> None:
    from bot.monitoring import logs

    given: GlobalOptions = ctx.obj
    logs.set_up(verbose=verbose or given.verbose)


def show_answer(
    ctx: typer.Context,
    config: Path | None,
    verbose: bool,
    as_json: bool,
    query: Callable[[Bot], Coroutine[Any, Any, Reply]],
    *,
    needs_contact: bool = False,
) -> None:
    """Run a query or a command, beside the service that may be running, and show the reply."""
    import asyncio

    from bot.app.wiring import open_bot

    async def run(settings: Config, progress: Callable[[str], None]) -> Reply:
        async with open_bot(settings, serving=False, progress=progress) as bot:
            return await query(bot)

    log_to_stderr(ctx, verbose)
    with plain_errors():
        with terminal.progress() as progress:
            settings = configured(ctx, config, needs_contact=needs_contact)
            reply = asyncio.run(run(settings, (lambda _: None) if as_json else progress))
        terminal.show_reply(reply, as_json=as_json)


# A word of the shell's that had quotes around it: it has spaces, and is no expression.
_QUOTED = re.compile(r'(-?(?:[a-z]+:)?)((?!.*\b(?:AND|OR|NOT|ANDNOT)\b)[^"():]*\s[^"():]*)')


def keyword_from(words: Sequence[str]) -> str:
    """The keyword that is meant by these words, whatever the shell made of its quotes.

    One word is taken as it is. Among several, a phrase gets its quotes back. Raises a usage error
    for what looks like an option.
    """
    for word in words:
        if word.startswith("--"):
            raise typer.BadParameter(f"there is no option {word} here.")
    if len(words) == 1:
        return words[0]
    return " ".join(_QUOTED.sub(r'\1"\2"', w) if _QUOTED.fullmatch(w) else w for w in words)
