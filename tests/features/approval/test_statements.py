"""What people sign: of one version, by one person, and nothing of it can be changed afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from features.approval.statements import Statement, read_statement
from features.errors import NotApprovedError
from tests.features.approval.people import AT, PEOPLE, SUBJECT, paper, public, said


def test_what_was_signed_is_read() -> None:
    """By whom, and of what."""
    assert read_statement(paper("ann", "approved"), "approved", SUBJECT, PEOPLE) == said("ann", "approved")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rejected"},
        {"project": "other"},
        {"model": "sells"},
        {"version": "4"},
        {"digest": "e" * 64},
        {"by": "dan"},
        {"at": AT + timedelta(seconds=1)},
        {"log_head": "1" * 64},
        {"reason": "because"},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": "no base64"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_no_field_can_be_changed_under_its_signature(change: dict[str, Any]) -> None:
    """A copy for another version, another name, another time: none is signed."""
    forged = msgspec.structs.replace(said("ann", "approved"), **change)
    assert not forged.is_by(PEOPLE)


def test_every_field_is_signed() -> None:
    """A field that is added later has to be tried above as well."""
    tried = {"kind", "project", "model", "version", "digest", "by", "at", "log_head", "reason", "signature"}
    assert {field.name for field in msgspec.structs.fields(Statement)} == tried


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "nobody has signed that it is approved"),
        ("approved", "cannot be read"),
        ("{}", "cannot be read"),
        (paper("ann", "published"), "ann signed that it is published, not approved"),
        (paper("ann", "rejected"), "ann signed that it is rejected"),
        (paper("ann", "approved", msgspec.structs.replace(SUBJECT, version="2")), "signed of buys 2"),
        (paper("ann", "approved", msgspec.structs.replace(SUBJECT, digest="e" * 64)), "eeeeeeee"),
        (paper("ann", "approved", msgspec.structs.replace(SUBJECT, project="mall")), "of mall"),
        (paper("eve", "approved"), "eve is nobody who may"),
        (paper("eve", "approved").replace('"eve"', '"ann"'), "does not bear the signature of ann"),
    ],
)
def test_what_is_not_the_approval_of_this_version_is_refused(written: str, problem: str) -> None:
    """Nothing, something else, of something else, by somebody else."""
    with pytest.raises(NotApprovedError, match=problem):
        read_statement(written, "approved", SUBJECT, PEOPLE)


def test_a_key_that_was_exchanged_signs_no_more() -> None:
    """Under the name of before, another key is another person."""
    with pytest.raises(NotApprovedError, match="does not bear the signature"):
        read_statement(paper("ann", "approved"), "approved", SUBJECT, {"ann": public("eve")})
