"""How clients connect, as the environment says: what counts, and what is left out."""

from __future__ import annotations

import asyncio
import io
import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest

from adapters import Settings
from adapters.discord.platform import Discord
from adapters.slack.platform import Slack
from bot.arxiv.atom_feed import AtomFeed, AtomReader
from bot.arxiv.http import ApiRequest, HttpConnection, Timeouts
from bot.config.network import read_network
from bot.network import Network
from tests.fakes import FakeClock

PROXY = "http://proxy.example.org:3128"
ARXIV = "https://export.arxiv.org/api/query"


def understood(**environ: str) -> Network:
    network, warnings = read_network(environ)
    assert warnings == ()
    return network


def left_out(**environ: str) -> tuple[Network, str]:
    """The rest, and the one warning."""
    network, warnings = read_network(environ)
    [warning] = warnings
    return network, warning


def test_each_scheme_takes_its_own_proxy_before_the_one_for_all() -> None:
    network = understood(HTTPS_PROXY=PROXY, ALL_PROXY="other.example.org:80")
    assert network.proxy_for(ARXIV) == PROXY
    assert network.proxy_for("wss://gateway.discord.gg") == PROXY
    assert network.proxy_for("http://example.org/") == "http://other.example.org:80"
    assert understood().proxy_for(ARXIV) is None


def test_a_name_in_small_letters_goes_first() -> None:
    network = understood(HTTPS_PROXY=PROXY, https_proxy="http://small.example.org")
    assert network.proxy_for(ARXIV) == "http://small.example.org"
    assert understood(HTTPS_PROXY=PROXY, https_proxy="").proxy_for(ARXIV) is None


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "[::1]:8080", "a.localhost"])
def test_this_machine_is_never_reached_through_a_proxy(host: str) -> None:
    assert understood(ALL_PROXY=PROXY).proxy_for(f"http://{host}/x") is None


