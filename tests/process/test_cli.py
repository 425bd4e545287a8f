"""The real program against an arXiv on this machine; where it matters, started by a new Python."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.__main__ import app, command_line
from bot.cli.arguments import keyword_from
from bot.model import Person
from bot.store import open_store
from tests.builders import paper
from tests.fakes import START
from tests.process import forked
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

PROGRAM = [sys.executable, "-m", "bot"]
CHANNEL = ("--channel", "console:")
TIMEOUT_SECONDS = 60.0  # a program that hangs is killed


def now() -> datetime:
    return datetime.now(UTC)


def submitted(number: int, title: str) -> StandinPaper:
    """A paper submitted so many hours ago and announced long since."""
    at = now() - timedelta(hours=number)
    return StandinPaper(
        id=f"{at:%y%m}.{10_000 - number:05d}",
        title=title,
        abstract="We look at what happens.",
        authors=("Ada Example", "Ben Sämple"),
        categories=("cs.LG",),
        published=at,
        visible_at=at,
    )


class Home:
    """A folder with a bot.toml, in which the program is started."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.file = folder / "bot.toml"
        self.configure(url)

    def configure(self, url: str) -> None:
        self.file.write_text(
            '# mine, and it stays\n[bot]\ntimezone = "UTC"\ndata = "data"\n'
            f'[arxiv]\nurl = "{url}"\ninterval = 0\n[page]\n'
            '[[channels]]\nid = "console:"\nkeywords = ["reward model"]\n',
            encoding="utf-8",
        )

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *words],
            cwd=self.folder,
            env={**clean_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def call(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        if any(name.startswith("PYTHON") for name in environment):  # read when Python starts
            with self.start(*words, **environment) as process:
                out, err = process.communicate(timeout=TIMEOUT_SECONDS)
            status = process.returncode
        else:
            env = {**clean_environment(), **environment}
            done = forked.call(*words, cwd=self.folder, env=env)
            status, out, err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in err
        return status, out, err

    def query(self, *words: str) -> dict[str, Any]:
        """The JSON of a call that must succeed, with nothing beside it."""
        status, out, err = self.call(*words, "--json")
        assert (status, err) == (0, "")
        answer = json.loads(out)
        assert isinstance(answer, dict)
        return answer

    def change(self, sql: str) -> None:
        """What would take hours, or a platform's fault, to come about."""
        with closing(self._database()) as db, db:
            db.execute(sql)

    def errors(self) -> str:
        """What stood in the way of posts; read at once, while a person's question takes a while."""
        with closing(self._database()) as db:
            return " ".join(row[0] for row in db.execute("select error from outbox"))

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "data" / "daily-papers.sqlite3")

    @property
    def keywords(self) -> list[str]:
        """What bot.toml says."""
        [channel] = tomllib.loads(self.file.read_text(encoding="utf-8"))["channels"]
        found: list[str] = channel["keywords"]
        return found


def clean_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


@pytest.fixture
def arxiv() -> Iterator[ArxivStandin]:
    titles = ["A reward model for gardens", "Reward models | and pipes", "Of graphs", "A Zoo"]
    papers = [submitted(2 * number, title) for number, title in enumerate(titles, start=1)]
    with ArxivStandin(papers, now) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, arxiv: ArxivStandin) -> Home:
    return Home(tmp_path, arxiv.url)


# -- calls ----------------------------------------------------------------------------------------


def every_command() -> Iterator[tuple[str, ...]]:
    top = command_line()
    for name, command in top.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from ((name, below) for below in command.commands)
        else:
            yield (name,)


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: Sequence[str]) -> None:
    called = CliRunner().invoke(app, [*command, "--help"], prog_name="daily-papers")
    assert called.exit_code == 0
    assert f"daily-papers {' '.join(command)}" in called.stdout.partition("Example")[2]
    assert called.stderr == ""


