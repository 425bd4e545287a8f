"""``daily-papers keywords``: list, add, remove, mute, unmute, export, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import terminal
from bot.cli.arguments import (
    TAKES_KEYWORD,
    ChannelOption,
    FileArgument,
    FollowedKeywordArgument,
    KeywordArgument,
    MutedKeywordArgument,
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
    configured,
    plain_errors,
    show_answer,
    write_new,
)
from bot.cli.help import HelpfulCommand, HelpfulGroup
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.config import Config
    from bot.model import Reply

OptionalFileArgument = Annotated[Path | None, typer.Argument(metavar="FILE", hidden=True)]

group = typer.Typer(
    name="keywords",
    help="List, add, remove or mute the keywords of a channel; export and import those of all.",
    cls=HelpfulGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command("list", cls=HelpfulCommand)
def list_them(
    ctx: typer.Context,
    channel: ChannelOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="All channels, also those that bot.toml does not show.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """List what a channel follows and mutes, or what all of them do.

    \b
    Examples: daily-papers keywords list --channel console:
              daily-papers keywords list --all
    """
    if every and channel is not None:
        raise typer.BadParameter("give --all or --channel, not both.")

    async def query(bot: Bot) -> Reply:
        if every:
            return await bot.chat().queries.all_listings()
        return await bot.chat().queries.listing(await channel_of(bot, channel))

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

    KEYWORD is a phrase or an expression, perhaps with a name: 'ti:reasoning as Reasoning'. bot.toml
    shows the change at once. With another name, a keyword that is followed already is renamed.

    \b
    Examples: daily-papers keywords add --channel console: reward model
              daily-papers keywords add --channel console: 'au:"Ada Example" OR ti:sampling'
    """
    from bot.chat.parse import keyword_and_name

    words, named = keyword_of(ctx, keyword), name
    if not named:
        words, named = keyword_and_name(words)

    async def query(bot: Bot) -> Reply:
        where = await channel_of(bot, channel)
        _check_platform(bot, where)
        return await bot.chat().changes.add(where, command_line_user(), words, name=named)

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
        return await bot.chat().changes.remove(where, command_line_user(), [words])

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


@group.command("mute", cls=HelpfulCommand, context_settings=TAKES_KEYWORD)
def mute(
    ctx: typer.Context,
    keyword: KeywordArgument,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
    quiet: LongQuietOption = False,
) -> None:
    """Hide in a channel what matches, whichever of its keywords finds it.

    KEYWORD is a phrase or an expression. Says how much that would have hidden lately.

    \b
    Example: daily-papers keywords mute --channel console: survey
    """
    words = keyword_of(ctx, keyword)

    async def query(bot: Bot) -> Reply:
        where = await channel_of(bot, channel)
        return await bot.chat().changes.mute(where, command_line_user(), words)

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


@group.command("unmute", cls=HelpfulCommand, context_settings=TAKES_KEYWORD)
def unmute(
    ctx: typer.Context,
    keyword: MutedKeywordArgument,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
    quiet: LongQuietOption = False,
) -> None:
    """Stop hiding what a keyword matches.

    KEYWORD may be any wording with the same meaning. What was hidden stays hidden.

    \b
    Example: daily-papers keywords unmute --channel console: survey
    """
    words = keyword_of(ctx, keyword)

    async def query(bot: Bot) -> Reply:
        where = await channel_of(bot, channel)
        return await bot.chat().changes.unmute(where, command_line_user(), words)

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


@group.command("export", cls=HelpfulCommand)
def export(
    ctx: typer.Context,
    file: OptionalFileArgument = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the keywords, mutes and settings of all channels as TOML, as bot.toml has them.

    To standard output, or into FILE, which must not exist yet. For papers and posts there is
    backup.

    \b
    Example: daily-papers keywords export channels.toml
    """
    import asyncio

    from bot.app.channel_files import exported
    from bot.app.wiring import open_bot
    from bot.text import plural

    async def read(settings: Config) -> tuple[str, int]:
        async with open_bot(settings, serving=False) as bot:
            return await exported(bot.store, bot.clock.now())

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        text, count = asyncio.run(read(configured(options)))
        if file is None:
            terminal.show(text.removesuffix("\n"))
            return
        write_new(file, text, mode=0o600)
    terminal.show(f"Wrote {file}: {plural(count, 'channel')}.")


@group.command("import", cls=HelpfulCommand)
def import_them(
    ctx: typer.Context,
    file: FileArgument,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Add the keywords, mutes and settings of a file that export wrote.

    FILE has [[channels]] blocks, as bot.toml has them; a whole bot.toml will do. Removes nothing.
    If FILE has mistakes, all of them are listed, and nothing is changed.

    \b
    Example: daily-papers keywords import channels.toml
    """
    import asyncio

    from bot import config as configuration
    from bot.app.channel_files import imported
    from bot.app.file_sync import describe
    from bot.app.wiring import open_bot
    from bot.model.snapshots import Change, Snapshot
    from bot.text import plural

    async def add(settings: Config, brought: Snapshot) -> tuple[Change, ...]:
        async with open_bot(settings, serving=False) as bot:
            who = command_line_user().name
            changes = await imported(bot.store, brought, who, bot.clock.now())
            await bot.file_sync.show_change()
            return changes

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        settings = configured(options)
        brought = configuration.read_channel_file(file, settings)
        changes = asyncio.run(add(settings, brought))
    for change in changes:
        terminal.show(f"Added: {describe(change)}")
    if not changes:
        channels = plural(len(brought.listings), "channel")
        terminal.show(f"All that {file} says about {channels} was there already.")


def _check_platform(bot: Bot, channel: str) -> None:
    """Raises UserError for a channel to which the service probably can't post."""
    platform = channel.partition(":")[0]
    if platform not in ("console", *bot.config.platforms):
        raise UserError(
            f"{platform} is off, as far as can be seen from here: there is no token in the"
            f" environment. If the service has one, add a line [{platform}] to {bot.config.path}."
        )
