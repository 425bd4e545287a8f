"""The demo as a newcomer starts it, and what it says when something that it shows is not true."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.demo.clock import DemoClock
from bot.demo.sample import Sample, load
from bot.demo.show import show
from tests.process import forked

PROGRAM = [sys.executable, "-m", "bot", "demo"]
MAX_SECONDS = 60  # a program that hangs is killed
SAMPLE = load()
FACTS = re.compile(r"^  \S+ · \d+ \w+ 2026(?: · [^·\n]+)*? · (\d{4}\.\d{5}) · (.+)$", re.MULTILINE)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """``folder`` is where temporary files go."""
    kept = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
    own = {name: os.environ[name] for name in kept if name in os.environ}
    return {**own, "TMPDIR": str(folder), "PYTHONUTF8": "1", **more}


def start(folder: Path, pipe: int = -1, **more: str) -> subprocess.Popen[str]:
    """``pipe`` is how many bytes the program can be ahead of its reader."""
    return subprocess.Popen(
        PROGRAM,
        pipesize=pipe,
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one demo writes through a pipe; it leaves its folder as empty as it was."""
    folder = tmp_path_factory.mktemp("demo")
    with start(folder) as process:
        out, err = process.communicate(timeout=MAX_SECONDS)
    assert (process.returncode, err) == (0, "")
    assert list(folder.iterdir()) == []
    return out


def day(text: str, number: int) -> str:
    """The part of the demo that plays on one day."""
    parts = re.split(r"^Day (\d)", text, flags=re.MULTILINE)
    days = zip(parts[1::2], parts[2::2], strict=True)
    return "".join(scene for name, scene in days if int(name) == number)


def test_each_paper_that_is_due_is_there_once_and_no_other_is(shown: str) -> None:
    posted = Counter(paper_id for paper_id, _ in FACTS.findall(shown))
    assert posted == Counter(SAMPLE.posted.keys())


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_paper_comes_on_its_day(shown: str, number: int) -> None:
    posted = {paper_id for paper_id, _ in FACTS.findall(day(shown, number))}
    assert posted == SAMPLE.expected(date(2026, 11, 22 + number))
    assert posted


def test_a_second_version_is_no_second_paper_and_may_be_the_first_one_seen(shown: str) -> None:
    revised, first_as_v2 = SAMPLE.parts["revised"], SAMPLE.parts["first seen as v2"]
    assert revised in day(shown, 1)
    assert revised not in {paper_id for paper_id, _ in FACTS.findall(day(shown, 2))}
    assert first_as_v2 in {paper_id for paper_id, _ in FACTS.findall(day(shown, 2))}


def test_a_paper_that_was_withdrawn_is_told_of_once_on_the_next_day(shown: str) -> None:
    [title] = {paper.title for paper in SAMPLE.papers if paper.id == SAMPLE.parts["taken back"]}
    assert f"\nWithdrawn: {title}\n" in day(shown, 2)
    assert "posted 23 Nov 2026 · This paper has been withdrawn by its author" in day(shown, 2)
    assert shown.count("Withdrawn: ") == 1


def test_a_paper_of_two_keywords_is_one_post_that_names_both(shown: str) -> None:
    named = dict(FACTS.findall(shown))[SAMPLE.parts["two keywords"]]
    assert named == ", ".join(SAMPLE.keywords[:2])


def test_hostile_titles_are_shown_as_they_are_and_do_nothing(shown: str) -> None:
    [hostile] = {p.title for p in SAMPLE.papers if p.id == SAMPLE.parts["hostile"]}
    assert hostile in shown.splitlines()
    assert "Zoë <i>Voorbeeld</i>" in shown


def test_latex_is_shown_as_people_write_it(shown: str) -> None:
    assert "α-Divergences for Reward Models: From Schrödinger to Erdős in ℝᵈ" in shown
    assert "Ana Exemplo, Bela Példa and 37 more" in shown
    assert "$" not in re.sub(r"^\$ (?:daily-|/)papers", "", shown, flags=re.MULTILINE)


def test_a_silent_arxiv_is_said_to_be_silent(shown: str) -> None:
    assert "It is not known what is new: arXiv asked us to wait" in day(shown, 3)
    assert "Nothing new matched" not in day(shown, 3)


def test_why_knows_the_late_paper_and_what_the_near_miss_lacks(shown: str) -> None:
    answers = dict(re.findall(r"\$ daily-papers why (\S+)\n((?:.+\n)+)", shown))
    assert "Posted yesterday 08:00" in answers[SAMPLE.parts["late"]]
    near = answers[SAMPLE.parts["near miss"]].replace("\n", " ")
    assert "Closest is reward model: all words are there, but not next to each other" in near


def test_through_a_pipe_there_is_plain_text_and_every_address(shown: str) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)
    for paper_id in SAMPLE.posted:
        assert f"\n  https://arxiv.org/abs/{paper_id}\n" in shown
    assert not re.search(r"[ \t]$", shown, re.MULTILINE)


