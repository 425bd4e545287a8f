"""PostgreSQL refuses clearly too, and what it refuses has not happened."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import pytest

from bot.arxiv.rate_limit import RateLimiter
from bot.core.collect import collect as record_run
from bot.core.digest import Rules
from bot.core.publish import publish, republish
from bot.errors import (
    LeaseLost,
    SchemaTooNew,
    SourceNotAsked,
    SourceThrottled,
    StoreBroken,
    StoreBusy,
    StoreError,
    StoreUnavailable,
    UserError,
)
from bot.keywords import parse
from bot.model import (
    ChannelAgenda,
    ChannelGroup,
    Draft,
    Hit,
    Person,
    Publication,
    Receipt,
    Recorded,
    Run,
)
from bot.model.timetable import Timetable
from bot.ports import Store
from bot.store import back_up, open_copy, open_store, restore
from bot.store.engines import postgres_schema
from bot.store.engines.base import Connection
from bot.store.engines.postgres import READERS, PostgresEngine, as_postgres, connect
from bot.store.engines.postgres_errors import translation
from bot.store.migrations import APPLICATION_ID, MIGRATIONS, for_postgres, for_sqlite
from bot.store.statements import collect, subscriptions
from bot.store.store import SqlStore
from tests.builders import paper
from tests.fakes import START, FakeClock, FakeSource, PlainComposer
from tests.store import postgres
from tests.store.database import change, follow_all, opened, opened_on_postgres, queue, select, wait
from tests.store.tls_front import WithTls, tls_front

REWARD, GRAPH = parse("reward model"), parse("graph network")
ADA = Person("Ada", "fake:1")
RULES = Rules(Timetable(ZoneInfo("UTC"), time(8), frozenset(range(7))), None)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PASSWORD = "p@ss:w/o%rd"  # what a URL has to escape
ESCAPED = "p%40ss%3Aw%2Fo%25rd"


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def empty() -> Iterator[str]:
    with postgres.database(empty=True) as made:
        yield made


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        for statement in statements:
            db.execute(statement.encode())


def why(url: str, kind: type[StoreError] = StoreBroken, **how: Any) -> str:
    """Why the database can't be used, in a sentence that shows nothing of the URL but the host."""
    with pytest.raises(kind) as told:
        PostgresEngine(url, **how)
    for secret in (urlsplit(url).username, urlsplit(url).password, PASSWORD):
        assert not secret or secret not in str(told.value)
    return str(told.value)


def at(url: str, **changes: str) -> str:
    """The same server, reached otherwise."""
    parts = urlsplit(url)
    values = {"user": parts.username or "", "password": "", "host": "127.0.0.1", "database": ""}
    values |= {"port": str(parts.port), "database": parts.path.lstrip("/"), "query": ""} | changes
    password = f":{values['password']}" if values["password"] else ""
    return (
        f"postgresql://{values['user']}{password}@{values['host']}:{values['port']}"
        f"/{values['database']}{values['query']}"
    )


# -- which databases are refused ------------------------------------------------------------------


@pytest.mark.parametrize("version", [90_624, 140_019, 149_999])
def test_a_server_that_is_too_old_is_refused(version: int) -> None:
    with pytest.raises(StoreBroken, match=rf"PostgreSQL {version // 10_000}; the bot needs 15"):
        postgres_schema.refuse_old(version)
    postgres_schema.refuse_old(150_000)


def test_an_invalid_url_is_reported_without_quoting_it() -> None:
    with pytest.raises(StoreBroken, match="%40") as told:
        PostgresEngine(f"postgresql://bot:{PASSWORD}@[db/papers?sslmode")
    assert PASSWORD not in "".join(traceback.format_exception(told.value))


def test_a_server_that_is_not_there_is_waited_for(url: str) -> None:
    told = why(at(url, port="1"), StoreUnavailable)
    assert "127.0.0.1:1 does not answer (Connection refused)" in told
    assert "Start it, or correct its address in DATABASE_URL." in told
    assert "resolve" in why("postgresql://bot@nowhere.invalid/x", StoreUnavailable)


def test_a_missing_database_is_reported(url: str) -> None:
    assert "there is no database of the name" in why(at(url, database="other"))


def test_a_wrong_password_is_reported_and_an_escaped_one_understood() -> None:
    server = postgres.Server()
    try:
        run(server.url(), f"create role bot login superuser password '{PASSWORD}'")
        server.require_passwords()
        PostgresEngine(at(server.url(), user="bot", password=ESCAPED, database="postgres")).close()
        wrong = at(server.url(), user="bot", password="wrong", database="postgres")
        assert "refuses the user or the password" in why(wrong)
        assert "refuses the user or the password" in why(at(wrong, password=""))
    finally:
        server.close()


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=requir",
        "sslmode=prefer&sslrootcert=system",
        "connect_timeout=soon",
        "keepalives=often",
        "options=-cno_such_setting%3D1",
        "options=-cstatement_timeout%3Dsoon",
    ],
)
def test_a_parameter_that_is_not_accepted_is_no_server_that_does_not_answer(
    url: str, query: str
) -> None:
    said = why(at(url, query=f"?{query}"))
    assert "a parameter in DATABASE_URL (what follows the question mark)" in said
    assert "soon" not in said


