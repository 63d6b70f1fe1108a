"""What people say of one version of a model, and sign: that they publish it, approve of it, or reject it."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from features.approval.signing import SigningKey, is_signed
from features.errors import NotApprovedError

Kind: TypeAlias = Literal["published", "approved", "rejected"]

_PURPOSE: Final = b"millstream statement 1\n"
"""Begins all that is signed, so that no signature made for something else is one of these."""


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one person said of one version, when, and why.

    Model, version and digest bind it to that version alone. ``log_head`` is the hash of the last entry of the audit log
    before it: who rewrites what the log said before a signature cannot keep the signature. ``signature`` is over all
    other fields.
    """

    kind: Kind
    project: str
    model: str
    version: str
    digest: str
    by: str
    at: datetime
    log_head: str
    reason: str = ""
    signature: str = ""

    def signed(self, key: SigningKey) -> "Statement":
        """The same with its signature."""
        return msgspec.structs.replace(self, signature=key.sign(self._message()))

    def is_by(self, people: Mapping[str, str]) -> bool:
        """Whether the person that it names has signed it; ``people`` are public keys by name."""
        return self.by in people and is_signed(self._message(), self.signature, people[self.by])

    def _message(self) -> bytes:
        bare = msgspec.structs.replace(self, signature="")
        return _PURPOSE + msgspec.json.encode(bare, order="sorted")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a statement has to be about."""

    project: str
    model: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


def read_statement(written: str, kind: Kind, subject: Subject, people: Mapping[str, str]) -> Statement:
    """The statement in a registry's tag, held against its signature and against what it has to be about.

    Parameters
    ----------
    written
        The tag: JSON, or empty.
    kind, subject
        What has to be said, and of which version.
    people
        Public keys of those who may say it, by name.

    Returns
    -------
    Statement
        Signed by one of them.

    Raises
    ------
    NotApprovedError
        There is none, or it is not that.

    """
    if not written:
        raise NotApprovedError(str(subject), f"nobody has signed that it is {kind}")
    try:
        statement = msgspec.json.decode(written, type=Statement)
    except msgspec.MsgspecError as error:
        raise NotApprovedError(str(subject), f"what says that it is {kind} cannot be read ({error})") from error
    if statement.kind != kind:
        raise NotApprovedError(str(subject), f"{statement.by} signed that it is {statement.kind}, not {kind}")
    about = Subject(
        project=statement.project, model=statement.model, version=statement.version, digest=statement.digest
    )
    if about != subject:
        raise NotApprovedError(
            str(subject), f"that it is {kind} was signed of {about} of {about.project}, {about.digest[:16]}…"
        )
    if statement.by not in people:
        raise NotApprovedError(str(subject), f"{statement.by} is nobody who may say that it is {kind}")
    if not statement.is_by(people):
        raise NotApprovedError(str(subject), f"that it is {kind} does not bear the signature of {statement.by}")
    return statement
