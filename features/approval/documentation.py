"""Whether a bundle's model card says what a reader has to know."""

from __future__ import annotations

from typing import Final

from features.bundle import MODEL_CARD, Bundle
from features.model_file import CardSpec

PARTS: Final = ("description", "limitations", "ethics")
"""What has to be said; keys of ``card`` in ``model.yaml``."""


def missing_parts(bundle: Bundle) -> list[str]:
    """What a bundle's documentation does not say.

    Parameters
    ----------
    bundle
        As `features.bundle.read_bundle` gives it.

    Returns
    -------
    list of str
        Those of `PARTS` of which its manifest holds no word, or words that its card does not show.

    """
    card = bundle.file(MODEL_CARD).read_text(encoding="utf-8", errors="replace")
    words = {part: bundle.manifest.documentation.get(part, "").strip() for part in PARTS}
    return [part for part, text in words.items() if not text or text not in card]


def documentation_of(card: CardSpec) -> dict[str, str]:
    """The words of a model file's ``card`` that go into the manifest.

    Parameters
    ----------
    card
        `features.model_file.CardSpec`.

    Returns
    -------
    dict of str to str
        By part.

    """
    return {part: getattr(card, part) for part in PARTS}
