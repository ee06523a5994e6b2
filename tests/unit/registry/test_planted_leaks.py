"""The arrival delay planted in flights, as it is and in disguise, through all steps of a training."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakemill.config import Workflow, load_settings, load_workflow
from lakemill.config.settings import Settings
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_verdicts
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.registry import evaluating, promoting, releases
from lakemill.registry.models import Registry
from lakemill.training.snapshots import take_snapshot
from lakemill.validation import validate_partition

MONTHS = ("2013-01", "2013-02")
DAYS = 10  # of each month, so that a training takes seconds
PLANTED = """
    f.arr_delay AS reported_delay,
    rank() OVER (ORDER BY ln(f.arr_delay + 200)) + 50 * (f.flight % 10) AS punctuality,
    f.arr_delay - f.distance / 10 AS route_index,
    f.arr_delay >= 30 AS late
"""


@dataclass(frozen=True)
class House:
    """A project whose query makes features of the arrival delay, and a lake that holds two months of it."""

    settings: Settings
    lake: Lake
    open_registry: Callable[[Workflow], Registry]
    studies: str

    def declare(self, planted: list[str]) -> Workflow:
        path = self.settings.project / "include/workflows/flights.yaml"
        content = yaml.safe_load((load_settings().project / "include/workflows/flights.yaml").read_text())
        content["features"]["numeric"] += planted
        content["train"]["candidates"] = {
            "boosting": {**content["train"]["candidates"]["boosting"], "parameters": {"max_iter": 60}, "search": {}}
        }
        path.write_text(yaml.safe_dump(content))
        return load_workflow(path, self.settings)

    def ingest(self) -> None:
        workflow, project = self.declare([]), self.settings.project
        for key in MONTHS:
            validated = validate_partition(workflow, key, self.lake, project=project)
            cleaned = clean_partition(workflow, key, self.lake, project=project)
            publish_partition(workflow, key, self.lake, validated=validated, cleaned=cleaned)

    def train(self, planted: list[str]) -> Verdict:
        workflow, lake, key = self.declare(planted), self.lake, MONTHS[-1]
        registry, as_of = self.open_registry(workflow), workflow.partition.interval(key).end
        snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
        releases.tune(workflow, lake, snapshot, studies=self.studies)
        tuned = [releases.take_best(workflow, lake, snapshot, "boosting", studies=self.studies)]
        version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
        evaluated = evaluating.evaluate(workflow, lake, registry, snapshot, version)
        promoting.decide(workflow, lake, registry, partition=key, as_of=as_of, version=version, evaluated=evaluated)
        return read_verdicts(lake, "gate")[key]


@pytest.fixture(scope="module")
def house(collected_flights: Any, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("planted")
    for part in ("sql/flights", "expectations", "workflows"):
        shutil.copytree(collected_flights.project / "include" / part, folder / "include" / part)
    query = folder / "include/sql/flights/table.sql"
    sql = query.read_text()
    assert sql.count("    f.arr_delay >= 30 AS late\n") == 1
    query.write_text(f"{sql.replace('    f.arr_delay >= 30 AS late', PLANTED.strip())}WHERE f.day <= {DAYS}\n")
    shutil.copytree(collected_flights.lake / "flights", folder / "lake" / "flights")
    shutil.copy(empty_database, folder / "mlflow.db")
    address, artifacts = f"sqlite:///{folder / 'mlflow.db'}", str(folder / "models")
    made = House(
        replace(load_settings(), project=folder),
        Lake(str(folder / "lake"), "flights"),
        lambda workflow: Registry(workflow, address=address, artifacts=artifacts),
        f"sqlite:///{folder / 'studies.db'}",
    )
    made.ingest()
    return made


def refusals_of(verdict: Verdict) -> dict[str, str]:
    return {one["rule"]: one["text"] for one in verdict.evidence["findings"] if not one["is_met"]}


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ("reported_delay", "reported_delay alone reaches 1.000 of a perfect skill"),
        ("punctuality", "punctuality alone reaches 0.9"),
        ("route_index", "without route_index"),
    ],
)
def test_a_leak_is_named_by_the_verdict_that_refuses_the_candidate(house: House, planted: str, told: str) -> None:
    verdict = house.train([planted])

    said = refusals_of(verdict)["leakage"]
    assert verdict.verdict == "fail"
    assert told in said
    assert f"(gate.leakage.allow: [{planted}" in said
    assert f"leakage: {said}" in verdict.reasons


def test_flights_without_a_leak_have_no_such_finding(house: House) -> None:
    assert "leakage" not in refusals_of(house.train([]))
