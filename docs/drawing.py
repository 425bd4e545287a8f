"""Pictures of pages of ours, drawn by Chromium. It asks no server for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def draw(pages: Mapping[str, str], style: str, folder: Path, width: int = 720) -> None:
    """Each page as a PNG, as high as it is, by its name."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is needed to draw: apt-get install chromium")
    for name, page in pages.items():
        _draw(chromium, page, style, folder / f"{name}.png", width)


def animate(steps: Sequence[tuple[str, int]], style: str, file: Path, width: int = 720) -> None:
    """Pages of one height as one PNG that moves (APNG), each shown for so many milliseconds. Where
    pictures don't move, the last one is shown."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        names = [f"{number:03}" for number in range(len(steps))]
        pages = dict(zip(names, (page for page, _ in steps), strict=True))
        draw(pages, style, Path(folder), width)
        frames = [Image.open(Path(folder) / f"{name}.png").convert("RGB") for name in names]
    durations = [milliseconds for _, milliseconds in steps]
    frames[-1].save(
        file,
        save_all=True,
        default_image=True,
        append_images=frames,
        duration=durations,
        loop=0,
    )


def _draw(chromium: str, page: str, style: str, file: Path, width: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(
            f"<!doctype html><meta charset=utf-8><style>{style}</style>{page}", encoding="utf-8"
        )
        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]  # fmt: skip
        shown = subprocess.run(  # noqa: S603 - a browser on a page of ours
            [chromium, *flags, "--dump-dom", _measuring(source)],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        height = int(re.findall(r"<title>(\d+)", shown)[0])
        subprocess.run(  # noqa: S603 - the same
            [chromium, *flags, f"--window-size={width},{height}", f"--screenshot={file}",
             source.as_uri()],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip


def _measuring(source: Path) -> str:
    """The same page, saying in its title how high it is."""
    script = (
        "<script>document.title = Math.ceil(document.body.getBoundingClientRect().height)</script>"
    )
    measuring = source.with_name("measuring.html")
    measuring.write_text(source.read_text(encoding="utf-8") + script, encoding="utf-8")
    return measuring.as_uri()
