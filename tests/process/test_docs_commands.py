"""Every command line that the documentation shows is run here, or listed in a table with a reason.

Each in a process and a folder of its own, as somebody has it who follows the pages: a ``bot.toml``,
a database with posts, one of them held, and a backup. That the pages can be followed in their order
is shown by ``tests/test_readme.py``.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.model import Person
from bot.store import FILE, open_store
from tests.builders import paper
from tests.fakes import START
from tests.process import forked
from tests.process.world import ROOT, reward_models, running, write_config
from tests.wire.arxiv_standin import ArxivStandin

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
HELD = "9b740e8d"  # the key that the pages show
GRAPHS = 'ti:"graph neural network" AND cat:cs.LG'

# What is run, and something that it shows.
RUN = {
    "daily-papers --help": "Begin with: daily-papers init",
    "daily-papers --version": "daily-papers 0.",
    "daily-papers backup papers-monday.sqlite3": "papers-monday.sqlite3",
    "daily-papers check": "arxiv",
    "daily-papers check --quick": "database",
    "daily-papers demo": "daily-papers init",
    "daily-papers init": "Wrote bot.toml",
    "daily-papers export - --format bib": "@misc{",
    "daily-papers keywords list --channel console:": "reward model",
    "daily-papers keywords list --all": "reward model",
    "daily-papers keywords add --channel console: reward model": "reward model",
    f"daily-papers keywords add --channel console: '{GRAPHS}'": "graph neural network",
    f"daily-papers keywords remove --channel console: '{GRAPHS}'": "no longer follows",
    "daily-papers once": "console: ",
    "daily-papers once --dry-run": "console: ",
    "daily-papers page": "Wrote ",
    "daily-papers preview reward model": "I understand",
    "daily-papers preview reward model -survey": "I understand",
    'daily-papers preview "graph network" AND cat:cs.LG': "I understand",
    "daily-papers preview 'reward AND (ti:model OR ti:value)'": "I understand",
    f"daily-papers resend {HELD}": "sent again",
    "daily-papers resume --channel console:": "It was not paused.",
    "daily-papers restore papers-monday.sqlite3": "papers-monday.sqlite3",
    "daily-papers run": "event=running",
    "daily-papers saved": "This channel has saved 1 paper:",
    "daily-papers secret-key": "=",
    "daily-papers stats": "Papers",
    "daily-papers status": "console:",
    "daily-papers sync": "agree",
    "daily-papers sync --accept": "agree",
    "daily-papers zotero": "0 people have connected a library in Zotero",
    "daily-papers why 2603.01234": "The bot has not seen this paper.",
}

_DOCKER = "needs Docker; ./do test-image builds the image and runs it"
_NETWORK = "needs a network"
_POSTGRES = "needs a PostgreSQL that belongs to somebody; tests/store/test_postgres.py starts one"
_CHECKOUT = "works on the checkout itself"
_MINUTES = "takes minutes"
_BENCHMARKS = (
    *("channels", "day", "discord slack", "growth", "matching", "parsing", "plot"),
    *("fleet", "postgres", "requests", "similarity", "slack_acks", "startup"),
)
_SHELL = "asks which shell it runs in; tests/cli/test_completion.py completes"
_WORD = "a word in capitals stands for what the reader means"
# What is not run, and why.
NOT_RUN = {
    "./do audit": _NETWORK,
    "./do bench NAME": _WORD,
    **dict.fromkeys((f"./do bench {name}" for name in _BENCHMARKS), _MINUTES),
    "./do check": _CHECKOUT,
    "./do demo": "may renew the environment that these tests run in; daily-papers demo is run",
    "./do drill": _MINUTES,
    "./do fix": _CHECKOUT,
    "./do lock": _NETWORK,
    "./do lock --upgrade-package NAME": _NETWORK,
    "./do run COMMAND": _WORD,
    "./do test": "runs these tests",
    "PYTHON=python3.13 ./do test": "runs these tests",
    ".venv/bin/python -m tests.replay.payloads ../shared/data": "needs recorded data",
    "./do sbom": "tests/test_sbom.py reads what it writes",
    "./do test-image": _DOCKER,
    "BASE_IMAGE=python:3.13-slim@sha256:DIGEST docker compose build": _DOCKER,
    "./do test-year": _MINUTES,
    ".venv/bin/python docs/make_digest_picture.py": _CHECKOUT,
    "daily-papers COMMAND --help": _WORD,
    "daily-papers --install-completion": _SHELL,
    "daily-papers --show-completion": _SHELL,
    "daily-papers backup /data/backup.sqlite3": "is said of the container, where /data is",
    "daily-papers backup FILE": _WORD,
    "daily-papers resend KEY": _WORD,
    "daily-papers restore FILE": _WORD,
    "docker build --build-arg BASE=python:3.13-slim@sha256:DIGEST --tag daily-papers .": _DOCKER,
    "docker build --tag daily-papers .": _DOCKER,
    "docker image inspect --format '{{index .RepoDigests 0}}' python:3.13-slim": _DOCKER,
    "docker compose --file compose.postgres.yaml up --detach": _DOCKER,
    "docker compose --file compose.postgres.yaml build": _DOCKER,
    "docker compose --file compose.postgres.yaml up --detach --no-deps bot-1": _DOCKER,
    "docker compose --file compose.postgres.yaml exec bot-1 daily-papers check": _DOCKER,
    "docker compose exec -T daily-papers cat /data/bot.toml": _DOCKER,
    "docker compose exec -T daily-papers sh -c 'cat": _DOCKER,
    "docker compose exec daily-papers daily-papers check": _DOCKER,
    "docker compose kill --signal HUP daily-papers": _DOCKER,
    "docker compose logs": _DOCKER,
    "docker compose up --detach": _DOCKER,
    "docker inspect": _DOCKER,
    "docker logs papers": _DOCKER,
    "docker run --rm daily-papers demo": _DOCKER,
    "docker run -d --name papers -e DISCORD_TOKEN=TOKEN -e ARXIV_CONTACT=you@example.org"
    " -v papers:/data daily-papers": _DOCKER,
    "createdb --owner papers --encoding UTF8 --template template0 papers": _POSTGRES,
    "createuser --pwprompt papers": _POSTGRES,
    "git clone ADDRESS daily-papers": _WORD,
    "python3 -m venv ~/daily-papers": _NETWORK + " for what comes behind it",
    "~/daily-papers/bin/pip install '.[discord,slack]'": _NETWORK,
    "~/daily-papers/bin/pip install --no-deps .": _NETWORK,
    "~/daily-papers/bin/pip install --require-hashes -r requirements/base.txt": _NETWORK,
    "~/daily-papers/bin/pip install --require-hashes -r requirements/postgres.txt": _NETWORK,
    "systemctl reload daily-papers": "needs systemd",
}

# Not ours: they prepare a folder, a token's file or a variable.
SHELL = ("alias ", "cd ", "export ", "install ", "mkdir ", "sudo chown ")
CRON = re.compile(r"^[\d,*/-]+(?: [\d,*/-]+){4}  ")
OF_A_LINE = re.compile(
    r"`((?:PYTHON=\S+ )?(?:daily-papers|\./do|docker|systemctl|\.venv/bin/python) [^`\n]+)`"
)


FENCE = re.compile(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)


def shown() -> Iterator[tuple[str, str]]:
    """Each command line in a fence of a shell or within a line, with its page's name."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for indent, language, inside in FENCE.findall(text):
            for line in inside.splitlines():
                yield from ((command, page.name) for command in _of(language, line[len(indent) :]))
        for command in OF_A_LINE.findall(text):
            yield from ((part, page.name) for part in _parts(command))


