"""What stands in the log: lines that can be read, whatever others sent us."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from bot import log


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    """Leaves logging as it was."""
    loggers = [logging.getLogger(name) for name in (None, "bot", "adapters")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_an_event_is_one_line_of_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(verbose=True)
    logging.getLogger("bot.delivery").info("sent key=%s attempt=%d", "abc", 2)
    line = capsys.readouterr().err
    assert line.startswith("time=20")
    assert line.endswith("Z level=info logger=bot.delivery event=sent key=abc attempt=2\n")


def test_what_others_sent_can_neither_forge_a_line_nor_command_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.set_up(verbose=False)
    logging.getLogger("bot").warning("note text=%s", "a\nlevel=info\x1b[2J\u2028b\r")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert r"text=a\nlevel=info\x1b[2J\u2028b\r" in line


def test_quiet_means_warnings_and_foreign_libraries_are_never_chatty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verbose, events in ((False, ["two"]), (True, ["one", "two"])):
        log.set_up(verbose=verbose)
        logging.getLogger("bot.app").info("one")
        logging.getLogger("bot.app").warning("two")
        logging.getLogger("httpx").info("HTTP Request: GET http://127.0.0.1/?token=x")
        lines = capsys.readouterr().err.splitlines()
        assert [line.partition("event=")[2] for line in lines] == events


def test_an_error_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(verbose=False)
    try:
        raise ValueError("here")
    except ValueError:
        logging.getLogger("bot").exception("failed job=%s", "collect")
    err = capsys.readouterr().err
    assert "level=error logger=bot event=failed job=collect\nTraceback" in err
    assert err.endswith("ValueError: here\n")