WRONG_CALLS = [
    ((), "Start here:"),
    (("sttaus",), "Did you mean 'status', 'stats'?"),
    (("status", "--confg", "x"), "--config"),
    (("preview",), "KEYWORD"),
    (("preview", "--jsno", "reward model"), "no option --jsno"),
    (("preview", "--days", "0", "reward model"), "--days"),
    (("why",), "ARXIV_ID"),
]


@pytest.mark.parametrize(("words", "answer"), WRONG_CALLS)
def test_a_wrong_call_is_told_what_is_wrong(words: Sequence[str], answer: str) -> None:
    called = CliRunner().invoke(app, words)
    assert (called.exit_code, called.stdout) == (2, "")
    assert answer in called.stderr


def test_without_a_configuration_the_way_to_one_is_shown(tmp_path: Path, home: Home) -> None:
    home.file.unlink()
    status, out, err = home.call("status")
    assert (status, out) == (2, "")
    assert "daily-papers init" in err


def test_every_mistake_of_a_configuration_is_listed(home: Home) -> None:
    home.file.write_text('[bot]\ntimezon = "UTC"\n[schedule]\npost_at = "25:00"\n')
    status, out, err = home.call("once")
    assert (status, out) == (2, "")
    for mistake in ("bot.timezon", "did you mean timezone", "schedule.post_at", "arxiv.contact"):
        assert mistake in err


def test_init_writes_a_file_that_lacks_but_a_contact_and_never_overwrites_one(home: Home) -> None:
    home.file.unlink()
    status, out, _ = home.call("init")
    assert status == 0
    assert "once --dry-run" in out
    written = home.file.read_bytes()
    status, _, err = home.call("once", "--dry-run")
    assert status == 2
    assert err.count("\n") == 2  # the file's name, and one mistake
    assert "arxiv.contact" in err
    assert home.call("init")[0] == 2
    assert home.file.read_bytes() == written


def test_the_configuration_can_be_named_before_and_after_the_command(home: Home) -> None:
    other = home.file.rename(home.folder / "other.toml")
    for words in (("--config", other.name, "status"), ("status", "--config", str(other))):
        assert home.call(*words)[0] == 0


# -- keywords -------------------------------------------------------------------------------------


def test_keywords_come_and_go_and_the_file_shows_it(home: Home) -> None:
    status, out, err = home.call("keywords", "add", *CHANNEL, "graph", "network", "-verbose")
    assert (status, err) == (0, "")
    assert 'I understand: "graph network" in title or abstract and not "verbose"' in out
    assert home.keywords == ["reward model", "graph network -verbose"]
    assert home.query("keywords", "add", *CHANNEL, "Reward-Models")["changed"] is False
    listed = home.query("keywords", "list", *CHANNEL)["keywords"]
    assert [each["keyword"] for each in listed] == ["reward model", "graph network -verbose"]
    status, out, _ = home.call("keywords", "remove", *CHANNEL, '"graph networks" ANDNOT verbose')
    assert status == 0
    assert "no longer follows graph network -verbose" in out
    assert home.keywords == ["reward model"]
    assert home.file.read_text().startswith("# mine, and it stays\n")


def test_mutes_come_and_go_in_the_words_of_the_chat_and_the_file_shows_it(home: Home) -> None:
    status, out, err = home.call("keywords", "mute", *CHANNEL, "survey")
    assert (status, err) == (0, "")
    assert out.startswith(
        'This channel now mutes survey\nI understand: "survey" in title or abstract\n'
    )
    assert 'mute = ["survey"]\n' in home.file.read_text()
    again = home.query("keywords", "mute", *CHANNEL, "surveys")
    assert (again["changed"], again["canonical"]) == (False, '"survei"')
    status, out, _ = home.call("keywords", "list", *CHANNEL)
    assert out.startswith("This channel follows 1 keyword and mutes 1:\n  reward model  (added ")
    assert "\n  survey  (muted today by the command line)\n" in out
    assert home.query("keywords", "list", *CHANNEL)["mutes"] == ["survey"]
    status, _, err = home.call("keywords", "unmute", *CHANNEL, "tutorial")
    hint = "To see all: daily-papers keywords list --channel console:"
    assert (status, err) == (1, f"This channel does not mute that. {hint}\n")
    home.call("keywords", "remove", *CHANNEL, "reward model")
    _, out, _ = home.call("keywords", "list", "--all")
    assert out == "1 channel, 0 keywords:\n\nconsole:\nmuted: survey\n"
    assert home.query("keywords", "unmute", *CHANNEL, "Surveys")["keyword"] == "survey"
    assert home.query("keywords", "list", "--all") == {"channels": []}
    assert "mute" not in home.file.read_text()


