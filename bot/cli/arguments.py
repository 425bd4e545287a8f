"""What people type after a command: channels, and keywords however the shell split them.

Also the shell's completion of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli import terminal
from bot.cli.common import default_config
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.model import Person

# Words of a keyword may begin with a hyphen (-survey). So these commands have no short options,
# and take what they don't know as a word.
TAKES_KEYWORD = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


# -- completion -----------------------------------------------------------------------------------


def complete_channel(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids in bot.toml that begin with ``incomplete``."""
    return [each for each, _ in _listed_channels(ctx) if each.startswith(incomplete)]


def complete_keyword(ctx: typer.Context, incomplete: str) -> list[str]:
    """The keywords in bot.toml that begin with ``incomplete``: of the named channel, or of all."""
    return _complete_from(ctx, "keywords", incomplete)


def complete_mute(ctx: typer.Context, incomplete: str) -> list[str]:
    """The mutes, likewise."""
    return _complete_from(ctx, "mute", incomplete)


def _complete_from(ctx: typer.Context, key: str, incomplete: str) -> list[str]:
    named = ctx.params.get("channel")
    texts = [
        str(each["query"]) if isinstance(each, dict) else str(each)  # one with a name is a table
        for channel, block in _listed_channels(ctx)
        if named in (None, channel, channel.removesuffix(":"))
        for each in block.get(key, [])
    ]
    return [each for each in dict.fromkeys(texts) if each.startswith(incomplete)]


def _listed_channels(ctx: typer.Context) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and block of each channel in bot.toml, which shows what the database holds.

    Only reads, and fast, as the shell waits while somebody types. A wrong file has none.
    """
    import tomllib

    root = ctx.find_root()
    path: Path = ctx.params.get("config") or root.params.get("config") or default_config()
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        for block in document["channels"]:
            yield str(block["id"]), block
    except (OSError, ValueError, LookupError, TypeError):
        return


ChannelOption = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="ID",
        help="discord:…, slack:… or console:. Not needed where there is only one channel.",
        autocompletion=complete_channel,
    ),
]
# Hidden where arguments are listed, because the list would show Python's types.
KeywordArgument = Annotated[list[str], typer.Argument(metavar="KEYWORD", hidden=True)]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", hidden=True)]
FollowedKeywordArgument = Annotated[
    list[str],
    typer.Argument(metavar="KEYWORD", hidden=True, autocompletion=complete_keyword),
]
MutedKeywordArgument = Annotated[
    list[str],
    typer.Argument(metavar="KEYWORD", hidden=True, autocompletion=complete_mute),
]


# -- what was typed -------------------------------------------------------------------------------


def channel_id(typed: str) -> str:
    """The id that is meant; ``console`` does without its colon. Raises UserError."""
    from bot.core.channel_settings import parse_channel_id

    return parse_channel_id("console:" if typed == "console" else typed)


async def channel_of(bot: Bot, typed: str | None) -> str:
    """The channel that is meant: the one that was named, or the only one that there is.

    Raises UserError.
    """
    if typed is not None:
        return await public(bot, channel_id(typed))
    known = [view.channel.id for view in (await bot.status_queries.state(None)).channels]
    if len(known) == 1:
        return known[0]
    if not known:
        raise UserError("No channel follows anything yet. Name one, such as: --channel console:")
    raise UserError(f"Which channel? Name one of them with --channel: {', '.join(known)}")


async def public(bot: Bot, named: str) -> str:
    """The channel, unless it is somebody's private conversation. Raises UserError."""
    if await bot.store.owner_of(named):
        raise UserError(
            f"{named} is somebody's private conversation: they alone see and change what is"
            " followed there."
        )
    return named


def command_line_user() -> Person:
    """Who changes something here, as the chat shows it."""
    from bot.model import Person

    return Person("the command line")


# A word that the shell took out of quotes: it has spaces, and is not an expression.
_QUOTED = re.compile(r'(-?(?:[a-z]+:)?)((?!.*\b(?:AND|OR|NOT|ANDNOT)\b)[^"():]*\s[^"():]*)')


def keyword_of(ctx: typer.Context, words: Sequence[str]) -> str:
    """The keyword that is meant by these words; ``-h`` among them is a call for help."""
    if "-h" in words:
        terminal.show(ctx.get_help())
        raise typer.Exit
    return keyword_from(words)


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
