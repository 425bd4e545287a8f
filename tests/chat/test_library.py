"""Saving, citing and exporting papers, and being forgotten, as it is said in a chat."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.discord.commands import EXPORT_FORMATS as DISCORDS
from bot.chat.library import Library
from bot.chat.parse import export_request
from bot.chat.replies.keywords import ROWS_PER_PAGE
from bot.cli.library import Format
from bot.core.limits import Limits
from bot.errors import UserError
from bot.model import Draft, Person, Receipt
from bot.model.library import EXPORT_FORMATS
from tests.builders import paper
from tests.chat.test_commands import ADA, HERE, THERE, Chat
from tests.fakes import START

BEN = Person("Ben", "discord:8")
ONE = paper(1, "A slow result", authors=("Ada Muster",))


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    made = Chat(tmp_path)
    made.limit_to(Limits(commands_per_minute=1000))
    made.source.announce(ONE, at=START - timedelta(days=30))
    return made


async def test_a_paper_is_saved_and_taken_back_and_the_answer_says_who_sees_it(chat: Chat) -> None:
    said = (await chat.say(f"save {ONE.id}")).text
    assert said == (
        "Saved for this channel: A slow result\nEverybody here sees it, with your name, among"
        " the saved papers. To take it back, press Save again."
    )
    reply = await chat.say("saved")
    [row] = reply.rows
    assert (reply.text, row.text) == ("This channel has saved 1 paper:", "A slow result")
    assert "Ada Muster · saved" in row.detail
    assert " by Ada · " in row.detail
    assert (await chat.say(f"save {ONE.id}")).text.startswith("Taken back: A slow result")
    assert (await chat.say("saved")).text.startswith("This channel has saved no paper yet.")


async def test_mine_are_mine_in_every_channel_and_nobody_elses(chat: Chat) -> None:
    await chat.say(f"save {ONE.id}")
    await chat.say(f"save {ONE.id}", person=BEN)
    assert (await chat.say("saved", THERE)).rows == ()
    [row] = (await chat.say("saved mine", THERE)).rows
    assert "Ben" not in row.detail
    [row] = (await chat.say("saved")).rows
    assert " by Ada, Ben · " in row.detail


async def test_saved_papers_come_in_pages_and_are_searched(chat: Chat) -> None:
    papers = [paper(n, f"Slow result {n}") for n in range(1, 26)]
    for each in papers:
        await chat.store.save_all(HERE, [each], ADA, chat.clock.now())
        chat.clock.advance(60)
    first = await chat.say("saved")
    assert first.text.startswith("This channel has saved 25 papers (page 1 of 3). That is enough")
    assert [row.text for row in first.rows] == [f"Slow result {n}" for n in range(25, 15, -1)]
    assert len(first.rows) == ROWS_PER_PAGE
    words = {offer.label: offer.words for offer in first.offers}
    assert words["More"] == "saved page 2"
    last = await chat.say("saved page 99")
    assert len(last.rows) == 5
    found = await chat.say("saved slow 2")
    assert found.text.startswith("This channel has saved 25 papers with slow 2")
    [more] = [offer.words for offer in found.offers if offer.label == "More"]
    assert more == "saved page 2 slow 2"
    none = await chat.say("saved nowhere")
    assert none.text == "No saved paper has nowhere in its title, authors, id or year."


async def test_a_search_goes_on_by_a_button_in_any_language(chat: Chat) -> None:
    for n in range(1, 12):
        each = paper(n, "Étude 100%")
        await chat.store.save_all(HERE, [each], ADA, chat.clock.now())
    [more] = [o.words for o in (await chat.say("saved étude 100%")).offers if o.label == "More"]
    assert more.isascii()
    assert len((await chat.say(more)).rows) == 1


async def test_a_paper_that_was_forgotten_is_still_shown_cited_and_taken_back(chat: Chat) -> None:
    await chat.say(f"save {ONE.id}")
    chat.source.announced.clear()
    assert "muster2026slow" in (await chat.say(f"cite {ONE.id}")).code
    assert (await chat.say(f"save {ONE.id}")).text.startswith("Taken back")
    assert await chat.refused(f"save {ONE.id}") == f"arXiv knows no paper {ONE.id}."


async def test_several_papers_are_saved_at_once_and_none_is_taken_back(chat: Chat) -> None:
    other = paper(2, "Another")
    chat.source.announce(other)
    await chat.say(f"save {ONE.id}")
    reply = await chat.commands.save_all(HERE, ADA, [ONE.id, other.id])
    assert reply.text.startswith("Saved 1 paper for this channel. You had saved 1 of these before.")
    again = await chat.commands.save_all(HERE, ADA, [ONE.id, other.id])
    assert again.text.startswith("You had saved them.")
    with pytest.raises(UserError, match="no paper in this message"):
        await chat.commands.save_all(HERE, ADA, [])


async def test_a_paper_that_arxiv_does_not_know_costs_the_others_nothing(chat: Chat) -> None:
    unknown = ["2603.09999", "2613.12345", "no-archive/0101001"]  # the second is no id
    reply = await chat.commands.save_all(HERE, ADA, [ONE.id, *unknown])
    assert reply.text.startswith(
        "Saved 1 paper for this channel. arXiv does not know 3 of the papers in this message.\n"
    )
    with pytest.raises(UserError, match="arXiv knows none of the papers in this message"):
        await chat.commands.save_all(HERE, ADA, unknown)
    for command in ("save", "cite"):
        assert (
            await chat.refused(f"{command} {unknown[0]}") == f"arXiv knows no paper {unknown[0]}."
        )
    [row] = (await chat.say("saved")).rows
    assert row.text == "A slow result"


async def test_a_citation_is_there_to_be_copied(chat: Chat) -> None:
    code = (await chat.say(f"cite {ONE.id}")).code
    assert code.startswith("@misc{muster2026slow,\n  title = {A slow result},\n")
    assert (await chat.say(f"bibtex {ONE.url}")).code == code


@pytest.mark.parametrize(("words", "name"), [("", "bib"), ("ris", "ris"), ("mine csl", "json")])
async def test_saved_papers_are_exported_as_a_file(chat: Chat, words: str, name: str) -> None:
    await chat.say(f"save {ONE.id}")
    reply = await chat.say(f"export {words}")
    assert reply.file is not None
    assert reply.file.name == f"papers.{name}"
    assert "A slow result" in reply.file.text
    if name == "json":
        assert [item["id"] for item in json.loads(reply.file.text)] == ["muster2026slow"]


async def test_nothing_saved_is_no_empty_file_and_a_wrong_format_is_named(chat: Chat) -> None:
    assert (await chat.say("export")).file is None
    assert (await chat.refused("export docx")).startswith("There is no format docx.")


async def test_of_ten_thousand_saved_papers_a_page_is_shown(chat: Chat) -> None:
    papers = [paper(n, f"Slow {n}") for n in range(1, 10_001)]
    await chat.store.save_all(HERE, papers, ADA, START)
    reply = await chat.say("saved page 1000")
    assert reply.text == "This channel has saved 10,000 papers (page 1000 of 1000):"
    assert len(reply.rows) == ROWS_PER_PAGE
    keys = await chat.store.citation_keys({each.id: "same2026" for each in papers})
    assert len(set(keys.values())) == 10_000
    text, count = await chat.library.exported(HERE, "ris")
    assert (count, text.count("\r\nER  - ")) == (10_000, 10_000)


def test_each_format_of_an_export_can_be_chosen_at_every_door() -> None:
    assert tuple(Format) == EXPORT_FORMATS
    assert tuple(each.value for each in DISCORDS) == EXPORT_FORMATS
    assert [export_request(each) for each in EXPORT_FORMATS] == [(False, e) for e in EXPORT_FORMATS]


async def test_an_export_holds_the_newest_that_platforms_take(chat: Chat) -> None:
    for n in range(1, 101):
        await chat.store.save_all(HERE, [paper(n, f"Slow {n}")], ADA, START + timedelta(hours=n))
    library = Library(
        queries=chat.queries,
        store=chat.store,
        clock=chat.clock,
        zotero=chat.libraries,
        max_export_size=10_000,
    )
    reply = await library.export(HERE, ADA, kind="json")
    assert reply.file is not None
    assert 5_000 < len(reply.file.text.encode()) <= 10_000
    assert json.loads(reply.file.text)[0]["title"] == "Slow 100"
    assert "These are the newest of 100: a file of all would be too large." in reply.text


async def test_words_that_no_database_takes_find_nothing(chat: Chat) -> None:
    for words in ("\ud800", "\x00\ud800", "\ufdd0add\ufdd1"):
        assert "No saved paper has" in (await chat.say(f"saved {words}")).text


async def test_who_wants_to_be_forgotten_is_asked_once_and_then_is(chat: Chat) -> None:
    await chat.say("add reward model")
    await chat.say(f"save {ONE.id}")
    await chat.say(f"save {ONE.id}", person=BEN)
    question = await chat.say("forget-me")
    assert question.text.startswith("This deletes 1 saved paper of yours, in all channels")
    assert [offer.words for offer in question.offers] == ["forget-me now"]
    assert (await chat.say("saved mine")).rows != ()
    done = await chat.say("forget-me now")
    assert done.text == "Deleted: 1 saved paper, and your name in 1 other place."
    assert (await chat.say("saved mine")).rows == ()
    [row] = (await chat.say("saved")).rows
    assert " by Ben · " in row.detail
    assert [each.added_by.name for each in await chat.store.subscriptions()] == [""]


async def test_from_ten_saved_papers_on_the_order_by_similarity_is_offered_until_it_is_set(
    chat: Chat,
) -> None:
    papers = [paper(n, f"Slow result {n}") for n in range(1, 11)]
    await chat.store.save_all(HERE, papers[:9], ADA, chat.clock.now())
    offer = "settings order similarity"
    assert offer not in [each.words for each in (await chat.say("saved")).offers]
    await chat.store.save_all(HERE, papers[9:], ADA, chat.clock.now())
    reply = await chat.say("saved")
    assert offer in [each.words for each in reply.offers]
    assert "new papers like these first in the digest, with none left out" in reply.text
    assert (await chat.say("saved page 9")).text == reply.text, "beyond the last page"
    assert offer not in [each.words for each in (await chat.say("saved mine")).offers]
    guest = replace(BEN, manages=False)
    assert offer not in [each.words for each in (await chat.say("saved", person=guest)).offers]
    assert "order is now similarity" in (await chat.say(offer)).text
    assert offer not in [each.words for each in (await chat.say("saved")).offers]
    assert "order is now newest" in (await chat.say("settings order newest")).text
    assert await chat.refused("settings order best") == (
        '"best" is not an order; write "newest" or "similarity"'
    )


async def test_why_names_who_saved_a_paper_here_and_the_thread_about_it(chat: Chat) -> None:
    await chat.settled("reward model")
    one = paper(70)
    chat.source.announce(one)
    await chat.collect()
    assert "Saved here" not in (await chat.say(f"why {one.id}")).text
    for who in (ADA, Person("Ben", "fake:2")):
        await chat.store.toggle_save(HERE, one, who, START)
    drafts = [("top", Draft("Discussion", ())), ("first", Draft("Abstract", (), parent=0))]
    await chat.store.open_discussion(HERE, one.id, drafts, START)
    said = (await chat.say(f"why {one.id}")).text
    assert "Saved here by 2 people. There is a thread about it." in said
    assert "Saved here" not in (await chat.say(f"why {one.id}", THERE)).text
    await chat.store.mark_sent("top", Receipt("1", "https://chat.example/1"), START)
    assert (
        "There is a thread about it: https://chat.example/1"
        in (await chat.say(f"why {one.id}")).text
    )
