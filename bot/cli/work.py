"""The commands that do the work: init, run, once, page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import terminal
from bot.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    GlobalOptions,
    VerboseOption,
    configured,
    log_to_stderr,
    plain_errors,
)
from bot.model import refer_to

if TYPE_CHECKING:
    from bot.app.bot import RunSummary
    from bot.chat.reports import ChannelStatus, StatusReport
    from bot.config import Config
    from bot.model.views import RunView

SUMMARISED_CHANNELS = 10  # of which once shows at its end


def init(ctx: typer.Context, config: ConfigOption = None) -> None:
    """Write a bot.toml to fill in, with every setting explained.

    An existing file stays as it is.

    \b
    Example: daily-papers init
    """
    from bot.config import sample

    given: GlobalOptions = ctx.obj
    path = config or given.config or DEFAULT_CONFIG
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(sample())
    except FileExistsError:
        terminal.note(f"{path} exists already, and stays as it is.")
        raise typer.Exit(terminal.ExitStatus.USAGE) from None
    except OSError as error:
        terminal.note(f"{path} can't be written: {error.strerror}.")
        raise typer.Exit(terminal.ExitStatus.FAILED) from error
    terminal.show(f"Wrote {path}. Put your contact and your keywords into it, and see what comes:")
    terminal.show("  daily-papers once --dry-run")


def run(ctx: typer.Context, config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Be the service, until it is stopped.

    Looks for new papers, posts them at each channel's time, and listens to people in the chat.
    Ctrl-C or SIGTERM ends it; what was being sent is settled first. SIGHUP lets it read bot.toml
    again. Exit status 1: something failed again and again, or no platform lets the bot in.

    \b
    Example: daily-papers run
    """
    import asyncio

    from bot.monitoring import logs

    def settings() -> Config:
        return configured(ctx, config, secrets=True, needs_contact=True)

    async def serving(now: Config | None) -> None:
        from bot.app.wiring import build_service, open_bot

        while now is not None:
            async with open_bot(now, serving=True) as bot:
                now = await build_service(bot, settings).run()

    logs.set_up(verbose=True)
    with plain_errors():
        asyncio.run(serving(settings()))


def once(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the posts here; send and change nothing.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Post all that is due, whatever the time of day.")
    ] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Fetch once, post what is due, and stop.

    For cron, and to try things out. Exit status 1: a fault of this machine. 3: arXiv gave no whole
    answer. 4: posts still wait to be sent, or a person has to decide about them.

    \b
    Example: daily-papers once --dry-run --now
    """
    import asyncio

    from bot.app.wiring import open_bot

    async def working(
        settings: Config, progress: terminal.Progress
    ) -> tuple[RunSummary, StatusReport]:
        async with open_bot(settings, serving=True, dry_run=dry_run, progress=progress) as bot:
            summary = await bot.run_once(now=now)
            return summary, await bot.queries.status_report()

    log_to_stderr(ctx, verbose)
    with plain_errors(), terminal.progress() as progress:
        settings = configured(ctx, config, secrets=not dry_run, needs_contact=True)
        summary, report = asyncio.run(working(settings, progress))
    _summarise(report.channels)
    if local := _local_fault(report.last_run):
        terminal.note(local)
        raise typer.Exit(terminal.ExitStatus.FAILED)
    if not summary.complete:
        terminal.note(
            f"arXiv gave no whole answer. What was received is kept; see: {refer_to('status')}"
        )
        raise typer.Exit(terminal.ExitStatus.INCOMPLETE)
    if summary.waiting or summary.held:
        terminal.note(f"Some posts still wait, or are held; see: {refer_to('status')}")
        raise typer.Exit(terminal.ExitStatus.POSTS_WAITING)


def _summarise(channels: Sequence[ChannelStatus]) -> None:
    """How each channel stands now, so that nobody wonders why nothing was posted."""
    for status in channels[:SUMMARISED_CHANNELS]:
        terminal.note(f"{status.channel.removesuffix(':')}: {status.explanation}")
    if len(channels) > SUMMARISED_CHANNELS:
        terminal.note(
            f"And {len(channels) - SUMMARISED_CHANNELS} more channels: {refer_to('status')}"
        )


def _local_fault(run: RunView | None) -> str:
    """Why this machine could not send arXiv a request in this run; empty if it could."""
    from bot.model import NoteKind

    notes = run.notes if run is not None else ()
    return next((note.text for note in notes if note.kind is NoteKind.LOCAL), "")


def page(ctx: typer.Context, config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Write the Markdown page of all keywords.

    The path is in bot.toml, below [page]. The file is written only if something changed.

    \b
    Example: daily-papers page
    """
    import asyncio

    from bot.app.maintenance import write_page
    from bot.app.wiring import open_bot

    async def writing(settings: Config) -> bool:
        async with open_bot(settings, serving=False) as bot:
            return await write_page(bot.store, bot.config, bot.clock)

    log_to_stderr(ctx, verbose)
    with plain_errors():
        settings = configured(ctx, config)
        changed = asyncio.run(writing(settings))
        path = settings.page.path if settings.page else DEFAULT_CONFIG
        terminal.show(f"Wrote {path}" if changed else f"{path} shows everything already.")
