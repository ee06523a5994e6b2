"""A model gives the same scores wherever it is asked: in a partition, in a file, by MLflow's server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import TableError
from lakemill.lake import Lake
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.windows import read_clean
from lakemill.registry.ledger import Entry, record_entry
from lakemill.registry.models import Fitted, Registry
from lakemill.scoring import TABLE, score_partition
from lakemill.scoring.files import score_file
from lakemill.training.estimators import make_pipeline

FIRST, SECOND, THIRD = (f"2020-01-0{day}" for day in range(1, 4))
COUNT = 10_000
SECONDS_TO_START = 120


class House:
    """A lake of two partitions, of which a model knows the first, and scores the second."""

    def __init__(self, folder: Path, database: Path, workflow: Workflow, *, problem: str = "binary") -> None:
        self.folder, self.workflow = folder, workflow
        self.lake = Lake(str(folder / "lake"), "small")
        self.address = f"sqlite:///{folder / 'mlflow.db'}"
        (folder / "mlflow.db").write_bytes(database.read_bytes())
        self.registry = Registry(workflow, address=self.address, artifacts=str(folder / "models"))
        publish(workflow, self.lake, FIRST, spoil(dated(make_rows(workflow, FIRST, 2_000, problem=problem))))
        publish(workflow, self.lake, SECOND, spoil(dated(make_rows(workflow, SECOND, COUNT, problem=problem))))
        rows = read_clean(workflow, self.lake, [FIRST], windows=workflow.features.windows)
        label = workflow.table.label
        pipeline = make_pipeline(
            workflow.train.candidates["plain"], workflow.features, problem=label.problem, parameters={}, seed=0
        )
        X = make_frame(rows, workflow.features)
        pipeline.fit(X, make_target(rows, label))
        as_of = end_of(workflow, FIRST)
        self.version = self.registry.add(Fitted(pipeline, "abc", as_of, {}, {}, {}, example=X.head(3)))
        record_entry(self.lake, Entry(self.version, as_of, "abc", "here"), recorded_at=as_of)

    def score_partition(self) -> pa.Table:
        score_partition(self.workflow, SECOND, self.lake, self.registry)
        return self.lake.read(TABLE, [SECOND])

    def score_file(self, path: Path) -> pa.Table:
        scores = score_file(self.workflow, self.lake, self.registry, path, version=self.version)
        self.refused = scores.refused
        return pa.concat_tables(scores.pieces)


def dated(rows: pa.Table) -> pa.Table:
    moments = [datetime(2019, 1, 1, tzinfo=UTC) + timedelta(hours=7 * number) for number in range(len(rows))]
    return rows.append_column("made", pa.array(moments, pa.timestamp("us", "UTC")))


def spoil(rows: pa.Table) -> pa.Table:
    """Values that are missing, or not known from training."""
    size, colour = rows.column("size").to_pylist(), rows.column("colour").to_pylist()
    for number in range(0, len(rows), 50):
        size[number] = None
        colour[number + 2], colour[number + 3] = None, "violet"
    return rows.set_column(2, "size", [size]).set_column(4, "colour", [colour])


FEATURES = {"numeric": ["size", "noise"], "categorical": ["colour"], "dates": ["made"]}


@pytest.fixture
def build(tmp_path: Path, empty_database: Path) -> Callable[..., House]:
    def build(problem: str = "binary", **sections: Any) -> House:
        workflow = make_workflow(problem, **{"features": FEATURES, **sections})
        return House(tmp_path, empty_database, workflow, problem=problem)

    return build


@contextmanager
def serve(house: House) -> Iterator[str]:
    """MLflow's own server of the version, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1"]
    command += ["--model-uri", f"models:/small/{house.version}", "--host", "127.0.0.1", "--port", str(port)]
    paths = [str(Path(__file__).parents[3] / "plugins"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": house.address, "PYTHONPATH": os.pathsep.join(paths)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    log = house.folder / "serve.log"
    with log.open("w") as told:
        server = subprocess.Popen(command, env=environment, stdout=told, stderr=told, start_new_session=True)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(f"http://127.0.0.1:{port}/ping"):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(url: str, rows: pa.Table, names: list[str]) -> list[dict[str, Any]]:
    listed = [row.values() for row in rows.select(names).to_pylist()]
    shown = [
        [f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value for value in row] for row in listed
    ]
    body = json.dumps({"dataframe_split": {"columns": names, "data": shown}}).encode()
    try:
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=120) as answer:
            return json.loads(answer.read())["predictions"]
    except HTTPError as error:
        raise AssertionError(error.read().decode()[:2000]) from error


@pytest.mark.thorough
def test_mlflows_server_gives_the_scores_of_the_batch(build: Callable[..., House]) -> None:
    house = build()
    scored = house.score_partition()
    assert scored.column("score").is_valid().to_pylist() == [True] * COUNT

    with serve(house) as url:
        served = ask(url, house.lake.read("clean", [SECOND]), ["size", "noise", "colour", "made"])

    assert [one["predicted"] for one in served] == scored.column("predicted").to_pylist()
    np.testing.assert_allclose([one["score"] for one in served], scored.column("score"), rtol=1e-12)
    np.testing.assert_allclose(
        [one["probabilities"] for one in served], scored.column("probabilities").to_pylist(), rtol=1e-12
    )


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_a_file_gives_the_scores_of_the_batch(build: Callable[..., House], problem: str, suffix: str) -> None:
    house = build(problem)
    rows, path = house.lake.read("clean", [SECOND]), house.folder / f"rows.{suffix}"
    if suffix == "parquet":
        pq.write_table(rows, path)
    elif suffix == "csv":
        pyarrow.csv.write_csv(rows.drop_columns(["partition"]), path)
    else:
        listed = [{**row, "at": str(row["at"]), "made": str(row["made"])} for row in rows.to_pylist()]
        path.write_text(json.dumps([{k: v for k, v in one.items() if k != "partition"} for one in listed]))
    scored = house.score_partition()

    found = house.score_file(path)

    assert found.column("reason").null_count == COUNT
    assert found.column("id").cast(pa.int64()).to_pylist() == scored.column("id").to_pylist()
    np.testing.assert_allclose(found.column("score"), scored.column("score"), rtol=1e-12)
    assert set(found.column("model_version").to_pylist()) == {house.version}
    shares = [name for name in found.column_names if name.startswith("probability_")]
    assert shares == (["probability_false", "probability_true"] if problem == "binary" else [])
    if problem == "binary":
        np.testing.assert_allclose(found.column("probability_true"), scored.column("score"), rtol=1e-12)


def test_windows_of_a_files_rows_look_back_on_the_lake_and_on_one_another(build: Callable[..., House]) -> None:
    window = {
        "columns": ["noise"],
        "by": ["colour"],
        "lags": [1],
        "tolerance": "1 day",
        "rolling": {"3 hours": ["mean"]},
    }
    house = build("regression", features={"numeric": ["noise"], "windows": [window]})
    rows = house.lake.read("clean", [SECOND])
    pq.write_table(rows.slice(300, 500), house.folder / "rows.parquet")
    scored = house.score_partition().slice(300, 500)

    found = house.score_file(house.folder / "rows.parquet")

    np.testing.assert_allclose(found.column("score"), scored.column("score"), rtol=1e-12)


def test_a_row_that_cannot_be_read_has_the_reason_and_the_others_their_score(build: Callable[..., House]) -> None:
    house = build()
    path = house.folder / "rows.csv"
    path.write_text("size,noise,colour,made\n1.5,0,red,2019-01-01\nmuch,0,red,2019-01-01\n2,0,blue,soon\n,,,\n")

    found = house.score_file(path)

    assert found.column("reason").to_pylist() == [
        None,
        "size cannot be read: much",
        "made cannot be read: soon",
        None,
    ]
    assert [one is None for one in found.column("score").to_pylist()] == [False, True, True, False]
    assert found.column("size").to_pylist() == ["1.5", "much", "2", None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size,noise,color,made\n1,2,red,2019-01-01\n", r"no column 'colour'\n  -> did you mean 'color'"),
        ("size\n1\n", r"no column 'noise', 'colour', 'made'\n  -> .*the model takes size, noise, colour, made"),
        ("", "no rows"),
    ],
)
def test_a_file_that_lacks_columns_is_an_error_with_a_remedy(build: Callable[..., House], text: str, said: str) -> None:
    house = build()
    (house.folder / "rows.csv").write_text(text)
    with pytest.raises(TableError, match=said):
        house.score_file(house.folder / "rows.csv")


def test_a_line_that_is_no_row_is_told(build: Callable[..., House]) -> None:
    house = build()
    path = house.folder / "rows.csv"
    path.write_text("size,noise,colour,made\n1,0,red,2019-01-01\n1,0,red,2019-01-01,7,8\n2,0,red,2019-01-01\n")

    assert len(house.score_file(path)) == 2
    assert len(house.refused) == 1
