"""Finished trials on disk, in Optuna's journal: what a search that was killed goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial

from features.errors import CorruptError
from offline_training.search.trial import NUMBER

_STUDY = "search"
_IS_OVER = "is_over"


class Journal:
    """The trials of one search by number. Written by one process, which holds the run folder."""

    def __init__(self, path: Path) -> None:
        _cut_torn_end(path)
        try:
            storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_AlreadyLocked(str(path))))
            self._study = optuna.create_study(storage=storage, study_name=_STUDY, load_if_exists=True)
            self._trials = {int(trial.user_attrs[NUMBER]): trial for trial in self._study.trials}
        except (ValueError, KeyError) as error:
            raise CorruptError(str(path), f"does not read ({error}); remove it to search anew") from error

    @property
    def trials(self) -> Mapping[int, FrozenTrial]:
        """The finished ones."""
        return self._trials

    @property
    def is_over(self) -> bool:
        """Whether the search has ended, by its trials or its time."""
        return bool(self._study.user_attrs.get(_IS_OVER, False))

    def add(self, trial: FrozenTrial) -> None:
        """Keep a finished trial; it is on disk when this returns."""
        self._study.add_trial(trial)
        self._trials[int(trial.user_attrs[NUMBER])] = trial

    def close(self) -> None:
        """Say that no trial will follow."""
        self._study.set_user_attr(_IS_OVER, True)


class _AlreadyLocked(JournalFileOpenLock):
    """No lock of the journal's own: a killed process would leave it behind, and the next wait half a minute."""

    def acquire(self) -> bool:
        """The run folder is held."""
        return True

    def release(self) -> None:
        """It stays held."""


def _cut_torn_end(path: Path) -> None:
    """Leave out a last line that was not written to its end."""
    if path.exists():
        written = path.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            with path.open("r+b") as file:
                file.truncate(whole)
