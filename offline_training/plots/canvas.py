"""What every plot looks like, and how one becomes a file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
GREY: Final = "#8A8F98"
INK: Final = "#22262B"
COLOURS: Final = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#B8B000")
"""Okabe and Ito's, which people who see fewer colours tell apart."""

WIDE: Final = (8.0, 5.0)
SQUARE: Final = (6.4, 6.0)
_TITLE_LETTERS_AN_INCH: Final = 8.5
_STYLE: Final = {
    "axes.edgecolor": "#C4C9D0",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "font.size": 10.5,
    "grid.color": "#E9ECEF",
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $10 to $20
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(path: Path, plot: Callable[[Any], None], size: tuple[float, float] = WIDE) -> Path:
    """Write a PNG file of one plot, which is drawn on axes; a file is there whole or not at all.

    The axes' title is moved to the picture's left edge, and wrapped: rows with long names leave axes little width.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        plot(axes)
        title = textwrap.fill(axes.get_title(loc="left"), int(size[0] * _TITLE_LETTERS_AN_INCH))
        axes.set_title("", loc="left")
        figure.suptitle(title, x=0.012, horizontalalignment="left", fontsize=13, fontweight="bold")
        fresh = path.with_suffix(".tmp")
        figure.savefig(fresh, dpi=120, format="png")
    return fresh.replace(path)


def tall(n_rows: int, *, width: float = 8.0, row: float = 0.34) -> tuple[float, float]:
    """Size of a plot that has a line for each of some rows."""
    return width, max(3.2, 1.6 + row * n_rows)


def shorten(name: str, most: int = 48) -> str:
    """A name as long as a plot has room for."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-most // 2 :]}"


def value_text(value: float) -> str:
    """An input's value as a plot writes it."""
    return "missing" if math.isnan(value) else f"{value:,.4g}"
