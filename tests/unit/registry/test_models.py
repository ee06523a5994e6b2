"""Model versions: kept once, loaded as they were, refused where they could run code."""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from workflows_for_tests import make_rows, make_workflow

from lakemill.config import Workflow
from lakemill.evaluation.predictions import predict
from lakemill.exceptions import RegistryError
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.registry.models import Fitted, Registry
from lakemill.registry.provenance import find_commit
from lakemill.training.estimators import make_pipeline

Open = Callable[[Workflow], Registry]


def on(day: int) -> datetime:
    return datetime(2020, 1, day, tzinfo=UTC)


def fit(problem: str = "binary", **candidate: Any) -> tuple[Workflow, Pipeline, pd.DataFrame]:
    workflow = make_workflow(problem)
    if candidate:
        train = {**workflow.train.model_dump(), "candidates": {"plain": candidate}}
        workflow = make_workflow(problem, train=train)
    rows = make_rows(workflow, "2020-01-01", 80, problem=problem)
    pipeline = make_pipeline(
        workflow.train.candidates["plain"],
        workflow.features,
        problem=workflow.table.label.problem,
        parameters={},
        seed=0,
    )
    X = make_frame(rows, workflow.features)
    return workflow, pipeline.fit(X, make_target(rows, workflow.table.label)), X


def of_snapshot(pipeline: Pipeline, snapshot: str = "abc", *, day: int = 2) -> Fitted:
    return Fitted(pipeline, snapshot, on(day), {"C": 1.0}, {"rows_train": 80.0, "odd": float("nan")}, {"kept": [1]})


@pytest.mark.parametrize(
    ("problem", "candidate"),
    [
        ("binary", {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "parameters": {"max_iter": 5}}),
        ("multiclass", {"estimator": "sklearn.linear_model.LogisticRegression", "encode": "target"}),
        ("regression", {"estimator": "sklearn.ensemble.RandomForestRegressor", "parameters": {"n_estimators": 5}}),
    ],
)
def test_a_loaded_model_predicts_as_the_one_that_was_kept(
    open_registry: Open, problem: str, candidate: dict[str, Any]
) -> None:
    workflow, pipeline, X = fit(problem, **candidate)
    registry = open_registry(workflow)

    loaded = registry.load(registry.add(of_snapshot(pipeline)))

    before, after = predict(pipeline, X), predict(loaded, X)
    assert after.predicted.tolist() == before.predicted.tolist()
    assert after.classes == before.classes
    np.testing.assert_array_equal(after.score, before.score)


def test_a_snapshot_has_one_version_however_often_it_is_added(open_registry: Open) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)

    versions = [registry.add(of_snapshot(pipeline, name)) for name in ("abc", "abc", "other", "abc")]

    assert versions == ["1", "1", "2", "1"]
    assert registry.count_versions() == 2
    assert [registry.find(name) for name in ("abc", "other", "unknown")] == ["1", "2", None]


def test_a_version_knows_what_it_was_fitted_on(open_registry: Open) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)

    version = registry.add(of_snapshot(pipeline))

    tags = registry.tags(version)
    assert (tags["snapshot"], tags["as_of"], tags["training"]) == ("abc", on(2).isoformat(), workflow.training_hash())
    assert registry.details(version) == {"kept": [1]}


def test_a_run_that_never_became_a_version_is_replaced(open_registry: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)

    def break_off() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(registry, "_register_name", break_off)
        with pytest.raises(KeyboardInterrupt):
            registry.add(of_snapshot(pipeline))
    assert registry.find("abc") is None

    assert registry.add(of_snapshot(pipeline)) == "1"
    runs = registry._client.search_runs([registry._experiment()])
    assert len(runs) == 1


def shout(values: Any) -> Any:
    return values


def test_a_model_with_an_untrusted_type_is_not_kept(open_registry: Open) -> None:
    _, _, X = fit()
    pipeline = Pipeline([("estimate", TransformedTargetRegressor(LinearRegression(), func=shout, inverse_func=shout))])
    pipeline.fit(X[["size"]], X["size"])

    with pytest.raises(RegistryError, match=r"types that are not trusted: .*shout\n  -> trusted are those of sklearn"):
        open_registry(make_workflow()).add(of_snapshot(pipeline))


def find_model_file(folder: Path) -> Path:
    (found,) = folder.rglob("model.skops")
    return found


def test_a_model_file_that_was_exchanged_for_one_with_an_untrusted_type_is_not_loaded(
    open_registry: Open, tmp_path: Path
) -> None:
    workflow, pipeline, X = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    evil = TransformedTargetRegressor(LinearRegression(), func=shout, inverse_func=shout).fit(X[["size"]], X["size"])
    data = skops.io.dumps(evil)
    find_model_file(tmp_path / "models").write_bytes(data)
    registry._client.set_model_version_tag("small", version, "model_sha256", hashlib.sha256(data).hexdigest())

    with pytest.raises(RegistryError, match=r"not trusted: .*shout"):
        registry.load(version)


