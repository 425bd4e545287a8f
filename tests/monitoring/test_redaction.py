"""Configured addresses show where they lead and nothing else; links to papers stay whole."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import config, redaction
from bot.config.keys import SECTIONS
from bot.errors import ConfigError, SourceDown
from bot.monitoring import logs

PROXY = "http://ada:hunter2secret@proxy.uni.test:3128/tenant-91ab?key=swordfish"
PING = "https://ping.uni.test/3f1c9a52-0d6e-4f9a-9f0e-1b2c3d4e5f60"
DATABASE = "postgresql://papers:p%40ssw0rd@db.uni.test/papers_of_the_group?sslmode=require"


@pytest.fixture(autouse=True)
def _configured() -> Iterator[None]:
    known = (redaction._hidden, redaction._hosts, redaction._addresses)
    for each in known:
        each.clear()
    redaction.hide_addresses([PROXY, PING, DATABASE])
    yield
    for each in known:
        each.clear()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"via {PROXY}.", "via http://proxy.uni.test:3128/…"),
        (f"url=URL('{PING}'), 404", "url=URL('https://ping.uni.test/…'), 404"),
        (f'connecting to "{DATABASE}" failed', 'connecting to "postgresql://db.uni.test/…" failed'),
        ("HTTPS://PING.UNI.TEST/3f1c", "HTTPS://PING.UNI.TEST/…"),
        ("ada:hunter2secret@proxy.uni.test:3128 refused", "proxy.uni.test:3128 refused"),
        ("the password is hunter2secret", "the password is ***"),
        ("or p@ssw0rd, once decoded", "or ***, once decoded"),
        ("GET /3f1c9a52-0d6e-4f9a-9f0e-1b2c3d4e5f60 404", "GET /*** 404"),
        (
            "Cannot connect to host proxy.uni.test:3128",
            "Cannot connect to host proxy.uni.test:3128",
        ),
        (
            "https://arxiv.org/abs/2603.01234?context=cs",
            "https://arxiv.org/abs/2603.01234?context=cs",
        ),
        ("https://notping.uni.test/whole?a=b", "https://notping.uni.test/whole?a=b"),
        ("https://ping.uni.test.evil.test/whole", "https://ping.uni.test.evil.test/whole"),
        ("http://proxy.uni.test:31280/whole", "http://proxy.uni.test:31280/whole"),
        ("Ada Example <ada@uni.test>", "Ada Example <ada@uni.test>"),
        # Of an address that was not configured, or was written otherwise: the password, however
        # short, and nothing else.
        (
            "postgresql://bot:geh@other.test/db is gone",
            "postgresql://bot:***@other.test/db is gone",
        ),
        ("http://:geh@proxy.uni.test:31280/x", "http://:***@proxy.uni.test:31280/x"),
        ("https://git.test/a:b/c@1.2, see @ada", "https://git.test/a:b/c@1.2, see @ada"),
    ],
)
def test_an_address_that_was_configured_shows_where_it_leads_alone(text: str, shown: str) -> None:
    assert redaction.redacted(text) == shown


def test_no_error_and_no_log_line_tells_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert str(SourceDown(f"407 from {PROXY}")) == "407 from http://proxy.uni.test:3128/…"
    logs.set_up(verbose=False)
    for written in ("text", "json"):
        logs.write_as(written)
        logging.getLogger("aiohttp").error("failed url=%s", PING)
        try:
            raise RuntimeError(DATABASE)
        except RuntimeError:
            logging.getLogger("bot").exception("broken")
    said = capsys.readouterr().err
    assert "https://ping.uni.test/…" in said
    for secret in ("3f1c9a52", "p%40ssw0rd", "papers_of_the_group", "sslmode"):
        assert secret not in said


ADDRESSES = sorted(
    (section, name)
    for section, keys in SECTIONS.items()
    for name in keys
    if name.endswith("url") or name in {"proxy", "listen", "data", "path", "contact"}
)
REFUSED = (
    "socks5://ada:hunter2@proxy.test:1080/hunter2",
    "http://ada:hunter2@proxy.test:http/hunter2?hunter2",
    "https://[ada:hunter2@x/hunter2",
    "ada:hunter2@proxy.test:3128/hunter2 x",
)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        (section, name, value)
        for section, name in ADDRESSES
        for value in REFUSED
        if "://" in value or name not in {"data", "path"}  # a file may be called that
    ],
)
def test_a_mistake_in_an_address_names_the_key_and_never_repeats_it(
    section: str, name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.check(f"[{section}]\n{name} = {json.dumps(value)}\n", Path("bot.toml"))
    assert f"{section}.{name}: " in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_address_that_may_let_somebody_in_is_hidden(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(
        '[health]\nping_url = "https://ping.test/3f1c9a52-0d6e"\n'
        '[discord]\nproxy = "http://10.0.0.1:3128/tenant"\n'
    )
    environ = {
        "HTTPS_PROXY": "http://ada:hunter2@proxy.test:3128",
        "ALL_PROXY": "http://all.test",
        "DATABASE_URL": "postgresql://ada:hunter3@db.test/papers",
    }
    found = config.load(file, environ, need_secrets=False, needs_contact=False)
    assert set(found.private_addresses()) == {
        "http://ada:hunter2@proxy.test:3128",
        "http://all.test",
        "http://10.0.0.1:3128/tenant",
        "https://ping.test/3f1c9a52-0d6e",
        "postgresql://ada:hunter3@db.test/papers",
    }


def test_the_beginning_of_a_kind_of_token_is_no_token() -> None:
    expected = "this one begins with xoxb-."
    assert redaction.redacted(expected) == expected
    assert "1-2" not in redaction.redacted("xoxb-1-2.")