@pytest.mark.parametrize("port", ["99999", "0", "abc"])
def test_a_port_that_there_can_not_be_is_not_waited_for(url: str, port: str) -> None:
    assert "the port in DATABASE_URL is not a number from 1 to 65535" in why(at(url, port=port))


def test_a_parameter_that_nobody_knows_is_pointed_at(url: str) -> None:
    with pytest.raises(StoreBroken, match="question mark") as told:
        PostgresEngine(at(url, query="?nonsense=soon"))
    assert "nonsense" not in str(told.value)


def test_a_user_that_does_not_exist_is_no_missing_database(url: str) -> None:
    assert "refuses the user or the password" in why(at(url, user="nobody_of_that_name"))


# -- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithTls]:
    with WithTls(tmp_path_factory.mktemp("tls")).serving() as made:
        yield made


def test_a_server_without_tls_says_so_where_it_is_demanded(url: str) -> None:
    said = why(at(url, query="?sslmode=require"))
    assert "does not speak TLS, which DATABASE_URL demands" in said


def test_a_server_that_demands_tls_says_how_to_get_it(tls: WithTls) -> None:
    said = why(tls.url("sslmode=disable"))
    assert "only with TLS. Add ?sslmode=require to DATABASE_URL" in said


@pytest.mark.parametrize("query", ["sslmode=require", "sslmode=verify-full&sslrootcert={right}"])
def test_every_connection_is_encrypted_where_the_server_has_tls(tls: WithTls, query: str) -> None:
    before = tls.front.encrypted
    with closing(opened_on_postgres(tls.url(query))) as store:
        wait(store.follow("fake:a", REWARD, ADA, START))
        assert [each.keyword for each in wait(store.subscriptions())] == [REWARD]
        for ask in (store.engine.read, store.engine.read_all, store.engine.write_lease):
            assert wait(ask(lambda db: db.execute("select 1").fetchone())) == (1,)
    assert tls.front.encrypted >= before + 5
    assert tls.front.encrypted <= tls.front.asked


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=verify-full&sslrootcert={wrong}", "its certificate is not to be trusted"),
        ("sslmode=verify-ca&sslrootcert={wrong}", "its certificate is not to be trusted"),
        ("sslmode=verify-full", "the authorities that may have signed its certificate can't be"),
        ("sslmode=verify-full&sslrootcert=/no/file", "Add &sslrootcert=/path/to/root.crt"),
        ("sslmode=require&sslcert={right}&sslkey=/no/file", "or a file that one names"),
        ("sslmode=require&channel_binding=require", "a parameter in DATABASE_URL"),
    ],
)
def test_a_server_that_can_not_be_trusted_is_not_used_and_not_waited_for(
    tls: WithTls, query: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where libpq looks for files that are not named
    assert said in why(tls.url(query))


def test_a_certificate_for_another_host_name_is_refused(tls: WithTls) -> None:
    query = "sslmode=verify-full&sslrootcert={right}"
    assert "its certificate is for another host name" in why(tls.url(query, host="127.0.0.1"))
    PostgresEngine(tls.url(query.replace("full", "ca"), host="127.0.0.1")).close()


def test_of_several_hosts_one_with_a_wrong_certificate_is_named_though_another_is_away(
    tls: WithTls,
) -> None:
    """The names of one machine may have several addresses, of which the server has one."""
    hosts = f"127.0.0.1:1,127.0.0.1:{tls.front.port}"
    said = why(tls.url("sslmode=verify-full&sslrootcert={right}", host=hosts, port=""))
    assert "its certificate is for another host name" in said


def test_a_certificate_that_has_expired_is_refused(tls: WithTls) -> None:
    expired = tls.right.context("localhost", lasts=-DAY)
    with tls_front(tls.server.port, expired) as front:
        said = why(tls.url("sslmode=verify-full&sslrootcert={right}", port=str(front.port)))
    assert "it has expired" in said


# -- which databases are refused, once there is a connection --------------------------------------


def test_a_user_without_rights_is_told_what_is_missing(empty: str) -> None:
    run(empty, "drop role if exists guest", "create role guest login")
    assert "may not do this" in why(at(empty, user="guest"))
    run(empty, "grant create on schema public to guest")
    PostgresEngine(at(empty, user="guest")).close()
    run(empty, "drop owned by guest", "drop role guest")


def test_a_database_of_something_else_stays_as_it_is(empty: str) -> None:
    run(empty, "create table customers (id integer)")
    assert "not those of Daily Papers" in why(empty)
    with psycopg.connect(empty) as db:
        tables = db.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace"
        )
        assert tables.fetchall() == [("customers",)]


