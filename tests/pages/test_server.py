"""The page and the feeds over real HTTP, and nothing else of their folder."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.errors import GaveUp
from bot.http_server import ConnectionLimits
from bot.pages import feed, html
from bot.pages.server import serving
from tests.pages.samples import aged, page_of, section
from tests.wire.serving import free_port


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What ``daily-papers page`` leaves, and what it has no business with."""
    page = page_of(section("reward model", (aged(1, 1),)))
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers.md").write_text("# Daily Papers", encoding="utf-8")
    (tmp_path / "papers.html").write_text(html.render(page), encoding="utf-8")
    (tmp_path / "papers.xml").write_text(feed.render_all(page), encoding="utf-8")
    (tmp_path / "papers" / "reward-model.xml").write_text("<feed/>", encoding="utf-8")
    (tmp_path / "papers" / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "bot.toml").write_text("secret", encoding="utf-8")
    return tmp_path


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    async with (
        serving(("127.0.0.1", port), folder / "papers.html"),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as made,
    ):
        yield made


async def test_the_page_and_the_feeds_are_served_with_what_they_are(
    client: httpx.AsyncClient, folder: Path
) -> None:
    for path, kind, name in (
        ("/", "text/html", "papers.html"),
        ("/papers.html", "text/html", "papers.html"),
        ("/papers.xml", "application/atom+xml", "papers.xml"),
        ("/papers/reward-model.xml", "application/atom+xml", "papers/reward-model.xml"),
    ):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert answer.content == (folder / name).read_bytes()


async def test_a_browser_is_told_to_run_our_script_alone(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/")).headers
    policy = dict(each.split(maxsplit=1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy.keys() == {
        "default-src", "script-src", "style-src", "base-uri", "form-action", "frame-ancestors",
    }  # fmt: skip
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_what_has_not_changed_is_not_sent_again(
    client: httpx.AsyncClient, folder: Path
) -> None:
    first = await client.get("/")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    for condition in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        again = await client.get("/", headers=condition)
        assert (again.status_code, again.content) == (304, b"")
    (folder / "papers.html").write_text("<p>new</p>", encoding="utf-8")
    changed = await client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.text) == (200, "<p>new</p>")


async def test_head_says_the_same_without_the_page(client: httpx.AsyncClient) -> None:
    asked, got = await client.head("/"), await client.get("/")
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["Content-Length"] == got.headers["Content-Length"]
    assert asked.headers["ETag"] == got.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/bot.toml", "/papers.md", "/papers", "/papers/", "/papers/secret.txt", "/papers/none.xml",
        "/../bot.toml", "/papers/../bot.toml", "/papers/..%2fbot.toml", "/%2e%2e/bot.toml",
        "/papers/%2e%2e%2fpapers.xml", "//etc/passwd", "/papers/reward-model.xml%00",
        "/papers/reward-model.xml/", "/PAPERS.HTML", "/papers/.xml",
    ],
)  # fmt: skip
async def test_nothing_else_of_the_folder_can_be_asked_for(
    client: httpx.AsyncClient, path: str
) -> None:
    port = client.base_url.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] in (b"404", b"400"), answer
    assert b"secret" not in answer


async def test_nothing_can_be_written(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await client.request(method, "/")).status_code == 405


async def test_a_page_that_was_not_written_yet_is_not_found_and_then_is(tmp_path: Path) -> None:
    port = free_port()
    async with (
        serving(("127.0.0.1", port), tmp_path / "papers.html"),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        assert (await client.get("/")).status_code == 404
        (tmp_path / "papers.html").write_text("here", encoding="utf-8")
        assert (await client.get("/")).text == "here"


async def test_one_connection_too_many_is_turned_away(folder: Path) -> None:
    port = free_port()
    limits = ConnectionLimits(count=1)
    async with serving(("127.0.0.1", port), folder / "papers.html", limits):
        _, first = await asyncio.open_connection("127.0.0.1", port)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        first.close()
        second.close()


async def test_a_port_in_use_is_named_by_its_key(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        with pytest.raises(GaveUp, match=r"\[page\] listen: 127\.0\.0\.1:\d+ can't be used"):
            async with serving((address[0], address[1]), folder / "papers.html"):
                raise AssertionError("it listened")


async def test_without_an_address_nothing_listens(folder: Path) -> None:
    async with serving(None, folder / "papers.html"):
        pass
