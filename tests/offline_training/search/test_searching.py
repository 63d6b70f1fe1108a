"""A search ends the same wherever it was killed and however many processes it had."""

from __future__ import annotations

import math
import multiprocessing
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from features.errors import CorruptError, UnavailableError
from offline_training.search.journal import Journal
from offline_training.search.problem import Candidate, Problem
from offline_training.search.report import report_search
from offline_training.search.searching import Budget, run_search, spent_s
from tests.offline_training.search.problems import small_problem
from tests.waiting import wait_until

optuna.logging.set_verbosity(optuna.logging.WARNING)

DEADLINE_S = 60.0


def real_problem(in_flight: int = 1, seed: int = 3) -> Problem:
    """One whose trials are real fits."""
    given = Candidate("lightgbm", {"num_iterations": 20, "num_leaves": 4})
    return small_problem(algorithms=("lightgbm",), given=given, in_flight=in_flight, seed=seed)


def search_in(path: Path, problem: Problem, trials: int, processes: int = 1, seconds: float = math.inf) -> Journal:
    """Run it to its end."""
    run_search(problem, Budget(trials, seconds, processes), Journal(path))
    return Journal(path)


def told(journal: Journal) -> list[tuple[object, ...]]:
    """Trials by number, without their times."""
    by_number = sorted(journal.trials.items())
    return [(number, t.user_attrs, t.state, t.values, t.intermediate_values) for number, t in by_number]


class Whole(NamedTuple):
    """A search that nothing has cut off, and its journal."""

    told: list[tuple[object, ...]]
    written: bytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Twelve trials, two at once, by one process, in one go."""
    path = tmp_path_factory.mktemp("whole") / "journal"
    return Whole(told(search_in(path, real_problem(in_flight=2), 12)), path.read_bytes())


@pytest.mark.parametrize("kept", [0.0, 0.004, 0.2, 0.5, 0.83, 0.999])
def test_a_search_that_was_cut_off_anywhere_goes_on(tmp_path: Path, whole: Whole, kept: float) -> None:
    """In the middle of a line, too: its trials are those of one that was not, and none that was kept is run again."""
    path = tmp_path / "journal"
    path.write_bytes(whole.written[: int(kept * len(whole.written))])
    before = times(Journal(path))
    assert told(search_in(path, real_problem(in_flight=2), 12)) == whole.told
    assert before.items() <= times(Journal(path)).items()


def times(journal: Journal) -> dict[int, datetime | None]:
    """When each trial began: another run of it would begin later."""
    return {number: trial.datetime_start for number, trial in journal.trials.items()}


@pytest.mark.faults
@pytest.mark.slow
def test_processes_end_with_their_search(tmp_path: Path) -> None:
    """They are left without a parent that would give them work, or take what they found."""
    search = multiprocessing.get_context("spawn").Process(target=search_for_ever, args=(tmp_path / "journal",))
    search.start()
    try:
        wait_until((tmp_path / "journal").exists, DEADLINE_S, "a journal")
        wait_until(lambda: n_trials(tmp_path / "journal") >= 2, DEADLINE_S, "trials of both processes")
        children = psutil.Process(search.pid).children()
        assert len(children) >= 2
    finally:
        search.kill()
        search.join(DEADLINE_S)
    wait_until(lambda: not any(alive(child) for child in children), DEADLINE_S, "the end of the children")


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_search_which_goes_on_when_started_again(tmp_path: Path) -> None:
    """The system takes the largest process first where memory ends; it is told as what it is."""
    path, problem, me = tmp_path / "journal", real_problem(in_flight=2), psutil.Process()
    others = set(me.children())

    def kill(n: int) -> None:
        for child in set(me.children()) - others if n else ():
            child.kill()

    with pytest.raises(UnavailableError, match="search: a process of it was killed"):
        run_search(problem, Budget(10**6, math.inf, 2), Journal(path), advance=kill)
    before = times(Journal(path))
    assert before
    assert before.items() <= times(search_in(path, problem, len(before) + 2)).items()


def search_for_ever(path: Path) -> None:
    """What the killed process does."""
    search_in(path, real_problem(in_flight=2), 10**6, processes=2)


def n_trials(path: Path) -> int:
    """Trials in a journal that another process writes."""
    return path.read_bytes().count(b'"op_code":4')


def alive(process: psutil.Process) -> bool:
    """Whether it still runs, were it only to be waited for."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_processes_change_nothing(tmp_path: Path, whole: Whole) -> None:
    """Two at once find what one does, since neither knows more than it may."""
    assert told(search_in(tmp_path / "journal", real_problem(in_flight=2), 12, processes=2)) == whole.told


