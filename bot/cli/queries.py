"""The commands that answer a question or decide what is posted: preview, status, why, check,
pause, resume, resend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import terminal
from bot.cli.common import (
    COMMAND_LINE_USER,
    ChannelOption,
    ConfigOption,
    JsonOption,
    KeywordArgument,
    LongVerboseOption,
    VerboseOption,
    configured,
    keyword_from,
    log_to_stderr,
    plain_errors,
    show_answer,
)
from bot.core.channel_settings import parse_channel_id

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.config import Config
    from bot.model import Finding, Reply


def preview(
    ctx: typer.Context,
    keyword: KeywordArgument,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=60, help="How far to count back.")
    ] = 7,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
) -> None:
    """Say how many papers a day a keyword would bring.

    KEYWORD is a phrase or an expression. Shows the newest few papers too; saves nothing.

    \b
    Examples: daily-papers preview reward model
              daily-papers preview 'ti:"graph network" AND cat:cs.LG ANDNOT survey'
    """
    words = keyword_from(keyword)
    show_answer(
        ctx,
        config,
        verbose,
        as_json,
        lambda bot: bot.queries.preview(words, days),
        needs_contact=True,
    )


def status(
    ctx: typer.Context,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Say what waits in each channel, and why nothing came.

    Also when arXiv was last asked, and what it answered.

    \b
    Example: daily-papers status
    """

    async def query(bot: Bot) -> Reply:
        return await bot.queries.status(file_problem=bot.file_sync.problem)

    show_answer(ctx, config, verbose, as_json, query)


def why(
    ctx: typer.Context,
    arxiv_id: Annotated[str, typer.Argument(metavar="ARXIV_ID", hidden=True)],
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="ID", help="One channel instead of all.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Say why a paper was posted, where and when, or why not.

    ARXIV_ID is the paper's id, with or without version, or the address of its page.

    \b
    Example: daily-papers why 2603.01234
    """
    show_answer(ctx, config, verbose, as_json, lambda bot: bot.queries.why(arxiv_id, channel))


def check(
    ctx: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only what is on this machine, without any request.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Check that everything is there that the bot needs.

    Files, database, clock, arXiv, each platform's token and each channel's permissions; what is
    wrong comes with its remedy. Exit status 1: something is.

    \b
    Example: daily-papers check
    """
    import asyncio

    from bot.app.wiring import open_bot
    from bot.monitoring.checks import examine

    async def examining(settings: Config) -> list[Finding]:
        async with open_bot(settings, serving=False, connect=not quick) as bot:
            return await examine(
                bot.config, bot.store, bot.source, bot.platforms, bot.clock, quick=quick
            )

    log_to_stderr(ctx, verbose)
    with plain_errors():
        settings = configured(ctx, config, secrets=True, needs_contact=not quick)
        findings = asyncio.run(examining(settings))
    terminal.show_findings(findings, as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(terminal.ExitStatus.FAILED)


def pause(
    ctx: typer.Context,
    channel: ChannelOption,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Post nothing in a channel until it is resumed; new papers are kept.

    \b
    Example: daily-papers pause --channel console:
    """
    show_answer(
        ctx,
        config,
        verbose,
        False,
        lambda bot: bot.changes.pause(parse_channel_id(channel), COMMAND_LINE_USER),
    )


def resume(
    ctx: typer.Context,
    channel: ChannelOption,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Post in a channel again, whoever or whatever had paused it.

    \b
    Example: daily-papers resume --channel console:
    """
    show_answer(
        ctx,
        config,
        verbose,
        False,
        lambda bot: bot.changes.resume(parse_channel_id(channel), COMMAND_LINE_USER),
    )


def resend(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", hidden=True)],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Send a post again that is held or dead.

    KEY is what status shows. Look into the channel before: a held post may have arrived.

    \b
    Example: daily-papers resend 9b740e8d
    """
    show_answer(ctx, config, verbose, False, lambda bot: bot.changes.resend(None, key))
