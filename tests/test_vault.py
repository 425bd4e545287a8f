"""What is kept encrypted: for whom, under which key, for how long, and that nobody sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SecretUnreadable
from bot.ports import Store
from bot.vault import EncryptedVault, new_key
from tests.fakes import FakeClock
from tests.store.database import opened, select

OLD, NEW = new_key(), new_key()
TOKEN = "xoxb-1-kept"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = opened(tmp_path / "db")
    yield made
    made.close()


def vault_of(store: Store, *keys: str, clock: FakeClock | None = None) -> EncryptedVault:
    return EncryptedVault(keys, store, clock or FakeClock())


async def test_what_is_kept_is_read_again_and_is_nowhere_in_the_database(store: Store) -> None:
    vault = vault_of(store, NEW)
    await vault.keep("slack", "T1", TOKEN)
    assert await vault.kept("slack", "T1") == TOKEN
    assert await vault.kept("slack", "T2") is None
    assert await vault.owners("slack") == ("T1",)
    assert TOKEN not in str(select(store, "select * from secrets"))
    assert await vault.discard("slack", "T1")
    assert not await vault.discard("slack", "T1")


async def test_a_row_that_was_copied_to_another_owner_or_kind_is_refused(store: Store) -> None:
    vault = vault_of(store, NEW)
    await vault.keep("slack", "T1", TOKEN)
    sealed = await store.secret("slack", "T1")
    assert sealed is not None
    for kind, owner in (("slack", "T2"), ("zotero", "T1"), ("slack T1", ""), ("", "slack T1")):
        await store.save_secret(kind, owner, sealed, FakeClock().now())
        with pytest.raises(SecretUnreadable, match="somebody else") as refused:
            await vault.kept(kind, owner)
        assert TOKEN not in str(refused.value)


async def test_an_old_key_still_reads_and_what_was_read_is_encrypted_with_the_new_one(
    store: Store,
) -> None:
    await vault_of(store, OLD).keep("slack", "T1", TOKEN)
    with pytest.raises(SecretUnreadable, match="SECRET_KEY"):
        await vault_of(store, NEW).kept("slack", "T1")
    assert await vault_of(store, NEW, OLD).kept("slack", "T1") == TOKEN
    assert await vault_of(store, NEW).kept("slack", "T1") == TOKEN, "the old key may go"


class Meanwhile:
    """A store in which something happens right after a secret was read."""

    def __init__(self, store: Store, happen: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._happen = happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def secret(self, kind: str, owner: str) -> str | None:
        found = await self._store.secret(kind, owner)
        await self._happen()
        return found


async def test_what_is_encrypted_anew_neither_undoes_a_deletion_nor_a_newer_secret(
    store: Store,
) -> None:
    vault = vault_of(store, OLD)
    await vault.keep("slack", "T1", TOKEN)
    deleted: Any = Meanwhile(store, lambda: vault.discard("slack", "T1"))
    await vault_of(deleted, NEW, OLD).kept("slack", "T1")
    assert await store.secret("slack", "T1") is None
    await vault.keep("slack", "T1", TOKEN)
    replaced: Any = Meanwhile(store, lambda: vault.keep("slack", "T1", "xoxb-2"))
    await vault_of(replaced, NEW, OLD).kept("slack", "T1")
    assert await vault.kept("slack", "T1") == "xoxb-2"


@pytest.mark.parametrize("sealed", ["", "x", "gAAAA", "ÿ", "gAAAAAB" + "A" * 120])
async def test_what_was_changed_is_refused_with_a_sentence(store: Store, sealed: str) -> None:
    with pytest.raises(SecretUnreadable, match="can't be decrypted"):
        vault_of(store, NEW).unseal("slack", "T1", sealed)


async def test_what_was_sealed_for_a_time_is_refused_after_it(store: Store) -> None:
    clock = FakeClock()
    vault = vault_of(store, NEW, clock=clock)
    sealed = vault.seal("state", "", "once")
    clock.advance(599)
    assert vault.unseal("state", "", sealed, timedelta(minutes=10)) == "once"
    clock.advance(2)
    with pytest.raises(SecretUnreadable):
        vault.unseal("state", "", sealed, timedelta(minutes=10))


def test_what_is_no_key_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="32"):
        vault_of(store, "secret")
