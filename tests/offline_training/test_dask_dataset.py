"""A training set made by a real cluster of two processes is the local one, bit for bit and row for row."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import pyarrow.parquet as pq
import pytest

from features.dask_cluster import compute_all, open_cluster
from features.dask_fold import site_of
from features.errors import DomainError, LakeCorruptError, RequestError, UnavailableError
from features.lake import open_lake
from features.nouns import Engine, Knowledge, engine_of
from features.settings import DaskSettings, Settings
from features.transforms import load_transforms
from offline_training import dask_dataset
from offline_training.dask_dataset import Sizes, write_dataset
from offline_training.dataset import Dataset, build_dataset
from offline_training.spread.reading import read_dataset
from offline_training.spread.table import open_table
from offline_training.training_set import open_engine, open_training_set, training_set, write_training_set
from tests.offline_training.small_domain import GROUPED, LABELS, SmallDomain, drop_oldest, small_domain, windowed_domain

if TYPE_CHECKING:
    from distributed import Client

    from offline_training.dask_dataset import Written

SMALL = Sizes(piece_rows=100, part_rows=80, range_rows=50)


def write(client: Client, small: SmallDomain, out: Path, knowledge: Knowledge = "as_true") -> Written:
    functions = load_transforms(small.domain.repo, sha256=small.plan.transforms_sha256)
    site = site_of(small.settings, "machines")
    events = small.settings.var / "events"
    return write_dataset(
        client, site, small.plan, small.domain, "standstill", functions, out, events, knowledge=knowledge, sizes=SMALL
    )


def read(small: SmallDomain, folder: Path, written: Written, knowledge: Knowledge = "as_true") -> Dataset:
    spec = small.domain.models["standstill"]
    return read_dataset(open_table(folder, 2), written, spec, knowledge, most_rows=written.n_rows)


@pytest.mark.parametrize("knowledge", ["as_true", "as_known"])
def test_both_engines_make_the_same_rows(tmp_path: Path, dask_cluster: Client, knowledge: Knowledge) -> None:
    """In several files, read by workers and written by them; some rows are refused by the policy."""
    labels = GROUPED.replace("1.0 * (day % 3)", "nullif(1.0 * (day % 3), 0)")
    missing = {"features": {"rhythm:idle_share": "fail"}}
    small = small_domain(
        tmp_path, arrive_within_s=5 * 86_400, labels=labels, missing=missing, fairness={"columns": ["hall"]}
    )
    written = write(dask_cluster, small, tmp_path / "rows", knowledge)
    local = training_set(small.settings, small.plan, small.domain, "standstill", knowledge=knowledge)
    spread = read(small, tmp_path / "rows", written, knowledge)
    assert spread.rows.tobytes() == local.rows.tobytes()
    assert spread.fingerprint == local.fingerprint
    assert (spread.names, spread.left_out) == (local.names, local.left_out)
    assert written.left_out.refused > 0
    assert local.beside is not None
    assert spread.beside is not None
    assert spread.beside.units.tolist() == local.beside.units.tolist()
    assert spread.column("", "hall").tolist() == local.column("", "hall").tolist()
    assert "hall" not in pq.ParquetDataset(tmp_path / "rows").schema.names
    files = sorted(path.name for path in (tmp_path / "rows").iterdir())
    assert files == [f"part-{number:05}.parquet" for number in range(len(files))]
    assert len(files) > 1
    assert pq.read_schema(tmp_path / "rows" / files[0]).metadata[b"millstream.knowledge"] == knowledge.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repo", "rows", "var"]


def opened(settings: Settings, small: SmallDomain, engine: Engine) -> Dataset:
    """As a training has it."""
    with (
        open_engine(settings, engine) as cluster,
        open_training_set(
            settings, small.plan, small.domain, "standstill", knowledge="as_true", cluster=cluster
        ) as training_set,
    ):
        assert training_set.table is None  # all of it is here
        return training_set.data


def test_both_ways_to_a_training_set_know_the_cluster_at_an_address(tmp_path: Path, dask_cluster: Client) -> None:
    """A fit gets the rows in memory, a caller a folder; nothing else stays in the state folder."""
    small = small_domain(tmp_path)
    dask = DaskSettings(address=dask_cluster.scheduler.address)
    settings = small.settings.model_copy(update={"dask": dask})
    state_dir = settings.state_dir("machines")
    before = sorted(state_dir.iterdir())
    sets = [opened(settings, small, engine) for engine in map(engine_of, ("local", "dask"))]
    assert sets[0].fingerprint == sets[1].fingerprint
    out = tmp_path / "rows"
    written = write_training_set(
        settings, small.plan, small.domain, "standstill", out, knowledge="as_true", engine="dask"
    )
    assert written.n_rows == len(sets[0].rows) == pq.ParquetDataset(out).read().num_rows
    assert sorted(state_dir.iterdir()) == before


def test_neither_engine_trains_on_rows_that_look_back_on_dropped_records(tmp_path: Path, dask_cluster: Client) -> None:
    """Both leave out the same, and say how many; also in a folder whose name has brackets."""
    small, out = windowed_domain(tmp_path), tmp_path / "of[1]" / "rows"
    drop_oldest(small)
    written = write(dask_cluster, small, out)
    functions = load_transforms(small.domain.repo)
    lake = open_lake(small.settings.lake_url("machines"))
    local = build_dataset(lake, small.plan, small.domain, "standstill", functions)
    assert (written.n_rows, written.left_out) == (len(local.rows), local.left_out)
    assert read(small, out, written).fingerprint == local.fingerprint
    assert local.left_out.cut_off > 0


def test_records_that_are_dropped_while_workers_read_end_the_run(
    tmp_path: Path, dask_cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the observations were looked at, so that workers miss what these look back on."""
    small = windowed_domain(tmp_path)

    def late(client: Client, tasks: Sequence[Any]) -> list[Any]:
        results = compute_all(client, tasks)
        if (tmp_path / "exported").exists():
            drop_oldest(small)
        (tmp_path / "exported").touch()
        return results

    monkeypatch.setattr(dask_dataset, "compute_all", late)
    with pytest.raises(UnavailableError, match="dropped records while they were read"):
        write(dask_cluster, small, tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


def test_a_policy_that_refuses_all_leaves_no_folder(tmp_path: Path, dask_cluster: Client) -> None:
    """As the local engine refuses it, before anything appears."""
    labels = LABELS.replace("1.0 * (day % 3)", "nullif(1.0, 1.0)")
    small = small_domain(tmp_path, labels=labels, missing={"features": {"rhythm:idle_share": "fail"}})
    with pytest.raises(DomainError, match="refuses every observation"):
        write(dask_cluster, small, tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


def test_a_worker_that_dies_is_replaced_and_its_work_done_again(tmp_path: Path) -> None:
    """Killed in the midst of the last step, with folded columns and observations in its memory."""
    small, killed = small_domain(tmp_path), tmp_path / "killed"
    (idle_share,) = load_transforms(small.domain.repo).values()

    def deadly(*parameters: float | None) -> float | None:
        with suppress(FileExistsError):
            killed.touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
        value: float | None = idle_share(*parameters)
        return value

    site = site_of(small.settings, "machines")
    local = training_set(small.settings, small.plan, small.domain, "standstill", knowledge="as_true")
    with open_cluster(DaskSettings(workers=2)) as client:
        written = write_dataset(
            client,
            site,
            small.plan,
            small.domain,
            "standstill",
            {"idle_share": deadly},
            tmp_path / "rows",
            tmp_path / "events",
            sizes=SMALL,
        )
    assert killed.exists()
    assert read(small, tmp_path / "rows", written).fingerprint == local.fingerprint


def test_a_task_that_kills_all_workers_ends_the_run() -> None:
    """With an error of a neighbour, which may be another time, in the place of Dask's own."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        open_cluster(DaskSettings(workers=1)) as client,
        pytest.raises(UnavailableError, match="dask: the cluster lost the work"),
    ):
        compute_all(client, [dask.delayed(os._exit, pure=False)(9)])


def test_what_is_there_is_not_written_over(tmp_path: Path, dask_cluster: Client) -> None:
    """The folder is refused before any work."""
    small = small_domain(tmp_path)
    with pytest.raises(RequestError, match="is there already"):
        write(dask_cluster, small, tmp_path)


def test_a_history_that_arrived_late_is_refused_and_nothing_stays(tmp_path: Path, dask_cluster: Client) -> None:
    """As the local engine refuses it."""
    small = small_domain(tmp_path)
    with pytest.raises(DomainError, match="train on it as true"):
        write(dask_cluster, small, tmp_path / "out" / "rows", "as_known")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_error_of_a_worker_reaches_the_caller_as_it_is(tmp_path: Path, dask_cluster: Client) -> None:
    """A damaged lake file is a corrupt artefact, named, whoever reads it."""
    small = small_domain(tmp_path)
    file = next(Path(small.settings.lake_url("machines")).rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(LakeCorruptError, match="is cut short or damaged"):
        write(dask_cluster, small, tmp_path / "rows")
