"""Does what README.md, docs/guide.md and docs/hosting.md tell people to do, and looks.

That commands, options, keys and errors are described at all is held by ``test_docs``; each single
command of all pages is run by ``process/test_docs_commands``.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from adapters import PLATFORMS
from bot import config
from bot.__main__ import command_line
from bot.app.wiring import open_bot
from bot.cli import terminal
from bot.demo.clock import DemoClock
from bot.demo.sample import load
from bot.keywords import parse
from bot.matching import Matcher
from bot.model import Person
from tests.builders import paper
from tests.process import forked
from tests.wire.arxiv_feed import StandinPaper
from tests.wire.arxiv_standin import ArxivStandin

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
HOSTING = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "guide.md": GUIDE, "hosting.md": HOSTING}
SAMPLE = load()
PAPERS = [StandinPaper(**asdict(each)) for each in SAMPLE.papers]
OLD = "2610.90007"  # on arXiv long before anybody follows anything
MUTED = replace(  # what a mute hides
    max(PAPERS, key=lambda each: each.visible_at),
    id="2611.90099",
    title="A Survey of Reward Models",
)
NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)  # the sample's second day


def blocks(text: str) -> list[str]:
    """What is in the fences of a shell."""
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the tables whose head begins so, cell by cell."""
    rows = []
    for found in re.findall(rf"^\| {head}.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE):
        rows += [[cell.strip() for cell in row.strip("|").split("|")] for row in found.split("\n")]
    return [row for row in rows if len(row) > 1]


# -- commands -------------------------------------------------------------------------------------


def calls(text: str) -> Iterator[str]:
    """Every call of the program, in a fence or within a line."""
    inline = re.findall(r"`(daily-papers [^`]+)`", text)
    fences = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    fenced = "\n".join(inside for language, inside in fences if language in ("", "sh"))
    for line in [*inline, *fenced.splitlines()]:
        if line.startswith(("docker ", "git ")):  # in which it is the name of something else
            continue
        if call := re.search(r"(?:^|[/ ])(daily-papers .*)$", re.split(r" # | > ", line)[0]):
            yield call[1].strip()


@pytest.mark.parametrize("call", sorted({call for text in PAGES.values() for call in calls(text)}))
def test_every_call_in_the_pages_is_one_that_the_program_takes(call: str) -> None:
    command: object = command_line()
    words = shlex.split(call)[1:]
    while isinstance(command, typer.core.TyperGroup):
        command = command.commands[words.pop(0)]
    assert isinstance(command, typer.core.TyperCommand)
    given = command.make_context("daily-papers", words).params
    assert not [word for word in given.get("keyword", ()) if word.startswith("--")]


def test_the_calls_are_found() -> None:
    assert len(set(calls(README))) > 10
    assert "daily-papers once" in set(calls(HOSTING)) & set(calls(GUIDE))


class Newcomer:
    """Follows the pages in a home of their own, with an arXiv on this machine."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def type(self, lines: str, folder: str = ".") -> str:
        """What a shell shows; the program is the one under test."""
        lines = re.sub(r"^alias .*\n", "", lines, flags=re.MULTILINE)
        with forked.in_a_shell() as (program, descriptor):
            done = subprocess.run(
                ["bash", "-euc", program + lines],
                cwd=self.home / folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                pass_fds=[descriptor],
            )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill_in(self, url: str) -> None:
        """What the pages ask of the person, and the pretend arXiv's address."""
        file = self.home / "papers" / "bot.toml"
        text = file.read_text(encoding="utf-8")
        for old, new in (
            ("mailto:you@example.org", "mailto:me@newcomer.test"),
            ('# url = "https://export.arxiv.org/api/query"', f'url = "{url}"'),
            ("# interval = 3 ", "interval = 0 "),
        ):
            assert old in text
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")


def now() -> datetime:
    """The time that the program under test sees: it runs as a person runs it, on the real clock."""
    return datetime.now(UTC)


def papers_of_today() -> list[StandinPaper]:
    """The sample as if its second day were today; else the bot would rightly call it old."""
    later = now() - NOW
    return [
        replace(
            each,
            published=each.published + later,
            updated=each.updated and each.updated + later,
            visible_at=each.visible_at + later,
        )
        for each in PAPERS
    ]


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """Somebody who has followed README.md up to the point where bot.toml is filled in."""
    with ArxivStandin(papers_of_today(), now) as arxiv:
        person = Newcomer(tmp_path)
        [setting_up] = [block for block in blocks(README) if "daily-papers init" in block]
        assert "once --dry-run" in person.type(setting_up)
        person.fill_in(arxiv.url)
        yield person


def test_five_minutes_lead_to_the_first_post(newcomer: Newcomer) -> None:
    [first_post] = [block for block in blocks(README) if "daily-papers once " in block]
    shown = newcomer.type(first_post, "papers")
    assert 'I understand: "reward model" in title or abstract' in shown
    assert (
        shown.count("2 new keywords · 5 of their newest papers") == 2
    )  # the dry run, and the real one
    assert "console: 2 keywords, 1 post sent" in shown


def test_the_guide_can_be_followed_from_its_top_to_its_end(newcomer: Newcomer) -> None:
    shown = newcomer.type("\n".join(blocks(GUIDE)), "papers")
    assert "2 new keywords · 5 of their newest papers" in shown
    assert "This channel no longer follows" in shown
    assert "The bot has not seen this paper." in shown


def test_a_backup_as_the_page_says_it_holds_what_was_posted(newcomer: Newcomer) -> None:
    backup, restore = (
        block
        for name in ("backup", "restore")
        for block in blocks(HOSTING)
        if block.startswith(f"daily-papers {name} ")
    )
    assert "new keywords" in newcomer.type("daily-papers once", "papers")
    newcomer.type(backup, "papers")
    for file in (newcomer.home / "papers").glob("daily-papers.*"):
        file.unlink()
    newcomer.type(restore, "papers")
    assert newcomer.type("daily-papers once", "papers") == ""


def test_what_is_asked_through_a_proxy_reaches_it(newcomer: Newcomer, tmp_path: Path) -> None:
    with ArxivStandin(papers_of_today(), now) as proxy:  # takes whole addresses too
        file = tmp_path / "papers" / "bot.toml"
        text = re.sub(
            '^url = ".*"', 'url = "http://arxiv.test/api/query"', file.read_text(), flags=re.M
        )
        file.write_text(text)
        at = proxy.url.removesuffix("/api/query")
        shown = newcomer.type(f"ALL_PROXY={at} daily-papers preview reward model", "papers")
    assert "I understand" in shown


# -- keywords -------------------------------------------------------------------------------------


def keyword_rows() -> Iterator[tuple[str, str, str, bool]]:
    """Keyword, field, example, whether it is found: from the guide's tables by their heads."""
    for field in ("title", "author", "category"):
        for keyword, finds, not_those in table(GUIDE, rf"keyword \| finds the {field}"):
            for cell, found in ((finds, True), (not_those, False)):
                for example in re.findall(r"\*([^*]+)\*", cell):
                    yield keyword.strip("`"), field, example, found


@pytest.mark.parametrize(("keyword", "field", "example", "found"), list(keyword_rows()))
def test_the_guides_examples_are_found_or_not_as_it_says(
    keyword: str, field: str, example: str, found: bool
) -> None:
    shown = {
        "title": paper(90001, title=example, abstract="Nothing."),
        "author": paper(90001, authors=(example,)),
        "category": paper(90001, categories=(example,), primary_category=example),
    }[field]
    assert bool(Matcher([parse(keyword)]).match(shown)) == found


def test_the_guides_examples_are_read() -> None:
    assert len({keyword for keyword, *_ in keyword_rows()}) == 21
    assert len(list(keyword_rows())) > 45


@pytest.mark.parametrize(
    "keyword",
    [
        text
        for row in [*table(README, "keyword"), *table(GUIDE, "write")]
        for text in re.findall(r"^`([^`]+)`", row[0])
    ],
)
def test_every_keyword_that_is_shown_is_one(keyword: str) -> None:
    assert parse(keyword).query


# -- what the bot says ----------------------------------------------------------------------------


async def heard(folder: Path) -> str:
    """Everything that status and why say through some days, normalised."""
    clock = DemoClock(datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    said = []
    with ArxivStandin([*PAPERS, MUTED], clock.now) as arxiv:
        file = folder / "bot.toml"
        file.write_text(
            f'[schedule]\nfirst_post = 1\n[arxiv]\nurl = "{arxiv.url}"\n'
            '[[channels]]\nid = "console:"\n'
            f"keywords = {list(SAMPLE.keywords)!r}\n"
        )
        settings = config.load(file, {}, need_secrets=False)
        async with open_bot(settings, serving=True, clock=clock, stream=io.StringIO()) as bot:

            async def ask() -> None:
                said.append((await bot.status_queries.status()).text)
                for paper_id in (*SAMPLE.parts.values(), OLD, MUTED.id, "2603.01234"):
                    said.append((await bot.chat().queries.why(paper_id, "console:")).text)

            await bot.run_once()
            clock.move_to(clock.now() + timedelta(minutes=5))
            await bot.run_once()
            await ask()
            clock.move_to(datetime(2026, 11, 24, 7, 30, tzinfo=UTC))
            await ask()  # Monday was missed
            await bot.run_once()
            clock.move_to(datetime(2026, 11, 24, 8, 0, tzinfo=UTC))
            await bot.run_once()
            await ask()
            await bot.chat().commands.mute("console:", Person("Ann"), "survey")
            clock.move_to(datetime(2026, 11, 25, 7, 30, tzinfo=UTC))
            await bot.pipeline.collect()
            await bot.pipeline.publish()
            await ask()
            arxiv.busy = True
            clock.move_to(datetime(2026, 11, 25, 8, 0, tzinfo=UTC))
            await bot.run_once()
            await ask()
    return normalised("\n".join(said))


def normalised(text: str) -> str:
    day = r"today|yesterday|tomorrow|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ [A-Z][a-z]{2}"
    return re.sub(r"\d+", "N", re.sub(rf"\b(?:{day})\b", "DAY", text)).replace("papers", "paper")


async def test_the_sentences_in_the_tables_are_the_bots_own(tmp_path: Path) -> None:
    everything = await heard(tmp_path)
    rows = [*table(README, "it says"), *table(GUIDE, "it says")]
    assert len(rows) == 11
    for sentence, _ in rows:
        assert normalised(sentence) in everything, sentence


# -- the rest -------------------------------------------------------------------------------------


def test_every_platform_of_the_first_page_is_there() -> None:
    assert set(PLATFORMS) == {"console", "discord", "slack"}


def test_the_table_of_others_says_also_what_we_do_not_do() -> None:
    rows = {row[0]: row[1:] for row in table(README, r"\| Daily Papers")}
    assert {len(cells) for cells in rows.values()} == {6}
    assert {each.lower() for each in rows["posts to"][0].split(", ")} == {
        "terminal" if name == "console" else name for name in PLATFORMS
    }
    assert sum(cells[0].startswith("**no**") for cells in rows.values()) == 2
    assert all(f"[{name}](https://" in README for name in ("alphaXiv", "Scholar Inbox"))


def test_the_exit_statuses_for_scripts_are_those_of_the_program() -> None:
    assert {int(row[0]) for row in table(HOSTING, "status")} == set(terminal.ExitStatus)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https://)([^)]+)\)", README))))
def test_the_links_of_the_first_page_lead_somewhere(target: str) -> None:
    file, _, anchor = target.partition("#")
    assert (ROOT / (file or "README.md")).is_file()
    if anchor:
        text = (ROOT / (file or "README.md")).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_first_page_begins_with_what_it_is_and_what_members_see() -> None:
    sentence = (
        "Daily Papers is a self-hosted bot that posts new arXiv papers matching your keywords to"
        " Discord and Slack every morning."
    )
    before_running = README.partition("## Run it")[0]
    assert before_running.index(sentence) < before_running.index("discord-digest.png")
    assert "slack-thread.png" in before_running
    assert "discord-adding.png" in before_running


def test_the_contents_name_every_section_of_the_first_page() -> None:
    [contents] = re.findall(r"^\*\*Contents:\*\* (.*)$", README, re.MULTILINE)
    named = re.findall(r"\[([^\]]+)\]", contents)
    assert named == re.findall(r"^###? (.*)$", README, re.MULTILINE)


def test_arxiv_is_thanked_in_the_words_that_it_asks_for() -> None:
    assert "Thank you to arXiv for use of its open access interoperability." in README
    assert "not endorsed by it" in README
