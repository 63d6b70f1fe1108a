"""The pages that a training leaves for people: one look, everything in one file."""

from offline_training.pages.page import percent, render

__all__ = ["percent", "render"]
