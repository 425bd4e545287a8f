"""What people see on a terminal, in a pipe and in a file, and what becomes of a digest there."""

from __future__ import annotations

import asyncio
import html
import io
import json
import os
import pty
import re
import runpy
import socket
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from fcntl import ioctl
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import PLATFORMS, Settings
from adapters.console.platform import Console
from adapters.console.render import ConsoleComposer, page_of, plain
from bot.errors import CannotTell, OutcomeUnknown, PostRefused, TryLater
from bot.model import Channel, Draft, Entry, Post, Receipt, Why
from bot.ports import Composer, Sender
from bot.text import displayed
from tests.adapters import samples
from tests.adapters.console import golden_files
from tests.adapters.console.golden_files import Case, printed
from tests.builders import paper
from tests.fakes import FakeClock

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", golden_files.CASES)
def test_a_digest_looks_as_it_did(name: str) -> None:
    """If the change is meant: python -m tests.adapters.console.golden_files"""
    assert printed(golden_files.CASES[name]) == (golden_files.FOLDER / name).read_bytes()


def test_every_golden_file_belongs_to_a_case() -> None:
    assert {path.name for path in golden_files.FOLDER.iterdir()} == set(golden_files.CASES)


def test_the_registry_leads_to_a_composer_that_is_a_sender() -> None:
    module, _, name = PLATFORMS["console"].partition(":")
    assert (module, name) == (Console.__module__, Console.__name__)
    console = Console(Settings(io.StringIO(), FakeClock()))
    composer: Composer = console.composer()
    sender: Sender = console
    assert callable(composer.compose)
    assert callable(sender.send)


def send(stream: TextIO, post: Post) -> Receipt:
    return asyncio.run(Console(Settings(stream, FakeClock())).send(post))


# What is in a digest


@pytest.mark.parametrize("count", [1, 30, 31, 300])
@pytest.mark.parametrize("colour", [False, True])
def test_no_paper_of_a_long_digest_is_dropped(count: int, colour: bool) -> None:
    digest = samples.long_day(count)
    (draft,) = ConsoleComposer().compose(digest)
    assert draft.paper_ids == tuple(entry.paper.id for entry in digest.entries)
    shown = printed(Case(digest, colour=colour, width=80)).decode()
    assert re.findall(r"abs/(2611\.\d{5})", ESCAPES.sub("", shown)) == list(draft.paper_ids)


def test_thirty_papers_are_shown_in_full_and_the_others_in_a_line_each() -> None:
    lines = printed(Case(samples.long_day(300), colour=True, width=80)).decode().splitlines()
    assert sum("Ada Example" in line for line in lines) == 30
    assert "And 270 more:" in lines
    assert len(lines) < 30 * 5 + 270 + 10


def test_the_same_digest_gives_the_same_payload() -> None:
    def payload() -> str:
        return (
            Console(Settings(io.StringIO(), FakeClock()))
            .composer()
            .compose(samples.HOSTILE_DAY)[0]
            .payload
        )

    assert payload() == payload()
    assert list(json.loads(payload())) == sorted(json.loads(payload()))
    assert json.loads(payload())["version"] == 1


@pytest.mark.parametrize(
    ("days_ago", "words"),
    [
        ((1,), "Nothing was posted Monday; these"),
        ((2, 1), "Nothing was posted Sunday and Monday; these"),
        ((4, 2, 1), "Nothing was posted Friday, Sunday and Monday; these"),
        ((8, 1), "Nothing was posted Monday 16 November and Monday 23 November; these"),
        (
            range(9, 0, -1),
            "Nothing was posted on 9 posting days, 15 Nov 2026 to 23 Nov 2026",
        ),
    ],
)
def test_the_days_that_were_missed_are_named(days_ago: tuple[int, ...], words: str) -> None:
    missed = tuple(samples.DAY - timedelta(days=days) for days in days_ago)
    digest = samples.digest(samples.entry(1, "Found Late"), missed=missed)
    assert words in printed(Case(digest)).decode()


