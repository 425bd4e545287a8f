"""What the log contains: lines that can be read, whatever others sent us."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from bot import redaction
from bot.errors import PostRefused, UserError
from bot.monitoring import logs

ROOT = Path(__file__).parents[2]


def test_an_event_is_one_line_of_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=True)
    logging.getLogger("bot.core.deliver").info("sent key=%s attempt=%d", "abc", 2)
    line = capsys.readouterr().err
    assert line.startswith("time=20")
    assert line.endswith("Z level=info logger=bot.core.deliver event=sent key=abc attempt=2\n")


@pytest.mark.parametrize(
    ("pattern", "values", "line"),
    [
        ("sent key=%s in=%.1fs", ("a b", 2.0), 'event=sent key="a b" in=2.0s'),
        ("ping refused status=%d", (503,), 'event="ping refused" status=503'),
        ("held why=%s remedy=%s", ('say "no"', ""), r'event=held why="say \"no\"" remedy=""'),
        ("bot.toml: %s", ("is wrong",), 'event="bot.toml: is wrong"'),
        ("100 %% of=%s", ("x=y",), 'event="100 %" of="x=y"'),
        ("stopped", (), "event=stopped"),
    ],
)
def test_a_value_with_spaces_is_in_quotes(
    capsys: pytest.CaptureFixture[str], pattern: str, values: tuple[object, ...], line: str
) -> None:
    logs.set_up(verbose=True)
    logging.getLogger("bot").info(pattern, *values)
    assert capsys.readouterr().err.partition("logger=bot ")[2] == f"{line}\n"


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("has_colour", [True, False])
def test_on_a_terminal_a_line_is_for_people(has_colour: bool) -> None:
    with redirect_stderr(Terminal()) as written:
        logs.set_up(verbose=True, has_colour=lambda: has_colour)
        logs.write_as("text")
        logging.getLogger("bot.core.deliver").info("sent key=%s attempt=%d", "abc", 2)
        logging.getLogger("bot").error("gave up why=%s", "no way in")
    sent, gave_up = written.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d sent key=abc attempt=2", sent)
    level = "\x1b[31mERROR\x1b[0m" if has_colour else "ERROR"
    assert gave_up[9:] == f'{level} gave up why="no way in"'


def test_what_others_sent_can_neither_forge_a_line_nor_command_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(verbose=False)
    logging.getLogger("bot").warning("note text=%s", "a\nlevel=info\x1b[2J\u2028b\r")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert r'text="a\nlevel=info\x1b[2J\u2028b\r"' in line


def test_quiet_means_warnings_and_foreign_libraries_are_never_chatty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verbose, events in ((False, ["two"]), (True, ["one", "two"])):
        logs.set_up(verbose=verbose)
        logging.getLogger("bot.app.service").info("one")
        logging.getLogger("bot.app.service").warning("two")
        logging.getLogger("httpx").info("HTTP Request: GET http://127.0.0.1/?token=x")
        lines = capsys.readouterr().err.splitlines()
        assert [line.partition("event=")[2] for line in lines] == events


def test_an_error_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False)
    try:
        raise ValueError("here")
    except ValueError:
        logging.getLogger("bot").exception("failed job=%s", "collect")
    err = capsys.readouterr().err
    assert "level=error logger=bot event=failed job=collect\nTraceback" in err
    assert err.endswith("ValueError: here\n")


# Invented, in the shape of real ones: what must never be seen again.
CANARIES = (
    "xoxb-1111111111-2222222222-CANARYcanaryCANARYcanary",
    "xoxe.xoxp-1-CANARYcanaryCANARYcanary",
    "xapp-1-A0CANARY00-3333333333-canarycanarycanary",
    "MTE0MjAwMDAwMDAwMDAwMDAw.GCANRY.canaryCANARYcanaryCANARYcanaryCANARY1",
)
LOADED = "a loaded secret of no known shape"


@pytest.fixture
def _nothing_hidden() -> Iterator[None]:
    yield
    redaction._hidden.clear()


@pytest.mark.usefixtures("_nothing_hidden")
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("canary", [*CANARIES, LOADED])
def test_no_token_is_seen_in_a_line_an_argument_or_a_traceback(
    capsys: pytest.CaptureFixture[str], canary: str, form: str
) -> None:
    logs.set_up(verbose=True)
    logs.write_as(form)
    redaction.hide([LOADED])
    logger = logging.getLogger("bot.app.service")
    logger.info("sent with=%s and=%r", canary, {"Authorization": f"Bot {canary}"})
    logging.getLogger("discord.http").warning("refused %s", canary)
    made_already = f"refused {canary}\x1b"  # as libraries do it
    logging.getLogger("discord.http").warning(made_already)
    try:
        try:
            raise ValueError(f"POST https://example.org/?token={canary}")
        except ValueError as error:
            raise RuntimeError(canary) from error
    except RuntimeError:
        logger.exception("failed with=%s", canary)
    logger.info("too few arguments %s %s", canary)
    err = capsys.readouterr().err
    assert canary not in err
    assert "canarycanary" not in err.lower()
    assert err.count("***") >= 6
    assert "RuntimeError: ***" in err
    assert "unloggable" in err


@pytest.mark.usefixtures("_nothing_hidden")
def test_a_crash_that_nobody_caught_shows_its_traceback_and_no_token() -> None:
    program = (
        "from bot import redaction\n"
        "from bot.monitoring import logs as log\n"
        "import threading\n"
        f"redaction.hide([{LOADED!r}])\n"
        "log.catch_crashes()\n"
        f"def crash(): raise ValueError({CANARIES[0]!r} + ' ' + {LOADED!r})\n"
        "thread = threading.Thread(target=crash); thread.start(); thread.join()\n"
        "crash()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.count("event=crashed") == 2
    assert done.stderr.count("ValueError: *** ***") == 2
    assert "CANARY" not in done.stderr


def test_as_json_a_line_is_an_object_with_its_keys_and_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(verbose=True)
    logs.write_as("json")
    logging.getLogger("bot.core.deliver").info(
        "requeued key=%s in=%.0fs why=%s", "abc", 5.0, "a\nb\x1b"
    )
    try:
        raise ValueError("here")
    except ValueError:
        logging.getLogger("bot").exception("failed job=%s; the service goes on", "collect")
    requeued, failed = map(json.loads, capsys.readouterr().err.splitlines())
    assert requeued.pop("time").endswith("Z")
    assert requeued == {
        "level": "info",
        "logger": "bot.core.deliver",
        "event": "requeued",
        "message": r"requeued key=abc in=5s why=a\nb\x1b",
        "key": "abc",
        "in": 5.0,
        "why": r"a\nb\x1b",
    }
    assert failed["job"] == "collect"
    assert failed["traceback"].endswith("ValueError: here")


def test_a_librarys_debug_is_never_heard_even_if_it_asks_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(verbose=True)
    chatty = logging.getLogger("slack_sdk.web")
    level = chatty.level
    try:
        chatty.setLevel(logging.DEBUG)
        chatty.debug("Sending a request - headers: %s", {"Authorization": "x"})
    finally:
        chatty.setLevel(level)
    assert capsys.readouterr().err == ""


def test_what_a_traceback_quotes_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=True)
    try:
        raise ValueError("a title \x1b[2J of somebody")
    except ValueError:
        logging.getLogger("bot").exception("failed")
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.usefixtures("_nothing_hidden")
@pytest.mark.parametrize("canary", [*CANARIES, LOADED])
def test_an_error_of_ours_never_says_a_token_wherever_it_is_shown(canary: str) -> None:
    redaction.hide([LOADED])
    for error in (PostRefused(f"It says: {canary}."), UserError(canary, 3)):
        assert canary not in str(error)
        assert "***" in f"{error}"


@pytest.mark.parametrize(
    ("pattern", "event"),
    [
        ("gave up why=%s", "gave up"),
        ("failed job=%s; the service goes on", "failed"),
        ("bot.toml: %s", "bot.toml"),
        ("running; stop with Ctrl-C or SIGTERM", "running"),
        ("commands not synchronised status=%s", "commands not synchronised"),
    ],
)
def test_the_event_of_a_json_line_is_what_happened_and_nothing_of_whom(
    pattern: str, event: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(verbose=True)
    logs.write_as("json")
    logging.getLogger("bot").info(pattern, *["here"] * pattern.count("%s"))
    assert json.loads(capsys.readouterr().err)["event"] == event


# -- a fault that repeats itself, and a process that can open nothing more -------------------------


def at(seconds: float, message: str, *args: object, level: int = logging.WARNING) -> None:
    """As if it was logged then."""
    logger = logging.getLogger("bot")
    record = logger.makeRecord("bot", level, __file__, 1, message, args, None)
    record.created = 1_700_000_000 + seconds
    logger.handle(record)


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_same_message_is_written_once_a_second_with_how_often_it_came(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    logs.set_up(verbose=False)
    logs.write_as(form)
    for n in range(1000):
        at(n * 0.0025, "out of room socket=%d", 7)
    at(2.6, "something else")
    logging.getLogger().handlers[0].close()
    lines = capsys.readouterr().err.splitlines()
    if form == "json":
        repeated = [json.loads(line).get("repeated") for line in lines]
    else:
        found = [re.search("repeated=([0-9]+)", line) for line in lines]
        repeated = [int(each[1]) if each else None for each in found]
    assert [times is None for times in repeated] == [True, False, False, True, False]
    assert 1 + sum(times or 0 for times in repeated) == 1000
    assert sum("out of room" in line for line in lines) == 4


def test_messages_that_differ_and_the_last_words_of_a_program_are_all_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(verbose=False)
    logging.getLogger("bot").setLevel(logging.INFO)
    for n in range(300):
        at(n * 0.001, "sent to=%d", n)
    for _ in range(2):
        at(0.3, "running", level=logging.INFO)
    for _ in range(2):
        at(0.3, "crashed", level=logging.CRITICAL)
    for problem in ("one", "other"):
        try:
            raise ValueError(problem)
        except ValueError:
            logging.getLogger("bot").exception("failed job=%s", "collect")
    err = capsys.readouterr().err
    assert err.count("event=sent") == 300
    assert err.count("event=running") == 2
    assert err.count("event=crashed") == 2
    assert err.count("Traceback") == 2
    assert "repeated" not in err


def test_a_clock_that_is_set_back_silences_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False)
    for seconds in (0, -3600, -3599.5, -3598):
        at(seconds, "late")
    logging.getLogger().handlers[0].close()
    assert capsys.readouterr().err.count("event=late") == 4


def test_control_characters_are_escaped_as_python_escapes_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(verbose=False)
    signs = "".join(map(chr, [*range(32), *range(127, 160), 0x2028, 0x2029]))
    logging.getLogger("bot").warning("said %s", signs)
    escaped = signs.encode("unicode_escape").decode("ascii")
    assert f'event="said {escaped}"\n' in capsys.readouterr().err


def test_a_process_without_a_file_descriptor_left_can_still_log() -> None:
    program = (
        "import logging, os, resource\n"
        "from bot.monitoring import logs as log\n"
        "log.set_up(verbose=True); log.write_as('json')\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try: os.open('/', os.O_RDONLY)\n"
        "except OSError: logging.getLogger('bot').exception('no room for=%s', 'a\\nb')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    line = json.loads(done.stderr)
    assert line["for"] == "a\\nb"
    assert line["traceback"].endswith("OSError: [Errno 24] Too many open files: '/'")
