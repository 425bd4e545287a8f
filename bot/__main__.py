"""``daily-papers``, and ``python -m bot``: the command line, put together."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from bot import __version__
from bot.cli import data, keywords, queries, terminal, work
from bot.cli.common import TAKES_KEYWORD, ConfigOption, GlobalOptions, VerboseOption
from bot.cli.demo import demo
from bot.monitoring import logs

app = typer.Typer(
    name="daily-papers",
    help="Posts the new arXiv papers for the keywords that your channels follow, once each.",
    epilog="Begin with: daily-papers init",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich's help would take longer than all else
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        terminal.show(f"daily-papers {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    ctx: typer.Context,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    ctx.obj = GlobalOptions(config, verbose)


app.command()(demo)
app.command()(work.init)
app.command()(work.run)
app.command()(work.once)
app.command()(work.page)
app.command(context_settings=TAKES_KEYWORD)(queries.preview)
app.command()(queries.status)
app.command()(queries.why)
app.command()(queries.pause)
app.command()(queries.resume)
app.command()(queries.resend)
app.command()(queries.check)
app.command()(data.backup)
app.command()(data.restore)
app.command()(data.sync)
app.add_typer(keywords.group)


def main() -> None:
    """The entry point. Stays quiet where nobody reads the output any more (``| head -1``)."""
    logs.catch_crashes()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old locale must not stop a title
    try:
        # Not app(): typer would put its own hook for crashes in the place of ours.
        typer.main.get_command(app)()
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            terminal.leave_unread(sys.stdout)


if __name__ == "__main__":
    main()