def test_all_channels_go_into_a_file_and_come_back_from_it_into_another_bot(home: Home) -> None:
    home.file.write_text(home.file.read_text("utf-8").replace("[bot]\n", "[bot]\nmirror = 0\n"))
    elsewhere = home.folder / "elsewhere.toml"
    elsewhere.write_text(
        '[discord]\nproxy = ""\n[[channels]]\nid = "discord:11420000000000000"\n'
        'post_at = "07:30"\nmute = ["survey"]\nkeywords = [\'au:"Ada Éxample" AND -survey\','
        ' { name = "Rewards", query = "reward model" }]\n',
        "utf-8",
    )
    token = {"DISCORD_TOKEN": "MTE0.invented"}
    status, out, err = home.call("keywords", "import", "elsewhere.toml", **token)
    assert (status, err, out.count("Added: discord:11420000000000000 ")) == (0, "", 4)
    again = home.call("keywords", "import", "elsewhere.toml", **token)
    assert again[1] == "All that elsewhere.toml says about 1 channel was there already.\n"
    assert "discord:" not in home.file.read_text("utf-8"), "beyond the mirror"
    status, out, _ = home.call("keywords", "list", "--all")
    assert out.startswith("2 channels, 3 keywords:\n\nconsole:\nreward model\n")
    assert "Rewards: reward model\nmuted: survey\n" in out
    every = home.query("keywords", "list", "--all")["channels"]
    assert [each["channel"] for each in every] == ["console:", "discord:11420000000000000"]

    status, printed, _ = home.call("keywords", "export")
    assert home.call("keywords", "export", "all.toml")[:2] == (0, "Wrote all.toml: 2 channels.\n")
    written = (home.folder / "all.toml").read_text("utf-8")
    assert written == printed
    assert (home.folder / "all.toml").stat().st_mode & 0o777 == 0o600
    status, _, err = home.call("keywords", "export", "all.toml")
    assert (status, err) == (1, "all.toml exists already, and stays as it is.\n")

    other = home.folder / "other"
    other.mkdir()
    (other / "bot.toml").write_text(home.file.read_text("utf-8").partition("[[channels]]")[0])
    there = ("--config", "other/bot.toml")
    home.call("keywords", "import", "all.toml", *there, **token)
    assert home.call("keywords", "export", *there)[1] == printed


def test_a_file_with_mistakes_is_imported_not_at_all_and_every_mistake_is_told(home: Home) -> None:
    (home.folder / "bad.toml").write_text(
        '[[channels]]\nid = "discord:1"\nkeywords = ["ti:"]\n\n[[channels]]\nid = "console:"\n'
        'days = "never"\nkeywords = ["graph network", "graph networks"]\n[[channel]]\n', "utf-8",
    )  # fmt: skip
    status, out, err = home.call("keywords", "import", "bad.toml")
    assert (status, out) == (2, "")
    assert [err.count(f"line {line}: ") for line in (2, 3, 7, 8, 9)] == [2, 1, 1, 1, 1]
    assert "did you mean channels?" in err
    assert home.keywords == ["reward model"]
    for name, problem in (("none.toml", "there is no such file"), (".", "this is a folder")):
        status, _, err = home.call("keywords", "import", name)
        assert (status, problem in err, "init" in err) == (2, True, False)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["reward", "model", "-survey"], "reward model -survey"),
        (["reward AND (model OR value)"], "reward AND (model OR value)"),
        (["graph network", "AND", "cat:cs.LG"], '"graph network" AND cat:cs.LG'),
        (["ti:graph network", "-cat:cs.CV"], 'ti:"graph network" -cat:cs.CV'),
        (["-verbose thing", "zebra"], '-"verbose thing" zebra'),
        (["a1 AND b2", "OR", "c3"], "a1 AND b2 OR c3"),
    ],
)
def test_a_keyword_means_the_same_with_and_without_the_shells_quotes(
    words: list[str], meant: str
) -> None:
    assert keyword_from(words) == meant


