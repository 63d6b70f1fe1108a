"""The model card: what a model is and is for, how good it is and for whom, where it came from, what is not known.

Its parts are those of Mitchell et al., "Model Cards for Model Reporting" (2019), and what SR 26-2 and Annex IV of the
EU's AI Act ask for in a model's documentation. Figures come from the run, words from ``card`` in ``model.yaml``; what
neither says is said to be missing.
"""

from offline_training.card.facts import CardFacts
from offline_training.card.page import write_page
from offline_training.card.text import write_card

__all__ = ["CardFacts", "write_card", "write_page"]
