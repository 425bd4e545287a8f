"""Parses what people type: the commands, however they are spelled, and what to answer if it is
none of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from bot.chat.replies.zotero import KEY_REFUSED
from bot.errors import UserError
from bot.model import Section
from bot.references import refer_to, without_references
from bot.text import clean
from bot.text.reading import PAPER_ADDRESS

# Name → what follows it, and what it does. The order is that of ``help``.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "add": ("KEYWORD [as NAME]", "follow a keyword here, shown under a name"),
    "remove": ("KEYWORD", "stop following it"),
    "mute": ("KEYWORD", "hide here what matches it, whichever keyword finds it"),
    "unmute": ("KEYWORD", "hide it no longer"),
    "list": ("", "what is followed and muted here"),
    "preview": ("KEYWORD", "how many papers a day to expect; saves nothing"),
    "why": ("ARXIV_ID", "why a paper was posted here, or was not"),
    "save": ("ARXIV_ID", "keep a paper; once more takes it back"),
    "saved": ("[mine] [WORDS]", "papers saved here, or by you in any channel"),
    "cite": ("ARXIV_ID", "its BibTeX, to be copied"),
    "export": ("[mine] [bib | ris | json]", "the saved papers as a file for reference managers"),
    "discuss": ("ARXIV_ID", "the thread about a paper here; opens it"),
    "zotero": ("", "send what you save to your library in Zotero"),
    "forget-me": ("", "delete what you saved, your name and your keys"),
    "status": ("", "the last run, what is waiting, and why nothing was posted"),
    "stats": ("", "what came here in a month, by keyword and category"),
    "pause": ("", "post nothing here for now; new papers are kept"),
    "resume": ("", "post again"),
    "settings": ("[NAME VALUE]", "when and how papers are posted here"),
    "resend": ("KEY", "send a post again that status shows as held or dead"),
    "help": ("", "this text"),
}
_OF_BUTTONS = frozenset({"narrow"})  # commands that an answer offers
_EXAMPLES = {
    "KEYWORD": "reward model",
    "KEYWORD [as NAME]": "reward model",
    "ARXIV_ID": "2603.01234",
    "KEY": "1f2e3d4c",
}

# What people type who are used to other bots, and the command that they mean.
_SYNONYMS: Mapping[str, str] = {
    "follow": "add", "subscribe": "add", "watch": "add", "new": "add",
    "unfollow": "remove", "unsubscribe": "remove", "delete": "remove", "del": "remove",
    "rm": "remove", "drop": "remove",
    "ls": "list", "keywords": "list", "show": "list",
    "test": "preview", "try": "preview", "search": "preview",
    "keep": "save", "bookmark": "save", "bookmarks": "saved", "library": "saved",
    "talk": "discuss", "discussion": "discuss",
    "bibtex": "cite", "bib": "cite", "forgetme": "forget-me", "forget": "forget-me",
    "explain": "why", "state": "status", "info": "status", "statistics": "stats",
    "stop": "pause", "start": "resume", "continue": "resume",
    "hide": "mute", "unhide": "unmute", "block": "mute", "unblock": "unmute",
    "set": "settings", "setting": "settings", "config": "settings",
    "?": "help", "h": "help", "-h": "help", "--help": "help", "commands": "help",
}  # fmt: skip

_EXPORT_FORMATS: Mapping[str, str] = {
    "bib": "bib", "bibtex": "bib", "biblatex": "bib", "ris": "ris", "json": "json", "csl": "json",
    "csl-json": "json",
}  # fmt: skip

_PREFIX = re.compile(r"\A\s*/?\s*papers?\b", re.IGNORECASE)
_CITED_CATEGORY = re.compile(r"\s\[[a-z-]+(?:\.[a-z-]+)?\].*", re.IGNORECASE)
# What follows the last "as", where that is not part of an expression.
_NAMED = re.compile(
    r"""(?P<keyword>.*\S)\s+as\s+(?:["“](?P<quoted>[^"“”]+)["”]|(?P<plain>[^":()]+))""", re.DOTALL
)
# 24 letters and digits, as Zotero makes them.
_KEY = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{24}(?![A-Za-z0-9])")
_PUNCTUATION = "\"'`“”„‟‘’«».,:;!/"

# The commands below the headings of ``help``, which leaves out itself.
_GROUPS = (
    ("Keywords", ("add", "remove", "mute", "unmute", "list", "preview")),
    ("Papers", ("why", "save", "saved", "cite", "export", "discuss", "status", "stats")),
    ("Posts", ("pause", "resume", "settings", "resend")),
    ("You", ("zotero", "forget-me")),
)


def parse_command(text: str) -> tuple[str, str]:
    """The command and what follows it. Nothing at all means ``help``.

    Forgives case, quotes, spaces, a slash, a leading ``papers`` and other bots' words. Raises
    UserError with the nearest command.
    """
    typed, rest = _split(text)
    name = _command_named(typed)
    if name not in COMMANDS and name not in _OF_BUTTONS:
        raise UserError(_unknown(typed, rest))
    return name, rest


def _command_named(typed: str) -> str:
    name = typed.strip(_PUNCTUATION).casefold() or "help"
    return _SYNONYMS.get(name, name)


def opens_form(text: str) -> bool:
    """Whether somebody wants to add a keyword and does not say which (``add`` or a synonym)."""
    typed, rest = _split(text)
    return not rest and _command_named(typed) == "add"


def opens_thread(text: str) -> bool:
    """Whether somebody wants to discuss a paper (``discuss`` or a synonym)."""
    typed, _ = _split(text)
    return _command_named(typed) == "discuss"


def opens_key_form(text: str) -> str:
    """Whose library is to be connected to Zotero (``zotero connect``): ``person`` or ``channel``;
    empty for any other text."""
    typed, rest = _split(text)
    if _command_named(typed) != "zotero":
        return ""
    words = rest.casefold().split()
    if not words or words[0] != "connect":
        return ""
    return {(): "person", ("mine",): "person", ("channel",): "channel"}.get(tuple(words[1:]), "")


def zotero_request(text: str) -> tuple[str, bool]:
    """What is to be done (``show``, ``disconnect``), and whether to the channel's library. Raises
    UserError for anything else: it may be a key."""
    match text.casefold().split():
        case [] | ["connect"] | ["connect", "mine" | "channel"]:
            return "show", False
        case ["disconnect"] | ["disconnect", "mine"]:
            return "disconnect", False
        case ["disconnect", "channel"]:
            return "disconnect", True
    raise UserError(KEY_REFUSED)


def refuse_key(text: str) -> None:
    """Raises UserError where a text holds what looks like a key for Zotero."""
    if any(_is_mixed(word) for word in _KEY.findall(text)):
        raise UserError(KEY_REFUSED)


def _is_mixed(word: str) -> bool:
    return any(map(str.isdigit, word)) and word.upper() != word != word.lower()


def required(command: str, argument: str) -> str:
    """The argument of a command, without spaces around it and without references.

    Raises UserError with an example where it is missing, and for a key.
    """
    refuse_key(argument)
    if plain := without_references(argument).strip():
        return plain
    what, does = COMMANDS[command]
    example = refer_to(f"{command} {_EXAMPLES[what]}")
    raise UserError(f"{command}: {does}. For example: {example}")


def keyword_and_name(text: str) -> tuple[str, str]:
    """``ti:reasoning as Reasoning`` as its two parts; no name where there is none.

    A name begins with a capital letter or a digit, or is in quotes: ``learning as inference``
    is a phrase.
    """
    found = _NAMED.fullmatch(text)
    if found is None:
        return text, ""
    keyword, quoted, plain = found["keyword"], found["quoted"], found["plain"]
    if quoted or plain[0].isupper() or plain[0].isdigit():
        return keyword, quoted or plain
    return text, ""


def page_number(text: str) -> int:
    """The page of a list that is meant; the first one if it is no number."""
    return int(text) if text.isdecimal() and len(text) < 6 else 1


def saved_request(text: str) -> tuple[bool, tuple[str, ...], int]:
    """Whether only the person's own papers are meant, the words to look for, and the page
    (``page 2 mine reward``). A word of a button is written as in an address."""
    words = text.split()
    page = 1
    if len(words) > 1 and words[0].casefold() == "page" and words[1].isdecimal():
        page, words = page_number(words[1]), words[2:]
    mine = bool(words) and words[0].casefold() == "mine"
    return mine, tuple(map(unquote, words[1:] if mine else words)), page


def export_request(text: str) -> tuple[bool, str]:
    """Whether only the person's own papers are meant, and the format. Raises UserError for an
    unknown format."""
    mine, kind = False, "bib"
    for word in text.casefold().split():
        if word == "mine":
            mine = True
        elif word.lstrip(".") in _EXPORT_FORMATS:
            kind = _EXPORT_FORMATS[word.lstrip(".")]
        else:
            raise UserError(
                f"There is no format {clean(word)[:40]}. Choose bib (BibTeX), ris or json"
                f" (CSL-JSON): {refer_to('export ris')}"
            )
    return mine, kind


def setting_and_value(text: str) -> tuple[str, str]:
    """``post_at 09:30`` or ``post_at = 09:30``."""
    name, _, value = text.replace("=", " ", 1).partition(" ")
    return name, value


def _split(text: str) -> tuple[str, str]:
    """The first word and what follows it, without a leading ``/papers``."""
    plain = _PREFIX.sub("", without_references(text), count=1)
    first, *rest = plain.split(maxsplit=1) or [""]
    return first, "".join(rest).strip()


def _unknown(typed: str, rest: str) -> str:
    near = nearest(typed.strip(_PUNCTUATION), [*COMMANDS, *_SYNONYMS])
    if near:
        meant = refer_to(f"{_SYNONYMS.get(near[0], near[0])} {rest}".strip())
        return f"There is no command {typed}. Did you mean: {meant}"
    return (
        f"There is no command {typed}. To follow that as a keyword:"
        f" {refer_to(f'add {typed} {rest}'.strip())}"
        f"\nTo see all commands: {refer_to('help')}"
    )


def nearest(typed: str, known: Sequence[str]) -> list[str]:
    """Up to three of the known words or phrases that look like the typed one, best first."""
    by_folded = {word.casefold(): word for word in known}
    return [
        by_folded[n] for n in difflib.get_close_matches(typed.casefold(), by_folded, cutoff=0.6)
    ]


def bare_id(text: str) -> str:
    """An id without the address, brackets and full stop that chats and people put around it, and
    without the category and day that follow it in a citation and on a PDF's first page
    (``arXiv:1103.01234v5 [hep-th] 1 Mar 2011``)."""
    bare = _CITED_CATEGORY.sub("", clean(text)).strip("<>()[]\"'`“”., ").partition("|")[0]
    if PAPER_ADDRESS.match(bare):
        bare = re.split("[?#]", bare)[0].rstrip("/")
    return PAPER_ADDRESS.sub("", bare, count=1)


def help_sections(settings: Iterable[str]) -> tuple[Section, ...]:
    """All commands, with the names of the ``settings`` that there are, and how keywords are
    written."""
    named = {"settings": f": {', '.join(settings)}"}
    commands = [
        Section(heading, "\n".join(_help_line(name) + named.get(name, "") for name in names))
        for heading, names in _GROUPS
    ]
    phrase = refer_to("add reward model")
    expression = refer_to('add ti:"graph neural network" AND cat:cs.LG ANDNOT abs:survey')
    written = (
        f"A phrase is searched for in titles and abstracts: {phrase}\n"
        "An expression has fields (ti: abs: au: cat: co: all:), AND, OR, ANDNOT, parentheses and"
        f" quotes: {expression}"
    )
    return (*commands, Section("How keywords are written", written))


def _help_line(name: str) -> str:
    what, does = COMMANDS[name]
    return f"{refer_to(f'{name} {what}'.strip())}: {does}"
