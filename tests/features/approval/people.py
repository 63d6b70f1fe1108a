"""People with keys of their own: ben and ann train, ann and dan approve, and eve is nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.approval.identity import Identity
from features.approval.rules import Rules
from features.approval.signing import SigningKey
from features.approval.statements import Kind, Statement, Subject
from tests.grpc_api.shop import POLICY_SPEC

AT = datetime(2026, 1, 2, 12, tzinfo=UTC)
SUBJECT = Subject(project="shop", model="buys", version="3", digest="d" * 64)


@cache
def person(name: str) -> Identity:
    """Somebody with a key, the same in every process."""
    return Identity(name, SigningKey(Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())))


def public(name: str) -> str:
    """Their public key."""
    key = person(name).key
    assert key is not None
    return key.public


PEOPLE = {name: public(name) for name in ("ben", "ann", "dan")}
HUMAN = Rules("shop", "buys", msgspec.structs.replace(POLICY_SPEC, approval="human", approvers=("ann", "dan")), PEOPLE)


def said(by: str, kind: Kind, subject: Subject = SUBJECT) -> Statement:
    """What somebody signed of a version."""
    about = msgspec.structs.asdict(subject)
    return person(by).sign(Statement(kind=kind, by=by, at=AT, log_head="0" * 64, **about))


def paper(by: str, kind: Kind, subject: Subject = SUBJECT) -> str:
    """The same as the registry holds it."""
    return msgspec.json.encode(said(by, kind, subject)).decode()
