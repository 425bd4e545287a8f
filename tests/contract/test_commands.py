"""What everything that answers people keeps to, whatever they say and whatever fails behind it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import ports
from bot.errors import NotAllowed, UserError
from bot.model import ChannelGroup, Person, Reply
from bot.ports import Commands
from tests.adapters.backend import Backend

HERE = "discord:1142000000000000000"
ADA = Person("Ada", "discord:7")
VISITOR = Person("Vic", "discord:8", manages=False, governs=False)
Call = Callable[[Commands, Person, str], Awaitable[object]]

# Every command with a text that somebody may put where one is wanted.
CHANGING: dict[str, Call] = {
    "add": lambda commands, person, text: commands.add(HERE, person, text),
    "remove": lambda commands, person, text: commands.remove(HERE, person, [text]),
    "mute": lambda commands, person, text: commands.mute(HERE, person, text),
    "unmute": lambda commands, person, text: commands.unmute(HERE, person, text),
    "pause": lambda commands, person, text: commands.pause(HERE, person),
    "resume": lambda commands, person, text: commands.resume(HERE, person),
    "resend": lambda commands, person, text: commands.resend(HERE, person, text),
    "connect_zotero": lambda commands, person, text: commands.connect_zotero(
        HERE, person, text, text, for_channel=True
    ),
    "disconnect_zotero": lambda commands, person, text: commands.disconnect_zotero(
        HERE, person, for_channel=True
    ),
    "change_settings": lambda commands, person, text: commands.change_settings(
        HERE, person, {"time": text}
    ),
}
# Whatever everybody may do who is in the channel.
OPEN: dict[str, Call] = {
    "list_": lambda commands, person, text: commands.list_(HERE, person, page=-3),
    "preview": lambda commands, person, text: commands.preview(HERE, person, text),
    "why": lambda commands, person, text: commands.why(HERE, person, text),
    "status": lambda commands, person, text: commands.status(HERE, person),
    "stats": lambda commands, person, text: commands.stats(HERE, person),
    "settings": lambda commands, person, text: commands.settings(HERE, person),
    "help": lambda commands, person, text: commands.help(HERE, person),
    "discuss": lambda commands, person, text: commands.discuss(HERE, person, text),
    "typed": lambda commands, person, text: commands.typed(HERE, person, text),
    "settings_in_force": lambda commands, person, text: commands.settings_in_force(HERE, person),
    "home": lambda commands, person, text: commands.home(person, [text], page=-3),
    "invited": lambda commands, person, text: commands.invited(HERE),
    "matching": lambda commands, person, text: commands.matching(HERE, person, text),
    "muted": lambda commands, person, text: commands.muted(HERE, person),
    "keywords": lambda commands, person, text: commands.keywords(HERE, person),
    "abstract": lambda commands, person, text: commands.abstract(text),
    "save": lambda commands, person, text: commands.save(HERE, person, text),
    "save_all": lambda commands, person, text: commands.save_all(HERE, person, [text]),
    "saved": lambda commands, person, text: commands.saved(HERE, person, words=[text], page=-3),
    "cite": lambda commands, person, text: commands.cite(HERE, person, text),
    "export": lambda commands, person, text: commands.export(HERE, person, kind=text),
    "forget_me": lambda commands, person, text: commands.forget_me(person, sure=bool(text)),
    "zotero": lambda commands, person, text: commands.zotero(HERE, person),
    "claim_request": lambda commands, person, text: commands.claim_request([text]),
    "archive_channels": lambda commands, person, text: commands.archive_channels(
        ChannelGroup(ids=(text,)), text
    ),
    "restore_channels": lambda commands, person, text: commands.restore_channels(
        ChannelGroup(ids=(text,))
    ),
}
ALL = CHANGING | OPEN
TEXTS = (
    "reward model", "", " ", "((", "2603.00001", "07:30", "x" * 5000, "\x00\ud800 %s :name ?", "🙂",
)  # fmt: skip


@dataclass
class Answering:
    """One implementation, and how to take its database away."""

    commands: Commands
    break_database: Callable[[], None]


@pytest.fixture(params=[Backend], ids=["chat"])
async def answering(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Answering]:
    backend = request.param(tmp_path)
    yield Answering(backend.commands, backend.store.close)
    backend.store.close()


def test_no_command_is_missing_here() -> None:
    promised = {name for name, value in vars(Commands).items() if inspect.isfunction(value)}
    promised = {name for name in promised if not name.startswith("_")}
    assert promised == {*ALL, "opens_form", "opens_thread", "opens_key_form"}
    assert Commands is ports.Commands


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_whatever_people_write_is_answered_or_refused_with_a_text(
    answering: Answering, text: str
) -> None:
    for name, call in ALL.items():
        answer = await said(call, answering.commands, ADA, text)
        assert answer not in ("", None), name
    assert answering.commands.opens_form(text) in (True, False)
    assert answering.commands.opens_thread(text) in (True, False)
    assert answering.commands.opens_key_form(text) == ""


async def said(call: Call, commands: Commands, person: Person, text: str) -> object:
    """What a person reads, be it an answer or a refusal; any other error is raised."""
    try:
        answer = await call(commands, person, text)
    except UserError as error:
        return str(error).strip()
    if isinstance(answer, Reply):
        return answer.text or answer.sections or answer.rows or ""
    return answer


async def test_a_database_that_fails_is_an_answer_for_the_person_and_no_other_error(
    answering: Answering,
) -> None:
    answering.break_database()
    for name, call in ALL.items():
        assert await said(call, answering.commands, ADA, "reward model") not in ("", None), name


async def test_who_does_not_manage_a_channel_changes_nothing_there(answering: Answering) -> None:
    await answering.commands.add(HERE, ADA, "graph network")
    before = await answering.commands.keywords(HERE, ADA)
    for call in CHANGING.values():
        with pytest.raises(NotAllowed, match=r"\w"):
            await call(answering.commands, VISITOR, "graph network")
    assert await answering.commands.keywords(HERE, ADA) == before


async def test_a_keyword_is_named_by_its_handle_wherever_one_is_wanted(
    answering: Answering,
) -> None:
    await answering.commands.add(HERE, ADA, "graph network")
    [choice] = await answering.commands.keywords(HERE, ADA)
    assert choice.label == "graph network"
    await answering.commands.remove(HERE, ADA, [choice.value])
    assert await answering.commands.keywords(HERE, ADA) == ()


async def test_a_request_is_claimed_once(answering: Answering) -> None:
    assert await answering.commands.claim_request(["a", "b"])
    assert not await answering.commands.claim_request(["c", "b"])
