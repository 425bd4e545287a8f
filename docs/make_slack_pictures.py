"""Draws docs/pictures/slack-*.png: our messages as Slack shows them, from the real payloads.

Run it after a change of their looks, with Chromium installed:
``python docs/make_slack_pictures.py``. The page is a drawing of our own, not Slack's client: the
same blocks, in Slack's colours. It asks no server for anything.
"""

from __future__ import annotations

import asyncio
import html
import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.slack import render  # noqa: E402
from adapters.slack.listeners.shortcuts import WHY  # noqa: E402
from bot.core.deliver import Deliverer  # noqa: E402
from bot.core.digest import Rules  # noqa: E402
from bot.core.publish import publish  # noqa: E402
from bot.model import Channel, Digest, Person  # noqa: E402
from bot.network import Network  # noqa: E402
from bot.zotero.client import ZoteroClient  # noqa: E402
from docs.drawing import draw  # noqa: E402
from docs.make_digest_picture import sample, with_saved  # noqa: E402
from tests.adapters.samples import NEWS  # noqa: E402
from tests.adapters.slack.backend import SlackBackend, buttons, platform  # noqa: E402
from tests.adapters.slack.test_app import ANN, workspace_of  # noqa: E402
from tests.adapters.slack.test_control_panel import Member  # noqa: E402
from tests.wire.slack_server import CHAT, SlackServer  # noqa: E402

OUT = ROOT / "docs" / "pictures"
STYLE = (OUT / "slack.css").read_text(encoding="utf-8")
Part = Mapping[str, Any]
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ABSTRACT = (
    "We ask what a reward model should say when it does not know. Instead of a number it may"
    r" abstain, at a price $\alpha$ that the user sets. On invented tasks this halves the regret,"
    " and where it does not, we say so. The proof needs no assumption that we would not make again."
)
FOLLOWED = (
    ("Ben", 'ti:"graph neural network" AND cat:stat.ML ANDNOT abs:survey'),
    ("Chloé", "language agent"),
    ("Ann", "reward model"),
)


def drawn(blocks: Sequence[Part]) -> str:
    return "".join(map(_block, blocks))


def _block(block: Part) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{html.escape(block['text']['text'])}</h3>"
        case "context":
            lines = "<br>".join(_text(each) for each in block["elements"])
            return f'<div class="context">{lines}</div>'
        case "section":
            accessory = _element(block["accessory"]) if "accessory" in block else ""
            return f'<div class="section"><p>{_text(block["text"])}</p>{accessory}</div>'
        case "actions":
            return f'<div class="actions">{"".join(map(_element, block["elements"]))}</div>'
        case "rich_text":
            return "".join(map(_rich, block["elements"]))
        case "data_visualization":
            return _chart(block)
        case "divider":
            return "<hr>"
        case "input":
            mark = "" if not block["optional"] else " <small>(optional)</small>"
            label = f"<b>{_text(block['label'])}</b>{mark}"
            hint = f"<small>{_text(block['hint'])}</small>" if "hint" in block else ""
            return f'<div class="input">{label}{_element(block["element"])}{hint}</div>'
        case other:
            raise ValueError(f"nobody draws a block {other}")


def _chart(block: Part) -> str:
    [series] = block["chart"]["series"]
    most = max(each["value"] for each in series["data"]) or 1
    columns = "".join(
        f'<div><em>{each["value"]:g}</em><i style="height:{90 * each["value"] / most:.0f}px"></i>'
        f"<span>{html.escape(each['label'])}</span></div>"
        for each in series["data"]
    )
    return (
        f'<div class="chart"><b>{html.escape(block["title"])}</b><section>{columns}</section></div>'
    )


def _text(text: Part) -> str:
    """Plain text as it is; of mrkdwn what our messages use."""
    if text["type"] == "plain_text":
        return html.escape(text["text"])
    said = re.sub(r"<([^|>]+)\|([^>]*)>", r'<a href="\1">\2</a>', text["text"])
    said = re.sub(r"\*(<a .*?</a>)\*", r"<b>\1</b>", said)
    return re.sub(r"(?<!\w)_([^_<>]+)_(?!\w)", r"<i>\1</i>", said)


