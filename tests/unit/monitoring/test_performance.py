"""Realised performance: each scored row is judged once, when its label becomes known."""

import math
from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score
from workflows_for_tests import make_rows, make_workflow, publish, with_nulls

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.label_corrections import Correction, record_corrections
from lakemill.lake.row_names import name_rows
from lakemill.monitoring import performance
from lakemill.monitoring.performance import Performance, find_matured, read_predictions, score_predictions

KEYS = [f"2020-01-{day:02}" for day in range(1, 9)]
LABELS = {"binary": ["false", "true"], "multiclass": ["high", "low", "middle"]}


def realise(workflow: Workflow, key: str, lake: Lake) -> Performance:
    """How the scores turned out whose labels became known during a partition."""
    return score_predictions(workflow, read_predictions(workflow, lake, find_matured(workflow, key, lake)))


def score(
    workflow: Workflow, lake: Lake, key: str, rows: pa.Table, *, problem: str = "binary", version: str | None = "1"
) -> np.ndarray:
    """Put predictions into the lake that nobody made; give their probabilities, or values."""
    draw = np.random.default_rng(list(key.encode()))
    count, nothing = rows.num_rows, [None] * rows.num_rows
    columns: dict[str, Any] = {"score": pa.array(nothing, pa.float64()), "predicted": pa.array(nothing, pa.string())}
    columns |= {
        name: pa.array(nothing, pa.list_(kind))
        for name, kind in (("classes", pa.string()), ("probabilities", pa.float64()))
    }
    if problem == "regression":
        made = draw.normal(0, 1, count)
        columns["score"] = pa.array(made)
    else:
        made = draw.dirichlet(np.ones(len(LABELS[problem])), count)
        columns["score"] = pa.array(made[:, 1])
        columns["predicted"] = pa.array([LABELS[problem][at] for at in made.argmax(axis=1)])
        columns["classes"] = pa.array([LABELS[problem]] * count)
        columns["probabilities"] = pa.array(list(made))
    if version is None:
        columns = {name: pa.nulls(count, values.type) for name, values in columns.items()}
    columns["model_version"] = pa.array([version] * count, pa.string())
    columns["reason"] = pa.array(nothing, pa.string())
    lake.replace_partition("predictions", key, pa.table({"id": rows.column("id"), "at": rows.column("at"), **columns}))
    return made


@pytest.mark.parametrize("known_after", ["0 days", "1 minute", "12 hours", "1 day", "60 hours", "3 days"])
def test_each_labelled_row_is_judged_exactly_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, known_after: str
) -> None:
    workflow = make_workflow(known_after=known_after)
    delay = workflow.table.label.known_after
    judged: Counter[int] = Counter()
    when: dict[int, str] = {}
    real = performance.mature_rows

    def note(*given: Any, **options: Any) -> pa.Table:
        rows = real(*given, **options)
        judged.update(rows.column("id").to_pylist())
        when.update(dict.fromkeys(rows.column("id").to_pylist(), key))
        return rows

    monkeypatch.setattr(performance, "mature_rows", note)
    moments = {}
    total = 0
    for key in KEYS:  # as history unfolds: what comes later is not in the lake yet
        rows = make_rows(workflow, key, 24)
        moments |= dict(zip(rows.column("id").to_pylist(), rows.column("at").to_pylist(), strict=True))
        publish(workflow, lake, key, rows)
        score(workflow, lake, key, rows)
        total += realise(workflow, key, lake).rows

    end = workflow.partition.interval(KEYS[-1]).end
    mature = {row for row, at in moments.items() if at + delay < end}
    assert judged == Counter(mature)
    assert total == len(mature) > 0
    assert all(
        workflow.partition.interval(when[row]).start
        <= moments[row] + delay
        < workflow.partition.interval(when[row]).end
        for row in mature
    )


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_the_score_is_that_of_the_rows_that_became_known(lake: Lake, problem: str) -> None:
    workflow = make_workflow(problem, known_after="1 day")
    first, second = (make_rows(workflow, key, problem=problem) for key in KEYS[:2])
    for key, rows in zip(KEYS, (first, second), strict=False):
        publish(workflow, lake, key, rows)
        score(workflow, lake, key, rows, problem=problem)
    made = score(workflow, lake, KEYS[0], first, problem=problem, version="3")

    found = realise(workflow, KEYS[1], lake)

    y = first.column("label").to_pylist()
    wanted = {
        "binary": lambda: roc_auc_score(y, made[:, 1]),
        "multiclass": lambda: log_loss(y, made, labels=LABELS["multiclass"]),
        "regression": lambda: mean_absolute_error(y, made),
    }[problem]()
    assert (found.rows, found.versions) == (100, ("3",))
    assert found.score == pytest.approx(wanted)