def test_what_may_run_at_once_is_part_of_the_outcome(tmp_path: Path) -> None:
    """The first trials know too little to differ; what follows from others does."""
    one, two = (search_in(tmp_path / str(n), real_problem(in_flight=n), 14).trials for n in (1, 2))
    tried = [[trials[number].params for number in range(14)] for trials in (one, two)]
    assert tried[0][:10] == tried[1][:10]
    assert tried[0][10:] != tried[1][10:]


def test_a_search_that_is_over_stays_so(tmp_path: Path) -> None:
    """Started again it runs nothing, so it chooses the same."""
    path, shown = tmp_path / "journal", list[int]()
    first = search_in(path, real_problem(), 3)
    assert first.is_over
    run_search(real_problem(), Budget(9, math.inf, 1), Journal(path), advance=shown.append)
    assert told(Journal(path)) == told(first)
    assert shown == [3]


def test_time_ends_a_search(tmp_path: Path) -> None:
    """What was spent before a kill counts; with none left no trial is run."""
    path = tmp_path / "journal"
    began_s = time.monotonic()
    journal = search_in(path, real_problem(), 10**6, seconds=1.0)
    assert 0 < len(journal.trials) < 10**6
    assert journal.is_over
    assert time.monotonic() - began_s < DEADLINE_S
    assert len(search_in(tmp_path / "none", real_problem(), 5, seconds=0.0).trials) == 0


def test_a_torn_end_of_the_journal_is_cut(tmp_path: Path) -> None:
    """What was not written to its end is no trial; what is corrupt before is told."""
    path = tmp_path / "journal"
    search_in(path, real_problem(), 3)
    lines = path.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"op_code":4' in line)
    path.write_bytes(b"".join(lines[:last]) + lines[last][:-7])
    assert len(Journal(path).trials) == 2
    assert told(search_in(path, real_problem(), 3)) == told(search_in(tmp_path / "other", real_problem(), 3))
    path.write_bytes(b"{\n" + b"".join(lines))
    with pytest.raises(CorruptError, match="remove it to search anew"):
        Journal(path)


def test_the_best_is_chosen_and_told(tmp_path: Path) -> None:
    """The least loss, and beside it what model.yaml stated; nothing where no trial has ended."""
    problem = real_problem()
    trials = list(search_in(tmp_path / "journal", problem, 8).trials.values())
    report = report_search(problem, trials)
    assert report is not None
    scores = [trial.validation_score for trial in report.trials if trial.validation_score is not None]
    summary = report.summary
    assert (summary.best_model, summary.best_score) == ("lightgbm", min(scores))
    assert summary.best_params in [trial.params for trial in report.trials]
    assert summary.given_score == report.trials[0].validation_score
    assert (summary.n_trials, summary.n_pruned) == (8, 8 - len(scores))
    assert "lightgbm chosen of 8 trials" in summary.line()
    assert report_search(problem, []) is None
    assert report_search(problem, [t for t in trials if t.state == TrialState.PRUNED]) is None


def test_time_is_that_in_which_something_ran(tmp_path: Path) -> None:
    """Trials side by side count once, and what lay between two runs not at all."""
    journal = search_in(tmp_path / "journal", real_problem(), 2)
    first, second = journal.trials[0], journal.trials[1]
    alone = spent_s([first])
    assert alone == pytest.approx(spent_s([first, first]))
    assert spent_s([second, first]) == pytest.approx(alone + spent_s([second]))
    assert spent_s([]) == 0.0
