"""The commands that change how and what a channel is posted to: pause, resume, resend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.arguments import ChannelOption, channel_of, command_line_user
from bot.cli.common import ConfigOption, QuietOption, VerboseOption, begin, show_answer

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.model import Reply


def pause(
    ctx: typer.Context,
    channel: ChannelOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Stop posting in a channel until it is resumed; new papers are kept.

    \b
    Example: daily-papers pause --channel console:
    """

    async def command(bot: Bot) -> Reply:
        return await bot.chat().changes.pause(await channel_of(bot, channel), command_line_user())

    show_answer(begin(ctx, config, verbose, quiet), command)


def resume(
    ctx: typer.Context,
    channel: ChannelOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Resume posting in a channel, whoever or whatever had paused it.

    \b
    Example: daily-papers resume --channel console:
    """

    async def command(bot: Bot) -> Reply:
        return await bot.chat().changes.resume(await channel_of(bot, channel), command_line_user())

    show_answer(begin(ctx, config, verbose, quiet), command)


def resend(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", hidden=True)],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Resend a post that is held or dead.

    KEY is what status shows. Look in the channel first: a held post may have arrived.

    \b
    Example: daily-papers resend 9b740e8d
    """

    async def command(bot: Bot) -> Reply:
        return await bot.chat().changes.resend(None, key)

    show_answer(begin(ctx, config, verbose, quiet), command)
