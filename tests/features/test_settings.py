"""Which names of the environment are settings."""

from __future__ import annotations

import pytest

from features.errors import SettingsError
from features.settings import refuse_unknown_names


@pytest.mark.parametrize("name", ["MILLSTREAM_STORE__PROT", "millstream_store__prot", "MILLSTREAM_KAFKA"])
def test_a_name_that_sets_nothing_is_refused(name: str) -> None:
    """In any case of letters, for pydantic reads them in any; what it does not know it drops in silence."""
    with pytest.raises(SettingsError, match="there is no such setting"):
        refuse_unknown_names({name: "1"})


def test_settings_and_strangers_are_let_through() -> None:
    """Names of other programs are none of our business."""
    refuse_unknown_names({"MILLSTREAM_STORE__PORT": "1", "millstream_repo": ".", "MILL": "1", "PATH": "/"})
