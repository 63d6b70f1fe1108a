"""Commands as Redis reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.redis_words import pack, pack_in_python

of_every_packer = pytest.mark.parametrize("packer", [pack_in_python, pack], ids=["python", "used here"])
lengths = st.sampled_from([0, 1, 9, 10, 99, 100, 999, 1_000, 4_095, 4_096, 100_000])


@of_every_packer
@given(st.lists(st.one_of(st.binary(max_size=20), lengths.map(bytes)), min_size=1, max_size=12))
def test_words_are_packed_as_hiredis_packs_them(packer: Callable[[Sequence[bytes]], bytes], words: list[bytes]) -> None:
    """Byte for byte, whatever is in a word and however long it is, from a list or a tuple."""
    assert packer(words) == packer(tuple(words)) == hiredis.pack_command(tuple(words))


@of_every_packer
@pytest.mark.parametrize("word", [None, 7, "text"])
def test_a_word_that_is_not_bytes_is_refused(packer: Callable[[Sequence[bytes]], bytes], word: object) -> None:
    """Never written as something else."""
    with pytest.raises(TypeError):
        packer([b"SET", word])  # type: ignore[list-item]  # the point
