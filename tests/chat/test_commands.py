"""What people are told when they ask the bot something, with the real database underneath."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from bot.arxiv.calendar import AnnouncementCalendar
from bot.arxiv.ids import base_id
from bot.chat.changes import Changes
from bot.chat.commands import ChatCommands
from bot.chat.discussions import Discussions
from bot.chat.library import Library
from bot.chat.parse import keyword_and_name
from bot.chat.personal import PersonalChannels
from bot.chat.queries import Queries
from bot.chat.replies.settings import ScheduleDefaults
from bot.chat.reports import encode
from bot.chat.zotero import ZoteroLibraries
from bot.core.collect import collect
from bot.core.deliver import Deliverer
from bot.core.digest import Rules
from bot.core.limits import Limits
from bot.core.news import KINDS
from bot.core.publish import publish
from bot.errors import (
    ChannelRefused,
    KeywordRefused,
    Note,
    NoteKind,
    OutcomeUnknown,
    PostRefused,
    SourceDown,
    SourceNotAsked,
    StoreBusy,
    TryLater,
    UserError,
)
from bot.matching import explain
from bot.model import (
    AnnouncementStats,
    Batch,
    Channel,
    ChannelGroup,
    Draft,
    Offer,
    Paper,
    Person,
    Reply,
)
from bot.model.timetable import Timetable
from bot.ports import Vault, Zotero
from bot.references import with_references
from tests.builders import paper
from tests.fakes import START, FakeClock, FakePlatform, FakeSource, PlainComposer
from tests.store.database import OtherTransaction, opened, queue

HERE = "discord:1142000000000000000"
THERE = "discord:1142000000000000001"
ADA = Person("Ada", "discord:7")
BERLIN = ZoneInfo("Europe/Berlin")  # START is Monday 09:00 there, a posting time
DAY = 86_400


class Chat:
    """The commands over a real database, and the bot's days beside them."""

    def __init__(
        self, folder: Path, clock: FakeClock | None = None, source: FakeSource | None = None
    ) -> None:
        self.clock = clock or FakeClock()
        self.source = source or FakeSource(self.clock, matches=lambda k, p: explain(k, p).matched)
        self.store = opened(folder / "daily-papers.sqlite3", patient=False)
        self.platform = FakePlatform(folder / "platform.jsonl")
        self.platforms: dict[str, object] = {}  # where threads can be opened
        self.vault: Vault | None = None  # with which Zotero is on
        self.zotero: Zotero | None = None
        self.written = 0  # how often bot.toml would have been written
        self.backlog: int | None = None
        self.schedule = {"post_at": "09:00"}  # as bot.toml has it
        self.queries = Queries(
            store=self.store,
            source=self.source,
            clock=self.clock,
            timetable=self.timetable,
            identify=base_id,
            defaults=ScheduleDefaults(self.schedule),
        )
        self.limit_to(Limits())

    def limit_to(self, limits: Limits, personal: PersonalChannels | None = None) -> None:
        self.changes = Changes(
            queries=self.queries,
            store=self.store,
            clock=self.clock,
            on_change=self._changed,
            first_post=3,
            limits=limits,
            personal=personal,
        )
        self.libraries = ZoteroLibraries(
            queries=self.queries,
            store=self.store,
            clock=self.clock,
            vault=self.vault,
            zotero=self.zotero,
        )
        self.library = Library(
            queries=self.queries, store=self.store, clock=self.clock, zotero=self.libraries
        )
        self.commands = ChatCommands(
            queries=self.queries,
            changes=self.changes,
            library=self.library,
            discussions=Discussions(
                queries=self.queries,
                store=self.store,
                clock=self.clock,
                platforms=self.platforms,
            ),
            zotero=self.libraries,
            clock=self.clock,
            limits=limits,
        )

    async def _changed(self) -> None:
        self.written += 1

    def timetable(self, channel: Channel) -> Timetable:
        hour, minute = map(int, (channel.post_at or "09:00").split(":"))
        calendar = AnnouncementCalendar()
        return Timetable(
            BERLIN,
            time(hour, minute),
            frozenset(range(5)),
            announced_between=calendar.fetchable_between,
        )

    async def say(self, words: str, channel_id: str = HERE, person: Person = ADA) -> Reply:
        reply = await self.commands.typed(channel_id, person, words)
        return replace(reply, text=as_typed(reply.text))

    async def keywords(self) -> tuple[str, ...]:
        return tuple(each.label for each in await self.commands.keywords(HERE, ADA))

    async def refused(self, words: str, channel_id: str = HERE, person: Person = ADA) -> str:
        with pytest.raises(UserError) as caught:
            await self.commands.typed(channel_id, person, words)
        return as_typed(str(caught.value))

    async def collect(self) -> None:
        await collect(self.source, self.store, self.clock, first_post=3)

    async def publish(self, *, now: bool = False) -> None:
        def rules(channel: Channel) -> Rules:
            return Rules(
                self.timetable(channel), self.backlog, news=KINDS[channel.updates or "status"]
            )

        await publish(self.store, {"discord": PlainComposer}, rules, self.clock, now=now)

    async def deliver(self, *faults: Exception | None, can_tell: bool = True) -> None:
        self.platform.faults = {
            self.platform.sends + number: (isinstance(fault, OutcomeUnknown), fault)
            for number, fault in enumerate(faults)
            if fault is not None
        }
        self.platform._can_tell = can_tell
        deliverer = Deliverer("discord", self.platform, self.store, self.clock, random.Random(1))
        await deliverer.deliver(wait=120)  # longer than a lost post settles

    async def run(self, *faults: Exception | None, can_tell: bool = True) -> None:
        """A whole run, in which the platform has these faults."""
        await self.collect()
        await self.publish()
        await self.deliver(*faults, can_tell=can_tell)

    async def day(self) -> None:
        """A whole run, a day later."""
        self.clock.advance(DAY)
        await self.run()

    async def settled(self, *keywords: str) -> None:
        """The channel follows these, and its first run is done."""
        for keyword in keywords or ("reward model",):
            await self.say(f"add {keyword}")
        await self.run()


def as_typed(text: str) -> str:
    """A text as a chat shows it, in which no command has anything before it."""
    return with_references(text, lambda reference: reference.words)


def data(reply: Reply) -> Any:
    """What ``--json`` shows of an answer."""
    return json.loads(as_typed(json.dumps(encode(reply.report), ensure_ascii=False)))


def channels(reply: Reply) -> list[dict[str, Any]]:
    """What an answer's data says of each channel."""
    return cast(list[dict[str, Any]], data(reply)["channels"])


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    chat = Chat(tmp_path)
    yield chat
    chat.store.close()


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "add reward model",
        "ADD reward model",
        "  add    reward   model ",
        "/papers add reward model",
        "papers add reward model",
        "/add “reward model”",
        '"add" "Reward-Models"',
        "add reward\u00a0model",
        "follow reward models",
    ],
)
async def test_a_command_is_understood_however_it_is_typed(chat: Chat, words: str) -> None:
    await chat.say(words)
    [subscription] = await chat.store.subscriptions(HERE)
    assert subscription.keyword.canonical == '"reward model"'


async def test_a_mistyped_command_names_the_nearest_one_and_changes_nothing(chat: Chat) -> None:
    assert "Did you mean: add reward model" in await chat.refused("ad reward model")
    assert "Did you mean: status" in await chat.refused("sttaus")
    assert "To follow that as a keyword: add reward model" in await chat.refused("reward model")
    assert chat.written == 0


@pytest.mark.parametrize("command", ["add", "remove", "preview", "why", "resend"])
async def test_a_command_without_its_object_answers_with_an_example(
    chat: Chat, command: str
) -> None:
    assert f"For example: {command} " in await chat.refused(command)


async def test_an_argument_that_arrives_apart_from_its_command_is_never_read_as_one(
    chat: Chat,
) -> None:
    for keyword in ("status", "remove list", "papers"):
        await chat.commands.add(HERE, ADA, keyword)
    assert sorted(await chat.keywords()) == ["papers", "remove list", "status"]
    await chat.commands.remove(HERE, ADA, [" remove list "])
    first, second = await chat.commands.keywords(HERE, ADA)
    await chat.commands.remove(HERE, ADA, [first.value, second.value])
    assert await chat.keywords() == ()
    with pytest.raises(UserError, match="There is no setting layout list"):
        await chat.commands.change_settings(HERE, ADA, {"layout list": "digest"})
    reply = await chat.commands.change_settings(HERE, ADA, {"catch_up": "newest 5"})
    assert "catch_up is now newest 5" in reply.text


async def test_an_argument_of_nothing_but_spaces_answers_with_an_example(chat: Chat) -> None:
    commands = chat.commands
    for asked in (
        commands.add(HERE, ADA, " "),
        commands.remove(HERE, ADA, ["\t"]),
        commands.preview(HERE, ADA, ""),
        commands.why(HERE, ADA, "  "),
        commands.resend(HERE, ADA, " "),
    ):
        with pytest.raises(UserError, match="For example: "):
            await asked
    with pytest.raises(UserError, match="Which setting"):
        await commands.change_settings(HERE, ADA, {"": "09:30"})


async def test_every_word_for_add_opens_the_form_and_no_other_word(chat: Chat) -> None:
    for words in ("add", "Follow ", "/papers subscribe", "papers watch", "“new”"):
        assert chat.commands.opens_form(words), words
    for words in ("", "add reward model", "remove", "help", "#0123456789ab", "reward model"):
        assert not chat.commands.opens_form(words), words


async def test_nothing_at_all_is_a_call_for_help(chat: Chat) -> None:
    for words in ("", "  ", "/papers", "help", "?"):
        reply = await chat.say(words)
        assert "add KEYWORD" in reply.sections[0].text
        assert "ANDNOT abs:survey" in reply.sections[-1].text