def test_the_only_channel_needs_no_name_and_console_no_colon(home: Home) -> None:
    assert home.query("keywords", "list") == home.query("keywords", "list", "--channel", "console")
    home.file.write_text(
        home.file.read_text("utf-8").replace("[[channels]]", "[slack]\n[[channels]]", 1)
        + '[[channels]]\nid = "slack:C0123456789"\nkeywords = ["graphs"]\n', "utf-8",
    )  # fmt: skip
    status, _, err = home.call("keywords", "add", "dark matter")
    assert status == 1
    assert "Name one of them with --channel: console:, slack:C0123456789" in err


def test_a_keyword_can_be_asked_about_with_h(home: Home) -> None:
    for words in (("preview", "-h"), ("keywords", "add", "-h")):
        status, out, _ = home.call(*words)
        assert status == 0
        assert "Example" in out


def test_a_wrong_keyword_is_pointed_at_and_nothing_changes(home: Home) -> None:
    status, out, err = home.call("keywords", "add", *CHANNEL, "ti:(reward OR")
    assert (status, out) == (1, "")
    assert "^" in err
    status, _, err = home.call("keywords", "remove", *CHANNEL, "rewrad model")
    assert status == 1
    assert "Did you mean: reward model" in err
    assert home.keywords == ["reward model"]


@pytest.mark.parametrize(
    ("channel", "answer"),
    [
        ("discord:general", "discord:1142000000000000000"),
        ("discord:1142000000000000000", "discord is off, as far as can be seen from here"),
    ],
)
def test_a_channel_that_nothing_can_be_posted_to_is_refused(
    home: Home, channel: str, answer: str
) -> None:
    status, out, err = home.call("keywords", "add", "--channel", channel, "reward model")
    assert (status, out) == (1, "")
    assert answer in err
    assert home.keywords == ["reward model"]


# -- what a channel saved -------------------------------------------------------------------------


@pytest.fixture
def library(home: Home) -> Home:
    """Twelve papers that Ada saved in the only channel, and one in a private conversation."""
    papers = [
        paper(n, f"Slow {n} of 100% {{braces}} & $\\alpha$", authors=("Ada Muster",))
        for n in range(1, 13)
    ]

    async def save() -> None:
        store = open_store(home.folder / "data", alone=False)
        for each in papers:
            await store.save_all("console:", [each], Person("Ada", "discord:1"), each.published)
        ben = Person("Ben", "discord:2")
        await store.save_all("discord:1142000000000000000", [paper(99, "A secret")], ben, START)
        store.close()

    home.query("status")
    asyncio.run(save())
    home.change("update channels set owner = 'discord:2' where id like 'discord:%'")
    return home


def test_saved_papers_are_listed_in_pages_searched_and_given_as_json(library: Home) -> None:
    status, out, err = library.call("saved")
    assert (status, out.count(" by Ada · ")) == (0, 10)
    assert out.startswith("This channel has saved 12 papers (page 1 of 2):\n  Slow 12 of 100%")
    assert err == "The next page: daily-papers saved --page 2\n"
    page = library.query("saved", "--page", "2")
    assert [each["id"] for each in page["papers"]] == ["2603.00002", "2603.00001"]
    assert (page["channel"], page["total"], page["pages"]) == ("console:", 12, 2)
    assert page["papers"][0]["saved_by"] == ["Ada"]
    found = library.query("saved", "slow", "7 of")
    assert [each["title"] for each in found["papers"]] == ["Slow 7 of 100% braces & α"]
    assert library.query("saved", "secret")["total"] == 0
    _, _, err = library.call("saved", "slow", "it's", "--channel", "console")
    assert err == ""
    status, out, err = library.call("saved", "--channel", "discord:1142000000000000000")
    assert (status, out) == (1, "")
    assert "is somebody's private conversation" in err