def test_first_papers_name_their_keywords_and_how_many_these_are() -> None:
    both, older = ("reward model", "graph network"), ("reward model", "older")

    def said(*keywords: tuple[str, ...]) -> str:
        entries = [
            replace(samples.entry(number, "One"), keywords=each)
            for number, each in enumerate(keywords, 1)
        ]
        return printed(Case(samples.digest(*entries, why=Why.FIRST))).decode()

    assert said(both[:1], both[:1]).startswith("New keyword: reward model · the 2 newest papers\n")
    assert said(older, both[:1]).startswith("New keyword: reward model · the 2 newest papers\n")
    several = said(both[:1], both[1:], both)
    assert several.startswith(
        "2 new keywords · 3 of their newest papers\nFor reward model, graph network\n"
    )
    long = said(("all:" + "x" * 190,))
    assert "x… · the newest paper\n" in long, "the number survives a long keyword"


def test_a_single_paper_is_no_papers() -> None:
    first = samples.digest(samples.entry(1, "One"), why=Why.FIRST)
    assert "New keyword: reward model · the newest paper\n" in printed(Case(first)).decode()
    one = samples.digest(samples.entry(1, "One"), missed=(date(2026, 11, 23),), skipped=1)
    assert "· 1 new paper\n" in printed(Case(one)).decode()
    assert b"1 older paper left out" in printed(Case(one))


def test_a_channel_with_the_list_layout_gets_a_line_per_paper() -> None:
    channel = Channel("console:", layout="list")
    first = samples.entry(1, "One", authors=("Ada Example",))
    digest = replace(samples.digest(first, samples.entry(2, "Two")), channel=channel)
    shown = printed(Case(digest)).decode()
    assert "One\n  https://" in shown
    assert "Two\n  https://" in shown
    assert "Ada Example" not in shown
    assert "more:" not in shown


def test_a_dry_run_says_which_channel_would_get_the_digest() -> None:
    channel = Channel("discord:1142000000000000000")
    digest = replace(samples.digest(samples.entry(1, "One")), channel=channel)
    shown = printed(Case(digest)).decode()
    assert shown.startswith("discord:1142000000000000000 · ")


# Titles are data

ESCAPES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^;\x1b]*;[^\x1b]*\x1b\\")
ODD_TEXT = st.text(
    st.characters() | st.sampled_from("\x1b\x9b\x07\r\n[]\\/;|`*_\u202e\u2066\u200b\ud800"),
    max_size=80,
)


@given(ODD_TEXT, ODD_TEXT, ODD_TEXT, ODD_TEXT, st.booleans())
def test_nothing_in_a_paper_speaks_to_the_terminal(
    title: str, author: str, comment: str, keyword: str, colour: bool
) -> None:
    raw = paper(
        1, title, authors=(author, title), comment=comment, url=f"https://x.example/{title}"
    )
    shown = printed(Case(samples.digest(Entry(raw, (keyword,))), colour=colour, width=60)).decode()
    seen = ESCAPES.sub("", shown) if colour else shown
    unseen = {c for c in seen if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert unseen == {"\n"}


def test_markup_of_our_own_library_in_a_title_is_only_text() -> None:
    digest = samples.digest(samples.entry(1, "[bold]A[/bold] [red]:smile:"))
    shown = printed(Case(digest, colour=True, width=80)).decode()
    assert "[bold]A[/bold] [red]:smile:" in ESCAPES.sub("", shown)


@example("深", 1, 5)
@given(
    st.text(st.sampled_from("a深😀𝒜 \u0301é-"), min_size=1, max_size=300).filter(str.strip),
    st.integers(1, 12),
    st.sampled_from([0, 5]),
)
def test_a_terminal_however_narrow_gets_every_paper_and_every_letter_of_one_shown_whole(
    title: str, width: int, in_full: int
) -> None:
    day = replace(samples.digest(samples.entry(1, title)), in_full=in_full)
    shown = printed(Case(day, colour=True, width=width)).decode()
    assert "arxiv.org/abs/2611.00001" in shown
    if in_full:
        text = re.sub(r"\x1b\]8;[^\x1b]*\x1b\\|\x1b\[[0-9;]*m", "", shown)
        letters = re.findall(r"\w", day.entries[0].paper.title)
        assert "".join(letters) in "".join(re.findall(r"\w", text))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_every_word_is_there(width: int) -> None:
    shown = printed(Case(samples.HOSTILE_DAY, colour=True, width=width)).decode()
    lines = ESCAPES.sub("", shown).splitlines()
    addresses = {entry.paper.url for entry in samples.HOSTILE_DAY.entries}
    assert [line for line in lines if len(line) > width and line.strip() not in addresses] == []
    letters = "".join("".join(lines).split())
    for entry in samples.HOSTILE_DAY.entries:
        assert "".join(entry.paper.title.split()) in letters


# What the stream can do


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16"])
@pytest.mark.parametrize("colour", [False, True])
def test_an_encoding_that_lacks_a_letter_gets_another_one(encoding: str, colour: bool) -> None:
    case = Case(samples.HOSTILE_DAY, colour=colour, width=80, encoding=encoding)
    shown = printed(case).decode(encoding)
    assert "https://arxiv.org/abs/2611.00012" in shown
    assert "Schr" in shown


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **more}


