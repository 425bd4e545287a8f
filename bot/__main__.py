"""``daily-papers``, and ``python -m bot``: the command line, put together."""

from __future__ import annotations

import io
import sys
from functools import cache
from typing import Annotated, cast

import typer

from bot import __version__
from bot.cli import changes, data, keywords, library, queries, setup, terminal, work
from bot.cli.arguments import TAKES_KEYWORD
from bot.cli.common import ConfigOption, GlobalOptions, QuietOption, VerboseOption
from bot.cli.demo import demo
from bot.cli.help import HelpfulCommand, HelpfulGroup
from bot.cli.references import PROGRAM
from bot.monitoring import logs

app = typer.Typer(
    name=PROGRAM,
    help="Posts the new arXiv papers for the keywords that your channels follow, once each.",
    epilog="Begin with: daily-papers init",
    cls=HelpfulGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
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
    quiet: QuietOption = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    ctx.obj = GlobalOptions(config, verbose, quiet)


for panel, commands in {
    "Start here": (demo, setup.init),
    "Post papers": (work.run, work.once, work.page),
    "Ask": (queries.preview, queries.status, queries.stats, queries.why, queries.check),
    "Use what was saved": (library.saved, library.export, library.zotero),
    "Change what is posted": (changes.pause, changes.resume, changes.resend),
    "Look after the database": (data.backup, data.restore, data.secret_key, data.sync),
}.items():
    for command in commands:
        takes_keyword = TAKES_KEYWORD if command is queries.preview else None
        app.command(cls=HelpfulCommand, context_settings=takes_keyword, rich_help_panel=panel)(
            command
        )
app.add_typer(keywords.group, rich_help_panel="Change what is posted")


@cache
def command_line() -> typer.core.TyperGroup:
    """All commands with their options, which takes some milliseconds to put together."""
    return cast(typer.core.TyperGroup, typer.main.get_command(app))


def main() -> None:
    """The entry point. Ends quietly if nobody reads the output any more (``| head -1``); says so in
    a sentence if the output can't be written."""
    logs.catch_crashes()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old locale must not stop a title
    try:
        # Not app(): typer would replace our exception hook with its own.
        command_line()(prog_name=PROGRAM)
    except terminal.OutputFailed as error:
        terminal.complain(str(error))
        sys.exit(terminal.ExitStatus.FAILED)
    except OSError:  # it may have been typer's own help that could not be written
        if not terminal.is_broken(sys.stdout, after="\n"):
            raise
        sys.exit(terminal.ExitStatus.FAILED)
    finally:
        terminal.is_broken(sys.stdout)


if __name__ == "__main__":
    main()
