"""The client of Zotero's Web API, against a small Zotero."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from bot.errors import LibraryRefused, SendError, ServiceBusy, TryLater
from bot.model import Paper
from bot.model.zotero import ZoteroItem, ZoteroLibrary, ZoteroResult, item_key
from bot.network import Network
from bot.zotero.client import ZoteroClient, ZoteroTimeouts
from tests.builders import paper
from tests.wire.serving import refusing
from tests.wire.zotero_server import KEY, USER, ZoteroKey, ZoteroServer

OWN = f"users/{USER}"
ITEMS = f"/{OWN}/items"
URL = "https://api.zotero.org"


@pytest.fixture
def server() -> Iterator[ZoteroServer]:
    with ZoteroServer() as server:
        yield server


@pytest.fixture
async def client(server: ZoteroServer) -> AsyncIterator[ZoteroClient]:
    client = ZoteroClient(server.url + "/", network=Network())
    yield client
    await client.aclose()


def items(*papers: Paper, library: str = OWN) -> list[ZoteroItem]:
    return [ZoteroItem(item_key(library, each.id), each) for each in papers]


# -- what a key may do ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (ZoteroKey(), [(OWN, "muster")]),
        (ZoteroKey(write=False), []),
        (ZoteroKey(read_only_groups=frozenset({9})), [(OWN, "muster")]),
        (ZoteroKey(groups=frozenset({9})), [(OWN, "muster"), ("groups/9", "Reading Group")]),
        (ZoteroKey(write=False, groups=frozenset({77})), [("groups/77", "group 77")]),
        (
            ZoteroKey(all_groups=True),
            [(OWN, "muster"), ("groups/8", "Archive"), ("groups/9", "Reading Group")],
        ),
    ],
)
async def test_a_key_says_which_libraries_it_may_write_to(
    server: ZoteroServer, client: ZoteroClient, key: ZoteroKey, found: list[tuple[str, str]]
) -> None:
    server.keys[KEY] = key
    server.group_names = {9: "Reading Group", 8: "Archive"}
    expected = [ZoteroLibrary(id_, name) for id_, name in found]
    assert await client.libraries(KEY) == expected


async def test_a_group_whose_name_is_not_told_is_known_by_its_number(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    server.keys[KEY] = ZoteroKey(write=False, groups=frozenset({9}))
    server.group_names = {9: "Reading Group"}
    server.fail("GET", f"/users/{USER}/groups", status=403)
    assert await client.libraries(KEY) == [ZoteroLibrary("groups/9", "group 9")]


async def test_a_key_that_zotero_does_not_know_is_refused_and_never_repeated(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    wrong = "A" * 24
    with pytest.raises(LibraryRefused) as caught:
        await client.libraries(wrong)
    assert wrong not in str(caught.value)
    assert all(wrong not in seen.path for seen in server.seen)


# -- adding ---------------------------------------------------------------------------------------


async def test_papers_become_items_once_however_often_they_are_sent(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    sent = items(paper(1, "One"), paper(2, "Two"))
    everything = frozenset(item.key for item in sent)
    for _ in range(3):
        assert await client.add(KEY, OWN, sent) == ZoteroResult(added=everything)
    assert server.titles() == ["One", "Two"]


async def test_a_late_retry_of_a_request_whose_answer_was_lost_doubles_nothing(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    sent = items(paper(1, "One"))
    server.fail("POST", ITEMS, how="after")
    with pytest.raises(ServiceBusy):
        await client.add(KEY, OWN, sent)
    server.library().items[sent[0].key]["deleted"] = 1  # the person put it into the trash
    assert (await client.add(KEY, OWN, sent)).added == {sent[0].key}
    assert server.titles() == ["One"]


async def test_an_item_of_somebody_else_is_told_from_ours_and_left_alone(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    one, two = items(paper(1, "One"), paper(2, "Two"))
    foreign = {"key": one.key, "version": 5, "title": "My diary", "itemType": "book"}
    server.library().items[one.key] = foreign
    result = await client.add(KEY, OWN, [one, two])
    assert (set(result.added), set(result.taken)) == ({two.key}, {one.key})
    assert server.library().items[one.key] == foreign


async def test_one_item_that_is_rejected_keeps_no_other_back(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    bad, good = items(paper(1, "refused by this test <b>"), paper(2, "Two"))
    result = await client.add(KEY, OWN, [bad, good])
    assert result.added == {good.key}
    assert result.rejected == {bad.key: "Title 'refused by this test' too long"}


async def test_an_item_that_zotero_can_take_later_is_no_rejected_one(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    [one] = items(paper(1))
    known = [(429, "slow down"), (503, "maintenance")]
    unknown = [(code, "") for code in (None, "413", True, [413], {"code": 413})]
    for code, why in (*known, *unknown):
        report = {"failed": {"0": {"code": code, "message": why}}, "success": {}}
        server.fail("POST", ITEMS, status=200, body=report)
        result = await client.add(KEY, OWN, [one])
        assert (result.added, result.rejected) == (frozenset(), {})
        assert result.later.keys() == {one.key}


@pytest.mark.parametrize(
    ("status", "headers", "raised", "seconds"),
    [
        (403, {}, LibraryRefused, None),
        (404, {}, LibraryRefused, None),
        (409, {"Retry-After": "7"}, TryLater, 7),
        (412, {}, TryLater, None),
        (428, {}, TryLater, None),
        (429, {"Retry-After": "30"}, TryLater, 30),
        (429, {"Retry-After": "30", "Backoff": "60"}, ServiceBusy, 60),
        (429, {"Retry-After": "Mon, 02 Mar 2026 08:00:00 GMT"}, TryLater, None),
        (500, {}, TryLater, None),
        (500, {"Backoff": "5"}, ServiceBusy, 5),
        (503, {"Retry-After": "120"}, ServiceBusy, 120),
        (503, {"Retry-After": "inf"}, ServiceBusy, None),
        (502, {}, ServiceBusy, None),
        (301, {"Location": "https://elsewhere.example/"}, TryLater, None),
        (200, {}, TryLater, None),  # what is no JSON
    ],
)
async def test_each_answer_says_what_to_do(
    server: ZoteroServer,
    client: ZoteroClient,
    status: int,
    headers: dict[str, str],
    raised: type[SendError],
    seconds: float | None,
) -> None:
    server.fail("POST", ITEMS, status=status, headers=headers, body=f"a page about {KEY}")
    with pytest.raises(SendError) as caught:
        await client.add(KEY, OWN, items(paper(1), paper(2)))
    assert type(caught.value) is raised
    assert getattr(caught.value, "seconds", None) == seconds
    assert KEY not in str(caught.value)


async def test_zotero_may_ask_for_a_pause_in_any_answer(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    server.backoff = 45
    result = await client.add(KEY, OWN, items(paper(1)))
    assert (len(result.added), result.wait) == (1, 45)


async def test_a_request_that_is_too_large_is_the_fault_of_its_one_item(
    server: ZoteroServer, client: ZoteroClient
) -> None:
    [one] = items(paper(1))
    server.fail("POST", ITEMS, status=413, body=json.dumps(f"too large, {KEY}"))
    result = await client.add(KEY, OWN, [one])
    assert result.rejected == {one.key: "too large, ***"}
    server.fail("POST", ITEMS, status=413)
    with pytest.raises(TryLater):
        await client.add(KEY, OWN, items(paper(1), paper(2)))


# -- answers that are none ------------------------------------------------------------------------


async def answered(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> None:
    """Add a paper, and ask for libraries, where that is what answers."""
    client = ZoteroClient(URL, network=Network(), transport=httpx.MockTransport(handler), **options)
    for asking in (client.add(KEY, OWN, items(paper(1))), client.libraries(KEY)):
        with pytest.raises(TryLater):
            await asking
    await client.aclose()


async def test_an_answer_of_any_size_or_shape_ends() -> None:
    await answered(lambda _: httpx.Response(200, text="x" * 2000), max_answer_bytes=1000)
    await answered(lambda _: httpx.Response(200, text="[" * 100_000))
    await answered(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, text="x"))

    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    await answered(broken)


@pytest.mark.parametrize("document", [[], {}, {"success": []}, {"failed": [], "success": {"9": 1}}])
async def test_what_an_answer_does_not_mention_is_sent_again(document: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=document))
    client = ZoteroClient(URL, network=Network(), transport=transport)
    result = await client.add(KEY, OWN, items(paper(1)))
    assert (len(result.later), result.added, result.rejected) == (1, frozenset(), {})
    await client.aclose()


async def test_a_server_that_never_answers_is_given_up(server: ZoteroServer) -> None:
    server.storing = 30.0
    server.rng.seed(3)
    impatient = ZoteroClient(
        server.url, network=Network(), timeouts=ZoteroTimeouts(read=0.05, total=0.1)
    )
    with pytest.raises(ServiceBusy, match="in time"):
        await impatient.libraries(KEY)
    await impatient.aclose()


async def test_the_small_zotero_notices_what_the_real_one_would_not_take() -> None:
    async with httpx.AsyncClient() as careless:
        for headers, body in (
            ({}, "[]"),
            ({"Zotero-API-Version": "3"}, '[{"key": "lowercas", "version": 0}]'),
            ({"Zotero-API-Version": "3"}, '[{"key": "ABCD2345", "itemType": "preprint"}]'),
            ({"Zotero-API-Version": "3"}, '[{"key": "ABCD2345", "version": 0, "x": 1}]'),
        ):
            with refusing(ZoteroServer()) as server:
                await careless.post(
                    server.url + ITEMS,
                    content=body,
                    headers={"Zotero-API-Key": KEY, "Content-Type": "application/json"} | headers,
                )
