"""The commands under ``lakemill datasets``: what they say of snapshots, and the files that they write."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner
from workflows_for_tests import end_of, make_rows, publish

from lakemill.cli.main import app
from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError
from lakemill.lake import Lake
from lakemill.lake.label_corrections import Correction, record_corrections
from lakemill.training.snapshots import read_snapshot, take_snapshot

FIRST, SECOND = "2020-01-01", "2020-01-02"


def told(*words: str) -> str:
    result = CliRunner().invoke(app, ["datasets", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def workflow(project: Path) -> Workflow:
    return find_workflow("small", load_settings())


@pytest.fixture
def lake(project: Path, workflow: Workflow) -> Lake:
    lake = Lake(str(project / "state" / "lake"), "small")
    for key in (FIRST, SECOND):
        publish(workflow, lake, key, make_rows(workflow, key, 100))
    return lake


@pytest.fixture
def identity(workflow: Workflow, lake: Lake) -> str:
    return str(take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"])


def use_other_memory(project: Path, memory: str) -> None:
    path = project / "include" / "workflows" / "small.yaml"
    path.write_text(f"{path.read_text()}  memory: {memory}\n")


def test_snapshots_are_listed_by_their_moment_with_rows_where_they_are_known(
    workflow: Workflow, lake: Lake, identity: str
) -> None:
    earlier = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))["id"]
    told("show", "small", identity)

    lines = [line.split() for line in told("list", "small").splitlines()]

    at = {line[0]: line for line in lines if line and line[0] in (earlier, identity)}
    assert list(at) == [earlier, identity]
    assert at[identity][1:7] == ["2020-01-03T00:00:00+00:00", "2020-01-01,", "2020-01-02", "140", "30", "30"]
    assert at[earlier][2:4] == ["2020-01-01", "0"]


def test_one_snapshot_is_shown_by_the_beginning_of_its_id(workflow: Workflow, lake: Lake, identity: str) -> None:
    shown = [line.split(maxsplit=1) for line in told("show", "small", identity[:6]).splitlines()]

    assert ["snapshot", identity] in shown
    assert ["partitions", "2: 2020-01-01, 2020-01-02"] in shown
    assert shown[-3:] == [["train", "140 rows"], ["validation", "30 rows"], ["test", "30 rows"]]


def test_a_file_holds_the_rows_in_order_each_with_its_part(
    workflow: Workflow, lake: Lake, identity: str, tmp_path: Path
) -> None:
    told("materialize", "small", identity, "--to", str(tmp_path / "rows.parquet"))

    written = pq.read_table(tmp_path / "rows.parquet")
    assert written.drop_columns(["_split", "_sampled"]).equals(read_snapshot(workflow, lake, identity))
    assert written.column("_split").to_pylist() == ["train"] * 140 + ["validation"] * 30 + ["test"] * 30
    assert written.column("_sampled").to_pylist() == [True] * 200
    assert sorted(path.name for path in tmp_path.glob("rows*")) == ["rows.parquet"]


def test_the_bytes_are_the_same_whatever_the_order_and_the_files_in_the_lake(
    workflow: Workflow, lake: Lake, identity: str, tmp_path: Path
) -> None:
    other = Lake(str(tmp_path / "other"), "small")
    for key in (SECOND, FIRST):
        rows = make_rows(workflow, key, 100)
        publish(workflow, other, key, rows)
    shuffled = Lake(str(tmp_path / "shuffled"), "small")
    for key in (FIRST, SECOND):
        rows = make_rows(workflow, key, 100)
        publish(workflow, shuffled, key, rows)
        shuffled.replace_partition("clean", key, rows.take(pa.array(np.random.default_rng(0).permutation(100))))
    from lakemill.training.materializing import write_parquet
    from lakemill.training.training_rows import choose_rows

    written = []
    for number, one in enumerate((lake, other, shuffled)):
        path = tmp_path / f"{number}.parquet"
        taken = take_snapshot(workflow, one, as_of=end_of(workflow, SECOND))["id"]
        write_parquet(choose_rows(workflow, one, taken), path)
        written.append(path.read_bytes())

    assert written[0] == written[1] == written[2]


def test_sampled_rows_and_corrected_labels_are_told(project: Path, lake: Lake, tmp_path: Path) -> None:
    use_other_memory(project, "1 kB")
    workflow = find_workflow("small", load_settings())
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 3000))
    said = make_rows(workflow, FIRST, 100).slice(7, 1).to_pylist()[0]
    mended = {True: "false", False: "true"}[said["label"]]
    record_corrections(
        lake,
        [
            Correction(
                FIRST,
                f'["{said["id"]}"]',
                str(said["label"]).lower(),
                "label",
                mended,
                "me",
                "",
                end_of(workflow, FIRST),
            )
        ],
    )
    identity = take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"]

    told("materialize", "small", identity, "--to", str(tmp_path / "rows.parquet"))

    written = pq.read_table(tmp_path / "rows.parquet")
    assert sum(written.column("_sampled").to_pylist()) == 1000
    assert str(written.column("label").to_pylist()[7]).lower() == mended
    shown = told("show", "small", identity)
    assert "corrections   1 labels" in shown
    assert "800 of 2,635 training and validation rows, as train.memory allows" in " ".join(shown.split())


def test_a_snapshot_of_another_workflow_file_is_not_written(project: Path, lake: Lake, identity: str) -> None:
    use_other_memory(project, "1 GiB")

    assert "not the one there is now" in told("show", "small", identity)
    with pytest.raises(ConfigError, match="of another workflow file"):
        told("materialize", "small", identity)


def test_an_unknown_id_and_a_workflow_without_snapshots_are_told(lake: Lake, workflow: Workflow) -> None:
    with pytest.raises(LakeError, match="no snapshots yet"):
        told("list", "small")
    known = take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"]
    with pytest.raises(LakeError, match=f"no snapshot 'xyz'\n  -> known: {known}"):
        told("show", "small", "xyz")
