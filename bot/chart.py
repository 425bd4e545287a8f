"""Bars as a picture (PNG), where matplotlib is installed: the extra ``plots``.

The picture has a dark background of its own, so that it can be read on any screen.
Labels are drawn as they are: no mathematics, no markup. One picture is drawn at a time.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from bot.model import Bars

BACKGROUND, TEXT, FAINT = "#1f2329", "#f2f3f5", "#9aa4b2"
COLOURS = ("#56b4e9", "#e69f00")  # told apart by colour-blind people too
WIDTH, BAR_HEIGHT, AROUND = 7.2, 0.34, 0.75  # inches
DOTS_PER_INCH = 150
_one_at_a_time = threading.Lock()


def can_draw() -> bool:
    return find_spec("matplotlib") is not None


def draw(groups: Sequence[Bars]) -> bytes:
    """The groups below each other, as PNG. Takes a second the first time. Raises ImportError if
    ``can_draw`` is false."""
    from matplotlib import rc_context  # 40 MB, only where somebody asks
    from matplotlib.figure import Figure

    heights = [AROUND + BAR_HEIGHT * len(group.values) for group in groups]
    style: Any = {"font.family": "DejaVu Sans", "font.size": 10, "text.parse_math": False}
    with _one_at_a_time, rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about characters that the font lacks
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained", facecolor=BACKGROUND)
        column = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
        for number, (axes, group) in enumerate(zip(column, groups, strict=True)):
            _draw_group(axes, group, COLOURS[number % len(COLOURS)])
        into = io.BytesIO()
        figure.savefig(into, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return into.getvalue()


def _draw_group(axes: Any, group: Bars, colour: str) -> None:
    axes.set_facecolor(BACKGROUND)
    axes.set_title(group.title, loc="left", color=TEXT, fontsize=11, fontweight="bold")
    bars = axes.barh(range(len(group.values)), group.values, color=colour, height=0.7)
    axes.bar_label(bars, group.said, padding=4, color=TEXT)
    axes.set_yticks(range(len(group.values)), group.labels, color=TEXT)
    axes.set_xlim(0, max([*group.values, 0.1]) * 1.25)  # with room for that text
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.set_xticks([])
    for name, spine in axes.spines.items():
        spine.set_visible(name == "left")
        spine.set_color(FAINT)
