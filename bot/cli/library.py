"""The papers that a channel has saved: ``saved``, ``export``, and ``zotero``, where they can go by
themselves. What a person saves for themselves is private, and no command here shows it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import terminal
from bot.cli.arguments import ChannelOption, FileArgument, channel_of
from bot.cli.common import (
    ConfigOption,
    JsonOption,
    QuietOption,
    VerboseOption,
    begin,
    configured,
    plain_errors,
    show_answer,
    write_new,
)
from bot.references import refer_to

if TYPE_CHECKING:
    from bot.app.bot import Bot
    from bot.config import Config
    from bot.model import Reply

STANDARD_OUTPUT = Path("-")


class Format(StrEnum):
    """The formats of an export, BibTeX, RIS or CSL-JSON, by the suffix of the file."""

    BIB = "bib"
    RIS = "ris"
    JSON = "json"


def saved(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="WORDS", hidden=True)] = None,
    page: Annotated[int, typer.Option("--page", metavar="N", min=1, help="Which page.")] = 1,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show the papers that a channel has saved, newest first.

    With WORDS only those that have all of them in title, authors, id or year.

    \b
    Examples: daily-papers saved
              daily-papers saved --page 2 --channel console:
              daily-papers saved diffusion 2026
    """
    from bot.chat.reports import SavedReport
    from bot.model import Person

    looked_for = " ".join(words or ())

    async def query(bot: Bot) -> Reply:
        where = await channel_of(bot, channel)
        return await bot.chat().library.saved(
            where, Person(""), words=looked_for.split(), page=page
        )

    reply = show_answer(begin(ctx, config, verbose, quiet), query, as_json=as_json)
    shown = reply.report
    if not as_json and isinstance(shown, SavedReport) and shown.page < shown.pages:
        following = f"saved --page {shown.page + 1} {looked_for}".strip()
        where = shown.channel if channel is not None else ""
        terminal.note(f"The next page: {refer_to(following, where)}")


def export(
    ctx: typer.Context,
    file: FileArgument,
    kind: Annotated[
        Format | None, typer.Option("--format", help="Without it, what FILE ends with.")
    ] = None,
    channel: ChannelOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the papers that a channel has saved, for reference managers.

    FILE, which must not exist yet, ends in .bib (BibTeX), .ris or .json (CSL-JSON); - is standard
    output, and needs --format.

    \b
    Examples: daily-papers export papers.bib
              daily-papers export - --format ris
    """
    import asyncio

    from bot.app.wiring import open_bot
    from bot.text import plural

    kind = kind or _format_of(file)

    async def read(settings: Config) -> tuple[str, int]:
        async with open_bot(settings, serving=False) as bot:
            return await bot.chat().library.exported(await channel_of(bot, channel), kind)

    options = begin(ctx, config, verbose, quiet)
    with plain_errors():
        text, count = asyncio.run(read(configured(options)))
        if file == STANDARD_OUTPUT:
            terminal.show_file(text)
            return
        write_new(file, text)
    terminal.show(f"Wrote {file}: {plural(count, 'paper')}.")


def _format_of(file: Path) -> Format:
    """The format that the file's suffix names. Raises a usage error."""
    if file == STANDARD_OUTPUT:
        raise typer.BadParameter("standard output needs --format bib, ris or json.")
    try:
        return Format(file.suffix.removeprefix(".").lower())
    except ValueError:
        raise typer.BadParameter(
            f"{file} does not end in .bib, .ris or .json; say which it is with --format."
        ) from None


def zotero(
    ctx: typer.Context,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show which channels' saved papers go to Zotero.

    People's own libraries are only counted. Libraries are connected in the chat, with
    /papers zotero: a key for Zotero belongs to the person who pastes it there.

    \b
    Example: daily-papers zotero
    """

    async def query(bot: Bot) -> Reply:
        return await bot.chat().libraries.overview()

    show_answer(begin(ctx, config, verbose, quiet), query)
