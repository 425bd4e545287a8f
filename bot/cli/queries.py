"""The commands that answer a question, and change nothing: preview, status, why, check."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import terminal
from bot.cli.arguments import (
    ChannelOption,
    KeywordArgument,
    channel_id,
    channel_of,
    complete_channel,
    keyword_of,
    public,
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
)
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.config import Config
    from bot.model import Reply

MAX_PAGE_BYTES = 500_000  # GitHub renders no Markdown file that is much larger


def preview(
    ctx: typer.Context,
    keyword: KeywordArgument,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=60, help="How far to count back.")
    ] = 7,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: LongVerboseOption = False,
    quiet: LongQuietOption = False,
) -> None:
    """Show how many papers a day to expect from a keyword.

    KEYWORD is a phrase or an expression. Shows the newest few papers too; saves nothing.

    \b
    Examples: daily-papers preview reward model
              daily-papers preview 'ti:"graph network" AND cat:cs.LG ANDNOT survey'
    """
    words = keyword_of(ctx, keyword)

    async def query(bot: Bot) -> Reply:
        return await bot.chat().queries.preview(words, days)

    options = begin(ctx, config, verbose, quiet)
    show_answer(options, query, as_json=as_json, needs_contact=True)


def status(
    ctx: typer.Context,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what is waiting in each channel, and why nothing was posted.

    Also when arXiv was last queried, and with what result.

    \b
    Example: daily-papers status
    """

    async def query(bot: Bot) -> Reply:
        return await bot.status_queries.status(
            file_problem=bot.file_sync.problem or bot.file_sync.notice,
            page_problem=_page_problem(bot.config),
        )

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


def stats(
    ctx: typer.Context,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show what came to a channel in the last 30 days, by keyword and category.

    \b
    Example: daily-papers stats --channel console:
    """

    async def query(bot: Bot) -> Reply:
        return await bot.chat().queries.stats(await channel_of(bot, channel))

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


def _page_problem(config: Config) -> str:
    """A remark about a page that can't be written or is too large to be shown; empty if neither is
    so, or there is no page."""
    from bot.pages import files

    if config.page is None:
        return ""
    if problem := files.problem(config.page.files, config.page.feeds):
        return f"{problem}. {files.REMEDY}".removesuffix(".")
    try:
        size = config.page.path.stat().st_size
    except OSError:  # not written yet
        return ""
    if size <= MAX_PAGE_BYTES:
        return ""
    return (
        f"{config.page.path} has {size / 1000:,.0f} kB. GitHub shows files of up to about"
        f" {MAX_PAGE_BYTES / 1000:.0f} kB; fewer papers_per_section in [page] make it smaller"
    )


def why(
    ctx: typer.Context,
    arxiv_id: Annotated[str, typer.Argument(metavar="ARXIV_ID", hidden=True)],
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel",
            metavar="ID",
            help="One channel instead of all.",
            autocompletion=complete_channel,
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show why, where and when a paper was posted, or why not.

    ARXIV_ID is the paper's id, with or without a version, its DOI, or the address of its page.

    \b
    Example: daily-papers why 2603.01234
    """

    async def query(bot: Bot) -> Reply:
        where = None if channel is None else await public(bot, channel_id(channel))
        return await bot.chat().queries.why(arxiv_id, where)

    show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)


def check(
    ctx: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only local checks, without any request.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check everything that the bot needs.

    Files, database, clock, arXiv, each platform's token and each channel's permissions; each
    problem comes with its remedy. Exit status 1: there are problems.

    \b
    Example: daily-papers check
    """
    import asyncio

    from bot.app.wiring import open_bot
    from bot.model import Finding
    from bot.monitoring.checks import examine
    from bot.text import plural

    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            terminal.show_finding(finding)

    async def examining(
        settings: Config, progress: Callable[[str], None], *, connect: bool
    ) -> None:
        async with open_bot(settings, serving=False, connect=connect, progress=progress) as bot:
            async for finding in examine(
                bot.config,
                bot.store,
                bot.source,
                bot.platforms,
                bot.clock,
                quick=quick,
                progress=progress,
            ):
                found(finding)

    options = begin(ctx, config, verbose, quiet)
    status = terminal.ExitStatus.FAILED
    with plain_errors(), terminal.progress() as progress:
        try:
            settings = configured(options, secrets=True, needs_contact=not quick)
        except ConfigError as error:  # what does not depend on it is examined all the same
            settings = configured(options)
            status = terminal.ExitStatus.USAGE
            for each in error.mistakes:
                line = f"Line {each.line}: it" if each.line else "It"
                found(Finding(each.path, False, f"{line} {each.problem}.", each.hint))
        connect = not quick and not findings
        asyncio.run(examining(settings, progress, connect=connect))
    if as_json:
        terminal.show_json_findings(findings)
    if wrong := sum(not finding.ok for finding in findings):
        terminal.note(f"{wrong} of {plural(len(findings), 'check')} failed.")
        raise typer.Exit(status)
