"""What `model.yaml` says of approval: human where it says nothing, and nothing that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.approval.rules import rules_of
from features.domain import load_domain
from features.errors import DomainError
from tests.features.approval.people import public
from tests.features.small_domain import SmallDomain

ANN, BEN = public("ann"), public("ben")
PEOPLE = f"people:\n  ann: {ANN}\n  ben: {BEN}\nmodels:\n"


@pytest.fixture
def domain(tmp_path: Path) -> SmallDomain:
    """One that says nothing of approval."""
    return SmallDomain(tmp_path)


def test_a_domain_that_says_nothing_asks_for_a_human_and_the_usual_bounds(domain: SmallDomain) -> None:
    """Of whom it names none, so nothing is approved."""
    rules = rules_of(load_domain(domain.repo), "overflow")
    assert (rules.spec.approval, rules.spec.approvers, rules.people) == ("human", (), {})
    assert (rules.spec.checks.min_accuracy, rules.spec.checks.max_bias) == (0.85, 0.1)


def test_people_approvers_and_bounds_are_read(domain: SmallDomain) -> None:
    """Keys by name, for all models of the file."""
    domain.replace("model.yaml", "models:\n", PEOPLE)
    domain.replace("model.yaml", "horizon: 6h", "horizon: 6h\n    approvers: [ann]\n    checks: {min_accuracy: 0.7}")
    rules = rules_of(load_domain(domain.repo), "overflow")
    assert rules.people == {"ann": ANN, "ben": BEN}
    assert (rules.spec.approvers, rules.spec.checks.min_accuracy) == (("ann",), 0.7)


@pytest.mark.parametrize(
    ("people", "model", "says"),
    [
        (PEOPLE, "approval: nobody", "approval"),
        (PEOPLE, "approvers: [eve]", "eve is not among people"),
        (PEOPLE, "approval: policy\n    approvers: [ann]", "are asked by nobody"),
        (PEOPLE, "checks: {min_accuracy: 1.5}", "min_accuracy: is above 1"),
        (PEOPLE, "checks: {max_bias: 0}", "max_bias: is no share"),
        (PEOPLE, "checks: {accuracy: 0.9}", "accuracy"),
        (PEOPLE.replace("ben:", "policy:"), "seed: 1", "policy: is no name"),
        (PEOPLE.replace("ben:", "'ben b.':"), "seed: 1", "is no name"),
        (PEOPLE.replace(BEN, ANN), "seed: 1", "ben: has the key of ann"),
        (PEOPLE.replace(BEN, BEN.removeprefix("ed25519:")), "seed: 1", "ben: is no public key"),
        (PEOPLE.replace(BEN, "ed25519:AAAA"), "seed: 1", "ben: is no public key"),
        (PEOPLE.replace(BEN, "ed25519:%%%%"), "seed: 1", "ben: is no public key"),
    ],
)
def test_what_cannot_be_meant_is_refused(domain: SmallDomain, people: str, model: str, says: str) -> None:
    """Strangers, keys that are none, one key under two names, bounds that bound nothing."""
    domain.replace("model.yaml", "models:\n", people)
    domain.replace("model.yaml", "horizon: 6h", f"horizon: 6h\n    {model}")
    with pytest.raises(DomainError, match=r"model\.yaml") as refused:
        load_domain(domain.repo)
    assert says in str(refused.value)