@pytest.mark.parametrize(
    ("entry", "direct", "not_direct"),
    [
        ("arxiv.org", "https://export.arxiv.org", "https://notarxiv.org"),
        (".arxiv.org", "https://export.arxiv.org", "https://arxiv.org.example.org"),
        ("*.Arxiv.org.", "https://EXPORT.arxiv.org./x", "https://slack.com"),
        ("arxiv.org:443", "https://arxiv.org", "https://arxiv.org:444"),
        ("arxiv.org:80", "http://arxiv.org", "https://arxiv.org"),
        ("10.0.0.0/8", "https://10.1.2.3", "https://11.1.2.3"),
        ("10.1.2.3:8080", "http://10.1.2.3:8080", "http://10.1.2.3"),
        ("fd00::/8", "https://[fd12::1]", "https://[fe80::1]"),
        ("[fd00::]/8", "https://[fd12::1]", "https://10.1.2.3"),
        ("[2001:db8::1]", "https://[2001:db8::1]", "https://[2001:db8::2]"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("2001:db8::1", "https://[2001:db8::1]:8443", "https://example.org"),
        ("a.org b.org,, c.org", "https://c.org", "https://d.org"),
    ],
)
def test_every_form_of_an_exemption_is_understood(entry: str, direct: str, not_direct: str) -> None:
    network = understood(ALL_PROXY=PROXY, NO_PROXY=f"localhost,[::1],{entry}")
    assert network.proxy_for(direct) is None
    assert network.proxy_for(not_direct) == PROXY


def test_a_star_exempts_everything() -> None:
    assert understood(HTTPS_PROXY=PROXY, NO_PROXY="localhost, *").proxy_for(ARXIV) is None


@pytest.mark.parametrize("entry", ["[::1", "http://x.org", "a:b:c", "x.org:port", "fd00::/999"])
def test_an_exemption_that_is_none_is_left_out_and_the_others_count(entry: str) -> None:
    network, warning = left_out(HTTPS_PROXY=PROXY, NO_PROXY=f"{entry},export.arxiv.org")
    assert warning.startswith("NO_PROXY ")
    assert entry in warning
    assert network.proxy_for(ARXIV) is None
    assert network.proxy_for("https://slack.com/") == PROXY


@pytest.mark.parametrize(
    "address",
    ["http://user:secret@proxy:port", "http://", "http://[::1", "http://a b:1", "proxy:99999"],
)
def test_an_address_that_is_none_is_left_out_and_not_repeated(address: str) -> None:
    network, warning = left_out(HTTPS_PROXY=address)
    assert warning.startswith("HTTPS_PROXY is not the address of a proxy")
    assert "secret" not in warning
    assert network.proxy_for(ARXIV) is None


def test_a_proxy_of_another_kind_is_left_out_under_the_name_it_was_set_by() -> None:
    network, warning = left_out(all_proxy="socks5://user:secret@127.0.0.1:1080")
    assert warning.startswith('all_proxy names a proxy of the kind "socks5"')
    assert "secret" not in warning
    assert network.proxy_for(ARXIV) is None


def test_certificates_of_ones_own_count_alone(tmp_path: Path) -> None:
    [first] = Path(certifi.where()).read_text().split("-----END CERTIFICATE-----")[:1]
    own = tmp_path / "own.pem"
    own.write_text(f"{first}-----END CERTIFICATE-----\n")
    trusted = understood(SSL_CERT_FILE=str(own), SSL_CERT_DIR=str(tmp_path)).tls
    assert len(trusted.get_ca_certs()) == 1
    assert len(understood().tls.get_ca_certs()) > 50
    for context in (trusted, understood().tls):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_certificates_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name, value, reason in (
        ("SSL_CERT_FILE", tmp_path / "missing.pem", "No such file"),
        ("SSL_CERT_FILE", tmp_path / "empty.pem", "holds no certificates"),
        ("SSL_CERT_FILE", tmp_path, "Is a directory"),
        ("SSL_CERT_DIR", tmp_path / "missing", "is not a folder"),
        ("SSL_CERT_DIR", tmp_path / "empty.pem", "is not a folder"),
    ):
        network, warning = left_out(**{name: str(value)})
        assert warning.startswith(f"{name}: "), warning
        assert reason in warning, warning
        assert len(network.tls.get_ca_certs()) > 50


# -- every client uses it, and reads the environment no more ---------------------------------------


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the libraries would stumble over, or obey."""
    monkeypatch.setenv("NO_PROXY", "localhost,[::1],fd00::/8")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:port")
    monkeypatch.setenv("SSL_CERT_FILE", "/not/there.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/not/there")


async def refusing_proxy() -> tuple[asyncio.Server, str, list[str]]:
    """A proxy that notes what it is asked, and lets nobody through."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.usefixtures("hostile")
async def test_every_client_goes_through_the_proxy_that_was_understood() -> None:
    server, address, asked = await refusing_proxy()
    network = Network({"https": address})
    clock: Any = FakeClock()
    secrets = {"DISCORD_TOKEN": "x", "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
    options = {
        "api_url": "https://api.example.org/",
        "gateway_url": "wss://gateway.example.org",
        "workspaces": (),
    }
    settings = Settings(io.StringIO(), clock, options, secrets.__getitem__, network=network)
    wire: HttpConnection[AtomFeed, ApiRequest] = HttpConnection(
        url=ARXIV, reader=lambda _: AtomReader(), contact="", timeouts=Timeouts(), network=network,
        transport=None,
    )  # fmt: skip
    async with server, Discord(settings) as discord, Slack(settings) as slack:
        with pytest.raises(Exception, match="403"):
            await wire.send(Plain())
        for platform in (discord, slack):
            with pytest.raises(Exception):  # noqa: B017, PT011 - each its own; the proxy noted it
                await platform.tell("x:U1", "Hello")
        from bot.monitoring.endpoint import ping

        assert not await ping("https://ping.example.org/secret", network)
    await wire.aclose()
    assert asked == [
        "CONNECT export.arxiv.org:443 HTTP/1.1",
        "CONNECT api.example.org:443 HTTP/1.1",
        "CONNECT api.example.org:443 HTTP/1.1",
        "CONNECT ping.example.org:443 HTTP/1.1",
    ]


class Plain:
    def encoded(self) -> str:
        return "search_query=all:x"