def test_two_demos_at_once_do_not_meet(tmp_path: Path, shown: str) -> None:
    """Nor does either ask a proxy for what is on this machine."""
    nowhere = "http://127.0.0.1:9"
    proxies = {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "ALL_PROXY": nowhere}
    env = environment(tmp_path, **proxies)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(forked.call, "demo", cwd=tmp_path, env=env) for _ in range(2)]
    for call in calls:
        done = call.result()
        assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")
    assert list(tmp_path.iterdir()) == []


def test_an_old_locale_costs_signs_and_not_the_demo(tmp_path: Path) -> None:
    with start(tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="ascii") as process:
        out, err = process.communicate(timeout=MAX_SECONDS)
    assert (process.returncode, err) == (0, "")
    assert "Emre Ornek" in out
    assert out.isascii()


def test_a_reader_that_leaves_early_leaves_no_traceback_and_no_folder(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        process.wait(MAX_SECONDS)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_it_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with start(tmp_path, pipe=4096) as process:  # so that it can't have come to its end
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Day 1"):
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=MAX_SECONDS)
    assert (process.returncode, err) == (130, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        called = subprocess.run(
            PROGRAM, env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert called.returncode == 1
    assert called.stderr == "The demo can't go on: No space left on device.\n"
    assert list(tmp_path.iterdir()) == []


# -- the demo's own checks: each sees what it is there for ----------------------------------------


def play(sample: Sample) -> tuple[bool, str]:
    stream = io.StringIO()
    return show(stream, sample), stream.getvalue().partition("This went wrong")[2]


def test_a_paper_that_should_have_come_and_did_not_is_a_fault() -> None:
    excluded = SAMPLE.parts["excluded"]
    posted = {**SAMPLE.posted, excluded: date(2026, 11, 24)}
    fine, faults = play(replace(SAMPLE, posted=posted))
    assert not fine
    assert f"Tuesday 08:00: due, but not posted: {excluded}" in faults
    assert f"{excluded}: posted 0 times instead of 1" in faults


def test_a_paper_that_came_and_should_not_have_is_a_fault() -> None:
    late = SAMPLE.parts["late"]
    posted = {paper_id: at for paper_id, at in SAMPLE.posted.items() if paper_id != late}
    fine, faults = play(replace(SAMPLE, posted=posted))
    assert not fine
    assert f"Tuesday 08:00: posted, but not due: {late}" in faults
    assert f"{late}: posted 1 time instead of 0" in faults


def test_a_paper_that_comes_on_another_day_is_a_fault() -> None:
    early = {**SAMPLE.posted, SAMPLE.parts["while arXiv was busy"]: date(2026, 11, 24)}
    fine, faults = play(replace(SAMPLE, posted=early))
    assert not fine
    assert "Tuesday 08:00: due, but not posted" in faults
    assert "Wednesday 09:00: posted, but not due" in faults


def test_an_answer_of_why_that_is_not_as_documented_is_a_fault() -> None:
    parts = {**SAMPLE.parts, "late": SAMPLE.parts["near miss"], "near miss": SAMPLE.parts["late"]}
    fine, faults = play(replace(SAMPLE, parts=parts))
    assert not fine
    assert "why does not know that a paper was posted" in faults
    assert "why does not say which keyword came closest" in faults


# -- what the demo is made of ---------------------------------------------------------------------


def test_no_id_of_the_sample_can_be_a_real_one() -> None:
    """arXiv gives some 30,000 numbers a month."""
    assert all(int(paper.id[5:]) >= 90_000 for paper in SAMPLE.papers)


def test_the_sample_is_as_varied_as_papers_are() -> None:
    by_part = {
        part: [paper for paper in SAMPLE.papers if paper.id == paper_id]
        for part, paper_id in SAMPLE.parts.items()
    }
    assert len(by_part["forty authors"][0].authors) == 40
    assert len(by_part["long comment"][0].comment) > 200
    assert [paper.version for paper in by_part["revised"]] == [1, 2]
    assert [paper.version for paper in by_part["withdrawn"]] == [1, 2]
    assert "withdrawn" in by_part["withdrawn"][1].comment
    assert [paper.version for paper in by_part["first seen as v2"]] == [2]
    assert not by_part["another script"][0].title.isascii()
    [late] = by_part["late"]
    assert (late.visible_at.date() - late.published.date()).days == 11
    [hostile] = by_part["hostile"]
    for sign in ("|", "@everyone", "<!channel>", "`", "[bold]", "*stars*"):
        assert sign in hostile.title
    assert any(len(paper.categories) > 2 for paper in SAMPLE.papers)


async def test_the_demos_time_passes_without_waiting_and_only_forwards() -> None:
    start_at = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    clock = DemoClock(start_at)
    await clock.sleep(3600)
    await clock.sleep(-1)
    assert (clock.now().hour, clock.monotonic()) == (9, 3600.0)
    with pytest.raises(ValueError, match="forward"):
        clock.move_to(start_at)


def test_a_badge_is_shown_and_a_saved_paper_with_its_bibtex(shown: str) -> None:
    assert " · ICML 2026 · 2611.90033 · " in shown
    assert "\n  code: https://gitlab.example.org/sofa/dark\n" in shown
    assert "This channel has saved 1 paper:\n- Slow Feedback" in shown
    assert "\n@misc{beispiel2026slow,\n" in shown
