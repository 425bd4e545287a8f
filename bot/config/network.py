"""The proxy and certificate variables of the environment, interpreted once for all clients.

What can't be understood is ignored with a warning that names the variable: these variables are set
for a whole machine, often by somebody else, and none of them may keep the bot from working. A
warning never quotes the address of a proxy, which may contain a password.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.channel_settings import quoted
from bot.network import Exemption, Network, tls_context

KEY_LOG = "SSLKEYLOGFILE"
_SCHEMES = ("http", "https", "all")
_DOMAIN = re.compile(r"(?:\*?\.)?([\w-]+(?:\.[\w-]+)*)\.?", re.ASCII)
_PARTS = re.compile(r"(\[[^\[\]]+\](?:/\d+)?|[^:\[\]]+)(?::(\d{1,5}))?")


def read_network(environ: Mapping[str, str]) -> tuple[Network, tuple[str, ...]]:
    """The network settings of the environment, and a warning for each part that is ignored."""
    warnings: list[str] = []
    network = Network(
        proxies=dict(_proxies(environ, warnings)),
        exemptions=tuple(_exemptions(environ, warnings)),
        trusted=_trusted(environ, warnings),
    )
    if environ.get(KEY_LOG):
        warnings.append(
            f"{KEY_LOG} is ignored: the keys in that file could decrypt the bot's tokens"
        )
    return network, tuple(warnings)


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name under which the variable is set, and its value without surrounding white space.

    The lower-case name takes precedence, as in curl and ``urllib.request.getproxies_environment``.
    """
    used = name.lower() if name.lower() in environ else name
    return used, environ.get(used, "").strip()


def _proxies(environ: Mapping[str, str], warnings: list[str]) -> Iterator[tuple[str, str]]:
    if "*" in re.split(r"[\s,]+", _variable(environ, "NO_PROXY")[1]):
        return
    for scheme in _SCHEMES:
        variable, value = _variable(environ, f"{scheme.upper()}_PROXY")
        if not value:
            continue
        address = value if "://" in value else f"http://{value}"
        if problem := _problem_of_proxy(address):
            warnings.append(f"{variable} {problem}; it is ignored, and no other proxy is used")
        else:
            yield scheme, address


def _problem_of_proxy(address: str) -> str:
    """What is wrong with the address; empty if it can be used."""
    try:
        parts = urlsplit(address)
        if parts.scheme.lower() not in ("http", "https"):
            kind = quoted(parts.scheme, 20)
            return f"names a proxy of the kind {kind}, and only http and https are supported"
        usable = bool(parts.hostname) and parts.port != 0 and address.isprintable()
    except ValueError:  # a port that is not a number, or an unmatched bracket
        usable = False
    if not usable or re.search(r"\s", address):
        return "is not the address of a proxy, as in http://proxy.example.org:3128"
    return ""


def _exemptions(environ: Mapping[str, str], warnings: list[str]) -> Iterator[Exemption]:
    variable, value = _variable(environ, "NO_PROXY")
    unknown = []
    for entry in re.split(r"[\s,]+", value):
        exemption = _exemption(entry)
        if exemption is not None:
            yield exemption
        elif entry not in ("", "*"):
            unknown.append(quoted(entry, 60))
    if unknown:
        what = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
        warnings.append(f"{variable} has entries that can't be understood and are ignored: {what}")


def _exemption(entry: str) -> Exemption | None:
    """A domain, an IP address or a network, each optionally with a port; ``None`` if the entry is
    none of these."""
    if network := _ip_network(entry):  # also IPv6 without brackets, which has colons of its own
        return Exemption(network=network)
    found = _PARTS.fullmatch(entry)
    if found is None:
        return None
    port = int(found[2]) if found[2] else None
    if network := _ip_network(found[1].replace("[", "").replace("]", "")):
        return Exemption(network=network, port=port)
    domain = _DOMAIN.fullmatch(found[1])
    return Exemption(host=domain[1].lower(), port=port) if domain else None


def _ip_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _trusted(environ: Mapping[str, str], warnings: list[str]) -> ssl.SSLContext | None:
    """The certificates of SSL_CERT_FILE and SSL_CERT_DIR; ``None`` if neither can be used."""
    file, directory = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
    if file:
        try:
            tls_context(file)
        except OSError as error:
            reason = "holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
            warnings.append(
                f"SSL_CERT_FILE: {quoted(file, 200)}: {reason}; the usual certificates are used"
            )
            file = ""
    if directory and not any(_is_directory(each) for each in directory.split(":")):
        warnings.append(
            f"SSL_CERT_DIR: {quoted(directory, 200)} is not a folder; the usual certificates are"
            " used"
        )
        directory = ""
    return tls_context(file or None, directory or None) if file or directory else None


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False
