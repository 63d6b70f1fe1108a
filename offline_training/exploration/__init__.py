"""What a training set looks like: reports for people, and which of its features are worth keeping."""

from offline_training.exploration.explore import explore
from offline_training.exploration.explored import Explored

__all__ = ["Explored", "explore"]