def _of(language: str, line: str) -> Iterator[str]:
    """The commands of a line in a fence; none in a remark that goes on from the line before."""
    if language in ("", "sh") and not line.startswith(" "):
        yield from _parts(CRON.sub("", line))
    if language == "ini" and (started := re.match(r"Exec(?:Start|Stop)\w*=(.*)", line)):
        yield from _parts(started[1])


def _parts(line: str) -> Iterator[str]:
    """Commands without remarks, pipes and paths to the program."""
    said = re.split(r" # | {2,}", line)[0]
    for part in said.split(" && "):
        command = re.sub(r"^\S+/(daily-papers) ", r"\1 ", re.split(r" [|>] ", part)[0].strip())
        if command and not command.startswith(SHELL):
            yield command


SHOWN = dict(shown())


def test_every_command_of_the_pages_is_run_or_has_its_reason() -> None:
    assert {each: SHOWN[each] for each in SHOWN.keys() - RUN.keys() - NOT_RUN.keys()} == {}
    assert RUN.keys() & NOT_RUN.keys() == set()


def test_every_fence_is_of_a_kind_that_is_looked_into_or_has_no_commands() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = FENCE.findall(text)
        assert len(fences) * 2 == text.count("```")
        assert {language for _, language, _ in fences} <= {
            "",
            "sh",
            "ini",
            "nginx",
            "text",
            "toml",
            "yaml",
        }


