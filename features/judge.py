"""What recorded scores are held against: the plan, the domain's functions, and the policy of each record's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from features.bundle import Bundle, read_bundle
from features.errors import BundleCorruptError, DomainError
from features.head import Head
from features.model_file import ModelSpec
from features.nouns import ScoreRecord
from features.plan import Plan
from features.plan_shelf import functions_of, shelved_plan
from features.vector import MissingPolicy

RawScores: TypeAlias = Callable[[ScoreRecord], Sequence[float] | None]
"""Runs a record's model again on the recorded vector; None where that model is not at hand."""

BundleOf: TypeAlias = Callable[[str], Bundle | None]
"""The bundle of a digest, where it is at hand."""


def no_raw_scores(record: ScoreRecord) -> Sequence[float] | None:  # noqa: ARG001 - stands for a function of the record
    """For those who have no models at hand."""
    return None


def no_head(record: ScoreRecord) -> Head | None:  # noqa: ARG001 - stands for a function of the record
    """For those who have no bundles at hand."""
    return None


class Judge(NamedTuple):
    """What a record is held against: the domain's functions, its models' policies and heads, and the models themselves.

    ``other`` gives the judge of another plan by its hash, where that is known: a record is held against the plan that
    it was made by.
    """

    plan: Plan
    functions: Mapping[str, Callable[..., Any]]
    policy: Callable[[ScoreRecord], MissingPolicy]
    raw_scores: RawScores = no_raw_scores
    head: Callable[[ScoreRecord], Head | None] = no_head
    other: Callable[[str], Judge | None] = lambda _: None

    def of(self, record: ScoreRecord) -> Judge:
        """The judge of one record; this one where its plan is not known."""
        return self if record.plan_hash == self.plan.hash else self.other(record.plan_hash) or self


def judge_of(
    plan: Plan,
    models: Mapping[str, ModelSpec],
    state_dir: Path,
    rescoring: Callable[[BundleOf], RawScores] = lambda _: no_raw_scores,
) -> Judge:
    """The judge of a domain's records.

    Parameters
    ----------
    plan
        The domain's plan.
    models
        What ``model.yaml`` says of each model: for records whose bundle is not at hand.
    state_dir
        Holds the bundles that served, and every plan with its request-time functions.
    rescoring
        Given where a bundle is by its digest, makes ``Judge.raw_scores``: running models is not for this room.

    Returns
    -------
    Judge
        It looks for bundles once, when it meets the first record.

    """

    @cache
    def bundles() -> dict[str, Bundle]:
        found = {}
        for manifest in (state_dir / "models").glob("*/**/manifest.json"):
            try:
                bundle = read_bundle(manifest.parent)
            except BundleCorruptError:
                continue
            found[bundle.digest] = bundle
        return found

    def policy(record: ScoreRecord) -> MissingPolicy:
        bundle = bundles().get(record.digest)
        if bundle is not None:
            return bundle.manifest.missing
        return models[record.model].missing if record.model in models else MissingPolicy()

    raw_scores = rescoring(lambda digest: bundles().get(digest))

    def head(record: ScoreRecord) -> Head | None:
        bundle = bundles().get(record.digest)
        return None if bundle is None else bundle.manifest.head

    @cache
    def other(plan_hash: str) -> Judge | None:
        try:
            made_by = shelved_plan(state_dir, plan_hash)
        except DomainError:
            return None
        return Judge(made_by, functions_of(made_by, state_dir), policy, raw_scores, head)

    return Judge(plan, functions_of(plan, state_dir), policy, raw_scores, head, other)
