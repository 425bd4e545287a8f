"""``daily-papers keywords``: list, add, remove."""

from __future__ import annotations

import typer

from bot.cli.common import (
    TAKES_KEYWORD,
    ChannelOption,
    ConfigOption,
    JsonOption,
    KeywordArgument,
    LongVerboseOption,
    VerboseOption,
    answer,
    joined,
)

PERSON = "the command line"  # who added a keyword, for those who ask

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
    answer(ctx, config, verbose, as_json, lambda bot: bot.commands.listing(channel))


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
    words = joined(keyword)
    answer(ctx, config, verbose, as_json, lambda bot: bot.commands.add(channel, words, PERSON))


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
    words = joined(keyword)
    answer(ctx, config, verbose, as_json, lambda bot: bot.commands.remove(channel, words, PERSON))
