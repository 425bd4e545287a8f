"""Chromium, without a window, by its DevTools protocol.

Chromium is no package of Python's: where none is installed, ``chromium`` skips the test.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No traffic of its own; as root, and in a container, it has no sandbox.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-first-run",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip
START_TIMEOUT = 30.0  # seconds


def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    return found


class Tab:
    """One page in the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(1000)
        self._loaded = False
        self.console: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command; what the page wrote meanwhile goes to ``console``."""
        number = next(self._numbers)
        await self._socket.send_json(
            {"id": number, "sessionId": self._session, "method": method, "params": params}
        )
        while (said := await self._receive()).get("id") != number:
            pass
        assert "error" not in said, said
        return dict(said["result"])

    async def _receive(self) -> dict[str, Any]:
        said: dict[str, Any] = await self._socket.receive_json()
        if said.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.console.append(str(said["params"]))
        self._loaded |= said.get("method") == "Page.loadEventFired"
        return said

    async def open(self, url: str) -> None:
        """Until it has loaded; the address has to be of another document."""
        self._loaded = False
        await self.call("Page.navigate", url=url)
        while not self._loaded:
            await self._receive()

    async def value(self, expression: str) -> Any:
        """What an expression is in the page, as JSON."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def type(self, text: str) -> None:
        """Into what has the focus, in place of what is there."""
        await self.value("document.activeElement.select()")
        await self.call("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """With the mouse, where it is seen."""
        box = await self.value(
            f"(e => (e.scrollIntoView({{block: 'center'}}), (r => [r.x + 9, r.y + r.height / 2])"
            f"(e.getBoundingClientRect())))(document.querySelector({selector!r}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            await self.call("Input.dispatchMouseEvent", type=kind, **where)

    async def screenshot(self) -> bytes:
        """What is seen now, as a PNG."""
        found = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(found["data"])

    async def look(self, width: int, height: int, scheme: str, *, mobile: bool = False) -> None:
        """As on a screen of that size, in ``light`` or ``dark``."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, which ends with the context."""
    process = await asyncio.create_subprocess_exec(
        chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_TIMEOUT):
            address = await _address(process)
        async with (
            aiohttp.ClientSession(trust_env=False) as client,
            client.ws_connect(address, max_msg_size=0) as socket,
        ):
            target = await _browser_call(socket, 1, "Target.createTarget", url="about:blank")
            attached = await _browser_call(
                socket, 2, "Target.attachToTarget", targetId=target["targetId"], flatten=True
            )
            browser = Tab(socket, attached["sessionId"])
            for domain in ("Page", "Log", "Runtime"):
                await browser.call(f"{domain}.enable")
            yield browser
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"DevTools listening on "):
            return line.decode().split()[-1]
    raise AssertionError("Chromium ended")


async def _browser_call(
    socket: aiohttp.ClientWebSocketResponse, number: int, method: str, **params: Any
) -> dict[str, Any]:
    await socket.send_json({"id": number, "method": method, "params": params})
    while (said := await socket.receive_json()).get("id") != number:
        pass
    return dict(said["result"])