def test_a_schema_of_its_own_beside_something_else_will_do(empty: str) -> None:
    run(empty, "create table customers (id integer)", "create schema papers")
    PostgresEngine(at(empty, query="?options=-csearch_path%3Dpapers")).close()
    assert "no schema" in why(at(empty, query="?options=-csearch_path%3Dnowhere"))


def test_an_encoding_that_can_not_hold_every_text_is_refused(empty: str) -> None:
    name = "latin_" + urlsplit(empty).path.lstrip("/")
    run(empty, f"create database {name} encoding 'LATIN1' template template0")
    try:
        assert "encoded in LATIN1" in why(at(empty, database=name))
    finally:
        run(empty, f"drop database {name} with (force)")


def test_a_newer_schema_stays_as_it_is_and_stops_a_bot_that_runs(url: str) -> None:
    store = opened_on_postgres(url)
    run(url, "update daily_papers_schema set version = version + 1")
    with pytest.raises(SchemaTooNew, match="Install the newer version"):
        PostgresEngine(url)
    run(
        url,
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        " and datname = current_database()",
    )
    with pytest.raises(SchemaTooNew):
        wait(store.subscriptions())
    assert "Install the newer version" in store.problem()
    store.close()


def test_a_database_that_takes_no_changes_is_waited_for(url: str) -> None:
    name = urlsplit(url).path.lstrip("/")
    run(url, f"alter database {name} set default_transaction_read_only = on")
    said = why(url, StoreUnavailable)
    assert "it is read-only now" in said
    assert "default_transaction_read_only" in said


def test_defaults_of_the_database_change_nothing(url: str) -> None:
    """Time zone, isolation, date style: the statements say what they need."""
    name = urlsplit(url).path.lstrip("/")
    for setting in (
        "timezone = 'Asia/Kathmandu'",
        "default_transaction_isolation = 'serializable'",
        "datestyle = 'German'",
        "lock_timeout = 1",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "statement_timeout = 100",  # the last one: it holds for what sets the others, too
    ):
        run(url, f"alter database {name} set {setting}")
    with closing(opened_on_postgres(url)) as store:
        assert wait(store.follow("fake:a", REWARD, ADA, START))
        [subscription] = wait(store.subscriptions())
        assert (subscription.added_at, subscription.added_by) == (START, ADA)
        limits = "select current_setting('statement_timeout'), current_setting('lock_timeout')"
        for ask in (store.engine.read, store.engine.read_all, store.engine.write):
            assert wait(ask(lambda db: db.execute(limits).fetchone())) == ("2min", "10s")


class MadeUp(psycopg.ConnectionInfo):
    """PgBouncer states a process id of its own (pgbouncer.org/features.html)."""

    @property
    def backend_pid(self) -> int:
        return 1


class Pooled(psycopg.Connection[Any]):
    """Through a pooler."""

    @property
    def info(self) -> psycopg.ConnectionInfo:
        return MadeUp(self.pgconn)


def pooled(url: str, **defaults: Any) -> psycopg.Connection[Any]:
    return Pooled.connect(url, autocommit=True, **defaults)


def test_a_pooler_that_shares_connections_among_transactions_is_refused(url: str) -> None:
    shared = pooled(url)
    assert "pool_mode = session" in why(url, connect=lambda *_, **__: shared)
    shared.close()


def test_a_pooler_that_keeps_a_connection_for_each_session_will_do(url: str) -> None:
    with closing(opened_on_postgres(url, connect=pooled)) as store:
        assert wait(store.follow("fake:a", REWARD, ADA, START))


# -- while it runs --------------------------------------------------------------------------------


def test_a_server_whose_clock_was_ahead_keeps_no_role_from_everybody(url: str) -> None:
    dead, other = opened_on_postgres(url), opened_on_postgres(url)
    assert wait(dead.acquire_lease("collector", 60)) == 1
    change(dead, "update leases set until = until + 86400")  # set back by a day since
    assert wait(other.acquire_lease("collector", 60)) is None, "the holder may be alive"
    change(dead, "update leases set until = until - 61")  # a lease later
    assert wait(other.acquire_lease("collector", 60)) == 2
    dead.close()
    other.close()


def test_a_role_belongs_to_one_process_until_its_lease_ends(url: str) -> None:
    one, other = opened_on_postgres(url), opened_on_postgres(url)
    assert wait(one.acquire_lease("collector", 60)) == 1
    assert wait(other.acquire_lease("collector", 60)) is None
    assert wait(other.acquire_lease("deliver fake", 60)) == 1
    assert wait(one.acquire_lease("collector", 60)) == 1, "its own is renewed"
    change(one, "update leases set until = until - 61 where role = 'collector'")
    assert wait(other.acquire_lease("collector", 60)) == 2
    assert wait(one.acquire_lease("collector", 60)) is None
    wait(one.release_lease("collector"))
    assert wait(one.acquire_lease("collector", 60)) is None, "it released nothing of another's"
    wait(other.release_lease("collector"))
    assert wait(one.acquire_lease("collector", 60)) == 3
    one.close()
    other.close()


