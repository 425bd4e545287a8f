"""Draws docs/pictures/discord-*.png: our messages as Discord shows them, from the real payloads.

``discord-adding.png`` moves (APNG): somebody types ``/papers add``, and what comes of it.

Run it after a change of their looks, with Chromium installed:
``python docs/make_discord_pictures.py``. The page is a drawing of our own, not Discord's client:
the same Markdown, cards and buttons in Discord's colours. It asks no server for anything.
"""

from __future__ import annotations

import asyncio
import html
import re
import sys
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.discord import render, replies  # noqa: E402
from bot.model import Channel, Digest, Paper, Person, Why  # noqa: E402
from bot.network import Network  # noqa: E402
from bot.zotero.client import ZoteroClient  # noqa: E402
from docs.drawing import animate, draw  # noqa: E402
from docs.make_digest_picture import sample, with_saved  # noqa: E402
from tests.adapters.discord.backend import DiscordBackend  # noqa: E402
from tests.adapters.samples import NEWS  # noqa: E402
from tests.wire.zotero_server import KEY, ZoteroKey, ZoteroServer  # noqa: E402

OUT = ROOT / "docs" / "pictures"
NOW = datetime(2026, 11, 24, 9, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CHANNEL = "discord:1142000000000000000"
STYLE = (OUT / "discord.css").read_text(encoding="utf-8")


def markdown(text: str) -> str:
    """The part of Discord's Markdown that our messages use; what is escaped is left in peace."""
    if code := re.fullmatch(r"```\n(.*)\n```", text, re.DOTALL):
        return f"<pre>{html.escape(code[1])}</pre>"
    kept: list[str] = []

    def keep(character: str) -> str:
        kept.append(html.escape(character))
        return f"\x00{len(kept) - 1}\x00"

    text = re.sub(r"\\([^a-zA-Z0-9\s])", lambda found: keep(found[1]), text)
    lines = [_line(html.escape(line, quote=False)) for line in text.split("\n")]
    drawn = "".join(line if line.startswith("<h3>") else line + "\n" for line in lines).rstrip("\n")
    return re.sub("\x00(\\d+)\x00", lambda found: kept[int(found[1])], drawn)


def _line(line: str) -> str:
    line = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r'<a href="\2">\1</a>', line)
    line = re.sub(r"&lt;(https://[^&]*)&gt;", r'<a href="\1">\1</a>', line)
    line = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", line)
    line = re.sub(r"\*(.+?)\*", r"<i>\1</i>", line)
    if line.startswith("### "):
        return f"<h3>{line[4:]}</h3>"
    if line.startswith("-# "):
        return f'<span class="small">{line[3:]}</span>'
    return f"• {line[2:]}" if line.startswith("- ") else line


def components(parts: Sequence[Mapping[str, Any]]) -> str:
    return "".join(map(_component, parts))


def _component(part: Mapping[str, Any]) -> str:
    inner = part.get("components", ())
    match part["type"]:
        case render.CONTAINER:
            accent = part.get("accent_color")
            colour = f' style="--accent: #{accent:06x}"' if accent else ""
            return f'<div class="card"{colour}>{components(inner)}</div>'
        case render.SECTION:
            accessory = _component(part["accessory"])
            return f'<div class="section">{components(inner)}{accessory}</div>'
        case render.BUTTON:
            return f'<span class="button">{html.escape(part["label"])}</span>'
        case render.SELECT:
            return f'<span class="menu">{html.escape(part["placeholder"])}<span>⌄</span></span>'
        case render.ROW:
            return f'<div class="part">{components(inner)}</div>'
        case 12:  # a gallery; what is attached takes the place of its address later
            [item] = part["items"]
            alt = html.escape(item["description"])
            return f'<div class="part"><img src="{item["media"]["url"]}" alt="{alt}"></div>'
        case _:
            return f'<div class="part">{markdown(part["content"])}</div>'


