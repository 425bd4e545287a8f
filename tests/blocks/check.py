"""Holds our Slack messages against Slack's official TypeScript types: ``./do check-blocks``.

Needs Node and npm, which fetch the two packages that ``package-lock.json`` names with their hashes.
Structure is what the types know (blocks, fields, which text stands where); lengths are not, those
are ``tests/wire/slack_rules.py``'s. Not one of the tests, because it needs a network once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.slack import keyword_form, paper_choice, replies, settings_form
from adapters.slack.render import compose, read
from bot.core.channel_settings import CHANNEL_SETTINGS
from bot.model import Channel, ChannelPanel, Home, Offer, Reply, Row, SettingValue
from tests.adapters import samples
from tests.adapters.slack.backend import home_page

HERE = Path(__file__).parent
MADE = HERE / "made"
DIGESTS = {
    "plain": samples.PLAIN_DAY,
    "hostile": samples.HOSTILE_DAY,
    "first": samples.FIRST,
    "afterDowntime": samples.AFTER_DOWNTIME,
    "many": samples.long_day(70),
}
# What the types must refuse, or they prove nothing.
WRONG = {
    "markupInAHeader": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
    "unknownBlock": [{"type": "nonsense"}],
    "buttonInAContext": [{"type": "context", "elements": [{"type": "button"}]}],
}


def messages() -> Iterator[tuple[str, Any]]:
    """Every kind of message that we send, by a name."""
    for name, digest in DIGESTS.items():
        for layout in ("thread", "inline", "messages", "list"):
            channel = Channel("slack:C0123456789", layout=layout)
            for number, draft in enumerate(compose(replace(digest, channel=channel))):
                yield f"{name}_{layout}_{number}", read(draft.payload).get("blocks", [])
    offer = Offer("Remove", "remove #0123456789ab")
    reply = Reply(
        "This channel follows 2 keywords:",
        rows=(Row("reward model", "added today by Ann", (offer,)), Row("graph", "", (offer,))),
        entries=samples.PLAIN_DAY.entries,
        offers=(Offer("Undo", "add #0123456789ab"),),
    )
    yield "reply", replies.reply_blocks(reply, "I can't post here yet.")


def views() -> Iterator[tuple[str, str, Any]]:
    """Every window and App Home: a name, its type, and the view."""
    [entry, *_] = samples.PLAIN_DAY.entries
    paper = replace(entry.paper, abstract="We look.", published=datetime(2026, 11, 23, tzinfo=UTC))
    yield "abstract", "ModalView", replies.abstract_window(paper)
    yield "form", "ModalView", keyword_form.form("C0123456789")
    yield "moment", "ModalView", replies.loading("Abstract")
    said = Reply("Removed.", offers=(Offer("Undo", "add #1"),))
    yield "home", "HomeView", home_page(samples_home(), said=said, about="C0123456789")
    yield "homeToRead", "HomeView", home_page(Home(Reply("Nothing yet.")), hint="A hint.")
    values = {
        name: SettingValue(setting.default_on("slack"), "channel" if n % 2 else "default", "x")
        for n, (name, setting) in enumerate(CHANNEL_SETTINGS.items())
    }
    yield "settings", "ModalView", settings_form.form(values, "C1", metadata="C1.x", governs=True)
    choice = paper_choice.choice_window(
        {"2603.00001": "A title", "2603.00002": "2603.00002"},
        callback_id="why_here",
        title="Why here?",
        submit="Ask",
        metadata="C1.x",
    )
    yield "choice", "ModalView", choice


def samples_home() -> Home:
    offers = (Offer("Add a keyword", "add"), Offer("Pause", "pause"))
    rows = (Row("reward model", "added today by Ann", (Offer("Remove", "remove #1"),)),)
    panel = ChannelPanel("slack:C0123456789", Reply("Nothing new.", rows=rows, offers=offers))
    return Home(Reply("You are in 1 channel."), (panel,), page=2, pages=3)


def constant(name: str, kind: str, value: Any) -> str:
    return f"export const {name}: {kind} = {json.dumps(value, ensure_ascii=True)};\n"


def compiled(file: str, text: str) -> subprocess.CompletedProcess[str]:
    head = 'import type { HomeView, KnownBlock, ModalView } from "@slack/types";\n'
    (MADE / file).write_text(head + text, encoding="utf-8")
    return subprocess.run(
        ["npx", "--no-install", "tsc", "--strict", "--noEmit", "--skipLibCheck",
         "--moduleResolution", "bundler", "--module", "esnext", f"made/{file}"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def main() -> int:
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True
    )
    MADE.mkdir(exist_ok=True)
    for name, blocks in WRONG.items():
        if compiled("wrong.ts", constant(name, "KnownBlock[]", blocks)).returncode == 0:
            sys.stderr.write(f"The types take {name}, so they prove nothing.\n")
            return 1
    ours = list(messages())
    windows = list(views())
    text = "".join(constant(name, "KnownBlock[]", blocks) for name, blocks in ours)
    text += "".join(constant(f"view_{name}", kind, view) for name, kind, view in windows)
    done = compiled("ours.ts", text)
    sys.stdout.write(done.stdout + done.stderr)
    if done.returncode == 0:
        count = f"{len(ours)} messages and {len(windows)} views"
        sys.stdout.write(f"{count} are as Slack's own types want them.\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