DISCORD = "discord:bot"


def test_processes_share_the_shards_of_a_platform_and_take_over_those_of_a_dead_one(
    url: str,
) -> None:
    one, two, three = (opened_on_postgres(url) for _ in range(3))

    def share(store: Store, count: int = 4) -> tuple[int, list[int], list[int]]:
        found = wait(store.share_shards(DISCORD, count, 60))
        return found.total, sorted(found.held), sorted(found.surplus)

    assert share(one) == (4, [0, 1, 2, 3], [])
    assert share(two) == (4, [], []), "nothing is free yet"
    assert share(one) == (4, [0, 1, 2, 3], [2, 3])
    wait(one.release_shards(DISCORD, [2, 3]))
    assert share(two, 7) == (4, [2, 3], []), "two numbers of shards would answer twice"
    assert share(one) == (4, [0, 1], [])
    dead = "(select holder from shard_leases where shard = 0)"
    change(one, f"update shard_members set until = 0 where holder in {dead}")  # noqa: S608
    change(one, "update shard_leases set until = 0 where shard < 2")
    assert share(two) == (4, [0, 1, 2, 3], []), "the other one died"
    assert share(one, 7)[1] == []
    wait(two.release_shards(DISCORD))
    assert share(one, 7) == (7, [0, 1, 2, 3, 4, 5, 6], [])
    assert share(three, 7)[1] == []
    assert wait(one.share_shards("discord:other", 2, 60)).held == {0, 1}, "each token by itself"
    for store in (one, two, three):
        store.close()


def test_what_a_process_records_that_lost_its_role_is_refused(url: str) -> None:
    one, other = opened_on_postgres(url), opened_on_postgres(url)
    wait(one.follow("fake:a", REWARD, ADA, START))
    asyncio.run(queue(one, "fake:a", [("k1", Draft("one", ()))], START))
    for role in ("collector", "deliver fake"):
        wait(one.acquire_lease(role, 0))
        wait(other.acquire_lease(role, 60))
    run = Run(START, START, START, False, True)
    with pytest.raises(LeaseLost):
        wait(one.record(run, first_post=0))
    with pytest.raises(LeaseLost):
        wait(one.claim("fake", START, START))
    assert wait(other.record(run, first_post=0)) == Recorded(0, 0, 0)
    assert wait(other.claim("fake", START, START)) is not None
    one.close()
    other.close()


def test_of_a_post_that_another_process_has_taken_over_only_its_arrival_is_recorded(
    url: str,
) -> None:
    one, other = opened_on_postgres(url), opened_on_postgres(url)
    asyncio.run(queue(one, "fake:a", [("k1", Draft("one", ()))], START))
    assert wait(one.claim("fake", START, START + HOUR)) is not None
    wait(other.release(START, 0.0, "fake"))
    assert wait(other.claim("fake", START, START + HOUR)) is not None
    for late in (
        one.requeue("k1", START, 0.0, "late"),
        one.mark_unknown("k1", START, 0.0, "late"),
        one.hold_for_review("k1", START, "late"),
        one.dead_letter("k1", START, "late"),
    ):
        wait(late)
        assert select(one, "select state from outbox") == [("sending",)]
    wait(one.mark_sent("k1", Receipt("m1", "url"), START))
    assert select(one, "select state, message_id from outbox") == [("sent", "m1")]
    one.close()
    other.close()


def test_two_processes_never_claim_the_same_post(url: str) -> None:
    """While one of them decides, the other takes the next channel's."""
    one, other = opened_on_postgres(url), opened_on_postgres(url)
    for name in "abc":
        asyncio.run(queue(one, f"fake:{name}", [(f"k{name}", Draft("x", ()))], START))
    with psycopg.connect(url) as third:
        third.execute("select 1 from outbox where key = 'ka' for update")
        found = [wait(each.claim("fake", START, START + HOUR)) for each in (one, other, one)]
    assert [post and post.key for post in found] == ["kb", "kc", None]
    one.close()
    other.close()


