"""Stores secrets encrypted: those that platforms and people entrust to the bot, besides the tokens
in its environment.

They are encrypted with Fernet (AES-128-CBC and HMAC-SHA256; cryptography.io, Fernet, November 2026)
under the keys of ``SECRET_KEY``, the newest first: that one encrypts, and all of them decrypt. The
encrypted text includes its owner, so that a row that was copied to another owner is refused. This
protects a database or backup that is stolen; whoever has the key, or controls the running process,
can read everything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.errors import SecretUnreadable
from bot.ports import Clock, VaultStore


def new_key() -> str:
    """A new random key for ``SECRET_KEY``."""
    return Fernet.generate_key().decode("ascii")


class EncryptedVault:
    """Implements ports.Vault. ``keys`` are Fernet keys, the newest first. Raises ValueError for an
    invalid one."""

    def __init__(self, keys: Sequence[str], store: VaultStore, clock: Clock) -> None:
        ciphers = [Fernet(key) for key in keys]
        self._newest = ciphers[0]
        self._any = MultiFernet(ciphers)
        self._store = store
        self._clock = clock

    def seal(self, kind: str, owner: str, text: str) -> str:
        data = json.dumps([kind, owner, text]).encode("utf-8")
        return self._newest.encrypt_at_time(data, self._seconds()).decode("ascii")

    def unseal(self, kind: str, owner: str, sealed: str, max_age: timedelta | None = None) -> str:
        try:
            data = sealed.encode("ascii")
            if max_age is None:
                opened = self._any.decrypt(data)
            else:
                ttl = int(max_age.total_seconds())
                opened = self._any.decrypt_at_time(data, ttl, self._seconds())
            found_kind, found_owner, text = json.loads(opened)
        except (InvalidToken, ValueError, TypeError) as error:
            raise SecretUnreadable(
                f"What is kept for {owner or kind} can't be decrypted: it is too old, or it was"
                " changed, or SECRET_KEY lacks the key that it was encrypted with."
            ) from error
        if (found_kind, found_owner) != (kind, owner):
            raise SecretUnreadable(f"What is kept for {owner or kind} belongs to somebody else.")
        return str(text)

    async def keep(self, kind: str, owner: str, text: str) -> None:
        sealed = self.seal(kind, owner, text)
        await self._store.save_secret(kind, owner, sealed, self._clock.now())

    async def kept(self, kind: str, owner: str) -> str | None:
        sealed = await self._store.secret(kind, owner)
        if sealed is None:
            return None
        text = self.unseal(kind, owner, sealed)
        if not self._is_newest(sealed):
            anew = self.seal(kind, owner, text)
            await self._store.renew_secret(kind, owner, sealed, anew, self._clock.now())
        return text

    async def owners(self, kind: str) -> Sequence[str]:
        return await self._store.secret_owners(kind)

    async def discard(self, kind: str, owner: str) -> bool:
        return await self._store.delete_secret(kind, owner)

    def _is_newest(self, sealed: str) -> bool:
        try:
            self._newest.decrypt(sealed.encode("ascii"))
        except InvalidToken:
            return False
        return True

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())
