"""``daily-papers keywords``: list, add, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.arguments import (
    TAKES_KEYWORD,
    ChannelOption,
    FollowedKeywordArgument,
    KeywordArgument,
    channel_of,
    command_line_user,
    keyword_of,
)
from bot.cli.common import (
    ConfigOption,
    JsonOption,
    LongQuietOption,
    LongVerboseOption,
    QuietOption,
    VerboseOption,
    begin,
    show_answer,
)
from bot.cli.help import HelpfulCommand, HelpfulGroup
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.model import Reply

group = typer.Typer(
    name="keywords",
    help="List, add or remove the keywords of a channel.",
    cls=HelpfulGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command("list", cls=HelpfulCommand)
def list_them(
    ctx: typer.Context,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the keywords that a channel follows.

    \b
    Example: daily-papers keywords list --channel console:
    """

    async def query(bot: Bot) -> Reply:
        return await bot.queries.listing(await channel_of(bot, channel))

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


@group.command("add", cls=HelpfulCommand, context_settings=TAKES_KEYWORD)
def add(
    ctx: typer.Context,
    keyword: KeywordArgument,
    channel: ChannelOption = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is shown as.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
    quiet: LongQuietOption = False,
) -> None:
    """Make a channel follow a keyword.

    KEYWORD is a phrase or an expression. bot.toml shows the change at once. One that is followed
    already gets another name by --name.

    \b
    Examples: daily-papers keywords add --channel console: reward model
              daily-papers keywords add --channel console: 'au:"Ada Example" OR ti:sampling'
    """
    words = keyword_of(ctx, keyword)

    async def query(bot: Bot) -> Reply:
        where = await channel_of(bot, channel)
        _check_platform(bot, where)
        return await bot.changes.add(where, command_line_user(), words, name=name)

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


@group.command("remove", cls=HelpfulCommand, context_settings=TAKES_KEYWORD)
def remove(
    ctx: typer.Context,
    keyword: FollowedKeywordArgument,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
    quiet: LongQuietOption = False,
) -> None:
    """Make a channel stop following a keyword.

    KEYWORD may be any wording with the same meaning.

    \b
    Example: daily-papers keywords remove --channel console: reward model
    """
    words = keyword_of(ctx, keyword)

    async def query(bot: Bot) -> Reply:
        where = await channel_of(bot, channel)
        return await bot.changes.remove(where, command_line_user(), [words])

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


def _check_platform(bot: Bot, channel: str) -> None:
    """Raises UserError for a channel to which the service probably can't post."""
    platform = channel.partition(":")[0]
    if platform not in ("console", *bot.config.platforms):
        raise UserError(
            f"{platform} is off, as far as can be seen from here: there is no token in the"
            f" environment. If the service has one, add a line [{platform}] to {bot.config.path}."
        )
