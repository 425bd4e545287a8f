"""How every client reaches the network: through which proxy, and trusting which certificates.

``bot.config`` reads it from the environment once; arXiv's client, the health ping and the chat
libraries all use this, so that none of them interprets the environment itself: they differ in what
they support, and some fail with a traceback on what they don't. Opens no connection, and logs
nothing: the address of a proxy may contain a password.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import certifi

if TYPE_CHECKING:
    import httpx

_PROXY_SCHEMES = {
    "wss": "https",
    "ws": "http",
}  # a web socket takes the proxy of the protocol it begins as
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Exemption(NamedTuple):
    """One entry of ``NO_PROXY``: hosts that are reached without a proxy.

    ``host`` is a domain, which includes the domains below it; ``network`` are IP addresses instead.
    ``port`` restricts either to one port.
    """

    host: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int | None) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            try:
                return ipaddress.ip_address(host) in self.network
            except ValueError:
                return False
        return host == self.host or host.endswith(f".{self.host}")


@dataclass(frozen=True, slots=True)
class Network:
    """``proxies`` are addresses by the scheme they are for: ``http``, ``https``, ``all``.

    ``trusted`` are the certificates to trust; ``None``: those of the system, and certifi's.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()
    trusted: ssl.SSLContext | None = None

    def proxy_for(self, url: str) -> str | None:
        """The proxy on the way to this address; ``None``: connect directly, as to this machine."""
        parts = urlsplit(url)
        scheme = _PROXY_SCHEMES.get(parts.scheme, parts.scheme)
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or _DEFAULT_PORTS.get(scheme)
        if is_loopback(host) or any(each.covers(host, port) for each in self.exemptions):
            return None
        return self.proxies.get(scheme) or self.proxies.get("all")

    def http_client(self, url: str, **options: Any) -> httpx.AsyncClient:
        """A client for this address and its redirects. ``options`` are passed to httpx; with a
        ``transport`` among them no proxy is used."""
        import httpx  # takes a tenth of a second, and not every command needs it

        address = None if options.get("transport") else self.proxy_for(url)
        proxy = None
        if address is not None:
            encrypted = urlsplit(address).scheme.lower() == "https"
            proxy = httpx.Proxy(address, ssl_context=self.tls if encrypted else None)
        return httpx.AsyncClient(proxy=proxy, verify=self.tls, trust_env=False, **options)

    @property
    def tls(self) -> ssl.SSLContext:
        """The context for every TLS connection. Created when first needed, which takes some
        milliseconds."""
        return self.trusted or _usual_certificates()


def tls_context(file: str | None = None, directory: str | None = None) -> ssl.SSLContext:
    """A context that trusts the certificates in this file and directory, and no others.

    Not ``ssl.create_default_context``, which obeys ``SSLKEYLOGFILE``. Raises OSError (of which
    ssl.SSLError is a subclass) if the file can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
    context.load_verify_locations(file, directory)
    return context


@cache
def _usual_certificates() -> ssl.SSLContext:
    context = tls_context(certifi.where())
    context.load_default_certs()
    return context


def is_loopback(host: str) -> bool:
    """Whether the host is this machine's loopback address or name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