def _rich(part: Part) -> str:
    if part["type"] == "rich_text_list":
        items = "".join(f"<li>{_runs(item)}</li>" for item in part["elements"])
        return f"<ul>{items}</ul>"
    if part["type"] == "rich_text_preformatted":
        return f"<pre>{_runs(part)}</pre>"
    return f"<p>{_runs(part)}</p>"


def _runs(part: Part) -> str:
    return "".join(map(_run, part["elements"]))


def _run(run: Part) -> str:
    if run["type"] == "channel":
        said = '<a class="channel">#papers</a>'
    elif run["type"] == "user":
        said = '<a class="channel">@ann</a>'
    elif run["type"] == "date":
        said = html.escape(run["fallback"])
    elif run["type"] == "link":
        said = f'<a href="{html.escape(run["url"])}">{html.escape(run["text"])}</a>'
    else:
        said = html.escape(run["text"])
    for name, tag in (("bold", "b"), ("italic", "i")):
        if run.get("style", {}).get(name):
            said = f"<{tag}>{said}</{tag}>"
    return said


def _element(element: Part) -> str:
    match element["type"]:
        case "button":
            kind = element.get("style", "")
            return f'<span class="button {kind}">{_text(element["text"])}</span>'
        case "radio_buttons":
            first = element["initial_option"]["value"]
            return "".join(
                f'<div class="radio{" on" * (each["value"] == first)}">{_text(each["text"])}</div>'
                for each in element["options"]
            )
        case "conversations_select":
            return '<div class="field"># papers<i>⌄</i></div>'
        case "static_select":
            chosen = element.get("initial_option")
            said = _text(chosen["text"] if chosen else element["placeholder"])
            return f'<div class="field{" hint" * (not chosen)}">{said}<i>⌄</i></div>'
        case "plain_text_input" if "initial_value" in element:
            return f'<div class="field">{html.escape(element["initial_value"])}</div>'
        case "multi_static_select":
            return f'<div class="field hint">{_text(element["placeholder"])}<i>⌄</i></div>'
        case _:
            return f'<div class="field hint">{_text(element["placeholder"])}</div>'


def message(body: Part, *, below: str = "", only: bool = False, when: str = "08:00") -> str:
    private = '<div class="only">Only visible to you</div>' if only else ""
    who = '<span class="who">papers</span><span class="app">APP</span>'
    who += f'<span class="when">{when}</span>'
    inside = f'<div class="body">{private}{who}{drawn(body["blocks"])}{below}</div>'
    return f'<div class="message{" private" * only}"><div class="face">P</div>{inside}</div>'


def window(view: Part) -> str:
    buttons = [f'<span class="button">{_text(view["close"])}</span>']
    if "submit" in view:
        buttons.append(f'<span class="button primary">{_text(view["submit"])}</span>')
    parts = [
        f'<div class="title">{_text(view["title"])}<i>×</i></div>',
        f'<div class="inside">{drawn(view["blocks"])}</div>',
        f'<div class="foot">{"".join(buttons)}</div>',
    ]
    return f'<div class="around"><div class="window">{"".join(parts)}</div></div>'


