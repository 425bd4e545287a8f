"""Draws what a benchmark measured: lines over logarithmic axes, as SVG.

The same figures give the same file, byte for byte, with the locked matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"

# Told apart by people who see no red and green, too (Okabe and Ito).
_COLOURS = ("#d55e00", "#56b4e9", "#009e73", "#cc79a7", "#e69f00")
_OURS = "#0072b2"
_YARDSTICK = "#888888"
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "svg.hashsalt": "daily-papers",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
}


@dataclass(frozen=True, slots=True)
class Line:
    """``sure`` says of each point whether it was measured; without it, all were.

    A piece that leads to one which was not is dashed, and a line of which nothing was is grey.
    ``ours`` is drawn broader, and behind the others.
    """

    name: str
    points: Sequence[tuple[float, float]]
    sure: Sequence[bool] = ()
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes, both logarithmic."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]


def draw(name: str, panels: Sequence[Panel]) -> Path:
    """``docs/pictures/performance-NAME.svg``, the panels side by side."""
    import matplotlib as mpl  # most runs print tables only
    from matplotlib.figure import Figure

    path = FOLDER / f"performance-{name}.svg"
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6 * len(panels), 3.8), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(row, panels, strict=True):
            _panel(axes, panel)
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(path, metadata={"Date": None})
    return path


def _panel(axes: Axes, panel: Panel) -> None:
    axes.set(xscale="log", yscale="log", xlabel=panel.x, ylabel=panel.y)
    axes.set_title(panel.title, loc="left", fontsize=10)
    for formatted in (axes.xaxis, axes.yaxis):
        formatted.set_major_formatter(lambda value, _: f"{value:,.10g}")
        formatted.set_minor_formatter(lambda *_: "")
    heights = [log10(y) for line in panel.lines for _, y in line.points]
    axes.set_ylim(10.0 ** floor(min(heights)), 10.0 ** ceil(max(heights)))  # whole powers: labels
    axes.set_xticks(sorted({x for line in panel.lines for x, _ in line.points}))
    colours = iter(_COLOURS)
    for line in panel.lines:
        sure = line.sure or [True] * len(line.points)
        colour = _OURS if line.ours else next(colours) if any(sure) else _YARDSTICK
        measured = [point for point, known in zip(line.points, sure, strict=True) if known]
        rest = line.points[max(0, len(measured) - 1) :]
        width, front = (3.5, 2) if line.ours else (1.4, 3)
        if measured:
            axes.plot(*zip(*measured, strict=True), "o-", color=colour, label=line.name,
                      linewidth=width, markersize=4, zorder=front)  # fmt: skip
        if len(rest) > 1:
            axes.plot(*zip(*rest, strict=True), "--", color=colour, linewidth=width,
                      label=None if measured else line.name, zorder=front)  # fmt: skip