class ChannelLocking(psycopg.Connection[Any]):
    """Locks another row than the one that a claim decides about: the control."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        if isinstance(query, bytes):
            query = query.replace(b"for update of o skip locked", b"for update of c")
        return super().execute(query, params, **more)


def locking_channels(url: str, **defaults: Any) -> psycopg.Connection[Any]:
    return ChannelLocking.connect(url, autocommit=True, **defaults)


@pytest.mark.parametrize(("connect", "right"), [(connect, True), (locking_channels, False)])
async def test_processes_that_claim_at_once_get_each_post_once(
    url: str, connect: Any, right: bool
) -> None:
    """The control locks the channel's row: PostgreSQL does not look again at the post that another
    one has claimed while this one waited for that."""
    stores = [opened_on_postgres(url, connect=connect) for _ in range(4)]
    for n in range(12):
        await queue(stores[0], f"fake:{n:02}", [(f"k{n:02}", Draft("x", ()))], START)
    claimed: list[str] = []

    async def work(store: Store) -> None:
        while (post := await store.claim("fake", START, START + HOUR)) is not None:
            claimed.append(post.key)

    await asyncio.gather(*map(work, stores))
    assert len(set(claimed)) == 12
    assert (len(claimed) == 12) is right, claimed
    for store in stores:
        store.close()


async def test_a_channel_that_another_process_writes_to_is_left_for_the_next_look(
    url: str,
) -> None:
    """Nobody waits for its row, so no two publishers can wait for each other."""
    one = opened_on_postgres(url)
    for channel in ("fake:a", "fake:b"):
        await one.follow(channel, REWARD, ADA, START)
    await one.record(Run(START, START, START, False, True), first_post=0)
    assert sorted(await one.unchecked(["fake"])) == ["fake:a", "fake:b"]

    def plan(agenda: ChannelAgenda) -> Publication:
        key = f"key {agenda.channel.id}"
        return Publication(((key, Draft("one", ())),))

    plans = [("fake:a", plan), ("fake:b", plan)]
    with psycopg.connect(url) as other:
        other.execute("update channels set layout = 'list' where id = 'fake:a'")
        assert await one.publish(plans, START, once_per_run=True) == 1
    assert await one.unchecked(["fake"]) == ["fake:a"]
    assert await one.publish(plans, START, once_per_run=True) == 1
    assert not await one.has_unchecked(["fake"])
    one.close()


@pytest.mark.parametrize("publishes", [publish, republish])
async def test_who_is_patient_tries_a_locked_channel_again_for_so_long_and_no_longer(
    url: str, publishes: Callable[..., Awaitable[int | None]], caplog: pytest.LogCaptureFixture
) -> None:
    class Released(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.slept) == 3:
                other.rollback()

    def work(clock: FakeClock, locked_timeout: float) -> Awaitable[int | None]:
        composers = {"fake": lambda: PlainComposer(100)}
        return publishes(
            one, composers, lambda _: RULES, clock, now=True, locked_timeout=locked_timeout
        )

    one, source = opened_on_postgres(url), FakeSource(FakeClock())
    source.announce(paper(1, "A reward model"))
    for channel in ("fake:a", "fake:b"):
        await one.follow(channel, REWARD, ADA, START)
    await record_run(source, one, FakeClock(), first_post=1)
    change(one, "update channels set recheck = true")
    with psycopg.connect(url) as other:
        other.execute("select 1 from channels where id = 'fake:a' for no key update")
        assert await work(clock := FakeClock(), 0) == 1
        assert clock.slept == []
        assert await work(clock := FakeClock(), 10) == 0
        assert sum(clock.slept) == pytest.approx(10, abs=0.3)
        assert "passed over channels=1" in caplog.text
        assert await work(clock := Released(), 10) == 1
        assert len(clock.slept) == 3
    one.close()


async def test_processes_that_publish_after_a_run_share_its_channels(url: str) -> None:
    """Each in an order of its own; what one of them has done, the others pass over, also where they
    had composed it already."""
    stores = [opened_on_postgres(url) for _ in range(2)]
    channels = [f"fake:{number:02}" for number in range(20)]
    follow_all(stores[0], [(channel, REWARD) for channel in channels], START)
    await stores[0].record(Run(START, START, START, False, True), first_post=0)
    orders = [await store.unchecked(["fake"]) for store in stores]
    assert orders[0] != orders[1]
    assert [sorted(order) for order in orders] == [channels, channels]

    def plan(agenda: ChannelAgenda) -> Publication:
        return Publication(((f"key {agenda.channel.id}", Draft("one", ())),))

    counts = await asyncio.gather(
        *(
            store.publish([(channel, plan) for channel in order], START, once_per_run=True)
            for store, order in zip(stores, orders, strict=True)
        )
    )
    assert sum(counts) == len(channels)
    assert not await stores[0].has_unchecked(["fake"])
    for store in stores:
        store.close()


async def test_what_people_change_in_a_channel_waits_for_nothing_but_that_channel(url: str) -> None:
    """Another process publishes to other channels meanwhile, or claims a post."""
    store = opened_on_postgres(url)
    gone = ("fake:busy", "fake:a")  # so long ago that what they followed is forgotten
    for channel in gone:
        await store.follow(channel, REWARD, ADA, START)
    await store.archive_channels(ChannelGroup(ids=gone), "removed", START - 40 * DAY)
    with psycopg.connect(url) as other:
        other.execute(f"select pg_advisory_xact_lock_shared({APPLICATION_ID})".encode())
        other.execute("select 1 from channels where id = 'fake:busy' for no key update")
        assert await store.follow("fake:a", GRAPH, ADA, START, check_room=lambda _, __: None)
        assert await store.rename("fake:a", GRAPH.canonical, "Graphs")
        assert await store.mute("fake:a", REWARD, ADA, START)
        assert await store.unmute("fake:a", REWARD.canonical)
        await store.change_settings("fake:a", {"layout": "list"})
        assert await store.pause("fake:a", "quiet", START)
        assert await store.unfollow("fake:a", [GRAPH.canonical], START)
        assert await store.claim_request(["1"], START)
    store.close()


async def test_two_processes_that_add_to_a_server_keep_its_limit(url: str) -> None:
    one, other = opened_on_postgres(url), opened_on_postgres(url)
    ada = replace(ADA, server="fake:server")
    second: list[asyncio.Task[bool]] = []
    loop = asyncio.get_running_loop()

    def begin_second() -> None:
        second.append(asyncio.create_task(follow(other, "fake:b", limit)))

    def limit(_: int, in_server: int) -> None:
        if in_server:
            raise UserError("one too many")

    def limit_of_first(in_channel: int, in_server: int) -> None:
        """The second one comes while this one has not decided yet."""
        loop.call_soon_threadsafe(begin_second)
        with psycopg.connect(url, autocommit=True) as looking:
            waiting = "select 1 from pg_locks where not granted"
            while not looking.execute(waiting).fetchone():
                assert not (second and second[0].done()), "it did not wait"
        limit(in_channel, in_server)

    async def follow(store: Store, channel: str, check_room: Callable[[int, int], None]) -> bool:
        followed = await store.follow(channel, REWARD, ada, START, check_room=check_room)
        return followed is not None

    assert await follow(one, "fake:a", limit_of_first)
    with pytest.raises(UserError):
        await second[0]
    one.close()
    other.close()


async def test_a_short_query_waits_for_no_other_and_connects_only_where_it_would(url: str) -> None:
    """Of a command's questions each took its turn behind those of all others."""
    backends: list[int] = []
    go_on = threading.Event()

    def ask(db: Connection, *, wait: bool = False) -> None:
        backends.append(db.execute("select pg_backend_pid()").fetchone()[0])
        assert not wait or go_on.wait(20)

    with closing(opened_on_postgres(url)) as store:
        for _ in range(3):
            await store.engine.read(ask)
        assert len(set(backends)) == 1, "one connection is enough for one after the other"
        async with asyncio.TaskGroup() as group:
            for _ in range(READERS - 1):
                group.create_task(store.engine.read(partial(ask, wait=True)))
            await asyncio.sleep(0)
            async with asyncio.timeout(20):
                await store.engine.read(ask)
            go_on.set()
        assert len(set(backends)) == READERS
        await store.engine.read(ask)
        assert len(set(backends)) == READERS


