"""How answers look on a terminal: every word is there, and what is to be pasted is whole."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from bot.chat.replies.reasons import Cause
from bot.chat.reports import ChannelStatus, PaperReport, StatusReport
from bot.cli import terminal
from bot.model import Entry, Finding, Reply, Row, Section
from bot.references import address, refer_to
from tests.builders import paper

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
URL = "https://discord.com/channels/1142000000000000000/1142000000000000000/1142000000000000000"
LONG = "a keyword that is much longer than any line of a narrow terminal could ever be"
RESUME = "daily-papers resume --channel discord:1142000000000000000"


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown(
    show: Callable[[], None], monkeypatch: pytest.MonkeyPatch, columns: int = 80, **environment: str
) -> str:
    for name, value in {"TERM": "xterm-256color", "COLUMNS": str(columns), **environment}.items():
        monkeypatch.setenv(name, value)
    with redirect_stdout(Terminal()) as written:
        show()
    return written.getvalue()


def words_of(text: str) -> str:
    """Without colours, links and the ends of lines."""
    plain = re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)
    return re.sub(r"\s+", " ", plain)


def channel(name: str, cause: Cause) -> ChannelStatus:
    return ChannelStatus(
        channel=name, keywords=("a",), due=0, news_due=0, queued=0, held=0, dead=0, sent=1,
        posted=(), paused="", paused_at=None, reason="", tried_again_at=None, published_until=None,
        next_post=NOW, cause=cause, explanation="", posts=(),
    )  # fmt: skip


STATUS = Reply(
    "Last run: today 08:00, complete. 1 request, 61 fetched, 13 matched, 5 to post in all.\n"
    "  arXiv was queried by keyword, because that takes fewer requests.\n"
    "Next posting time: tomorrow 08:00.\n"
    "Time zone: Europe/Berlin.\n\n"
    "console: 2 keywords, 1 post sent\n  13 papers posted today 08:05.\n\n"
    "discord:1142000000000000000: 1 keyword\n"
    f"  Paused. To resume: {refer_to('resume', 'discord:1142000000000000000')}",
    report=StatusReport(
        now=NOW, timezone="Europe/Berlin", last_run=None, last_complete_run=None, papers=1,
        next_announcement=NOW, next_post=NOW, database="",
        channels=(
            channel("console:", Cause.ALL_POSTED),
            channel("discord:1142000000000000000", Cause.PAUSED),
        ),
    ),
)  # fmt: skip
WHY = Reply(
    "2603.01234: A Reward Model for Soup\nconsole: Posted today 08:05. It matches reward model"
    f" (in the title). {address(URL)}",
    report=PaperReport(
        paper="2603.01234", known=True, title="A Reward Model for Soup",
        url="https://arxiv.org/abs/2603.01234", first_seen=NOW, last_run=None,
        last_complete_run=None, explanation="", channels=(),
    ),
)  # fmt: skip
LIST = Reply(
    "This channel follows 2 keywords:",
    rows=(Row("reward model", "added today by Ada"), Row(LONG, "added today by bot.toml; new")),
)
PREVIEW = Reply(
    'I understand: "reward model" in title or abstract\nAbout 3 papers a week.\nThe newest:',
    entries=(Entry(paper(1), ("reward model",)),),
)
HELP = Reply("What you can say here.", sections=(Section("Keywords", "add: follow\nlist: all"),))


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("reply", [STATUS, WHY, LIST, PREVIEW, HELP])
def test_an_answer_fits_the_terminal_and_says_the_same_words(
    reply: Reply, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redirect_stdout(io.StringIO()) as piped:
        terminal.show_reply(reply, as_json=False)
    text = shown(lambda: terminal.show_reply(reply, as_json=False), monkeypatch, columns)
    assert "\x1b[" in text
    for word in words_of(piped.getvalue()).replace("(", " ").replace(")", " ").split():
        assert word.removesuffix(":") in words_of(text).replace(" ", "") + words_of(text), word
    for line in re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text).splitlines():
        to_be_pasted = RESUME in line or URL in line
        assert to_be_pasted or cell_len(line) <= min(columns, 100), line


@pytest.mark.parametrize("columns", [40, 80])
def test_a_command_and_an_address_are_never_broken(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = shown(lambda: terminal.show_reply(STATUS, as_json=False), monkeypatch, columns)
    assert RESUME in re.sub(r"\x1b\[[\d;]*m", "", status)
    why = shown(lambda: terminal.show_reply(WHY, as_json=False), monkeypatch, columns)
    assert why.count(URL) == 2, "the link's target, and its text"
    assert why.count("https://arxiv.org/abs/2603.01234") == 2


@pytest.mark.parametrize("columns", [40, 55, 80])
def test_a_number_stays_on_the_line_of_what_it_counts(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(lambda: terminal.show_reply(STATUS, as_json=False), monkeypatch, columns)
    lines = re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text)
    for counted in ("1 request,", "61 fetched,", "13 matched,", "2 keywords", "13 papers"):
        assert counted in lines


def test_an_address_is_seen_where_links_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(lambda: terminal.show_reply(PREVIEW, as_json=False), monkeypatch)
    assert paper(1).url in words_of(text)


def test_colour_is_left_out_where_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        terminal.show_reply(STATUS, as_json=False)

    coloured = re.compile(r"\x1b\[[\d;]*3\dm")
    assert coloured.search(shown(show, monkeypatch))
    assert not coloured.search(shown(show, monkeypatch, NO_COLOR="1"))
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" not in shown(show, monkeypatch, TERM="dumb")


@pytest.mark.parametrize("columns", [40, 80])
def test_what_is_wrong_is_marked_and_has_its_remedy_below(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding("data", False, "The folder can't be written to.", "chown it")
    lines = shown(lambda: terminal.show_finding(finding), monkeypatch, columns).splitlines()
    assert "✗" in lines[0]
    assert "data" in lines[0]
    assert "chown it" in words_of(lines[-1])


def test_an_answer_of_others_can_not_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(
        lambda: terminal.show_finding(Finding("x\x1b[2J", True, "y\x1b]0;z\x07")), monkeypatch
    )
    assert "\x1b[2J" not in text
    assert "\x1b]0" not in text