@pytest.mark.parametrize("kind", ["bib", "ris", "json"])
def test_saved_papers_are_exported_whole_into_a_file_or_to_standard_output(
    library: Home, kind: str
) -> None:
    status, out, err = library.call("export", f"mine.{kind}")
    assert (status, out, err) == (0, f"Wrote mine.{kind}: 12 papers.\n", "")
    written = (library.folder / f"mine.{kind}").read_bytes().decode()
    assert set(re.findall(r"arxiv\.org/abs/2603\.000(\d\d)", written)) == {
        f"{n:02}" for n in range(1, 13)
    }
    assert "A secret" not in written
    assert library.call("export", "-", "--format", kind) == (0, written, "")
    assert library.call("export", "other", "--format", kind)[0] == 0
    assert (library.folder / "other").read_bytes().decode() == written


def test_an_export_that_can_not_be_written_says_why_and_loses_nothing(library: Home) -> None:
    kept = library.folder / "kept.bib"
    kept.write_text("mine")
    for words, status, said in (
        (["kept.bib"], 1, "kept.bib exists already, and stays as it is."),
        (["nowhere/x.bib"], 1, "nowhere/x.bib can't be written: No such file or directory"),
        (["x.docx"], 2, "x.docx does not end in .bib, .ris or .json; say which"),
        (["-"], 2, "standard output needs --format bib, ris or json."),
        (["x.bib", "--channel", "discord:1142000000000000000"], 1, "private conversation"),
    ):
        ended, out, err = library.call("export", *words)
        assert (ended, out) == (status, "")
        assert said in err
    assert kept.read_text() == "mine"
    library.change("delete from saves")
    status, out, err = library.call("export", "x.bib")
    assert (status, out) == (1, "")
    assert "This channel has saved no paper yet." in err
    assert {each.name for each in library.folder.iterdir()} == {"bot.toml", "data", "kept.bib"}


# -- questions ------------------------------------------------------------------------------------


def test_a_preview_shows_papers_and_saves_nothing(home: Home) -> None:
    status, out, err = home.call("preview", "reward", "model")
    assert (status, err) == (0, "querying arXiv, request 1\n")
    assert "About 2 papers a week (2 papers in the last 7 days)." in out
    assert "Reward models | and pipes\n  Ada Example, Ben Sämple · cs.LG" in out
    assert home.query("preview", "zebra", "--days", "3")["papers"] == 0
    assert home.query("status")["last_run"] is None


def test_an_old_locale_stops_no_title(home: Home) -> None:
    status, out, _ = home.call("preview", "reward model", PYTHONIOENCODING="ascii")
    assert status == 0
    assert "Ben S?mple" in out


