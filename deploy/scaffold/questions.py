"""What is asked on a terminal before a project begins; what was said by flag or environment is not asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from deploy.scaffold.answers import CHECKS, DEPLOYMENT_TYPES, EXAMPLE, MODEL_TYPES, OF_A_TABLE, Answers, check
from features.errors import DomainError

Ask: TypeAlias = Callable[[str, str], str]
"""Puts a question, with what holds where nothing is answered."""

QUESTIONS: Mapping[str, str] = {
    "requirements": "What is it for, in a sentence",
    "model_type": f"Kind of model ({', '.join(MODEL_TYPES)})",
    "dataset_source": f"Table to begin with: a Parquet or CSV file, or its URL, or {EXAMPLE}",
    "deployment_type": f"Deployment ({', '.join(DEPLOYMENT_TYPES)})",
    "entity": "Column that says whom or what an event is about (empty: found by itself)",
    "timestamp": "Column that says when it happened (empty: found by itself)",
    "target": "Column to predict (empty: whether, or how often, they are heard of again)",
    "horizon": "How far ahead, such as 30d (empty: by the length of the history)",
}


def complete(given: Mapping[str, str | None], ask: Ask | None, complain: Callable[[str], None]) -> Answers:
    """The answers given; of the others what ``ask`` brings, or the default where nobody is there to be asked."""
    answers = Answers(**{name: value for name, value in given.items() if value is not None})
    if ask is not None:
        for name, question in QUESTIONS.items():
            if given.get(name) is None and (name not in OF_A_TABLE or not answers.is_example):
                answers = answers._replace(**{name: _answer(name, question, getattr(answers, name), ask, complain)})
    return check(answers)


def _answer(name: str, question: str, default: str, ask: Ask, complain: Callable[[str], None]) -> str:
    """An answer that can be begun with: who is asked may try again."""
    while True:
        answer = ask(question, default).strip()
        try:
            if name in CHECKS:
                CHECKS[name](answer)
        except DomainError as error:
            complain(str(error))
        else:
            return answer
