"""What becomes of a free text at a request: the numbers of its words, one feature each, and how many there are."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

N_WORDS = 48
"""Words of a text that are read; what comes later is passed over."""

LONGEST = 4_000
"""Characters of a text that are looked at."""


@lru_cache(maxsize=64)
def _words(page_text: str | None) -> tuple[float, ...]:
    """Runs of letters and digits, whatever their case and form, each as a number that hardly another word has."""
    plain = unicodedata.normalize("NFKC", (page_text or "")[:LONGEST]).casefold()
    digests = [hashlib.blake2b(word.encode(), digest_size=6).digest() for word in re.findall(r"[^\W_]+", plain)]
    return tuple(float(int.from_bytes(digest, "big")) for digest in digests)


def n_terms(page_text: str | None) -> float | None:
    """How many of its words are read."""
    return None if page_text is None else float(min(len(_words(page_text)), N_WORDS))


def word_at(_place: int) -> Callable[[str | None], float | None]:
    """The feature of one place: the word that stands there, NaN, which is null, behind the last."""

    def word(page_text: str | None) -> float | None:
        words = _words(page_text)
        return words[_place] if _place < len(words) else math.nan  # Feast infers the type of no null

    return word


WORDS = tuple(f"term_{place}" for place in range(N_WORDS))
globals().update({name: word_at(place) for place, name in enumerate(WORDS)})
