"""API keys: who has one, what it lets them do, and what stands in the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import RequestError, SettingsError
from grpc_api.access.api_keys import ApiKeys, new_key
from grpc_api.refusals import UnauthenticatedError


def test_a_key_says_whose_it_is_and_what_it_may() -> None:
    """The file that `new_key` makes lines for knows its keys."""
    key, line = new_key("checkout", ["score"])
    other, other_line = new_key("ops", ["score", "admin"])
    keys = ApiKeys.parse(f"# ours\n{line}\n\n  {other_line}\n".encode())
    assert keys.caller(key) == ("checkout", {"score"})
    assert keys.caller(other) == ("ops", {"score", "admin"})


def test_old_and_new_keys_of_a_client_live_side_by_side() -> None:
    """Until the old one's line is taken out."""
    (old, old_line), (new, new_line) = new_key("a", ["score"]), new_key("a", ["admin"])
    both = ApiKeys.parse(f"{old_line}\n{new_line}".encode())
    assert [both.caller(one).groups for one in (old, new)] == [{"score"}, {"admin"}]
    with pytest.raises(UnauthenticatedError):
        ApiKeys.parse(new_line.encode()).caller(old)


@given(wrong=st.text(max_size=60))
def test_anything_else_is_nobody(wrong: str) -> None:
    """Whatever it is, and however near."""
    _, line = new_key("a", ["score"])
    for one in (wrong, f"a.{wrong}", "a.", "a", line):
        with pytest.raises(UnauthenticatedError) as refused:
            ApiKeys.parse(line.encode()).caller(one)
        assert len(wrong) < 12 or wrong not in str(refused.value)


def test_the_file_holds_no_key() -> None:
    """Whoever reads it cannot call."""
    key, line = new_key("a", ["score"])
    assert key.partition(".")[2] not in line
    with pytest.raises(UnauthenticatedError):
        ApiKeys.parse(line.encode()).caller("a." + line.rpartition(":")[2])


@pytest.mark.parametrize(
    "line", ["a:score", "a:other:" + "0" * 64, "a b:score:" + "0" * 64, ":score:" + "0" * 64, "\xff"]
)
def test_a_line_that_is_no_key_is_named_by_its_number(line: str) -> None:
    """And not shown, for it may hold what somebody took for the right place of a secret."""
    _, good = new_key("a", ["score"])
    with pytest.raises(SettingsError, match="line 2") as refused:
        ApiKeys.parse(f"{good}\n{line}".encode("latin-1"))
    assert line not in str(refused.value)


def test_a_file_without_keys_is_refused() -> None:
    """Nobody could call; that is meant by nobody."""
    with pytest.raises(SettingsError, match="no key in it"):
        ApiKeys.parse(b"# none yet\n")


@pytest.mark.parametrize(("client", "groups"), [("a.b", ["score"]), ("", ["score"]), ("a", ["open"]), ("a", [])])
def test_a_key_is_made_for_a_name_and_groups_that_there_are(client: str, groups: list[str]) -> None:
    """Others could not be told apart in a key or a line."""
    with pytest.raises(RequestError):
        new_key(client, groups)
