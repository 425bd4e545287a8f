"""``daily-papers demo``."""

from __future__ import annotations

import logging
import sys

import typer

from bot.cli import terminal
from bot.cli.common import QuietOption, VerboseOption, begin, plain_errors


def demo(ctx: typer.Context, verbose: VerboseOption = False, quiet: QuietOption = False) -> None:
    """Show the whole job on invented papers, in seconds.

    Three mornings with a pretend arXiv on this machine: what is posted, what is not, and what
    happens when arXiv does not answer. Needs no bot.toml, account or network, and leaves nothing
    behind. Exit status 1: something that it showed was wrong.

    \b
    Example: daily-papers demo
    """
    from bot.demo.show import show

    options = begin(ctx, None, verbose, quiet)
    if not options.verbose:  # the story itself says that arXiv did not answer
        logging.getLogger("bot").setLevel(logging.ERROR)
    with plain_errors():
        try:
            fine = show(sys.stdout)
        except OSError as error:
            terminal.leave_unread(sys.stdout)  # it may be the output that takes nothing more
            terminal.complain(f"The demo can't go on: {error.strerror or error}.")
            raise typer.Exit(terminal.ExitStatus.FAILED) from error
    if not fine:
        raise typer.Exit(terminal.ExitStatus.FAILED)
