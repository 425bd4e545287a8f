"""The page's files, which never break."""

from __future__ import annotations

import os
import stat
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.errors import UserError
from bot.pages.files import problem, write, write_folder

DAY = date(2026, 11, 24)


def page_of(number: int, day: date = DAY) -> str:
    return f"# Daily Papers\n\nLast update: {day.isoformat()}\n\n| Study {number} | 2026-11-24 |\n"


def test_the_page_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    assert write(path, page_of(1))
    assert path.read_text(encoding="utf-8") == page_of(1)
    assert os.listdir(tmp_path) == ["papers.md"]


def test_a_page_that_differs_only_in_its_date_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    write(path, page_of(1))
    assert not write(path, page_of(1, DAY + timedelta(days=1)))
    assert "Last update: 2026-11-24" in path.read_text(encoding="utf-8")


def test_a_page_that_changed_is_replaced_at_one_go(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    write(path, page_of(1))
    with path.open(encoding="utf-8") as reader:
        assert write(path, page_of(2))
        assert reader.read() == page_of(1)  # who reads it now still has the whole old one
    assert path.read_text(encoding="utf-8") == page_of(2)


def test_the_date_of_a_paper_counts_as_a_change(tmp_path: Path) -> None:
    path = tmp_path / "papers.md"
    write(path, page_of(1))
    path.write_text(path.read_text("utf-8").replace("| 2026-11-24 |", "| 2026-11-23 |"), "utf-8")
    assert write(path, page_of(1))


@pytest.mark.parametrize("present", [b"", b"\xff\xfe not UTF-8", b"Last update: 2020-01-01\n"])
def test_anything_else_in_its_place_is_overwritten(tmp_path: Path, present: bytes) -> None:
    path = tmp_path / "papers.md"
    path.write_bytes(present)
    assert write(path, page_of(1))
    assert path.read_text(encoding="utf-8") == page_of(1)


def test_the_mode_of_the_page_and_a_link_to_it_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "papers.md", tmp_path / "index.md"
    write(path, page_of(1))
    path.chmod(0o640)
    link.symlink_to(path)
    assert write(link, page_of(2))
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == page_of(2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_page_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    path, any_file = tmp_path / "papers.md", tmp_path / "any"
    write(path, page_of(1))
    any_file.touch()
    assert path.stat().st_mode == any_file.stat().st_mode


def test_what_a_crash_left_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".papers.md.new").write_text("half a pa", encoding="utf-8")
    assert write(tmp_path / "papers.md", page_of(1))
    assert os.listdir(tmp_path) == ["papers.md"]


def test_a_folder_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "papers.md"
    with pytest.raises(UserError, match=r"can't be written to .*nowhere/papers\.md: No such file"):
        write(path, page_of(1))


def test_a_folder_in_the_place_of_the_page_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "papers.md").mkdir()
    with pytest.raises(UserError, match=r"\[page\] of bot\.toml"):
        write(tmp_path / "papers.md", page_of(1))
    assert os.listdir(tmp_path) == ["papers.md"]


def test_a_folder_of_feeds_keeps_what_is_shown_and_what_is_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    texts = {"a.xml": "<ours> a", "b.xml": "<ours> b"}
    assert write_folder(folder, texts, is_ours=lambda start: b"<ours>" in start)
    (folder / "mine.xml").write_text("<theirs>", encoding="utf-8")
    (folder / "notes.txt").write_text("<ours>", encoding="utf-8")
    (folder / "c.xml").mkdir()
    assert not write_folder(folder, texts, is_ours=lambda start: b"<ours>" in start)
    assert write_folder(folder, {"a.xml": "<ours> a"}, is_ours=lambda start: b"<ours>" in start)
    assert sorted(os.listdir(folder)) == ["a.xml", "c.xml", "mine.xml", "notes.txt"]


def test_a_file_in_the_place_of_the_folder_of_feeds_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "papers").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"can't be written to .*papers: File exists"):
        write_folder(tmp_path / "papers", {}, is_ours=lambda _: True)
    assert (tmp_path / "papers").read_text(encoding="utf-8") == "mine"


def test_a_page_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / ("p" * 250 + ".md")  # leaves no room for the name of the file beside it
    path.write_text(page_of(1), encoding="utf-8")
    with pytest.raises(UserError, match="File name too long"):
        write(path, page_of(2))
    assert path.read_text(encoding="utf-8") == page_of(1)
    assert os.listdir(tmp_path) == [path.name]


def make(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if kind == "folder" else path.write_text("mine", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "present", "why"),
    [
        ("papers", {}, ""),
        ("papers", {"papers.md": "file", "papers.html": "file", "papers": "folder"}, ""),
        ("papers", {"papers.md": "folder"}, "papers.md: Is a directory"),
        ("papers", {"papers.html": "folder"}, "papers.html: Is a directory"),
        ("papers", {"papers": "file"}, "papers: File exists"),
        ("nowhere/papers", {}, "papers.md: No such file or directory"),
        ("file/papers", {"file": "file"}, "papers.md: Not a directory"),
        ("p" * 250, {}, "md: File name too long"),
    ],
)
def test_what_is_in_the_way_of_the_page_is_known_before_it_is_written_in_the_same_words(
    tmp_path: Path, name: str, present: dict[str, str], why: str
) -> None:
    for each, kind in present.items():
        make(tmp_path / each, kind)
    before = sorted(os.listdir(tmp_path))
    paths = [tmp_path / f"{name}{suffix}" for suffix in (".md", ".html")]
    found = problem(paths, tmp_path / name)
    assert found.endswith(why)
    assert bool(found) is bool(why)
    assert sorted(os.listdir(tmp_path)) == before
    said = ""
    try:
        for path in paths:
            write(path, page_of(1))
        write_folder(tmp_path / name, {}, is_ours=lambda _: True)
    except UserError as error:
        said = str(error)
    assert bool(said) is bool(found)
    assert said.startswith(found)


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is open to the superuser")
@pytest.mark.parametrize("closed", ["web", "web/papers.md", "web/papers"])
def test_what_is_closed_to_the_bot_is_named_with_the_command_that_opens_it(
    tmp_path: Path, closed: str
) -> None:
    folder = tmp_path / "web"
    (folder / "papers").mkdir(parents=True)
    write(folder / "papers.md", page_of(1))
    (tmp_path / closed).chmod(0)
    try:
        found = problem([folder / "papers.md"], folder / "papers")
    finally:
        (tmp_path / closed).chmod(0o700)
    assert f"{tmp_path / closed} is closed to its owner: chmod u+rwX " in found
