"""Bars as a picture: a PNG of a fitting size, whatever the labels say."""

from __future__ import annotations

import struct

import pytest

from bot.chart import draw
from bot.model import Bars

pytest.importorskip("matplotlib")


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_picture_grows_with_its_bars_and_stays_small_enough_to_send() -> None:
    few = draw([Bars("Papers", ["a"], [1.0], ["1"])])
    labels = [f"keyword {n}" for n in range(10)]
    many = draw([Bars("Papers", labels, [float(n) for n in range(10)], labels)] * 2)
    assert size_of(few)[0] == size_of(many)[0]
    assert size_of(few)[1] < size_of(many)[1]
    assert len(many) < 500_000


@pytest.mark.parametrize("label", ["$\\undefined{x}$", "$", "漢字 🙂", "", "_hidden"])
def test_labels_of_others_are_drawn_as_they_are(label: str) -> None:
    assert size_of(draw([Bars(label, [label, label], [0.0, 0.0], [label, label])]))[1] > 100