async def test_a_database_that_fails_is_reported_without_its_secrets_and_logged(
    chat: Chat, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    other = OtherTransaction(tmp_path / "daily-papers.sqlite3")
    answer = await chat.refused("add reward model")
    with pytest.raises(StoreBusy):
        await chat.changes.add(HERE, ADA, "reward model")
    other.roll_back()
    assert "nothing was changed" in answer
    assert str(tmp_path) not in answer
    assert "another process keeps the database busy" in caplog.text
    assert await chat.store.subscriptions(HERE) == ()


async def test_a_fault_of_our_own_still_gives_an_answer_and_its_trace_goes_to_the_log(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(batch: Batch) -> Batch:
        return batch.papers[99]  # type: ignore[return-value]

    chat.source.faults = [bug]
    answer = await chat.refused("preview reward model")
    assert "Something went wrong in the bot" in answer
    assert "IndexError" not in answer
    assert "IndexError" in caplog.text


# -- keywords -------------------------------------------------------------------------------------


async def test_add_says_what_it_understood(chat: Chat) -> None:
    reply = await chat.say("add ti:graph AND (cat:cs.LG OR cat:math) ANDNOT survey")
    assert (
        '"graph" in title and (category cs.LG or category math with everything below it)'
        ' and not "survey" in title or abstract' in reply.text
    )
    assert "the newest 3 papers" in reply.text
    assert reply.announcement.startswith("Ada added a keyword: ti:graph")
    assert data(reply)["changed"] is True
    assert chat.written == 1


async def test_add_and_preview_say_that_a_category_is_unknown_or_has_another_name_now(
    chat: Chat,
) -> None:
    for words in ("add reward cat:cs.ML", "preview reward cat:cs.ML"):
        reply = await chat.say(words)
        assert "Did you mean stat.ML?" in reply.text
        assert len(data(reply)["notices"]) == 1
    assert "alg-geom is now math.AG" in (await chat.say("add cat:alg-geom")).text
    known = await chat.say("add cat:math.AG")
    assert data(known)["changed"] is False


async def test_at_the_command_line_a_keyword_is_added_without_asking_arxiv(chat: Chat) -> None:
    reply = await chat.changes.add(HERE, ADA, "reward model")
    assert "preview reward model" in reply.text
    assert chat.source.requests == []


async def test_in_a_chat_add_says_how_many_papers_a_day_and_shows_the_newest_three(
    chat: Chat,
) -> None:
    chat.source.announce(*(paper(n) for n in range(1, 9)))
    reply = await chat.say("add reward model")
    assert "(8 papers in the last 7 days)" in reply.text
    assert len(reply.entries) == 3
    assert chat.source.requests == ["latest reward model"]


async def test_a_keyword_is_kept_although_arxiv_is_silent_when_it_is_added(chat: Chat) -> None:
    chat.source.faults = [SourceDown("timed out")]
    reply = await chat.say("add reward model")
    assert "arXiv is not answering right now" in reply.text
    assert "The keyword is kept" in reply.text
    assert [s.keyword.text for s in await chat.store.subscriptions(HERE)] == ["reward model"]


async def test_a_fault_of_the_bots_own_machine_is_never_blamed_on_arxiv(chat: Chat) -> None:
    fault = SourceNotAsked("arXiv was not asked, because /data can't be used: Permission denied.")
    chat.source.faults = [fault]
    reply = await chat.say("add reward model")
    assert "a fault on its own machine" in reply.text
    chat.source.faults = [fault]
    refused = await chat.refused("preview graph network")
    assert "a fault on its own machine" in refused
    assert "/data" not in refused, "where the bot keeps its files is not for everybody"
    chat.source.faults = [fault]
    await chat.collect()
    status = await chat.say("status")
    assert "arXiv was not queried, because of a fault on the bot's own machine" in status.text
    assert "did not answer" not in status.text
    assert '"cause": "local"' in json.dumps(data(status))


async def test_several_keywords_are_removed_at_once_and_put_back_at_once(chat: Chat) -> None:
    for number in range(12):
        await chat.say(f"add topic number{number}")
    menu = (await chat.say("list")).menu
    assert menu is not None
    assert menu.most == 6
    assert [choice.label for choice in menu.choices] == list((await chat.keywords())[:10])
    gone = [choice.value for choice in menu.choices[:6]]
    chat.written = 0
    removed = await chat.say(" ".join([menu.words, *gone]))
    assert "no longer follows 6 keywords:\ntopic number0\ntopic number1\n" in removed.text
    assert removed.announcement.startswith("Ada removed 6 keywords: topic number0, topic number1,")
    assert chat.written == 1, "bot.toml is written once for all of them"
    assert len(await chat.keywords()) == 6
    assert all(len(offer.words) <= 95 for offer in removed.offers)
    again = await chat.say(removed.offers[0].words)
    assert "follows again: 6 keywords:" in again.text
    assert len(await chat.keywords()) == 12
    assert again.offers[0].words == f"remove {' '.join(gone)}"


async def test_of_several_keywords_those_that_somebody_else_removed_are_passed_over(
    chat: Chat,
) -> None:
    for number in range(3):
        await chat.say(f"add topic number{number}")
    menu = (await chat.say("list")).menu
    assert menu is not None
    first, second, _ = (choice.value for choice in menu.choices)
    await chat.say(f"remove {first}")
    removed = await chat.say(f"remove {first} {second}")
    assert "no longer follows topic number1" in removed.text
    assert "None of these is followed here any more" in await chat.refused(
        f"remove {first} {second}"
    )
    assert "6 keywords are the most" in await chat.refused(
        "remove " + " ".join(f"#{n:012x}" for n in range(7))
    )
    assert "no longer known here" in await chat.refused(f"add {first} #0123456789ab")


async def test_who_may_not_change_anything_is_offered_no_change(chat: Chat) -> None:
    await chat.say("add reward model")
    await chat.say("add graph network")
    reader = Person("Bo", "fake:bo", manages=False, governs=False)
    reply = await chat.say("list", person=reader)
    assert [row.offers for row in reply.rows] == [(), ()]
    assert reply.offers == ()
    assert reply.menu is None
    await chat.say("settings editors members")
    reply = await chat.say("list", person=reader)
    assert reply.rows[0].offers[0].label == "Remove"
    assert reply.offers[0].words == "add"
    assert reply.menu is not None


async def test_what_was_added_or_removed_by_mistake_is_undone_with_a_button(chat: Chat) -> None:
    keyword = 'ti:"graph network" AND cat:cs.LG'
    await chat.say("add reward model")
    undo, _ = (await chat.say(f"add {keyword}")).offers
    assert "no longer follows" in (await chat.say(undo.words)).text
    assert await chat.keywords() == ("reward model",)
    assert "does not follow that any more" in await chat.refused(undo.words)
    await chat.say(f"add {keyword}")
    undo, back = (await chat.say(f"remove {keyword}")).offers
    assert (await chat.say(back.words)).text.startswith("This channel follows")
    await chat.say(undo.words)
    assert set(await chat.keywords()) == {"reward model", keyword}
    assert "Please type it" in await chat.refused("add #0123456789ab")


async def test_status_counts_no_paper_of_a_removed_keyword_and_undo_brings_them_back(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.clock.advance(DAY // 2)
    chat.source.announce(*(paper(70 + n) for n in range(7)))
    await chat.collect()
    assert "7 papers due" in (await chat.say("status")).text
    removed = await chat.say("remove reward model", person=MANAGER)
    assert "added again within a week" in removed.text
    assert "due" not in (await chat.say("status")).text
    restored = await chat.say(removed.offers[0].words, person=MANAGER)
    assert "continues where it stopped" in restored.text
    assert "newest 3" not in restored.text
    assert "7 papers due" in (await chat.say("status")).text
    [row] = (await chat.say("list")).rows
    assert "by Ada" in row.detail
    assert "first papers" not in row.detail


async def test_a_long_list_comes_in_pages_and_every_keyword_has_its_button(chat: Chat) -> None:
    for number in range(23):
        await chat.changes.add(HERE, ADA, f"keyword number{number}")
    seen: list[str] = []
    words = "list"
    while words:
        reply = await chat.say(words)
        assert len(reply.rows) <= 10
        seen += [row.text for row in reply.rows]
        for offer in (*reply.offers, *(offer for row in reply.rows for offer in row.offers)):
            assert offer.words.isascii()
            assert len(offer.words) <= 60
        words = next((offer.words for offer in reply.offers if offer.label == "More"), "")
    assert sorted(seen) == sorted(f"keyword number{n}" for n in range(23))
    assert (await chat.say("list 99")).rows == reply.rows
    await chat.say(reply.rows[-1].offers[0].words)
    assert reply.rows[-1].text not in await chat.keywords()


MEMBER = Person("Bob", "discord:8", manages=False, governs=False)
MANAGER = Person("Cleo", "discord:9", manages=True, governs=False)


@pytest.mark.parametrize(
    "words",
    ["add graph network", "remove reward model", "pause", "resume", "settings days daily"],
)
async def test_who_does_not_manage_the_channel_changes_nothing(chat: Chat, words: str) -> None:
    await chat.say("add reward model")
    before = (await chat.store.state(HERE)).channels
    assert "for those who manage the channel" in await chat.refused(words, person=MEMBER)
    assert (await chat.store.state(HERE)).channels == before


async def test_everybody_may_read(chat: Chat) -> None:
    await chat.say("add reward model")
    for words in ("list", "status", "settings", "help", "preview reward model", "why 2603.00001"):
        assert (await chat.say(words, person=MEMBER)).text


async def test_a_channel_can_be_opened_to_its_members_by_those_who_govern_alone(
    chat: Chat,
) -> None:
    assert "Only those who run this server" in await chat.refused(
        "settings editors members", person=MANAGER
    )
    await chat.say("settings editors members")
    await chat.say("add reward model", person=MEMBER)
    assert await chat.keywords() == ("reward model",)
    await chat.refused("add reward model", THERE, MEMBER)


async def test_at_home_a_person_sees_the_channels_in_which_they_added_something(
    chat: Chat,
) -> None:
    assert "no keyword yet" in (await chat.commands.home(ADA)).reply.text
    await chat.say("add reward model")
    await chat.say("add secret project", THERE, MANAGER)
    [panel] = (await chat.commands.home(ADA)).panels
    assert panel.channel_id == HERE
    assert "reward model" in panel.reply.text
    assert (panel.reply.rows, panel.reply.offers) == ((), ()), "nobody knows whether they are in it"


async def test_at_home_a_person_changes_the_channels_that_they_are_in(chat: Chat) -> None:
    await chat.say("add reward model", person=MANAGER)
    await chat.say("add secret project", THERE, MANAGER)
    [panel] = (await chat.commands.home(ADA, [HERE])).panels
    assert panel.channel_id == HERE
    assert (await chat.commands.home(ADA, [])).panels == (), "who is in none sees none"
    assert [row.text for row in panel.reply.rows] == ["reward model"]
    assert [offer.label for row in panel.reply.rows for offer in row.offers] == ["Remove"]
    assert [each.words for each in panel.reply.offers] == ["add", "pause", "settings"]
    await chat.say("pause")
    [panel] = (await chat.commands.home(ADA, [HERE])).panels
    assert [each.words for each in panel.reply.offers] == ["add", "resume", "settings"]


async def test_at_home_who_may_not_change_a_channel_only_reads_it(chat: Chat) -> None:
    await chat.say("add reward model")
    [panel] = (await chat.commands.home(MEMBER, [HERE])).panels
    assert panel.reply.offers == ()
    assert [row.offers for row in panel.reply.rows] == [()]
    await chat.say("settings editors members")
    [panel] = (await chat.commands.home(MEMBER, [HERE])).panels
    assert panel.reply.offers


async def test_at_home_many_channels_and_keywords_come_a_page_at_a_time(chat: Chat) -> None:
    channels = [f"slack:C{number:08d}" for number in range(12)]
    for channel in channels:
        await chat.changes.add(channel, ADA, "reward model")
    for number in range(12):
        await chat.changes.add(channels[0], ADA, f"word {number}")
    first = await chat.commands.home(ADA, channels)
    last = await chat.commands.home(ADA, channels, 99)
    assert (first.page, first.pages, len(first.panels)) == (1, 3, 5)
    assert (last.page, last.pages, len(last.panels)) == (3, 3, 2)
    assert len(first.panels[0].reply.rows) == 10
    assert first.panels[0].reply.offers[-1] == Offer("All 13 keywords", "list")


async def test_who_invites_the_bot_is_greeted_and_what_was_refused_continues(chat: Chat) -> None:
    said = await chat.commands.invited(HERE)
    assert "add reward model" in said.text
    assert [offer.words for offer in said.offers] == ["add"]
    await chat.say("add reward model")
    await refused_once(chat)
    said = await chat.commands.invited(HERE)
    assert "What was waiting is posted now" in said.text
    [view] = (await chat.store.state(HERE)).channels
    assert view.paused == ""
    assert await chat.store.claim("discord", chat.clock.now(), chat.clock.now())


async def test_a_pause_that_a_person_wanted_outlives_an_invitation(chat: Chat) -> None:
    await chat.say("add reward model")
    await chat.say("pause")
    assert "It is paused (by Ada)" in (await chat.commands.invited(HERE)).text
    [view] = (await chat.store.state(HERE)).channels
    assert view.paused == "person"


async def refused_once(chat: Chat) -> None:
    """A post waits because the channel did not take it."""
    await queue(chat.store, HERE, [("f" * 24, Draft("{}", ()))], chat.clock.now())
    now = chat.clock.now()
    assert await chat.store.claim("discord", now, now)
    await chat.store.refuse("f" * 24, False, now, "I am not in this channel.", 600)


async def test_the_keywords_of_a_channel_that_match_a_paper_are_known(chat: Chat) -> None:
    chat.source.announce(paper(1, "A Reward Model for Graphs"))
    for words in ("add reward model", "add protein", "add ti:graphs"):
        await chat.say(words)
    await chat.collect()
    assert await chat.commands.matching(HERE, ADA, "2603.00001") == ("reward model", "ti:graphs")
    assert await chat.commands.matching(HERE, ADA, "2603.00002") == ()
    with pytest.raises(UserError, match="not an arXiv id"):
        await chat.commands.matching(HERE, ADA, "nonsense")


async def test_a_setting_that_is_refused_is_quoted_as_it_was_written(chat: Chat) -> None:
    for value, said in (
        ("mention Readers", '"Readers" is not the id of a role'),
        ("announce_changes Perhaps", '"Perhaps" is not an answer; write "true" or "false"'),
    ):
        assert said in await chat.refused(f"settings {value}")
    assert "days is now mon (" in (await chat.say("settings days MON")).text
    assert "days is now mon-fri (" in (await chat.say("settings days Default")).text


async def test_several_settings_are_changed_together_or_not_at_all(chat: Chat) -> None:
    values = {"post_at": "9:30", "days": "mon,thu"}
    with pytest.raises(UserError, match="not a time of day"):
        await chat.commands.change_settings(HERE, ADA, {"days": "mon", "post_at": "25:00"})
    assert (await chat.commands.settings_in_force(HERE, ADA))["days"].source == "default"
    reply = await chat.commands.change_settings(HERE, ADA, values)
    assert reply.announcement == ("Ada changed post_at of this channel to 09:30, days to mon,thu.")
    in_force = await chat.commands.settings_in_force(HERE, ADA)
    assert (in_force["days"].value, in_force["days"].usual) == ("mon,thu", "mon-fri")


@pytest.mark.parametrize(
    ("value", "said"),
    [("keyword", "keyword (set here)"), ("default", "none (the default)")],
)
async def test_a_setting_that_is_set_so_already_is_neither_stored_nor_announced(
    chat: Chat, value: str, said: str
) -> None:
    await chat.say(f"settings group {value}")
    written = chat.written
    reply = await chat.say(f"settings group {value.upper()}")
    assert reply.text.startswith(f"group is already {said}. Nothing had to be changed.\n")
    assert (reply.announcement, chat.written) == ("", written)
    both = await chat.commands.change_settings(HERE, ADA, {"group": value, "days": "mon"})
    assert both.text.startswith(f"Changed: days is now mon (set here)\ngroup is already {said}.")
    assert both.announcement == "Ada changed days of this channel to mon."


async def test_an_abstract_comes_from_the_database_and_where_it_was_forgotten_from_arxiv(
    chat: Chat,
) -> None:
    chat.source.announce(paper(1, abstract="About $x^2$."))
    await chat.say("add reward model")
    await chat.collect()
    asked = len(chat.source.requests)
    assert (await chat.commands.abstract("2603.00001")).abstract == "About x²."
    assert len(chat.source.requests) == asked
    chat.source.announce(paper(2, "Something else", abstract="Found."))
    assert (await chat.commands.abstract("2603.00002")).abstract == "Found."
    with pytest.raises(UserError, match="knows no paper"):
        await chat.commands.abstract("2603.00003")
    with pytest.raises(UserError, match="not an arXiv id"):
        await chat.commands.abstract("nonsense")


async def test_a_keyword_that_is_followed_in_other_words_is_told_so_and_announced_to_nobody(
    chat: Chat,
) -> None:
    await chat.say("add reward model")
    reply = await chat.say("add Reward-Models")
    assert "already follows reward model, which means the same" in reply.text
    assert reply.announcement == ""
    assert data(reply)["changed"] is False
    assert data(reply)["followed_as"] == "reward model"
    assert chat.written == 1


async def test_a_wrong_keyword_points_at_its_mistake_and_saves_nothing(chat: Chat) -> None:
    answer = await chat.refused("add (reward model")
    assert "never closed" in answer
    assert await chat.store.subscriptions(HERE) == ()
    assert chat.written == 0


async def test_remove_takes_any_wording_and_leaves_the_rest(chat: Chat) -> None:
    await chat.say("add reward model")
    await chat.say("add graph network")
    reply = await chat.say('remove ti:"reward models" OR abs:"reward models"')
    assert "no longer follows reward model" in reply.text
    assert reply.announcement == "Ada removed a keyword: reward model"
    assert [s.keyword.text for s in await chat.store.subscriptions(HERE)] == ["graph network"]
    assert chat.written == 3


async def test_remove_of_what_is_not_followed_names_what_comes_nearest(chat: Chat) -> None:
    assert "follows nothing" in await chat.refused("remove reward model")
    await chat.say("add reward model")
    await chat.say("add graph network")
    assert "Did you mean: reward model" in await chat.refused("remove reword models")
    assert "To see all: list" in await chat.refused("remove quantum zebra")
    assert len(await chat.store.subscriptions(HERE)) == 2


async def test_one_channel_does_not_remove_what_another_follows(chat: Chat) -> None:
    await chat.say("add reward model", THERE)
    await chat.refused("remove reward model", HERE)
    assert len(await chat.store.subscriptions(THERE)) == 1


async def test_list_tells_new_keywords_from_settled_ones(chat: Chat) -> None:
    assert "follows nothing yet" in (await chat.say("list")).text
    await chat.settled("reward model")
    await chat.say("add graph network")
    reply = await chat.say("list")
    assert reply.text == "This channel follows 2 keywords:"
    details = {row.text: row.detail for row in reply.rows}
    assert details["reward model"] == "added today by Ada"
    assert "first papers come with the next run" in details["graph network"]


# -- preview --------------------------------------------------------------------------------------


def every(minutes: int, count: int) -> list[Paper]:
    """So many papers, submitted at this distance, the newest now."""
    return [paper(n, published=START - timedelta(minutes=minutes * n)) for n in range(count)]


async def test_a_preview_counts_the_last_week_shows_the_newest_and_saves_nothing(
    chat: Chat,
) -> None:
    chat.source.announce(*every(12 * 60, count=30))
    chat.source.announce(paper(99, "Something else"))
    reply = await chat.say("preview reward model")
    assert "About 2 papers a day (15 papers in the last 7 days)." in reply.text
    assert [entry.paper.id for entry in reply.entries] == [f"2603.{n:05d}" for n in range(5)]
    [by_day] = reply.sections
    assert by_day.heading == "Submitted a day"
    assert sum(int(line.rpartition(" ")[2]) for line in by_day.text.splitlines()) == 15
    assert data(reply)["papers"] == 15
    assert data(reply)["at_least"] is False
    assert await chat.store.subscriptions() == ()
    assert chat.source.requests == ["latest reward model"]


async def test_a_preview_of_two_weeks_shows_each_of_their_days(chat: Chat) -> None:
    chat.source.announce(*every(12 * 60, count=30))
    [by_day] = (await chat.queries.preview("reward model", 14)).sections
    counts = [line.rpartition(" ")[2] for line in by_day.text.splitlines()]
    assert len(counts) in (14, 15), "the first may be only a part of a day"
    assert sum(map(int, counts)) == 29


async def test_a_broad_keyword_is_counted_over_the_days_that_the_answer_covers_and_warned_of(
    chat: Chat,
) -> None:
    chat.source.announce(*every(9, count=300))
    reply = await chat.say("preview reward model")
    assert "About 162 papers a day, counted over the last 15 hours only" in reply.text
    assert "very broad" in reply.text
    assert data(reply)["at_least"] is True
    assert data(reply)["broad"] is True


async def test_one_word_alone_comes_with_the_numbers_of_its_narrower_reading(chat: Chat) -> None:
    for number in range(21):
        both = "We look at reasoning." if number % 3 == 0 else "We look."
        chat.source.announce(paper(number, "Reasoning", abstract=both))
    reply = await chat.say("add reasoning as Reasoning")
    assert "About 3 papers a day (21 papers in the last 7 days)." in reply.text
    assert (
        "In title and abstract both (ti:reasoning AND abs:reasoning): about one paper a day."
    ) in reply.text
    [narrow] = [each for each in reply.offers if each.label == "In title and abstract both"]
    said = await chat.say(narrow.words)
    narrower = "Reasoning (ti:reasoning AND abs:reasoning)"
    assert said.text.startswith(f"This channel now follows {narrower}\n")
    assert said.announcement == f"Ada narrowed a keyword: reasoning is {narrower} now"
    assert await chat.keywords() == (narrower,)
    assert "Only a single word" in await chat.refused("narrow Reasoning")
    assert "does not follow that any more" in await chat.refused(narrow.words)


async def test_one_word_added_without_asking_arxiv_names_its_narrower_reading_and_where_numbers_are(
    chat: Chat,
) -> None:
    """As at the command line, where nobody waits for arXiv."""
    reply = await chat.changes.add(HERE, ADA, "reasoning")
    assert as_typed(reply.text).splitlines()[-3:] == [
        "To see how many papers a day to expect, and how many of them have it in title and abstract"
        " both (ti:reasoning AND abs:reasoning): preview reasoning",
        "To follow only those: add ti:reasoning AND abs:reasoning",
        "And then: remove reasoning",
    ]
    assert not chat.source.requests
    reply = await chat.changes.add(HERE, ADA, "reward model")
    assert as_typed(reply.text).endswith(
        "To see how many papers a day to expect: preview reward model"
    )


async def test_what_waits_for_a_word_and_matches_its_narrower_reading_is_posted(
    chat: Chat,
) -> None:
    await chat.settled("reasoning")
    chat.clock.advance(DAY // 2)
    for number in range(4):
        both = "We look at reasoning." if number % 2 else "We look."
        chat.source.announce(paper(number, "Reasoning", abstract=both))
    await chat.collect()
    said = await chat.say("narrow reasoning")
    assert "what waits and matches it is still posted" in said.text
    [row] = (await chat.say("list")).rows
    assert row.detail.endswith("; narrowed, it continues with the next run")
    assert "2 papers due" in (await chat.say("status")).text
    chat.source.announce(late := paper(5, "Reasoning", abstract="Reasoning"))
    chat.source.faults = [None, SourceDown("no answer")]
    await chat.collect()
    status = (await chat.say("status")).text
    assert "is narrower now, and its papers could not be fetched yet" in status
    assert "first papers" not in status
    why = (await chat.say(f"why {late.id}")).text
    assert "The keyword was narrowed: it continues with the next run." in why
    await chat.day()
    await chat.day()
    assert sorted(chat.platform.papers(HERE)) == [paper(1).id, paper(3).id, late.id]


async def test_more_than_one_word_is_offered_no_narrower_reading(chat: Chat) -> None:
    chat.source.announce(paper(1, "A reward model of graphs"))
    for words in ("reward model", "ti:graphs", "graphs OR trees"):
        reply = await chat.say(f"add {words}")
        assert "title and abstract both" not in reply.text
        assert [each.label for each in reply.offers] == ["Undo", "Back to list"]


@pytest.mark.parametrize(
    ("typed", "keyword", "name"),
    [
        ("ti:reasoning as Reasoning", "ti:reasoning", "Reasoning"),
        ("reward model as 3D @everyone <b>", "reward model", "3D @everyone <b>"),
        ('reward model  as  "my models"', "reward model", "my models"),
        ("learning as inference", "learning as inference", ""),
        ('ti:"seen as Y" AND cat:cs.LG', 'ti:"seen as Y" AND cat:cs.LG', ""),
        ("seen as RNN AND cat:cs.LG", "seen as RNN AND cat:cs.LG", ""),
        ("cat:cs.LG as", "cat:cs.LG as", ""),
    ],
)
def test_a_name_comes_after_as_and_looks_like_one(typed: str, keyword: str, name: str) -> None:
    assert keyword_and_name(typed) == (keyword, name)


async def test_a_name_behind_as_counts_in_discords_option_and_the_form_too(chat: Chat) -> None:
    reply = await chat.commands.add(HERE, ADA, "reasoning as Reasoning", "ti", ["cs.LG"])
    assert reply.text.startswith("This channel now follows Reasoning (ti:(reasoning) AND")
    reply = await chat.commands.add(HERE, ADA, "ti:soup as Stew", name="Soup")
    assert "follows Soup (ti:soup as Stew)" in reply.text, "one name is enough"


async def test_a_keyword_is_shown_and_found_under_its_name(chat: Chat) -> None:
    reply = await chat.say("add ti:reward as Rewards")
    assert reply.text.startswith("This channel now follows Rewards (ti:reward)")
    assert reply.announcement == "Ada added a keyword: Rewards (ti:reward)"
    listed = await chat.say("list")
    assert [row.text for row in listed.rows] == ["Rewards"]
    assert listed.rows[0].detail.startswith("ti:reward; added ")
    chat.source.announce(paper(1, "Reward models"))
    await chat.collect()
    assert "It matches Rewards (in the title)." in (await chat.say(f"why {paper(1).id}")).text
    assert "no longer follows Rewards (ti:reward)" in (await chat.say("remove rewards")).text


async def test_adding_again_renames_and_the_keyword_itself_takes_the_name_away(chat: Chat) -> None:
    await chat.say("add ti:reward as Rewards")
    reply = await chat.say("add ti:rewards as Prizes")
    assert reply.text.startswith("ti:reward is shown as Prizes from now on.")
    assert reply.announcement == "Ada renamed a keyword: Rewards is Prizes now"
    written = chat.written
    assert "Nothing had to be changed" in (await chat.say("add ti:reward as Prizes")).text
    assert "Nothing had to be changed" in (await chat.say("add ti:reward")).text
    assert (await chat.keywords(), chat.written) == (("Prizes (ti:reward)",), written)
    await chat.commands.add(HERE, ADA, "ti:reward", name="ti:reward")
    assert await chat.keywords() == ("ti:reward",)


async def test_a_name_that_is_too_long_or_another_keywords_is_refused_and_changes_nothing(
    chat: Chat,
) -> None:
    await chat.say("add ti:reward as Rewards")
    assert "Another keyword is shown as Rewards here: ti:reward" in await chat.refused(
        "add graph as REWARDS"
    )
    assert "is shown as Rewards here: ti:reward" in await chat.refused('add graph as "TI:reward"')
    refusal = await chat.refused("add rewards")
    assert "is shown as Rewards here: ti:reward" in refusal
    assert "give this one a name" in refusal
    assert "at most 60 characters, and this one has 61" in await chat.refused(
        f"add graph as {'N' * 61}"
    )
    with pytest.raises(UserError, match="at least one character"):
        await chat.commands.add(HERE, ADA, "graph", name="\u200b")
    assert await chat.keywords() == ("Rewards (ti:reward)",)
    await chat.say("add graph")
    assert "is shown as graph here." in await chat.refused("add ti:reward as Graph")
    assert "Nothing had to be changed" in (await chat.say("add graphs")).text


async def test_words_that_differ_in_an_operator_alone_are_two_keywords(chat: Chat) -> None:
    await chat.say("add deep AND graph")
    await chat.say("add deep and graph")
    assert "no longer follows deep and graph" in (await chat.say("remove deep and graph")).text
    assert await chat.keywords() == ("deep AND graph",)


async def test_a_keyword_without_recent_papers_is_not_called_broken(chat: Chat) -> None:
    text = (await chat.say("preview zebra")).text
    assert "No paper in the last 7 days." in text
    assert "arXiv has no paper that matches" in text
    chat.source.announce(paper(1, published=START - timedelta(days=40)))
    reply = await chat.say("preview reward model")
    assert "No paper in the last 7 days." in reply.text
    assert "submitted Wed 21 Jan" in reply.text
    assert len(reply.entries) == 1


async def test_a_preview_does_not_count_what_would_not_be_posted(chat: Chat) -> None:
    chat.source.matches = lambda keyword, paper: True
    chat.source.announce(paper(1), paper(2, "A model of rewards"))
    reply = await chat.say("preview reward model")
    assert [entry.paper.id for entry in reply.entries] == ["2603.00001"]


async def test_a_silent_arxiv_is_reported_as_such_and_never_as_no_papers(chat: Chat) -> None:
    chat.source.faults = [SourceDown("arXiv can't be reached: timed out.")] * 2
    answer = await chat.refused("preview reward model")
    assert "timed out" in answer
    assert "says nothing about the papers" in answer
    with pytest.raises(SourceDown):
        await chat.queries.preview("reward model")


async def test_an_answer_with_holes_is_previewed_with_a_warning(chat: Chat) -> None:
    chat.source.announce(paper(1))
    chat.source.faults = [
        lambda batch: Batch(batch.papers, False, (Note(NoteKind.SHORT, "some are missing"),))
    ]
    reply = await chat.say("preview reward model")
    assert "not complete, so there may be more" in reply.text
    assert data(reply)["at_least"] is True


async def test_a_preview_needs_a_day_at_least(chat: Chat) -> None:
    with pytest.raises(UserError, match="one day"):
        await chat.queries.preview("reward model", days=0)


# -- why ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2603.00070",
        "2603.00070v2",
        "arXiv:2603.00070",
        "https://arxiv.org/abs/2603.00070v1",
        "http://www.arxiv.org/pdf/2603.00070.pdf",
        "arxiv.org/html/2603.00070v1#S2",
        "<https://arxiv.org/abs/2603.00070?context=cs|2603.00070>",
        " “2603.00070”. ",
        "https://doi.org/10.48550/arXiv.2603.00070",
        "arXiv:2603.00070v2 [cs.LG]",
        "arXiv:2603.00070v2  [cond-mat.mtrl-sci]  1 Mar 2026",
    ],
)
async def test_a_paper_is_known_however_its_id_is_written(chat: Chat, written: str) -> None:
    await chat.settled()
    chat.source.announce(paper(70), at=START + timedelta(days=1))
    await chat.day()
    reply = await chat.say(f"why {written}")
    assert data(reply)["paper"] == "2603.00070"
    assert "Posted today 09:00" in reply.text


async def test_old_ids_are_ids_and_anything_else_is_answered_with_examples(chat: Chat) -> None:
    assert data(await chat.say("why hep-th/0408048v3"))["paper"] == "hep-th/0408048"
    for words in ("why foo", "why 2603", "why https://example.org/abs/2603.00070", "why 🤖"):
        assert "2603.01234" in await chat.refused(words)


async def why(chat: Chat, number: int = 70) -> str:
    return (await chat.say(f"why 2603.{number:05d}")).text


async def test_why_says_what_matched_when_it_waits_and_when_it_was_posted(chat: Chat) -> None:
    await chat.settled("reward model", "cat:cs.LG")
    chat.clock.advance(DAY // 2)
    chat.source.announce(paper(70))
    await chat.collect()
    assert "Due since today 21:00, to be posted tomorrow 09:00." in await why(chat)
    chat.clock.advance(DAY // 2)
    await chat.collect()
    await chat.publish()
    assert "About to be posted." in await why(chat)
    await chat.deliver()
    text = await why(chat)
    assert text.startswith("2603.00070: A study of reward models\nPosted today 09:00.")
    assert "cat:cs.LG (in the categories)" in text
    assert "reward model (in the title)" in text


async def test_why_tells_papers_that_were_there_before_from_first_ones(chat: Chat) -> None:
    chat.source.announce(*(paper(n) for n in range(1, 20)))
    await chat.settled()
    assert "Posted today" in await why(chat, 19)
    assert "on arXiv before this channel followed" in await why(chat, 5)


async def test_why_and_status_say_what_became_of_a_posted_paper_and_when_it_is_told(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.source.announce(paper(70))
    await chat.day()
    chat.clock.advance(DAY // 2)
    gone = paper(70, version=2, updated=chat.clock.now(), comment="Withdrawn by the authors")
    chat.source.announced = [(START, gone)]
    await chat.collect()
    assert "Withdrawn: to be told tomorrow 09:00." in await why(chat)
    status = await chat.say("status")
    assert "1 piece of news due" in status.text
    assert "1 piece of news about papers posted here to be told tomorrow 09:00." in status.text
    assert channels(status)[0]["news_due"] == 1
    chat.clock.advance(DAY // 2)
    await chat.run()
    status = await chat.say("status")
    assert "News of earlier papers posted today 09:00." in status.text
    assert channels(status)[0]["cause"] == "all_posted"
    assert "Posted yesterday 09:00. It matches reward model (in the title). Withdrawn: told" in (
        await why(chat)
    )
    [channel] = channels(await chat.say("why 2603.00070"))
    [news] = channel["news"]
    assert (news["kind"], news["version"], news["state"]) == ("withdrawn", 2, "posted")
    back = replace(gone, version=3, comment="", updated=chat.clock.now())
    chat.source.announced = [(START, back)]
    await chat.say("settings updates none")
    await chat.collect()
    assert "news due" not in (await chat.say("status")).text
    await chat.day()
    assert "No longer withdrawn (version 3): not told, as the setting updates says." in (
        await why(chat)
    )


async def test_why_names_the_closest_keyword_and_what_is_missing(chat: Chat) -> None:
    await chat.settled("reward model", "graph network ANDNOT survey")
    chat.source.matches = lambda keyword, paper: True
    chat.source.announce(
        paper(70, "A model of rewards"), paper(71, "A graph network survey"), paper(72, "Zebras")
    )
    await chat.day()
    assert "Closest is reward model: all words are there, but not next" in await why(chat, 70)
    assert "Closest is graph network ANDNOT survey: excluded by" in await why(chat, 71)
    assert "none of its 2 keywords matches" in await why(chat, 72)
    assert "Last run: today 09:00, complete." in await why(chat, 72)


async def test_why_of_a_paper_that_never_came_says_when_the_last_run_was(chat: Chat) -> None:
    assert "has not been queried yet" in await why(chat)
    await chat.settled("reward model")
    text = await why(chat)
    assert "either arXiv had not announced it yet" in text
    assert "does not match the keyword here" in text
    assert "Last run: today 09:00, complete." in text
    assert "back to Mon 16 Feb" in (await chat.say("why 2601.00070")).text


async def test_why_after_a_failed_look_names_the_last_complete_one(chat: Chat) -> None:
    await chat.settled()
    chat.source.faults = [SourceDown("arXiv can't be reached: timed out.")]
    await chat.day()
    text = await why(chat)
    assert "today 09:00, not complete; the last complete run was yesterday 09:00" in text


async def test_why_of_a_paper_whose_keyword_was_removed_before_its_time(chat: Chat) -> None:
    await chat.settled()
    chat.clock.advance(DAY // 2)
    chat.source.announce(paper(70))
    await chat.collect()
    await chat.say("remove reward model")
    chat.clock.advance(DAY // 2)
    await chat.publish()
    text = await why(chat)
    assert "the keyword that found it was removed before it was posted" in text


async def test_why_of_a_paper_that_catch_up_left_out(chat: Chat) -> None:
    await chat.settled()
    chat.backlog = 0
    chat.clock.advance(2 * DAY)
    chat.source.announce(paper(70))
    await chat.day()
    assert "catch_up posts only a part of what was missed" in await why(chat)


async def test_why_tells_held_dead_paused_and_failed_posts_apart(chat: Chat) -> None:
    await chat.settled()
    chat.source.announce(paper(70))
    chat.clock.advance(DAY)
    await chat.run(TryLater("the platform is overloaded", 900))
    assert "About to be posted (the platform is overloaded)." in await why(chat)
    await chat.say("pause")
    assert "waits, because posts are paused (by Ada)." in await why(chat)
    await chat.say("resume")
    chat.clock.advance(3600)
    await chat.deliver(OutcomeUnknown("no answer came"), can_tell=False)
    held = await chat.say("why 2603.00070")
    [case] = channels(held)
    assert case["post_state"] == "held"
    assert f"If it is missing: resend {case['post_key'][:8]}" in held.text
    await chat.say(f"resend {case['post_key'][:8]}")
    await chat.deliver(PostRefused("the message is malformed"))
    assert "the platform refuses the message (the message is malformed)" in await why(chat)


async def test_why_of_all_channels_answers_for_each(chat: Chat) -> None:
    await chat.settled("reward model")
    await chat.say("add graph network", THERE)
    await chat.collect()
    chat.source.announce(paper(70), at=START + timedelta(days=1))
    await chat.day()
    lines = (await chat.queries.why("2603.00070")).text.splitlines()
    assert lines[1].startswith(f"{HERE}: Posted today 09:00.")
    assert lines[2].startswith(f"{THERE}: Not posted: graph network does not match it")


async def test_a_paper_that_only_another_channel_brought_is_explained_for_a_new_keyword(
    chat: Chat,
) -> None:
    chat.source.announce(paper(70))
    await chat.settled("reward model")
    await chat.say("add study", THERE)
    text = (await chat.say("why 2603.00070", THERE)).text
    assert "The keyword is new: its first papers come with the next run." in text


# -- status ---------------------------------------------------------------------------------------


async def cause(chat: Chat) -> tuple[str, str]:
    reply = await chat.say("status")
    [channel] = channels(reply)
    assert f"  {channel['explanation']}" in reply.text.splitlines()
    return channel["cause"], channel["explanation"]


async def test_status_of_a_bot_that_was_never_started(chat: Chat) -> None:
    assert (await cause(chat))[0] == "no_keywords"
    await chat.say("add reward model")
    assert await cause(chat) == ("never_ran", "Nothing yet: arXiv has not been queried.")


async def test_status_says_what_arxiv_announced_and_how_it_was_queried(chat: Chat) -> None:
    await chat.settled()
    announcement_stats = AnnouncementStats("by keyword (the fewest requests)", 1296, missing=2)
    chat.source.faults.append(
        lambda batch: dataclasses.replace(batch, announcement_stats=announcement_stats)
    )
    chat.clock.advance(DAY)
    await chat.collect()
    reply = await chat.say("status")
    assert "Last run: today 09:00, complete. 1 request, 1,296 papers announced." in reply.text
    assert "  arXiv was queried by keyword (the fewest requests)." in reply.text
    run = data(reply)["last_run"]
    assert isinstance(run, dict)
    assert (run["announced"], run["missing"], run["plan"]) == (1296, 2, announcement_stats.plan)
    _, explanation = await cause(chat)
    assert "(today 09:00) of the 1,296 papers that arXiv announced." in explanation
    everywhere = (await chat.queries.status()).text
    assert "1,296 papers announced, 0 fetched, 0 matched, 0 to post in all channels." in everywhere


async def test_status_tells_nothing_new_from_all_posted_from_waiting(chat: Chat) -> None:
    await chat.settled()
    assert await cause(chat) == (
        "nothing_new",
        "Nothing new matched at the last run (today 09:00). Nothing has been posted here yet.",
    )
    chat.clock.advance(DAY // 2)
    chat.source.announce(paper(70), paper(71))
    await chat.collect()
    assert await cause(chat) == ("waiting", "2 papers to be posted tomorrow 09:00.")
    chat.clock.advance(DAY // 2)
    assert await cause(chat) == ("waiting", "2 papers to be posted at the next run.")
    await chat.collect()
    await chat.publish()
    assert (await cause(chat))[0] == "sending"
    await chat.deliver()
    kind, sentence = await cause(chat)
    assert kind == "all_posted"
    assert sentence == "2 papers posted today 09:00."


# Each case lives through something and names what is then said of this channel, word for word.


async def right_after_posting(chat: Chat) -> None:
    await chat.settled()
    chat.source.announce(paper(70), paper(71), paper(72))
    await chat.day()
    chat.clock.advance(300)


async def first_papers_of_a_new_keyword(chat: Chat) -> None:
    await chat.settled()
    chat.clock.advance(2 * 3600)
    chat.source.announce(paper(70, "On graph networks"), paper(71, "More graph networks"))
    await chat.say("add graph network")
    await chat.run()


async def two_digests_since_the_posting_time(chat: Chat) -> None:
    await right_after_posting(chat)
    chat.clock.advance(3600)
    chat.source.announce(paper(80, "On graph networks"))
    await chat.say("add graph network")
    await chat.run()


async def others_got_papers_and_this_one_never(chat: Chat) -> None:
    await chat.settled("quantum zebra")
    await chat.say("add reward model", THERE)
    await chat.collect()
    chat.source.announce(paper(70), paper(71), paper(72))
    await chat.day()
    assert len(chat.platform.papers(THERE)) == 3


async def others_got_papers_and_this_one_did_before(chat: Chat) -> None:
    await chat.settled("reward model")
    await chat.say("add graph network", THERE)
    chat.source.announce(paper(70), paper(71))
    await chat.day()
    chat.source.announce(paper(72, "On graph networks"))
    await chat.day()


async def a_repaired_channel_gets_what_had_waited(chat: Chat) -> None:
    await chat.settled()
    chat.source.announce(paper(70), paper(71), paper(72))
    chat.clock.advance(DAY)
    await chat.run(ChannelRefused("the token was revoked"))
    assert (await cause(chat))[0] == "refused"
    chat.clock.advance(2 * 3600)
    await chat.collect()
    await chat.deliver()


async def a_repaired_channel_gets_it_the_day_after(chat: Chat) -> None:
    await chat.settled()
    chat.source.announce(paper(70))
    chat.clock.advance(DAY)
    await chat.run(ChannelRefused("the token was revoked"))
    chat.clock.advance(DAY)
    await chat.run()


async def posted_and_then_paused_while_more_comes(chat: Chat) -> None:
    await right_after_posting(chat)
    await chat.say("pause")
    chat.source.announce(paper(80))
    await chat.collect()


async def paused_and_nothing_due(chat: Chat) -> None:
    await chat.settled()
    await chat.say("pause")


async def posted_and_then_arxiv_fell_silent(chat: Chat) -> None:
    await right_after_posting(chat)
    chat.source.faults = [SourceDown("arXiv can't be reached: timed out.")]
    chat.clock.advance(3600)
    await chat.collect()


async def a_part_of_it_has_arrived(chat: Chat) -> None:
    await chat.settled()
    chat.source.announce(*(paper(n) for n in range(70, 82)))
    chat.clock.advance(DAY)
    await chat.run(None, TryLater("the platform is overloaded", 900))


async def a_part_of_it_is_held(chat: Chat) -> None:
    await chat.settled()
    chat.source.announce(*(paper(n) for n in range(70, 82)))
    chat.clock.advance(DAY)
    await chat.run(None, OutcomeUnknown("no answer"), can_tell=False)


async def all_of_it_was_left_out(chat: Chat) -> None:
    await chat.settled()
    chat.backlog = 0
    chat.clock.advance(2 * DAY)
    chat.source.announce(paper(70), paper(71))
    await chat.day()


async def a_day_later_nothing_is_new(chat: Chat) -> None:
    await right_after_posting(chat)
    chat.clock.advance(-300)
    await chat.day()


@pytest.mark.parametrize(
    ("live", "kind", "said"),
    [
        (right_after_posting, "all_posted", "3 papers posted today 09:00."),
        (first_papers_of_a_new_keyword, "all_posted", "2 papers posted today 11:00."),
        (
            two_digests_since_the_posting_time,
            "all_posted",
            "4 papers posted, the last today 10:05.",
        ),
        (
            others_got_papers_and_this_one_never,
            "nothing_new",
            "Nothing new matched at the last run (today 09:00). Nothing has been posted here yet.",
        ),
        (
            others_got_papers_and_this_one_did_before,
            "nothing_new",
            "Nothing new matched at the last run (today 09:00)."
            " Last posted: 2 papers, yesterday 09:00.",
        ),
        (a_repaired_channel_gets_what_had_waited, "all_posted", "3 papers posted today 11:00."),
        (a_repaired_channel_gets_it_the_day_after, "all_posted", "1 paper posted today 09:00."),
        (
            posted_and_then_paused_while_more_comes,
            "paused",
            "3 papers posted today 09:00. Paused since today 09:05 (by Ada). 1 paper waits."
            " To resume: resume",
        ),
        (
            paused_and_nothing_due,
            "paused",
            "Paused since today 09:00 (by Ada). New papers are kept. To resume: resume",
        ),
        (
            posted_and_then_arxiv_fell_silent,
            "down",
            "3 papers posted today 09:00. It is not known what is new: arXiv did not answer"
            " (today 10:05). The next run requests everything again; nothing is lost.",
        ),
        (
            a_part_of_it_has_arrived,
            "sending",
            "10 papers posted today 09:00. 1 post with 2 papers could not be sent yet: the"
            " platform is overloaded. The bot tries again, not before today 09:15.",
        ),
        (
            a_part_of_it_is_held,
            "stuck",
            "10 papers posted today 09:00. 1 post with 2 papers can't be sent until somebody"
            " decides.",
        ),
        (
            all_of_it_was_left_out,
            "left_out",
            "2 papers left out today 09:00: the bot had been down, and the setting catch_up posts"
            " only a part of what was missed.",
        ),
        (
            a_day_later_nothing_is_new,
            "nothing_new",
            "Nothing new matched at the last run (today 09:00)."
            " Last posted: 3 papers, yesterday 09:00.",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_status_says_what_came_of_this_channel_and_of_no_other(
    chat: Chat, live: Callable[[Chat], Awaitable[None]], kind: str, said: str
) -> None:
    await live(chat)
    assert await cause(chat) == (kind, said)
    home = await chat.commands.home(ADA)
    [panel] = [panel for panel in home.panels if panel.channel_id == HERE]
    assert said in as_typed(panel.reply.text), "App Home says the same"


async def test_status_in_one_channel_counts_nothing_of_others(chat: Chat) -> None:
    await others_got_papers_and_this_one_never(chat)
    text = (await chat.say("status")).text
    assert "Last run: today 09:00, complete. 1 request." in text
    assert "matched," not in text
    everywhere = (await chat.queries.status()).text
    assert "1 request, 3 fetched, 3 matched, 3 to post in all channels." in everywhere


async def test_status_of_a_weekend_says_that_arxiv_announces_nothing(chat: Chat) -> None:
    await chat.settled()
    for _ in range(5):
        await chat.day()
    kind, sentence = await cause(chat)
    assert kind == "weekend"
    assert "arXiv announces nothing on weekends. Its next announcement is due" in sentence
    await chat.day()
    await chat.day()  # Monday morning in Europe: Sunday evening's announcement is in
    assert "weekends" not in (await cause(chat))[1]


async def test_status_of_a_silent_arxiv_never_says_nothing_new(chat: Chat) -> None:
    await chat.settled()
    chat.source.faults = [SourceDown("arXiv can't be reached: timed out.")]
    await chat.day()
    kind, sentence = await cause(chat)
    assert kind == "down"
    assert "It is not known what is new: arXiv did not answer (today 09:00)" in sentence
    text = (await chat.say("status")).text
    assert "Last run: today 09:00, not complete." in text
    assert "  arXiv did not answer: arXiv can't be reached: timed out." in text
    assert "Last complete run: yesterday 09:00." in text


async def test_status_of_a_stopped_bot_asks_whether_it_runs(chat: Chat) -> None:
    await chat.settled()
    chat.clock.advance(DAY + 60)
    assert await cause(chat) == ("overdue", "The run for today 09:00 is not finished yet.")
    chat.clock.advance(3 * 3600)
    kind, sentence = await cause(chat)
    assert kind == "overdue"
    assert sentence.endswith("today 09:00 was missed. Is the bot running?")


async def test_status_names_a_role_that_digests_can_not_mention_any_more(chat: Chat) -> None:
    await chat.settled()
    role = "1142000000000000999"
    await chat.store.change_settings(HERE, {"mention": role})
    chat.source.announce(paper(70))
    chat.clock.advance(DAY)
    assert "notify nobody" not in (await chat.say("status")).text
    chat.platform.mention_gone = role
    await chat.run()
    assert (
        f"Its digests notify nobody: {role} is not there any more, or may not be mentioned. Name"
        " another, or mention nobody: settings mention none"
    ) in (await chat.say("status")).text
    await chat.say("settings mention none")
    assert "notify nobody" not in (await chat.say("status")).text


async def test_status_calls_no_day_missed_that_was_not_due_before_the_days_were_changed(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.clock.advance(DAY + 3 * 3600)
    await chat.store.change_posting_days("mon,thu")
    chat.schedule["days"] = "mon-fri"  # changed in bot.toml, and no run has begun with it yet
    said = (
        "arXiv has not been queried since yesterday 09:00. The posting days were changed, and what"
        " is new is posted at the next run. Is the bot running?"
    )
    assert await cause(chat) == ("overdue", said)
    await chat.store.change_posting_days("mon-fri")
    assert await cause(chat) == ("overdue", said)
    chat.source.announce(paper(70))
    await chat.run()
    chat.clock.advance(DAY)
    assert (await cause(chat))[1].endswith("today 09:00 was missed. Is the bot running?")


async def test_status_of_a_paused_and_of_a_refusing_channel_says_since_when_and_what_to_do(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.source.announce(paper(70))
    chat.clock.advance(DAY)
    await chat.run(ChannelRefused("the bot may not post here; invite it"))
    kind, sentence = await cause(chat)
    assert kind == "refused"
    assert sentence == (
        "The channel refuses our posts since today 09:00: the bot may not post here; invite it."
        " 1 paper waits. Fix this, then run resume, or wait: the bot tries again today 10:00."
    )
    await chat.say("pause")
    assert await cause(chat) == (
        "paused",
        "Paused since today 09:00 (by Ada). 1 paper waits. To resume: resume",
    )


async def test_status_names_the_error_of_a_post_that_could_not_be_sent_and_when_it_is_retried(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.source.announce(paper(70))
    chat.clock.advance(DAY)
    await chat.run(TryLater("the platform is overloaded", 900))
    kind, sentence = await cause(chat)
    assert kind == "sending"
    assert "the platform is overloaded." in sentence
    assert "not before today 09:15" in sentence


async def test_status_shows_held_and_dead_posts_with_what_to_do_until_a_person_decides(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.source.announce(*(paper(n) for n in range(70, 82)))
    chat.clock.advance(DAY)
    await chat.collect()
    await chat.publish()  # two posts
    await chat.deliver(OutcomeUnknown("no answer"), PostRefused("too many blocks"), can_tell=False)
    reply = await chat.say("status")
    [channel] = channels(reply)
    assert (channel["cause"], channel["held"], channel["dead"]) == ("stuck", 1, 1)
    decide = "2 posts with 12 papers can't be sent until somebody decides."
    assert channel["explanation"] == decide
    assert "it can't be confirmed that a post with 10 papers arrived" in reply.text
    assert "a post with 2 papers (too many blocks)" in reply.text
    for post in channel["posts"]:
        assert f"resend {post['key'][:8]}" in reply.text
        await chat.say(f"resend {post['key'][:8].upper()}")
    await chat.deliver()
    assert (await cause(chat))[0] == "all_posted"


async def test_status_in_one_channel_tells_nothing_of_another(chat: Chat) -> None:
    await chat.say("add reward model")
    await chat.say("add secret project", THERE)
    assert "secret" not in json.dumps(data(await chat.say("status")))
    everywhere = await chat.queries.status()
    assert HERE in everywhere.text
    assert THERE in everywhere.text


async def test_a_new_keyword_without_an_answer_is_reported_to_its_followers_alone(
    chat: Chat,
) -> None:
    await chat.settled("reward model")
    chat.source.faults = [SourceDown("no answer")]
    await chat.say("add secret project", THERE)
    chat.source.faults = [None, SourceDown("it broke off")]
    await chat.collect()
    here, there = await chat.say("status"), await chat.say("status", THERE)
    assert (
        "secret project is new, and its first papers could not be fetched yet: arXiv did"
        in there.text
    )
    for unsaid in ("did not answer", "broke off", "not complete", "do not know"):
        assert unsaid not in here.text
    await chat.collect()
    assert "not there yet" not in (await chat.say("status", THERE)).text


async def test_a_keyword_that_arxiv_refuses_is_blamed_and_not_arxiv(chat: Chat) -> None:
    fault = KeywordRefused("arXiv does not understand the keyword 'graph': no such thing")
    chat.source.faults = [fault]
    assert await chat.refused("preview graph") == f"{fault}. Please try other words."
    chat.source.faults = [fault]
    reply = await chat.say("add graph")
    assert f"Careful: {fault}. It can't match anything." in reply.text


async def test_a_keyword_that_arxiv_does_not_understand_is_reported_to_its_followers_alone(
    chat: Chat,
) -> None:
    await chat.settled("reward model")
    await chat.say("add secret project", THERE)
    [subscription] = await chat.store.subscriptions(THERE)
    note = Note(NoteKind.REFUSED, "no such field: secret", subscription.keyword.canonical)
    chat.source.faults = [None, lambda batch: Batch((), False, (note,))]
    await chat.collect()
    assert "arXiv does not understand secret project" in (await chat.say("status", THERE)).text
    for words in ("status", "why 2603.00070"):
        reply = await chat.say(words)
        assert "secret" not in reply.text
        assert "secret" not in json.dumps(data(reply))


async def test_status_of_an_empty_database_says_how_to_begin(chat: Chat) -> None:
    assert "No channel follows anything yet" in (await chat.queries.status()).text


async def test_status_names_the_archived_channels_the_newest_first_and_until_when_they_are_kept(
    chat: Chat,
) -> None:
    gone = [f"slack:T0123456789/C012345{number:04}" for number in range(12)]
    for channel_id in (*gone, HERE):
        await chat.say("add reward model", channel_id)
    for channel_id in gone:
        group = ChannelGroup(ids=(channel_id,))
        await chat.commands.archive_channels(group, "The app was removed from the workspace")
        chat.clock.advance(60.0)
    reply = await chat.queries.status()
    assert gone[-1] in reply.text
    assert gone[1] not in reply.text
    assert "2 more channels archived like these." in reply.text
    assert "The app was removed from the workspace. Nothing is sent there." in reply.text
    assert "Its 1 keyword is kept until" in reply.text
    assert len(data(reply)["archived"]) == 12
    assert "archived" not in (await chat.say("status", HERE)).text, "theirs is nobody else's"
    assert await chat.commands.restore_channels(ChannelGroup(prefix="slack:T0123456789/")) == tuple(
        gone
    )
    assert (await chat.queries.status()).text.count("1 keyword") == 13


# -- how a channel is posted to -------------------------------------------------------------------


async def test_a_paused_channel_keeps_papers_and_resume_says_when_they_come(
    chat: Chat,
) -> None:
    await chat.settled()
    assert "Paused" in (await chat.say("pause")).text
    assert "paused already (by Ada)" in (await chat.say("pause")).text
    chat.source.announce(paper(70))
    await chat.day()
    assert chat.platform.papers(HERE) == []
    reply = await chat.say("resume")
    assert reply.text == "Posting again. The papers kept meanwhile are posted now."
    assert reply.announcement == "Ada resumed the posts in this channel."
    await chat.publish()
    await chat.deliver()
    assert chat.platform.papers(HERE) == ["2603.00070"]
    assert (await chat.say("resume")).text == "It was not paused."


async def test_a_channel_that_follows_nothing_can_not_be_paused(chat: Chat) -> None:
    assert "nothing to pause" in await chat.refused("pause")


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        ("settings post_at 9:30", Channel(HERE, post_at="09:30")),
        ("settings post-at = “07:05”", Channel(HERE, post_at="07:05")),
        ("settings DAYS Mon, Wed,fri", Channel(HERE, days="mon,wed,fri")),
        ("settings catch_up newest 20", Channel(HERE, catch_up="newest 20")),
        ("settings layout list", Channel(HERE, layout="list")),
    ],
)
async def test_a_setting_is_changed_shown_and_written(
    chat: Chat, words: str, stored: Channel
) -> None:
    await chat.say("add reward model")
    reply = await chat.say(words)
    assert reply.announcement
    assert chat.written == 2
    [view] = (await chat.store.state()).channels
    assert view.channel == stored


async def test_default_takes_a_channels_own_setting_away(chat: Chat) -> None:
    await chat.say("add reward model")
    await chat.say("settings post_at 10:00")
    assert "post_at = 10:00 (set here):" in (await chat.say("settings")).text
    reply = await chat.say("settings post_at default")
    assert reply.text.startswith("Changed: post_at is now 09:00 (the default)\n")
    assert reply.announcement == ("Ada changed post_at of this channel to 09:00 (the default).")
    [view] = (await chat.store.state()).channels
    assert view.channel == Channel(HERE)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("settings post_at 25:00", "08:00"),
        ("settings post_at", "For example: settings post_at 09:30"),
        ("settings postat 08:00", "Did you mean post_at?"),
        ("settings colour red", "Choose one of: post_at, days, catch_up, layout, editors"),
        ("settings days someday", "mon-fri"),
        ("settings catch_up newest", "newest 20"),
        ("settings layout huge", "list"),
    ],
)
async def test_a_wrong_setting_says_what_to_write_and_changes_nothing(
    chat: Chat, words: str, answer: str
) -> None:
    await chat.say("add reward model")
    assert answer in await chat.refused(words)
    assert chat.written == 1
    [view] = (await chat.store.state()).channels
    assert view.channel == Channel(HERE)


async def test_resend_wants_a_post_that_is_there_and_ours(chat: Chat) -> None:
    await chat.settled()
    assert "nothing to send again" in await chat.refused("resend 12345678")
    chat.source.announce(*(paper(n) for n in range(70, 82)))
    chat.clock.advance(DAY)
    await chat.run(PostRefused("too long"), PostRefused("too long"))
    keys = [p.key for v in (await chat.store.state()).channels for p in v.posts]
    answer = await chat.refused("resend zz")
    assert all(key[:8] in answer for key in keys)
    assert "nothing to send again" in await chat.refused(f"resend {keys[0]}", THERE)
    await chat.changes.resend(None, keys[0])
    assert (await chat.store.state()).channels[0].posts[0].state == "queued"


# -- everything -----------------------------------------------------------------------------------


async def test_every_answer_is_plain_text_and_its_data_is_json(chat: Chat) -> None:
    chat.source.announce(*(paper(n) for n in range(1, 9)))
    await chat.settled()
    for words in (
        "help", "add graph network", "list", "preview reward model", "status", "why 2603.00001",
        "why 2603.09999", "settings", "settings days daily", "pause", "resume",
        "remove graph network",
    ):  # fmt: skip
        reply = await chat.say(words)
        assert reply.text == reply.text.strip()
        assert not set(reply.text) & set("`*#\t\x1b")
        assert json.dumps(data(reply))


def test_the_first_day_of_these_tests_is_a_monday() -> None:
    assert datetime(2026, 3, 2, tzinfo=BERLIN).weekday() == START.weekday() == 0


async def test_a_weekly_channel_says_that_its_digest_stands_by_keyword(chat: Chat) -> None:
    answer = await chat.say("settings days Mondays")
    assert "Changed: days is now weekly (set here)" in answer.text
    assert "group = keyword (the default)" in answer.text
    answer = await chat.say("settings group none")
    assert "group = none (set here)" in answer.text


async def test_a_mention_is_refused_of_everybody_and_of_roles_one_may_not_mention(
    chat: Chat,
) -> None:
    ada = replace(ADA, mentionable=frozenset({"1142000000000000123"}))
    assert "everybody" in await chat.refused("settings mention @here")
    assert "be mentioned" in await chat.refused("settings mention 1142000000000000999", HERE, ada)
    await chat.say("settings mention 1142000000000000123", HERE, ada)
    [view] = (await chat.store.state(HERE)).channels
    assert view.channel.mention == "1142000000000000123"


async def test_changes_are_not_announced_where_the_channel_wants_that(chat: Chat) -> None:
    assert not (await chat.say("add reward model")).is_quiet
    await chat.say("settings announce_changes false")
    assert (await chat.say("add graph")).is_quiet


# -- mutes ----------------------------------------------------------------------------------------


async def test_what_a_mute_hid_is_never_posted_and_why_names_the_mute(chat: Chat) -> None:
    await chat.settled()
    answer = await chat.say("mute survey")
    assert "now mutes survey" in answer.text
    assert answer.announcement == "Ada muted survey in this channel"
    chat.source.announce(paper(21, "A reward model survey"), paper(22, "A reward model"))
    await chat.day()
    assert set(chat.platform.papers(HERE)) == {"2603.00022"}
    why = (await chat.say("why 2603.00021")).text
    assert "Not posted: muted today 09:00 by survey (in the title). It matches reward model" in why
    status = (await chat.say("status")).text
    assert "1 paper posted" in status
    assert "1 paper hidden by mutes, today 09:00." in status
    assert "Muted: survey.\n" in f"{status}\n", "the number is said once"
    listed = await chat.say("list")
    assert listed.text == "This channel follows 1 keyword and mutes 1:"
    _, muted = listed.rows
    assert (muted.text, muted.detail) == ("survey", "muted yesterday by Ada")
    assert [each.label for each in muted.offers] == ["Unmute"]
    await chat.say("unmute Surveys")
    await chat.day()
    assert set(chat.platform.papers(HERE)) == {"2603.00022"}
    assert "by a mute that has ended since" in (await chat.say("why 2603.00021")).text
    assert (await chat.say("list")).sections == ()


async def test_a_mute_that_ends_before_the_posting_time_hid_nothing(chat: Chat) -> None:
    await chat.settled()
    await chat.say("mute survey")
    chat.source.announce(paper(21, "A reward model survey"))
    chat.clock.advance(DAY - 3600)
    await chat.run()
    assert "not to be posted: it is muted by survey" in (await chat.say("why 2603.00021")).text
    await chat.say("unmute survey")
    chat.clock.advance(3600)
    await chat.run()
    assert set(chat.platform.papers(HERE)) == {"2603.00021"}


async def test_a_mute_that_hides_everything_says_so_when_it_is_set_and_in_status(
    chat: Chat,
) -> None:
    await chat.settled()
    chat.source.announce(paper(21, "A reward model"), paper(22, "Reward models"))
    await chat.day()
    answer = await chat.say("mute reward models")
    assert "hides everything that reward model finds" in answer.text
    assert "all of the 2 papers of the last 30 days" in answer.text
    assert (
        await chat.say("mute reward model")
    ).text == "This channel already mutes reward model. Nothing had to be changed."
    chat.source.announce(paper(23, "Another reward model"))
    await chat.day()
    status = (await chat.say("status")).text
    assert "1 paper hidden by mutes, all that there were, today 09:00." in status
    assert "reward model is followed and muted, so that nothing of it is posted." in status


async def test_status_says_what_the_mutes_hid_last_after_the_next_posting_time_too(
    chat: Chat,
) -> None:
    await chat.settled()
    await chat.say("mute survey")
    chat.source.announce(paper(21, "A reward model survey"))
    await chat.day()
    await chat.day()
    assert "Muted: survey; 1 paper hidden yesterday 09:00." in (await chat.say("status")).text


async def test_a_mute_that_hides_every_first_paper_says_so(chat: Chat) -> None:
    """In a channel that has got nothing else yet, or had something else posted that day."""
    chat.source.announce(paper(1, "A reward model"), paper(2, "A graph"))
    await chat.say("add reward model")
    await chat.run()
    assert set(chat.platform.papers(HERE)) == {"2603.00001"}
    answer = (await chat.say("mute cat:cs.*")).text
    assert "Careful: it would have hidden the only paper of the last 30 days." in answer
    chat.clock.advance(600)
    await chat.say("add graph")
    await chat.run()
    status = (await chat.say("status")).text
    assert "1 paper posted" in status
    assert "1 paper hidden by mutes, all that there were, " in status


async def test_a_mute_is_refused_like_a_keyword(chat: Chat) -> None:
    assert "For example: mute" in await chat.refused("mute")
    assert "mutes nothing" in await chat.refused("unmute survey")
    await chat.refused("mute ((")
    chat.limit_to(Limits(keywords_per_channel=1))
    await chat.say("mute survey")
    refused = await chat.refused("mute tutorial")
    assert refused.startswith("At most 1 mute can be set here, and there are 1 already.")
    again = (await chat.say("mute surveys")).text
    assert again == "This channel already mutes surveys. Nothing had to be changed."
    assert "Did you mean: survey" in await chat.refused("unmute surve")
    visitor = replace(ADA, manages=False)
    await chat.refused("mute dataset", HERE, visitor)


async def test_stats_count_what_came_by_keyword_and_category_and_not_first_papers(
    chat: Chat,
) -> None:
    chat.source.announce(paper(1, "An old reward model"))
    await chat.settled("reward model", "graph")
    await chat.say("mute survey")
    chat.source.announce(
        paper(21, "A reward model of a graph"),
        paper(22, "Reward models"),
        paper(23, "A survey of reward models"),
    )
    await chat.day()
    answer = await chat.say("stats")
    assert "This channel got 2 papers in the last 30 days" in answer.text
    assert "Mutes hid 1 more paper." in answer.text
    assert "of arXiv's announcement" in answer.text
    by_keyword, by_category = answer.sections
    assert by_keyword.text.splitlines() == [
        "████████████ reward model: 2, 2.0 a day",
        "██████ graph: 1, 1.0 a day",
    ]
    assert by_category.text.endswith("2, 100%")
    assert data(answer)["keywords"][1] == {"keyword": "graph", "papers": 1, "per_day": 1.0}


async def test_stats_of_a_channel_without_papers_say_so(chat: Chat) -> None:
    await chat.settled()
    answer = await chat.say("stats")
    assert "got 0 papers" in answer.text
    assert [each.heading for each in answer.sections] == ["Papers by keyword"]
    assert answer.sections[0].text == "· reward model: 0, 0.0 a day"
