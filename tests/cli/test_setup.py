"""``daily-papers init``: what it asks on a terminal, and what it asks nobody."""

from __future__ import annotations

import os
import pty
import signal
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.process import forked

MINE = "me@uni-anywhere.edu"
ZONE = {"TZ": "Asia/Tokyo"}


def written(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "bot.toml").read_text(encoding="utf-8"))


def environment(**more: str) -> Mapping[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | more


def typed(folder: Path, answers: str, *words: str, **environ: str) -> tuple[int, str]:
    """Exit status and everything that stands on the terminal, for somebody who types this."""
    ours, theirs = pty.openpty()
    os.write(ours, answers.encode())
    process = forked.start(
        ["init", *words],
        cwd=folder,
        env=environment(**environ),
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    status = process.wait()
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # nobody holds the other end any more
        pass
    os.close(ours)
    return status, shown.decode()


def test_on_a_terminal_it_asks_for_three_things_and_again_for_what_is_none(tmp_path: Path) -> None:
    answers = f"me\nyou@example.org\n{MINE}\nEurope/Berln\nEurope/Berlin\nirc\ndi\n"
    status, shown = typed(tmp_path, answers, **ZONE)
    assert status == 0, shown
    for said in (
        '"me" is not an e-mail or web address',
        "Error: this is still the address of the example",
        "Time zone [Asia/Tokyo]",
        'did you mean "Europe/Berlin"?',
        "not one of terminal, discord, slack",
        "set DISCORD_TOKEN (docs/hosting.md)",
    ):
        assert said in shown.replace("\r\n", " ")
    found = written(tmp_path)
    assert found["arxiv"]["contact"] == MINE
    assert found["bot"]["timezone"] == "Europe/Berlin"
    assert found["discord"] == {}
    assert "channels" not in found


def test_what_is_offered_can_be_taken_as_it_is(tmp_path: Path) -> None:
    status, shown = typed(tmp_path, "\n\n\n", ARXIV_CONTACT=MINE, **ZONE)
    assert status == 0, shown
    found = written(tmp_path)
    assert (found["arxiv"]["contact"], found["bot"]["timezone"]) == (MINE, "Asia/Tokyo")
    assert [each["id"] for each in found["channels"]] == ["console:"]


def test_who_stops_answering_has_no_file(tmp_path: Path) -> None:
    status, _ = typed(tmp_path, f"{MINE}\n\x04", **ZONE)  # the end of the input
    assert status != 0
    assert not (tmp_path / "bot.toml").exists()


def test_with_an_option_it_asks_nothing(tmp_path: Path) -> None:
    status, shown = typed(tmp_path, "", "--platform", "slack", **ZONE)
    assert status == 0, shown
    assert "put your contact into it, set SLACK_BOT_TOKEN and SLACK_APP_TOKEN" in shown
    assert written(tmp_path)["slack"] == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--contact", "me"), '--contact: "me" is not an e-mail or web address'),
        (("--contact", "you@example.org"), "--contact: this is still the address of the example"),
        (("--timezone", "Berlin"), '(did you mean "Europe/Berlin"?)'),
        (("--platform", "irc"), "--platform"),
    ],
)
def test_a_wrong_option_is_a_wrong_call_and_writes_nothing(
    tmp_path: Path, words: tuple[str, str], expected: str
) -> None:
    done = forked.call("init", *words, cwd=tmp_path, env=environment())
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in " ".join(done.stderr.split())
    assert not (tmp_path / "bot.toml").exists()


def test_a_first_start_of_once_writes_the_examples_and_asks_arxiv_for_them(tmp_path: Path) -> None:
    """Nothing is asked of arXiv here: a proxy that is not there stands before it. Stopped after the
    first request, which it would repeat for a minute."""
    nowhere = environment(HTTPS_PROXY="http://127.0.0.1:9", ARXIV_CONTACT=MINE, **ZONE)
    done = forked.call("once", "--dry-run", cwd=tmp_path, env=nowhere)
    assert done.returncode == 2
    assert "there is no such file" in done.stderr
    ours, theirs = os.pipe()
    with forked.start(["once"], cwd=tmp_path, env=nowhere, stderr=theirs) as process:
        os.close(theirs)
        with os.fdopen(ours) as said:
            assert f"First start: wrote bot.toml, with the contact {MINE}" in said.readline()
            assert said.readline() == "querying arXiv, request 1\n"
            assert "arXiv can't be reached" in said.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130, said.read()
    assert [each["id"] for each in written(tmp_path)["channels"]] == ["console:"]
