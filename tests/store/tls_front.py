"""A PostgreSQL that speaks TLS: the tests' own is built without it, so this stands in front.

It does what a server with ``ssl = on`` and only ``hostssl`` lines does at the start of a connection
(postgresql.org/docs/18/protocol-flow.html, "SSL Session Encryption", read 2026-11): answers an
SSLRequest with ``S``, does the handshake, and lets in nobody without. What follows is passed on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.store import postgres

SSL_REQUEST, GSS_REQUEST = 80_877_103, 80_877_104  # instead of a protocol version
LARGE = 1 << 16  # bytes, that are passed on at once
DAY = timedelta(days=1)


class Authority:
    """Who signs certificates; ``root`` is the file that a client trusts it by."""

    def __init__(self, folder: Path, name: str = "Root") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key, DAY).add_extension(constraints, True)
        self.root = folder / f"{name}.crt"
        self.root.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))

    def context(self, *hosts: str, lasts: timedelta = DAY) -> ssl.SSLContext:
        """What a server of these names and addresses uses; ``lasts`` below zero: has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = x509.SubjectAlternativeName([_general_name(each) for each in hosts])
        certificate = self._builder(name, key, lasts).add_extension(names, False)
        file = self._folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(private + _pem(certificate.sign(self._key, hashes.SHA256())))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + lasts)
        )


def _general_name(host: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Front:
    """``asked`` are connections, ``encrypted`` those that were used after the handshake: a client
    checks for which host a certificate is only then."""

    port: int = 0
    asked: int = 0
    encrypted: int = 0


class WithTls:
    """A server behind a front, whose certificate is for ``localhost`` and of the authority
    ``right``; its user has to give a password."""

    PASSWORD = "s3cret-of-tls"

    def __init__(self, folder: Path) -> None:
        self.right, self.wrong = Authority(folder, "right"), Authority(folder, "wrong")
        self.front = Front()

    @contextmanager
    def serving(self) -> Iterator[Self]:
        self.server = postgres.Server()
        try:
            self.server.administer(
                f"create role bot login password '{self.PASSWORD}'",
                "create database papers owner bot",
            )
            self.server.require_passwords()
            with tls_front(self.server.port, self.right.context("localhost")) as self.front:
                yield self
        finally:
            self.server.close()

    def url(self, query: str, host: str = "localhost", port: str | None = None) -> str:
        """``{right}`` and ``{wrong}`` in ``query`` are the files of the authorities."""
        port = str(self.front.port) if port is None else port
        query = query.format(right=self.right.root, wrong=self.wrong.root)
        where = f"{host}:{port}" if port else host
        return f"postgresql://bot:{self.PASSWORD}@{where}/papers?{query}"


class _Protocol(asyncio.StreamReaderProtocol):
    def eof_received(self) -> bool:
        """Closes then; that it did not would be a warning over TLS."""
        super().eof_received()
        return False


@contextmanager
def tls_front(server_port: int, context: ssl.SSLContext) -> Iterator[Front]:
    """Listens on a port of its own, on a thread of its own."""
    front = Front()
    loop = asyncio.new_event_loop()
    at_work: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        at_work.add(task)
        task.add_done_callback(at_work.discard)
        front.asked += 1
        # A client that does not like the certificate hangs up in the middle of the handshake.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                if await _let_in(reader, writer, context) and (first := await reader.read(LARGE)):
                    front.encrypted += 1
                    await _pass_on(first, reader, writer, server_port)
            finally:
                writer.close()

    def protocol() -> _Protocol:
        return _Protocol(asyncio.StreamReader(loop=loop), serve, loop)

    async def stop() -> None:
        server.close()
        for task in [*at_work]:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        await server.wait_closed()

    thread = Thread(target=loop.run_forever, name="TLS front")
    thread.start()
    listening = loop.create_server(protocol, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result()
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _let_in(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> bool:
    """Whether the connection is encrypted now."""
    while True:
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        if code != GSS_REQUEST:
            break
        writer.write(b"N")
    if code == SSL_REQUEST:
        writer.write(b"S")
        await writer.start_tls(context)
        return True
    await reader.readexactly(length - 8)
    refusal = (
        b"SFATAL\0VFATAL\0C28000\0"
        b'Mno pg_hba.conf entry for host "127.0.0.1", user "bot", no encryption\0\0'
    )
    writer.write(b"E" + struct.pack("!i", len(refusal) + 4) + refusal)
    await writer.drain()
    return False


async def _pass_on(
    first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server_port: int
) -> None:
    """``first`` and what follows, until one of the two hangs up."""
    from_server, to_server = await asyncio.open_connection("127.0.0.1", server_port)
    to_server.write(first)
    pumps = [
        asyncio.create_task(_pump(reader, to_server)),
        asyncio.create_task(_pump(from_server, writer)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        to_server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(LARGE):
        writer.write(data)
        await writer.drain()