def test_no_page_has_lost_a_command_of_the_tables() -> None:
    assert (RUN.keys() | NOT_RUN.keys()) - SHOWN.keys() == set()


def test_every_do_of_the_pages_is_one() -> None:
    usage = subprocess.run([ROOT / "do", "help"], capture_output=True, text=True, check=True).stdout
    names = {found[1] for command in SHOWN if (found := re.search(r"\./do (\S+)", command))}
    assert names >= {"demo", "test", "check"}
    assert [name for name in names if f"\n./do {name} " not in f"\n{usage}"] == []


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    with reward_models(5) as server:
        yield server


@pytest.fixture
def prepared(tmp_path: Path, arxiv: ArxivStandin) -> Path:
    """A folder in which the bot has worked once, and somebody saved a paper."""
    folder = tmp_path / "papers"
    folder.mkdir()
    write_config(folder, arxiv, {"console:": ["reward model", GRAPHS]}, "[page]\n")
    for words in (["once"], ["backup", "papers-monday.sqlite3"]):
        done = forked.call(*words, cwd=folder)
        assert done.returncode == 0, done.stderr
    (folder / "papers.md").unlink()
    store = open_store(folder / "data", alone=False)
    asyncio.run(store.save_all("console:", [paper(1)], Person("Ada", "discord:1"), START))
    store.close()
    with closing(sqlite3.connect(folder / "data" / FILE)) as db:
        key = f"{HELD}{'0' * 24}"
        db.execute("update ledger set post_key = ? where post_key is not null", (key,))
        db.execute("update outbox set key = ?, state = 'held'", (key,))
        db.commit()
    return folder


def test_every_command_does_what_it_is_shown_for(prepared: Path, tmp_path: Path) -> None:
    commands = [each for each in RUN if each != "daily-papers run"]
    for number, command in enumerate(commands):
        folder = tmp_path / str(number)
        if command == "daily-papers init":
            folder.mkdir()
        else:
            shutil.copytree(prepared, folder)
        done = forked.call(*shlex.split(command)[1:], cwd=folder)
        said = done.stdout + done.stderr
        held = command == "daily-papers once"
        assert done.returncode == (4 if held else 0), f"{command}\n{said}"
        assert RUN[command] in said, f"{command}\n{said}"


def test_the_service_runs_until_it_is_stopped(tmp_path: Path, arxiv: ArxivStandin) -> None:
    with running(write_config(tmp_path, arxiv, {"console:": ["reward model"]})) as bot:
        bot.wait_until(lambda bot: RUN["daily-papers run"] in bot.logged)
        assert bot.stop(signal.SIGTERM) == 0
