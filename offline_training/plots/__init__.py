"""Pictures of a model on its tested rows, as PNG files.

`offline_training.plots.gallery` says which there are; one file of this room draws what belongs together.
"""

from offline_training.plots.gallery import draw_explanations, draw_figures

__all__ = ["draw_explanations", "draw_figures"]
