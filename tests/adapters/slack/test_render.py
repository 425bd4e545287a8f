"""A digest as a Slack channel shows it: whole, inert, and within every limit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.slack import blocks, keyword_form, limits, paper_choice, replies
from adapters.slack.render import FEW, SlackPaper, compose, notification_text, read, simplified
from bot.errors import PostRefused
from bot.model import (
    Bars,
    Channel,
    ChannelPanel,
    Digest,
    Draft,
    Entry,
    Home,
    NewsKind,
    Offer,
    Reply,
    Row,
    Section,
)
from bot.references import refer_to
from bot.text import displayed, plural
from bot.text.digests import keyword_counts
from tests.adapters import samples
from tests.adapters.slack.backend import home_page
from tests.builders import paper
from tests.wire import slack_rules as rules

HERE = Channel("slack:C0123456789")
LAYOUTS = ("thread", "inline", "messages", "list")
GOLDEN = Path(__file__).with_name("golden")


def drafts(digest: Digest, layout: str | None = None) -> list[Draft]:
    return compose(replace(digest, channel=replace(HERE, layout=layout)))


def messages(digest: Digest, layout: str | None = None) -> list[dict[str, Any]]:
    return [read(draft.payload) for draft in drafts(digest, layout)]


def links(part: Any) -> Iterator[str]:
    """The addresses of papers, in the order in which they stand."""
    yield from re.findall(r"https?://\S+?/abs/([\w./-]+?\d)(?=[\"|>\\\s])", json.dumps(part))


def buttons(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if part.get("type") == "button":
            yield part
        for each in part.values():
            yield from buttons(each)
    elif isinstance(part, list):
        for each in part:
            yield from buttons(each)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("digest", [samples.NEWS_DAY, samples.NEWS_ALONE, samples.MUCH_NEWS])
def test_news_are_valid_and_each_is_told_once_those_beyond_twenty_as_a_number(
    digest: Digest, layout: str
) -> None:
    made = drafts(digest, layout)
    for draft in made:
        assert list(rules.message_faults(read(draft.payload))) == []
        assert not rules.too_long(read(draft.payload))
    told = [number for draft in made for number in draft.news]
    assert told == [each.number for each in digest.news]
    gone = [each for each in digest.news[:20] if each.news.kind is NewsKind.WITHDRAWN]
    assert [draft.reply_to for draft in made if draft.reply_to] == [e.post_key for e in gone]
    shown = "".join(draft.payload for draft in made)
    assert ("And 280 more: " in shown) is (len(digest.news) > 20)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("digest", [samples.PLAIN_DAY, samples.long_day(45), samples.MUCH_NEWS])
def test_what_a_person_follows_can_be_stopped_below_the_last_message_of_the_conversation(
    digest: Digest, layout: str
) -> None:
    channel = replace(HERE, layout=layout, owner="slack:U1")
    made = [draft for draft in compose(replace(digest, channel=channel)) if not draft.reply_to]
    for draft in made:
        assert list(rules.message_faults(read(draft.payload))) == []
        assert not rules.too_long(read(draft.payload))
    stops = [
        [each for each in buttons(read(draft.payload)) if each.get("value") == "pause"]
        for draft in made
    ]
    assert sum(map(len, stops)) == 1
    last = max(number for number, draft in enumerate(made) if draft.parent is None)
    assert len(stops[last]) == 1, "not in a thread, where nobody would look for it"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("digest", [samples.SAVED_DAY, samples.SAVED_ALONE])
def test_saved_papers_end_a_digest_and_are_none_of_its_papers(digest: Digest, layout: str) -> None:
    made = [draft for draft in drafts(digest, layout) if not draft.reply_to]
    for draft in made:
        assert list(rules.message_faults(read(draft.payload))) == []
        assert not rules.too_long(read(draft.payload))
    shown = [paper_id for draft in made for paper_id in draft.paper_ids]
    assert shown == [each.paper.id for each in digest.entries]
    assert list(links(read(made[-1].payload)))[-4:] == [each.paper.id for each in digest.most_saved]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("plain", samples.PLAIN_DAY),
        ("hostile", samples.HOSTILE_DAY),
        ("first", samples.FIRST),
        ("after-downtime", samples.AFTER_DOWNTIME),
        ("many", samples.long_day(45)),
        ("news", samples.NEWS_DAY),
        ("news-alone", samples.NEWS_ALONE),
        ("saved", samples.SAVED_DAY),
        ("saved-alone", samples.SAVED_ALONE),
    ],
)
def test_it_looks_as_it_did(name: str, digest: Digest, layout: str) -> None:
    """Written where the file is missing: look at what it holds before you commit it."""
    text = json.dumps(
        [
            {"parent": draft.parent, "papers": draft.paper_ids, "message": read(draft.payload)}
            for draft in drafts(digest, layout)
        ],
        ensure_ascii=False,
        indent=1,
    )
    file = GOLDEN / f"{name}-{layout}.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
        pytest.fail(f"{file.name} was not there; it is now")
    assert text + "\n" == file.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_case() -> None:
    days = ("plain", "hostile", "first", "after-downtime", "many")
    names = (*days, "news", "news-alone", "saved", "saved-alone")
    cases = {f"{name}-{layout}.json" for name in names for layout in LAYOUTS}
    assert {path.name for path in GOLDEN.iterdir()} == cases


# The usual layout


def test_a_day_is_one_message_with_the_linked_titles_and_a_thread() -> None:
    top, *below = drafts(samples.long_day(24))
    assert top.parent is None
    assert {draft.parent for draft in below} == {0}
    shown = read(top.payload)
    assert list(links(shown["blocks"])) == [e.paper.id for e in samples.long_day(24).entries]
    assert shown["blocks"][0]["text"]["text"] == "Tuesday 24 November 2026 · 24 new papers"
    assert [len(draft.paper_ids) for draft in below] == [8, 8, 8]


@pytest.mark.parametrize("count", range(1, FEW + 1))
def test_a_few_papers_need_no_thread(count: int) -> None:
    [draft] = drafts(samples.long_day(count))
    assert (draft.parent, len(draft.paper_ids)) == (None, count)


def test_digest_is_another_word_for_thread() -> None:
    assert drafts(samples.long_day(9), "digest") == drafts(samples.long_day(9), "thread")


def test_thirty_papers_are_shown_whole_and_the_others_in_a_line_each() -> None:
    for layout in ("thread", "inline", "messages"):
        whole = json.dumps(messages(samples.long_day(300), layout))
        assert whole.count('"action_id": "abstract:') == 30
        assert "And 270 more:" in whole


def test_badges_stand_beside_the_day_and_lead_to_the_code() -> None:
    comment = "Accepted at ICML 2026. Code: https://github.com/muster/slow_paper"
    known = Entry(displayed(paper(1, comment=comment)), ("reward model",))
    digest = replace(samples.PLAIN_DAY, entries=(known,))
    [message] = messages(digest)
    assert " · <https://github.com/muster/slow_paper|code> · ICML 2026 · " in str(message)
    assert "code <https://github.com/muster/slow_paper> · ICML 2026" in simplified(message)["text"]
    [line] = messages(digest, "list")
    code = {"type": "link", "url": "https://github.com/muster/slow_paper", "text": "code"}
    assert json.dumps(code, sort_keys=True) in json.dumps(line, sort_keys=True)


def test_badges_lead_to_the_code_above_an_abstract_and_in_a_discussion_too() -> None:
    comment = "*9* pages & more, https://github.com/muster/slow_paper"
    view = replies.abstract_window(displayed(paper(1, comment=comment)))
    assert list(rules.view_faults(view)) == []
    assert " · <https://github.com/muster/slow_paper|code>" in json.dumps(view, ensure_ascii=False)


def test_each_paper_has_a_button_that_carries_its_id_alone() -> None:
    for layout in ("thread", "inline", "messages"):
        pressed = [button["value"] for button in buttons(messages(samples.long_day(12), layout))]
        assert pressed == [entry.paper.id for entry in samples.long_day(12).entries]


def test_a_paper_takes_one_block_with_its_button_at_its_side() -> None:
    """So that a thread is short: a row of buttons for each paper made it three times as long."""
    _, *below = messages(samples.long_day(24))
    shown = [block for message in below for block in message["blocks"]]
    assert [each["type"] for each in shown].count("section") == 24
    assert not [each for each in shown if each["type"] == "actions"]


def test_the_heading_of_a_thread_says_the_keywords_and_how_many_papers_each_found() -> None:
    entries = [
        samples.entry(n, f"Study {n}", *(["a model"] if n > 2 else []), "graph " * 30)
        for n in range(1, 8)
    ]
    top = messages(samples.digest(*entries))[0]
    named = top["blocks"][1]["elements"][0]["text"]
    assert re.fullmatch(r"(graph ?){1,14}… \(7\) · a model \(5\)", named)


def test_of_many_keywords_those_with_the_most_papers_are_counted() -> None:
    entries = [samples.entry(n, f"Study {n}", f"keyword {n}", "model") for n in range(1, 21)]
    said = keyword_counts(samples.digest(*entries))
    assert said.startswith("model (20) · keyword 1 (1)")
    assert said.endswith("· and 13 more keywords")


# A message for each paper


def test_each_paper_has_a_message_of_its_own_below_the_heading_of_the_day() -> None:
    top, *each = drafts(samples.long_day(12), "messages")
    assert top.paper_ids == ()
    assert {draft.parent for draft in (top, *each)} == {None}, "so that each can have a thread"
    assert [draft.paper_ids for draft in each] == [
        (entry.paper.id,) for entry in samples.long_day(12).entries
    ]
    assert read(top.payload)["text"] == "Tuesday 24 November 2026 · 12 new papers"
    assert read(each[0].payload)["text"] == "Study number 1"


def test_one_paper_alone_needs_no_heading_of_its_own() -> None:
    [draft] = drafts(samples.long_day(1), "messages")
    assert len(draft.paper_ids) == 1


def test_of_a_very_long_day_the_last_messages_have_a_line_for_each_paper() -> None:
    _, *made = drafts(samples.long_day(300), "messages")
    assert [len(draft.paper_ids) for draft in made[:30]] == [1] * 30
    assert len(made) < 40
    assert "31 to " in read(made[30].payload)["text"]


def test_notifications_and_screen_readers_get_the_titles() -> None:
    text = messages(samples.long_day(12))[0]["text"]
    assert text.startswith("Tuesday 24 November 2026 · 12 new papers: Study number 1; Study")
    assert text.endswith("Study number 12")


def test_a_text_that_would_be_too_long_says_how_many_titles_it_leaves_out() -> None:
    text = messages(samples.long_day(900))[0]["text"]
    assert len(text) <= limits.TEXT
    assert re.search(r"; and \d+ more$", text)


def test_missed_days_and_skipped_papers_are_reported() -> None:
    shown = json.dumps(messages(samples.AFTER_DOWNTIME), ensure_ascii=False)
    assert "Nothing was posted Friday and Monday" in shown
    assert "12 older papers left out" in shown


# Within the limits, whatever comes

characters = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]) | st.sampled_from("*_~`|<>&:@#!\\\n"),
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
digests = st.builds(
    lambda shown, keyword, in_full: replace(
        samples.digest(*(Entry(each, (keyword or "k",)) for each in shown)), in_full=in_full
    ),
    st.lists(papers, min_size=1, max_size=40, unique_by=lambda each: each.id),
    characters,
    st.sampled_from([1, 5, 30]),
)


@given(digests, st.sampled_from(LAYOUTS))
def test_any_papers_fit_and_each_appears_once_and_in_order(digest: Digest, layout: str) -> None:
    made = drafts(digest, layout)
    wanted = [entry.paper.id for entry in digest.entries]
    assert [each for draft in made for each in draft.paper_ids] == wanted
    for draft in made:
        message = read(draft.payload)
        assert list(rules.message_faults(message)) == []
        assert limits.weight(message["blocks"]) <= limits.CHARACTERS
        if draft.paper_ids:
            assert list(links(message["blocks"])) == list(draft.paper_ids)
        plainer = simplified(message)
        assert "blocks" not in plainer
        assert len(plainer["text"]) <= 40_000
        if draft.paper_ids:
            assert list(links(plainer["text"] + "\n")) == list(draft.paper_ids)


# As large as can be for their length: escaped signs, and signs that count twice in UTF-16.
SIGNS = ("&", "<", "x", "深", "😀", "𝒜", ":a:", "&\n", "x\n", "\n", "word ")
LARGE = st.builds(
    lambda sign, times, behind: sign * times + behind,
    st.sampled_from(SIGNS),
    st.sampled_from([1, 70, 300, 6000]),
    st.sampled_from(["", "\n   ^ here", "😀"]),
)


@pytest.mark.parametrize("in_full", [0, 1, 12, 40])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_digests_of_the_largest_titles_fit_and_each_appears_once(layout: str, in_full: int) -> None:
    titles = [sign * 400 for sign in SIGNS for _ in range(3)]
    entries = [samples.entry(n, each, each, comment=each) for n, each in enumerate(titles, 1)]
    day = replace(samples.AFTER_DOWNTIME, entries=tuple(entries), in_full=in_full)
    made = drafts(day, layout)
    assert [i for d in made for i in d.paper_ids] == [each.paper.id for each in entries]
    for message in (read(draft.payload) for draft in made):
        assert list(rules.message_faults(message)) == []
        assert limits.weight(message["blocks"]) <= limits.CHARACTERS
        assert utf16(message["text"]) <= limits.TEXT


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@example(text="&", rows=["深" * 6000] * 5, titles=[], note="")  # six bytes each in a view's JSON
@given(
    text=LARGE,
    rows=st.lists(LARGE, max_size=5),
    titles=st.lists(LARGE, max_size=3),
    note=LARGE | st.just(""),
)
def test_an_answer_however_long_ends_and_is_one_that_slack_takes(
    text: str, rows: list[str], titles: list[str], note: str
) -> None:
    shown = tuple(Row(each, each, (Offer("Remove", "remove #1"),)) for each in rows)
    entries = tuple(samples.entry(n, each) for n, each in enumerate(titles, 1))
    reply = Reply(text, rows=shown, entries=entries, offers=(Offer("More", "list 2"),))
    message = replies.reply_message(reply, note)
    assert list(rules.message_faults(message)) == []
    assert limits.weight(message["blocks"]) <= limits.CHARACTERS
    assert utf16(message["text"]) <= limits.TEXT
    assert not re.search(r"&(?!amp;|lt;|gt;)", message["text"]), "nothing is cut while escaped"
    for view in (
        replies.reply_window(text, reply, note, "C1"), replies.sentence(text, text),
        home_page(Home(reply, (ChannelPanel("slack:C1", reply),) * 5), said=reply, about="C1"),
        keyword_form.form("C1", {}, text),
        paper_choice.choice_window(
            {f"2611.{n:05d}": each for n, each in enumerate((text, *titles), 1)},
            callback_id="why_here", title=text, submit="Ask", metadata="",
        ),
    ):  # fmt: skip
        assert list(rules.view_faults(view)) == []


@given(title=LARGE, abstract=LARGE, comment=LARGE, names=st.lists(LARGE, max_size=5))
def test_a_paper_however_long_fits_its_window(
    title: str, abstract: str, comment: str, names: list[str]
) -> None:
    made = paper(
        1, title, abstract=abstract, comment=comment, authors=tuple(names),
        categories=(comment,) * 3, primary_category=title, journal_ref=abstract,
    )  # fmt: skip
    assert list(rules.view_faults(replies.abstract_window(displayed(made)))) == []


@given(st.lists(st.sampled_from(["x", "y" * 30, "&" * 60, "z" * 240]), max_size=400))
def test_the_top_level_text_holds_as_many_titles_as_fit(titles: list[str]) -> None:
    entries = tuple(samples.entry(n, each) for n, each in enumerate(titles, 1))
    heading = "Tuesday 24 November 2026"
    papers = [SlackPaper(entry.paper, entry.like) for entry in entries]
    said = notification_text(samples.digest(*entries), papers)
    shown = [paper.spoken for paper in papers]

    def whole(count: int) -> str:
        left = f"; and {len(shown) - count:,} more" if count < len(shown) else ""
        start = f"{heading} · {plural(len(shown), 'new paper')}"
        return f"{start}: {'; '.join(shown[:count])}{left}" if count else start

    assert said == next(
        each for n in range(len(shown), -1, -1) if len(each := whole(n)) <= limits.TEXT
    )


def test_the_top_level_text_looks_at_no_more_titles_than_it_can_hold() -> None:
    """Its cost does not grow with the digest: eight thousand papers took 0.36 s."""
    looked_at: set[str] = set()

    class Counting(SlackPaper):
        @property
        def spoken(self) -> str:
            looked_at.add(self.id)
            return super().spoken

    day = samples.long_day(3000)
    papers = [Counting(entry.paper, entry.like) for entry in day.entries]
    assert len(notification_text(day, papers)) <= limits.TEXT
    assert len(looked_at) < 300


def entry_of(number: int, row: dict[str, Any]) -> Entry:
    made = paper(
        number,
        row["title"],
        id=row["id"],
        version=row["version"] or 1,
        abstract=row["abstract"],
        authors=tuple(row["authors"]),
        categories=tuple(row["categories"] or ()),
        primary_category=row["primary_category"] or "",
        comment=row["comment"] or "",
        published=datetime.fromisoformat(row["published"]),
        url=f"https://arxiv.org/abs/{row['id']}",
    )
    return Entry(displayed(made), ("reward model",))


def test_every_real_paper_of_a_month_is_posted_validly(
    part_of_a_month: list[dict[str, Any]],
) -> None:
    entries = [entry_of(number, row) for number, row in enumerate(part_of_a_month, start=1)]
    for layout in LAYOUTS:
        for start in range(0, len(entries), 100):
            some = entries[start : start + 100]
            digest = replace(samples.digest(*some), in_full=60)
            for message in messages(digest, layout):
                assert list(rules.message_faults(message)) == []
                assert not rules.too_long(message)


def test_every_real_abstract_fits_its_window(part_of_a_month: list[dict[str, Any]]) -> None:
    for number, row in enumerate(part_of_a_month, start=1):
        entry = entry_of(number, row)
        view = replies.abstract_window(entry.paper)
        assert list(rules.view_faults(view)) == []
        shown = json.dumps(view, ensure_ascii=False)
        assert json.dumps(entry.paper.abstract, ensure_ascii=False)[1:-1] in shown


# Titles are data

HOSTILE = (
    "@here <!channel> <@U0123456> #general *bold* _lines_ ~gone~ `code` :smile: :+1:"
    " > quote https://evil.example <https://evil.example|click>"
)


def test_rich_text_shows_a_title_exactly_as_it_is_written() -> None:
    [message] = messages(samples.digest(samples.entry(1, HOSTILE)), "list")
    [text] = [block for block in message["blocks"] if block["type"] == "rich_text"]
    [line] = text["elements"][0]["elements"]
    assert line["elements"][0]["text"] == displayed(paper(1, HOSTILE)).title


def test_beside_a_button_nothing_in_a_title_means_anything() -> None:
    [message] = messages(samples.digest(samples.entry(1, HOSTILE, comment=HOSTILE)), "inline")
    text = message["blocks"][1]["text"]
    assert text["verbatim"] is True
    said = re.sub(r"^\*<https://arxiv\.org/abs/[\d.]+\|([^>]*)>\*", r"\1", text["text"])
    assert not re.search(r"[*_~`<>]|:[\w+]+:", said)
    assert "&lt;!channel&gt;" in said


def test_a_line_that_would_be_a_quote_is_none() -> None:
    assert blocks.inert("> not quoted") == "› not quoted"


def test_the_top_level_text_mentions_nobody() -> None:
    [message] = messages(samples.digest(samples.entry(1, HOSTILE)))
    assert "<!channel>" not in message["text"]
    assert message["parse"] == "none"
    assert message["mrkdwn"] is False


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("title", ["At 08:00: a :smile: study", ":+1:", "::x:y::skin-tone-2:"])
def test_what_is_between_colons_is_no_emoji_where_slack_looks_for_one(
    layout: str, title: str
) -> None:
    """Rich and plain text are not parsed; mrkdwn and the top-level text are."""
    entries = [samples.entry(number, f"{title} {number}", comment=title) for number in range(1, 6)]
    for message in messages(samples.digest(*entries), layout):
        parsed = [message["text"], simplified(message)["text"]]
        parsed += [each["text"] for each in rules.texts(message["blocks"])
                   if each["type"] == "mrkdwn"]  # fmt: skip
        assert not [text for text in parsed if re.search(r":[\w+'-]+:", text)]


def test_a_time_in_an_answer_is_no_emoji() -> None:
    said = Reply("Now posted at 08:00: as before.", sections=(Section("At 09:00:", "10:30:"),))
    assert not re.search(r":\d+:", replies.reply_message(said)["text"])
    assert "08:00: as" in json.dumps(replies.reply_blocks(said))


def test_the_hidden_limit_is_what_splits_a_message() -> None:
    name = "An Author With Many Names " * 3
    long = [
        samples.entry(n, "Long " + "word " * 60, comment="c " * 90, authors=(name,) * 3)
        for n in range(1, 31)
    ]
    made = messages(samples.digest(*long), "inline")
    assert len(made) > 2
    assert all(limits.weight(each["blocks"]) <= limits.CHARACTERS for each in made)


# The rules see what they forbid

GOOD = {"text": "x", "unfurl_links": False, "unfurl_media": False}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "header", "text": {"type": "mrkdwn", "text": "x", "verbatim": True}},
        {"type": "header", "text": blocks.plain("x" * 151)},
        {"type": "section", "text": {"type": "mrkdwn", "text": "@here"}},
        {"type": "section", "text": blocks.mrkdwn("<!channel>")},
        {"type": "section", "text": blocks.plain("x" * 3001)},
        {"type": "section", "text": {"type": "plain_text", "text": ":x:"}},
        {"type": "nonsense"},
        {"type": "actions", "elements": [blocks.say_button(Offer("a", "b"), 0)] * 2},
        {"type": "rich_text", "elements": [blocks.section()]},
        blocks.rich(blocks.section(blocks.words(""))),
    ],
)
def test_the_rules_see_a_fault(block: dict[str, Any]) -> None:
    assert list(rules.message_faults({**GOOD, "blocks": [block]}))


def test_the_rules_see_too_much() -> None:
    many = [blocks.quiet("x")] * 51
    long = [blocks.rich(blocks.section(blocks.words("x" * 2900)))] * 4
    assert list(rules.message_faults({**GOOD, "blocks": many}))
    assert rules.too_long({**GOOD, "blocks": long})
    assert list(rules.message_faults({**GOOD, "text": "<!here>"}))
    assert list(rules.message_faults({"text": "x"}))
    assert list(rules.message_faults({**GOOD, "blocks": many[:50]})) == []


# What is stored


def test_the_payload_is_what_is_sent_and_the_same_for_the_same_digest() -> None:
    first, again = (drafts(samples.HOSTILE_DAY) for _ in range(2))
    assert first == again
    assert set(json.loads(first[0].payload)) == {
        "blocks", "mrkdwn", "parse", "text", "unfurl_links", "unfurl_media"
    }  # fmt: skip


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"text": 1, "blocks": []}', '{"text": "x"}'])
def test_a_damaged_payload_is_refused(payload: str) -> None:
    with pytest.raises(PostRefused):
        read(payload)


# Answers


def test_a_long_list_of_rows_fits_and_says_what_it_leaves_out() -> None:
    rows = tuple(
        Row(f"keyword {n} " + "x" * 900, "added", (Offer("Remove", f"remove #{n}"),))
        for n in range(60)
    )
    message = replies.reply_message(Reply("This channel follows:", rows=rows))
    faults = rules.message_faults({**message, "text": message["text"]})
    assert list(faults) == []
    assert re.search(r"and \d+ more", json.dumps(message["blocks"][-1]))


def test_a_mistake_is_pointed_at_in_a_fixed_width() -> None:
    shown = replies.reply_blocks(Reply('Never closed.\n  "reward\n  ^'))
    assert shown[0]["elements"][0]["type"] == "rich_text_preformatted"


def test_three_thousand_authors_fit_a_window_and_are_counted() -> None:
    many = paper(1, authors=tuple(f"Author Number {n}" for n in range(3000)))
    view = replies.abstract_window(many)
    assert list(rules.view_faults(view)) == []
    assert re.search(r"and 2,\d{3} others", json.dumps(view))


def test_the_form_and_app_home_are_valid_views() -> None:
    row = Row("keyword", "added today by ann", (Offer("Remove", "remove #1"),))
    offers = tuple(Offer(f"Do {n}", "pause") for n in range(5))
    panels = tuple(
        ChannelPanel(f"slack:C00000000{n}", Reply("All is well.", rows=(row,) * 10, offers=offers))
        for n in range(5)
    )
    full = Home(Reply("You are in 50 channels."), panels, page=2, pages=9)
    for view in (
        keyword_form.form("C0123456789"),
        keyword_form.form(""),
        keyword_form.form("C0123456789", {}, "Never closed.\n^"),
        home_page(full, said=Reply("Removed.", offers=offers), about="C000000001", hint="A hint."),
        home_page(Home(Reply("None."), (ChannelPanel("slack:lab/D012345678", Reply("Well.")),))),
        replies.loading("Abstract"),
        replies.sentence("2604.00001", "arXiv gave no answer."),
    ):
        assert list(rules.view_faults(view)) == []


# Charts


@pytest.mark.parametrize(
    ("labels", "drawn"),
    [
        (("reward model", "a keyword that is longer than a label"), True),
        (("a keyword that is longer than a label", "a keyword that is long, too"), False),
        (tuple(map(str, range(limits.MAX_CATEGORIES))), True),
        (tuple(map(str, range(limits.MAX_CATEGORIES + 1))), False),
    ],
)
def test_bars_are_charts_if_slack_can_draw_all_of_them_and_else_text(
    labels: tuple[str, ...], *, drawn: bool
) -> None:
    some = Bars("Share " * 20, labels, [0.123] * len(labels), ["12%"] * len(labels))
    always = Bars("Submitted a day", ("Mon",), (3.0,), ("3",))
    reply = Reply("Here:", (Section("Shares", "as text"),), charts=(always, some))
    shown = replies.reply_message(reply, charts=True)["blocks"]
    kinds = [each["type"] for each in shown]
    assert kinds.count("data_visualization") == (2 if drawn else 0)
    assert ("as text" in json.dumps(shown)) != drawn
    assert list(rules.block_faults(shown)) == []


# Notifications


@given(st.lists(LARGE, min_size=1, max_size=30))
def test_a_notification_ends_with_a_whole_sentence(lines: list[str]) -> None:
    said = replies.sentences("\n".join(lines))
    assert utf16(said) <= limits.TEXT
    whole = replies.sentences(lines[0].partition("\n")[0])
    assert said == "" or said.endswith((".", "!", "?", "…", ":"))
    if said.endswith(replies.MORE):
        assert said.startswith(whole), "never without the first"


def test_an_answer_is_spoken_line_by_line_and_a_command_ends_without_a_point() -> None:
    text = f"This channel follows 2 keywords\nTo add one: {refer_to('add reward model')}"
    reply = Reply(text, rows=(Row("graph"), Row("model")))
    assert replies.spoken(reply) == (
        "This channel follows 2 keywords.\nTo add one: /papers add reward model\ngraph.\nmodel."
    )


def test_a_long_answer_leaves_out_whole_sentences_from_its_notification() -> None:
    text = "\n".join(f"Sentence number {n} has some words" for n in range(200))
    said = replies.sentences(text)
    assert re.search(r"has some words\.\n…$", said)
    assert limits.TEXT - 60 < len(said) <= limits.TEXT


GROUP = "S0123456789"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_user_group_is_mentioned_once_and_nobody_else_whatever_titles_say(layout: str) -> None:
    channel = replace(HERE, layout=layout, mention=GROUP)
    found = [
        read(draft.payload) for draft in compose(replace(samples.HOSTILE_DAY, channel=channel))
    ]
    parsed = [each["text"] for each in rules.texts(found) if each.get("type") == "mrkdwn"]
    assert re.findall(r"<[!@][^>]*>", "\n".join(parsed)) == [f"<!subteam^{GROUP}>"]
    first = [each["text"] for each in rules.texts(found[0]) if each.get("type") == "mrkdwn"]
    assert f"<!subteam^{GROUP}>" in first, "in the first message of the channel"
    assert not re.search(r"<[!@]", "".join(message["text"] for message in found))
    for message in found:
        assert list(rules.message_faults(message)) == []
    assert GROUP in simplified(found[0])["text"]
    for digest in (samples.FIRST, replace(samples.PLAIN_DAY, entries=())):
        assert GROUP not in str(compose(replace(digest, channel=channel)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("groups", [1, 2, 40])
def test_groups_have_headings_and_fit(layout: str, groups: int) -> None:
    entries = tuple(Entry(paper(n), (f"keyword {n * groups // 80:02}",)) for n in range(80))
    digest = replace(samples.PLAIN_DAY, entries=entries, by_keyword=True, in_full=60)
    made = drafts(digest, layout)
    assert [each for d in made for each in d.paper_ids] == [each.paper.id for each in entries]
    for draft in made:
        assert list(rules.message_faults(read(draft.payload))) == []
    said = json.dumps([read(draft.payload) for draft in made])
    for number in range(groups):
        assert f'"keyword {number:02} ({80 // groups})"' in said