def test_a_silent_arxiv_is_an_incomplete_answer_and_never_no_papers(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    home.configure(f"http://127.0.0.1:{port}/api/query")
    status, out, err = home.call("preview", "reward model")
    assert (status, out) == (3, "")
    assert "arXiv can't be reached" in err
    status, out, err = home.call("once")
    assert (status, out) == (3, "")
    assert "no complete answer" in err
    [channel] = home.query("status")["channels"]
    assert channel["cause"] == "down"


# -- work -----------------------------------------------------------------------------------------


def test_the_first_look_posts_to_the_terminal_and_every_command_knows_of_it(home: Home) -> None:
    status, out, err = home.call("once")
    assert status == 0
    assert "A reward model for gardens" in out
    assert "Of graphs" not in out
    assert "querying arXiv" in err
    assert err.endswith("Posted 2 papers to 1 channel; nothing waiting.\n")
    status, out, err = home.call("once")
    assert (status, out) == (0, "")  # once each
    assert "console: 2 papers posted today" in err
    assert err.endswith("Posted nothing; nothing waiting.\n")
    state = home.query("status")
    assert state["last_complete_run"]["matched"] == 2
    [channel] = state["channels"]
    assert channel["cause"] == "all_posted"
    found = home.query("why", submitted(2, "").id)
    assert found["channels"][0]["post_state"] == "sent"
    assert home.call("why", f"https://arxiv.org/abs/{found['paper']}v1", *CHANNEL)[0] == 0


def test_a_dry_run_says_so_shows_the_posts_and_changes_nothing(home: Home) -> None:
    before = home.file.read_bytes()
    status, out, err = home.call("once", "--dry-run")
    first, *_, last = err.splitlines()
    assert first.startswith("Dry run: ")
    assert last.startswith("Dry run: a real run now would post 2 papers to 1 channel; nothing wait")
    assert status == 0
    assert "A reward model for gardens" in out
    assert home.file.read_bytes() == before
    assert home.query("status")["last_run"] is None


def test_a_folder_that_can_not_be_written_is_not_blamed_on_arxiv(home: Home) -> None:
    (home.folder / "data").write_text("not a folder")
    for command in (("once", "--dry-run"), ("preview", "reward model")):
        status, _, err = home.call(*command)
        assert status == 1, command
        assert "data" in err
        assert "did not answer" not in err
        assert "no complete answer" not in err


def test_the_page_is_written_once_and_then_found_to_be_right(home: Home) -> None:
    home.call("once")
    page = home.folder / "papers.md"
    page.unlink()
    status, out, _ = home.call("page")
    assert (status, out) == (0, f"Wrote {page}\n")
    names = ("papers.md", "papers.html", "papers.xml", "papers/reward-model.xml")
    for name in names:
        assert "A reward model for gardens" in (home.folder / name).read_text(encoding="utf-8")
    assert "is up to date" in home.call("page")[1]
    page.write_text("x" * 500_001, encoding="utf-8")
    assert (
        "papers.md has 500 kB. GitHub shows files of up to about 500 kB" in home.call("status")[1]
    )
    assert "papers_per_section" in home.query("status")["page_problem"]


def test_the_page_shows_the_keywords_that_a_person_wrote_and_no_others(home: Home) -> None:
    home.call("keywords", "add", "--channel", "console:", "gardens", "as", "Parks")
    home.call("keywords", "add", "--channel", "console:", "--name", "Gärten", "gardens")
    with home.file.open("a", encoding="utf-8") as file:
        file.write('[slack]\n[[channels]]\nid = "slack:C0123456789"\nkeywords = ["zebra"]\n')
    home.call("keywords", "add", "--channel", "slack:C0000000001", "private matters")

    def headings() -> list[str]:
        assert home.call("page")[0] == 0
        lines = (home.folder / "papers.md").read_text(encoding="utf-8").splitlines()
        return [line.removeprefix("## ") for line in lines if line.startswith("## ")]

    assert headings() == ["reward model", "Gärten", "zebra"]
    nothing = '[page]\nchannels = ["slack:C9999999999"]\n'
    whole = home.file.read_text("utf-8")
    home.file.write_text(whole.replace("[page]\n", nothing), "utf-8")
    assert "none of the channels that it shows follows a keyword" in home.call("page")[2]
    home.file.write_text(whole, "utf-8")
    chosen = '[page]\nchannels = ["slack:C0000000001", "console:"]\n'
    home.file.write_text(home.file.read_text("utf-8").replace("[page]\n", chosen), "utf-8")
    assert headings() == ["private matters", "reward model", "Gärten"]
    assert (home.folder / "papers" / "garten.xml").is_file()
    assert not (home.folder / "papers" / "zebra.xml").exists(), "it is no longer shown"


@pytest.mark.parametrize("name", ["papers.html", "papers.xml", "papers/reward-model.xml"])
def test_a_folder_in_the_place_of_a_page_is_named_and_stays(home: Home, name: str) -> None:
    home.call("once")
    (home.folder / name).unlink()
    (home.folder / name).mkdir()
    status, _, err = home.call("page")
    assert status == 1
    assert f"The page can't be written to {home.folder / name}: Is a directory" in err
    assert (home.folder / name).is_dir()


def test_a_page_that_cannot_be_written_is_named_by_all_who_tell_how_things_stand(
    home: Home,
) -> None:
    page = home.folder / "papers.md"
    page.mkdir()
    status, out, err = home.call("once")
    assert "A reward model for gardens" in out
    assert status == 1
    posted, _, problem = err.partition("Posted 2 papers to 1 channel; nothing waiting.\n")
    assert "console: 2 papers posted today" in posted
    said = f"The page can't be written to {page}: Is a directory. Choose another path in [page]"
    assert problem.startswith(said)
    assert home.call("status")[1].count(said) == 1
    status, out, _ = home.call("check")
    assert status == 1
    assert f"WRONG page: The page can't be written to {page}: Is a directory.\n" in out
    assert "      Choose another path in [page] of bot.toml" in out
    page.rmdir()
    assert f"ok    page: {page} can be written." in home.call("check")[1]
    assert home.query("status")["page_problem"] == ""


def test_without_a_section_the_page_goes_into_the_working_folder_and_says_so(home: Home) -> None:
    home.file.write_text(home.file.read_text("utf-8").replace("[page]\n", ""), "utf-8")
    status, out, err = home.call("page")
    assert (status, out) == (0, "Wrote papers.md\n")
    assert "bot.toml has no [page]" in err
    assert (home.folder / "papers.md").is_file()


def test_without_a_channel_once_says_so(home: Home) -> None:
    home.file.write_text(home.file.read_text("utf-8").partition("[[channels]]")[0], "utf-8")
    status, out, err = home.call("once")
    assert (status, out) == (0, "")
    first = "daily-papers keywords add --channel console: reward model"
    assert f"No channel follows anything yet. Add a first keyword: {first}\n" in err


def test_quiet_means_results_and_errors_alone(home: Home) -> None:
    status, out, err = home.call("once", "--quiet")
    assert (status, err) == (0, "")
    assert "A reward model for gardens" in out
    assert home.call("--quiet", "why", "no id")[2] != ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
@pytest.mark.parametrize("words", [("status",), ("--help",)])
def test_an_output_that_takes_nothing_is_reported_in_a_sentence(
    home: Home, words: tuple[str, ...]
) -> None:
    with open("/dev/full", "wb") as full, tempfile.TemporaryFile() as err:
        with forked.start(words, cwd=home.folder, stdout=full, stderr=err) as process:
            status = process.wait()
        err.seek(0)
        said = err.read().decode()
    assert (status, said) == (1, "standard output can't be written to: No space left on device.\n")


def test_check_looks_at_everything_although_a_token_is_missing(home: Home) -> None:
    home.file.write_text(f"[discord]\n{home.file.read_text('utf-8')}", "utf-8")
    status, out, err = home.call("check")
    assert status == 2
    assert "WRONG DISCORD_TOKEN: It is not set" in out
    assert "ok    arxiv: It answers." in out
    assert "1 of " in err


def test_verbose_tells_every_step_as_lines_of_keys_and_values(home: Home) -> None:
    status, _, err = home.call("once", "-v")
    assert status == 0
    [line] = [line for line in err.splitlines() if "event=collect " in line]
    assert line.startswith("time=20")
    assert "level=info logger=bot.core.collect event=collect complete=True" in line


def test_a_reader_that_left_costs_no_paper(home: Home) -> None:
    """Nobody takes the digest (``once | head -0``), and the person gives up: it comes later."""
    with home.start("once") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        for line in process.stderr:
            if line == "posting\n":
                break
        while "pipe" not in home.errors():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.wait(TIMEOUT_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert "Exception ignored" not in rest
    home.change("update outbox set not_before = ''")  # its time has come
    status, out, _ = home.call("once")
    assert status == 0
    assert out.count("A reward model for gardens") == 1


def test_an_answer_that_nobody_reads_is_no_failure(home: Home) -> None:
    for words in (("status",), ("--help",)):
        with home.start(*words) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            err = process.stderr.read()
            process.wait(TIMEOUT_SECONDS)
        assert process.returncode in {0, 1}
        assert "Traceback" not in err
        assert "Exception ignored" not in err


def test_ctrl_c_ends_quietly(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        home.configure(f"http://127.0.0.1:{silent.getsockname()[1]}/api/query")
        with home.start("preview", "reward model") as process:
            connection, _ = silent.accept()  # it has sent its request, and will wait
            with closing(connection):
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 130
    assert (out, err) == ("", "querying arXiv, request 1\n")


# -- the database ---------------------------------------------------------------------------------


def test_two_can_not_serve_one_database_but_questions_are_answered_beside(home: Home) -> None:
    store = open_store(home.folder / "data", alone=True)
    try:
        status, out, err = home.call("once")
        assert (status, out) == (1, "")
        assert "another Daily Papers already serves" in err
        assert home.call("status")[0] == 0
    finally:
        store.close()


def test_a_damaged_database_is_named_with_what_to_do(home: Home) -> None:
    data = home.folder / "data"
    data.mkdir()
    (data / "daily-papers.sqlite3").write_bytes(b"this is no database, " * 500)
    status, out, err = home.call("once")
    assert (status, out) == (1, "")
    assert "Restore a backup" in err


def test_a_held_post_is_shown_and_sent_again_on_request(home: Home) -> None:
    home.call("once")
    home.change("update outbox set state = 'held'")
    status, _, err = home.call("once")
    assert status == 4
    assert "daily-papers status" in err
    [post] = home.query("status")["channels"][0]["posts"]
    assert post["state"] == "held"
    assert home.call("resend", post["key"][:8])[0] == 0
    status, out, _ = home.call("once")
    assert status == 0
    assert "A reward model for gardens" in out


def test_help_is_there_at_once_because_nothing_heavy_is_imported() -> None:
    code = "import sys, bot.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {
        "httpx",
        "rich.console",
        "sqlite3",
        "asyncio",
        "msgspec",
        "bot.app.wiring",
        "bot.chat.commands",
    }
    assert heavy.isdisjoint(loaded)


def test_the_papers_of_these_tests_are_recent() -> None:
    assert abs((time.time() - submitted(2, "").published.timestamp()) - 7200) < 60


def test_a_machine_without_time_zone_data_is_told_the_time_all_the_same(home: Home) -> None:
    """As minimal containers are: the interpreter finds no zones but those that we bring."""
    zoned = home.file.read_text("utf-8").replace('"UTC"', '"Europe/Berlin"')
    home.file.write_text(zoned, "utf-8")
    assert home.call("once", PYTHONTZPATH="")[0] == 0
    status, out, _ = home.call("status", PYTHONTZPATH="")
    assert status == 0
    assert "Time zone: Europe/Berlin." in out


def test_a_command_that_the_program_tells_works_as_it_is_told(home: Home) -> None:
    assert home.call("once")[0] == 0
    elsewhere = home.file.rename(home.folder / "my bot.toml")
    named = ("--config", elsewhere.name)
    assert "Paused" in home.call("pause", *named, *CHANNEL)[1]
    told = home.call("status", *named)[1]
    [line] = [line for line in told.splitlines() if "To resume: " in line]
    program, *words = shlex.split(line.partition("To resume: ")[2])
    assert program == "daily-papers"
    assert "Posting again." in home.call(*words)[1]
    explained = home.query("status", *named)["channels"][0]["explanation"]
    assert "Paused" not in explained
