"""The commands that do the work: run, once, page."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.cli import terminal
from bot.cli.common import (
    ConfigOption,
    QuietOption,
    VerboseOption,
    begin,
    configured,
    plain_errors,
)
from bot.references import refer_to

if TYPE_CHECKING:
    from bot.app.bot import RunSummary
    from bot.chat.reports import ChannelStatus, StatusReport
    from bot.config import Config
    from bot.model.views import RunView

DEFAULT_PAGE = Path("papers.md")  # in the working directory
DRY_RUN = "Dry run: posts are only shown here. Nothing is sent, and nothing is kept."
SUMMARISED_CHANNELS = 10  # how many once lists at its end


def run(
    ctx: typer.Context,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run as a service.

    Looks for new papers, posts them at each channel's time, and listens to people in the chat.
    Ctrl-C or SIGTERM ends it once what is being sent is settled. SIGHUP makes it reread bot.toml.
    It waits for a database server that does not answer. Exit status 1: something kept failing.

    \b
    Example: daily-papers run
    """
    import asyncio

    from bot.app.reloads import Reloads

    options = begin(ctx, config, verbose=not quiet, quiet=quiet)

    def settings(*, may_write: bool = False) -> Config:
        return configured(options, secrets=True, needs_contact=True, may_write=may_write)

    reloads = Reloads(settings)
    # Until the service has handlers of its own. Process 1 of a container would ignore SIGTERM.
    signal.signal(signal.SIGTERM, _stop_at_start)
    signal.signal(signal.SIGHUP, reloads.want)

    async def serving(now: Config) -> None:
        from bot.app.serving import serve  # not before the configuration made aiohttp safe

        await serve(now, reloads)

    with plain_errors():
        asyncio.run(serving(settings(may_write=True)))


def _stop_at_start(*_: object) -> NoReturn:
    raise SystemExit(terminal.ExitStatus.OK)


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
    quiet: QuietOption = False,
) -> None:
    """Fetch once, post what is due, and stop.

    For cron, and to try things out. Exit status 1: a fault of this machine, or a page that can't be
    written. 3: arXiv gave no complete answer. 4: posts are still waiting to be sent, or need
    somebody's decision.

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
            return summary, await bot.status_queries.status_report()

    options = begin(ctx, config, verbose, quiet)
    with plain_errors(), terminal.progress() as progress:
        settings = configured(
            options, secrets=not dry_run, needs_contact=True, may_write=not dry_run
        )
        if dry_run:
            terminal.note(DRY_RUN)
        summary, report = asyncio.run(working(settings, progress))
    _summarise(report.channels)
    news_due = sum(each.news_due for each in report.channels)
    terminal.note(outcome(summary, news_due, dry_run=dry_run))
    status = terminal.ExitStatus.OK
    if summary.waiting or summary.held:
        status = terminal.ExitStatus.POSTS_WAITING
    if local := _local_fault(report.last_run):
        terminal.complain(local)
        status = terminal.ExitStatus.FAILED
    elif not summary.complete:
        terminal.complain(
            f"arXiv gave no complete answer. What was received is kept; see: {refer_to('status')}"
        )
        status = terminal.ExitStatus.INCOMPLETE
    if summary.page_error is not None:
        terminal.complain(str(summary.page_error))
        status = terminal.exit_status(summary.page_error)
    if status:
        raise typer.Exit(status)


def _summarise(channels: Sequence[ChannelStatus]) -> None:
    """How each channel stands now, so that nobody wonders why nothing was posted."""
    from bot.text import plural

    if not channels:
        first = refer_to("add reward model", "console:")
        terminal.note(f"No channel follows anything yet. Add a first keyword: {first}")
    for status in channels[:SUMMARISED_CHANNELS]:
        terminal.note(f"{status.channel.removesuffix(':')}: {status.explanation}")
    if len(channels) > SUMMARISED_CHANNELS:
        more = plural(len(channels) - SUMMARISED_CHANNELS, "more channel")
        terminal.note(f"And {more}: {refer_to('status')}")


def outcome(summary: RunSummary, news_due: int, *, dry_run: bool) -> str:
    """What the run did: ``Posted 13 papers and 2 pieces of news to 2 channels; nothing waiting.``
    ``news_due`` pieces wait for their channel's posting time."""
    from bot.text import plural

    due = [plural(summary.due, "paper")] if summary.due else []
    due += [f"{plural(news_due, 'piece')} of news"] if news_due else []
    amounts = [
        (len(due), f"{' and '.join(due)} waiting for the posting time"),
        (summary.waiting, f"{plural(summary.waiting, 'post')} still to be sent"),
        (summary.held, f"{plural(summary.held, 'post')} waiting for somebody to decide"),
    ]
    open_ends = ", ".join(text for amount, text in amounts if amount) or "nothing waiting"
    contents = [plural(summary.papers, "paper")] if summary.papers else []
    contents += [f"{plural(summary.news, 'piece')} of news"] if summary.news else []
    contents += ["the week's most saved papers"] if summary.most_saved else []
    to = plural(summary.channels, "channel")
    named = " and ".join(filter(None, (", ".join(contents[:-1]), *contents[-1:])))
    posted = f"{named} to {to}" if contents else "nothing"
    if dry_run:
        return (
            f"Dry run: a real run now would post {posted}; {open_ends}. Nothing was sent or kept."
        )
    look = f" See: {refer_to('status')}" if summary.waiting or summary.held else ""
    return f"Posted {posted}; {open_ends}.{look}"


def _local_fault(run: RunView | None) -> str:
    """Why this machine could not send arXiv a request in this run; empty if it could."""
    from bot.errors import NoteKind

    notes = run.notes if run is not None else ()
    return next((note.text for note in notes if note.kind is NoteKind.LOCAL), "")


def page(
    ctx: typer.Context,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the page, in Markdown and HTML, and the feeds.

    Its path is in bot.toml, below [page]; without that it is papers.md in the working directory.
    The others are beside it. A file is written only if something in it changed.

    \b
    Example: daily-papers page
    """
    import asyncio

    from bot.app.wiring import open_bot
    from bot.config import PageConfig

    async def writing(settings: Config, page: PageConfig) -> bool:
        async with open_bot(settings, serving=False) as bot:
            return await bot.page_writer.write(page)

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        settings = configured(options)
        page = settings.page or PageConfig(DEFAULT_PAGE)
        path = page.path
        changed = asyncio.run(writing(settings, page))
    terminal.show(f"Wrote {path}" if changed else f"{path} is up to date.")
    if settings.page is None:
        terminal.note("bot.toml has no [page], so it went into the working directory.")