def test_a_server_that_was_restarted_is_used_again() -> None:
    server = postgres.Server()
    try:
        store = opened_on_postgres(server.url())
        wait(store.follow("fake:a", REWARD, ADA, START))
        wait(store.subscriptions())
        server.stop()
        for attempt in (store.subscriptions(), store.follow("fake:b", REWARD, ADA, START)):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                wait(attempt)
        server.start()
        assert wait(store.follow("fake:b", REWARD, ADA, START))
        assert len(wait(store.subscriptions())) == 2
        store.close()
    finally:
        server.close()


def test_a_server_that_takes_no_more_connections_is_waited_for(url: str) -> None:
    name = urlsplit(url).path.lstrip("/")
    run(url, "create role few login", f"alter database {name} connection limit 1")
    try:
        with psycopg.connect(url):
            assert "no more connections" in why(at(url, user="few"), StoreUnavailable)
    finally:
        run(url, "drop role few")


def test_a_transaction_that_another_one_keeps_waiting_is_refused_and_nothing_of_it_happened(
    url: str,
) -> None:
    def impatient(url: str, **defaults: Any) -> psycopg.Connection[Any]:
        return Impatient.connect(url, autocommit=True, **defaults)

    class Impatient(psycopg.Connection[Any]):
        def execute(self, query: Any, *args: Any, **more: Any) -> Any:
            found = super().execute(query, *args, **more)
            if b"lock_timeout" in (query if isinstance(query, bytes) else str(query).encode()):
                super().execute("set lock_timeout = '1ms'")
            return found

    with closing(opened_on_postgres(url, connect=impatient)) as store:
        with psycopg.connect(url) as other:
            other.execute("lock table channels")
            with pytest.raises(StoreBusy, match="another process keeps"):
                wait(store.follow("fake:a", REWARD, ADA, START))
        assert wait(store.subscriptions()) == ()
        assert wait(store.follow("fake:a", REWARD, ADA, START))


def test_an_error_of_ours_stays_what_it_is(url: str) -> None:
    with closing(opened_on_postgres(url)) as store, pytest.raises(psycopg.errors.SyntaxError):
        select(store, "selec 1")


