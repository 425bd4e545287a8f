"""Invented digests: a plain day, hostile titles, many papers; and a program that prints one.

``python -m tests.adapters.samples COUNT`` sends a digest of COUNT papers to standard output and
says on standard error what the console answered.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from adapters import Settings
from adapters.console.platform import Console
from bot.errors import SendError
from bot.model import Channel, Digest, Draft, Entry, MostSaved, News, NewsItem, NewsKind, Post, Why
from bot.text import displayed
from tests.builders import paper
from tests.fakes import FakeClock

CHANNEL = Channel("console:")
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


def post(draft: Draft, key: str = "k1") -> Post:
    return Post(key, CHANNEL, draft.payload, 1, uncertain=False)


def entry(number: int, title: str, *keywords: str, **fields: object) -> Entry:
    made = paper(number, title, month="2611", published=NOW, **fields)
    return Entry(displayed(made), keywords or ("reward model",))


def digest(*entries: Entry, **fields: object) -> Digest:
    values: dict[str, object] = {"why": Why.NEW, "entries": entries}
    return Digest(CHANNEL, DAY, **(values | fields))  # type: ignore[arg-type]


PLAIN_DAY = digest(
    entry(1, "Reward Models That Abstain", comment="12 pages, 3 figures"),
    entry(
        2,
        r"Counting to $10^6$ with \emph{Language} Agents",
        "language agent",
        "benchmark",
        authors=("Ren\\'e Sample", "B. Muster", "C. Probe", "D. Test"),
    ),
    entry(3, "No Author, No Comment, a Title That Is Long Enough to Wrap Somewhere", authors=()),
)

HOSTILE_TITLES = (
    r"$\mathcal{O}(n)$ beats \textbf{everything} at Schr\"odinger's $5 and $10",
    "Pipes | break | tables",
    "@everyone come and see <@123> <!channel> @here",
    "Code `rm -rf /` and ```fences```",
    "Markup [bold red]is[/bold red] not [link=https://evil.example]ours[/link] :smile:",
    "Escapes \x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\ \x9b2J \x07",
    "Right \u202eto left\u202c and zero\u200bwidth, soft\u00adhyphen",
    "Two\nlines\r\nand\ttabs",
    "*Stars* _lines_ ~~strokes~~ <b>tags</b> &amp; # heading",
    "Wide 深層学習の新しい方法 and עברית and 🎉",
    "Long " + "and longer " * 27,
    "Unbreakable" + "e" * 290,
)

HOSTILE_DAY = digest(
    *(
        entry(number, title, authors=(title[:40], "B | C"), comment=title)
        for number, title in enumerate(HOSTILE_TITLES, 1)
    ),
    entry(40, "Forty Authors", authors=tuple(f"Author {number}" for number in range(1, 41))),
)


def news(number: int, kind: NewsKind, title: str, **fields: object) -> NewsItem:
    """Of a paper that was posted three weeks before."""
    entered = entry(number, title)
    made = News(entered.paper.id, kind, f"mark {number}", **fields)  # type: ignore[arg-type]
    link = f"https://discord.com/channels/1/2/{number}"
    return NewsItem(number, made, entered.paper, NOW - timedelta(days=21), f"key {number}", link)


NEWS = (
    news(
        51, NewsKind.WITHDRAWN, "A Lemma Too Good to Be True", version=2,
        text="This paper has been withdrawn by the authors due to an error in Lemma 2",
    ),
    news(52, NewsKind.RESTORED, "A Lemma After All", version=3),
    news(53, NewsKind.VENUE, "Slow and Careful", text="ICML 2026"),
    news(54, NewsKind.VENUE, "Careful and Slow", text="Phys. Rev. D 2026", published=True),
    news(
        55, NewsKind.VERSION, "A New Name for It", version=2,
        titles=("An Old Name for It", "A New Name for It"), comments=("", "14 pages"),
    ),
    news(56, NewsKind.VERSION, "Nothing to See Here", version=4),
)  # fmt: skip
NEWS_DAY = replace(PLAIN_DAY, news=NEWS)
NEWS_ALONE = digest(news=NEWS)
# More than have a line each, and of the largest texts that there are.
MUCH_NEWS = digest(
    *PLAIN_DAY.entries,
    news=tuple(
        news(
            number, NewsKind.VERSION if number % 3 else NewsKind.WITHDRAWN,
            HOSTILE_TITLES[number % len(HOSTILE_TITLES)] if number % 2 else "漢字" * 400, version=2,
            text="深層&<学習>" * 60, comments=("", "é&<" * 100), titles=("*_~`|" * 60, "b"),
        )
        for number in range(1, 301)
    ),
)  # fmt: skip

LIKES = ("A *Slow* _Result_ <@123>", "", "Long " + "and longer " * 27)
SAVED_DAY = replace(
    PLAIN_DAY,
    entries=tuple(
        replace(each, like=like) for each, like in zip(PLAIN_DAY.entries, LIKES, strict=True)
    ),
    news=NEWS[:1],
    most_saved=tuple(
        MostSaved(entry(number, title).paper, 62 - number)
        for number, title in enumerate(("Kept by Many", *HOSTILE_TITLES[2:4], "漢字" * 400), 57)
    ),
)
SAVED_ALONE = digest(most_saved=SAVED_DAY.most_saved)

FIRST = digest(entry(1, "The Newest"), entry(2, "The Second"), why=Why.FIRST)

AFTER_DOWNTIME = digest(
    entry(1, "Found Late"), missed=(date(2026, 11, 20), date(2026, 11, 23)), skipped=12
)


def long_day(count: int) -> Digest:
    return digest(*(entry(number, f"Study number {number}") for number in range(1, count + 1)))


async def main() -> None:
    console = Console(Settings(sys.stdout, FakeClock()))
    (draft,) = console.composer().compose(long_day(int(sys.argv[1])))
    try:
        receipt = await console.send(post(draft))
    except SendError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    else:
        sys.stderr.write(f"{receipt.message_id}\n")


if __name__ == "__main__":
    asyncio.run(main())
