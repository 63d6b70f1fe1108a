"""What a domain asks of the versions of one model before they may serve, and whether one has it to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from features.approval.checks import Check, check_bundle
from features.approval.statements import Statement, Subject, read_statement
from features.bundle import Bundle
from features.domain import Domain
from features.errors import NotApprovedError
from features.model_file import ModelSpec
from features.routing import SHADOW, Arm


class Papers(NamedTuple):
    """What the registry holds of a version in people's own words: signed statements as JSON, empty where there is none.

    Whoever may write to the registry may write anything here, so nothing of it counts before it was verified.
    """

    published: str = ""
    approved: str = ""


class Rules(NamedTuple):
    """Of one model, as its domain folder states them here; ``people`` are public keys by name."""

    project: str
    model: str
    spec: ModelSpec
    people: Mapping[str, str]

    def subject(self, version: str, digest: str) -> Subject:
        """A version of this model, as statements name it."""
        return Subject(project=self.project, model=self.model, version=version, digest=digest)

    def require_published(self, papers: Papers, subject: Subject) -> Statement | None:
        """Who published a version; None where the domain names nobody, so that nobody signs.

        Raises
        ------
        NotApprovedError
            None of the domain's people has signed that.

        """
        if not self.people:
            return None
        return read_statement(papers.published, "published", subject, self.people)

    def require_signed(self, papers: Papers, subject: Subject, arm: Arm) -> None:
        """Hold what people signed of a version against the rules.

        Parameters
        ----------
        papers
            As the registry holds them.
        subject
            The version.
        arm
            What it is to be. Champion and challenger need the signature of an approver who did not train it; with
            ``approval: policy`` the checks of the bundle stand for it. A shadow, heard by nobody, does without.

        Raises
        ------
        NotApprovedError
            What is asked for is not there.

        """
        published = self.require_published(papers, subject)
        if self.spec.approval == "policy" or arm == SHADOW:
            return
        approvers = {name: self.people[name] for name in self.spec.approvers}
        approved = read_statement(papers.approved, "approved", subject, approvers)
        if published is None or approved.by == published.by:
            raise NotApprovedError(str(subject), f"{approved.by} trained it, somebody else has to approve it")

    def require_sound(self, bundle: Bundle) -> tuple[Check, ...]:
        """Run the automatic checks.

        Parameters
        ----------
        bundle
            As `features.bundle.read_bundle` gives it.

        Returns
        -------
        tuple of Check
            All of them, passed.

        Raises
        ------
        NotApprovedError
            One did not pass.

        """
        checks = check_bundle(bundle, self.spec)
        for check in checks:
            if not check.passed:
                raise NotApprovedError(f"bundle of {self.model} {bundle.digest[:16]}…", str(check))
        return checks


def rules_of(domain: Domain, model: str) -> Rules:
    """The rules for a model.

    Parameters
    ----------
    domain
        The domain folder, read.
    model
        One of its models.

    Returns
    -------
    Rules
        What it says.

    Raises
    ------
    DomainError
        There is no such model.

    """
    _, spec = domain.model(model)
    return Rules(domain.project, model, spec, domain.people)
