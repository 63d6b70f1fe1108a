"""Figures of one look: dark text, light lines, colours that stay apart for the colour-blind."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

Doubles = npt.NDArray[np.float64]

INK: Final = "#1b2733"
SOFT: Final = "#51606f"
LINE: Final = "#dfe5ea"
BLUE: Final = "#1f5f99"
COLOURS: Final = ("#1f5f99", "#d1641b", "#2a8a5f", "#8d4a9e", "#a88600", "#5a6b7b")
"""One a group, in order."""

_DPI = 150


def figure(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """A figure in inches, drawn without a screen."""
    made = Figure(figsize=(width, height), layout=layout, facecolor="white")
    FigureCanvasAgg(made)
    return made


def dress(axes: Any, *, title: str = "", xlabel: str = "", ylabel: str = "", size: float = 9.0, grid: str = "") -> None:
    """Words in dark ink, a frame that stays in the background; ``grid`` is ``x`` or ``y`` or none."""
    if title:
        axes.set_title(title, fontsize=size + 1.5, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(xlabel, fontsize=size, color=SOFT)
    axes.set_ylabel(ylabel, fontsize=size, color=SOFT)
    axes.tick_params(labelsize=size - 0.5, colors=INK, color=SOFT, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)
        axes.spines[side].set_linewidth(0.7)
    if grid:
        axes.grid(axis=grid, color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)


def legend(axes: Any, **options: Any) -> None:
    """A legend without a frame."""
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, **options)


def to_png(made: Figure) -> bytes:
    """The bytes of a PNG, the same for the same picture."""
    for text in made.findobj(Text):
        text.set_parse_math(False)  # a class may be called $10 to $20
    held = BytesIO()
    made.savefig(held, format="png", dpi=_DPI, metadata={"Software": None})
    return held.getvalue()


def data_uri(png: bytes) -> str:
    """A picture inside the page."""
    return f"data:image/png;base64,{b64encode(png).decode()}"


def clipped(name: str, most: int) -> str:
    """A name of at most so many characters, its middle left out."""
    if len(name) <= most:
        return name
    front = (most - 1) // 2
    return f"{name[:front]}…{name[front + 1 - most :]}"


def short_ticks(axis: Any) -> None:
    """Ticks of an axis as `tick_numbers` writes them, with no power of ten set apart."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def tick_numbers(values: Sequence[float]) -> list[str]:
    """Short numbers for ticks: 1200 as 1.2k."""
    return [_short(value) for value in values]


def _short(value: float) -> str:
    for unit, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{word}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")
