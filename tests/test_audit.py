"""A known fault of a locked version fails the check; a silent database is never "no faults"."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.audit import ROOT, main, verdict

BASE = str(ROOT / "requirements" / "base.txt")

FAULT = {
    "id": "INVENTED-2026-1", "summary": "It can be talked into anything.", "details": "",
    "affected": [{
        "package": {"name": "httpx", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
    }],
}  # fmt: skip


@contextmanager
def database(faulty: str) -> Iterator[str]:
    """The address of one that knows a fault of this package, or of none."""

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = [FAULT] if asked["package"]["name"] == faulty else []
            body = json.dumps({"vulns": known} if known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def test_a_known_fault_fails_the_check_and_names_what_mends_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with database("httpx") as url:
        assert main([BASE, "--osv-url", url]) == 1
    said = capsys.readouterr().out
    assert "INVENTED-2026-1; mended in 99.1" in said
    assert "1 fault\n" in said


def test_every_locked_version_is_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    with database("nothing") as url:
        assert main([BASE, "--needed", "--osv-url", url]) == 0
    said = capsys.readouterr().out
    assert " 0 faults" in said
    assert "not looked up" not in said


def test_a_silent_database_is_said_and_is_no_clean_bill(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([BASE, "--needed", "--osv-url", "http://127.0.0.1:9/v1/query"]) == 1
    assert "nothing was looked up" in capsys.readouterr().out
    status, said = verdict(None, needed=False)
    assert status == 0, "a check must work without a network"
    assert "nothing was looked up" in said[0]
