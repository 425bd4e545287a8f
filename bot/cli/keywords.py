"""``daily-papers keywords``: list, add, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bot.cli.common import (
    COMMAND_LINE_USER,
    TAKES_KEYWORD,
    ChannelOption,
    ConfigOption,
    JsonOption,
    KeywordArgument,
    LongVerboseOption,
    VerboseOption,
    keyword_from,
    show_answer,
)
from bot.core.channel_settings import parse_channel_id
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.model import Reply

group = typer.Typer(
    name="keywords",
    help="List, add or remove the keywords of a channel.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command("list")
def list_them(
    ctx: typer.Context,
    channel: ChannelOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Say which keywords a channel follows.

    \b
    Example: daily-papers keywords list --channel console:
    """

    async def query(bot: Bot) -> Reply:
        return await bot.queries.listing(parse_channel_id(channel))

    show_answer(ctx, config, verbose, as_json, query)


@group.command("add", context_settings=TAKES_KEYWORD)
def add(
    ctx: typer.Context,
    channel: ChannelOption,
    keyword: KeywordArgument,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
) -> None:
    """Let a channel follow a keyword.

    KEYWORD is a phrase or an expression. bot.toml shows the change at once.

    \b
    Examples: daily-papers keywords add --channel console: reward model
              daily-papers keywords add --channel console: 'au:"Ada Example" OR ti:sampling'
    """
    words = keyword_from(keyword)

    async def query(bot: Bot) -> Reply:
        _check_place(bot, channel)
        return await bot.changes.add(channel, COMMAND_LINE_USER, words)

    show_answer(ctx, config, verbose, as_json, query)


@group.command("remove", context_settings=TAKES_KEYWORD)
def remove(
    ctx: typer.Context,
    channel: ChannelOption,
    keyword: KeywordArgument,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
) -> None:
    """Let a channel no longer follow a keyword.

    KEYWORD may be written in any way that means the same.

    \b
    Example: daily-papers keywords remove --channel console: reward model
    """
    words = keyword_from(keyword)

    async def query(bot: Bot) -> Reply:
        return await bot.changes.remove(parse_channel_id(channel), COMMAND_LINE_USER, [words])

    show_answer(ctx, config, verbose, as_json, query)


def _check_place(bot: Bot, channel: str) -> None:
    """Raises UserError for a channel that bot.toml could not hold."""
    platform = parse_channel_id(channel).partition(":")[0]
    if platform not in ("console", *bot.config.platforms):
        raise UserError(
            f"{platform} is switched off. Add a line [{platform}] to {bot.config.path} first."
        )