async def used(shown: Digest) -> dict[str, Any]:
    """What the bot publishes, answers and opens while somebody uses it: its own adapter and
    commands over a real database, with the sample as its arXiv and a Slack on this machine."""
    with SlackServer((*CHAT, "channels:read")) as server, TemporaryDirectory() as folder:
        # What is shown of Zotero before anything is connected needs no answer from it.
        client = ZoteroClient("https://api.zotero.org", network=Network())
        backend = SlackBackend(Path(folder), NOW - 6 * DAY, zotero=client)
        async with workspace_of(server) as workspace:
            member = Member(server, backend, workspace)
            here = f"slack:{member.room}"
            for name, keyword in FOLLOWED:
                await backend.commands.add(here, Person(name), keyword)
                backend.clock.advance(2 * DAY.total_seconds())
            await backend.collect()  # from now on whatever is announced is new
            papers = [
                replace(each.paper, abstract=ABSTRACT, categories=(each.paper.primary_category,))
                for each in shown.entries
            ]
            backend.source.announce(*papers)
            backend.clock.advance(120)
            await backend.collect()
            rules = lambda channel: Rules(backend.timetable(channel), None)  # noqa: E731
            composers = {"slack": render.SlackComposer}
            await publish(backend.store, composers, rules, backend.clock, now=True)
            async with platform(server, backend.clock) as slack:
                rng = random.Random(1)
                await Deliverer("slack", slack, backend.store, backend.clock, rng).deliver()
            top = server.rooms[member.room].messages[0]
            await member.dispatch(member.command("list"))
            await member.dispatch(member.command("add"))
            made = {"keywords": server.answers["a"][-1], "add": server.views[-1]}
            await member.dispatch(member.command("stats"))
            made["stats"] = server.answers["a"][-1]
            await member.dispatch(member.command("zotero"))
            made["zotero"] = server.answers["a"][-1]
            await member.dispatch(member.command("zotero connect"))
            made["key"] = server.views[-1]
            made["home"] = await member.home()
            await member.press(buttons(made["home"])["Settings"])
            made["settings"] = server.views[-1]
            button = {"action_id": f"abstract:{papers[0].id}", "value": papers[0].id}
            action = {"type": "button", "block_id": "b", **button}
            await member.dispatch(member.button("", actions=[action]))
            made["abstract"] = server.views[-1]
            for name, some in (("Ben", papers), ("Chloé", papers[:1]), ("Ann", papers[:2])):
                backend.clock.advance(3600)
                person = Person(name, f"slack:{ANN if name == 'Ann' else name}")
                await backend.commands.save_all(here, person, [each.id for each in some])
            await member.dispatch(member.command("saved"))
            made["library"] = server.answers["a"][-1]
            await member.dispatch(member.command(f"cite {papers[0].id}"))
            made["cite"] = server.answers["a"][-1]
            about = await backend.commands.abstract(papers[0].id)
            made["discuss"] = [render.read(each.payload) for each in slack.discussion(about)]
            await member.shortcut(WHY, top)
            made["which"] = server.views[-1]
            chosen = {"paper": {"selected_option": {"value": papers[0].id}}}
            made["why"] = (await member.submit_window(chosen))["view"]
        backend.store.close()
    return made


def pages() -> dict[str, str]:
    """A page for each picture."""
    whole = sample()

    def bodies(layout: str) -> list[dict[str, Any]]:
        digest = replace(whole, channel=Channel("slack:C1", layout=layout))
        return [render.read(draft.payload) for draft in render.compose(digest)]

    top, *rest = bodies("thread")
    replies = '<div class="replies">1 reply <small>Today at 08:00</small></div>'
    thread = "".join(message(each) for each in rest)
    news = replace(whole, entries=whole.entries[:1], news=NEWS, channel=Channel("slack:C1"))
    told, withdrawal = (render.read(draft.payload) for draft in render.compose(news))
    kept = replace(with_saved(whole), channel=Channel("slack:C1", layout="inline"))
    ordered = [render.read(draft.payload) for draft in render.compose(kept)]
    made = asyncio.run(used(whole))
    opening, first = made["discuss"]
    return {
        "slack-news": message(told) + f'<div class="thread">{message(withdrawal)}</div>',
        "slack-thread": message(top, below=replies) + f'<div class="thread">{thread}</div>',
        "slack-inline": "".join(map(message, bodies("inline"))),
        "slack-messages": "".join(map(message, bodies("messages"))),
        "slack-list": "".join(map(message, bodies("list"))),
        "slack-keywords": message(made["keywords"], only=True, when="09:12"),
        "slack-stats": message(made["stats"], only=True, when="09:12"),
        "slack-add": window(made["add"]),
        "slack-home": f'<div class="home">{drawn(made["home"]["blocks"])}</div>',
        "slack-settings": window(made["settings"]),
        "slack-why": window(made["which"]) + window(made["why"]),
        "slack-abstract": window(made["abstract"]),
        "slack-saved": "".join(map(message, ordered)),
        "slack-library": message(made["library"], only=True, when="09:12"),
        "slack-cite": message(made["cite"], only=True, when="09:12"),
        "slack-discuss": message(opening, below=replies.replace("08:00", "09:12"), when="09:12")
        + f'<div class="thread">{message(first, when="09:12")}</div>',
        "slack-zotero": message(made["zotero"], only=True, when="09:12") + window(made["key"]),
    }


def main() -> None:
    draw(pages(), STYLE, OUT)


if __name__ == "__main__":
    main()