def message(body: Mapping[str, Any], *, below: str = "", when: str = "today at 08:00") -> str:
    inside = components(body.get("components", ()))
    if body.get("content"):
        inside = f'<div class="part">{markdown(body["content"])}</div>'
    return (
        '<div class="message"><div class="face">P</div><div class="body"><span class="who">Papers'
        f'</span><span class="app">APP</span><span class="when">{when}</span>{inside}{below}'
        "</div></div>"
    )


ONLY = '<div class="only">Only you can see this · <span>Dismiss message</span></div>'


def answer(view: Any) -> str:
    return message({"components": view.to_components()}, below=ONLY, when="today at 09:12")


def pages() -> dict[str, str]:
    """A page for each picture."""
    whole = sample()

    def bodies(layout: str) -> list[dict[str, Any]]:
        digest: Digest = replace(whole, channel=Channel(CHANNEL, layout=layout))
        return [render.read(draft.payload).body for draft in render.compose(digest)]

    line, *rest = bodies("thread")
    hint = (
        '<div class="thread">Tuesday 24 November 2026<br><small>1 message › 4 papers, as a'
        " digest</small></div>"
    )
    saved = replace(with_saved(whole), channel=Channel(CHANNEL))
    ordered = [render.read(draft.payload).body for draft in render.compose(saved)]
    news = replace(whole, entries=whole.entries[:1], news=NEWS, channel=Channel(CHANNEL))
    told = [render.read(draft.payload).body for draft in render.compose(news)]
    own = Channel("discord:1142000000000000009", owner="discord:7")
    week = whole.day - timedelta(days=whole.day.weekday())
    entries = tuple(sorted(whole.entries, key=lambda each: each.keywords[0], reverse=True))
    weekly = replace(
        whole, channel=own, week=week, by_keyword=True, entries=entries, missed=(), skipped=0
    )
    mine = [render.read(draft.payload).body for draft in render.compose(weekly)]
    said = asyncio.run(spoken(whole))
    statistics = said.pop("stats")
    drawn = b64encode(statistics.picture.data).decode()
    stats = answer(replies.reply_view(statistics)).replace(
        f"attachment://{statistics.picture.name}", f"data:image/png;base64,{drawn}"
    )
    return {
        "discord-own": "".join(map(message, mine)),
        "discord-stats": stats,
        "discord-news": "".join(map(message, told)),
        "discord-saved": "".join(map(message, ordered)),
        "discord-digest": "".join(map(message, bodies("digest"))),
        "discord-list": "".join(map(message, bodies("list"))),
        "discord-thread": message(line, below=hint) + "".join(map(message, rest)),
        "discord-discuss": said.pop("thread"),
        **{f"discord-{name}": answer(view) for name, view in said.items() if name != "line"},
    }


TYPED = "/papers add reward model"


def steps() -> list[tuple[str, int]]:
    """Pages of one height, each with the milliseconds for which it is shown."""
    whole = sample()
    said = asyncio.run(spoken(whole))
    mine = tuple(
        replace(entry, keywords=("reward model",))
        for entry in whole.entries
        if "reward model" in entry.keywords
    )
    first = Digest(Channel(CHANNEL), whole.day, Why.FIRST, mine)
    posted = "".join(
        message(render.read(draft.payload).body, when="today at 09:13")
        for draft in render.compose(first)
    )
    line = message({"content": said["line"]}, when="today at 09:12")
    reply = answer(said["add"])

    def window(shown: str, typed: str = "") -> str:
        field = f"{typed}<u></u>" if typed else "<small>Message #reading-group</small>"
        channel = "<header># reading-group</header>"
        return (
            f'<main>{channel}<div class="room">{shown}</div><div class="field">{field}</div></main>'
        )

    typing = [(window("", TYPED[:n]), 90) for n in range(1, len(TYPED), 2)]
    return [
        (window(""), 900),
        *typing,
        (window("", TYPED), 900),
        (window(reply), 4000),
        (window(reply + line), 1500),
        (window(line + posted), 5000),
    ]


