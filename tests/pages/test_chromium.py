"""The page in a real browser, served as the bot serves it, where Chromium is installed."""

from __future__ import annotations

from pathlib import Path

from bot.pages import html
from bot.pages.server import serving
from tests.pages.browser import browsing, chromium
from tests.pages.samples import HOSTILE, aged, page_of, section
from tests.wire.serving import free_port

VISIBLE = "[...document.querySelectorAll('article')].filter(e => e.offsetParent).map(e => "
TITLES = f"{VISIBLE} e.querySelector('h4').innerText)"
SECTIONS = (
    "[...document.querySelectorAll('section')].filter(e => e.offsetParent)"
    ".map(e => e.querySelector('h2').innerText)"
)
TOLD = "document.querySelector('output').innerText"


async def test_the_filter_takes_plain_text_abstracts_unfold_and_a_day_has_its_link(
    tmp_path: Path,
) -> None:
    """One browser for all of it, because each start costs a second."""
    chromium()
    papers = (
        aged(1, 1, abstract="On C++ (and a.b*c) [x] at https://github.com/ada/x."),
        aged(2, 2, abstract="Über Köder."),
        aged(3, 30, abstract=HOSTILE[2]),
    )
    page = page_of(section("first", papers, frozenset({papers[0].id})), section("two", papers[1:]))
    (tmp_path / "papers.html").write_text(html.render(page), encoding="utf-8")
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    async with (
        serving(("127.0.0.1", port), tmp_path / "papers.html"),
        browsing(tmp_path / "profile") as tab,
    ):
        await tab.look(390, 800, "dark", mobile=True)
        await tab.open(address)
        assert await tab.value("document.documentElement.scrollWidth") == 390, "nothing sticks out"
        assert await tab.value("getComputedStyle(document.body).backgroundColor") == (
            "rgb(13, 17, 23)"
        )
        assert len(await tab.value(TITLES)) == 5

        await tab.click("#_words")
        for typed, titles, sections in (
            ("c++", ["NewStudy 1"], ["first"]),
            ("(and a.b*c) [x", ["NewStudy 1"], ["first"]),
            ("kOder über", ["Study 2", "Study 2"], ["first", "two"]),
            ("study .*", [], []),
            ("^", [], []),
            ("\\", [], []),
            ("<script>", ["Study 3", "Study 3"], ["first", "two"]),
        ):
            await tab.type(typed)
            found = [each.replace(" ", "") for each in await tab.value(TITLES)]
            assert found == [each.replace(" ", "") for each in titles], typed
            assert await tab.value(SECTIONS) == sections
            assert await tab.value(TOLD) == f"{len(titles)} of 5 papers shown"

        await tab.open(f"{address}?#2026-11-23")
        assert await tab.value(TITLES) == ["Study 3", "Study 3"]
        assert await tab.value(TOLD) == "2 of 5 papers shown of 2026-11-23"

        await tab.look(1000, 900, "light")
        await tab.open(address)
        shown = "document.querySelector('details p').checkVisibility()"
        folded = "document.querySelector('article details').open"
        assert not await tab.value(folded)
        await tab.click("article summary")
        assert await tab.value(folded)
        assert await tab.value(shown.replace("details p", "article details p"))
        picture = await tab.screenshot()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000, "not a blank page"
        assert tab.console == [], "no error, and nothing that the policy forbids"