def test_a_text_that_holds_a_zero_is_kept_without_it(url: str) -> None:
    with closing(opened_on_postgres(url)) as store:
        wait(store.pause("fake:a", "", START))
        wait(store.change_settings("fake:a", {"layout": None}))
        assert wait(store.pause("fake:a", "a\0b", START))
        assert select(store, "select reason from channels") == [("a\ufffdb",)]


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("40001", StoreBusy, "busy"),
        ("40P01", StoreBusy, "busy"),
        ("55P03", StoreBusy, "busy"),
        ("57014", StoreBusy, "busy"),
        ("28P01", StoreBroken, "password"),
        ("53100", StoreBroken, "disk is full"),
        ("XX001", StoreBroken, "damaged"),
        ("08006", StoreUnavailable, "lost"),
        ("25006", StoreUnavailable, "read-only now"),
        ("53300", StoreUnavailable, "no more connections"),
        ("57P01", StoreUnavailable, "starting or stopping"),
        ("57P03", StoreUnavailable, "starting or stopping"),
    ],
)
def test_each_error_says_what_to_do(code: str, kind: type[StoreError], said: str) -> None:
    error = psycopg.errors.lookup(code)("FATAL: user bot")
    found = translation("the database at db", error)
    assert type(found) is kind
    assert said in str(found)
    assert "bot" not in str(found)


class Renewing(FakeClock):
    """Time stands still for who renews a lease meanwhile."""

    async def sleep(self, seconds: float) -> None:
        if seconds == 5.0:
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def test_arxiv_is_asked_by_one_process_at_a_time_and_then_left_alone(url: str) -> None:
    clock = Renewing(START)
    one, other = opened_on_postgres(url), opened_on_postgres(url)

    def limiter(store: Store) -> RateLimiter:
        return RateLimiter(interval=3.0, clock=clock, path=None, rng=Random(1), shared=store)

    first, second = limiter(one), limiter(other)
    async with first.permit() as permit:
        permit.record_refusal("slow down")
        with pytest.raises(SourceNotAsked, match="another process"):
            async with second.permit(lock_timeout=0.0):
                pytest.fail("two requests at once")
    with pytest.raises(SourceThrottled, match="slow down"):
        async with second.permit():
            pytest.fail("arXiv wants to be left alone")
    clock.advance(400)
    began = clock.now()
    async with first.permit():
        assert clock.now() - began >= timedelta(seconds=3), "the other one may have just asked"
    one.close()
    other.close()


# -- one text of SQL ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("select ? where a = ?", b"select %s where a = %s"),
        (":a = :b_2 or x::text = '12:30?'", b"%(a)s = %(b_2)s or x::text = '12:30?'"),
        ("like '5%' and a % 2", b"like '5%%' and a %% 2"),
        ("select 1 /*! for update */ /* ? */", b"select 1  for update  /* %s */"),
    ],
)
def test_a_statement_is_the_same_for_both_but_for_its_parameters(ours: str, theirs: bytes) -> None:
    assert as_postgres(ours) == theirs


def test_both_engines_have_the_same_tables_and_columns(url: str, tmp_path: Path) -> None:
    with closing(opened(tmp_path / "db")) as store:
        ours = select(
            store,
            "select m.name, i.name from sqlite_master m, pragma_table_info(m.name) i"
            " where m.type = 'table' and m.name not like 'sqlite_%' order by 1, 2",
        )
    with closing(opened_on_postgres(url)) as store:
        theirs = select(
            store,
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'public' and table_name <> 'daily_papers_schema'"
            """ order by table_name collate "C", column_name collate "C" """,
        )
    assert ours == theirs
    assert len(list(for_sqlite(MIGRATIONS[0]))) == len(list(for_postgres(MIGRATIONS[0])))


# -- what is read ---------------------------------------------------------------------------------

LARGE = (
    "insert into channels (id, platform)"
    " select 'fake:' || n, 'fake' from generate_series(0, 999) n",
    "insert into keywords (canonical, text, query, clauses)"
    " select 'word' || n, 'word', 'word', 1 from generate_series(0, 999) n",
    "insert into subscriptions (channel_id, canonical, text, position, added_by, added_at,"
    "   primed_at)"
    " select 'fake:' || n, 'word' || (n * 10 + m) % 1000, repeat('word ', 40), m, 'Ada', '2026',"
    "   case when n < 20 then '2026' end"
    " from generate_series(0, 999) n, generate_series(0, 9) m",
    "analyze",
)


@pytest.fixture
def large(url: str) -> Iterator[SqlStore]:
    """Each of a thousand channels follows ten of a thousand keywords, primed in the first twenty;
    the server knows how much it is."""
    run(url, *LARGE)
    with closing(opened_on_postgres(url)) as store:
        yield store


def test_of_a_list_of_one_channel_only_its_rows_are_read(large: SqlStore) -> None:
    found, rows = wait(
        large.engine.read(lambda db: (subscriptions.subscriptions(db, "fake:7"), rows_scanned(db)))
    )
    assert len(found) == 10
    assert "subscriptions" not in rows, "it reads what all channels follow"


