"""A fit that was killed goes on from its last epoch, and is then what it would have been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from features.progress import Progress, no_progress
from offline_training.learners import Keep, Learned, Sample, Validation
from offline_training.learners.deep.learner import Cnn
from tests.offline_training.learners.tasks import SMALL, rows_of

EPOCHS = 6
PARAMS = {**SMALL["cnn"], "epochs": EPOCHS, "dropout": 0.3, "plateau_epochs": 1, "early_stopping_epochs": 3}


class KilledError(Exception):
    """Stands for a signal that nothing can catch."""


def keep_in(folder: Path, progress: Progress = no_progress) -> Keep:
    return Keep(folder / "checkpoints", folder / "tensorboard", progress)


def killed_after(epochs: int) -> Progress:
    """A bar whose last step is the process' last."""

    @contextmanager
    def progress(what: str, total: int | None) -> Iterator[object]:
        left = [epochs]

        def advance(count: int) -> None:
            left[0] -= count
            if left[0] == 0:
                raise KilledError

        yield advance

    return progress  # type: ignore[return-value]  # a callable is an object


def fit(folder: Path | None, progress: Progress = no_progress) -> Learned:
    (rows, labels), (later, later_labels) = rows_of("cnn", 300), rows_of("cnn", 200, seed=5)
    learner = Cnn() if folder is None else Cnn().kept(keep_in(folder, progress))
    sample = Sample(rows, labels["binary"], "binary", 2)
    return learner.fit(sample, PARAMS, seed=4, validation=Validation(later, later_labels["binary"]))


@pytest.mark.parametrize("epochs", [1, 3, EPOCHS])
def test_a_killed_fit_ends_as_one_that_nobody_killed(epochs: int, tmp_path: Path) -> None:
    """The same bytes of ONNX and the same parameters: optimiser, rates and patience are in the checkpoint, too."""
    whole = fit(None)
    with pytest.raises(KilledError):
        fit(tmp_path, killed_after(epochs))
    went_on = fit(tmp_path)
    assert went_on.export().onnx == whole.export().onnx
    assert went_on.params == whole.params


def test_a_fit_that_is_over_is_not_run_again(tmp_path: Path) -> None:
    """Its checkpoint is its end; another fit in the same folder has one of its own."""
    advanced: list[int] = []

    @contextmanager
    def progress(what: str, total: int | None) -> Iterator[object]:
        yield advanced.append

    first = fit(tmp_path)
    again = fit(tmp_path, progress)  # type: ignore[arg-type]
    assert len(advanced) == 1
    assert again.export().onnx == first.export().onnx
    rows, labels = rows_of("cnn", 300)
    Cnn().kept(keep_in(tmp_path)).fit(Sample(rows, labels["binary"], "binary", 2), {**PARAMS, "epochs": 1}, seed=4)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


def test_a_checkpoint_that_is_damaged_is_worth_nothing(tmp_path: Path) -> None:
    """The fit begins anew."""
    first = fit(tmp_path)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:900])
    assert fit(tmp_path).export().onnx == first.export().onnx


def test_tensorboard_is_told_of_each_epoch(tmp_path: Path) -> None:
    """Loss, loss on the validation rows and learning rate, once each though the fit was killed in between."""
    with pytest.raises(KilledError):
        fit(tmp_path, killed_after(2))
    fit(tmp_path)
    found = scalars_of(tmp_path / "tensorboard")
    n_epochs = len(found["loss"])
    assert {name: sorted(steps) for name, steps in found.items()} == {
        name: list(range(1, n_epochs + 1)) for name in ("loss", "validation_loss", "learning_rate")
    }
    assert found["learning_rate"][1] == pytest.approx(PARAMS["learning_rate"])


def scalars_of(folder: Path) -> dict[str, dict[int, float]]:
    """What event files hold, by name and step."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        raw = path.read_bytes()
        while raw:
            size = int.from_bytes(raw[:8], "little")
            assert int.from_bytes(raw[8:12], "little") == masked_crc32c(raw[:8])
            event = Event.FromString(raw[12 : 12 + size])
            raw = raw[12 + size + 4 :]
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found
