"""The commented ``bot.toml`` that a host begins with, written by ``daily-papers init`` or a first
start.

Made by replacing lines of ``sample.toml``; ``tests/config/test_new_file.py`` checks that they are
still in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bot.config import CONTACT, contact_from, timezones
from bot.config.readers import InvalidValue
from bot.config.secrets import with_token
from bot.errors import ConfigError, Mistake, UserError
from bot.private_files import reason

_TIMEZONE = 'timezone = "Europe/Berlin"'
_CONTACT = 'contact = "mailto:you@example.org"   # replace with yours: arXiv asks for it'
_CHANNELS = "\n[[channels]]\n"  # the beginning of the example, which comes last
_NO_CHANNELS = """
# In a channel of {platforms}: /papers add reward model. A block like this one then appears below:
#
# [[channels]]
# id = "{example}"
# keywords = ["reward model"]
"""
_EXAMPLES = {"discord": "discord:1142000000000000000", "slack": "slack:C0123456789"}


def sample(
    *, contact: str = "", timezone: str = "", platforms: tuple[str, ...] = (), section: bool = False
) -> str:
    """The text of a new file. Its channel is the terminal, with the sample's keywords.

    With ``platforms`` it has no channel, so that nothing is posted before somebody adds a keyword
    there; with ``section`` it also has their sections, which make a missing token a mistake.
    """
    text = Path(__file__).with_name("sample.toml").read_text(encoding="utf-8")
    if timezone:
        text = text.replace(_TIMEZONE, f'timezone = "{timezone}"')
    if contact:
        text = text.replace(_CONTACT, f'contact = "{contact}"   # where arXiv can reach you')
    if platforms:
        named = " or ".join(each.capitalize() for each in platforms)
        text = text.partition(_CHANNELS)[0] + _NO_CHANNELS.format(
            platforms=named, example=_EXAMPLES[platforms[0]]
        )
    for platform in platforms if section else ():
        text = text.replace(f"\n# [{platform}]\n", f"\n[{platform}]\n")
    return text


def at_first_start(path: Path, environ: Mapping[str, str]) -> str:
    """Write the file with the settings of the environment, if that names a contact. Returns a
    sentence about it; empty if nothing was written. Raises ConfigError and UserError."""
    given = environ.get(CONTACT, "").strip()
    if not given:
        return ""
    try:
        contact = contact_from(given)
    except InvalidValue as error:
        mistake = Mistake(CONTACT, error.problem, error.hint, environment=True)
        raise ConfigError(str(path), (mistake,)) from error
    zone = timezones.of_machine(environ)
    _, warning = timezones.from_environment(environ)
    write(
        path,
        sample(contact=contact, timezone=zone, platforms=tuple(sorted(with_token(environ)))),
    )
    said = f"wrote {path}, with the contact {contact} and the time zone {zone}"
    return f"{said}; {warning}" if warning else said


def write(path: Path, text: str) -> None:
    """Write a new file, which others may read but not write. Raises UserError, also if there is a
    file already, which stays as it is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            path.unlink()
            raise
    except FileNotFoundError as error:
        raise UserError(f"{path} can't be written: make the folder {path.parent} first.") from error
    except OSError as error:
        raise UserError(f"{path} can't be written: {reason(error, path)}.") from error
