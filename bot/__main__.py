"""``daily-papers``, and ``python -m bot``: the command line, put together."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from bot import __version__
from bot.cli import changes, data, keywords, queries, setup, terminal, work
from bot.cli.arguments import TAKES_KEYWORD
from bot.cli.common import ConfigOption, GlobalOptions, QuietOption, VerboseOption
from bot.cli.demo import demo
from bot.cli.references import PROGRAM
from bot.monitoring import logs

app = typer.Typer(
    name=PROGRAM,
    help="Posts the new arXiv papers for the keywords that your channels follow, once each.",
    epilog="Begin with: daily-papers init",
    no_args_is_help=True,
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
    quiet: QuietOption = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    ctx.obj = GlobalOptions(config, verbose, quiet)


app.command()(demo)
app.command()(setup.init)
app.command()(work.run)
app.command()(work.once)
app.command()(work.page)
app.command(context_settings=TAKES_KEYWORD)(queries.preview)
app.command()(queries.status)
app.command()(queries.why)
app.command()(queries.check)
app.command()(changes.pause)
app.command()(changes.resume)
app.command()(changes.resend)
app.command()(data.backup)
app.command()(data.restore)
app.command()(data.sync)
app.add_typer(keywords.group)


def main() -> None:
    """The entry point. Stays quiet where nobody reads the output any more (``| head -1``); an
    output that can't be written to is told in a sentence."""
    logs.catch_crashes()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old locale must not stop a title
    try:
        # Not app(): typer would put its own hook for crashes in the place of ours.
        typer.main.get_command(app)(prog_name=PROGRAM)
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
