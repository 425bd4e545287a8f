"""The commands that ask, or that decide about one post: preview, status, why, resend."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.common import (
    ConfigOption,
    JsonOption,
    KeywordArgument,
    LongVerboseOption,
    VerboseOption,
    answer,
    joined,
)


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
    words = joined(keyword)
    answer(
        ctx,
        config,
        verbose,
        as_json,
        lambda bot: bot.questions.preview(words, days),
        asks_arxiv=True,
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
    answer(ctx, config, verbose, as_json, lambda bot: bot.questions.status())


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
    answer(ctx, config, verbose, as_json, lambda bot: bot.questions.why(arxiv_id, channel))


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
    answer(ctx, config, verbose, False, lambda bot: bot.commands.resend(key))
