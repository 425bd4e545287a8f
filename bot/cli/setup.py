"""``daily-papers init``: a starter ``bot.toml``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from bot.cli import terminal
from bot.cli.common import DEFAULT_CONFIG, ConfigOption, GlobalOptions, plain_errors
from bot.cli.references import PROGRAM

T = TypeVar("T")


class PostTo(StrEnum):
    """Where papers are to be posted."""

    TERMINAL = "terminal"
    DISCORD = "discord"
    SLACK = "slack"


def init(
    ctx: typer.Context,
    contact: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Your e-mail or web address, for arXiv.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Such as Europe/Berlin; without it, this machine's."),
    ] = None,
    platform: Annotated[
        PostTo | None, typer.Option(help="Where to post; without it, the terminal.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write a starter bot.toml with every setting explained.

    On a terminal, and without any of its options, it asks for your address, the time zone and the
    platform. An existing file is left as it is.

    \b
    Example: daily-papers init
             daily-papers init --contact you@example.org --platform discord
    """
    from bot.config import CONTACT, contact_from, environment, new_file, timezones
    from bot.config.secrets import SECRETS

    given: GlobalOptions = ctx.obj
    path = config or given.config or DEFAULT_CONFIG
    environ = environment()
    own = timezones.of_machine(environ)
    if os.path.lexists(path):
        terminal.complain(f"{path} already exists, and is left unchanged.")
        raise typer.Exit(terminal.ExitStatus.USAGE)
    with plain_errors():
        if (contact, timezone, platform) == (None, None, None) and _on_a_terminal():
            terminal.note("arXiv writes to whoever sends too many requests before it blocks them.")
            address = _ask("Your e-mail or web address", contact_from, environ.get(CONTACT))
            zone = _ask("Time zone", timezones.known, own)
            place = _ask(
                "Where to post: terminal, discord or slack", _post_to, str(PostTo.TERMINAL)
            )
        else:
            address = _option("--contact", contact or environ.get(CONTACT, ""), contact_from)
            zone = _option("--timezone", timezone or own, timezones.known)
            place = platform or PostTo.TERMINAL
        platforms = () if place is PostTo.TERMINAL else (str(place),)
        new_file.write(
            path,
            new_file.sample(contact=address, timezone=zone, platforms=platforms, section=True),
        )
    program = PROGRAM if path == DEFAULT_CONFIG else f"{PROGRAM} --config {shlex.quote(str(path))}"
    if platforms:
        tokens = " and ".join(SECRETS[platforms[0]])
        contact_too = "" if address else "put your contact into it, "
        terminal.show(f"Wrote {path}. Now {contact_too}set {tokens} (docs/hosting.md), and then:")
        terminal.show(f"  {program} check\n  {program} run")
    else:
        missing = "" if address else "your contact and "
        terminal.show(f"Wrote {path}. Put {missing}your keywords into it, and try:")
        terminal.show(f"  {program} once --dry-run")


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(prompt: str, read: Callable[[str], T], default: str | None) -> T:
    """Asks until the answer is valid."""
    from bot.config.readers import InvalidValue

    def value(answer: str) -> T:
        try:
            return read(answer)
        except InvalidValue as error:
            hint = f" ({error.hint})" if error.hint else ""
            raise typer.BadParameter(f"{error.problem}{hint}") from error

    answer: T = typer.prompt(prompt, default=default or None, value_proc=value, err=True)
    return answer


def _post_to(answer: str) -> PostTo:
    from bot.config.readers import InvalidValue

    found = [place for place in PostTo if answer and place.startswith(answer.strip().lower())]
    if len(found) != 1:
        raise InvalidValue(f"not one of {', '.join(PostTo)}")
    return found[0]


def _option(name: str, text: str, read: Callable[[str], str]) -> str:
    """The value of an option, or empty. Raises a usage error."""
    from bot.config.readers import InvalidValue

    try:
        return read(text) if text else ""
    except InvalidValue as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise typer.BadParameter(f"{name}: {error.problem}{hint}") from error
