"""A digest as a Discord channel shows it: whole, inert, and within every limit."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.history import same_content
from adapters.discord.limits import BYTES, nested
from adapters.discord.markup import inert
from adapters.discord.render import Destination, compose, read
from bot.model import Channel, Digest, Entry, NewsKind
from bot.text import displayed
from tests.adapters import samples
from tests.builders import paper
from tests.wire import discord_rules
from tests.wire.discord_shapes import text_of

HERE = Channel("discord:1142000000000000000")
LAYOUTS = ("digest", "list", "thread")
GOLDEN = Path(__file__).with_name("golden")


def bodies(digest: Digest, layout: str = "digest") -> list[dict[str, Any]]:
    drafts = compose(replace(digest, channel=replace(HERE, layout=layout)))
    return [read(draft.payload).body for draft in drafts]


def valid(body: dict[str, Any]) -> None:
    whole = {**body, "nonce": "0" * 24, "enforce_nonce": True}
    assert list(discord_rules.message_faults(whole)) == []
    assert not discord_rules.too_heavy(whole)
    document = discord_rules.document()
    if document is not None:
        assert document.faults("POST", "/channels/1/messages", whole) == []


def test_badges_stand_beside_the_day_and_lead_to_the_code() -> None:
    comment = "Accepted at ICML 2026. Code: https://github.com/muster/slow_paper"
    known = Entry(displayed(paper(1, comment=comment)), ("reward model",))
    digest = replace(samples.PLAIN_DAY, entries=(known,))
    [body] = bodies(digest)
    assert " · [code](https://github.com/muster/slow_paper) · ICML 2026 · " in text_of(body)
    [plain] = bodies(digest, "list")
    assert "ICML 2026" in plain["content"]
    assert "code: <https://github.com/muster/slow_paper>" in plain["content"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("digest", [samples.SAVED_DAY, samples.SAVED_ALONE])
def test_saved_papers_end_a_digest_and_are_none_of_its_papers(digest: Digest, layout: str) -> None:
    made = [
        draft
        for draft in compose(replace(digest, channel=replace(HERE, layout=layout)))
        if not draft.reply_to
    ]
    for draft in made:
        valid(read(draft.payload).body)
    shown = [paper_id for draft in made for paper_id in draft.paper_ids]
    assert shown == [each.paper.id for each in digest.entries]
    last = text_of(read(made[-1].payload).body).split("\n")[-4:]
    for line, each in zip(last, digest.most_saved, strict=True):
        assert each.paper.url in line
        assert line.endswith(f"saved by {each.people} people")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("plain", samples.PLAIN_DAY),
        ("hostile", samples.HOSTILE_DAY),
        ("first", samples.FIRST),
        ("after-downtime", samples.AFTER_DOWNTIME),
        ("many", samples.long_day(70)),
        ("news", samples.NEWS_DAY),
        ("news-alone", samples.NEWS_ALONE),
        ("saved", samples.SAVED_DAY),
        ("saved-alone", samples.SAVED_ALONE),
    ],
)
def test_it_looks_as_it_did(name: str, digest: Digest, layout: str) -> None:
    """Written where the file is missing: look at what it holds before you commit it."""
    text = "\n\n=====\n\n".join(text_of(body) for body in bodies(digest, layout))
    file = GOLDEN / f"{name}-{layout}.md"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
        pytest.fail(f"{file.name} was not there; it is now")
    assert text + "\n" == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("digest", [samples.NEWS_DAY, samples.NEWS_ALONE, samples.MUCH_NEWS])
def test_news_are_valid_and_each_is_told_once_those_beyond_twenty_as_a_number(
    digest: Digest, layout: str
) -> None:
    made = compose(replace(digest, channel=replace(HERE, layout=layout)))
    for draft in made:
        valid(read(draft.payload).body)
    told = [number for draft in made for number in draft.news]
    assert told == [each.number for each in digest.news]
    gone = [each for each in digest.news[:20] if each.news.kind is NewsKind.WITHDRAWN]
    assert [draft.reply_to for draft in made if draft.reply_to] == [e.post_key for e in gone]
    shown = "\n".join(text_of(read(draft.payload).body) for draft in made)
    assert ("And 280 more: " in shown) is (len(digest.news) > 20)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("digest", [samples.PLAIN_DAY, samples.long_day(70), samples.MUCH_NEWS])
def test_what_a_person_follows_can_be_stopped_below_the_last_message(
    digest: Digest, layout: str
) -> None:
    channel = replace(HERE, layout=layout, owner="discord:42")
    made = [draft for draft in compose(replace(digest, channel=channel)) if not draft.reply_to]
    for draft in made:
        valid(read(draft.payload).body)
        assert read(draft.payload).place is Destination.CHANNEL, "there are no threads in private"
    pressed = [
        [part["label"] for part in nested(read(draft.payload).body.get("components") or ())
         if part.get("custom_id") == "paper:pause"]
        for draft in made
    ]  # fmt: skip
    assert pressed == [*([] for _ in made[1:]), ["Stop"]]


characters = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]) | st.sampled_from("*_~`|<>[]()#@:\\\n"),
    max_size=400,
)
papers = st.builds(
    lambda number, title, name, comment: displayed(
        paper(number, title or "x", authors=(name,) * 5, comment=comment)
    ),
    st.integers(1, 99_999),
    characters,
    characters,
    characters,
)


@given(
    found=st.lists(papers, min_size=1, max_size=60, unique_by=lambda each: each.id),
    keyword=characters,
    layout=st.sampled_from(LAYOUTS),
    in_full=st.integers(1, 40),
)
def test_whatever_people_write_every_message_is_valid_and_every_paper_appears_once(
    found: list[Any], keyword: str, layout: str, in_full: int
) -> None:
    digest = Digest(
        replace(HERE, layout=layout), samples.DAY, samples.PLAIN_DAY.why,
        tuple(Entry(each, (keyword,)) for each in found), in_full=in_full,
    )  # fmt: skip
    drafts = compose(digest)
    assert [i for draft in drafts for i in draft.paper_ids] == [each.id for each in found]
    for draft in drafts:
        body = read(draft.payload).body
        valid(body)
        assert body["allowed_mentions"] == {"parse": []}
        for paper_id in draft.paper_ids:
            assert f"arxiv.org/abs/{paper_id}" in text_of(body)
        if body.get("components"):
            assert opened_with(body) == list(draft.paper_ids), "each abstract is one press away"


def opened_with(body: dict[str, Any]) -> list[str]:
    """The papers whose abstract a button or a menu of the message shows, in their order."""
    found = []
    for part in nested(body["components"]):
        if str(part.get("custom_id")).startswith("abs:"):
            found.append(part["custom_id"].removeprefix("abs:"))
        found += [option["value"] for option in part.get("options", ())]
    return found


# Titles as large as can be for their length.
LARGE = ("*" * 400, "深" * 400, "𝒜" * 400, "🎉*" * 200, "😀" * 400, "™" * 400, "@a " * 200)


@given(
    titles=st.lists(st.sampled_from(LARGE), min_size=1, max_size=40),
    layout=st.sampled_from(LAYOUTS),
    in_full=st.sampled_from([0, 1, 3, 40]),
)
def test_digests_of_the_largest_titles_are_valid_and_every_paper_appears_once(
    titles: list[str], layout: str, in_full: int
) -> None:
    entries = [samples.entry(n, each, each, comment=each) for n, each in enumerate(titles, 1)]
    day = replace(samples.AFTER_DOWNTIME, entries=tuple(entries), in_full=in_full)
    drafts = compose(replace(day, channel=replace(HERE, layout=layout)))
    assert [i for d in drafts for i in d.paper_ids] == [each.paper.id for each in entries]
    for draft in drafts:
        valid(read(draft.payload).body)


@given(characters)
def test_nothing_in_a_text_of_others_is_obeyed(text: str) -> None:
    shown = inert(text)
    plain = re.sub(r"\\(.)", "x", shown, flags=re.DOTALL)
    assert not re.search(r"[*_~`|<\[\]]", plain)
    assert not re.search(r"@\S", plain.replace("@\u200b", ""))
    assert "://" not in plain
    assert not re.search(r"(?m)^\s*(?:[#>+-]|\d+\.(?:\s|$))", plain)
    assert shown.replace("\u200b", "").replace("\\", "") == text.replace("\u200b", "").replace(
        "\\", ""
    ), "and no word is lost"


@pytest.mark.parametrize(("layout", "messages"), [("digest", 12), ("list", 25), ("thread", 13)])
def test_three_hundred_papers_are_a_readable_sequence_and_none_is_dropped(
    layout: str, messages: int
) -> None:
    made = bodies(samples.long_day(300), layout)
    assert len(made) <= messages
    text = "\n".join(map(text_of, made))
    assert len(set(re.findall(r"abs/2611\.(\d+)", text))) == 300
    assert text.count("Author") < 300, "the most are a line each"
    assert "And 270 more:" in text


def test_messages_of_one_digest_are_about_as_long_as_each_other() -> None:
    counts = [
        sum(part["type"] == 9 for part in nested(body["components"]))
        for body in bodies(samples.long_day(13))
    ]
    assert counts == [7, 6]


def test_wide_characters_reach_the_hidden_limit_of_bytes_first() -> None:
    wide = "深層学習" * 60
    entries = tuple(samples.entry(n, wide, comment=wide) for n in range(1, 13))
    for body in bodies(samples.digest(*entries)):
        size = sum(len(p.get("content", "").encode()) + 12 for p in nested(body["components"]))
        assert size <= BYTES + 200


def test_messages_are_distinguished_by_their_papers() -> None:
    first, second = bodies(samples.long_day(13))
    assert same_content(first, first)
    assert not same_content(first, second)
    numbered = json.loads(json.dumps(first))
    for number, part in enumerate(discord_rules.nested(numbered["components"])):
        part["id"] = number  # type: ignore[index]
    assert same_content(numbered, first), "Discord gives the parts numbers"


def test_all_papers_of_a_real_month_are_valid_in_every_layout(
    part_of_a_month: list[dict[str, Any]], figures: Any
) -> None:
    entries = list(map(entry_of, part_of_a_month))
    messages = 0
    for start in range(0, len(entries), 300):
        some = tuple(entries[start : start + 300])
        for layout in LAYOUTS:
            for body in bodies(replace(samples.PLAIN_DAY, entries=some, in_full=300), layout):
                messages += 1
                assert list(discord_rules.message_faults(body)) == []
                assert not discord_rules.too_heavy(body)
                if messages % 10 == 0:
                    valid(body)
    figures(f"discord: {len(entries)} real papers in {messages} messages, all valid")


def entry_of(row: dict[str, Any]) -> Entry:
    made = paper(
        1,
        row["title"],
        abstract=row.get("abstract") or row.get("summary") or "",
        authors=tuple(row["authors"]),
        comment=row.get("comment") or "",
    )
    return Entry(displayed(replace(made, id=row["id"])), ("reward model",))


ROLE = "1142000000000000123"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_role_is_mentioned_once_and_nobody_else_whatever_titles_say(layout: str) -> None:
    hostile = replace(samples.HOSTILE_DAY, channel=replace(HERE, layout=layout, mention=ROLE))
    found = [read(draft.payload).body for draft in compose(hostile)]
    for body in found:
        valid(body)
    allowed = [body["allowed_mentions"] for body in found]
    assert allowed[0] == {"parse": [], "roles": [ROLE]}
    assert all(each == {"parse": []} for each in allowed[1:])
    said = "\n".join(map(text_of, found))
    assert re.findall(r"<@&?\d+>|@everyone|@here", said) == [f"<@&{ROLE}>"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_first_papers_and_an_unset_mention_notify_nobody(layout: str) -> None:
    for digest, role in (
        (samples.FIRST, ROLE),
        (samples.PLAIN_DAY, None),
        (samples.PLAIN_DAY, "none"),
    ):
        channel = replace(HERE, layout=layout, mention=role)
        for draft in compose(replace(digest, channel=channel)):
            assert read(draft.payload).body["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_message_without_its_mention_is_the_same_otherwise(layout: str) -> None:
    channel = replace(HERE, layout=layout)
    with_role, *_ = compose(replace(samples.PLAIN_DAY, channel=replace(channel, mention=ROLE)))
    without, *_ = compose(replace(samples.PLAIN_DAY, channel=channel))
    assert read(with_role.payload).mentioned == ROLE
    assert read(with_role.payload).mentioning_nobody() == read(without.payload)


@given(
    found=st.lists(papers, min_size=1, max_size=60, unique_by=lambda each: each.id),
    keywords=st.lists(characters, min_size=1, max_size=5),
    layout=st.sampled_from(LAYOUTS),
    in_full=st.integers(1, 40),
)
def test_groups_fit_into_messages_whatever_their_keywords(
    found: list[Any], keywords: list[str], layout: str, in_full: int
) -> None:
    entries = [Entry(each, (keywords[n % len(keywords)],)) for n, each in enumerate(found)]
    entries.sort(key=lambda each: keywords.index(each.keywords[0]))
    digest = Digest(
        replace(HERE, layout=layout, mention=ROLE), samples.DAY, samples.PLAIN_DAY.why,
        tuple(entries), in_full=in_full, by_keyword=True,
    )  # fmt: skip
    drafts = compose(digest)
    assert [i for d in drafts for i in d.paper_ids] == [each.paper.id for each in entries]
    for draft in drafts:
        valid(read(draft.payload).body)


def test_a_group_begins_with_its_heading_also_below_the_line_of_the_others() -> None:
    entries = tuple(Entry(paper(n), ("graphs" if n < 3 else "reward model",)) for n in range(1, 6))
    digest = replace(samples.PLAIN_DAY, entries=entries, by_keyword=True, in_full=3)
    for layout in LAYOUTS[:2]:
        [body] = bodies(digest, layout)
        lines = text_of(body).splitlines()
        assert lines.count("**graphs (2)**") == 1
        assert lines.count("**reward model (3)**") == 2
        assert "**And 2 more:**" in lines or "And 2 more:" in lines