PROGRAM = [sys.executable, "-m", "tests.adapters.samples"]


def on_a_real_terminal(**more: str) -> str:
    """What a terminal 50 columns wide receives from a real process."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as reader:
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
        process = subprocess.Popen(
            [*PROGRAM, "3"],
            stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
            cwd=ROOT, env=environment(**more),
        )  # fmt: skip
        with process:
            os.close(theirs)
            received = b""
            while chunk := _read_terminal(reader):
                received += chunk
            assert process.stderr is not None
            assert process.stderr.read() == b"console:k1\n"
    return received.decode()


def _read_terminal(reader: io.RawIOBase) -> bytes:
    try:
        return reader.read(4096) or b""
    except OSError:  # so Linux says that the other side has closed
        return b""


def test_a_terminal_gets_colour_and_links() -> None:
    shown = on_a_real_terminal(TERM="xterm-256color")
    assert "\x1b]8;" in shown
    assert "\x1b[1;36mStudy number 1" in shown


def test_a_terminal_without_links_shows_each_address_whole() -> None:
    shown = on_a_real_terminal(TERM="xterm-256color")
    seen = [line.strip() for line in ESCAPES.sub("", shown).splitlines()]
    assert [f"https://arxiv.org/abs/2611.0000{n}" in seen for n in (1, 2, 3)] == [True] * 3


def test_no_color_is_heeded() -> None:
    shown = on_a_real_terminal(TERM="xterm-256color", NO_COLOR="1")
    assert "\x1b[1mStudy number 1" in shown
    assert "36m" not in shown


def test_a_dumb_terminal_gets_plain_text_with_addresses() -> None:
    shown = on_a_real_terminal(TERM="dumb")
    assert "\x1b" not in shown
    assert "  https://arxiv.org/abs/2611.00001\r\n" in shown


def test_a_pipe_gets_plain_text() -> None:
    done = subprocess.run([*PROGRAM, "2"], capture_output=True, cwd=ROOT, env=environment())
    assert done.stdout == printed(Case(samples.long_day(2)))
    assert b"\x1b" not in done.stdout


def test_an_ascii_pipe_is_no_reason_to_crash() -> None:
    more = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run([*PROGRAM, "2"], capture_output=True, cwd=ROOT, env=environment(**more))
    assert done.stderr == b"console:k1\n"
    assert done.stdout == printed(Case(samples.long_day(2), encoding="ascii"))


def test_the_picture_in_the_readme_shows_what_the_console_prints() -> None:
    """If the change is meant: python docs/make_digest_picture.py"""
    maker = runpy.run_path(str(ROOT / "docs" / "make_digest_picture.py"))
    svg = (ROOT / "docs" / "digest.svg").read_text(encoding="utf-8")
    seen = html.unescape(re.sub(r"<[^>]*>", "", svg)).replace("\u00a0", " ")
    printed_lines = ESCAPES.sub("\n", maker["on_a_terminal"](maker["sample"]())).splitlines()
    assert [line for line in printed_lines if line.strip() not in seen] == []
    assert sum("cs.CL" in line for line in printed_lines) == 2
    assert re.findall(r"@font-face|@import|url\((?!#)|(?:src|href)=", svg) == []


# What becomes of it


def draft_of(count: int) -> Draft:
    return ConsoleComposer().compose(samples.long_day(count))[0]


def test_a_digest_that_was_printed_has_a_receipt() -> None:
    stream = io.StringIO()
    receipt = send(stream, samples.post(draft_of(1), key="abc"))
    assert receipt.message_id == "console:abc"
    assert "Study number 1" in stream.getvalue()


def test_a_terminal_cannot_tell_what_it_has_shown() -> None:
    with pytest.raises(CannotTell, match="keeps no record"):
        asyncio.run(Console(Settings(io.StringIO(), FakeClock())).find(samples.post(draft_of(1))))


@pytest.mark.parametrize(
    "payload",
    ["", "{}", "[]", "null", '{"version":2}', '{"version":1}', '{"version":1,"items":[{"a":1}]}'],
)
def test_a_payload_that_is_not_ours_is_refused_and_nothing_is_shown(payload: str) -> None:
    stream = io.StringIO()
    with pytest.raises(PostRefused):
        send(stream, samples.post(Draft(payload, ())))
    assert stream.getvalue() == ""


def test_the_whole_digest_goes_out_at_one_go_after_what_was_said_before() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, open(theirs.fileno(), "w", encoding="utf-8", closefd=False) as stream:
        stream.write("Said before.\n")
        send(stream, samples.post(draft_of(40)))
        assert ours.recv(1 << 20) == b"Said before.\n"
        assert ours.recv(1 << 20) == printed(Case(samples.long_day(40)))


@contextmanager
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    reader, writer = os.pipe()
    stream = open(writer, "w", encoding="utf-8")  # noqa: SIM115 - closed below
    try:
        yield reader, stream
    finally:
        stream.close()  # would raise if the digest's bytes were left in the buffer


def test_a_digest_that_nobody_can_have_read_is_kept_for_later() -> None:
    with pipe() as (reader, stream):
        os.close(reader)
        with pytest.raises(TryLater, match="Nobody reads the output any more"):
            send(stream, samples.post(draft_of(2)))


def test_a_closed_output_is_tried_again_later() -> None:
    with pipe() as (reader, stream):
        os.close(reader)
        stream.close()
        with pytest.raises(TryLater, match="closed"):
            send(stream, samples.post(draft_of(2)))


def test_a_digest_of_which_a_part_may_have_been_read_is_uncertain() -> None:
    with pipe() as (reader, stream):
        os.set_blocking(stream.fileno(), False)  # a pipe takes 64 KiB, then no more
        try:
            with pytest.raises(OutcomeUnknown, match="A part of the digest"):
                send(stream, samples.post(draft_of(2000)))
        finally:
            os.close(reader)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_and_the_digest_kept() -> None:
    with (
        open("/dev/full", "w", encoding="utf-8") as stream,
        pytest.raises(TryLater, match=r"disk .* is full"),
    ):
        send(stream, samples.post(draft_of(2)))


def into_a_closing_pipe(count: int, read: int) -> tuple[int, str]:
    """Exit status and standard error of a real process whose reader leaves after ``read`` bytes."""
    process = subprocess.Popen(
        [*PROGRAM, str(count)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        if read:
            process.stdout.read1(read)  # type: ignore[attr-defined]
        process.stdout.close()
        said = process.stderr.read().decode()
    return process.returncode, said


def test_a_reader_that_left_before_leaves_no_traceback() -> None:
    status, said = into_a_closing_pipe(3, read=0)
    assert status == 0
    assert said.startswith("TryLater: Nobody reads the output any more")
    assert said.count("\n") == 1


def test_a_reader_that_leaves_in_the_middle_leaves_no_traceback() -> None:
    status, said = into_a_closing_pipe(2000, read=1000)
    assert status == 0
    assert said.startswith("OutcomeUnknown: Nobody reads the output any more")
    assert said.count("\n") == 1


def test_badges_are_beside_the_day_and_an_address_has_its_own_line() -> None:
    comment = "Accepted at ICML 2026. Code: https://github.com/muster/slow_paper"
    known = Entry(displayed(paper(1, comment=comment)), ("reward model",))
    shown = plain(page_of(replace(samples.PLAIN_DAY, entries=(known,))))
    assert " · ICML 2026 · 2603.00001 · reward model\n" in shown
    assert "\n  code: https://github.com/muster/slow_paper\n" in shown