def test_a_version_is_tagged_with_the_hash_of_its_file(open_registry: Open, tmp_path: Path) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)

    held = registry.tags(registry.add(of_snapshot(pipeline)))["model_sha256"]

    assert held == hashlib.sha256(find_model_file(tmp_path / "models").read_bytes()).hexdigest()


def exchange_the_file(registry: Registry, version: str, path: Path) -> None:
    path.write_bytes(skops.io.dumps(Pipeline([("estimate", LinearRegression())])))


def take_the_hash_away(registry: Registry, version: str, path: Path) -> None:
    registry._client.delete_model_version_tag("small", version, "model_sha256")


def break_the_file(registry: Registry, version: str, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("harm", [exchange_the_file, break_the_file, take_the_hash_away])
def test_another_file_of_trusted_types_is_refused_unread(
    open_registry: Open, tmp_path: Path, harm: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    harm(registry, version, find_model_file(tmp_path / "models"))
    read: list[Any] = []
    for name in ("get_untrusted_types", "loads"):
        monkeypatch.setattr(skops.io, name, lambda *args, **rest: read.append(args))

    with pytest.raises(RegistryError, match=r"^model small version 1: its file is not the one that was kept\n  -> "):
        registry.load(version)
    assert read == []


def put_a_pickle(path: Path) -> bytes:
    path.write_bytes(pickle.dumps(Bomb()))
    return path.read_bytes()


def put_types_of_the_standard_library(path: Path) -> bytes:
    evil = TransformedTargetRegressor(LinearRegression(), func=os.system, inverse_func=os.system)
    path.write_bytes(skops.io.dumps(Pipeline([("estimate", evil)])))
    return path.read_bytes()


class Bomb:
    """What runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (put_a_pickle, r"its file is no skops file .*\n  -> find out who put it there"),
        (put_types_of_the_standard_library, r"types that are not trusted: .*system\n  -> find out who changed it"),
    ],
)
@pytest.mark.parametrize("knows_the_database", [False, True])
def test_a_pickle_or_a_harmful_file_in_a_models_place_is_refused(
    open_registry: Open, tmp_path: Path, harm: Callable[[Path], bytes], said: str, knows_the_database: bool
) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    data = harm(find_model_file(tmp_path / "models"))
    if knows_the_database:
        registry._client.set_model_version_tag("small", version, "model_sha256", hashlib.sha256(data).hexdigest())

    with pytest.raises(RegistryError, match=said if knows_the_database else "its file is not the one that was kept"):
        registry.load(version)


def exchange_the_features(path: Path) -> None:
    about = path.parent / "about.json"
    about.write_text(about.read_text().replace("size", "noise"))


def exchange_the_model(path: Path) -> None:
    path.write_bytes(skops.io.dumps(Pipeline([("estimate", LinearRegression())])))


@pytest.mark.parametrize("harm", [put_a_pickle, exchange_the_model, exchange_the_features])
def test_mlflows_server_takes_the_files_that_were_kept_and_refuses_others_unread(
    open_registry: Open, tmp_path: Path, harm: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow, pipeline, X = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    path = find_model_file(tmp_path / "models")
    served = mlflow.pyfunc.load_model(f"models:/small/{version}").predict(X.head(3))
    assert served["score"].tolist() == pytest.approx(pipeline.predict_proba(X.head(3))[:, 1])

    harm(path)
    monkeypatch.setattr(skops.io, "get_untrusted_types", lambda **given: pytest.fail("was read"))

    with pytest.raises(
        RegistryError, match=r"was kept with these files\n  -> let MLFLOW_TRACKING_URI name the registry"
    ):
        mlflow.pyfunc.load_model(f"models:/small/{version}")


def test_only_types_that_were_in_the_file_when_it_was_kept_are_trusted(open_registry: Open, tmp_path: Path) -> None:
    workflow, pipeline, X = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    other = HistGradientBoostingRegressor(max_iter=2).fit(X[["size"]], X["size"])  # of a package that is trusted
    data = skops.io.dumps(Pipeline([("estimate", other)]))
    find_model_file(tmp_path / "models").write_bytes(data)
    registry._client.set_model_version_tag("small", version, "model_sha256", hashlib.sha256(data).hexdigest())

    assert not any("TreePredictor" in one for one in json.loads(registry.tags(version)["trusted_types"]))
    with pytest.raises(RegistryError, match=r"not trusted: .*TreePredictor"):
        registry.load(version)


@pytest.mark.parametrize(
    ("fitted_by", "said"),
    [
        ("0.24.1", r"fitted by scikit-learn 0\.24\.1, installed is .*\n  -> install scikit-learn==0\.24\.1, or train"),
        (None, r"fitted by a scikit-learn that was not noted"),
    ],
)
def test_a_model_of_another_scikit_learn_is_refused_with_the_remedy(
    open_registry: Open, fitted_by: str | None, said: str
) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    if fitted_by is None:
        registry._client.delete_model_version_tag("small", version, "sklearn_version")
    else:
        registry._client.set_model_version_tag("small", version, "sklearn_version", fitted_by)

    with pytest.raises(RegistryError, match=said):
        registry.load(version)


def test_a_version_says_which_code_and_library_made_it_and_what_it_takes(open_registry: Open) -> None:
    workflow, pipeline, X = fit()
    registry = open_registry(workflow)

    version = registry.add(replace(of_snapshot(pipeline), example=X.head(2)))

    tags = registry.tags(version)
    assert tags["sklearn_version"] == version_of("scikit-learn")
    assert len(tags["package"]) == 16
    assert tags["commit"].split(",")[0] == find_commit(Path(__file__).parent).split(",")[0]
    info = mlflow.models.get_model_info(f"models:/small/{version}")
    assert [(one.name, one.required) for one in info.signature.inputs] == [
        ("size", False),
        ("noise", False),
        ("colour", False),
    ]
    assert info.signature.outputs.input_names()[0] == "score"
    assert info.saved_input_example_info is not None


def test_outside_of_a_checkout_there_is_no_commit() -> None:
    assert find_commit(Path("/")) is None


def test_loading_leaves_the_store_as_it_was_and_no_copy(
    open_registry: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    version = registry.add(of_snapshot(pipeline))
    before = contents_of(tmp_path / "models")

    registry.load(version)

    assert contents_of(tmp_path / "models") == before
    assert list(copies.iterdir()) == []


def contents_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_dictionaries_of_the_standard_library_are_trusted(open_registry: Open) -> None:
    workflow, pipeline, _ = fit()
    pipeline["estimate"].kept_ = {"best": OrderedDict(auc=0.5), "by_set": defaultdict(OrderedDict)}
    registry = open_registry(workflow)

    loaded = registry.load(registry.add(of_snapshot(pipeline)))

    assert loaded["estimate"].kept_ == pipeline["estimate"].kept_


def test_the_requirements_name_what_the_estimators_come_from(
    open_registry: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow, pipeline, _ = fit()
    monkeypatch.setattr("lakemill.training.estimators.DISTRIBUTIONS", {"sklearn": "joblib"})

    open_registry(workflow).add(of_snapshot(pipeline))

    (listed,) = (tmp_path / "models").rglob("requirements.txt")
    assert f"joblib=={version_of('joblib')}" in listed.read_text().splitlines()


def delete_the_file(folder: Path) -> None:
    find_model_file(folder).unlink()


def delete_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("harm", [delete_the_file, delete_the_folder])
def test_a_model_whose_files_are_gone_is_an_error_with_a_remedy(
    open_registry: Open, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))
    harm(tmp_path / "models")

    with pytest.raises(RegistryError, match=r"^model small version 1: cannot be loaded: .*\n  -> "):
        registry.load(version)


def test_an_unknown_version_is_an_error(open_registry: Open) -> None:
    with pytest.raises(RegistryError, match="model small version 3: cannot be loaded"):
        open_registry(make_workflow()).load("3")


def test_an_alias_stands_where_it_is_put(open_registry: Open) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    first, second = (registry.add(of_snapshot(pipeline, f"day {day}", day=day)) for day in (2, 9))
    assert registry.champion() is None

    moved = [registry.point("champion", version) for version in (first, second, second, None, None, first)]

    assert moved == [True, True, False, True, False, True]
    assert registry.champion() == first
    with pytest.raises(RegistryError, match=r"version 7 of the ledger is not in MLflow"):
        registry.point("champion", "7")


def test_the_gates_verdict_is_kept_with_the_version(open_registry: Open) -> None:
    workflow, pipeline, _ = fit()
    registry = open_registry(workflow)
    version = registry.add(of_snapshot(pipeline))

    registry.record_gate(version, verdict="fail", metrics={"test": 0.5, "odd": float("nan")}, evidence={"score": 0.5})

    assert registry.tags(version)["gate"] == "fail"


def test_workflows_do_not_see_each_others_models(open_registry: Open) -> None:
    workflow, pipeline, _ = fit()
    other = replace_name(workflow, "other")
    open_registry(workflow).add(of_snapshot(pipeline))

    assert open_registry(other).find("abc") is None
    assert open_registry(other).add(of_snapshot(pipeline)) == "1"
    assert open_registry(workflow).count_versions() == 1


def replace_name(workflow: Workflow, name: str) -> Workflow:
    return workflow.model_copy(update={"workflow": name})
