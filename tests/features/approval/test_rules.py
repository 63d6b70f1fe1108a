"""Who may let a version serve: somebody whom the domain names, and never who trained it."""

from __future__ import annotations

import msgspec
import pytest

from features.approval.rules import Papers
from features.errors import NotApprovedError
from features.routing import ARMS, CHALLENGER, CHAMPION, SHADOW
from tests.features.approval.people import HUMAN, SUBJECT, paper

PUBLISHED = paper("ben", "published")
ANSWERING = (CHAMPION, CHALLENGER)
POLICY = HUMAN._replace(spec=msgspec.structs.replace(HUMAN.spec, approval="policy", approvers=()))


def test_an_approver_who_did_not_train_it_lets_a_version_serve() -> None:
    """As any arm; as a shadow it needs to be published alone."""
    for arm in ARMS:
        HUMAN.require_signed(Papers(PUBLISHED, paper("ann", "approved")), SUBJECT, arm)
    HUMAN.require_signed(Papers(PUBLISHED), SUBJECT, SHADOW)


@pytest.mark.parametrize("arm", ANSWERING)
@pytest.mark.parametrize(
    ("papers", "problem"),
    [
        (Papers(), "nobody has signed that it is published"),
        (Papers("", paper("ann", "approved")), "nobody has signed that it is published"),
        (Papers(PUBLISHED), "nobody has signed that it is approved"),
        (Papers(PUBLISHED, paper("ben", "approved")), "ben is nobody who may say that it is approved"),
        (Papers(PUBLISHED, paper("eve", "approved")), "eve is nobody"),
        (Papers(paper("ann", "published"), paper("ann", "approved")), "ann trained it, somebody else has to"),
        (Papers(paper("eve", "published"), paper("ann", "approved")), "eve is nobody who may say that it is published"),
        (Papers(PUBLISHED, paper("ann", "rejected")), "ann signed that it is rejected"),
    ],
)
def test_without_both_signatures_nobody_is_answered(papers: Papers, problem: str, arm: str) -> None:
    """Missing, self-approved, by people whom the domain does not name."""
    with pytest.raises(NotApprovedError, match=problem):
        HUMAN.require_signed(papers, SUBJECT, arm)  # type: ignore[arg-type]


def test_an_approver_who_was_struck_off_approves_nothing_more() -> None:
    """The rules are those of now."""
    rules = HUMAN._replace(spec=msgspec.structs.replace(HUMAN.spec, approvers=("dan",)))
    with pytest.raises(NotApprovedError, match="ann is nobody"):
        rules.require_signed(Papers(PUBLISHED, paper("ann", "approved")), SUBJECT, CHAMPION)


def test_human_without_approvers_approves_nothing() -> None:
    """What `approval: human` alone says, as a new domain does."""
    rules = HUMAN._replace(spec=msgspec.structs.replace(HUMAN.spec, approvers=()), people={})
    with pytest.raises(NotApprovedError):
        rules.require_signed(Papers(PUBLISHED, paper("ann", "approved")), SUBJECT, CHAMPION)


def test_by_policy_the_domains_people_still_sign_what_they_publish() -> None:
    """Where it names some; else anybody publishes."""
    POLICY.require_signed(Papers(PUBLISHED), SUBJECT, CHAMPION)
    with pytest.raises(NotApprovedError, match="nobody has signed that it is published"):
        POLICY.require_signed(Papers(), SUBJECT, CHAMPION)
    POLICY._replace(people={}).require_signed(Papers(), SUBJECT, CHAMPION)