def test_models_that_knew_other_classes_are_judged_together(lake: Lake) -> None:
    workflow = make_workflow("multiclass", known_after="12 hours")
    first, second = (make_rows(workflow, key, problem="multiclass") for key in KEYS[:2])
    for key, rows in zip(KEYS, (first, second), strict=False):
        publish(workflow, lake, key, rows)
    made = score(workflow, lake, KEYS[1], second, problem="multiclass", version="10")
    early = score(workflow, lake, KEYS[0], first, problem="multiclass", version="9")
    poor = lake.read("predictions", [KEYS[0]])
    poor = poor.set_column(poor.column_names.index("classes"), "classes", pa.array([["low", "middle"]] * 100))
    poor = poor.set_column(poor.column_names.index("probabilities"), "probabilities", pa.array([[0.25, 0.75]] * 100))
    lake.replace_partition("predictions", KEYS[0], poor)

    found = realise(workflow, KEYS[1], lake)

    assert early.shape == made.shape
    assert (found.rows, found.versions) == (100, ("9", "10"))
    y = first.column("label").to_pylist()[50:] + second.column("label").to_pylist()[:50]
    probabilities = np.vstack([np.tile([0.0, 0.25, 0.75], (50, 1)), made[:50]])
    assert found.score == pytest.approx(log_loss(y, probabilities, labels=LABELS["multiclass"]))


def test_rows_without_a_label_or_a_score_are_not_judged(lake: Lake) -> None:
    workflow = make_workflow()
    rows = with_nulls(make_rows(workflow, KEYS[0]), "label", [3, 4])
    publish(workflow, lake, KEYS[0], rows)
    score(workflow, lake, KEYS[0], rows.slice(10))

    assert realise(workflow, KEYS[0], lake).rows == 90


@pytest.mark.parametrize("known_after", ["0 days", "60 hours"])
def test_without_scores_there_is_nothing_to_judge(lake: Lake, known_after: str) -> None:
    workflow = make_workflow(known_after=known_after)
    for key in KEYS[:4]:
        rows = make_rows(workflow, key)
        publish(workflow, lake, key, rows)
        score(workflow, lake, key, rows, version=None)

    found = realise(workflow, KEYS[3], lake)

    assert (found.rows, found.versions) == (0, ())
    assert math.isnan(found.score)


def test_an_empty_lake_has_nothing_to_judge(lake: Lake) -> None:
    assert realise(make_workflow(), KEYS[0], lake).rows == 0


def test_a_key_that_comes_again_in_another_partition_is_another_row(lake: Lake) -> None:
    workflow = make_workflow(known_after="12 hours")
    for key in KEYS[:2]:
        rows = make_rows(workflow, key, 10)
        rows = rows.set_column(0, "id", pa.array(range(10), pa.int64()))
        publish(workflow, lake, key, rows)
        score(workflow, lake, key, rows)

    assert realise(workflow, KEYS[1], lake).rows == 10


def test_judging_again_gives_the_same_after_later_partitions_came(lake: Lake) -> None:
    workflow = make_workflow(known_after="60 hours")
    found = {}
    for key in KEYS:
        rows = make_rows(workflow, key, 24)
        publish(workflow, lake, key, rows)
        score(workflow, lake, key, rows)
        found[key] = realise(workflow, key, lake)

    again = {key: realise(workflow, key, lake) for key in KEYS}

    assert [repr(one) for one in again.values()] == [repr(one) for one in found.values()]


@pytest.mark.parametrize(("hours", "is_seen"), [(-1, True), (0, False), (1, False)])
def test_rows_are_judged_by_labels_as_people_had_put_them_right_by_then(lake: Lake, hours: int, is_seen: bool) -> None:
    workflow = make_workflow("regression")
    rows = make_rows(workflow, KEYS[0], problem="regression")
    publish(workflow, lake, KEYS[0], rows)
    made = score(workflow, lake, KEYS[0], rows, problem="regression")
    y = rows.column("label").to_pylist()
    known_at = workflow.partition.interval(KEYS[0]).end + timedelta(hours=hours)
    key, given = name_rows(rows, ("id",))[7], rows.column("label").cast(pa.string())[7].as_py()
    record_corrections(lake, [Correction(KEYS[0], key, given, "label", "100.0", "ann", "", known_at)])

    found = realise(workflow, KEYS[0], lake)

    assert found.score == pytest.approx(mean_absolute_error([*y[:7], 100.0 if is_seen else y[7], *y[8:]], made))