def test_a_collect_reads_for_a_channel_only_what_matches_there(large: SqlStore) -> None:
    papers = tuple(map(paper, range(1, 9)))
    hits = tuple(Hit(each.id, f"word{n}", "title") for each in papers for n in range(1_000))
    found = replace(Run(START, START, START, False, True), papers=papers, hits=hits)

    def record(db: Connection) -> dict[str, int]:
        for _ in collect.record(db, found, 0, 2_000):
            pass
        return rows_scanned(db)

    rows = wait(large.engine.write(record))
    assert select(large, "select count(*) from ledger where state = 'due'") == [(160,)]
    assert "run_hits" not in rows, "it reads each hit for each channel"


def test_every_index_of_texts_can_be_used_to_compare_them_with_any_other(url: str) -> None:
    """An index is of no use where its column's collation is not that of the comparison."""
    with closing(opened_on_postgres(url)) as store:
        wait(store.record(Run(START, START, START, False, True), first_post=0))
        others = """
            select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
            where c.relkind = 'r' and a.attcollation not in (0, '"C"'::regcollation)
              and c.relnamespace in (current_schema()::regnamespace, pg_my_temp_schema())
        """
        assert select(store, others) == []
        assert select(store, others.replace("not in (0, ", "in (")), "there are some with it"


def rows_scanned(db: Connection) -> dict[str, int]:
    """How many rows of each table were read in this transaction without an index."""
    rows = db.execute(
        "select relname, seq_tup_read from pg_stat_xact_all_tables where seq_tup_read > 0"
    )
    return dict(rows)


# -- backups, and moving from one engine to the other ---------------------------------------------


async def live(store: Store) -> None:
    """A little of everything."""
    await store.follow("fake:a", REWARD, ADA, START)
    await queue(store, "fake:a", [("k1", Draft("one", ())), ("k2", Draft("two", (), 0))], START)
    await store.synchronise(_record_revision, START)


def _record_revision(database: Any) -> None:
    with database.transaction() as transaction:
        transaction.record_revision(3, b"\0bytes\xff")


TABLES = ("channels", "keywords", "subscriptions", "outbox", "forgotten_runs", "file_revisions")


def everything(store: Store) -> list[Any]:
    return [select(store, f"select * from {table} order by 1") for table in TABLES]  # noqa: S608


def test_a_bot_moves_to_postgresql_and_back_with_all_that_it_knows(
    empty: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "one", tmp_path / "two"
    store = open_store(source, alone=True)
    asyncio.run(live(store))
    before = everything(store)
    store.close()
    back_up(source, tmp_path / "backup")
    restore(target, tmp_path / "backup", START, empty)
    with closing(opened_on_postgres(empty)) as moved:
        assert everything(moved) == before
        asyncio.run(queue(moved, "fake:a", [("k3", Draft("three", ()))], START))
        assert select(moved, "select key from outbox order by seq") == [("k1",), ("k2",), ("k3",)]
    back_up(target, tmp_path / "other", empty)
    restore(target, tmp_path / "other", START)
    with closing(open_store(target, alone=True)) as back:
        change(back, "delete from outbox where key = 'k3'")
        assert everything(back) == before


def test_a_database_that_is_not_empty_is_not_restored_into(url: str, tmp_path: Path) -> None:
    open_store(tmp_path, alone=False).close()
    back_up(tmp_path, tmp_path / "backup")
    with closing(opened_on_postgres(url)) as store:
        wait(store.acquire_lease("collector", 60))
        with pytest.raises(StoreBusy, match="another Daily Papers serves"):
            restore(tmp_path, tmp_path / "backup", START, url)
        wait(store.release_lease("collector"))
        wait(store.follow("fake:a", REWARD, ADA, START))
    with pytest.raises(StoreBroken, match="is not empty"):
        restore(tmp_path, tmp_path / "backup", START, url)
    with closing(opened_on_postgres(url)) as store:
        assert len(wait(store.subscriptions())) == 1


def test_a_file_that_is_no_backup_of_ours_is_not_restored(empty: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other")) as db:
        db.execute("create table customers (id integer)")
    with pytest.raises(StoreBroken, match="not a backup of Daily Papers"):
        restore(tmp_path, tmp_path / "other", START, empty)
    with pytest.raises(StoreBroken, match="no such file"):
        restore(tmp_path, tmp_path / "nothing", START, empty)


def test_a_dry_run_works_on_a_copy(url: str, tmp_path: Path) -> None:
    with closing(opened_on_postgres(url)) as store:
        asyncio.run(live(store))
        copy = asyncio.run(open_copy(tmp_path, tmp_path, url))
        assert select(copy, "select key, state from outbox order by seq") == [
            ("k1", "held"), ("k2", "held"),
        ]  # fmt: skip
        copy.close()
        assert select(store, "select distinct state from outbox") == [("queued",)]