ABSTRACT = (
    "We ask what a reward model should say when it does not know. Instead of a number it may"
    r" abstain, at a price $\alpha$ that the user sets. On invented tasks this halves the regret,"
    " and where it does not, we say so. The proof needs no assumption that we would not make again."
)
FOLLOWED = (
    ("Ben", 'ti:"graph neural network" AND cat:cs.LG ANDNOT abs:survey'),
    ("Chloé", "language agent"),
    ("Ann", "reward model"),
)


def discussion(paper: Paper) -> str:
    """The line in the channel that begins a paper's thread, and the first message in it."""
    view = replies.paper_view(paper).to_components()  # type: ignore[no-untyped-call]
    line, first = map(
        render.read, (each.payload for each in render.discussion(paper, {"components": view}))
    )
    title = html.escape(line.thread_name)
    hint = f'<div class="thread">{title}<br><small>1 message › See thread</small></div>'
    return message(line.body, below=hint) + message(first.body)


async def spoken(shown: Digest) -> dict[str, Any]:
    """What the bot's own commands answer over a real database, with the sample as its arXiv."""
    with tempfile.TemporaryDirectory() as folder, ZoteroServer() as zotero:
        zotero.keys[KEY] = ZoteroKey(username="ada")
        client = ZoteroClient(zotero.url, network=Network())
        backend = DiscordBackend(Path(folder), NOW - 6 * DAY, zotero=client)
        papers = [
            replace(entry.paper, abstract=ABSTRACT if "reward model" in entry.keywords else "")
            for entry in shown.entries
        ]
        backend.source.announce(*papers)
        for name, keyword in FOLLOWED:
            backend.clock.advance(2 * DAY.total_seconds())
            added = await backend.commands.add(CHANNEL, Person(name), keyword)
        await backend.collect()
        await backend.commands.mute(CHANNEL, Person("Ben"), "survey")
        listed = await backend.commands.list_(CHANNEL, Person("Ann"))
        backend.source.announce(
            *(
                replace(each, id=f"2611.2{number:04d}", published=backend.clock.now())
                for number, each in enumerate(papers * 3)
            )
        )
        await backend.collect()
        backend.clock.advance(DAY.total_seconds())
        stats = await backend.commands.stats(CHANNEL, Person("Ann"))
        paper = await backend.commands.abstract(papers[0].id)
        ada = Person("Ada", "discord:7")
        await backend.commands.connect_zotero(CHANNEL, ada, KEY)
        await backend.commands.save_all(CHANNEL, ada, [each.id for each in papers])
        now = backend.clock.now()
        batch = await backend.store.claim_zotero(now, now + DAY)
        assert batch is not None  # noqa: S101
        sent = [item.key for item in batch.items]
        await backend.store.mark_zotero_sent(ada.id, sent, now)
        libraries = await backend.commands.zotero(CHANNEL, ada)
        for name, some in (("Ben", papers[:1]), ("Chloé", papers[:2])):
            backend.clock.advance(3600)
            person = Person(name, f"discord:{name}")
            await backend.commands.save_all(CHANNEL, person, [each.id for each in some])
        library = await backend.commands.saved(CHANNEL, person)
        cited = await backend.commands.cite(CHANNEL, person, papers[0].id)
        await client.aclose()
        backend.store.close()
    return {
        "library": replies.reply_view(library),
        "cite": replies.reply_view(cited),
        "thread": discussion(paper),
        "add": replies.reply_view(added),
        "line": added.announcement,
        "keywords": replies.reply_view(listed),
        "stats": stats,
        "abstract": replies.abstract_view(paper),
        "zotero": replies.reply_view(libraries),
    }


def main() -> None:
    draw(pages(), STYLE, OUT)
    animate(steps(), STYLE, OUT / "discord-adding.png")


if __name__ == "__main__":
    main()
