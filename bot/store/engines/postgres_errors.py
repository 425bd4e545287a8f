"""PostgreSQL's errors, and what a person can do about them.

None of the sentences shows the user, the password or the name of the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bot.errors import StoreBroken, StoreBusy, StoreError, StoreUnavailable

# By the SQLSTATE of an error, or its beginning: the first two characters name the class
# (postgresql.org/docs/18/errcodes-appendix.html, read 2026-11).
# Codes of our own: "28000" stands for other refusals than the first, too; the rest are libpq's.
_NO_ENTRY = "no entry"
_NO_TLS, _UNTRUSTED, _OTHER_HOST = "no TLS", "untrusted", "other host"
_NO_ROOT, _PARAMETER, _PORT = "no root", "parameter", "port"
_BUSY = {"40001", "40P01", "55P03", "57014"}
_BROKEN = {
    "28": "it refuses the user or the password of DATABASE_URL. Check them.",
    _NO_ENTRY: "it accepts this user only from elsewhere, or only with TLS. Add ?sslmode=require to"
    " DATABASE_URL, or a line for this machine to the server's pg_hba.conf.",
    _NO_TLS: "it does not speak TLS, which DATABASE_URL demands. Turn it on there (ssl = on), or,"
    " where nobody else can read along, add ?sslmode=disable to DATABASE_URL.",
    _UNTRUSTED: "its certificate is not to be trusted: it has expired, or is signed by none of the"
    " authorities in the file that sslrootcert names in DATABASE_URL.",
    _OTHER_HOST: "its certificate is for another host name. Put the name that it is for into"
    " DATABASE_URL.",
    _NO_ROOT: "the authorities that may have signed its certificate can't be read. Add"
    " &sslrootcert=/path/to/root.crt to DATABASE_URL; sslrootcert=system: those of this machine.",
    _PARAMETER: "a parameter in DATABASE_URL (what follows the question mark), or a file that one"
    " names, is not accepted. Correct it, or remove it.",
    _PORT: "the port in DATABASE_URL is not a number from 1 to 65535. Correct it.",
    "3D000": "there is no database of the name in DATABASE_URL. Make it (createdb), or correct it.",
    "42501": "the user of DATABASE_URL may not do this there. Make it the owner of the database.",
    "53100": "its disk is full. Make room; nothing was lost.",
    "XX001": "it is damaged. Restore a backup.",
    "XX002": "it is damaged. Restore a backup.",
}
_UNAVAILABLE = {
    "08": "the connection was lost.",
    "25006": "it is read-only now: it is a replica, is being moved to another server, or has"
    " default_transaction_read_only on. Turn that off, or put the address of the one that takes"
    " changes into DATABASE_URL.",
    "25P03": "the connection was idle for too long, and was ended.",
    # A temporary table of ours is missing, because it is a new connection.
    "42P01": "the connection was lost in the middle of this work.",
    "53200": "it has no memory left.",
    "53300": "it takes no more connections.",
    "57P": "it is starting or stopping.",
}
# An error while connecting has no SQLSTATE, only a text of the server's or of libpq's (libpq 18);
# of several hosts, or addresses of one, it has the texts of all. These are regular expressions.
# The server's may be in another language; then it is not recognised, and not shown.
_BROKEN_WORDS = {
    "password authentication failed": "28",
    "no password supplied": "28",
    "no pg_hba.conf entry": _NO_ENTRY,
    "authentication failed": "28",
    'role "[^"]*" does not exist': "28",
    'database "[^"]*" does not exist': "3D000",
    "permission denied for database": "42501",
    "server does not support SSL": _NO_TLS,
    "certificate verify failed": _UNTRUSTED,
    "does not match host name": _OTHER_HOST,
    "root certificate file": _NO_ROOT,
    'invalid port number|for connection option "port"': _PORT,
    r"invalid .*value|weak sslmode|bad value for \w+:": _PARAMETER,
    "unrecognized configuration parameter": _PARAMETER,
    "private key file|could not (load|read) certificate": _PARAMETER,
    "channel binding is required": _PARAMETER,
}
_UNAVAILABLE_WORDS = {
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "too many connections": "53300",
    "the database system is": "57P",
    "session is read-only": "25006",
    "session is not read-only": "25006",
}
_LIBPQ = (  # texts of libpq itself that are shown as they are, because they say enough
    "Connection refused", "Connection timed out", "timeout expired", "No such file or directory",
    "could not translate host name", "failed to resolve host", "No route to host",
    "Network is unreachable",
    "Connection reset by peer", "server closed the connection", "connection timeout expired",
)  # fmt: skip


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Translate an error that a person can fix, or that passes by itself, into a StoreError. An
    error in our own SQL stays what it is. ``where`` names the server."""
    try:
        yield
    except StoreError:
        raise
    except psycopg.Error as error:
        found = translation(where, error)
        if found is None:
            raise
        raise found from error


def translation(where: str, error: psycopg.Error) -> StoreError | None:
    """The StoreError for this error; ``None`` for a mistake in our own code."""
    code = error.sqlstate or _code_of(str(error))
    if code in _BUSY:
        return StoreBusy(f"{where}: another process keeps the database busy")
    for codes, kind in ((_BROKEN, StoreBroken), (_UNAVAILABLE, StoreUnavailable)):
        for known, remedy in codes.items():
            if code.startswith(known):
                return kind(f"{where}: {remedy}")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        said = next((each for each in _LIBPQ if each in str(error)), "no connection")
        return StoreUnavailable(
            f"{where} does not answer ({said}). Start it, or correct its address in DATABASE_URL."
        )
    return None


def _code_of(message: str) -> str:
    for words in (_UNAVAILABLE_WORDS, _BROKEN_WORDS):
        for known, code in words.items():
            if re.search(known, message):
                return code
    return ""
